//! A run of entries in one listpack, byte for byte as Redis packs them (`t_stream.c`).
//!
//! ```text
//! node    live | deleted | fields | name ... | 0 | entry ...
//! entry   flags | ms | seq | fields | name | value ... | elements of the entry before this one
//! ```
//!
//! Ids are the differences to that of the node. An entry with the names of the node has the flag 2
//! and neither `fields` nor names. One that is deleted gets the flag 1 and stays until its node goes.
//!
//! Invariant: a node has an entry; how many are alive and how many deleted is what it says up front.

use super::id::Id;
use crate::ds::listpack::{At, Item, Items, Listpack, Tail, View};

const DELETED: i64 = 1;
const SAME_NAMES: i64 = 2;
/// Elements of an entry besides names, values and their number.
const FRAME_ELEMENTS: usize = 3;

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Of the first entry that was added.
    id: Id,
    pack: Listpack,
}

/// An entry that was found.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    pub id: Id,
    pub fields: Fields<'a>,
    is_deleted: bool,
    at: At,
}

/// The fields of an entry with their values.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    /// The names, where they are those of the node.
    names: Option<Items<'a>>,
    rest: Items<'a>,
    left: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Item<'a>, Item<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = self.names.as_mut().unwrap_or(&mut self.rest).next()?;
        Some((name, self.rest.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// A number in front of the entries.
#[derive(Clone, Copy)]
enum Counter {
    Live,
    Deleted,
}

/// A field to be added, with its value.
pub type Pair<'p> = (&'p [u8], &'p [u8]);

impl Node {
    /// A node of one entry.
    pub fn new<'p>(id: Id, pairs: impl ExactSizeIterator<Item = Pair<'p>> + Clone) -> Node {
        let mut pack = Listpack::new();
        pack.extend(|tail| {
            tail.int(1);
            tail.int(0);
            tail.int(length(pairs.len()));
            pairs.clone().for_each(|(name, _)| tail.text(name));
            tail.int(0);
            write_entry(tail, id, id, SAME_NAMES, pairs);
        });
        Node { id, pack }
    }

    /// The node that a file says `bytes` are, if they are one throughout: its ids ascend, but for
    /// those that are deleted, and are as many as it says.
    pub fn checked(id: Id, bytes: Vec<u8>) -> Option<Node> {
        View::checked(&bytes)?;
        let node = Node { id, pack: Listpack::from_bytes(bytes) };
        node.is_sound().then_some(node)
    }

    fn is_sound(&self) -> bool {
        let mut items = self.pack.view().iter();
        let Some([live, deleted, names]) = numbers(&mut items) else { return false };
        let Some(names) = passed(&mut items, names) else { return false };
        if items.next() != Some(Item::Int(0)) {
            return false;
        }
        let (mut counted, mut last) = ([0i64; 2], None);
        while let Some(flags) = items.next() {
            let Item::Int(flags @ 0..=3) = flags else { return false };
            let Some([ms, seq]) = numbers(&mut items) else { return false };
            let Some(elements) = passed_fields(&mut items, flags, names) else { return false };
            if items.next() != Some(Item::Int(length(elements + FRAME_ELEMENTS))) {
                return false;
            }
            let (is_deleted, id) = (flags & DELETED != 0, moved(self.id, ms, seq));
            counted[usize::from(is_deleted)] += 1;
            if !is_deleted && last.replace(id).is_some_and(|last| last >= id) {
                return false;
            }
        }
        counted == [live, deleted] && counted != [0, 0]
    }

    /// The id that the ids of its entries are written by.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The listpack.
    pub fn bytes(&self) -> &[u8] {
        self.pack.view().bytes()
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        self.pack.memory()
    }

    /// Gives back what is unused: nothing is added to it any more.
    pub fn fit(&mut self) {
        self.pack.fit();
    }

    /// Entries that are alive.
    #[inline]
    pub fn live(&self) -> u64 {
        self.counter(Counter::Live).1
    }

    /// Entries, deleted ones included.
    #[inline]
    pub fn total(&self) -> u64 {
        self.live() + self.counter(Counter::Deleted).1
    }

    /// Where one of the numbers up front stands, and what it is.
    fn counter(&self, counter: Counter) -> (At, u64) {
        let view = self.pack.view();
        let first = view.first().expect("a node has its counters");
        let at = match counter {
            Counter::Live => first,
            Counter::Deleted => view.next(first).expect("a node has its counters"),
        };
        (at, u64::try_from(int(Some(view.get(at)))).unwrap_or(0))
    }

    fn count(&mut self, counter: Counter, count: u64) {
        let (at, _) = self.counter(counter);
        self.pack.replace_int(at, i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Adds an entry behind the others.
    pub fn push<'p>(&mut self, id: Id, pairs: impl ExactSizeIterator<Item = Pair<'p>> + Clone) {
        let head = self.head();
        let same = head.names_len == pairs.len()
            && head.names.zip(pairs.clone()).all(|(item, (name, _))| item.eq_bytes(name));
        self.count(Counter::Live, self.live() + 1);
        let (flags, own) = (if same { SAME_NAMES } else { 0 }, self.id);
        self.pack.extend(|tail| write_entry(tail, own, id, flags, pairs));
    }

    /// Marks as deleted what `entries` says are alive.
    pub fn delete(&mut self, entries: &[(At, bool)]) {
        for &(at, same) in entries {
            self.pack.replace_int(at, DELETED | if same { SAME_NAMES } else { 0 });
        }
        let (live, deleted) = (self.live(), self.counter(Counter::Deleted).1);
        let count = entries.len() as u64;
        self.count(Counter::Live, live - count);
        self.count(Counter::Deleted, deleted + count);
    }

    #[inline]
    fn head(&self) -> Head<'_> {
        let view = self.pack.view();
        let mut names = view.iter();
        names.pass(2);
        let names_len = usize::try_from(int(names.next())).unwrap_or(0);
        Head { id: self.id, view, names, names_len }
    }

    /// All entries in order, deleted ones included.
    #[inline]
    pub fn entries(&self) -> Entries<'_> {
        let head = self.head();
        let mut rest = head.names.clone();
        rest.pass(head.names_len + 1);
        Entries { head, rest }
    }

    /// All entries, the last one first.
    pub fn entries_back(&self) -> EntriesBack<'_> {
        let (head, at) = (self.head(), self.pack.view().last());
        EntriesBack { head, at }
    }
}

