//! The entries of a stream: nodes in the order of their ids.
//!
//! Invariant: the ids of nodes ascend, and so do those of all entries that are alive.

use std::collections::VecDeque;
use std::collections::vec_deque;

use super::id::Id;
use super::node::{Entries, EntriesBack, Entry, Node, Pair};

/// Nodes that one call of [`Nodes::drop_some`] frees.
const DROP_NODES: usize = 32;
/// Where a node stops growing whatever the limit says, in bytes, as in Redis.
pub const NODE_BYTES_MAX: usize = 1 << 30;

/// How large a node may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLimit {
    /// `stream-node-max-bytes`; 0: none.
    pub bytes: usize,
    /// `stream-node-max-entries`; 0: none.
    pub entries: u64,
}

impl NodeLimit {
    /// Whether `node` takes no further entry whose texts have `bytes` in all.
    fn is_reached(self, node: &Node, bytes: usize) -> bool {
        let most = if self.bytes == 0 { NODE_BYTES_MAX } else { self.bytes.min(NODE_BYTES_MAX) };
        node.bytes().len() + bytes >= most || self.entries != 0 && node.total() >= self.entries
    }
}

/// Nodes in order.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    nodes: VecDeque<Node>,
    /// Bytes of all listpacks.
    bytes: usize,
}

impl Nodes {
    /// The nodes that a file has, if their order is right; and how many entries are alive.
    pub fn restored(nodes: VecDeque<Node>) -> Option<(Nodes, u64)> {
        let bytes = nodes.iter().map(Node::memory).sum();
        let (ids, live) = (nodes.iter().map(Node::id), nodes.iter().map(Node::live).sum());
        if !ids.is_sorted_by(|a, b| a < b) {
            return None;
        }
        let nodes = Nodes { nodes, bytes };
        let mut last = Id::MIN;
        for node in &nodes.nodes {
            let mut alive = node.entries().filter(|entry| !entry.is_deleted());
            if let Some(first) = alive.next() {
                if first.id <= last {
                    return None;
                }
                last = alive.last().map_or(first.id, |entry| entry.id);
            }
        }
        Some((nodes, live))
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The nodes from number `first` on.
    pub fn iter_from(&self, first: usize) -> impl Iterator<Item = &Node> {
        self.nodes.range(first.min(self.nodes.len())..)
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        self.bytes + self.nodes.capacity() * size_of::<Node>()
    }

    /// Adds an entry behind all others; `bytes` are those of its texts.
    pub fn push<'p>(
        &mut self,
        id: Id,
        pairs: impl ExactSizeIterator<Item = Pair<'p>> + Clone,
        bytes: usize,
        limit: NodeLimit,
    ) {
        match self.nodes.len().checked_sub(1) {
            Some(last) if !limit.is_reached(&self.nodes[last], bytes) => {
                self.alter(last, |node| node.push(id, pairs));
            }
            last => {
                last.inspect(|&last| self.alter(last, Node::fit));
                let node = Node::new(id, pairs);
                self.bytes += node.memory();
                self.nodes.push_back(node);
            }
        }
    }

