//! When snapshots are taken, and what came of them: SAVE, BGSAVE, the save points, the end of the server.
//!
//! A failed snapshot costs nothing but itself: the file of the last good one stays. While the last background snapshot has failed,
//! commands that write are refused, if so configured.

use std::path::PathBuf;

use crate::config;
use crate::dispatch::CmdError;
use crate::persist::child::{Child, Outcome, Purpose};
use crate::persist::rdb::save::{self, SaveError, Use};
use crate::server::Server;
use crate::sys::signals;

/// After a failure the save points wait so long before they try again, in seconds.
const RETRY_DELAY_S: u64 = 5;

/// What is known of snapshots.
pub struct Snapshots {
    /// Snapshots begun, by whatever way.
    pub saves: u64,
    /// When the last good one was made, or the server started; unix time.
    pub last_save_s: u64,
    /// When one was last begun in the background, or 0.
    last_try_s: u64,
    /// Whether the last one in the background succeeded.
    pub last_ok: bool,
    /// How long it took.
    pub last_duration_s: Option<u64>,
    pub last_cow_bytes: u64,
    /// BGSAVE SCHEDULE has asked for one as soon as there is no other child.
    pub scheduled: bool,
    /// Changes that the one under way knows of.
    dirty_before: u64,
    /// Keys that the last load found, and those it left out because they had expired.
    pub keys_loaded: u64,
    pub keys_expired: u64,
}

impl Snapshots {
    /// Nothing saved since the start.
    pub fn new(start_time_s: u64) -> Snapshots {
        Snapshots {
            saves: 0,
            last_save_s: start_time_s,
            last_try_s: 0,
            last_ok: true,
            last_duration_s: None,
            last_cow_bytes: 0,
            scheduled: false,
            dirty_before: 0,
            keys_loaded: 0,
            keys_expired: 0,
        }
    }
}

impl Server {
    /// The snapshot's file, in the server's folder.
    pub fn snapshot_path(&self) -> PathBuf {
        config::host::path(&self.env.config.dbfilename).to_path_buf()
    }

    /// Takes a snapshot here and now.
    ///
    /// # Errors
    /// What could not be done; it is in the log.
    pub fn save_now(&mut self) -> Result<(), SaveError> {
        self.snapshots.saves += 1;
        let mut report = crate::persist::child::Report::to_nobody();
        signals::set_temporary_file(Some(&save::temp_path(std::process::id())));
        let saved = save::to_file(self, &self.snapshot_path(), Use::File, &mut report);
        signals::set_temporary_file(None);
        if let Err(error) = &saved {
            log::warn!("{error}");
            return saved;
        }
        log::info!("DB saved on disk");
        self.env.fx.dirty = 0;
        self.snapshots.last_save_s = self.env.now_ms / 1000;
        self.snapshots.last_ok = true;
        self.update_gate();
        Ok(())
    }

    /// Begins a snapshot in a child; `false` if there can be none now. The reason is in the log.
    pub fn save_in_background(&mut self) -> bool {
        if self.has_child() {
            return false;
        }
        let now_s = self.env.now_ms / 1000;
        self.snapshots.saves += 1;
        self.snapshots.last_try_s = now_s;
        self.snapshots.dirty_before = self.env.fx.dirty;
        let started = self.start_child(Purpose::Rdb, |server, report| {
            match save::to_file(server, &server.snapshot_path(), Use::File, report) {
                Ok(()) => {
                    log::info!("DB saved on disk");
                    true
                }
                Err(error) => {
                    log::warn!("{error}");
                    false
                }
            }
        });
        match started {
            Ok(pid) => {
                log::info!("Background saving started by pid {pid}");
                true
            }
            Err(error) => {
                log::warn!("Can't save in background: fork: {}", config::file::reason(&error));
                self.snapshots.last_ok = false;
                self.update_gate();
                false
            }
        }
    }

