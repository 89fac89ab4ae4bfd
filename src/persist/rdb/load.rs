//! Reading snapshots of versions 1 to 12 and of Valkey's 80, from front to end in bounded memory.
//!
//! Everything is checked before anybody sees it: lengths, the inner structure of packed values,
//! duplicates, at the end the checksum. What is not supported is refused by name, never skipped.
//!
//! Invariant: hands keys over one by one and keeps none; nothing here knows where they go.

mod error;
mod into;
mod packed;
mod source;
mod stream;
mod value;

use std::io::Read;

pub use self::error::{Doing, Error, Reason};
pub use self::into::{Expired, Intake, Target};
use self::source::{BUFFER_BYTES, Source};
pub use self::value::Limits;
use super::format::{self, kind, opcode};
use crate::keyspace::{Content, Facts, Usage};
use crate::types::Value;

/// A longer string is handed over with its memory, a shorter one to be copied.
const COPIED_BYTES_MAX: usize = 1024;

/// How a snapshot is read.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many databases there are.
    pub databases: u64,
    /// Whether the checksum is compared, if the file has one.
    pub checksum: bool,
    /// Longest string that is taken, in bytes.
    pub text_bytes_max: u64,
    /// Bytes that all compressed strings may have together: the one thing that can grow beyond what
    /// was sent.
    pub unpacked_bytes_max: u64,
    /// Up to where collections are kept packed.
    pub limits: Limits,
}

/// One key of a snapshot.
pub struct Entry<'a> {
    pub db: usize,
    pub key: &'a [u8],
    pub content: Content<'a>,
    pub facts: Facts,
}

/// What a snapshot says besides its keys.
#[derive(Clone, Copy, Debug)]
pub enum Note<'a> {
    Aux {
        name: &'a [u8],
        value: &'a [u8],
    },
    Database(u64),
    Sizes {
        db: usize,
        keys: u64,
        expires: u64,
    },
    /// A key without elements, which old versions could leave behind; it is left out.
    EmptyKey(&'a [u8]),
    /// A key of the given kind comes next.
    Key {
        key: &'a [u8],
        kind: u8,
    },
    ChecksumOk,
    NoChecksum,
}

