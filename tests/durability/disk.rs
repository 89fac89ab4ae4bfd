//! Errors of the disk under the append log, made by limits on the size of files.

use std::fs;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::support::aof::incr_file;
use crate::support::*;

/// Lets files of the server grow by no more than `bytes` beyond the log's size; without a number as
/// they like.
fn limit_files(server: &Server, bytes: Option<u64>) {
    let size = fs::metadata(incr_file(server)).expect("a log").len();
    let pid = Pid::from_raw(server.pid().cast_signed());
    let limit = Rlimit { current: bytes.map(|bytes| size + bytes), maximum: None };
    prlimit(pid, Resource::Fsize, limit).expect("a limit");
}

#[test]
fn without_space_writes_are_refused_until_there_is_some_and_nothing_is_lost() {
    each_backend_with_mut(&["--appendonly", "yes"], |server| {
        let mut client = server.client();
        client.check("SET before 1", ok());
        limit_files(server, Some(10));
        // The first one finds out, and is kept in memory.
        client.check("SET during 1", ok());
        let refusal = client.run("SET refused 1").text();
        assert_eq!(refusal, "MISCONF Errors writing to the AOF file: File too large");
        assert!(client.run("PING").text().starts_with("MISCONF"));
        client.check("GET during", bulk("1"));
        assert_eq!(server.info("aof_last_write_status"), "err");
        limit_files(server, None);
        server.wait_until("it writes again", |server| server.info("aof_last_write_status") == "ok");
        client.check("SET after 1", ok());
        server.restart();
        server.client().check("MGET before during refused after", {
            array([bulk("1"), bulk("1"), Value::Nil, bulk("1")])
        });
    });
}

#[test]
fn without_space_a_server_that_promised_durability_ends_without_a_reply() {
    let args = ["--appendonly", "yes", "--appendfsync", "always", "--aof-preallocate", "no"];
    each_backend_with_mut(&args, |server| {
        let mut client = server.client();
        client.check("SET before 1", ok());
        limit_files(server, Some(10));
        client.send(&encode(&["SET", "during", "1"]));
        assert_eq!(client.try_recv(), None);
        assert_eq!(server.wait().code(), Some(1), "{}", server.log());
        server.restart();
        server.client().check("MGET before during", array([bulk("1"), Value::Nil]));
    });
}

#[test]
fn a_rewrite_without_space_leaves_the_log_as_it_was() {
    each_backend_with_mut(&["--appendonly", "yes"], |server| {
        let mut client = server.client();
        client.check(&format!("SET large {}", "x".repeat(10_000)), ok());
        client.check("DEL large", int(1));
        (0..500).for_each(|index| drop(client.run(&format!("SET key:{index} value-{index}"))));
        limit_files(server, Some(0));
        let pid = Pid::from_raw(server.pid().cast_signed());
        prlimit(pid, Resource::Fsize, Rlimit { current: Some(1000), maximum: None }).expect("set");
        client.run("BGREWRITEAOF");
        server.wait_until("it failed", |server| server.info("aof_last_bgrewrite_status") == "err");
        limit_files(server, None);
        client.check("SET after 1", ok());
        let digest = client.run("DEBUG DIGEST");
        let names = fs::read_dir(server.dir().join("appendonlydir")).expect("it");
        let left = names.filter(|name| {
            name.as_ref().is_ok_and(|name| name.file_name().to_string_lossy().starts_with("temp"))
        });
        assert_eq!(left.count(), 0);
        server.restart();
        assert_eq!(server.client().run("DEBUG DIGEST"), digest);
    });
}

#[test]
fn after_three_failures_the_log_is_rewritten_on_demand_only_for_a_while() {
    each_backend_with(&["--appendonly", "yes"], |server| {
        let mut client = server.client();
        let name = format!("appendonlydir/temp-rewriteaof-bg-{}.aof", server.pid());
        let obstacle = server.dir().join(name);
        fs::create_dir(&obstacle).expect("in the way");
        for _ in 0..3 {
            client.run("BGREWRITEAOF");
            super::wait_for_end(server);
        }
        assert_eq!(server.info("aof_rewrites_consecutive_failures"), "3");
        assert!(server.log().contains("triggered the limit, will retry in 1 minutes"));
        let large = format!("SET large {}", "x".repeat(5000));
        let grow = "CONFIG SET auto-aof-rewrite-percentage 1 auto-aof-rewrite-min-size 1kb";
        assert_eq!(client.pipeline(&[grow, &large, "SET a 1"]), [ok(), ok(), ok()]);
        assert_eq!(server.info("aof_rewrites"), "3");
        fs::remove_dir(&obstacle).expect("out of the way");
        client.run("BGREWRITEAOF");
        super::wait_for_end(server);
        assert_eq!(server.info("aof_rewrites_consecutive_failures"), "0");
        assert_eq!(server.info("aof_last_bgrewrite_status"), "ok");
    });
}

#[test]
fn waitaof_begins_the_sync_that_it_waits_for() {
    each_backend_with(&["--appendonly", "yes", "--appendfsync", "no"], |server| {
        let mut client = server.client();
        client.check("SET a 1", ok());
        client.check("WAITAOF 1 0 0", array([int(1), int(0)]));
        client.check("WAITAOF 0 1 1", array([int(1), int(0)]));
        let replies = client.pipeline(&["MULTI", "SET a 2", "WAITAOF 1 0 0", "EXEC"]);
        assert_eq!(replies[3], array([ok(), array([int(0), int(0)])]));
        client.check("WAITAOF 1 0 0", array([int(1), int(0)]));
        client.check("WAITAOF 2 0 0", err("ERR value is out of range, value must between 0 and 1"));
        client.check("WAITAOF 1 -1 0", err("ERR value is out of range, must be positive"));
        client.check("WAITAOF 1 0 -1", err("ERR timeout is negative"));
        client.check("WAIT 0 0", int(0));
        client.check("WAIT 1 1", int(0));
    });
    let text = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    check(&[("WAITAOF 1 0 0", err(text)), ("WAITAOF 0 0 0", array([int(0), int(0)]))]);
}
