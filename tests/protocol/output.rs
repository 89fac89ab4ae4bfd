//! `client-output-buffer-limit`: clients that do not read are cut off, the others stay.

use crate::support::*;

const LOST: &str = "client_output_buffer_limit_disconnections";

/// A client named `slow` that listens to `news` and reads nothing more.
fn stalled_subscriber(server: &Server) -> Client {
    let mut client = server.client();
    client.check("CLIENT SETNAME slow", ok());
    client.run("SUBSCRIBE news");
    client
}

fn is_listed(client: &mut Client) -> bool {
    client.run("CLIENT LIST").text().contains("name=slow")
}

/// Publishes until more waits for the stalled subscriber than sockets take.
fn publish_until(client: &mut Client, mut done: impl FnMut(&mut Client) -> bool) {
    let message = "x".repeat(50_000);
    for _ in 0..4000 {
        client.cmd(&["PUBLISH", "news", &message]);
        if done(client) {
            return;
        }
    }
    panic!("nothing came of it");
}

fn omem(client: &mut Client) -> u64 {
    let list = client.run("CLIENT LIST").text();
    let line = list.lines().find(|line| line.contains("name=slow")).expect("still connected");
    let field = line.split(' ').find_map(|field| field.strip_prefix("omem=")).expect("omem");
    field.parse().expect("a number")
}

#[test]
fn a_stalled_subscriber_is_cut_off_at_its_hard_limit() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("CONFIG SET client-output-buffer-limit 'pubsub 1mb 0 0'", ok());
        let stalled = stalled_subscriber(server);
        let mut reader = server.client();
        reader.run("SUBSCRIBE news");
        publish_until(&mut client, |client| {
            assert_eq!(reader.recv().items()[0], bulk("message"));
            !is_listed(client)
        });
        assert_eq!(server.info(LOST), "1");
        let log = server.log();
        assert!(log.contains("scheduled to be closed ASAP for overcoming of output buffer limits"));
        client.check("CONFIG RESETSTAT", ok());
        assert_eq!(server.info(LOST), "0");
        drop(stalled);
    });
}

#[test]
fn the_soft_limit_ends_a_connection_after_its_time_without_traffic() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("CONFIG SET client-output-buffer-limit 'pubsub 0 100kb 1'", ok());
        let _stalled = stalled_subscriber(server);
        publish_until(&mut client, |client| omem(client) > 100 * 1024);
        let start = std::time::Instant::now();
        assert!(is_listed(&mut client));
        server.wait_until("the stalled client is gone", |_| server.info(LOST) == "1");
        assert!(start.elapsed().as_millis() >= 900, "{:?}", start.elapsed());
        assert!(!is_listed(&mut client));
    });
}

#[test]
fn a_client_that_catches_up_stays() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("CONFIG SET client-output-buffer-limit 'pubsub 0 100kb 1'", ok());
        let mut stalled = stalled_subscriber(server);
        publish_until(&mut client, |client| omem(client) > 100 * 1024);
        client.check("PUBLISH news end", int(1));
        while stalled.recv().items()[2] != bulk("end") {}
        assert_eq!(omem(&mut client), 0);
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert!(is_listed(&mut client));
    });
}

#[test]
fn a_reply_beyond_the_limit_is_not_sent() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("CONFIG SET client-output-buffer-limit 'normal 100000 0 0'", ok());
        assert_eq!(client.cmd(&["SET", "k", &"x".repeat(50_000)]), ok());
        let mut greedy = server.client();
        greedy.check("PING", simple("PONG"));
        greedy.send(&encode(&["MGET", "k", "k", "k"]));
        assert_eq!(greedy.recv_to_end(), b"");
        let mut piped = server.client();
        piped.check("PING", simple("PONG"));
        piped.send(&b"GET k\r\n".repeat(1000));
        piped.recv_to_end();
        assert_eq!(server.info(LOST), "2");
        client.check("STRLEN k", int(50_000));
    });
}

#[test]
fn a_transaction_runs_to_its_end_all_the_same() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("CONFIG SET client-output-buffer-limit 'normal 100000 0 0'", ok());
        assert_eq!(client.cmd(&["SET", "k", &"x".repeat(150_000)]), ok());
        let mut greedy = server.client();
        for line in ["MULTI", "SET a 1", "GET k", "GET k", "SET b 2"] {
            greedy.run(line);
        }
        greedy.send(b"EXEC\r\n");
        assert_eq!(greedy.recv_to_end(), b"");
        client.check("MGET a b", bulks(["1", "2"]));
        assert_eq!(server.info(LOST), "1");
    });
}

#[test]
fn a_reply_of_any_length_ends_at_the_limit() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("CONFIG SET client-output-buffer-limit 'normal 1000000 0 0'", ok());
        for line in ["SADD s a", "HSET h f v"] {
            assert!(!client.run(line).is_error());
        }
        for line in ["SRANDMEMBER s -999999999", "HRANDFIELD h -999999999"] {
            let mut greedy = server.client();
            greedy.send(&encode(&split_args(line)));
            assert_eq!(greedy.recv_to_end(), b"", "{line}");
        }
        assert!(server.rss() < 64 << 20);
    });
}
