//! From elements to registers and from registers to the number of elements.
//!
//! Invariant: computes with Redis's operations in Redis's order, so that both estimate alike.

use super::{INDEX_BITS, REGISTERS, RUN_MAX};

/// What an element does to a HyperLogLog: the register `index` is at least `run`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    pub index: u16,
    pub run: u8,
}

impl Mark {
    pub fn of(element: &[u8]) -> Mark {
        let hash = murmur(element, 0xadc8_3b19);
        let index = (hash & (REGISTERS as u64 - 1)) as u16;
        let rest = hash >> INDEX_BITS | 1 << (64 - INDEX_BITS);
        Mark { index, run: rest.trailing_zeros() as u8 + 1 }
    }
}

/// The estimate for how many registers have which value, by Otmar Ertl's "New cardinality
/// estimation algorithms for HyperLogLog sketches" (arXiv:1702.01284).
pub fn estimate(histogram: &[u32; 64]) -> u64 {
    const ALPHA: f64 = 0.721_347_520_444_481_7;
    let registers = REGISTERS as f64;
    let count = |value: usize| f64::from(histogram[value]);
    let mut z = registers * tau((registers - count(RUN_MAX)) / registers);
    for value in (1..RUN_MAX).rev() {
        z += count(value);
        z *= 0.5;
    }
    z += registers * sigma(count(0) / registers);
    let estimate = (ALPHA * registers * registers / z).round();
    // Only a forged HyperLogLog is infinite; it gets what Redis makes of that.
    if estimate.is_finite() { estimate as u64 } else { 1 << 63 }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let previous = z;
        z += x * y;
        y += y;
        if z == previous {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let previous = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == previous {
            return z / 3.0;
        }
    }
}

/// MurmurHash64A.
fn murmur(text: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let mut hash = seed ^ (text.len() as u64).wrapping_mul(M);
    let words = text.chunks_exact(8);
    let rest = words.remainder();
    for word in words {
        let mut word = u64::from_le_bytes(word.try_into().expect("eight bytes")).wrapping_mul(M);
        word ^= word >> 47;
        hash = (hash ^ word.wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(M);
    hash ^ hash >> 47
}
