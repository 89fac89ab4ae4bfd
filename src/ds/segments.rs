//! A hash table that grows and shrinks one small piece at a time.
//!
//! [`Segments`] is a directory of small `hashbrown` tables (extendible hashing): a segment holds
//! the slots whose hash begins with its prefix and splits in two when full, so no resize ever
//! touches more than one segment. Sparse siblings merge again.
//!
//! hashbrown takes its tags from the top 7 bits of a hash and its positions from the low ones.
//! The directory therefore uses the bits in between: the *position* of a hash in the hash space
//! is its low 57 bits, read from the top. Positions are what a scan's cursor counts in.
//!
//! Invariant: stores small copyable slots and asks a [`Hashing`] for their hashes; knows nothing
//! of keys or values.

use std::iter;

use hashbrown::HashTable;

use crate::ds::pool::Pool;
use crate::ds::prefetch::prefetch;

/// Bits of a hash that make up its position.
pub const POSITION_BITS: u32 = 57;

const SEGMENT_LEN_MAX: usize = 448;
const SEGMENT_BUCKETS_MAX: usize = 512;
/// A full table that holds fewer than this is full of tombstones and is rebuilt, not split.
const SPLIT_LEN_MIN: usize = 384;
/// Siblings merge when together they fill half a segment, so that they do not split at once.
const MERGE_LEN_MAX: usize = SEGMENT_LEN_MAX / 2;
/// Beyond this the directory would outgrow what it points to; hashes of a keyed function never
/// get there.
const DEPTH_MAX: u32 = 28;

/// What a table must know of its slots.
pub trait Hashing<T> {
    /// The hash under which `slot` was inserted.
    fn hash(&self, slot: &T) -> u64;
    /// Hints that [`Hashing::hash`] will be asked for `slot`.
    fn prefetch(&self, slot: &T);
}

/// Slots by hash, in segments.
pub struct Segments<T> {
    /// `2^depth` segment numbers by the leading bits of a position; empty before the first slot.
    directory: Vec<u32>,
    depth: u32,
    segments: Pool<Segment<T>>,
    /// Segments whose own depth is the directory's.
    deepest: usize,
    len: usize,
}

struct Segment<T> {
    table: HashTable<T>,
    depth: u32,
    /// Where the table's control bytes were at the last insert: a hint for prefetches.
    control: usize,
}

/// The position of `hash` in the hash space, `0..2^57`.
#[inline]
pub fn position(hash: u64) -> u64 {
    hash & ((1 << POSITION_BITS) - 1)
}

/// The first `depth` bits of a position.
#[inline]
fn prefix(hash: u64, depth: u32) -> usize {
    // One shift in two steps, because a shift by 64 is not one.
    (((hash << (64 - POSITION_BITS)) >> 1) >> (63 - depth)) as usize
}

impl<T> Default for Segments<T> {
    fn default() -> Segments<T> {
        Segments { directory: Vec::new(), depth: 0, segments: Pool::default(), deepest: 0, len: 0 }
    }
}

impl<T: Copy> Segments<T> {
    /// How many slots it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many segments there are.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// The slot under `hash` that `eq` accepts.
    #[inline]
    pub fn find(&self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<T> {
        self.segment(hash)?.table.find(hash, eq).copied()
    }

    /// Puts `new` in the place of `old`, which is under `hash`.
    pub fn replace(&mut self, hash: u64, old: T, new: T)
    where
        T: PartialEq,
    {
        let segment = self.segment_mut(hash).expect("the old slot is there");
        let slot = segment.table.find_mut(hash, |slot| *slot == old);
        *slot.expect("the old slot is there") = new;
    }

    /// Adds a slot. The caller knows that it is not there yet.
    pub fn insert(&mut self, hash: u64, slot: T, hashing: &impl Hashing<T>) {
        if self.directory.is_empty() {
            let first = self.segments.insert(Segment::new(HashTable::new(), 0));
            self.directory.push(first);
            self.deepest = 1;
        }
        while self.is_full(hash) {
            self.split(hash, hashing);
        }
        let segment = self.segment_mut(hash).expect("every prefix has a segment");
        segment.insert(hash, slot, hashing);
        self.len += 1;
    }

    /// Takes out the slot under `hash` that `eq` accepts.
    pub fn remove(
        &mut self,
        hash: u64,
        eq: impl FnMut(&T) -> bool,
        hashing: &impl Hashing<T>,
    ) -> Option<T> {
        let segment = self.segment_mut(hash)?;
        let (slot, _) = segment.table.find_entry(hash, eq).ok()?.remove();
        let len = segment.table.len();
        if len < MERGE_LEN_MAX / 2 {
            segment.shrink(hashing);
            self.merge(hash, hashing);
        }
        self.len -= 1;
        Some(slot)
    }

    /// Hints that `hash` will be looked up: loads the segment's control bytes and slots.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        let Some(segment) = self.segment(hash) else { return };
        let buckets = segment.table.num_buckets();
        let bucket = (hash as usize) & buckets.wrapping_sub(1);
        let control = segment.control as *const u8;
        prefetch(control.wrapping_add(bucket));
        // Slots lie below the control bytes, the first one nearest; a probe looks at 16 of them.
        prefetch(control.wrapping_sub((bucket + 1) * size_of::<T>()));
        prefetch(control.wrapping_sub((bucket + 16) * size_of::<T>()));
    }

