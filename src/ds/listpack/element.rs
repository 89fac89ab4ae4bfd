//! One element of a listpack: its encoding, read from either side.
//!
//! ```text
//! 0xxxxxxx                    0..=127           | 11110001  16-bit integer follows
//! 10llllll text               up to 63 bytes    | 11110010  24-bit
//! 110xxxxx xxxxxxxx           13-bit integer    | 11110011  32-bit
//! 1110llll llllllll text      up to 4095 bytes  | 11110100  64-bit
//! 11110000 l l l l text       longer            | 11111111  end of the listpack
//! ```
//!
//! Behind that stands its length again, seven bits a byte, readable from its last byte on, so that
//! elements can be walked in both directions. Integers behind a head are little endian.
//!
//! Invariant: only runs of elements; knows nothing of what stands in front of or behind a run.

use crate::base::num;

/// Stands where a listpack has no further element.
pub const END: u8 = 0xff;

const SHORT_TEXT: u8 = 0x80;
/// The bits of a short text's head that say its length.
const SHORT_TEXT_LEN: u8 = 0x3f;
/// Length from which a text is a middle one.
const SHORT_TEXT_END: u32 = 0x40;
const INT_13: u8 = 0xc0;
const MIDDLE_TEXT: u8 = 0xe0;
/// Length from which a text is a long one.
const MIDDLE_TEXT_END: u32 = 0x1000;
const LONG_TEXT: u8 = 0xf0;
const INT_16: u8 = 0xf1;
const INT_24: u8 = 0xf2;
const INT_32: u8 = 0xf3;
const INT_64: u8 = 0xf4;

/// Bytes before a text that is longer than all others.
const LONG_TEXT_HEAD: usize = 5;
/// An integer at its largest, and more than any head of a text.
const HEAD_LEN_MAX: usize = 9;

/// What an element holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item<'a> {
    /// A text that is exactly an integer.
    Int(i64),
    /// Any other text.
    Text(&'a [u8]),
}

impl<'a> Item<'a> {
    /// The text, written into `buffer` when it is a number.
    #[inline]
    pub fn text<'b>(self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Item::Int(value) => buffer.format(value).as_bytes(),
            Item::Text(text) => text,
        }
    }

    /// The text in memory of its own.
    pub fn to_vec(self) -> Vec<u8> {
        self.text(&mut itoa::Buffer::new()).to_vec()
    }

    /// Whether the text is `other`.
    #[inline]
    pub fn eq_bytes(self, other: &[u8]) -> bool {
        match self {
            Item::Int(value) => num::parse_i64(other) == Some(value),
            Item::Text(text) => text == other,
        }
    }
}

/// A text that items are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Needle<'a> {
    text: &'a [u8],
    number: Option<i64>,
}

impl<'a> Needle<'a> {
    pub fn new(text: &'a [u8]) -> Needle<'a> {
        Needle { text, number: num::parse_i64(text) }
    }

    /// Whether `item` holds the text.
    #[inline]
    pub fn is(self, item: Item<'_>) -> bool {
        match item {
            Item::Int(value) => self.number == Some(value),
            Item::Text(text) => self.text == text,
        }
    }
}

/// An element to be written.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    head: [u8; HEAD_LEN_MAX],
    head_len: usize,
    text: &'a [u8],
}

impl<'a> Element<'a> {
    /// `text` in its shortest form.
    #[inline]
    pub fn of(text: &'a [u8]) -> Element<'a> {
        match num::parse_i64(text) {
            Some(value) => Element::of_int(value),
            None => Element::of_text(text),
        }
    }

    /// A number in its shortest form.
    pub fn of_int(value: i64) -> Element<'a> {
        let bytes = value.to_le_bytes();
        let (kind, width) = match value {
            0..=0x7f => return Element::head(&[bytes[0]], &[]),
            -0x1000..=0xfff => return Element::head(&[INT_13 | bytes[1] & 0x1f, bytes[0]], &[]),
            -0x8000..=0x7fff => (INT_16, 2),
            -0x80_0000..=0x7f_ffff => (INT_24, 3),
            -0x8000_0000..=0x7fff_ffff => (INT_32, 4),
            _ => (INT_64, 8),
        };
        let mut head = [kind; HEAD_LEN_MAX];
        head[1..].copy_from_slice(&bytes);
        Element { head, head_len: 1 + width, text: &[] }
    }

