//! SUBSCRIBE and its kin, PUBLISH, PUBSUB: messages, counts, and what a subscriber may still call.

use crate::support::*;

/// A message or confirmation as a client of RESP2 sees it.
fn message<const N: usize>(words: [&str; N]) -> Value {
    bulks(words)
}

/// The confirmation that a client now listens to `count` names.
fn confirmed(form: &str, name: &str, count: i64) -> Value {
    array([bulk(form), bulk(name), int(count)])
}

/// The same as a push, which is what RESP3 has for it.
fn pushed(value: Value) -> Value {
    Value::Push(value.items().to_vec())
}

#[test]
fn a_message_reaches_those_who_listen() {
    each_backend(|server| {
        let (mut one, mut other, mut publisher) =
            (server.client(), server.client3(), server.client());
        one.check("SUBSCRIBE news", confirmed("subscribe", "news", 1));
        other.check("SUBSCRIBE news", pushed(confirmed("subscribe", "news", 1)));
        publisher.check("PUBLISH news \"hello\\r\\n\\x00\"", int(2));
        publisher.check("PUBLISH elsewhere x", int(0));
        let hello = message(["message", "news", "hello\r\n\0"]);
        assert_eq!(one.recv(), hello);
        assert_eq!(other.recv(), pushed(hello));
        one.check("UNSUBSCRIBE news", confirmed("unsubscribe", "news", 0));
        publisher.check("PUBLISH news again", int(1));
        one.check("GET k", nil());
    });
}

#[test]
fn a_pattern_hears_every_channel_it_matches() {
    each_backend(|server| {
        let (mut client, mut publisher) = (server.client(), server.client());
        client.send(b"PSUBSCRIBE n?ws.* other\r\nSUBSCRIBE news.a\r\n");
        for (form, name, count) in
            [("psubscribe", "n?ws.*", 1), ("psubscribe", "other", 2), ("subscribe", "news.a", 3)]
        {
            assert_eq!(client.recv(), confirmed(form, name, count));
        }
        publisher.check("PUBLISH news.a x", int(2));
        publisher.check("PUBLISH news x", int(0));
        publisher.check("SPUBLISH news.a x", int(0));
        assert_eq!(client.recv(), message(["message", "news.a", "x"]));
        assert_eq!(client.recv(), message(["pmessage", "n?ws.*", "news.a", "x"]));
        client.check("PUNSUBSCRIBE n?ws.*", confirmed("punsubscribe", "n?ws.*", 2));
        publisher.check("PUBLISH news.b x", int(0));
    });
}

#[test]
fn shard_channels_are_a_name_space_of_their_own() {
    each_backend(|server| {
        let (mut client, mut publisher) = (server.client(), server.client());
        client.check("SUBSCRIBE c", confirmed("subscribe", "c", 1));
        client.check("SSUBSCRIBE c", confirmed("ssubscribe", "c", 1));
        publisher.check("SPUBLISH c x", int(1));
        publisher.check("PUBLISH c y", int(1));
        assert_eq!(client.recv(), message(["smessage", "c", "x"]));
        assert_eq!(client.recv(), message(["message", "c", "y"]));
        publisher.check("PUBSUB SHARDCHANNELS", bulks(["c"]));
        publisher.check("PUBSUB SHARDNUMSUB c d", array([bulk("c"), int(1), bulk("d"), int(0)]));
        client.check("SUNSUBSCRIBE", confirmed("sunsubscribe", "c", 0));
        client.check("SUNSUBSCRIBE", array([bulk("sunsubscribe"), nil(), int(0)]));
        client.check("UNSUBSCRIBE", confirmed("unsubscribe", "c", 0));
    });
}

#[test]
fn a_subscription_counts_once_and_leaving_always_replies() {
    each_backend(|server| {
        let mut client = server.client();
        client.send(b"SUBSCRIBE a a b\r\n");
        let counts: Vec<_> = (0..3).map(|_| client.recv().items()[2].clone()).collect();
        assert_eq!(counts, [int(1), int(1), int(2)]);
        client.send(b"UNSUBSCRIBE\r\n");
        let mut left: Vec<_> = (0..2).map(|_| client.recv().items()[1].text()).collect();
        left.sort();
        assert_eq!(left, ["a", "b"]);
        client.check("UNSUBSCRIBE", array([bulk("unsubscribe"), nil(), int(0)]));
        client.check("PUNSUBSCRIBE x", confirmed("punsubscribe", "x", 0));
        client.check("HELLO 3", client_hello(server));
        let nothing = array([bulk("unsubscribe"), null(), int(0)]);
        client.check("UNSUBSCRIBE", pushed(nothing));
    });
}

