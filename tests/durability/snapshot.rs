//! Snapshots that are taken while the server goes on.

use std::fs;
use std::time::{Duration, Instant};

use super::fault::{fault, with_faults};
use super::{NEVER_DONE, unfinished, wait_for_end};
use crate::support::aof::WITH_LOG;
use crate::support::*;

fn fill(client: &mut Client, keys: usize) {
    for index in 0..keys {
        let line = match index % 5 {
            0 => format!("SET key:{index} {index} EX 1000"),
            1 => format!("RPUSH key:{index} a b {index}"),
            2 => format!("HSET key:{index} f {index} g {}", "x".repeat(100)),
            3 => format!("ZADD key:{index} 1.5 a {index} b"),
            _ => format!("SADD key:{index} 1 2 three"),
        };
        client.send(&encode(&split_args(&line)));
    }
    (0..keys).for_each(|_| drop(client.recv()));
}

/// A log with a base that is a snapshot, and one with a base of commands.
fn each_kind_of_base(test: impl Fn(&mut Server, &str)) {
    for (preamble, suffix) in [("yes", "rdb"), ("no", "aof")] {
        let args = [&WITH_LOG[..], &["--aof-use-rdb-preamble", preamble]].concat();
        each_backend_with_mut(&args, |server| test(server, suffix));
    }
}

#[test]
fn a_rewritten_log_holds_what_was_there_and_what_came_since() {
    each_kind_of_base(|server, suffix| {
        let mut client = server.client();
        fill(&mut client, 5000);
        client.check("BGREWRITEAOF", simple("Background append only file rewriting started"));
        let error = "ERR Background append only file rewriting already in progress";
        client.check("BGREWRITEAOF", err(error));
        for index in 0..2000 {
            client.run(&format!("DEL key:{index}"));
            client.run(&format!("SET new:{index} v"));
        }
        wait_for_end(server);
        let digest = client.run("DEBUG DIGEST");
        assert_eq!(server.info("aof_last_bgrewrite_status"), "ok");
        assert_eq!(server.info("aof_rewrites"), "1");
        let names: Vec<_> = fs::read_dir(server.dir().join("appendonlydir")).expect("it").collect();
        assert_eq!(names.len(), 3, "base, incr and manifest: {names:?}");
        assert!(
            server.dir().join(format!("appendonlydir/appendonly.aof.2.base.{suffix}")).exists()
        );
        server.restart();
        assert_eq!(server.client().run("DEBUG DIGEST"), digest);
    });
}

#[test]
fn a_base_holds_every_type_with_its_deadlines() {
    each_kind_of_base(|server, _| {
        let mut client = server.client();
        super::fill(&mut client);
        client.run("HEXPIRE hash 1000 FIELDS 1 field");
        client.run("HPEXPIRE big:hash 90000000 FIELDS 3 field:1 field:2 field:199");
        client.run("EXPIRE big:zset 1000");
        client.run("BGREWRITEAOF");
        wait_for_end(server);
        let digest = client.run("DEBUG DIGEST");
        let times = client.run("HPEXPIRETIME big:hash FIELDS 2 field:2 field:3");
        server.restart();
        assert_eq!(server.client().run("DEBUG DIGEST"), digest);
        server.client().check("HPEXPIRETIME big:hash FIELDS 2 field:2 field:3", times);
    });
}

#[test]
fn big_collections_are_written_in_parts_while_they_change() {
    each_kind_of_base(|server, _| {
        let mut client = server.client();
        for number in 0..40_000 {
            for line in [
                format!("RPUSH list {number:0>20}"),
                format!("SADD set {number:0>20}"),
                format!("ZADD zset {number} {number:0>20}"),
                format!("HSET hash {number:0>20} {number:0>20}"),
            ] {
                client.send(&encode(&split_args(&line)));
            }
        }
        (0..160_000).for_each(|_| drop(client.recv()));
        client.run("BGREWRITEAOF");
        let mut rounds = 0;
        while server.info("aof_rewrite_in_progress") == "1" {
            for change in ["LPUSH list", "SREM set", "ZINCRBY zset 1", "HDEL hash"] {
                client.run(&format!("{change} {rounds:0>20}"));
            }
            client.run(&format!("SET other:{rounds} v"));
            rounds += 1;
        }
        assert_eq!(server.info("aof_last_bgrewrite_status"), "ok");
        let digest = client.run("DEBUG DIGEST");
        server.restart();
        assert_eq!(server.client().run("DEBUG DIGEST"), digest);
    });
}

