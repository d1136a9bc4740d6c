//! What happens when the process must die: a report into the log, then the death that the cause calls for.
//!
//! Causes: a fault (SIGSEGV, SIGBUS, SIGFPE, SIGILL), an abort, a panic, a failed assertion. The report has upstream's
//! frame, so that tools which
//! look for it find it:
//!
//! ```text
//! === REDIS BUG REPORT START: Cut & paste starting from here ===
//! … crashed by signal: 11, si_code: 1 / Accessing address: 0x0      what happened
//! ------ STACK TRACE ------  …  ------ STACK TRACE DONE ------      every thread
//! ------ REGISTERS ------                                           of the faulting thread; no stack contents: they hold
//! user data
//! …                                                                 what the server adds (Hooks::details)
//! === REDIS BUG REPORT END. …
//! ```
//!
//! A fault may strike anywhere, so the first half uses only async-signal-safe means and comes first. The server's half does
//! not, and may hang
//! or fault itself; an alarm and a count of recursions then end the process all the same.
//!
//! The watchdog is the same report without the death: SIGALRM, sent by a timer when a command takes too long or by hand, shows
//! where every thread is.
#![allow(unsafe_code)]

use super::machine::Machine;
use super::process::exit_now;
use super::rawlog::{KeepErrno, RawLog};
use super::{signals, threads};
use nix::sys::signal::{SigSet, Signal};
use std::fmt::Write;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// Signals that a program raises against itself by a mistake.
pub(super) const FAULTS: [Signal; 5] = [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL, Signal::SIGABRT];

/// What the server adds to reports.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// What the reactor is at, such as the name of a command's handler; empty for nothing. Runs in signal handlers: no locks, no
    /// allocation.
    pub activity: fn() -> &'static str,
    /// State worth knowing: INFO, clients, configuration. Runs last, on a best-effort basis.
    pub details: fn(&mut RawLog),
}

static HOOKS: OnceLock<Hooks> = OnceLock::new();
static HIDE_USER_DATA: AtomicBool = AtomicBool::new(false);
/// The thread that writes the report, for good.
static REPORTER: AtomicI32 = AtomicI32::new(0);
/// Whether that thread came by here again, so that the report itself has crashed.
static RECURSED: AtomicBool = AtomicBool::new(false);
/// The signal to die of in the end, for the alarm that ends a report which hangs.
static CAUSE: AtomicI32 = AtomicI32::new(0);

/// Installs the handlers of faults and of the watchdog, and an alternate stack for the calling thread, so that stack overflows are
/// reported too. To be called once, before threads are started.
pub fn install(hooks: Hooks) -> io::Result<()> {
    let _ = HOOKS.set(hooks);
    threads::install()?;
    use_alternate_stack();
    signals::handle(Signal::SIGALRM, on_alarm, libc::SA_RESTART)?;
    set_enabled(true)
}

/// Turns the reports of faults on or off (`crash-log-enabled`).
pub fn set_enabled(enabled: bool) -> io::Result<()> {
    for signal in FAULTS {
        if enabled {
            signals::handle(signal, on_fault, libc::SA_NODEFER | libc::SA_ONSTACK)?;
        } else {
            signals::reset(signal);
        }
    }
    Ok(())
}

/// Whether reports must leave out what clients sent (`hide-user-data-from-log`); [`Hooks::details`] has to ask too.
pub fn set_hide_user_data(hide: bool) {
    HIDE_USER_DATA.store(hide, Ordering::Relaxed);
}

/// Whether reports must leave out what clients sent.
pub fn hides_user_data() -> bool {
    HIDE_USER_DATA.load(Ordering::Relaxed)
}

/// Gives the calling thread a stack for handlers that is large enough to walk the other one; it is never freed.
pub(super) fn use_alternate_stack() {
    const SIZE: usize = 256 << 10;
    // SAFETY: a fresh private mapping, checked; pages are taken only when used. It is given to the kernel for this thread for
    // good and nobody else uses it.
    unsafe {
        let start = libc::mmap(
            std::ptr::null_mut(),
            SIZE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK,
            -1,
            0,
        );
        if start != libc::MAP_FAILED {
            let stack = libc::stack_t { ss_sp: start, ss_flags: 0, ss_size: SIZE };
            libc::sigaltstack(&stack, std::ptr::null_mut());
        }
    }
}

/// How a report that is not about a signal ends the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// By SIGABRT, so that a core may be left.
    Abort,
    /// With status 1 (`use-exit-on-panic`).
    Exit,
}

