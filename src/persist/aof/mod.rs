//! The append only file: every change, written down as the command that made it.
//!
//! The log is a folder of files: a base (a snapshot, or commands that make the dataset) and increments on top of it, in the order
//! that the [`manifest`] gives. Commands are collected in a buffer, which is written once per turn ([`append`]); the
//! thread of the [`syncer`] does what may block. [`files`] opens, changes and retires files, [`rewrite`] replaces
//! what there is by a new base, [`load`] runs it all again at start, and [`check`] is the tool for damaged files.
//!
//! ```text
//! unit of a command -> buffer -> increment's file -> fdatasync
//!              fed            written             synced             three totals, each at most the one before
//! ```
//!
//! What always holds: bytes reach the file in the order they were fed, and never half a command with more behind it; under
//! `appendfsync always` a reply leaves after `synced` has passed the command; a disk that fails costs nothing but the
//! ability to write: changes are refused until it works again, and what is not safe is never acknowledged.

pub mod append;
pub mod check;
pub mod files;
pub mod load;
pub mod manifest;
pub mod rewrite;
mod streams;
pub mod syncer;

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::Config;
use crate::keyspace::unit::Unit;
use crate::net::ClientId;
use crate::resp::request;
use crate::sys::disk::DiskFile;
use manifest::Manifest;
use rewrite::Rewrite;
use syncer::Syncer;

/// Whether changes are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Off,
    On,
    /// Switched on while running: it begins with the rewrite that makes the first base.
    WaitRewrite,
}

/// Why nothing can be acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The buffer can't be written, for this reason: it is kept, and tried again.
    Write(String),
    /// A sync failed, for this reason: what is in the current files is not to be trusted until there is a fresh base.
    Sync(String),
}

impl Fault {
    /// What the system said.
    pub fn reason(&self) -> &str {
        match self {
            Fault::Write(reason) | Fault::Sync(reason) => reason,
        }
    }
}

/// The log of a running server.
#[derive(Default)]
pub struct Aof {
    pub state: State,
    pub manifest: Manifest,
    /// The increment that is written to.
    file: Option<Arc<dyn DiskFile>>,
    /// Its length in bytes, as far as it has been written.
    file_bytes: u64,
    /// What is to be written.
    buf: Vec<u8>,
    /// The database that the last command in the log runs in.
    selected: Option<usize>,
    fed: u64,
    written: u64,
    /// Up to where a sync has been asked for.
    asked: u64,
    /// All bytes of base and increments.
    pub current_bytes: u64,
    /// The same after the last rewrite.
    pub base_bytes: u64,
    last_sync_ms: u64,
    /// Since when the buffer waits for a sync to end, in unix ms.
    postponed_since_ms: Option<u64>,
    pub delayed_syncs: u64,
    pub fault: Option<Fault>,
    /// When the buffer is tried again that could not be written, in unix ms.
    retry_at_ms: u64,
    /// When a write error was logged last, in unix ms.
    complained_ms: u64,
    /// The second of the last annotation.
    annotated_s: u64,
    /// Clients whose changes in this turn are not safe yet, and where in their output the replies to them begin.
    unacknowledged: Vec<(ClientId, usize)>,
    /// How long writing and syncing has kept the loop, in ns.
    pub flush_ns: u64,
    /// How long to sleep behind each write, in us (tests).
    pub flush_sleep_us: u64,
    pub syncer: Syncer,
    pub rewrite: Rewrite,
    /// Where the stream was when the increment that waits for its base began.
    begun_at: u64,
}

impl Aof {
    /// Bytes that wait to be written.
    pub fn pending_bytes(&self) -> usize {
        self.buf.len()
    }

    /// What waits to be written.
    pub fn pending(&self) -> &[u8] {
        &self.buf
    }

    /// What the buffer takes.
    pub fn buffer_bytes(&self) -> usize {
        self.buf.capacity()
    }

