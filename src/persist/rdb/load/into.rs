//! What a snapshot holds, on its way into a keyspace.
//!
//! Invariant: a key is there as the snapshot says, or the load fails.

use super::error::Reason;
use super::{Entry, Note, Sink};
use crate::base::clock::unix_us_now;
use crate::keyspace::Keyspace;

/// Keys left out that are named in the log.
const NAMED_MAX: u64 = 10;
/// Bytes of a file for which it may announce a key. Where keys are shorter than that, less room is
/// made than they need; where a number is a lie, it costs about as much memory as the file has bytes.
const ANNOUNCED_BYTES_MIN: u64 = 8;

/// What becomes of keys that are past their deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// They are left out.
    Drop,
    /// They are taken, because what follows was written when they were there.
    Keep,
}

/// Where keys go.
pub trait Target {
    fn keyspace(&mut self) -> &mut Keyspace;

    /// Takes the text of a library of functions, which may take the place of another or not.
    ///
    /// # Errors
    /// Why it cannot be loaded.
    fn function(&mut self, _text: &[u8], _replace: bool) -> Result<(), String> {
        Ok(())
    }

    /// Hears how many bytes the data took where the file was made.
    fn took(&mut self, _bytes: u64) {}

    /// A key was taken that begins `bytes` behind the start of the file; whether there are to be more.
    fn goes_on(&mut self, bytes: u64) -> bool;
}

/// Nobody waits for this one.
impl Target for Keyspace {
    fn keyspace(&mut self) -> &mut Keyspace {
        self
    }

    fn goes_on(&mut self, _bytes: u64) -> bool {
        true
    }
}

/// Takes keys to their target and counts them. Says in the log what the file says of itself.
pub struct Intake<'a, T: Target> {
    target: &'a mut T,
    expired: Expired,
    /// Whether a key may take the place of one that is there.
    replace: bool,
    /// Announced keys that are still believed in.
    room: u64,
    /// Bytes in front of the key that comes next.
    offset: u64,
    pub keys_loaded: u64,
    pub keys_expired: u64,
    pub keys_empty: u64,
}

impl<'a, T: Target> Intake<'a, T> {
    /// Takes keys to `target`; `replace` lets them take the place of others.
    pub fn new(target: &'a mut T, expired: Expired, replace: bool) -> Intake<'a, T> {
        let (room, offset, keys_loaded, keys_expired, keys_empty) = (0, 0, 0, 0, 0);
        Intake { target, expired, replace, room, offset, keys_loaded, keys_expired, keys_empty }
    }

    /// Makes room for the keys that the file announces, which has `bytes`.
    pub fn of_size(self, bytes: u64) -> Self {
        Intake { room: bytes / ANNOUNCED_BYTES_MIN, ..self }
    }

    /// Says in the log that all is there.
    pub fn done(&self) {
        let empty = match self.keys_empty {
            0 => String::new(),
            count => format!(", empty keys skipped: {count}"),
        };
        log::info!(
            "Done loading RDB, keys loaded: {}, keys expired: {}{empty}.",
            self.keys_loaded,
            self.keys_expired
        );
    }
}

impl<T: Target> Sink for Intake<'_, T> {
    fn entry(&mut self, entry: Entry<'_>) -> Result<(), Reason> {
        let Entry { db, key, content, facts } = entry;
        let keyspace = self.target.keyspace();
        let now = keyspace.now();
        if self.expired == Expired::Drop && facts.deadline.is_some_and(|deadline| deadline < now) {
            self.keys_expired += 1;
        } else if keyspace.db(db).load(key, content, facts, self.replace) {
            self.keys_loaded += 1;
        } else {
            return Err(Reason::Refused("Duplicated key found in RDB file"));
        }
        match self.target.goes_on(self.offset) {
            true => Ok(()),
            false => Err(Reason::Stopped),
        }
    }

    fn function(&mut self, text: &[u8]) -> Result<(), Reason> {
        self.target.function(text, self.replace).map_err(Reason::Library)
    }

    fn note(&mut self, note: Note<'_>, offset: u64) {
        match note {
            Note::Aux { name, value } => {
                let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                if let (b"used-mem", Some(bytes)) = (name, number) {
                    self.target.took(u64::try_from(bytes).unwrap_or(0));
                }
                tell(name, value, number);
            }
            Note::EmptyKey(key) => {
                if self.keys_empty < NAMED_MAX {
                    let key = String::from_utf8_lossy(key);
                    log::info!("rdbLoadObject skipping empty key: {key}");
                }
                self.keys_empty += 1;
            }
            Note::NoChecksum => {
                log::info!("RDB file was saved with checksum disabled: no check performed.");
            }
            Note::Sizes { db, keys, .. } => {
                let keys = keys.min(self.room);
                self.room -= keys;
                self.target.keyspace().db(db).reserve(usize::try_from(keys).unwrap_or(usize::MAX));
            }
            Note::Key { .. } => self.offset = offset,
            Note::Database(_) | Note::ChecksumOk => {}
        }
    }
}

/// Says in the log what a file says of itself, as far as that is of interest; `number` is the value if it is one.
fn tell(name: &[u8], value: &[u8], number: Option<i64>) {
    let text = || String::from_utf8_lossy(value);
    match name {
        [b'%', ..] => log::info!("RDB '{}': {}", String::from_utf8_lossy(name), text()),
        b"redis-ver" | b"valkey-ver" => log::info!("Loading RDB produced by version {}", text()),
        b"ctime" => {
            let created = number.unwrap_or(0);
            let age = (unix_us_now() / 1_000_000).saturating_sub(created).max(0);
            log::info!("RDB age {age} seconds");
        }
        b"used-mem" => {
            let mebibytes = number.unwrap_or(0) as f64 / (1 << 20) as f64;
            log::info!("RDB memory usage when created {mebibytes:.2} Mb");
        }
        b"aof-preamble" if number != Some(0) => log::info!("RDB has an AOF tail"),
        b"aof-base" if number != Some(0) => log::info!("RDB is base AOF"),
        _ => {}
    }
}
