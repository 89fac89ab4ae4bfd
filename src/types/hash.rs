//! Hashes: fields with values, and with deadlines where somebody set one.
//!
//! A small hash is a listpack of fields and values in turn, as in Redis. It becomes a [`Table`]
//! when it outgrows its [`Limits`] or when a field gets a deadline, and stays one.
//!
//! A field is there up to its deadline and not longer: whoever reads says what time it is, and
//! what is past at that time is not shown, removed or not.
//!
//! Invariant: knows nothing of keys and replies; a deadline and the time are numbers that it
//! compares.

mod deadlines;
mod table;

use std::collections::BTreeSet;

pub use self::table::Table;
use crate::base::rng::Rng;
use crate::ds::listpack::{At, Item, Listpack, View};
use crate::types::Encoding;

/// From this part of all fields on a sample is drawn by walking over all of them.
const WALK_PART: usize = 3;

/// What a small hash may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `hash-max-listpack-entries`.
    pub fields_max: usize,
    /// `hash-max-listpack-value`: of a field and of a value.
    pub bytes_max: usize,
}

/// What setting a field does to its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    Clear,
    Keep,
    At(i64),
}

/// A hash.
#[derive(Clone, Debug)]
pub enum Hash {
    Packed(Listpack),
    Table(Box<Table>),
}

/// A hash to be read.
#[derive(Clone, Copy, Debug)]
pub enum HashRef<'a> {
    Packed(View<'a>),
    Table(&'a Table),
}

/// A field and its value.
pub type Pair<'a> = (Item<'a>, Item<'a>);

impl Default for Hash {
    fn default() -> Hash {
        Hash::new()
    }
}

impl Hash {
    /// A hash without fields.
    pub fn new() -> Hash {
        Hash::Packed(Listpack::new())
    }

    /// The hash that an entry held as `bytes`.
    pub fn from_packed(_: Encoding, bytes: Vec<u8>) -> Hash {
        Hash::Packed(Listpack::from_bytes(bytes))
    }

    /// The bytes that stand for it in an entry; `None` in an encoding that has none.
    pub fn packed(&self) -> Option<&[u8]> {
        match self {
            Hash::Packed(pack) => Some(pack.view().bytes()),
            Hash::Table(_) => None,
        }
    }

    /// The hash as a lookup shows it.
    pub fn as_ref(&self) -> HashRef<'_> {
        match self {
            Hash::Packed(pack) => HashRef::Packed(pack.view()),
            Hash::Table(table) => HashRef::Table(table),
        }
    }

    /// The encoding, as OBJECT ENCODING names it.
    pub fn encoding(&self) -> Encoding {
        match self {
            Hash::Packed(_) => Encoding::Listpack,
            Hash::Table(_) => Encoding::Hashtable,
        }
    }

    /// Whether it has no fields, not even such that are past their deadline.
    pub fn is_empty(&self) -> bool {
        match self {
            Hash::Packed(pack) => pack.view().is_empty(),
            Hash::Table(table) => table.is_empty(),
        }
    }

    /// Becomes big if it may not hold these fields and values, each of which counts as a new one:
    /// Redis looks at all of them before it sets the first.
    pub fn make_room<'a>(
        &mut self,
        texts: impl ExactSizeIterator<Item = &'a [u8]>,
        limits: Limits,
    ) {
        let Hash::Packed(pack) = self else { return };
        let mut fits = texts.len() / 2 <= limits.fields_max;
        let mut sum = 0;
        for text in texts {
            fits &= text.len() <= limits.bytes_max;
            sum += text.len();
        }
        if !fits || !pack.fits(sum) {
            self.table();
        }
    }

    /// Becomes big if it may not hold so many fields.
    pub fn expect(&mut self, fields: usize, limits: Limits) {
        if fields > limits.fields_max {
            self.table();
        }
    }

    /// Sets `field`; true when it was not there at `now`.
    pub fn set(&mut self, field: &[u8], value: &[u8], ttl: Ttl, now: i64, limits: Limits) -> bool {
        if let Hash::Packed(pack) = self
            && !matches!(ttl, Ttl::At(_))
            && field.len().max(value.len()) <= limits.bytes_max
            && pack.fits(field.len() + value.len())
        {
            let is_new = set_packed(pack, field, value);
            if pack.view().len() / 2 > limits.fields_max {
                self.table();
            }
            return is_new;
        }
        self.table().set(field, value, ttl, now)
    }

    /// Takes `field` out; false when it is not there at `now`.
    pub fn remove(&mut self, field: &[u8], now: i64) -> bool {
        match self {
            Hash::Packed(pack) => {
                let found = find(pack.view(), field);
                if let Some(at) = found {
                    pack.remove_range(at, 2);
                }
                found.is_some()
            }
            Hash::Table(table) => table.remove(field, now),
        }
    }

    /// Gives `field` a deadline, or none; the caller knows that it is there.
    pub fn set_deadline(&mut self, field: &[u8], deadline: Option<i64>) {
        if deadline.is_some() || matches!(self, Hash::Table(_)) {
            self.table().set_deadline(field, deadline);
        }
    }

    /// Takes up to `budget` fields out that are past their deadline at `now`, some half a
    /// microsecond each, after it has shown them; returns how many.
    pub fn remove_past(&mut self, now: i64, budget: usize, show: &mut dyn FnMut(&[u8])) -> usize {
        match self {
            Hash::Packed(_) => 0,
            Hash::Table(table) => table.remove_past(now, budget, show),
        }
    }

    /// The time after which [`Hash::remove_past`] has something to do, unless that or an earlier
    /// one was returned since the last [`Hash::reset_alarm`].
    pub fn take_alarm(&mut self) -> Option<i64> {
        match self {
            Hash::Packed(_) => None,
            Hash::Table(table) => table.deadlines.take_alarm(),
        }
    }

    /// Whether a time was returned since the last [`Hash::reset_alarm`].
    pub fn has_alarm(&self) -> bool {
        match self {
            Hash::Packed(_) => false,
            Hash::Table(table) => table.deadlines.has_alarm(),
        }
    }

    /// Nobody will look for fields past their deadline unless told again.
    pub fn reset_alarm(&mut self) {
        if let Hash::Table(table) = self {
            table.deadlines.reset_alarm();
        }
    }

    /// Bytes on the heap, about.
    pub fn memory(&self) -> usize {
        match self {
            Hash::Packed(pack) => pack.memory(),
            Hash::Table(table) => table.memory(),
        }
    }

    /// Frees a piece of a hash that nobody uses any more, some ten microseconds of work; false
    /// when the rest is small.
    pub fn drop_some(&mut self) -> bool {
        match self {
            Hash::Packed(_) => false,
            Hash::Table(table) => table.drop_some(),
        }
    }

    /// The big form, made if need be.
    fn table(&mut self) -> &mut Table {
        if let Hash::Packed(pack) = self {
            *self = Hash::Table(Box::new(Table::unpack(pack.view())));
        }
        match self {
            Hash::Table(table) => table,
            Hash::Packed(_) => unreachable!("it was just made big"),
        }
    }
}

