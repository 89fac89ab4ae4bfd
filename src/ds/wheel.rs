//! A hierarchical timing wheel of 6-byte records.
//!
//! Eight levels of 256 slots: a slot of the lowest level is one millisecond, a slot of the next
//! 256 of them, and so on. A record is filed in the lowest level whose window it shares with the
//! wheel's time, and comes out when its slot begins: on time from the lowest level, early from a
//! higher one. The record is only part of a hash. Whoever takes it out knows the truth and files it
//! again if it came early; so a cascade between levels and an extended deadline are the same thing.
//! Records that nobody waits for any more are taken out by a walk over all ([`Wheel::sweep`]).
//!
//! A bitmap per level makes the next time the wheel needs attention a matter of a few loads, so
//! its owner can sleep until then.
//!
//! Invariant: times are milliseconds and only order matters; knows nothing of keys.

use crate::ds::prefetch::prefetch;
use std::mem::take;

const SLOTS: usize = 256;
const SLOT_BITS: u32 = 8;
const LEVELS: usize = 8;
/// Records of a chunk.
pub const CHUNK_LEN: usize = 41;
const RECORD_BYTES: usize = 6;

/// Records ordered by the time they are due.
pub struct Wheel {
    levels: [Option<Box<Level>>; LEVELS],
    /// Slots of higher levels that have begun and are being taken out. They wait behind the
    /// lowest level, whose records are known to be due.
    backlog: Vec<Chain>,
    sweep: Option<Sweep>,
    time: u64,
    len: usize,
}

/// How far a walk over all records has come.
struct Sweep {
    level: usize,
    slot: usize,
    /// What is left of that slot. Its occupied bit stays until the walk has left it.
    rest: Chain,
}

struct Level {
    occupied: [u64; SLOTS / 64],
    slots: [Chain; SLOTS],
}

/// Records in chunks of 256 bytes, newest first.
#[derive(Default)]
struct Chain(Option<Box<Chunk>>);

struct Chunk {
    next: Option<Box<Chunk>>,
    len: u8,
    records: [[u8; RECORD_BYTES]; CHUNK_LEN],
}

const _: () = assert!(size_of::<Chunk>() == 256);

