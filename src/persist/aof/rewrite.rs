//! A fresh base: started, finished, and written as commands.
//!
//! A rewrite begins a new increment and forks; the child writes the dataset as it is at that moment to a temporary file. When
//! it has succeeded the parent gives the file its name and replaces the manifest: the new base, the increments since
//! the fork, all else history. Until then the old files stay in force, so a child that fails costs nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{Failed, Unreplaced};
use super::streams;
use super::{Fault, State, annotation, path};
use crate::config::file::reason;
use crate::encoding::listpack::Elem;
use crate::keyspace::entry::Entry;
use crate::keyspace::{Database, Ref};
use crate::persist::child::{Child, Outcome, Purpose, Report};
use crate::persist::rdb::save;
use crate::resp::request;
use crate::server::Server;
use crate::sys::disk::{self, Disk, DiskFile, Open};
use crate::util::float;

/// Elements that one command of the base adds at most.
const ITEMS_PER_COMMAND: usize = 64;
/// Bytes collected before they are written.
const WRITE_BYTES: usize = 256 * 1024;
/// Bytes written before they are synced, when a rewrite syncs piece by piece.
const SYNC_BYTES: u64 = 4 << 20;
/// Failures in a row from which on rewrites wait.
const FAILURES_MAX: u64 = 3;
/// The longest such wait.
const DELAY_MAX_MINUTES: u64 = 60;
/// Between two attempts to replace files that can't be trusted.
const RECOVERY_INTERVAL_MS: u64 = 1000;

/// Where rewriting stands.
#[derive(Default)]
pub struct Rewrite {
    /// One is to be started as soon as possible.
    pub scheduled: bool,
    /// When the running one began, in unix s.
    pub started_s: Option<u64>,
    /// How long the last one took.
    pub last_time_s: Option<u64>,
    pub failed: bool,
    pub count: u64,
    pub failures_in_a_row: u64,
    pub last_cow_bytes: u64,
    /// Whether the child that is at it writes a snapshot.
    as_rdb: bool,
    /// Without a child: a simulated disk is not shared between processes.
    #[cfg(test)]
    pub(super) inline: bool,
    /// No rewrite is started by itself before, in unix ms.
    limited_until_ms: u64,
    delay_minutes: u64,
    recovery_due_ms: u64,
}

impl Server {
    /// Where a process writes a base.
    pub(super) fn temp_base_path(&self, pid: i32) -> PathBuf {
        PathBuf::from(format!("temp-rewriteaof-bg-{pid}.aof"))
    }

    /// Whether a base is written as a snapshot.
    pub(super) fn base_is_rdb(&self) -> bool {
        self.env.config.aof_use_rdb_preamble
    }

    /// Starts a child that writes a new base.
    ///
    /// # Errors
    /// There is a child already, the buffer can't be written, a file can't be opened, or the fork fails.
    pub fn start_aof_rewrite(&mut self) -> Result<(), Failed> {
        if self.has_child() {
            return Err(Failed);
        }
        let prepared = self.make_aof_folder().and_then(|()| self.prepare_aof_rewrite());
        if prepared.is_err() {
            self.aof.rewrite.failed = true;
            return Err(Failed);
        }
        self.aof.rewrite.as_rdb = self.base_is_rdb();
        #[cfg(test)]
        if self.aof.rewrite.inline {
            return self.rewrite_here();
        }
        let forked = self.start_child(Purpose::AofRewrite, |server, report| {
            let temp = server.temp_base_path(std::process::id() as i32);
            match server.write_base(&temp, report) {
                Ok(()) => {
                    log::info!("Successfully created the temporary AOF base file {}", temp.display());
                    true
                }
                Err(error) => {
                    log::warn!("Write error writing append only file on disk: {}", reason(&error));
                    false
                }
            }
        });
        match forked {
            Ok(pid) => {
                log::info!("Background append only file rewriting started by pid {pid}");
                self.aof.rewrite.scheduled = false;
                self.aof.rewrite.started_s = Some(self.env.now_ms / 1000);
                Ok(())
            }
            Err(error) => {
                log::warn!("Can't rewrite append only file in background: fork: {}", reason(&error));
                self.aof.rewrite.failed = true;
                Err(Failed)
            }
        }
    }

