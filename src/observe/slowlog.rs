//! Logs of single commands, for SLOWLOG and COMMANDLOG: those that took long, those that were large, and
//! those whose replies were.

use std::collections::VecDeque;

/// Arguments kept of one command, and bytes kept of one argument, as in Redis.
const ENTRY_ARGS_MAX: usize = 32;
const ARG_BYTES_MAX: usize = 128;

/// One command.
pub struct LogEntry {
    pub id: u64,
    /// Unix time, seconds.
    pub time_s: i64,
    /// Why it is here: microseconds it ran, or bytes of its request or its reply.
    pub value: u64,
    pub args: Vec<Box<[u8]>>,
    pub addr: Box<str>,
    pub name: Box<[u8]>,
    /// Of a slow command.
    pub stages: Option<Stages>,
}

/// How long a command took besides running.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// From when its bytes were read to when it began, microseconds.
    pub queued_us: u64,
    /// What held it up: the longest command of the loop's turn before it, or of the turn before that,
    /// while it may have lain unread; and the microseconds which that one ran.
    pub behind: Option<(Box<str>, u64)>,
    /// How long its reply waited for the disk, microseconds.
    pub disk_us: u64,
    /// How long it then took until the kernel had all of the reply, microseconds. Not known before.
    pub sending_us: Option<u64>,
}

/// What there is to say of a command besides its arguments.
pub struct Noted<'a> {
    /// Unix time, seconds.
    pub time_s: i64,
    pub value: u64,
    pub addr: &'a str,
    pub name: &'a [u8],
    pub stages: Option<Stages>,
}

/// One log, newest first.
#[derive(Default)]
pub struct CommandLog {
    entries: VecDeque<LogEntry>,
    next_id: u64,
}

impl CommandLog {
    /// Adds a command and forgets the oldest beyond `max`; the command's id.
    pub fn push(
        &mut self,
        noted: Noted,
        args: &mut dyn ExactSizeIterator<Item = &[u8]>,
        max: usize,
    ) -> u64 {
        let Noted { time_s, value, addr, name, stages } = noted;
        let (id, args) = (self.next_id, shortened(args));
        let (addr, name) = (addr.into(), name.into());
        self.next_id += 1;
        self.entries.push_front(LogEntry { id, time_s, value, args, addr, name, stages });
        self.entries.truncate(max);
        id
    }

    pub fn entries(&self) -> impl ExactSizeIterator<Item = &LogEntry> {
        self.entries.iter()
    }

    /// The entry of that id, unless it is forgotten.
    pub fn entry_mut(&mut self, id: u64) -> Option<&mut LogEntry> {
        let newer = self.next_id.checked_sub(id + 1)?;
        self.entries.get_mut(usize::try_from(newer).ok()?)
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
fn shortened(args: &mut dyn ExactSizeIterator<Item = &[u8]>) -> Vec<Box<[u8]>> {
    let count = args.len();
    let mut out: Vec<Box<[u8]>> = args.take(ENTRY_ARGS_MAX).map(shortened_arg).collect();
    if count > ENTRY_ARGS_MAX {
        let more = format!("... ({} more arguments)", count - ENTRY_ARGS_MAX + 1);
        out[ENTRY_ARGS_MAX - 1] = more.into_bytes().into();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn push(log: &mut CommandLog, words: &[&[u8]], max: usize) -> u64 {
        let noted = Noted { time_s: 1, value: 2, addr: "addr", name: b"", stages: None };
        log.push(noted, &mut words.iter().copied(), max)
    }

    #[test]
    fn an_entry_is_found_until_it_is_forgotten() {
        let mut log = CommandLog::default();
        let first = push(&mut log, &[b"a"], 2);
        let second = push(&mut log, &[b"b"], 2);
        assert_eq!(log.entry_mut(first).map(|entry| entry.id), Some(first));
        push(&mut log, &[b"c"], 2);
        assert!(log.entry_mut(first).is_none() && log.entry_mut(second).is_some());
        log.clear();
        assert!(log.entry_mut(second).is_none() && log.entry_mut(99).is_none());
    }

    #[test]
    fn the_newest_entries_stay() {
        let mut log = CommandLog::default();
        for word in [b"a", b"b", b"c"] {
            push(&mut log, &[word], 2);
        }
        let kept: Vec<_> = log.entries().map(|entry| (entry.id, &*entry.args[0])).collect();
        assert_eq!(kept, [(2, &b"c"[..]), (1, b"b")]);
        push(&mut log, &[b"d"], 0);
        assert!(log.is_empty());
    }

    #[test]
    fn many_and_long_arguments_are_cut() {
        let mut log = CommandLog::default();
        push(&mut log, &[&[b'x'; 128][..]; 32], 9);
        push(&mut log, &[&[b'x'; 129][..]; 33], 9);
        let entries: Vec<_> = log.entries().map(|entry| &entry.args).collect();
        assert!(entries[1].iter().all(|arg| arg.len() == 128) && entries[1].len() == 32);
        assert!(entries[0][30].ends_with(b"x... (1 more bytes)"));
        assert_eq!(&*entries[0][31], b"... (2 more arguments)");
    }
}
