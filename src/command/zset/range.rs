//! Ranges of members, by rank, by score or by name, replied or stored.
//!
//! Invariant: all of a call is read before the key is looked up.

use std::ops::Range;

use super::{
    READ_ONE, Show, WITHSCORES, WRITE_GROWING, name_range, rank_range, reply_members, score_range,
    store, zset,
};
use crate::command::Args;
use crate::command::ctx::Ctx;
use crate::command::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::zset::{Direction, Limits, NameRange, ScoreRange, Window, Zset, ZsetRef};

const SORT_BY: Arg =
    Arg::one_of("sortby", &[Arg::word("byscore", "BYSCORE"), Arg::word("bylex", "BYLEX")]);
const LIMIT: Arg = Arg::block("limit", &[Arg::int("offset"), Arg::int("count")]).token("LIMIT");

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("zrange", zrange)
        .arity(-4)
        .of(Group::SortedSet)
        .flags(Flags::READONLY)
        .acl(Categories::SORTEDSET)
        .keys(READ_ONE)
        .summary("Returns members in a sorted set within a range of indexes.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M \
             the number of elements returned.",
        )
        .since("1.2.0")
        .history(&[("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.")])
        .args(&[
            Arg::key("key", 0),
            Arg::string("start"),
            Arg::string("stop"),
            SORT_BY.since("6.2.0").optional(),
            Arg::word("rev", "REV").since("6.2.0").optional(),
            LIMIT.since("6.2.0").optional(),
            WITHSCORES.optional(),
        ]),
    Command::new("zrangebyscore", zrangebyscore)
        .arity(-4)
        .of(Group::SortedSet)
        .flags(Flags::READONLY)
        .acl(Categories::SORTEDSET)
        .keys(READ_ONE)
        .summary("Returns members in a sorted set within a range of scores.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M \
             the number of elements being returned. If M is constant (e.g. always \
             asking for the first 10 elements with LIMIT), you can consider it \
             O(log(N)).",
        )
        .since("1.0.5")
        .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument")
        .history(&[("2.0.0", "Added the `WITHSCORES` modifier.")])
        .args(&[
            Arg::key("key", 0),
            Arg::double("min"),
            Arg::double("max"),
            WITHSCORES.since("2.0.0").optional(),
            LIMIT.optional(),
        ]),
    Command::new("zrangebylex", zrangebylex)
        .arity(-4)
        .of(Group::SortedSet)
        .flags(Flags::READONLY)
        .acl(Categories::SORTEDSET)
        .keys(READ_ONE)
        .summary("Returns members in a sorted set within a lexicographical range.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M \
             the number of elements being returned. If M is constant (e.g. always \
             asking for the first 10 elements with LIMIT), you can consider it \
             O(log(N)).",
        )
        .since("2.8.9")
        .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument")
        .args(&[Arg::key("key", 0), Arg::string("min"), Arg::string("max"), LIMIT.optional()]),
    Command::new("zrevrange", zrevrange)
        .arity(-4)
        .of(Group::SortedSet)
        .flags(Flags::READONLY)
        .acl(Categories::SORTEDSET)
        .keys(READ_ONE)
        .summary("Returns members in a sorted set within a range of indexes in reverse order.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M \
             the number of elements returned.",
        )
        .since("1.2.0")
        .deprecated("6.2.0", "`ZRANGE` with the `REV` argument")
        .args(&[Arg::key("key", 0), Arg::int("start"), Arg::int("stop"), WITHSCORES.optional()]),
    Command::new("zrevrangebyscore", zrevrangebyscore)
        .arity(-4)
        .of(Group::SortedSet)
        .flags(Flags::READONLY)
        .acl(Categories::SORTEDSET)
        .keys(READ_ONE)
        .summary("Returns members in a sorted set within a range of scores in reverse order.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M \
             the number of elements being returned. If M is constant (e.g. always \
             asking for the first 10 elements with LIMIT), you can consider it \
             O(log(N)).",
        )
        .since("2.2.0")
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")
        .history(&[("2.1.6", "`min` and `max` can be exclusive.")])
        .args(&[
            Arg::key("key", 0),
            Arg::double("max"),
            Arg::double("min"),
            WITHSCORES.optional(),
            LIMIT.optional(),
        ]),
    Command::new("zrevrangebylex", zrevrangebylex)
        .arity(-4)
        .of(Group::SortedSet)
        .flags(Flags::READONLY)
        .acl(Categories::SORTEDSET)
        .keys(READ_ONE)
        .summary(
            "Returns members in a sorted set within a lexicographical range in reverse \
             order.",
        )
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M \
             the number of elements being returned. If M is constant (e.g. always \
             asking for the first 10 elements with LIMIT), you can consider it \
             O(log(N)).",
        )
        .since("2.8.9")
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")
        .args(&[Arg::key("key", 0), Arg::string("max"), Arg::string("min"), LIMIT.optional()]),
    Command::new("zrangestore", zrangestore)
        .arity(-5)
        .of(Group::SortedSet)
        .flags(WRITE_GROWING)
        .acl(Categories::SORTEDSET)
        .keys(&[
            KeySpec::at(1).flags(KeyFlags::OW.or(KeyFlags::UPDATE)),
            KeySpec::at(2).flags(KeyFlags::RO.or(KeyFlags::ACCESS)),
        ])
        .summary("Stores a range of members from sorted set in a key.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M \
             the number of elements stored into the destination key.",
        )
        .since("6.2.0")
        .args(&[
            Arg::key("dst", 0),
            Arg::key("src", 1),
            Arg::string("min"),
            Arg::string("max"),
            SORT_BY.optional(),
            Arg::word("rev", "REV").optional(),
            LIMIT.optional(),
        ]),
];

