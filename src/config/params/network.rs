//! Listening, accepting and keeping connections; limits per client.

use super::{BYTES_MAX, INT_MAX, boolean, choice, int, memory, optional};
use crate::config::param::{Flags, Hook, Kind, Param, field};
use crate::config::special::{limits, lists};

/// Smallest limit that still lets ordinary requests through.
const REQUEST_BYTES_MIN: u64 = 1 << 20;

pub(super) static PARAMS: &[Param] = &[
    Param::new("bind", Kind::Special(&lists::BIND), "* -::*").flag(Flags::MULTI_ARG).hook(Hook::Bind),
    optional("bind-source-addr", field!(bind_source_addr)),
    int("port", field!(port), 0, 65535, "6379").hook(Hook::Port),
    boolean("protected-mode", field!(protected_mode), "yes"),
    int("tcp-backlog", field!(tcp_backlog), 0, INT_MAX, "511").immutable(),
    int("tcp-keepalive", field!(tcp_keepalive_s), 0, INT_MAX, "300"),
    int("timeout", field!(timeout_s), 0, INT_MAX, "0"),
    optional("unixsocket", field!(unixsocket)).immutable(),
    Param::new("unixsocketperm", Kind::Octal(field!(unixsocketperm)), "0").immutable(),
    int("socket-mark-id", field!(socket_mark_id), 0, u32::MAX as i64, "0").immutable(),
    int("maxclients", field!(maxclients), 1, u32::MAX as i64, "10000").hook(Hook::MaxClients),
    int("max-new-connections-per-cycle", field!(max_new_connections_per_cycle), 1, 1000, "10"),
    int("max-new-tls-connections-per-cycle", field!(max_new_tls_connections_per_cycle), 1, 1000, "1"),
    Param::new(
        "client-output-buffer-limit",
        Kind::Special(&limits::OUTPUT_LIMITS),
        "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60",
    )
    .flag(Flags::MULTI_ARG),
    memory("client-query-buffer-limit", field!(client_query_buffer_limit_bytes), REQUEST_BYTES_MIN, BYTES_MAX, "1gb"),
    memory("proto-max-bulk-len", field!(proto_max_bulk_len_bytes), REQUEST_BYTES_MIN, BYTES_MAX, "512mb"),
    Param::new("maxmemory-clients", Kind::Percent(field!(maxmemory_clients)), "0").hook(Hook::MaxMemoryClients),
    int("tracking-table-max-keys", field!(tracking_table_max_keys), 0, i64::MAX, "1000000"),
    optional("requirepass", field!(requirepass)).flag(Flags::SENSITIVE).hook(Hook::RequirePass),
    optional("aclfile", field!(aclfile)).immutable().absent("ACL file"),
    int("acllog-max-len", field!(acllog_max_len), 0, i64::MAX, "128"),
    choice("acl-pubsub-default", field!(acl_pubsub_default), "resetchannels"),
    choice("enable-protected-configs", field!(enable_protected_configs), "no").immutable(),
    choice("enable-debug-command", field!(enable_debug_command), "no").immutable(),
    choice("enable-module-command", field!(enable_module_command), "no").immutable(),
];
