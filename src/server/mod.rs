//! Layer 6: the composition root. The server owns the driver and the state and is the only place
//! that sees both.
//!
//! One turn of the loop (`turn`): wait for completions, parse what arrived in place (`batch`),
//! execute it in batches (`dispatch`), serve what the handlers asked for, do due background work in
//! slices, send one block per connection with output.

mod append;
mod batch;
mod connection;
mod container;
mod dispatch;
mod execute;
mod figures;
mod gate;
mod healthcheck;
mod limit;
mod listen;
mod metrics;
mod pool;
mod requests;
mod restore;
mod shutdown;
mod snapshot;
pub mod startup;
mod tools;
mod turn;

use crate::clerk::Clerk;
use crate::command::State;
use crate::io::{Completion, Driver, ListenerId, WatchId};
use crate::metrics::Metrics;
use batch::Batch;
use pool::Pool;
use std::process::ExitCode;

/// The driver's names for what is watched besides sockets: signals, the memory limit's files, the
/// clerk's reports, and questions about the figures.
const SIGNALS: WatchId = WatchId(0);
const LIMIT: WatchId = WatchId(1);
const CLERK: WatchId = WatchId(2);
const METRICS: WatchId = WatchId(3);

/// A running server.
pub struct Server {
    driver: Driver,
    state: State,
    /// Sockets that accept, each with what it was opened for.
    listeners: Vec<(ListenerId, listen::Endpoint)>,
    /// Completions of this turn; kept for its capacity.
    completions: Vec<Completion>,
    batch: Batch,
    /// Output that was sent.
    pool: Pool,
    log: append::Log,
    clerk: Clerk,
    /// The snapshot that is being taken.
    underway: snapshot::Underway,
    signals: crate::base::sys::Signals,
    /// The port for figures and probes, if there is one.
    metrics: Option<Metrics>,
    limits: limit::LimitSource,
    /// Set once the loop is to end, with the status of the process.
    exit: Option<ExitCode>,
    /// Background work was cut off by its budget: the next wait does not sleep.
    busy: bool,
    /// Unix time in milliseconds of the next sample for INFO.
    next_sample_ms: i64,
    /// Unix time in milliseconds of the next look at idle clients, while `timeout` is set.
    next_timeout_check_ms: i64,
}
