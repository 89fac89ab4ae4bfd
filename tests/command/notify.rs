//! Keyspace events: which command causes which, in which order, and who is not told.

use crate::support::*;
use std::time::Duration;

/// A client that hears all events, and one that causes them.
struct Pair {
    listener: Client,
    client: Client,
}

impl Pair {
    fn new(server: &Server, classes: &str) -> Pair {
        let (mut listener, mut client) = (server.client(), server.client());
        client.check(&format!("CONFIG SET notify-keyspace-events \"{classes}\""), ok());
        assert!(!listener.run("PSUBSCRIBE __key*").is_error());
        Pair { listener, client }
    }

    /// The events that `line` causes, as `event key` or, of the keyspace form, `key event`.
    fn events_of(&mut self, line: &str) -> Vec<String> {
        self.client.run(line);
        self.events()
    }

    /// The events up to now.
    fn events(&mut self) -> Vec<String> {
        assert_eq!(self.client.run("PUBLISH __key_end end").as_int(), 1);
        let mut events = Vec::new();
        loop {
            let event = self.next();
            if event == "__key_end end" {
                return events;
            }
            let short = event.replace("__keyevent@0__:", "").replace("__keyspace@0__:", "@");
            events.push(short);
        }
    }

    /// The next message with its channel.
    fn next(&mut self) -> String {
        let message = self.listener.recv();
        let [_, _, channel, text] = message.items() else { panic!("no pmessage: {message:?}") };
        format!("{} {}", channel.text(), text.text())
    }
}

/// Runs each line on a fresh server of each driver and compares the events it causes.
fn check(classes: &str, lines: &[(&str, &[&str])]) {
    each_backend(|server| {
        let mut pair = Pair::new(server, classes);
        for (line, expected) in lines {
            assert_eq!(pair.events_of(line), *expected, "{line}");
        }
    });
}

#[test]
fn strings() {
    check(
        "E$g",
        &[
            ("SET a 1", &["set a"]),
            ("SET a 1 NX", &[]),
            ("SET a 1 EX 100", &["set a", "expire a"]),
            ("SET a 1 KEEPTTL", &["set a"]),
            ("SET a 2 GET", &["set a"]),
            ("SETNX a 1", &[]),
            ("SETNX b 1", &["set b"]),
            ("SETEX b 100 1", &["set b", "expire b"]),
            ("PSETEX b 100000 1", &["set b", "expire b"]),
            ("MSET c 1 d 1", &["set c", "set d"]),
            ("MSETNX c 1 e 1", &[]),
            ("MSETNX e 1 f 1", &["set e", "set f"]),
            ("GETSET a 5", &["set a"]),
            ("APPEND a 6", &["append a"]),
            ("APPEND new 6", &["append new"]),
            ("SETRANGE a 1 x", &["setrange a"]),
            ("SETRANGE a 1 \"\"", &[]),
            ("INCR n", &["incrby n"]),
            ("DECRBY n 2", &["incrby n"]),
            ("INCRBYFLOAT n 0.5", &["incrbyfloat n"]),
            ("INCR n", &[]),
            ("GETEX a EX 100", &["expire a"]),
            ("GETEX a PERSIST", &["persist a"]),
            ("GETEX a PERSIST", &[]),
            ("GETEX a EXAT 1", &["del a"]),
            ("GETDEL b", &["del b"]),
            ("GETDEL b", &[]),
            ("GET c", &[]),
        ],
    );
}

#[test]
fn newer_strings() {
    each_backend(|server| {
        if server.is_stand_in() {
            return;
        }
        let mut pair = Pair::new(server, "E$g");
        assert_eq!(pair.events_of("MSETEX 2 a 1 b 2"), ["set a", "set b"]);
        assert_eq!(pair.events_of("MSETEX 1 a 1 EX 9"), ["set a", "expire a"]);
        assert_eq!(pair.events_of("DELIFEQ a 2"), [""; 0]);
        assert_eq!(pair.events_of("DELIFEQ a 1"), ["del a"]);
        assert_eq!(pair.events_of("SET b 3 IFEQ 9"), [""; 0]);
        assert_eq!(pair.events_of("SET b 3 IFEQ 2"), ["set b"]);
    });
}