    /// What a child and its end do, here and now.
    #[cfg(test)]
    fn rewrite_here(&mut self) -> Result<(), Failed> {
        self.aof.rewrite.scheduled = false;
        let written = self.write_base(&self.temp_base_path(0), &mut Report::to_nobody());
        self.rewrite_ended(0, if written.is_ok() { Outcome::Success } else { Outcome::Failure });
        Ok(())
    }

    /// Leaves the old increment whole and safe, and begins a new one.
    fn prepare_aof_rewrite(&mut self) -> Result<(), Failed> {
        if self.aof.state == State::Off {
            return Ok(());
        }
        if self.aof.state == State::On {
            self.flush_aof(true);
            if !self.aof.buf.is_empty() {
                // What it holds is in the base too, and must not be behind it.
                return Err(Failed);
            }
            if self.aof.has_unsynced() && self.aof.fault.is_none() {
                // A later increment must not outlive what comes before it.
                self.sync_aof();
            }
        } else {
            self.aof.forget_buffer();
        }
        self.aof.begun_at = self.stream.offset;
        self.open_new_incr()
    }

    /// Stops the child, if it rewrites the log.
    pub fn stop_aof_rewrite(&mut self) {
        if let Some(child) = self.children.current.as_ref().filter(|child| child.purpose == Purpose::AofRewrite) {
            log::info!("Killing running AOF rewrite child: {}", child.pid);
            self.stop_child(Purpose::AofRewrite);
        }
    }

    /// The child that rewrote the log has ended.
    pub(in crate::persist) fn aof_rewrite_ended(&mut self, child: &Child, outcome: Outcome) {
        self.aof.rewrite.last_cow_bytes = child.progress.cow_peak_bytes;
        self.rewrite_ended(child.pid, outcome);
    }

    fn rewrite_ended(&mut self, pid: i32, outcome: Outcome) {
        let began_ns = self.clock.tick();
        let temp = self.temp_base_path(pid);
        let finished = match outcome {
            Outcome::Success => {
                log::info!("Background AOF rewrite terminated with success");
                self.finish_aof_rewrite(&temp)
            }
            Outcome::Failure => {
                log::warn!("Background AOF rewrite terminated with error");
                Err(Failed)
            }
            Outcome::Killed { signal } => {
                log::warn!("Background AOF rewrite terminated by signal {signal}");
                Err(Failed)
            }
        };
        let rewrite = &mut self.aof.rewrite;
        rewrite.count += u64::from(outcome == Outcome::Success);
        match finished {
            Ok(()) => {
                rewrite.failed = false;
                rewrite.failures_in_a_row = 0;
                log::info!("Background AOF rewrite finished successfully");
            }
            Err(Failed) if outcome == Outcome::STOPPED => {}
            Err(Failed) => {
                rewrite.failed = true;
                rewrite.failures_in_a_row += 1;
            }
        }
        let now_s = self.env.now_ms / 1000;
        let rewrite = &mut self.aof.rewrite;
        rewrite.last_time_s = rewrite.started_s.take().map(|started_s| now_s.saturating_sub(started_s));
        if finished.is_err() {
            self.aof.syncer.unlink(&*self.disk, &temp);
        }
        if self.aof.state == State::WaitRewrite {
            // What was collected belongs to a base that does not exist.
            self.aof.forget_buffer();
            if let Some(file) = self.aof.file.take() {
                self.aof.syncer.close(file);
            }
            self.delete_temp_incr();
            self.aof.rewrite.scheduled = true;
        }
        log::debug!("Background AOF rewrite signal handler took {}us", (self.clock.tick() - began_ns) / 1000);
    }