    /// Calls `each` for the slots that `hash` may stand for, judged by tags alone.
    #[inline]
    pub fn candidates(&self, hash: u64, each: impl FnMut(&T)) {
        if let Some(segment) = self.segment(hash) {
            segment.table.iter_hash(hash).for_each(each);
        }
    }

    /// The slots of the segment that covers `position`, and the position after that segment;
    /// `None` when it is the last one.
    pub fn segment_at(&self, position: u64) -> (impl Iterator<Item = &T>, Option<u64>) {
        let segment = self.segment(position);
        let depth = segment.map_or(0, |segment| segment.depth);
        let next = (prefix(position, depth) as u64 + 1) << (POSITION_BITS - depth);
        let slots = segment.into_iter().flat_map(|segment| segment.table.iter());
        (slots, (next < 1 << POSITION_BITS).then_some(next))
    }

    /// Some slot, all equally likely; `below` yields a number under its argument. `None` when
    /// empty.
    pub fn random(&self, mut below: impl FnMut(usize) -> usize) -> Option<T> {
        const TRIES_MAX: usize = 128;
        if self.is_empty() {
            return None;
        }
        let buckets = match self.segments.len() {
            1 => self.segment(0)?.table.num_buckets(),
            _ => SEGMENT_BUCKETS_MAX,
        };
        for _ in 0..TRIES_MAX {
            let id = below(self.segments.span() as usize) as u32;
            let bucket = below(buckets);
            let Some(segment) = self.segments.get(id) else { continue };
            if bucket < segment.table.num_buckets()
                && let Some(&slot) = segment.table.get_bucket(bucket)
            {
                return Some(slot);
            }
        }
        self.random_of_sparse(below)
    }

    /// All slots.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.segments.span())
            .filter_map(|id| self.segments.get(id))
            .flat_map(|segment| segment.table.iter())
    }

    /// Bytes of the tables and the directory.
    pub fn memory(&self) -> usize {
        let tables = (0..self.segments.span()).filter_map(|id| self.segments.get(id));
        tables.map(|segment| segment.table.allocation_size()).sum::<usize>()
            + self.segments.memory()
            + self.directory.capacity() * size_of::<u32>()
    }

    /// Drops some segments of a table that is no longer in use; true when more are left.
    pub fn drop_some(&mut self) -> bool {
        self.directory = Vec::new();
        self.len = 0;
        self.segments.take_chunk().is_some()
    }

    #[inline]
    fn segment(&self, hash: u64) -> Option<&Segment<T>> {
        self.segments.get(*self.directory.get(prefix(hash, self.depth))?)
    }

    #[inline]
    fn segment_mut(&mut self, hash: u64) -> Option<&mut Segment<T>> {
        self.segments.get_mut(*self.directory.get(prefix(hash, self.depth))?)
    }

    /// The first occupied segment from a random place on, and a random slot of it.
    fn random_of_sparse(&self, mut below: impl FnMut(usize) -> usize) -> Option<T> {
        let start = below(self.directory.len());
        let ids = self.directory[start..].iter().chain(&self.directory[..start]);
        let mut segments = ids.filter_map(|&id| self.segments.get(id));
        let table = &segments.find(|segment| !segment.table.is_empty())?.table;
        table.iter().nth(below(table.len())).copied()
    }

    fn is_full(&self, hash: u64) -> bool {
        self.segment(hash).is_some_and(|segment| {
            let (len, capacity) = (segment.table.len(), segment.table.capacity());
            let full = len >= SEGMENT_LEN_MAX || (len >= SPLIT_LEN_MIN && len == capacity);
            full && segment.depth < DEPTH_MAX
        })
    }

    /// Divides the segment of `hash` by its next position bit.
    fn split(&mut self, hash: u64, hashing: &impl Hashing<T>) {
        let segment = self.segment_mut(hash).expect("every prefix has a segment");
        let depth = segment.depth + 1;
        let slots = segment.hashed(hashing);
        let (low, high): (Vec<_>, Vec<_>) =
            slots.into_iter().partition(|&(hash, _)| prefix(hash, depth) & 1 == 0);
        *segment = Segment::build(&low, depth);
        let high = self.segments.insert(Segment::build(&high, depth));
        if depth > self.depth {
            self.double();
        }
        if depth == self.depth {
            self.deepest += 2;
        }
        let upper = prefix(hash, depth) | 1;
        self.directory_range(upper, depth).fill(high);
    }

    /// Joins the segment of `hash` with its sibling if both are sparse.
    fn merge(&mut self, hash: u64, hashing: &impl Hashing<T>) {
        let Some(segment) = self.segment(hash) else { return };
        let (depth, len) = (segment.depth, segment.table.len());
        if depth == 0 {
            return;
        }
        let (lower, upper) = (prefix(hash, depth) & !1, prefix(hash, depth) | 1);
        let own = prefix(hash, depth);
        let sibling_start = (own ^ 1) << (self.depth - depth);
        let sibling = self.segments.get(self.directory[sibling_start]);
        let sibling = sibling.expect("every prefix has a segment");
        if sibling.depth != depth || sibling.table.len() + len > MERGE_LEN_MAX {
            return;
        }
        let keep = self.directory_range(lower, depth)[0];
        let gone = self.directory_range(upper, depth)[0];
        let gone = self.segments.remove(gone).expect("every prefix has a segment");
        let kept = self.segments.get_mut(keep).expect("every prefix has a segment");
        let mut slots = kept.hashed(hashing);
        slots.extend(gone.hashed(hashing));
        *kept = Segment::build(&slots, depth - 1);
        self.directory_range(upper, depth).fill(keep);
        if depth == self.depth {
            self.deepest -= 2;
            self.halve();
        }
    }

    /// The directory's places for the prefix `leading` of `depth` bits.
    fn directory_range(&mut self, leading: usize, depth: u32) -> &mut [u32] {
        let shift = self.depth - depth;
        &mut self.directory[leading << shift..(leading + 1) << shift]
    }

    fn double(&mut self) {
        self.directory = self.directory.iter().flat_map(|&id| [id, id]).collect();
        self.depth += 1;
        self.deepest = 0;
    }

    /// Halves the directory as long as no segment needs its last bit.
    fn halve(&mut self) {
        while self.deepest == 0 && self.depth > 0 {
            self.directory = self.directory.iter().step_by(2).copied().collect();
            self.depth -= 1;
            let ids = 0..self.segments.span();
            let segments = ids.filter_map(|id| self.segments.get(id));
            self.deepest = segments.filter(|segment| segment.depth == self.depth).count();
        }
    }
}

