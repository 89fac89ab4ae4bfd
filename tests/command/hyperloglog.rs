//! HyperLogLog commands over a connection: counts, unions, forms, corruption.

use crate::support::*;

const NOT_HLL: &str = "WRONGTYPE Key is not a valid HyperLogLog string value.";
const CORRUPTED: &str = "INVALIDOBJ Corrupted HLL object detected";
/// Three elements as Redis stores them; the estimate is stale.
const ABC: &str =
    r"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80`\xf3\x80P\xb1\x84K\xfb\x80BZ";

#[test]
fn pfadd_says_whether_a_register_changed() {
    check(&[
        ("PFADD k a b c", int(1)),
        ("PFADD k a c", int(0)),
        ("PFADD k d", int(1)),
        ("PFADD k", int(0)),
        ("PFADD empty", int(1)),
        ("PFCOUNT empty", int(0)),
        ("TYPE k", simple("string")),
        ("OBJECT ENCODING k", bulk("raw")),
        ("PFADD", err("wrong number of arguments for 'pfadd' command")),
    ]);
}

#[test]
fn pfadd_writes_the_bytes_of_redis() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("PFADD k a b c", int(1));
        let bytes = split_args(&format!("\"{ABC}\"")).remove(0);
        client.check("GET k", bulk(bytes));
        client.check(&format!("SET copy \"{ABC}\" EX 100"), ok());
        client.check("PFADD copy d", int(1));
        client.check("PFCOUNT copy", int(4));
        client.check("TTL copy", int(100));
    });
}

#[test]
fn pfcount_keeps_its_estimate_in_the_key() {
    check(&[
        ("PFADD k a b c", int(1)),
        ("GETRANGE k 8 15", bulk(b"\0\0\0\0\0\0\0\x80")),
        ("PFCOUNT k", int(3)),
        ("GETRANGE k 8 15", bulk(b"\x03\0\0\0\0\0\0\0")),
        ("PFADD k a", int(0)),
        ("GETRANGE k 15 15", bulk(b"\0")),
        ("PFADD k z", int(1)),
        ("GETRANGE k 15 15", bulk(b"\x80")),
        ("PFCOUNT k", int(4)),
        ("PFCOUNT missing", int(0)),
    ]);
}

#[test]
fn pfcount_of_several_keys_counts_their_union() {
    check(&[
        ("PFADD k1 a b c", int(1)),
        ("PFADD k2 b c d", int(1)),
        ("PFCOUNT k1 k2 missing", int(4)),
        ("PFCOUNT k1 k1", int(3)),
        ("PFCOUNT missing nothing", int(0)),
        ("SET s x", ok()),
        ("PFCOUNT k1 s", err(NOT_HLL)),
    ]);
}

#[test]
fn pfmerge_writes_the_union() {
    check(&[
        ("PFADD k1 a b c", int(1)),
        ("PFADD k2 c d e", int(1)),
        ("PFMERGE k k1 k2 missing", ok()),
        ("PFCOUNT k", int(5)),
        ("PFDEBUG ENCODING k", simple("sparse")),
        ("PFMERGE k1 k2", ok()),
        ("PFCOUNT k1", int(5)),
        ("PFMERGE new", ok()),
        ("PFCOUNT new", int(0)),
        ("PFDEBUG TODENSE k2", int(1)),
        ("PEXPIRE k 100000", int(1)),
        ("PFMERGE k k2", ok()),
        ("PFDEBUG ENCODING k", simple("dense")),
        ("TTL k", int(100)),
        ("SET s x", ok()),
        ("PFMERGE other s", err(NOT_HLL)),
        ("PFMERGE s k1", err(NOT_HLL)),
        ("EXISTS other", int(0)),
    ]);
}

#[test]
fn the_sparse_form_ends_at_hll_sparse_max_bytes() {
    check(&[
        ("PFADD k a b c d e f g h i j k", int(1)),
        ("PFDEBUG ENCODING k", simple("sparse")),
        ("CONFIG SET hll-sparse-max-bytes 30", ok()),
        ("PFADD k l", int(1)),
        ("PFDEBUG ENCODING k", simple("dense")),
        ("STRLEN k", int(12304)),
        ("PFADD k a b c l", int(0)),
        ("PFADD k a b m", int(1)),
        ("PFCOUNT k", int(13)),
        ("PFADD new", int(1)),
        ("PFDEBUG ENCODING new", simple("sparse")),
    ]);
}

