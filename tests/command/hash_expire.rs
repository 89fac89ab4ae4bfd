//! Deadlines of hash fields over a connection. Redis 7.2 has none: nothing here runs on a stand-in.

use std::time::{Duration, Instant};

use crate::support::*;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
/// In the year 3021.
const FAR_MS: i64 = 33_177_117_420_000;

/// Runs a test on each driver of Sidering.
fn each(test: impl Fn(&Server)) {
    each_backend(|server| {
        if !server.is_stand_in() {
            test(server);
        }
    });
}

fn ints(numbers: &[i64]) -> Value {
    array(numbers.iter().map(|&number| int(number)))
}

/// Asks until the reply is as expected, which it is soon.
fn eventually(client: &mut Client, line: &str, expected: Value) {
    let start = Instant::now();
    while client.run(line) != expected {
        assert!(start.elapsed() < Duration::from_secs(10), "{line} never replies {expected:?}");
    }
}

#[test]
fn deadlines_are_set_asked_for_and_removed() {
    check_newer(&[
        ("HSET h a 1 b 2", int(2)),
        ("OBJECT ENCODING h", bulk("listpack")),
        ("HEXPIRE h 100 FIELDS 2 a nofield", ints(&[1, -2])),
        ("OBJECT ENCODING h", bulk("hashtable")),
        ("HTTL h FIELDS 3 a b nofield", ints(&[100, -1, -2])),
        ("HPEXPIRE h 200000 FIELDS 1 b", ints(&[1])),
        ("HTTL h FIELDS 2 a b", ints(&[100, 200])),
        ("HPEXPIREAT h 33177117420000 FIELDS 1 a", ints(&[1])),
        ("HPEXPIRETIME h FIELDS 1 a", ints(&[FAR_MS])),
        ("HEXPIREAT h 33177117420 FIELDS 1 b", ints(&[1])),
        ("HEXPIRETIME h FIELDS 2 a b", ints(&[FAR_MS / 1000, FAR_MS / 1000])),
        ("HPERSIST h FIELDS 3 a a nofield", ints(&[1, -1, -2])),
        ("HPTTL h FIELDS 1 a", ints(&[-1])),
        ("HGETALL h", bulks(["a", "1", "b", "2"])),
        ("TTL h", int(-1)),
    ]);
}

#[test]
fn a_missing_hash_has_no_field_with_a_deadline() {
    check_newer(&[
        ("HEXPIRE h 100 FIELDS 2 a b", ints(&[-2, -2])),
        ("HPERSIST h FIELDS 1 a", ints(&[-2])),
        ("HTTL h FIELDS 2 a b", ints(&[-2, -2])),
        ("HGETEX h EX 100 FIELDS 2 a b", array([nil(), nil()])),
        ("HGETDEL h FIELDS 1 a", array([nil()])),
        ("EXISTS h", int(0)),
    ]);
}

#[test]
fn conditions_look_at_the_deadline_there_is() {
    check_newer(&[
        ("HSET h f v", int(1)),
        ("HPEXPIREAT h 33177117420000 XX FIELDS 1 f", ints(&[0])),
        ("HPEXPIREAT h 33177117420000 GT FIELDS 1 f", ints(&[0])),
        ("OBJECT ENCODING h", bulk("listpack")),
        ("HPEXPIREAT h 33177117420000 NX FIELDS 1 f", ints(&[1])),
        ("HPEXPIREAT h 33177117420001 NX FIELDS 1 f", ints(&[0])),
        ("HPEXPIREAT h 33177117420001 LT FIELDS 1 f", ints(&[0])),
        ("HPEXPIREAT h 33177117420000 GT FIELDS 1 f", ints(&[0])),
        ("HPEXPIREAT h 33177117420001 GT FIELDS 1 f", ints(&[1])),
        ("HPEXPIREAT h 33177117420000 xx FIELDS 1 f", ints(&[1])),
        ("HPEXPIREAT h 33177117419999 lt FIELDS 1 f", ints(&[1])),
        ("HPEXPIRETIME h FIELDS 1 f", ints(&[FAR_MS - 1])),
        ("HSET h g v", int(1)),
        ("HPEXPIREAT h 33177117420000 LT FIELDS 1 g", ints(&[1])),
        ("HPEXPIREAT h 1 GT FIELDS 1 g", ints(&[0])),
        ("HEXISTS h g", int(1)),
    ]);
}

