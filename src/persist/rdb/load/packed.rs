//! Packed values as they come from outside: ziplists and zipmaps of old versions, and what has to
//! hold for the elements of any of them.
//!
//! ```text
//! ziplist: bytes in all 4 | offset of the last entry 4 | entries 2 | entry ... | 0xff
//!   entry: length of the one before 1 or 5 | encoding 1 to 5 | text or number
//! zipmap:  pairs 1 | (length 1 or 5 | field | length 1 or 5 | unused 1 | value | unused) ... | 0xff
//! ```
//!
//! Little endian but for the lengths of a ziplist's texts. From Redis 7.2's `ziplist.c` and
//! `zipmap.c`.
//!
//! Invariant: reads any bytes; what is taken for sound is sound.

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use super::error::Reason;
use crate::base::num;
use crate::ds::listpack::{Item, Listpack, View};
use crate::types::zset::{Limits, Zset};

/// What ends a ziplist and a zipmap.
const END: u8 = 0xff;
const ZIPLIST_HEADER_BYTES: usize = 10;
/// Redis never let one grow larger; as a listpack it stays below what that can count.
const ZIPLIST_BYTES_MAX: usize = 1 << 30;
/// A length of this value stands in four bytes behind.
const BIG_LEN: u8 = 0xfe;
/// A count of this value says nothing.
const UNCOUNTED: u16 = u16::MAX;
/// Up to so many elements are compared with each other instead of being hashed.
const COMPARED_MAX: usize = 12;

/// The elements of a ziplist; none when `bytes` are not one throughout.
pub fn ziplist(bytes: &[u8]) -> Option<Entries<'_>> {
    let header = bytes.first_chunk::<ZIPLIST_HEADER_BYTES>()?;
    let [a, b, c, d, e, f, g, h, low, high] = *header;
    let total = u32::from_le_bytes([a, b, c, d]);
    let tail = usize::try_from(u32::from_le_bytes([e, f, g, h])).ok()?;
    let (&end, all) = bytes.split_last()?;
    if usize::try_from(total).ok()? != bytes.len() || end != END || bytes.len() > ZIPLIST_BYTES_MAX
    {
        return None;
    }
    let (mut at, mut before, mut last, mut count) = (ZIPLIST_HEADER_BYTES, 0, None, 0);
    while at < all.len() {
        if usize::try_from(length_before(&all[at..])?.0).ok()? != before {
            return None;
        }
        let (_, size) = ziplist_entry(&all[at..])?;
        (last, count) = (Some(at), count + 1);
        (at, before) = (at + size, size);
    }
    let told = u16::from_le_bytes([low, high]);
    let counted = told == UNCOUNTED || usize::from(told) == count;
    let ends = last.map_or(tail < bytes.len(), |last| last == tail);
    (counted && ends).then(|| Entries(&all[ZIPLIST_HEADER_BYTES..]))
}

/// The elements of a ziplist that was checked.
#[derive(Clone)]
pub struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let (item, size) = ziplist_entry(self.0)?;
        self.0 = &self.0[size..];
        Some(item)
    }
}

/// How long the entry at the start of `bytes` says the one before is, and in how many bytes.
fn length_before(bytes: &[u8]) -> Option<(u32, usize)> {
    match *bytes.first()? {
        BIG_LEN => Some((u32::from_le_bytes(*bytes.get(1..)?.first_chunk()?), 5)),
        END => None,
        len => Some((len.into(), 1)),
    }
}

/// The entry at the start of `bytes`, and how many it has.
fn ziplist_entry(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let (_, mut at) = length_before(bytes)?;
    let encoding = *bytes.get(at)?;
    at += 1;
    let rest = &bytes[at..];
    let text = |head: usize, len: usize| {
        let end = head.checked_add(len)?;
        Some((Item::Text(rest.get(head..end)?), at.checked_add(end)?))
    };
    let number = |value: i64, len: usize| Some((Item::Int(value), at + len));
    match encoding {
        0..0x40 => text(0, encoding.into()),
        0x40..0x80 => text(1, usize::from(encoding & 0x3f) << 8 | usize::from(*rest.first()?)),
        0x80 => text(4, usize::try_from(u32::from_be_bytes(*rest.first_chunk()?)).ok()?),
        0xc0 => number(i16::from_le_bytes(*rest.first_chunk()?).into(), 2),
        0xd0 => number(i32::from_le_bytes(*rest.first_chunk()?).into(), 4),
        0xe0 => number(i64::from_le_bytes(*rest.first_chunk()?), 8),
        0xf0 => {
            let [a, b, c] = *rest.first_chunk()?;
            number((i32::from_le_bytes([0, a, b, c]) >> 8).into(), 3)
        }
        0xfe => number(i8::from_le_bytes(*rest.first_chunk()?).into(), 1),
        0xf1..=0xfd => number(i64::from(encoding) - 0xf1, 0),
        _ => None,
    }
}

