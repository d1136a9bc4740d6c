//! Writing the buffer, and when to sync.
//!
//! Once per turn, before any reply leaves, the buffer is written. What then happens is `appendfsync`:
//!
//! - `always`: the file is synced here and now, once for the whole turn.
//! - `everysec`: the thread is sent a sync once a second. While one is under way a write could block behind it in the kernel, so
//!   the buffer waits, for two seconds at most; then it is written all the same, and counted as delayed.
//! - `no`: the kernel does as it likes.
//!
//! When the disk fails, under `always` the replies of this turn that stand for changes are exchanged for errors before they leave:
//! nothing is acknowledged that could be lost. Then, whatever the policy, changes are refused ([`Server::aof_refusal`])
//! until the disk works: a failed write is tried again, ten times a second; a failed sync leaves the file's pages in
//! doubt, so there a rewrite onto a fresh base ends it.

use std::io;
use std::time::Duration;

use hashbrown::HashSet;

use super::{Aof, Fault, State};
use crate::config::file::reason;
use crate::config::values::AppendFsync;
use crate::dispatch::error::CmdError;
use crate::net::{ClientFlags, ClientId};
use crate::resp::skip;
use crate::server::Server;

/// How long the buffer waits for a sync to end.
const POSTPONED_MAX_MS: u64 = 2000;
/// Between two attempts to write what could not be written.
const RETRY_INTERVAL_MS: u64 = 90;
/// Between two lines in the log about the same failure.
const COMPLAINT_INTERVAL_MS: u64 = 30_000;
/// An emptied buffer larger than this is given back.
const KEPT_BUFFER_BYTES: usize = 256 * 1024;

