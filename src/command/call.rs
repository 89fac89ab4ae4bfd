//! Runs one command that passed every gate: times it, counts it, and tells the slow log and
//! MONITOR about it. EXEC runs its queue through here as well.

use super::spec::Flags;
use super::{Ctx, State};
use crate::base::clock::stamp;
use crate::base::text::repr;
use crate::config::is_secret;
use crate::resp::errors::Reject;
use crate::session::{ClientFlags, CommandId};

/// After a command that took this long the clock is read again, so that those behind it in the
/// batch see its time gone by.
const LONG_NANOS: u64 = 1_000_000;

/// Runs the command and leaves exactly one reply.
pub fn call(ctx: &mut Ctx<'_>, id: CommandId) {
    let command = ctx.state.table.command(id);
    let handler = command.handler.expect("only rows with a handler are called");
    let start = ctx.state.stamp;
    let reply_at = ctx.reply.out.len();

    let outcome = handler(ctx);
    if let Err(reject) = &outcome {
        ctx.reply.out.truncate(reply_at);
        refuse(ctx, reject);
    }

    ctx.state.stamp = stamp();
    let nanos = ctx.state.clock.elapsed_ns(start, ctx.state.stamp);
    record(ctx.state, id, nanos, outcome.is_err());
    if nanos > LONG_NANOS {
        ctx.state.tick();
    }
    log_if_slow(ctx, command.flags, nanos / 1000);
    if !ctx.state.monitors.is_empty()
        && !command.flags.intersects(Flags::SKIP_MONITOR.or(Flags::ADMIN))
    {
        feed_monitors(ctx);
    }
}

/// Replies with a refusal and counts it.
pub fn refuse(ctx: &mut Ctx<'_>, reject: &Reject) {
    ctx.state.stats.count_error(reject.text());
    ctx.reply.error(reject.text());
}

fn record(state: &mut State, id: CommandId, nanos: u64, failed: bool) {
    state.stats.total_commands += 1;
    let stats = &mut state.stats.commands[id.0 as usize];
    stats.calls += 1;
    stats.nanos += nanos;
    stats.failed += u64::from(failed);
}

fn log_if_slow(ctx: &mut Ctx<'_>, flags: Flags, duration_us: u64) {
    let threshold = ctx.state.config.slowlog_log_slower_than;
    // EXEC is not logged: its commands are.
    if threshold < 0 || duration_us < threshold as u64 || flags.intersects(Flags::SKIP_SLOWLOG) {
        return;
    }
    let (time_s, max) = (ctx.state.clock.unix_ms() / 1000, ctx.state.config.slowlog_max_len);
    let redact = holds_secret(ctx);
    let Some(client) = ctx.state.clients.get(ctx.id) else { return };
    let name = client.name.as_deref().unwrap_or_default();
    ctx.state.slowlog.push(
        time_s,
        duration_us,
        &ctx.args,
        redact,
        &client.addr,
        name,
        max as usize,
    );
}

/// Whether the arguments include a password.
fn holds_secret(ctx: &Ctx<'_>) -> bool {
    let args = ctx.args;
    args.is(0, "auth")
        || (args.is(0, "hello") && args.from(1).any(|arg| arg.eq_ignore_ascii_case(b"auth")))
        || (args.is(0, "config") && args.from(2).step_by(2).any(is_secret))
}

/// One line for every client in MONITOR mode: time, database, address, quoted arguments.
fn feed_monitors(ctx: &mut Ctx<'_>) {
    let Some(client) = ctx.state.clients.get(ctx.id) else { return };
    let unix_us = ctx.state.clock.unix_us();
    let mut line = format!("+{}.{:06} [{} ", unix_us / 1_000_000, unix_us % 1_000_000, ctx.db);
    let unix = client.has(ClientFlags::UNIX_SOCKET);
    line.push_str(if unix { "unix:" } else { "" });
    line.push_str(if unix { client.laddr.trim_end_matches(":0") } else { &client.addr });
    line.push(']');
    let redact = holds_secret(ctx);
    for (index, arg) in ctx.args.from(0).enumerate() {
        line.push(' ');
        line.push_str(&if redact && index > 0 { "\"(redacted)\"".into() } else { repr(arg) });
    }
    line.push_str("\r\n");
    for monitor in ctx.state.monitors.clone() {
        ctx.state.write_to(monitor, |output| output.extend_from_slice(line.as_bytes()));
    }
}
