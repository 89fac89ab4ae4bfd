//! A snapshot being taken: begun between two turns, walked in slices, written by the clerk.
//!
//! BGSAVE and BGREWRITEAOF are the same walk. A rewrite first has the clerk begin the next file of the
//! log; the walk begins at the moment when records go there, so the new base and the files from that
//! one on are the whole log. The manifest names the base only once it is durable.
//!
//! The walk waits while the clerk has enough to write. What writes bring up meanwhile cannot wait;
//! should that become too much, everybody waits a little each turn.
//!
//! Invariant: one at a time; a snapshot that fails leaves every file that counts as it was.

use super::Turn;
use crate::base::alloc;
use crate::base::clock::{Clock, stamp};
use crate::clerk::{Clerk, Job, Naming, Plan, Report};
use crate::command::server::background::{Ending, Purpose};
use crate::persist::aof::Manifest;
use crate::persist::snapshot::{Format, Snapshot};
use std::fs::File;
use std::mem::take;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{process, thread};

/// Keys that are handed out before the clock is looked at.
const KEYS: usize = 32;
/// The same while only marks are taken off.
const UNMARKED_KEYS: usize = 256;
/// Bytes that the clerk may have waiting before the walk waits for it.
const QUEUE_BYTES_MAX: usize = 1 << 20;
/// Bytes that writes may have brought up beyond that before everybody waits.
const BACKLOG_BYTES_MAX: usize = 2 << 20;
/// Bytes of that kind beyond which everybody waits as long as it takes, within reason.
const BACKLOG_BYTES_HARD: usize = 4 << 20;
/// How often, each turn, everybody waits at most in the one and the other case, and how long.
const BACKLOG_WAITS: (u32, u32) = (10, 500);
const BACKLOG_WAIT: Duration = Duration::from_micros(200);
/// How soon the walk looks whether the clerk has caught up.
const QUEUE_WAIT_MS: i64 = 1;

/// The snapshot that is being taken, if any.
#[derive(Default)]
pub(super) struct Underway {
    phase: Phase,
    /// The walk waits for the clerk.
    stalled: bool,
}

#[derive(Default)]
enum Phase {
    #[default]
    Idle,
    /// The clerk makes the file that the log is to go on in.
    Opening(Manifest),
    /// The file is there; most of the one before is being made durable, or is (`synced`).
    Opened { file: File, manifest: Manifest, synced: bool },
    /// The keyspace hands out what it holds. A rewrite knows what the log is to consist of.
    Walking(Snapshot, Option<Manifest>),
    /// The clerk writes the rest and puts the file in its place.
    Writing(Option<Manifest>),
    /// The clerk throws away what there is, unless it comes too late for that.
    Abandoning { next: Option<Manifest>, reason: String },
}

impl Underway {
    fn is_walking(&self) -> bool {
        matches!(self.phase, Phase::Walking(..))
    }

    /// Bytes that were not handed to the clerk.
    fn memory(&self) -> usize {
        match &self.phase {
            Phase::Walking(snapshot, _) => snapshot.memory(),
            _ => 0,
        }
    }
}

