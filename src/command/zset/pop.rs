//! Members taken out at either end, at once or as soon as there are any.
//!
//! Invariant: a call that waits has changed nothing; it runs again as if it had just come.

use super::{Show, WRITE_FAST, open_members, tell_removed, zset};
use crate::command::block;
use crate::command::ctx::Ctx;
use crate::command::item::reply_item;
use crate::command::spec::{
    Arg, BeginSearch, Categories, Command, FindKeys, Flags, Group, KeyFlags, KeySpec,
};
use crate::ds::listpack::Item;
use crate::resp::errors::{self, Outcome, Reject};
use crate::resp::{Protocol, Reply};
use crate::types::ValueType;
use crate::types::zset::{Direction, Zset};

const POP: KeyFlags = KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::DELETE);
const WHERE: Arg = Arg::one_of("where", &[Arg::word("min", "MIN"), Arg::word("max", "MAX")]);
const COUNT: Arg = Arg::int("count").token("COUNT").optional();

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("zpopmin", zpopmin)
        .arity(-2)
        .of(Group::SortedSet)
        .flags(WRITE_FAST)
        .acl(Categories::SORTEDSET)
        .keys(&[KeySpec::at(1).flags(POP)])
        .summary(
            "Returns the lowest-scoring members from a sorted set after removing them. \
             Deletes the sorted set if the last member was popped.",
        )
        .complexity(
            "O(log(N)*M) with N being the number of elements in the sorted set, and M \
             being the number of elements popped.",
        )
        .since("5.0.0")
        .args(&[Arg::key("key", 0), Arg::int("count").optional()]),
    Command::new("zpopmax", zpopmax)
        .arity(-2)
        .of(Group::SortedSet)
        .flags(WRITE_FAST)
        .acl(Categories::SORTEDSET)
        .keys(&[KeySpec::at(1).flags(POP)])
        .summary(
            "Returns the highest-scoring members from a sorted set after removing them. \
             Deletes the sorted set if the last member was popped.",
        )
        .complexity(
            "O(log(N)*M) with N being the number of elements in the sorted set, and M \
             being the number of elements popped.",
        )
        .since("5.0.0")
        .args(&[Arg::key("key", 0), Arg::int("count").optional()]),
    Command::new("zmpop", zmpop)
        .arity(-4)
        .of(Group::SortedSet)
        .flags(Flags::WRITE)
        .acl(Categories::SORTEDSET)
        .keys(&[KeySpec::new(
            BeginSearch::Index(1),
            FindKeys::Count { index: 0, first: 1, step: 1 },
        )
        .flags(POP)])
        .summary(
            "Returns the highest- or lowest-scoring members from one or more sorted sets \
             after removing them. Deletes the sorted set if the last member was popped.",
        )
        .complexity(
            "O(K) + O(M*log(N)) where K is the number of provided keys, N being the \
             number of elements in the sorted set, and M being the number of elements \
             popped.",
        )
        .since("7.0.0")
        .args(&[Arg::int("numkeys"), Arg::key("key", 0).multiple(), WHERE, COUNT]),
    Command::new("bzpopmin", bzpopmin)
        .arity(-3)
        .of(Group::SortedSet)
        .flags(Flags::WRITE.or(Flags::FAST).or(Flags::BLOCKING))
        .acl(Categories::SORTEDSET)
        .keys(&[KeySpec::range(1, -2, 1).flags(POP)])
        .summary(
            "Removes and returns the member with the lowest score from one or more \
             sorted sets. Blocks until a member is available otherwise. Deletes the \
             sorted set if the last element was popped.",
        )
        .complexity("O(log(N)) with N being the number of elements in the sorted set.")
        .since("5.0.0")
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .args(&[Arg::key("key", 0).multiple(), Arg::double("timeout")]),
    Command::new("bzpopmax", bzpopmax)
        .arity(-3)
        .of(Group::SortedSet)
        .flags(Flags::WRITE.or(Flags::FAST).or(Flags::BLOCKING))
        .acl(Categories::SORTEDSET)
        .keys(&[KeySpec::range(1, -2, 1).flags(POP)])
        .summary(
            "Removes and returns the member with the highest score from one or more \
             sorted sets. Blocks until a member available otherwise.  Deletes the sorted \
             set if the last element was popped.",
        )
        .complexity("O(log(N)) with N being the number of elements in the sorted set.")
        .since("5.0.0")
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .args(&[Arg::key("key", 0).multiple(), Arg::double("timeout")]),
    Command::new("bzmpop", bzmpop)
        .arity(-5)
        .of(Group::SortedSet)
        .flags(Flags::WRITE.or(Flags::BLOCKING))
        .acl(Categories::SORTEDSET)
        .keys(&[KeySpec::new(
            BeginSearch::Index(2),
            FindKeys::Count { index: 0, first: 1, step: 1 },
        )
        .flags(POP)])
        .summary(
            "Removes and returns a member by score from one or more sorted sets. Blocks \
             until a member is available otherwise. Deletes the sorted set if the last \
             element was popped.",
        )
        .complexity(
            "O(K) + O(M*log(N)) where K is the number of provided keys, N being the \
             number of elements in the sorted set, and M being the number of elements \
             popped.",
        )
        .since("7.0.0")
        .args(&[
            Arg::double("timeout"),
            Arg::int("numkeys"),
            Arg::key("key", 0).multiple(),
            WHERE,
            COUNT,
        ]),
];

