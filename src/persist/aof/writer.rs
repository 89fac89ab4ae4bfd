//! Writes the log: one file grows at its end, and the manifest says which.
//!
//! Invariant: the manifest never names a file that is not on disk.

use super::growing::Growing;
use super::manifest::{Manifest, Part, Place};
use crate::base::disk;
use crate::base::sys::error_text;
use std::fs::{self, File};
use std::io;
use std::sync::Arc;

/// The log of a running server.
pub struct Writer {
    place: Place,
    manifest: Manifest,
    /// The last incremental file.
    growing: Growing,
}

impl Writer {
    /// Begins in `file`, which is empty and the last one of `manifest`.
    pub fn begin(place: Place, manifest: Manifest, file: Arc<File>) -> Writer {
        Writer { place, manifest, growing: Growing::new(file, 0) }
    }

    /// Goes on with the last incremental file, or begins the first one, behind a base of that format
    /// (`rdb` or `aof`) and content, which stands for an empty data set.
    ///
    /// # Errors
    /// A text for the log.
    pub fn open(
        place: Place,
        mut manifest: Manifest,
        (format, empty): (&str, &[u8]),
    ) -> Result<Writer, String> {
        place.create_dir()?;
        if manifest.is_empty() {
            let name = manifest.add_base(&place.log, format);
            create(&place, &name, empty)?;
            log::info!("Creating AOF base file {name} on server start");
        }
        let Some(last) = manifest.incr.last() else {
            let name = manifest.add_incr(&place.log);
            let file = create(&place, &name, b"")?;
            place.write_manifest(&manifest)?;
            log::info!("Creating AOF incr file {name} on server start");
            return Ok(Writer::begin(place, manifest, Arc::new(file)));
        };
        let name = last.name();
        let file = disk::open_to_write(&place.path(&last.name));
        let opened = file.and_then(|file| Ok((file.metadata()?.len(), file)));
        let (offset, file) = opened.map_err(|error| cannot_open(&name, &error))?;
        log::info!("Opening AOF incr file {name} on server start");
        Ok(Writer { place, manifest, growing: Growing::new(Arc::new(file), offset) })
    }

    /// The file that grows.
    pub fn growing(&mut self) -> &mut Growing {
        &mut self.growing
    }

    /// Goes on in another file, which is empty and the last one of `manifest`; returns the old one.
    pub fn go_on_in(&mut self, file: Arc<File>, manifest: Manifest) -> Arc<File> {
        self.manifest = manifest;
        let mut old = std::mem::replace(&mut self.growing, Growing::new(file, 0));
        if let Err(error) = old.cut() {
            log::warn!("Can't cut the AOF file: {}", error_text(&error));
        }
        Arc::clone(old.file())
    }

    /// Notes what the log consists of by now.
    pub fn set_manifest(&mut self, manifest: Manifest) {
        self.manifest = manifest;
    }

    /// Deletes what newer files have replaced.
    ///
    /// # Errors
    /// A text for the log.
    pub fn delete_history(&mut self) -> Result<(), String> {
        self.place.delete_history(&mut self.manifest)
    }

    /// The file that grows, to be synced.
    pub fn file(&self) -> &Arc<File> {
        self.growing.file()
    }

    /// Bytes in the file that grows.
    pub fn offset(&self) -> u64 {
        self.growing.offset()
    }

    /// Bytes of the file that grows, and of all others together.
    pub fn sizes(&self) -> (u64, u64) {
        let len =
            |part: &Part| fs::metadata(self.place.path(&part.name)).map_or(0, |data| data.len());
        let all: u64 = self.manifest.parts().map(len).sum();
        (self.offset(), all.saturating_sub(self.offset()))
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub fn place(&self) -> &Place {
        &self.place
    }
}

/// Creates a file with that content, which is there after a power cut.
fn create(place: &Place, name: &str, content: &[u8]) -> Result<File, String> {
    let path = place.path(name.as_bytes());
    let created = disk::create(&path);
    let durable = created.and_then(|file| {
        disk::write_all_at(&file, content, 0)?;
        disk::sync(&file)?;
        disk::sync_directory(&place.dir)?;
        Ok(file)
    });
    durable.map_err(|error| cannot_open(name, &error))
}

fn cannot_open(name: &str, error: &io::Error) -> String {
    format!("Can't open the append-only file {name}: {}", error_text(error))
}
