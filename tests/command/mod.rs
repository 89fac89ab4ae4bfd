//! One module per group of commands.

mod acl;
mod acl_file;
mod acl_random;
mod bitmap;
mod connection;
mod debug;
mod evict;
mod generic;
mod geo;
mod hash;
mod hash_expire;
mod hyperloglog;
mod introspect;
mod latency;
mod list;
mod list_blocking;
mod memory;
mod notify;
mod pubsub;
mod server;
mod set;
mod sort;
mod string;
mod tracking;
mod transaction;
mod zset;
