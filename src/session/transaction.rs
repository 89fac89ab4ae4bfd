//! MULTI's queue and WATCH's keys.

use super::CommandId;
use crate::resp::OwnedArgs;
use std::cell::Cell;
use std::rc::Rc;

/// Bytes that a watched key costs besides its name twice, here and in the keyspace's watch table.
const WATCHED_BYTES: usize = size_of::<Watched>() + 64;

/// What a client with an open MULTI or a WATCH carries.
#[derive(Default)]
pub struct Transaction {
    pub queue: Vec<Queued>,
    pub watched: Vec<Watched>,
    /// Set by the keyspace when a watched key is touched; shared with its watch table.
    pub dirty: Rc<Cell<bool>>,
    /// Heap bytes of the queued calls and of the watched keys.
    queue_bytes: usize,
    watched_bytes: usize,
}

/// One queued command.
pub struct Queued {
    pub command: CommandId,
    pub args: OwnedArgs,
}

/// One watched key.
pub struct Watched {
    pub db: u32,
    pub key: Box<[u8]>,
}

impl Transaction {
    /// Adds a command to the queue.
    pub fn enqueue(&mut self, command: CommandId, args: OwnedArgs) {
        self.queue_bytes += args.memory();
        self.queue.push(Queued { command, args });
    }

    /// Adds a key that is not watched yet.
    pub fn watch(&mut self, db: u32, key: &[u8]) {
        self.watched_bytes += WATCHED_BYTES + 2 * key.len();
        self.watched.push(Watched { db, key: key.into() });
    }

    /// Takes the watched keys out, with what tells of their changes.
    pub fn take_watched(&mut self) -> Transaction {
        Transaction {
            watched: std::mem::take(&mut self.watched),
            dirty: std::mem::take(&mut self.dirty),
            watched_bytes: std::mem::take(&mut self.watched_bytes),
            ..Transaction::default()
        }
    }

    /// Heap bytes held for the queue and the watched keys, CLIENT LIST's multi-mem.
    pub fn memory(&self) -> usize {
        self.queue_bytes + self.queue.capacity() * size_of::<Queued>() + self.watched_bytes
    }

    /// Bytes of the queued commands: input that waits, as that in the query buffer does.
    pub fn queue_memory(&self) -> usize {
        self.queue_bytes
    }
}
