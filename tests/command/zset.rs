//! Sorted set commands over a connection: what they reply, in which encoding, and that a refused one
//! changes nothing.

use crate::support::*;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

/// As `check`, on a set packed and on one that is a tree: every line finds both alike.
fn check_both(lines: &[(&str, Value)]) {
    each_backend(|server| {
        let mut client = server.client();
        for entries in [128, 0] {
            client.check(&format!("CONFIG SET zset-max-listpack-entries {entries}"), ok());
            check_on(&mut client, lines);
            client.check("FLUSHALL", ok());
        }
    });
}

fn double(text: &str) -> Value {
    Value::Double(text.into())
}

#[test]
fn zadd_adds_and_changes() {
    check_both(&[
        ("ZADD z 1 a 2 b 1 a", int(2)),
        ("ZADD z 3 a 3 c", int(1)),
        ("ZADD z CH 4 a 5 d 3 c", int(2)),
        ("ZADD z 4 a", int(0)),
        ("ZRANGE z 0 -1 WITHSCORES", bulks(["b", "2", "c", "3", "a", "4", "d", "5"])),
        ("ZCARD z", int(4)),
        ("TYPE z", simple("zset")),
    ]);
}

#[test]
fn zadd_conditions() {
    check_both(&[
        ("ZADD z XX 1 a", int(0)),
        ("EXISTS z", int(0)),
        ("ZADD z NX 1 a", int(1)),
        ("ZADD z NX CH 2 a 2 b", int(1)),
        ("ZADD z XX CH 3 a 3 c", int(1)),
        ("ZADD z GT CH 2 a 9 b", int(1)),
        ("ZADD z LT CH 9 a 8 b 1 c", int(2)),
        ("ZADD z XX GT CH 1 d", int(0)),
        ("ZRANGE z 0 -1 WITHSCORES", bulks(["c", "1", "a", "3", "b", "8"])),
        ("ZADD z INCR 1 a", bulk("4")),
        ("ZADD z NX INCR 1 a", nil()),
        ("ZADD z XX INCR 1 x", nil()),
        ("ZADD z GT INCR -1 a", nil()),
        ("ZADD nokey XX INCR 1 x", nil()),
    ]);
}

#[test]
fn zadd_refuses_what_does_not_go_together() {
    check(&[
        ("ZADD z 1 a", int(1)),
        ("ZADD z 1", err("wrong number of arguments for 'zadd' command")),
        ("ZADD z 1 a 2", err("syntax error")),
        ("ZADD z NX XX", err("syntax error")),
        ("ZADD z NX XX 1 a", err("ERR XX and NX options at the same time are not compatible")),
        (
            "ZADD z NX GT 1 a",
            err("ERR GT, LT, and/or NX options at the same time are not compatible"),
        ),
        (
            "ZADD z GT LT 1 a",
            err("ERR GT, LT, and/or NX options at the same time are not compatible"),
        ),
        ("ZADD z INCR 1 a 2 b", err("ERR INCR option supports a single increment-element pair")),
        ("ZADD z 5 a x b", err("value is not a valid float")),
        ("ZADD z nan b", err("value is not a valid float")),
        ("ZINCRBY z x a", err("value is not a valid float")),
        ("ZINCRBY z nx a", err("syntax error")),
        ("ZRANGE z 0 -1 WITHSCORES", bulks(["a", "1"])),
    ]);
}

#[test]
fn scores_print_and_add_as_in_redis() {
    check_both(&[
        ("ZADD z 0.1 a 3.0 b 1e20 c 0.073067 d -0 e inf i", int(6)),
        ("ZSCORE z a", bulk("0.1")),
        ("ZSCORE z b", bulk("3")),
        ("ZSCORE z c", bulk("1e+20")),
        ("ZSCORE z d", bulk("0.07306699999999999")),
        ("ZINCRBY z 0.2 a", bulk("0.30000000000000004")),
        ("ZINCRBY z -inf i", err("resulting score is not a number (NaN)")),
        ("ZINCRBY z 1 i", bulk("inf")),
        ("ZINCRBY z 2.5 new", bulk("2.5")),
        ("ZMSCORE z a x i", array([bulk("0.30000000000000004"), nil(), bulk("inf")])),
        ("ZSCORE z x", nil()),
        ("ZSCORE nokey x", nil()),
        ("ZMSCORE nokey x", array([nil()])),
    ]);
}

