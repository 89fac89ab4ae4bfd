//! Looking a log over, and cutting off what does not belong to it, with the output of
//! redis-check-aof.
//!
//! Invariant: nothing is cut that its owner did not agree to.

use super::load::begins_with_snapshot;
use super::manifest::Manifest;
use super::read::{Reader, Stop};
use crate::base::disk;
use crate::base::num::parse_i64;
use crate::base::sys::error_text;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What is to be done with what does not belong to the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Report,
    /// Ask, then cut off what stands behind the last whole transaction.
    Fix,
    /// Cut off what happened after this Unix time in seconds, as annotations in the log say.
    TruncateTo(i64),
}

/// Tells of a snapshot at a file's beginning; its length in bytes, `None` if it is not sound.
pub type CheckSnapshot<'a> = &'a mut dyn FnMut(&Path, &mut dyn Write) -> io::Result<Option<u64>>;

/// The tool at work.
pub struct Check<'a> {
    pub action: Action,
    /// Where an answer is read from.
    pub input: &'a mut dyn BufRead,
    pub out: &'a mut dyn Write,
    pub snapshot: CheckSnapshot<'a>,
}

/// Why the tool ends early. What was wrong has been told.
pub enum Ended {
    Unsound,
    Output(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Ended {
        Ended::Output(error)
    }
}

/// What became of one file.
enum Verdict {
    Valid,
    Empty,
    Truncated,
    TruncatedTo(i64),
}

impl Check<'_> {
    /// Checks a manifest with all its files, or a single log.
    ///
    /// # Errors
    /// The log is not sound, or nothing can be told of it.
    pub fn run(&mut self, path: &Path) -> Result<(), Ended> {
        let begin = fs::read(path);
        let content = begin.or_else(|error| self.give_up(&cannot_open(path, &error)))?;
        let mut lines =
            content.split(|byte| *byte == b'\n').skip_while(|line| line.starts_with(b"#"));
        if lines.next().is_some_and(|line| line.starts_with(b"file")) {
            return self.manifest(path, &content);
        }
        writeln!(self.out, "Start checking Old-Style AOF")?;
        let name = path.display().to_string();
        let verdict = self.file(&name, path, true)?;
        self.tell("AOF", &name, &verdict)
    }

    fn manifest(&mut self, path: &Path, content: &[u8]) -> Result<(), Ended> {
        writeln!(self.out, "Start checking Multi Part AOF")?;
        let manifest = Manifest::parse(content);
        let manifest = manifest.or_else(|malformed| self.give_up(&malformed.to_string()))?;
        let dir = path.parent().unwrap_or(Path::new(""));
        let path_of = |name: &[u8]| dir.join(OsStr::from_bytes(name));
        if let Some(base) = &manifest.base {
            let path = path_of(&base.name);
            let snapshot = begins_with_snapshot(&path);
            let snapshot = snapshot.or_else(|error| self.give_up(&cannot_open(&path, &error)))?;
            let format = if snapshot { "RDB" } else { "RESP" };
            writeln!(self.out, "Start to check BASE AOF ({format} format).")?;
            let verdict = self.file(&base.name(), &path, manifest.incr.is_empty())?;
            self.tell("BASE AOF", &base.name(), &verdict)?;
        }
        if !manifest.incr.is_empty() {
            writeln!(self.out, "Start to check INCR files.")?;
        }
        for (index, part) in manifest.incr.iter().enumerate() {
            let is_last = index + 1 == manifest.incr.len();
            let verdict = self.file(&part.name(), &path_of(&part.name), is_last)?;
            self.tell("INCR AOF", &part.name(), &verdict)?;
        }
        Ok(writeln!(self.out, "All AOF files and manifest are valid")?)
    }

    fn tell(&mut self, kind: &str, name: &str, verdict: &Verdict) -> Result<(), Ended> {
        Ok(match verdict {
            Verdict::Valid => writeln!(self.out, "{kind} {name} is valid"),
            Verdict::Empty => writeln!(self.out, "{kind} {name} is empty"),
            Verdict::Truncated => writeln!(self.out, "Successfully truncated AOF {name}"),
            Verdict::TruncatedTo(time) => {
                writeln!(self.out, "Successfully truncated AOF {name} to timestamp {time}")
            }
        }?)
    }

    /// Says why there is no going on.
    fn give_up<T>(&mut self, text: &str) -> Result<T, Ended> {
        writeln!(self.out, "{text}")?;
        Err(Ended::Unsound)
    }

    fn file(&mut self, name: &str, path: &Path, is_last: bool) -> Result<Verdict, Ended> {
        let begin =
            fs::metadata(path).and_then(|meta| Ok((meta.len(), begins_with_snapshot(path)?)));
        let (size, has_snapshot) =
            begin.or_else(|error| self.give_up(&cannot_open(path, &error)))?;
        if size == 0 {
            return Ok(Verdict::Empty);
        }
        let start = if has_snapshot { self.preamble(path)? } else { 0 };
        let reader = Reader::open(path, start);
        let mut reader = reader.or_else(|error| self.give_up(&cannot_open(path, &error)))?;
        let stop = match self.read(&mut reader, path)? {
            Read::Up(stop) => stop,
            Read::Later(at) => return self.cut_later(path, at, is_last),
        };
        let good = match stop {
            None => size,
            Some(Stop::Sum { from }) => from,
            Some(_) => reader.good_up_to(),
        };
        if let Action::TruncateTo(time) = self.action
            && good == size
        {
            writeln!(self.out, "Truncate nothing in AOF {name} to timestamp {time}")?;
            return Ok(Verdict::Valid);
        }
        self.report(name, &stop, reader.stopped_at())?;
        writeln!(
            self.out,
            "AOF analyzed: filename={name}, size={size}, ok_up_to={good}, ok_up_to_line={}, diff={}",
            reader.lines(),
            size - good
        )?;
        if good == size {
            return Ok(Verdict::Valid);
        }
        match self.action {
            Action::Fix => self.fix(name, path, size, good, is_last),
            _ => self.give_up(&format!(
                "AOF {name} is not valid. Use the --fix option to try fixing it."
            )),
        }
    }

