//! Set commands over a connection: what they reply, which encoding a set has, and that a refused
//! command changes nothing.

use std::collections::BTreeSet;

use crate::support::*;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

/// The members of a reply, in order.
fn sorted(reply: &Value) -> Vec<String> {
    let mut members: Vec<String> = reply.items().iter().map(Value::text).collect();
    members.sort();
    members
}

fn encoding_is(client: &mut Client, key: &str, expected: &str) {
    client.check(&format!("OBJECT ENCODING {key}"), bulk(expected));
}

/// Adds `count` members that begin with `prefix`.
fn add_many(client: &mut Client, key: &str, prefix: &str, count: usize) {
    for chunk in (0..count).collect::<Vec<_>>().chunks(100) {
        let members: Vec<String> = chunk.iter().map(|n| format!("{prefix}{n}")).collect();
        let reply = client.run(&format!("SADD {key} {}", members.join(" ")));
        assert_eq!(reply, int(chunk.len() as i64));
    }
}

#[test]
fn members_are_counted_once() {
    check(&[
        ("SADD s a b a 1 01", int(4)),
        ("SADD s a 1", int(0)),
        ("SCARD s", int(4)),
        ("SISMEMBER s 01", int(1)),
        ("SISMEMBER s 001", int(0)),
        ("SMISMEMBER s a x 1", array([int(1), int(0), int(1)])),
        ("SREM s a x 1", int(2)),
        ("SREM s b 01 b c", int(2)),
        ("EXISTS s", int(0)),
        ("TYPE s", simple("none")),
        ("SREM s a", int(0)),
        ("SCARD s", int(0)),
        ("SISMEMBER s a", int(0)),
        ("SMISMEMBER s a b", array([int(0), int(0)])),
        ("SMEMBERS s", array([])),
    ]);
}

#[test]
fn numbers_come_in_order_and_small_texts_as_they_were_added() {
    check(&[
        ("SADD n 5 -3 70000 1 5000000000", int(5)),
        ("SMEMBERS n", bulks(["-3", "1", "5", "70000", "5000000000"])),
        ("SADD n x 2", int(2)),
        ("SMEMBERS n", bulks(["-3", "1", "5", "70000", "5000000000", "x", "2"])),
        ("TYPE n", simple("set")),
    ]);
}

#[test]
fn every_byte_of_a_member_is_kept() {
    each_backend(|server| {
        let mut client = server.client();
        let all: Vec<u8> = (0..=255).collect();
        for member in [&all[..], b"", b"-0", b"9223372036854775808", &all.repeat(1000)] {
            assert_eq!(client.cmd(&[b"SADD", &b"s"[..], member]), int(1));
            assert_eq!(client.cmd(&[b"SISMEMBER", &b"s"[..], member]), int(1));
            assert_eq!(client.cmd(&[&b"SPOP"[..], b"s"]), bulk(member));
        }
    });
}

#[test]
fn numbers_alone_are_an_intset_up_to_its_limit() {
    each_backend(|server| {
        let mut client = server.client();
        add_many(&mut client, "s", "", 512);
        encoding_is(&mut client, "s", "intset");
        client.check("SADD s 511", int(0));
        encoding_is(&mut client, "s", "intset");
        client.check("SADD s 512", int(1));
        encoding_is(&mut client, "s", "hashtable");
        client.check("SREM s 512 511 510", int(3));
        encoding_is(&mut client, "s", "hashtable");
        client.check("CONFIG SET set-max-intset-entries 2", ok());
        client.check("SADD t 1 2", int(2));
        encoding_is(&mut client, "t", "intset");
        client.check("SADD u 1 2 3", int(3));
        encoding_is(&mut client, "u", "listpack");
    });
}

