//! HyperLogLogs: estimates of how many different elements a set has, kept in strings that are
//! Redis's byte for byte.
//!
//! An element's hash chooses one of 16,384 registers, which keeps the longest run of zero bits seen
//! in the rest of the hash. Behind a header of 16 bytes (`HYLL`, the form, three unused bytes, the
//! last estimate) registers stand in one of two forms. Dense: six bits each. Sparse: runs of equal
//! registers, by three opcodes:
//!
//! | opcode | bits | registers |
//! |---|---|---|
//! | ZERO | `00xxxxxx` | x + 1 of value 0 |
//! | XZERO | `01xxxxxx yyyyyyyy` | xy + 1 of value 0 |
//! | VAL | `1vvvvvxx` | x + 1 of value v + 1 |
//!
//! Invariant: clients can write any byte of these strings, so nothing here trusts more of one than
//! its header; what does not name every register exactly once is corrupted.

mod estimate;
mod opcodes;
mod selftest;

use self::estimate::{Mark, estimate};
use self::opcodes::{Op, Place, VAL_MAX};
pub use self::selftest::self_test;

const REGISTERS: usize = 1 << INDEX_BITS;
const INDEX_BITS: u32 = 14;
/// The longest run: all bits of a hash that do not choose the register, and the 1 behind them.
const RUN_MAX: usize = 64 - INDEX_BITS as usize + 1;

const MAGIC: &[u8; 4] = b"HYLL";
const HEADER_BYTES: usize = 16;
const FORM_AT: usize = 4;
const ESTIMATE_AT: usize = 8;
/// The highest bit of the estimate's last byte: the registers changed since.
const STALE_AT: usize = 15;
const STALE: u8 = 0x80;
const DENSE_BYTES: usize = HEADER_BYTES + REGISTERS * 6 / 8;
/// Two bytes for one register is the longest that a sparse form can be.
const SPARSE_BYTES_MAX: usize = HEADER_BYTES + REGISTERS * 2;
const EMPTY: [u8; 18] = *b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff";

/// How far behind a changed opcode equal neighbors are looked for.
const MERGE_OPCODES: usize = 5;

/// A string that says it is a HyperLogLog and is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Corrupted;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    Dense,
    Sparse,
}

/// A HyperLogLog as it lies in a key.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    bytes: &'a [u8],
    form: Form,
}

impl<'a> View<'a> {
    /// The HyperLogLog in `bytes`; `None` if the header is not one's.
    pub fn new(bytes: &'a [u8]) -> Option<View<'a>> {
        if bytes.len() < HEADER_BYTES || !bytes.starts_with(MAGIC) {
            return None;
        }
        let form = match bytes[FORM_AT] {
            0 if bytes.len() == DENSE_BYTES => Form::Dense,
            1 => Form::Sparse,
            _ => return None,
        };
        Some(View { bytes, form })
    }

    pub fn form(self) -> Form {
        self.form
    }

    /// The last estimate, unless the registers changed since.
    pub fn estimate(self) -> Option<u64> {
        let bytes = self.bytes[ESTIMATE_AT..HEADER_BYTES].try_into().expect("eight bytes");
        (self.bytes[STALE_AT] & STALE == 0).then(|| u64::from_le_bytes(bytes))
    }

    /// Whether an element would change a register of this dense HyperLogLog.
    pub fn dense_lacks(self, element: &[u8]) -> bool {
        let Mark { index, run } = Mark::of(element);
        run > dense_register(self.bytes, index)
    }

    /// Counts the registers and estimates anew.
    pub fn count(self) -> Result<u64, Corrupted> {
        let mut histogram = [0; 64];
        self.each_run(|value, run| histogram[usize::from(value)] += u32::from(run))?;
        Ok(estimate(&histogram))
    }

    /// The dense form of the same registers.
    pub fn to_dense(self) -> Result<Vec<u8>, Corrupted> {
        if self.form == Form::Dense {
            return Ok(self.bytes.to_vec());
        }
        let mut dense = vec![0; DENSE_BYTES];
        dense[..HEADER_BYTES].copy_from_slice(&self.bytes[..HEADER_BYTES]);
        dense[FORM_AT] = 0;
        let mut index = 0;
        self.each_run(|value, run| {
            for index in index..index + run {
                put_register(&mut dense, index, value);
            }
            index += run;
        })?;
        Ok(dense)
    }

    /// The registers, one after the other.
    pub fn registers(self) -> Result<Vec<u8>, Corrupted> {
        let mut union = Union::new();
        union.add(self)?;
        Ok(union.registers.to_vec())
    }

    /// The opcodes of the sparse form in Redis's notation, whether they make sense or not. Redis
    /// reads the NUL behind its strings where the last opcode lacks its second byte.
    pub fn decode(self) -> Result<String, Corrupted> {
        self.check_length()?;
        let (bytes, mut at) = ([self.bytes, b"\0"].concat(), HEADER_BYTES);
        let mut words = Vec::new();
        while at < self.bytes.len() {
            let Op { value, run, size } = Op::at(&bytes, at).ok_or(Corrupted)??;
            words.push(match (value, size) {
                (0, 1) => format!("z:{run}"),
                (0, _) => format!("Z:{run}"),
                _ => format!("v:{value},{run}"),
            });
            at += size;
        }
        Ok(words.join(" "))
    }

    /// Calls `visit` with value and length of runs that together are all registers.
    fn each_run(self, mut visit: impl FnMut(u8, u16)) -> Result<(), Corrupted> {
        if self.form == Form::Dense {
            for group in self.bytes[HEADER_BYTES..].chunks_exact(3) {
                registers_of(group.try_into().expect("three bytes"))
                    .into_iter()
                    .for_each(|value| visit(value, 1));
            }
            return Ok(());
        }
        let mut left = REGISTERS as u16;
        for op in self.opcodes()? {
            let Op { value, run, .. } = op?;
            left = left.checked_sub(run).ok_or(Corrupted)?;
            visit(value, run);
        }
        if left == 0 { Ok(()) } else { Err(Corrupted) }
    }

    fn check_length(self) -> Result<(), Corrupted> {
        if self.bytes.len() > SPARSE_BYTES_MAX { Err(Corrupted) } else { Ok(()) }
    }

    fn opcodes(self) -> Result<impl Iterator<Item = Result<Op, Corrupted>> + use<'a>, Corrupted> {
        self.check_length()?;
        let (bytes, mut at) = (self.bytes, HEADER_BYTES);
        Ok(std::iter::from_fn(move || {
            let op = Op::at(bytes, at)?;
            at += op.map_or(bytes.len(), |op| op.size);
            Some(op)
        }))
    }
}

