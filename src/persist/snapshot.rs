//! A snapshot in the making: what the keyspace's walk hands out, as pieces of an RDB file.
//!
//! Keys that are about to change come in between the parts of a large value. The file cannot hold the
//! one within the other, so they are kept aside until the value is complete.
//!
//! Invariant: the pieces, in order, are a whole file but for its checksum.

use super::rdb::save::{self, Chunk, Header, Progress};
use crate::base::lzf::Compressor;
use crate::clerk::Piece;
use crate::keyspace::{Keyspace, Snap, Taken, Taker};
use std::cell::RefCell;
use std::mem::{replace, take};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// Bytes of a piece, about: large beside what handing it over costs, small beside a container.
pub const PIECE_BYTES: usize = 256 * 1024;

/// Chunks kept to be used again.
const SPARE_MAX: usize = 6;

/// The end of the file that has not been handed over.
pub struct Snapshot(Rc<RefCell<Tape>>);

/// What the walk writes to.
struct Tape {
    /// The file goes on here.
    file: Section,
    /// Keys that came while a value was being written in parts.
    aside: Section,
    /// How much of that value is written.
    progress: Option<Progress>,
    /// Keys and deadlines of each database at the start: a hint to the reader.
    sizes: Vec<(usize, usize)>,
    compress: bool,
    spare: Spare,
}

/// A part of the file that says its databases itself.
struct Section {
    chunk: Chunk,
    db: Option<usize>,
}

impl Snapshot {
    /// Begins a snapshot of what `keyspace` holds now, to be gone on with by [`Keyspace::walk`].
    /// Strings are compressed if `compress` says so.
    pub fn begin(keyspace: &mut Keyspace, header: &Header<'_>, compress: bool) -> Snapshot {
        let sizes = (0..keyspace.databases()).map(|db| keyspace.view(db));
        let sizes = sizes.map(|db| (db.len(), db.expires())).collect();
        let mut file = Section::new(compress);
        save::header(&mut file.chunk, header);
        let (aside, spare) = (Section::new(compress), Spare::default());
        let tape = Tape { file, aside, progress: None, sizes, compress, spare };
        let snapshot = Snapshot(Rc::new(RefCell::new(tape)));
        keyspace.begin_walk(Box::new(Recorder(Rc::clone(&snapshot.0))));
        snapshot
    }

    /// Bytes that were not handed over, and room for more.
    pub fn memory(&self) -> usize {
        let tape = self.0.borrow();
        let spare = tape.spare.lock().map_or(0, |spare| spare.iter().map(Chunk::memory).sum());
        tape.file.chunk.memory() + tape.aside.chunk.memory() + spare
    }

    /// Whether there is enough for a piece.
    pub fn has_piece(&self) -> bool {
        self.0.borrow().file.chunk.len() >= PIECE_BYTES
    }

    /// Takes what there is of the file so far.
    pub fn take_piece(&mut self) -> Box<dyn Piece> {
        let mut tape = self.0.borrow_mut();
        let spare = tape.spare.lock().ok().and_then(|mut spare| spare.pop());
        // With room for a whole one, which would otherwise be moved while it grows.
        let empty = || Chunk::with_capacity(tape.compress, PIECE_BYTES + PIECE_BYTES / 4);
        let empty = spare.unwrap_or_else(empty);
        let chunk = replace(&mut tape.file.chunk, empty);
        Box::new(Filled { chunk, spare: Arc::clone(&tape.spare) })
    }

    /// Takes the last piece, once the walk is over.
    pub fn finish(mut self) -> Box<dyn Piece> {
        let mut tape = self.0.borrow_mut();
        assert!(tape.progress.is_none() && tape.aside.chunk.is_empty(), "a value is incomplete");
        save::eof(&mut tape.file.chunk);
        drop(tape);
        self.take_piece()
    }
}

struct Recorder(Rc<RefCell<Tape>>);

impl Taker for Recorder {
    fn take_some(&mut self, snap: &Snap<'_>) -> Taken {
        let tape = &mut *self.0.borrow_mut();
        tape.write(snap, PIECE_BYTES);
        if tape.progress.is_some() { Taken::Part } else { Taken::Whole }
    }

    fn take_all(&mut self, snap: &Snap<'_>) {
        let tape = &mut *self.0.borrow_mut();
        let section = if tape.progress.is_some() { &mut tape.aside } else { &mut tape.file };
        section.select(snap.db, &tape.sizes);
        save::entry(&mut section.chunk, snap.key, &snap.facts, snap.value);
    }

    fn take_rest(&mut self, snap: &Snap<'_>) {
        self.0.borrow_mut().write(snap, usize::MAX);
    }
}

/// Chunks to be used again: allocated by one thread and freed by another they would leave more memory
/// behind than they hold.
type Spare = Arc<Mutex<Vec<Chunk>>>;

/// A piece of the file, whose chunk is used again once it is written.
struct Filled {
    chunk: Chunk,
    spare: Spare,
}

impl Piece for Filled {
    fn memory(&self) -> usize {
        self.chunk.memory()
    }

    fn render(&self, compressor: &mut Compressor, out: &mut Vec<u8>) {
        self.chunk.finish(compressor, out);
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        let mut chunk = take(&mut self.chunk);
        chunk.clear();
        if let Ok(mut spare) = self.spare.lock()
            && spare.len() < SPARE_MAX
        {
            spare.push(chunk);
        }
    }
}

impl Tape {
    /// Writes a key, or goes on with it, until the chunk has `len` bytes.
    fn write(&mut self, snap: &Snap<'_>, len: usize) {
        let mut progress = self.progress.take().unwrap_or_else(|| {
            self.file.select(snap.db, &self.sizes);
            save::entry_head(&mut self.file.chunk, snap.key, &snap.facts, snap.value);
            Progress::default()
        });
        if save::value_some(&mut self.file.chunk, snap.value, &mut progress, len) {
            self.file.append(&mut self.aside);
        } else {
            self.progress = Some(progress);
        }
    }
}

impl Section {
    fn new(compress: bool) -> Section {
        Section { chunk: Chunk::new(compress), db: None }
    }

    /// Takes over what is in `other`.
    fn append(&mut self, other: &mut Section) {
        if let Some(db) = other.db.take() {
            self.chunk.append(&other.chunk);
            self.db = Some(db);
            other.chunk.clear();
        }
    }

    fn select(&mut self, db: usize, sizes: &[(usize, usize)]) {
        if self.db != Some(db) {
            self.db = Some(db);
            save::select_db(&mut self.chunk, db);
            let (keys, expires) = sizes[db];
            save::resize_db(&mut self.chunk, keys, expires);
        }
    }
}
