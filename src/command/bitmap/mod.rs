//! Bitmap commands: string values addressed by bit, the most significant bit of the first byte
//! being bit 0.
//!
//! One file per kind of access, each with its rows; here stands what they share.
//!
//! Invariant: nothing here knows about sockets, persistence or scripts.

pub mod bit;
pub mod bitfield;
pub mod bitop;
pub mod count;

use super::spec::{Arg, Flags, KeyFlags, KeySpec};
use super::string::{select, text, text_or_empty};
use crate::base::num;
use crate::resp::errors::{self, Reject};

const WRITE_GROWING: Flags = Flags::WRITE.or(Flags::DENYOOM);
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const READ_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))];
const UNIT: &[Arg] = &[Arg::word("byte", "BYTE"), Arg::word("bit", "BIT")];
const FIELD: &[Arg] = &[Arg::string("encoding"), Arg::int("offset")];

/// A place in a bitmap: the byte, and the bit in it counted from the most significant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct BitOffset {
    byte: usize,
    bit: u32,
}

impl BitOffset {
    /// Reads an offset in units of `unit` bits, whose byte lies below `limit`.
    ///
    /// # Errors
    /// Not an integer, negative, or at or beyond the limit.
    fn parse(text: &[u8], unit: i64, limit: u64) -> Result<BitOffset, Reject> {
        let offset = num::parse_i64(text).and_then(|offset| offset.checked_mul(unit));
        let offset = offset.and_then(|offset| u64::try_from(offset).ok());
        match offset {
            Some(offset) if offset / 8 < limit => {
                Ok(BitOffset { byte: (offset / 8) as usize, bit: (offset % 8) as u32 })
            }
            _ => Err(errors::BIT_OFFSET.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_stop_at_the_limit() {
        let parse = |text: &str, unit| BitOffset::parse(text.as_bytes(), unit, 8).ok();
        assert_eq!(parse("63", 1), Some(BitOffset { byte: 7, bit: 7 }));
        assert_eq!(parse("3", 5), Some(BitOffset { byte: 1, bit: 7 }));
        for text in ["64", "-1", "", "x", "9223372036854775807"] {
            assert_eq!(parse(text, 1), None, "{text}");
        }
        assert_eq!(parse("9223372036854775807", 64), None);
    }
}
