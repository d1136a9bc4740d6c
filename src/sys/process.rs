//! The process and its children: daemon, pid file, fork, limits, affinity, OOM score, restart.
#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Goes on in the background: a new session, the standard streams at `/dev/null`, the same folder.
///
/// Only the calling thread survives, so this comes before any thread is started.
pub fn daemonize() -> io::Result<()> {
    const KEEP_FOLDER: bool = true;
    const KEEP_STREAMS: bool = false;
    Ok(nix::unistd::daemon(KEEP_FOLDER, KEEP_STREAMS)?)
}

/// Writes this process's number and a newline.
pub fn write_pid_file(path: &Path) -> io::Result<()> {
    std::fs::write(path, format!("{}\n", std::process::id()))
}

/// Which side of a fork this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    Parent { child: i32 },
    Child,
}

/// Forks. The child has this thread only; it may allocate (glibc and jemalloc put their locks right), but must not wait for
/// anything another thread might have held, and ends by [`exit_now`].
pub fn fork() -> io::Result<Fork> {
    // SAFETY: what makes fork unsafe is a child that touches state another thread left locked. The allocator's locks are
    // reset by its own fork handlers; for the rest the contract of this room binds the caller, and breaking it is a hang in
    // the child, not a violation of memory.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Fork::Parent { child: child.as_raw() }),
        ForkResult::Child => Ok(Fork::Child),
    }
}

/// Ends the process at once: no destructors, no flushing, nothing of the parent's is touched.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(status) }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Exited { status: i32 },
    Killed { signal: i32 },
}

