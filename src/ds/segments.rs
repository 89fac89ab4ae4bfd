//! A hash table that grows and shrinks one small piece at a time.
//!
//! [`Segments`] is a directory of small tables (extendible hashing): a segment holds the slots
//! whose hash begins with its prefix and splits in two when full, so no resize ever touches more
//! than one segment. Sparse siblings merge again.
//!
//! A table takes its tags from the top 7 bits of a hash and its places from bits 16 to 31. The
//! directory uses the bits in between: the *position* of a hash in the hash space is its low 57
//! bits, read from the top. Positions are what a scan's cursor counts in.
//!
//! Invariant: stores small copyable slots and asks a [`Hashing`] for their hashes; knows nothing
//! of keys or values.

use crate::ds::pool::Pool;
use crate::ds::prefetch::prefetch;
use crate::ds::table::Table;

/// Bits of a hash that make up its position.
pub const POSITION_BITS: u32 = 57;

const SEGMENT_BUCKETS_MAX: usize = 512;
/// A full table that holds fewer than this is full of deleted buckets and is rebuilt, not split.
const SPLIT_LEN_MIN: usize = 384;
/// Slots per segment that a table is laid out for: so few that hardly a segment gets so many by
/// chance that it splits.
const RESERVED_LEN_MAX: usize = 400;
/// Siblings merge when together they fill half a segment, so that they do not split at once.
const MERGE_LEN_MAX: usize = SEGMENT_BUCKETS_MAX / 16 * 7;
/// Beyond this many places per segment the directory would outgrow what it points to. Hashes of a
/// keyed function never get there; the segments of any other become larger instead.
const PLACES_PER_SEGMENT_MAX: usize = 64;
/// Segments that a scan looks at for each slot it was asked for: bounds a walk over a table that
/// was emptied.
const SCAN_SEGMENTS_PER_COUNT: usize = 10;

/// What a table must know of its slots.
pub trait Hashing<T> {
    /// The hash under which `slot` was inserted.
    fn hash(&self, slot: &T) -> u64;
    /// Hints that [`Hashing::hash`] will be asked for `slot`.
    fn prefetch(&self, slot: &T);
}

/// Slots by hash, in segments.
#[derive(Clone)]
pub struct Segments<T> {
    /// `2^depth` segment numbers by the leading bits of a position; empty before the first slot.
    directory: Vec<u32>,
    depth: u32,
    segments: Pool<Segment<T>>,
    /// Segments whose own depth is the directory's.
    deepest: usize,
    len: usize,
}

#[derive(Clone)]
struct Segment<T> {
    table: Table<T>,
    depth: u32,
}

/// A place in a walk that goes round the table a few neighbours at a time. Where it stands after the
/// table changed is near enough: nothing is promised but that every slot is met again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    position: u64,
    group: usize,
}

impl Round {
    /// A walk that begins somewhere: at the hash that `chance` is.
    pub fn from(chance: u64) -> Round {
        Round { position: position(chance), group: 0 }
    }
}

/// The position of `hash` in the hash space, `0..2^57`.
#[inline]
pub fn position(hash: u64) -> u64 {
    hash & ((1 << POSITION_BITS) - 1)
}

/// The first `depth` bits of a position.
#[inline]
fn prefix(hash: u64, depth: u32) -> usize {
    // One shift in two steps, because a shift by 64 is not one.
    (((hash << (64 - POSITION_BITS)) >> 1) >> (63 - depth)) as usize
}

impl<T> Default for Segments<T> {
    fn default() -> Segments<T> {
        Segments { directory: Vec::new(), depth: 0, segments: Pool::default(), deepest: 0, len: 0 }
    }
}

