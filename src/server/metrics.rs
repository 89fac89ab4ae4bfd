//! What the port for figures is told of the server, and when.
//!
//! Invariant: vitals are drawn up when they are asked for and at no other time.

use super::{METRICS, Turn, figures, listen};
use crate::base::text::repr;
use crate::command::State;
use crate::command::server::info;
use crate::config::Config;
use crate::io::{Driver, Op};
use crate::metrics::{Metrics, SlowCall, Vitals};
use crate::observe::LogEntry;
use std::os::fd::AsRawFd;

/// Slow commands that are told of.
const SLOW_MAX: usize = 20;

/// Opens the port that the configuration asks for, if any.
///
/// # Errors
/// A text for the log.
pub(super) fn open(driver: &mut Driver, config: &Config) -> Result<Option<Metrics>, String> {
    let port = config.metrics_port;
    if port == 0 {
        return Ok(None);
    }
    let sockets = listen::tcp_sockets(&config.metrics_bind, port, config.tcp_backlog)?;
    log::info!("Metrics, health and a page on port {port}");
    let metrics = Metrics::start(sockets.into_iter().map(|(_, socket)| socket))
        .map_err(|error| format!("Can't serve metrics: {error}"))?;
    driver.submit(Op::Watch { watch: METRICS, fd: metrics.as_raw_fd() });
    Ok(Some(metrics))
}

impl Turn<'_> {
    /// The port asks how things are.
    pub(super) fn vitals_asked(&mut self) {
        let Some(metrics) = self.works.metrics.as_ref().filter(|metrics| metrics.is_asked()) else {
            return;
        };
        self.state.facts.io_figures = figures::named(self.works.driver.figures());
        let ending = self.works.exit.map(|_| "the server ends".to_owned());
        let unready = ending.or_else(|| unready(self.state));
        metrics.publish(vitals(self.state, unready));
    }
}

/// Why clients should be sent elsewhere.
fn unready(state: &State) -> Option<String> {
    let refused = state.writes_refused.as_ref();
    let loading = state.loading.map(|loading| format!("loading: {:.1} %", loading.percent()));
    loading.or_else(|| refused.map(|reject| String::from_utf8_lossy(reject.text()).into_owned()))
}

fn vitals(state: &mut State, unready: Option<String>) -> Vitals {
    let info = info::everything(state);
    let limits = &state.config.client_output_buffer_limits;
    let classes = [("normal", limits.normal), ("slave", limits.replica), ("pubsub", limits.pubsub)];
    let latencies = state.table.iter().zip(&state.stats.latencies);
    let durations = latencies.filter_map(|((_, row), durations)| {
        Some((row.full_name().to_owned(), durations.as_ref()?.steps()))
    });
    let events = state.latency.seen().filter_map(|(event, series)| {
        series.latest().map(|last| (event.name(), last.time_s, last.ms))
    });
    let slow = state.slowlog.entries().take(SLOW_MAX);
    Vitals {
        info,
        unready,
        start_unix_s: state.facts.start_unix_s,
        databases: state.config.databases,
        gauges: gauges(state),
        output_limits: classes
            .map(|(name, limit)| (name, limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)),
        events: events.collect(),
        durations: durations.collect(),
        slow: slow.map(|entry| slow_call(entry, state.config.metrics_keys)).collect(),
    }
}

/// What redis_exporter asks for besides INFO. Of maxmemory it is what it amounts to, not how it was set.
fn gauges(state: &State) -> Vec<(&'static str, i64)> {
    let kept = |name| {
        let text = state.config.get_one(name).unwrap_or_default();
        String::from_utf8_lossy(&text).parse().unwrap_or(0)
    };
    let config = &state.config;
    vec![
        ("config_maxmemory", state.maxmemory() as i64),
        ("config_maxclients", config.maxclients.into()),
        ("config_io_threads", kept("io-threads")),
        ("config_repl_backlog_size", kept("repl-backlog-size")),
        ("commandlog_slow_length", state.slowlog.len() as i64),
        ("commandlog_large_request_length", state.large_requests.len() as i64),
        ("commandlog_large_reply_length", state.large_replies.len() as i64),
        ("commandlog_execution_slower_than", config.slowlog_log_slower_than),
        ("commandlog_slow_execution_max_len", config.slowlog_max_len as i64),
        ("commandlog_request_larger_than", config.commandlog_request_larger_than),
        ("commandlog_large_request_max_len", config.commandlog_large_request_max_len as i64),
        ("commandlog_reply_larger_than", config.commandlog_reply_larger_than),
        ("commandlog_large_reply_max_len", config.commandlog_large_reply_max_len as i64),
    ]
}

/// The name alone, unless keys may be seen.
fn slow_call(entry: &LogEntry, shows_keys: bool) -> SlowCall {
    let words: Vec<String> = entry.args.iter().skip(1).map(|arg| repr(arg)).collect();
    let mut command = String::from_utf8_lossy(&entry.args[0]).to_ascii_lowercase();
    if shows_keys && !words.is_empty() {
        command = format!("{command} {}", words.join(" "));
    }
    SlowCall { id: entry.id, time_s: entry.time_s, duration_us: entry.value, command }
}
