//! Entries of a stream by their ids.

use super::{READ_ONE, end, limit_of, reply_count, reply_entries, start, stream};
use crate::command::ctx::Ctx;
use crate::command::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::resp::errors::{self, Outcome, Reject};

const COUNT: Arg = Arg::int("count").token("COUNT").optional();
const HISTORY: &[(&str, &str)] = &[("6.2.0", "Added exclusive ranges.")];

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("xlen", xlen)
        .arity(2)
        .of(Group::Stream)
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Categories::STREAM)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RO)])
        .summary("Return the number of messages in a stream.")
        .complexity("O(1)")
        .since("5.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("xrange", xrange)
        .arity(-4)
        .of(Group::Stream)
        .flags(Flags::READONLY)
        .acl(Categories::STREAM)
        .keys(READ_ONE)
        .summary("Returns the messages from a stream within a range of IDs.")
        .complexity(
            "O(N) with N being the number of elements being returned. If N is constant (e.g. \
             always asking for the first 10 elements with COUNT), you can consider it O(1).",
        )
        .since("5.0.0")
        .history(HISTORY)
        .args(&[Arg::key("key", 0), Arg::string("start"), Arg::string("end"), COUNT]),
    Command::new("xrevrange", xrevrange)
        .arity(-4)
        .of(Group::Stream)
        .flags(Flags::READONLY)
        .acl(Categories::STREAM)
        .keys(READ_ONE)
        .summary("Returns the messages from a stream within a range of IDs in reverse order.")
        .complexity(
            "O(N) with N being the number of elements returned. If N is constant (e.g. always \
             asking for the first 10 elements with COUNT), you can consider it O(1).",
        )
        .since("5.0.0")
        .history(HISTORY)
        .args(&[Arg::key("key", 0), Arg::string("end"), Arg::string("start"), COUNT]),
];

/// XLEN key
fn xlen(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let len = stream(ctx.db().read(key))?.map_or(0, |stream| stream.facts().len);
    reply_count(&mut ctx.reply, len);
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Ascending,
    Descending,
}

/// XRANGE key start end [COUNT count]
fn xrange(ctx: &mut Ctx) -> Outcome {
    range(ctx, Order::Ascending)
}

/// XREVRANGE key end start [COUNT count]
fn xrevrange(ctx: &mut Ctx) -> Outcome {
    range(ctx, Order::Descending)
}

fn range(ctx: &mut Ctx, order: Order) -> Outcome {
    let (key, [first, second]) = (ctx.arg(1), [ctx.arg(2), ctx.arg(3)]);
    let (first, second) = if order == Order::Ascending { (first, second) } else { (second, first) };
    let (start, end, count) = (start(first)?, end(second)?, count(ctx)?);
    let (db, reply) = ctx.db_and_reply();
    let Some(stream) = stream(db.read(key))? else {
        reply.empty_array();
        return Ok(());
    };
    let nodes = stream.nodes();
    match (count, order) {
        (Some(0), _) => reply.null_array(),
        (count, Order::Ascending) => {
            let entries = nodes.range(start, end).take(count.map_or(usize::MAX, limit_of));
            reply_entries(reply, entries);
        }
        (count, Order::Descending) => {
            let entries = nodes.range_back(start, end).take(count.map_or(usize::MAX, limit_of));
            reply_entries(reply, entries);
        }
    }
    Ok(())
}

/// What the last COUNT says, if there is one; less than nothing is nothing.
fn count(ctx: &Ctx<'_>) -> Result<Option<i64>, Reject> {
    let (mut count, mut at) = (None, 4);
    while at < ctx.args.len() {
        if !ctx.args.is(at, "count") || at + 1 == ctx.args.len() {
            return Err(errors::SYNTAX.into());
        }
        count = Some(ctx.args.int(at + 1)?.max(0));
        at += 2;
    }
    Ok(count)
}
