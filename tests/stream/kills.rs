//! Consumers and the server are killed at random: nothing that was acknowledged comes back, nothing
//! that was added is lost, and everything is delivered to somebody in the end.
//!
//! `STREAM_KILLS` says how often each driver is killed (default 4).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::*;

const ALWAYS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];
const CONSUMERS: usize = 6;

/// What clients were told.
#[derive(Default)]
struct Told {
    added: Mutex<BTreeSet<String>>,
    acknowledged: Mutex<BTreeSet<String>>,
    ends: AtomicBool,
}

/// Adds entries until the server is gone.
fn produce(address: SocketAddr, told: &Told) {
    let Ok(mut client) = Client::connect(address) else { return };
    while client.try_send(&encode(&["XADD", "s", "*", "f", "v"])).is_ok() {
        match client.try_recv() {
            Some(Value::Bulk(id)) => {
                let id = String::from_utf8(id).expect("text");
                told.added.lock().expect("nobody panicked").insert(id);
            }
            _ => return,
        }
    }
}

/// Takes entries and acknowledges some of them, until the server is gone or it is killed itself, in
/// the middle of its work.
fn consume(address: SocketAddr, name: &str, lives: u64, told: &Told) {
    let Ok(mut client) = Client::connect(address) else { return };
    for round in 0..lives {
        let line = match round % 5 {
            4 => format!("XAUTOCLAIM s g {name} 5 - COUNT 10"),
            _ => format!("XREADGROUP GROUP g {name} COUNT 7 BLOCK 20 STREAMS s >"),
        };
        if client.try_send(&encode(&split_args(&line))).is_err() {
            return;
        }
        let Some(reply) = client.try_recv() else { return };
        let entries = match (&reply, round % 5) {
            (Value::Array(parts), 4) => parts[1].items().to_vec(),
            (Value::Array(streams), _) => streams[0].items()[1].items().to_vec(),
            _ => continue,
        };
        let ids: Vec<String> = entries.iter().map(|entry| entry.items()[0].text()).collect();
        for id in ids.iter().filter(|id| !id.ends_with('3')) {
            if client.try_send(&encode(&["XACK", "s", "g", id])).is_err() {
                return;
            }
            match client.try_recv() {
                Some(Value::Int(count)) if count <= 1 => {
                    told.acknowledged.lock().expect("nobody panicked").insert(id.clone());
                }
                _ => return,
            }
        }
    }
}

/// Runs producers and consumers, who die and come back, until `end` puts an end to the server.
fn run(server: &Server, told: &Told, rng: &mut sidering::base::rng::Rng, end: impl FnOnce()) {
    let address = server.address();
    told.ends.store(false, Ordering::Relaxed);
    let lives: Vec<u64> = (0..CONSUMERS).map(|_| 3 + rng.below(40) as u64).collect();
    thread::scope(|scope| {
        (0..2).for_each(|_| drop(scope.spawn(|| produce(address, told))));
        for (number, lives) in lives.into_iter().enumerate() {
            scope.spawn(move || {
                while !told.ends.load(Ordering::Relaxed) {
                    consume(address, &format!("c{number}"), lives, told);
                }
            });
        }
        end();
        told.ends.store(true, Ordering::Relaxed);
    });
}

/// Compares what is there with what was told.
fn judge(client: &mut Client, told: &Told) {
    let ids = |reply: Value| -> BTreeSet<String> {
        reply.items().iter().map(|entry| entry.items()[0].text()).collect()
    };
    let present = ids(client.run("XRANGE s - +"));
    let pending = ids(client.run("XPENDING s g - + 10000000"));
    let added = told.added.lock().expect("nobody panicked");
    let acknowledged = told.acknowledged.lock().expect("nobody panicked");
    assert!(added.is_subset(&present), "lost: {:?}", added.difference(&present).next());
    let back: Vec<_> = pending.intersection(&acknowledged).take(3).collect();
    assert!(back.is_empty(), "acknowledged and pending again: {back:?}");
    let groups = client.run("XINFO GROUPS s");
    let last = groups.items()[0].get("last-delivered-id").expect("an id").text();
    let key = |id: &str| -> (u64, u64) {
        let (ms, seq) = id.split_once('-').expect("two parts");
        (ms.parse().expect("a number"), seq.parse().expect("a number"))
    };
    assert!(acknowledged.iter().all(|id| key(id) <= key(&last)), "the group went back");
    // What every consumer has is what the group has.
    let info = client.run("XINFO STREAM s FULL COUNT 0");
    let group = &info.get("groups").expect("groups").items()[0];
    let owned: BTreeSet<String> = group
        .get("consumers")
        .expect("consumers")
        .items()
        .iter()
        .flat_map(|consumer| ids(consumer.get("pending").expect("a list").clone()))
        .collect();
    assert_eq!(owned, pending);
}

/// Lets one consumer take over and acknowledge everything, until all was acknowledged.
fn drain(client: &mut Client) {
    loop {
        let claimed = client.run("XAUTOCLAIM s g last 0 - COUNT 1000 JUSTID");
        let fresh = client.run("XREADGROUP GROUP g last COUNT 1000 STREAMS s >");
        let mut ids: Vec<String> = claimed.items()[1].items().iter().map(Value::text).collect();
        if let Value::Array(streams) = fresh {
            ids.extend(streams[0].items()[1].items().iter().map(|one| one.items()[0].text()));
        }
        if ids.is_empty() {
            break;
        }
        let words: Vec<String> =
            ["XACK", "s", "g"].map(String::from).into_iter().chain(ids).collect();
        client.cmd(&words);
    }
    assert_eq!(client.run("XPENDING s g").items()[0], int(0));
    assert_eq!(client.run("XINFO GROUPS s").items()[0].get("lag"), Some(&int(0)));
}

#[test]
fn nothing_acknowledged_comes_back_and_nothing_added_is_lost() {
    let mut rng = chance();
    for backend in backends() {
        let mut server = Server::start(backend, &ALWAYS);
        server.client().check("XGROUP CREATE s g $ MKSTREAM", ok());
        let told = Told::default();
        for _ in 0..number("STREAM_KILLS", 4) {
            let life = Duration::from_millis(50 + rng.below(250) as u64);
            let rewrites = rng.below(2) == 0;
            run(&server, &told, &mut rng, || {
                thread::sleep(life / 2);
                if rewrites {
                    server.client().run("BGREWRITEAOF");
                }
                thread::sleep(life / 2);
                let pid = rustix::process::Pid::from_raw(server.pid().cast_signed());
                let pid = pid.expect("a process");
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it runs");
            });
            server.restart();
            judge(&mut server.client(), &told);
        }
        let added = told.added.lock().expect("nobody panicked").len();
        let acknowledged = told.acknowledged.lock().expect("nobody panicked").len();
        println!("{backend:?}: {added} added, {acknowledged} acknowledged");
        assert!(added > 20 && acknowledged > 5);
        drain(&mut server.client());
    }
}
