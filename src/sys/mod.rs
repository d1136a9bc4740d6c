//! Every call into libc, the kernel and the allocator that the standard library lacks, behind safe functions.
//!
//! # The contract
//!
//! What this room promises to the others:
//!
//! 1. **Safe to call.** Nothing here can break memory safety from the outside, in any order, from any thread, except for functions
//!    marked `unsafe`, whose docs list what the caller owes. Every `unsafe` block inside says why it holds.
//! 2. **No policy.** Functions report what the kernel answered ([`std::io::Error`] or a small enum); what to log,
//!    retry, or die of is decided by the caller. The one exception is a crash, which nobody is left to handle.
//! 3. **No knowledge of the server.** What a crash report wants to know of it comes through plain function pointers.
//! 4. **Hidden state is process state only**: signal dispositions, the title, the log file that signal handlers write to, the
//!    list of threads, the sum of memory that helper threads hold. Each is documented where it is set.
//!
//! What it expects of them:
//!
//! 1. `main` calls [`title::init`] first, while the process has one thread; then [`signals::install`] and
//!    [`crash::install`] before any thread is started.
//! 2. Threads are started by [`threads::spawn`], so that they take no signals, show up in stack traces, and are counted.
//! 3. Only the thread that owns a [`memory::Meter`] allocates or frees for the keyspace; others say so with [`memory::Helper`].
//! 4. After [`process::fork`] the child ends by [`process::exit_now`], never by returning from `main`.
//!
//! # The map
//!
//! | file | what |
//! |---|---|
//! | [`clock`] | monotonic and wall time |
//! | [`memory`] | the allocator: used memory, statistics, purging; advice to the kernel about pages |
//! | [`defrag`] | moving blocks together, for slabs to become empty |
//! | [`host`] | what `/proc` and `uname` tell: memory, CPU time, names |
//! | [`locale`] | the order of texts |
//! | [`disk`] | files, through a trait that tests can crash |
//! | [`writeback`] | written bytes on their way to the disk |
//! | [`process`] | daemon, pid file, fork, limits, affinity, OOM score, restart |
//! | [`title`] | the process title that `ps` shows |
//! | [`supervise`] | systemd and upstart |
//! | [`signals`] | termination signals as data |
//! | [`threads`] | helper threads |
//! | [`crash`] | fatal signals, the watchdog and the report they leave |
//! | [`rawlog`] | log lines from signal handlers |

pub mod clock;
pub mod crash;
pub mod defrag;
pub mod disk;
pub mod host;
pub mod locale;
mod machine;
pub mod memory;
pub mod process;
pub mod rawlog;
pub mod signals;
pub mod supervise;
pub mod threads;
pub mod title;
pub mod writeback;
