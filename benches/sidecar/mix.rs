//! What is written and read: three mixes of keys and values.
//!
//! Invariant: a key's name and kind follow from its number alone, so that readers find what writers
//! wrote without being told.

use crate::client::encode;

/// Two weeks, as Django's sessions live: nothing expires during a run.
const TTL_SECONDS: &str = "1209600";
/// Keys that readers ask for lie among so many newest.
const RECENT: u64 = 100_000;
/// Keys of a reader's MGET.
const MGET_KEYS: u64 = 100;
/// Shortest and longest value of mixed sizes, as powers of two.
const SIZES_LOG2: (f64, f64) = (5.0, 16.0);
/// Elements that one write adds to a collection, and collections there are writes to.
const ELEMENTS: u64 = 20;
const COLLECTIONS: u64 = 50_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mix {
    /// Django sessions: keys of 64 bytes, values of 300, a TTL.
    Sessions,
    /// Strings of 32 bytes to 64 KiB, every doubling as frequent; every other one has a TTL.
    Sizes,
    /// Hashes, lists, sets and sorted sets that grow by 20 elements of 8 to 200 bytes; every other
    /// one has a TTL.
    Collections,
}

impl Mix {
    pub const ALL: [Mix; 3] = [Mix::Sessions, Mix::Sizes, Mix::Collections];

    pub fn name(self) -> &'static str {
        match self {
            Mix::Sessions => "sessions",
            Mix::Sizes => "sizes",
            Mix::Collections => "collections",
        }
    }

    /// Appends write number `number`; returns how many replies it has.
    pub fn write(self, number: u64, rng: &mut fastrand::Rng, out: &mut Vec<u8>) -> u64 {
        match self {
            Mix::Sessions => {
                let value = [b'a' + (number % 26) as u8; 300];
                encode(out, &[b"SET", &session(number), &value, b"EX", TTL_SECONDS.as_bytes()]);
                1
            }
            Mix::Sizes => {
                let value = vec![b'v'; size(rng)];
                let key = format!("size:{number:010}");
                let words: [&[u8]; 5] =
                    [b"SET", key.as_bytes(), &value, b"EX", TTL_SECONDS.as_bytes()];
                encode(out, if number.is_multiple_of(2) { &words } else { &words[..3] });
                1
            }
            Mix::Collections => add_elements(rng.u64(..COLLECTIONS), rng, out),
        }
    }

    /// Appends a read when so many writes were made; it has one reply.
    pub fn read(self, written: u64, rng: &mut fastrand::Rng, out: &mut Vec<u8>) {
        match self {
            Mix::Sessions => read_sessions(MGET_KEYS, written, rng, out),
            Mix::Sizes => {
                let key = format!("size:{:010}", recent(written, rng));
                encode(out, &[b"GET", key.as_bytes()]);
            }
            Mix::Collections => {
                let number = rng.u64(..COLLECTIONS);
                let (key, kind) = (collection(number), number % 4);
                let read: [&[&[u8]]; 4] = [
                    &[b"HGETALL", &key],
                    &[b"LRANGE", &key, b"0", b"-1"],
                    &[b"SMEMBERS", &key],
                    &[b"ZRANGE", &key, b"0", b"-1", b"WITHSCORES"],
                ];
                encode(out, read[kind as usize]);
            }
        }
    }
}

/// Appends an MGET of so many sessions.
pub fn read_sessions(keys: u64, written: u64, rng: &mut fastrand::Rng, out: &mut Vec<u8>) {
    let keys: Vec<_> = (0..keys).map(|_| session(recent(written, rng))).collect();
    let mut words: Vec<&[u8]> = vec![b"MGET"];
    words.extend(keys.iter().map(|key| key.as_slice()));
    encode(out, &words);
}

fn recent(written: u64, rng: &mut fastrand::Rng) -> u64 {
    written.saturating_sub(rng.u64(1..=RECENT))
}

/// A session's key: Django's prefix and 32 characters that look like chance.
fn session(number: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(number);
    format!(":1:django.contrib.sessions.cache{:016x}{:016x}", rng.u64(..), rng.u64(..)).into()
}

fn size(rng: &mut fastrand::Rng) -> usize {
    let (low, high) = SIZES_LOG2;
    (low + rng.f64() * (high - low)).exp2() as usize
}

fn collection(number: u64) -> Vec<u8> {
    format!("collection:{number:08}").into()
}

fn add_elements(number: u64, rng: &mut fastrand::Rng, out: &mut Vec<u8>) -> u64 {
    let key = collection(number);
    let elements: Vec<Vec<u8>> = (0..ELEMENTS)
        .map(|_| format!("{:0width$x}", rng.u32(..), width = rng.usize(8..200)).into())
        .collect();
    let score = number.to_string().into_bytes();
    let (verb, before): (&[u8], Option<&[u8]>) = match number % 4 {
        0 => (b"HSET", Some(b"field-value")),
        1 => (b"RPUSH", None),
        2 => (b"SADD", None),
        _ => (b"ZADD", Some(&score)),
    };
    let mut words: Vec<&[u8]> = vec![verb, &key];
    for element in &elements {
        // A field's name varies and its value does not; with a sorted set the score comes first.
        match (verb, before) {
            (b"HSET", Some(value)) => words.extend([element.as_slice(), value]),
            (_, Some(score)) => words.extend([score, element]),
            (_, None) => words.push(element),
        }
    }
    encode(out, &words);
    if number / 4 % 2 == 1 {
        return 1;
    }
    encode(out, &[b"EXPIRE", &key, TTL_SECONDS.as_bytes()]);
    2
}