    #[inline]
    fn of_text(text: &'a [u8]) -> Element<'a> {
        let len = u32::try_from(text.len()).expect("the caller checked that it fits");
        let [a, b, c, d] = len.to_le_bytes();
        match len {
            0..SHORT_TEXT_END => Element::head(&[SHORT_TEXT | a], text),
            SHORT_TEXT_END..MIDDLE_TEXT_END => Element::head(&[MIDDLE_TEXT | b, a], text),
            _ => Element::head(&[LONG_TEXT, a, b, c, d], text),
        }
    }

    #[inline]
    fn head(bytes: &[u8], text: &'a [u8]) -> Element<'a> {
        let mut head = [0; HEAD_LEN_MAX];
        head[..bytes.len()].copy_from_slice(bytes);
        Element { head, head_len: bytes.len(), text }
    }

    /// Bytes that the element takes.
    #[inline]
    pub fn size(&self) -> usize {
        whole(self.head_len + self.text.len())
    }

    /// Writes the element to `out`, which is as long as it.
    #[inline]
    pub fn write(&self, out: &mut [u8]) {
        let (head, out) = out.split_at_mut(self.head_len);
        head.copy_from_slice(&self.head[..self.head_len]);
        let (text, back) = out.split_at_mut(self.text.len());
        text.copy_from_slice(self.text);
        write_back_len(self.head_len + self.text.len(), back);
    }
}

/// The element at the start of `bytes`, and the bytes that it takes.
#[inline]
pub fn decode(bytes: &[u8]) -> (Item<'_>, usize) {
    match bytes[0] {
        byte @ SHORT_TEXT..INT_13 => {
            let len = usize::from(byte & SHORT_TEXT_LEN);
            (Item::Text(&bytes[1..1 + len]), len + 2)
        }
        byte @ 0..SHORT_TEXT => (Item::Int(i64::from(byte)), 2),
        _ => decode_wide(bytes),
    }
}

/// As [`decode`], for what is neither a short text nor a small number.
#[inline(never)]
fn decode_wide(bytes: &[u8]) -> (Item<'_>, usize) {
    let len = encoded_len(bytes);
    let item = match bytes[0] {
        INT_13..MIDDLE_TEXT => {
            Item::Int(i64::from(i16::from_be_bytes([bytes[0], bytes[1]]) << 3 >> 3))
        }
        INT_16..=INT_64 => Item::Int(decode_int(&bytes[1..len])),
        first => Item::Text(&bytes[head_len(first)..len]),
    };
    (item, whole(len))
}

fn decode_int(bytes: &[u8]) -> i64 {
    match *bytes {
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        [a, b, c] => i64::from(i32::from_le_bytes([0, a, b, c]) >> 8),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => unreachable!("integers are of four widths"),
    }
}

/// Bytes in front of a text, by the first of them.
#[inline]
fn head_len(first: u8) -> usize {
    match first {
        LONG_TEXT => LONG_TEXT_HEAD,
        MIDDLE_TEXT..LONG_TEXT => 2,
        _ => 1,
    }
}

/// Length of the element at the start of `bytes`, without the length behind it.
fn encoded_len(bytes: &[u8]) -> usize {
    match bytes[0] {
        0..SHORT_TEXT => 1,
        byte @ SHORT_TEXT..INT_13 => 1 + usize::from(byte & SHORT_TEXT_LEN),
        INT_13..MIDDLE_TEXT => 2,
        byte @ MIDDLE_TEXT..LONG_TEXT => {
            2 + (usize::from(byte & 0x0f) << 8 | usize::from(bytes[1]))
        }
        LONG_TEXT => {
            let len = u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]);
            LONG_TEXT_HEAD + usize::try_from(len).expect("32 bits fit")
        }
        INT_16 => 3,
        INT_24 => 4,
        INT_32 => 5,
        INT_64 => 9,
        _ => unreachable!("the listpack was checked or written here"),
    }
}

/// Bytes of an element whose encoding takes `len`: with the length behind it.
#[inline]
fn whole(len: usize) -> usize {
    // The boundaries are Redis's, one below what the digits could hold.
    len + match len {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    }
}

/// Writes `len` to all of `out`: seven bits a byte, the lowest last; all but the first are marked.
#[inline]
fn write_back_len(len: usize, out: &mut [u8]) {
    let mut rest = len;
    for byte in out.iter_mut().rev() {
        *byte = 0x80 | (rest & 0x7f).to_le_bytes()[0];
        rest >>= 7;
    }
    out[0] &= 0x7f;
}

/// Bytes of the element at the start of `bytes`.
#[inline]
pub fn size(bytes: &[u8]) -> usize {
    match bytes[0] {
        byte @ SHORT_TEXT..INT_13 => usize::from(byte & SHORT_TEXT_LEN) + 2,
        0..SHORT_TEXT => 2,
        _ => whole(encoded_len(bytes)),
    }
}

