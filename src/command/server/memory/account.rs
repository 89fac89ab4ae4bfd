//! Where the memory is: the figures behind INFO's memory section, MEMORY STATS and MEMORY DOCTOR.
//!
//! Invariant: `used` is the allocator's count; its parts are counted where they are owned, and what
//! is left is the data set.

use crate::base::{alloc, sys};
use crate::command::server::info::ratio;
use crate::command::state::State;
use crate::keyspace::MemoryFigures;

/// Figures in bytes, unless they say otherwise.
pub struct Account {
    /// Handed out by the allocator and the arenas of entries.
    pub used: u64,
    /// That, and what pages of entries keep resident beside it.
    pub active: u64,
    /// Of the process.
    pub resident: u64,
    /// The most that was ever used.
    pub peak: u64,
    /// Used once the server was up.
    pub startup: u64,
    pub clients: u64,
    /// Records of the append log that are not written yet, and room for more.
    pub log: u64,
    /// The texts of scripts and of libraries, and what is known of them.
    pub scripts: u64,
    pub functions: u64,
    /// All that is not data.
    pub overhead: u64,
    pub dataset: u64,
    /// How many.
    pub keys: u64,
}

impl Account {
    /// The figures of now.
    pub fn take(state: &mut State) -> Account {
        let used = alloc::used();
        state.stats.peak_memory = state.stats.peak_memory.max(used);
        let MemoryFigures { tables, timers, slack, .. } = state.keyspace.memory();
        let clients = state.memory_of_clients();
        let startup = state.facts.startup_memory;
        let log = state.effects.memory();
        let (scripts, functions) = (state.scripts.bytes(), state.functions.bytes());
        let overhead = startup + clients + log + tables + timers + scripts + functions;
        let databases = 0..state.keyspace.databases();
        let keys: usize = databases.map(|index| state.keyspace.db(index).len()).sum();
        Account {
            used: used as u64,
            active: (used + slack) as u64,
            resident: sys::resident_bytes(),
            peak: state.stats.peak_memory as u64,
            startup: startup as u64,
            clients: clients as u64,
            log: log as u64,
            scripts: scripts as u64,
            functions: functions as u64,
            overhead: overhead as u64,
            dataset: used.saturating_sub(overhead) as u64,
            keys: keys as u64,
        }
    }

    /// Used since the start, at least 1.
    pub fn growth(&self) -> u64 {
        self.used.saturating_sub(self.startup).max(1)
    }

    /// The share of the data in what was used since the start.
    pub fn dataset_percent(&self) -> f64 {
        percent(self.dataset, self.growth())
    }

    /// What is used, of the most that ever was.
    pub fn peak_percent(&self) -> f64 {
        percent(self.used, self.peak)
    }

    /// What pages of entries hold beyond what is used of them.
    pub fn fragmentation(&self) -> Beyond {
        Beyond::of(self.active, self.used)
    }

    /// What is resident beyond that: the program, its stack, and what the allocator keeps.
    pub fn resident_beyond(&self) -> Beyond {
        Beyond::of(self.resident, self.active)
    }

    /// Both together.
    pub fn total_beyond(&self) -> Beyond {
        Beyond::of(self.resident, self.used)
    }
}

/// How far one figure exceeds another.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Beyond {
    pub ratio: f64,
    pub bytes: i64,
}

impl Beyond {
    fn of(more: u64, less: u64) -> Beyond {
        Beyond { ratio: ratio(more, less), bytes: more as i64 - less as i64 }
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    100.0 * ratio(part, whole)
}
