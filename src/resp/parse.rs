//! The request parser: finds a command's arguments in the bytes received so far, in place.
//!
//! A request that is all there, which is nearly every one, is read by [`quick`] in one pass over its
//! headers. Where that stops - for want of bytes, or at anything unusual - [`resume`] takes over and
//! remembers in [`Progress`] how far it came, so that bytes arriving one by one cost no more than
//! bytes arriving together. Only `resume` judges errors.
//!
//! Replies to malformed requests are Redis 7.2's, with one exception: Redis steps over the two bytes
//! behind an argument or a length without looking at them, so a client that miscounts has the rest of
//! its data run as commands. Here, as in Valkey since 9.0.5, they must be CR LF.
//!
//! Like there, a NUL hides the rest of its line: such a line only ends when it is too long.
//!
//! Invariant: allocates by what arrived, never by what a client announced; the result does not depend
//! on how the bytes were cut into chunks; no input makes it panic.

use super::errors;
use super::limits::Limits;
use crate::base::{num::parse_i64, text};
use std::borrow::Cow;

/// An argument of a request: a byte range relative to the start of the chunk handed to [`parse`],
/// or, for inline requests, of [`Progress::inline_args`].
///
/// 32 bits do: a request as a whole stays below 4 GiB, because arguments that would take it beyond
/// are refused as [`ProtocolError::InvalidBulkLength`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

impl Span {
    /// The argument's bytes, given the chunk that was parsed.
    #[inline]
    pub fn of(self, chunk: &[u8]) -> &[u8] {
        let start = self.start as usize;
        &chunk[start..start + self.len as usize]
    }
}

/// What a call to [`parse`] found at the chunk's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A whole command: its arguments, one or more, were appended to the spans.
    Command {
        /// Bytes of the chunk that belong to it.
        consumed: usize,
    },
    /// A whole command on one line, typed by hand: its arguments had to be unquoted, so the spans
    /// appended refer to [`Progress::inline_args`] instead of the chunk.
    Inline {
        /// Bytes of the chunk that belong to it.
        consumed: usize,
    },
    /// Nothing to do: an empty line, `*0` or `*-1`.
    Empty {
        /// Bytes of the chunk to skip.
        consumed: usize,
    },
    /// More bytes are needed. The caller keeps those of this command and presents them again, with
    /// more behind them and the same [`Progress`].
    Incomplete {
        /// At least so many bytes (>= 1) are missing: for a long argument, all of it that is still
        /// to come. A client's claim, so memory for it should grow with what arrives.
        missing: usize,
    },
    /// The request is malformed: reply with the error, then close.
    Broken(ProtocolError),
}

/// Why a request cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The number of arguments is no number or too big.
    InvalidMultibulkLength,
    /// An argument's length is no number, negative, or above `proto-max-bulk-len`.
    InvalidBulkLength,
    /// An argument starts with this byte.
    ExpectedDollar(u8),
    /// The line with the number of arguments does not end.
    TooBigMultibulkCount,
    /// The line with an argument's length does not end.
    TooBigBulkCount,
    /// An inline request does not end.
    TooBigInline,
    /// The quotes of an inline request do not pair up.
    UnbalancedQuotes,
    /// Too many arguments for a client that has not authenticated.
    UnauthenticatedMultibulkLength,
    /// Too long an argument for a client that has not authenticated.
    UnauthenticatedBulkLength,
    /// A length or an argument is not followed by CR LF.
    InvalidCrlf,
}

