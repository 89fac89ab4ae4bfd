//! The append log of a running server: written at the end of each turn, synced as `appendfsync` says,
//! and what a disk error leads to.
//!
//! The records of a turn are one plain write, some two microseconds; through the ring the kernel would
//! hand it to a worker. The sync is an operation of the driver, one at a time.
//!
//! Invariant: records are written in order, each once; nothing is synced again after an error.

use super::gate::Gate;
use super::{Turn, restore};
use crate::base::clock::{Stamp, stamp};
use crate::base::disk;
use crate::base::sys::error_text;
use crate::clerk::Job;
use crate::command::server::background::Purpose;
use crate::config::Appendfsync;
use crate::io::{IoError, Op};
use crate::observe::AppendFacts;
use crate::observe::latency::Event;
use crate::persist::aof::{Manifest, Place, Writer};
use crate::persist::policy::{self, Act, Promise};
use crate::session::ClientId;
use std::fs::File;
use std::process;
use std::sync::Arc;

/// Least time between two syncs with `appendfsync everysec`.
const SYNC_INTERVAL_MS: i64 = 1000;
/// Until a write that found no space is tried again.
const RETRY_INTERVAL_MS: i64 = 1000;
/// How often a write that was interrupted is tried again at once.
const TRIES_MAX: u32 = 1000;
/// Records kept for such a write; beyond it the log is given up for a new base.
const KEPT_BYTES_MAX: usize = 32 << 20;

/// The log, if one is kept, and what is not durable of it.
pub(super) struct Log {
    writer: Option<Writer>,
    pub(super) gate: Gate,
    /// Unix time in milliseconds before which nothing is synced, with `everysec`.
    next_sync_ms: i64,
    /// When the sync in flight began.
    sync_start: Stamp,
    /// Unix time in milliseconds of the next try, after a write that found no space.
    retry_ms: Option<i64>,
    /// The file that grows follows no base yet and has no name of its own.
    unbased: bool,
    /// Nothing goes to the file that grows: it failed, or what it was to follow did.
    broken: bool,
    /// The last group that the base holds which is being written.
    cut: u64,
}

impl Log {
    pub(super) fn new(writer: Option<Writer>) -> Log {
        Log {
            unbased: writer.is_none(),
            writer,
            gate: Gate::default(),
            next_sync_ms: 0,
            sync_start: stamp(),
            retry_ms: None,
            broken: false,
            cut: 0,
        }
    }

    /// Whether records wait that could not be written.
    pub(super) fn has_unwritten(&self) -> bool {
        self.retry_ms.is_some()
    }

    /// Whether there is no base before the file that grows, or would grow.
    pub(super) fn is_unbased(&self) -> bool {
        self.unbased
    }

    /// Takes out of what it consists of what is history; what it consisted of if there was any.
    pub(super) fn forget_history(&mut self) -> Option<Manifest> {
        let writer = self.writer.as_mut()?;
        let manifest = writer.manifest().clone();
        if manifest.history.is_empty() {
            return None;
        }
        writer.set_manifest(Manifest { history: Vec::new(), ..manifest.clone() });
        Some(manifest)
    }

    /// What it consists of, if one is kept.
    pub(super) fn manifest(&self) -> Option<&Manifest> {
        self.writer.as_ref().map(Writer::manifest)
    }
}

