//! What the page shows of the last hour: a sample now and then, a bounded number of them.
//!
//! Invariant: figures only; takes no more memory after an hour than after a day.

use std::collections::VecDeque;

use super::Vitals;
use super::info::Info;

/// An hour of samples 10 seconds apart.
const SAMPLES_MAX: usize = 360;
/// The fields of INFO that are kept.
pub const FIELDS: [&str; 13] = [
    "used_memory",
    "used_memory_rss",
    "maxmemory",
    "total_commands_processed",
    "keyspace_hits",
    "keyspace_misses",
    "evicted_keys",
    "expired_keys",
    "expiry_lag_ms",
    "connected_clients",
    "blocked_clients",
    "total_net_input_bytes",
    "total_net_output_bytes",
];
/// Of the calls between two samples.
pub const PERCENTILES: [f64; 3] = [50.0, 99.0, 99.9];
/// Bounds of durations double from a microsecond to beyond a second.
const BOUNDS: usize = 24;

/// How things were.
pub struct Sample {
    /// Unix time, seconds.
    pub time_s: i64,
    /// As [`FIELDS`].
    pub values: [f64; FIELDS.len()],
    /// As [`PERCENTILES`], microseconds; `None` without calls.
    pub percentiles_us: Option<[f64; PERCENTILES.len()]>,
}

/// The last hour.
#[derive(Default)]
pub struct History {
    samples: VecDeque<Sample>,
    /// Calls by duration at the last sample.
    calls: [u64; BOUNDS],
}

impl History {
    /// Adds a sample taken at `time_s` and forgets the one of an hour before.
    pub fn note(&mut self, vitals: &Vitals, time_s: i64) {
        let sample = self.sample(vitals, time_s);
        self.calls = calls(vitals);
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// How things are, seen from the last sample.
    pub fn sample(&self, vitals: &Vitals, time_s: i64) -> Sample {
        let info = Info::of(&vitals.info);
        let now = calls(vitals);
        // A counter that was reset begins anew.
        let mut new = [0; BOUNDS];
        for (new, (now, before)) in new.iter_mut().zip(now.iter().zip(&self.calls)) {
            *new = now.checked_sub(*before).unwrap_or(*now);
        }
        let values = FIELDS.map(|field| info.number(field));
        Sample { time_s, values, percentiles_us: percentiles(&new) }
    }

    /// Oldest first.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }
}

/// All calls so far, by the power of two that their microseconds lie below.
fn calls(vitals: &Vitals) -> [u64; BOUNDS] {
    let mut calls = [0; BOUNDS];
    for (_, steps) in &vitals.durations {
        let mut before = 0;
        for (bound_us, total) in steps {
            let index = bound_us.max(&1).ilog2() as usize;
            calls[index.min(BOUNDS - 1)] += total - before;
            before = *total;
        }
    }
    calls
}

/// Microseconds that so many percent of the calls did not exceed. Within a bound they are taken to be
/// spread evenly.
fn percentiles(calls: &[u64; BOUNDS]) -> Option<[f64; PERCENTILES.len()]> {
    let total: u64 = calls.iter().sum();
    (total > 0).then(|| {
        PERCENTILES.map(|percent| {
            let mut left = total as f64 * percent / 100.0;
            for (index, count) in calls.iter().enumerate() {
                let (count, upper) = (*count as f64, 2f64.powi(index as i32));
                let lower = if index == 0 { 0.0 } else { upper / 2.0 };
                if left <= count {
                    return lower + (upper - lower) * left / count.max(1.0);
                }
                left -= count;
            }
            2f64.powi(BOUNDS as i32)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vitals(steps: &[(u64, u64)]) -> Vitals {
        let info = "# Stats\r\nkeyspace_hits:7\r\n".to_owned();
        Vitals { info, durations: vec![("get".into(), steps.to_vec())], ..Vitals::default() }
    }

    #[test]
    fn percentiles_are_those_of_the_calls_since_the_last_sample() {
        let mut history = History::default();
        history.note(&vitals(&[(1, 1000)]), 1);
        let sample = history.sample(&vitals(&[(1, 1000), (8, 1100)]), 2);
        assert_eq!(sample.percentiles_us, Some([6.0, 7.96, 7.996]));
        assert_eq!(history.sample(&vitals(&[(1, 1000)]), 2).percentiles_us, None);
        let after_reset = history.sample(&vitals(&[(1, 10)]), 2);
        assert_eq!(after_reset.percentiles_us, Some([0.5, 0.99, 0.999]));
    }

    #[test]
    fn an_hour_is_kept() {
        let mut history = History::default();
        (0..400).for_each(|time_s| history.note(&vitals(&[]), time_s));
        let times: Vec<i64> = history.samples().map(|sample| sample.time_s).collect();
        assert_eq!((times.len(), times[0]), (360, 40));
        let hits = FIELDS.iter().position(|field| *field == "keyspace_hits").unwrap();
        assert_eq!(history.samples().next().unwrap().values[hits], 7.0);
    }
}
