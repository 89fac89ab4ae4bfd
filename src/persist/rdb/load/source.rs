//! The bytes of a snapshot, one after the other, with their checksum.
//!
//! Invariant: memory is taken for bytes that arrived, never for bytes that are only announced.

use std::io::{ErrorKind, Read};

use super::super::format::length;
use super::Options;
use super::error::Reason;
use crate::base::crc::Crc64;
use crate::base::lzf;

/// Bytes read at a time.
pub const BUFFER_BYTES: usize = 64 * 1024;
/// Longer texts are read past the buffer, so many bytes at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Where a snapshot is read from.
pub struct Source<'r> {
    reader: &'r mut dyn Read,
    buffer: Box<[u8]>,
    /// What of the buffer is still to be read.
    at: usize,
    end: usize,
    /// Bytes in front of the buffer.
    before: u64,
    /// The sum of what was read, up to `summed` in the buffer; none if nobody wants it.
    sum: Option<Crc64>,
    summed: usize,
    /// Longest text that is taken.
    text_bytes_max: u64,
    /// Bytes that compressed texts may still have.
    unpacked_left: u64,
    /// A text in its compressed form.
    packed: Vec<u8>,
}

/// A length, or how the string there is encoded.
enum Length {
    Plain(u64),
    Encoded(u8),
}

impl<'r> Source<'r> {
    /// Reads from `reader` with a buffer of `buffer` bytes, at least 16, within the bounds of `options`.
    pub fn new(reader: &'r mut dyn Read, buffer: usize, options: &Options) -> Source<'r> {
        Source {
            reader,
            buffer: vec![0; buffer.max(16)].into_boxed_slice(),
            at: 0,
            end: 0,
            before: 0,
            sum: options.checksum.then(Crc64::new),
            summed: 0,
            text_bytes_max: options.text_bytes_max,
            unpacked_left: options.unpacked_bytes_max,
            packed: Vec::new(),
        }
    }

    /// Bytes read so far.
    pub fn offset(&self) -> u64 {
        self.before + self.at as u64
    }

    /// The sum of the bytes read so far.
    pub fn sum(&mut self) -> Option<u64> {
        self.sum_up();
        self.sum.as_ref().map(Crc64::sum)
    }

    fn sum_up(&mut self) {
        if let Some(sum) = &mut self.sum {
            sum.update(&self.buffer[self.summed..self.at]);
        }
        self.summed = self.at;
    }

    /// Makes at least `count` bytes available in the buffer, which holds as many.
    #[cold]
    fn fill(&mut self, count: usize) -> Result<(), Reason> {
        self.sum_up();
        self.buffer.copy_within(self.at..self.end, 0);
        self.before += self.at as u64;
        self.end -= self.at;
        (self.at, self.summed) = (0, 0);
        while self.end < count {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(Reason::Ended),
                Ok(more) => self.end += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Whether nothing follows.
    pub fn is_at_end(&mut self) -> Result<bool, Reason> {
        if self.at < self.end {
            return Ok(false);
        }
        match self.fill(1) {
            Ok(()) => Ok(false),
            Err(Reason::Ended) => Ok(true),
            Err(reason) => Err(reason),
        }
    }

    /// The next byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, Reason> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// The next few bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        if self.end - self.at < N {
            self.fill(N)?;
        }
        let bytes = self.buffer[self.at..self.end].first_chunk().expect("as many are there");
        self.at += N;
        Ok(*bytes)
    }

    /// Appends the next `len` bytes to `out`.
    fn bytes(&mut self, len: u64, out: &mut Vec<u8>) -> Result<(), Reason> {
        let mut left = len;
        loop {
            let part = (self.end - self.at).min(usize::try_from(left).unwrap_or(usize::MAX));
            out.extend_from_slice(&self.buffer[self.at..self.at + part]);
            self.at += part;
            left -= part as u64;
            if left == 0 {
                return Ok(());
            }
            if left >= self.buffer.len() as u64 {
                break;
            }
            self.fill(1)?;
        }
        // The buffer is empty: what is left goes straight to where it belongs.
        self.sum_up();
        while left > 0 {
            let start = out.len();
            let piece = left.min(PIECE_BYTES as u64);
            let got = self.reader.take(piece).read_to_end(out)? as u64;
            if let Some(sum) = &mut self.sum {
                sum.update(&out[start..]);
            }
            self.before += got;
            left -= got;
            if got == 0 {
                return Err(Reason::Ended);
            }
        }
        Ok(())
    }

    fn length(&mut self) -> Result<Length, Reason> {
        let first = self.byte()?;
        Ok(match first {
            0..length::BITS_14 => Length::Plain(first.into()),
            length::BITS_14..length::BITS_32 => {
                Length::Plain(u64::from(first & 0x3f) << 8 | u64::from(self.byte()?))
            }
            length::BITS_32 => Length::Plain(u32::from_be_bytes(self.array()?).into()),
            length::BITS_64 => Length::Plain(u64::from_be_bytes(self.array()?)),
            length::ENCODED.. => Length::Encoded(first & 0x3f),
            _ => return Err(Reason::Corrupt("Unknown length encoding in rdbLoadLen()")),
        })
    }

    /// A length or count.
    pub fn count(&mut self) -> Result<u64, Reason> {
        match self.length()? {
            Length::Plain(count) => Ok(count),
            Length::Encoded(_) => Err(Reason::Corrupt("Encoded string where a length should be")),
        }
    }

    /// A string, into `out` in the place of what is there.
    pub fn text(&mut self, out: &mut Vec<u8>) -> Result<(), Reason> {
        out.clear();
        let number = match self.length()? {
            Length::Plain(len) => return self.plain_text(len, out),
            Length::Encoded(length::INT_8) => i8::from_le_bytes(self.array()?).into(),
            Length::Encoded(length::INT_16) => i16::from_le_bytes(self.array()?).into(),
            Length::Encoded(length::INT_32) => i32::from_le_bytes(self.array()?),
            Length::Encoded(length::LZF) => return self.packed_text(out),
            Length::Encoded(_) => return Err(Reason::Corrupt("Unknown RDB string encoding type")),
        };
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        Ok(())
    }

    fn plain_text(&mut self, len: u64, out: &mut Vec<u8>) -> Result<(), Reason> {
        self.check_len(len)?;
        self.bytes(len, out)
    }

    fn packed_text(&mut self, out: &mut Vec<u8>) -> Result<(), Reason> {
        let (packed_len, len) = (self.count()?, self.count()?);
        self.check_len(packed_len.max(len))?;
        let left = self.unpacked_left.checked_sub(len);
        self.unpacked_left = left.ok_or(Reason::Corrupt("Strings longer than allowed"))?;
        let mut packed = std::mem::take(&mut self.packed);
        packed.clear();
        let read = self.bytes(packed_len, &mut packed);
        let unpacked = usize::try_from(len).ok().and_then(|len| lzf::decompress(&packed, len, out));
        if packed.capacity() <= PIECE_BYTES {
            self.packed = packed;
        }
        read?;
        unpacked.ok_or(Reason::Corrupt("Invalid LZF compressed string"))
    }

    fn check_len(&self, len: u64) -> Result<(), Reason> {
        match len > self.text_bytes_max {
            true => Err(Reason::Corrupt("String longer than allowed")),
            false => Ok(()),
        }
    }
}