#[test]
fn ranks_count_from_either_end() {
    check_both(&[
        ("ZADD z 10 x 20 y 20 z 30 0", int(4)),
        ("ZRANK z x", int(0)),
        ("ZRANK z z", int(2)),
        ("ZREVRANK z x", int(3)),
        ("ZREVRANK z 0 WITHSCORE", array([int(0), bulk("30")])),
        ("ZRANK z nope", nil()),
        ("ZRANK z nope WITHSCORE", Value::NilArray),
        ("ZRANK nokey x WITHSCORE", Value::NilArray),
        ("ZRANK z x nope", err("syntax error")),
        ("ZRANK z x WITHSCORE more", err("wrong number of arguments for 'zrank' command")),
    ]);
}

#[test]
fn ranges_by_rank() {
    check_both(&[
        ("ZADD z 1 a 2 b 3 c 4 d", int(4)),
        ("ZRANGE z 0 -1", bulks(["a", "b", "c", "d"])),
        ("ZRANGE z 1 2", bulks(["b", "c"])),
        ("ZRANGE z -2 100", bulks(["c", "d"])),
        ("ZRANGE z 4 9", array([])),
        ("ZRANGE z 0 -9", array([])),
        ("ZRANGE z 0 1 REV", bulks(["d", "c"])),
        ("ZREVRANGE z 1 -1 WITHSCORES", bulks(["c", "3", "b", "2", "a", "1"])),
        ("ZRANGE nokey 0 -1", array([])),
        ("ZRANGE z 0 x", err("value is not an integer or out of range")),
        ("ZREVRANGE z 0 1 REV", err("syntax error")),
        (
            "ZRANGE z 0 1 LIMIT 0 1",
            err(
                "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ),
        ),
    ]);
}

#[test]
fn ranges_by_score() {
    check_both(&[
        ("ZADD z -inf a 1 b 2 c 3 d 4 e inf f", int(6)),
        ("ZRANGEBYSCORE z (1 3", bulks(["c", "d"])),
        ("ZRANGEBYSCORE z -inf (2 WITHSCORES", bulks(["a", "-inf", "b", "1"])),
        ("ZRANGE z 1 +inf BYSCORE LIMIT 1 2", bulks(["c", "d"])),
        ("ZRANGE z +inf 1 BYSCORE REV LIMIT 1 2", bulks(["e", "d"])),
        ("ZREVRANGEBYSCORE z (4 (1", bulks(["d", "c"])),
        ("ZRANGEBYSCORE z 0 9 LIMIT 0 -1", bulks(["b", "c", "d", "e"])),
        ("ZRANGEBYSCORE z 0 9 LIMIT -1 2", array([])),
        ("ZRANGEBYSCORE z 0 9 LIMIT 9 2", array([])),
        ("ZRANGEBYSCORE z 3 1", array([])),
        ("ZRANGEBYSCORE z \"\" 1", bulks(["b"])),
        ("ZCOUNT z (1 inf", int(4)),
        ("ZCOUNT z 5 1", int(0)),
        ("ZCOUNT nokey 0 1", int(0)),
        ("ZCOUNT z x 1", err("min or max is not a float")),
        ("ZRANGEBYSCORE z nan 1", err("min or max is not a float")),
        ("ZRANGEBYSCORE z 0 1 LIMIT 0", err("syntax error")),
    ]);
}

#[test]
fn ranges_by_name() {
    check_both(&[
        ("ZADD z 0 alpha 0 bar 0 cool 0 down 0 elephant", int(5)),
        ("ZRANGEBYLEX z - [cool", bulks(["alpha", "bar", "cool"])),
        ("ZRANGEBYLEX z (bar (down", bulks(["cool"])),
        ("ZRANGE z + [cool BYLEX REV LIMIT 0 2", bulks(["elephant", "down"])),
        ("ZREVRANGEBYLEX z (d -", bulks(["cool", "bar", "alpha"])),
        ("ZRANGEBYLEX z + -", array([])),
        ("ZLEXCOUNT z - +", int(5)),
        ("ZLEXCOUNT z [b (c", int(1)),
        ("ZLEXCOUNT nokey - +", int(0)),
        ("ZLEXCOUNT z b c", err("min or max not valid string range item")),
        (
            "ZRANGE z - + BYLEX WITHSCORES",
            err("syntax error, WITHSCORES not supported in combination with BYLEX"),
        ),
        ("ZREMRANGEBYLEX z [b (down", int(2)),
        ("ZRANGE z 0 -1", bulks(["alpha", "down", "elephant"])),
        ("ZREMRANGEBYLEX z x +", err("min or max not valid string range item")),
    ]);
}

#[test]
fn zrangestore_stores_what_zrange_replies() {
    check_both(&[
        ("ZADD z 1 a 2 b 3 c", int(3)),
        ("SET d old", ok()),
        ("ZRANGESTORE d z 1 -1", int(2)),
        ("ZRANGE d 0 -1 WITHSCORES", bulks(["b", "2", "c", "3"])),
        ("ZRANGESTORE d z 2 1 BYSCORE REV LIMIT 1 1", int(1)),
        ("ZRANGE d 0 -1", bulks(["a"])),
        ("ZRANGESTORE d z (9 10 BYSCORE", int(0)),
        ("EXISTS d", int(0)),
        ("ZRANGESTORE d z 0 -1 WITHSCORES", err("syntax error")),
        ("ZRANGESTORE z z 0 0", int(1)),
        ("ZRANGE z 0 -1", bulks(["a"])),
        ("ZRANGESTORE z nokey 0 -1", int(0)),
        ("EXISTS z", int(0)),
    ]);
}

#[test]
fn removals_take_the_key_with_the_last_member() {
    check_both(&[
        ("ZADD z 1 a 2 b 3 c 4 d 5 e 6 f", int(6)),
        ("ZREM z a nope a", int(1)),
        ("ZREMRANGEBYRANK z 0 1", int(2)),
        ("ZREMRANGEBYRANK z 9 10", int(0)),
        ("ZREMRANGEBYSCORE z (4 5", int(1)),
        ("ZREMRANGEBYSCORE z x 5", err("min or max is not a float")),
        ("ZRANGE z 0 -1", bulks(["d", "f"])),
        ("ZREMRANGEBYRANK z -1 -1", int(1)),
        ("ZREM z d", int(1)),
        ("EXISTS z", int(0)),
        ("ZREM z d", int(0)),
        ("ZREMRANGEBYRANK z 0 -1", int(0)),
    ]);
}

#[test]
fn pops_take_from_either_end() {
    check_both(&[
        ("ZADD z 1 a 2 b 3 c 4 d 5 e", int(5)),
        ("ZPOPMIN z", bulks(["a", "1"])),
        ("ZPOPMAX z 2", bulks(["e", "5", "d", "4"])),
        ("ZPOPMIN z 0", array([])),
        ("ZPOPMIN z -1", err("value is out of range, must be positive")),
        ("ZPOPMIN z x", err("value is out of range, must be positive")),
        ("ZPOPMIN z 1 1", err("syntax error")),
        ("ZMPOP 2 nokey z MAX", array([bulk("z"), array([bulks(["c", "3"])])])),
        ("ZMPOP 1 z MIN COUNT 9", array([bulk("z"), array([bulks(["b", "2"])])])),
        ("ZMPOP 1 z MIN", Value::NilArray),
        ("ZMPOP 0 z MIN", err("numkeys should be greater than 0")),
        ("ZMPOP 1 z MIN COUNT 0", err("count should be greater than 0")),
        ("ZMPOP 1 z MIN COUNT", err("syntax error")),
        ("ZMPOP 3 z MIN", err("syntax error")),
        ("ZPOPMAX z", array([])),
    ]);
}

#[test]
fn scores_are_doubles_and_pairs_are_nested_in_resp3() {
    each_backend(|server| {
        let mut client = server.client3();
        let pair = |name: &str, score: &str| array([bulk(name), double(score)]);
        client.check("ZADD z 1.5 a 2 b", int(2));
        client.check("ZADD z INCR 1 a", double("2.5"));
        client.check("ZSCORE z a", double("2.5"));
        client.check("ZSCORE z x", null());
        client.check("ZRANK z x WITHSCORE", null());
        client.check("ZRANGE z 0 -1 WITHSCORES", array([pair("b", "2"), pair("a", "2.5")]));
        client.check("ZUNION 1 z WITHSCORES", array([pair("b", "2"), pair("a", "2.5")]));
        client.check("ZRANDMEMBER z 9 WITHSCORES", array([pair("a", "2.5"), pair("b", "2")]));
        client.check("ZPOPMIN z 1", array([pair("b", "2")]));
        client.check("ZPOPMIN z", array([bulk("a"), double("2.5")]));
        client.check("ZADD z inf a", int(1));
        client.check("BZPOPMIN z 0", array([bulk("z"), bulk("a"), double("inf")]));
    });
}

#[test]
fn unions_and_intersections_weigh_and_aggregate() {
    check_both(&[
        ("ZADD a 1 x 2 y 3 z", int(3)),
        ("ZADD b 10 y 20 z 30 w", int(3)),
        ("SADD s z w 7", int(3)),
        ("ZUNION 2 a b WITHSCORES", bulks(["x", "1", "y", "12", "z", "23", "w", "30"])),
        ("ZINTER 2 a b WEIGHTS 2 0.5 WITHSCORES", bulks(["y", "9", "z", "16"])),
        ("ZINTER 2 a b AGGREGATE MIN WITHSCORES", bulks(["y", "2", "z", "3"])),
        ("ZUNION 2 a s AGGREGATE MAX WITHSCORES", {
            bulks(["7", "1", "w", "1", "x", "1", "y", "2", "z", "3"])
        }),
        ("ZINTER 2 nokey a", array([])),
        ("ZUNIONSTORE d 3 a b s WEIGHTS 1 1 100", int(5)),
        ("ZRANGE d 0 -1 WITHSCORES", {
            bulks(["x", "1", "y", "12", "7", "100", "z", "123", "w", "130"])
        }),
        ("ZINTERSTORE d 2 a nokey", int(0)),
        ("EXISTS d", int(0)),
        ("ZINTERSTORE a 2 a a", int(3)),
        ("ZSCORE a z", bulk("6")),
        ("ZINTERCARD 2 a b", int(2)),
        ("ZINTERCARD 2 a b LIMIT 1", int(1)),
        ("ZDIFF 2 a b WITHSCORES", bulks(["x", "2"])),
        ("ZDIFFSTORE d 2 a s", int(2)),
        ("ZRANGE d 0 -1", bulks(["x", "y"])),
        ("ZDIFF 2 a a", array([])),
    ]);
}

#[test]
fn infinities_that_cancel_out_make_zero() {
    check_both(&[
        ("ZADD a inf x", int(1)),
        ("ZADD b -inf x", int(1)),
        ("ZUNION 2 a b WITHSCORES", bulks(["x", "0"])),
        ("ZINTER 2 a b WEIGHTS 0 0 WITHSCORES", bulks(["x", "0"])),
    ]);
}

#[test]
fn combinations_refuse_bad_arguments() {
    check(&[
        ("SET s v", ok()),
        ("ZADD z 1 a", int(1)),
        ("ZUNION 0 z", err("at least 1 input key is needed for 'zunion' command")),
        ("ZINTERSTORE d -1 z", err("at least 1 input key is needed for 'zinterstore' command")),
        ("ZUNION x z", err("value is not an integer or out of range")),
        ("ZUNION 2 z", err("syntax error")),
        ("ZUNION 2 s z WEIGHTS x", err(WRONG_TYPE)),
        ("ZUNION 1 z WEIGHTS x", err("weight value is not a float")),
        ("ZUNION 1 z WEIGHTS", err("syntax error")),
        ("ZUNION 1 z AGGREGATE avg", err("syntax error")),
        ("ZUNIONSTORE d 1 z WITHSCORES", err("syntax error")),
        ("ZDIFF 1 z WEIGHTS 1", err("syntax error")),
        ("ZINTERCARD 1 z WITHSCORES", err("syntax error")),
        ("ZINTERCARD 1 z LIMIT -1", err("ERR LIMIT can't be negative")),
        ("ZINTERCARD 1 z LIMIT x", err("ERR LIMIT can't be negative")),
    ]);
}

#[test]
fn members_by_chance_are_members() {
    each_backend(|server| {
        let mut client = server.client();
        for entries in [128, 0] {
            client.check(&format!("CONFIG SET zset-max-listpack-entries {entries}"), ok());
            client.check("ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h", int(8));
            for (count, len) in [("1", 1), ("2", 2), ("5", 5), ("8", 8), ("99", 8)] {
                let reply = client.run(&format!("ZRANDMEMBER z {count}"));
                let mut members: Vec<String> = reply.items().iter().map(Value::text).collect();
                members.sort();
                members.dedup();
                assert_eq!(members.len(), len);
            }
            let reply = client.run("ZRANDMEMBER z -20 WITHSCORES");
            for pair in reply.items().chunks(2) {
                client.check(&format!("ZSCORE z {}", pair[0].text()), pair[1].clone());
            }
            assert_eq!(reply.items().len(), 40);
            client.check("DEL z", int(1));
        }
        client.check("ZRANDMEMBER nokey", nil());
        client.check("ZRANDMEMBER nokey 5", array([]));
        client.check("ZRANDMEMBER z 1 x", err("syntax error"));
        client.check("ZRANDMEMBER z -9223372036854775807 WITHSCORES", err("value is out of range"));
    });
}

#[test]
fn scans_show_every_member_once() {
    each_backend(|server| {
        let mut client = server.client();
        for number in 0..1000 {
            client.run(&format!("ZADD z {} m{number}", f64::from(number) / 8.0));
        }
        let (mut cursor, mut found) = ("0".to_string(), Vec::new());
        loop {
            let reply = client.run(&format!("ZSCAN z {cursor} COUNT 50 MATCH m*"));
            found.extend(reply.items()[1].items().chunks(2).map(|pair| pair[0].text()));
            cursor = reply.items()[0].text();
            if cursor == "0" {
                break;
            }
        }
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 1000);
        let scanned = |members| array([bulk("0"), members]);
        client.check("ZADD few 0.1 a 2 b", int(2));
        client.check("ZSCAN few 0", scanned(bulks(["a", "0.1", "b", "2"])));
        client.check("ZSCAN few 0 MATCH b NOSCORES", scanned(bulks(["b"])));
        client.check("CONFIG SET zset-max-listpack-entries 0", ok());
        client.check("ZADD one 0.1 a", int(1));
        client.check("ZSCAN one 0", scanned(bulks(["a", "0.10000000000000001"])));
        client.check("ZSCAN nokey 0 BAD", scanned(array([])));
        client.check("ZSCAN one x", err("invalid cursor"));
    });
}

