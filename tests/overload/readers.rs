//! Clients that read slowly or not at all: what waits for them is bounded, and freed as it leaves.

use super::*;
use std::io::{Read, Write};
use std::time::Instant;

const LOST: &str = "client_output_buffer_limit_disconnections";
const CUT_OFF: &str = "scheduled to be closed ASAP for overcoming of output buffer limits";
/// What a client may have allocated beyond what waits for it: most of a block that is being sent, and
/// of another that has just begun.
const SLACK: u64 = 128 * KIB;

fn subscribers(path: &Path, count: usize) -> Vec<Client> {
    let subscribe = |_| {
        let mut client = on_socket(path);
        client.check("SUBSCRIBE news", array([bulk("subscribe"), bulk("news"), int(1)]));
        client
    };
    (0..count).map(subscribe).collect()
}

/// What waited for each client that was cut off when that happened.
fn cut_off_at(server: &Server) -> Vec<u64> {
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains(CUT_OFF));
    lines.flat_map(|line| numbers(line, "omem")).collect()
}

#[test]
fn a_hundred_subscribers_that_do_not_read_are_cut_off_at_their_limit() {
    const COUNT: u64 = 100;
    let message = "x".repeat(10_000);
    each_backend_with_socket(&[], |server, path| {
        let mut client = server.client();
        client.check("CONFIG SET client-output-buffer-limit 'pubsub 1mb 0 0'", ok());
        let _stalled = subscribers(path, COUNT as usize);
        let mut reader = server.client();
        reader.run("SUBSCRIBE news");
        let (used, resident) = (number(server, "used_memory"), server.rss());
        let (mut used_most, mut resident_most, mut published) = (0, 0, 0);
        while number(server, LOST) < COUNT {
            client.cmd(&["PUBLISH", "news", &message]);
            assert_eq!(reader.recv().items()[2].bytes(), message.as_bytes());
            used_most = used_most.max(number(server, "used_memory"));
            resident_most = resident_most.max(server.rss());
            published += 1;
            assert!(published < 300, "they are cut off");
        }
        let allowed = COUNT * (MIB + SLACK);
        assert!(used_most > used + COUNT * MIB * 9 / 10);
        assert!(used_most < used + allowed, "{} KiB each", (used_most - used) / COUNT / KIB);
        assert!(resident_most < resident + allowed + 8 * MIB, "{resident_most}");
        let cut_off = cut_off_at(server);
        assert_eq!(cut_off.len() as u64, COUNT);
        assert!(cut_off.iter().all(|omem| (MIB..MIB + 11_000).contains(omem)), "{cut_off:?}");
        server.wait_until("their memory is back", |s| number(s, "used_memory") < used + 2 * MIB);
    });
}

#[test]
fn those_who_stay_at_the_soft_limit_are_cut_off_and_one_who_catches_up_is_not() {
    each_backend_with_socket(&[], |server, path| {
        let mut client = server.client();
        client.check("CONFIG SET client-output-buffer-limit 'pubsub 0 256kb 1'", ok());
        let mut stalled = subscribers(path, 31);
        let mut late = stalled.pop().expect("one of them");
        let start = Instant::now();
        let message = "x".repeat(10_000);
        for _ in 0..60 {
            client.cmd(&["PUBLISH", "news", &message]);
        }
        let list = client.run("CLIENT LIST").text();
        assert_eq!(numbers(&list, "omem").iter().filter(|omem| **omem > 256 * KIB).count(), 31);
        (0..60).for_each(|_| assert_eq!(late.recv().items()[2].bytes(), message.as_bytes()));
        server.wait_until("the others are cut off", |s| s.info(LOST) == "30");
        assert!(start.elapsed().as_millis() >= 1000, "{:?}", start.elapsed());
        client.check("PUBLISH news end", int(1));
        assert_eq!(late.recv().items()[2], bulk("end"));
    });
}

