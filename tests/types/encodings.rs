//! What OBJECT ENCODING reports, on both sides of every threshold and in both directions.

use crate::support::*;

/// Runs lines on a fresh server of each driver; behind a `->` stands the encoding that `k` has then.
fn check(lines: &[&str]) {
    each_backend(|server| {
        let mut client = server.client();
        for line in lines {
            let (command, encoding) = line.split_once(" -> ").unwrap_or((line, ""));
            let reply = client.run(command);
            assert!(!reply.is_error(), "{command}: {reply:?}");
            if !encoding.is_empty() {
                assert_eq!(client.run("OBJECT ENCODING k"), bulk(encoding), "after {command}");
            }
        }
    });
}

/// Fills `k` one element a command and reports how many it had when its encoding changed.
fn changes_at(command: &str, from: &str, to: &str, element: impl Fn(usize) -> String) -> usize {
    let mut sizes = Vec::new();
    for backend in backends() {
        let server = Server::start(backend, &[]);
        let mut client = server.client();
        let size = (1..2000).find(|number| {
            let line = format!("{command} {}", element(*number));
            assert!(!client.run(&line).is_error(), "{line}");
            client.run("OBJECT ENCODING k") != bulk(from)
        });
        client.check("OBJECT ENCODING k", bulk(to));
        sizes.push(size.expect("a change"));
    }
    assert!(sizes.windows(2).all(|pair| pair[0] == pair[1]), "{sizes:?}");
    sizes[0]
}

#[test]
fn collections_change_at_the_thresholds_of_7_2() {
    let hash = changes_at("HSET k", "listpack", "hashtable", |n| format!("f{n} v"));
    let zset = changes_at("ZADD k", "listpack", "skiplist", |n| format!("{n} m{n}"));
    let texts = changes_at("SADD k", "listpack", "hashtable", |n| format!("m{n}"));
    let numbers = changes_at("SADD k", "intset", "hashtable", |n| n.to_string());
    assert_eq!((hash, zset, texts, numbers), (513, 129, 129, 513));
    // Eight KiB, header and lengths included.
    let list = changes_at("RPUSH k", "listpack", "quicklist", |_| "x".repeat(100));
    assert_eq!(list, 80);
}

#[test]
fn one_element_can_be_too_long() {
    let (fits, long) = ("x".repeat(64), "x".repeat(65));
    let [hash_fits, hash_long] = [&fits, &long].map(|text| format!("HSET k f {text}"));
    let [field_fits, field_long] = [&fits, &long].map(|text| format!("HSET k {text} v"));
    let [set_fits, set_long] = [&fits, &long].map(|text| format!("SADD k {text}"));
    let [zset_fits, zset_long] = [&fits, &long].map(|text| format!("ZADD k 1 {text}"));
    check(&[
        &format!("{hash_fits} -> listpack"),
        &format!("{field_fits} -> listpack"),
        &format!("{hash_long} -> hashtable"),
        "DEL k",
        &format!("{field_long} -> hashtable"),
        "DEL k",
        &format!("{set_fits} -> listpack"),
        &format!("{set_long} -> hashtable"),
        "DEL k",
        &format!("{zset_fits} -> listpack"),
        &format!("{zset_long} -> skiplist"),
    ]);
}

#[test]
fn hashes_follow_their_parameters() {
    check(&[
        "CONFIG SET hash-max-listpack-entries 3 hash-max-listpack-value 5",
        "HSET k a 1 b 2 c 3 -> listpack",
        "HSET k a 12345 -> listpack",
        "HSETNX k d 4 -> hashtable",
        "HDEL k b c d -> hashtable",
        "DEL k",
        "HSET k f 123456 -> hashtable",
        "DEL k",
        "HSET k a 1 b 2 c 3 -> listpack",
        "HINCRBY k d 1 -> hashtable",
        "DEL k",
        "HINCRBYFLOAT k a 0.5 -> listpack",
        "HMSET k a 1 b 2 c 3 d 4 -> hashtable",
        "DEL k",
        "HSET k a 1 b 2 -> listpack",
        // What is there already changes with its next write only.
        "CONFIG SET hash-max-listpack-entries 0 -> listpack",
        "HSET k a 2 -> hashtable",
    ]);
}

