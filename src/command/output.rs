//! `client-output-buffer-limit`: who is cut off because too much waits for him.
//!
//! A client whose waiting output reaches the hard limit of his class is cut off at once, one that
//! stays at the soft limit when his time is up. Nobody polls: those at their soft limit stand in a
//! list whose earliest deadline the loop knows.
//!
//! Invariant: closes nothing by itself; a client that is cut off is one that asked to be closed.

use super::State;
use super::client::list::{ClientType, line};
use crate::config::OutputLimit;
use crate::resp::Output;
use crate::session::client::UNCOUNTED_BYTES;
use crate::session::{Client, ClientFlags, ClientId};

/// The part of `maxmemory` that output may take from the keys: half. What waits beyond it evicts no key
/// and refuses no write, so that whoever reads slowly cannot empty the data set. Limits on clients are
/// what bounds it.
const OUTPUT_SHARE: usize = 2;

/// Clients at their soft limit.
#[derive(Default)]
pub struct Laggards {
    clients: Vec<ClientId>,
    /// Unix time in milliseconds of the earliest deadline among them.
    deadline_ms: Option<i64>,
}

/// What a limit says about a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Within,
    /// To be looked at again at this unix time in milliseconds.
    AtSoftLimit(i64),
    Beyond,
}

/// How many of `waiting` bytes count.
pub fn counted(waiting: usize) -> usize {
    if waiting > UNCOUNTED_BYTES { waiting } else { 0 }
}

fn judge(limit: OutputLimit, bytes: u64, since_ms: i64, now_ms: i64) -> Verdict {
    let reached = |limit: u64| limit > 0 && bytes >= limit;
    let deadline_ms = since_ms + i64::from(limit.soft_seconds) * 1000 + 1;
    match reached(limit.soft_bytes) {
        _ if reached(limit.hard_bytes) => Verdict::Beyond,
        true if now_ms >= deadline_ms => Verdict::Beyond,
        true => Verdict::AtSoftLimit(deadline_ms),
        false => Verdict::Within,
    }
}

impl State {
    /// Bytes of `used_memory` that are not held against the keys when `maxmemory` is enforced: output
    /// beyond its [share](OUTPUT_SHARE). `reply` is the capacity of the buffer that the client in
    /// execution is answered into, 0 without one.
    #[inline]
    pub fn memory_not_counted(&self, reply: usize) -> usize {
        let share = self.maxmemory() as usize / OUTPUT_SHARE;
        let output = (self.client_memory.output() + reply).saturating_sub(share);
        // What is on its way to the disk: keys that went for it would have to be written out first.
        output + self.effects.memory() + self.background.progress.buffered
    }

    /// Cuts a client off if more waits for him than his class may have; `unfinished` bytes of
    /// replies are not yet with the client. True if nothing more is to be written for him.
    pub fn limit_output(&mut self, id: ClientId, unfinished: usize) -> bool {
        let now_ms = self.clock.unix_ms();
        let Some(client) = self.clients.get(id) else { return true };
        if client.has(ClientFlags::CLOSING) {
            return true;
        }
        let limit = self.output_limit(client);
        let bytes = counted(client.waiting_bytes() + unfinished);
        let since_ms = client.soft_limit_since_ms.unwrap_or(now_ms);
        match judge(limit, bytes as u64, since_ms, now_ms) {
            Verdict::Within if client.soft_limit_since_ms.is_none() => {}
            Verdict::Within => self.keeps_up(id),
            Verdict::AtSoftLimit(deadline_ms) => self.lags(id, since_ms, deadline_ms),
            Verdict::Beyond => {
                self.cut_off(id);
                return true;
            }
        }
        false
    }

