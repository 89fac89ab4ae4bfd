//! Many strings in a row.
//!
//! An output looks at its capacity with each append, four times for a string with its frame. Here room
//! is made, filled with zeros, for several strings at once, and what of it was not needed is cut off
//! at the end. A string that its block has no room for is split by the output.
//!
//! Invariant: writes what [`Reply`](super::Reply) would.

use super::{BLOCK_BYTES, Output};

/// Bytes of room that are made at once, but for a string that needs more: as few as the processor
/// fills without ado.
const ROOM_BYTES: usize = 1024;
/// Bytes around a string at most.
const FRAME_LEN_MAX: usize = 24;

/// Longest line in front of a string of less than a hundred bytes.
const HEADER_BYTES: usize = 5;

/// Those lines, and their lengths: nearly every string is that short.
static HEADERS: [([u8; HEADER_BYTES], u8); 100] = {
    let mut lines = [([0; HEADER_BYTES], 0); 100];
    let mut len = 0;
    while len < 100u8 {
        let (tens, ones) = (b'0' + len / 10, b'0' + len % 10);
        lines[len as usize] = match len {
            0..10 => ([b'$', ones, b'\r', b'\n', 0], 4),
            _ => ([b'$', tens, ones, b'\r', b'\n'], 5),
        };
        len += 1;
    }
    lines
};

/// Appends strings to an output, which has its right length again when this is dropped.
pub struct Strings<'a> {
    out: &'a mut Output,
    /// Where in its last block the next string goes; behind it is room.
    end: usize,
}

impl<'a> Strings<'a> {
    pub(super) fn new(out: &'a mut Output) -> Strings<'a> {
        let end = out.last.len();
        Strings { out, end }
    }

    /// A string of bytes.
    #[inline(always)]
    pub fn bulk(&mut self, bytes: &[u8]) {
        let needed = self.end + bytes.len() + FRAME_LEN_MAX;
        if self.out.last.len() < needed && !self.make_room(needed) {
            return self.split(bytes);
        }
        let room = &mut self.out.last[self.end..needed];
        let header = match HEADERS.get(bytes.len()) {
            Some(&(line, len)) => {
                room[..HEADER_BYTES].copy_from_slice(&line);
                usize::from(len)
            }
            None => write_header(room, bytes.len()),
        };
        let (text, behind) = room[header..].split_at_mut(bytes.len());
        text.copy_from_slice(bytes);
        behind[..2].copy_from_slice(b"\r\n");
        self.end += header + bytes.len() + 2;
    }

    /// An integer as a string.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// Makes room up to `needed` at least; false if the block has not so much.
    #[cold]
    fn make_room(&mut self, needed: usize) -> bool {
        if needed > BLOCK_BYTES {
            return false;
        }
        let len = needed.max(self.end + ROOM_BYTES).min(BLOCK_BYTES);
        self.out.reserve(len - self.out.last.len());
        self.out.last.resize(len, 0);
        true
    }

    /// Adds a string that belongs in more than one block.
    #[cold]
    fn split(&mut self, bytes: &[u8]) {
        self.out.last.truncate(self.end);
        let mut header = [0; FRAME_LEN_MAX];
        let len = write_header(&mut header, bytes.len());
        for piece in [&header[..len], bytes, b"\r\n"] {
            self.out.extend_from_slice(piece);
        }
        self.end = self.out.last.len();
    }
}

impl Drop for Strings<'_> {
    fn drop(&mut self) {
        self.out.last.truncate(self.end);
    }
}

/// Writes the line in front of a string; returns its length.
#[cold]
fn write_header(room: &mut [u8], len: usize) -> usize {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(len).as_bytes();
    room[0] = b'$';
    room[1..][..digits.len()].copy_from_slice(digits);
    room[1 + digits.len()..][..2].copy_from_slice(b"\r\n");
    digits.len() + 3
}

#[cfg(test)]
mod tests {
    use crate::resp::{Output, Protocol, Reply};

    fn output(before: &str) -> Output {
        Output::from(before.as_bytes().to_vec())
    }

    fn bytes(output: &Output) -> Vec<u8> {
        output.blocks().collect::<Vec<_>>().concat()
    }

    #[test]
    fn it_writes_what_a_reply_would() {
        let (mut many, mut single) = (output("before"), output("before"));
        let mut reply = Reply { out: &mut many, protocol: Protocol::Resp2 };
        let mut other = Reply { out: &mut single, protocol: Protocol::Resp2 };
        let text = vec![b'x'; 200_000];
        let mut strings = reply.strings();
        for len in (0..130).chain([511, 512, 1000, 99_999, 200_000]).chain(0..20) {
            strings.bulk(&text[..len]);
            strings.bulk_integer(-(len as i64));
            other.bulk(&text[..len]);
            other.bulk_integer(-(len as i64));
        }
        drop(strings);
        assert!(bytes(&many) == bytes(&single));
    }

    #[test]
    fn an_empty_one_leaves_no_trace() {
        let mut out = output("before");
        drop(Reply { out: &mut out, protocol: Protocol::Resp2 }.strings());
        assert_eq!(bytes(&out), b"before");
    }
}
