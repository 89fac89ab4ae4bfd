//! Whole sets combined: intersections, unions and differences, replied, counted or stored.

use std::ops::ControlFlow;

use super::{WRITE_GROWING, reply_set, set};
use crate::command::ctx::{Ctx, EventClass};
use crate::command::item::reply_item;
use crate::command::spec::{
    Arg, BeginSearch, Categories, Command, FindKeys, Flags, Group, KeyFlags, KeySpec,
};
use crate::keyspace::{Db, Expiry};
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::Value;
use crate::types::set::{Limits, Set, SetRef, algebra};

const READ_ALL: &[KeySpec] = &[KeySpec::range(1, -1, 1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))];
const SOURCES: KeySpec = KeySpec::range(2, -1, 1).flags(KeyFlags::RO.or(KeyFlags::ACCESS));
const STORE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::OW.or(KeyFlags::UPDATE)), SOURCES];
const KEYS: &[Arg] = &[Arg::key("key", 0).multiple()];
const DESTINATION_AND_KEYS: &[Arg] = &[Arg::key("destination", 0), Arg::key("key", 1).multiple()];
const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("sinter", sinter)
        .arity(-2)
        .of(Group::Set)
        .flags(Flags::READONLY)
        .acl(Categories::SET)
        .keys(READ_ALL)
        .summary("Returns the intersect of multiple sets.")
        .complexity(
            "O(N*M) worst case where N is the cardinality of the smallest set and M is the number \
             of sets.",
        )
        .since("1.0.0")
        .tips(ANY_ORDER)
        .args(KEYS),
    Command::new("sintercard", sintercard)
        .arity(-3)
        .of(Group::Set)
        .flags(Flags::READONLY)
        .acl(Categories::SET)
        .keys(&[KeySpec::new(
            BeginSearch::Index(1),
            FindKeys::Count { index: 0, first: 1, step: 1 },
        )
        .flags(KeyFlags::RO.or(KeyFlags::ACCESS))])
        .summary("Returns the number of members of the intersect of multiple sets.")
        .complexity(
            "O(N*M) worst case where N is the cardinality of the smallest set and M is the number \
             of sets.",
        )
        .since("7.0.0")
        .args(&[
            Arg::int("numkeys"),
            Arg::key("key", 0).multiple(),
            Arg::int("limit").token("LIMIT").optional(),
        ]),
    Command::new("sinterstore", sinterstore)
        .arity(-3)
        .of(Group::Set)
        .flags(WRITE_GROWING)
        .acl(Categories::SET)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::UPDATE)), SOURCES])
        .summary("Stores the intersect of multiple sets in a key.")
        .complexity(
            "O(N*M) worst case where N is the cardinality of the smallest set and M is the number \
             of sets.",
        )
        .since("1.0.0")
        .args(DESTINATION_AND_KEYS),
    Command::new("sunion", sunion)
        .arity(-2)
        .of(Group::Set)
        .flags(Flags::READONLY)
        .acl(Categories::SET)
        .keys(READ_ALL)
        .summary("Returns the union of multiple sets.")
        .complexity("O(N) where N is the total number of elements in all given sets.")
        .since("1.0.0")
        .tips(ANY_ORDER)
        .args(KEYS),
    Command::new("sunionstore", sunionstore)
        .arity(-3)
        .of(Group::Set)
        .flags(WRITE_GROWING)
        .acl(Categories::SET)
        .keys(STORE)
        .summary("Stores the union of multiple sets in a key.")
        .complexity("O(N) where N is the total number of elements in all given sets.")
        .since("1.0.0")
        .args(DESTINATION_AND_KEYS),
    Command::new("sdiff", sdiff)
        .arity(-2)
        .of(Group::Set)
        .flags(Flags::READONLY)
        .acl(Categories::SET)
        .keys(READ_ALL)
        .summary("Returns the difference of multiple sets.")
        .complexity("O(N) where N is the total number of elements in all given sets.")
        .since("1.0.0")
        .tips(ANY_ORDER)
        .args(KEYS),
    Command::new("sdiffstore", sdiffstore)
        .arity(-3)
        .of(Group::Set)
        .flags(WRITE_GROWING)
        .acl(Categories::SET)
        .keys(STORE)
        .summary("Stores the difference of multiple sets in a key.")
        .complexity("O(N) where N is the total number of elements in all given sets.")
        .since("1.0.0")
        .args(DESTINATION_AND_KEYS),
];

/// SINTER key [key ...]
fn sinter(ctx: &mut Ctx) -> Outcome {
    let keys = ctx.args.from(1);
    let (db, reply) = ctx.db_and_reply();
    let Some(mut sets) = present(sets(db, keys)?) else {
        reply.set(0);
        return Ok(());
    };
    let header = reply.deferred();
    let mut count = 0;
    algebra::intersect(&mut sets, |member| {
        reply_item(reply, member);
        count += 1;
        ControlFlow::Continue(())
    });
    reply.close_set(header, count);
    Ok(())
}

