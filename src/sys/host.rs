//! What the kernel tells about this process and its machine: memory, CPU time, names.
//!
//! Everything here is a question without side effects; what the kernel does not answer is zero or empty.

use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::{SysconfVar, sysconf};
use std::sync::LazyLock;
use std::time::Duration;

/// Bytes of a page.
pub fn page_size() -> usize {
    static PAGE: LazyLock<usize> = LazyLock::new(|| positive(SysconfVar::PAGE_SIZE).unwrap_or(4096));
    *PAGE
}

fn positive(variable: SysconfVar) -> Option<usize> {
    usize::try_from(sysconf(variable).ok()??).ok().filter(|&value| value > 0)
}

/// Bytes of memory in the machine.
pub fn total_memory() -> usize {
    positive(SysconfVar::_PHYS_PAGES).unwrap_or(0) * page_size()
}

/// Bytes of this process that are in memory.
pub fn resident_bytes() -> usize {
    const RESIDENT_PAGES: usize = 24;
    stat_field(RESIDENT_PAGES).unwrap_or(0) as usize * page_size()
}

/// Threads of this process.
pub fn thread_count() -> usize {
    const THREADS: usize = 20;
    stat_field(THREADS).unwrap_or(0) as usize
}

/// Field number `field` (counted from 1, as in proc(5); 4 at least) of `/proc/self/stat`.
pub(super) fn stat_field(field: usize) -> Option<u64> {
    parse_stat_field(&std::fs::read("/proc/self/stat").ok()?, field)
}

/// The second field is the program's name in parentheses, which may itself contain blanks and parentheses.
fn parse_stat_field(stat: &[u8], field: usize) -> Option<u64> {
    let after_name = &stat[memchr::memrchr(b')', stat)? + 1..];
    let word = after_name.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).nth(field.checked_sub(3)?)?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Bytes that belong to this process alone because it (or its parent) wrote to them: what copy-on-write has cost a child.
pub fn private_dirty_bytes() -> usize {
    let read = |path| std::fs::read_to_string(path).ok();
    // The summary is far cheaper to make, but not every kernel has it.
    let map = read("/proc/self/smaps_rollup").or_else(|| read("/proc/self/smaps")).unwrap_or_default();
    sum_kilobytes(&map, "Private_Dirty:") * 1024
}

fn sum_kilobytes(map: &str, label: &str) -> usize {
    let amounts =
        map.lines().filter_map(|line| line.strip_prefix(label)?.trim().strip_suffix("kB")?.trim().parse::<usize>().ok());
    amounts.sum()
}

/// CPU time spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    pub user: Duration,
    pub system: Duration,
}

/// Whose CPU time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Process,
    /// Children that have been waited for.
    Children,
    CallingThread,
}

/// CPU time spent so far.
pub fn cpu_time(whose: Whose) -> CpuTime {
    let who = match whose {
        Whose::Process => UsageWho::RUSAGE_SELF,
        Whose::Children => UsageWho::RUSAGE_CHILDREN,
        Whose::CallingThread => UsageWho::RUSAGE_THREAD,
    };
    getrusage(who).map_or_else(
        |_| CpuTime::default(),
        |usage| CpuTime { user: duration(usage.user_time()), system: duration(usage.system_time()) },
    )
}

fn duration(time: nix::sys::time::TimeVal) -> Duration {
    Duration::new(time.tv_sec().max(0) as u64, time.tv_usec().clamp(0, 999_999) as u32 * 1000)
}

/// System, release and machine, as INFO's `os` shows them: `Linux 6.1.0 x86_64`.
pub fn system_name() -> String {
    nix::sys::utsname::uname().map_or_else(
        |_| String::new(),
        |name| [name.sysname(), name.release(), name.machine()].map(|part| part.to_string_lossy().into_owned()).join(" "),
    )
}

/// The machine's name.
pub fn host_name() -> String {
    nix::unistd::gethostname().map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_answers() {
        assert!(page_size().is_power_of_two());
        assert!(total_memory() > 64 << 20);
        assert!(resident_bytes() > 1 << 20 && resident_bytes() < total_memory());
        assert!(private_dirty_bytes() > 0);
        assert!(thread_count() >= 1);
        assert!(system_name().starts_with("Linux "));
        assert!(!host_name().is_empty());
        // The kernel counts in ticks: a process as short as this one may have to spin for its first.
        let spent = |whose| cpu_time(whose).user + cpu_time(whose).system > Duration::ZERO;
        let mut rounds = 0;
        while !spent(Whose::Process) && rounds < 10_000 {
            assert!((0..1_000_000u64).map(std::hint::black_box).sum::<u64>() > 0);
            rounds += 1;
        }
        assert!(spent(Whose::Process));
        let _ = (cpu_time(Whose::CallingThread), cpu_time(Whose::Children));
    }

    #[test]
    fn names_with_parentheses_do_not_confuse() {
        let stat = b"42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22\n";
        assert_eq!(parse_stat_field(stat, 4), Some(1));
        assert_eq!(parse_stat_field(stat, 24), Some(21));
        assert_eq!(parse_stat_field(stat, 26), None);
        assert_eq!(parse_stat_field(stat, 3), None);
        assert_eq!(parse_stat_field(b"", 4), None);
    }

    #[test]
    fn sums_only_the_wanted_lines() {
        let map = "Private_Clean:  8 kB\nPrivate_Dirty:      12 kB\nx\nPrivate_Dirty: 4 kB\nPrivate_Dirty: x kB\n";
        assert_eq!(sum_kilobytes(map, "Private_Dirty:"), 16);
    }
}
