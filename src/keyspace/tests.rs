//! Tests of the keyspace as a whole, against models that cannot be wrong.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::lazyfree::STRING_BYTES_MIN;
use super::*;
use crate::base::rng::{Rng, os_seed};
use crate::ds::listpack::Item;
use crate::types::hash::{self, Hash, Ttl};
use crate::types::list::{List, ListRef, NodeLimit};
use crate::types::set::{self, Set};
use crate::types::zset::{self, Zset};
use crate::types::{Encoding, StringRef, Value, ValueRef, ValueType};

const START: i64 = 1_700_000_000_000;

fn keyspace(seed: u64) -> Keyspace {
    let mut keyspace = Keyspace::new(16, seed);
    keyspace.set_now(START);
    keyspace
}

fn text(value: Option<ValueRef<'_>>) -> Option<Vec<u8>> {
    value.map(|value| match value {
        ValueRef::String(StringRef::Int(number)) => number.to_string().into_bytes(),
        ValueRef::String(StringRef::Str(bytes)) => bytes.to_vec(),
        other => panic!("no string but {other:?}"),
    })
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
                let removed = db.remove(&key);
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

#[test]
fn a_key_is_there_in_the_millisecond_of_its_deadline_and_gone_in_the_next() {
    for active in [true, false] {
        let mut keyspace = keyspace(1);
        keyspace.set_policy(Policy { active_expire: active, ..Policy::default() });
        keyspace.db(0).set(b"k", b"v", Expiry::At(START + 10));
        keyspace.set_now(START + 10);
        assert!(!keyspace.expire_due(100) && keyspace.db(0).exists(b"k"));
        keyspace.set_now(START + 11);
        if active {
            assert!(keyspace.next_deadline() <= Some(START + 11));
            assert!(!keyspace.expire_due(100));
            assert_eq!((keyspace.db(0).len(), keyspace.counters().expired_keys), (0, 1));
        } else {
            assert!(!keyspace.expire_due(100) && keyspace.next_deadline().is_none());
            assert_eq!(keyspace.db(0).len(), 1);
        }
        assert!(keyspace.db(0).peek(b"k").is_none());
        assert_eq!((keyspace.db(0).len(), keyspace.counters().expired_keys), (0, 1));
    }
}

#[test]
fn waking_at_next_deadline_removes_each_key_on_time() {
    let mut keyspace = keyspace(2);
    let mut rng = Rng::seeded(2);
    let mut deadlines = BTreeMap::new();
    for index in 0..2000 {
        let at = START + 1 + rng.below(10_000_000) as i64;
        *deadlines.entry(at).or_insert(0usize) += 1;
        let db = keyspace.db(index % 16);
        db.set(index.to_string().as_bytes(), b"v", Expiry::At(START + 20_000_000));
        assert!(db.set_deadline(index.to_string().as_bytes(), Some(at)));
    }
    let mut left = 2000;
    while let Some(now) = keyspace.next_deadline() {
        keyspace.set_now(now);
        while keyspace.expire_due(7) {}
        let gone: usize = deadlines.range(..now).map(|(_, count)| count).sum();
        deadlines = deadlines.split_off(&now);
        left -= gone;
        assert_eq!((0..16).map(|db| keyspace.db(db).len()).sum::<usize>(), left);
    }
    assert_eq!((left, keyspace.counters().expired_keys), (0, 2000));
}

#[test]
fn rewriting_one_key_with_a_deadline_does_not_grow_the_wheel() {
    let mut keyspace = keyspace(3);
    for round in 0..300_000 {
        let db = keyspace.db(0);
        db.set(b"k", b"v", Expiry::At(START + 3_600_000 + round));
        if round % 3 == 0 {
            db.remove(b"k");
        }
        if keyspace.next_deadline().is_some_and(|at| at <= START) {
            keyspace.expire_due(1000);
        }
        assert!(keyspace.memory().timer_records < 70_000);
    }
    for round in 0..1_000_000 {
        keyspace.db(0).set(b"other", b"v", Expiry::At(START + 3_600_000 + round));
    }
    assert!(keyspace.memory().timer_records < 70_000, "extending adds nothing");
}

/// Keys come, are extended and go before their deadlines, with more and fewer there.
#[test]
fn keys_that_went_leave_few_records_behind_and_no_other_key_is_late() {
    let (mut keyspace, mut rng, mut deadlines) = (keyspace(7), Rng::seeded(7), BTreeMap::new());
    for round in 0..200_000u64 {
        keyspace.set_now(START + round as i64 / 20);
        let below = if round % 100_000 < 50_000 { 20_000 } else { 2_000 };
        let key = rng.below(below).to_le_bytes();
        let (now, more) = (keyspace.now(), 1 + rng.below(1 << 24) as i64);
        match keyspace.db(0).deadline(&key).flatten() {
            None => keyspace.db(0).set(&key, b"v", Expiry::At(now + more)),
            Some(_) if rng.below(2) == 0 => assert!(keyspace.db(0).remove(&key)),
            // Now and then it is shortened.
            Some(_) if rng.below(50) == 0 => keyspace.db(0).set(&key, b"v", Expiry::At(now + 1000)),
            Some(old) => assert!(keyspace.db(0).set_deadline(&key, Some(old + more))),
        }
        if round % 16 == 0 {
            keyspace.expire_due(256);
            let (records, keys) = (keyspace.memory().timer_records, keyspace.db(0).expires());
            assert!(records < keys + keys / 4 + 4000, "{records} records of {keys} keys");
        }
    }
    for key in (0..20_000usize).map(usize::to_le_bytes) {
        if let Some(Some(deadline)) = keyspace.db(0).deadline(&key) {
            *deadlines.entry(deadline).or_insert(0) += 1;
        }
    }
    for (deadline, keys) in deadlines {
        let before = keyspace.db(0).len();
        keyspace.set_now(deadline);
        while keyspace.expire_due(100_000) {}
        assert_eq!(keyspace.db(0).len(), before);
        keyspace.set_now(deadline + 1);
        while keyspace.expire_due(100_000) {}
        assert_eq!(keyspace.db(0).len(), before - keys);
    }
}

#[test]
fn a_renewed_wheel_forgets_no_key() {
    let mut keyspace = keyspace(4);
    for index in 0..5000u32 {
        keyspace.db(0).set(&index.to_le_bytes(), b"v", Expiry::At(START + 5000));
    }
    for round in 0..100_000 {
        let db = keyspace.db(0);
        db.set(b"churn", b"v", Expiry::At(START + 100_000 - round));
        db.remove(b"churn");
        // Splits, merges and new keys while the renewal walks.
        db.set(&(5000 + round as u32).to_le_bytes(), b"v", Expiry::Clear);
        db.remove(&(round as u32 / 2 + 5000).to_le_bytes());
        keyspace.expire_due(if round > 80_000 { 64 } else { 0 });
    }
    assert_eq!(keyspace.db(0).expires(), 5000);
    keyspace.set_now(START + 5001);
    while keyspace.expire_due(100) {}
    assert_eq!((keyspace.db(0).expires(), keyspace.counters().expired_keys), (0, 5000));
}

#[test]
fn a_clock_that_went_back_delays_no_deadline_set_afterwards() {
    let mut keyspace = keyspace(5);
    keyspace.db(0).set(b"a", b"v", Expiry::At(START + 7_200_000));
    keyspace.set_now(START + 3_600_000);
    while keyspace.expire_due(100) {}
    keyspace.set_now(START);
    keyspace.db(0).set(b"b", b"v", Expiry::At(START + 10));
    while keyspace.expire_due(1000) {}
    keyspace.set_now(START + 11);
    while keyspace.expire_due(1000) {}
    assert_eq!(keyspace.db(0).len(), 1);
}

#[test]
fn many_keys_due_at_once_are_removed_in_slices() {
    let mut keyspace = keyspace(6);
    for index in 0..10_000u32 {
        keyspace.db(0).set(&index.to_le_bytes(), b"v", Expiry::At(START + 1000));
    }
    keyspace.set_now(START + 2000);
    let mut slices = 1;
    while keyspace.expire_due(100) {
        assert!(keyspace.counters().expired_keys <= slices * 100);
        slices += 1;
    }
    assert!(slices >= 100 && keyspace.db(0).is_empty());
    assert_eq!(keyspace.next_deadline(), None);
}

/// All keys of a scan with `count`, each with how often it was visited; `between` runs after every
/// call.
fn scan_all(
    keyspace: &mut Keyspace,
    count: usize,
    mut between: impl FnMut(&mut Keyspace),
) -> HashMap<Vec<u8>, usize> {
    let (mut seen, mut cursor) = (HashMap::new(), 0);
    loop {
        cursor = keyspace.db(0).scan(cursor, count, &mut |key, value_type| {
            assert_eq!(value_type, ValueType::String);
            *seen.entry(key.to_vec()).or_default() += 1;
        });
        if cursor == 0 {
            return seen;
        }
        between(keyspace);
    }
}

#[test]
fn a_scan_of_a_quiet_database_visits_every_key_once() {
    for (keys, count) in [(0, 10), (1, 1), (100, 7), (5000, 10), (5000, 100_000)] {
        let mut keyspace = keyspace(7);
        for index in 0..keys {
            keyspace.db(0).set(format!("k{index}").as_bytes(), b"1", Expiry::Clear);
        }
        let seen = scan_all(&mut keyspace, count, |_| {});
        assert!(seen.len() == keys && seen.values().all(|&visits| visits == 1));
    }
}

#[test]
fn what_is_present_throughout_a_scan_is_visited_exactly_once() {
    let seed = seed();
    let mut rng = Rng::seeded(seed);
    for round in 0..30 {
        let mut keyspace = keyspace(seed + round);
        let stable: Vec<Vec<u8>> = (0..300).map(|i| format!("stable{i}").into_bytes()).collect();
        stable.iter().for_each(|key| keyspace.db(0).set(key, b"v", Expiry::Clear));
        // Grows through splits, shrinks through merges, or both, while the scan runs.
        let mut next = 0u64;
        let mut target = 4000 * (rng.below(2) as u64);
        (0..target)
            .for_each(|i| keyspace.db(0).set(format!("t{i}").as_bytes(), b"v", Expiry::Clear));
        next = next.max(target);
        let seen = scan_all(&mut keyspace, 1 + rng.below(30), |keyspace| {
            if rng.below(40) == 0 {
                target = 6000 * rng.below(2) as u64;
            }
            for _ in 0..rng.below(200) {
                if next < target {
                    keyspace.db(0).set(format!("t{next}").as_bytes(), b"v", Expiry::Clear);
                    next += 1;
                } else if next > target {
                    next -= 1;
                    keyspace.db(0).remove(format!("t{next}").as_bytes());
                }
            }
        });
        assert!(stable.iter().all(|key| seen.get(key) == Some(&1)), "round {round}");
    }
}

#[test]
fn a_scan_survives_a_flush_and_any_cursor() {
    let mut keyspace = keyspace(8);
    for index in 0..5000u32 {
        keyspace.db(0).set(&index.to_le_bytes(), b"v", Expiry::Clear);
    }
    let cursor = keyspace.db(0).scan(0, 100, &mut |_, _| {});
    assert!(cursor > 0);
    keyspace.flush(Some(0), FlushMode::Async);
    keyspace.db(0).set(b"k", b"v", Expiry::Clear);
    keyspace.db(0).scan(cursor, 100, &mut |_, _| {});
    assert_eq!(keyspace.db(0).scan(u64::MAX, 100, &mut |_, _| panic!("beyond the end")), 0);
    assert_eq!(scan_all(&mut keyspace, 10, |_| {}).len(), 1);
}

#[test]
fn a_scan_skips_keys_past_their_deadline() {
    let mut keyspace = keyspace(9);
    keyspace.db(0).set(b"gone", b"v", Expiry::At(START + 1));
    keyspace.db(0).set(b"here", b"v", Expiry::Clear);
    keyspace.set_now(START + 2);
    assert_eq!(scan_all(&mut keyspace, 10, |_| {}).len(), 1);
    assert_eq!(keyspace.db(0).random_key(), Some(b"here".to_vec()));
    assert_eq!((keyspace.db(0).random_key(), keyspace.db(0).len()), (Some(b"here".to_vec()), 1));
}

#[test]
fn encodings_are_those_of_redis() {
    let mut keyspace = keyspace(10);
    let db = keyspace.db(0);
    let mut encoding = |value: &[u8]| {
        db.set(b"k", value, Expiry::Clear);
        db.info(b"k").expect("just set").encoding
    };
    assert_eq!(encoding(b"12"), Encoding::Int);
    assert_eq!(encoding(b"-9223372036854775808"), Encoding::Int);
    assert_eq!(encoding(b"012"), Encoding::Embstr);
    assert_eq!(encoding(&[b'x'; 44]), Encoding::Embstr);
    assert_eq!(encoding(&[b'x'; 45]), Encoding::Raw);
    assert_eq!(encoding(&[b'x'; 4500]), Encoding::Raw);
    db.set(b"k", b"12", Expiry::Clear);
    assert_eq!(db.string_mut(b"k", 3), b"12\0");
    assert_eq!(db.info(b"k").expect("there").encoding, Encoding::Raw);
    db.set_text(b"k", b"12", Expiry::Clear);
    assert_eq!(db.info(b"k").expect("there").encoding, Encoding::Embstr);
    assert_eq!(db.string_mut(b"new", 2), [0, 0]);
    assert_eq!(db.info(b"new").expect("there").encoding, Encoding::Raw);
}

#[test]
fn a_number_is_updated_in_its_place_or_elsewhere() {
    let mut keyspace = keyspace(10);
    let db = keyspace.db(0);
    let flag = Rc::new(Cell::new(false));
    db.set(b"k", b"12", Expiry::At(START + 5));
    for (old, new) in [(12, 13), (13, 1300), (1300, -5), (-5, i64::MIN)] {
        db.watch(b"k", &flag);
        let next = |value: Option<ValueRef<'_>>| match value {
            Some(ValueRef::String(StringRef::Int(number))) if number == old => Ok(new),
            _ => Err(()),
        };
        assert_eq!(db.update_int(b"k", next), Ok(new));
        assert!(flag.replace(false), "watchers are told");
        assert_eq!(db.deadline(b"k"), Some(Some(START + 5)));
        assert_eq!(db.update_int(b"k", next), Err(()));
        assert!(!flag.get());
    }
}