/// The form of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Names and scores in turn.
    Flat,
    /// As other lists of members with their scores.
    Members,
    /// The key, a name and a score.
    KeyAndOne,
    /// The key and a list of pairs.
    KeyAndPairs,
}

/// What is to be taken out.
#[derive(Clone, Copy, Debug)]
struct Pop {
    /// Forward takes the lowest scores.
    direction: Direction,
    count: usize,
    layout: Layout,
}

/// ZPOPMIN key [count]
fn zpopmin(ctx: &mut Ctx) -> Outcome {
    pop_from_one(ctx, Direction::Forward)
}

/// ZPOPMAX key [count]
fn zpopmax(ctx: &mut Ctx) -> Outcome {
    pop_from_one(ctx, Direction::Backward)
}

fn pop_from_one(ctx: &mut Ctx, direction: Direction) -> Outcome {
    let key = ctx.arg(1);
    let (count, layout) = match ctx.args.len() {
        2 => (1, Layout::Flat),
        3 => (ctx.args.int_or(2, errors::NOT_POSITIVE)?, Layout::Members),
        _ => return Err(errors::SYNTAX.into()),
    };
    let count = usize::try_from(count).map_err(|_| errors::NOT_POSITIVE)?;
    let popped = pop(ctx, [key].into_iter(), Pop { direction, count, layout })?;
    if !popped {
        ctx.reply.empty_array();
    }
    Ok(())
}

/// ZMPOP numkeys key [key ...] MIN | MAX [COUNT count]
fn zmpop(ctx: &mut Ctx) -> Outcome {
    let (numkeys, what) = parse_mpop(ctx, 1)?;
    let keys = ctx.args.from(2).take(numkeys);
    if !pop(ctx, keys, what)? {
        ctx.reply.null_array();
    }
    Ok(())
}

/// BZPOPMIN key [key ...] timeout
fn bzpopmin(ctx: &mut Ctx) -> Outcome {
    bzpop(ctx, Direction::Forward)
}

/// BZPOPMAX key [key ...] timeout
fn bzpopmax(ctx: &mut Ctx) -> Outcome {
    bzpop(ctx, Direction::Backward)
}

fn bzpop(ctx: &mut Ctx, direction: Direction) -> Outcome {
    let last = ctx.args.len() - 1;
    let keys = ctx.args.from(1).take(last - 1);
    pop_or_wait(ctx, keys, last, Pop { direction, count: 1, layout: Layout::KeyAndOne })
}

/// BZMPOP timeout numkeys key [key ...] MIN | MAX [COUNT count]
fn bzmpop(ctx: &mut Ctx) -> Outcome {
    let (numkeys, what) = parse_mpop(ctx, 2)?;
    let keys = ctx.args.from(3).take(numkeys);
    pop_or_wait(ctx, keys, 1, what)
}

/// Reads how many keys there are, which argument `numkeys_at` says, and what stands behind them.
fn parse_mpop(ctx: &Ctx, numkeys_at: usize) -> Result<(usize, Pop), Reject> {
    let args = ctx.args;
    let numkeys = positive(ctx, numkeys_at, errors::ZMPOP_NUMKEYS)?;
    let at = numkeys.saturating_add(numkeys_at + 1);
    let direction = match () {
        () if at >= args.len() => return Err(errors::SYNTAX.into()),
        () if args.is(at, "min") => Direction::Forward,
        () if args.is(at, "max") => Direction::Backward,
        () => return Err(errors::SYNTAX.into()),
    };
    let count = match args.len() - at - 1 {
        0 => 1,
        1 => return Err(errors::SYNTAX.into()),
        _ if !args.is(at + 1, "count") => return Err(errors::SYNTAX.into()),
        _ => positive(ctx, at + 2, errors::ZMPOP_COUNT)?,
    };
    if args.len() > at + 3 {
        return Err(errors::SYNTAX.into());
    }
    Ok((numkeys, Pop { direction, count, layout: Layout::KeyAndPairs }))
}

