//! Replication: settings that only tune it are kept and answered; the switch is refused while there is none.

use super::{BYTES_MAX, INT_MAX, boolean, choice, int, memory, optional};
use crate::config::param::{Flags, Hook, Kind, Param, field};
use crate::config::special::lists;

/// A smaller backlog is raised to this.
const BACKLOG_MIN_BYTES: u64 = 16 << 10;

pub(super) static PARAMS: &[Param] = &[
    Param::new("replicaof", Kind::Special(&lists::REPLICAOF), "").alias(&["slaveof"]).immutable().absent("replication"),
    optional("masterauth", field!(masterauth)).valkey(&["primaryauth"]).flag(Flags::SENSITIVE),
    optional("masteruser", field!(masteruser)).valkey(&["primaryuser"]).flag(Flags::SENSITIVE),
    boolean("replica-serve-stale-data", field!(replica_serve_stale_data), "yes").alias(&["slave-serve-stale-data"]),
    boolean("replica-read-only", field!(replica_read_only), "yes").alias(&["slave-read-only"]),
    boolean("replica-ignore-maxmemory", field!(replica_ignore_maxmemory), "yes").alias(&["slave-ignore-maxmemory"]),
    boolean("replica-lazy-flush", field!(replica_lazy_flush), "no").alias(&["slave-lazy-flush"]),
    boolean("repl-diskless-sync", field!(repl_diskless_sync), "yes"),
    int("repl-diskless-sync-delay", field!(repl_diskless_sync_delay_s), 0, INT_MAX, "5"),
    int("repl-diskless-sync-max-replicas", field!(repl_diskless_sync_max_replicas), 0, INT_MAX, "0"),
    choice("repl-diskless-load", field!(repl_diskless_load), "disabled").flag(Flags::DENY_LOADING),
    boolean("repl-rdb-channel", field!(repl_rdb_channel), "yes").hidden(),
    int("repl-ping-replica-period", field!(repl_ping_replica_period_s), 1, INT_MAX, "10").alias(&["repl-ping-slave-period"]),
    int("repl-timeout", field!(repl_timeout_s), 1, INT_MAX, "60"),
    boolean("repl-disable-tcp-nodelay", field!(repl_disable_tcp_nodelay), "no"),
    Param::new(
        "repl-backlog-size",
        Kind::Memory { field: field!(repl_backlog_size_bytes), min: 1, max: BYTES_MAX, floor: BACKLOG_MIN_BYTES },
        "1mb",
    )
    .hook(Hook::ReplBacklog),
    int("repl-backlog-ttl", field!(repl_backlog_ttl_s), 0, i64::MAX, "3600"),
    memory("replica-full-sync-buffer-limit", field!(replica_full_sync_buffer_limit_bytes), 0, BYTES_MAX, "0"),
    int("replica-priority", field!(replica_priority), 0, INT_MAX, "100").alias(&["slave-priority"]),
    boolean("replica-announced", field!(replica_announced), "yes"),
    optional("replica-announce-ip", field!(replica_announce_ip)).alias(&["slave-announce-ip"]),
    int("replica-announce-port", field!(replica_announce_port), 0, 65535, "0").alias(&["slave-announce-port"]),
    boolean("replica-ignore-disk-write-errors", field!(replica_ignore_disk_write_errors), "no"),
    choice("propagation-error-behavior", field!(propagation_error_behavior), "ignore"),
    int("min-replicas-to-write", field!(min_replicas_to_write), 0, INT_MAX, "0")
        .alias(&["min-slaves-to-write"])
        .hook(Hook::GoodReplicas),
    int("min-replicas-max-lag", field!(min_replicas_max_lag_s), 0, INT_MAX, "10")
        .alias(&["min-slaves-max-lag"])
        .hook(Hook::GoodReplicas),
];
