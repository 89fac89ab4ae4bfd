//! Layer 3: the only door to data.
//!
//! A [`Keyspace`] owns the databases. A key lives in an entry of one allocation
//! ([`entry`](self::entry)), found through a table of small segments (`ds::segments`), and leaves
//! at its deadline by a timing wheel ([`expire`](self::expire)). Time comes from outside through
//! [`Keyspace::set_now`]; all databases share it, together with policy and statistics.
//!
//! Invariant: knows no clients, no replies and no files; a key past its deadline is gone for every
//! caller.

mod compact;
mod db;
mod entry;
mod evict;
mod expire;
mod fields;
mod journal;
mod lazyfree;
mod marks;
mod scan;
mod shared;
mod snapshot;
mod store;
mod watch;

#[cfg(test)]
mod tests;

use std::rc::Rc;

use self::compact::Gathering;
pub use self::db::{After, Db, Expiry, KeyHash, KeyInfo, WrongType};
use self::evict::EvictionPool;
pub use self::evict::{Evicted, Order, Scope};
pub use self::journal::{Happening, Interest, Record};
pub use self::scan::Visit;
use self::shared::Shared;
pub use self::shared::{Counters, Facts, Policy, Usage};
use self::snapshot::Detached;
pub use self::snapshot::{Snap, Taken, Taker};
pub use self::store::Content;
use self::store::Store;
use self::watch::Watcher;
use crate::base::alloc;

/// All databases.
pub struct Keyspace {
    shared: Rc<Shared>,
    databases: Vec<Db>,
    pool: EvictionPool,
    detached: Detached,
    gathering: Gathering,
}

/// Keys of a flush after which spare memory goes back to the system.
const MANY_KEYS: usize = 1000;
/// A time before all deadlines.
const NEVER: i64 = i64::MIN;

/// When a flush frees what it removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushMode {
    /// Before it returns.
    Sync,
    /// In slices, by [`Keyspace::lazyfree`].
    Async,
}

/// What became of a MOVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveOutcome {
    Moved,
    /// There is nothing to move.
    NoKey,
    /// The target has the key.
    TargetExists,
}

/// What became of a COPY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyOutcome {
    Copied,
    /// There is nothing to copy.
    NoKey,
    /// The target has the key and was not to be replaced.
    TargetExists,
}

/// Where the memory of the keyspace is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryFigures {
    /// Segments of tables.
    pub segments: usize,
    /// Bytes of tables, directories and pools.
    pub tables: usize,
    /// Bytes of timing wheels.
    pub timers: usize,
    /// Records in timing wheels, stale ones included.
    pub timer_records: usize,
    /// Bytes of entries; part of `base::alloc::used`.
    pub entries: usize,
    /// Bytes that entry pages keep resident beyond that: freed slots and spare pages.
    pub slack: usize,
    /// Bytes of address space that entries may use without asking the system.
    pub committed: usize,
}

impl Keyspace {
    /// `databases` empty databases whose keys are hashed with `seed`.
    pub fn new(databases: u32, seed: u64) -> Keyspace {
        let shared = Rc::new(Shared::new(seed));
        let db = |index| Db::new(Rc::clone(&shared), index as usize);
        let databases = (0..databases).map(db).collect();
        let (pool, detached) = (EvictionPool::default(), Detached::default());
        Keyspace { shared, databases, pool, detached, gathering: Gathering::default() }
    }

    /// Sets the unix time in milliseconds that every decision uses until the next call.
    #[inline]
    pub fn set_now(&mut self, unix_ms: i64) {
        self.shared.set_now(unix_ms);
    }

    /// Lets no deadline pass until further notice, in whatever state keys are: a log is replayed.
    pub fn suspend_expiry(&mut self, suspended: bool) {
        self.shared.horizon.set(if suspended { NEVER } else { self.now() });
    }