#[test]
fn the_encoding_follows_the_limits() {
    check(&[
        ("CONFIG SET zset-max-listpack-entries 3 zset-max-listpack-value 5", ok()),
        ("ZADD z 1 a 2 b 3 12345", int(3)),
        ("OBJECT ENCODING z", bulk("listpack")),
        ("ZADD z 1 123456 ", int(1)),
        ("OBJECT ENCODING z", bulk("skiplist")),
        ("ZREM z 123456 a", int(2)),
        ("OBJECT ENCODING z", bulk("skiplist")),
        ("ZUNIONSTORE z 1 z", int(2)),
        ("OBJECT ENCODING z", bulk("listpack")),
        ("ZADD z 1 b 1 b 1 b 1 b", int(0)),
        ("OBJECT ENCODING z", bulk("skiplist")),
        ("ZRANGESTORE d z 0 1", int(2)),
        ("OBJECT ENCODING d", bulk("listpack")),
        ("ZADD long 1 123456", int(1)),
        ("OBJECT ENCODING long", bulk("skiplist")),
        ("COPY long copy", int(1)),
        ("OBJECT ENCODING copy", bulk("skiplist")),
        ("ZRANGE copy 0 -1", bulks(["123456"])),
    ]);
}

#[test]
fn other_types_are_refused() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("SET s v", ok());
        client.check("ZADD z 1 a", int(1));
        for line in [
            "ZADD s 1 a",
            "ZINCRBY s 1 a",
            "ZCARD s",
            "ZCOUNT s 0 1",
            "ZLEXCOUNT s - +",
            "ZSCORE s a",
            "ZMSCORE s a",
            "ZRANK s a",
            "ZREVRANK s a",
            "ZRANGE s 0 1",
            "ZRANGEBYSCORE s 0 1",
            "ZRANGEBYLEX s - +",
            "ZREVRANGE s 0 1",
            "ZREVRANGEBYSCORE s 1 0",
            "ZREVRANGEBYLEX s + -",
            "ZRANGESTORE z s 0 1",
            "ZREM s a",
            "ZREMRANGEBYRANK s 0 1",
            "ZREMRANGEBYSCORE s 0 1",
            "ZREMRANGEBYLEX s - +",
            "ZPOPMIN s",
            "ZPOPMAX s",
            "ZMPOP 1 s MIN",
            "BZPOPMIN s 0",
            "BZPOPMAX s 0",
            "BZMPOP 0 1 s MIN",
            "ZRANDMEMBER s",
            "ZSCAN s 0",
            "ZUNION 1 s",
            "ZINTER 2 z s",
            "ZDIFF 2 z s",
            "ZUNIONSTORE z 1 s",
            "ZINTERSTORE z 1 s",
            "ZDIFFSTORE z 1 s",
            "ZINTERCARD 1 s",
        ] {
            client.check(line, err(WRONG_TYPE));
        }
        client.check("ZRANGE z 0 -1 WITHSCORES", bulks(["a", "1"]));
        client.check("SADD z x", err(WRONG_TYPE));
    });
}

