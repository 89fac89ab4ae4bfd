//! Readers that wait: for entries, and as consumers also for the end of their group.

use super::{entries, nothing, read};
use crate::support::*;

#[test]
fn an_entry_reaches_everyone_who_waits_for_it() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("XADD s 1-0 f 1", bulk("1-0"));
        let mut fresh = waiting(server, "XREAD BLOCK 0 STREAMS s $");
        let mut other = waiting(server, "XREAD BLOCK 0 COUNT 9 STREAMS none s 0 1-0");
        let mut missing = waiting(server, "XREAD BLOCK 10000 STREAMS none $");
        client.check("XADD s 2-0 f 2", bulk("2-0"));
        assert_eq!(fresh.recv(), read("s", &["2-0 f 2"]));
        assert_eq!(other.recv(), read("s", &["2-0 f 2"]));
        client.check("XADD none 5-0 f 5", bulk("5-0"));
        assert_eq!(missing.recv(), read("none", &["5-0 f 5"]));
    });
}

#[test]
fn what_is_there_is_read_at_once() {
    check(&[
        ("XADD a 1-0 f 1", bulk("1-0")),
        ("XADD b 1-0 f 2", bulk("1-0")),
        ("XADD b 2-0 f 3", bulk("2-0")),
        (
            "XREAD BLOCK 0 COUNT 1 STREAMS a b none 0 0 0",
            array([
                array([bulk("a"), entries(&["1-0 f 1"])]),
                array([bulk("b"), entries(&["1-0 f 2"])]),
            ]),
        ),
        ("XREAD STREAMS a 1-0", nothing()),
        ("XREAD BLOCK 1 STREAMS a $", nothing()),
        ("MULTI", ok()),
        ("XREAD BLOCK 0 STREAMS a $", simple("QUEUED")),
        ("EXEC", array([nothing()])),
    ]);
}

#[test]
fn plus_is_the_last_entry() {
    check_newer(&[
        ("XREAD STREAMS s +", nothing()),
        ("XADD s 1-0 f 1", bulk("1-0")),
        ("XADD s 2-0 f 2", bulk("2-0")),
        ("XADD s 3-0 f 3", bulk("3-0")),
        ("XDEL s 3-0", int(1)),
        ("XREAD COUNT 5 STREAMS s +", read("s", &["2-0 f 2"])),
    ]);
}

#[test]
fn a_map_is_read_in_the_third_protocol() {
    each_backend(|server| {
        let mut client = server.client3();
        client.run("XADD s 1-0 f 1");
        let Value::Map(pairs) = client.run("XREAD STREAMS s 0") else { panic!("a map") };
        assert_eq!(pairs, [(bulk("s"), entries(&["1-0 f 1"]))]);
    });
}

#[test]
fn consumers_that_wait_are_served_in_turn() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("XGROUP CREATE s g $ MKSTREAM", ok());
        let mut first = waiting(server, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >");
        let mut second = waiting(server, "XREADGROUP GROUP g b BLOCK 0 STREAMS s >");
        client.check("XADD s 1-0 f 1", bulk("1-0"));
        assert_eq!(first.recv(), read("s", &["1-0 f 1"]));
        client.check("XADD s 2-0 f 2", bulk("2-0"));
        assert_eq!(second.recv(), read("s", &["2-0 f 2"]));
        assert_eq!(client.run("XPENDING s g").items()[0], int(2));
    });
}

#[test]
fn a_consumer_learns_that_its_group_is_gone() {
    let gone = "NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option";
    let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
    for (line, expected) in [
        ("DEL s", gone),
        ("UNLINK s", gone),
        ("FLUSHALL", gone),
        ("FLUSHDB ASYNC", gone),
        ("RENAME s t", gone),
        ("MOVE s 3", gone),
        ("SWAPDB 0 5", gone),
        ("PEXPIRE s 1", gone),
        ("XGROUP DESTROY s g", gone),
        ("SET s text", wrong),
        ("SADD set m", ""),
        ("RENAME set s", wrong),
    ] {
        each_backend(|server| {
            let mut client = server.client();
            client.run("SADD set m");
            client.check("XGROUP CREATE s g $ MKSTREAM", ok());
            let mut waits = waiting(server, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >");
            let mut patient = waiting(server, "XREAD BLOCK 0 STREAMS s $");
            assert!(!client.run(line).is_error(), "{line}");
            if !expected.is_empty() {
                assert_eq!(waits.recv(), err(expected), "{line}");
            }
            client.run("DEL s");
            client.check("XADD s 9-0 f v", bulk("9-0"));
            assert_eq!(patient.recv(), read("s", &["9-0 f v"]), "{line}");
        });
    }
}

#[test]
fn waits_end_in_time_and_by_order() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("XGROUP CREATE s g $ MKSTREAM", ok());
        client.check("XREADGROUP GROUP g a BLOCK 5 STREAMS s >", nothing());
        let mut waits = server.client();
        let id = waits.run("CLIENT ID").as_int();
        waits.send(&encode(&split_args("XREADGROUP GROUP g a BLOCK 0 STREAMS s >")));
        server.wait_until("it waits", |server| blocked(server) == 1);
        assert_eq!(server.info("total_blocking_keys_on_nokey"), "1");
        client.check(&format!("CLIENT UNBLOCK {id} ERROR"), int(1));
        assert_eq!(waits.recv(), err("UNBLOCKED client unblocked via CLIENT UNBLOCK"));
        assert_eq!(server.info("total_blocking_keys_on_nokey"), "0");
        drop(waiting(server, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >"));
        server.wait_until("nobody waits", |server| blocked(server) == 0);
        client.check("XADD s 1-0 f v", bulk("1-0"));
        client.check("XPENDING s g", array([int(0), nil(), nil(), nothing()]));
    });
}

#[test]
fn scripts_do_not_wait() {
    check(&[(
        "EVAL \"return redis.pcall('XREAD', 'BLOCK', '0', 'STREAMS', 's', '$')\" 0",
        err("ERR XREAD command is not allowed with BLOCK option from scripts"),
    )]);
}
