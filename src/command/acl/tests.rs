//! Rules read and shown, and calls decided by them.

use super::selector::{Call, Denied};
use super::user::{hash, hex};
use super::*;
use crate::command::table::Table;
use crate::resp::{Args, Span};

/// A user of these rules, one word each but for selectors.
fn user(table: &Table, rules: &str) -> Result<User, RuleError> {
    let rules_of = Rules { table, all_channels: false };
    let words: Vec<&[u8]> = rules.split(' ').map(str::as_bytes).collect();
    let mut user = rules_of.new_user(b"u");
    for rule in join_selectors(&words).expect("parentheses pair up") {
        rules_of.apply(&mut user, &rule)?;
    }
    Ok(user)
}

fn described(rules: &str) -> String {
    let line = user(&Table::new(), rules).expect("rules").describe();
    String::from_utf8(line).expect("the tests use text").replace("user u off sanitize-payload ", "")
}

/// What a user of these rules is denied of a call.
fn denied(rules: &str, call: &str) -> Option<Denied> {
    let table = Table::new();
    let (mut chunk, mut spans) = (Vec::new(), Vec::new());
    for word in call.split(' ') {
        spans.push(Span { start: chunk.len() as u32, len: word.len() as u32 });
        chunk.extend_from_slice(word.as_bytes());
    }
    let args = Args::new(&chunk, &spans);
    let id = table.resolve(args.at(0), args.get(1)).expect("a command");
    let user = user(&table, rules).expect("rules");
    user.check(&Call::new(id, table.command(id), args)).err()
}

#[test]
fn rules_of_commands_are_shown_in_order_without_what_they_make_superfluous() {
    for (rules, shown) in [
        ("+@all -@hash -@slow +hget", "+@all -@hash -@slow +hget"),
        ("+@all -@hash -@slow +hget -@hash", "+@all -@slow +hget -@hash"),
        ("-@string -@slow +@all", "+@all"),
        ("+@HASH +@hash +@HaSh", "-@all +@hash"),
        ("+HGET +hget +hGeT", "-@all +hget"),
        ("+hget -hset +hset -hget", "-@all +hset -hget"),
        (
            "+client|list +client|list +config|get +config +acl|list -acl",
            "-@all +client|list +config -acl",
        ),
        ("+select|0 +select|0 +debug|segfault +debug", "-@all +select|0 +debug"),
        ("-@dangerous", "-@all -@dangerous"),
        ("+config +config|get -config|set +config", "-@all +config"),
        ("allcommands nocommands", "-@all"),
        // One that begins like another is another.
        ("+get +getdel -get", "-@all +getdel -get"),
    ] {
        assert_eq!(described(rules), format!("resetchannels {shown}"), "{rules}");
    }
}

#[test]
fn a_user_is_shown_as_he_can_be_made_again() {
    for (rules, shown) in [
        ("on nopass ~* &* +@all", "user u on nopass sanitize-payload ~* &* +@all"),
        ("%R~a %W~a ~b %rw~c %W~d", "~a ~b ~c %W~d resetchannels -@all"),
        ("&a &b &a", "resetchannels &a &b -@all"),
        ("allkeys resetkeys allchannels resetchannels", "resetchannels -@all"),
        (
            "() ( +get ~a )",
            "resetchannels -@all (resetchannels -@all) (~a resetchannels -@all +get)",
        ),
        ("(+get) clearselectors", "resetchannels -@all"),
        ("(\"~a\\\"\" '~b)')", "resetchannels -@all (\"~a\\\"\" \"~b)\" resetchannels -@all)"),
        ("on skip-sanitize-payload nopass ~k (+get) reset", "resetchannels -@all"),
    ] {
        assert_eq!(described(rules), shown, "{rules}");
        assert_eq!(described(described(rules).trim_start_matches("user u ")), shown, "{rules}");
    }
    let hash = hex(&hash(b"secret"));
    assert_eq!(described(">secret"), format!("#{hash} resetchannels -@all"));
}

#[test]
fn wrong_rules_are_told_apart() {
    let digits = "0".repeat(63);
    for (rules, error) in [
        ("+nope", RuleError::Unknown),
        ("-nope", RuleError::Unknown),
        ("+@nope", RuleError::Unknown),
        ("+@", RuleError::Unknown),
        ("+", RuleError::Unknown),
        ("+get|a|b", RuleError::Unknown),
        ("-select|0", RuleError::Unknown),
        ("+config|nope", RuleError::Unknown),
        ("+config|get|x", RuleError::FirstArgOfSubcommand),
        ("+select|", RuleError::Syntax),
        ("%", RuleError::Syntax),
        ("%~a", RuleError::Syntax),
        ("%R", RuleError::Syntax),
        ("%RR~a", RuleError::Syntax),
        ("%X~a", RuleError::Syntax),
        ("~a\tb", RuleError::Syntax),
        ("&a\0b", RuleError::Syntax),
        ("nope", RuleError::Syntax),
        (")", RuleError::Syntax),
        ("((+get))", RuleError::Syntax),
        ("(on)", RuleError::Syntax),
        ("(~\"a)", RuleError::Syntax),
        ("~* ~a", RuleError::KeysAfterAll),
        ("&* &a", RuleError::ChannelsAfterAll),
        ("<none", RuleError::NoSuchPassword),
        (&format!("#{digits}"), RuleError::BadHash),
        (&format!("#{digits}00"), RuleError::BadHash),
        (&format!("#{digits}A"), RuleError::BadHash),
        (&format!("!{digits}0"), RuleError::NoSuchPassword),
    ] {
        assert_eq!(user(&Table::new(), rules).err(), Some(error), "{rules}");
    }
    assert_eq!(join_selectors(&[b"on", b"(a", b"b"]), Err(1));
}

