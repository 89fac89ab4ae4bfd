//! INFO's sections, less memory.
//!
//! Every field of Redis 7.2 is there, because collectors stop at a missing one. A field of
//! something that does not exist here has the value that Redis reports where it is not configured.

use super::text::{Text, human, ratio, safe};
use crate::base::clock;
use crate::base::sys::{self, Usage, Who};
use crate::command::server::background::Purpose;
use crate::command::state::State;
use crate::config::REDIS_VERSION;
use crate::config::usage::{BUILD_ID, SIDERING_VERSION};
use crate::keyspace::MemoryFigures;
use crate::observe::Reason;
use crate::session::Client;
use crate::session::pubsub::Kind;

/// `# Server`
pub fn server(text: &mut Text, state: &mut State) {
    text.field("redis_version", REDIS_VERSION);
    text.field("server_name", "sidering");
    text.field("sidering_version", SIDERING_VERSION);
    text.field("redis_git_sha1", "00000000");
    text.field("redis_git_dirty", 0);
    text.field("redis_build_id", format_args!("{BUILD_ID:016x}"));
    text.field("redis_mode", "standalone");
    text.field("os", sys::os_name());
    text.field("arch_bits", usize::BITS);
    let counter = clock::uses_counter();
    text.field("monotonic_clock", if counter { "X86 TSC" } else { "POSIX clock_gettime" });
    text.field("multiplexing_api", state.facts.io_backend);
    text.field("atomicvar_api", "c11-builtin");
    text.field("gcc_version", "0.0.0");
    text.field("process_id", std::process::id());
    text.field("process_supervised", state.config.supervised.resolve().name());
    text.field("run_id", &state.facts.run_id);
    text.field("tcp_port", state.config.port);
    times(text, state);
    text.field("executable", &state.facts.executable);
    text.field("config_file", &state.facts.config_file);
    text.field("io_threads_active", 0);
    listeners(text, state);
}

fn times(text: &mut Text, state: &State) {
    const SECONDS_PER_DAY: u64 = 24 * 3600;
    let unix_us = state.clock.unix_us();
    let uptime_us = state.clock.mono_us().saturating_sub(state.facts.start_mono_us);
    let uptime_s = uptime_us / 1_000_000;
    text.field("server_time_usec", unix_us);
    text.field("uptime_in_seconds", uptime_s);
    text.field("uptime_in_days", uptime_s / SECONDS_PER_DAY);
    text.field("hz", state.config.hz);
    text.field("configured_hz", state.config.hz);
    text.field("lru_clock", (unix_us / 1_000_000) & 0xff_ffff);
}

fn listeners(text: &mut Text, state: &State) {
    let config = &state.config;
    if config.port != 0 {
        let bind: String = config.bind.iter().map(|address| format!(",bind={address}")).collect();
        text.field("listener0", format_args!("name=tcp{bind},port={}", config.port));
    }
    if let Some(path) = &config.unixsocket {
        text.field("listener1", format_args!("name=unix,bind={path}"));
    }
}

/// `# Clients`
pub fn clients(text: &mut Text, state: &mut State) {
    let most = |bytes: fn(&Client) -> usize| state.clients.iter().map(bytes).max().unwrap_or(0);
    let input = most(|client| client.pending.capacity() + client.held.capacity());
    let output = most(|client| client.output.len() + client.sending_bytes);
    text.field("connected_clients", state.clients.len());
    text.field("cluster_connections", 0);
    text.field("maxclients", state.config.maxclients);
    text.field("client_recent_max_input_buffer", input);
    text.field("client_recent_max_output_buffer", output);
    // Until there are blocking commands, only CLIENT PAUSE blocks.
    text.field("blocked_clients", state.postponed.len() + state.blocking.len());
    text.field("tracking_clients", state.tracking.clients());
    text.fields(&[
        ("clients_in_timeout_table", state.blocking.with_deadline()),
        ("total_blocking_keys", state.blocking.keys()),
        ("total_blocking_keys_on_nokey", state.keyspace.awaited_ends()),
    ]);
}

