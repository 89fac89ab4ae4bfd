//! A value of another type: every command refuses it and leaves everything as it is.
//!
//! The calls are made from COMMAND DOCS, the keys in them found by COMMAND GETKEYSANDFLAGS, so a
//! command cannot be forgotten.

use crate::differential::vocabulary::{self, Arg, Kind, Syntax};
use crate::support::*;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

/// Groups, the type their commands want, and how to make a value of that type with element `1`.
const GROUPS: [(&str, &str, &str); 8] = [
    ("string", "string", "SET {} 1"),
    ("bitmap", "string", "SET {} 1"),
    ("hyperloglog", "string", "PFADD {} 1"),
    ("list", "list", "RPUSH {} 1"),
    ("set", "set", "SADD {} 1"),
    ("sorted-set", "zset", "ZADD {} 1 1"),
    ("geo", "zset", "GEOADD {} 1 1 1"),
    ("hash", "hash", "HSET {} 1 1"),
];
/// Values to be in the way, and how to read them. A set is none: commands of sorted sets take it.
const OTHERS: [(&str, &str, &str); 3] = [
    ("string", "SET {} text", "GET {}"),
    ("list", "RPUSH {} a b c", "LRANGE {} 0 -1"),
    ("hash", "HSET {} f v g w", "HGETALL {}"),
];
/// Commands that do not mind, or say it in words of their own.
const APART: [(&str, Option<&str>); 2] = [
    // A value of another type is one that is not there.
    ("mget", None),
    ("lcs", Some("ERR The specified keys must contain string values")),
];

/// A call that lacks nothing, with keys `k0`, `k1`, ...
struct Call {
    words: Vec<String>,
    keys: usize,
}

impl Call {
    fn of(syntax: &Syntax) -> Call {
        let mut call = Call { words: syntax.words.clone(), keys: 0 };
        syntax.args.iter().for_each(|arg| call.fill(&syntax.words[0], arg));
        call
    }

    fn name(&self) -> &str {
        &self.words[0]
    }

    fn fill(&mut self, name: &str, arg: &Arg) {
        // Without its sources PFMERGE has no keys that COMMAND GETKEYS would find.
        if arg.optional && arg.kind != Kind::Key {
            return;
        }
        self.words.extend(arg.token.clone());
        match arg.kind {
            Kind::Token => {}
            Kind::OneOf => self.fill(name, &arg.parts[0]),
            Kind::Block => arg.parts.iter().for_each(|part| self.fill(name, part)),
            Kind::Key => {
                self.words.push(format!("k{}", self.keys));
                self.keys += 1;
            }
            Kind::Pattern => self.words.push("*".into()),
            Kind::UnixTime => self.words.push("4000000000000".into()),
            Kind::Integer if arg.name == "cursor" => self.words.push("0".into()),
            Kind::Integer | Kind::Double => self.words.push("1".into()),
            Kind::Text => self.words.push(text(name, &arg.name).into()),
        }
    }
}

fn text(command: &str, argument: &str) -> &'static str {
    match argument {
        "min" | "max" if command.contains("lex") => "[1",
        "encoding" => "u8",
        "operation" => "AND",
        "subcommand" => "encoding",
        _ => "1",
    }
}

/// Every command of the groups above: a call, the type it wants, how to make that.
fn calls(client: &mut Client) -> Vec<(Call, &'static str, &'static str)> {
    let calls = vocabulary::all(client).into_iter().filter_map(|syntax| {
        let (_, wanted, make) = GROUPS.into_iter().find(|(name, ..)| *name == syntax.group)?;
        let call = Call::of(&syntax);
        (call.keys > 0).then_some((call, wanted, make))
    });
    calls.collect()
}

/// The keys of a call whose value matters to it: not those that it only overwrites, which SINTERSTORE
/// and its kin, unlike the others, call changed.
fn keys_that_matter(client: &mut Client, call: &Call) -> Vec<String> {
    let words: Vec<&str> = call.words.iter().map(String::as_str).collect();
    let reply = client.cmd(&[&["COMMAND", "GETKEYSANDFLAGS"], &words[..]].concat());
    assert!(!reply.is_error(), "{words:?}: {reply:?}");
    let keys = reply.items().iter().map(|pair| (pair.items()[0].text(), pair.items()[1].items()));
    let destination = |key: &str| key == "k0" && call.name().ends_with("store");
    let matter = keys.filter(|(key, flags)| !flags.contains(&simple("OW")) && !destination(key));
    matter.map(|(key, _)| key).collect()
}

