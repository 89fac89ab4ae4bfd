//! Byte strings by key, each behind a stable number, with a payload beside the key.
//!
//! What hashes, sets and sorted sets are made of when they are big. An item is one allocation:
//!
//! ```text
//! key length, 1 to 5 bytes | key | payload
//! ```
//!
//! Items stand in a [`Pool`] and are found through [`Segments`], which hold their numbers: a
//! number stays the same until its item is removed, and growth touches one small segment at a
//! time, so that the millionth insert takes no longer than the first.
//!
//! Invariant: a key is there once; knows nothing of what keys and payloads mean.

use std::fmt;

use crate::base::alloc;
use crate::base::hash::Keyed;
use crate::ds::pool::Pool;
use crate::ds::prefetch::prefetch;
use crate::ds::segments::{Hashing, Segments};

/// Bytes of a number in the table with its tag, in a segment that is two thirds full.
const TABLE_BYTES: usize = 8;

/// Items by key.
#[derive(Clone)]
pub struct Dict {
    hasher: Keyed,
    table: Segments<u32>,
    items: Pool<Box<[u8]>>,
    /// Bytes of all items as the allocator rounds them.
    item_bytes: usize,
}

/// Reads keys through their items.
struct Keys<'a> {
    hasher: &'a Keyed,
    items: &'a Pool<Box<[u8]>>,
}

impl Hashing<u32> for Keys<'_> {
    fn hash(&self, id: &u32) -> u64 {
        self.hasher.hash(split(item(self.items, *id)).0)
    }

    fn prefetch(&self, id: &u32) {
        prefetch(item(self.items, *id).as_ptr());
    }
}

fn item(items: &Pool<Box<[u8]>>, id: u32) -> &[u8] {
    items.get(id).expect("a number in the table has its item")
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dict").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Default for Dict {
    fn default() -> Dict {
        Dict::new()
    }
}

impl Dict {
    /// Without an item, and without memory for one.
    pub fn new() -> Dict {
        Dict {
            hasher: Keyed::of_process(),
            table: Segments::default(),
            items: Pool::default(),
            item_bytes: 0,
        }
    }

