//! Lists: elements in order, reached from both ends.
//!
//! Invariant: knows nothing of keys, replies or time.

use crate::ds::listpack::{Listpack, View};
use crate::types::Encoding;

/// A list.
#[derive(Clone, Debug)]
pub enum List {
    Packed(Listpack),
}

/// A list to be read.
#[derive(Clone, Copy, Debug)]
pub enum ListRef<'a> {
    Packed(View<'a>),
}

impl List {
    /// A list without elements.
    pub fn new() -> List {
        List::Packed(Listpack::new())
    }

    /// The list that an entry held as `bytes`.
    pub fn from_packed(_: Encoding, bytes: Vec<u8>) -> List {
        List::Packed(Listpack::from_bytes(bytes))
    }

    /// The bytes that stand for it in an entry; `None` in an encoding that has none.
    pub fn packed(&self) -> Option<&[u8]> {
        let List::Packed(pack) = self;
        Some(pack.view().bytes())
    }

    /// The list as a lookup shows it.
    pub fn as_ref(&self) -> ListRef<'_> {
        let List::Packed(pack) = self;
        ListRef::Packed(pack.view())
    }

    /// The encoding, as OBJECT ENCODING names it.
    pub fn encoding(&self) -> Encoding {
        Encoding::Listpack
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        let List::Packed(pack) = self;
        pack.view().is_empty()
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        let List::Packed(pack) = self;
        pack.memory()
    }

    /// Frees a piece of a large list that nobody uses any more; false when the rest is small.
    pub fn drop_some(&mut self) -> bool {
        false
    }
}

impl Default for List {
    fn default() -> List {
        List::new()
    }
}

impl<'a> ListRef<'a> {
    /// The list that an entry holds as `bytes`.
    pub fn from_packed(_: Encoding, bytes: &'a [u8]) -> ListRef<'a> {
        ListRef::Packed(View::new(bytes))
    }
}
