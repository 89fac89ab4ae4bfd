//! The CONFIG family: parameters read and changed at run time.
//!
//! Invariant: no parameter is named here; they are all in the table of parameters.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::ctx::Ctx;
use super::help::reply_help;
use super::spec::{ADMIN_UNSCRIPTED, Arg, Command, Flags, Group};
use super::state::{Request, State};
use crate::base::{alloc, log, sys};
use crate::clerk::files::replace;
use crate::config::rewrite::rewrite;
use crate::config::{self, Change, Config, SetError};
use crate::resp::errors::{self, Outcome};
use crate::session::ClientFlags;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command::group("config", CONFIG)
    .arity(-2)
    .of(Group::Server)
    .summary("A container for server configuration commands.")
    .complexity("Depends on subcommand.")
    .since("2.0.0")];

const CONFIG: &[Command] = &[
    Command::new("get", config_get)
        .arity(-3)
        .of(Group::Server)
        .flags(ADMIN_UNSCRIPTED)
        .summary("Returns the effective values of configuration parameters.")
        .complexity("O(N) when N is the number of configuration parameters provided")
        .since("2.0.0")
        .history(&[("7.0.0", "Added the ability to pass multiple pattern parameters in one call")])
        .args(&[Arg::string("parameter").multiple()]),
    Command::new("help", config_help)
        .arity(2)
        .of(Group::Server)
        .flags(Flags::LOADING.or(Flags::STALE))
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("5.0.0"),
    Command::new("resetstat", config_resetstat)
        .arity(2)
        .of(Group::Server)
        .flags(ADMIN_UNSCRIPTED)
        .summary("Resets the server's statistics.")
        .complexity("O(1)")
        .since("2.0.0")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    Command::new("rewrite", config_rewrite)
        .arity(2)
        .of(Group::Server)
        .flags(ADMIN_UNSCRIPTED)
        .summary("Persists the effective configuration to file.")
        .complexity("O(1)")
        .since("2.8.0")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    Command::new("set", config_set)
        .arity(-4)
        .of(Group::Server)
        .flags(ADMIN_UNSCRIPTED)
        .summary("Sets configuration parameters in-flight.")
        .complexity("O(N) when N is the number of configuration parameters provided")
        .since("2.0.0")
        .history(&[("7.0.0", "Added the ability to set multiple parameters in one call.")])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .args(&[Arg::block("data", &[Arg::string("parameter"), Arg::string("value")]).multiple()]),
];

/// CONFIG GET parameter [parameter ...]
fn config_get(ctx: &mut Ctx) -> Outcome {
    let patterns: Vec<_> = ctx.args.from(2).collect();
    let found = ctx.state.config.get(&patterns);
    ctx.reply.map(found.len());
    for (name, value) in found {
        ctx.reply.bulk(&name);
        ctx.reply.bulk(&value);
    }
    Ok(())
}

/// CONFIG SET parameter value [parameter value ...]
///
/// All parameters change or none: what cannot be applied takes the others back with it.
fn config_set(ctx: &mut Ctx) -> Outcome {
    if ctx.args.len() % 2 == 1 {
        return Err(errors::SYNTAX.into());
    }
    let local = ctx.client().has(ClientFlags::LOCAL);
    let words: Vec<_> = ctx.args.from(2).collect();
    let pairs: Vec<_> = words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let loading = ctx.state.loading.is_some();
    if loading && pairs.iter().any(|(name, _)| config::is_fixed_while_loading(name)) {
        return Err(errors::LOADING.into());
    }
    let before = ctx.state.config.clone();
    let changes = ctx.state.config.set_many(&pairs, local).map_err(|error| error.to_string())?;
    for notice in changes.iter().filter_map(|change| change.notice.as_ref()) {
        ::log::info!("{notice}");
    }
    if let Err(refusal) = apply(ctx.state, &changes) {
        ctx.state.config = before;
        ctx.state.apply_config();
        return Err(refusal.to_string().into());
    }
    match changes.iter().find(|change| matches!(change.name, "port" | "bind")) {
        Some(change) => rebind(ctx, change.name, before),
        None => ctx.reply.ok(),
    }
    Ok(())
}

