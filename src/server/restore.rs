//! The data set at the start: what the append log holds, and the log opened to go on with, or what
//! the snapshot holds.
//!
//! Invariant: the server starts with all that its files hold, or not at all.

use crate::base::alloc;
use crate::base::clock::unix_us_now;
use crate::command::State;
use crate::command::replay::Replayer;
use crate::command::server::save::LoadError;
use crate::config::{Config, REDIS_VERSION};
use crate::keyspace::FlushMode;
use crate::observe::AppendFacts;
use crate::persist::aof::load::load;
use crate::persist::aof::{Place, Repair, Writer};
use crate::persist::rdb::format::VERSION;
use crate::persist::rdb::save::{Header, empty_file};
use std::path::Path;

/// Loads what an earlier server left behind: by the append log, which is opened, or by the snapshot
/// where no log is to be kept.
///
/// # Errors
/// A text for the log; the server must not start then.
pub fn restore(state: &mut State) -> Result<Option<Writer>, String> {
    state.effects.annotate(state.config.aof_timestamp_enabled);
    match state.config.appendonly {
        true => open_log(state).map(Some),
        false => load_snapshot(state).map(|()| None),
    }
}

fn load_snapshot(state: &mut State) -> Result<(), String> {
    let began_us = unix_us_now();
    let there = state.load_snapshot(false).map_err(|error| match error {
        LoadError::Open(_) => "Fatal error loading the DB, check server logs. Exiting.",
        LoadError::Content(_) => "Terminating server after rdb file reading failure.",
    })?;
    if there {
        let seconds = (unix_us_now() - began_us) as f64 / 1e6;
        log::info!("DB loaded from disk: {seconds:.3} seconds");
    }
    Ok(())
}

/// Replaces the data set by what the append log at `place` holds. It is whole and written.
///
/// # Errors
/// A text for the log. Only if the files are damaged is a part of the data set lost.
pub fn load_anew(state: &mut State, place: &Place) -> Result<(), String> {
    let manifest = place.read_manifest()?;
    if manifest.is_empty() {
        return Err(format!("There is no append log in {}", place.dir.display()));
    }
    state.keyspace.flush(None, FlushMode::Sync);
    load(place, &manifest, repair(&state.config), &mut Replayer::begin(state))?;
    state.changes = 0;
    log::info!("Append Only File loaded by DEBUG LOADAOF");
    Ok(())
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

fn open_log(state: &mut State) -> Result<Writer, String> {
    let config = &state.config;
    let (place, repair) = (place(config), repair(config));
    let (format, empty) = match config.aof_use_rdb_preamble {
        true => ("rdb", empty_snapshot(state)),
        false => ("aof", Vec::new()),
    };
    let mut manifest = place.read_manifest()?;
    place.adopt_old_log(&mut manifest)?;
    if !manifest.is_empty() {
        let began_us = unix_us_now();
        load(&place, &manifest, repair, &mut Replayer::begin(state))?;
        let seconds = (unix_us_now() - began_us) as f64 / 1e6;
        log::info!("DB loaded from append only file: {seconds:.3} seconds");
    }
    let mut writer = Writer::open(place, manifest, (format, &empty))?;
    writer.delete_history()?;
    state.append = AppendFacts { is_on: true, ..AppendFacts::default() };
    (state.append.size, state.append.older) = writer.sizes();
    state.append.base = state.append.total();
    state.effects.set_on(true);
    state.apply_followers();
    Ok(writer)
}

/// The base of a log that begins with no keys.
fn empty_snapshot(state: &State) -> Vec<u8> {
    empty_file(&Header {
        version: VERSION,
        redis_version: REDIS_VERSION,
        created: state.keyspace.now() / 1000,
        used_memory: alloc::used(),
        aof_base: true,
    })
}
