//! Snapshots: SAVE, starting with one, what becomes of a damaged one, exchange with redis-server.

use std::fs;

use rustix::process::Signal;

use super::*;

#[test]
fn a_data_set_survives_a_restart() {
    for backend in backends() {
        let mut server = Server::start(backend, &[]);
        let mut client = server.client();
        fill(&mut client);
        client.run("HSET timed stays v goes w");
        if !server.is_stand_in() {
            client.run("HPEXPIREAT timed 9000000000000 FIELDS 1 goes");
        }
        client.run("SET gone v PX 50");
        let before = server.info("rdb_changes_since_last_save");
        assert_ne!(before, "0");
        client.check("SAVE", ok());
        assert_eq!(server.info("rdb_changes_since_last_save"), "0");
        let saved = client.run("LASTSAVE");
        assert_eq!(saved, int(server.info("rdb_last_save_time").parse().expect("a time")));
        client.run("DEBUG SLEEP 0.06");
        client.check("EXISTS gone", int(0));
        let digest = digest(&server);
        server.restart();
        assert_eq!(super::digest(&server), digest);
        assert!(server.log().contains("keys expired: 1."), "{}", server.log());
        assert_eq!(server.info("rdb_last_load_keys_expired"), "1");
        assert!(server.log().contains("DB loaded from disk"));
        if !server.is_stand_in() {
            let time = server.client().run("HPEXPIRETIME timed FIELDS 2 goes stays");
            assert_eq!(time, array([int(9_000_000_000_000), int(-1)]));
        }
    }
}

#[test]
fn each_server_reads_what_the_other_one_wrote() {
    let reference = Server::reference(&["--enable-debug-command", "yes"]);
    fill(&mut reference.client());
    let theirs = snapshot_of(&reference);
    for backend in backends() {
        let ours = Server::start_with(backend, &[], &[("dump.rdb", &theirs)]);
        assert_eq!(digest(&ours), digest(&reference), "{}", ours.log());
        let written = snapshot_of(&ours);
        let back =
            Server::reference_with(&["--enable-debug-command", "yes"], &[("dump.rdb", &written)]);
        assert_eq!(digest(&back), digest(&reference), "{}", back.log());
    }
}

#[test]
fn times_of_use_are_saved_where_keys_are_evicted_by_them() {
    for (policy, field) in [("allkeys-lru", "IDLETIME"), ("allkeys-lfu", "FREQ")] {
        each_backend_with(&["--maxmemory-policy", policy], |server| {
            let mut client = server.client();
            client.run("SET source v");
            let payload = client.cmd(&["DUMP", "source"]).bytes().to_vec();
            let value = b"77";
            client.cmd(&[b"RESTORE".as_slice(), b"k", b"0", &payload, field.as_bytes(), value]);
            client.check("DEBUG RELOAD", ok());
            client.check(&format!("OBJECT {field} k"), int(77));
        });
    }
}

#[test]
fn a_reload_flushes_or_merges() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("SET a 1", ok());
        client.check("SET b 1", ok());
        client.check("DEBUG RELOAD", ok());
        client.check("SET a 2", ok());
        client.check("SET c 2", ok());
        client.check("DEBUG RELOAD NOSAVE NOFLUSH MERGE", ok());
        client.check("MGET a b c", bulks(["1", "1", "2"]));
        client.check("SET a 2", ok());
        client.check("DEBUG RELOAD NOSAVE", ok());
        client.check("MGET a b c", array([bulk("1"), bulk("1"), nil()]));
    });
}

#[test]
fn a_snapshot_that_cannot_be_written_leaves_the_old_one() {
    for backend in backends() {
        let mut server = Server::start(backend, &[]);
        let mut client = server.client();
        client.check("SET k old", ok());
        client.check("SAVE", ok());
        client.check("SET k new", ok());
        let temporary = server.dir().join(format!("temp-{}.rdb", server.pid()));
        fs::create_dir(&temporary).expect("a directory");
        client.check("SAVE", err("ERR"));
        assert_eq!(server.info("rdb_changes_since_last_save"), "1");
        server.restart();
        server.client().check("GET k", bulk("old"));
    }
}