impl ProtocolError {
    /// The text of the error reply, with its code: `ERR Protocol error: ...`.
    pub fn text(self) -> Cow<'static, [u8]> {
        let text = match self {
            ProtocolError::InvalidMultibulkLength => errors::INVALID_MULTIBULK_LENGTH,
            ProtocolError::InvalidBulkLength => errors::INVALID_BULK_LENGTH,
            ProtocolError::ExpectedDollar(got) => return Cow::Owned(errors::expected_dollar(got)),
            ProtocolError::TooBigMultibulkCount => errors::TOO_BIG_MULTIBULK_COUNT,
            ProtocolError::TooBigBulkCount => errors::TOO_BIG_BULK_COUNT,
            ProtocolError::TooBigInline => errors::TOO_BIG_INLINE,
            ProtocolError::UnbalancedQuotes => errors::UNBALANCED_QUOTES,
            ProtocolError::UnauthenticatedMultibulkLength => errors::UNAUTHENTICATED_MULTIBULK,
            ProtocolError::UnauthenticatedBulkLength => errors::UNAUTHENTICATED_BULK,
            ProtocolError::InvalidCrlf => errors::INVALID_CRLF,
        };
        Cow::Borrowed(text.as_bytes())
    }
}

/// How far the parsing of a command came whose bytes have not all arrived.
///
/// `Progress::default()` stands at a command's first byte; so does every progress after [`parse`]
/// returned anything but [`Step::Incomplete`]. Offsets are relative to the command's first byte,
/// which the caller keeps as the first byte of the chunk.
#[derive(Debug, Default)]
pub struct Progress {
    /// Where the next header or argument starts.
    at: usize,
    /// The line at `at` has no end before this offset.
    searched: usize,
    /// Arguments still to come; 0 until the first header is read.
    args_left: u32,
    /// Length of the argument at `at`, once its header is read.
    bulk_len: Option<u32>,
    /// The arguments found so far.
    spans: Vec<Span>,
    /// Unquoted arguments of the last inline request.
    inline: Vec<u8>,
}

impl Progress {
    /// The bytes that the spans of the last [`Step::Inline`] refer to, valid until the next
    /// [`parse`].
    pub fn inline_args(&self) -> &[u8] {
        &self.inline
    }

    /// As [`Progress::inline_args`], taken out.
    pub fn take_inline_args(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.inline)
    }

    /// Bytes at the command's start that are read, and bytes of the arguments found in them.
    pub fn read_bytes(&self) -> (usize, usize) {
        (self.at, self.spans.iter().map(|span| span.len as usize).sum())
    }

    /// Heap bytes held.
    pub fn memory(&self) -> usize {
        self.spans.capacity() * size_of::<Span>() + self.inline.capacity()
    }

    /// Whether no byte of a command has been seen.
    pub fn is_fresh(&self) -> bool {
        self.at == 0 && self.searched == 0
    }

    /// Back to a command's first byte. What a long request made the vector grow to is given back.
    fn restart(&mut self) {
        (self.at, self.searched, self.args_left, self.bulk_len) = (0, 0, 0, None);
        self.spans = Vec::new();
    }
}

/// Reads one request at the start of `chunk`.
///
/// `spans` only grows, and only with [`Step::Command`] and [`Step::Inline`], so that the arguments of
/// a pipeline can be collected in one vector.
#[inline]
pub fn parse(
    chunk: &[u8],
    progress: &mut Progress,
    spans: &mut Vec<Span>,
    limits: &Limits,
) -> Step {
    if progress.is_fresh() {
        let first_span = spans.len();
        match quick(chunk, spans, limits) {
            Ok(consumed) => return Step::Command { consumed },
            Err(stop) => {
                (progress.at, progress.args_left) = (stop.at, stop.args_left);
                progress.spans.extend(spans.drain(first_span..));
            }
        }
    }
    let step = resume(chunk, progress, spans, limits);
    if !matches!(step, Step::Incomplete { .. }) {
        progress.restart();
    }
    step
}

/// Where the quick path stopped: at a header, with so many arguments to come.
struct Stop {
    at: usize,
    args_left: u32,
}

