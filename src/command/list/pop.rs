//! Elements taken off an end, from one key or the first of several that has some; at once, or when
//! somebody brings them.
//!
//! Invariant: what is taken is replied in the same breath, so that nothing is lost on the way; a call
//! that has to wait has changed nothing.

use super::{BLOCKING, ENDS, TAKE, TAKE_ONE, WRITE_FAST, end_arg, limit, list, tell_popped};
use crate::command::block;
use crate::command::ctx::Ctx;
use crate::command::item::reply_item;
use crate::command::spec::{
    Arg, BeginSearch, Categories, Command, FindKeys, Flags, Group, KeySpec,
};
use crate::resp::Reply;
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::ValueType;
use crate::types::list::{End, List};

const COUNT: Arg = Arg::int("count").token("COUNT").optional();
const KEY_AND_COUNT: &[Arg] = &[Arg::key("key", 0), Arg::int("count").optional().since("6.2.0")];
const KEYS_AND_TIMEOUT: &[Arg] = &[Arg::key("key", 0).multiple(), Arg::double("timeout")];
const ANNOUNCED: FindKeys = FindKeys::Count { index: 0, first: 1, step: 1 };
const TIMEOUT_HISTORY: &[(&str, &str)] =
    &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")];

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("lpop", lpop)
        .arity(-2)
        .of(Group::List)
        .flags(WRITE_FAST)
        .acl(Categories::LIST)
        .keys(TAKE_ONE)
        .summary(
            "Returns the first elements in a list after removing it. Deletes the list if the \
             last element was popped.",
        )
        .complexity("O(N) where N is the number of elements returned")
        .since("1.0.0")
        .history(&[("6.2.0", "Added the `count` argument.")])
        .args(KEY_AND_COUNT),
    Command::new("rpop", rpop)
        .arity(-2)
        .of(Group::List)
        .flags(WRITE_FAST)
        .acl(Categories::LIST)
        .keys(TAKE_ONE)
        .summary(
            "Returns and removes the last elements of a list. Deletes the list if the last \
             element was popped.",
        )
        .complexity("O(N) where N is the number of elements returned")
        .since("1.0.0")
        .history(&[("6.2.0", "Added the `count` argument.")])
        .args(KEY_AND_COUNT),
    Command::new("lmpop", lmpop)
        .arity(-4)
        .of(Group::List)
        .flags(Flags::WRITE)
        .acl(Categories::LIST)
        .keys(&[KeySpec::new(BeginSearch::Index(1), ANNOUNCED).flags(TAKE)])
        .summary(
            "Returns multiple elements from a list after removing them. Deletes the list if the \
             last element was popped.",
        )
        .complexity(
            "O(N+M) where N is the number of provided keys and M is the number of elements \
             returned.",
        )
        .since("7.0.0")
        .args(&[
            Arg::int("numkeys"),
            Arg::key("key", 0).multiple(),
            Arg::one_of("where", ENDS),
            COUNT,
        ]),
    Command::new("blpop", blpop)
        .arity(-3)
        .of(Group::List)
        .flags(BLOCKING)
        .acl(Categories::LIST)
        .keys(&[KeySpec::range(1, -2, 1).flags(TAKE)])
        .summary(
            "Removes and returns the first element in a list. Blocks until an element is \
             available otherwise. Deletes the list if the last element was popped.",
        )
        .complexity("O(N) where N is the number of provided keys.")
        .since("2.0.0")
        .history(TIMEOUT_HISTORY)
        .args(KEYS_AND_TIMEOUT),
    Command::new("brpop", brpop)
        .arity(-3)
        .of(Group::List)
        .flags(BLOCKING)
        .acl(Categories::LIST)
        .keys(&[KeySpec::range(1, -2, 1).flags(TAKE)])
        .summary(
            "Removes and returns the last element in a list. Blocks until an element is \
             available otherwise. Deletes the list if the last element was popped.",
        )
        .complexity("O(N) where N is the number of provided keys.")
        .since("2.0.0")
        .history(TIMEOUT_HISTORY)
        .args(KEYS_AND_TIMEOUT),
    Command::new("blmpop", blmpop)
        .arity(-5)
        .of(Group::List)
        .flags(BLOCKING)
        .acl(Categories::LIST)
        .keys(&[KeySpec::new(BeginSearch::Index(2), ANNOUNCED).flags(TAKE)])
        .summary(
            "Pops the first element from one of multiple lists. Blocks until an element is \
             available otherwise. Deletes the list if the last element was popped.",
        )
        .complexity(
            "O(N+M) where N is the number of provided keys and M is the number of elements \
             returned.",
        )
        .since("7.0.0")
        .args(&[
            Arg::double("timeout"),
            Arg::int("numkeys"),
            Arg::key("key", 0).multiple(),
            Arg::one_of("where", ENDS),
            COUNT,
        ]),
];