#[test]
fn a_server_does_not_start_with_less_than_there_was() {
    for backend in backends() {
        let mut server = Server::start(backend, &[]);
        fill(&mut server.client());
        let (good, before) = (snapshot_of(&server), digest(&server));
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        let mut sum = good.clone();
        let len = sum.len();
        sum[len - 8..].copy_from_slice(b"foobar00");
        let newer = [b"REDIS9999", &good[9..]].concat();
        for (bytes, reason) in [
            (&sum, "CRC error"),
            (&flipped, "RDB"),
            (&good[..good.len() / 2].to_vec(), "Short read"),
            (&b"nothing of the kind".to_vec(), "Wrong signature"),
            (&newer, "Can't handle RDB format version 9999"),
            (&Vec::new(), "Short read"),
        ] {
            fs::write(server.dir().join("dump.rdb"), bytes).expect("a file");
            server.kill();
            assert!(!server.starts(), "{reason}");
            assert!(!server.wait().success());
            assert!(server.log().contains(reason), "{}", server.log());
        }
        fs::write(server.dir().join("dump.rdb"), &good).expect("a file");
        assert!(server.starts());
        assert_eq!(digest(&server), before);
    }
}

#[test]
fn the_end_saves_when_it_is_asked_to_or_save_points_are_set() {
    let ends: [(&[&str], &str, bool); 5] = [
        (&[], "SHUTDOWN", false),
        (&[], "SHUTDOWN SAVE", true),
        (&["--save", "900 1"], "SHUTDOWN", true),
        (&["--save", "900 1"], "SHUTDOWN NOSAVE", false),
        (&["--save", "900 1"], "", true),
    ];
    for (args, how, saves) in ends {
        for backend in backends() {
            let mut server = Server::start(backend, args);
            let mut client = server.client();
            client.check("SET k v", ok());
            match how {
                "" => server.signal(Signal::TERM),
                line => client.send(&encode(&split_args(line))),
            }
            client.recv_to_end();
            assert!(server.wait().success(), "{args:?} {how}");
            assert_eq!(server.dir().join("dump.rdb").exists(), saves, "{args:?} {how}");
        }
    }
}

#[test]
fn checksums_and_compression_can_be_left_out() {
    let args = ["--rdbchecksum", "no", "--rdbcompression", "no"];
    for backend in backends() {
        let server = Server::start(backend, &args);
        let text = "x".repeat(5000);
        server.client().check(&format!("SET k {text}"), ok());
        let bytes = snapshot_of(&server);
        assert!(bytes.len() > 5000 && bytes.ends_with(&[0; 8]));
        let other = Server::start_with(backend, &[], &[("dump.rdb", &bytes)]);
        other.client().check("GET k", bulk(&text));
        assert!(other.log().contains("checksum disabled"));
    }
}

/// Sample files of Redis's own suite, which stay outside of this repository.
const SAMPLES: [&str; 6] = [
    "encodings.rdb",
    "hash-zipmap.rdb",
    "hash-ziplist.rdb",
    "zset-ziplist.rdb",
    "list-quicklist.rdb",
    "corrupt_empty_keys.rdb",
];

#[test]
fn samples_of_old_versions_are_read_as_redis_reads_them() {
    let Ok(source) = std::env::var("TCL_SRC") else {
        return skipped("TCL_SRC does not name a source tree of Redis with sample files");
    };
    for name in SAMPLES {
        let bytes = fs::read(format!("{source}/tests/assets/{name}")).expect(name);
        let files = [("dump.rdb", bytes.as_slice())];
        let reference = Server::reference_with(&["--enable-debug-command", "yes"], &files);
        for backend in backends() {
            let server = Server::start_with(backend, &[], &files);
            assert_eq!(digest(&server), digest(&reference), "{name}");
            assert_eq!(server.client().run("DBSIZE"), reference.client().run("DBSIZE"), "{name}");
        }
    }
}
