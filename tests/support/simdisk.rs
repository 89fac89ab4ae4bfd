//! A disk in memory: what a trace of `src/base/fault.rs` says was done to one, and what a power cut at
//! any point of it may leave.
//!
//! Sectors of 512 bytes are written whole and in any order, each as it was at any moment since the last
//! sync of its file; the length of a file is that of any such moment too, with zeros where no sector
//! was written. Names appear, move and vanish in any order until their directory is synced. This is
//! less than file systems promise, and what POSIX does.
//!
//! Invariant: what was synced before the cut is there.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};

use sidering::base::rng::Rng;

const SECTOR: u64 = 512;

/// A line of a trace, and the bytes behind it.
pub struct Step {
    name: String,
    detail: String,
    path: PathBuf,
    bytes: Vec<u8>,
    /// Length of the trace up to here.
    pub end: u64,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.detail, self.path.display())
    }
}

/// The trace in a file; relative paths in it are relative to `dir`.
pub fn read_trace(path: &Path, dir: &Path) -> Vec<Step> {
    let trace = fs::read(path).expect("a trace");
    let (mut steps, mut at) = (Vec::new(), 0);
    while at < trace.len() {
        let line = trace[at..].iter().position(|byte| *byte == b'\n').expect("a line");
        let text = std::str::from_utf8(&trace[at..at + line]).expect("text");
        let fields: Vec<&str> = text.splitn(4, '\t').collect();
        let [name, len, detail, path] = fields[..] else { panic!("{text}") };
        at += line + 1;
        let len: usize = len.parse().expect("a number");
        let bytes = trace[at..at + len].to_vec();
        at += len;
        let (name, detail) = (name.to_owned(), detail.to_owned());
        steps.push(Step { name, detail, path: plain(dir, path), bytes, end: at as u64 });
    }
    steps
}

fn plain(dir: &Path, path: &str) -> PathBuf {
    dir.join(path).components().filter(|part| *part != Component::CurDir).collect()
}

/// The files that a power cut left.
pub type Image = BTreeMap<PathBuf, Vec<u8>>;

#[derive(Debug)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Cut(u64),
}

#[derive(Debug, Default)]
struct File {
    is_directory: bool,
    durable: Vec<u8>,
    /// Since the last sync.
    changes: Vec<Change>,
    /// How many changes the sync under way covers.
    syncing: usize,
}

/// A name that a file got or lost, or both.
#[derive(Debug)]
struct Move {
    number: usize,
    from: Option<PathBuf>,
    to: Option<PathBuf>,
    file: usize,
}

type Names = BTreeMap<PathBuf, usize>;

#[derive(Debug, Default)]
pub struct SimDisk {
    files: Vec<File>,
    names: Names,
    durable: Names,
    moves: Vec<Move>,
    moved: usize,
    /// For each directory that is being synced, the number of the first move that this does not cover.
    syncing: BTreeMap<PathBuf, usize>,
}

impl SimDisk {
    /// Does a step.
    pub fn follow(&mut self, step: &Step, dir: &Path) {
        let path = &step.path;
        let known = self.names.get(path).copied();
        match (step.name.as_str(), known) {
            ("create", Some(file)) => self.files[file].changes.push(Change::Cut(0)),
            ("create" | "mkdir", None) => {
                let is_directory = step.name == "mkdir";
                self.files.push(File { is_directory, ..File::default() });
                self.rename(None, Some(path.clone()), self.files.len() - 1);
            }
            ("write", Some(file)) => {
                let offset = step.detail.parse().expect("an offset");
                let bytes = step.bytes.clone();
                self.files[file].changes.push(Change::Write { offset, bytes });
            }
            ("cut", Some(file)) => {
                let len = step.detail.parse().expect("a length");
                self.files[file].changes.push(Change::Cut(len));
            }
            ("rename", _) => {
                let from = plain(dir, &step.detail);
                let file = self.names[&from];
                self.rename(Some(from), Some(path.clone()), file);
            }
            ("remove", Some(file)) => self.rename(Some(path.clone()), None, file),
            ("sync", Some(file)) => self.files[file].syncing = self.files[file].changes.len(),
            ("syncdir", _) => drop(self.syncing.insert(path.clone(), self.moved)),
            ("done", Some(file)) if step.detail == "sync" => self.files[file].synced(),
            ("done", _) if step.detail == "syncdir" => self.list(path),
            // A file that is written to though it has no name any more, or was never there.
            _ => {}
        }
    }

