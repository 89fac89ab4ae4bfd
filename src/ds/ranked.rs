//! Elements in order of score and name, found by rank, by score or by name.
//!
//! [`Ranked`] is a B+tree: leaves hold runs of elements, inner nodes say of each branch what its
//! first element is and how many it holds, so that counting and selecting take one way down. An
//! element is a score and the number behind which its owner keeps the name, 12 bytes; the owner is
//! asked for names only where scores tie. Nodes stand in a pool and hold exactly sized runs, a
//! skiplist's pointers and levels are not paid for: 13 bytes an element instead of some 45.
//!
//! Places are ranks. A way down takes some ten nanoseconds per level and a leaf is read at a
//! stretch, so nothing has to keep positions valid across changes.
//!
//! Invariant: scores are never NaN; knows names only as bytes to compare and owns none of them.

use std::ops::Range;

use crate::ds::pool::Pool;
use crate::ds::prefetch::prefetch;

const LEAF_LEN_MAX: usize = 128;
const INNER_LEN_MAX: usize = 64;
/// A node with fewer items than this part of its maximum joins a neighbour that has room.
const SPARSE_PART: usize = 4;
/// A tree of 2^32 elements has at most 8 levels, however it was filled and emptied.
const LEVELS_MAX: usize = 12;

/// An element.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, packed(4))]
struct Element {
    score: f64,
    id: u32,
}

/// What an inner node says of a node below it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Branch {
    /// The first element below.
    first: Element,
    /// Elements below.
    count: u32,
    child: u32,
}

#[derive(Clone, Debug)]
enum Node {
    Leaf(Vec<Element>),
    Inner(Vec<Branch>),
}

/// Elements in order.
#[derive(Clone, Default)]
pub struct Ranked {
    nodes: Pool<Node>,
    /// The topmost node; none while there is no element.
    root: Option<u32>,
    len: usize,
}

/// The way from the root to a place in a leaf.
struct Path {
    steps: [Step; LEVELS_MAX],
    depth: usize,
    leaf: u32,
    /// Where in the leaf.
    index: usize,
}

/// One inner node on the way and the branch taken there.
#[derive(Clone, Copy, Default)]
struct Step {
    node: u32,
    index: usize,
}

impl Path {
    fn steps(&self) -> &[Step] {
        &self.steps[..self.depth]
    }
}

impl Element {
    /// Whether it stands before `(score, own)`.
    fn is_before<'n>(self, score: f64, own: &[u8], name: impl Fn(u32) -> &'n [u8]) -> bool {
        self.score < score || self.score == score && name(self.id) < own
    }
}