/// LPOP key [count]
fn lpop(ctx: &mut Ctx) -> Outcome {
    pop(ctx, End::Front, "lpop")
}

/// RPOP key [count]
fn rpop(ctx: &mut Ctx) -> Outcome {
    pop(ctx, End::Back, "rpop")
}

fn pop(ctx: &mut Ctx, end: End, name: &str) -> Outcome {
    let key = ctx.arg(1);
    match ctx.args.len() {
        2 => {
            if !take_one(ctx, key, end, false)? {
                ctx.reply.null();
            }
        }
        3 => match count_arg(ctx, 2, 0, errors::NOT_POSITIVE)? {
            0 if list(ctx.db().write_lookup(key))?.is_some() => ctx.reply.empty_array(),
            count => {
                if take_some(ctx, key, end, count, false)?.is_none() {
                    ctx.reply.null_array();
                }
            }
        },
        _ => return Err(errors::wrong_arity(name)),
    }
    Ok(())
}

/// Replies with the element at one end of the list at `key`, behind the key if it is to be named, and
/// removes it; false, without a reply, when there is no list.
fn take_one(ctx: &mut Ctx, key: &[u8], end: End, named: bool) -> Result<bool, Reject> {
    let limit = limit(ctx);
    let (db, reply) = ctx.db_and_reply();
    let taken = db.change_old(key, |list: &mut List| {
        name_key(reply, key, named);
        let item = list.as_ref().peek(end).expect("a list at a key has elements");
        reply_item(reply, item);
        list.pop(end);
        list.shrink(limit);
    })?;
    let Some(((), after)) = taken else { return Ok(false) };
    tell_popped(ctx, key, end, after);
    Ok(true)
}

/// As [`take_one`], with an array of up to `count` elements, the outermost first; returns how many.
fn take_some(
    ctx: &mut Ctx,
    key: &[u8],
    end: End,
    count: usize,
    named: bool,
) -> Result<Option<usize>, Reject> {
    let limit = limit(ctx);
    let (db, reply) = ctx.db_and_reply();
    let taken = db.change_old(key, |list: &mut List| {
        name_key(reply, key, named);
        let (items, len) = (list.as_ref(), list.len());
        let count = count.min(len);
        reply.array(count);
        match end {
            End::Front => items.visit(0, count, |item| reply_item(reply, item)),
            End::Back => items.iter().rev().take(count).for_each(|item| reply_item(reply, item)),
        }
        list.remove_range(if end == End::Front { 0 } else { len - count }, count);
        list.shrink(limit);
        count
    })?;
    let Some((count, after)) = taken else { return Ok(None) };
    tell_popped(ctx, key, end, after);
    ctx.count_changes(count);
    Ok(Some(count))
}

/// Begins a reply of a key and what was taken from it.
fn name_key(reply: &mut Reply<'_>, key: &[u8], named: bool) {
    if named {
        reply.array(2);
        reply.bulk(key);
    }
}

/// LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]
fn lmpop(ctx: &mut Ctx) -> Outcome {
    let popping = Popping::parse(ctx, 1)?;
    if !take_first(ctx, popping.keys(ctx), popping.end, Some(popping.count))? {
        ctx.reply.null_array();
    }
    Ok(())
}

