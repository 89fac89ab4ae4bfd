//! Reading a log at the start, and what to do when a file is not what it should be.
//!
//! A power cut leaves the last file with half a record, with zeros or with garbage at its end: that
//! is repaired, within a bound, and what was no half record is kept aside. Damage with good records
//! behind it is no such thing, and nobody but its owner may decide what to lose.
//!
//! Invariant: what is served afterwards is on disk; nothing is cut that was not looked at.

use super::manifest::{Kind, Manifest, Part, Place};
use super::read::{Reader, Stop};
use crate::base::clock::unix_us_now;
use crate::base::disk;
use crate::base::sys::error_text;
use crate::resp::{Args, Limits, Progress, Step, parse};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Runs what a log holds.
pub trait Replay {
    /// Runs a command. That it fails is no error of the log.
    ///
    /// # Errors
    /// A text for the log: there is no such command, or it has no business in a log.
    fn run(&mut self, args: Args<'_>) -> Result<(), String>;

    /// Loads the snapshot that a file begins with, behind `before` bytes of the log; returns its length
    /// in bytes.
    ///
    /// # Errors
    /// A text for the log.
    fn load_snapshot(&mut self, path: &Path, before: u64) -> Result<u64, String>;

    /// `bytes` of the log have been run; whether to go on.
    fn goes_on(&mut self, bytes: u64) -> bool;

    /// What was run is to be forgotten: the log has been cut before it ends.
    fn begin_anew(&mut self);
}

/// How the end of a damaged log is treated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repair {
    /// `aof-load-truncated`: whether it is repaired at all.
    pub allowed: bool,
    /// `aof-tail-repair-bytes-max`: most bytes of garbage that are cut.
    pub garbage_bytes_max: u64,
}

/// A text for the log, and the end of the start.
type Refusal = String;

/// Loads all files of a log that has some.
///
/// # Errors
/// A text for the log; the server must not start then.
pub fn load(
    place: &Place,
    manifest: &Manifest,
    repair: Repair,
    replay: &mut impl Replay,
) -> Result<(), Refusal> {
    for part in manifest.parts() {
        make_durable(&place.path(&part.name), part)?;
    }
    disk::sync_directory(&place.dir).map_err(|error| {
        format!("Fail to fsync AOF directory {}: {}.", place.dir.display(), error_text(&error))
    })?;
    while !load_parts(place, manifest, repair, replay)? {
        replay.begin_anew();
    }
    Ok(())
}

/// Runs what all files hold; false if more was run than is left of the last one.
fn load_parts(
    place: &Place,
    manifest: &Manifest,
    repair: Repair,
    replay: &mut impl Replay,
) -> Result<bool, Refusal> {
    // A crash right after the next file was made leaves that one empty, and the end in the one before.
    let holds = |part: &Part| fs::metadata(place.path(&part.name)).is_ok_and(|data| data.len() > 0);
    let parts: Vec<&Part> = manifest.parts().collect();
    let last = parts.iter().rposition(|part| holds(part)).unwrap_or(0);
    let mut total = 0;
    for (index, part) in parts.into_iter().enumerate() {
        let began_us = unix_us_now();
        let file = LogFile { path: place.path(&part.name), name: part.name(), last: index >= last };
        let Some(size) = file.load(total, repair, replay)? else { return Ok(false) };
        let seconds = (unix_us_now() - began_us) as f64 / 1e6;
        let kind = if part.kind == Kind::Base { "base" } else { "incr" };
        log::info!("DB loaded from {kind} file {}: {seconds:.3} seconds", part.name());
        total += size;
    }
    Ok(true)
}

/// Nothing is served that a power cut could still take back.
fn make_durable(path: &Path, part: &Part) -> Result<(), Refusal> {
    let file = disk::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!("The append log file {} doesn't exist: {}", part.name(), error_text(&error))
        }
        _ => format!(
            "Fatal error: can't open the append log file {} for reading: {}",
            part.name(),
            error_text(&error)
        ),
    })?;
    disk::sync(&file).map_err(|error| {
        format!("Fail to fsync the AOF file {}: {}.", part.name(), error_text(&error))
    })
}

/// Whether a file begins with a snapshot.
pub fn begins_with_snapshot(path: &Path) -> io::Result<bool> {
    let mut magic = Vec::new();
    disk::read(&mut disk::open(path)?, 5, &mut magic)?;
    Ok(magic == b"REDIS")
}

/// A file of the log in loading.
struct LogFile {
    path: PathBuf,
    name: String,
    /// Only the end of the last file that holds something may be damaged.
    last: bool,
}

