//! What happens to keys without a command saying so: they expire, they are evicted, they come into
//! being as part of some write, they are looked for in vain. Kept here until the caller has told those who follow
//! such events.
//!
//! Invariant: only what somebody asked for is kept; with nobody interested it costs one load where
//! such a thing happens, and nothing elsewhere.

use std::cell::{Cell, RefCell};

use crate::base::alloc;

/// What can happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Happening {
    /// The key was removed because its deadline had passed.
    Expired = 1,
    /// The key was not there before.
    New = 2,
    /// A reader did not find the key.
    Missed = 4,
    /// Fields of a hash were removed because their deadlines had passed.
    FieldsExpired = 8,
    /// The key was removed because nothing was left of its value.
    Emptied = 16,
    /// The key was removed because memory was short.
    Evicted = 32,
}

/// A set of happenings that somebody follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Interest(u8);

impl Interest {
    /// With or without one of them.
    pub fn with(self, happening: Happening, wanted: bool) -> Interest {
        let bit = happening as u8;
        Interest(if wanted { self.0 | bit } else { self.0 & !bit })
    }

    fn has(self, happening: Happening) -> bool {
        self.0 & happening as u8 != 0
    }
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub happening: Happening,
    pub db: usize,
    pub key: Box<[u8]>,
    /// The fields that were removed, for [`Happening::FieldsExpired`], unless the key went as well.
    pub fields: Vec<Box<[u8]>>,
}

/// What happened since somebody looked, in order.
#[derive(Default)]
pub struct Journal {
    interest: Cell<Interest>,
    records: RefCell<Vec<Record>>,
    bytes: Cell<usize>,
}

impl Journal {
    /// What is kept from now on.
    pub fn set_interest(&self, interest: Interest) {
        self.interest.set(interest);
    }

    /// Keeps that something happened, if anybody follows it.
    #[inline]
    pub fn record(&self, happening: Happening, db: usize, key: &[u8]) {
        if self.interest.get().has(happening) {
            self.push(Record { happening, db, key: key.into(), fields: Vec::new() });
        }
    }

    /// As [`Journal::record`], of fields that were removed.
    pub fn record_fields(&self, db: usize, key: &[u8], fields: Vec<Box<[u8]>>) {
        let happening = Happening::FieldsExpired;
        self.push(Record { happening, db, key: key.into(), fields });
    }

    /// Whether somebody follows such happenings.
    pub fn follows(&self, happening: Happening) -> bool {
        self.interest.get().has(happening)
    }

    #[cold]
    fn push(&self, record: Record) {
        let key_and_fields = record.fields.iter().chain([&record.key]);
        let texts: usize = key_and_fields.map(|text| alloc::estimate(text.len())).sum();
        let bytes = size_of::<Record>() + texts;
        self.bytes.set(self.bytes.get() + bytes);
        self.records.borrow_mut().push(record);
    }

    /// Whether nothing was kept since the last [`Journal::take`].
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.get() == 0
    }

    /// Bytes that the records take, about.
    pub fn memory(&self) -> usize {
        self.bytes.get()
    }

    /// Takes all records out.
    pub fn take(&self) -> Vec<Record> {
        self.bytes.set(0);
        self.records.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{CopyOutcome, Expiry, Keyspace};

    const START: i64 = 1_700_000_000_000;

    fn keyspace(interests: &[Happening]) -> Keyspace {
        let mut keyspace = Keyspace::new(3, 31);
        keyspace.set_now(START);
        let all = interests.iter().fold(Interest::default(), |all, one| all.with(*one, true));
        keyspace.set_interest(all);
        keyspace
    }

    /// The records since the last call, as `happening db key`.
    fn happened(keyspace: &mut Keyspace) -> Vec<String> {
        let show = |record: Record| {
            let key = String::from_utf8_lossy(&record.key).into_owned();
            format!("{:?} {} {key}", record.happening, record.db)
        };
        keyspace.take_records().into_iter().map(show).collect()
    }

    #[test]
    fn nothing_is_kept_that_nobody_follows() {
        let mut keyspace = keyspace(&[Happening::Missed]);
        keyspace.set_interest(Interest::default().with(Happening::Missed, false));
        keyspace.db(0).set(b"k", b"v", Expiry::At(START - 1));
        assert!(keyspace.db(0).read(b"k").is_none() && happened(&mut keyspace).is_empty());
    }

    #[test]
    fn a_key_expires_once_whoever_notices() {
        let mut keyspace = keyspace(&[Happening::Expired]);
        keyspace.db(1).set(b"seen", b"v", Expiry::At(START + 1));
        keyspace.db(2).set(b"due", b"v", Expiry::At(START + 1));
        keyspace.db(2).set(b"overwritten", b"v", Expiry::At(START + 1));
        keyspace.set_now(START + 2);
        assert!(keyspace.db(1).peek(b"seen").is_none());
        keyspace.db(2).set(b"overwritten", b"v", Expiry::Clear);
        assert_eq!(happened(&mut keyspace), ["Expired 1 seen", "Expired 2 overwritten"]);
        assert!(!keyspace.expire_due(100));
        assert_eq!(happened(&mut keyspace), ["Expired 2 due"]);
    }

    #[test]
    fn a_key_is_new_when_a_write_brings_it_into_being() {
        let mut keyspace = keyspace(&[Happening::New]);
        keyspace.db(0).set(b"a", b"v", Expiry::Clear);
        keyspace.db(0).set(b"a", b"w", Expiry::Clear);
        keyspace.db(0).set(b"b", b"1", Expiry::Clear);
        keyspace.db(0).string_mut(b"c", 5);
        keyspace.db(0).string_mut(b"c", 9);
        assert_eq!(happened(&mut keyspace), ["New 0 a", "New 0 b", "New 0 c"]);
        // As in Redis, where the old key of that name is removed first.
        assert!(keyspace.rename(0, b"a", b"b"));
        assert_eq!(keyspace.copy_key(0, b"b", 2, b"d", true), CopyOutcome::Copied);
        assert_eq!(happened(&mut keyspace), ["New 0 b", "New 2 d"]);
    }

    #[test]
    fn readers_miss_and_writers_do_not() {
        let mut keyspace = keyspace(&[Happening::Missed]);
        assert!(keyspace.db(0).read(b"a").is_none() && keyspace.db(0).look(b"b").is_none());
        assert!(keyspace.db(0).peek(b"c").is_none() && keyspace.db(0).write_lookup(b"d").is_none());
        assert!(keyspace.db(0).examine(b"e").is_none());
        assert_eq!(happened(&mut keyspace), ["Missed 0 a", "Missed 0 b"]);
        assert_eq!(keyspace.counters().misses, 3);
    }
}