/// What the ends of a range are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Name,
}

/// What a command's name says of its range; what it leaves open is up to the options.
#[derive(Clone, Copy, Debug)]
struct Form {
    by: Option<By>,
    direction: Option<Direction>,
    target: Target,
}

/// Where a range goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Reply,
    Key,
}

/// A range of one of the three kinds.
#[derive(Clone, Copy, Debug)]
enum Span<'a> {
    Ranks(i64, i64),
    Scores(ScoreRange),
    Names(NameRange<'a>),
}

/// A range that a call asks for.
#[derive(Clone, Copy, Debug)]
struct Query<'a> {
    span: Span<'a>,
    window: Window,
    show: Show,
}

/// What stands behind the ends of a range.
struct Options {
    by: Option<By>,
    direction: Option<Direction>,
    offset: i64,
    /// Negative: no limit.
    limit: i64,
    show: Show,
}

impl Options {
    /// Reads the arguments from `first` on.
    fn parse(args: &Args<'_>, first: usize, form: Form) -> Result<Options, Reject> {
        let Form { by, direction, target } = form;
        let mut options = Options { by, direction, offset: 0, limit: -1, show: Show::Names };
        let mut at = first;
        while at < args.len() {
            if target == Target::Reply && args.is(at, "withscores") {
                options.show = Show::Scores;
            } else if args.is(at, "limit") && at + 2 < args.len() {
                (options.offset, options.limit) = (args.int(at + 1)?, args.int(at + 2)?);
                at += 2;
            } else if options.direction.is_none() && args.is(at, "rev") {
                options.direction = Some(Direction::Backward);
            } else if options.by.is_none() && args.is(at, "bylex") {
                options.by = Some(By::Name);
            } else if options.by.is_none() && args.is(at, "byscore") {
                options.by = Some(By::Score);
            } else {
                return Err(errors::SYNTAX.into());
            }
            at += 1;
        }
        Ok(options)
    }

    fn window(&self, direction: Direction) -> Window {
        let unlimited = |count: i64| usize::try_from(count).unwrap_or(usize::MAX);
        match usize::try_from(self.offset) {
            Ok(offset) => Window { direction, offset, limit: unlimited(self.limit) },
            // Redis walks from the start to the end and beyond in search of it.
            Err(_) => Window { direction, offset: 0, limit: 0 },
        }
    }
}

