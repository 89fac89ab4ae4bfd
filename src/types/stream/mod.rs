//! Streams: entries that are added at the end, and groups of consumers that read them.
//!
//! Entries lie in nodes ([`nodes`]) as Redis packs them ([`node`]), because where one ends can be
//! seen: trimming with `~` removes whole nodes. Groups ([`group`]) know what was delivered to whom.
//!
//! Invariant: knows nothing of keys, replies or the present time.

pub mod group;
mod id;
pub mod node;
pub mod nodes;
mod radix;

use std::collections::{BTreeMap, VecDeque};

use self::group::Group;
pub use self::id::{Given, Id, IdText, Seq};
use self::node::{Node, Pair};
use self::nodes::{NODE_BYTES_MAX, NodeLimit, Nodes};
use crate::types::Encoding;

/// A stream.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    nodes: Nodes,
    facts: Facts,
    groups: BTreeMap<Box<[u8]>, Group>,
    /// Groups with a consumer that was seen at another time than he last got something.
    uneven: usize,
}

/// What is known of a stream besides its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Entries that there are.
    pub len: u64,
    /// The first of them; 0-0 without any.
    pub first: Id,
    /// The last one that there ever was.
    pub last: Id,
    /// The greatest one that was deleted on its own; 0-0: none.
    pub max_deleted: Id,
    /// Entries that there ever were.
    pub added: u64,
}

/// The id that an entry is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// One of now, Unix time in milliseconds, or behind the last one.
    Auto(u64),
    /// The next one of that time.
    Partial(u64),
    Exact(Id),
}

/// What is to remain of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// So many entries, the last ones.
    Newest(u64),
    /// Those from that id on.
    From(Id),
}

/// How a stream is made shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    pub keep: Keep,
    /// Whether only whole nodes go.
    pub by_nodes: bool,
    /// Most entries that go; 0: any number.
    pub limit: u64,
}

/// What a group may look at while it is changed.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub nodes: &'a Nodes,
    pub facts: Facts,
}

impl Facts {
    /// The id that the next entry gets, if it is to have one like that; `None` when it would not be
    /// greater than the last one.
    pub fn next_id(&self, new: NewId) -> Option<Id> {
        let last = self.last;
        let id = match new {
            NewId::Auto(now) if now > last.ms => Id { ms: now, seq: 0 },
            NewId::Auto(_) => last.next()?,
            NewId::Partial(ms) if ms == last.ms => Id { ms, seq: last.seq.checked_add(1)? },
            NewId::Partial(ms) => Id { ms, seq: 0 },
            NewId::Exact(id) => id,
        };
        (id > last).then_some(id)
    }

    /// Whether an entry from `start` on was deleted on its own.
    fn has_gaps(&self, start: Id) -> bool {
        let none = self.len == 0 || self.max_deleted == Id::MIN;
        !none && self.first <= self.max_deleted && start <= self.max_deleted
    }

    /// How many entries there were up to `id`, where that can be told.
    pub fn count_up_to(&self, id: Id) -> Option<u64> {
        if self.added == 0 {
            return Some(0);
        }
        if id == self.last || self.len == 0 && id < self.last {
            return Some(self.added);
        }
        let gapless = self.max_deleted == Id::MIN || self.max_deleted < self.first;
        if id > self.last || !gapless {
            return None;
        }
        let before = self.added.wrapping_sub(self.len);
        match id.cmp(&self.first) {
            std::cmp::Ordering::Less => Some(before),
            std::cmp::Ordering::Equal => Some(before.wrapping_add(1)),
            std::cmp::Ordering::Greater => None,
        }
    }

    /// How many entries a group has not read yet, where that can be told.
    pub fn lag(&self, group: &Group) -> Option<u64> {
        if self.added == 0 {
            return Some(0);
        }
        let read = match group.read {
            Some(read) if !self.has_gaps(group.last) => read,
            _ => self.count_up_to(group.last)?,
        };
        Some(self.added.wrapping_sub(read))
    }

    /// Moves a group on to `id`, which was just delivered.
    pub fn advance(&self, group: &mut Group, id: Id) {
        match group.read {
            Some(read) if !self.has_gaps(id) => group.read = Some(read.wrapping_add(1)),
            _ if self.added > 0 => group.read = self.count_up_to(id),
            _ => {}
        }
        group.last = id;
    }
}

impl Stream {
    /// What a file has of a stream; `None` when it does not fit together.
    pub fn restored(nodes: VecDeque<Node>, facts: Facts) -> Option<Stream> {
        let (nodes, live) = Nodes::restored(nodes)?;
        let fits = live == facts.len && nodes.last().is_none_or(|last| last <= facts.last);
        fits.then_some(Stream { nodes, facts, ..Stream::default() })
    }

    /// Adds a group that was read from a file; false when there is one of that name.
    pub fn restore_group(&mut self, name: &[u8], group: Group) -> bool {
        let uneven = group.is_uneven();
        let is_new = !self.groups.contains_key(name);
        if is_new {
            self.groups.insert(name.into(), group);
            self.uneven += usize::from(uneven);
        }
        is_new
    }

    /// The encoding, as OBJECT ENCODING names it.
    pub fn encoding(&self) -> Encoding {
        Encoding::Stream
    }

    pub fn facts(&self) -> Facts {
        self.facts
    }

    /// The entries.
    pub fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// Nodes of the radix tree that Redis would have.
    pub fn radix_nodes(&self) -> usize {
        let keys: Vec<_> = self.nodes.iter_from(0).map(|node| node.id().to_bytes()).collect();
        radix::nodes(&keys)
    }