/// Where `field` stands.
fn find(pack: View<'_>, field: &[u8]) -> Option<At> {
    pack.find(pack.first(), field, 1)
}

/// Sets `field` in a small hash; true when it is new.
fn set_packed(pack: &mut Listpack, field: &[u8], value: &[u8]) -> bool {
    let view = pack.view();
    let Some(at) = find(view, field) else {
        pack.push_back(field);
        pack.push_back(value);
        return true;
    };
    let at = view.next(at).expect("a field has a value");
    pack.replace(at, value);
    false
}

impl<'a> HashRef<'a> {
    /// The hash that an entry holds as `bytes`.
    pub fn from_packed(_: Encoding, bytes: &'a [u8]) -> HashRef<'a> {
        HashRef::Packed(View::new(bytes))
    }

    /// Fields that are there at `now`.
    pub fn len(self, now: i64) -> usize {
        match self {
            HashRef::Packed(pack) => pack.len() / 2,
            HashRef::Table(table) => table.live(now),
        }
    }

    /// Whether no field is there at `now`.
    pub fn is_gone(self, now: i64) -> bool {
        match self {
            HashRef::Packed(pack) => pack.is_empty(),
            HashRef::Table(table) => table.is_gone(now),
        }
    }

    /// The earliest deadline of a field.
    pub fn earliest_deadline(self) -> Option<i64> {
        match self {
            HashRef::Packed(_) => None,
            HashRef::Table(table) => table.deadlines.earliest(),
        }
    }

    /// The value of `field` at `now`.
    pub fn get(self, field: &[u8], now: i64) -> Option<Item<'a>> {
        match self {
            HashRef::Packed(pack) => Some(pack.get(pack.next(find(pack, field)?)?)),
            HashRef::Table(table) => Some(Item::Text(table.get(field, now)?.value)),
        }
    }

