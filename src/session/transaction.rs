//! MULTI's queue and WATCH's keys.

use super::CommandId;
use crate::resp::OwnedArgs;
use std::cell::Cell;
use std::rc::Rc;

/// What a client with an open MULTI or a WATCH carries.
#[derive(Default)]
pub struct Transaction {
    pub queue: Vec<Queued>,
    pub watched: Vec<Watched>,
    /// Set by the keyspace when a watched key is touched; shared with its watch table.
    pub dirty: Rc<Cell<bool>>,
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
    /// Heap bytes held by the queue and the watched keys.
    pub fn memory(&self) -> usize {
        let keys = self.watched.iter().map(|watched| watched.key.len()).sum::<usize>();
        self.queue_memory()
            + keys
            + self.queue.capacity() * size_of::<Queued>()
            + self.watched.capacity() * size_of::<Watched>()
    }

    /// Bytes of the queued commands, for CLIENT LIST's multi-mem.
    pub fn queue_memory(&self) -> usize {
        self.queue.iter().map(|queued| queued.args.memory()).sum()
    }
}
