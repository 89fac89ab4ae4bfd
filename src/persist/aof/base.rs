//! The base of a log as commands, with `aof-use-rdb-preamble no`: those that make each key anew, as
//! Redis 7.2 writes them (`rewriteAppendOnlyFileRio`).
//!
//! Invariant: knows keys as a walk hands them out, not where they are kept.

mod stream;

use super::record;
use crate::base::num::format_f64;
use crate::ds::listpack::Item;
use crate::keyspace::Snap;
use crate::persist::rdb::save::Progress;
use crate::types::hash::HashRef;
use crate::types::set::SetRef;
use crate::types::{StringRef, ValueRef};

/// Most items that a command adds to a key (`AOF_REWRITE_ITEMS_PER_CMD`).
const ITEMS_MAX: usize = 64;

/// An argument that is no text yet.
#[derive(Clone, Copy)]
enum Arg<'a> {
    Item(Item<'a>),
    Score(f64),
}

impl Arg<'_> {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Arg::Item(item) => record::arg(out, item.text(&mut itoa::Buffer::new())),
            Arg::Score(score) => record::arg(out, format_f64(score).as_bytes()),
        }
    }
}

/// What is added to a key: the arguments for it, `N` for all of that type.
struct Added<'a, const N: usize> {
    args: [Arg<'a>; N],
    /// The deadline of a field.
    deadline: Option<i64>,
    /// The progress behind it.
    behind: usize,
}

impl<'a, const N: usize> Added<'a, N> {
    fn new(behind: usize, args: [Arg<'a>; N]) -> Added<'a, N> {
        Added { args, deadline: None, behind }
    }
}

/// Writes a key, or goes on with it, until there are `len` bytes or more; true when it is complete.
pub fn key_some(out: &mut Vec<u8>, snap: &Snap<'_>, progress: &mut Progress, len: usize) -> bool {
    let from = progress.0;
    let mut writing = Writing { out, key: snap.key, progress, len };
    let whole = match snap.value {
        ValueRef::String(text) => writing.set(text),
        ValueRef::List(list) => {
            let items = (from + 1..).zip(list.iter_from(from));
            writing.add(b"RPUSH", items.map(|(behind, item)| Added::new(behind, [Arg::Item(item)])))
        }
        ValueRef::Set(SetRef::Table(set)) => {
            let members = set.iter_from(from as u32);
            let added = members
                .map(|(id, member, _)| Added::new(after(id), [Arg::Item(Item::Text(member))]));
            writing.add(b"SADD", added)
        }
        ValueRef::Set(set) => {
            let members = (1..).zip(set.iter()).skip(from);
            writing
                .add(b"SADD", members.map(|(behind, item)| Added::new(behind, [Arg::Item(item)])))
        }
        ValueRef::Zset(zset) => {
            let members = (from + 1..).zip(zset.range(from..usize::MAX));
            let added = members.map(|(behind, (member, score))| {
                Added::new(behind, [Arg::Score(score), Arg::Item(member)])
            });
            writing.add(b"ZADD", added)
        }
        ValueRef::Hash(HashRef::Table(table)) => {
            let added = table.entries(from as u32).map(|(id, field, held)| Added {
                args: [field, held.value].map(|text| Arg::Item(Item::Text(text))),
                deadline: held.deadline,
                behind: after(id),
            });
            writing.add(b"HMSET", added)
        }
        ValueRef::Hash(hash) => {
            let pairs = (1..).zip(hash.iter(i64::MIN)).skip(from);
            let added = pairs.map(|(behind, (field, value))| {
                Added::new(behind, [Arg::Item(field), Arg::Item(value)])
            });
            writing.add(b"HMSET", added)
        }
        ValueRef::Stream(stream) => writing.stream(stream),
    };
    if whole && let Some(deadline) = snap.facts.deadline {
        let mut buffer = itoa::Buffer::new();
        writing.call(&[b"PEXPIREAT", snap.key, buffer.format(deadline).as_bytes()]);
    }
    whole
}

/// The progress behind the item with the number `id`.
fn after(id: u32) -> usize {
    id as usize + 1
}

/// A key that is being written.
struct Writing<'a> {
    out: &'a mut Vec<u8>,
    key: &'a [u8],
    progress: &'a mut Progress,
    /// Bytes in `out` after which it pauses.
    len: usize,
}

impl Writing<'_> {
    fn call(&mut self, args: &[&[u8]]) {
        record::push(self.out, args.iter().copied());
    }

    fn set(&mut self, text: StringRef<'_>) -> bool {
        let mut buffer = itoa::Buffer::new();
        let text = match text {
            StringRef::Int(number) => buffer.format(number).as_bytes(),
            StringRef::Str(text) => text,
        };
        self.call(&[b"SET", self.key, text]);
        true
    }

