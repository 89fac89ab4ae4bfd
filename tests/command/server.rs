//! Server commands: flushing and swapping, INFO, MEMORY, SLOWLOG, MONITOR, SHUTDOWN, LOLWUT, TIME.

use crate::support::*;

/// The text of INFO with `args`.
fn info(client: &mut Client, args: &str) -> String {
    client.run(&format!("INFO {args}")).text()
}

/// One field of a text of INFO.
fn field(text: &str, name: &str) -> Option<String> {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(':').map(str::to_string);
    text.split("\r\n").find_map(value)
}

/// The titles in a text of INFO.
fn titles(text: &str) -> Vec<&str> {
    text.split("\r\n").filter_map(|line| line.strip_prefix("# ")).collect()
}

#[test]
fn flushes_empty_one_database_or_all() {
    each_backend(|server| {
        let mut client = server.client();
        for flush in ["FLUSHDB", "FLUSHDB SYNC", "flushdb async"] {
            client.check("SET k v", ok());
            client.check("SELECT 1", ok());
            client.check("SET k v", ok());
            client.check(flush, ok());
            client.check("DBSIZE", int(0));
            client.check("SELECT 0", ok());
            client.check("DBSIZE", int(1));
        }
        for flush in ["FLUSHALL", "FLUSHALL SYNC", "flushall async"] {
            client.check("MSET a 1 b 2", ok());
            client.check(flush, ok());
            client.check("DBSIZE", int(0));
        }
        client.check("SET k v", ok());
        client.check("FLUSHALL LATER", err("syntax error"));
        client.check("FLUSHDB SYNC ASYNC", err("syntax error"));
        client.check("DBSIZE", int(1));
    });
}

#[test]
fn flushes_are_asynchronous_unless_asked_otherwise() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("MSET a 1 b 2 c 3", ok());
        client.check("FLUSHDB", ok());
        // The next command may come before the first slice is freed: ask until it is done.
        while field(&info(&mut client, "memory"), "lazyfree_pending_objects").as_deref()
            != Some("0")
        {}
        let freed = field(&info(&mut client, "memory"), "lazyfreed_objects");
        assert_eq!(freed.as_deref(), Some("3"));
        client.check("SET d 4", ok());
        client.check("FLUSHALL SYNC", ok());
        let freed = field(&info(&mut client, "memory"), "lazyfreed_objects");
        assert_eq!(freed.as_deref(), Some("3"));
    });
}

#[test]
fn swapdb_exchanges_keys_and_touches_watchers() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("SET k zero", ok());
        client.check("WATCH k", ok());
        server.client().check("SWAPDB 0 1", ok());
        client.pipeline(&["MULTI", "PING"]);
        client.check("EXEC", Value::NilArray);
        client.check("DBSIZE", int(0));
        client.check("SELECT 1", ok());
        client.check("GET k", bulk("zero"));
        client.check("SWAPDB 1 1", ok());
        client.check("SWAPDB x 0", err("invalid first DB index"));
        client.check("SWAPDB 0 99999999999", err("invalid second DB index"));
        client.check("SWAPDB 0 16", err("ERR DB index is out of range"));
        client.check("SWAPDB -1 0", err("ERR DB index is out of range"));
    });
}

#[test]
fn info_shows_the_sections_that_were_asked_for() {
    let default = [
        "Server",
        "Clients",
        "Memory",
        "Persistence",
        "Stats",
        "Replication",
        "CPU",
        "Modules",
        "Errorstats",
        "Cluster",
        "Keyspace",
        "Sidering",
    ];
    each_backend(|server| {
        let mut client = server.client();
        assert_eq!(titles(&info(&mut client, "")), default);
        assert_eq!(titles(&info(&mut client, "default")), default);
        let all = info(&mut client, "ALL");
        assert_eq!(titles(&all).len(), default.len() + 2);
        assert_eq!(titles(&all), titles(&info(&mut client, "everything")));
        assert_eq!(titles(&info(&mut client, "cpu SERVER cpu nosuch")), ["Server", "CPU"]);
        assert_eq!(titles(&info(&mut client, "module_list")), ["Modules"]);
        assert_eq!(info(&mut client, "cluster"), "# Cluster\r\ncluster_enabled:0\r\n");
        assert_eq!(info(&mut client, "nosuch"), "");
        let verbatim = Value::Verbatim("txt".into(), b"# Modules\r\n".to_vec());
        server.client3().check("INFO modules", verbatim);
    });
}

