//! The append log: the commands that changed the data set, in Redis 7's files.
//!
//! Invariant: knows no command beyond MULTI and EXEC, which hold records together.

pub mod record;
