//! INFO's memory section.
//!
//! Invariant: names and order are Redis's; what Redis lacks stands beside what it belongs to.

use super::text::Text;
use crate::command::script::{Functions, Scripts};
use crate::command::server::memory::account::{Account, Beyond};
use crate::command::state::State;

/// `# Memory`
pub fn memory(text: &mut Text, state: &mut State) {
    let account = Account::take(state);
    usage(text, &account);
    allocator(text, &account);
    text.bytes("total_system_memory", state.memory_limit.machine);
    scripts(text, &state.scripts, &state.functions);
    limit(text, state);
    text.field("maxmemory_policy", state.config.maxmemory_policy.name());
    fragmentation(text, &account);
    text.field("mem_not_counted_for_evict", state.memory_not_counted(0));
    parts(text, &account);
    let counters = state.keyspace.counters();
    text.field("lazyfree_pending_objects", counters.lazyfree_pending);
    text.field("lazyfreed_objects", counters.lazyfreed);
}

fn usage(text: &mut Text, account: &Account) {
    let percent = |percent: f64| format!("{percent:.2}%");
    text.bytes("used_memory", account.used);
    text.bytes("used_memory_rss", account.resident);
    text.bytes("used_memory_peak", account.peak);
    text.field("used_memory_peak_perc", percent(account.peak_percent()));
    text.field("used_memory_overhead", account.overhead);
    text.field("used_memory_startup", account.startup);
    text.field("used_memory_dataset", account.dataset);
    text.field("used_memory_dataset_perc", percent(account.dataset_percent()));
}

fn allocator(text: &mut Text, account: &Account) {
    text.field("allocator_allocated", account.used);
    text.field("allocator_active", account.active);
    text.field("allocator_resident", account.resident);
}

/// The limit in force, and the control group's, of which 0 is none.
fn limit(text: &mut Text, state: &State) {
    let limit = state.memory_limit;
    text.bytes("maxmemory", limit.effective());
    text.field("maxmemory_source", state.config.maxmemory.source());
    text.field("cgroup_version", limit.group.map_or(0, |group| group.version));
    text.bytes("cgroup_memory_limit", limit.granted().unwrap_or(0));
    text.field("maxmemory_withheld", limit.withheld());
}

fn scripts(text: &mut Text, scripts: &Scripts, functions: &Functions) {
    let (engine, known) = (scripts.engine_bytes() as u64, scripts.bytes() as u64);
    let (loaded, own) = (functions.engine_bytes() as u64, functions.bytes() as u64);
    let (libraries, count) = functions.counts();
    text.field("used_memory_vm_eval", engine);
    text.bytes("used_memory_lua", engine);
    text.fields(&[
        ("used_memory_scripts_eval", known),
        ("number_of_cached_scripts", scripts.len() as u64),
        ("number_of_functions", count as u64),
        ("number_of_libraries", libraries as u64),
        ("used_memory_vm_functions", loaded),
    ]);
    text.bytes("used_memory_vm_total", engine + loaded);
    text.field("used_memory_functions", own);
    text.bytes("used_memory_scripts", known + own);
}

fn fragmentation(text: &mut Text, account: &Account) {
    beyond(text, ["allocator_frag_ratio", "allocator_frag_bytes"], account.fragmentation());
    beyond(text, ["allocator_rss_ratio", "allocator_rss_bytes"], account.resident_beyond());
    beyond(text, ["rss_overhead_ratio", "rss_overhead_bytes"], Beyond { ratio: 1.0, bytes: 0 });
    beyond(text, ["mem_fragmentation_ratio", "mem_fragmentation_bytes"], account.total_beyond());
}

fn beyond(text: &mut Text, names: [&str; 2], value: Beyond) {
    text.field(names[0], format_args!("{:.2}", value.ratio));
    text.field(names[1], value.bytes);
}

fn parts(text: &mut Text, account: &Account) {
    text.fields(&[
        ("mem_replication_backlog", 0),
        ("mem_total_replication_buffers", 0),
        ("mem_clients_slaves", 0),
        ("mem_clients_normal", account.clients),
        ("mem_cluster_links", 0),
        ("mem_aof_buffer", account.log),
    ]);
    text.field("mem_allocator", "mimalloc");
    text.field("active_defrag_running", 0);
}