impl Turn<'_> {
    /// Writes what the turn's commands did before anybody is told that it was done.
    pub(super) fn append_log(&mut self) {
        if self.works.log.writer.is_none() {
            return;
        }
        if self.works.log.broken {
            self.state.effects.clear();
        }
        let now_ms = self.state.clock.unix_ms();
        let waits = self.works.log.retry_ms.is_some_and(|at_ms| now_ms < at_ms);
        if waits && self.state.effects.memory() > KEPT_BYTES_MAX {
            self.give_up_log();
        } else if !waits && !self.state.effects.bytes().is_empty() {
            self.write_records();
        } else if self.state.keyspace.last_marked() == self.works.log.gate.next_group() {
            // A change that leaves no record: who saw it waits for what was written before.
            self.end_group();
        }
        self.sync_log_if_due(now_ms);
    }

    /// Later writes belong to another group.
    fn end_group(&mut self) {
        self.state.append.written = self.works.log.gate.wrote();
        self.state.keyspace.begin_group(self.works.log.gate.next_group());
    }

    fn write_records(&mut self) {
        let start = stamp();
        let (log, effects) = (&mut self.works.log, &mut self.state.effects);
        let Some(writer) = &mut log.writer else { return };
        let config = &self.state.config;
        let always = config.appendfsync == Appendfsync::Always;
        writer.growing().run_ahead(always && config.aof_preallocate);
        writer.growing().write_sums(config.aof_checksums);
        let mut tries = 0..TRIES_MAX;
        while let Err(error) = writer.growing().append(effects.bytes()) {
            let (words, kind) = (error_text(&error), IoError::from(error).kind);
            match policy::after_write(promise(self.state.config.appendfsync), kind) {
                Act::Again if tries.next().is_some() => {}
                Act::Exit => exit_unanswered("write", &words),
                act => return self.write_failed(act, &words),
            }
        }
        effects.clear();
        self.state.append.size = writer.offset();
        self.state.note_latency_since(Event::AofWrite, start);
        self.end_group();
        if self.works.log.retry_ms.take().is_some() {
            log::warn!("AOF write error looks solved, Redis can write again.");
            self.state.append.write_error = None;
            self.state.apply_disk_errors();
        }
    }

    fn write_failed(&mut self, act: Act, words: &str) {
        if self.state.append.write_error.is_none() {
            log::warn!("Error writing to the AOF file: {words}");
        }
        self.state.append.write_error = Some(words.to_owned());
        self.state.apply_disk_errors();
        match act {
            Act::Later => {
                self.works.log.retry_ms = Some(self.state.clock.unix_ms() + RETRY_INTERVAL_MS);
            }
            _ => self.give_up_log(),
        }
    }

    /// Leaves the file that grows as it is. There is a log again once there is a new base.
    fn give_up_log(&mut self) {
        (self.works.log.broken, self.works.log.retry_ms) = (true, None);
        self.state.append.needs_base = true;
        self.state.effects.clear();
    }

    fn sync_log_if_due(&mut self, now_ms: i64) {
        let log = &self.works.log;
        if log.gate.is_syncing() || !log.gate.has_unsynced() {
            return;
        }
        if log.broken {
            return self.open_gate();
        }
        let due = match self.state.config.appendfsync {
            _ if log.gate.waiting() > 0 || self.state.awaited_group() > log.gate.durable() => true,
            Appendfsync::Always => true,
            Appendfsync::Everysec => now_ms >= log.next_sync_ms && !self.spares_syncs(),
            Appendfsync::No => false,
        };
        if due {
            self.works.log.next_sync_ms = now_ms + SYNC_INTERVAL_MS;
            self.sync_log();
        }
    }

    /// Unix time in milliseconds at which the log has something to do. A sync that a snapshot holds
    /// back is due with the end of that.
    pub(super) fn next_log_ms(&self) -> Option<i64> {
        let log = &self.works.log;
        let waits = self.state.config.appendfsync == Appendfsync::Everysec
            && log.gate.has_unsynced()
            && !log.gate.is_syncing()
            && !log.broken
            && !self.spares_syncs();
        let sync = (log.writer.is_some() && waits).then_some(log.next_sync_ms);
        sync.into_iter().chain(log.retry_ms).min()
    }

    /// Whether `no-appendfsync-on-rewrite` holds syncs back.
    fn spares_syncs(&self) -> bool {
        self.state.config.no_appendfsync_on_rewrite && self.state.background.is_running()
    }

    /// Begins a sync of what was written.
    fn sync_log(&mut self) {
        let Some(writer) = &self.works.log.writer else { return };
        let file = Arc::clone(writer.file());
        self.works.log.sync_start = stamp();
        self.works.log.gate.sync_begins();
        self.state.append.syncing = true;
        self.works.driver.submit(Op::Sync { file });
    }

    /// Begins a sync ahead of one that is waited for, so that little is left for that; false while one
    /// is in flight.
    pub(super) fn sync_ahead(&mut self) -> bool {
        if self.works.log.gate.is_syncing() {
            return false;
        }
        if self.works.log.gate.has_unsynced() && !self.state.append.needs_base {
            self.sync_log();
        }
        true
    }

    /// The sync in flight is over.
    pub(super) fn log_synced(&mut self, result: Result<(), IoError>) {
        if self.state.config.appendfsync == Appendfsync::Always {
            self.state.note_latency_since(Event::AofFsyncAlways, self.works.log.sync_start);
        }
        self.state.append.syncing = false;
        match result {
            Ok(()) => {
                let waiting = self.works.log.gate.synced();
                let durable = self.works.log.gate.durable();
                self.let_go(waiting);
                if !self.state.append.needs_base {
                    self.state.append.durable = durable;
                    self.state.serve_durable();
                }
            }
            Err(error) => self.sync_failed(error),
        }
    }

    fn sync_failed(&mut self, error: IoError) {
        self.works.log.gate.sync_failed();
        match policy::after_sync(promise(self.state.config.appendfsync)) {
            Act::Exit => exit_unanswered("fsync", &error.to_string()),
            _ => {
                log::warn!("Fail to fsync the AOF file: {error}");
                self.state.append.sync_error = Some(error.to_string());
                self.state.apply_disk_errors();
                self.give_up_log();
            }
        }
    }

    /// Records go to `file` from here on, the last one of `manifest`. The file before is durable by
    /// then: a crash may leave the end of one file torn, but not with another one behind it.
    pub(super) fn log_goes_on_in(&mut self, file: Arc<File>, manifest: Manifest) {
        let place = self.log_place();
        let log = &mut self.works.log;
        match &mut log.writer {
            Some(writer) => {
                if !log.unbased {
                    self.state.append.older += writer.offset();
                }
                let old = writer.go_on_in(file, manifest);
                if !self.state.append.needs_base {
                    match disk::sync_data(&old) {
                        Ok(()) => self.open_gate(),
                        Err(error) => self.sync_failed(error.into()),
                    }
                }
            }
            None => {
                log.writer = Some(Writer::begin(place, manifest, file));
                self.state.effects.set_on(true);
                self.state.apply_followers();
            }
        }
        let log = &mut self.works.log;
        (log.broken, log.retry_ms, log.cut) = (false, None, log.gate.written());
        self.state.append.size = 0;
        // What could not be written is in the base that begins now.
        self.state.effects.clear();
        self.state.effects.begin_file();
    }

    /// A new base of `bytes` and the file after it hold everything: what went wrong before no longer
    /// matters, and who waited for it need not wait for that.
    ///
    /// # Errors
    /// The file after the base has failed meanwhile, so that another base is needed.
    pub(super) fn log_was_rewritten(
        &mut self,
        manifest: Manifest,
        bytes: u64,
    ) -> Result<(), String> {
        let log = &mut self.works.log;
        let Some(writer) = &mut log.writer else { return Ok(()) };
        writer.set_manifest(manifest);
        log.unbased = false;
        let facts = &mut self.state.append;
        facts.older = bytes;
        facts.base = facts.total();
        if log.broken {
            return Err("the file that grows has failed".into());
        }
        (facts.write_error, facts.sync_error, facts.needs_base) = (None, None, false);
        facts.durable = log.cut.max(log.gate.durable());
        self.state.apply_disk_errors();
        self.state.serve_durable();
        Ok(())
    }

    /// A rewrite failed. If the file that grows was to follow its base, it follows nothing.
    pub(super) fn log_was_not_rewritten(&mut self) {
        self.works.log.broken |= self.state.append.needs_base;
        self.delete_unbased();
    }

    /// Deletes the file that grew without ever getting a base.
    fn delete_unbased(&mut self) {
        if let Some(writer) = self.works.log.writer.as_ref().filter(|_| self.works.log.unbased) {
            self.works.clerk.give(Job::Delete(writer.place().unbased_path()));
        }
    }

    /// Keeps no log any more; who waits for it goes on.
    fn end_log(&mut self) {
        self.delete_unbased();
        (self.works.log.writer, self.works.log.unbased) = (None, true);
        self.state.append = AppendFacts::default();
        self.state.effects.set_on(false);
        self.state.apply_followers();
        self.open_gate();
        self.state.apply_disk_errors();
    }

    /// Lets all output go that waits.
    pub(super) fn open_gate(&mut self) {
        let waiting = self.works.log.gate.open_all();
        self.let_go(waiting);
    }

    fn let_go(&mut self, waiting: Vec<ClientId>) {
        self.state.append.waiting = self.works.log.gate.waiting();
        waiting.into_iter().for_each(|id| self.state.make_writable(id));
    }

    /// Begins or ends the log as `appendonly` says.
    pub(super) fn apply_appendonly(&mut self) {
        match (self.state.config.appendonly, self.works.log.writer.is_some()) {
            (true, false) => {
                (self.state.append.is_on, self.state.append.needs_base) = (true, true);
                self.state.apply_durability();
                // It would not hold what is logged from now on.
                self.abandon_rewrite("the append log was switched on");
                self.state.background.schedule(Purpose::Rewrite);
            }
            (false, _) => {
                if let Err(reason) = self.flush_log() {
                    log::warn!("{reason}");
                }
                self.end_log();
                self.abandon_rewrite("the append log was switched off");
                self.state.background.unschedule(Purpose::Rewrite);
            }
            (true, true) => {}
        }
    }

    fn abandon_rewrite(&mut self, reason: &str) {
        if self.state.background.running() == Some(Purpose::Rewrite) {
            self.end_snapshot(reason);
        }
    }

    /// Where the log is, or would be.
    pub(super) fn log_place(&self) -> Place {
        match &self.works.log.writer {
            Some(writer) => writer.place().clone(),
            None => restore::place(&self.state.config),
        }
    }

    /// Writes and syncs what there is of the log, while everybody waits.
    ///
    /// # Errors
    /// A text for the log.
    pub(super) fn flush_log(&mut self) -> Result<(), String> {
        // What was to be tried again later is tried now.
        self.works.log.retry_ms = self.works.log.retry_ms.map(|_| 0);
        self.append_log();
        let Some(writer) = &mut self.works.log.writer else { return Ok(()) };
        if !self.works.log.broken {
            let synced = writer.growing().cut().and_then(|()| disk::sync(writer.file()));
            synced.unwrap_or_else(|error| self.sync_failed(error.into()));
        }
        match &self.state.append {
            facts if facts.needs_base => {
                Err("The AOF is not whole before there is a new base".into())
            }
            AppendFacts { write_error: Some(words), .. } => {
                Err(format!("Error writing to the AOF file: {words}"))
            }
            _ => Ok(()),
        }
    }
}

fn promise(fsync: Appendfsync) -> Promise {
    match fsync {
        Appendfsync::Always => Promise::BeforeReply,
        Appendfsync::Everysec | Appendfsync::No => Promise::Soon,
    }
}

/// Ends the process at once: replies that are ready must not leave.
fn exit_unanswered(doing: &str, words: &str) -> ! {
    log::warn!(
        "Can't recover from AOF {doing} error when the AOF fsync policy is 'always'. Exiting... ({words})"
    );
    process::exit(1)
}
