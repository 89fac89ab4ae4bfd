//! Layer 5: what clients can ask for. One file per group; a command's row stands on top of the
//! file that holds its handler, and everything that is known about it is derived from that row.
//!
//! A handler reads parse, look up, act, reply, in that order, and changes nothing before its last
//! check, so that a refused command has no effect.
//!
//! Invariant: no descriptors, no driver; what only the server can do is a `Request`.

pub mod acl;
pub mod alone;
pub mod block;
pub mod bounded;
pub mod call;
pub mod ctx;
pub mod derived;
pub mod effects;
pub mod evict;
pub mod sort;
pub mod spec;
pub mod stages;
pub mod state;
pub mod table;

pub mod bitmap;
pub mod client;
pub mod config;
pub mod connection;
pub mod debug;
pub mod dump;
pub mod generic;
pub mod geo;
pub mod hash;
pub mod help;
pub mod hyperloglog;
pub mod introspect;
mod item;
pub mod limit;
pub mod list;
pub mod load;
pub mod notify;
pub mod output;
mod publish;
pub mod pubsub;
pub mod replay;
pub mod scan;
pub mod script;
pub mod server;
pub mod set;
pub mod stream;
pub mod string;
pub mod tracking;
pub mod transaction;
mod wait;
pub mod zset;

pub use crate::resp::Args;
pub use ctx::{Ctx, Meanwhile};
pub use limit::{ControlGroup, MemoryLimit};
pub use spec::Command;
pub use state::{Pause, Request, State};
pub use table::Table;

/// Every command, by group.
const GROUPS: &[&[Command]] = &[
    string::get::COMMANDS,
    string::set::COMMANDS,
    string::range::COMMANDS,
    string::number::COMMANDS,
    string::lcs::COMMANDS,
    bitmap::bit::COMMANDS,
    bitmap::count::COMMANDS,
    bitmap::bitop::COMMANDS,
    bitmap::bitfield::COMMANDS,
    hyperloglog::COMMANDS,
    set::member::COMMANDS,
    set::chance::COMMANDS,
    set::combine::COMMANDS,
    list::push::COMMANDS,
    list::pop::COMMANDS,
    list::transfer::COMMANDS,
    list::read::COMMANDS,
    list::change::COMMANDS,
    zset::add::COMMANDS,
    zset::read::COMMANDS,
    zset::range::COMMANDS,
    zset::remove::COMMANDS,
    zset::pop::COMMANDS,
    zset::combine::COMMANDS,
    zset::chance::COMMANDS,
    zset::scan::COMMANDS,
    geo::add::COMMANDS,
    geo::read::COMMANDS,
    geo::search::COMMANDS,
    stream::add::COMMANDS,
    stream::range::COMMANDS,
    stream::remove::COMMANDS,
    stream::read::COMMANDS,
    stream::group::COMMANDS,
    stream::pending::COMMANDS,
    stream::claim::COMMANDS,
    stream::info::COMMANDS,
    generic::COMMANDS,
    dump::COMMANDS,
    hash::get::COMMANDS,
    hash::set::COMMANDS,
    hash::number::COMMANDS,
    hash::scan::COMMANDS,
    hash::expire::COMMANDS,
    hash::ex::COMMANDS,
    sort::COMMANDS,
    transaction::COMMANDS,
    pubsub::COMMANDS,
    connection::COMMANDS,
    client::COMMANDS,
    acl::COMMANDS,
    config::COMMANDS,
    server::dataset::COMMANDS,
    server::info::COMMANDS,
    server::latency::COMMANDS,
    server::lolwut::COMMANDS,
    server::memory::COMMANDS,
    wait::COMMANDS,
    server::background::COMMANDS,
    server::process::COMMANDS,
    server::save::COMMANDS,
    server::slowlog::COMMANDS,
    server::commandlog::COMMANDS,
    alone::cluster::COMMANDS,
    alone::module::COMMANDS,
    alone::replica::COMMANDS,
    debug::COMMANDS,
    introspect::COMMANDS,
    script::COMMANDS,
    script::functions::COMMANDS,
];