/// Whatever HELLO 3 replies to the client that was connected last.
fn client_hello(server: &Server) -> Value {
    let mut client = server.client();
    let mut reply = client.run("HELLO 3");
    if let Value::Map(pairs) = &mut reply {
        let id = pairs.iter_mut().find(|(key, _)| key.text() == "id").expect("an id");
        id.1 = int(id.1.as_int() - 1);
    }
    reply
}

#[test]
fn a_subscriber_in_resp2_may_call_little_else() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("SUBSCRIBE c", confirmed("subscribe", "c", 1));
        let refusal = |name: &str| {
            err(&format!(
                "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT \
                 / RESET are allowed in this context"
            ))
        };
        client.check("GET k", refusal("get"));
        client.check("CLIENT ID", refusal("client|id"));
        client.check("HELLO 3", refusal("hello"));
        client.check("MULTI", refusal("multi"));
        client.check("GET", err("ERR wrong number of arguments for 'get' command"));
        client.check("PING", message(["pong", ""]));
        client.check("PING hi", message(["pong", "hi"]));
        client.check("PING a b", err("ERR wrong number of arguments for 'ping' command"));
        client.check("UNSUBSCRIBE c", confirmed("unsubscribe", "c", 0));
        client.check("PING", simple("PONG"));
        client.check("SSUBSCRIBE c", confirmed("ssubscribe", "c", 1));
        client.check("QUIT", ok());
        assert!(client.recv_to_end().is_empty());
    });
}

#[test]
fn a_subscriber_in_resp3_may_call_anything() {
    each_backend(|server| {
        let mut client = server.client3();
        client.check("SUBSCRIBE c", pushed(confirmed("subscribe", "c", 1)));
        client.check("SET k v", ok());
        client.check("PING", simple("PONG"));
        client.check("PUBLISH c x", int(1));
        assert_eq!(client.recv(), pushed(message(["message", "c", "x"])));
    });
}

#[test]
fn reset_and_the_end_of_a_connection_end_its_subscriptions() {
    each_backend(|server| {
        let mut publisher = server.client();
        for end in ["RESET", "QUIT"] {
            let mut client = server.client();
            client.check("PSUBSCRIBE p", confirmed("psubscribe", "p", 1));
            client.check("SSUBSCRIBE s", confirmed("ssubscribe", "s", 1));
            client.check("SUBSCRIBE c", confirmed("subscribe", "c", 2));
            assert_eq!(server.info("pubsub_channels"), "1");
            assert_eq!(server.info("pubsub_patterns"), "1");
            assert_eq!(server.info("pubsubshard_channels"), "1");
            client.run(end);
            server.wait_until("the channels are gone", |server| {
                ["pubsub_channels", "pubsub_patterns", "pubsubshard_channels"]
                    .iter()
                    .all(|field| server.info(field) == "0")
            });
            publisher.check("PUBLISH c x", int(0));
            if end == "RESET" {
                client.check("GET k", nil());
            }
        }
    });
}

#[test]
fn a_client_that_vanishes_no_longer_counts() {
    each_backend(|server| {
        let mut publisher = server.client();
        let mut client = server.client();
        client.check("SUBSCRIBE c", confirmed("subscribe", "c", 1));
        client.reset();
        server.wait_until("nobody listens", |server| server.info("pubsub_channels") == "0");
        publisher.check("PUBLISH c x", int(0));
    });
}

#[test]
fn messages_to_oneself_follow_the_reply() {
    each_backend(|server| {
        let mut client = server.client3();
        client.check("SUBSCRIBE c", pushed(confirmed("subscribe", "c", 1)));
        let note = |text: &str| pushed(message(["message", "c", text]));
        let one = client.pipeline(&["PUBLISH c 1", "PUBLISH c 2", "PING", "PING"]);
        assert_eq!(one, [int(1), note("1"), int(1), note("2")]);
        assert_eq!([client.recv(), client.recv()], [simple("PONG"), simple("PONG")]);
        let lines = ["MULTI", "PUBLISH c 3", "PING", "EXEC"];
        let queued = simple("QUEUED");
        let done = array([int(1), simple("PONG")]);
        assert_eq!(client.pipeline(&lines), [ok(), queued.clone(), queued, done]);
        assert_eq!(client.recv(), note("3"));
    });
}

#[test]
fn subscribing_in_a_transaction_replies_within_it() {
    each_backend(|server| {
        let mut client = server.client();
        client.pipeline(&["MULTI", "SUBSCRIBE c", "PING x", "UNSUBSCRIBE c", "SSUBSCRIBE s"]);
        client.check(
            "EXEC",
            array([
                confirmed("subscribe", "c", 1),
                message(["pong", "x"]),
                confirmed("unsubscribe", "c", 0),
                err("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"),
            ]),
        );
        client.check("GET k", nil());
    });
}