#[test]
fn bitmaps() {
    check(
        "E$g",
        &[
            ("SETBIT b 7 1", &["setbit b"]),
            ("SETBIT b 7 1", &[]),
            ("SETBIT b 100 0", &["setbit b"]),
            ("BITFIELD b SET u8 0 255", &["setbit b"]),
            ("BITFIELD b SET u8 0 255", &[]),
            ("BITFIELD b GET u8 0", &[]),
            ("BITFIELD b OVERFLOW FAIL INCRBY u8 0 1", &[]),
            ("BITFIELD z OVERFLOW FAIL SET u8 0 256", &[]),
            ("BITOP AND c b b", &["set c"]),
            ("BITOP AND c nokey", &["del c"]),
            ("BITOP AND c nokey", &[]),
        ],
    );
}

#[test]
fn hashes() {
    check(
        "Ehg",
        &[
            ("HSET h a 1 b 2", &["hset h"]),
            ("HSET h a 1", &["hset h"]),
            ("HMSET h a 1 n 1", &["hset h"]),
            ("HSETNX h a 1", &[]),
            ("HSETNX h c 1", &["hset h"]),
            ("HINCRBY h n 1", &["hincrby h"]),
            ("HINCRBYFLOAT h n 1", &["hincrbyfloat h"]),
            ("HINCRBY h n x", &[]),
            ("HGET h a", &[]),
            ("HDEL h nofield", &[]),
            ("HDEL h a b", &["hdel h"]),
            ("HDEL h c n a", &["hdel h", "del h"]),
            ("HDEL h a", &[]),
        ],
    );
}

#[test]
fn deadlines_of_fields() {
    each_backend(|server| {
        if server.is_stand_in() {
            return;
        }
        let mut pair = Pair::new(server, "Ehg");
        for (line, expected) in [
            ("HSETEX h FIELDS 2 a 1 b 2", &["hset h"][..]),
            ("HSETEX h FNX FIELDS 1 a 1", &[]),
            ("HSETEX h EX 100 FIELDS 2 a 1 c 2", &["hset h", "hexpire h"]),
            ("HEXPIRE h 100 FIELDS 2 a b", &["hexpire h"]),
            ("HEXPIRE h 100 NX FIELDS 2 a b", &[]),
            ("HEXPIRE h 100 FIELDS 1 nofield", &[]),
            ("HPERSIST h FIELDS 2 a b", &["hpersist h"]),
            ("HPERSIST h FIELDS 2 a b", &[]),
            ("HGETEX h FIELDS 1 a", &[]),
            ("HGETEX h EX 100 FIELDS 1 a", &["hexpire h"]),
            ("HGETEX h PERSIST FIELDS 1 a", &["hpersist h"]),
            ("HGETEX h PERSIST FIELDS 1 a", &[]),
            ("HSETEX h PXAT 1 FIELDS 1 nofield 1", &[]),
            ("HSETEX h PXAT 1 FIELDS 1 a 1", &["hdel h"]),
            ("HEXPIRE h 0 FIELDS 2 b nofield", &["hdel h"]),
            ("HGETDEL h FIELDS 1 nofield", &[]),
            ("HGETDEL h FIELDS 1 c", &["hdel h", "del h"]),
        ] {
            assert_eq!(pair.events_of(line), *expected, "{line}");
        }
    });
}

