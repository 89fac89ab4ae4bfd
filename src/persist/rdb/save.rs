//! Writing snapshots: every part of a file as bytes at the end of a [`Chunk`].
//!
//! ```text
//! header | functions | (select_db | resize_db | entry ...) ... | eof | CRC64 of all before
//! ```
//!
//! The checksum belongs to who knows the whole stream. Compression is a step of its own
//! ([`Chunk::finish`]), so that it can be done where there is time for it.
//!
//! Invariant: knows values and what is said about keys, not where they are kept.

mod stream;

use self::stream::stream_some;
use super::format::{self, kind, length, opcode};
use crate::base::lzf::Compressor;
use crate::ds::dict::Dict;
use crate::ds::listpack::Item;
use crate::ds::quicklist::Quicklist;
use crate::keyspace::{Facts, Usage};
use crate::types::hash::{HashRef, Table};
use crate::types::integer;
use crate::types::list::ListRef;
use crate::types::set::SetRef;
use crate::types::zset::{SortedSet, ZsetRef};
use crate::types::{StringRef, ValueRef};
use std::rc::Rc;

/// A longer string is compressed, as in Redis.
const COMPRESSED_BYTES_MIN: usize = 21;
/// A longer string is not looked at as a number: those of 32 bits have at most 11 digits.
const NUMBER_BYTES_MAX: usize = 11;

/// What stands in the place of the checksum in a file without.
pub const NO_SUM: [u8; 8] = [0; 8];

/// What a file says about itself, and the functions, which it begins with.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    /// Whether fields of hashes have deadlines, which takes a newer version.
    pub field_deadlines: bool,
    /// Whether consumers of streams were seen at another time than they last got something, which
    /// takes one as well.
    pub uneven_consumers: bool,
    pub redis_version: &'a str,
    /// Unix time in seconds.
    pub created: i64,
    /// Bytes in use.
    pub used_memory: usize,
    /// Whether the file is the base of an append log.
    pub aof_base: bool,
    /// The texts of the libraries that are loaded.
    pub functions: Vec<Rc<[u8]>>,
}

/// The end of a file that is being written, with strings as they are.
#[derive(Debug, Default)]
pub struct Chunk {
    bytes: Vec<u8>,
    compress: bool,
    /// Strings that are worth to be compressed, in order.
    texts: Vec<Text>,
}

/// Where a string stands in a chunk.
#[derive(Clone, Copy, Debug)]
struct Text {
    /// Of its length.
    start: usize,
    /// Of the text behind it.
    text: usize,
    end: usize,
}

/// How far a value has been written: items, or the number behind the last one. Good until the value
/// changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress(pub usize);

impl Chunk {
    /// An empty one, whose strings are to be compressed or not.
    pub fn new(compress: bool) -> Chunk {
        Chunk { bytes: Vec::new(), compress, texts: Vec::new() }
    }