    /// Puts the new base in the place of all that it covers.
    fn finish_aof_rewrite(&mut self, temp: &Path) -> Result<(), Failed> {
        let prefix = self.env.config.appendfilename.clone();
        let mut manifest = self.aof.manifest.clone();
        let base = manifest.next_base(&prefix, self.aof.rewrite.as_rdb);
        let place = path(&self.env.config, &base.name);
        if let Err(error) = self.disk.rename(temp, &place) {
            log::warn!(
                "Error trying to rename the temporary AOF base file {} into {}: {}",
                temp.display(),
                String::from_utf8_lossy(&base.name),
                reason(&error)
            );
            return Err(Failed);
        }
        log::info!(
            "Successfully renamed the temporary AOF base file {} into {}",
            temp.display(),
            String::from_utf8_lossy(&base.name)
        );
        let waiting = self.aof.state == State::WaitRewrite;
        let mut new_files = vec![place.clone()];
        let named = if waiting { self.name_temp_incr(&mut manifest).map(|incr| new_files.push(incr)) } else { Ok(()) };
        let placed = named.and_then(|()| self.sync_new_incr()).map_err(|Failed| Unreplaced::Old).and_then(|()| {
            manifest.retire_incr(self.aof.state != State::Off);
            self.adopt_manifest(manifest)
        });
        if let Err(unreplaced) = placed {
            if unreplaced == Unreplaced::Old {
                for file in new_files {
                    let _ = self.disk.unlink(&file);
                }
            }
            return Err(Failed);
        }
        self.trust_the_disk();
        let base_bytes = self.disk.stat(&place).map_or(0, |stat| stat.len);
        self.aof.current_bytes = base_bytes + self.aof.file_bytes;
        self.aof.base_bytes = self.aof.current_bytes;
        if waiting {
            self.aof.state = State::On;
        }
        self.delete_aof_history();
        Ok(())
    }

    /// After a failed sync: sees to it that the increment on top of the new base is safe.
    fn sync_new_incr(&mut self) -> Result<(), Failed> {
        if !matches!(self.aof.fault, Some(Fault::Sync(_))) {
            return Ok(());
        }
        let Some(file) = self.aof.file.clone() else { return Err(Failed) };
        if let Err(error) = file.sync_data() {
            log::warn!("Fail to fsync the AOF file: {}.", reason(&error));
            return Err(Failed);
        }
        Ok(())
    }

    /// After a failed sync: with a fresh base and a fresh increment in force, all is well again.
    fn trust_the_disk(&mut self) {
        if !matches!(self.aof.fault, Some(Fault::Sync(_))) {
            return;
        }
        self.aof.syncer.forgive();
        self.aof.syncer.done(self.aof.written);
        self.aof.asked = self.aof.written;
        self.aof.fault = None;
        self.update_gate();
        log::warn!("AOF sync error looks solved: the log has a fresh base. The server can write again.");
    }

    /// Starts a rewrite if one is due; called by the clock.
    pub(super) fn rewrite_aof_if_due(&mut self) {
        if self.has_child() || self.shutdown.exit.is_some() {
            return;
        }
        let now_ms = self.env.now_ms;
        if self.aof.state == State::On && matches!(self.aof.fault, Some(Fault::Sync(_))) {
            if now_ms >= self.aof.rewrite.recovery_due_ms {
                let waited = RECOVERY_INTERVAL_MS << self.aof.rewrite.failures_in_a_row.min(6);
                self.aof.rewrite.recovery_due_ms = now_ms + waited;
                let _ = self.start_aof_rewrite();
            }
            return;
        }
        if self.aof.rewrite.scheduled {
            if !self.rewrites_are_limited() {
                let _ = self.start_aof_rewrite();
            }
            return;
        }
        let config = &self.env.config;
        let percent = u64::from(config.auto_aof_rewrite_percentage_percent);
        let aof = &self.aof;
        if aof.state != State::On || percent == 0 || aof.current_bytes <= config.auto_aof_rewrite_min_size_bytes {
            return;
        }
        let base = aof.base_bytes.max(1);
        let growth = (u128::from(aof.current_bytes) * 100 / u128::from(base)).saturating_sub(100);
        if growth >= u128::from(percent) && !self.rewrites_are_limited() {
            log::info!("Starting automatic rewriting of AOF on {growth}% growth");
            let _ = self.start_aof_rewrite();
        }
    }