impl Ranked {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an element. The caller knows that there is none of that name.
    ///
    /// # Panics
    /// When there are 2^32 elements.
    pub fn insert<'n>(&mut self, score: f64, id: u32, name: impl Fn(u32) -> &'n [u8]) {
        let element = Element { score, id };
        let Some(root) = self.root else {
            self.root = Some(self.nodes.insert(Node::Leaf(vec![element])));
            self.len = 1;
            return;
        };
        let own = name(id);
        let path = self.descend(root, |other| other.is_before(score, own, &name));
        insert_into(self.leaf_mut(path.leaf), path.index, element);
        self.len += 1;
        for step in path.steps() {
            self.inner_mut(step.node)[step.index].count += 1;
        }
        if path.index == 0 {
            self.rename_first(&path, element);
        }
        self.split(&path);
    }

    /// Removes the element `(score, own)`, whose number is returned.
    pub fn remove<'n>(
        &mut self,
        score: f64,
        own: &[u8],
        name: impl Fn(u32) -> &'n [u8],
    ) -> Option<u32> {
        // To behind the element: a way to its front may end behind the leaf before its own.
        let is_behind =
            |other: Element| other.score < score || other.score == score && name(other.id) <= own;
        let mut path = self.descend(self.root?, is_behind);
        path.index = path.index.checked_sub(1)?;
        let element = self.leaf(path.leaf)[path.index];
        if element.score != score || name(element.id) != own {
            return None;
        }
        self.remove_run(&path, 1, |_, _| ());
        Some(element.id)
    }

    /// Removes elements of these ranks from the front on, up to the end of a leaf, and tells
    /// `gone` of each; how many those were. To be called again until the range is through.
    pub fn remove_some(&mut self, ranks: Range<usize>, gone: impl FnMut(f64, u32)) -> usize {
        let Some(root) = self.root.filter(|_| ranks.start < ranks.end.min(self.len)) else {
            return 0;
        };
        let path = self.descend_to(root, ranks.start);
        let count = ranks.len().min(self.leaf(path.leaf).len() - path.index);
        self.remove_run(&path, count, gone);
        count
    }

    /// The element of that rank: score and number.
    pub fn get(&self, rank: usize) -> Option<(f64, u32)> {
        self.range(rank..rank.saturating_add(1)).next()
    }

    /// How many elements stand before `(score, own)`: its rank if it is there.
    pub fn rank<'n>(&self, score: f64, own: &[u8], name: impl Fn(u32) -> &'n [u8]) -> usize {
        self.partition(|other, id| Element { score: other, id }.is_before(score, own, &name))
    }

    /// How many elements are `before`, which holds for those up to some place and for none behind.
    pub fn partition(&self, before: impl Fn(f64, u32) -> bool) -> usize {
        let Some(root) = self.root else { return 0 };
        let path = self.descend(root, |element| before(element.score, element.id));
        let skipped = path.steps().iter().flat_map(|step| &self.inner(step.node)[..step.index]);
        path.index + skipped.map(|branch| branch.count as usize).sum::<usize>()
    }

    /// The elements of these ranks, as far as there are any, from either end.
    pub fn range(&self, ranks: Range<usize>) -> Iter<'_> {
        let end = ranks.end.min(self.len);
        Iter { tree: self, ranks: ranks.start.min(end)..end, head: &[], tail: &[] }
    }

    /// Bytes on the heap, nearly.
    pub fn memory(&self) -> usize {
        // Runs have room for an eighth more than they hold at most, half of that on average.
        self.nodes.memory() + self.len * size_of::<Element>() / 16 * 17
    }

    /// Frees a piece of a tree that is no longer in use; false when nothing is left.
    pub fn drop_some(&mut self) -> bool {
        (self.root, self.len) = (None, 0);
        self.nodes.take_chunk().is_some()
    }

    #[inline]
    fn node(&self, id: u32) -> &Node {
        self.nodes.get(id).expect("a branch leads to a node")
    }

    fn leaf(&self, id: u32) -> &Vec<Element> {
        match self.node(id) {
            Node::Leaf(elements) => elements,
            Node::Inner(_) => unreachable!("a path ends in a leaf"),
        }
    }

    fn inner(&self, id: u32) -> &Vec<Branch> {
        match self.node(id) {
            Node::Inner(branches) => branches,
            Node::Leaf(_) => unreachable!("a path leads through inner nodes"),
        }
    }

    fn node_mut(&mut self, id: u32) -> &mut Node {
        self.nodes.get_mut(id).expect("a branch leads to a node")
    }

    fn leaf_mut(&mut self, id: u32) -> &mut Vec<Element> {
        match self.node_mut(id) {
            Node::Leaf(elements) => elements,
            Node::Inner(_) => unreachable!("a path ends in a leaf"),
        }
    }

    fn inner_mut(&mut self, id: u32) -> &mut Vec<Branch> {
        match self.node_mut(id) {
            Node::Inner(branches) => branches,
            Node::Leaf(_) => unreachable!("a path leads through inner nodes"),
        }
    }

    /// The way to behind the last element that is `before`; not to the start of a leaf unless it
    /// is the first.
    fn descend(&self, root: u32, before: impl Fn(Element) -> bool) -> Path {
        self.walk(root, |node| match node {
            Node::Leaf(elements) => elements.partition_point(|&element| before(element)),
            Node::Inner(branches) => branches[1..].partition_point(|branch| before(branch.first)),
        })
    }

    /// The way to the element of a rank, which is less than the number of elements.
    fn descend_to(&self, root: u32, rank: usize) -> Path {
        let mut left = rank;
        self.walk(root, |node| match node {
            Node::Leaf(_) => left,
            Node::Inner(branches) => branches
                .iter()
                .position(|branch| match left.checked_sub(branch.count as usize) {
                    Some(rest) => {
                        left = rest;
                        false
                    }
                    None => true,
                })
                .expect("the counts add up"),
        })
    }

    /// The way that `choose` takes, asked for an index in each node.
    #[inline]
    fn walk(&self, root: u32, mut choose: impl FnMut(&Node) -> usize) -> Path {
        let mut path =
            Path { steps: [Step::default(); LEVELS_MAX], depth: 0, leaf: root, index: 0 };
        loop {
            let node = self.node(path.leaf);
            node.prefetch();
            let index = choose(node);
            match node {
                Node::Leaf(_) => return Path { index, ..path },
                Node::Inner(branches) => {
                    path.steps[path.depth] = Step { node: path.leaf, index };
                    path.depth += 1;
                    path.leaf = branches[index].child;
                }
            }
        }
    }

    /// Tells the nodes on the way that the leaf at its end begins with another element.
    fn rename_first(&mut self, path: &Path, first: Element) {
        for step in path.steps().iter().rev() {
            self.inner_mut(step.node)[step.index].first = first;
            if step.index > 0 {
                return;
            }
        }
    }

    /// Divides the nodes on the way that became too long, from the leaf up.
    fn split(&mut self, path: &Path) {
        let (mut node, mut inserted) = (path.leaf, path.index);
        for step in path.steps().iter().rev() {
            let Some(sibling) = self.node_mut(node).split(inserted) else { return };
            let branch = self.branch(sibling);
            let branches = self.inner_mut(step.node);
            branches[step.index].count -= branch.count;
            insert_into(branches, step.index + 1, branch);
            (node, inserted) = (step.node, step.index + 1);
        }
        if let Some(sibling) = self.node_mut(node).split(inserted) {
            let right = self.branch(sibling);
            let left = Branch {
                first: self.node(node).first().expect("halves are not empty"),
                count: self.node(node).count(),
                child: node,
            };
            self.root = Some(self.nodes.insert(Node::Inner(vec![left, right])));
        }
    }

    /// Keeps a new node, which is not empty, and returns the branch to it.
    fn branch(&mut self, node: Node) -> Branch {
        let first = node.first().expect("halves are not empty");
        Branch { first, count: node.count(), child: self.nodes.insert(node) }
    }

    /// Removes `count` elements of a leaf from the end of the way on.
    fn remove_run(&mut self, path: &Path, count: usize, mut gone: impl FnMut(f64, u32)) {
        let elements = self.leaf_mut(path.leaf);
        elements.drain(path.index..path.index + count).for_each(|e| gone(e.score, e.id));
        trim(elements);
        let removed = u32::try_from(count).expect("a leaf is short");
        for step in path.steps() {
            self.inner_mut(step.node)[step.index].count -= removed;
        }
        self.len -= count;
        path.steps().iter().rev().for_each(|&step| self.settle(step));
        self.lower_root();
    }

    /// Puts the branch of a step right after elements below it were removed.
    fn settle(&mut self, Step { node, index }: Step) {
        let child = self.inner(node)[index].child;
        let Some(first) = self.node(child).first() else {
            self.nodes.remove(child);
            self.inner_mut(node).remove(index);
            return;
        };
        self.inner_mut(node)[index].first = first;
        if self.node(child).is_sparse() && !self.join(node, index) && index > 0 {
            self.join(node, index - 1);
        }
    }

    /// Joins a branch with the next one if there is one and both fit into one node.
    fn join(&mut self, node: u32, index: usize) -> bool {
        let branches = self.inner(node);
        let Some(&right) = branches.get(index + 1) else { return false };
        let left = branches[index];
        if !self.node(left.child).has_room_for(self.node(right.child)) {
            return false;
        }
        let moved = self.nodes.remove(right.child).expect("a branch leads to a node");
        self.node_mut(left.child).append(moved);
        let branches = self.inner_mut(node);
        branches[index].count += right.count;
        branches.remove(index + 1);
        trim(branches);
        true
    }

    /// Takes away levels that branch no longer.
    fn lower_root(&mut self) {
        while let Some(root) = self.root {
            let below = match self.node(root) {
                Node::Leaf(elements) if elements.is_empty() => None,
                Node::Inner(branches) if branches.is_empty() => None,
                Node::Inner(branches) if branches.len() == 1 => Some(branches[0].child),
                _ => return,
            };
            self.nodes.remove(root);
            self.root = below;
        }
    }

    /// The leaf that holds `rank`, and the element's place in it.
    fn leaf_at(&self, rank: usize) -> (&[Element], usize) {
        let root = self.root.expect("there are elements");
        let path = self.descend_to(root, rank);
        (self.leaf(path.leaf), path.index)
    }
}

