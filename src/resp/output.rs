//! What waits for a client: replies and messages, in blocks.
//!
//! A vector that doubles as it grows takes up to twice what it holds, both of its places while it
//! moves, and all of it until its last byte has left. With readers that are slow that is a good part
//! of the memory there is. Therefore what is longer than a block lies in several, which leave, and
//! are freed, one by one.
//!
//! Invariant: only the last block may be empty, and bytes are added to that one alone; a header that
//! comes late goes where it belongs.

use std::collections::VecDeque;
use std::mem::take;

/// Bytes of a block that is filled little by little.
pub const BLOCK_BYTES: usize = 64 * 1024;
/// Bytes of a block for a string that is longer than that. As many of the small ones would each take a
/// turn of the loop to leave (measured with values of 1 MB: twice the time).
const LONG_BLOCK_BYTES: usize = 1024 * 1024;

/// Bytes in the order in which they leave.
#[derive(Default, Debug)]
pub struct Output {
    /// The blocks before the last one, while there are any.
    full: Option<Box<Full>>,
    pub(super) last: Vec<u8>,
}

#[derive(Default, Debug)]
struct Full {
    blocks: VecDeque<Vec<u8>>,
    /// Sums over the blocks.
    bytes: usize,
    capacity: usize,
}

impl Output {
    /// Bytes that wait.
    #[inline]
    pub fn len(&self) -> usize {
        self.last.len() + self.full.as_ref().map_or(0, |full| full.bytes)
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.last.is_empty() && self.full.is_none()
    }

    /// Bytes allocated for what waits.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.last.capacity() + self.full.as_ref().map_or(0, |full| full.capacity)
    }

    /// All bytes, a block at a time.
    pub fn blocks(&self) -> impl Iterator<Item = &[u8]> {
        let full = self.full.iter().flat_map(|full| &full.blocks);
        full.chain([&self.last]).map(Vec::as_slice)
    }

    #[inline(always)]
    pub fn push(&mut self, byte: u8) {
        if self.last.len() == self.last.capacity() {
            self.grow(1);
        }
        self.last.push(byte);
    }

    #[inline(always)]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        if bytes.len() <= self.room() {
            self.last.extend_from_slice(bytes);
        } else {
            self.extend_by_blocks(bytes);
        }
    }

    /// Makes room for `len` bytes at once, so that adding them in parts finds it; not for more than
    /// a block has.
    #[inline]
    pub fn reserve(&mut self, len: usize) {
        if len > self.room() && self.last.len() + len <= BLOCK_BYTES {
            self.grow(len);
        }
    }

    /// Adds all of another one, which is empty then.
    pub fn append(&mut self, other: &mut Output) {
        if let Some(full) = take(&mut other.full) {
            self.seal();
            full.blocks.into_iter().for_each(|block| self.push_block(block));
            self.last = take(&mut other.last);
        } else {
            self.extend_from_slice(&other.last);
            other.last.clear();
        }
    }

    /// Inserts bytes in front of the byte at `at`, few of them and at the price of moving a block.
    ///
    /// # Panics
    /// If fewer than `at` bytes wait.
    pub fn insert(&mut self, mut at: usize, bytes: &[u8]) {
        let mut place = &mut self.last;
        if let Some(full) = &mut self.full {
            if at < full.bytes {
                full.bytes += bytes.len();
                let mut blocks = full.blocks.iter_mut();
                place = blocks.next().expect("bytes lie in blocks");
                while at >= place.len() {
                    at -= place.len();
                    place = blocks.next().expect("bytes lie in blocks");
                }
                full.capacity -= place.capacity();
                place.reserve_exact(bytes.len());
                full.capacity += place.capacity();
            } else {
                at -= full.bytes;
            }
        }
        place.extend_from_slice(bytes);
        place[at..].rotate_right(bytes.len());
    }

    /// Drops everything from byte `len` on.
    pub fn truncate(&mut self, len: usize) {
        while self.full.as_ref().is_some_and(|full| full.bytes >= len) {
            self.last = self.pop_block(VecDeque::pop_back);
        }
        self.last.truncate(len - self.full.as_ref().map_or(0, |full| full.bytes));
    }

    /// Drops everything and keeps a block for what comes.
    pub fn clear(&mut self) {
        self.full = None;
        self.last.clear();
    }

    /// Takes the block out that leaves next.
    #[inline]
    pub fn take_block(&mut self) -> Vec<u8> {
        match self.full {
            None => take(&mut self.last),
            Some(_) => self.pop_block(VecDeque::pop_front),
        }
    }

    /// Bytes that the last block has room for.
    #[inline(always)]
    fn room(&self) -> usize {
        self.last.capacity() - self.last.len()
    }

    #[cold]
    fn extend_by_blocks(&mut self, mut bytes: &[u8]) {
        while bytes.len() > self.room() {
            self.grow(bytes.len());
            let (now, later) = bytes.split_at(bytes.len().min(self.room()));
            self.last.extend_from_slice(now);
            bytes = later;
        }
        self.last.extend_from_slice(bytes);
    }

    /// Makes room for some of `wanted` bytes: all, or as many as one block can take.
    #[cold]
    fn grow(&mut self, wanted: usize) {
        if self.last.len() >= BLOCK_BYTES {
            self.seal();
        }
        let needed = self.last.len() + wanted;
        let capacity = match wanted > BLOCK_BYTES {
            // With the line end that follows, lest it leaves alone.
            true => (needed + 2).min(LONG_BLOCK_BYTES),
            false => needed.max(2 * self.last.capacity()).min(BLOCK_BYTES),
        };
        self.last.reserve_exact(capacity - self.last.len());
    }

    /// Ends the last block.
    fn seal(&mut self) {
        if !self.last.is_empty() {
            let block = take(&mut self.last);
            self.push_block(block);
        }
    }

    fn push_block(&mut self, block: Vec<u8>) {
        let full = self.full.get_or_insert_default();
        full.bytes += block.len();
        full.capacity += block.capacity();
        full.blocks.push_back(block);
    }

    /// Takes one of the blocks before the last one.
    fn pop_block(&mut self, pop: impl Fn(&mut VecDeque<Vec<u8>>) -> Option<Vec<u8>>) -> Vec<u8> {
        let Some(full) = &mut self.full else { return Vec::new() };
        let block = pop(&mut full.blocks).unwrap_or_default();
        full.bytes -= block.len();
        full.capacity -= block.capacity();
        if full.blocks.is_empty() {
            self.full = None;
        }
        block
    }
}