/// Adds an element to the bytes of a dense HyperLogLog; true if a register changed.
pub fn add_dense(bytes: &mut [u8], element: &[u8]) -> bool {
    raise_dense(bytes, Mark::of(element))
}

/// Notes that the registers changed.
pub fn make_stale(bytes: &mut [u8]) {
    bytes[STALE_AT] |= STALE;
}

/// Keeps an estimate for the next one who asks.
pub fn keep_estimate(bytes: &mut [u8], estimate: u64) {
    bytes[ESTIMATE_AT..HEADER_BYTES].copy_from_slice(&estimate.to_le_bytes());
}

/// The highest value of each register among several HyperLogLogs.
pub struct Union {
    registers: Box<[u8; REGISTERS]>,
    dense: bool,
}

impl Union {
    pub fn new() -> Union {
        let registers = vec![0; REGISTERS].into_boxed_slice();
        Union { registers: registers.try_into().expect("the length is given"), dense: false }
    }

    pub fn add(&mut self, hll: View<'_>) -> Result<(), Corrupted> {
        self.dense |= hll.form() == Form::Dense;
        let mut rest = &mut self.registers[..];
        hll.each_run(|value, run| {
            let (these, others) = std::mem::take(&mut rest).split_at_mut(usize::from(run));
            these.iter_mut().for_each(|register| *register = value.max(*register));
            rest = others;
        })
    }

    pub fn count(&self) -> u64 {
        let mut histogram = [0; 64];
        self.registers.iter().for_each(|value| histogram[usize::from(*value)] += 1);
        estimate(&histogram)
    }

    /// Raises the registers of `hll` to those of the union, in the form that the union asks for.
    pub fn write_to(&self, hll: &mut Sketch) -> Result<(), Corrupted> {
        if self.dense {
            hll.make_dense()?;
        }
        let mut place = Place::START;
        for (index, &run) in (0u16..).zip(self.registers.iter()).filter(|(_, run)| **run > 0) {
            hll.raise(Mark { index, run }, &mut place)?;
        }
        make_stale(&mut hll.bytes);
        Ok(())
    }
}

impl Default for Union {
    fn default() -> Union {
        Union::new()
    }
}

/// A HyperLogLog of its own, to be changed.
#[derive(Clone, Debug)]
pub struct Sketch {
    bytes: Vec<u8>,
    /// From how many bytes on a sparse form turns dense.
    sparse_bytes_max: usize,
}

