//! List commands over a connection: what they reply, and that a refused one changes nothing.

use crate::support::*;

fn empty() -> Value {
    array([])
}

fn wrong_type() -> Value {
    err("WRONGTYPE Operation against a key holding the wrong kind of value")
}

const NOT_AN_INTEGER: &str = "value is not an integer or out of range";
const NOT_POSITIVE: &str = "value is out of range, must be positive";

#[test]
fn push_adds_at_either_end() {
    check(&[
        ("RPUSH l a b", int(2)),
        ("LPUSH l 1 2", int(4)),
        ("LRANGE l 0 -1", bulks(["2", "1", "a", "b"])),
        ("LLEN l", int(4)),
        ("LPUSHX l x", int(5)),
        ("RPUSHX l y z", int(7)),
        ("LRANGE l -3 -1", bulks(["b", "y", "z"])),
        ("RPUSHX nokey a", int(0)),
        ("LPUSHX nokey a", int(0)),
        ("EXISTS nokey", int(0)),
        ("TYPE l", simple("list")),
        ("LPUSH l", err("wrong number of arguments for 'lpush' command")),
    ]);
}

#[test]
fn elements_keep_every_byte() {
    each_backend(|server| {
        let mut client = server.client();
        let all: Vec<u8> = (0..=255).collect();
        let values =
            [&all[..], b"", b"007", b"-0", b"12", b"-9223372036854775808", &all.repeat(99)];
        for value in values {
            client.cmd(&[&b"RPUSH"[..], b"l", value]);
            assert_eq!(client.run("LINDEX l -1"), bulk(value));
        }
        assert_eq!(client.run("LRANGE l 0 -1"), bulks(values));
    });
}

#[test]
fn ranges_are_cut_to_the_list() {
    check(&[
        ("RPUSH l a b c d", int(4)),
        ("LRANGE l 1 2", bulks(["b", "c"])),
        ("LRANGE l -100 1", bulks(["a", "b"])),
        ("LRANGE l 2 9223372036854775807", bulks(["c", "d"])),
        ("LRANGE l -9223372036854775808 -4", bulks(["a"])),
        ("LRANGE l 3 2", empty()),
        ("LRANGE l 4 9", empty()),
        ("LRANGE l -9 -5", empty()),
        ("LRANGE nokey 0 -1", empty()),
        ("LRANGE nokey x -1", err(NOT_AN_INTEGER)),
        ("LRANGE l 0 x", err(NOT_AN_INTEGER)),
    ]);
}

#[test]
fn lindex_counts_from_either_end() {
    check(&[
        ("RPUSH l a b c", int(3)),
        ("LINDEX l 0", bulk("a")),
        ("LINDEX l -1", bulk("c")),
        ("LINDEX l 3", nil()),
        ("LINDEX l -4", nil()),
        ("LINDEX l x", err(NOT_AN_INTEGER)),
        ("LINDEX nokey x", nil()),
    ]);
}

#[test]
fn pop_takes_one_or_a_count() {
    check(&[
        ("RPUSH l a b c d e", int(5)),
        ("LPOP l", bulk("a")),
        ("RPOP l", bulk("e")),
        ("RPOP l 2", bulks(["d", "c"])),
        ("LPOP l 0", empty()),
        ("LPOP l -1", err(NOT_POSITIVE)),
        ("LPOP l x", err(NOT_POSITIVE)),
        ("LPOP l 1 1", err("wrong number of arguments for 'lpop' command")),
        ("LPOP l 9223372036854775807", bulks(["b"])),
        ("EXISTS l", int(0)),
        ("LPOP l", nil()),
        ("LPOP l 1", Value::NilArray),
        ("RPOP l 0", Value::NilArray),
    ]);
    each_backend(|server| server.client3().check("LPOP nokey 5", null()));
}

#[test]
fn lmpop_takes_from_the_first_list_that_has_elements() {
    let syntax = err("syntax error");
    check(&[
        ("RPUSH b 1 2 3", int(3)),
        ("LMPOP 2 a b LEFT", array([bulk("b"), bulks(["1"])])),
        ("LMPOP 2 a b right COUNT 9", array([bulk("b"), bulks(["3", "2"])])),
        ("LMPOP 1 b LEFT", Value::NilArray),
        ("LMPOP 0 b LEFT", err("numkeys should be greater than 0")),
        ("LMPOP x b LEFT", err("numkeys should be greater than 0")),
        ("LMPOP 1 b LEFT COUNT 0", err("count should be greater than 0")),
        ("LMPOP 1 b LEFT COUNT 1 COUNT 1", syntax.clone()),
        ("LMPOP 1 b LEFT COUNT", syntax.clone()),
        ("LMPOP 2 b LEFT", syntax.clone()),
        ("LMPOP 1 b UP", syntax.clone()),
        ("LMPOP 9223372036854775807 b LEFT", syntax),
        ("SET s v", ok()),
        ("LMPOP 2 a s LEFT", wrong_type()),
    ]);
}

