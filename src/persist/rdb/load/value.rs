//! The value of a key, in any form that Redis ever wrote it.
//!
//! What it becomes is decided as in Redis 7.2: what was packed stays so unless it has too many
//! elements, what was not is packed if it is small enough.
//!
//! Invariant: a value that is returned is sound; one that is not is an error, never a panic.

use super::super::format::{self, kind};
use super::error::Reason;
use super::packed;
use super::source::Source;
use super::stream::{self, Form};
use crate::base::num;
use crate::ds::intset::{Intset, IntsetView};
use crate::ds::listpack::{Item, Listpack, View};
use crate::ds::quicklist::{End, Quicklist};
use crate::types::Value;
use crate::types::hash::{self, Hash, Ttl};
use crate::types::list::{List, NodeLimit};
use crate::types::set::{self, Set};
use crate::types::zset::{self, Zset};

/// Up to where collections are kept packed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub list: NodeLimit,
    pub set: set::Limits,
    pub zset: zset::Limits,
    pub hash: hash::Limits,
}

/// Deadlines of fields end here, as in Redis.
const FIELD_DEADLINE_MAX: i64 = (1 << 48) - 2;
/// Longest element of a collection: less than what 32 bits count.
const ELEMENT_BYTES_MAX: usize = (1 << 32) - 64;
/// Every hash is read at this time, so that no field is past its deadline yet.
const BEFORE_ALL: i64 = i64::MIN;

/// What is said of a ziplist and of a listpack.
const BAD_ZSET: [&str; 2] =
    ["Zset ziplist integrity check failed.", "Zset listpack integrity check failed."];
const BAD_HASH: [&str; 2] =
    ["Hash ziplist integrity check failed.", "Hash listpack integrity check failed."];

type Read<T = Value> = Result<Option<T>, Reason>;

/// Reads a value of any kind but a string. None when it has no elements.
pub fn read(source: &mut Source<'_>, kind: u8, version: u32, limits: &Limits) -> Read {
    let valkey = version == format::VERSION_VALKEY;
    match kind {
        kind::LIST => list(source, limits.list),
        kind::LIST_ZIPLIST => list_ziplist(source, limits.list),
        kind::LIST_QUICKLIST => quicklist(source, limits.list, ziplist_node),
        kind::LIST_QUICKLIST_2 => quicklist(source, limits.list, node),
        kind::SET => set(source, &limits.set),
        kind::SET_INTSET => set_intset(source, &limits.set),
        kind::SET_LISTPACK => set_listpack(source, &limits.set),
        kind::ZSET => zset(source, limits.zset, text_score),
        kind::ZSET_2 => zset(source, limits.zset, binary_score),
        kind::ZSET_ZIPLIST => zset_packed(ziplist_pairs(source, BAD_ZSET[0])?, limits.zset),
        kind::ZSET_LISTPACK => zset_packed(listpack_pairs(source, BAD_ZSET[1])?, limits.zset),
        kind::HASH => hash(source, limits.hash, plain_field),
        kind::HASH_ZIPMAP => hash_zipmap(source, limits.hash),
        kind::HASH_ZIPLIST => hash_packed(ziplist_pairs(source, BAD_HASH[0])?, limits.hash),
        kind::HASH_LISTPACK => hash_packed(listpack_pairs(source, BAD_HASH[1])?, limits.hash),
        kind::VALKEY_HASH_DEADLINES if valkey => hash(source, limits.hash, valkey_field),
        kind::HASH_DEADLINES_PRE_GA => hash(source, limits.hash, timed_field(1)),
        kind::HASH_LISTPACK_DEADLINES_PRE_GA => hash_triples(source, limits.hash),
        kind::HASH_DEADLINES => {
            let earliest = i64::from_le_bytes(source.array()?);
            hash(source, limits.hash, timed_field(earliest))
        }
        kind::HASH_LISTPACK_DEADLINES => {
            source.array::<8>()?;
            hash_triples(source, limits.hash)
        }
        kind::STREAM => stream::read(source, Form::First).map(Some),
        kind::STREAM_2 => stream::read(source, Form::WithCounters).map(Some),
        kind::STREAM_3 => stream::read(source, Form::WithActiveTimes).map(Some),
        kind::MODULE | kind::MODULE_PRE_GA => {
            let name = module_name(source.count()?);
            Err(Reason::Unsupported(format!("values of the module type '{name}'")))
        }
        _ => Err(Reason::Unsupported(format!("values of type {kind}"))),
    }
}

