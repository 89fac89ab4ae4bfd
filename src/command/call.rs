//! Runs one command that passed every gate: times it, counts it, and tells the slow log and
//! MONITOR about it. EXEC runs its queue through here as well.

use super::spec::Flags;
use super::table::Row;
use super::tracking::remember_keys;
use super::{Args, Ctx, State};
use crate::base::clock::{Stamp, stamp};
use crate::base::text::repr;
use crate::config::is_secret;
use crate::observe::latency::Event;
use crate::observe::{CommandLog, Noted, Stages};
use crate::resp::Output;
use crate::resp::errors::Reject;
use crate::session::client::UNCOUNTED_BYTES;
use crate::session::{ClientFlags, CommandId, ReplyMode};

/// After a command that took this long the clock is read again, so that those behind it in the
/// batch see its time gone by. What is shorter is no peak: LATENCY counts milliseconds.
const LONG_NANOS: u64 = 1_000_000;

/// Runs the command and leaves exactly one reply, or none when its client waits from then on
/// (`block`): the call will be run again.
pub fn call(ctx: &mut Ctx<'_>, id: CommandId) {
    let command = ctx.state.table.command(id);
    let handler = command.handler.expect("only rows with a handler are called");
    let start = ctx.state.stamp;
    let reply_at = ctx.reply.out.len();
    let changes = ctx.state.changes;

    let outcome = handler(ctx);
    if let Err(reject) = &outcome {
        ctx.reply.out.truncate(reply_at);
        refuse(ctx, reject);
    }

    if ctx.state.followed {
        ctx.state.tell_records(Some(ctx.id));
        remember_keys(ctx, command);
    }
    if ctx.state.effects.is_on() {
        ctx.collect_effects(command, changes);
    }
    if ctx.reply.out.len() > UNCOUNTED_BYTES && ctx.state.limit_output(ctx.id, ctx.reply.out.len())
    {
        *ctx.reply.out = Output::default();
    }

    ctx.state.stamp = stamp();
    let nanos = ctx.state.clock.elapsed_ns(start, ctx.state.stamp);
    if !command.flags.has(Flags::BLOCKING) || !ctx.client().has(ClientFlags::BLOCKED) {
        record(ctx.state, id, nanos, outcome.is_err());
        log_if_slow(ctx, id, start, nanos);
        log_if_large(ctx, id, reply_at);
    }
    if nanos >= LONG_NANOS {
        ctx.state.stages.note_long(id, nanos);
        // For a script and a transaction, and for whoever is served during one, time stands still.
        if !ctx.client().has(ClientFlags::EXECUTING) && !ctx.state.scripts.is_busy() {
            ctx.state.tick();
        }
        let fast = command.flags.has(Flags::FAST);
        ctx.state.note_latency(if fast { Event::FastCommand } else { Event::Command }, nanos);
    }
    if !ctx.state.monitors.is_empty()
        && !ctx.state.blocking.is_retrying()
        && !command.flags.intersects(Flags::SKIP_MONITOR.or(Flags::ADMIN))
    {
        feed_monitors(ctx, id);
    }
}

/// Drops the reply if CLIENT REPLY says so, and moves SKIP on by one command. Messages that the
/// command brought upon its own client follow the reply.
pub fn settle(ctx: &mut Ctx<'_>, reply_at: usize) {
    let Some(client) = ctx.state.clients.get_mut(ctx.id) else { return };
    if client.has(ClientFlags::BLOCKED) {
        // There is no reply yet, and this is still the command that SKIP meant.
        return;
    }
    if client.reply_mode != ReplyMode::On {
        ctx.reply.out.truncate(reply_at);
    }
    match client.reply_mode {
        ReplyMode::On | ReplyMode::Off => {}
        ReplyMode::SkipNext => client.reply_mode = ReplyMode::Skip,
        ReplyMode::Skip => client.reply_mode = ReplyMode::On,
    }
    if !client.output.is_empty() {
        ctx.reply.out.append(&mut client.output);
    }
}

/// Replies with a refusal and counts it.
pub fn refuse(ctx: &mut Ctx<'_>, reject: &Reject) {
    ctx.state.stats.count_error(reject.text());
    ctx.reply.error(reject.text());
}

/// Counts a call.
#[inline]
pub(super) fn record(state: &mut State, id: CommandId, nanos: u64, failed: bool) {
    state.stats.total_commands += 1;
    let stats = &mut state.stats.commands[id.0 as usize];
    stats.calls += 1;
    stats.nanos += nanos;
    stats.failed += u64::from(failed);
    if state.config.latency_tracking {
        state.stats.latencies[id.0 as usize].get_or_insert_default().record(nanos);
    }
}