    /// The child of a background snapshot has ended.
    pub(super) fn background_save_ended(&mut self, child: &Child, outcome: Outcome) {
        let snapshots = &mut self.snapshots;
        match outcome {
            Outcome::Success => {
                log::info!("Background saving terminated with success");
                self.env.fx.dirty = self.env.fx.dirty.saturating_sub(snapshots.dirty_before);
                snapshots.last_save_s = self.env.now_ms / 1000;
                snapshots.last_ok = true;
            }
            Outcome::Failure => {
                log::warn!("Background saving error");
                snapshots.last_ok = false;
            }
            Outcome::Killed { signal } => {
                log::warn!("Background saving terminated by signal {signal}");
                let _ = self.disk.unlink(&save::temp_path(child.pid.unsigned_abs()));
                if outcome != Outcome::STOPPED {
                    snapshots.last_ok = false;
                }
            }
        }
        snapshots.last_duration_s = Some(self.env.now_ms.saturating_sub(child.started_ms) / 1000);
        if child.reported_end {
            snapshots.last_cow_bytes = child.progress.cow_peak_bytes;
        }
        self.update_gate();
    }

    /// Takes a snapshot if a save point is due or one was asked for; called every tick.
    pub fn save_if_due(&mut self) {
        if self.has_child() || self.loading.is_some() {
            return;
        }
        let now_s = self.env.now_ms / 1000;
        let snapshots = &self.snapshots;
        if !snapshots.last_ok && now_s <= snapshots.last_try_s + RETRY_DELAY_S {
            return;
        }
        let (dirty, age_s) = (self.env.fx.dirty, now_s.saturating_sub(snapshots.last_save_s));
        let due = self.env.config.save.iter().find(|point| dirty >= u64::from(point.changes) && age_s > point.seconds);
        if let Some(point) = due {
            log::info!("{} changes in {} seconds. Saving...", point.changes, point.seconds);
            self.save_in_background();
        } else if snapshots.scheduled && self.save_in_background() {
            self.snapshots.scheduled = false;
        }
    }

