//! A big sorted set: members by name in a dict, which keeps their scores, and by rank in a tree,
//! which keeps their numbers in the dict.
//!
//! Invariant: dict and tree hold the same members with the same scores.

use std::fmt;
use std::ops::Range;

use super::{Direction, NameRange, ScoreRange};
use crate::ds::dict::Dict;
use crate::ds::listpack::Item;
use crate::ds::ranked::{self, Ranked};

/// Smaller sets lie in the cache anyway.
const PREFETCH_LEN_MIN: usize = 4096;

/// A big sorted set.
#[derive(Clone, Default)]
pub struct SortedSet {
    dict: Dict,
    order: Ranked,
}

impl fmt::Debug for SortedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SortedSet").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The score that a payload holds.
#[inline]
pub fn score_of(payload: &[u8]) -> f64 {
    f64::from_le_bytes(payload.try_into().expect("a payload is a score"))
}

impl SortedSet {
    /// The sorted set of the keys of `dict`, whose payloads are their scores.
    pub fn of_scores(dict: Dict) -> SortedSet {
        let mut order = Ranked::default();
        for (id, _, payload) in dict.iter() {
            order.insert(score_of(payload), id, |id| dict.get(id).0);
        }
        SortedSet { dict, order }
    }

    /// What keeps the members by name.
    pub fn dict(&self) -> &Dict {
        &self.dict
    }

    /// Hints that members will be taken off this end one by one. Where each of them stands is known
    /// only from the one before it, so they are asked for step by step, a few ahead: where the item
    /// is, then the item, then its piece of the table.
    pub fn prefetch_end(&self, direction: Direction) {
        const AHEAD: Range<usize> = 4..13;
        const STEP: usize = 3;
        let len = self.len();
        if len < PREFETCH_LEN_MIN {
            return;
        }
        let mut ids = match direction {
            Direction::Forward => self.order.range(AHEAD),
            Direction::Backward => self.order.range(len - AHEAD.end..len - AHEAD.start),
        };
        let mut id = |skipped| {
            let next = match direction {
                Direction::Forward => ids.nth(skipped),
                Direction::Backward => ids.nth_back(skipped),
            };
            next.expect("the set is longer").1
        };
        self.dict.prefetch_segment(self.dict.hash(self.dict.get(id(0)).0));
        self.dict.prefetch_item(id(STEP));
        self.dict.prefetch_place(id(STEP));
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The score of `member`.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        Some(self.score_at(self.dict.find(member)?))
    }

    /// Rank and score of `member`.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        Some((self.order.rank(score, member, |id| self.dict.get(id).0), score))
    }

    /// Gives `member` the score that `decide` makes of the one it has, if it has one; leaves it
    /// alone when that is none.
    pub fn update(&mut self, member: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) {
        let id = self.dict.find(member);
        let old = id.map(|id| self.score_at(id));
        let Some(score) = decide(old) else { return };
        match (id, old) {
            (Some(id), Some(old)) if old != score => self.change(id, member, old, score),
            (None, _) => self.insert(member, score),
            _ => {}
        }
    }

    /// Adds a member that is not there.
    pub fn insert(&mut self, member: &[u8], score: f64) {
        let id = self.dict.insert(member, &score.to_le_bytes());
        self.order.insert(score, id, |id| self.dict.get(id).0);
    }

    fn change(&mut self, id: u32, member: &[u8], old: f64, new: f64) {
        self.order.remove(old, member, |id| self.dict.get(id).0);
        self.order.insert(new, id, |id| self.dict.get(id).0);
        self.dict.set(id, &new.to_le_bytes());
    }

    /// Removes `member`; false when it was not there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        let Some(id) = self.dict.find(member) else { return false };
        self.order.remove(self.score_at(id), member, |id| self.dict.get(id).0);
        self.dict.remove(id);
        true
    }

    /// Removes the members of these ranks, which are there.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        let SortedSet { dict, order } = self;
        let mut left = ranks;
        while !left.is_empty() {
            left.end -= order.remove_some(left.clone(), |_, id| dict.remove(id));
        }
    }

    /// The ranks of the members with these scores.
    pub fn with_scores(&self, range: ScoreRange) -> Range<usize> {
        let start = self.order.partition(|score, _| range.is_above(score));
        let end = self.order.partition(|score, _| !range.is_below(score));
        start..end.max(start)
    }

    /// The ranks of the members with these names; for members of one score, others have no order.
    pub fn with_names(&self, range: NameRange<'_>) -> Range<usize> {
        let start = self.order.partition(|_, id| range.is_above(self.dict.get(id).0));
        let end = self.order.partition(|_, id| !range.is_below(self.dict.get(id).0));
        start..end.max(start)
    }

    /// The members of these ranks, as far as there are any, from either end.
    pub fn range(&self, ranks: Range<usize>) -> Members<'_> {
        Members { order: self.order.range(ranks), dict: &self.dict }
    }

    /// Visits members and scores from `cursor` on, in the manner of [`Dict::scan`].
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], f64)) -> u64 {
        self.dict.scan(cursor, count, &mut |member, payload| visit(member, score_of(payload)))
    }

    /// Bytes on the heap, about.
    pub fn memory(&self) -> usize {
        size_of::<SortedSet>() + self.dict.memory() + self.order.memory()
    }

    /// Frees a piece of a set that nobody uses any more; true when more is left.
    pub fn drop_some(&mut self) -> bool {
        self.order.drop_some() || self.dict.drop_some()
    }

    #[inline]
    fn score_at(&self, id: u32) -> f64 {
        score_of(self.dict.get(id).1)
    }
}

/// Members and their scores in order, from either end.
#[derive(Clone)]
pub struct Members<'a> {
    order: ranked::Iter<'a>,
    dict: &'a Dict,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Item<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<(Item<'a>, f64)> {
        let (score, id) = self.order.next()?;
        Some((Item::Text(self.dict.get(id).0), score))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.order.size_hint()
    }

    #[inline]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, start: B, mut each: F) -> B {
        let Members { order, dict } = self;
        order.fold(start, |sum, (score, id)| each(sum, (Item::Text(dict.get(id).0), score)))
    }
}

impl DoubleEndedIterator for Members<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (score, id) = self.order.next_back()?;
        Some((Item::Text(self.dict.get(id).0), score))
    }
}

impl ExactSizeIterator for Members<'_> {}