/// Reports a state that must not be, each of `lines` on its own, and ends the process.
pub fn die(lines: &[&str], death: Death) -> ! {
    begin(Signal::SIGABRT as i32);
    let mut log = RawLog::open();
    start(&mut log);
    for line in lines {
        log.line(format_args!("{line}"));
    }
    stack_trace(&mut log);
    finish(log);
    match death {
        Death::Abort => die_of(Signal::SIGABRT as i32),
        Death::Exit => exit_now(1),
    }
}

/// Makes every panic such a report.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let message = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let place = panic.location().map_or_else(String::new, |place| format!("{}:{}", place.file(), place.line()));
        let meditation = format!("Guru Meditation: {} #{place}", message.unwrap_or("a panic without words"));
        die(&["------------------------------------------------", "!!! Software Failure.", &meditation], Death::Abort);
    }));
}

/// Reads from a page that may not be read, for DEBUG SEGFAULT.
pub fn fault() -> ! {
    // SAFETY: a fresh page without any permission; reading it raises SIGSEGV, which is asked for. If there is no page, the signal is
    // raised directly.
    unsafe {
        let page = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        if page != libc::MAP_FAILED {
            std::ptr::read_volatile(page.cast::<u8>());
        }
    }
    die_of(Signal::SIGSEGV as i32)
}

/// Has SIGALRM sent after that many milliseconds unless this is called again before; 0 turns it off.
pub fn arm_watchdog(period_ms: u32) {
    let value = libc::timeval { tv_sec: i64::from(period_ms / 1000), tv_usec: i64::from(period_ms % 1000) * 1000 };
    let once = libc::itimerval { it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 }, it_value: value };
    // SAFETY: a valid timer; the former one is not asked for.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &once, std::ptr::null_mut()) };
}

extern "C" fn on_alarm(_signal: i32, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    let _errno = KeepErrno::new();
    let cause = CAUSE.load(Ordering::Relaxed);
    if cause != 0 {
        // A report hangs, most likely on a lock that the fault left held.
        let mut log = RawLog::open();
        log.line(format_args!("The crash report could not be finished in time."));
        drop(log);
        die_of(cause);
    }
    // SAFETY: the kernel passes a valid siginfo; who sent the signal is meaningful for one sent by a process, and zero for the timer.
    let sender = unsafe { (*info).si_code == libc::SI_USER || (*info).si_code == libc::SI_TKILL };
    let mut log = RawLog::open();
    log.prefix();
    let _ = log.write_str(if sender { "\nReceived SIGALRM\n" } else { "\n--- WATCHDOG TIMER EXPIRED ---\n" });
    stack_trace(&mut log);
    log.line(format_args!("--------"));
}

extern "C" fn on_fault(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    begin(signal);
    let mut log = RawLog::open();
    start(&mut log);
    // SAFETY: the kernel passes a valid siginfo and, to handlers with SA_SIGINFO, a valid ucontext.
    let (info, machine) = unsafe { (&*info, Machine(&*context.cast())) };
    describe(&mut log, signal, info);
    if let Some(address) = machine.instruction() {
        log.line(format_args!("Crashed running the instruction at: {address:#x}"));
    }
    log.flush();
    let _ = log.write_str("\n------ STACK TRACE ------\n");
    if let Some(address) = machine.instruction() {
        let _ = log.write_str("EIP:\n");
        threads::write_symbols(&mut log, &[std::ptr::with_exposed_provenance_mut(address as usize)]);
    }
    all_stacks(&mut log);
    let _ = log.write_str("\n------ REGISTERS ------\n");
    machine.write(&mut log);
    finish(log);
    die_of(signal);
}

/// Lets one report begin. When it is the report that crashed, only the bare fact is told, and the process ends; another thread
/// that crashes meanwhile waits for that end.
fn begin(signal: i32) {
    let own = nix::unistd::gettid().as_raw();
    match REPORTER.compare_exchange(0, own, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => CAUSE.store(signal, Ordering::Relaxed),
        Err(reporter) if reporter == own => {
            if !RECURSED.swap(true, Ordering::Relaxed) {
                RawLog::open().line(format_args!("Crashed running signal handler (signal {signal}). The report ends here."));
            }
            die_of(CAUSE.load(Ordering::Relaxed))
        }
        Err(_) => loop {
            nix::unistd::pause();
        },
    }
}

fn start(log: &mut RawLog) {
    let _ = log.write_str("\n\n=== REDIS BUG REPORT START: Cut & paste starting from here ===\n");
}