#[test]
fn a_few_short_texts_are_a_listpack() {
    each_backend(|server| {
        let mut client = server.client();
        add_many(&mut client, "s", "m", 100);
        add_many(&mut client, "s", "n", 28);
        encoding_is(&mut client, "s", "listpack");
        client.check("SADD s m1", int(0));
        client.check("SADD s one-too-many", int(1));
        encoding_is(&mut client, "s", "hashtable");
        let (short, long) = ("x".repeat(64), "x".repeat(65));
        client.check(&format!("SADD t a {short}"), int(2));
        encoding_is(&mut client, "t", "listpack");
        client.check(&format!("SADD t {long}"), int(1));
        encoding_is(&mut client, "t", "hashtable");
        client.check("SADD i 1 2", int(2));
        client.check("SADD i a", int(1));
        encoding_is(&mut client, "i", "listpack");
        client.check("SADD j 1 2", int(2));
        client.check(&format!("SADD j {long}"), int(1));
        encoding_is(&mut client, "j", "hashtable");
    });
}

#[test]
fn more_arguments_than_a_listpack_holds_make_a_table_at_once() {
    each_backend(|server| {
        let mut client = server.client();
        client.check(&format!("SADD s a{}", " a".repeat(127)), int(1));
        encoding_is(&mut client, "s", "listpack");
        client.check(&format!("SADD s a{}", " a".repeat(128)), int(0));
        encoding_is(&mut client, "s", "hashtable");
        client.check(&format!("SADD t a{}", " a".repeat(128)), int(1));
        encoding_is(&mut client, "t", "hashtable");
    });
}

#[test]
fn a_large_set_keeps_its_members_apart() {
    each_backend(|server| {
        let mut client = server.client();
        add_many(&mut client, "s", "member:", 20_000);
        client.check("SCARD s", int(20_000));
        client.check("SMISMEMBER s member:0 member:19999 member:20000", {
            array([int(1), int(1), int(0)])
        });
        let all: BTreeSet<String> = sorted(&client.run("SMEMBERS s")).into_iter().collect();
        assert_eq!(all.len(), 20_000);
        client.check("COPY s copy", int(1));
        client.check("DEL s", int(1));
        client.check("SCARD copy", int(20_000));
    });
}

#[test]
fn smove_moves_one_member() {
    check(&[
        ("SADD a 1 2 x", int(3)),
        ("SADD b 1", int(1)),
        ("SMOVE a b x", int(1)),
        ("SMOVE a b x", int(0)),
        ("SMEMBERS b", bulks(["1", "x"])),
        ("SMOVE a b 1", int(1)),
        ("SCARD b", int(2)),
        ("SMOVE a a 2", int(1)),
        ("SMOVE a a 3", int(0)),
        ("SMOVE a new 2", int(1)),
        ("EXISTS a", int(0)),
        ("SMEMBERS new", bulks(["2"])),
        ("SMOVE nokey b 1", int(0)),
    ]);
}

#[test]
fn smove_looks_at_types_only_when_there_is_a_source() {
    check(&[
        ("SET str v", ok()),
        ("SADD a 1", int(1)),
        ("SMOVE nokey str 1", int(0)),
        ("SMOVE a str 1", err(WRONG_TYPE)),
        ("SMOVE a str nomember", err(WRONG_TYPE)),
        ("SMOVE str a 1", err(WRONG_TYPE)),
        ("SMEMBERS a", bulks(["1"])),
    ]);
}

#[test]
fn spop_takes_members_out_one_by_one() {
    each_backend(|server| {
        let mut client = server.client();
        for prefix in ["", "m", "long member ".repeat(10).replace(' ', "_").as_str()] {
            add_many(&mut client, "s", prefix, 50);
            let popped: BTreeSet<String> = (0..50).map(|_| client.run("SPOP s").text()).collect();
            assert_eq!(popped.len(), 50);
            client.check("EXISTS s", int(0));
        }
        client.check("SPOP s", nil());
        server.client3().check("SPOP s", null());
    });
}