#[test]
fn passwords_open_the_door_of_users_who_are_on() {
    let admits = |rules: &str, password: &[u8]| {
        user(&Table::new(), rules).expect("rules").admits(&hash(password))
    };
    assert!(admits("on >a >b", b"a") && admits("on >a >b", b"b") && !admits("on >a", b"c"));
    assert!(!admits(">a", b"a") && !admits("on >a off", b"a"));
    assert!(admits("on nopass", b"x") && !admits("on nopass >a", b"x"));
    assert!(!admits("on", b"") && !admits("on >a <a", b"a") && !admits("on >a resetpass", b"a"));
    let hash = hex(&hash(b"a"));
    assert!(admits(&format!("on #{hash}"), b"a") && !admits(&format!("on >a !{hash}"), b"a"));
}

#[test]
fn commands_are_allowed_one_by_one_by_category_and_by_first_argument() {
    let command = Some(Denied::Command);
    let keys = "~* &*";
    let check = |rules: &str, call: &str| denied(&format!("{keys} {rules}"), call);
    assert_eq!((check("+get", "get k"), check("+get", "set k v")), (None, command));
    assert_eq!((check("+@read", "get k"), check("+@all -@read", "get k")), (None, command));
    // A container stands for its subcommands, until one of them is taken away.
    assert_eq!(
        (check("+config", "config get x"), check("+config", "config set x y")),
        (None, None)
    );
    assert_eq!(check("+config -config|set", "config set x y"), command);
    assert_eq!(
        (check("+config|get", "config get x"), check("+config|get", "config resetstat")),
        (None, command)
    );
    assert_eq!((check("+select|0", "select 0"), check("+select|0", "select 1")), (None, command));
    assert_eq!(check("+select|0 -select", "select 0"), command);
    // Before one has logged in there has to be a way to.
    assert_eq!((check("-@all", "auth x"), check("-@all", "hello")), (None, None));
}

#[test]
fn keys_are_read_or_written_as_their_patterns_say() {
    let check = |call: &str| denied("+@all %R~read* %W~write* ~rw*", call);
    for call in [
        "get read",
        "copy read write",
        "lpush write x",
        "set rw x get",
        "exists write",
        "sort read store write",
        "mget read1 read2",
        "ping",
    ] {
        assert_eq!(check(call), None, "{call}");
    }
    for (call, index) in [
        ("get write", 1),
        ("set read x", 1),
        ("set write x get", 1),
        ("copy write read", 1),
        ("copy read read", 2),
        ("mget read other", 2),
        ("sort read store read", 3),
        ("object encoding other", 2),
        ("sintercard 2 read write", 3),
    ] {
        assert_eq!(check(call), Some(Denied::Key(index)), "{call}");
    }
}

#[test]
fn channels_match_patterns_and_patterns_only_themselves() {
    let check = |call: &str| denied("+@all &news.* &one", call);
    for call in [
        "publish news.a x",
        "subscribe one news.b",
        "psubscribe news.*",
        "spublish one x",
        "ssubscribe one",
        "unsubscribe other",
        "punsubscribe other",
        "pubsub channels",
    ] {
        assert_eq!(check(call), None, "{call}");
    }
    assert_eq!(check("publish other one"), Some(Denied::Channel(1)));
    assert_eq!(check("subscribe one other"), Some(Denied::Channel(2)));
    assert_eq!(check("psubscribe news.a*"), Some(Denied::Channel(1)));
    assert_eq!(check("ssubscribe other"), Some(Denied::Channel(1)));
}

#[test]
fn one_selector_has_to_allow_all_of_a_call() {
    let rules = "+mget ~key (+mget ~key ~other) (+set ~written)";
    assert_eq!(denied(rules, "mget key other"), None);
    assert_eq!(denied(rules, "set written x"), None);
    assert_eq!(denied(rules, "get key"), Some(Denied::Command));
    assert_eq!(denied(rules, "set key x"), Some(Denied::Key(1)));
    // Of what the selectors refuse for, the last one is told.
    assert_eq!(denied(rules, "mget other third"), Some(Denied::Key(2)));
    let apart = "(+copy %R~a) (+copy %W~b)";
    assert_eq!(denied(apart, "copy a b"), Some(Denied::Key(2)));
}

#[test]
fn only_who_may_everything_is_not_asked() {
    let free = |rules: &str| user(&Table::new(), rules).expect("rules").may_everything();
    assert!(free("~* &* +@all") && free("-@all (allkeys allchannels allcommands)"));
    for rules in ["~* +@all", "&* +@all", "~* &*", "~* &* +@all -get", "~* (&* +@all)"] {
        assert!(!free(rules), "{rules}");
    }
}