#[test]
fn a_deadline_that_has_passed_removes_the_field() {
    check_newer(&[
        ("HSET h a 1 b 2 c 3 d 4", int(4)),
        ("HEXPIRE h 0 FIELDS 2 a nofield", ints(&[2, -2])),
        ("OBJECT ENCODING h", bulk("listpack")),
        ("HPEXPIREAT h 1 FIELDS 2 b b", ints(&[2, -2])),
        ("HKEYS h", bulks(["c", "d"])),
        ("HGETEX h PX 0 FIELDS 2 c c", array([bulk("3"), nil()])),
        ("HSETEX h PXAT 1 FIELDS 2 d 5 new 6", int(1)),
        ("EXISTS h", int(0)),
    ]);
}

#[test]
fn writes_clear_a_deadline_and_counting_keeps_it() {
    check_newer(&[
        ("HSETEX h EX 100 FIELDS 5 a 1 b 1 c 1 d 1 e 1", int(1)),
        ("HSET h a 2", int(0)),
        ("HMSET h e 2", ok()),
        ("HINCRBY h b 1", int(2)),
        ("HINCRBYFLOAT h c 1", bulk("2")),
        ("HSETNX h d 2", int(0)),
        ("HTTL h FIELDS 5 a b c d e", ints(&[-1, 100, 100, 100, -1])),
        ("HDEL h b", int(1)),
        ("HSET h b 1", int(1)),
        ("HTTL h FIELDS 1 b", ints(&[-1])),
    ]);
}

#[test]
fn hsetex_decides_about_deadlines() {
    check_newer(&[
        ("HSETEX h FIELDS 2 a 1 b 2", int(1)),
        ("OBJECT ENCODING h", bulk("listpack")),
        ("HSETEX h KEEPTTL FIELDS 1 a 2", int(1)),
        ("OBJECT ENCODING h", bulk("listpack")),
        ("HSETEX h EX 100 FIELDS 1 a 3", int(1)),
        ("HSETEX h KEEPTTL FIELDS 2 a 4 c 5", int(1)),
        ("HTTL h FIELDS 3 a b c", ints(&[100, -1, -1])),
        ("HSETEX h PXAT 33177117420000 FIELDS 1 a 5", int(1)),
        ("HPEXPIRETIME h FIELDS 1 a", ints(&[FAR_MS])),
        ("HSETEX h FIELDS 1 a 6", int(1)),
        ("HTTL h FIELDS 1 a", ints(&[-1])),
        ("HGETALL h", bulks(["a", "6", "b", "2", "c", "5"])),
    ]);
}

#[test]
fn hsetex_sets_all_or_nothing() {
    check_newer(&[
        ("HSETEX h XX FIELDS 1 a 1", int(0)),
        ("HSETEX h FXX FIELDS 1 a 1", int(0)),
        ("EXISTS h", int(0)),
        ("HSETEX h NX FNX FIELDS 1 a 1", int(1)),
        ("HSETEX h NX FIELDS 1 b 2", int(0)),
        ("HSETEX h FNX FIELDS 2 b 2 a 2", int(0)),
        ("HSETEX h FXX FIELDS 2 a 2 b 2", int(0)),
        ("HSETEX h FXX PXAT 1 FIELDS 2 a 2 b 2", int(0)),
        ("HGETALL h", bulks(["a", "1"])),
        ("HSETEX h XX FNX FIELDS 1 b 2", int(1)),
        ("HSETEX h FXX FIELDS 2 b 3 a 3", int(1)),
        ("HGETALL h", bulks(["a", "3", "b", "3"])),
    ]);
}

#[test]
fn hgetex_reads_and_touches() {
    check_newer(&[
        ("HSET h a 1 b 2", int(2)),
        ("HGETEX h FIELDS 2 a nofield", array([bulk("1"), nil()])),
        ("OBJECT ENCODING h", bulk("listpack")),
        ("HGETEX h PERSIST FIELDS 1 a", array([bulk("1")])),
        ("HGETEX h EX 100 FIELDS 2 a nofield", array([bulk("1"), nil()])),
        ("HTTL h FIELDS 2 a b", ints(&[100, -1])),
        ("HGETEX h FIELDS 1 a", array([bulk("1")])),
        ("HTTL h FIELDS 1 a", ints(&[100])),
        ("HGETEX h PERSIST FIELDS 1 a", array([bulk("1")])),
        ("HTTL h FIELDS 1 a", ints(&[-1])),
    ]);
}

