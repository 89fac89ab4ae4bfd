//! The append log: the commands that changed the data set, in Redis 7's files.
//!
//! Invariant: knows no command beyond MULTI and EXEC, which hold records together; others are run by
//! whoever implements [`Replay`].

pub mod base;
pub mod check;
pub mod growing;
pub mod load;
pub mod manifest;
pub mod read;
pub mod record;
pub mod writer;

#[cfg(test)]
mod tests;

pub use load::{Repair, Replay};
pub use manifest::{Manifest, Part, Place};
pub use writer::Writer;
