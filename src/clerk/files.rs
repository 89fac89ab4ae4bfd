//! Files that are written whole and then put in their place.
//!
//! Invariant: under the final name there is always the old file or the whole new one.

use super::{Naming, Piece, Plan};
use crate::base::crc::Crc64;
use crate::base::disk;
use crate::base::lzf::Compressor;
use crate::base::sys::error_text;
use rustix::fs::{Advice, fadvise};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::mem::take;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Bytes after which a long file is synced while it is being written, so that the sync at its end is
/// short and the page cache does not fill with it. Redis's figure.
const SYNC_BYTES: u64 = 4 << 20;
/// How soon a pause between keys notices that the file is no longer wanted.
const PAUSE: Duration = Duration::from_millis(5);

/// What was being done when a file failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Create,
    Write,
    Sync,
    Rename,
    /// Of the directory, after the rename: whether the new file is there after a power cut is unknown.
    SyncDirectory,
}

/// Why a file is not in its place.
#[derive(Clone, Debug)]
pub struct Failure {
    pub step: Step,
    pub path: PathBuf,
    /// The error's number, and 0 where there is none.
    pub errno: i32,
}

impl Failure {
    fn new(step: Step, path: &Path, error: &io::Error) -> Failure {
        Failure { step, path: path.to_owned(), errno: error.raw_os_error().unwrap_or(0) }
    }

    /// What the system said.
    pub fn reason(&self) -> String {
        error_text(&io::Error::from_raw_os_error(self.errno))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = match self.step {
            Step::Create => "creating",
            Step::Write => "writing",
            Step::Sync => "syncing",
            Step::Rename => "renaming",
            Step::SyncDirectory => "syncing the directory of",
        };
        write!(f, "{doing} {}: {}", self.path.display(), self.reason())
    }
}

/// A file that is being written, of pieces.
pub struct Stream {
    plan: Plan,
    file: File,
    compressor: Compressor,
    /// Where pieces are rendered; kept for its capacity.
    rendered: Vec<u8>,
    crc: Crc64,
    bytes: u64,
    /// Up to where it was synced on the way.
    synced: u64,
}

/// How far a file is that is being written, for those who wait for it, and whether any do.
#[derive(Debug, Default)]
pub struct Tally {
    keys: AtomicU64,
    unwanted: AtomicBool,
}

impl Tally {
    /// Keys that are in the file.
    pub fn keys(&self) -> u64 {
        self.keys.load(Ordering::Relaxed)
    }

    pub(super) fn begin(&self) {
        self.keys.store(0, Ordering::Relaxed);
    }

    fn add(&self, keys: u64) {
        self.keys.fetch_add(keys, Ordering::Relaxed);
    }

    pub(super) fn is_wanted(&self) -> bool {
        !self.unwanted.load(Ordering::Relaxed)
    }

    pub(super) fn want(&self, wanted: bool) {
        self.unwanted.store(!wanted, Ordering::Relaxed);
    }
}

impl Stream {
    /// Begins a file.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(plan: Plan) -> Result<Stream, Failure> {
        let fail = |error: io::Error| Failure::new(Step::Create, &plan.temporary, &error);
        let file = disk::create(&plan.temporary).map_err(fail)?;
        Ok(Stream {
            plan,
            file,
            compressor: Compressor::default(),
            rendered: Vec::new(),
            crc: Crc64::new(),
            bytes: 0,
            synced: 0,
        })
    }

    /// Writes the next piece, unless the file is not wanted any more.
    ///
    /// # Errors
    /// It cannot be written, or what was written not be synced; the file is to be removed then.
    pub fn write(&mut self, piece: &dyn Piece, tally: &Tally) -> Result<(), Failure> {
        if !tally.is_wanted() {
            return Ok(());
        }
        let mut rendered = take(&mut self.rendered);
        rendered.clear();
        piece.render(&mut self.compressor, &mut rendered);
        if self.plan.sum {
            self.crc.update(&rendered);
        }
        self.append(&rendered)?;
        self.rendered = rendered;
        if self.bytes - self.synced >= SYNC_BYTES {
            self.sync()?;
            // What is durable need not fill the page cache, which counts as the container's memory.
            let _ = fadvise(&self.file, self.synced, None, Advice::DontNeed);
            self.synced = self.bytes;
        }
        self.pause_after(piece.keys(), tally);
        Ok(())
    }

    /// Counts keys, as slowly as the plan says.
    fn pause_after(&self, keys: u32, tally: &Tally) {
        let delay = self.plan.key_delay;
        let (whole, mut passed, mut counted) = (delay.saturating_mul(keys), Duration::ZERO, 0);
        while passed < whole && tally.is_wanted() {
            let step = PAUSE.min(whole - passed);
            thread::sleep(step);
            passed += step;
            let due = passed.as_nanos() / delay.as_nanos();
            tally.add(due as u64 - counted);
            counted = due as u64;
        }
        tally.add(u64::from(keys) - counted);
    }

    /// Puts the file in its place; its length.
    ///
    /// # Errors
    /// The old one is still there then, unless the step is [`Step::SyncDirectory`], after which it may
    /// be either; what was written is removed.
    pub fn finish(mut self) -> Result<u64, Failure> {
        let sum = self.plan.sum.then(|| self.crc.sum().to_le_bytes());
        let written = self.append(sum.as_slice().as_flattened()).and_then(|()| self.sync());
        let placed = written.and_then(|()| place(&self.plan.temporary, &self.plan.path));
        let bytes = self.bytes;
        placed.inspect_err(|_| self.remove())?;
        Ok(bytes)
    }

    /// Deletes what there is of it.
    pub fn remove(self) {
        // It is not there any more after a rename whose directory could not be synced.
        let _ = disk::remove(&self.plan.temporary);
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = disk::write_all(&mut self.file, bytes);
        written.map_err(|error| Failure::new(Step::Write, &self.plan.temporary, &error))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn sync(&self) -> Result<(), Failure> {
        let synced = disk::sync_data(&self.file);
        synced.map_err(|error| Failure::new(Step::Sync, &self.plan.temporary, &error))
    }
}

