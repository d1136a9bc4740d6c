//! Termination signals as data that the reactor reads.
//!
//! SIGTERM and SIGINT set a flag and wake the reactor through an eventfd. SIGHUP and SIGPIPE are ignored. Nobody is to be left
//! with a server that cannot be stopped, so the handler itself ends the process in two cases: a second SIGINT while a
//! shutdown is pending, and any of the two while data are being loaded ([`set_loading`]).
//!
//! What always holds: handlers only touch atomics, `write(2)`, `unlink(2)` and the raw log.
#![allow(unsafe_code)]

use super::process::exit_now;
use super::rawlog::{KeepErrno, RawLog};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

const NONE: i32 = 0;

/// The signal that asked for the shutdown that is pending.
static PENDING: AtomicI32 = AtomicI32::new(NONE);
/// Whether [`Signals::take`] has handed it out.
static TAKEN: AtomicBool = AtomicBool::new(false);
static LOADING: AtomicBool = AtomicBool::new(false);
static WAKER: AtomicI32 = AtomicI32::new(-1);

pub(super) type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);

/// The reactor's end of the signals.
pub struct Signals {
    waker: OwnedFd,
}

/// Installs the handlers. To be called once, before any thread is started.
pub fn install() -> io::Result<Signals> {
    // SAFETY: plain arguments; the result is checked.
    let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor that was just opened and belongs to nobody else.
    let waker = unsafe { OwnedFd::from_raw_fd(descriptor) };
    WAKER.store(descriptor, Ordering::Relaxed);
    for signal in [Signal::SIGHUP, Signal::SIGPIPE] {
        set_disposition(signal, SigHandler::SigIgn)?;
    }
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        handle(signal, on_terminate, libc::SA_RESTART)?;
    }
    Ok(Signals { waker })
}

impl Signals {
    /// The signal that asks for a shutdown, once; to be called whenever the descriptor is readable.
    pub fn take(&self) -> Option<Signal> {
        let mut count = [0u8; 8];
        let _ = nix::unistd::read(&self.waker, &mut count);
        let signal = Signal::try_from(PENDING.load(Ordering::Acquire)).ok()?;
        (!TAKEN.swap(true, Ordering::Relaxed)).then_some(signal)
    }

    /// Forgets the shutdown that was asked for, as it failed or was called off; the next signal asks anew.
    pub fn forget(&self) {
        PENDING.store(NONE, Ordering::Relaxed);
        TAKEN.store(false, Ordering::Relaxed);
    }
}

impl AsRawFd for Signals {
    /// To be registered for readability.
    fn as_raw_fd(&self) -> RawFd {
        self.waker.as_raw_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        WAKER.store(-1, Ordering::Relaxed);
    }
}

/// Says whether data are being loaded: then a termination signal ends the process at once, as there is nothing to save.
pub fn set_loading(loading: bool) {
    LOADING.store(loading, Ordering::Relaxed);
}

/// In a forked child: SIGUSR1 ends it with this status, which its parent knows as "stopped on purpose"; the other signals end it plainly.
pub const STOPPED_ON_PURPOSE: i32 = 255;

/// Installs the dispositions of a forked child.
pub fn install_in_child() -> io::Result<()> {
    set_disposition(Signal::SIGTERM, SigHandler::SigDfl)?;
    set_disposition(Signal::SIGINT, SigHandler::SigIgn)?;
    handle(Signal::SIGUSR1, on_stop_child, 0)
}

/// The path of a file to be removed when a signal ends the process at once.
static TEMPORARY: AtomicPtr<libc::c_char> = AtomicPtr::new(std::ptr::null_mut());

/// Names a file that means nothing unless it is finished: should a signal end the process at once, it is removed. `None`: there is
/// none (any more). To be called by the thread that takes signals.
pub fn set_temporary_file(path: Option<&Path>) {
    let path = path.and_then(|path| CString::new(path.as_os_str().as_bytes()).ok());
    let old = TEMPORARY.swap(path.map_or(std::ptr::null_mut(), CString::into_raw), Ordering::AcqRel);
    if !old.is_null() {
        // SAFETY: it came from `into_raw` here, and was taken out by the swap. A handler that saw it has ended: handlers run on
        // this thread only, in between.
        drop(unsafe { CString::from_raw(old) });
    }
}

fn remove_temporary_file() {
    let path = TEMPORARY.load(Ordering::Acquire);
    if !path.is_null() {
        // SAFETY: a C string that `set_temporary_file` left and that lives until it is swapped out, which the interrupted thread
        // cannot do meanwhile. `unlink` is async-signal-safe.
        unsafe { libc::unlink(path) };
    }
}

/// Calls off the shutdown that a signal has asked for, unless it has begun; answers whether there was one.
pub fn call_off() -> bool {
    !TAKEN.load(Ordering::Relaxed) && PENDING.swap(NONE, Ordering::Relaxed) != NONE
}

