//! What INFO tells of persistence, replication, modules and the cluster: each as a server with that part at rest shows it.

use super::{Report, ratio};
use crate::persist::aof::State;
use crate::persist::child::Purpose;
use crate::server::Server;

pub fn persistence(server: &mut Server, out: &mut Report) {
    server.look_after_child();
    out.field("loading", u8::from(server.loading.is_some()));
    out.zeros(&["async_loading"]);
    let child = server.children.current.as_ref();
    let progress = child.map(|child| child.progress).unwrap_or_default();
    out.field("current_cow_peak", progress.cow_peak_bytes);
    out.field("current_cow_size", progress.cow_bytes);
    let told_ns = child.map_or(0, |child| child.told_ns);
    let age_ns = if told_ns == 0 { 0 } else { server.clock.now_ns.saturating_sub(told_ns) };
    out.field("current_cow_size_age", age_ns / 1_000_000_000);
    let keys_total = child.map_or(0, |child| child.keys_total);
    out.line(format_args!("current_fork_perc:{:.2}", ratio(progress.keys as usize, keys_total as usize) * 100.0));
    out.field("current_save_keys_processed", progress.keys);
    out.field("current_save_keys_total", keys_total);
    out.field("rdb_changes_since_last_save", server.env.fx.dirty);
    let saving = child.filter(|child| child.purpose == Purpose::Rdb);
    let snapshots = &server.snapshots;
    out.field("rdb_bgsave_in_progress", u8::from(saving.is_some()));
    out.field("rdb_last_save_time", snapshots.last_save_s);
    out.field("rdb_last_bgsave_status", if snapshots.last_ok { "ok" } else { "err" });
    let seconds = |s: Option<u64>| s.map_or(-1, |s| s as i64);
    out.field("rdb_last_bgsave_time_sec", seconds(snapshots.last_duration_s));
    let running_s = saving.map(|child| server.env.now_ms.saturating_sub(child.started_ms) / 1000);
    out.field("rdb_current_bgsave_time_sec", seconds(running_s));
    out.field("rdb_saves", snapshots.saves);
    out.field("rdb_last_cow_size", snapshots.last_cow_bytes);
    out.field("rdb_last_load_keys_expired", snapshots.keys_expired);
    out.field("rdb_last_load_keys_loaded", snapshots.keys_loaded);
    append_only_file(server, out);
    if let Some(loading) = &server.loading {
        let (loaded, total) = (loading.loaded_bytes, loading.total_bytes);
        out.field("loading_start_time", loading.started_s);
        out.field("loading_total_bytes", total);
        out.field("loading_rdb_used_mem", loading.used_mem_bytes);
        out.field("loading_loaded_bytes", loaded);
        out.line(format_args!("loading_loaded_perc:{:.2}", ratio(loaded as usize, total as usize) * 100.0));
        let elapsed_s = (server.env.now_ms / 1000).saturating_sub(loading.started_s);
        // As fast as so far.
        let eta_s = (elapsed_s * total.saturating_sub(loaded)).checked_div(loaded).unwrap_or(1);
        out.field("loading_eta_seconds", eta_s);
    }
}

/// The fields of the append only file: some always, the others while there is one.
fn append_only_file(server: &Server, out: &mut Report) {
    let (aof, rewrite) = (&server.aof, &server.aof.rewrite);
    let seconds = |time_s: Option<u64>| time_s.map_or(-1, |time_s| i64::try_from(time_s).unwrap_or(i64::MAX));
    let status = |failed| if failed { "err" } else { "ok" };
    let now_s = server.env.now_ms / 1000;
    out.field("aof_enabled", u8::from(aof.state != State::Off));
    out.field("aof_rewrite_in_progress", u8::from(server.has_child_for(Purpose::AofRewrite)));
    out.field("aof_rewrite_scheduled", u8::from(rewrite.scheduled));
    out.field("aof_last_rewrite_time_sec", seconds(rewrite.last_time_s));
    out.field("aof_current_rewrite_time_sec", seconds(rewrite.started_s.map(|started_s| now_s.saturating_sub(started_s))));
    out.field("aof_last_bgrewrite_status", status(rewrite.failed));
    out.field("aof_rewrites", rewrite.count);
    out.field("aof_rewrites_consecutive_failures", rewrite.failures_in_a_row);
    out.field("aof_last_write_status", status(aof.fault.is_some()));
    out.field("aof_last_cow_size", rewrite.last_cow_bytes);
    out.zeros(&["module_fork_in_progress", "module_fork_last_cow_size"]);
    if aof.state != State::Off {
        out.field("aof_current_size", aof.current_bytes);
        out.field("aof_base_size", aof.base_bytes);
        out.field("aof_pending_rewrite", u8::from(rewrite.scheduled));
        out.field("aof_buffer_length", aof.pending_bytes());
        out.field("aof_pending_bio_fsync", aof.syncer.pending());
        out.field("aof_delayed_fsync", aof.delayed_syncs);
    }
}

pub fn replication(server: &mut Server, out: &mut Report) {
    out.field("role", "master");
    out.field("connected_slaves", 0);
    out.field("master_failover_state", "no-failover");
    out.field("master_replid", &server.process.replication_id);
    out.field("master_replid2", "0".repeat(40));
    out.field("master_repl_offset", server.stream.offset);
    out.field("second_repl_offset", -1);
    out.field("repl_backlog_active", 0);
    out.field("repl_backlog_size", server.env.config.repl_backlog_size_bytes);
    out.zeros(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"]);
}

pub fn modules(_server: &mut Server, _out: &mut Report) {}

pub fn cluster(server: &mut Server, out: &mut Report) {
    out.field("cluster_enabled", u8::from(server.env.config.cluster_enabled));
}
