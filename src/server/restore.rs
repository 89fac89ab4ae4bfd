//! The data set at the start: what the append log holds, and the log opened to go on with, or what
//! the snapshot holds.
//!
//! Invariant: the server starts with all that its files hold, or not at all.

use super::Turn;
use super::append::Log;
use crate::base::clock::unix_us_now;
use crate::command::State;
use crate::command::load::{self, Host, LoadError};
use crate::command::replay::Replayer;
use crate::config::Config;
use crate::keyspace::{FlushMode, Keyspace};
use crate::observe::AppendFacts;
use crate::persist::aof::{self, Manifest, Part, Place, Repair, Writer};
use crate::persist::snapshot;
use std::fs;
use std::path::Path;

impl Host for Turn<'_> {
    fn state(&mut self) -> &mut State {
        self.state
    }

    /// Serves clients, who may ask how far the load is, and end it.
    fn look_around(&mut self) -> bool {
        self.turn_in_load();
        let now_s = self.state.clock.unix_s();
        if let Some(loading) = &mut self.state.loading
            && loading.tells(now_s)
        {
            let (percent, left_s) = (loading.percent(), loading.seconds_left(now_s).unwrap_or(1));
            let keys = self.state.keyspace.len();
            log::info!("Loading: {percent:.1} %, {keys} keys, {left_s} seconds left");
        }
        self.works.exit.is_none()
    }
}

impl Turn<'_> {
    /// Loads what an earlier server left behind: by the append log, which is opened, or by the snapshot
    /// where no log is to be kept. Ends early once the server is told to end.
    ///
    /// # Errors
    /// A text for the log; the server must not start then.
    pub(super) fn restore(&mut self) -> Result<(), String> {
        self.state.effects.annotate(self.state.config.aof_timestamp_enabled);
        let restored = match self.state.config.appendonly {
            true => self.open_log(),
            false => self.load_snapshot(),
        };
        match restored {
            // What was given up for that is no failure.
            Err(_) if self.works.exit.is_some() => Ok(()),
            restored => restored,
        }
    }

    fn load_snapshot(&mut self) -> Result<(), String> {
        let began_us = unix_us_now();
        let there = load::snapshot(self, false).map_err(|error| match error {
            LoadError::Open(_) => "Fatal error loading the DB, check server logs. Exiting.",
            LoadError::Content(_) => "Terminating server after rdb file reading failure.",
        })?;
        if there {
            let seconds = (unix_us_now() - began_us) as f64 / 1e6;
            log::info!("DB loaded from disk: {seconds:.3} seconds");
        }
        Ok(())
    }

    fn open_log(&mut self) -> Result<(), String> {
        let config = &self.state.config;
        let (place, repair) = (place(config), repair(config));
        let mut manifest = place.read_manifest()?;
        place.adopt_old_log(&mut manifest)?;
        if !manifest.is_empty() {
            let began_us = unix_us_now();
            replay(self, &place, &manifest, repair)?;
            let seconds = (unix_us_now() - began_us) as f64 / 1e6;
            log::info!("DB loaded from append only file: {seconds:.3} seconds");
        }
        let state = &mut self.state;
        let format = state.base_format();
        let empty = snapshot::file(&Keyspace::new(1, 0), format, &state.snapshot_header(true));
        let mut writer = Writer::open(place, manifest, (format.suffix(), &empty))?;
        if !state.config.aof_disable_auto_gc {
            writer.delete_history()?;
        }
        state.append = AppendFacts { is_on: true, ..AppendFacts::default() };
        (state.append.size, state.append.older) = writer.sizes();
        state.append.base = state.append.total();
        state.effects.set_on(true);
        state.apply_followers();
        self.works.log = Log::new(Some(writer));
        Ok(())
    }
}

/// Replaces the data set by what the append log at `place` holds, while everybody waits. It is whole and
/// written.
///
/// # Errors
/// A text for the log. Only if the files are damaged is a part of the data set lost.
pub(super) fn load_anew(state: &mut State, place: &Place) -> Result<(), String> {
    let manifest = place.read_manifest()?;
    if manifest.is_empty() {
        return Err(format!("There is no append log in {}", place.dir.display()));
    }
    state.keyspace.flush(None, FlushMode::Sync);
    state.functions.clear();
    let repair = repair(&state.config);
    replay(state, place, &manifest, repair)?;
    state.changes = 0;
    log::info!("Append Only File loaded by DEBUG LOADAOF");
    Ok(())
}

fn replay(
    host: &mut impl Host,
    place: &Place,
    manifest: &Manifest,
    repair: Repair,
) -> Result<(), String> {
    let size = |part: &Part| fs::metadata(place.path(&part.name)).map_or(0, |data| data.len());
    let bytes = manifest.parts().map(size).sum();
    aof::load::load(place, manifest, repair, &mut Replayer::begin(host, bytes))
}

/// Where the log is.
pub(super) fn place(config: &Config) -> Place {
    Place {
        dir: Path::new(&config.dir).join(&config.appenddirname),
        log: config.appendfilename.clone(),
    }
}

fn repair(config: &Config) -> Repair {
    Repair {
        allowed: config.aof_load_truncated,
        garbage_bytes_max: config.aof_tail_repair_bytes_max,
    }
}
