//! CLIENT TRACKING in all its modes: who is told that a key changed, where, and when.

use crate::support::*;
use std::collections::{BTreeMap, BTreeSet};

fn push(items: impl IntoIterator<Item = Value>) -> Value {
    Value::Push(items.into_iter().collect())
}

/// What a client of RESP3 is told about changed keys.
fn invalidated<const N: usize>(keys: [&str; N]) -> Value {
    push([bulk("invalidate"), bulks(keys)])
}

/// The same in RESP2, where it takes a channel.
fn told<const N: usize>(keys: [&str; N]) -> Value {
    array([bulk("message"), bulk("__redis__:invalidate"), bulks(keys)])
}

/// A client that tracks with these options, one that receives for it in RESP2 and its id, and one
/// that changes keys.
fn redirected(server: &Server, options: &str) -> (Client, Client, Client) {
    let (mut client, mut receiver, writer) = (server.client(), server.client(), server.client());
    let id = receiver.run("CLIENT ID").as_int();
    assert!(!receiver.run("SUBSCRIBE __redis__:invalidate").is_error());
    client.check(&format!("CLIENT TRACKING ON REDIRECT {id} {options}"), ok());
    (client, receiver, writer)
}

/// A client of RESP3 that tracks with these options, and one that changes keys.
fn pushed(server: &Server, options: &str) -> (Client, Client) {
    let (mut client, writer) = (server.client3(), server.client());
    client.check(&format!("CLIENT TRACKING ON {options}"), ok());
    (client, writer)
}

#[test]
fn a_key_that_was_read_is_told_once_when_it_changes() {
    each_backend(|server| {
        let (mut client, mut writer) = pushed(server, "");
        writer.check("MSET a 1 b 1", ok());
        client.check("GET a", bulk("1"));
        for line in ["INCR b", "INCR a", "INCR a"] {
            writer.run(line);
        }
        assert_eq!(client.recv(), invalidated(["a"]));
        client.check("MGET a nokey", array([bulk("3"), null()]));
        writer.check("SET nokey 1", ok());
        writer.check("DEL a", int(1));
        assert_eq!([client.recv(), client.recv()], [invalidated(["nokey"]), invalidated(["a"])]);
        client.check("CLIENT TRACKING OFF", ok());
        client.check("GET b", bulk("2"));
        writer.check("SET b 1", ok());
        client.check("PING", simple("PONG"));
    });
}

#[test]
fn resp2_takes_another_connection() {
    each_backend(|server| {
        let (mut client, mut receiver, mut writer) = redirected(server, "");
        client.check("GET a", nil());
        writer.check("SET a 1", ok());
        assert_eq!(receiver.recv(), told(["a"]));
        client.check("GET a", bulk("1"));
        // One that does not listen cannot be told, and the change is forgotten.
        assert!(!receiver.run("UNSUBSCRIBE").is_error());
        writer.check("SET a 2", ok());
        receiver.check("PING", simple("PONG"));
        assert!(!receiver.run("HELLO 3").is_error());
        client.check("GET a", bulk("2"));
        writer.check("SET a 3", ok());
        assert_eq!(receiver.recv(), invalidated(["a"]));
    });
}

#[test]
fn what_concerns_oneself_follows_the_reply() {
    each_backend(|server| {
        let (mut client, _) = pushed(server, "");
        let lines = ["GET a", "SET a 1", "PING"];
        assert_eq!(client.pipeline(&lines), [null(), ok(), invalidated(["a"])]);
        assert_eq!(client.recv(), simple("PONG"));
        client.check("MGET a b", array([bulk("1"), null()]));
        client.pipeline(&["MULTI", "INCR a", "SET b 1", "GET a"]);
        client.check("EXEC", array([int(2), ok(), bulk("2")]));
        assert_eq!([client.recv(), client.recv()], [invalidated(["a"]), invalidated(["b"])]);
    });
}

#[test]
fn noloop_is_not_told_of_its_own_changes() {
    each_backend(|server| {
        let (mut client, mut writer) = pushed(server, "NOLOOP");
        client.check("MGET a b", array([null(), null()]));
        client.check("SET a 1", ok());
        writer.check("SET a 2", ok());
        writer.check("SET b 2", ok());
        assert_eq!(client.recv(), invalidated(["b"]));
        client.check("PING", simple("PONG"));
    });
}

