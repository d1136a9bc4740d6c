//! The log's files: opened at start, changed for a rewrite, retired when a new base covers them.
//!
//! ```text
//! dir/appendonlydir/appendonly.aof.manifest       which files there are; temp-appendonly.aof.manifest while it is written
//!                   appendonly.aof.2.base.rdb
//!                   appendonly.aof.2.incr.aof
//!                   temp-appendonly.aof.incr      the increment of a log that has no base yet
//! dir/temp-rewriteaof-bg-<pid>.aof                the base that a child writes
//! ```
//!
//! What always holds: a manifest is replaced in one step and safe before anything is written that needs it; a file it names is
//! there; a file is deleted only after the manifest that does without it is safe.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{self, Manifest};
use super::{Aof, State, folder, path};
use crate::config::file::reason;
use crate::config::values::AppendFsync;
use crate::persist::child::Purpose;
use crate::server::Server;
use crate::sys::disk::{self, Disk, DiskFile, Open};

/// The reason is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// The manifest could not be replaced; the reason is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreplaced {
    /// The old one is there as it was.
    Old,
    /// The new one is there, but after a crash it may be the old one again: files of both are needed.
    Either,
}

impl From<Unreplaced> for Failed {
    fn from(_: Unreplaced) -> Failed {
        Failed
    }
}

/// The largest manifest that is read.
const MANIFEST_BYTES_MAX: usize = 16 << 20;

/// Puts the manifest onto the disk in one step.
fn persist(disk: &dyn Disk, folder: &Path, prefix: &[u8], manifest: &mut Manifest) -> Result<(), Unreplaced> {
    if !manifest.dirty {
        return Ok(());
    }
    let name = manifest::file_name(prefix);
    let temp_name = [b"temp-", name.as_slice()].concat();
    let (place, temp) = (manifest::join(folder, &name), manifest::join(folder, &temp_name));
    let shown = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let fail = |what: String| {
        log::warn!("{what}");
        let _ = disk.unlink(&temp);
        Unreplaced::Old
    };
    let file = disk
        .open(&temp, Open::Create)
        .map_err(|error| fail(format!("Can't open the AOF manifest file {}: {}", shown(&temp), reason(&error))))?;
    disk::write_all(&*file, &manifest.format()).map_err(|error| {
        fail(format!("Error trying to write the temporary AOF manifest file {}: {}", shown(&temp), reason(&error)))
    })?;
    file.sync_data().map_err(|error| fail(format!("Fail to fsync the temp AOF file {}: {}.", shown(&temp), reason(&error))))?;
    disk.rename(&temp, &place).map_err(|error| {
        fail(format!(
            "Error trying to rename the temporary AOF manifest file {} into {}: {}",
            shown(&temp),
            shown(&place),
            reason(&error)
        ))
    })?;
    disk.sync_dir(folder).map_err(|error| {
        log::warn!("Fail to fsync AOF directory {}: {}.", folder.display(), reason(&error));
        Unreplaced::Either
    })?;
    manifest.dirty = false;
    Ok(())
}

impl Server {
    /// Where the manifest is.
    pub(super) fn manifest_path(&self) -> PathBuf {
        let config = &self.env.config;
        path(config, &manifest::file_name(&config.appendfilename))
    }

    /// Where the increment is that has no base yet.
    fn temp_incr_path(&self) -> PathBuf {
        let config = &self.env.config;
        path(config, &[b"temp-", config.appendfilename.as_slice(), b".incr"].concat())
    }