/// BLPOP key [key ...] timeout
fn blpop(ctx: &mut Ctx) -> Outcome {
    blocking_pop(ctx, End::Front)
}

/// BRPOP key [key ...] timeout
fn brpop(ctx: &mut Ctx) -> Outcome {
    blocking_pop(ctx, End::Back)
}

fn blocking_pop(ctx: &mut Ctx, end: End) -> Outcome {
    let last = ctx.args.len() - 1;
    let deadline = block::timeout(ctx, last)?;
    let keys = ctx.args.from(1).take(last - 1);
    if !take_first(ctx, keys.clone(), end, None)? {
        wait(ctx, keys, deadline);
    }
    Ok(())
}

/// BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count]
fn blmpop(ctx: &mut Ctx) -> Outcome {
    let popping = Popping::parse(ctx, 2)?;
    let deadline = block::timeout(ctx, 1)?;
    let keys = popping.keys(ctx);
    if !take_first(ctx, keys.clone(), popping.end, Some(popping.count))? {
        wait(ctx, keys, deadline);
    }
    Ok(())
}

/// Lets the client wait for one of the keys; where that is not allowed, its time is up already.
fn wait<'k>(ctx: &mut Ctx, keys: impl Iterator<Item = &'k [u8]>, deadline: Option<i64>) {
    if ctx.may_block() {
        ctx.block(keys, ValueType::List, deadline);
    } else {
        ctx.reply.null_array();
    }
}

/// What LMPOP and BLMPOP are asked for.
struct Popping {
    /// Where the keys stand, and how many there are.
    first: usize,
    keys: usize,
    end: End,
    count: usize,
}

impl Popping {
    /// Reads the arguments from the number of keys on.
    fn parse(ctx: &Ctx<'_>, numkeys_at: usize) -> Result<Popping, Reject> {
        let keys = count_arg(ctx, numkeys_at, 1, errors::NUMKEYS_NOT_POSITIVE)?;
        let first = numkeys_at + 1;
        let end_at = first.checked_add(keys).filter(|&at| at < ctx.args.len());
        let end_at = end_at.ok_or(errors::SYNTAX)?;
        let end = end_arg(ctx, end_at)?;
        let count = match ctx.args.len() - end_at - 1 {
            0 => 1,
            options if options >= 2 && ctx.args.is(end_at + 1, "count") => {
                let count = count_arg(ctx, end_at + 2, 1, errors::COUNT_NOT_POSITIVE)?;
                if options > 2 {
                    return Err(errors::SYNTAX.into());
                }
                count
            }
            _ => return Err(errors::SYNTAX.into()),
        };
        Ok(Popping { first, keys, end, count })
    }

    fn keys<'a>(&self, ctx: &Ctx<'a>) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        ctx.args.from(self.first).take(self.keys)
    }
}

/// Argument `index` as a number of things, at least `min`.
fn count_arg(
    ctx: &Ctx<'_>,
    index: usize,
    min: usize,
    refusal: &'static str,
) -> Result<usize, Reject> {
    let count = usize::try_from(ctx.args.int_or(index, refusal)?).ok();
    count.filter(|&count| count >= min).ok_or(refusal.into())
}

/// Takes from the first of the keys that holds a list and replies with that key and one element, or
/// with the key and an array of up to `count`; false, without a reply, when none does. As an effect
/// that is a pop from that one key.
///
/// # Errors
/// A key in front of that holds something else.
fn take_first<'k>(
    ctx: &mut Ctx,
    keys: impl Iterator<Item = &'k [u8]>,
    end: End,
    count: Option<usize>,
) -> Result<bool, Reject> {
    let name: &[u8] = if end == End::Front { b"LPOP" } else { b"RPOP" };
    for key in keys {
        match count {
            None => {
                if take_one(ctx, key, end, true)? {
                    ctx.effect(&[name, key]);
                    return Ok(true);
                }
            }
            Some(count) => {
                if let Some(taken) = take_some(ctx, key, end, count, true)? {
                    ctx.effect_with(&[name, key], taken as i64);
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}
