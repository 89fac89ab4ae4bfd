//! Whole numbers in order, packed into one byte string: Redis's intset, byte for byte.
//!
//! Eight bytes of header (the width of an element, then how many there are, both `u32`), then the
//! elements in ascending order, all of the same width: 2, 4 or 8 bytes. Everything is little-endian.
//! An element that needs more widens the whole set; nothing narrows it again.
//!
//! Invariant: what [`IntsetView::new`] is given is well-formed; bytes from outside go through
//! [`IntsetView::checked`].

const HEADER_BYTES: usize = 8;

/// An intset that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intset(Vec<u8>);

/// An intset to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntsetView<'a> {
    bytes: &'a [u8],
    width: usize,
}

impl Default for Intset {
    fn default() -> Intset {
        Intset::new()
    }
}

impl Intset {
    /// Elements that a set may have: what Redis allows, too, since its offsets are 32 bits wide.
    pub const LEN_MAX: usize = 1 << 30;

    /// An empty set.
    pub fn new() -> Intset {
        Intset::with_capacity(width_of(0), 0)
    }

    /// A set of the given bytes, which are well-formed.
    pub fn from_bytes(bytes: Vec<u8>) -> Intset {
        Intset(bytes)
    }

    /// The bytes of the set.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The set to be read.
    pub fn view(&self) -> IntsetView<'_> {
        IntsetView::new(&self.0)
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        self.0.capacity()
    }

    /// Adds `value`; false when it was there. The caller keeps the set below [`Intset::LEN_MAX`].
    pub fn add(&mut self, value: i64) -> bool {
        if width_of(value) > self.view().width {
            self.widen_and_add(value);
            return true;
        }
        let Err(index) = self.view().search(value) else { return false };
        let (len, width) = (self.view().len(), self.view().width);
        self.reserve_one(width);
        let at = HEADER_BYTES + index * width;
        let end = self.0.len();
        self.0.resize(end + width, 0);
        self.0.copy_within(at..end, at + width);
        self.0[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        self.set_len(len + 1);
        true
    }

    /// Removes `value`; false when it was not there.
    pub fn remove(&mut self, value: i64) -> bool {
        let Ok(index) = self.view().search(value) else { return false };
        self.remove_at(index);
        true
    }

    /// Removes the element at `index`, which is below the length.
    pub fn remove_at(&mut self, index: usize) {
        let (len, width) = (self.view().len(), self.view().width);
        let at = HEADER_BYTES + index * width;
        self.0.drain(at..at + width);
        self.set_len(len - 1);
    }

    /// Gives back the room that is kept for growth.
    pub fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    fn with_capacity(width: usize, len: usize) -> Intset {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + len * width);
        bytes.extend_from_slice(&header_number(width));
        bytes.extend_from_slice(&header_number(0));
        Intset(bytes)
    }

    /// Adds a value that is wider than all others, and therefore above or below all of them.
    fn widen_and_add(&mut self, value: i64) {
        let (view, width) = (self.view(), width_of(value));
        let mut wide = Intset::with_capacity(width, view.len() + 1);
        let (below, above) = if value < 0 { (Some(value), None) } else { (None, Some(value)) };
        for element in below.into_iter().chain(view.iter()).chain(above) {
            wide.0.extend_from_slice(&element.to_le_bytes()[..width]);
        }
        wide.set_len(view.len() + 1);
        *self = wide;
    }

    /// Makes room for an element: an eighth more rather than twice as much, because the elements
    /// behind a new one move anyway and small sets are what intsets are for.
    fn reserve_one(&mut self, width: usize) {
        if self.0.capacity() < self.0.len() + width {
            self.0.reserve_exact(width.max(self.0.len() / 8));
        }
    }

    fn set_len(&mut self, len: usize) {
        self.0[4..HEADER_BYTES].copy_from_slice(&header_number(len));
    }
}

impl<'a> IntsetView<'a> {
    /// The set that well-formed bytes hold.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> IntsetView<'a> {
        IntsetView { bytes, width: usize::from(bytes[0]) }
    }

    /// The set that `bytes` from outside hold; `None` unless they are what Redis would write:
    /// complete, in ascending order, without an element twice, not empty.
    pub fn checked(bytes: &'a [u8]) -> Option<IntsetView<'a>> {
        let width = read_header(bytes, 0)?;
        let len = read_header(bytes, 4)?;
        if ![2, 4, 8].contains(&width) || len == 0 {
            return None;
        }
        let expected = len.checked_mul(width)?.checked_add(HEADER_BYTES)?;
        let view = IntsetView { bytes, width };
        (bytes.len() == expected && view.iter().is_sorted_by(|a, b| a < b)).then_some(view)
    }

    /// The bytes of the set.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// How many elements there are.
    #[inline]
    pub fn len(self) -> usize {
        // The width is a power of two, which spares a division.
        self.elements().len() >> self.width.trailing_zeros()
    }

    /// Whether there is no element.
    pub fn is_empty(self) -> bool {
        self.elements().is_empty()
    }

    /// The element at `index` in ascending order, if there are so many.
    #[inline]
    pub fn get(self, index: usize) -> Option<i64> {
        let at = index.checked_mul(self.width)?;
        self.elements().get(at..)?.get(..self.width).map(decode)
    }

    /// The smallest element.
    pub fn first(self) -> Option<i64> {
        self.get(0)
    }

    /// The largest element.
    pub fn last(self) -> Option<i64> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Whether `value` is an element.
    pub fn contains(self, value: i64) -> bool {
        width_of(value) <= self.width && self.search(value).is_ok()
    }

    /// Where `value` is, or else where it would have to be inserted.
    pub fn search(self, value: i64) -> Result<usize, usize> {
        let len = self.len();
        // Numbers often come in ascending order.
        if self.last().is_none_or(|last| last < value) {
            return Err(len);
        }
        let (mut low, mut high) = (0, len);
        while low < high {
            let middle = low.midpoint(high);
            match self.at(middle).cmp(&value) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// All elements in ascending order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + use<'a> {
        self.elements().chunks_exact(self.width).map(decode)
    }

    #[inline]
    fn elements(self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..]
    }

    #[inline]
    fn at(self, index: usize) -> i64 {
        decode(&self.elements()[index * self.width..][..self.width])
    }
}