impl Wheel {
    /// An empty wheel that stands at `now`.
    pub fn new(now: i64) -> Wheel {
        Wheel {
            levels: [const { None }; LEVELS],
            backlog: Vec::new(),
            sweep: None,
            time: time_of(now),
            len: 0,
        }
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The time up to which everything has come out; never later than what [`Wheel::pop`] was
    /// told.
    pub fn time(&self) -> i64 {
        self.time.cast_signed()
    }

    /// Files `record`, a number of 48 bits, to come out at `at` or, early, once before.
    pub fn file(&mut self, record: u64, at: i64) {
        let at = time_of(at).max(self.time);
        let differing = (at ^ self.time).checked_ilog2().unwrap_or(0);
        let level = differing / SLOT_BITS;
        let slot = slot_of(at, level);
        let level = self.levels[level as usize].get_or_insert_with(Level::new);
        level.slots[slot].push(record);
        level.occupied[slot / 64] |= 1 << (slot % 64);
        self.len += 1;
    }

    /// A record whose slot has begun at `now`; `None` when nothing is due.
    pub fn pop(&mut self, now: i64) -> Option<u64> {
        let now = time_of(now);
        while let Some((start, level, slot)) = self.soonest() {
            if start > now {
                break;
            }
            self.time = start;
            if level == 0 {
                return self.pop_slot(slot);
            }
            self.begin_slot(level, slot);
        }
        let record = self.pop_backlog();
        if record.is_none() {
            // Nothing lies before `now`: stand there, so that what is filed next cascades less.
            self.time = self.time.max(now);
        }
        record
    }

    /// When [`Wheel::pop`] has something to give; `None` when the wheel is empty. Times that have
    /// begun count as well.
    pub fn next(&self) -> Option<i64> {
        if !self.backlog.is_empty() {
            return Some(self.time.cast_signed());
        }
        self.soonest().map(|(start, ..)| start.cast_signed())
    }

    /// Bytes of the records and the levels.
    pub fn memory(&self) -> usize {
        let levels = self.levels.iter().flatten().count();
        size_of::<Wheel>() + levels * size_of::<Level>() + self.len * size_of::<Chunk>() / CHUNK_LEN
    }

    /// Drops up to `chunks` chunks of a wheel that is no longer in use; true when more are left.
    pub fn drop_some(&mut self, chunks: usize) -> bool {
        let levels = self.levels.iter_mut().flatten();
        let rest = self.sweep.iter_mut().map(|sweep| &mut sweep.rest);
        let chains = levels.flat_map(|level| &mut level.slots).chain(&mut self.backlog).chain(rest);
        let mut left = chunks;
        for chain in chains {
            while chain.0.is_some() {
                if left == 0 {
                    return true;
                }
                chain.drop_chunk();
                left -= 1;
            }
        }
        self.len = 0;
        false
    }

    /// Begins a walk over the records of all levels but the lowest, whose records are due in no
    /// time. The caller knows that none is under way.
    pub fn begin_sweep(&mut self) {
        assert!(self.sweep.is_none());
        self.sweep = Some(Sweep { level: 0, slot: SLOTS - 1, rest: Chain::default() });
    }

    /// Takes the next records of the walk out, up to [`CHUNK_LEN`], and tells when they would have
    /// come; `None` at its end. Before anything else is asked of the wheel, those that are to stay
    /// must be put back with [`Wheel::keep`].
    pub fn sweep(&mut self, out: &mut Vec<u64>) -> Option<i64> {
        let mut sweep = self.sweep.take()?;
        while sweep.rest.0.is_none() {
            self.tidy_slot(sweep.level, sweep.slot);
            let (level, slot) = self.occupied_after(sweep.level, sweep.slot)?;
            sweep = Sweep { level, slot, rest: self.take_chain(level, slot) };
        }
        let before = out.len();
        sweep.rest.pop_chunk(out);
        self.len -= out.len() - before;
        let start = self.start_of(sweep.level as u32, sweep.slot);
        self.sweep = Some(sweep);
        Some(start.cast_signed())
    }

    /// Puts a record back where the walk took it from.
    pub fn keep(&mut self, record: u64) {
        let Some(Sweep { level, slot, .. }) = self.sweep else { return };
        if let Some(level) = &mut self.levels[level] {
            level.slots[slot].push(record);
            self.len += 1;
        }
    }

    /// Whether a walk is under way.
    pub fn is_swept(&self) -> bool {
        self.sweep.is_some()
    }

    /// The first occupied slot behind another one, in the same level or a higher one.
    fn occupied_after(&self, level: usize, slot: usize) -> Option<(usize, usize)> {
        let levels = self.levels.iter().enumerate().skip(level);
        levels
            .filter_map(|(index, slots)| {
                let from = if index == level { slot + 1 } else { 0 };
                Some((index, slots.as_ref()?.first_from(from)?))
            })
            .next()
    }

    /// A slot that a walk has left is not occupied if nothing was put back.
    fn tidy_slot(&mut self, level: usize, slot: usize) {
        if let Some(level) = &mut self.levels[level]
            && level.slots[slot].0.is_none()
        {
            level.occupied[slot / 64] &= !(1 << (slot % 64));
        }
    }

    /// The slot that begins first: its start, level and index. Of two that begin together the
    /// higher one counts, since it may hold what belongs into the other.
    fn soonest(&self) -> Option<(u64, usize, usize)> {
        let mut best: Option<(u64, usize, usize)> = None;
        for (level, slots) in (0u32..).zip(&self.levels) {
            let Some(slots) = slots else { continue };
            let Some(slot) = slots.first_from(slot_of(self.time, level)) else { continue };
            let start = self.start_of(level, slot);
            if best.is_none_or(|(other, ..)| start <= other) {
                best = Some((start, level as usize, slot));
            }
        }
        best
    }

    /// When a slot begins.
    fn start_of(&self, level: u32, slot: usize) -> u64 {
        let shift = level * SLOT_BITS;
        let window = self.time.checked_shr(shift + SLOT_BITS).unwrap_or(0);
        ((window << SLOT_BITS) | slot as u64) << shift
    }

    fn pop_slot(&mut self, slot: usize) -> Option<u64> {
        let level = self.levels[0].as_mut()?;
        let record = level.slots[slot].pop();
        if level.slots[slot].0.is_none() {
            level.occupied[slot / 64] &= !(1 << (slot % 64));
        }
        self.len -= usize::from(record.is_some());
        record
    }

    /// Moves all records of a slot to the backlog.
    fn begin_slot(&mut self, level: usize, slot: usize) {
        let chain = self.take_chain(level, slot);
        let rest = match &mut self.sweep {
            Some(sweep) if (sweep.level, sweep.slot) == (level, slot) => take(&mut sweep.rest),
            _ => Chain::default(),
        };
        self.backlog.extend([chain, rest].into_iter().filter(|chain| chain.0.is_some()));
        self.tidy_slot(level, slot);
    }

    fn take_chain(&mut self, level: usize, slot: usize) -> Chain {
        self.levels[level].as_mut().map_or(Chain::default(), |level| take(&mut level.slots[slot]))
    }

    fn pop_backlog(&mut self) -> Option<u64> {
        let chain = self.backlog.last_mut()?;
        let record = chain.pop();
        if chain.0.is_none() {
            self.backlog.pop();
        }
        self.len -= usize::from(record.is_some());
        record
    }
}

impl Level {
    fn new() -> Box<Level> {
        Box::new(Level { occupied: [0; SLOTS / 64], slots: [const { Chain(None) }; SLOTS] })
    }

