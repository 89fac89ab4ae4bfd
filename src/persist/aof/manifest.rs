//! The manifest: which files the append log consists of, in which order they are read. The format is
//! Redis 7's: a line `file NAME seq NUMBER type b|h|i` for each.
//!
//! Invariant: the manifest on disk names only files that are on disk.

use crate::base::{disk, sys, text};
use crate::clerk::files;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Longest line, bytes, its end included.
const LINE_BYTES_MAX: usize = 1024;

/// What a file of the log holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The whole data set of one moment.
    Base,
    /// What happened since.
    Incr,
    /// What a newer base has replaced; to be deleted.
    History,
}

impl Kind {
    const LETTERS: [(Kind, u8); 3] =
        [(Kind::Base, b'b'), (Kind::Incr, b'i'), (Kind::History, b'h')];

    fn letter(self) -> char {
        let found = Kind::LETTERS.iter().find(|(kind, _)| *kind == self);
        char::from(found.expect("every kind is listed").1)
    }
}

/// One file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Within the log's directory.
    pub name: Vec<u8>,
    pub seq: i64,
    pub kind: Kind,
}

impl Part {
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}

/// The files of a log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Manifest {
    pub base: Option<Part>,
    pub history: Vec<Part>,
    /// In the order of their numbers.
    pub incr: Vec<Part>,
}

/// Why a manifest cannot be used, in Redis's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// The line and its number, if it is one line's fault.
    line: Option<(usize, String)>,
    reason: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n*** FATAL AOF MANIFEST FILE ERROR ***")?;
        if let Some((number, line)) = &self.line {
            writeln!(f, "Reading the manifest file, at line {number}\n>>> '{line}'")?;
        }
        write!(f, "{}", self.reason)
    }
}

impl Manifest {
    /// Whether it names no file that holds data.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.incr.is_empty()
    }

    /// The files with data, in the order in which they are read.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &Part> {
        self.base.iter().chain(&self.incr)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// What Redis refuses; the rest of a line that holds more than it knows is left alone.
    pub fn parse(content: &[u8]) -> Result<Manifest, Malformed> {
        let fail = |reason| Malformed { line: None, reason };
        if content.is_empty() {
            return Err(fail("Found an empty AOF manifest"));
        }
        let mut manifest = Manifest::default();
        for (index, line) in content.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if line.starts_with(b"#") {
                continue;
            }
            if line.len() > LINE_BYTES_MAX || !line.ends_with(b"\n") {
                return Err(fail("The AOF manifest file contains too long line"));
            }
            let line = line.trim_ascii();
            manifest.add(line).map_err(|reason| {
                let shown = String::from_utf8_lossy(line).into_owned();
                Malformed { line: Some((index + 1, shown)), reason }
            })?;
        }
        Ok(manifest)
    }

    fn add(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let part = parse_part(line)?;
        match part.kind {
            Kind::Base if self.base.is_some() => {
                return Err("Found duplicate base file information");
            }
            Kind::Base => self.base = Some(part),
            Kind::History => self.history.push(part),
            Kind::Incr if part.seq <= self.incr_seq() => {
                return Err("Found a non-monotonic sequence number");
            }
            Kind::Incr => self.incr.push(part),
        }
        Ok(())
    }

    /// Number of the last incremental file, 0 without one.
    fn incr_seq(&self) -> i64 {
        self.incr.last().map_or(0, |part| part.seq)
    }

    /// Adds the next incremental file of the log `log`; returns its name.
    pub fn add_incr(&mut self, log: &str) -> String {
        let old = self.history.iter().filter(|part| part.name.ends_with(b".incr.aof"));
        let seq = old.map(|part| part.seq).chain([self.incr_seq()]).max().unwrap_or(0) + 1;
        let name = format!("{log}.{seq}.incr.aof");
        self.incr.push(Part { name: name.clone().into(), seq, kind: Kind::Incr });
        name
    }

    /// Makes the next base file of the log `log` the base, `rdb` or `aof` by its format; what was
    /// the base is history. Returns its name.
    pub fn add_base(&mut self, log: &str, format: &str) -> String {
        let seq = self.base.as_ref().map_or(0, |part| part.seq) + 1;
        let name = format!("{log}.{seq}.base.{format}");
        let new = Part { name: name.clone().into(), seq, kind: Kind::Base };
        if let Some(old) = self.base.replace(new) {
            self.history.insert(0, Part { kind: Kind::History, ..old });
        }
        name
    }

    /// Makes all incremental files but the last `kept` history: a new base holds what they do.
    pub fn retire_incr(&mut self, kept: usize) {
        let retired = self.incr.drain(..self.incr.len().saturating_sub(kept));
        for part in retired {
            self.history.insert(0, Part { kind: Kind::History, ..part });
        }
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Part { name, seq, kind } in self.base.iter().chain(&self.history).chain(&self.incr) {
            let plain = name.iter().all(|byte| byte.is_ascii_graphic() && !b"\\\"'".contains(byte));
            let name = if plain { String::from_utf8_lossy(name).into() } else { text::repr(name) };
            writeln!(f, "file {name} seq {seq} type {}", kind.letter())?;
        }
        Ok(())
    }
}