#[test]
fn a_log_can_be_begun_and_ended_while_the_server_runs() {
    each_backend_with_mut(&[], |server| {
        let mut client = server.client();
        fill(&mut client, 1000);
        client.check("CONFIG SET appendonly yes", ok());
        wait_for_end(server);
        client.check("SET late 1", ok());
        client.check("CONFIG SET appendonly no", ok());
        client.check("SET too-late 1", ok());
        client.check("CONFIG SET aof-use-rdb-preamble no appendonly yes", ok());
        wait_for_end(server);
        client.check("SET last 1", ok());
        let digest = client.run("DEBUG DIGEST");
        server.restart_with(&["--appendonly", "yes"]);
        assert_eq!(server.client().run("DEBUG DIGEST"), digest);
    });
}

#[test]
fn a_snapshot_is_of_the_moment_it_began_at() {
    each_backend_with_mut(&["--dbfilename", "test.rdb"], |server| {
        let mut client = server.client();
        fill(&mut client, 5000);
        let digest = client.run("DEBUG DIGEST");
        let replies = client.pipeline(&["BGSAVE", "FLUSHDB", "SET a 1"]);
        assert_eq!(replies[0], simple("Background saving started"));
        wait_for_end(server);
        assert_eq!(server.info("rdb_last_bgsave_status"), "ok");
        // The two changes that came after the turn's end, or none if they came before it.
        let changes: i64 = server.info("rdb_changes_since_last_save").parse().expect("a number");
        server.restart();
        let loaded = server.client().run("DEBUG DIGEST");
        match changes {
            0 => server.client().check("DBSIZE", int(1)),
            _ => assert_eq!(loaded, digest),
        }
    });
}

#[test]
fn a_save_can_be_scheduled_and_cancelled() {
    each_backend_with_mut(&WITH_LOG, |server| {
        let mut client = server.client();
        let replies = client.pipeline(&["MULTI", "BGSAVE", "EXEC"]);
        assert_eq!(replies[2], array([simple("Background saving scheduled")]));
        wait_for_end(server);
        let error = "ERR Background saving is currently not in progress or scheduled";
        client.check("BGSAVE CANCEL", err(error));
        client.check("BGSAVE LATER", err("ERR syntax error"));
        server.wait_until("it is saved", |server| server.info("rdb_saves") == "1");
    });
}

#[test]
fn a_save_is_cancelled_while_its_file_is_written_and_that_is_no_failure() {
    each_backend_with(&["--save", "3600 1"], |server| {
        let mut client = server.client();
        assert_eq!(client.pipeline(&["SET a 1", NEVER_DONE]), [ok(), ok()]);
        client.check("BGSAVE", simple("Background saving started"));
        server.wait_until("it has begun", |server| unfinished(server) == 1);
        client.check("BGSAVE CANCEL", simple("Background saving cancelled"));
        wait_for_end(server);
        assert_eq!(server.info("rdb_last_bgsave_status"), "ok");
        assert_eq!((unfinished(server), server.dir().join("dump.rdb").exists()), (0, false));
        let last = client.pipeline(&["SET a 2", "CONFIG SET rdb-key-save-delay 0", "SAVE"]);
        assert_eq!(last, [ok(), ok(), ok()]);
    });
}

#[test]
fn a_base_is_given_up_while_it_is_written_when_no_log_is_wanted_any_more() {
    each_backend_with(&WITH_LOG, |server| {
        let mut client = server.client();
        assert_eq!(client.pipeline(&["SET a 1", NEVER_DONE]), [ok(), ok()]);
        client.run("BGREWRITEAOF");
        server.wait_until("it has begun", |server| unfinished(server) == 1);
        client.check("CONFIG SET appendonly no", ok());
        assert_eq!(server.info("aof_rewrite_in_progress"), "0");
        assert!(server.log().contains("Killing running AOF rewrite child"));
        assert_eq!(server.info("aof_last_bgrewrite_status"), "ok");
        assert_eq!((unfinished(server), server.info("aof_rewrites")), (0, "1".into()));
        client.check("CONFIG RESETSTAT", ok());
        assert_eq!(server.info("aof_rewrites"), "0");
    });
}

