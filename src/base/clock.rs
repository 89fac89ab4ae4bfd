//! The only reader of time.
//!
//! [`Clock`] caches the time of day and the monotonic time per loop turn, and measures commands:
//! where the processor's time-stamp counter runs at a constant rate, a stamp is one instruction,
//! and the rate is learnt against the monotonic clock while the server works.
//!
//! Invariant: nobody else calls a clock of the system, so that a simulation can take its place.

#![allow(unsafe_code)]

use std::sync::LazyLock;

/// The counter's rate is measured over at least this long, and anew each time ten times as
/// much has passed, up to [`CALIBRATION_NS_MAX`].
const CALIBRATION_NS_MIN: u64 = 10_000_000;
/// Beyond this the two clocks' reading errors no longer matter.
const CALIBRATION_NS_MAX: u64 = 10_000_000_000;
/// Fixed-point scale of nanoseconds per count.
const RATE_SHIFT: u32 = 32;

/// A moment for [`Clock::elapsed_ns`]: counter units or nanoseconds, whichever is cheaper here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

/// The time of the current loop turn, and the stopwatch for commands.
#[derive(Clone, Debug)]
pub struct Clock {
    unix_us: i64,
    /// The same in milliseconds and in seconds: every command asks.
    unix_ms: i64,
    unix_s: i64,
    mono_us: u64,
    stopwatch: Stopwatch,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new()
    }
}

impl Clock {
    /// A clock that shows now.
    pub fn new() -> Clock {
        let mut clock =
            Clock { unix_us: 0, unix_ms: 0, unix_s: 0, mono_us: 0, stopwatch: Stopwatch::start() };
        clock.tick();
        clock
    }

    /// Reads the time: once per loop turn, and where a long command must see it move.
    pub fn tick(&mut self) {
        let mono_ns = monotonic_ns();
        self.unix_us = unix_us_now();
        self.unix_ms = self.unix_us / 1000;
        self.unix_s = self.unix_ms / 1000;
        self.mono_us = mono_ns / 1000;
        self.stopwatch.calibrate(mono_ns);
    }

    /// Time of day at the last tick, milliseconds since 1970.
    #[inline]
    pub fn unix_ms(&self) -> i64 {
        self.unix_ms
    }

    /// Time of day at the last tick, seconds since 1970.
    #[inline]
    pub fn unix_s(&self) -> i64 {
        self.unix_s
    }

    /// Time of day at the last tick, microseconds since 1970.
    pub fn unix_us(&self) -> i64 {
        self.unix_us
    }

    /// Monotonic time at the last tick, microseconds since some start.
    pub fn mono_us(&self) -> u64 {
        self.mono_us
    }

    /// Time of day right now, microseconds since 1970; leaves the turn's time alone.
    pub fn now_unix_us(&self) -> i64 {
        unix_us_now()
    }

    /// Now, for [`Clock::elapsed_ns`].
    #[inline]
    pub fn stamp(&self) -> Stamp {
        stamp()
    }

    /// Nanoseconds from one stamp to a later one; 0 if they are the wrong way round.
    pub fn elapsed_ns(&self, from: Stamp, to: Stamp) -> u64 {
        self.stopwatch.to_ns(to.0.saturating_sub(from.0))
    }
}

/// Now, as cheaply as this machine can tell.
#[inline]
pub fn stamp() -> Stamp {
    if *COUNTER_IS_STEADY { Stamp(counter()) } else { Stamp(monotonic_ns()) }
}

/// Whether stamps come from the processor's counter; for INFO's `monotonic_clock`.
pub fn uses_counter() -> bool {
    *COUNTER_IS_STEADY
}

/// Nanoseconds of the monotonic clock, for those who have no [`Clock`] at hand.
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    nanoseconds(&now).unsigned_abs()
}

/// Microseconds since 1970, for those who have no [`Clock`] at hand.
pub fn unix_us_now() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    nanoseconds(&now) / 1000
}

