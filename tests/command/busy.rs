//! Scripts that go on for longer than `busy-reply-threshold`: what others are told, and how they end.

use crate::support::aof::{incr_file, lines, records};
use crate::support::*;

const THRESHOLD: [&str; 2] = ["--busy-reply-threshold", "20"];
const ENDLESS: &str = "while true do end";
const LIBRARY: &str = "#!lua name=lib\n\
                       redis.register_function('endless', function() while true do end end)";

fn busy() -> Value {
    err("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.")
}

fn killed() -> &'static str {
    "Script killed by user with SCRIPT KILL..."
}

/// A client whose script runs, for so long that others are told.
fn running(server: &Server, script: &str) -> Client {
    let mut client = server.client();
    client.send(&encode(&["EVAL", script, "0"]));
    server.wait_until("others are told", |server| server.client().run("PING").is_error());
    client
}

fn check_killed(client: &mut Client) {
    let Value::Error(text) = client.recv() else { panic!("a script that was killed") };
    assert!(text.contains(killed()), "{text}");
}

#[test]
fn others_are_told_that_a_script_runs_until_one_ends_it() {
    each_backend_with(&THRESHOLD, |server| {
        let mut caller = running(server, ENDLESS);
        let mut other = server.client();
        for line in ["PING", "GET k", "SET k v", "SHUTDOWN", "EVAL x 0", "SCRIPT FLUSH"] {
            other.check(line, busy());
        }
        for line in ["FUNCTION KILL", "FUNCTION STATS"] {
            other.check(line, busy());
        }
        assert!(!other.run("HELLO 2").is_error() && other.run("AUTH x").is_error());
        other.check("SCRIPT KILL", ok());
        check_killed(&mut caller);
        other.check("PING", simple("PONG"));
        other.check("SCRIPT KILL", err("NOTBUSY No scripts in execution right now."));
        caller.check("PING", simple("PONG"));
    });
}

#[test]
fn no_script_goes_on_after_it_was_killed() {
    each_backend_with(&THRESHOLD, |server| {
        for script in [
            "while true do pcall(function() while true do end end) end",
            "local function f() local ok = pcall(f) return ok end while true do f() end",
            "while true do pcall(redis.call, 'PING') end",
            "while true do coroutine.wrap(function() while true do pcall(error) end end)() end",
            "while true do pcall(coroutine.wrap(function() while true do end end)) end",
            "string.find(('a'):rep(30000), ('.-'):rep(50) .. 'b')",
            "pcall(string.gsub, ('a'):rep(30000), '.-.-.-.-b', '') while true do end",
            "local t = {} for i = 1, 200000 do t[i] = i % 7 end while true do table.sort(t) end",
            "setmetatable({}, {__index = function() while true do end end}).x = 1 while true do end",
        ] {
            let mut caller = running(server, script);
            let mut other = server.client();
            other.check("SCRIPT KILL", ok());
            check_killed(&mut caller);
            other.check("PING", simple("PONG"));
        }
    });
}

#[test]
fn a_script_that_has_written_is_not_killed() {
    each_backend_with_mut(&[&THRESHOLD[..], &["--appendonly", "yes"]].concat(), |server| {
        server.client().check("SET before 1", ok());
        let script = "redis.call('SET', 'k', 1) redis.call('SET', 'l', 1) while true do end";
        let _caller = running(server, script);
        let mut other = server.client();
        let text = "UNKILLABLE Sorry the script already executed write commands against the \
                    dataset. You can either wait the script termination or kill the server in a \
                    hard way using the SHUTDOWN NOSAVE command.";
        other.check("SCRIPT KILL", err(text));
        other.send(&encode(&["SHUTDOWN", "NOSAVE"]));
        assert!(server.wait().success());
        // What the script did is not in the log: it did not come to its end.
        server.restart();
        server.client().check("MGET before k l", array([bulk("1"), nil(), nil()]));
    });
}

#[test]
fn what_was_done_before_is_written_while_a_script_runs() {
    each_backend_with(&[&THRESHOLD[..], &["--appendonly", "yes"]].concat(), |server| {
        let mut writer = server.client();
        let script = "redis.call('SET', 'k', 1) redis.call('SET', 'l', 1) \
                      for i = 1, 3e7 do end return redis.call('INCR', 'k')";
        let request = [encode(&["SET", "a", "1"]), encode(&["EVAL", script, "0"])].concat();
        writer.send(&request);
        server.wait_until("others are told", |server| server.client().run("PING").is_error());
        let (log, _) = records(&incr_file(server), 0);
        assert_eq!(lines(&log).join(","), "SELECT 0,SET a 1");
        assert_eq!((writer.recv(), writer.recv()), (ok(), int(2)));
        let (log, _) = records(&incr_file(server), 0);
        let expected = "SELECT 0,SET a 1,MULTI,SET k 1,SET l 1,INCR k,EXEC";
        assert_eq!(lines(&log).join(","), expected);
    });
}

#[test]
fn a_transaction_that_meets_a_script_is_not_executed_in_part() {
    each_backend_with(&THRESHOLD, |server| {
        let [mut early, mut whole, mut late] = [(); 3].map(|()| server.client());
        for client in [&mut early, &mut whole] {
            client.check("MULTI", ok());
            client.check("INCR n", simple("QUEUED"));
        }
        let mut caller = running(server, ENDLESS);
        early.check("INCR n", busy());
        let aborted = format!(
            "EXECABORT Transaction discarded because of: {}",
            match busy() {
                Value::Error(text) => text,
                _ => unreachable!("an error"),
            }
        );
        whole.check("EXEC", err(&aborted));
        late.check("MULTI", ok());
        late.check("INCR n", busy());
        server.client().check("SCRIPT KILL", ok());
        check_killed(&mut caller);
        let text = "EXECABORT Transaction discarded because of previous errors.";
        for client in [&mut early, &mut late] {
            client.check("EXEC", err(text));
        }
        whole.check("EXEC", err("ERR EXEC without MULTI"));
        caller.check("EXISTS n", int(0));
    });
}

