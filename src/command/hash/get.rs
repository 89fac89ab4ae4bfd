//! Fields read by name, and hashes read whole.
//!
//! Invariant: changes nothing.

use super::{FIELD, LOOK_AT_ONE, READ_FAST, READ_ONE, reply_value};
use crate::command::ctx::Ctx;
use crate::command::item::add_item;
use crate::command::spec::{Arg, Categories, Command, Flags, Group};
use crate::ds::listpack::Item;
use crate::resp::errors::Outcome;

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("hget", hget)
        .arity(3)
        .of(Group::Hash)
        .flags(READ_FAST)
        .acl(Categories::HASH)
        .keys(READ_ONE)
        .element(2)
        .summary("Returns the value of a field in a hash.")
        .complexity("O(1)")
        .since("2.0.0")
        .args(&[Arg::key("key", 0), FIELD]),
    Command::new("hmget", hmget)
        .arity(-3)
        .of(Group::Hash)
        .flags(READ_FAST)
        .acl(Categories::HASH)
        .keys(READ_ONE)
        .summary("Returns the values of all fields in a hash.")
        .complexity("O(N) where N is the number of fields being requested.")
        .since("2.0.0")
        .args(&[Arg::key("key", 0), FIELD.multiple()]),
    Command::new("hexists", hexists)
        .arity(3)
        .of(Group::Hash)
        .flags(READ_FAST)
        .acl(Categories::HASH)
        .keys(LOOK_AT_ONE)
        .element(2)
        .summary("Determines whether a field exists in a hash.")
        .complexity("O(1)")
        .since("2.0.0")
        .args(&[Arg::key("key", 0), FIELD]),
    Command::new("hstrlen", hstrlen)
        .arity(3)
        .of(Group::Hash)
        .flags(READ_FAST)
        .acl(Categories::HASH)
        .keys(LOOK_AT_ONE)
        .summary("Returns the length of the value of a field.")
        .complexity("O(1)")
        .since("3.2.0")
        .args(&[Arg::key("key", 0), FIELD]),
    Command::new("hlen", hlen)
        .arity(2)
        .of(Group::Hash)
        .flags(READ_FAST)
        .acl(Categories::HASH)
        .keys(LOOK_AT_ONE)
        .summary("Returns the number of fields in a hash.")
        .complexity("O(1)")
        .since("2.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("hgetall", hgetall)
        .arity(2)
        .of(Group::Hash)
        .flags(Flags::READONLY)
        .acl(Categories::HASH)
        .keys(READ_ONE)
        .summary("Returns all fields and values in a hash.")
        .complexity("O(N) where N is the size of the hash.")
        .since("2.0.0")
        .tips(&["nondeterministic_output_order"])
        .args(&[Arg::key("key", 0)]),
    Command::new("hkeys", hkeys)
        .arity(2)
        .of(Group::Hash)
        .flags(Flags::READONLY)
        .acl(Categories::HASH)
        .keys(READ_ONE)
        .summary("Returns all fields in a hash.")
        .complexity("O(N) where N is the size of the hash.")
        .since("2.0.0")
        .tips(&["nondeterministic_output_order"])
        .args(&[Arg::key("key", 0)]),
    Command::new("hvals", hvals)
        .arity(2)
        .of(Group::Hash)
        .flags(Flags::READONLY)
        .acl(Categories::HASH)
        .keys(READ_ONE)
        .summary("Returns all values in a hash.")
        .complexity("O(N) where N is the size of the hash.")
        .since("2.0.0")
        .tips(&["nondeterministic_output_order"])
        .args(&[Arg::key("key", 0)]),
];

/// HGET key field
fn hget(ctx: &mut Ctx) -> Outcome {
    let (key, field) = (ctx.arg(1), ctx.arg(2));
    let (hash, now, reply) = ctx.hash_and_reply(key)?;
    reply_value(reply, hash.and_then(|hash| hash.get(field, now)));
    Ok(())
}

/// HMGET key field [field ...]
fn hmget(ctx: &mut Ctx) -> Outcome {
    reply_fields(ctx, 2)
}

/// Replies with the values of the fields from argument `first` on.
pub(super) fn reply_fields(ctx: &mut Ctx, first: usize) -> Outcome {
    let (key, fields) = (ctx.arg(1), ctx.args.from(first));
    let (hash, now, reply) = ctx.hash_and_reply(key)?;
    reply.array(fields.len());
    for field in fields {
        reply_value(reply, hash.and_then(|hash| hash.get(field, now)));
    }
    Ok(())
}

/// HEXISTS key field
fn hexists(ctx: &mut Ctx) -> Outcome {
    let (key, field) = (ctx.arg(1), ctx.arg(2));
    let (hash, now, reply) = ctx.hash_and_reply(key)?;
    let found = hash.is_some_and(|hash| hash.get(field, now).is_some());
    reply.integer(i64::from(found));
    Ok(())
}

/// HSTRLEN key field
fn hstrlen(ctx: &mut Ctx) -> Outcome {
    let (key, field) = (ctx.arg(1), ctx.arg(2));
    let (hash, now, reply) = ctx.hash_and_reply(key)?;
    let value = hash.and_then(|hash| hash.get(field, now));
    let len = value.map_or(0, |value| value.text(&mut itoa::Buffer::new()).len());
    reply.integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(())
}

/// HLEN key
fn hlen(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let (hash, now, reply) = ctx.hash_and_reply(key)?;
    let len = hash.map_or(0, |hash| hash.len(now));
    reply.integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(())
}

/// HGETALL key
fn hgetall(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let (hash, now, reply) = ctx.hash_and_reply(key)?;
    reply.map(hash.map_or(0, |hash| hash.len(now)));
    if let Some(hash) = hash {
        let mut strings = reply.strings();
        hash.iter(now).for_each(|(field, value)| {
            add_item(&mut strings, field);
            add_item(&mut strings, value);
        });
    }
    Ok(())
}

/// HKEYS key
fn hkeys(ctx: &mut Ctx) -> Outcome {
    reply_column(ctx, |(field, _)| field)
}

/// HVALS key
fn hvals(ctx: &mut Ctx) -> Outcome {
    reply_column(ctx, |(_, value)| value)
}

/// Replies with all fields or all values.
fn reply_column(
    ctx: &mut Ctx,
    column: impl for<'a> Fn((Item<'a>, Item<'a>)) -> Item<'a>,
) -> Outcome {
    let key = ctx.arg(1);
    let (hash, now, reply) = ctx.hash_and_reply(key)?;
    reply.array(hash.map_or(0, |hash| hash.len(now)));
    if let Some(hash) = hash {
        let mut strings = reply.strings();
        hash.iter(now).for_each(|pair| add_item(&mut strings, column(pair)));
    }
    Ok(())
}
