//! Deadlines: the wheel behind each database, and what happens when a record comes out.
//!
//! A record is the hash of a key, but for its lowest bits, and the entry holds the truth: a record
//! whose key is gone or has no deadline is dropped, one that came early is filed again. Every entry
//! with a deadline has a record that comes out at that deadline or before; so extending a deadline
//! and deleting a key leave the wheel alone. What fields of hashes add is in
//! [`fields`](super::fields).
//!
//! What deleted keys leave behind is bounded: once there are so many that it matters, a sweep goes
//! through the wheel in slices, and takes out what is of no use: records of keys that are gone, and all
//! but one of a key that is there again. A filter of the hashes in question spares it the look into the
//! table for nearly all others.
//!
//! Invariant: never replies and never propagates; a key is gone in the first millisecond after its
//! deadline.

use std::mem::take;

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use crate::ds::arena::Ref;
use crate::ds::filter::Filter;
use crate::ds::segments::position;
use crate::ds::wheel::{CHUNK_LEN, Wheel};
use crate::keyspace::db::Db;
use crate::keyspace::journal::Happening;
use crate::keyspace::shared::bump;
use crate::keyspace::store::Store;

/// Keys may leave so many records behind before a sweep: an eighth of those that have one, and this.
const LEFT_RECORDS_MIN: usize = 1024;
/// Bits of a hash that a record does without.
const HASH_SHIFT: u32 = 16;
/// How far the clock may go back behind a wheel before the wheel is built anew; until then keys
/// leave that much later, unless somebody looks for them.
const CLOCK_BACK_MS_MAX: i64 = 100;
/// Records that are looked up together, so that their cache misses overlap.
const BATCH: usize = 16;
/// What a segment of a rebuild, or a slice of an old wheel's drop, takes from the budget.
const PIECE_COST: usize = 64;
/// What a chunk of a sweep takes from it.
const SWEEP_COST: usize = 8;

/// The wheel of one database.
#[derive(Default)]
pub struct Timers {
    wheel: Option<Box<Wheel>>,
    /// The wheel that will replace it and the position up to which entries were filed in it.
    rebuild: Option<(Box<Wheel>, u64)>,
    /// A replaced wheel, being dropped.
    retired: Option<Box<Wheel>>,
    /// Keys that left a record behind since the last sweep began.
    left: Filter,
    /// Those that the sweep under way looks for.
    sought: Filter,
    /// Those of them that are there and have a record that it left in place, and none filed since.
    kept: HashSet<u64, RandomState>,
    /// The key whose record came out last, and which therefore leaves none behind.
    served: Option<u64>,
}

impl Timers {
    /// Files the key under `hash` to be looked at after `deadline`.
    pub fn file(&mut self, hash: u64, deadline: i64, now: i64) {
        let wheel = match &mut self.rebuild {
            Some((wheel, _)) => wheel,
            None => self.wheel.get_or_insert_with(|| Box::new(Wheel::new(now))),
        };
        wheel.file(hash >> HASH_SHIFT, deadline.saturating_add(1));
        if !self.kept.is_empty() {
            self.kept.remove(&stem(hash));
        }
    }

    /// Notes that a record of the key under `hash` is of no use any more, beside `timed` that are.
    pub fn leave(&mut self, hash: u64, timed: usize) {
        if self.served == Some(stem(hash)) {
            return;
        }
        if self.left.room() == 0 {
            self.left = Filter::with_room(left_max(timed));
        }
        self.left.insert(hash);
    }

    /// Records, stale ones included.
    pub fn len(&self) -> usize {
        self.wheels().map(|wheel| wheel.len()).sum()
    }

    /// Bytes of all wheels and filters.
    pub fn memory(&self) -> usize {
        let filters = self.left.memory() + self.sought.memory();
        self.wheels().map(|wheel| wheel.memory()).sum::<usize>() + filters
    }

    /// Drops a piece of a wheel nobody needs any more; true when more is left.
    pub fn drop_some(&mut self, chunks: usize) -> bool {
        self.rebuild = None;
        [&mut self.wheel, &mut self.retired].into_iter().any(|wheel| drop_piece(wheel, chunks))
    }

    fn wheels(&self) -> impl Iterator<Item = &Wheel> {
        let rebuild = self.rebuild.as_ref().map(|(wheel, _)| wheel);
        [self.wheel.as_ref(), rebuild, self.retired.as_ref()].into_iter().flatten().map(|w| &**w)
    }

    /// Unix milliseconds of the next thing to do for `timed` keys that have a record.
    fn next(&self, timed: usize, now: i64) -> Option<i64> {
        let renewing = self.rebuild.is_some() || self.retired.is_some();
        if renewing || self.is_ahead(now) || self.wants_sweep(timed) {
            return Some(now);
        }
        self.wheel.as_ref()?.next()
    }

