//! The reply encoder: the only writer of protocol bytes.
//!
//! Every form is the one Redis 7.2 sends in that protocol version, byte for byte.
//!
//! Invariant: appends to the buffer it was given and to nothing else; never allocates but through
//! that buffer's growth; an error or status line never carries CR, LF or NUL, whoever wrote its text.

use super::{Output, Strings};
use crate::base::num;

/// The protocol version a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Version 2, where every connection starts.
    #[default]
    Resp2,
    /// Version 3, chosen with HELLO 3.
    Resp3,
}

/// Appends replies to a client's output buffer.
pub struct Reply<'a> {
    /// Where the bytes go.
    pub out: &'a mut Output,
    /// The forms to use.
    pub protocol: Protocol,
}

/// Where the header of an aggregate goes whose length is known later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an aggregate that is not closed has no header"]
pub struct Deferred(usize);

impl Reply<'_> {
    /// `+OK`
    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// `+QUEUED`
    #[inline]
    pub fn queued(&mut self) {
        self.out.extend_from_slice(b"+QUEUED\r\n");
    }

    /// `+PONG`
    #[inline]
    pub fn pong(&mut self) {
        self.out.extend_from_slice(b"+PONG\r\n");
    }

    /// A status line.
    pub fn simple(&mut self, text: &str) {
        self.simple_bytes(text.as_bytes());
    }

    /// A status line of bytes; CR, LF and NUL become blanks.
    pub fn simple_bytes(&mut self, text: &[u8]) {
        self.out.push(b'+');
        self.line(text);
    }

    /// An error line. The text starts with its code: `ERR syntax error`, `WRONGTYPE ...`. Line ends
    /// around it are dropped; CR, LF and NUL within become blanks.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        let mut text = text.as_ref();
        while let [b'\r' | b'\n', rest @ ..] | [rest @ .., b'\r' | b'\n'] = text {
            text = rest;
        }
        self.out.push(b'-');
        self.line(text);
    }

    fn line(&mut self, text: &[u8]) {
        let mut pieces = text.split(|byte| matches!(byte, b'\r' | b'\n' | 0));
        self.out.extend_from_slice(pieces.next().unwrap_or_default());
        for piece in pieces {
            self.out.push(b' ');
            self.out.extend_from_slice(piece);
        }
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        match u8::try_from(value) {
            Ok(digit) if digit < 10 => {
                self.out.extend_from_slice(&[b':', b'0' + digit, b'\r', b'\n']);
            }
            _ => {
                self.out.push(b':');
                self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// A string of bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        const FRAME_LEN_MAX: usize = 32;
        self.out.reserve(bytes.len() + FRAME_LEN_MAX);
        self.header(b'$', bytes.len());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Many strings in a row, as the elements of an aggregate that was opened.
    pub fn strings(&mut self) -> Strings<'_> {
        Strings::new(self.out)
    }

    /// An integer as a string.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// No value.
    #[inline]
    pub fn null(&mut self) {
        self.by_protocol(b"$-1\r\n", b"_\r\n");
    }

    /// No array; version 3 has one null for everything.
    pub fn null_array(&mut self) {
        self.by_protocol(b"*-1\r\n", b"_\r\n");
    }

    /// The empty string.
    pub fn empty_bulk(&mut self) {
        self.out.extend_from_slice(b"$0\r\n\r\n");
    }

    /// The empty array.
    pub fn empty_array(&mut self) {
        self.out.extend_from_slice(b"*0\r\n");
    }

    /// Opens an array of `len` replies.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len);
    }

    /// Opens a map of `pairs` keys and values, in version 2 an array of twice as many replies.
    pub fn map(&mut self, pairs: usize) {
        let (kind, len) = self.map_header(pairs);
        self.header(kind, len);
    }

    /// Opens a set of `len` replies, in version 2 an array.
    pub fn set(&mut self, len: usize) {
        let kind = self.set_header();
        self.header(kind, len);
    }

    /// Opens an out-of-band message of `len` replies, in version 2 an array.
    pub fn push(&mut self, len: usize) {
        let kind = match self.protocol {
            Protocol::Resp2 => b'*',
            Protocol::Resp3 => b'>',
        };
        self.header(kind, len);
    }

    /// Opens an attribute of `pairs` keys and values in front of a reply. Version 2 has none.
    ///
    /// # Panics
    /// In version 2.
    pub fn attribute(&mut self, pairs: usize) {
        assert!(self.protocol == Protocol::Resp3, "attributes need RESP3");
        self.header(b'|', pairs);
    }

    /// A double, in version 2 a string. See [`num::format_f64`].
    pub fn double(&mut self, value: f64) {
        self.number(b',', num::format_f64(value).as_bytes());
    }

    /// A number that is text already, such as a long double: in version 3 a double.
    pub fn double_text(&mut self, text: &str) {
        self.number(b',', text.as_bytes());
    }

    /// An integer of any size, in version 2 a string.
    pub fn big_number(&mut self, digits: &str) {
        self.number(b'(', digits.as_bytes());
    }

    fn number(&mut self, kind: u8, text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                self.out.push(kind);
                self.out.extend_from_slice(text);
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// A truth value, in version 2 the integer 1 or 0.
    pub fn boolean(&mut self, value: bool) {
        match value {
            true => self.by_protocol(b":1\r\n", b"#t\r\n"),
            false => self.by_protocol(b":0\r\n", b"#f\r\n"),
        }
    }

    /// Text with a format of three letters (`txt`, `mkd`), in version 2 a plain string. A shorter
    /// format is filled up with blanks, a longer one is cut.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        if self.protocol == Protocol::Resp2 {
            return self.bulk(text);
        }
        self.header(b'=', text.len() + 4);
        let letters = format.bytes().chain(std::iter::repeat(b' ')).take(3);
        letters.for_each(|letter| self.out.push(letter));
        self.out.push(b':');
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Marks the place of an aggregate whose length is not known yet; to be closed once.
    pub fn deferred(&mut self) -> Deferred {
        Deferred(self.out.len())
    }

    /// Makes what was written since [`deferred`](Reply::deferred) an array of `len` replies.
    pub fn close_array(&mut self, at: Deferred, len: usize) {
        self.close(at, b'*', len);
    }

    /// Makes what was written since [`deferred`](Reply::deferred) a map of `pairs`.
    pub fn close_map(&mut self, at: Deferred, pairs: usize) {
        let (kind, len) = self.map_header(pairs);
        self.close(at, kind, len);
    }

    /// Makes what was written since [`deferred`](Reply::deferred) a set of `len` replies.
    pub fn close_set(&mut self, at: Deferred, len: usize) {
        let kind = self.set_header();
        self.close(at, kind, len);
    }

    fn close(&mut self, at: Deferred, kind: u8, len: usize) {
        let mut header = Output::default();
        Reply { out: &mut header, protocol: self.protocol }.header(kind, len);
        self.out.insert(at.0, &header.take_block());
    }

    fn map_header(&self, pairs: usize) -> (u8, usize) {
        match self.protocol {
            Protocol::Resp2 => (b'*', pairs * 2),
            Protocol::Resp3 => (b'%', pairs),
        }
    }

    fn set_header(&self) -> u8 {
        match self.protocol {
            Protocol::Resp2 => b'*',
            Protocol::Resp3 => b'~',
        }
    }

    #[inline]
    fn by_protocol(&mut self, resp2: &[u8], resp3: &[u8]) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 => resp2,
            Protocol::Resp3 => resp3,
        });
    }

    /// Writes a length of one or two digits, which nearly all are, in one go.
    #[inline(always)]
    fn header(&mut self, kind: u8, len: usize) {
        match u8::try_from(len) {
            Ok(len) if len < 10 => {
                self.out.extend_from_slice(&[kind, b'0' + len, b'\r', b'\n']);
            }
            Ok(len) if len < 100 => {
                let line = [kind, b'0' + len / 10, b'0' + len % 10, b'\r', b'\n'];
                self.out.extend_from_slice(&line);
            }
            _ => {
                self.out.push(kind);
                self.out.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(protocol: Protocol, write: impl FnOnce(&mut Reply)) -> String {
        let mut out = Output::default();
        write(&mut Reply { out: &mut out, protocol });
        String::from_utf8(out.take_block()).expect("the tests write text")
    }

    type Form = (fn(&mut Reply), &'static str, &'static str);

    #[test]
    fn forms_of_both_protocols() {
        let forms: &[Form] = &[
            (|r| r.ok(), "+OK\r\n", "+OK\r\n"),
            (|r| r.null(), "$-1\r\n", "_\r\n"),
            (|r| r.null_array(), "*-1\r\n", "_\r\n"),
            (|r| r.empty_bulk(), "$0\r\n\r\n", "$0\r\n\r\n"),
            (|r| r.empty_array(), "*0\r\n", "*0\r\n"),
            (|r| r.bulk(b"abc"), "$3\r\nabc\r\n", "$3\r\nabc\r\n"),
            (|r| r.bulk_integer(-12), "$3\r\n-12\r\n", "$3\r\n-12\r\n"),
            (|r| r.map(2), "*4\r\n", "%2\r\n"),
            (|r| r.set(12), "*12\r\n", "~12\r\n"),
            (|r| r.push(3), "*3\r\n", ">3\r\n"),
            (|r| r.boolean(true), ":1\r\n", "#t\r\n"),
            (|r| r.boolean(false), ":0\r\n", "#f\r\n"),
            (|r| r.double(3.5), "$3\r\n3.5\r\n", ",3.5\r\n"),
            (|r| r.double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n"),
            (|r| r.double(f64::NAN), "$3\r\nnan\r\n", ",nan\r\n"),
            (|r| r.double_text("0.1"), "$3\r\n0.1\r\n", ",0.1\r\n"),
            (|r| r.big_number("12345"), "$5\r\n12345\r\n", "(12345\r\n"),
            (|r| r.verbatim("txt", b"hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"),
            (|r| r.verbatim("m", b""), "$0\r\n\r\n", "=4\r\nm  :\r\n"),
        ];
        for (number, (write, resp2, resp3)) in forms.iter().enumerate() {
            assert_eq!(written(Protocol::Resp2, write), *resp2, "form {number}");
            assert_eq!(written(Protocol::Resp3, write), *resp3, "form {number}");
        }
        assert_eq!(written(Protocol::Resp3, |r| r.attribute(1)), "|1\r\n");
    }

    #[test]
    fn lengths_and_integers_of_any_size() {
        for value in [0, 1, 9, 10, 42, 99, 100, 255, 256, 1000, i64::MAX] {
            let expected = format!(":{value}\r\n:-{value}\r\n").replace("-0", "0");
            let text = written(Protocol::Resp2, |r| {
                r.integer(value);
                r.integer(-value);
            });
            assert_eq!(text, expected);
            let len = usize::try_from(value).expect("not negative");
            assert_eq!(written(Protocol::Resp2, |r| r.array(len)), format!("*{value}\r\n"));
        }
        assert_eq!(written(Protocol::Resp2, |r| r.integer(i64::MIN)), format!(":{}\r\n", i64::MIN));
    }

    #[test]
    fn lines_cannot_be_broken_out_of() {
        let text = written(Protocol::Resp2, |r| {
            r.error("ERR bad 'a\r\n+OK\0'\r\n");
            r.error(b"\n".as_slice());
            r.simple_bytes(b"x\ny");
        });
        assert_eq!(text, "-ERR bad 'a  +OK '\r\n-\r\n+x y\r\n");
    }

    #[test]
    fn deferred_lengths_nest() {
        let nested = |r: &mut Reply| {
            r.ok();
            let outer = r.deferred();
            r.integer(1);
            let inner = r.deferred();
            r.bulk(b"k");
            r.null();
            r.close_map(inner, 1);
            let empty = r.deferred();
            r.close_set(empty, 0);
            r.close_array(outer, 3);
        };
        let resp2 = "+OK\r\n*3\r\n:1\r\n*2\r\n$1\r\nk\r\n$-1\r\n*0\r\n";
        let resp3 = "+OK\r\n*3\r\n:1\r\n%1\r\n$1\r\nk\r\n_\r\n~0\r\n";
        assert_eq!(written(Protocol::Resp2, nested), resp2);
        assert_eq!(written(Protocol::Resp3, nested), resp3);
    }
}
