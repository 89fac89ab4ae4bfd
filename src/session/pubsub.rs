//! Who listens to what: channels, patterns and shard channels, each in both directions.
//!
//! Invariant: names clients by id and sends nothing; a client that is gone was
//! [forgotten](PubSub::forget).

use super::ClientId;
use crate::ds::map::Map;
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};

/// Bytes that a subscription costs in the table of its name, which mostly has few subscribers.
const SUBSCRIPTION_BYTES: usize = 64;

/// What a subscription names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A channel by its name.
    Channel,
    /// All channels that match a pattern.
    Pattern,
    /// A shard channel: a name space of its own, which patterns do not reach.
    Shard,
}

/// All subscriptions.
#[derive(Default)]
pub struct PubSub {
    channels: Topics,
    patterns: Topics,
    shards: Topics,
}

impl PubSub {
    /// The subscriptions of one kind.
    pub fn topics(&self, kind: Kind) -> &Topics {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard => &self.shards,
        }
    }

    /// As [`PubSub::topics`], to be changed.
    pub fn topics_mut(&mut self, kind: Kind) -> &mut Topics {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
        }
    }

    /// The number of subscriptions that a confirmation tells the client: channels and patterns
    /// count together, shard channels on their own.
    pub fn count(&self, kind: Kind, client: ClientId) -> usize {
        match kind {
            Kind::Channel | Kind::Pattern => {
                self.channels.count(client) + self.patterns.count(client)
            }
            Kind::Shard => self.shards.count(client),
        }
    }

    /// Whether the client listens to anything.
    pub fn is_subscribed(&self, client: ClientId) -> bool {
        self.count(Kind::Channel, client) + self.count(Kind::Shard, client) > 0
    }

    /// Bytes that a client's subscriptions take. A name that several listen to counts for each.
    pub fn memory_of(&self, client: ClientId) -> usize {
        let all = [&self.channels, &self.patterns, &self.shards];
        all.into_iter().map(|topics| topics.memory_of(client)).sum()
    }

    /// Ends all subscriptions of a client.
    pub fn forget(&mut self, client: ClientId) {
        for topics in [&mut self.channels, &mut self.patterns, &mut self.shards] {
            topics.forget(client);
        }
    }
}

/// Names and who subscribed to them. A name is there as long as somebody listens.
#[derive(Default)]
pub struct Topics {
    /// Subscribers by name.
    names: Map<HashSet<ClientId, RandomState>>,
    clients: HashMap<ClientId, Subscriptions, RandomState>,
}

/// What one client subscribed to.
#[derive(Default)]
struct Subscriptions {
    /// Numbers of the names.
    ids: HashSet<u32, RandomState>,
    /// Lengths of the names, together.
    name_bytes: usize,
}

impl Topics {
    /// How many names somebody listens to.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Adds a subscription; false if it was there.
    pub fn subscribe(&mut self, client: ClientId, name: &[u8]) -> bool {
        let id = self.names.find_or_insert(name);
        let subscriptions = self.clients.entry(client).or_default();
        let is_new = subscriptions.ids.insert(id);
        subscriptions.name_bytes += if is_new { name.len() } else { 0 };
        self.names.value_mut(id).insert(client)
    }

    /// Ends a subscription; false if there was none.
    pub fn unsubscribe(&mut self, client: ClientId, name: &[u8]) -> bool {
        let Some(id) = self.names.find(name) else { return false };
        let Some(subscribed) = self.clients.get_mut(&client) else { return false };
        if !subscribed.ids.remove(&id) {
            return false;
        }
        subscribed.name_bytes -= name.len();
        if subscribed.ids.is_empty() {
            self.clients.remove(&client);
        }
        self.leave(client, id);
        true
    }

    /// Ends all subscriptions of a client.
    pub fn forget(&mut self, client: ClientId) {
        for id in self.clients.remove(&client).unwrap_or_default().ids {
            self.leave(client, id);
        }
    }

    fn leave(&mut self, client: ClientId, id: u32) {
        let subscribers = self.names.value_mut(id);
        subscribers.remove(&client);
        if subscribers.is_empty() {
            self.names.remove(id);
        }
    }

