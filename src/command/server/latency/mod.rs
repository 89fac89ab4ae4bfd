//! The LATENCY family: peaks by kind of event, and distributions by command.
//!
//! Invariant: reads and forgets; what is noted is decided where it happens.

mod doctor;
mod graph;

use crate::command::ctx::Ctx;
use crate::command::help::reply_help;
use crate::command::spec::{ADMIN_UNSCRIPTED, Arg, Command, Flags, Group};
use crate::observe::Durations;
use crate::resp::Reply;
use crate::resp::errors::Outcome;
use crate::session::CommandId;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command::group("latency", LATENCY)
    .arity(-2)
    .of(Group::Server)
    .summary("A container for latency diagnostics commands.")
    .complexity("Depends on subcommand.")
    .since("2.8.13")];

const LATENCY: &[Command] = &[
    about("doctor", doctor::latency_doctor)
        .arity(2)
        .summary("Returns a human-readable latency analysis report.")
        .tips(SPECIAL),
    about("graph", graph::latency_graph)
        .arity(3)
        .summary("Returns a latency graph for an event.")
        .tips(SPECIAL)
        .args(&[Arg::string("event")]),
    Command::new("help", latency_help)
        .arity(2)
        .of(Group::Server)
        .flags(Flags::LOADING.or(Flags::STALE))
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("2.8.13"),
    about("histogram", latency_histogram)
        .arity(-2)
        .summary("Returns the cumulative distribution of latencies of a subset or all commands.")
        .complexity(
            "O(N) where N is the number of commands with latency information being retrieved.",
        )
        .since("7.0.0")
        .tips(SPECIAL)
        .args(&[Arg::string("command").optional().multiple()]),
    about("history", latency_history)
        .arity(3)
        .summary("Returns timestamp-latency samples for an event.")
        .tips(SPECIAL)
        .args(&[Arg::string("event")]),
    about("latest", latency_latest)
        .arity(2)
        .summary("Returns the latest latency samples for all events.")
        .tips(SPECIAL),
    about("reset", latency_reset)
        .arity(-2)
        .summary("Resets the latency data for one or more events.")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum"])
        .args(&[Arg::string("event").optional().multiple()]),
];

/// What the subcommands have in common.
const fn about(name: &'static str, handler: fn(&mut Ctx) -> Outcome) -> Command {
    Command::new(name, handler)
        .of(Group::Server)
        .flags(ADMIN_UNSCRIPTED)
        .complexity("O(1)")
        .since("2.8.13")
}

const SPECIAL: &[&str] =
    &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];

/// LATENCY LATEST
fn latency_latest(ctx: &mut Ctx) -> Outcome {
    let latency = &ctx.state.latency;
    ctx.reply.array(latency.seen().count());
    for (event, series) in latency.seen() {
        let Some(latest) = series.latest() else { continue };
        ctx.reply.array(4);
        ctx.reply.bulk(event.name().as_bytes());
        ctx.reply.integer(latest.time_s);
        ctx.reply.integer(latest.ms as i64);
        ctx.reply.integer(series.worst_ms as i64);
    }
    Ok(())
}

/// LATENCY HISTORY event
fn latency_history(ctx: &mut Ctx) -> Outcome {
    let Some((_, series)) = ctx.state.latency.named(ctx.arg(2)) else {
        ctx.reply.array(0);
        return Ok(());
    };
    ctx.reply.array(series.samples().len());
    for sample in series.samples() {
        ctx.reply.array(2);
        ctx.reply.integer(sample.time_s);
        ctx.reply.integer(sample.ms as i64);
    }
    Ok(())
}

/// LATENCY RESET [event ...]
fn latency_reset(ctx: &mut Ctx) -> Outcome {
    let latency = &mut ctx.state.latency;
    let forgotten: usize = match ctx.args.len() {
        2 => latency.reset(None),
        _ => ctx.args.from(2).map(|name| latency.reset(Some(name))).sum(),
    };
    ctx.reply.integer(forgotten as i64);
    Ok(())
}

/// LATENCY HISTOGRAM [command ...]
fn latency_histogram(ctx: &mut Ctx) -> Outcome {
    let asked: Vec<CommandId> = match ctx.args.len() {
        2 => ctx.state.table.iter().map(|(id, _)| id).collect(),
        _ => ctx.args.from(2).flat_map(|name| named(ctx, name)).collect(),
    };
    let latencies = &ctx.state.stats.latencies;
    let known = || asked.iter().filter_map(|id| Some((id, latencies[id.0 as usize].as_deref()?)));
    ctx.reply.map(known().count());
    for (id, durations) in known() {
        ctx.reply.bulk(ctx.state.table.row(*id).full_name().as_bytes());
        reply_durations(&mut ctx.reply, durations);
    }
    Ok(())
}

/// A command with its subcommands, or one subcommand as `container|name`; none for an unknown name.
fn named(ctx: &Ctx, name: &[u8]) -> Vec<CommandId> {
    let table = &ctx.state.table;
    let Some(id) = table.named(name) else { return Vec::new() };
    std::iter::once(id).chain(table.row(id).children.iter().copied()).collect()
}

fn reply_durations(reply: &mut Reply, durations: &Durations) {
    let steps = durations.steps();
    reply.map(2);
    reply.bulk(b"calls");
    reply.integer(durations.calls() as i64);
    reply.bulk(b"histogram_usec");
    reply.map(steps.len());
    for (bound_us, calls) in steps {
        reply.integer(bound_us as i64);
        reply.integer(calls as i64);
    }
}

/// LATENCY HELP
fn latency_help(ctx: &mut Ctx) -> Outcome {
    reply_help(ctx, HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
    "    If no commands are specified then all histograms are replied.",
];
