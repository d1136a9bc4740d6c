//! What INFO tells of memory.

use super::{Report, ratio};
use crate::config::values::Named;
use crate::server::Server;
use crate::server::usage::Usage;
use crate::sys::host;
use crate::util::version;

pub fn memory(server: &mut Server, out: &mut Report) {
    let usage = Usage::of(server);
    let alloc = usage.allocator;
    let limit = server.env.config.maxmemory_bytes;
    out.size("used_memory", usage.used);
    out.size("used_memory_rss", usage.resident);
    out.size("used_memory_peak", usage.peak);
    out.line(format_args!("used_memory_peak_perc:{:.2}%", ratio(usage.used, usage.peak) * 100.0));
    out.field("used_memory_overhead", usage.overhead);
    out.field("used_memory_startup", usage.startup);
    out.field("used_memory_dataset", usage.dataset);
    out.line(format_args!("used_memory_dataset_perc:{:.2}%", usage.dataset_percent()));
    out.field("allocator_allocated", alloc.allocated);
    out.field("allocator_active", alloc.active);
    out.field("allocator_resident", alloc.resident);
    out.field("allocator_muzzy", alloc.muzzy);
    out.size("total_system_memory", host::total_memory());
    let scripts = &server.scripts;
    let (eval_vm, functions_vm) = scripts.vm_bytes();
    let (cache, libraries) = (scripts.cache.mem_bytes(), scripts.libraries.mem_bytes());
    out.field("used_memory_lua", eval_vm);
    out.field("used_memory_vm_eval", eval_vm);
    out.human("used_memory_lua", eval_vm);
    out.field("used_memory_scripts_eval", cache);
    out.field("number_of_cached_scripts", scripts.cache.len());
    out.field("number_of_functions", scripts.libraries.function_count());
    out.field("number_of_libraries", scripts.libraries.len());
    out.field("used_memory_vm_functions", functions_vm);
    out.size("used_memory_vm_total", eval_vm + functions_vm);
    out.field("used_memory_functions", libraries);
    out.size("used_memory_scripts", cache + libraries);
    out.field("maxmemory", limit);
    out.human("maxmemory", limit as usize);
    out.field("maxmemory_policy", server.env.config.maxmemory_policy.name());
    out.line(format_args!("allocator_frag_ratio:{:.2}", alloc.fragmentation()));
    out.field("allocator_frag_bytes", alloc.free_in_slabs);
    for (name, part, whole) in [
        ("allocator_rss", alloc.resident, alloc.active),
        ("rss_overhead", usage.resident, alloc.resident),
        ("mem_fragmentation", usage.resident, usage.used),
    ] {
        out.line(format_args!("{name}_ratio:{:.2}", ratio(part, whole)));
        out.field(&format!("{name}_bytes"), part as i64 - whole as i64);
    }
    out.field("mem_not_counted_for_evict", server.memory_beyond_eviction());
    out.zeros(&[
        "mem_replication_backlog",
        "mem_total_replication_buffers",
        "mem_replica_full_sync_buffer",
        "mem_clients_slaves",
    ]);
    out.field("mem_clients_normal", usage.clients);
    out.zeros(&["mem_cluster_links"]);
    out.field("mem_aof_buffer", server.aof.buffer_bytes());
    out.field("mem_allocator", version::ALLOCATOR);
    out.field("mem_overhead_db_hashtable_rehashing", 0);
    out.field("active_defrag_running", server.defrag.percent());
    let (pending, freed) = server.env.reclaim.figures();
    out.field("lazyfree_pending_objects", pending);
    out.field("lazyfreed_objects", freed + server.stats.error_codes_freed);
}
