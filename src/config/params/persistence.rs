//! Snapshots, the append only file, and the working directory they live in.

use super::{BYTES_MAX, INT_MAX, boolean, choice, int, memory};
use crate::config::param::{Flags, Hook, Kind, Param, field};
use crate::config::special::{lists, texts};

/// Fewer bytes between two looks at the sockets would make loading slow without making it more responsive.
const LOADING_INTERVAL_MIN_BYTES: i64 = 1024;

pub(super) static PARAMS: &[Param] = &[
    Param::new("save", Kind::Special(&lists::SAVE), "3600 1 300 100 60 10000").flag(Flags::MULTI_ARG),
    boolean("stop-writes-on-bgsave-error", field!(stop_writes_on_bgsave_error), "yes"),
    boolean("rdbcompression", field!(rdbcompression), "yes"),
    boolean("rdbchecksum", field!(rdbchecksum), "yes").immutable(),
    choice("sanitize-dump-payload", field!(sanitize_dump_payload), "no"),
    Param::new("dbfilename", Kind::Str(field!(dbfilename), texts::check_dbfilename), "dump.rdb").flag(Flags::PROTECTED),
    boolean("rdb-del-sync-files", field!(rdb_del_sync_files), "no"),
    Param::new("dir", Kind::text(field!(dir)), "./")
        .flag(Flags::PROTECTED)
        .flag(Flags::DENY_LOADING)
        .flag(Flags::VOLATILE)
        .hook(Hook::Dir),
    boolean("rdb-save-incremental-fsync", field!(rdb_save_incremental_fsync), "yes"),
    int("rdb-key-save-delay", field!(rdb_key_save_delay_us), i32::MIN as i64, INT_MAX, "0").hidden(),
    int("key-load-delay", field!(key_load_delay_us), i32::MIN as i64, INT_MAX, "0").hidden(),
    int(
        "loading-process-events-interval-bytes",
        field!(loading_process_events_interval_bytes),
        LOADING_INTERVAL_MIN_BYTES,
        INT_MAX,
        "524288",
    )
    .hidden(),
    boolean("appendonly", field!(appendonly), "no").hook(Hook::AppendOnly),
    Param::new("appendfilename", Kind::Str(field!(appendfilename), texts::check_appendfilename), "appendonly.aof").immutable(),
    Param::new("appenddirname", Kind::Str(field!(appenddirname), texts::check_appenddirname), "appendonlydir").immutable(),
    choice("appendfsync", field!(appendfsync), "everysec").hook(Hook::AppendFsync),
    boolean("no-appendfsync-on-rewrite", field!(no_appendfsync_on_rewrite), "no"),
    int("auto-aof-rewrite-percentage", field!(auto_aof_rewrite_percentage_percent), 0, INT_MAX, "100"),
    memory("auto-aof-rewrite-min-size", field!(auto_aof_rewrite_min_size_bytes), 0, BYTES_MAX, "64mb"),
    boolean("aof-load-truncated", field!(aof_load_truncated), "yes"),
    boolean("aof-use-rdb-preamble", field!(aof_use_rdb_preamble), "yes"),
    boolean("aof-timestamp-enabled", field!(aof_timestamp_enabled), "no"),
    boolean("aof-rewrite-incremental-fsync", field!(aof_rewrite_incremental_fsync), "yes"),
    boolean("aof-disable-auto-gc", field!(aof_disable_auto_gc), "no").hook(Hook::AofHistory).hidden(),
];
