//! Which key goes when memory must be given back.
//!
//! As in Redis, keys are sampled into a small pool and the pool's first goes. Here the samples are
//! neighbours in the table: a few dozen bytes of it lead to a dozen keys, whose entries are asked for
//! one eviction ahead, so that their cache misses pass while commands run. The walk goes round the
//! whole table, in the order of a keyed hash: every key is looked at once a round, and which keys
//! meet is chance.
//!
//! Invariant: knows nothing of how much memory there is; a key goes only if the policy allows it.

use crate::ds::arena::Ref;
use crate::ds::segments::Round;
use crate::keyspace::Keyspace;
use crate::keyspace::db::Db;
use crate::keyspace::entry::Entry;
use crate::keyspace::journal::Happening;
use crate::keyspace::shared::bump;

/// Candidates kept from one eviction to the next.
const POOL_LEN: usize = 16;
/// Buckets that lie side by side.
const NEIGHBORS: usize = 8;
/// How many keys are looked at for each that `maxmemory-samples` asks for. They are this much
/// cheaper than Redis's, which take two cache misses each.
const KEYS_PER_SAMPLE: usize = 2;
/// Groups of neighbours that one call looks through for a key that may go: some ten microseconds.
const GROUPS_MAX: usize = 64;

/// Which keys may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    #[default]
    None,
    /// Those with a deadline.
    Volatile,
    All,
}

/// Which of them goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The one whose last use is longest ago.
    #[default]
    Lru,
    /// The one that is used least often.
    Lfu,
    /// The one with the next deadline.
    Ttl,
    Random,
}

/// What came of an attempt to evict a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evicted {
    /// A key is gone.
    Key,
    /// None of those looked at may go; others may.
    NotYet,
    /// There is no key that may go.
    Nothing,
}

/// A key that may go.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// The higher, the sooner it goes.
    rank: u64,
    db: usize,
    hash: u64,
    at: Ref,
}

/// Candidates, the best one last.
#[derive(Default)]
pub struct EvictionPool(Vec<Candidate>);

impl EvictionPool {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn accepts(&self, rank: u64) -> bool {
        self.0.len() < POOL_LEN || self.0[0].rank < rank
    }

    fn add(&mut self, candidate: Candidate) {
        if self.0.len() == POOL_LEN {
            self.0.remove(0);
        }
        let place = self.0.partition_point(|other| other.rank < candidate.rank);
        self.0.insert(place, candidate);
    }
}

impl Keyspace {
    /// Removes the key that the policy would have go first, as far as `samples`
    /// (`maxmemory-samples`) tell.
    pub fn evict(&mut self, samples: usize) -> Evicted {
        let policy = self.policy();
        let Some(db) = self.database_to_evict_from(policy.scope) else { return Evicted::Nothing };
        if policy.order == Order::Random {
            return self.databases[db].evict_random(policy.scope);
        }
        let groups = (samples * KEYS_PER_SAMPLE).div_ceil(NEIGHBORS);
        self.databases[db].sample(&mut self.pool, groups);
        while let Some(candidate) = self.pool.0.pop() {
            if self.databases[candidate.db].evict(candidate) {
                self.databases[db].prefetch_neighbors(groups);
                return Evicted::Key;
            }
        }
        Evicted::NotYet
    }

    /// Whether there is a key that may go, or something deleted that still takes memory.
    pub fn may_shrink(&self) -> bool {
        self.has_garbage() || self.database_to_evict_from(self.policy().scope).is_some()
    }

    /// A database with keys that may go: each as likely as it has many.
    fn database_to_evict_from(&self, scope: Scope) -> Option<usize> {
        let eligible = |db: &Db| match scope {
            Scope::None => 0,
            Scope::Volatile => db.expires(),
            Scope::All => db.len(),
        };
        let total: usize = self.databases.iter().map(eligible).sum();
        if total == 0 {
            return None;
        }
        let mut chosen = self.shared.rng.borrow_mut().below(total);
        self.databases.iter().position(|db| {
            let keys = eligible(db);
            let here = chosen < keys;
            chosen = chosen.saturating_sub(keys);
            here
        })
    }
}

impl Db {
    /// Adds candidates of the next `groups` to the pool, and of more if there is none among them.
    fn sample(&mut self, pool: &mut EvictionPool, groups: usize) {
        let mut round = self.round;
        for group in 0..GROUPS_MAX.max(groups) {
            if group >= groups && !pool.0.is_empty() {
                break;
            }
            self.store.table().visit_neighbors(&mut round, |&at| {
                let Some(rank) = self.rank(at).filter(|&rank| pool.accepts(rank)) else { return };
                let hash = self.store.hash_of(at);
                pool.add(Candidate { rank, db: self.index, hash, at });
            });
        }
        self.round = round;
    }

