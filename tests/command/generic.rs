//! Commands on keys whatever they hold: existence, names, databases, deadlines, iteration.

use std::collections::BTreeSet;

use crate::support::*;

#[test]
fn keys_are_counted_as_often_as_they_are_named() {
    check(&[
        ("MSET a 1 b 2 c 3", ok()),
        ("EXISTS a a b nokey", int(3)),
        ("TOUCH a a nokey", int(2)),
        ("UNLINK a nokey", int(1)),
        ("DEL b b c", int(2)),
        ("DBSIZE", int(0)),
        ("RANDOMKEY", nil()),
        ("TYPE a", simple("none")),
    ]);
}

#[test]
fn rename_takes_value_and_deadline_along() {
    check(&[
        ("SET a 1 PXAT 33177117420000", ok()),
        ("SET b 2", ok()),
        ("RENAMENX a b", int(0)),
        ("RENAME a b", ok()),
        ("GET b", bulk("1")),
        ("PEXPIRETIME b", int(33_177_117_420_000)),
        ("RENAME b b", ok()),
        ("RENAMENX b c", int(1)),
        ("RENAME b c", err("ERR no such key")),
    ]);
}

#[test]
fn copy_and_move_reach_other_databases() {
    check(&[
        ("SET a 1 PXAT 33177117420000", ok()),
        ("COPY a a", err("ERR source and destination objects are the same")),
        ("COPY a b", int(1)),
        ("COPY a b", int(0)),
        ("COPY a b DB 3 REPLACE", int(1)),
        ("MOVE a 0", err("ERR source and destination objects are the same")),
        ("MOVE a 3", int(1)),
        ("MOVE b 3", int(0)),
        ("MOVE b 99", err("ERR DB index is out of range")),
        ("EXISTS a", int(0)),
        ("SELECT 3", ok()),
        ("PEXPIRETIME a", int(33_177_117_420_000)),
        ("PEXPIRETIME b", int(33_177_117_420_000)),
        ("SELECT 16", err("ERR DB index is out of range")),
    ]);
}

#[test]
fn deadlines_obey_their_conditions() {
    check(&[
        ("SET k v", ok()),
        ("TTL nokey", int(-2)),
        ("TTL k", int(-1)),
        ("EXPIRE k 100 XX", int(0)),
        ("EXPIRE k 100 GT", int(0)),
        ("EXPIRE k 100 LT", int(1)),
        ("EXPIRE k 100 NX", int(0)),
        ("EXPIREAT k 33177117420 GT", int(1)),
        ("EXPIRETIME k", int(33_177_117_420)),
        (
            "EXPIRE k 10 NX XX",
            err("ERR NX and XX, GT or LT options at the same time are not compatible"),
        ),
        ("EXPIRE k 9223372036854775807", err("ERR invalid expire time in 'expire' command")),
        ("PERSIST k", int(1)),
        ("PERSIST k", int(0)),
        ("PEXPIREAT k 1", int(1)),
        ("EXISTS k", int(0)),
    ]);
}

#[test]
fn a_key_is_gone_at_its_deadline_without_being_asked_for() {
    each_backend(|server| {
        server.client().check("SET k v PX 20", ok());
        server.wait_until("the key expires", |server| server.info("expired_keys") == "1");
        server.client().check("DBSIZE", int(0));
    });
}

#[test]
fn scan_returns_every_key_once_while_others_come_and_go() {
    each_backend(|server| {
        let mut client = server.client();
        for number in 0..2000 {
            client.check(&format!("SET stays:{number} v"), ok());
        }
        let (mut cursor, mut seen, mut calls) = ("0".to_string(), Vec::new(), 0);
        loop {
            let reply = client.run(&format!("SCAN {cursor} MATCH stays:* COUNT 20"));
            cursor = reply.items()[0].text();
            seen.extend(reply.items()[1].items().iter().map(Value::text));
            if cursor == "0" {
                break;
            }
            for number in 0..20 {
                client.check(&format!("SET passes:{calls}:{number} v"), ok());
            }
            calls += 1;
        }
        let distinct: BTreeSet<_> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (2000, 2000));
    });
}

#[test]
fn scan_and_keys_filter() {
    check(&[
        ("MSET apple 1 avocado 2 banana 3", ok()),
        ("KEYS b*", bulks(["banana"])),
        ("KEYS a?ple", bulks(["apple"])),
        ("SCAN 0 TYPE list", array([bulk("0"), array([])])),
        ("SCAN 0 MATCH ban* COUNT 100", array([bulk("0"), bulks(["banana"])])),
        ("SCAN x", err("ERR invalid cursor")),
        ("SCAN 0 COUNT 0", err("ERR syntax error")),
    ]);
}

#[test]
fn object_tells_how_a_value_is_kept() {
    let long = "x".repeat(45);
    check(&[
        ("MSET int 12 short abc", ok()),
        (&format!("SET long {long}"), ok()),
        ("OBJECT ENCODING int", bulk("int")),
        ("OBJECT ENCODING short", bulk("embstr")),
        ("OBJECT ENCODING long", bulk("raw")),
        ("OBJECT REFCOUNT long", int(1)),
        ("OBJECT IDLETIME short", int(0)),
        ("OBJECT ENCODING nokey", nil()),
        (
            "OBJECT FREQ short",
            err(
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please \
             note that when switching between policies at runtime LRU and LFU data will take \
             some time to adjust.",
            ),
        ),
    ]);
}