impl Node {
    fn len(&self) -> usize {
        match self {
            Node::Leaf(elements) => elements.len(),
            Node::Inner(branches) => branches.len(),
        }
    }

    /// Loads a leaf as a whole: a search in it would wait for one line after the other.
    #[inline]
    fn prefetch(&self) {
        const LINE_BYTES: usize = 64;
        if let Node::Leaf(elements) = self {
            let lines = elements.iter().step_by(LINE_BYTES / size_of::<Element>());
            lines.for_each(|element| prefetch(std::ptr::from_ref(element).cast()));
        }
    }

    fn len_max(&self) -> usize {
        match self {
            Node::Leaf(_) => LEAF_LEN_MAX,
            Node::Inner(_) => INNER_LEN_MAX,
        }
    }

    fn first(&self) -> Option<Element> {
        match self {
            Node::Leaf(elements) => elements.first().copied(),
            Node::Inner(branches) => branches.first().map(|branch| branch.first),
        }
    }

    /// Elements in it or below it.
    fn count(&self) -> u32 {
        match self {
            Node::Leaf(elements) => u32::try_from(elements.len()).expect("a leaf is short"),
            Node::Inner(branches) => branches.iter().map(|branch| branch.count).sum(),
        }
    }

    fn is_sparse(&self) -> bool {
        self.len() < self.len_max() / SPARSE_PART
    }

