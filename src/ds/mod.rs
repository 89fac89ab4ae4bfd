//! Layer 1: containers without Redis semantics.
//!
//! Invariant: no expiry, no replies, no types of values; only bytes, hashes and times.

pub mod arena;
pub mod dict;
pub mod filter;
pub mod intset;
pub mod listpack;
pub mod map;
pub mod pool;
pub mod prefetch;
pub mod quicklist;
pub mod ranked;
pub mod segments;
pub mod sorted;
pub mod table;
pub mod wheel;
