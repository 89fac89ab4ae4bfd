//! Consumer groups: how far a group has read, and what its consumers got and did not acknowledge.
//!
//! A pending entry stands in the list of its group, with the number of its owner, and its id in the
//! list of the owner.
//!
//! Invariant: each id in the list of a consumer is one in the list of the group that names him as the
//! owner; no consumer has the number of another.

use std::collections::BTreeMap;

use super::id::Id;
use crate::ds::sorted::Sorted;

/// Stands for no owner while a group is being read from a file.
const NOBODY: u32 = u32::MAX;

/// A consumer group.
#[derive(Clone, Debug)]
pub struct Group {
    /// The last entry that was delivered.
    pub last: Id,
    /// Entries up to that one since the first that the stream ever had; `None` where it is not known.
    pub read: Option<u64>,
    pending: Sorted<Id, Pending>,
    /// Consumers by name, as their numbers.
    names: BTreeMap<Box<[u8]>, u32>,
    /// The consumers by number; a number that is free has none.
    consumers: Vec<Option<Box<Consumer>>>,
    free: Vec<u32>,
    /// Consumers whose two times differ.
    uneven: usize,
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When it was delivered last, Unix time in milliseconds.
    pub delivered: i64,
    /// How often.
    pub count: u64,
    owner: u32,
}

/// A consumer.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When he last asked for something, Unix time in milliseconds.
    seen: i64,
    /// When he last got something; -1: never.
    active: i64,
    owned: Sorted<Id, ()>,
}

/// The number of a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerId(u32);

impl Consumer {
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    pub fn seen(&self) -> i64 {
        self.seen
    }

    pub fn active(&self) -> i64 {
        self.active
    }

    /// The ids of what is pending for him.
    pub fn owned(&self) -> &Sorted<Id, ()> {
        &self.owned
    }

    fn is_uneven(&self) -> bool {
        self.seen != self.active
    }
}

impl Group {
    pub fn new(last: Id, read: Option<u64>) -> Group {
        Group {
            last,
            read,
            pending: Sorted::default(),
            names: BTreeMap::new(),
            consumers: Vec::new(),
            free: Vec::new(),
            uneven: 0,
        }
    }

    /// What is pending.
    pub fn pending(&self) -> &Sorted<Id, Pending> {
        &self.pending
    }

    /// How many consumers there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The consumers in the order of their names.
    pub fn consumers(&self) -> impl Iterator<Item = &Consumer> + Clone {
        self.names.values().map(|number| self.at(*number))
    }

    /// Whether some consumer was seen at another time than he last got something.
    pub fn is_uneven(&self) -> bool {
        self.uneven > 0
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        let consumer = |consumer: &Consumer| {
            size_of::<Consumer>()
                + 2 * (size_of::<Box<[u8]>>() + consumer.name.len())
                + consumer.owned.memory()
        };
        let consumers: usize = self.consumers().map(consumer).sum();
        self.pending.memory() + self.consumers.capacity() * size_of::<usize>() + consumers
    }

    fn at(&self, number: u32) -> &Consumer {
        let consumer = self.consumers.get(number as usize).and_then(Option::as_deref);
        consumer.expect("a consumer keeps his number")
    }

    fn at_mut(&mut self, number: u32) -> &mut Consumer {
        let consumer = self.consumers.get_mut(number as usize).and_then(Option::as_deref_mut);
        consumer.expect("a consumer keeps his number")
    }

    /// Changes a consumer and keeps the books on his times.
    fn alter<T>(&mut self, number: u32, change: impl FnOnce(&mut Consumer) -> T) -> T {
        let consumer = self.at_mut(number);
        let before = consumer.is_uneven();
        let result = change(consumer);
        let after = consumer.is_uneven();
        self.uneven = self.uneven + usize::from(after) - usize::from(before);
        result
    }

