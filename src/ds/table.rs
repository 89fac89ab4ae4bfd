//! A small open-addressing table of copyable slots: one segment of `ds::segments`.
//!
//! Buckets stand in groups of eight: eight bytes of tag, compared in one word, then eight slots. A
//! search that ends in its first group, which nearly every one does, reads 48 bytes of one place:
//! one or two cache lines. This is hashbrown's scheme with tags and slots side by side, and
//! hashbrown stood here first. It keeps them apart, takes `n * 6 + 16` bytes for `n` buckets of
//! 5-byte slots and only powers of two, which lands just above an allocator class at every size
//! and leaves tables half empty on average: 14.6 bytes per key at a million keys. Groups of class
//! size, with a step between 256 and 512 buckets, take 9. This table also knows its addresses,
//! which a prefetch needs.
//!
//! Of a hash it uses the upper 7 bits and those from 16 to 31; `ds::segments` those in between. So
//! the lowest 16 may be unknown where slots are only looked for.
//!
//! Invariant: nothing grows by itself; the owner asks [`Table::is_full`] first.

/// The sizes a table can have, in buckets; then it doubles. Chosen so that groups of 5-byte slots
/// fill allocator classes.
const BUCKETS: [usize; 9] = [8, 16, 32, 64, 128, 256, 296, 416, 512];
const GROUP: usize = 8;
const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
const EMPTY: u8 = 0;
/// A bucket that was freed while its group was full: a search goes on behind it.
const DELETED: u8 = 1;
/// Set in the tag of every bucket in use.
const FULL: u8 = 0x80;

/// Slots by hash.
#[derive(Clone)]
pub struct Table<T> {
    groups: Box<[Group<T>]>,
    len: u32,
    deleted: u32,
}

/// Eight buckets.
#[derive(Clone, Copy)]
#[repr(C)]
struct Group<T> {
    tags: [u8; GROUP],
    slots: [T; GROUP],
}

impl<T> Group<T> {
    #[inline]
    fn word(&self) -> u64 {
        u64::from_le_bytes(self.tags)
    }
}

/// How many slots fit into `buckets`.
const fn capacity(buckets: usize) -> usize {
    buckets / 8 * 7
}

#[inline]
fn tag(hash: u64) -> u8 {
    FULL | (hash >> 57) as u8
}

/// A high bit for each byte of `word` that equals `byte`. A byte above an equal one may be marked
/// when it differs in its lowest bit only.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    let difference = word ^ (LOW_BITS * u64::from(byte));
    difference.wrapping_sub(LOW_BITS) & !difference & HIGH_BITS
}

impl<T> Default for Table<T> {
    /// An empty table without memory.
    fn default() -> Table<T> {
        Table { groups: Box::default(), len: 0, deleted: 0 }
    }
}

impl<T: Copy + Default> Table<T> {
    /// An empty table with room for `len` slots.
    pub fn with_room(len: usize) -> Table<T> {
        let fixed = BUCKETS.into_iter().find(|&buckets| capacity(buckets) >= len);
        let buckets = fixed.unwrap_or_else(|| (len / 7 * 8 + GROUP).next_power_of_two());
        let empty = Group { tags: [EMPTY; GROUP], slots: [T::default(); GROUP] };
        Table { groups: vec![empty; buckets / GROUP].into_boxed_slice(), len: 0, deleted: 0 }
    }

    /// How many slots it holds.
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many buckets it has.
    #[inline]
    pub fn buckets(&self) -> usize {
        self.groups.len() * GROUP
    }

    /// Whether an insert must be preceded by a rebuild.
    #[inline]
    pub fn is_full(&self) -> bool {
        (self.len + self.deleted) as usize >= capacity(self.buckets())
    }

