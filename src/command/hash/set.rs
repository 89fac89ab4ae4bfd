//! Fields set and removed.
//!
//! Invariant: all conditions are checked before the first field is written.

use super::{
    DELETE_ONE, FIELD, INSERT_ONE, PAIRS, UPDATE_ONE, WRITE_FAST, WRITE_GROWING_FAST, limits,
    notify_removed,
};
use crate::command::ctx::{Ctx, EventClass};
use crate::command::spec::{Arg, Categories, Command, Group};
use crate::keyspace::After;
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::hash::{Hash, Ttl};

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("hset", hset)
        .arity(-4)
        .of(Group::Hash)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::HASH)
        .keys(UPDATE_ONE)
        .element(2)
        .summary("Creates or modifies the value of a field in a hash.")
        .complexity(
            "O(1) for each field/value pair added, so O(N) to add N field/value pairs when \
             the command is called with multiple field/value pairs.",
        )
        .since("2.0.0")
        .history(&[("4.0.0", "Accepts multiple `field` and `value` arguments.")])
        .args(&[Arg::key("key", 0), PAIRS]),
    Command::new("hmset", hmset)
        .arity(-4)
        .of(Group::Hash)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::HASH)
        .keys(UPDATE_ONE)
        .summary("Sets the values of multiple fields.")
        .complexity("O(N) where N is the number of fields being set.")
        .since("2.0.0")
        .deprecated("4.0.0", "`HSET` with multiple field-value pairs")
        .args(&[Arg::key("key", 0), PAIRS]),
    Command::new("hsetnx", hsetnx)
        .arity(4)
        .of(Group::Hash)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::HASH)
        .keys(INSERT_ONE)
        .element(2)
        .summary("Sets the value of a field in a hash only when the field doesn't exist.")
        .complexity("O(1)")
        .since("2.0.0")
        .args(&[Arg::key("key", 0), FIELD, Arg::string("value")]),
    Command::new("hdel", hdel)
        .arity(-3)
        .of(Group::Hash)
        .flags(WRITE_FAST)
        .acl(Categories::HASH)
        .keys(DELETE_ONE)
        .element(2)
        .summary(
            "Deletes one or more fields and their values from a hash. Deletes the hash if no \
             fields remain.",
        )
        .complexity("O(N) where N is the number of fields to be removed.")
        .since("2.0.0")
        .history(&[("2.4.0", "Accepts multiple `field` arguments.")])
        .args(&[Arg::key("key", 0), FIELD.multiple()]),
];

/// HSET key field value [field value ...]
fn hset(ctx: &mut Ctx) -> Outcome {
    let created = set_all(ctx, "hset")?;
    ctx.reply.integer(created);
    Ok(())
}

/// HMSET key field value [field value ...]
fn hmset(ctx: &mut Ctx) -> Outcome {
    set_all(ctx, "hmset")?;
    ctx.reply.ok();
    Ok(())
}

/// Sets the fields that the arguments name; returns how many were not there.
fn set_all(ctx: &mut Ctx, command: &str) -> Result<i64, Reject> {
    if ctx.args.len() % 2 == 1 {
        return Err(errors::wrong_arity(command));
    }
    let (key, args) = (ctx.arg(1), ctx.args);
    let (now, limits) = (ctx.state.keyspace.horizon(), limits(&ctx.state.config));
    let (created, _) = ctx.db().change(key, |hash: &mut Hash| {
        hash.make_room(args.from(2), limits);
        let pairs = (2..args.len()).step_by(2).map(|at| (args.at(at), args.at(at + 1)));
        let is_new = |(field, value)| hash.set(field, value, Ttl::Clear, now, limits);
        pairs.map(is_new).map(i64::from).sum()
    })?;
    ctx.modified(key, EventClass::Hash, "hset");
    ctx.count_changes((args.len() - 2) / 2);
    Ok(created)
}

/// HSETNX key field value
fn hsetnx(ctx: &mut Ctx) -> Outcome {
    let (key, field, value) = (ctx.arg(1), ctx.arg(2), ctx.arg(3));
    let (now, limits) = (ctx.state.keyspace.horizon(), limits(&ctx.state.config));
    let (created, _) = ctx.db().change(key, |hash: &mut Hash| {
        let is_new = hash.as_ref().get(field, now).is_none();
        if is_new {
            hash.make_room([field, value].into_iter(), limits);
            hash.set(field, value, Ttl::Clear, now, limits);
        }
        is_new
    })?;
    ctx.reply.integer(i64::from(created));
    if created {
        ctx.modified(key, EventClass::Hash, "hset");
        ctx.effect(&[b"HSET", key, field, value]);
    }
    Ok(())
}

/// HDEL key field [field ...]
fn hdel(ctx: &mut Ctx) -> Outcome {
    let (key, fields) = (ctx.arg(1), ctx.args.from(2));
    let now = ctx.state.keyspace.horizon();
    let remove = |hash: &mut Hash| fields.filter(|field| hash.remove(field, now)).count();
    let (removed, after) = ctx.db().change_old(key, remove)?.unwrap_or((0, After::Absent));
    ctx.reply.integer(i64::try_from(removed).unwrap_or(i64::MAX));
    notify_removed(ctx, key, removed, after);
    Ok(())
}
