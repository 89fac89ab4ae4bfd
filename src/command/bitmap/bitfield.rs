//! BITFIELD: integers of any width up to 64 bits at any bit of a string.
//!
//! Invariant: all operations are parsed and checked before the first one runs.

use super::{BitOffset, FIELD, READ_FAST, READ_ONE, WRITE_GROWING, text_or_empty};
use crate::base::num;
use crate::command::Args;
use crate::command::ctx::{Ctx, EventClass, string};
use crate::command::spec::{Arg, Categories, Command, Group, KeyFlags, KeySpec};
use crate::resp::Reply;
use crate::resp::errors::{self, Outcome, Reject};

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("bitfield", bitfield)
        .arity(-2)
        .of(Group::Bitmap)
        .flags(WRITE_GROWING)
        .acl(Categories::BITMAP)
        .keys(&[KeySpec::at(1)
            .flags(
                KeyFlags::RW.or(KeyFlags::UPDATE).or(KeyFlags::ACCESS).or(KeyFlags::VARIABLE_FLAGS),
            )
            .notes("This command allows both access and modification of the key")])
        .extract_keys(bitfield_keys)
        .summary("Performs arbitrary bitfield integer operations on strings.")
        .complexity("O(1) for each subcommand specified")
        .since("3.2.0")
        .args(&[
            Arg::key("key", 0),
            Arg::one_of(
                "operation",
                &[
                    Arg::block("get-block", FIELD).token("GET"),
                    Arg::block(
                        "write",
                        &[
                            Arg::one_of(
                                "overflow-block",
                                &[
                                    Arg::word("wrap", "WRAP"),
                                    Arg::word("sat", "SAT"),
                                    Arg::word("fail", "FAIL"),
                                ],
                            )
                            .token("OVERFLOW")
                            .optional(),
                            Arg::one_of(
                                "write-operation",
                                &[
                                    Arg::block(
                                        "set-block",
                                        &[
                                            Arg::string("encoding"),
                                            Arg::int("offset"),
                                            Arg::int("value"),
                                        ],
                                    )
                                    .token("SET"),
                                    Arg::block(
                                        "incrby-block",
                                        &[
                                            Arg::string("encoding"),
                                            Arg::int("offset"),
                                            Arg::int("increment"),
                                        ],
                                    )
                                    .token("INCRBY"),
                                ],
                            ),
                        ],
                    ),
                ],
            )
            .optional()
            .multiple(),
        ]),
    Command::new("bitfield_ro", bitfield_ro)
        .arity(-2)
        .of(Group::Bitmap)
        .flags(READ_FAST)
        .acl(Categories::BITMAP)
        .keys(READ_ONE)
        .summary("Performs arbitrary read-only bitfield integer operations on strings.")
        .complexity("O(1) for each subcommand specified")
        .since("6.0.0")
        .args(&[
            Arg::key("key", 0),
            Arg::block("get-block", FIELD).token("GET").optional().multiple().multiple_token(),
        ]),
];

/// BITFIELD key [GET encoding offset | [OVERFLOW WRAP | SAT | FAIL] <SET encoding offset value |
/// INCRBY encoding offset increment> [GET encoding offset | [OVERFLOW WRAP | SAT | FAIL] <SET
/// encoding offset value | INCRBY encoding offset increment> ...]]
fn bitfield(ctx: &mut Ctx) -> Outcome {
    let operations = parse(&ctx.args, ctx.state.config.proto_max_bulk_len)?;
    match operations.iter().filter_map(Operation::written_len).max() {
        None => read(ctx, &operations),
        Some(len) => write(ctx, &operations, len),
    }
}

/// BITFIELD_RO key [GET encoding offset [GET encoding offset ...]]
fn bitfield_ro(ctx: &mut Ctx) -> Outcome {
    let operations = parse(&ctx.args, ctx.state.config.proto_max_bulk_len)?;
    if operations.iter().any(|operation| operation.written_len().is_some()) {
        return Err(errors::BITFIELD_RO.into());
    }
    read(ctx, &operations)
}

fn read(ctx: &mut Ctx, operations: &[Operation]) -> Outcome {
    let key = ctx.arg(1);
    let (db, reply) = ctx.db_and_reply();
    let mut buffer = itoa::Buffer::new();
    let bytes = text_or_empty(string(db.read(key))?, &mut buffer);
    reply_unchanged(reply, operations, bytes);
    Ok(())
}

