//! The append log of a running server, and what the next one makes of it.

use crate::support::aof::{WITH_LOG, incr_file, lines, records};
use crate::support::*;
use std::fs;

/// What a server with a log of its own writes for some requests.
fn logged(lines_sent: &[&str]) -> Vec<String> {
    let server = Server::start(backends()[0], &WITH_LOG);
    let mut client = server.client();
    lines_sent.iter().for_each(|line| drop(client.run(line)));
    lines(&records(&incr_file(&server), 0).0)
}

#[track_caller]
fn check_log(lines_sent: &[&str], expected: &[&str]) {
    assert_eq!(logged(lines_sent), expected);
}

#[test]
fn commands_that_change_nothing_leave_no_record() {
    check_log(
        &["GET a", "DEL a", "SET a 1 XX", "INCR", "SET a 1", "SETNX a 2", "SREM s m"],
        &["SELECT 0", "SET a 1"],
    );
}

#[test]
fn relative_times_become_points_in_time() {
    let log =
        logged(&["SET a 1 EX 100", "EXPIRE a 200 GT", "GETEX a PERSIST", "PSETEX b 100000 v"]);
    assert!(log[1].starts_with("SET a 1 PXAT 1"), "{log:?}");
    assert!(log[2].starts_with("PEXPIREAT a 1"), "{log:?}");
    assert_eq!(log[3], "PERSIST a");
    assert!(log[4].starts_with("SET b v PXAT 1"), "{log:?}");
}

#[test]
fn what_redis_7_does_not_know_is_said_in_its_words() {
    check_log(
        &[
            "SET a 1",
            "SET a 2 IFEQ 1",
            "DELIFEQ a 2",
            "MSETEX 2 a 1 b 2 KEEPTTL",
            "HSETEX h FIELDS 1 f v",
        ],
        &[
            "SELECT 0",
            "SET a 1",
            "SET a 2",
            "DEL a",
            "MULTI",
            "SET a 1 KEEPTTL",
            "SET b 2 KEEPTTL",
            "EXEC",
            "HSET h f v",
        ],
    );
}

#[test]
fn a_wait_that_ended_is_logged_as_what_it_took() {
    each_backend_with(&WITH_LOG, |server| {
        let (mut waiting, mut other) = (server.client(), server.client());
        waiting.send(&encode(&["BLMPOP", "0", "2", "none", "list", "RIGHT", "COUNT", "5"]));
        server.wait_until("it waits", |server| server.info("blocked_clients") == "1");
        other.check("RPUSH list a b", int(2));
        waiting.recv();
        let log = lines(&records(&incr_file(server), 0).0);
        assert_eq!(log, ["SELECT 0", "RPUSH list a b", "RPOP list 2"]);
    });
}

#[test]
fn what_expired_is_logged_before_what_noticed_it() {
    let log = logged(&[
        "DEBUG SET-ACTIVE-EXPIRE 0",
        "SET a 1 PX 1",
        "HSET h f 1 g 1",
        "HPEXPIRE h 1 FIELDS 1 f",
        "DEBUG SLEEP 0.02",
        "APPEND a x",
        "HSET h i 1",
    ]);
    assert_eq!(
        log[4..],
        ["MULTI", "DEL a", "APPEND a x", "EXEC", "MULTI", "HDEL h f", "HSET h i 1", "EXEC"]
    );
}

#[test]
fn a_key_that_expires_unnoticed_is_logged_too() {
    each_backend_with(&WITH_LOG, |server| {
        server.client().check("SET a 1 PX 1", ok());
        server.wait_until("it is removed", |server| {
            lines(&records(&incr_file(server), 0).0).last().is_some_and(|line| line == "DEL a")
        });
    });
}

#[test]
fn a_restart_finds_everything() {
    for backend in backends() {
        let mut server =
            Server::start(backend, &[&WITH_LOG[..], &["--aof-timestamp-enabled", "yes"]].concat());
        let mut client = server.client();
        for line in [
            "SET a 1 EX 1000",
            "MULTI",
            "SELECT 3",
            "RPUSH l a b c",
            "LPOP l",
            "EXEC",
            "HSET h f v",
            "HEXPIRE h 1000 FIELDS 1 f",
            "ZADD z 1.5 m",
            "SADD s 1 2 x",
            "SPOP s",
            "INCRBYFLOAT a 0.5",
            "SELECT 0",
            "SET gone 1 PX 1",
        ] {
            client.run(line);
        }
        let digest = |server: &Server| {
            server.wait_until("it is gone", |server| server.client().run("EXISTS gone") == int(0));
            server.client().run("DEBUG DIGEST").text()
        };
        let before = digest(&server);
        server.restart();
        assert_eq!(digest(&server), before);
        server.client().check("SET b 1", ok());
        server.restart();
        server.client().check("GET b", bulk("1"));
    }
}

/// Starts a server anew with these commands at the end of its log.
fn replayed(lines_logged: &[&str]) -> Server {
    let mut server = Server::start(backends()[0], &WITH_LOG);
    let log: Vec<u8> = lines_logged.iter().flat_map(|line| encode(&split_args(line))).collect();
    fs::write(incr_file(&server), log).expect("a log");
    server.restart();
    server
}

#[test]
fn nothing_expires_while_a_log_is_replayed() {
    let server = replayed(&[
        "SET c 1 PXAT 1",
        "INCR c",
        "PERSIST c",
        "HSET h f 1",
        "HPEXPIREAT h 1 FIELDS 1 f",
        "HINCRBY h f 1",
        "HPERSIST h FIELDS 1 f",
        "SET gone 1",
        "PEXPIREAT gone 1",
        "RENAME gone gone2",
    ]);
    let mut client = server.client();
    check_on(
        &mut client,
        &[("GET c", bulk("2")), ("HGET h f", bulk("2")), ("EXISTS gone2", int(0))],
    );
}

#[test]
fn a_log_touches_nothing_but_data() {
    let server = replayed(&["SELECT 2", "SUBSCRIBE x", "CONFIG SET timeout 5", "QUIT", "SET a 1"]);
    let mut client = server.client();
    client.check("SELECT 2", ok());
    client.check("GET a", bulk("1"));
    client.check("CONFIG GET timeout", bulks(["timeout", "0"]));
    client.check("PUBSUB NUMSUB x", array([bulk("x"), int(0)]));
}

#[test]
fn an_unknown_command_stops_the_start() {
    let mut server = Server::start(backends()[0], &WITH_LOG);
    fs::write(incr_file(&server), encode(&["NOSUCH", "a"])).expect("a log");
    server.kill();
    assert!(!server.starts());
    let log = server.log();
    assert!(log.contains("Unknown command 'NOSUCH' reading the append only file"), "{log}");
}

#[test]
fn the_log_can_be_loaded_in_the_place_of_the_data_set() {
    each_backend_with(&WITH_LOG, |server| {
        let mut client = server.client();
        for line in ["SET a 1 EX 1000", "RPUSH l a b", "SELECT 3", "HSET h f v", "DEL none"] {
            client.run(line);
        }
        let before = client.run("DEBUG DIGEST");
        // The write that comes with it is in the log it loads.
        client.send(&[encode(&["SET", "b", "1"]), encode(&["DEBUG", "LOADAOF"])].concat());
        assert_eq!([client.recv(), client.recv()], [ok(), ok()]);
        check_on(&mut client, &[("DEL b", int(1)), ("PING", simple("PONG"))]);
        assert_eq!(client.run("DEBUG DIGEST"), before);
    });
    check(&[("DEBUG LOADAOF", err("ERR Error trying to load the AOF files, check server logs."))]);
}