    /// The unix time in milliseconds by which deadlines are judged; before all of them while expiry
    /// is suspended.
    #[inline]
    pub fn horizon(&self) -> i64 {
        self.shared.horizon.get()
    }

    /// The unix time in milliseconds that was set last.
    pub fn now(&self) -> i64 {
        self.shared.now.get()
    }

    /// Whether lookups mark keys as used; off while a client with CLIENT NO-TOUCH is served.
    #[inline]
    pub fn set_touch(&mut self, touch: bool) {
        self.shared.touch.set(touch);
    }

    /// How keys age and expire.
    pub fn policy(&self) -> Policy {
        self.shared.policy.get()
    }

    /// Changes how keys age and expire.
    pub fn set_policy(&mut self, policy: Policy) {
        self.shared.policy.set(policy);
        // What was ranked by another policy is out of place.
        self.pool.clear();
    }

    /// What is to be kept for [`Keyspace::take_records`] from now on.
    pub fn set_interest(&mut self, interest: Interest) {
        self.shared.journal.set_interest(interest);
    }

    /// What happened since the last call, as far as somebody follows it.
    pub fn take_records(&mut self) -> Vec<Record> {
        self.shared.journal.take()
    }

    /// Whether there is any.
    #[inline]
    pub fn has_records(&self) -> bool {
        !self.shared.journal.is_empty()
    }

    /// Bytes that those records take until they are taken, about.
    pub fn records_memory(&self) -> usize {
        self.shared.journal.memory()
    }

    /// Whether writes are marked until they are durable: see [`Keyspace::take_seen`].
    pub fn set_marking(&mut self, on: bool) {
        self.shared.marks.enable(on);
    }

    /// Writes belong to the log's `group` from now on.
    pub fn begin_group(&mut self, group: u64) {
        self.shared.marks.begin_group(group);
    }

    /// The last group of the log that what was looked at since the last call depends on; 0: none.
    #[inline]
    pub fn take_seen(&mut self) -> u64 {
        self.shared.marks.take_seen()
    }

    /// Puts back what [`Keyspace::take_seen`] took.
    pub fn see_group(&mut self, group: u64) {
        self.shared.marks.see_group(group);
    }

    /// The last group of the log that has a write.
    pub fn last_marked(&self) -> u64 {
        self.shared.marks.last()
    }

    /// How many databases there are.
    pub fn databases(&self) -> usize {
        self.databases.len()
    }