#[test]
fn lookups_leave_the_traces_they_promise() {
    let mut keyspace = keyspace(11);
    keyspace.db(0).set(b"k", b"v", Expiry::Clear);
    let idle = |keyspace: &mut Keyspace| keyspace.db(0).info(b"k").expect("there").idle_seconds;
    keyspace.set_now(START + 5000);
    assert!(keyspace.db(0).peek(b"k").is_some() && idle(&mut keyspace) == 5);
    keyspace.set_touch(false);
    assert!(keyspace.db(0).read(b"k").is_some() && idle(&mut keyspace) == 5);
    keyspace.set_touch(true);
    assert!(keyspace.db(0).read(b"k").is_some() && idle(&mut keyspace) == 0);
    keyspace.set_now(START + 9000);
    assert!(keyspace.db(0).write_lookup(b"k").is_some() && idle(&mut keyspace) == 0);
    assert!(!keyspace.db(0).exists(b"missing"));
    let counters = keyspace.counters();
    assert_eq!((counters.hits, counters.misses), (2, 1));
    keyspace.reset_counters();
    assert_eq!(keyspace.counters(), Counters::default());
}

#[test]
fn frequency_rises_with_use_and_decays_with_time() {
    let mut keyspace = keyspace(12);
    keyspace.set_policy(Policy { order: Order::Lfu, ..Policy::default() });
    let frequency = |keyspace: &mut Keyspace| keyspace.db(0).info(b"k").expect("there").frequency;
    keyspace.db(0).set(b"k", b"v", Expiry::Clear);
    assert_eq!(frequency(&mut keyspace), 5);
    (0..10_000).for_each(|_| assert!(keyspace.db(0).exists(b"k")));
    let used = frequency(&mut keyspace);
    assert!((20..100).contains(&used), "{used}");
    keyspace.set_now(START + 3 * 60_000);
    assert_eq!(frequency(&mut keyspace), used - 3);
    keyspace.set_now(START + 600 * 60_000);
    assert_eq!(frequency(&mut keyspace), 0);
}

