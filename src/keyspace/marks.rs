//! Which parts of the data set hold writes that a power cut could still take back.
//!
//! With `appendfsync always` nobody may see such a write: its author's reply waits for the disk, and
//! so does the reply to whoever read what it changed. The log's records leave in numbered *groups*.
//! Keys are divided by hash into parts; a part remembers the last group that changed it, and a look-up
//! notes that number, so that whoever asked for something else need not wait.
//!
//! Invariant: after a call, [`Marks::take_seen`] is no less than the group of anything it revealed.

use std::cell::{Cell, OnceCell};

use crate::ds::segments::POSITION_BITS;

/// How many parts there are, a power of two: of 8 bytes each, and few writers share one by chance.
const PARTS_BITS: u32 = 14;

/// The marks of all databases; off until [`Marks::enable`].
#[derive(Default)]
pub struct Marks {
    on: Cell<bool>,
    /// The group that writes of now belong to.
    group: Cell<u64>,
    /// The last group that has a write.
    last: Cell<u64>,
    /// The last group seen since the last [`Marks::take_seen`].
    seen: Cell<u64>,
    parts: OnceCell<Box<[Cell<u64>]>>,
}

impl Marks {
    /// Begins or ends to mark. What was marked before stays marked.
    pub fn enable(&self, on: bool) {
        self.on.set(on);
        if on {
            // The first group is there before anybody begins one.
            self.group.set(self.group.get().max(1));
            self.parts.get_or_init(|| vec![Cell::new(0); 1 << PARTS_BITS].into());
        }
    }

    /// Writes belong to `group` from now on; groups are numbered from 1 in order.
    pub fn begin_group(&self, group: u64) {
        self.group.set(group);
    }

    /// The last group that has a write; 0 without one.
    pub fn last(&self) -> u64 {
        self.last.get()
    }

    /// What is under `hash` changes.
    #[inline]
    pub fn mark(&self, hash: u64) {
        if self.on.get() {
            self.part(hash).set(self.group.get());
            self.last.set(self.group.get());
            self.seen.set(self.group.get());
        }
    }

    /// Any key may change.
    pub fn mark_all(&self) {
        if self.on.get() {
            self.mark(0);
            self.parts.get().into_iter().flatten().for_each(|part| part.set(self.group.get()));
        }
    }

    /// What is under `hash`, or that nothing is, is looked at.
    #[inline]
    pub fn see(&self, hash: u64) {
        if self.on.get() {
            self.seen.set(self.seen.get().max(self.part(hash).get()));
        }
    }

    /// Something is looked at that any key may have changed.
    pub fn see_all(&self) {
        if self.on.get() {
            self.seen.set(self.last.get());
        }
    }

    /// The last group seen since the last call; 0 if none was.
    pub fn take_seen(&self) -> u64 {
        self.seen.replace(0)
    }

    /// Notes a group that was taken before, by whom others were let in meanwhile.
    pub fn see_group(&self, group: u64) {
        self.seen.set(self.seen.get().max(group));
    }

    fn part(&self, hash: u64) -> &Cell<u64> {
        let parts = self.parts.get().expect("enabled");
        &parts[(hash >> (POSITION_BITS - PARTS_BITS)) as usize % parts.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: u64 = 1 << (POSITION_BITS - 1);

    #[test]
    fn who_looks_at_a_write_sees_its_group_and_others_do_not() {
        let marks = Marks::default();
        marks.enable(true);
        marks.mark(3);
        assert_eq!(marks.take_seen(), 1);
        marks.begin_group(7);
        marks.mark(3);
        assert_eq!((marks.take_seen(), marks.take_seen()), (7, 0));
        marks.begin_group(8);
        marks.see(OTHER);
        assert_eq!(marks.take_seen(), 0);
        marks.see(3);
        marks.see(OTHER);
        assert_eq!(marks.take_seen(), 7);
        marks.see_all();
        assert_eq!((marks.take_seen(), marks.last()), (7, 7));
        marks.mark_all();
        marks.take_seen();
        marks.see(OTHER);
        assert_eq!(marks.take_seen(), 8);
    }

    #[test]
    fn nothing_is_marked_while_they_are_off() {
        let marks = Marks::default();
        marks.begin_group(1);
        marks.mark(3);
        marks.mark_all();
        marks.see(3);
        marks.see_all();
        assert_eq!((marks.take_seen(), marks.last()), (0, 0));
    }
}
