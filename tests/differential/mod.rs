//! Random commands, valid and not, to this server and to redis-server: the same bytes come back.
//!
//! Both also cause the same keyspace events. The vocabulary is what they document about themselves.
//! `SEED` repeats a run, `COMMANDS` sets its length, `REFERENCE_BIN` names another redis-server;
//! what may differ stands in [`differences`] with its reason.

mod differences;
mod effects;
mod events;
mod generate;
mod permissions;
mod scripts;
pub mod vocabulary;

use crate::support::*;
use differences::Rule;
use events::Events;
use generate::{Command, Generator};

const COMMANDS_DEFAULT: usize = 20_000;
/// Limits that random commands cross. A reference that lacks one has another encoding anyway.
const LIMITS: [&str; 6] = [
    "hash-max-listpack-entries 8",
    "list-max-listpack-size 7",
    "set-max-intset-entries 6",
    "set-max-listpack-entries 10",
    "stream-node-max-entries 5",
    "zset-max-listpack-entries 8",
];
const BATCH: usize = 50;
/// Earlier commands that a report shows.
const RELATED_MAX: usize = 30;
/// Batches between two comparisons of the whole data set.
const BATCHES_PER_AUDIT: usize = 20;

#[test]
fn random_commands_get_the_replies_of_redis_in_resp2() {
    backends().into_iter().for_each(|backend| run(backend, "HELLO 2"));
}

