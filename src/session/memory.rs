//! What the clients hold together, as a sum that moves with each change.
//!
//! Their output is always known, for the gate that evicts keys asks for it before every write. The
//! rest is counted only while `maxmemory-clients` sets a limit.
//!
//! Invariant: a client's share is what was last noted of it; one that is gone was forgotten.

use super::Client;
use super::client::UNCOUNTED_BYTES;
use std::mem::replace;

/// Bytes that all clients hold.
#[derive(Default)]
pub struct ClientMemory {
    output: usize,
    /// That of clients for whom so much waits that it counts against the limit.
    large_output: usize,
    rest: usize,
    /// `None` while there is no limit, and the rest is not counted.
    limit: Option<usize>,
}

impl ClientMemory {
    /// Bytes of all output buffers, those of sends under way included.
    pub fn output(&self) -> usize {
        self.output
    }

    /// Bytes that count against the limit.
    #[inline]
    pub fn counted(&self) -> usize {
        self.large_output + self.rest
    }

    /// The limit, in bytes.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Sets the limit. The rest of every client is to be noted after the first one, and forgotten
    /// (noted as 0) after the last.
    pub fn set_limit(&mut self, limit: Option<usize>) {
        self.limit = limit;
    }

    /// Whether the limit is reached with `more` bytes that are not noted yet.
    #[inline]
    pub fn is_over(&self, more: usize) -> bool {
        self.limit.is_some_and(|limit| self.counted() + more >= limit)
    }

    /// Takes note of a client's output buffers.
    #[inline]
    pub fn note_output(&mut self, client: &mut Client) {
        let now = client.output_memory();
        let before = replace(&mut client.counted_output, now);
        self.output = self.output - before + now;
        let large = if client.waiting_bytes() > UNCOUNTED_BYTES { now } else { 0 };
        let before = replace(&mut client.counted_large_output, large);
        self.large_output = self.large_output - before + large;
    }

    /// Takes note of what else a client holds, in bytes.
    pub fn note_rest(&mut self, client: &mut Client, now: usize) {
        let before = replace(&mut client.counted_rest, now);
        self.rest = self.rest - before + now;
    }

    /// A client holds nothing any more.
    pub fn forget(&mut self, client: &mut Client) {
        self.output -= replace(&mut client.counted_output, 0);
        self.large_output -= replace(&mut client.counted_large_output, 0);
        self.rest -= replace(&mut client.counted_rest, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::ClientId;

    #[test]
    fn the_sum_follows_each_client() {
        let mut memory = ClientMemory::default();
        let mut clients =
            [1, 2].map(|slot| Client::new(ClientId { slot, generation: 0 }, u64::from(slot), 0));
        for client in &mut clients {
            client.output = Vec::with_capacity(100).into();
            memory.note_output(client);
        }
        (clients[0].sending_bytes, clients[0].sending_capacity) = (20_000, 30_000);
        memory.note_output(&mut clients[0]);
        assert_eq!(memory.output(), 30_200);
        assert!(!memory.is_over(usize::MAX / 2));
        memory.set_limit(Some(40_000));
        memory.note_rest(&mut clients[1], 9_000);
        assert!(!memory.is_over(899) && memory.is_over(900), "small outputs do not count");
        memory.forget(&mut clients[1]);
        assert_eq!(memory.output(), 30_100);
        memory.note_rest(&mut clients[0], 9_900);
        assert!(memory.is_over(0));
        memory.forget(&mut clients[0]);
        assert!(memory.output() == 0 && !memory.is_over(39_999));
    }
}
