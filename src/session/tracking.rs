//! Client-side caching: which clients may hold which keys, and which want to hear of prefixes.
//!
//! A key of the table is remembered for every client that read it, until it changes or gives way
//! to others by chance. A client that is gone or tracks no more stays listed with its keys and is
//! passed over later: to look for it everywhere would hold up the loop.
//!
//! Invariant: names clients by id and sends nothing; no key is larger than what a request holds.

use super::ClientId;
use crate::ds::map::Map;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes that a prefix costs besides its name: its places in the client's set and in the table.
const PREFIX_BYTES: usize =
    2 * size_of::<Box<[u8]>>() + size_of::<Prefix>() + size_of::<ClientId>();

/// What one client asked CLIENT TRACKING for.
#[derive(Debug)]
pub struct Tracking {
    pub mode: Mode,
    /// Changes by the client itself are not told.
    pub noloop: bool,
    /// CLIENT CACHING made an exception for the next command.
    pub caching: bool,
    pub redirect: Option<Redirect>,
    /// The client that invalidations are redirected to is gone.
    pub broken: bool,
    /// Prefixes in broadcasting mode.
    pub prefixes: BTreeSet<Box<[u8]>>,
    /// Bytes that the prefixes cost, here and in the table of all.
    prefix_bytes: usize,
}

/// Which keys a client hears of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Those it read.
    Default,
    /// Those it read with a command that CLIENT CACHING YES announced.
    OptIn,
    /// Those it read, unless CLIENT CACHING NO announced the command.
    OptOut,
    /// All that begin with one of its prefixes.
    Broadcast,
}

/// Another client that receives the invalidations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Redirect {
    /// Its CLIENT ID.
    pub id: u64,
    pub client: ClientId,
}

impl Tracking {
    /// Tracking in that mode, without options.
    pub fn new(mode: Mode) -> Tracking {
        Tracking {
            mode,
            noloop: false,
            caching: false,
            redirect: None,
            broken: false,
            prefixes: BTreeSet::new(),
            prefix_bytes: 0,
        }
    }

    /// One more prefix in broadcasting mode.
    pub fn add_prefix(&mut self, prefix: &[u8]) {
        if self.prefixes.insert(prefix.into()) {
            self.prefix_bytes += PREFIX_BYTES + 2 * prefix.len();
        }
    }

    /// Heap bytes held for what the client asked for.
    pub fn memory(&self) -> usize {
        size_of::<Tracking>() + self.prefix_bytes
    }

    /// Whether the keys of the command in execution are to be remembered.
    pub fn remembers(&self) -> bool {
        match self.mode {
            Mode::Default => true,
            Mode::OptIn => self.caching,
            Mode::OptOut => !self.caching,
            Mode::Broadcast => false,
        }
    }
}

/// Keys in the caches of clients, and prefixes that clients follow.
#[derive(Default)]
pub struct TrackingTable {
    /// Clients that track, in any mode.
    clients: usize,
    /// Clients that may hold a key, in order.
    keys: Map<Vec<ClientId>>,
    /// The lengths of all those lists.
    items: usize,
    /// Tables that a flush left, to be dropped in pieces.
    retired: Vec<Map<Vec<ClientId>>>,
    prefixes: BTreeMap<Box<[u8]>, Prefix>,
    /// How many prefixes have that length: a key is looked up once for each.
    lengths: BTreeMap<usize, usize>,
    /// Prefixes with changes.
    changed: BTreeSet<Box<[u8]>>,
}

/// A prefix that somebody follows.
#[derive(Default)]
struct Prefix {
    clients: BTreeSet<ClientId>,
    /// Changed keys and who changed them last, where a client did.
    changes: Changes,
}

/// Changed keys in order, each with the client that changed it last, where one did.
pub type Changes = BTreeMap<Box<[u8]>, Option<ClientId>>;

impl TrackingTable {
    /// Clients that track.
    pub fn clients(&self) -> usize {
        self.clients
    }

    /// Whether no client tracks and none may hold a key. Keys outlive the last client that tracks:
    /// it may do so again.
    pub fn is_idle(&self) -> bool {
        self.clients == 0 && self.keys.is_empty()
    }

