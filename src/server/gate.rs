//! The one place where replies wait for the disk.
//!
//! With `appendfsync always` no byte that reveals a write leaves before the sync that covers it has
//! completed, be it the reply to its author or to somebody who read the value. The log's records leave
//! in groups, one per turn that has any; a client knows the last group that its output depends on, and
//! its output stays until that group is durable. Everybody else is served meanwhile.
//!
//! One sync is in flight at a time; what is written meanwhile is covered by the next one, which is what
//! makes a group of many writers cost no more than one.
//!
//! Invariant: `durable <= written`, and a client whose group is above `durable` is not sent to.

use crate::session::ClientId;
use std::mem::take;

/// The state of the gate. Open for all until the first group that has to be durable.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// The last group that was written to the log.
    written: u64,
    /// The last group that a power cut cannot take back.
    durable: u64,
    /// The group that the sync in flight covers.
    syncing: Option<u64>,
    /// Clients whose output waits.
    held: Vec<ClientId>,
}

impl Gate {
    /// Notes that the records of another group were written; its number.
    pub(super) fn wrote(&mut self) -> u64 {
        self.written += 1;
        self.written
    }

    /// The group that the next records will be.
    pub(super) fn next_group(&self) -> u64 {
        self.written + 1
    }

    /// Whether something was written that no sync, finished or in flight, covers.
    pub(super) fn has_unsynced(&self) -> bool {
        self.written > self.syncing.unwrap_or(self.durable)
    }

    /// The last group that was written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// The last group that a power cut cannot take back.
    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    /// How many times output was held back that still waits.
    pub(super) fn waiting(&self) -> usize {
        self.held.len()
    }

    pub(super) fn is_syncing(&self) -> bool {
        self.syncing.is_some()
    }

    /// Notes that a sync begins, of all that was written.
    pub(super) fn sync_begins(&mut self) {
        self.syncing = Some(self.written);
    }

    /// Notes that the sync in flight succeeded; who waited, to be looked at again.
    pub(super) fn synced(&mut self) -> Vec<ClientId> {
        let covered = self.syncing.take().unwrap_or(self.durable);
        self.opened(covered)
    }

    /// Notes that the sync in flight failed: nothing more is durable.
    pub(super) fn sync_failed(&mut self) {
        self.syncing = None;
    }

    /// Lets everybody through who waits, and who depends on what was written so far: because it is
    /// durable in another form, or because that is no longer asked for.
    pub(super) fn open_all(&mut self) -> Vec<ClientId> {
        self.opened(self.written)
    }

    /// Whether output that depends on `group` may leave; if not, its client is told by `synced`.
    pub(super) fn holds(&mut self, client: ClientId, group: u64) -> bool {
        let holds = group > self.durable;
        if holds {
            self.held.push(client);
        }
        holds
    }

    fn opened(&mut self, durable: u64) -> Vec<ClientId> {
        self.durable = self.durable.max(durable);
        take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READER: ClientId = ClientId { slot: 1, generation: 0 };
    const WRITER: ClientId = ClientId { slot: 2, generation: 0 };

    #[test]
    fn who_depends_on_a_group_waits_for_the_sync_that_covers_it() {
        let mut gate = Gate::default();
        assert!(!gate.holds(READER, 0) && !gate.has_unsynced());
        assert_eq!((gate.next_group(), gate.wrote()), (1, 1));
        assert!(gate.holds(WRITER, 1) && !gate.holds(READER, 0) && gate.has_unsynced());
        gate.sync_begins();
        assert!(!gate.has_unsynced());
        assert_eq!(gate.wrote(), 2);
        assert!(gate.holds(READER, 2) && gate.has_unsynced());
        assert_eq!(gate.synced(), [WRITER, READER]);
        assert!(!gate.holds(WRITER, 1) && gate.holds(READER, 2));
        gate.sync_begins();
        assert_eq!(gate.synced(), [READER]);
        assert!(!gate.holds(READER, 2));
    }

    #[test]
    fn a_sync_that_failed_lets_nobody_through() {
        let mut gate = Gate::default();
        gate.wrote();
        gate.sync_begins();
        gate.sync_failed();
        assert!(gate.holds(WRITER, 1) && gate.has_unsynced() && !gate.is_syncing());
        assert_eq!(gate.open_all(), [WRITER]);
        assert!(!gate.holds(WRITER, 1));
    }
}
