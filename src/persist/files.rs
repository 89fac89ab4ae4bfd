//! Files that must be whole or absent after a power cut.
//!
//! Invariant: a name is given only to what is on disk, and only then does the caller go on.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Makes names that were given or taken in a directory survive a power cut.
pub fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Puts a file with that content in the place of `dir/name`, by way of `dir/temp`.
pub fn replace(dir: &Path, name: &str, temp: &str, content: &[u8]) -> io::Result<()> {
    let temp = dir.join(temp);
    let mut file = File::create(&temp)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temp, dir.join(name))?;
    sync_directory(dir)
}