impl<T: Copy + Default> Segments<T> {
    /// How many slots it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many segments there are.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// The slot under `hash` that `eq` accepts.
    #[inline]
    pub fn find(&self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<T> {
        Some(*self.segment(hash)?.table.find_slot(hash, eq)?.1)
    }

    /// Puts `new` in the place of `old`, which is under `hash`.
    pub fn replace(&mut self, hash: u64, old: T, new: T)
    where
        T: PartialEq,
    {
        let table = &mut self.segment_mut(hash).expect("the old slot is there").table;
        let bucket = table.find(hash, |slot| *slot == old).expect("the old slot is there");
        table.set(bucket, new);
    }

    /// Adds a slot. The caller knows that it is not there yet.
    pub fn insert(&mut self, hash: u64, slot: T, hashing: &impl Hashing<T>) {
        self.reserve(1);
        while self.is_full(hash) {
            self.split(hash, hashing);
        }
        let segment = self.segment_mut(hash).expect("every prefix has a segment");
        segment.insert(hash, slot, hashing);
        self.len += 1;
    }

    /// Lays a table that never held a slot out for `len` of them, so that next to no segment grows or
    /// splits on the way there; leaves any other alone. Takes the memory at once.
    pub fn reserve(&mut self, len: usize) {
        if !self.directory.is_empty() {
            return;
        }
        let depth = (len / RESERVED_LEN_MAX).checked_ilog2().map_or(0, |bits| bits + 1);
        let segments = (0..1usize << depth).map(|_| Segment::for_len(len >> depth, depth));
        self.directory = segments.map(|segment| self.segments.insert(segment)).collect();
        self.depth = depth;
        self.deepest = self.directory.len();
    }

    /// Takes out the slot under `hash` that `eq` accepts.
    pub fn remove(
        &mut self,
        hash: u64,
        eq: impl FnMut(&T) -> bool,
        hashing: &impl Hashing<T>,
    ) -> Option<T> {
        let segment = self.segment_mut(hash)?;
        let slot = segment.table.remove(segment.table.find(hash, eq)?);
        let len = segment.table.len();
        if len < MERGE_LEN_MAX / 2 {
            segment.shrink(hashing);
            self.merge(hash, hashing);
        }
        self.len -= 1;
        Some(slot)
    }

    /// Hints that `hash` will be looked up: loads the group of buckets where the search begins.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        let Some(segment) = self.segment(hash) else { return };
        prefetch(segment.table.address(hash));
    }

    /// Calls `each` for the slots that `hash` may stand for, judged by tags alone.
    #[inline]
    pub fn candidates(&self, hash: u64, each: impl FnMut(&T)) {
        if let Some(segment) = self.segment(hash) {
            segment.table.candidates(hash, each);
        }
    }

    /// The slots of the segment that covers `position`, and the position after that segment;
    /// `None` when it is the last one.
    pub fn segment_at(&self, position: u64) -> (impl Iterator<Item = &T>, Option<u64>) {
        let segment = self.segment(position);
        let depth = segment.map_or(0, |segment| segment.depth);
        let next = (prefix(position, depth) as u64 + 1) << (POSITION_BITS - depth);
        let slots = segment.into_iter().flat_map(|segment| segment.table.iter());
        (slots, (next < 1 << POSITION_BITS).then_some(next))
    }

    /// Calls `visit` for the up to eight slots at `round`, which lie side by side, and moves it on;
    /// true when it came past the end and begins anew.
    #[inline]
    pub fn visit_neighbors(&self, round: &mut Round, mut visit: impl FnMut(&T)) -> bool {
        let Some(segment) = self.segment(round.position) else { return true };
        segment.table.group(round.group).for_each(&mut visit);
        round.group += 1;
        if round.group < segment.table.groups() {
            return false;
        }
        let places = prefix(round.position, segment.depth) as u64 + 1;
        let next = places << (POSITION_BITS - segment.depth);
        let ended = next >= 1 << POSITION_BITS;
        *round = Round { position: if ended { 0 } else { next }, group: 0 };
        ended
    }

    /// Hints that the slots at `round` will be visited soon.
    #[inline]
    pub fn prefetch_neighbors(&self, round: Round) {
        if let Some(segment) = self.segment(round.position) {
            prefetch(segment.table.group_address(round.group));
        }
    }

    /// Visits slots from `cursor` on in the order of their positions: at least `count` unless the
    /// end or a stretch of emptiness comes first, and slots of equal position together. Returns
    /// the cursor to go on with; 0 begins and means the end.
    ///
    /// A cursor is a position: what lies before it was visited, what lies behind it was not.
    /// Splits and merges do not move positions, so what is there throughout is visited exactly
    /// once.
    pub fn scan(
        &self,
        cursor: u64,
        count: usize,
        hashing: &impl Hashing<T>,
        mut visit: impl FnMut(T),
    ) -> u64 {
        let mut left = count.max(1);
        let mut from = cursor;
        for _ in 0..left.saturating_mul(SCAN_SEGMENTS_PER_COUNT) {
            if from >= 1 << POSITION_BITS {
                return 0;
            }
            let (mut slots, next) = self.placed_from(from, hashing);
            slots.sort_unstable_by_key(|&(position, _)| position);
            let len = stop_after(&slots, left);
            slots[..len].iter().for_each(|&(_, slot)| visit(slot));
            if len < slots.len() {
                return slots[len - 1].0 + 1;
            }
            let Some(next) = next else { return 0 };
            left = left.saturating_sub(len);
            if left == 0 {
                return next;
            }
            from = next;
        }
        from
    }

