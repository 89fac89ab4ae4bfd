//! Layer 0: what everything else stands on. Knows nothing of Redis, clients or files.

pub mod alloc;
pub mod rng;