fn parse_part(line: &[u8]) -> Result<Part, &'static str> {
    const INVALID: &str = "Invalid AOF manifest file format";
    let words = text::split_args(line).ok_or(INVALID)?;
    if words.len() < 6 || !words.len().is_multiple_of(2) {
        return Err(INVALID);
    }
    let (mut name, mut seq, mut kind) = (None, 0, None);
    for pair in words.chunks(2) {
        match pair[0].to_ascii_lowercase().as_slice() {
            b"file" if pair[1].contains(&b'/') => {
                return Err("File can't be a path, just a filename");
            }
            b"file" => name = Some(pair[1].clone()),
            b"seq" => seq = leading_number(&pair[1]),
            b"type" => kind = pair[1].first().copied(),
            _ => {}
        }
    }
    let (Some(name), Some(letter), true) = (name, kind, seq != 0) else { return Err(INVALID) };
    let kind = Kind::LETTERS.iter().find(|(_, known)| *known == letter);
    Ok(Part { name, seq, kind: kind.ok_or("Unknown AOF file type")?.0 })
}

/// The number that a text begins with, 0 if it does with none.
fn leading_number(text: &[u8]) -> i64 {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..len]).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Where a log is: a directory, and the name that all of its files begin with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    pub dir: PathBuf,
    pub log: String,
}

impl Place {
    /// Path of a file of the log.
    pub fn path(&self, name: &[u8]) -> PathBuf {
        self.dir.join(OsStr::from_bytes(name))
    }

    /// Path of the manifest.
    pub fn manifest_path(&self) -> PathBuf {
        self.dir.join(self.manifest_name())
    }

    fn manifest_name(&self) -> String {
        format!("{}.manifest", self.log)
    }

    /// The manifest; an empty one where there is neither that nor any file that it would name.
    ///
    /// # Errors
    /// A text for the log: it cannot be read or understood, or it is missing beside its files, which
    /// are not to be overwritten.
    pub fn read_manifest(&self) -> Result<Manifest, String> {
        let path = self.dir.join(self.manifest_name());
        match disk::load(&path) {
            Ok(content) => Manifest::parse(&content).map_err(|malformed| malformed.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.orphan() {
                None => Ok(Manifest::default()),
                Some(name) => Err(format!(
                    "Fatal error: the AOF manifest file {} is missing, but there is {}. Restore the \
                     manifest, or move the log's files away to start with an empty data set",
                    path.display(),
                    self.dir.join(name).display()
                )),
            },
            Err(error) => Err(format!(
                "Fatal error: can't open the AOF manifest file {} for reading: {}",
                path.display(),
                sys::error_text(&error)
            )),
        }
    }

    /// Where the log grows until its first base is there: under a name that no manifest has, so that
    /// nobody takes a part of a data set for the whole. Redis's name.
    pub fn unbased_path(&self) -> PathBuf {
        self.dir.join(format!("temp_{}.incr", self.log))
    }

    /// A file with data that the missing manifest must have named.
    fn orphan(&self) -> Option<String> {
        let entries = fs::read_dir(&self.dir).ok()?.filter_map(Result::ok);
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let begin = format!("{}.", self.log);
        let mut incr = names.filter(|name| name.starts_with(&begin) && name.ends_with(".incr.aof"));
        incr.find(|name| fs::metadata(self.dir.join(name)).is_ok_and(|metadata| metadata.len() > 0))
    }

    /// Writes the manifest in the place of the one that is there.
    ///
    /// # Errors
    /// A text for the log. The old manifest holds then, or, if only the directory could not be
    /// synchronised, perhaps the new one.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<(), String> {
        let (path, content) = (self.manifest_path(), manifest.to_string());
        files::replace(&path, content.as_bytes()).map_err(|failure| {
            let (name, reason) = (self.manifest_name(), failure.reason());
            format!("Can't write the AOF manifest file {name}: {reason}")
        })
    }

