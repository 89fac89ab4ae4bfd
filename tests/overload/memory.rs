//! The memory limit while many write: sampled, and with snapshots in a small control group.

use super::*;
use sidering::base::rng::Rng;
use std::sync::atomic::AtomicBool;
use std::thread;

const OOM: &str = "OOM command not allowed when used memory > 'maxmemory'.";
const POLICIES: [&str; 8] = [
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
];
const WRITERS: u64 = 4;
const KEYS: usize = 20_000;
const VALUE_BYTES_MAX: usize = 32 * 1024;

/// Writes sessions, values of many sizes and collections, half of them with a TTL; panics at a reply
/// that is neither a success nor, where that may be, OOM.
fn write_some(client: &mut Client, rng: &mut Rng, count: usize, may_be_refused: bool) {
    for _ in 0..count {
        let key = rng.below(KEYS);
        let (key, ttl) =
            (format!("key:{key}"), if key.is_multiple_of(2) { " EX 1000" } else { "" });
        let value = "v".repeat(1 << rng.below(VALUE_BYTES_MAX.ilog2() as usize));
        let reply = match rng.below(4) {
            0 => client.run(&format!("SET {key} {}{ttl}", "s".repeat(300))),
            1 => client.run(&format!("SET {key} {value}{ttl}")),
            2 => client.run(&format!("RPUSH list:{key} {value} {value}")),
            _ => client.run(&format!("HSET hash:{key} f {value} g {value}")),
        };
        assert!(!reply.is_error() || (may_be_refused && reply == err(OOM)), "{reply:?}");
    }
}

fn read_some(client: &mut Client, rng: &mut Rng, count: usize) {
    for _ in 0..count {
        let key = rng.below(KEYS);
        let line = match rng.below(3) {
            0 => format!("GET key:{key}"),
            1 => format!("LRANGE list:key:{key} 0 -1"),
            _ => format!("HGETALL hash:key:{key}"),
        };
        assert!(!client.run(&line).is_error());
    }
}

/// Calls `look` again and again while writers and readers are at work.
fn while_at_work(server: &Server, may_be_refused: bool, mut look: impl FnMut()) {
    let mut seeds = chance();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WRITERS + 2)
            .map(|number| {
                let mut rng = Rng::seeded(seeds.u64());
                let mut client = server.client();
                scope.spawn(move || match number {
                    0..WRITERS => write_some(&mut client, &mut rng, 600, may_be_refused),
                    _ => read_some(&mut client, &mut rng, 600),
                })
            })
            .collect();
        while !workers.iter().all(|worker| worker.is_finished()) {
            look();
        }
    });
}

/// By one command at most, and a hundredth. Where nothing may go reads are served all the same, and
/// their replies count.
#[test]
fn data_stays_within_the_limit_in_every_sample() {
    const LIMIT: u64 = 4 * MIB;
    each_backend_with(&["--maxmemory", "4mb"], |server| {
        let mut observer = server.client();
        for policy in POLICIES {
            observer.check(&format!("CONFIG SET maxmemory-policy {policy}"), ok());
            observer.check("FLUSHALL SYNC", ok());
            let keeps = !policy.starts_with("allkeys");
            let command = 2 * VALUE_BYTES_MAX as u64 + 16 * KIB;
            let allowed = LIMIT + LIMIT / 100 + if keeps { 4 * command } else { command };
            let mut samples = 0;
            while_at_work(server, keeps, || {
                let info = observer.run("INFO memory").text();
                let field = |name| {
                    let line = info.lines().find_map(|line| line.strip_prefix(name));
                    line.expect("a field").parse::<u64>().expect("digits")
                };
                let used = field("used_memory:");
                let counted = used - field("mem_not_counted_for_evict:");
                assert!(counted <= allowed, "{policy}: {counted}");
                assert!(server.rss() <= used * 3 / 2 + 32 * MIB, "{policy}");
                samples += 1;
            });
            assert!(samples > 10);
            let evicted = number(server, "evicted_keys");
            assert_eq!(evicted > 0, policy != "noeviction", "{policy}");
            observer.check("CONFIG RESETSTAT", ok());
        }
    });
}

/// Ends the writers however the test ends.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Neither rewrites of the log nor snapshots bring a process beyond the memory of its group.
#[test]
fn files_are_written_under_writes_within_a_small_group() {
    for backend in backends().into_iter().filter(|backend| *backend != Backend::Unset) {
        let Some(group) = ControlGroup::create() else { return };
        group.set_limit(48 * MIB);
        let args = ["--maxmemory", "24mb", "--maxmemory-policy", "allkeys-lru"];
        let log = ["--appendonly", "yes", "--appendfsync", "everysec"];
        let server = Server::start_in(&group, backend, &[&args[..], &log].concat());
        server.client().check("DEBUG POPULATE 30000 key 400", ok());
        let ends = AtomicBool::new(false);
        thread::scope(|scope| {
            let _end = End(&ends);
            for writer in 0..WRITERS {
                let (mut client, ends) = (server.client(), &ends);
                scope.spawn(move || {
                    let mut rng = Rng::seeded(writer);
                    while !ends.load(Ordering::Relaxed) {
                        write_some(&mut client, &mut rng, 50, false);
                    }
                });
            }
            for command in ["BGREWRITEAOF", "BGSAVE"].iter().cycle().take(8) {
                let done = number(&server, "aof_rewrites") + number(&server, "rdb_saves");
                server
                    .wait_until("the one before is over", |s| !s.client().run(command).is_error());
                server.wait_until("it is written", |s| {
                    number(s, "aof_rewrites") + number(s, "rdb_saves") > done
                        && s.info("aof_rewrite_in_progress") == "0"
                        && s.info("rdb_bgsave_in_progress") == "0"
                });
            }
        });
        assert_eq!(server.info("rdb_last_bgsave_status"), "ok");
        assert_eq!(server.info("aof_last_bgrewrite_status"), "ok");
        server.client().check("PING", simple("PONG"));
        drop(server);
    }
}
