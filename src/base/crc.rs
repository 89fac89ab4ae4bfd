//! The CRC64 that Redis puts behind its snapshots and DUMP payloads.
//!
//! CRC-64/REDIS in the catalogue of parametrised CRCs: polynomial `ad93d23594c935a9` (Jones),
//! reflected both ways, starting from zero.
//!
//! Invariant: the same bytes yield the same sum, however they are cut into pieces.

use crc_fast::{CrcAlgorithm, Digest, checksum};

/// The sum of bytes that come in pieces. A piece should not be small: each costs some 20 ns.
#[derive(Clone, Debug)]
pub struct Crc64(Digest);

impl Default for Crc64 {
    fn default() -> Crc64 {
        Crc64::new()
    }
}

impl Crc64 {
    /// The sum of nothing.
    pub fn new() -> Crc64 {
        Crc64(Digest::new(CrcAlgorithm::Crc64Redis))
    }

    /// Adds the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The sum of what was added so far.
    pub fn sum(&self) -> u64 {
        self.0.finalize()
    }
}

/// The sum of `bytes`.
pub fn crc64(bytes: &[u8]) -> u64 {
    checksum(CrcAlgorithm::Crc64Redis, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_redis() {
        // The second is the footer of a DUMP of the string "x" by Redis 7.0.15.
        assert_eq!((crc64(b""), crc64(b"123456789")), (0, 0xe9c6_d914_c4b8_d9ca));
        let dumped = b"\x00\x01x\x0a\x00";
        assert_eq!(crc64(dumped).to_le_bytes(), *b"\x22\x80\x86\x5f\xbd\xe8\x48\xd0");
    }

    #[test]
    fn pieces_add_up() {
        let bytes: Vec<u8> = (0..5000u32).map(|i| (i * 7 % 251) as u8).collect();
        for size in [1, 13, 256, 4999] {
            let mut sum = Crc64::new();
            bytes.chunks(size).for_each(|piece| sum.update(piece));
            assert_eq!(sum.sum(), crc64(&bytes), "pieces of {size}");
        }
    }
}
