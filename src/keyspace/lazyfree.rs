//! Frees in slices what FLUSHALL ASYNC and UNLINK took out of sight.
//!
//! Invariant: what is here is unreachable for every command.

use std::collections::VecDeque;

use crate::keyspace::store::Store;
use crate::types::Value;

/// Bytes of a removed value from which UNLINK leaves the free to a later turn.
pub const UNLINK_BYTES_MIN: usize = 64 * 1024;

/// What waits to be freed.
#[derive(Default)]
pub struct Garbage {
    stores: VecDeque<Store>,
    values: VecDeque<Value>,
    freed: u64,
}

impl Garbage {
    pub fn add_store(&mut self, store: Store) {
        self.stores.push_back(store);
    }

    pub fn add_value(&mut self, value: Value) {
        self.values.push_back(value);
    }

    /// Objects that wait.
    pub fn pending(&self) -> u64 {
        let stores: usize = self.stores.iter().map(Store::doomed).sum();
        (stores + self.values.len()) as u64
    }

    /// Objects freed since the last reset.
    pub fn freed(&self) -> u64 {
        self.freed
    }

    pub fn reset_freed(&mut self) {
        self.freed = 0;
    }

    /// Frees `budget` pieces, each some ten microseconds of work; true when more is left.
    pub fn free_some(&mut self, budget: usize) -> bool {
        for _ in 0..budget {
            if self.values.pop_front().is_some() {
                self.freed += 1;
                continue;
            }
            let Some(store) = self.stores.front_mut() else { return false };
            if !store.demolish() {
                self.freed += store.doomed() as u64;
                self.stores.pop_front();
            }
        }
        !self.values.is_empty() || !self.stores.is_empty()
    }
}
