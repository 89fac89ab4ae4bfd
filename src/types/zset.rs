//! Sorted sets: members ordered by score.
//!
//! Invariant: knows nothing of keys, replies or time.

use crate::ds::listpack::{Listpack, View};
use crate::types::Encoding;

/// A zset.
#[derive(Clone, Debug)]
pub enum Zset {
    Packed(Listpack),
}

/// A zset to be read.
#[derive(Clone, Copy, Debug)]
pub enum ZsetRef<'a> {
    Packed(View<'a>),
}

impl Zset {
    /// A zset without elements.
    pub fn new() -> Zset {
        Zset::Packed(Listpack::new())
    }

    /// The zset that an entry held as `bytes`.
    pub fn from_packed(_: Encoding, bytes: Vec<u8>) -> Zset {
        Zset::Packed(Listpack::from_bytes(bytes))
    }

    /// The bytes that stand for it in an entry; `None` in an encoding that has none.
    pub fn packed(&self) -> Option<&[u8]> {
        let Zset::Packed(pack) = self;
        Some(pack.view().bytes())
    }

    /// The zset as a lookup shows it.
    pub fn as_ref(&self) -> ZsetRef<'_> {
        let Zset::Packed(pack) = self;
        ZsetRef::Packed(pack.view())
    }

    /// The encoding, as OBJECT ENCODING names it.
    pub fn encoding(&self) -> Encoding {
        Encoding::Listpack
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        let Zset::Packed(pack) = self;
        pack.view().is_empty()
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        let Zset::Packed(pack) = self;
        pack.memory()
    }

    /// Frees a piece of a large zset that nobody uses any more; false when the rest is small.
    pub fn drop_some(&mut self) -> bool {
        false
    }
}

impl Default for Zset {
    fn default() -> Zset {
        Zset::new()
    }
}

impl<'a> ZsetRef<'a> {
    /// The zset that an entry holds as `bytes`.
    pub fn from_packed(_: Encoding, bytes: &'a [u8]) -> ZsetRef<'a> {
        ZsetRef::Packed(View::new(bytes))
    }
}