/// Reads a request as long as it is complete and plain.
#[inline]
fn quick(chunk: &[u8], spans: &mut Vec<Span>, limits: &Limits) -> Result<usize, Stop> {
    // What lies beyond 32-bit offsets is left to the slow path.
    let chunk = &chunk[..chunk.len().min(u32::MAX as usize)];
    let Some((args, mut at)) = quick_header(chunk, 0, b'*') else {
        return Err(Stop { at: 0, args_left: 0 });
    };
    if args == 0 || args > limits.args_allowed() {
        return Err(Stop { at: 0, args_left: 0 });
    }
    let bulk_len_allowed = limits.bulk_len_allowed();
    for done in 0..args {
        let stop = Stop { at, args_left: args - done };
        let Some((len, start)) = quick_header(chunk, at, b'$') else { return Err(stop) };
        let end = start + len as usize;
        let terminated = matches!(chunk.get(end..end + 2), Some([b'\r', b'\n']));
        if !terminated || u64::from(len) > bulk_len_allowed {
            return Err(stop);
        }
        spans.push(Span { start: start as u32, len });
        at = end + 2;
    }
    Ok(at)
}

/// Reads `*12\r\n`: the number, and where the line ends. `None` means "look more closely".
#[inline(always)]
fn quick_header(chunk: &[u8], at: usize, kind: u8) -> Option<(u32, usize)> {
    let line = chunk.get(at..)?;
    // Nearly every number has one digit, or two.
    match *line {
        [first, digit @ b'0'..=b'9', b'\r', b'\n', ..] if first == kind => {
            Some((u32::from(digit - b'0'), at + 4))
        }
        [first, tens @ b'1'..=b'9', ones @ b'0'..=b'9', b'\r', b'\n', ..] if first == kind => {
            Some((u32::from(tens - b'0') * 10 + u32::from(ones - b'0'), at + 5))
        }
        _ => long_header(line, kind).map(|(value, len)| (value, at + len)),
    }
}

/// Reads a number of three digits or more with its line: the number, and the length of the line.
#[inline(never)]
fn long_header(line: &[u8], kind: u8) -> Option<(u32, usize)> {
    /// Longer numbers are left to the slow path, so that none overflows here.
    const DIGITS_MAX: usize = 8;
    let digits = line.strip_prefix(&[kind])?;
    let len = digits.iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at(len);
    if !(1..=DIGITS_MAX).contains(&len) || digits[0] == b'0' || !rest.starts_with(b"\r\n") {
        return None;
    }
    let value = digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    Some((value, len + 3))
}

/// Reads on from where `progress` stands.
#[cold]
fn resume(chunk: &[u8], progress: &mut Progress, spans: &mut Vec<Span>, limits: &Limits) -> Step {
    match chunk.first() {
        None => return Step::Incomplete { missing: 1 },
        Some(b'*') => {}
        Some(_) => return resume_inline(chunk, progress, spans, limits),
    }
    match resume_multibulk(chunk, progress, limits) {
        Ok(()) if progress.spans.is_empty() => Step::Empty { consumed: progress.at },
        Ok(()) => {
            spans.append(&mut progress.spans);
            Step::Command { consumed: progress.at }
        }
        Err(step) => step,
    }
}

/// Reads headers and arguments up to the end of the request, which `progress.at` then is.
fn resume_multibulk(chunk: &[u8], progress: &mut Progress, limits: &Limits) -> Result<(), Step> {
    if progress.args_left == 0 {
        let line = take_line(chunk, progress, limits, ProtocolError::TooBigMultibulkCount)?;
        progress.args_left = args_count(line, limits).map_err(Step::Broken)?;
    }
    while progress.args_left > 0 {
        let len = match progress.bulk_len {
            Some(len) => len,
            None => {
                let start = progress.at;
                let line = take_line(chunk, progress, limits, ProtocolError::TooBigBulkCount)?;
                let len = bulk_len(line, limits).map_err(Step::Broken)?;
                check_request_len(start, len)?;
                *progress.bulk_len.insert(len)
            }
        };
        take_bulk(chunk, progress, len)?;
    }
    Ok(())
}