    /// The slots of the segment at `from` whose position is at least that, and the position after
    /// the segment.
    fn placed_from(&self, from: u64, hashing: &impl Hashing<T>) -> (Vec<(u64, T)>, Option<u64>) {
        let (slots, next) = self.segment_at(from);
        let slots: Vec<T> = slots.copied().collect();
        slots.iter().for_each(|slot| hashing.prefetch(slot));
        let placed = slots.into_iter().map(|slot| (position(hashing.hash(&slot)), slot));
        (placed.filter(|&(position, _)| position >= from).collect(), next)
    }

    /// Some slot, all equally likely; `below` yields a number under its argument. `None` when
    /// empty.
    pub fn random(&self, mut below: impl FnMut(usize) -> usize) -> Option<T> {
        const TRIES_MAX: usize = 128;
        if self.is_empty() {
            return None;
        }
        let buckets = match self.segments.len() {
            1 => self.segment(0)?.table.buckets(),
            _ => SEGMENT_BUCKETS_MAX,
        };
        for _ in 0..TRIES_MAX {
            let id = below(self.segments.span() as usize) as u32;
            let bucket = below(buckets);
            let Some(segment) = self.segments.get(id) else { continue };
            if let Some(&slot) = segment.table.get(bucket) {
                return Some(slot);
            }
        }
        self.random_of_sparse(below)
    }

    /// All slots.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.segments.span())
            .filter_map(|id| self.segments.get(id))
            .flat_map(|segment| segment.table.iter())
    }

    /// Bytes of the tables and the directory.
    pub fn memory(&self) -> usize {
        let tables = (0..self.segments.span()).filter_map(|id| self.segments.get(id));
        tables.map(|segment| segment.table.memory()).sum::<usize>()
            + self.segments.memory()
            + self.directory.capacity() * size_of::<u32>()
    }

    /// Drops some segments of a table that is no longer in use; true when more are left.
    pub fn drop_some(&mut self) -> bool {
        self.directory = Vec::new();
        self.len = 0;
        self.segments.take_chunk().is_some()
    }

    #[inline]
    fn segment(&self, hash: u64) -> Option<&Segment<T>> {
        self.segments.get(*self.directory.get(prefix(hash, self.depth))?)
    }

    #[inline]
    fn segment_mut(&mut self, hash: u64) -> Option<&mut Segment<T>> {
        self.segments.get_mut(*self.directory.get(prefix(hash, self.depth))?)
    }

    /// The first occupied segment from a random place on, and a random slot of it.
    fn random_of_sparse(&self, mut below: impl FnMut(usize) -> usize) -> Option<T> {
        let start = below(self.directory.len());
        let ids = self.directory[start..].iter().chain(&self.directory[..start]);
        let mut segments = ids.filter_map(|&id| self.segments.get(id));
        let table = &segments.find(|segment| !segment.table.is_empty())?.table;
        table.iter().nth(below(table.len())).copied()
    }

    fn is_full(&self, hash: u64) -> bool {
        self.segment(hash).is_some_and(|segment| {
            let large = segment.table.buckets() >= SEGMENT_BUCKETS_MAX
                && segment.table.len() >= SPLIT_LEN_MIN;
            let places = self.directory.len() / self.segments.len();
            let may_split = segment.depth < self.depth || places < PLACES_PER_SEGMENT_MAX;
            large && segment.table.is_full() && may_split
        })
    }

    /// Divides the segment of `hash` by its next position bit.
    fn split(&mut self, hash: u64, hashing: &impl Hashing<T>) {
        let segment = self.segment_mut(hash).expect("every prefix has a segment");
        let depth = segment.depth + 1;
        let slots = segment.hashed(hashing);
        let (low, high): (Vec<_>, Vec<_>) =
            slots.into_iter().partition(|&(hash, _)| prefix(hash, depth) & 1 == 0);
        *segment = Segment::build(&low, depth);
        let high = self.segments.insert(Segment::build(&high, depth));
        if depth > self.depth {
            self.double();
        }
        if depth == self.depth {
            self.deepest += 2;
        }
        let upper = prefix(hash, depth) | 1;
        self.directory_range(upper, depth).fill(high);
    }

    /// Joins the segment of `hash` with its sibling if both are sparse.
    fn merge(&mut self, hash: u64, hashing: &impl Hashing<T>) {
        let Some(segment) = self.segment(hash) else { return };
        let (depth, len) = (segment.depth, segment.table.len());
        if depth == 0 {
            return;
        }
        let (lower, upper) = (prefix(hash, depth) & !1, prefix(hash, depth) | 1);
        let own = prefix(hash, depth);
        let sibling_start = (own ^ 1) << (self.depth - depth);
        let sibling = self.segments.get(self.directory[sibling_start]);
        let sibling = sibling.expect("every prefix has a segment");
        if sibling.depth != depth || sibling.table.len() + len > MERGE_LEN_MAX {
            return;
        }
        let keep = self.directory_range(lower, depth)[0];
        let gone = self.directory_range(upper, depth)[0];
        let gone = self.segments.remove(gone).expect("every prefix has a segment");
        let kept = self.segments.get_mut(keep).expect("every prefix has a segment");
        let mut slots = kept.hashed(hashing);
        slots.extend(gone.hashed(hashing));
        *kept = Segment::build(&slots, depth - 1);
        self.directory_range(upper, depth).fill(keep);
        if depth == self.depth {
            self.deepest -= 2;
            self.halve();
        }
    }

    /// The directory's places for the prefix `leading` of `depth` bits.
    fn directory_range(&mut self, leading: usize, depth: u32) -> &mut [u32] {
        let shift = self.depth - depth;
        &mut self.directory[leading << shift..(leading + 1) << shift]
    }

    fn double(&mut self) {
        self.directory = self.directory.iter().flat_map(|&id| [id, id]).collect();
        self.depth += 1;
        self.deepest = 0;
    }

    /// Halves the directory as long as no segment needs its last bit.
    fn halve(&mut self) {
        while self.deepest == 0 && self.depth > 0 {
            self.directory = self.directory.iter().step_by(2).copied().collect();
            self.depth -= 1;
            let ids = 0..self.segments.span();
            let segments = ids.filter_map(|id| self.segments.get(id));
            self.deepest = segments.filter(|segment| segment.depth == self.depth).count();
        }
    }
}