    /// How many items it holds.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of the item of `key`.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        let is_key = |id: &u32| split(item(&self.items, *id)).0 == key;
        self.table.find(self.hasher.hash(key), is_key)
    }

    /// The hash of `key`, for the prefetches.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash(key)
    }

    /// First step of a prefetch: hints at the piece of the table that knows the key.
    #[inline]
    pub fn prefetch_segment(&self, hash: u64) {
        self.table.prefetch(hash);
    }

    /// Second step, once the first has had time: hints at where the items stand that may be the
    /// key's.
    #[inline]
    pub fn prefetch_places(&self, hash: u64) {
        self.table.candidates(hash, |&id| self.items.prefetch(id));
    }

    /// Third step: hints at those items.
    #[inline]
    pub fn prefetch_items(&self, hash: u64) {
        self.table.candidates(hash, |&id| self.prefetch_item(id));
    }

    /// Hints at where the item behind `id` stands.
    #[inline]
    pub fn prefetch_place(&self, id: u32) {
        self.items.prefetch(id);
    }

    /// Hints at the item behind `id`, which is there.
    #[inline]
    pub fn prefetch_item(&self, id: u32) {
        prefetch(item(&self.items, id).as_ptr());
    }

    /// Key and payload of the item behind `id`; panics when there is none.
    #[inline]
    pub fn get(&self, id: u32) -> (&[u8], &[u8]) {
        split(item(&self.items, id))
    }

    /// The payload of the item behind `id`, to be changed within its length; panics when there is
    /// none.
    pub fn payload_mut(&mut self, id: u32) -> &mut [u8] {
        let item = self.items.get_mut(id).expect("the caller knows the number");
        let start = item.len() - split(item).1.len();
        &mut item[start..]
    }

    /// Adds an item and returns its number. The caller knows that the key is not there.
    pub fn insert(&mut self, key: &[u8], payload: &[u8]) -> u32 {
        self.insert_parts(key, &[payload])
    }

    /// As [`Dict::insert`], with a payload of several parts.
    pub fn insert_parts(&mut self, key: &[u8], payload: &[&[u8]]) -> u32 {
        let hash = self.hasher.hash(key);
        let item = join(key, payload);
        self.item_bytes += alloc::estimate(item.len());
        let id = self.items.insert(item);
        let Dict { hasher, table, items, .. } = self;
        table.insert(hash, id, &Keys { hasher, items });
        id
    }

    /// Gives the item behind `id` another payload; panics when there is none.
    pub fn set(&mut self, id: u32, payload: &[u8]) {
        self.set_parts(id, &[payload]);
    }

    /// As [`Dict::set`], with a payload of several parts.
    pub fn set_parts(&mut self, id: u32, payload: &[&[u8]]) {
        let item = self.items.get_mut(id).expect("the caller knows the number");
        let (key, old) = split(item);
        if old.len() == payload.iter().map(|part| part.len()).sum() {
            let mut at = item.len() - old.len();
            for part in payload {
                item[at..at + part.len()].copy_from_slice(part);
                at += part.len();
            }
            return;
        }
        let new = join(key, payload);
        self.item_bytes -= alloc::estimate(item.len());
        self.item_bytes += alloc::estimate(new.len());
        *item = new;
    }

    /// Takes the item behind `id` out; panics when there is none.
    pub fn remove(&mut self, id: u32) {
        let item = self.items.remove(id).expect("the caller knows the number");
        let hash = self.hasher.hash(split(&item).0);
        self.item_bytes -= alloc::estimate(item.len());
        let Dict { hasher, table, items, .. } = self;
        let removed = table.remove(hash, |&slot| slot == id, &Keys { hasher, items });
        debug_assert!(removed.is_some());
    }

    /// Takes the item of `key` out; false when it was not there.
    pub fn remove_key(&mut self, key: &[u8]) -> bool {
        let id = self.find(key);
        if let Some(id) = id {
            self.remove(id);
        }
        id.is_some()
    }

    /// All items, in no particular order: number, key, payload.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8], &[u8])> {
        self.iter_from(0)
    }

    /// The items whose numbers are not below `first`, in the order of those.
    pub fn iter_from(&self, first: u32) -> impl Iterator<Item = (u32, &[u8], &[u8])> {
        self.items.iter_from(first).map(|(id, item)| {
            let (key, payload) = split(item);
            (id, key, payload)
        })
    }

    /// The number of some item, all equally likely; `below` yields a number under its argument.
    /// `None` when empty.
    pub fn random(&self, below: impl FnMut(usize) -> usize) -> Option<u32> {
        self.table.random(below)
    }

    /// Visits keys and payloads from `cursor` on, in the manner of [`Segments::scan`].
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(&[u8], &[u8])) -> u64 {
        let Dict { hasher, table, items, .. } = self;
        table.scan(cursor, count, &Keys { hasher, items }, |id| {
            let (key, payload) = self.get(id);
            visit(key, payload);
        })
    }

    /// Bytes on the heap, about.
    pub fn memory(&self) -> usize {
        self.item_bytes + self.len() * (size_of::<Box<[u8]>>() + TABLE_BYTES)
    }

    /// Frees a piece of a dict that nobody uses any more, some ten microseconds; true when more is
    /// left.
    pub fn drop_some(&mut self) -> bool {
        self.item_bytes = 0;
        self.items.take_chunk().is_some() || self.table.drop_some()
    }
}

/// An item in one allocation.
fn join(key: &[u8], payload: &[&[u8]]) -> Box<[u8]> {
    let (head, head_len) = length(key.len());
    let payload_len: usize = payload.iter().map(|part| part.len()).sum();
    let mut item = Vec::with_capacity(head_len + key.len() + payload_len);
    item.extend_from_slice(&head[..head_len]);
    item.extend_from_slice(key);
    payload.iter().for_each(|part| item.extend_from_slice(part));
    item.into_boxed_slice()
}

/// Key and payload of an item.
#[inline]
fn split(item: &[u8]) -> (&[u8], &[u8]) {
    let first = usize::from(item[0]);
    if first < 128 {
        return item[1..].split_at(first);
    }
    let (len, head_len) = long_length(item);
    item[head_len..].split_at(len)
}

/// A length, seven bits a byte, low ones first; all bytes but the last have their high bit set.
fn length(len: usize) -> ([u8; 5], usize) {
    let mut left = u32::try_from(len).expect("keys are shorter than 4 GiB");
    let (mut bytes, mut at) = ([0; 5], 0);
    while left >= 128 {
        bytes[at] = left as u8 | 128;
        left >>= 7;
        at += 1;
    }
    bytes[at] = left as u8;
    (bytes, at + 1)
}

