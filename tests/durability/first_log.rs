//! A log that is begun while the server runs: there is none before its first base is whole.

use std::fs;

use super::{NEVER_DONE, unfinished, wait_for_end};
use crate::support::*;

const MANIFEST: &str = "appendonly.aof.manifest";

/// Names of the log's files, sorted.
fn log_files(server: &Server) -> Vec<String> {
    let entries = fs::read_dir(server.dir().join("appendonlydir")).expect("it");
    let names = entries.map(|entry| entry.expect("a file").file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().expect("text")).collect();
    names.sort();
    names
}

/// Begins a log whose base is never done.
fn begin(server: &Server) -> Client {
    let mut client = server.client();
    let begun = ["SET early 1", NEVER_DONE, "CONFIG SET appendonly yes"];
    assert_eq!(client.pipeline(&begun), [ok(), ok(), ok()]);
    server.wait_until("its base is begun", |server| unfinished(server) == 2);
    client.check("SET late 1", ok());
    client
}

#[test]
fn the_server_does_not_end_before_its_base_is_there_unless_forced() {
    each_backend_with_mut(&[], |server| {
        let mut client = begin(server);
        let refusal = err("ERR Errors trying to SHUTDOWN. Check logs.");
        client.check("SHUTDOWN NOSAVE", refusal.clone());
        client.check("SHUTDOWN NOW", refusal);
        assert!(server.log().contains("Writing initial AOF, can't exit."));
        client.send(&encode(&["SHUTDOWN", "FORCE"]));
        assert_eq!(client.recv_to_end(), b"");
        assert!(server.wait().success());
        assert!(server.log().contains("Writing initial AOF. Exit anyway."));
    });
}

#[test]
fn without_its_base_it_is_no_log() {
    each_backend_with_mut(&["--appendonly", "no"], |server| {
        begin(server);
        server.restart_with(&["--appendonly", "yes"]);
        server.client().check("DBSIZE", int(0));
        server.client().check("SET again 1", ok());
        server.restart();
        server.client().check("DBSIZE", int(1));
    });
}

#[test]
fn it_can_be_ended_before_its_base_is_there_and_begun_again() {
    each_backend_with_mut(&[], |server| {
        let mut client = begin(server);
        client.check("CONFIG SET appendonly no", ok());
        wait_for_end(server);
        assert_eq!(unfinished(server), 0);
        client.check("CONFIG SET rdb-key-save-delay 0", ok());
        client.check("CONFIG SET appendonly yes", ok());
        wait_for_end(server);
        assert_eq!((unfinished(server), server.info("aof_rewrites")), (0, "2".into()));
        server.restart_with(&["--appendonly", "yes"]);
        server.client().check("MGET early late", bulks(["1", "1"]));
    });
}

#[test]
fn without_a_log_a_rewrite_leaves_a_base_alone_which_can_be_loaded() {
    each_backend_with(&["--appendonly", "yes"], |server| {
        let mut client = server.client();
        assert_eq!(client.pipeline(&["SET a 1", "CONFIG SET appendonly no"]), [ok(), ok()]);
        client.run("BGREWRITEAOF");
        wait_for_end(server);
        assert_eq!(log_files(server), ["appendonly.aof.2.base.rdb", MANIFEST]);
        client.check("SET a 2", ok());
        client.check("DEBUG LOADAOF", ok());
        client.check("GET a", bulk("1"));
        client.check("CONFIG SET appendonly yes", ok());
        wait_for_end(server);
        let names = ["appendonly.aof.1.incr.aof", "appendonly.aof.3.base.rdb", MANIFEST];
        assert_eq!(log_files(server), names);
    });
}

#[test]
fn a_base_that_failed_is_tried_again_while_nobody_asks() {
    each_backend_with_mut(&[], |server| {
        let mut client = server.client();
        let name = format!("appendonlydir/temp-rewriteaof-bg-{}.aof", server.pid());
        let obstacle = server.dir().join(name);
        fs::create_dir_all(&obstacle).expect("in the way");
        assert_eq!(client.pipeline(&["SET a 1", "CONFIG SET appendonly yes"]), [ok(), ok()]);
        server.wait_until("it failed", |server| server.log().contains("terminated with error"));
        client.check("SET b 1", ok());
        fs::remove_dir(&obstacle).expect("out of the way");
        server.wait_until("it worked", |server| server.log().contains("finished successfully"));
        let names = ["appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", MANIFEST];
        assert_eq!(log_files(server), names);
        client.check("SET c 1", ok());
        server.restart_with(&["--appendonly", "yes"]);
        server.client().check("MGET a b c", bulks(["1", "1", "1"]));
    });
}
