//! What is read, against what was written and against bytes of Redis and Valkey.

use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use super::*;
use crate::base::rng::{Rng, os_seed};
use crate::ds::listpack::{Item, Listpack};
use crate::keyspace::{Expiry, Facts, Keyspace, Order, Policy, Scope};
use crate::persist::dump;
use crate::persist::rdb::save::Header;
use crate::persist::snapshot::{self, Format};
use crate::types::hash::{self, Hash, Ttl};
use crate::types::list::{List, NodeLimit};
use crate::types::set::{self, Set};
use crate::types::stream::{Id, NewId, Stream, nodes};
use crate::types::zset::{self, Zset};
use crate::types::{Encoding, StringRef, ValueRef};

const NOW: i64 = 1_700_000_000_000;
const DATABASES: u32 = 4;

fn options() -> Options {
    let limits = Limits {
        list: NodeLimit::new(8),
        set: set::Limits { intset_entries: 16, listpack_entries: 8, listpack_value: 20 },
        zset: zset::Limits { entries: 8, value: 20 },
        hash: hash::Limits { fields_max: 8, bytes_max: 20 },
    };
    Options {
        databases: DATABASES.into(),
        checksum: true,
        text_bytes_max: 1 << 20,
        unpacked_bytes_max: 1 << 30,
        limits,
    }
}

fn keyspace() -> Keyspace {
    let mut keyspace = Keyspace::new(DATABASES, 7);
    keyspace.set_now(NOW);
    keyspace.set_policy(Policy { scope: Scope::All, order: Order::Lru, ..Policy::default() });
    keyspace
}

/// A text that may be a number, or long, or repetitive.
fn text(rng: &mut Rng) -> Vec<u8> {
    match rng.below(4) {
        0 => ((rng.u64() >> rng.below(64)).cast_signed()).to_string().into_bytes(),
        1 => vec![b'a' + rng.below(26) as u8; rng.below(100)],
        _ => (0..rng.below(25)).map(|_| rng.u64() as u8).collect(),
    }
}

fn value(rng: &mut Rng, limits: &Limits) -> Value {
    let bits = rng.below(7);
    let count = 1 + rng.below(1 << bits);
    match rng.below(7) {
        0 => Value::Bytes(text(rng)),
        1 => {
            let texts: Vec<_> = (0..count).map(|_| text(rng)).collect();
            List::collect(texts.iter().map(Vec::as_slice), limits.list).into()
        }
        2 => {
            let mut set = Set::new();
            (0..count).for_each(|_| {
                set.add(Item::Int(rng.below(1 << 20) as i64), &limits.set);
            });
            set.into()
        }
        3 => {
            let mut set = Set::new();
            (0..count).for_each(|_| {
                set.add(Item::Text(&text(rng)), &limits.set);
            });
            set.into()
        }
        4 => {
            let mut zset = Zset::new();
            for _ in 0..count {
                let score =
                    [f64::INFINITY, -0.0, 1.5, rng.below(9) as f64, rng.f64()][rng.below(5)];
                zset.update(&text(rng), limits.zset, |_| Some(score));
            }
            zset.into()
        }
        5 => stream(rng, count).into(),
        _ => {
            let mut hash = Hash::new();
            let timed = rng.below(2) == 0;
            for _ in 0..count {
                let ttl = match rng.below(3) {
                    0 if timed => Ttl::At(NOW + rng.below(1 << 40) as i64),
                    _ => Ttl::Clear,
                };
                hash.set(&text(rng), &text(rng), ttl, NOW, limits.hash);
            }
            hash.into()
        }
    }
}

