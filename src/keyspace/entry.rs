//! The bytes of an entry: one slot of the arena that holds header, deadline, key and value.
//!
//! ```text
//! kind 1 | flags 1 | clock 3 | key_len 1 | value_len 1 | deadline 0, 5 or 8 | key | value
//! ```
//!
//! Little endian, without padding. `kind` is the type in its low and the encoding in its high
//! nibble; two of the flags are the upper bits of the value's length. A key of 255 bytes or more and a value that does not fit stand elsewhere; the entry
//! then holds their number of 4 bytes. A deadline takes 5 bytes from the year 2020 to 2054 and 8
//! before and beyond, so that every deadline Redis accepts is reported as it was set.
//!
//! Invariant: only the layout; knows nothing of where entries are or what time it is.

use crate::ds::arena::SLOT_BYTES_MAX;
use crate::types::{Encoding, ValueType};

const HEADER_BYTES: usize = 7;
const SHORT_DEADLINE_BYTES: usize = 5;
/// Unix milliseconds that a short deadline counts from: the year 2020.
const SHORT_DEADLINE_FROM: i64 = 1_577_836_800_000;
const WIDE_DEADLINE_BYTES: usize = 8;
const OUTSIDE_BYTES: usize = 4;
/// `key_len` of a key that stands elsewhere; also the length from which keys do.
const LONG_KEY: usize = 255;

const HAS_DEADLINE: u8 = 1;
const WIDE_DEADLINE: u8 = 1 << 1;
const OUTSIDE_VALUE: u8 = 1 << 2;
/// Where the flags have bits 8 and 9 of the value's length.
const VALUE_LEN_SHIFT: u32 = 3;
const VALUE_LEN_BITS: u8 = 3 << VALUE_LEN_SHIFT;
/// Set while a snapshot is taken: see `keyspace::snapshot`.
const AHEAD: u8 = 1 << 7;

const FLAGS_AT: usize = 1;
const CLOCK_AT: usize = 2;
const KEY_LEN_AT: usize = 5;
const VALUE_LEN_AT: usize = 6;

/// When a key was last used: Redis's 24 bits, an LRU clock in seconds or an LFU counter with the
/// minutes of its last decay.
pub type Clock = [u8; 3];

/// A key or value: in the entry or behind a number of the pool it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    Inline(&'a [u8]),
    Outside(u32),
}

impl Part<'_> {
    fn len(self) -> usize {
        match self {
            Part::Inline(bytes) => bytes.len(),
            Part::Outside(_) => OUTSIDE_BYTES,
        }
    }

    fn write(self, out: &mut [u8]) {
        match self {
            Part::Inline(bytes) => out.copy_from_slice(bytes),
            Part::Outside(id) => out.copy_from_slice(&id.to_le_bytes()),
        }
    }
}

/// Whether a key of `len` bytes stands in its entry.
pub fn key_fits(len: usize) -> bool {
    len < LONG_KEY
}

/// Everything an entry says.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    pub value_type: ValueType,
    pub encoding: Encoding,
    pub clock: Clock,
    pub deadline: Option<i64>,
    pub key: Part<'a>,
    pub value: Part<'a>,
}

impl Draft<'_> {
    /// Bytes of the entry.
    pub fn len(&self) -> usize {
        HEADER_BYTES + deadline_len(self.deadline) + self.key.len() + self.value.len()
    }

    /// Whether the entry fits into a slot.
    pub fn fits(&self) -> bool {
        self.len() <= SLOT_BYTES_MAX
    }

    /// Writes the entry to the start of `out`, keeping none of what is there.
    pub fn write(&self, out: &mut [u8]) {
        let deadline_len = deadline_len(self.deadline);
        let mut flags = match deadline_len {
            0 => 0,
            SHORT_DEADLINE_BYTES => HAS_DEADLINE,
            _ => HAS_DEADLINE | WIDE_DEADLINE,
        };
        if matches!(self.value, Part::Outside(_)) {
            flags |= OUTSIDE_VALUE;
        }
        let key_len = match self.key {
            Part::Inline(key) => key.len(),
            Part::Outside(_) => LONG_KEY,
        };
        out[0] = self.value_type as u8 | (self.encoding as u8) << 4;
        out[FLAGS_AT] = flags | value_len_flags(self.value.len());
        out[CLOCK_AT..KEY_LEN_AT].copy_from_slice(&self.clock);
        out[KEY_LEN_AT] = key_len as u8;
        out[VALUE_LEN_AT] = self.value.len() as u8;
        let (head, rest) = out[HEADER_BYTES..].split_at_mut(deadline_len);
        write_deadline(self.deadline, head);
        let (key, rest) = rest.split_at_mut(self.key.len());
        self.key.write(key);
        self.value.write(&mut rest[..self.value.len()]);
    }
}