#[cold]
fn long_length(item: &[u8]) -> (usize, usize) {
    let head_len = 1 + item.iter().take_while(|&&byte| byte >= 128).count();
    let bytes = item[..head_len].iter().rev();
    (bytes.fold(0, |len, &byte| len << 7 | usize::from(byte & 127)), head_len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};
    use std::collections::{HashMap, HashSet};

    fn random_bytes(rng: &mut Rng) -> Vec<u8> {
        let mut bytes = match rng.below(20) {
            0 => vec![0; rng.below(20_000)],
            1 => vec![0; 120 + rng.below(20)],
            _ => vec![0; rng.below(12)],
        };
        rng.fill(&mut bytes);
        bytes
    }

    #[test]
    fn behaves_as_a_map() {
        let seed = os_seed();
        println!("seed {seed}");
        let mut rng = Rng::seeded(seed);
        let mut keys: Vec<Vec<u8>> = (0..2000).map(|_| random_bytes(&mut rng)).collect();
        keys.sort_unstable();
        keys.dedup();
        let (mut dict, mut model) = (Dict::new(), HashMap::<Vec<u8>, Vec<u8>>::new());
        for _ in 0..30_000 {
            let key = &keys[rng.below(keys.len())];
            let payload = random_bytes(&mut rng);
            match (rng.below(3), dict.find(key)) {
                (0, _) => assert_eq!(dict.remove_key(key), model.remove(key).is_some()),
                (_, Some(id)) => {
                    assert_eq!(dict.get(id), (&key[..], &model[key][..]));
                    dict.set(id, &payload);
                    model.insert(key.clone(), payload);
                }
                (_, None) => {
                    let id = dict.insert(key, &payload);
                    assert_eq!(dict.get(id), (&key[..], &payload[..]));
                    assert!(model.insert(key.clone(), payload).is_none());
                }
            }
            assert_eq!(dict.len(), model.len());
        }
        let copy = dict.clone();
        let all: HashMap<_, _> = copy.iter().map(|(_, k, p)| (k.to_vec(), p.to_vec())).collect();
        assert_eq!(all, model);
    }

    fn numbers(range: std::ops::Range<u32>) -> Dict {
        let mut dict = Dict::new();
        for number in range {
            dict.insert(&number.to_le_bytes(), &number.to_be_bytes());
        }
        dict
    }

    #[test]
    fn numbers_are_stable_while_it_grows_and_shrinks() {
        let mut dict = numbers(0..50);
        let ids: Vec<u32> =
            (0..50u32).map(|n| dict.find(&n.to_le_bytes()).expect("inserted")).collect();
        (50..50_000u32).for_each(|n| assert!(dict.insert(&n.to_le_bytes(), b"") >= 50));
        (50..50_000u32).for_each(|n| assert!(dict.remove_key(&n.to_le_bytes())));
        for (number, id) in (0..50u32).zip(ids) {
            assert_eq!(dict.get(id), (&number.to_le_bytes()[..], &number.to_be_bytes()[..]));
        }
    }

    #[test]
    fn a_scan_visits_what_stays_exactly_once() {
        let mut dict = numbers(0..3000);
        let (mut seen, mut cursor, mut next) = (HashMap::new(), 0, 3000u32);
        loop {
            cursor = dict.scan(cursor, 10, &mut |key, payload| {
                assert!(key.iter().eq(payload.iter().rev()));
                *seen.entry(key.to_vec()).or_insert(0) += 1;
            });
            // Growth and shrinking in between, with splits and merges.
            for _ in 0..50 {
                let key = next.to_le_bytes();
                dict.insert(&key, &next.to_be_bytes());
                next += 1;
            }
            if next % 2000 == 0 {
                (3000..next).for_each(|n| {
                    dict.remove_key(&n.to_le_bytes());
                });
            }
            if cursor == 0 {
                break;
            }
        }
        assert!((0..3000u32).all(|n| seen[&n.to_le_bytes()[..]] == 1));
    }

    #[test]
    fn chance_reaches_every_item() {
        let (dict, mut rng) = (numbers(0..100), Rng::seeded(5));
        let some = (0..5000).filter_map(|_| dict.random(|bound| rng.below(bound)));
        assert_eq!(some.collect::<HashSet<u32>>().len(), 100);
        assert_eq!(Dict::new().random(|bound| rng.below(bound)), None);
    }

    #[test]
    fn payloads_change_in_place() {
        let mut dict = numbers(7..9);
        let id = dict.find(&7u32.to_le_bytes()).expect("inserted");
        dict.payload_mut(id).fill(9);
        assert_eq!(dict.get(id), (&7u32.to_le_bytes()[..], &[9; 4][..]));
        dict.set_parts(id, &[b"ab", b"", b"cd"]);
        assert_eq!(dict.get(id).1, b"abcd");
        dict.set_parts(id, &[b"ab", b"cde"]);
        assert_eq!(dict.get(id).1, b"abcde");
    }

    #[test]
    fn it_is_freed_in_pieces() {
        let mut dict = numbers(0..10_000);
        assert!(dict.memory() >= 10_000 * 40);
        let mut pieces = 1;
        while dict.drop_some() {
            pieces += 1;
        }
        assert!(pieces >= 40 && dict.memory() == 0, "{pieces}");
    }
}
