//! Members by chance: one, some with repetition, some distinct, some taken out.
//!
//! Invariant: every choice that is asked for is equally likely; memory follows what the set holds,
//! not what was asked for.

use std::collections::HashSet;

use super::{Limits, Place, Set, SetRef};
use crate::base::rng::{Rng, Selection};
use crate::ds::intset::Intset;
use crate::ds::listpack::{Item, Listpack};

/// A set is walked once rather than drawn from when it has less than so many members for each that
/// is wanted: repeated draws would yield known members too often.
const DRAW_MEMBERS_MIN: usize = 3;
/// Members are taken out one by one as long as so many times of what remains is more than what
/// goes; else what remains is put into a new set.
const POP_REMAINDER_FACTOR: usize = 5;

impl<'a> SetRef<'a> {
    /// The place of some member; `None` without any.
    pub fn random(self, rng: &mut Rng) -> Option<Place> {
        match self {
            _ if self.is_empty() => None,
            SetRef::Ints(ints) => Some(Place::Index(rng.below(ints.len()))),
            SetRef::Packed(pack) => {
                let index = i64::try_from(rng.below(pack.len())).ok()?;
                pack.seek(index).map(Place::At)
            }
            SetRef::Table(table) => table.random(|bound| rng.below(bound)).map(Place::Id),
        }
    }