#[test]
fn silence_is_for_replies_and_not_for_messages() {
    each_backend(|server| {
        let (mut client, mut publisher) = (server.client3(), server.client());
        client.send(b"CLIENT REPLY OFF\r\nSUBSCRIBE c\r\nPING\r\nPSUBSCRIBE c*\r\n");
        assert_eq!(client.recv(), pushed(confirmed("subscribe", "c", 1)));
        assert_eq!(client.recv(), pushed(confirmed("psubscribe", "c*", 2)));
        publisher.check("PUBLISH c x", int(2));
        assert_eq!(client.recv(), pushed(message(["message", "c", "x"])));
        assert_eq!(client.recv(), pushed(message(["pmessage", "c*", "c", "x"])));
        client.send(b"PUBLISH c y\r\nCLIENT REPLY ON\r\nPING\r\n");
        assert_eq!(client.recv(), pushed(message(["message", "c", "y"])));
        assert_eq!(client.recv(), pushed(message(["pmessage", "c*", "c", "y"])));
        assert_eq!([client.recv(), client.recv()], [ok(), simple("PONG")]);
        client.send(b"CLIENT REPLY SKIP\r\nUNSUBSCRIBE c\r\nPING\r\n");
        assert_eq!(client.recv(), pushed(confirmed("unsubscribe", "c", 1)));
        assert_eq!(client.recv(), simple("PONG"));
    });
}

#[test]
fn pubsub_tells_what_is_listened_to() {
    each_backend(|server| {
        let (mut one, mut other, mut asks) = (server.client(), server.client(), server.client());
        one.check("SUBSCRIBE a", confirmed("subscribe", "a", 1));
        one.check("PSUBSCRIBE p*", confirmed("psubscribe", "p*", 2));
        other.check("SUBSCRIBE a", confirmed("subscribe", "a", 1));
        other.check("PSUBSCRIBE p*", confirmed("psubscribe", "p*", 2));
        asks.check("PUBSUB CHANNELS", bulks(["a"]));
        asks.check("PUBSUB CHANNELS [ab]", bulks(["a"]));
        asks.check("PUBSUB CHANNELS b*", array([]));
        asks.check("PUBSUB NUMSUB a b", array([bulk("a"), int(2), bulk("b"), int(0)]));
        asks.check("PUBSUB NUMSUB", array([]));
        asks.check("PUBSUB NUMPAT", int(1));
        asks.check("PUBSUB SHARDCHANNELS x", array([]));
        let text = "ERR unknown subcommand or wrong number of arguments for 'Channels'. Try PUBSUB \
                    HELP.";
        asks.check("PUBSUB Channels a b", err(text));
        asks.check("PUBSUB nope", err("ERR unknown subcommand 'nope'. Try PUBSUB HELP."));
        let help = asks.run("PUBSUB HELP");
        let title = "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:";
        assert_eq!((help.items().len(), help.items()[0].text().as_str()), (14, title));
    });
}

#[test]
fn client_list_knows_subscribers() {
    each_backend(|server| {
        let (mut client, mut admin) = (server.client(), server.client());
        for line in ["SUBSCRIBE a", "SUBSCRIBE b", "PSUBSCRIBE p", "SSUBSCRIBE s"] {
            client.run(line);
        }
        let list = admin.run("CLIENT LIST TYPE pubsub").text();
        assert_eq!(list.lines().count(), 1);
        assert!(list.contains(" flags=P ") && list.contains(" sub=2 psub=1 ssub=1 "), "{list}");
        assert!(!admin.run("CLIENT LIST TYPE normal").text().contains(" flags=P "));
        admin.check("CLIENT KILL TYPE pubsub", int(1));
        assert!(client.recv_to_end().is_empty());
    });
}

#[test]
fn subscribers_may_be_silent_for_as_long_as_they_like() {
    each_backend_with(&["--timeout", "1"], |server| {
        let (mut client, mut idle) = (server.client(), server.client());
        client.check("SUBSCRIBE c", confirmed("subscribe", "c", 1));
        idle.check("PING", simple("PONG"));
        assert!(idle.recv_to_end().is_empty());
        server.client().check("PUBLISH c x", int(1));
        assert_eq!(client.recv(), message(["message", "c", "x"]));
    });
}

#[test]
fn many_subscribers_hear_every_message_in_order() {
    each_backend(|server| {
        let mut clients: Vec<_> = (0..60)
            .map(|number| match number % 2 {
                0 => server.client(),
                _ => server.client3(),
            })
            .collect();
        clients.iter_mut().for_each(|client| assert!(!client.run("SUBSCRIBE c").is_error()));
        let mut publisher = server.client();
        let texts: Vec<String> =
            (0..50).map(|number| format!("{number}-{}", "x".repeat(number * 40))).collect();
        let lines: Vec<String> = texts.iter().map(|text| format!("PUBLISH c {text}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert!(publisher.pipeline(&lines).iter().all(|reply| *reply == int(60)));
        for client in &mut clients {
            for text in &texts {
                assert_eq!(client.recv().items()[2].text(), *text);
            }
        }
    });
}
