//! The COMMAND family over the wire, compared with the installed reference server.

use std::collections::BTreeSet;

use crate::support::*;

/// Commands of later versions that the reference does not have, or describes otherwise.
const APART: &[(&str, &str)] = &[
    ("acl|deluser", "got its tips in Redis 7.2"),
    ("acl|save", "got its tips in Redis 7.2"),
    ("acl|setuser", "got its tips in Redis 7.2"),
    ("blmove", "allowed in scripts since Redis 7.2"),
    ("blmpop", "allowed in scripts since Redis 7.2"),
    ("blpop", "allowed in scripts since Redis 7.2"),
    ("brpop", "allowed in scripts since Redis 7.2"),
    ("brpoplpush", "allowed in scripts since Redis 7.2"),
    ("bzmpop", "allowed in scripts since Redis 7.2"),
    ("bzpopmax", "allowed in scripts since Redis 7.2"),
    ("bzpopmin", "allowed in scripts since Redis 7.2"),
    ("client|no-touch", "new in Redis 7.2"),
    ("client|setinfo", "new in Redis 7.2"),
    ("client|setname", "got its tips in Redis 7.2"),
    ("cluster|myshardid", "new in Redis 7.2"),
    ("cluster|shards", "allowed while loading since Redis 7.2"),
    ("cluster|slots", "allowed while loading since Redis 7.2"),
    ("command|getkeys", "takes a command without arguments since Redis 7.2"),
    ("command|getkeysandflags", "takes a command without arguments since Redis 7.2"),
    ("commandlog|get", "a command of Valkey 8.1"),
    ("commandlog|help", "a command of Valkey 8.1"),
    ("commandlog|len", "a command of Valkey 8.1"),
    ("commandlog|reset", "a command of Valkey 8.1"),
    ("config|resetstat", "got its tips in Redis 7.2"),
    ("config|rewrite", "got its tips in Redis 7.2"),
    ("delifeq", "a command of Valkey 9.0"),
    ("hexpire", "a command of Redis 7.4 and Valkey 9.0"),
    ("hexpireat", "a command of Redis 7.4 and Valkey 9.0"),
    ("hexpiretime", "a command of Redis 7.4 and Valkey 9.0"),
    ("hgetdel", "a command of Redis 8.0 and Valkey 9.1"),
    ("hgetex", "a command of Redis 8.0 and Valkey 9.0"),
    ("hpersist", "a command of Redis 7.4 and Valkey 9.0"),
    ("hpexpire", "a command of Redis 7.4 and Valkey 9.0"),
    ("hpexpireat", "a command of Redis 7.4 and Valkey 9.0"),
    ("hpexpiretime", "a command of Redis 7.4 and Valkey 9.0"),
    ("hpttl", "a command of Redis 7.4 and Valkey 9.0"),
    ("hsetex", "a command of Redis 8.0 and Valkey 9.0"),
    ("httl", "a command of Redis 7.4 and Valkey 9.0"),
    ("latency|reset", "got its tips in Redis 7.2"),
    ("msetex", "a command of Redis 8.4 and Valkey 9.1"),
    ("msetnx", "lost its tips in Redis 7.2"),
    ("randomkey", "got a tip in Redis 7.2"),
    ("scan", "got a tip in Redis 7.2"),
    ("script|show", "a command of Valkey 8.0"),
    ("set", "the note on its key names IFEQ, an option of Valkey 8.1"),
    ("wait", "allowed in scripts since Redis 7.2"),
    ("waitaof", "new in Redis 7.2"),
    ("zrank", "got WITHSCORE in Redis 7.2"),
    ("zrevrank", "got WITHSCORE in Redis 7.2"),
];

/// One connection to the server under test and one to the reference, in the same protocol.
struct Pair {
    ours: Client,
    theirs: Client,
}

impl Pair {
    /// The replies to `line`, as bytes.
    fn run(&mut self, line: &str) -> (Vec<u8>, Vec<u8>) {
        let request = encode(&split_args(line));
        self.ours.send(&request);
        self.theirs.send(&request);
        (self.ours.recv_with_bytes().1, self.theirs.recv_with_bytes().1)
    }

    fn check(&mut self, line: &str) {
        let (ours, theirs) = self.run(line);
        assert_eq!(
            String::from_utf8_lossy(&ours),
            String::from_utf8_lossy(&theirs),
            "ours and the reference's reply to {line}"
        );
    }

    /// The elements of the replies to `line`, which come in any order.
    fn names(&mut self, line: &str) -> (BTreeSet<String>, BTreeSet<String>) {
        let (ours, theirs) = (self.ours.run(line), self.theirs.run(line));
        let names = |reply: Value| reply.items().iter().map(Value::text).collect();
        (names(ours), names(theirs))
    }
}

/// Runs a test in both protocols on each driver.
fn each_pair(test: impl Fn(&mut Pair)) {
    let reference = Server::reference(&[]);
    each_backend(|server| {
        test(&mut Pair { ours: server.client(), theirs: reference.client() });
        test(&mut Pair { ours: server.client3(), theirs: reference.client3() });
    });
}

#[test]
fn info_is_that_of_the_reference_for_every_command() {
    each_pair(|pair| {
        let (ours, _) = pair.names("COMMAND LIST");
        assert!(ours.len() > 100, "{ours:?}");
        let containers: BTreeSet<&str> =
            ours.iter().filter_map(|name| Some(name.split_once('|')?.0)).collect();
        let apart = |name: &str| APART.iter().any(|(known, _)| *known == name);
        for name in ours.iter().filter(|name| !apart(name) && !containers.contains(name.as_str())) {
            pair.check(&format!("COMMAND INFO {name}"));
        }
        pair.check("COMMAND INFO GET nosuch get|x config|nosuch CONFIG|Help a|b|c ''");
    });
}

