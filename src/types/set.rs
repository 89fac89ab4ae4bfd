//! Sets: distinct members, in an encoding that changes at the same moments as in Redis 7.2.
//!
//! Numbers alone are an intset, a few short members a listpack, everything else a table of its
//! own. A set only moves towards the table, never back, however many members leave it.
//!
//! Invariant: knows nothing of keys, replies or time; a member is there once.

pub mod algebra;
mod sample;

use crate::base::num;
use crate::ds::dict::Dict;
use crate::ds::intset::{Intset, IntsetView};
use crate::ds::listpack::{At, Item, Listpack, View};
use crate::types::Encoding;

/// Bytes that a number takes at most in a listpack.
const PACKED_INT_BYTES_MAX: usize = 10;

/// A set.
#[derive(Clone, Debug)]
pub enum Set {
    Ints(Intset),
    Packed(Listpack),
    Table(Box<Dict>),
}

/// A set to be read.
#[derive(Clone, Copy, Debug)]
pub enum SetRef<'a> {
    Ints(IntsetView<'a>),
    Packed(View<'a>),
    Table(&'a Dict),
}

/// Up to where a set keeps an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `set-max-intset-entries`
    pub intset_entries: usize,
    /// `set-max-listpack-entries`
    pub listpack_entries: usize,
    /// `set-max-listpack-value`, in bytes
    pub listpack_value: usize,
}

/// Where a member is; good until the set changes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    Index(usize),
    At(At),
    Id(u32),
}

impl Limits {
    /// No limits but those of the encodings themselves.
    pub const NONE: Limits = Limits {
        intset_entries: usize::MAX,
        listpack_entries: usize::MAX,
        listpack_value: usize::MAX,
    };

    fn intset_entries(&self) -> usize {
        self.intset_entries.min(Intset::LEN_MAX)
    }
}

impl Set {
    /// A set without members.
    pub fn new() -> Set {
        Set::Ints(Intset::new())
    }

    /// A set without members in the encoding that suits about `count` of them, of which `first` is
    /// one.
    pub fn for_members(first: &[u8], count: usize, limits: &Limits) -> Set {
        if count <= limits.intset_entries && num::parse_i64(first).is_some() {
            Set::new()
        } else if count <= limits.listpack_entries {
            Set::Packed(Listpack::new())
        } else {
            Set::Table(Box::default())
        }
    }

    /// The set that an entry held as `bytes`.
    pub fn from_packed(encoding: Encoding, bytes: Vec<u8>) -> Set {
        match encoding {
            Encoding::Intset => Set::Ints(Intset::from_bytes(bytes)),
            _ => Set::Packed(Listpack::from_bytes(bytes)),
        }
    }

    /// The bytes that stand for it in an entry; `None` in the encoding that has none.
    pub fn packed(&self) -> Option<&[u8]> {
        match self {
            Set::Ints(ints) => Some(ints.view().bytes()),
            Set::Packed(pack) => Some(pack.view().bytes()),
            Set::Table(_) => None,
        }
    }

    /// The bytes of [`Set::packed`] as they are, none for the encoding without.
    pub fn into_packed(self) -> Vec<u8> {
        match self {
            Set::Ints(ints) => ints.into_bytes(),
            Set::Packed(pack) => pack.into_bytes(),
            Set::Table(_) => Vec::new(),
        }
    }