#[test]
fn a_script_within_a_transaction_lets_others_in_as_well() {
    each_backend_with(&THRESHOLD, |server| {
        let mut caller = server.client();
        caller.check("MULTI", ok());
        caller.check("SET a 1", simple("QUEUED"));
        caller.check(&format!("EVAL '{ENDLESS}' 0"), simple("QUEUED"));
        caller.check("SET b 1", simple("QUEUED"));
        caller.send(&encode(&["EXEC"]));
        server.wait_until("others are told", |server| server.client().run("PING").is_error());
        server.client().check("SCRIPT KILL", ok());
        let reply = caller.recv();
        assert!(reply.items().len() == 3 && reply.items()[1].is_error(), "{reply:?}");
        caller.check("MGET a b", bulks(["1", "1"]));
    });
}

#[test]
fn clients_come_and_go_while_a_script_runs() {
    each_backend_with(&THRESHOLD, |server| {
        let caller = running(server, ENDLESS);
        let pipelined = encode(&["PING"]).repeat(100);
        let mut other = server.client();
        other.send(&pipelined);
        (0..100).for_each(|_| assert_eq!(other.recv(), busy()));
        for _ in 0..20 {
            let mut passing = server.client();
            passing.send(&pipelined);
            passing.reset();
        }
        // The caller leaves: its script goes on, and ends without it.
        caller.reset();
        other.check("PING", busy());
        other.check("SCRIPT KILL", ok());
        server.wait_until("the script ends", |server| !server.client().run("PING").is_error());
    });
}

#[test]
fn what_the_caller_sends_meanwhile_follows_its_script() {
    each_backend_with(&THRESHOLD, |server| {
        let mut caller = server.client();
        let script = encode(&["EVAL", ENDLESS, "0"]);
        caller.send(&[&encode(&["SET", "k", "1"])[..], &script, &encode(&["INCR", "k"])].concat());
        server.wait_until("others are told", |server| server.client().run("PING").is_error());
        caller.send(&encode(&["INCR", "k"]).repeat(2));
        server.client().check("SCRIPT KILL", ok());
        assert_eq!(caller.recv(), ok());
        check_killed(&mut caller);
        assert_eq!((caller.recv(), caller.recv(), caller.recv()), (int(2), int(3), int(4)));
    });
}

#[test]
fn what_is_blocked_is_served_only_after_the_script() {
    each_backend_with(&THRESHOLD, |server| {
        let mut waiting = server.client();
        waiting.send(&encode(&["BLPOP", "l", "0"]));
        let script = "redis.call('RPUSH', 'l', 'x') for i = 1, 2e7 do end \
                      redis.call('DEL', 'l') return 'done'";
        let mut caller = running(server, script);
        let mut other = server.client();
        other.check("SCRIPT KILL", other_error());
        assert_eq!(caller.recv(), bulk("done"));
        other.check("RPUSH l y", int(1));
        assert_eq!(waiting.recv(), bulks(["l", "y"]));
    });
}

fn other_error() -> Value {
    err("UNKILLABLE Sorry the script already executed write commands against the dataset. You can \
         either wait the script termination or kill the server in a hard way using the SHUTDOWN \
         NOSAVE command.")
}

#[test]
fn a_function_is_ended_by_its_own_command() {
    each_backend_with(&THRESHOLD, |server| {
        let mut caller = server.client();
        assert_eq!(caller.cmd(&["FUNCTION", "LOAD", LIBRARY]), bulk("lib"));
        caller.send(&encode(&["FCALL", "endless", "1", "key", "arg"]));
        server.wait_until("others are told", |server| server.client().run("PING").is_error());
        let busy = err(
            "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.",
        );
        let mut other = server.client();
        other.check("PING", busy.clone());
        other.check("SCRIPT KILL", busy);
        let stats = other.run("FUNCTION STATS");
        let script = &stats.items()[1];
        assert_eq!(script.items()[1], bulk("endless"));
        assert_eq!(script.items()[3], bulks(["FCALL", "endless", "1", "key", "arg"]));
        assert!(script.items()[5].as_int() >= 20, "{script:?}");
        other.check("FUNCTION KILL", ok());
        check_killed(&mut caller);
        assert_eq!(other.run("FUNCTION STATS").items()[1], nil());
    });
}

#[test]
fn with_always_no_reply_reveals_what_is_not_durable() {
    let args = [&THRESHOLD[..], &["--appendonly", "yes", "--appendfsync", "always"]].concat();
    each_backend_with_mut(&args, |server| {
        let mut writer = server.client();
        let script =
            "redis.call('SET', 'k', 1) for i = 1, 2e7 do end return redis.call('GET', 'k')";
        let request = [encode(&["SET", "a", "1"]), encode(&["EVAL", script, "0"])].concat();
        writer.send(&request);
        server.wait_until("others are told", |server| server.client().run("PING").is_error());
        assert_eq!((writer.recv(), writer.recv()), (ok(), bulk("1")));
        // Both have their replies, so both are in the log whatever comes.
        server.kill();
        server.restart();
        server.client().check("MGET a k", bulks(["1", "1"]));
    });
}
