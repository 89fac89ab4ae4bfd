//! Changes of files that have to survive: each is the system call it is named for, and the place where
//! a test can have it go wrong (see [`super::fault`]).
//!
//! Invariant: adds nothing to the calls, no order and no retries.

use super::fault::{self, Step};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Does a step at a path.
#[inline]
fn at<T>(step: Step, path: &Path, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    if fault::is_on() { fault::around(step, path, "", call) } else { call() }
}

/// Opens a file to be read.
///
/// # Errors
/// Those of the system, as with all that follows.
pub fn open(path: &Path) -> io::Result<File> {
    at(Step::Open, path, || File::open(path))
}

/// All that a file holds.
pub fn load(path: &Path) -> io::Result<Vec<u8>> {
    at(Step::Read, path, || fs::read(path))
}

/// Opens a file that is there, to be changed.
pub fn open_to_write(path: &Path) -> io::Result<File> {
    at(Step::Open, path, || OpenOptions::new().write(true).open(path))
}

/// Opens an empty file; what it held is lost.
pub fn create(path: &Path) -> io::Result<File> {
    at(Step::Create, path, || File::create(path))
}

/// Reads up to `count` bytes, fewer only at the end of the file, and appends them to `bytes`; how many.
pub fn read(file: &mut File, count: usize, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let path = fault::is_on().then(|| fault::path_of(file));
    let mut call = || file.take(count as u64).read_to_end(bytes);
    match path {
        Some(path) => fault::around(Step::Read, &path, "", call),
        None => call(),
    }
}

/// Writes all of `bytes` where the last write ended.
pub fn write_all(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    if !fault::is_on() {
        return file.write_all(bytes);
    }
    let offset = file.stream_position()?;
    in_pieces(file, bytes, offset, |mut file, piece, _| file.write_all(piece))
}

/// Writes all of `bytes` at `offset`.
pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    if !fault::is_on() {
        return file.write_all_at(bytes, offset);
    }
    in_pieces(file, bytes, offset, |file, piece, offset| file.write_all_at(piece, offset))
}

/// Writes in as many calls as faults make of it, resumed as the standard library does.
fn in_pieces(
    file: &File,
    bytes: &[u8],
    offset: u64,
    write: impl Fn(&File, &[u8], u64) -> io::Result<()>,
) -> io::Result<()> {
    let (path, mut done) = (fault::path_of(file), 0);
    while done < bytes.len() {
        let (rest, offset) = (&bytes[done..], offset + done as u64);
        let verdict = fault::begin(Step::Write, &path, &offset.to_string(), rest);
        std::thread::sleep(verdict.delay);
        match verdict.errno.map(io::Error::from_raw_os_error) {
            Some(error) if error.kind() == ErrorKind::Interrupted => continue,
            Some(error) => return Err(error),
            None => {}
        }
        let taken = verdict.bytes_max.unwrap_or(usize::MAX).min(rest.len());
        if taken == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        write(file, &rest[..taken], offset)?;
        fault::end(Step::Write, &path, verdict);
        done += taken;
    }
    Ok(())
}

/// Gives a file another length.
pub fn set_len(file: &File, len: u64) -> io::Result<()> {
    let call = || file.set_len(len);
    match fault::is_on() {
        true => fault::around(Step::Cut, &fault::path_of(file), &len.to_string(), call),
        false => call(),
    }
}

/// Makes all of a file survive a power cut.
pub fn sync(file: &File) -> io::Result<()> {
    sync_by(file, File::sync_all)
}

/// Makes the content of a file survive a power cut.
pub fn sync_data(file: &File) -> io::Result<()> {
    sync_by(file, File::sync_data)
}

fn sync_by(file: &File, call: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let call = || call(file);
    if fault::is_on() { fault::around(Step::Sync, &fault::path_of(file), "", call) } else { call() }
}

/// Makes the names in a directory survive a power cut.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    at(Step::SyncDirectory, path, || File::open(path)?.sync_all())
}

/// Gives a file another name, which it takes from the file that has it.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let call = || fs::rename(from, to);
    match fault::is_on() {
        true => fault::around(Step::Rename, to, &from.to_string_lossy(), call),
        false => call(),
    }
}

/// Takes the name of a file away.
pub fn remove(path: &Path) -> io::Result<()> {
    at(Step::Remove, path, || fs::remove_file(path))
}

/// Makes a directory.
pub fn create_dir(path: &Path) -> io::Result<()> {
    at(Step::CreateDirectory, path, || fs::create_dir(path))
}
