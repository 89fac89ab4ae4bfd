//! Strings that are whole numbers: recognised exactly, kept in as few bytes as they need.
//!
//! Invariant: a number is recognised only if writing it gives the same bytes again.

/// The longest text of an `i64`: a sign and 19 digits.
pub const TEXT_BYTES_MAX: usize = 20;

/// The number that `text` spells exactly as it would be written, else `None`: no plus sign, no
/// leading zeros, no spaces, no negative zero.
pub fn parse(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if text.len() <= TEXT_BYTES_MAX => {}
        _ => return None,
    }
    let mut value = 0i64;
    for &digit in digits {
        let digit = i64::from(digit.checked_sub(b'0').filter(|&digit| digit <= 9)?);
        value = value.checked_mul(10)?;
        // Counted downwards for negative numbers, which reach one further.
        value = if negative { value.checked_sub(digit)? } else { value.checked_add(digit)? };
    }
    Some(value)
}

/// The little-endian bytes of `value` and how many of them are needed: 1, 2, 4 or 8.
pub fn pack(value: i64) -> ([u8; 8], usize) {
    let len = match value {
        -0x80..=0x7f => 1,
        -0x8000..=0x7fff => 2,
        -0x8000_0000..=0x7fff_ffff => 4,
        _ => 8,
    };
    (value.to_le_bytes(), len)
}

/// The number that [`pack`] stored in `bytes`.
#[inline]
pub fn unpack(bytes: &[u8]) -> i64 {
    match *bytes {
        [a] => i64::from(i8::from_le_bytes([a])),
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => unreachable!("integers take 1, 2, 4 or 8 bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_spellings_are_numbers() {
        for value in [0, 1, -1, 10, i64::MAX, i64::MIN, 999_999_999_999_999_999] {
            assert_eq!(parse(value.to_string().as_bytes()), Some(value));
        }
        for text in ["", "-", "-0", "00", "01", "+1", " 1", "1 ", "1a", "9223372036854775808"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"-9223372036854775809"), None);
        assert_eq!(parse(b"100000000000000000000"), None);
    }

    #[test]
    fn packing_keeps_every_width() {
        for value in [0, 127, -128, 128, 32_767, -32_769, 1 << 31, -(1 << 31), i64::MAX, i64::MIN] {
            let (bytes, len) = pack(value);
            assert_eq!(unpack(&bytes[..len]), value);
        }
        assert_eq!((pack(127).1, pack(128).1, pack(40_000).1, pack(1 << 40).1), (1, 2, 4, 8));
    }
}