/// `# Persistence`
pub fn persistence(text: &mut Text, state: &mut State) {
    text.fields(&[("loading", state.loading.is_some().into()), ("async_loading", 0)]);
    let (background, now_ms) = (&state.background, state.clock.unix_ms());
    let progress = background.progress;
    // Where Redis has the pages that a child's copy costs, there is what was not written yet.
    text.field("current_cow_peak", progress.peak);
    text.field("current_cow_size", progress.buffered);
    text.field("current_cow_size_age", 0);
    text.field("current_fork_perc", format_args!("{:.2}", progress.percent()));
    text.field("current_save_keys_processed", progress.keys);
    text.field("current_save_keys_total", progress.keys_total);
    text.field("rdb_changes_since_last_save", state.changes);
    let saving = background.is_now(Purpose::Save);
    text.field("rdb_bgsave_in_progress", u8::from(saving));
    text.field("rdb_last_save_time", state.snapshots.saved_s);
    text.field("rdb_last_bgsave_status", if state.snapshots.saved { "ok" } else { "err" });
    text.field("rdb_last_bgsave_time_sec", background.save_took_s.unwrap_or(-1));
    let seconds = background.seconds(Purpose::Save, now_ms);
    text.field("rdb_current_bgsave_time_sec", seconds.unwrap_or(-1));
    text.field("rdb_saves", state.snapshots.saves);
    text.fields(&[
        ("rdb_last_cow_size", background.save_peak as i64),
        ("rdb_last_load_keys_expired", state.snapshots.keys_expired as i64),
        ("rdb_last_load_keys_loaded", state.snapshots.keys_loaded as i64),
    ]);
    append_log(text, state);
    if let Some(loading) = &state.loading {
        let left_s = loading.seconds_left(now_ms / 1000).unwrap_or(1);
        text.field("loading_start_time", loading.started_s);
        text.field("loading_total_bytes", loading.total_bytes);
        text.field("loading_rdb_used_mem", loading.used_memory);
        text.field("loading_loaded_bytes", loading.loaded_bytes);
        text.field("loading_loaded_perc", format_args!("{:.2}", loading.percent()));
        text.field("loading_eta_seconds", left_s);
    }
}

fn append_log(text: &mut Text, state: &State) {
    let State { append, background, .. } = state;
    let rewriting = background.is_now(Purpose::Rewrite);
    let seconds = background.seconds(Purpose::Rewrite, state.clock.unix_ms());
    let status = |ok| if ok { "ok" } else { "err" };
    text.field("aof_enabled", u8::from(append.is_on));
    text.field("aof_rewrite_in_progress", u8::from(rewriting));
    text.field("aof_rewrite_scheduled", u8::from(background.is_waiting(Purpose::Rewrite)));
    text.field("aof_last_rewrite_time_sec", background.rewrite_took_s.unwrap_or(-1));
    text.field("aof_current_rewrite_time_sec", seconds.unwrap_or(-1));
    text.field("aof_last_bgrewrite_status", status(!background.rewrite_failed));
    text.field("aof_rewrites", background.rewrites);
    text.field("aof_rewrites_consecutive_failures", background.rewrite_failures);
    text.field("aof_last_write_status", status(append.is_ok()));
    text.field("aof_last_cow_size", background.rewrite_peak);
    text.fields(&[("module_fork_in_progress", 0), ("module_fork_last_cow_size", 0)]);
    if append.is_on {
        text.field("aof_current_size", append.total());
        text.field("aof_base_size", append.base);
        let waits = background.is_waiting(Purpose::Rewrite);
        text.field("aof_pending_rewrite", u8::from(waits));
        text.field("aof_buffer_length", state.effects.bytes().len());
        text.field("aof_pending_bio_fsync", u8::from(append.syncing));
        text.field("aof_delayed_fsync", 0);
    }
}

/// `# Stats`
pub fn stats(text: &mut Text, state: &mut State) {
    traffic(text, state);
    keys(text, state);
    text.fields(&[
        ("pubsub_channels", state.pubsub.topics(Kind::Channel).len()),
        ("pubsub_patterns", state.pubsub.topics(Kind::Pattern).len()),
        ("pubsubshard_channels", state.pubsub.topics(Kind::Shard).len()),
    ]);
    text.fields(NOT_HERE);
    defragmentation(text, state.keyspace.counters().moved_entries);
    text.fields(&[
        ("tracking_total_keys", state.tracking.keys()),
        ("tracking_total_items", state.tracking.items()),
        ("tracking_total_prefixes", state.tracking.prefixes()),
    ]);
    text.field("unexpected_error_replies", 0);
    text.field("total_error_replies", state.stats.total_errors);
    text.field("dump_payload_sanitizations", 0);
    text.field("total_reads_processed", state.stats.reads);
    text.field("total_writes_processed", state.stats.writes);
    text.fields(&[("io_threaded_reads_processed", 0), ("io_threaded_writes_processed", 0)]);
    text.fields(&[("reply_buffer_shrinks", 0), ("reply_buffer_expands", 0)]);
    event_loop(text, state);
    text.fields(&[
        ("acl_access_denied_auth", state.acl_log.denied(Reason::Auth)),
        ("acl_access_denied_cmd", state.acl_log.denied(Reason::Command)),
        ("acl_access_denied_key", state.acl_log.denied(Reason::Key)),
        ("acl_access_denied_channel", state.acl_log.denied(Reason::Channel)),
    ]);
}