/// What all entries of a node share.
#[derive(Clone, Debug)]
struct Head<'a> {
    id: Id,
    view: View<'a>,
    /// The names, and what follows them.
    names: Items<'a>,
    names_len: usize,
}

impl<'a> Head<'a> {
    /// Reads the entry that `rest` is in front of, up to its names and values.
    #[inline]
    fn read(&self, at: At, rest: &mut Items<'a>) -> Entry<'a> {
        let flags = int(rest.next());
        let (ms, seq) = (int(rest.next()), int(rest.next()));
        let (names, left) = match flags & SAME_NAMES {
            0 => (None, usize::try_from(int(rest.next())).unwrap_or(0)),
            _ => (Some(self.names.clone()), self.names_len),
        };
        let fields = Fields { names, rest: rest.clone(), left };
        Entry { id: moved(self.id, ms, seq), fields, is_deleted: flags & DELETED != 0, at }
    }
}

impl Entry<'_> {
    pub fn is_deleted(&self) -> bool {
        self.is_deleted
    }

    /// What [`Node::delete`] wants to know of it.
    pub fn mark(&self) -> (At, bool) {
        (self.at, self.fields.names.is_some())
    }
}

/// Entries in order.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    head: Head<'a>,
    rest: Items<'a>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        let at = self.head.view.place(&self.rest)?;
        let entry = self.head.read(at, &mut self.rest);
        let each = if entry.fields.names.is_some() { 1 } else { 2 };
        self.rest.pass(each * entry.fields.left + 1);
        Some(entry)
    }
}

/// Entries from the last one on.
#[derive(Clone, Debug)]
pub struct EntriesBack<'a> {
    head: Head<'a>,
    /// The last element of the next one.
    at: Option<At>,
}

impl<'a> Iterator for EntriesBack<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let (view, mut at) = (self.head.view, self.at?);
        let elements = int(Some(view.get(at)));
        if elements == 0 {
            return None;
        }
        for _ in 0..elements {
            at = view.prev(at)?;
        }
        self.at = view.prev(at);
        Some(self.head.read(at, &mut view.iter_from(at)))
    }
}

fn write_entry<'p>(
    tail: &mut Tail<'_>,
    node: Id,
    id: Id,
    flags: i64,
    pairs: impl ExactSizeIterator<Item = Pair<'p>>,
) {
    let (same, len) = (flags & SAME_NAMES != 0, pairs.len());
    tail.int(flags);
    tail.int(id.ms.wrapping_sub(node.ms).cast_signed());
    tail.int(id.seq.wrapping_sub(node.seq).cast_signed());
    if !same {
        tail.int(length(len));
    }
    for (name, value) in pairs {
        if !same {
            tail.text(name);
        }
        tail.text(value);
    }
    let elements = if same { len } else { 2 * len + 1 };
    tail.int(length(elements + FRAME_ELEMENTS));
}

/// The id at that distance of `node`.
#[inline]
fn moved(node: Id, ms: i64, seq: i64) -> Id {
    Id {
        ms: node.ms.wrapping_add(ms.cast_unsigned()),
        seq: node.seq.wrapping_add(seq.cast_unsigned()),
    }
}

