//! Layer 0: what everything else stands on. Knows nothing of Redis, clients or what files hold.

pub mod alloc;
pub mod cgroup;
pub mod clock;
pub mod crc;
pub mod disk;
pub mod dtoa;
pub mod fault;
pub mod glob;
pub mod hash;
pub mod log;
pub mod lzf;
pub mod num;
pub mod rng;
pub mod sys;
pub mod syslog;
pub mod text;
pub mod watch;
