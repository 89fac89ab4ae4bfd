//! Snapshots as files: written beside the old one and put in its place when they are durable, read
//! only once what is there is.
//!
//! Invariant: whatever happens meanwhile, the file is the old one or the new one.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::save::{self, Chunk, Header, Progress};
use crate::base::crc::Crc64;
use crate::base::lzf::Compressor;
use crate::clerk::files::directory_of;
use crate::keyspace::Keyspace;

/// Bytes that are written at a time, more when a string is larger.
const PIECE_BYTES: usize = 64 * 1024;

/// How a snapshot is written.
#[derive(Clone, Copy, Debug)]
pub struct Style<'a> {
    pub redis_version: &'a str,
    /// Bytes in use, for the file to say.
    pub used_memory: usize,
    /// Whether strings are compressed.
    pub compress: bool,
    /// Whether the file ends with a checksum.
    pub checksum: bool,
}

/// Puts a snapshot of the data set in the place of the file at `path`.
///
/// # Errors
/// It could not be written; the old file is still there then. Only when the error is that of the
/// directory may it be either.
pub fn save(keyspace: &Keyspace, style: &Style<'_>, path: &Path) -> io::Result<()> {
    let directory = directory_of(path);
    let temporary = directory.join(format!("temp-{}.rdb", std::process::id()));
    let written =
        write_durably(keyspace, style, &temporary).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync(&File::open(directory)?)
}

fn write_durably(keyspace: &Keyspace, style: &Style<'_>, path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    write(keyspace, style, &mut file)?;
    file.sync_all()
}

/// Opens the snapshot at `path` to be read, if there is one. What is read from it is durable: a
/// crash before the next one must not take back what clients were shown.
///
/// # Errors
/// It is there and cannot be opened or made durable.
pub fn open(path: &Path) -> io::Result<Option<File>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    sync(&file)?;
    sync(&File::open(directory_of(path))?)?;
    Ok(Some(file))
}

/// Makes a file or directory durable where that means something: pipes and read-only file systems
/// have nothing to be lost.
fn sync(file: &File) -> io::Result<()> {
    match file.sync_all() {
        Err(error)
            if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::ReadOnlyFilesystem) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

/// Writes a snapshot of the data set to `writer`.
///
/// # Errors
/// Those of the writer.
pub fn write(keyspace: &Keyspace, style: &Style<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let mut stream = Stream {
        chunk: Chunk::new(style.compress),
        bytes: Vec::new(),
        compressor: Compressor::new(),
        sum: Crc64::new(),
        writer,
    };
    save::header(
        &mut stream.chunk,
        &Header {
            field_deadlines: keyspace.has_field_deadlines(),
            redis_version: style.redis_version,
            created: keyspace.now() / 1000,
            used_memory: style.used_memory,
            aof_base: false,
        },
    );
    for index in 0..keyspace.databases() {
        stream.database(keyspace, index)?;
    }
    save::eof(&mut stream.chunk);
    stream.flush()?;
    let sum = if style.checksum { stream.sum.sum() } else { 0 };
    stream.writer.write_all(&sum.to_le_bytes())
}

/// A file that is being written.
struct Stream<'a> {
    chunk: Chunk,
    bytes: Vec<u8>,
    compressor: Compressor,
    sum: Crc64,
    writer: &'a mut dyn Write,
}

impl Stream<'_> {
    fn database(&mut self, keyspace: &Keyspace, index: usize) -> io::Result<()> {
        let db = keyspace.view(index);
        if db.is_empty() {
            return Ok(());
        }
        save::select_db(&mut self.chunk, index);
        save::resize_db(&mut self.chunk, db.len(), db.expires());
        let mut outcome = Ok(());
        // Whoever reads the file decides what is past its deadline.
        db.for_each_held(&mut |key, value, facts| {
            if outcome.is_ok() {
                save::entry_head(&mut self.chunk, key, facts, value);
                let mut progress = Progress::default();
                while !save::value_some(&mut self.chunk, value, &mut progress, PIECE_BYTES) {
                    outcome = self.flush();
                    if outcome.is_err() {
                        return;
                    }
                }
                if self.chunk.len() >= PIECE_BYTES {
                    outcome = self.flush();
                }
            }
        });
        outcome
    }

    fn flush(&mut self) -> io::Result<()> {
        self.bytes.clear();
        self.chunk.finish(&mut self.compressor, &mut self.bytes);
        self.chunk.clear();
        self.sum.update(&self.bytes);
        self.writer.write_all(&self.bytes)
    }
}
