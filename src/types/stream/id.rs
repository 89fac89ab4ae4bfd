//! What names an entry of a stream: a time in milliseconds, and a number among those of that time.
//!
//! Invariant: an id is never 0-0 where an entry has it; that one stands for "none".

use crate::base::num;
use crate::base::text::until_nul;

/// Longest text that is looked at; any id has fewer digits.
const TEXT_BYTES_MAX: usize = 127;
/// Bytes of the longest id: two numbers of 20 digits and what is between them.
const ID_BYTES_MAX: usize = 41;

/// The id of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    pub ms: u64,
    pub seq: u64,
}

/// An id as clients write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    pub ms: u64,
    /// The number after the `-`, if there is one.
    pub seq: Seq,
}

/// The second part of an id that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seq {
    Number(u64),
    /// `*`: the next one.
    Next,
    Missing,
}

impl Id {
    /// Below every id of an entry.
    pub const MIN: Id = Id { ms: 0, seq: 0 };
    pub const MAX: Id = Id { ms: u64::MAX, seq: u64::MAX };

    /// The one that follows; none behind the last.
    pub fn next(self) -> Option<Id> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Id { seq, ..self }),
            None => Some(Id { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The one in front; none before the first.
    pub fn prev(self) -> Option<Id> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Id { seq, ..self }),
            None => Some(Id { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// As a key of Redis's radix tree, in whose order ids are.
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    /// The id of which [`Id::to_bytes`] are `bytes`.
    pub fn from_bytes(bytes: [u8; 16]) -> Id {
        let number = u128::from_be_bytes(bytes);
        Id { ms: (number >> 64) as u64, seq: number as u64 }
    }

    /// The id in the form that clients know.
    #[inline]
    pub fn text(self) -> IdText {
        self.joined(b'-')
    }

    /// The two numbers with that byte between them.
    pub fn joined(self, between: u8) -> IdText {
        let mut text = IdText { bytes: [0; ID_BYTES_MAX], len: 0 };
        text.append(itoa::Buffer::new().format(self.ms).as_bytes());
        text.append(&[between]);
        text.append(itoa::Buffer::new().format(self.seq).as_bytes());
        text
    }

    /// Reads an id, or its first part alone, which `missing` completes; not `-`, `+` or `*`.
    pub fn parse(text: &[u8], missing: u64) -> Option<Id> {
        let Given { ms, seq } = Given::parse(text)?;
        match seq {
            Seq::Number(seq) => Some(Id { ms, seq }),
            Seq::Missing => Some(Id { ms, seq: missing }),
            Seq::Next => None,
        }
    }
}

impl Given {
    /// Reads `<ms>`, `<ms>-<seq>` or `<ms>-*`, with numbers as C's `strtoull` takes them and up to
    /// the first NUL, as Redis does.
    pub fn parse(text: &[u8]) -> Option<Given> {
        let text = (text.len() <= TEXT_BYTES_MAX).then(|| until_nul(text))?;
        let dash = text.iter().position(|&byte| byte == b'-');
        let (ms, seq) = match dash {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let ms = num::parse_u64(ms)?;
        let seq = match seq {
            None => Seq::Missing,
            Some(b"*") => Seq::Next,
            Some(seq) => Seq::Number(num::parse_u64(seq)?),
        };
        Some(Given { ms, seq })
    }
}

/// The text of an id.
#[derive(Clone, Copy, Debug)]
pub struct IdText {
    bytes: [u8; ID_BYTES_MAX],
    len: usize,
}

impl IdText {
    fn append(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

impl AsRef<[u8]> for IdText {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64, seq: u64) -> Id {
        Id { ms, seq }
    }

    #[test]
    fn neighbours_are_found_across_the_parts() {
        assert_eq!((id(1, 2).next(), id(1, 2).prev()), (Some(id(1, 3)), Some(id(1, 1))));
        assert_eq!(id(1, u64::MAX).next(), Some(id(2, 0)));
        assert_eq!(id(1, 0).prev(), Some(id(0, u64::MAX)));
        assert_eq!((Id::MAX.next(), Id::MIN.prev()), (None, None));
    }

    #[test]
    fn texts_are_read_as_redis_reads_them() {
        for (text, expected) in [
            ("5", Some(id(5, 9))),
            ("5-3", Some(id(5, 3))),
            (" 05-+7", Some(id(5, 7))),
            ("18446744073709551615-18446744073709551615", Some(Id::MAX)),
            ("18446744073709551616", None),
            ("5-", None),
            ("-", None),
            ("+", None),
            ("", None),
            ("5-3-1", None),
            ("5-*", None),
            ("5--3", None),
            ("5-3\0x", Some(id(5, 3))),
        ] {
            assert_eq!(Id::parse(text.as_bytes(), 9), expected, "{text:?}");
        }
        assert_eq!(Given::parse(b"5-*"), Some(Given { ms: 5, seq: Seq::Next }));
        assert_eq!(Id::parse(&[b'0'; 128], 0), None);
    }

    #[test]
    fn bytes_and_texts_say_the_same_id() {
        for one in [Id::MIN, Id::MAX, id(1_700_000_000_000, 12)] {
            assert_eq!(Id::from_bytes(one.to_bytes()), one);
            assert_eq!(Id::parse(one.text().as_ref(), 0), Some(one));
        }
        assert!(id(1, 5).to_bytes() < id(2, 0).to_bytes());
        assert_eq!(id(7, 8).joined(b'.').as_ref(), b"7.8");
    }
}