    /// Whether rewrites have failed so often that the next one has to wait.
    fn rewrites_are_limited(&mut self) -> bool {
        let now_ms = self.env.now_ms;
        let rewrite = &mut self.aof.rewrite;
        if rewrite.failures_in_a_row < FAILURES_MAX {
            rewrite.limited_until_ms = 0;
            rewrite.delay_minutes = 0;
            return false;
        }
        if rewrite.limited_until_ms == 0 {
            rewrite.delay_minutes = (rewrite.delay_minutes * 2).clamp(1, DELAY_MAX_MINUTES);
            rewrite.limited_until_ms = now_ms + rewrite.delay_minutes * 60_000;
            log::warn!(
                "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in {} minutes",
                rewrite.delay_minutes
            );
            return true;
        }
        if now_ms < rewrite.limited_until_ms {
            return true;
        }
        rewrite.limited_until_ms = 0;
        self.env.config.aof_use_rdb_preamble
    }

    /// Writes the dataset as it is now to a file, and syncs it.
    ///
    /// # Errors
    /// What the disk says; the file is gone then.
    pub(super) fn write_base(&mut self, place: &Path, report: &mut Report) -> io::Result<()> {
        let disk = self.disk.clone();
        let written = if self.base_is_rdb() {
            save::to_file(self, place, save::Use::AofBase, report).map_err(io::Error::other)
        } else {
            self.write_base_as_commands(&*disk, place, report)
        };
        if written.is_err() {
            let _ = disk.unlink(place);
        }
        written
    }

    fn write_base_as_commands(&mut self, disk: &dyn Disk, place: &Path, report: &mut Report) -> io::Result<()> {
        let file = disk.open(place, Open::Create)?;
        self.write_commands(file, report)
    }

    /// Writes the commands that make the dataset to a file, and syncs it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn write_commands(&self, file: Arc<dyn DiskFile>, report: &mut Report) -> io::Result<()> {
        let config = &self.env.config;
        let piecewise = config.aof_rewrite_incremental_fsync;
        let mut out = Writer { file, buf: Vec::new(), unsynced: 0, piecewise };
        if config.aof_timestamp_enabled {
            out.buf.extend_from_slice(annotation(self.env.now_ms / 1000).as_bytes());
        }
        let delay_us = config.rdb_key_save_delay_us;
        for (_, library) in self.scripts.libraries.iter() {
            out.command(&[b"FUNCTION", b"LOAD", &library.code]);
        }
        for (index, db) in self.dbs.iter().enumerate().filter(|(_, db)| !db.is_empty()) {
            out.command(&[b"SELECT", itoa::Buffer::new().format(index).as_bytes()]);
            out.database(db, delay_us, report)?;
        }
        out.finish()
    }
}

/// Where the commands of a base go.
pub(super) struct Writer {
    file: Arc<dyn DiskFile>,
    pub(super) buf: Vec<u8>,
    unsynced: u64,
    piecewise: bool,
}

impl Writer {
    pub(super) fn command(&mut self, words: &[&[u8]]) {
        request::request(&mut self.buf, words.iter().copied());
    }

    fn database(&mut self, db: &Database, delay_us: i32, report: &mut Report) -> io::Result<()> {
        for (index, entry) in db.iter().enumerate() {
            self.entry(entry)?;
            report.key_done();
            save::delay(delay_us, index as u64 + 1);
        }
        Ok(())
    }

