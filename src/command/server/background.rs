//! Snapshots while the server goes on: BGSAVE, BGREWRITEAOF, and when one is taken unasked.
//!
//! A handler only asks; the server begins once the turn is over, so that the snapshot is of the data
//! set between two turns, and one at a time.
//!
//! Invariant: what is asked for is begun or refused, never forgotten.

use crate::command::ctx::Ctx;
use crate::command::spec::{Arg, Command, Flags, Group};
use crate::command::state::State;
use crate::config::SavePoint;
use crate::resp::errors::{self, Outcome};
use crate::session::ClientFlags;
use std::mem::take;
use std::time::Duration;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("bgrewriteaof", bgrewriteaof)
        .arity(1)
        .of(Group::Server)
        .flags(Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::NO_ASYNC_LOADING))
        .summary("Asynchronously rewrites the append-only file to disk.")
        .complexity("O(1)")
        .since("1.0.0"),
    Command::new("bgsave", bgsave)
        .arity(-1)
        .of(Group::Server)
        .flags(Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::NO_ASYNC_LOADING))
        .summary("Asynchronously saves the database(s) to disk.")
        .complexity("O(1)")
        .since("1.0.0")
        .history(&[("3.2.2", "Added the `SCHEDULE` option.")])
        .args(&[Arg::word("schedule", "SCHEDULE").since("3.2.2").optional()]),
];

/// Least time between a snapshot that failed and the next one that a save point asks for, seconds.
const RETRY_S: i64 = 5;
/// Rewrites that may fail in a row before the next one that the log's growth asks for has to wait.
const FAILURES_MAX: u32 = 3;
/// The longest such wait, minutes.
const WAIT_MINUTES_MAX: u32 = 60;

/// What a snapshot is taken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// The file `dbfilename`.
    Save,
    /// A new base of the append log.
    Rewrite,
}

/// How a snapshot ended.
#[derive(Debug)]
pub enum Ending {
    Done,
    Failed(String),
    /// It was given up, for the reason told: no failure.
    GivenUp(String),
}

/// Snapshots that are taken while the server goes on.
#[derive(Debug, Default)]
pub struct Background {
    /// The one that is being taken, and since when: Unix time in milliseconds.
    running: Option<(Purpose, i64)>,
    save_scheduled: bool,
    rewrite_scheduled: bool,
    /// BGSAVE CANCEL, or something else that makes the running one useless.
    cancelled: bool,
    /// Unix time in seconds of the last try to save.
    save_tried_s: i64,
    /// How long the last ones took, seconds.
    pub save_took_s: Option<i64>,
    pub rewrite_took_s: Option<i64>,
    /// How many were begun.
    pub rewrites: u64,
    pub rewrite_failed: bool,
    /// In a row.
    pub rewrite_failures: u32,
    /// Unix time in seconds before which the log's growth asks for nothing.
    rewrite_not_before_s: i64,
    /// Changes since the last save when the running snapshot was begun.
    changes_at_start: u64,
    /// Of the running snapshot.
    pub progress: Progress,
    /// The most bytes that the last ones took beside the data set.
    pub save_peak: usize,
    pub rewrite_peak: usize,
}

/// How far a snapshot is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Keys that are written, of so many that there were when it began.
    pub keys: u64,
    pub keys_total: u64,
    /// Bytes that are not written yet, and the most that there were.
    pub buffered: usize,
    pub peak: usize,
}

impl Progress {
    /// Keys that are written, percent.
    pub fn percent(&self) -> f64 {
        100.0 * self.keys as f64 / self.keys_total.max(1) as f64
    }
}

impl Background {
    /// What is being taken.
    pub fn running(&self) -> Option<Purpose> {
        self.running.map(|(purpose, _)| purpose)
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Whether a snapshot for `purpose` is being taken, or begins with the end of the turn.
    pub fn is_now(&self, purpose: Purpose) -> bool {
        self.running() == Some(purpose) || !self.is_running() && self.is_scheduled(purpose)
    }

    /// Whether a snapshot for `purpose` waits for another one to end.
    pub fn is_waiting(&self, purpose: Purpose) -> bool {
        self.is_running() && self.is_scheduled(purpose)
    }

    fn is_scheduled(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Save => self.save_scheduled,
            Purpose::Rewrite => self.rewrite_scheduled,
        }
    }

    /// Seconds that the running snapshot for `purpose` takes so far.
    pub fn seconds(&self, purpose: Purpose, now_ms: i64) -> Option<i64> {
        let (running, since_ms) = self.running?;
        (running == purpose).then_some((now_ms - since_ms) / 1000)
    }

