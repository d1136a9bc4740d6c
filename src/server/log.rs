//! Log lines in upstream's shape, written by env_logger, and to syslog besides where that is asked for.
//!
//! ```text
//! 4711:M 23 Nov 2026 18:22:18.123 * Ready to accept connections tcp
//! pid:role  time of day             level: . debug  - verbose  * notice  # warning
//! ```
//!
//! The levels of the `log` crate stand for upstream's: `trace` is debug, `debug` verbose, `info` notice, `warn` and `error`
//! warning; `loglevel nothing` is `Off`. Only this crate's own lines appear, and a line of the target [`RAW`] is written as it is.
//!
//! The file is opened for each line, so that it may be moved away or removed at any time. What cannot be written is lost
//! in silence: there is nobody left to tell. A forked child bypasses env_logger, whose lock a thread of the parent may have
//! held at the fork.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use log::{Level, LevelFilter, Log, Metadata, Record};

use super::syslog::Syslog;
use crate::config::values::LogLevel;
use crate::sys::{clock, rawlog};

/// Target of lines without head.
pub const RAW: &str = "redoubt::raw";

/// The crate whose lines appear.
const OWN: &str = "redoubt";

static FILE: OnceLock<PathBuf> = OnceLock::new();
static SYSLOG: OnceLock<Syslog> = OnceLock::new();
static ROLE: AtomicU8 = AtomicU8::new(Role::Child as u8);

/// Who writes: the letter behind the process's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    Sentinel = b'X',
    /// A forked child; also a process that has not come up yet.
    Child = b'C',
    Replica = b'S',
    Primary = b'M',
}

/// Sets the role that lines show from now on.
pub fn set_role(role: Role) {
    ROLE.store(role as u8, Ordering::Relaxed);
}

/// Where lines go: the log file, or the standard output.
struct Sink;

impl Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match FILE.get() {
            Some(path) => open(path)?.write_all(line)?,
            None => write_to_stdout(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Past the standard library's buffer and its lock.
fn write_to_stdout(mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        match nix::unistd::write(io::stdout().as_fd(), line) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => line = &line[written..],
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Writes one line for a record.
fn write_line(out: &mut dyn Write, record: &Record<'_>) -> io::Result<()> {
    if record.target() == RAW {
        return writeln!(out, "{}", record.args());
    }
    let mark = match record.level() {
        Level::Trace => '.',
        Level::Debug => '-',
        Level::Info => '*',
        Level::Warn | Level::Error => '#',
    };
    let role = char::from(ROLE.load(Ordering::Relaxed));
    writeln!(out, "{}:{role} {} {mark} {}", std::process::id(), clock::local_time_text(), record.args())
}

/// env_logger, and what it does not know of.
struct Logger {
    lines: env_logger::Logger,
    /// The process that may use it.
    owner: u32,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(OWN)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        if std::process::id() == self.owner || ROLE.load(Ordering::Relaxed) != Role::Child as u8 {
            self.lines.log(record);
        } else {
            let mut line = Vec::new();
            let _ = write_line(&mut line, record).and_then(|()| Sink.write_all(&line));
        }
        if let Some(syslog) = SYSLOG.get()
            && record.target() != RAW
        {
            syslog.send(record.level(), record.args());
        }
    }

    fn flush(&self) {}
}

/// The crate's filter that lets through what this level of the configuration asks for.
fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::Trace,
        LogLevel::Verbose => LevelFilter::Debug,
        LogLevel::Notice => LevelFilter::Info,
        LogLevel::Warning => LevelFilter::Warn,
        LogLevel::Nothing => LevelFilter::Off,
    }
}

/// Lets through lines from this level on.
pub fn set_level(level: LogLevel) {
    log::set_max_level(filter(level));
}

/// Starts the logger, to the standard output at level `notice`; a second start changes nothing.
pub fn start() {
    let lines = env_logger::Builder::new()
        .filter_level(LevelFilter::Trace)
        .target(env_logger::Target::Pipe(Box::new(Sink)))
        .format(|line, record| write_line(line, record))
        .build();
    if log::set_boxed_logger(Box::new(Logger { lines, owner: std::process::id() })).is_ok() {
        set_level(LogLevel::Notice);
    }
}

/// Sends lines to this file from now on, those of signal handlers too; only the first call counts.
///
/// # Errors
/// When the file cannot be opened for appending.
pub fn to_file(path: &Path) -> io::Result<()> {
    open(path)?;
    // Relative to the folder of now, whatever `dir` is set to later.
    let path = std::path::absolute(path)?;
    rawlog::set_log_file(&path);
    let _ = FILE.set(path);
    Ok(())
}

/// Sends lines to syslog as well; only the first call counts.
pub fn to_syslog(syslog: Syslog) {
    let _ = SYSLOG.set(syslog);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(level: Level, target: &str) -> String {
        let mut out = Vec::new();
        write_line(&mut out, &Record::builder().level(level).target(target).args(format_args!("a {}", 1)).build()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_have_upstreams_shape() {
        let shown = line(Level::Info, "redoubt::server");
        let (head, rest) = shown.split_once(' ').unwrap();
        assert!(head.starts_with(&std::process::id().to_string()) && head.ends_with(":C"), "{head}");
        let words: Vec<&str> = rest.split(' ').collect();
        assert_eq!(words.len(), 7, "{rest}");
        assert_eq!(words[4..], ["*", "a", "1\n"]);
        let marks = [Level::Trace, Level::Debug, Level::Warn, Level::Error].map(|level| line(level, "x").contains(" # "));
        assert_eq!(marks, [false, false, true, true]);
        assert_eq!(line(Level::Warn, RAW), "a 1\n");
    }

    #[test]
    fn levels_go_down_to_nothing() {
        let order = [LogLevel::Nothing, LogLevel::Warning, LogLevel::Notice, LogLevel::Verbose, LogLevel::Debug];
        assert!(order.windows(2).all(|pair| filter(pair[0]) < filter(pair[1])));
        assert_eq!(filter(LogLevel::Nothing), LevelFilter::Off);
    }
}