impl Sketch {
    /// Without an element.
    pub fn new(sparse_bytes_max: usize) -> Sketch {
        Sketch { bytes: EMPTY.to_vec(), sparse_bytes_max }
    }

    /// A copy of `hll`, unless no HyperLogLog is that long.
    pub fn copy(hll: View<'_>, sparse_bytes_max: usize) -> Result<Sketch, Corrupted> {
        hll.check_length()?;
        Ok(Sketch { bytes: hll.bytes.to_vec(), sparse_bytes_max })
    }

    pub fn view(&self) -> View<'_> {
        View::new(&self.bytes).expect("a sketch keeps its header")
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Adds an element; true if a register changed.
    pub fn add(&mut self, element: &[u8]) -> Result<bool, Corrupted> {
        let mut place = Place::START;
        self.raise(Mark::of(element), &mut place)
    }

    pub fn make_stale(&mut self) {
        make_stale(&mut self.bytes);
    }

    pub fn make_dense(&mut self) -> Result<(), Corrupted> {
        if self.view().form() == Form::Sparse {
            self.bytes = self.view().to_dense()?;
        }
        Ok(())
    }

    fn raise(&mut self, mark: Mark, place: &mut Place) -> Result<bool, Corrupted> {
        if self.view().form() == Form::Dense {
            return Ok(raise_dense(&mut self.bytes, mark));
        }
        let op = place.advance(&self.bytes, mark.index)?;
        if op.value >= mark.run {
            return Ok(false);
        }
        let split = op.split(mark, place.first);
        let len = self.bytes.len() + split.len - op.size;
        if mark.run > VAL_MAX || split.len > op.size && len > self.sparse_bytes_max {
            self.make_dense()?;
            return Ok(raise_dense(&mut self.bytes, mark));
        }
        self.bytes.splice(place.at..place.at + op.size, split.bytes());
        self.merge_values(place.previous.map_or(HEADER_BYTES, |(at, _)| at));
        place.step_back();
        Ok(true)
    }

    /// Joins equal neighbors among the opcodes from `at` on.
    fn merge_values(&mut self, mut at: usize) {
        for _ in 0..MERGE_OPCODES {
            let Some(Ok(op)) = Op::at(&self.bytes, at) else { return };
            match Op::at(&self.bytes, at + op.size) {
                Some(Ok(next)) if op.joins(next) => {
                    self.bytes[at] = Op::value(op.value, op.run + next.run);
                    self.bytes.remove(at + op.size);
                }
                _ => at += op.size,
            }
        }
    }
}

/// The four registers of three bytes, the first one in the lowest bits.
fn registers_of([a, b, c]: [u8; 3]) -> [u8; 4] {
    let group = u32::from_le_bytes([a, b, c, 0]);
    [0, 6, 12, 18].map(|shift| (group >> shift & 0x3f) as u8)
}

fn put_register(dense: &mut [u8], index: u16, value: u8) {
    let (group, shift) = (usize::from(index / 4) * 3, u32::from(index % 4) * 6);
    let bytes = &mut dense[HEADER_BYTES + group..][..3];
    let old = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
    let new = old & !(0x3f << shift) | u32::from(value) << shift;
    bytes.copy_from_slice(&new.to_le_bytes()[..3]);
}

fn dense_register(dense: &[u8], index: u16) -> u8 {
    let group = HEADER_BYTES + usize::from(index / 4) * 3;
    let group = dense[group..][..3].try_into().expect("three bytes");
    registers_of(group)[usize::from(index % 4)]
}

