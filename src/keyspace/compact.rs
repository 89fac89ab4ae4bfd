//! Moves what is kept closer together where deleted entries and values left holes between it.
//!
//! Entries have one owner, the table, and values outside of them have one, their number, so that
//! both can move.
//!
//! Invariant: nothing changes but the place where bytes lie.

use crate::base::alloc;
use crate::ds::arena::Arena;
use crate::keyspace::Keyspace;
use crate::keyspace::store::Store;
use crate::types::Value;

/// Values that one piece of work looks at, and the bytes that it moves before it stops.
const LOOK_VALUES: u32 = 64;
const MOVE_BYTES: usize = 64 * 1024;
/// Once a look through all values was of no use, one request for another is passed over for so many
/// pieces of work that it took.
const PIECES_PASSED_OVER: u32 = 256;
/// Looks of no use after which nobody wakes for another one.
const FUTILE_MAX: u32 = 3;

/// How far the values outside of entries were looked through.
#[derive(Default)]
pub struct Gathering {
    /// Number of the database and of its next value; `None` when nobody asks for it.
    at: Option<(usize, u32)>,
    has_moved: bool,
    pieces: u32,
    passed_over: u32,
    /// Looks in a row that were of no use.
    futile: u32,
}

impl Keyspace {
    /// Moves some entries (up to a page of them, some ten microseconds) closer together if freed slots
    /// between them take too much memory, and some values if it was asked for; true when there is
    /// more to do.
    pub fn compact(&mut self) -> bool {
        let mut more = false;
        for db in self.databases.iter_mut().filter(|db| is_loose(db.store.arena())) {
            let moved = db.store.compact();
            let count = self.shared.moved_entries.get() + moved.unwrap_or(0) as u64;
            self.shared.moved_entries.set(count);
            more |= moved.is_some();
        }
        more | self.gather_some()
    }

    /// Asks for values outside of entries to be looked through, and those moved that lie among many
    /// holes. For when the process is larger than it has to be.
    pub fn gather(&mut self) {
        let gathering = &mut self.gathering;
        match gathering.at {
            Some(_) => {}
            None if gathering.passed_over > 0 => gathering.passed_over -= 1,
            None => gathering.at = Some((0, 0)),
        }
    }

    /// Whether another look through all values may help: none of the last few moved any otherwise.
    pub fn may_gather(&self) -> bool {
        self.gathering.futile < FUTILE_MAX
    }

    /// A piece of that; true when more is left.
    fn gather_some(&mut self) -> bool {
        let Some((index, first)) = self.gathering.at else { return false };
        let Some(db) = self.databases.get_mut(index) else {
            let Gathering { has_moved, pieces, futile, .. } = self.gathering;
            self.gathering = match has_moved {
                true => Gathering::default(),
                false => Gathering {
                    passed_over: pieces / PIECES_PASSED_OVER,
                    futile: futile.saturating_add(1),
                    ..Gathering::default()
                },
            };
            return false;
        };
        let (next, moved) = db.store.gather(first);
        self.gathering.at = Some(next.map_or((index + 1, 0), |next| (index, next)));
        self.gathering.has_moved |= moved > 0;
        self.gathering.pieces = self.gathering.pieces.saturating_add(1);
        self.shared.moved_entries.set(self.shared.moved_entries.get() + moved);
        true
    }
}

impl Store {
    /// Looks at some values from number `first` on: the next number, and how many were moved.
    fn gather(&mut self, first: u32) -> (Option<u32>, u64) {
        let span = self.values.span();
        let (mut next, mut moved, mut bytes) = (first, 0, 0);
        while next < span.min(first + LOOK_VALUES) && bytes < MOVE_BYTES {
            let value = self.values.get_mut(next);
            next += 1;
            if let Some(value) = value.filter(|value| is_sparse(value)) {
                *value = copy(value);
                bytes += value.memory();
                moved += 1;
            }
        }
        ((next < span).then_some(next), moved)
    }
}

/// Whether a value is a block of its own that would lie better elsewhere. What collections in their
/// big encodings consist of stays where it is.
fn is_sparse(value: &Value) -> bool {
    value.packed().is_some_and(alloc::is_sparse)
}

fn copy(value: &Value) -> Value {
    let bytes = value.packed().unwrap_or_default().to_vec();
    Value::from_packed(value.value_type(), value.encoding(), bytes)
}

/// Whether freed slots take more than a sixteenth of what is used, beyond what a few pages in every
/// class may.
fn is_loose(arena: &Arena) -> bool {
    const SLACK_BYTES_MIN: usize = 2 << 20;
    arena.touched() - arena.used() > SLACK_BYTES_MIN + arena.used() / 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::keyspace::Expiry;
    use crate::types::{StringRef, ValueRef};

    #[test]
    fn values_among_holes_move_together_and_change_no_key() {
        let mut keyspace = Keyspace::new(2, 89);
        keyspace.set_now(1);
        let value = |index: usize| vec![index as u8; 2000 + index % 3000];
        let name = |index: usize| format!("key:{index}").into_bytes();
        for index in 0..8000 {
            keyspace.db(1).set(&name(index), &value(index), Expiry::Clear);
        }
        let mut rng = Rng::seeded(3);
        let kept: Vec<usize> = (0..8000)
            .filter(|&index| rng.below(3) == 0 || !keyspace.db(1).remove(&name(index)))
            .collect();
        let sparse = |keyspace: &Keyspace| {
            let values = &keyspace.databases[1].store.values;
            values.iter().filter(|(_, value)| is_sparse(value)).count()
        };
        let before = sparse(&keyspace);
        assert!(!keyspace.compact(), "nobody asked for it");
        keyspace.gather();
        while keyspace.compact() {}
        let after = sparse(&keyspace);
        assert!(before > kept.len() / 2 && after < before / 4, "{before} {after}");
        for index in kept {
            let expected = value(index);
            let found = keyspace.db(1).read(&name(index));
            assert!(
                matches!(found, Some(ValueRef::String(StringRef::Str(text))) if text == expected)
            );
        }
    }
}
