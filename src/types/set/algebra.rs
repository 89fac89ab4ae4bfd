//! Intersection, union and difference, in the order and with the encodings of Redis 7.2.
//!
//! Invariant: changes none of its operands.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use super::{Limits, Set, SetRef, number};
use crate::ds::intset::Intset;
use crate::ds::listpack::{Item, Listpack};

/// Visits what all `sets` have in common, in the order of the smallest one, until told to stop.
/// There is at least one set.
pub fn intersect<'a>(sets: &mut [SetRef<'a>], mut visit: impl FnMut(Item<'a>) -> ControlFlow<()>) {
    // The smallest first: few candidates, and the others most likely to lack one are asked first.
    sets.sort_by_key(|set| set.len());
    let (first, others) = sets.split_first().expect("there is at least one set");
    for member in first.iter() {
        let common = others.iter().all(|set| set.contains(member));
        if common && visit(member).is_break() {
            return;
        }
    }
}

/// The set of what all `sets` have in common. There is at least one set.
pub fn intersection(sets: &mut [SetRef<'_>], limits: &Limits) -> Set {
    let smallest = sets.iter().min_by_key(|set| set.len());
    let mut result = match smallest.expect("there is at least one set") {
        SetRef::Ints(_) => Set::Ints(Intset::new()),
        SetRef::Packed(_) | SetRef::Table(_) => Set::Packed(Listpack::new()),
    };
    let mut only_numbers = true;
    intersect(sets, |member| {
        only_numbers &= number(member).is_some();
        result.add(member, limits);
        ControlFlow::Continue(())
    });
    if only_numbers {
        result.become_ints(limits);
    }
    result
}

/// The set of what any of `sets` has.
pub fn union<'a>(sets: impl IntoIterator<Item = SetRef<'a>>, limits: &Limits) -> Set {
    let mut result = Set::new();
    for member in sets.into_iter().flat_map(SetRef::iter) {
        result.add(member, limits);
    }
    result
}

/// The set of what `first` has and none of `others`.
///
/// Either every member of the first is looked up in the others, or all of the first are taken and
/// then those of the others removed, whichever takes less. The choice is Redis's, because it shows:
/// what was added and removed again may have changed the encoding.
pub fn difference(first: SetRef<'_>, mut others: Vec<SetRef<'_>>, limits: &Limits) -> Set {
    let look_ups = first.len().saturating_mul(others.len() + 1);
    let changes = others.iter().fold(first.len(), |sum, set| sum.saturating_add(set.len()));
    // A look-up is cheaper than a change, and often the first one decides.
    if look_ups / 2 > changes {
        return difference_by_removal(first, &others, limits);
    }
    // The largest first, as the most likely to have a member.
    others.sort_by_key(|set| Reverse(set.len()));
    let mut result = Set::new();
    for member in first.iter().filter(|&member| !others.iter().any(|set| set.contains(member))) {
        result.add(member, limits);
    }
    result
}

fn difference_by_removal(first: SetRef<'_>, others: &[SetRef<'_>], limits: &Limits) -> Set {
    let mut result = union([first], limits);
    for set in others {
        for member in set.iter() {
            result.remove(member);
        }
        if result.is_empty() {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};
    use crate::types::Encoding;
    use crate::types::set::tests::LIMITS;
    use std::collections::BTreeSet;

    fn of(members: &[&str], limits: &Limits) -> Set {
        let mut set = Set::new();
        for member in members {
            set.add(Item::Text(member.as_bytes()), limits);
        }
        set
    }

    fn model(set: SetRef<'_>) -> BTreeSet<Vec<u8>> {
        set.iter().map(Item::to_vec).collect()
    }

    fn random_set(rng: &mut Rng) -> Set {
        let mut set = Set::new();
        let texts = rng.below(2) == 1;
        for _ in 0..rng.below(40) {
            match rng.below(30) {
                value if texts && value % 2 == 0 => {
                    set.add(Item::Text(format!("m{value}").as_bytes()), &LIMITS)
                }
                value => set.add(Item::Text(value.to_string().as_bytes()), &LIMITS),
            };
        }
        set
    }

    #[test]
    fn agrees_with_ordered_sets_in_every_encoding() {
        let seed = os_seed();
        println!("seed {seed}");
        let mut rng = Rng::seeded(seed);
        for _ in 0..2000 {
            let sets: Vec<Set> = (0..1 + rng.below(5)).map(|_| random_set(&mut rng)).collect();
            let models: Vec<_> = sets.iter().map(|set| model(set.as_ref())).collect();
            let refs = || sets.iter().map(Set::as_ref).collect::<Vec<_>>();
            let (first, others) = models.split_first().expect("there is one");
            let in_all = |member: &&Vec<u8>| others.iter().all(|set| set.contains(*member));
            let common: BTreeSet<_> = first.iter().filter(in_all).cloned().collect();
            assert_eq!(model(intersection(&mut refs(), &LIMITS).as_ref()), common);
            let all: BTreeSet<_> = models.iter().flatten().cloned().collect();
            assert_eq!(model(union(refs(), &LIMITS).as_ref()), all);
            let in_none = |member: &&Vec<u8>| !others.iter().any(|set| set.contains(*member));
            let rest: BTreeSet<_> = first.iter().filter(in_none).cloned().collect();
            let difference = difference(refs()[0], refs().split_off(1), &LIMITS);
            assert_eq!(model(difference.as_ref()), rest);
        }
    }

    #[test]
    fn an_intersection_of_numbers_becomes_an_intset_again() {
        let limits = Limits { intset_entries: 3, ..LIMITS };
        let many: Vec<String> = (0..20).map(|value| value.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let (numbers, mixed) = (of(&many, &limits), of(&["1", "2", "a"], &limits));
        let both = intersection(&mut [numbers.as_ref(), mixed.as_ref()], &limits);
        assert_eq!((both.encoding(), both.len()), (Encoding::Intset, 2));
        let same = intersection(&mut [mixed.as_ref(), mixed.as_ref()], &limits);
        assert_eq!(same.encoding(), Encoding::Listpack);
        let large = intersection(&mut [numbers.as_ref()], &limits);
        assert_eq!((large.encoding(), large.len()), (Encoding::Hashtable, 20));
    }

    #[test]
    fn an_intersection_can_stop_early() {
        let set = of(&["1", "2", "3"], &LIMITS);
        let mut seen = 0;
        intersect(&mut [set.as_ref(), set.as_ref()], |_| {
            seen += 1;
            if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(seen, 2);
    }

    #[test]
    fn the_cheaper_way_to_a_difference_is_chosen_as_in_redis() {
        // 13 members make a table; removing one of them does not make it a listpack again.
        let many: Vec<String> = (0..13).map(|value| format!("m{value}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let (many, one) = (of(&many, &LIMITS), of(&["m0"], &LIMITS));
        let looked_up = difference(many.as_ref(), vec![one.as_ref()], &LIMITS);
        assert_eq!((looked_up.encoding(), looked_up.len()), (Encoding::Listpack, 12));
        let removed = difference(many.as_ref(), vec![one.as_ref(); 2], &LIMITS);
        assert_eq!((removed.encoding(), removed.len()), (Encoding::Hashtable, 12));
    }
}
