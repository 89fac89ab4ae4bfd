//! Power cuts while clients write and read, on a file system of the test's own: what the next start
//! finds, judged by the oracle.
//!
//! `CUTS` says how often each test cuts the power, on both drivers together (default 26).

use std::sync::atomic::Ordering;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sidering::base::rng::Rng;

use crate::support::oracle::{Told, find, judge, run};
use crate::support::*;

const WRITERS: usize = 8;
/// The most that `everysec` may lose.
const LOSS_MAX: Duration = Duration::from_secs(2);

/// After each transaction of a writer and each look of an observer. Processors that are never idle
/// starve the kernel's own threads, and a sync takes seconds.
const PAUSE: Duration = Duration::from_millis(1);

/// What a test saw: for each cut how much was lost of what was acknowledged, and how many
/// acknowledgements were checked.
#[derive(Default)]
struct Losses {
    times: Vec<Duration>,
    acknowledged: i64,
}

impl Losses {
    fn report(mut self, test: &str) -> Duration {
        self.times.sort();
        let of = |share: usize| self.times[(self.times.len() - 1) * share / 100].as_secs_f64();
        println!(
            "{test}: {} power cuts, {} acknowledgements checked, lost (s): p50 {:.3}, p95 {:.3}, max {:.3}",
            self.times.len(),
            self.acknowledged,
            of(50),
            of(95),
            of(100)
        );
        assert!(self.acknowledged > 0, "nothing was acknowledged before the cuts");
        self.times[self.times.len() - 1]
    }
}

/// A server on a disk whose power is cut again and again.
struct Subject {
    server: Server,
    /// Goes after the server.
    disk: Disk,
}

impl Subject {
    fn start(backend: Backend, args: &[&str]) -> Option<Subject> {
        let disk = Disk::create()?;
        let path = disk.path();
        let dir = ["--dir", path.to_str().expect("a plain name")];
        Some(Subject { server: Server::start(backend, &[&dir, args].concat()), disk })
    }

    /// Cuts the power; when that was.
    fn cut(&self) -> Instant {
        let at = Instant::now();
        self.disk.cut();
        self.server.signal(Signal::KILL);
        at
    }

    /// Starts again on what is left.
    fn revive(&mut self) {
        self.server.kill();
        self.disk.revive();
        assert!(self.server.starts(), "does not start again: {}", self.server.log());
    }

    /// Lets it be used for a while, cuts the power, and judges what is left: how much was lost.
    fn try_once(&mut self, rng: &mut Rng, life: Duration, strict: bool, losses: &mut Losses) {
        let told: Vec<Told> = (0..WRITERS).map(|_| Told::default()).collect();
        let rewrites = rng.below(2) == 0;
        let mut cut = Instant::now();
        run(self.server.address(), &told, PAUSE, || {
            sleep(life / 2);
            if rewrites {
                self.server.client().run("BGREWRITEAOF");
            }
            sleep(life / 2);
            cut = self.cut();
        });
        self.revive();
        let mut client = self.server.client();
        let mut lost = Duration::ZERO;
        for (writer, told) in told.iter().enumerate() {
            let found = find(&mut client, writer);
            judge(told, &found, strict)
                .unwrap_or_else(|fault| panic!("writer {writer}: {fault}; {}", self.server.log()));
            losses.acknowledged += told.acknowledged.load(Ordering::Relaxed);
            // What was acknowledged after the cut was promised by nobody.
            let since = told.lost_since(&found).map(|at| cut.saturating_duration_since(at));
            lost = lost.max(since.unwrap_or_default());
        }
        losses.times.push(lost);
        // The next cut begins with empty lists, and with a log that has all of this in it.
        client.check("FLUSHALL", ok());
        client.check("WAITAOF 1 0 20000", array([int(1), int(0)]));
    }
}

/// Cuts the power again and again after lives of up to `life_ms`; the worst loss, or nothing where
/// there is no disk for it.
fn check_cuts(test: &str, args: &[&str], life_ms: usize, strict: bool) -> Option<Duration> {
    let mut rng = chance();
    let cuts = number("CUTS", 26) / backends().len();
    let work = |backend, mut rng: Rng| {
        let (mut subject, mut losses) = (Subject::start(backend, args)?, Losses::default());
        for _ in 0..cuts {
            let life = Duration::from_millis(1 + rng.below(life_ms) as u64);
            subject.try_once(&mut rng, life, strict, &mut losses);
        }
        Some(losses)
    };
    // Most of it is waiting, so both drivers wait together.
    let all: Option<Vec<Losses>> = scope(|scope| {
        let begin = |backend| {
            let rng = Rng::seeded(rng.u64());
            scope.spawn(move || work(backend, rng))
        };
        let working: Vec<_> = backends().into_iter().map(begin).collect();
        working.into_iter().map(|thread| thread.join().expect("it holds")).collect()
    });
    let mut sum = Losses::default();
    for losses in all? {
        sum.times.extend(losses.times);
        sum.acknowledged += losses.acknowledged;
    }
    Some(sum.report(test))
}

#[test]
fn always_keeps_what_was_acknowledged_or_observed() {
    check_cuts("always", &["--appendonly", "yes", "--appendfsync", "always"], 150, true);
}

#[test]
fn everysec_loses_two_seconds_at_most_and_only_the_end() {
    if let Some(worst) = check_cuts("everysec", &["--appendonly", "yes"], 2500, false) {
        assert!(worst <= LOSS_MAX, "{worst:?}");
    }
}

#[test]
fn without_syncs_only_the_end_is_lost() {
    check_cuts("no", &["--appendonly", "yes", "--appendfsync", "no"], 150, false);
}

/// Runs `test` on a server of each driver whose disk loses its power then; shows what was found.
fn after_a_cut(args: &[&str], used: impl Fn(&Server), found: impl Fn(&Server)) {
    for backend in backends() {
        let Some(mut subject) = Subject::start(backend, args) else { return };
        used(&subject.server);
        subject.cut();
        subject.revive();
        found(&subject.server);
    }
}

#[test]
fn everysec_syncs_what_was_written_last_though_nothing_follows() {
    let used = |server: &Server| {
        server.client().check("SET key value", ok());
        sleep(Duration::from_millis(2500));
    };
    after_a_cut(&["--appendonly", "yes"], used, |server| {
        server.client().check("GET key", bulk("value"));
    });
}

#[test]
fn what_waitaof_was_told_of_is_kept() {
    let used = |server: &Server| {
        server.client().check("SET key value", ok());
        server.client().check("SET other value", ok());
        let mut client = server.client();
        client.check("SET key kept", ok());
        client.check("WAITAOF 1 0 0", array([int(1), int(0)]));
    };
    after_a_cut(&["--appendonly", "yes", "--appendfsync", "no"], used, |server| {
        server.client().check("MGET key other", array([bulk("kept"), bulk("value")]));
    });
}

#[test]
fn a_snapshot_is_kept_once_it_was_reported() {
    let used = |server: &Server| {
        let mut client = server.client();
        client.check("SET key saved", ok());
        client.check("SAVE", ok());
        client.check("SET key later", ok());
        client.run("BGSAVE");
        server.wait_until("it is saved", |server| server.info("rdb_bgsave_in_progress") == "0");
        client.check("SET key lost", ok());
    };
    after_a_cut(&[], used, |server| server.client().check("GET key", bulk("later")));
}