#[test]
fn fields_expire_at_their_deadline() {
    each_backend(|server| {
        if server.is_stand_in() {
            return;
        }
        let mut pair = Pair::new(server, "Ehg");
        pair.client.check("HSET h stays 1", int(1));
        pair.client.check("HSETEX h PX 20 FIELDS 2 goes 1 too 1", int(1));
        pair.client.check("HSETEX alone PX 40 FIELDS 1 f 1", int(1));
        let next: Vec<String> =
            (0..8).map(|_| pair.next().replace("__keyevent@0__:", "")).collect();
        assert_eq!(next[..5], ["hset h", "hset h", "hexpire h", "hset alone", "hexpire alone"]);
        assert_eq!(next[5..], ["hexpired h", "hexpired alone", "del alone"]);
    });
}

#[test]
fn hyperloglogs() {
    check(
        "E$g",
        &[
            ("PFADD a 1 2", &["pfadd a"]),
            ("PFADD a 1 2", &[]),
            ("PFCOUNT a", &[]),
            ("PFMERGE b a", &["pfadd b"]),
        ],
    );
}

#[test]
fn lists() {
    check(
        "Elg",
        &[
            ("RPUSH a 1 2 3 4 5", &["rpush a"]),
            ("LPUSH a 0", &["lpush a"]),
            ("LPUSHX nokey 0", &[]),
            ("RPUSHX a 6", &["rpush a"]),
            ("LINSERT a BEFORE 0 x", &["linsert a"]),
            ("LINSERT a BEFORE nope x", &[]),
            ("LSET a 0 y", &["lset a"]),
            ("LSET a 99 y", &[]),
            ("LREM a 0 y", &["lrem a"]),
            ("LREM a 0 y", &[]),
            ("LTRIM a 0 -1", &["ltrim a"]),
            ("LPOP a", &["lpop a"]),
            ("LPOP a 0", &[]),
            ("RPOP a 2", &["rpop a"]),
            ("LMPOP 2 nokey a RIGHT", &["rpop a"]),
            ("LMOVE a b LEFT RIGHT", &["rpush b", "lpop a"]),
            ("RPOPLPUSH a a", &["lpush a", "rpop a"]),
            ("BLMOVE a b RIGHT LEFT 0", &["lpush b", "rpop a"]),
            ("BRPOP a 0", &["rpop a", "del a"]),
            ("LMOVE b b LEFT LEFT", &["lpush b", "lpop b"]),
            ("LTRIM b 5 9", &["ltrim b", "del b"]),
            ("RPUSH c 1 1", &["rpush c"]),
            ("LREM c 0 1", &["lrem c", "del c"]),
        ],
    );
}

#[test]
fn sets() {
    check(
        "Esgl",
        &[
            ("SADD a 1 2 3", &["sadd a"]),
            ("SADD a 1", &[]),
            ("SREM a 1", &["srem a"]),
            ("SREM a 1", &[]),
            ("SMOVE a b 2", &["srem a", "sadd b"]),
            ("SMOVE a b 3", &["srem a", "del a", "sadd b"]),
            ("SADD a 2", &["sadd a"]),
            ("SMOVE a b 2", &["srem a", "del a"]),
            ("SMOVE b b 2", &[]),
            ("SINTERSTORE c b b", &["sinterstore c"]),
            ("SUNIONSTORE c b", &["sunionstore c"]),
            ("SDIFFSTORE c b nokey", &["sdiffstore c"]),
            ("SDIFFSTORE c b b", &["del c"]),
            ("SDIFFSTORE c b b", &[]),
            ("SPOP b 1", &["spop b"]),
            ("SPOP b 0", &[]),
            ("SPOP b", &["spop b", "del b"]),
            ("SADD b 1 2", &["sadd b"]),
            ("SPOP b 5", &["spop b", "del b"]),
            ("SREM b 1", &[]),
            ("SADD b 1 2", &["sadd b"]),
            ("SREM b 1 2 3", &["srem b", "del b"]),
            ("SADD b 1 2", &["sadd b"]),
            ("SORT b STORE l", &["sortstore l"]),
            ("SORT nokey STORE l", &["del l"]),
        ],
    );
}

