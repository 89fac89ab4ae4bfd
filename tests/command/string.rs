//! String commands over a connection: what they reply, and that a refused one changes nothing.

use crate::support::*;

#[test]
fn set_and_get_keep_every_byte() {
    each_backend(|server| {
        let mut client = server.client();
        let all: Vec<u8> = (0..=255).collect();
        for value in [&all[..], b"", b"007", b"-0", b"12", &all.repeat(1000)] {
            assert_eq!(client.cmd(&[b"SET", &all[..], value]), ok());
            assert_eq!(client.cmd(&[b"GET", &all[..]]), bulk(value));
        }
        client.check("GET nokey", nil());
        server.client3().check("GET nokey", null());
    });
}

#[test]
fn set_clears_a_ttl_unless_told_to_keep_it() {
    check(&[
        ("SET k v EX 100", ok()),
        ("SET k w KEEPTTL", ok()),
        ("TTL k", int(100)),
        ("SET k w", ok()),
        ("TTL k", int(-1)),
        ("SET k v PXAT 33177117420000", ok()),
        ("PEXPIRETIME k", int(33_177_117_420_000)),
        ("SET k v EXAT 33177117420", ok()),
        ("EXPIRETIME k", int(33_177_117_420)),
    ]);
}

#[test]
fn set_conditions_decide_on_existence() {
    check(&[
        ("SET k 1 XX", nil()),
        ("SET k 1 NX", ok()),
        ("SET k 2 NX", nil()),
        ("SET k 3 XX", ok()),
        ("GET k", bulk("3")),
        ("SET k 4 NX XX", err("syntax error")),
        ("SETNX k 5", int(0)),
        ("SETNX other 5", int(1)),
        ("MGET k other", bulks(["3", "5"])),
    ]);
}

#[test]
fn set_get_replies_the_old_value_whether_it_sets_or_not() {
    check(&[
        ("SET k 1 GET", nil()),
        ("SET k 2 GET", bulk("1")),
        ("SET k 3 NX GET", bulk("2")),
        ("SET gone 3 XX GET", nil()),
        ("EXISTS gone", int(0)),
        ("GETSET k 4", bulk("2")),
        ("GET k", bulk("4")),
    ]);
}

#[test]
fn set_ifeq_compares_numbers_and_text_alike() {
    check_newer(&[
        ("SET k 10", ok()),
        ("SET k new IFEQ 010", nil()),
        ("SET k new IFEQ 10", ok()),
        ("SET k newer IFEQ other GET", bulk("new")),
        ("SET k newer IFEQ new GET", bulk("new")),
        ("GET k", bulk("newer")),
        ("SET gone v IFEQ \"\"", nil()),
        ("SET k v IFEQ newer NX", err("syntax error")),
        ("SET k v IFEQ", err("syntax error")),
    ]);
}

#[test]
fn set_refuses_bad_times_and_changes_nothing() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("SET k v", ok());
        for unit in ["EX", "PX", "EXAT", "PXAT"] {
            for time in ["0", "-1"] {
                let line = format!("SET k w {unit} {time}");
                client.check(&line, err("invalid expire time in 'set' command"));
            }
            client.check(&format!("SET k w {unit}"), err("syntax error"));
            client.check(
                &format!("SET k w {unit} x"),
                err("value is not an integer or out of range"),
            );
        }
        for line in ["SET k w EX 9223372036854775807", "SET k w PX 9223372036854775807"] {
            client.check(line, err("invalid expire time in 'set' command"));
        }
        client.check("SET k w EX 1 PX 1", err("syntax error"));
        client.check("SETEX k 0 w", err("invalid expire time in 'setex' command"));
        client.check("PSETEX k -1 w", err("invalid expire time in 'psetex' command"));
        client.check("GET k", bulk("v"));
        client.check("TTL k", int(-1));
    });
}

#[test]
fn setex_and_psetex_set_value_and_deadline() {
    check(&[
        ("SETEX k 100 v", ok()),
        ("TTL k", int(100)),
        ("PSETEX k 100900 w", ok()),
        ("TTL k", int(101)),
        ("GET k", bulk("w")),
    ]);
}

