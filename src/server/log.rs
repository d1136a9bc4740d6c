//! Log lines in upstream's shape, written by env_logger's formatter.
//!
//! ```text
//! 4711:M 23 Nov 2026 18:22:18.123 * Ready to accept connections tcp
//! pid:role  time of day             level: . debug  - verbose  * notice  # warning
//! ```
//!
//! The levels of the `log` crate stand for upstream's: `trace` is debug, `debug` verbose, `info` notice, `warn` and `error`
//! warning. The file is opened for each line, so that it may be moved away or removed at any time.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use log::{Level, LevelFilter};

use crate::config::values::LogLevel;

/// Where lines go.
struct Sink {
    /// Standard output without one.
    file: Option<PathBuf>,
}

impl Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &self.file {
            Some(path) => OpenOptions::new().append(true).create(true).open(path)?.write_all(line)?,
            None => io::stdout().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// The crate's filter that lets through what this level of the configuration asks for.
pub fn filter(level: LogLevel) -> LevelFilter {
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

/// Starts the logger; a second start changes only the level.
pub fn start(file: Option<PathBuf>, level: LogLevel) {
    let logger = env_logger::Builder::new()
        .filter_level(LevelFilter::Trace)
        .target(env_logger::Target::Pipe(Box::new(Sink { file })))
        .format(|line, record| {
            let mark = match record.level() {
                Level::Trace => '.',
                Level::Debug => '-',
                Level::Info => '*',
                Level::Warn | Level::Error => '#',
            };
            writeln!(line, "{}:M {} {mark} {}", std::process::id(), crate::sys::clock::local_time_text(), record.args())
        })
        .try_init();
    drop(logger);
    set_level(level);
}
