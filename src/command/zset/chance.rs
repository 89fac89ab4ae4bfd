//! Members by chance.
//!
//! Invariant: every choice that is asked for is equally likely; memory follows what the sorted set
//! holds, not what was asked for.

use std::collections::HashSet;

use super::{READ_ONE, Show, WITHSCORES, elements, open_members, reply_shown, zset};
use crate::base::rng::{Rng, Selection};
use crate::command::bounded;
use crate::command::ctx::Ctx;
use crate::command::item::reply_item;
use crate::command::spec::{Arg, Categories, Command, Flags, Group};
use crate::ds::listpack::Item;
use crate::resp::Reply;
use crate::resp::errors::{self, Outcome};
use crate::types::zset::ZsetRef;

/// A sorted set is walked once rather than drawn from when it has less than so many members for each
/// that is wanted: repeated draws would yield known members too often.
const DRAW_MEMBERS_MIN: usize = 3;

/// The rows of this file.
pub const COMMANDS: &[Command] = &[Command::new("zrandmember", zrandmember)
    .arity(-2)
    .of(Group::SortedSet)
    .flags(Flags::READONLY)
    .acl(Categories::SORTEDSET)
    .keys(READ_ONE)
    .summary("Returns one or more random members from a sorted set.")
    .complexity("O(N) where N is the number of members returned")
    .since("6.2.0")
    .tips(&["nondeterministic_output"])
    .args(&[
        Arg::key("key", 0),
        Arg::block("options", &[Arg::int("count"), WITHSCORES.optional()]).optional(),
    ])];

/// ZRANDMEMBER key [count [WITHSCORES]]
fn zrandmember(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    if ctx.args.len() > 2 {
        return zrandmember_count(ctx);
    }
    let (rng, reply) = (&mut ctx.state.rng, &mut ctx.reply);
    match zset(ctx.state.keyspace.db(ctx.db).read(key))? {
        Some(zset) => reply_item(reply, at_rank(zset, rng.below(zset.len())).0),
        None => reply.null(),
    }
    Ok(())
}

fn zrandmember_count(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let count = ctx.args.int_between(2, -i64::MAX, i64::MAX)?;
    let show = match ctx.args.len() {
        3 => Show::Names,
        4 if ctx.args.is(3, "withscores") => Show::Scores,
        _ => return Err(errors::SYNTAX.into()),
    };
    if show == Show::Scores && count.unsigned_abs() > (i64::MAX / 2).unsigned_abs() {
        return Err(errors::OUT_OF_RANGE.into());
    }
    let room = ctx.state.output_room(ctx.id);
    let (rng, reply) = (&mut ctx.state.rng, &mut ctx.reply);
    let found = zset(ctx.state.keyspace.db(ctx.db).read(key))?;
    let Some(zset) = found.filter(|_| count != 0) else {
        reply.empty_array();
        return Ok(());
    };
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count > 0 {
        sample(reply, zset, wanted, rng, show);
        return Ok(());
    }
    let draws = draws(zset, rng).take(wanted);
    let len = elements(reply, wanted, show);
    bounded::array(reply, room, len, draws, |reply, member| reply_shown(reply, member, show))
}

fn at_rank(zset: ZsetRef<'_>, rank: usize) -> (Item<'_>, f64) {
    zset.range(rank..rank + 1).next().expect("the rank is one of the set")
}

/// Random members without end, the same ones again and again. The sorted set is not empty.
fn draws<'a>(zset: ZsetRef<'a>, rng: &mut Rng) -> impl Iterator<Item = (Item<'a>, f64)> {
    // A listpack has no direct way to a member, so that its members are listed once.
    let listed: Vec<(Item<'a>, f64)> = match zset {
        ZsetRef::Packed(_) => zset.iter().collect(),
        ZsetRef::Tree(_) => Vec::new(),
    };
    std::iter::repeat_with(move || match listed.len() {
        0 => at_rank(zset, rng.below(zset.len())),
        len => listed[rng.below(len)],
    })
}

/// Replies with `count` distinct members, or all of them from the highest score on.
fn sample(reply: &mut Reply<'_>, zset: ZsetRef<'_>, count: usize, rng: &mut Rng, show: Show) {
    open_members(reply, count.min(zset.len()), show);
    let scarce = count.saturating_mul(DRAW_MEMBERS_MIN) > zset.len();
    if count >= zset.len() {
        zset.iter().rev().for_each(|member| reply_shown(reply, member, show));
    } else if scarce || matches!(zset, ZsetRef::Packed(_)) {
        let mut selection = Selection::new(count, zset.len());
        let chosen = zset.iter().filter(|_| selection.next(rng));
        chosen.for_each(|member| reply_shown(reply, member, show));
    } else {
        let mut seen = HashSet::new();
        while seen.len() < count {
            let rank = rng.below(zset.len());
            if seen.insert(rank) {
                reply_shown(reply, at_rank(zset, rank), show);
            }
        }
    }
}