impl Turn<'_> {
    /// Begins the snapshot that is due, if none is being taken, or gives up the one that is if that is
    /// wanted. To be called when all records of the turn are written.
    pub(super) fn drive_snapshot(&mut self) {
        if self.state.background.is_cancelled() {
            self.abandon_snapshot("it was cancelled");
        }
        self.begin_opened();
        self.state.schedule_due_snapshots();
        // The marks of one that was given up have to be gone first.
        if self.state.keyspace.is_walking() && !self.works.underway.is_walking() {
            return;
        }
        let Some(purpose) = self.state.background.take_scheduled() else { return };
        let keys = self.state.keyspace.len() as u64;
        self.state.background.begin(purpose, self.state.clock.unix_ms(), self.state.changes, keys);
        match purpose {
            Purpose::Save => {
                log::info!("Background saving started");
                self.state.snapshots.saves += 1;
                let path = PathBuf::from(&self.state.config.dbfilename);
                let temporary = path.with_file_name(format!("temp-bg-{}.rdb", process::id()));
                self.begin_walk(temporary, path, self.state.rdb_format(), None);
            }
            Purpose::Rewrite => self.open_next_log_file(),
        }
    }

    /// Tells the others how far the snapshot is.
    pub(super) fn observe_snapshot(&mut self) {
        if self.state.background.is_running() {
            let buffered = self.works.clerk.queued_bytes() + self.works.underway.memory();
            self.state.background.goes_on(self.works.clerk.keys_written(), buffered);
        }
    }

    /// Unix time in milliseconds at which a snapshot has something to do.
    pub(super) fn next_snapshot_ms(&self) -> Option<i64> {
        if self.state.background.is_running() {
            return self.works.underway.stalled.then(|| self.state.clock.unix_ms() + QUEUE_WAIT_MS);
        }
        let due = [self.state.save_due_s(), self.state.rewrite_due_s()];
        due.into_iter().flatten().min().map(|due_s| due_s * 1000)
    }

    /// Has the clerk make the file that the log is to go on in; without a log there is only a base.
    fn open_next_log_file(&mut self) {
        let place = self.log_place();
        let known = match self.works.log.manifest() {
            Some(manifest) if !self.works.log.is_unbased() => Ok(manifest.clone()),
            _ => place.create_dir().and_then(|()| place.read_manifest()),
        };
        let mut manifest = match known {
            Ok(manifest) => manifest,
            Err(reason) => return self.snapshot_over(Ending::Failed(reason)),
        };
        if !self.state.config.appendonly {
            return self.begin_base(manifest, 0);
        }
        let name = manifest.add_incr(&place.log);
        log::info!("Creating AOF incr file {name} on background rewrite");
        // A log that is not whole, or not yet there, goes on only once it has that base.
        let is_whole = !self.state.append.needs_base && !self.works.log.has_unwritten();
        let naming = is_whole.then(|| (place.manifest_path(), manifest.to_string().into()));
        let path = match self.works.log.is_unbased() {
            true => place.unbased_path(),
            false => place.path(name.as_bytes()),
        };
        self.works.clerk.give(Job::Open { path, naming });
        self.works.underway.phase = Phase::Opening(manifest);
    }

    /// Begins the rewrite whose file was made, once little of the file before is left to be synced.
    fn begin_opened(&mut self) {
        let Phase::Opened { synced, .. } = self.works.underway.phase else { return };
        if !synced && !self.sync_ahead() {
            return;
        }
        match take(&mut self.works.underway.phase) {
            Phase::Opened { file, manifest, .. } if !self.works.log.gate.is_syncing() => {
                self.begin_rewrite(file, manifest);
            }
            Phase::Opened { file, manifest, .. } => {
                self.works.underway.phase = Phase::Opened { file, manifest, synced: true };
            }
            phase => self.works.underway.phase = phase,
        }
    }

    /// Records go to the new file from here on, and what there is by now is walked.
    fn begin_rewrite(&mut self, file: File, manifest: Manifest) {
        if self.works.log.has_unwritten() && !self.state.append.needs_base {
            let reason = "the append log cannot be written".into();
            return self.snapshot_over(Ending::Failed(reason));
        }
        self.log_goes_on_in(Arc::new(file), manifest.clone());
        self.begin_base(manifest, 1);
    }

    /// Begins the next base of the log, which replaces all files of `manifest` but the last `kept`.
    fn begin_base(&mut self, mut manifest: Manifest, kept: usize) {
        let place = self.log_place();
        let format = self.state.base_format();
        let name = manifest.add_base(&place.log, format.suffix());
        manifest.retire_incr(kept);
        log::info!("Background append only file rewriting started");
        let temporary = place.path(format!("temp-rewriteaof-bg-{}.aof", process::id()).as_bytes());
        let path = place.path(name.as_bytes());
        self.begin_walk(temporary, path, format, Some(manifest));
    }

    fn begin_walk(
        &mut self,
        temporary: PathBuf,
        path: PathBuf,
        format: Format,
        next: Option<Manifest>,
    ) {
        let key_delay = self.state.save_delay();
        self.works.clerk.give(Job::Begin(Plan {
            temporary,
            path,
            sum: format.has_sum(),
            key_delay,
        }));
        let header = self.state.snapshot_header(next.is_some());
        let snapshot = Snapshot::begin(&mut self.state.keyspace, format, &header);
        self.works.underway.phase = Phase::Walking(snapshot, next);
        self.works.busy = true;
    }

    /// One slice of the walk; true when another one can follow at once.
    pub(super) fn walk_snapshot(&mut self, clock: &Clock, slice_ns: u64) -> bool {
        let Phase::Walking(snapshot, _) = &mut self.works.underway.phase else {
            // Only the marks of one that was given up are left.
            return self.state.keyspace.is_walking() && self.state.keyspace.walk(UNMARKED_KEYS);
        };
        let start = stamp();
        loop {
            if snapshot.has_piece() {
                give_pieces(&self.works.clerk, snapshot);
                if self.state.maxmemory() > 0 {
                    // What pieces and evicted keys leave behind would count as the process's memory
                    // until the allocator got round to it.
                    alloc::give_back_spare();
                }
            }
            self.works.underway.stalled = self.works.clerk.queued_bytes() > QUEUE_BYTES_MAX;
            if self.works.underway.stalled {
                self.observe_snapshot();
                wait_for(&self.works.clerk);
                return false;
            }
            if !self.state.keyspace.walk(KEYS) {
                break;
            }
            if clock.elapsed_ns(start, stamp()) > slice_ns {
                return true;
            }
        }
        self.finish_walk();
        false
    }

    fn finish_walk(&mut self) {
        let Phase::Walking(mut snapshot, mut next) = take(&mut self.works.underway.phase) else {
            return;
        };
        give_pieces(&self.works.clerk, &mut snapshot);
        self.works.clerk.give(Job::Write(snapshot.finish()));
        let naming = next.as_mut().map(|manifest| {
            let base = manifest.base.as_ref().map(|part| self.log_place().path(&part.name));
            let naming = Naming { base, ..self.naming(manifest) };
            if !naming.obsolete.is_empty() {
                manifest.history.clear();
            }
            naming
        });
        self.works.clerk.give(Job::Finish { naming });
        self.works.underway.phase = Phase::Writing(next);
    }

    /// How the log becomes what `manifest` says, in which what is no longer needed is history, and is
    /// deleted unless it is to be kept.
    fn naming(&self, manifest: &Manifest) -> Naming {
        let place = self.log_place();
        let last = Manifest { history: Vec::new(), ..manifest.clone() };
        let keeps = self.state.config.aof_disable_auto_gc;
        let obsolete = manifest.history.iter().filter(|_| !keeps);
        let grows_in = manifest.incr.last().filter(|_| self.works.log.is_unbased());
        Naming {
            rename: grows_in.map(|part| (place.unbased_path(), place.path(&part.name))),
            path: place.manifest_path(),
            manifest: manifest.to_string().into(),
            base: None,
            obsolete: obsolete.map(|part| place.path(&part.name)).collect(),
            manifest_without: last.to_string().into(),
        }
    }

    /// Deletes what newer files of the log have replaced. A rewrite that is under way does so at its end.
    pub(super) fn delete_history(&mut self) {
        let rewriting = self.state.background.running() == Some(Purpose::Rewrite);
        if rewriting || self.works.log.is_unbased() || self.state.config.aof_disable_auto_gc {
            return;
        }
        if let Some(manifest) = self.works.log.forget_history() {
            self.works.clerk.give(Job::Name(self.naming(&manifest)));
        }
    }

    /// Gives the snapshot up that is being taken; what there is of its file is thrown away, unless it
    /// is being put in its place already.
    pub(super) fn abandon_snapshot(&mut self, reason: &str) {
        let reason = reason.to_owned();
        let next = match take(&mut self.works.underway.phase) {
            Phase::Walking(_, next) => {
                self.state.keyspace.abandon_walk();
                (self.works.busy, self.works.underway.stalled) = (true, false);
                next
            }
            Phase::Writing(next) => next,
            Phase::Opening(_) => {
                self.works.underway.phase = Phase::Abandoning { next: None, reason };
                return;
            }
            // The file is empty, and the next attempt makes it anew.
            Phase::Opened { .. } => return self.snapshot_over(Ending::GivenUp(reason)),
            phase @ (Phase::Idle | Phase::Abandoning { .. }) => {
                return self.works.underway.phase = phase;
            }
        };
        self.works.clerk.give(Job::Abandon);
        self.works.underway.phase = Phase::Abandoning { next, reason };
    }

    /// As [`Turn::abandon_snapshot`], and waits until the clerk is done with it.
    pub(super) fn end_snapshot(&mut self, reason: &str) {
        self.abandon_snapshot(reason);
        while matches!(self.works.underway.phase, Phase::Abandoning { .. }) {
            let report = self.works.clerk.wait_for_report();
            self.take_report(report);
        }
    }

    /// Everything was flushed: what was there is not to come back, neither by a snapshot that is being
    /// taken nor, where there are save points, by the last one.
    pub(super) fn forget_snapshots(&mut self) {
        let saves = !self.state.config.save.is_empty();
        if self.state.background.running() == Some(Purpose::Save) {
            match saves {
                true => self.end_snapshot("everything was flushed"),
                false => self.abandon_snapshot("everything was flushed"),
            }
        }
        if saves {
            // Why it could not be written is in the log; FLUSHALL is done all the same.
            let _ = self.state.save_snapshot();
        }
    }

    /// The clerk has something to tell.
    pub(super) fn clerk_told(&mut self) {
        while let Some(report) = self.works.clerk.take_report() {
            self.take_report(report);
        }
    }

    fn take_report(&mut self, report: Report) {
        match (report, take(&mut self.works.underway.phase)) {
            (Report::Opened(file), Phase::Opening(manifest)) => {
                self.works.underway.phase = Phase::Opened { file, manifest, synced: false };
            }
            (Report::Finished { bytes }, Phase::Writing(next) | Phase::Abandoning { next, .. }) => {
                let rewritten = next.map_or(Ok(()), |next| self.log_was_rewritten(next, bytes));
                self.snapshot_over(rewritten.map_or_else(Ending::Failed, |()| Ending::Done));
            }
            (_, Phase::Abandoning { reason, .. }) => self.snapshot_over(Ending::GivenUp(reason)),
            (Report::Failed(failure), _) => {
                self.snapshot_over(Ending::Failed(failure.to_string()));
            }
            (_, phase) => self.works.underway.phase = phase,
        }
    }

    fn snapshot_over(&mut self, ending: Ending) {
        let rewritten = matches!(ending, Ending::Done);
        if !rewritten && self.state.background.running() == Some(Purpose::Rewrite) {
            self.log_was_not_rewritten();
        }
        self.state.snapshot_ended(ending);
    }
}

fn give_pieces(clerk: &Clerk, snapshot: &mut Snapshot) {
    while snapshot.has_piece() {
        clerk.give(Job::Write(snapshot.take_piece()));
    }
}

/// Lets the clerk catch up if it has far too much to write.
fn wait_for(clerk: &Clerk) {
    for wait in 0..BACKLOG_WAITS.1 {
        let enough = if wait < BACKLOG_WAITS.0 { BACKLOG_BYTES_MAX } else { BACKLOG_BYTES_HARD };
        if clerk.queued_bytes() <= enough {
            return;
        }
        thread::sleep(BACKLOG_WAIT);
    }
}