fn deadline_len(deadline: Option<i64>) -> usize {
    match deadline {
        None => 0,
        Some(at) => match at.wrapping_sub(SHORT_DEADLINE_FROM) {
            0..0x100_0000_0000 => SHORT_DEADLINE_BYTES,
            _ => WIDE_DEADLINE_BYTES,
        },
    }
}

/// Writes a deadline into as many bytes as it takes.
fn write_deadline(deadline: Option<i64>, out: &mut [u8]) {
    let at = deadline.unwrap_or(0);
    let from = if out.len() == SHORT_DEADLINE_BYTES { SHORT_DEADLINE_FROM } else { 0 };
    out.copy_from_slice(&at.wrapping_sub(from).to_le_bytes()[..out.len()]);
}

/// The flags that a value of `len` bytes sets.
fn value_len_flags(len: usize) -> u8 {
    ((len >> 8) as u8) << VALUE_LEN_SHIFT & VALUE_LEN_BITS
}

/// An entry to be read. The slice may be longer than the entry.
#[derive(Clone, Copy)]
pub struct Entry<'a>(pub &'a [u8]);

impl<'a> Entry<'a> {
    #[inline]
    fn flags(self) -> u8 {
        self.0[FLAGS_AT]
    }

    /// Bytes of the entry.
    #[inline]
    pub fn len(self) -> usize {
        self.value_start() + self.value_len()
    }

    #[inline]
    pub fn value_type(self) -> ValueType {
        ValueType::from_bits(self.0[0] & 15)
    }

    #[inline]
    pub fn encoding(self) -> Encoding {
        Encoding::from_bits(self.0[0] >> 4)
    }

    #[inline]
    pub fn clock(self) -> Clock {
        [self.0[CLOCK_AT], self.0[CLOCK_AT + 1], self.0[CLOCK_AT + 2]]
    }

    #[inline]
    pub fn has_deadline(self) -> bool {
        self.flags() & HAS_DEADLINE != 0
    }

    /// Whether a snapshot has what the key was, or the key is younger than that.
    #[inline]
    pub fn is_ahead(self) -> bool {
        self.flags() & AHEAD != 0
    }

    /// Whether the value is a hash in its big encoding, whose fields may have deadlines.
    #[inline]
    pub fn is_big_hash(self) -> bool {
        self.0[0] == ValueType::Hash as u8 | (Encoding::Hashtable as u8) << 4
    }

    /// Whether a deadline may decide if the key is there: its own or those of its fields.
    #[inline]
    pub fn may_be_gone(self) -> bool {
        self.has_deadline() || self.is_big_hash()
    }

    /// Unix time in milliseconds after which the key is gone.
    #[inline]
    pub fn deadline(self) -> Option<i64> {
        let at = &self.0[HEADER_BYTES..];
        match self.deadline_len() {
            0 => None,
            SHORT_DEADLINE_BYTES => {
                let since = i64::from_le_bytes([at[0], at[1], at[2], at[3], at[4], 0, 0, 0]);
                Some(SHORT_DEADLINE_FROM + since)
            }
            _ => Some(i64::from_le_bytes([at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]])),
        }
    }

    /// The key, or where it stands.
    #[inline(always)]
    pub fn key(self) -> Part<'a> {
        let start = HEADER_BYTES + self.deadline_len();
        match usize::from(self.0[KEY_LEN_AT]) {
            LONG_KEY => Part::Outside(number(&self.0[start..])),
            len => Part::Inline(&self.0[start..start + len]),
        }
    }

    /// The value, or where it stands.
    #[inline(always)]
    pub fn value(self) -> Part<'a> {
        let bytes = &self.0[self.value_start()..][..self.value_len()];
        match self.flags() & OUTSIDE_VALUE {
            0 => Part::Inline(bytes),
            _ => Part::Outside(number(bytes)),
        }
    }

    /// All of it, for an entry with small changes.
    pub fn draft(self) -> Draft<'a> {
        Draft {
            value_type: self.value_type(),
            encoding: self.encoding(),
            clock: self.clock(),
            deadline: self.deadline(),
            key: self.key(),
            value: self.value(),
        }
    }

    /// Where the value begins.
    #[inline]
    pub fn value_start(self) -> usize {
        let key_len = match usize::from(self.0[KEY_LEN_AT]) {
            LONG_KEY => OUTSIDE_BYTES,
            len => len,
        };
        HEADER_BYTES + self.deadline_len() + key_len
    }

    /// Bytes of the value in the entry.
    #[inline]
    pub fn value_len(self) -> usize {
        let upper = usize::from(self.flags() & VALUE_LEN_BITS) << (8 - VALUE_LEN_SHIFT);
        upper | usize::from(self.0[VALUE_LEN_AT])
    }

    #[inline(always)]
    fn deadline_len(self) -> usize {
        match self.flags() & (HAS_DEADLINE | WIDE_DEADLINE) {
            0 => 0,
            HAS_DEADLINE => SHORT_DEADLINE_BYTES,
            _ => WIDE_DEADLINE_BYTES,
        }
    }
}