#[test]
fn spop_takes_any_count_of_members_out() {
    each_backend(|server| {
        let mut client = server.client();
        for prefix in ["", "m", "long_member_".repeat(10).as_str()] {
            for count in [1, 30, 90, 99, 100, 1000] {
                client.run("DEL s");
                add_many(&mut client, "s", prefix, 100);
                let popped = sorted(&client.run(&format!("SPOP s {count}")));
                let left = sorted(&client.run("SMEMBERS s"));
                assert_eq!((popped.len(), left.len()), (count.min(100), 100 - count.min(100)));
                assert_eq!(popped.iter().chain(&left).collect::<BTreeSet<_>>().len(), 100);
            }
        }
        client.check("EXISTS s", int(0));
    });
}

#[test]
fn spop_with_a_count_replies_a_set() {
    each_backend(|server| {
        let (mut client, mut client3) = (server.client(), server.client3());
        client.check("SADD s b 2 1 a", int(4));
        client.check("SREM s b", int(1));
        client3.check("SPOP nokey 5", Value::Set(vec![]));
        client3.check("SPOP s 0", Value::Set(vec![]));
        client3.check("SPOP s 4", Value::Set(["1", "2", "a"].map(bulk).to_vec()));
        client.check("SPOP s 4", array([]));
        let out_of_range = err("value is out of range, must be positive");
        for count in ["-1", "x", "9223372036854775808"] {
            client.check(&format!("SPOP s {count}"), out_of_range.clone());
        }
        client.check("SPOP s 1 2", err("syntax error"));
    });
}

#[test]
fn srandmember_shows_members_and_keeps_them() {
    each_backend(|server| {
        let mut client = server.client();
        for prefix in ["", "m", "long_member_".repeat(10).as_str()] {
            client.run("DEL s");
            add_many(&mut client, "s", prefix, 100);
            let all: BTreeSet<String> = sorted(&client.run("SMEMBERS s")).into_iter().collect();
            assert!(all.contains(&client.run("SRANDMEMBER s").text()));
            for count in [1, 2, 20, 40, 80, 99, 100, 101] {
                let sample = sorted(&client.run(&format!("SRANDMEMBER s {count}")));
                assert_eq!(sample.len(), count.min(100));
                let distinct: BTreeSet<String> = sample.into_iter().collect();
                assert!(distinct.len() == count.min(100) && distinct.is_subset(&all));
            }
            let draws = sorted(&client.run("SRANDMEMBER s -2000"));
            assert_eq!(draws.len(), 2000);
            let distinct: BTreeSet<String> = draws.into_iter().collect();
            assert!(distinct.len() > 90 && distinct.is_subset(&all));
            client.check("SCARD s", int(100));
        }
    });
}

#[test]
fn srandmember_replies_arrays_and_bounds_its_count() {
    each_backend(|server| {
        let (mut client, mut client3) = (server.client(), server.client3());
        client.check("SRANDMEMBER s", nil());
        client3.check("SRANDMEMBER s", null());
        client.check("SADD s a", int(1));
        client3.check("SRANDMEMBER s 3", bulks(["a"]));
        client3.check("SRANDMEMBER s 0", array([]));
        client3.check("SRANDMEMBER nokey -3", array([]));
        client3.check("SRANDMEMBER s -3", bulks(["a", "a", "a"]));
        client.check("SRANDMEMBER s 9223372036854775807", bulks(["a"]));
        client.check("SRANDMEMBER s x", err("value is not an integer or out of range"));
        client.check(
            "SRANDMEMBER s -9223372036854775808",
            err("value is out of range, value must between -9223372036854775807 and \
                 9223372036854775807"),
        );
        client.check("SRANDMEMBER s 1 2", err("syntax error"));
        if !server.is_stand_in() {
            let member = "x".repeat(1 << 20);
            client.check(&format!("SADD t {member}"), int(1));
            client.check(
                "SRANDMEMBER t -9223372036854775807",
                err("the result would be longer than 512 MiB"),
            );
        }
    });
}

