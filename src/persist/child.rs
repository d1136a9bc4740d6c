//! The forked child: one at a time, for one purpose, with a pipe on which it tells how far it has got.
//!
//! [`Server::start_child`] forks on the reactor thread and runs a piece of work in the child, which sees the server as it was at
//! that moment, whatever the parent goes on to do. The work ends with the process. The parent reads the pipe and
//! collects the child by [`Server::look_after_child`] (every tick of the clock, and at once when the pipe closes), and what is
//! to be done then follows from the [`Purpose`] in [`Server::child_ended`].
//!
//! ```text
//! a record on the pipe: five numbers, 8 bytes each, little-endian; shorter than PIPE_BUF, so it comes whole
//! [ kind: 0 under way, 1 at the end ][ keys done ][ bytes copied ][ most bytes copied so far ][ mean of the measurements ]
//! ```
//!
//! What always holds: there is at most one child; while it lives tables neither shrink nor merge and access clocks stay, so that
//! few pages are copied; the child takes no lock that another thread may have held, and never returns into the loop.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;

use mio::unix::SourceFd;
use mio::{Interest, Token};

use crate::config::values::Text;
use crate::server::Server;
use crate::server::log::{self as lines, Role};
use crate::sys::process::{self, Ended, Fork};
use crate::sys::{clock, host, memory, signals};

/// News of the pipe.
pub const TOKEN: Token = Token(usize::MAX - 2);

const RECORD_BYTES: usize = 40;
/// Between two records of one child.
const REPORT_INTERVAL_NS: u64 = 250_000_000;
/// Measuring copied bytes walks the process's map: it may take one part in so many of the time.
const MEASURING_SHARE: u64 = 100;
/// Memory blocks from here on are worth a system call.
const DISMISS_BYTES: usize = 16 * 1024;
/// How long the loop sleeps at most when the pipe has closed and the child is not there to be collected yet.
pub const COLLECTING_NS: u64 = 1_000_000;

/// What a child is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A snapshot to the RDB file.
    Rdb,
    /// A new base of the append only file.
    AofRewrite,
    /// A snapshot for a replica.
    Replica,
}

impl Purpose {
    /// How the log names it.
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Rdb | Purpose::Replica => "RDB",
            Purpose::AofRewrite => "AOF rewrite",
        }
    }

    /// The title of the process.
    fn title(self) -> &'static [u8] {
        match self {
            Purpose::Rdb => b"redis-rdb-bgsave",
            Purpose::AofRewrite => b"redis-aof-rewrite",
            Purpose::Replica => b"redis-rdb-to-slaves",
        }
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Failure,
    /// By a signal; [`Outcome::STOPPED`] if it was this server that did not want it any more.
    Killed {
        signal: i32,
    },
}

impl Outcome {
    /// The end of a child that was told to stop.
    pub const STOPPED: Outcome = Outcome::Killed { signal: libc::SIGUSR1 };

    fn of(ended: Ended) -> Outcome {
        match ended {
            Ended::Exited { status: 0 } => Outcome::Success,
            Ended::Exited { status: signals::STOPPED_ON_PURPOSE } => Outcome::STOPPED,
            Ended::Exited { .. } => Outcome::Failure,
            Ended::Killed { signal } => Outcome::Killed { signal },
        }
    }
}

/// What a child has told last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub keys: u64,
    /// Bytes that were copied because parent or child wrote to them.
    pub cow_bytes: u64,
    pub cow_peak_bytes: u64,
    pub cow_mean_bytes: u64,
}

/// A child, as its parent knows it.
pub struct Child {
    pub pid: i32,
    pub purpose: Purpose,
    /// Unix time.
    pub started_ms: u64,
    /// Keys there were at the fork.
    pub keys_total: u64,
    pub progress: Progress,
    /// When `progress` came, in monotonic ns; 0: never.
    pub told_ns: u64,
    /// How it ended, as far as it has said so itself: its last record has come.
    pub reported_end: bool,
    pipe: File,
    /// Bytes of a record that has not come whole.
    partial: Vec<u8>,
    pipe_closed: bool,
}

