//! A stream as commands, as Redis 7.2 writes them (`rewriteStreamObject`).

use super::Writing;
use crate::persist::aof::record;
use crate::persist::stream::{Section, write_some};
use crate::types::stream::group::{Consumer, Group};
use crate::types::stream::node::{Entry, Node};
use crate::types::stream::{Id, Stream};

impl Writing<'_> {
    /// Writes on a stream; true when it is complete.
    pub fn stream(&mut self, stream: &Stream) -> bool {
        let mut done = self.progress.0;
        let whole = write_some(stream, &mut done, |section, from| match section {
            Section::Nodes => self.nodes(stream.nodes().iter_from(from), from),
            Section::Owned(name, group, consumer) => self.owned(name, group, consumer, from),
            Section::Facts => self.facts(stream),
            Section::Group(name, group) => self.group(name, group),
            Section::Consumer(name, consumer) => self.consumer(name, consumer),
            Section::Pending(group) => group.pending().len(),
            Section::Consumers(_) => 1,
        });
        self.progress.0 = done;
        whole
    }

    fn is_full(&self) -> bool {
        self.out.len() >= self.len
    }

    fn nodes<'n>(&mut self, nodes: impl Iterator<Item = &'n Node>, from: usize) -> usize {
        let mut behind = from;
        for node in nodes {
            let alive = node.entries().filter(|entry| !entry.is_deleted());
            alive.for_each(|entry| self.entry(entry));
            behind += 1;
            if self.is_full() {
                break;
            }
        }
        behind
    }

    fn entry(&mut self, entry: Entry<'_>) {
        record::open(self.out, 3 + 2 * entry.fields.len());
        record::arg(self.out, b"XADD");
        record::arg(self.out, self.key);
        record::arg(self.out, entry.id.text().as_ref());
        for item in entry.fields.flat_map(|(field, value)| [field, value]) {
            record::arg(self.out, item.text(&mut itoa::Buffer::new()));
        }
    }

    fn facts(&mut self, stream: &Stream) -> usize {
        let facts = stream.facts();
        if facts.len == 0 {
            // A stream without entries comes into being by one that goes at once.
            self.call(&[b"XADD", self.key, b"MAXLEN", b"0", b"0-1", b"x", b"y"]);
        }
        let mut added = itoa::Buffer::new();
        self.call(&[
            b"XSETID",
            self.key,
            facts.last.text().as_ref(),
            b"ENTRIESADDED",
            added.format(facts.added.cast_signed()).as_bytes(),
            b"MAXDELETEDID",
            facts.max_deleted.text().as_ref(),
        ]);
        1
    }

    fn group(&mut self, name: &[u8], group: &Group) -> usize {
        let mut buffer = itoa::Buffer::new();
        let read = buffer.format(group.read.map_or(-1, u64::cast_signed)).as_bytes();
        let last = group.last.text();
        self.call(&[b"XGROUP", b"CREATE", self.key, name, last.as_ref(), b"ENTRIESREAD", read]);
        1
    }

    fn consumer(&mut self, group: &[u8], consumer: &Consumer) -> usize {
        if consumer.owned().is_empty() {
            self.call(&[b"XGROUP", b"CREATECONSUMER", self.key, group, consumer.name()]);
        }
        1
    }

    fn owned(&mut self, name: &[u8], group: &Group, consumer: &Consumer, from: usize) -> usize {
        let mut behind = from;
        for (id, ()) in consumer.owned().iter_nth(from) {
            self.claim(name, group, consumer.name(), *id);
            behind += 1;
            if self.is_full() {
                break;
            }
        }
        behind
    }

    fn claim(&mut self, name: &[u8], group: &Group, consumer: &[u8], id: Id) {
        let Some(pending) = group.pending().get(id) else { return };
        let (mut delivered, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
        self.call(&[
            b"XCLAIM",
            self.key,
            name,
            consumer,
            b"0",
            id.text().as_ref(),
            b"TIME",
            delivered.format(pending.delivered).as_bytes(),
            b"RETRYCOUNT",
            count.format(pending.count.cast_signed()).as_bytes(),
            b"JUSTID",
            b"FORCE",
        ]);
    }
}