    /// Adds items by as many commands as it takes; false when it paused before all were written.
    fn add<'i, const N: usize>(
        &mut self,
        name: &[u8],
        mut items: impl Iterator<Item = Added<'i, N>>,
    ) -> bool {
        let mut group = Vec::with_capacity(ITEMS_MAX);
        loop {
            group.clear();
            group.extend(items.by_ref().take(ITEMS_MAX));
            let Some(last) = group.last() else { return true };
            self.progress.0 = last.behind;
            record::open(self.out, 2 + group.len() * N);
            record::arg(self.out, name);
            record::arg(self.out, self.key);
            group.iter().flat_map(|added| added.args).for_each(|arg| arg.write(self.out));
            group.iter().for_each(|added| self.set_deadline(added));
            if self.out.len() >= self.len {
                return false;
            }
        }
    }

    fn set_deadline<const N: usize>(&mut self, field: &Added<'_, N>) {
        let (Some(deadline), [Arg::Item(name), ..]) = (field.deadline, &field.args[..]) else {
            return;
        };
        let (mut number, mut text) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (deadline, name) = (number.format(deadline).as_bytes(), name.text(&mut text));
        self.call(&[b"HPEXPIREAT", self.key, deadline, b"FIELDS", b"1", name]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::Facts;
    use crate::types::hash::{self, Hash, Ttl};
    use crate::types::list::{List, NodeLimit};
    use crate::types::set::{self, Set};
    use crate::types::zset::{self, Zset};

    /// The key `k`, with that value and deadline, in parts of some bytes.
    fn written(value: ValueRef<'_>, deadline: Option<i64>, len: usize) -> Vec<Vec<u8>> {
        let facts = Facts { deadline, ..Facts::default() };
        let snap = Snap { db: 0, key: b"k", value, facts };
        let (mut parts, mut progress) = (Vec::new(), Progress::default());
        loop {
            let mut part = Vec::new();
            let whole = key_some(&mut part, &snap, &mut progress, len);
            parts.push(part);
            if whole {
                return parts;
            }
        }
    }

    /// Records as lines of their words.
    fn calls(value: ValueRef<'_>, deadline: Option<i64>) -> Vec<String> {
        let text = String::from_utf8(written(value, deadline, usize::MAX).concat()).expect("text");
        let record = |record: &str| {
            let words = record.split("\r\n").skip(1).filter(|word| !word.starts_with('$'));
            words.collect::<Vec<_>>().join(" ").trim_end().to_owned()
        };
        text.split('*').skip(1).map(record).collect()
    }

    fn hash(fields: &[(&str, Ttl)], fields_max: usize) -> Hash {
        let (mut hash, limits) = (Hash::new(), hash::Limits { fields_max, bytes_max: 64 });
        for (field, ttl) in fields {
            hash.set(field.as_bytes(), b"v", *ttl, 0, limits);
        }
        hash
    }

    #[test]
    fn each_type_has_its_command_and_deadlines_come_last() {
        let text = ValueRef::String(StringRef::Str(b"v"));
        assert_eq!(calls(text, Some(7)), ["SET k v", "PEXPIREAT k 7"]);
        assert_eq!(calls(ValueRef::String(StringRef::Int(-5)), None), ["SET k -5"]);
        let list = List::collect([&b"a"[..], b"1"].into_iter(), NodeLimit::new(-2));
        assert_eq!(calls(ValueRef::List(list.as_ref()), None), ["RPUSH k a 1"]);
        let limits = set::Limits { intset_entries: 9, listpack_entries: 9, listpack_value: 9 };
        let mut set = Set::new();
        [3, 4].iter().for_each(|number| _ = set.add(Item::Int(*number), &limits));
        assert_eq!(calls(ValueRef::Set(set.as_ref()), None), ["SADD k 3 4"]);
        let mut zset = Zset::new();
        for (member, score) in [(b"a", f64::NEG_INFINITY), (b"b", 2.5)] {
            zset.update(member, zset::Limits { entries: 9, value: 9 }, |_| Some(score));
        }
        assert_eq!(calls(ValueRef::Zset(zset.as_ref()), None), ["ZADD k -inf a 2.5 b"]);
        let small = hash(&[("f", Ttl::Clear)], 9);
        assert_eq!(calls(ValueRef::Hash(small.as_ref()), None), ["HMSET k f v"]);
        let timed = hash(&[("f", Ttl::At(10)), ("g", Ttl::Clear)], 0);
        assert_eq!(
            calls(ValueRef::Hash(timed.as_ref()), Some(7)),
            ["HMSET k f v g v", "HPEXPIREAT k 10 FIELDS 1 f", "PEXPIREAT k 7"]
        );
    }

    #[test]
    fn a_command_adds_64_items_at_most() {
        let texts: Vec<String> = (0..130).map(|number| number.to_string()).collect();
        let list = List::collect(texts.iter().map(|text| text.as_bytes()), NodeLimit::new(7));
        let counts = calls(ValueRef::List(list.as_ref()), None);
        let counts: Vec<_> = counts.iter().map(|call| call.split(' ').count() - 2).collect();
        assert_eq!(counts, [64, 64, 2]);
    }

    #[test]
    fn a_key_in_parts_is_the_key() {
        let texts: Vec<String> = (0..1000).map(|number| format!("text {number}")).collect();
        let list = List::collect(texts.iter().map(|text| text.as_bytes()), NodeLimit::new(7));
        let (mut set, mut zset) = (Set::new(), Zset::new());
        let limits = set::Limits { intset_entries: 0, listpack_entries: 0, listpack_value: 0 };
        for (number, text) in texts.iter().enumerate() {
            set.add(Item::Text(text.as_bytes()), &limits);
            let limits = zset::Limits { entries: 0, value: 0 };
            zset.update(text.as_bytes(), limits, |_| Some(number as f64));
        }
        let timed: Vec<_> = texts.iter().map(|text| (&**text, Ttl::At(9))).collect();
        let hash = hash(&timed, 0);
        for value in [
            ValueRef::List(list.as_ref()),
            ValueRef::Set(set.as_ref()),
            ValueRef::Zset(zset.as_ref()),
            ValueRef::Hash(hash.as_ref()),
        ] {
            let parts = written(value, Some(1), 100);
            assert!(parts.len() > 15, "{:?}", value.value_type());
            assert!(parts.concat() == written(value, Some(1), usize::MAX).concat());
        }
    }
}
