//! MEMORY, INFO's figures of memory, and the count of changes.

use crate::support::*;

const MIB: usize = 1024 * 1024;

fn number(server: &Server, field: &str) -> i64 {
    server.info(field).parse().expect("a number")
}

/// The fields of MEMORY STATS that a client of RESP2 sees, in their order.
fn stats(client: &mut Client) -> Vec<(String, Value)> {
    let reply = client.run("MEMORY STATS");
    let items = reply.items();
    items.chunks(2).map(|pair| (pair[0].text(), pair[1].clone())).collect()
}

#[test]
fn stats_have_the_fields_of_redis_in_its_order() {
    let reference = Server::reference(&[]);
    each_backend(|server| {
        let [ours, theirs] = [server, &reference].map(|server| {
            let mut client = server.client();
            client.check("SET k v EX 100", ok());
            client.run("SELECT 3");
            client.check("SET k v", ok());
            stats(&mut client)
        });
        // 7.0 has fewer databases' fields and the same others.
        let names = |fields: &[(String, Value)]| -> Vec<String> {
            fields.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(&ours), names(&theirs));
        for ((name, one), (_, other)) in ours.iter().zip(&theirs) {
            let same = std::mem::discriminant(one) == std::mem::discriminant(other);
            assert!(same, "{name}: {one:?} and {other:?}");
        }
    });
}

#[test]
fn stats_tell_of_keys_and_clients() {
    each_backend(|server| {
        let mut client = server.client3();
        for key in 0..100 {
            client.check(&format!("SET key:{key} value"), ok());
        }
        let text = format!("{:?}", client.run("MEMORY STATS"));
        assert!(text.contains("keys.count") && text.contains("db.0"), "{text}");
        assert!(number(server, "mem_clients_normal") > 400);
        assert!(number(server, "used_memory_overhead") > number(server, "used_memory_startup"));
        assert!(number(server, "used_memory_peak") >= number(server, "used_memory_startup"));
    });
}

#[test]
fn the_doctor_and_the_allocator_speak() {
    each_backend(|server| {
        let mut client = server.client();
        assert!(client.run("MEMORY DOCTOR").text().contains("very little memory"));
        client.check(&format!("SETRANGE k {} x", 20 * MIB), int(20 * MIB as i64 + 1));
        assert!(client.run("MEMORY DOCTOR").text().contains("can't find any memory issue"));
        client.check("DEL k", int(1));
        client.check(&format!("SETRANGE k {} x", 6 * MIB), int(6 * MIB as i64 + 1));
        server.wait_until("the large value is freed and its peak told", |server| {
            server.client().run("MEMORY DOCTOR").text().contains("Peak memory")
        });
        assert!(client.run("MEMORY MALLOC-STATS").text().contains("all blocks: used "));
    });
}

#[test]
fn purged_memory_goes_back_to_the_system() {
    each_backend(|server| {
        let mut client = server.client();
        let before = server.rss();
        client.check("DEBUG POPULATE 100000 key 100", ok());
        client.check("FLUSHALL SYNC", ok());
        client.check("MEMORY PURGE", ok());
        let after = server.rss();
        assert!(after < before + 6 * MIB as u64, "{before} and then {after}");
        client.check("SET k v", ok());
        client.check("GET k", bulk("v"));
    });
}

#[test]
fn changes_are_counted_by_element() {
    let counts = [
        ("SET s 1", 1),
        ("GET s", 0),
        ("DEL s missing", 1),
        ("MSET a 1 b 2", 2),
        ("SADD set 1 2 3 3", 3),
        ("SREM set 3 4", 1),
        ("SPOP set 5", 2),
        ("RPUSH list 1 2 3 4 5 6", 6),
        ("LTRIM list 1 4", 2),
        ("LPOP list 2", 2),
        ("LMOVE list other LEFT RIGHT", 1),
        ("LREM other 0 4", 1),
        ("HSET hash a 1 b 2", 2),
        ("HDEL hash a c", 1),
        ("ZADD zset 1 a 2 b 3 c", 3),
        ("ZADD zset 1 a 5 b", 1),
        ("ZPOPMIN zset 1", 1),
        ("ZREMRANGEBYRANK zset 0 -1", 2),
        ("EXPIRE hash 100", 1),
        ("RENAME hash renamed", 1),
        ("SETBIT bits 0 0", 1),
        ("SETBIT bits 0 0", 0),
        ("SORT list STORE sorted", 1),
        ("SWAPDB 0 1", 1),
    ];
    each_backend(|server| {
        let mut client = server.client();
        for (line, expected) in counts {
            let before = number(server, "rdb_changes_since_last_save");
            assert!(!client.run(line).is_error(), "{line}");
            assert_eq!(number(server, "rdb_changes_since_last_save") - before, expected, "{line}");
        }
    });
}