    /// Whether a consumer was seen at another time than he last got something, which takes a newer
    /// snapshot.
    pub fn has_uneven_consumers(&self) -> bool {
        self.uneven > 0
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        let group = |(name, group): (&[u8], &Group)| {
            name.len() + size_of::<(Box<[u8]>, Group)>() + group.memory()
        };
        size_of::<Stream>() + self.nodes.memory() + self.groups().map(group).sum::<usize>()
    }

    /// Frees a piece of a stream that nobody uses any more; false when the rest is small.
    pub fn drop_some(&mut self) -> bool {
        if self.nodes.drop_some() {
            return true;
        }
        let Some(mut last) = self.groups.last_entry() else { return false };
        if !last.get_mut().drop_some() {
            last.remove();
        }
        !self.groups.is_empty()
    }

    /// Whether an entry with those texts fits into a node.
    pub fn takes<'p>(pairs: impl Iterator<Item = Pair<'p>>) -> bool {
        text_bytes(pairs) <= NODE_BYTES_MAX
    }

    /// Adds an entry, which [`Stream::takes`], with an id of [`Facts::next_id`].
    pub fn push<'p>(
        &mut self,
        id: Id,
        pairs: impl ExactSizeIterator<Item = Pair<'p>> + Clone,
        limit: NodeLimit,
    ) {
        self.nodes.push(id, pairs.clone(), text_bytes(pairs), limit);
        let facts = &mut self.facts;
        facts.len += 1;
        facts.added = facts.added.wrapping_add(1);
        facts.last = id;
        if facts.len == 1 {
            facts.first = id;
        }
    }

    /// Deletes entries; how many of them were there.
    pub fn delete(&mut self, ids: impl Iterator<Item = Id>) -> u64 {
        let (mut deleted, mut lost_first) = (0, false);
        for id in ids {
            if self.nodes.delete(id) {
                deleted += 1;
                self.facts.len -= 1;
                lost_first |= id == self.facts.first;
                self.facts.max_deleted = self.facts.max_deleted.max(id);
            }
        }
        if lost_first || deleted > 0 && self.facts.len == 0 {
            self.find_first();
        }
        deleted
    }

    /// Finds out anew which entry is the first.
    pub fn find_first(&mut self) {
        self.facts.first = self.nodes.first().unwrap_or(Id::MIN);
    }

    /// Removes entries from the front; how many.
    pub fn trim(&mut self, trim: &Trim) -> u64 {
        let mut deleted = 0;
        while let Some(node) = self.nodes.front() {
            let live = node.live();
            let is_short = matches!(trim.keep, Keep::Newest(len) if self.facts.len <= len);
            if is_short || trim.limit != 0 && deleted + live > trim.limit {
                break;
            }
            let goes = match trim.keep {
                Keep::Newest(len) => self.facts.len - live >= len,
                Keep::From(id) => node.entries_back().next().is_none_or(|last| last.id < id),
            };
            if !goes {
                if !trim.by_nodes {
                    deleted += self.trim_front(trim.keep);
                }
                break;
            }
            self.nodes.remove_front();
            self.facts.len -= live;
            deleted += live;
        }
        if deleted > 0 || self.facts.len == 0 {
            self.find_first();
        }
        deleted
    }

    /// Deletes entries of the first node that are not to be kept.
    fn trim_front(&mut self, keep: Keep) -> u64 {
        let mut len = self.facts.len;
        let deleted = self.nodes.delete_front(|entry| match keep {
            Keep::From(id) => entry.id < id,
            Keep::Newest(most) => {
                let goes = len > most;
                len -= u64::from(goes && !entry.is_deleted());
                goes
            }
        });
        self.facts.len -= deleted;
        deleted
    }

    /// Sets what XSETID sets; the caller checked it.
    pub fn set_facts(&mut self, last: Id, added: Option<u64>, max_deleted: Option<Id>) {
        self.facts.last = last;
        self.facts.added = added.unwrap_or(self.facts.added);
        self.facts.max_deleted = max_deleted.unwrap_or(self.facts.max_deleted);
    }

    /// The groups in the order of their names.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.groups.iter().map(|(name, group)| (&**name, group))
    }

    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name)
    }

    /// Adds a group; false when there is one of that name.
    pub fn add_group(&mut self, name: &[u8], last: Id, read: Option<u64>) -> bool {
        let is_new = !self.groups.contains_key(name);
        if is_new {
            self.groups.insert(name.into(), Group::new(last, read));
        }
        is_new
    }

    /// Removes a group; false when there is none of that name.
    pub fn remove_group(&mut self, name: &[u8]) -> bool {
        let removed = self.groups.remove(name);
        self.uneven -= usize::from(removed.as_ref().is_some_and(Group::is_uneven));
        removed.is_some()
    }

    /// Changes a group, if there is one of that name.
    pub fn change_group<T>(
        &mut self,
        name: &[u8],
        change: impl FnOnce(Source<'_>, &mut Group) -> T,
    ) -> Option<T> {
        let group = self.groups.get_mut(name)?;
        let before = group.is_uneven();
        let result = change(Source { nodes: &self.nodes, facts: self.facts }, group);
        self.uneven = self.uneven + usize::from(group.is_uneven()) - usize::from(before);
        Some(result)
    }
}

fn text_bytes<'p>(pairs: impl Iterator<Item = Pair<'p>>) -> usize {
    pairs.map(|(name, value)| name.len() + value.len()).sum()
}

#[cfg(test)]
mod tests;