impl Child {
    /// Reads what has come.
    fn listen(&mut self, now_ns: u64) {
        let mut buf = [0; 16 * RECORD_BYTES];
        loop {
            match self.pipe.read(&mut buf) {
                Ok(0) => {
                    self.pipe_closed = true;
                    return;
                }
                Ok(n) => self.partial.extend_from_slice(&buf[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return,
            }
            let whole = self.partial.len() / RECORD_BYTES * RECORD_BYTES;
            for record in self.partial[..whole].chunks_exact(RECORD_BYTES) {
                let number = |at: usize| {
                    let (numbers, _) = record.as_chunks::<8>();
                    u64::from_le_bytes(numbers[at])
                };
                self.reported_end = number(0) == 1;
                self.progress =
                    Progress { keys: number(1), cow_bytes: number(2), cow_peak_bytes: number(3), cow_mean_bytes: number(4) };
                self.told_ns = now_ns;
            }
            self.partial.drain(..whole);
        }
    }
}

/// What is kept of children, living or not.
#[derive(Default)]
pub struct Children {
    /// The one that lives, or has not been collected.
    pub current: Option<Child>,
    pub forks: u64,
    /// How long the last fork kept the loop.
    pub last_fork_us: u64,
    /// Bytes of memory forked per second by the last fork, in GB.
    pub fork_rate: f64,
}

/// The child's end of the pipe.
pub struct Report {
    purpose: Purpose,
    pipe: Option<File>,
    keys: u64,
    /// Keys until the clock is looked at again.
    until_look: u32,
    /// Keys between two looks at the clock.
    pub keys_per_look: u32,
    reported_ns: u64,
    measured_ns: u64,
    measuring_ns: u64,
    cow_bytes: u64,
    cow_peak_bytes: u64,
    cow_sum_bytes: u64,
    measurements: u64,
}

impl Report {
    fn new(purpose: Purpose, pipe: Option<File>) -> Report {
        Report {
            purpose,
            pipe,
            keys: 0,
            until_look: 0,
            keys_per_look: 1024,
            reported_ns: clock::monotonic_ns(),
            measured_ns: 0,
            measuring_ns: 0,
            cow_bytes: 0,
            cow_peak_bytes: 0,
            cow_sum_bytes: 0,
            measurements: 0,
        }
    }

    /// A report to nobody, for work that is done without a child.
    pub fn to_nobody() -> Report {
        Report::new(Purpose::Rdb, None)
    }

    /// These bytes have been written, and will not be looked at again: in a child their pages are given back, so that what the
    /// parent changes there need not be copied.
    #[inline]
    pub fn finished_with(&self, bytes: &[u8]) {
        if bytes.len() >= DISMISS_BYTES && self.pipe.is_some() {
            // SAFETY: only a child reports to a pipe; its memory is a private copy of what the allocator has mapped. It neither
            // reads these bytes again nor frees them, and ends without running destructors.
            unsafe { memory::dismiss(bytes) };
        }
    }

    /// One more key is done. Now and then the parent is told.
    #[inline]
    pub fn key_done(&mut self) {
        self.keys += 1;
        if self.until_look == 0 {
            self.look();
        }
        self.until_look -= 1;
    }

    #[cold]
    fn look(&mut self) {
        self.until_look = self.keys_per_look.max(1);
        let now_ns = clock::monotonic_ns();
        if self.pipe.is_none() || now_ns < self.reported_ns + REPORT_INTERVAL_NS {
            return;
        }
        self.reported_ns = now_ns;
        if now_ns >= self.measured_ns + self.measuring_ns * MEASURING_SHARE {
            self.measure(now_ns);
            log::debug!("{}", self.cow_line());
        }
        self.send(0);
    }

    fn measure(&mut self, started_ns: u64) {
        self.cow_bytes = host::private_dirty_bytes() as u64;
        self.cow_peak_bytes = self.cow_peak_bytes.max(self.cow_bytes);
        self.cow_sum_bytes += self.cow_bytes;
        self.measurements += 1;
        self.measured_ns = clock::monotonic_ns();
        self.measuring_ns = self.measured_ns - started_ns;
    }

    fn cow_line(&self) -> String {
        let mb = |bytes: u64| bytes >> 20;
        format!(
            "Fork CoW for {}: current {} MB, peak {} MB, average {} MB",
            self.purpose.name(),
            mb(self.cow_bytes),
            mb(self.cow_peak_bytes),
            mb(self.mean())
        )
    }

    fn mean(&self) -> u64 {
        self.cow_sum_bytes.checked_div(self.measurements).unwrap_or(0)
    }

    fn send(&mut self, kind: u64) {
        let mut record = [0; RECORD_BYTES];
        let numbers = [kind, self.keys, self.cow_bytes, self.cow_peak_bytes, self.mean()];
        for (bytes, number) in record.chunks_exact_mut(8).zip(numbers) {
            bytes.copy_from_slice(&number.to_le_bytes());
        }
        // A parent that does not listen will collect the child all the same.
        if let Some(pipe) = &mut self.pipe {
            let _ = pipe.write_all(&record);
        }
    }

    /// The work is done: what it cost.
    fn finish(&mut self) {
        self.measure(clock::monotonic_ns());
        log::info!("{}", self.cow_line());
        self.send(1);
    }
}

impl Server {
    /// Whether a child lives.
    #[inline]
    pub fn has_child(&self) -> bool {
        self.children.current.is_some()
    }

    /// Whether a child lives that is for this.
    pub fn has_child_for(&self, purpose: Purpose) -> bool {
        self.children.current.as_ref().is_some_and(|child| child.purpose == purpose)
    }

    /// Forks. In the child, `work` runs on the server as it is now and says whether it succeeded; then the child ends. In the parent
    /// the child's number is returned at once.
    ///
    /// # Errors
    /// There is a child already ([`io::ErrorKind::ResourceBusy`]), or the pipe or the fork fails.
    pub fn start_child(&mut self, purpose: Purpose, work: impl FnOnce(&mut Server, &mut Report) -> bool) -> io::Result<i32> {
        if self.has_child() {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
        nix::fcntl::fcntl(&reader, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
        let began_ns = clock::monotonic_ns();
        let child = match process::fork()? {
            Fork::Child => {
                drop(reader);
                self.become_child(purpose);
                let mut report = Report::new(purpose, Some(File::from(writer)));
                for (_, client) in self.clients.iter() {
                    report.finished_with(&client.reply.buf);
                    report.finished_with(&client.query);
                }
                if self.env.config.rdb_key_save_delay_us > 0 {
                    report.keys_per_look = 1;
                }
                let succeeded = work(self, &mut report);
                if succeeded {
                    report.finish();
                }
                process::exit_now(i32::from(!succeeded))
            }
            Fork::Parent { child } => child,
        };
        let fork_ns = clock::monotonic_ns() - began_ns;
        self.children.forks += 1;
        self.children.last_fork_us = fork_ns / 1000;
        self.children.fork_rate = self.memory.meter.used() as f64 / fork_ns.max(1) as f64;
        let fork_ms = fork_ns / 1_000_000;
        let threshold_ms = self.env.config.latency_monitor_threshold_ms;
        if threshold_ms > 0 && fork_ms >= threshold_ms {
            self.latency.add("fork", fork_ms, self.env.now_ms / 1000);
        }
        drop(writer);
        if let Some(registry) = &self.net.registry {
            // Without it the child is collected at the next tick.
            let _ = registry.register(&mut SourceFd(&reader.as_raw_fd()), TOKEN, Interest::READABLE);
        }
        self.children.current = Some(Child {
            pid: child,
            purpose,
            started_ms: self.env.now_ms,
            keys_total: self.dbs.iter().map(|db| db.len() as u64).sum(),
            progress: Progress::default(),
            told_ns: 0,
            reported_end: false,
            pipe: File::from(reader),
            partial: Vec::new(),
            pipe_closed: false,
        });
        self.settle_tables();
        Ok(child)
    }

    /// What sets a child apart from its parent: log, title, signals, score, processors. What cannot be had is done without.
    fn become_child(&mut self, purpose: Purpose) {
        lines::set_role(Role::Child);
        let _ = signals::install_in_child();
        self.retitle_as(purpose.title());
        let _ = self.host.adjust_oom_score_of_child(&self.env.config);
        let config = &self.env.config;
        let list: &Option<Text> =
            if purpose == Purpose::AofRewrite { &config.aof_rewrite_cpulist } else { &config.bgsave_cpulist };
        if let Some(list) = list.as_ref().filter(|list| !list.is_empty()) {
            let _ = process::set_affinity(&String::from_utf8_lossy(list));
        }
        // The port is free again as soon as the parent is gone, whatever becomes of the child.
        self.net.listeners.clear();
    }

    /// Lets tables move elements as they like, or not, as there is a child or not.
    pub fn settle_tables(&mut self) {
        let child = self.has_child();
        self.env.clocks_frozen = child;
        for db in &mut self.dbs {
            db.set_frozen(child || self.resizing_disabled);
        }
    }

    /// Tells the child to stop, if there is one for this, and waits until it has: its files are not written to any more.
    pub fn stop_child(&mut self, purpose: Purpose) {
        if !self.has_child_for(purpose) {
            return;
        }
        let Some(child) = self.children.current.take() else { return };
        let _ = process::stop_child(child.pid);
        let outcome = process::wait_for(child.pid).map_or(Outcome::Failure, Outcome::of);
        self.collected(child, outcome);
    }

    /// Reads what the child has told, and collects it if it has ended.
    pub fn look_after_child(&mut self) {
        let Some(child) = &mut self.children.current else { return };
        child.listen(self.clock.now_ns);
        match process::reap(child.pid) {
            Ok(None) => {}
            Ok(Some(ended)) => {
                // What it wrote before it ended.
                child.listen(self.clock.now_ns);
                if let Some(child) = self.children.current.take() {
                    self.collected(child, Outcome::of(ended));
                }
            }
            Err(error) => {
                log::warn!("Can't wait for the child {}: {error}", child.pid);
                if let Some(child) = self.children.current.take() {
                    self.collected(child, Outcome::Failure);
                }
            }
        }
    }

    /// Whether the child is about to be there to be collected.
    pub fn child_is_ending(&self) -> bool {
        self.children.current.as_ref().is_some_and(|child| child.pipe_closed)
    }

    fn collected(&mut self, child: Child, outcome: Outcome) {
        if let Some(registry) = &self.net.registry {
            let _ = registry.deregister(&mut SourceFd(&child.pipe.as_raw_fd()));
        }
        self.settle_tables();
        self.child_ended(&child, outcome);
    }

    /// What follows from a child's end, by its purpose.
    fn child_ended(&mut self, child: &Child, outcome: Outcome) {
        match child.purpose {
            Purpose::AofRewrite => self.aof_rewrite_ended(child, outcome),
            Purpose::Rdb => self.background_save_ended(child, outcome),
            Purpose::Replica => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::testing::Session;

    fn wait(session: &mut Session) -> Progress {
        let mut last = Progress::default();
        while let Some(child) = &session.server.children.current {
            last = child.progress;
            session.server.look_after_child();
            std::thread::yield_now();
        }
        last
    }

    #[test]
    fn a_child_sees_what_was_and_tells_how_far_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        let mut session = Session::new();
        session.run("SET k before");
        let file = path.clone();
        let pid = session
            .server
            .start_child(Purpose::Rdb, move |server, report| {
                std::thread::sleep(std::time::Duration::from_millis(20));
                let mut db = server.db(0);
                let text = db.get_string(b"k").unwrap().unwrap().into_owned();
                report.key_done();
                std::fs::write(&file, text).is_ok()
            })
            .unwrap();
        assert!(pid > 0 && session.server.has_child_for(Purpose::Rdb));
        let error = session.server.start_child(Purpose::AofRewrite, |_, _| true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        session.run("SET k after");
        wait(&mut session);
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        assert_eq!(session.server.children.forks, 1);
        assert!(!session.server.dbs[0].table().is_frozen());
    }

    #[test]
    fn a_child_can_be_stopped() {
        let mut session = Session::new();
        let sleep = |_: &mut Server, _: &mut Report| {
            std::thread::sleep(std::time::Duration::from_secs(60));
            true
        };
        session.server.start_child(Purpose::Rdb, sleep).unwrap();
        session.server.stop_child(Purpose::AofRewrite);
        assert!(session.server.has_child() && session.server.dbs[0].table().is_frozen());
        session.server.stop_child(Purpose::Rdb);
        assert!(!session.server.has_child());
        session.server.stop_child(Purpose::Rdb);
    }

    #[test]
    fn ends_are_told_apart() {
        assert_eq!(Outcome::of(Ended::Exited { status: 0 }), Outcome::Success);
        assert_eq!(Outcome::of(Ended::Exited { status: 1 }), Outcome::Failure);
        assert_eq!(Outcome::of(Ended::Exited { status: 255 }), Outcome::STOPPED);
        assert_eq!(Outcome::of(Ended::Killed { signal: 9 }), Outcome::Killed { signal: 9 });
    }
}