#[test]
fn keys_move_between_databases_with_their_deadline() {
    let mut keyspace = keyspace(13);
    for value in [&b"12"[..], b"text", &[b'x'; 3000]] {
        keyspace.db(0).set(b"k", value, Expiry::At(START + 50));
        assert_eq!(keyspace.move_key(0, 1, b"k"), MoveOutcome::Moved);
        assert_eq!(keyspace.move_key(0, 1, b"k"), MoveOutcome::NoKey);
        keyspace.db(0).set(b"k", b"other", Expiry::Clear);
        assert_eq!(keyspace.move_key(0, 1, b"k"), MoveOutcome::TargetExists);
        assert_eq!(keyspace.copy_key(1, b"k", 0, b"k", false), CopyOutcome::TargetExists);
        assert_eq!(keyspace.copy_key(1, b"k", 0, b"k", true), CopyOutcome::Copied);
        assert_eq!(keyspace.copy_key(1, b"no", 0, b"k", true), CopyOutcome::NoKey);
        for db in 0..2 {
            assert_eq!(text(keyspace.db(db).peek(b"k")), Some(value.to_vec()));
            assert_eq!(keyspace.db(db).deadline(b"k"), Some(Some(START + 50)));
            assert!(keyspace.db(db).remove(b"k"));
        }
    }
}

