//! Helper threads: named, deaf to signals, known to the crash report, and counted by the allocator's books.
//!
//! Every thread of the process has a slot in a fixed list that signal handlers can walk. To show its stack, a thread is sent a signal whose
//! handler walks its own stack and puts the addresses into its slot; whoever asked waits for the slots to fill.
//!
//! ```text
//! slot   free -> taken (tid) -> free            asked -> answered (addresses)        by atomics alone: no lock, no allocation
//! ```
//!
//! What always holds: a slot's addresses are written by its own thread only, and read by others after it said that it is done.
#![allow(unsafe_code)]

use super::memory::Helper;
use super::rawlog::{KeepErrno, RawLog};
use nix::sys::signal::{SigSet, Signal};
use std::ffi::{CStr, c_char};
use std::fmt::Write;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const SLOTS: usize = 64;
const FRAMES: usize = 64;
const STACK_SIGNAL: Signal = Signal::SIGUSR2;
const FREE: i32 = 0;

/// The purpose of the threads that take work off the reactor, as tools know it from upstream's crash reports.
pub const BACKGROUND: &CStr = c"bioProcessBackgroundJobs";

type Frames = [*mut libc::c_void; FRAMES];

struct Slot {
    /// The kernel's number of the thread, or [`FREE`].
    tid: AtomicI32,
    /// The function its life is spent in, for people who look for it in a stack trace: null or a `&'static CStr`.
    purpose: AtomicPtr<c_char>,
    addresses: [AtomicPtr<libc::c_void>; FRAMES],
    count: AtomicUsize,
    answered: AtomicBool,
}

static LIST: [Slot; SLOTS] = [const {
    Slot {
        tid: AtomicI32::new(FREE),
        purpose: AtomicPtr::new(std::ptr::null_mut()),
        addresses: [const { AtomicPtr::new(std::ptr::null_mut()) }; FRAMES],
        count: AtomicUsize::new(0),
        answered: AtomicBool::new(false),
    }
}; SLOTS];

/// Starts a helper thread.
///
/// `name` (15 bytes at most are shown) is what `ps` and the crash report call it, `purpose` the function or loop it runs. `run`
/// gets the books to publish in after each job. The thread takes no signal but those that a fault of its own raises.
pub fn spawn<F>(name: &str, purpose: &'static CStr, run: F) -> io::Result<JoinHandle<()>>
where
    F: FnOnce(&mut Helper) + Send + 'static,
{
    // A new thread inherits the mask, so there is no moment at which it could take a signal.
    let own_mask = deaf().thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_SETMASK)?;
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _slot = register(purpose);
        super::crash::use_alternate_stack();
        run(&mut Helper::new());
    });
    own_mask.thread_set_mask()?;
    started
}

/// All signals but faults and the request for a stack trace.
fn deaf() -> SigSet {
    let mut set = SigSet::all();
    for signal in super::crash::FAULTS.into_iter().chain([STACK_SIGNAL]) {
        set.remove(signal);
    }
    set
}

/// Puts the calling thread on the list until the result is dropped; `None` when the list is full.
pub fn register(purpose: &'static CStr) -> Option<Registration> {
    let tid = nix::unistd::gettid().as_raw();
    let take = |slot: &&Slot| slot.tid.compare_exchange(FREE, tid, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    let slot = LIST.iter().find(take)?;
    slot.purpose.store(purpose.as_ptr().cast_mut(), Ordering::Release);
    Some(Registration { slot })
}

/// A thread's place on the list.
pub struct Registration {
    slot: &'static Slot,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.slot.purpose.store(std::ptr::null_mut(), Ordering::Relaxed);
        self.slot.tid.store(FREE, Ordering::Release);
    }
}

impl Slot {
    /// A thread other than the calling one has it.
    fn is_taken_by_other(&self, own: i32) -> bool {
        let tid = self.tid.load(Ordering::Acquire);
        tid != FREE && tid != own
    }

    fn purpose(&self) -> &str {
        let purpose = self.purpose.load(Ordering::Acquire);
        if purpose.is_null() {
            return "";
        }
        // SAFETY: only `register` stores anything but null, and that is a `&'static CStr`.
        unsafe { CStr::from_ptr(purpose) }.to_str().unwrap_or_default()
    }
}

/// Makes every thread able to answer a request for its stack, and puts the calling one on the list for good, as the one whose
/// purpose changes. To be called before threads are started.
pub(super) fn install() -> io::Result<()> {
    std::mem::forget(register(c""));
    // The first walk loads the unwinder, which allocates: it must not happen inside a handler.
    walk(&mut [std::ptr::null_mut(); FRAMES]);
    super::signals::handle(STACK_SIGNAL, answer, libc::SA_RESTART)
}

/// Runs on the asked thread: async-signal-safe, since the unwinder is loaded by now and the rest is atomics.
extern "C" fn answer(_signal: i32, _info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    let _errno = KeepErrno::new();
    let tid = nix::unistd::gettid().as_raw();
    if let Some(slot) = LIST.iter().find(|slot| slot.tid.load(Ordering::Relaxed) == tid) {
        let mut frames = [std::ptr::null_mut(); FRAMES];
        let count = walk(&mut frames);
        for (place, frame) in slot.addresses.iter().zip(&frames[..count]) {
            place.store(*frame, Ordering::Relaxed);
        }
        slot.count.store(count, Ordering::Relaxed);
        slot.answered.store(true, Ordering::Release);
    }
}