impl LogFile {
    /// Loads the file, behind `before` bytes of the log; returns its size, or `None` if it was cut
    /// before the end of what was run.
    fn load(
        &self,
        before: u64,
        repair: Repair,
        replay: &mut impl Replay,
    ) -> Result<Option<u64>, Refusal> {
        let snapshot = begins_with_snapshot(&self.path);
        let start = match snapshot.map_err(|error| self.unreadable(&error))? {
            true => {
                log::info!("Reading RDB base file on AOF loading...");
                replay.load_snapshot(&self.path, before).map_err(|error| {
                    format!(
                        "{error}\nError reading the RDB base file {}, AOF loading aborted",
                        self.name
                    )
                })?
            }
            false => 0,
        };
        let mut reader =
            Reader::open(&self.path, start).map_err(|error| self.unreadable(&error))?;
        loop {
            match reader.next(&mut |_, _| {}) {
                Ok(true) => {
                    for args in reader.commands() {
                        replay.run(args).map_err(|error| {
                            let (name, at) = (&self.name, reader.good_up_to());
                            format!(
                                "{error} reading the append only file {name} before offset {at}"
                            )
                        })?;
                    }
                    if !replay.goes_on(before + reader.good_up_to()) {
                        return Err(format!("The loading of {} was given up", self.name));
                    }
                }
                Ok(false) => return Ok(Some(reader.stopped_at())),
                Err(Stop::Io(error)) => return Err(self.unreadable(&error)),
                Err(stop) => {
                    let run_up_to = reader.good_up_to();
                    let good_up_to = if let Stop::Sum { from } = stop { from } else { run_up_to };
                    let end = End { good_up_to, stopped_at: reader.stopped_at(), stop };
                    let size = self.repair(&end, repair)?;
                    return Ok((run_up_to <= size).then_some(size));
                }
            }
        }
    }

    fn unreadable(&self, error: &io::Error) -> Refusal {
        let (name, error) = (&self.name, error_text(error));
        format!("Unrecoverable error reading the append only file {name}: {error}")
    }

    /// Cuts off what a power cut may have left; returns the size of the file then.
    fn repair(&self, end: &End, repair: Repair) -> Result<u64, Refusal> {
        let tail = end.examine(&self.path).map_err(|error| self.unreadable(&error))?;
        if !end.may_be_cut(&tail, repair) {
            return Err(self.refusal(end, &tail));
        }
        if !self.last {
            return Err(format!(
                "{} ends at offset {} within a record\nFatal error: the truncated file is not the last file",
                self.name, end.good_up_to
            ));
        }
        if matches!(end.stop, Stop::OpenTransaction) {
            log::warn!("Revert incomplete MULTI/EXEC transaction in AOF file {}", self.name);
        }
        log::warn!("!!! Warning: short read while loading the AOF file {}!!!", self.name);
        log::warn!("!!! Truncating the AOF {} at offset {} !!!", self.name, end.good_up_to);
        let cut = self.keep_aside(end, &tail).and_then(|()| {
            let file = disk::open_to_write(&self.path)?;
            disk::set_len(&file, end.good_up_to)?;
            disk::sync(&file)
        });
        cut.map_err(|error| {
            format!("Error truncating the AOF file {}: {}", self.name, error_text(&error))
        })?;
        log::warn!(
            "AOF {} loaded anyway because aof-load-truncated is enabled: {} bytes were cut off",
            self.name,
            tail.bytes
        );
        Ok(end.good_up_to)
    }

    /// Copies a tail that is more than half a record, for whoever wants to look at it.
    fn keep_aside(&self, end: &End, tail: &Tail) -> io::Result<()> {
        let damaged = matches!(end.stop, Stop::Bad(_) | Stop::Sum { .. });
        let half_a_record = !damaged && !tail.has_records;
        if half_a_record || tail.without_zeros == 0 {
            return Ok(());
        }
        let mut file = disk::open(&self.path)?;
        file.seek(SeekFrom::Start(end.good_up_to))?;
        let mut name = self.path.clone().into_os_string();
        name.push(".bad");
        let mut copy = disk::create(Path::new(&name))?;
        io::copy(&mut file.take(tail.without_zeros), &mut copy)?;
        copy.flush()?;
        disk::sync(&copy)?;
        log::warn!("What was cut off is kept in {}", name.to_string_lossy());
        Ok(())
    }