    /// The set as a lookup shows it.
    pub fn as_ref(&self) -> SetRef<'_> {
        match self {
            Set::Ints(ints) => SetRef::Ints(ints.view()),
            Set::Packed(pack) => SetRef::Packed(pack.view()),
            Set::Table(table) => SetRef::Table(table),
        }
    }

    /// The encoding, as OBJECT ENCODING names it.
    pub fn encoding(&self) -> Encoding {
        match self {
            Set::Ints(_) => Encoding::Intset,
            Set::Packed(_) => Encoding::Listpack,
            Set::Table(_) => Encoding::Hashtable,
        }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        match self {
            Set::Ints(ints) => ints.memory(),
            Set::Packed(pack) => pack.memory(),
            Set::Table(table) => size_of::<Dict>() + table.memory(),
        }
    }

    /// Frees a piece of a large set that nobody uses any more; false when the rest is small.
    pub fn drop_some(&mut self) -> bool {
        match self {
            Set::Table(table) => table.drop_some(),
            Set::Ints(_) | Set::Packed(_) => false,
        }
    }

    /// Becomes a table at once when `count` members that are about to be added would make it one:
    /// Redis does so without looking whether they are new.
    pub fn expect(&mut self, count: usize, limits: &Limits) {
        let outgrown = match self {
            Set::Ints(_) => count > limits.intset_entries,
            Set::Packed(_) => count > limits.listpack_entries,
            Set::Table(_) => false,
        };
        if outgrown {
            self.become_table();
        }
    }

    /// Adds `member`; false when it was there.
    pub fn add(&mut self, member: Item<'_>, limits: &Limits) -> bool {
        match self {
            Set::Ints(ints) => match number(member) {
                Some(value) => {
                    let added = ints.add(value);
                    if added && ints.view().len() > limits.intset_entries() {
                        self.become_table();
                    }
                    return added;
                }
                None => self.leave_ints(member, limits),
            },
            _ if self.as_ref().contains(member) => return false,
            _ => {}
        }
        self.push(member, limits);
        true
    }

    /// Removes `member`; false when it was not there.
    pub fn remove(&mut self, member: Item<'_>) -> bool {
        let place = self.as_ref().find(member);
        if let Some(place) = place {
            self.remove_at(place);
        }
        place.is_some()
    }

    /// Removes the member at `place`.
    pub fn remove_at(&mut self, place: Place) {
        match (self, place) {
            (Set::Ints(ints), Place::Index(index)) => ints.remove_at(index),
            (Set::Packed(pack), Place::At(at)) => {
                pack.remove(at);
            }
            (Set::Table(table), Place::Id(id)) => table.remove(id),
            _ => unreachable!("a place is good until the set changes"),
        }
    }

    /// Becomes an intset again if it is small enough. All its members are numbers.
    fn become_ints(&mut self, limits: &Limits) {
        if matches!(self, Set::Ints(_)) || self.len() > limits.intset_entries() {
            return;
        }
        let mut ints = Intset::new();
        for member in self.as_ref().iter() {
            ints.add(number(member).expect("the caller saw numbers only"));
        }
        *self = Set::Ints(ints);
    }

    /// Becomes what can hold `text`, which is no number: a listpack if that keeps the limits even
    /// when all numbers are as long as the longest of them.
    fn leave_ints(&mut self, text: Item<'_>, limits: &Limits) {
        let Set::Ints(ints) = self else { return };
        let (ints, Item::Text(text)) = (ints.view(), text) else { return };
        let ends = [ints.first(), ints.last()].into_iter().flatten();
        let longest = ends.map(|value| itoa::Buffer::new().format(value).len()).max();
        let bytes = ints.len().saturating_mul(PACKED_INT_BYTES_MAX).saturating_add(text.len());
        let mut pack = Listpack::new();
        let fits = ints.len() < limits.listpack_entries
            && text.len().max(longest.unwrap_or(0)) <= limits.listpack_value
            && pack.fits(bytes);
        if !fits {
            return self.become_table();
        }
        ints.iter().for_each(|value| pack.push_back_int(value));
        *self = Set::Packed(pack);
    }

    fn become_table(&mut self) {
        let mut table = Dict::new();
        let mut buffer = itoa::Buffer::new();
        for member in self.as_ref().iter() {
            table.insert(member.text(&mut buffer), &[]);
        }
        *self = Set::Table(Box::new(table));
    }

    /// Adds a member that is not there to a set that is not, or not longer, an intset.
    fn push(&mut self, member: Item<'_>, limits: &Limits) {
        let mut buffer = itoa::Buffer::new();
        let text = member.text(&mut buffer);
        if let Set::Packed(pack) = self {
            let fits = pack.view().len() < limits.listpack_entries
                && text.len() <= limits.listpack_value
                && pack.fits(text.len());
            match member {
                Item::Int(value) if fits => return pack.push_back_int(value),
                Item::Text(text) if fits => return pack.push_back(text),
                _ => self.become_table(),
            }
        }
        let Set::Table(table) = self else { unreachable!("intsets take numbers themselves") };
        table.insert(text, &[]);
    }
}

impl Default for Set {
    fn default() -> Set {
        Set::new()
    }
}