/// The return addresses of the calling thread, innermost first; how many there are.
fn walk(frames: &mut Frames) -> usize {
    // SAFETY: there is room for `FRAMES` pointers.
    let count = unsafe { libc::backtrace(frames.as_mut_ptr(), FRAMES as i32) };
    usize::try_from(count).unwrap_or(0).min(FRAMES)
}

/// Writes the stacks of all listed threads, the calling one's included whether listed or not. `activity` is what the
/// thread without a purpose of its own is at. Async-signal-safe.
pub(super) fn write_stacks(log: &mut RawLog, activity: &str) {
    const PATIENCE: Duration = Duration::from_millis(2000);
    const NAP: Duration = Duration::from_millis(1);
    let own = nix::unistd::gettid().as_raw();
    for slot in &LIST {
        slot.answered.store(false, Ordering::Relaxed);
    }
    let others = || LIST.iter().filter(|slot| slot.is_taken_by_other(own));
    let mut asked = 0;
    for slot in others() {
        let tid = slot.tid.load(Ordering::Relaxed);
        // SAFETY: sends a signal to a thread of this very process; if it has ended meanwhile, the kernel says so.
        let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, STACK_SIGNAL as i32) };
        asked += usize::from(sent == 0);
    }
    let answered = || others().filter(|slot| slot.answered.load(Ordering::Acquire)).count();
    let mut waited = Duration::ZERO;
    while answered() < asked && waited < PATIENCE {
        nap(NAP);
        waited += NAP;
    }

    let mut frames = [std::ptr::null_mut(); FRAMES];
    let count = walk(&mut frames);
    let label = |slot: &'static Slot| {
        if slot.purpose().is_empty() { activity } else { slot.purpose() }
    };
    let own_slot = LIST.iter().find(|slot| slot.tid.load(Ordering::Relaxed) == own);
    write_stack(log, own, own_slot.map_or(activity, label), &frames[..count]);
    let mut shown = 1;
    for slot in others().filter(|slot| slot.answered.load(Ordering::Acquire)) {
        let count = slot.count.load(Ordering::Relaxed).min(FRAMES);
        for (frame, address) in frames.iter_mut().zip(&slot.addresses) {
            *frame = address.load(Ordering::Relaxed);
        }
        write_stack(log, slot.tid.load(Ordering::Relaxed), label(slot), &frames[..count]);
        shown += 1;
    }
    let _ = writeln!(log, "\n{shown}/{} expected stacktraces.", asked + 1);
}

fn write_stack(log: &mut RawLog, tid: i32, purpose: &str, frames: &[*mut libc::c_void]) {
    let _ = write!(log, "\n{tid} ");
    log.copy_file(format_args!("/proc/self/task/{tid}/comm"));
    if !purpose.is_empty() {
        let _ = writeln!(log, "({purpose})");
    }
    log.flush();
    write_symbols(log, frames);
}

/// Names addresses, a line each.
pub(super) fn write_symbols(log: &mut RawLog, frames: &[*mut libc::c_void]) {
    log.flush();
    // SAFETY: the array holds `frames.len()` addresses, at most `FRAMES`; the descriptor is open, or the call fails.
    unsafe { libc::backtrace_symbols_fd(frames.as_ptr(), frames.len() as i32, log.descriptor()) };
}

/// Sleeps without anything a signal handler must not use.
fn nap(time: Duration) {
    let time = libc::timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) };
    // SAFETY: `time` is a valid timespec, and the remaining time is not asked for.
    unsafe { libc::nanosleep(&time, std::ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn every_thread_shows_its_stack() {
        install().unwrap();
        let (stop, wait) = mpsc::channel::<()>();
        let (ready, started) = mpsc::channel();
        let thread = spawn("helper_of_test", c"waitForTheTest", move |_| {
            ready.send(nix::unistd::gettid().as_raw()).unwrap();
            let _ = wait.recv();
        })
        .unwrap();
        let tid = started.recv().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        write_stacks(&mut RawLog::to_file(&path).unwrap(), "thisTest");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("\n{tid} helper_of_test\n(waitForTheTest)\n")), "{text}");
        assert!(text.contains("(thisTest)\n") && text.contains("[0x") && text.contains(" expected stacktraces.\n"), "{text}");
        drop(stop);
        thread.join().unwrap();
        assert!(LIST.iter().all(|slot| slot.tid.load(Ordering::Relaxed) != tid));
    }

    #[test]
    fn helpers_take_no_signals() {
        let (send, receive) = mpsc::channel();
        let thread = spawn("deaf", c"deafLoop", move |_| send.send(SigSet::thread_get_mask().unwrap()).unwrap()).unwrap();
        let mask = receive.recv().unwrap();
        thread.join().unwrap();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGALRM, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGCHLD] {
            assert!(mask.contains(signal), "{signal}");
        }
        for signal in [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGABRT, STACK_SIGNAL] {
            assert!(!mask.contains(signal), "{signal}");
        }
        assert!(!SigSet::thread_get_mask().unwrap().contains(Signal::SIGTERM));
    }
}
