//! Users: who one is, what one may do, and what happens when that changes.

use crate::support::*;
use sidering::command::Table;
use sidering::command::spec::{Channels, Flags, KeyFlags};
use sidering::resp::{Args, Span};

const NO_KEY: &str = "NOPERM No permissions to access a key";
const NO_CHANNEL: &str = "NOPERM No permissions to access a channel";
const WRONG: &str = "WRONGPASS invalid username-password pair or user is disabled.";

fn no_command(user: &str, command: &str) -> Value {
    err(&format!("NOPERM User {user} has no permissions to run the '{command}' command"))
}

/// A connection as that user, who needs no password.
fn client_of(server: &Server, user: &str) -> Client {
    let mut client = server.client();
    client.check(&format!("AUTH {user} any"), ok());
    client
}

/// A user of these rules, and a connection as he.
fn user(server: &Server, name: &str, rules: &str) -> Client {
    server.client().check(&format!("ACL SETUSER {name} reset on nopass {rules}"), ok());
    client_of(server, name)
}

#[test]
fn users_are_made_shown_and_deleted() {
    each_backend(|server| {
        let mut admin = server.client();
        admin.check("ACL WHOAMI", bulk("default"));
        admin.check("ACL SETUSER alice on >secret ~app:* %R~log &news +@read -get (+set ~s)", ok());
        let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        let line = format!(
            "user alice on sanitize-payload #{hash} ~app:* %R~log resetchannels &news -@all +@read \
             -get (~s resetchannels -@all +set)"
        );
        admin.check(
            "ACL LIST",
            bulks([&line, "user default on nopass sanitize-payload ~* &* +@all"]),
        );
        admin.check("ACL USERS", bulks(["alice", "default"]));
        let alice = admin.run("ACL GETUSER alice");
        let selector = bulks(["commands", "-@all +set", "keys", "~s", "channels", ""]);
        for (field, value) in [
            ("flags", bulks(["on", "sanitize-payload"])),
            ("passwords", bulks([hash])),
            ("commands", bulk("-@all +@read -get")),
            ("keys", bulk("~app:* %R~log")),
            ("channels", bulk("&news")),
            ("selectors", array([selector])),
        ] {
            assert_eq!(alice.get(field), Some(&value), "{field}");
        }
        admin.check("ACL DELUSER alice nobody", int(1));
        admin.check("ACL GETUSER alice", nil());
        admin.check("ACL DELUSER nobody default", err("The 'default' user cannot be removed"));
        admin
            .check("ACL SETUSER \"a b\"", err("Usernames can't contain spaces or null characters"));
        let text = "Error in ACL SETUSER modifier '+nope': Unknown command or category name in ACL";
        admin.check("ACL SETUSER bob on +nope", err(text));
        let text = "Unmatched parenthesis in acl selector starting at '(+get'.";
        admin.check("ACL SETUSER bob on (+get ~a", err(text));
        admin.check("ACL GETUSER bob", nil());
    });
}

#[test]
fn categories_name_their_commands() {
    each_backend(|server| {
        let mut client = server.client();
        let categories = client.run("ACL CAT");
        assert!(
            categories.items().contains(&bulk("hyperloglog")) && categories.items().len() == 21
        );
        let transaction = client.run("ACL CAT transaction");
        assert!(transaction.items().contains(&bulk("multi")), "{transaction:?}");
        client.check("ACL CAT nope", err("Unknown category 'nope'"));
        let text = "unknown subcommand or wrong number of arguments for 'CAT'. Try ACL HELP.";
        client.check("ACL CAT a b", err(text));
        let dangerous = client.run("ACL CAT Dangerous");
        client.check("COMMAND LIST FILTERBY ACLCAT dangerous", dangerous);
    });
}

