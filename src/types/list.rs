//! Lists: elements in order, reached from both ends.
//!
//! A short list is a listpack, a long one a quicklist. It changes from one to the other at the
//! moments of Redis 7.2: before something is added that would make it too large, and when something
//! was removed and a half of the limit is enough.
//!
//! Invariant: knows nothing of keys, replies or time.

use crate::ds::listpack::{At, Item, Items, Listpack, Needle, View};
pub use crate::ds::quicklist::{End, NodeLimit};
use crate::ds::quicklist::{Iter, Quicklist, sparing};
use crate::types::Encoding;

/// A list.
#[derive(Clone, Debug)]
pub enum List {
    Packed(Listpack),
    Quick(Box<Quicklist>),
}

/// A list to be read.
#[derive(Clone, Copy, Debug)]
pub enum ListRef<'a> {
    Packed(View<'a>),
    Quick(&'a Quicklist),
}

impl List {
    /// A list without elements.
    pub fn new() -> List {
        List::Packed(Listpack::new())
    }

    /// The list of `texts`.
    pub fn collect<'a>(texts: impl Iterator<Item = &'a [u8]>, limit: NodeLimit) -> List {
        let mut quick = Quicklist::new(limit);
        texts.for_each(|text| quick.push(End::Back, text));
        match quick.to_listpack(limit) {
            _ if quick.is_empty() => List::new(),
            Some(pack) => List::Packed(pack),
            None => List::Quick(Box::new(quick)),
        }
    }

    /// The list that an entry held as `bytes`.
    pub fn from_packed(_: Encoding, bytes: Vec<u8>) -> List {
        List::Packed(Listpack::from_bytes(bytes))
    }

    /// The bytes that stand for it in an entry; `None` in an encoding that has none.
    pub fn packed(&self) -> Option<&[u8]> {
        match self {
            List::Packed(pack) => Some(pack.view().bytes()),
            List::Quick(_) => None,
        }
    }

    /// The list as a lookup shows it.
    pub fn as_ref(&self) -> ListRef<'_> {
        match self {
            List::Packed(pack) => ListRef::Packed(pack.view()),
            List::Quick(quick) => ListRef::Quick(quick),
        }
    }

    /// The encoding, as OBJECT ENCODING names it.
    pub fn encoding(&self) -> Encoding {
        match self {
            List::Packed(_) => Encoding::Listpack,
            List::Quick(_) => Encoding::Quicklist,
        }
    }

    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        match self {
            List::Packed(pack) => pack.view().is_empty(),
            List::Quick(quick) => quick.is_empty(),
        }
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        match self {
            List::Packed(pack) => pack.memory(),
            List::Quick(quick) => size_of::<Quicklist>() + quick.memory(),
        }
    }

    /// Frees a piece of a large list that nobody uses any more; false when the rest is small.
    pub fn drop_some(&mut self) -> bool {
        match self {
            List::Packed(_) => false,
            List::Quick(quick) => quick.drop_some(),
        }
    }

    /// Gets ready for `count` more elements whose texts take `bytes` in all: becomes a quicklist
    /// when a listpack would exceed the limit with them.
    pub fn grow(&mut self, bytes: usize, count: usize, limit: NodeLimit) {
        let List::Packed(pack) = self else { return };
        let view = pack.view();
        if limit.exceeded(view.bytes().len().saturating_add(bytes), view.len() + count) {
            let mut quick = Quicklist::new(limit);
            quick.push_listpack(view);
            *self = List::Quick(Box::new(quick));
        }
    }

    /// Becomes a listpack again when a half of the limit is enough.
    pub fn shrink(&mut self, limit: NodeLimit) {
        if let List::Quick(quick) = self
            && let Some(pack) = quick.to_listpack(limit.halved())
        {
            *self = List::Packed(pack);
        }
    }

    /// Adds an element at one end.
    pub fn push(&mut self, end: End, text: &[u8]) {
        match (self, end) {
            (List::Packed(pack), End::Front) => pack.push_front(text),
            (List::Packed(pack), End::Back) => pack.push_back(text),
            (List::Quick(quick), end) => quick.push(end, text),
        }
    }

    /// Removes the element at one end; false when there is none.
    pub fn pop(&mut self, end: End) -> bool {
        match self {
            List::Packed(pack) => {
                let Some(at) = end_of(pack.view(), end) else { return false };
                pack.remove(at);
                true
            }
            List::Quick(quick) => quick.pop(end),
        }
    }

    /// Adds an element in front of the first that holds `pivot`, or behind it; false when none does.
    pub fn insert(&mut self, pivot: &[u8], side: End, text: &[u8]) -> bool {
        match self {
            List::Packed(pack) => {
                let Some(at) = pack.view().find(pack.view().first(), pivot, 0) else {
                    return false;
                };
                match side {
                    End::Front => pack.insert_before(at, text),
                    End::Back => pack.insert_after(at, text),
                };
                true
            }
            List::Quick(quick) => {
                quick.find(Needle::new(pivot)).inspect(|&at| quick.insert(at, side, text)).is_some()
            }
        }
    }

    /// Puts `text` in the place of the element number `index`, counted from 0, or from -1 at the
    /// end backwards; false when there is none.
    pub fn set(&mut self, index: i64, text: &[u8]) -> bool {
        let Some(index) = self.as_ref().index(index) else { return false };
        match self {
            List::Packed(pack) => {
                let Some(at) = seek(pack.view(), index) else { return false };
                pack.replace(at, text);
                true
            }
            List::Quick(quick) => quick.set(index, text),
        }
    }

    /// Removes `count` elements from number `start` on, or as many as there are.
    pub fn remove_range(&mut self, start: usize, count: usize) {
        match self {
            List::Packed(pack) => {
                if let Some(at) = seek(pack.view(), start) {
                    pack.remove_range(at, count);
                }
            }
            List::Quick(quick) => quick.remove_range(start, count),
        }
    }

    /// Removes up to `max` elements that hold `text`, those nearest to `end`; returns how many.
    pub fn remove_all(&mut self, text: &[u8], max: usize, end: End) -> usize {
        let needle = Needle::new(text);
        match self {
            List::Packed(pack) => {
                let keep = sparing(pack.view().iter(), needle, max, end);
                pack.retain(keep)
            }
            List::Quick(quick) => quick.remove_all(needle, max, end),
        }
    }
}

