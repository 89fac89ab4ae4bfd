//! Redis's listpack, byte for byte: short texts and integers packed into one byte string.
//!
//! ```text
//! bytes in all 4 | elements 2 | element ... | 0xff
//! ```
//!
//! Little endian; 65,535 elements stand for "as many or more, count them". A [`View`] reads one
//! wherever it lies, a [`Listpack`] owns and changes one.
//!
//! Invariant: knows elements and their order, not what they mean; bytes from outside are read only
//! after [`View::checked`] took them.

pub(in crate::ds) mod element;

use element::{END, Element};
pub use element::{Item, Items, Needle};

const HEADER_BYTES: usize = 6;
/// The count that says nothing.
const UNCOUNTED: u16 = u16::MAX;
/// Where a listpack stops growing, as in Redis.
const BYTES_MAX: usize = 1 << 30;

/// Where an element begins. Good until the listpack changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(u32);

impl At {
    #[inline]
    fn new(offset: usize) -> At {
        At(u32::try_from(offset).expect("a listpack says its length in 32 bits"))
    }

    #[inline]
    fn offset(self) -> usize {
        usize::try_from(self.0).expect("32 bits fit")
    }
}

/// A listpack to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View<'a>(&'a [u8]);

impl<'a> View<'a> {
    /// The listpack that `bytes` are; for bytes that were written here or checked.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> View<'a> {
        debug_assert!(bytes.len() > HEADER_BYTES && bytes.last() == Some(&END));
        View(bytes)
    }

    /// The listpack that `bytes` are, if they are one throughout.
    pub fn checked(bytes: &'a [u8]) -> Option<View<'a>> {
        let (&[a, b, c, d, low, high], elements) = bytes.split_first_chunk()?;
        let total = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
        let (&end, mut elements) = elements.split_last()?;
        if total != bytes.len() || end != END {
            return None;
        }
        let mut count = 0usize;
        while !elements.is_empty() {
            elements = &elements[element::check(elements)?..];
            count += 1;
        }
        let told = u16::from_le_bytes([low, high]);
        (told == UNCOUNTED || usize::from(told) == count).then_some(View(bytes))
    }

    /// All of its bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Number of elements. Walks a listpack of more than 65,534.
    #[inline]
    pub fn len(self) -> usize {
        match u16::from_le_bytes([self.0[4], self.0[5]]) {
            UNCOUNTED => self.iter().count(),
            count => usize::from(count),
        }
    }

    pub fn is_empty(self) -> bool {
        self.first().is_none()
    }

    #[inline]
    pub fn first(self) -> Option<At> {
        self.at(HEADER_BYTES)
    }

    #[inline]
    pub fn last(self) -> Option<At> {
        self.before(self.0.len() - 1)
    }

    /// The element behind that at `at`.
    #[inline]
    pub fn next(self, at: At) -> Option<At> {
        self.at(self.after(at.offset()))
    }

    /// The element in front of that at `at`.
    #[inline]
    pub fn prev(self, at: At) -> Option<At> {
        self.before(at.offset())
    }

    /// What the element at `at` holds.
    #[inline]
    pub fn get(self, at: At) -> Item<'a> {
        element::decode(&self.0[at.offset()..]).0
    }

    /// The element number `index`, counted from 0, or from -1 at the end backwards. Walks from the
    /// nearer end.
    pub fn seek(self, index: i64) -> Option<At> {
        let len = i64::try_from(self.len()).ok()?;
        let index = if index < 0 { index.checked_add(len)? } else { index };
        if !(0..len).contains(&index) {
            return None;
        }
        if index <= len / 2 {
            (0..index).try_fold(self.first()?, |at, _| self.next(at))
        } else {
            (index + 1..len).try_fold(self.last()?, |at, _| self.prev(at))
        }
    }

    /// The first element that holds `needle`, from `from` on. Skips `skip` elements after each that
    /// it compares, so that a hash can be searched for a field and not its values.
    pub fn find(self, from: Option<At>, needle: &[u8], skip: usize) -> Option<At> {
        let needle = Needle::new(needle);
        let mut at = from?.offset();
        while self.0[at] != END {
            let (item, size) = element::decode(&self.0[at..]);
            if needle.is(item) {
                return Some(At::new(at));
            }
            at += size;
            for _ in 0..skip {
                if self.0[at] == END {
                    return None;
                }
                at = self.after(at);
            }
        }
        None
    }

    /// The items in order.
    #[inline]
    pub fn iter(self) -> Items<'a> {
        Items(&self.0[HEADER_BYTES..self.0.len() - 1])
    }

    /// The items from that at `at` on.
    pub fn iter_from(self, at: At) -> Items<'a> {
        Items(&self.0[at.offset()..self.0.len() - 1])
    }

    /// Where the first of `rest` stands, which are the last items of this listpack; `None` without
    /// any.
    pub fn place(self, rest: &Items<'_>) -> Option<At> {
        self.at(self.0.len() - 1 - rest.0.len())
    }

    #[inline]
    fn at(self, offset: usize) -> Option<At> {
        (self.0[offset] != END).then(|| At::new(offset))
    }

    #[inline]
    fn after(self, offset: usize) -> usize {
        offset + element::size(&self.0[offset..])
    }

    #[inline]
    fn before(self, offset: usize) -> Option<At> {
        (offset > HEADER_BYTES)
            .then(|| At::new(offset - element::size_back(&self.0[HEADER_BYTES..offset])))
    }
}