#[test]
fn getex_changes_the_deadline_only_when_asked() {
    check(&[
        ("GETEX k EX 0", nil()),
        ("SET k v", ok()),
        ("GETEX k EX 100", bulk("v")),
        ("GETEX k", bulk("v")),
        ("TTL k", int(100)),
        ("GETEX k EX 0", err("invalid expire time in 'getex' command")),
        ("GETEX k KEEPTTL", err("syntax error")),
        ("GETEX k PERSIST", bulk("v")),
        ("TTL k", int(-1)),
        ("GETEX k PXAT 1", bulk("v")),
        ("EXISTS k", int(0)),
    ]);
}

#[test]
fn getex_persist_without_a_ttl_is_no_change_for_watch() {
    each_backend(|server| {
        let (mut watcher, mut other) = (server.client(), server.client());
        for (line, reply) in
            [("SET k v", array([simple("PONG")])), ("SET k v EX 100", Value::NilArray)]
        {
            watcher.check(line, ok());
            watcher.check("WATCH k", ok());
            other.check("GETEX k PERSIST", bulk("v"));
            watcher.check("MULTI", ok());
            watcher.check("PING", simple("QUEUED"));
            watcher.check("EXEC", reply);
        }
    });
}

#[test]
fn delifeq_and_getdel_remove_what_they_saw() {
    check_newer(&[
        ("SET k 5", ok()),
        ("DELIFEQ k 6", int(0)),
        ("DELIFEQ k 5", int(1)),
        ("DELIFEQ k 5", int(0)),
        ("SET k v", ok()),
        ("GETDEL k", bulk("v")),
        ("GETDEL k", nil()),
    ]);
}

#[test]
fn mset_takes_pairs_and_the_last_of_a_key_wins() {
    check(&[
        ("MSET a 1 b 2 a 3", ok()),
        ("MGET a b nokey", array([bulk("3"), bulk("2"), nil()])),
        ("MSET a 4 b", err("wrong number of arguments for 'mset' command")),
        ("MSETNX c 1 a 9", int(0)),
        ("EXISTS c", int(0)),
        ("MSETNX c 1 c 2", int(1)),
        ("GET c", bulk("2")),
        ("MSETNX d 1 e", err("wrong number of arguments for 'msetnx' command")),
    ]);
}

#[test]
fn msetex_sets_all_keys_or_none() {
    check_newer(&[
        ("MSETEX 2 a 1 b 2 EX 100", int(1)),
        ("TTL a", int(100)),
        ("MSETEX 2 b 9 c 9 NX", int(0)),
        ("MSETEX 2 b 9 c 9 XX", int(0)),
        ("MSETEX 1 b 3 XX KEEPTTL", int(1)),
        ("MGET a b c", array([bulk("1"), bulk("3"), nil()])),
        ("TTL b", int(100)),
        ("MSETEX 0 a 1", err("invalid numkeys value or out of range")),
        ("MSETEX 2147483648 a 1", err("invalid numkeys value or out of range")),
        ("MSETEX 2147483647 a 1", err("syntax error")),
        ("MSETEX 1 a 1 b", err("syntax error")),
        ("MSETEX 1 a 1 PX 0", err("invalid expire time in 'msetex' command")),
    ]);
}

#[test]
fn append_and_setrange_grow_a_string() {
    check(&[
        ("APPEND k 12", int(2)),
        ("APPEND k 3", int(3)),
        ("APPEND k \"\"", int(3)),
        ("GET k", bulk("123")),
        ("SETRANGE k 5 x", int(6)),
        ("GET k", bulk("123\0\0x")),
        ("SETRANGE k 1 \"\"", int(6)),
        ("SETRANGE nokey 9 \"\"", int(0)),
        ("EXISTS nokey", int(0)),
        ("SETRANGE k -1 x", err("offset is out of range")),
    ]);
}

#[test]
fn appending_keeps_the_ttl() {
    check(&[
        ("SET k v EX 100", ok()),
        ("APPEND k w", int(2)),
        ("SETRANGE k 0 abc", int(3)),
        ("TTL k", int(100)),
        ("SET n 5 EX 100", ok()),
        ("INCR n", int(6)),
        ("INCRBYFLOAT n 0.5", bulk("6.5")),
        ("TTL n", int(100)),
    ]);
}

#[test]
fn strings_stop_growing_at_proto_max_bulk_len() {
    each_backend_with(&["--proto-max-bulk-len", "1mb"], |server| {
        let mut client = server.client();
        let too_long = err("string exceeds maximum allowed size (proto-max-bulk-len)");
        client.check("SETRANGE k 1048575 x", int(1 << 20));
        client.check("SETRANGE k 1048576 x", too_long.clone());
        client.check("SETRANGE k 9223372036854775807 x", too_long.clone());
        client.check("APPEND k x", too_long);
        client.check("STRLEN k", int(1 << 20));
        client.check("SETBIT k 8388608 1", err("bit offset is not an integer or out of range"));
    });
}

