//! Layer 1: bytes to protocol and back.
//!
//! [`parse`] finds the arguments of a request in a chunk of received bytes without copying them;
//! [`Reply`] is the only writer of protocol bytes; [`errors`] holds every text a client can be
//! refused with.
//!
//! Invariant: knows neither sockets nor clients nor commands; state between calls is the caller's.

mod args;
mod broadcast;
pub mod errors;
mod limits;
mod output;
mod parse;
mod reply;
mod strings;

pub use args::{Args, OwnedArgs};
pub use broadcast::Broadcast;
pub use errors::{Outcome, Reject};
pub use limits::{BULK_LEN_CEILING_BYTES, BULK_LEN_DEFAULT_BYTES, Limits, REPLY_BYTES_MAX};
pub use output::{BLOCK_BYTES, Output};
pub use parse::{Progress, ProtocolError, Span, Step, parse};
pub use reply::{Deferred, Protocol, Reply};
pub use strings::Strings;