    /// The first occupied slot at or after `from`, which may be one past the last.
    fn first_from(&self, from: usize) -> Option<usize> {
        let mut mask = u64::MAX << (from % 64);
        for word in from / 64..self.occupied.len() {
            let bits = self.occupied[word] & mask;
            if bits != 0 {
                return Some(word * 64 + bits.trailing_zeros() as usize);
            }
            mask = u64::MAX;
        }
        None
    }
}

impl Chain {
    fn push(&mut self, record: u64) {
        let full = self.0.as_ref().is_none_or(|chunk| usize::from(chunk.len) == CHUNK_LEN);
        if full {
            let next = self.0.take();
            let records = [[0; RECORD_BYTES]; CHUNK_LEN];
            self.0 = Some(Box::new(Chunk { next, len: 0, records }));
        }
        if let Some(chunk) = &mut self.0 {
            chunk.records[usize::from(chunk.len)]
                .copy_from_slice(&record.to_le_bytes()[..RECORD_BYTES]);
            chunk.len += 1;
        }
    }

    fn pop(&mut self) -> Option<u64> {
        let chunk = self.0.as_mut()?;
        chunk.len -= 1;
        let record = number(chunk.records[usize::from(chunk.len)]);
        if chunk.len == 0 {
            self.drop_chunk();
        }
        Some(record)
    }

    /// Takes the records of the newest chunk out.
    fn pop_chunk(&mut self, out: &mut Vec<u64>) {
        if let Some(chunk) = &self.0 {
            let records = &chunk.records[..usize::from(chunk.len)];
            out.extend(records.iter().map(|record| number(*record)));
            if let Some(next) = chunk.next.as_ref() {
                prefetch((&raw const **next).cast());
            }
            self.drop_chunk();
        }
    }