fn describe(log: &mut RawLog, signal: i32, info: &libc::siginfo_t) {
    let (code, version) = (info.si_code, crate::util::version::REDIS);
    log.line(format_args!("Redis {version} crashed by signal: {signal}, si_code: {code}"));
    // SAFETY: the address is meaningful for faults (positive codes), sender and user for signals sent by processes (the others);
    // both are plain numbers that every siginfo has room for.
    let (address, pid, uid) = unsafe { (info.si_addr(), info.si_pid(), info.si_uid()) };
    if code > 0 {
        log.line(format_args!("Accessing address: {address:p}"));
    } else {
        log.line(format_args!("Killed by PID: {pid}, UID: {uid}"));
    }
}

fn stack_trace(log: &mut RawLog) {
    let _ = log.write_str("\n------ STACK TRACE ------\n");
    all_stacks(log);
}

fn all_stacks(log: &mut RawLog) {
    let activity = HOOKS.get().map_or("", |hooks| (hooks.activity)());
    threads::write_stacks(log, activity);
    let _ = log.write_str("\n------ STACK TRACE DONE ------\n");
    log.flush();
}

/// The server's half and the end of the report.
fn finish(mut log: RawLog) {
    const PATIENCE_SECONDS: u32 = 10;
    if hides_user_data() {
        log.line(format_args!("hide-user-data-from-log is on, skip logging stack content to avoid spilling PII"));
    }
    log.flush();
    // SAFETY: a timer of seconds; the handler of SIGALRM ends the process while a cause is set.
    unsafe { libc::alarm(PATIENCE_SECONDS) };
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGALRM);
    let _ = mask.thread_unblock();
    if let Some(hooks) = HOOKS.get() {
        (hooks.details)(&mut log);
    }
    let _ = log.write_str(
        "\n=== REDIS BUG REPORT END. Make sure to include from START to END. ===\n\n\
         \x20      Please report this with the log from START to END: it should not be possible.\n\n\
         \x20      Faulty memory can look like this; `redis-server --test-memory` looks for it.\n\n",
    );
}

