//! Tests of the keyspace as a whole, against models that cannot be wrong.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::*;
use crate::base::rng::{Rng, os_seed};
use crate::types::ValueRef;

const START: i64 = 1_700_000_000_000;

fn keyspace(seed: u64) -> Keyspace {
    let mut keyspace = Keyspace::new(16, seed);
    keyspace.set_now(START);
    keyspace
}

fn text(value: Option<ValueRef<'_>>) -> Option<Vec<u8>> {
    value.map(|value| match value {
        ValueRef::Int(number) => number.to_string().into_bytes(),
        ValueRef::Str(bytes) => bytes.to_vec(),
    })
}

fn get(db: &mut Db, key: &str) -> Option<String> {
    text(db.peek(key.as_bytes())).map(|bytes| String::from_utf8(bytes).expect("utf-8"))
}

/// A seed for a random test: `SEED` from the environment or a new one; printed either way.
fn seed() -> u64 {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(os_seed);
    println!("SEED={seed}");
    seed
}

/// What the keyspace must agree with.
#[derive(Default)]
struct Model {
    values: HashMap<Vec<u8>, Vec<u8>>,
    deadlines: HashMap<Vec<u8>, i64>,
    due: BTreeMap<i64, HashSet<Vec<u8>>>,
}

impl Model {
    fn set(&mut self, key: &[u8], value: &[u8], expiry: Expiry) {
        self.values.insert(key.to_vec(), value.to_vec());
        match expiry {
            Expiry::Keep => {}
            Expiry::Clear => self.set_deadline(key, None),
            Expiry::At(at) => self.set_deadline(key, Some(at)),
        }
    }

    fn set_deadline(&mut self, key: &[u8], at: Option<i64>) {
        if let Some(old) = self.deadlines.remove(key) {
            self.due.get_mut(&old).expect("filed").remove(key);
        }
        if let Some(at) = at {
            self.deadlines.insert(key.to_vec(), at);
            self.due.entry(at).or_default().insert(key.to_vec());
        }
    }

    fn remove(&mut self, key: &[u8]) -> bool {
        self.set_deadline(key, None);
        self.values.remove(key).is_some()
    }

    fn advance(&mut self, now: i64) {
        while let Some((&at, _)) = self.due.range(..now).next() {
            for key in self.due.remove(&at).expect("first") {
                self.deadlines.remove(&key);
                self.values.remove(&key);
            }
        }
    }
}

fn random_value(rng: &mut Rng) -> Vec<u8> {
    match rng.below(6) {
        0 => (rng.u64().cast_signed() >> rng.below(64)).to_string().into_bytes(),
        1 => Vec::new(),
        2 => vec![b'v'; 900 + rng.below(300)],
        3 => vec![b'w'; rng.below(5000)],
        _ => vec![b'x'; rng.below(100)],
    }
}

fn random_key(rng: &mut Rng) -> Vec<u8> {
    match rng.below(20) {
        0 => vec![b'L'; 200 + rng.below(100)],
        1 => Vec::new(),
        _ => format!("key:{}", rng.below(3000)).into_bytes(),
    }
}

fn random_deadline(rng: &mut Rng, now: i64) -> i64 {
    match rng.below(12) {
        0 => i64::MAX - rng.below(2) as i64,
        1 => now - 1 - rng.below(1000) as i64,
        2 => (1 << 48) - 2 + rng.below(4) as i64,
        3 => now + rng.below(1 << 40) as i64,
        4..8 => now + rng.below(300) as i64,
        _ => now + rng.below(100_000) as i64,
    }
}

#[test]
fn behaves_as_a_map_with_deadlines() {
    let seed = seed();
    let mut rng = Rng::seeded(seed);
    let (mut keyspace, mut model, mut now) = (keyspace(seed), Model::default(), START);
    for step in 0..120_000 {
        let key = random_key(&mut rng);
        let db = keyspace.db(0);
        match rng.below(12) {
            0..4 => {
                let value = random_value(&mut rng);
                let expiry = match rng.below(3) {
                    0 => Expiry::Clear,
                    1 => Expiry::Keep,
                    _ => Expiry::At(random_deadline(&mut rng, now)),
                };
                match rng.below(2) {
                    0 => db.set(&key, &value, expiry),
                    _ => db.set_vec(&key, value.clone(), expiry),
                }
                model.set(&key, &value, expiry);
            }
            4..6 => {
                let removed = if rng.below(2) == 0 { db.remove(&key) } else { db.unlink(&key) };
                assert_eq!(removed, model.remove(&key));
            }
            6 => {
                let at = (rng.below(3) > 0).then(|| random_deadline(&mut rng, now));
                let there = model.values.contains_key(&key);
                assert_eq!(db.set_deadline(&key, at), there);
                if there {
                    model.set_deadline(&key, at);
                }
            }
            7 => {
                let len = rng.below(1500);
                let value = model.values.entry(key.clone()).or_default();
                value.resize(value.len().max(len), 0);
                let bytes = db.string_mut(&key, len);
                assert_eq!(bytes, &value[..]);
                if let Some(last) = bytes.last_mut() {
                    *last = b'z';
                    *value.last_mut().expect("as long") = b'z';
                }
            }
            8 => {
                let to = random_key(&mut rng);
                let moved = model.values.get(&key).cloned();
                assert_eq!(keyspace.rename(0, &key, &to), moved.is_some());
                if let Some(value) = moved.filter(|_| key != to) {
                    let deadline = model.deadlines.get(&key).copied();
                    model.remove(&key);
                    model.set(&to, &value, Expiry::Clear);
                    model.set_deadline(&to, deadline);
                }
            }
            9 => {
                now += rng.below(200) as i64;
                keyspace.set_now(now);
                if rng.below(2) == 0 {
                    while keyspace.expire_due(1 + rng.below(64)) {}
                    assert!(keyspace.next_deadline().is_none_or(|at| at > now));
                }
            }
            _ => {}
        }
        model.advance(now);
        let db = keyspace.db(0);
        assert_eq!(text(db.read(&key)), model.values.get(&key).cloned(), "step {step}");
        let deadline = model.values.contains_key(&key).then(|| model.deadlines.get(&key).copied());
        assert_eq!(db.deadline(&key), deadline, "step {step}");
        if step % 1000 == 0 {
            while keyspace.expire_due(1000) {}
            assert_eq!(keyspace.db(0).len(), model.values.len());
            assert_eq!(keyspace.db(0).expires(), model.deadlines.len());
        }
    }
    let mut left = model.values;
    keyspace.db(0).for_each(&mut |key, value, _| {
        assert_eq!(text(Some(value)), left.remove(key));
    });
    assert!(left.is_empty());
}
