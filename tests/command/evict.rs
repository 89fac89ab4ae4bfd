//! `maxmemory`: which keys go, when a command is refused, and who is told.

use crate::support::*;

const OOM: &str = "OOM command not allowed when used memory > 'maxmemory'.";
const KEYS: usize = 2000;

/// `KEYS` keys of 1 KiB, the first half of them with a TTL, and half a MiB of room.
fn filled(server: &Server, policy: &str) -> Client {
    let mut client = server.client();
    client.check(&format!("CONFIG SET maxmemory 0 maxmemory-policy {policy}"), ok());
    client.check("FLUSHALL", ok());
    let value = "x".repeat(1000);
    for index in 0..KEYS {
        let ttl = if index < KEYS / 2 { " EX 10000" } else { "" };
        client.check(&format!("SET key:{index} {value}{ttl}"), ok());
    }
    let limit = used(&mut client) + 512 * 1024;
    client.check(&format!("CONFIG SET maxmemory {limit}"), ok());
    client
}

fn field(client: &mut Client, section: &str, name: &str) -> u64 {
    let info = client.run(&format!("INFO {section}")).text();
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.expect("a field of INFO").parse().expect("a number")
}

fn used(client: &mut Client) -> u64 {
    field(client, "memory", "used_memory")
}

/// Adds 3 MiB of keys without a TTL; the replies that are not OK.
fn overfill(client: &mut Client) -> Vec<Value> {
    let value = "y".repeat(3000);
    let replies = (0..1000).map(|index| client.run(&format!("SET new:{index} {value}")));
    replies.filter(|reply| *reply != ok()).collect()
}

/// A MiB and more at once is asked for before it is allocated: what could never fit is refused and
/// evicts nothing, for what could there is room first.
#[test]
fn no_request_allocates_beyond_the_limit() {
    each_backend(|server| {
        let mut client = filled(server, "allkeys-lru");
        client.check("CONFIG SET maxmemory 20mb", ok());
        for call in [
            "SETRANGE new 30000000 x",
            "SETBIT new 240000000 1",
            "BITFIELD new SET u8 240000000 1",
            "SETRANGE key:1 30000000 x",
        ] {
            client.check(call, err(OOM));
        }
        client.check("DBSIZE", int(KEYS as i64));
        client.check("SETRANGE large 15000000 x", int(15_000_001));
        client.check("CONFIG SET maxmemory-policy noeviction", ok());
        client.check("FLUSHALL", ok());
        client.check("SETRANGE large 12000000 x", int(12_000_001));
        client.check("SETRANGE other 12000000 x", err(OOM));
        client.check("BITOP NOT copy large", err(OOM));
        client.check(&format!("APPEND other {}", "x".repeat(2_000_000)), int(2_000_000));
        assert!(used(&mut client) < 20 << 20);
        client.check("CONFIG SET maxmemory 0", ok());
    });
}

/// Neither what a client sends nor what it is sent can grow beyond the limit.
#[test]
fn no_client_holds_more_than_the_limit() {
    each_backend_with(&["--maxmemory", "8mb"], |server| {
        let mut client = server.client();
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9000000\r\n");
        assert_eq!(client.recv(), err("ERR Protocol error: invalid bulk length"));
        let mut client = server.client();
        let argument = format!("$1000000\r\n{}\r\n", "x".repeat(1_000_000)).repeat(20);
        let request = format!("*1000\r\n$3\r\nDEL\r\n{argument}");
        let _ = client.try_send(request.as_bytes());
        server.wait_until("it is closed", |s| {
            s.info("client_query_buffer_limit_disconnections") == "1"
        });
        let mut client = server.client();
        client.check("SETRANGE large 1000000 x", int(1_000_001));
        client.send(format!("MGET{}\r\n", " large".repeat(1000)).as_bytes());
        server.wait_until("it is cut off", |s| {
            s.info("client_output_buffer_limit_disconnections") == "1"
        });
        assert!(server.rss() < 60 << 20, "{}", server.rss());
    });
}

#[test]
fn every_policy_keeps_memory_below_the_limit() {
    each_backend(|server| {
        for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"] {
            let mut client = filled(server, policy);
            assert_eq!(overfill(&mut client), []);
            let limit = field(&mut client, "memory", "maxmemory");
            // INFO's own reply is larger than that of the SETs.
            assert!(used(&mut client) <= limit + 16 * 1024, "{policy}");
            assert!(field(&mut client, "stats", "evicted_keys") > 1000, "{policy}");
            client.check("CONFIG RESETSTAT", ok());
        }
    });
}

#[test]
fn volatile_policies_spare_keys_without_a_ttl_until_nothing_else_is_left() {
    each_backend(|server| {
        for policy in ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"] {
            let mut client = filled(server, policy);
            let refused = overfill(&mut client);
            assert!(!refused.is_empty() && refused.iter().all(|reply| *reply == err(OOM)));
            let spared = (KEYS / 2..KEYS).map(|index| client.run(&format!("EXISTS key:{index}")));
            assert_eq!(spared.map(|reply| reply.as_int()).sum::<i64>(), 1000, "{policy}");
            assert_eq!(field(&mut client, "stats", "evicted_keys"), 1000, "{policy}");
            client.check("CONFIG RESETSTAT", ok());
        }
    });
}

