//! Values by byte string, each behind a stable number as well.
//!
//! Grows and shrinks one small segment at a time ([`Segments`]) over a [`Pool`] of items, so that
//! a table of millions of names never stalls the loop, and any item can be drawn by chance.
//!
//! Invariant: knows nothing of what it stores; a number stays until its item is removed.

use crate::base::hash::Keyed;
use crate::ds::pool::Pool;
use crate::ds::segments::{Hashing, Segments};

/// Values of one kind by byte string.
pub struct Map<V> {
    table: Segments<u32>,
    items: Pool<Item<V>>,
    hasher: Keyed,
}

struct Item<V> {
    key: Box<[u8]>,
    value: V,
}

/// The hashes of a map's slots, from the keys of its items.
struct Keys<'a, V> {
    items: &'a Pool<Item<V>>,
    hasher: &'a Keyed,
}

impl<V> Hashing<u32> for Keys<'_, V> {
    fn hash(&self, slot: &u32) -> u64 {
        self.hasher.hash(&item(self.items, *slot).key)
    }

    // Only a resize asks, and it has nothing else to do meanwhile.
    fn prefetch(&self, _: &u32) {}
}

fn item<V>(items: &Pool<Item<V>>, id: u32) -> &Item<V> {
    items.get(id).expect("every slot has its item")
}

impl<V> Default for Map<V> {
    fn default() -> Map<V> {
        Map { table: Segments::default(), items: Pool::default(), hasher: Keyed::of_process() }
    }
}

impl<V> Map<V> {
    /// How many items it holds.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The number of the item under `key`.
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        self.table.find(self.hasher.hash(key), |&id| *item(&self.items, id).key == *key)
    }

    /// The value under `key`.
    pub fn get(&self, key: &[u8]) -> Option<&V> {
        Some(&item(&self.items, self.find(key)?).value)
    }

    /// The key of item `id`, which is there.
    pub fn key(&self, id: u32) -> &[u8] {
        &item(&self.items, id).key
    }

    /// The value of item `id`, which is there, to be changed.
    pub fn value_mut(&mut self, id: u32) -> &mut V {
        &mut self.items.get_mut(id).expect("a number in use has its item").value
    }

    /// The number of the item under `key`, which is made with a default value if it is not there.
    pub fn find_or_insert(&mut self, key: &[u8]) -> u32
    where
        V: Default,
    {
        if let Some(id) = self.find(key) {
            return id;
        }
        let id = self.items.insert(Item { key: key.into(), value: V::default() });
        let keys = Keys { items: &self.items, hasher: &self.hasher };
        self.table.insert(self.hasher.hash(key), id, &keys);
        id
    }

    /// Takes item `id` out, if it is there.
    pub fn remove(&mut self, id: u32) -> Option<(Box<[u8]>, V)> {
        let Map { table, items, hasher } = self;
        let hash = hasher.hash(&items.get(id)?.key);
        table.remove(hash, |&slot| slot == id, &Keys { items, hasher });
        items.remove(id).map(|Item { key, value }| (key, value))
    }

    /// The number of some item, all equally likely; `below` yields a number under its argument.
    pub fn random(&self, below: impl FnMut(usize) -> usize) -> Option<u32> {
        self.table.random(below)
    }

    /// All keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        self.table.iter().map(|&id| {
            let item = item(&self.items, id);
            (&*item.key, &item.value)
        })
    }

    /// Drops a piece of a map that is no longer in use; true when more is left.
    pub fn drop_some(&mut self) -> bool {
        self.items.take_chunk().is_some() || self.table.drop_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use std::collections::HashMap;

    #[test]
    fn behaves_as_a_plain_map() {
        let (mut map, mut model, mut rng) = (Map::default(), HashMap::new(), Rng::seeded(11));
        for step in 0..40_000 {
            let key = format!("key {}", rng.below(3000)).into_bytes();
            if rng.below(5) < 3 {
                let id = map.find_or_insert(&key);
                *map.value_mut(id) = step;
                assert_eq!((map.key(id), map.find(&key)), (&key[..], Some(id)));
                model.insert(key, step);
            } else {
                let removed = map.find(&key).and_then(|id| map.remove(id));
                let known = model.remove_entry(&key);
                assert_eq!(removed.map(|(key, value)| (key.into_vec(), value)), known);
            }
            assert_eq!(map.len(), model.len());
        }
        assert!(model.iter().all(|(key, value)| map.get(key) == Some(value)));
        assert!(map.iter().all(|(key, value)| model.get(key) == Some(value)));
        assert_eq!(map.iter().count(), model.len());
    }

    #[test]
    fn an_item_is_drawn_by_chance_as_long_as_there_is_one() {
        let (mut map, mut rng) = (Map::<()>::default(), Rng::seeded(12));
        (0..1000u32).for_each(|key| assert_eq!(map.find_or_insert(&key.to_le_bytes()), key));
        for left in (0..1000).rev() {
            let id = map.random(|bound| rng.below(bound)).expect("not empty");
            assert!(map.remove(id).is_some() && map.remove(id).is_none());
            assert_eq!(map.len(), left);
        }
        assert_eq!(map.random(|bound| rng.below(bound)), None);
    }

    #[test]
    fn a_map_is_dropped_in_pieces() {
        let mut map = Map::<u64>::default();
        (0..5000u32).for_each(|key| assert_eq!(map.find_or_insert(&key.to_le_bytes()), key));
        let pieces = std::iter::from_fn(|| map.drop_some().then_some(())).count();
        assert!((5000 / 256..100).contains(&pieces) && map.is_empty());
    }
}
