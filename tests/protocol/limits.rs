//! Sizes and counts at and beyond their limits: refused, bounded, nobody else disturbed.

use crate::support::*;

const MIB: u64 = 1024 * 1024;

#[test]
fn announced_lengths_cost_no_memory() {
    each_backend(|server| {
        let before = server.rss();
        let hoarders: Vec<Client> = (0..500)
            .map(|_| {
                let mut client = server.client();
                client.send(b"*1000000\r\n$536870912\r\nabc");
                client
            })
            .collect();
        server.client().check("PING", simple("PONG"));
        assert!(server.rss() < before + 64 * MIB, "{} more bytes", server.rss() - before);
        hoarders.into_iter().for_each(Client::reset);
        server.wait_until("clients are gone", |s| s.info("connected_clients") == "1");
    });
}

#[test]
fn half_requests_then_reset_leave_others_alone() {
    each_backend(|server| {
        let mut bystander = server.client();
        bystander.check("PING", simple("PONG"));
        bystander.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhe");
        let fds = server.fd_count();
        for request in ["*2\r\n$3\r\nGET\r\n$10000000\r\nabc", "*", "SET k", "*1\r\n$4\r\nPING\r"] {
            for _ in 0..50 {
                let mut client = server.client();
                client.send(request.as_bytes());
                client.reset();
            }
        }
        bystander.send(b"llo\r\nGET k\r\n");
        assert_eq!((bystander.recv(), bystander.recv()), (ok(), bulk("hello")));
        server.wait_until("descriptors are closed", |s| s.fd_count() <= fds);
    });
}

#[test]
fn proto_max_bulk_len_is_a_parameter() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("CONFIG SET proto-max-bulk-len 1mb", ok());
        let value = vec![b'x'; MIB as usize];
        assert_eq!(client.cmd(&[b"SET".as_slice(), b"k", &value]), ok());
        client.send(b"*2\r\n$3\r\nGET\r\n$1048577\r\n");
        let end = client.recv_to_end();
        assert_eq!(end, b"-ERR Protocol error: invalid bulk length\r\n");
    });
}

#[test]
fn clients_beyond_maxclients_get_redis_own_words() {
    each_backend_with(&["--maxclients", "5"], |server| {
        let mut clients: Vec<Client> = (0..5).map(|_| server.client()).collect();
        for client in &mut clients {
            client.check("PING", simple("PONG"));
        }
        for _ in 0..20 {
            let end = server.client().recv_to_end();
            assert_eq!(end, b"-ERR max number of clients reached\r\n");
        }
        clients.pop();
        server.wait_until("a place is free", |s| {
            let mut client = s.client();
            client.try_send(b"PING\r\n").is_ok() && client.recv() == simple("PONG")
        });
    });
}

#[test]
fn a_client_that_does_not_read_does_not_block_others() {
    each_backend(|server| {
        let mut client = server.client();
        let value = vec![b'x'; MIB as usize];
        assert_eq!(client.cmd(&[b"SET".as_slice(), b"k", &value]), ok());
        let mut deaf = server.client();
        deaf.send(&b"GET k\r\n".repeat(64));
        for _ in 0..100 {
            client.check("PING", simple("PONG"));
        }
        deaf.reset();
        server.wait_until("the client is gone", |s| s.info("connected_clients") == "2");
    });
}

/// Redis bounds this since 7.2.8 (CVE-2025-21605), so older servers cannot stand in.
#[test]
fn output_before_authentication_is_bounded() {
    each_backend_with(&["--requirepass", "secret"], |server| {
        if server.is_stand_in() {
            return;
        }
        let mut deaf = server.client();
        let burst = b"PING\r\n".repeat(10_000);
        let closed = (0..2_000).any(|_| deaf.try_send(&burst).is_err());
        assert!(closed, "the server closes a client that has not authenticated and does not read");
        assert!(server.rss() < 128 * MIB);
    });
}