#[test]
fn deadlines_are_reported_as_they_were_set() {
    let mut keyspace = keyspace(14);
    let db = keyspace.db(0);
    db.set(b"k", b"v", Expiry::Clear);
    assert_eq!((db.deadline(b"k"), db.deadline(b"no"), db.avg_ttl()), (Some(None), None, 0));
    for at in [START, (1 << 48) - 1, 1 << 48, i64::MAX] {
        assert!(db.set_deadline(b"k", Some(at)));
        assert_eq!((db.deadline(b"k"), db.expires()), (Some(Some(at)), 1));
        assert_eq!(db.avg_ttl(), at - START);
    }
    db.set(b"k", b"v2", Expiry::Keep);
    assert_eq!(db.deadline(b"k"), Some(Some(i64::MAX)));
    assert!(db.set_deadline(b"k", None) && !db.set_deadline(b"no", None));
    assert_eq!((db.deadline(b"k"), db.expires()), (Some(None), 0));
}

#[test]
fn an_entry_that_a_deadline_makes_too_large_stays_whole() {
    let mut keyspace = keyspace(15);
    for len in 1000..1024 {
        let value = vec![b'x'; len];
        keyspace.db(0).set(b"k", &value, Expiry::Clear);
        keyspace.db(0).set_deadline(b"k", Some(i64::MAX));
        assert_eq!(text(keyspace.db(0).peek(b"k")), Some(value));
        assert_eq!(keyspace.db(0).deadline(b"k"), Some(Some(i64::MAX)));
    }
}