/// An entry to be changed in place.
pub struct EntryMut<'a>(pub &'a mut [u8]);

impl<'a> EntryMut<'a> {
    #[inline]
    pub fn set_clock(&mut self, clock: Clock) {
        self.0[CLOCK_AT..KEY_LEN_AT].copy_from_slice(&clock);
    }

    pub fn set_ahead(&mut self, ahead: bool) {
        self.0[FLAGS_AT] = self.0[FLAGS_AT] & !AHEAD | if ahead { AHEAD } else { 0 };
    }

    pub fn set_encoding(&mut self, encoding: Encoding) {
        self.0[0] = self.0[0] & 15 | (encoding as u8) << 4;
    }

    /// Replaces the deadline by one of the same width; false, and nothing changed, when the
    /// width differs.
    pub fn set_deadline(&mut self, deadline: Option<i64>) -> bool {
        let len = deadline_len(deadline);
        if len != Entry(self.0).deadline_len() {
            return false;
        }
        write_deadline(deadline, &mut self.0[HEADER_BYTES..HEADER_BYTES + len]);
        true
    }

    /// Makes an inline value `len` bytes long; added bytes are zero.
    pub fn resize_value(&mut self, len: usize) {
        let (start, old) = (Entry(self.0).value_start(), Entry(self.0).value_len());
        if len > old {
            self.0[start + old..start + len].fill(0);
        }
        self.0[FLAGS_AT] = self.0[FLAGS_AT] & !VALUE_LEN_BITS | value_len_flags(len);
        self.0[VALUE_LEN_AT] = len as u8;
    }

    /// The bytes of an inline value.
    pub fn into_value(self) -> &'a mut [u8] {
        let (start, len) = (Entry(self.0).value_start(), Entry(self.0).value_len());
        &mut self.0[start..start + len]
    }
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(draft: Draft<'_>) {
        // What was there before must not shine through.
        let mut bytes = [0xff; SLOT_BYTES_MAX];
        draft.write(&mut bytes);
        let entry = Entry(&bytes);
        assert_eq!(entry.len(), draft.len());
        assert_eq!((entry.value_type(), entry.encoding()), (draft.value_type, draft.encoding));
        assert_eq!((entry.key(), entry.value()), (draft.key, draft.value));
        assert_eq!((entry.deadline(), entry.clock()), (draft.deadline, draft.clock));
        assert_eq!(bytes[entry.len()], 0xff);
    }

    #[test]
    fn an_entry_says_what_was_written() {
        let long = [b'k'; LONG_KEY - 1];
        for key in [Part::Inline(b""), Part::Inline(&long), Part::Outside(u32::MAX)] {
            for value in [Part::Inline(b""), Part::Inline(&[7; 700]), Part::Outside(5)] {
                let (from, to) = (SHORT_DEADLINE_FROM, SHORT_DEADLINE_FROM + (1 << 40));
                let times = [i64::MIN, -1, 0, from - 1, from, to - 1, to, i64::MAX];
                for deadline in times.map(Some).into_iter().chain([None]) {
                    let (value_type, encoding) = (ValueType::Stream, Encoding::Raw);
                    let clock = [1, 2, 3];
                    check(Draft { value_type, encoding, clock, deadline, key, value });
                }
            }
        }
    }

    #[test]
    fn a_session_takes_the_bytes_it_was_planned_to_take() {
        let mut draft = Draft {
            value_type: ValueType::String,
            encoding: Encoding::Raw,
            clock: [0; 3],
            deadline: None,
            key: Part::Inline(&[b'k'; 16]),
            value: Part::Inline(&[b'v'; 64]),
        };
        assert_eq!(draft.len(), 87);
        draft.deadline = Some(1_700_000_000_000);
        assert_eq!(draft.len(), 92);
    }

    #[test]
    fn small_changes_happen_in_place() {
        let mut bytes = [0xff; 64];
        let draft = Draft {
            value_type: ValueType::String,
            encoding: Encoding::Embstr,
            clock: [0; 3],
            deadline: Some(1_700_000_000_000),
            key: Part::Inline(b"key"),
            value: Part::Inline(b"value"),
        };
        draft.write(&mut bytes);
        let mut entry = EntryMut(&mut bytes);
        assert!(entry.set_deadline(Some(1_800_000_000_000)));
        assert!(!entry.set_deadline(None) && !entry.set_deadline(Some(i64::MAX)));
        entry.set_clock([9; 3]);
        entry.set_encoding(Encoding::Raw);
        entry.resize_value(8);
        let entry = Entry(&bytes);
        assert_eq!((entry.deadline(), entry.clock()), (Some(1_800_000_000_000), [9; 3]));
        assert_eq!((entry.value_type(), entry.encoding()), (ValueType::String, Encoding::Raw));
        assert_eq!(
            (entry.key(), entry.value()),
            (Part::Inline(b"key"), Part::Inline(b"value\0\0\0"))
        );
    }
}