/// SINTERCARD numkeys key [key ...] [LIMIT limit]
fn sintercard(ctx: &mut Ctx) -> Outcome {
    let numkeys = ctx.args.int_or(1, errors::NUMKEYS_NOT_POSITIVE)?;
    let numkeys = usize::try_from(numkeys).ok().filter(|numkeys| *numkeys > 0);
    let numkeys = numkeys.ok_or(errors::NUMKEYS_NOT_POSITIVE)?;
    if numkeys > ctx.args.len() - 2 {
        return Err(errors::SINTERCARD_KEYS.into());
    }
    let limit = sintercard_limit(ctx, 2 + numkeys)?;
    let keys = ctx.args.from(2).take(numkeys);
    let mut count = 0;
    if let Some(mut sets) = present(sets(ctx.db(), keys)?) {
        algebra::intersect(&mut sets, |_| {
            count += 1;
            if count == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
    ctx.reply.integer(count);
    Ok(())
}

/// What LIMIT says in the arguments from `first` on; 0 is no limit, as is no LIMIT.
fn sintercard_limit(ctx: &Ctx, first: usize) -> Result<i64, Reject> {
    let mut limit = 0;
    for at in (first..ctx.args.len()).step_by(2) {
        if !ctx.args.is(at, "LIMIT") || at + 1 == ctx.args.len() {
            return Err(errors::SYNTAX.into());
        }
        limit = ctx.args.int_or(at + 1, errors::SINTERCARD_LIMIT)?;
        if limit < 0 {
            return Err(errors::SINTERCARD_LIMIT.into());
        }
    }
    Ok(limit)
}

/// SINTERSTORE destination key [key ...]
fn sinterstore(ctx: &mut Ctx) -> Outcome {
    let (keys, limits) = (ctx.args.from(2), Limits::of(&ctx.state.config));
    let result = match present(sets(ctx.db(), keys)?) {
        Some(mut sets) => algebra::intersection(&mut sets, &limits),
        None => Set::new(),
    };
    store(ctx, result, "sinterstore")
}

/// SUNION key [key ...]
fn sunion(ctx: &mut Ctx) -> Outcome {
    let result = union(ctx, 1)?;
    reply_set(&mut ctx.reply, result.as_ref());
    Ok(())
}

/// SUNIONSTORE destination key [key ...]
fn sunionstore(ctx: &mut Ctx) -> Outcome {
    let result = union(ctx, 2)?;
    store(ctx, result, "sunionstore")
}

/// SDIFF key [key ...]
fn sdiff(ctx: &mut Ctx) -> Outcome {
    let result = difference(ctx, 1)?;
    reply_set(&mut ctx.reply, result.as_ref());
    Ok(())
}

/// SDIFFSTORE destination key [key ...]
fn sdiffstore(ctx: &mut Ctx) -> Outcome {
    let result = difference(ctx, 2)?;
    store(ctx, result, "sdiffstore")
}

/// The union of the sets at the keys from argument `first` on.
fn union(ctx: &mut Ctx, first: usize) -> Result<Set, Reject> {
    let (keys, limits) = (ctx.args.from(first), Limits::of(&ctx.state.config));
    let sets = sets(ctx.db(), keys)?;
    Ok(algebra::union(sets.into_iter().flatten(), &limits))
}

/// What the set at argument `first` has and those at the keys behind it have not.
fn difference(ctx: &mut Ctx, first: usize) -> Result<Set, Reject> {
    let (keys, limits) = (ctx.args.from(first), Limits::of(&ctx.state.config));
    let from_itself = keys.clone().skip(1).any(|key| key == ctx.arg(first));
    let mut sets = sets(ctx.db(), keys)?.into_iter();
    let minuend = sets.next().flatten();
    Ok(match minuend {
        Some(minuend) if !from_itself => {
            algebra::difference(minuend, sets.flatten().collect(), &limits)
        }
        _ => Set::new(),
    })
}

/// The sets at `keys`, `None` for those that are missing.
fn sets<'a, 'k>(
    db: &'a mut Db,
    keys: impl Iterator<Item = &'k [u8]>,
) -> Result<Vec<Option<SetRef<'a>>>, Reject> {
    let values = db.read_all(keys, |value| set(Some(value)).map(drop))?;
    values.into_iter().map(set).collect()
}

/// All sets, or none when one of them is missing: what they have in common is nothing then.
fn present(sets: Vec<Option<SetRef<'_>>>) -> Option<Vec<SetRef<'_>>> {
    sets.into_iter().collect()
}

/// Puts `result` in the place of what is at the destination, which is argument 1, and replies with
/// its length.
fn store(ctx: &mut Ctx, result: Set, event: &str) -> Outcome {
    let destination = ctx.arg(1);
    ctx.reply.integer(result.len() as i64);
    if !result.is_empty() {
        ctx.db().put_value(destination, Value::Set(result), Expiry::Clear);
        ctx.modified(destination, EventClass::Set, event);
    } else if ctx.db().remove(destination) {
        ctx.modified(destination, EventClass::Generic, "del");
    }
    Ok(())
}