#[test]
fn passwords_are_generated_in_whole_digits() {
    each_backend(|server| {
        let mut client = server.client();
        for (line, digits) in
            [("ACL GENPASS", 64), ("ACL GENPASS 5", 2), ("ACL GENPASS 4096", 1024)]
        {
            let (one, other) = (client.run(line).text(), client.run(line).text());
            assert!(one.len() == digits && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
            assert!(digits < 64 || one != other);
        }
        for line in ["ACL GENPASS 0", "ACL GENPASS 4097", "ACL GENPASS -9"] {
            let text = client.run(line).text();
            assert!(text.starts_with("ERR ACL GENPASS argument must be the number"), "{text}");
        }
    });
}

#[test]
fn one_logs_in_as_a_user_by_auth_and_hello() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("ACL SETUSER alice >secret ~* +@all", ok());
        client.check("AUTH alice secret", err(WRONG));
        client.check("ACL SETUSER alice on", ok());
        client.check("AUTH alice nope", err(WRONG));
        client.check("AUTH nobody secret", err(WRONG));
        client.check("ACL WHOAMI", bulk("default"));
        client.check("AUTH alice secret", ok());
        client.check("ACL WHOAMI", bulk("alice"));
        assert!(client.run("CLIENT INFO").text().contains(" user=alice "));
        client.check("RESET", simple("RESET"));
        client.check("ACL WHOAMI", bulk("default"));
        client.check("HELLO 2 AUTH alice nope SETNAME x", err(WRONG));
        client.check("CLIENT GETNAME", nil());
        assert!(!client.run("HELLO 2 AUTH default x AUTH alice secret").is_error());
        client.check("ACL WHOAMI", bulk("alice"));
    });
}

#[test]
fn the_default_user_can_need_a_password_and_be_off() {
    each_backend_with(&["--requirepass", "first"], |server| {
        let mut admin = server.client();
        let noauth = err("NOAUTH Authentication required.");
        admin.check("ACL WHOAMI", noauth.clone());
        admin.check("AUTH first", ok());
        let mut waiting = server.client();
        waiting.check("PING", noauth.clone());
        admin.check("ACL SETUSER default >second", ok());
        waiting.check("AUTH second", ok());
        let mut waiting = server.client();
        admin.check("CONFIG GET requirepass", bulks(["requirepass", "first"]));
        admin.check("CONFIG SET requirepass \"\"", ok());
        // Whoever waited at the door is in, until it is closed again.
        let long = "x".repeat(20_000);
        waiting.check(&format!("ECHO {long}"), bulk(&long));
        admin.check("ACL SETUSER default off", ok());
        waiting.check("PING", noauth.clone());
        admin.check("PING", simple("PONG"));
        server.client().check("PING", noauth);
    });
}

#[test]
fn what_is_not_allowed_is_refused_and_noted() {
    each_backend(|server| {
        let mut admin = server.client();
        let mut client =
            user(server, "u", "~mine* &mine* +@all -ping -config|set -@dangerous +keys");
        client.check("SET mine 1", ok());
        client.check("PING", no_command("u", "ping"));
        client.check("CONFIG SET a b", no_command("u", "config|set"));
        client.check("FLUSHALL", no_command("u", "flushall"));
        client.check("GET other", err(NO_KEY));
        client.check("MSET mine 1 other 1", err(NO_KEY));
        client.check("PUBLISH other x", err(NO_CHANNEL));
        client.check("PUBLISH mine1 x", int(0));
        client.check("KEYS *", bulks(["mine"]));
        client.check("NOPE", err("unknown command 'NOPE', with args beginning with: "));
        client.check("GET", err("wrong number of arguments for 'get' command"));
        // The rules are looked at anew for each call.
        admin.check("ACL SETUSER u +ping resetkeys", ok());
        assert_eq!(client.pipeline(&["PING", "GET mine"]), [simple("PONG"), err(NO_KEY)]);
        admin.check("ACL SETUSER u +@all ~* &*", ok());
        assert_eq!(client.pipeline(&["PING", "GET other"]), [simple("PONG"), nil()]);
        for (field, count) in [("auth", "0"), ("cmd", "3"), ("key", "3"), ("channel", "1")] {
            assert_eq!(server.info(&format!("acl_access_denied_{field}")), count, "{field}");
        }
        assert_eq!(server.info("errorstat_NOPERM"), "count=7");
        assert!(server.info("cmdstat_get").contains(",rejected_calls=3,"));
    });
}

