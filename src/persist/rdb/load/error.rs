//! Why a snapshot cannot be read, and where.
//!
//! Invariant: an error is said, never repaired; nothing here decides what becomes of the server.

use std::fmt;
use std::io;

use super::super::format::kind;
use crate::base::sys;
use crate::base::text::repr;

/// What reading stumbled over.
#[derive(Debug)]
pub struct Error {
    /// Bytes of the file that were read before.
    pub offset: u64,
    pub doing: Doing,
    /// The key whose value was being read.
    pub key: Option<Vec<u8>>,
    /// The kind of that value.
    pub kind: Option<u8>,
    pub reason: Reason,
}

/// Why.
#[derive(Debug)]
pub enum Reason {
    /// The file could not be read.
    Io(io::Error),
    /// It ends too early.
    Ended,
    /// It is no snapshot.
    Signature,
    /// It is of a version that is not known.
    Version(u32),
    /// It says what cannot be.
    Corrupt(&'static str),
    /// It holds what is not supported here; by name.
    Unsupported(String),
    Checksum {
        expected: u64,
        found: u64,
    },
    /// There are not so many databases.
    Databases(u64),
    /// Who takes the keys refuses this one.
    Refused(&'static str),
    /// A library of functions cannot be loaded.
    Library(String),
    /// Who takes the keys wants no more of them.
    Stopped,
}

/// What was being read, as redis-check-rdb names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    Start,
    Type,
    Expire,
    Key,
    Value,
    Checksum,
    Length,
    Aux,
    ModuleAux,
    Functions,
}

impl Doing {
    pub fn name(self) -> &'static str {
        match self {
            Doing::Start => "start",
            Doing::Type => "read-type",
            Doing::Expire => "read-expire",
            Doing::Key => "read-key",
            Doing::Value => "read-object-value",
            Doing::Checksum => "check-sum",
            Doing::Length => "read-len",
            Doing::Aux => "read-aux",
            Doing::ModuleAux => "read-module-aux",
            Doing::Functions => "read-functions",
        }
    }
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Reason {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Reason::Ended,
            _ => Reason::Io(error),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Io(error) => write!(f, "Read error: {}", sys::error_text(error)),
            Reason::Ended => f.write_str("Unexpected EOF reading RDB file"),
            Reason::Signature => f.write_str("Wrong signature trying to load DB from file"),
            Reason::Version(version) => write!(f, "Can't handle RDB format version {version}"),
            Reason::Corrupt(what) => f.write_str(what),
            Reason::Unsupported(what) => write!(f, "Not supported: {what}"),
            Reason::Checksum { expected, found } => {
                write!(f, "Wrong RDB checksum expected: ({expected:x}) but got ({found:x})")
            }
            Reason::Databases(count) => write!(
                f,
                "Data file was created with a Redis server configured to handle more than {count} \
                 databases"
            ),
            Reason::Refused(what) => f.write_str(what),
            Reason::Library(why) => write!(f, "Failed loading library, {why}"),
            Reason::Stopped => f.write_str("Given up"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[offset {}] {} (while doing: {}", self.offset, self.reason, self.doing.name())?;
        if let Some(key) = &self.key {
            write!(f, ", key {}", repr(key))?;
        }
        if let Some(kind) = self.kind {
            write!(f, ", type {kind} {}", kind::name(kind))?;
        }
        f.write_str(")")
    }
}
