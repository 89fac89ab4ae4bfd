//! What all databases of one keyspace look at: time, policy, statistics, hash seed, lazy free.
//!
//! Everything here is a `Cell` behind one `Rc`: the keyspace lives on one thread, and a lookup
//! must not pay for more than a load.
//!
//! Invariant: knows nothing of entries.

use std::cell::{Cell, RefCell};

use crate::base::hash::Keyed;
use crate::base::rng::Rng;
use crate::keyspace::NEVER;
use crate::keyspace::entry::Clock;
use crate::keyspace::evict::{Order, Scope};
use crate::keyspace::journal::Journal;
use crate::keyspace::lazyfree::Garbage;
use crate::keyspace::marks::Marks;
use crate::keyspace::snapshot::Taker;
use crate::types::Value;

/// The counter a new key starts with under LFU, as in Redis.
const LFU_COUNTER_NEW: u8 = 5;

/// How keys age, which may be evicted, and whether they expire on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Which keys may be evicted.
    pub scope: Scope,
    /// Which of them first. Under [`Order::Lfu`] clocks count frequency, else the time of the last
    /// use.
    pub order: Order,
    /// `lfu-log-factor`: the higher, the more uses a counter step takes.
    pub lfu_log_factor: u32,
    /// `lfu-decay-time`: minutes per step that a counter loses; 0: none.
    pub lfu_decay_time: u32,
    /// Whether keys go at their deadline; off (DEBUG SET-ACTIVE-EXPIRE 0), only when accessed.
    pub active_expire: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            scope: Scope::None,
            order: Order::Lru,
            lfu_log_factor: 10,
            lfu_decay_time: 1,
            active_expire: true,
        }
    }
}

impl Policy {
    /// Whether clocks count frequency.
    #[inline]
    pub fn is_lfu(&self) -> bool {
        self.order == Order::Lfu
    }
}

/// What is known of the use of a key, as snapshots and payloads tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usage {
    /// Nothing, or nothing that the eviction policy would look at.
    #[default]
    Unknown,
    /// Seconds since the last use.
    IdleSeconds(u64),
    /// The LFU counter after its decay.
    Frequency(u8),
}

/// What is said about a key besides its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Unix milliseconds.
    pub deadline: Option<i64>,
    pub usage: Usage,
}

/// Statistics since the start or the last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Lookups for reading that found a key.
    pub hits: u64,
    /// Lookups for reading that found none.
    pub misses: u64,
    /// Keys removed because of their deadline.
    pub expired_keys: u64,
    /// Keys removed because memory was short.
    pub evicted_keys: u64,
    /// Entries moved closer together.
    pub moved_entries: u64,
    /// Objects freed in slices.
    pub lazyfreed: u64,
    /// Objects that wait to be freed in slices; not reset.
    pub lazyfree_pending: u64,
}

/// The shared part of a keyspace.
pub struct Shared {
    pub now: Cell<i64>,
    /// Deadlines before this have passed: now, or never while expiry is suspended.
    pub horizon: Cell<i64>,
    /// The same in seconds, as far as clocks count them.
    seconds: Cell<u32>,
    /// Whether lookups update the clock of what they find.
    pub touch: Cell<bool>,
    pub policy: Cell<Policy>,
    pub hits: Cell<u64>,
    pub misses: Cell<u64>,
    pub expired_keys: Cell<u64>,
    pub evicted_keys: Cell<u64>,
    pub moved_entries: Cell<u64>,
    pub garbage: RefCell<Garbage>,
    pub journal: Journal,
    pub marks: Marks,
    /// Keys that somebody awaits and that came into being, with their databases, in order.
    pub awaited: RefCell<Vec<(usize, Box<[u8]>)>>,
    /// Who takes the snapshot that is being taken.
    pub taker: RefCell<Option<Box<dyn Taker>>>,
    pub rng: RefCell<Rng>,
    hasher: Keyed,
}

impl Shared {
    pub fn new(seed: u64) -> Shared {
        Shared {
            now: Cell::new(0),
            horizon: Cell::new(0),
            seconds: Cell::new(0),
            touch: Cell::new(true),
            policy: Cell::new(Policy::default()),
            hits: Cell::new(0),
            misses: Cell::new(0),
            expired_keys: Cell::new(0),
            evicted_keys: Cell::new(0),
            moved_entries: Cell::new(0),
            garbage: RefCell::default(),
            journal: Journal::default(),
            marks: Marks::default(),
            awaited: RefCell::default(),
            taker: RefCell::default(),
            rng: RefCell::new(Rng::seeded(seed)),
            hasher: Keyed::seeded(seed),
        }
    }

