//! What a client holds, and `maxmemory-clients`: who is let go when all clients hold too much.
//!
//! The largest go first. What each holds is noted when its buffers change, so nobody looks at all
//! clients until the limit is reached, and at none for it while there is no limit.
//!
//! Invariant: closes nothing by itself; a client that is evicted is one that asked to be closed.

use super::list::{ClientType, line};
use crate::command::State;
use crate::session::{Client, ClientFlags, ClientId};
use std::cmp::Reverse;

/// The limit is never lower than this, or a mistake in it would keep everybody out.
const LIMIT_BYTES_MIN: usize = 128 * 1024;

impl State {
    /// Bytes that a client holds besides its output: itself, its input, what it queued, watches,
    /// listens to, caches by prefix, and the call with which it waits.
    fn rest_of(&self, client: &Client) -> usize {
        let listens = client.has(ClientFlags::SUBSCRIBER);
        let waits = client.has(ClientFlags::BLOCKED);
        client.memory_without_output()
            + if listens { self.pubsub.memory_of(client.key) } else { 0 }
            + if waits { self.blocking.memory_of(client.key) } else { 0 }
    }

    /// Bytes that a client holds in all: CLIENT LIST's `tot-mem`.
    pub fn memory_of(&self, client: &Client) -> usize {
        client.output_memory() + self.rest_of(client)
    }

    /// Bytes that all clients hold, counted now.
    pub fn memory_of_clients(&self) -> usize {
        self.clients.iter().map(|client| self.memory_of(client)).sum()
    }

    /// Takes note of what a client holds, if there is a limit to it.
    #[inline]
    pub fn note_memory(&mut self, id: ClientId) {
        if self.client_memory.limit().is_some() {
            self.note_limited_memory(id);
        }
    }

    #[cold]
    fn note_limited_memory(&mut self, id: ClientId) {
        let Some(client) = self.clients.get(id) else { return };
        // What is about to be closed counts no more: others need not make room for it.
        if client.has(ClientFlags::CLOSING) {
            return;
        }
        let rest = self.rest_of(client);
        let Some(client) = self.clients.get_mut(id) else { return };
        self.client_memory.note_rest(client, rest);
    }

    /// Applies `maxmemory-clients`, after it or what it is a part of changed.
    pub fn apply_client_limit(&mut self) {
        let limit = match self.config.maxmemory_clients {
            0 => None,
            bytes @ 1.. => usize::try_from(bytes).ok(),
            _ if self.maxmemory() == 0 => None,
            percent => Some((self.maxmemory() as f64 * -(percent as f64) / 100.0) as usize),
        };
        let limit = limit.map(|limit| limit.max(LIMIT_BYTES_MIN));
        if limit == self.client_memory.limit() {
            return;
        }
        self.client_memory.set_limit(limit);
        let ids: Vec<ClientId> = self.clients.iter().map(|client| client.key).collect();
        for id in ids {
            match (limit, self.clients.get_mut(id)) {
                (None, Some(client)) => self.client_memory.note_rest(client, 0),
                _ => self.note_memory(id),
            }
        }
    }

    /// Lets clients go until the others hold less than the limit: the largest first, those under
    /// CLIENT NO-EVICT never. Of `current`, which is in execution, so many bytes are not noted.
    #[inline]
    pub fn evict_clients(&mut self, current: Option<(ClientId, usize)>) {
        // What a client had that is about to be closed is as good as gone.
        let current = current.filter(|&(id, _)| {
            self.clients.get(id).is_some_and(|client| !client.has(ClientFlags::CLOSING))
        });
        let more = current.map_or(0, |(_, bytes)| bytes);
        if self.client_memory.is_over(more) {
            self.evict_largest_clients(current);
        }
    }

    #[cold]
    fn evict_largest_clients(&mut self, current: Option<(ClientId, usize)>) {
        let more_of = |id| current.filter(|current| current.0 == id).map_or(0, |current| current.1);
        let evictable = self.clients.iter().filter(|client| is_evictable(client));
        let mut victims: Vec<_> = evictable
            .map(|client| (client.counted_memory() + more_of(client.key), client.key))
            .collect();
        if victims.is_empty() {
            return;
        }
        victims.sort_unstable_by_key(|&(bytes, _)| Reverse(bytes));
        let mut more = current.map_or(0, |(_, bytes)| bytes);
        for (_, id) in victims {
            if !self.client_memory.is_over(more) {
                return;
            }
            self.evict_client(id);
            more -= more_of(id);
        }
        if self.client_memory.is_over(more) {
            log::warn!("Over client maxmemory after evicting all evictable clients");
        }
    }

    fn evict_client(&mut self, id: ClientId) {
        let Some(client) = self.clients.get(id) else { return };
        log::info!("Evicting client: {}", line(client, self));
        self.stats.evicted_clients += 1;
        self.close(id);
        let Some(client) = self.clients.get_mut(id) else { return };
        // Its memory is wanted now, not at the end of the turn.
        (client.output, client.pending, client.held) = Default::default();
        self.client_memory.forget(client);
    }
}

fn is_evictable(client: &Client) -> bool {
    !client.flags.intersects(ClientFlags::NO_EVICT.or(ClientFlags::CLOSING))
        && matches!(ClientType::of(client), ClientType::Normal | ClientType::Pubsub)
}
