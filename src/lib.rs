//! Sidering: a Redis-compatible in-memory server, one event-loop thread on io_uring.
//!
//! The modules in reading order, lowest layer first:
//!
//! | layer | module | what it knows |
//! |---|---|---|
//! | 0 | [`base`] | std and libc: clock, chance, numbers, patterns, the counting allocator |
//! | 1 | [`io`] | file descriptors, bytes and operations; the uring and epoll drivers |
//! | 1 | [`resp`] | the protocol: requests in, replies out, every error text |
//! | 1 | [`ds`] | containers: entry arena, segment directory, timing wheel |
//! | 1 | [`clerk`] | the background thread: files that are bulky or slow |
//! | 1 | [`metrics`] | the port for scrapers, probes and people |
//! | 2 | [`types`] | one file per value type |
//! | 3 | [`keyspace`] | the only door to data: lookup, expiry, scan, watch |
//! | 4 | [`session`] | the state of one connection |
//! | 4 | [`config`] | one row per parameter |
//! | 4 | [`observe`] | counters, slow log |
//! | 4 | [`persist`] | bytes on disk: snapshots and the append log |
//! | 5 | [`command`] | what clients can ask for: one row per command beside its handler |
//! | 6 | [`server`] | the composition root: the loop turn, dispatch, connections |
//!
//! Invariant: a module uses only modules of lower layers; calls upward travel as values.

pub mod base;
pub mod clerk;
pub mod command;
pub mod config;
pub mod ds;
pub mod io;
pub mod keyspace;
pub mod metrics;
pub mod observe;
pub mod persist;
pub mod resp;
pub mod server;
pub mod session;
pub mod types;