/// Creates an empty file, and has a small one name it.
pub(super) fn open(path: &Path, naming: Option<&(PathBuf, Vec<u8>)>) -> Result<File, Failure> {
    let fail = |step| move |error: io::Error| Failure::new(step, path, &error);
    let file = disk::create(path).map_err(fail(Step::Create))?;
    let listed = disk::sync_directory(directory_of(path)).map_err(fail(Step::SyncDirectory));
    let named = listed.and_then(|()| match naming {
        Some((manifest, bytes)) => replace(manifest, bytes),
        None => Ok(()),
    });
    named.inspect_err(|failure| {
        // Nothing names it, unless only the last step of the manifest failed.
        if failure.step != Step::SyncDirectory || failure.path == path {
            let _ = disk::remove(path);
        }
    })?;
    Ok(file)
}

/// Makes a log what `naming` says.
pub(super) fn name(naming: &Naming) -> Result<(), Failure> {
    let renamed = naming.rename.as_ref().map_or(Ok(()), |(from, to)| place(from, to));
    let named = renamed.and_then(|()| replace(&naming.path, &naming.manifest));
    named.inspect_err(|failure| {
        // Only after the last step may they have been named all the same.
        if failure.step != Step::SyncDirectory || failure.path != naming.path {
            let grows_in = naming.rename.as_ref().map(|(_, to)| to);
            naming.base.iter().chain(grows_in).for_each(|path| drop(disk::remove(path)));
        }
    })?;
    if naming.obsolete.is_empty() {
        return Ok(());
    }
    naming.obsolete.iter().for_each(|path| delete(path, "history"));
    // The log is whole from the first manifest on. That the other one cannot be written costs a look
    // for files that are gone, at the next start.
    replace(&naming.path, &naming.manifest_without)
        .unwrap_or_else(|failure| log::warn!("{failure}"));
    Ok(())
}

/// Deletes a file of that kind.
pub(super) fn delete(path: &Path, kind: &str) {
    match disk::remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            log::warn!("Can't delete {}: {}", path.display(), error_text(&error));
        }
        _ => log::info!("Removing the {kind} file {} in the background", path.display()),
    }
}

/// Puts a small file in the place of `path`, by way of `temp-` and its name. Who may read the old
/// one may read the new one, and nobody else.
///
/// # Errors
/// The old file stands there then; only after [`Step::SyncDirectory`] may it be either.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = OsString::from("temp-");
    name.push(path.file_name().unwrap_or_default());
    let temporary = path.with_file_name(name);
    let fail = |step| {
        let temporary = &temporary;
        move |error: io::Error| Failure::new(step, temporary, &error)
    };
    let write = || {
        let mut file = disk::create(&temporary).map_err(fail(Step::Create))?;
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions()).map_err(fail(Step::Create))?;
        }
        disk::write_all(&mut file, bytes).map_err(fail(Step::Write))?;
        disk::sync(&file).map_err(fail(Step::Sync))
    };
    write().and_then(|()| place(&temporary, path)).inspect_err(|_| {
        // It is not there any more after a rename whose directory could not be synced.
        let _ = disk::remove(&temporary);
    })
}

/// Renames a synced file and makes the new name durable.
fn place(from: &Path, to: &Path) -> Result<(), Failure> {
    disk::rename(from, to).map_err(|error| Failure::new(Step::Rename, to, &error))?;
    let listed = disk::sync_directory(directory_of(to));
    listed.map_err(|error| Failure::new(Step::SyncDirectory, to, &error))
}

/// Where the name `path` is listed.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
