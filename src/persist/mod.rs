//! Layer 4: bytes on disk.
//!
//! Snapshots in Redis's RDB format ([`rdb`]), whole or as the payload of one key (`dump`), taken
//! while the data set changes ([`snapshot`]), and the append log ([`aof`]).
//!
//! Invariant: knows no clients, replies or settings; what it needs to know of those is handed in.

pub mod aof;
pub mod dump;
pub mod policy;
pub mod rdb;
pub mod snapshot;
mod stream;
