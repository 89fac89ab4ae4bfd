//! Text that people type and read: splitting a line into arguments, quoting bytes for display.
//!
//! Invariant: knows neither requests nor configuration; both read lines through it.

/// The quotes of a line do not pair up, or text follows a closing quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbalanced;

/// Splits a line into arguments as a shell would: blanks separate, `"..."` understands `\n`, `\r`,
/// `\t`, `\b`, `\a` and `\xNN`, `'...'` only `\'`. A NUL ends the line. `None` if quotes are
/// [`Unbalanced`].
pub fn split_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut args = Vec::new();
    split_args_into(line, &mut bytes, |_, arg| args.push(arg.to_vec())).ok()?;
    Some(args)
}

/// Like [`split_args`], but appends the unquoted arguments to `bytes`, back to back, and hands each
/// to `each` with its offset in `bytes`.
pub fn split_args_into(
    line: &[u8],
    bytes: &mut Vec<u8>,
    mut each: impl FnMut(usize, &[u8]),
) -> Result<(), Unbalanced> {
    let line = until_nul(line);
    let mut at = 0;
    loop {
        at += line[at..].iter().take_while(|&&byte| is_space(byte)).count();
        if at == line.len() {
            return Ok(());
        }
        let start = bytes.len();
        at = take_arg(line, at, bytes)?;
        each(start, &bytes[start..]);
    }
}

/// The part of `text` that a C string holding it would show: up to the first NUL.
pub fn until_nul(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    &text[..end]
}

/// Appends the argument that starts at `at`; returns where the rest of the line starts.
fn take_arg(line: &[u8], mut at: usize, out: &mut Vec<u8>) -> Result<usize, Unbalanced> {
    while let Some(&byte) = line.get(at) {
        at += 1;
        match byte {
            // Fewer blanks than between arguments: \v and \f are part of the argument here.
            b' ' | b'\n' | b'\r' | b'\t' => return Ok(at),
            b'"' => return take_double_quoted(line, at, out),
            b'\'' => return take_single_quoted(line, at, out),
            _ => out.push(byte),
        }
    }
    Ok(at)
}

fn take_double_quoted(line: &[u8], mut at: usize, out: &mut Vec<u8>) -> Result<usize, Unbalanced> {
    loop {
        let (byte, len) = match line[at..] {
            [] => return Err(Unbalanced),
            [b'"', ..] => return close_quote(line, at + 1),
            [b'\\', b'x', high, low, ..] => match (hex_digit(high), hex_digit(low)) {
                (Some(high), Some(low)) => (high * 16 + low, 4),
                _ => (b'x', 2),
            },
            [b'\\', escaped, ..] => (unescape(escaped), 2),
            [byte, ..] => (byte, 1),
        };
        out.push(byte);
        at += len;
    }
}

fn take_single_quoted(line: &[u8], mut at: usize, out: &mut Vec<u8>) -> Result<usize, Unbalanced> {
    loop {
        let (byte, len) = match line[at..] {
            [] => return Err(Unbalanced),
            [b'\'', ..] => return close_quote(line, at + 1),
            [b'\\', b'\'', ..] => (b'\'', 2),
            [byte, ..] => (byte, 1),
        };
        out.push(byte);
        at += len;
    }
}

/// A closing quote must be followed by a blank or by the end of the line.
fn close_quote(line: &[u8], at: usize) -> Result<usize, Unbalanced> {
    match line.get(at) {
        Some(&byte) if !is_space(byte) => Err(Unbalanced),
        _ => Ok(at),
    }
}

fn unescape(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// C's `isspace`: blank, tab, line feed, vertical tab, form feed, carriage return.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Quotes bytes for logs, MONITOR and configuration files; [`split_args`] reads them back.
pub fn repr(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for &byte in bytes {
        push_quoted(byte, &mut out);
    }
    out.push('"');
    out
}

fn push_quoted(byte: u8, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'\\' => out.push_str("\\\\"),
        b'"' => out.push_str("\\\""),
        b'\n' => out.push_str("\\n"),
        b'\r' => out.push_str("\\r"),
        b'\t' => out.push_str("\\t"),
        0x07 => out.push_str("\\a"),
        0x08 => out.push_str("\\b"),
        b' '..=b'~' => out.push(char::from(byte)),
        _ => {
            out.push_str("\\x");
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// Text as a string of JSON, with its quotes.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            letter if letter < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &[u8]) -> Option<Vec<String>> {
        let args = split_args(line)?;
        Some(args.iter().map(|arg| arg.iter().map(|&byte| char::from(byte)).collect()).collect())
    }

    #[test]
    fn splits_like_the_reference() {
        let cases: &[(&[u8], &[&str])] = &[
            (b"", &[]),
            (b" \t\r\n\x0b\x0c", &[]),
            (b"a  b\tc", &["a", "b", "c"]),
            (b"a\x0bb", &["a\x0bb"]),
            (b"\"\" ''", &["", ""]),
            (b"a\"b c\" d", &["ab c", "d"]),
            (b"\"\\n\\r\\t\\b\\a\\q\\\"\\\\\"", &["\n\r\t\x08\x07q\"\\"]),
            (b"\"\\x41\\xfF\\x4\\xzz\"", &["A\u{ff}x4xzz"]),
            (b"'\\n\\'' x", &["\\n'", "x"]),
            (b"a\\nb", &["a\\nb"]),
            (b"a\0b c", &["a"]),
        ];
        for (line, expected) in cases {
            let found = split(line).expect("quotes pair up");
            assert_eq!(found, *expected, "{}", repr(line));
        }
    }

    #[test]
    fn quotes_must_pair_up() {
        let lines: [&[u8]; 7] = [b"\"a", b"'a", b"\"a\"b", b"'a'b", b"\"a\"'b'", b"a\"", b"\"\\"];
        for line in lines {
            assert_eq!(split_args(line), None, "{}", repr(line));
        }
    }

    #[test]
    fn text_becomes_a_string_of_json() {
        assert_eq!(json("a\"b\\c\n\t\u{7f}ä"), "\"a\\\"b\\\\c\\n\\u0009\u{7f}ä\"");
    }

    #[test]
    fn quoted_bytes_are_read_back() {
        assert_eq!(repr(b"a\"\\\n\r\t\x07\x08\0\x1b\xff~ "), r#""a\"\\\n\r\t\a\b\x00\x1b\xff~ ""#);
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(split_args(repr(&all).as_bytes()), Some(vec![all]));
    }
}
