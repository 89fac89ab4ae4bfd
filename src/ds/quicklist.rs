//! A long list: nodes of packed elements, one behind the other.
//!
//! Elements are pushed and popped at both ends without moving others, and an index is found by the
//! counts of the nodes, which stand side by side. Where a node ends and the next begins is what Redis
//! would decide, because it can be seen: a list of one small node goes back to being a listpack.
//!
//! Invariant: no node is empty; knows elements and their order, not what they mean.

mod node;

use std::collections::VecDeque;

use self::node::{LISTPACK_FRAME, Node};
use crate::ds::listpack::element::{self, Element, Item, Items, Needle};
use crate::ds::listpack::{Listpack, View};

/// Nodes that one call of [`Quicklist::drop_some`] frees.
const DROP_NODES: usize = 32;
/// What Redis expects an element to take beyond its text.
const ELEMENT_OVERHEAD: usize = 8;
/// Largest node of several elements when elements are counted, not bytes.
const COUNTED_BYTES_MAX: usize = 8192;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Front,
    Back,
}

/// How large a node may become, or a list that is a single listpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLimit {
    /// `usize::MAX` when elements are counted.
    bytes: usize,
    /// `usize::MAX` when bytes are.
    count: usize,
}

impl NodeLimit {
    /// The limit that `list-max-listpack-size` names: a number of elements, or from -1 to -5 one
    /// of 4 to 64 KiB.
    pub fn new(size: i64) -> NodeLimit {
        let bytes = |bytes| NodeLimit { bytes, count: usize::MAX };
        match usize::try_from(size) {
            Ok(count) => NodeLimit { bytes: usize::MAX, count: count.max(1) },
            Err(_) if size == -1 => bytes(4096),
            Err(_) if size == -2 => bytes(8192),
            Err(_) if size == -3 => bytes(16_384),
            Err(_) if size == -4 => bytes(32_768),
            Err(_) => bytes(65_536),
        }
    }

    /// Whether a listpack of `bytes` with `count` elements is too large to have come about by
    /// adding one.
    pub fn exceeded(self, bytes: usize, count: usize) -> bool {
        match self.bytes {
            usize::MAX => bytes > COUNTED_BYTES_MAX || count > self.count,
            limit => bytes > limit,
        }
    }

    /// A half of it: what a list that shrinks has to keep to, so that it does not change its form
    /// back and forth.
    pub fn halved(self) -> NodeLimit {
        NodeLimit { bytes: self.bytes / 2, count: self.count / 2 }
    }

    /// Bytes of a full block.
    fn block_max(self) -> usize {
        let bytes = if self.bytes == usize::MAX { COUNTED_BYTES_MAX } else { self.bytes };
        bytes - LISTPACK_FRAME
    }
}

/// Where an element stands. Good until the list changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Number of the node.
    node: usize,
    /// Where it begins in the node, and its number there.
    offset: usize,
    index: usize,
}

/// A list of nodes.
#[derive(Clone, Debug)]
pub struct Quicklist {
    nodes: VecDeque<Node>,
    /// Number of elements.
    len: usize,
    /// Bytes of all blocks.
    blocks: usize,
    limit: NodeLimit,
}

impl Quicklist {
    /// An empty list whose nodes keep to `limit`.
    pub fn new(limit: NodeLimit) -> Quicklist {
        Quicklist { nodes: VecDeque::new(), len: 0, blocks: 0, limit }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        self.blocks + self.nodes.capacity() * size_of::<Node>()
    }

    /// Adds the elements of `pack` as a node of their own.
    pub fn push_listpack(&mut self, pack: View<'_>) {
        let count = pack.len();
        if count > 0 {
            self.insert_node(self.nodes.len(), Node::from_run(pack.iter().0, count));
            self.len += count;
        }
    }

    /// The only node as a listpack, if there is only one and it keeps to `limit`.
    pub fn to_listpack(&self, limit: NodeLimit) -> Option<Listpack> {
        let node = self.nodes.front().filter(|_| self.nodes.len() == 1)?;
        let keeps = node.listpack_len() <= limit.bytes && node.count() <= limit.count;
        keeps.then(|| node.to_listpack())
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The listpacks that the nodes from number `first` on are, for a snapshot.
    pub fn listpacks(&self, first: usize) -> impl ExactSizeIterator<Item = Listpack> {
        self.nodes.range(first.min(self.nodes.len())..).map(Node::to_listpack)
    }

    /// The element at one end.
    #[inline]
    pub fn peek(&self, end: End) -> Option<Item<'_>> {
        self.nodes.get(self.end(end)?)?.peek(end)
    }

