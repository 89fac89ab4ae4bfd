//! Staying below `maxmemory`: what happens before a command that may need memory, and between turns.
//!
//! A command finds as much room as its turn began with: what the turn's commands took is evicted
//! again before the next one runs. Data beyond the limit for another reason, such as a limit that was
//! lowered, goes in slices between turns, so that nobody waits for it.
//!
//! Invariant: no command is refused while there is a key that may go.

use super::State;
use crate::base::alloc;
use crate::base::clock::stamp;
use crate::keyspace::Evicted;
use crate::observe::latency::Event;
use crate::resp::errors::{self, Outcome};

/// What a command may allocate at once without asking first, and what a client may always send or be
/// sent in one piece, whatever the limit.
const PIECE_BYTES_MIN: u64 = 1 << 20;
/// Evictions between two looks at the clock.
const STEPS: usize = 16;
/// Pieces of deleted values that are freed at once.
const PIECES: usize = 1;
/// The value of `maxmemory-eviction-tenacity` for as long as it takes.
const TENACITY_MAX: u32 = 100;

/// How eviction fares.
#[derive(Default)]
pub struct Eviction {
    /// Bytes that data may take during this turn: the limit, or what it took when the turn began.
    allowed: usize,
    /// Unix time in microseconds since when there is more than the limit.
    exceeded_since_us: Option<i64>,
    /// Microseconds with more than the limit, until the last time that began.
    exceeded_us: u64,
}

impl State {
    /// Sets what this turn's commands may use.
    #[inline]
    pub fn begin_eviction(&mut self) {
        if self.maxmemory() != 0 {
            self.eviction.allowed = self.memory_max(0).max(alloc::used());
        }
    }

    /// Whether there is more data than the limit, or was a moment ago: then commands have to be asked
    /// whether they add to it.
    #[inline]
    pub fn is_memory_short(&self) -> bool {
        let exceeded = self.maxmemory() != 0 && alloc::used() as u64 > self.maxmemory();
        exceeded || self.eviction.exceeded_since_us.is_some()
    }

    /// Whether there is more data than allowed and none of it may go. Evicts what the commands
    /// before this one made necessary. `reply` is the capacity of the buffer that the client in
    /// execution is answered into.
    #[inline]
    pub fn is_out_of_memory(&mut self, reply: usize) -> bool {
        self.is_memory_short() && !self.make_room(reply)
    }

    /// Makes room for `bytes` that a command is about to allocate at once. It asks before it looks its
    /// keys up, because they may go. What is less than a MiB is made up for afterwards.
    ///
    /// # Errors
    /// There cannot be so much room, or no more keys may go. In the first case none went.
    pub fn room_for(&mut self, bytes: usize) -> Outcome {
        if (bytes as u64) < PIECE_BYTES_MIN || self.maxmemory() == 0 || self.loading.is_some() {
            return Ok(());
        }
        let max = self.memory_max(0).saturating_sub(bytes);
        if bytes as u64 <= self.maxmemory() && !self.paused() {
            while alloc::used() > max && self.evict_batch(max) {}
        }
        if self.followed {
            self.tell_records(None);
        }
        if alloc::used() > max { Err(errors::OUT_OF_MEMORY.into()) } else { Ok(()) }
    }

    /// Bytes that may reach a client, or come from one, in one piece: no more than there may be data.
    pub fn piece_max(&self) -> u64 {
        match self.maxmemory() {
            0 => u64::MAX,
            max => max.max(PIECE_BYTES_MIN),
        }
    }

    /// Evicts some keys if there is more data than the limit; true when there is more to do.
    pub fn evict_some(&mut self) -> bool {
        if self.maxmemory() == 0 || self.paused() || alloc::used() as u64 <= self.maxmemory() {
            return false;
        }
        let max = self.memory_max(0);
        let may_go_on = self.evict_batch(max);
        let exceeded = alloc::used() > max;
        self.note_exceeded(exceeded);
        exceeded && may_go_on
    }

    /// Microseconds in which there was more data than the limit: in all, and since the last time
    /// began.
    pub fn exceeded_us(&self) -> (u64, u64) {
        let now_us = self.clock.unix_us();
        let since = self.eviction.exceeded_since_us;
        let current = since.map_or(0, |since| (now_us - since).max(0).cast_unsigned());
        (self.eviction.exceeded_us + current, current)
    }

    /// Evicts what this turn's commands have taken, as far as the tenacity allows; false when there
    /// is more data than allowed and none of it may go.
    #[cold]
    fn make_room(&mut self, reply: usize) -> bool {
        if self.paused() || self.loading.is_some() {
            return true;
        }
        let max = self.memory_max(reply);
        let allowed = self.eviction.allowed.max(max);
        let budget_ns = budget_ns(self.config.maxmemory_eviction_tenacity);
        let start = stamp();
        while alloc::used() > allowed && self.evict_batch(allowed) {
            if self.clock.elapsed_ns(start, stamp()) > budget_ns {
                break;
            }
        }
        self.note_latency_since(Event::EvictionCycle, start);
        let exceeded = alloc::used() > max;
        self.note_exceeded(exceeded);
        let fails = exceeded && !self.keyspace.may_shrink();
        if self.has_followers() {
            // What clients are told of evictions must not cause more of them.
            let before = alloc::used();
            self.tell_records(None);
            self.eviction.allowed = allowed + alloc::used().saturating_sub(before);
        }
        !fails
    }

    /// Evicts some keys until no more than `allowed` is used; false when nothing may go.
    fn evict_batch(&mut self, allowed: usize) -> bool {
        let samples = self.config.maxmemory_samples as usize;
        for _ in 0..STEPS {
            if alloc::used() <= allowed {
                break;
            }
            if self.keyspace.has_garbage() {
                // What was deleted still counts: it goes before more is deleted.
                self.keyspace.lazyfree(PIECES);
            } else if self.keyspace.evict(samples) == Evicted::Nothing {
                return false;
            }
        }
        true
    }

    /// The figure that [`alloc::used`] may reach, bytes.
    fn memory_max(&self, reply: usize) -> usize {
        match self.maxmemory() {
            0 => usize::MAX,
            max => max as usize + self.memory_not_counted(reply) + self.uncounted_memory(),
        }
    }

    /// Bytes of what tells of changes: those must not cause more of them.
    fn uncounted_memory(&self) -> usize {
        self.keyspace.records_memory() + self.effects.memory()
    }

    fn note_exceeded(&mut self, exceeded: bool) {
        let now_us = self.clock.unix_us();
        match (exceeded, self.eviction.exceeded_since_us) {
            (true, None) => self.eviction.exceeded_since_us = Some(now_us),
            (false, Some(since)) => {
                self.eviction.exceeded_us += (now_us - since).max(0).cast_unsigned();
                self.eviction.exceeded_since_us = None;
            }
            _ => {}
        }
    }
}

/// How long one command may evict, nanoseconds: as in Redis 50 us times the tenacity up to 10, then
/// 15 % more with each.
fn budget_ns(tenacity: u32) -> u64 {
    const STEP_NS: u64 = 50_000;
    match tenacity {
        0..=10 => STEP_NS * u64::from(tenacity),
        TENACITY_MAX.. => u64::MAX,
        _ => (STEP_NS as f64 * 10.0 * 1.15f64.powi(tenacity as i32 - 10)) as u64,
    }
}
