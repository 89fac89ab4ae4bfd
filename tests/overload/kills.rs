//! Clients that end in the middle of something: killed by themselves or by others, in a transaction,
//! while they wait, while they are told something.

use super::*;
use std::cell::RefCell;

fn id(client: &mut Client) -> i64 {
    client.run("CLIENT ID").as_int()
}

fn is_served(server: &Server, clients: u64) {
    server.wait_until("nobody else is left", |s| number(s, "connected_clients") == clients + 1);
    assert_eq!(server.info("blocked_clients"), "0");
    server.client().check("PING", simple("PONG"));
}

#[test]
fn who_kills_itself_in_a_transaction_gets_it_executed_whole() {
    each_backend(|server| {
        let mut client = server.client();
        let own = id(&mut client);
        client.check("MULTI", ok());
        for line in ["SET a 1", &format!("CLIENT KILL ID {own} SKIPME no"), "SET b 2"] {
            client.check(line, simple("QUEUED"));
        }
        client.send(b"EXEC\r\nSET c 3\r\n");
        assert_eq!(client.recv(), array([ok(), int(1), ok()]));
        assert_eq!(client.recv_to_end(), b"");
        server.client().check("MGET a b c", array([bulk("1"), bulk("2"), nil()]));
        is_served(server, 0);
    });
}

/// An element that is pushed after its taker was killed stays.
#[test]
fn who_is_killed_while_it_waits_takes_nothing_more() {
    each_backend(|server| {
        let mut client = server.client();
        for wait in ["BLPOP list 0", "BLMOVE list other LEFT LEFT 0", "BLMPOP 0 2 no list LEFT"] {
            let mut waiting = server.client();
            let victim = id(&mut waiting);
            waiting.send(format!("{wait}\r\n").as_bytes());
            server.wait_until("it waits", |s| s.info("blocked_clients") == "1");
            let kill = format!("CLIENT KILL ID {victim}");
            client.pipeline(&["MULTI", &kill, "RPUSH list a", "EXEC"]);
            client.check("LRANGE list 0 -1", bulks(["a"]));
            assert_eq!(waiting.recv_to_end(), b"", "{wait}");
            client.check("DEL list", int(1));
        }
        is_served(server, 1);
    });
}

/// Whoever is served by an element passes it on, and the next one of the chain was killed.
#[test]
fn a_chain_of_waiting_clients_breaks_where_one_was_killed() {
    each_backend(|server| {
        let mut client = server.client();
        let mut chain: Vec<Client> = (0..10).map(|_| server.client()).collect();
        let ids: Vec<i64> = chain.iter_mut().map(id).collect();
        for (at, waiting) in chain.iter_mut().enumerate() {
            waiting.send(format!("BLMOVE list:{at} list:{} LEFT LEFT 0\r\n", at + 1).as_bytes());
        }
        server.wait_until("they wait", |s| s.info("blocked_clients") == "10");
        let kill = format!("CLIENT KILL ID {}", ids[5]);
        client.pipeline(&["MULTI", "RPUSH list:0 a", &kill, "EXEC"]);
        client.check("LRANGE list:5 0 -1", bulks(["a"]));
        for waiting in &mut chain[..5] {
            assert_eq!(waiting.recv(), bulk("a"));
        }
        assert_eq!(chain[5].recv_to_end(), b"");
        drop(chain);
        is_served(server, 1);
    });
}

#[test]
fn who_is_killed_between_messages_gets_none_after() {
    each_backend(|server| {
        let mut client = server.client();
        let mut listener = server.client();
        listener.run("SUBSCRIBE news");
        let replies = client.pipeline(&[
            "PUBLISH news first",
            "CLIENT KILL TYPE pubsub",
            "PUBLISH news second",
        ]);
        assert_eq!(replies, [int(1), int(1), int(0)]);
        let end = listener.recv_to_end();
        assert!(!String::from_utf8_lossy(&end).contains("second"));
        let mut listener = server.client3();
        let own = id(&mut listener);
        listener.run("SUBSCRIBE news");
        // It publishes to itself, and is gone before the second message.
        let kill = format!("CLIENT KILL ID {own} SKIPME no");
        listener.send(format!("PUBLISH news 1\r\n{kill}\r\nPUBLISH news 2\r\n").as_bytes());
        let end = String::from_utf8_lossy(&listener.recv_to_end()).into_owned();
        assert_eq!(end.matches("message").count(), 1, "{end}");
        is_served(server, 1);
    });
}

/// Monitors, caching clients, those who listen, queue or wait: killed in every order that chance
/// finds, by others and by themselves.
#[test]
fn nothing_is_left_of_clients_that_are_killed_in_the_middle_of_something() {
    let steps = crate::support::number("STEPS", 1000);
    let chance = RefCell::new(chance());
    each_backend(|server| {
        let identified = || {
            let mut client = server.client();
            let id = id(&mut client);
            (client, id)
        };
        let mut admin = server.client();
        admin.check("PING", simple("PONG"));
        let fds = server.fd_count();
        let mut clients: Vec<(Client, i64)> = (0..8).map(|_| identified()).collect();
        for _ in 0..steps {
            let mut chance = chance.borrow_mut();
            let (who, other) = (chance.below(clients.len()), chance.below(clients.len()));
            let kill = format!("CLIENT KILL ID {} SKIPME no", clients[other].1);
            let line = match chance.below(12) {
                0 => &kill,
                1 => &format!("MULTI\r\n{kill}\r\nRPUSH list a\r\nEXEC"),
                2 => "MULTI",
                3 => "EXEC",
                4 => "BLPOP list 0",
                5 => "BLMOVE list other LEFT LEFT 0",
                6 => "RPUSH list a b\r\nPUBLISH news hello",
                7 => "HELLO 3\r\nCLIENT TRACKING on\r\nGET key",
                8 => "SET key value",
                9 => "MONITOR",
                10 => "SUBSCRIBE news",
                _ => "WATCH key\r\nBLPOP other 0",
            };
            // It may have been killed before.
            let sent = clients[who].0.try_send(format!("{line}\r\n").as_bytes());
            if sent.is_err() || chance.below(4) == 0 {
                // That of a connection which has ended already fails.
                admin.send(format!("CLIENT KILL ID {}\r\n", clients[who].1).as_bytes());
                clients[who].0.recv_to_end();
                clients[who] = identified();
            }
        }
        drop((admin, clients));
        is_served(server, 0);
        server.wait_until("descriptors are closed", |s| s.fd_count() < fds);
    });
}