    /// The deadline of `field`: `None` when it is not there at `now`, `Some(None)` when it has
    /// none.
    pub fn deadline(self, field: &[u8], now: i64) -> Option<Option<i64>> {
        match self {
            HashRef::Packed(pack) => find(pack, field).map(|_| None),
            HashRef::Table(table) => Some(table.get(field, now)?.deadline),
        }
    }

    /// All fields that are there at `now` with their values, in no particular order.
    pub fn iter(self, now: i64) -> impl Iterator<Item = Pair<'a>> {
        let (pack, table) = match self {
            HashRef::Packed(pack) => (Some(pack), None),
            HashRef::Table(table) => (None, Some(table)),
        };
        let packed = pack.into_iter().flat_map(pairs);
        let held = table.into_iter().flat_map(move |table| table.iter(now));
        packed.chain(held.map(|(field, value)| (Item::Text(field), Item::Text(value))))
    }

    /// Visits fields and values from `cursor` on: all of a small hash at once, else at least
    /// `count`. Returns the cursor to go on with; 0 begins and means the end. A field that is there
    /// throughout is visited once, unless the hash becomes big in between.
    pub fn scan(
        self,
        cursor: u64,
        count: usize,
        now: i64,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> u64 {
        let pack = match self {
            HashRef::Packed(pack) => pack,
            HashRef::Table(table) => return table.scan(cursor, count, now, visit),
        };
        let (mut field_text, mut value_text) = (itoa::Buffer::new(), itoa::Buffer::new());
        for (field, value) in pairs(pack) {
            visit(field.text(&mut field_text), value.text(&mut value_text));
        }
        0
    }

    /// Some field and its value, all equally likely; `None` when no field is there at `now`.
    pub fn random(self, now: i64, rng: &mut Rng) -> Option<Pair<'a>> {
        match self {
            HashRef::Packed(pack) => {
                let fields = pack.len() / 2;
                let nth = (fields > 0).then(|| rng.below(fields))?;
                let at = pack.seek(i64::try_from(nth * 2).ok()?)?;
                Some((pack.get(at), pack.get(pack.next(at)?)))
            }
            HashRef::Table(table) => Some(pair(table, table.random(now, rng)?)),
        }
    }

    /// Fields drawn one by one for ever, the same one again and again perhaps; none when no field
    /// is there at `now`.
    pub fn draws(self, now: i64, rng: &mut Rng) -> impl Iterator<Item = Pair<'a>> {
        let table = match self {
            HashRef::Table(table) if table.is_dense(now) => Some(table),
            _ => None,
        };
        let all: Vec<Pair<'a>> = match table {
            Some(_) => Vec::new(),
            None => self.iter(now).collect(),
        };
        std::iter::from_fn(move || match table {
            Some(table) => Some(pair(table, table.random(now, rng)?)),
            None if all.is_empty() => None,
            None => Some(all[rng.below(all.len())]),
        })
    }

    /// Visits `count` different fields, or all if there are no more.
    pub fn sample(self, count: usize, now: i64, rng: &mut Rng, mut visit: impl FnMut(Pair<'a>)) {
        let len = self.len(now);
        if let HashRef::Table(table) = self
            && count < len / WALK_PART
            && table.is_dense(now)
        {
            let mut drawn = BTreeSet::new();
            while drawn.len() < count
                && let Some(id) = table.random(now, rng)
            {
                if drawn.insert(id) {
                    visit(pair(table, id));
                }
            }
            return;
        }
        // In the order in which they stand, each with the chance that what is still wanted has
        // among what is still to come.
        let mut wanted = count.min(len);
        for (to_come, pair) in (1..=len).rev().zip(self.iter(now)) {
            if rng.below(to_come) < wanted {
                visit(pair);
                wanted -= 1;
            }
        }
    }
}

fn pair(table: &Table, id: u32) -> Pair<'_> {
    let (field, value) = table.pair(id);
    (Item::Text(field), Item::Text(value))
}

/// The fields and values of a small hash.
fn pairs(pack: View<'_>) -> impl Iterator<Item = Pair<'_>> {
    let mut items = pack.iter();
    std::iter::from_fn(move || Some((items.next()?, items.next()?)))
}

#[cfg(test)]
mod tests;
