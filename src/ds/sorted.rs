//! A map in the order of its keys, in chunks of records that stand side by side.
//!
//! Made for keys that mostly come in order and go in about the same: a record behind all others is
//! written where it stays, chunks are full then, and nothing is kept for a record but itself. Any
//! other change moves a part of one chunk.
//!
//! Invariant: no chunk is empty; keys ascend throughout.

use std::collections::VecDeque;

/// Most records of a chunk.
const CHUNK_LEN: usize = 64;
/// Chunks that one call of [`Sorted::drop_some`] frees.
const DROP_CHUNKS: usize = 64;

/// Keys with what is known of each, ascending.
#[derive(Clone, Debug)]
pub struct Sorted<K, V> {
    chunks: VecDeque<Vec<(K, V)>>,
    len: usize,
    /// Records that the chunks have room for.
    room: usize,
}

/// Where a record stands or would stand.
#[derive(Clone, Copy)]
struct Spot {
    chunk: usize,
    index: usize,
}

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Sorted { chunks: VecDeque::new(), len: 0, room: 0 }
    }
}

impl<K: Copy + Ord, V> Sorted<K, V> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        self.room * size_of::<(K, V)>() + self.chunks.capacity() * size_of::<Vec<(K, V)>>()
    }

    pub fn get(&self, key: K) -> Option<&V> {
        let Spot { chunk, index } = self.find(key).ok()?;
        Some(&self.chunks[chunk][index].1)
    }

    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let Spot { chunk, index } = self.find(key).ok()?;
        Some(&mut self.chunks[chunk][index].1)
    }

    /// The first record, and the last one.
    pub fn ends(&self) -> Option<[&(K, V); 2]> {
        Some([self.chunks.front()?.first()?, self.chunks.back()?.last()?])
    }

    /// The first record whose key is `from` or greater.
    pub fn first_from(&self, from: K) -> Option<&(K, V)> {
        self.iter_from(from).next()
    }

    /// All records.
    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.chunks.iter().flatten()
    }

    /// The records whose keys are `from` or greater.
    pub fn iter_from(&self, from: K) -> impl Iterator<Item = &(K, V)> {
        let (Ok(spot) | Err(spot)) = self.find(from);
        self.iter_at(spot)
    }

    /// The records from number `index` on.
    pub fn iter_nth(&self, index: usize) -> impl Iterator<Item = &(K, V)> {
        let (mut chunk, mut index) = (0, index);
        while let Some(skipped) = self.chunks.get(chunk)
            && index >= skipped.len()
        {
            index -= skipped.len();
            chunk += 1;
        }
        self.iter_at(Spot { chunk, index })
    }

    fn iter_at(&self, spot: Spot) -> impl Iterator<Item = &(K, V)> {
        let first = self.chunks.get(spot.chunk).map_or(&[][..], |chunk| &chunk[spot.index..]);
        let rest = self.chunks.range((spot.chunk + 1).min(self.chunks.len())..);
        first.iter().chain(rest.flatten())
    }

    /// Adds a record; false, and nothing added, when the key is there.
    pub fn insert(&mut self, key: K, value: V) -> bool {
        match self.chunks.back().and_then(|chunk| chunk.last()) {
            Some((last, _)) if *last >= key => match self.find(key) {
                Ok(_) => return false,
                Err(spot) => self.insert_at(spot, (key, value)),
            },
            _ => self.push((key, value)),
        }
        self.len += 1;
        true
    }

    fn push(&mut self, record: (K, V)) {
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < CHUNK_LEN => {
                let before = chunk.capacity();
                chunk.push(record);
                self.room += chunk.capacity() - before;
            }
            _ => {
                let chunk = vec![record];
                self.room += chunk.capacity();
                self.chunks.push_back(chunk);
            }
        }
    }

    fn insert_at(&mut self, Spot { mut chunk, mut index }: Spot, record: (K, V)) {
        if self.chunks[chunk].len() == CHUNK_LEN {
            let rest = self.alter(chunk, |records| {
                let rest = records.split_off(CHUNK_LEN / 2);
                records.shrink_to_fit();
                rest
            });
            self.room += rest.capacity();
            self.chunks.insert(chunk + 1, rest);
            if index > CHUNK_LEN / 2 {
                (chunk, index) = (chunk + 1, index - CHUNK_LEN / 2);
            }
        }
        self.alter(chunk, |records| records.insert(index, record));
    }

    /// Takes the record of `key` out.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let Spot { chunk, index } = self.find(key).ok()?;
        let (_, value) = self.alter(chunk, |records| {
            let record = records.remove(index);
            if records.len() < records.capacity() / 4 {
                records.shrink_to(records.len() * 2);
            }
            record
        });
        self.len -= 1;
        if self.chunks[chunk].is_empty() {
            self.alter(chunk, |records| *records = Vec::new());
            self.chunks.remove(chunk);
        } else {
            self.merge(chunk);
        }
        if self.chunks.len() < self.chunks.capacity() / 4 {
            self.chunks.shrink_to(self.chunks.len() * 2);
        }
        Some(value)
    }

    /// Adds the records of the next chunk to those of `chunk` where both together are few.
    fn merge(&mut self, chunk: usize) {
        let next = self.chunks.get(chunk + 1).map_or(CHUNK_LEN, Vec::len);
        if self.chunks[chunk].len() + next > CHUNK_LEN / 4 {
            return;
        }
        if let Some(mut rest) = self.chunks.remove(chunk + 1) {
            self.room -= rest.capacity();
            self.alter(chunk, |records| records.append(&mut rest));
        }
    }

    /// Frees a piece of what nobody uses any more; false when the rest is small.
    pub fn drop_some(&mut self) -> bool {
        let kept = self.chunks.len().saturating_sub(DROP_CHUNKS);
        self.chunks.truncate(kept);
        kept > 0
    }

    /// Changes a chunk and keeps the books on its room.
    fn alter<T>(&mut self, chunk: usize, change: impl FnOnce(&mut Vec<(K, V)>) -> T) -> T {
        let records = &mut self.chunks[chunk];
        let before = records.capacity();
        let result = change(records);
        self.room = self.room - before + records.capacity();
        result
    }

    /// Where `key` stands, or would have to.
    fn find(&self, key: K) -> Result<Spot, Spot> {
        let behind = self.chunks.partition_point(|records| records[0].0 <= key);
        let Some(chunk) = behind.checked_sub(1) else { return Err(Spot { chunk: 0, index: 0 }) };
        let found = self.chunks[chunk].binary_search_by(|(other, _)| other.cmp(&key));
        found.map(|index| Spot { chunk, index }).map_err(|index| Spot { chunk, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};
    use std::collections::BTreeMap;

    fn check(sorted: &Sorted<u64, u64>, model: &BTreeMap<u64, u64>) {
        let records: Vec<_> = model.iter().map(|(key, value)| (*key, *value)).collect();
        assert_eq!(sorted.iter().copied().collect::<Vec<_>>(), records);
        assert_eq!((sorted.len(), sorted.is_empty()), (records.len(), records.is_empty()));
        let room: usize = sorted.chunks.iter().map(Vec::capacity).sum();
        assert!(sorted.room == room && sorted.chunks.iter().all(|chunk| !chunk.is_empty()));
        assert!(sorted.chunks.len() <= 8 * records.len() / CHUNK_LEN + 2, "chunks are merged");
    }

    #[test]
    fn it_does_what_a_tree_does() {
        let seed = os_seed();
        eprintln!("seed {seed}");
        let mut rng = Rng::seeded(seed);
        let (mut sorted, mut model) = (Sorted::default(), BTreeMap::new());
        for round in 0..40_000u64 {
            let key = rng.below(2000) as u64 + round / 40;
            match rng.below(if round % 10_000 < 4000 { 3 } else { 6 }) {
                0..2 => assert_eq!(sorted.insert(key, round), !model.contains_key(&key)),
                2 => assert_eq!(sorted.get(key), model.get(&key)),
                _ => assert_eq!(sorted.remove(key), model.remove(&key)),
            }
            model.entry(key).or_insert(round);
            sorted.insert(key, round);
            if let (3, Some(value)) = (key % 4, sorted.get_mut(key)) {
                (*value, *model.get_mut(&key).unwrap()) = (round, round);
            }
            if rng.below(3) > 0 {
                let from = rng.below(4000) as u64;
                let expected = model.range(from..).next().map(|(key, value)| (*key, *value));
                assert_eq!(sorted.first_from(from).copied(), expected);
                if let Some((key, _)) = expected {
                    assert_eq!(sorted.remove(key), model.remove(&key));
                }
            }
            if round % 500 == 0 {
                check(&sorted, &model);
                let skip = rng.below(model.len() + 3);
                let nth = sorted.iter_nth(skip).map(|record| record.0);
                assert!(nth.eq(model.keys().copied().skip(skip)));
            }
        }
        check(&sorted, &model);
    }

    #[test]
    fn what_comes_in_order_takes_little_more_than_itself() {
        let mut sorted = Sorted::default();
        (0..10_000u64).for_each(|key| assert!(sorted.insert(key, ())));
        assert!(sorted.memory() < 10_000 * 8 + 10_000 / CHUNK_LEN * 24 * 3, "{}", sorted.memory());
        assert_eq!(sorted.ends().map(|ends| ends.map(|(key, ())| *key)), Some([0, 9999]));
        while sorted.drop_some() {}
    }
}
