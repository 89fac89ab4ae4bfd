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
mod meanwhile;
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
use crate::session::ClientId;
use batch::Batch;
use pool::Pool;
use std::collections::VecDeque;
use std::process::ExitCode;

/// The driver's names for what is watched besides sockets: signals, the memory limit's files, the
/// clerk's reports, and questions about the figures.
const SIGNALS: WatchId = WatchId(0);
const LIMIT: WatchId = WatchId(1);
const CLERK: WatchId = WatchId(2);
const METRICS: WatchId = WatchId(3);

/// A running server: what commands work on, and what it works with itself.
pub struct Server {
    state: State,
    works: Works,
}

/// The server at work. The two parts are borrowed apart, so that a command that goes on for long can
/// lend both to a turn within the turn (`meanwhile`).
struct Turn<'a> {
    state: &'a mut State,
    works: &'a mut Works,
}

/// What commands never see.
struct Works {
    driver: Driver,
    /// Sockets that accept, each with what it was opened for.
    listeners: Vec<(ListenerId, listen::Endpoint)>,
    /// Completions of this turn as they come from the driver; kept for its capacity.
    completions: Vec<Completion>,
    /// Those of them that were not handled yet.
    arrived: VecDeque<Completion>,
    batch: Batch,
    /// Whose bytes are being parsed.
    parsing: Option<ClientId>,
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
    /// What was put off until such a command has ended.
    put_off: Vec<Completion>,
}

impl Server {
    fn turn(&mut self) -> Turn<'_> {
        Turn { state: &mut self.state, works: &mut self.works }
    }

    /// Turns until the server is told to stop. Returns the status of the process.
    pub fn run(mut self) -> ExitCode {
        self.turn().run()
    }
}
