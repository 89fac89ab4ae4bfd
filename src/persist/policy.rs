//! What to do about each disk error: the table of the durability contract, and nothing else.
//!
//! | error | `appendfsync always` | `everysec` and `no` |
//! |---|---|---|
//! | a write was interrupted | again | again |
//! | no space left for a write | exit before any reply that depends on it | refuse writes, try again |
//! | any other error of a write | exit | refuse writes until there is a new base |
//! | any error of a sync | exit | refuse writes until there is a new base |
//!
//! After an error of a sync the kernel may have dropped the pages and will report success for the next
//! one ("fsyncgate"): what was written since the last success is unknown, and the only way back to a
//! log that can be vouched for is a new one, made from what is in memory.
//!
//! Invariant: decides from the error alone; does nothing.

use crate::io::IoErrorKind;

/// When the log has to be durable, as far as errors are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Before a reply that depends on it leaves.
    BeforeReply,
    /// Soon after.
    Soon,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The same again, at once.
    Again,
    /// Refuse writes and try again later: what was to be written is kept.
    Later,
    /// Refuse writes, leave the file alone, and write a new base.
    NewBase,
    /// End the process: nobody may see a reply that could turn out wrong.
    Exit,
}

/// After a write of the log failed, or wrote nothing.
pub fn after_write(promise: Promise, error: IoErrorKind) -> Act {
    match (error, promise) {
        (IoErrorKind::Transient, _) => Act::Again,
        (_, Promise::BeforeReply) => Act::Exit,
        (IoErrorKind::StorageFull, Promise::Soon) => Act::Later,
        (_, Promise::Soon) => Act::NewBase,
    }
}

/// After a sync of the log failed.
pub fn after_sync(promise: Promise) -> Act {
    match promise {
        Promise::BeforeReply => Act::Exit,
        Promise::Soon => Act::NewBase,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_retried_that_could_have_lost_data() {
        use IoErrorKind::{StorageFailed, StorageFull, Transient, Unknown};
        let table = [
            (Transient, Act::Again, Act::Again),
            (StorageFull, Act::Exit, Act::Later),
            (StorageFailed, Act::Exit, Act::NewBase),
            (Unknown, Act::Exit, Act::NewBase),
        ];
        for (error, always, otherwise) in table {
            assert_eq!(after_write(Promise::BeforeReply, error), always, "{error:?}");
            assert_eq!(after_write(Promise::Soon, error), otherwise, "{error:?}");
        }
        assert_eq!(after_sync(Promise::BeforeReply), Act::Exit);
        assert_eq!(after_sync(Promise::Soon), Act::NewBase);
    }
}
