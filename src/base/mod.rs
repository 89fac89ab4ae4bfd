//! Layer 0: what everything else stands on. Knows nothing of Redis, clients or files.

pub mod alloc;
pub mod cgroup;
pub mod clock;
pub mod crc;
pub mod dtoa;
pub mod glob;
pub mod hash;
pub mod log;
pub mod lzf;
pub mod num;
pub mod rng;
pub mod sys;
pub mod text;
pub mod watch;
