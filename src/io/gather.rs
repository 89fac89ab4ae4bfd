//! The gathering rule: how many completions one wait should ask for, by recent load.
//!
//! A fast server that answers each request alone wakes its clients one by one and makes everybody
//! slow; one that always waits for several makes few clients slow. So it gathers only while many
//! distinct connections are active.
//!
//! Invariant: reads no clock and makes no system call; both drivers ask it the same questions.

/// So many distinct connections within a millisecond make gathering worth its delay.
const ACTIVE_MIN: u32 = 32;
/// One wait asks for no more completions than this, however many connections are active.
const WANT_MAX: u32 = 64;
/// The longest that a completion already there may wait for company.
pub(super) const MIN_WAIT_US: u32 = 50;
/// The nap before the second look where the kernel cannot wait for several.
pub(super) const SECOND_LOOK_US: u32 = 30;
const WINDOW_US: u64 = 1000;

/// Counts the distinct connections that sent something, in windows of one millisecond.
#[derive(Default, Debug)]
pub(super) struct Gathering {
    window_start_us: u64,
    /// Number of the current window; connections carry the one they were last counted in.
    window: u32,
    active_now: u32,
    active_before: u32,
    ready_last_turn: u32,
}

impl Gathering {
    /// Moves to the window that `now_us` (monotonic) lies in.
    pub(super) fn turn(&mut self, now_us: u64) {
        let age_us = now_us.saturating_sub(self.window_start_us);
        if age_us < WINDOW_US {
            return;
        }
        // After a gap the last window says nothing about now.
        self.active_before = if age_us < 2 * WINDOW_US { self.active_now } else { 0 };
        self.active_now = 0;
        self.window_start_us = now_us;
        self.window = self.window.wrapping_add(1);
    }

    /// Notes that a connection sent something; `stamp` is its own memory of the last time.
    pub(super) fn note(&mut self, stamp: &mut u32) {
        // Connections start with stamp 0, windows with 1, so that the first note counts.
        let window = self.window.wrapping_add(1);
        if *stamp != window {
            *stamp = window;
            self.active_now += 1;
        }
    }

    /// How many completions from clients the next wait should ask for; 1 means do not gather.
    ///
    /// Half of the active ones: while the server serves one half, the clients work on the replies of
    /// the other. A wait for all of them leaves the server idle (measured with 50 clients: a sixth of
    /// the time, and a sixth of the requests).
    pub(super) fn want(&self) -> u32 {
        let active = self.active_now.max(self.active_before);
        if active >= ACTIVE_MIN { (active / 2).min(WANT_MAX) } else { 1 }
    }

    /// Whether `ready` sources are so few, compared with the last turn, that a nap and a second
    /// look pay. Remembers `ready` for the next turn.
    pub(super) fn second_look(&mut self, ready: u32) -> bool {
        let fewer = ready < self.ready_last_turn.min(self.want());
        self.ready_last_turn = ready;
        self.want() > 1 && fewer
    }

    /// Tells how many were ready after the second look.
    pub(super) fn looked(&mut self, ready: u32) {
        self.ready_last_turn = ready;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active(gathering: &mut Gathering, connections: usize) {
        for stamp in &mut vec![0; connections] {
            gathering.note(stamp);
        }
    }

    #[test]
    fn waits_for_one_below_the_threshold() {
        let mut gathering = Gathering::default();
        active(&mut gathering, 31);
        assert_eq!(gathering.want(), 1);
    }

    #[test]
    fn waits_for_half_of_the_active_up_to_the_cap() {
        let mut gathering = Gathering::default();
        active(&mut gathering, 50);
        assert_eq!(gathering.want(), 25);
        active(&mut gathering, 500);
        assert_eq!(gathering.want(), 64);
    }

    #[test]
    fn counts_a_connection_once_in_a_window() {
        let mut gathering = Gathering::default();
        let mut stamp = 0;
        for _ in 0..100 {
            gathering.note(&mut stamp);
        }
        assert_eq!(gathering.want(), 1);
    }

    #[test]
    fn the_last_window_still_counts_and_an_older_one_does_not() {
        let mut gathering = Gathering::default();
        gathering.turn(10_000);
        active(&mut gathering, 40);
        gathering.turn(11_000);
        assert_eq!(gathering.want(), 20);
        gathering.turn(12_000);
        assert_eq!(gathering.want(), 1);
        active(&mut gathering, 40);
        gathering.turn(20_000);
        assert_eq!(gathering.want(), 1);
    }

    #[test]
    fn looks_twice_only_when_fewer_are_ready_than_last_turn() {
        let mut gathering = Gathering::default();
        active(&mut gathering, 50);
        assert!(!gathering.second_look(50));
        assert!(gathering.second_look(10));
        gathering.looked(50);
        assert!(!gathering.second_look(50));
    }

    #[test]
    fn never_looks_twice_for_few_clients() {
        let mut gathering = Gathering::default();
        active(&mut gathering, 10);
        assert!(!gathering.second_look(10));
        assert!(!gathering.second_look(1));
    }
}
