//! Logs go from redis-server to this one and back: the same data set, by the digest that both have.

use crate::support::aof::{WITH_LOG, incr_file};
use crate::support::*;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Requests of every type that both servers know, in and out of transactions.
const REQUESTS: &[&str] = &[
    "SET a 1",
    "APPEND a xyz",
    "SET t v EX 1000",
    "SET k v",
    "GETEX k EX 5000",
    "INCRBYFLOAT f 1.1",
    "SETRANGE r 10 x",
    "SETBIT bits 1000 1",
    "BITFIELD bits SET u8 0 255",
    "MSET m1 1 m2 2",
    "RPUSH l a b c 1 2 3",
    "LMOVE l l2 LEFT RIGHT",
    "LMPOP 1 l RIGHT COUNT 2",
    "LINSERT l BEFORE b x",
    "HSET h f v g 1",
    "HINCRBY h g 5",
    "HINCRBYFLOAT h g 0.25",
    "HDEL h f",
    "SADD s 1 2 3 a",
    "SPOP s",
    "SPOP s 2",
    "SMOVE s s2 a",
    "ZADD z 1 a 2.5 b inf c",
    "ZINCRBY z 0.1 a",
    "ZPOPMAX z",
    "ZMPOP 1 z MIN",
    "ZADD z2 1 a 2 b",
    "ZUNIONSTORE z3 2 z z2",
    "ZRANGESTORE z4 z2 0 0",
    "GEOADD geo 13.4 52.5 x",
    "PFADD hll a b c",
    "PFMERGE hll2 hll",
    "SORT s2 ALPHA STORE sorted",
    "COPY h h2",
    "RENAME h2 h3",
    "MOVE m1 5",
    "SELECT 5",
    "SET other db",
    "SELECT 0",
    "EXPIRE l2 1000",
    "PERSIST t",
    "MULTI",
    "SET in multi",
    "DEL m2",
    "SELECT 3",
    "RPUSH tx 1",
    "EXEC",
    "SELECT 0",
    "SWAPDB 3 4",
    "GETDEL r",
    "SET gone 1 PXAT 1",
    "BITOP NOT nb bits",
    "SINTERSTORE si s s2",
    "XADD st 1-* f 1",
    "XADD st MAXLEN ~ 5 * f 2 g 3",
    "XADD st * f 4",
    "XTRIM st MAXLEN 2",
    "XADD st * f 5",
];

fn fill(server: &Server) {
    let mut client = server.client();
    for (index, line) in REQUESTS.iter().cycle().take(REQUESTS.len() * 3).enumerate() {
        assert!(!client.run(line).is_error() || index >= REQUESTS.len(), "{line}");
    }
}

fn fill_more(server: &Server) {
    let mut client = server.client();
    for line in ["APPEND a more", "HSET h new 1", "ZADD z2 7 late", "LPUSH l front", "DEL f"] {
        assert!(!client.run(line).is_error(), "{line}");
    }
}

fn digest(server: &Server) -> String {
    let mut client = server.client();
    // Whoever looks removes what has expired.
    client.run("EXISTS gone");
    client.run("DEBUG DIGEST").text()
}

fn copy_log(from: &Path, to: &Path) {
    let (from, to) = (from.join("appendonlydir"), to.join("appendonlydir"));
    fs::create_dir_all(&to).expect("a directory");
    fs::read_dir(&to).expect("a directory").for_each(|entry| {
        fs::remove_file(entry.expect("an entry").path()).expect("a file");
    });
    for entry in fs::read_dir(from).expect("a directory").map(|entry| entry.expect("an entry")) {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}

#[test]
fn our_log_is_redis_log() {
    for backend in backends() {
        let (ours, mut theirs) = (Server::start(backend, &WITH_LOG), Server::reference(&WITH_LOG));
        fill(&ours);
        copy_log(ours.dir(), theirs.dir());
        theirs.restart();
        assert_eq!(digest(&ours), digest(&theirs));
        let tool =
            Command::new("redis-check-aof").arg(incr_file(&ours)).output().expect("the tool");
        let text = String::from_utf8_lossy(&tool.stdout);
        assert!(tool.status.success() && text.contains("is valid"), "{text}");
    }
}

#[test]
fn our_rewritten_log_is_redis_log() {
    for (backend, preamble) in backends().into_iter().flat_map(|each| [(each, "yes"), (each, "no")])
    {
        let args = [&WITH_LOG[..], &["--aof-use-rdb-preamble", preamble]].concat();
        let (ours, mut theirs) = (Server::start(backend, &args), Server::reference(&WITH_LOG));
        super::fill(&mut ours.client());
        fill(&ours);
        ours.client().run("BGREWRITEAOF");
        super::wait_for_end(&ours);
        fill_more(&ours);
        copy_log(ours.dir(), theirs.dir());
        theirs.restart();
        assert_eq!(digest(&ours), digest(&theirs));
        let manifest = ours.dir().join("appendonlydir/appendonly.aof.manifest");
        let tool = Command::new("redis-check-aof").arg(manifest).output().expect("the tool");
        let text = String::from_utf8_lossy(&tool.stdout);
        assert!(text.contains("All AOF files and manifest are valid"), "{text}");
    }
}

#[test]
fn redis_log_is_ours() {
    for backend in backends() {
        let (mut ours, theirs) = (Server::start(backend, &WITH_LOG), Server::reference(&WITH_LOG));
        fill(&theirs);
        // A base with keys, in Redis's own encodings, and a log behind it.
        theirs.client().run("BGREWRITEAOF");
        theirs.wait_until("it is rewritten", |server| {
            let done = server.log().contains("Background AOF rewrite finished successfully");
            done && server.info("aof_rewrite_in_progress") == "0"
        });
        fill_more(&theirs);
        copy_log(theirs.dir(), ours.dir());
        ours.restart();
        assert_eq!(digest(&ours), digest(&theirs));
    }
}
