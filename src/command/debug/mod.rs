//! DEBUG: what tests need to see or force.
//!
//! One row per subcommand; they are no subcommands of the command table because Redis's are none.
//!
//! Invariant: nothing outside of tests depends on what is here.

mod digest;
mod inspect;
mod protocol;

use super::ctx::Ctx;
use super::help::reply_help;
use super::load;
use super::spec::{Command, Flags, Group};
use super::state::Request;
use crate::base::{num, sys};
use crate::config::REDIS_VERSION;
use crate::keyspace::{Expiry, FlushMode, Policy};
use crate::resp::errors::{self, Outcome, Reject};
use crate::session::ClientFlags;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command::new("debug", debug)
    .arity(-2)
    .of(Group::Server)
    .flags(
        Flags::ADMIN
            .or(Flags::NOSCRIPT)
            .or(Flags::LOADING)
            .or(Flags::STALE)
            .or(Flags::PROTECTED)
            .or(Flags::SYSCMD),
    )
    .summary("A container for debugging commands.")
    .complexity("Depends on subcommand.")
    .since("1.0.0")];

/// One subcommand.
struct Subcommand {
    name: &'static str,
    /// Number of arguments, `DEBUG` and the subcommand included.
    arity: RangeInclusive<usize>,
    run: fn(&mut Ctx) -> Outcome,
}

const fn exactly(name: &'static str, arity: usize, run: fn(&mut Ctx) -> Outcome) -> Subcommand {
    Subcommand { name, arity: arity..=arity, run }
}

const fn from(name: &'static str, arity: usize, run: fn(&mut Ctx) -> Outcome) -> Subcommand {
    Subcommand { name, arity: arity..=usize::MAX, run }
}

const SUBCOMMANDS: &[Subcommand] = &[
    exactly("aof-flush-sleep", 3, accept),
    from("assert", 2, assertion),
    exactly("change-repl-id", 2, change_replication_id),
    exactly("client-eviction", 2, client_eviction),
    exactly("clusterlink", 5, clusterlink),
    exactly("dict-resizing", 3, accept),
    exactly("digest", 2, digest::digest),
    from("digest-value", 2, digest::digest_value),
    exactly("drop-cluster-packet-filter", 3, drop_cluster_packet_filter),
    exactly("error", 3, error),
    #[cfg(debug_assertions)]
    from("fault", 2, set_faults),
    exactly("help", 2, help),
    from("htstats", 3, inspect::htstats),
    from("htstats-key", 3, inspect::htstats_key),
    exactly("leak", 3, leak),
    exactly("listpack", 3, inspect::listpack),
    from("loadaof", 2, loadaof),
    exactly("log", 3, log_message),
    exactly("object", 3, inspect::object),
    from("oom", 2, out_of_memory),
    from("panic", 2, panic),
    exactly("pause-cron", 3, accept),
    Subcommand { name: "populate", arity: 3..=5, run: populate },
    exactly("protocol", 3, protocol::protocol),
    Subcommand { name: "quicklist", arity: 3..=4, run: inspect::quicklist },
    exactly("quicklist-packed-threshold", 3, quicklist_packed_threshold),
    from("reload", 2, reload),
    from("replicate", 3, accept),
    exactly("replybuffer", 4, replybuffer),
    exactly("sdslen", 3, inspect::sdslen),
    from("segfault", 2, segfault),
    exactly("set-active-expire", 3, set_active_expire),
    exactly("set-disable-deny-scripts", 3, accept),
    exactly("set-skip-checksum-validation", 3, set_skip_checksum_validation),
    exactly("sleep", 3, sleep),
    exactly("stringmatch-test", 2, inspect::stringmatch_test),
];

/// DEBUG subcommand [argument ...]
fn debug(ctx: &mut Ctx) -> Outcome {
    let name = ctx.arg(1);
    let wanted = SUBCOMMANDS.iter().find(|sub| name.eq_ignore_ascii_case(sub.name.as_bytes()));
    match wanted {
        Some(sub) if sub.arity.contains(&ctx.args.len()) => (sub.run)(ctx),
        _ => Err(errors::subcommand_syntax(ctx.arg(0), name)),
    }
}

