//! Whole databases: how many keys, removing all, exchanging two.
//!
//! Invariant: nothing here knows how a value of any type is stored.

use crate::command::ctx::Ctx;
use crate::command::server::background::Purpose;
use crate::command::spec::{Arg, Categories, Command, Flags, Group};
use crate::command::state::Request;
use crate::keyspace::FlushMode;
use crate::resp::errors::{self, Outcome, Reject};

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("dbsize", dbsize)
        .arity(1)
        .of(Group::Server)
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Categories::KEYSPACE)
        .summary("Returns the number of keys in the database.")
        .complexity("O(1)")
        .since("1.0.0")
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"]),
    Command::new("flushall", flushall)
        .arity(-1)
        .of(Group::Server)
        .flags(Flags::WRITE)
        .acl(Categories::KEYSPACE.or(Categories::DANGEROUS))
        .summary("Removes all keys from all databases.")
        .complexity("O(N) where N is the total number of keys in all databases")
        .since("1.0.0")
        .history(&[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .args(&[Arg::one_of("flush-type", FLUSH_TYPE).optional()]),
    Command::new("flushdb", flushdb)
        .arity(-1)
        .of(Group::Server)
        .flags(Flags::WRITE)
        .acl(Categories::KEYSPACE.or(Categories::DANGEROUS))
        .summary("Remove all keys from the current database.")
        .complexity("O(N) where N is the number of keys in the selected database")
        .since("1.0.0")
        .history(&[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .args(&[Arg::one_of("flush-type", FLUSH_TYPE).optional()]),
    Command::new("swapdb", swapdb)
        .arity(3)
        .of(Group::Server)
        .flags(Flags::WRITE.or(Flags::FAST))
        .acl(Categories::KEYSPACE.or(Categories::DANGEROUS))
        .summary("Swaps two Redis databases.")
        .complexity(
            "O(N) where N is the count of clients watching or blocking on keys from both \
             databases.",
        )
        .since("4.0.0")
        .args(&[Arg::int("index1"), Arg::int("index2")]),
];

const FLUSH_TYPE: &[Arg] =
    &[Arg::word("async", "ASYNC").since("4.0.0"), Arg::word("sync", "SYNC").since("6.2.0")];

/// DBSIZE
fn dbsize(ctx: &mut Ctx) -> Outcome {
    let keys = ctx.db().len();
    ctx.reply.integer(keys as i64);
    Ok(())
}

/// FLUSHALL [ASYNC | SYNC]
fn flushall(ctx: &mut Ctx) -> Outcome {
    let mode = flush_mode(ctx)?;
    flush(ctx, None, mode);
    // One that begins with the end of the turn would be of nothing; in Redis its child has begun.
    if !ctx.state.background.is_running() {
        ctx.state.background.unschedule(Purpose::Save);
    }
    // Once for all that a turn brings.
    let is_asked = |requests: &[Request]| {
        requests.iter().any(|request| matches!(request, Request::ForgetSnapshots))
    };
    if ctx.state.loading.is_none() && !is_asked(&ctx.state.requests) {
        ctx.state.requests.push(Request::ForgetSnapshots);
    }
    ctx.reply.ok();
    Ok(())
}

/// FLUSHDB [ASYNC | SYNC]
fn flushdb(ctx: &mut Ctx) -> Outcome {
    let mode = flush_mode(ctx)?;
    flush(ctx, Some(ctx.db), mode);
    ctx.reply.ok();
    Ok(())
}

/// Removes all keys of one database or of all.
fn flush(ctx: &mut Ctx, db: Option<usize>, mode: FlushMode) {
    // That it was done is a change even where nothing was.
    ctx.state.changes += 1 + ctx.state.keyspace.flush(db, mode) as u64;
    ctx.state.invalidate_all();
}

fn flush_mode(ctx: &Ctx) -> Result<FlushMode, Reject> {
    match ctx.args.len() {
        // Only who asks for it holds up everybody else.
        1 => Ok(FlushMode::Async),
        2 if ctx.args.is(1, "async") => Ok(FlushMode::Async),
        2 if ctx.args.is(1, "sync") => Ok(FlushMode::Sync),
        _ => Err(errors::SYNTAX.into()),
    }
}

/// SWAPDB index1 index2
fn swapdb(ctx: &mut Ctx) -> Outcome {
    let one = database(ctx, 1, errors::INVALID_FIRST_DB)?;
    let other = database(ctx, 2, errors::INVALID_SECOND_DB)?;
    let databases = ctx.state.keyspace.databases();
    let exists = |index: i32| usize::try_from(index).ok().filter(|index| *index < databases);
    let (Some(one), Some(other)) = (exists(one), exists(other)) else {
        return Err(errors::DB_INDEX_OUT_OF_RANGE.into());
    };
    ctx.state.keyspace.swap(one, other);
    ctx.state.changes += 1;
    ctx.reply.ok();
    Ok(())
}

/// Argument `index` as the number of a database, which may not exist.
fn database(ctx: &Ctx, index: usize, text: &'static str) -> Result<i32, Reject> {
    i32::try_from(ctx.args.int_or(index, text)?).map_err(|_| text.into())
}