#[test]
fn places() {
    check(
        "Ezgm",
        &[
            ("GEOADD g 1 1 a 2 2 b", &["zadd g"]),
            ("GEOADD g 1 1 a", &[]),
            ("GEOADD g 1 1 b", &["zadd g"]),
            ("GEODIST g a b", &[]),
            ("GEOPOS no a", &["keymiss no"]),
            ("GEOSEARCHSTORE k g FROMMEMBER a BYRADIUS 1 m", &["geosearchstore k"]),
            ("GEORADIUS g 1 1 1 km STORE k", &["georadiusstore k"]),
            ("GEORADIUSBYMEMBER no a 1 km STORE k", &["keymiss no", "del k"]),
            ("GEORADIUS g 9 9 1 m STOREDIST k", &[]),
            ("GEOSEARCHSTORE g g FROMLONLAT 9 9 BYBOX 1 1 m", &["del g"]),
        ],
    );
}

#[test]
fn keys_of_any_type() {
    check(
        "Eg",
        &[
            ("MSET a 1 b 2 c 3", &[]),
            ("EXPIRE a 100", &["expire a"]),
            ("EXPIRE a 100 NX", &[]),
            ("PEXPIREAT a 33177117420000", &["expire a"]),
            ("EXPIRE nokey 100", &[]),
            ("PERSIST a", &["persist a"]),
            ("PERSIST a", &[]),
            ("EXPIRE a -1", &["del a"]),
            ("DEL b nokey c", &["del b", "del c"]),
            ("MSET a 1 b 2", &[]),
            ("UNLINK a nokey", &["del a"]),
            ("RENAME b b", &[]),
            ("RENAME b c", &["rename_from b", "rename_to c"]),
            ("RENAMENX c d", &["rename_from c", "rename_to d"]),
            ("COPY d e", &["copy_to e"]),
            ("COPY d e", &[]),
            ("COPY d e DB 1", &["__keyevent@1__:copy_to e"]),
            ("MOVE d 1", &["move_from d", "__keyevent@1__:move_to d"]),
            ("MOVE e 1", &[]),
            ("FLUSHALL", &[]),
        ],
    );
}

#[test]
fn new_keys_come_before_what_made_them() {
    check(
        "AnE",
        &[
            ("SET a 1", &["new a", "set a"]),
            ("SET a 1", &["set a"]),
            ("MSET b 1 a 1 c 1", &["new b", "set b", "set a", "new c", "set c"]),
            ("SETBIT d 1 1", &["new d", "setbit d"]),
            ("BITFIELD z OVERFLOW FAIL SET u8 0 256", &["new z"]),
            // The old key of that name goes first, as in Redis.
            ("RENAME a b", &["new b", "rename_from a", "rename_to b"]),
            ("COPY b c REPLACE", &["new c", "copy_to c"]),
            ("MOVE c 1", &["__keyevent@1__:new c", "move_from c", "__keyevent@1__:move_to c"]),
        ],
    );
}

#[test]
fn readers_miss() {
    check(
        "Em",
        &[
            ("GET a", &["keymiss a"]),
            ("MGET a b", &["keymiss a", "keymiss b"]),
            ("EXISTS a", &["keymiss a"]),
            ("TYPE a", &["keymiss a"]),
            ("TTL a", &["keymiss a"]),
            ("OBJECT ENCODING a", &[]),
            ("INCR a", &[]),
            ("GET a", &[]),
            ("SETNX b 1", &[]),
            ("SET c 1 GET", &["keymiss c"]),
        ],
    );
}

#[test]
fn both_forms_and_only_the_classes_asked_for() {
    check("KEA", &[("SET a 1", &["@a set", "set a"]), ("GET nokey", &[])]);
    check("K$", &[("SET a 1 EX 9", &["@a set"]), ("DEL a", &[])]);
    check("A", &[("SET a 1", &[])]);
    check("", &[("SET a 1", &[])]);
}

