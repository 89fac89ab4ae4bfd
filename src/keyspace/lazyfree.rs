//! Frees in slices what is out of sight: values that were deleted, overwritten or expired, whole
//! databases that were flushed.
//!
//! Invariant: what is here is unreachable for every command.

use std::collections::VecDeque;

use crate::base::alloc;
use crate::keyspace::store::Store;
use crate::types::Value;

/// Bytes of a string from which its free is left to a later turn.
pub const STRING_BYTES_MIN: usize = 64 * 1024;
/// The same of a collection, which takes a free for every element.
pub const COLLECTION_BYTES_MIN: usize = 4 * 1024;

/// What waits to be freed.
#[derive(Default)]
pub struct Garbage {
    stores: VecDeque<Store>,
    values: VecDeque<Value>,
    /// Values of the first store that are too large to go with the others.
    parts: VecDeque<Value>,
    freed: u64,
}

/// Whether a value takes too long to be freed at once.
fn is_costly(value: &Value) -> bool {
    let least = match value {
        Value::Bytes(_) => STRING_BYTES_MIN,
        _ => COLLECTION_BYTES_MIN,
    };
    value.memory() >= least
}

impl Garbage {
    pub fn add_store(&mut self, store: Store) {
        self.stores.push_back(store);
    }

    /// Frees a value, now or later.
    pub fn add_value(&mut self, value: Value) {
        if is_costly(&value) {
            self.values.push_back(value);
        }
    }

    /// Objects that wait.
    pub fn pending(&self) -> u64 {
        let stores: usize = self.stores.iter().map(Store::doomed).sum();
        (stores + self.values.len()) as u64
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.parts.is_empty() && self.stores.is_empty()
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
            if free_piece(&mut self.parts).is_some() {
                continue;
            }
            if let Some(last) = free_piece(&mut self.values) {
                self.freed += u64::from(last);
                continue;
            }
            let Some(store) = self.stores.front_mut() else { return false };
            if !store.demolish(|values| self.parts.extend(values.into_iter().filter(is_costly))) {
                self.freed += store.doomed() as u64;
                self.stores.pop_front();
                // Nobody may come by for long who would have mimalloc do so.
                alloc::give_back_spare();
            }
        }
        !self.is_empty()
    }
}

/// Frees a piece of the first value; whether it was that value's last, or `None` without a value.
fn free_piece(values: &mut VecDeque<Value>) -> Option<bool> {
    let last = !values.front_mut()?.drop_some();
    if last {
        values.pop_front();
    }
    Some(last)
}
