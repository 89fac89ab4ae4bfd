//! Sorted sets: members, each with a score, in the order of scores and, where those tie, of names.
//!
//! Few small members are packed into a listpack ([`pack`]); more stand in a tree beside a dict
//! ([`tree`]). Which of both is decided where Redis decides it, so that OBJECT ENCODING tells the
//! same, and the tree goes by the name `skiplist` there.
//!
//! Invariant: knows nothing of keys, replies or time; no score is NaN.

pub mod algebra;
mod pack;
mod range;
mod tree;

use std::ops::Range;

use crate::ds::listpack::{Item, Listpack, View};
use crate::types::Encoding;

pub use self::range::{NameBound, NameRange, ScoreBound, ScoreRange};
pub use self::tree::SortedSet;

/// A sorted set.
#[derive(Clone, Debug)]
pub enum Zset {
    Packed(Listpack),
    Tree(Box<SortedSet>),
}

/// A sorted set to be read.
#[derive(Clone, Copy, Debug)]
pub enum ZsetRef<'a> {
    Packed(View<'a>),
    Tree(&'a SortedSet),
}

/// Up to where a sorted set is packed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Members.
    pub entries: usize,
    /// Bytes of a member.
    pub value: usize,
}

/// Where a command begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// With the lowest score.
    Forward,
    /// With the highest score.
    Backward,
}

/// What is taken of a range: up to `limit` members behind the first `offset` ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub direction: Direction,
    pub offset: usize,
    pub limit: usize,
}

impl Window {
    /// All of a range.
    pub const ALL: Window = Window { direction: Direction::Forward, offset: 0, limit: usize::MAX };

    /// The place behind those that are passed over from `start` on, among `len`.
    fn skip(self, start: usize, len: usize) -> usize {
        start.saturating_add(self.offset).min(len)
    }

    /// What it leaves of `ranks`.
    fn of(self, ranks: Range<usize>) -> Range<usize> {
        let skipped = self.offset.min(ranks.len());
        let taken = self.limit.min(ranks.len() - skipped);
        match self.direction {
            Direction::Forward => ranks.start + skipped..ranks.start + skipped + taken,
            Direction::Backward => ranks.end - skipped - taken..ranks.end - skipped,
        }
    }
}

impl Zset {
    /// A sorted set without members.
    pub fn new() -> Zset {
        Zset::Packed(Listpack::new())
    }

    /// The sorted set that an entry held as `bytes`.
    pub fn from_packed(_: Encoding, bytes: Vec<u8>) -> Zset {
        Zset::Packed(Listpack::from_bytes(bytes))
    }

    /// The bytes that stand for it in an entry; `None` in an encoding that has none.
    pub fn packed(&self) -> Option<&[u8]> {
        match self {
            Zset::Packed(pack) => Some(pack.view().bytes()),
            Zset::Tree(_) => None,
        }
    }

    /// The sorted set as a lookup shows it.
    pub fn as_ref(&self) -> ZsetRef<'_> {
        match self {
            Zset::Packed(pack) => ZsetRef::Packed(pack.view()),
            Zset::Tree(tree) => ZsetRef::Tree(tree),
        }
    }

    /// The encoding, as OBJECT ENCODING names it.
    pub fn encoding(&self) -> Encoding {
        match self {
            Zset::Packed(_) => Encoding::Listpack,
            Zset::Tree(_) => Encoding::Skiplist,
        }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Hints that members will be taken off this end one by one.
    pub fn prefetch_end(&self, direction: Direction) {
        if let Zset::Tree(tree) = self {
            tree.prefetch_end(direction);
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        match self {
            Zset::Packed(pack) => pack.view().is_empty(),
            Zset::Tree(tree) => tree.is_empty(),
        }
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        match self {
            Zset::Packed(pack) => pack.memory(),
            Zset::Tree(tree) => tree.memory(),
        }
    }

    /// Frees a piece of a large sorted set that nobody uses any more; false when the rest is small.
    pub fn drop_some(&mut self) -> bool {
        match self {
            Zset::Packed(_) => false,
            Zset::Tree(tree) => tree.drop_some(),
        }
    }

    /// Prepares for so many members to come, the first of which has `value` bytes: what will be
    /// big is big from the start.
    pub fn expect(&mut self, entries: usize, value: usize, limits: Limits) {
        if entries > limits.entries || value > limits.value {
            self.unpack();
        }
    }

    /// Gives `member` the score that `decide` makes of the one it has, if it has one; leaves it
    /// alone when that is none.
    pub fn update(
        &mut self,
        member: &[u8],
        limits: Limits,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) {
        let pack = match self {
            Zset::Packed(pack) => pack,
            Zset::Tree(tree) => return tree.update(member, decide),
        };
        let found = pack::find(pack.view(), member);
        let Some(score) = decide(found.map(|(_, score)| score)) else { return };
        match found {
            Some((_, old)) if old == score => {}
            Some((at, _)) => {
                pack::remove(pack, at);
                pack::insert(pack, member, score);
            }
            None => {
                if limits.allow(pack, member) {
                    pack::insert(pack, member, score);
                } else {
                    self.unpack().insert(member, score);
                }
            }
        }
    }

    /// Removes `member`; false when it was not there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            Zset::Tree(tree) => tree.remove(member),
            Zset::Packed(pack) => {
                let found = pack::find(pack.view(), member);
                found.map(|(at, _)| pack::remove(pack, at)).is_some()
            }
        }
    }

    /// Removes the members of these ranks, which are there.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        match self {
            Zset::Packed(pack) => pack::remove_range(pack, ranks),
            Zset::Tree(tree) => tree.remove_range(ranks),
        }
    }

    /// Packs a tree that is within the limits, as the result of a command that stores one.
    pub fn compact(&mut self, limits: Limits) {
        let Zset::Tree(tree) = self else { return };
        let mut buffer = itoa::Buffer::new();
        if tree.len() > limits.entries {
            return;
        }
        let mut small = Listpack::new();
        for (member, score) in tree.range(0..usize::MAX) {
            let member = member.text(&mut buffer);
            if !limits.allow(&small, member) {
                return;
            }
            pack::push(&mut small, member, score);
        }
        *self = Zset::Packed(small);
    }

    /// The tree of its members, from now on.
    fn unpack(&mut self) -> &mut SortedSet {
        if let Zset::Packed(pack) = self {
            let mut tree = SortedSet::default();
            let mut buffer = itoa::Buffer::new();
            for (member, score) in pack::pairs(pack.view(), 0..usize::MAX) {
                tree.insert(member.text(&mut buffer), score);
            }
            *self = Zset::Tree(Box::new(tree));
        }
        match self {
            Zset::Tree(tree) => tree,
            Zset::Packed(_) => unreachable!("it was unpacked"),
        }
    }
}