/// Runs operations that reach `len` bytes far with a write.
fn write(ctx: &mut Ctx, operations: &[Operation], len: usize) -> Outcome {
    let key = ctx.arg(1);
    let (db, reply) = ctx.db_and_reply();
    let mut buffer = itoa::Buffer::new();
    let bytes = text_or_empty(string(db.write_lookup(key))?, &mut buffer);
    // Up to the first change every operation sees the string as it is now, so this is exact.
    if len <= bytes.len() && !operations.iter().any(|operation| operation.changes(bytes)) {
        reply_unchanged(reply, operations, bytes);
        db.make_raw(key);
        return Ok(());
    }
    let old_len = bytes.len();
    ctx.state.room_for(len.saturating_sub(old_len))?;
    let (db, reply) = ctx.db_and_reply();
    let bytes = db.string_mut(key, len);
    reply.array(operations.len());
    let mut stored = false;
    for operation in operations {
        let effect = operation.run(bytes);
        if let Some(new) = effect.stored {
            operation.field.store(bytes, new);
            stored = true;
        }
        reply_result(reply, effect);
    }
    // A string that only grew, because everything overflowed, counts as unchanged.
    if stored {
        ctx.modified(key, EventClass::String, "setbit");
    }
    Ok(())
}

fn reply_unchanged(reply: &mut Reply<'_>, operations: &[Operation], bytes: &[u8]) {
    reply.array(operations.len());
    for operation in operations {
        reply_result(reply, operation.run(bytes));
    }
}

fn reply_result(reply: &mut Reply<'_>, effect: Effect) {
    match effect.result {
        Some(value) => reply.integer(value),
        None => reply.null(),
    }
}

/// BITFIELD with nothing but GET (and OVERFLOW, which does nothing alone) only reads its key.
fn bitfield_keys(args: &Args<'_>, out: &mut Vec<(usize, KeyFlags)>) -> Result<(), ()> {
    let mut index = 2;
    while let Some(word) = args.get(index) {
        let operands = match word {
            word if word.eq_ignore_ascii_case(b"GET") => 2,
            word if word.eq_ignore_ascii_case(b"OVERFLOW") => 1,
            _ => break,
        };
        if index + operands >= args.len() {
            break;
        }
        index += operands + 1;
    }
    let writes = index < args.len();
    let flags = if writes { KeyFlags::RW | KeyFlags::UPDATE } else { KeyFlags::RO };
    out.push((1, flags | KeyFlags::ACCESS));
    Ok(())
}

/// Reads all operations of a call.
fn parse(args: &Args<'_>, limit: u64) -> Result<Vec<Operation>, Reject> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut index = 2;
    while index < args.len() {
        let operands = args.len() - index - 1;
        let is = |word: &str| args.is(index, word);
        if is("OVERFLOW") && operands >= 1 {
            overflow = Overflow::parse(args, index + 1)?;
            index += 2;
            continue;
        }
        let taken = if is("GET") { 3 } else { 4 };
        if operands + 1 < taken || !(is("GET") || is("SET") || is("INCRBY")) {
            return Err(errors::SYNTAX.into());
        }
        let field = Field::parse(args.at(index + 1), args.at(index + 2), limit)?;
        let action = match taken {
            3 => Action::Get,
            _ if is("SET") => Action::Set(args.int(index + 3)?),
            _ => Action::IncrBy(args.int(index + 3)?),
        };
        operations.push(Operation { field, action, overflow });
        index += taken;
    }
    Ok(operations)
}

/// What happens to a value that a field cannot hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

