//! The SLOWLOG family: the commands that took longest.
//!
//! Invariant: reads and clears the log; what gets into it is decided where commands are called.

use crate::command::ctx::Ctx;
use crate::command::help::reply_help;
use crate::command::spec::{Arg, Command, Flags, Group};
use crate::observe::LogEntry;
use crate::resp::Reply;
use crate::resp::errors::{self, Outcome, Reject};

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command::group("slowlog", SLOWLOG)
    .arity(-2)
    .of(Group::Server)
    .summary("A container for slow log commands.")
    .complexity("Depends on subcommand.")
    .since("2.2.12")];

const SLOWLOG: &[Command] = &[
    Command::new("get", slowlog_get)
        .arity(-2)
        .of(Group::Server)
        .flags(ADMIN_ANYTIME)
        .summary("Returns the slow log's entries.")
        .complexity("O(N) where N is the number of entries returned")
        .since("2.2.12")
        .history(&[("4.0.0", "Added client IP address, port and name to the reply.")])
        .tips(&["request_policy:all_nodes", "nondeterministic_output"])
        .args(&[Arg::int("count").optional()]),
    Command::new("help", slowlog_help)
        .arity(2)
        .of(Group::Server)
        .flags(Flags::LOADING.or(Flags::STALE))
        .summary("Show helpful text about the different subcommands")
        .complexity("O(1)")
        .since("6.2.0"),
    Command::new("len", slowlog_len)
        .arity(2)
        .of(Group::Server)
        .flags(ADMIN_ANYTIME)
        .summary("Returns the number of entries in the slow log.")
        .complexity("O(1)")
        .since("2.2.12")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]),
    Command::new("reset", slowlog_reset)
        .arity(2)
        .of(Group::Server)
        .flags(ADMIN_ANYTIME)
        .summary("Clears all entries from the slow log.")
        .complexity("O(N) where N is the number of entries in the slowlog")
        .since("2.2.12")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
];

pub(super) const ADMIN_ANYTIME: Flags = Flags::ADMIN.or(Flags::LOADING).or(Flags::STALE);
/// Parts of an entry.
pub(super) const ENTRY_PARTS: usize = 6;
/// Entries that SLOWLOG GET replies unless asked for another number.
const COUNT: usize = 10;

/// SLOWLOG GET [count]
fn slowlog_get(ctx: &mut Ctx) -> Outcome {
    let entries = ctx.state.slowlog.entries();
    let count = count(ctx)?.min(entries.len());
    ctx.reply.array(count);
    for entry in entries.take(count) {
        ctx.reply.array(ENTRY_PARTS);
        reply_entry(&mut ctx.reply, entry);
    }
    Ok(())
}

fn count(ctx: &Ctx) -> Result<usize, Reject> {
    match ctx.args.len() {
        2 => Ok(COUNT),
        3 => given_count(ctx),
        _ => Err(errors::subcommand_syntax(ctx.arg(0), ctx.arg(1))),
    }
}

/// The number of entries that the third argument asks for.
pub(super) fn given_count(ctx: &Ctx) -> Result<usize, Reject> {
    match ctx.args.int_or(2, errors::SLOWLOG_COUNT)? {
        -1 => Ok(usize::MAX),
        count => usize::try_from(count).map_err(|_| errors::SLOWLOG_COUNT.into()),
    }
}

/// What both SLOWLOG and COMMANDLOG say of a command, in [`ENTRY_PARTS`] parts.
pub(super) fn reply_entry(reply: &mut Reply, entry: &LogEntry) {
    reply.integer(entry.id as i64);
    reply.integer(entry.time_s);
    reply.integer(entry.value as i64);
    reply.array(entry.args.len());
    entry.args.iter().for_each(|arg| reply.bulk(arg));
    reply.bulk(entry.addr.as_bytes());
    reply.bulk(&entry.name);
}

/// SLOWLOG HELP
fn slowlog_help(ctx: &mut Ctx) -> Outcome {
    reply_help(ctx, HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "GET [<count>]",
    "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
    "    Entries are made of:",
    "    id, timestamp, time in microseconds, arguments array, client IP and port,",
    "    client name",
    "LEN",
    "    Return the length of the slowlog.",
    "RESET",
    "    Reset the slowlog.",
];

/// SLOWLOG LEN
fn slowlog_len(ctx: &mut Ctx) -> Outcome {
    ctx.reply.integer(ctx.state.slowlog.len() as i64);
    Ok(())
}

/// SLOWLOG RESET
fn slowlog_reset(ctx: &mut Ctx) -> Outcome {
    ctx.state.slowlog.clear();
    ctx.reply.ok();
    Ok(())
}