#[test]
fn a_subscriber_may_have_32_mb_by_default() {
    each_backend_with_socket(&[], |server, path| {
        let _stalled = subscribers(path, 1);
        let (mut client, resident) = (server.client(), server.rss());
        let message = "x".repeat(1_000_000);
        let mut listeners = (0..50).map(|_| client.cmd(&["PUBLISH", "news", &message]).as_int());
        assert_eq!(listeners.by_ref().take_while(|count| *count == 1).count(), 34);
        let cut_off = cut_off_at(server);
        assert!(cut_off[0] >= 32 * MIB && cut_off[0] < 33 * MIB, "{cut_off:?}");
        assert!(server.rss() < resident + 40 * MIB);
    });
}

/// Neither a long value nor a reply of many parts takes more than it is long, and what has been taken
/// is free for others.
#[test]
fn a_large_reply_is_freed_as_it_leaves() {
    each_backend_with_socket(&[], |server, path| {
        let mut client = server.client();
        client.check("SETRANGE large 9999999 x", int(10_000_000));
        let items = vec!["y".repeat(100); 9000];
        for _ in 0..10 {
            let words = [&["RPUSH".to_string(), "list".to_string()], &items[..]].concat();
            client.cmd(&words);
        }
        for (request, len) in [("GET large", 10_000_013), ("LRANGE list 0 -1", 9_720_008)] {
            let before = number(server, "used_memory");
            let mut slow = on_socket(path);
            slow.send(format!("{request}\r\n").as_bytes());
            let omem = |client: &mut Client| {
                numbers(&client.run("CLIENT LIST").text(), "omem").into_iter().max()
            };
            server.wait_until("it waits", |s| omem(&mut s.client()) > Some(9 * MIB));
            let full = number(server, "used_memory");
            assert!(full < before + len + SLACK, "{request}: {}", full - before);
            slow.recv_bytes(6_000_000);
            server.wait_until("it is freed", |s| number(s, "used_memory") < full - 5_000_000);
            slow.recv_bytes(len as usize - 6_000_000);
            slow.check("PING", simple("PONG"));
            server.wait_until("all is free", |s| number(s, "used_memory") < before + MIB);
        }
    });
}

#[test]
fn clients_that_ask_and_do_not_read_wait_and_the_others_are_served() {
    each_backend_with_socket(&[], |server, path| {
        let mut client = server.client();
        client.check("SETRANGE large 99999 x", int(100_000));
        let used = number(server, "used_memory");
        let mut deaf: Vec<Client> = (0..50).map(|_| on_socket(path)).collect();
        for client in &mut deaf {
            client.send(&b"GET large\r\n".repeat(1000));
        }
        (0..100).for_each(|_| client.check("PING", simple("PONG")));
        // Beyond a MiB of replies nothing more is executed, though a thousand requests are there.
        // The allocator's sizes are an eighth apart.
        let each = (MIB + 100 * KIB) * 9 / 8 + SLACK;
        assert!(number(server, "used_memory") < used + 50 * each);
        let mut first = deaf.swap_remove(0);
        for _ in 0..1000 {
            assert_eq!(first.recv().bytes().len(), 100_000);
        }
        first.check("PING", simple("PONG"));
        drop((deaf, first));
        server.wait_until("they are gone", |s| s.info("connected_clients") == "2");
        server.wait_until("their memory is back", |s| number(s, "used_memory") < used + MIB);
    });
}

/// Requests that wait until their client reads are executed even if it sends nothing more.
#[test]
fn who_stops_sending_is_served_to_the_end_when_it_reads_late() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("SETRANGE large 999999 x", int(1_000_000));
        let mut late = std::net::TcpStream::connect(server.address()).expect("the server accepts");
        let requests = "GET large\r\n".repeat(50) + "SET last 1\r\n";
        late.write_all(requests.as_bytes()).expect("the server reads");
        late.shutdown(std::net::Shutdown::Write).expect("a connection");
        client.check("EXISTS last", int(0));
        let mut replies = Vec::new();
        late.read_to_end(&mut replies).expect("replies");
        assert_eq!(replies.len(), 50 * 1_000_012 + 5);
        assert!(replies.ends_with(b"+OK\r\n"));
        client.check("EXISTS last", int(1));
    });
}