    /// How many names the client subscribed to.
    pub fn count(&self, client: ClientId) -> usize {
        self.clients.get(&client).map_or(0, |subscriptions| subscriptions.ids.len())
    }

    /// Bytes that the client's subscriptions take.
    fn memory_of(&self, client: ClientId) -> usize {
        self.clients.get(&client).map_or(0, |Subscriptions { ids, name_bytes }| {
            name_bytes + ids.capacity() * size_of::<u32>() + ids.len() * SUBSCRIPTION_BYTES
        })
    }

    /// The names that the client subscribed to, in any order.
    pub fn of(&self, client: ClientId) -> Vec<Box<[u8]>> {
        let ids = self.clients.get(&client).into_iter().flat_map(|known| &known.ids);
        ids.map(|&id| self.names.key(id).into()).collect()
    }

    /// How many clients subscribed to a name.
    pub fn audience(&self, name: &[u8]) -> usize {
        self.names.get(name).map_or(0, HashSet::len)
    }

    /// The subscribers of a name, in any order.
    pub fn subscribers(&self, name: &[u8]) -> impl Iterator<Item = ClientId> {
        self.names.get(name).into_iter().flatten().copied()
    }

    /// All names with their subscribers, in any order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], impl Iterator<Item = ClientId>)> {
        self.names.iter().map(|(name, subscribers)| (name, subscribers.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use std::collections::BTreeSet;

    fn client(slot: usize) -> ClientId {
        ClientId { slot: slot as u32, generation: 7 }
    }

    #[test]
    fn both_directions_agree_whatever_happens() {
        let (mut topics, mut rng) = (Topics::default(), Rng::seeded(21));
        let mut model = BTreeSet::new();
        for _ in 0..20_000 {
            let (slot, name) = (rng.below(20), format!("n{}", rng.below(20)));
            match rng.below(20) {
                0 => {
                    topics.forget(client(slot));
                    model.retain(|(other, _)| *other != slot);
                }
                1..10 => {
                    let new = topics.subscribe(client(slot), name.as_bytes());
                    assert_eq!(new, model.insert((slot, name)));
                }
                _ => {
                    let gone = topics.unsubscribe(client(slot), name.as_bytes());
                    assert_eq!(gone, model.remove(&(slot, name)));
                }
            }
        }
        for slot in 0..20 {
            let mut names: Vec<_> = topics.of(client(slot)).into_iter().map(Vec::from).collect();
            names.sort();
            let known = model.iter().filter(|(other, _)| *other == slot);
            assert_eq!(names, known.map(|(_, name)| name.clone().into_bytes()).collect::<Vec<_>>());
            assert_eq!(topics.count(client(slot)), names.len());
        }
        let listed: usize = topics.iter().map(|(_, subscribers)| subscribers.count()).sum();
        assert_eq!(listed, model.len());
        let names: BTreeSet<_> = model.iter().map(|(_, name)| name).collect();
        assert_eq!(topics.len(), names.len());
        let first = names.first().expect("somebody listens");
        let listens = model.iter().filter(|(_, name)| name == *first).count();
        assert_eq!(topics.subscribers(first.as_bytes()).count(), listens);
        assert_eq!(topics.audience(first.as_bytes()), listens);
    }

    #[test]
    fn shard_channels_count_on_their_own() {
        let mut pubsub = PubSub::default();
        pubsub.topics_mut(Kind::Channel).subscribe(client(1), b"c");
        pubsub.topics_mut(Kind::Pattern).subscribe(client(1), b"c");
        pubsub.topics_mut(Kind::Shard).subscribe(client(1), b"c");
        let counts =
            [Kind::Channel, Kind::Pattern, Kind::Shard].map(|k| pubsub.count(k, client(1)));
        assert_eq!(counts, [2, 2, 1]);
        pubsub.forget(client(1));
        assert!(!pubsub.is_subscribed(client(1)) && pubsub.topics(Kind::Shard).is_empty());
    }
}