/// The nine letters of six bits that a module's number stands for; the low ten bits are a version.
pub fn module_name(id: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letter = |place: u32| char::from(LETTERS[(id >> (10 + 6 * place) & 63) as usize]);
    (0..9).rev().map(letter).collect()
}

fn list(source: &mut Source<'_>, limit: NodeLimit) -> Read {
    let mut quick = Quicklist::new(limit);
    let mut text = Vec::new();
    for _ in 0..source.count()? {
        element(source, &mut text)?;
        quick.push(End::Back, &text);
    }
    Ok(list_of(quick, limit))
}

/// A text that is to be part of a collection.
fn element(source: &mut Source<'_>, text: &mut Vec<u8>) -> Result<(), Reason> {
    source.text(text)?;
    match text.len() > ELEMENT_BYTES_MAX {
        true => Err(Reason::Corrupt("Element of 4 GiB or more")),
        false => Ok(()),
    }
}

/// None without elements.
fn list_of(quick: Quicklist, limit: NodeLimit) -> Option<Value> {
    let list = match quick.to_listpack(limit) {
        _ if quick.is_empty() => return None,
        Some(pack) => List::Packed(pack),
        None => List::Quick(Box::new(quick)),
    };
    Some(list.into())
}

/// A list in a single ziplist stays a quicklist, as in Redis.
fn list_ziplist(source: &mut Source<'_>, limit: NodeLimit) -> Read {
    let mut bytes = Vec::new();
    source.text(&mut bytes)?;
    let mut quick = Quicklist::new(limit);
    let mut buffer = itoa::Buffer::new();
    let items = packed::ziplist(&bytes);
    for item in items.ok_or(Reason::Corrupt("List ziplist integrity check failed."))? {
        quick.push(End::Back, item.text(&mut buffer));
    }
    Ok((!quick.is_empty()).then(|| List::Quick(Box::new(quick)).into()))
}