#[test]
fn getrange_counts_from_either_end() {
    check(&[
        ("SET k \"Hello World\"", ok()),
        ("GETRANGE k 0 4", bulk("Hello")),
        ("GETRANGE k -5 -1", bulk("World")),
        ("SUBSTR k 6 1000", bulk("World")),
        ("GETRANGE k 5 4", bulk("")),
        ("GETRANGE k -100 -200", bulk("")),
        ("GETRANGE nokey 0 -1", bulk("")),
        ("GETRANGE nokey x 1", err("value is not an integer or out of range")),
        ("SET n -1234", ok()),
        ("GETRANGE n 0 2", bulk("-12")),
        ("STRLEN n", int(5)),
        ("STRLEN nokey", int(0)),
    ]);
}

#[test]
fn counters_stop_at_the_ends_of_64_bits() {
    check(&[
        ("INCR n", int(1)),
        ("INCRBY n 9223372036854775806", int(i64::MAX)),
        ("INCR n", err("increment or decrement would overflow")),
        ("DECR n", int(i64::MAX - 1)),
        ("DECRBY n -9223372036854775808", err("decrement would overflow")),
        ("SET n -9223372036854775808", ok()),
        ("DECRBY n 1", err("increment or decrement would overflow")),
        ("GET n", bulk("-9223372036854775808")),
        ("INCRBY n 1.5", err("value is not an integer or out of range")),
        ("SET t 011", ok()),
        ("INCR t", err("value is not an integer or out of range")),
    ]);
}

#[test]
fn incrbyfloat_adds_in_long_double() {
    check(&[
        ("INCRBYFLOAT f 10.5", bulk("10.5")),
        ("INCRBYFLOAT f 0.1", bulk("10.6")),
        ("SET f 5.0e3", ok()),
        ("INCRBYFLOAT f 2.0e2", bulk("5200")),
        ("OBJECT ENCODING f", bulk("embstr")),
        ("INCRBYFLOAT f x", err("value is not a valid float")),
        ("INCRBYFLOAT f inf", err("increment would produce NaN or Infinity")),
        ("SET f \" 1\"", ok()),
        ("INCRBYFLOAT f 1", err("value is not a valid float")),
    ]);
}

#[test]
fn encodings_follow_the_content() {
    check(&[
        ("SET k 12345", ok()),
        ("OBJECT ENCODING k", bulk("int")),
        ("APPEND k 6", int(6)),
        ("OBJECT ENCODING k", bulk("raw")),
        ("INCR k", int(123_457)),
        ("OBJECT ENCODING k", bulk("int")),
        ("SET k abc", ok()),
        ("OBJECT ENCODING k", bulk("embstr")),
    ]);
}

#[test]
fn lcs_finds_the_text_its_length_and_its_stretches() {
    let stretch = |a: [i64; 2], b: [i64; 2]| [array(a.map(int)), array(b.map(int))];
    let (long, short) = (stretch([4, 7], [5, 8]), stretch([2, 3], [0, 1]));
    let with_len = long.iter().cloned().chain([int(4)]);
    check(&[
        ("MSET a ohmytext b mynewtext", ok()),
        ("LCS a b", bulk("mytext")),
        ("LCS a b LEN", int(6)),
        (
            "LCS a b IDX",
            array([
                bulk("matches"),
                array([array(long.clone()), array(short)]),
                bulk("len"),
                int(6),
            ]),
        ),
        (
            "LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
            array([bulk("matches"), array([array(with_len)]), bulk("len"), int(6)]),
        ),
        ("LCS a nokey", bulk("")),
        ("LCS a b MINMATCHLEN", err("syntax error")),
        ("LCS a b LEN IDX", err("If you want both the length and indexes, please just use IDX.")),
    ]);
}

#[test]
fn lcs_bounds_its_table() {
    each_backend_with(&["--proto-max-bulk-len", "1mb"], |server| {
        let mut client = server.client();
        client.check("SETRANGE a 511 x", int(512));
        client.check("SETRANGE b 510 x", int(511));
        let refused = "Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
        client.check("LCS a b LEN", err(refused));
        client.check("LCS b b LEN", int(511));
    });
}
