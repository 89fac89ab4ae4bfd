//! Layer 4: counters and logs that an operator reads.
//!
//! Invariant: records what it is told; never looks at a key or a connection itself.

pub mod acl;
pub mod append;
pub mod durations;
pub mod latency;
pub mod loading;
pub mod slowlog;
pub mod stats;

pub use acl::{AclEntry, AclLog, Context, Denial, Reason};
pub use append::AppendFacts;
pub use durations::Durations;
pub use latency::Latency;
pub use loading::Loading;
pub use slowlog::{CommandLog, LogEntry, Noted, Stages};
pub use stats::{CommandStats, Facts, Stats};