    fn preamble(&mut self, path: &Path) -> Result<u64, Ended> {
        match (self.snapshot)(path, self.out)? {
            Some(len) => {
                writeln!(self.out, "RDB preamble is OK, proceeding with AOF tail...")?;
                Ok(len)
            }
            None => self.give_up("RDB preamble of AOF file is not sane, aborting."),
        }
    }

    /// Reads a file to its end, to where it stops being a log, or to the time that is asked for.
    fn read(&mut self, reader: &mut Reader, path: &Path) -> Result<Read, Ended> {
        loop {
            let mut later = None;
            let time = if let Action::TruncateTo(time) = self.action { time } else { i64::MAX };
            let next = reader.next(&mut |note, at| {
                let second =
                    note.strip_prefix(b"#TS:").map(|text| parse_i64(text.trim_ascii_end()));
                if later.is_none() && second.flatten().is_some_and(|second| second > time) {
                    later = Some(at);
                }
            });
            match (later, next) {
                (Some(at), _) => return Ok(Read::Later(at)),
                (_, Ok(true)) => {}
                (_, Ok(false)) => return Ok(Read::Up(None)),
                (_, Err(Stop::Io(error))) => {
                    let (path, error) = (path.display(), error_text(&error));
                    return self
                        .give_up(&format!("Failed to read from AOF {path}: {error}, aborting..."));
                }
                (_, Err(stop)) => return Ok(Read::Up(Some(stop))),
            }
        }
    }

    fn report(&mut self, name: &str, stop: &Option<Stop>, at: u64) -> Result<(), Ended> {
        match stop {
            None | Some(Stop::Io(_)) => {}
            Some(Stop::Short) => writeln!(self.out, "0x{at:16x}: Reached EOF within a record")?,
            Some(Stop::OpenTransaction) => {
                writeln!(self.out, "0x{at:16x}: Reached EOF before reading EXEC for MULTI")?;
            }
            Some(Stop::Sum { from }) => {
                writeln!(self.out, "0x{at:16x}: Wrong checksum of what stands from 0x{from:x} on")?;
            }
            Some(Stop::Bad(why)) => {
                writeln!(self.out, "AOF {name} format error\n0x{at:16x}: {why}")?;
            }
        }
        Ok(())
    }

    fn cut_later(&mut self, path: &Path, at: u64, is_last: bool) -> Result<Verdict, Ended> {
        let Action::TruncateTo(time) = self.action else { return Ok(Verdict::Valid) };
        let path_text = path.display();
        if at == 0 {
            return self.give_up(&format!(
                "AOF {path_text} has nothing before timestamp {time}, aborting..."
            ));
        }
        if !is_last {
            return self.give_up(&format!(
                "Failed to truncate AOF {path_text} to timestamp {time} to offset {at} because it is not the last file.\n\
                 If you insist, please delete all files after this file according to the manifest file and delete the \
                 corresponding records in manifest file manually. Then re-run redis-check-aof."
            ));
        }
        match cut(path, at) {
            Ok(()) => Ok(Verdict::TruncatedTo(time)),
            Err(_) => {
                self.give_up(&format!("Failed to truncate AOF {path_text} to timestamp {time}"))
            }
        }
    }

    fn fix(
        &mut self,
        name: &str,
        path: &Path,
        size: u64,
        good: u64,
        is_last: bool,
    ) -> Result<Verdict, Ended> {
        if !is_last {
            return self.give_up(&format!(
                "Failed to truncate AOF {name} because it is not the last file"
            ));
        }
        writeln!(
            self.out,
            "This will shrink the AOF {name} from {size} bytes, with {} bytes, to {good} bytes",
            size - good
        )?;
        write!(self.out, "Continue? [y/N]: ")?;
        self.out.flush()?;
        let mut answer = String::new();
        // No answer that can be read is none that agrees.
        let _ = self.input.read_line(&mut answer);
        if !answer.starts_with(['y', 'Y']) {
            return self.give_up("Aborting...");
        }
        match cut(path, good) {
            Ok(()) => Ok(Verdict::Truncated),
            Err(_) => self.give_up(&format!("Failed to truncate AOF {name}")),
        }
    }
}

/// How the reading of a file ended.
enum Read {
    /// At its end, or where it stops being a log.
    Up(Option<Stop>),
    /// At an annotation later than what is asked for.
    Later(u64),
}

fn cut(path: &Path, len: u64) -> io::Result<()> {
    let file = disk::open_to_write(path)?;
    disk::set_len(&file, len)?;
    disk::sync(&file)
}

fn cannot_open(path: &Path, error: &io::Error) -> String {
    format!("Cannot open file {}: {}, aborting...", path.display(), error_text(error))
}