/// The names of the fields of each section, statistics of single commands and keys left out.
fn field_names(text: &str) -> Vec<String> {
    let lines = text.split("\r\n").filter(|line| !line.is_empty());
    let names = lines.map(|line| line.split(':').next().unwrap_or_default().to_string());
    names
        .filter(|name| !["cmdstat_", "errorstat_", "latency_"].iter().any(|p| name.starts_with(p)))
        .collect()
}

#[test]
fn info_has_every_field_of_the_reference() {
    let reference = Server::reference(&[]);
    let theirs = field_names(&info(&mut reference.client(), "all"));
    each_backend(|server| {
        let ours = field_names(&info(&mut server.client(), "all"));
        let missing: Vec<_> = theirs.iter().filter(|name| !ours.contains(name)).collect();
        // Kept only by Redis 7.0, or by its allocator.
        let allowed = |name: &str| name.starts_with("db") || name == "listener0";
        assert!(missing.iter().all(|name| allowed(name)), "missing: {missing:?}");
    });
}

#[test]
fn info_figures_are_those_of_the_server() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("SET a 1", ok());
        client.check("SET b 1 EX 1000", ok());
        client.run("GET a");
        client.run("GET nokey");
        client.check("SETEX a", err("wrong number of arguments for 'setex' command"));
        client.check("INCR b x", err("wrong number of arguments for 'incr' command"));
        client.run("SELECT 99");
        let text = info(&mut client, "all");
        let get = |name: &str| field(&text, name).unwrap_or_else(|| panic!("{name} in {text}"));
        assert_eq!(get("server_name"), "sidering");
        assert_eq!(get("multiplexing_api"), get("io_backend"));
        assert_eq!(get("connected_clients"), "1");
        assert_eq!((get("keyspace_hits"), get("keyspace_misses")), ("1".into(), "1".into()));
        assert_eq!(get("errorstat_ERR"), "count=3");
        assert_eq!(get("total_error_replies"), "3");
        assert!(get("cmdstat_set").starts_with("calls=2,usec="));
        assert!(
            get("cmdstat_setex")
                .ends_with("calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0")
        );
        assert!(get("cmdstat_select").ends_with("rejected_calls=0,failed_calls=1"));
        assert!(get("db0").starts_with("keys=2,expires=1,avg_ttl="));
        let number = |name: &str| get(name).parse::<u64>().expect("a number");
        assert!(number("used_memory") > 0 && number("used_memory_rss") > number("used_memory"));
        assert!(number("used_memory_peak") >= number("used_memory"));
        assert_eq!(get("tcp_port"), server.port().to_string());
    });
}

#[test]
fn memory_usage_grows_with_the_value() {
    each_backend(|server| {
        let mut client = server.client();
        client.cmd(&[b"SET", &b"small"[..], b"x"]);
        client.cmd(&[b"SET", &b"large"[..], &[b'x'; 100_000]]);
        let Value::Int(small) = client.run("MEMORY USAGE small") else { panic!("a number") };
        let Value::Int(large) = client.run("MEMORY USAGE large SAMPLES 0") else {
            panic!("a number")
        };
        assert!((8..200).contains(&small) && (100_000..130_000).contains(&large));
        client.check("MEMORY USAGE nokey", nil());
        client.check("MEMORY USAGE small SAMPLES -1", err("syntax error"));
        client.check("MEMORY USAGE small SAMPLES", err("syntax error"));
        let text = "value is not an integer or out of range";
        client.check("MEMORY USAGE small SAMPLES x", err(text));
    });
}

#[test]
fn slowlog_keeps_the_newest_commands() {
    let args = ["--slowlog-log-slower-than", "0", "--slowlog-max-len", "3"];
    each_backend_with(&args, |server| {
        let mut client = server.client();
        client.check("CLIENT SETNAME me", ok());
        client.check("SET a 1", ok());
        let long = "x".repeat(200);
        client.check(&format!("SET b {long}"), ok());
        let many: Vec<String> = (0..40).map(|number| number.to_string()).collect();
        client.run(&format!("DEL {}", many.join(" ")));
        client.check("SLOWLOG LEN", int(3));
        let entries = client.run("SLOWLOG GET -1");
        let args: Vec<_> = entries.items().iter().map(|entry| entry.items()[3].clone()).collect();
        assert_eq!(args[0], bulks(["SLOWLOG", "LEN"]));
        assert_eq!(args[1].items().len(), 32);
        assert_eq!(args[1].items()[31], bulk("... (10 more arguments)"));
        let cut = format!("{}... (72 more bytes)", "x".repeat(128));
        assert_eq!(args[2].items()[2], bulk(cut));
        assert_eq!(entries.items()[0].items()[5], bulk("me"));
        assert_eq!(client.run("SLOWLOG GET 2").items().len(), 2);
        client.check("SLOWLOG GET -2", err("count should be greater than or equal to -1"));
        client.check("CONFIG SET slowlog-log-slower-than -1", ok());
        client.check("SLOWLOG RESET", ok());
        client.check("SLOWLOG LEN", int(0));
        client.check("SLOWLOG GET", array([]));
    });
}

