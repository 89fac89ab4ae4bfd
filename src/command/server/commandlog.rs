//! The COMMANDLOG family, as in Valkey since 8.1: commands that took long, that were large, and whose
//! replies were. An entry of a slow one has a seventh part that Valkey lacks: where its time went.
//!
//! Invariant: reads and clears the logs; what gets into them is decided where commands are called.

use super::slowlog::{ADMIN_ANYTIME, ENTRY_PARTS, given_count, reply_entry};
use crate::command::ctx::Ctx;
use crate::command::help::reply_help;
use crate::command::spec::{Arg, Command, Flags, Group};
use crate::command::state::State;
use crate::observe::{CommandLog, Stages};
use crate::resp::errors::{self, Outcome, Reject};
use crate::resp::{Args, Reply};

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command::group("commandlog", COMMANDLOG)
    .arity(-2)
    .of(Group::Server)
    .summary("A container for command log commands.")
    .complexity("Depends on subcommand.")
    .since("8.1.0")];

const COMMANDLOG: &[Command] = &[
    Command::new("get", commandlog_get)
        .arity(4)
        .of(Group::Server)
        .flags(ADMIN_ANYTIME)
        .summary("Returns the specified command log's entries.")
        .complexity("O(N) where N is the number of entries returned")
        .since("8.1.0")
        .tips(&["request_policy:all_nodes", "nondeterministic_output"])
        .args(&[Arg::int("count"), TYPE]),
    Command::new("help", commandlog_help)
        .arity(2)
        .of(Group::Server)
        .flags(Flags::LOADING.or(Flags::STALE))
        .summary("Shows helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("8.1.0"),
    Command::new("len", commandlog_len)
        .arity(3)
        .of(Group::Server)
        .flags(ADMIN_ANYTIME)
        .summary("Returns the number of entries in the specified type of command log.")
        .complexity("O(1)")
        .since("8.1.0")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"])
        .args(&[TYPE]),
    Command::new("reset", commandlog_reset)
        .arity(3)
        .of(Group::Server)
        .flags(ADMIN_ANYTIME)
        .summary("Clears all entries from the specified type of command log.")
        .complexity("O(N) where N is the number of entries in the commandlog")
        .since("8.1.0")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .args(&[TYPE]),
];

const TYPE: Arg = Arg::one_of(
    "type",
    &[
        Arg::word("slow", "slow"),
        Arg::word("large-request", "large-request"),
        Arg::word("large-reply", "large-reply"),
    ],
);

/// COMMANDLOG GET count type
fn commandlog_get(ctx: &mut Ctx) -> Outcome {
    let count = given_count(ctx)?;
    let entries = log(ctx.state, &ctx.args, 3)?.entries();
    let count = count.min(entries.len());
    ctx.reply.array(count);
    for entry in entries.take(count) {
        ctx.reply.array(ENTRY_PARTS + usize::from(entry.stages.is_some()));
        reply_entry(&mut ctx.reply, entry);
        if let Some(stages) = &entry.stages {
            reply_stages(&mut ctx.reply, stages);
        }
    }
    Ok(())
}

fn reply_stages(reply: &mut Reply, stages: &Stages) {
    reply.map(5);
    for (name, us) in [("queued-us", Some(stages.queued_us)), ("disk-us", Some(stages.disk_us))] {
        reply.bulk(name.as_bytes());
        reply_us(reply, us);
    }
    reply.bulk(b"sending-us");
    reply_us(reply, stages.sending_us);
    let (behind, behind_us) = match &stages.behind {
        Some((name, us)) => (&**name, *us),
        None => ("", 0),
    };
    reply.bulk(b"behind");
    reply.bulk(behind.as_bytes());
    reply.bulk(b"behind-us");
    reply_us(reply, Some(behind_us));
}

/// Microseconds; -1 while they are not known.
fn reply_us(reply: &mut Reply, us: Option<u64>) {
    reply.integer(us.map_or(-1, |us| us as i64));
}

/// COMMANDLOG LEN type
fn commandlog_len(ctx: &mut Ctx) -> Outcome {
    let len = log(ctx.state, &ctx.args, 2)?.len();
    ctx.reply.integer(len as i64);
    Ok(())
}

/// COMMANDLOG RESET type
fn commandlog_reset(ctx: &mut Ctx) -> Outcome {
    log(ctx.state, &ctx.args, 2)?.clear();
    ctx.reply.ok();
    Ok(())
}

/// The log that argument `index` names.
fn log<'a>(state: &'a mut State, args: &Args, index: usize) -> Result<&'a mut CommandLog, Reject> {
    let logs = [
        ("slow", &mut state.slowlog),
        ("large-request", &mut state.large_requests),
        ("large-reply", &mut state.large_replies),
    ];
    let named = logs.into_iter().find(|(name, _)| args.is(index, name));
    named.map(|(_, log)| log).ok_or(errors::COMMANDLOG_TYPE.into())
}

/// COMMANDLOG HELP
fn commandlog_help(ctx: &mut Ctx) -> Outcome {
    reply_help(ctx, HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "GET <count> <type>",
    "    Return top <count> entries of the specified <type> from the commandlog (-1 mean all).",
    "    Entries are made of:",
    "    id, timestamp,",
    "        time in microseconds for type of slow,",
    "        or size in bytes for type of large-request,",
    "        or size in bytes for type of large-reply",
    "    arguments array, client IP and port,",
    "    client name,",
    "    and for type of slow where the time went.",
    "LEN <type>",
    "    Return the length of the specified type of commandlog.",
    "RESET <type>",
    "    Reset the specified type of commandlog.",
];
