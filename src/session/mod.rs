//! Layer 4: the state of one connection and the table of all of them.
//!
//! Invariant: no descriptors, no keyspace; other clients are named by id.

pub mod client;
pub mod memory;
pub mod pubsub;
pub mod table;
pub mod tracking;
pub mod transaction;

pub use client::{Client, ClientFlags, ReplyMode};
pub use memory::ClientMemory;
pub use pubsub::PubSub;
pub use table::{ClientId, Clients};
pub use tracking::{Tracking, TrackingTable};
pub use transaction::Transaction;

/// A user, by number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct UserId(pub u32);

impl UserId {
    /// Whom every connection begins as.
    pub const DEFAULT: UserId = UserId(0);
}

/// A row of the command table, by position.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CommandId(pub u16);