    /// Keys that somebody may hold.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Pairs of a key and a client that may hold it.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Prefixes that somebody follows.
    pub fn prefixes(&self) -> usize {
        self.prefixes.len()
    }

    /// One more client tracks.
    pub fn join(&mut self) {
        self.clients += 1;
    }

    /// A client with this tracking does so no more.
    pub fn leave(&mut self, client: ClientId, tracking: &Tracking) {
        self.clients -= 1;
        for prefix in &tracking.prefixes {
            self.unfollow(client, prefix);
        }
    }

    /// Remembers that `client` may hold `key` from now on. `is_live` tells a client from one that
    /// is gone; those who are make room when the list would have to grow.
    pub fn remember(&mut self, key: &[u8], client: ClientId, is_live: impl Fn(ClientId) -> bool) {
        let id = self.keys.find_or_insert(key);
        let holders = self.keys.value_mut(id);
        if holders.binary_search(&client).is_ok() {
            return;
        }
        if holders.len() == holders.capacity() {
            self.items -= holders.len();
            holders.retain(|&holder| is_live(holder));
            self.items += holders.len();
        }
        let at = holders.partition_point(|holder| *holder < client);
        holders.insert(at, client);
        self.items += 1;
    }

    /// The clients that may hold `key`; nobody does afterwards.
    pub fn take(&mut self, key: &[u8]) -> Vec<ClientId> {
        let id = self.keys.find(key);
        id.and_then(|id| self.remove(id)).map_or_else(Vec::new, |(_, holders)| holders)
    }

    /// A key drawn by chance and the clients that may hold it; nobody does afterwards.
    pub fn evict(
        &mut self,
        below: impl FnMut(usize) -> usize,
    ) -> Option<(Box<[u8]>, Vec<ClientId>)> {
        self.remove(self.keys.random(below)?)
    }

    fn remove(&mut self, id: u32) -> Option<(Box<[u8]>, Vec<ClientId>)> {
        let removed = self.keys.remove(id)?;
        self.items -= removed.1.len();
        Some(removed)
    }

    /// Forgets all keys; their memory comes back piece by piece.
    pub fn forget_keys(&mut self) {
        let keys = std::mem::take(&mut self.keys);
        if !keys.is_empty() {
            self.retired.push(keys);
        }
        self.items = 0;
    }

    /// Frees a piece of what was forgotten; true when more is left.
    pub fn drop_some(&mut self) -> bool {
        if self.retired.last_mut().is_some_and(|keys| !keys.drop_some()) {
            self.retired.pop();
        }
        !self.retired.is_empty()
    }

    /// Lets `client` follow the keys that begin with `prefix`.
    pub fn follow(&mut self, client: ClientId, prefix: &[u8]) {
        if !self.prefixes.contains_key(prefix) {
            *self.lengths.entry(prefix.len()).or_default() += 1;
        }
        self.prefixes.entry(prefix.into()).or_default().clients.insert(client);
    }

    fn unfollow(&mut self, client: ClientId, prefix: &[u8]) {
        let Some(entry) = self.prefixes.get_mut(prefix) else { return };
        entry.clients.remove(&client);
        if !entry.clients.is_empty() {
            return;
        }
        self.prefixes.remove(prefix);
        self.changed.remove(prefix);
        if let Some(count) = self.lengths.get_mut(&prefix.len()) {
            *count -= 1;
        }
        self.lengths.retain(|_, count| *count > 0);
    }

    /// Notes for those who follow a prefix of `key` that it changed, and by whom.
    pub fn change(&mut self, key: &[u8], by: Option<ClientId>) {
        for (&len, _) in self.lengths.range(..=key.len()) {
            let Some(prefix) = self.prefixes.get_mut(&key[..len]) else { continue };
            if prefix.changes.is_empty() {
                self.changed.insert(key[..len].into());
            }
            prefix.changes.insert(key.into(), by);
        }
    }

