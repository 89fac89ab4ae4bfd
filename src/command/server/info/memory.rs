//! INFO's memory section.
//!
//! Invariant: `used_memory` is the allocator's count; the parts it is split into are counted where
//! they are owned, and what is left is the data set.

use super::text::{Text, ratio};
use crate::base::{alloc, sys};
use crate::command::limit::MemoryLimit;
use crate::command::state::State;

/// The figures that several lines are derived from, bytes.
struct Account {
    used: u64,
    resident: u64,
    peak: u64,
    startup: u64,
    clients: u64,
    overhead: u64,
    dataset: u64,
}

impl Account {
    fn take(state: &mut State) -> Account {
        let used = alloc::used();
        state.stats.peak_memory = state.stats.peak_memory.max(used);
        let keyspace = state.keyspace.memory();
        let clients = state.memory_of_clients();
        let startup = state.facts.startup_memory;
        let overhead = startup + clients + keyspace.tables + keyspace.timers;
        Account {
            used: used as u64,
            resident: sys::resident_bytes(),
            peak: state.stats.peak_memory as u64,
            startup: startup as u64,
            clients: clients as u64,
            overhead: overhead as u64,
            dataset: used.saturating_sub(overhead) as u64,
        }
    }
}

/// `# Memory`
pub fn memory(text: &mut Text, state: &mut State) {
    let account = Account::take(state);
    usage(text, &account);
    allocator(text, &account);
    text.bytes("total_system_memory", state.memory_limit.machine);
    scripts(text);
    limit(text, state);
    text.field("maxmemory_policy", state.config.maxmemory_policy.name());
    fragmentation(text, &account);
    parts(text, &account);
    let counters = state.keyspace.counters();
    text.field("lazyfree_pending_objects", counters.lazyfree_pending);
    text.field("lazyfreed_objects", counters.lazyfreed);
}

fn usage(text: &mut Text, account: &Account) {
    let percent = |part, whole| format!("{:.2}%", 100.0 * ratio(part, whole));
    text.bytes("used_memory", account.used);
    text.bytes("used_memory_rss", account.resident);
    text.bytes("used_memory_peak", account.peak);
    text.field("used_memory_peak_perc", percent(account.used, account.peak));
    text.field("used_memory_overhead", account.overhead);
    text.field("used_memory_startup", account.startup);
    text.field("used_memory_dataset", account.dataset);
    let since_start = account.used.saturating_sub(account.startup).max(1);
    text.field("used_memory_dataset_perc", percent(account.dataset, since_start));
}

/// The allocator tells what it handed out; what it holds beyond that is what is resident.
fn allocator(text: &mut Text, account: &Account) {
    text.field("allocator_allocated", account.used);
    text.field("allocator_active", account.resident);
    text.field("allocator_resident", account.resident);
}

/// The limit in force, and the control group's, of which 0 is none.
fn limit(text: &mut Text, state: &State) {
    let MemoryLimit { group, .. } = state.memory_limit;
    text.bytes("maxmemory", state.maxmemory());
    text.field("maxmemory_source", state.config.maxmemory.source());
    text.field("cgroup_version", group.map_or(0, |group| group.version));
    text.bytes("cgroup_memory_limit", state.memory_limit.granted().unwrap_or(0));
}

/// There are no scripts and no functions.
fn scripts(text: &mut Text) {
    text.fields(&[("used_memory_lua", 0), ("used_memory_vm_eval", 0)]);
    text.field("used_memory_lua_human", "0B");
    text.fields(&[
        ("used_memory_scripts_eval", 0),
        ("number_of_cached_scripts", 0),
        ("number_of_functions", 0),
        ("number_of_libraries", 0),
        ("used_memory_vm_functions", 0),
    ]);
    text.bytes("used_memory_vm_total", 0);
    text.field("used_memory_functions", 0);
    text.bytes("used_memory_scripts", 0);
}

fn fragmentation(text: &mut Text, account: &Account) {
    let factor = format!("{:.2}", ratio(account.resident, account.used));
    let beyond = account.resident as i64 - account.used as i64;
    text.field("allocator_frag_ratio", &factor);
    text.field("allocator_frag_bytes", beyond);
    text.field("allocator_rss_ratio", "1.00");
    text.field("allocator_rss_bytes", 0);
    text.field("rss_overhead_ratio", "1.00");
    text.field("rss_overhead_bytes", 0);
    text.field("mem_fragmentation_ratio", &factor);
    text.field("mem_fragmentation_bytes", beyond);
}

fn parts(text: &mut Text, account: &Account) {
    text.fields(&[
        ("mem_not_counted_for_evict", 0),
        ("mem_replication_backlog", 0),
        ("mem_total_replication_buffers", 0),
        ("mem_clients_slaves", 0),
        ("mem_clients_normal", account.clients),
        ("mem_cluster_links", 0),
        ("mem_aof_buffer", 0),
    ]);
    text.field("mem_allocator", "mimalloc");
    text.field("active_defrag_running", 0);
}