    /// As [`Chunk::new`], with room for some bytes.
    pub fn with_capacity(compress: bool, bytes: usize) -> Chunk {
        let texts = Vec::with_capacity(if compress { bytes / 128 } else { 0 });
        Chunk { bytes: Vec::with_capacity(bytes), compress, texts }
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Heap bytes.
    pub fn memory(&self) -> usize {
        self.bytes.capacity() + self.texts.capacity() * size_of::<Text>()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What was written, to be added to what holds no string to be compressed.
    pub fn plain(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What was written, with strings as they are.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether [`Chunk::finish`] has strings to compress.
    pub fn has_long_texts(&self) -> bool {
        !self.texts.is_empty()
    }

    /// Forgets what was written, keeping the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.texts.clear();
    }

    /// Appends what is in another one.
    pub fn append(&mut self, other: &Chunk) {
        let at = self.bytes.len();
        let moved =
            |text: &Text| Text { start: text.start + at, text: text.text + at, end: text.end + at };
        self.texts.extend(other.texts.iter().map(moved));
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// Appends to `out` what the file is to hold.
    pub fn finish(&self, compressor: &mut Compressor, out: &mut Vec<u8>) {
        let mut written = 0;
        for &Text { start, text, end } in &self.texts {
            out.extend_from_slice(&self.bytes[written..start]);
            written = end;
            let text = &self.bytes[text..end];
            let at = out.len();
            if !compressor.compress(text, out) {
                out.extend_from_slice(&self.bytes[start..end]);
                continue;
            }
            let mut head = Chunk::default();
            head.push(length::ENCODED | length::LZF);
            head.push_len((out.len() - at) as u64);
            head.push_len(text.len() as u64);
            out.splice(at..at, head.bytes);
        }
        out.extend_from_slice(&self.bytes[written..]);
    }

    fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    fn push_len(&mut self, len: u64) {
        match len {
            0..0x40 => self.push(len as u8),
            0x40..0x4000 => {
                self.bytes.extend_from_slice(&[length::BITS_14 | (len >> 8) as u8, len as u8]);
            }
            0x4000..=0xffff_ffff => {
                self.push(length::BITS_32);
                self.bytes.extend_from_slice(&(len as u32).to_be_bytes());
            }
            _ => {
                self.push(length::BITS_64);
                self.bytes.extend_from_slice(&len.to_be_bytes());
            }
        }
    }

    /// A string: as a number if it is one of 32 bits.
    fn push_text(&mut self, text: &[u8]) {
        if text.len() <= NUMBER_BYTES_MAX
            && let Some(value) = integer::parse(text)
            && i32::try_from(value).is_ok()
        {
            return self.push_int(value);
        }
        let start = self.bytes.len();
        self.push_len(text.len() as u64);
        let at = self.bytes.len();
        self.bytes.extend_from_slice(text);
        if self.compress && text.len() >= COMPRESSED_BYTES_MIN {
            self.texts.push(Text { start, text: at, end: self.bytes.len() });
        }
    }

    fn push_int(&mut self, value: i64) {
        let bytes = value.to_le_bytes();
        let (encoding, width) = match value {
            -0x80..=0x7f => (length::INT_8, 1),
            -0x8000..=0x7fff => (length::INT_16, 2),
            -0x8000_0000..=0x7fff_ffff => (length::INT_32, 4),
            _ => {
                let mut buffer = itoa::Buffer::new();
                let text = buffer.format(value);
                self.push_len(text.len() as u64);
                return self.bytes.extend_from_slice(text.as_bytes());
            }
        };
        self.push(length::ENCODED | encoding);
        self.bytes.extend_from_slice(&bytes[..width]);
    }

    fn push_item(&mut self, item: Item<'_>) {
        match item {
            Item::Int(value) => self.push_int(value),
            Item::Text(text) => self.push_text(text),
        }
    }

    fn push_aux(&mut self, name: &str, value: &[u8]) {
        self.push(opcode::AUX);
        self.push_text(name.as_bytes());
        self.push_text(value);
    }

    fn push_aux_int(&mut self, name: &str, value: i64) {
        self.push_aux(name, itoa::Buffer::new().format(value).as_bytes());
    }
}

/// The beginning of a file.
pub fn header(chunk: &mut Chunk, header: &Header<'_>) {
    chunk.bytes.extend_from_slice(format::MAGIC);
    let version = version(header.field_deadlines, header.uneven_consumers);
    chunk.bytes.extend_from_slice(format!("{version:04}").as_bytes());
    chunk.push_aux("redis-ver", header.redis_version.as_bytes());
    chunk.push_aux_int("redis-bits", 64);
    chunk.push_aux_int("ctime", header.created);
    chunk.push_aux_int("used-mem", header.used_memory as i64);
    chunk.push_aux_int("aof-base", header.aof_base.into());
    functions(chunk, &header.functions);
}

/// The texts of libraries.
pub fn functions(chunk: &mut Chunk, texts: &[Rc<[u8]>]) {
    for text in texts {
        chunk.push(opcode::FUNCTION);
        chunk.push_text(text);
    }
}

/// The database of the entries that follow.
pub fn select_db(chunk: &mut Chunk, index: usize) {
    chunk.push(opcode::SELECT_DB);
    chunk.push_len(index as u64);
}

/// How many keys the database has, and how many of them with deadlines; a hint for the reader.
pub fn resize_db(chunk: &mut Chunk, keys: usize, expires: usize) {
    chunk.push(opcode::RESIZE_DB);
    chunk.push_len(keys as u64);
    chunk.push_len(expires as u64);
}

/// The end of a file, up to the checksum: eight bytes, the lowest first, or [`NO_SUM`].
pub fn eof(chunk: &mut Chunk) {
    chunk.push(opcode::EOF);
}

/// A value alone, behind its kind.
pub fn value(chunk: &mut Chunk, value: ValueRef<'_>) {
    chunk.push(kind_of(value));
    value_some(chunk, value, &mut Progress::default(), usize::MAX);
}

/// One key without its value, which [`value_some`] writes.
pub fn entry_head(chunk: &mut Chunk, key: &[u8], facts: &Facts, value: ValueRef<'_>) {
    if let Some(deadline) = facts.deadline {
        chunk.push(opcode::DEADLINE_MS);
        chunk.bytes.extend_from_slice(&deadline.to_le_bytes());
    }
    match facts.usage {
        Usage::Unknown => {}
        Usage::IdleSeconds(seconds) => {
            chunk.push(opcode::IDLE);
            chunk.push_len(seconds);
        }
        Usage::Frequency(counter) => chunk.bytes.extend_from_slice(&[opcode::FREQUENCY, counter]),
    }
    chunk.push(kind_of(value));
    chunk.push_text(key);
}

/// How `value` is written.
pub fn kind_of(value: ValueRef<'_>) -> u8 {
    match value {
        ValueRef::String(_) => kind::STRING,
        ValueRef::List(_) => kind::LIST_QUICKLIST_2,
        ValueRef::Set(SetRef::Ints(_)) => kind::SET_INTSET,
        ValueRef::Set(_) => kind::SET,
        ValueRef::Zset(ZsetRef::Packed(_)) => kind::ZSET_LISTPACK,
        ValueRef::Zset(ZsetRef::Tree(_)) => kind::ZSET_2,
        ValueRef::Hash(HashRef::Packed(_)) => kind::HASH_LISTPACK,
        ValueRef::Hash(hash) if hash.earliest_deadline().is_some() => kind::HASH_DEADLINES,
        ValueRef::Hash(_) => kind::HASH,
        ValueRef::Stream(stream) if stream.has_uneven_consumers() => kind::STREAM_3,
        ValueRef::Stream(_) => kind::STREAM_2,
    }
}

/// The version that a file needs for `value`.
pub fn version_of(value: ValueRef<'_>) -> u32 {
    let kind = kind_of(value);
    version(kind == kind::HASH_DEADLINES, kind == kind::STREAM_3)
}

/// The lowest version that expresses what is to be written.
fn version(field_deadlines: bool, uneven_consumers: bool) -> u32 {
    match (field_deadlines, uneven_consumers) {
        (true, _) => format::VERSION_FIELD_DEADLINES,
        (false, true) => format::VERSION_ACTIVE_TIMES,
        (false, false) => format::VERSION,
    }
}

/// Writes on a value from `progress` on until the chunk has `len` bytes or more; true when the
/// value is complete. What is one piece in memory is written as one piece.
pub fn value_some(
    chunk: &mut Chunk,
    value: ValueRef<'_>,
    progress: &mut Progress,
    len: usize,
) -> bool {
    match value {
        ValueRef::String(StringRef::Int(number)) => chunk.push_int(number),
        ValueRef::String(StringRef::Str(text)) => chunk.push_text(text),
        ValueRef::List(ListRef::Packed(pack)) => {
            chunk.push_len(1);
            chunk.push_len(format::NODE_PACKED);
            chunk.push_text(pack.bytes());
        }
        ValueRef::Set(SetRef::Ints(ints)) => chunk.push_text(ints.bytes()),
        ValueRef::Zset(ZsetRef::Packed(pack)) | ValueRef::Hash(HashRef::Packed(pack)) => {
            chunk.push_text(pack.bytes());
        }
        ValueRef::Set(SetRef::Packed(pack)) => {
            // Listpacks of sets exist from version 11 on.
            chunk.push_len(pack.len() as u64);
            pack.iter().for_each(|member| chunk.push_item(member));
        }
        ValueRef::List(ListRef::Quick(list)) => return list_some(chunk, list, progress, len),
        ValueRef::Set(SetRef::Table(set)) => return set_some(chunk, set, progress, len),
        ValueRef::Zset(ZsetRef::Tree(zset)) => return zset_some(chunk, zset, progress, len),
        ValueRef::Hash(HashRef::Table(hash)) => return hash_some(chunk, hash, progress, len),
        ValueRef::Stream(stream) => {
            let timed = kind_of(value) == kind::STREAM_3;
            return stream_some(chunk, stream, timed, progress, len);
        }
    }
    true
}

/// Writes items, each with the progress behind it, until the chunk is full; true when all are
/// written.
fn some<T>(
    chunk: &mut Chunk,
    items: impl Iterator<Item = (usize, T)>,
    progress: &mut Progress,
    len: usize,
    mut write: impl FnMut(&mut Chunk, T),
) -> bool {
    for (next, item) in items {
        write(chunk, item);
        progress.0 = next;
        if chunk.len() >= len {
            return false;
        }
    }
    true
}

fn list_some(chunk: &mut Chunk, list: &Quicklist, progress: &mut Progress, len: usize) -> bool {
    if progress.0 == 0 {
        chunk.push_len(list.nodes() as u64);
    }
    let nodes = (progress.0 + 1..).zip(list.listpacks(progress.0));
    some(chunk, nodes, progress, len, |chunk, node| {
        let pack = node.view();
        match pack.iter().next() {
            Some(Item::Text(text)) if text.len() >= format::NODE_PLAIN_BYTES_MIN => {
                chunk.push_len(format::NODE_PLAIN);
                chunk.push_text(text);
            }
            _ => {
                chunk.push_len(format::NODE_PACKED);
                chunk.push_text(pack.bytes());
            }
        }
    })
}

fn set_some(chunk: &mut Chunk, set: &Dict, progress: &mut Progress, len: usize) -> bool {
    if progress.0 == 0 {
        chunk.push_len(set.len() as u64);
    }
    let members = set.iter_from(progress.0 as u32).map(|(id, member, _)| (after(id), member));
    some(chunk, members, progress, len, |chunk, member| chunk.push_text(member))
}

/// The highest score first, as Redis does: its reader is quickest that way.
fn zset_some(chunk: &mut Chunk, zset: &SortedSet, progress: &mut Progress, len: usize) -> bool {
    if progress.0 == 0 {
        chunk.push_len(zset.len() as u64);
    }
    let members = (progress.0 + 1..).zip(zset.range(0..zset.len() - progress.0).rev());
    some(chunk, members, progress, len, |chunk, (member, score)| {
        chunk.push_item(member);
        chunk.bytes.extend_from_slice(&score.to_le_bytes());
    })
}

/// Fields that are past their deadline are written as well: a value has as many as it says, however
/// long it takes to be written.
fn hash_some(chunk: &mut Chunk, hash: &Table, progress: &mut Progress, len: usize) -> bool {
    let earliest = HashRef::Table(hash).earliest_deadline();
    if progress.0 == 0 {
        chunk.bytes.extend_from_slice(earliest.map(i64::to_le_bytes).as_slice().as_flattened());
        chunk.push_len(hash.dict().len() as u64);
    }
    let entries =
        hash.entries(progress.0 as u32).map(|(id, field, held)| (after(id), (field, held)));
    some(chunk, entries, progress, len, |chunk, (field, held)| {
        if let Some(earliest) = earliest {
            // One more than the distance from the earliest; none is 0.
            let distance = held.deadline.map_or(0, |deadline| deadline.abs_diff(earliest) + 1);
            chunk.push_len(distance);
        }
        chunk.push_text(field);
        chunk.push_text(held.value);
    })
}

/// The progress behind the item with the number `id`.
fn after(id: u32) -> usize {
    id as usize + 1
}

#[cfg(test)]
mod tests;