#[test]
fn docs_name_what_was_asked_for_and_leave_out_what_is_unknown() {
    each_backend(|server| {
        let mut client = server.client3();
        let Value::Map(docs) = client.run("COMMAND DOCS GET nosuch config|GET") else {
            panic!("a map");
        };
        let names: Vec<String> = docs.iter().map(|(name, _)| name.text()).collect();
        assert_eq!(names, ["get", "config|get"]);
        assert_eq!(docs[0].1.get("since"), Some(&bulk("1.0.0")));
        client.check("COMMAND DOCS nosuch", Value::Map(vec![]));
    });
}

#[test]
fn all_commands_are_counted_described_and_documented() {
    each_backend(|server| {
        let mut client = server.client();
        let count = client.run("COMMAND COUNT").as_int() as usize;
        assert_eq!(client.run("COMMAND").items().len(), count);
        assert_eq!(client.run("COMMAND INFO").items().len(), count);
        assert_eq!(client.run("COMMAND DOCS").items().len(), 2 * count);
        let Value::Map(docs) = server.client3().run("COMMAND DOCS") else { panic!("a map") };
        assert_eq!(docs.len(), count);
    });
}

#[test]
fn list_filters_by_category_pattern_and_module() {
    each_pair(|pair| {
        let (our_all, their_all) = pair.names("COMMAND LIST");
        for filter in [
            "ACLCAT read",
            "aclcat DANGEROUS",
            "ACLCAT fast",
            "ACLCAT slow",
            "ACLCAT connection",
            "ACLCAT keyspace",
            "ACLCAT nosuch",
            "ACLCAT @read",
            "MODULE nosuch",
            "PATTERN get*",
            "PATTERN CONFIG*",
            "PATTERN *|help",
        ] {
            let (ours, theirs) = pair.names(&format!("COMMAND LIST FILTERBY {filter}"));
            let ours: Vec<_> = ours.intersection(&their_all).collect();
            let theirs: Vec<_> = theirs.intersection(&our_all).collect();
            assert_eq!(ours, theirs, "{filter}");
        }
        pair.check("COMMAND LIST FILTERBY");
        pair.check("COMMAND LIST FILTERBY ACLCAT");
        pair.check("COMMAND LIST FILTERBY nosuch x");
        pair.check("COMMAND LIST FILTERBY PATTERN a b");
        pair.check("COMMAND LIST nosuch PATTERN a");
    });
}

/// Calls whose keys are asked for.
const CALLS: &[&str] = &[
    "GET k",
    "GET a b",
    "SET k v",
    "SET k v GET",
    "set get v ex 10",
    "MSET a 1 b 2",
    "MSET a 1 b",
    "MGET a b c",
    "DEL a b a",
    "RENAME a b",
    "COPY a b REPLACE",
    "LCS a b LEN",
    "BITOP AND dst a b",
    "BITFIELD k GET u8 0",
    "BITFIELD k GET u8 0 SET u8 0 1",
    "BITFIELD k OVERFLOW SAT GET u8 0",
    "BITFIELD_RO k GET u8 0",
    "GETEX k PERSIST",
    "GETDEL k",
    "EXPIRE k 10 NX",
    "MOVE k 1",
    "OBJECT ENCODING k",
    "OBJECT HELP me",
    "OBJECT nosuch k",
    "GEOADD k 1 2 m",
    "GEORADIUS k 1 2 3 m",
    "GEORADIUS k 1 2 3 m store a STOREDIST b",
    "GEORADIUS k 1 2 3 m ASC STORE",
    "GEORADIUSBYMEMBER k STORE 3 m STORE a",
    "GEORADIUS_RO k 1 2 3 m",
    "GEOSEARCHSTORE a b FROMMEMBER m BYRADIUS 1 m",
    "MEMORY USAGE k",
    "WATCH a b",
    "PING x",
    "CONFIG GET x",
    "EXEC x",
    "nosuch k",
];

#[test]
fn keys_of_a_call_are_those_of_the_reference() {
    each_pair(|pair| {
        for call in CALLS {
            pair.check(&format!("COMMAND GETKEYS {call}"));
            pair.check(&format!("COMMAND GETKEYSANDFLAGS {call}"));
        }
    });
}

#[test]
fn keys_of_calls_that_the_reference_does_not_know() {
    each_backend(|server| {
        let mut client = server.client();
        let malformed = err("Invalid arguments specified for command");
        client.check("COMMAND GETKEYS PING", err("The command has no key arguments"));
        client.check("COMMAND GETKEYS OBJECT", err("The command has no key arguments"));
        client
            .check("COMMAND GETKEYS GET", err("Invalid number of arguments specified for command"));
        client.check("COMMAND GETKEYS MSETEX 2 a 1 b 2 NX", bulks(["a", "b"]));
        client.check("COMMAND GETKEYS MSETEX 0 a 1", malformed.clone());
        client.check("COMMAND GETKEYS MSETEX 2 a 1", malformed.clone());
        client.check("COMMAND GETKEYS MSETEX x a 1", malformed);
        client.check("COMMAND GETKEYS DELIFEQ k v", bulks(["k"]));
    });
}

#[test]
fn unknown_subcommands_and_help() {
    each_pair(|pair| {
        pair.check("COMMAND nosuch");
        pair.check("command COUNT x");
        pair.check("COMMAND HELP x");
        // The last line lost an "s" in Redis 7.2.
        let (ours, theirs) = pair.run("Command Help");
        assert_eq!(
            String::from_utf8_lossy(&ours),
            String::from_utf8_lossy(&theirs).replace("    Prints this", "    Print this")
        );
    });
}