    /// Whether all of `other` fits too, with room to grow.
    fn has_room_for(&self, other: &Node) -> bool {
        self.len() + other.len() <= self.len_max() / SPARSE_PART * (SPARSE_PART - 1)
    }

    /// Cuts a node that is too long in two and returns the second part. `inserted` is what made
    /// it too long.
    fn split(&mut self, inserted: usize) -> Option<Node> {
        let (len, max) = (self.len(), self.len_max());
        let cut = match inserted {
            _ if len <= max => return None,
            // Whoever adds at an end will go on there: what is behind stays full.
            0 => 1,
            _ if inserted == max => max,
            _ => len / 2,
        };
        Some(match self {
            Node::Leaf(elements) => Node::Leaf(cut_off(elements, cut)),
            Node::Inner(branches) => Node::Inner(cut_off(branches, cut)),
        })
    }

    fn append(&mut self, other: Node) {
        match (self, other) {
            (Node::Leaf(elements), Node::Leaf(more)) => append_to(elements, &more),
            (Node::Inner(branches), Node::Inner(more)) => append_to(branches, &more),
            _ => unreachable!("neighbours are of one kind"),
        }
    }
}

/// Room that a run of `len` items gets beyond them.
fn slack(len: usize) -> usize {
    len / 8 + 2
}

/// Inserts with little room to spare: doubling would leave a third of all memory unused.
fn insert_into<T>(items: &mut Vec<T>, index: usize, item: T) {
    if items.len() == items.capacity() {
        items.reserve_exact(slack(items.len()));
    }
    items.insert(index, item);
}

fn append_to<T: Copy>(items: &mut Vec<T>, more: &[T]) {
    items.reserve_exact(more.len() + slack(items.len()));
    items.extend_from_slice(more);
}

fn cut_off<T: Copy>(items: &mut Vec<T>, cut: usize) -> Vec<T> {
    let rest = &items[cut..];
    let mut second = Vec::with_capacity(rest.len() + slack(rest.len()));
    second.extend_from_slice(rest);
    items.truncate(cut);
    items.shrink_to(cut + slack(cut));
    second
}

/// Returns the memory of a run that lost most of its items.
fn trim<T>(items: &mut Vec<T>) {
    if items.capacity() > 2 * items.len() + slack(0) {
        items.shrink_to(items.len() + slack(items.len()));
    }
}

/// Elements in order, from either end: score and number.
#[derive(Clone)]
pub struct Iter<'a> {
    tree: &'a Ranked,
    /// What has not been yielded yet.
    ranks: Range<usize>,
    /// What follows in the leaf that was entered from the front.
    head: &'a [Element],
    /// What precedes in the leaf that was entered from the back.
    tail: &'a [Element],
}

