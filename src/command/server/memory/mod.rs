//! The MEMORY family: what a key costs, where the memory is, and what to do about it.
//!
//! Invariant: figures come from the allocator and from those who own the memory.

pub mod account;
mod doctor;
mod stats;

use self::doctor::memory_doctor;
use self::stats::{memory_malloc_stats, memory_stats};
use crate::base::alloc;

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
    Command::new("doctor", memory_doctor)
        .arity(2)
        .of(Group::Server)
        .summary("Outputs a memory problems report.")
        .complexity("O(1)")
        .since("4.0.0")
        .tips(OF_EACH_SERVER),
    Command::new("help", memory_help)
        .arity(2)
        .of(Group::Server)
        .flags(Flags::LOADING.or(Flags::STALE))
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("4.0.0"),
    Command::new("malloc-stats", memory_malloc_stats)
        .arity(2)
        .of(Group::Server)
        .summary("Returns the allocator statistics.")
        .complexity("Depends on how much memory is allocated, could be slow")
        .since("4.0.0")
        .tips(OF_EACH_SERVER),
    Command::new("purge", memory_purge)
        .arity(2)
        .of(Group::Server)
        .summary("Asks the allocator to release memory.")
        .complexity("Depends on how much memory is allocated, could be slow")
        .since("4.0.0")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    Command::new("stats", memory_stats)
        .arity(2)
        .of(Group::Server)
        .summary("Returns details about memory usage.")
        .complexity("O(1)")
        .since("4.0.0")
        .tips(OF_EACH_SERVER),
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

const OF_EACH_SERVER: &[&str] =
    &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];

/// MEMORY HELP
fn memory_help(ctx: &mut Ctx) -> Outcome {
    reply_help(ctx, HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "DOCTOR",
    "    Return memory problems reports.",
    "MALLOC-STATS",
    "    Return internal statistics report from the memory allocator.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
];

/// MEMORY PURGE
fn memory_purge(ctx: &mut Ctx) -> Outcome {
    ctx.state.keyspace.give_back_spare();
    alloc::give_back_spare();
    ctx.reply.ok();
    Ok(())
}

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