/// Bytes of the element at the end of `bytes`.
#[inline]
pub fn size_back(bytes: &[u8]) -> usize {
    let (mut len, mut shift) = (0, 0);
    for &byte in bytes.iter().rev() {
        len |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    whole(len)
}

/// Bytes of the element at the start of `bytes`, which may hold anything; `None` when it is none
/// or is not followed by its length as it would be written here.
pub fn check(bytes: &[u8]) -> Option<usize> {
    let first = *bytes.first().filter(|&&first| first <= INT_64)?;
    bytes.get(..head_len(first))?;
    let len = encoded_len(bytes);
    let size = whole(len);
    let mut back = [0; 5];
    let back = &mut back[..size - len];
    write_back_len(len, back);
    (bytes.get(len..size)? == back).then_some(size)
}

/// Moves the elements of the run that `keep` wants to its start; returns how many bytes they take
/// and how many elements are left out.
pub fn retain(run: &mut [u8], mut keep: impl FnMut(Item<'_>) -> bool) -> (usize, usize) {
    let (mut from, mut to, mut removed) = (0, 0, 0);
    while from < run.len() {
        let (item, size) = decode(&run[from..]);
        if keep(item) {
            if from != to {
                run.copy_within(from..from + size, to);
            }
            to += size;
        } else {
            removed += 1;
        }
        from += size;
    }
    (to, removed)
}

/// The items of a run of elements.
#[derive(Clone, Debug, Default)]
pub struct Items<'a>(pub(in crate::ds) &'a [u8]);

impl Items<'_> {
    /// Passes over `count` items, or as many as there are.
    #[inline]
    pub fn pass(&mut self, count: usize) {
        for _ in 0..count {
            if self.0.is_empty() {
                return;
            }
            self.0 = &self.0[size(self.0)..];
        }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let (item, size) = decode(self.0);
        self.0 = &self.0[size..];
        Some(item)
    }
}

impl<'a> DoubleEndedIterator for Items<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Item<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let (rest, last) = self.0.split_at(self.0.len() - size_back(self.0));
        self.0 = rest;
        Some(decode(last).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(text: &[u8]) {
        let element = Element::of(text);
        let mut bytes = vec![0; element.size()];
        element.write(&mut bytes);
        assert_eq!(decode(&bytes).0.to_vec(), text);
        assert!(decode(&bytes).0.eq_bytes(text));
        let size = bytes.len();
        assert_eq!((size, check(&bytes), size_back(&bytes)), (size, Some(size), size));
        assert_eq!(check(&bytes[..size - 1]), None);
    }

    #[test]
    fn texts_of_every_length_survive() {
        let lens = [0, 1, 63, 64, 126, 127, 4095, 4096, 16_380, 16_381, 2_097_145, 2_097_146];
        lens.iter().for_each(|&len| check_text(&vec![b'x'; len]));
    }

    #[test]
    fn numbers_of_every_width_survive() {
        for bits in [0, 7, 12, 15, 23, 31, 63] {
            let power = 1i64.wrapping_shl(bits);
            for value in [power, power.wrapping_sub(1), power.wrapping_neg(), power.wrapping_sub(2)]
            {
                check_text(value.to_string().as_bytes());
                check_text(value.wrapping_neg().to_string().as_bytes());
                check_text(value.wrapping_neg().wrapping_sub(1).to_string().as_bytes());
            }
        }
    }

    #[test]
    fn what_only_looks_like_a_number_stays_text() {
        for text in ["-0", "00", "+1", "1 ", "", "-", "9223372036854775808"] {
            check_text(text.as_bytes());
            assert!(!Item::Int(0).eq_bytes(text.as_bytes()));
        }
    }

    #[test]
    fn a_run_is_read_from_both_sides() {
        let mut bytes = Vec::new();
        for text in [&b"a"[..], b"-70000", &[b'x'; 5000]] {
            let (start, element) = (bytes.len(), Element::of(text));
            bytes.resize(start + element.size(), 0);
            element.write(&mut bytes[start..]);
        }
        let mut items = Items(&bytes);
        assert_eq!(items.next_back(), Some(Item::Text(&[b'x'; 5000])));
        assert_eq!(items.next(), Some(Item::Text(b"a")));
        assert_eq!(items.next_back(), Some(Item::Int(-70000)));
        assert_eq!((items.next(), items.next_back()), (None, None));
    }
}