    /// Random members without end, the same ones again and again. The set is not empty.
    pub fn draws<'r>(self, rng: &'r mut Rng) -> impl Iterator<Item = Item<'a>> + use<'a, 'r> {
        // A listpack has no direct way to a member, so that its members are listed once.
        let listed: Vec<Item<'a>> = match self {
            SetRef::Packed(pack) => pack.iter().collect(),
            SetRef::Ints(_) | SetRef::Table(_) => Vec::new(),
        };
        std::iter::repeat_with(move || match listed.len() {
            0 => self.get(self.random(rng).expect("the set is not empty")),
            len => listed[rng.below(len)],
        })
    }

    /// Visits `count` distinct random members, or all when there are no more.
    pub fn sample(self, count: usize, rng: &mut Rng, visit: impl FnMut(Item<'a>)) {
        let scarce = count.saturating_mul(DRAW_MEMBERS_MIN) > self.len();
        if scarce || matches!(self, SetRef::Packed(_)) {
            let mut selection = Selection::new(count, self.len());
            self.iter().filter(|_| selection.next(rng)).for_each(visit);
        } else {
            self.sample_by_draws(count, rng, visit);
        }
    }

    /// As [`SetRef::sample`] for a set with many more members than `count`.
    fn sample_by_draws(self, count: usize, rng: &mut Rng, mut visit: impl FnMut(Item<'a>)) {
        let mut seen = HashSet::new();
        while seen.len() < count {
            let place = self.random(rng).expect("there are more members than are wanted");
            if seen.insert(place) {
                visit(self.get(place));
            }
        }
    }
}

impl Set {
    /// Takes `count` distinct random members out and shows them to `visit`. There are more than
    /// that.
    pub fn pop(
        &mut self,
        count: usize,
        limits: &Limits,
        rng: &mut Rng,
        visit: &mut dyn FnMut(Item<'_>),
    ) {
        let remaining = self.len() - count;
        let few = remaining.saturating_mul(POP_REMAINDER_FACTOR) > count;
        match self {
            // Redis removes a few from the listpack and packs anew what remains of many: that makes
            // a difference if the limits were changed in between.
            Set::Packed(_) if few => self.pop_and_renew(count, &Limits::NONE, rng, visit),
            _ if few => self.pop_one_by_one(count, rng, visit),
            _ => self.pop_and_renew(count, limits, rng, visit),
        }
    }

    fn pop_one_by_one(&mut self, count: usize, rng: &mut Rng, visit: &mut dyn FnMut(Item<'_>)) {
        for _ in 0..count {
            let place = self.as_ref().random(rng).expect("there are more members than are wanted");
            visit(self.as_ref().get(place));
            self.remove_at(place);
        }
    }

    /// Takes members out in one walk that moves the others to a set of their own.
    fn pop_and_renew(
        &mut self,
        count: usize,
        limits: &Limits,
        rng: &mut Rng,
        visit: &mut dyn FnMut(Item<'_>),
    ) {
        let mut rest = match self {
            Set::Ints(_) => Set::Ints(Intset::new()),
            Set::Packed(_) | Set::Table(_) => Set::Packed(Listpack::new()),
        };
        let mut selection = Selection::new(count, self.len());
        for member in self.as_ref().iter() {
            match (selection.next(rng), &rest) {
                (true, _) => visit(member),
                (false, Set::Ints(_)) => assert!(rest.add(member, limits)),
                (false, _) => rest.push(member, limits),
            }
        }
        *self = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::os_seed;
    use crate::types::set::tests::LIMITS;
    use std::collections::{BTreeMap, BTreeSet};

    /// A set of each encoding with `count` members.
    fn each_encoding(count: usize, mut check: impl FnMut(Set)) {
        let numbers = || (0..count).map(|value| value.to_string().into_bytes());
        let texts = || (0..count).map(|value| format!("m{value}").into_bytes());
        let starts = [Set::new(), Set::Packed(Listpack::new()), Set::Table(Box::default())];
        for (kind, mut set) in starts.into_iter().enumerate() {
            for (number, text) in numbers().zip(texts()) {
                let member = if kind == 0 { number } else { text };
                assert!(set.add(Item::Text(&member), &Limits::NONE));
            }
            check(set);
        }
    }

    fn all(set: SetRef<'_>) -> BTreeSet<Vec<u8>> {
        set.iter().map(Item::to_vec).collect()
    }

    #[test]
    fn every_member_is_drawn_alike() {
        let mut rng = Rng::seeded(1);
        each_encoding(10, |set| {
            let mut counts = BTreeMap::new();
            for member in set.as_ref().draws(&mut rng).take(10_000) {
                *counts.entry(member.to_vec()).or_insert(0) += 1;
            }
            assert!(counts.len() == 10 && counts.values().all(|count| (850..1150).contains(count)));
        });
        assert_eq!(Set::new().as_ref().random(&mut rng), None);
    }

    #[test]
    fn samples_are_distinct_and_everyone_gets_in() {
        let mut rng = Rng::seeded(2);
        each_encoding(20, |set| {
            for count in [0, 1, 3, 6, 7, 15, 19, 20, 21, usize::MAX] {
                let mut seen = BTreeMap::new();
                for _ in 0..200 {
                    let mut sample = BTreeSet::new();
                    set.as_ref().sample(count, &mut rng, |member| {
                        assert!(sample.insert(member.to_vec()));
                    });
                    assert_eq!(sample.len(), count.min(20));
                    sample.into_iter().for_each(|member| *seen.entry(member).or_insert(0) += 1);
                }
                assert!(
                    count == 0
                        || seen.len() == 20 && seen.keys().all(|m| all(set.as_ref()).contains(m))
                );
            }
        });
    }

    #[test]
    fn what_is_popped_is_gone_and_nothing_else() {
        let seed = os_seed();
        println!("seed {seed}");
        let mut rng = Rng::seeded(seed);
        for count in [1, 2, 10, 40, 49] {
            each_encoding(50, |mut set| {
                let (before, encoding) = (all(set.as_ref()), set.encoding());
                let mut popped = BTreeSet::new();
                set.pop(count, &Limits::NONE, &mut rng, &mut |member| {
                    assert!(popped.insert(member.to_vec()));
                });
                assert_eq!((popped.len(), set.len()), (count, 50 - count));
                popped.extend(all(set.as_ref()));
                assert_eq!(popped, before);
                let renewed = matches!(set, Set::Packed(_)) && count > 40;
                assert!(set.encoding() == encoding || renewed);
            });
        }
    }

    #[test]
    fn limits_count_anew_only_when_most_members_are_popped() {
        let mut rng = Rng::seeded(3);
        let small = Limits { listpack_entries: 2, ..LIMITS };
        for (count, packed) in [(1, true), (47, false), (48, true)] {
            each_encoding(50, |mut set| {
                if matches!(set, Set::Packed(_)) {
                    set.pop(count, &small, &mut rng, &mut |_| {});
                    assert_eq!(matches!(set, Set::Packed(_)), packed, "{count}");
                }
            });
        }
    }
}
