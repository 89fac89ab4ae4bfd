//! Layer 0: what everything else stands on. Knows nothing of Redis, clients or files.

pub mod clock;
pub mod glob;
pub mod log;
pub mod num;
pub mod sys;
pub mod text;
