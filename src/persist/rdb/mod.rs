//! RDB, the format of Redis's snapshots: what it consists of ([`format`](self::format)), writing
//! ([`save`]), reading ([`load`]), as a file ([`file`](self::file)) and looked over ([`check`]).
//!
//! What is written is the lowest version that can express it: 10, which every Redis 7 and Valkey
//! reads, 11 (Redis 7.2) where consumers of streams were seen after they last got something, and 12
//! (Redis 8) where fields of hashes have deadlines.
//!
//! Invariant: encoder and decoder do no I/O of their own; files are the business of `file` and
//! `check`.

pub mod check;
pub mod file;
pub mod format;
pub mod load;
pub mod save;
