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

    /// Adds a watcher; one flag watches a key once.
    pub fn add(&mut self, key: &[u8], flag: &Rc<Cell<bool>>, expired: bool) {
        let watchers = self.keys.entry(key.into()).or_default();
        if !watchers.iter().any(|watcher| Rc::ptr_eq(&watcher.flag, flag)) {
            watchers.push(Watcher { flag: Rc::clone(flag), expired });
        }
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