#[test]
fn flushing_later_frees_in_slices() {
    let mut keyspace = keyspace(20);
    for index in 0..3000u32 {
        let value = vec![b'x'; if index % 2 == 0 { 10 } else { 2000 }];
        keyspace.db(2).set(&index.to_le_bytes(), &value, Expiry::At(START + 1000));
    }
    assert_eq!(keyspace.flush(None, FlushMode::Async), 3000);
    assert!(keyspace.db(2).is_empty() && keyspace.next_deadline().is_none());
    assert_eq!(keyspace.counters().lazyfree_pending, 3000);
    let mut slices = 1;
    while keyspace.lazyfree(1) {
        slices += 1;
    }
    let counters = keyspace.counters();
    assert!(slices > 5 && counters.lazyfree_pending == 0 && counters.lazyfreed == 3000);
}

#[test]
fn a_large_value_is_freed_later_however_it_went() {
    let mut keyspace = keyspace(21);
    let db = keyspace.db(0);
    for key in [b"removed", b"written", b"expired"] {
        let expiry = if key == b"expired" { Expiry::At(START) } else { Expiry::Clear };
        db.set_vec(key, vec![0; STRING_BYTES_MIN], expiry);
    }
    db.set(b"small", b"v", Expiry::Clear);
    assert!(db.remove(b"small") && db.remove(b"removed") && !db.remove(b"removed"));
    db.set(b"written", b"v", Expiry::Clear);
    keyspace.set_now(START + 1);
    assert!(!keyspace.db(0).exists(b"expired"));
    assert_eq!(keyspace.counters().lazyfree_pending, 3);
    assert!(!keyspace.lazyfree(10));
    assert_eq!((keyspace.counters().lazyfreed, keyspace.counters().lazyfree_pending), (3, 0));
}

/// A big value of each collection type.
fn big_values() -> [Value; 4] {
    let numbers: Vec<[u8; 4]> = (0..100_000u32).map(u32::to_be_bytes).collect();
    let (mut set, mut zset, mut hash) = (Set::new(), Zset::new(), Hash::new());
    for number in &numbers {
        let limits = set::Limits { intset_entries: 0, listpack_entries: 0, listpack_value: 0 };
        set.add(Item::Text(number), &limits);
        zset.update(number, zset::Limits { entries: 0, value: 0 }, |_| Some(1.0));
        hash.set(number, b"v", Ttl::Clear, 0, hash::Limits { fields_max: 0, bytes_max: 0 });
    }
    let list = List::collect(numbers.iter().map(|number| &number[..]), NodeLimit::new(-2));
    [Value::List(list), Value::Set(set), Value::Zset(zset), Value::Hash(hash)]
}