    /// Creates the directory where it is missing.
    ///
    /// # Errors
    /// A text for the log.
    pub fn create_dir(&self) -> Result<(), String> {
        let created = match disk::create_dir(&self.dir) {
            Ok(()) => disk::sync_directory(files::directory_of(&self.dir)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.dir.is_dir() => {
                Ok(())
            }
            Err(error) => Err(error),
        };
        created.map_err(|error| {
            let (dir, error) = (self.dir.display(), sys::error_text(&error));
            format!("Can't open or create append-only dir {dir}: {error}")
        })
    }

    /// Deletes what the manifest calls history. What cannot be deleted stays listed.
    ///
    /// # Errors
    /// As [`Place::write_manifest`].
    pub fn delete_history(&self, manifest: &mut Manifest) -> Result<(), String> {
        let before = manifest.history.len();
        manifest.history.retain(|part| {
            log::info!("Removing the history file {} in the background", part.name());
            let removed = disk::remove(&self.path(&part.name));
            removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
        });
        if manifest.history.len() == before {
            return Ok(());
        }
        self.write_manifest(manifest)
    }

    /// Makes a log of the time before Redis 7, the file `log` in the working directory, the base of
    /// a log in the directory, if there is one and this log has nothing else.
    ///
    /// # Errors
    /// A text for the log. Nothing is lost then: the next start tries again.
    pub fn adopt_old_log(&self, manifest: &mut Manifest) -> Result<(), String> {
        let begun = manifest.incr.is_empty()
            && manifest.base.as_ref().is_some_and(|base| base.name == self.log.as_bytes())
            && !self.dir.join(&self.log).exists();
        if !Path::new(&self.log).exists() || !(manifest.is_empty() || begun) {
            return Ok(());
        }
        self.create_dir()?;
        manifest.base = Some(Part { name: self.log.clone().into(), seq: 1, kind: Kind::Base });
        self.write_manifest(manifest)?;
        let moved = disk::rename(Path::new(&self.log), &self.dir.join(&self.log))
            .and_then(|()| disk::sync_directory(&self.dir))
            .and_then(|()| disk::sync_directory(Path::new(".")));
        moved.map_err(|error| {
            format!(
                "Error trying to move the old AOF file {} into dir {}: {}",
                self.log,
                self.dir.display(),
                sys::error_text(&error)
            )
        })?;
        log::info!(
            "Successfully migrated an old-style AOF file ({}) into the AOF directory ({}).",
            self.log,
            self.dir.display()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(content: &str) -> &'static str {
        Manifest::parse(content.as_bytes()).expect_err(content).reason
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut manifest = Manifest::default();
        assert_eq!(manifest.add_base("a b", "rdb"), "a b.1.base.rdb");
        assert_eq!(manifest.add_incr("a b"), "a b.1.incr.aof");
        assert_eq!(manifest.add_incr("a b"), "a b.2.incr.aof");
        manifest.add_base("a b", "aof");
        manifest.retire_incr(1);
        let text = manifest.to_string();
        assert_eq!(
            text,
            "file \"a b.2.base.aof\" seq 2 type b\nfile \"a b.1.incr.aof\" seq 1 type h\n\
             file \"a b.1.base.rdb\" seq 1 type h\nfile \"a b.2.incr.aof\" seq 2 type i\n"
        );
        assert_eq!(Manifest::parse(text.as_bytes()), Ok(manifest));
    }

    #[test]
    fn numbers_go_on_after_those_that_are_history() {
        let mut manifest = Manifest::default();
        manifest.add_incr("log");
        manifest.retire_incr(0);
        assert_eq!(manifest.add_incr("log"), "log.2.incr.aof");
    }

    #[test]
    fn malformed_manifests_are_refused_in_redis_words() {
        const INVALID: &str = "Invalid AOF manifest file format";
        let cases = [
            ("", "Found an empty AOF manifest"),
            ("file a seq 1 type b", "The AOF manifest file contains too long line"),
            ("\n", INVALID),
            ("file a seq 1 type\n", INVALID),
            ("file a seq x type i\n", INVALID),
            ("file a seq 1 type z\n", "Unknown AOF file type"),
            ("file d/a seq 1 type b\n", "File can't be a path, just a filename"),
            ("file a seq 1 type b\nfile b seq 2 type b\n", "Found duplicate base file information"),
            ("file a seq 2 type i\nfile b seq 2 type i\n", "Found a non-monotonic sequence number"),
        ];
        cases.iter().for_each(|(content, expected)| assert_eq!(reason(content), *expected));
        let long = format!("file {} seq 1 type i\n", "x".repeat(1024));
        assert_eq!(reason(&long), "The AOF manifest file contains too long line");
        let shown = Manifest::parse(b"# note\nfile a\n").expect_err("too few words").to_string();
        assert!(shown.contains("at line 2\n>>> 'file a'\n"), "{shown}");
    }

    #[test]
    fn unknown_words_and_notes_are_left_alone() {
        let content = b"#one\nfile a seq 3 type i later 5\n";
        let manifest = Manifest::parse(content).expect("well formed");
        assert_eq!(manifest.incr, [Part { name: b"a".to_vec(), seq: 3, kind: Kind::Incr }]);
    }
}