impl Overflow {
    fn parse(args: &Args<'_>, index: usize) -> Result<Overflow, Reject> {
        let names =
            [("WRAP", Overflow::Wrap), ("SAT", Overflow::Saturate), ("FAIL", Overflow::Fail)];
        let named = names.into_iter().find(|(name, _)| args.is(index, name));
        named.map(|(_, overflow)| overflow).ok_or(errors::BITFIELD_OVERFLOW.into())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    Get,
    Set(i64),
    IncrBy(i64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Operation {
    field: Field,
    action: Action,
    overflow: Overflow,
}

/// What an operation does to a string and replies; `None` for nothing and for null.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Effect {
    stored: Option<i64>,
    result: Option<i64>,
}

impl Operation {
    /// How long the string has to be for the operation to write; `None` if it only reads.
    fn written_len(&self) -> Option<usize> {
        (self.action != Action::Get).then(|| self.field.end())
    }

    /// Whether the operation would leave other bytes.
    fn changes(&self, bytes: &[u8]) -> bool {
        self.run(bytes).stored.is_some_and(|new| new != self.field.load(bytes))
    }

    /// The operation's effect on a string that has these bytes.
    fn run(&self, bytes: &[u8]) -> Effect {
        let old = self.field.load(bytes);
        match self.action {
            Action::Get => Effect { stored: None, result: Some(old) },
            Action::Set(value) => {
                let stored = self.field.fit(value, 0, self.overflow);
                Effect { stored, result: stored.map(|_| old) }
            }
            Action::IncrBy(increment) => {
                let stored = self.field.fit(old, increment, self.overflow);
                Effect { stored, result: stored }
            }
        }
    }
}

/// An integer in a string: where it lies, how wide it is, whether it has a sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Field {
    start: BitOffset,
    /// 1 to 64 with a sign, 1 to 63 without.
    bits: u32,
    signed: bool,
}

/// Bytes that the widest field spreads over, when it starts within a byte.
const FIELD_BYTES_MAX: usize = 9;

impl Field {
    fn parse(encoding: &[u8], offset: &[u8], limit: u64) -> Result<Field, Reject> {
        let (signed, width) = match encoding {
            [b'i', width @ ..] => (true, width),
            [b'u', width @ ..] => (false, width),
            _ => return Err(errors::BITFIELD_TYPE.into()),
        };
        let bits = num::parse_i64(width).and_then(|bits| u32::try_from(bits).ok());
        let bits = bits.filter(|bits| (1..=if signed { 64 } else { 63 }).contains(bits));
        let bits = bits.ok_or(errors::BITFIELD_TYPE)?;
        // #N is the place of the N-th field in an array of them.
        let start = match offset {
            [b'#', index @ ..] => BitOffset::parse(index, i64::from(bits), limit)?,
            _ => BitOffset::parse(offset, 1, limit)?,
        };
        Ok(Field { start, bits, signed })
    }

    /// Length of a string that ends with the field.
    fn end(&self) -> usize {
        self.start.byte + (self.start.bit + self.bits).div_ceil(8) as usize
    }

    /// The bytes that the field may touch as a number, and how many of them `bytes` has.
    fn window(&self, bytes: &[u8]) -> (u128, usize) {
        let present = bytes.get(self.start.byte..).unwrap_or_default();
        let len = present.len().min(FIELD_BYTES_MAX);
        let mut window = [0; size_of::<u128>()];
        window[..len].copy_from_slice(&present[..len]);
        (u128::from_be_bytes(window), len)
    }

    /// Bits behind the field in its window.
    fn shift(&self) -> u32 {
        u128::BITS - self.start.bit - self.bits
    }

    /// The field's value; what lies behind the string is zero.
    fn load(&self, bytes: &[u8]) -> i64 {
        let (window, _) = self.window(bytes);
        let aligned = window << self.start.bit;
        let spare = u128::BITS - self.bits;
        if self.signed {
            (aligned.cast_signed() >> spare) as i64
        } else {
            (aligned >> spare) as i64
        }
    }

    /// Stores a value that fits; the string reaches to the field's end.
    fn store(&self, bytes: &mut [u8], value: i64) {
        let (window, len) = self.window(bytes);
        let ones = u128::MAX >> (u128::BITS - self.bits);
        let mask = ones << self.shift();
        let value = (u128::from(value.cast_unsigned()) & ones) << self.shift();
        let window = (window & !mask | value).to_be_bytes();
        bytes[self.start.byte..][..len].copy_from_slice(&window[..len]);
    }

