//! Snapshots on demand: SAVE, and what else writes one while everybody waits.
//!
//! Invariant: the data set is never changed by a snapshot that could not be written.

use std::path::PathBuf;
use std::process;

use super::background::Purpose;
use crate::base::alloc;
use crate::clerk::files::{Stream, Tally};
use crate::clerk::{Failure, Plan};
use crate::command::ctx::Ctx;
use crate::command::spec::{Categories, Command, Flags, Group};
use crate::command::state::State;
use crate::config::{REDIS_VERSION, shutdown};
use crate::persist::rdb::save::Header;
use crate::persist::snapshot::{self, Format};
use crate::resp::errors::{self, Outcome};

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("lastsave", lastsave)
        .arity(1)
        .of(Group::Server)
        .flags(Flags::LOADING.or(Flags::STALE).or(Flags::FAST))
        .acl(Categories::ADMIN.or(Categories::DANGEROUS))
        .summary("Returns the Unix timestamp of the last successful save to disk.")
        .complexity("O(1)")
        .since("1.0.0")
        .tips(&["nondeterministic_output"]),
    Command::new("save", save)
        .arity(1)
        .of(Group::Server)
        .flags(Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::NO_ASYNC_LOADING).or(Flags::NO_MULTI))
        .summary("Synchronously saves the database(s) to disk.")
        .complexity("O(N) where N is the total number of keys in all databases")
        .since("1.0.0"),
];

/// What became of snapshots.
#[derive(Clone, Copy, Debug)]
pub struct Snapshots {
    /// Unix time in seconds of the last one, at first of the start.
    pub saved_s: i64,
    /// Whether the last one was written.
    pub saved: bool,
    /// How many were begun.
    pub saves: u64,
    /// Of the last one read.
    pub keys_loaded: u64,
    pub keys_expired: u64,
    /// Whether checksums are compared, of files and of payloads.
    pub checks_sums: bool,
}

impl Snapshots {
    /// Those of a server that started at this unix time in seconds.
    pub fn new(start_s: i64) -> Snapshots {
        Snapshots {
            saved_s: start_s,
            saved: true,
            saves: 0,
            keys_loaded: 0,
            keys_expired: 0,
            checks_sums: true,
        }
    }
}

/// SAVE
fn save(ctx: &mut Ctx) -> Outcome {
    if ctx.state.background.running() == Some(Purpose::Save) {
        return Err(errors::SAVE_IN_PROGRESS.into());
    }
    ctx.state.save_snapshot().map_err(|_| errors::GENERIC)?;
    ctx.reply.ok();
    Ok(())
}

/// LASTSAVE
fn lastsave(ctx: &mut Ctx) -> Outcome {
    ctx.reply.integer(ctx.state.snapshots.saved_s);
    Ok(())
}

impl State {
    /// How the file `dbfilename` is written.
    pub fn rdb_format(&self) -> Format {
        Format::Rdb { compress: self.config.rdbcompression, checksum: self.config.rdbchecksum }
    }

    /// How a base of the append log is written.
    pub fn base_format(&self) -> Format {
        match self.config.aof_use_rdb_preamble {
            true => self.rdb_format(),
            false => Format::Commands { annotate: self.config.aof_timestamp_enabled },
        }
    }

    /// What a snapshot of now says about itself.
    pub fn snapshot_header(&self, aof_base: bool) -> Header<'static> {
        Header {
            field_deadlines: self.keyspace.has_field_deadlines(),
            uneven_consumers: self.keyspace.has_uneven_consumers(),
            redis_version: REDIS_VERSION,
            created: self.keyspace.now() / 1000,
            used_memory: alloc::used(),
            aof_base,
            functions: self.functions.codes(),
        }
    }

    /// Writes a snapshot while everybody waits.
    ///
    /// # Errors
    /// It could not be written; the log says why.
    pub fn save_snapshot(&mut self) -> Result<(), Failure> {
        self.snapshots.saves += 1;
        let saved = self.write_snapshot();
        match &saved {
            Ok(()) => {
                log::info!("DB saved on disk");
                self.snapshots.saved = true;
                self.apply_disk_errors();
                self.changes = 0;
                self.snapshots.saved_s = self.clock.now_unix_us() / 1_000_000;
            }
            Err(failure) => log::warn!("Write error while saving DB to the disk: {failure}"),
        }
        saved
    }

    fn write_snapshot(&self) -> Result<(), Failure> {
        let (format, header) = (self.rdb_format(), self.snapshot_header(false));
        let path = PathBuf::from(&self.config.dbfilename);
        let temporary = path.with_file_name(format!("temp-{}.rdb", process::id()));
        let (sum, key_delay) = (format.has_sum(), self.save_delay());
        let mut stream = Stream::create(Plan { temporary, path, sum, key_delay })?;
        let tally = Tally::default();
        let written =
            snapshot::write(&self.keyspace, format, &header, |piece| stream.write(piece, &tally));
        match written {
            Ok(()) => stream.finish().map(|_| ()),
            Err(failure) => {
                stream.remove();
                Err(failure)
            }
        }
    }

    /// Writes the last snapshot before the server ends, if save points or `flags` (those of
    /// [`shutdown`]) ask for one; whether the server may end.
    pub fn save_last_snapshot(&mut self, flags: u32) -> bool {
        if self.loading.is_some() {
            // What there is so far is a part of what the file holds.
            return true;
        }
        let has = |flag| flags & flag != 0;
        if !has(shutdown::SAVE) && (has(shutdown::NOSAVE) || self.config.save.is_empty()) {
            return true;
        }
        log::info!("Saving the final RDB snapshot before exiting.");
        if self.save_snapshot().is_ok() {
            return true;
        }
        match has(shutdown::FORCE) {
            true => log::warn!("Error trying to save the DB. Exit anyway."),
            false => log::warn!("Error trying to save the DB, can't exit."),
        }
        has(shutdown::FORCE)
    }
}