    /// Reads the manifest, if there is one.
    ///
    /// # Errors
    /// It can't be read or makes no sense.
    pub fn read_aof_manifest(&mut self) -> Result<(), Failed> {
        let place = self.manifest_path();
        let shown = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let read = || -> io::Result<Option<Vec<u8>>> {
            match self.disk.look(&place)? {
                None => Ok(None),
                Some(_) => disk::read_all(&*self.disk.open(&place, Open::Read)?, MANIFEST_BYTES_MAX).map(Some),
            }
        };
        self.aof.manifest = match read() {
            Ok(None) => {
                log::debug!("The AOF manifest file {shown} doesn't exist");
                Manifest::default()
            }
            Ok(Some(text)) => Manifest::parse(&text).map_err(|refusal| {
                log::warn!("{}", refusal.report());
                Failed
            })?,
            Err(error) => {
                log::warn!("Fatal error: can't open the AOF manifest file {shown} for reading: {}", reason(&error));
                return Err(Failed);
            }
        };
        Ok(())
    }

    /// Puts `manifest` onto the disk and into force; the old one stays in force if it is still the one on the disk.
    pub(super) fn adopt_manifest(&mut self, mut manifest: Manifest) -> Result<(), Unreplaced> {
        let config = &self.env.config;
        let outcome = persist(&*self.disk, &folder(config), &config.appendfilename, &mut manifest);
        if outcome != Err(Unreplaced::Old) {
            self.aof.manifest = manifest;
        }
        outcome
    }

