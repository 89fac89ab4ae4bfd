//! The data set at the start: what the append log holds, and the log opened to go on with.
//!
//! Invariant: the server starts with all that its files hold, or not at all.

use crate::base::clock::unix_us_now;
use crate::command::State;
use crate::command::replay::Replayer;
use crate::persist::aof::load::load;
use crate::persist::aof::{Place, Repair, Writer};
use std::path::Path;

/// Loads the append log and opens it; `None` if none is to be kept.
///
/// # Errors
/// A text for the log; the server must not start then.
pub fn open_log(state: &mut State) -> Result<Option<Writer>, String> {
    let config = &state.config;
    if !config.appendonly {
        return Ok(None);
    }
    let place = Place {
        dir: Path::new(&config.dir).join(&config.appenddirname),
        log: config.appendfilename.clone(),
    };
    let repair = Repair {
        allowed: config.aof_load_truncated,
        garbage_bytes_max: config.aof_tail_repair_bytes_max,
    };
    let annotated = config.aof_timestamp_enabled;
    let mut manifest = place.read_manifest()?;
    place.adopt_old_log(&mut manifest)?;
    if !manifest.is_empty() {
        let began_us = unix_us_now();
        load(&place, &manifest, repair, &mut Replayer::begin(state))?;
        let seconds = (unix_us_now() - began_us) as f64 / 1e6;
        log::info!("DB loaded from append only file: {seconds:.3} seconds");
    }
    let mut writer = Writer::open(place, manifest)?;
    writer.delete_history()?;
    state.effects.set_on(true);
    state.effects.annotate(annotated);
    state.apply_followers();
    Ok(Some(writer))
}