impl Iterator for Iter<'_> {
    type Item = (f64, u32);

    #[inline]
    fn next(&mut self) -> Option<(f64, u32)> {
        let rank = self.ranks.next()?;
        if self.head.is_empty() {
            let (leaf, index) = self.tree.leaf_at(rank);
            self.head = &leaf[index..];
        }
        let (element, rest) = self.head.split_first()?;
        self.head = rest;
        Some((element.score, element.id))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }

    /// Goes from leaf to leaf instead of from element to element.
    #[inline]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(mut self, start: B, mut each: F) -> B {
        let mut sum = start;
        while !self.ranks.is_empty() {
            if self.head.is_empty() {
                let (leaf, index) = self.tree.leaf_at(self.ranks.start);
                self.head = &leaf[index..];
            }
            let (elements, rest) = self.head.split_at(self.head.len().min(self.ranks.len()));
            sum = elements.iter().fold(sum, |sum, element| each(sum, (element.score, element.id)));
            self.head = rest;
            self.ranks.start += elements.len();
        }
        sum
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<(f64, u32)> {
        let rank = self.ranks.next_back()?;
        if self.tail.is_empty() {
            let (leaf, index) = self.tree.leaf_at(rank);
            self.tail = &leaf[..=index];
        }
        let (element, rest) = self.tail.split_last()?;
        self.tail = rest;
        Some((element.score, element.id))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};

    /// A tree beside a sorted vector; the name of an element is its number in decimal.
    struct Pair {
        tree: Ranked,
        model: Vec<(f64, String, u32)>,
        names: Vec<String>,
    }

    impl Pair {
        fn new(names: usize) -> Pair {
            let names = (0..names).map(|id| id.to_string()).collect();
            Pair { tree: Ranked::default(), model: Vec::new(), names }
        }

        fn place(&self, score: f64, name: &str) -> usize {
            self.model.partition_point(|other| (other.0, other.1.as_str()) < (score, name))
        }

        fn insert(&mut self, score: f64, id: u32) {
            let Pair { tree, names, .. } = self;
            tree.insert(score, id, |id| names[id as usize].as_bytes());
            let name = id.to_string();
            self.model.insert(self.place(score, &name), (score, name, id));
        }

        fn remove(&mut self, rank: usize) {
            let (score, own, id) = self.model.remove(rank);
            let Pair { tree, names, .. } = self;
            let name = |id: u32| names[id as usize].as_bytes();
            assert_eq!(tree.rank(score, own.as_bytes(), name), rank);
            assert_eq!(tree.remove(score, own.as_bytes(), name), Some(id));
            assert_eq!(tree.remove(score, own.as_bytes(), name), None);
        }

        fn remove_range(&mut self, ranks: Range<usize>) {
            let mut gone = Vec::new();
            while gone.len() < ranks.len() {
                let left = ranks.start..ranks.end - gone.len();
                assert!(self.tree.remove_some(left, |_, id| gone.push(id)) > 0);
            }
            let expected: Vec<u32> = self.model.drain(ranks).map(|element| element.2).collect();
            assert_eq!(gone, expected);
        }

        fn check(&self) {
            let expected: Vec<(f64, u32)> = self.model.iter().map(|e| (e.0, e.2)).collect();
            assert!(self.tree.range(0..usize::MAX).eq(expected.iter().copied()));
            assert!(self.tree.range(0..usize::MAX).rev().eq(expected.iter().rev().copied()));
            assert_eq!(self.tree.len(), expected.len());
            if let Some(root) = self.tree.root {
                check_node(&self.tree, root);
            }
        }
    }

    /// The branches tell the truth; returns the number of levels below and nodes.
    fn check_node(tree: &Ranked, id: u32) -> (usize, usize) {
        let node = tree.node(id);
        assert!((1..=node.len_max()).contains(&node.len()));
        let Node::Inner(branches) = node else { return (0, 1) };
        let mut below = Vec::new();
        for branch in branches {
            assert_eq!(tree.node(branch.child).first(), Some(branch.first));
            assert_eq!(tree.node(branch.child).count(), branch.count);
            below.push(check_node(tree, branch.child));
        }
        assert!(below.iter().all(|(levels, _)| *levels == below[0].0));
        (below[0].0 + 1, below.iter().map(|(_, nodes)| nodes).sum::<usize>() + 1)
    }

    fn random_operations(seed: u64, scores: usize) {
        println!("seed {seed}");
        let (mut pair, mut rng) = (Pair::new(1 << 16), Rng::seeded(seed));
        for id in 0..1 << 16 {
            // Grows, then shrinks, then grows again.
            let removes = if id / 8192 % 3 == 1 { 8 } else { 3 };
            pair.insert(rng.below(scores) as f64, id);
            if rng.below(10) < removes {
                pair.remove(rng.below(pair.model.len()));
            }
            if rng.below(if removes > 3 { 100 } else { 1000 }) == 0 {
                let start = rng.below(pair.model.len() + 1);
                let len = rng.below((pair.model.len() - start + 1).min(600));
                pair.remove_range(start..start + len);
            }
            if id % 4096 == 0 {
                pair.check();
            }
        }
        pair.remove_range(0..pair.model.len());
        assert!(pair.tree.is_empty() && pair.tree.nodes.is_empty());
    }

    #[test]
    fn behaves_as_a_sorted_vector() {
        let seed = os_seed();
        random_operations(seed, 1 << 20);
        random_operations(seed, 40);
        random_operations(seed, 1);
    }

    #[test]
    fn ranges_are_read_from_both_ends() {
        let mut pair = Pair::new(1000);
        (0..1000).for_each(|id| pair.insert(f64::from(id / 10), id));
        let mut rng = Rng::seeded(3);
        for _ in 0..200 {
            let (a, b) = (rng.below(1001), rng.below(1001));
            let (start, end) = (a.min(b), a.max(b));
            let mut iter = pair.tree.range(start..end);
            let mut left: std::collections::VecDeque<_> =
                pair.model[start..end].iter().map(|e| (e.0, e.2)).collect();
            while let Some(expected) = left.pop_front() {
                assert_eq!((iter.len(), iter.next()), (left.len() + 1, Some(expected)));
                assert_eq!(iter.next_back(), left.pop_back());
            }
            assert_eq!((iter.next(), iter.next_back()), (None, None));
        }
        assert_eq!(pair.tree.get(999), Some((99.0, 999)));
        assert_eq!(pair.tree.get(1000), None);
    }

    #[test]
    fn partitions_count_by_any_condition() {
        let mut pair = Pair::new(1000);
        assert_eq!(pair.tree.partition(|_, _| true), 0);
        (0..1000).for_each(|id| pair.insert(f64::from(id % 10), id));
        assert_eq!(pair.tree.partition(|score, _| score < 3.0), 300);
        assert_eq!(pair.tree.partition(|score, _| score <= 9.0), 1000);
        assert_eq!(pair.tree.partition(|score, _| score < f64::NEG_INFINITY), 0);
    }

    #[test]
    fn zeros_of_both_signs_tie() {
        let mut pair = Pair::new(3);
        let Pair { tree, names, .. } = &mut pair;
        let name = |id: u32| names[id as usize].as_bytes();
        [(0.0, 2), (-0.0, 1), (0.0, 0)].into_iter().for_each(|(s, id)| tree.insert(s, id, name));
        assert!(tree.range(0..3).map(|(_, id)| id).eq([0, 1, 2]));
        assert_eq!(tree.remove(0.0, b"1", name), Some(1));
    }

    #[test]
    fn what_arrives_in_order_fills_its_leaves() {
        for step in [1.0, -1.0] {
            let mut pair = Pair::new(20_000);
            (0..20_000).for_each(|id| pair.insert(step * f64::from(id), id));
            pair.check();
            let (_, nodes) = check_node(&pair.tree, pair.tree.root.expect("there are elements"));
            assert!(nodes < 20_000 / LEAF_LEN_MAX + 10);
        }
    }

    #[test]
    fn a_tree_that_lost_nearly_all_is_small() {
        let mut pair = Pair::new(50_000);
        (0..50_000u32).for_each(|id| pair.insert(f64::from(id.reverse_bits()), id));
        let full = pair.tree.memory();
        assert!(full < 50_000 * 16);
        (0..49_900).for_each(|step| pair.remove(step * 7919 % pair.model.len()));
        pair.check();
        assert!(pair.tree.nodes.len() < 10 && pair.tree.memory() < full / 10);
    }

    #[test]
    fn is_freed_in_pieces() {
        let mut pair = Pair::new(50_000);
        (0..50_000).for_each(|id| pair.insert(f64::from(id), id));
        let pieces = std::iter::repeat_with(|| pair.tree.drop_some()).take_while(|left| *left);
        assert_eq!(pieces.count(), 2);
        assert!(pair.tree.is_empty() && pair.tree.get(0).is_none());
    }
}
