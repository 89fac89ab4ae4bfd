//! Unions, intersections and differences of sorted sets, and of sets, whose members all have the
//! score 1.
//!
//! Invariant: changes none of its operands; scores are computed in Redis's order, because a sum of
//! doubles depends on it.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use super::{SortedSet, Zset, ZsetRef, tree};
use crate::ds::dict::Dict;
use crate::ds::listpack::Item;
use crate::types::set::SetRef;

/// What is combined.
#[derive(Clone, Copy, Debug)]
pub enum Operand<'a> {
    /// There is no such key.
    Nothing,
    Set(SetRef<'a>),
    Zset(ZsetRef<'a>),
}

/// An operand and what its scores are multiplied by.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub operand: Operand<'a>,
    pub weight: f64,
}

/// What becomes of the scores of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    Sum,
    Min,
    Max,
}

impl<'a> Operand<'a> {
    /// How many members there are.
    pub fn len(self) -> usize {
        match self {
            Operand::Nothing => 0,
            Operand::Set(set) => set.len(),
            Operand::Zset(zset) => zset.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The score of `member`.
    fn score(self, member: Item<'_>) -> Option<f64> {
        match self {
            Operand::Nothing => None,
            Operand::Set(set) => set.contains(member).then_some(1.0),
            Operand::Zset(zset) => zset.score(member.text(&mut itoa::Buffer::new())),
        }
    }

    /// Visits members and scores until told to stop.
    fn visit(self, mut visit: impl FnMut(Item<'a>, f64) -> ControlFlow<()>) -> ControlFlow<()> {
        match self {
            Operand::Nothing => ControlFlow::Continue(()),
            Operand::Set(set) => set.iter().try_for_each(|member| visit(member, 1.0)),
            Operand::Zset(zset) => zset.iter().try_for_each(|(member, score)| visit(member, score)),
        }
    }
}

impl Aggregate {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            // Infinities of both signs make zero.
            Aggregate::Sum => number(a + b),
            Aggregate::Min => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Aggregate::Max => {
                if b > a {
                    b
                } else {
                    a
                }
            }
        }
    }
}

/// `score`, or zero when it is not a number.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// What any of `inputs` has.
pub fn union(inputs: &mut [Input<'_>], aggregate: Aggregate) -> Zset {
    inputs.sort_by_key(|input| input.operand.len());
    let (mut scores, mut buffer) = (Dict::new(), itoa::Buffer::new());
    for input in inputs.iter() {
        let _ = input.operand.visit(|member, score| {
            let (member, score) = (member.text(&mut buffer), number(input.weight * score));
            match scores.find(member) {
                None => _ = scores.insert(member, &score.to_le_bytes()),
                Some(id) => {
                    let sum = aggregate.of(tree::score_of(scores.get(id).1), score);
                    scores.set(id, &sum.to_le_bytes());
                }
            }
            ControlFlow::Continue(())
        });
    }
    Zset::Tree(Box::new(SortedSet::of_scores(scores)))
}

/// Visits what all `inputs` have, in the order of the smallest, until told to stop.
pub fn intersect<'a>(
    inputs: &mut [Input<'a>],
    aggregate: Aggregate,
    mut visit: impl FnMut(Item<'a>, f64) -> ControlFlow<()>,
) {
    inputs.sort_by_key(|input| input.operand.len());
    let Some((first, others)) = inputs.split_first() else { return };
    let _ = first.operand.visit(|member, score| {
        let mut sum = number(first.weight * score);
        for other in others {
            let Some(score) = other.operand.score(member) else {
                return ControlFlow::Continue(());
            };
            sum = aggregate.of(sum, score * other.weight);
        }
        visit(member, sum)
    });
}

/// What all `inputs` have.
pub fn intersection(inputs: &mut [Input<'_>], aggregate: Aggregate) -> Zset {
    let mut result = SortedSet::default();
    intersect(inputs, aggregate, |member, score| {
        result.insert(member.text(&mut itoa::Buffer::new()), score);
        ControlFlow::Continue(())
    });
    Zset::Tree(Box::new(result))
}

/// What the first of `inputs` has and none of the others.
pub fn difference(inputs: &[Input<'_>]) -> Zset {
    let Some((first, others)) = inputs.split_first() else { return Zset::new() };
    let look_ups = first.operand.len().saturating_mul(inputs.len());
    let changes = inputs.iter().fold(0usize, |sum, input| sum.saturating_add(input.operand.len()));
    // A look-up is cheaper than a change, and often the first one decides.
    let result = match look_ups / 2 <= changes {
        true => difference_by_look_ups(*first, others),
        false => difference_by_removal(*first, others),
    };
    Zset::Tree(Box::new(result))
}

fn difference_by_look_ups(first: Input<'_>, others: &[Input<'_>]) -> SortedSet {
    // The largest first, as the most likely to have a member.
    let mut others: Vec<Operand<'_>> = others.iter().map(|input| input.operand).collect();
    others.sort_by_key(|operand| Reverse(operand.len()));
    let mut result = SortedSet::default();
    let _ = first.operand.visit(|member, score| {
        if !others.iter().any(|operand| operand.score(member).is_some()) {
            result.insert(member.text(&mut itoa::Buffer::new()), score);
        }
        ControlFlow::Continue(())
    });
    result
}

fn difference_by_removal(first: Input<'_>, others: &[Input<'_>]) -> SortedSet {
    let mut result = difference_by_look_ups(first, &[]);
    for other in others {
        let _ = other.operand.visit(|member, _| {
            result.remove(member.text(&mut itoa::Buffer::new()));
            if result.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};
    use crate::types::set::{self, Set};
    use crate::types::zset::Limits;
    use std::collections::BTreeMap;

    type Model = BTreeMap<Vec<u8>, f64>;

    fn model(zset: &Zset) -> Model {
        zset.as_ref().iter().map(|(member, score)| (member.to_vec(), score)).collect()
    }

    fn random_zset(rng: &mut Rng) -> Zset {
        let mut zset = Zset::new();
        for _ in 0..rng.below(40) {
            let (member, score) = (rng.below(30).to_string(), rng.below(9) as f64);
            zset.update(member.as_bytes(), Limits { entries: 15, value: 9 }, |_| Some(score));
        }
        zset
    }

    fn inputs(zsets: &[Zset]) -> Vec<Input<'_>> {
        let weights = (1..).map(f64::from);
        let of = |(zset, weight)| Input { operand: Operand::Zset(Zset::as_ref(zset)), weight };
        zsets.iter().zip(weights).map(of).collect()
    }

    #[test]
    fn agrees_with_ordered_maps() {
        let seed = os_seed();
        println!("seed {seed}");
        let mut rng = Rng::seeded(seed);
        for round in 0..1000 {
            let zsets: Vec<Zset> = (0..1 + rng.below(5)).map(|_| random_zset(&mut rng)).collect();
            let aggregate = [Aggregate::Sum, Aggregate::Min, Aggregate::Max][round % 3];
            let (mut all, mut counts) = (Model::new(), BTreeMap::<Vec<u8>, usize>::new());
            for (zset, weight) in zsets.iter().zip((1..).map(f64::from)) {
                for (member, score) in model(zset) {
                    let score = score * weight;
                    *counts.entry(member.clone()).or_default() += 1;
                    all.entry(member).and_modify(|s| *s = aggregate.of(*s, score)).or_insert(score);
                }
            }
            assert_eq!(model(&union(&mut inputs(&zsets), aggregate)), all);
            all.retain(|member, _| counts[member] == zsets.len());
            assert_eq!(model(&intersection(&mut inputs(&zsets), aggregate)), all);
            let mut rest = model(&zsets[0]);
            zsets[1..].iter().for_each(|z| rest.retain(|m, _| z.as_ref().score(m).is_none()));
            assert_eq!(model(&difference(&inputs(&zsets))), rest);
            let inputs = inputs(&zsets);
            let by_removal = difference_by_removal(inputs[0], &inputs[1..]);
            assert_eq!(model(&Zset::Tree(Box::new(by_removal))), rest);
        }
    }

    #[test]
    fn members_of_sets_count_one() {
        let mut set = Set::new();
        ["1", "a"].iter().for_each(|m| _ = set.add(Item::Text(m.as_bytes()), &set::Limits::NONE));
        let mut zset = Zset::new();
        zset.update(b"1", Limits { entries: 9, value: 9 }, |_| Some(2.5));
        let mut inputs = [
            Input { operand: Operand::Set(set.as_ref()), weight: 2.0 },
            Input { operand: Operand::Zset(zset.as_ref()), weight: 1.0 },
        ];
        let sum = Model::from([(b"1".to_vec(), 4.5), (b"a".to_vec(), 2.0)]);
        assert_eq!(model(&union(&mut inputs, Aggregate::Sum)), sum);
        assert_eq!(model(&intersection(&mut inputs, Aggregate::Max))[&b"1".to_vec()], 2.5);
        let nothing = Input { operand: Operand::Nothing, weight: 1.0 };
        assert!(intersection(&mut [inputs[0], nothing], Aggregate::Sum).is_empty());
    }

    #[test]
    fn what_is_not_a_number_is_zero() {
        assert_eq!(Aggregate::Sum.of(f64::INFINITY, f64::NEG_INFINITY), 0.0);
        let mut zset = Zset::new();
        zset.update(b"a", Limits { entries: 9, value: 9 }, |_| Some(f64::INFINITY));
        let input = Input { operand: Operand::Zset(zset.as_ref()), weight: 0.0 };
        assert_eq!(model(&union(&mut [input], Aggregate::Sum))[&b"a".to_vec()], 0.0);
    }
}
