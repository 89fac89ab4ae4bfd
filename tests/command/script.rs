//! EVAL, EVALSHA, their read-only forms, and SCRIPT.

use crate::support::aof::{WITH_LOG, incr_file, lines, records};
use crate::support::*;

/// Runs a script without keys.
fn eval(client: &mut Client, body: &str) -> Value {
    client.cmd(&["EVAL", body, "0"])
}

#[track_caller]
fn check(client: &mut Client, body: &str, expected: Value) {
    assert_eq!(eval(client, body), expected, "{body}");
}

/// The error of a script that consists of `body`, in its first line.
fn failed(body: &str, text: &str) -> Value {
    let Value::Error(text) = err(text) else { unreachable!("err makes errors") };
    Value::Error(format!("{text} script: {}, on @user_script:1.", sha1(body)))
}

fn sha1(body: &str) -> String {
    use sha1::{Digest, Sha1};
    Sha1::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_script_is_known_by_its_hash_once_it_was_run_or_loaded() {
    each_backend(|server| {
        let mut client = server.client();
        let (body, sha) = ("return ARGV[1]", sha1("return ARGV[1]"));
        let missing = err("NOSCRIPT No matching script. Please use EVAL.");
        let evalsha = format!("EVALSHA {sha} 0 x");
        client.check(&evalsha, missing.clone());
        assert_eq!(client.cmd(&["SCRIPT", "LOAD", body]), bulk(&sha));
        client.check(&evalsha, bulk("x"));
        client.check(&evalsha.to_uppercase().replace(" X", " x"), bulk("x"));
        client.check(&format!("SCRIPT EXISTS {sha} nope"), array([int(1), int(0)]));
        client.check("SCRIPT FLUSH ASYNC", ok());
        client.check(&evalsha, missing);
        check(&mut client, body, nil());
        client.check(&evalsha, bulk("x"));
        client.check("SCRIPT KILL", err("NOTBUSY No scripts in execution right now."));
        client.check("SCRIPT FLUSH X", err("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    });
}

#[test]
fn scripts_that_were_only_run_make_room_for_others() {
    each_backend(|server| {
        let mut client = server.client();
        client.cmd(&["SCRIPT", "LOAD", "return 'kept'"]);
        for number in 0..=500 {
            check(&mut client, &format!("return {number}"), int(number));
        }
        let known = ["return 'kept'", "return 0", "return 1", "return 500"].map(sha1).join(" ");
        let expected = array([int(1), int(0), int(1), int(1)]);
        client.check(&format!("SCRIPT EXISTS {known}"), expected);
    });
}

#[test]
fn keys_and_arguments_are_told_apart() {
    each_backend(|server| {
        let mut client = server.client();
        let body = "return {KEYS[1], KEYS[2], ARGV[1], #ARGV}";
        let expected = array([bulk("a"), bulk("b"), bulk("c"), int(1)]);
        assert_eq!(client.cmd(&["EVAL", body, "2", "a", "b", "c"]), expected);
        let too_many = err("Number of keys can't be greater than number of args");
        client.check("EVAL x 3 a b", too_many);
        client.check("EVAL x -1 a b", err("Number of keys can't be negative"));
        client.check("EVAL x y", err("value is not an integer or out of range"));
        client.check("COMMAND GETKEYS EVAL x 2 a b c", bulks(["a", "b"]));
    });
}

#[test]
fn values_become_replies() {
    each_backend(|server| {
        let mut client = server.client();
        let cases = [
            ("return 3.99", int(3)),
            ("return 'text'", bulk("text")),
            ("return true", int(1)),
            ("return false", nil()),
            ("return {1, {2, 'x'}, nil, 3}", array([int(1), array([int(2), bulk("x")])])),
            ("return {ok = 'fine'}", simple("fine")),
            ("return {err = 'MY error'}", err("MY error")),
            ("return {double = 1.5}", bulk("1.5")),
            ("return redis.status_reply('fine')", simple("fine")),
            ("return redis.error_reply('MY error')", err("MY error")),
            ("return redis.error_reply('error')", err("error")),
            ("return redis.call('SET', 'k', 3)", ok()),
            ("return redis.call('GET', 'k')", bulk("3")),
            ("return redis.call('GET', 'none')", nil()),
            ("return {redis.call('INCR', 'k') + 0.5}", array([int(4)])),
        ];
        for (body, expected) in cases {
            check(&mut client, body, expected);
        }
        client.run("HELLO 3");
        check(&mut client, "return {double = 1.5}", Value::Double("1.5".into()));
        check(&mut client, "redis.setresp(3) return true", Value::Bool(true));
        check(&mut client, "return false", null());
        client.run("HSET h f v");
        let map = "redis.setresp(3) return redis.call('HGETALL', 'h')['map']['f']";
        check(&mut client, map, bulk("v"));
    });
}

#[test]
fn errors_say_where_they_happened() {
    each_backend(|server| {
        let mut client = server.client();
        client.run("SET k text");
        let cases = [
            ("return redis.call('nope')", "Unknown Redis command called from script"),
            ("return redis.call('GET')", "Wrong number of args calling Redis command from script"),
            ("return redis.call('EVAL', '', 0)", "This Redis command is not allowed from script"),
            ("return redis.call('INCR', 'k')", "value is not an integer or out of range"),
            ("return redis.call()", "Please specify at least one argument for this redis lib call"),
            (
                "return redis.call({})",
                "Lua redis lib command arguments must be strings or integers",
            ),
            ("error('boom')", "user_script:1: boom"),
            ("error({err = 'MY error'})", "MY error"),
            (
                "local t = nil; return t.x",
                "user_script:1: attempt to index local 't' (a nil value)",
            ),
        ];
        for (body, text) in cases {
            check(&mut client, body, failed(body, text));
        }
        let syntax = "Error compiling script (new function): user_script:1: unexpected symbol near";
        check(&mut client, "return +", err(&format!("{syntax} '+'")));
        let caught = "local ok, text = pcall(redis.call, 'nope') return text";
        check(&mut client, caught, bulk("ERR Unknown Redis command called from script"));
        let caught = "return redis.pcall('nope').err";
        check(&mut client, caught, bulk("ERR Unknown Redis command called from script"));
    });
}

#[test]
fn nothing_that_scripts_share_can_be_changed() {
    each_backend(|server| {
        let mut client = server.client();
        let readonly = "Attempt to modify a readonly table";
        for body in [
            "x = 1",
            "redis = nil",
            "redis.call = nil",
            "string.rep = nil",
            "_G.x = 1",
            "getmetatable('').__index = nil",
        ] {
            check(&mut client, body, failed(body, &format!("user_script:1: {readonly}")));
        }
        for body in ["rawset(_G, 'x', 1)", "setmetatable(redis, {})", "table.insert(redis, 1)"] {
            check(&mut client, body, failed(body, readonly));
        }
        let body = "return x";
        let text = "user_script:1: Script attempted to access nonexistent global variable 'x'";
        check(&mut client, body, failed(body, text));
        check(&mut client, "setfenv(1, {}) return 1", int(1));
        check(&mut client, "setfenv(1, {}) return 1", int(1));
        check(
            &mut client,
            "return {getfenv(0) == _G, getfenv(pcall) == _G}",
            array([int(1), int(1)]),
        );
    });
}

#[test]
fn the_globals_are_those_of_redis() {
    each_backend(|server| {
        let names = "local t = {} for name in pairs(_G) do t[#t + 1] = name end \
                     table.sort(t) return table.concat(t, ' ')";
        let expected = "ARGV KEYS _G _VERSION assert bit cjson cmsgpack collectgarbage coroutine error gcinfo getfenv \
                        getmetatable ipairs load loadstring math next pairs pcall rawequal rawget \
                        rawset redis select server setfenv setmetatable string struct table tonumber \
                        tostring type unpack xpcall";
        check(&mut server.client(), names, bulk(expected));
    });
}

#[test]
fn holes_of_the_interpreter_are_closed() {
    each_backend(|server| {
        let mut client = server.client();
        // CVE-2025-46817.
        let body = "return {pcall(unpack, {}, -2147483648, 2147483647)}";
        check(&mut client, body, array([nil(), bulk("too many results to unpack")]));
        // CVE-2015-4335.
        check(&mut client, "return string.dump == nil and 1 or 0", int(1));
        check(&mut client, "return loadstring('\\27Lua') == nil and 1 or 0", int(1));
        // CVE-2025-49844: the name is only known to the parser, and the collector runs.
        let body = "for i = 1, 50 do \
                      loadstring(string.rep('local x = {} ', 150), 'name' .. i) \
                      collectgarbage() \
                    end return 1";
        check(&mut client, body, int(1));
        // CVE-2022-0543.
        for name in ["package", "require", "os", "io", "debug", "newproxy", "dofile"] {
            assert!(eval(&mut client, &format!("return {name}")).is_error(), "{name}");
        }
        client.check("PING", simple("PONG"));
    });
}

#[test]
fn what_a_script_takes_is_bounded() {
    each_backend(|server| {
        let mut client = server.client();
        for body in [
            "local s = 'x' while true do s = s .. s end",
            "local t = {} while true do t[#t + 1] = {} end",
            "local function f() return 1 + f() end return f()",
            "local t = {} for i = 1, 10 do t[i] = t end return t",
            "return redis.call('DEL', unpack({}, 1, 100000))",
            "return string.rep('x', 1e9)",
        ] {
            assert!(eval(&mut client, body).is_error(), "{body}");
            check(&mut client, "return 1", int(1));
        }
        let many =
            "local t = {} for i = 1, 7000 do t[i] = i end return redis.call('DEL', unpack(t))";
        check(&mut client, many, int(0));
    });
}

#[test]
fn a_read_only_script_writes_nothing() {
    each_backend(|server| {
        let mut client = server.client();
        let body = "return redis.call('SET', KEYS[1], 1)";
        let refused = failed(body, "Write commands are not allowed from read-only scripts.");
        assert_eq!(client.cmd(&["EVAL_RO", body, "1", "k"]), refused);
        client.cmd(&["SCRIPT", "LOAD", body]);
        assert_eq!(client.cmd(&["EVALSHA_RO", &sha1(body), "1", "k"]), refused);
        client.check("EXISTS k", int(0));
        client.check("EVAL_RO \"return redis.call('GET', KEYS[1])\" 1 k", nil());
    });
}

#[test]
fn a_script_leaves_its_client_as_it_was() {
    each_backend(|server| {
        let mut client = server.client();
        check(&mut client, "redis.call('SELECT', 3) return redis.call('SET', 'k', 1)", ok());
        client.check("GET k", nil());
        client.run("SELECT 3");
        client.check("GET k", bulk("1"));
        check(&mut client, "return redis.call('BLPOP', 'none', 0)", nil());
        client.check("BLPOP none 0.01", Value::NilArray);
    });
}

#[test]
fn a_script_does_what_its_user_may_do() {
    each_backend(|server| {
        let (mut client, mut admin) = (server.client(), server.client());
        admin.check("ACL SETUSER lua on nopass ~mine* +eval +get +set", ok());
        client.run("AUTH lua x");
        let body = "return redis.call('SET', ARGV[1], 1)";
        assert_eq!(client.cmd(&["EVAL", body, "0", "mine"]), ok());
        let key = failed(body, "ERR ACL failure in script: No permissions to access a key");
        assert_eq!(client.cmd(&["EVAL", body, "0", "other"]), key);
        let key = err("NOPERM No permissions to access a key");
        assert_eq!(client.cmd(&["EVAL", body, "1", "other", "mine"]), key);
        let body = "return redis.call('DEL', 'mine')";
        let text =
            "ERR ACL failure in script: User lua has no permissions to run the 'del' command";
        check(&mut client, body, failed(body, text));
    });
}

#[test]
fn a_script_says_what_it_does() {
    each_backend(|server| {
        let mut client = server.client();
        let body = "#!lua flags=no-writes\nreturn redis.call('SET', 'k', 1)";
        let text = "ERR Write commands are not allowed from read-only scripts.";
        let expected = format!("{text} script: {}, on @user_script:2.", sha1(body));
        check(&mut client, body, Value::Error(expected));
        let body = "#!lua\nreturn 1";
        check(&mut client, body, int(1));
        let refused = err("ERR Can not execute a script with write flag using *_ro command.");
        assert_eq!(client.cmd(&["EVAL_RO", body, "0"]), refused);
        client.run("SET k 1");
        client.run("CONFIG SET maxmemory 1");
        let full = err("OOM command not allowed when used memory > 'maxmemory'.");
        check(&mut client, body, full);
        check(&mut client, "#!lua flags=allow-oom\nreturn redis.call('SET', 'k', 1)", ok());
        check(&mut client, "#!lua flags=no-writes\nreturn redis.call('GET', 'k')", bulk("1"));
        let body = "return redis.call('SET', 'k', 2)";
        check(
            &mut client,
            body,
            failed(body, "OOM command not allowed when used memory > 'maxmemory'."),
        );
    });
}

#[test]
fn a_script_asks_what_its_user_may_do() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("ACL SETUSER lua on nopass ~mine* +eval +get", ok());
        client.run("AUTH lua x");
        let body = "return {redis.acl_check_cmd('GET', 'mine'), redis.acl_check_cmd('GET', 'other'), \
                    redis.acl_check_cmd('SET', 'mine', 1)}";
        check(&mut client, body, array([int(1), nil(), nil()]));
        let body = "return redis.acl_check_cmd('nope')";
        assert!(eval(&mut client, body).is_error());
    });
}

#[test]
fn the_effects_of_a_script_are_one_transaction_of_the_log() {
    each_backend_with_mut(&WITH_LOG, |server| {
        let mut client = server.client();
        let body = "redis.call('SET', 'a', 1) redis.call('SPOP', 's') redis.call('INCR', 'a')";
        client.run("SADD s x");
        eval(&mut client, body);
        eval(&mut client, "redis.call('SET', 'b', 1) error('late')");
        eval(&mut client, "return redis.call('GET', 'a')");
        eval(&mut client, "redis.set_repl(redis.REPL_NONE) redis.call('SET', 'c', 1)");
        let (log, _) = records(&incr_file(server), 0);
        let expected = "SELECT 0,SADD s x,MULTI,SET a 1,SREM s x,INCR a,EXEC,SET b 1";
        assert_eq!(lines(&log).join(","), expected);
        server.restart();
        server.client().check("MGET a b c", array([bulk("2"), bulk("1"), nil()]));
    });
}

#[test]
fn what_a_script_leaves_behind_is_given_back_at_once() {
    each_backend(|server| {
        let mut client = server.client();
        let large = "local t = {} for i = 1, 20000 do t[i] = ('x'):rep(1000) .. i end return #t";
        client.check(&format!("EVAL \"{large}\" 0"), int(20000));
        assert!(server.info("used_memory_lua").parse::<u64>().expect("digits") < 4 << 20);
        let failing = large.replace("return #t", "error('no')");
        assert!(client.run(&format!("EVAL \"{failing}\" 0")).is_error());
        assert!(server.info("used_memory_lua").parse::<u64>().expect("digits") < 4 << 20);
    });
}