/// Dies of a signal as if nothing had handled it.
fn die_of(signal: i32) -> ! {
    if let Ok(signal) = Signal::try_from(signal) {
        signals::reset(signal);
        let mut mask = SigSet::empty();
        mask.add(signal);
        let _ = mask.thread_unblock();
        let _ = nix::sys::signal::raise(signal);
    }
    exit_now(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::{Ended, Fork, fork, wait_for};
    use crate::sys::rawlog::set_log_file;
    use nix::sys::signal::raise;
    use std::hint::black_box;

    const HOOKS: Hooks = Hooks { activity: || "debugCommand", details: |log| log.bytes(b"the server's half\n") };

    /// Runs `body` in a child that has the handlers; how it ended and what it logged.
    fn in_child(hooks: Hooks, body: impl FnOnce()) -> (Ended, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        match fork().unwrap() {
            Fork::Child => {
                set_log_file(&path);
                if install(hooks).is_err() {
                    exit_now(9);
                }
                body();
                exit_now(42)
            }
            Fork::Parent { child } => {
                let ended = wait_for(child).unwrap();
                (ended, std::fs::read_to_string(&path).unwrap_or_default())
            }
        }
    }

    fn in_order(text: &str, parts: &[&str]) {
        let mut rest = text;
        for part in parts {
            let at = rest.find(part).unwrap_or_else(|| panic!("no {part:?} in its place in:\n{text}"));
            rest = &rest[at + part.len()..];
        }
    }

    const START: &str = "\n=== REDIS BUG REPORT START: Cut & paste starting from here ===\n";
    const END: &str = "\n=== REDIS BUG REPORT END. Make sure to include from START to END. ===\n";
    const TRACE: &str = "\n------ STACK TRACE ------\n";
    const TRACE_DONE: &str = "\n------ STACK TRACE DONE ------\n";

    fn killed(signal: Signal) -> Ended {
        Ended::Killed { signal: signal as i32 }
    }

    #[test]
    fn a_helper_that_faults_shows_the_reactor_too() {
        let (ended, log) = in_child(HOOKS, || {
            let helper = threads::spawn("bio_test", c"bioLoop", |_| fault());
            loop {
                if helper.is_err() {
                    exit_now(9);
                }
                nix::unistd::pause();
            }
        });
        assert_eq!(ended, killed(Signal::SIGSEGV));
        in_order(
            &log,
            &[START, TRACE, " bio_test\n(bioLoop)\n", "(debugCommand)\n", "2/2 expected stacktraces.\n", TRACE_DONE, END],
        );
    }

    #[test]
    fn a_fault_is_reported_and_died_of() {
        let (ended, log) = in_child(HOOKS, || fault());
        assert_eq!(ended, killed(Signal::SIGSEGV));
        let parts = [
            START,
            " crashed by signal: 11, si_code: 2\n",
            "Accessing address: 0x",
            "Crashed running the instruction at: 0x",
            TRACE,
            "EIP:\n",
            "(debugCommand)\n",
            "/1 expected stacktraces.\n",
            TRACE_DONE,
            "\n------ REGISTERS ------\n",
            "RAX:",
            "the server's half\n",
            END,
        ];
        in_order(&log, &parts);
        assert_eq!(log.matches("STACK TRACE -").count(), 1);
    }

    #[test]
    fn an_abort_from_outside_names_its_sender() {
        let (ended, log) = in_child(HOOKS, || {
            set_hide_user_data(true);
            let _ = raise(Signal::SIGABRT);
        });
        assert_eq!(ended, killed(Signal::SIGABRT));
        in_order(
            &log,
            &[
                START,
                " crashed by signal: 6, si_code: -6\n",
                "Killed by PID: ",
                TRACE,
                TRACE_DONE,
                "hide-user-data-from-log is on",
                END,
            ],
        );
    }

    #[test]
    fn a_stack_overflow_is_reported() {
        fn deeper(depth: u64) -> u64 {
            black_box([depth; 64]).iter().sum::<u64>() + if black_box(depth) == 0 { 0 } else { deeper(depth + 1) }
        }
        let (ended, log) = in_child(HOOKS, || {
            black_box(deeper(1));
        });
        assert_eq!(ended, killed(Signal::SIGSEGV));
        in_order(&log, &[START, " crashed by signal: 11", TRACE, TRACE_DONE, END]);
    }

    #[test]
    fn a_report_that_crashes_or_hangs_still_ends() {
        let crashing = Hooks { details: |_| fault(), ..HOOKS };
        let (ended, log) = in_child(crashing, || {
            let _ = raise(Signal::SIGABRT);
        });
        assert_eq!(ended, killed(Signal::SIGABRT));
        in_order(&log, &[START, TRACE_DONE, "Crashed running signal handler "]);
        let hanging = Hooks {
            details: |_| {
                let _ = raise(Signal::SIGALRM);
                loop {
                    std::thread::sleep(std::time::Duration::from_secs(60));
                }
            },
            ..HOOKS
        };
        let (ended, log) = in_child(hanging, || fault());
        assert_eq!(ended, killed(Signal::SIGSEGV));
        in_order(&log, &[START, TRACE_DONE, "could not be finished in time"]);
    }

    #[test]
    fn failed_assertions_and_panics_are_reported_once() {
        let lines = ["=== ASSERTION FAILED ===", "==> debug.rs:1 '1 == 2' is not true"];
        for (death, expected) in [(Death::Exit, Ended::Exited { status: 1 }), (Death::Abort, killed(Signal::SIGABRT))] {
            let (ended, log) = in_child(HOOKS, || die(&lines, death));
            assert_eq!(ended, expected);
            in_order(
                &log,
                &[
                    START,
                    "=== ASSERTION FAILED ===\n",
                    "==> debug.rs:1",
                    TRACE,
                    "(debugCommand)\n",
                    TRACE_DONE,
                    "the server's half\n",
                    END,
                ],
            );
            assert_eq!(log.matches(START).count(), 1);
        }
        let (ended, log) = in_child(HOOKS, || {
            install_panic_hook();
            panic!("no {}", "way");
        });
        assert_eq!(ended, killed(Signal::SIGABRT));
        in_order(&log, &[START, "Guru Meditation: no way #src/sys/crash.rs:", TRACE, TRACE_DONE, END]);
    }

    #[test]
    fn alarms_show_stacks_and_life_goes_on() {
        let (ended, log) = in_child(HOOKS, || {
            let _ = raise(Signal::SIGALRM);
            arm_watchdog(3_600_000);
            arm_watchdog(0);
        });
        assert_eq!(ended, Ended::Exited { status: 42 });
        in_order(&log, &["\nReceived SIGALRM\n", TRACE, "(debugCommand)\n", TRACE_DONE, "--------\n"]);
        let (ended, log) = in_child(HOOKS, || {
            let mut alarm = SigSet::empty();
            alarm.add(Signal::SIGALRM);
            let _ = alarm.thread_block();
            arm_watchdog(1);
            let _ = SigSet::empty().suspend();
        });
        assert_eq!(ended, Ended::Exited { status: 42 });
        in_order(&log, &["--- WATCHDOG TIMER EXPIRED ---\n", TRACE, TRACE_DONE]);
    }

    #[test]
    fn reports_can_be_turned_off() {
        let (ended, log) = in_child(HOOKS, || {
            let _ = set_enabled(false);
            let _ = raise(Signal::SIGABRT);
        });
        assert_eq!((ended, log.as_str()), (killed(Signal::SIGABRT), ""));
    }
}