/// Collects that child if it has ended, without waiting; `None` while it lives.
pub fn reap(child: i32) -> io::Result<Option<Ended>> {
    match waitpid(Pid::from_raw(child), Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::Exited(_, status)) => Ok(Some(Ended::Exited { status })),
        Ok(WaitStatus::Signaled(_, signal, _)) => Ok(Some(Ended::Killed { signal: signal as i32 })),
        Ok(_) | Err(Errno::EINTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Waits until that child has ended.
pub fn wait_for(child: i32) -> io::Result<Ended> {
    loop {
        match waitpid(Pid::from_raw(child), None) {
            Ok(WaitStatus::Exited(_, status)) => return Ok(Ended::Exited { status }),
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                return Ok(Ended::Killed { signal: signal as i32 });
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Asks a child to end: the signal SIGUSR1, see [`super::signals::install_in_child`].
pub fn stop_child(child: i32) -> io::Result<()> {
    Ok(kill(Pid::from_raw(child), Signal::SIGUSR1)?)
}

/// Whether a process of that number exists (someone else's count too).
pub fn is_alive(pid: i32) -> bool {
    pid > 0 && !matches!(kill(Pid::from_raw(pid), None), Err(Errno::ESRCH))
}

/// Sets the bits that new files and sockets lack; returns the former ones.
pub fn set_umask(mask: u32) -> u32 {
    nix::sys::stat::umask(Mode::from_bits_truncate(mask)).bits()
}

/// Descriptors a server needs besides those of its clients.
pub const RESERVED_DESCRIPTORS: u64 = 32;

/// What became of the wish for enough descriptors.
#[derive(Debug)]
pub enum DescriptorLimit {
    /// The limit was high enough.
    Enough,
    /// It was raised.
    Raised { from: u64, to: u64 },
    /// Only so many could be had, and why not more: so many clients fit. None may fit.
    Short { wanted: u64, limit: u64, max_clients: u64, error: io::Error },
    /// The limit is not known; 1024 is assumed.
    Unknown { max_clients: u64, error: io::Error },
}

/// Raises the limit on open files to hold `max_clients` and [`RESERVED_DESCRIPTORS`], or as near to it as the system allows.
pub fn raise_descriptor_limit(max_clients: u64) -> DescriptorLimit {
    const ASSUMED: u64 = 1024;
    let wanted = max_clients.saturating_add(RESERVED_DESCRIPTORS);
    let (soft, hard) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(limits) => limits,
        Err(error) => return DescriptorLimit::Unknown { max_clients: ASSUMED - RESERVED_DESCRIPTORS, error: error.into() },
    };
    if soft >= wanted {
        return DescriptorLimit::Enough;
    }
    let most = std::fs::read_to_string("/proc/sys/fs/nr_open").ok().and_then(|text| text.trim().parse().ok());
    let set = |limit| setrlimit(Resource::RLIMIT_NOFILE, limit, limit);
    match best_limit(soft, &[most.unwrap_or(0), hard], wanted, set) {
        (limit, _) if limit >= wanted => DescriptorLimit::Raised { from: soft, to: limit },
        (limit, error) => DescriptorLimit::Short {
            wanted,
            limit,
            max_clients: limit.saturating_sub(RESERVED_DESCRIPTORS),
            error: error.map_or_else(io::Error::last_os_error, io::Error::from),
        },
    }
}

/// The highest limit `set` accepts among `soft`, `wanted` and what lies in steps of 16 below `wanted` just within one of
/// `ceilings` (what a privileged and what any process may have), and why it refused the first. A limit once lowered
/// cannot be raised again, so they are tried from above.
fn best_limit(soft: u64, ceilings: &[u64], wanted: u64, mut set: impl FnMut(u64) -> Result<(), Errno>) -> (u64, Option<Errno>) {
    const STEP: u64 = 16;
    let below = |ceiling: &u64| wanted.checked_sub(wanted.checked_sub(*ceiling)?.checked_next_multiple_of(STEP)?);
    let mut limits: Vec<u64> = ceilings.iter().filter_map(below).chain([wanted]).filter(|limit| *limit > soft).collect();
    limits.sort_unstable_by(|a, b| b.cmp(a));
    let mut refusal = None;
    for limit in limits {
        match set(limit) {
            Ok(()) => return (limit, refusal),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    (soft, refusal)
}

/// Binds the calling thread to the processors of a list such as `0,2-5,8-16:2`.
///
/// Errors: `InvalidInput` for a list that cannot be read, else what the kernel says.
pub fn set_affinity(list: &str) -> io::Result<()> {
    let processors = parse_processors(list).ok_or(io::ErrorKind::InvalidInput)?;
    let mut set = CpuSet::new();
    for processor in processors {
        set.set(processor)?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Numbers and ranges `first-last` or `first-last:step` between commas.
fn parse_processors(list: &str) -> Option<Vec<usize>> {
    const LAST: usize = 1023;
    let number = |text: &str| text.trim().parse::<usize>().ok().filter(|&number| number <= LAST);
    let mut processors = Vec::new();
    for part in list.split(',') {
        let (range, step) = part.split_once(':').map_or((part, Some(1)), |(range, step)| (range, number(step)));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last, step) = (number(first)?, number(last)?, step.filter(|&step| step > 0)?);
        processors.extend((first..=last).step_by(step));
    }
    Some(processors)
}

const OOM_SCORE: &str = "/proc/self/oom_score_adj";

/// How willingly the kernel kills this process when memory runs out, from -1000 to 1000.
pub fn oom_score_adjustment() -> io::Result<i32> {
    std::fs::read_to_string(OOM_SCORE)?.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Sets it; lowering needs a privilege.
pub fn set_oom_score_adjustment(score: i32) -> io::Result<()> {
    std::fs::write(OOM_SCORE, score.to_string())
}

/// Turns the process into a new run of `program` with `args` (the first being the program's own name). Returns only on failure.
///
/// No descriptor but the standard streams survives, and no signal stays blocked.
pub fn restart(program: &Path, args: &[OsString]) -> io::Error {
    const FIRST: u32 = 3;
    // SAFETY: marking descriptors as close-on-exec closes nothing now, so that all owners stay valid if exec fails.
    unsafe { libc::syscall(libc::SYS_close_range, FIRST, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if let Err(error) = SigSet::empty().thread_set_mask() {
        return error.into();
    }
    let mut command = Command::new(program);
    if let Some((name, rest)) = args.split_first() {
        command.arg0(name).args(rest);
    }
    command.exec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors() {
        assert_eq!(parse_processors("0"), Some(vec![0]));
        assert_eq!(parse_processors("0,2-4"), Some(vec![0, 2, 3, 4]));
        assert_eq!(parse_processors("0-6:3, 9"), Some(vec![0, 3, 6, 9]));
        assert_eq!(parse_processors("4-2"), Some(vec![]));
        for bad in ["", "a", "1-", "-1", "1:0", "1-2:", "1,,2", "5000", "1-99999999999"] {
            assert_eq!(parse_processors(bad), None, "{bad:?}");
        }
        assert!(set_affinity("junk").is_err());
    }

    #[test]
    fn the_best_limit_is_found_from_above() {
        let up_to = |most: u64| {
            move |limit: u64| {
                if limit <= most { Ok(()) } else { Err(Errno::EPERM) }
            }
        };
        assert_eq!(best_limit(1024, &[9999, 4096], 10032, up_to(u64::MAX)), (10032, None));
        assert_eq!(best_limit(1024, &[9999, 4096], 10032, up_to(9999)), (9984, Some(Errno::EPERM)));
        assert_eq!(best_limit(1024, &[9999, 4096], 10032, up_to(4096)), (4096, Some(Errno::EPERM)));
        assert_eq!(best_limit(1024, &[4095], 10032, up_to(4095)), (4080, Some(Errno::EPERM)));
        assert_eq!(best_limit(1024, &[9999, 4096], 10032, up_to(0)), (1024, Some(Errno::EPERM)));
        assert_eq!(best_limit(3, &[5], 10, up_to(5)), (3, Some(Errno::EPERM)));
        assert_eq!(best_limit(3, &[0, u64::MAX], u64::MAX, up_to(5)), (3, Some(Errno::EPERM)));
        assert!(matches!(raise_descriptor_limit(0), DescriptorLimit::Enough));
    }

    #[test]
    fn the_pid_file_and_the_oom_score() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("redis.pid");
        write_pid_file(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        assert!(write_pid_file(&folder.path().join("no/such")).is_err());
        let score = oom_score_adjustment().unwrap();
        set_oom_score_adjustment(score).unwrap();
        assert!(set_oom_score_adjustment(5000).is_err());
        assert!(is_alive(std::process::id() as i32) && !is_alive(0) && !is_alive(-1));
    }

    #[test]
    fn children_end_as_told() {
        for status in [0, 7] {
            match fork().unwrap() {
                Fork::Child => exit_now(status),
                Fork::Parent { child } => {
                    assert_eq!(wait_for(child).unwrap(), Ended::Exited { status })
                }
            }
        }
        match fork().unwrap() {
            Fork::Child => loop {
                std::thread::sleep(std::time::Duration::from_secs(60));
            },
            Fork::Parent { child } => {
                assert!(is_alive(child));
                stop_child(child).unwrap();
                assert_eq!(wait_for(child).unwrap(), Ended::Killed { signal: libc::SIGUSR1 });
                assert!(!is_alive(child));
            }
        }
    }
}