impl Default for Zset {
    fn default() -> Zset {
        Zset::new()
    }
}

impl Limits {
    /// Whether `member` may be added to `pack`.
    fn allow(self, pack: &Listpack, member: &[u8]) -> bool {
        pack::len(pack.view()) < self.entries
            && member.len() <= self.value
            && pack.fits(member.len())
    }
}

impl<'a> ZsetRef<'a> {
    /// The sorted set that an entry holds as `bytes`.
    pub fn from_packed(_: Encoding, bytes: &'a [u8]) -> ZsetRef<'a> {
        ZsetRef::Packed(View::new(bytes))
    }

    /// How many members there are.
    pub fn len(self) -> usize {
        match self {
            ZsetRef::Packed(view) => pack::len(view),
            ZsetRef::Tree(tree) => tree.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The score of `member`.
    pub fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            ZsetRef::Packed(view) => pack::find(view, member).map(|(_, score)| score),
            ZsetRef::Tree(tree) => tree.score(member),
        }
    }

    /// Rank from the lowest score on, and score, of `member`.
    pub fn rank(self, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            ZsetRef::Packed(view) => pack::rank(view, member),
            ZsetRef::Tree(tree) => tree.rank(member),
        }
    }

    /// The ranks that `window` leaves of the members with these scores.
    pub fn with_scores(self, range: ScoreRange, window: Window) -> Range<usize> {
        match self {
            ZsetRef::Packed(view) => pack::run(
                view,
                window,
                |_, score| range.is_above(score),
                |_, score| range.is_below(score),
            ),
            ZsetRef::Tree(tree) => window.of(tree.with_scores(range)),
        }
    }

    /// The ranks that `window` leaves of the members with these names.
    pub fn with_names(self, range: NameRange<'_>, window: Window) -> Range<usize> {
        match self {
            ZsetRef::Packed(view) => pack::run(
                view,
                window,
                |name, _| range.is_above(name.text(&mut itoa::Buffer::new())),
                |name, _| range.is_below(name.text(&mut itoa::Buffer::new())),
            ),
            ZsetRef::Tree(tree) => window.of(tree.with_names(range)),
        }
    }

    /// The members of these ranks, as far as there are any, with their scores, from either end.
    pub fn range(self, ranks: Range<usize>) -> Members<'a> {
        match self {
            ZsetRef::Packed(view) => Members::Packed(pack::pairs(view, ranks)),
            ZsetRef::Tree(tree) => Members::Tree(tree.range(ranks)),
        }
    }

    /// All members with their scores, from either end.
    pub fn iter(self) -> Members<'a> {
        self.range(0..usize::MAX)
    }

    /// Visits members and scores from `cursor` on, some `count` or, of a packed one, all; returns
    /// the cursor to go on with, 0 at the end.
    pub fn scan(self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], f64)) -> u64 {
        let tree = match self {
            ZsetRef::Tree(tree) => tree,
            ZsetRef::Packed(view) => {
                let mut buffer = itoa::Buffer::new();
                let pairs = pack::pairs(view, 0..usize::MAX);
                pairs.for_each(|(member, score)| visit(member.text(&mut buffer), score));
                return 0;
            }
        };
        tree.scan(cursor, count, visit)
    }
}

/// Members and their scores in order, from either end.
#[derive(Clone)]
pub enum Members<'a> {
    Packed(pack::Pairs<'a>),
    Tree(tree::Members<'a>),
}

impl<'a> Iterator for Members<'a> {
    type Item = (Item<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<(Item<'a>, f64)> {
        match self {
            Members::Packed(pairs) => pairs.next(),
            Members::Tree(members) => members.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Members::Packed(pairs) => pairs.size_hint(),
            Members::Tree(members) => members.size_hint(),
        }
    }

    /// Looks at the form once for all members.
    #[inline]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, start: B, each: F) -> B {
        match self {
            Members::Packed(pairs) => pairs.fold(start, each),
            Members::Tree(members) => members.fold(start, each),
        }
    }
}

impl DoubleEndedIterator for Members<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Members::Packed(pairs) => pairs.next_back(),
            Members::Tree(members) => members.next_back(),
        }
    }
}

impl ExactSizeIterator for Members<'_> {}

#[cfg(test)]
mod tests;
