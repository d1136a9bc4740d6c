//! The process title: what `ps` and `/proc/self/cmdline` show.
//!
//! Linux shows the memory where it put the arguments at exec, up to the first zero byte after their end, with the
//! environment right behind them:
//!
//! ```text
//! arg_start            arg_end = env_start              env_end
//! | redis-server\0conf\0 | PATH=/bin\0HOME=/root\0 … \0 |
//! | redis-server *:6379\0\0\0\0\0\0\0\0\0\0\0\0 …     \0 |     after `set`
//! ```
//!
//! The kernel tells the four addresses in `/proc/self/stat`, so no trick with the program's entry is needed. The environment is first
//! copied to the heap. What always holds: the last byte stays zero, and nothing outside the area is written.
#![allow(unsafe_code)]

use super::host;
use std::env;
use std::ffi::OsString;
use std::sync::{Mutex, OnceLock, PoisonError};

static ARGS: OnceLock<Vec<OsString>> = OnceLock::new();
static AREA: OnceLock<Mutex<Area>> = OnceLock::new();

/// The arguments and the environment, as one piece of this process's own memory.
struct Area(&'static mut [u8]);

/// Keeps the arguments, and moves the environment so that the title may overwrite both.
///
/// To be called first in `main`. With more than one thread running, or where the kernel does not tell the addresses,
/// there will be no title and [`set`] does nothing; a second call changes nothing.
pub fn init() {
    if ARGS.set(env::args_os().collect()).is_ok()
        && host::thread_count() == 1
        && let Some((start, len)) = find_area(&args())
    {
        move_environment();
        // SAFETY: `find_area` checked that the kernel put the argument and environment strings there, writable
        // memory of this process that lives as long as it. There is one thread, so nobody reads it meanwhile. Later readers:
        // the environment's strings are on the heap by now; `std::env::args` may still read the argument strings, raw
        // bytes that stay terminated by zeros, and its callers are told to use `args` instead. `ARGS.set` lets
        // only the first call come here, so there is one such reference.
        let bytes = unsafe { std::slice::from_raw_parts_mut(std::ptr::with_exposed_provenance_mut(start), len) };
        let _ = AREA.set(Mutex::new(Area(bytes)));
    }
}

/// The command line as it was given. Use this instead of [`std::env::args`], which shows the title once one is set.
pub fn args() -> Vec<OsString> {
    ARGS.get().cloned().unwrap_or_else(|| env::args_os().collect())
}

/// Sets the title, cut where the area ends; false when there is no area.
pub fn set(title: &str) -> bool {
    let Some(area) = AREA.get() else { return false };
    overwrite(area.lock().unwrap_or_else(PoisonError::into_inner).0, title.as_bytes());
    true
}

fn overwrite(area: &mut [u8], title: &[u8]) {
    let len = title.len().min(area.len().saturating_sub(1));
    area[..len].copy_from_slice(&title[..len]);
    area[len..].fill(0);
}

/// Address and length, when both parts lie back to back and the arguments are where they are expected.
fn find_area(args: &[OsString]) -> Option<(usize, usize)> {
    const ARG_START: usize = 48;
    let field = |offset| usize::try_from(host::stat_field(ARG_START + offset)?).ok();
    let (arg_start, arg_end, env_start, env_end) = (field(0)?, field(1)?, field(2)?, field(3)?);
    // Older kernels leave out addresses (zeros) for lack of permission; a gap would be someone else's memory.
    let args_len: usize = args.iter().map(|arg| arg.len() + 1).sum();
    let plausible = arg_start != 0 && arg_end.checked_sub(arg_start)? == args_len && env_start == arg_end;
    let end = if env_end > env_start { env_end } else { arg_end };
    plausible.then_some((arg_start, end - arg_start))
}

/// Puts every variable onto the heap; malformed entries without `=` are dropped.
fn move_environment() {
    let variables: Vec<_> = env::vars_os().collect();
    // SAFETY: the caller made sure that this is the only thread, so nobody else uses the environment.
    unsafe {
        libc::clearenv();
        for (name, value) in variables {
            env::set_var(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_fills_the_area_and_leaves_the_last_byte() {
        let mut area = *b"prog\0conf\0PATH=x\0";
        overwrite(&mut area, b"redis *:6379");
        assert_eq!(&area, b"redis *:6379\0\0\0\0\0");
        overwrite(&mut area, b"a very long title that does not fit");
        assert_eq!(&area, b"a very long titl\0");
        overwrite(&mut area, b"");
        assert_eq!(area, [0; 17]);
        overwrite(&mut [], b"x");
        overwrite(&mut [1], b"x");
    }

    #[test]
    fn the_kernel_tells_where_the_arguments_are() {
        let args: Vec<OsString> = env::args_os().collect();
        let (start, len) = find_area(&args).unwrap();
        let text: Vec<u8> = args.iter().flat_map(|arg| [arg.as_encoded_bytes(), b"\0"].concat()).collect();
        assert!(len >= text.len());
        let cmdline = std::fs::read("/proc/self/cmdline").unwrap();
        assert_eq!(cmdline, text);
        assert_ne!(start, 0);
    }

    #[test]
    fn a_process_of_one_thread_gets_a_title_and_keeps_its_environment() {
        use crate::sys::process::{Ended, Fork, exit_now, fork, wait_for};
        assert!(!set("nobody called init here"));
        match fork().unwrap() {
            Fork::Child => {
                let (given, variables) = (env::args_os().collect::<Vec<_>>(), env::vars_os().collect::<Vec<_>>());
                init();
                init();
                let shown = set("redis-server *:6379") && args() == given && env::vars_os().eq(variables);
                let cmdline = std::fs::read("/proc/self/cmdline").unwrap_or_default();
                exit_now(if shown && cmdline.starts_with(b"redis-server *:6379\0") { 42 } else { 1 })
            }
            Fork::Parent { child } => {
                assert_eq!(wait_for(child).unwrap(), Ended::Exited { status: 42 })
            }
        }
    }
}
