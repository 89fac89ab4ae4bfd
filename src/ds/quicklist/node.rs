//! One node of a quicklist: a run of packed elements in a block that may have room on both sides.
//!
//! Pushing and popping at either end writes or forgets that element and leaves the others where
//! they are. A block that is full doubles, up to what its caller allows.
//!
//! Invariant: knows its elements, not its neighbours; every element is one of `listpack::element`.

use super::End;
use crate::ds::listpack::Listpack;
use crate::ds::listpack::element::{self, Element, Item, Items};

/// What a listpack of the same elements has around them.
pub const LISTPACK_FRAME: usize = 7;
/// Where an empty block starts.
const BLOCK_BYTES_MIN: usize = 64;
/// Most bytes of elements: their places are 32 bits wide.
const RUN_BYTES_MAX: usize = u32::MAX as usize;

/// A run of elements.
#[derive(Clone, Debug)]
pub struct Node {
    block: Box<[u8]>,
    /// Where the run begins and ends in the block.
    start: u32,
    end: u32,
    /// Number of elements.
    count: u32,
}

const _: () = assert!(size_of::<Node>() <= 32);

impl Node {
    /// A node of one element.
    pub fn of(element: &Element) -> Node {
        let mut node = Node { block: Box::default(), start: 0, end: 0, count: 0 };
        node.push(End::Back, element, 0);
        node
    }

    /// A node of the `count` elements that `run` holds.
    pub fn from_run(run: &[u8], count: usize) -> Node {
        Node { block: run.into(), start: 0, end: narrow(run.len()), count: narrow(count) }
    }

    /// The elements.
    #[inline]
    pub fn run(&self) -> &[u8] {
        &self.block[widen(self.start)..widen(self.end)]
    }

    #[inline]
    pub fn count(&self) -> usize {
        widen(self.count)
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes that a listpack of the elements takes.
    #[inline]
    pub fn listpack_len(&self) -> usize {
        self.len() + LISTPACK_FRAME
    }

    /// Whether the element can be added at all, whatever the limit.
    pub fn has_room_for(&self, element: &Element) -> bool {
        self.listpack_len() + element.size() <= RUN_BYTES_MAX
    }

    /// Bytes on the heap.
    #[inline]
    pub fn memory(&self) -> usize {
        self.block.len()
    }

    pub fn to_listpack(&self) -> Listpack {
        Listpack::from_run(self.run(), self.count())
    }

    /// The element at one end.
    #[inline]
    pub fn peek(&self, end: End) -> Option<Item<'_>> {
        let mut items = Items(self.run());
        match end {
            End::Front => items.next(),
            End::Back => items.next_back(),
        }
    }

    /// Where the element number `index` begins in the run; walks from the nearer end.
    pub fn seek(&self, index: usize) -> usize {
        let run = self.run();
        if index <= self.count() / 2 {
            (0..index).fold(0, |at, _| at + element::size(&run[at..]))
        } else {
            (index..self.count()).fold(run.len(), |at, _| at - element::size_back(&run[..at]))
        }
    }

    /// Adds an element at one end; the block grows to `block_max` bytes where one more element does
    /// not need more.
    #[inline]
    pub fn push(&mut self, end: End, element: &Element, block_max: usize) {
        let size = element.size();
        if self.gap(end) < size {
            self.make_room(end, size, block_max);
        }
        let place = match end {
            End::Front => {
                self.start -= narrow(size);
                widen(self.start)
            }
            End::Back => {
                self.end += narrow(size);
                widen(self.end) - size
            }
        };
        element.write(&mut self.block[place..place + size]);
        self.count += 1;
    }

    /// Forgets the element at one end.
    #[inline]
    pub fn pop(&mut self, end: End) {
        match end {
            End::Front => self.start += narrow(element::size(self.run())),
            End::Back => self.end -= narrow(element::size_back(self.run())),
        }
        self.count -= 1;
    }

    /// Adds an element at `offset` of the run.
    pub fn insert(&mut self, offset: usize, element: &Element, block_max: usize) {
        self.put(offset, 0, element, block_max);
        self.count += 1;
    }

    /// Puts `element` in the place of the one at `offset`.
    pub fn replace(&mut self, offset: usize, element: &Element) {
        self.put(offset, element::size(&self.run()[offset..]), element, 0);
    }

