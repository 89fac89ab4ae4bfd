//! What is known of the append log, for INFO and for those who decide by it.
//!
//! Invariant: figures only.

/// The append log as the others see it.
#[derive(Debug, Default)]
pub struct AppendFacts {
    /// Whether one is kept.
    pub is_on: bool,
    /// Bytes of the file that grows.
    pub size: u64,
    /// Bytes of the files before it.
    pub older: u64,
    /// Bytes of all files after the last rewrite, or at the start.
    pub base: u64,
    /// Why the last write failed, until one succeeds.
    pub write_error: Option<String>,
    /// Why a sync failed, until there is a new base.
    pub sync_error: Option<String>,
    /// Whether a sync is in flight.
    pub syncing: bool,
    /// The last group of records that was written.
    pub written: u64,
    /// The last one of which it is known that a power cut cannot take it back.
    pub durable: u64,
    /// How many clients' output waits for the latter to reach the former.
    pub waiting: usize,
    /// Whether the log is not whole, or not yet there, before there is a new base.
    pub needs_base: bool,
}

impl AppendFacts {
    /// Bytes of the whole log.
    pub fn total(&self) -> u64 {
        self.size + self.older
    }

    /// How much larger the log is than after its last rewrite, percent.
    pub fn growth_percent(&self) -> u64 {
        let base = self.base.max(1);
        (self.total().saturating_mul(100) / base).saturating_sub(100)
    }

    /// Whether the last write and the last sync succeeded.
    pub fn is_ok(&self) -> bool {
        self.write_error.is_none() && self.sync_error.is_none()
    }
}
