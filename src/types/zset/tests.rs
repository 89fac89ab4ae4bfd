//! Sorted sets of both encodings against a sorted vector.

use super::*;
use crate::base::rng::{Rng, os_seed};

const LIMITS: Limits = Limits { entries: 20, value: 10 };
const SCORES: [f64; 12] = [
    0.0,
    1.0,
    -1.0,
    2.5,
    0.1,
    1e300,
    -1e-300,
    f64::INFINITY,
    f64::NEG_INFINITY,
    9_007_199_254_740_993.0,
    4e18,
    123_456_789.0,
];

/// A sorted set beside a vector of what it holds.
#[derive(Default)]
struct Pair {
    zset: Zset,
    model: Vec<(f64, Vec<u8>)>,
}

impl Pair {
    fn set(&mut self, member: &[u8], score: f64) {
        let mut old = None;
        self.zset.update(member, LIMITS, |found| {
            old = found;
            Some(score)
        });
        let place = self.model.iter().position(|(_, name)| name == member);
        assert_eq!(old, place.map(|place| self.model.remove(place).0));
        self.model.push((score, member.to_vec()));
        self.model.sort_by(|a, b| a.partial_cmp(b).expect("no score is NaN"));
    }

    fn remove(&mut self, member: &[u8]) {
        let place = self.model.iter().position(|(_, name)| name == member);
        assert_eq!(self.zset.remove(member), place.is_some());
        place.map(|place| self.model.remove(place));
    }

    fn check(&self) {
        let zset = self.zset.as_ref();
        let expected: Vec<(Vec<u8>, f64)> =
            self.model.iter().map(|(score, name)| (name.clone(), *score)).collect();
        assert_eq!(members(zset.iter()), expected);
        assert!(members(zset.iter().rev()).iter().eq(expected.iter().rev()));
        assert_eq!((zset.len(), self.zset.is_empty()), (expected.len(), expected.is_empty()));
        for (rank, (member, score)) in expected.iter().enumerate() {
            assert_eq!(zset.rank(member), Some((rank, *score)));
            assert_eq!(zset.score(member), Some(*score));
        }
    }
}

fn members<'a>(iter: impl Iterator<Item = (Item<'a>, f64)>) -> Vec<(Vec<u8>, f64)> {
    iter.map(|(member, score)| (member.to_vec(), score)).collect()
}

fn random_member(rng: &mut Rng) -> Vec<u8> {
    match rng.below(40) {
        0 => vec![b'x'; rng.below(13)],
        1..20 => rng.below(30).to_string().into_bytes(),
        _ => format!("m{}", rng.below(30)).into_bytes(),
    }
}

fn random_score(rng: &mut Rng) -> f64 {
    SCORES[rng.below(SCORES.len())]
}

#[test]
fn behaves_as_a_sorted_vector() {
    let seed = os_seed();
    println!("seed {seed}");
    let mut rng = Rng::seeded(seed);
    for _ in 0..40 {
        let mut pair = Pair::default();
        for _ in 0..rng.below(150) {
            let member = random_member(&mut rng);
            match rng.below(5) {
                0 => pair.remove(&member),
                _ => pair.set(&member, random_score(&mut rng)),
            }
        }
        pair.check();
        let start = rng.below(pair.model.len() + 1);
        let end = start + rng.below(pair.model.len() - start + 1);
        pair.zset.remove_range(start..end);
        pair.model.drain(start..end);
        pair.check();
    }
}

fn random_bound(rng: &mut Rng) -> ScoreBound {
    let score = random_score(rng);
    if rng.below(2) == 0 { ScoreBound::Inclusive(score) } else { ScoreBound::Exclusive(score) }
}

#[test]
fn both_encodings_find_the_same_ranges_of_scores() {
    let seed = os_seed();
    println!("seed {seed}");
    let mut rng = Rng::seeded(seed);
    for _ in 0..300 {
        let mut packed = Zset::new();
        let unlimited = Limits { entries: 1000, value: 100 };
        for _ in 0..rng.below(30) {
            let score = random_score(&mut rng);
            packed.update(&random_member(&mut rng), unlimited, |_| Some(score));
        }
        let mut tree = packed.clone();
        tree.unpack();
        let (min, max) = (random_bound(&mut rng), random_bound(&mut rng));
        let range = ScoreRange { min, max };
        let direction = [Direction::Forward, Direction::Backward][rng.below(2)];
        let window = Window { direction, offset: rng.below(4), limit: rng.below(10) };
        for window in [window, Window::ALL] {
            let found = packed.as_ref().with_scores(range, window);
            let (few, many) = (packed.as_ref().range(found.clone()), tree.as_ref());
            assert_eq!(members(few), members(many.range(many.with_scores(range, window))));
            let within = |(_, score)| !range.is_above(score) && !range.is_below(score);
            assert!(packed.as_ref().range(found).all(within));
        }
    }
}

fn zset(pairs: &[(&str, f64)], limits: Limits) -> Zset {
    let mut zset = Zset::new();
    for (member, score) in pairs {
        zset.update(member.as_bytes(), limits, |_| Some(*score));
    }
    zset
}

