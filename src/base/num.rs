//! Numbers to text and back in Redis's exact formats.
//!
//! Each function names the rule it follows, because the rules differ: a counter refuses `+1` and
//! `01`, a cursor takes both; a score takes `0x10` and `inf`, never `nan`.
//!
//! Invariant: no number is accepted, rounded or printed otherwise than a Redis 7.2 client would see.
#![allow(unsafe_code)]

use crate::base::dtoa::Digits;
use crate::base::text::{is_space, until_nul};
use std::ffi::{CString, c_char, c_int};

/// Longest text of an `i64`: `-9223372036854775808`.
pub const I64_TEXT_LEN_MAX: usize = 20;

/// A counter: an optional `-`, then digits without leading zeros. No plus, no spaces, no `-0`.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if text.len() <= I64_TEXT_LEN_MAX => {}
        _ => return None,
    }
    let mut value: u64 = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// An unsigned number: a counter that is not negative, or else what C's `strtoull` reads from the
/// whole text, which adds leading blanks, zeros and signs (where `-` wraps around) and the upper half.
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    if let Some(value) = parse_i64(text) {
        return u64::try_from(value).ok();
    }
    match strtoull(text)? {
        (value, end) if end == text.len() && end > 0 => Some(value),
        _ => None,
    }
}

/// A SCAN cursor: what `strtoul` reads up to the end or a NUL. An empty text is 0, a sign is taken
/// (and wraps around), leading blanks are not.
pub fn parse_cursor(text: &[u8]) -> Option<u64> {
    if text.first().is_some_and(|&byte| is_space(byte)) {
        return None;
    }
    let (value, end) = strtoull(text)?;
    matches!(text.get(end), None | Some(0)).then_some(value)
}

/// C's `strtoull` in base 10: the value and how many bytes it took, 0 if no number is there. `None`
/// if it overflows.
fn strtoull(text: &[u8]) -> Option<(u64, usize)> {
    let blanks = text.iter().take_while(|&&byte| is_space(byte)).count();
    let signs = usize::from(matches!(text.get(blanks), Some(b'+' | b'-')));
    let negative = text.get(blanks) == Some(&b'-');
    let digits = &text[blanks + signs..];
    let digits = &digits[..digits.iter().take_while(|byte| byte.is_ascii_digit()).count()];
    if digits.is_empty() {
        return Some((0, 0));
    }
    let mut value: u64 = 0;
    for &byte in digits {
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    let value = if negative { value.wrapping_neg() } else { value };
    Some((value, blanks + signs + digits.len()))
}

/// A score or increment: what `strtod` reads from the whole text. Signs, `inf`, `infinity` in any
/// case, `1.`, `.5` and hexadecimal are taken; blanks and `nan` are not, nor is a number too big, or
/// so small that it would become zero.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    match strtod(text)? {
        (negative, Magnitude::Finite(value)) => Some(if negative { -value } else { value }),
        (negative, Magnitude::Named) => Some(if negative { -f64::INFINITY } else { f64::INFINITY }),
        (_, Magnitude::TooBig | Magnitude::TooSmall) => None,
    }
}

/// An end of a range of scores: as [`parse_f64`], and what is too big is infinite, what is too small
/// zero. Leading blanks are taken, as is no text at all, which is zero; a NUL ends the text.
pub fn parse_bound(text: &[u8]) -> Option<f64> {
    let text = until_nul(text);
    if text.is_empty() {
        return Some(0.0);
    }
    let blanks = text.iter().take_while(|&&byte| is_space(byte)).count();
    let (negative, magnitude) = strtod(&text[blanks..])?;
    let value = match magnitude {
        Magnitude::Finite(value) => value,
        Magnitude::Named | Magnitude::TooBig => f64::INFINITY,
        Magnitude::TooSmall => 0.0,
    };
    Some(if negative { -value } else { value })
}

/// A number that fits C's `long double`, as a double: infinite where it is too big for one, the
/// smallest of its sign where it is too small. Takes and refuses what [`long_double_valid`] does.
pub fn parse_long_double(text: &[u8]) -> Option<f64> {
    let (negative, magnitude) = strtod(text)?;
    let value = match magnitude {
        Magnitude::Finite(value) => value,
        Magnitude::Named => f64::INFINITY,
        _ if !long_double_valid(text) => return None,
        Magnitude::TooBig => f64::INFINITY,
        Magnitude::TooSmall => f64::from_bits(1),
    };
    Some(if negative { -value } else { value })
}

