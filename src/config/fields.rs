//! [`Config`]: every parameter as one typed field.
//!
//! A field is the directive's name with underscores, and its unit last (`_s`, `_ms`, `_us`, `_bytes`, `_percent`)
//! where it has one. Directives whose part of the server is not in this build have a field too, because their values are
//! stored and answered by CONFIG GET all the same. Defaults are not here: the parameter table states each once, and
//! `Config::default()` reads them from it.

use super::values::*;

/// Declares the struct together with `blank()`, the zero value that the table's defaults are written into; a hand-written
/// `blank()` would be a second list of two hundred names.
macro_rules! config {
    ($($(#[$doc:meta])* $name:ident: $kind:ty,)*) => {
        /// The server's configuration. `Config::default()` is what an empty configuration file gives.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Config {
            $($(#[$doc])* pub $name: $kind,)*
        }

        impl Config {
            /// How many parameters there have to be in the table.
            #[cfg(test)]
            pub(super) const FIELD_COUNT: usize = [$(stringify!($name)),*].len();

            /// All fields at their type's zero: no meaningful configuration, only the paper defaults are written on.
            pub(super) fn blank() -> Config {
                Config { $($name: Default::default(),)* }
            }
        }
    };
}

config! {
    // ---- network ----
    /// Addresses to listen on; a leading `-` marks one that may be unavailable.
    bind: Vec<Text>,
    /// Local address of outgoing connections.
    bind_source_addr: Option<Text>,
    /// TCP port; 0 means no TCP listener.
    port: u16,
    /// Refuse remote clients while no password and no explicit `bind` protects the data.
    protected_mode: bool,
    /// Length of the kernel's queue of connections not accepted yet.
    tcp_backlog: u32,
    /// Idle seconds before TCP keepalive probes; 0 means no probes.
    tcp_keepalive_s: u32,
    /// Idle seconds after which a client is closed; 0 means never.
    timeout_s: u32,
    /// Path of the Unix domain socket.
    unixsocket: Option<Text>,
    /// Mode of the Unix domain socket's file; 0 leaves it to the umask.
    unixsocketperm: u32,
    /// Mark put on every listening socket (`SO_MARK`); 0 means none.
    socket_mark_id: u32,
    /// Most clients connected at once.
    maxclients: u32,
    /// Most TCP and Unix connections accepted in one turn of the loop.
    max_new_connections_per_cycle: u32,
    /// Most TLS connections accepted in one turn of the loop.
    max_new_tls_connections_per_cycle: u32,

    // ---- process ----
    /// Detach from the terminal.
    daemonize: bool,
    /// Which supervisor to tell that the server is ready.
    supervised: Supervised,
    /// File that holds the process id while the server runs.
    pidfile: Option<Text>,
    /// Least important log lines that are written.
    loglevel: LogLevel,
    /// Log file; empty means standard output.
    logfile: Text,
    /// Also log to syslog.
    syslog_enabled: bool,
    /// Name under which syslog files the lines.
    syslog_ident: Text,
    /// Syslog facility.
    syslog_facility: SyslogFacility,
    /// Write a report when the process crashes.
    crash_log_enabled: bool,
    /// Test memory after a crash.
    crash_memcheck_enabled: bool,
    /// Number of databases.
    databases: u32,
    /// Show the banner even when the log is not a terminal.
    always_show_logo: bool,
    /// Rewrite the process title.
    set_proc_title: bool,
    /// Template of the process title.
    proc_title_template: Text,
    /// Locale for string comparison; empty means the environment's.
    locale_collate: Text,
    /// Keep user data out of log lines.
    hide_user_data_from_log: bool,
    /// Whether and how the process adjusts its `oom_score_adj`.
    oom_score_adj: OomScoreAdj,
    /// Its values for a primary, a replica and a background child.
    oom_score_adj_values: [i32; 3],
    /// Switch transparent huge pages off for this process.
    disable_thp: bool,
    /// CPUs of the main thread.
    server_cpulist: Option<Text>,
    /// CPUs of the background threads.
    bio_cpulist: Option<Text>,
    /// CPUs of the append only file's rewriting child.
    aof_rewrite_cpulist: Option<Text>,
    /// CPUs of the snapshot child.
    bgsave_cpulist: Option<Text>,
    /// Let jemalloc purge from a background thread.
    jemalloc_bg_thread: bool,
    /// Names of start-up warnings to stay silent about.
    ignore_warnings: Text,
    /// Threads that serve sockets, the main one included.
    io_threads: u32,
    /// Seconds SHUTDOWN waits for replicas.
    shutdown_timeout_s: u32,
    /// What SIGINT does.
    shutdown_on_sigint: ShutdownFlags,
    /// What SIGTERM does.
    shutdown_on_sigterm: ShutdownFlags,
    /// Background work cycles per second.
    hz: u32,
    /// Raise the frequency with the number of clients.
    dynamic_hz: bool,
    /// Spend idle time on growing and shrinking tables.
    activerehashing: bool,

    // ---- security ----
    /// Password of the user `default`.
    requirepass: Option<Text>,
    /// File with the ACL users.
    aclfile: Option<Text>,
    /// Most entries of ACL LOG.
    acllog_max_len: u64,
    /// Pub/sub channels a new user may reach.
    acl_pubsub_default: AclPubsubDefault,
    /// Who may change protected parameters by CONFIG SET.
    enable_protected_configs: Allow,
    /// Who may run DEBUG.
    enable_debug_command: Allow,
    /// Who may run MODULE.
    enable_module_command: Allow,

    // ---- memory, eviction, freeing ----
    /// Memory limit; 0 means none.
    maxmemory_bytes: u64,
    /// What to evict at the limit.
    maxmemory_policy: MaxmemoryPolicy,
    /// Keys sampled per eviction.
    maxmemory_samples: u32,
    /// How hard eviction may work before it lets clients go on: 0 least, 100 without limit.
    maxmemory_eviction_tenacity: u32,
    /// Memory of all clients together before the biggest are closed.
    maxmemory_clients: ClientsMemory,
    /// Effort of the active expiry cycle, 1 to 10.
    active_expire_effort: u32,
    /// Free evicted values in the background.
    lazyfree_lazy_eviction: bool,
    /// Free expired values in the background.
    lazyfree_lazy_expire: bool,
    /// Free implicitly deleted values in the background.
    lazyfree_lazy_server_del: bool,
    /// Make DEL behave as UNLINK.
    lazyfree_lazy_user_del: bool,
    /// Make FLUSHALL, FLUSHDB and the like asynchronous by default.
    lazyfree_lazy_user_flush: bool,
    /// How fast the LFU counter saturates.
    lfu_log_factor: u32,
    /// Minutes after which the LFU counter is decremented.
    lfu_decay_time_min: u32,
    /// Output limits per client class.
    client_output_buffer_limit: OutputLimits,
    /// Most bytes of unparsed requests per client.
    client_query_buffer_limit_bytes: u64,
    /// Most bytes of one request word.
    proto_max_bulk_len_bytes: u64,
    /// Most keys the tracking table remembers; 0 means no limit.
    tracking_table_max_keys: u64,
    /// Defragment memory while running.
    activedefrag: bool,
    /// Fragmented bytes below which defragmentation stays idle.
    active_defrag_ignore_bytes: u64,
    /// Fragmentation at which defragmentation starts.
    active_defrag_threshold_lower_percent: u32,
    /// Fragmentation at which it works hardest.
    active_defrag_threshold_upper_percent: u32,
    /// Least CPU it takes.
    active_defrag_cycle_min_percent: u32,
    /// Most CPU it takes.
    active_defrag_cycle_max_percent: u32,
    /// Fields of one collection walked at once before it is put off.
    active_defrag_max_scan_fields: u64,

    // ---- encodings ----
    /// Most fields of a hash kept as a listpack.
    hash_max_listpack_entries: u64,
    /// Longest field or value of such a hash.
    hash_max_listpack_value_bytes: u64,
    /// Positive: entries per list node; -1 to -5: 4, 8, 16, 32, 64 KiB per node.
    list_max_listpack_size: i32,
    /// Nodes at each end of a list left uncompressed; 0 means no compression.
    list_compress_depth: u32,
    /// Most members of an intset.
    set_max_intset_entries: u64,
    /// Most members of a set kept as a listpack.
    set_max_listpack_entries: u64,
    /// Longest member of such a set.
    set_max_listpack_value_bytes: u64,
    /// Most members of a sorted set kept as a listpack.
    zset_max_listpack_entries: u64,
    /// Longest member of such a sorted set.
    zset_max_listpack_value_bytes: u64,
    /// Largest sparse HyperLogLog.
    hll_sparse_max_bytes: u64,
    /// Largest stream node; 0 means no limit.
    stream_node_max_bytes: u64,
    /// Most entries of a stream node; 0 means no limit.
    stream_node_max_entries: u64,
    /// Seconds for which a stream knows what was sent under a name (XADD's IDMP).
    stream_idmp_duration_s: u64,
    /// Most such names of each producer.
    stream_idmp_maxsize: u64,

    // ---- observability ----
    /// Microseconds from which a command is logged as slow; negative means none is.
    slowlog_log_slower_than_us: i64,
    /// Most entries of the slow log.
    slowlog_max_len: u64,
    /// Milliseconds from which an event counts as a latency spike; 0 switches the monitor off.
    latency_monitor_threshold_ms: u64,
    /// Keep a latency histogram per command.
    latency_tracking: bool,
    /// Percentiles INFO shows of those histograms.
    latency_tracking_info_percentiles: Vec<f64>,
    /// Classes of key events that are published.
    notify_keyspace_events: KeyspaceEvents,

    // ---- scripts ----
    /// Milliseconds after which a busy script lets others see BUSY.
    busy_reply_threshold_ms: u64,
    /// Offer the script interface's deprecated functions.
    lua_enable_deprecated_api: bool,

    // ---- snapshots ----
    /// Points at which a snapshot is taken.
    save: Vec<SavePoint>,
    /// Refuse writes after a failed snapshot.
    stop_writes_on_bgsave_error: bool,
    /// Compress strings in snapshots.
    rdbcompression: bool,
    /// End snapshots with a checksum.
    rdbchecksum: bool,
    /// Whose serialised values are validated deeply.
    sanitize_dump_payload: SanitizeDump,
    /// File name of the snapshot.
    dbfilename: Text,
    /// Delete snapshot files that only served replication.
    rdb_del_sync_files: bool,
    /// Working directory.
    dir: Text,
    /// Sync a snapshot piece by piece while it is written.
    rdb_save_incremental_fsync: bool,
    /// Microseconds to sleep per key saved (tests).
    rdb_key_save_delay_us: i32,
    /// Microseconds to sleep per key loaded (tests).
    key_load_delay_us: i32,
    /// Bytes loaded between two looks at the sockets.
    loading_process_events_interval_bytes: u32,

    // ---- append only file ----
    /// Log every write.
    appendonly: bool,
    /// Base name of the log's files.
    appendfilename: Text,
    /// Folder of the log's files.
    appenddirname: Text,
    /// When the log is synced.
    appendfsync: AppendFsync,
    /// Do not sync while a child writes.
    no_appendfsync_on_rewrite: bool,
    /// Growth that starts a rewrite; 0 means none does.
    auto_aof_rewrite_percentage_percent: u32,
    /// Size below which no rewrite starts by itself.
    auto_aof_rewrite_min_size_bytes: u64,
    /// Load a log whose last command is cut off.
    aof_load_truncated: bool,
    /// Write the base file as a snapshot.
    aof_use_rdb_preamble: bool,
    /// Annotate the log with times.
    aof_timestamp_enabled: bool,
    /// Sync a rewrite piece by piece.
    aof_rewrite_incremental_fsync: bool,
    /// Keep files no manifest names (tests).
    aof_disable_auto_gc: bool,

    // ---- replication ----
    /// The primary's host and port.
    replicaof: Option<(Text, u16)>,
    /// Password for the primary.
    masterauth: Option<Text>,
    /// User for the primary.
    masteruser: Option<Text>,
    /// Answer while the link to the primary is down.
    replica_serve_stale_data: bool,
    /// Refuse writes of ordinary clients on a replica.
    replica_read_only: bool,
    /// Replicas ignore `maxmemory`.
    replica_ignore_maxmemory: bool,
    /// Replicas empty their data in the background.
    replica_lazy_flush: bool,
    /// Send snapshots to replicas without a file.
    repl_diskless_sync: bool,
    /// Seconds to wait for more replicas before such a transfer.
    repl_diskless_sync_delay_s: u32,
    /// Replicas that end the wait early; 0 means none does.
    repl_diskless_sync_max_replicas: u32,
    /// How a replica loads from the socket.
    repl_diskless_load: ReplDisklessLoad,
    /// Snapshot and stream on two connections.
    repl_rdb_channel: bool,
    /// Seconds between pings to replicas.
    repl_ping_replica_period_s: u32,
    /// Seconds of silence after which a replication link is dead.
    repl_timeout_s: u32,
    /// Let the kernel collect small packets to replicas.
    repl_disable_tcp_nodelay: bool,
    /// Size of the backlog.
    repl_backlog_size_bytes: u64,
    /// Seconds without replicas after which the backlog is freed; 0 means never.
    repl_backlog_ttl_s: u64,
    /// Limit of the buffer a replica fills during full sync; 0 means the output limit's.
    replica_full_sync_buffer_limit_bytes: u64,
    /// Preference for promotion; 0 means never.
    replica_priority: u32,
    /// Show this replica to Sentinel.
    replica_announced: bool,
    /// Address announced to the primary.
    replica_announce_ip: Option<Text>,
    /// Port announced to the primary; 0 means the real one.
    replica_announce_port: u16,
    /// Go on when a replica's own disk fails.
    replica_ignore_disk_write_errors: bool,
    /// What a failure of a replicated command does.
    propagation_error_behavior: PropagationErrors,
    /// Replicas without which writes are refused; 0 means none needed.
    min_replicas_to_write: u32,
    /// Seconds of lag up to which a replica counts as healthy.
    min_replicas_max_lag_s: u32,

    // ---- cluster ----
    /// Run as a cluster node.
    cluster_enabled: bool,
    /// File of the node's own state.
    cluster_config_file: Text,
    /// Port of the bus; 0 means the client port plus 10000.
    cluster_port: u16,
    /// Milliseconds after which a node counts as failing.
    cluster_node_timeout_ms: u64,
    /// Milliseconds between pings (tests); 0 means automatic.
    cluster_ping_interval_ms: u64,
    /// How old a replica's data may be to stand for election.
    cluster_replica_validity_factor: u32,
    /// Replicas a primary keeps before one may migrate.
    cluster_migration_barrier: u32,
    /// Let replicas migrate.
    cluster_allow_replica_migration: bool,
    /// Stop serving while slots are uncovered.
    cluster_require_full_coverage: bool,
    /// Never promote this node.
    cluster_replica_no_failover: bool,
    /// Serve reads while the cluster is down.
    cluster_allow_reads_when_down: bool,
    /// Serve sharded pub/sub while the cluster is down.
    cluster_allow_pubsubshard_when_down: bool,
    /// Memory limit of a bus link's send buffer; 0 means none.
    cluster_link_sendbuf_limit_bytes: u64,
    /// Address announced to other nodes.
    cluster_announce_ip: Option<Text>,
    /// Host name announced to clients.
    cluster_announce_hostname: Text,
    /// Name for logs.
    cluster_announce_human_nodename: Text,
    /// Client port announced; 0 means the real one.
    cluster_announce_port: u16,
    /// TLS client port announced; 0 means the real one.
    cluster_announce_tls_port: u16,
    /// Bus port announced; 0 means the real one.
    cluster_announce_bus_port: u16,
    /// What clients are told to connect to.
    cluster_preferred_endpoint_type: EndpointType,
    /// Share of commands checked for use in a cluster; 0 means none.
    cluster_compatibility_sample_ratio_percent: u32,

    // ---- TLS ----
    /// TLS port; 0 means no TLS listener.
    tls_port: u16,
    /// Certificate.
    tls_cert_file: Option<Text>,
    /// Private key.
    tls_key_file: Option<Text>,
    /// Its passphrase.
    tls_key_file_pass: Option<Text>,
    /// Certificate of outgoing connections.
    tls_client_cert_file: Option<Text>,
    /// Private key of outgoing connections.
    tls_client_key_file: Option<Text>,
    /// Its passphrase.
    tls_client_key_file_pass: Option<Text>,
    /// Diffie-Hellman parameters.
    tls_dh_params_file: Option<Text>,
    /// Trusted certificates, one file.
    tls_ca_cert_file: Option<Text>,
    /// Trusted certificates, a folder.
    tls_ca_cert_dir: Option<Text>,
    /// Whether clients present certificates.
    tls_auth_clients: TlsAuthClients,
    /// Replication links use TLS.
    tls_replication: bool,
    /// The cluster bus uses TLS.
    tls_cluster: bool,
    /// Protocol versions.
    tls_protocols: Option<Text>,
    /// Cipher list up to TLS 1.2.
    tls_ciphers: Option<Text>,
    /// Cipher suites of TLS 1.3.
    tls_ciphersuites: Option<Text>,
    /// The server's order of ciphers decides.
    tls_prefer_server_ciphers: bool,
    /// Cache TLS sessions.
    tls_session_caching: bool,
    /// Sessions cached; 0 means no limit.
    tls_session_cache_size: u32,
    /// Seconds a session stays cached.
    tls_session_cache_timeout_s: u32,

    // ---- debugging ----
    /// Milliseconds of the software watchdog; 0 means off.
    watchdog_period_ms: u32,
    /// Exit instead of abort on a panic.
    use_exit_on_panic: bool,
    /// RESP version of a new connection, 2 or 3.
    client_default_resp: u32,
    /// File that records every request and reply.
    req_res_logfile: Option<Text>,
}
