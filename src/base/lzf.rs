//! LZF, the compression of strings in Redis's snapshots (Marc Lehmann's liblzf).
//!
//! ```text
//! 000lllll text                 literal of l + 1 bytes, 1 to 32
//! lllooooo oooooooo             l + 2 bytes, 3 to 8, from o + 1 bytes back
//! 111ooooo llllllll oooooooo    l + 9 bytes, 9 to 264, from o + 1 bytes back
//! ```
//!
//! Invariant: what is decompressed never takes more memory than its compressed form allows.

const LITERAL_MAX: usize = 32;
const MATCH_MIN: usize = 3;
const MATCH_MAX: usize = 264;
/// How far back a match may begin.
const DISTANCE_MAX: usize = 1 << 13;
/// Matches of this length say it in a byte of their own.
const LONG_MATCH: usize = 9;
/// Most bytes that one compressed byte stands for: three bytes make 264.
pub const RATIO_MAX: usize = 88;
/// What compression must save to be worth it, as in Redis.
const SAVED_MIN: usize = 4;
const TABLE_BITS: u32 = 14;

/// Finds repetitions. Costs 64 KiB, and nothing to be used again.
pub struct Compressor {
    /// Where three bytes with a certain hash were seen last: counted from `base`, below which
    /// stands what was seen in other texts.
    table: Box<[u32]>,
    base: u32,
}

impl Default for Compressor {
    fn default() -> Compressor {
        Compressor::new()
    }
}

impl Compressor {
    pub fn new() -> Compressor {
        Compressor { table: vec![0; 1 << TABLE_BITS].into_boxed_slice(), base: 1 }
    }

    /// Appends `text` in its compressed form to `out`; false, and nothing appended, when that would
    /// not save four bytes or the text has 2 GiB or more.
    pub fn compress(&mut self, text: &[u8], out: &mut Vec<u8>) -> bool {
        let (Some(limit), Ok(len)) = (text.len().checked_sub(SAVED_MIN), u32::try_from(text.len()))
        else {
            return false;
        };
        if len >= 1 << 31 {
            return false;
        }
        self.forget(len);
        let start = out.len();
        let (mut at, mut literal) = (0, 0);
        while at + MATCH_MIN <= text.len() {
            let Some(from) = self.seen(text, at) else {
                at += 1;
                continue;
            };
            let length = common(&text[from..], &text[at..]);
            push_literals(&text[literal..at], out);
            push_match(at - from, length, out);
            if out.len() - start > limit {
                break;
            }
            // The places within a match are noted as well, for matches that begin there.
            let end = at + length;
            (at + 1..end.min(text.len() - MATCH_MIN + 1)).for_each(|place| {
                self.seen(text, place);
            });
            (at, literal) = (end, end);
        }
        push_literals(&text[literal..], out);
        let saves = out.len() - start <= limit;
        if !saves {
            out.truncate(start);
        }
        saves
    }

    /// Makes what was seen in earlier texts unknown before one of `len` bytes.
    fn forget(&mut self, len: u32) {
        // Everything noted lies below the base of the text to come.
        match self.base.checked_add(len) {
            Some(_) => {}
            None => {
                self.table.fill(0);
                self.base = 1;
            }
        }
    }

    /// Where the three bytes at `at` stood before, near enough for a match; notes that they stand
    /// there.
    #[inline]
    fn seen(&mut self, text: &[u8], at: usize) -> Option<usize> {
        let next = &text[at..at + MATCH_MIN];
        let number = u32::from_be_bytes([0, next[0], next[1], next[2]]);
        let hash = number.wrapping_mul(0x9e37_79b1) >> (32 - TABLE_BITS);
        let slot = &mut self.table[hash as usize];
        let before = slot.checked_sub(self.base);
        *slot = self.base + at as u32;
        let before = before? as usize;
        (before < at && at - before <= DISTANCE_MAX && text[before..before + MATCH_MIN] == *next)
            .then_some(before)
    }
}

/// Bytes that both texts begin with, as far as a match goes.
fn common(one: &[u8], other: &[u8]) -> usize {
    let pairs = one.iter().zip(other).take(MATCH_MAX);
    pairs.take_while(|(a, b)| a == b).count()
}

fn push_literals(text: &[u8], out: &mut Vec<u8>) {
    for run in text.chunks(LITERAL_MAX) {
        out.push((run.len() - 1) as u8);
        out.extend_from_slice(run);
    }
}

fn push_match(distance: usize, length: usize, out: &mut Vec<u8>) {
    let [.., high, low] = ((distance - 1) as u32).to_be_bytes();
    match length {
        ..LONG_MATCH => out.push(((length - 2) as u8) << 5 | high),
        _ => out.extend_from_slice(&[7 << 5 | high, (length - LONG_MATCH) as u8]),
    }
    out.push(low);
}

