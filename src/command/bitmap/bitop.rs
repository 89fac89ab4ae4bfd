//! BITOP: bitmaps combined.
//!
//! Sources join the result one after the other, so that only one of them is looked at at a time;
//! the loops over bytes are plain enough for the compiler to turn into vector instructions.
//!
//! Invariant: the destination is written when every source has been read.

use super::{WRITE_GROWING, text_or_empty};
use crate::command::Args;
use crate::command::ctx::{Ctx, EventClass, string};
use crate::command::spec::{Arg, Categories, Command, Group, KeyFlags, KeySpec};
use crate::keyspace::Expiry;
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::{StringRef, ValueRef};

/// The rows of this file.
pub const COMMANDS: &[Command] = &[Command::new("bitop", bitop)
    .arity(-4)
    .of(Group::Bitmap)
    .flags(WRITE_GROWING)
    .acl(Categories::BITMAP)
    .keys(&[
        KeySpec::at(2).flags(KeyFlags::OW.or(KeyFlags::UPDATE)),
        KeySpec::range(3, -1, 1).flags(KeyFlags::RO.or(KeyFlags::ACCESS)),
    ])
    .summary("Performs bitwise operations on multiple strings, and stores the result.")
    .complexity("O(N)")
    .since("2.6.0")
    .args(&[
        Arg::one_of(
            "operation",
            &[
                Arg::word("and", "AND"),
                Arg::word("or", "OR"),
                Arg::word("xor", "XOR"),
                Arg::word("not", "NOT"),
            ],
        ),
        Arg::key("destkey", 0),
        Arg::key("key", 1).multiple(),
    ])];

/// BITOP <AND | OR | XOR | NOT> destkey key [key ...]
fn bitop(ctx: &mut Ctx) -> Outcome {
    let operation = Operation::parse(&ctx.args, 1)?;
    let destination = ctx.arg(2);
    if operation == Operation::Not && ctx.args.len() != 4 {
        return Err(errors::BITOP_NOT.into());
    }
    let sources = ctx.args.from(3);
    let longest = longest(ctx, sources.clone());
    ctx.state.room_for(longest)?;
    let (db, reply) = ctx.db_and_reply();
    let mut result: Option<Vec<u8>> = None;
    for key in sources {
        let mut buffer = itoa::Buffer::new();
        let source = text_or_empty(string(db.read(key))?, &mut buffer);
        match &mut result {
            None => result = Some(source.to_vec()),
            Some(result) => operation.join(result, source),
        }
    }
    let mut result = result.unwrap_or_default();
    if operation == Operation::Not {
        result.iter_mut().for_each(|byte| *byte = !*byte);
    }
    reply.integer(result.len() as i64);
    if !result.is_empty() {
        db.set_raw(destination, result, Expiry::Clear);
        ctx.modified(destination, EventClass::String, "set");
    } else if db.remove(destination) {
        ctx.modified(destination, EventClass::Generic, "del");
    }
    Ok(())
}

/// The length of the longest string among `keys`, which that of the result is.
fn longest<'a>(ctx: &mut Ctx, keys: impl Iterator<Item = &'a [u8]>) -> usize {
    let (db, _) = ctx.db_and_reply();
    let len = |key: &[u8]| match db.peek(key) {
        Some(ValueRef::String(StringRef::Str(bytes))) => bytes.len(),
        _ => 0,
    };
    keys.map(len).max().unwrap_or(0)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    fn parse(args: &Args<'_>, index: usize) -> Result<Operation, Reject> {
        let names = [
            ("AND", Operation::And),
            ("OR", Operation::Or),
            ("XOR", Operation::Xor),
            ("NOT", Operation::Not),
        ];
        let named = names.into_iter().find(|(name, _)| args.is(index, name));
        named.map(|(_, operation)| operation).ok_or(errors::SYNTAX.into())
    }

    /// Combines `result` with one more source; the shorter one goes on with zeros.
    fn join(self, result: &mut Vec<u8>, source: &[u8]) {
        if result.len() < source.len() {
            result.resize(source.len(), 0);
        }
        let (common, beyond) = result.split_at_mut(source.len());
        let pairs = common.iter_mut().zip(source);
        match self {
            Operation::And => {
                pairs.for_each(|(byte, other)| *byte &= other);
                beyond.fill(0);
            }
            Operation::Or => pairs.for_each(|(byte, other)| *byte |= other),
            Operation::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
            Operation::Not => unreachable!("NOT has one source"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_any_length_go_on_with_zeros() {
        let check = |operation: Operation, a: &[u8], b: &[u8], expected: &[u8]| {
            for (first, second) in [(a, b), (b, a)] {
                let mut result = first.to_vec();
                operation.join(&mut result, second);
                assert_eq!(result, expected, "{operation:?}");
            }
        };
        check(Operation::And, b"\xf0\xff", b"\x3c", b"\x30\x00");
        check(Operation::Or, b"\xf0\x01", b"\x3c", b"\xfc\x01");
        check(Operation::Xor, b"\xf0\x01", b"\x3c", b"\xcc\x01");
        check(Operation::And, b"\xf0", b"", b"\x00");
    }
}
