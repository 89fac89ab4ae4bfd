//! Random users and random calls: ACL DRYRUN says what the gate does.

use crate::support::*;
use sidering::base::rng::Rng;
use sidering::command::Table;
use sidering::command::spec::Flags;

/// Pairs of a user and a call on each driver, unless `PAIRS` says otherwise.
const PAIRS: usize = 20_000;
/// Calls that one user is judged for.
const CALLS: usize = 50;
/// Commands that do not wait in a transaction until it is run.
const NOT_QUEUED: [&str; 6] = ["discard", "exec", "multi", "quit", "reset", "watch"];
const RULES: [&str; 40] = [
    "+@all",
    "+@all",
    "-@all",
    "+@read",
    "-@read",
    "+@write",
    "-@write",
    "+@slow",
    "-@fast",
    "+@string",
    "-@list",
    "+@pubsub",
    "+@keyspace",
    "+get",
    "-get",
    "+set",
    "-mget",
    "+config",
    "-config|get",
    "+config|set",
    "+select|1",
    "+object",
    "-object|freq",
    "+sort",
    "~*",
    "~a*",
    "%R~a",
    "%R~b*",
    "%W~b",
    "%W~?",
    "%RW~1",
    "resetkeys",
    "~store",
    "&a*",
    "&b",
    "&*",
    "resetchannels",
    "+client|id",
    "+memory|usage",
    "+xyz",
];
const WORDS: [&str; 24] = [
    "a",
    "a",
    "b",
    "b",
    "c",
    "ab",
    "1",
    "1",
    "2",
    "3",
    "0",
    "-1",
    "STORE",
    "STOREDIST",
    "KEYS",
    "GET",
    "BY",
    "LIMIT",
    "MATCH",
    "COUNT",
    "WITHVALUES",
    "EX",
    "nosort",
    "AUTH",
];

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from[rng.below(from.len())]
}

/// Rules, some of them in selectors.
fn rules(rng: &mut Rng) -> Vec<String> {
    let some = |rng: &mut Rng| {
        let count = 1 + rng.below(4);
        (0..count).map(|_| pick(rng, &RULES).to_string()).collect::<Vec<_>>()
    };
    let mut rules = some(rng);
    if rng.below(2) == 0 {
        rules.extend(["+@all", pick(rng, &RULES)].map(String::from));
    }
    // What is queued is never run.
    rules.extend(["+multi", "+discard"].map(String::from));
    for _ in 0..rng.below(3) {
        rules.push(format!("({})", some(rng).join(" ")));
    }
    rules
}

/// A call with the right number of arguments.
fn call(rng: &mut Rng, table: &Table) -> Vec<String> {
    let rows: Vec<_> =
        table.iter().map(|(_, row)| row).filter(|row| row.children.is_empty()).collect();
    loop {
        let row = rows[rng.below(rows.len())];
        let command = row.command;
        if NOT_QUEUED.contains(&command.name) || command.flags.has(Flags::NO_MULTI) {
            continue;
        }
        let mut words: Vec<String> = row.full_name().split('|').map(str::to_string).collect();
        let more = if command.arity < 0 { rng.below(5) } else { 0 };
        let len = (usize::from(command.arity.unsigned_abs()) + more).max(words.len());
        words.extend((words.len()..len).map(|_| pick(rng, &WORDS).to_string()));
        return words;
    }
}

/// What a refusal or a dry run says that it is about.
fn verdict(text: &str) -> &'static str {
    match text {
        _ if text.ends_with(" command") => "command",
        _ if text.ends_with(" key") => "key",
        _ if text.ends_with(" channel") => "channel",
        other => panic!("{other}"),
    }
}

#[test]
fn a_dry_run_is_what_happens() {
    let (pairs, table) = (number("PAIRS", PAIRS), Table::new());
    each_backend_with(&["--enable-debug-command", "yes"], |server| {
        let (mut rng, mut admin, mut denied) = (chance(), server.client(), 0);
        admin.check("ACL SETUSER u on nopass +multi +discard", ok());
        let mut client = server.client();
        client.check("AUTH u any", ok());
        for _ in 0..pairs.div_ceil(CALLS) {
            let words = ["ACL", "SETUSER", "u", "reset", "on", "nopass"].map(String::from);
            let rules = rules(&mut rng);
            let set = admin.cmd(&[&words[..], &rules].concat());
            let calls: Vec<_> = (0..CALLS).map(|_| call(&mut rng, &table)).collect();
            let mut bytes = encode(&["MULTI"]);
            calls.iter().for_each(|call| bytes.extend(encode(call)));
            bytes.extend(encode(&["DISCARD"]));
            client.send(&bytes);
            assert_eq!(client.recv(), ok());
            for call in &calls {
                let real = client.recv();
                let dry = ["ACL", "DRYRUN", "u"].map(String::from);
                let dry = admin.cmd(&[&dry[..], call].concat());
                let refused = real.is_error() && real.text().starts_with("NOPERM");
                assert_eq!(refused, dry != ok(), "{rules:?} {set:?} {call:?} {real:?} {dry:?}");
                if refused {
                    assert_eq!(verdict(&real.text()), verdict(&dry.text()), "{rules:?} {call:?}");
                    denied += 1;
                }
            }
            assert_eq!(client.recv(), ok());
        }
        println!("{denied} of {pairs} were denied");
        assert!((pairs / 5..pairs / 5 * 4).contains(&denied), "{denied}");
    });
}
