//! The data set as it stood at one moment, handed out piece by piece while it goes on changing: the
//! snapshot that needs no fork.
//!
//! A walk goes through each store in the order of positions (`ds::segments`), which splits and
//! merges leave alone: what lies before the walk was handed out, what lies behind it was not. A
//! write to an entry behind the walk first hands out what the entry held and marks it as *ahead*;
//! an entry that is new there is marked as well. The walk passes over what is marked and takes the
//! mark off, so that once it is through no entry has one. A store that a flush throws away is kept
//! until it is walked.
//!
//! The same idea, by the page and the kernel, is what a forked child's copy on write does; here it
//! costs the entries that are written, and nothing is copied that is not handed out.
//!
//! Invariant: each key that was there at the start is handed out exactly once, as it was then; one
//! past its deadline too.

use std::mem::take;

use crate::ds::arena::Ref;
use crate::ds::segments::position;
use crate::keyspace::Keyspace;
use crate::keyspace::shared::Facts;
use crate::keyspace::store::Store;
use crate::types::ValueRef;

/// Where the walk of a store stands when there is none or it is over: behind every position.
pub(super) const WALKED: u64 = u64::MAX;

/// Who is handed the data set.
pub trait Taker {
    /// Takes a key, or the next part of it if some was taken already. `Part` when there is more: then
    /// the same key comes again, unchanged, before this is called for another one.
    fn take_some(&mut self, snap: &Snap<'_>) -> Taken;

    /// Takes a key that is about to change, whole.
    fn take_all(&mut self, snap: &Snap<'_>);

    /// Takes the rest of the key of which a part was taken last, because it is about to change.
    fn take_rest(&mut self, snap: &Snap<'_>);
}

/// How much was taken of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Whole,
    Part,
}

/// One key, as it was at the start of the walk. Keys come in no order that means anything.
#[derive(Clone, Copy, Debug)]
pub struct Snap<'a> {
    /// Its database then.
    pub db: usize,
    pub key: &'a [u8],
    pub value: ValueRef<'a>,
    pub facts: Facts,
}

/// Stores that were thrown away before the walk had been through them.
#[derive(Default)]
pub(super) struct Detached(Vec<Store>);

impl Keyspace {
    /// Begins a walk that hands the data set of now to `taker`, with [`Keyspace::walk`].
    ///
    /// # Panics
    /// A walk is under way.
    pub fn begin_walk(&mut self, taker: Box<dyn Taker>) {
        assert!(!self.is_walking(), "one walk at a time");
        *self.shared.taker.borrow_mut() = Some(taker);
        for db in self.databases.iter_mut().filter(|db| !db.is_empty()) {
            db.store.begin_walk(db.index);
        }
    }

    /// Walks on by some `keys`; true when there are more.
    pub fn walk(&mut self, keys: usize) -> bool {
        let stores = self.databases.iter_mut().map(|db| &mut db.store);
        let unwalked = stores.chain(&mut self.detached.0).filter(|store| store.is_walked_on());
        // What was begun is finished first.
        if let Some(store) = unwalked.min_by_key(|store| store.parts.is_none()) {
            store.walk(keys);
        }
        let done = |store: &mut Store| !store.is_walked_on();
        for store in self.detached.0.extract_if(.., done) {
            self.shared.garbage.borrow_mut().add_store(store);
        }
        let more = self.is_walking();
        if !more {
            *self.shared.taker.borrow_mut() = None;
        }
        more
    }

    /// Whether a walk is under way, given up or not: another one cannot begin.
    pub fn is_walking(&self) -> bool {
        !self.detached.0.is_empty() || self.databases.iter().any(|db| db.store.is_walked_on())
    }

    /// Gives the walk up: its taker gets nothing more. The marks are still to be taken off, by going
    /// on with [`Keyspace::walk`].
    pub fn abandon_walk(&mut self) {
        *self.shared.taker.borrow_mut() = None;
        self.databases.iter_mut().for_each(|db| db.store.parts = None);
        for store in take(&mut self.detached.0) {
            self.shared.garbage.borrow_mut().add_store(store);
        }
    }

    /// Keeps a store that was thrown away if the walk has not been through it; else gives it back.
    pub(super) fn keep_unwalked(&mut self, store: Store) -> Option<Store> {
        if !store.is_walked_on() || self.shared.taker.borrow().is_none() {
            return Some(store);
        }
        self.detached.0.push(store);
        None
    }
}

impl Store {
    fn begin_walk(&mut self, db: usize) {
        (self.walked, self.walked_as) = (0, db);
    }

    /// Whether a walk has not been through it.
    fn is_walked_on(&self) -> bool {
        self.walked != WALKED
    }

    /// Whether the walk is still to come to what is under `hash`.
    #[inline]
    pub(super) fn is_unwalked(&self, hash: u64) -> bool {
        position(hash) >= self.walked
    }

    /// To be called before the entry at `at` changes or goes: hands out what it holds, if the walk is
    /// still to come to it.
    #[inline]
    pub(super) fn preserve(&mut self, hash: u64, at: Ref) {
        self.shared().marks.mark(hash);
        if self.is_unwalked(hash) {
            self.hand_out_ahead(hash, at);
        }
    }