#[test]
fn sets_intersect_unite_and_differ() {
    check(&[
        ("SADD n 1 2 3 4 5", int(5)),
        ("SADD m 4 5 6 a", int(4)),
        ("SADD t a b", int(2)),
        ("SINTER n m", bulks(["4", "5"])),
        ("SINTER n m t", array([])),
        ("SINTER n", bulks(["1", "2", "3", "4", "5"])),
        ("SINTER n nokey", array([])),
        ("SUNION n t nokey", bulks(["1", "2", "3", "4", "5", "a", "b"])),
        ("SUNION nokey", array([])),
        ("SDIFF n m", bulks(["1", "2", "3"])),
        ("SDIFF m n t", bulks(["6"])),
        ("SDIFF n nokey", bulks(["1", "2", "3", "4", "5"])),
        ("SDIFF nokey n", array([])),
        ("SDIFF n m n", array([])),
    ]);
}

#[test]
fn whole_sets_are_sets_in_resp3() {
    each_backend(|server| {
        let mut client = server.client3();
        client.check("SADD s 1", int(1));
        let one = Value::Set(vec![bulk("1")]);
        for line in ["SMEMBERS s", "SINTER s s", "SUNION s", "SDIFF s nokey"] {
            client.check(line, one.clone());
        }
        for line in ["SMEMBERS x", "SINTER s x", "SUNION x", "SDIFF x"] {
            client.check(line, Value::Set(vec![]));
        }
    });
}

#[test]
fn results_are_stored_in_the_place_of_what_was_there() {
    check(&[
        ("SADD n 1 2 3", int(3)),
        ("SADD t 2 3 a", int(3)),
        ("SET d v EX 100", ok()),
        ("SINTERSTORE d n t", int(2)),
        ("SMEMBERS d", bulks(["2", "3"])),
        ("TTL d", int(-1)),
        ("OBJECT ENCODING d", bulk("intset")),
        ("SUNIONSTORE d n t", int(4)),
        ("OBJECT ENCODING d", bulk("listpack")),
        ("SDIFFSTORE d d n", int(1)),
        ("SMEMBERS d", bulks(["a"])),
        ("SINTERSTORE d d nokey", int(0)),
        ("EXISTS d", int(0)),
        ("SDIFFSTORE d nokey", int(0)),
        ("SUNIONSTORE n n", int(3)),
        ("SET str v", ok()),
        ("SUNIONSTORE str nokey", int(0)),
        ("EXISTS str", int(0)),
    ]);
}

#[test]
fn sintercard_counts_up_to_its_limit() {
    check(&[
        ("SADD a 1 2 3 4", int(4)),
        ("SADD b 2 3 4 5", int(4)),
        ("SINTERCARD 2 a b", int(3)),
        ("SINTERCARD 2 a b LIMIT 0", int(3)),
        ("SINTERCARD 2 a b LIMIT 2", int(2)),
        ("SINTERCARD 2 a b limit 9", int(3)),
        ("SINTERCARD 1 nokey", int(0)),
        ("SINTERCARD 2 a nokey", int(0)),
        ("SINTERCARD 0 a", err("numkeys should be greater than 0")),
        ("SINTERCARD x a", err("numkeys should be greater than 0")),
        ("SINTERCARD 2 a", err("Number of keys can't be greater than number of args")),
        ("SINTERCARD 1 a b", err("syntax error")),
        ("SINTERCARD 1 a LIMIT", err("syntax error")),
        ("SINTERCARD 1 a LIMIT -1", err("ERR LIMIT can't be negative")),
        ("SINTERCARD 1 a LIMIT x", err("ERR LIMIT can't be negative")),
    ]);
}

