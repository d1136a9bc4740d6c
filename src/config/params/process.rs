//! The process: logs, title, supervision, CPUs, shutdown, the cron's frequency, and knobs of tests.

use super::{INT_MAX, boolean, choice, int, optional};
use crate::config::param::{Flags, Hook, Kind, Param, field};
use crate::config::special::{letters, lists, texts};

/// Range of the cron's frequency; values beyond it are taken for its ends.
const HZ_RANGE: (i64, i64) = (1, 500);

pub(super) static PARAMS: &[Param] = &[
    boolean("daemonize", field!(daemonize), "no").immutable(),
    choice("supervised", field!(supervised), "no").immutable(),
    optional("pidfile", field!(pidfile)).immutable(),
    choice("loglevel", field!(loglevel), "notice").hook(Hook::LogLevel),
    Param::new("logfile", Kind::text(field!(logfile)), "").immutable(),
    boolean("syslog-enabled", field!(syslog_enabled), "no").immutable(),
    Param::new("syslog-ident", Kind::text(field!(syslog_ident)), "redis").immutable(),
    choice("syslog-facility", field!(syslog_facility), "local0").immutable(),
    boolean("crash-log-enabled", field!(crash_log_enabled), "yes").hook(Hook::CrashReports),
    boolean("crash-memcheck-enabled", field!(crash_memcheck_enabled), "yes"),
    int("databases", field!(databases), 1, INT_MAX, "16").immutable(),
    boolean("always-show-logo", field!(always_show_logo), "no").immutable(),
    boolean("set-proc-title", field!(set_proc_title), "yes").immutable(),
    Param::new(
        "proc-title-template",
        Kind::Str(field!(proc_title_template), texts::check_title_template),
        "{title} {listen-addr} {server-mode}",
    )
    .hook(Hook::ProcTitle),
    Param::new("locale-collate", Kind::text(field!(locale_collate)), "").hook(Hook::Locale),
    boolean("hide-user-data-from-log", field!(hide_user_data_from_log), "no").hook(Hook::CrashReports),
    choice("oom-score-adj", field!(oom_score_adj), "no").hook(Hook::OomScoreAdj),
    Param::new("oom-score-adj-values", Kind::Special(&lists::OOM_SCORE_ADJ_VALUES), "0 200 800")
        .flag(Flags::MULTI_ARG)
        .hook(Hook::OomScoreAdj),
    boolean("disable-thp", field!(disable_thp), "yes").immutable(),
    optional("server-cpulist", field!(server_cpulist)).alias(&["server_cpulist"]).immutable(),
    optional("bio-cpulist", field!(bio_cpulist)).alias(&["bio_cpulist"]).immutable(),
    optional("aof-rewrite-cpulist", field!(aof_rewrite_cpulist)).alias(&["aof_rewrite_cpulist"]).immutable(),
    optional("bgsave-cpulist", field!(bgsave_cpulist)).alias(&["bgsave_cpulist"]).immutable(),
    boolean("jemalloc-bg-thread", field!(jemalloc_bg_thread), "yes").hook(Hook::JemallocThread),
    Param::new("ignore-warnings", Kind::text(field!(ignore_warnings)), ""),
    int("io-threads", field!(io_threads), 1, 128, "1").immutable().absent("I/O threads"),
    int("shutdown-timeout", field!(shutdown_timeout_s), 0, INT_MAX, "10"),
    Param::new("shutdown-on-sigint", Kind::Special(&letters::SHUTDOWN_ON_SIGINT), "default").flag(Flags::MULTI_ARG),
    Param::new("shutdown-on-sigterm", Kind::Special(&letters::SHUTDOWN_ON_SIGTERM), "default").flag(Flags::MULTI_ARG),
    Param::new("hz", Kind::Int { field: field!(hz), min: 0, max: INT_MAX, clamp: Some(HZ_RANGE) }, "10").hook(Hook::Hz),
    boolean("dynamic-hz", field!(dynamic_hz), "yes").hook(Hook::Hz),
    boolean("activerehashing", field!(activerehashing), "yes"),
    int("busy-reply-threshold", field!(busy_reply_threshold_ms), 0, i64::MAX, "5000").alias(&["lua-time-limit"]),
    boolean("lua-enable-deprecated-api", field!(lua_enable_deprecated_api), "no")
        .valkey(&["lua-enable-insecure-api"])
        .immutable()
        .hidden(),
    int("watchdog-period", field!(watchdog_period_ms), 0, INT_MAX, "0").hidden().hook(Hook::Watchdog),
    boolean("use-exit-on-panic", field!(use_exit_on_panic), "no").hidden(),
    int("client-default-resp", field!(client_default_resp), 2, 3, "2").immutable().hidden(),
    optional("req-res-logfile", field!(req_res_logfile)).immutable().hidden().absent("request log"),
];
