//! What survives the process: snapshots, payloads and the append log, their damage, and their
//! exchange with redis-server.

mod check_aof;
mod check_rdb;
mod crash;
mod disk;
mod dump;
mod exchange;
mod fault;
mod first_log;
mod loading;
mod log;
mod points;
mod power;
mod rdb;
mod simdisk;
mod snapshot;
mod steps;

use std::fs;

use crate::support::*;

/// Commands that make a key of every type in every encoding, in several databases.
const FILL: &[&str] = &[
    "CONFIG SET list-max-listpack-size 16 hash-max-listpack-entries 16",
    "CONFIG SET zset-max-listpack-entries 16 set-max-intset-entries 16",
    "SET number 12345",
    "SET negative -70000",
    "SET big 9223372036854775807",
    "SET leading 007",
    "SET text hello",
    r#"SET "binary\x00key" "\x00\xff\r\n""#,
    "SETRANGE long 3000 x",
    "SET expiring value EX 100000",
    "SET empty ''",
    "PFADD hll a b c d",
    "RPUSH list a 5 -70000 'a longer element than the others' ''",
    "SADD ints 1 2 70000",
    "SADD texts a b c 1 2",
    "HSET hash field value number 17 empty ''",
    "ZADD zset 1 a 2.5 b -inf c +inf d 0.1 e",
    "XADD stream 1-1 field value other 17",
    "XADD stream 1-2 field another other 18",
    "XADD stream 2-0 none of 'the fields' before",
    "XDEL stream 1-2",
    "XGROUP CREATE stream group 0",
    "XREADGROUP GROUP group consumer COUNT 1 STREAMS stream >",
    "SELECT 3",
    "HSET hash field value",
    "EXPIRE hash 5000",
    "SELECT 9",
    "DEBUG POPULATE 300 populated 40",
    "SELECT 0",
];

/// Makes the keys of [`FILL`] and bigger collections.
fn fill(client: &mut Client) {
    for line in FILL {
        let reply = client.run(line);
        assert!(!reply.is_error(), "{line}: {reply:?}");
    }
    for number in 0..200 {
        for line in [
            format!("RPUSH big:list {number} element:{number}"),
            format!("SADD big:set member:{number}"),
            format!("SADD big:ints {}", number * 7),
            format!("HSET big:hash field:{number} {number}"),
            format!("ZADD big:zset {} member:{number}", f64::from(number) / 3.0),
            format!("XADD big:stream {number}-1 field {number}"),
        ] {
            assert!(!client.run(&line).is_error(), "{line}");
        }
    }
}

/// The signature of all that a server holds.
fn digest(server: &Server) -> Value {
    server.client().run("DEBUG DIGEST")
}

fn snapshot_of(server: &Server) -> Vec<u8> {
    server.client().check("SAVE", ok());
    fs::read(server.dir().join("dump.rdb")).expect("a snapshot")
}

/// Waits until no snapshot is being taken.
fn wait_for_end(server: &Server) {
    server.wait_until("the snapshot is over", |server| {
        server.info("rdb_bgsave_in_progress") == "0"
            && server.info("aof_rewrite_in_progress") == "0"
    });
}

/// Has snapshots of the server wait after each key until they are given up.
const NEVER_DONE: &str = "CONFIG SET rdb-key-save-delay 1000000000";

/// Files of snapshots that were not finished.
fn unfinished(server: &Server) -> usize {
    let dirs = [server.dir().to_owned(), server.dir().join("appendonlydir")];
    let entries = dirs.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten();
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names.filter(|name| name.to_string_lossy().starts_with("temp")).count()
}
