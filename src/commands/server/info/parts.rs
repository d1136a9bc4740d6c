//! What INFO tells of persistence, replication, modules and the cluster: each as a server with that part at rest shows it.

use super::Report;
use crate::server::Server;

pub fn persistence(server: &mut Server, out: &mut Report) {
    out.zeros(&["loading", "async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age"]);
    out.field("current_fork_perc", "0.00");
    out.zeros(&["current_save_keys_processed", "current_save_keys_total"]);
    out.field("rdb_changes_since_last_save", server.env.fx.dirty);
    out.field("rdb_bgsave_in_progress", 0);
    out.field("rdb_last_save_time", server.process.start_time_s);
    out.field("rdb_last_bgsave_status", "ok");
    out.field("rdb_last_bgsave_time_sec", -1);
    out.field("rdb_current_bgsave_time_sec", -1);
    out.zeros(&["rdb_saves", "rdb_last_cow_size", "rdb_last_load_keys_expired", "rdb_last_load_keys_loaded"]);
    out.zeros(&["aof_enabled", "aof_rewrite_in_progress", "aof_rewrite_scheduled"]);
    out.field("aof_last_rewrite_time_sec", -1);
    out.field("aof_current_rewrite_time_sec", -1);
    out.field("aof_last_bgrewrite_status", "ok");
    out.zeros(&["aof_rewrites", "aof_rewrites_consecutive_failures"]);
    out.field("aof_last_write_status", "ok");
    out.zeros(&["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"]);
}

pub fn replication(server: &mut Server, out: &mut Report) {
    out.field("role", "master");
    out.field("connected_slaves", 0);
    out.field("master_failover_state", "no-failover");
    out.field("master_replid", &server.process.replication_id);
    out.field("master_replid2", "0".repeat(40));
    out.field("master_repl_offset", 0);
    out.field("second_repl_offset", -1);
    out.field("repl_backlog_active", 0);
    out.field("repl_backlog_size", server.env.config.repl_backlog_size_bytes);
    out.zeros(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"]);
}

pub fn modules(_server: &mut Server, _out: &mut Report) {}

pub fn cluster(server: &mut Server, out: &mut Report) {
    out.field("cluster_enabled", u8::from(server.env.config.cluster_enabled));
}
