//! What survives: a reload, a log, and the way to redis-server and back.

use std::fs;
use std::path::Path;

use crate::support::aof::{WITH_LOG, incr_file, lines, records};
use crate::support::*;

/// Requests that leave streams with everything that there is.
const REQUESTS: &[&str] = &[
    "XADD s 1-1 a 1 b 2",
    "XADD s 1-2 a 3 b 4",
    "XADD s 1-3 other fields here x",
    "XADD s 2-0 a 5 b 6",
    "XADD s 5-* a 7 b 8",
    "XADD s * a now b now",
    "XDEL s 1-2",
    "XGROUP CREATE s g 0",
    "XGROUP CREATE s h $ ENTRIESREAD 5",
    "XGROUP CREATE s i 1-3",
    "XREADGROUP GROUP g alice COUNT 2 STREAMS s >",
    "XREADGROUP GROUP g bob COUNT 1 STREAMS s >",
    "XREADGROUP GROUP i carol NOACK COUNT 1 STREAMS s >",
    "XACK s g 1-1",
    "XCLAIM s g carol 0 2-0 TIME 1000000 RETRYCOUNT 7",
    "XAUTOCLAIM s g dave 0 - COUNT 1",
    "XGROUP CREATECONSUMER s g idle",
    "XADD trimmed MAXLEN ~ 3 * f 1",
    "XADD trimmed MAXLEN ~ 3 * f 2",
    "XADD trimmed MAXLEN ~ 3 * f 3",
    "XADD trimmed MAXLEN ~ 3 * f 4",
    "XADD trimmed MINID ~ 5 LIMIT 10 9999999999999-1 f 5",
    "XTRIM trimmed MAXLEN 2",
    "XGROUP CREATE empty g $ MKSTREAM",
    "XADD gone 7-7 f v",
    "XDEL gone 7-7",
    "XSETID gone 9-9 ENTRIESADDED 20 MAXDELETEDID 8-8",
];

fn fill(server: &Server) {
    let mut client = server.client();
    client.run("CONFIG SET stream-node-max-entries 2");
    for line in REQUESTS {
        assert!(!client.run(line).is_error(), "{line}");
    }
    // Several nodes, and more than a slice of pending entries.
    for number in 0..300 {
        client.run(&format!("XADD big {}-0 number {number} text {}", number + 1, "x".repeat(90)));
    }
    client.run("XGROUP CREATE big g 0");
    client.run("XREADGROUP GROUP g a COUNT 100 STREAMS big >");
    client.run("XREADGROUP GROUP g b COUNT 100 STREAMS big >");
}

const KEYS: [&str; 5] = ["s", "trimmed", "empty", "gone", "big"];

/// What is known of a stream, without the times at which consumers were seen.
fn known(client: &mut Client, key: &str) -> String {
    let info = client.run(&format!("XINFO STREAM {key} FULL COUNT 0"));
    let mut text = String::new();
    for name in [
        "length",
        "last-generated-id",
        "max-deleted-entry-id",
        "entries-added",
        "recorded-first-entry-id",
    ] {
        text += &format!("{name} {:?}\n", info.get(name));
    }
    text += &format!("{:?}\n", info.get("entries"));
    for group in info.get("groups").expect("groups").items() {
        for name in ["name", "last-delivered-id", "pel-count", "pending"] {
            text += &format!("{name} {:?}\n", group.get(name));
        }
        for consumer in group.get("consumers").expect("consumers").items() {
            text += &format!("{:?} {:?}\n", consumer.get("name"), consumer.get("pending"));
        }
    }
    text
}

/// How far the groups of a stream are, as counts.
fn counts(client: &mut Client, key: &str) -> Vec<String> {
    let groups = client.run(&format!("XINFO GROUPS {key}"));
    let count = |group: &Value| format!("{:?} {:?}", group.get("entries-read"), group.get("lag"));
    groups.items().iter().map(count).collect()
}

