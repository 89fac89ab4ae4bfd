//! What is written, against bytes of Redis.
use super::*;
use crate::base::lzf::decompress;
use crate::ds::listpack::Item;
use crate::types::hash::{self, Hash, Ttl};
use crate::types::list::{List, NodeLimit};
use crate::types::set::{self, Set};
use crate::types::zset::{self, Zset};

const BIG: usize = 0;
const SMALL: usize = 100;

/// Kind and value, as DUMP begins.
fn written(value: ValueRef<'_>) -> Vec<u8> {
    let mut chunk = Chunk::default();
    chunk.push(kind_of(value));
    assert!(value_some(&mut chunk, value, &mut Progress::default(), usize::MAX));
    chunk.bytes
}

fn string(text: &str) -> Vec<u8> {
    written(ValueRef::String(StringRef::Str(text.as_bytes())))
}

fn list(texts: &[&str], limit: i64) -> List {
    List::collect(texts.iter().map(|text| text.as_bytes()), NodeLimit::new(limit))
}

fn set(members: &[&str], listpack_entries: usize) -> Set {
    let mut set = Set::new();
    let limits = set::Limits { intset_entries: SMALL, listpack_entries, listpack_value: SMALL };
    members.iter().for_each(|member| assert!(set.add(Item::Text(member.as_bytes()), &limits)));
    set
}

fn zset(members: &[(&str, f64)], entries: usize) -> Zset {
    let mut zset = Zset::new();
    let limits = zset::Limits { entries, value: SMALL };
    for (member, score) in members {
        zset.update(member.as_bytes(), limits, |_| Some(*score));
    }
    zset
}

fn hash(pairs: &[(&str, &str, Ttl)], fields_max: usize) -> Hash {
    let mut hash = Hash::new();
    let limits = hash::Limits { fields_max, bytes_max: SMALL };
    for (field, value, ttl) in pairs {
        hash.set(field.as_bytes(), value.as_bytes(), *ttl, 0, limits);
    }
    hash
}

#[test]
fn values_are_those_of_redis() {
    // What DUMP shows of them in Redis 7.0.15, without its footer.
    assert_eq!(string("hello"), b"\x00\x05hello");
    assert_eq!(string("12345"), b"\x00\xc190");
    assert_eq!(string("007"), b"\x00\x03007");
    assert_eq!(written(ValueRef::String(StringRef::Int(-70_000))), b"\x00\xc2\x90\xee\xfe\xff");
    assert_eq!(written(ValueRef::String(StringRef::Int(i64::MAX))), b"\x00\x139223372036854775807");
    assert_eq!(
        written(ValueRef::List(list(&["a", "1", "bb"], -2).as_ref())),
        b"\x12\x01\x02\x10\x10\x00\x00\x00\x03\x00\x81a\x02\x01\x01\x82bb\x03\xff"
    );
    assert_eq!(
        written(ValueRef::List(list(&["a", "b", "c"], 2).as_ref())),
        b"\x12\x02\x02\r\r\x00\x00\x00\x02\x00\x81a\x02\x81b\x02\xff\x02\n\n\x00\x00\x00\x01\x00\x81c\x02\xff"
    );
    assert_eq!(
        written(ValueRef::Set(set(&["1", "2", "300"], SMALL).as_ref())),
        b"\x0b\x0e\x02\x00\x00\x00\x03\x00\x00\x00\x01\x00\x02\x00,\x01"
    );
    let pairs = [("f", "v", Ttl::Clear), ("g", "7", Ttl::Clear)];
    assert_eq!(
        written(ValueRef::Hash(hash(&pairs, SMALL).as_ref())),
        b"\x10\x12\x12\x00\x00\x00\x04\x00\x81f\x02\x81v\x02\x81g\x02\x07\x01\xff"
    );
    assert_eq!(written(ValueRef::Hash(hash(&pairs[..1], BIG).as_ref())), b"\x04\x01\x01f\x01v");
    let members = [("a", 1.0), ("b", 2.5)];
    assert_eq!(
        written(ValueRef::Zset(zset(&members, SMALL).as_ref())),
        b"\x11\x14\x14\x00\x00\x00\x04\x00\x81a\x02\x01\x01\x81b\x02\x832.5\x04\xff"
    );
    assert_eq!(
        written(ValueRef::Zset(zset(&members, BIG).as_ref())),
        b"\x05\x02\x01b\x00\x00\x00\x00\x00\x00\x04@\x01a\x00\x00\x00\x00\x00\x00\xf0?"
    );
}

#[test]
fn sets_of_texts_are_plain_in_either_encoding() {
    let expected = b"\x02\x01\x03one";
    for entries in [BIG, SMALL] {
        assert_eq!(written(ValueRef::Set(set(&["one"], entries).as_ref())), expected);
    }
}