/// Takes what a snapshot holds.
pub trait Sink {
    /// Takes a key.
    ///
    /// # Errors
    /// It may not be taken; nothing more is read then.
    fn entry(&mut self, entry: Entry<'_>) -> Result<(), Reason>;

    /// Takes the text of a library of functions.
    ///
    /// # Errors
    /// As for a key.
    fn function(&mut self, text: &[u8]) -> Result<(), Reason>;

    /// Hears what else there is, `offset` bytes behind the start.
    fn note(&mut self, note: Note<'_>, offset: u64);
}

/// A snapshot that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub version: u32,
    /// Bytes it has. The reader may have been read further.
    pub bytes: u64,
}

/// Reads the snapshot that `reader` stands in front of.
///
/// # Errors
/// It is damaged, holds something that is not supported, or cannot be read; the sink may have got
/// keys before.
pub fn load(
    reader: &mut dyn Read,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<Loaded, Error> {
    let source = Source::new(reader, BUFFER_BYTES, options);
    let mut loader = Loader {
        source,
        options,
        sink,
        doing: Doing::Start,
        version: 0,
        db: 0,
        facts: Facts::default(),
        kind: None,
        key: Vec::new(),
        text: Vec::new(),
    };
    match loader.run() {
        Ok(()) => Ok(Loaded { version: loader.version, bytes: loader.source.offset() }),
        Err(reason) => Err(Error {
            offset: loader.source.offset(),
            doing: loader.doing,
            key: (loader.doing == Doing::Value).then_some(loader.key),
            kind: loader.kind,
            reason,
        }),
    }
}

struct Loader<'a, 'r> {
    source: Source<'r>,
    options: &'a Options,
    sink: &'a mut dyn Sink,
    doing: Doing,
    version: u32,
    db: usize,
    /// Of the next key.
    facts: Facts,
    /// Of the value that is being read.
    kind: Option<u8>,
    key: Vec<u8>,
    text: Vec<u8>,
}

impl Loader<'_, '_> {
    fn run(&mut self) -> Result<(), Reason> {
        self.version = read_version(&self.source.array()?)?;
        loop {
            self.doing = Doing::Type;
            let next = self.source.byte()?;
            match next {
                opcode::EOF => return self.checksum(),
                opcode::SLOT_IMPORT.. => self.instruction(next)?,
                kind => self.entry(kind)?,
            }
        }
    }

    fn instruction(&mut self, code: u8) -> Result<(), Reason> {
        let source = &mut self.source;
        match code {
            opcode::DEADLINE => {
                self.doing = Doing::Expire;
                let seconds = i32::from_le_bytes(source.array()?);
                self.facts.deadline = Some(i64::from(seconds) * 1000);
            }
            opcode::DEADLINE_MS => {
                self.doing = Doing::Expire;
                self.facts.deadline = Some(i64::from_le_bytes(source.array()?));
            }
            opcode::IDLE => self.facts.usage = Usage::IdleSeconds(source.count()?),
            opcode::FREQUENCY => self.facts.usage = Usage::Frequency(source.byte()?),
            opcode::SELECT_DB => {
                self.doing = Doing::Length;
                let db = source.count()?;
                let known = usize::try_from(db).ok().filter(|_| db < self.options.databases);
                self.db = known.ok_or(Reason::Databases(self.options.databases))?;
                self.sink.note(Note::Database(db), source.offset());
            }
            opcode::RESIZE_DB => {
                self.doing = Doing::Length;
                let (keys, expires) = (source.count()?, source.count()?);
                self.sink.note(Note::Sizes { db: self.db, keys, expires }, source.offset());
            }
            opcode::AUX => {
                self.doing = Doing::Aux;
                source.text(&mut self.key)?;
                source.text(&mut self.text)?;
                let note = Note::Aux { name: &self.key, value: &self.text };
                self.sink.note(note, source.offset());
            }
            opcode::FUNCTION => {
                self.doing = Doing::Functions;
                source.text(&mut self.text)?;
                self.sink.function(&self.text)?;
            }
            opcode::SLOT_INFO => {
                // How large the slots of a cluster are: a hint for the reader.
                self.doing = Doing::Length;
                for _ in 0..3 {
                    source.count()?;
                }
            }
            _ => return self.unsupported(code),
        }
        Ok(())
    }

    fn unsupported(&mut self, code: u8) -> Result<(), Reason> {
        Err(Reason::Unsupported(match code {
            opcode::MODULE_AUX => {
                self.doing = Doing::ModuleAux;
                format!("data of the module '{}'", value::module_name(self.source.count()?))
            }
            opcode::FUNCTION_PRE_GA => {
                self.doing = Doing::Functions;
                "functions of a version before their release".into()
            }
            _ => format!("instruction {code}"),
        }))
    }

    fn entry(&mut self, kind: u8) -> Result<(), Reason> {
        self.kind = Some(kind);
        self.doing = Doing::Key;
        self.source.text(&mut self.key)?;
        self.doing = Doing::Value;
        let Loader { source, options, sink, key, text, .. } = self;
        sink.note(Note::Key { key, kind }, source.offset());
        let content = match kind {
            kind::STRING => {
                source.text(text)?;
                match text.len() {
                    0..=COPIED_BYTES_MAX => Content::of_text(text),
                    _ => {
                        let mut text = std::mem::take(text);
                        text.shrink_to_fit();
                        Value::Bytes(text).into()
                    }
                }
            }
            _ => match value::read(source, kind, self.version, &options.limits)? {
                Some(value) => value.into(),
                None => {
                    sink.note(Note::EmptyKey(key), source.offset());
                    self.facts = Facts::default();
                    self.kind = None;
                    return Ok(());
                }
            },
        };
        let facts = std::mem::take(&mut self.facts);
        sink.entry(Entry { db: self.db, key, content, facts })?;
        self.kind = None;
        Ok(())
    }

    fn checksum(&mut self) -> Result<(), Reason> {
        self.doing = Doing::Checksum;
        if self.version < format::VERSION_CHECKSUM {
            // A flipped bit makes 10 or 12 a version without a checksum, but leaves that behind.
            return match self.source.is_at_end()? {
                true => Ok(()),
                false => Err(Reason::Corrupt("Data behind the end of an old version's file")),
            };
        }
        let expected = self.source.sum();
        let found = u64::from_le_bytes(self.source.array()?);
        match expected {
            None => {}
            Some(_) if found == 0 => self.sink.note(Note::NoChecksum, self.source.offset()),
            Some(expected) if expected != found => {
                return Err(Reason::Checksum { expected, found });
            }
            Some(_) => self.sink.note(Note::ChecksumOk, self.source.offset()),
        }
        Ok(())
    }
}

/// The version that the start of a file names.
fn read_version(magic: &[u8; format::MAGIC_BYTES]) -> Result<u32, Reason> {
    let digits = magic
        .strip_prefix(format::MAGIC)
        .or(magic.strip_prefix(format::VALKEY_MAGIC))
        .ok_or(Reason::Signature)?;
    let text = std::str::from_utf8(digits).map_err(|_| Reason::Signature)?;
    let version = text.parse().map_err(|_| Reason::Signature)?;
    match format::is_known(version) {
        true => Ok(version),
        false => Err(Reason::Version(version)),
    }
}

/// Reads the value of a payload that begins with its kind; none when it has no elements.
///
/// # Errors
/// As [`load`].
pub fn load_value(
    payload: &[u8],
    version: u32,
    options: &Options,
) -> Result<Option<Value>, Reason> {
    let mut reader = payload;
    let buffer = payload.len().min(BUFFER_BYTES);
    let mut source = Source::new(&mut reader, buffer, &Options { checksum: false, ..*options });
    match source.byte()? {
        kind::STRING => {
            let mut text = Vec::new();
            source.text(&mut text)?;
            Ok(Some(Value::Bytes(text)))
        }
        kind => value::read(&mut source, kind, version, &options.limits),
    }
}

/// Reads the texts of libraries that a payload consists of.
///
/// # Errors
/// What Redis says where it holds something else.
pub fn load_functions(payload: &[u8], options: &Options) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut reader = payload;
    let buffer = payload.len().min(BUFFER_BYTES);
    let options = Options { checksum: false, ..*options };
    let mut source = Source::new(&mut reader, buffer, &options);
    let mut texts = Vec::new();
    while !source.is_at_end().map_err(|_| "can not read data type")? {
        match source.byte().map_err(|_| "can not read data type")? {
            opcode::FUNCTION => {}
            opcode::FUNCTION_PRE_GA => return Err("Pre-GA function format not supported"),
            _ => return Err("given type is not a function"),
        }
        let mut text = Vec::new();
        source.text(&mut text).map_err(|_| "Failed loading library payload")?;
        texts.push(text);
    }
    Ok(texts)
}

#[cfg(test)]
mod tests;
