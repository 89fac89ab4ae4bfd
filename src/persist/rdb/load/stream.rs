//! A stream, in any form that Redis ever wrote it.
//!
//! Invariant: as for all values: one that is returned is sound.

use super::error::Reason;
use super::source::Source;
use crate::types::Value;
use crate::types::stream::group::{ConsumerId, Group};
use crate::types::stream::node::Node;
use crate::types::stream::{Facts, Id, Stream};
use std::collections::VecDeque;

/// What a stream is written with, each form with all of those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
pub enum Form {
    First,
    /// The first and the greatest deleted id, and how many entries there were.
    WithCounters,
    /// When each consumer last got something.
    WithActiveTimes,
}

/// Reads a stream. It may have no entries.
pub fn read(source: &mut Source<'_>, form: Form) -> Result<Value, Reason> {
    let nodes = nodes(source)?;
    let (len, last) = (source.count()?, id(source)?);
    let mut facts = Facts { len, last, added: len, ..Facts::default() };
    if form >= Form::WithCounters {
        facts.first = id(source)?;
        facts.max_deleted = id(source)?;
        facts.added = source.count()?;
    }
    let stream = Stream::restored(nodes, facts);
    let mut stream =
        stream.ok_or(Reason::Corrupt("Stream length inconsistent with rax entries"))?;
    if form == Form::First {
        stream.find_first();
    }
    let (facts, mut name) = (stream.facts(), Vec::new());
    for _ in 0..source.count()? {
        source.text(&mut name)?;
        let group = group(source, form, facts)?;
        if !stream.restore_group(&name, group) {
            return Err(Reason::Corrupt("Duplicated consumer group name"));
        }
    }
    Ok(stream.into())
}

fn nodes(source: &mut Source<'_>) -> Result<VecDeque<Node>, Reason> {
    let (mut nodes, mut key) = (VecDeque::new(), Vec::new());
    for _ in 0..source.count()? {
        source.text(&mut key)?;
        let key = key.as_slice().try_into();
        let key: [u8; 16] = key
            .map_err(|_| Reason::Corrupt("Stream node key entry is not the size of a stream ID"))?;
        let mut bytes = Vec::new();
        source.text(&mut bytes)?;
        bytes.shrink_to_fit();
        let node = Node::checked(Id::from_bytes(key), bytes);
        nodes.push_back(node.ok_or(Reason::Corrupt("Stream listpack integrity check failed."))?);
    }
    Ok(nodes)
}

fn id(source: &mut Source<'_>) -> Result<Id, Reason> {
    Ok(Id { ms: source.count()?, seq: source.count()? })
}

fn time(source: &mut Source<'_>) -> Result<i64, Reason> {
    Ok(i64::from_le_bytes(source.array()?))
}

fn group(source: &mut Source<'_>, form: Form, facts: Facts) -> Result<Group, Reason> {
    let last = id(source)?;
    let read = match form {
        Form::First => facts.count_up_to(last),
        // What is not known is written as -1.
        _ => Some(source.count()?).filter(|&read| i64::try_from(read).is_ok()),
    };
    let mut group = Group::new(last, read);
    for _ in 0..source.count()? {
        let (id, delivered) = (Id::from_bytes(source.array()?), time(source)?);
        if !group.restore(id, delivered, source.count()?) {
            return Err(Reason::Corrupt(
                "Duplicated global PEL entry loading stream consumer group",
            ));
        }
    }
    for _ in 0..source.count()? {
        let consumer = consumer(source, form, &mut group)?;
        for _ in 0..source.count()? {
            if !group.restore_owner(Id::from_bytes(source.array()?), consumer) {
                return Err(Reason::Corrupt("Consumer entry not found in group global PEL"));
            }
        }
    }
    match group.is_restored() {
        true => Ok(group),
        false => Err(Reason::Corrupt("Stream CG PEL entry without consumer")),
    }
}

fn consumer(source: &mut Source<'_>, form: Form, group: &mut Group) -> Result<ConsumerId, Reason> {
    let mut name = Vec::new();
    source.text(&mut name)?;
    let seen = time(source)?;
    let active = if form >= Form::WithActiveTimes { time(source)? } else { seen };
    let consumer = group.add(&name, seen, active);
    consumer.ok_or(Reason::Corrupt("Duplicate stream consumer detected."))
}