/// A stream of several nodes, with groups of two consumers.
fn stream(rng: &mut Rng, count: usize) -> Stream {
    let (mut stream, limit) = (Stream::default(), nodes::NodeLimit { bytes: 200, entries: 5 });
    for _ in 0..count {
        let id = stream.facts().next_id(NewId::Auto(rng.below(1000) as u64)).expect("an id");
        let (field, value) = ([b"f".to_vec(), text(rng)][rng.below(2)].clone(), text(rng));
        stream.push(id, [(&field[..], &value[..])].into_iter(), limit);
    }
    let ids: Vec<Id> = stream.nodes().all().map(|entry| entry.id).collect();
    for name in [b"g", b"h"].into_iter().take(rng.below(3)) {
        stream.add_group(name, ids[rng.below(ids.len())], [None, Some(5)][rng.below(2)]);
        stream.change_group(name, |_, group| {
            let names = [&b"alice"[..], b"bob"];
            let all = names.map(|name| group.add(name, NOW, [NOW, -1][rng.below(2)]));
            for id in &ids {
                if rng.below(2) == 0 {
                    let consumer = all[rng.below(2)].expect("a new one");
                    group.deliver(consumer, *id, NOW - 5, rng.below(300) as u64, NOW);
                }
            }
        });
    }
    stream.delete(ids.into_iter().filter(|_| rng.below(4) == 0));
    stream
}

/// What a stream holds.
fn show_stream(stream: &Stream) -> String {
    let nodes = stream.nodes().iter_from(0);
    let nodes = nodes.map(|node| format!("{:?} {}", node.id(), node.bytes().escape_ascii()));
    let groups = stream.groups().map(|(name, group)| {
        let pending = group.pending().iter().map(|(id, pending)| {
            (*id, pending.delivered, pending.count, group.owner(pending).name().to_vec())
        });
        let consumers = group.consumers().map(|one| (one.name(), one.seen(), one.active()));
        let (pending, consumers) = (pending.collect::<Vec<_>>(), consumers.collect::<Vec<_>>());
        format!("{name:?} {:?} {:?} {pending:?} {consumers:?}", group.last, group.read)
    });
    let (nodes, groups) = (nodes.collect::<Vec<_>>(), groups.collect::<Vec<_>>());
    format!("{:?} {nodes:?} {groups:?}", stream.facts())
}

/// A data set of some keys of every type.
fn filled(rng: &mut Rng, keys: usize) -> Keyspace {
    let mut keyspace = keyspace();
    for number in 0..keys {
        let deadline = match rng.below(3) {
            0 => Some(NOW + 1 + rng.below(1 << 40) as i64),
            _ => None,
        };
        let key = [number.to_string().into_bytes(), text(rng)].concat();
        let value = value(rng, &options().limits);
        let db = keyspace.db(rng.below(DATABASES as usize));
        let usage = Usage::IdleSeconds(rng.below(100_000) as u64);
        db.load(&key, value.into(), Facts { deadline, usage }, false);
    }
    keyspace
}

fn written(keyspace: &Keyspace) -> Vec<u8> {
    let header = Header {
        field_deadlines: keyspace.has_field_deadlines(),
        uneven_consumers: keyspace.has_uneven_consumers(),
        redis_version: "7.2.6",
        created: NOW / 1000,
        used_memory: 1,
        aof_base: false,
        functions: Vec::new(),
    };
    snapshot::file(keyspace, Format::Rdb { compress: true, checksum: true }, &header)
}

#[test]
fn libraries_are_read_as_they_were_written() {
    let texts = [&b"#!lua name=a\n"[..], &[b'x'; 300]];
    let header = Header {
        field_deadlines: false,
        uneven_consumers: false,
        redis_version: "7.2.6",
        created: NOW / 1000,
        used_memory: 1,
        aof_base: false,
        functions: texts.map(Rc::from).to_vec(),
    };
    let format = Format::Rdb { compress: true, checksum: true };
    let (bytes, mut drain) = (snapshot::file(&keyspace(), format, &header), Drain::default());
    load(&mut &bytes[..], &options(), &mut drain).expect("a snapshot");
    assert_eq!(drain.libraries, texts);
    let payload = dump::dump_functions(&header.functions, true);
    assert_eq!(dump::restore_functions(&payload, &options()).expect("a payload"), texts);
    for at in 0..payload.len() {
        let cut = dump::restore_functions(&payload[..at], &options());
        assert!(matches!(cut, Err(dump::Refusal::Footer)));
    }
}

fn read(bytes: &[u8], options: &Options) -> Result<(Keyspace, Loaded), Error> {
    let mut keyspace = keyspace();
    let mut intake = Intake::new(&mut keyspace, Expired::Drop, false);
    let loaded = load(&mut &bytes[..], options, &mut intake)?;
    Ok((keyspace, loaded))
}

