//! MEMORY STATS, and MEMORY MALLOC-STATS: the allocator's own words.
//!
//! Invariant: the names and their order are Redis's; what does not exist here is 0.

use super::account::{Account, Beyond};
use crate::base::alloc;
use crate::command::ctx::Ctx;
use crate::keyspace::MemoryFigures;
use crate::resp::Reply;
use crate::resp::errors::Outcome;

/// Fields of the reply besides one for every database with keys.
const FIELDS: usize = 27;

/// MEMORY STATS
pub fn memory_stats(ctx: &mut Ctx) -> Outcome {
    let account = Account::take(ctx.state);
    let keyspace = &mut ctx.state.keyspace;
    let used: Vec<usize> =
        (0..keyspace.databases()).filter(|&index| !keyspace.db(index).is_empty()).collect();
    let reply = &mut ctx.reply;
    reply.map(FIELDS + used.len());
    parts(reply, &account);
    for index in used {
        database(reply, index, keyspace.memory_of(index));
    }
    contents(reply, &account);
    process(reply, &account);
    Ok(())
}

fn integer(reply: &mut Reply<'_>, name: &str, value: u64) {
    reply.bulk(name.as_bytes());
    reply.integer(value as i64);
}

fn double(reply: &mut Reply<'_>, name: &str, value: f64) {
    reply.bulk(name.as_bytes());
    reply.double(value);
}

fn beyond(reply: &mut Reply<'_>, names: [&str; 2], value: Beyond) {
    double(reply, names[0], value.ratio);
    reply.bulk(names[1].as_bytes());
    reply.integer(value.bytes);
}

fn parts(reply: &mut Reply<'_>, account: &Account) {
    integer(reply, "peak.allocated", account.peak);
    integer(reply, "total.allocated", account.used);
    integer(reply, "startup.allocated", account.startup);
    integer(reply, "replication.backlog", 0);
    integer(reply, "clients.slaves", 0);
    integer(reply, "clients.normal", account.clients);
    integer(reply, "cluster.links", 0);
    integer(reply, "aof.buffer", account.log);
    integer(reply, "lua.caches", account.scripts);
    integer(reply, "functions.caches", account.functions);
}

/// A database's tables and its timing wheel, which is what deadlines cost here.
fn database(reply: &mut Reply<'_>, index: usize, figures: MemoryFigures) {
    reply.bulk(format!("db.{index}").as_bytes());
    reply.map(3);
    integer(reply, "overhead.hashtable.main", figures.tables as u64);
    integer(reply, "overhead.hashtable.expires", figures.timers as u64);
    integer(reply, "overhead.hashtable.slot-to-keys", 0);
}

fn contents(reply: &mut Reply<'_>, account: &Account) {
    integer(reply, "overhead.total", account.overhead);
    integer(reply, "keys.count", account.keys);
    let per_key = account.growth().checked_div(account.keys).unwrap_or(0);
    integer(reply, "keys.bytes-per-key", per_key);
    integer(reply, "dataset.bytes", account.dataset);
    double(reply, "dataset.percentage", account.dataset_percent());
    double(reply, "peak.percentage", account.peak_percent());
}

fn process(reply: &mut Reply<'_>, account: &Account) {
    integer(reply, "allocator.allocated", account.used);
    integer(reply, "allocator.active", account.active);
    integer(reply, "allocator.resident", account.resident);
    let fragmentation = account.fragmentation();
    beyond(
        reply,
        ["allocator-fragmentation.ratio", "allocator-fragmentation.bytes"],
        fragmentation,
    );
    beyond(reply, ["allocator-rss.ratio", "allocator-rss.bytes"], account.resident_beyond());
    // All that is resident is laid at the allocator's door.
    beyond(reply, ["rss-overhead.ratio", "rss-overhead.bytes"], Beyond { ratio: 1.0, bytes: 0 });
    beyond(reply, ["fragmentation", "fragmentation.bytes"], account.total_beyond());
}

/// MEMORY MALLOC-STATS
pub fn memory_malloc_stats(ctx: &mut Ctx) -> Outcome {
    let MemoryFigures { entries, slack, committed, .. } = ctx.state.keyspace.memory();
    let mut text = format!(
        "entries: used {entries}, free within pages {slack}, committed {committed}\n\
         all blocks: used {}\n",
        alloc::used()
    );
    text.push_str(&alloc::report());
    ctx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}
