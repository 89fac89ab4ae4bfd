//! COMMANDLOG: commands that took long, that were large, or whose replies were; and where the time of
//! slow ones went.

use crate::support::aof::WITH_LOG;
use crate::support::*;

#[test]
fn what_is_slow_and_what_is_large_has_a_log_each() {
    let args =
        ["--commandlog-execution-slower-than", "0", "--commandlog-request-larger-than", "1000"];
    let more =
        ["--commandlog-reply-larger-than", "2000", "--commandlog-large-request-max-len", "2"];
    each_backend_with(&[args, more].concat(), |server| {
        let mut client = server.client();
        client.check("CONFIG GET slowlog-log-slower-than", bulks(["slowlog-log-slower-than", "0"]));
        client.check("COMMANDLOG RESET slow", ok());
        let value = "x".repeat(1000);
        for word in ["SET", "APPEND", "APPEND"] {
            client.run(&format!("{word} a {value}"));
        }
        client.run("GET a");
        client.check("COMMANDLOG LEN slow", int(5));
        client.check("COMMANDLOG LEN large-request", int(2));
        client.check("COMMANDLOG LEN large-reply", int(1));
        let requests = client.run("COMMANDLOG GET -1 large-request");
        let newest = requests.items()[0].items();
        let sent = encode(&["APPEND", "a", &value]).len() as i64;
        assert_eq!((newest.len(), newest[2].as_int()), (6, sent), "{requests:?}");
        let replies = client.run("COMMANDLOG GET 1 LARGE-REPLY");
        assert_eq!(replies.items()[0].items()[2].as_int(), "$3000\r\n\r\n".len() as i64 + 3000);
        assert_eq!(replies.items()[0].items()[3], bulks(["GET", "a"]));
        client.check("COMMANDLOG RESET large-reply", ok());
        client.check("COMMANDLOG GET 1 large-reply", array([]));
        client.check("COMMANDLOG LEN large-request", int(2));
        let pairs = "commandlog-reply-larger-than -1 commandlog-request-larger-than -1";
        client.check(&format!("CONFIG SET {pairs}"), ok());
        client.run("GET a");
        client.check("COMMANDLOG LEN large-reply", int(0));
    });
}

#[test]
fn what_commandlog_does_not_know_it_says() {
    let kinds = "type should be one of the following: slow, large-request, large-reply";
    check_newer(&[
        ("COMMANDLOG GET -2 slow", err("count should be greater than or equal to -1")),
        ("COMMANDLOG GET x other", err("count should be greater than or equal to -1")),
        ("COMMANDLOG GET 1 other", err(kinds)),
        ("COMMANDLOG LEN other", err(kinds)),
        ("COMMANDLOG RESET other", err(kinds)),
        ("COMMANDLOG GET 1", err("wrong number of arguments for 'commandlog|get' command")),
    ]);
}

/// The stages of the newest slow command of that name.
fn stages_of(client: &mut Client, name: &str) -> Value {
    let entries = client.run("COMMANDLOG GET -1 slow");
    let named = |entry: &&Value| entry.items()[3].items()[0] == bulk(name);
    let entry = entries.items().iter().find(named).unwrap_or_else(|| panic!("{entries:?}"));
    entry.items()[6].clone()
}

#[test]
fn a_slow_entry_says_what_held_it_up() {
    let args = ["--slowlog-log-slower-than", "0", "--loglevel", "verbose"];
    each_backend_with(&args, |server| {
        let (mut client, mut other) = (server.client3(), server.client());
        other.pipeline(&["DEBUG SLEEP 0.03", "SET a 1"]);
        let us = |stages: &Value, name: &str| stages.get(name).expect("a stage").as_int();
        server.wait_until("its reply is sent", |_| {
            us(&stages_of(&mut server.client3(), "SET"), "sending-us") >= 0
        });
        let set = stages_of(&mut client, "SET");
        assert!(us(&set, "queued-us") >= 30_000 && us(&set, "behind-us") >= 30_000, "{set:?}");
        assert_eq!((set.get("behind"), us(&set, "disk-us")), (Some(&bulk("debug")), 0));
        let sleep = stages_of(&mut client, "DEBUG");
        assert!(us(&sleep, "queued-us") < 30_000, "{sleep:?}");
        assert_eq!(client.run("SLOWLOG GET 1").items()[0].items().len(), 6);
        server.wait_until("the log says so too", |server| {
            server.log().lines().any(|line| {
                line.contains("Slow command: set ran ") && line.contains(" behind debug (")
            })
        });
    });
}

#[test]
fn a_slow_entry_says_how_long_its_reply_waited_for_the_disk() {
    let args =
        [&WITH_LOG[..], &["--appendfsync", "always", "--slowlog-log-slower-than", "0"]].concat();
    each_backend_with(&args, |server| {
        let mut client = server.client3();
        client.check("SET a 1", ok());
        client.check("GET a", bulk("1"));
        let disk_us = |client: &mut Client, name| stages_of(client, name).get("disk-us").cloned();
        server.wait_until("it is known", |_| {
            disk_us(&mut server.client3(), "SET").expect("a stage").as_int() > 0
        });
        assert_eq!(disk_us(&mut client, "GET"), Some(int(0)));
    });
}