fn all_known(server: &Server) -> Vec<String> {
    let mut client = server.client();
    let digest = client.run("DEBUG DIGEST").text();
    KEYS.iter().map(|key| known(&mut client, key)).chain([digest]).collect()
}

#[test]
fn snapshots_keep_everything() {
    each_backend_with_mut(&["--enable-debug-command", "yes"], |server| {
        fill(server);
        let mut client = server.client();
        let before = all_known(server);
        let counts_before = KEYS.map(|key| counts(&mut client, key));
        client.check("DEBUG RELOAD", ok());
        assert_eq!(all_known(server), before);
        assert_eq!(KEYS.map(|key| counts(&mut client, key)), counts_before);
        client.check("XACK big g 5-0 150-0", int(2));
        client.run("XREADGROUP GROUP g a BLOCK 1 STREAMS big 0");
        client.check("DEBUG RELOAD", ok());
        assert_eq!(client.run("XPENDING big g").items()[0], int(198));
    });
}

#[test]
fn a_log_keeps_everything() {
    for preamble in ["yes", "no"] {
        let args = [&WITH_LOG[..], &["--aof-use-rdb-preamble", preamble]].concat();
        each_backend_with_mut(&args, |server| {
            fill(server);
            let before = all_known(server);
            let counts_before = KEYS.map(|key| counts(&mut server.client(), key));
            server.restart();
            assert_eq!(all_known(server), before);
            assert_eq!(KEYS.map(|key| counts(&mut server.client(), key)), counts_before);
            server.client().run("BGREWRITEAOF");
            server.wait_until("it is rewritten", |server| {
                server.info("aof_rewrite_in_progress") == "0"
            });
            server.client().run("XACK s g 1-3");
            let before = all_known(server);
            server.restart();
            assert_eq!(all_known(server), before);
        });
    }
}

#[test]
fn a_log_says_what_came_of_a_call() {
    let server = Server::start(backends()[0], &WITH_LOG);
    let mut client = server.client();
    let mut read = records(&incr_file(&server), 0).1;
    let mut logged = |line: &str| {
        client.run(line);
        let (new, len) = records(&incr_file(&server), read);
        read = len;
        let told = lines(&new);
        told.into_iter().filter(|line| !line.starts_with("SELECT")).collect::<Vec<_>>()
    };
    assert_eq!(logged("XADD s 5-* f v"), ["XADD s 5-0 f v"]);
    assert_eq!(logged("XADD s MAXLEN ~ 1 LIMIT 5 6-1 f v"), ["XADD s MAXLEN = 2 LIMIT 5 6-1 f v"]);
    assert_eq!(logged("XTRIM s MAXLEN ~ 1"), [""; 0]);
    assert_eq!(logged("XGROUP CREATE s g 0"), ["XGROUP CREATE s g 0"]);
    assert_eq!(logged("XDEL s 9-9"), [""; 0]);
    let told = logged("XREADGROUP GROUP g c COUNT 1 STREAMS s >");
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[1].starts_with("XCLAIM s g c 0 5-0 TIME "), "{}", told[1]);
    assert!(told[1].ends_with(" RETRYCOUNT 1 FORCE JUSTID LASTID 5-0"), "{}", told[1]);
    assert_eq!(told[2], "XGROUP SETID s g 5-0 ENTRIESREAD 1");
    let told = logged("XREADGROUP GROUP g d NOACK STREAMS s >");
    let expected =
        ["MULTI", "XGROUP CREATECONSUMER s g d", "XGROUP SETID s g 6-1 ENTRIESREAD 2", "EXEC"];
    assert_eq!(told, expected);
    assert_eq!(logged("XREADGROUP GROUP g d STREAMS s >"), [""; 0]);
    assert_eq!(logged("XACK s g 5-0 9-9"), ["XACK s g 5-0 9-9"]);
}

