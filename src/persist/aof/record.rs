//! One record of the append log: a command and its arguments as a client would send them.
//!
//! Invariant: pure functions over bytes.

/// What a record takes besides its arguments, at most: a header each, and a line end.
pub const HEADER_BYTES_MAX: usize = "$18446744073709551615\r\n\r\n".len();

/// Begins a record of `count` arguments, the command's name included.
#[inline]
pub fn open(out: &mut Vec<u8>, count: usize) {
    header(out, b'*', count);
}

/// Adds an argument to the record that was begun.
#[inline]
pub fn arg(out: &mut Vec<u8>, arg: &[u8]) {
    header(out, b'$', arg.len());
    out.extend_from_slice(arg);
    out.extend_from_slice(b"\r\n");
}

/// Appends a whole record.
pub fn push<'a>(out: &mut Vec<u8>, args: impl Iterator<Item = &'a [u8]> + Clone) {
    let add = |(count, bytes), arg: &[u8]| (count + 1, bytes + arg.len());
    let (count, bytes) = args.clone().fold((0, 0), add);
    out.reserve(bytes + (count + 1) * HEADER_BYTES_MAX);
    open(out, count);
    args.for_each(|bytes| arg(out, bytes));
}

/// Appends the record after which others apply to a database.
pub fn select(out: &mut Vec<u8>, db: usize) {
    push(out, [&b"SELECT"[..], itoa::Buffer::new().format(db).as_bytes()].into_iter());
}

/// Appends an annotation: what follows happened from this Unix time in seconds on.
pub fn annotate(out: &mut Vec<u8>, unix_s: i64) {
    out.extend_from_slice(format!("#TS:{unix_s}\r\n").as_bytes());
}

/// What a line with a checksum begins with. Redis skips lines with a `#` that stand between records.
const SUM: &[u8] = b"#CRC:";

/// A line that tells the CRC-64 of the bytes right before it, and how many those are:
/// `#CRC:4096:e9c6d914c4b8d9ca`.
pub fn checksum(bytes: u64, sum: u64) -> Vec<u8> {
    format!("#CRC:{bytes}:{sum:016x}\r\n").into_bytes()
}

/// The number of bytes and the sum that such a line tells, if `line` is one.
pub fn read_checksum(line: &[u8]) -> Option<(u64, u64)> {
    let text = std::str::from_utf8(line.strip_prefix(SUM)?).ok()?;
    let (bytes, sum) = text.trim_ascii_end().split_once(':')?;
    Some((bytes.parse().ok()?, u64::from_str_radix(sum, 16).ok()?))
}

/// Writes a line with a number. Nearly all have one or two digits.
#[inline]
fn header(out: &mut Vec<u8>, kind: u8, number: usize) {
    let digit = |value: usize| b'0' + (value % 10) as u8;
    match number {
        0..10 => out.extend_from_slice(&[kind, digit(number), b'\r', b'\n']),
        10..100 => {
            out.extend_from_slice(&[kind, digit(number / 10), digit(number), b'\r', b'\n']);
        }
        _ => {
            out.push(kind);
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_read_as_it_was_written() {
        let line = checksum(4096, 0x00c6_d914_c4b8_d9ca);
        assert_eq!(line, b"#CRC:4096:00c6d914c4b8d9ca\r\n");
        assert_eq!(read_checksum(&line), Some((4096, 0x00c6_d914_c4b8_d9ca)));
        for other in ["#TS:1700000000\r\n", "#CRC:1\r\n", "#CRC:x:1\r\n", "#CRC:1:\r\n"] {
            assert_eq!(read_checksum(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn lengths_of_any_size_are_written_plainly() {
        for len in [0, 1, 9, 10, 99, 100, 12_345] {
            let (mut out, text) = (Vec::new(), vec![b'x'; len]);
            push(&mut out, [&b"SET"[..], &text].into_iter());
            let head = format!("*2\r\n$3\r\nSET\r\n${len}\r\n");
            assert_eq!(out, [head.as_bytes(), &text, b"\r\n"].concat());
        }
    }
}