/// The fields and values of a zipmap, at least one; none when `bytes` are not one throughout.
pub fn zipmap(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let (&count, rest) = bytes.split_first()?;
    let (&end, mut rest) = rest.split_last()?;
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let (field_len, tail) = zipmap_len(rest)?;
        let (field, tail) = tail.split_at_checked(field_len)?;
        let (value_len, tail) = zipmap_len(tail)?;
        let (&unused, tail) = tail.split_first()?;
        let (value, tail) = tail.split_at_checked(value_len)?;
        pairs.push((field, value));
        rest = tail.get(unused.into()..)?;
    }
    let counted = count >= BIG_LEN || usize::from(count) == pairs.len();
    (end == END && counted && !pairs.is_empty()).then_some(pairs)
}

fn zipmap_len(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        END => None,
        BIG_LEN => {
            let (len, rest) = rest.split_first_chunk()?;
            Some((usize::try_from(u32::from_le_bytes(*len)).ok()?, rest))
        }
        len => Some((len.into(), rest)),
    }
}

/// A listpack of `items`, which come from a ziplist and therefore fit.
pub fn to_listpack<'a>(items: impl Iterator<Item = Item<'a>>) -> Listpack {
    let mut pack = Listpack::new();
    items.for_each(|item| match item {
        Item::Int(value) => pack.push_back_int(value),
        Item::Text(text) => pack.push_back(text),
    });
    pack
}

/// Whether no two items are the same text.
pub fn are_unique<'a>(items: impl Iterator<Item = Item<'a>>) -> bool {
    let mut items = items.map(|item| match item {
        Item::Text(text) => num::parse_i64(text).map_or(item, Item::Int),
        Item::Int(_) => item,
    });
    // A few are compared with each other, which is quicker than hashing them.
    let few: Vec<Item<'_>> = items.by_ref().take(COMPARED_MAX).collect();
    if (1..few.len()).any(|at| few[..at].contains(&few[at])) {
        return false;
    }
    let mut seen: HashSet<Item<'_>, RandomState> = HashSet::default();
    items.all(|item| seen.insert(item) && !few.contains(&item))
}

/// Whether items are keys and values in turn, no key twice.
pub fn are_pairs<'a>(items: impl Iterator<Item = Item<'a>> + Clone) -> bool {
    items.clone().count().is_multiple_of(2) && are_unique(items.step_by(2))
}

/// The members and scores of a packed sorted set.
fn members(view: View<'_>) -> impl Iterator<Item = Result<(Item<'_>, f64), Reason>> {
    let mut items = view.iter();
    std::iter::from_fn(move || {
        let (member, score) = (items.next()?, items.next()?);
        let score = match score {
            Item::Int(value) => Some(value as f64),
            Item::Text(text) => num::parse_f64(text),
        };
        Some(
            score
                .map(|score| (member, score))
                .ok_or(Reason::Corrupt("Zset score that is no number")),
        )
    })
}

/// Whether the members of a packed sorted set stand in order.
///
/// # Errors
/// A score is no number.
pub fn is_in_order(view: View<'_>) -> Result<bool, Reason> {
    let mut before: Option<(Item<'_>, f64)> = None;
    let (mut one, mut other) = (itoa::Buffer::new(), itoa::Buffer::new());
    let mut in_order = true;
    for member in members(view) {
        let (member, score) = member?;
        in_order &= before.is_none_or(|(name, lower)| {
            lower < score || lower == score && name.text(&mut one) < member.text(&mut other)
        });
        before = Some((member, score));
    }
    Ok(in_order)
}

/// The sorted set of the members of a packed one, which are not in order.
///
/// # Errors
/// A score is no number.
pub fn in_order(view: View<'_>, limits: Limits) -> Result<Zset, Reason> {
    let (mut zset, mut buffer) = (Zset::new(), itoa::Buffer::new());
    for member in members(view) {
        let (member, score) = member?;
        zset.update(member.text(&mut buffer), limits, |_| Some(score));
    }
    Ok(zset)
}