    /// Asks for the entries of the next `groups`, and for the piece of the table with those after.
    fn prefetch_neighbors(&self, groups: usize) {
        let (table, arena) = (self.store.table(), self.store.arena());
        let mut round = self.round;
        for _ in 0..groups {
            table.visit_neighbors(&mut round, |&at| arena.prefetch_start(at));
        }
        table.prefetch_neighbors(round);
    }

    /// Removes a candidate; false when it is gone, or was used since it was chosen.
    fn evict(&mut self, candidate: Candidate) -> bool {
        let Candidate { rank, hash, at, .. } = candidate;
        // The slot may have been freed since; one that stands in the table holds a key.
        let stays = self.store.table().find(hash, |&slot| slot == at).is_none()
            || self.rank(at).is_none_or(|now| now < rank);
        if !stays {
            self.remove_evicted(hash, at);
        }
        !stays
    }

    fn evict_random(&mut self, scope: Scope) -> Evicted {
        let found = match scope {
            Scope::All => {
                let below = |bound| self.shared.rng.borrow_mut().below(bound);
                self.store.table().random(below)
            }
            _ => self.random_volatile(),
        };
        let Some(at) = found else { return Evicted::NotYet };
        self.remove_evicted(self.store.hash_of(at), at);
        Evicted::Key
    }

