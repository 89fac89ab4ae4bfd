//! Hashes: fields with values.
//!
//! Invariant: knows nothing of keys, replies or time.

use crate::ds::listpack::{Listpack, View};
use crate::types::Encoding;

/// A hash.
#[derive(Clone, Debug)]
pub enum Hash {
    Packed(Listpack),
}

/// A hash to be read.
#[derive(Clone, Copy, Debug)]
pub enum HashRef<'a> {
    Packed(View<'a>),
}

impl Hash {
    /// A hash without elements.
    pub fn new() -> Hash {
        Hash::Packed(Listpack::new())
    }

    /// The hash that an entry held as `bytes`.
    pub fn from_packed(_: Encoding, bytes: Vec<u8>) -> Hash {
        Hash::Packed(Listpack::from_bytes(bytes))
    }

    /// The bytes that stand for it in an entry; `None` in an encoding that has none.
    pub fn packed(&self) -> Option<&[u8]> {
        let Hash::Packed(pack) = self;
        Some(pack.view().bytes())
    }

    /// The hash as a lookup shows it.
    pub fn as_ref(&self) -> HashRef<'_> {
        let Hash::Packed(pack) = self;
        HashRef::Packed(pack.view())
    }

    /// The encoding, as OBJECT ENCODING names it.
    pub fn encoding(&self) -> Encoding {
        Encoding::Listpack
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        let Hash::Packed(pack) = self;
        pack.view().is_empty()
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        let Hash::Packed(pack) = self;
        pack.memory()
    }

    /// Frees a piece of a large hash that nobody uses any more; false when the rest is small.
    pub fn drop_some(&mut self) -> bool {
        false
    }
}

impl Default for Hash {
    fn default() -> Hash {
        Hash::new()
    }
}

impl<'a> HashRef<'a> {
    /// The hash that an entry holds as `bytes`.
    pub fn from_packed(_: Encoding, bytes: &'a [u8]) -> HashRef<'a> {
        HashRef::Packed(View::new(bytes))
    }
}