#[test]
fn large_sets_are_estimated_closely() {
    each_backend(|server| {
        let mut client = server.client();
        for first in (0..50_000).step_by(1000) {
            let elements: Vec<String> = (first..first + 1000).map(|n| n.to_string()).collect();
            client.cmd(&[&["PFADD".to_string(), "k".to_string()][..], &elements].concat());
        }
        let count = client.run("PFCOUNT k").as_int();
        assert!((48_500..51_500).contains(&count), "{count}");
        client.check("PFDEBUG ENCODING k", simple("dense"));
        client.check("PFCOUNT k nothing", int(count));
    });
}

#[test]
fn pfdebug_shows_registers_and_opcodes() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("PFADD k a b c", int(1));
        let opcodes = "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603";
        client.check("PFDEBUG DECODE k", bulk(opcodes));
        client.check("PFDEBUG nosuch k", err("Unknown PFDEBUG subcommand 'nosuch'"));
        let registers = client.run("PFDEBUG GETREG k");
        assert_eq!(registers.items().len(), 16_384);
        assert_eq!(registers.items()[8436], int(1));
        assert_eq!(registers.items()[12_711], int(2));
        client.check("PFDEBUG encoding k", simple("dense"));
        client.check("PFDEBUG decode k", err("ERR HLL encoding is not sparse"));
        client.check("PFDEBUG TODENSE k", int(0));
        client.check("PFDEBUG GETREG missing", err("The specified key does not exist"));
        client.check("PFCOUNT k", int(3));
        client.check("PFSELFTEST", ok());
    });
}

#[test]
fn other_strings_are_refused() {
    check(&[
        ("SET int 12", ok()),
        ("PFADD int a", err(NOT_HLL)),
        ("PFCOUNT int", err(NOT_HLL)),
        ("PFDEBUG ENCODING int", err(NOT_HLL)),
        ("GET int", bulk("12")),
        ("PFADD k a", int(1)),
        ("SETRANGE k 0 h", int(21)),
        ("PFCOUNT k", err(NOT_HLL)),
        ("SETRANGE k 0 H", int(21)),
        (r#"SETRANGE k 4 "\x02""#, int(21)),
        ("PFADD k b", err(NOT_HLL)),
        (r#"SETRANGE k 4 "\x00""#, int(21)),
        ("PFMERGE new k", err(NOT_HLL)),
        ("EXISTS new", int(0)),
    ]);
}

#[test]
fn corrupted_strings_are_refused_and_stay() {
    check(&[
        ("PFADD k a b c", int(1)),
        ("APPEND k hello", int(32)),
        ("PFCOUNT k", err(CORRUPTED)),
        ("PFCOUNT k k", err(CORRUPTED)),
        ("PFMERGE new k", err(CORRUPTED)),
        ("PFDEBUG TODENSE k", err(CORRUPTED)),
        ("PFDEBUG GETREG k", err(CORRUPTED)),
        ("STRLEN k", int(32)),
        (r#"SET short "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80""#, ok()),
        ("PFADD short a", err(CORRUPTED)),
        ("STRLEN short", int(16)),
        ("EXISTS new", int(0)),
    ]);
}

#[test]
fn watchers_learn_of_changed_registers_and_estimates() {
    each_backend(|server| {
        let (mut watcher, mut other) = (server.client(), server.client());
        let unchanged = array([simple("PONG")]);
        for (line, reply) in [
            ("PFADD k b", Value::NilArray),
            ("PFADD k a", unchanged.clone()),
            ("PFCOUNT k", Value::NilArray),
            ("PFCOUNT k", unchanged),
            ("PFMERGE k", Value::NilArray),
        ] {
            other.run("PFADD k a");
            watcher.check("WATCH k", ok());
            assert!(!other.run(line).is_error());
            watcher.check("MULTI", ok());
            watcher.check("PING", simple("QUEUED"));
            watcher.check("EXEC", reply);
        }
    });
}
