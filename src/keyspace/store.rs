//! The entries of one database and all that belongs to them: what SWAPDB exchanges and FLUSHDB
//! throws away.
//!
//! Invariant: does what it is told; knows nothing of watchers, statistics or the present time.

use std::cell::Cell;
use std::rc::Rc;

use crate::base::alloc;
use crate::ds::arena::{self, Arena, Ref};
use crate::ds::pool::Pool;
use crate::ds::segments::{Hashing, Segments};
use crate::keyspace::entry::{self, Clock, Draft, Entry, EntryMut, Part};
use crate::keyspace::expire::Timers;
use crate::keyspace::shared::{Facts, Shared};
use crate::keyspace::snapshot::WALKED;
use crate::types::integer;
use crate::types::{Encoding, StringRef, Value, ValueRef, ValueType};

/// Bytes of an arena that one slice of a demolition unmaps.
const DEMOLISH_BYTES: usize = 256 * 1024;
/// Chunks of timer records that one slice of a demolition drops.
const DEMOLISH_CHUNKS: usize = 256;

/// The entries of one database.
pub struct Store {
    shared: Rc<Shared>,
    table: Segments<Ref>,
    arena: Arena,
    keys: Pool<Box<[u8]>>,
    pub(super) values: Pool<Value>,
    pub timers: Timers,
    expires: usize,
    /// Of all deadlines, for their average.
    deadline_sum: i128,
    /// Hashes whose fields have a record in the wheel.
    pub(super) alarms: usize,
    /// Streams for which [`Value::has_uneven_consumers`].
    pub(super) uneven_streams: usize,
    /// How far a snapshot's walk has come; `WALKED` without one.
    pub(super) walked: u64,
    /// The number that the database had when the walk began.
    pub(super) walked_as: usize,
    /// The key, with its hash, of whose value a part was handed out.
    pub(super) parts: Option<(u64, Box<[u8]>)>,
    /// Entries at the start of a demolition.
    doomed: usize,
    /// Where small collections are changed; kept for its capacity.
    buffer: Cell<Vec<u8>>,
}

/// What a key is to hold.
pub enum Content<'a> {
    Int(i64),
    Text(&'a [u8], Encoding),
    Value(Value, Encoding),
}

impl<'a> Content<'a> {
    /// Text as it comes from outside: a number when it is the exact text of one.
    pub fn of_text(text: &'a [u8]) -> Content<'a> {
        match integer::parse(text) {
            Some(number) => Content::Int(number),
            None => Content::Text(text, Encoding::of_text(text.len())),
        }
    }
}

impl From<Value> for Content<'_> {
    /// A value as it comes from outside: a string is a number when it is the exact text of one.
    fn from(value: Value) -> Self {
        let number = match &value {
            Value::Bytes(text) => integer::parse(text),
            _ => None,
        };
        let encoding = value.encoding();
        number.map_or(Content::Value(value, encoding), Content::Int)
    }
}

/// An entry taken out of a store, or a copy of it.
pub struct Parcel {
    pub content: Content<'static>,
    pub deadline: Option<i64>,
    pub clock: Clock,
}

/// Reads keys through their entries.
struct Keys<'a> {
    shared: &'a Shared,
    arena: &'a Arena,
    keys: &'a Pool<Box<[u8]>>,
}

impl Hashing<Ref> for Keys<'_> {
    fn hash(&self, slot: &Ref) -> u64 {
        self.shared.hash(key_bytes(self.arena, self.keys, *slot))
    }

    fn prefetch(&self, slot: &Ref) {
        self.arena.prefetch(*slot);
    }
}

#[inline]
fn key_bytes<'a>(arena: &'a Arena, keys: &'a Pool<Box<[u8]>>, at: Ref) -> &'a [u8] {
    match Entry(arena.bytes(at)).key() {
        Part::Inline(key) => key,
        Part::Outside(id) => keys.get(id).expect("a long key is in its pool"),
    }
}

