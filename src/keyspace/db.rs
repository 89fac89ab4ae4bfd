//! One database: lookups that honour deadlines, and every change of a key.
//!
//! Invariant: replies nothing and propagates nothing; every change passes through here, so that
//! watchers learn of it.

use std::cell::Cell;
use std::rc::Rc;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};

use crate::ds::arena::Ref;
use crate::ds::dict::Dict;
use crate::ds::segments::Round;
use crate::keyspace::entry::Clock;
use crate::keyspace::journal::Happening;
use crate::keyspace::shared::{Facts, Shared, bump};
use crate::keyspace::store::{Content, Parcel, Store};
use crate::keyspace::watch::Watched;
use crate::types::{Collection, Encoding, Value, ValueRef, ValueType};

/// Keys of a smaller database and elements of a smaller collection lie in the cache anyway.
const PREFETCH_LEN_MIN: usize = 4096;

/// The hash of a key, to be looked up soon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyHash(u64);

/// What a write does to the deadline of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The key has none afterwards.
    Clear,
    /// It stays as it is.
    Keep,
    /// The key is gone after this unix time in milliseconds.
    At(i64),
}

/// What is known of a key besides its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    pub value_type: ValueType,
    pub encoding: Encoding,
    /// Seconds since the last use; meaningful under an LRU policy.
    pub idle_seconds: u64,
    /// The LFU counter after its decay; meaningful under an LFU policy.
    pub frequency: u8,
    /// The 24 bits of the LRU or LFU clock.
    pub clock: u32,
    /// Bytes that the key and its value account for.
    pub memory_bytes: usize,
    /// Unix milliseconds.
    pub deadline: Option<i64>,
}

/// What became of a key whose collection was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It was there and still is.
    Kept,
    /// It was not there and now is.
    Created,
    /// It was there; without elements it is gone.
    Removed,
    /// It was not there and still is not.
    Absent,
}

/// The key holds a value of another type than the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

/// One database.
pub struct Db {
    pub(super) shared: Rc<Shared>,
    pub(super) index: usize,
    pub(super) store: Store,
    pub(super) watched: Watched,
    /// Where eviction looks for keys next.
    pub(super) round: Round,
    /// Keys that clients wait for.
    awaited: HashSet<Box<[u8]>, RandomState>,
    /// Those of them whose end somebody wants to know of as well, and how many do.
    awaited_ends: HashMap<Box<[u8]>, usize, RandomState>,
}

/// A key that was found, and is not gone.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub hash: u64,
    pub at: Ref,
}

impl Db {
    pub(super) fn new(shared: Rc<Shared>, index: usize) -> Db {
        let store = Store::new(Rc::clone(&shared));
        let (watched, round) = (Watched::default(), Round::default());
        let (awaited, awaited_ends) = (HashSet::default(), HashMap::default());
        Db { shared, index, store, watched, round, awaited, awaited_ends }
    }