    /// The bucket of the slot under `hash` that `eq` accepts.
    #[inline]
    pub fn find(&self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<usize> {
        Some(self.find_slot(hash, eq)?.0)
    }

    /// As [`Table::find`], with the slot itself.
    #[inline]
    pub fn find_slot(&self, hash: u64, mut eq: impl FnMut(&T) -> bool) -> Option<(usize, &T)> {
        let (tag, mut at) = (tag(hash), self.home(hash));
        for _ in 0..self.groups.len() {
            let group = &self.groups[at];
            let word = group.word();
            let mut marks = equal(word, tag);
            while marks != 0 {
                let index = marks.trailing_zeros() as usize / 8;
                if eq(&group.slots[index]) {
                    return Some((at * GROUP + index, &group.slots[index]));
                }
                marks &= marks - 1;
            }
            if equal(word, EMPTY) != 0 {
                return None;
            }
            at = self.after(at);
        }
        None
    }

    /// Calls `each` for the slots whose tag says that they may be under `hash`.
    #[inline]
    pub fn candidates(&self, hash: u64, mut each: impl FnMut(&T)) {
        self.find(hash, |slot| {
            each(slot);
            false
        });
    }

    /// The slot in `bucket`.
    #[inline]
    pub fn get(&self, bucket: usize) -> Option<&T> {
        let group = self.groups.get(bucket / GROUP)?;
        (group.tags[bucket % GROUP] >= FULL).then(|| &group.slots[bucket % GROUP])
    }

    /// Replaces the slot in `bucket`, which is in use, by one of the same hash.
    pub fn set(&mut self, bucket: usize, slot: T) {
        let group = &mut self.groups[bucket / GROUP];
        debug_assert!(group.tags[bucket % GROUP] >= FULL);
        group.slots[bucket % GROUP] = slot;
    }

    /// Adds a slot; the table must not be full.
    pub fn insert(&mut self, hash: u64, slot: T) {
        assert!(!self.is_full());
        let mut at = self.home(hash);
        // A table that is not full has a free bucket.
        while self.groups[at].word() & HIGH_BITS == HIGH_BITS {
            at = self.after(at);
        }
        let group = &mut self.groups[at];
        let index = (!group.word() & HIGH_BITS).trailing_zeros() as usize / 8;
        self.deleted -= u32::from(group.tags[index] == DELETED);
        group.tags[index] = tag(hash);
        group.slots[index] = slot;
        self.len += 1;
    }

    /// Takes out the slot in `bucket`, which is in use.
    pub fn remove(&mut self, bucket: usize) -> T {
        let group = &mut self.groups[bucket / GROUP];
        let index = bucket % GROUP;
        assert!(group.tags[index] >= FULL);
        let ends_searches = equal(group.word(), EMPTY) != 0;
        group.tags[index] = if ends_searches { EMPTY } else { DELETED };
        self.deleted += u32::from(!ends_searches);
        self.len -= 1;
        group.slots[index]
    }

    /// All slots.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.groups.len()).flat_map(|index| self.group(index))
    }

    /// How many groups of neighbours there are.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The slots of group `index`; none when there is no such group.
    #[inline]
    pub fn group(&self, index: usize) -> impl Iterator<Item = &T> {
        let group = self.groups.get(index).into_iter();
        let buckets = group.flat_map(|group| group.tags.iter().zip(&group.slots));
        buckets.filter(|(tag, _)| **tag >= FULL).map(|(_, slot)| slot)
    }

    /// Where group `index` stands, for a prefetch.
    #[inline]
    pub fn group_address(&self, index: usize) -> *const u8 {
        self.groups.as_ptr().wrapping_add(index).cast()
    }

    /// Where a search for `hash` begins, for a prefetch. Half of the groups end in the next cache
    /// line; asking for that as well costs more than it gains.
    #[inline]
    pub fn address(&self, hash: u64) -> *const u8 {
        self.groups.as_ptr().wrapping_add(self.home(hash)).cast()
    }

    /// Bytes of tags and slots.
    pub fn memory(&self) -> usize {
        size_of_val(&*self.groups)
    }

    /// The group in which the slot of `hash` stands if there is room. Any number of groups works:
    /// 16 bits of the hash are scaled to it.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        (((hash >> 16 & 0xffff) * self.groups.len() as u64) >> 16) as usize
    }

    /// The group where a search goes on behind group `at`.
    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.groups.len() { 0 } else { at + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use std::collections::HashMap;

    /// A hash with few tags and few homes, so that collisions abound.
    fn poor_hash(key: u16) -> u64 {
        u64::from(key % 4) << 57 | u64::from(key % 64) << 26
    }

    #[test]
    fn behaves_as_a_map() {
        let (mut rng, mut model) = (Rng::seeded(3), HashMap::new());
        for room in [5, 300, 440] {
            let mut table = Table::with_room(room);
            model.clear();
            for _ in 0..50_000 {
                let key = rng.below(600) as u16;
                let found = table.find(poor_hash(key), |&slot| slot == key);
                assert_eq!(found.is_some(), model.contains_key(&key));
                match found {
                    Some(bucket) => {
                        assert_eq!(table.get(bucket), Some(&key));
                        assert_eq!(Some(table.remove(bucket)), model.remove(&key));
                    }
                    None if !table.is_full() => {
                        table.insert(poor_hash(key), key);
                        model.insert(key, key);
                    }
                    None => {}
                }
                assert_eq!(table.len(), model.len());
            }
            let mut all: Vec<u16> = table.iter().copied().collect();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), model.len());
        }
    }

    #[test]
    fn rooms_hold_what_they_promise() {
        for len in [0, 1, 7, 8, 224, 225, 308, 309, 448, 449, 5000] {
            let mut table = Table::with_room(len);
            (0..len as u64)
                .for_each(|key| table.insert(key.wrapping_mul(0x9e37_79b9_7f4a_7c15), key));
            assert_eq!(table.iter().count(), len);
        }
    }

    #[test]
    fn a_table_without_memory_finds_nothing() {
        let table = Table::<u32>::default();
        assert!(table.is_full() && table.find(1, |_| true).is_none() && table.get(0).is_none());
    }
}
