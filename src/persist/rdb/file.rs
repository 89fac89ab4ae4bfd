//! Snapshots as files that are read: only once what is there is durable.
//!
//! Invariant: a crash does not take back what was read.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::base::disk;
use crate::clerk::files::directory_of;

/// Opens the snapshot at `path` to be read, if there is one. What is read from it is durable: a
/// crash before the next one must not take back what clients were shown.
///
/// # Errors
/// It is there and cannot be opened or made durable.
pub fn open(path: &Path) -> io::Result<Option<File>> {
    let file = match disk::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if_it_can_be(disk::sync(&file))?;
    if_it_can_be(disk::sync_directory(directory_of(path)))?;
    Ok(Some(file))
}

/// What came of making something durable, where that means something: pipes and read-only file systems
/// have nothing to be lost.
fn if_it_can_be(synced: io::Result<()>) -> io::Result<()> {
    match synced {
        Err(error)
            if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::ReadOnlyFilesystem) =>
        {
            Ok(())
        }
        synced => synced,
    }
}