    /// Adds an element at one end.
    pub fn push(&mut self, end: End, text: &[u8]) {
        let element = Element::of(text);
        let last = self.end(end);
        match last {
            Some(node) if self.takes(node, text.len()) => self.push_to(node, end, &element),
            _ => {
                // Nothing will be pushed to the node that is now behind this one.
                last.inspect(|&node| self.alter(node, Node::fit));
                let place = if end == End::Front { 0 } else { self.nodes.len() };
                self.insert_node(place, Node::of(&element));
            }
        }
        self.len += 1;
    }

    /// Removes the element at one end; false when there is none.
    pub fn pop(&mut self, end: End) -> bool {
        let Some(at) = self.end(end) else { return false };
        let node = &mut self.nodes[at];
        node.pop(end);
        if node.is_empty() {
            self.remove_nodes(at, at + 1);
        }
        self.len -= 1;
        true
    }

    /// The items in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { nodes: self.nodes.iter(), ..Iter::default() }
    }

    /// The items in order from number `index` on.
    pub fn iter_from(&self, index: usize) -> Iter<'_> {
        let Some((node, skip)) = self.locate(index) else { return Iter::default() };
        let run = self.nodes[node].run();
        let front = Items(&run[self.nodes[node].seek(skip)..]);
        Iter { front, nodes: self.nodes.range(node + 1..), ..Iter::default() }
    }

    /// The element number `index`.
    pub fn get(&self, index: usize) -> Option<Item<'_>> {
        let (node, skip) = self.locate(index)?;
        let node = &self.nodes[node];
        Items(&node.run()[node.seek(skip)..]).next()
    }

    /// Shows up to `count` elements from number `index` on. Quicker than an iterator, which would
    /// have to find out for each element where it is.
    pub fn visit(&self, index: usize, count: usize, mut show: impl FnMut(Item<'_>)) {
        let Some((first, skip)) = self.locate(index) else { return };
        let (mut left, mut offset) = (count, self.nodes[first].seek(skip));
        for node in self.nodes.range(first..) {
            for item in Items(&node.run()[offset..]) {
                if left == 0 {
                    return;
                }
                show(item);
                left -= 1;
            }
            offset = 0;
        }
    }

    /// The first element that holds `needle`.
    pub fn find(&self, needle: Needle<'_>) -> Option<Spot> {
        for (node, run) in self.nodes.iter().map(Node::run).enumerate() {
            let (mut offset, mut index) = (0, 0);
            while offset < run.len() {
                let (item, size) = element::decode(&run[offset..]);
                if needle.is(item) {
                    return Some(Spot { node, offset, index });
                }
                offset += size;
                index += 1;
            }
        }
        None
    }

    /// Adds an element in front of that at `spot` or behind it.
    pub fn insert(&mut self, spot: Spot, side: End, text: &[u8]) {
        let element = Element::of(text);
        let Spot { node, mut offset, mut index } = spot;
        if side == End::Back {
            offset += element::size(&self.nodes[node].run()[offset..]);
            index += 1;
        }
        self.len += 1;
        let block_max = self.limit.block_max();
        if self.takes(node, text.len()) {
            return self.alter(node, |node| node.insert(offset, &element, block_max));
        }
        match side {
            End::Front if index == 0 => self.insert_between(node, side, &element, text.len()),
            End::Back if index == self.nodes[node].count() => {
                self.insert_between(node + 1, side, &element, text.len());
            }
            _ => self.insert_split(Spot { node, offset, index }, side, &element),
        }
    }

    /// Puts `text` in the place of the element number `index`; false when there is none.
    pub fn set(&mut self, index: usize, text: &[u8]) -> bool {
        let Some((node, skip)) = self.locate(index) else { return false };
        let element = Element::of(text);
        let offset = self.nodes[node].seek(skip);
        if self.nodes[node].has_room_for(&element) {
            // Not held to the limit, as in Redis: the node takes it whatever its size.
            self.alter(node, |node| node.replace(offset, &element));
            return true;
        }
        let old = element::size(&self.nodes[node].run()[offset..]);
        let rest = self.alter(node, |node| node.split_off(offset + old, skip + 1));
        self.alter(node, |node| node.pop(End::Back));
        if !rest.is_empty() {
            self.insert_node(node + 1, rest);
        }
        self.insert_node(node + 1, Node::of(&element));
        if self.nodes[node].is_empty() {
            self.remove_nodes(node, node + 1);
        }
        true
    }

    /// Removes `count` elements from number `start` on, or as many as there are.
    pub fn remove_range(&mut self, start: usize, count: usize) {
        let Some((mut node, skip)) = self.locate(start) else { return };
        let mut left = count.min(self.len - start);
        self.len -= left;
        if skip > 0 {
            let part = left.min(self.nodes[node].count() - skip);
            self.alter(node, |node| node.remove(skip, part));
            left -= part;
            node += 1;
        }
        let first = node;
        while self.nodes.get(node).is_some_and(|node| (1..=left).contains(&node.count())) {
            left -= self.nodes[node].count();
            node += 1;
        }
        self.remove_nodes(first, node);
        if left > 0 {
            self.alter(first, |node| node.remove(0, left));
        }
    }

    /// Removes up to `max` elements that hold `needle`, those nearest to `end`; returns how many.
    pub fn remove_all(&mut self, needle: Needle<'_>, max: usize, end: End) -> usize {
        let (mut removed, nodes) = (0, self.nodes.len());
        for step in 0..nodes {
            if removed == max {
                break;
            }
            let at = if end == End::Front { step } else { nodes - 1 - step };
            let keep = sparing(Items(self.nodes[at].run()), needle, max - removed, end);
            removed += self.alter(at, |node| node.retain(keep));
        }
        self.len -= removed;
        // All at once: taken out one by one, each node would move those behind it.
        self.nodes.retain(|node| !node.is_empty());
        self.blocks = self.nodes.iter().map(Node::memory).sum();
        self.shrink();
        removed
    }

    /// Frees a piece of a list that nobody uses any more; false when what is left is small.
    pub fn drop_some(&mut self) -> bool {
        let keep = self.nodes.len().saturating_sub(DROP_NODES);
        self.nodes.truncate(keep);
        keep > 0
    }

    /// Number of the node at one end.
    #[inline]
    fn end(&self, end: End) -> Option<usize> {
        match end {
            End::Front => (!self.nodes.is_empty()).then_some(0),
            End::Back => self.nodes.len().checked_sub(1),
        }
    }

    /// The node that holds the element number `index`, and its number in there. Counts from the
    /// nearer end.
    fn locate(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        if index <= self.len / 2 {
            let mut skip = index;
            for (at, node) in self.nodes.iter().enumerate() {
                if skip < node.count() {
                    return Some((at, skip));
                }
                skip -= node.count();
            }
        } else {
            let mut behind = self.len - index;
            for (at, node) in self.nodes.iter().enumerate().rev() {
                if behind <= node.count() {
                    return Some((at, node.count() - behind));
                }
                behind -= node.count();
            }
        }
        unreachable!("the nodes hold as many elements as the list")
    }

    /// Whether the node takes one more element with a text of `len` bytes.
    #[inline]
    fn takes(&self, node: usize, len: usize) -> bool {
        let node = &self.nodes[node];
        !self.limit.exceeded(node.listpack_len() + len + ELEMENT_OVERHEAD, node.count() + 1)
    }

    #[inline]
    fn push_to(&mut self, node: usize, end: End, element: &Element) {
        let block_max = self.limit.block_max();
        self.alter(node, |node| node.push(end, element, block_max));
    }

    /// Adds an element between the full node on one side of `place` and its neighbour, which stands
    /// at `side`: to the neighbour if that takes it, else as a node of its own.
    fn insert_between(&mut self, place: usize, side: End, element: &Element, len: usize) {
        let neighbour = match side {
            End::Front => place.checked_sub(1),
            End::Back => Some(place).filter(|&place| place < self.nodes.len()),
        };
        match neighbour {
            Some(node) if self.takes(node, len) => {
                let end = if side == End::Front { End::Back } else { End::Front };
                self.push_to(node, end, element);
            }
            _ => self.insert_node(place, Node::of(element)),
        }
    }

    /// Adds an element within a full node, which is cut there; the part at `side` takes it.
    fn insert_split(&mut self, spot: Spot, side: End, element: &Element) {
        let Spot { node, offset, index } = spot;
        let rest = self.alter(node, |node| node.split_off(offset, index));
        self.insert_node(node + 1, rest);
        let half = if side == End::Front { node } else { node + 1 };
        if !self.nodes[half].has_room_for(element) {
            return self.insert_node(node + 1, Node::of(element));
        }
        match side {
            End::Front => {
                self.push_to(node, End::Back, element);
                self.merge_around(node + 1);
            }
            End::Back => {
                self.push_to(node + 1, End::Front, element);
                self.merge_around(node);
            }
        }
    }

    /// Merges nodes near `center` where the limit allows it, in Redis's order.
    fn merge_around(&mut self, center: usize) {
        let mut center = center;
        if center >= 2 && self.merge(center - 2) {
            center -= 1;
        }
        self.merge(center + 1);
        if center >= 1 && self.merge(center - 1) {
            center -= 1;
        }
        self.merge(center);
    }

    /// Merges the node at `left` with the one behind it, if there are two and the limit allows it.
    fn merge(&mut self, left: usize) -> bool {
        let (Some(a), Some(b)) = (self.nodes.get(left), self.nodes.get(left + 1)) else {
            return false;
        };
        let bytes = a.listpack_len() + b.listpack_len() - LISTPACK_FRAME;
        if self.limit.exceeded(bytes, a.count() + b.count()) {
            return false;
        }
        let block_max = self.limit.block_max();
        let right = self.nodes.remove(left + 1).expect("there are two");
        self.blocks -= right.memory();
        self.alter(left, |node| node.append(&right, block_max));
        true
    }

    fn insert_node(&mut self, at: usize, node: Node) {
        self.blocks += node.memory();
        self.nodes.insert(at, node);
    }

    fn remove_nodes(&mut self, from: usize, to: usize) {
        self.blocks -= self.nodes.drain(from..to).map(|node| node.memory()).sum::<usize>();
        self.shrink();
    }

    /// Gives room for nodes back when most of it is unused.
    fn shrink(&mut self) {
        if self.nodes.capacity() > 16 && self.nodes.len() < self.nodes.capacity() / 4 {
            self.nodes.shrink_to(self.nodes.len() * 2);
        }
    }

    /// Changes a node and keeps the books on its block.
    #[inline]
    fn alter<T>(&mut self, node: usize, change: impl FnOnce(&mut Node) -> T) -> T {
        let node = &mut self.nodes[node];
        let before = node.memory();
        let result = change(node);
        self.blocks = self.blocks - before + node.memory();
        result
    }
}