    /// The entries from `start` to `end` that are alive, in order.
    pub fn range(&self, start: Id, end: Id) -> Range<'_> {
        let nodes = self.nodes.range(self.place(start)..);
        Range { nodes, entries: None, start, end }
    }

    /// The same, the last one first.
    pub fn range_back(&self, start: Id, end: Id) -> RangeBack<'_> {
        let behind = (self.place(end) + 1).min(self.nodes.len());
        RangeBack { nodes: self.nodes.range(..behind), entries: None, start, end }
    }

    /// All entries that are alive.
    pub fn all(&self) -> Range<'_> {
        self.range(Id::MIN, Id::MAX)
    }

    /// The entry of that id.
    pub fn get(&self, id: Id) -> Option<Entry<'_>> {
        self.range(id, id).next()
    }

    /// The id of the first entry that is alive, and of the last one.
    pub fn first(&self) -> Option<Id> {
        self.all().next().map(|entry| entry.id)
    }

    pub fn last(&self) -> Option<Id> {
        self.range_back(Id::MIN, Id::MAX).next().map(|entry| entry.id)
    }

    /// The id of the first entry, deleted or not.
    pub fn first_of_all(&self) -> Option<Id> {
        self.nodes.front()?.entries().next().map(|entry| entry.id)
    }

    /// Number of the node where `id` is, or would be.
    fn place(&self, id: Id) -> usize {
        self.nodes.partition_point(|node| node.id() <= id).saturating_sub(1)
    }

    /// Deletes an entry; false when there is none of that id.
    pub fn delete(&mut self, id: Id) -> bool {
        for place in self.place(id)..self.nodes.len() {
            let node = &self.nodes[place];
            let mut alive = node.entries().filter(|entry| !entry.is_deleted());
            let Some(entry) = alive.find(|entry| entry.id >= id) else { continue };
            if entry.id > id {
                return false;
            }
            let mark = entry.mark();
            match node.live() {
                1 => self.remove(place),
                _ => self.alter(place, |node| node.delete(&[mark])),
            }
            return true;
        }
        false
    }

    fn remove(&mut self, place: usize) {
        if let Some(node) = self.nodes.remove(place) {
            self.bytes -= node.memory();
        }
        if self.nodes.capacity() > 16 && self.nodes.len() < self.nodes.capacity() / 4 {
            self.nodes.shrink_to(self.nodes.len() * 2);
        }
    }

    /// The node in front of all others.
    pub fn front(&self) -> Option<&Node> {
        self.nodes.front()
    }

    /// Removes the node in front of all others.
    pub fn remove_front(&mut self) {
        self.remove(0);
    }

    /// Deletes entries of the first node, those in front that `goes` wants; how many were alive.
    pub fn delete_front(&mut self, mut goes: impl FnMut(&Entry<'_>) -> bool) -> u64 {
        let Some(node) = self.nodes.front() else { return 0 };
        let gone = node.entries().take_while(|entry| goes(entry));
        let marks: Vec<_> =
            gone.filter(|entry| !entry.is_deleted()).map(|entry| entry.mark()).collect();
        self.alter(0, |node| node.delete(&marks));
        marks.len() as u64
    }

    /// Frees a piece of what nobody uses any more; false when the rest is small.
    pub fn drop_some(&mut self) -> bool {
        let kept = self.nodes.len().saturating_sub(DROP_NODES);
        self.nodes.truncate(kept);
        kept > 0
    }

    /// Changes a node and keeps the books on its bytes.
    fn alter<T>(&mut self, place: usize, change: impl FnOnce(&mut Node) -> T) -> T {
        let node = &mut self.nodes[place];
        let before = node.memory();
        let result = change(node);
        self.bytes = self.bytes - before + node.memory();
        result
    }
}

/// Entries in order.
#[derive(Clone, Debug)]
pub struct Range<'a> {
    nodes: vec_deque::Iter<'a, Node>,
    entries: Option<Entries<'a>>,
    start: Id,
    end: Id,
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let Some(entry) = self.entries.as_mut().and_then(Entries::next) else {
                self.entries = Some(self.nodes.next()?.entries());
                continue;
            };
            if !entry.is_deleted() && entry.id >= self.start {
                return (entry.id <= self.end).then_some(entry);
            }
        }
    }
}

/// Entries in order, the last one first.
#[derive(Clone, Debug)]
pub struct RangeBack<'a> {
    nodes: vec_deque::Iter<'a, Node>,
    entries: Option<EntriesBack<'a>>,
    start: Id,
    end: Id,
}

impl<'a> Iterator for RangeBack<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let Some(entry) = self.entries.as_mut().and_then(EntriesBack::next) else {
                self.entries = Some(self.nodes.next_back()?.entries_back());
                continue;
            };
            if !entry.is_deleted() && entry.id <= self.end {
                return (entry.id >= self.start).then_some(entry);
            }
        }
    }
}
