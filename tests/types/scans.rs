//! The promise of HSCAN, SSCAN and ZSCAN: what is there throughout a scan is returned, whatever
//! comes and goes meanwhile.

use crate::support::*;
use fastrand::Rng;
use std::collections::HashMap;

const STABLE: usize = 3000;

/// A kind of collection: how elements are added and removed, its scan, and words per element.
struct Kind {
    add: &'static str,
    /// What an element needs besides its name: a score, a value.
    extra: &'static str,
    remove: &'static str,
    scan: &'static str,
    words: usize,
}

const KINDS: [Kind; 3] = [
    Kind { add: "HSET k", extra: "v", remove: "HDEL k", scan: "HSCAN k", words: 2 },
    Kind { add: "SADD k", extra: "", remove: "SREM k", scan: "SSCAN k", words: 1 },
    Kind { add: "ZADD k", extra: "1", remove: "ZREM k", scan: "ZSCAN k", words: 2 },
];

impl Kind {
    fn add(&self, client: &mut Client, names: &[String]) {
        let words = names.iter().map(|name| match self.add {
            "ZADD k" => format!(" {} {name}", self.extra),
            _ => format!(" {name} {}", self.extra),
        });
        let line = words.fold(self.add.to_string(), |line, word| line + &word);
        assert!(!client.run(&line).is_error());
    }

    fn remove(&self, client: &mut Client, names: &[String]) {
        assert!(!client.run(&format!("{} {}", self.remove, names.join(" "))).is_error());
    }

    /// One step of a scan: the next cursor and the names found.
    fn scan(&self, client: &mut Client, cursor: &str, options: &str) -> (String, Vec<String>) {
        let reply = client.run(&format!("{} {cursor} {options}", self.scan));
        let [next, found] = reply.items() else { panic!("{reply:?}") };
        let names = found.items().iter().step_by(self.words).map(Value::text);
        (next.text(), names.collect())
    }
}

fn names(prefix: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("{prefix}{number}")).collect()
}

/// Scans while elements come and go; how often each one was returned.
fn scan_in_turmoil(client: &mut Client, kind: &Kind, rng: &mut Rng) -> HashMap<String, usize> {
    let mut seen = HashMap::new();
    let (mut cursor, mut next) = ("0".to_string(), 0);
    loop {
        let count = rng.usize(1..200);
        let (at, found) = kind.scan(client, &cursor, &format!("COUNT {count}"));
        found.into_iter().for_each(|name| *seen.entry(name).or_insert(0) += 1);
        if at == "0" {
            return seen;
        }
        cursor = at;
        // Growing beyond the next sizes of the table, and shrinking again.
        let burst = rng.usize(1..2000);
        kind.add(client, &names("new", next..next + burst));
        if rng.bool() {
            kind.remove(client, &names("new", 0..next + burst));
        }
        next += burst;
    }
}

#[test]
fn what_stays_is_returned_whatever_comes_and_goes() {
    let seed = fastrand::u64(..);
    each_backend(|server| {
        let (mut client, mut rng) = (server.client(), Rng::with_seed(seed));
        for kind in &KINDS {
            client.check("FLUSHALL", ok());
            kind.add(&mut client, &names("stable", 0..STABLE));
            let seen = scan_in_turmoil(&mut client, kind, &mut rng);
            for name in names("stable", 0..STABLE) {
                let times = seen.get(&name).copied().unwrap_or(0);
                // Redis promises at least once; here it is exactly once.
                let enough = times == 1 || times > 1 && server.is_stand_in();
                assert!(enough, "seed {seed}: {} returned {name} {times} times", kind.scan);
            }
        }
    });
}

#[test]
fn what_was_never_there_is_not_returned() {
    each_backend(|server| {
        let mut client = server.client();
        for kind in &KINDS {
            client.check("FLUSHALL", ok());
            kind.add(&mut client, &names("gone", 0..2000));
            kind.remove(&mut client, &names("gone", 0..2000));
            kind.add(&mut client, &names("stable", 0..500));
            let mut cursor = "0".to_string();
            loop {
                let (next, found) = kind.scan(&mut client, &cursor, "COUNT 50");
                assert!(found.iter().all(|name| name.starts_with("stable")), "{}", kind.scan);
                cursor = next;
                if cursor == "0" {
                    break;
                }
            }
        }
    });
}

#[test]
fn small_collections_come_whole_at_once() {
    each_backend(|server| {
        let mut client = server.client();
        for kind in &KINDS {
            client.check("FLUSHALL", ok());
            kind.add(&mut client, &names("m", 0..100));
            let (next, mut found) = kind.scan(&mut client, "0", "COUNT 5");
            found.sort();
            let mut expected = names("m", 0..100);
            expected.sort();
            assert_eq!((next.as_str(), found), ("0", expected), "{}", kind.scan);
        }
        client.check("FLUSHALL", ok());
        client.check("SADD k 3 1 2", int(3));
        client.check("SSCAN k 0 COUNT 1", array([bulk("0"), bulks(["1", "2", "3"])]));
    });
}

#[test]
fn a_pattern_selects_and_the_scan_still_ends() {
    each_backend(|server| {
        let mut client = server.client();
        for kind in &KINDS {
            client.check("FLUSHALL", ok());
            kind.add(&mut client, &names("m", 0..1000));
            let (mut cursor, mut all) = ("0".to_string(), Vec::new());
            loop {
                let (next, found) = kind.scan(&mut client, &cursor, "MATCH m1?? COUNT 10");
                all.extend(found);
                cursor = next;
                if cursor == "0" {
                    break;
                }
            }
            all.sort();
            all.dedup();
            assert_eq!(all, names("m", 100..200), "{}", kind.scan);
        }
    });
}

#[test]
fn scans_of_nothing_and_bad_cursors() {
    each_backend(|server| {
        let mut client = server.client();
        for kind in &KINDS {
            client.check(&format!("{} 0", kind.scan), array([bulk("0"), array([])]));
            client.check(&format!("{} x", kind.scan), err("invalid cursor"));
            kind.add(&mut client, &names("m", 0..3));
            client.check(&format!("{} 0 COUNT 0", kind.scan), err("syntax error"));
            client.check(&format!("{} 0 MATCH", kind.scan), err("syntax error"));
            let text = "value is not an integer or out of range";
            client.check(&format!("{} 0 COUNT x", kind.scan), err(text));
            client.check("DEL k", int(1));
        }
    });
}