impl<'a> IntoIterator for View<'a> {
    type Item = Item<'a>;
    type IntoIter = Items<'a>;

    fn into_iter(self) -> Items<'a> {
        self.iter()
    }
}

/// A listpack of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listpack(Vec<u8>);

impl Default for Listpack {
    fn default() -> Listpack {
        Listpack::new()
    }
}

impl Listpack {
    /// An empty one.
    pub fn new() -> Listpack {
        Listpack(vec![7, 0, 0, 0, 0, 0, END])
    }

    /// The listpack that `bytes` are; for bytes that were written here or checked.
    pub fn from_bytes(bytes: Vec<u8>) -> Listpack {
        View::new(&bytes);
        Listpack(bytes)
    }

    /// One of the `count` elements that `run` holds.
    pub(in crate::ds) fn from_run(run: &[u8], count: usize) -> Listpack {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + run.len() + 1);
        let total = u32::try_from(bytes.capacity()).expect("the caller checked that it fits");
        bytes.extend_from_slice(&total.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(count).unwrap_or(UNCOUNTED).to_le_bytes());
        bytes.extend_from_slice(run);
        bytes.push(END);
        Listpack(bytes)
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    #[inline]
    pub fn view(&self) -> View<'_> {
        View(&self.0)
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        self.0.capacity()
    }

    /// Whether elements of `len` bytes in all can be added.
    pub fn fits(&self, len: usize) -> bool {
        self.0.len().saturating_add(len) <= BYTES_MAX
    }

    pub fn push_back(&mut self, text: &[u8]) {
        self.push(&Element::of(text));
    }

    pub fn push_back_int(&mut self, value: i64) {
        self.push(&Element::of_int(value));
    }

    /// Adds the elements that `write` writes at the end, with room for as much again: for a listpack
    /// that many are still added to.
    pub fn extend(&mut self, write: impl FnOnce(&mut Tail<'_>)) {
        self.0.pop();
        let mut tail = Tail { bytes: &mut self.0, count: 0 };
        write(&mut tail);
        let added = tail.count;
        self.0.push(END);
        self.set_total();
        let count = self.count().checked_add(added).unwrap_or(UNCOUNTED);
        self.set_count(count);
    }

    /// Gives back what is unused, unless that is little. The allocator would leave what shrinks by
    /// less than a half where it is.
    pub fn fit(&mut self) {
        if self.0.capacity() > self.0.len() + self.0.len() / 8 {
            self.0 = self.0.as_slice().to_vec();
        }
    }

    pub fn push_front(&mut self, text: &[u8]) {
        self.insert(HEADER_BYTES, &Element::of(text));
    }

    /// Adds an element in front of that at `at`.
    pub fn insert_before(&mut self, at: At, text: &[u8]) -> At {
        self.insert(at.offset(), &Element::of(text))
    }

    /// Adds an element behind that at `at`.
    pub fn insert_after(&mut self, at: At, text: &[u8]) -> At {
        self.insert(self.view().after(at.offset()), &Element::of(text))
    }

    /// Puts another text in the place of the element at `at`.
    pub fn replace(&mut self, at: At, text: &[u8]) -> At {
        self.put(at.offset(), element::size(&self.0[at.offset()..]), &Element::of(text));
        at
    }

    /// As [`Listpack::replace`], by a number.
    pub fn replace_int(&mut self, at: At, value: i64) -> At {
        self.put(at.offset(), element::size(&self.0[at.offset()..]), &Element::of_int(value));
        at
    }

    /// Removes the element at `at`; returns the one that follows.
    pub fn remove(&mut self, at: At) -> Option<At> {
        self.remove_range(at, 1)
    }

    /// Removes `count` elements from `at` on, or as many as there are; returns the one that follows.
    pub fn remove_range(&mut self, at: At, count: usize) -> Option<At> {
        let (start, mut end, mut removed) = (at.offset(), at.offset(), 0);
        while removed < count && self.0[end] != END {
            end = self.view().after(end);
            removed += 1;
        }
        self.reshape(start, end - start, 0);
        self.uncount(removed);
        self.view().at(start)
    }

    /// Removes the elements that `keep` does not want; returns how many those were.
    pub fn retain(&mut self, keep: impl FnMut(Item<'_>) -> bool) -> usize {
        let len = self.0.len();
        let (kept, removed) = element::retain(&mut self.0[HEADER_BYTES..len - 1], keep);
        self.reshape(HEADER_BYTES + kept, len - 1 - HEADER_BYTES - kept, 0);
        self.uncount(removed);
        removed
    }

    fn push(&mut self, element: &Element) {
        self.insert(self.0.len() - 1, element);
    }

    fn insert(&mut self, offset: usize, element: &Element) -> At {
        self.put(offset, 0, element);
        self.set_count(self.count().saturating_add(1));
        At::new(offset)
    }

    /// Writes `element` over the `old` bytes at `offset`.
    #[inline]
    fn put(&mut self, offset: usize, old: usize, element: &Element) {
        let size = element.size();
        self.reshape(offset, old, size);
        element.write(&mut self.0[offset..offset + size]);
    }

    /// Makes the `old` bytes at `offset` `new` bytes long, whatever they hold then.
    fn reshape(&mut self, offset: usize, old: usize, new: usize) {
        if new == old {
            return;
        }
        let len = self.0.len();
        if new > old {
            self.reserve(new - old);
            self.0.resize(len + (new - old), 0);
        }
        self.0.copy_within(offset + old..len, offset + new);
        if new < old {
            self.0.truncate(len - (old - new));
            self.release();
        }
        self.set_total();
    }

    fn set_total(&mut self) {
        let total = u32::try_from(self.0.len()).expect("the caller checked that it fits");
        self.0[..4].copy_from_slice(&total.to_le_bytes());
    }

    /// Makes room for `more` bytes and an eighth of what there is: growing by one element at a time
    /// moves each byte a few times only, and little is left over.
    #[inline]
    fn reserve(&mut self, more: usize) {
        if self.0.capacity() - self.0.len() < more {
            self.0.reserve_exact(more + self.0.len() / 8);
        }
    }

    /// Gives memory back when half of it is unused.
    #[inline]
    fn release(&mut self) {
        if self.0.len() < self.0.capacity() / 2 {
            self.0.shrink_to(self.0.len() + self.0.len() / 8);
        }
    }

    /// Takes `removed` elements off the count.
    fn uncount(&mut self, removed: usize) {
        if self.count() != UNCOUNTED {
            let removed = u16::try_from(removed).expect("there were less than 65,535");
            self.set_count(self.count() - removed);
        }
    }

    fn count(&self) -> u16 {
        u16::from_le_bytes([self.0[4], self.0[5]])
    }

    fn set_count(&mut self, count: u16) {
        self.0[4..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
    }
}

/// The end of a listpack that is being added to.
pub struct Tail<'a> {
    bytes: &'a mut Vec<u8>,
    /// Elements added.
    count: u16,
}

impl Tail<'_> {
    #[inline]
    pub fn text(&mut self, text: &[u8]) {
        self.push(&Element::of(text));
    }

    #[inline]
    pub fn int(&mut self, value: i64) {
        self.push(&Element::of_int(value));
    }

    fn push(&mut self, element: &Element) {
        let (start, size) = (self.bytes.len(), element.size());
        // With the end, which follows.
        self.bytes.reserve(size + 1);
        self.bytes.resize(start + size, 0);
        element.write(&mut self.bytes[start..]);
        self.count = self.count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};

    fn pack(texts: &[&str]) -> Listpack {
        let mut list = Listpack::new();
        texts.iter().for_each(|text| list.push_back(text.as_bytes()));
        list
    }

    fn texts(view: View<'_>) -> Vec<Vec<u8>> {
        view.iter().map(Item::to_vec).collect()
    }

    #[test]
    fn bytes_are_those_of_redis() {
        // What DUMP shows of a list with these elements in Redis 7.0.15.
        let x = "x".repeat(70);
        let list = pack(&[
            "a",
            "hello",
            "5",
            "-5",
            "4095",
            "-4096",
            "40000",
            "-8388608",
            "2147483647",
            "9223372036854775807",
            "",
            "007",
            &x,
        ]);
        let mut expected =
            b"\x86\0\0\0\x0d\0\x81a\x02\x85hello\x06\x05\x01\xdf\xfb\x02\xcf\xff\x02\
            \xd0\0\x02\xf2\x40\x9c\0\x04\xf2\0\0\x80\x04\xf3\xff\xff\xff\x7f\x05\
            \xf4\xff\xff\xff\xff\xff\xff\xff\x7f\x09\x80\x01\x83007\x04\xe0F"
                .to_vec();
        expected.extend_from_slice(x.as_bytes());
        expected.extend_from_slice(b"\x48\xff");
        assert_eq!(list.into_bytes(), expected);
    }

    #[test]
    fn find_takes_numbers_and_texts_and_skips_values() {
        let list = pack(&["a", "b", "12", "a", "012", "12", "b", "x"]);
        let view = list.view();
        let found = |needle: &str, skip| {
            let at = view.find(view.first(), needle.as_bytes(), skip)?;
            (0..8).find(|&index| view.seek(index) == Some(at))
        };
        assert_eq!((found("b", 0), found("b", 1)), (Some(1), Some(6)));
        assert_eq!((found("12", 0), found("12", 1), found("012", 1)), (Some(2), Some(2), Some(4)));
        assert_eq!((found("x", 1), found("x", 0), found("", 0)), (None, Some(7), None));
        assert_eq!(found("x", 9), None);
        assert_eq!(view.find(None, b"a", 0), None);
    }

    #[test]
    fn seek_counts_from_either_end() {
        let list = pack(&["0", "1", "2", "3", "4"]);
        let view = list.view();
        for (index, expected) in [(0, 0), (2, 2), (3, 3), (4, 4), (-1, 4), (-5, 0)] {
            assert_eq!(view.seek(index).map(|at| view.get(at)), Some(Item::Int(expected)));
        }
        assert!([5, -6, i64::MIN, i64::MAX].iter().all(|&index| view.seek(index).is_none()));
        assert_eq!(Listpack::new().view().seek(0), None);
    }

    #[test]
    fn retain_closes_the_gaps() {
        let mut list = pack(&["1", "a", "2", "b", "c", "3"]);
        assert_eq!(list.retain(|item| matches!(item, Item::Int(_))), 3);
        assert_eq!(list, pack(&["1", "2", "3"]));
        assert_eq!((list.retain(|_| true), list.retain(|_| false)), (0, 3));
        assert_eq!(list, Listpack::new());
    }

    #[test]
    fn more_elements_than_the_header_can_count() {
        let mut list = Listpack::new();
        (0..65_540i64).for_each(|value| list.push_back_int(value % 2));
        assert_eq!(list.view().len(), 65_540);
        assert!(View::checked(list.view().bytes()).is_some());
        assert_eq!(list.remove_range(list.view().seek(10).unwrap(), 70_000), None);
        assert_eq!((list.view().len(), list.view().iter().count()), (10, 10));
    }

    /// One random change to a listpack and to the model.
    fn change(rng: &mut Rng, list: &mut Listpack, model: &mut Vec<Vec<u8>>) {
        let text = random_text(rng);
        let index = rng.below(model.len().max(1));
        let at = list.view().seek(i64::try_from(index).unwrap());
        match (rng.below(8), at) {
            (0 | 1, _) => {
                list.push_back(&text);
                model.push(text);
            }
            (2, _) | (_, None) => {
                list.push_front(&text);
                model.insert(0, text);
            }
            (3, Some(at)) => {
                let at = list.insert_before(at, &text);
                assert!(list.view().get(at).eq_bytes(&text));
                model.insert(index, text);
            }
            (4, Some(at)) => {
                let at = list.insert_after(at, &text);
                assert!(list.view().get(at).eq_bytes(&text));
                model.insert(index + 1, text);
            }
            (5, Some(at)) => {
                list.replace(at, &text);
                model[index] = text;
            }
            (_, Some(at)) => {
                let count = rng.below(3);
                let next = list.remove_range(at, count);
                model.drain(index..model.len().min(index + count));
                let next = next.map(|at| list.view().get(at).to_vec());
                assert_eq!(next.as_ref(), model.get(index));
            }
        }
    }

    fn random_text(rng: &mut Rng) -> Vec<u8> {
        if rng.below(2) == 0 {
            let value = rng.u64().cast_signed() >> rng.below(64);
            return value.to_string().into_bytes();
        }
        let len = [3, 63, 200, 5000][rng.below(4)];
        let mut text = vec![0; rng.below(len)];
        rng.fill(&mut text);
        text
    }

    #[test]
    fn random_changes_match_a_vector() {
        let seed = os_seed();
        eprintln!("seed {seed}");
        let mut rng = Rng::seeded(seed);
        let (mut list, mut model) = (Listpack::new(), Vec::new());
        for _ in 0..3000 {
            change(&mut rng, &mut list, &mut model);
            let view = View::checked(list.view().bytes()).expect("it stays whole");
            assert_eq!((view.len(), view.is_empty()), (model.len(), model.is_empty()));
            assert!(list.memory() <= 2 * view.bytes().len() + 16);
            let needle = random_text(&mut rng);
            let found = view.find(view.first(), &needle, 0);
            assert_eq!(found.is_some(), model.contains(&needle));
            if model.len() > 60 {
                list.remove_range(list.view().seek(5).unwrap(), 50);
                model.drain(5..55);
            }
        }
        assert_eq!(texts(list.view()), model);
        model.reverse();
        assert_eq!(list.view().iter().rev().map(Item::to_vec).collect::<Vec<_>>(), model);
    }

    /// What is taken can be read in both directions without a panic.
    fn read_if_taken(bytes: &[u8]) {
        let Some(view) = View::checked(bytes) else { return };
        let forward = texts(view);
        let mut backward: Vec<_> = view.iter().rev().map(Item::to_vec).collect();
        backward.reverse();
        assert_eq!(forward, backward);
        assert_eq!(view.len(), forward.len());
        view.find(view.first(), b"5", 1);
    }

    #[test]
    fn mutated_bytes_are_refused_or_readable() {
        let seed = os_seed();
        eprintln!("seed {seed}");
        let mut rng = Rng::seeded(seed);
        for _ in 0..20_000 {
            let mut list = Listpack::new();
            for _ in 0..rng.below(6) {
                let text = random_text(&mut rng);
                list.push_back(&text[..text.len().min(150)]);
            }
            let mut bytes = list.into_bytes();
            for _ in 0..1 + rng.below(3) {
                let at = rng.below(bytes.len());
                bytes[at] = rng.u64().to_le_bytes()[0];
            }
            let len = bytes.len() - rng.below(2) * rng.below(bytes.len());
            bytes.truncate(len);
            if rng.below(2) == 0 && len >= HEADER_BYTES {
                bytes[..4].copy_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
                bytes[4..6].fill(0xff);
                bytes[len - 1] = END;
            }
            read_if_taken(&bytes);
        }
    }
}
