//! Members counted, and their scores and ranks.
//!
//! Invariant: nothing here changes a sorted set.

use super::{READ_FAST, READ_ONE, name_range, score_range, zset};
use crate::command::ctx::Ctx;
use crate::command::spec::{Arg, Categories, Command, Group, KeyFlags, KeySpec};
use crate::resp::errors::{self, Outcome};
use crate::types::zset::{Direction, Window, ZsetRef};

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("zcard", zcard)
        .arity(2)
        .of(Group::SortedSet)
        .flags(READ_FAST)
        .acl(Categories::SORTEDSET)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RO)])
        .summary("Returns the number of members in a sorted set.")
        .complexity("O(1)")
        .since("1.2.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("zscore", zscore)
        .arity(3)
        .of(Group::SortedSet)
        .flags(READ_FAST)
        .acl(Categories::SORTEDSET)
        .keys(READ_ONE)
        .element(2)
        .summary("Returns the score of a member in a sorted set.")
        .complexity("O(1)")
        .since("1.2.0")
        .args(&[Arg::key("key", 0), Arg::string("member")]),
    Command::new("zmscore", zmscore)
        .arity(-3)
        .of(Group::SortedSet)
        .flags(READ_FAST)
        .acl(Categories::SORTEDSET)
        .keys(READ_ONE)
        .summary("Returns the score of one or more members in a sorted set.")
        .complexity("O(N) where N is the number of members being requested.")
        .since("6.2.0")
        .args(&[Arg::key("key", 0), Arg::string("member").multiple()]),
    Command::new("zrank", zrank)
        .arity(-3)
        .of(Group::SortedSet)
        .flags(READ_FAST)
        .acl(Categories::SORTEDSET)
        .keys(READ_ONE)
        .summary("Returns the index of a member in a sorted set ordered by ascending scores.")
        .complexity("O(log(N))")
        .since("2.0.0")
        .history(&[("7.2.0", "Added the optional `WITHSCORE` argument.")])
        .args(&[
            Arg::key("key", 0),
            Arg::string("member"),
            Arg::word("withscore", "WITHSCORE").optional(),
        ]),
    Command::new("zrevrank", zrevrank)
        .arity(-3)
        .of(Group::SortedSet)
        .flags(READ_FAST)
        .acl(Categories::SORTEDSET)
        .keys(READ_ONE)
        .summary("Returns the index of a member in a sorted set ordered by descending scores.")
        .complexity("O(log(N))")
        .since("2.0.0")
        .history(&[("7.2.0", "Added the optional `WITHSCORE` argument.")])
        .args(&[
            Arg::key("key", 0),
            Arg::string("member"),
            Arg::word("withscore", "WITHSCORE").optional(),
        ]),
    Command::new("zcount", zcount)
        .arity(4)
        .of(Group::SortedSet)
        .flags(READ_FAST)
        .acl(Categories::SORTEDSET)
        .keys(READ_ONE)
        .summary("Returns the count of members in a sorted set that have scores within a range.")
        .complexity("O(log(N)) with N being the number of elements in the sorted set.")
        .since("2.0.0")
        .args(&[Arg::key("key", 0), Arg::double("min"), Arg::double("max")]),
    Command::new("zlexcount", zlexcount)
        .arity(4)
        .of(Group::SortedSet)
        .flags(READ_FAST)
        .acl(Categories::SORTEDSET)
        .keys(READ_ONE)
        .summary("Returns the number of members in a sorted set within a lexicographical range.")
        .complexity("O(log(N)) with N being the number of elements in the sorted set.")
        .since("2.8.9")
        .args(&[Arg::key("key", 0), Arg::string("min"), Arg::string("max")]),
];

/// ZCARD key
fn zcard(ctx: &mut Ctx) -> Outcome {
    count(ctx, |zset| zset.len())
}

/// ZCOUNT key min max
fn zcount(ctx: &mut Ctx) -> Outcome {
    let range = score_range(ctx.arg(2), ctx.arg(3))?;
    count(ctx, |zset| zset.with_scores(range, Window::ALL).len())
}

/// ZLEXCOUNT key min max
fn zlexcount(ctx: &mut Ctx) -> Outcome {
    let range = name_range(ctx.arg(2), ctx.arg(3))?;
    count(ctx, |zset| zset.with_names(range, Window::ALL).len())
}

/// Replies with what `count` says of the sorted set, 0 of none.
fn count(ctx: &mut Ctx, count: impl FnOnce(ZsetRef<'_>) -> usize) -> Outcome {
    let key = ctx.arg(1);
    let found = zset(ctx.db().read(key))?.map_or(0, count);
    ctx.reply.integer(found as i64);
    Ok(())
}

/// ZSCORE key member
fn zscore(ctx: &mut Ctx) -> Outcome {
    let (key, member) = (ctx.arg(1), ctx.arg(2));
    let (db, reply) = ctx.db_and_reply();
    match zset(db.read(key))?.and_then(|zset| zset.score(member)) {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
    Ok(())
}

/// ZMSCORE key member [member ...]
fn zmscore(ctx: &mut Ctx) -> Outcome {
    let (key, members) = (ctx.arg(1), ctx.args.from(2));
    let (db, reply) = ctx.db_and_reply();
    let found = zset(db.read(key))?;
    reply.array(members.len());
    for member in members {
        match found.and_then(|zset| zset.score(member)) {
            Some(score) => reply.double(score),
            None => reply.null(),
        }
    }
    Ok(())
}

/// ZRANK key member [WITHSCORE]
fn zrank(ctx: &mut Ctx) -> Outcome {
    rank(ctx, Direction::Forward, "zrank")
}

/// ZREVRANK key member [WITHSCORE]
fn zrevrank(ctx: &mut Ctx) -> Outcome {
    rank(ctx, Direction::Backward, "zrevrank")
}

fn rank(ctx: &mut Ctx, direction: Direction, name: &str) -> Outcome {
    let (key, member) = (ctx.arg(1), ctx.arg(2));
    let with_score = match ctx.args.len() {
        3 => false,
        4 if ctx.args.is(3, "withscore") => true,
        4 => return Err(errors::SYNTAX.into()),
        _ => return Err(errors::wrong_arity(name)),
    };
    let (db, reply) = ctx.db_and_reply();
    let found = zset(db.read(key))?;
    let found = found.and_then(|zset| Some((zset.len(), zset.rank(member)?)));
    let Some((len, (rank, score))) = found else {
        if with_score {
            reply.null_array()
        } else {
            reply.null()
        }
        return Ok(());
    };
    let rank = match direction {
        Direction::Forward => rank,
        Direction::Backward => len - 1 - rank,
    };
    if with_score {
        reply.array(2);
    }
    reply.integer(rank as i64);
    if with_score {
        reply.double(score);
    }
    Ok(())
}