    /// What changed since the last call: prefix by prefix, the changes and who follows them.
    pub fn take_changes(&mut self) -> Vec<(Changes, Vec<ClientId>)> {
        let changed = std::mem::take(&mut self.changed);
        let prefixes = changed.iter().filter_map(|prefix| {
            let Prefix { clients, changes } = self.prefixes.get_mut(prefix)?;
            Some((std::mem::take(changes), clients.iter().copied().collect()))
        });
        prefixes.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    fn client(slot: usize) -> ClientId {
        ClientId { slot: slot as u32, generation: 3 }
    }

    fn tracking(mode: Mode, prefixes: &[&str]) -> Tracking {
        let mut tracking = Tracking::new(mode);
        prefixes.iter().for_each(|prefix| tracking.add_prefix(prefix.as_bytes()));
        tracking
    }

    #[test]
    fn a_key_is_told_once_to_each_of_its_holders() {
        let (mut table, mut rng) = (TrackingTable::default(), Rng::seeded(41));
        let mut model = BTreeSet::new();
        for _ in 0..20_000 {
            let (key, slot) = (rng.below(40), rng.below(30));
            if rng.below(4) > 0 {
                table.remember(&key.to_le_bytes(), client(slot), |_| true);
                model.insert((key, client(slot)));
            } else {
                let known = model.iter().filter(|(other, _)| *other == key);
                let known: Vec<_> = known.map(|(_, client)| *client).collect();
                assert_eq!(table.take(&key.to_le_bytes()), known);
                model.retain(|(other, _)| *other != key);
            }
            assert_eq!(table.items(), model.len());
        }
        let mut left = 0;
        while let Some((_, holders)) = table.evict(|bound| rng.below(bound)) {
            left += holders.len();
        }
        assert_eq!((left, table.keys(), table.items()), (model.len(), 0, 0));
    }

    #[test]
    fn clients_that_are_gone_do_not_pile_up() {
        let mut table = TrackingTable::default();
        for slot in 1..10_000 {
            table.remember(b"hot", client(slot), |id| id == client(slot - 1));
        }
        assert!(table.items() < 64, "{}", table.items());
    }

    #[test]
    fn what_was_forgotten_is_freed_in_pieces() {
        let mut table = TrackingTable::default();
        (0..2000usize).for_each(|key| table.remember(&key.to_le_bytes(), client(1), |_| true));
        table.forget_keys();
        assert_eq!((table.keys(), table.items()), (0, 0));
        let pieces = std::iter::from_fn(|| table.drop_some().then_some(())).count();
        assert!(pieces > 5 && !table.drop_some());
    }

    #[test]
    fn prefixes_hear_of_keys_that_begin_with_them() {
        let mut table = TrackingTable::default();
        for (slot, prefix) in [(1, "a:"), (2, "a:"), (3, ""), (4, "a:b:"), (5, "z")] {
            table.join();
            table.follow(client(slot), prefix.as_bytes());
        }
        table.change(b"a:b", None);
        table.change(b"a:b:c", Some(client(1)));
        table.change(b"a:b", Some(client(2)));
        let told: Vec<_> = table
            .take_changes()
            .into_iter()
            .map(|(changes, clients)| (changes.len(), clients.len()))
            .collect();
        assert_eq!(told, [(2, 1), (2, 2), (1, 1)]);
        assert!(table.take_changes().is_empty());
        table.leave(client(3), &tracking(Mode::Broadcast, &[""]));
        table.leave(client(1), &tracking(Mode::Broadcast, &["a:"]));
        table.change(b"b", None);
        assert!(table.take_changes().is_empty() && table.prefixes() == 3);
        table.change(b"a:x", Some(client(9)));
        let last = table.take_changes().pop().expect("one prefix");
        assert_eq!(last.1, [client(2)]);
        assert_eq!(last.0.get(&b"a:x"[..]), Some(&Some(client(9))));
    }

    #[test]
    fn caching_turns_the_default_around() {
        let with = |mode, caching| Tracking { caching, ..tracking(mode, &[]) }.remembers();
        assert!(with(Mode::Default, false) && with(Mode::Default, true));
        assert!(!with(Mode::OptIn, false) && with(Mode::OptIn, true));
        assert!(with(Mode::OptOut, false) && !with(Mode::OptOut, true));
        assert!(!with(Mode::Broadcast, true));
    }
}