impl From<Vec<u8>> for Output {
    /// What a vector holds, in its memory.
    fn from(last: Vec<u8>) -> Output {
        Output { full: None, last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at / 7) as u8).collect()
    }

    fn contents(output: &Output) -> Vec<u8> {
        let bytes = output.blocks().collect::<Vec<_>>().concat();
        assert_eq!(bytes.len(), output.len());
        assert_eq!(bytes.is_empty(), output.is_empty());
        let capacities = output.full.iter().flat_map(|full| &full.blocks).map(Vec::capacity);
        assert_eq!(capacities.sum::<usize>() + output.last.capacity(), output.capacity());
        bytes
    }

    #[test]
    fn what_is_longer_than_a_block_lies_in_several_and_leaves_one_by_one() {
        let bytes = numbers(LONG_BLOCK_BYTES + 5 * BLOCK_BYTES + 1000);
        for step in [333, BLOCK_BYTES - 1, BLOCK_BYTES + 1, bytes.len()] {
            let mut output = Output::default();
            bytes.chunks(step).for_each(|piece| output.extend_from_slice(piece));
            assert!(contents(&output) == bytes);
            assert!(output.capacity() <= bytes.len() + BLOCK_BYTES, "{}", output.capacity());
            let mut left = Vec::new();
            while !output.is_empty() {
                let block = output.take_block();
                assert!(!block.is_empty() && block.capacity() <= LONG_BLOCK_BYTES);
                left.extend_from_slice(&block);
                assert_eq!(output.len(), bytes.len() - left.len());
            }
            assert!(left == bytes && output.capacity() == 0);
        }
    }

    #[test]
    fn it_is_cut_anywhere() {
        let bytes = numbers(3 * BLOCK_BYTES);
        for len in [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES - 1, 3 * BLOCK_BYTES] {
            let mut output = Output::default();
            output.extend_from_slice(&bytes);
            output.truncate(len);
            assert!(contents(&output) == bytes[..len], "{len}");
            output.push(1);
            assert_eq!(output.len(), len + 1);
        }
    }

    #[test]
    fn bytes_are_inserted_anywhere() {
        let bytes = numbers(3 * BLOCK_BYTES + 5);
        for at in [0, 7, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 1, bytes.len()] {
            let mut output = Output::default();
            output.extend_from_slice(&bytes);
            output.insert(at, b"*12\r\n");
            assert!(contents(&output) == [&bytes[..at], b"*12\r\n", &bytes[at..]].concat(), "{at}");
        }
    }

    #[test]
    fn one_is_added_to_another() {
        for (first, second) in [(0, 5), (5, 0), (9, 2 * BLOCK_BYTES), (2 * BLOCK_BYTES, 9)] {
            let (mut output, mut other) = (Output::default(), Output::default());
            output.extend_from_slice(&numbers(first));
            other.extend_from_slice(&numbers(second));
            output.append(&mut other);
            assert!(contents(&output) == [numbers(first), numbers(second)].concat());
            assert!(other.is_empty());
            output.clear();
            assert!(output.is_empty());
        }
    }
}