impl Store {
    pub fn new(shared: Rc<Shared>) -> Store {
        Store {
            shared,
            table: Segments::default(),
            arena: Arena::default(),
            keys: Pool::default(),
            values: Pool::default(),
            timers: Timers::default(),
            expires: 0,
            deadline_sum: 0,
            alarms: 0,
            uneven_streams: 0,
            walked: WALKED,
            walked_as: 0,
            parts: None,
            doomed: 0,
            buffer: Cell::default(),
        }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub fn table(&self) -> &Segments<Ref> {
        &self.table
    }

    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// Gives empty pages of entries back to the system.
    pub fn give_back_spare(&mut self) {
        self.arena.give_back_spare();
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Lays the table out, as [`Segments::reserve`] does.
    pub fn reserve(&mut self, keys: usize) {
        self.table.reserve(keys);
    }

    pub fn expires(&self) -> usize {
        self.expires
    }

    /// Keys that have a record in the wheel, those with two twice.
    pub fn timed(&self) -> usize {
        self.expires + self.alarms
    }

    /// The time.
    pub fn now(&self) -> i64 {
        self.shared.now.get()
    }

    /// The time by which deadlines are judged.
    pub fn horizon(&self) -> i64 {
        self.shared.horizon.get()
    }

    /// Whether `deadline` has passed.
    pub fn is_past(&self, deadline: i64) -> bool {
        self.shared.is_past(deadline)
    }

    pub fn deadline_sum(&self) -> i128 {
        self.deadline_sum
    }

    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Ref> {
        self.table.find(hash, |&at| key_bytes(&self.arena, &self.keys, at) == key)
    }

    #[inline]
    pub fn entry(&self, at: Ref) -> Entry<'_> {
        Entry(self.arena.bytes(at))
    }

    #[inline]
    pub fn entry_mut(&mut self, at: Ref) -> EntryMut<'_> {
        EntryMut(self.arena.bytes_mut(at))
    }

    #[inline]
    pub fn key(&self, at: Ref) -> &[u8] {
        key_bytes(&self.arena, &self.keys, at)
    }

    #[inline]
    pub fn hash_of(&self, at: Ref) -> u64 {
        self.shared.hash(self.key(at))
    }

