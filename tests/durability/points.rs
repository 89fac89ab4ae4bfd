//! Crash points: the process ends before its first step on disk, in the next run before its second, ...
//! until a run comes to its end. What the next start finds is judged by the oracle.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::fault::knows_faults;
use crate::support::oracle::{Told, append_some, find, judge};
use crate::support::*;

const ARGS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// A server whose files are in memory, where there is such a place: a kill does not take back what
/// was written, and syncs cost nothing.
struct Subject {
    server: Server,
    dir: PathBuf,
}

impl Subject {
    fn start(backend: Backend) -> Subject {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let shared = Path::new("/dev/shm");
        let parent = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
        let dir = parent.join(format!("sidering-points-{number}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory");
        let args = [&["--dir", dir.to_str().expect("a plain name")], &ARGS[..]].concat();
        Subject { server: Server::start(backend, &args), dir }
    }

    /// Lets a server with an empty directory be used until these rules end it, and judges what the
    /// next one finds; false if it came to its end.
    fn ends_by(&mut self, rules: &str) -> bool {
        self.server.kill();
        let _ = fs::remove_dir_all(self.dir.join("appendonlydir"));
        let _ = fs::remove_file(self.dir.join("dump.rdb"));
        self.server.set_faults(rules);
        let told = Told::default();
        if self.server.starts() {
            let _ = use_up(self.server.address(), &told);
        }
        let status = self.server.wait();
        assert!(status.success() || status.signal() == Some(9), "{status}: {}", self.server.log());
        self.server.set_faults("");
        for start in ["first", "second"] {
            assert!(self.server.starts(), "{rules}, {start} start: {}", self.server.log());
            let found = find(&mut self.server.client(), 0);
            judge(&told, &found, true).unwrap_or_else(|fault| {
                panic!("{rules}, {start} start: {fault}: {}", self.server.log())
            });
            self.server.kill();
        }
        assert!(!status.success() || told.acknowledged.load(Ordering::Relaxed) > 10);
        !status.success()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.server.kill();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Writes, rewrites the log, saves and ends the server; nothing once it is gone.
fn use_up(address: SocketAddr, told: &Told) -> Option<()> {
    let mut client = Client::connect(address).ok()?;
    let append = |client: &mut Client| {
        let acknowledged = append_some(client, 0, told, 3);
        (acknowledged == told.sent.load(Ordering::Relaxed)).then_some(())
    };
    append(&mut client)?;
    append(&mut client)?;
    for work in ["BGREWRITEAOF", "BGSAVE", "BGREWRITEAOF"] {
        client.try_send(&encode(&[work])).ok()?;
        client.try_recv()?;
        append(&mut client)?;
        settle(&mut client)?;
        append(&mut client)?;
    }
    client.try_send(&encode(&["SHUTDOWN"])).ok()?;
    client.try_recv().map(drop)
}

/// Waits until nothing is written in the background.
fn settle(client: &mut Client) -> Option<()> {
    loop {
        client.try_send(&encode(&["INFO", "persistence"])).ok()?;
        let text = client.try_recv()?.text();
        if text.contains("aof_rewrite_in_progress:0") && text.contains("rdb_bgsave_in_progress:0") {
            return Some(());
        }
    }
}

/// Ends a server of each driver at the first point, the second, ... of those that `rules` name, until
/// one is not reached, and at most at `points_max`; how many were reached at least.
fn each_point(rules: impl Fn(usize) -> String + Sync, points_max: usize) -> Option<usize> {
    let work = |backend| {
        let mut subject = Subject::start(backend);
        if !knows_faults(&subject.server) {
            return None;
        }
        let mut points = (1..=points_max).take_while(|nth| subject.ends_by(&rules(*nth)));
        let reached = points.by_ref().count();
        println!("{backend:?}: {reached} crash points");
        Some(reached)
    };
    std::thread::scope(|scope| {
        let begin = |backend| scope.spawn(move || work(backend));
        let working: Vec<_> = backends().into_iter().map(begin).collect();
        working.into_iter().map(|thread| thread.join().expect("it holds")).min()?
    })
}

#[test]
fn before_any_step_on_disk() {
    let reached = each_point(|nth| format!("any:kill:{nth}"), usize::MAX);
    assert!(reached.is_none_or(|reached| reached >= 60), "{reached:?}");
}

#[test]
fn after_a_sync_of_the_log_before_anybody_hears_of_it() {
    each_point(|nth| format!("sync@incr:kill-after:{nth}"), 5);
}

#[test]
fn within_a_write_of_the_log() {
    let rules = |nth| format!("write@incr:short=200:{nth} write@incr:kill:{}", nth + 1);
    each_point(rules, 8);
}