    /// Asks for a snapshot as soon as none is being taken.
    pub fn schedule(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Save => self.save_scheduled = true,
            Purpose::Rewrite => self.rewrite_scheduled = true,
        }
    }

    /// Takes back what was asked for.
    pub fn unschedule(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Save => self.save_scheduled = false,
            Purpose::Rewrite => self.rewrite_scheduled = false,
        }
    }

    /// The snapshot for the file is to be given up, if one is being taken.
    pub fn cancel_save(&mut self) {
        self.cancelled |= self.running() == Some(Purpose::Save);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    /// The snapshot to begin now, if one was asked for and none is running.
    pub fn take_scheduled(&mut self) -> Option<Purpose> {
        if self.is_running() {
            return None;
        }
        // The log grows while it waits for its rewrite; a save point can wait.
        for purpose in [Purpose::Rewrite, Purpose::Save] {
            if self.is_scheduled(purpose) {
                self.unschedule(purpose);
                return Some(purpose);
            }
        }
        None
    }

    /// Notes that a snapshot begins.
    pub fn begin(&mut self, purpose: Purpose, now_ms: i64, changes: u64, keys: u64) {
        self.running = Some((purpose, now_ms));
        (self.cancelled, self.changes_at_start) = (false, changes);
        self.progress = Progress { keys_total: keys, ..Progress::default() };
        match purpose {
            Purpose::Save => self.save_tried_s = now_ms / 1000,
            Purpose::Rewrite => self.rewrites += 1,
        }
    }

    /// Notes how far the running snapshot is.
    pub fn goes_on(&mut self, keys: u64, buffered: usize) {
        let progress = &mut self.progress;
        (progress.keys, progress.buffered) = (keys, buffered);
        progress.peak = progress.peak.max(buffered);
    }

    /// Notes that the running snapshot is over; the changes that it does not hold are those since its
    /// start.
    fn end(&mut self, now_ms: i64) -> Option<(Purpose, i64)> {
        let (purpose, since_ms) = self.running.take()?;
        self.cancelled = false;
        let Progress { peak, .. } = take(&mut self.progress);
        match purpose {
            Purpose::Save => self.save_peak = peak,
            Purpose::Rewrite => self.rewrite_peak = peak,
        }
        Some((purpose, (now_ms - since_ms) / 1000))
    }
}

/// BGSAVE [SCHEDULE | CANCEL]
fn bgsave(ctx: &mut Ctx) -> Outcome {
    let option = match ctx.args.len() {
        1 => None,
        2 => Some(ctx.arg(1).to_ascii_lowercase()),
        _ => return Err(errors::SYNTAX.into()),
    };
    let scheduled = match option.as_deref() {
        None => false,
        Some(b"schedule") => true,
        Some(b"cancel") => return cancel(ctx),
        Some(_) => return Err(errors::SYNTAX.into()),
    };
    let executing = ctx.client().has(ClientFlags::EXECUTING);
    let background = &mut ctx.state.background;
    match background.running() {
        _ if background.is_now(Purpose::Save) => return Err(errors::SAVE_IN_PROGRESS.into()),
        Some(Purpose::Rewrite) if !scheduled && !executing => {
            return Err(errors::OTHER_SNAPSHOT.into());
        }
        running => {
            background.schedule(Purpose::Save);
            let begins = running.is_none() && !executing;
            ctx.reply.simple(if begins {
                "Background saving started"
            } else {
                "Background saving scheduled"
            });
        }
    }
    Ok(())
}

fn cancel(ctx: &mut Ctx) -> Outcome {
    let background = &mut ctx.state.background;
    if background.running() == Some(Purpose::Save) {
        background.cancel_save();
        ctx.reply.simple("Background saving cancelled");
    } else if background.is_scheduled(Purpose::Save) {
        background.unschedule(Purpose::Save);
        ctx.reply.simple("Scheduled background saving cancelled");
    } else {
        return Err(errors::NO_SAVE_TO_CANCEL.into());
    }
    Ok(())
}

/// BGREWRITEAOF
fn bgrewriteaof(ctx: &mut Ctx) -> Outcome {
    let executing = ctx.client().has(ClientFlags::EXECUTING);
    let background = &mut ctx.state.background;
    if background.is_now(Purpose::Rewrite) {
        return Err(errors::REWRITE_IN_PROGRESS.into());
    }
    let begins = !background.is_running() && !executing;
    background.schedule(Purpose::Rewrite);
    if !begins {
        (background.rewrite_failures, background.rewrite_not_before_s) = (0, 0);
    }
    ctx.reply.simple(match begins {
        true => "Background append only file rewriting started",
        false => "Background append only file rewriting scheduled",
    });
    Ok(())
}

impl State {
    /// How long a snapshot waits after each key, by `rdb-key-save-delay`.
    pub fn save_delay(&self) -> Duration {
        match self.config.rdb_key_save_delay {
            0 => Duration::ZERO,
            us @ 1.. => Duration::from_micros(us.cast_unsigned()),
            // A microsecond once in so many keys.
            keys => Duration::from_nanos(1000 / keys.unsigned_abs()),
        }
    }

