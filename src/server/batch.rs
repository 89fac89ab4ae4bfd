//! The requests of one turn, parsed but not yet executed: they lie where they were received, and
//! their keys' memory is fetched while the rest of the batch is still being looked at.
//!
//! Invariant: executes nothing.

use crate::io::{Driver, Lease};
use crate::resp::{ProtocolError, Span};
use crate::session::{ClientId, CommandId};
use std::ops::Range;

/// Requests that are hashed and prefetched together. More would evict one another from the cache
/// before they run; fewer do not hide a memory access.
pub const BATCH_REQUESTS_MAX: usize = 32;

/// Bytes that requests lie in.
pub enum Chunk {
    /// Still in the driver's buffer.
    Lease(Lease),
    /// Put together from several receives, or unquoted from an inline request.
    Owned(Vec<u8>),
}

impl Chunk {
    pub fn bytes<'a>(&'a self, driver: &'a Driver) -> &'a [u8] {
        match self {
            Chunk::Lease(lease) => driver.bytes(lease),
            Chunk::Owned(bytes) => bytes,
        }
    }
}

/// What the parser found.
pub enum Found {
    /// A call of the command, if there is one of that name.
    Call(Option<CommandId>),
    /// The protocol was broken.
    Broken(ProtocolError),
}

/// One request.
pub struct Request {
    pub client: ClientId,
    /// The chunk it was received in, and where it lies in there.
    pub chunk: usize,
    pub raw: Range<usize>,
    /// The arguments: which spans, of which chunk, counted from where. They lie in the request
    /// itself unless that was inline and had to be unquoted.
    pub spans: Range<usize>,
    pub args_chunk: usize,
    pub args_start: usize,
    pub found: Found,
}

/// Requests in order of arrival.
#[derive(Default)]
pub struct Batch {
    pub chunks: Vec<Chunk>,
    pub spans: Vec<Span>,
    pub requests: Vec<Request>,
}

impl Batch {
    pub fn is_full(&self) -> bool {
        self.requests.len() >= BATCH_REQUESTS_MAX
    }
}
