//! What clients hold: counted, shown, and ended by `maxmemory-clients`, the largest first.

use crate::support::*;

/// A figure of the client of that name in CLIENT LIST; `None` if there is no such client.
fn figure(observer: &mut Client, name: &str, field: &str) -> Option<usize> {
    let text = observer.run("CLIENT LIST").text();
    let line = text.lines().find(|line| line.contains(&format!(" name={name} ")))?.to_string();
    let word = line.split(' ').find_map(|word| word.strip_prefix(&format!("{field}=")));
    word.unwrap_or_else(|| panic!("{line} lacks {field}")).parse().ok()
}

fn named(server: &Server, name: &str) -> Client {
    let mut client = server.client();
    client.check(&format!("CLIENT SETNAME {name}"), ok());
    client
}

/// A client whose unfinished request takes so many bytes.
fn hoarder(server: &Server, name: &str, bytes: usize) -> Client {
    let mut client = named(server, name);
    client.send(format!("*2\r\n${}\r\n", bytes + 1).as_bytes());
    client.send(&vec![b'v'; bytes]);
    server.wait_until("it has arrived", |s| {
        figure(&mut s.client(), name, "qbuf").is_some_and(|qbuf| qbuf == bytes)
    });
    client
}

/// A client that the server does not evict.
fn observer(server: &Server) -> Client {
    let mut client = named(server, "observer");
    client.check("CLIENT NO-EVICT on", ok());
    client
}

#[test]
fn the_largest_clients_are_evicted_first_until_the_rest_fits() {
    each_backend(|server| {
        let mut observer = observer(server);
        let _clients = [("small", 150_000), ("large", 900_000), ("middle", 400_000)]
            .map(|(name, bytes)| hoarder(server, name, bytes));
        observer.check("CONFIG SET maxmemory-clients 1000000", ok());
        server.wait_until("the largest is gone", |s| s.info("evicted_clients") == "1");
        assert_eq!(figure(&mut observer, "large", "id"), None);
        observer.check("CONFIG SET maxmemory-clients 300000", ok());
        server.wait_until("the next one is gone", |s| s.info("evicted_clients") == "2");
        assert!(figure(&mut observer, "small", "tot-mem").is_some_and(|bytes| bytes >= 150_000));
        assert!(server.log().contains("Evicting client: id="), "{}", server.log());
        observer.check("CONFIG SET maxmemory-clients 1", ok());
        server.wait_until("only the protected one stays", |s| s.info("evicted_clients") == "3");
        observer.check("PING", simple("PONG"));
    });
}

#[test]
fn every_way_to_hold_memory_is_counted() {
    each_backend(|server| {
        let mut observer = observer(server);
        observer.check("CONFIG SET maxmemory-clients 300000", ok());
        let value = "v".repeat(100_000);
        observer.check(&format!("SET large {value}"), ok());
        let repeated: [&dyn Fn(usize) -> String; 7] = [
            &|_| format!("*1\r\n$1000000\r\n{value}"),
            &|_| format!("MULTI\r\nSET k {}\r\n", &value[..60_000]),
            &|at| format!("WATCH {at}\r\n"),
            &|at| format!("SUBSCRIBE {at}\r\n"),
            &|at| format!("PSUBSCRIBE {at}\r\n"),
            &|at| format!("HELLO 3\r\nCLIENT TRACKING on BCAST PREFIX {at:08}\r\n"),
            &|_| "GET large\r\n".repeat(100),
        ];
        for (case, bytes) in repeated.iter().enumerate() {
            let mut bystander = named(server, "bystander");
            let mut client = server.client();
            let evicted = (case + 1).to_string();
            let all = (0..8_000).any(|at| {
                let gone = client.try_send(bytes(at).as_bytes()).is_err();
                gone || (at % 100 == 99 && server.info("evicted_clients") == evicted)
            });
            assert!(all, "case {case}");
            server.wait_until("it is gone", |s| s.info("evicted_clients") == evicted);
            bystander.check("PING", simple("PONG"));
        }
    });
}

#[test]
fn a_call_that_waits_counts() {
    each_backend(|server| {
        let mut observer = observer(server);
        let mut client = named(server, "waiting");
        client.send(format!("BLPOP {} 0\r\n", "k".repeat(50_000)).as_bytes());
        server.wait_until("it waits", |s| s.info("blocked_clients") == "1");
        assert!(figure(&mut observer, "waiting", "tot-mem").is_some_and(|bytes| bytes > 50_000));
    });
}

#[test]
fn the_limit_is_a_share_of_maxmemory() {
    each_backend(|server| {
        let mut observer = observer(server);
        observer.check("CONFIG SET maxmemory-clients 5%", ok());
        let _client = hoarder(server, "hoarder", 400_000);
        assert!(figure(&mut observer, "hoarder", "id").is_some());
        observer.check("CONFIG SET maxmemory 100mb", ok());
        assert!(figure(&mut observer, "hoarder", "id").is_some());
        observer.check("CONFIG SET maxmemory 7mb", ok());
        server.wait_until("it is gone", |s| s.info("evicted_clients") == "1");
    });
}

#[test]
fn evicted_in_the_middle_of_a_pipeline_a_client_gets_no_more_replies() {
    each_backend(|server| {
        let mut observer = observer(server);
        let value = "v".repeat(100_000);
        observer.check(&format!("SET large {value}"), ok());
        observer.check("CONFIG SET maxmemory-clients 500000", ok());
        let mut client = server.client();
        // One batch, whose first replies are beyond the limit already.
        client.send(&[&b"GET large\r\n".repeat(20)[..], b"SET after 1\r\n"].concat());
        client.recv_to_end();
        observer.check("EXISTS after", int(0));
        assert_eq!(server.info("evicted_clients"), "1");
    });
}