/// A request must stay within 32-bit offsets, whatever its arguments add up to.
fn check_request_len(at: usize, bulk_len: u32) -> Result<(), Step> {
    const MARGIN: usize = 1 << 10; // the header, which is still to be stepped over, and the CR LF
    match u32::try_from(at.saturating_add(bulk_len as usize + MARGIN)) {
        Ok(_) => Ok(()),
        Err(_) => Err(Step::Broken(ProtocolError::InvalidBulkLength)),
    }
}

/// Steps over the argument at `progress.at`.
fn take_bulk(chunk: &[u8], progress: &mut Progress, len: u32) -> Result<(), Step> {
    let end = progress.at + len as usize;
    let Some(tail) = chunk.get(end..end + 2) else {
        return Err(Step::Incomplete { missing: end + 2 - chunk.len() });
    };
    if tail != b"\r\n" {
        return Err(Step::Broken(ProtocolError::InvalidCrlf));
    }
    progress.spans.push(Span { start: progress.at as u32, len });
    progress.at = end + 2;
    progress.searched = progress.at;
    progress.bulk_len = None;
    progress.args_left -= 1;
    Ok(())
}

/// Takes the line at `progress.at`, without its CR LF.
fn take_line<'a>(
    chunk: &'a [u8],
    progress: &mut Progress,
    limits: &Limits,
    too_long: ProtocolError,
) -> Result<&'a [u8], Step> {
    let start = progress.at;
    let end = find_line_end(chunk, progress, limits, b'\r', too_long)?;
    match chunk.get(end + 1) {
        None => Err(Step::Incomplete { missing: 1 }),
        Some(b'\n') => {
            progress.at = end + 2;
            progress.searched = progress.at;
            Ok(&chunk[start..end])
        }
        Some(_) => Err(Step::Broken(ProtocolError::InvalidCrlf)),
    }
}

/// Finds the `mark` that ends the line at `progress.at`. A NUL stops the search for good.
fn find_line_end(
    chunk: &[u8],
    progress: &mut Progress,
    limits: &Limits,
    mark: u8,
    too_long: ProtocolError,
) -> Result<usize, Step> {
    let len_max = limits.inline_len_max as usize;
    let from = progress.searched.max(progress.at);
    let unsearched = chunk.get(from..).unwrap_or_default();
    let end = from + unsearched.iter().take_while(|&&byte| byte != mark && byte != 0).count();
    progress.searched = end;
    let line_len = end - progress.at;
    match chunk.get(end) {
        Some(&byte) if byte == mark && line_len <= len_max => Ok(end),
        Some(0) if chunk.len() - progress.at <= len_max => Err(Step::Incomplete { missing: 1 }),
        None if line_len <= len_max => Err(Step::Incomplete { missing: 1 }),
        _ => Err(Step::Broken(too_long)),
    }
}

/// The number of arguments in `*N`; 0 for a request to ignore.
fn args_count(line: &[u8], limits: &Limits) -> Result<u32, ProtocolError> {
    match parse_i64(&line[1..]).map(|count| u32::try_from(count.max(0))) {
        Some(Ok(count)) if count <= limits.args_allowed() => Ok(count),
        Some(Ok(count)) if count <= limits.args_max => {
            Err(ProtocolError::UnauthenticatedMultibulkLength)
        }
        _ => Err(ProtocolError::InvalidMultibulkLength),
    }
}

/// The length of an argument in `$N`.
fn bulk_len(line: &[u8], limits: &Limits) -> Result<u32, ProtocolError> {
    let digits = match line {
        [b'$', digits @ ..] => digits,
        [other, ..] => return Err(ProtocolError::ExpectedDollar(*other)),
        [] => return Err(ProtocolError::ExpectedDollar(b'\r')),
    };
    match parse_i64(digits).map(u64::try_from) {
        Some(Ok(len)) if len > limits.bulk_len_max => Err(ProtocolError::InvalidBulkLength),
        Some(Ok(len)) if len > limits.bulk_len_allowed() => {
            Err(ProtocolError::UnauthenticatedBulkLength)
        }
        Some(Ok(len)) => u32::try_from(len).map_err(|_| ProtocolError::InvalidBulkLength),
        _ => Err(ProtocolError::InvalidBulkLength),
    }
}

