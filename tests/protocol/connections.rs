//! Many connections, and what they leave behind: nothing.

use std::net::SocketAddr;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

use crate::support::*;

const CONNECTIONS: usize = 10_000;
const MIB: u64 = 1024 * 1024;

/// Raises this process's descriptor limit, which its servers inherit.
fn raise_descriptor_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("up to the maximum");
}

/// How many connections fit beside what the tests running in parallel need.
fn connection_count() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit).expect("a count").saturating_sub(2_000).min(CONNECTIONS)
}

fn connect_all(address: SocketAddr, count: usize) -> Vec<Client> {
    (0..count).map(|_| Client::connect(address).expect("the server accepts")).collect()
}

#[test]
fn ten_thousand_connections_and_a_disconnect_storm_leave_nothing_behind() {
    raise_descriptor_limit();
    let count = connection_count();
    each_backend_with(&["--maxclients", "12000"], |server| {
        let fds = server.fd_count();
        let mut clients = connect_all(server.address(), count);
        for client in &mut clients {
            client.send(b"SET k v\r\nGET k\r\n");
        }
        for client in &mut clients {
            assert_eq!((client.recv(), client.recv()), (ok(), bulk("v")));
        }
        assert_eq!(server.info("connected_clients"), (count + 1).to_string());
        assert!(server.rss() < 300 * MIB, "{} MiB for {count} clients", server.rss() / MIB);
        storm_away(clients);
        server.wait_until("clients are gone", |s| s.info("connected_clients") == "1");
        server.wait_until("descriptors are closed", |s| s.fd_count() <= fds);
    });
}

/// A third reset with a request in flight, a third with half a request, a third plain.
fn storm_away(clients: Vec<Client>) {
    for (number, mut client) in clients.into_iter().enumerate() {
        let farewell: &[u8] = match number % 3 {
            0 => b"GET k\r\nGET k\r\n",
            1 => b"*2\r\n$3\r\nGE",
            _ => b"",
        };
        client.send(farewell);
        client.reset();
    }
}

#[test]
fn repeated_storms_do_not_grow_the_process() {
    each_backend(|server| {
        let storm = || {
            storm_away(connect_all(server.address(), 300));
            server.wait_until("clients are gone", |s| s.info("connected_clients") == "1");
        };
        (0..3).for_each(|_| storm());
        let before = server.rss();
        (0..10).for_each(|_| storm());
        assert!(server.rss() < before + 8 * MIB, "{} -> {}", before, server.rss());
    });
}

#[test]
fn every_reply_reaches_the_client_that_asked() {
    each_backend(|server| {
        for round in 0..10 {
            let mut clients = connect_all(server.address(), 200);
            for (number, client) in clients.iter_mut().enumerate() {
                client.send(format!("ECHO {round}-{number}\r\n").as_bytes());
            }
            // Some leave at once: their descriptors are reused while replies are in flight.
            let staying = clients.split_off(100);
            clients.into_iter().for_each(Client::reset);
            for (number, mut client) in staying.into_iter().enumerate() {
                assert_eq!(client.recv(), bulk(format!("{round}-{}", number + 100)));
            }
        }
    });
}

#[test]
fn accept_recovers_when_descriptors_run_out() {
    each_backend(|server| {
        let mut first = server.client();
        first.check("PING", simple("PONG"));
        let pid = i32::try_from(server.pid()).ok().and_then(Pid::from_raw);
        let room = server.fd_count() as u64 + 10;
        let old = getrlimit(Resource::Nofile);
        let tight = Rlimit { current: Some(room), maximum: old.maximum };
        prlimit(pid, Resource::Nofile, tight).expect("our own child");
        let clients = connect_all(server.address(), 100);
        first.check("PING", simple("PONG"));
        clients.into_iter().for_each(Client::reset);
        server.wait_until("accepting again", |s| {
            let mut client = s.client();
            client.try_send(b"PING\r\n").is_ok() && client.recv() == simple("PONG")
        });
        first.check("PING", simple("PONG"));
    });
}
