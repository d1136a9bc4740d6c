//! What the server says of itself and of its machine while it starts.
//!
//! The warnings are about settings of the kernel that cost latency or safety. [`check_system`] prints the same
//! findings for `--check-system`.

use std::io;

use crate::config::Config;
use crate::util::version;

/// Says that a process is starting.
pub fn starting(with_arguments: bool, program: &str) {
    log::info!("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo");
    log::info!(
        "Redis version={}, bits={}, commit={}, modified={}, pid={}, just started",
        version::REDIS,
        version::ARCH_BITS,
        version::GIT_SHA1,
        version::GIT_DIRTY,
        std::process::id()
    );
    if with_arguments {
        log::info!("Configuration loaded");
    } else {
        log::warn!(
            "Warning: no config file specified, using the default config. In order to specify a config file use {program} \
             /path/to/redis.conf"
        );
    }
}

/// Says what will be served: by a picture where somebody may be watching, else by a log line.
pub fn greet(config: &Config) {
    let watched = config.logfile.is_empty() && !config.syslog_enabled && io::IsTerminal::is_terminal(&io::stdout());
    if !watched && !config.always_show_logo {
        log::info!("Running mode=standalone, port={}.", config.port);
        return;
    }
    log::info!(
        target: super::log::RAW,
        "
      _____
     |_| |_|     Redoubt {}, serving as Redis {} ({} bit)
     | |_| |
     |     |     Running in standalone mode
    /| [ ] |\\    Port: {}
   /_|_[_]_|_\\   PID: {}
",
        version::REDOUBT,
        version::REDIS,
        version::ARCH_BITS,
        config.port,
        std::process::id()
    );
}

/// A setting of the kernel, and what is wrong with it.
struct Check {
    name: &'static str,
    /// None: nothing wrong, or not known.
    finding: Option<&'static str>,
}

fn setting(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_string())
}

fn overcommit() -> Check {
    let strict = setting("/proc/sys/vm/overcommit_memory").is_some_and(|value| value != "1");
    let finding = strict.then_some(
        "Memory overcommit must be enabled! Without it, a background save or replication may fail under low memory condition. \
         Being disabled, it can also cause failures without low memory condition, see \
         https://github.com/jemalloc/jemalloc/issues/1328. To fix this issue add 'vm.overcommit_memory = 1' to /etc/sysctl.conf \
         and then reboot or run the command 'sysctl vm.overcommit_memory=1' for this to take effect.",
    );
    Check { name: "overcommit", finding }
}

fn huge_pages() -> Check {
    let always = setting("/sys/kernel/mm/transparent_hugepage/enabled").is_some_and(|value| value.contains("[always]"));
    let finding = always.then_some(
        "You have Transparent Huge Pages (THP) support enabled in your kernel. This will create latency and memory usage issues \
         with Redis. To fix this issue run the command 'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled' as root, and \
         add it to your /etc/rc.local in order to retain the setting after a reboot. Redis must be restarted after THP is \
         disabled (set to 'madvise' or 'never').",
    );
    Check { name: "THP", finding }
}

fn clock_source() -> Check {
    let slow = setting("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .is_some_and(|source| ["hpet", "acpi_pm", "jiffies", "xen"].contains(&source.as_str()));
    let finding = slow.then_some(
        "The kernel reads its clock from a slow source, which every command pays for. See \
         /sys/devices/system/clocksource/clocksource0/available_clocksource for others; 'tsc' is the fastest.",
    );
    Check { name: "slow-clocksource", finding }
}

/// Warns of a kernel that refuses memory which a forked child would hardly use.
pub fn warn_of_overcommit() {
    if let Some(finding) = overcommit().finding {
        log::warn!("WARNING {finding}");
    }
}

/// Warns of huge pages, unless this process has none.
pub fn warn_of_huge_pages() {
    if let Some(finding) = huge_pages().finding {
        log::warn!("WARNING {finding}");
    }
}

/// Warns of a queue that the kernel makes shorter than configured.
pub fn warn_of_backlog(wanted: u32) {
    let limit = setting("/proc/sys/net/core/somaxconn").and_then(|limit| limit.parse::<u32>().ok());
    if let Some(limit) = limit.filter(|limit| *limit > 0 && *limit < wanted) {
        log::warn!(
            "WARNING: The TCP backlog setting of {wanted} cannot be enforced because /proc/sys/net/core/somaxconn is set to the \
             lower value of {limit}."
        );
    }
}

/// Prints what there is to say of this machine; whether all is well.
pub fn check_system() -> bool {
    let mut well = true;
    for check in [clock_source(), overcommit(), huge_pages()] {
        match check.finding {
            None => println!("[{}]...OK", check.name),
            Some(finding) => {
                println!("[{}]...WARNING:\n{finding}\n", check.name);
                well = false;
            }
        }
    }
    well
}
