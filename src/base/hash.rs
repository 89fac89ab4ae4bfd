//! The keyed hash of byte strings: without the key, nobody outside the process can tell which
//! strings collide.
//!
//! Invariant: knows nothing of what is hashed; equal keys and equal bytes give equal hashes.

use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

use crate::base::rng::os_seed;

/// The key of the process.
static PROCESS: OnceLock<Keyed> = OnceLock::new();

/// A hash function.
#[derive(Clone, Debug)]
pub struct Keyed(SeedableRandomState);

impl Keyed {
    /// The function that `seed` stands for.
    pub fn seeded(seed: u64) -> Keyed {
        // The hasher wants its seeds for the life of the program, which is what a key is for;
        // 48 bytes are left behind when one is dropped earlier.
        let seeds: &'static SharedSeed = Box::leak(Box::new(SharedSeed::from_u64(seed)));
        Keyed(SeedableRandomState::with_seed(seed.rotate_left(32), seeds))
    }

    /// The one function that everything of this process shares; nobody can predict it unless
    /// [`seed_process`] chose it.
    pub fn of_process() -> Keyed {
        PROCESS.get_or_init(|| Keyed::seeded(os_seed())).clone()
    }

    /// The hash of `bytes`.
    #[inline]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }
}

/// Chooses the function of the process, so that a run can be repeated; false when it was used or
/// chosen before.
pub fn seed_process(seed: u64) -> bool {
    PROCESS.set(Keyed::seeded(seed)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides() {
        let (a, b, c) = (Keyed::seeded(1), Keyed::seeded(1), Keyed::seeded(2));
        assert_eq!(a.hash(b"key"), b.hash(b"key"));
        assert_ne!(a.hash(b"key"), c.hash(b"key"));
        assert_ne!(a.hash(b"key"), a.hash(b"kez"));
    }

    #[test]
    fn a_process_has_one_function() {
        let first = Keyed::of_process();
        assert!(!seed_process(7));
        assert_eq!(first.hash(b"key"), Keyed::of_process().hash(b"key"));
    }
}