#[test]
fn lmove_moves_between_all_ends() {
    check(&[
        ("RPUSH a 1 2 3 4", int(4)),
        ("LMOVE a b LEFT RIGHT", bulk("1")),
        ("LMOVE a b right left", bulk("4")),
        ("RPOPLPUSH a b", bulk("3")),
        ("LRANGE a 0 -1", bulks(["2"])),
        ("LRANGE b 0 -1", bulks(["3", "4", "1"])),
        ("LMOVE a b LEFT LEFT", bulk("2")),
        ("EXISTS a", int(0)),
        ("LMOVE a b LEFT LEFT", nil()),
        ("LMOVE a b LEFT UP", err("syntax error")),
        ("SET s v", ok()),
        ("LMOVE s b LEFT LEFT", wrong_type()),
        ("LMOVE b s LEFT LEFT", wrong_type()),
        ("LMOVE nokey s LEFT LEFT", nil()),
        ("LRANGE b 0 -1", bulks(["2", "3", "4", "1"])),
    ]);
}

#[test]
fn a_list_rotates_and_keeps_its_ttl() {
    check(&[
        ("RPUSH l a b", int(2)),
        ("EXPIRE l 100", int(1)),
        ("RPOPLPUSH l l", bulk("b")),
        ("LRANGE l 0 -1", bulks(["b", "a"])),
        ("LPOP l", bulk("b")),
        ("LMOVE l l LEFT RIGHT", bulk("a")),
        ("LMOVE l l LEFT LEFT", bulk("a")),
        ("LRANGE l 0 -1", bulks(["a"])),
        ("TTL l", int(100)),
    ]);
}

#[test]
fn lset_replaces_what_is_there() {
    check(&[
        ("RPUSH l a b c", int(3)),
        ("LSET l 1 B", ok()),
        ("LSET l -1 33", ok()),
        ("LRANGE l 0 -1", bulks(["a", "B", "33"])),
        ("LSET l 3 x", err("index out of range")),
        ("LSET l -4 x", err("index out of range")),
        ("LSET l x x", err(NOT_AN_INTEGER)),
        ("LSET nokey 0 x", err("no such key")),
        ("SET s v", ok()),
        ("LSET s x x", wrong_type()),
    ]);
}

#[test]
fn linsert_finds_its_pivot() {
    check(&[
        ("RPUSH l a 2 c 2", int(4)),
        ("LINSERT l BEFORE 2 x", int(5)),
        ("LINSERT l after 2 y", int(6)),
        ("LRANGE l 0 -1", bulks(["a", "x", "2", "y", "c", "2"])),
        ("LINSERT l AFTER nope y", int(-1)),
        ("LINSERT nokey AFTER a y", int(0)),
        ("LINSERT l NEAR a y", err("syntax error")),
        ("SET s v", ok()),
        ("LINSERT s NEAR a y", err("syntax error")),
        ("LINSERT s AFTER a y", wrong_type()),
    ]);
}

#[test]
fn lrem_removes_from_the_end_it_is_told() {
    check(&[
        ("RPUSH l a b a c a", int(5)),
        ("LREM l 1 a", int(1)),
        ("LREM l -1 a", int(1)),
        ("LRANGE l 0 -1", bulks(["b", "a", "c"])),
        ("LREM l 0 x", int(0)),
        ("LREM nokey 0 a", int(0)),
        ("LREM nokey x a", err(NOT_AN_INTEGER)),
        ("RPUSH l a a", int(5)),
        ("LREM l -9223372036854775808 a", int(3)),
        ("LREM l 0 b", int(1)),
        ("LREM l 0 c", int(1)),
        ("EXISTS l", int(0)),
    ]);
}

#[test]
fn ltrim_keeps_a_range() {
    check(&[
        ("RPUSH l a b c d e", int(5)),
        ("LTRIM l 1 -2", ok()),
        ("LRANGE l 0 -1", bulks(["b", "c", "d"])),
        ("LTRIM l -100 100", ok()),
        ("LLEN l", int(3)),
        ("LTRIM l x 1", err(NOT_AN_INTEGER)),
        ("LTRIM nokey 0 1", ok()),
        ("LTRIM l 5 9", ok()),
        ("EXISTS l", int(0)),
    ]);
}

#[test]
fn lpos_counts_matches_from_either_end() {
    check(&[
        ("RPUSH l a b c 1 2 3 c c", int(8)),
        ("LPOS l c", int(2)),
        ("LPOS l 3", int(5)),
        ("LPOS l x", nil()),
        ("LPOS l c RANK 2", int(6)),
        ("LPOS l c RANK -1", int(7)),
        ("LPOS l c COUNT 0", array([int(2), int(6), int(7)])),
        ("LPOS l c COUNT 0 RANK -2", array([int(6), int(2)])),
        ("LPOS l c count 1 rank 3 maxlen 7", empty()),
        ("LPOS l c COUNT 2 MAXLEN 7", array([int(2), int(6)])),
        ("LPOS l x COUNT 0", empty()),
        ("LPOS nokey x", nil()),
        ("LPOS nokey x COUNT 1", empty()),
        ("LPOS l c RANK 9223372036854775807", nil()),
    ]);
}

