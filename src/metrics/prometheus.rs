//! The vitals in Prometheus's text format, version 0.0.4.
//!
//! Names and labels are redis_exporter's. What it says of itself (`redis_exporter_*`) is missing, since
//! there is no exporter.
//!
//! Invariant: no key and no value of the data set is shown.

use std::fmt::{Display, Write};

use super::Vitals;
use super::info::{Info, number};
use super::names::{Kind, ROWS};

/// Databases without keys that are shown all the same, so that graphs begin at 0.
const EMPTY_DATABASES_MAX: u32 = 64;

/// What the thread knows itself.
pub struct Standing {
    /// Whether the loop answers at all.
    pub up: bool,
    pub ready: bool,
    /// Of the vitals, seconds.
    pub age_s: f64,
}

/// The answer to `/metrics`.
pub fn render(vitals: &Vitals, standing: &Standing) -> String {
    let info = Info::of(&vitals.info);
    let mut out = Families(String::new());
    out.single("redis_up", u8::from(standing.up));
    out.single("sidering_ready", u8::from(standing.ready));
    out.single("sidering_vitals_age_seconds", standing.age_s);
    if vitals.info.is_empty() {
        return out.0;
    }
    who(&mut out, &info, vitals);
    fields(&mut out, &info);
    databases(&mut out, &info, vitals.databases);
    commands(&mut out, &info);
    percentiles(&mut out, &info);
    durations(&mut out, &info, vitals);
    errors(&mut out, &info);
    latency(&mut out, vitals);
    gauges(&mut out, vitals);
    out.0
}

/// Metrics that are written so far, each family as a whole.
struct Families(String);

impl Families {
    /// Begins a family.
    fn family(&mut self, name: &str, kind: Kind) {
        self.put(format_args!("# TYPE {name} {}\n", kind.name()));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            self.put(format_args!("{open}{label}=\"{}\"", escaped(text)));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        self.put(format_args!("{close} {value}\n"));
    }

    /// A gauge without labels.
    fn single(&mut self, name: &str, value: impl Display) {
        self.family(name, Kind::Gauge);
        self.sample(name, &[], value);
    }