/// Wherever a reply or a message comes from, who it is for may be evicted by it.
#[test]
fn eviction_in_the_middle_of_something_leaves_the_others_alone() {
    each_backend(|server| {
        let mut observer = observer(server);
        let value = "v".repeat(200_000);
        observer.check(&format!("SET large {value}"), ok());
        observer.check("CONFIG SET maxmemory-clients 2mb", ok());
        let get = "GET large\r\n".repeat(16);
        let publish = format!("PUBLISH self {value}\r\n").repeat(16);
        let cases = [
            format!("MULTI\r\n{get}EXEC\r\nPING\r\n"),
            format!("HELLO 3\r\nSUBSCRIBE self\r\n{publish}PING\r\n"),
            format!("HELLO 3\r\nSUBSCRIBE self\r\nMULTI\r\n{get}EXEC\r\nPING\r\n"),
            format!("MONITOR\r\n{}", "PING\r\n".repeat(100)),
        ];
        for case in cases {
            let mut client = server.client();
            // It may be gone before it has sent all.
            let _ = client.try_send(case.as_bytes());
            observer.check("PING", simple("PONG"));
        }
        let mut waiting: Vec<Client> = (0..8).map(|_| server.client()).collect();
        for client in &mut waiting {
            client.send(b"BLMPOP 0 1 list LEFT COUNT 100\r\n");
        }
        server.wait_until("they wait", |s| s.info("blocked_clients") == "8");
        for _ in 0..8 {
            let pushed = observer.run(&format!("RPUSH list {value} {value} {value} {value}"));
            assert!(pushed == int(4), "a client that waits takes all");
        }
        observer.check("PING", simple("PONG"));
        server.wait_until("some are evicted", |s| s.info("evicted_clients") != "0");
    });
}

#[test]
fn a_flood_of_unfinished_requests_stays_within_the_limit() {
    each_backend(|server| {
        let mut observer = observer(server);
        observer.check("CONFIG SET maxmemory-clients 4mb", ok());
        let before = server.rss();
        let start = &b"*250\r\n$1000\r\n"[..];
        let args = [&vec![b'a'; 1000][..], b"\r\n$1000\r\n"].concat().repeat(150);
        let _flood: Vec<Client> = (0..100)
            .map(|_| {
                let mut client = server.client();
                // Who is evicted meanwhile need not be heard out.
                let _ = client.try_send(&[start, &args].concat());
                client
            })
            .collect();
        server.wait_until("enough are evicted", |s| {
            s.info("evicted_clients").parse::<u32>().is_ok_and(|count| count > 50)
        });
        observer.check("PING", simple("PONG"));
        assert!(server.rss() < before + 16 * 1024 * 1024);
    });
}

#[test]
fn full_output_buffers_evict_no_keys_and_refuse_no_writes() {
    let limit = ["--maxmemory", "32mb", "--maxmemory-policy"];
    for policy in ["allkeys-lru", "noeviction"] {
        each_backend_with(&[&limit[..], &[policy]].concat(), |server| {
            let mut client = server.client();
            client.check("SETRANGE large 1000000 x", int(1_000_001));
            client.check("DEBUG POPULATE 10000 key 500", ok());
            let _readers: Vec<Client> = (0..4)
                .map(|_| {
                    let mut reader = server.client();
                    let gets = b"GET large\r\n".repeat(30);
                    reader.send(&[b"MULTI\r\n", &gets[..], b"EXEC\r\n"].concat());
                    reader
                })
                .collect();
            server.wait_until("their output is more than the limit", |s| {
                s.info("mem_not_counted_for_evict").parse::<u64>().is_ok_and(|b| b > 32 << 20)
            });
            for key in 0..1000 {
                client.check(&format!("SET new:{key} value"), ok());
            }
            assert_eq!(server.info("evicted_keys"), "0");
            client.check("DBSIZE", int(11_001));
        });
    }
}

#[test]
fn a_queue_of_commands_is_input_that_waits() {
    each_backend_with(&["--client-query-buffer-limit", "1mb"], |server| {
        if server.is_stand_in() {
            return;
        }
        let mut client = named(server, "queue");
        client.check("MULTI", ok());
        let call = format!("SET k {}", "v".repeat(50_000));
        let closed = (0..100).any(|_| {
            let queued = client.try_send(format!("{call}\r\n").as_bytes());
            queued.is_err() || server.info("client_query_buffer_limit_disconnections") == "1"
        });
        assert!(closed);
        let log = server.log();
        assert!(log.contains("Closing client that reached max query buffer length: id="), "{log}");
    });
}

#[test]
fn buffers_of_a_huge_request_are_given_back() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("PING", simple("PONG"));
        let used = |server: &Server| -> u64 { server.info("used_memory").parse().expect("bytes") };
        let before = used(server);
        let members: Vec<String> = (0..100_000).map(|at| at.to_string()).collect();
        let words = [&["SADD".to_string(), "k".to_string()][..], &members].concat();
        assert_eq!(client.cmd(&words), int(100_000));
        client.check("UNLINK k", int(1));
        server.wait_until("memory is back", |s| used(s) < before + 200_000);
    });
}
