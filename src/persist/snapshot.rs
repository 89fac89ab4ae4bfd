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
use std::collections::VecDeque;
use std::convert::Infallible;
use std::mem::{replace, take};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// Bytes of a piece, about: large beside what handing it over costs, small beside a container.
pub const PIECE_BYTES: usize = 256 * 1024;

/// Chunks kept to be used again.
const SPARE_MAX: usize = 6;
/// Bytes of the largest one of them: what a longer string needed goes back.
const SPARE_BYTES_MAX: usize = 4 * PIECE_BYTES;

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
            Format::Commands { annotate } => {
                if annotate {
                    record::annotate(chunk.plain(), header.created);
                }
                for text in &header.functions {
                    let args = [&b"FUNCTION"[..], b"LOAD", text];
                    record::push(chunk.plain(), args.into_iter());
                }
            }
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
    setting: Setting,
}

/// What is the same all along.
struct Setting {
    format: Format,
    /// Keys and deadlines of each database at the start: a hint to the reader.
    sizes: Vec<(usize, usize)>,
    spare: Spare,
}

/// A part of the file that says its databases itself.
struct Section {
    /// What is full already: of a value that was taken whole.
    full: VecDeque<Stretch>,
    last: Stretch,
    db: Option<usize>,
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
        let setting = Setting { format, sizes, spare: Spare::default() };
        let (mut file, aside) = (Section::new(&setting), Section::new(&setting));
        format.begin(&mut file.last.chunk, header);
        Snapshot(Rc::new(RefCell::new(Tape { file, aside, progress: None, setting })))
    }

    /// Bytes that were not handed over, and room for more.
    pub fn memory(&self) -> usize {
        let tape = self.0.borrow();
        let spare = tape.setting.spare.lock();
        let spare = spare.map_or(0, |spare| spare.iter().map(Chunk::memory).sum());
        tape.file.memory() + tape.aside.memory() + spare
    }

    /// Whether there is enough for a piece.
    pub fn has_piece(&self) -> bool {
        let file = &self.0.borrow().file;
        !file.full.is_empty() || file.last.is_full()
    }

    /// Takes the next piece: what there is of the file so far, or the first part of that.
    pub fn take_piece(&mut self) -> Box<dyn Piece> {
        let Tape { file, setting, .. } = &mut *self.0.borrow_mut();
        let first = file.full.pop_front();
        Box::new(first.unwrap_or_else(|| replace(&mut file.last, setting.stretch())))
    }

    /// Takes the last piece, once the walk is over and there is no full one.
    pub fn finish(mut self) -> Box<dyn Piece> {
        assert!(!self.has_piece(), "a piece was left behind");
        let mut tape = self.0.borrow_mut();
        assert!(tape.progress.is_none() && tape.aside.db.is_none(), "a value is incomplete");
        let format = tape.setting.format;
        format.end(&mut tape.file.last.chunk);
        drop(tape);
        self.take_piece()
    }
}

struct Recorder(Rc<RefCell<Tape>>);

impl Taker for Recorder {
    fn take_some(&mut self, snap: &Snap<'_>) -> Taken {
        let tape = &mut *self.0.borrow_mut();
        let begun = tape.progress.take();
        tape.progress = tape.file.write_some(&tape.setting, snap, begun);
        match tape.progress {
            Some(_) => Taken::Part,
            None => {
                tape.file.append(&mut tape.aside, &tape.setting);
                Taken::Whole
            }
        }
    }

    fn take_all(&mut self, snap: &Snap<'_>) {
        let tape = &mut *self.0.borrow_mut();
        let section = if tape.progress.is_some() { &mut tape.aside } else { &mut tape.file };
        section.write_rest(&tape.setting, snap, None);
    }

    fn take_rest(&mut self, snap: &Snap<'_>) {
        let tape = &mut *self.0.borrow_mut();
        let begun = tape.progress.take();
        tape.file.write_rest(&tape.setting, snap, begun);
        tape.file.append(&mut tape.aside, &tape.setting);
    }
}

/// Chunks to be used again: allocated by one thread and freed by another they would leave more memory
/// behind than they hold.
type Spare = Arc<Mutex<Vec<Chunk>>>;

/// A stretch of the file, about as long as a piece, whose chunk is used again once it is written.
struct Stretch {
    chunk: Chunk,
    /// How many begin in it.
    keys: u32,
    spare: Spare,
}

impl Stretch {
    fn is_full(&self) -> bool {
        self.chunk.len() >= PIECE_BYTES
    }
}

