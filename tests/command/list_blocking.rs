//! Clients that wait for elements of lists: who is served, in which order, and when not at all.

use std::time::{Duration, Instant};

use crate::support::*;

/// What BLPOP replies.
fn popped(key: &str, element: &str) -> Value {
    bulks([key, element])
}

#[test]
fn elements_that_are_there_are_taken_at_once() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("RPUSH b 1 2 3 4 5 6", int(6));
        client.check("BLPOP a b 0", popped("b", "1"));
        client.check("BRPOP a b 0.5", popped("b", "6"));
        client.check("BLMPOP 0 2 a b RIGHT COUNT 2", array([bulk("b"), bulks(["5", "4"])]));
        client.check("BLMOVE b c LEFT LEFT 0", bulk("2"));
        client.check("BRPOPLPUSH b c 0", bulk("3"));
        client.check("EXISTS b", int(0));
        client.check("LRANGE c 0 -1", bulks(["3", "2"]));
    });
}

#[test]
fn a_push_serves_who_waited_longest() {
    each_backend(|server| {
        let mut client = server.client();
        let mut first = waiting(server, "BLPOP a 0");
        let mut second = waiting(server, "BRPOP b a 0");
        let mut third = waiting(server, "BLMPOP 0 1 a LEFT COUNT 9");
        client.check("RPUSH a 1 2 3 4", int(4));
        assert_eq!(first.recv(), popped("a", "1"));
        assert_eq!(second.recv(), popped("a", "4"));
        assert_eq!(third.recv(), array([bulk("a"), bulks(["2", "3"])]));
        client.check("EXISTS a", int(0));
    });
}

#[test]
fn keys_are_served_in_the_order_of_their_pushes() {
    each_backend(|server| {
        let mut client = server.client();
        let mut waits = waiting(server, "BLPOP a b c 0");
        let replies = client.pipeline(&["MULTI", "RPUSH c 3", "RPUSH a 1", "EXEC"]);
        assert_eq!(replies[3], array([int(1), int(1)]));
        // All keys are looked at again, so the first that was named wins.
        assert_eq!(waits.recv(), popped("a", "1"));
        client.check("LRANGE c 0 -1", bulks(["3"]));
    });
}

#[test]
fn a_transaction_is_over_before_anybody_is_served() {
    each_backend(|server| {
        let mut client = server.client();
        let mut waits = waiting(server, "BLPOP l 0");
        client.pipeline(&["MULTI", "RPUSH l a", "DEL l", "EXEC"]);
        client.pipeline(&["MULTI", "RPUSH l b", "DEL l", "SET l s", "DEL l", "RPUSH l c", "EXEC"]);
        assert_eq!(waits.recv(), popped("l", "c"));
    });
}

#[test]
fn nobody_waits_in_a_transaction() {
    each_backend(|server| {
        let mut client = server.client();
        let lines = [
            "MULTI",
            "BLPOP a 0",
            "BRPOP a b 5",
            "BLMPOP 0 1 a LEFT",
            "BLMOVE a b LEFT LEFT 0",
            "BRPOPLPUSH a b 0",
            "EXEC",
        ];
        let nothing = Value::NilArray;
        let expected = array([nothing.clone(), nothing.clone(), nothing, nil(), nil()]);
        assert_eq!(client.pipeline(&lines)[6], expected);
    });
}

#[test]
fn a_timeout_ends_the_wait_to_the_millisecond() {
    each_backend(|server| {
        let mut client = server.client();
        for line in ["BLPOP a b 0.05", "BLMOVE a b LEFT LEFT 0.05", "BLMPOP 0.05 1 a LEFT"] {
            let start = Instant::now();
            client.check(line, Value::NilArray);
            let waited = start.elapsed();
            assert!(waited >= Duration::from_millis(49), "{line}: {waited:?}");
            assert!(waited < Duration::from_secs(2), "{line}: {waited:?}");
        }
        client.check("RPUSH a 1", int(1));
        client.check("LRANGE a 0 -1", bulks(["1"]));
        let negative = err("timeout is negative");
        for line in ["BLPOP a -1", "BLMOVE a b LEFT LEFT -1", "BLMPOP -1 1 a LEFT"] {
            client.check(line, negative.clone());
        }
        client.check("BRPOPLPUSH a b x", err("timeout is not a float or out of range"));
        client.check("BLPOP a nan", err("timeout is not a float or out of range"));
        client.check("BLPOP a 9223372036854775807", err("timeout is out of range"));
        client.check("BLPOP a 1e400", err("timeout is out of range"));
        client.check("BLPOP a inf", err("timeout is out of range"));
        client.check("BLPOP a -1e400", err("timeout is negative"));
        client.check("BLPOP a 1e5000", err("timeout is not a float or out of range"));
        client.check("BLPOP no 1e-400", Value::NilArray);
    });
}

