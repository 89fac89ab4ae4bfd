//! Tests of hashes in both forms against a map that cannot be wrong.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::*;
use crate::base::rng::{Rng, os_seed};

const LIMITS: Limits = Limits { fields_max: 8, bytes_max: 20 };

/// Fields with values and deadlines.
type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

fn live(model: &Model, now: i64) -> HashMap<Vec<u8>, Vec<u8>> {
    let fields = model.iter().filter(|(_, (_, at))| at.is_none_or(|at| at >= now));
    fields.map(|(field, (value, _))| (field.clone(), value.clone())).collect()
}

fn all(hash: &Hash, now: i64) -> HashMap<Vec<u8>, Vec<u8>> {
    let pairs: Vec<_> = hash.as_ref().iter(now).collect();
    let map: HashMap<_, _> = pairs.iter().map(|(f, v)| (f.to_vec(), v.to_vec())).collect();
    assert_eq!(map.len(), pairs.len(), "every field once");
    map
}

fn scanned(hash: &Hash, now: i64) -> HashMap<Vec<u8>, Vec<u8>> {
    let (mut map, mut cursor) = (HashMap::new(), 0);
    loop {
        cursor = hash.as_ref().scan(cursor, 3, now, &mut |field, value| {
            assert!(map.insert(field.to_vec(), value.to_vec()).is_none());
        });
        if cursor == 0 {
            return map;
        }
    }
}

fn text(rng: &mut Rng) -> Vec<u8> {
    match rng.below(40) {
        0 => vec![b'x'; 15 + rng.below(10)],
        1..20 => rng.below(30).to_string().into_bytes(),
        _ => format!("text:{}", rng.below(15)).into_bytes(),
    }
}

/// One random change of both; the time only goes on.
fn step(hash: &mut Hash, model: &mut Model, rng: &mut Rng, now: i64) {
    let (field, value) = (text(rng), text(rng));
    let old = model.get(&field).filter(|(_, at)| at.is_none_or(|at| at >= now)).cloned();
    let at = now + rng.below(60) as i64 - 5;
    match rng.below(12) {
        0..4 => {
            let ttl = match rng.below(8) {
                0 => Ttl::At(at),
                1 | 2 => Ttl::Keep,
                _ => Ttl::Clear,
            };
            assert_eq!(hash.set(&field, &value, ttl, now, LIMITS), old.is_none());
            let deadline = match ttl {
                Ttl::Clear => None,
                Ttl::Keep => old.and_then(|(_, at)| at),
                Ttl::At(at) => Some(at),
            };
            model.insert(field, (value, deadline));
        }
        4..9 => {
            assert_eq!(hash.remove(&field, now), old.is_some());
            if old.is_some() {
                model.remove(&field);
            }
        }
        9 => {
            let deadline = (rng.below(2) == 0).then_some(at);
            if let Some((value, _)) = old {
                hash.set_deadline(&field, deadline);
                model.insert(field, (value, deadline));
            }
        }
        10 => {
            let budget = rng.below(4);
            let past = model.values().filter(|(_, at)| at.is_some_and(|at| at < now)).count();
            assert_eq!(hash.remove_past(now, budget, &mut |_| {}), past.min(budget));
            let mut gone: Vec<_> =
                model.iter().filter_map(|(field, (_, at))| Some(((*at)?, field.clone()))).collect();
            gone.retain(|(at, field)| *at < now && hash_lacks(hash, field));
            gone.into_iter().for_each(|(_, field)| drop(model.remove(&field)));
        }
        _ => {
            *hash = hash.clone();
            if let Hash::Packed(pack) = &*hash {
                *hash = Hash::from_packed(hash.encoding(), pack.view().bytes().to_vec());
            }
        }
    }
}

/// Whether `field` is not even there as one past its deadline.
fn hash_lacks(hash: &Hash, field: &[u8]) -> bool {
    hash.as_ref().get(field, i64::MIN).is_none()
}

fn check(hash: &Hash, model: &Model, now: i64) {
    let expected = live(model, now);
    let shown = hash.as_ref();
    assert_eq!(shown.len(now), expected.len());
    assert_eq!(shown.is_gone(now), expected.is_empty());
    assert_eq!(hash.is_empty(), model.is_empty());
    assert_eq!(all(hash, now), expected);
    assert_eq!(scanned(hash, now), expected);
    for (field, (_, deadline)) in model {
        assert_eq!(shown.get(field, now).map(Item::to_vec).as_ref(), expected.get(field));
        let known = expected.contains_key(field).then_some(*deadline);
        assert_eq!(shown.deadline(field, now), known);
    }
    let earliest = model.values().filter_map(|&(_, at)| at).min();
    assert_eq!(shown.earliest_deadline(), earliest);
}

#[test]
fn behaves_as_a_map_with_deadlines() {
    let seed = os_seed();
    println!("seed {seed}");
    let mut rng = Rng::seeded(seed);
    for _ in 0..60 {
        let (mut hash, mut model, mut now) = (Hash::new(), Model::new(), 1000);
        for _ in 0..150 {
            step(&mut hash, &mut model, &mut rng, now);
            now += rng.below(3) as i64;
            check(&hash, &model, now);
        }
    }
}