    /// Removes `count` elements from number `index` on.
    pub fn remove(&mut self, index: usize, count: usize) {
        let (from, to) = (self.seek(index), self.seek(index + count));
        if from == 0 {
            self.start += narrow(to);
        } else {
            let (start, end) = (widen(self.start), widen(self.end));
            self.block.copy_within(start + to..end, start + from);
            self.end -= narrow(to - from);
        }
        self.count -= narrow(count);
        self.release();
    }

    /// Removes the elements that `keep` does not want; returns how many those were.
    pub fn retain(&mut self, keep: impl FnMut(Item<'_>) -> bool) -> usize {
        let (start, end) = (widen(self.start), widen(self.end));
        let (len, removed) = element::retain(&mut self.block[start..end], keep);
        self.end = narrow(start + len);
        self.count -= narrow(removed);
        self.release();
        removed
    }

    /// Takes the elements from number `index` on, which begins at `offset`, into a node of their own.
    pub fn split_off(&mut self, offset: usize, index: usize) -> Node {
        let rest = Node::from_run(&self.run()[offset..], self.count() - index);
        self.end = narrow(widen(self.start) + offset);
        self.count = narrow(index);
        self.fit();
        rest
    }

    /// Adds the elements of `other` behind its own.
    pub fn append(&mut self, other: &Node, block_max: usize) {
        let run = other.run();
        if self.gap(End::Back) < run.len() {
            self.make_room(End::Back, run.len(), block_max);
        }
        let end = widen(self.end);
        self.block[end..end + run.len()].copy_from_slice(run);
        self.end = narrow(end + run.len());
        self.count += other.count;
    }

    /// Gives back what is unused, unless that is little: for a node that nothing is pushed to.
    pub fn fit(&mut self) {
        if self.block.len() > self.len() + self.len() / 8 {
            self.block = self.run().into();
            (self.start, self.end) = (0, narrow(self.block.len()));
        }
    }

    /// Gives back what is unused when that is most of the block.
    fn release(&mut self) {
        if self.len() < self.block.len() / 4 {
            self.fit();
        }
    }

    #[inline]
    fn len(&self) -> usize {
        widen(self.end - self.start)
    }

    /// Bytes of room at one end.
    #[inline]
    fn gap(&self, end: End) -> usize {
        match end {
            End::Front => widen(self.start),
            End::Back => self.block.len() - widen(self.end),
        }
    }

    /// Writes `element` over the `old` bytes at `offset` of the run.
    fn put(&mut self, offset: usize, old: usize, element: &Element, block_max: usize) {
        let size = element.size();
        let more = size.saturating_sub(old);
        if self.gap(End::Back) < more {
            self.make_room(End::Back, more, block_max);
        }
        let (place, end) = (widen(self.start) + offset, widen(self.end));
        self.block.copy_within(place + old..end, place + size);
        element.write(&mut self.block[place..place + size]);
        self.end = narrow(end - old + size);
    }

    /// Makes `more` bytes of room at `side`: of what is free at the other one, or in a larger block.
    #[cold]
    fn make_room(&mut self, side: End, more: usize, block_max: usize) {
        let len = self.len();
        let free = self.block.len() - len;
        if more <= free {
            // The other side keeps a half of what is left: elements that come and go in turns at
            // both ends must not move the run each time.
            let gap = more + (free - more) / 2;
            let start = if side == End::Front { gap } else { free - gap };
            self.block.copy_within(widen(self.start)..widen(self.end), start);
            self.place(start, len);
            return;
        }
        let doubled = (2 * len).max(BLOCK_BYTES_MIN).min(block_max);
        let mut block = vec![0; doubled.max(len + more)].into_boxed_slice();
        let start = if side == End::Front { block.len() - len } else { 0 };
        block[start..start + len].copy_from_slice(self.run());
        self.block = block;
        self.place(start, len);
    }

    fn place(&mut self, start: usize, len: usize) {
        (self.start, self.end) = (narrow(start), narrow(start + len));
    }
}

#[inline]
fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).expect("the caller keeps a run below 4 GiB")
}

#[inline]
fn widen(offset: u32) -> usize {
    usize::try_from(offset).expect("32 bits fit")
}