/// Makes what can be changed from here take effect.
fn apply(state: &mut State, changes: &[Change]) -> Result<(), SetError> {
    for change in changes {
        let refused = |reason: &str| SetError::not_applied(change.name, reason);
        match change.name {
            "maxclients" => {
                apply_maxclients(state.config.maxclients).map_err(|reason| refused(&reason))?
            }
            "dir" => std::env::set_current_dir(&state.config.dir)
                .map_err(|error| refused(&sys::error_text(&error)))?,
            "log-format" | "log-timestamp-format" => {
                let config = &state.config;
                let timestamps = config.log_timestamp_format.timestamps();
                log::set_style(config.log_format.format(), timestamps);
            }
            "loglevel" => log::set_level(state.config.loglevel.filter()),
            "maxmemory-policy" | "lfu-log-factor" | "lfu-decay-time" => state.apply_policy(),
            "maxmemory" => {
                state.apply_maxmemory();
                warn_of_eviction(state.maxmemory());
            }
            "notify-keyspace-events" => state.apply_followers(),
            "appendonly" => state.requests.push(Request::ApplyAppendonly),
            "aof-disable-auto-gc" => state.requests.push(Request::DeleteHistory),
            "appendfsync" => state.apply_durability(),
            "save" | "stop-writes-on-bgsave-error" => state.apply_disk_errors(),
            "aof-timestamp-enabled" => state.effects.annotate(state.config.aof_timestamp_enabled),
            "maxmemory-clients" => state.apply_client_limit(),
            "requirepass" => state.apply_requirepass(),
            _ => {}
        }
    }
    Ok(())
}

fn warn_of_eviction(maxmemory: u64) {
    let used = alloc::used();
    if maxmemory != 0 && maxmemory < used as u64 {
        ::log::warn!(
            "WARNING: the new maxmemory value set via CONFIG SET ({maxmemory}) is smaller than the current memory \
             usage ({used}). This will result in key eviction and/or the inability to accept new write commands \
             depending on the maxmemory-policy."
        );
    }
}

fn apply_maxclients(wanted: u32) -> Result<(), String> {
    match sys::adjust_open_files_limit(wanted)? {
        granted if granted >= wanted => Ok(()),
        granted => Err(format!(
            "The operating system is not able to handle the specified number of clients, try with {granted}"
        )),
    }
}

/// Sockets are the server's: it replies once it knows whether they could be opened. Until then the
/// client's further requests wait. Within EXEC nothing can wait, so there the outcome is only
/// logged.
fn rebind(ctx: &mut Ctx, parameter: &'static str, before: Config) {
    let client = ctx.client();
    let waits = !client.has(ClientFlags::EXECUTING);
    client.flags.set(ClientFlags::POSTPONED, waits);
    let client = waits.then_some(ctx.id);
    ctx.state.requests.push(Request::Rebind { client, parameter, before: Box::new(before) });
    if !waits {
        ctx.reply.ok();
    }
}

/// CONFIG REWRITE
fn config_rewrite(ctx: &mut Ctx) -> Outcome {
    let file = &ctx.state.facts.config_file;
    if file.is_empty() {
        return Err("ERR The server is running without a config file".into());
    }
    match rewrite_file(Path::new(file), &ctx.state.config, ctx.state.user_lines()) {
        Ok(()) => {
            ::log::info!("CONFIG REWRITE executed with success.");
            ctx.reply.ok();
            Ok(())
        }
        Err(reason) => {
            ::log::warn!("CONFIG REWRITE failed: {reason}");
            Err(format!("ERR Rewriting config file: {reason}").into())
        }
    }
}

/// A file that is gone is written anew.
fn rewrite_file(path: &Path, config: &Config, users: Vec<String>) -> Result<(), String> {
    let old = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        read => read.map_err(|error| sys::error_text(&error))?,
    };
    replace(path, &rewrite(&old, config, users)).map_err(|failure| failure.reason())
}

/// CONFIG RESETSTAT
fn config_resetstat(ctx: &mut Ctx) -> Outcome {
    ctx.state.stats.reset(alloc::used());
    ctx.state.keyspace.reset_counters();
    (ctx.state.snapshots.saves, ctx.state.background.rewrites) = (0, 0);
    ctx.reply.ok();
    Ok(())
}

/// CONFIG HELP
fn config_help(ctx: &mut Ctx) -> Outcome {
    reply_help(ctx, HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "REWRITE",
    "    Rewrite the configuration file.",
];