/// What a text says of a number's size.
enum Magnitude {
    Finite(f64),
    /// It says that it is infinite.
    Named,
    TooBig,
    TooSmall,
}

/// What C's `strtod` reads when it reads all of `text`: whether there is a minus, and the size. Does
/// not take blanks and not `nan`.
fn strtod(text: &[u8]) -> Option<(bool, Magnitude)> {
    let (negative, magnitude) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let magnitude = match magnitude {
        [b'+' | b'-', ..] => return None,
        [b'0', b'x' | b'X', digits @ ..] => parse_hex_magnitude(digits)?,
        _ => parse_decimal_magnitude(magnitude)?,
    };
    Some((negative, magnitude))
}

fn parse_decimal_magnitude(text: &[u8]) -> Option<Magnitude> {
    let value: f64 = fast_float2::parse(text).ok()?;
    let named = text.first().is_some_and(u8::is_ascii_alphabetic);
    let mut mantissa = text.iter().take_while(|&&byte| byte != b'e' && byte != b'E');
    Some(match value {
        _ if value.is_nan() => return None,
        _ if value.is_infinite() && named => Magnitude::Named,
        _ if value.is_infinite() => Magnitude::TooBig,
        0.0 if mantissa.any(|byte| matches!(byte, b'1'..=b'9')) => Magnitude::TooSmall,
        value => Magnitude::Finite(value),
    })
}

/// The part of a hexadecimal number behind `0x`: digits, an optional point, an optional `p` exponent.
fn parse_hex_magnitude(text: &[u8]) -> Option<Magnitude> {
    let mut mantissa: u64 = 0;
    let mut exponent: i64 = 0;
    let (mut digits, mut point) = (0u32, false);
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match char::from(byte).to_digit(16) {
            Some(digit) => {
                digits += 1;
                if mantissa >> 59 == 0 {
                    mantissa = mantissa << 4 | u64::from(digit);
                    exponent -= if point { 4 } else { 0 };
                } else {
                    // No room: what is dropped still decides the rounding, as a sticky last bit.
                    mantissa |= u64::from(digit != 0);
                    exponent += if point { 0 } else { 4 };
                }
            }
            None if byte == b'.' && !point => point = true,
            None => break,
        }
        at += 1;
    }
    let exponent = match &text[at..] {
        _ if digits == 0 => return None,
        [] => exponent,
        [b'p' | b'P', power @ ..] => exponent.saturating_add(parse_power(power)?),
        _ => return None,
    };
    if mantissa == 0 {
        return Some(Magnitude::Finite(0.0));
    }
    let beyond = if exponent > 0 { Magnitude::TooBig } else { Magnitude::TooSmall };
    Some(scale(mantissa, exponent).map_or(beyond, Magnitude::Finite))
}

/// The decimal exponent of a hexadecimal number. Anything beyond a million is as good as a million.
fn parse_power(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut power: i64 = 0;
    for &byte in digits {
        let digit = char::from(byte).to_digit(10)?;
        power = (power * 10 + i64::from(digit)).min(1 << 40);
    }
    Some(if negative { -power } else { power })
}

/// `mantissa * 2^exponent`, correctly rounded; `None` if it is out of range or becomes zero.
fn scale(mantissa: u64, exponent: i64) -> Option<f64> {
    const FRACTION_BITS: i64 = 52;
    const EXPONENT_MIN: i64 = -1074;
    let spare = i64::from(mantissa.leading_zeros());
    // The last bit of the result has this weight; subnormals share the smallest.
    let last = (exponent + 63 - spare - FRACTION_BITS).max(EXPONENT_MIN);
    let shift = last - exponent;
    let distance = u32::try_from(shift.abs()).ok()?;
    let rounded = if shift < 0 { mantissa << distance } else { round_shift(mantissa, distance) };
    // Two factors, because a power of two below 2^-1022 times a rounded integer must stay exact.
    let half = last / 2;
    let value = rounded as f64 * power_of_two(half)? * power_of_two(last - half)?;
    (value.is_finite() && value != 0.0).then_some(value)
}