    /// Too much waits for a client to execute more for him now.
    #[cold]
    pub fn set_full(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id) {
            client.flags.insert(ClientFlags::FULL);
        }
    }

    /// How long a client's replies may get before they are not sent anyway.
    pub fn output_room(&self, id: ClientId) -> usize {
        let Some(client) = self.clients.get(id) else { return usize::MAX };
        match usize::try_from(self.output_limit(client).hard_bytes) {
            Ok(bytes @ 1..) => bytes.saturating_sub(client.waiting_bytes()).max(UNCOUNTED_BYTES),
            _ => usize::MAX,
        }
    }

    /// The limit of the client's class. Where there is none, `maxmemory` is one: no client can have
    /// more waiting than there may be data.
    fn output_limit(&self, client: &Client) -> OutputLimit {
        let limits = &self.config.client_output_buffer_limits;
        let limit = match ClientType::of(client) {
            ClientType::Pubsub => limits.pubsub,
            ClientType::Replica => limits.replica,
            ClientType::Normal | ClientType::Master => limits.normal,
        };
        match (limit.hard_bytes, self.piece_max()) {
            (0, u64::MAX) | (1.., _) => limit,
            (0, hard_bytes) => OutputLimit { hard_bytes, ..limit },
        }
    }

    fn lags(&mut self, id: ClientId, since_ms: i64, deadline_ms: i64) {
        let Laggards { clients, deadline_ms: earliest } = &mut self.laggards;
        *earliest = Some(earliest.map_or(deadline_ms, |earliest| earliest.min(deadline_ms)));
        let Some(client) = self.clients.get_mut(id) else { return };
        client.soft_limit_since_ms = Some(since_ms);
        if !client.has(ClientFlags::LAGGARD) {
            client.flags.insert(ClientFlags::LAGGARD);
            clients.push(id);
        }
    }

    fn keeps_up(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id) {
            client.soft_limit_since_ms = None;
        }
    }

    fn cut_off(&mut self, id: ClientId) {
        let Some(client) = self.clients.get(id) else { return };
        log::warn!(
            "Client {} scheduled to be closed ASAP for overcoming of output buffer limits.",
            line(client, self)
        );
        self.stats.output_buffer_disconnections += 1;
        self.close(id);
        if let Some(client) = self.clients.get_mut(id) {
            client.output = Output::default();
            self.client_memory.note_output(client);
        }
    }

    /// Unix time in milliseconds at which [`State::limit_laggards`] is due.
    pub fn laggards_due_ms(&self) -> Option<i64> {
        self.laggards.deadline_ms
    }

    /// Looks at every client at his soft limit again. `unsent` tells what is still on its way.
    pub fn limit_laggards(&mut self, unsent: impl Fn(&Client) -> usize) {
        let Laggards { clients, .. } = std::mem::take(&mut self.laggards);
        for id in clients {
            let Some(client) = self.clients.get_mut(id) else { continue };
            client.flags.remove(ClientFlags::LAGGARD);
            client.sending_bytes = unsent(client);
            self.limit_output(id, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: OutputLimit = OutputLimit { hard_bytes: 100, soft_bytes: 50, soft_seconds: 2 };

    #[test]
    fn the_hard_limit_is_the_end_and_the_soft_limit_after_its_time() {
        assert_eq!(judge(LIMIT, 49, 0, 9000), Verdict::Within);
        assert_eq!(judge(LIMIT, 50, 1000, 1000), Verdict::AtSoftLimit(3001));
        assert_eq!(judge(LIMIT, 99, 1000, 3000), Verdict::AtSoftLimit(3001));
        assert_eq!(judge(LIMIT, 99, 1000, 3001), Verdict::Beyond);
        assert_eq!(judge(LIMIT, 100, 1000, 1000), Verdict::Beyond);
    }

    #[test]
    fn no_limit_is_never_reached() {
        assert_eq!(judge(OutputLimit::default(), u64::MAX, 0, i64::MAX), Verdict::Within);
        let soft = OutputLimit { hard_bytes: 0, ..LIMIT };
        assert_eq!(judge(soft, u64::MAX, 0, 0), Verdict::AtSoftLimit(2001));
        let hard = OutputLimit { soft_bytes: 0, ..LIMIT };
        assert_eq!(judge(hard, 99, 0, i64::MAX), Verdict::Within);
    }
}
