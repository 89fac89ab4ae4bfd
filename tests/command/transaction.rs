//! MULTI, EXEC, DISCARD, WATCH.

use crate::support::*;

#[test]
fn a_transaction_runs_as_one() {
    each_backend(|server| {
        let (mut client, mut other) = (server.client(), server.client());
        client.check("MULTI", ok());
        client.check("SET k 1", simple("QUEUED"));
        client.check("INCR k", simple("QUEUED"));
        other.check("GET k", nil());
        client.check("EXEC", array([ok(), int(2)]));
        other.check("GET k", bulk("2"));
        client.check("EXEC", err("ERR EXEC without MULTI"));
        client.check("DISCARD", err("ERR DISCARD without MULTI"));
    });
}

#[test]
fn discard_forgets_what_was_queued() {
    each_backend(|server| {
        let mut client = server.client();
        let replies = client.pipeline(&["MULTI", "SET k 1", "DISCARD", "GET k"]);
        assert_eq!(replies, [ok(), simple("QUEUED"), ok(), nil()]);
    });
}

#[test]
fn a_refused_command_aborts_and_a_failing_one_does_not() {
    each_backend(|server| {
        let mut client = server.client();
        client.pipeline(&["MULTI", "SET k 1", "GET"]);
        let aborted = err("EXECABORT Transaction discarded because of previous errors.");
        client.check("EXEC", aborted);
        client.check("EXISTS k", int(0));
        client.pipeline(&["MULTI", "SET k text", "INCR k", "SET after 1"]);
        let failed = err("ERR value is not an integer or out of range");
        client.check("EXEC", array([ok(), failed, ok()]));
        client.check("GET after", bulk("1"));
    });
}

/// Whether a transaction of a client that watches `k` runs after another client did `line`.
fn survives(server: &Server, line: &str) -> bool {
    let (mut client, mut other) = (server.client(), server.client());
    client.pipeline(&["FLUSHALL", "SET k 1", "WATCH k"]);
    other.run(line);
    client.pipeline(&["MULTI", "PING"]);
    client.run("EXEC") == array([simple("PONG")])
}

#[test]
fn watch_notices_every_change_and_nothing_else() {
    each_backend(|server| {
        let changes = [
            "SET k 1",
            "DEL k",
            "EXPIRE k 100",
            "APPEND k x",
            "RENAME k j",
            "FLUSHALL",
            "SWAPDB 0 1",
        ];
        for line in changes {
            assert!(!survives(server, line), "{line}");
        }
        for line in ["GET k", "SET j 1", "PERSIST k", "SET k 2 NX", "SELECT 1", "TOUCH k"] {
            assert!(survives(server, line), "{line}");
        }
    });
}

#[test]
fn unwatch_and_exec_end_the_watch() {
    each_backend(|server| {
        let (mut client, mut other) = (server.client(), server.client());
        client.check("WATCH k", ok());
        other.check("SET k 1", ok());
        client.check("UNWATCH", ok());
        assert_eq!(client.pipeline(&["MULTI", "EXEC"]), [ok(), array([])]);
        client.check("WATCH k", ok());
        assert_eq!(client.pipeline(&["MULTI", "EXEC"]), [ok(), array([])]);
        other.check("SET k 2", ok());
        assert_eq!(client.pipeline(&["MULTI", "EXEC"]), [ok(), array([])]);
    });
}

#[test]
fn transactions_do_not_nest() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("MULTI", ok());
        client.check("MULTI", err("ERR MULTI calls can not be nested"));
        client.check("WATCH k", err("ERR WATCH inside MULTI is not allowed"));
        client.check("SET k 1", simple("QUEUED"));
        client.check("EXEC", array([ok()]));
    });
}