/// How many of `slots`, ordered by position, make up `count` without parting equal positions.
fn stop_after<T>(slots: &[(u64, T)], count: usize) -> usize {
    if slots.len() <= count {
        return slots.len();
    }
    let last = slots[count - 1].0;
    count + slots[count..].iter().take_while(|&&(position, _)| position == last).count()
}

impl<T: Copy + Default> Segment<T> {
    /// An empty segment with room for `len` slots and some more.
    fn for_len(len: usize, depth: u32) -> Segment<T> {
        Segment { table: Table::with_room(len + len / 16 + 1), depth }
    }

    /// A segment of slots whose hashes are known, with room for some more.
    fn build(slots: &[(u64, T)], depth: u32) -> Segment<T> {
        let mut segment = Segment::for_len(slots.len(), depth);
        slots.iter().for_each(|&(hash, slot)| segment.table.insert(hash, slot));
        segment
    }

    fn insert(&mut self, hash: u64, slot: T, hashing: &impl Hashing<T>) {
        if self.table.is_full() {
            let slots = self.hashed(hashing);
            *self = Segment::build(&slots, self.depth);
        }
        self.table.insert(hash, slot);
    }

    /// All slots with their hashes.
    fn hashed(&self, hashing: &impl Hashing<T>) -> Vec<(u64, T)> {
        self.table.iter().for_each(|slot| hashing.prefetch(slot));
        self.table.iter().map(|slot| (hashing.hash(slot), *slot)).collect()
    }