    /// Whether the wheel must be built anew: the clock went back behind it.
    fn is_ahead(&self, now: i64) -> bool {
        self.wheel.as_ref().is_some_and(|wheel| wheel.time() - CLOCK_BACK_MS_MAX > now.max(0))
    }

    /// The hash of a record that is due, its lowest bits zero.
    fn pop(&mut self, now: i64) -> Option<u64> {
        let old = self.wheel.as_mut().and_then(|wheel| wheel.pop(now));
        let record = old.or_else(|| self.rebuild.as_mut().and_then(|(wheel, _)| wheel.pop(now)));
        record.map(|record| record << HASH_SHIFT)
    }

    /// Whether a sweep is under way or should be.
    fn wants_sweep(&self, timed: usize) -> bool {
        let too_many = self.left.inserted() >= left_max(timed).min(self.left.room().max(1));
        too_many || self.wheel.as_ref().is_some_and(|wheel| wheel.is_swept())
    }

    /// Goes on with a sweep, or begins one. Takes those of the next records out that may be of no use:
    /// their hashes, and when they would have come.
    fn sweep(&mut self) -> (Vec<u64>, i64) {
        let mut suspects = Vec::new();
        let Some(wheel) = &mut self.wheel else {
            self.left = Filter::default();
            return (suspects, 0);
        };
        if !wheel.is_swept() {
            self.sought = take(&mut self.left);
            self.kept.clear();
            wheel.begin_sweep();
        }
        let mut records = Vec::with_capacity(CHUNK_LEN);
        let Some(start) = wheel.sweep(&mut records) else {
            self.sought = Filter::default();
            self.kept = HashSet::default();
            return (suspects, 0);
        };
        for record in records {
            match self.sought.contains(record << HASH_SHIFT) {
                true => suspects.push(record << HASH_SHIFT),
                false => wheel.keep(record),
            }
        }
        (suspects, start)
    }

    /// Puts a record back that the sweep took out, unless the key has one already.
    fn keep(&mut self, hash: u64) {
        if let Some(wheel) = &mut self.wheel
            && self.kept.insert(hash)
        {
            wheel.keep(hash >> HASH_SHIFT);
        }
    }

    /// Forgets an empty wheel of a database without deadlines.
    fn tidy(&mut self, timed: usize) {
        if timed == 0 && self.wheel.as_ref().is_some_and(|wheel| wheel.is_empty()) {
            self.wheel = None;
        }
    }
}

/// A hash as far as a record has it.
pub fn stem(hash: u64) -> u64 {
    hash >> HASH_SHIFT << HASH_SHIFT
}

/// How many records keys may leave behind, beside `timed` of others.
fn left_max(timed: usize) -> usize {
    timed / 8 + LEFT_RECORDS_MIN
}

/// Drops some chunks; false and no wheel when nothing was left.
fn drop_piece(wheel: &mut Option<Box<Wheel>>, chunks: usize) -> bool {
    let more = wheel.as_mut().is_some_and(|wheel| wheel.drop_some(chunks));
    if !more {
        *wheel = None;
    }
    more
}

/// What a record stands for.
#[derive(Clone, Copy)]
enum Due {
    Nothing,
    /// The key is gone.
    Expired(Ref),
    /// Fields of it are, and others are not.
    Fields(Ref),
    Later(i64),
}

impl Due {
    /// What is due first.
    fn or(self, other: Due) -> Due {
        match (self, other) {
            (Due::Expired(at), _) | (_, Due::Expired(at)) => Due::Expired(at),
            (Due::Fields(at), _) | (_, Due::Fields(at)) => Due::Fields(at),
            (Due::Later(one), Due::Later(other)) => Due::Later(one.min(other)),
            (Due::Later(at), Due::Nothing) | (Due::Nothing, Due::Later(at)) => Due::Later(at),
            (Due::Nothing, Due::Nothing) => Due::Nothing,
        }
    }
}

impl Store {
    /// What a record stands for.
    fn due(&self, hash: u64) -> Due {
        let mut due = Due::Nothing;
        self.table().candidates(hash, |&at| {
            let Some(deadline) = self.next_deadline(at) else { return };
            if stem(self.hash_of(at)) == hash {
                due = due.or(match self.is_past(deadline) {
                    true if self.is_gone(at) => Due::Expired(at),
                    true => Due::Fields(at),
                    false => Due::Later(deadline),
                });
            }
        });
        due
    }

    /// Lets a sweep through the wheel go on by some records.
    fn sweep_piece(&mut self) {
        let (suspects, start) = self.timers.sweep();
        suspects.iter().for_each(|&hash| self.table().prefetch(hash));
        for hash in suspects {
            let needed_by = match self.due(hash) {
                Due::Nothing => continue,
                Due::Later(deadline) => deadline.saturating_add(1),
                Due::Expired(_) | Due::Fields(_) => self.now(),
            };
            // A key that needs one before this one comes has one.
            if start <= needed_by {
                self.timers.keep(hash);
            }
        }
    }
}

