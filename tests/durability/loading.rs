//! A server that is still loading its files: it answers, and says that it is not there yet.

use crate::support::aof::WITH_LOG;
use crate::support::*;
use rustix::process::Signal;

const LOADING: &str = "LOADING Redis is loading the dataset in memory";
/// Slow enough for a test to look around in the meantime, with a look after each KiB.
const SLOWLY: [&str; 4] =
    ["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"];
/// As many keys as nobody waits for at that pace.
const FOREVER: usize = 20_000;
/// Enough keys for some dozen looks around.
const SOME: usize = 1000;

/// Servers that load some keys: from a snapshot, from the commands of a log, from the base of one.
fn each_loading(keys: usize, test: impl Fn(&mut Server)) {
    for (args, then) in
        [(&[][..], "SAVE"), (&WITH_LOG[..], "PING"), (&WITH_LOG[..], "BGREWRITEAOF")]
    {
        each_backend_with_mut(args, |server| {
            let mut client = server.client();
            let value = "x".repeat(100);
            let fill: Vec<_> = (0..keys).map(|key| format!("SET key:{key} {value}")).collect();
            client.pipeline(&fill.iter().map(String::as_str).collect::<Vec<_>>());
            assert!(!client.run(then).is_error());
            server.wait_until("it is written", |server| {
                server.info("aof_rewrite_in_progress") == "0"
            });
            server.restart_loading(&SLOWLY);
            test(server);
        });
    }
}

#[test]
fn clients_are_told_to_come_back_and_how_far_it_is() {
    each_loading(FOREVER, |server| {
        let mut client = server.client();
        for line in ["GET key:1", "PING", "SET a 1", "FLUSHALL", "DEBUG RELOAD", "DEBUG LOADAOF"] {
            client.check(line, err(LOADING));
        }
        client.check("CONFIG SET appendonly no", err(LOADING));
        assert_eq!(server.info("loading"), "1");
        let number = |field| server.info(field).parse::<f64>().expect("a number");
        assert!(number("loading_total_bytes") > number("loading_loaded_bytes"));
        server.wait_until("it goes on", |_| number("loading_loaded_perc") > 0.0);
        assert!(number("loading_eta_seconds") > 0.0 && number("loading_start_time") > 1e9);
    });
}

#[test]
fn what_needs_no_data_is_served_meanwhile() {
    each_loading(FOREVER, |server| {
        let (mut client, mut other) = (server.client(), server.client());
        client.check("SUBSCRIBE channel", array([bulk("subscribe"), bulk("channel"), int(1)]));
        other.check("PUBLISH channel hello", int(1));
        assert_eq!(client.recv(), bulks(["message", "channel", "hello"]));
        other.check("MULTI", ok());
        other.check("CONFIG SET maxmemory 1gb", simple("QUEUED"));
        other.check("EXEC", array([ok()]));
        other.check("MULTI", ok());
        other.check("GET key:1", err(LOADING));
        other.check("EXEC", err("EXECABORT Transaction discarded because of previous errors."));
    });
}

#[test]
fn all_is_there_in_the_end_whoever_came_and_went_meanwhile() {
    each_loading(SOME, |server| {
        let mut guests = 0;
        while server.info("loading") == "1" {
            server.client().run("PING");
            guests += 1;
        }
        assert!(guests > 0);
        let mut client = server.client();
        client.check("DBSIZE", int(1000));
        client.check("STRLEN key:999", int(100));
        client.check("SET a 1", ok());
    });
}

#[test]
fn a_load_ends_with_the_server_and_leaves_the_files_alone() {
    for end in ["SIGTERM", "SHUTDOWN", "SIGKILL"] {
        each_loading(SOME, |server| {
            match end {
                "SIGTERM" => server.signal(Signal::TERM),
                "SHUTDOWN" => server.client().send(b"SHUTDOWN SAVE\r\n"),
                _ => server.signal(Signal::KILL),
            }
            assert_eq!(server.wait().success(), end != "SIGKILL", "{}", server.log());
            server.restart_with(&["--key-load-delay", "0"]);
            server.client().check("DBSIZE", int(1000));
        });
    }
}
