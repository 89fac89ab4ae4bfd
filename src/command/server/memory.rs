//! The MEMORY family: what a key costs.
//!
//! Invariant: figures come from the keyspace, which counts what the allocator counts.

use crate::command::ctx::Ctx;
use crate::command::help::reply_help;
use crate::command::spec::{Arg, Command, Flags, Group, KeyFlags, KeySpec};
use crate::resp::errors::{self, Outcome};

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command::group("memory", MEMORY)
    .arity(-2)
    .of(Group::Server)
    .summary("A container for memory diagnostics commands.")
    .complexity("Depends on subcommand.")
    .since("4.0.0")];

const MEMORY: &[Command] = &[
    Command::new("help", memory_help)
        .arity(2)
        .of(Group::Server)
        .flags(Flags::LOADING.or(Flags::STALE))
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("4.0.0"),
    Command::new("usage", memory_usage)
        .arity(-3)
        .of(Group::Server)
        .flags(Flags::READONLY)
        .keys(&[KeySpec::at(2).flags(KeyFlags::RO)])
        .summary("Estimates the memory usage of a key.")
        .complexity("O(N) where N is the number of samples.")
        .since("4.0.0")
        .args(&[Arg::key("key", 0), Arg::int("count").token("SAMPLES").optional()]),
];

/// MEMORY HELP
fn memory_help(ctx: &mut Ctx) -> Outcome {
    reply_help(ctx, HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
];

/// MEMORY USAGE key [SAMPLES count]
fn memory_usage(ctx: &mut Ctx) -> Outcome {
    check_samples(ctx)?;
    let key = ctx.arg(2);
    match ctx.db().info(key) {
        Some(info) => ctx.reply.integer(info.memory_bytes as i64),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// SAMPLES is checked and has no effect: every value's size is known without sampling.
fn check_samples(ctx: &Ctx) -> Outcome {
    for at in (3..ctx.args.len()).step_by(2) {
        if !ctx.args.is(at, "samples") || at + 1 == ctx.args.len() || ctx.args.int(at + 1)? < 0 {
            return Err(errors::SYNTAX.into());
        }
    }
    Ok(())
}