#[test]
fn random_commands_get_the_replies_of_redis_in_resp3() {
    backends().into_iter().for_each(|backend| run(backend, "HELLO 3"));
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

fn run(backend: Backend, hello: &str) {
    let seed = setting("SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let count = setting("COMMANDS").map_or(COMMANDS_DEFAULT, |n| usize::try_from(n).expect("n"));
    println!("differential: {backend:?}, {hello}, {count} commands, SEED={seed}");
    let subject = Server::start(backend, &[]);
    let reference = Server::reference(&[]);
    let mut pair = Pair::new(&subject, &reference, hello, seed);
    LIMITS.iter().for_each(|limit| drop(pair.both(&format!("CONFIG SET {limit}"))));
    let syntaxes = vocabulary::shared(&mut pair.reference, &mut pair.subject);
    let mut generator = Generator::new(seed, hello, syntaxes);
    pair.both(hello);
    let mut events = Events::new(&subject, &reference);
    for batch in 0..count.div_ceil(BATCH) {
        let commands: Vec<_> = (0..BATCH).map(|_| generator.next()).collect();
        pair.compare(&commands);
        events.compare(seed, &commands);
        if batch % BATCHES_PER_AUDIT == 0 {
            pair.audit();
            generator.left_transaction();
        }
    }
    pair.audit();
    println!("differential: {} of {} replies were errors", pair.errors, pair.index);
    println!("differential: {} events", events.count);
    assert!(events.count > pair.index / 10, "commands that change nothing test little");
    assert!(pair.errors < pair.index / 3 * 2, "commands that fail test little");
}

/// A connection to each server, always given the same requests.
struct Pair {
    subject: Client,
    reference: Client,
    /// Fresh connections of the same protocol, for audits.
    auditors: [Client; 2],
    /// Commands that wait for EXEC.
    queued: Vec<Command>,
    /// What was sent, for the report.
    history: Vec<Command>,
    index: usize,
    errors: usize,
    seed: u64,
}

impl Pair {
    fn new(subject: &Server, reference: &Server, hello: &str, seed: u64) -> Pair {
        let mut auditors = [subject.client(), reference.client()];
        auditors.iter_mut().for_each(|client| assert!(!client.run(hello).is_error()));
        let (subject, reference) = (subject.client(), reference.client());
        let (queued, history) = (Vec::new(), Vec::new());
        Pair { subject, reference, auditors, queued, history, index: 0, errors: 0, seed }
    }

    fn both(&mut self, line: &str) -> (Value, Value) {
        (self.subject.run(line), self.reference.run(line))
    }

    /// Pipelines a batch to both servers and compares reply by reply.
    fn compare(&mut self, batch: &[Command]) {
        let bytes: Vec<u8> = batch.iter().flat_map(|command| encode(&command.words)).collect();
        self.subject.send(&bytes);
        self.reference.send(&bytes);
        for command in batch {
            let (ours, our_bytes) = self.subject.recv_with_bytes();
            let (theirs, their_bytes) = self.reference.recv_with_bytes();
            let same = our_bytes == their_bytes || self.agree(command, &ours, &theirs);
            assert!(same, "{}", self.report(command, &ours, &theirs));
            self.follow_transaction(command, &theirs);
            self.history.push(command.clone());
            self.index += 1;
            self.errors += usize::from(theirs.is_error());
        }
    }

    /// Whether a difference in bytes is one that the table of differences allows.
    fn agree(&self, command: &Command, ours: &Value, theirs: &Value) -> bool {
        if command.is("exec") && self.replies_of_queued(ours) && self.replies_of_queued(theirs) {
            let pairs = ours.items().iter().zip(theirs.items());
            return self.queued.iter().zip(pairs).all(|(c, (a, b))| agree(c, a, b));
        }
        agree(command, ours, theirs)
    }

    fn replies_of_queued(&self, reply: &Value) -> bool {
        matches!(reply, Value::Array(items) if items.len() == self.queued.len())
    }

    fn follow_transaction(&mut self, command: &Command, reply: &Value) {
        if *reply == simple("QUEUED") {
            self.queued.push(command.clone());
        } else if ["exec", "discard", "reset"].iter().any(|name| command.is(name)) {
            self.queued.clear();
        }
    }

    fn report(&self, command: &Command, ours: &Value, theirs: &Value) -> String {
        let (seed, index) = (self.seed, self.index);
        let mut text = format!("SEED={seed}, command {index}: {command:?}\n");
        if command.is("exec") {
            text += &format!("queued: {:#?}\n", self.queued);
        }
        text +=
            &format!("  ours:   {ours:?}\n  theirs: {theirs:?}\nbefore, with one of its words:\n");
        let shared =
            |earlier: &&Command| earlier.words[1..].iter().any(|w| command.words[1..].contains(w));
        let mut related: Vec<_> =
            self.history.iter().rev().filter(shared).take(RELATED_MAX).collect();
        related.reverse();
        related.into_iter().fold(text, |text, earlier| text + &format!("  {earlier:?}\n"))
    }

    /// Compares the data sets: the keys as SCAN and KEYS give them, and what each key holds.
    fn audit(&mut self) {
        if !self.queued.is_empty() || self.both("PING") == (simple("QUEUED"), simple("QUEUED")) {
            self.both("DISCARD");
            self.queued.clear();
        }
        for db in 0..16 {
            let [ours, theirs] = self.auditors.each_mut().map(|client| keys_of(client, db));
            assert_eq!(ours, theirs, "SEED={}, keys of database {db}", self.seed);
            ours.iter().for_each(|key| self.audit_key(key));
        }
    }

    fn audit_key(&mut self, key: &[u8]) {
        let questions = [
            ("TYPE", Rule::Exact),
            ("GET", Rule::Exact),
            ("LRANGE 0 -1", Rule::Exact),
            ("SMEMBERS", Rule::AnyOrder),
            ("HGETALL", Rule::AnyOrder),
            ("ZRANGE 0 -1 WITHSCORES", Rule::Doubles),
            ("XRANGE - +", Rule::Exact),
            ("XINFO GROUPS", Rule::Exact),
            ("PTTL", Rule::Near(5_000)),
        ];
        for (name, rule) in questions {
            let mut words: Vec<&[u8]> = name.split(' ').map(str::as_bytes).collect();
            words.insert(words.len().min(if words[0] == b"XINFO" { 2 } else { 1 }), key);
            let [ours, theirs] = self.auditors.each_mut().map(|client| client.cmd(&words));
            let same = rule.allows(&ours, &theirs);
            let (seed, index, key) = (self.seed, self.index, key.escape_ascii());
            assert!(same, "SEED={seed}, after {index}: {name} {key}\n{ours:?}\n{theirs:?}");
        }
        self.exchange(key);
    }

    /// Restores what each server dumps of a key at the other one, to the same signature.
    fn exchange(&mut self, key: &[u8]) {
        const COPY: &[u8] = b"copy of the audit";
        let payloads = self.auditors.each_mut().map(|client| client.cmd(&[b"DUMP", key]));
        let [Value::Bulk(ours), Value::Bulk(theirs)] = payloads else { return };
        // Streams whose consumers take version 11 cannot go there.
        let ours = if ours[ours.len() - 10] == 10 { ours } else { theirs.clone() };
        let both = self.auditors.iter_mut().zip([theirs, ours]);
        let digests: Vec<_> = both
            .map(|(client, payload)| {
                let restored = client.cmd(&[b"RESTORE", COPY, b"0", &payload]);
                assert_eq!(restored, ok(), "{} of {}", payload.escape_ascii(), key.escape_ascii());
                let digest = client.cmd(&[b"DEBUG".as_slice(), b"DIGEST-VALUE", COPY]);
                client.cmd(&[b"DEL", COPY]);
                digest
            })
            .collect();
        let (seed, index, key) = (self.seed, self.index, key.escape_ascii());
        assert_eq!(digests[0], digests[1], "SEED={seed}, after {index}: payloads of {key}");
    }
}

/// Whether a difference between the replies to one command is allowed.
fn agree(command: &Command, ours: &Value, theirs: &Value) -> bool {
    differences::agree(command, ours, theirs) || permissions::same_refusal(ours, theirs)
}

/// The keys of a database in order, by a full SCAN that must agree with KEYS and DBSIZE.
fn keys_of(client: &mut Client, db: u32) -> Vec<Vec<u8>> {
    client.check(&format!("SELECT {db}"), ok());
    let mut keys = Vec::new();
    let mut cursor = "0".to_string();
    loop {
        let reply = client.run(&format!("SCAN {cursor} COUNT 7"));
        keys.extend(reply.items()[1].items().iter().map(bytes_of));
        cursor = reply.items()[0].text();
        if cursor == "0" {
            break;
        }
    }
    keys.sort();
    keys.dedup();
    let mut listed: Vec<_> = client.run("KEYS *").items().iter().map(bytes_of).collect();
    listed.sort();
    assert_eq!(keys, listed, "SCAN and KEYS agree in database {db}");
    keys
}

fn bytes_of(value: &Value) -> Vec<u8> {
    match value {
        Value::Bulk(bytes) => bytes.clone(),
        other => panic!("a key is a string: {other:?}"),
    }
}
