//! The slow log, latency histograms and spikes, key event notifications.

use super::{boolean, int};
use crate::config::param::{Flags, Kind, Param, field};
use crate::config::special::{letters, lists};

pub(super) static PARAMS: &[Param] = &[
    int("slowlog-log-slower-than", field!(slowlog_log_slower_than_us), -1, i64::MAX, "10000")
        .valkey(&["commandlog-execution-slower-than"]),
    int("slowlog-max-len", field!(slowlog_max_len), 0, i64::MAX, "128").valkey(&["commandlog-slow-execution-max-len"]),
    int("latency-monitor-threshold", field!(latency_monitor_threshold_ms), 0, i64::MAX, "0"),
    boolean("latency-tracking", field!(latency_tracking), "yes"),
    Param::new("latency-tracking-info-percentiles", Kind::Special(&lists::PERCENTILES), "50 99 99.9").flag(Flags::MULTI_ARG),
    Param::new("notify-keyspace-events", Kind::Special(&letters::KEYSPACE_EVENTS), ""),
];
