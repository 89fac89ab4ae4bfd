//! One turn of the loop, in its fixed order.

use super::connection::conn_id;
use super::{Turn, Works, figures};
use crate::base::alloc;
use crate::base::clock::{Clock, Stamp, stamp, unix_us_now};
use crate::observe::latency::Event;
use std::process::ExitCode;
use std::time::Duration;

/// Expired records handled before the clock is looked at. A million keys due in the same
/// millisecond are spread over as many turns as they need, with everyone served in between.
const EXPIRE_RECORDS: usize = 256;
/// Pieces freed before the clock is looked at.
const LAZYFREE_PIECES: usize = 8;
/// Least time that each kind of background work may take in a turn. It may also take half of what
/// the turn took so far, or clients could leave behind more than is cleared away.
const SLICE_NS: u64 = 250_000;
/// Least time between two samples of rates, memory peak and driver figures. Nothing wakes for
/// them: an idle server's do not change.
const SAMPLE_MS: i64 = 100;
/// How often idle clients are looked for while `timeout` is set.
const TIMEOUT_CHECK_MS: i64 = 1000;

impl Turn<'_> {
    /// Turns until the server is told to stop. Returns the status of the process.
    pub(super) fn run(mut self) -> ExitCode {
        while self.works.exit.is_none() {
            self.turn();
        }
        self.stop();
        self.works.exit.unwrap_or(ExitCode::SUCCESS)
    }

    fn turn(&mut self) {
        let sleep = self.sleep();
        let start = self.serve_clients(sleep);
        self.background(start);
        self.serve_requests();
        self.state.broadcast_changes();
        self.state.evict_clients(None);
        self.append_log();
        self.drive_snapshot();
        self.send_replies();
    }

    /// A turn while files are loaded: the data set is nobody's business yet.
    pub(super) fn turn_in_load(&mut self) {
        self.serve_clients(Some(Duration::ZERO));
        self.serve_requests();
        self.state.evict_clients(None);
        self.send_replies();
    }

    /// Executes what arrived, after some sleep if nothing has; returns when that was.
    fn serve_clients(&mut self, sleep: Option<Duration>) -> Stamp {
        self.wait(sleep);
        let start = stamp();
        self.state.stages.begin_turn(start);
        self.tick();
        self.state.begin_eviction();
        while let Some(completion) = self.works.arrived.pop_front() {
            self.handle(completion);
        }
        self.execute();
        self.release_chunks();
        start
    }

    /// Lets completions arrive, after some sleep if there are none.
    pub(super) fn wait(&mut self, sleep: Option<Duration>) {
        let Works { driver, completions, arrived, .. } = &mut *self.works;
        driver.wait(sleep, completions);
        arrived.extend(completions.drain(..));
    }

    /// Reads the clocks once for the whole turn, and now and then what INFO reports.
    fn tick(&mut self) {
        self.observe_snapshot();
        let state = &mut *self.state;
        state.tick();
        let now_ms = state.clock.unix_ms();
        if now_ms >= self.works.next_sample_ms {
            self.works.next_sample_ms = now_ms + SAMPLE_MS;
            state.stats.sample_rates(now_ms);
            state.stats.peak_memory = state.stats.peak_memory.max(alloc::used());
            state.facts.io_figures = figures::named(self.works.driver.figures());
            self.look_at_memory(now_ms);
        }
    }

    /// How long nothing is due. `None` sleeps until something arrives: an idle server has no tick.
    fn sleep(&mut self) -> Option<Duration> {
        if self.works.busy
            || !self.works.arrived.is_empty()
            || !self.state.requests.is_empty()
            || !self.state.writable.is_empty()
        {
            return Some(Duration::ZERO);
        }
        let pause = (!self.state.postponed.is_empty()).then_some(self.state.pause.until_ms);
        let timeouts = self.watches_timeouts().then_some(self.works.next_timeout_check_ms);
        let expiry = if self.state.paused() { None } else { self.state.keyspace.next_deadline() };
        let laggards = self.state.laggards_due_ms();
        let blocked = self.state.blocking.next_deadline_ms();
        let log = self.next_log_ms();
        let snapshot = self.next_snapshot_ms();
        let compacting = (alloc::is_wide() && self.state.keyspace.may_gather())
            .then_some(self.works.next_sample_ms);
        let deadlines = [blocked, pause, timeouts, expiry, laggards, log, snapshot, compacting];
        let deadline_ms = deadlines.into_iter().flatten().min()?;
        let wait_us = deadline_ms.saturating_mul(1000).saturating_sub(unix_us_now());
        Some(Duration::from_micros(wait_us.max(0) as u64))
    }

    /// Slices of work that nobody waits for, in a turn that began at `start`. It may free a lot.
    fn background(&mut self, start: Stamp) {
        alloc::without_purge_delay(|| self.work_in_slices(start));
    }

    fn work_in_slices(&mut self, start: Stamp) {
        let state = &mut *self.state;
        let clock = state.clock.clone();
        let slice_ns = SLICE_NS.max(clock.elapsed_ns(start, stamp()) / 2);
        let expiry = stamp();
        // While clients are paused the data set stands still.
        let expiring = !state.paused()
            && in_slice(&clock, slice_ns, || state.keyspace.expire_due(EXPIRE_RECORDS));
        state.note_latency_since(Event::ExpireCycle, expiry);
        let freeing = in_slice(&clock, slice_ns, || state.keyspace.lazyfree(LAZYFREE_PIECES));
        // What was deleted still counts; only once it is freed is it known what else must go.
        let eviction = stamp();
        let evicting = !freeing && in_slice(&clock, slice_ns, || state.evict_some());
        state.note_latency_since(Event::EvictionCycle, eviction);
        if state.has_followers() {
            state.tell_records(None);
        }
        let walking = self.walk_snapshot(&clock, slice_ns);
        let state = &mut *self.state;
        let compacting = in_slice(&clock, slice_ns, || state.keyspace.compact());
        let tracking = state.limit_tracking_table() | state.tracking.drop_some();
        self.works.busy = expiring || freeing || evicting || compacting || tracking || walking;
        if !state.postponed.is_empty() && !state.paused() {
            self.resume();
        }
        if self.state.laggards_due_ms().is_some_and(|due_ms| self.state.clock.unix_ms() >= due_ms) {
            let driver = &self.works.driver;
            self.state.limit_laggards(|client| driver.unsent(conn_id(client.key)));
        }
        // Keys that went on their own may end waits.
        self.state.serve_blocked();
        self.state.time_out_blocked();
        if self.watches_timeouts() && self.state.clock.unix_ms() >= self.works.next_timeout_check_ms
        {
            self.close_idle();
        }
    }

    fn watches_timeouts(&self) -> bool {
        self.state.config.timeout > 0 && !self.state.clients.is_empty()
    }

    /// Closes clients that have been silent for longer than `timeout`.
    fn close_idle(&mut self) {
        let now_ms = self.state.clock.unix_ms();
        let limit_s = i64::from(self.state.config.timeout);
        let idle = |client: &&crate::session::Client| {
            now_ms / 1000 - client.active_s > limit_s && !client.is_exempt_from_timeout()
        };
        let ids: Vec<_> = self.state.clients.iter().filter(idle).map(|client| client.key).collect();
        for id in ids {
            log::debug!("Closing idle client");
            self.state.close(id);
        }
        self.works.next_timeout_check_ms = now_ms + TIMEOUT_CHECK_MS;
    }
}

/// Does `work` until there is none left or the time is up; true when more is left.
fn in_slice(clock: &Clock, slice_ns: u64, mut work: impl FnMut() -> bool) -> bool {
    let start = stamp();
    while work() {
        if clock.elapsed_ns(start, stamp()) > slice_ns {
            return true;
        }
    }
    false
}
