//! Loading a data set, from a snapshot or by a log, while clients are told to come back later.
//!
//! Invariant: while [`State::loading`] is set only commands run that leave the keyspace alone, and
//! nothing in it expires or is evicted.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::hash;
use super::script::functions::{Clash, Haste};
use super::state::State;
use crate::base::sys;
use crate::config::Config;
use crate::keyspace::Keyspace;
use crate::observe::Loading;
use crate::persist::rdb::file;
use crate::persist::rdb::load::{self, Expired, Intake, Limits, Options, Reason, Target};
use crate::types::list::NodeLimit;
use crate::types::{set, zset};

/// Who loads, and what else there is to do meanwhile.
pub trait Host {
    fn state(&mut self) -> &mut State;

    /// Looks at what else there is to do; whether to go on loading.
    fn look_around(&mut self) -> bool;
}

/// Everybody waits.
impl Host for State {
    fn state(&mut self) -> &mut State {
        self
    }

    fn look_around(&mut self) -> bool {
        true
    }
}

/// Why a data set could not be loaded.
#[derive(Debug)]
pub enum LoadError {
    /// The file cannot be opened.
    Open(io::Error),
    /// What it holds cannot be read.
    Content(load::Error),
}

/// Loads the snapshot, if there is one; whether there is. `replace` lets its keys take the place of
/// others.
///
/// # Errors
/// It could not be loaded as a whole; the log says why. Keys may have been loaded.
pub fn snapshot(host: &mut impl Host, replace: bool) -> Result<bool, LoadError> {
    let state = host.state();
    let name = &state.config.dbfilename;
    let Some(mut file) = file::open(Path::new(name)).map_err(|error| {
        let reason = sys::error_text(&error);
        log::warn!("Fatal error: can't open the RDB file {name} for reading: {reason}");
        LoadError::Open(error)
    })?
    else {
        return Ok(false);
    };
    let size = file.metadata().map_or(0, |data| data.len());
    let options = Options {
        checksum: state.config.rdbchecksum && state.snapshots.checks_sums,
        ..state.load_options()
    };
    state.loading_begins(size);
    let mut inflow = Inflow { host, before: 0 };
    let mut intake = Intake::new(&mut inflow, Expired::Drop, replace).of_size(size);
    let loaded = load::load(&mut file, &options, &mut intake);
    if loaded.is_ok() {
        intake.done();
    }
    let keys = (intake.keys_loaded, intake.keys_expired);
    let state = host.state();
    (state.snapshots.keys_loaded, state.snapshots.keys_expired) = keys;
    state.loading = None;
    match loaded {
        Ok(_) => Ok(true),
        Err(error) => {
            tell(&error);
            Err(LoadError::Content(error))
        }
    }
}

/// Keys on their way from a file, behind `before` bytes of other files, to the host's keyspace.
pub(super) struct Inflow<'a, H: Host> {
    pub host: &'a mut H,
    pub before: u64,
}

impl<H: Host> Target for Inflow<'_, H> {
    fn keyspace(&mut self) -> &mut Keyspace {
        &mut self.host.state().keyspace
    }

    fn function(&mut self, text: &[u8], replace: bool) -> Result<(), String> {
        let State { functions, clock, .. } = self.host.state();
        let clash = if replace { Clash::Replace } else { Clash::Refuse };
        let loaded = functions.load(clock, text, clash, Haste::Unlimited);
        loaded.map(drop).map_err(|reason| String::from_utf8_lossy(reason.text()).into_owned())
    }

    fn took(&mut self, bytes: u64) {
        if let Some(loading) = &mut self.host.state().loading {
            loading.used_memory = bytes;
        }
    }

    fn goes_on(&mut self, bytes: u64) -> bool {
        !self.host.state().loaded(self.before + bytes) || self.host.look_around()
    }
}

impl State {
    /// Begins to load files of `bytes`.
    pub(super) fn loading_begins(&mut self, bytes: u64) {
        self.loading = Some(Loading::new(self.clock.unix_s(), bytes));
    }

    /// Notes that a key or command was loaded, and with it `bytes` of all files; whether it is time to
    /// look around.
    pub(super) fn loaded(&mut self, bytes: u64) -> bool {
        self.delay_load();
        let Some(loading) = &mut self.loading else { return false };
        loading.loaded_bytes = bytes;
        loading.looks_around(self.config.loading_process_events_interval_bytes)
    }

    /// Slows a load down as `key-load-delay` says.
    fn delay_load(&mut self) {
        let us = match self.config.key_load_delay {
            0 => return,
            us @ 1.. => us.cast_unsigned(),
            every => u64::from(self.rng.below(every.unsigned_abs() as usize) == 0),
        };
        std::thread::sleep(Duration::from_micros(us));
    }

    /// How values from outside are read.
    pub fn load_options(&self) -> Options {
        Options {
            databases: self.keyspace.databases() as u64,
            checksum: self.snapshots.checks_sums,
            text_bytes_max: u64::MAX,
            unpacked_bytes_max: u64::MAX,
            limits: limits(&self.config),
        }
    }
}

/// Up to where collections are kept packed.
pub fn limits(config: &Config) -> Limits {
    Limits {
        list: NodeLimit::new(config.list_max_listpack_size),
        set: set::Limits::of(config),
        zset: zset::Limits::of(config),
        hash: hash::limits(config),
    }
}

/// Says in the log why a snapshot cannot be loaded, and where that showed.
fn tell(error: &load::Error) {
    match error.reason {
        Reason::Ended => {
            log::warn!("Short read or OOM loading DB. Unrecoverable error, aborting now.");
        }
        Reason::Stopped => return,
        Reason::Signature | Reason::Version(_) => return log::warn!("{}", error.reason),
        Reason::Databases(_) => return log::warn!("FATAL: {}. Exiting", error.reason),
        Reason::Checksum { .. } => {
            log::warn!("{}. Aborting now.", error.reason);
            log::warn!("RDB CRC error");
        }
        _ => {}
    }
    log::warn!("Error while reading the RDB file: {error}");
}