#[test]
fn files_of_the_log_that_are_not_needed_stay_while_that_is_wanted() {
    each_backend_with_mut(&[&WITH_LOG[..], &["--aof-disable-auto-gc", "yes"]].concat(), |server| {
        let files =
            |server: &Server| fs::read_dir(server.dir().join("appendonlydir")).map(Iterator::count);
        for _ in 0..2 {
            server.client().run("BGREWRITEAOF");
            wait_for_end(server);
        }
        assert_eq!(files(server).expect("it"), 7);
        server.restart();
        assert_eq!(files(server).expect("it"), 7);
        server.client().check("CONFIG SET aof-disable-auto-gc no", ok());
        server.wait_until("they are gone", |server| files(server).expect("it") == 3);
        server.wait_until("nothing names them", |server| {
            let manifest = server.dir().join("appendonlydir/appendonly.aof.manifest");
            !fs::read_to_string(manifest).expect("it").contains("type h")
        });
    });
}

#[test]
fn the_log_is_whole_where_what_it_no_longer_needs_cannot_be_deleted() {
    let args = [&WITH_LOG[..], &["--aof-disable-auto-gc", "yes"]].concat();
    with_faults(&args, |server| {
        let mut client = server.client();
        client.check("SET a 1", ok());
        client.run("BGREWRITEAOF");
        wait_for_end(server);
        fault(&mut client, "rename@manifest:EIO");
        client.check("CONFIG SET aof-disable-auto-gc no", ok());
        server.wait_until("that fails", |server| server.log().contains("Input/output error"));
        server.restart();
        server.client().check("GET a", bulk("1"));
    });
}

#[test]
fn how_far_a_snapshot_is_can_be_seen() {
    each_backend_with(&["--rdb-key-save-delay", "1000"], |server| {
        let mut client = server.client();
        fill(&mut client, 400);
        client.check("BGSAVE", simple("Background saving started"));
        assert_eq!(server.info("current_save_keys_total"), "400");
        let figure = |server: &Server, name| server.info(name).parse::<f64>().expect("a number");
        server.wait_until("some keys are written", |server| {
            (1.0..400.0).contains(&figure(server, "current_save_keys_processed"))
        });
        assert!((0.2..100.0).contains(&figure(server, "current_fork_perc")));
        assert!(figure(server, "current_cow_size") > 0.0);
        client.run("BGSAVE CANCEL");
        wait_for_end(server);
        assert_eq!(server.info("current_save_keys_processed"), "0");
        assert!(figure(server, "rdb_last_cow_size") > 0.0);
    });
}

#[test]
fn everybody_waits_for_save_key_by_key() {
    each_backend_with(&["--rdb-key-save-delay", "20000"], |server| {
        let mut client = server.client();
        fill(&mut client, 10);
        let start = Instant::now();
        client.check("SAVE", ok());
        assert!(start.elapsed() >= Duration::from_millis(200));
    });
}

#[test]
fn save_points_save() {
    each_backend_with_mut(&["--save", "1 2"], |server| {
        let mut client = server.client();
        client.check("SET a 1", ok());
        client.check("SET b 1", ok());
        server.wait_until("it is begun", |server| server.info("rdb_saves") == "1");
        wait_for_end(server);
        assert_eq!(server.info("rdb_changes_since_last_save"), "0");
        assert!(server.dir().join("dump.rdb").exists());
    });
}

#[test]
fn a_save_that_fails_refuses_writes_until_one_succeeds() {
    each_backend_with_mut(&["--save", "3600 1"], |server| {
        let mut client = server.client();
        fs::create_dir(server.dir().join("dump.rdb")).expect("in the way");
        client.check("SET a 1", ok());
        client.run("BGSAVE");
        server.wait_until("it failed", |server| server.info("rdb_last_bgsave_status") == "err");
        assert!(client.run("SET a 2").text().starts_with("MISCONF Redis is configured to save"));
        assert!(client.run("PING").text().starts_with("MISCONF"));
        client.check("GET a", bulk("1"));
        fs::remove_dir(server.dir().join("dump.rdb")).expect("out of the way");
        client.run("BGSAVE");
        server.wait_until("it worked", |server| server.info("rdb_last_bgsave_status") == "ok");
        client.check("SET a 2", ok());
    });
}

