//! FUNCTION and FCALL.

use crate::support::aof::{WITH_LOG, incr_file, lines, records};
use crate::support::*;

/// A library with one function, which does `body`.
fn library(name: &str, function: &str, body: &str) -> String {
    format!(
        "#!lua name={name}\nredis.register_function('{function}', function(keys, args) {body} end)"
    )
}

#[track_caller]
fn load(client: &mut Client, code: &str) {
    let reply = client.cmd(&["FUNCTION", "LOAD", "REPLACE", code]);
    assert!(matches!(reply, Value::Bulk(_)), "{reply:?}: {code}");
}

#[track_caller]
fn check_refused(client: &mut Client, code: &str, reason: &str) {
    assert_eq!(client.cmd(&["FUNCTION", "LOAD", code]), err(reason), "{code}");
}

/// Names of functions and their flags, by library.
fn listed(client: &mut Client) -> Vec<String> {
    let reply = client.run("FUNCTION LIST");
    let library = |library: &Value| {
        let functions = library.items()[5].items().iter().map(|function| {
            let flags: Vec<_> = function.items()[5].items().iter().map(Value::text).collect();
            format!("{}({})", function.items()[1].text(), flags.join(" "))
        });
        format!("{}: {}", library.items()[1].text(), functions.collect::<Vec<_>>().join(" "))
    };
    reply.items().iter().map(library).collect()
}

#[test]
fn a_function_gets_keys_and_arguments_and_has_what_scripts_have() {
    each_backend(|server| {
        let mut client = server.client();
        load(&mut client, &library("lib", "f", "return {keys[1], keys[2], args[1], #args}"));
        let expected = array([bulk("a"), bulk("b"), bulk("c"), int(1)]);
        client.check("FCALL f 2 a b c", expected.clone());
        client.check(
            "fcall_ro F 2 a b c",
            err("Can not execute a script with write flag using *_ro command."),
        );
        client.check("FCALL g 0", err("Function not found"));
        client.check("FCALL f x", err("Bad number of keys provided"));
        client.check("FCALL f 2 a", err("Number of keys can't be greater than number of args"));
        client.check("FCALL f -1 a", err("Number of keys can't be negative"));
        client.check("COMMAND GETKEYS FCALL f 2 a b c", bulks(["a", "b"]));
        load(&mut client, &library("lib", "f", "return redis.call('SET', keys[1], args[1])"));
        client.check("FCALL f 1 k v", ok());
        client.check("GET k", bulk("v"));
        load(&mut client, &library("lib", "f", "return KEYS"));
        let text = "user_function:2: Script attempted to access nonexistent global variable 'KEYS' \
                    script: f, on @user_function:2.";
        client.check("FCALL f 0", err(text));
        load(
            &mut client,
            &library("lib", "f", "return string.format('%d', redis.REDIS_VERSION_NUM)"),
        );
        client.check("FCALL f 0", bulk("459270"));
    });
}

