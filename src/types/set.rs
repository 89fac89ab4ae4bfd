//! Sets: distinct members.
//!
//! Invariant: knows nothing of keys, replies or time.

use crate::ds::listpack::{Listpack, View};
use crate::types::Encoding;

/// A set.
#[derive(Clone, Debug)]
pub enum Set {
    Packed(Listpack),
}

/// A set to be read.
#[derive(Clone, Copy, Debug)]
pub enum SetRef<'a> {
    Packed(View<'a>),
}

impl Set {
    /// A set without elements.
    pub fn new() -> Set {
        Set::Packed(Listpack::new())
    }

    /// The set that an entry held as `bytes`.
    pub fn from_packed(_: Encoding, bytes: Vec<u8>) -> Set {
        Set::Packed(Listpack::from_bytes(bytes))
    }

    /// The bytes that stand for it in an entry; `None` in an encoding that has none.
    pub fn packed(&self) -> Option<&[u8]> {
        let Set::Packed(pack) = self;
        Some(pack.view().bytes())
    }

    /// The set as a lookup shows it.
    pub fn as_ref(&self) -> SetRef<'_> {
        let Set::Packed(pack) = self;
        SetRef::Packed(pack.view())
    }

    /// The encoding, as OBJECT ENCODING names it.
    pub fn encoding(&self) -> Encoding {
        Encoding::Listpack
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        let Set::Packed(pack) = self;
        pack.view().is_empty()
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        let Set::Packed(pack) = self;
        pack.memory()
    }

    /// Frees a piece of a large set that nobody uses any more; false when the rest is small.
    pub fn drop_some(&mut self) -> bool {
        false
    }
}

impl Default for Set {
    fn default() -> Set {
        Set::new()
    }
}

impl<'a> SetRef<'a> {
    /// The set that an entry holds as `bytes`.
    pub fn from_packed(_: Encoding, bytes: &'a [u8]) -> SetRef<'a> {
        SetRef::Packed(View::new(bytes))
    }
}
