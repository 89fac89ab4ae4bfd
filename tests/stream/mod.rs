//! Streams: commands, waiting readers, what survives a restart and a kill.

mod entries;
mod groups;
mod kept;
mod kills;
mod waiting;

use crate::support::*;

/// An entry as XRANGE replies with it: `1-0 field value ...`.
fn entry(line: &str) -> Value {
    let (id, fields) = line.split_once(' ').expect("an id and fields");
    array([bulk(id), bulks(fields.split(' '))])
}

/// What readers get when there is nothing.
fn nothing() -> Value {
    Value::NilArray
}

/// Several of them.
fn entries(lines: &[&str]) -> Value {
    Value::Array(lines.iter().map(|line| entry(line)).collect())
}

/// What XREAD replies with of one stream.
fn read(key: &str, lines: &[&str]) -> Value {
    array([array([bulk(key), entries(lines)])])
}