#[test]
fn slowlog_hides_passwords_and_nothing_else() {
    each_backend_with(&["--slowlog-log-slower-than", "0"], |server| {
        let mut client = server.client();
        client.run("AUTH default secret");
        client.run("HELLO 2 AUTH default secret SETNAME me");
        client.check("CONFIG SET masterauth secret slowlog-max-len 100", ok());
        let entries = client.run("SLOWLOG GET 3");
        let args: Vec<_> = entries.items().iter().map(|entry| entry.items()[3].clone()).collect();
        let hidden = "(redacted)";
        let config = ["CONFIG", "SET", "masterauth", hidden, "slowlog-max-len", "100"];
        assert_eq!(args[0], bulks(config));
        assert_eq!(args[1], bulks(["HELLO", "2", "AUTH", hidden, hidden, "SETNAME", "me"]));
        assert_eq!(args[2], bulks(["AUTH", hidden, hidden]));
    });
}

#[test]
fn monitor_sees_what_others_do() {
    each_backend(|server| {
        let mut monitor = server.client();
        monitor.check("MONITOR", ok());
        let mut client = server.client();
        client.check("SELECT 3", ok());
        client.check(r#"SET k "a\x00\"b""#, ok());
        client.run("AUTH secret");
        let mut line = || monitor.recv().text();
        assert!(line().ends_with(r#"] "SELECT" "3""#));
        let set = line();
        assert!(
            set.contains(" [3 127.0.0.1:") && set.ends_with(r#"] "SET" "k" "a\x00\"b""#),
            "{set}"
        );
        assert!(line().ends_with(r#""AUTH" "(redacted)""#));
        // Asked for again it has no reply; PING has one, behind its own line.
        monitor.send(&encode(&["MONITOR"]));
        monitor.send(&encode(&["PING"]));
        assert_eq!(
            [monitor.recv(), monitor.recv()].iter().filter(|v| **v == simple("PONG")).count(),
            1
        );
        monitor.check("RESET", simple("RESET"));
        client.check("PING", simple("PONG"));
        monitor.check("PING", simple("PONG"));
    });
}

#[test]
fn monitor_is_refused_in_a_transaction() {
    each_backend(|server| {
        let mut client = server.client();
        client.pipeline(&["MULTI", "MONITOR"]);
        let refused = err("ERR MONITOR isn't allowed for DENY BLOCKING client");
        client.check("EXEC", array([refused]));
    });
}

#[test]
fn shutdown_checks_its_options_and_ends_the_server() {
    for how in ["SHUTDOWN", "shutdown nosave now force"] {
        for backend in backends() {
            let mut server = Server::start(backend, &[]);
            let mut client = server.client();
            client.check("SHUTDOWN LATER", err("syntax error"));
            client.check("SHUTDOWN SAVE NOSAVE", err("syntax error"));
            client.check("SHUTDOWN ABORT NOW", err("syntax error"));
            client.check("SHUTDOWN ABORT", err("ERR No shutdown in progress."));
            // Where the snapshot is to be written stands a directory.
            let temporary = server.dir().join(format!("temp-{}.rdb", server.pid()));
            std::fs::create_dir(temporary).expect("a directory");
            client.check("SHUTDOWN SAVE", err("ERR Errors trying to SHUTDOWN. Check logs."));
            client.check("PING", simple("PONG"));
            client.send(&encode(&split_args(how)));
            assert_eq!(client.recv_to_end(), b"");
            assert!(server.wait().success());
        }
    }
}

#[test]
fn lolwut_ends_with_the_version() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("LOLWUT", bulk("Redis ver. 7.2.6\n"));
        client.check("LOLWUT VERSION 9", bulk("Redis ver. 7.2.6\n"));
        let picture = client.run("LOLWUT VERSION 5 30 10").text();
        assert_eq!(picture.lines().count(), 12);
        assert!(picture.ends_with("Redis ver. 7.2.6\n"));
        client.check("LOLWUT VERSION x", err("value is not an integer or out of range"));
    });
}

#[test]
fn time_is_the_time() {
    each_backend(|server| {
        let now = || std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
        let before = now();
        let reply = server.client().run("TIME");
        let seconds: u64 = reply.items()[0].text().parse().expect("seconds");
        let micros: u64 = reply.items()[1].text().parse().expect("microseconds");
        assert!((before..=now()).contains(&seconds) && micros < 1_000_000);
    });
}
