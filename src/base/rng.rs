//! Seeded chance: the only source of randomness in the crate.
//!
//! Everything random (sampling, LFU increments, hash seeds) draws from an [`Rng`] that can be
//! created from a number, so that a run can be repeated exactly.
//!
//! Invariant: knows nothing of what the chance is used for; not for cryptography.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A small, fast, seedable generator.
#[derive(Clone, Debug)]
pub struct Rng(fastrand::Rng);

impl Rng {
    /// The generator that `seed` stands for: equal seeds, equal sequences.
    pub fn seeded(seed: u64) -> Rng {
        Rng(fastrand::Rng::with_seed(seed))
    }

    /// A generator that nobody can predict, seeded by the operating system.
    pub fn from_os() -> Rng {
        Rng::seeded(os_seed())
    }

    /// 64 random bits.
    pub fn u64(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number in `0..bound`; `bound` is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.usize(..bound)
    }

    /// A number in `0.0..1.0`.
    pub fn f64(&mut self) -> f64 {
        self.0.f64()
    }

    /// Fills `out` with random bytes.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

/// Chooses some of many that are walked in order: each equally likely, exactly as many as wanted.
#[derive(Clone, Debug)]
pub struct Selection {
    wanted: usize,
    left: usize,
}

impl Selection {
    /// Of `len` things `wanted` are to be chosen, or all when there are no more.
    pub fn new(wanted: usize, len: usize) -> Selection {
        Selection { wanted, left: len }
    }

    /// Whether the next thing is chosen; asked once for each of them.
    pub fn next(&mut self, rng: &mut Rng) -> bool {
        let chosen = self.wanted > 0 && rng.below(self.left) < self.wanted;
        self.wanted -= usize::from(chosen);
        self.left -= 1;
        chosen
    }
}

/// 64 bits that differ in every process and cannot be guessed from outside.
pub fn os_seed() -> u64 {
    // The standard library asks the kernel for these keys; hashing nothing with them yields bits
    // that depend on nothing else.
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_sequences() {
        let (mut a, mut b) = (Rng::seeded(7), Rng::seeded(7));
        assert!((0..100).all(|_| a.u64() == b.u64()));
        assert_ne!(Rng::seeded(7).u64(), Rng::seeded(8).u64());
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut rng = Rng::from_os();
        assert!((0..1000).all(|_| rng.below(3) < 3 && (0.0..1.0).contains(&rng.f64())));
    }

    #[test]
    fn a_selection_has_the_wanted_size_and_no_favourites() {
        let (mut rng, mut counts) = (Rng::seeded(3), [0u32; 10]);
        for (wanted, expected) in [(0, 0), (4, 4), (10, 10), (usize::MAX, 10)] {
            for _ in 0..1000 {
                let mut selection = Selection::new(wanted, 10);
                let chosen = (0..10).filter(|_| selection.next(&mut rng)).collect::<Vec<usize>>();
                assert_eq!(chosen.len(), expected);
                if wanted == 4 {
                    chosen.into_iter().for_each(|index| counts[index] += 1);
                }
            }
        }
        assert!(counts.iter().all(|count| (330..470).contains(count)), "{counts:?}");
    }
}
