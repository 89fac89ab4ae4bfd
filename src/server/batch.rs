//! The requests of one turn, parsed but not yet executed: they lie where they were received, and
//! their keys' memory is fetched while the rest of the batch is still being looked at.
//!
//! Invariant: executes nothing.

use crate::io::{Driver, Lease};
use crate::resp::{Args, ProtocolError, Span};
use crate::session::{ClientId, CommandId};
use std::ops::Range;

/// Requests that are hashed and prefetched together. More would evict one another from the cache
/// before they run; fewer do not hide a memory access.
pub const BATCH_REQUESTS_MAX: usize = 32;

/// Arguments that there is always room for. What a request of a hundred thousand needed goes back.
const SPANS_KEPT: usize = 4096;

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
    /// Where it lies in its chunk.
    pub raw: Range<usize>,
    /// The arguments, and where in the chunk of arguments they are counted from.
    pub spans: Range<usize>,
    pub args_start: usize,
    pub found: Found,
}

impl Request {
    /// The arguments, given all spans and the chunk that they lie in.
    #[inline]
    pub fn args<'a>(&self, spans: &'a [Span], chunk: &'a [u8]) -> Args<'a> {
        Args::new(&chunk[self.args_start..], &spans[self.spans.clone()])
    }
}

/// Consecutive requests of one client out of one chunk, so that both are looked up once for all.
#[derive(Clone)]
pub struct Run {
    pub client: ClientId,
    /// The chunk they were received in.
    pub chunk: usize,
    /// The chunk that the arguments lie in: the same, unless the request was inline and had to be
    /// unquoted.
    pub args_chunk: usize,
    /// Their place among the requests.
    pub requests: Range<usize>,
}

/// Requests in order of arrival.
#[derive(Default)]
pub struct Batch {
    pub chunks: Vec<Chunk>,
    pub spans: Vec<Span>,
    pub runs: Vec<Run>,
    pub requests: Vec<Request>,
    /// Runs whose execution has begun.
    begun: usize,
    /// Some of the requests must wait.
    pub held: bool,
}

impl Batch {
    /// Begins the next run, if there is one.
    pub fn begin_run(&mut self) -> Option<Run> {
        let run = self.runs.get(self.begun)?;
        self.begun += 1;
        Some(run.clone())
    }

    /// Forgets all requests.
    pub fn clear(&mut self) {
        (self.begun, self.held) = (0, false);
        self.runs.clear();
        self.requests.clear();
        self.spans.clear();
        self.spans.shrink_to(SPANS_KEPT);
    }

    /// Requests that there is room for.
    pub fn room(&self) -> usize {
        BATCH_REQUESTS_MAX.saturating_sub(self.requests.len())
    }

    /// Makes the requests that were added last a run, if there are any.
    pub fn add_run(&mut self, run: Run) {
        if !run.requests.is_empty() {
            self.runs.push(run);
        }
    }
}