    /// Asks for a snapshot if a save point is reached or the log has grown enough.
    pub fn schedule_due_snapshots(&mut self) {
        let now_s = self.clock.unix_ms() / 1000;
        if self.background.is_running() {
            return;
        }
        if self.save_due_s().is_some_and(|due_s| now_s >= due_s) {
            let seconds = now_s - self.snapshots.saved_s;
            log::info!("{} changes in {seconds} seconds. Saving...", self.changes);
            self.background.schedule(Purpose::Save);
        }
        if self.rewrite_due_s().is_some_and(|due_s| now_s >= due_s) {
            if !self.append.needs_base {
                let growth = self.append.growth_percent();
                log::info!("Starting automatic rewriting of AOF on {growth}% growth");
            }
            self.background.schedule(Purpose::Rewrite);
        }
    }

    /// Unix time in seconds at which the log is rewritten unasked, as it stands.
    pub fn rewrite_due_s(&self) -> Option<i64> {
        let wanted = self.append.needs_base || self.append.is_on && self.log_grew();
        wanted.then_some(self.background.rewrite_not_before_s)
    }

    /// Whether the log holds everything only after the rewrite that is under way or about to begin.
    pub fn awaits_base(&self) -> bool {
        self.append.needs_base && self.background.is_now(Purpose::Rewrite)
    }

    /// Unix time in seconds at which a save point is reached if nothing more changes.
    pub fn save_due_s(&self) -> Option<i64> {
        let counted = self.config.save.iter().filter(|point| self.has_changes(point));
        let due_s = counted.map(|point| self.snapshots.saved_s + point.seconds).min()?;
        let retry_s = if self.snapshots.saved { 0 } else { self.background.save_tried_s + RETRY_S };
        Some(due_s.max(retry_s))
    }

    fn has_changes(&self, point: &SavePoint) -> bool {
        i64::try_from(self.changes).is_ok_and(|changes| changes >= point.changes)
    }

    fn log_grew(&self) -> bool {
        let percent = self.config.auto_aof_rewrite_percentage;
        percent > 0
            && self.append.total() > self.config.auto_aof_rewrite_min_size
            && self.append.growth_percent() >= u64::from(percent)
    }

    /// Notes what became of the running snapshot.
    pub fn snapshot_ended(&mut self, ending: Ending) {
        let now_ms = self.clock.unix_ms();
        let Some((purpose, took_s)) = self.background.end(now_ms) else { return };
        match purpose {
            Purpose::Save => {
                self.background.save_took_s = Some(took_s);
                self.save_ended(ending, now_ms / 1000);
            }
            Purpose::Rewrite => {
                self.background.rewrite_took_s = Some(took_s);
                self.rewrite_ended(ending, now_ms / 1000);
            }
        }
        self.apply_disk_errors();
    }

    fn save_ended(&mut self, ending: Ending, now_s: i64) {
        match ending {
            Ending::Done => {
                log::info!("Background saving terminated with success");
                self.changes -= self.background.changes_at_start.min(self.changes);
                self.snapshots.saved_s = now_s;
                self.snapshots.saved = true;
            }
            Ending::Failed(reason) => {
                log::warn!("Background saving error: {reason}");
                self.snapshots.saved = false;
            }
            Ending::GivenUp(reason) => log::warn!("Background saving given up: {reason}"),
        }
    }

    fn rewrite_ended(&mut self, ending: Ending, now_s: i64) {
        match ending {
            Ending::Done => {
                log::info!("Background AOF rewrite finished successfully");
                (self.background.rewrite_failed, self.background.rewrite_failures) = (false, 0);
            }
            Ending::Failed(reason) => {
                log::warn!("Background AOF rewrite terminated with error: {reason}");
                self.background.rewrite_failed = true;
                self.rewrite_failed(now_s);
            }
            Ending::GivenUp(reason) => {
                log::warn!("Killing running AOF rewrite child: {reason}");
            }
        }
    }

    /// After some failures each one doubles the wait before the next rewrite that nobody asked for.
    fn rewrite_failed(&mut self, now_s: i64) {
        let background = &mut self.background;
        background.rewrite_failures += 1;
        background.rewrite_not_before_s = now_s + 1;
        let Some(beyond) = background.rewrite_failures.checked_sub(FAILURES_MAX) else { return };
        let minutes = WAIT_MINUTES_MAX.min(1 << beyond.min(16));
        background.rewrite_not_before_s = now_s + i64::from(minutes) * 60;
        log::warn!(
            "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in {minutes} minutes"
        );
    }

    /// Decides anew whether writes are refused because they could not be kept.
    pub fn apply_disk_errors(&mut self) {
        let saves = self.config.stop_writes_on_bgsave_error && !self.config.save.is_empty();
        let error = self.append.write_error.as_ref().or(self.append.sync_error.as_ref());
        self.writes_refused = match error.filter(|_| self.append.is_on) {
            _ if saves && !self.snapshots.saved => Some(errors::MISCONF.into()),
            Some(error) => Some(errors::misconf_aof(error)),
            None => None,
        };
    }
}
