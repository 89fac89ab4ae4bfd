//! A set of numbers that may take a stranger for a member, never a member for a stranger: a Bloom
//! filter of two bits for each number, both in one word, so that a look costs one access.
//!
//! Of strangers it takes one in twenty for a member when it is full.
//!
//! Invariant: knows nothing of what the numbers are but that their leading bits are chance.

/// Bits for each number that there is room for.
const BITS: usize = 8;
const WORD_BITS: usize = u64::BITS as usize;

/// Hashes, about.
#[derive(Default)]
pub struct Filter {
    /// A power of two of them; none where there is no room.
    words: Vec<u64>,
    len: usize,
    room: usize,
}

impl Filter {
    /// An empty filter with room for so many.
    pub fn with_room(room: usize) -> Filter {
        let words = (room * BITS).div_ceil(WORD_BITS).next_power_of_two();
        Filter { words: vec![0; words], len: 0, room }
    }

    /// How many numbers were inserted.
    pub fn inserted(&self) -> usize {
        self.len
    }

    /// How many there is room for; beyond that it errs more often.
    pub fn room(&self) -> usize {
        self.room
    }

    /// Adds a hash, where there is room for any.
    pub fn insert(&mut self, hash: u64) {
        let word = self.word(hash);
        if let Some(word) = self.words.get_mut(word) {
            *word |= mask(hash);
        }
        self.len += 1;
    }

    /// Whether `hash` was inserted; of those that were not, some seem to be.
    #[inline]
    pub fn contains(&self, hash: u64) -> bool {
        let word = self.words.get(self.word(hash));
        word.is_some_and(|word| word & mask(hash) == mask(hash))
    }

    /// Bytes of the words.
    pub fn memory(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }

    /// A word is named by leading bits.
    fn word(&self, hash: u64) -> usize {
        let bits = self.words.len().checked_ilog2().unwrap_or(0);
        (hash >> 1 >> (u64::BITS - 1 - bits)) as usize
    }
}

/// Two bits of a word.
fn mask(hash: u64) -> u64 {
    1 << (hash >> 16 & 63) | 1 << (hash >> 22 & 63)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    #[test]
    fn knows_its_own_and_few_others() {
        let mut rng = Rng::seeded(3);
        let nothing = Filter::default();
        assert!(!nothing.contains(0) && (nothing.room(), nothing.memory()) == (0, 0));
        for room in [1, 1000, 8192] {
            let mut filter = Filter::with_room(room);
            let own: Vec<u64> = (0..room).map(|_| rng.u64()).collect();
            own.iter().for_each(|&hash| filter.insert(hash));
            assert!(own.iter().all(|&hash| filter.contains(hash)) && filter.inserted() == room);
            let strangers = (0..10_000).filter(|_| filter.contains(rng.u64())).count();
            assert!(strangers < 700, "{strangers}");
        }
    }
}