/// Takes everything and keeps nothing but the texts of libraries.
#[derive(Default)]
struct Drain {
    libraries: Vec<Vec<u8>>,
}

impl Sink for Drain {
    fn entry(&mut self, _: Entry<'_>) -> Result<(), Reason> {
        Ok(())
    }

    fn function(&mut self, text: &[u8]) -> Result<(), Reason> {
        self.libraries.push(text.to_vec());
        Ok(())
    }

    fn note(&mut self, _: Note<'_>, _: u64) {}
}

fn read_only(bytes: &[u8]) -> Result<Loaded, Error> {
    load(&mut &bytes[..], &options(), &mut Drain::default())
}

/// What a value holds, in an order of its own, and how.
fn show(value: ValueRef<'_>) -> String {
    let join = |mut all: Vec<String>, sort: bool| {
        if sort {
            all.sort();
        }
        all.join(" ")
    };
    let text = |item: Item<'_>| item.to_vec().escape_ascii().to_string();
    let (name, all) = match value {
        ValueRef::String(StringRef::Int(number)) => ("int", number.to_string()),
        ValueRef::String(StringRef::Str(text)) => ("text", text.escape_ascii().to_string()),
        ValueRef::List(list) => ("list", join(list.iter().map(text).collect(), false)),
        ValueRef::Set(set) => ("set", join(set.iter().map(text).collect(), true)),
        ValueRef::Zset(zset) => {
            let members = zset.iter().map(|(member, score)| format!("{} {score}", text(member)));
            ("zset", join(members.collect(), false))
        }
        ValueRef::Hash(hash) => {
            let fields = hash.iter(NOW).map(|(field, value)| {
                let deadline = hash.deadline(&field.to_vec(), NOW).flatten();
                format!("{} {} {deadline:?}", text(field), text(value))
            });
            ("hash", join(fields.collect(), true))
        }
        ValueRef::Stream(stream) => ("stream", show_stream(stream)),
    };
    format!("{name} {all}")
}

type Contents = BTreeMap<(usize, Vec<u8>), (String, Facts, Encoding)>;

fn contents(keyspace: &mut Keyspace) -> Contents {
    let mut all = Contents::new();
    for index in 0..keyspace.databases() {
        let mut shown = Vec::new();
        keyspace.view(index).for_each(&mut |key, value, facts| {
            shown.push((key.to_vec(), show(value), *facts));
        });
        for (key, value, facts) in shown {
            let encoding = keyspace.db(index).info(&key).expect("it was shown").encoding;
            all.insert((index, key), (value, facts, encoding));
        }
    }
    all
}

#[test]
fn what_was_written_is_read() {
    let seed = os_seed();
    println!("seed {seed}");
    let mut rng = Rng::seeded(seed);
    for keys in [0, 1, 300, 300, 300] {
        let mut before = filled(&mut rng, keys);
        let bytes = written(&before);
        let (mut after, loaded) = read(&bytes, &options()).expect("it was written here");
        assert_eq!(loaded.bytes, bytes.len() as u64);
        let (before, after) = (contents(&mut before), contents(&mut after));
        assert_eq!(before.len(), after.len());
        for ((name, one), (_, other)) in before.iter().zip(&after) {
            assert_eq!((&one.0, one.1), (&other.0, other.1), "{name:?}");
            // Numbers that joined a set of texts leave it as they came; a hash that was unpacked for a
            // long text is packed again if another one took that one's place.
            if !one.0.starts_with("set") && !one.0.starts_with("hash") {
                assert_eq!(one.2, other.2, "{name:?}");
            }
        }
    }
}

/// Hands out a few bytes at a time, with interruptions.
struct Trickle<'a>(&'a [u8], Rng);

impl io::Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.1.below(5) == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = out.len().min(1 + self.1.below(7));
        self.0.read(&mut out[..len])
    }
}