#[test]
fn optin_and_optout_ask_for_an_exception() {
    each_backend(|server| {
        let (mut client, mut writer) = pushed(server, "OPTIN");
        client.check("GET no", null());
        client.check("CLIENT CACHING YES", ok());
        client.check("GET yes", null());
        client.check("GET no", null());
        client.pipeline(&["CLIENT CACHING YES", "MULTI", "GET queued", "GET queued2", "EXEC"]);
        writer.check("MSET no 1 queued2 1 queued 1 yes 1", ok());
        let keys: Vec<_> = (0..3).map(|_| client.recv()).collect();
        assert_eq!(keys, ["queued2", "queued", "yes"].map(|key| invalidated([key])));
        client.check("CLIENT TRACKING OFF", ok());
        client.check("CLIENT TRACKING ON OPTOUT", ok());
        client.check("CLIENT CACHING NO", ok());
        client.check("GET no", bulk("1"));
        client.check("GET yes", bulk("1"));
        writer.check("MSET no 2 yes 2", ok());
        assert_eq!(client.recv(), invalidated(["yes"]));
        client.check("PING", simple("PONG"));
    });
}

#[test]
fn broadcasting_tells_of_prefixes_whoever_read_what() {
    each_backend(|server| {
        let (mut client, mut writer) = pushed(server, "BCAST PREFIX a: PREFIX b:");
        let lines = ["MULTI", "MSET a:2 1 a:1 1 c 1 b:1 1", "DEL a:1", "EXEC"];
        assert_eq!(writer.pipeline(&lines)[3], array([ok(), int(1)]));
        assert_eq!(client.recv(), invalidated(["a:1", "a:2"]));
        assert_eq!(client.recv(), invalidated(["b:1"]));
        client.check("CLIENT TRACKING ON BCAST PREFIX c", ok());
        writer.check("SET c 1", ok());
        assert_eq!(client.recv(), invalidated(["c"]));
        let (mut all, _) = pushed(server, "BCAST NOLOOP");
        all.check("SET mine 1", ok());
        writer.check("SET a:3 1", ok());
        assert_eq!(client.recv(), invalidated(["a:3"]));
        assert_eq!(all.recv(), invalidated(["a:3"]));
    });
}

#[test]
fn an_expired_key_is_told_at_its_deadline() {
    each_backend(|server| {
        let (mut client, mut writer) = pushed(server, "");
        let (mut all, mut receiver, _) = redirected(server, "BCAST NOLOOP");
        writer.check("SET a 1 PX 50", ok());
        assert_eq!(receiver.recv(), told(["a"]));
        client.check("GET a", bulk("1"));
        assert_eq!(client.recv(), invalidated(["a"]));
        assert_eq!(receiver.recv(), told(["a"]));
        // Nobody's command it was, so that not to be told of one's own is no reason.
        all.pipeline(&["MULTI", "SET b 1 PX 1", "DEBUG SLEEP 0.01", "GET b", "EXEC"]);
        assert_eq!(receiver.recv(), told(["b"]));
    });
}

#[test]
fn a_flush_makes_all_keys_void() {
    each_backend(|server| {
        let (mut client, mut writer) = pushed(server, "");
        let (mut other, mut receiver, _) = redirected(server, "");
        for line in ["FLUSHALL", "FLUSHDB ASYNC"] {
            client.check("GET a", null());
            other.check("GET a", nil());
            assert_eq!(server.info("tracking_total_items"), "2");
            writer.check(line, ok());
            assert_eq!(client.recv(), push([bulk("invalidate"), null()]));
            let all = array([bulk("message"), bulk("__redis__:invalidate"), nil()]);
            assert_eq!(receiver.recv(), all);
            assert_eq!(server.info("tracking_total_keys"), "0");
        }
        client.pipeline(&["MULTI", "FLUSHALL", "PING"]);
        client.check("EXEC", array([ok(), simple("PONG")]));
        assert_eq!(client.recv(), push([bulk("invalidate"), null()]));
    });
}

#[test]
fn a_redirection_can_break() {
    each_backend(|server| {
        let (mut client, mut receiver, mut writer) = redirected(server, "");
        assert!(!client.run("HELLO 3").is_error());
        let id = client.run("CLIENT GETREDIR");
        client.check("GET a", null());
        receiver.check("QUIT", ok());
        writer.check("SET a 1", ok());
        assert_eq!(client.recv(), push([bulk("tracking-redir-broken"), id.clone()]));
        let info = client.run("CLIENT TRACKINGINFO");
        let flags = Value::Set(vec![bulk("on"), bulk("broken_redirect")]);
        assert_eq!((info.get("flags"), info.get("redirect")), (Some(&flags), Some(&id)));
        let list = writer.run("CLIENT LIST").text();
        let line = format!(" flags=tR db=0 .* redir={} ", id.as_int());
        let (flags, redir) = line.split_once(".*").expect("two parts");
        assert!(list.contains(flags) && list.contains(redir), "{list}");
    });
}