impl<'a> SetRef<'a> {
    /// The set that an entry holds as `bytes`.
    #[inline]
    pub fn from_packed(encoding: Encoding, bytes: &'a [u8]) -> SetRef<'a> {
        match encoding {
            Encoding::Intset => SetRef::Ints(IntsetView::new(bytes)),
            _ => SetRef::Packed(View::new(bytes)),
        }
    }

    /// How many members there are.
    pub fn len(self) -> usize {
        match self {
            SetRef::Ints(ints) => ints.len(),
            SetRef::Packed(pack) => pack.len(),
            SetRef::Table(table) => table.len(),
        }
    }

    /// Whether it has no members.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether `member` is one.
    pub fn contains(self, member: Item<'_>) -> bool {
        match self {
            SetRef::Ints(ints) => number(member).is_some_and(|value| ints.contains(value)),
            _ => self.find(member).is_some(),
        }
    }

    /// Where `member` is, if it is one.
    pub fn find(self, member: Item<'_>) -> Option<Place> {
        let mut buffer = itoa::Buffer::new();
        match self {
            SetRef::Ints(ints) => ints.search(number(member)?).ok().map(Place::Index),
            SetRef::Packed(pack) => {
                pack.find(pack.first(), member.text(&mut buffer), 0).map(Place::At)
            }
            SetRef::Table(table) => table.find(member.text(&mut buffer)).map(Place::Id),
        }
    }

    /// The member at `place`.
    pub fn get(self, place: Place) -> Item<'a> {
        match (self, place) {
            (SetRef::Ints(ints), Place::Index(index)) => {
                Item::Int(ints.get(index).expect("a place is good until the set changes"))
            }
            (SetRef::Packed(pack), Place::At(at)) => pack.get(at),
            (SetRef::Table(table), Place::Id(id)) => Item::Text(table.get(id).0),
            _ => unreachable!("a place is good until the set changes"),
        }
    }

    /// All members: numbers in order, those of a listpack as they came, others in no order. A table
    /// holds numbers as text.
    pub fn iter(self) -> impl Iterator<Item = Item<'a>> + use<'a> {
        match self {
            SetRef::Ints(ints) => Members::Ints(ints.iter()),
            SetRef::Packed(pack) => Members::Packed(pack.iter()),
            SetRef::Table(table) => Members::Table(table.iter()),
        }
    }

    /// Visits members from `cursor` on, about `count` of them; returns the cursor to go on with, 0
    /// at the end. What is there throughout a scan is visited exactly once. The small encodings are
    /// visited at once, as in Redis.
    pub fn scan(self, cursor: u64, count: usize, visit: &mut dyn FnMut(Item<'_>)) -> u64 {
        match self {
            SetRef::Table(table) => {
                table.scan(cursor, count, &mut |member, _| visit(Item::Text(member)))
            }
            small => {
                small.iter().for_each(visit);
                0
            }
        }
    }
}

/// An iterator over each encoding.
enum Members<I, P, T> {
    Ints(I),
    Packed(P),
    Table(T),
}

impl<'a, I, P, T> Iterator for Members<I, P, T>
where
    I: Iterator<Item = i64>,
    P: Iterator<Item = Item<'a>>,
    T: Iterator<Item = (u32, &'a [u8], &'a [u8])>,
{
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            Members::Ints(ints) => ints.next().map(Item::Int),
            Members::Packed(pack) => pack.next(),
            Members::Table(table) => table.next().map(|(_, member, _)| Item::Text(member)),
        }
    }
}