    /// Keys in all databases.
    pub fn len(&self) -> usize {
        self.databases.iter().map(|db| db.store.len()).sum()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The database `index`; panics when there is none: the caller checked.
    #[inline]
    pub fn db(&mut self, index: usize) -> &mut Db {
        &mut self.databases[index]
    }

    /// As [`Keyspace::db`], to be looked at.
    #[inline]
    pub fn view(&self, index: usize) -> &Db {
        &self.databases[index]
    }

    /// Exchanges the keys of two databases. Watchers stay with their database and learn of it
    /// where their key is there before or after.
    pub fn swap(&mut self, a: usize, b: usize) {
        if a == b {
            return;
        }
        self.shared.marks.mark_all();
        let (low, high) = self.databases.split_at_mut(a.max(b));
        let (one, other) = (&mut low[a.min(b)], &mut high[0]);
        one.touch_all_watched(Some(&other.store));
        other.touch_all_watched(Some(&one.store));
        std::mem::swap(&mut one.store, &mut other.store);
        for db in [one, other] {
            db.tell_all_awaited();
            db.tell_all_ends();
        }
    }

    /// Whether an awaited key came into being (see [`Db::await_key`]).
    #[inline]
    pub fn has_awaited(&self) -> bool {
        !self.shared.awaited.borrow().is_empty()
    }

    /// Keys whose end somebody awaits (see [`Db::await_end`]).
    pub fn awaited_ends(&self) -> usize {
        self.databases.iter().map(Db::awaited_ends).sum()
    }

    /// Awaited keys of which there is something to be told, with their databases, in order.
    pub fn take_awaited(&mut self) -> Vec<(usize, Box<[u8]>)> {
        self.shared.awaited.take()
    }

    /// Moves `key` with its deadline to another database.
    pub fn move_key(&mut self, from: usize, to: usize, key: &[u8]) -> MoveOutcome {
        let Some(found) = self.databases[from].locate(key) else { return MoveOutcome::NoKey };
        if self.databases[to].locate(key).is_some() {
            return MoveOutcome::TargetExists;
        }
        let parcel = self.databases[from].take(found, key);
        self.databases[to].put_parcel(key, parcel);
        MoveOutcome::Moved
    }

    /// Copies a key with its deadline. The caller made sure that it is not copied onto itself.
    pub fn copy_key(
        &mut self,
        from_db: usize,
        from: &[u8],
        to_db: usize,
        to: &[u8],
        replace: bool,
    ) -> CopyOutcome {
        let Some(found) = self.databases[from_db].locate(from) else { return CopyOutcome::NoKey };
        let mut parcel = self.databases[from_db].store.copy(found.at);
        if !replace && self.databases[to_db].locate(to).is_some() {
            return CopyOutcome::TargetExists;
        }
        parcel.clock = self.shared.clock_new();
        self.databases[to_db].put_parcel(to, parcel);
        CopyOutcome::Copied
    }

    /// Gives the key `from` the name `to`, with its deadline and in the place of what was there;
    /// false when there is no such key.
    pub fn rename(&mut self, db: usize, from: &[u8], to: &[u8]) -> bool {
        let db = &mut self.databases[db];
        let Some(found) = db.locate(from) else { return false };
        if from != to {
            let parcel = db.take(found, from);
            db.put_parcel(to, parcel);
        }
        true
    }

    /// Unix milliseconds at which [`Keyspace::expire_due`] has something to do; may lie in the
    /// past. `None`: nothing, however long one waits.
    pub fn next_deadline(&self) -> Option<i64> {
        self.databases.iter().filter_map(Db::next_deadline).min()
    }

    /// Removes keys whose deadline has passed, looking at up to `budget` timer records (some
    /// 0.1 us each); true when more is due now.
    pub fn expire_due(&mut self, budget: usize) -> bool {
        let now = self.now();
        let mut left = budget;
        for db in &mut self.databases {
            if db.next_deadline().is_some_and(|at| at <= now) {
                left = db.expire_due(left);
            }
        }
        self.next_deadline().is_some_and(|at| at <= now)
    }

    /// Frees up to `budget` pieces (some ten microseconds each) of what is out of sight; true when
    /// more is left.
    pub fn lazyfree(&mut self, budget: usize) -> bool {
        self.shared.garbage.borrow_mut().free_some(budget)
    }

    /// Whether something waits for [`Keyspace::lazyfree`].
    pub fn has_garbage(&self) -> bool {
        !self.shared.garbage.borrow().is_empty()
    }

    /// Whether fields of some hash have deadlines.
    pub fn has_field_deadlines(&self) -> bool {
        self.databases.iter().any(|db| db.store.alarms > 0)
    }

    /// Whether some stream has a consumer that was seen at another time than he last got something.
    pub fn has_uneven_consumers(&self) -> bool {
        self.databases.iter().any(|db| db.store.uneven_streams > 0)
    }

    /// Removes all keys of one database or of all; returns how many there were.
    pub fn flush(&mut self, db: Option<usize>, mode: FlushMode) -> usize {
        let range = db.map_or(0..self.databases.len(), |db| db..db + 1);
        range.map(|db| self.flush_one(db, mode)).sum()
    }

    fn flush_one(&mut self, db: usize, mode: FlushMode) -> usize {
        self.shared.marks.mark_all();
        let store = self.databases[db].empty();
        let removed = store.len();
        match self.keep_unwalked(store) {
            Some(store) if mode == FlushMode::Async => {
                self.shared.garbage.borrow_mut().add_store(store);
            }
            freed_or_kept => {
                drop(freed_or_kept);
                // The walk over what is left pays only where much is gone.
                if removed >= MANY_KEYS {
                    alloc::give_back_spare();
                }
            }
        }
        removed
    }

    /// Statistics since the start or the last reset.
    pub fn counters(&self) -> Counters {
        let garbage = self.shared.garbage.borrow();
        Counters {
            hits: self.shared.hits.get(),
            misses: self.shared.misses.get(),
            expired_keys: self.shared.expired_keys.get(),
            evicted_keys: self.shared.evicted_keys.get(),
            moved_entries: self.shared.moved_entries.get(),
            lazyfreed: garbage.freed(),
            lazyfree_pending: garbage.pending(),
        }
    }

    /// Sets the statistics back to zero.
    pub fn reset_counters(&mut self) {
        self.shared.hits.set(0);
        self.shared.misses.set(0);
        self.shared.expired_keys.set(0);
        self.shared.evicted_keys.set(0);
        self.shared.moved_entries.set(0);
        self.shared.garbage.borrow_mut().reset_freed();
    }

    /// Where the memory is. Walks the segments: for INFO and MEMORY, not for every command.
    pub fn memory(&self) -> MemoryFigures {
        let all = (0..self.databases.len()).map(|index| self.memory_of(index));
        all.fold(MemoryFigures::default(), |sum, figures| MemoryFigures {
            segments: sum.segments + figures.segments,
            tables: sum.tables + figures.tables,
            timers: sum.timers + figures.timers,
            timer_records: sum.timer_records + figures.timer_records,
            entries: sum.entries + figures.entries,
            slack: sum.slack + figures.slack,
            committed: sum.committed + figures.committed,
        })
    }

    /// Where the memory of one database is.
    pub fn memory_of(&self, index: usize) -> MemoryFigures {
        let store = &self.databases[index].store;
        MemoryFigures {
            segments: store.segments(),
            tables: store.table_memory(),
            timers: store.timers.memory(),
            timer_records: store.timers.len(),
            entries: store.arena().used(),
            slack: store.arena().touched() - store.arena().used(),
            committed: store.arena().committed(),
        }
    }

    /// Gives what entries keep resident without need back to the system.
    pub fn give_back_spare(&mut self) {
        self.databases.iter_mut().for_each(|db| db.store.give_back_spare());
    }
}

impl Db {
    /// Takes all keys out.
    fn empty(&mut self) -> Store {
        self.touch_all_watched(None);
        self.tell_all_ends();
        let fresh = Store::new(Rc::clone(&self.shared));
        std::mem::replace(&mut self.store, fresh)
    }

    /// Tells watchers that all keys go and those of `replacement`, if any, come.
    fn touch_all_watched(&mut self, replacement: Option<&Store>) {
        let Db { shared, store, watched, .. } = self;
        let state = |store: &Store, key: &[u8]| {
            let at = store.find(shared.hash(key), key)?;
            Some(store.is_gone(at))
        };
        watched.for_each(|key, watchers| {
            let before = state(store, key);
            let after = replacement.and_then(|store| state(store, key));
            if before.is_some() || after.is_some() {
                watchers.iter_mut().for_each(|watcher| tell(watcher, before, after));
            }
        });
    }
}

/// Tells `watcher` that its key changed from one state to another: absent, live (`false`) or past
/// its deadline (`true`). What is past its deadline counts as absent to those who knew.
fn tell(watcher: &mut Watcher, before: Option<bool>, after: Option<bool>) {
    match (watcher.expired, after) {
        (true, None) => watcher.expired = false,
        (true, Some(true)) => {}
        (false, Some(true)) if before.is_none() => watcher.expired = true,
        _ => watcher.notify(),
    }
}