#[test]
fn lpos_refuses_what_makes_no_sense() {
    let rank = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or \
                use negative to start from the end of the list";
    let range = "value is out of range, value must between -9223372036854775807 and \
                 9223372036854775807";
    check(&[
        ("LPOS nokey c RANK 0", err(rank)),
        ("LPOS nokey c RANK -9223372036854775808", err(range)),
        ("LPOS nokey c RANK x", err(NOT_AN_INTEGER)),
        ("LPOS nokey c COUNT -1", err("ERR COUNT can't be negative")),
        ("LPOS nokey c MAXLEN -1", err("ERR MAXLEN can't be negative")),
        ("LPOS nokey c MAXLEN", err("syntax error")),
        ("LPOS nokey c NOPE 1", err("syntax error")),
    ]);
}

#[test]
fn other_types_are_refused() {
    let mut lines = vec![("SET s v", ok())];
    let refused = [
        "RPUSH s a",
        "LPUSHX s a",
        "LPOP s",
        "RPOP s 1",
        "LLEN s",
        "LINDEX s x",
        "LRANGE s 0 1",
        "LTRIM s 0 1",
        "LREM s 0 a",
        "LPOS s a",
        "LPOP s 0",
        "BLPOP s 0",
        "BLMPOP 0 1 s LEFT",
    ];
    lines.extend(refused.map(|line| (line, wrong_type())));
    lines.extend([("GET s", bulk("v")), ("RPUSH l a", int(1)), ("GET l", wrong_type())]);
    check(&lines);
}

#[test]
fn a_list_of_counted_nodes_changes_its_form_at_the_limit_and_at_half() {
    let (listpack, quicklist) = (bulk("listpack"), bulk("quicklist"));
    check_with(
        &["--list-max-listpack-size", "4"],
        &[
            ("RPUSH l 1 2 3 4", int(4)),
            ("OBJECT ENCODING l", listpack.clone()),
            ("LINSERT l AFTER nope x", int(-1)),
            ("OBJECT ENCODING l", quicklist.clone()),
            ("LPOP l", bulk("1")),
            ("OBJECT ENCODING l", quicklist.clone()),
            ("LREM l 1 2", int(1)),
            ("OBJECT ENCODING l", listpack.clone()),
            ("RPUSH l 5 6 7", int(5)),
            ("OBJECT ENCODING l", quicklist.clone()),
            ("COPY l copy", int(1)),
            ("OBJECT ENCODING copy", quicklist),
            ("LTRIM copy 0 1", ok()),
            ("OBJECT ENCODING copy", listpack),
            ("LRANGE copy 0 -1", bulks(["3", "4"])),
        ],
    );
}

#[test]
fn a_large_element_makes_a_quicklist() {
    each_backend(|server| {
        let mut client = server.client();
        let encoding = |client: &mut Client| client.run("OBJECT ENCODING l").text();
        let (large, small) = ([b'x'; 8186], [b'y'; 8185]);
        client.cmd(&[b"RPUSH", &b"l"[..], &small]);
        assert_eq!(encoding(&mut client), "listpack");
        client.cmd(&[b"LSET", &b"l"[..], b"0", &large]);
        assert_eq!(encoding(&mut client), "quicklist");
        client.check("LSET l 0 small", ok());
        assert_eq!(encoding(&mut client), "listpack");
        client.check("LRANGE l 0 -1", bulks(["small"]));
    });
}

#[test]
fn a_long_list_is_the_same_from_all_sides() {
    each_backend(|server| {
        let mut client = server.client();
        let values: Vec<String> = (0..20_000).map(|n| format!("element number {n}")).collect();
        for chunk in values.chunks(500) {
            let words: Vec<&str> =
                ["RPUSH", "l"].into_iter().chain(chunk.iter().map(String::as_str)).collect();
            client.cmd(&words);
        }
        client.check("LLEN l", int(20_000));
        for index in [0, 1, 4999, 10_000, 15_000, 19_999] {
            client.check(&format!("LINDEX l {index}"), bulk(&values[index]));
            client.check(&format!("LPOS l \"{}\"", values[index]), int(index as i64));
        }
        client.check("LRANGE l 7000 7099", bulks(&values[7000..7100]));
        client.check("LRANGE l 0 -1", bulks(&values));
        client.check("LTRIM l 100 -101", ok());
        client.check("LRANGE l 0 -1", bulks(&values[100..19_900]));
        let mut tail: Vec<_> = values[10_000..19_900].to_vec();
        tail.reverse();
        client.check("RPOP l 9900", bulks(tail));
        client.check("LLEN l", int(9_900));
        client.check("UNLINK l", int(1));
    });
}