fn copy_log(from: &Path, to: &Path) {
    let (from, to) = (from.join("appendonlydir"), to.join("appendonlydir"));
    fs::create_dir_all(&to).expect("a directory");
    for entry in fs::read_dir(&to).expect("a directory") {
        fs::remove_file(entry.expect("an entry").path()).expect("a file");
    }
    for entry in fs::read_dir(from).expect("a directory").map(|entry| entry.expect("an entry")) {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}

#[test]
fn logs_go_to_redis_and_back() {
    for backend in backends() {
        let (mut ours, mut theirs) =
            (Server::start(backend, &WITH_LOG), Server::reference(&WITH_LOG));
        fill(&ours);
        copy_log(ours.dir(), theirs.dir());
        theirs.restart();
        assert_eq!(all_known(&ours), all_known(&theirs), "ours by redis-server");
        theirs.client().run("FLUSHALL");
        fill(&theirs);
        theirs.client().run("BGREWRITEAOF");
        theirs.wait_until("it is rewritten", |server| {
            server.log().contains("Background AOF rewrite finished successfully")
                && server.info("aof_rewrite_in_progress") == "0"
        });
        theirs.client().run("XACK s g 1-3");
        copy_log(theirs.dir(), ours.dir());
        ours.restart();
        assert_eq!(all_known(&ours), all_known(&theirs), "redis-server's by ours");
    }
}

#[test]
fn a_stream_that_an_older_redis_can_read_is_written_for_it() {
    let (ours, theirs) = (Server::start(backends()[0], &[]), Server::reference(&[]));
    let (mut ours, mut theirs) = (ours.client(), theirs.client());
    let lines = ["XADD s 1-0 f v", "XADD s 2-0 f w", "XGROUP CREATE s g 0"];
    lines.iter().for_each(|line| assert!(!ours.run(line).is_error()));
    let version = |dump: &Value| dump.bytes()[dump.bytes().len() - 10];
    ours.run("XREADGROUP GROUP g c COUNT 1 STREAMS s >");
    let dump = ours.run("DUMP s");
    assert_eq!((dump.bytes()[0], version(&dump)), (19, 10));
    assert_eq!(theirs.cmd(&[b"RESTORE", &b"s"[..], b"0", dump.bytes()]), ok());
    assert_eq!(theirs.run("XPENDING s g"), ours.run("XPENDING s g"));
    ours.run("XGROUP CREATECONSUMER s g later");
    let dump = ours.run("DUMP s");
    assert_eq!((dump.bytes()[0], version(&dump)), (21, 11));
    assert_eq!(ours.cmd(&[b"RESTORE", &b"t"[..], b"0", dump.bytes()]), ok());
    assert_eq!(known(&mut ours, "t"), known(&mut ours, "s"));
    let dump = theirs.run("DUMP s");
    assert_eq!(ours.cmd(&[b"RESTORE", &b"u"[..], b"0", dump.bytes()]), ok());
    assert_eq!(known(&mut ours, "u"), known(&mut theirs, "s"));
}

#[test]
fn a_snapshot_has_a_large_stream_as_it_was() {
    each_backend_with_mut(&["--save", "", "--enable-debug-command", "yes"], |server| {
        let mut client = server.client();
        let requests: Vec<u8> = (1..=20_000)
            .flat_map(|number| encode(&["XADD", "s", &format!("{number}-0"), "f", &"v".repeat(80)]))
            .collect();
        client.send(&requests);
        (0..20_000).for_each(|_| drop(client.recv()));
        client.run("XGROUP CREATE s g 0");
        client.run("XREADGROUP GROUP g c STREAMS s >");
        let before = client.run("DEBUG DIGEST").text();
        client.run("BGSAVE");
        // Changed while it is walked over.
        client.run("XTRIM s MAXLEN 10");
        client.run("XACK s g 1-0");
        client.run("XADD s * late entry");
        server.wait_until("it is saved", |server| server.info("rdb_bgsave_in_progress") == "0");
        server.kill();
        server.restart();
        let mut client = server.client();
        assert_eq!(client.run("DEBUG DIGEST").text(), before);
        assert_eq!(client.run("XPENDING s g").items()[0], int(20_000));
    });
}