#[test]
fn big_collections_are_freed_in_pieces_however_they_went() {
    let ways: [fn(&mut Keyspace); 4] = [
        |keyspace| assert!(keyspace.db(0).remove(b"k")),
        |keyspace| keyspace.db(0).set(b"k", b"v", Expiry::Clear),
        |keyspace| {
            keyspace.set_now(START + 1);
            assert!(!keyspace.expire_due(100));
        },
        |keyspace| assert_eq!(keyspace.flush(Some(0), FlushMode::Async), 1),
    ];
    for way in ways {
        let mut keyspace = keyspace(24);
        for value in big_values() {
            let value_type = value.value_type();
            keyspace.set_now(START);
            keyspace.db(0).put_value(b"k", value, Expiry::At(START));
            way(&mut keyspace);
            assert_eq!(keyspace.counters().lazyfree_pending, 1, "{value_type:?}");
            let slices = std::iter::repeat_with(|| keyspace.lazyfree(1)).take_while(|more| *more);
            // A list has few nodes of many elements each, so few pieces are enough.
            let least = if value_type == ValueType::List { 2 } else { 100 };
            assert!(slices.count() >= least, "{value_type:?}");
        }
        assert_eq!(keyspace.counters().lazyfreed, 4);
    }
}

#[test]
fn a_huge_string_is_freed_in_pieces() {
    let mut keyspace = keyspace(23);
    keyspace.db(0).set_vec(b"k", vec![1; 64 << 20], Expiry::Clear);
    assert_eq!(keyspace.flush(None, FlushMode::Async), 1);
    let pieces = std::iter::repeat_with(|| keyspace.lazyfree(1)).take_while(|more| *more).count();
    assert!(pieces > 50, "{pieces}");
}

#[test]
fn memory_comes_back_when_all_keys_are_gone() {
    let mut keyspace = keyspace(22);
    for index in 0..50_000u32 {
        let value = vec![b'x'; if index % 10 == 0 { 2000 } else { 64 }];
        keyspace.db(0).set(&index.to_le_bytes(), &value, Expiry::At(START + 1000));
    }
    let full = keyspace.memory();
    assert!(full.entries > 3_000_000 && full.tables > 400_000 && full.timers > 300_000);
    for index in 0..50_000u32 {
        assert!(keyspace.db(0).remove(&index.to_le_bytes()));
    }
    keyspace.set_now(START + 2000);
    while keyspace.expire_due(1000) {}
    let empty = keyspace.memory();
    assert_eq!((empty.entries, empty.timers, empty.timer_records), (0, 0, 0));
    assert!(empty.tables < 150_000 && empty.slack <= 600_000, "{empty:?}");
}

#[test]
fn long_keys_and_prefetches_work() {
    let mut keyspace = keyspace(23);
    let db = keyspace.db(0);
    let hash = db.hash(b"nothing is there yet");
    db.prefetch_segment(hash);
    db.prefetch_entry(hash);
    for len in [254, 255, 256, 1024, 100_000] {
        let key = vec![b'k'; len];
        db.set(&key, b"7", Expiry::Clear);
        let hash = db.hash(&key);
        db.prefetch_segment(hash);
        db.prefetch_entry(hash);
        assert!(matches!(db.peek(&key), Some(ValueRef::String(StringRef::Int(7)))));
        assert!(db.info(&key).expect("there").memory_bytes > len);
    }
    assert_eq!(db.len(), 5);
}

/// Appends to the list at `key`; how many elements it has then.
fn push(db: &mut Db, key: &[u8], element: &[u8]) -> (usize, After) {
    let push = |list: &mut List| {
        let List::Packed(pack) = list else { panic!("no small list") };
        pack.push_back(element);
        pack.view().len()
    };
    db.change(key, push).expect("a list or nothing")
}

