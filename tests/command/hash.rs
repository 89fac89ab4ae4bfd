//! Hash commands over a connection: what they reply, when a hash becomes big, and that a refused
//! one changes nothing.

use std::collections::BTreeMap;

use crate::support::*;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

/// The fields and values of a reply to HGETALL.
fn pairs(reply: &Value) -> BTreeMap<String, String> {
    let items: Vec<String> = reply.items().iter().map(Value::text).collect();
    items.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// Makes `key` a hash of `count` fields, `f0` with the value `v0` and so on.
fn fill(client: &mut Client, key: &str, count: usize) {
    for from in (0..count).step_by(500) {
        let mut words = vec!["HSET".to_string(), key.to_string()];
        for number in from..count.min(from + 500) {
            words.extend([format!("f{number}"), format!("v{number}")]);
        }
        client.cmd(&words);
    }
}

#[test]
fn fields_are_set_read_and_removed() {
    check(&[
        ("HSET h a 1 b 2", int(2)),
        ("HSET h a 3 c 4", int(1)),
        ("HGET h a", bulk("3")),
        ("HGET h nofield", nil()),
        ("HMGET h c nofield a", array([bulk("4"), nil(), bulk("3")])),
        ("HLEN h", int(3)),
        ("HEXISTS h b", int(1)),
        ("HEXISTS h nofield", int(0)),
        ("HSTRLEN h b", int(1)),
        ("HSTRLEN h nofield", int(0)),
        ("HKEYS h", bulks(["a", "b", "c"])),
        ("HVALS h", bulks(["3", "2", "4"])),
        ("HGETALL h", bulks(["a", "3", "b", "2", "c", "4"])),
        ("HDEL h b nofield b", int(1)),
        ("HDEL h nofield", int(0)),
        ("HDEL h a c nofield", int(2)),
        ("EXISTS h", int(0)),
        ("HDEL h a", int(0)),
    ]);
}

#[test]
fn a_missing_hash_has_no_fields() {
    check(&[
        ("HGET h f", nil()),
        ("HMGET h f g", array([nil(), nil()])),
        ("HLEN h", int(0)),
        ("HGETALL h", array([])),
        ("HKEYS h", array([])),
        ("HVALS h", array([])),
        ("HRANDFIELD h", nil()),
        ("HRANDFIELD h 2", array([])),
        ("HRANDFIELD h -2 WITHVALUES", array([])),
        ("HSCAN h 0", array([bulk("0"), array([])])),
        ("HSCAN h 0 NONSENSE", array([bulk("0"), array([])])),
    ]);
}

#[test]
fn hmset_and_hsetnx_set_in_their_own_ways() {
    check(&[
        ("HMSET h a 1 b 2", ok()),
        ("HMSET h a 1 b", err("wrong number of arguments for 'hmset' command")),
        ("HSET h a 1 b", err("wrong number of arguments for 'hset' command")),
        ("HSETNX h a 9", int(0)),
        ("HSETNX h c 9", int(1)),
        ("HGETALL h", bulks(["a", "1", "b", "2", "c", "9"])),
        ("HSET h a 5 a 6", int(0)),
        ("HGET h a", bulk("6")),
    ]);
}

#[test]
fn every_byte_of_fields_and_values_is_kept() {
    each_backend(|server| {
        let mut client = server.client();
        let all: Vec<u8> = (0..=255).collect();
        let texts = [&all[..], b"", b"007", b"-0", b"12", b"9223372036854775808", &all.repeat(99)];
        for (field, value) in texts.iter().zip(texts.iter().rev()) {
            assert_eq!(client.cmd(&[&b"HSET"[..], b"h", field, value]), int(1));
        }
        for (field, value) in texts.iter().zip(texts.iter().rev()) {
            assert_eq!(client.cmd(&[&b"HGET"[..], b"h", field]), bulk(value));
            let len = i64::try_from(value.len()).expect("short");
            assert_eq!(client.cmd(&[&b"HSTRLEN"[..], b"h", field]), int(len));
        }
    });
}

#[test]
fn numbers_count() {
    check(&[
        ("HINCRBY h n 5", int(5)),
        ("HINCRBY h n -7", int(-2)),
        ("HSET h big 9223372036854775807 text x space \" 1\" float 3.0", int(4)),
        ("HINCRBY h big 1", err("increment or decrement would overflow")),
        ("HINCRBY h text 1", err("hash value is not an integer")),
        ("HINCRBY h space 1", err("hash value is not an integer")),
        ("HINCRBY h float 1", err("hash value is not an integer")),
        ("HINCRBY h n x", err("value is not an integer or out of range")),
        ("HINCRBYFLOAT h f 10.50", bulk("10.5")),
        ("HINCRBYFLOAT h f 0.1", bulk("10.6")),
        ("HINCRBYFLOAT h n 1.5e2", bulk("148")),
        ("HINCRBYFLOAT h text 1", err("hash value is not a float")),
        ("HINCRBYFLOAT h space 1", err("hash value is not a float")),
        ("HINCRBYFLOAT h n x", err("value is not a valid float")),
        ("HINCRBYFLOAT h n inf", err("value is NaN or Infinity")),
        ("HSET h inf inf", int(1)),
        ("HINCRBYFLOAT h inf 1", err("increment would produce NaN or Infinity")),
        ("HMGET h big text n", bulks(["9223372036854775807", "x", "148"])),
        ("HINCRBY new n x", err("value is not an integer or out of range")),
        ("EXISTS new", int(0)),
    ]);
}

#[test]
fn other_types_are_refused() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("SET s v", ok());
        for line in [
            "HSET s f v",
            "HMSET s f v",
            "HSETNX s f v",
            "HGET s f",
            "HMGET s f",
            "HDEL s f",
            "HLEN s",
            "HEXISTS s f",
            "HSTRLEN s f",
            "HGETALL s",
            "HKEYS s",
            "HVALS s",
            "HINCRBY s f 1",
            "HINCRBYFLOAT s f 1",
            "HRANDFIELD s",
            "HRANDFIELD s 1",
            "HSCAN s 0",
        ] {
            assert_eq!(client.run(line), err(WRONG_TYPE), "{line}");
        }
        client.check("HSET h f v", int(1));
        client.check("GET h", err(WRONG_TYPE));
        client.check("SET h v", ok());
        client.check("GET h", bulk("v"));
    });
}