#[test]
fn another_type_is_not_what_was_waited_for() {
    each_backend(|server| {
        let mut client = server.client();
        let mut waits = waiting(server, "BLPOP l 0");
        client.check("SET l v", ok());
        client.check("APPEND l w", int(2));
        client.check("DEL l", int(1));
        client.check("RPUSH l a", int(1));
        assert_eq!(waits.recv(), popped("l", "a"));
    });
}

#[test]
fn a_list_that_comes_by_another_name_serves_too() {
    each_backend(|server| {
        let mut client = server.client();
        for (db, line) in [(0, "RENAME x l"), (0, "COPY x l"), (1, "MOVE l 0"), (1, "SWAPDB 0 1")] {
            let mut waits = waiting(server, "BLPOP l 0");
            client.check(&format!("SELECT {db}"), ok());
            client.run("RPUSH x a");
            if db == 1 {
                client.run("RPUSH l a");
            }
            assert!(!client.run(line).is_error());
            assert_eq!(waits.recv(), popped("l", "a"), "{line}");
            client.check("FLUSHALL", ok());
        }
    });
}

#[test]
fn moves_that_wait_pass_elements_on() {
    each_backend(|server| {
        let mut client = server.client();
        let mut last = waiting(server, "BLPOP c 0");
        let mut second = waiting(server, "BRPOPLPUSH b c 0");
        let mut first = waiting(server, "BLMOVE a b RIGHT LEFT 0");
        client.check("RPUSH a 1", int(1));
        assert_eq!(first.recv(), bulk("1"));
        assert_eq!(second.recv(), bulk("1"));
        assert_eq!(last.recv(), popped("c", "1"));
        client.check("EXISTS a b c", int(0));
    });
}

#[test]
fn a_move_to_another_type_fails_and_takes_nothing() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("SET s v", ok());
        let mut fails = waiting(server, "BLMOVE a s LEFT LEFT 0");
        let mut takes = waiting(server, "BLPOP a 0");
        client.check("RPUSH a 1", int(1));
        assert!(fails.recv().text().starts_with("WRONGTYPE"));
        assert_eq!(takes.recv(), popped("a", "1"));
    });
}

#[test]
fn a_list_moves_onto_itself() {
    each_backend(|server| {
        let mut client = server.client();
        let mut waits = waiting(server, "BLMOVE l l LEFT RIGHT 0");
        client.check("RPUSH l a b", int(2));
        assert_eq!(waits.recv(), bulk("a"));
        client.check("LRANGE l 0 -1", bulks(["b", "a"]));
    });
}

#[test]
fn who_left_is_not_served() {
    each_backend(|server| {
        let mut client = server.client();
        let gone = waiting(server, "BLPOP l 0");
        let mut stays = waiting(server, "BLPOP l 0");
        drop(gone);
        server.wait_until("one waits", |server| blocked(server) == 1);
        client.check("RPUSH l a", int(1));
        assert_eq!(stays.recv(), popped("l", "a"));
        client.check("EXISTS l", int(0));
    });
}

#[test]
fn requests_behind_a_wait_follow_it() {
    each_backend(|server| {
        let mut client = server.client();
        let mut waits = waiting(server, "BLPOP l 0");
        waits.send(&encode(&["ECHO", "next"]));
        waits.send(&encode(&["LPOP", "l"]));
        client.check("RPUSH l a b", int(2));
        assert_eq!(waits.recv(), popped("l", "a"));
        assert_eq!(waits.recv(), bulk("next"));
        assert_eq!(waits.recv(), bulk("b"));
    });
}

