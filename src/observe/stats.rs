//! The counters behind INFO's stats, commandstats and errorstats sections.

use super::Durations;
use hashbrown::HashMap;

/// Distinct error codes that are counted; past it a client is making them up.
const ERROR_CODES_MAX: usize = 128;
/// Samples behind the instantaneous figures, and the least time between two of them.
const RATE_SAMPLES: usize = 16;
const RATE_INTERVAL_MS: i64 = 100;

/// Counters of one command row.
#[derive(Clone, Copy, Default)]
pub struct CommandStats {
    pub calls: u64,
    /// Time spent in the handler, nanoseconds.
    pub nanos: u64,
    /// Refused before the handler ran.
    pub rejected: u64,
    /// Answered with an error by the handler.
    pub failed: u64,
}

/// Everything that CONFIG RESETSTAT sets back.
#[derive(Default)]
pub struct Stats {
    /// By row of the command table.
    pub commands: Vec<CommandStats>,
    /// How long the calls took, by row, with `latency-tracking`.
    pub latencies: Vec<Option<Box<Durations>>>,
    /// By error code ("ERR", "WRONGTYPE").
    pub errors: HashMap<Box<str>, u64, foldhash::fast::RandomState>,
    pub total_errors: u64,
    pub total_commands: u64,
    pub total_connections: u64,
    pub rejected_connections: u64,
    pub net_input_bytes: u64,
    pub net_output_bytes: u64,
    pub reads: u64,
    pub writes: u64,
    pub query_buffer_disconnections: u64,
    pub output_buffer_disconnections: u64,
    /// Clients that `maxmemory-clients` let go.
    pub evicted_clients: u64,
    /// Highest used_memory seen, bytes.
    pub peak_memory: usize,
    pub commands_rate: Rate,
    pub input_rate: Rate,
    pub output_rate: Rate,
}

impl Stats {
    /// Counters for `rows` commands.
    pub fn new(rows: usize) -> Stats {
        let commands = vec![CommandStats::default(); rows];
        let latencies = (0..rows).map(|_| None).collect();
        Stats { commands, latencies, ..Stats::default() }
    }

    /// CONFIG RESETSTAT: back to zero; the peak becomes what is used now.
    pub fn reset(&mut self, used_memory: usize) {
        *self = Stats { peak_memory: used_memory, ..Stats::new(self.commands.len()) };
    }

    /// Counts an error reply by its code, the first word of its text.
    pub fn count_error(&mut self, text: &[u8]) {
        self.total_errors += 1;
        let code = text.split(|byte| *byte == b' ').next().unwrap_or_default();
        let code = std::str::from_utf8(code).unwrap_or("ERR");
        if let Some(count) = self.errors.get_mut(code) {
            *count += 1;
        } else if self.errors.len() < ERROR_CODES_MAX {
            self.errors.insert(code.into(), 1);
        }
    }

    /// Takes a sample of the three rates if the last one is old enough. Called once a turn, so an
    /// idle server takes none and its rates fall when it is next asked.
    pub fn sample_rates(&mut self, now_ms: i64) {
        self.commands_rate.sample(now_ms, self.total_commands);
        self.input_rate.sample(now_ms, self.net_input_bytes);
        self.output_rate.sample(now_ms, self.net_output_bytes);
    }
}

/// Mean of a counter's growth over its last samples.
#[derive(Default)]
pub struct Rate {
    samples: [u64; RATE_SAMPLES],
    next: usize,
    last_ms: i64,
    last_value: u64,
}

impl Rate {
    fn sample(&mut self, now_ms: i64, value: u64) {
        let elapsed_ms = now_ms - self.last_ms;
        if elapsed_ms < RATE_INTERVAL_MS {
            return;
        }
        let per_second = (value.saturating_sub(self.last_value)) * 1000 / elapsed_ms as u64;
        // A pause counts for as many samples as it lasted, as it would with a timer.
        let missed = (elapsed_ms / RATE_INTERVAL_MS).min(RATE_SAMPLES as i64);
        for _ in 0..missed {
            self.samples[self.next] = per_second;
            self.next = (self.next + 1) % RATE_SAMPLES;
        }
        self.last_ms = now_ms;
        self.last_value = value;
    }

    /// Growth per second.
    pub fn per_second(&self) -> u64 {
        self.samples.iter().sum::<u64>() / RATE_SAMPLES as u64
    }
}

/// What is known since the start and does not change, and figures of the driver that the server
/// copies here for INFO.
#[derive(Default)]
pub struct Facts {
    pub run_id: String,
    /// Names the data set's history to replicas; DEBUG CHANGE-REPL-ID draws another one.
    pub replication_id: String,
    pub executable: String,
    pub config_file: String,
    pub start_unix_s: i64,
    pub start_mono_us: u64,
    /// "uring" or "epoll", and why.
    pub io_backend: &'static str,
    pub io_reason: String,
    pub io_figures: Vec<(&'static str, u64)>,
    /// used_memory once the server was up, bytes.
    pub startup_memory: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_mean_growth_of_the_last_samples() {
        let mut rate = Rate::default();
        rate.sample(100_000, 0);
        for tick in 1..=16 {
            rate.sample(100_000 + tick * 100, tick as u64 * 50);
        }
        assert_eq!(rate.per_second(), 500);
        rate.sample(110_000, 800);
        assert_eq!(rate.per_second(), 0);
    }

    #[test]
    fn error_codes_are_bounded() {
        let mut stats = Stats::default();
        for code in 0..1000 {
            stats.count_error(format!("E{code} text").as_bytes());
        }
        stats.count_error(b"E1 again");
        assert_eq!((stats.errors.len(), stats.errors["E1"], stats.total_errors), (128, 2, 1001));
    }
}