    #[inline(always)]
    pub fn value(&self, at: Ref) -> ValueRef<'_> {
        let entry = self.entry(at);
        match entry.value() {
            Part::Inline(bytes) => {
                ValueRef::from_packed(entry.value_type(), entry.encoding(), bytes)
            }
            Part::Outside(id) => self.outside(id).as_ref(),
        }
    }

    /// What is said about the key at `at` besides its value.
    pub fn facts(&self, at: Ref) -> Facts {
        let entry = self.entry(at);
        Facts { deadline: entry.deadline(), usage: self.shared.usage(entry.clock()) }
    }

    /// Visits entries from `cursor` on, in the manner of [`Segments::scan`].
    pub fn scan(&self, cursor: u64, count: usize, visit: impl FnMut(Ref)) -> u64 {
        let Store { shared, table, arena, keys, .. } = self;
        table.scan(cursor, count, &Keys { shared, arena, keys }, visit)
    }

    pub(super) fn outside(&self, id: u32) -> &Value {
        self.values.get(id).expect("a value outside is in its pool")
    }

    /// Puts `content` under `key`: into `old`, which is that key's entry, or a new one.
    pub fn put(
        &mut self,
        hash: u64,
        key: &[u8],
        old: Option<Ref>,
        content: Content<'_>,
        deadline: Option<i64>,
        clock: Clock,
    ) {
        if let Some(at) = old {
            self.preserve(hash, at);
        }
        let old_deadline = old.and_then(|at| self.entry(at).deadline());
        let old_key = old.map(|at| self.entry(at).draft());
        let (old_key_id, old_value_id) = match old_key {
            Some(draft) => (outside_id(draft.key), outside_id(draft.value)),
            None => (None, None),
        };
        let key_part = match old_key_id {
            Some(id) => Part::Outside(id),
            None if entry::key_fits(key.len()) => Part::Inline(key),
            None => Part::Outside(self.keys.insert(key.into())),
        };
        let draft = Draft {
            value_type: ValueType::String,
            encoding: Encoding::Int,
            clock,
            deadline,
            key: key_part,
            value: Part::Inline(&[]),
        };
        if let Some(id) = old_value_id {
            self.leave_books(hash, id);
        }
        self.put_value(hash, old, draft, content, old_value_id);
        self.account_deadline(hash, old_deadline, deadline);
    }

    /// Decides where the value of `draft` stands and writes the entry.
    fn put_value(
        &mut self,
        hash: u64,
        old: Option<Ref>,
        draft: Draft<'_>,
        content: Content<'_>,
        old_value: Option<u32>,
    ) {
        let (value, encoding) = match content {
            Content::Int(number) => {
                let (bytes, len) = integer::pack(number);
                let value = Part::Inline(&bytes[..len]);
                self.drop_value(old_value);
                return self.write(hash, old, Draft { value, ..draft });
            }
            Content::Text(text, encoding) => {
                let inline = Draft { value: Part::Inline(text), encoding, ..draft };
                if inline.fits() {
                    self.drop_value(old_value);
                    return self.write(hash, old, inline);
                }
                (Value::Bytes(text.to_vec()), encoding)
            }
            Content::Value(value, encoding) => (value, encoding),
        };
        let value_type = value.value_type();
        if let Some(packed) = value.packed() {
            let inline = Draft { value: Part::Inline(packed), value_type, encoding, ..draft };
            if inline.fits() {
                self.drop_value(old_value);
                return self.write(hash, old, inline);
            }
        }
        let id = match old_value {
            Some(id) => {
                let old = self.values.get_mut(id).expect("a value outside is in its pool");
                self.shared.retire(std::mem::replace(old, value));
                id
            }
            None => self.values.insert(value),
        };
        self.enter_books(hash, id);
        let value = Part::Outside(id);
        self.write(hash, old, Draft { value, value_type, encoding, ..draft });
    }

    /// Enters what has to be known about all values into the books, for a new one.
    fn enter_books(&mut self, hash: u64, id: u32) {
        self.set_alarm(hash, id);
        self.uneven_streams += usize::from(self.outside(id).has_uneven_consumers());
    }

    /// Takes out of the books what [`Store::enter_books`] entered: the value goes.
    fn leave_books(&mut self, hash: u64, id: u32) {
        self.leave_alarm(hash, id);
        self.uneven_streams -= usize::from(self.outside(id).has_uneven_consumers());
    }

    fn drop_value(&mut self, id: Option<u32>) {
        if let Some(value) = id.and_then(|id| self.values.remove(id)) {
            self.shared.retire(value);
        }
    }

    /// Writes an entry: over `old` when the slot has the right size, else into a new slot.
    fn write(&mut self, hash: u64, old: Option<Ref>, draft: Draft<'_>) {
        let bytes = arena::slot_bytes(draft.len());
        let place = old.filter(|&at| arena::slot_bytes(self.entry(at).len()) == bytes);
        let at = place.unwrap_or_else(|| self.arena.alloc(bytes));
        draft.write(self.arena.bytes_mut(at));
        self.shared.marks.mark(hash);
        if self.is_unwalked(hash) {
            self.entry_mut(at).set_ahead(true);
        }
        if place.is_some() {
            return;
        }
        match old {
            Some(old) => {
                self.table.replace(hash, old, at);
                self.arena.free(old);
            }
            None => {
                let Store { shared, table, arena, keys, .. } = self;
                table.insert(hash, at, &Keys { shared, arena, keys });
            }
        }
    }

    /// Writes a number over the one in the entry at `at`; false, and nothing written, when there is
    /// none or it takes another number of bytes.
    pub fn set_number(&mut self, hash: u64, at: Ref, number: i64) -> bool {
        let (bytes, len) = integer::pack(number);
        let entry = self.entry(at);
        if entry.encoding() != Encoding::Int || entry.value_len() != len {
            return false;
        }
        self.preserve(hash, at);
        self.entry_mut(at).into_value().copy_from_slice(&bytes[..len]);
        true
    }

    /// Keeps the books on a deadline that changed and files it where no earlier record stands.
    fn account_deadline(&mut self, hash: u64, old: Option<i64>, new: Option<i64>) {
        self.expires -= usize::from(old.is_some());
        self.deadline_sum -= i128::from(old.unwrap_or(0));
        self.expires += usize::from(new.is_some());
        self.deadline_sum += i128::from(new.unwrap_or(0));
        if old.is_some_and(|old| new.is_none_or(|new| new < old)) {
            self.timers.leave(hash, self.timed());
        }
        if let Some(new) = new
            && old.is_none_or(|old| new < old)
        {
            self.timers.file(hash, new, self.shared.now.get());
        }
    }

    /// Changes the deadline of the entry at `at`.
    pub fn set_deadline(&mut self, hash: u64, at: Ref, deadline: Option<i64>) {
        self.preserve(hash, at);
        let old = self.entry(at).deadline();
        if !self.entry_mut(at).set_deadline(deadline) {
            // The width differs: the entry is written anew from a copy.
            let mut copy = [0u8; arena::SLOT_BYTES_MAX];
            let entry = self.entry(at);
            let len = entry.len();
            copy[..len].copy_from_slice(&entry.0[..len]);
            let draft = Draft { deadline, ..Entry(&copy).draft() };
            if draft.fits() {
                self.write(hash, Some(at), draft);
            } else {
                self.move_outside(hash, at, draft);
            }
        }
        self.account_deadline(hash, old, deadline);
    }

    /// Writes `draft` over `at` with its inline value moved out, where it no longer fits.
    fn move_outside(&mut self, hash: u64, at: Ref, draft: Draft<'_>) {
        let Part::Inline(bytes) = draft.value else {
            unreachable!("an entry without a value fits");
        };
        let value = Value::from_packed(draft.value_type, draft.encoding, bytes.to_vec());
        let id = self.values.insert(value);
        self.write(hash, Some(at), Draft { value: Part::Outside(id), ..draft });
    }

    /// Takes the entry at `at` out; its value too when that stood outside.
    pub fn remove(&mut self, hash: u64, at: Ref) -> Option<Value> {
        self.preserve(hash, at);
        let draft = self.entry(at).draft();
        let (key, value, deadline) =
            (outside_id(draft.key), outside_id(draft.value), draft.deadline);
        let Store { shared, table, arena, keys, .. } = self;
        let removed = table.remove(hash, |&slot| slot == at, &Keys { shared, arena, keys });
        debug_assert!(removed.is_some());
        self.arena.free(at);
        if let Some(id) = key {
            self.keys.remove(id);
        }
        self.account_deadline(hash, deadline, None);
        self.leave_books(hash, value?);
        self.values.remove(value?)
    }

    /// Takes the entry at `at` out, to be put elsewhere.
    pub fn take(&mut self, hash: u64, at: Ref) -> Parcel {
        let mut parcel = self.parcel(at, |_| Value::Bytes(Vec::new()));
        let encoding = self.entry(at).encoding();
        if let Some(value) = self.remove(hash, at) {
            parcel.content = Content::Value(value, encoding);
        }
        parcel
    }

    /// A deep copy of the entry at `at`.
    pub fn copy(&self, at: Ref) -> Parcel {
        self.parcel(at, Value::clone)
    }

    fn parcel(&self, at: Ref, outside: impl FnOnce(&Value) -> Value) -> Parcel {
        let entry = self.entry(at);
        let content = match entry.value() {
            Part::Inline(bytes) if entry.encoding() == Encoding::Int => {
                Content::Int(integer::unpack(bytes))
            }
            Part::Inline(bytes) => {
                let (value_type, encoding) = (entry.value_type(), entry.encoding());
                let value = Value::from_packed(value_type, encoding, bytes.to_vec());
                Content::Value(value, encoding)
            }
            Part::Outside(id) => Content::Value(outside(self.outside(id)), entry.encoding()),
        };
        Parcel { content, deadline: entry.deadline(), clock: entry.clock() }
    }

    /// Runs `change` on the collection at `at`, the entry of `key`; the entry then holds what it
    /// left. False, and nothing written, when it left nothing: the entry is to be removed.
    ///
    /// A value that lies in its entry is changed in a buffer and written back, at most 1 KiB each
    /// way; one outside is changed where it is.
    pub fn change<T>(
        &mut self,
        hash: u64,
        key: &[u8],
        at: Ref,
        change: impl FnOnce(&mut Value) -> T,
    ) -> (T, bool) {
        self.preserve(hash, at);
        let entry = self.entry(at);
        let (value_type, old_encoding) = (entry.value_type(), entry.encoding());
        let id = match entry.value() {
            Part::Inline(bytes) => {
                let mut buffer = self.buffer.take();
                buffer.clear();
                buffer.extend_from_slice(bytes);
                let mut value = Value::from_packed(value_type, old_encoding, buffer);
                let result = change(&mut value);
                let remains = !value.is_empty_collection();
                if remains {
                    self.rewrite(hash, key, at, value);
                }
                return (result, remains);
            }
            Part::Outside(id) => id,
        };
        let value = self.values.get_mut(id).expect("a value outside is in its pool");
        let was_uneven = value.has_uneven_consumers();
        let result = change(value);
        let (remains, encoding) = (!value.is_empty_collection(), value.encoding());
        let is_uneven = value.has_uneven_consumers();
        self.uneven_streams =
            self.uneven_streams + usize::from(is_uneven) - usize::from(was_uneven);
        if encoding != old_encoding {
            self.entry_mut(at).set_encoding(encoding);
        }
        if encoding == Encoding::Hashtable {
            self.set_alarm(hash, id);
        }
        (result, remains)
    }

    /// Puts a changed value in the place of the one that lies in the entry at `at`.
    fn rewrite(&mut self, hash: u64, key: &[u8], at: Ref, value: Value) {
        let old = self.entry(at).draft();
        let key = match old.key {
            Part::Inline(_) => Part::Inline(key),
            Part::Outside(id) => Part::Outside(id),
        };
        let draft = Draft {
            value_type: old.value_type,
            encoding: value.encoding(),
            clock: old.clock,
            deadline: old.deadline,
            key,
            value: Part::Inline(&[]),
        };
        if let Some(packed) = value.packed() {
            let inline = Draft { value: Part::Inline(packed), ..draft };
            if inline.fits() {
                self.write(hash, Some(at), inline);
                self.buffer.set(value.into_packed());
                return;
            }
        }
        let id = self.values.insert(value);
        self.set_alarm(hash, id);
        self.write(hash, Some(at), Draft { value: Part::Outside(id), ..draft });
    }

    /// The bytes of the string at `at`, lengthened with zeroes to at least `len` and from now on
    /// raw.
    pub fn string_mut(&mut self, hash: u64, key: &[u8], at: Ref, len: usize) -> &mut [u8] {
        self.preserve(hash, at);
        let entry = self.entry(at);
        let at = match entry.value() {
            Part::Outside(_) => at,
            Part::Inline(bytes) if entry.encoding() != Encoding::Int => {
                let grown = entry.len() + len.saturating_sub(bytes.len());
                match arena::slot_bytes(grown) == arena::slot_bytes(entry.len()) {
                    true => at,
                    false => self.grow_string(hash, key, at, len),
                }
            }
            Part::Inline(_) => self.grow_string(hash, key, at, len),
        };
        self.entry_mut(at).set_encoding(Encoding::Raw);
        if let Part::Outside(id) = self.entry(at).value() {
            let value = self.values.get_mut(id).expect("a value outside is in its pool");
            let text = value.text_mut().expect("the caller knows that it is a string");
            lengthen(text, len);
            return text;
        }
        let mut entry = self.entry_mut(at);
        let len = Entry(entry.0).value_len().max(len);
        entry.resize_value(len);
        entry.into_value()
    }

    /// Gives the string at `at`, which is inline, room for `len` bytes.
    fn grow_string(&mut self, hash: u64, key: &[u8], at: Ref, len: usize) -> Ref {
        let mut bytes = match self.value(at) {
            ValueRef::String(StringRef::Int(number)) => {
                itoa::Buffer::new().format(number).as_bytes().to_vec()
            }
            ValueRef::String(StringRef::Str(bytes)) => bytes.to_vec(),
            _ => unreachable!("the caller knows that it is a string"),
        };
        bytes.resize(bytes.len().max(len), 0);
        let (deadline, clock) = (self.entry(at).deadline(), self.entry(at).clock());
        let content = Content::Value(Value::Bytes(bytes), Encoding::Raw);
        self.put(hash, key, Some(at), content, deadline, clock);
        self.find(hash, key).expect("it was just written")
    }

    /// Bytes that the entry at `at` accounts for: slot, share of the table, what stands outside.
    pub fn memory_of(&self, at: Ref) -> usize {
        // A bucket is a slot and a control byte; segments are on average two thirds full.
        const TABLE_BYTES: usize = 9;
        const TIMER_BYTES: usize = 7;
        let entry = self.entry(at);
        let key = match entry.key() {
            Part::Inline(_) => 0,
            Part::Outside(_) => alloc::estimate(self.key(at).len()) + size_of::<Box<[u8]>>(),
        };
        let value = match entry.value() {
            Part::Inline(_) => 0,
            Part::Outside(id) => alloc::estimate(self.outside(id).memory()) + size_of::<Value>(),
        };
        let timer = usize::from(entry.has_deadline()) * TIMER_BYTES;
        arena::slot_bytes(entry.len()) + TABLE_BYTES + timer + key + value
    }

    /// Segments of the table.
    pub fn segments(&self) -> usize {
        self.table.segments()
    }

    /// Bytes of tables and pools.
    pub fn table_memory(&self) -> usize {
        self.table.memory() + self.keys.memory() + self.values.memory() + self.arena.overhead()
    }

    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        self.table.candidates(hash, |&at| self.arena.prefetch(at));
    }

    /// Moves the entries of a sparse page of the arena together with others: how many, or `None`
    /// when there was no such page among those looked at.
    pub fn compact(&mut self) -> Option<usize> {
        let moved = self.arena.compact()?;
        let hashes: Vec<u64> = moved.iter().map(|(_, to)| self.hash_of(*to)).collect();
        hashes.iter().for_each(|&hash| self.table.prefetch(hash));
        for (&hash, &(from, to)) in hashes.iter().zip(&moved) {
            self.table.replace(hash, from, to);
        }
        Some(moved.len())
    }

    /// Entries that a demolition frees.
    pub fn doomed(&self) -> usize {
        self.doomed.max(self.len())
    }

    /// Frees a piece of a store that nobody uses any more, leaving some values to `free`; false when
    /// nothing is left.
    pub fn demolish(&mut self, free: impl FnOnce(Vec<Value>)) -> bool {
        self.doomed = self.doomed();
        if let Some(values) = self.values.take_chunk() {
            free(values);
            return true;
        }
        self.keys.take_chunk().is_some()
            || self.table.drop_some()
            || self.timers.drop_some(DEMOLISH_CHUNKS)
            || self.arena.release(DEMOLISH_BYTES)
    }
}

/// Lengthens a string with zeroes to at least `len`, with room for as much again but no more than a MiB
/// of it.
fn lengthen(text: &mut Vec<u8>, len: usize) {
    const ROOM_BYTES_MAX: usize = 1 << 20;
    if len > text.capacity() {
        text.reserve_exact(len - text.len() + len.min(ROOM_BYTES_MAX));
    }
    text.resize(text.len().max(len), 0);
}

fn outside_id(part: Part<'_>) -> Option<u32> {
    match part {
        Part::Inline(_) => None,
        Part::Outside(id) => Some(id),
    }
}
