//! The deadlines of a hash's fields, in order.
//!
//! The earliest one is known, so that somebody can be told when to look, and so is the number of
//! fields that are past theirs: those are gone for every reader, while their memory comes back in
//! slices.
//!
//! Invariant: a field stands here once; a deadline is a number, of which only the order matters.

use std::cell::Cell;
use std::collections::BTreeSet;

/// Fields that one piece of a drop takes out.
const DROP_FIELDS: usize = 256;
/// Bytes of a field in a tree whose nodes are two thirds full.
const FIELD_BYTES: usize = 24;

/// Fields by deadline; a field is a number.
#[derive(Debug, Default)]
pub struct Deadlines {
    order: BTreeSet<(i64, u32)>,
    /// How many fields have a deadline before the time it was last asked for. Counting goes on
    /// from there, so that a million of them are counted once and not by every reader.
    past: Cell<(i64, usize)>,
    /// The time at which somebody was told to look.
    told: Option<i64>,
}

impl Clone for Deadlines {
    /// A copy of which nobody was told.
    fn clone(&self) -> Deadlines {
        Deadlines { order: self.order.clone(), past: self.past.clone(), told: None }
    }
}

impl Deadlines {
    /// How many fields have one.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// The earliest one.
    pub fn earliest(&self) -> Option<i64> {
        self.order.first().map(|&(deadline, _)| deadline)
    }

    /// The latest one.
    pub fn latest(&self) -> Option<i64> {
        self.order.last().map(|&(deadline, _)| deadline)
    }

    /// A field whose deadline lies before `now`, the one with the earliest.
    pub fn first_past(&self, now: i64) -> Option<u32> {
        let &(deadline, field) = self.order.first()?;
        (deadline < now).then_some(field)
    }

    /// How many fields have a deadline before `now`.
    pub fn past(&self, now: i64) -> usize {
        if self.earliest().is_none_or(|deadline| deadline >= now) {
            return 0;
        }
        let (before, known) = match self.past.get() {
            (before, known) if before <= now => (before, known),
            // The clock went back.
            _ => (i64::MIN, 0),
        };
        let count = known + self.order.range((before, 0)..(now, 0)).count();
        self.past.set((now, count));
        count
    }

    /// Adds a field, which is not there.
    pub fn add(&mut self, deadline: i64, field: u32) {
        let added = self.order.insert((deadline, field));
        debug_assert!(added);
        let (before, known) = self.past.get();
        self.past.set((before, known + usize::from(deadline < before)));
    }

    /// Takes a field out, which is there with that deadline.
    pub fn remove(&mut self, deadline: i64, field: u32) {
        let removed = self.order.remove(&(deadline, field));
        debug_assert!(removed);
        let (before, known) = self.past.get();
        self.past.set((before, known - usize::from(deadline < before)));
    }

    /// The earliest deadline, unless one as early was returned since the last
    /// [`Deadlines::reset_alarm`].
    pub fn take_alarm(&mut self) -> Option<i64> {
        let earliest = self.earliest()?;
        if self.told.is_some_and(|told| told <= earliest) {
            return None;
        }
        self.told = Some(earliest);
        self.told
    }

    /// Whether somebody was told to look.
    pub fn has_alarm(&self) -> bool {
        self.told.is_some()
    }

    /// Nobody will look any more unless told again.
    pub fn reset_alarm(&mut self) {
        self.told = None;
    }

    /// Bytes on the heap, about.
    pub fn memory(&self) -> usize {
        self.order.len() * FIELD_BYTES
    }

    /// Drops some fields of a hash that nobody uses any more; true when more are left.
    pub fn drop_some(&mut self) -> bool {
        for _ in 0..DROP_FIELDS {
            if self.order.pop_first().is_none() {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};

    #[test]
    fn past_fields_are_counted_whatever_happens_in_between() {
        let seed = os_seed();
        println!("seed {seed}");
        let (mut rng, mut deadlines, mut model) =
            (Rng::seeded(seed), Deadlines::default(), Vec::new());
        for field in 0..3000 {
            match rng.below(3) {
                0 if !model.is_empty() => {
                    let (deadline, field) = model.swap_remove(rng.below(model.len()));
                    deadlines.remove(deadline, field);
                }
                _ => {
                    let deadline = rng.below(1000) as i64;
                    deadlines.add(deadline, field);
                    model.push((deadline, field));
                }
            }
            let now = rng.below(1100) as i64 - 50;
            let past = model.iter().filter(|(deadline, _)| *deadline < now).count();
            assert_eq!(deadlines.past(now), past);
            assert_eq!(deadlines.first_past(now).is_some(), past > 0);
            assert_eq!(deadlines.earliest(), model.iter().map(|&(deadline, _)| deadline).min());
            assert_eq!(deadlines.latest(), model.iter().map(|&(deadline, _)| deadline).max());
        }
    }

    #[test]
    fn a_deadline_is_not_past_in_its_own_millisecond() {
        let mut deadlines = Deadlines::default();
        deadlines.add(100, 0);
        assert_eq!((deadlines.past(100), deadlines.past(101)), (0, 1));
        assert_eq!((deadlines.first_past(100), deadlines.first_past(101)), (None, Some(0)));
    }

    #[test]
    fn an_alarm_is_told_once_and_again_when_it_is_earlier() {
        let mut deadlines = Deadlines::default();
        assert_eq!(deadlines.take_alarm(), None);
        deadlines.add(100, 1);
        assert_eq!((deadlines.take_alarm(), deadlines.take_alarm()), (Some(100), None));
        deadlines.add(200, 2);
        assert_eq!(deadlines.take_alarm(), None);
        deadlines.add(50, 3);
        assert_eq!(deadlines.take_alarm(), Some(50));
        deadlines.reset_alarm();
        assert_eq!(deadlines.take_alarm(), Some(50));
    }

    #[test]
    fn they_are_dropped_in_pieces() {
        let mut deadlines = Deadlines::default();
        (0..1000).for_each(|field| deadlines.add(7, field));
        let pieces = std::iter::from_fn(|| deadlines.drop_some().then_some(())).count();
        assert_eq!((pieces, deadlines.len()), (3, 0));
    }
}