#[test]
fn tracking_is_told_about_itself() {
    each_backend(|server| {
        let mut client = server.client3();
        client.check("CLIENT GETREDIR", int(-1));
        let info = |flags: &[&str], redirect: i64, prefixes: &[&str]| {
            let flags = Value::Set(flags.iter().map(bulk).collect());
            let pairs =
                [("flags", flags), ("redirect", int(redirect)), ("prefixes", bulks(prefixes))];
            Value::Map(pairs.map(|(name, value)| (bulk(name), value)).to_vec())
        };
        client.check("CLIENT TRACKINGINFO", info(&["off"], -1, &[]));
        client.check("CLIENT TRACKING ON OPTIN NOLOOP", ok());
        client.check("CLIENT CACHING YES", ok());
        let flags = ["on", "optin", "caching-yes", "noloop"];
        client.check("CLIENT TRACKINGINFO", info(&flags, 0, &[]));
        client.check("CLIENT GETREDIR", int(0));
        client.check("CLIENT TRACKING OFF", ok());
        client.check("CLIENT TRACKING ON OPTOUT", ok());
        client.check("CLIENT CACHING NO", ok());
        client.check("CLIENT TRACKINGINFO", info(&["on", "optout", "caching-no"], 0, &[]));
        client.check("CLIENT TRACKING OFF", ok());
        client.check("CLIENT TRACKING ON BCAST PREFIX foo PREFIX bar", ok());
        client.check("CLIENT TRACKINGINFO", info(&["on", "bcast"], 0, &["bar", "foo"]));
        let line = client.run("CLIENT INFO").text();
        assert!(line.contains(" flags=tB ") && line.contains(" redir=0 "), "{line}");
        assert_eq!(server.info("tracking_clients"), "1");
        assert_eq!(server.info("tracking_total_prefixes"), "2");
        client.check("RESET", simple("RESET"));
        assert_eq!(server.info("tracking_clients"), "0");
        assert_eq!(server.info("tracking_total_prefixes"), "0");
    });
}

#[test]
fn options_that_contradict_one_another_are_refused() {
    each_backend(|server| {
        let mut client = server.client();
        let cases = [
            ("CLIENT TRACKING maybe", "ERR syntax error"),
            ("CLIENT TRACKING ON NOSUCH", "ERR syntax error"),
            ("CLIENT TRACKING ON REDIRECT", "ERR syntax error"),
            ("CLIENT TRACKING ON PREFIX", "ERR syntax error"),
            ("CLIENT TRACKING ON REDIRECT x", "ERR value is not an integer or out of range"),
            (
                "CLIENT TRACKING ON REDIRECT 999999",
                "ERR The client ID you want redirect to does not exist",
            ),
            ("CLIENT TRACKING ON PREFIX a", "ERR PREFIX option requires BCAST mode to be enabled"),
            (
                "CLIENT TRACKING ON BCAST OPTIN",
                "ERR OPTIN and OPTOUT are not compatible with BCAST",
            ),
            (
                "CLIENT TRACKING ON OPTIN OPTOUT",
                "ERR You can't specify both OPTIN mode and OPTOUT mode",
            ),
            (
                "CLIENT TRACKING ON BCAST PREFIX foobar PREFIX foo",
                "ERR Prefix 'foobar' overlaps with another provided prefix 'foo'. Prefixes for a \
                 single client must not overlap.",
            ),
            (
                "CLIENT TRACKING ON BCAST PREFIX x PREFIX foobar PREFIX foo",
                "ERR Prefix 'foobar' overlaps with another provided prefix 'foo'. Prefixes for a \
                 single client must not overlap.",
            ),
            (
                "CLIENT CACHING YES",
                "ERR CLIENT CACHING can be called only when the client is in tracking mode with \
                 OPTIN or OPTOUT mode enabled",
            ),
            ("CLIENT TRACKING", "ERR wrong number of arguments for 'client|tracking' command"),
        ];
        for (line, text) in cases {
            client.check(line, err(text));
        }
        client.check("CLIENT GETREDIR", int(-1));
        let id = client.run("CLIENT ID").as_int();
        let twice = format!("CLIENT TRACKING ON REDIRECT {id} REDIRECT {id}");
        client.check(&twice, err("ERR A client can only redirect to a single other client"));
    });
}