#[test]
fn denials_are_logged_once_for_the_same() {
    each_backend(|server| {
        let mut admin = server.client();
        let mut client = user(server, "u", "~mine +@all -ping");
        client.check("AUTH u2 wrong", err(WRONG));
        client.check("CLIENT SETNAME me", ok());
        (0..3).for_each(|_| client.check("PING", no_command("u", "ping")));
        client.check("GET other", err(NO_KEY));
        client.check("MULTI", ok());
        client.check("SUBSCRIBE c", err(NO_CHANNEL));
        let log = admin.run("ACL LOG");
        let shown: Vec<_> = log
            .items()
            .iter()
            .map(|entry| {
                let field = |name: &str| entry.get(name).expect("a field").text();
                assert!(field("client-info").contains(" user=u "), "{entry:?}");
                let words = ["reason", "context", "object", "username"].map(field);
                let number = |name: &str| entry.get(name).expect("a field").as_int();
                assert!(number("timestamp-created") <= number("timestamp-last-updated"));
                assert!(field("age-seconds").parse::<f64>().expect("a number") < 60.0);
                format!("{} {} {}", words.join(" "), number("count"), number("entry-id"))
            })
            .collect();
        let expected = [
            "channel multi c u 1 3",
            "key toplevel other u 1 2",
            "command toplevel ping u 3 1",
            "auth toplevel AUTH u2 1 0",
        ];
        assert_eq!(shown, expected);
        assert!(log.items()[2].get("client-info").expect("a field").text().contains(" name=me "));
        assert!(log.items()[2].get("client-info").expect("a field").text().contains(" cmd=ping "));
        assert_eq!(admin.run("ACL LOG 2").items().len(), 2);
        assert_eq!(admin.run("ACL LOG -1").items().len(), 0);
        admin.check("CONFIG SET acllog-max-len 2", ok());
        client.check("SET other x", err(NO_KEY));
        assert_eq!(admin.run("ACL LOG 100").items().len(), 2);
        admin.check("ACL LOG RESET", ok());
        assert_eq!(admin.run("ACL LOG").items().len(), 0);
        admin.check("ACL LOG x", err("value is not an integer or out of range"));
    });
}

#[test]
fn a_transaction_is_judged_when_queued_and_when_run() {
    each_backend(|server| {
        let mut admin = server.client();
        let mut client = user(server, "u", "~k* +@all");
        assert_eq!(
            client.pipeline(&["MULTI", "SET other 1", "SET k 1", "EXEC"]),
            [
                ok(),
                err(NO_KEY),
                simple("QUEUED"),
                err("EXECABORT Transaction discarded because of previous errors."),
            ]
        );
        let queued = simple("QUEUED");
        assert_eq!(
            client.pipeline(&["MULTI", "SET k 1", "SET k2 1", "PING", "TIME"]),
            [ok(), queued.clone(), queued.clone(), queued.clone(), queued]
        );
        admin.check("ACL SETUSER u resetkeys ~k -ping", ok());
        let lost = |reason| {
            err(&format!(
                "NOPERM ACLs rules changed between the moment the transaction was accumulated and \
                 the EXEC call. This command is no longer allowed for the following reason: {reason}"
            ))
        };
        let replies = client.run("EXEC");
        let replies = replies.items();
        assert_eq!(replies[0], ok());
        assert_eq!(replies[1], lost("no permission to touch the specified keys"));
        assert_eq!(replies[2], lost("no permission to execute the command or subcommand"));
        assert!(!replies[3].is_error());
        admin.check("EXISTS k k2", int(1));
        let log = admin.run("ACL LOG 1");
        assert_eq!(log.items()[0].get("context"), Some(&bulk("multi")));
        assert!(log.items()[0].get("client-info").expect("a field").text().contains(" cmd=exec "));
        // What is taken away within the transaction is missing from there on.
        let mut client = user(server, "u", "~* &* +@all");
        client.check("MULTI", ok());
        client.check("ACL SETUSER u -get", simple("QUEUED"));
        client.check("GET k", simple("QUEUED"));
        let lost = lost("no permission to execute the command or subcommand");
        client.check("EXEC", array([ok(), lost]));
        client.check("GET k", no_command("u", "get"));
    });
}

