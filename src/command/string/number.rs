//! Values as numbers: counters in 64 bits, sums in C's long double.
//!
//! Invariant: what does not fit is refused; nothing wraps around.

use super::{READ_AND_UPDATE_ONE, WRITE_GROWING_FAST, text};
use crate::base::num::{self, LongDoubleError};
use crate::command::ctx::{Ctx, EventClass, string};
use crate::command::spec::{Arg, Categories, Command, Group};
use crate::keyspace::Expiry;
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::StringRef;

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("incr", incr)
        .arity(2)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(READ_AND_UPDATE_ONE)
        .summary(
            "Increments the integer value of a key by one. Uses 0 as initial value if the key \
             doesn't exist.",
        )
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("incrby", incrby)
        .arity(3)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(READ_AND_UPDATE_ONE)
        .summary(
            "Increments the integer value of a key by a number. Uses 0 as initial value if \
             the key doesn't exist.",
        )
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0), Arg::int("increment")]),
    Command::new("incrbyfloat", incrbyfloat)
        .arity(3)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(READ_AND_UPDATE_ONE)
        .summary(
            "Increment the floating point value of a key by a number. Uses 0 as initial value \
             if the key doesn't exist.",
        )
        .complexity("O(1)")
        .since("2.6.0")
        .args(&[Arg::key("key", 0), Arg::double("increment")]),
    Command::new("decr", decr)
        .arity(2)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(READ_AND_UPDATE_ONE)
        .summary(
            "Decrements the integer value of a key by one. Uses 0 as initial value if the key \
             doesn't exist.",
        )
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("decrby", decrby)
        .arity(3)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(READ_AND_UPDATE_ONE)
        .summary(
            "Decrements a number from the integer value of a key. Uses 0 as initial value if \
             the key doesn't exist.",
        )
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0), Arg::int("decrement")]),
];

/// INCR key
fn incr(ctx: &mut Ctx) -> Outcome {
    add(ctx, 1)
}

/// INCRBY key increment
fn incrby(ctx: &mut Ctx) -> Outcome {
    let increment = ctx.args.int(2)?;
    add(ctx, increment)
}

/// DECR key
fn decr(ctx: &mut Ctx) -> Outcome {
    add(ctx, -1)
}

/// DECRBY key decrement
fn decrby(ctx: &mut Ctx) -> Outcome {
    let decrement = ctx.args.int(2)?;
    let increment = decrement.checked_neg().ok_or(errors::DECREMENT_OVERFLOW)?;
    add(ctx, increment)
}

fn add(ctx: &mut Ctx, increment: i64) -> Outcome {
    let key = ctx.arg(1);
    let (db, reply) = ctx.db_and_reply();
    let new = db.update_int(key, |old| {
        let old = match string(old)? {
            None => 0,
            Some(StringRef::Int(number)) => number,
            Some(StringRef::Str(bytes)) => num::parse_i64(bytes).ok_or(errors::NOT_AN_INTEGER)?,
        };
        old.checked_add(increment).ok_or(Reject::from(errors::OVERFLOW))
    })?;
    reply.integer(new);
    ctx.modified(key, EventClass::String, "incrby");
    Ok(())
}

/// INCRBYFLOAT key increment
fn incrbyfloat(ctx: &mut Ctx) -> Outcome {
    let (key, increment) = (ctx.arg(1), ctx.arg(2));
    let (db, reply) = ctx.db_and_reply();
    let mut buffer = itoa::Buffer::new();
    let old = string(db.write_lookup(key))?.unwrap_or(StringRef::Int(0));
    let sum = num::long_double_add(text(old, &mut buffer), increment);
    let new = sum.map_err(|error| match error {
        LongDoubleError::NotANumber => errors::NOT_A_FLOAT,
        LongDoubleError::NotFinite => errors::NAN_OR_INFINITY,
    })?;
    db.set_text(key, new.as_bytes(), Expiry::Keep);
    reply.bulk(new.as_bytes());
    ctx.modified(key, EventClass::String, "incrbyfloat");
    ctx.effect(&[b"SET", key, new.as_bytes(), b"KEEPTTL"]);
    Ok(())
}
