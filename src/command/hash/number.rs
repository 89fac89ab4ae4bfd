//! Fields that count.
//!
//! Invariant: a field that is no number stays what it is.

use super::{FIELD, READ_AND_UPDATE_ONE, WRITE_GROWING_FAST, effect_deadline, limits};
use crate::base::num::{self, LongDoubleError};
use crate::command::ctx::{Ctx, EventClass};
use crate::command::spec::{Arg, Categories, Command, Group};
use crate::ds::listpack::Item;
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::hash::{Hash, Ttl};

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("hincrby", hincrby)
        .arity(4)
        .of(Group::Hash)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::HASH)
        .keys(READ_AND_UPDATE_ONE)
        .element(2)
        .summary(
            "Increments the integer value of a field in a hash by a number. Uses 0 as initial \
             value if the field doesn't exist.",
        )
        .complexity("O(1)")
        .since("2.0.0")
        .args(&[Arg::key("key", 0), FIELD, Arg::int("increment")]),
    Command::new("hincrbyfloat", hincrbyfloat)
        .arity(4)
        .of(Group::Hash)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::HASH)
        .keys(READ_AND_UPDATE_ONE)
        .element(2)
        .summary(
            "Increments the floating point value of a field by a number. Uses 0 as initial \
             value if the field doesn't exist.",
        )
        .complexity("O(1)")
        .since("2.6.0")
        .args(&[Arg::key("key", 0), FIELD, Arg::double("increment")]),
];

/// HINCRBY key field increment
fn hincrby(ctx: &mut Ctx) -> Outcome {
    let (key, field) = (ctx.arg(1), ctx.arg(2));
    let increment = ctx.args.int(3)?;
    let (now, limits) = (ctx.state.keyspace.horizon(), limits(&ctx.state.config));
    let add = |hash: &mut Hash| -> Result<_, Reject> {
        let found = hash.as_ref().get(field, now);
        let (is_new, old) = match found.unwrap_or(Item::Int(0)) {
            Item::Int(number) => (found.is_none(), number),
            Item::Text(text) => (false, num::parse_i64(text).ok_or(errors::HASH_NOT_AN_INTEGER)?),
        };
        let new = old.checked_add(increment).ok_or(errors::OVERFLOW)?;
        let mut buffer = itoa::Buffer::new();
        hash.set(field, buffer.format(new).as_bytes(), Ttl::Keep, now, limits);
        Ok((is_new, new))
    };
    let (is_new, new) = ctx.db().change(key, add)?.0?;
    ctx.modified(key, EventClass::Hash, "hincrby");
    if is_new {
        // A replay may find an old field there: nothing expires by itself in it.
        ctx.effect_with(&[b"HSET", key, field], new);
    }
    ctx.reply.integer(new);
    Ok(())
}

/// HINCRBYFLOAT key field increment
fn hincrbyfloat(ctx: &mut Ctx) -> Outcome {
    let (key, field, increment) = (ctx.arg(1), ctx.arg(2), ctx.arg(3));
    num::long_double_add(increment, b"0").map_err(|error| match error {
        LongDoubleError::NotANumber => errors::NOT_A_FLOAT,
        LongDoubleError::NotFinite => errors::HASH_NAN_OR_INFINITY,
    })?;
    let (now, limits) = (ctx.state.keyspace.horizon(), limits(&ctx.state.config));
    let add = |hash: &mut Hash| -> Result<_, Reject> {
        let mut buffer = itoa::Buffer::new();
        let old = hash.as_ref().get(field, now).unwrap_or(Item::Int(0)).text(&mut buffer);
        let new = num::long_double_add(old, increment).map_err(|error| match error {
            LongDoubleError::NotANumber => errors::HASH_NOT_A_FLOAT,
            LongDoubleError::NotFinite => errors::NAN_OR_INFINITY,
        })?;
        hash.set(field, new.as_bytes(), Ttl::Keep, now, limits);
        Ok((new, hash.as_ref().deadline(field, now).flatten()))
    };
    let (new, deadline) = ctx.db().change(key, add)?.0?;
    ctx.modified(key, EventClass::Hash, "hincrbyfloat");
    ctx.effect(&[b"HSET", key, field, new.as_bytes()]);
    if deadline.is_some() {
        effect_deadline(ctx, key, deadline, &[field]);
    }
    ctx.reply.bulk(new.as_bytes());
    Ok(())
}