/// A hash of `fields` fields, each its own value, every second with a deadline of 100.
fn numbers(fields: u32) -> Hash {
    let mut hash = Hash::new();
    for number in 0..fields {
        let (text, ttl) =
            (number.to_string(), if number % 2 == 0 { Ttl::Clear } else { Ttl::At(100) });
        assert!(hash.set(text.as_bytes(), text.as_bytes(), ttl, 0, LIMITS));
    }
    hash
}

#[test]
fn it_becomes_big_at_redis_moments() {
    let mut hash = Hash::new();
    let set = |hash: &mut Hash, field: &str, value: &str| {
        hash.set(field.as_bytes(), value.as_bytes(), Ttl::Clear, 0, LIMITS);
        hash.encoding()
    };
    for field in 0..8 {
        assert_eq!(set(&mut hash, &field.to_string(), "v"), Encoding::Listpack);
    }
    assert_eq!(set(&mut hash, "7", "12345678901234567890"), Encoding::Listpack);
    assert_eq!(set(&mut hash.clone(), "7", "123456789012345678901"), Encoding::Hashtable);
    assert_eq!(set(&mut hash, "8", "v"), Encoding::Hashtable);
    (0..9).for_each(|field| assert!(hash.remove(field.to_string().as_bytes(), 0)));
    assert_eq!((hash.encoding(), hash.is_empty()), (Encoding::Hashtable, true));
}

#[test]
fn room_is_made_for_all_of_a_command() {
    let big = |texts: &[&str]| {
        let mut hash = Hash::new();
        hash.make_room(texts.iter().map(|text| text.as_bytes()), LIMITS);
        hash.encoding() == Encoding::Hashtable
    };
    assert!(!big(&["a"; 16]) && big(&["a"; 18]));
    assert!(!big(&["12345678901234567890", "v"]) && big(&["f", "123456789012345678901"]));
}

#[test]
fn a_field_past_its_deadline_is_as_good_as_none() {
    let mut hash = numbers(2);
    assert_eq!(hash.encoding(), Encoding::Hashtable);
    assert!(hash.as_ref().get(b"1", 100).is_some() && hash.as_ref().get(b"1", 101).is_none());
    assert!(!hash.remove(b"1", 101));
    assert!(hash.clone().set(b"1", b"new", Ttl::Keep, 101, LIMITS), "it counts as a new one");
    assert!(!hash.as_ref().is_gone(101) && hash.remove(b"0", 101));
    assert!(hash.as_ref().is_gone(101) && !hash.is_empty());
    assert_eq!((hash.remove_past(101, 10, &mut |_| {}), hash.is_empty()), (1, true));
}

#[test]
fn chance_is_fair_in_every_form() {
    let mut rng = Rng::seeded(6);
    let mut sparse = numbers(300);
    (0..130).for_each(|number| assert!(sparse.remove((number * 2).to_string().as_bytes(), 0)));
    for (hash, now) in [(numbers(1), 0), (numbers(300), 0), (numbers(300), 101), (sparse, 101)] {
        let fields: HashSet<Vec<u8>> = all(&hash, now).into_keys().collect();
        let shown = hash.as_ref();
        let pick = |(field, value): Pair<'_>| {
            assert_eq!(field.to_vec(), value.to_vec());
            field.to_vec()
        };
        let single: HashSet<_> =
            (0..5000).filter_map(|_| shown.random(now, &mut rng)).map(pick).collect();
        let drawn: HashSet<_> = shown.draws(now, &mut rng).take(5000).map(pick).collect();
        assert_eq!((&single, &drawn), (&fields, &fields));
        for count in [0, 1, 5, fields.len() / 2, fields.len(), 1000] {
            let mut sample = Vec::new();
            shown.sample(count, now, &mut rng, |pair| sample.push(pick(pair)));
            assert_eq!(sample.len(), count.min(fields.len()));
            assert_eq!(sample.iter().collect::<HashSet<_>>().len(), sample.len());
        }
    }
    assert!(Hash::new().as_ref().random(0, &mut rng).is_none());
    assert_eq!(Hash::new().as_ref().draws(0, &mut rng).count(), 0);
}

#[test]
fn every_field_of_a_sample_is_equally_likely() {
    let (mut rng, mut counts) = (Rng::seeded(8), HashMap::new());
    let mut hash = Hash::new();
    for n in 0..6 {
        assert!(hash.set(&[b'a' + n], b"v", Ttl::Clear, 0, LIMITS));
    }
    for _ in 0..6000 {
        hash.as_ref().sample(2, 0, &mut rng, |(field, _)| {
            *counts.entry(field.to_vec()).or_insert(0) += 1;
        });
    }
    assert!(counts.len() == 6 && counts.values().all(|count| (1800..2200).contains(count)));
}

#[test]
fn a_big_hash_is_freed_in_pieces() {
    let mut hash = numbers(20_000);
    assert!(hash.memory() > 20_000 * 40);
    let mut pieces = 1;
    while hash.drop_some() {
        pieces += 1;
    }
    assert!(pieces > 100, "{pieces}");
}
