//! Random commands to this server and to redis-server, both with an append log: the same records.

use super::generate::{Command, Generator};
use super::{COMMANDS_DEFAULT, setting, vocabulary};
use crate::support::aof::{Record, WITH_LOG, incr_file, lines, records};
use crate::support::*;
use std::path::PathBuf;

/// Options of commands that are met when a command is logged, so that we leave them out.
const CONDITIONS: [&[u8]; 5] = [b"NX", b"XX", b"GT", b"LT", b"GET"];
/// How far apart the servers may be asked, milliseconds.
const APART_MS: u64 = 10_000;

#[test]
fn random_commands_leave_the_records_of_redis() {
    let seed = setting("SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let count =
        setting("COMMANDS").map_or(COMMANDS_DEFAULT / 4, |n| usize::try_from(n).expect("n"));
    let (ours, theirs) = (Server::start(backends()[0], &WITH_LOG), Server::reference(&WITH_LOG));
    let (mut ours, mut theirs) = (Log::new(&ours), Log::new(&theirs));
    let syntaxes = vocabulary::shared(&mut theirs.client, &mut ours.client);
    let mut generator = Generator::new(seed, "HELLO 2", syntaxes);
    let mut told = 0;
    for _ in 0..count {
        let command = generator.next();
        if command.is("pfdebug") {
            // Redis logs the change of an encoding, which changes no value.
            continue;
        }
        let (mine, reference) = (ours.run(&command), theirs.run(&command));
        let (mine, reference) = (without_places(&mine), without_places(&reference));
        told += reference.len();
        assert!(
            agree(&mine, &reference),
            "SEED={seed}, {command:?}\n  ours:   {:#?}\n  theirs: {:#?}",
            lines(&mine),
            lines(&reference)
        );
    }
    assert!(told > count / 10, "commands that change nothing test little: {told} records");
}

/// A server and how far its log was read.
struct Log {
    client: Client,
    path: PathBuf,
    read: usize,
}

impl Log {
    fn new(server: &Server) -> Log {
        Log { client: server.client(), path: incr_file(server), read: 0 }
    }

    /// The records that a command leaves: they are in the file before its reply is sent.
    fn run(&mut self, command: &Command) -> Vec<Record> {
        self.client.cmd(&command.words);
        let (records, len) = records(&self.path, self.read);
        self.read = len;
        records
    }
}

/// Without what we say of groups beyond what Redis says: how far they are, which it leaves to what is
/// pending, and consumers that got nothing.
fn without_places(records: &[Record]) -> Vec<Record> {
    let says_it = |record: &&Record| {
        let is = |at: usize, word: &[u8]| {
            record.get(at).is_some_and(|one: &Vec<u8>| one.eq_ignore_ascii_case(word))
        };
        let place = is(1, b"setid") && record.len() == 7 || is(1, b"createconsumer");
        !(is(0, b"xgroup") && place)
    };
    let told: Vec<Record> = records.iter().filter(says_it).cloned().collect();
    // What is left alone is no transaction.
    let is_frame = |record: &Record| {
        record.len() == 1 && ["MULTI", "EXEC"].iter().any(|word| record[0] == word.as_bytes())
    };
    match told.len() < records.len() {
        true => told.into_iter().filter(|record| !is_frame(record)).collect(),
        false => told,
    }
}

/// Whether two lists of records say the same.
fn agree(ours: &[Record], theirs: &[Record]) -> bool {
    same(ours, theirs) || same(&without_expiry(ours), &without_expiry(theirs))
}

fn same(ours: &[Record], theirs: &[Record]) -> bool {
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same_record(a, b))
}

/// Keys expire when somebody notices, which is a matter of time: without the removals, and the
/// transactions that they make.
fn without_expiry(records: &[Record]) -> Vec<Record> {
    let says_it = |record: &&Record| {
        let name = record[0].to_ascii_uppercase();
        let transaction = record.len() == 1 && [&b"MULTI"[..], b"EXEC"].contains(&name.as_slice());
        let removal = record.len() == 2 && [&b"DEL"[..], b"UNLINK"].contains(&name.as_slice());
        !(transaction || removal || name == b"SELECT")
    };
    records.iter().filter(says_it).cloned().collect()
}

fn same_record(ours: &Record, theirs: &Record) -> bool {
    let (ours, theirs) = (plain(ours), plain(theirs));
    ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(a, b)| a == b || near(a, b))
}

/// A record in words that do not depend on which of several commands was chosen to say it.
fn plain(record: &Record) -> Record {
    let mut words = record.clone();
    words[0].make_ascii_uppercase();
    match words[0].as_slice() {
        b"UNLINK" if words.len() == 2 => words[0] = b"DEL".to_vec(),
        b"HSETNX" => words[0] = b"HSET".to_vec(),
        // Ours is the result where there was no field before.
        b"HINCRBY" => words[0] = b"HSET".to_vec(),
        // What was asked for is met by the time it is logged.
        b"SET" | b"PEXPIREAT" => {
            let options = if words[0] == b"SET" { 3 } else { 2 };
            let (fixed, rest) = words.split_at(options);
            let kept = rest.iter().filter(|word| {
                !CONDITIONS.iter().any(|condition| word.eq_ignore_ascii_case(condition))
            });
            let rest = kept.map(|word| word.to_ascii_uppercase());
            return fixed.iter().cloned().chain(rest).collect();
        }
        b"LMOVE" => words[3..].iter_mut().for_each(|word| word.make_ascii_uppercase()),
        // Redis says the scores.
        b"GEOADD" | b"ZADD" => words.truncate(2),
        _ => {}
    }
    if words[0] == b"ZADD" {
        words[0] = b"GEOADD".to_vec();
    }
    words
}

/// Whether two words are points in time that are near each other.
fn near(ours: &[u8], theirs: &[u8]) -> bool {
    let time = |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<i64>().ok();
    let (Some(ours), Some(theirs)) = (time(ours), time(theirs)) else { return false };
    ours > 1_000_000_000_000 && ours.abs_diff(theirs) < APART_MS
}