    fn drop_chunk(&mut self) {
        if let Some(mut chunk) = self.0.take() {
            self.0 = chunk.next.take();
        }
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // In a loop: a chain of millions would overflow the stack if each chunk dropped the next.
        while self.0.is_some() {
            self.drop_chunk();
        }
    }
}

fn number(record: [u8; RECORD_BYTES]) -> u64 {
    let [a, b, c, d, e, f] = record;
    u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

fn slot_of(time: u64, level: u32) -> usize {
    (time >> (level * SLOT_BITS)) as usize % SLOTS
}

fn time_of(at: i64) -> u64 {
    at.max(0).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use std::collections::BTreeMap;

    const START: i64 = 1_700_000_000_000;

    /// Lets the wheel run to `now`, filing again what came early; returns what came out on time.
    fn run(wheel: &mut Wheel, truth: &BTreeMap<u64, i64>, now: i64) -> Vec<u64> {
        let mut out = Vec::new();
        while let Some(record) = wheel.pop(now) {
            match truth[&record] {
                at if at <= now => out.push(record),
                at => wheel.file(record, at),
            }
        }
        out
    }

    #[test]
    fn every_record_comes_out_on_time() {
        let mut rng = Rng::seeded(9);
        let (mut wheel, mut truth, mut now) = (Wheel::new(START), BTreeMap::new(), START);
        for round in 0..3000u64 {
            for record in round * 10..round * 10 + rng.below(10) as u64 {
                let at = match rng.below(5) {
                    0 => now - rng.below(1000) as i64,
                    1 => now + rng.below(20) as i64,
                    2 => now + rng.below(100_000) as i64,
                    3 => now + rng.below(1 << 36) as i64,
                    _ => now.saturating_add(rng.u64().cast_signed() >> 1),
                };
                truth.insert(record, at);
                wheel.file(record, at);
            }
            now += match rng.below(50) {
                0 => rng.below(1 << 30) as i64,
                _ => rng.below(300) as i64,
            };
            let mut out = run(&mut wheel, &truth, now);
            out.sort_unstable();
            let due: Vec<u64> =
                truth.iter().filter(|(_, at)| **at <= now).map(|(r, _)| *r).collect();
            assert_eq!(out, due, "round {round}");
            truth.retain(|_, at| *at > now);
            assert_eq!(wheel.len(), truth.len());
        }
    }

    #[test]
    fn sleeping_until_next_misses_nothing() {
        let mut rng = Rng::seeded(10);
        let (mut wheel, mut truth) = (Wheel::new(START), BTreeMap::new());
        for record in 0..2000 {
            let at = START + (rng.u64() >> (24 + rng.below(40))) as i64;
            truth.insert(record, at);
            wheel.file(record, at);
        }
        let mut wakeups = 0;
        while let Some(now) = wheel.next() {
            wakeups += 1;
            for record in run(&mut wheel, &truth, now) {
                assert_eq!(truth.remove(&record), Some(now), "exactly at its time");
            }
        }
        // One wake-up per record and level at most, and far fewer than one per millisecond.
        assert!(truth.is_empty() && wakeups < 2000 * LEVELS);
    }

    #[test]
    fn an_idle_wheel_needs_no_attention() {
        let mut wheel = Wheel::new(START);
        assert_eq!((wheel.next(), wheel.pop(START + 1_000_000)), (None, None));
        wheel.file(1, i64::MAX);
        assert!(wheel.next() > Some(START + (1 << 40)));
        assert_eq!(wheel.pop(START + (1 << 40)), None);
    }

    #[test]
    fn the_clock_may_stand_anywhere() {
        for start in [i64::MIN, -1, 0, 255, i64::MAX - 1] {
            let mut wheel = Wheel::new(start);
            wheel.file(1, i64::MIN);
            wheel.file(2, start);
            assert!(wheel.pop(start).is_some() && wheel.pop(start).is_some());
        }
    }

    /// Records come and go while a walk takes out those with an even number.
    #[test]
    fn a_sweep_takes_out_what_is_not_kept_and_loses_nothing_else() {
        let mut rng = Rng::seeded(11);
        let (mut wheel, mut truth, mut now) = (Wheel::new(START), BTreeMap::new(), START);
        let mut records = Vec::new();
        for record in 0..100_000u64 {
            let at = now + 300 + (rng.u64() >> (25 + rng.below(30))) as i64;
            truth.insert(record, at);
            wheel.file(record, at);
            if record % 10_000 == 5000 {
                assert!(!wheel.is_swept());
                wheel.begin_sweep();
            }
            records.clear();
            if rng.below(5) == 0
                && let Some(start) = wheel.sweep(&mut records)
            {
                assert!(records.iter().all(|record| truth[record] >= start));
                for &record in &records {
                    if record % 2 == 0 {
                        truth.remove(&record);
                    } else {
                        wheel.keep(record);
                    }
                }
            }
            if rng.below(10) == 0 {
                now += rng.below(40) as i64;
                let due = run(&mut wheel, &truth, now);
                due.iter().for_each(|record| assert!(truth.remove(record).is_some()));
            }
            assert_eq!(wheel.len(), truth.len());
        }
        assert!(truth.keys().filter(|&record| record % 2 == 0).count() < 15_000);
        let due = run(&mut wheel, &truth, i64::MAX);
        assert_eq!((due.len(), wheel.len()), (truth.len(), 0));
    }

    #[test]
    fn a_wheel_is_dropped_in_pieces() {
        let mut wheel = Wheel::new(START);
        (0..100_000u64).for_each(|record| wheel.file(record, START + 5000));
        let memory = wheel.memory();
        assert!((600_000..700_000).contains(&memory), "{memory}");
        let mut pieces = 1;
        while wheel.drop_some(100) {
            pieces += 1;
        }
        assert_eq!((pieces, wheel.len()), (25, 0));
    }
}