extern "C" fn on_terminate(signal: i32, _info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    let _errno = KeepErrno::new();
    let mut log = RawLog::open();
    if PENDING.load(Ordering::Relaxed) != NONE && signal == libc::SIGINT {
        log.line(format_args!("You insist... exiting now."));
        remove_temporary_file();
        end(log, 1);
    }
    if LOADING.load(Ordering::Relaxed) {
        log.line(format_args!("Received shutdown signal during loading, exiting now."));
        end(log, 0);
    }
    let name = if signal == libc::SIGINT { "SIGINT" } else { "SIGTERM" };
    log.line(format_args!("Received {name} scheduling shutdown..."));
    PENDING.store(signal, Ordering::Release);
    wake();
}

extern "C" fn on_stop_child(_signal: i32, _info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    let mut log = RawLog::open();
    log.line(format_args!("Received SIGUSR1 in child, exiting now."));
    drop(log);
    exit_now(STOPPED_ON_PURPOSE);
}

fn end(log: RawLog, status: i32) -> ! {
    drop(log);
    exit_now(status)
}

/// Makes the eventfd readable.
fn wake() {
    let one = 1u64.to_ne_bytes();
    // SAFETY: eight readable bytes; on a bad descriptor the call fails.
    unsafe { libc::write(WAKER.load(Ordering::Relaxed), one.as_ptr().cast(), one.len()) };
}

fn set_disposition(signal: Signal, handler: SigHandler) -> io::Result<()> {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: ignoring a signal or taking its default runs no code of ours.
    unsafe { sigaction(signal, &action) }?;
    Ok(())
}

/// Installs a handler. It must be async-signal-safe.
pub(super) fn handle(signal: Signal, handler: Handler, flags: i32) -> io::Result<()> {
    let flags = SaFlags::from_bits_truncate(flags) | SaFlags::SA_SIGINFO;
    let action = SigAction::new(SigHandler::SigAction(handler), flags, SigSet::empty());
    // SAFETY: the handlers of this room are async-signal-safe as their docs say: atomics, write, _exit, the raw log, and for
    // crashes what the crash module answers for.
    unsafe { sigaction(signal, &action) }?;
    Ok(())
}

/// Takes the default action for a signal again.
pub(super) fn reset(signal: Signal) {
    let _ = set_disposition(signal, SigHandler::SigDfl);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::{Ended, Fork, fork, wait_for};
    use nix::sys::signal::raise;

    /// Runs `body` in a child and returns how that ended.
    fn in_child(body: impl FnOnce() -> i32) -> Ended {
        match fork().unwrap() {
            Fork::Child => {
                // The log lines are expected and not part of the test's output.
                super::super::rawlog::set_log_file(std::path::Path::new("/dev/null"));
                exit_now(body())
            }
            Fork::Parent { child } => wait_for(child).unwrap(),
        }
    }

    fn readable(signals: &Signals) -> bool {
        let mut poll = libc::pollfd { fd: signals.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid entry; returns at once.
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }

    #[test]
    fn a_signal_is_handed_out_once_and_wakes() {
        let ended = in_child(|| {
            let Ok(signals) = install() else { return 1 };
            if signals.take().is_some() || readable(&signals) {
                return 2;
            }
            for signal in [Signal::SIGTERM, Signal::SIGINT] {
                let _ = raise(signal);
                if !readable(&signals) || signals.take() != Some(signal) {
                    return 3;
                }
                if readable(&signals) || signals.take().is_some() {
                    return 4;
                }
                let _ = raise(Signal::SIGTERM);
                signals.forget();
            }
            let _ = raise(Signal::SIGPIPE);
            let _ = raise(Signal::SIGHUP);
            42
        });
        assert_eq!(ended, Ended::Exited { status: 42 });
    }

    #[test]
    fn insisting_ends_the_process() {
        let twice = |first, second| {
            in_child(|| {
                let Ok(_signals) = install() else { return 9 };
                let _ = raise(first);
                let _ = raise(second);
                42
            })
        };
        assert_eq!(twice(Signal::SIGTERM, Signal::SIGINT), Ended::Exited { status: 1 });
        assert_eq!(twice(Signal::SIGINT, Signal::SIGINT), Ended::Exited { status: 1 });
        assert_eq!(twice(Signal::SIGINT, Signal::SIGTERM), Ended::Exited { status: 42 });
    }

    #[test]
    fn loading_is_given_up_at_once() {
        let ended = in_child(|| {
            let Ok(_signals) = install() else { return 9 };
            set_loading(true);
            let _ = raise(Signal::SIGTERM);
            42
        });
        assert_eq!(ended, Ended::Exited { status: 0 });
    }

    #[test]
    fn a_child_says_that_it_was_stopped_on_purpose() {
        let with = |signal| {
            in_child(|| {
                let _signals = install();
                let _ = install_in_child();
                let _ = raise(signal);
                42
            })
        };
        assert_eq!(with(Signal::SIGUSR1), Ended::Exited { status: STOPPED_ON_PURPOSE });
        assert_eq!(with(Signal::SIGTERM), Ended::Killed { signal: libc::SIGTERM });
        assert_eq!(with(Signal::SIGINT), Ended::Exited { status: 42 });
    }
}
