//! SLOWLOG: the last commands that took longer than a threshold.

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

/// What there is to say of a slow command besides its arguments.
pub struct Slow<'a> {
    /// Unix time, seconds.
    pub time_s: i64,
    pub duration_us: u64,
    pub addr: &'a str,
    pub name: &'a [u8],
}

/// The log, newest first.
#[derive(Default)]
pub struct SlowLog {
    entries: VecDeque<SlowEntry>,
    next_id: u64,
}

impl SlowLog {
    /// Adds a command and forgets the oldest beyond `max`.
    pub fn push(&mut self, slow: Slow, args: &mut dyn ExactSizeIterator<Item = &[u8]>, max: usize) {
        let entry = SlowEntry {
            id: self.next_id,
            time_s: slow.time_s,
            duration_us: slow.duration_us,
            args: shortened(args),
            addr: slow.addr.into(),
            name: slow.name.into(),
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

    fn push(log: &mut SlowLog, words: &[&[u8]], max: usize) {
        let slow = Slow { time_s: 1, duration_us: 2, addr: "addr", name: b"" };
        log.push(slow, &mut words.iter().copied(), max);
    }

    #[test]
    fn the_newest_entries_stay() {
        let mut log = SlowLog::default();
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
        let mut log = SlowLog::default();
        push(&mut log, &[&[b'x'; 128][..]; 32], 9);
        push(&mut log, &[&[b'x'; 129][..]; 33], 9);
        let entries: Vec<_> = log.entries().map(|entry| &entry.args).collect();
        assert!(entries[1].iter().all(|arg| arg.len() == 128) && entries[1].len() == 32);
        assert!(entries[0][30].ends_with(b"x... (1 more bytes)"));
        assert_eq!(&*entries[0][31], b"... (2 more arguments)");
    }
}