impl Aof {
    /// Writes what the buffer holds. At an error what was written of it is taken back, so that no command is cut off;
    /// if not even that works, what is in the file leaves the buffer.
    fn write_buffer(&mut self, complain: bool) -> io::Result<()> {
        let Some(file) = &self.file else { return Err(io::ErrorKind::NotFound.into()) };
        let mut done = 0;
        let mut failure = None;
        while done < self.buf.len() {
            match file.write(&self.buf[done..]) {
                Ok(0) => failure = Some(io::ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => failure = Some(error),
            }
            if failure.is_some() {
                break;
            }
        }
        if failure.is_some() && done > 0 {
            if complain {
                let expected = self.buf.len();
                log::warn!("Short write while writing to the AOF file: (nwritten={done}, expected={expected})");
            }
            match file.truncate(self.file_bytes) {
                Ok(()) => done = 0,
                Err(error) => log::warn!(
                    "Could not remove short write from the append-only file.  Redis may refuse to load the AOF the next time \
                     it starts.  ftruncate: {}",
                    reason(&error)
                ),
            }
        }
        self.file_bytes += done as u64;
        self.current_bytes += done as u64;
        self.written += done as u64;
        if done < self.buf.len() {
            self.buf.drain(..done);
        } else if self.buf.capacity() > KEPT_BUFFER_BYTES {
            self.buf = Vec::new();
        } else {
            self.buf.clear();
        }
        match failure {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    /// Whether bytes have been written that no sync has been asked for.
    pub(super) fn has_unsynced(&self) -> bool {
        self.asked < self.written
    }

    /// Sends the thread a sync of everything written.
    pub(super) fn sync_in_background(&mut self, now_ms: u64) {
        if let Some(file) = &self.file {
            self.syncer.sync(file.clone(), self.written);
            self.asked = self.written;
            self.last_sync_ms = now_ms;
        }
    }

    /// Notes that this client's change is in the log, but not safe: the replies from `mark` on must not leave before it is.
    pub(crate) fn awaits(&mut self, id: ClientId, mark: usize) {
        if !self.unacknowledged.iter().rev().take(8).any(|(other, _)| *other == id) {
            self.unacknowledged.push((id, mark));
        }
    }
}

impl Server {
    /// Writes the log, at the end of a turn. `force`: without waiting for a sync that is under way.
    #[inline]
    pub fn flush_aof(&mut self, force: bool) {
        if self.aof.state != State::Off && (!self.aof.buf.is_empty() || self.aof.has_unsynced()) {
            let began_ns = self.clock.now_ns;
            self.flush_aof_now(force);
            self.memory.log_buffer_bytes = self.aof.buffer_bytes();
            self.aof.flush_ns += self.clock.now_ns.saturating_sub(began_ns);
        }
    }

    fn flush_aof_now(&mut self, force: bool) {
        let policy = self.env.config.appendfsync;
        let now_ms = self.env.now_ms;
        if !self.aof.buf.is_empty() && !force && now_ms < self.aof.retry_at_ms {
            return self.take_back_acknowledgements();
        }
        if !self.aof.buf.is_empty() {
            let syncing = self.aof.syncer.pending() > 0;
            if policy == AppendFsync::Everysec && syncing && !force {
                let since_ms = *self.aof.postponed_since_ms.get_or_insert(now_ms);
                if now_ms.saturating_sub(since_ms) < POSTPONED_MAX_MS {
                    return;
                }
                self.aof.delayed_syncs += 1;
                log::info!(
                    "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for fsync \
                     to complete, this may slow down Redis."
                );
            }
            self.aof.postponed_since_ms = None;
            if self.aof.flush_sleep_us > 0 {
                std::thread::sleep(Duration::from_micros(self.aof.flush_sleep_us));
            }
            let began_ns = self.clock.tick();
            let complain = now_ms.saturating_sub(self.aof.complained_ms) > COMPLAINT_INTERVAL_MS;
            let written = self.aof.write_buffer(complain);
            let elapsed_ms = (self.clock.tick() - began_ns) / 1_000_000;
            let kind = match (syncing, self.has_child()) {
                (true, _) => "aof-write-pending-fsync",
                (false, true) => "aof-write-active-child",
                (false, false) => "aof-write-alone",
            };
            self.latency_sample(kind, elapsed_ms);
            self.latency_sample("aof-write", elapsed_ms);
            match written {
                Ok(()) => self.aof_written(),
                Err(error) => {
                    self.aof_write_failed(&error);
                    return;
                }
            }
        }
        if self.aof.fault.is_some() {
            return self.take_back_acknowledgements();
        }
        if self.env.config.no_appendfsync_on_rewrite && self.has_child() {
            self.aof.unacknowledged.clear();
            return;
        }
        match policy {
            AppendFsync::Always if self.aof.has_unsynced() => self.sync_aof(),
            AppendFsync::Everysec
                if self.aof.has_unsynced()
                    && now_ms.saturating_sub(self.aof.last_sync_ms) >= 1000
                    && self.aof.syncer.pending() == 0 =>
            {
                self.aof.sync_in_background(now_ms);
            }
            _ => {}
        }
    }

    /// Syncs the log here and now; the replies that wait for it may leave.
    pub(super) fn sync_aof(&mut self) {
        let Some(file) = self.aof.file.clone() else { return };
        let began_ns = self.clock.tick();
        let synced = file.sync_data();
        let elapsed_ms = (self.clock.tick() - began_ns) / 1_000_000;
        self.latency_sample("aof-fsync-always", elapsed_ms);
        match synced {
            Ok(()) => {
                self.aof.asked = self.aof.written;
                self.aof.syncer.done(self.aof.written);
                self.aof.last_sync_ms = self.env.now_ms;
                self.aof.unacknowledged.clear();
            }
            Err(error) => self.aof_sync_failed(&error),
        }
    }

    /// The buffer has been written: if that had failed before, it is over.
    fn aof_written(&mut self) {
        self.aof.retry_at_ms = 0;
        if let Some(Fault::Write(_)) = self.aof.fault {
            log::warn!("AOF write error looks solved. The server can write again.");
            self.aof.fault = None;
            self.aof.complained_ms = 0;
            self.update_gate();
        }
    }

    fn aof_write_failed(&mut self, error: &io::Error) {
        let now_ms = self.env.now_ms;
        self.aof.retry_at_ms = now_ms + RETRY_INTERVAL_MS;
        if now_ms.saturating_sub(self.aof.complained_ms) > COMPLAINT_INTERVAL_MS {
            self.aof.complained_ms = now_ms;
            log::warn!("Error writing to the AOF file: {}", reason(error));
        }
        self.aof_faulty(Fault::Write(reason(error)));
    }

    /// A sync has failed.
    pub(super) fn aof_sync_failed(&mut self, error: &io::Error) {
        log::warn!(
            "Fail to fsync the AOF file: {}. Changes are refused until the log has been rewritten onto a fresh base.",
            reason(error)
        );
        self.aof_faulty(Fault::Sync(reason(error)));
    }

    fn aof_faulty(&mut self, fault: Fault) {
        // A file in doubt is the greater evil.
        if !matches!(self.aof.fault, Some(Fault::Sync(_))) {
            self.aof.fault = Some(fault);
        }
        self.update_gate();
        self.take_back_acknowledgements();
    }

    /// Exchanges the replies that stand for changes which are not safe for errors.
    fn take_back_acknowledgements(&mut self) {
        let unacknowledged = std::mem::take(&mut self.aof.unacknowledged);
        if self.env.config.appendfsync != AppendFsync::Always {
            return;
        }
        let Some(fault) = &self.aof.fault else { return };
        let error = format!("MISCONF Errors writing to the AOF file: {}. The change may be lost.", fault.reason());
        let mut seen = HashSet::new();
        for (id, mark) in unacknowledged {
            // What follows a client's first change of the turn is behind its mark.
            if !seen.insert(id) {
                continue;
            }
            let Some(client) = self.clients.get_mut(id) else { continue };
            let Some(replies) = client.reply.buf.get(mark..).map(<[u8]>::to_vec) else { continue };
            client.reply.buf.truncate(mark);
            let mut rest = &replies[..];
            while let Some(len) = skip::value(rest) {
                match rest[0] {
                    // Not a reply: a message that came in between.
                    b'>' => client.reply.buf.extend_from_slice(&rest[..len]),
                    _ => client.reply.error(error.as_bytes()),
                }
                rest = &rest[len..];
            }
            if !rest.is_empty() {
                client.flags |= ClientFlags::CLOSE_AFTER_REPLY;
            }
        }
    }

    /// The answer to a change while the log can't be written.
    pub fn aof_refusal(&self) -> Option<CmdError> {
        let fault = self.aof.fault.as_ref().filter(|_| self.aof.state == State::On)?;
        Some(CmdError::new(format!("MISCONF Errors writing to the AOF file: {}", fault.reason())))
    }

    /// What is due by the clock.
    pub fn look_after_aof(&mut self) {
        if let Some(error) = self.aof.syncer.take_error() {
            self.aof_sync_failed(&error);
        }
        self.flush_aof(false);
        self.rewrite_aof_if_due();
    }
}