/// Reads a request of one line, ended by LF or CR LF.
fn resume_inline(
    chunk: &[u8],
    progress: &mut Progress,
    spans: &mut Vec<Span>,
    limits: &Limits,
) -> Step {
    let end = match find_line_end(chunk, progress, limits, b'\n', ProtocolError::TooBigInline) {
        Ok(end) => end,
        Err(step) => return step,
    };
    let line = chunk[..end].strip_suffix(b"\r").unwrap_or(&chunk[..end]);
    progress.inline.clear();
    let split = text::split_args_into(line, &mut progress.inline, |start, arg| {
        progress.spans.push(Span { start: start as u32, len: arg.len() as u32 });
    });
    match split {
        Err(text::Unbalanced) => Step::Broken(ProtocolError::UnbalancedQuotes),
        Ok(()) if progress.spans.is_empty() => Step::Empty { consumed: end + 1 },
        Ok(()) => {
            spans.append(&mut progress.spans);
            Step::Inline { consumed: end + 1 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a connection sees: its commands, then perhaps the error that ends it.
    #[derive(Debug, Default, PartialEq)]
    struct Seen {
        commands: Vec<Vec<Vec<u8>>>,
        broken: Option<ProtocolError>,
    }

    /// Receives `chunks` the way a connection does: what is incomplete stays in front.
    fn receive<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, limits: &Limits) -> Seen {
        let (mut seen, mut progress) = (Seen::default(), Progress::default());
        let (mut kept, mut spans) = (Vec::new(), Vec::new());
        for chunk in chunks {
            kept.extend_from_slice(chunk);
            loop {
                spans.clear();
                let step = parse(&kept, &mut progress, &mut spans, limits);
                let (source, consumed) = match step {
                    Step::Command { consumed } => (&kept[..], consumed),
                    Step::Inline { consumed } => (progress.inline_args(), consumed),
                    Step::Empty { consumed } => (&kept[..], consumed),
                    Step::Incomplete { missing } => {
                        assert!(missing >= 1 && spans.is_empty());
                        break;
                    }
                    Step::Broken(error) => {
                        seen.broken = Some(error);
                        return seen;
                    }
                };
                if !spans.is_empty() {
                    seen.commands.push(spans.iter().map(|span| span.of(source).to_vec()).collect());
                }
                assert!(progress.args_left == 0 && progress.at == 0);
                kept.drain(..consumed);
            }
        }
        seen
    }

    fn at_once(bytes: &[u8], limits: &Limits) -> Seen {
        receive([bytes], limits)
    }

    fn limits() -> Limits {
        Limits::authenticated(BULK_LEN_DEFAULT)
    }

    const BULK_LEN_DEFAULT: u64 = crate::resp::BULK_LEN_DEFAULT_BYTES;

    /// Commands as `a b|c d`, an error as its text behind `!`.
    fn shown(seen: &Seen) -> String {
        let command = |args: &Vec<Vec<u8>>| args.join(&b' ');
        let lines: Vec<_> = seen.commands.iter().map(command).collect();
        let error =
            seen.broken.map(|error| [b"!", &error.text()["ERR Protocol error: ".len()..]].concat());
        String::from_utf8_lossy(&[lines, error.into_iter().collect()].concat().join(&b'|')).into()
    }

    #[test]
    fn answers_like_the_reference() {
        let cases: &[(&[u8], &str)] = &[
            (b"", ""),
            (b"*1\r\n$4\r\nPING\r\n", "PING"),
            (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n", "SET k |PING"),
            (b"*0\r\n*-1\r\n*-7\r\n\r\n\n*1\r\n$1\r\nx\r\n", "x"),
            (b"*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\0*\r\n", "ECHO \r\n\0*"),
            (b"*12\r\n", ""),
            (b"*1\r\n$4\r\nPIN", ""),
            (b"PING\r\n", "PING"),
            (b"PING\nECHO  a\tb \r\n", "PING|ECHO a b"),
            (b"set k \"a\\x41\\n\" 'it\\'s'\r\n", "set k aA\n it's"),
            (b"   \r\n\r\n", ""),
            (b"\r\r\n", ""),
            (b"set \"k\r\n", "!unbalanced quotes in request"),
            (b"set 'k'x\r\n", "!unbalanced quotes in request"),
            (b"*x\r\n", "!invalid multibulk length"),
            (b"*\r\n", "!invalid multibulk length"),
            (b"*01\r\n", "!invalid multibulk length"),
            (b"*+1\r\n", "!invalid multibulk length"),
            (b"*-0\r\n", "!invalid multibulk length"),
            (b"* 1\r\n", "!invalid multibulk length"),
            (b"*2147483648\r\n", "!invalid multibulk length"),
            (b"*99999999999999999999\r\n", "!invalid multibulk length"),
            (b"*2147483647\r\n", ""),
            (b"*1\r\n$-1\r\n", "!invalid bulk length"),
            (b"*1\r\n$\r\n", "!invalid bulk length"),
            (b"*1\r\n$00\r\n", "!invalid bulk length"),
            (b"*1\r\n$536870913\r\n", "!invalid bulk length"),
            (b"*1\r\n$536870912\r\n", ""),
            (b"*1\r\n$2000000000000\r\n", "!invalid bulk length"),
            (b"*1\r\n:4\r\nPING\r\n", "!expected '$', got ':'"),
            (b"*1\r\n\r\n", "!expected '$', got '\r'"),
            (b"*1\r\nfoo", ""),
            (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", "!expected '$', got 'f'"),
            (b"*1\r\n$4\r\nPINGxx", "!invalid CRLF in request"),
            (b"*1\r\n$4\r\nPING\rx", "!invalid CRLF in request"),
            (b"*1\rx$4\r\nPING\r\n", "!invalid CRLF in request"),
            (b"*1\r\n$4\rxPING\r\n", "!invalid CRLF in request"),
            (b"PI\0NG\r\nPING\r\n", ""),
        ];
        for (bytes, expected) in cases {
            let seen = at_once(bytes, &limits());
            assert_eq!(shown(&seen), *expected, "for {:?}", text::repr(bytes));
            let split = receive(bytes.chunks(1), &limits());
            assert_eq!(split, seen, "byte by byte: {:?}", text::repr(bytes));
        }
    }

    #[test]
    fn strangers_get_narrow_limits() {
        let narrow = Limits::UNAUTHENTICATED;
        let cases: &[(&[u8], &str)] = &[
            (b"*11\r\n", "!unauthenticated multibulk length"),
            (b"*10\r\n", ""),
            (b"*2147483648\r\n", "!invalid multibulk length"),
            (b"*1\r\n$16385\r\n", "!unauthenticated bulk length"),
            (b"*1\r\n$16384\r\n", ""),
            (b"*1\r\n$999999999\r\n", "!invalid bulk length"),
            (b"*1\r\n$4\r\nPING\r\n", "PING"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(shown(&at_once(bytes, &narrow)), *expected, "for {:?}", text::repr(bytes));
        }
    }

    #[test]
    fn lines_must_end() {
        let endless = |head: &[u8], fill: u8, len: usize| {
            let mut bytes = head.to_vec();
            bytes.resize(head.len() + len, fill);
            shown(&at_once(&bytes, &limits()))
        };
        assert_eq!(endless(b"", b'A', 65_536), "");
        assert_eq!(endless(b"", b'A', 65_537), "!too big inline request");
        assert_eq!(endless(b"*", b'1', 65_535), "");
        assert_eq!(endless(b"*", b'1', 65_536), "!too big mbulk count string");
        assert_eq!(endless(b"*\0", b'1', 65_536), "!too big mbulk count string");
        assert_eq!(endless(b"\0", b'\n', 65_536), "!too big inline request");
        assert_eq!(endless(b"*1\r\n$", b'1', 65_536), "!too big bulk count string");
        let line = [&[b'A'; 65_536][..], b"\n"].concat();
        assert_eq!(at_once(&line, &limits()).commands.len(), 1);
    }

    #[test]
    fn announces_what_is_missing() {
        let mut progress = Progress::default();
        let mut spans = vec![Span { start: 7, len: 7 }];
        let bytes = b"*2\r\n$3\r\nGET\r\n$100000\r\nabc";
        let step = parse(bytes, &mut progress, &mut spans, &limits());
        assert_eq!(step, Step::Incomplete { missing: 100_002 - 3 });
        assert_eq!(spans, [Span { start: 7, len: 7 }]);
        let whole = [&bytes[..22], &[b'v'; 100_000], b"\r\n", b"next"].concat();
        let step = parse(&whole, &mut progress, &mut spans, &limits());
        assert_eq!(step, Step::Command { consumed: 100_024 });
        let found = [Span { start: 8, len: 3 }, Span { start: 22, len: 100_000 }];
        assert_eq!(spans[1..], found);
        assert!(progress.is_fresh());
    }

    #[test]
    fn allocates_by_what_arrived() {
        let (mut progress, mut spans) = (Progress::default(), Vec::new());
        let step = parse(b"*2147483647\r\n$1\r\nx\r\n", &mut progress, &mut spans, &limits());
        assert_eq!(step, Step::Incomplete { missing: 1 });
        assert!(spans.capacity() < 64 && progress.spans.capacity() < 64);
    }

    const MIXED: &[u8] = b"*3\r\n$3\r\nSET\r\n$5\r\nkey:1\r\n$12\r\nva\r\nlue\0*1\r\n\r\nPING\r\n\r\n*0\r\n\
        *2\r\n$3\r\nGET\r\n$0\r\n\r\nset a \"b c\" 'd'\n*-1\r\n*1\r\n$11\r\nhello world\r\nECHO x\r\n";

    #[test]
    fn every_cut_gives_the_same_commands() {
        let whole = at_once(MIXED, &limits());
        assert_eq!(whole.commands.len(), 6);
        assert_eq!(receive(MIXED.chunks(1), &limits()), whole);
        for first in 0..MIXED.len() {
            for second in first..MIXED.len() {
                let chunks = [&MIXED[..first], &MIXED[first..second], &MIXED[second..]];
                assert_eq!(receive(chunks, &limits()), whole, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn long_requests_in_small_chunks_take_linear_time() {
        const ARGS: usize = 50_000;
        let bytes = [format!("*{ARGS}\r\n").as_bytes(), &b"$1\r\nx\r\n".repeat(ARGS)].concat();
        let (mut progress, mut spans) = (Progress::default(), Vec::new());
        for end in 1..bytes.len() {
            let step = parse(&bytes[..end], &mut progress, &mut spans, &limits());
            assert!(matches!(step, Step::Incomplete { .. }));
        }
        let step = parse(&bytes, &mut progress, &mut spans, &limits());
        assert_eq!(step, Step::Command { consumed: bytes.len() });
        assert_eq!(spans.len(), ARGS);
    }

    #[test]
    fn damaged_requests_neither_panic_nor_depend_on_cuts() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let alphabet = b"*$\r\n0123456789-: \"'\\x\0ab";
        for _ in 0..20_000 {
            let mut bytes = MIXED[rng.usize(..MIXED.len())..].to_vec();
            for _ in 0..rng.usize(..6) {
                let at = rng.usize(..bytes.len());
                match rng.u8(..3) {
                    0 => bytes[at] = alphabet[rng.usize(..alphabet.len())],
                    1 => bytes.insert(at, rng.u8(..)),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            let cut = rng.usize(..=bytes.len());
            let whole = at_once(&bytes, &limits());
            assert_eq!(receive([&bytes[..cut], &bytes[cut..]], &limits()), whole);
            assert_eq!(receive(bytes.chunks(1), &limits()), whole);
        }
    }
}
