//! Reads a file of the log unit by unit: a command, or what stands between MULTI and EXEC.
//!
//! Invariant: a unit is handed out whole or not at all; memory follows what the file holds, never
//! what a damaged length claims.

use super::record::read_checksum;
use crate::base::crc::Crc64;
use crate::base::disk;
use crate::resp::{Args, Limits, Progress, Span, Step, parse};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::mem::take;
use std::ops::Range;
use std::path::Path;

/// Read at once, bytes.
const READ_BYTES: usize = 1 << 20;
/// Longest line that begins with `#`, as in Redis.
const NOTE_BYTES_MAX: usize = 1024;

/// Why there is no further unit though the file has not come to its end.
#[derive(Debug)]
pub enum Stop {
    /// The file ends within a record.
    Short,
    /// The file ends within a transaction, behind a whole record.
    OpenTransaction,
    /// What stands there is no record.
    Bad(&'static str),
    /// A checksum is not that of what stands before it, from that offset on. Those units were handed
    /// out.
    Sum { from: u64 },
    /// The file cannot be read.
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Io(error)
    }
}

/// A file and how far it was read.
pub struct Reader {
    file: File,
    bytes: Vec<u8>,
    /// Where the unit begins in `bytes`, and in the file.
    start: usize,
    offset: u64,
    /// Bytes of the unit that was handed out last, to be left behind.
    done: usize,
    /// Where the next record of the unit begins, from its start.
    at: usize,
    at_end: bool,
    progress: Progress,
    spans: Vec<Span>,
    /// The unit's commands: where each begins, and its spans.
    commands: Vec<(usize, Range<usize>)>,
    limits: Limits,
    lines: u64,
    /// Where the last checksum ends, in the file; the sum since then, and up to where in `bytes`.
    sum_from: u64,
    sum: Crc64,
    summed: usize,
}

/// What a record is to the unit it stands in.
enum Role {
    Command,
    Multi,
    Exec,
}