#[inline]
fn log_if_slow(ctx: &mut Ctx<'_>, id: CommandId, start: Stamp, nanos: u64) {
    // Below zero means never, and so does the number that this is then.
    let threshold_us = ctx.state.config.slowlog_log_slower_than.cast_unsigned();
    if nanos >= threshold_us.saturating_mul(1000) {
        log_slow(ctx, id, start, nanos / 1000);
    }
}

#[cold]
fn log_slow(ctx: &mut Ctx<'_>, id: CommandId, start: Stamp, duration_us: u64) {
    let max = ctx.state.config.slowlog_max_len;
    let stages = ctx.state.stages_before(start);
    let noted = note(ctx, id, |state| &mut state.slowlog, duration_us, Some(stages), max);
    if let Some(entry) = noted {
        ctx.state.follow_reply(ctx.id, id, entry);
    }
}

#[inline]
fn log_if_large(ctx: &mut Ctx<'_>, id: CommandId, reply_at: usize) {
    let config = &ctx.state.config;
    let request_bytes = config.commandlog_request_larger_than.cast_unsigned();
    let reply_bytes = config.commandlog_reply_larger_than.cast_unsigned();
    let reply = ctx.reply.out.len().saturating_sub(reply_at) as u64;
    if reply >= reply_bytes {
        log_large_reply(ctx, id, reply);
    }
    if ctx.args.may_have(request_bytes) {
        log_large_request(ctx, id, request_bytes);
    }
}

#[cold]
fn log_large_reply(ctx: &mut Ctx<'_>, id: CommandId, bytes: u64) {
    let max = ctx.state.config.commandlog_large_reply_max_len;
    note(ctx, id, |state| &mut state.large_replies, bytes, None, max);
}

#[cold]
fn log_large_request(ctx: &mut Ctx<'_>, id: CommandId, least: u64) {
    let (bytes, max) =
        (ctx.args.request_bytes(), ctx.state.config.commandlog_large_request_max_len);
    if bytes as u64 >= least {
        note(ctx, id, |state| &mut state.large_requests, bytes as u64, None, max);
    }
}

/// Enters a call in one of the logs; its id there. EXEC is not logged: its commands are.
fn note(
    ctx: &mut Ctx<'_>,
    id: CommandId,
    log: fn(&mut State) -> &mut CommandLog,
    value: u64,
    stages: Option<Stages>,
    max: u64,
) -> Option<u64> {
    let skips = ctx.state.table.command(id).flags.intersects(Flags::SKIP_SLOWLOG);
    if skips || max == 0 {
        return None;
    }
    let client = ctx.state.clients.get(ctx.id)?;
    let (addr, name) = (client.addr.clone(), client.name.clone().unwrap_or_default());
    let noted = Noted { time_s: ctx.state.clock.unix_s(), value, addr: &addr, name: &name, stages };
    let shown: Vec<&[u8]> = shown(ctx.state.table.row(id), ctx.args).collect();
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    Some(log(ctx.state).push(noted, &mut shown.into_iter(), max))
}

/// The arguments as others may see them: without passwords.
fn shown<'a>(row: &Row, args: Args<'a>) -> impl ExactSizeIterator<Item = &'a [u8]> {
    let name = row.full_name();
    let show = move |(index, arg): (usize, &'a [u8])| match is_password(name, &args, index) {
        true => &b"(redacted)"[..],
        false => arg,
    };
    args.from(0).enumerate().map(show)
}

/// Whether argument `index` of a call is a password, or the user it belongs to.
fn is_password(name: &str, args: &Args<'_>, index: usize) -> bool {
    match name {
        "auth" => index > 0,
        "hello" => (1..=2).any(|back| index >= 2 + back && args.is(index - back, "auth")),
        "acl|setuser" => index >= 2,
        "config|set" => index >= 3 && index % 2 == 1 && is_secret(args.at(index - 1)),
        _ => false,
    }
}

/// One line for every client in MONITOR mode: time, database, address, quoted arguments.
pub(super) fn feed_monitors(ctx: &mut Ctx<'_>, id: CommandId) {
    let Some(client) = ctx.state.clients.get(ctx.id) else { return };
    let unix_us = ctx.state.clock.unix_us();
    let mut line = format!("+{}.{:06} [{} ", unix_us / 1_000_000, unix_us % 1_000_000, ctx.db);
    let unix = client.has(ClientFlags::UNIX_SOCKET) && !client.has(ClientFlags::SCRIPT);
    line.push_str(if unix { "unix:" } else { "" });
    line.push_str(match client.has(ClientFlags::SCRIPT) {
        true => "lua",
        false if unix => client.laddr.trim_end_matches(":0"),
        false => &client.addr,
    });
    line.push(']');
    for arg in shown(ctx.state.table.row(id), ctx.args) {
        line.push(' ');
        line.push_str(&repr(arg));
    }
    line.push_str("\r\n");
    for monitor in ctx.state.monitors.clone() {
        ctx.state.write_to(monitor, |output| output.extend_from_slice(line.as_bytes()));
    }
}