#[test]
fn deadlines_of_fields_count_from_the_earliest() {
    let hash =
        hash(&[("f", "v", Ttl::At(1000)), ("g", "w", Ttl::Clear), ("h", "x", Ttl::At(1064))], BIG);
    let value = ValueRef::Hash(hash.as_ref());
    let expected =
        b"\x18\xe8\x03\x00\x00\x00\x00\x00\x00\x03\x01\x01f\x01v\x00\x01g\x01w\x40\x41\x01h\x01x";
    assert_eq!((written(value), version_of(value)), (expected.to_vec(), 12));
    assert_eq!(version_of(ValueRef::String(StringRef::Int(1))), 10);
}

#[test]
fn a_value_in_pieces_is_the_value() {
    let texts: Vec<String> = (0..1000).map(|number| format!("text {number}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let list = list(&texts, 7);
    let set = set(&texts, BIG);
    let scored: Vec<(&str, f64)> = texts.iter().map(|text| (*text, text.len() as f64)).collect();
    let zset = zset(&scored, BIG);
    let timed: Vec<_> = texts.iter().map(|text| (*text, "v", Ttl::At(text.len() as i64))).collect();
    let hash = hash(&timed, BIG);
    for value in [
        ValueRef::List(list.as_ref()),
        ValueRef::Set(set.as_ref()),
        ValueRef::Zset(zset.as_ref()),
        ValueRef::Hash(hash.as_ref()),
    ] {
        let (mut all, mut pieces) = (vec![kind_of(value)], 0);
        let (mut chunk, mut progress) = (Chunk::default(), Progress::default());
        while !value_some(&mut chunk, value, &mut progress, 100) {
            assert!(chunk.len() < 300);
            all.append(&mut chunk.bytes);
            pieces += 1;
        }
        all.append(&mut chunk.bytes);
        assert!(all == written(value) && pieces > 50, "{:?}", value.value_type());
    }
}

#[test]
fn a_file_has_its_parts_in_order() {
    let mut chunk = Chunk::default();
    let about = Header {
        field_deadlines: false,
        uneven_consumers: false,
        redis_version: "7.2.6",
        created: 1,
        used_memory: 300,
        aof_base: true,
        functions: Vec::new(),
    };
    header(&mut chunk, &about);
    select_db(&mut chunk, 9);
    resize_db(&mut chunk, 70, 1);
    let value = ValueRef::String(StringRef::Str(b"v"));
    let facts = Facts { deadline: Some(258), usage: Usage::IdleSeconds(100) };
    for (key, facts) in [("k", facts), ("12", Facts { deadline: None, usage: Usage::Frequency(9) })]
    {
        entry_head(&mut chunk, key.as_bytes(), &facts, value);
        value_some(&mut chunk, value, &mut Progress::default(), usize::MAX);
    }
    eof(&mut chunk);
    let expected = b"REDIS0010\xfa\x09redis-ver\x057.2.6\xfa\x0aredis-bits\xc0\x40\xfa\x05ctime\xc0\x01\
        \xfa\x08used-mem\xc1\x2c\x01\xfa\x08aof-base\xc0\x01\xfe\x09\xfb\x40\x46\x01\
        \xfc\x02\x01\x00\x00\x00\x00\x00\x00\xf8\x40\x64\x00\x01k\x01v\xf9\x09\x00\xc0\x0c\x01v\xff";
    assert_eq!(chunk.bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn lengths_take_the_bytes_they_need() {
    let of = |len| {
        let mut chunk = Chunk::default();
        chunk.push_len(len);
        chunk.bytes
    };
    assert_eq!((of(63), of(64), of(16_383)), (vec![63], vec![0x40, 64], vec![0x7f, 0xff]));
    assert_eq!(of(16_384), [0x80, 0, 0, 0x40, 0]);
    assert_eq!(of(u64::from(u32::MAX)), [0x80, 255, 255, 255, 255]);
    assert_eq!(of(1 << 32), [0x81, 0, 0, 0, 1, 0, 0, 0, 0]);
}

#[test]
fn long_strings_are_compressed_where_that_helps() {
    let mut compressor = Compressor::new();
    let mut finished = |texts: &[&[u8]], compress| {
        let (mut chunk, mut out) = (Chunk::new(compress), Vec::new());
        texts.iter().for_each(|text| chunk.push_text(text));
        chunk.finish(&mut compressor, &mut out);
        out
    };
    let (long, noise): ([u8; 100], Vec<u8>) = ([b'x'; 100], (0..30).collect());
    let out = finished(&[b"a", &long, b"b", &noise, &long[..20]], true);
    let rest = out.strip_prefix(b"\x01a\xc3").expect("the short one as it is");
    let (packed_len, rest) = rest.split_first().expect("a length");
    let (packed, rest) =
        rest.strip_prefix(b"\x40\x64").expect("100").split_at((*packed_len).into());
    let mut text = Vec::new();
    decompress(packed, 100, &mut text).expect("what was compressed");
    assert_eq!(text, long);
    assert_eq!(rest, [b"\x01b\x1e", &noise[..], b"\x14", &long[..20]].concat());
    assert_eq!(finished(&[&long], false), [b"\x40\x64", &long[..]].concat());
}