#[test]
fn hgetdel_takes_fields_out() {
    check_newer(&[
        ("HSET h a 1 b 2 c 3", int(3)),
        ("HGETDEL h FIELDS 3 a nofield a", array([bulk("1"), nil(), nil()])),
        ("HKEYS h", bulks(["b", "c"])),
        ("HGETDEL h FIELDS 2 c b", array([bulk("3"), bulk("2")])),
        ("EXISTS h", int(0)),
    ]);
}

#[test]
fn malformed_calls_are_refused_in_words() {
    let missing = "ERR Mandatory argument FIELDS is missing or not at the right position";
    let mismatch = "ERR The `numfields` parameter must match the number of arguments";
    let positive = "ERR Parameter `numFields` should be greater than 0";
    check_newer(&[
        ("HSET h f v", int(1)),
        ("HEXPIRE h x FIELDS 1 f", err("value is not an integer or out of range")),
        ("HEXPIRE h -1 FIELDS 1 f", err("invalid expire time in 'hexpire' command")),
        (
            "HPEXPIRE h 9223372036854775807 FIELDS 1 f",
            err("invalid expire time in 'hpexpire' command"),
        ),
        ("HEXPIRE h 1 NX XX FIELDS 1 f", Value::Error(missing.into())),
        ("HEXPIRE h 1 FIELD 1 f", Value::Error(missing.into())),
        ("HEXPIRE h 1 FIELDS 2 f", Value::Error(mismatch.into())),
        ("HEXPIRE h 1 FIELDS 0 f", Value::Error(positive.into())),
        ("HTTL h FIELDS x f", Value::Error(positive.into())),
        ("HTTL h FIELDS 1 f g", Value::Error(mismatch.into())),
        ("HPERSIST h FIELD 1 f", Value::Error(missing.into())),
        ("HGETDEL h FIELDS 2 f", Value::Error(mismatch.into())),
        ("HGETEX h EX -1 FIELDS 1 f", err("invalid expire time in 'hgetex' command")),
        ("HSETEX h EX -1 FIELDS 1 f v", err("invalid expire time in 'hsetex' command")),
        ("HSETEX h FIELDS 1 f v g", Value::Error(mismatch.into())),
        (
            "HSETEX h EX 1 KEEPTTL FIELDS 1 f v",
            err("Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"),
        ),
        ("HGETEX h NX FIELDS 1 f", err("syntax error")),
        ("HGETALL h", bulks(["f", "v"])),
        ("OBJECT ENCODING h", bulk("listpack")),
    ]);
}

#[test]
fn other_types_are_refused() {
    each(|server| {
        let mut client = server.client();
        client.check("SET s v", ok());
        for line in [
            "HEXPIRE s 1 FIELDS 1 f",
            "HTTL s FIELDS 1 f",
            "HPERSIST s FIELDS 1 f",
            "HGETEX s FIELDS 1 f",
            "HGETEX s EX 1 FIELDS 1 f",
            "HGETDEL s FIELDS 1 f",
            "HSETEX s FIELDS 1 f v",
            "HSETEX s NX FIELDS 1 f v",
        ] {
            assert_eq!(client.run(line), err(WRONG_TYPE), "{line}");
        }
        client.check("GET s", bulk("v"));
    });
}

#[test]
fn a_field_goes_at_its_deadline_and_the_key_with_the_last_one() {
    each(|server| {
        let mut client = server.client();
        client.check("HSET h stays 1", int(1));
        client.check("HSETEX h PX 30 FIELDS 1 goes 2", int(1));
        client.check("HSETEX alone PX 30 FIELDS 2 a 1 b 2", int(1));
        client.check("DBSIZE", int(2));
        eventually(&mut client, "HLEN h", int(1));
        client.check("HGETALL h", bulks(["stays", "1"]));
        eventually(&mut client, "DBSIZE", int(1));
        client.check("EXISTS alone", int(0));
    });
}