fn traffic(text: &mut Text, state: &State) {
    let stats = &state.stats;
    let kilobytes = |rate: u64| format!("{:.2}", rate as f32 / 1024.0);
    text.field("total_connections_received", stats.total_connections);
    text.field("total_commands_processed", stats.total_commands);
    text.field("instantaneous_ops_per_sec", stats.commands_rate.per_second());
    text.field("total_net_input_bytes", stats.net_input_bytes);
    text.field("total_net_output_bytes", stats.net_output_bytes);
    text.fields(&[("total_net_repl_input_bytes", 0), ("total_net_repl_output_bytes", 0)]);
    text.field("instantaneous_input_kbps", kilobytes(stats.input_rate.per_second()));
    text.field("instantaneous_output_kbps", kilobytes(stats.output_rate.per_second()));
    text.field("instantaneous_input_repl_kbps", "0.00");
    text.field("instantaneous_output_repl_kbps", "0.00");
    text.field("rejected_connections", stats.rejected_connections);
    text.fields(&[("sync_full", 0), ("sync_partial_ok", 0), ("sync_partial_err", 0)]);
}

fn keys(text: &mut Text, state: &State) {
    let counters = state.keyspace.counters();
    let (exceeded_us, exceeded_now_us) = state.exceeded_us();
    text.field("expired_keys", counters.expired_keys);
    // Keys go at their deadline: there is no cycle that could fall behind.
    text.field("expired_stale_perc", "0.00");
    text.fields(&[
        ("expired_time_cap_reached_count", 0),
        ("expire_cycle_cpu_milliseconds", 0),
        ("evicted_keys", counters.evicted_keys),
        ("evicted_clients", state.stats.evicted_clients),
        ("total_eviction_exceeded_time", exceeded_us / 1000),
        ("current_eviction_exceeded_time", exceeded_now_us / 1000),
        ("keyspace_hits", counters.hits),
        ("keyspace_misses", counters.misses),
    ]);
}

/// Figures of what this server does not do.
const NOT_HERE: &[(&str, u32)] = &[
    ("latest_fork_usec", 0),
    ("total_forks", 0),
    ("migrate_cached_sockets", 0),
    ("slave_expires_tracked_keys", 0),
];

/// Entries that were moved to empty sparse pages. An entry holds a key and mostly its value as well, so
/// both of Redis's figures are this one.
fn defragmentation(text: &mut Text, moved_entries: u64) {
    text.fields(&[
        ("active_defrag_hits", moved_entries),
        ("active_defrag_misses", 0),
        ("active_defrag_key_hits", moved_entries),
        ("active_defrag_key_misses", 0),
        ("total_active_defrag_time", 0),
        ("current_active_defrag_time", 0),
    ]);
}

fn event_loop(text: &mut Text, state: &State) {
    let waits = state.facts.io_figures.iter().find(|(name, _)| *name == "io_waits");
    let own = sys::usage(Who::Thread);
    let commands: u64 = state.stats.commands.iter().map(|stats| stats.nanos / 1000).sum();
    text.field("eventloop_cycles", waits.map_or(0, |(_, count)| *count));
    // The loop's time is its thread's: it works or it sleeps.
    text.field("eventloop_duration_sum", own.user_us + own.system_us);
    text.field("eventloop_duration_cmd_sum", commands);
    text.fields(&[
        ("instantaneous_eventloop_cycles_per_sec", 0),
        ("instantaneous_eventloop_duration_usec", 0),
    ]);
}

/// `# Replication`
pub fn replication(text: &mut Text, state: &mut State) {
    text.field("role", "master");
    text.field("connected_slaves", 0);
    text.field("master_failover_state", "no-failover");
    text.field("master_replid", &state.facts.replication_id);
    text.field("master_replid2", "0".repeat(sys::RUN_ID_LEN));
    text.fields(&[
        ("master_repl_offset", 0),
        ("second_repl_offset", -1),
        ("repl_backlog_active", 0),
    ]);
    let size = state.config.get_one("repl-backlog-size").unwrap_or_default();
    text.field("repl_backlog_size", String::from_utf8_lossy(&size));
    text.fields(&[("repl_backlog_first_byte_offset", 0), ("repl_backlog_histlen", 0)]);
}

/// `# CPU`
pub fn cpu(text: &mut Text, _state: &mut State) {
    let seconds = |us: u64| format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    for (who, suffix) in
        [(Who::Process, ""), (Who::Children, "_children"), (Who::Thread, "_main_thread")]
    {
        let Usage { user_us, system_us, .. } = sys::usage(who);
        text.field(&format!("used_cpu_sys{suffix}"), seconds(system_us));
        text.field(&format!("used_cpu_user{suffix}"), seconds(user_us));
    }
}