    fn rename(&mut self, from: Option<PathBuf>, to: Option<PathBuf>, file: usize) {
        let made = Move { number: self.moved, from, to, file };
        self.moved += 1;
        made.apply(&mut self.names);
        self.moves.push(made);
    }

    fn list(&mut self, dir: &Path) {
        let until = self.syncing.remove(dir).unwrap_or(0);
        for made in std::mem::take(&mut self.moves) {
            if made.number < until && made.is_in(dir) {
                made.apply(&mut self.durable);
            } else {
                self.moves.push(made);
            }
        }
    }

    /// What may be left if the power goes now.
    pub fn image(&self, rng: &mut Rng) -> Image {
        let mut names = self.durable.clone();
        let (all, some) = (rng.below(2) == 0, rng.below(self.moves.len() + 1));
        for (index, made) in self.moves.iter().enumerate() {
            if if all { index < some } else { rng.below(2) == 0 } {
                made.apply(&mut names);
            }
        }
        let has_directory = |path: &Path| {
            let parent = path.parent().expect("in a directory");
            !self.names.contains_key(parent) || names.contains_key(parent)
        };
        let files = names
            .iter()
            .filter(|(path, file)| !self.files[**file].is_directory && has_directory(path));
        files.map(|(path, file)| (path.clone(), self.files[*file].left(rng))).collect()
    }
}

impl Move {
    fn apply(&self, names: &mut Names) {
        if let Some(from) = &self.from {
            names.remove(from);
        }
        if let Some(to) = &self.to {
            names.insert(to.clone(), self.file);
        }
    }

    fn is_in(&self, dir: &Path) -> bool {
        self.to.as_ref().or(self.from.as_ref()).and_then(|path| path.parent()) == Some(dir)
    }
}

impl File {
    fn synced(&mut self) {
        for change in self.changes.drain(..self.syncing) {
            change.apply(&mut self.durable, |_| true);
        }
        self.syncing = 0;
    }

    fn left(&self, rng: &mut Rng) -> Vec<u8> {
        let count = self.changes.len();
        let (moment, size_moment) = (rng.below(count + 1), rng.below(count + 1));
        let (in_order, mut moments) = (rng.below(2) == 0, BTreeMap::new());
        let mut len = self.durable.len();
        for change in &self.changes[..if in_order { moment } else { size_moment }] {
            len = match change {
                Change::Write { offset, bytes } => len.max(*offset as usize + bytes.len()),
                Change::Cut(len) => *len as usize,
            };
        }
        let mut left = self.durable.clone();
        for (index, change) in self.changes.iter().enumerate() {
            change.apply(&mut left, |sector| match in_order {
                true => index < moment,
                false => index < *moments.entry(sector).or_insert_with(|| rng.below(count + 1)),
            });
        }
        left.resize(len, 0);
        left
    }
}

impl Change {
    /// Does it to the sectors that it is done to, and to the length if it is done to any.
    fn apply(&self, content: &mut Vec<u8>, mut is_done: impl FnMut(u64) -> bool) {
        match self {
            Change::Cut(len) if is_done(u64::MAX) => content.resize(*len as usize, 0),
            Change::Cut(_) => {}
            Change::Write { offset, bytes } => {
                let (mut from, end) = (*offset, offset + bytes.len() as u64);
                while from < end {
                    let to = end.min((from / SECTOR + 1) * SECTOR);
                    if is_done(from / SECTOR) {
                        content.resize(content.len().max(to as usize), 0);
                        let piece = &bytes[(from - offset) as usize..(to - offset) as usize];
                        content[from as usize..to as usize].copy_from_slice(piece);
                    }
                    from = to;
                }
            }
        }
    }
}