    /// Why commands that write are refused now, if they are: what they change could not be kept.
    pub fn disk_error(&self) -> Option<CmdError> {
        let config = &self.env.config;
        if config.stop_writes_on_bgsave_error && !config.save.is_empty() && !self.snapshots.last_ok {
            return Some(CmdError::text(
                "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may \
                 modify the data set are disabled, because this instance is configured to report errors during writes if RDB \
                 snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB \
                 error.",
            ));
        }
        self.aof_refusal()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;
    use crate::config::values::{Allow, SavePoint};
    use crate::persist::rdb::load::How;
    use crate::server::loading::Failed;
    use crate::server::testing::Session;
    use crate::sys::disk::sim::{Crash, Fault, SimDisk};

    /// A server on this disk, with the snapshot there is.
    fn start(disk: &Arc<SimDisk>) -> Session {
        let config = Config { enable_debug_command: Allow::Yes, save: Vec::new(), ..Config::default() };
        let mut session = Session::with(config);
        session.server.disk = disk.clone();
        match session.server.load_snapshot(How::default()) {
            Ok(_) | Err(Failed::Missing) => session,
            Err(error) => panic!("what is on the disk can't be loaded: {error}"),
        }
    }

    fn fill(session: &mut Session, keys: usize) {
        for i in 0..keys {
            session.run(&format!("SET key:{i} value:{i}"));
            session.run(&format!("ZADD zset {i} member:{i}"));
        }
    }

    /// How many changing calls a second snapshot takes.
    fn calls_of_a_save() -> u64 {
        let disk = SimDisk::new();
        let mut session = start(&disk);
        fill(&mut session, 10);
        session.server.save_now().unwrap();
        let before = disk.calls();
        session.server.save_now().unwrap();
        disk.calls() - before
    }

    #[test]
    fn at_every_call_and_after_every_crash_there_is_the_old_file_or_the_new_one() {
        let calls = calls_of_a_save();
        assert!(calls >= 4, "open, write, sync, rename, sync of the folder: {calls}");
        for at in 0..calls {
            for (n, how) in
                [Crash::Kill, Crash::PowerLoss, Crash::Torn { seed: at }, Crash::Torn { seed: at + 77 }].into_iter().enumerate()
            {
                let disk = SimDisk::new();
                let mut session = start(&disk);
                fill(&mut session, 10);
                session.server.save_now().unwrap();
                let old = session.run("DEBUG DIGEST");
                fill(&mut session, 40);
                let new = session.run("DEBUG DIGEST");
                let fault =
                    Fault { after: disk.calls() + at, times: u64::MAX / 2, kind: io::ErrorKind::StorageFull, partly: n % 2 == 0 };
                disk.fail_at(Some(fault));
                assert!(session.server.save_now().is_err(), "call {at}");
                disk.crash(how);
                let mut again = start(&disk);
                let found = again.run("DEBUG DIGEST");
                assert!(found == old || found == new, "call {at}, {how:?}");
                // What is left of it does not stand in the way of the next.
                fill(&mut again, 5);
                again.server.save_now().unwrap();
            }
        }
    }

    #[test]
    fn an_acknowledged_snapshot_survives() {
        for how in [Crash::Kill, Crash::PowerLoss, Crash::Torn { seed: 3 }] {
            let disk = SimDisk::new();
            let mut session = start(&disk);
            fill(&mut session, 100);
            session.server.save_now().unwrap();
            let digest = session.run("DEBUG DIGEST");
            disk.crash(how);
            assert_eq!(start(&disk).run("DEBUG DIGEST"), digest, "{how:?}");
            assert_eq!(disk.files().len(), 1);
        }
    }

    #[test]
    fn changes_and_points_are_counted() {
        let disk = SimDisk::new();
        let mut session = start(&disk);
        session.run("SET a 1");
        session.run("SET b 2");
        assert_eq!(session.server.env.fx.dirty, 2);
        assert_eq!(session.run("SAVE"), "+OK\r\n");
        assert_eq!((session.server.env.fx.dirty, session.server.snapshots.saves), (0, 1));
        session.server.env.config.save = vec![SavePoint { seconds: 10, changes: 1 }];
        session.server.save_if_due();
        assert!(!session.server.has_child());
        session.run("SET a 2");
        // So long that it does not end by itself.
        session.server.env.config.rdb_key_save_delay_us = 60_000_000;
        session.advance_ms(11_000);
        session.server.save_if_due();
        assert!(session.server.has_child_for(Purpose::Rdb));
        assert!(session.run("SAVE").starts_with("-ERR Background save already in progress"));
        assert!(session.run("BGSAVE SCHEDULE").starts_with("-ERR Background save already in progress"));
        session.server.stop_child(Purpose::Rdb);
        assert_eq!((session.server.env.fx.dirty, session.server.snapshots.last_ok), (1, true));
    }

    #[test]
    fn a_failed_snapshot_stops_writes_until_one_succeeds() {
        let mut session = start(&SimDisk::new());
        session.server.env.config.save = vec![SavePoint { seconds: 900, changes: 1 }];
        session.server.snapshots.last_ok = false;
        session.server.update_gate();
        assert!(session.run("SET a 1").starts_with("-MISCONF Redis is configured to save RDB snapshots"));
        assert!(session.run("PING").starts_with("-MISCONF"));
        assert_eq!(session.run("GET a"), "$-1\r\n");
        session.run("MULTI");
        assert!(session.run("SET a 1").starts_with("-MISCONF"));
        assert!(session.run("EXEC").starts_with("-EXECABORT"));
        session.run("CONFIG SET stop-writes-on-bgsave-error no");
        assert_eq!(session.run("SET a 1"), "+OK\r\n");
        session.run("CONFIG SET stop-writes-on-bgsave-error yes");
        assert_eq!(session.run("SAVE"), "+OK\r\n");
        assert_eq!(session.run("SET a 2"), "+OK\r\n");
    }
}