#[test]
fn waits_are_ended_by_other_clients() {
    each_backend(|server| {
        let mut client = server.client();
        let mut waits = server.client();
        let id = waits.run("CLIENT ID").as_int();
        for (how, reply) in [
            ("TIMEOUT", Value::NilArray),
            ("ERROR", err("UNBLOCKED client unblocked via CLIENT UNBLOCK")),
        ] {
            waits.send(&encode(&["BLPOP", "l", "0"]));
            server.wait_until("it waits", |server| blocked(server) == 1);
            client.check(&format!("CLIENT UNBLOCK {id} {how}"), int(1));
            assert_eq!(waits.recv(), reply);
        }
        client.check("RPUSH l a", int(1));
        client.check("LLEN l", int(1));
    });
}

#[test]
fn an_expired_list_serves_nobody() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("RPUSH l old", int(1));
        client.check("PEXPIRE l 1", int(1));
        std::thread::sleep(Duration::from_millis(20));
        let mut waits = waiting(server, "BLPOP l 0");
        client.check("RPUSH l new", int(1));
        assert_eq!(waits.recv(), popped("l", "new"));
    });
}

const KEYS: [&str; 4] = ["a", "b", "c", "d"];

/// Clients come, wait for some of four keys, and a few leave again; then elements come. Each is
/// delivered once or still there.
#[test]
fn no_element_is_lost_or_delivered_twice() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    each_backend(|server| {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut pusher = server.client();
        let (mut pushed, mut found) = (0, Vec::new());
        for _ in 0..30 {
            let mut clients: Vec<_> =
                (0..rng.usize(1..8)).map(|_| waiting_for_some(server, &mut rng)).collect();
            clients.truncate(rng.usize(1..=clients.len()));
            let left = clients.len();
            server.wait_until("those who left are gone", |server| blocked(server) == left);
            for _ in 0..rng.usize(..5) {
                let elements: Vec<i64> = (pushed..pushed + rng.i64(1..4)).collect();
                pushed += elements.len() as i64;
                push(&mut pusher, &mut rng, &elements);
            }
            for (id, client) in &mut clients {
                pusher.run(&format!("CLIENT UNBLOCK {id}"));
                found.extend(elements_of(&client.recv()));
            }
            for key in KEYS {
                found.extend(elements_of(&pusher.run(&format!("LMPOP 1 {key} LEFT COUNT 99"))));
            }
        }
        found.sort_unstable();
        assert_eq!(found, (0..pushed).collect::<Vec<i64>>());
    });
}

/// A client that waits for one to three of the keys, and its id.
fn waiting_for_some(server: &Server, rng: &mut fastrand::Rng) -> (i64, Client) {
    let before = blocked(server);
    let mut keys = KEYS;
    rng.shuffle(&mut keys);
    let keys = &keys[..rng.usize(1..=3)];
    let line = match rng.u8(..3) {
        0 => format!("BLPOP {} 0", keys.join(" ")),
        1 => format!("BRPOP {} 0", keys.join(" ")),
        _ => format!("BLMPOP 0 {} {} LEFT COUNT 2", keys.len(), keys.join(" ")),
    };
    let mut client = server.client();
    let id = client.run("CLIENT ID").as_int();
    client.send(&encode(&split_args(&line)));
    server.wait_until(&line, |server| blocked(server) == before + 1);
    (id, client)
}

fn push(client: &mut Client, rng: &mut fastrand::Rng, elements: &[i64]) {
    let name = if rng.bool() { "LPUSH" } else { "RPUSH" };
    let mut words = vec![name.to_string(), KEYS[rng.usize(..KEYS.len())].to_string()];
    words.extend(elements.iter().map(ToString::to_string));
    client.cmd(&words);
}

/// The elements in the reply of a pop, none if that found nothing.
fn elements_of(reply: &Value) -> Vec<i64> {
    match reply {
        Value::NilArray => Vec::new(),
        reply => match &reply.items()[1] {
            Value::Array(elements) => elements.iter().map(Value::as_int).collect(),
            element => vec![element.as_int()],
        },
    }
}