    /// Sets the time.
    pub fn set_now(&self, unix_ms: i64) {
        self.now.set(unix_ms);
        if self.horizon.get() != NEVER {
            self.horizon.set(unix_ms);
        }
        self.seconds.set((unix_ms / 1000) as u32);
    }

    /// The keyed hash of `key`.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash(key)
    }

    /// Frees a value that nobody can reach any more, in slices if that takes long.
    pub fn retire(&self, value: Value) {
        self.garbage.borrow_mut().add_value(value);
    }

    /// Whether `deadline` has passed. A key is there in the millisecond of its deadline, as in
    /// Redis.
    #[inline]
    pub fn is_past(&self, deadline: i64) -> bool {
        self.horizon.get() > deadline
    }

    /// The clock of a key that is new.
    pub fn clock_new(&self) -> Clock {
        match self.policy.get().is_lfu() {
            true => self.lfu_clock(LFU_COUNTER_NEW),
            false => self.lru_clock(),
        }
    }

    /// The clock of a key that is used now and had `clock` before.
    #[inline]
    pub fn clock_used(&self, clock: Clock) -> Clock {
        match self.policy.get().is_lfu() {
            true => self.lfu_clock(self.lfu_increment(self.lfu_counter(clock))),
            false => self.lru_clock(),
        }
    }

    /// The counter that `clock` stands for now, after its decay.
    pub fn lfu_counter(&self, [counter, low, high]: Clock) -> u8 {
        let elapsed = self.minutes().wrapping_sub(u16::from_le_bytes([low, high]));
        let periods = match self.policy.get().lfu_decay_time {
            0 => 0,
            minutes => u32::from(elapsed) / minutes,
        };
        counter.saturating_sub(u8::try_from(periods).unwrap_or(u8::MAX))
    }

    /// Seconds since the use that `clock` stands for.
    pub fn idle_seconds(&self, [a, b, c]: Clock) -> u64 {
        const MASK: u32 = (1 << 24) - 1;
        let used = u32::from_le_bytes([a, b, c, 0]);
        u64::from(self.seconds.get().wrapping_sub(used) & MASK)
    }

    /// What a snapshot says of the use that `clock` stands for: what the policy evicts by.
    pub fn usage(&self, clock: Clock) -> Usage {
        match self.policy.get() {
            Policy { scope: Scope::None, .. } => Usage::Unknown,
            Policy { order: Order::Lru, .. } => Usage::IdleSeconds(self.idle_seconds(clock)),
            Policy { order: Order::Lfu, .. } => Usage::Frequency(self.lfu_counter(clock)),
            _ => Usage::Unknown,
        }
    }

    /// The clock that stands for `usage` now; none if the policy does not count that.
    pub fn clock_of(&self, usage: Usage) -> Option<Clock> {
        match (usage, self.policy.get().is_lfu()) {
            (Usage::Frequency(counter), true) => Some(self.lfu_clock(counter)),
            (Usage::IdleSeconds(seconds), false) => {
                const MASK: u64 = (1 << 24) - 1;
                let used = self.seconds.get().wrapping_sub((seconds & MASK) as u32);
                let [a, b, c, _] = used.to_le_bytes();
                Some([a, b, c])
            }
            _ => None,
        }
    }

    fn minutes(&self) -> u16 {
        (self.now.get() / 60_000) as u16
    }

    #[inline]
    fn lru_clock(&self) -> Clock {
        let [a, b, c, _] = self.seconds.get().to_le_bytes();
        [a, b, c]
    }

    fn lfu_clock(&self, counter: u8) -> Clock {
        let [low, high] = self.minutes().to_le_bytes();
        [counter, low, high]
    }

    /// Redis's logarithmic counter: the higher it is, the less likely it rises.
    fn lfu_increment(&self, counter: u8) -> u8 {
        let above = f64::from(counter.saturating_sub(LFU_COUNTER_NEW));
        let chance = 1.0 / (above * f64::from(self.policy.get().lfu_log_factor) + 1.0);
        let rises = self.rng.borrow_mut().f64() < chance;
        counter.saturating_add(u8::from(rises))
    }
}

/// Adds one.
#[inline]
pub fn bump(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}