#[test]
fn a_call_that_had_to_wait_is_judged_again() {
    each_backend(|server| {
        let mut admin = server.client();
        let mut client = user(server, "u", "~list +@all");
        client.send(b"BLPOP list 0\r\n");
        server.wait_until("it waits", |server| server.info("blocked_clients") == "1");
        admin.check("ACL SETUSER u resetkeys", ok());
        admin.check("RPUSH list x", int(1));
        assert_eq!(client.recv(), err(NO_KEY));
        admin.check("LLEN list", int(1));
        client.check("PING", simple("PONG"));
        assert!(server.info("cmdstat_blpop").starts_with("calls=0,"));
        assert!(server.info("cmdstat_blpop").contains(",rejected_calls=1,"));
    });
}

#[test]
fn deleted_users_and_their_clients_go_together() {
    each_backend(|server| {
        let mut admin = server.client();
        let (mut one, mut two) = (user(server, "u", "~* &* +@all"), client_of(server, "u"));
        one.send(b"BLPOP list 0\r\n");
        server.wait_until("it waits", |server| server.info("blocked_clients") == "1");
        admin.check("CLIENT KILL USER nobody", err("No such user 'nobody'"));
        admin.check("ACL DELUSER u", int(1));
        assert!(one.recv_to_end().is_empty() && two.recv_to_end().is_empty());
        // One that deletes itself still learns of it.
        let mut own = user(server, "u", "~* &* +@all");
        own.send(b"ACL DELUSER u\r\nGET k\r\n");
        assert_eq!(own.recv_to_end(), b":1\r\n");
        let mut next = user(server, "u", "~* +@all");
        admin.check("CLIENT KILL USER u", int(1));
        assert!(next.recv_to_end().is_empty());
        admin.check("PING", simple("PONG"));
    });
}

#[test]
fn listeners_go_with_the_channels_they_lose() {
    each_backend(|server| {
        let mut admin = server.client();
        for (subscribe, kept, lost) in [
            ("SUBSCRIBE c", "resetchannels &c &d", "resetchannels &d"),
            ("SSUBSCRIBE c", "allchannels", "resetchannels &d"),
            ("PSUBSCRIBE c", "resetchannels &c", "resetchannels &c?"),
            ("SUBSCRIBE c", "resetchannels (&c*)", "clearselectors"),
        ] {
            let mut client = user(server, "u", "&c +@all");
            client.run(subscribe);
            admin.check(&format!("ACL SETUSER u {kept}"), ok());
            client.send(b"PING\r\n");
            assert!(!client.recv().is_error());
            admin.check(&format!("ACL SETUSER u {lost}"), ok());
            assert!(client.recv_to_end().is_empty(), "{subscribe} {lost}");
        }
        // One that takes its own channel away still learns of it.
        user(server, "u", "&c +@all");
        let mut client = server.client3();
        client.check("AUTH u any", ok());
        client.run("SUBSCRIBE c");
        client.send(b"ACL SETUSER u resetchannels\r\nPING\r\n");
        assert_eq!(client.recv_to_end(), b"+OK\r\n");
    });
}

#[test]
fn sort_follows_patterns_only_for_those_who_may_read_everything() {
    each_backend(|server| {
        let mut admin = server.client();
        admin.run("RPUSH list 1 2");
        admin.check("MSET v1 b v2 a", ok());
        let by = err("ERR BY option of SORT denied due to insufficient ACL permissions.");
        let get = err("ERR GET option of SORT denied due to insufficient ACL permissions.");
        for rules in ["~list +sort", "~list ~v* +sort", "~list %W~* +sort", "~* +get (+sort ~list)"]
        {
            let mut client = user(server, "u", rules);
            client.check("SORT list", bulks(["1", "2"]));
            client.check("SORT list BY nosort", bulks(["1", "2"]));
            client.check("SORT list BY v* ALPHA", by.clone());
            client.check("SORT list GET v*", get.clone());
            client.check("SORT list GET #", get.clone());
        }
        for rules in ["~* +sort", "~list %R~* +sort", "(+sort %R~*)"] {
            let mut client = user(server, "u", rules);
            client.check("SORT list BY v* ALPHA GET v*", bulks(["a", "b"]));
        }
    });
}