#[test]
fn the_classes_come_from_the_configuration_and_can_be_turned_off() {
    each_backend_with(&["--notify-keyspace-events", "E$"], |server| {
        let (mut listener, mut client) = (server.client(), server.client());
        assert!(!listener.run("PSUBSCRIBE __key*").is_error());
        client.check("SET a 1", ok());
        assert_eq!(listener.recv().items()[3], bulk("a"));
        client.check("CONFIG SET notify-keyspace-events \"\"", ok());
        client.check("SET a 1", ok());
        client.check("PUBLISH __key_end x", int(1));
        assert_eq!(listener.recv().items()[2], bulk("__key_end"));
    });
}

#[test]
fn a_database_has_its_own_channels() {
    each_backend(|server| {
        let mut pair = Pair::new(server, "KEA");
        pair.client.check("SELECT 5", ok());
        pair.client.check("SET a 1", ok());
        assert_eq!(pair.next(), "__keyspace@5__:a set");
        assert_eq!(pair.next(), "__keyevent@5__:set a");
        pair.client.check("SWAPDB 5 6", ok());
        pair.client.check("SELECT 6", ok());
        pair.client.check("DEL a", int(1));
        assert_eq!(pair.next(), "__keyspace@6__:a del");
    });
}

#[test]
fn a_key_expires_at_its_deadline() {
    each_backend(|server| {
        let mut pair = Pair::new(server, "Ex");
        pair.client.check("SET a 1 PX 60", ok());
        let begin = std::time::Instant::now();
        assert_eq!(pair.next(), "__keyevent@0__:expired a");
        let after = begin.elapsed();
        let late = Duration::from_millis(40 + 500 * u64::from(server.is_stand_in()));
        assert!(after > Duration::from_millis(50), "{after:?}");
        assert!(after < Duration::from_millis(60) + late, "{after:?}");
        assert!(pair.events().is_empty());
    });
}

#[test]
fn whoever_notices_first_that_a_key_expired_tells_it_first() {
    each_backend(|server| {
        let mut pair = Pair::new(server, "EAnm");
        pair.client.check("DEBUG SET-ACTIVE-EXPIRE 0", ok());
        pair.client.check("MSET a 1 b 1 c 1 d 1", ok());
        for key in ["a", "b", "c", "d"] {
            pair.client.check(&format!("PEXPIRE {key} 1"), int(1));
        }
        std::thread::sleep(Duration::from_millis(10));
        pair.events();
        assert_eq!(pair.events_of("GET a"), ["expired a", "keymiss a"]);
        assert_eq!(pair.events_of("SET b 2"), ["expired b", "new b", "set b"]);
        assert_eq!(pair.events_of("DEL c"), ["expired c"]);
        assert_eq!(
            pair.events_of("MSET x 1 d 1"),
            ["new x", "set x", "expired d", "new d", "set d"]
        );
    });
}

#[test]
fn a_transaction_tells_its_events_as_they_happen() {
    each_backend(|server| {
        let mut pair = Pair::new(server, "EA");
        pair.client.pipeline(&["MULTI", "SET a 1", "INCR a", "DEL a"]);
        pair.client.check("EXEC", array([ok(), int(2), int(1)]));
        assert_eq!(pair.events(), ["set a", "incrby a", "del a"]);
    });
}

#[test]
fn events_about_oneself_follow_the_reply() {
    each_backend(|server| {
        let mut client = server.client3();
        client.check("CONFIG SET notify-keyspace-events EA", ok());
        assert!(!client.run("SUBSCRIBE __keyevent@0__:set").is_error());
        let replies = client.pipeline(&["SET a 1", "PING"]);
        let event = Value::Push(vec![bulk("message"), bulk("__keyevent@0__:set"), bulk("a")]);
        assert_eq!(replies, [ok(), event]);
        assert_eq!(client.recv(), simple("PONG"));
    });
}
