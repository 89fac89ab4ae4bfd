//! The server as a process: its clock, its traffic seen live, its end.
//!
//! Invariant: nothing here touches a key.

use crate::command::ctx::Ctx;
use crate::command::spec::{ADMIN_UNSCRIPTED, Arg, Command, Flags, Group};
use crate::command::state::Request;
use crate::config::shutdown as flag;
use crate::resp::errors::{self, Outcome, Reject};
use crate::session::ClientFlags;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("monitor", monitor)
        .arity(1)
        .of(Group::Server)
        .flags(ADMIN_UNSCRIPTED)
        .summary("Listens for all requests received by the server in real-time.")
        .since("1.0.0"),
    Command::new("shutdown", shutdown)
        .arity(-1)
        .of(Group::Server)
        .flags(
            Flags::ADMIN
                .or(Flags::NOSCRIPT)
                .or(Flags::LOADING)
                .or(Flags::STALE)
                .or(Flags::NO_MULTI)
                .or(Flags::ALLOW_BUSY),
        )
        .summary("Synchronously saves the database(s) to disk and shuts down the Redis server.")
        .complexity(
            "O(N) when saving, where N is the total number of keys in all databases when \
             saving data, otherwise O(1)",
        )
        .since("1.0.0")
        .history(&[("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.")])
        .args(&[
            Arg::one_of(
                "save-selector",
                &[Arg::word("nosave", "NOSAVE"), Arg::word("save", "SAVE")],
            )
            .optional(),
            Arg::word("now", "NOW").since("7.0.0").optional(),
            Arg::word("force", "FORCE").since("7.0.0").optional(),
            Arg::word("abort", "ABORT").since("7.0.0").optional(),
        ]),
    Command::new("time", time)
        .arity(1)
        .of(Group::Server)
        .flags(Flags::LOADING.or(Flags::STALE).or(Flags::FAST))
        .summary("Returns the server time.")
        .complexity("O(1)")
        .since("2.6.0")
        .tips(&["nondeterministic_output"]),
];

/// MONITOR
fn monitor(ctx: &mut Ctx) -> Outcome {
    let id = ctx.id;
    let client = ctx.client();
    if client.has(ClientFlags::EXECUTING) {
        return Err("ERR MONITOR isn't allowed for DENY BLOCKING client".into());
    }
    // Asked for again it is ignored, without a reply: the client reads a stream by now.
    if !client.has(ClientFlags::MONITOR) {
        client.flags.insert(ClientFlags::MONITOR);
        ctx.state.monitors.push(id);
        ctx.reply.ok();
    }
    Ok(())
}

/// TIME
fn time(ctx: &mut Ctx) -> Outcome {
    let unix_us = ctx.state.clock.unix_us();
    ctx.reply.array(2);
    ctx.reply.bulk_integer(unix_us / 1_000_000);
    ctx.reply.bulk_integer(unix_us % 1_000_000);
    Ok(())
}

/// SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]
fn shutdown(ctx: &mut Ctx) -> Outcome {
    let Some(flags) = shutdown_flags(ctx)? else {
        // It ends with the turn it was asked in, so there is never one under way.
        return Err(errors::NO_SHUTDOWN.into());
    };
    if let Some(busy) = ctx.state.scripts.busy().filter(|_| flags & flag::NOSAVE == 0) {
        return Err(busy.reject());
    }
    let client = ctx.id;
    ctx.client().flags.insert(ClientFlags::POSTPONED);
    ctx.state.requests.push(Request::Shutdown { client, flags });
    Ok(())
}

/// How the server is to end; none to abort its end.
fn shutdown_flags(ctx: &Ctx) -> Result<Option<u32>, Reject> {
    const ABORT: u32 = 1 << 31;
    let mut flags = 0;
    for word in ctx.args.from(1) {
        flags |= match word.to_ascii_lowercase().as_slice() {
            b"nosave" => flag::NOSAVE,
            b"save" => flag::SAVE,
            b"now" => flag::NOW,
            b"force" => flag::FORCE,
            b"abort" => ABORT,
            _ => return Err(errors::SYNTAX.into()),
        };
    }
    let both = flag::SAVE | flag::NOSAVE;
    match flags {
        ABORT => Ok(None),
        _ if flags & ABORT != 0 || flags & both == both => Err(errors::SYNTAX.into()),
        _ => Ok(Some(flags)),
    }
}