    #[cold]
    fn hand_out_ahead(&mut self, hash: u64, at: Ref) {
        let in_parts = self
            .parts
            .as_ref()
            .is_some_and(|(begun, key)| *begun == hash && self.key(at) == &key[..]);
        if in_parts {
            self.parts = None;
            self.hand_out(at, |taker, snap| taker.take_rest(snap));
        } else if !self.entry(at).is_ahead() {
            self.hand_out(at, |taker, snap| taker.take_all(snap));
            self.entry_mut(at).set_ahead(true);
        }
    }

    fn walk(&mut self, keys: usize) {
        if !self.hand_out_parts() {
            return;
        }
        let mut met = Vec::with_capacity(keys);
        let next = self.scan(self.walked, keys, |at| met.push(at));
        for (index, &at) in met.iter().enumerate() {
            if self.entry(at).is_ahead() {
                self.entry_mut(at).set_ahead(false);
            } else if self.hand_out_some(at) == Taken::Part {
                return self.stop_at(&met[..=index]);
            }
        }
        self.walked = if next == 0 { WALKED } else { next };
    }

    /// Stops at the last of the entries just met, of which a part was handed out.
    fn stop_at(&mut self, met: &[Ref]) {
        let Some(&last) = met.last() else { return };
        let hash = self.hash_of(last);
        self.walked = position(hash);
        self.parts = Some((hash, self.key(last).into()));
        // The walk goes on with this position, so all that is there counts as handed out.
        let here = |at: &&Ref| position(self.hash_of(**at)) == self.walked;
        let here: Vec<Ref> = met.iter().rev().take_while(here).copied().collect();
        here.into_iter().for_each(|at| self.entry_mut(at).set_ahead(true));
    }

    /// Hands out the next part of the entry of which some was; true when none is left.
    fn hand_out_parts(&mut self) -> bool {
        let Some((hash, key)) = self.parts.take() else { return true };
        let at = self.find(hash, &key).expect("who removes it finishes it");
        let whole = self.hand_out_some(at) == Taken::Whole;
        if !whole {
            self.parts = Some((hash, key));
        }
        whole
    }

    fn hand_out_some(&self, at: Ref) -> Taken {
        self.hand_out(at, |taker, snap| taker.take_some(snap)).unwrap_or(Taken::Whole)
    }

