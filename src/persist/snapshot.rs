//! A snapshot in the making: what the keyspace hands out, in a walk or all at once, as pieces of a
//! file.
//!
//! Keys that are about to change come in between the parts of a large value. An RDB file cannot hold
//! the one within the other, so they are kept aside until the value is complete.
//!
//! Invariant: the pieces, in order, are a whole file but for the checksum of one that has it.

use super::aof::{base, record};
use super::rdb::save::{self, Chunk, Header, Progress};
use crate::base::crc::crc64;
use crate::base::lzf::Compressor;
use crate::clerk::Piece;
use crate::keyspace::{Keyspace, Snap, Taken, Taker};
use std::cell::RefCell;
use std::convert::Infallible;
use std::mem::{replace, take};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// Bytes of a piece, about: large beside what handing it over costs, small beside a container.
pub const PIECE_BYTES: usize = 256 * 1024;

/// Chunks kept to be used again.
const SPARE_MAX: usize = 6;

/// How a snapshot is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// An RDB file, with strings compressed or not, and with a checksum or zeros in its place.
    Rdb { compress: bool, checksum: bool },
    /// Commands, as they stand in an append log; annotated with the time or not.
    Commands { annotate: bool },
}

impl Format {
    /// What the name of a base of the log ends with.
    pub fn suffix(self) -> &'static str {
        match self {
            Format::Rdb { .. } => "rdb",
            Format::Commands { .. } => "aof",
        }
    }

    /// Whether the pieces are to be followed by their CRC-64.
    pub fn has_sum(self) -> bool {
        matches!(self, Format::Rdb { checksum: true, .. })
    }

    fn chunk(self, bytes: usize) -> Chunk {
        Chunk::with_capacity(matches!(self, Format::Rdb { compress: true, .. }), bytes)
    }

    fn begin(self, chunk: &mut Chunk, header: &Header<'_>) {
        match self {
            Format::Rdb { .. } => save::header(chunk, header),
            Format::Commands { annotate: true } => record::annotate(chunk.plain(), header.created),
            Format::Commands { annotate: false } => {}
        }
    }

    /// Says the database of the keys that follow, and its keys and deadlines at the start.
    fn select(self, chunk: &mut Chunk, db: usize, (keys, expires): (usize, usize)) {
        match self {
            Format::Rdb { .. } => {
                save::select_db(chunk, db);
                save::resize_db(chunk, keys, expires);
            }
            Format::Commands { .. } => record::select(chunk.plain(), db),
        }
    }

    /// Writes a key, or goes on with it, until the chunk has `len` bytes; returns how far it is unless
    /// it is complete.
    fn write(
        self,
        chunk: &mut Chunk,
        snap: &Snap<'_>,
        begun: Option<Progress>,
        len: usize,
    ) -> Option<Progress> {
        let mut progress = begun.unwrap_or_default();
        let whole = match self {
            Format::Rdb { .. } => {
                if begun.is_none() {
                    save::entry_head(chunk, snap.key, &snap.facts, snap.value);
                }
                save::value_some(chunk, snap.value, &mut progress, len)
            }
            Format::Commands { .. } => base::key_some(chunk.plain(), snap, &mut progress, len),
        };
        (!whole).then_some(progress)
    }

    fn end(self, chunk: &mut Chunk) {
        if let Format::Rdb { checksum, .. } = self {
            save::eof(chunk);
            if !checksum {
                chunk.plain().extend_from_slice(&save::NO_SUM);
            }
        }
    }
}

/// Hands a snapshot of what `keyspace` holds to `put`, piece by piece, while everybody waits.
///
/// # Errors
/// The first one of `put`, after which nothing more is handed to it.
pub fn write<E>(
    keyspace: &Keyspace,
    format: Format,
    header: &Header<'_>,
    mut put: impl FnMut(&dyn Piece) -> Result<(), E>,
) -> Result<(), E> {
    let mut snapshot = Snapshot::new(keyspace, format, header);
    let mut recorder = Recorder(Rc::clone(&snapshot.0));
    let mut outcome = Ok(());
    for db in 0..keyspace.databases() {
        // Whoever reads the file decides what is past its deadline.
        keyspace.view(db).for_each_held(&mut |key, value, facts| {
            let snap = Snap { db, key, value, facts: *facts };
            let mut taken = Taken::Part;
            while outcome.is_ok() && taken == Taken::Part {
                taken = recorder.take_some(&snap);
                if snapshot.has_piece() {
                    outcome = put(&*snapshot.take_piece());
                }
            }
        });
    }
    outcome?;
    put(&*snapshot.finish())
}