#[test]
fn clients_wait_for_members() {
    each_backend(|server| {
        let mut client = server.client();
        let (mut first, mut second) =
            (waiting(server, "BZPOPMIN a b 0"), waiting(server, "BZPOPMAX b 0"));
        client.check("ZADD b 1 x 2 y 3 z", int(3));
        assert_eq!(first.recv(), bulks(["b", "x", "1"]));
        assert_eq!(second.recv(), bulks(["b", "z", "3"]));
        client.check("ZRANGE b 0 -1", bulks(["y"]));
        let mut third = waiting(server, "BZMPOP 0 2 a c MAX COUNT 2");
        client.check("ZUNIONSTORE c 1 b", int(1));
        assert_eq!(third.recv(), array([bulk("c"), array([bulks(["y", "2"])])]));
        client.check("EXISTS c", int(0));
    });
}

#[test]
fn waits_end_by_time_and_not_in_transactions() {
    check(&[
        ("BZPOPMIN a 0.01", Value::NilArray),
        ("BZMPOP 0.01 1 a MIN", Value::NilArray),
        ("MULTI", ok()),
        ("BZPOPMIN a 0", simple("QUEUED")),
        ("BZPOPMAX a 0", simple("QUEUED")),
        ("EXEC", array([Value::NilArray, Value::NilArray])),
        ("BZPOPMIN a -1", err("timeout is negative")),
        ("BZPOPMAX a x", err("timeout is not a float or out of range")),
        ("BZMPOP x 0 a MIN", err("numkeys should be greater than 0")),
        ("BZMPOP x 1 a MIN", err("timeout is not a float or out of range")),
        ("ZADD a 1 x 2 y", int(2)),
        ("BZPOPMAX nokey a 0", bulks(["a", "y", "2"])),
        ("BZMPOP 0 1 a MIN", array([bulk("a"), array([bulks(["x", "1"])])])),
    ]);
}
