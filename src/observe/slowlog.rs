//! SLOWLOG: the last commands that took longer than a threshold.

use crate::resp::Args;
use std::collections::VecDeque;

/// Arguments kept of one command, and bytes kept of one argument, as in Redis.
const ENTRY_ARGS_MAX: usize = 32;
const ARG_BYTES_MAX: usize = 128;

/// One slow command.
pub struct SlowEntry {
    pub id: u64,
    /// Unix time, seconds.
    pub time_s: i64,
    pub duration_us: u64,
    pub args: Vec<Box<[u8]>>,
    pub addr: Box<str>,
    pub name: Box<[u8]>,
}

/// The log, newest first.
#[derive(Default)]
pub struct SlowLog {
    entries: VecDeque<SlowEntry>,
    next_id: u64,
}

impl SlowLog {
    /// Adds a command and forgets the oldest beyond `max`.
    pub fn push(
        &mut self,
        time_s: i64,
        duration_us: u64,
        args: &Args<'_>,
        redact: bool,
        addr: &str,
        name: &[u8],
        max: usize,
    ) {
        let args = if redact { redacted(args) } else { shortened(args) };
        let entry = SlowEntry {
            id: self.next_id,
            time_s,
            duration_us,
            args,
            addr: addr.into(),
            name: name.into(),
        };
        self.next_id += 1;
        self.entries.push_front(entry);
        self.entries.truncate(max);
    }

    pub fn entries(&self) -> impl ExactSizeIterator<Item = &SlowEntry> {
        self.entries.iter()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

/// The arguments as the log keeps them: a bounded number, each of bounded length.
fn shortened(args: &Args<'_>) -> Vec<Box<[u8]>> {
    let kept = args.len().min(ENTRY_ARGS_MAX);
    let mut out: Vec<Box<[u8]>> = args.from(0).take(kept).map(shortened_arg).collect();
    if kept < args.len() {
        let more = format!("... ({} more arguments)", args.len() - kept + 1);
        out[kept - 1] = more.into_bytes().into();
    }
    out
}

fn shortened_arg(arg: &[u8]) -> Box<[u8]> {
    if arg.len() <= ARG_BYTES_MAX {
        return arg.into();
    }
    let note = format!("... ({} more bytes)", arg.len() - ARG_BYTES_MAX);
    [&arg[..ARG_BYTES_MAX], note.as_bytes()].concat().into()
}

/// A command whose arguments are secrets: the name, then placeholders.
fn redacted(args: &Args<'_>) -> Vec<Box<[u8]>> {
    let name = args.from(0).take(1).map(Box::from);
    name.chain(args.from(1).take(ENTRY_ARGS_MAX - 1).map(|_| b"(redacted)".as_slice().into()))
        .collect()
}
