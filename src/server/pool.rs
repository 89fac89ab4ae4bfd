//! Blocks of output that were sent, kept for the next clients that need one.
//!
//! Invariant: what it keeps is bounded in bytes, because it counts as memory in use.

use crate::resp::BLOCK_BYTES;

/// Bytes kept at most: eight whole blocks.
const BYTES_MAX: usize = 8 * BLOCK_BYTES;
/// How many are kept at most.
const BLOCKS_MAX: usize = 64;

/// Blocks without content.
#[derive(Default)]
pub struct Pool {
    blocks: Vec<Vec<u8>>,
    bytes: usize,
}

impl Pool {
    /// A block, without capacity if there is none.
    pub fn take(&mut self) -> Vec<u8> {
        let block = self.blocks.pop().unwrap_or_default();
        self.bytes -= block.capacity();
        block
    }

    /// Takes a block back, or frees it.
    pub fn put(&mut self, mut block: Vec<u8>) {
        let bytes = self.bytes + block.capacity();
        if block.capacity() > 0 && bytes <= BYTES_MAX && self.blocks.len() < BLOCKS_MAX {
            block.clear();
            self.blocks.push(block);
            self.bytes = bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_so_many_blocks_and_so_many_bytes() {
        let mut pool = Pool::default();
        (0..100).for_each(|_| pool.put(vec![1; 100]));
        (0..100).for_each(|_| pool.put(Vec::new()));
        assert_eq!((pool.blocks.len(), pool.bytes), (BLOCKS_MAX, 6400));
        assert!(pool.take().is_empty() && pool.bytes == 6300);
        (0..63).for_each(|_| drop(pool.take()));
        assert_eq!((pool.take().capacity(), pool.bytes), (0, 0));
        (0..100).for_each(|_| pool.put(vec![1; BLOCK_BYTES]));
        assert_eq!(pool.bytes, BYTES_MAX);
    }
}