/// `value / 2^shift`, to the nearest, halves to even.
fn round_shift(value: u64, shift: u32) -> u64 {
    if shift > 64 {
        return 0;
    }
    let wide = u128::from(value);
    let half = (1u128 << shift) >> 1;
    let (quotient, rest) = (wide >> shift, wide & ((1u128 << shift) - 1));
    let up = shift > 0 && (rest > half || rest == half && quotient & 1 == 1);
    (quotient + u128::from(up)) as u64
}

fn power_of_two(exponent: i64) -> Option<f64> {
    let biased = u64::try_from(exponent + 1023).ok().filter(|biased| (1..2047).contains(biased))?;
    Some(f64::from_bits(biased << 52))
}

/// Short text in place: a formatted number.
#[derive(Clone, Copy, Debug)]
pub struct NumberText {
    bytes: [u8; NumberText::CAPACITY],
    len: usize,
}

impl NumberText {
    const CAPACITY: usize = 32;

    fn new() -> NumberText {
        NumberText { bytes: [0; NumberText::CAPACITY], len: 0 }
    }

    fn push(&mut self, text: &[u8]) {
        self.bytes[self.len..self.len + text.len()].copy_from_slice(text);
        self.len += text.len();
    }

    fn push_zeros(&mut self, count: usize) {
        self.bytes[self.len..self.len + count].fill(b'0');
        self.len += count;
    }

    /// The text, always ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("only ASCII was pushed")
    }
}

impl AsRef<str> for NumberText {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for NumberText {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl std::ops::Deref for NumberText {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl std::fmt::Display for NumberText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self)
    }
}

/// A double as replies and scores show it: integers without a point, else the digits that Redis
/// finds ([`Digits`]), in plain or exponent form as Redis lays them out; `inf`, `-inf`, `nan`.
pub fn format_f64(value: f64) -> NumberText {
    let mut out = NumberText::new();
    if value.is_nan() {
        out.push(b"nan");
    } else if value.is_infinite() {
        out.push(if value < 0.0 { b"-inf" } else { b"inf" });
    } else if value == 0.0 {
        out.push(if value.is_sign_negative() { b"-0" } else { b"0" });
    } else if let Some(integer) = exact_integer(value) {
        out.push(itoa::Buffer::new().format(integer).as_bytes());
    } else {
        push_digits(value, &mut out);
    }
    out
}

/// A double as Redis prints it for people: up to 17 digits behind the point, no trailing zeros, never
/// an exponent. The value is finite.
pub fn format_plain(value: f64) -> String {
    let text = format!("{value:.17}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".to_owned(),
        short => short.to_owned(),
    }
}

/// A double as C's `%.17g` prints it.
pub fn format_g17(value: f64) -> String {
    format_g(value, 17)
}