impl<'a> Query<'a> {
    /// Reads the two ends, which are arguments `first` and the next, and the options behind them.
    fn parse(args: &Args<'a>, first: usize, form: Form) -> Result<Query<'a>, Reject> {
        let options = Options::parse(args, first + 2, form)?;
        let (by, direction) =
            (options.by.unwrap_or(By::Rank), options.direction.unwrap_or(Direction::Forward));
        if options.limit != -1 && by == By::Rank {
            return Err(errors::ZRANGE_LIMIT_BY_RANK.into());
        }
        if options.show == Show::Scores && by == By::Name {
            return Err(errors::ZRANGE_SCORES_BY_NAME.into());
        }
        let (low, high) = match direction {
            Direction::Backward if by != By::Rank => (args.at(first + 1), args.at(first)),
            _ => (args.at(first), args.at(first + 1)),
        };
        let span = match by {
            By::Rank => Span::Ranks(args.int(first)?, args.int(first + 1)?),
            By::Score => Span::Scores(score_range(low, high)?),
            By::Name => Span::Names(name_range(low, high)?),
        };
        Ok(Query { span, window: options.window(direction), show: options.show })
    }

    /// The ranks that it stands for in `zset`, counted from the lowest score.
    fn ranks(&self, zset: ZsetRef<'_>) -> Range<usize> {
        match self.span {
            Span::Scores(range) => zset.with_scores(range, self.window),
            Span::Names(range) => zset.with_names(range, self.window),
            Span::Ranks(start, stop) => {
                let (len, ranks) = (zset.len(), rank_range(start, stop, zset.len()));
                match self.window.direction {
                    Direction::Forward => ranks,
                    Direction::Backward => len - ranks.end..len - ranks.start,
                }
            }
        }
    }
}

/// ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]
fn zrange(ctx: &mut Ctx) -> Outcome {
    reply_range(ctx, None, None)
}

/// ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]
fn zrangebyscore(ctx: &mut Ctx) -> Outcome {
    reply_range(ctx, Some(By::Score), Some(Direction::Forward))
}

/// ZRANGEBYLEX key min max [LIMIT offset count]
fn zrangebylex(ctx: &mut Ctx) -> Outcome {
    reply_range(ctx, Some(By::Name), Some(Direction::Forward))
}

/// ZREVRANGE key start stop [WITHSCORES]
fn zrevrange(ctx: &mut Ctx) -> Outcome {
    reply_range(ctx, Some(By::Rank), Some(Direction::Backward))
}

/// ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]
fn zrevrangebyscore(ctx: &mut Ctx) -> Outcome {
    reply_range(ctx, Some(By::Score), Some(Direction::Backward))
}

/// ZREVRANGEBYLEX key max min [LIMIT offset count]
fn zrevrangebylex(ctx: &mut Ctx) -> Outcome {
    reply_range(ctx, Some(By::Name), Some(Direction::Backward))
}

fn reply_range(ctx: &mut Ctx, by: Option<By>, direction: Option<Direction>) -> Outcome {
    let form = Form { by, direction, target: Target::Reply };
    let query = Query::parse(&ctx.args, 2, form)?;
    let key = ctx.arg(1);
    let (db, reply) = ctx.db_and_reply();
    let Some(zset) = zset(db.read(key))? else {
        reply.empty_array();
        return Ok(());
    };
    let members = zset.range(query.ranks(zset));
    match query.window.direction {
        Direction::Forward => reply_members(reply, members, query.show),
        Direction::Backward => reply_members(reply, members.rev(), query.show),
    }
    Ok(())
}

/// ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]
fn zrangestore(ctx: &mut Ctx) -> Outcome {
    let (destination, key) = (ctx.arg(1), ctx.arg(2));
    let form = Form { by: None, direction: None, target: Target::Key };
    let query = Query::parse(&ctx.args, 3, form)?;
    let limits = Limits::of(&ctx.state.config);
    let mut result = Zset::new();
    if let Some(source) = zset(ctx.db().read(key))? {
        let members = source.range(query.ranks(source));
        if let Span::Ranks(..) = query.span {
            // Only then does Redis know beforehand how many there will be.
            result.expect(members.len(), 0, limits);
        }
        let mut buffer = itoa::Buffer::new();
        for (member, score) in members {
            result.update(member.text(&mut buffer), limits, |_| Some(score));
        }
    }
    store(ctx, destination, result, "zrangestore")
}
