//! SCAN, RANDOMKEY and walks over a whole database.
//!
//! A cursor is a position in hash space: what lies before it was visited, what lies behind it was
//! not. Splits and merges of segments do not move positions, so a key that is there throughout a
//! scan is visited exactly once.
//!
//! Invariant: visits only keys that are not past their deadline.

use crate::ds::arena::Ref;
use crate::ds::segments::{POSITION_BITS, position};
use crate::keyspace::db::Db;
use crate::types::{ValueRef, ValueType};

/// Segments that one call looks at for each key it was asked for: bounds a walk over a database
/// that was emptied.
const SEGMENTS_PER_COUNT: usize = 10;

/// Called with a key, its value and its deadline in unix milliseconds.
pub type Visit<'a> = dyn FnMut(&[u8], ValueRef<'_>, Option<i64>) + 'a;

impl Db {
    /// Visits keys from `cursor` on in the order of their hashes, at least `count` unless the end
    /// or a stretch of emptiness comes first, and keys of equal position together. Returns the
    /// cursor to go on with; 0 begins and means the end.
    pub fn scan(
        &mut self,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(&[u8], ValueType),
    ) -> u64 {
        let count = count.max(1);
        let mut left = count;
        let mut from = cursor;
        for _ in 0..count.saturating_mul(SEGMENTS_PER_COUNT) {
            if from >= 1 << POSITION_BITS {
                return 0;
            }
            let (mut slots, next) = self.segment_from(from);
            slots.sort_unstable_by_key(|&(position, _)| position);
            let len = stop_after(&slots, left);
            slots[..len].iter().for_each(|&(_, at)| self.visit_live(at, visit));
            if len < slots.len() {
                return slots[len - 1].0 + 1;
            }
            let Some(next) = next else { return 0 };
            left = left.saturating_sub(len);
            if left == 0 {
                return next;
            }
            from = next;
        }
        from
    }

    /// The slots of the segment at `from` whose position is at least that, and the position after
    /// the segment.
    fn segment_from(&self, from: u64) -> (Vec<(u64, Ref)>, Option<u64>) {
        let (slots, next) = self.store.table().segment_at(from);
        let slots: Vec<Ref> = slots.copied().collect();
        slots.iter().for_each(|&at| self.store.arena().prefetch(at));
        let placed = slots.into_iter().map(|at| (position(self.store.hash_of(at)), at));
        (placed.filter(|&(position, _)| position >= from).collect(), next)
    }

    fn visit_live(&self, at: Ref, visit: &mut dyn FnMut(&[u8], ValueType)) {
        if self.is_live(at) {
            visit(self.store.key(at), self.store.entry(at).value_type());
        }
    }

    fn is_live(&self, at: Ref) -> bool {
        let deadline = self.store.entry(at).deadline();
        deadline.is_none_or(|deadline| !self.shared.is_past(deadline))
    }

    /// Calls `visit` for every key with its value and deadline, in no particular order.
    pub fn for_each(&mut self, visit: &mut Visit<'_>) {
        for &at in self.store.table().iter() {
            if self.is_live(at) {
                visit(self.store.key(at), self.store.value(at), self.store.entry(at).deadline());
            }
        }
    }

    /// Some key, all equally likely; `None` when there is none. Keys past their deadline that it
    /// comes across are removed.
    pub fn random_key(&mut self) -> Option<Vec<u8>> {
        loop {
            let shared = &self.shared;
            let below = |bound| shared.rng.borrow_mut().below(bound);
            let at = self.store.table().random(below)?;
            if self.is_live(at) {
                return Some(self.store.key(at).to_vec());
            }
            let hash = self.store.hash_of(at);
            self.expire(hash, at);
        }
    }
}

/// How many of `slots`, ordered by position, make up `count` without parting equal positions.
fn stop_after(slots: &[(u64, Ref)], count: usize) -> usize {
    if slots.len() <= count {
        return slots.len();
    }
    let last = slots[count - 1].0;
    count + slots[count..].iter().take_while(|&&(position, _)| position == last).count()
}
