//! Watched keys: who must learn that a key changed.
//!
//! Invariant: knows flags, not clients; a flag once set is never cleared here.

use std::cell::Cell;
use std::rc::Rc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// The watchers of one database, by key.
#[derive(Default)]
pub struct Watched {
    keys: HashMap<Box<[u8]>, Vec<Watcher>, RandomState>,
}

/// One client's interest in one key.
pub struct Watcher {
    flag: Rc<Cell<bool>>,
    /// The key was past its deadline when WATCH was called: that it goes is no change.
    pub expired: bool,
}

impl Watcher {
    /// Tells the client that its transaction must fail.
    pub fn notify(&self) {
        self.flag.set(true);
    }
}

impl Watched {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds a watcher; false if it is one already, for a flag watches a key once.
    pub fn add(&mut self, key: &[u8], flag: &Rc<Cell<bool>>, expired: bool) -> bool {
        let watchers = self.keys.entry(key.into()).or_default();
        let is_new = !watchers.iter().any(|watcher| Rc::ptr_eq(&watcher.flag, flag));
        if is_new {
            watchers.push(Watcher { flag: Rc::clone(flag), expired });
        }
        is_new
    }

    pub fn remove(&mut self, key: &[u8], flag: &Rc<Cell<bool>>) {
        if let Some(watchers) = self.keys.get_mut(key) {
            watchers.retain(|watcher| !Rc::ptr_eq(&watcher.flag, flag));
            if watchers.is_empty() {
                self.keys.remove(key);
            }
        }
    }

    /// Whether `flag` watches `key` since a time when it was not past its deadline.
    pub fn is_watched_live(&self, key: &[u8], flag: &Rc<Cell<bool>>) -> bool {
        let watchers = self.keys.get(key).into_iter().flatten();
        let mut own = watchers.filter(|watcher| Rc::ptr_eq(&watcher.flag, flag));
        own.any(|watcher| !watcher.expired)
    }

    /// Something happened to `key`; `exists` says whether it is there now.
    #[cold]
    pub fn touch(&mut self, key: &[u8], exists: bool) {
        for watcher in self.keys.get_mut(key).into_iter().flatten() {
            if !watcher.expired {
                watcher.notify();
            } else if !exists {
                // What was gone already has been removed: no change, but the next one counts.
                watcher.expired = false;
            }
        }
    }

    /// Calls `each` for every watched key and its watchers.
    pub fn for_each(&mut self, mut each: impl FnMut(&[u8], &mut Vec<Watcher>)) {
        self.keys.iter_mut().for_each(|(key, watchers)| each(key, watchers));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Expiry, FlushMode, Keyspace, MoveOutcome};

    const START: i64 = 1_700_000_000_000;

    fn keyspace(seed: u64) -> Keyspace {
        let mut keyspace = Keyspace::new(16, seed);
        keyspace.set_now(START);
        keyspace
    }

    /// A flag that watches `key` of database 0.
    fn watch(keyspace: &mut Keyspace, key: &[u8]) -> Rc<Cell<bool>> {
        let flag = Rc::new(Cell::new(false));
        keyspace.db(0).watch(key, &flag);
        flag
    }

    #[test]
    fn every_change_of_a_watched_key_is_told() {
        let changes: [fn(&mut Keyspace); 9] = [
            |keyspace| keyspace.db(0).set(b"k", b"v", Expiry::Clear),
            |keyspace| assert_eq!(keyspace.db(0).update_int(b"k", |_| Ok::<_, ()>(1)), Ok(1)),
            |keyspace| assert_eq!(keyspace.db(0).string_mut(b"k", 1), b"v"),
            |keyspace| assert!(keyspace.db(0).remove(b"k")),
            |keyspace| assert!(keyspace.db(0).set_deadline(b"k", Some(START + 5))),
            |keyspace| assert!(keyspace.rename(0, b"k", b"l")),
            |keyspace| assert_eq!(keyspace.move_key(0, 1, b"k"), MoveOutcome::Moved),
            |keyspace| assert_eq!(keyspace.flush(None, FlushMode::Sync), 1),
            |keyspace| keyspace.swap(0, 3),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut keyspace = keyspace(16);
            keyspace.db(0).set(b"k", b"v", Expiry::Clear);
            let (flag, other) = (watch(&mut keyspace, b"k"), watch(&mut keyspace, b"missing"));
            assert!(keyspace.db(0).exists(b"k") && !flag.get());
            change(&mut keyspace);
            assert!(flag.get() && !other.get(), "change {index}");
        }
    }

    #[test]
    fn a_key_that_goes_at_its_deadline_is_a_change_unless_it_had_gone_before() {
        let mut keyspace = keyspace(17);
        keyspace.db(0).set(b"k", b"v", Expiry::At(START + 1));
        let early = watch(&mut keyspace, b"k");
        keyspace.set_now(START + 2);
        let late = watch(&mut keyspace, b"k");
        assert!(keyspace.db(0).watch_expired(b"k", &early));
        assert!(!keyspace.db(0).watch_expired(b"k", &late));
        assert!(keyspace.db(0).peek(b"k").is_none());
        assert_eq!((early.get(), late.get()), (true, false));
        keyspace.db(0).set(b"k", b"v", Expiry::Clear);
        assert!(late.get());
    }

    #[test]
    fn a_watch_can_be_ended() {
        let mut keyspace = keyspace(18);
        let flag = watch(&mut keyspace, b"k");
        keyspace.db(0).watch(b"k", &flag);
        keyspace.db(0).unwatch(b"k", &flag);
        keyspace.db(0).set(b"k", b"v", Expiry::Clear);
        assert!(!flag.get() && Rc::strong_count(&flag) == 1);
    }

    #[test]
    fn swapping_tells_only_watchers_whose_key_is_on_either_side() {
        let mut keyspace = keyspace(19);
        keyspace.db(1).set(b"there", b"v", Expiry::Clear);
        keyspace.db(1).set(b"gone", b"v", Expiry::At(START - 1));
        let there = watch(&mut keyspace, b"there");
        let gone = watch(&mut keyspace, b"gone");
        let nowhere = watch(&mut keyspace, b"nowhere");
        keyspace.swap(0, 1);
        assert_eq!((there.get(), gone.get(), nowhere.get()), (true, false, false));
        assert!(keyspace.db(0).exists(b"there") && keyspace.db(1).is_empty());
        assert!(!gone.get(), "what was past its deadline when it came is no change when it goes");
    }
}