/// A double as C's `%g` prints it with a number of significant `digits` from 1 to 17: less trailing
/// zeros, in exponent form where the exponent is below -4 or not below `digits`.
pub fn format_g(value: f64, digits: u8) -> String {
    if !value.is_finite() {
        return format_f64(value).to_string();
    }
    let scientific = format!("{value:.*e}", usize::from(digits) - 1);
    let (mantissa, exponent) = scientific.split_once('e').expect("the form has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    let without_zeros = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let digits = i32::from(digits);
    if (-4..digits).contains(&exponent) {
        let decimals = usize::try_from(digits - 1 - exponent).expect("the exponent is below that");
        return without_zeros(&format!("{value:.decimals$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.abs())
}

/// The integer equal to `value`, up to half of what an `i64` holds.
fn exact_integer(value: f64) -> Option<i64> {
    const LIMIT: f64 = (i64::MAX / 2) as f64;
    if !(-LIMIT..=LIMIT).contains(&value) {
        return None;
    }
    let integer = value as i64;
    (integer as f64 == value).then_some(integer)
}

/// Digits in the layout of the fpconv library.
fn push_digits(value: f64, out: &mut NumberText) {
    let found = Digits::of(value.abs());
    let (digits, power) = (found.text(), found.power);
    if value.is_sign_negative() {
        out.push(b"-");
    }
    let len = digits.len() as i32;
    let exponent = power + len - 1;
    if power >= 0 && exponent.abs() < len + 7 {
        out.push(digits);
        out.push_zeros(power.unsigned_abs() as usize);
    } else if power < 0 && (power > -7 || exponent.abs() < 4) {
        push_with_point(digits, len + power, out);
    } else {
        push_with_exponent(digits, exponent, out);
    }
}

/// Writes `digits` with the point behind `whole` of them; in front of all if that is not positive.
fn push_with_point(digits: &[u8], whole: i32, out: &mut NumberText) {
    match usize::try_from(whole) {
        Ok(whole) if whole > 0 => {
            out.push(&digits[..whole]);
            out.push(b".");
            out.push(&digits[whole..]);
        }
        _ => {
            out.push(b"0.");
            out.push_zeros(whole.unsigned_abs() as usize);
            out.push(digits);
        }
    }
}

fn push_with_exponent(digits: &[u8], exponent: i32, out: &mut NumberText) {
    out.push(&digits[..1]);
    if digits.len() > 1 {
        out.push(b".");
        out.push(&digits[1..]);
    }
    out.push(if exponent < 0 { b"e-" } else { b"e+" });
    out.push(itoa::Buffer::new().format(exponent.unsigned_abs()).as_bytes());
}

/// An amount of memory: digits and a unit of any case. `k`, `m`, `g` are powers of 1000; `kb`, `mb`,
/// `gb` of 1024; `b` or nothing is bytes. `None` if malformed, negative or beyond 64 bits.
pub fn parse_memory(text: &str) -> Option<u64> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(end);
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    // A unit without digits counts as zero of it, as in Redis.
    let value: u64 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    value.checked_mul(unit)
}

/// Why a sum of long doubles has no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongDoubleError {
    /// An operand is not a number.
    NotANumber,
    /// The sum is infinite or not a number.
    NotFinite,
}

/// Longest text INCRBYFLOAT reads or writes, with its end mark.
const LONG_DOUBLE_TEXT_LEN_MAX: usize = 5 * 1024;

unsafe extern "C" {
    fn sidering_long_double_valid(text: *const c_char, len: usize) -> c_int;
    fn sidering_long_double_add(
        a: *const c_char,
        a_len: usize,
        b: *const c_char,
        b_len: usize,
        out: *mut c_char,
        out_len: usize,
    ) -> c_int;
}

/// Text as `strtold` wants it; `None` if Redis would refuse it before reading.
fn long_double_text(text: &[u8]) -> Option<CString> {
    match text.first() {
        Some(&first) if !is_space(first) && text.len() < LONG_DOUBLE_TEXT_LEN_MAX => {
            CString::new(text).ok()
        }
        _ => None,
    }
}

/// Whether INCRBYFLOAT takes `text` as a number: `strtold` reads all of it, without leading blanks,
/// overflow or underflow to zero; `inf` is a number, `nan` is not.
pub fn long_double_valid(text: &[u8]) -> bool {
    // SAFETY: `text` is NUL-terminated and its length excludes the NUL; the callee only reads it.
    long_double_text(text).is_some_and(|text| unsafe {
        sidering_long_double_valid(text.as_ptr(), text.as_bytes().len()) != 0
    })
}

/// The sum of two numbers in C's `long double`, as INCRBYFLOAT prints it: up to 17 digits behind the
/// point, no trailing zeros, never an exponent.
pub fn long_double_add(a: &[u8], b: &[u8]) -> Result<String, LongDoubleError> {
    let a = long_double_text(a).ok_or(LongDoubleError::NotANumber)?;
    let b = long_double_text(b).ok_or(LongDoubleError::NotANumber)?;
    let mut out = vec![0u8; LONG_DOUBLE_TEXT_LEN_MAX];
    // SAFETY: both texts are NUL-terminated and outlive the call, which reads only them; it writes
    // at most `out.len()` bytes to `out`.
    let len = unsafe {
        let (a, a_len, b, b_len) = (a.as_ptr(), a.as_bytes().len(), b.as_ptr(), b.as_bytes().len());
        sidering_long_double_add(a, a_len, b, b_len, out.as_mut_ptr().cast(), out.len())
    };
    match len {
        -1 => Err(LongDoubleError::NotANumber),
        len => {
            out.truncate(usize::try_from(len).map_err(|_| LongDoubleError::NotFinite)?);
            String::from_utf8(out).map_err(|_| LongDoubleError::NotFinite)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seventeen_digits_are_those_of_c() {
        for (value, text) in [
            (1.0, "1"),
            (0.1, "0.10000000000000001"),
            (-2.5, "-2.5"),
            (1e17, "1e+17"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (0.0, "0"),
            (-0.0, "-0"),
            (f64::INFINITY, "inf"),
            (1e300, "1.0000000000000001e+300"),
        ] {
            assert_eq!(format_g17(value), text);
        }
    }

    #[test]
    fn plain_digits_are_those_of_c() {
        for (value, text) in [
            (13.361389338970184, "13.36138933897018433"),
            (-0.08849412202835083, "-0.08849412202835083"),
            (100.0, "100"),
            (-0.0, "0"),
            (-1e-18, "0"),
            (0.5, "0.5"),
        ] {
            assert_eq!(format_plain(value), text);
        }
    }

    #[test]
    fn counters() {
        for value in [0, 1, -1, 10, 1234567890123456789, i64::MAX, i64::MIN] {
            assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
        }
        let refused = [
            "",
            "-",
            "-0",
            "00",
            "01",
            "-01",
            "+1",
            " 1",
            "1 ",
            "1.0",
            "0x1",
            "1\0",
            "/",
            ":",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "18446744073709551616",
            "111111111111111111111",
        ];
        for text in refused {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn unsigned_numbers_and_cursors() {
        let cases: &[(&str, Option<u64>, Option<u64>)] = &[
            ("0", Some(0), Some(0)),
            ("18446744073709551615", Some(u64::MAX), Some(u64::MAX)),
            ("18446744073709551616", None, None),
            ("-1", None, Some(u64::MAX)),
            ("+7", Some(7), Some(7)),
            ("007", Some(7), Some(7)),
            (" 7", Some(7), None),
            ("", None, Some(0)),
            ("-", None, None),
            ("7x", None, None),
            ("7\0x", None, Some(7)),
        ];
        for (text, number, cursor) in cases {
            assert_eq!(parse_u64(text.as_bytes()), *number, "{text:?}");
            assert_eq!(parse_cursor(text.as_bytes()), *cursor, "{text:?}");
        }
    }

    #[test]
    fn long_doubles_reach_farther() {
        let smallest = f64::from_bits(1);
        for (text, value) in [
            ("-1.5", Some(-1.5)),
            ("inf", Some(f64::INFINITY)),
            ("1e400", Some(f64::INFINITY)),
            ("-1e400", Some(f64::NEG_INFINITY)),
            ("1e-400", Some(smallest)),
            ("-0x1p-2000", Some(-smallest)),
            ("1e5000", None),
            ("1e-5000", None),
            ("nan", None),
            (" 1", None),
            ("x", None),
        ] {
            assert_eq!(parse_long_double(text.as_bytes()), value, "{text}");
        }
    }

    #[test]
    fn scores() {
        let cases: &[(&str, Option<f64>)] = &[
            ("3.5", Some(3.5)),
            ("+.5", Some(0.5)),
            ("-5.", Some(-5.0)),
            ("1e3", Some(1000.0)),
            ("inf", Some(f64::INFINITY)),
            ("-InFiNiTy", Some(f64::NEG_INFINITY)),
            ("0x10", Some(16.0)),
            ("-0x.8p1", Some(-1.0)),
            ("0x1.fffffffffffff7p0", Some(2.0f64.next_down())),
            ("0x1.fffffffffffff8p0", Some(2.0)),
            ("0x1p-1074", Some(f64::from_bits(1))),
            ("0x1p-1075", None),
            ("0x1p1024", None),
            ("0xp1", None),
            ("0x1p", None),
            ("5e-324", Some(f64::from_bits(1))),
            ("1e-400", None),
            ("0e-400", Some(0.0)),
            ("1e400", None),
            ("nan", None),
            ("-nan", None),
            ("", None),
            (".", None),
            ("--1", None),
            (" 1", None),
            ("1 ", None),
            ("1e", None),
            ("1,5", None),
            ("infin", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_f64(text.as_bytes()), *expected, "{text:?}");
        }
    }

    #[test]
    fn ends_of_ranges() {
        let cases: &[(&str, Option<f64>)] = &[
            ("1.5", Some(1.5)),
            ("", Some(0.0)),
            ("\0x", Some(0.0)),
            (" \t-3", Some(-3.0)),
            ("7\0junk", Some(7.0)),
            ("-inf", Some(f64::NEG_INFINITY)),
            ("1e400", Some(f64::INFINITY)),
            ("-1e400", Some(f64::NEG_INFINITY)),
            ("1e-400", Some(0.0)),
            ("0x1p-1075", Some(0.0)),
            ("0x1p1024", Some(f64::INFINITY)),
            (" ", None),
            ("-", None),
            ("1 ", None),
            ("(1", None),
            ("nan", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_bound(text.as_bytes()), *expected, "{text:?}");
        }
    }

    #[test]
    fn layout_of_doubles() {
        let cases: &[(f64, &str)] = &[
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (3.5, "3.5"),
            (-0.1, "-0.1"),
            (0.000001, "0.000001"),
            (0.00001234, "1.234e-5"),
            (1e-7, "1e-7"),
            (5e10, "50000000000"),
            (4611686018427387904.0, "4611686018427387904"),
            (1e19, "1e+19"),
            (1.5e22, "1.5e+22"),
            (123456789012345680000.0, "123456789012345680000"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (-2.2250738585072014e-308, "-2.2250738585072014e-308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (-f64::NAN, "nan"),
        ];
        for (value, expected) in cases {
            assert_eq!(format_f64(*value).as_str(), *expected);
        }
    }

    #[test]
    fn a_hundred_thousand_doubles_look_as_in_redis() {
        // The digest is that of the lines which the printer of Redis 7.2.6 makes of them.
        let (mut state, mut digest) = (1u64, 0xcbf2_9ce4_8422_2325u64);
        for round in 0..100_000 {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            let bits = mixed ^ mixed >> 31;
            let value = match round % 4 {
                0 => f64::from_bits(bits),
                1 => (bits >> 40) as f64 / 1000.0,
                2 => (bits >> 11) as f64 / 9_007_199_254_740_992.0,
                _ => f64::from_bits((bits & ((1 << 52) - 1)) >> ((bits >> 59) * 2)),
            };
            if !value.is_finite() || value == 0.0 {
                continue;
            }
            let mut text = NumberText::new();
            push_digits(value, &mut text);
            for &byte in text.as_bytes().iter().chain(b"\n") {
                digest = (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
        assert_eq!(digest, 0x15fe_e0d9_b62a_3c71);
    }

    #[test]
    fn doubles_are_read_back() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..100_000 {
            let value = f64::from_bits(rng.u64(..));
            let expected = (!value.is_nan()).then_some(value.to_bits());
            let text = format_f64(value);
            assert_eq!(parse_f64(text.as_bytes()).map(f64::to_bits), expected, "{text}");
        }
    }

    #[test]
    fn amounts_of_memory() {
        let cases: &[(&str, Option<u64>)] = &[
            ("0", Some(0)),
            ("100", Some(100)),
            ("100b", Some(100)),
            ("1k", Some(1000)),
            ("1KB", Some(1024)),
            ("96mb", Some(96 << 20)),
            ("2M", Some(2_000_000)),
            ("1g", Some(1_000_000_000)),
            ("1Gb", Some(1 << 30)),
            ("", Some(0)),
            ("-1", None),
            ("1tb", None),
            ("1 kb", None),
            ("1.5gb", None),
            ("99999999999999999999", None),
            ("99999999999gb", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_memory(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn sums_of_long_doubles() {
        let cases: &[(&str, &str, &str)] = &[
            ("1", "-1.1", "-0.1"),
            ("3", "1.1", "4.1"),
            ("5.0e3", "2.0e2", "5200"),
            ("10.50", "0.1", "10.6"),
            ("1", "-1", "0"),
            ("-0", "-0", "0"),
            ("0x10", "0", "16"),
            ("1e-30", "0", "0"),
        ];
        for (a, b, sum) in cases {
            assert_eq!(long_double_add(a.as_bytes(), b.as_bytes()).as_deref(), Ok(*sum));
        }
        let not_finite = [("inf", "1"), ("inf", "-inf"), ("1e4932", "1e4932")];
        for (a, b) in not_finite {
            let sum = long_double_add(a.as_bytes(), b.as_bytes());
            assert_eq!(sum, Err(LongDoubleError::NotFinite));
        }
        let refused = ["", " 1", "1 ", "abc", "nan", "1\0", "1e5000", "1e-5000"];
        for text in refused {
            assert!(!long_double_valid(text.as_bytes()), "{text:?}");
            let sum = long_double_add(b"1", text.as_bytes());
            assert_eq!(sum, Err(LongDoubleError::NotANumber), "{text:?}");
        }
        assert!(long_double_valid(&b"0".repeat(LONG_DOUBLE_TEXT_LEN_MAX - 1)));
        assert!(!long_double_valid(&b"0".repeat(LONG_DOUBLE_TEXT_LEN_MAX)));
    }
}