/// Decides of each item in turn whether it stays when up to `max` of those that hold `needle` go,
/// those nearest to `end`.
pub fn sparing<'a>(
    items: Items<'_>,
    needle: Needle<'a>,
    max: usize,
    end: End,
) -> impl FnMut(Item<'_>) -> bool + use<'a> {
    let (mut spared, mut left) = (0, max);
    if end == End::Back {
        let found = items.filter(|&item| needle.is(item)).count();
        spared = found.saturating_sub(max);
    }
    move |item| {
        if left == 0 || !needle.is(item) {
            return true;
        }
        let stays = spared > 0;
        if stays {
            spared -= 1
        } else {
            left -= 1
        }
        stays
    }
}

/// The items of a list, from both ends.
#[derive(Clone, Debug, Default)]
pub struct Iter<'a> {
    front: Items<'a>,
    nodes: std::collections::vec_deque::Iter<'a, Node>,
    back: Items<'a>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        loop {
            if let Some(item) = self.front.next() {
                return Some(item);
            }
            match self.nodes.next() {
                Some(node) => self.front = Items(node.run()),
                None => return self.back.next(),
            }
        }
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Item<'a>> {
        loop {
            if let Some(item) = self.back.next_back() {
                return Some(item);
            }
            match self.nodes.next_back() {
                Some(node) => self.back = Items(node.run()),
                None => return self.front.next_back(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};

    type Model = VecDeque<Vec<u8>>;

    fn texts<'a>(items: impl Iterator<Item = Item<'a>>) -> Vec<Vec<u8>> {
        items.map(Item::to_vec).collect()
    }

    fn numbers(limit: i64, count: usize) -> Quicklist {
        let mut list = Quicklist::new(NodeLimit::new(limit));
        (0..count).for_each(|value| list.push(End::Back, value.to_string().as_bytes()));
        list
    }

    fn counts(list: &Quicklist) -> Vec<usize> {
        list.nodes.iter().map(Node::count).collect()
    }

    /// What must hold after each change.
    fn check(list: &Quicklist) {
        assert!(list.nodes.iter().all(|node| !node.is_empty()));
        assert!(list.nodes.iter().all(|node| Items(node.run()).count() == node.count()));
        assert_eq!(list.len, counts(list).iter().sum::<usize>());
        assert_eq!(list.blocks, list.nodes.iter().map(Node::memory).sum::<usize>());
        assert!(list.nodes.len() * 4 + 16 >= list.nodes.capacity());
    }

    #[test]
    fn nodes_end_where_the_limit_says() {
        assert_eq!(counts(&numbers(4, 10)), [4, 4, 2]);
        assert_eq!(counts(&numbers(0, 3)), [1, 1, 1]);
        let mut list = Quicklist::new(NodeLimit::new(-1));
        (0..60).for_each(|_| list.push(End::Front, &[b'x'; 150]));
        list.push(End::Front, &[b'x'; 5000]);
        list.push(End::Front, b"x");
        // 26 elements of 154 bytes are 4,011 with their frame; 85 more would be too many.
        assert_eq!(counts(&list), [1, 1, 8, 26, 26]);
        check(&list);
    }

    #[test]
    fn counted_nodes_keep_to_8_kib_all_the_same() {
        let mut list = Quicklist::new(NodeLimit::new(1000));
        (0..30).for_each(|_| list.push(End::Back, &[b'x'; 1000]));
        assert_eq!(counts(&list), [8, 8, 8, 6]);
    }

    #[test]
    fn a_full_node_is_cut_where_an_element_comes_in() {
        let mut list = numbers(4, 4);
        list.insert(list.find(Needle::new(b"1")).unwrap(), End::Back, b"x");
        assert_eq!(counts(&list), [2, 3]);
        list.insert(list.find(Needle::new(b"x")).unwrap(), End::Front, b"y");
        assert_eq!(texts(list.iter()), [b"0", b"1", b"y", b"x", b"2", b"3"].map(Vec::from));
        let mut list = numbers(2, 4);
        list.insert(list.find(Needle::new(b"1")).unwrap(), End::Back, b"x");
        assert_eq!((counts(&list), list.len()), (vec![2, 1, 2], 5));
        list.insert(list.find(Needle::new(b"2")).unwrap(), End::Front, b"y");
        assert_eq!(texts(list.iter()), [b"0", b"1", b"x", b"y", b"2", b"3"].map(Vec::from));
        assert_eq!(counts(&list), [2, 2, 2]);
    }

    #[test]
    fn halves_are_merged_with_their_neighbours() {
        let mut list = numbers(4, 12);
        list.remove_range(1, 3);
        list.remove_range(6, 3);
        assert_eq!(counts(&list), [1, 4, 1]);
        list.insert(list.find(Needle::new(b"5")).unwrap(), End::Back, b"x");
        assert_eq!(counts(&list), [3, 4]);
        check(&list);
    }

    #[test]
    fn one_small_node_is_a_listpack() {
        let mut list = numbers(8, 9);
        let limit = NodeLimit::new(8).halved();
        list.pop(End::Front);
        assert_eq!(list.to_listpack(limit), None);
        list.pop(End::Back);
        assert_eq!(list.to_listpack(limit), None);
        list.remove_range(0, 3);
        let pack = list.to_listpack(limit).expect("a node of four");
        assert_eq!(texts(pack.view().iter()), [b"4", b"5", b"6", b"7"].map(Vec::from));
        assert!(View::checked(pack.view().bytes()).is_some());
        let mut other = Quicklist::new(NodeLimit::new(2));
        other.push_listpack(pack.view());
        assert_eq!((other.len(), counts(&other)), (4, vec![4]));
    }

    #[test]
    fn elements_are_removed_from_either_end() {
        let build = || {
            let mut list = Quicklist::new(NodeLimit::new(3));
            "abacabada".chars().for_each(|c| list.push(End::Back, c.to_string().as_bytes()));
            list
        };
        let (a, mut list) = (Needle::new(b"a"), build());
        assert_eq!(list.remove_all(a, 2, End::Front), 2);
        assert_eq!(texts(list.iter()).concat(), b"bcabada");
        let mut list = build();
        assert_eq!(list.remove_all(a, 2, End::Back), 2);
        assert_eq!(texts(list.iter()).concat(), b"abacabd");
        assert_eq!(list.remove_all(a, usize::MAX, End::Back), 3);
        assert_eq!(list.remove_all(a, usize::MAX, End::Front), 0);
        check(&list);
    }

    #[test]
    fn a_queue_moves_through_few_blocks() {
        let mut list = numbers(-2, 3000);
        for value in 3000..100_000u32 {
            list.push(End::Back, value.to_string().as_bytes());
            assert!(list.pop(End::Front));
            assert!(list.memory() < 40_000);
        }
        assert_eq!((list.len(), list.peek(End::Front)), (3000, Some(Item::Int(97_000))));
    }

    #[test]
    fn it_is_freed_in_pieces() {
        let mut list = numbers(1, 3 * DROP_NODES);
        assert!(list.drop_some() && list.drop_some());
        assert_eq!(list.nodes.len(), DROP_NODES);
        assert!(!list.drop_some());
    }

    /// One random change to a list and to the model.
    fn change(rng: &mut Rng, list: &mut Quicklist, model: &mut Model) {
        let text = vec![b'a' + rng.below(3).to_le_bytes()[0]; rng.below(40) * rng.below(8)];
        let index = rng.below(model.len() + 2);
        let end = if rng.below(2) == 0 { End::Front } else { End::Back };
        match (rng.below(8), end) {
            (0..=2, End::Front) => {
                list.push(end, &text);
                model.push_front(text);
            }
            (0..=2, End::Back) => {
                list.push(end, &text);
                model.push_back(text);
            }
            (3, End::Front) => assert_eq!(list.pop(end), model.pop_front().is_some()),
            (3, End::Back) => assert_eq!(list.pop(end), model.pop_back().is_some()),
            (4, _) => {
                let target = model.get_mut(index);
                assert_eq!(list.set(index, &text), target.is_some());
                target.into_iter().for_each(|target| target.clone_from(&text));
            }
            (5, _) => {
                let needle = model.get(index).cloned().unwrap_or_default();
                let place = model.iter().position(|text| *text == needle);
                let spot = list.find(Needle::new(&needle));
                assert_eq!(spot.is_some(), place.is_some());
                if let (Some(spot), Some(place)) = (spot, place) {
                    list.insert(spot, end, &text);
                    model.insert(place + usize::from(end == End::Back), text);
                }
            }
            (6, _) => {
                let count = rng.below(5) * rng.below(5);
                list.remove_range(index, count);
                let start = index.min(model.len());
                model.drain(start..(index + count).min(model.len()).max(start));
            }
            _ => remove_all(list, model, &text, rng.below(3), end),
        }
    }

    fn remove_all(list: &mut Quicklist, model: &mut Model, text: &[u8], max: usize, end: End) {
        let mut removed = 0;
        while removed < max {
            let found = match end {
                End::Front => model.iter().position(|other| other == text),
                End::Back => model.iter().rposition(|other| other == text),
            };
            let Some(at) = found else { break };
            model.remove(at);
            removed += 1;
        }
        assert_eq!(list.remove_all(Needle::new(text), max, end), removed);
    }

    #[test]
    fn random_changes_match_a_deque() {
        let seed = os_seed();
        eprintln!("seed {seed}");
        let mut rng = Rng::seeded(seed);
        for limit in [1, 2, 5, 40, -1, -2, -5] {
            let mut list = Quicklist::new(NodeLimit::new(limit));
            let mut model = Model::new();
            for _ in 0..3000 {
                change(&mut rng, &mut list, &mut model);
                check(&list);
                let index = rng.below(model.len() + 1);
                let item = list.get(index).map(Item::to_vec);
                assert_eq!(item.as_ref(), model.get(index));
            }
            assert!(texts(list.iter()).iter().eq(&model));
            assert!(texts(list.iter().rev()).iter().eq(model.iter().rev()));
            assert_eq!(texts(list.peek(End::Back).into_iter()).first(), model.back());
            let (index, count) = (rng.below(model.len() + 1), rng.below(20));
            let mut seen = Vec::new();
            list.visit(index, count, |item| seen.push(item.to_vec()));
            assert!(seen.iter().eq(model.iter().skip(index).take(count)));
            let packed: Vec<_> =
                list.listpacks(0).flat_map(|pack| texts(pack.view().iter())).collect();
            assert!(packed.iter().eq(&model));
        }
    }
}
