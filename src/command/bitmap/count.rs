//! Bits counted and searched, a word at a time: BITCOUNT and BITPOS.
//!
//! Both units of a range become a range of bits here; only its first and last byte need a mask.
//!
//! Invariant: reads only.

use super::{READ_ONE, UNIT, select, text};
use crate::command::Args;
use crate::command::ctx::{Ctx, string};
use crate::command::spec::{Arg, Categories, Command, Flags, Group};
use crate::resp::errors::{self, Outcome, Reject};

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("bitcount", bitcount)
        .arity(-2)
        .of(Group::Bitmap)
        .flags(Flags::READONLY)
        .acl(Categories::BITMAP)
        .keys(READ_ONE)
        .summary("Counts the number of set bits (population counting) in a string.")
        .complexity("O(N)")
        .since("2.6.0")
        .history(&[
            ("7.0.0", "Added the `BYTE|BIT` option."),
            ("8.0.0", "Made the `end` argument optional."),
        ])
        .args(&[
            Arg::key("key", 0),
            Arg::block(
                "range",
                &[
                    Arg::int("start"),
                    Arg::block(
                        "end-unit-block",
                        &[Arg::int("end"), Arg::one_of("unit", UNIT).since("7.0.0").optional()],
                    )
                    .since("8.0.0")
                    .optional(),
                ],
            )
            .optional(),
        ]),
    Command::new("bitpos", bitpos)
        .arity(-3)
        .of(Group::Bitmap)
        .flags(Flags::READONLY)
        .acl(Categories::BITMAP)
        .keys(READ_ONE)
        .summary("Finds the first set (1) or clear (0) bit in a string.")
        .complexity("O(N)")
        .since("2.8.7")
        .history(&[("7.0.0", "Added the `BYTE|BIT` option.")])
        .args(&[
            Arg::key("key", 0),
            Arg::int("bit"),
            Arg::block(
                "range",
                &[
                    Arg::int("start"),
                    Arg::block(
                        "end-unit-block",
                        &[Arg::int("end"), Arg::one_of("unit", UNIT).since("7.0.0").optional()],
                    )
                    .optional(),
                ],
            )
            .optional(),
        ]),
];

/// BITCOUNT key [start [end [BYTE | BIT]]]
fn bitcount(ctx: &mut Ctx) -> Outcome {
    let (args, key) = (ctx.args, ctx.arg(1));
    let (db, reply) = ctx.db_and_reply();
    // As in Redis a missing key hides what is wrong with the range.
    let Some(value) = string(db.read(key))? else {
        reply.integer(0);
        return Ok(());
    };
    let mut buffer = itoa::Buffer::new();
    let bytes = text(value, &mut buffer);
    let range = match args.len() {
        2 => Bits::all(bytes),
        3..=5 => count_range(&args, bytes)?,
        _ => return Err(errors::SYNTAX.into()),
    };
    reply.integer(range.map_or(0, |range| range.count(bytes)));
    Ok(())
}

fn count_range(args: &Args<'_>, bytes: &[u8]) -> Result<Option<Bits>, Reject> {
    let start = args.int(2)?;
    let end = if args.len() > 3 { args.int(3)? } else { -1 };
    // Both before the first item, in the wrong order: pulled into range they would name that item.
    if start < 0 && end < 0 && start > end {
        return Ok(None);
    }
    let unit = if args.len() > 4 { Unit::parse(args, 4)? } else { Unit::Byte };
    Ok(Bits::between(start, end, unit, bytes))
}

/// BITPOS key bit [start [end [BYTE | BIT]]]
fn bitpos(ctx: &mut Ctx) -> Outcome {
    let (args, key) = (ctx.args, ctx.arg(1));
    let wanted = match args.int(2)? {
        0 => false,
        1 => true,
        _ => return Err(errors::BIT_ARGUMENT.into()),
    };
    let (db, reply) = ctx.db_and_reply();
    let Some(value) = string(db.read(key))? else {
        // A missing key is an endless row of zeros.
        reply.integer(if wanted { -1 } else { 0 });
        return Ok(());
    };
    let mut buffer = itoa::Buffer::new();
    let bytes = text(value, &mut buffer);
    let range = match args.len() {
        3 => Bits::all(bytes),
        4..=6 => position_range(&args, bytes)?,
        _ => return Err(errors::SYNTAX.into()),
    };
    let found = range.and_then(|range| range.position(bytes, wanted));
    // Without an end the string goes on with zeros.
    let behind = range.filter(|_| !wanted && args.len() < 5).map(|_| bytes.len() * 8);
    reply.integer(found.or(behind).map_or(-1, |position| position as i64));
    Ok(())
}

fn position_range(args: &Args<'_>, bytes: &[u8]) -> Result<Option<Bits>, Reject> {
    let start = args.int(3)?;
    let unit = if args.len() > 5 { Unit::parse(args, 5)? } else { Unit::Byte };
    let end = if args.len() > 4 { args.int(4)? } else { -1 };
    Ok(Bits::between(start, end, unit, bytes))
}

/// What the ends of a range count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unit {
    Byte,
    Bit,
}

impl Unit {
    fn parse(args: &Args<'_>, index: usize) -> Result<Unit, Reject> {
        let names = [("BIT", Unit::Bit), ("BYTE", Unit::Byte)];
        let named = names.into_iter().find(|(name, _)| args.is(index, name));
        named.map(|(_, unit)| unit).ok_or(errors::SYNTAX.into())
    }
}