#[test]
fn the_last_snapshot_at_the_end_is_not_replaced_by_one_begun_before() {
    for keys in ["DEBUG POPULATE 10", "DEBUG POPULATE 20000 key 1000", "DEBUG POPULATE 200000"] {
        each_backend_with_mut(&[], |server| {
            let mut client = server.client();
            client.check(keys, ok());
            client.check("BGSAVE", simple("Background saving started"));
            client.check("SET late value", ok());
            client.send(b"SHUTDOWN SAVE\r\n");
            assert_eq!(client.recv_to_end(), b"");
            assert!(server.wait().success());
            server.restart();
            server.client().check("GET late", bulk("value"));
        });
    }
}

#[test]
fn a_flush_of_everything_gives_up_the_snapshot_of_what_was_there() {
    each_backend(|server| {
        let mut client = server.client();
        assert_eq!(client.pipeline(&["SET a 1", NEVER_DONE]), [ok(), ok()]);
        client.check("BGSAVE", simple("Background saving started"));
        server.wait_until("it has begun", |server| unfinished(server) == 1);
        client.check("FLUSHALL", ok());
        wait_for_end(server);
        assert_eq!(server.info("rdb_last_bgsave_status"), "ok");
        assert_eq!((unfinished(server), server.dir().join("dump.rdb").exists()), (0, false));
    });
}

#[test]
fn a_snapshot_asked_for_right_before_a_flush_leaves_the_last_one_alone() {
    each_backend(|server| {
        let mut client = server.client();
        assert_eq!(client.pipeline(&["SET a 1", "SAVE", "SET b 1"]), [ok(), ok(), ok()]);
        let before = std::fs::read(server.dir().join("dump.rdb")).expect("a file");
        let begun = simple("Background saving started");
        assert_eq!(client.pipeline(&["BGSAVE", "FLUSHALL"]), [begun, ok()]);
        wait_for_end(server);
        assert_eq!(std::fs::read(server.dir().join("dump.rdb")).expect("a file"), before);
    });
}

#[test]
fn with_save_points_a_flush_of_everything_empties_the_file() {
    each_backend_with_mut(&["--save", "3600 1"], |server| {
        let mut client = server.client();
        client.check("SET a 1", ok());
        client.check("SAVE", ok());
        assert_eq!(client.pipeline(&["SET b 1", NEVER_DONE]), [ok(), ok()]);
        client.check("BGSAVE", simple("Background saving started"));
        server.wait_until("it has begun", |server| unfinished(server) == 1);
        client.check("FLUSHALL", ok());
        assert_eq!(server.info("rdb_bgsave_in_progress"), "0");
        assert_eq!(server.info("rdb_changes_since_last_save"), "0");
        server.restart();
        server.client().check("DBSIZE", int(0));
    });
}

#[test]
fn a_save_that_succeeds_allows_writes_again_and_one_that_fails_refuses_none() {
    each_backend_with(&["--save", "3600 1"], |server| {
        let mut client = server.client();
        fs::create_dir(server.dir().join("dump.rdb")).expect("in the way");
        client.check("SAVE", err("ERR"));
        client.check("SET a 1", ok());
        client.run("BGSAVE");
        server.wait_until("it failed", |server| server.info("rdb_last_bgsave_status") == "err");
        assert!(client.run("SET a 2").is_error());
        fs::remove_dir(server.dir().join("dump.rdb")).expect("out of the way");
        client.check("SAVE", ok());
        client.check("SET a 2", ok());
    });
}

#[test]
fn save_is_refused_while_another_snapshot_is_written() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("DEBUG POPULATE 300000", ok());
        client.check("BGSAVE", simple("Background saving started"));
        let refused = client.run("SAVE");
        if server.info("rdb_bgsave_in_progress") == "1" {
            assert_eq!(refused, err("ERR Background save already in progress"));
        }
        wait_for_end(server);
        client.check("SAVE", ok());
    });
}
