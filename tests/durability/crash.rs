//! kill -9 while clients write and read: what the next start finds, judged by the oracle.
//!
//! `CRASHES` says how often each driver is killed (default 10).

use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use crate::support::oracle::{Found, Told, find, judge, run};
use crate::support::*;

const WRITERS: usize = 8;
/// The longest that a server lives.
const LIFE_MS_MAX: usize = 150;

fn crashes() -> usize {
    number("CRASHES", 10)
}

/// Kills a server again and again while it is used, and judges what is left each time.
fn check_crashes(args: &[&str], strict: bool) {
    let mut rng = chance();
    for backend in backends() {
        let mut server = Server::start(backend, args);
        let mut told: Vec<Told> = (0..WRITERS).map(|_| Told::default()).collect();
        let mut promised = 0;
        for crash in 0..crashes() {
            let life = Duration::from_millis(1 + rng.below(LIFE_MS_MAX) as u64);
            let rewrites = rng.below(2) == 0;
            run(server.address(), &told, Duration::ZERO, || {
                sleep(life / 2);
                if rewrites {
                    server.client().run("BGREWRITEAOF");
                }
                sleep(life / 2);
                rustix::process::kill_process(pid(&server), rustix::process::Signal::KILL)
                    .expect("it runs");
            });
            server.restart();
            let mut client = server.client();
            for (writer, told) in told.iter_mut().enumerate() {
                let found = find(&mut client, writer);
                judge(told, &found, strict).unwrap_or_else(|fault| {
                    panic!("{backend:?}, crash {crash}, writer {writer}: {fault}; {}", server.log())
                });
                promised += told.acknowledged.load(Ordering::Relaxed).max(0);
                *told = Told::of_list(&found);
            }
        }
        assert!(promised > 0, "nothing was acknowledged before the crashes");
        println!("{backend:?}: {} crashes, {promised} acknowledgements checked", crashes());
    }
}

fn pid(server: &Server) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(server.pid().cast_signed()).expect("a process")
}

#[test]
fn always_keeps_what_was_acknowledged_or_observed() {
    check_crashes(&["--appendonly", "yes", "--appendfsync", "always"], true);
}

#[test]
fn everysec_keeps_whole_transactions_in_order() {
    // The page cache outlives the process, so even here nothing is lost to a kill.
    check_crashes(&["--appendonly", "yes"], true);
}

#[test]
fn the_oracle_rejects_forged_histories() {
    let told = Told::of(5, 3, 4);
    let both = |list: &[i64]| Found { list: list.into(), twin: list.into() };
    assert_eq!(judge(&told, &both(&[1, 2, 3, 4]), true), Ok(()));
    assert_eq!(judge(&told, &both(&[1, 2]), false), Ok(()));
    for (found, fault) in [
        (both(&[1, 2, 3]), "promised"),
        (both(&[1, 2, 4, 5]), "missing"),
        (both(&[2, 3, 4]), "missing"),
        (both(&[1, 3, 2, 4]), "out of order"),
        (both(&[1, 2, 2, 3]), "out of order"),
        (both(&[1, 2, 3, 4, 5, 6]), "nobody sent"),
        (Found { list: vec![1, 2, 3, 4], twin: vec![1, 2, 3] }, "half"),
        (Found { list: vec![1, 2, 3], twin: vec![1, 2, 3, 4] }, "half"),
    ] {
        assert!(judge(&told, &found, true).is_err_and(|said| said.contains(fault)), "{fault}");
    }
    // What was only acknowledged, or only seen, is promised as well.
    for told in [Told::of(5, 4, 0), Told::of(5, 0, 4)] {
        assert!(judge(&told, &both(&[1, 2, 3]), true).is_err_and(|said| said.contains("promised")));
    }
}