impl Reader {
    /// Opens a file at `offset`.
    pub fn open(path: &Path, offset: u64) -> io::Result<Reader> {
        let mut file = disk::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Reader {
            file,
            bytes: Vec::new(),
            start: 0,
            offset,
            done: 0,
            at: 0,
            at_end: false,
            progress: Progress::default(),
            spans: Vec::new(),
            commands: Vec::new(),
            limits: Limits::authenticated(u64::MAX),
            lines: 1,
            sum_from: offset,
            sum: Crc64::new(),
            summed: 0,
        })
    }

    /// Where the last unit that was handed out ends, notes behind it not included.
    pub fn good_up_to(&self) -> u64 {
        self.offset + self.done as u64
    }

    /// Where the record begins that stopped the reading.
    pub fn stopped_at(&self) -> u64 {
        self.offset + self.at as u64
    }

    /// The line behind the last whole record, the first one being 1; lines within arguments and notes
    /// do not count.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Reads the next unit; false at the end of the file. Lines that begin with `#` outside of units
    /// are shown to `note`, with the offset they begin at.
    ///
    /// # Errors
    /// The file stops being a log here.
    pub fn next(&mut self, note: &mut dyn FnMut(&[u8], u64)) -> Result<bool, Stop> {
        self.leave_behind(self.done);
        self.commands.clear();
        self.spans.clear();
        let mut in_transaction = false;
        loop {
            match self.rest().first() {
                None if self.at_end && in_transaction => return Err(Stop::OpenTransaction),
                None if self.at_end => return Ok(false),
                None => self.fill(READ_BYTES)?,
                Some(b'#') => {
                    let line = self.line()?;
                    if !in_transaction {
                        note(&self.rest()[..line], self.stopped_at());
                    }
                    self.at += line;
                    if !in_transaction {
                        self.check_sum(line)?;
                        self.leave_behind(self.at);
                    }
                }
                Some(b'*') => {
                    let record = self.record()?;
                    match self.role() {
                        Role::Multi if in_transaction => return Err(Stop::Bad("MULTI in MULTI")),
                        Role::Exec if !in_transaction => {
                            return Err(Stop::Bad("EXEC without MULTI"));
                        }
                        Role::Multi => {
                            in_transaction = true;
                            self.commands.pop();
                        }
                        Role::Exec => {
                            in_transaction = false;
                            self.commands.pop();
                        }
                        Role::Command => {}
                    }
                    self.at += record;
                    if !in_transaction {
                        self.done = self.at;
                        return Ok(true);
                    }
                }
                Some(_) => return Err(Stop::Bad("no record begins here")),
            }
        }
    }

    /// The commands of the unit that was read.
    pub fn commands(&self) -> impl Iterator<Item = Args<'_>> {
        let args = |(at, spans): &(usize, Range<usize>)| {
            Args::new(&self.bytes[self.start + at..], &self.spans[spans.clone()])
        };
        self.commands.iter().map(args)
    }

    /// Length of the line at `at`, its end included.
    fn line(&mut self) -> Result<usize, Stop> {
        loop {
            let rest = self.rest();
            let found = rest.iter().take(NOTE_BYTES_MAX).position(|byte| *byte == b'\n');
            match found {
                Some(end) => return Ok(end + 1),
                None if rest.len() >= NOTE_BYTES_MAX => {
                    return Err(Stop::Bad("a note does not end"));
                }
                None if self.at_end => return Err(Stop::Short),
                None => self.fill(READ_BYTES)?,
            }
        }
    }

    /// Compares the checksum that the line right before `at` may tell. One that tells of less than
    /// there is since the last one was written by a server that had gone on with a file.
    fn check_sum(&mut self, line: usize) -> Result<(), Stop> {
        let (end, start) = (self.start + self.at, self.start + self.at - line);
        let Some((len, expected)) = read_checksum(&self.bytes[start..end]) else { return Ok(()) };
        self.sum.update(&self.bytes[self.summed..start]);
        let (from, sum) = (self.sum_from, take(&mut self.sum).sum());
        let at = self.offset + (self.at - line) as u64;
        (self.sum_from, self.summed) = (at + line as u64, end);
        if len > at - from || (len == at - from && sum != expected) {
            self.at -= line;
            return Err(Stop::Sum { from });
        }
        Ok(())
    }

    /// Reads the record at `at`; returns its length.
    fn record(&mut self) -> Result<usize, Stop> {
        let first = self.spans.len();
        loop {
            let rest = &self.bytes[self.start + self.at..];
            match parse(rest, &mut self.progress, &mut self.spans, &self.limits) {
                Step::Command { consumed } => {
                    self.commands.push((self.at, first..self.spans.len()));
                    self.lines += 1 + 2 * (self.spans.len() - first) as u64;
                    return Ok(consumed);
                }
                Step::Incomplete { .. } if self.at_end => return Err(Stop::Short),
                Step::Incomplete { missing } => {
                    // As much as was read already at most: what is missing is the file's claim.
                    self.fill(missing.clamp(READ_BYTES, READ_BYTES.max(rest.len())))?;
                }
                Step::Empty { .. } => return Err(Stop::Bad("a record without a command")),
                Step::Inline { .. } => return Err(Stop::Bad("no record begins here")),
                Step::Broken(_) => return Err(Stop::Bad("a record is malformed")),
            }
        }
    }

    fn role(&self) -> Role {
        let Some(args) = self.commands().last() else { return Role::Command };
        match args.at(0) {
            name if name.eq_ignore_ascii_case(b"multi") => Role::Multi,
            name if name.eq_ignore_ascii_case(b"exec") => Role::Exec,
            _ => Role::Command,
        }
    }

    /// Forgets the first `count` bytes: the next unit begins behind them.
    fn leave_behind(&mut self, count: usize) {
        self.start += count;
        self.offset += count as u64;
        (self.done, self.at) = (0, 0);
    }

    /// What was read and not looked at.
    fn rest(&self) -> &[u8] {
        &self.bytes[self.start + self.at..]
    }

    /// Reads up to `count` bytes more.
    fn fill(&mut self, count: usize) -> io::Result<()> {
        if self.start > self.summed {
            self.sum.update(&self.bytes[self.summed..self.start]);
            self.summed = self.start;
        }
        self.summed -= self.start;
        self.bytes.drain(..take(&mut self.start));
        let read = disk::read(&mut self.file, count, &mut self.bytes)?;
        self.at_end = read < count;
        Ok(())
    }
}