    /// Looks a key up for reading: counts a hit or a miss and marks the key as used.
    #[inline(always)]
    pub fn read(&mut self, key: &[u8]) -> Option<ValueRef<'_>> {
        let at = self.locate_to_read(key)?;
        Some(self.store.value(at))
    }

    /// Looks several keys up for reading, to have all their values at once. Ends with the first
    /// value that `check` refuses: the keys behind that are not looked up.
    pub fn read_all<'k, E>(
        &mut self,
        keys: impl Iterator<Item = &'k [u8]>,
        check: impl Fn(ValueRef<'_>) -> Result<(), E>,
    ) -> Result<Vec<Option<ValueRef<'_>>>, E> {
        let mut found: Vec<Option<Ref>> = Vec::with_capacity(keys.size_hint().0);
        for key in keys {
            let at = self.locate_to_read(key);
            at.map_or(Ok(()), |at| check(self.store.value(at)))?;
            found.push(at);
        }
        // Removing a key that is past its deadline left the entries of others where they are.
        Ok(found.into_iter().map(|at| at.map(|at| self.store.value(at))).collect())
    }

    /// Looks a key up for reading without using it: counts a hit or a miss, leaves its clock alone.
    pub fn look(&mut self, key: &[u8]) -> Option<ValueRef<'_>> {
        let Some(found) = self.locate(key) else {
            self.missed(key);
            return None;
        };
        bump(&self.shared.hits);
        Some(self.store.value(found.at))
    }

    /// As [`Db::look`], and that the key is not there is nothing that others would learn of.
    pub fn examine(&mut self, key: &[u8]) -> Option<ValueRef<'_>> {
        let found = self.locate(key);
        bump(if found.is_some() { &self.shared.hits } else { &self.shared.misses });
        found.map(|found| self.store.value(found.at))
    }

    /// Looks a key up without a trace: no statistics, no mark.
    pub fn peek(&mut self, key: &[u8]) -> Option<ValueRef<'_>> {
        let found = self.locate(key)?;
        Some(self.store.value(found.at))
    }

    /// Looks a key up for writing: marks it as used, counts nothing.
    pub fn write_lookup(&mut self, key: &[u8]) -> Option<ValueRef<'_>> {
        let found = self.locate(key)?;
        self.touch_clock(found.at);
        Some(self.store.value(found.at))
    }

    /// Whether the key is there, with the statistics and the mark of [`Db::read`].
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.read(key).is_some()
    }

    /// Sets `key` to `value`; kept as a number when it is the exact text of one.
    pub fn set(&mut self, key: &[u8], value: &[u8], expiry: Expiry) {
        self.put(key, Content::of_text(value), expiry);
    }

    /// Sets `key` to the number that `next` makes of what is there; its deadline stays.
    ///
    /// # Errors
    /// Those of `next`; nothing was changed then.
    pub fn update_int<E>(
        &mut self,
        key: &[u8],
        next: impl FnOnce(Option<ValueRef<'_>>) -> Result<i64, E>,
    ) -> Result<i64, E> {
        let found = self.locate(key);
        found.inspect(|found| self.touch_clock(found.at));
        let number = next(found.map(|found| self.store.value(found.at)))?;
        match found {
            Some(Found { hash, at }) if self.store.set_number(hash, at, number) => {
                self.touch_watched(key);
            }
            _ => self.put_found(found, key, Content::Int(number), Expiry::Keep),
        }
        Ok(number)
    }

    /// Sets `key` to text that is not to be taken for a number, as INCRBYFLOAT does.
    pub fn set_text(&mut self, key: &[u8], value: &[u8], expiry: Expiry) {
        self.put(key, Content::Text(value, Encoding::of_text(value.len())), expiry);
    }

    /// Sets `key` to text in the encoding `raw` whatever its length, as BITOP does; a value too
    /// large for an entry is kept without a copy.
    pub fn set_raw(&mut self, key: &[u8], value: Vec<u8>, expiry: Expiry) {
        let content = Content::Value(Value::Bytes(value), Encoding::Raw);
        self.put(key, content, expiry);
    }

    /// As [`Db::set`]; a value too large for an entry is kept without a copy.
    pub fn set_vec(&mut self, key: &[u8], value: Vec<u8>, expiry: Expiry) {
        self.put(key, Value::Bytes(value).into(), expiry);
    }

    /// Runs `change` on the collection at `key`, or on an empty one when the key is missing.
    /// Afterwards a collection without elements is no key. Its deadline stays. Watchers are not
    /// told.
    ///
    /// # Errors
    /// Another type is there; nothing was changed then.
    #[inline]
    pub fn change<C: Collection, T>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut C) -> T,
    ) -> Result<(T, After), WrongType> {
        if let Some(found) = self.locate(key) {
            return self.change_found(found, key, change);
        }
        let mut collection = C::default();
        let result = change(&mut collection);
        let value = collection.into();
        if value.is_empty_collection() {
            return Ok((result, After::Absent));
        }
        self.put_value(key, value, Expiry::Clear);
        Ok((result, After::Created))
    }

    /// As [`Db::change`] where the key is there, else nothing.
    ///
    /// # Errors
    /// As [`Db::change`].
    #[inline]
    pub fn change_old<C: Collection, T>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut C) -> T,
    ) -> Result<Option<(T, After)>, WrongType> {
        let Some(found) = self.locate(key) else { return Ok(None) };
        self.change_found(found, key, change).map(Some)
    }

    #[inline]
    fn change_found<C: Collection, T>(
        &mut self,
        Found { hash, at }: Found,
        key: &[u8],
        change: impl FnOnce(&mut C) -> T,
    ) -> Result<(T, After), WrongType> {
        self.touch_clock(at);
        if self.store.entry(at).value_type() != C::TYPE {
            return Err(WrongType);
        }
        self.expire_fields_first(hash, at);
        let change = |value: &mut Value| change(C::of(value).expect("an entry knows its type"));
        let (result, remains) = self.store.change(hash, key, at, change);
        if !remains {
            self.discard(hash, at);
            return Ok((result, After::Removed));
        }
        Ok((result, After::Kept))
    }

    /// Puts `value` under `key` in the place of what is there.
    pub fn put_value(&mut self, key: &[u8], value: Value, expiry: Expiry) {
        let encoding = value.encoding();
        self.put(key, Content::Value(value, encoding), expiry);
    }

    /// Puts what a file or payload says of `key`; false, and nothing put, when the key is there and
    /// may not be replaced.
    pub fn load(&mut self, key: &[u8], content: Content<'_>, facts: Facts, replace: bool) -> bool {
        let found = self.locate(key);
        match found {
            Some(_) if !replace => return false,
            Some(_) => {}
            None => self.shared.journal.record(Happening::New, self.index, key),
        }
        let clock = self.shared.clock_of(facts.usage);
        let clock = clock.unwrap_or_else(|| self.shared.clock_new());
        self.put_with(found, key, content, facts.deadline, clock);
        true
    }

    /// Makes room for `keys` in a database that never held one, and takes the memory of their table at
    /// once; does nothing in any other.
    pub fn reserve(&mut self, keys: usize) {
        self.store.reserve(keys);
    }

    /// The bytes of the string at `key`, lengthened with zeroes to at least `len`, to be changed;
    /// an empty string is created when the key is missing. Its encoding is `raw` afterwards, its
    /// deadline stays. The caller checked that it is a string and that `len` is allowed.
    pub fn string_mut(&mut self, key: &[u8], len: usize) -> &mut [u8] {
        if self.locate(key).is_none() {
            self.put(key, Content::Text(&[], Encoding::Raw), Expiry::Clear);
        }
        self.touch_watched(key);
        let hash = self.shared.hash(key);
        let at = self.store.find(hash, key).expect("the key was found or created");
        self.touch_clock(at);
        self.store.string_mut(hash, key, at, len)
    }

    /// Gives the string at `key`, if there is one, the encoding `raw`. Its value is what it was, so
    /// watchers hear nothing. The caller checked that it is a string.
    pub fn make_raw(&mut self, key: &[u8]) {
        if let Some(found) = self.locate(key) {
            self.store.string_mut(found.hash, key, found.at, 0);
        }
    }

    /// Removes `key`; false when it was not there. A value that takes long to be freed is freed in
    /// slices.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let Some(found) = self.locate(key) else { return false };
        self.discard(found.hash, found.at);
        true
    }

    /// The deadline of `key` in unix milliseconds: `None` without the key, `Some(None)` without a
    /// deadline. Leaves no trace.
    pub fn deadline(&mut self, key: &[u8]) -> Option<Option<i64>> {
        let found = self.locate(key)?;
        Some(self.store.entry(found.at).deadline())
    }

    /// Gives `key` the deadline `at`, or none; false when the key is not there.
    pub fn set_deadline(&mut self, key: &[u8], at: Option<i64>) -> bool {
        let Some(found) = self.locate(key) else { return false };
        self.store.set_deadline(found.hash, found.at, at);
        self.touch_watched(key);
        true
    }

    /// The type of the value at `key`. Leaves no trace.
    pub fn value_type(&mut self, key: &[u8]) -> Option<ValueType> {
        let found = self.locate(key)?;
        Some(self.store.entry(found.at).value_type())
    }

    /// What is known of `key`. Leaves no trace.
    pub fn info(&mut self, key: &[u8]) -> Option<KeyInfo> {
        let Found { at, .. } = self.locate(key)?;
        let entry = self.store.entry(at);
        let clock = entry.clock();
        let [a, b, c] = clock;
        Some(KeyInfo {
            value_type: entry.value_type(),
            encoding: entry.encoding(),
            idle_seconds: self.shared.idle_seconds(clock),
            frequency: self.shared.lfu_counter(clock),
            clock: u32::from_le_bytes([a, b, c, 0]),
            memory_bytes: self.store.memory_of(at),
            deadline: entry.deadline(),
        })
    }

    /// Whether `key` is there but past its deadline. Removes nothing.
    pub fn is_expired(&self, key: &[u8]) -> bool {
        let hash = self.shared.hash(key);
        self.shared.marks.see(hash);
        let Some(at) = self.store.find(hash, key) else { return false };
        self.store.is_gone(at)
    }

    /// Keys, those past their deadline and not yet removed included.
    pub fn len(&self) -> usize {
        self.shared.marks.see_all();
        self.store.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keys with a deadline.
    pub fn expires(&self) -> usize {
        self.shared.marks.see_all();
        self.store.expires()
    }

    /// The mean time to live of the keys with a deadline, in milliseconds; 0 without such keys.
    pub fn avg_ttl(&self) -> i64 {
        let Ok(count @ 1..) = i128::try_from(self.expires()) else { return 0 };
        let mean = self.store.deadline_sum() / count - i128::from(self.shared.now.get());
        i64::try_from(mean.max(0)).unwrap_or(i64::MAX)
    }

    /// The hash of `key`, for the prefetches.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        KeyHash(self.shared.hash(key))
    }

    /// Whether there are so many keys that they have to be prefetched.
    #[inline]
    pub fn is_worth_prefetching(&self) -> bool {
        self.len() >= PREFETCH_LEN_MIN
    }

    /// Asks for the memory of several keys that are about to be looked up one after the other.
    pub fn prefetch_all<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) {
        const STEP: usize = 32;
        if !self.is_worth_prefetching() {
            return;
        }
        let mut keys = keys.map(|key| self.hash(key));
        loop {
            let (mut hashes, mut count) = ([KeyHash::default(); STEP], 0);
            for (place, hash) in hashes.iter_mut().zip(&mut keys) {
                *place = hash;
                count += 1;
                self.prefetch_segment(hash);
            }
            hashes[..count].iter().for_each(|&hash| self.prefetch_entry(hash));
            if count < STEP {
                return;
            }
        }
    }

    /// First step of a prefetch: hints at the piece of the table that knows the key.
    #[inline]
    pub fn prefetch_segment(&self, hash: KeyHash) {
        self.store.table().prefetch(hash.0);
    }

    /// Second step, once the first has had time: hints at the entries that may be the key's.
    #[inline]
    pub fn prefetch_entry(&self, hash: KeyHash) {
        self.store.prefetch_entry(hash.0);
    }

    /// Third step, for a key whose value is a collection: what keeps its elements by name, if they
    /// are so many that they have to be prefetched as well. Leaves no trace.
    #[inline]
    pub fn elements(&self, hash: KeyHash, key: &[u8]) -> Option<&Dict> {
        let at = self.store.find(hash.0, key)?;
        self.store.value(at).dict().filter(|dict| dict.len() >= PREFETCH_LEN_MIN)
    }

    /// Sets `flag` when `key` changes from now on; false if it did so already.
    pub fn watch(&mut self, key: &[u8], flag: &Rc<Cell<bool>>) -> bool {
        let expired = self.is_expired(key);
        self.watched.add(key, flag, expired)
    }

    /// Ends [`Db::watch`].
    pub fn unwatch(&mut self, key: &[u8], flag: &Rc<Cell<bool>>) {
        self.watched.remove(key, flag);
    }

    /// Whether `key` passed its deadline since `flag` began to watch it: EXEC must fail then, even
    /// though nobody has removed the key yet.
    pub fn watch_expired(&self, key: &[u8], flag: &Rc<Cell<bool>>) -> bool {
        self.is_expired(key) && self.watched.is_watched_live(key, flag)
    }

    /// Tells the watchers of `key` that it changed. Every change made here does so by itself.
    #[inline]
    pub fn touch_watched(&mut self, key: &[u8]) {
        if !self.watched.is_empty() {
            let exists = self.store.find(self.shared.hash(key), key).is_some();
            self.watched.touch(key, exists);
        }
    }

    /// Finds `key`, counts a hit or a miss and marks the key as used.
    #[inline(always)]
    fn locate_to_read(&mut self, key: &[u8]) -> Option<Ref> {
        let Some(found) = self.locate(key) else {
            self.missed(key);
            return None;
        };
        bump(&self.shared.hits);
        self.touch_clock(found.at);
        Some(found.at)
    }

    /// As [`Db::touch_watched`], by the entry of a key that is there.
    pub(super) fn touch_watched_at(&mut self, at: Ref) {
        if !self.watched.is_empty() {
            let key = self.store.key(at).to_vec();
            self.watched.touch(&key, true);
        }
    }

    /// Records what happened to the key at `at`.
    pub(super) fn record_at(&self, happening: Happening, at: Ref) {
        self.shared.journal.record(happening, self.index, self.store.key(at));
    }

    /// Finds `key`; one past its deadline is removed and not found.
    #[inline(always)]
    pub(super) fn locate(&mut self, key: &[u8]) -> Option<Found> {
        let hash = self.shared.hash(key);
        self.shared.marks.see(hash);
        let at = self.store.find(hash, key)?;
        if self.store.entry(at).may_be_gone() && self.store.is_gone(at) {
            self.expire(hash, at);
            return None;
        }
        Some(Found { hash, at })
    }

    /// Puts `content` under `key`, whether it is there or not.
    pub(super) fn put(&mut self, key: &[u8], content: Content<'_>, expiry: Expiry) {
        let found = self.locate(key);
        self.put_found(found, key, content, expiry);
    }

    /// As [`Db::put`], for a key that was looked up.
    fn put_found(
        &mut self,
        found: Option<Found>,
        key: &[u8],
        content: Content<'_>,
        expiry: Expiry,
    ) {
        let clock = match found {
            Some(found) if self.shared.policy.get().is_lfu() => {
                self.shared.clock_used(self.store.entry(found.at).clock())
            }
            _ => self.shared.clock_new(),
        };
        let at = found.map(|found| found.at);
        let deadline = match expiry {
            Expiry::Clear => None,
            Expiry::Keep => at.and_then(|at| self.store.entry(at).deadline()),
            Expiry::At(deadline) => Some(deadline),
        };
        if found.is_none() {
            self.shared.journal.record(Happening::New, self.index, key);
        }
        self.put_with(found, key, content, deadline, clock);
    }

    pub(super) fn put_with(
        &mut self,
        found: Option<Found>,
        key: &[u8],
        content: Content<'_>,
        deadline: Option<i64>,
        clock: Clock,
    ) {
        let hash = found.map_or_else(|| self.shared.hash(key), |found| found.hash);
        let at = found.map(|found| found.at);
        let collection = matches!(&content, Content::Value(value, _) if value.is_collection());
        self.store.put(hash, key, at, content, deadline, clock);
        self.touch_watched(key);
        if collection {
            self.tell_awaited(key);
        } else if found.is_some() {
            self.tell_end(key);
        }
    }

    /// Makes [`Keyspace::take_awaited`](super::Keyspace::take_awaited) tell when `key` is put with a
    /// collection.
    pub fn await_key(&mut self, key: &[u8]) {
        self.awaited.insert(key.into());
    }

    /// Ends [`Db::await_key`], for all who await it.
    pub fn forget_key(&mut self, key: &[u8]) {
        self.awaited.remove(key);
        self.awaited_ends.remove(key);
    }

    /// Makes it tell as well when an awaited key goes or its value is replaced.
    pub fn await_end(&mut self, key: &[u8]) {
        *self.awaited_ends.entry(key.into()).or_default() += 1;
    }

    /// Ends [`Db::await_end`] for one of those who wanted it.
    pub fn forget_end(&mut self, key: &[u8]) {
        if let Some(count) = self.awaited_ends.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                self.awaited_ends.remove(key);
            }
        }
    }

    /// Keys whose end somebody wants to know of.
    pub fn awaited_ends(&self) -> usize {
        self.awaited_ends.len()
    }

    /// Whether somebody wants to know of the end of `key`.
    pub fn is_end_awaited(&self, key: &[u8]) -> bool {
        self.awaited_ends.contains_key(key)
    }

    /// Tells of `key` if it is awaited: what it holds is no longer what it was.
    #[inline]
    pub fn tell_awaited(&mut self, key: &[u8]) {
        if !self.awaited.is_empty() && self.awaited.contains(key) {
            self.shared.awaited.borrow_mut().push((self.index, key.into()));
        }
    }

    /// Tells of `key`, which goes or gets another value, if its end is awaited.
    fn tell_end(&self, key: &[u8]) {
        if self.is_end_awaited(key) {
            self.shared.awaited.borrow_mut().push((self.index, key.into()));
        }
    }

    /// Tells of all keys whose end is awaited: the database is emptied or exchanged.
    pub(super) fn tell_all_ends(&mut self) {
        let keys = self.awaited_ends.keys().map(|key| (self.index, key.clone()));
        self.shared.awaited.borrow_mut().extend(keys);
    }

    /// Tells of all awaited keys that are there, after the database's content was exchanged.
    pub(super) fn tell_all_awaited(&mut self) {
        for key in &self.awaited {
            if self.store.find(self.shared.hash(key), key).is_some() {
                self.shared.awaited.borrow_mut().push((self.index, key.clone()));
            }
        }
    }

    /// Puts what was taken or copied elsewhere under `key`.
    pub(super) fn put_parcel(&mut self, key: &[u8], parcel: Parcel) {
        let found = self.locate(key);
        self.shared.journal.record(Happening::New, self.index, key);
        self.put_with(found, key, parcel.content, parcel.deadline, parcel.clock);
    }

    /// Takes `key` out with all it holds.
    pub(super) fn take(&mut self, found: Found, key: &[u8]) -> Parcel {
        let parcel = self.store.take(found.hash, found.at);
        self.touch_watched(key);
        self.tell_end(key);
        parcel
    }

    /// Removes an entry with its value and tells its watchers.
    pub(super) fn discard(&mut self, hash: u64, at: Ref) {
        let followed = !self.watched.is_empty() || !self.awaited_ends.is_empty();
        let key = followed.then(|| self.store.key(at).to_vec());
        if let Some(value) = self.store.remove(hash, at) {
            self.shared.retire(value);
        }
        if let Some(key) = key {
            self.watched.touch(&key, false);
            self.tell_end(&key);
        }
    }

    fn missed(&self, key: &[u8]) {
        bump(&self.shared.misses);
        self.shared.journal.record(Happening::Missed, self.index, key);
    }

    #[inline(always)]
    fn touch_clock(&mut self, at: Ref) {
        if self.shared.touch.get() {
            let old = self.store.entry(at).clock();
            let new = self.shared.clock_used(old);
            // A store that changes nothing would still make the cache line dirty.
            if new != old {
                self.store.entry_mut(at).set_clock(new);
            }
        }
    }
}
