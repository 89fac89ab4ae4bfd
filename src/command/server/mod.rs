//! Server commands: whole databases, figures, the slow log, the clock and the end.
//!
//! Invariant: nothing here knows how a value of any type is stored.

pub mod background;
pub mod commandlog;
pub mod dataset;
pub mod info;
pub mod latency;
pub mod lolwut;
pub mod memory;
pub mod process;
pub mod save;
pub mod slowlog;