    fn hand_out<T>(&self, at: Ref, to: impl FnOnce(&mut dyn Taker, &Snap<'_>) -> T) -> Option<T> {
        let mut taker = self.shared().taker.borrow_mut();
        let (key, value, facts) = (self.key(at), self.value(at), self.facts(at));
        let snap = Snap { db: self.walked_as, key, value, facts };
        taker.as_mut().map(|taker| to(&mut **taker, &snap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};
    use crate::ds::listpack::Item;
    use crate::keyspace::{Expiry, FlushMode, Policy, Scope};
    use crate::types::StringRef;
    use crate::types::set::{Limits, Set};
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    const START: i64 = 1_700_000_000_000;

    /// What was handed out: a rendering of each key by database and name.
    type All = Rc<RefCell<BTreeMap<(usize, Vec<u8>), String>>>;

    /// Takes large values in three parts.
    struct Collect {
        all: All,
        parts: usize,
    }

    impl Taker for Collect {
        fn take_some(&mut self, snap: &Snap<'_>) -> Taken {
            if show(snap.value, None).len() > 1000 && self.parts < 2 {
                self.parts += 1;
                return Taken::Part;
            }
            self.take_rest(snap);
            Taken::Whole
        }

        fn take_rest(&mut self, snap: &Snap<'_>) {
            self.parts = 0;
            self.take_all(snap);
        }

        fn take_all(&mut self, snap: &Snap<'_>) {
            let shown = show(snap.value, snap.facts.deadline);
            let before = self.all.borrow_mut().insert((snap.db, snap.key.to_vec()), shown);
            assert_eq!(before, None, "{:?} handed out twice", snap.key);
        }
    }

    fn show(value: ValueRef<'_>, deadline: Option<i64>) -> String {
        match value {
            ValueRef::String(StringRef::Int(number)) => format!("{number} {deadline:?}"),
            ValueRef::String(StringRef::Str(text)) => format!("{text:?} {deadline:?}"),
            ValueRef::Set(set) => {
                let mut members: Vec<_> = set.iter().map(|item| format!("{item:?}")).collect();
                members.sort();
                format!("{members:?} {deadline:?}")
            }
            other => format!("{other:?}"),
        }
    }

    fn contents(keyspace: &mut Keyspace) -> BTreeMap<(usize, Vec<u8>), String> {
        let mut all = BTreeMap::new();
        for db in 0..keyspace.databases() {
            keyspace.db(db).for_each(&mut |key, value, facts| {
                all.insert((db, key.to_vec()), show(value, facts.deadline));
            });
        }
        all
    }

    fn change_something(keyspace: &mut Keyspace, rng: &mut Rng) {
        let db = rng.below(3);
        let key = format!("{:>width$}", rng.below(2000), width = [4, 300][rng.below(2)]);
        let (key, number) = (key.as_bytes(), rng.below(1000) as i64);
        let ttl = Expiry::At(keyspace.now() + number);
        match rng.below(16) {
            0..3 => _ = keyspace.db(db).update_int(key, |_| Ok::<_, ()>(number)),
            3 => keyspace.db(db).set(key, &vec![b'v'; number as usize * 2], ttl),
            4..7 => {
                let limits = Limits { intset_entries: 2, listpack_entries: 4, listpack_value: 64 };
                let add = |set: &mut Set| set.add(Item::Int(number), &limits);
                let _ = keyspace.db(db).change(key, add);
            }
            7 => _ = keyspace.db(db).change_old(key, |set: &mut Set| *set = Set::default()),
            8 if keyspace.db(db).read(key).is_some_and(|v| matches!(v, ValueRef::String(_))) => {
                keyspace.db(db).string_mut(key, number as usize).fill(b'x');
            }
            8 | 9 => _ = keyspace.db(db).remove(key),
            10 => {
                let deadline = keyspace.now() + 5;
                keyspace.db(db).set_deadline(key, Some(deadline));
            }
            11 => _ = keyspace.move_key(db, rng.below(3), key),
            12 => _ = keyspace.rename(db, key, format!("{:>4}", rng.below(2000)).as_bytes()),
            13 => _ = keyspace.copy_key(db, key, (db + 1) % 3, key, true),
            14 => _ = keyspace.evict(5),
            _ => {
                keyspace.set_now(keyspace.now() + number / 100);
                keyspace.expire_due(50);
                keyspace.compact();
            }
        }
    }

    fn filled(rng: &mut Rng) -> Keyspace {
        let mut keyspace = Keyspace::new(3, rng.u64());
        keyspace.set_now(START);
        keyspace.set_policy(Policy { scope: Scope::All, ..Policy::default() });
        (0..20_000).for_each(|_| change_something(&mut keyspace, rng));
        keyspace
    }

    fn begin(keyspace: &mut Keyspace) -> All {
        let all = All::default();
        keyspace.begin_walk(Box::new(Collect { all: Rc::clone(&all), parts: 0 }));
        all
    }

    fn finish(keyspace: &mut Keyspace) {
        while keyspace.walk(100) {}
    }

    #[test]
    fn a_walk_hands_out_what_was_there_at_its_start_whatever_happens_meanwhile() {
        let seed = os_seed();
        println!("seed {seed}");
        let mut rng = Rng::seeded(seed);
        let mut keyspace = filled(&mut rng);
        for round in 0..6 {
            // A walk hands out what is past its deadline as well; `contents` does not know it.
            while keyspace.expire_due(1000) {}
            let expected = contents(&mut keyspace);
            let taken = begin(&mut keyspace);
            loop {
                (0..rng.below(300)).for_each(|_| change_something(&mut keyspace, &mut rng));
                match rng.below(60) {
                    0 => keyspace.swap(rng.below(3), rng.below(3)),
                    1 if round % 2 == 0 => {
                        _ = keyspace.flush(Some(rng.below(3)), FlushMode::Async);
                    }
                    _ => {}
                }
                if !keyspace.walk(20) {
                    break;
                }
            }
            assert_eq!(*taken.borrow(), expected, "round {round}");
            (0..5000).for_each(|_| change_something(&mut keyspace, &mut rng));
        }
    }

    #[test]
    fn what_a_flush_throws_away_is_walked_and_then_freed() {
        let mut keyspace = filled(&mut Rng::seeded(1));
        let expected = contents(&mut keyspace);
        let taken = begin(&mut keyspace);
        keyspace.walk(100);
        keyspace.flush(None, FlushMode::Sync);
        keyspace.db(0).set(b"new", b"v", Expiry::Clear);
        assert!(keyspace.is_walking() && contents(&mut keyspace).len() == 1);
        finish(&mut keyspace);
        assert_eq!(*taken.borrow(), expected);
        while keyspace.lazyfree(100) {}
        assert!(!keyspace.has_garbage());
    }

    #[test]
    fn a_walk_that_was_given_up_takes_nothing_more_and_leaves_no_marks() {
        let mut keyspace = filled(&mut Rng::seeded(2));
        let taken = begin(&mut keyspace);
        let mut rng = Rng::seeded(3);
        (0..2000).for_each(|_| change_something(&mut keyspace, &mut rng));
        keyspace.walk(100);
        let count = taken.borrow().len();
        keyspace.abandon_walk();
        assert!(keyspace.is_walking());
        finish(&mut keyspace);
        assert_eq!(taken.borrow().len(), count);
        let expected = contents(&mut keyspace);
        let taken = begin(&mut keyspace);
        finish(&mut keyspace);
        assert_eq!(*taken.borrow(), expected);
    }

    #[test]
    fn an_empty_data_set_is_walked_at_once() {
        let mut keyspace = Keyspace::new(2, 1);
        begin(&mut keyspace);
        assert!(!keyspace.is_walking() && !keyspace.walk(1));
    }
}