/// A range of bits within a string, never empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Bits {
    first: usize,
    last: usize,
}

impl Bits {
    /// All bits of a string; `None` if it is empty.
    fn all(bytes: &[u8]) -> Option<Bits> {
        Bits::between(0, -1, Unit::Byte, bytes)
    }

    /// The bits of a string that lie between two ends; negative ones count from behind.
    fn between(start: i64, end: i64, unit: Unit, bytes: &[u8]) -> Option<Bits> {
        let bits = match unit {
            Unit::Byte => 8,
            Unit::Bit => 1,
        };
        let (first, last) = select(start, end, (bytes.len() * 8 / bits) as i64)?;
        Some(Bits { first: first as usize * bits, last: (last as usize + 1) * bits - 1 })
    }

    /// The first and the last byte with the masks of their bits in the range.
    fn edges(self) -> ((usize, u8), (usize, u8)) {
        let head = 0xff >> (self.first % 8);
        let tail = 0xff << (7 - self.last % 8);
        ((self.first / 8, head), (self.last / 8, tail))
    }

    /// Number of bits set.
    fn count(self, bytes: &[u8]) -> i64 {
        let ((first, head), (last, tail)) = self.edges();
        if first == last {
            return i64::from((bytes[first] & head & tail).count_ones());
        }
        let edges = (bytes[first] & head).count_ones() + (bytes[last] & tail).count_ones();
        i64::from(edges) + count_ones(&bytes[first + 1..last])
    }

    /// Position in the string of the first bit that is `wanted`.
    fn position(self, bytes: &[u8], wanted: bool) -> Option<usize> {
        let flip = if wanted { 0 } else { 0xff };
        let at_edge = |byte: usize, mask: u8| {
            let found = (bytes[byte] ^ flip) & mask;
            (found != 0).then(|| byte * 8 + found.leading_zeros() as usize)
        };
        let ((first, head), (last, tail)) = self.edges();
        if first == last {
            return at_edge(first, head & tail);
        }
        let inner = || {
            let position = position(&bytes[first + 1..last], wanted)?;
            Some((first + 1) * 8 + position)
        };
        at_edge(first, head).or_else(inner).or_else(|| at_edge(last, tail))
    }
}

/// Number of bits set.
fn count_ones(bytes: &[u8]) -> i64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words: u64 =
        words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    let rest: u32 = rest.iter().map(|byte| byte.count_ones()).sum();
    words as i64 + i64::from(rest)
}

/// Position of the first bit that is `wanted`.
fn position(bytes: &[u8], wanted: bool) -> Option<usize> {
    let flip = if wanted { 0 } else { u64::MAX };
    let (words, rest) = bytes.as_chunks::<8>();
    let skipped = words.iter().take_while(|word| u64::from_ne_bytes(**word) ^ flip == 0).count();
    let mut last = [flip as u8; 8];
    let next = words.get(skipped).unwrap_or_else(|| {
        last[..rest.len()].copy_from_slice(rest);
        // What follows the last bytes is the opposite of what is wanted.
        last[rest.len()..].fill(flip as u8);
        &last
    });
    let found = u64::from_be_bytes(*next) ^ flip;
    (found != 0).then(|| skipped * 64 + found.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bit(bytes: &[u8], index: usize) -> bool {
        bytes[index / 8] & (0x80 >> (index % 8)) != 0
    }

    fn sample(len: usize, seed: usize) -> Vec<u8> {
        let mix = |index: usize| (index + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
        (0..len).map(|index| mix(index) as u8).collect()
    }

    #[test]
    fn every_range_counts_as_bit_by_bit() {
        let bytes = sample(40, 1);
        for first in (0..320).step_by(7) {
            for last in first..320 {
                let plain = (first..=last).filter(|index| bit(&bytes, *index)).count();
                assert_eq!(Bits { first, last }.count(&bytes), plain as i64, "{first}..={last}");
            }
        }
    }

    #[test]
    fn every_range_is_searched_as_bit_by_bit() {
        let mut bytes = vec![0xff; 30];
        for (wanted, hit) in [(false, 0xfb), (true, 0x04)] {
            for place in [0, 3, 11, 29] {
                bytes.fill(if wanted { 0 } else { 0xff });
                bytes[place] = hit;
                for first in 0..240 {
                    for last in [first, first + 5, first + 70, 239] {
                        let last = last.min(239);
                        let plain = (first..=last).find(|index| bit(&bytes, *index) == wanted);
                        assert_eq!(Bits { first, last }.position(&bytes, wanted), plain);
                    }
                }
            }
        }
    }

    #[test]
    fn ranges_are_cut_to_the_string() {
        assert_eq!(Bits::all(b""), None);
        assert_eq!(Bits::all(b"ab"), Some(Bits { first: 0, last: 15 }));
        assert_eq!(Bits::between(-1, 9, Unit::Byte, b"ab"), Some(Bits { first: 8, last: 15 }));
        assert_eq!(Bits::between(-3, -2, Unit::Bit, b"ab"), Some(Bits { first: 13, last: 14 }));
        assert_eq!(Bits::between(2, 9, Unit::Byte, b"ab"), None);
    }
}