    fn put(&mut self, text: std::fmt::Arguments) {
        self.0.write_fmt(text).expect("a String takes any text");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn who(out: &mut Families, info: &Info, vitals: &Vitals) {
    const LABELS: [&str; 10] = [
        "role",
        "redis_version",
        "redis_build_id",
        "redis_mode",
        "os",
        "maxmemory_policy",
        "tcp_port",
        "run_id",
        "process_id",
        "master_replid",
    ];
    let of_info = |label| (label, info.get(label));
    out.family("redis_instance_info", Kind::Gauge);
    out.sample("redis_instance_info", &LABELS.map(of_info), 1);
    out.family("sidering_info", Kind::Gauge);
    let labels = ["sidering_version", "io_backend", "io_backend_reason"].map(of_info);
    out.sample("sidering_info", &labels, 1);
    out.single("redis_start_time_seconds", vitals.start_unix_s);
    let fork_us: f64 = info.number("latest_fork_usec");
    out.single("redis_latest_fork_seconds", fork_us / 1e6);
}

fn fields(out: &mut Families, info: &Info) {
    for (field, metric, kind) in ROWS {
        if let Some(value) = number(info.get(field)) {
            out.family(metric, *kind);
            out.sample(metric, &[], value);
        }
    }
}

fn databases(out: &mut Families, info: &Info, count: u32) {
    let parts = [
        ("redis_db_keys", "keys", 1.0, true),
        ("redis_db_keys_expiring", "expires", 1.0, true),
        ("redis_db_avg_ttl_seconds", "avg_ttl", 1000.0, false),
    ];
    let empty: Vec<String> =
        (0..count.min(EMPTY_DATABASES_MAX)).map(|n| format!("db{n}")).collect();
    for (metric, part, divisor, with_empty) in parts {
        out.family(metric, Kind::Gauge);
        for line in info.section("Keyspace") {
            let value: f64 = line.part(part).and_then(|text| text.parse().ok()).unwrap_or(0.0);
            out.sample(metric, &[("db", line.name)], value / divisor);
        }
        let is_empty = |name: &&String| info.section("Keyspace").all(|line| line.name != **name);
        for name in empty.iter().filter(is_empty).filter(|_| with_empty) {
            out.sample(metric, &[("db", name.as_str())], 0);
        }
    }
}

fn commands(out: &mut Families, info: &Info) {
    let parts = [
        ("redis_commands_total", "calls", 1.0),
        ("redis_commands_duration_seconds_total", "usec", 1e6),
        ("redis_commands_rejected_calls_total", "rejected_calls", 1.0),
        ("redis_commands_failed_calls_total", "failed_calls", 1.0),
    ];
    for (metric, part, divisor) in parts {
        out.family(metric, Kind::Counter);
        for line in info.section("Commandstats") {
            let command = line.name.trim_start_matches("cmdstat_");
            let value: f64 = line.part(part).and_then(|text| text.parse().ok()).unwrap_or(0.0);
            out.sample(metric, &[("cmd", command)], value / divisor);
        }
    }
}

/// Quantiles are percent, as redis_exporter has them.
fn percentiles(out: &mut Families, info: &Info) {
    const METRIC: &str = "redis_latency_percentiles_usec";
    out.family(METRIC, Kind::Summary);
    for line in info.section("Latencystats") {
        let command = line.name.trim_start_matches("latency_percentiles_usec_");
        for (percent, us) in line.value.split(',').filter_map(|part| part.split_once('=')) {
            let quantile = percent.trim_start_matches('p');
            out.sample(METRIC, &[("cmd", command), ("quantile", quantile)], us);
        }
        let (calls, us) = calls_of(info, command);
        out.sample(&format!("{METRIC}_sum"), &[("cmd", command)], us);
        out.sample(&format!("{METRIC}_count"), &[("cmd", command)], calls);
    }
}

fn durations(out: &mut Families, info: &Info, vitals: &Vitals) {
    const METRIC: &str = "redis_commands_latencies_usec";
    out.family(METRIC, Kind::Histogram);
    let bucket = format!("{METRIC}_bucket");
    for (command, steps) in &vitals.durations {
        let command = command.as_str();
        for (bound_us, calls) in steps {
            out.sample(&bucket, &[("cmd", command), ("le", &bound_us.to_string())], calls);
        }
        let calls = steps.last().map_or(0, |(_, calls)| *calls);
        out.sample(&bucket, &[("cmd", command), ("le", "+Inf")], calls);
        out.sample(&format!("{METRIC}_sum"), &[("cmd", command)], calls_of(info, command).1);
        out.sample(&format!("{METRIC}_count"), &[("cmd", command)], calls);
    }
}

/// Calls of a command and the microseconds they took.
fn calls_of<'a>(info: &Info<'a>, command: &str) -> (&'a str, &'a str) {
    let is_its = |name: &str| name.strip_prefix("cmdstat_") == Some(command);
    let line = info.section("Commandstats").find(|line| is_its(line.name));
    let part = |name| line.and_then(|line| line.part(name)).unwrap_or("0");
    (part("calls"), part("usec"))
}

fn errors(out: &mut Families, info: &Info) {
    out.family("redis_errors_total", Kind::Counter);
    for line in info.section("Errorstats") {
        let code = line.name.trim_start_matches("errorstat_");
        out.sample("redis_errors_total", &[("err", code)], line.part("count").unwrap_or("0"));
    }
}

fn latency(out: &mut Families, vitals: &Vitals) {
    out.family("redis_latency_spike_last", Kind::Gauge);
    for (event, time_s, _) in &vitals.events {
        out.sample("redis_latency_spike_last", &[("event_name", *event)], time_s);
    }
    out.family("redis_latency_spike_duration_seconds", Kind::Gauge);
    for (event, _, ms) in &vitals.events {
        let seconds = *ms as f64 / 1000.0;
        out.sample("redis_latency_spike_duration_seconds", &[("event_name", *event)], seconds);
    }
    let last = vitals.slow.first();
    out.single("redis_slowlog_last_id", last.map_or(0, |slow| slow.id));
    let seconds = last.map_or(0.0, |slow| slow.duration_us as f64 / 1e6);
    out.single("redis_last_slow_execution_duration_seconds", seconds);
}

fn gauges(out: &mut Families, vitals: &Vitals) {
    for (name, value) in &vitals.gauges {
        out.single(&format!("redis_{name}"), value);
    }
    const BYTES: &str = "redis_config_client_output_buffer_limit_bytes";
    out.family(BYTES, Kind::Gauge);
    for (class, hard, soft, _) in vitals.output_limits {
        out.sample(BYTES, &[("class", class), ("limit", "hard")], hard);
        out.sample(BYTES, &[("class", class), ("limit", "soft")], soft);
    }
    const SECONDS: &str = "redis_config_client_output_buffer_limit_overcome_seconds";
    out.family(SECONDS, Kind::Gauge);
    for (class, _, _, seconds) in vitals.output_limits {
        out.sample(SECONDS, &[("class", class), ("limit", "soft")], seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(info: &str) -> String {
        let vitals = Vitals { info: info.replace('\n', "\r\n"), databases: 2, ..Vitals::default() };
        render(&vitals, &Standing { up: true, ready: true, age_s: 0.5 })
    }

    #[test]
    fn fields_have_the_exporter_s_names_and_statuses_are_numbers() {
        let text = rendered("# Memory\nused_memory:7\n# Persistence\naof_last_write_status:err\n");
        assert!(text.contains("# TYPE redis_memory_used_bytes gauge\nredis_memory_used_bytes 7\n"));
        assert!(text.contains("\nredis_aof_last_write_status 0\n"));
    }

    #[test]
    fn lines_with_parts_become_families_with_labels() {
        let text = rendered(
            "# Commandstats\ncmdstat_config|get:calls=2,usec=500000,rejected_calls=1,failed_calls=0\n\
             # Latencystats\nlatency_percentiles_usec_config|get:p50=1.003,p99.9=2.5\n\
             # Errorstats\nerrorstat_E\"\\:count=3\n# Keyspace\ndb1:keys=4,expires=1,avg_ttl=2500\n",
        );
        let lines = [
            "redis_commands_total{cmd=\"config|get\"} 2",
            "redis_commands_duration_seconds_total{cmd=\"config|get\"} 0.5",
            "redis_latency_percentiles_usec{cmd=\"config|get\",quantile=\"99.9\"} 2.5",
            "redis_latency_percentiles_usec_sum{cmd=\"config|get\"} 500000",
            "redis_errors_total{err=\"E\\\"\\\\\"} 3",
            "redis_db_keys{db=\"db0\"} 0",
            "redis_db_avg_ttl_seconds{db=\"db1\"} 2.5",
        ];
        for line in lines {
            assert!(text.lines().any(|own| own == line), "{line}:\n{text}");
        }
    }

    #[test]
    fn a_loop_that_never_answered_has_no_figures() {
        let standing = Standing { up: false, ready: false, age_s: 0.0 };
        let text = render(&Vitals::default(), &standing);
        assert!(text.contains("\nredis_up 0\n") && !text.contains("redis_instance_info"));
    }
}
