//! XGROUP: consumer groups and their consumers.

use super::{UPDATE, WRITE_GROWING, now, stream, strict_id};
use crate::base::text::until_nul;
use crate::command::ctx::{Ctx, EventClass};
use crate::command::help::reply_help;
use crate::command::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::keyspace::After;
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::stream::group::Group as ConsumerGroup;
use crate::types::stream::{Id, Source, Stream};

const HELP: &[&str] = &[
    "CREATE <key> <groupname> <id|$> [option]",
    "    Create a new consumer group. Options are:",
    "    * MKSTREAM",
    "      Create the empty stream if it does not exist.",
    "    * ENTRIESREAD entries_read",
    "      Set the group's entries_read counter (internal use).",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Create a new consumer in the specified group.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Remove the specified consumer.",
    "DESTROY <key> <groupname>",
    "    Remove the specified group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Set the current group ID and entries_read counter.",
];
const INSERT_ONE: &[KeySpec] = &[KeySpec::at(2).flags(KeyFlags::RW.or(KeyFlags::INSERT))];
const UPDATE_ONE: &[KeySpec] = &[KeySpec::at(2).flags(UPDATE)];
const DELETE_ONE: &[KeySpec] = &[KeySpec::at(2).flags(KeyFlags::RW.or(KeyFlags::DELETE))];
const KEY: Arg = Arg::key("key", 0);
const GROUP: Arg = Arg::string("group");
const CONSUMER: Arg = Arg::string("consumer");
const ID: Arg = Arg::one_of("id-selector", &[Arg::string("id"), Arg::word("new-id", "$")]);

/// The rows of this file.
pub const COMMANDS: &[Command] = &[Command::group("xgroup", SUBCOMMANDS)
    .of(Group::Stream)
    .summary("A container for consumer groups commands.")
    .complexity("Depends on subcommand.")
    .since("5.0.0")];

const SUBCOMMANDS: &[Command] = &[
    Command::new("create", create)
        .arity(-5)
        .of(Group::Stream)
        .flags(WRITE_GROWING)
        .acl(Categories::STREAM)
        .keys(INSERT_ONE)
        .summary("Creates a consumer group.")
        .complexity("O(1)")
        .since("5.0.0")
        .history(&[("7.0.0", "Added the `entries_read` named argument.")])
        .args(&[
            KEY,
            GROUP,
            ID,
            Arg::word("mkstream", "MKSTREAM").optional(),
            Arg::int("entries-read").token("ENTRIESREAD").optional(),
        ]),
    Command::new("createconsumer", createconsumer)
        .arity(5)
        .of(Group::Stream)
        .flags(WRITE_GROWING)
        .acl(Categories::STREAM)
        .keys(INSERT_ONE)
        .summary("Creates a consumer in a consumer group.")
        .complexity("O(1)")
        .since("6.2.0")
        .args(&[KEY, GROUP, CONSUMER]),
    Command::new("delconsumer", delconsumer)
        .arity(5)
        .of(Group::Stream)
        .flags(Flags::WRITE)
        .acl(Categories::STREAM)
        .keys(DELETE_ONE)
        .summary("Deletes a consumer from a consumer group.")
        .complexity("O(1)")
        .since("5.0.0")
        .args(&[KEY, GROUP, CONSUMER]),
    Command::new("destroy", destroy)
        .arity(4)
        .of(Group::Stream)
        .flags(Flags::WRITE)
        .acl(Categories::STREAM)
        .keys(DELETE_ONE)
        .summary("Destroys a consumer group.")
        .complexity(
            "O(N) where N is the number of entries in the group's pending entries list (PEL).",
        )
        .since("5.0.0")
        .args(&[KEY, GROUP]),
    Command::new("help", help)
        .arity(2)
        .of(Group::Stream)
        .flags(Flags::LOADING.or(Flags::STALE))
        .acl(Categories::STREAM)
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("5.0.0"),
    Command::new("setid", setid)
        .arity(-5)
        .of(Group::Stream)
        .flags(Flags::WRITE)
        .acl(Categories::STREAM)
        .keys(UPDATE_ONE)
        .summary("Sets the last-delivered ID of a consumer group.")
        .complexity("O(1)")
        .since("5.0.0")
        .history(&[("7.0.0", "Added the optional `entries_read` argument.")])
        .args(&[
            KEY,
            GROUP,
            ID,
            Arg::int("entriesread").display("entries-read").token("ENTRIESREAD").optional(),
        ]),
];

/// Options of CREATE and SETID.
struct Options {
    mkstream: bool,
    read: Option<u64>,
}

impl Options {
    fn parse(ctx: &Ctx<'_>, with_mkstream: bool) -> Result<Options, Reject> {
        let (mut options, mut at) = (Options { mkstream: false, read: None }, 5);
        while at < ctx.args.len() {
            if with_mkstream && ctx.args.is(at, "mkstream") {
                options.mkstream = true;
                at += 1;
            } else if ctx.args.is(at, "entriesread") && at + 1 < ctx.args.len() {
                let read = ctx.args.int(at + 1)?;
                if read < -1 {
                    return Err(errors::ENTRIES_READ.into());
                }
                options.read = u64::try_from(read).ok();
                at += 2;
            } else {
                return Err(syntax(ctx));
            }
        }
        Ok(options)
    }
}