    /// A key with a deadline, from a random place on.
    fn random_volatile(&self) -> Option<Ref> {
        let mut rng = self.shared.rng.borrow_mut();
        let mut round = Round::from(rng.u64());
        for _ in 0..GROUPS_MAX {
            let (mut found, mut seen) = (None, 0);
            self.store.table().visit_neighbors(&mut round, |&at| {
                if self.store.entry(at).has_deadline() {
                    seen += 1;
                    found = if rng.below(seen) == 0 { Some(at) } else { found };
                }
            });
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn remove_evicted(&mut self, hash: u64, at: Ref) {
        if self.store.is_gone(at) {
            return self.expire(hash, at);
        }
        bump(&self.shared.evicted_keys);
        self.record_at(Happening::Evicted, at);
        self.discard(hash, at);
    }

    /// How soon the key at `at` should go; `None`: it must not.
    #[inline]
    fn rank(&self, at: Ref) -> Option<u64> {
        let (policy, entry) = (self.shared.policy.get(), self.store.entry(at));
        if policy.scope == Scope::Volatile && !entry.has_deadline() {
            return None;
        }
        Some(match policy.order {
            _ if self.is_past(entry) => u64::MAX,
            Order::Lru | Order::Random => self.shared.idle_seconds(entry.clock()),
            Order::Lfu => u64::from(u8::MAX - self.shared.lfu_counter(entry.clock())),
            Order::Ttl => u64::MAX - 1 - entry.deadline().unwrap_or(i64::MAX).cast_unsigned(),
        })
    }

    fn is_past(&self, entry: Entry<'_>) -> bool {
        entry.deadline().is_some_and(|deadline| self.shared.is_past(deadline))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Expiry, Interest, Policy};

    const START: i64 = 1_700_000_000_000;
    const SAMPLES: usize = 5;

    /// 1,000 keys, every other one with a deadline, evicted from as `scope` and `order` say.
    fn keyspace(scope: Scope, order: Order) -> Keyspace {
        let mut keyspace = Keyspace::new(3, 77);
        keyspace.set_now(START);
        keyspace.set_policy(Policy { scope, order, ..Policy::default() });
        for index in 0..1000 {
            let deadline = START + 1_000_000 - i64::from(index);
            let expiry = if index % 2 == 0 { Expiry::At(deadline) } else { Expiry::Clear };
            keyspace.db(2).set(&name(index), b"value", expiry);
        }
        keyspace
    }

    fn name(index: u32) -> Vec<u8> {
        format!("key:{index}").into_bytes()
    }

    /// Evicts `count` keys; which keys are left.
    fn evict(keyspace: &mut Keyspace, count: usize) -> Vec<u32> {
        for _ in 0..count {
            let outcomes = std::iter::from_fn(|| Some(keyspace.evict(SAMPLES)));
            let outcome = outcomes.take(1000).find(|outcome| *outcome != Evicted::NotYet);
            assert_eq!(outcome, Some(Evicted::Key));
        }
        (0..1000).filter(|&index| keyspace.db(2).peek(&name(index)).is_some()).collect()
    }

    #[test]
    fn only_keys_in_scope_go() {
        for order in [Order::Lru, Order::Lfu, Order::Ttl, Order::Random] {
            let mut keyspace = keyspace(Scope::Volatile, order);
            let left = evict(&mut keyspace, 500);
            assert!(left.len() == 500 && left.iter().all(|index| index % 2 == 1), "{order:?}");
            assert_eq!(keyspace.evict(SAMPLES), Evicted::Nothing);
            keyspace.set_policy(Policy { scope: Scope::All, order, ..Policy::default() });
            assert!(evict(&mut keyspace, 500).is_empty());
            assert_eq!(keyspace.evict(SAMPLES), Evicted::Nothing);
            assert_eq!(keyspace.counters().evicted_keys, 1000);
        }
        let mut keyspace = keyspace(Scope::None, Order::Lru);
        assert_eq!((keyspace.evict(SAMPLES), keyspace.may_shrink()), (Evicted::Nothing, false));
    }

    #[test]
    fn keys_in_use_stay() {
        for order in [Order::Lru, Order::Lfu] {
            let mut keyspace = keyspace(Scope::All, order);
            keyspace.set_now(START + 2000);
            let used = |index: &u32| index.is_multiple_of(4);
            for index in (0..1000).filter(used) {
                (0..20).for_each(|_| assert!(keyspace.db(2).read(&name(index)).is_some()));
            }
            let left = evict(&mut keyspace, 600);
            let lost = 250 - left.iter().filter(|index| used(index)).count();
            assert!(lost <= 5, "{order:?}: {lost} of the keys in use went");
        }
    }

    #[test]
    fn the_next_deadline_goes_first() {
        let mut keyspace = keyspace(Scope::Volatile, Order::Ttl);
        // Of the keys with a deadline, those with higher numbers have an earlier one.
        let left = evict(&mut keyspace, 100);
        let among_last = |index: &&u32| index.is_multiple_of(2) && **index >= 500;
        assert!(left.iter().filter(among_last).count() <= 160, "of 250, 100 went");
    }

    #[test]
    fn chance_spares_no_key() {
        let mut sum = 0;
        for _ in 0..20 {
            let left = evict(&mut keyspace(Scope::All, Order::Random), 500);
            sum += left.iter().map(|index| u64::from(*index)).sum::<u64>() / 500;
        }
        assert!((20 * 450..20 * 550).contains(&sum), "mean {}", sum / 20);
    }

    #[test]
    fn a_candidate_that_is_used_is_none() {
        let mut keyspace = keyspace(Scope::All, Order::Lru);
        keyspace.set_now(START + 5000);
        evict(&mut keyspace, 1);
        let pooled: Vec<_> = keyspace.pool.0.iter().map(|candidate| candidate.at).collect();
        let names: Vec<_> =
            pooled.iter().map(|&at| keyspace.db(2).store.key(at).to_vec()).collect();
        names.iter().for_each(|name| assert!(keyspace.db(2).read(name).is_some()));
        evict(&mut keyspace, 100);
        assert!(names.iter().all(|name| keyspace.db(2).peek(name).is_some()));
    }

    #[test]
    fn what_is_past_its_deadline_goes_first_and_expires() {
        let mut keyspace = keyspace(Scope::All, Order::Lfu);
        keyspace.set_interest(Interest::default().with(Happening::Expired, true));
        keyspace.set_now(START + 2_000_000);
        assert_eq!(evict(&mut keyspace, 100).len(), 500);
        assert_eq!(keyspace.counters().evicted_keys, 0);
        assert!(keyspace.counters().expired_keys >= 500 && !keyspace.take_records().is_empty());
    }

    #[test]
    fn one_key_that_may_go_is_found_among_many() {
        let mut keyspace = Keyspace::new(1, 5);
        keyspace.set_policy(Policy { scope: Scope::Volatile, ..Policy::default() });
        keyspace.set_now(START);
        (0..10_000).for_each(|index| keyspace.db(0).set(&name(index), b"v", Expiry::Clear));
        keyspace.db(0).set(b"volatile", b"v", Expiry::At(START + 1000));
        let steps = std::iter::from_fn(|| Some(keyspace.evict(SAMPLES)));
        let steps = steps.take_while(|outcome| *outcome == Evicted::NotYet).count();
        assert!(steps <= 10_000 / GROUPS_MAX && keyspace.db(0).peek(b"volatile").is_none());
        assert_eq!(keyspace.evict(SAMPLES), Evicted::Nothing);
    }
}