    pub fn find(&self, name: &[u8]) -> Option<ConsumerId> {
        self.names.get(name).copied().map(ConsumerId)
    }

    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.at(id.0)
    }

    /// The owner of what is pending.
    pub fn owner(&self, pending: &Pending) -> &Consumer {
        self.at(pending.owner)
    }

    /// Adds a consumer, seen and active at those times; `None` when there is one of that name.
    pub fn add(&mut self, name: &[u8], seen: i64, active: i64) -> Option<ConsumerId> {
        if self.names.contains_key(name) {
            return None;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.consumers.push(None);
            u32::try_from(self.consumers.len() - 1).expect("consumers take memory")
        });
        let consumer = Consumer { name: name.into(), seen, active, owned: Sorted::default() };
        self.uneven += usize::from(consumer.is_uneven());
        self.consumers[number as usize] = Some(Box::new(consumer));
        self.names.insert(name.into(), number);
        Some(ConsumerId(number))
    }

    /// Notes that a consumer asked for something.
    pub fn saw(&mut self, id: ConsumerId, now: i64) {
        self.alter(id.0, |consumer| consumer.seen = now);
    }

    /// Removes a consumer with all that is pending for him; how much that was.
    pub fn remove(&mut self, id: ConsumerId) -> usize {
        let Some(consumer) = self.consumers[id.0 as usize].take() else { return 0 };
        self.uneven -= usize::from(consumer.is_uneven());
        self.names.remove(&consumer.name);
        self.free.push(id.0);
        for (entry, ()) in consumer.owned.iter() {
            self.pending.remove(*entry);
        }
        consumer.owned.len()
    }

    /// Gives an entry to a consumer, who becomes active: it is pending for him and no longer for
    /// whom it was.
    pub fn deliver(&mut self, id: ConsumerId, entry: Id, delivered: i64, count: u64, now: i64) {
        let pending = Pending { delivered, count, owner: id.0 };
        if !self.pending.insert(entry, pending)
            && let Some(old) = self.pending.get_mut(entry)
        {
            let owner = std::mem::replace(old, pending).owner;
            if owner != id.0 {
                self.at_mut(owner).owned.remove(entry);
            }
        }
        self.alter(id.0, |consumer| {
            consumer.owned.insert(entry, ());
            consumer.active = now;
        });
    }

    /// Notes that a consumer asked for his pending entry again.
    pub fn repeat(&mut self, entry: Id, now: i64) {
        if let Some(pending) = self.pending.get_mut(entry) {
            pending.delivered = now;
            pending.count = pending.count.wrapping_add(1);
        }
    }

    /// Takes an entry off the pending ones; false when it is none of them.
    pub fn acknowledge(&mut self, entry: Id) -> bool {
        let Some(pending) = self.pending.remove(entry) else { return false };
        self.at_mut(pending.owner).owned.remove(entry);
        true
    }

    /// Adds a pending entry whose owner is still to be named; false when it is there.
    pub fn restore(&mut self, entry: Id, delivered: i64, count: u64) -> bool {
        self.pending.insert(entry, Pending { delivered, count, owner: NOBODY })
    }

    /// Names the owner of a restored entry; false when it is not there or has one.
    pub fn restore_owner(&mut self, entry: Id, owner: ConsumerId) -> bool {
        let Some(pending) = self.pending.get_mut(entry) else { return false };
        if pending.owner != NOBODY {
            return false;
        }
        pending.owner = owner.0;
        self.at_mut(owner.0).owned.insert(entry, ())
    }

    /// Whether every restored entry has an owner.
    pub fn is_restored(&self) -> bool {
        let owned: usize = self.consumers().map(|consumer| consumer.owned.len()).sum();
        owned == self.pending.len()
    }

    /// Frees a piece of what nobody uses any more; false when the rest is small.
    pub fn drop_some(&mut self) -> bool {
        if self.pending.drop_some() {
            return true;
        }
        let last = self.consumers.last_mut().and_then(Option::as_deref_mut);
        if !last.is_some_and(|consumer| consumer.owned.drop_some()) {
            self.consumers.pop();
        }
        !self.consumers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};

    fn check(group: &Group, model: &BTreeMap<Id, (Vec<u8>, i64, u64)>) {
        assert_eq!(group.pending().len(), model.len());
        for ((id, pending), (expected, (owner, delivered, count))) in
            group.pending().iter().zip(model)
        {
            assert_eq!((id, group.owner(pending).name()), (expected, &owner[..]));
            assert_eq!((pending.delivered, pending.count), (*delivered, *count));
        }
        for consumer in group.consumers() {
            let owned = model.iter().filter(|(_, one)| one.0 == consumer.name()).map(|(id, _)| *id);
            assert!(consumer.owned().iter().map(|(id, ())| *id).eq(owned));
        }
        let uneven = group.consumers().filter(|consumer| consumer.is_uneven()).count();
        assert!(group.uneven == uneven && group.is_restored());
    }

    #[test]
    fn it_does_what_a_list_with_owners_does() {
        let seed = os_seed();
        eprintln!("seed {seed}");
        let mut rng = Rng::seeded(seed);
        let (mut group, mut model) = (Group::new(Id::MIN, None), BTreeMap::new());
        for now in 0..20_000i64 {
            let name = format!("c{}", rng.below(6)).into_bytes();
            let entry = Id { ms: rng.below(300) as u64, seq: 0 };
            match rng.below(40) {
                0 => {
                    let owned =
                        model.values().filter(|one: &&(Vec<u8>, i64, u64)| one.0 == name).count();
                    let found = group.find(&name);
                    assert_eq!(found.map_or(0, |id| group.remove(id)), owned);
                    model.retain(|_, one| one.0 != name);
                }
                1..16 => {
                    let id = group.find(&name);
                    let id = id.unwrap_or_else(|| group.add(&name, now, -1).expect("a new one"));
                    group.deliver(id, entry, now, 7, now);
                    model.insert(entry, (name, now, 7));
                }
                16 => drop(group.find(&name).map(|id| group.saw(id, now))),
                17..20 => {
                    group.repeat(entry, now);
                    if let Some(one) = model.get_mut(&entry) {
                        (one.1, one.2) = (now, one.2 + 1);
                    }
                }
                _ => assert_eq!(group.acknowledge(entry), model.remove(&entry).is_some()),
            }
            if now % 100 == 0 {
                check(&group, &model);
            }
        }
        check(&group, &model);
        while group.drop_some() {}
    }
}