fn nanoseconds(time: &rustix::time::Timespec) -> i64 {
    // Fits until the year 2262.
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

static COUNTER_IS_STEADY: LazyLock<bool> = LazyLock::new(counter_is_steady);

/// The relation between counter and monotonic clock.
#[derive(Clone, Debug)]
struct Stopwatch {
    /// Counter and clock at the same moment.
    start: (u64, u64),
    /// Nanoseconds per count, scaled by 2^[`RATE_SHIFT`]; `None` until measured.
    rate: Option<u64>,
    /// Clock reading at which to measure again.
    next_calibration_ns: u64,
}

impl Stopwatch {
    fn start() -> Stopwatch {
        let now_ns = monotonic_ns();
        Stopwatch {
            start: (stamp().0, now_ns),
            rate: (!*COUNTER_IS_STEADY).then_some(1 << RATE_SHIFT),
            next_calibration_ns: now_ns + CALIBRATION_NS_MIN,
        }
    }

    fn calibrate(&mut self, now_ns: u64) {
        if now_ns < self.next_calibration_ns || !*COUNTER_IS_STEADY {
            return;
        }
        self.rate = Some(self.measured_rate());
        let window_ns = now_ns.saturating_sub(self.start.1);
        self.next_calibration_ns = match window_ns.saturating_mul(10) {
            next if next <= CALIBRATION_NS_MAX => self.start.1 + next,
            _ if window_ns < CALIBRATION_NS_MAX => self.start.1 + CALIBRATION_NS_MAX,
            _ => u64::MAX,
        };
    }

    /// The mean rate since the start.
    fn measured_rate(&self) -> u64 {
        let counts = stamp().0.saturating_sub(self.start.0);
        let nanos = monotonic_ns().saturating_sub(self.start.1);
        let rate = (u128::from(nanos) << RATE_SHIFT) / u128::from(counts.max(1));
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    fn to_ns(&self, counts: u64) -> u64 {
        // In the first milliseconds every conversion measures for itself.
        let rate = self.rate.unwrap_or_else(|| self.measured_rate());
        u64::try_from((u128::from(counts) * u128::from(rate)) >> RATE_SHIFT).unwrap_or(u64::MAX)
    }
}

cfg_if::cfg_if! {
    if #[cfg(target_arch = "x86_64")] {
        use std::arch::x86_64::{__cpuid, _rdtsc};

        #[inline]
        fn counter() -> u64 {
            // SAFETY: every x86_64 processor has the instruction, and Linux permits it to
            // processes; it only reads.
            unsafe { _rdtsc() }
        }

        /// Constant rate in every power state: bit 8 of EDX in leaf 0x8000_0007.
        fn counter_is_steady() -> bool {
            const POWER_LEAF: u32 = 0x8000_0007;
            __cpuid(0x8000_0000).eax >= POWER_LEAF && __cpuid(POWER_LEAF).edx & (1 << 8) != 0
        }
    } else {
        #[inline]
        fn counter() -> u64 {
            monotonic_ns()
        }

        fn counter_is_steady() -> bool {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spins until the monotonic clock has moved on by `ns`.
    fn pass(ns: u64) {
        let start = monotonic_ns();
        while monotonic_ns() - start < ns {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn time_stands_still_between_ticks() {
        let mut clock = Clock::new();
        let before = (clock.unix_us(), clock.mono_us());
        pass(5_000);
        assert_eq!((clock.unix_us(), clock.mono_us()), before);
        clock.tick();
        assert!(clock.mono_us() >= before.1 + 5);
        assert_eq!(clock.unix_ms(), clock.unix_us() / 1000);
    }

    #[test]
    fn time_of_day_is_plausible() {
        let system =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros()
                as i64;
        assert!((unix_us_now() - system).abs() < 5_000_000);
    }

    /// The stopwatch against the monotonic clock read before and after, so that a pause of
    /// the machine widens the bounds instead of failing the test.
    fn assert_stopwatch_agrees(clock: &Clock) {
        let outer_start = monotonic_ns();
        let from = stamp();
        let inner_start = monotonic_ns();
        pass(2_000_000);
        let inner_ns = monotonic_ns() - inner_start;
        let to = stamp();
        let outer_ns = monotonic_ns() - outer_start;
        let measured = clock.elapsed_ns(from, to);
        let slack = outer_ns / 20;
        assert!(measured + slack >= inner_ns, "{measured} below {inner_ns}");
        assert!(measured <= outer_ns + slack, "{measured} above {outer_ns}");
    }

    #[test]
    fn stopwatch_agrees_before_and_after_calibration() {
        let mut clock = Clock::new();
        assert_stopwatch_agrees(&clock);
        pass(CALIBRATION_NS_MIN);
        clock.tick();
        assert!(clock.stopwatch.rate.is_some());
        assert_stopwatch_agrees(&clock);
    }

    #[test]
    fn elapsed_never_underflows() {
        let clock = Clock::new();
        assert_eq!(clock.elapsed_ns(Stamp(10), Stamp(5)), 0);
        assert_eq!(clock.elapsed_ns(Stamp(7), Stamp(7)), 0);
    }

    #[test]
    fn calibration_ends() {
        let mut clock = Clock::new();
        let start = clock.stopwatch.start.1;
        clock.stopwatch.calibrate(start + CALIBRATION_NS_MIN);
        assert_eq!(clock.stopwatch.next_calibration_ns, start + 10 * CALIBRATION_NS_MIN);
        clock.stopwatch.calibrate(start + 2 * CALIBRATION_NS_MAX);
        if uses_counter() {
            assert_eq!(clock.stopwatch.next_calibration_ns, u64::MAX);
        }
    }
}
