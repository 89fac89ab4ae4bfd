//! LATENCY DOCTOR: what held clients up, and what to do about it.
//!
//! Invariant: only looks; every event that can be seen has its advice.

use crate::command::ctx::Ctx;
use crate::config::{Appendfsync, Config};
use crate::observe::latency::{Event, Latency, Series};
use crate::resp::errors::Outcome;

/// LATENCY DOCTOR
pub fn latency_doctor(ctx: &mut Ctx) -> Outcome {
    let state = &ctx.state;
    let text = report(&state.latency, &state.config, state.clock.unix_s());
    ctx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn report(latency: &Latency, config: &Config, now_s: i64) -> String {
    let events: Vec<_> = latency.seen().collect();
    if events.is_empty() {
        return match config.latency_monitor_threshold {
            0 => {
                "Latency monitoring is disabled. 'CONFIG SET latency-monitor-threshold \
                  <milliseconds>' enables it.\n"
            }
            _ => "No latency spike was observed.\n",
        }
        .into();
    }
    let mut text = "Latency spikes were observed:\n\n".to_owned();
    for (number, (event, series)) in events.iter().enumerate() {
        text.push_str(&line(number + 1, *event, series, now_s));
    }
    text.push_str("\nWhat may help:\n\n");
    for advice in events.iter().flat_map(|(event, _)| advice(*event, config)) {
        text.push_str(&format!("- {advice}\n"));
    }
    text
}

/// One event, in the form of Redis's report.
fn line(number: usize, event: Event, series: &Series, now_s: i64) -> String {
    let Some(summary) = series.summary(now_s) else { return String::new() };
    format!(
        "{number}. {}: {} latency spikes (average {}ms, mean deviation {}ms, period {:.2} sec). \
         Worst all time event {}ms.\n",
        event.name(),
        summary.count,
        summary.average_ms,
        summary.deviation_ms,
        summary.period_s,
        series.worst_ms
    )
}

fn advice(event: Event, config: &Config) -> Vec<String> {
    let threshold_ms = config.latency_monitor_threshold;
    let slowlog_misses = u64::try_from(config.slowlog_log_slower_than)
        .map_or(true, |slower_us| slower_us / 1000 > threshold_ms);
    let mut all = Vec::new();
    match event {
        Event::Command => {
            all.push(
                "One thread executes all commands: a slow one holds everybody up. SLOWLOG GET shows \
                 which they are; read large collections in parts (SCAN, LRANGE by ranges) and \
                 avoid KEYS."
                    .into(),
            );
            if slowlog_misses {
                all.push(format!(
                    "The slow log does not see commands that are reported here. Use 'CONFIG SET \
                     slowlog-log-slower-than {}'.",
                    threshold_ms.saturating_mul(1000)
                ));
            }
        }
        Event::FastCommand => all.push(
            "Commands that do little took long, so the process did not get the CPU: lower the load \
             of the machine, raise the container's CPU limit, or look for a noisy neighbour \
             ('redis-cli --intrinsic-latency 100')."
                .into(),
        ),
        Event::AofWrite => all.push(
            "Writes to the append log stalled: the disk is slower than the writers, or shared. A \
             local SSD of its own helps; remote volumes have limits on operations per second."
                .into(),
        ),
        Event::AofFsyncAlways if config.appendfsync == Appendfsync::Always => all.push(
            "With 'appendfsync always' writers wait for the disk. Where losing a second is \
             acceptable, 'everysec' does not."
                .into(),
        ),
        Event::AofFsyncAlways => {}
        Event::EvictionCycle => all.push(
            "Evicting took long: 'maxmemory' was lowered by much, or one command adds much at once \
             (a STORE of a large result, RESTORE)."
                .into(),
        ),
        Event::ExpireCycle => all.push(
            "Many keys reach their deadline together. Give TTLs that are set in bulk a random part."
                .into(),
        ),
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::latency::Sample;

    #[test]
    fn each_event_is_reported_with_its_advice() {
        let config = Config::default();
        let mut latency = Latency::default();
        assert!(report(&latency, &config, 9).contains("is disabled"));
        for event in [Event::Command, Event::AofWrite] {
            latency.note(event, Sample { time_s: 5, ms: 70 });
        }
        let text = report(&latency, &config, 9);
        let line = "1. command: 1 latency spikes (average 70ms, mean deviation 0ms, period 4.00 sec). \
                    Worst all time event 70ms.\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("2. aof-write: 1 ") && text.contains("- Writes to the append log"));
    }

    #[test]
    fn a_slow_log_that_sees_less_is_pointed_out() {
        let mut latency = Latency::default();
        latency.note(Event::Command, Sample { time_s: 5, ms: 70 });
        let mut config = Config::default();
        config.latency_monitor_threshold = 5;
        assert!(report(&latency, &config, 9).contains("slowlog-log-slower-than 5000"));
        config.slowlog_log_slower_than = 5000;
        assert!(!report(&latency, &config, 9).contains("slowlog-log-slower-than"));
    }
}
