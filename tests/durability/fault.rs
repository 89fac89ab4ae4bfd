//! Errors of the disk, one test for each row of the durability contract: made by faults that the
//! server was asked for, which only builds with debug assertions know.

use std::time::{Duration, Instant};

use crate::support::*;

/// Runs a test on a server of each driver with these options, unless its build knows no faults.
fn with_faults(args: &[&str], test: impl Fn(&mut Server)) {
    for backend in backends() {
        let mut server = Server::start(backend, args);
        if server.client().run("DEBUG FAULT").is_error() {
            return skipped("this build knows no faults");
        }
        test(&mut server);
    }
}

const ALWAYS: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];
const EVERYSEC: &[&str] = &["--appendonly", "yes"];
const NO: &[&str] = &["--appendonly", "yes", "--appendfsync", "no"];

/// Has the disk fail by these rules from here on; how often those before have acted.
fn fault(client: &mut Client, rules: &str) -> i64 {
    match client.run(&format!("DEBUG FAULT {rules}")) {
        Value::Int(acted) => acted,
        reply => panic!("{reply:?}"),
    }
}

#[test]
fn always_ends_at_the_first_sync_that_fails_before_any_reply_that_depends_on_it() {
    for nth in [1, 2, 7] {
        with_faults(ALWAYS, |server| {
            let (mut writer, mut reader) = (server.client(), server.client());
            fault(&mut reader, &format!("sync@incr:EIO:{nth} sync@incr:delay=30:{nth}"));
            for number in 1..nth {
                writer.check("INCR counter", int(number));
            }
            writer.send(&encode(&["INCR", "counter"]));
            reader.send(&encode(&["GET", "counter"]));
            assert_eq!(writer.try_recv(), None);
            // The reader may have been first; it has not seen what is not durable.
            let before = if nth == 1 { Value::Nil } else { bulk((nth - 1).to_string()) };
            assert!(reader.try_recv().is_none_or(|seen| seen == before));
            assert_eq!(server.wait().code(), Some(1), "{}", server.log());
            let line = "Can't recover from AOF fsync error when the AOF fsync policy is 'always'. Exiting... \
                        (Input/output error)";
            assert!(server.log().contains(line), "{}", server.log());
            assert!(server.starts(), "{}", server.log());
            let found = server.client().run("GET counter");
            assert!([before, bulk(nth.to_string())].contains(&found), "{found:?}");
        });
    }
}

#[test]
fn always_ends_at_a_write_that_fails_and_resumes_one_that_is_short() {
    for error in ["EIO", "ENOSPC", "EDQUOT", "EFBIG", "EROFS", "ESTALE", "short=0"] {
        with_faults(ALWAYS, |server| {
            let mut client = server.client();
            client.check("SET before 1", ok());
            fault(&mut client, "write@incr:short=3:1 write@incr:EINTR:2 write@incr:EAGAIN:4");
            client.check("SET short 1", ok());
            client.check("SET later 1", ok());
            assert_eq!(fault(&mut client, &format!("write@incr:{error}")), 3);
            client.send(&encode(&["SET", "lost", "1"]));
            assert_eq!(client.try_recv(), None, "{error}");
            assert_eq!(server.wait().code(), Some(1), "{}", server.log());
            assert!(
                server.log().contains("Can't recover from AOF write error"),
                "{}",
                server.log()
            );
            assert!(server.starts(), "{}", server.log());
            server.client().check("MGET before short later lost", {
                array([bulk("1"), bulk("1"), bulk("1"), Value::Nil])
            });
        });
    }
}

#[test]
fn everysec_latches_a_sync_that_failed_until_a_new_base_is_durable() {
    with_faults(EVERYSEC, |server| {
        let mut client = server.client();
        client.check("SET before 1", ok());
        // The new base is slow, and syncs of the old file would succeed again.
        fault(&mut client, "sync@.1.incr:EIO:1 create@temp-rewrite:delay=400");
        client.check("SET during 1", ok());
        server.wait_until("it noticed", |server| server.info("aof_last_write_status") == "err");
        let refusal = "MISCONF Errors writing to the AOF file: Input/output error";
        client.check("SET refused 1", err(refusal));
        client.check("GET during", bulk("1"));
        // What was written is on no disk for certain.
        client.check("WAITAOF 1 0 50", array([int(0), int(0)]));
        client.check("SET refused 1", err(refusal));
        client.check("WAITAOF 1 0 0", array([int(1), int(0)]));
        client.check("SET after 1", ok());
        assert_eq!(server.info("aof_last_write_status"), "ok");
        let log = server.log();
        assert!(log.contains("Fail to fsync the AOF file: Input/output error"), "{log}");
        assert!(log.contains("Background AOF rewrite finished successfully"), "{log}");
        server.restart();
        server.client().check("MGET before during refused after", {
            array([bulk("1"), bulk("1"), Value::Nil, bulk("1")])
        });
    });
}

#[test]
fn everysec_writes_a_new_base_after_a_write_that_failed() {
    for error in ["EIO", "EROFS", "ESTALE", "short=0"] {
        with_faults(EVERYSEC, |server| {
            let mut client = server.client();
            client.check("SET before 1", ok());
            fault(&mut client, &format!("write@.1.incr:{error} create@.2.incr:delay=100"));
            client.check("SET during 1", ok());
            assert!(client.run("SET refused 1").text().starts_with("MISCONF"), "{error}");
            assert_eq!(server.info("aof_last_write_status"), "err");
            server.wait_until("there is a new base", |server| {
                server.info("aof_last_write_status") == "ok"
            });
            client.check("SET after 1", ok());
            assert!(server.log().contains("Error writing to the AOF file: "), "{}", server.log());
            server.restart();
            server.client().check("MGET before during refused after", {
                array([bulk("1"), bulk("1"), Value::Nil, bulk("1")])
            });
        });
    }
}

#[test]
fn everysec_tries_again_each_second_where_there_was_no_space() {
    for error in ["ENOSPC", "EDQUOT", "EFBIG"] {
        with_faults(NO, |server| {
            let mut client = server.client();
            fault(&mut client, &format!("write@incr:short=9:1 write@incr:{error}:2+"));
            client.check("SET during 1", ok());
            assert!(client.run("SET refused 1").text().starts_with("MISCONF"), "{error}");
            assert_eq!(server.info("aof_last_write_status"), "err");
            let free = Instant::now();
            assert_eq!(fault(&mut client, ""), 2);
            server.wait_until("it writes again", |server| {
                server.info("aof_last_write_status") == "ok"
            });
            assert!(free.elapsed() < Duration::from_secs(2));
            client.check("SET after 1", ok());
            assert!(server.log().contains("AOF write error looks solved"), "{}", server.log());
            server.restart();
            server
                .client()
                .check("MGET during refused after", array([bulk("1"), Value::Nil, bulk("1")]));
        });
    }
}
