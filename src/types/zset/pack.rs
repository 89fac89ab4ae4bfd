//! A small sorted set: a listpack of members, each followed by its score, in order.
//!
//! Scores are the texts that replies show, whole numbers among them as integers, so that these are
//! the bytes of Redis.
//!
//! Invariant: members and scores come in pairs, lowest first; no limit is known here.

use std::ops::Range;

use super::{Direction, Window};
use crate::base::num::{self, NumberText};
use crate::ds::listpack::{At, Item, Items, Listpack, View};

/// The score that an element holds.
#[inline]
pub fn score_of(item: Item<'_>) -> f64 {
    match item {
        Item::Int(value) => value as f64,
        Item::Text(text) => num::parse_f64(text).unwrap_or(0.0),
    }
}

/// How many members there are.
pub fn len(view: View<'_>) -> usize {
    view.len() / 2
}

/// Where `member` stands, and its score.
pub fn find(view: View<'_>, member: &[u8]) -> Option<(At, f64)> {
    let at = view.find(view.first(), member, 1)?;
    Some((at, score_of(view.get(view.next(at)?))))
}

/// Rank and score of `member`.
pub fn rank(view: View<'_>, member: &[u8]) -> Option<(usize, f64)> {
    let mut pairs = pairs(view, 0..usize::MAX).enumerate();
    pairs.find(|(_, (item, _))| item.eq_bytes(member)).map(|(rank, (_, score))| (rank, score))
}

/// Adds a member that is not there.
pub fn insert(pack: &mut Listpack, member: &[u8], score: f64) {
    let Some(at) = place(pack.view(), member, score) else { return push(pack, member, score) };
    let at = pack.insert_before(at, member);
    pack.insert_after(at, text_of(score).as_bytes());
}

/// Adds a member that stands behind all others.
pub fn push(pack: &mut Listpack, member: &[u8], score: f64) {
    pack.push_back(member);
    pack.push_back(text_of(score).as_bytes());
}

/// The text of a score. Zero of either sign is stored as the number 0.
fn text_of(score: f64) -> NumberText {
    num::format_f64(score + 0.0)
}

/// The first member that stands behind `(score, member)`.
fn place(view: View<'_>, member: &[u8], score: f64) -> Option<At> {
    // Often the new one is the last: that costs one look.
    if score_of(view.get(view.last()?)) < score {
        return None;
    }
    let mut at = view.first();
    while let Some(current) = at {
        let score_at = view.next(current)?;
        let other = score_of(view.get(score_at));
        let name = || view.get(current).text(&mut itoa::Buffer::new()) > member;
        if other > score || other == score && name() {
            return Some(current);
        }
        at = view.next(score_at);
    }
    None
}

/// Removes the member at `at` with its score.
pub fn remove(pack: &mut Listpack, at: At) {
    pack.remove_range(at, 2);
}

/// Removes members of these ranks, which are there.
pub fn remove_range(pack: &mut Listpack, ranks: Range<usize>) {
    let first = i64::try_from(2 * ranks.start).ok().and_then(|index| pack.view().seek(index));
    if let Some(at) = first {
        pack.remove_range(at, 2 * ranks.len());
    }
}

/// The ranks that `window` leaves of a run of members neither `above` nor `below` which a range
/// lies.
///
/// For names this is more than a search: among different scores names have no order, and then Redis
/// takes the run that it meets first, from the end where it starts, if neither end of the set rules
/// the range out.
pub fn run(
    view: View<'_>,
    window: Window,
    above: impl Fn(Item<'_>, f64) -> bool,
    below: impl Fn(Item<'_>, f64) -> bool,
) -> Range<usize> {
    let all = || pairs(view, 0..usize::MAX);
    let (Some(first), Some(last)) = (all().next(), all().next_back()) else { return 0..0 };
    if above(last.0, last.1) || below(first.0, first.1) {
        return 0..0;
    }
    let len = len(view);
    match window.direction {
        Direction::Forward => {
            let start = all().position(|(name, score)| !above(name, score)).unwrap_or(len);
            let met = all().nth(start).is_some_and(|(name, score)| !below(name, score));
            let start = if met { window.skip(start, len) } else { len };
            let run = pairs(view, start..len).take_while(|&(name, score)| !below(name, score));
            start..start + run.take(window.limit).count()
        }
        Direction::Backward => {
            let before = all().rev().position(|(name, score)| !below(name, score)).unwrap_or(len);
            let met = all().nth_back(before).is_some_and(|(name, score)| !above(name, score));
            let end = len - if met { window.skip(before, len) } else { len };
            let run = pairs(view, 0..end).rev().take_while(|&(name, score)| !above(name, score));
            end - run.take(window.limit).count()..end
        }
    }
}

/// The members of these ranks, as far as there are any, from either end.
pub fn pairs(view: View<'_>, ranks: Range<usize>) -> Pairs<'_> {
    let len = len(view);
    let end = ranks.end.min(len);
    let start = ranks.start.min(end);
    Pairs { items: view.iter(), left: end - start, before: start, behind: len - end }
}

/// Members and their scores in order, from either end.
#[derive(Clone)]
pub struct Pairs<'a> {
    items: Items<'a>,
    /// How many are to come.
    left: usize,
    /// How many to pass over in front of the first one; only once somebody asks for that.
    before: usize,
    /// As many behind the last one.
    behind: usize,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Item<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<(Item<'a>, f64)> {
        self.left = self.left.checked_sub(1)?;
        for _ in 0..std::mem::take(&mut self.before) {
            self.items.next()?;
            self.items.next()?;
        }
        Some((self.items.next()?, score_of(self.items.next()?)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        for _ in 0..std::mem::take(&mut self.behind) {
            self.items.next_back()?;
            self.items.next_back()?;
        }
        let score = score_of(self.items.next_back()?);
        Some((self.items.next_back()?, score))
    }
}

impl ExactSizeIterator for Pairs<'_> {}
