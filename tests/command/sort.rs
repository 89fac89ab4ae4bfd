//! SORT and SORT_RO over a connection, on lists, sets and sorted sets.

use crate::support::*;

#[test]
fn numbers_sort_as_numbers_and_texts_as_bytes() {
    check(&[
        ("RPUSH l 10 9 1.5 -3 1e2", int(5)),
        ("SORT l", bulks(["-3", "1.5", "9", "10", "1e2"])),
        ("SORT l DESC", bulks(["1e2", "10", "9", "1.5", "-3"])),
        ("SORT l DESC ASC", bulks(["-3", "1.5", "9", "10", "1e2"])),
        ("SORT l ALPHA", bulks(["-3", "1.5", "10", "1e2", "9"])),
        ("SORT_RO l ALPHA DESC", bulks(["9", "1e2", "10", "1.5", "-3"])),
        ("RPUSH l x", int(6)),
        ("SORT l", err("One or more scores can't be converted into double")),
        ("SORT l ALPHA LIMIT 5 9", bulks(["x"])),
    ]);
}

#[test]
fn sets_sort_as_well() {
    check(&[
        ("SADD s 3 1 2", int(3)),
        ("SORT s DESC", bulks(["3", "2", "1"])),
        ("SORT nokey", array([])),
        ("SORT nokey STORE d", int(0)),
    ]);
}

#[test]
fn sorted_sets_sort_by_member_or_keep_their_order() {
    check(&[
        ("ZADD z 3 10 1 30 2 20", int(3)),
        ("SORT z", bulks(["10", "20", "30"])),
        ("SORT z BY nosort", bulks(["30", "20", "10"])),
        ("SORT z BY nosort DESC", bulks(["10", "20", "30"])),
        ("SORT z BY nosort LIMIT 1 1", bulks(["20"])),
        ("SORT z BY nosort DESC LIMIT 2 5", bulks(["30"])),
        ("SORT z BY nosort LIMIT 3 5", array([])),
    ]);
}

#[test]
fn limit_cuts_at_both_ends() {
    check(&[
        ("RPUSH l 3 1 2", int(3)),
        ("SORT l LIMIT 0 2", bulks(["1", "2"])),
        ("SORT l LIMIT 1 -1", bulks(["2", "3"])),
        ("SORT l LIMIT -5 1", bulks(["1"])),
        ("SORT l LIMIT 3 1", array([])),
        ("SORT l LIMIT 9223372036854775807 9223372036854775807", array([])),
        ("SORT l LIMIT 1 9223372036854775807", bulks(["2", "3"])),
        ("SORT l LIMIT 0 0", array([])),
        ("SORT l LIMIT 0 -9", bulks(["1", "2", "3"])),
        ("SORT l BY nosort LIMIT 1 1", bulks(["1"])),
        ("SORT l BY nosort LIMIT 0 2 DESC", bulks(["2", "1"])),
        ("SORT l LIMIT x 1", err("value is not an integer or out of range")),
        ("SORT l LIMIT 1", err("syntax error")),
    ]);
}

#[test]
fn by_takes_weights_from_other_keys() {
    check(&[
        ("RPUSH l a b c d", int(4)),
        ("MSET w_a 3 w_b 1 w_c 2", ok()),
        ("SORT l BY w_*", bulks(["d", "b", "c", "a"])),
        ("SORT l BY w_* DESC", bulks(["a", "c", "b", "d"])),
        ("SORT l BY w_* ALPHA", bulks(["d", "b", "c", "a"])),
        ("SORT l BY w_* LIMIT 1 2", bulks(["b", "c"])),
        ("HSET h_a x 1", int(1)),
        ("HSET h_b x 9", int(1)),
        ("SORT l BY h_*->x LIMIT 2 2", bulks(["a", "b"])),
        ("SORT l BY h_*->", bulks(["a", "b", "c", "d"])),
        ("SORT l BY nosort", bulks(["a", "b", "c", "d"])),
        ("SORT l BY nosort BY w_*", bulks(["a", "b", "c", "d"])),
        ("SET w_d x", ok()),
        ("SORT l BY w_*", err("One or more scores can't be converted into double")),
    ]);
}