#[test]
fn a_file_may_come_in_pieces_and_be_followed_by_others() {
    let mut rng = Rng::seeded(3);
    let mut before = filled(&mut rng, 50);
    before.db(0).set(b"long", &vec![b'x'; 300_000], Expiry::Clear);
    let mut noise: Vec<u8> = (0..200_000).map(|_| rng.u64() as u8).collect();
    before.db(0).set(b"noise", &noise, Expiry::Clear);
    let bytes = written(&before);
    noise = [&bytes, &b"more"[..]].concat();
    let mut after = keyspace();
    let mut intake = Intake::new(&mut after, Expired::Drop, false);
    let loaded = load(&mut Trickle(&noise, rng), &options(), &mut intake).expect("a file");
    assert_eq!((loaded.bytes, loaded.version), (bytes.len() as u64, 12));
    assert_eq!(contents(&mut after), contents(&mut before));
}

#[test]
fn a_cut_file_is_refused_wherever_it_ends() {
    let bytes = written(&filled(&mut Rng::seeded(5), 40));
    for len in 0..bytes.len() {
        let error = read_only(&bytes[..len]).expect_err("a part is no whole");
        assert!(matches!(error.reason, Reason::Ended), "{len} bytes: {error}");
        assert!(error.offset <= len as u64);
    }
}

#[test]
fn a_flipped_bit_is_noticed() {
    let seed = os_seed();
    println!("seed {seed}");
    let mut rng = Rng::seeded(seed);
    let mut bytes = written(&filled(&mut rng, 12));
    for _ in 0..50_000 {
        let (at, bit) = (rng.below(bytes.len()), 1 << rng.below(8));
        bytes[at] ^= bit;
        assert!(read_only(&bytes).is_err(), "byte {at}, bit {bit}");
        bytes[at] ^= bit;
    }
    assert!(read_only(&bytes).is_ok());
}

#[test]
fn damage_without_a_checksum_does_no_harm() {
    let seed = os_seed();
    println!("seed {seed}");
    let mut rng = Rng::seeded(seed);
    let unchecked = Options { checksum: false, ..options() };
    let mut taken = 0;
    for _ in 0..200 {
        let good = written(&filled(&mut rng, 25));
        for _ in 0..50 {
            let mut bytes = good.clone();
            for _ in 0..1 + rng.below(4) {
                let at = rng.below(bytes.len());
                bytes[at] = rng.u64() as u8;
            }
            if let Ok((mut keyspace, _)) = read(&bytes, &unchecked) {
                taken += 1;
                contents(&mut keyspace);
            }
        }
    }
    assert!(taken > 0);
}

/// A file of one key `k` with this kind and value.
fn file(version: &str, kind: u8, value: &[u8]) -> Vec<u8> {
    let sum: &[u8] = if version < "REDIS0005" { b"" } else { &[0; 8] };
    [version.as_bytes(), b"\xfe\x00", &[kind], b"\x01k", value, b"\xff", sum].concat()
}

/// What is read of such a file.
#[track_caller]
fn check(version: &str, kind: u8, value: &[u8], expected: &str, encoding: Encoding) {
    let (mut keyspace, _) = read(&file(version, kind, value), &options()).expect(expected);
    let (shown, _, found) = contents(&mut keyspace).remove(&(0, b"k".to_vec())).expect("the key");
    assert_eq!((shown.as_str(), found), (expected, encoding));
}

#[track_caller]
fn check_refused(version: &str, kind: u8, value: &[u8], expected: &str) {
    let error = read(&file(version, kind, value), &options()).err().expect("a refusal");
    assert!(error.to_string().contains(expected), "{error}");
    let named = error.key.is_some() || error.kind.is_none();
    assert!(error.doing != Doing::Value || named, "{error}");
}

/// A text behind its length.
fn blob(bytes: &[u8]) -> Vec<u8> {
    [&[0x40 | (bytes.len() >> 8) as u8, bytes.len() as u8], bytes].concat()
}

fn listpack(texts: &[&str]) -> Vec<u8> {
    let mut pack = Listpack::new();
    texts.iter().for_each(|text| pack.push_back(text.as_bytes()));
    blob(&pack.into_bytes())
}