fn names_between(zset: &Zset, range: NameRange<'_>, window: Window) -> String {
    let zset = zset.as_ref();
    let members = members(zset.range(zset.with_names(range, window)));
    members.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect()
}

#[test]
fn names_are_found_from_either_end() {
    let pairs = ["a", "b", "c", "d", "e"].map(|name| (name, 0.0));
    for limits in [LIMITS, Limits { entries: 0, value: 0 }] {
        let zset = zset(&pairs, limits);
        let between = |min, max, window| names_between(&zset, NameRange { min, max }, window);
        let (b, d) = (NameBound::Inclusive(b"b"), NameBound::Inclusive(b"d"));
        assert_eq!(between(b, d, Window::ALL), "bcd");
        assert_eq!(between(NameBound::Exclusive(b"b"), NameBound::Last, Window::ALL), "cde");
        assert_eq!(between(NameBound::First, NameBound::Last, Window::ALL), "abcde");
        assert_eq!(between(NameBound::Last, NameBound::First, Window::ALL), "");
        assert_eq!(between(d, b, Window::ALL), "");
        let direction = Direction::Backward;
        assert_eq!(between(b, d, Window { direction, offset: 1, limit: 1 }), "c");
        assert_eq!(between(b, d, Window { direction, offset: 3, limit: 9 }), "");
        assert_eq!(between(b, d, Window { offset: 1, limit: 9, ..Window::ALL }), "cd");
        assert_eq!(between(b, d, Window { offset: usize::MAX, ..Window::ALL }), "");
    }
}

#[test]
fn names_of_different_scores_are_taken_as_redis_meets_them() {
    let zset = zset(&[("m", 1.0), ("z", 2.0), ("n", 3.0), ("a", 4.0), ("o", 5.0)], LIMITS);
    let range = NameRange { min: NameBound::Inclusive(b"m"), max: NameBound::Inclusive(b"p") };
    assert_eq!(names_between(&zset, range, Window::ALL), "m");
    let backward = Window { direction: Direction::Backward, ..Window::ALL };
    assert_eq!(names_between(&zset, range, backward), "o");
    assert_eq!(names_between(&zset, range, Window { offset: 2, ..Window::ALL }), "nao");
}

#[test]
fn the_bytes_are_those_of_redis() {
    let zset = zset(&[("b", 2.0), ("7", -0.0), ("a", 1.5), ("c", f64::INFINITY)], LIMITS);
    let expected =
        b"\x20\0\0\0\x08\0\x07\x01\0\x01\x81a\x02\x831.5\x04\x81b\x02\x02\x01\x81c\x02\x83inf\x04\xff";
    assert_eq!(zset.packed(), Some(&expected[..]));
    assert_eq!(zset.as_ref().score(b"7").map(f64::is_sign_negative), Some(false));
}

#[test]
fn the_encoding_changes_where_redis_changes_it() {
    let limits = Limits { entries: 3, value: 5 };
    let mut few = zset(&[("a", 1.0), ("b", 2.0), ("12345", 3.0)], limits);
    assert_eq!(few.encoding(), Encoding::Listpack);
    few.update(b"a", limits, |_| Some(9.0));
    assert_eq!(few.encoding(), Encoding::Listpack);
    let mut long = few.clone();
    long.remove(b"a");
    long.update(b"123456", limits, |_| Some(1.0));
    assert_eq!(long.encoding(), Encoding::Skiplist);
    few.update(b"c", limits, |_| Some(9.0));
    assert_eq!(few.encoding(), Encoding::Skiplist);
    few.remove(b"c");
    assert_eq!(few.encoding(), Encoding::Skiplist);
    few.compact(limits);
    assert_eq!((few.encoding(), few.len()), (Encoding::Listpack, 3));
    long.compact(limits);
    assert_eq!(long.encoding(), Encoding::Skiplist);
    let mut expected = Zset::new();
    expected.expect(3, 5, limits);
    assert_eq!(expected.encoding(), Encoding::Listpack);
    expected.expect(4, 0, limits);
    assert_eq!(expected.encoding(), Encoding::Skiplist);
}

#[test]
fn scans_visit_every_member() {
    for count in [5, 3000] {
        let mut zset = Zset::new();
        for number in 0..count {
            zset.update(number.to_string().as_bytes(), LIMITS, |_| Some(f64::from(number)));
        }
        let (mut cursor, mut sum) = (0, 0.0);
        loop {
            cursor = zset.as_ref().scan(cursor, 10, |member, score| {
                assert_eq!(member, (score as u32).to_string().as_bytes());
                sum += score;
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(sum, f64::from(count * (count - 1) / 2));
    }
}

#[test]
fn a_big_one_is_freed_in_pieces() {
    let mut zset = Zset::new();
    for number in 0..20_000 {
        zset.update(number.to_string().as_bytes(), LIMITS, |_| Some(f64::from(number)));
    }
    assert!(zset.memory() > 20_000 * 40 && zset.clone().len() == 20_000);
    assert!(std::iter::repeat_with(|| zset.drop_some()).take_while(|more| *more).count() > 70);
}