#[test]
fn a_hash_becomes_big_beyond_its_limits_and_stays_so() {
    each_backend(|server| {
        let mut client = server.client();
        let (fits, long) = ("v".repeat(64), "v".repeat(65));
        client.check(&format!("HSET value f {fits}"), int(1));
        client.check("OBJECT ENCODING value", bulk("listpack"));
        client.check(&format!("HSET value f {long}"), int(0));
        client.check("OBJECT ENCODING value", bulk("hashtable"));
        client.check("HSET value f v", int(0));
        client.check("OBJECT ENCODING value", bulk("hashtable"));
        client.check(&format!("HSETNX field {long} v"), int(1));
        client.check("OBJECT ENCODING field", bulk("hashtable"));
        fill(&mut client, "many", 512);
        client.check("OBJECT ENCODING many", bulk("listpack"));
        client.check("HSET many f0 again", int(0));
        client.check("OBJECT ENCODING many", bulk("listpack"));
        client.check("HINCRBY many one 1", int(1));
        client.check("OBJECT ENCODING many", bulk("hashtable"));
        client.check("CONFIG SET hash-max-listpack-entries 2", ok());
        client.check("HSET given a 1 a 2 a 3", int(1));
        client.check("OBJECT ENCODING given", bulk("hashtable"));
    });
}

#[test]
fn a_big_hash_holds_what_it_was_given() {
    each_backend(|server| {
        let mut client = server.client();
        fill(&mut client, "h", 3000);
        client.check("HLEN h", int(3000));
        let all = pairs(&client.run("HGETALL h"));
        assert_eq!(all.len(), 3000);
        assert!((0..3000).all(|n| all[&format!("f{n}")] == format!("v{n}")));
        (0..3000).step_by(2).for_each(|n| client.check(&format!("HDEL h f{n}"), int(1)));
        client.check("HMGET h f0 f1", array([nil(), bulk("v1")]));
        client.check("COPY h copy", int(1));
        client.check("RENAME h other", ok());
        assert_eq!(pairs(&client.run("HGETALL copy")), pairs(&client.run("HGETALL other")));
        client.check("DEL other copy", int(2));
    });
}

#[test]
fn version_3_replies_with_maps_and_pairs() {
    each_backend(|server| {
        let mut client = server.client3();
        client.check("HSET h f v", int(1));
        let raw = |client: &mut Client, line: &str| {
            client.send(&encode(&split_args(line)));
            String::from_utf8(client.recv_with_bytes().1).expect("text")
        };
        assert_eq!(raw(&mut client, "HGETALL h"), "%1\r\n$1\r\nf\r\n$1\r\nv\r\n");
        assert_eq!(raw(&mut client, "HGETALL nokey"), "%0\r\n");
        assert_eq!(raw(&mut client, "HKEYS h"), "*1\r\n$1\r\nf\r\n");
        assert_eq!(raw(&mut client, "HGET h nofield"), "_\r\n");
        let pair = "*1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
        assert_eq!(raw(&mut client, "HRANDFIELD h 1 WITHVALUES"), pair);
        assert_eq!(raw(&mut client, "HRANDFIELD h -1 WITHVALUES"), pair);
        assert_eq!(raw(&mut client, "HRANDFIELD nokey"), "_\r\n");
    });
}