impl Default for List {
    fn default() -> List {
        List::new()
    }
}

impl<'a> ListRef<'a> {
    /// The list that an entry holds as `bytes`.
    pub fn from_packed(_: Encoding, bytes: &'a [u8]) -> ListRef<'a> {
        ListRef::Packed(View::new(bytes))
    }

    #[inline]
    pub fn len(self) -> usize {
        match self {
            ListRef::Packed(pack) => pack.len(),
            ListRef::Quick(quick) => quick.len(),
        }
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The element at one end.
    pub fn peek(self, end: End) -> Option<Item<'a>> {
        match self {
            ListRef::Packed(pack) => end_of(pack, end).map(|at| pack.get(at)),
            ListRef::Quick(quick) => quick.peek(end),
        }
    }

    /// The element number `index`, counted from 0, or from -1 at the end backwards.
    pub fn get(self, index: i64) -> Option<Item<'a>> {
        let index = self.index(index)?;
        match self {
            ListRef::Packed(pack) => seek(pack, index).map(|at| pack.get(at)),
            ListRef::Quick(quick) => quick.get(index),
        }
    }

    /// Shows up to `count` elements from number `index` on.
    pub fn visit(self, index: usize, count: usize, show: impl FnMut(Item<'_>)) {
        match self {
            ListRef::Packed(pack) => {
                if let Some(at) = seek(pack, index) {
                    pack.iter_from(at).take(count).for_each(show);
                }
            }
            ListRef::Quick(quick) => quick.visit(index, count, show),
        }
    }

    /// The items in order.
    pub fn iter(self) -> Elements<'a> {
        match self {
            ListRef::Packed(pack) => Elements::Packed(pack.iter()),
            ListRef::Quick(quick) => Elements::Quick(quick.iter()),
        }
    }

    /// The items in order from number `index` on.
    pub fn iter_from(self, index: usize) -> Elements<'a> {
        match self {
            ListRef::Packed(pack) => {
                let at = seek(pack, index);
                Elements::Packed(at.map_or_else(Items::default, |at| pack.iter_from(at)))
            }
            ListRef::Quick(quick) => Elements::Quick(quick.iter_from(index)),
        }
    }

    /// The number of an element from the front, if it is one; negative ones count from the back.
    fn index(self, index: i64) -> Option<usize> {
        let len = self.len();
        let index = match usize::try_from(index) {
            Ok(index) => index,
            Err(_) => len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
        };
        (index < len).then_some(index)
    }
}

fn seek(pack: View<'_>, index: usize) -> Option<At> {
    pack.seek(i64::try_from(index).ok()?)
}

fn end_of(pack: View<'_>, end: End) -> Option<At> {
    match end {
        End::Front => pack.first(),
        End::Back => pack.last(),
    }
}