impl<T: Copy> Segment<T> {
    fn new(table: HashTable<T>, depth: u32) -> Segment<T> {
        Segment { table, depth, control: 0 }
    }

    /// A segment of slots whose hashes are known.
    fn build(slots: &[(u64, T)], depth: u32) -> Segment<T> {
        let room = slots.len() + slots.len() / 8;
        let mut segment = Segment::new(HashTable::with_capacity(room), depth);
        for &(hash, slot) in slots {
            segment.insert_with_room(hash, slot, |_| unreachable!("there is room"));
        }
        segment
    }

    fn insert(&mut self, hash: u64, slot: T, hashing: &impl Hashing<T>) {
        if self.table.len() == self.table.capacity() {
            if self.table.num_buckets() >= SEGMENT_BUCKETS_MAX && self.table.len() < SPLIT_LEN_MIN {
                // Full of tombstones: hashbrown would double it.
                let slots = self.hashed(hashing);
                *self = Segment::build(&slots, self.depth);
            } else {
                self.table.iter().for_each(|slot| hashing.prefetch(slot));
            }
        }
        self.insert_with_room(hash, slot, |slot| hashing.hash(slot));
    }

    fn insert_with_room(&mut self, hash: u64, slot: T, hasher: impl Fn(&T) -> u64) {
        let entry = self.table.insert_unique(hash, slot, hasher);
        let address: *const T = entry.get();
        self.control = address.addr() + (entry.bucket_index() + 1) * size_of::<T>();
    }

    /// All slots with their hashes.
    fn hashed(&self, hashing: &impl Hashing<T>) -> Vec<(u64, T)> {
        self.table.iter().for_each(|slot| hashing.prefetch(slot));
        self.table.iter().map(|slot| (hashing.hash(slot), *slot)).collect()
    }

    /// Returns the memory of a table that is nearly empty.
    fn shrink(&mut self, hashing: &impl Hashing<T>) {
        let len = self.table.len();
        if len == 0 {
            *self = Segment::new(HashTable::new(), self.depth);
        } else if self.table.num_buckets() > 16 && len <= self.table.num_buckets() / 8 {
            let slots = self.hashed(hashing);
            *self = Segment::build(&slots, self.depth);
        }
    }
}

/// All segments' slots from `position` on, segment by segment, each with the position after it.
pub fn walk<T: Copy>(
    table: &Segments<T>,
    position: u64,
) -> impl Iterator<Item = (Vec<T>, Option<u64>)> {
    let mut from = Some(position);
    iter::from_fn(move || {
        let (slots, next) = table.segment_at(from?);
        from = next;
        Some((slots.copied().collect(), next))
    })
}
