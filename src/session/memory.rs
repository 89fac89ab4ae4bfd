//! What the clients hold together, as a sum that moves with each change.
//!
//! Their output is always known, for the gate that evicts keys asks for it before every write. The
//! rest is counted only while `maxmemory-clients` sets a limit.
//!
//! Invariant: a client's share is what was last noted of it; one that is gone was forgotten.

use super::Client;

/// Bytes that all clients hold.
#[derive(Default)]
pub struct ClientMemory {
    output: usize,
    rest: usize,
    /// `None` while there is no limit, and the rest is not counted.
    limit: Option<usize>,
}

impl ClientMemory {
    /// Bytes of all output buffers, those of sends under way included.
    pub fn output(&self) -> usize {
        self.output
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
        self.limit.is_some_and(|limit| self.output + self.rest + more >= limit)
    }

    /// Takes note of a client's output buffers.
    #[inline]
    pub fn note_output(&mut self, client: &mut Client) {
        let now = client.output.capacity() + client.sending_capacity;
        let before = std::mem::replace(&mut client.counted_output, now);
        self.output = self.output - before + now;
    }

    /// Takes note of what else a client holds, in bytes.
    pub fn note_rest(&mut self, client: &mut Client, now: usize) {
        let before = std::mem::replace(&mut client.counted_rest, now);
        self.rest = self.rest - before + now;
    }

    /// A client holds nothing any more.
    pub fn forget(&mut self, client: &mut Client) {
        self.output -= std::mem::take(&mut client.counted_output);
        self.rest -= std::mem::take(&mut client.counted_rest);
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
            client.output = Vec::with_capacity(100);
            memory.note_output(client);
        }
        clients[0].sending_capacity = 50;
        memory.note_output(&mut clients[0]);
        assert_eq!(memory.output(), 250);
        assert!(!memory.is_over(usize::MAX - 250));
        memory.set_limit(Some(400));
        memory.note_rest(&mut clients[1], 140);
        assert!(!memory.is_over(9) && memory.is_over(10));
        memory.forget(&mut clients[1]);
        assert_eq!(memory.output(), 150);
        memory.note_rest(&mut clients[0], 250);
        assert!(memory.is_over(0));
        memory.forget(&mut clients[0]);
        assert!(memory.output() == 0 && !memory.is_over(399));
    }
}
