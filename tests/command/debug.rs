//! DEBUG: digests that agree with Redis's, replies of each type, forced behaviour.

use crate::support::*;

const ALLOWED: &[&str] = &["--enable-debug-command", "yes"];

#[test]
fn digests_agree_with_the_reference() {
    let reference = Server::reference(ALLOWED);
    each_backend_with(ALLOWED, |server| {
        let (mut ours, mut theirs) = (server.client(), reference.client());
        let steps = [
            "FLUSHALL",
            "SET number 12345",
            "SET text hello",
            r#"SET binary "\x00\xff\r\n""#,
            "SET expiring value EX 100000",
            "APPEND number 6",
            "SELECT 3",
            "SET text hello",
            "SELECT 0",
            "SADD set 1 2 70000",
            "SADD set a",
            "HSET hash field value number 17",
            "SADD set a-member-that-is-too-long-for-any-listpack-and-therefore-in-a-table-of-its-own",
        ];
        for step in steps {
            assert_eq!(ours.run(step), theirs.run(step), "{step}");
            for digest in
                ["DEBUG DIGEST", "DEBUG DIGEST-VALUE number text binary expiring set hash nokey"]
            {
                assert_eq!(ours.run(digest), theirs.run(digest), "{digest} after {step}");
            }
        }
    });
}

#[test]
fn protocol_replies_agree_with_the_reference() {
    let reference = Server::reference(ALLOWED);
    let kinds = [
        "string", "integer", "double", "bignum", "null", "array", "set", "map", "attrib", "true",
        "false", "verbatim", "nosuch",
    ];
    each_backend_with(ALLOWED, |server| {
        for (mut ours, mut theirs) in
            [(server.client(), reference.client()), (server.client3(), reference.client3())]
        {
            for kind in kinds {
                let request = encode(&["DEBUG", "PROTOCOL", kind]);
                ours.send(&request);
                theirs.send(&request);
                assert_eq!(ours.recv_with_bytes(), theirs.recv_with_bytes(), "{kind}");
            }
        }
        let mut client = server.client3();
        client.check("DEBUG PROTOCOL push", bulk("Some real reply following the push reply"));
        let push = Value::Push(vec![bulk("server-cpu-usage"), int(42)]);
        assert_eq!(client.recv(), push);
    });
}

#[test]
fn expiry_waits_for_access_when_switched_off() {
    each_backend_with(ALLOWED, |server| {
        let mut client = server.client();
        client.check("DEBUG SET-ACTIVE-EXPIRE 0", ok());
        client.check("SET k v PX 1", ok());
        client.check("DEBUG SLEEP 0.01", ok());
        client.check("DBSIZE", int(1));
        client.check("EXISTS k", int(0));
        client.check("DBSIZE", int(0));
        client.check("SET k v PX 1", ok());
        client.check("DEBUG SET-ACTIVE-EXPIRE 1", ok());
        while client.run("DBSIZE") != int(0) {}
    });
}

#[test]
fn populate_creates_what_is_missing() {
    each_backend_with(ALLOWED, |server| {
        let mut client = server.client();
        client.check("SET key:1 mine", ok());
        client.check("DEBUG POPULATE 3", ok());
        client.check("MGET key:0 key:1 key:2", bulks(["value:0", "mine", "value:2"]));
        client.check("DEBUG POPULATE 2 p 9", ok());
        client.check("GET p:1", bulk("value:1\0\0"));
        let text = "value is out of range, must be positive";
        client.check("DEBUG POPULATE -1", err(text));
        client.check("DEBUG POPULATE 1 p x", err(text));
        client.check("DBSIZE", int(5));
    });
}

#[test]
fn unknown_and_unsupported_subcommands_are_refused() {
    each_backend_with(ALLOWED, |server| {
        let mut client = server.client();
        let unknown =
            "unknown subcommand or wrong number of arguments for 'NOSUCH'. Try DEBUG HELP.";
        client.check("DEBUG NOSUCH", err(unknown));
        let short = "unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP.";
        client.check("DEBUG SLEEP", err(short));
        let options = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.";
        client.check("DEBUG RELOAD NOW", err(options));
        client.check("DEBUG OBJECT nokey", err("no such key"));
        client.check("SET k v", ok());
        client.check("DEBUG LISTPACK k", err("ERR Not a listpack encoded object."));
        let object = client.run("DEBUG OBJECT k").text();
        assert!(
            object.starts_with("Value at:0x") && object.contains(" encoding:embstr "),
            "{object}"
        );
        client.check("DEBUG ERROR \"CODE a\\nb\"", Value::Error("CODE a b".into()));
    });
}

#[test]
fn debug_needs_to_be_allowed() {
    each_backend_with(&["--enable-debug-command", "no"], |server| {
        let reply = server.client().run("DEBUG SLEEP 0").text();
        assert!(reply.starts_with("ERR DEBUG command not allowed."), "{reply}");
    });
}

#[test]
fn a_forced_crash_ends_the_process() {
    for how in ["SEGFAULT", "PANIC", "ASSERT", "OOM"] {
        for backend in backends() {
            let mut server = Server::start(backend, ALLOWED);
            let mut client = server.client();
            client.send(&encode(&["DEBUG", how]));
            client.recv_to_end();
            assert!(!server.wait().success());
        }
    }
}