#[test]
fn hrandfield_draws_with_and_without_repetition() {
    each_backend(|server| {
        let mut client = server.client();
        for (key, count) in [("small", 20), ("big", 2000)] {
            fill(&mut client, key, count);
            for wanted in [1, 5, count / 2, count, count + 5] {
                let fields = client.run(&format!("HRANDFIELD {key} {wanted}"));
                let mut texts: Vec<String> = fields.items().iter().map(Value::text).collect();
                texts.sort();
                texts.dedup();
                assert_eq!(texts.len(), wanted.min(count), "{key} {wanted}");
                let drawn = client.run(&format!("HRANDFIELD {key} -{wanted} WITHVALUES"));
                assert_eq!(drawn.items().len(), 2 * wanted);
                for pair in drawn.items().chunks(2) {
                    assert_eq!(pair[0].text()[1..], pair[1].text()[1..]);
                }
            }
            assert!(client.run(&format!("HRANDFIELD {key}")).text().starts_with('f'));
            client.check(&format!("HRANDFIELD {key} 0"), array([]));
        }
    });
}

#[test]
fn hrandfield_refuses_what_it_does_not_understand() {
    let range = "value is out of range, value must between -9223372036854775807 and \
                 9223372036854775807";
    check(&[
        ("HSET h f v", int(1)),
        ("HRANDFIELD h x", err("value is not an integer or out of range")),
        ("HRANDFIELD h -9223372036854775808", err(range)),
        ("HRANDFIELD h -9223372036854775807 WITHVALUES", err("value is out of range")),
        ("HRANDFIELD h 4611686018427387904 WITHVALUES", err("value is out of range")),
        ("HRANDFIELD h 1 VALUES", err("syntax error")),
        ("HRANDFIELD h 1 WITHVALUES x", err("syntax error")),
        ("HRANDFIELD h WITHVALUES", err("value is not an integer or out of range")),
    ]);
}

#[test]
fn hscan_visits_every_field_once() {
    each_backend(|server| {
        let mut client = server.client();
        fill(&mut client, "h", 2000);
        let (mut seen, mut cursor) = (BTreeMap::new(), "0".to_string());
        loop {
            let reply = client.run(&format!("HSCAN h {cursor} COUNT 50"));
            for pair in reply.items()[1].items().chunks(2) {
                let twice = seen.insert(pair[0].text(), pair[1].text());
                assert_eq!(twice, None);
            }
            cursor = reply.items()[0].text();
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen, pairs(&client.run("HGETALL h")));
    });
}

#[test]
fn hscan_understands_its_options() {
    check(&[
        ("HSET h aa 1 ab 2 b 3", int(3)),
        ("HSCAN h 0", array([bulk("0"), bulks(["aa", "1", "ab", "2", "b", "3"])])),
        ("HSCAN h 0 COUNT 1", array([bulk("0"), bulks(["aa", "1", "ab", "2", "b", "3"])])),
        ("HSCAN h 0 MATCH a*", array([bulk("0"), bulks(["aa", "1", "ab", "2"])])),
        ("HSCAN h x", err("invalid cursor")),
        ("HSCAN h 0 COUNT 0", err("syntax error")),
        ("HSCAN h 0 COUNT x", err("value is not an integer or out of range")),
        ("HSCAN h 0 TYPE hash", err("syntax error")),
    ]);
    each_backend(|server| {
        if !server.is_stand_in() {
            check_on(
                &mut server.client(),
                &[
                    ("HSET h aa 1 ab 2 b 3", int(3)),
                    ("HSCAN h 0 NOVALUES MATCH a*", array([bulk("0"), bulks(["aa", "ab"])])),
                ],
            );
        }
    });
}

#[test]
fn a_hash_keeps_its_deadline_while_its_fields_change() {
    check(&[
        ("HSET h f 1", int(1)),
        ("EXPIRE h 100", int(1)),
        ("HSET h f 2 g 3", int(1)),
        ("HINCRBY h f 1", int(3)),
        ("HDEL h g", int(1)),
        ("TTL h", int(100)),
        ("HDEL h f", int(1)),
        ("HSET h f 1", int(1)),
        ("TTL h", int(-1)),
    ]);
}

#[test]
fn watchers_hear_of_changed_fields_only() {
    each_backend(|server| {
        let (mut watcher, mut other) = (server.client(), server.client());
        other.check("HSET h f v", int(1));
        for (line, hears) in [
            ("HGET h f", false),
            ("HSETNX h f v", false),
            ("HDEL h nofield", false),
            ("HINCRBY h f 1", false),
            ("HSET h f v", true),
            ("HINCRBY h n 1", true),
            ("HDEL h n", true),
        ] {
            watcher.check("WATCH h", ok());
            other.run(line);
            watcher.check("MULTI", ok());
            watcher.check("PING", simple("QUEUED"));
            let expected = if hears { Value::NilArray } else { array([simple("PONG")]) };
            assert_eq!(watcher.run("EXEC"), expected, "{line}");
        }
    });
}