/// The number that an item of a sound node is.
#[inline]
fn int(item: Option<Item<'_>>) -> i64 {
    match item {
        Some(Item::Int(value)) => value,
        _ => unreachable!("a node is checked or was written here"),
    }
}

fn length(len: usize) -> i64 {
    i64::try_from(len).expect("elements take memory")
}

/// The next items, if they are numbers.
fn numbers<const N: usize>(items: &mut Items<'_>) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    for number in &mut numbers {
        let Item::Int(value) = items.next()? else { return None };
        *number = value;
    }
    Some(numbers)
}

/// Passes over `count` items; how many those are, if they are there.
fn passed(items: &mut Items<'_>, count: i64) -> Option<usize> {
    let count = usize::try_from(count).ok()?;
    (0..count).all(|_| items.next().is_some()).then_some(count)
}

/// Passes over what an entry holds in a node of `names`; how many items those are, if they are there.
fn passed_fields(items: &mut Items<'_>, flags: i64, names: usize) -> Option<usize> {
    if flags & SAME_NAMES != 0 {
        return passed(items, length(names));
    }
    let [fields] = numbers(items)?;
    Some(1 + passed(items, fields.checked_mul(2)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64, seq: u64) -> Id {
        Id { ms, seq }
    }

    fn node() -> Node {
        let pairs = [(&b"a"[..], &b"1"[..]), (b"bb", b"x")];
        let mut node = Node::new(id(1000, 5), pairs.into_iter());
        node.push(id(1001, 0), [(&b"a"[..], &b"2"[..]), (b"bb", b"y")].into_iter());
        node.push(id(1001, 1), [(&b"c"[..], &b"3"[..])].into_iter());
        node
    }

    /// Entries as `id field=value ...`, with a mark where they are deleted.
    fn shown<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Vec<String> {
        let text = |item: Item<'_>| String::from_utf8_lossy(&item.to_vec()).into_owned();
        let show = |entry: Entry<'_>| {
            let mark = if entry.is_deleted { "!" } else { "" };
            let fields =
                entry.fields.map(|(name, value)| format!(" {}={}", text(name), text(value)));
            format!("{}-{}{mark}{}", entry.id.ms, entry.id.seq, fields.collect::<String>())
        };
        entries.map(show).collect()
    }

    #[test]
    fn bytes_are_those_of_redis() {
        // What DUMP shows of the listpack of these entries in Redis 7.0.15.
        let expected: &[u8] = b"A\0\0\0\x19\0\x03\x01\0\x01\x02\x01\x81a\x02\x82bb\x03\0\x01\
            \x02\x01\0\x01\0\x01\x01\x01\x81x\x02\x05\x01\
            \x02\x01\x01\x01\xdf\xfb\x02\x02\x01\x81y\x02\x05\x01\
            \0\x01\x01\x01\xdf\xfc\x02\x01\x01\x81c\x02\x03\x01\x06\x01\xff";
        assert_eq!(node().bytes(), expected);
    }

    #[test]
    fn entries_are_read_from_both_sides() {
        let node = node();
        let mut expected = ["1000-5 a=1 bb=x", "1001-0 a=2 bb=y", "1001-1 c=3"];
        assert_eq!(shown(node.entries()), expected);
        expected.reverse();
        assert_eq!(shown(node.entries_back()), expected);
    }

    #[test]
    fn what_is_deleted_stays_and_is_counted() {
        let mut node = node();
        let marks: Vec<_> = node.entries().map(|entry| entry.mark()).collect();
        node.delete(&marks[1..]);
        assert_eq!(shown(node.entries()), ["1000-5 a=1 bb=x", "1001-0! a=2 bb=y", "1001-1! c=3"]);
        assert_eq!((node.live(), node.total()), (1, 3));
        assert!(Node::checked(node.id(), node.bytes().to_vec()).is_some());
    }

    #[test]
    fn mutated_bytes_are_refused_or_readable() {
        use crate::base::rng::{Rng, os_seed};
        let seed = os_seed();
        eprintln!("seed {seed}");
        let mut rng = Rng::seeded(seed);
        let mut taken = 0;
        for _ in 0..40_000 {
            let mut bytes = node().bytes().to_vec();
            for _ in 0..1 + rng.below(2) {
                let at = 6 + rng.below(bytes.len() - 7);
                bytes[at] = [rng.below(256) as u8, rng.below(6) as u8][rng.below(2)];
            }
            if let Some(node) = Node::checked(id(1000, 5), bytes) {
                let mut backward = shown(node.entries_back());
                backward.reverse();
                assert_eq!(shown(node.entries()), backward);
                taken += 1;
            }
        }
        assert!(taken > 100, "{taken}");
    }
}