fn raise_dense(dense: &mut [u8], Mark { index, run }: Mark) -> bool {
    let raised = run > dense_register(dense, index);
    if raised {
        put_register(dense, index, run);
    }
    raised
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};

    const MAX: usize = 3000;

    fn sketch(elements: impl IntoIterator<Item = u64>, sparse_bytes_max: usize) -> Sketch {
        let mut hll = Sketch::new(sparse_bytes_max);
        for element in elements {
            hll.add(element.to_string().as_bytes()).expect("sound");
        }
        hll
    }

    fn dense(hll: &Sketch) -> Vec<u8> {
        hll.view().to_dense().expect("sound")
    }

    fn count(hll: &Sketch) -> u64 {
        hll.view().count().expect("sound")
    }

    #[test]
    fn opcodes_are_those_of_redis() {
        let mut hll = Sketch::new(MAX);
        assert_eq!(hll.view().decode().as_deref(), Ok("Z:16384"));
        for element in ["a", "b", "c"] {
            assert_eq!(hll.add(element.as_bytes()), Ok(true));
        }
        assert_eq!(hll.add(b"b"), Ok(false));
        let decoded = hll.view().decode();
        assert_eq!(decoded.as_deref(), Ok("Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603"));
        assert_eq!(&hll.bytes[16..20], b"\x60\xf3\x80\x50");
    }

    #[test]
    fn estimates_are_those_of_redis() {
        for (elements, expected) in [(0, 0), (1, 1), (40, 40), (1000, 1001), (100_000, 99_562)] {
            assert_eq!(count(&sketch(1..=elements, MAX)), expected, "{elements}");
        }
    }

    #[test]
    fn long_elements_and_short_ones_have_redis_hashes() {
        assert_eq!(Mark::of(b""), Mark { index: 5938, run: 2 });
        assert_eq!(Mark::of(b"0123456789abcdef"), Mark { index: 5949, run: 1 });
        assert_eq!(Mark::of(b"0123456789abcdefghi"), Mark { index: 10_048, run: 1 });
    }

    #[test]
    fn neighbors_of_one_value_are_joined() {
        let mut hll = Sketch::new(MAX);
        let mut raise = |index, run| {
            let changed = hll.raise(Mark { index, run }, &mut { Place::START });
            assert_eq!(changed, Ok(true));
            hll.view().decode().expect("sound")
        };
        assert_eq!(raise(1, 3), "z:1 v:3,1 Z:16382");
        assert_eq!(raise(3, 3), "z:1 v:3,1 z:1 v:3,1 Z:16380");
        assert_eq!(raise(2, 3), "z:1 v:3,3 Z:16380");
        assert_eq!(raise(0, 3), "v:3,4 Z:16380");
        assert_eq!(raise(4, 3), "v:3,4 v:3,1 Z:16379");
        assert_eq!(raise(2, 4), "v:3,2 v:4,1 v:3,2 Z:16379");
        assert_eq!(raise(16383, 32), "v:3,2 v:4,1 v:3,2 Z:16378 v:32,1");
    }

    #[test]
    fn a_sparse_form_turns_dense_at_its_limit_or_a_long_run() {
        let mut hll = Sketch::new(18 + 3);
        assert_eq!(hll.add(b"a"), Ok(true));
        assert_eq!((hll.view().form(), hll.bytes.len()), (Form::Sparse, 21));
        assert_eq!(hll.add(b"b"), Ok(true));
        assert_eq!((hll.view().form(), hll.bytes.len()), (Form::Dense, DENSE_BYTES));

        let mut hll = Sketch::new(MAX);
        assert_eq!(hll.raise(Mark { index: 7, run: 33 }, &mut { Place::START }), Ok(true));
        assert_eq!((hll.view().form(), count(&hll)), (Form::Dense, 1));
    }

    #[test]
    fn both_forms_hold_the_same_registers() {
        let seed = os_seed();
        let mut rng = Rng::seeded(seed);
        for _ in 0..20 {
            let elements: Vec<u64> = (0..rng.below(5000)).map(|_| rng.u64()).collect();
            let large = sketch(elements.iter().copied(), SPARSE_BYTES_MAX);
            let small = sketch(elements.iter().copied(), 0);
            assert_eq!(large.view().form(), Form::Sparse, "seed {seed}");
            assert_eq!(dense(&large), small.bytes, "seed {seed}");
            assert_eq!(count(&large), count(&small), "seed {seed}");
        }
    }

    #[test]
    fn a_union_written_back_is_what_single_steps_write() {
        let seed = os_seed();
        let mut rng = Rng::seeded(seed);
        for _ in 0..50 {
            let mut numbers = |count| (0..rng.below(count)).map(|_| rng.u64() % 3000).collect();
            let (old, new): (Vec<u64>, Vec<u64>) = (numbers(1000), numbers(1000));
            let (mut quick, mut slow) = (sketch(old.clone(), MAX), sketch(old, MAX));
            let mut union = Union::new();
            union.add(quick.view()).expect("sound");
            union.add(sketch(new, MAX).view()).expect("sound");
            for (index, &run) in (0..).zip(union.registers.iter()).filter(|(_, run)| **run > 0) {
                slow.raise(Mark { index, run }, &mut { Place::START }).expect("sound");
            }
            slow.make_stale();
            union.write_to(&mut quick).expect("sound");
            assert_eq!(quick.bytes, slow.bytes, "seed {seed}");
            assert_eq!(count(&quick), union.count(), "seed {seed}");
        }
    }

    #[test]
    fn the_estimate_is_kept_until_it_is_stale() {
        let mut hll = sketch(1..=10, MAX);
        assert_eq!(hll.view().estimate(), Some(0));
        hll.make_stale();
        assert_eq!(hll.view().estimate(), None);
        keep_estimate(&mut hll.bytes, 10);
        assert_eq!(hll.view().estimate(), Some(10));
        assert_eq!(&hll.bytes[8..16], b"\x0a\0\0\0\0\0\0\0");
    }

    #[test]
    fn other_strings_are_no_hyperloglogs() {
        let good = sketch(1..=10, MAX).bytes;
        let dense = dense(&sketch(1..=10, MAX));
        assert!(View::new(&good).is_some() && View::new(&dense).is_some());
        assert!(View::new(&good[..15]).is_none() && View::new(&dense[1..]).is_none());
        for (at, byte) in [(0, b'h'), (3, b'l'), (4, 0), (4, 2)] {
            let mut bad = good.clone();
            bad[at] = byte;
            assert!(View::new(&bad).is_none());
        }
        assert!(View::new(&dense[..DENSE_BYTES - 1]).is_none());
    }

    #[test]
    fn registers_too_many_or_too_few_are_corruption() {
        let with = |opcodes: &[u8]| [&EMPTY[..16], opcodes].concat();
        for opcodes in [&b""[..], b"\x7f", b"\x7f\xfe", b"\x7f\xff\x00", b"\x7f\xff\x80"] {
            let bytes = with(opcodes);
            let hll = View::new(&bytes).expect("a header");
            assert_eq!(hll.count(), Err(Corrupted));
            assert_eq!(hll.to_dense(), Err(Corrupted));
            assert_eq!(Union::new().add(hll), Err(Corrupted));
        }
        let long = with(&[0; SPARSE_BYTES_MAX]);
        let hll = View::new(&long).expect("a header");
        assert_eq!(hll.decode(), Err(Corrupted));
        assert!(Sketch::copy(hll, MAX).is_err());
    }

    #[test]
    fn damaged_opcodes_are_shown_as_they_are() {
        for (opcodes, shown) in [(&b"\x7f"[..], "Z:16129"), (b"\x00\x40", "z:1 Z:1"), (b"", "")] {
            let bytes = [&EMPTY[..16], opcodes].concat();
            assert_eq!(View::new(&bytes).expect("a header").decode().as_deref(), Ok(shown));
        }
    }

    #[test]
    fn forged_registers_are_counted_all_the_same() {
        for byte in 0..=255 {
            let mut bytes = vec![byte; DENSE_BYTES];
            bytes[..16].copy_from_slice(&EMPTY[..16]);
            bytes[FORM_AT] = 0;
            assert!(View::new(&bytes).expect("a header").count().is_ok());
        }
        let mut all = [0; 64];
        all[RUN_MAX] = REGISTERS as u32;
        assert_eq!(estimate(&all), 1 << 63);
    }

    #[test]
    fn no_byte_of_a_string_makes_it_panic() {
        let seed = os_seed();
        let mut rng = Rng::seeded(seed);
        println!("seed {seed}");
        for _ in 0..3000 {
            let elements: Vec<u64> = (0..rng.below(400)).map(|_| rng.u64()).collect();
            let mut bytes = sketch(elements, SPARSE_BYTES_MAX).bytes;
            mutate(&mut bytes, &mut rng);
            let Some(hll) = View::new(&bytes) else { continue };
            let _ = (hll.count(), hll.decode(), hll.registers(), hll.estimate());
            let mut union = Union::new();
            let sound = union.add(hll).is_ok();
            assert_eq!(sound, hll.to_dense().is_ok(), "seed {seed}");
            let mut copy = Sketch::copy(hll, rng.below(4000)).expect("short");
            let added = (0..50).all(|element| copy.add(&[element]).is_ok());
            assert!(added || !sound, "seed {seed}");
            assert_eq!(copy.view().count().is_ok(), sound, "seed {seed}");
        }
    }

    fn mutate(bytes: &mut Vec<u8>, rng: &mut Rng) {
        for _ in 0..1 + rng.below(5) {
            // Mostly behind the magic, so that the rest is looked at.
            let at = if rng.below(8) == 0 { 0 } else { FORM_AT } + rng.below(bytes.len() - FORM_AT);
            match rng.below(4) {
                0 => bytes.truncate(at.max(HEADER_BYTES)),
                1 => bytes.insert(at.max(HEADER_BYTES), rng.u64() as u8),
                _ => bytes[at] = rng.u64() as u8,
            }
        }
    }
}