#[test]
fn a_dry_run_tells_why_not() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("ACL SETUSER u +@all -ping %R~r* &c", ok());
        for (call, reply) in [
            ("GET r", ok()),
            ("SET r v", bulk("User u has no permissions to access the 'r' key")),
            ("PING", bulk("User u has no permissions to run the 'ping' command")),
            ("PUBLISH d x", bulk("User u has no permissions to access the 'd' channel")),
            ("CONFIG GET x", ok()),
            ("CONFIG nope", err("Command 'CONFIG' not found")),
            ("nope x", err("Command 'nope' not found")),
            ("SET r", err("wrong number of arguments for 'set' command")),
        ] {
            client.check(&format!("ACL DRYRUN u {call}"), reply);
        }
        client.check("ACL DRYRUN nobody GET r", err("User 'nobody' not found"));
    });
}

/// The words of a call, and which of them are keys.
fn keys_of(table: &Table, words: &[String]) -> Vec<usize> {
    let (mut chunk, mut spans) = (Vec::new(), Vec::new());
    for word in words {
        spans.push(Span { start: chunk.len() as u32, len: word.len() as u32 });
        chunk.extend_from_slice(word.as_bytes());
    }
    let args = Args::new(&chunk, &spans);
    let id = table.resolve(args.at(0), args.get(1)).expect("a command");
    let mut keys: Vec<(usize, KeyFlags)> = Vec::new();
    table.command(id).keys_of(&args, &mut keys).expect("its keys");
    keys.into_iter().map(|(index, _)| index).collect()
}

#[test]
fn no_command_passes_with_a_key_or_a_channel_of_others() {
    let table = Table::new();
    each_backend(|server| {
        let mut client = user(server, "u", "~mine &mine +@all");
        let mut judged = 0;
        for (_, row) in table.iter() {
            let command = row.command;
            let mut words: Vec<String> = row.full_name().split('|').map(str::to_string).collect();
            // PFMERGE has a key specification for sources that it can do without, scripts for all.
            let optional = command.name == "pfmerge" || command.flags.has(Flags::NO_MANDATORY_KEYS);
            let least = usize::from(command.arity.unsigned_abs()) + usize::from(optional);
            words.resize(least, "1".to_string());
            let (places, refusal) = match command.channels {
                Some(Channels::Published) => (vec![1], NO_CHANNEL),
                Some(_) => (vec![1], NO_CHANNEL),
                None if command.has_keys() => (keys_of(&table, &words), NO_KEY),
                None => continue,
            };
            places.iter().for_each(|place| words[*place] = "mine".into());
            // In a transaction, so that nothing waits and nothing is lost.
            client.check("MULTI", ok());
            let allowed = client.cmd(&words);
            assert!(!allowed.is_error() || !allowed.text().starts_with("NOPERM"), "{words:?}");
            client.check("DISCARD", ok());
            for place in places {
                words[place] = "other".into();
                assert_eq!(client.cmd(&words), err(refusal), "{words:?}");
                words[place] = "mine".into();
                judged += 1;
            }
        }
        assert!(judged > 150, "{judged}");
    });
}

#[test]
fn passwords_are_shown_to_nobody() {
    each_backend_with(&["--loglevel", "debug"], |server| {
        let (mut client, mut monitor) = (server.client(), server.client());
        client.check("CONFIG SET slowlog-log-slower-than 0", ok());
        monitor.check("MONITOR", ok());
        client.check("ACL SETUSER u on >geheim", ok());
        client.check("ACL SETUSER u <geheim >geheim ~*", ok());
        client.run("ACL SETUSER u >geheim +nope");
        client.run("AUTH u geheim2");
        client.run("AUTH u geheim");
        client.run("HELLO 3 AUTH u geheim");
        client.run("AUTH default x");
        client.check("PING", simple("PONG"));
        let mut seen = String::new();
        while !seen.contains("\"PING\"") {
            seen += &monitor.recv().text();
        }
        let slow = format!("{:?}", client.run("SLOWLOG GET 100"));
        let log = format!("{:?}", client.run("ACL LOG"));
        for text in [seen, slow, log, server.log(), format!("{:?}", client.run("ACL LIST"))] {
            assert!(!text.contains("geheim"), "{text}");
        }
    });
}
