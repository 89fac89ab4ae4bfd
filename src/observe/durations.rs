//! How long the calls of one command took, as a distribution.
//!
//! Two significant digits up to a second, the figures of Redis, so that INFO latencystats and LATENCY
//! HISTOGRAM show the same steps.

use hdrhistogram::Histogram;

/// What takes longer counts as this.
const LONGEST_NANOS: u64 = 1_000_000_000;
const DIGITS: u8 = 2;
/// The first bound of [`Durations::steps`]; each next one is twice the last.
const FIRST_BOUND_NANOS: u64 = 1024;

/// A distribution of durations. Takes about 10 KiB, more where they differ much.
pub struct Durations(Histogram<u64>);

impl Default for Durations {
    fn default() -> Durations {
        Durations(Histogram::new(DIGITS).expect("a number of digits that there can be"))
    }
}

impl Durations {
    /// Counts a call that took `nanos`.
    #[inline]
    pub fn record(&mut self, nanos: u64) {
        // Fails only where the value is beyond what memory can index, and a second is not.
        let _ = self.0.record(nanos.clamp(1, LONGEST_NANOS));
    }

    /// The number of calls.
    pub fn calls(&self) -> u64 {
        self.0.len()
    }

    /// Microseconds that `percent` (0 to 100) of the calls did not exceed.
    pub fn percentile_us(&self, percent: f64) -> f64 {
        self.0.value_at_percentile(percent) as f64 / 1000.0
    }

    /// Bounds in microseconds, each about twice the last, with the number of calls that took no longer;
    /// bounds that add no calls are left out.
    pub fn steps(&self) -> Vec<(u64, u64)> {
        let (mut bound, mut calls) = (FIRST_BOUND_NANOS, 0);
        let mut steps: Vec<(u64, u64)> = Vec::new();
        for recorded in self.0.iter_recorded() {
            while recorded.value_iterated_to() > self.0.highest_equivalent(bound) {
                bound *= 2;
            }
            calls += recorded.count_at_value();
            let bound_us = self.0.highest_equivalent(bound) / 1000;
            match steps.last_mut() {
                Some(last) if last.0 == bound_us => last.1 = calls,
                _ => steps.push((bound_us, calls)),
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(nanos: &[u64]) -> Durations {
        let mut durations = Durations::default();
        nanos.iter().for_each(|nanos| durations.record(*nanos));
        durations
    }

    #[test]
    fn percentiles_keep_two_digits() {
        let durations = of(&[1000; 99].map(|nanos: u64| nanos));
        assert_eq!(durations.percentile_us(50.0), 1.003);
        let mixed = of(&[1000, 1000, 1000, 4_000_000]);
        assert_eq!(mixed.percentile_us(75.0), 1.003);
        assert!((mixed.percentile_us(100.0) / 4000.0 - 1.0).abs() < 0.01);
    }

    #[test]
    fn steps_double_and_count_up() {
        let durations = of(&[0, 900, 1500, 1500, 100_000]);
        assert_eq!(durations.steps(), [(1, 2), (2, 4), (132, 5)]);
        assert_eq!(durations.calls(), 5);
        assert!(of(&[]).steps().is_empty());
    }

    #[test]
    fn what_takes_an_hour_counts_as_a_second() {
        let durations = of(&[3_600_000_000_000]);
        assert!((durations.percentile_us(50.0) / 1e6 - 1.0).abs() < 0.01);
    }
}