/// A ziplist of the texts, numbers as `encoded`.
fn ziplist(entries: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![0; 10];
    let (mut before, mut last) = (0u8, 10u32);
    for entry in entries {
        last = bytes.len() as u32;
        bytes.push(before);
        bytes.extend_from_slice(entry);
        before = (entry.len() + 1) as u8;
    }
    bytes.push(0xff);
    let total = bytes.len() as u32;
    bytes[..4].copy_from_slice(&total.to_le_bytes());
    bytes[4..8].copy_from_slice(&last.to_le_bytes());
    bytes[8..10].copy_from_slice(&(entries.len() as u16).to_le_bytes());
    blob(&bytes)
}

/// Entries of every encoding of a ziplist.
const ENTRIES: [&[u8]; 8] = [
    b"\x02ab",
    b"\x40\x01c",
    b"\x80\x00\x00\x00\x01d",
    b"\xf1",
    b"\xfe\xff",
    b"\xc0\x00\x01",
    b"\xf0\x01\x00\x80",
    b"\xe0\x01\x00\x00\x00\x00\x00\x00\x80",
];

#[test]
fn lists_of_every_version() {
    let quick = Encoding::Quicklist;
    check("REDIS0001", kind::LIST, b"\x03\x01a\xc0\x05\x01b", "list a 5 b", Encoding::Listpack);
    check(
        "REDIS0001",
        kind::LIST,
        b"\x09\x01a\x01a\x01a\x01a\x01a\x01a\x01a\x01a\x01a",
        "list a a a a a a a a a",
        quick,
    );
    let all = "list ab c d 0 -1 256 -8388607 -9223372036854775807";
    check("REDIS0003", kind::LIST_ZIPLIST, &ziplist(&ENTRIES), all, quick);
    let nodes = [b"\x02".to_vec(), ziplist(&ENTRIES[..1]), ziplist(&ENTRIES[3..4])].concat();
    check("REDIS0007", kind::LIST_QUICKLIST, &nodes, "list ab 0", quick);
    let nodes = [b"\x01\x02", &listpack(&["a", "1"])[..]].concat();
    check("REDIS0010", kind::LIST_QUICKLIST_2, &nodes, "list a 1", Encoding::Listpack);
    let nodes = [b"\x02\x01\x03abc\x02", &listpack(&["d"])[..]].concat();
    check("REDIS0011", kind::LIST_QUICKLIST_2, &nodes, "list abc d", quick);
}

