//! The last peaks of what holds clients up, by kind of event.
//!
//! As in Redis: what takes at least `latency-monitor-threshold` is kept, the worst of each second, for
//! 160 seconds in which there was one.

use std::collections::VecDeque;

/// Samples kept of one event.
const SAMPLES_MAX: usize = 160;

/// What is watched, by Redis's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A command.
    Command,
    /// A command that takes constant or logarithmic time.
    FastCommand,
    /// A write to the append log.
    AofWrite,
    /// A sync of the append log that replies wait for. The loop goes on meanwhile.
    AofFsyncAlways,
    /// Keys evicted before a command or between turns.
    EvictionCycle,
    /// A slice of expired keys.
    ExpireCycle,
}

impl Event {
    const ALL: [Event; 6] = [
        Event::Command,
        Event::FastCommand,
        Event::AofWrite,
        Event::AofFsyncAlways,
        Event::EvictionCycle,
        Event::ExpireCycle,
    ];

    /// The name, as LATENCY has it.
    pub fn name(self) -> &'static str {
        match self {
            Event::Command => "command",
            Event::FastCommand => "fast-command",
            Event::AofWrite => "aof-write",
            Event::AofFsyncAlways => "aof-fsync-always",
            Event::EvictionCycle => "eviction-cycle",
            Event::ExpireCycle => "expire-cycle",
        }
    }
}

/// The worst of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Unix time, seconds.
    pub time_s: i64,
    /// Milliseconds.
    pub ms: u64,
}

/// What is known of one event.
#[derive(Default)]
pub struct Series {
    samples: VecDeque<Sample>,
    /// The worst since the start or the last reset, milliseconds.
    pub worst_ms: u64,
}

/// Figures over the samples of a series.
#[derive(Debug, PartialEq)]
pub struct Summary {
    pub count: u64,
    /// Milliseconds.
    pub average_ms: u64,
    /// Mean distance from the average, milliseconds.
    pub deviation_ms: u64,
    /// Seconds from one sample to the next, on average.
    pub period_s: f64,
}

impl Series {
    fn note(&mut self, sample: Sample) {
        self.worst_ms = self.worst_ms.max(sample.ms);
        match self.samples.back_mut() {
            Some(last) if last.time_s == sample.time_s => last.ms = last.ms.max(sample.ms),
            _ => {
                if self.samples.len() == SAMPLES_MAX {
                    self.samples.pop_front();
                }
                self.samples.push_back(sample);
            }
        }
    }

    /// The samples, oldest first.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = Sample> + Clone + '_ {
        self.samples.iter().copied()
    }

    /// The newest sample.
    pub fn latest(&self) -> Option<Sample> {
        self.samples.back().copied()
    }

    /// Its figures at `now_s`; `None` without samples.
    pub fn summary(&self, now_s: i64) -> Option<Summary> {
        let oldest = self.samples.front()?;
        let count = self.samples.len() as u64;
        let average_ms = self.samples().map(|sample| sample.ms).sum::<u64>() / count;
        let distances = self.samples().map(|sample| sample.ms.abs_diff(average_ms));
        let span_s = (now_s - oldest.time_s).max(1) as f64;
        Some(Summary {
            count,
            average_ms,
            deviation_ms: distances.sum::<u64>() / count,
            period_s: span_s / count as f64,
        })
    }
}

/// The series of all events.
#[derive(Default)]
pub struct Latency([Series; Event::ALL.len()]);

impl Latency {
    /// Notes that `event` took so long.
    pub fn note(&mut self, event: Event, sample: Sample) {
        self.0[event as usize].note(sample);
    }

    /// Events that have samples.
    pub fn seen(&self) -> impl Iterator<Item = (Event, &Series)> {
        Event::ALL.into_iter().zip(&self.0).filter(|(_, series)| series.latest().is_some())
    }

    /// The event of that name, if it has samples.
    pub fn named(&self, name: &[u8]) -> Option<(Event, &Series)> {
        self.seen().find(|(event, _)| event.name().as_bytes() == name)
    }

    /// Forgets one event, in any case, or all; how many had samples.
    pub fn reset(&mut self, name: Option<&[u8]>) -> usize {
        let is_meant = |event: Event| {
            name.is_none_or(|name| event.name().as_bytes().eq_ignore_ascii_case(name))
        };
        let meant = Event::ALL.into_iter().zip(&mut self.0).filter(|(event, _)| is_meant(*event));
        let had = meant.map(|(_, series)| std::mem::take(series));
        had.filter(|series| series.latest().is_some()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(samples: &[(i64, u64)]) -> Latency {
        let mut latency = Latency::default();
        for &(time_s, ms) in samples {
            latency.note(Event::Command, Sample { time_s, ms });
        }
        latency
    }

    fn series(latency: &Latency) -> Vec<(i64, u64)> {
        let series = latency.named(b"command").expect("samples").1;
        series.samples().map(|sample| (sample.time_s, sample.ms)).collect()
    }

    #[test]
    fn a_second_is_known_by_its_worst() {
        let latency = noted(&[(1, 5), (1, 9), (1, 7), (2, 3)]);
        assert_eq!(series(&latency), [(1, 9), (2, 3)]);
        assert_eq!(latency.named(b"command").unwrap().1.worst_ms, 9);
    }

    #[test]
    fn the_last_160_are_kept() {
        let samples: Vec<_> = (0..200).map(|at| (at, 1)).collect();
        let kept = series(&noted(&samples));
        assert_eq!((kept.len(), kept[0]), (160, (40, 1)));
    }

    #[test]
    fn figures_are_those_of_the_samples() {
        let latency = noted(&[(10, 100), (20, 200), (30, 300)]);
        let summary = latency.named(b"command").unwrap().1.summary(40);
        let expected = Summary { count: 3, average_ms: 200, deviation_ms: 66, period_s: 10.0 };
        assert_eq!(summary, Some(expected));
    }

    #[test]
    fn a_reset_tells_how_many_events_it_forgot() {
        let mut latency = noted(&[(1, 1)]);
        latency.note(Event::ExpireCycle, Sample { time_s: 1, ms: 1 });
        assert_eq!(latency.reset(Some(b"nothing")), 0);
        assert_eq!(latency.reset(Some(b"Expire-Cycle")), 1);
        assert_eq!(latency.reset(None), 1);
        assert!(latency.seen().next().is_none());
    }
}