    fn refusal(&self, end: &End, tail: &Tail) -> Refusal {
        let name = &self.name;
        let (good, stopped) = (end.good_up_to, end.stopped_at);
        let advice =
            "make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>";
        match end.stop {
            Stop::Bad(why) => format!(
                "Bad file format reading the append only file {name}: {advice} (offset {stopped}: {why})"
            ),
            Stop::Sum { from } => format!(
                "Bad file format reading the append only file {name}: {advice} (offset {from}: what stands \
                 from there up to offset {stopped} is not what was written)"
            ),
            _ if tail.has_records => format!(
                "Bad file format reading the append only file {name}: {advice} (offset {stopped}: a record \
                 does not end, but others follow)"
            ),
            _ => format!(
                "Unexpected end of file reading the append only file {name}. You can: 1) Make a backup of your \
                 AOF file, then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the \
                 'aof-load-truncated' configuration option to yes and restart the server. (good up to offset {good})"
            ),
        }
    }
}

/// Where and why the reading of a file ended early.
struct End {
    good_up_to: u64,
    stopped_at: u64,
    stop: Stop,
}

/// What lies behind the last whole unit.
struct Tail {
    bytes: u64,
    /// Bytes up to the last that is not zero.
    without_zeros: u64,
    /// Whether a whole record begins anywhere behind the one that stopped the reading.
    has_records: bool,
    /// Whether sectors before that record were never written: the write in flight was torn.
    torn: bool,
}

impl End {
    fn may_be_cut(&self, tail: &Tail, repair: Repair) -> bool {
        let damaged = matches!(self.stop, Stop::Bad(_) | Stop::Sum { .. });
        let short = !damaged && !tail.has_records;
        let garbage = tail.without_zeros <= repair.garbage_bytes_max;
        repair.allowed && (short || (garbage && (tail.torn || !tail.has_records)))
    }

    fn examine(&self, path: &Path) -> io::Result<Tail> {
        let mut file = disk::open(path)?;
        let len = file.metadata()?.len();
        let written = end_without_zeros(&mut file, self.good_up_to, len)?;
        let record = find_record(&mut file, self.stopped_at + 1, written)?;
        let torn = match record {
            Some(at) => {
                let from = if let Stop::Sum { from } = self.stop { from } else { self.stopped_at };
                has_zero_sector(&mut file, from, at)?
            }
            None => false,
        };
        let without_zeros = written - self.good_up_to;
        Ok(Tail {
            bytes: len - self.good_up_to,
            without_zeros,
            has_records: record.is_some(),
            torn,
        })
    }
}

/// Looked at in one piece, bytes.
const WINDOW_BYTES: u64 = 1 << 20;
/// Longest record that is looked for among damaged ones. There are shorter ones.
const RECORD_BYTES: usize = 64 << 10;
/// The least that a disk writes.
const SECTOR_BYTES: u64 = 512;

/// Bytes of a file from `from` up to `to`, or up to its end.
fn window(file: &mut File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(to - from).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where the part from `from` up to `to` ends if zeros at its end do not count.
fn end_without_zeros(file: &mut File, from: u64, to: u64) -> io::Result<u64> {
    let mut end = to;
    while end > from {
        let start = end.saturating_sub(WINDOW_BYTES).max(from);
        let bytes = window(file, start, end)?;
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(from)
}

/// Where the first whole record begins from `from` on.
fn find_record(file: &mut File, from: u64, to: u64) -> io::Result<Option<u64>> {
    let limits = Limits::authenticated(RECORD_BYTES as u64);
    let mut start = from;
    while start < to {
        let bytes = window(file, start, to.min(start + WINDOW_BYTES + RECORD_BYTES as u64))?;
        for at in 0..bytes.len().min(WINDOW_BYTES as usize) {
            if bytes[at] != b'*' {
                continue;
            }
            let rest = &bytes[at..bytes.len().min(at + RECORD_BYTES)];
            let step = parse(rest, &mut Progress::default(), &mut Vec::new(), &limits);
            if matches!(step, Step::Command { .. }) {
                return Ok(Some(start + at as u64));
            }
        }
        start += WINDOW_BYTES;
    }
    Ok(None)
}

/// Whether a sector is as it was before anything from `from` on was written, though something at `to`
/// is: from there on it holds zeros only.
fn has_zero_sector(file: &mut File, from: u64, to: u64) -> io::Result<bool> {
    let mut start = from / SECTOR_BYTES * SECTOR_BYTES;
    while start < to {
        let bytes = window(file, start, start + WINDOW_BYTES)?;
        let sectors = bytes.chunks_exact(SECTOR_BYTES as usize);
        let within = (to - start).div_ceil(SECTOR_BYTES) as usize;
        // What the first one held before ends where `from` begins: a write is of whole records.
        let before = from.saturating_sub(start) as usize;
        let mut parts = sectors
            .take(within)
            .enumerate()
            .map(|(index, sector)| if index == 0 { &sector[before..] } else { sector });
        if parts.any(|part| part.iter().all(|byte| *byte == 0)) {
            return Ok(true);
        }
        start += WINDOW_BYTES;
    }
    Ok(false)
}