impl Piece for Stretch {
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

impl Drop for Stretch {
    fn drop(&mut self) {
        let mut chunk = take(&mut self.chunk);
        chunk.clear();
        if let Ok(mut spare) = self.spare.lock()
            && spare.len() < SPARE_MAX
            && chunk.memory() <= SPARE_BYTES_MAX
        {
            spare.push(chunk);
        }
    }
}

impl Setting {
    /// An empty one.
    fn stretch(&self) -> Stretch {
        let spare = self.spare.lock().ok().and_then(|mut spare| spare.pop());
        // With room for a whole one, which would otherwise be moved while it grows.
        let empty = || self.format.chunk(PIECE_BYTES + PIECE_BYTES / 4);
        let chunk = spare.unwrap_or_else(empty);
        Stretch { chunk, keys: 0, spare: Arc::clone(&self.spare) }
    }
}

impl Section {
    fn new(setting: &Setting) -> Section {
        Section { full: VecDeque::new(), last: setting.stretch(), db: None }
    }

    fn memory(&self) -> usize {
        self.full.iter().chain([&self.last]).map(Stretch::memory).sum()
    }

    /// Writes a key, or goes on with it, until a stretch is full; returns how far it is unless it is
    /// complete. Before it stands the number of its database where that is not said.
    fn write_some(
        &mut self,
        setting: &Setting,
        snap: &Snap<'_>,
        begun: Option<Progress>,
    ) -> Option<Progress> {
        if self.last.is_full() {
            self.full.push_back(replace(&mut self.last, setting.stretch()));
        }
        let Stretch { chunk, keys, .. } = &mut self.last;
        if self.db != Some(snap.db) {
            self.db = Some(snap.db);
            setting.format.select(chunk, snap.db, setting.sizes[snap.db]);
        }
        *keys += u32::from(begun.is_none());
        setting.format.write(chunk, snap, begun, PIECE_BYTES)
    }

    /// Writes a key, or what is left of it, in as many stretches as that takes.
    fn write_rest(&mut self, setting: &Setting, snap: &Snap<'_>, begun: Option<Progress>) {
        let mut progress = self.write_some(setting, snap, begun);
        while progress.is_some() {
            progress = self.write_some(setting, snap, progress);
        }
    }

    /// Takes over what is in `other`.
    fn append(&mut self, other: &mut Section, setting: &Setting) {
        let Some(db) = other.db.take() else { return };
        self.db = Some(db);
        if other.full.is_empty() {
            self.last.chunk.append(&other.last.chunk);
            self.last.keys += take(&mut other.last.keys);
            return other.last.chunk.clear();
        }
        let last = replace(&mut other.last, setting.stretch());
        self.full.push_back(replace(&mut self.last, last));
        self.full.append(&mut other.full);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ds::listpack::Item;
    use crate::types::set::{Limits, Set};

    fn check(pieces: impl Iterator<Item = Box<dyn Piece>>) {
        let (mut file, mut largest) = (Vec::new(), 0);
        for piece in pieces {
            largest = largest.max(piece.memory());
            piece.render(&mut Compressor::new(), &mut file);
        }
        assert!(file.len() > 4 * PIECE_BYTES && largest < 2 * PIECE_BYTES, "{largest}");
    }

    #[test]
    fn a_large_value_that_is_taken_whole_comes_in_pieces_as_well() {
        let limits = Limits { intset_entries: 0, listpack_entries: 0, listpack_value: 0 };
        let add = |keyspace: &mut Keyspace, key: &[u8], number: i64| {
            let member = format!("{number:0>50}");
            let add = |set: &mut Set| set.add(Item::Text(member.as_bytes()), &limits);
            keyspace.db(0).change(key, add).expect("a set");
        };
        let mut keyspace = Keyspace::new(1, 1);
        for number in 0..60_000 {
            add(&mut keyspace, if number < 30_000 { b"one" } else { b"other" }, number);
        }
        let header = Header {
            field_deadlines: false,
            uneven_consumers: false,
            redis_version: "7.2.6",
            created: 0,
            used_memory: 0,
            aof_base: false,
            functions: Vec::new(),
        };
        let format = Format::Rdb { compress: false, checksum: false };
        for parts in 0..2 {
            let mut snapshot = Snapshot::begin(&mut keyspace, format, &header);
            // The one is written in parts when they change, or both are still to come.
            (0..parts).for_each(|_| assert!(keyspace.walk(1)));
            add(&mut keyspace, b"one", -1 - parts);
            add(&mut keyspace, b"other", -1 - parts);
            while keyspace.walk(1) {}
            let full = std::iter::from_fn(|| snapshot.has_piece().then(|| snapshot.take_piece()));
            check(full.collect::<Vec<_>>().into_iter());
        }
    }
}