#[test]
fn get_replies_what_stands_elsewhere() {
    each_backend(|server| {
        let mut client = server.client();
        for (line, reply) in [
            ("RPUSH l 2 1", int(2)),
            ("MSET v_1 one n_1 5", ok()),
            ("HSET h_2 f two", int(1)),
            ("RPUSH v_2 x", int(1)),
        ] {
            client.check(line, reply);
        }
        let line = "SORT l GET # GET v_* GET h_*->f GET n_* GET fixed";
        let found = |nothing: fn() -> Value| {
            let one = [bulk("1"), bulk("one"), nothing(), bulk("5"), nothing()];
            let two = [bulk("2"), nothing(), bulk("two"), nothing(), nothing()];
            array(one.into_iter().chain(two))
        };
        client.check(line, found(nil));
        server.client3().check(line, found(null));
        client.check(&format!("{line} LIMIT 0 1 STORE d"), int(5));
        client.check("LRANGE d 0 -1", bulks(["1", "one", "", "5", ""]));
    });
}

#[test]
fn store_replaces_its_destination() {
    check(&[
        ("SADD s 3 1 2", int(3)),
        ("SET d v EX 100", ok()),
        ("SORT s STORE d", int(3)),
        ("LRANGE d 0 -1", bulks(["1", "2", "3"])),
        ("TYPE d", simple("list")),
        ("TTL d", int(-1)),
        ("OBJECT ENCODING d", bulk("listpack")),
        ("SORT s STORE s DESC", int(3)),
        ("LRANGE s 0 -1", bulks(["3", "2", "1"])),
        ("SORT s LIMIT 5 1 STORE d", int(0)),
        ("EXISTS d", int(0)),
        ("SADD t b c a 10 9", int(5)),
        ("SORT t BY nosort STORE d", int(5)),
        ("LRANGE d 0 -1", bulks(["10", "9", "a", "b", "c"])),
        ("SORT t STORE d", err("One or more scores can't be converted into double")),
        ("LLEN d", int(5)),
        ("SORT_RO s STORE d", err("syntax error")),
    ]);
}

#[test]
fn a_long_result_is_a_quicklist() {
    each_backend(|server| {
        let mut client = server.client();
        let members: Vec<String> = (0..200).map(|n| format!("{n:0>100}")).collect();
        client.check(&format!("SADD s {}", members.join(" ")), int(200));
        client.check("SORT s ALPHA STORE d", int(200));
        client.check("OBJECT ENCODING d", bulk("quicklist"));
        client.check("LRANGE d 0 -1", bulks(&members));
    });
}

#[test]
fn bad_requests_are_refused_before_anything_is_looked_up() {
    let wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
    check(&[
        ("SET k v", ok()),
        ("HSET h f v", int(1)),
        ("SORT k", err(wrong_type)),
        ("SORT h STORE k", err(wrong_type)),
        ("SORT k x", err("syntax error")),
        ("SORT k BY", err("syntax error")),
        ("SORT k GET", err("syntax error")),
        ("SORT k STORE", err("syntax error")),
        ("SORT k LIMIT 1 x y", err("value is not an integer or out of range")),
        ("GET k", bulk("v")),
        ("SORT", err("wrong number of arguments for 'sort' command")),
    ]);
}

#[test]
fn weights_are_read_as_strtod_reads_them() {
    each_backend(|server| {
        let mut client = server.client();
        for (elements, sorted) in [
            (&["0x10", "3", "", " 2", "-inf"][..], Some(&["-inf", "", " 2", "3", "0x10"][..])),
            (&["1\0x", "0"], Some(&["0", "1\0x"])),
            (&["1e999"], None),
            (&["1e-999"], None),
            (&["nan"], None),
            (&["1 "], None),
            (&[" "], None),
        ] {
            client.run("DEL l");
            let push: Vec<&str> = ["RPUSH", "l"].iter().chain(elements).copied().collect();
            client.cmd(&push);
            let refused = err("One or more scores can't be converted into double");
            client.check("SORT l", sorted.map_or(refused, bulks));
        }
    });
}

#[test]
fn keys_of_a_call_are_known_as_far_as_can_be() {
    check(&[
        ("COMMAND GETKEYS SORT k", bulks(["k"])),
        ("COMMAND GETKEYS SORT k BY store GET store STORE a STORE b", bulks(["k", "b"])),
        ("COMMAND GETKEYS SORT k LIMIT 0 store x", bulks(["k"])),
        ("COMMAND GETKEYS SORT_RO k STORE b", bulks(["k"])),
    ]);
}