#[test]
fn sets_of_every_version() {
    check("REDIS0001", kind::SET, b"\x02\x01b\xc0\x07", "set 7 b", Encoding::Listpack);
    check("REDIS0001", kind::SET, b"\x02\xc0\x08\xc0\x07", "set 7 8", Encoding::Intset);
    let ints = blob(b"\x02\0\0\0\x02\0\0\0\x01\0\x02\0");
    check("REDIS0002", kind::SET_INTSET, &ints, "set 1 2", Encoding::Intset);
    let pack = listpack(&["x", "1"]);
    check("REDIS0011", kind::SET_LISTPACK, &pack, "set 1 x", Encoding::Listpack);
    let many = listpack(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
    check("REDIS0011", kind::SET_LISTPACK, &many, "set a b c d e f g h i", Encoding::Hashtable);
}

#[test]
fn sorted_sets_of_every_version() {
    let packed = Encoding::Listpack;
    let texts = b"\x04\x01a\x031.5\x01b\xfe\x01c\xff\x01d\x012";
    check("REDIS0001", kind::ZSET, texts, "zset c -inf a 1.5 d 2 b inf", packed);
    let binary = b"\x01\x01a\0\0\0\0\0\0\xf0\x3f";
    check("REDIS0008", kind::ZSET_2, binary, "zset a 1", packed);
    let list = ziplist(&[b"\x02ab", b"\xf3", b"\x01c", b"\x032.5"]);
    check("REDIS0002", kind::ZSET_ZIPLIST, &list, "zset ab 2 c 2.5", packed);
    check(
        "REDIS0010",
        kind::ZSET_LISTPACK,
        &listpack(&["a", "-0.5", "b", "3"]),
        "zset a -0.5 b 3",
        packed,
    );
    // Out of order, as no server writes it.
    check(
        "REDIS0010",
        kind::ZSET_LISTPACK,
        &listpack(&["a", "3", "b", "3", "c", "1"]),
        "zset c 1 a 3 b 3",
        packed,
    );
}

#[test]
fn hashes_of_every_version() {
    let packed = Encoding::Listpack;
    check("REDIS0001", kind::HASH, b"\x01\x01f\xc0\x01", "hash f 1 None", packed);
    let map = blob(b"\x02\x01a\x01\x02x\0\0\x01b\x02\x00yz\xff");
    check("REDIS0001", kind::HASH_ZIPMAP, &map, "hash a x None b yz None", packed);
    let big = blob(b"\xfe\xfe\x01\0\0\0a\xfe\x01\0\0\0\x00x\xff");
    check("REDIS0001", kind::HASH_ZIPMAP, &big, "hash a x None", packed);
    check("REDIS0002", kind::HASH_ZIPLIST, &ziplist(&[b"\x01f", b"\xf2"]), "hash f 1 None", packed);
    check("REDIS0010", kind::HASH_LISTPACK, &listpack(&["f", "v"]), "hash f v None", packed);
}

#[test]
fn deadlines_of_fields_of_every_origin() {
    let table = Encoding::Hashtable;
    let at = NOW + 5;
    let expected = format!("hash f v Some({at}) g w None");
    let bytes = at.to_le_bytes();
    let distances = [&bytes[..], b"\x02\x01\x01f\x01v\x00\x01g\x01w"].concat();
    check("REDIS0012", kind::HASH_DEADLINES, &distances, &expected, table);
    let be = at.to_be_bytes();
    let absolute = [b"\x02\x81", &be[..], b"\x01f\x01v\x00\x01g\x01w"].concat();
    check("REDIS0012", kind::HASH_DEADLINES_PRE_GA, &absolute, &expected, table);
    let pack = listpack(&["f", "v", &at.to_string(), "g", "w", "0"]);
    check("REDIS0012", kind::HASH_LISTPACK_DEADLINES_PRE_GA, &pack, &expected, table);
    let pack = [&bytes[..], &pack].concat();
    check("REDIS0012", kind::HASH_LISTPACK_DEADLINES, &pack, &expected, table);
    let triples = [b"\x02\x01f\x01v", &bytes[..], b"\x01g\x01w", &[0xff; 8]].concat();
    check("VALKEY080", kind::VALKEY_HASH_DEADLINES, &triples, &expected, table);
}

#[test]
fn streams_of_every_form_are_read() {
    let mut bytes = b"\x01\x10".to_vec();
    bytes.extend_from_slice(&Id { ms: 5, seq: 1 }.to_bytes());
    let pack =
        b"\x1d\0\0\0\x0a\0\x01\x01\0\x01\x01\x01\x81f\x02\0\x01\x02\x01\0\x01\0\x01\x81v\x02\x04\x01\xff";
    bytes.push(pack.len() as u8);
    bytes.extend_from_slice(pack);
    let group = [&b"\x01\x01g\x05\x01"[..]].concat();
    let pending = [&b"\x01"[..], &Id { ms: 5, seq: 1 }.to_bytes(), &[7; 8], b"\x03"].concat();
    let owner = [&b"\x01\x01c"[..], &[1; 8]].concat();
    let owned = [&b"\x01"[..], &Id { ms: 5, seq: 1 }.to_bytes()].concat();
    let counters = b"\x05\x01\0\0\x01";
    let last = b"\x01\x05\x01";
    let old = [&bytes[..], last, &group, &pending, &owner, &owned].concat();
    let with_counters =
        [&bytes[..], last, counters, &group, b"\x01", &pending, &owner, &owned].concat();
    let with_times =
        [&bytes[..], last, counters, &group, b"\x01", &pending, &owner, &[1; 8], &owned].concat();
    let shown = |kind, bytes: &[u8]| {
        let payload = [&[kind], bytes].concat();
        let value = load_value(&payload, 11, &options()).expect("a stream").expect("a stream");
        show(value.as_ref())
    };
    let expected = shown(kind::STREAM, &old);
    assert!(expected.contains("[103] Id { ms: 5, seq: 1 } Some(1)"), "{expected}");
    assert_eq!(shown(kind::STREAM_2, &with_counters), expected);
    assert_eq!(shown(kind::STREAM_3, &with_times), expected);
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let module = b"\x81\x80\x6b\x55\x96\x12\x34\x54\x00";
    check_refused("REDIS0011", kind::MODULE, module, "values of the module type 'gGtVlhI0V'");
    check_refused("REDIS0011", 99, b"", "values of type 99");
    for (code, name) in [
        (opcode::FUNCTION_PRE_GA, "functions of a version"),
        (opcode::SLOT_IMPORT, "instruction 243"),
    ] {
        let error =
            read(&[b"REDIS0011", &[code][..]].concat(), &options()).err().expect("a refusal");
        assert!(error.to_string().contains(name), "{error}");
    }
    for version in ["REDIS0000", "REDIS0013", "REDIS0079", "VALKEY081"] {
        check_refused(version, kind::STRING, b"\x01v", "Can't handle RDB format version");
    }
    check_refused("RADIS0009", kind::STRING, b"\x01v", "Wrong signature");
    check_refused("REDIS00x9", kind::STRING, b"\x01v", "Wrong signature");
}

#[test]
fn what_cannot_be_is_refused() {
    let v = "REDIS0011";
    check_refused(v, kind::SET, b"\x02\x01a\x01a", "Duplicate set members");
    check_refused(v, kind::SET, b"\x02\xc0\x05\x015", "Duplicate set members");
    check_refused(v, kind::SET_LISTPACK, &listpack(&["a", "a"]), "Set listpack integrity");
    check_refused(
        v,
        kind::SET_INTSET,
        &blob(b"\x02\0\0\0\x02\0\0\0\x02\0\x01\0"),
        "Intset integrity",
    );
    check_refused(v, kind::HASH, b"\x02\x01f\x01v\x01f\x01w", "Duplicate hash fields");
    check_refused(
        v,
        kind::HASH_LISTPACK,
        &listpack(&["f", "v", "f", "w"]),
        "Hash listpack integrity",
    );
    check_refused(v, kind::HASH_LISTPACK, &listpack(&["f"]), "Hash listpack integrity");
    check_refused(v, kind::HASH_ZIPLIST, &ziplist(&[b"\x01f"]), "Hash ziplist integrity");
    check_refused(v, kind::HASH_ZIPMAP, &blob(b"\x01\x01a\x05\x00x\xff"), "Zipmap integrity");
    check_refused(v, kind::HASH_ZIPMAP, &blob(b"\x00\xff"), "Zipmap integrity");
    check_refused(v, kind::ZSET, b"\x02\x01a\x011\x01a\x012", "Duplicate zset fields");
    check_refused(v, kind::ZSET, b"\x01\x01a\xfd", "NAN score");
    check_refused(v, kind::ZSET_2, b"\x01\x01a\0\0\0\0\0\0\xf8\x7f", "NAN score");
    check_refused(v, kind::ZSET_LISTPACK, &listpack(&["a", "nan"]), "no number");
    check_refused(
        v,
        kind::ZSET_LISTPACK,
        &listpack(&["a", "1", "a", "2"]),
        "Zset listpack integrity",
    );
    check_refused(
        v,
        kind::LIST_QUICKLIST_2,
        &[b"\x01\x03", &listpack(&["a"])[..]].concat(),
        "Quicklist integrity",
    );
    check_refused(v, kind::LIST_QUICKLIST_2, b"\x01\x02\x01a", "Listpack integrity");
    check_refused(v, kind::LIST_QUICKLIST_2, b"\x01\x01\x00", "Quicklist integrity");
    check_refused(v, kind::STRING, b"\xc7", "string encoding");
    check_refused(v, kind::STRING, b"\x82", "length encoding");
    check_refused(v, kind::STRING, b"\x80\x7f\xff\xff\xff", "longer than allowed");
    check_refused(v, kind::STRING, b"\xc3\x01\x0a\x00", "LZF");
    check_refused(
        "REDIS0012",
        kind::HASH_DEADLINES,
        &[&[0xff; 8][..], b"\x01\x01\x01f\x01v"].concat(),
        "Invalid deadline",
    );
    let no_database = [v.as_bytes(), b"\xfe\x04"].concat();
    let error = read(&no_database, &options()).err().expect("a refusal");
    assert!(error.to_string().contains("more than 4 databases"), "{error}");
    let twice = [v.as_bytes(), b"\x00\x01k\x01v\x00\x01k\x01w\xff"].concat();
    let error = read(&twice, &options()).err().expect("a refusal");
    assert!(error.to_string().contains("Duplicated key"), "{error}");
}

#[test]
fn lengths_that_are_only_announced_take_no_memory() {
    // A string of 2^62 bytes and a set of as many members, neither of which comes.
    let unlimited = Options { text_bytes_max: u64::MAX, ..options() };
    for value in [&b"\x81\x40\0\0\0\0\0\0\0"[..], b"\xc3\x01\x81\x40\0\0\0\0\0\0\0a"] {
        assert!(read(&file("REDIS0011", kind::STRING, value), &unlimited).is_err());
    }
    for kind in [kind::LIST, kind::SET, kind::ZSET_2, kind::HASH, kind::LIST_QUICKLIST_2] {
        let value = b"\x81\x40\0\0\0\0\0\0\0\x01a";
        assert!(read(&file("REDIS0011", kind, value), &unlimited).is_err());
    }
}

#[test]
fn room_is_made_for_announced_keys_as_far_as_the_file_could_hold_them() {
    // 1000 and 2^62 keys are announced, one comes.
    let file = |announced: &[u8]| {
        let sizes = [b"REDIS0011\xfe\x01\xfb", announced, b"\x00\xfe\x02\xfb", announced].concat();
        [&sizes[..], b"\x00\x00\x01k\x01v\xff", &[0; 8]].concat()
    };
    let tables = |announced: &[u8], bytes: u64| {
        let mut keyspace = keyspace();
        let mut intake = Intake::new(&mut keyspace, Expired::Drop, false).of_size(bytes);
        load(&mut &file(announced)[..], &options(), &mut intake).expect("a file");
        assert!(keyspace.db(2).peek(b"k").is_some());
        keyspace.memory().tables
    };
    let (honest, lie) = (b"\x43\xe8", b"\x81\x40\0\0\0\0\0\0\0");
    assert!((12_000..40_000).contains(&tables(honest, 1 << 20)));
    assert!(tables(lie, 1 << 16) < tables(honest, 0) + (2 << 16));
    assert_eq!(tables(lie, 0), tables(honest, 0));
}

#[test]
fn compression_cannot_ask_for_more_than_is_allowed() {
    let bounded = Options { unpacked_bytes_max: 350, ..options() };
    let packed = b"\xc3\x0a\x40\xc8\x02aba\xe0\xba\x01\x01ab";
    let list = |count: u8| [&[kind::LIST, count][..], &packed.repeat(count.into())].concat();
    assert!(load_value(&list(1), 10, &bounded).is_ok());
    assert!(
        load_value(&list(2), 10, &bounded).is_err() && load_value(&list(2), 10, &options()).is_ok()
    );
}

#[test]
fn keys_without_elements_are_left_out_and_expired_ones_dropped() {
    let bytes = [
        b"REDIS0011\xfe\x00\x02\x05empty\x00",
        &b"\xfd\x01\0\0\0\x00\x03old\x01v\xfc\x01\0\0\0\0\0\0\0\x00\x04old2\x01v\x00\x01k\x01v\xff"
            [..],
        &[0; 8],
    ]
    .concat();
    let mut one = keyspace();
    let mut intake = Intake::new(&mut one, Expired::Drop, false);
    load(&mut &bytes[..], &options(), &mut intake).expect("a file");
    let counts = (intake.keys_loaded, intake.keys_expired, intake.keys_empty);
    assert_eq!((counts, one.db(0).len()), ((1, 2, 1), 1));
    let mut kept = keyspace();
    let mut intake = Intake::new(&mut kept, Expired::Keep, false);
    load(&mut &bytes[..], &options(), &mut intake).expect("a file");
    assert_eq!((intake.keys_loaded, kept.db(0).len()), (3, 3));
}