/// Appends the `len` bytes that `packed` stands for to `out`. `None` when it stands for more, fewer
/// or nothing at all; what was appended by then is to be thrown away.
pub fn decompress(packed: &[u8], len: usize, out: &mut Vec<u8>) -> Option<()> {
    if len > packed.len().saturating_mul(RATIO_MAX) {
        return None;
    }
    let start = out.len();
    out.reserve_exact(len);
    let mut rest = packed;
    while let Some((&head, tail)) = rest.split_first() {
        let left = len - (out.len() - start);
        if head < 1 << 5 {
            let count = usize::from(head) + 1;
            let (text, tail) = tail.split_at_checked(count).filter(|_| count <= left)?;
            out.extend_from_slice(text);
            rest = tail;
            continue;
        }
        let (count, tail) = match usize::from(head >> 5) {
            7 => tail.split_first().map(|(more, tail)| (usize::from(*more) + LONG_MATCH, tail))?,
            short => (short + 2, tail),
        };
        let (&low, tail) = tail.split_first().filter(|_| count <= left)?;
        let distance = usize::from(head & 31) << 8 | usize::from(low);
        let from = out.len().checked_sub(distance + 1).filter(|from| *from >= start)?;
        repeat(out, from, count);
        rest = tail;
    }
    (out.len() - start == len).then_some(())
}

/// Appends `count` bytes of `out` from `from` on, which may reach into what is being appended.
fn repeat(out: &mut Vec<u8>, from: usize, count: usize) {
    let mut left = count;
    while left > 0 {
        let part = left.min(out.len() - from);
        out.extend_from_within(from..from + part);
        left -= part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};

    fn round_trip(compressor: &mut Compressor, text: &[u8]) {
        let (mut packed, mut out) = (b"before".to_vec(), b"there".to_vec());
        if !compressor.compress(text, &mut packed) {
            return assert_eq!(packed, b"before");
        }
        let packed = &packed[b"before".len()..];
        assert!(packed.len() + SAVED_MIN <= text.len());
        decompress(packed, text.len(), &mut out).expect("what was compressed");
        assert_eq!(out.strip_prefix(b"there"), Some(text));
        for wrong in [text.len() - 1, text.len() + 1, usize::MAX] {
            assert_eq!(decompress(packed, wrong, &mut Vec::new()), None);
        }
        let cut = &packed[..packed.len() - 1];
        assert_eq!(decompress(cut, text.len(), &mut Vec::new()), None);
    }

    #[test]
    fn texts_survive() {
        let seed = os_seed();
        println!("seed {seed}");
        let (mut rng, mut compressor) = (Rng::seeded(seed), Compressor::new());
        for _ in 0..3000 {
            let letters = 1 + rng.below(20);
            let bits = rng.below(15);
            let len = rng.below(1 << bits);
            let text: Vec<u8> = (0..len).map(|_| rng.below(letters) as u8).collect();
            round_trip(&mut compressor, &text);
        }
        // The numbers of places start anew.
        compressor.base = u32::MAX - 50;
        (0..5).for_each(|_| round_trip(&mut compressor, &[b'x'; 100]));
    }

    #[test]
    fn repetition_is_found_and_noise_is_not_compressed() {
        let mut compressor = Compressor::new();
        let mut out = Vec::new();
        assert!(compressor.compress(&[b'x'; 1000], &mut out) && out.len() < 20);
        out.clear();
        let noise: Vec<u8> = (0..=255).collect();
        assert!(!compressor.compress(&noise, &mut out) && out.is_empty());
        assert!(!compressor.compress(b"", &mut out) && !compressor.compress(b"aaaa", &mut out));
    }

    #[test]
    fn what_redis_compressed_is_read() {
        // The value of a DUMP by Redis 7.0.15: a hundred times "ab".
        let mut out = Vec::new();
        let packed = b"\x02\x61\x62\x61\xe0\xba\x01\x01\x61\x62";
        decompress(packed, 200, &mut out).expect("what Redis compressed");
        assert_eq!(out, b"ab".repeat(100));
    }

    #[test]
    fn random_bytes_do_no_harm() {
        let mut rng = Rng::seeded(7);
        for _ in 0..50_000 {
            let packed: Vec<u8> = (0..rng.below(12)).map(|_| rng.u64() as u8).collect();
            let (mut out, len) = (Vec::new(), rng.below(600));
            if decompress(&packed, len, &mut out).is_some() {
                assert_eq!(out.len(), len);
            }
            assert!(out.len() <= len && out.capacity() <= packed.len() * RATIO_MAX);
        }
    }
}