    /// `value + increment` as the field can hold it; `None` if it cannot and must fail.
    ///
    /// A `value` out of range, which only SET has, counts as too large unless it is a negative one
    /// for a signed field.
    fn fit(&self, value: i64, increment: i64, overflow: Overflow) -> Option<i64> {
        let (min, max) = self.range();
        let (above, below) = if self.signed {
            // Redis's difference wraps for values next to `i64::MIN`, which it then finds too large.
            let room = max.wrapping_sub(value);
            let narrow = self.bits < 64;
            let above = value > max || (narrow || value >= 0 && increment > 0) && increment > room;
            (above, value.checked_add(increment).is_none_or(|sum| sum < min))
        } else {
            let above = value < 0 || value > max || increment > max - value;
            (above, increment < 0 && increment < -value)
        };
        match overflow {
            _ if !above && !below => Some(value + increment),
            Overflow::Wrap => Some(self.wrap(value.wrapping_add(increment))),
            Overflow::Saturate => Some(if above { max } else { min }),
            Overflow::Fail => None,
        }
    }

    fn range(&self) -> (i64, i64) {
        let value_bits = self.bits - u32::from(self.signed);
        let max = (u64::MAX >> 1 >> (63 - value_bits)).cast_signed();
        (if self.signed { -max - 1 } else { 0 }, max)
    }

    /// The low bits of `value`, with the sign they then have.
    fn wrap(&self, value: i64) -> i64 {
        let spare = 64 - self.bits;
        let high = value << spare;
        if self.signed { high >> spare } else { (high.cast_unsigned() >> spare).cast_signed() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(encoding: &str, offset: &str) -> Field {
        Field::parse(encoding.as_bytes(), offset.as_bytes(), 1 << 20).unwrap()
    }

    #[test]
    fn every_width_at_every_bit_is_stored_and_loaded() {
        for bits in 1..=64 {
            for bit in 0..8 {
                let at = field(&format!("i{bits}"), &(16 + bit).to_string());
                for (value, ground) in [(-1, 0x00), (0, 0xff), (i64::MIN >> (64 - bits), 0x55)] {
                    let mut bytes = [ground; 12];
                    at.store(&mut bytes, value);
                    assert_eq!(at.load(&bytes), value, "i{bits} at {bit}");
                    at.store(&mut bytes, if ground == 0xff { -1 } else { 0 });
                    let untouched = |index: usize| {
                        let bit_of = |byte: u8| byte & (0x80 >> (index % 8));
                        bit_of(bytes[index / 8]) == bit_of(ground)
                    };
                    let outside = (0..16 + bit).chain(16 + bit + bits..96);
                    assert!(outside.clone().all(untouched), "i{bits} at {bit}");
                }
            }
        }
    }

    #[test]
    fn what_lies_behind_the_string_is_zero() {
        assert_eq!(field("u8", "4").load(b"\xff"), 0xf0);
        assert_eq!(field("i64", "800").load(b"abc"), 0);
    }

    #[test]
    fn encodings_and_offsets_have_limits() {
        for encoding in ["u64", "i65", "u0", "i", "x8", "", "u-1", "i08"] {
            assert!(Field::parse(encoding.as_bytes(), b"0", 100).is_err(), "{encoding}");
        }
        assert_eq!(field("u8", "#2").start, BitOffset { byte: 2, bit: 0 });
        assert!(Field::parse(b"u8", b"#100", 100).is_err());
    }

    #[test]
    fn overflow_wraps_saturates_or_fails() {
        let check = |encoding: &str, value, increment, wrapped, saturated| {
            let field = field(encoding, "0");
            assert_eq!(field.fit(value, increment, Overflow::Wrap), Some(wrapped));
            assert_eq!(field.fit(value, increment, Overflow::Saturate), Some(saturated));
            assert_eq!(field.fit(value, increment, Overflow::Fail), None);
        };
        check("u8", 250, 10, 4, 255);
        check("u8", 5, -10, 251, 0);
        check("u8", -1, 0, 255, 255);
        check("u63", i64::MAX, 1, 0, i64::MAX);
        check("i8", 120, 10, -126, 127);
        check("i8", -120, -10, 126, -128);
        check("i8", 200, 0, -56, 127);
        check("i64", i64::MAX, 1, i64::MIN, i64::MAX);
        check("i64", i64::MIN, -1, i64::MAX, i64::MIN);
        assert_eq!(field("i64", "0").fit(-5, i64::MAX, Overflow::Fail), Some(i64::MAX - 5));
        assert_eq!(field("u1", "0").fit(0, 1, Overflow::Fail), Some(1));
    }
}
