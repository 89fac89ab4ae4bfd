//! A log that is begun while the server runs: there is none before its first base is whole.

use std::fs;

use super::{NEVER_DONE, unfinished, wait_for_end};
use crate::support::*;

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
        let mut names: Vec<_> = fs::read_dir(server.dir().join("appendonlydir"))
            .expect("it")
            .map(|entry| entry.expect("a file").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        let manifest = "appendonly.aof.manifest";
        assert_eq!(names, ["appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", manifest]);
        client.check("SET c 1", ok());
        server.restart_with(&["--appendonly", "yes"]);
        server.client().check("MGET a b c", bulks(["1", "1", "1"]));
    });
}