#[test]
fn a_mode_is_left_before_another_begins() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("CLIENT TRACKING ON OPTIN", ok());
        let text = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this \
                    client, and then re-enabling it with a different mode.";
        client.check("CLIENT TRACKING ON OPTOUT", err(text));
        let text = "ERR You can't switch BCAST mode on/off before disabling tracking for this \
                    client, and then re-enabling it with a different mode.";
        client.check("CLIENT TRACKING ON BCAST", err(text));
        let text = "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.";
        client.check("CLIENT CACHING NO", err(text));
        client.check("CLIENT CACHING maybe", err("ERR syntax error"));
        client.check("CLIENT TRACKING ON", ok());
        client.check("CLIENT TRACKING OFF", ok());
        client.check("CLIENT TRACKING ON BCAST PREFIX ab", ok());
        let text = "ERR Prefix 'a' overlaps with an existing prefix 'ab'. Prefixes for a single \
                    client must not overlap.";
        client.check("CLIENT TRACKING ON BCAST PREFIX a", err(text));
    });
}

#[test]
fn a_table_that_is_full_gives_up_keys_by_chance() {
    each_backend(|server| {
        let (mut client, mut writer) = pushed(server, "");
        let lines: Vec<String> = (0..300).map(|number| format!("GET key{number}")).collect();
        client.pipeline(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(server.info("tracking_total_keys"), "300");
        writer.check("CONFIG SET tracking-table-max-keys 10", ok());
        let keys: BTreeSet<String> =
            (0..290).map(|_| client.recv().items()[1].items()[0].text()).collect();
        assert_eq!(keys.len(), 290);
        assert_eq!(server.info("tracking_total_keys"), "10");
        client.check("PING", simple("PONG"));
    });
}

#[test]
fn silence_is_for_replies_and_not_for_invalidations() {
    each_backend(|server| {
        let (mut client, mut writer) = pushed(server, "");
        client.check("GET a", null());
        client.send(b"CLIENT REPLY OFF\r\n");
        while !server.client().run("CLIENT LIST").text().contains("cmd=client|reply") {}
        writer.check("SET a 1", ok());
        assert_eq!(client.recv(), invalidated(["a"]));
        client.check("CLIENT REPLY ON", ok());
    });
}

/// Random reads, writes and disconnects of several clients, against a model of what each holds.
#[test]
fn caches_never_hold_what_is_no_longer_true() {
    each_backend(|server| {
        let seed = fastrand::u64(..);
        println!("SEED={seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut writer = server.client();
        let mut caches: Vec<Cache> = (0..6).map(|_| Cache::new(server)).collect();
        for _ in 0..1500 {
            let key = format!("k{}", rng.u8(..12));
            let index = rng.usize(..caches.len());
            match rng.u8(..20) {
                0 => caches[index] = Cache::new(server),
                1..12 => caches[index].read(&key),
                12 => drop(writer.run(&format!("DEL {key}"))),
                13 => drop(writer.run("FLUSHALL")),
                14 => drop(writer.run(&format!("RENAME {key} k0"))),
                15 => caches[index].write(&key),
                _ => drop(writer.run(&format!("SET {key} {}", rng.u32(..)))),
            }
        }
        for cache in &mut caches {
            cache.check(&mut writer);
        }
    });
}

/// A client with a local copy of what it read.
struct Cache {
    client: Client,
    copy: BTreeMap<String, Value>,
}

impl Cache {
    fn new(server: &Server) -> Cache {
        let (client, _) = pushed(server, "");
        Cache { client, copy: BTreeMap::new() }
    }

    fn read(&mut self, key: &str) {
        if !self.copy.contains_key(key) {
            let value = self.call(&["GET", key]);
            self.copy.insert(key.into(), value);
        }
    }

    fn write(&mut self, key: &str) {
        self.call(&["SET", key, "own"]);
        // What concerns itself is behind the reply, so before that of the next command.
        self.call(&["PING"]);
    }

    /// Sends a command; what arrives before its reply is about the copy.
    fn call(&mut self, words: &[&str]) -> Value {
        self.client.send(&encode(words));
        loop {
            match self.client.recv() {
                Value::Push(items) => match &items[1] {
                    Value::Null => self.copy.clear(),
                    keys => keys.items().iter().for_each(|key| drop(self.copy.remove(&key.text()))),
                },
                reply => return reply,
            }
        }
    }

    fn check(&mut self, writer: &mut Client) {
        self.call(&["PING"]);
        for (key, value) in &self.copy {
            let now = writer.run(&format!("GET {key}"));
            let same = *value == now || (*value == null() && now == nil());
            assert!(same, "{key}: {value:?} is held and {now:?} is there");
        }
    }
}