#[test]
fn a_collection_grows_out_of_its_entry_and_goes_with_its_last_element() {
    for key in [&b"k"[..], &[b'k'; 300]] {
        let mut keyspace = keyspace(1);
        let db = keyspace.db(0);
        assert_eq!(push(db, key, b"first"), (1, After::Created));
        assert!(db.set_deadline(key, Some(START + 1000)));
        (2..=40).for_each(|len| assert_eq!(push(db, key, &[b'x'; 60]), (len, After::Kept)));
        assert_eq!(db.deadline(key), Some(Some(START + 1000)));
        assert_eq!(db.info(key).map(|info| info.encoding), Some(Encoding::Listpack));
        let Some(ValueRef::List(ListRef::Packed(pack))) = db.peek(key) else { panic!("no list") };
        assert_eq!((pack.len(), pack.iter().next()), (40, Some(Item::Text(b"first"))));
        let emptied = db.change_old(key, |list: &mut List| *list = List::new());
        assert_eq!(emptied, Ok(Some(((), After::Removed))));
        assert_eq!((db.len(), db.expires()), (0, 0));
    }
}

#[test]
fn a_change_that_leaves_nothing_creates_no_key() {
    let mut keyspace = keyspace(1);
    let db = keyspace.db(0);
    assert_eq!(db.change(b"k", |_: &mut Hash| ()), Ok(((), After::Absent)));
    assert_eq!(db.change_old(b"k", |_: &mut Hash| panic!("there is none")), Ok(None));
    assert!(db.is_empty());
}

#[test]
fn a_change_of_another_type_is_refused_before_it_begins() {
    let mut keyspace = keyspace(1);
    let db = keyspace.db(0);
    push(db, b"list", b"element");
    db.set(b"string", b"text", Expiry::Clear);
    for key in [&b"list"[..], b"string"] {
        assert_eq!(db.change(key, |_: &mut Hash| panic!("no hash")), Err(WrongType));
        assert_eq!(db.change_old(key, |_: &mut Hash| panic!("no hash")), Err(WrongType));
    }
}

#[test]
fn a_small_collection_moves_and_is_copied_whole() {
    let mut keyspace = keyspace(1);
    push(keyspace.db(0), b"k", &[b'x'; 900]);
    // The longer name leaves no room for the value beside it.
    assert!(keyspace.rename(0, b"k", &[b'n'; 200]));
    assert_eq!(keyspace.copy_key(0, &[b'n'; 200], 1, b"c", false), CopyOutcome::Copied);
    assert_eq!(push(keyspace.db(1), b"c", b"second"), (2, After::Kept));
    assert_eq!(push(keyspace.db(0), &[b'n'; 200], b"second"), (2, After::Kept));
}

#[test]
fn a_scan_removes_the_keys_past_their_deadline_that_it_meets() {
    let mut keyspace = keyspace(1);
    keyspace.set_policy(Policy { active_expire: false, ..keyspace.policy() });
    for key in 0..100u8 {
        keyspace.db(0).set(&[key], b"v", if key < 50 { Expiry::At(START) } else { Expiry::Clear });
    }
    keyspace.set_now(START + 1);
    let mut visited = 0;
    assert_eq!(keyspace.db(0).scan(0, 1000, &mut |_, _| visited += 1), 0);
    assert_eq!((visited, keyspace.db(0).len()), (50, 50));
}

#[test]
fn compaction_moves_entries_and_changes_no_key() {
    let mut keyspace = keyspace(83);
    let name = |index: u32| format!("key:{index}").into_bytes();
    let value = |index: u32| vec![b'v'; index as usize * 7 % 500];
    for index in 0..40_000 {
        let expiry = if index % 5 == 0 { Expiry::At(START + 1000) } else { Expiry::Clear };
        keyspace.db(1).set(&name(index), &value(index), expiry);
    }
    for index in (0..40_000).filter(|index| index % 4 != 0) {
        assert!(keyspace.db(1).remove(&name(index)));
    }
    let before = keyspace.memory().slack;
    while keyspace.compact() {}
    let after = keyspace.memory().slack;
    assert!(before > 6 << 20 && after < 3 << 20, "{before} {after}");
    assert!(keyspace.counters().moved_entries > 1000);
    for index in (0..40_000).step_by(4) {
        assert_eq!(text(keyspace.db(1).read(&name(index))), Some(value(index)));
    }
    keyspace.set_now(START + 2000);
    while keyspace.expire_due(1000) {}
    assert_eq!(keyspace.db(1).len(), 8000);
}
