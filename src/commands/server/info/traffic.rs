//! What INFO tells of the loop's work: threads, totals, rates.

use super::Report;
use crate::server::Server;
use crate::stats::rates::Rate;

pub fn threads(server: &mut Server, out: &mut Report) {
    let clients = server.clients.iter().filter(|(_, client)| !client.is_internal()).count();
    let stats = &server.stats;
    let (reads, writes) = (stats.reads_processed, stats.writes_processed);
    out.line(format_args!("io_thread_0:clients={clients},reads={reads},writes={writes}"));
}

pub fn stats(server: &mut Server, out: &mut Report) {
    let stats = &server.stats;
    let keys = &server.env.stats;
    let rate = |rate| stats.rates.get(rate);
    let kbps = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    out.field("total_connections_received", stats.connections_received);
    out.field("total_commands_processed", stats.commands_processed);
    out.field("instantaneous_ops_per_sec", rate(Rate::Commands));
    out.field("total_net_input_bytes", stats.net_input_bytes);
    out.field("total_net_output_bytes", stats.net_output_bytes);
    out.zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    out.field("instantaneous_input_kbps", kbps(rate(Rate::NetInput)));
    out.field("instantaneous_output_kbps", kbps(rate(Rate::NetOutput)));
    out.field("instantaneous_input_repl_kbps", kbps(0));
    out.field("instantaneous_output_repl_kbps", kbps(0));
    out.field("rejected_connections", stats.connections_rejected);
    out.zeros(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
    out.field("expired_subkeys", keys.expired_elems);
    out.field("expired_keys", keys.expired);
    out.field("expired_stale_perc", "0.00");
    out.field("expired_time_cap_reached_count", stats.expired_time_cap_reached);
    out.field("expire_cycle_cpu_milliseconds", stats.expire_cycle_ns / 1_000_000);
    out.field("evicted_keys", keys.evicted);
    out.field("evicted_clients", stats.clients_evicted);
    out.field("evicted_scripts", stats.evicted_scripts);
    let current_ns = server.memory.over_since_ns.map_or(0, |since_ns| server.clock.now_ns.saturating_sub(since_ns));
    out.field("total_eviction_exceeded_time", (stats.eviction_exceeded_ns + current_ns) / 1_000_000);
    out.field("current_eviction_exceeded_time", current_ns / 1_000_000);
    out.field("keyspace_hits", keys.hits);
    out.field("keyspace_misses", keys.misses);
    out.field("pubsub_channels", server.pubsub.channels.len());
    out.field("pubsub_patterns", server.pubsub.patterns.len());
    out.field("pubsubshard_channels", server.pubsub.shards.len());
    out.field("latest_fork_usec", server.children.last_fork_us);
    out.field("total_forks", server.children.forks);
    out.field("migrate_cached_sockets", server.links.len());
    out.zeros(&["slave_expires_tracked_keys"]);
    let moved = server.defrag.figures();
    out.field("active_defrag_hits", moved.hits);
    out.field("active_defrag_misses", moved.misses);
    out.field("active_defrag_key_hits", moved.key_hits);
    out.field("active_defrag_key_misses", moved.key_misses);
    let (total_ms, current_ms) = server.defrag.times_ms(server.clock.now_ns);
    out.field("total_active_defrag_time", total_ms);
    out.field("current_active_defrag_time", current_ms);
    out.field("tracking_total_keys", server.tracked.table.len());
    out.field("tracking_total_items", server.tracked.table.items());
    out.field("tracking_total_prefixes", server.tracked.prefixes.len());
    out.field("unexpected_error_replies", stats.unexpected_error_replies);
    out.field("total_error_replies", stats.errors_total);
    out.field("dump_payload_sanitizations", 0);
    out.field("total_reads_processed", stats.reads_processed);
    out.field("total_writes_processed", stats.writes_processed);
    out.zeros(&["io_threaded_reads_processed", "io_threaded_writes_processed"]);
    out.field("client_query_buffer_limit_disconnections", stats.query_limit_disconnections);
    out.field("client_output_buffer_limit_disconnections", stats.output_limit_disconnections);
    out.field("reply_buffer_shrinks", stats.reply_buffer_shrinks);
    out.field("reply_buffer_expands", stats.reply_buffer_expands);
    out.field("eventloop_cycles", stats.turns);
    out.field("eventloop_duration_sum", stats.turns_ns / 1000);
    out.field("eventloop_duration_cmd_sum", stats.turns_command_ns / 1000);
    out.field("instantaneous_eventloop_cycles_per_sec", rate(Rate::Turns));
    out.field("instantaneous_eventloop_duration_usec", rate(Rate::TurnDuration));
    out.zeros(&["acl_access_denied_auth", "acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel"]);
    if server.env.config.cluster_compatibility_sample_ratio_percent != 0 && !server.env.config.cluster_enabled {
        out.field("cluster_incompatible_ops", stats.cluster_incompatible);
    }
}

pub fn debug(server: &mut Server, out: &mut Report) {
    let stats = &server.stats;
    out.field("eventloop_duration_aof_sum", server.aof.flush_ns / 1000);
    out.field("eventloop_duration_cron_sum", stats.cron_ns / 1000);
    out.field("eventloop_duration_max", stats.turn_ns_max / 1000);
    out.field("eventloop_cmd_per_cycle_max", stats.turn_commands_max);
    out.zeros(&["allocator_allocated_lua", "allocator_active_lua", "allocator_resident_lua", "allocator_frag_bytes_lua"]);
}