#[test]
fn sets_follow_their_parameters() {
    check(&[
        "CONFIG SET set-max-intset-entries 3 set-max-listpack-entries 4 set-max-listpack-value 5",
        "SADD k 1 2 3 -> intset",
        "SADD k 4 -> hashtable",
        "SREM k 2 3 4 -> hashtable",
        "DEL k",
        "SADD k 1 2 -> intset",
        "SADD k a -> listpack",
        "SADD k b c -> hashtable",
        "DEL k",
        "SADD k 1 2 -> intset",
        "SADD k 123456 -> intset",
        "SADD k abcdef -> hashtable",
        "DEL k",
        "SADD k 1 123456 -> intset",
        // A number that is too long for a listpack decides like any other element.
        "SADD k a -> hashtable",
        "DEL k",
        // How many are announced counts, not how many are different.
        "SADD k a a a a a -> hashtable",
        "DEL k",
        "SADD k 01 -> listpack",
        "SADD k 1 -> listpack",
    ]);
}

#[test]
fn sets_of_numbers_come_back_as_such() {
    check(&[
        "SADD a 1 2 3 x",
        "SADD b 2 3 4 y",
        "SINTERSTORE k a b -> intset",
        "SUNIONSTORE k a b -> listpack",
        "SADD c 1 2",
        "SUNIONSTORE k c -> intset",
        "SDIFFSTORE k a b -> listpack",
        "SMOVE a k 2 -> listpack",
    ]);
}

#[test]
fn sorted_sets_follow_their_parameters() {
    check(&[
        "CONFIG SET zset-max-listpack-entries 3 zset-max-listpack-value 5",
        "ZADD k 1 a 2 b 3 c -> listpack",
        "ZADD k 9 a -> listpack",
        "ZADD k 4 d -> skiplist",
        "ZREM k b c d -> skiplist",
        "ZUNIONSTORE k 1 k -> listpack",
        "ZINCRBY k 1 abcdef -> skiplist",
        "DEL k",
        "ZADD k 1 a 1 a 1 a 1 a -> skiplist",
        "DEL k z",
        "ZADD z 1 a 2 b 3 c 4 d",
        "ZRANGESTORE k z 0 2 -> listpack",
        "ZRANGESTORE k z 0 -1 -> skiplist",
        "DEL k",
        "GEOADD k 1 1 a 1 1 b 1 1 c -> listpack",
        "GEOADD k 1 1 d -> skiplist",
        "DEL k",
        "GEOSEARCHSTORE k z FROMMEMBER a BYRADIUS 1 km COUNT 3 -> listpack",
        "GEOSEARCHSTORE k z FROMMEMBER a BYRADIUS 1 km -> skiplist",
    ]);
}

#[test]
fn lists_follow_their_parameter_and_come_back() {
    check(&[
        "CONFIG SET list-max-listpack-size 4",
        "RPUSH k a b c d -> listpack",
        "RPUSH k e -> quicklist",
        // Half of the limit, or a list at the limit would change with every push and pop.
        "RPOP k -> quicklist",
        "LPOP k 2 -> listpack",
        "LPUSH k x y z -> quicklist",
        // The two that are left stand in two nodes.
        "LTRIM k 0 1 -> quicklist",
        "LPOP k -> listpack",
        "RPUSH k 1 2 3 4 -> quicklist",
        "LINSERT k BEFORE 1 0 -> quicklist",
        "LREM k 0 x -> quicklist",
        "LREM k 0 4",
        "LREM k 0 3",
        "LREM k 0 2",
        "LREM k 0 1 -> listpack",
    ]);
}

#[test]
fn copies_and_renames_keep_the_encoding() {
    check(&[
        "CONFIG SET hash-max-listpack-entries 2",
        "HSET h a 1 b 2 c 3",
        "HDEL h b c",
        "COPY h k -> hashtable",
        "DEL k",
        "RENAME h k -> hashtable",
        "DEL k",
        "SADD s 1 2 3",
        "COPY s k -> intset",
        "COPY k other DB 1",
        "SELECT 1",
        "RENAME other k -> intset",
    ]);
}