fn quicklist(
    source: &mut Source<'_>,
    limit: NodeLimit,
    node: impl Fn(&mut Source<'_>, &mut Vec<u8>) -> Result<Listpack, Reason>,
) -> Read {
    let mut quick = Quicklist::new(limit);
    let mut bytes = Vec::new();
    for _ in 0..source.count()? {
        quick.push_listpack(node(source, &mut bytes)?.view());
    }
    Ok(list_of(quick, limit))
}

fn ziplist_node(source: &mut Source<'_>, bytes: &mut Vec<u8>) -> Result<Listpack, Reason> {
    source.text(bytes)?;
    let items = packed::ziplist(bytes);
    let items = items.ok_or(Reason::Corrupt("Ziplist integrity check failed."))?;
    Ok(packed::to_listpack(items))
}

fn node(source: &mut Source<'_>, bytes: &mut Vec<u8>) -> Result<Listpack, Reason> {
    let container = source.count()?;
    element(source, bytes)?;
    match container {
        format::NODE_PACKED => match View::checked(bytes) {
            Some(_) => Ok(Listpack::from_bytes(std::mem::take(bytes))),
            None => Err(Reason::Corrupt("Listpack integrity check failed.")),
        },
        format::NODE_PLAIN if !bytes.is_empty() => {
            let mut pack = Listpack::new();
            pack.push_back(bytes);
            Ok(pack)
        }
        _ => Err(Reason::Corrupt("Quicklist integrity check failed.")),
    }
}

fn set(source: &mut Source<'_>, limits: &set::Limits) -> Read {
    let count = source.count()?;
    let mut set = Set::new();
    set.expect(usize::try_from(count).unwrap_or(usize::MAX), limits);
    let mut text = Vec::new();
    for _ in 0..count {
        element(source, &mut text)?;
        if !set.add(Item::Text(&text), limits) {
            return Err(Reason::Corrupt("Duplicate set members detected"));
        }
    }
    Ok((!set.is_empty()).then(|| set.into()))
}

fn set_intset(source: &mut Source<'_>, limits: &set::Limits) -> Read {
    let mut bytes = Vec::new();
    source.text(&mut bytes)?;
    let count = match IntsetView::checked(&bytes) {
        Some(view) => view.len(),
        None => return Err(Reason::Corrupt("Intset integrity check failed.")),
    };
    bytes.shrink_to_fit();
    let mut set = Set::Ints(Intset::from_bytes(bytes));
    set.expect(count, limits);
    Ok(Some(set.into()))
}

fn set_listpack(source: &mut Source<'_>, limits: &set::Limits) -> Read {
    let mut bytes = Vec::new();
    source.text(&mut bytes)?;
    let view = View::checked(&bytes).filter(|view| packed::are_unique(view.iter()));
    let Some(view) = view else {
        return Err(Reason::Corrupt("Set listpack integrity check failed."));
    };
    let count = view.len();
    if count == 0 {
        return Ok(None);
    }
    bytes.shrink_to_fit();
    let mut set = Set::Packed(Listpack::from_bytes(bytes));
    set.expect(count, limits);
    Ok(Some(set.into()))
}

fn zset(
    source: &mut Source<'_>,
    limits: zset::Limits,
    score: impl Fn(&mut Source<'_>) -> Result<f64, Reason>,
) -> Read {
    let mut member = Vec::new();
    // Packed at the end, as in Redis: what is packed on the way forgets the sign of zero.
    let mut zset = Zset::Tree(Box::default());
    for _ in 0..source.count()? {
        element(source, &mut member)?;
        let score = score(source)?;
        if score.is_nan() {
            return Err(Reason::Corrupt("Zset with NAN score detected"));
        }
        let mut is_new = true;
        zset.update(&member, limits, |old| {
            is_new = old.is_none();
            Some(score)
        });
        if !is_new {
            return Err(Reason::Corrupt("Duplicate zset fields detected"));
        }
    }
    zset.compact(limits);
    Ok((!zset.is_empty()).then(|| zset.into()))
}

fn binary_score(source: &mut Source<'_>) -> Result<f64, Reason> {
    Ok(f64::from_le_bytes(source.array()?))
}

/// A score as text behind its length, or a length that stands for what is no number.
fn text_score(source: &mut Source<'_>) -> Result<f64, Reason> {
    let mut text = [0; 256];
    let len = match source.byte()? {
        255 => return Ok(f64::NEG_INFINITY),
        254 => return Ok(f64::INFINITY),
        253 => return Ok(f64::NAN),
        len => usize::from(len),
    };
    for byte in &mut text[..len] {
        *byte = source.byte()?;
    }
    num::parse_bound(&text[..len]).ok_or(Reason::Corrupt("Zset score that is no number"))
}

/// A listpack of pairs, checked, or the error `bad`; none without elements.
fn listpack_pairs(source: &mut Source<'_>, bad: &'static str) -> Read<Listpack> {
    let mut bytes = Vec::new();
    source.text(&mut bytes)?;
    let view = View::checked(&bytes).filter(|view| packed::are_pairs(view.iter()));
    let is_empty = view.ok_or(Reason::Corrupt(bad))?.is_empty();
    bytes.shrink_to_fit();
    Ok((!is_empty).then(|| Listpack::from_bytes(bytes)))
}

/// A ziplist of pairs, checked, as a listpack, or the error `bad`; none without elements.
fn ziplist_pairs(source: &mut Source<'_>, bad: &'static str) -> Read<Listpack> {
    let mut bytes = Vec::new();
    source.text(&mut bytes)?;
    let items = packed::ziplist(&bytes).filter(|items| packed::are_pairs(items.clone()));
    let pack = packed::to_listpack(items.ok_or(Reason::Corrupt(bad))?);
    Ok((!pack.view().is_empty()).then_some(pack))
}

/// Members and scores in turn.
fn zset_packed(pack: Option<Listpack>, limits: zset::Limits) -> Read {
    let Some(pack) = pack else { return Ok(None) };
    let mut zset = match packed::is_in_order(pack.view())? {
        true => Zset::Packed(pack),
        false => packed::in_order(pack.view(), limits)?,
    };
    zset.expect(zset.len(), 0, limits);
    Ok(Some(zset.into()))
}

/// Fields and values in turn.
fn hash_packed(pack: Option<Listpack>, limits: hash::Limits) -> Read {
    let Some(pack) = pack else { return Ok(None) };
    let mut hash = Hash::Packed(pack);
    hash.expect(hash.as_ref().len(BEFORE_ALL), limits);
    Ok(Some(hash.into()))
}

fn hash(
    source: &mut Source<'_>,
    limits: hash::Limits,
    read: impl Fn(&mut Source<'_>, &mut Vec<u8>, &mut Vec<u8>) -> Result<Ttl, Reason>,
) -> Read {
    let (mut hash, mut field, mut value) = (Hash::new(), Vec::new(), Vec::new());
    for _ in 0..source.count()? {
        let ttl = read(source, &mut field, &mut value)?;
        add_field(&mut hash, &field, &value, ttl, limits)?;
    }
    Ok((!hash.is_empty()).then(|| hash.into()))
}

fn add_field(
    hash: &mut Hash,
    field: &[u8],
    value: &[u8],
    ttl: Ttl,
    limits: hash::Limits,
) -> Result<(), Reason> {
    match hash.set(field, value, ttl, BEFORE_ALL, limits) {
        true => Ok(()),
        false => Err(Reason::Corrupt("Duplicate hash fields detected")),
    }
}

fn hash_zipmap(source: &mut Source<'_>, limits: hash::Limits) -> Read {
    let mut bytes = Vec::new();
    source.text(&mut bytes)?;
    let mut hash = Hash::new();
    let pairs = packed::zipmap(&bytes);
    for (field, value) in pairs.ok_or(Reason::Corrupt("Zipmap integrity check failed."))? {
        add_field(&mut hash, field, value, Ttl::Clear, limits)?;
    }
    Ok(Some(hash.into()))
}

fn plain_field(
    source: &mut Source<'_>,
    field: &mut Vec<u8>,
    value: &mut Vec<u8>,
) -> Result<Ttl, Reason> {
    element(source, field)?;
    element(source, value)?;
    Ok(Ttl::Clear)
}

/// A field behind its deadline: 0 for none, else one more than the distance from `earliest`.
fn timed_field(
    earliest: i64,
) -> impl Fn(&mut Source<'_>, &mut Vec<u8>, &mut Vec<u8>) -> Result<Ttl, Reason> {
    move |source, field, value| {
        let distance = source.count()?;
        plain_field(source, field, value)?;
        match distance.checked_sub(1) {
            None => Ok(Ttl::Clear),
            Some(distance) => deadline(earliest.checked_add_unsigned(distance)),
        }
    }
}

/// A field and a value in front of a deadline, -1 for none.
fn valkey_field(
    source: &mut Source<'_>,
    field: &mut Vec<u8>,
    value: &mut Vec<u8>,
) -> Result<Ttl, Reason> {
    plain_field(source, field, value)?;
    match i64::from_le_bytes(source.array()?) {
        -1 => Ok(Ttl::Clear),
        at => deadline(Some(at)),
    }
}

fn deadline(at: Option<i64>) -> Result<Ttl, Reason> {
    let at = at.filter(|at| (0..=FIELD_DEADLINE_MAX).contains(at));
    at.map(Ttl::At).ok_or(Reason::Corrupt("Invalid deadline of a hash field"))
}

/// A listpack of fields, values and deadlines in turn, 0 for none.
fn hash_triples(source: &mut Source<'_>, limits: hash::Limits) -> Read {
    const BAD: Reason = Reason::Corrupt("Hash listpackex integrity check failed.");
    let mut bytes = Vec::new();
    source.text(&mut bytes)?;
    let view = View::checked(&bytes).ok_or(BAD)?;
    let (mut hash, mut items) = (Hash::new(), view.iter());
    let (mut field_text, mut value_text) = (itoa::Buffer::new(), itoa::Buffer::new());
    while let Some(field) = items.next() {
        let (value, at) = (items.next().ok_or(BAD)?, items.next().ok_or(BAD)?);
        let ttl = match at {
            Item::Int(0) => Ttl::Clear,
            Item::Int(at) => deadline(Some(at))?,
            Item::Text(_) => return Err(BAD),
        };
        let (field, value) = (field.text(&mut field_text), value.text(&mut value_text));
        add_field(&mut hash, field, value, ttl, limits)?;
    }
    Ok((!hash.is_empty()).then(|| hash.into()))
}
