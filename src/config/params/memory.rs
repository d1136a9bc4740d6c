//! The memory limit, eviction, expiry, freeing in the background, defragmentation, and the thresholds of compact encodings.

use super::{BYTES_MAX, INT_MAX, boolean, choice, int, memory};
use crate::config::param::{Hook, Param, field};

pub(super) static PARAMS: &[Param] = &[
    memory("maxmemory", field!(maxmemory_bytes), 0, u64::MAX, "0").hook(Hook::MaxMemory),
    choice("maxmemory-policy", field!(maxmemory_policy), "noeviction").hook(Hook::Eviction),
    int("maxmemory-samples", field!(maxmemory_samples), 1, 64, "5").hook(Hook::Eviction),
    int("maxmemory-eviction-tenacity", field!(maxmemory_eviction_tenacity), 0, 100, "10").hook(Hook::Eviction),
    int("lfu-log-factor", field!(lfu_log_factor), 0, INT_MAX, "10").hook(Hook::Eviction),
    int("lfu-decay-time", field!(lfu_decay_time_min), 0, INT_MAX, "1").hook(Hook::Eviction),
    int("active-expire-effort", field!(active_expire_effort), 1, 10, "1"),
    boolean("lazyfree-lazy-eviction", field!(lazyfree_lazy_eviction), "no"),
    boolean("lazyfree-lazy-expire", field!(lazyfree_lazy_expire), "no"),
    boolean("lazyfree-lazy-server-del", field!(lazyfree_lazy_server_del), "yes"),
    boolean("lazyfree-lazy-user-del", field!(lazyfree_lazy_user_del), "yes"),
    boolean("lazyfree-lazy-user-flush", field!(lazyfree_lazy_user_flush), "no"),
    boolean("activedefrag", field!(activedefrag), "no").hook(Hook::ActiveDefrag),
    memory("active-defrag-ignore-bytes", field!(active_defrag_ignore_bytes), 1, BYTES_MAX, "100mb"),
    int("active-defrag-threshold-lower", field!(active_defrag_threshold_lower_percent), 0, 1000, "10"),
    int("active-defrag-threshold-upper", field!(active_defrag_threshold_upper_percent), 0, 1000, "100"),
    int("active-defrag-cycle-min", field!(active_defrag_cycle_min_percent), 1, 99, "1"),
    int("active-defrag-cycle-max", field!(active_defrag_cycle_max_percent), 1, 99, "25"),
    int("active-defrag-max-scan-fields", field!(active_defrag_max_scan_fields), 1, i64::MAX, "1000"),
    int("hash-max-listpack-entries", field!(hash_max_listpack_entries), 0, i64::MAX, "512")
        .alias(&["hash-max-ziplist-entries"])
        .hook(Hook::Encodings),
    memory("hash-max-listpack-value", field!(hash_max_listpack_value_bytes), 0, BYTES_MAX, "64")
        .alias(&["hash-max-ziplist-value"])
        .hook(Hook::Encodings),
    int("list-max-listpack-size", field!(list_max_listpack_size), i32::MIN as i64, INT_MAX, "-2")
        .alias(&["list-max-ziplist-size"])
        .hook(Hook::Encodings),
    int("list-compress-depth", field!(list_compress_depth), 0, INT_MAX, "0").hook(Hook::Encodings),
    int("set-max-intset-entries", field!(set_max_intset_entries), 0, i64::MAX, "512").hook(Hook::Encodings),
    int("set-max-listpack-entries", field!(set_max_listpack_entries), 0, i64::MAX, "128").hook(Hook::Encodings),
    int("set-max-listpack-value", field!(set_max_listpack_value_bytes), 0, i64::MAX, "64").hook(Hook::Encodings),
    int("zset-max-listpack-entries", field!(zset_max_listpack_entries), 0, i64::MAX, "128")
        .alias(&["zset-max-ziplist-entries"])
        .hook(Hook::Encodings),
    memory("zset-max-listpack-value", field!(zset_max_listpack_value_bytes), 0, BYTES_MAX, "64")
        .alias(&["zset-max-ziplist-value"])
        .hook(Hook::Encodings),
    memory("hll-sparse-max-bytes", field!(hll_sparse_max_bytes), 0, BYTES_MAX, "3000").hook(Hook::Encodings),
    memory("stream-node-max-bytes", field!(stream_node_max_bytes), 0, BYTES_MAX, "4kb").hook(Hook::Encodings),
    int("stream-node-max-entries", field!(stream_node_max_entries), 0, i64::MAX, "100").hook(Hook::Encodings),
    int("stream-idmp-duration", field!(stream_idmp_duration_s), 1, 86_400, "100"),
    int("stream-idmp-maxsize", field!(stream_idmp_maxsize), 1, 10_000, "100"),
];