/// How many bytes an element takes.
fn width_of(value: i64) -> usize {
    if i16::try_from(value).is_ok() {
        2
    } else if i32::try_from(value).is_ok() {
        4
    } else {
        8
    }
}

#[inline]
fn decode(element: &[u8]) -> i64 {
    match *element {
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => unreachable!("elements take 2, 4 or 8 bytes"),
    }
}

fn header_number(value: usize) -> [u8; 4] {
    u32::try_from(value).expect("a set has at most 2^30 elements").to_le_bytes()
}

fn read_header(bytes: &[u8], at: usize) -> Option<usize> {
    let field = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*field)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use std::collections::BTreeSet;

    fn of(values: &[i64]) -> Intset {
        let mut set = Intset::new();
        for &value in values {
            set.add(value);
        }
        set
    }

    #[test]
    fn bytes_are_those_of_redis() {
        assert_eq!(Intset::new().into_bytes(), [2, 0, 0, 0, 0, 0, 0, 0]);
        let small = of(&[258, -1, 5]);
        assert_eq!(small.into_bytes(), [2, 0, 0, 0, 3, 0, 0, 0, 0xff, 0xff, 5, 0, 2, 1]);
        let wide = of(&[1, -70_000]);
        assert_eq!(wide.into_bytes(), [4, 0, 0, 0, 2, 0, 0, 0, 0x90, 0xee, 0xfe, 0xff, 1, 0, 0, 0]);
    }

    #[test]
    fn a_wide_element_widens_the_set_for_good() {
        let edges = [32_767, -32_768, 32_768, -32_769, 2_147_483_648, i64::MIN, i64::MAX];
        let mut set = Intset::new();
        let mut expected = Vec::new();
        for (value, width) in edges.into_iter().zip([2, 2, 4, 4, 8, 8, 8]) {
            assert!(set.add(value) && !set.add(value));
            expected.push(value);
            expected.sort_unstable();
            assert_eq!((set.view().width, set.view().iter().collect()), (width, expected.clone()));
        }
        edges.iter().for_each(|&value| assert!(set.remove(value) && !set.remove(value)));
        assert!(set.view().is_empty() && set.view().width == 8);
    }

    #[test]
    fn behaves_as_an_ordered_set() {
        for (seed, bits) in [(1, 6), (2, 20), (3, 40), (4, 63)] {
            let (mut rng, mut set, mut model) = (Rng::seeded(seed), Intset::new(), BTreeSet::new());
            for _ in 0..4000 {
                let value = (rng.u64() >> (64 - bits)).cast_signed() - (1 << (bits - 1));
                match rng.below(3) {
                    0 => assert_eq!(set.remove(value), model.remove(&value), "seed {seed}"),
                    _ => assert_eq!(set.add(value), model.insert(value), "seed {seed}"),
                }
                assert_eq!(set.view().contains(value), model.contains(&value), "seed {seed}");
                assert_eq!(set.view().len(), model.len());
            }
            assert!(set.view().iter().eq(model.iter().copied()), "seed {seed}");
            assert!(set.view().iter().rev().eq(model.iter().rev().copied()), "seed {seed}");
            let (first, last) = (set.view().first(), set.view().last());
            assert_eq!((first, last), (model.first().copied(), model.last().copied()));
            assert_eq!(set.view().get(model.len()), None);
            assert_eq!(IntsetView::checked(set.view().bytes()), Some(set.view()), "seed {seed}");
        }
    }

    #[test]
    fn elements_can_be_removed_by_their_place() {
        let mut set = of(&[1, 70_000, 3]);
        set.remove_at(1);
        assert!(set.view().iter().eq([1, 70_000]));
        set.remove_at(1);
        assert!(set.view().iter().eq([1]));
    }

    #[test]
    fn only_what_redis_would_write_passes_the_check() {
        let good = of(&[1, 2, 300]).into_bytes();
        assert!(IntsetView::checked(&good).is_some());
        (0..good.len()).for_each(|len| assert!(IntsetView::checked(&good[..len]).is_none()));
        for (at, byte) in
            [(0, 4), (0, 3), (0, 0), (3, 1), (4, 0), (4, 4), (7, 0xff), (8, 2), (8, 3)]
        {
            let mut bad = good.clone();
            bad[at] = byte;
            assert_eq!(IntsetView::checked(&bad), None, "byte {at} is {byte}");
        }
        assert!(IntsetView::checked(&Intset::new().into_bytes()).is_none());
        assert!(IntsetView::checked(&[8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]).is_none());
    }

    #[test]
    fn the_check_survives_any_bytes() {
        let mut rng = Rng::seeded(5);
        for _ in 0..20_000 {
            let mut bytes = of(&[1, 2, 3, 70_000]).into_bytes();
            let at = rng.below(bytes.len());
            bytes[at] = rng.u64().to_le_bytes()[0];
            bytes.truncate(rng.below(bytes.len() + 1));
            if let Some(view) = IntsetView::checked(&bytes) {
                assert!(view.iter().all(|value| view.contains(value)));
            }
        }
    }
}
