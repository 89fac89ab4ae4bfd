//! XINFO: what is known of streams, their groups and consumers.

use super::{UNSTABLE, now, reply_count, reply_entries, reply_entry, reply_id, stream};
use crate::command::ctx::Ctx;
use crate::command::help::reply_help;
use crate::command::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::resp::Reply;
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::stream::group::{Consumer, Group as ConsumerGroup};
use crate::types::stream::{Facts, Id, Stream};

const HELP: &[&str] = &[
    "CONSUMERS <key> <groupname>",
    "    Show consumers of <groupname>.",
    "GROUPS <key>",
    "    Show the stream consumer groups.",
    "STREAM <key> [FULL [COUNT <count>]",
    "    Show information about the stream.",
];
/// Entries that XINFO STREAM FULL shows where nobody says how many.
const COUNT_DEFAULT: i64 = 10;
const READ_ONE: &[KeySpec] = &[KeySpec::at(2).flags(KeyFlags::RO.or(KeyFlags::ACCESS))];
const KEY: Arg = Arg::key("key", 0);

/// The rows of this file.
pub const COMMANDS: &[Command] = &[Command::group("xinfo", SUBCOMMANDS)
    .of(Group::Stream)
    .summary("A container for stream introspection commands.")
    .complexity("Depends on subcommand.")
    .since("5.0.0")];

const FULL: &[Arg] = &[Arg::word("full", "FULL"), Arg::int("count").token("COUNT").optional()];

const SUBCOMMANDS: &[Command] = &[
    Command::new("consumers", consumers)
        .arity(4)
        .of(Group::Stream)
        .flags(Flags::READONLY)
        .acl(Categories::STREAM)
        .keys(READ_ONE)
        .summary("Returns a list of the consumers in a consumer group.")
        .complexity("O(1)")
        .since("5.0.0")
        .history(&[("7.2.0", "Added the `inactive` field.")])
        .tips(UNSTABLE)
        .args(&[KEY, Arg::string("group")]),
    Command::new("groups", groups)
        .arity(3)
        .of(Group::Stream)
        .flags(Flags::READONLY)
        .acl(Categories::STREAM)
        .keys(READ_ONE)
        .summary("Returns a list of the consumer groups of a stream.")
        .complexity("O(1)")
        .since("5.0.0")
        .history(&[("7.0.0", "Added the `entries-read` and `lag` fields")])
        .args(&[KEY]),
    Command::new("help", help)
        .arity(2)
        .of(Group::Stream)
        .flags(Flags::LOADING.or(Flags::STALE))
        .acl(Categories::STREAM)
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("5.0.0"),
    Command::new("stream", stream_info)
        .arity(-3)
        .of(Group::Stream)
        .flags(Flags::READONLY)
        .acl(Categories::STREAM)
        .keys(READ_ONE)
        .summary("Returns information about a stream.")
        .complexity("O(1)")
        .since("5.0.0")
        .history(&[
            ("6.0.0", "Added the `FULL` modifier."),
            (
                "7.0.0",
                "Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, \
                 `entries-read` and `lag` fields",
            ),
            ("7.2.0", "Added the `active-time` field, and changed the meaning of `seen-time`."),
        ])
        .args(&[KEY, Arg::block("full-block", FULL).optional()]),
];

/// XINFO HELP
fn help(ctx: &mut Ctx) -> Outcome {
    reply_help(ctx, HELP);
    Ok(())
}

/// XINFO GROUPS key
fn groups(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(2);
    let (db, reply) = ctx.db_and_reply();
    let stream = stream(db.read(key))?.ok_or(errors::NO_SUCH_KEY)?;
    reply.array(stream.groups().len());
    for (name, group) in stream.groups() {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(name);
        field(reply, "consumers", group.len() as u64);
        field(reply, "pending", group.pending().len() as u64);
        field_id(reply, "last-delivered-id", group.last);
        progress(reply, stream.facts(), group);
    }
    Ok(())
}

/// XINFO CONSUMERS key group
fn consumers(ctx: &mut Ctx) -> Outcome {
    let (key, name, now) = (ctx.arg(2), ctx.arg(3), now(ctx));
    let (db, reply) = ctx.db_and_reply();
    let stream = stream(db.read(key))?.ok_or(errors::NO_SUCH_KEY)?;
    let group = stream.group(name).ok_or_else(|| errors::no_group_of_key(name, key))?;
    reply.array(group.len());
    for consumer in group.consumers() {
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        field(reply, "pending", consumer.owned().len() as u64);
        reply.bulk(b"idle");
        reply.integer(now.wrapping_sub(consumer.seen()).max(0));
        reply.bulk(b"inactive");
        let active = consumer.active();
        reply.integer(if active == -1 { -1 } else { now.wrapping_sub(active) });
    }
    Ok(())
}