impl Db {
    /// Unix milliseconds of the next thing the wheel must do; `None`: nothing.
    pub(super) fn next_deadline(&self) -> Option<i64> {
        if !self.shared.policy.get().active_expire {
            return None;
        }
        self.store.timers.next(self.store.timed(), self.shared.now.get())
    }

    /// Works on up to `budget` due records; returns what is left of the budget.
    pub(super) fn expire_due(&mut self, budget: usize) -> usize {
        let mut left = budget;
        while left > 0 {
            let mut batch = [0; BATCH];
            let len = self.pop_due(&mut batch[..left.min(BATCH)]);
            if len == 0 {
                break;
            }
            left -= len;
            let batch = &batch[..len];
            batch.iter().for_each(|&hash| self.store.table().prefetch(hash));
            batch.iter().for_each(|&hash| self.store.prefetch_entry(hash));
            let fields: usize = batch.iter().map(|&hash| self.resolve(hash)).sum();
            left = left.saturating_sub(fields);
        }
        self.store.timers.tidy(self.store.timed());
        self.renew_wheel(left)
    }

    fn pop_due(&mut self, out: &mut [u64]) -> usize {
        let now = self.shared.now.get();
        let records = std::iter::from_fn(|| self.store.timers.pop(now));
        out.iter_mut().zip(records).map(|(slot, record)| *slot = record).count()
    }

    /// Does what a record stands for; returns what that took from the budget beyond the record.
    fn resolve(&mut self, hash: u64) -> usize {
        self.store.timers.served = Some(hash);
        let cost = self.resolve_all(hash);
        self.store.timers.served = None;
        cost
    }

    fn resolve_all(&mut self, hash: u64) -> usize {
        self.store.silence_all(hash);
        let mut cost = 0;
        loop {
            match self.store.due(hash) {
                Due::Nothing => return cost,
                Due::Expired(at) => self.expire(self.store.hash_of(at), at),
                Due::Fields(at) if cost == 0 => {
                    cost = self.expire_fields(self.store.hash_of(at), at);
                }
                Due::Fields(_) => {
                    // The rest is due now, and comes out again when others had their turn.
                    self.store.file_again(hash, self.shared.now.get().saturating_sub(1));
                    return cost;
                }
                Due::Later(deadline) => {
                    self.store.file_again(hash, deadline);
                    return cost;
                }
            }
        }
    }

    /// Removes a key that is gone: past its deadline, or with all its fields past theirs.
    pub(super) fn expire(&mut self, hash: u64, at: Ref) {
        if self.store.is_past_own(at) {
            bump(&self.shared.expired_keys);
            self.record_at(Happening::Expired, at);
        } else {
            self.record_at(Happening::FieldsExpired, at);
            self.record_at(Happening::Emptied, at);
        }
        self.discard(hash, at);
    }

    /// Builds the wheel anew while it is stale, a segment at a time, or sweeps it.
    fn renew_wheel(&mut self, budget: usize) -> usize {
        let mut left = budget;
        while left >= PIECE_COST {
            let now = self.shared.now.get();
            let timed = self.store.timed();
            let timers = &mut self.store.timers;
            if timers.retired.is_some() {
                drop_piece(&mut timers.retired, PIECE_COST);
            } else if let Some((_, position)) = &timers.rebuild {
                let from = *position;
                self.refile_segment(from);
            } else if timers.is_ahead(now) {
                timers.rebuild = Some((Box::new(Wheel::new(now)), 0));
            } else if timers.wants_sweep(timed) {
                self.store.sweep_piece();
                left -= SWEEP_COST;
                continue;
            } else {
                break;
            }
            left -= PIECE_COST;
        }
        left
    }

    /// Files the entries of the segment at `from` in the new wheel.
    fn refile_segment(&mut self, from: u64) {
        let (slots, next) = self.store.table().segment_at(from);
        let slots: Vec<Ref> = slots.copied().collect();
        slots.iter().for_each(|&at| self.store.arena().prefetch(at));
        for at in slots {
            if !self.store.entry(at).may_be_gone() {
                continue;
            }
            let hash = self.store.hash_of(at);
            if position(hash) >= from {
                self.store.refile(hash, at);
            }
        }
        let timers = &mut self.store.timers;
        let Some((wheel, position)) = timers.rebuild.take() else { return };
        match next {
            Some(next) => timers.rebuild = Some((wheel, next.max(position))),
            None => timers.retired = timers.wheel.replace(wheel),
        }
    }
}
