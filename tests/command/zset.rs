//! Sorted sets over a connection: order, scores, ranges, combinations, and those who wait.

use crate::support::*;

/// Runs each line and compares its reply, on a fresh server of each driver.
fn check(lines: &[(&str, Value)]) {
    each_backend(|server| {
        let mut client = server.client();
        for (line, expected) in lines {
            client.check(line, expected.clone());
        }
    });
}

#[test]
fn members_stand_in_the_order_of_their_scores_then_their_names() {
    check(&[
        ("ZADD z 2 b 1 a 2 aa 3 c", int(4)),
        ("ZRANGE z 0 -1", bulks(["a", "aa", "b", "c"])),
        ("ZRANGE z 0 -1 REV WITHSCORES", bulks(["c", "3", "b", "2", "aa", "2", "a", "1"])),
        ("ZRANK z b", int(2)),
        ("ZREVRANK z b", int(1)),
        ("ZRANGEBYSCORE z (1 2", bulks(["aa", "b"])),
        ("ZRANGE z (1 +inf BYSCORE LIMIT 1 1", bulks(["b"])),
        ("ZCOUNT z -inf (3", int(3)),
        ("ZINCRBY z 2.5 a", bulk("3.5")),
        ("ZRANGE z -1 -1", bulks(["a"])),
    ]);
}

#[test]
fn zadd_obeys_its_options_and_a_refused_one_changes_nothing() {
    check(&[
        ("ZADD z NX 1 a", int(1)),
        ("ZADD z NX 2 a", int(0)),
        ("ZADD z XX CH 2 a 1 b", int(1)),
        ("ZADD z GT CH 1 a", int(0)),
        ("ZADD z LT CH 1 a", int(1)),
        ("ZADD z INCR 4 a", bulk("5")),
        ("ZADD z NX GT 1 a", err("GT, LT, and/or NX options at the same time are not compatible")),
        ("ZADD z 1 c x d", err("value is not a valid float")),
        ("ZRANGE z 0 -1 WITHSCORES", bulks(["a", "5"])),
    ]);
}

#[test]
fn sorted_sets_grow_out_of_their_packed_form() {
    each_backend_with(&["--zset-max-listpack-entries", "4"], |server| {
        let mut client = server.client();
        client.check("ZADD z 1 a 2 b 3 c 4 d", int(4));
        client.check("OBJECT ENCODING z", bulk("listpack"));
        client.check("ZADD z 5 e", int(1));
        client.check("OBJECT ENCODING z", bulk("skiplist"));
        client.check("ZRANGE z 1 3", bulks(["b", "c", "d"]));
        client.check("ZPOPMIN z 2", bulks(["a", "1", "b", "2"]));
        client.check("ZREMRANGEBYRANK z 0 -1", int(3));
        client.check("EXISTS z", int(0));
    });
}

#[test]
fn combinations_weigh_and_aggregate() {
    check(&[
        ("ZADD one 1 a 2 b", int(2)),
        ("ZADD two 10 b 20 c", int(2)),
        ("SADD set b", int(1)),
        ("ZUNIONSTORE to 2 one two WEIGHTS 2 1", int(3)),
        ("ZRANGE to 0 -1 WITHSCORES", bulks(["a", "2", "b", "14", "c", "20"])),
        ("ZINTER 3 one two set AGGREGATE MAX WITHSCORES", bulks(["b", "10"])),
        ("ZDIFF 2 one two", bulks(["a"])),
        ("ZINTERCARD 2 one two LIMIT 1", int(1)),
    ]);
}

#[test]
fn scores_are_doubles_in_resp3() {
    each_backend(|server| {
        let mut client = server.client3();
        client.check("ZADD z 1.5 a", int(1));
        client.check("ZSCORE z a", Value::Double("1.5".into()));
        client.check("ZSCORE z nobody", null());
    });
}

#[test]
fn who_waits_longest_gets_the_first_member() {
    each_backend(|server| {
        let (mut first, mut second, mut giver) =
            (server.client(), server.client(), server.client());
        let waits = |client: &mut Client, line: &str, count: &str| {
            client.send(&encode(&split_args(line)));
            server.wait_until(line, |server| server.info("blocked_clients") == count);
        };
        waits(&mut first, "BZPOPMIN z 0", "1");
        waits(&mut second, "BZPOPMAX z 0", "2");
        giver.check("ZADD z 1 a 2 b", int(2));
        assert_eq!(first.recv(), bulks(["z", "a", "1"]));
        assert_eq!(second.recv(), bulks(["z", "b", "2"]));
        giver.check("EXISTS z", int(0));
    });
}