fn syntax(ctx: &Ctx<'_>) -> Reject {
    errors::subcommand_syntax(ctx.arg(0), ctx.arg(1))
}

/// XGROUP CREATE key group id | $ [MKSTREAM] [ENTRIESREAD entries-read]
fn create(ctx: &mut Ctx) -> Outcome {
    let options = Options::parse(ctx, true)?;
    let (key, name, id) = (ctx.arg(2), ctx.arg(3), ctx.arg(4));
    let found = stream(ctx.db().write_lookup(key))?;
    let (facts, is_taken) =
        (found.map(Stream::facts), found.is_some_and(|stream| stream.group(name).is_some()));
    if facts.is_none() && !options.mkstream {
        return Err(errors::XGROUP_NO_KEY.into());
    }
    if ctx.args.len() > 8 {
        return Err(syntax(ctx));
    }
    let last = match until_nul(id) {
        b"$" => facts.map_or(Id::MIN, |facts| facts.last),
        _ => strict_id(id)?,
    };
    if is_taken {
        return Err(errors::BUSY_GROUP.into());
    }
    let add = |stream: &mut Stream| stream.add_group(name, last, options.read);
    let (_, after) = ctx.db().change(key, add)?;
    if after == After::Created {
        ctx.touched(key);
        ctx.count_changes(0);
    }
    ctx.reply.ok();
    ctx.changed_quietly(key, EventClass::Stream, "xgroup-create");
    Ok(())
}

/// XGROUP SETID key group id | $ [ENTRIESREAD entries-read]
fn setid(ctx: &mut Ctx) -> Outcome {
    let options = Options::parse(ctx, false)?;
    let (key, name, id) = (ctx.arg(2), ctx.arg(3), ctx.arg(4));
    let facts = existing(ctx, key, name)?.facts();
    if ![5, 7].contains(&ctx.args.len()) {
        return Err(syntax(ctx));
    }
    let last = match until_nul(id) {
        b"$" => facts.last,
        b"-" => Id::MIN,
        b"+" => Id::MAX,
        _ => strict_id(id)?,
    };
    change(ctx, key, name, |_, group| (group.last, group.read) = (last, options.read))?;
    ctx.reply.ok();
    ctx.changed_quietly(key, EventClass::Stream, "xgroup-setid");
    Ok(())
}

/// XGROUP DESTROY key group
fn destroy(ctx: &mut Ctx) -> Outcome {
    let (key, name) = (ctx.arg(2), ctx.arg(3));
    let found = stream(ctx.db().write_lookup(key))?.ok_or(errors::XGROUP_NO_KEY)?;
    if found.group(name).is_none() {
        ctx.reply.integer(0);
        return Ok(());
    }
    ctx.db().change_old(key, |stream: &mut Stream| stream.remove_group(name))?;
    ctx.reply.integer(1);
    ctx.changed_quietly(key, EventClass::Stream, "xgroup-destroy");
    // Who waits as one of its consumers waits in vain.
    ctx.db().tell_awaited(key);
    Ok(())
}

/// XGROUP CREATECONSUMER key group consumer
fn createconsumer(ctx: &mut Ctx) -> Outcome {
    let (key, name, consumer, now) = (ctx.arg(2), ctx.arg(3), ctx.arg(4), now(ctx));
    existing(ctx, key, name)?;
    let created = change(ctx, key, name, |_, group| group.add(consumer, now, -1).is_some())?;
    if created {
        ctx.changed_quietly(key, EventClass::Stream, "xgroup-createconsumer");
    }
    ctx.reply.integer(created.into());
    Ok(())
}

/// XGROUP DELCONSUMER key group consumer
fn delconsumer(ctx: &mut Ctx) -> Outcome {
    let (key, name, consumer) = (ctx.arg(2), ctx.arg(3), ctx.arg(4));
    existing(ctx, key, name)?;
    let pending =
        change(ctx, key, name, |_, group| group.find(consumer).map(|id| group.remove(id)))?;
    if pending.is_some() {
        ctx.changed_quietly(key, EventClass::Stream, "xgroup-delconsumer");
    }
    super::reply_count(&mut ctx.reply, pending.unwrap_or(0) as u64);
    Ok(())
}

/// XGROUP HELP
fn help(ctx: &mut Ctx) -> Outcome {
    reply_help(ctx, HELP);
    Ok(())
}

/// The stream at `key`, which has the group `name`.
fn existing<'a>(ctx: &'a mut Ctx, key: &[u8], name: &[u8]) -> Result<&'a Stream, Reject> {
    let found = stream(ctx.db().write_lookup(key))?.ok_or(errors::XGROUP_NO_KEY)?;
    match found.group(name) {
        Some(_) => Ok(found),
        None => Err(errors::no_group_of_key(name, key)),
    }
}

/// Changes the group `name` of `key`, which is there.
fn change<T: Default>(
    ctx: &mut Ctx,
    key: &[u8],
    name: &[u8],
    change: impl FnOnce(Source<'_>, &mut ConsumerGroup) -> T,
) -> Result<T, Reject> {
    let changed =
        ctx.db().change_old(key, |stream: &mut Stream| stream.change_group(name, change))?;
    Ok(changed.and_then(|(result, _)| result).unwrap_or_default())
}