/// The number that `member` is, whether it is stored as one or not.
fn number(member: Item<'_>) -> Option<i64> {
    match member {
        Item::Int(value) => Some(value),
        Item::Text(text) => num::parse_i64(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};
    use std::collections::BTreeSet;

    pub const LIMITS: Limits =
        Limits { intset_entries: 20, listpack_entries: 12, listpack_value: 10 };

    fn of(members: &[&str]) -> Set {
        let mut set = Set::new();
        for member in members {
            set.add(Item::Text(member.as_bytes()), &LIMITS);
        }
        set
    }

    fn texts(set: SetRef<'_>) -> Vec<Vec<u8>> {
        set.iter().map(Item::to_vec).collect()
    }

    fn check_encoding(set: &Set, expected: Encoding) {
        assert_eq!(set.encoding(), expected, "{} members", set.len());
    }

    #[test]
    fn numbers_stay_an_intset_up_to_the_limit_and_skip_the_listpack() {
        let mut set = Set::new();
        for value in 0..20 {
            assert!(set.add(Item::Int(value), &LIMITS));
        }
        check_encoding(&set, Encoding::Intset);
        assert!(!set.add(Item::Text(b"19"), &LIMITS));
        set.add(Item::Int(20), &LIMITS);
        check_encoding(&set, Encoding::Hashtable);
        assert!(set.as_ref().contains(Item::Int(7)) && set.as_ref().contains(Item::Text(b"7")));
        (0..20).for_each(|value| assert!(set.remove(Item::Int(value))));
        check_encoding(&set, Encoding::Hashtable);
    }

    #[test]
    fn the_first_text_makes_an_intset_a_listpack_if_that_has_room() {
        check_encoding(&of(&["1", "2", "a"]), Encoding::Listpack);
        assert_eq!(
            texts(of(&["3", "1", "b", "2", "a"]).as_ref()),
            ["1", "3", "b", "2", "a"].map(|text| text.as_bytes().to_vec())
        );
        let long_number = of(&["12345678901", "a"]);
        check_encoding(&long_number, Encoding::Hashtable);
        check_encoding(&of(&["1", "longer than"]), Encoding::Hashtable);
        let mut many = Set::new();
        (0..12).for_each(|value| assert!(many.add(Item::Int(value), &LIMITS)));
        many.add(Item::Text(b"a"), &LIMITS);
        check_encoding(&many, Encoding::Hashtable);
        assert_eq!(many.len(), 13);
    }

    #[test]
    fn a_listpack_becomes_a_table_by_count_or_length() {
        let mut set = of(&["a"]);
        (0..11).for_each(|value| assert!(set.add(Item::Int(value), &LIMITS)));
        check_encoding(&set, Encoding::Listpack);
        assert!(!set.add(Item::Text(b"a"), &LIMITS));
        check_encoding(&set, Encoding::Listpack);
        set.add(Item::Text(b"b"), &LIMITS);
        check_encoding(&set, Encoding::Hashtable);
        check_encoding(&of(&["a", "10 letters"]), Encoding::Listpack);
        check_encoding(&of(&["a", "eleven here"]), Encoding::Hashtable);
    }

    #[test]
    fn what_is_announced_chooses_the_encoding() {
        for (first, count, expected) in [
            ("1", 20, Encoding::Intset),
            ("a", 12, Encoding::Listpack),
            ("1", 21, Encoding::Hashtable),
            ("a", 13, Encoding::Hashtable),
        ] {
            check_encoding(&Set::for_members(first.as_bytes(), count, &LIMITS), expected);
        }
        let few_ints = Limits { intset_entries: 5, ..LIMITS };
        check_encoding(&Set::for_members(b"1", 6, &few_ints), Encoding::Listpack);
        let (mut ints, mut pack) = (of(&["1"]), of(&["a"]));
        ints.expect(20, &LIMITS);
        pack.expect(12, &LIMITS);
        assert_eq!((ints.encoding(), pack.encoding()), (Encoding::Intset, Encoding::Listpack));
        ints.expect(21, &LIMITS);
        pack.expect(13, &LIMITS);
        assert_eq!((ints.encoding(), pack.encoding()), (Encoding::Hashtable, Encoding::Hashtable));
        assert_eq!(
            (texts(ints.as_ref()), texts(pack.as_ref())),
            (vec![b"1".to_vec()], vec![b"a".to_vec()])
        );
    }

    fn random_member(rng: &mut Rng) -> Vec<u8> {
        let value = rng.below(40);
        match rng.below(3) {
            0 => format!("m{value}").into_bytes(),
            1 => "x".repeat(value).into_bytes(),
            _ => {
                let value = i64::try_from(value).expect("a small number") << rng.below(50);
                value.to_string().into_bytes()
            }
        }
    }

    #[test]
    fn behaves_as_a_set_in_every_encoding() {
        let seed = os_seed();
        println!("seed {seed}");
        let mut rng = Rng::seeded(seed);
        for _ in 0..200 {
            let (mut set, mut model) = (Set::new(), BTreeSet::new());
            for _ in 0..rng.below(100) {
                let member = random_member(&mut rng);
                let item = Item::Text(&member);
                match rng.below(3) {
                    0 => assert_eq!(set.remove(item), model.remove(&member)),
                    _ => assert_eq!(set.add(item, &LIMITS), model.insert(member.clone())),
                }
                assert_eq!(set.as_ref().contains(item), model.contains(&member));
                let place = set.as_ref().find(item);
                assert!(place.is_none_or(|place| set.as_ref().get(place).eq_bytes(&member)));
                assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
                if let Some(bytes) = set.packed() {
                    set = Set::from_packed(set.encoding(), bytes.to_vec());
                }
            }
            let all: BTreeSet<Vec<u8>> = texts(set.as_ref()).into_iter().collect();
            assert_eq!(all, model);
        }
    }

    #[test]
    fn a_scan_visits_every_member() {
        for count in [3, 12, 500] {
            let mut set = Set::new();
            for value in 0..count {
                set.add(Item::Text(format!("m{value}").as_bytes()), &LIMITS);
            }
            let (mut seen, mut cursor) = (Vec::new(), 0);
            loop {
                cursor = set.as_ref().scan(cursor, 10, &mut |member| seen.push(member.to_vec()));
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(seen.len(), count);
            assert_eq!(seen.into_iter().collect::<BTreeSet<_>>().len(), count);
        }
    }
}