    /// Whether everything up to `end` survives a crash: the log has it, and the base it stands on.
    pub fn is_safe(&self, end: u64) -> bool {
        self.state != State::WaitRewrite && self.syncer.synced() >= end
    }

    /// Where the log ends, as a total of all bytes ever fed.
    #[inline]
    pub fn end(&self) -> u64 {
        self.fed
    }

    /// Appends a unit to the buffer. An atomic unit of several commands becomes a transaction.
    ///
    /// ```text
    /// [#TS:1700000000] [MULTI] [SELECT 3] SET k v ... [EXEC]
    /// ```
    pub(crate) fn feed(&mut self, unit: &Unit, atomic: bool, annotate_s: Option<u64>) {
        let before = self.buf.len();
        if let Some(now_s) = annotate_s
            && now_s > self.annotated_s
        {
            self.annotated_s = now_s;
            self.buf.extend_from_slice(annotation(now_s).as_bytes());
        }
        let transaction = atomic && unit.len() > 1;
        if transaction {
            request::request(&mut self.buf, [&b"MULTI"[..]].into_iter());
        }
        for (db, command) in unit.iter() {
            if self.selected != Some(db) {
                self.selected = Some(db);
                let mut digits = itoa::Buffer::new();
                request::request(&mut self.buf, [&b"SELECT"[..], digits.format(db).as_bytes()].into_iter());
            }
            self.buf.extend_from_slice(command);
        }
        if transaction {
            request::request(&mut self.buf, [&b"EXEC"[..]].into_iter());
        }
        self.fed += (self.buf.len() - before) as u64;
    }
}

/// The line that says when what follows happened, in unix seconds.
pub fn annotation(now_s: u64) -> String {
    format!("#TS:{now_s}\r\n")
}

/// The folder of the log's files.
pub fn folder(config: &Config) -> PathBuf {
    crate::config::host::path(&config.appenddirname).to_path_buf()
}

/// Where a file of the log is.
pub fn path(config: &Config, name: &[u8]) -> PathBuf {
    manifest::join(&folder(config), name)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod feeding {
    use super::*;

    fn fed(units: &[(&[(usize, &str)], bool)]) -> String {
        let mut aof = Aof::default();
        for (commands, atomic) in units {
            let mut unit = Unit::default();
            for (db, line) in *commands {
                let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
                unit.push(*db, words.into_iter());
            }
            aof.feed(&unit, *atomic, None);
        }
        assert_eq!(aof.end() as usize, aof.buf.len());
        let text = String::from_utf8(aof.buf).unwrap();
        let words = text.split("\r\n").filter(|word| !word.is_empty() && !word.starts_with('$'));
        words.map(|word| if word.starts_with('*') { "|" } else { word }).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn databases_are_selected_and_units_wrapped() {
        assert_eq!(fed(&[(&[(0, "SET a 1")], true), (&[(0, "DEL a")], true)]), "| SELECT 0 | SET a 1 | DEL a");
        assert_eq!(
            fed(&[(&[(0, "DEL b"), (9, "SET a 1")], true), (&[(9, "DEL a"), (9, "DEL b")], false)]),
            "| MULTI | SELECT 0 | DEL b | SELECT 9 | SET a 1 | EXEC | DEL a | DEL b"
        );
    }

    #[test]
    fn a_second_is_annotated_once() {
        let mut unit = Unit::default();
        unit.push(0, [&b"X"[..]].into_iter());
        let mut aof = Aof::default();
        for now_s in [5, 5, 6] {
            aof.feed(&unit, true, Some(now_s));
        }
        let text = String::from_utf8(aof.buf).unwrap();
        assert!(text.starts_with("#TS:5\r\n*2\r\n$6\r\nSELECT") && text.ends_with("X\r\n#TS:6\r\n*1\r\n$1\r\nX\r\n"), "{text}");
        assert_eq!(text.matches("#TS").count(), 2);
    }
}
