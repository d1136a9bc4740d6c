//! Cluster mode: settings that only tune it are kept and answered; the switch is refused while there is none.

use super::{INT_MAX, boolean, choice, int, memory, optional};
use crate::config::param::{Hook, Kind, Param, field};
use crate::config::special::texts;

pub(super) static PARAMS: &[Param] = &[
    boolean("cluster-enabled", field!(cluster_enabled), "no").immutable().absent("cluster mode"),
    Param::new("cluster-config-file", Kind::text(field!(cluster_config_file)), "nodes.conf").immutable(),
    int("cluster-port", field!(cluster_port), 0, 65535, "0").immutable(),
    int("cluster-node-timeout", field!(cluster_node_timeout_ms), 0, i64::MAX, "15000"),
    int("cluster-ping-interval", field!(cluster_ping_interval_ms), 0, i64::MAX, "0").hidden(),
    int("cluster-replica-validity-factor", field!(cluster_replica_validity_factor), 0, INT_MAX, "10")
        .alias(&["cluster-slave-validity-factor"]),
    int("cluster-migration-barrier", field!(cluster_migration_barrier), 0, INT_MAX, "1"),
    boolean("cluster-allow-replica-migration", field!(cluster_allow_replica_migration), "yes"),
    boolean("cluster-require-full-coverage", field!(cluster_require_full_coverage), "yes"),
    boolean("cluster-replica-no-failover", field!(cluster_replica_no_failover), "no").alias(&["cluster-slave-no-failover"]),
    boolean("cluster-allow-reads-when-down", field!(cluster_allow_reads_when_down), "no"),
    boolean("cluster-allow-pubsubshard-when-down", field!(cluster_allow_pubsubshard_when_down), "yes"),
    memory("cluster-link-sendbuf-limit", field!(cluster_link_sendbuf_limit_bytes), 0, u64::MAX, "0"),
    optional("cluster-announce-ip", field!(cluster_announce_ip)).hook(Hook::ClusterAnnounce),
    Param::new("cluster-announce-hostname", Kind::Str(field!(cluster_announce_hostname), texts::check_hostname), "")
        .hook(Hook::ClusterAnnounce),
    Param::new("cluster-announce-human-nodename", Kind::Str(field!(cluster_announce_human_nodename), texts::check_nodename), "")
        .hook(Hook::ClusterAnnounce),
    int("cluster-announce-port", field!(cluster_announce_port), 0, 65535, "0").hook(Hook::ClusterAnnounce),
    int("cluster-announce-tls-port", field!(cluster_announce_tls_port), 0, 65535, "0").hook(Hook::ClusterAnnounce),
    int("cluster-announce-bus-port", field!(cluster_announce_bus_port), 0, 65535, "0").hook(Hook::ClusterAnnounce),
    choice("cluster-preferred-endpoint-type", field!(cluster_preferred_endpoint_type), "ip").hook(Hook::ClusterAnnounce),
    int("cluster-compatibility-sample-ratio", field!(cluster_compatibility_sample_ratio_percent), 0, 100, "0"),
];