/// `# Modules`: there are none.
pub fn modules(_text: &mut Text, _state: &mut State) {}

/// `# Commandstats`: every command that was called or refused.
pub fn commandstats(text: &mut Text, state: &mut State) {
    for (id, row) in state.table.iter() {
        let stats = state.stats.commands[id.0 as usize];
        if stats.calls == 0 && stats.rejected == 0 {
            continue;
        }
        let us = stats.nanos / 1000;
        text.field(
            &format!("cmdstat_{}", row.full_name()),
            format_args!(
                "calls={},usec={us},usec_per_call={:.2},rejected_calls={},failed_calls={}",
                stats.calls,
                ratio(us, stats.calls),
                stats.rejected,
                stats.failed
            ),
        );
    }
}

/// `# Errorstats`: how often each error code was sent.
pub fn errorstats(text: &mut Text, state: &mut State) {
    let mut errors: Vec<_> = state.stats.errors.iter().collect();
    errors.sort();
    for (code, count) in errors {
        text.field(&format!("errorstat_{}", safe(code)), format_args!("count={count}"));
    }
}

/// `# Latencystats`: percentiles of what each command took.
pub fn latencystats(text: &mut Text, state: &mut State) {
    if !state.config.latency_tracking {
        return;
    }
    for (id, row) in state.table.iter() {
        let Some(durations) = &state.stats.latencies[id.0 as usize] else { continue };
        let percentile =
            |percent: &f64| format!("p{percent}={:.3}", durations.percentile_us(*percent));
        let percents = &state.config.latency_tracking_info_percentiles;
        let list: Vec<String> = percents.iter().map(percentile).collect();
        text.field(&format!("latency_percentiles_usec_{}", row.full_name()), list.join(","));
    }
}

/// `# Cluster`
pub fn cluster(text: &mut Text, _state: &mut State) {
    text.field("cluster_enabled", 0);
}

/// `# Keyspace`: the databases that have keys.
pub fn keyspace(text: &mut Text, state: &mut State) {
    for index in 0..state.keyspace.databases() {
        let db = state.keyspace.db(index);
        if !db.is_empty() {
            let (keys, expires, avg_ttl) = (db.len(), db.expires(), db.avg_ttl());
            text.field(
                &format!("db{index}"),
                format_args!("keys={keys},expires={expires},avg_ttl={avg_ttl}"),
            );
        }
    }
}

/// `# Sidering`: what Redis has no field for.
pub fn sidering(text: &mut Text, state: &mut State) {
    text.field("io_backend", state.facts.io_backend);
    text.field("io_backend_reason", state.facts.io_reason.replace(['\r', '\n'], " "));
    text.fields(&state.facts.io_figures);
    let MemoryFigures { segments, tables, timers, timer_records, entries, slack, committed } =
        state.keyspace.memory();
    text.fields(&[
        ("keyspace_segments", segments),
        ("keyspace_table_bytes", tables),
        ("keyspace_entry_bytes", entries),
        ("keyspace_entry_slack_bytes", slack),
        ("keyspace_entry_committed_bytes", committed),
        ("keyspace_timer_bytes", timers),
        ("keyspace_timer_records", timer_records),
    ]);
    let overdue_ms = state.keyspace.next_deadline().map(|at_ms| state.clock.unix_ms() - at_ms);
    text.field("expiry_lag_ms", overdue_ms.unwrap_or(0).max(0));
    gate(text, state);
    snapshot(text, state);
    text.fields(&[
        ("paused", usize::from(state.paused())),
        ("slowlog_entries", state.slowlog.len()),
        ("monitors", state.monitors.len()),
    ]);
    let stats = &state.stats;
    text.field("client_query_buffer_limit_disconnections", stats.query_buffer_disconnections);
    text.field("client_output_buffer_limit_disconnections", stats.output_buffer_disconnections);
    text.field("peak_resident_human", human(sys::usage(Who::Process).peak_resident_bytes));
}

/// Replies that wait for the disk: with `appendfsync always`.
fn gate(text: &mut Text, state: &State) {
    text.field("gate_groups_written", state.append.written);
    text.field("gate_groups_durable", state.append.durable);
    text.field("gate_clients_waiting", state.append.waiting);
}

/// The snapshot that is being taken, for the file or for the log.
fn snapshot(text: &mut Text, state: &State) {
    let purposes = [(Purpose::Save, "save"), (Purpose::Rewrite, "rewrite")];
    let running = purposes.iter().find(|(purpose, _)| state.background.is_now(*purpose));
    let progress = state.background.progress;
    text.field("snapshot", running.map_or("none", |(_, name)| name));
    text.field("snapshot_keys_written", progress.keys);
    text.field("snapshot_keys_total", progress.keys_total);
    text.field("snapshot_buffered_bytes", progress.buffered);
}
