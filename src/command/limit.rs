//! The memory limit in force: what `maxmemory` amounts to, given the memory there is.
//!
//! Invariant: reads no files. The server tells how much memory there is, at the start and when
//! that changes.

use super::state::State;

/// The memory there is and the limit that follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryLimit {
    /// Bytes of memory in the machine.
    pub machine: u64,
    /// Bytes that data may take; 0 is no limit.
    effective: u64,
}

impl MemoryLimit {
    /// No limit, on a machine with so many bytes.
    pub fn on_machine(machine: u64) -> MemoryLimit {
        MemoryLimit { machine, effective: 0 }
    }

    /// Bytes of memory that this process may use.
    pub fn available(&self) -> u64 {
        self.machine
    }
}

impl State {
    /// The memory limit in force, bytes; 0 is no limit.
    pub fn maxmemory(&self) -> u64 {
        self.memory_limit.effective
    }

    /// Works the limit out anew: `maxmemory` or the memory there is has changed.
    pub fn apply_maxmemory(&mut self) {
        let available = self.memory_limit.available();
        self.memory_limit.effective = self.config.maxmemory.effective(available);
    }

    /// Lets parts of the server follow a configuration that was put in place as a whole.
    pub fn apply_config(&mut self) {
        self.apply_policy();
        self.apply_followers();
        self.apply_maxmemory();
    }
}
