//! Values behind small stable numbers.
//!
//! A [`Pool`] hands out a `u32` for every value it keeps. It grows in chunks, so nothing is ever
//! moved for growth, and a chunk whose last value left returns its memory.
//!
//! Invariant: knows nothing of what it stores.

use crate::ds::prefetch::prefetch;

const CHUNK: usize = 256;
const NONE: u16 = u16::MAX;

/// Values of one kind, each behind a number that stays until it is removed.
#[derive(Clone)]
pub struct Pool<T> {
    chunks: Vec<Chunk<T>>,
    /// Chunks with room; a chunk is listed at most once.
    open: Vec<u32>,
    len: usize,
}

#[derive(Clone)]
struct Chunk<T> {
    slots: Vec<Slot<T>>,
    live: u16,
    free: u16,
}

#[derive(Clone)]
enum Slot<T> {
    Free(u16),
    Full(T),
}

impl<T> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool { chunks: Vec::new(), open: Vec::new(), len: 0 }
    }
}

#[inline(always)]
fn split(id: u32) -> (usize, usize) {
    (id as usize / CHUNK, id as usize % CHUNK)
}

impl<T> Pool<T> {
    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All numbers in use are below this.
    pub fn span(&self) -> u32 {
        let whole = self.chunks.len().saturating_sub(1) * CHUNK;
        (whole + self.chunks.last().map_or(0, |chunk| chunk.slots.len())) as u32
    }

    /// The value behind `id`, if there is one.
    #[inline]
    pub fn get(&self, id: u32) -> Option<&T> {
        let (chunk, slot) = split(id);
        match self.chunks.get(chunk)?.slots.get(slot)? {
            Slot::Full(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    /// The value behind `id`, to be changed.
    #[inline]
    pub fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        let (chunk, slot) = split(id);
        match self.chunks.get_mut(chunk)?.slots.get_mut(slot)? {
            Slot::Full(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    /// Hints that the value behind `id` will be asked for.
    #[inline]
    pub fn prefetch(&self, id: u32) {
        let (chunk, slot) = split(id);
        if let Some(chunk) = self.chunks.get(chunk) {
            prefetch(chunk.slots.as_ptr().wrapping_add(slot).cast());
        }
    }

    /// All values with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.iter_from(0)
    }

    /// The values whose numbers are not below `first`, with their numbers, in order.
    pub fn iter_from(&self, first: u32) -> impl Iterator<Item = (u32, &T)> {
        let (chunk, _) = split(first);
        let slots = (0..)
            .step_by(CHUNK)
            .zip(&self.chunks)
            .skip(chunk)
            .flat_map(|(first, chunk)| (first..).zip(&chunk.slots));
        slots.filter_map(move |(id, slot)| match slot {
            Slot::Full(value) if id >= first => Some((id, value)),
            _ => None,
        })
    }

    /// Keeps `value` and returns its number.
    pub fn insert(&mut self, value: T) -> u32 {
        let index = match self.open.last() {
            Some(&index) => index,
            None => self.add_chunk(),
        };
        let chunk = &mut self.chunks[index as usize];
        let slot = chunk.insert(value);
        if chunk.is_full() {
            self.open.pop();
        }
        self.len += 1;
        index * CHUNK as u32 + u32::from(slot)
    }

    /// Takes the value behind `id` out.
    pub fn remove(&mut self, id: u32) -> Option<T> {
        let (index, slot) = split(id);
        let chunk = self.chunks.get_mut(index)?;
        let was_full = chunk.is_full();
        let value = chunk.remove(slot)?;
        if was_full {
            self.open.push(index as u32);
        }
        self.len -= 1;
        Some(value)
    }

    /// Takes any chunk's values out, for a drop in slices; `None` when nothing is left.
    pub fn take_chunk(&mut self) -> Option<Vec<T>> {
        let chunk = self.chunks.pop()?;
        self.open.retain(|&open| (open as usize) < self.chunks.len());
        self.len -= usize::from(chunk.live);
        let full = |slot| match slot {
            Slot::Full(value) => Some(value),
            Slot::Free(_) => None,
        };
        Some(chunk.slots.into_iter().filter_map(full).collect())
    }

    /// Bytes of the chunks themselves.
    pub fn memory(&self) -> usize {
        let slots: usize = self.chunks.iter().map(|chunk| chunk.slots.capacity()).sum();
        slots * size_of::<Slot<T>>() + self.chunks.capacity() * size_of::<Chunk<T>>()
    }

    fn add_chunk(&mut self) -> u32 {
        let index = u32::try_from(self.chunks.len()).expect("a pool has at most 2^24 chunks");
        self.chunks.push(Chunk { slots: Vec::new(), live: 0, free: NONE });
        self.open.push(index);
        index
    }
}

impl<T> Chunk<T> {
    fn is_full(&self) -> bool {
        usize::from(self.live) == CHUNK
    }

    fn insert(&mut self, value: T) -> u16 {
        self.live += 1;
        if self.free == NONE {
            self.slots.push(Slot::Full(value));
            return (self.slots.len() - 1) as u16;
        }
        let slot = self.free;
        let full = Slot::Full(value);
        if let Slot::Free(next) = std::mem::replace(&mut self.slots[usize::from(slot)], full) {
            self.free = next;
        }
        slot
    }

    fn remove(&mut self, slot: usize) -> Option<T> {
        let place = self.slots.get_mut(slot)?;
        if matches!(place, Slot::Free(_)) {
            return None;
        }
        let taken = std::mem::replace(place, Slot::Free(self.free));
        self.free = slot as u16;
        self.live -= 1;
        if self.live == 0 {
            self.slots = Vec::new();
            self.free = NONE;
        }
        match taken {
            Slot::Full(value) => Some(value),
            Slot::Free(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use std::collections::HashMap;

    #[test]
    fn behaves_as_a_map_from_its_own_numbers() {
        let (mut pool, mut model, mut rng) = (Pool::default(), HashMap::new(), Rng::seeded(1));
        for step in 0..20_000u64 {
            if rng.below(5) < 3 {
                let id = pool.insert(step);
                assert!(id < pool.span() && model.insert(id, step).is_none());
            } else if let Some(&id) = model.keys().next() {
                assert_eq!(pool.remove(id), model.remove(&id));
                assert!(pool.get(id).is_none() && pool.remove(id).is_none());
            }
            assert_eq!(pool.len(), model.len());
        }
        assert!(model.iter().all(|(&id, value)| pool.get(id) == Some(value)));
    }

    #[test]
    fn an_emptied_pool_returns_its_chunks() {
        let mut pool = Pool::default();
        let ids: Vec<u32> = (0..10_000u64).map(|value| pool.insert(value)).collect();
        assert!(pool.memory() > 10_000 * 8);
        ids.iter().for_each(|&id| assert!(pool.remove(id).is_some()));
        assert!(pool.is_empty() && pool.memory() < 8_000);
        assert!(pool.insert(1) < 10_000);
    }

    #[test]
    fn chunks_can_be_taken_one_by_one() {
        let mut pool = Pool::default();
        (0..1000u64).for_each(|value| assert!(pool.insert(value) < 1000));
        pool.remove(999);
        let mut all: Vec<u64> = std::iter::from_fn(|| pool.take_chunk()).flatten().collect();
        all.sort_unstable();
        assert_eq!(all, (0..999).collect::<Vec<u64>>());
        assert!(pool.is_empty());
    }
}
