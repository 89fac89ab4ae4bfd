//! ACL LOG: what clients were denied, the same in a short time as one entry.

use std::collections::VecDeque;

/// Within this time of the last one, the same is one entry.
const GROUPING_MS: i64 = 60_000;
/// Entries among which the same is looked for.
const GROUPED_ENTRIES: usize = 10;
/// Bytes of a key, a channel or a user's name that an entry keeps.
const TEXT_BYTES_MAX: usize = 4096;

/// What was denied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    Command,
    Key,
    Channel,
    Auth,
}

impl Reason {
    /// The word of ACL LOG.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Command => "command",
            Reason::Key => "key",
            Reason::Channel => "channel",
            Reason::Auth => "auth",
        }
    }
}

/// What a call that was denied was part of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Context {
    Nothing,
    /// A transaction, while it is queued or run.
    Transaction,
    Script,
}

impl Context {
    /// The word of ACL LOG.
    pub fn name(self) -> &'static str {
        match self {
            Context::Nothing => "toplevel",
            Context::Transaction => "multi",
            Context::Script => "lua",
        }
    }
}

/// What a client did when it was denied something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Denial {
    pub reason: Reason,
    pub context: Context,
    /// The command, key or channel.
    pub object: Box<[u8]>,
    pub user: Box<[u8]>,
}

impl Denial {
    /// A denial with texts of bounded length.
    pub fn new(reason: Reason, context: Context, object: &[u8], user: &[u8]) -> Denial {
        let bounded = |text: &[u8]| text[..text.len().min(TEXT_BYTES_MAX)].into();
        Denial { reason, context, object: bounded(object), user: bounded(user) }
    }
}

/// Denials of the same.
pub struct AclEntry {
    pub id: u64,
    pub denial: Denial,
    /// How many there were.
    pub count: u64,
    /// The client of the last one, as CLIENT LIST has it.
    pub client: Box<str>,
    /// Unix milliseconds of the first and of the last.
    pub created_ms: i64,
    pub updated_ms: i64,
}

/// The log, newest first, and how much was ever denied.
#[derive(Default)]
pub struct AclLog {
    entries: VecDeque<AclEntry>,
    next_id: u64,
    denied: [u64; 4],
}

impl AclLog {
    /// Notes a denial to a client at unix time `now_ms`, and forgets the oldest entries beyond `max`.
    pub fn push(&mut self, denial: Denial, client: String, now_ms: i64, max: u64) {
        self.denied[denial.reason as usize] += 1;
        let recent = |entry: &AclEntry| (entry.updated_ms - now_ms).abs() <= GROUPING_MS;
        let same = |entry: &AclEntry| entry.denial == denial && recent(entry);
        let known = self.entries.iter().take(GROUPED_ENTRIES).position(same);
        let entry = known.and_then(|index| self.entries.remove(index));
        let entry = entry.unwrap_or_else(|| {
            self.next_id += 1;
            AclEntry {
                id: self.next_id - 1,
                denial,
                count: 0,
                client: "".into(),
                created_ms: now_ms,
                updated_ms: now_ms,
            }
        });
        let count = entry.count + 1;
        self.entries.push_front(AclEntry {
            client: client.into(),
            updated_ms: now_ms,
            count,
            ..entry
        });
        self.entries.truncate(usize::try_from(max).unwrap_or(usize::MAX));
    }

    pub fn entries(&self) -> impl ExactSizeIterator<Item = &AclEntry> {
        self.entries.iter()
    }

    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// How often something was denied for that reason since the start.
    pub fn denied(&self, reason: Reason) -> u64 {
        self.denied[reason as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(log: &mut AclLog, object: &str, now_ms: i64) {
        let denial = Denial::new(Reason::Key, Context::Nothing, object.as_bytes(), b"user");
        log.push(denial, "client".into(), now_ms, 12);
    }

    fn shown(log: &AclLog) -> Vec<(u64, &[u8], u64)> {
        log.entries().map(|entry| (entry.id, &*entry.denial.object, entry.count)).collect()
    }

    #[test]
    fn the_same_within_a_minute_is_one_entry() {
        let mut log = AclLog::default();
        push(&mut log, "a", 0);
        push(&mut log, "b", 1);
        push(&mut log, "a", 60_000);
        assert_eq!(shown(&log), [(0, &b"a"[..], 2), (1, b"b", 1)]);
        push(&mut log, "a", 120_001);
        assert_eq!(shown(&log), [(2, &b"a"[..], 1), (0, b"a", 2), (1, b"b", 1)]);
        assert_eq!((log.denied(Reason::Key), log.denied(Reason::Auth)), (4, 0));
        assert_eq!(
            log.entries().map(|entry| entry.created_ms).collect::<Vec<_>>(),
            [120_001, 0, 1]
        );
    }

    #[test]
    fn entries_and_their_texts_are_bounded() {
        let mut log = AclLog::default();
        for index in 0..40 {
            push(&mut log, &format!("{index}{}", "x".repeat(5000)), index);
        }
        assert_eq!(log.entries().len(), 12);
        assert!(log.entries().all(|entry| entry.denial.object.len() == TEXT_BYTES_MAX));
        // The first is too far back to be found again.
        push(&mut log, &format!("28{}", "x".repeat(5000)), 50);
        assert_eq!(log.entries().next().map(|entry| entry.id), Some(40));
    }
}