/// XINFO STREAM key [FULL [COUNT count]]
fn stream_info(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(2);
    let found = stream(ctx.db().read(key))?.is_some();
    if !found {
        return Err(errors::NO_SUCH_KEY.into());
    }
    let full = full_count(ctx)?;
    let (db, reply) = ctx.db_and_reply();
    let Some(stream) = stream(db.peek(key))? else { return Err(errors::NO_SUCH_KEY.into()) };
    reply.map(if full.is_some() { 9 } else { 10 });
    reply_facts(reply, stream);
    match full {
        None => reply_ends(reply, stream),
        Some(count) => {
            reply.bulk(b"entries");
            reply_entries(reply, stream.nodes().all().take(count));
            reply.bulk(b"groups");
            reply.array(stream.groups().len());
            for (name, group) in stream.groups() {
                reply_group(reply, stream.facts(), name, group, count);
            }
        }
    }
    Ok(())
}

/// How many of each are to be shown in full; `None` if that is not asked for.
fn full_count(ctx: &Ctx<'_>) -> Result<Option<usize>, Reject> {
    let syntax = || errors::subcommand_syntax(ctx.arg(0), ctx.arg(1));
    let count = match ctx.args.len() {
        3 => return Ok(None),
        4 if ctx.args.is(3, "full") => COUNT_DEFAULT,
        6 if ctx.args.is(3, "full") && ctx.args.is(4, "count") => ctx.args.int(5)?,
        _ => return Err(syntax()),
    };
    let count = if count < 0 { COUNT_DEFAULT } else { count };
    Ok(Some(super::limit_of(count)))
}

fn reply_facts(reply: &mut Reply<'_>, stream: &Stream) {
    let facts = stream.facts();
    field(reply, "length", facts.len);
    field(reply, "radix-tree-keys", stream.nodes().len() as u64);
    field(reply, "radix-tree-nodes", stream.radix_nodes() as u64);
    field_id(reply, "last-generated-id", facts.last);
    field_id(reply, "max-deleted-entry-id", facts.max_deleted);
    field(reply, "entries-added", facts.added);
    field_id(reply, "recorded-first-entry-id", facts.first);
}

fn reply_ends(reply: &mut Reply<'_>, stream: &Stream) {
    field(reply, "groups", stream.groups().len() as u64);
    let nodes = stream.nodes();
    let ends = [
        ("first-entry", nodes.all().next()),
        ("last-entry", nodes.range_back(Id::MIN, Id::MAX).next()),
    ];
    for (name, entry) in ends {
        reply.bulk(name.as_bytes());
        match entry {
            Some(entry) => reply_entry(reply, entry),
            None => reply.null(),
        }
    }
}

fn reply_group(
    reply: &mut Reply<'_>,
    facts: Facts,
    name: &[u8],
    group: &ConsumerGroup,
    count: usize,
) {
    reply.map(7);
    reply.bulk(b"name");
    reply.bulk(name);
    field_id(reply, "last-delivered-id", group.last);
    progress(reply, facts, group);
    field(reply, "pel-count", group.pending().len() as u64);
    reply.bulk(b"pending");
    reply.array(group.pending().len().min(count));
    for (id, pending) in group.pending().iter().take(count) {
        reply.array(4);
        reply_id(reply, *id);
        reply.bulk(group.owner(pending).name());
        reply.integer(pending.delivered);
        reply.integer(pending.count.cast_signed());
    }
    reply.bulk(b"consumers");
    reply.array(group.len());
    group.consumers().for_each(|consumer| reply_consumer(reply, group, consumer, count));
}

fn reply_consumer(reply: &mut Reply<'_>, group: &ConsumerGroup, consumer: &Consumer, count: usize) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    reply.bulk(b"seen-time");
    reply.integer(consumer.seen());
    reply.bulk(b"active-time");
    reply.integer(consumer.active());
    field(reply, "pel-count", consumer.owned().len() as u64);
    reply.bulk(b"pending");
    reply.array(consumer.owned().len().min(count));
    let owned = consumer.owned().iter().take(count);
    for (id, pending) in owned.filter_map(|(id, ())| Some((id, group.pending().get(*id)?))) {
        reply.array(3);
        reply_id(reply, *id);
        reply.integer(pending.delivered);
        reply.integer(pending.count.cast_signed());
    }
}

/// How much a group has read, and how much it has not; null where that cannot be told.
fn progress(reply: &mut Reply<'_>, facts: Facts, group: &ConsumerGroup) {
    for (name, count) in [("entries-read", group.read), ("lag", facts.lag(group))] {
        match count {
            Some(count) => field(reply, name, count),
            None => {
                reply.bulk(name.as_bytes());
                reply.null();
            }
        }
    }
}

fn field(reply: &mut Reply<'_>, name: &str, count: u64) {
    reply.bulk(name.as_bytes());
    reply_count(reply, count);
}

fn field_id(reply: &mut Reply<'_>, name: &str, id: Id) {
    reply.bulk(name.as_bytes());
    reply_id(reply, id);
}