/// Argument `at`, which is a number above zero.
fn positive(ctx: &Ctx, at: usize, text: &'static str) -> Result<usize, Reject> {
    let number = usize::try_from(ctx.args.int_or(at, text)?).ok();
    number.filter(|number| *number > 0).ok_or(text.into())
}

/// Takes members out of the first of `keys` that is there, or waits for one until the timeout that
/// stands in argument `timeout_at`.
fn pop_or_wait<'k>(
    ctx: &mut Ctx,
    keys: impl Iterator<Item = &'k [u8]> + Clone,
    timeout_at: usize,
    what: Pop,
) -> Outcome {
    let deadline = block::timeout(ctx, timeout_at)?;
    if pop(ctx, keys.clone(), what)? {
        return Ok(());
    }
    if ctx.may_block() {
        ctx.block(keys, ValueType::Zset, deadline);
    } else {
        ctx.reply.null_array();
    }
    Ok(())
}

/// Takes members out of the first of `keys` that is there and replies with them; false, without a
/// reply, when none is. As an effect that is ZPOPMIN or ZPOPMAX from that one key.
fn pop<'k>(ctx: &mut Ctx, keys: impl Iterator<Item = &'k [u8]>, what: Pop) -> Result<bool, Reject> {
    for key in keys {
        if pop_from(ctx, key, what)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// As [`pop`], from one key.
fn pop_from(ctx: &mut Ctx, key: &[u8], what: Pop) -> Result<bool, Reject> {
    let (db, reply) = ctx.db_and_reply();
    if what.count == 0 {
        let found = zset(db.write_lookup(key))?.is_some();
        if found {
            reply.empty_array();
        }
        return Ok(found);
    }
    let popped = db.change_old(key, |zset: &mut Zset| {
        let (len, count) = (zset.len(), what.count.min(zset.len()));
        open(reply, key, count, what.layout);
        let ranks = match what.direction {
            Direction::Forward => 0..count,
            Direction::Backward => len - count..len,
        };
        let members = zset.as_ref().range(ranks.clone());
        match what.direction {
            Direction::Forward => members.for_each(|member| show(reply, member, what.layout)),
            Direction::Backward => members.rev().for_each(|m| show(reply, m, what.layout)),
        }
        zset.remove_range(ranks);
        zset.prefetch_end(what.direction);
        count
    })?;
    let Some((count, after)) = popped else { return Ok(false) };
    let event = match what.direction {
        Direction::Forward => "zpopmin",
        Direction::Backward => "zpopmax",
    };
    tell_removed(ctx, key, after, event);
    ctx.count_changes(count);
    match what.layout {
        // The command itself, as it is.
        Layout::Flat | Layout::Members => {}
        Layout::KeyAndOne => ctx.effect(&[event.as_bytes(), key]),
        Layout::KeyAndPairs => ctx.effect_with(&[event.as_bytes(), key], count as i64),
    }
    Ok(true)
}

/// Writes what stands in front of `count` members.
fn open(reply: &mut Reply<'_>, key: &[u8], count: usize, layout: Layout) {
    match layout {
        Layout::Flat => reply.array(2),
        Layout::Members => open_members(reply, count, Show::Scores),
        Layout::KeyAndOne => {
            reply.array(3);
            reply.bulk(key);
        }
        Layout::KeyAndPairs => {
            reply.array(2);
            reply.bulk(key);
            reply.array(count);
        }
    }
}

/// Writes a member and its score.
fn show(reply: &mut Reply<'_>, (member, score): (Item<'_>, f64), layout: Layout) {
    let paired = match layout {
        Layout::Flat | Layout::KeyAndOne => false,
        Layout::Members => reply.protocol == Protocol::Resp3,
        Layout::KeyAndPairs => true,
    };
    if paired {
        reply.array(2);
    }
    reply_item(reply, member);
    reply.double(score);
}
