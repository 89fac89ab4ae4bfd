//! Members removed, one by one or by ranges.
//!
//! Invariant: the key goes with its last member.

use std::ops::Range;

use super::{WRITE_FAST, name_range, rank_range, score_range, tell_removed};
use crate::command::ctx::Ctx;
use crate::command::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::keyspace::After;
use crate::resp::errors::Outcome;
use crate::types::zset::{Window, Zset, ZsetRef};

const DELETE_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::DELETE))];

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("zrem", zrem)
        .arity(-3)
        .of(Group::SortedSet)
        .flags(WRITE_FAST)
        .acl(Categories::SORTEDSET)
        .keys(DELETE_ONE)
        .element(2)
        .summary(
            "Removes one or more members from a sorted set. Deletes the sorted set if \
             all members were removed.",
        )
        .complexity(
            "O(M*log(N)) with N being the number of elements in the sorted set and M \
             the number of elements to be removed.",
        )
        .since("1.2.0")
        .history(&[("2.4.0", "Accepts multiple elements.")])
        .args(&[Arg::key("key", 0), Arg::string("member").multiple()]),
    Command::new("zremrangebyrank", zremrangebyrank)
        .arity(4)
        .of(Group::SortedSet)
        .flags(Flags::WRITE)
        .acl(Categories::SORTEDSET)
        .keys(DELETE_ONE)
        .summary(
            "Removes members in a sorted set within a range of indexes. Deletes the \
             sorted set if all members were removed.",
        )
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M \
             the number of elements removed by the operation.",
        )
        .since("2.0.0")
        .args(&[Arg::key("key", 0), Arg::int("start"), Arg::int("stop")]),
    Command::new("zremrangebyscore", zremrangebyscore)
        .arity(4)
        .of(Group::SortedSet)
        .flags(Flags::WRITE)
        .acl(Categories::SORTEDSET)
        .keys(DELETE_ONE)
        .summary(
            "Removes members in a sorted set within a range of scores. Deletes the \
             sorted set if all members were removed.",
        )
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M \
             the number of elements removed by the operation.",
        )
        .since("1.2.0")
        .args(&[Arg::key("key", 0), Arg::double("min"), Arg::double("max")]),
    Command::new("zremrangebylex", zremrangebylex)
        .arity(4)
        .of(Group::SortedSet)
        .flags(Flags::WRITE)
        .acl(Categories::SORTEDSET)
        .keys(DELETE_ONE)
        .summary(
            "Removes members in a sorted set within a lexicographical range. Deletes the \
             sorted set if all members were removed.",
        )
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M \
             the number of elements removed by the operation.",
        )
        .since("2.8.9")
        .args(&[Arg::key("key", 0), Arg::string("min"), Arg::string("max")]),
];

/// ZREM key member [member ...]
fn zrem(ctx: &mut Ctx) -> Outcome {
    let (key, members) = (ctx.arg(1), ctx.args.from(2));
    let remove = |zset: &mut Zset| members.filter(|member| zset.remove(member)).count();
    let (removed, after) = ctx.db().change_old(key, remove)?.unwrap_or((0, After::Absent));
    ctx.reply.integer(removed as i64);
    if removed > 0 {
        tell_removed(ctx, key, after, "zrem");
        ctx.count_changes(removed);
    }
    Ok(())
}

/// ZREMRANGEBYRANK key start stop
fn zremrangebyrank(ctx: &mut Ctx) -> Outcome {
    let (start, stop) = (ctx.args.int(2)?, ctx.args.int(3)?);
    remove(ctx, "zremrangebyrank", |zset| rank_range(start, stop, zset.len()))
}

/// ZREMRANGEBYSCORE key min max
fn zremrangebyscore(ctx: &mut Ctx) -> Outcome {
    let range = score_range(ctx.arg(2), ctx.arg(3))?;
    remove(ctx, "zremrangebyscore", |zset| zset.with_scores(range, Window::ALL))
}

/// ZREMRANGEBYLEX key min max
fn zremrangebylex(ctx: &mut Ctx) -> Outcome {
    let range = name_range(ctx.arg(2), ctx.arg(3))?;
    remove(ctx, "zremrangebylex", |zset| zset.with_names(range, Window::ALL))
}

/// Removes the members of the ranks that `find` yields.
fn remove(ctx: &mut Ctx, event: &str, find: impl FnOnce(ZsetRef<'_>) -> Range<usize>) -> Outcome {
    let key = ctx.arg(1);
    let remove = |zset: &mut Zset| {
        let ranks = find(zset.as_ref());
        let count = ranks.len();
        if count > 0 {
            zset.remove_range(ranks);
        }
        count
    };
    let (removed, after) = ctx.db().change_old(key, remove)?.unwrap_or((0, After::Absent));
    ctx.reply.integer(removed as i64);
    if removed > 0 {
        tell_removed(ctx, key, after, event);
        ctx.count_changes(removed);
    }
    Ok(())
}