#[test]
fn every_command_refuses_values_of_another_type() {
    each_backend(|server| {
        let mut client = server.client();
        let calls = calls(&mut client);
        assert!(calls.len() > 120, "only {} commands", calls.len());
        for (call, wanted, make) in calls {
            for key in keys_that_matter(&mut client, &call) {
                for other in OTHERS.into_iter().filter(|(other, ..)| *other != wanted) {
                    refuses(&mut client, &call, make, &key, other);
                }
            }
        }
    });
}

/// Puts a value of another type under `key`, and sound ones under the other keys of the call.
fn refuses(
    client: &mut Client,
    call: &Call,
    make: &str,
    key: &str,
    (kind, make_other, read): (&str, &str, &str),
) {
    client.check("FLUSHALL", ok());
    for sound in (0..call.keys).map(|number| format!("k{number}")).filter(|k| k != key) {
        assert!(!client.run(&make.replace("{}", &sound)).is_error());
    }
    assert!(!client.run(&make_other.replace("{}", key)).is_error());
    let before = client.run(&read.replace("{}", key));
    let reply = client.cmd(&call.words);
    let at = format!("{:?} with a {kind} at {key}: {reply:?}", call.words);
    match APART.iter().find(|(apart, _)| *apart == call.name()) {
        Some((_, None)) => assert!(!reply.is_error(), "{at}"),
        Some((_, Some(text))) => assert_eq!(reply, err(text), "{at}"),
        None => assert_eq!(reply, err(WRONG_TYPE), "{at}"),
    }
    assert_eq!(client.run(&read.replace("{}", key)), before, "{at}");
    client.check("DBSIZE", int(call.keys as i64));
}

#[test]
fn commands_that_overwrite_take_keys_of_any_type() {
    each_backend(|server| {
        let mut client = server.client();
        for line in [
            "SET k v",
            "MSET k v",
            "SETEX k 10 v",
            "PSETEX k 10000 v",
            "BITOP NOT k s",
            "SUNIONSTORE k e",
            "SINTERSTORE k e",
            "SDIFFSTORE k e",
            "ZUNIONSTORE k 1 z",
            "ZINTERSTORE k 1 z",
            "ZDIFFSTORE k 1 z",
            "ZRANGESTORE k z 0 -1",
            "GEOSEARCHSTORE k z FROMMEMBER a BYRADIUS 1 km",
            "GEORADIUS z 1 1 500 km STORE k",
            "SORT l STORE k",
            "COPY l k REPLACE",
            "RENAME l k",
        ] {
            for make in ["RPUSH k a", "HSET k f v", "SADD k a", "ZADD k 1 a", "SET k v"] {
                client.check("FLUSHALL", ok());
                for line in [make, "SET s x", "SADD e a", "GEOADD z 1 1 a", "RPUSH l 2 1"] {
                    assert!(!client.run(line).is_error(), "{line}");
                }
                let reply = client.run(line);
                assert!(!reply.is_error(), "{line} after {make}: {reply:?}");
                client.check("EXISTS k", int(1));
            }
        }
    });
}

#[test]
fn an_empty_result_removes_a_destination_of_any_type() {
    each_backend(|server| {
        let mut client = server.client();
        for line in [
            "BITOP NOT k no",
            "SUNIONSTORE k no",
            "ZUNIONSTORE k 1 no",
            "ZRANGESTORE k no 0 -1",
            "GEOSEARCHSTORE k no FROMLONLAT 1 1 BYRADIUS 1 km",
            "SORT no STORE k",
        ] {
            for make in ["RPUSH k a", "HSET k f v", "SADD k a", "ZADD k 1 a", "SET k v"] {
                assert!(!client.run(make).is_error(), "{make}");
                client.check(line, int(0));
                client.check("EXISTS k", int(0));
            }
        }
    });
}