#[test]
fn libraries_are_listed_deleted_and_replaced() {
    each_backend(|server| {
        let mut client = server.client();
        let code = "#!lua name=b\n\
                    redis.register_function{function_name = 'g', description = 'text', \
                    callback = function() return 1 end, flags = {'no-writes', 'allow-stale'}}\n\
                    redis.register_function('h', function() return 2 end)";
        load(&mut client, code);
        load(&mut client, &library("a", "f", "return 3"));
        assert_eq!(listed(&mut client), ["a: f()", "b: g(no-writes allow-stale) h()"]);
        let reply = client.run("FUNCTION LIST WITHCODE LIBRARYNAME B*");
        let library_of_b = &reply.items()[0];
        assert_eq!((library_of_b.items().len(), &library_of_b.items()[7]), (8, &bulk(code)));
        assert_eq!(library_of_b.items()[5].items()[0].items()[3], bulk("text"));
        client.check("FUNCTION LIST LIBRARYNAME", err("library name argument was not given"));
        client.check("FUNCTION LIST WITHCODE WITHCODE", err("Unknown argument WITHCODE"));
        check_refused(&mut client, &library("a", "x", ""), "Library 'a' already exists");
        check_refused(&mut client, &library("c", "F", ""), "Function F already exists");
        client.check("FUNCTION LOAD x y", err("Unknown option given: x"));
        // What fails changes nothing.
        let both = client.cmd(&["FUNCTION", "LOAD", "REPLACE", &library("a", "g", "")]);
        assert_eq!(both, err("Function g already exists"));
        client.check("FCALL f 0", int(3));
        client.check("FUNCTION DELETE b", ok());
        client.check("FUNCTION DELETE b", err("Library not found"));
        client.check("FCALL g 0", err("Function not found"));
        client.check("FUNCTION FLUSH x", err("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
        client.check("FLUSHALL", ok());
        assert_eq!(listed(&mut client), ["a: f()"]);
        client.check("FUNCTION FLUSH SYNC", ok());
        assert!(listed(&mut client).is_empty());
        assert_eq!(server.info("number_of_libraries"), "0");
    });
}

#[test]
fn while_a_library_is_loaded_it_can_only_register_functions() {
    each_backend(|server| {
        let mut client = server.client();
        let failed = |text: &str| format!("Error registering functions: {text}");
        let nothing = |name: &str| {
            let text = "Script attempted to access nonexistent global variable";
            failed(&format!("ERR user_function:2: {text} '{name}'"))
        };
        for (body, reason) in [
            ("return 1", "No functions registered".into()),
            ("redis.call('PING')", nothing("call")),
            ("redis.setresp(3)", nothing("setresp")),
            ("redis.redis.log(1)", nothing("redis")),
            ("math.random()", nothing("math")),
            ("return getmetatable(_G)", nothing("getmetatable")),
            ("x = 1", failed("ERR user_function:2: Attempt to modify a readonly table")),
            ("redis.x = 1", failed("ERR user_function:2: Attempt to modify a readonly table")),
            ("while true do end", failed("ERR FUNCTION LOAD timeout")),
            (
                "redis.register_function()",
                failed("ERR wrong number of arguments to redis.register_function"),
            ),
            (
                "redis.register_function('a-b', function() end)",
                failed(
                    "ERR Library names can only contain letters, numbers, or underscores(_) and \
                     must be at least one character long",
                ),
            ),
            (
                "redis.register_function('a', 1)",
                failed("ERR second argument to redis.register_function must be a function"),
            ),
            (
                "redis.register_function{callback = function() end}",
                failed("ERR redis.register_function must get a function name argument"),
            ),
            (
                "local f = redis.register_function f('a', function() end) f('A', function() end)",
                failed("ERR Function already exists in the library"),
            ),
            (
                "redis.register_function{function_name = 'a', callback = function() end, flags = {'x'}}",
                failed("ERR unknown flag given"),
            ),
        ] {
            check_refused(&mut client, &format!("#!lua name=lib\n{body}"), &reason);
        }
        let syntax = "Error compiling function: user_function:2: '=' expected near 'script'";
        check_refused(&mut client, "#!lua name=lib\nbad script", syntax);
        check_refused(&mut client, "return 1", "Missing library metadata");
        assert!(listed(&mut client).is_empty());
        let code = "#!lua name=lib\nlocal kept = redis\n\
                    kept.register_function('f', function() kept.register_function('g', print) end)\n\
                    kept.register_function('h', function() kept.x = 1 end)\n\
                    kept.register_function('i', function() redis.register_function('g', print) end)";
        load(&mut client, &code.replace("print", "function() end"));
        for (function, text) in [
            ("f", "redis.register_function can only be called on FUNCTION LOAD command"),
            ("h", "Attempt to modify a readonly table"),
            ("i", "attempt to call field 'register_function' (a nil value)"),
        ] {
            let reply = client.run(&format!("FCALL {function} 0"));
            assert!(matches!(&reply, Value::Error(found) if found.contains(text)), "{reply:?}");
        }
        client.check("EVAL 'return 1' 0", int(1));
    });
}

#[test]
fn flags_say_what_a_function_may_do() {
    each_backend(|server| {
        let mut client = server.client();
        let named = |name: &str, body: &str, flags: &str| {
            format!(
                "redis.register_function{{function_name = '{name}', \
                 callback = function() {body} end, flags = {{{flags}}}}}\n"
            )
        };
        let set = "return redis.call('SET', 'k', 1)";
        let code = ["#!lua name=lib\n".to_owned()]
            .into_iter()
            .chain([named("reads", "return redis.call('GET', 'k')", "'no-writes'")])
            .chain([named("lies", set, "'no-writes'"), named("sets", set, "")])
            .chain([named("grows", set, "'allow-oom'")])
            .collect::<String>();
        load(&mut client, &code);
        client.check("FCALL_RO reads 1 k", nil());
        let refused = "Write commands are not allowed from read-only scripts. script: lies, on \
                       @user_function:3.";
        client.check("FCALL lies 1 k", err(refused));
        client.run("SET x 1");
        client.run("CONFIG SET maxmemory 1");
        client.check("FCALL reads 1 k", nil());
        client.check(
            "FCALL sets 1 k",
            err("OOM command not allowed when used memory > 'maxmemory'."),
        );
        client.check("FCALL grows 1 k", ok());
        assert!(client.cmd(&["FUNCTION", "LOAD", &code]).is_error());
    });
}

#[test]
fn libraries_move_from_one_server_to_another() {
    each_backend(|server| {
        let mut client = server.client();
        load(&mut client, &library("a", "f", "return 'old'"));
        let Value::Bulk(payload) = client.run("FUNCTION DUMP") else { panic!("a payload") };
        let restore = |client: &mut Client, policy: &str| {
            let words = [b"FUNCTION".as_slice(), b"RESTORE", &payload, policy.as_bytes()];
            client.cmd(&words[..if policy.is_empty() { 3 } else { 4 }])
        };
        assert_eq!(restore(&mut client, ""), err("Library a already exists"));
        assert_eq!(restore(&mut client, "REPLACE"), ok());
        load(&mut client, &library("a", "other", ""));
        load(&mut client, &library("b", "f", "return 'new'"));
        assert_eq!(restore(&mut client, "replace"), err("Function f already exists"));
        client.check("FCALL f 0", bulk("new"));
        assert_eq!(listed(&mut client), ["a: other()", "b: f()"]);
        assert_eq!(restore(&mut client, "FLUSH"), ok());
        client.check("FCALL f 0", bulk("old"));
        assert_eq!(listed(&mut client), ["a: f()"]);
        let policy = "Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.";
        assert_eq!(restore(&mut client, "x"), err(policy));
        let broken = client.cmd(&["FUNCTION", "RESTORE", "bad payload"]);
        assert_eq!(broken, err("ERR DUMP payload version or checksum are wrong"));
        let syntax =
            "unknown subcommand or wrong number of arguments for 'restore'. Try FUNCTION HELP.";
        client.check("FUNCTION restore a b c", err(syntax));
    });
}

#[test]
fn libraries_outlive_the_server_in_whatever_file() {
    let logs = [&WITH_LOG[..], &["--enable-debug-command", "yes"]].concat();
    for args in [&["--enable-debug-command", "yes"][..], &logs] {
        each_backend_with_mut(args, |server| {
            let mut client = server.client();
            load(&mut client, &library("gone", "g", "return 0"));
            load(&mut client, &library("lib", "f", "return redis.call('INCR', keys[1])"));
            client.check("FUNCTION DELETE gone", ok());
            client.check("FCALL f 1 n", int(1));
            client.check("DEBUG RELOAD", ok());
            client.check("FCALL f 1 n", int(2));
            if args.len() > 2 {
                let (log, _) = records(&incr_file(server), 0);
                let log = lines(&log).join(",");
                assert!(log.contains("FUNCTION DELETE gone,INCR n"), "{log}");
                client.check("DEBUG LOADAOF", ok());
                client.check("FCALL f 1 n", int(3));
                for preamble in ["yes", "no"] {
                    client.run(&format!("CONFIG SET aof-use-rdb-preamble {preamble}"));
                    assert!(!client.run("BGREWRITEAOF").is_error());
                    server.wait_until("a rewrite", |server| {
                        server.info("aof_rewrite_in_progress") == "0"
                            && server.info("aof_rewrite_scheduled") == "0"
                    });
                    server.restart();
                    client = server.client();
                    assert_eq!(listed(&mut client), ["lib: f()"]);
                }
            } else {
                client.check("SAVE", ok());
                server.restart();
                client = server.client();
            }
            assert_eq!(listed(&mut client), ["lib: f()"]);
            assert!(client.run("FCALL f 1 n").as_int() > 2);
        });
    }
}

#[test]
fn redis_reads_what_this_server_wrote_and_the_other_way_round() {
    let reference = Server::reference(&[]);
    let mut theirs = reference.client();
    let code = library("lib", "f", &format!("return '{}'", "x".repeat(500)));
    load(&mut theirs, &code);
    let Value::Bulk(payload) = theirs.run("FUNCTION DUMP") else { panic!("a payload") };
    each_backend(|server| {
        let mut ours = server.client();
        let restored = ours.cmd(&[b"FUNCTION".as_slice(), b"RESTORE", &payload]);
        assert_eq!(restored, ok());
        ours.check("FCALL f 0", bulk("x".repeat(500)));
        let Value::Bulk(payload) = ours.run("FUNCTION DUMP") else { panic!("a payload") };
        let words = [b"FUNCTION".as_slice(), b"RESTORE", &payload, b"REPLACE"];
        assert_eq!(reference.client().cmd(&words), ok());
    });
}

#[test]
fn what_is_denied_in_a_script_is_logged_as_such() {
    each_backend(|server| {
        let mut client = server.client();
        load(&mut client, &library("lib", "f", "return redis.call('GET', 'other')"));
        client.check("ACL SETUSER u on nopass ~mine +fcall +get", ok());
        let mut user = server.client();
        user.check("AUTH u x", ok());
        assert!(user.run("FCALL f 0").is_error());
        let log = client.run("ACL LOG");
        assert_eq!(log.items()[0].get("context"), Some(&bulk("lua")));
    });
}