    /// The commands that make this key.
    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        let key = entry.key();
        let size = entry.value().size();
        match entry.value() {
            Ref::Str { bytes, .. } => self.command(&[b"SET", key, bytes]),
            Ref::Int(n) => self.command(&[b"SET", key, itoa::Buffer::new().format(n).as_bytes()]),
            Ref::List(list) => {
                let (mut batch, mut outcome) = (Batch::new(b"RPUSH", key, size, 1), Ok(()));
                list.for_each_range(0, size, |item| {
                    batch.next(&mut self.buf);
                    elem(&mut self.buf, item);
                    if outcome.is_ok() {
                        outcome = self.spill();
                    }
                });
                outcome?;
            }
            Ref::Set(set) => {
                let mut batch = Batch::new(b"SADD", key, size, 1);
                for member in set.iter() {
                    batch.next(&mut self.buf);
                    elem(&mut self.buf, member);
                    self.spill()?;
                }
            }
            Ref::Zset(zset) => {
                let mut batch = Batch::new(b"ZADD", key, size, 2);
                let mut text = Vec::new();
                for (member, score) in zset.iter() {
                    batch.next(&mut self.buf);
                    text.clear();
                    float::write_f64(&mut text, score);
                    request::word(&mut self.buf, &text);
                    elem(&mut self.buf, member);
                    self.spill()?;
                }
            }
            Ref::Hash(hash) => {
                let mut batch = Batch::new(b"HMSET", key, size, 2);
                for (field, value) in hash.iter() {
                    batch.next(&mut self.buf);
                    elem(&mut self.buf, field);
                    elem(&mut self.buf, value);
                    self.spill()?;
                }
                let mut outcome = Ok(());
                if hash.next_expiry_ms().is_some() {
                    hash.each_with_expiry(|field, _, expiry_ms| {
                        let Some(when_ms) = expiry_ms else { return };
                        let (mut when, mut name) = (itoa::Buffer::new(), itoa::Buffer::new());
                        let when = when.format(when_ms).as_bytes();
                        self.command(&[b"HPEXPIREAT", key, when, b"FIELDS", b"1", field.text(&mut name)]);
                        if outcome.is_ok() {
                            outcome = self.spill();
                        }
                    });
                }
                outcome?;
            }
            Ref::Stream(stream) => streams::write(self, key, stream)?,
        }
        if let Some(when_ms) = entry.expiry_ms() {
            self.command(&[b"PEXPIREAT", key, itoa::Buffer::new().format(when_ms).as_bytes()]);
        }
        self.spill()
    }

    /// Writes what has been collected, once it is enough.
    #[inline]
    pub(super) fn spill(&mut self) -> io::Result<()> {
        if self.buf.len() >= WRITE_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        disk::write_all(&*self.file, &self.buf)?;
        self.unsynced += self.buf.len() as u64;
        self.buf.clear();
        if self.piecewise && self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            self.file.sync_data()?;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.write()?;
        self.file.sync_data()?;
        self.file.drop_cache();
        Ok(())
    }
}

/// A collection's elements, divided into commands.
struct Batch<'a> {
    name: &'static [u8],
    key: &'a [u8],
    left: usize,
    in_command: usize,
    words_per_item: usize,
}

impl<'a> Batch<'a> {
    fn new(name: &'static [u8], key: &'a [u8], items: usize, words_per_item: usize) -> Batch<'a> {
        Batch { name, key, left: items, in_command: 0, words_per_item }
    }

    /// Begins a command if the last one is full.
    #[inline]
    fn next(&mut self, buf: &mut Vec<u8>) {
        if self.in_command == 0 {
            self.in_command = self.left.min(ITEMS_PER_COMMAND);
            request::head(buf, 2 + self.in_command * self.words_per_item);
            request::word(buf, self.name);
            request::word(buf, self.key);
        }
        self.in_command -= 1;
        self.left -= 1;
    }
}

#[inline]
pub(super) fn elem(buf: &mut Vec<u8>, elem: Elem<'_>) {
    match elem {
        Elem::Bytes(bytes) => request::word(buf, bytes),
        Elem::Int(n) => request::word(buf, itoa::Buffer::new().format(n).as_bytes()),
    }
}
