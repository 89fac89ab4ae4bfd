//! String commands: values read, written, counted and compared as bytes.
//!
//! One file per kind of access, each with its rows; here stands what they share.
//!
//! Invariant: nothing here knows about sockets, persistence or scripts.

pub mod get;
pub mod lcs;
pub mod number;
mod options;
pub mod range;
pub mod set;

use super::spec::{Arg, Flags, KeyFlags, KeySpec};
use crate::resp::Reply;
use crate::types::StringRef;

const WRITE_GROWING_FAST: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);
const WRITE_GROWING: Flags = Flags::WRITE.or(Flags::DENYOOM);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const READ_AND_UPDATE_ONE: &[KeySpec] =
    &[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::UPDATE))];
const READ_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))];
const OVERWRITE_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::OW.or(KeyFlags::UPDATE))];
const EX: Arg = Arg::int("seconds").token("EX");
const PX: Arg = Arg::int("milliseconds").token("PX");
const EXAT: Arg = Arg::unix_time("unix-time-seconds").token("EXAT");
const PXAT: Arg = Arg::unix_time("unix-time-milliseconds").token("PXAT");

/// Replies with a string as a bulk, or with null for none.
#[inline(always)]
fn reply_string(reply: &mut Reply<'_>, value: Option<StringRef<'_>>) {
    match value {
        Some(StringRef::Str(bytes)) => reply.bulk(bytes),
        Some(StringRef::Int(number)) => reply.bulk_integer(number),
        None => reply.null(),
    }
}

/// The bytes of a string; `buffer` holds them if it is stored as a number.
pub(super) fn text<'a>(value: StringRef<'a>, buffer: &'a mut itoa::Buffer) -> &'a [u8] {
    match value {
        StringRef::Str(bytes) => bytes,
        StringRef::Int(number) => buffer.format(number).as_bytes(),
    }
}

/// The bytes of a string, none for no string.
pub(super) fn text_or_empty<'a>(
    value: Option<StringRef<'a>>,
    buffer: &'a mut itoa::Buffer,
) -> &'a [u8] {
    value.map_or(&[], |value| text(value, buffer))
}

/// Whether a string has exactly these bytes.
fn equals(value: StringRef<'_>, bytes: &[u8]) -> bool {
    text(value, &mut itoa::Buffer::new()) == bytes
}

/// First and last index of what two offsets select out of `len` items: negative ones count from the
/// end, both are pulled into range. `None` when nothing is left.
pub(super) fn select(start: i64, end: i64, len: i64) -> Option<(i64, i64)> {
    let from_end = |index: i64| if index < 0 { (index + len).max(0) } else { index };
    let (first, last) = (from_end(start), from_end(end).min(len - 1));
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_select_from_either_end() {
        assert_eq!(select(0, -1, 5), Some((0, 4)));
        assert_eq!(select(-3, -2, 5), Some((2, 3)));
        assert_eq!(select(-100, 100, 5), Some((0, 4)));
        assert_eq!(select(i64::MIN, i64::MAX, 5), Some((0, 4)));
        assert_eq!(select(3, 2, 5), None);
        assert_eq!(select(5, 5, 5), None);
        assert_eq!(select(0, -1, 0), None);
    }

    #[test]
    fn a_number_equals_its_text_only() {
        assert!(equals(StringRef::Int(-5), b"-5") && equals(StringRef::Str(b"x"), b"x"));
        assert!(!equals(StringRef::Int(5), b"05") && !equals(StringRef::Str(b"x"), b"X"));
    }
}
