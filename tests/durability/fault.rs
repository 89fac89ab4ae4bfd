//! Errors of the disk, one test for each row of the durability contract: made by faults that the
//! server was asked for, which only builds with debug assertions know.

use std::time::{Duration, Instant};

use crate::support::*;

/// Runs a test on a server of each driver with these options, unless its build knows no faults.
pub fn with_faults(args: &[&str], test: impl Fn(&mut Server)) {
    for backend in backends() {
        let mut server = Server::start(backend, args);
        if !knows_faults(&server) {
            return;
        }
        test(&mut server);
    }
}

/// Whether the server's build knows faults; says so where it does not.
pub fn knows_faults(server: &Server) -> bool {
    let knows = !server.client().run("DEBUG FAULT").is_error();
    if !knows {
        skipped("this build knows no faults");
    }
    knows
}

const ALWAYS: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];
const EVERYSEC: &[&str] = &["--appendonly", "yes"];
const NO: &[&str] = &["--appendonly", "yes", "--appendfsync", "no"];

/// Has the disk fail by these rules from here on; how often those before have acted.
pub fn fault(client: &mut Client, rules: &str) -> i64 {
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

#[test]
fn a_sync_that_fails_while_a_base_is_written_asks_for_another_base() {
    with_faults(EVERYSEC, |server| {
        let mut client = server.client();
        client.check("SET before 1", ok());
        fault(&mut client, "create@temp-rewrite:delay=300:1 sync@.2.incr:EIO");
        client.run("BGREWRITEAOF");
        server.wait_until("the next file is there", |server| {
            server.log().contains("Background append only file rewriting started")
        });
        client.check("SET during 1", ok());
        client.check("WAITAOF 1 0 20", array([int(0), int(0)]));
        assert_eq!(server.info("aof_last_write_status"), "err");
        assert!(client.run("SET refused 1").text().starts_with("MISCONF"));
        server.wait_until("there is a base", |server| server.info("aof_last_write_status") == "ok");
        client.check("SET after 1", ok());
        let log = server.log();
        assert!(log.contains("terminated with error: the file that grows has failed"), "{log}");
        server.restart();
        server.client().check("MGET before during refused after", {
            array([bulk("1"), bulk("1"), Value::Nil, bulk("1")])
        });
    });
}

#[test]
fn a_base_that_is_needed_is_tried_again_though_nobody_asks() {
    with_faults(EVERYSEC, |server| {
        let mut client = server.client();
        fault(&mut client, "write@.1.incr:EIO:1 create@temp-rewrite:EIO:1");
        client.check("SET key 1", ok());
        // By the log, which does not wake the server.
        server.wait_until("it failed once and worked then", |server| {
            let log = server.log();
            log.contains("rewrite terminated with error")
                && log.contains("rewrite finished successfully")
        });
        client.check("SET key 2", ok());
    });
}

#[test]
fn the_end_waits_for_a_log_that_holds_everything() {
    with_faults(NO, |server| {
        let mut client = server.client();
        fault(&mut client, "write@incr:ENOSPC");
        client.check("SET during 1", ok());
        client.check("SHUTDOWN", err("ERR Errors trying to SHUTDOWN. Check logs."));
        assert!(server.log().contains("Error trying to keep the AOF, can't exit."));
        client.check("GET during", bulk("1"));
        fault(&mut client, "");
        client.send(&encode(&["SHUTDOWN"]));
        assert_eq!(server.wait().code(), Some(0), "{}", server.log());
        assert!(server.starts());
        let mut client = server.client();
        client.check("GET during", bulk("1"));
        fault(&mut client, "write@incr:ENOSPC");
        client.check("SET lost 1", ok());
        client.send(&encode(&["SHUTDOWN", "FORCE"]));
        assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    });
}

/// How long each of some GETs took at most, while a writer waits for `slow`.
fn slowest_get(server: &Server, slow: impl FnOnce(&mut Client) + Send) -> (Duration, Duration) {
    let (mut writer, mut reader) = (server.client(), server.client());
    std::thread::scope(|scope| {
        let began = Instant::now();
        let waiting = scope.spawn(move || {
            slow(&mut writer);
            began.elapsed()
        });
        let mut slowest = Duration::ZERO;
        while !waiting.is_finished() {
            let asked = Instant::now();
            reader.check("GET other", bulk("1"));
            slowest = slowest.max(asked.elapsed());
        }
        (slowest, waiting.join().expect("it is answered"))
    })
}

#[test]
fn who_does_not_depend_on_a_slow_sync_does_not_wait_for_it() {
    const SLOW: Duration = Duration::from_millis(400);
    for (args, ends) in [(ALWAYS, "SET key 2"), (EVERYSEC, "WAITAOF 1 0 0")] {
        with_faults(args, |server| {
            let mut client = server.client();
            client.check("SET other 1", ok());
            client.check("WAITAOF 1 0 0", array([int(1), int(0)]));
            fault(&mut client, &format!("sync@incr:delay={}", SLOW.as_millis()));
            let (slowest, whole) = slowest_get(server, |writer| {
                writer.run("SET key 1");
                writer.run(ends);
            });
            assert!(whole >= SLOW, "{whole:?}");
            assert!(slowest < SLOW / 2, "{slowest:?} of {whole:?}");
        });
    }
}

#[test]
fn a_log_cut_off_within_a_write_holds_the_whole_units_before() {
    let unit =
        encode(&["MULTI"]).len() + encode(&["EXEC"]).len() + 2 * encode(&["SET", "a", "1"]).len();
    for bytes in (0..unit).step_by(7) {
        with_faults(NO, |server| {
            let mut client = server.client();
            client.check("SET before 1", ok());
            fault(&mut client, &format!("write@incr:short={bytes}:1 write@incr:ENOSPC:2+"));
            let replies = client.pipeline(&["MULTI", "SET a 1", "SET b 1", "EXEC"]);
            assert_eq!(replies[3], array([ok(), ok()]));
            server.restart();
            server.client().check("MGET before a b", array([bulk("1"), Value::Nil, Value::Nil]));
        });
    }
}