    /// Makes the log's folder, if it is not there.
    pub(super) fn make_aof_folder(&self) -> Result<(), Failed> {
        let folder = folder(&self.env.config);
        match self.disk.make_dir(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                log::warn!("Can't open or create append-only dir {}: {}", folder.display(), reason(&error));
                Err(Failed)
            }
            Err(_) => Ok(()),
            Ok(()) => self.disk.sync_dir(disk::folder(&folder)).map_err(|error| {
                log::warn!("Can't open or create append-only dir {}: {}", folder.display(), reason(&error));
                Failed
            }),
        }
    }

    /// Opens the log for writing when the server has started and everything is loaded.
    ///
    /// # Errors
    /// What is needed can't be created or opened: the server must not go on.
    pub fn open_aof_at_start(&mut self) -> Result<(), Failed> {
        if self.aof.state != State::On {
            return Ok(());
        }
        self.make_aof_folder()?;
        let prefix = self.env.config.appendfilename.clone();
        let mut manifest = self.aof.manifest.clone();
        if manifest.base.is_none() && manifest.incr.is_empty() {
            let base = manifest.next_base(&prefix, self.base_is_rdb());
            log::info!("Creating AOF base file {} on server start", String::from_utf8_lossy(&base.name));
            let temp = self.temp_base_path(std::process::id() as i32);
            let place = path(&self.env.config, &base.name);
            let written = self.write_base(&temp, &mut crate::persist::child::Report::to_nobody());
            written.and_then(|()| self.disk.rename(&temp, &place)).map_err(|error| {
                let _ = self.disk.unlink(&temp);
                log::warn!("Can't create the AOF base file {}: {}", place.display(), reason(&error));
                Failed
            })?;
            self.aof.current_bytes = self.disk.stat(&place).map_or(0, |stat| stat.len);
            self.aof.base_bytes = self.aof.current_bytes;
        }
        let name = match manifest.incr.last_mut() {
            Some(last) => {
                log::info!("Opening AOF incr file {} on server start", String::from_utf8_lossy(&last.name));
                if last.end_offset.take().is_some() {
                    manifest.dirty = true;
                }
                last.name.clone()
            }
            None => {
                let file = manifest.next_incr(&prefix, self.stream.offset);
                log::info!("Creating AOF incr file {} on server start", String::from_utf8_lossy(&file.name));
                file.name
            }
        };
        let place = path(&self.env.config, &name);
        let opened = self.disk.open(&place, Open::Append).and_then(|file| file.len().map(|len| (file, len)));
        let (file, len) = opened.map_err(|error| {
            log::warn!("Can't open the append-only file {}: {}", String::from_utf8_lossy(&name), reason(&error));
            Failed
        })?;
        self.adopt_manifest(manifest)?;
        self.aof.use_file(file, len);
        self.aof.last_sync_ms = self.env.now_ms;
        self.delete_aof_history();
        self.update_propagation();
        Ok(())
    }

    /// Begins a new increment; the old one is closed behind a last sync.
    ///
    /// While the log waits for its first base, the increment is a temporary file that no manifest names.
    pub(super) fn open_new_incr(&mut self) -> Result<(), Failed> {
        let waiting = self.aof.state == State::WaitRewrite;
        let mut manifest = self.aof.manifest.clone();
        let (place, how) = if waiting {
            (self.temp_incr_path(), Open::Create)
        } else {
            let prefix = self.env.config.appendfilename.clone();
            let file = manifest.next_incr(&prefix, self.stream.offset);
            (path(&self.env.config, &file.name), Open::Create)
        };
        let shown = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        log::info!("Creating AOF incr file {shown} on background rewrite");
        let opened = self.disk.open(&place, how).and_then(|_| self.disk.open(&place, Open::Append));
        let file = opened.map_err(|error| {
            log::warn!("Can't open the append-only file {shown}: {}", reason(&error));
            Failed
        })?;
        if !waiting && let Err(unreplaced) = self.adopt_manifest(manifest) {
            // A file that the manifest may name stays, empty.
            if unreplaced == Unreplaced::Old {
                let _ = self.disk.unlink(&place);
            }
            return Err(Failed);
        }
        self.close_incr();
        self.aof.use_file(file, 0);
        Ok(())
    }

    /// Lets go of the increment; what it holds is synced first.
    fn close_incr(&mut self) {
        if self.aof.has_unsynced() && self.env.config.appendfsync != AppendFsync::No {
            let now_ms = self.env.now_ms;
            self.aof.sync_in_background(now_ms);
        }
        if let Some(file) = self.aof.file.take() {
            self.aof.syncer.close(file);
        }
    }

    /// Deletes the files that are history, in the background, and forgets them.
    pub fn delete_aof_history(&mut self) {
        if self.env.config.aof_disable_auto_gc || self.aof.manifest.history.is_empty() {
            return;
        }
        let mut manifest = self.aof.manifest.clone();
        let history = std::mem::take(&mut manifest.history);
        manifest.dirty = true;
        if self.adopt_manifest(manifest).is_err() {
            // They stay on the list until the next time.
            return;
        }
        if self.aof.manifest.incr.is_empty() {
            // Nothing is left that the numbers could be taken for.
            self.aof.manifest.incr_seq = 0;
        }
        for file in history {
            log::info!("Removing the history file {} in the background", String::from_utf8_lossy(&file.name));
            let place = path(&self.env.config, &file.name);
            self.aof.syncer.unlink(&*self.disk, &place);
        }
    }

    /// Deletes the increment that has no base, in the background.
    pub(super) fn delete_temp_incr(&mut self) {
        let place = self.temp_incr_path();
        let shown = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        log::info!("Removing the temp incr aof file {shown} in the background");
        self.aof.syncer.unlink(&*self.disk, &place);
    }

    /// Makes the increment that had no base one of the manifest's; returns where it is.
    ///
    /// # Errors
    /// It can't be renamed.
    pub(super) fn name_temp_incr(&mut self, manifest: &mut Manifest) -> Result<PathBuf, Failed> {
        let temp = self.temp_incr_path();
        let prefix = self.env.config.appendfilename.clone();
        let file = manifest.next_incr(&prefix, self.aof.begun_at);
        let place = path(&self.env.config, &file.name);
        match self.disk.rename(&temp, &place) {
            Ok(()) => {
                log::info!(
                    "Successfully renamed the temporary AOF incr file {} into {}",
                    temp.file_name().unwrap_or_default().to_string_lossy(),
                    String::from_utf8_lossy(&file.name)
                );
                Ok(place)
            }
            Err(error) => {
                log::warn!(
                    "Error trying to rename the temporary AOF incr file {} into {}: {}",
                    temp.file_name().unwrap_or_default().to_string_lossy(),
                    String::from_utf8_lossy(&file.name),
                    reason(&error)
                );
                Err(Failed)
            }
        }
    }

    /// Follows `appendonly` as it is configured now.
    ///
    /// # Errors
    /// The log can't be begun.
    pub fn switch_aof(&mut self, on: bool) -> Result<(), Failed> {
        match (on, self.aof.state) {
            // What is being loaded is loaded first.
            _ if self.loading.is_some() => Ok(()),
            (true, State::Off) => self.start_appending(),
            (false, State::On | State::WaitRewrite) => {
                self.stop_appending();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Begins a log while running: with the rewrite that makes its base.
    fn start_appending(&mut self) -> Result<(), Failed> {
        self.aof.state = State::WaitRewrite;
        if self.has_child() && !self.has_child_for(Purpose::AofRewrite) {
            self.aof.rewrite.scheduled = true;
            log::info!(
                "AOF was enabled but there is already another background operation. An AOF background was scheduled to start \
                 when possible."
            );
        } else if self.in_transaction {
            self.aof.rewrite.scheduled = true;
            log::info!("AOF was enabled during a transaction. An AOF background was scheduled to start when possible.");
        } else {
            if self.has_child_for(Purpose::AofRewrite) {
                log::info!(
                    "AOF was enabled but there is already an AOF rewriting in background. Stopping background AOF and starting a \
                     rewrite now."
                );
                self.stop_aof_rewrite();
            }
            if self.start_aof_rewrite().is_err() {
                self.aof.state = State::Off;
                log::warn!(
                    "Redis needs to enable the AOF but can't trigger a background AOF rewrite operation. Check the above logs \
                     for more info about the error."
                );
                return Err(Failed);
            }
        }
        self.aof.last_sync_ms = self.env.now_ms;
        self.aof.fault = None;
        self.aof.syncer.forgive();
        self.update_propagation();
        self.update_gate();
        Ok(())
    }

    /// Ends the log: all of it is safe then.
    fn stop_appending(&mut self) {
        self.finish_aof();
        let was = std::mem::replace(&mut self.aof.state, State::Off);
        if let Some(file) = self.aof.file.take() {
            self.aof.syncer.close(file);
        }
        if was == State::On {
            self.note_aof_end();
        } else if self.has_child_for(Purpose::AofRewrite) {
            self.delete_temp_incr();
        }
        self.aof.rewrite.scheduled = false;
        self.stop_aof_rewrite();
        self.aof.forget_buffer();
        self.aof.fault = None;
        self.aof.syncer.forgive();
        self.update_propagation();
        self.update_gate();
    }

    /// Writes and syncs all there is.
    pub fn finish_aof(&mut self) {
        self.flush_aof(true);
        let Some(file) = self.aof.file.clone() else { return };
        match file.sync_data() {
            Ok(()) => self.aof.syncer.done(self.aof.written),
            Err(error) => log::warn!("Fail to fsync the AOF file: {}.", reason(&error)),
        }
    }

    /// Notes in the manifest where the increment ends, which says that it is whole.
    pub fn note_aof_end(&mut self) {
        if self.aof.fault.is_some() || !self.aof.buf.is_empty() {
            return;
        }
        let mut manifest = self.aof.manifest.clone();
        let offset = self.stream.offset;
        // Where a file of an older version begins is not known, so its end would mean nothing.
        let Some(last) = manifest.incr.last_mut().filter(|last| last.start_offset.is_some()) else { return };
        last.end_offset = Some(offset);
        manifest.dirty = true;
        let _ = self.adopt_manifest(manifest);
    }
}

impl Aof {
    /// Appends to this file from now on, which has this length.
    fn use_file(&mut self, file: Arc<dyn DiskFile>, len: u64) {
        self.file = Some(file);
        self.file_bytes = len;
        self.selected = None;
    }

    /// Drops what has not been written.
    pub(super) fn forget_buffer(&mut self) {
        self.buf = Vec::new();
        self.selected = None;
        self.written = self.fed;
        self.asked = self.fed;
        self.syncer.done(self.fed);
        self.postponed_since_ms = None;
        self.unacknowledged.clear();
    }
}
