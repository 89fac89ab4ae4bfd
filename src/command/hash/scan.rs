//! Hashes walked through piece by piece, and fields drawn by chance.
//!
//! Invariant: changes nothing.

use super::{READ_ONE, hash};
use crate::command::bounded;
use crate::command::ctx::Ctx;
use crate::command::item::reply_item;
use crate::command::scan::{self, Extra, Options};
use crate::command::spec::{Arg, Categories, Command, Flags, Group};
use crate::resp::errors::{self, Outcome, Reject};
use crate::resp::{Protocol, Reply};
use crate::types::hash::Pair;

/// The largest count of HRANDFIELD with values, either way: twice that is still a number of
/// replies.
const COUNT_WITH_VALUES_MAX: i64 = i64::MAX / 2;

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("hscan", hscan)
        .arity(-3)
        .of(Group::Hash)
        .flags(Flags::READONLY)
        .acl(Categories::HASH)
        .keys(READ_ONE)
        .summary("Iterates over fields and values of a hash.")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including enough command \
             calls for the cursor to return back to 0. N is the number of elements inside the \
             collection.",
        )
        .since("2.8.0")
        .history(&[("7.4.0", "Added the `NOVALUES` option.")])
        .tips(&["nondeterministic_output"])
        .args(&[
            Arg::key("key", 0),
            Arg::int("cursor"),
            Arg::pattern("pattern").token("MATCH").optional(),
            Arg::int("count").token("COUNT").optional(),
            Arg::word("novalues", "NOVALUES").since("7.4.0").optional(),
        ]),
    Command::new("hrandfield", hrandfield)
        .arity(-2)
        .of(Group::Hash)
        .flags(Flags::READONLY)
        .acl(Categories::HASH)
        .keys(READ_ONE)
        .summary("Returns one or more random fields from a hash.")
        .complexity("O(N) where N is the number of fields returned")
        .since("6.2.0")
        .tips(&["nondeterministic_output"])
        .args(&[
            Arg::key("key", 0),
            Arg::block(
                "options",
                &[Arg::int("count"), Arg::word("withvalues", "WITHVALUES").optional()],
            )
            .optional(),
        ]),
];

/// HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]
fn hscan(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let cursor = scan::cursor(&ctx.args, 2)?;
    let args = ctx.args;
    let (hash, now, reply) = ctx.hash_and_reply(key)?;
    let Some(hash) = hash else {
        // Redis looks at the options only when there is something to scan.
        scan::reply(reply, |_| 0);
        return Ok(());
    };
    let options = Options::parse(&args, 3, Extra::Bare("novalues"))?;
    scan::reply(reply, |found| {
        hash.scan(cursor, options.count, now, &mut |field, value| {
            if options.matches(field) {
                found.push(field);
                if !options.bare {
                    found.push(value);
                }
            }
        })
    });
    Ok(())
}

/// HRANDFIELD key [count [WITHVALUES]]
fn hrandfield(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let count = count(ctx)?;
    let with_values = ctx.args.len() == 4;
    let (now, room) = (ctx.state.keyspace.horizon(), ctx.state.output_room(ctx.id));
    let (rng, reply) = (&mut ctx.state.rng, &mut ctx.reply);
    let hash = hash(ctx.state.keyspace.db(ctx.db).read(key))?;
    match (hash, count) {
        (None, None) => reply.null(),
        (None, Some(_)) | (_, Some(0)) => reply.empty_array(),
        (Some(hash), None) => {
            let (field, _) = hash.random(now, rng).expect("a hash that was found has fields");
            reply_item(reply, field);
        }
        (Some(hash), Some(count @ 1..)) => {
            let count = hash.len(now).min(usize::try_from(count).unwrap_or(usize::MAX));
            reply.array(replies(count, with_values, reply.protocol));
            hash.sample(count, now, rng, |pair| reply_pair(reply, pair, with_values));
        }
        (Some(hash), Some(count)) => {
            let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
            let len = replies(count, with_values, reply.protocol);
            let draws = hash.draws(now, rng).take(count);
            let write = |reply: &mut Reply<'_>, pair| reply_pair(reply, pair, with_values);
            return bounded::array(reply, room, len, draws, write);
        }
    }
    Ok(())
}

/// The count of a call, if it has one.
fn count(ctx: &Ctx) -> Result<Option<i64>, Reject> {
    if ctx.args.len() == 2 {
        return Ok(None);
    }
    let count = ctx.args.int_between(2, -i64::MAX, i64::MAX)?;
    match ctx.args.len() {
        3 => {}
        4 if ctx.args.is(3, "withvalues") => {
            if count.abs() > COUNT_WITH_VALUES_MAX {
                return Err(errors::OUT_OF_RANGE.into());
            }
        }
        _ => return Err(errors::SYNTAX.into()),
    }
    Ok(Some(count))
}

/// How many replies `count` fields make: version 3 has a pair for each with its value.
fn replies(count: usize, with_values: bool, protocol: Protocol) -> usize {
    match protocol {
        Protocol::Resp2 if with_values => count * 2,
        _ => count,
    }
}

/// Replies with a field, and its value if wanted.
fn reply_pair(reply: &mut Reply<'_>, (field, value): Pair<'_>, with_value: bool) {
    if with_value && reply.protocol == Protocol::Resp3 {
        reply.array(2);
    }
    reply_item(reply, field);
    if with_value {
        reply_item(reply, value);
    }
}