/// A whole file of what `keyspace` holds.
pub fn file(keyspace: &Keyspace, format: Format, header: &Header<'_>) -> Vec<u8> {
    let (mut compressor, mut bytes) = (Compressor::new(), Vec::new());
    let Ok(()) = write::<Infallible>(keyspace, format, header, |piece| {
        piece.render(&mut compressor, &mut bytes);
        Ok(())
    });
    if format.has_sum() {
        let sum = crc64(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
    }
    bytes
}

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
    format: Format,
    spare: Spare,
}

/// A part of the file that says its databases itself.
struct Section {
    chunk: Chunk,
    db: Option<usize>,
    /// Keys that begin in the chunk.
    keys: u32,
}

impl Snapshot {
    /// Begins a snapshot of what `keyspace` holds now, to be gone on with by [`Keyspace::walk`].
    pub fn begin(keyspace: &mut Keyspace, format: Format, header: &Header<'_>) -> Snapshot {
        let snapshot = Snapshot::new(keyspace, format, header);
        keyspace.begin_walk(Box::new(Recorder(Rc::clone(&snapshot.0))));
        snapshot
    }

    fn new(keyspace: &Keyspace, format: Format, header: &Header<'_>) -> Snapshot {
        let sizes = (0..keyspace.databases()).map(|db| keyspace.view(db));
        let sizes = sizes.map(|db| (db.len(), db.expires())).collect();
        let (mut file, aside) = (Section::new(format), Section::new(format));
        format.begin(&mut file.chunk, header);
        let spare = Spare::default();
        let tape = Tape { file, aside, progress: None, sizes, format, spare };
        Snapshot(Rc::new(RefCell::new(tape)))
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
        let empty = || tape.format.chunk(PIECE_BYTES + PIECE_BYTES / 4);
        let empty = spare.unwrap_or_else(empty);
        let chunk = replace(&mut tape.file.chunk, empty);
        let keys = take(&mut tape.file.keys);
        Box::new(Filled { chunk, keys, spare: Arc::clone(&tape.spare) })
    }

    /// Takes the last piece, once the walk is over.
    pub fn finish(mut self) -> Box<dyn Piece> {
        let mut tape = self.0.borrow_mut();
        assert!(tape.progress.is_none() && tape.aside.chunk.is_empty(), "a value is incomplete");
        let format = tape.format;
        format.end(&mut tape.file.chunk);
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
        section.write(tape.format, &tape.sizes, snap, None, usize::MAX);
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
    keys: u32,
    spare: Spare,
}

impl Piece for Filled {
    fn memory(&self) -> usize {
        self.chunk.memory()
    }

    fn keys(&self) -> u32 {
        self.keys
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
        let begun = self.progress.take();
        self.progress = self.file.write(self.format, &self.sizes, snap, begun, len);
        if self.progress.is_none() {
            self.file.append(&mut self.aside);
        }
    }
}

impl Section {
    fn new(format: Format) -> Section {
        Section { chunk: format.chunk(0), db: None, keys: 0 }
    }

    /// As [`Format::write`], behind the number of the key's database where that is not said.
    fn write(
        &mut self,
        format: Format,
        sizes: &[(usize, usize)],
        snap: &Snap<'_>,
        begun: Option<Progress>,
        len: usize,
    ) -> Option<Progress> {
        if self.db != Some(snap.db) {
            self.db = Some(snap.db);
            format.select(&mut self.chunk, snap.db, sizes[snap.db]);
        }
        self.keys += u32::from(begun.is_none());
        format.write(&mut self.chunk, snap, begun, len)
    }

    /// Takes over what is in `other`.
    fn append(&mut self, other: &mut Section) {
        if let Some(db) = other.db.take() {
            self.chunk.append(&other.chunk);
            self.keys += take(&mut other.keys);
            self.db = Some(db);
            other.chunk.clear();
        }
    }
}
