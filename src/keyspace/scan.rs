//! SCAN, RANDOMKEY and walks over a whole database.
//!
//! The cursor is that of `ds::segments`: a key that is there throughout a scan is visited exactly
//! once.
//!
//! Invariant: visits only keys that are not past their deadline, unless it is asked for all.

use crate::ds::arena::Ref;
use crate::keyspace::db::Db;
use crate::keyspace::shared::Facts;
use crate::types::{ValueRef, ValueType};

/// Called with a key, its value and what else is known of it.
pub type Visit<'a> = dyn FnMut(&[u8], ValueRef<'_>, &Facts) + 'a;

impl Db {
    /// Visits keys from `cursor` on in the order of their hashes, at least `count` unless the end
    /// or a stretch of emptiness comes first, and keys of equal position together. Returns the
    /// cursor to go on with; 0 begins and means the end. Keys past their deadline that it comes across
    /// are removed.
    pub fn scan(
        &mut self,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(&[u8], ValueType),
    ) -> u64 {
        self.shared.marks.see_all();
        let mut gone = Vec::new();
        let next = self.store.scan(cursor, count, |at| match self.is_live(at) {
            true => visit(self.store.key(at), self.store.entry(at).value_type()),
            false => gone.push(at),
        });
        // Each under its own slot: removing one moves no other.
        for at in gone {
            self.expire(self.store.hash_of(at), at);
        }
        next
    }

    fn is_live(&self, at: Ref) -> bool {
        !self.store.is_gone(at)
    }

    /// Calls `visit` for every key, in no particular order.
    pub fn for_each(&self, visit: &mut Visit<'_>) {
        self.shared.marks.see_all();
        let all = self.store.table().iter().copied();
        all.filter(|at| self.is_live(*at)).for_each(|at| self.show(at, visit));
    }

    /// As [`Db::for_each`], keys past their deadline and not yet removed included.
    pub fn for_each_held(&self, visit: &mut Visit<'_>) {
        self.store.table().iter().for_each(|at| self.show(*at, visit));
    }

    fn show(&self, at: Ref, visit: &mut Visit<'_>) {
        visit(self.store.key(at), self.store.value(at), &self.store.facts(at));
    }

    /// Some key, all equally likely; `None` when there is none. Keys past their deadline that it
    /// comes across are removed.
    pub fn random_key(&mut self) -> Option<Vec<u8>> {
        self.shared.marks.see_all();
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