#[test]
fn sscan_visits_every_member() {
    each_backend(|server| {
        let mut client = server.client();
        for (prefix, count) in [("", 100), ("m", 100), ("m", 3000)] {
            client.run("DEL s");
            add_many(&mut client, "s", prefix, count);
            let (mut seen, mut cursor) = (Vec::new(), "0".to_string());
            loop {
                let reply = client.run(&format!("SSCAN s {cursor} COUNT 50"));
                seen.extend(reply.items()[1].items().iter().map(Value::text));
                cursor = reply.items()[0].text();
                if cursor == "0" {
                    break;
                }
            }
            seen.sort();
            assert_eq!(seen, sorted(&client.run("SMEMBERS s")));
        }
    });
}

#[test]
fn sscan_filters_and_refuses_as_redis() {
    let nothing = || array([bulk("0"), array([])]);
    check(&[
        ("SADD s a1 a2 b1", int(3)),
        ("SSCAN s 0 MATCH a*", array([bulk("0"), bulks(["a1", "a2"])])),
        ("SSCAN s 0 COUNT 1 MATCH *", array([bulk("0"), bulks(["a1", "a2", "b1"])])),
        ("SSCAN s x", err("invalid cursor")),
        ("SSCAN nokey x", err("invalid cursor")),
        ("SSCAN nokey 0 COUNT x", nothing()),
        ("SSCAN s 0 COUNT x", err("value is not an integer or out of range")),
        ("SSCAN s 0 COUNT 0", err("syntax error")),
        ("SSCAN s 0 NOVALUES", err("syntax error")),
        ("SSCAN s 0 TYPE set", err("syntax error")),
    ]);
}

#[test]
fn other_types_are_refused_and_kept() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("SET k v EX 100", ok());
        client.check("SADD s 1", int(1));
        for line in [
            "SADD k a",
            "SREM k a",
            "SMOVE k s a",
            "SMOVE s k 1",
            "SISMEMBER k a",
            "SMISMEMBER k a",
            "SCARD k",
            "SMEMBERS k",
            "SPOP k",
            "SPOP k 0",
            "SRANDMEMBER k",
            "SRANDMEMBER k 0",
            "SSCAN k 0",
            "SINTER s k",
            "SINTER nokey k",
            "SINTERCARD 2 s k",
            "SINTERSTORE s s k",
            "SUNION s k",
            "SUNIONSTORE s s k",
            "SDIFF nokey k",
            "SDIFFSTORE s s k",
            "GET s",
            "APPEND s x",
            "INCR s",
        ] {
            client.check(line, err(WRONG_TYPE));
        }
        client.check("GET k", bulk("v"));
        client.check("TTL k", int(100));
        client.check("SMEMBERS s", bulks(["1"]));
    });
}

#[test]
fn watchers_hear_of_changes_only() {
    each_backend(|server| {
        let (mut watcher, mut other) = (server.client(), server.client());
        other.check("SADD s 1 2 3", int(3));
        other.check("SADD t 1", int(1));
        for (line, reply, changes) in [
            ("SADD s 1 2", int(0), false),
            ("SREM s x", int(0), false),
            ("SMOVE s s 1", int(1), false),
            ("SPOP s 0", array([]), false),
            ("SADD s 4", int(1), true),
            ("SREM s 4", int(1), true),
            ("SMOVE t s 1", int(1), false),
            ("SINTERSTORE s nokey", int(0), true),
            ("SINTERSTORE s nokey", int(0), false),
        ] {
            watcher.check("WATCH s", ok());
            other.check(line, reply);
            watcher.check("MULTI", ok());
            let expected = if changes { Value::NilArray } else { array([]) };
            watcher.check("EXEC", expected);
        }
    });
}

#[test]
fn a_ttl_stays_while_members_come_and_go() {
    check(&[
        ("SADD s 1", int(1)),
        ("EXPIRE s 100", int(1)),
        ("SADD s a", int(1)),
        ("SREM s 1", int(1)),
        ("TTL s", int(100)),
        ("SPOP s", bulk("a")),
        ("SADD s 1", int(1)),
        ("TTL s", int(-1)),
    ]);
}