#[test]
fn fields_past_their_deadline_are_gone_before_they_are_removed() {
    each(|server| {
        let mut client = server.client();
        client.check("DEBUG SET-ACTIVE-EXPIRE 0", ok());
        client.check("HSET h stays 1", int(1));
        client.check("HSETEX h PX 1 FIELDS 2 goes 2 too 3", int(1));
        client.check("HSETEX alone PX 1 FIELDS 1 f v", int(1));
        eventually(&mut client, "HLEN h", int(1));
        client.check("HGET h goes", nil());
        client.check("HEXISTS h goes", int(0));
        client.check("HKEYS h", bulks(["stays"]));
        client.check("HRANDFIELD h -3", bulks(["stays"; 3]));
        client.check("HSCAN h 0", array([bulk("0"), bulks(["stays", "1"])]));
        client.check("HTTL h FIELDS 1 goes", ints(&[-2]));
        client.check("HPERSIST h FIELDS 1 goes", ints(&[-2]));
        // Its deadline may lie a millisecond behind that of the others.
        eventually(&mut client, "EXISTS alone", int(0));
        client.check("TYPE alone", simple("none"));
        client.check("KEYS *", bulks(["h"]));
        client.check("RANDOMKEY", bulk("h"));
        client.check("HSETNX h goes new", int(1));
        client.check("HINCRBY h too 1", int(1));
        client.check("HTTL h FIELDS 2 goes too", ints(&[-1, -1]));
        client.check("HSET alone g w", int(1));
        client.check("HGETALL alone", bulks(["g", "w"]));
    });
}

#[test]
fn deadlines_travel_with_their_hash() {
    each(|server| {
        let mut client = server.client();
        client.check("HSETEX h PX 60 FIELDS 1 f v", int(1));
        client.check("HSET h g w", int(1));
        client.check("COPY h copy", int(1));
        client.check("COPY h other DB 1", int(1));
        client.check("RENAME h renamed", ok());
        client.check("HLEN renamed", int(2));
        for key in ["copy", "renamed"] {
            eventually(&mut client, &format!("HLEN {key}"), int(1));
        }
        client.check("SELECT 1", ok());
        eventually(&mut client, "HGETALL other", bulks(["g", "w"]));
    });
}

#[test]
fn watchers_hear_of_fields_that_expire() {
    each(|server| {
        let mut client = server.client();
        client.check("HSET h stays 1", int(1));
        client.check("HSETEX h PX 20 FIELDS 1 goes 2", int(1));
        client.check("WATCH h", ok());
        eventually(&mut client, "HLEN h", int(1));
        client.check("PING", simple("PONG"));
        client.check("MULTI", ok());
        client.check("PING", simple("QUEUED"));
        client.check("EXEC", Value::NilArray);
    });
}

#[test]
fn a_cache_is_told_of_fields_that_expire() {
    each(|server| {
        let mut client = server.client3();
        client.check("CLIENT TRACKING ON NOLOOP", ok());
        client.check("HSET h stays 1", int(1));
        client.check("HSETEX h PX 20 FIELDS 1 goes 2", int(1));
        client.check("HGET h goes", bulk("2"));
        let told = client.recv();
        assert_eq!(told, Value::Push(vec![bulk("invalidate"), bulks(["h"])]));
        client.check("HGET h goes", null());
    });
}

#[test]
fn many_fields_due_at_once_hold_nobody_up() {
    each(|server| {
        let mut client = server.client();
        let fields = 200_000;
        let deadline = "33177117420000";
        for from in (0..fields).step_by(1000) {
            let mut words: Vec<String> =
                ["HSETEX", "h", "PXAT", deadline, "FIELDS", "1000"].map(Into::into).to_vec();
            words.extend((from..from + 1000).flat_map(|n| [format!("field:{n}"), "v".into()]));
            assert_eq!(client.cmd(&words), int(1));
        }
        client.check("HSET h stays 1", int(1));
        for from in (0..fields).step_by(1000) {
            let mut words: Vec<String> =
                ["HPEXPIRE", "h", "300", "FIELDS", "1000"].map(Into::into).to_vec();
            words.extend((from..from + 1000).map(|n| format!("field:{n}")));
            client.cmd(&words);
        }
        eventually(&mut client, "HLEN h", int(1));
        let memory = |client: &mut Client| client.run("MEMORY USAGE h").as_int();
        let (start, mut longest) = (Instant::now(), Duration::ZERO);
        while memory(&mut client) > 10_000 {
            let asked = Instant::now();
            client.check("HGET h stays", bulk("1"));
            longest = longest.max(asked.elapsed());
            assert!(start.elapsed() < Duration::from_secs(20), "the fields are never removed");
        }
        assert!(longest < Duration::from_millis(100), "{longest:?}");
        client.check("HGETALL h", bulks(["stays", "1"]));
    });
}
