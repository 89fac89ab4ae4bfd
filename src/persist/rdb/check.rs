//! Looking a snapshot over without taking anything from it, with the output of redis-check-rdb.
//!
//! Invariant: a file is sound here exactly when the server would load it, databases aside.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::format::kind;
use super::load::{Doing, Entry, Error, Limits, Note, Options, Reason, Sink, load};
use crate::base::clock::unix_us_now;

/// Looks the snapshot over that the file at `path` begins with and tells `out` of it; its length in
/// bytes, `None` if it is not sound. Strings of any length are taken.
///
/// # Errors
/// It cannot be opened, or nothing be told.
pub fn check(path: &Path, limits: Limits, out: &mut dyn Write) -> io::Result<Option<u64>> {
    let mut file = File::open(path)?;
    let now = unix_us_now() / 1000;
    let mut visit =
        Visit { out, told: Ok(()), now, keys: 0, expires: 0, already_expired: 0, functions: 0 };
    visit.say(0, &format!("Checking RDB file {}", path.display()));
    let options = Options {
        databases: u64::MAX,
        checksum: true,
        text_bytes_max: u64::MAX,
        unpacked_bytes_max: u64::MAX,
        limits,
    };
    let loaded = load(&mut file, &options, &mut visit);
    match &loaded {
        Ok(loaded) => visit.say(loaded.bytes, "\\o/ RDB looks OK! \\o/"),
        Err(error) => visit.say_error(error),
    }
    visit.say_counts();
    visit.told?;
    Ok(loaded.ok().map(|loaded| loaded.bytes))
}

/// Hears what is in a file and tells of it.
struct Visit<'a> {
    out: &'a mut dyn Write,
    /// Whether all could be told.
    told: io::Result<()>,
    /// Unix time in milliseconds.
    now: i64,
    keys: u64,
    expires: u64,
    already_expired: u64,
    functions: u64,
}

impl Visit<'_> {
    fn line(&mut self, line: &str) {
        if self.told.is_ok() {
            self.told = writeln!(self.out, "{line}");
        }
    }

    fn say(&mut self, offset: u64, what: &str) {
        self.line(&format!("[offset {offset}] {what}"));
    }

    fn say_error(&mut self, error: &Error) {
        self.line("--- RDB ERROR DETECTED ---");
        let reason = match (&error.reason, error.doing) {
            (Reason::Checksum { .. }, _) => "RDB CRC error".into(),
            (Reason::Corrupt(_), Doing::Value) => {
                format!("Internal error in RDB reading offset {} -> {}", error.offset, error.reason)
            }
            (reason, _) => reason.to_string(),
        };
        self.say(error.offset, &reason);
        self.line(&format!("[additional info] While doing: {}", error.doing.name()));
        if let Some(key) = &error.key {
            self.line(&format!("[additional info] Reading key '{}'", String::from_utf8_lossy(key)));
        }
        if let Some(kind) = error.kind {
            let name = kind::name(kind);
            self.line(&format!("[additional info] Reading type {kind} ({name})"));
        }
    }

    fn say_counts(&mut self) {
        let Visit { keys, expires, already_expired, functions, .. } = *self;
        self.line(&format!("[info] {keys} keys read"));
        self.line(&format!("[info] {expires} expires"));
        self.line(&format!("[info] {already_expired} already expired"));
        if functions > 0 {
            self.line(&format!("[info] {functions} functions"));
        }
    }
}

impl Sink for Visit<'_> {
    fn entry(&mut self, entry: Entry<'_>) -> Result<(), Reason> {
        if let Some(deadline) = entry.facts.deadline {
            self.expires += 1;
            self.already_expired += u64::from(deadline < self.now);
        }
        Ok(())
    }

    fn function(&mut self, _text: &[u8]) -> Result<(), Reason> {
        self.functions += 1;
        Ok(())
    }

    fn note(&mut self, note: Note<'_>, offset: u64) {
        match note {
            Note::Aux { name, value } => {
                let [name, value] = [name, value].map(String::from_utf8_lossy);
                self.say(offset, &format!("AUX FIELD {name} = '{value}'"));
            }
            Note::Database(index) => self.say(offset, &format!("Selecting DB ID {index}")),
            Note::Key { .. } => self.keys += 1,
            Note::EmptyKey(key) => {
                let key = String::from_utf8_lossy(key);
                self.say(offset, &format!("Key '{key}' has no elements"));
            }
            Note::ChecksumOk => self.say(offset, "Checksum OK"),
            Note::NoChecksum => {
                self.say(offset, "RDB file was saved with checksum disabled: no check performed.")
            }
            Note::Sizes { .. } => {}
        }
    }
}