/// What turns a mechanism of Redis on or off that is not here.
fn accept(ctx: &mut Ctx) -> Outcome {
    ctx.reply.ok();
    Ok(())
}

/// A number as C's atoi reads it: what does not start with one is 0.
fn atoi(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let digits = text[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let sign = usize::from(text.first() == Some(&b'-'));
    let number = std::str::from_utf8(&text[..sign + digits]).unwrap_or_default();
    number.parse().unwrap_or(0)
}

// Ends of the process.

/// DEBUG SEGFAULT
fn segfault(_ctx: &mut Ctx) -> Outcome {
    die(&format!("Redis {REDIS_VERSION} crashed by signal: 11, si_code: 0"))
}

/// DEBUG PANIC
fn panic(ctx: &mut Ctx) -> Outcome {
    let now = ctx.state.clock.unix_s();
    die(&format!("Guru Meditation: DEBUG PANIC called at Unix time {now}"))
}

/// DEBUG ASSERT
fn assertion(_ctx: &mut Ctx) -> Outcome {
    die("=== ASSERTION FAILED === 1 == 2 is not true")
}

/// DEBUG OOM
fn out_of_memory(_ctx: &mut Ctx) -> Outcome {
    die(&format!("Out Of Memory allocating {} bytes!", usize::MAX / 2))
}

fn die(reason: &str) -> ! {
    log::warn!("{reason}");
    std::process::abort()
}

// Time and expiry.

/// DEBUG SLEEP seconds
fn sleep(ctx: &mut Ctx) -> Outcome {
    let seconds = num::parse_f64(ctx.arg(2)).unwrap_or(0.0);
    std::thread::sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    ctx.reply.ok();
    Ok(())
}

/// DEBUG SET-ACTIVE-EXPIRE 0|1
fn set_active_expire(ctx: &mut Ctx) -> Outcome {
    let active_expire = atoi(ctx.arg(2)) != 0;
    let policy = ctx.state.keyspace.policy();
    ctx.state.keyspace.set_policy(Policy { active_expire, ..policy });
    ctx.reply.ok();
    Ok(())
}

// Persistence and replication.

/// DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE]
fn reload(ctx: &mut Ctx) -> Outcome {
    not_while_loading(ctx)?;
    let (mut merge, mut flush, mut save) = (false, true, true);
    for option in ctx.args.from(2) {
        match option.to_ascii_lowercase().as_slice() {
            b"merge" => merge = true,
            b"noflush" => flush = false,
            b"nosave" => save = false,
            _ => {
                return Err(
                    "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.".into(),
                );
            }
        }
    }
    let state = &mut *ctx.state;
    if save {
        state.save_snapshot().map_err(|_| errors::GENERIC)?;
    }
    if flush {
        state.keyspace.flush(None, FlushMode::Sync);
        state.functions.clear();
    }
    let loaded = load::snapshot(state, merge);
    // Keys that come into being by a load are no events.
    state.keyspace.take_records();
    if !matches!(loaded, Ok(true)) {
        return Err("ERR Error trying to load the RDB dump, check server logs.".into());
    }
    log::warn!("DB reloaded by DEBUG RELOAD");
    ctx.reply.ok();
    Ok(())
}

/// A load within a load would replace what that has brought.
fn not_while_loading(ctx: &Ctx) -> Outcome {
    if ctx.state.loading.is_some() { Err(errors::LOADING.into()) } else { Ok(()) }
}

/// DEBUG SET-SKIP-CHECKSUM-VALIDATION 0|1
fn set_skip_checksum_validation(ctx: &mut Ctx) -> Outcome {
    ctx.state.snapshots.checks_sums = atoi(ctx.arg(2)) == 0;
    accept(ctx)
}

/// DEBUG LOADAOF
fn loadaof(ctx: &mut Ctx) -> Outcome {
    not_while_loading(ctx)?;
    if ctx.client().has(ClientFlags::EXECUTING) {
        return Err(errors::LOAD_LOG.into());
    }
    // What the turn did has to be in the log first, and that is the server's.
    ctx.client().flags.insert(ClientFlags::POSTPONED);
    let id = ctx.id;
    ctx.state.requests.push(Request::LoadLog(id));
    Ok(())
}

/// DEBUG CHANGE-REPL-ID
fn change_replication_id(ctx: &mut Ctx) -> Outcome {
    log::info!("Changing replication IDs after receiving DEBUG change-repl-id");
    ctx.state.facts.replication_id = sys::random_run_id();
    ctx.reply.ok();
    Ok(())
}

/// DEBUG DROP-CLUSTER-PACKET-FILTER packet-type
fn drop_cluster_packet_filter(ctx: &mut Ctx) -> Outcome {
    ctx.args.int(2)?;
    accept(ctx)
}

/// DEBUG CLUSTERLINK KILL to|from|all node-id
fn clusterlink(ctx: &mut Ctx) -> Outcome {
    if !ctx.args.is(2, "kill") {
        return Err(errors::subcommand_syntax(ctx.arg(0), ctx.arg(1)));
    }
    Err("ERR Debug option only available for cluster mode enabled setup!".into())
}

// Buffers and settings.

/// DEBUG CLIENT-EVICTION
fn client_eviction(ctx: &mut Ctx) -> Outcome {
    let memory = &ctx.state.client_memory;
    let limit = memory.limit().ok_or("ERR maxmemory-clients is disabled.")?;
    let text = format!("limit: {limit}\ncounted: {}\n", memory.counted());
    ctx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// DEBUG REPLYBUFFER PEAK-RESET-TIME NEVER|RESET|milliseconds, RESIZING 0|1
fn replybuffer(ctx: &mut Ctx) -> Outcome {
    if ctx.args.is(2, "peak-reset-time") {
        if !ctx.args.is(3, "never") && !ctx.args.is(3, "reset") {
            ctx.args.int(3)?;
        }
    } else if !ctx.args.is(2, "resizing") {
        return Err(errors::subcommand_syntax(ctx.arg(0), ctx.arg(1)));
    }
    accept(ctx)
}

/// DEBUG QUICKLIST-PACKED-THRESHOLD size
fn quicklist_packed_threshold(ctx: &mut Ctx) -> Outcome {
    /// 4 GiB less what Redis reserves.
    const SIZE_MAX: u64 = (1 << 32) - (1 << 20);
    let size = std::str::from_utf8(ctx.arg(2)).ok().and_then(num::parse_memory);
    match size {
        Some(..=SIZE_MAX) => accept(ctx),
        _ => Err("ERR argument must be a memory value bigger than 1 and smaller than 4gb".into()),
    }
}

/// DEBUG FAULT [rule ...]: has the disk fail, see [`crate::base::fault`]; how often the rules before
/// have acted. Not in release builds.
#[cfg(debug_assertions)]
fn set_faults(ctx: &mut Ctx) -> Outcome {
    let rules: Vec<_> = ctx.args.from(2).map(String::from_utf8_lossy).collect();
    let acted = crate::base::fault::set(&rules.join(" "));
    let acted = acted.map_err(|rule| format!("ERR no rule: {rule}"))?;
    ctx.reply.integer(acted as i64);
    Ok(())
}

/// DEBUG LOG message
fn log_message(ctx: &mut Ctx) -> Outcome {
    log::warn!("DEBUG LOG: {}", String::from_utf8_lossy(ctx.arg(2)));
    accept(ctx)
}

/// DEBUG ERROR text: a reply, not a refusal, and so not counted as one.
fn error(ctx: &mut Ctx) -> Outcome {
    let text = ctx.arg(2);
    ctx.reply.error(text);
    Ok(())
}

/// DEBUG LEAK text
fn leak(ctx: &mut Ctx) -> Outcome {
    Vec::leak(ctx.arg(2).to_vec());
    accept(ctx)
}

// Data.

/// DEBUG POPULATE count [prefix] [size]
fn populate(ctx: &mut Ctx) -> Outcome {
    let count = not_negative(ctx, 2)?;
    let size = if ctx.args.len() == 5 { not_negative(ctx, 4)? } else { 0 };
    let prefix = ctx.args.get(3).unwrap_or(b"key");
    // A key takes at least this much.
    const KEY_BYTES_MIN: u64 = 16;
    if count > sys::total_memory() / KEY_BYTES_MIN {
        return Err("ERR OOM in dictTryExpand".into());
    }
    if size > ctx.state.config.proto_max_bulk_len {
        return Err(errors::STRING_TOO_LONG.into());
    }
    for number in 0..count {
        let key = [prefix, format!(":{number}").as_bytes()].concat();
        if ctx.db().peek(&key).is_none() {
            ctx.db().set_vec(&key, value(number, size as usize), Expiry::Clear);
            ctx.touched(&key);
        }
    }
    accept(ctx)
}

/// `value:NUMBER`, cut or filled up with zero bytes to `size` unless that is 0.
fn value(number: u64, size: usize) -> Vec<u8> {
    let mut value = format!("value:{number}").into_bytes();
    if size > 0 {
        value.resize(size, 0);
    }
    value
}

fn not_negative(ctx: &Ctx, index: usize) -> Result<u64, Reject> {
    let number = ctx.args.int_or(index, errors::NOT_POSITIVE)?;
    u64::try_from(number).map_err(|_| errors::NOT_POSITIVE.into())
}

/// DEBUG HELP
fn help(ctx: &mut Ctx) -> Outcome {
    reply_help(ctx, HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "ASSERT",
    "    Crash by assertion failed.",
    "CHANGE-REPL-ID",
    "    Change the replication IDs of the instance.",
    "    Dangerous: should be used only for testing the replication subsystem.",
    "DIGEST",
    "    Output a hex signature representing the current DB content.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Output a hex signature of the values of all the specified keys.",
    "ERROR <string>",
    "    Return a Redis protocol error with <string> as message. Useful for clients",
    "    unit tests to simulate Redis errors.",
    "LEAK <string>",
    "    Create a memory leak of the input string.",
    "LOG <message>",
    "    Write <message> to the server log.",
    "HTSTATS <dbid> [full]",
    "    Return hash table statistics of the specified Redis database.",
    "HTSTATS-KEY <key> [full]",
    "    Like HTSTATS but for the hash table stored at <key>'s value.",
    "OBJECT <key>",
    "    Show low level info about `key` and associated value.",
    "OOM",
    "    Crash the server simulating an out-of-memory error.",
    "PANIC",
    "    Crash the server simulating a panic.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Create <count> string keys named key:<num>. If <prefix> is specified then",
    "    it is used instead of the 'key' prefix.",
    "PROTOCOL <type>",
    "    Reply with a test value of the specified type. <type> can be: string,",
    "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
    "    true, false.",
    "SDSLEN <key>",
    "    Show low level string info representing `key` and value.",
    "SEGFAULT",
    "    Crash the server.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background when they are not",
    "    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
    "    default.",
    "SLEEP <seconds>",
    "    Stop the server for <seconds>. Decimals allowed.",
    "STRINGMATCH-TEST",
    "    Run a fuzz tester against the pattern matcher.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_leniently() {
        let cases: [(&[u8], i64); 8] = [
            (b"1", 1),
            (b" 12x", 12),
            (b"-3", -3),
            (b"+4", 4),
            (b"x", 0),
            (b"", 0),
            (b"-", 0),
            (b"99999999999999999999", 0),
        ];
        for (text, expected) in cases {
            assert_eq!(atoi(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn populated_values_have_the_size_asked_for() {
        assert_eq!(value(7, 0), b"value:7");
        assert_eq!(value(7, 3), b"val");
        assert_eq!(value(7, 9), b"value:7\0\0");
    }
}