    /// Returns the memory of a table that is nearly empty.
    fn shrink(&mut self, hashing: &impl Hashing<T>) {
        let len = self.table.len();
        if len == 0 {
            self.table = Table::default();
        } else if self.table.buckets() > 16 && len <= self.table.buckets() / 8 {
            let slots = self.hashed(hashing);
            *self = Segment::build(&slots, self.depth);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    /// Slots that are their own key.
    struct Mixed;

    impl Hashing<u64> for Mixed {
        fn hash(&self, slot: &u64) -> u64 {
            let mixed = slot.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        }
        fn prefetch(&self, _: &u64) {}
    }

    fn insert(table: &mut Segments<u64>, slot: u64) {
        table.insert(Mixed.hash(&slot), slot, &Mixed);
    }

    fn remove(table: &mut Segments<u64>, slot: u64) -> Option<u64> {
        table.remove(Mixed.hash(&slot), |&other| other == slot, &Mixed)
    }

    fn contains(table: &Segments<u64>, slot: u64) -> bool {
        table.find(Mixed.hash(&slot), |&other| other == slot).is_some()
    }

    #[test]
    fn grows_and_shrinks_without_losing_a_slot() {
        let mut table = Segments::default();
        (0..100_000).for_each(|slot| insert(&mut table, slot));
        assert!((0..100_000).all(|slot| contains(&table, slot)) && !contains(&table, 100_000));
        assert!(table.segments() > 200 && table.len() == 100_000);
        for slot in 0..100_000 {
            assert_eq!(remove(&mut table, slot), Some(slot));
            if slot % 10_000 == 0 {
                assert!((slot + 1..100_000).all(|slot| contains(&table, slot)));
            }
        }
        assert_eq!((table.len(), table.segments(), table.directory.len()), (0, 1, 1));
        assert!(table.memory() < 200_000);
    }

    #[test]
    fn a_table_laid_out_for_its_slots_hardly_splits_and_is_no_larger() {
        for len in [1, 399, 400, 900, 20_000, 200_000] {
            let (mut grown, mut reserved) = (Segments::default(), Segments::default());
            reserved.reserve(len);
            let segments = reserved.segments();
            for slot in 0..len as u64 {
                insert(&mut grown, slot);
                insert(&mut reserved, slot);
            }
            assert!((0..len as u64).all(|slot| contains(&reserved, slot)));
            assert!(reserved.segments() - segments <= segments / 32, "{len}");
            assert!(reserved.memory() <= grown.memory() * 9 / 8, "{len}");
            (0..len as u64).for_each(|slot| assert!(remove(&mut reserved, slot).is_some()));
            assert_eq!((reserved.segments(), reserved.directory.len()), (1, 1));
        }
    }

    #[test]
    fn churn_keeps_segments_small() {
        let (mut table, mut rng, mut live) = (Segments::default(), Rng::seeded(2), Vec::new());
        for slot in 0..300_000 {
            insert(&mut table, slot);
            live.push(slot);
            if live.len() > 3000 {
                let gone = live.swap_remove(rng.below(live.len()));
                assert_eq!(remove(&mut table, gone), Some(gone));
            }
        }
        assert!(live.iter().all(|&slot| contains(&table, slot)));
        let segments = (0..table.segments.span()).filter_map(|id| table.segments.get(id));
        assert!(segments.map(|segment| segment.table.buckets()).all(|n| n <= SEGMENT_BUCKETS_MAX));
    }

    #[test]
    fn segments_cover_the_hash_space_in_order() {
        let mut table = Segments::default();
        (0..20_000).for_each(|slot| insert(&mut table, slot));
        let (mut from, mut seen) = (0, 0);
        loop {
            let (slots, next) = table.segment_at(from);
            let end = next.unwrap_or(1 << POSITION_BITS);
            for slot in slots {
                assert!((from..end).contains(&position(Mixed.hash(slot))));
                seen += 1;
            }
            let Some(next) = next else { break };
            from = next;
        }
        assert_eq!(seen, 20_000);
    }

    #[test]
    fn chance_reaches_every_slot_alike() {
        let (mut table, mut rng) = (Segments::default(), Rng::seeded(4));
        (0..1000).for_each(|slot| insert(&mut table, slot));
        let mut counts = [0u32; 1000];
        for _ in 0..200_000 {
            let slot = table.random(|bound| rng.below(bound)).expect("not empty");
            counts[slot as usize] += 1;
        }
        assert!(counts.iter().all(|count| (120..300).contains(count)));
        (1..1000).for_each(|slot| assert!(remove(&mut table, slot).is_some()));
        assert_eq!(table.random(|bound| rng.below(bound)), Some(0));
        remove(&mut table, 0);
        assert_eq!(table.random(|bound| rng.below(bound)), None);
    }

    #[test]
    fn slots_of_one_hash_end_in_one_large_table() {
        struct Same;
        impl Hashing<u64> for Same {
            fn hash(&self, _: &u64) -> u64 {
                7
            }
            fn prefetch(&self, _: &u64) {}
        }
        let mut table = Segments::default();
        (0..2000).for_each(|slot| table.insert(7, slot, &Same));
        assert!((0..2000).all(|slot| table.find(7, |&other| other == slot) == Some(slot)));
        let mut found = 0;
        table.candidates(7, |_| found += 1);
        assert!(found == 2000 && table.directory.len() < 10_000);
    }
}