/// The items of a list, from both ends.
#[derive(Clone, Debug)]
pub enum Elements<'a> {
    Packed(Items<'a>),
    Quick(Iter<'a>),
}

impl<'a> Iterator for Elements<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            Elements::Packed(items) => items.next(),
            Elements::Quick(items) => items.next(),
        }
    }
}

impl<'a> DoubleEndedIterator for Elements<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Item<'a>> {
        match self {
            Elements::Packed(items) => items.next_back(),
            Elements::Quick(items) => items.next_back(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};

    fn push(list: &mut List, text: &[u8], limit: NodeLimit) {
        list.grow(text.len(), 1, limit);
        list.push(End::Back, text);
    }

    fn texts(list: &List) -> Vec<Vec<u8>> {
        list.as_ref().iter().map(Item::to_vec).collect()
    }

    #[test]
    fn it_changes_its_form_at_the_limit_and_at_a_half() {
        let limit = NodeLimit::new(4);
        let mut list = List::new();
        for text in [b"a", b"b", b"c", b"d"] {
            push(&mut list, text, limit);
        }
        assert_eq!(list.encoding(), Encoding::Listpack);
        push(&mut list, b"e", limit);
        assert_eq!(list.encoding(), Encoding::Quicklist);
        for encoding in [Encoding::Quicklist, Encoding::Quicklist, Encoding::Listpack] {
            list.pop(End::Back);
            list.shrink(limit);
            assert_eq!(list.encoding(), encoding);
        }
        assert_eq!(texts(&list), [b"a", b"b"]);
    }

    #[test]
    fn bytes_decide_where_elements_are_not_counted() {
        let limit = NodeLimit::new(-1);
        let mut list = List::new();
        push(&mut list, &[b'x'; 4089], limit);
        assert_eq!(list.encoding(), Encoding::Listpack);
        list.grow(0, 1, limit);
        assert_eq!(list.encoding(), Encoding::Quicklist);
        let mut list = List::new();
        push(&mut list, &[b'x'; 4090], limit);
        assert_eq!((list.encoding(), list.len()), (Encoding::Quicklist, 1));
    }

    #[test]
    fn a_built_list_may_use_all_of_the_limit() {
        let texts = [&b"a"[..], b"b", b"c", b"d"];
        let built = |limit| List::collect(texts.into_iter(), NodeLimit::new(limit)).encoding();
        assert_eq!((built(4), built(3)), (Encoding::Listpack, Encoding::Quicklist));
        let none = List::collect([].into_iter(), NodeLimit::new(-2));
        assert!(none.is_empty() && none.encoding() == Encoding::Listpack);
    }

    #[test]
    fn both_forms_do_the_same() {
        let seed = os_seed();
        eprintln!("seed {seed}");
        let mut rng = Rng::seeded(seed);
        let (small, large) = (NodeLimit::new(3), NodeLimit::new(1000));
        let (mut quick, mut packed) = (List::new(), List::new());
        for _ in 0..5000 {
            let (step, index) = (rng.below(9), rng.below(20));
            let text = rng.below(12).to_string();
            let end = if rng.below(2) == 0 { End::Front } else { End::Back };
            let results = [(&mut quick, small), (&mut packed, large)].map(|(list, limit)| {
                list.grow(text.len(), 1, limit);
                let result = change(list, step, index, text.as_bytes(), end);
                list.shrink(limit);
                result
            });
            assert_eq!(results[0], results[1]);
            assert_eq!(texts(&quick), texts(&packed));
        }
        assert_eq!(packed.encoding(), Encoding::Listpack);
    }

    /// One change, and what it returned; shorter lists grow, longer ones shrink.
    fn change(list: &mut List, step: usize, index: usize, text: &[u8], end: End) -> usize {
        let offset = i64::try_from(index).unwrap() - 10;
        match step {
            _ if list.len() < 3 => list.push(end, text),
            _ if list.len() > 30 => list.remove_range(index, 20),
            0..=2 => list.push(end, text),
            3 => return usize::from(list.insert(text, end, b"new")),
            4 => return usize::from(list.set(offset, text)),
            5 => list.remove_range(index, 3),
            6 => return list.remove_all(text, index / 4, end),
            7 => return usize::from(list.pop(end)),
            _ => {
                let all = texts(list);
                let expected = match usize::try_from(offset) {
                    Ok(index) => all.get(index),
                    Err(_) => all.iter().rev().nth(usize::try_from(!offset).unwrap()),
                };
                assert_eq!(list.as_ref().get(offset).map(Item::to_vec).as_ref(), expected);
                let last = if end == End::Front { all.first() } else { all.last() };
                assert_eq!(list.as_ref().peek(end).map(Item::to_vec).as_ref(), last);
            }
        }
        list.len()
    }
}
