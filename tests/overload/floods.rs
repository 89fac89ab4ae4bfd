//! Floods: more requests, queues, watches and tracked keys than there is room for.

use super::*;

/// What a client would have to be evicted for: the limit on all clients is far below a flood.
const LIMITS: [&str; 6] =
    ["--maxmemory", "32mb", "--maxmemory-policy", "allkeys-lru", "--maxmemory-clients", "4mb"];

/// Has `count` clients send `bytes` while somebody else is served, no key goes for it, and the process
/// grows by no more than `resident_max` bytes.
fn flood(server: &Server, count: usize, bytes: &[u8], resident_max: u64) -> Vec<Client> {
    let mut bystander = server.client();
    bystander.check("CLIENT NO-EVICT on", ok());
    bystander.check("DEBUG POPULATE 10000 key 500", ok());
    let resident = server.rss();
    let clients = (0..count).map(|_| {
        let mut client = server.client();
        // Who is closed meanwhile need not be heard out.
        let _ = client.try_send(bytes);
        bystander.check("PING", simple("PONG"));
        assert!(server.rss() < resident + resident_max, "{}", server.rss());
        client
    });
    let clients = clients.collect();
    bystander.check("DBSIZE", int(10_000));
    assert_eq!(server.info("evicted_keys"), "0");
    clients
}

#[test]
fn unfinished_requests_are_cut_off_at_the_limit_of_one_client() {
    const COUNT: usize = 50;
    each_backend_with(&["--client-query-buffer-limit", "1mb"], |server| {
        let arguments = [&b"$1000\r\n"[..], &[b'a'; 1000], b"\r\n"].concat().repeat(1200);
        let bytes = [b"*1250\r\n", &arguments[..]].concat();
        let _clients = flood(server, COUNT, &bytes, 2 * COUNT as u64 * MIB);
        server.wait_until("all are closed", |s| {
            number(s, "client_query_buffer_limit_disconnections") == COUNT as u64
        });
    });
}

#[test]
fn unfinished_requests_of_many_clients_evict_clients_and_no_keys() {
    each_backend_with(&LIMITS, |server| {
        let arguments = [&b"$1000\r\n"[..], &[b'a'; 1000], b"\r\n"].concat().repeat(240);
        let clients = flood(server, 300, &[b"*250\r\n", &arguments[..]].concat(), 24 * MIB);
        assert!(number(server, "evicted_clients") as usize > clients.len() - 20);
    });
}

#[test]
fn queues_of_many_clients_evict_clients_and_no_keys() {
    each_backend_with(&LIMITS, |server| {
        let queued = format!("SET key:1 {}\r\n", "v".repeat(5000)).repeat(50);
        let clients = flood(server, 300, format!("MULTI\r\n{queued}").as_bytes(), 24 * MIB);
        assert!(number(server, "evicted_clients") as usize > clients.len() - 20);
    });
}

/// The largest go first: who holds little survives a flood.
#[test]
fn small_clients_survive_a_flood() {
    each_backend_with(&LIMITS, |server| {
        let mut small: Vec<Client> = (0..100).map(|_| server.client()).collect();
        for client in &mut small {
            client.check("MULTI", ok());
            client.check("SET small 1", simple("QUEUED"));
        }
        let queued = format!("SET key:1 {}\r\n", "v".repeat(50_000)).repeat(10);
        flood(server, 50, format!("MULTI\r\n{queued}").as_bytes(), 24 * MIB);
        for client in &mut small {
            client.check("EXEC", array([ok()]));
        }
    });
}

/// However many keys one client watches already, the next one costs no more.
#[test]
fn watching_many_keys_takes_its_time_for_each_of_them_alone() {
    const KEYS: usize = 200_000;
    each_backend(|server| {
        let (mut watcher, mut client) = (server.client(), server.client());
        for first in (0..KEYS).step_by(1000) {
            let keys: Vec<String> = (first..first + 1000).map(|key| key.to_string()).collect();
            // Some of them twice.
            watcher.check(&format!("WATCH {} {}", keys.join(" "), first / 2), ok());
        }
        client.check(&format!("SET {} v", KEYS - 1), ok());
        watcher.check("MULTI", ok());
        watcher.check("SET k v", simple("QUEUED"));
        watcher.check("EXEC", Value::NilArray);
        client.check("EXISTS k", int(0));
        let used = number(server, "used_memory");
        drop(watcher);
        client.check("PING", simple("PONG"));
        assert!(number(server, "used_memory") < used + MIB);
    });
}

#[test]
fn more_tracked_keys_than_the_table_may_have_are_forgotten() {
    const KEYS: usize = 50_000;
    each_backend_with(&["--tracking-table-max-keys", "1000"], |server| {
        let mut client = server.client();
        client.check(&format!("DEBUG POPULATE {KEYS}"), ok());
        let mut tracker = server.client3();
        tracker.check("CLIENT TRACKING on", ok());
        for first in (0..KEYS).step_by(1000) {
            let keys: Vec<String> = (first..first + 1000).map(|key| format!("key:{key}")).collect();
            tracker.send(format!("MGET {}\r\n", keys.join(" ")).as_bytes());
        }
        let mut invalidated = 0;
        let mut replies = 0;
        while invalidated < KEYS - 1000 || replies < KEYS / 1000 {
            match tracker.recv() {
                Value::Push(items) => invalidated += items[1].items().len(),
                reply => replies += usize::from(reply.items().len() == 1000),
            }
        }
        server.wait_until("the table fits", |s| number(s, "tracking_total_keys") <= 1000);
        client.check("PING", simple("PONG"));
    });
}