#[test]
fn without_eviction_what_adds_is_refused_and_the_rest_is_served() {
    each_backend(|server| {
        let mut client = filled(server, "noeviction");
        client.check("CONFIG SET maxmemory 1", ok());
        let mut other = server.client();
        for line in ["SET a 1", "APPEND key:1 x", "LPUSH l 1", "INCR n", "ZADD z 1 m"] {
            client.check(line, err(OOM));
        }
        client.check("STRLEN key:1", int(1000));
        client.check("DEL key:1", int(1));
        client.check("MULTI", ok());
        for line in ["GET key:2", "WATCH key:2"] {
            client.check(line, err(OOM));
        }
        client.check("EXEC", err("EXECABORT Transaction discarded because of previous errors."));
        other.check("CONFIG SET maxmemory 0", ok());
        client.pipeline(&["MULTI", "SET a 1"]);
        other.check("CONFIG SET maxmemory 1", ok());
        client.check("EXEC", err(&format!("EXECABORT Transaction discarded because of: {OOM}")));
        client.check("EXISTS a", int(0));
        other.check("CONFIG SET maxmemory 0", ok());
        client.pipeline(&["MULTI", "GET a"]);
        other.check("CONFIG SET maxmemory 1", ok());
        client.check("EXEC", array([nil()]));
        assert!(field(&mut client, "stats", "current_eviction_exceeded_time") < 60_000);
        client.check("CONFIG SET maxmemory 0", ok());
        client.check("SET a 1", ok());
        assert_eq!(field(&mut client, "stats", "current_eviction_exceeded_time"), 0);
    });
}

#[test]
fn a_lower_limit_is_reached_without_a_command() {
    each_backend(|server| {
        let mut client = filled(server, "allkeys-lru");
        let limit = used(&mut client) - 1024 * 1024;
        client.check(&format!("CONFIG SET maxmemory {limit}"), ok());
        server.wait_until("memory is below the limit", |server| {
            server.info("used_memory").parse::<u64>().expect("bytes") <= limit + 32 * 1024
        });
        assert!(client.run("DBSIZE").as_int() > KEYS as i64 / 4);
        assert!(server.log().contains("WARNING: the new maxmemory value set via CONFIG SET"));
    });
}

#[test]
fn a_deleted_value_that_is_freed_in_slices_saves_other_keys() {
    each_backend(|server| {
        let mut client = filled(server, "allkeys-lru");
        client.check("CONFIG SET maxmemory 0", ok());
        let members: Vec<String> = (0..100_000).map(|member| format!("m{member}")).collect();
        for chunk in members.chunks(1000) {
            client.run(&format!("SADD large {}", chunk.join(" ")));
        }
        let limit = used(&mut client) + 64 * 1024;
        client.check(&format!("CONFIG SET maxmemory {limit}"), ok());
        client.check("UNLINK large", int(1));
        let replies: Vec<Value> =
            (0..500).map(|n| client.run(&format!("SET small:{n} {}", "z".repeat(1000)))).collect();
        assert!(replies.iter().all(|reply| *reply == ok()));
        assert_eq!(field(&mut client, "stats", "evicted_keys"), 0);
    });
}

#[test]
fn who_follows_evictions_is_told() {
    each_backend(|server| {
        let mut client = filled(server, "volatile-ttl");
        client.check("CONFIG SET notify-keyspace-events Ee", ok());
        let mut listener = server.client();
        assert!(!listener.run("SUBSCRIBE __keyevent@0__:evicted").is_error());
        let mut tracker = server.client3();
        tracker.check("CLIENT TRACKING ON", ok());
        assert!(!tracker.run("GET key:3").is_error());
        let mut watcher = server.client();
        watcher.pipeline(&["WATCH key:4", "MULTI", "PING"]);
        overfill(&mut client);
        let event = listener.recv().items()[2].text();
        assert!(event.starts_with("key:"), "{event}");
        let told = tracker.recv();
        assert_eq!(told, Value::Push(vec![bulk("invalidate"), bulks(["key:3"])]));
        watcher.check("EXEC", Value::NilArray);
    });
}

#[test]
fn what_a_client_caches_is_invalidated_before_the_reply() {
    each_backend(|server| {
        let mut client = server.client3();
        client.check("CONFIG SET maxmemory 0 maxmemory-policy volatile-lru", ok());
        client.check("CLIENT TRACKING ON", ok());
        client.check("SETEX volatile-key 1000 x", ok());
        client.check("GET volatile-key", bulk("x"));
        // In one packet, so that the command and not the end of the turn makes room.
        client.send(b"CONFIG SET maxmemory 1\r\nSET a 1\r\n");
        assert_eq!(client.recv(), ok());
        let told = Value::Push(vec![bulk("invalidate"), bulks(["volatile-key"])]);
        assert_eq!((client.recv(), client.recv()), (told, err(OOM)));
    });
}

#[test]
fn a_pause_protects_keys() {
    each_backend(|server| {
        let mut client = filled(server, "allkeys-random");
        client.check("CLIENT PAUSE 100000 WRITE", ok());
        client.check("CONFIG SET maxmemory 1", ok());
        client.check("DBSIZE", int(KEYS as i64));
        client.check("CLIENT UNPAUSE", ok());
        server.wait_until("all keys are evicted", |server| {
            server.info("evicted_keys") == KEYS.to_string()
        });
    });
}
