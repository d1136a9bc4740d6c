//! The end: by SHUTDOWN or by signal, in order.
//!
//! What a shutdown has to do first (save, wait for replicas) may fail; then the server goes on, unless it was told to end
//! by force. Otherwise the loop ends after the turn, so that replies of that turn still leave.

use crate::config::values::ShutdownFlags;
use crate::persist::child::Purpose;
use crate::server::Server;
use crate::sys::signals::{self, Signals};

/// Whether and how the server is to end.
#[derive(Default)]
pub struct Shutdown {
    /// The loop ends after this turn, with this exit status.
    pub exit: Option<i32>,
    /// A signal has come in, and waits for the clock's work to go on.
    pub(super) signal_waits: bool,
}

/// Why the server does not end: the data could not be saved. The reason is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Errors trying to SHUTDOWN. Check logs.")]
pub struct CannotSave;

impl Server {
    /// Ends the process after this turn.
    ///
    /// # Errors
    /// When something that comes first fails and nothing forces the end.
    pub fn shut_down(&mut self, how: ShutdownFlags) -> Result<(), CannotSave> {
        log::info!("User requested shutdown...");
        self.prepare_aof_for_end(how.contains(ShutdownFlags::FORCE)).map_err(|_| CannotSave)?;
        let wants_saving = how.contains(ShutdownFlags::SAVE) || !self.env.config.save.is_empty();
        if self.has_child_for(Purpose::Rdb) {
            log::warn!("There is a child saving an .rdb. Killing it!");
            self.stop_child(Purpose::Rdb);
        }
        // What has been loaded so far is less than what is on the disk.
        if wants_saving && !how.contains(ShutdownFlags::NOSAVE) && self.loading.is_none() {
            log::info!("Saving the final RDB snapshot before exiting.");
            if self.save_now().is_err() {
                if !how.contains(ShutdownFlags::FORCE) {
                    log::warn!("Error trying to save the DB, can't exit.");
                    return Err(CannotSave);
                }
                log::warn!("Error trying to save the DB, exit anyway.");
            }
        }
        self.shutdown.exit = Some(0);
        Ok(())
    }

    /// Does what the signal that has come in asks for; not while the clock's work is at rest, so that it can be called off.
    pub fn take_signal(&mut self, signals: &Signals) {
        use nix::sys::signal::Signal;
        self.shutdown.signal_waits = self.cron.paused;
        if self.cron.paused {
            return;
        }
        let config = &self.env.config;
        let how = match signals.take() {
            None => return,
            Some(Signal::SIGINT) => config.shutdown_on_sigint,
            Some(_) => config.shutdown_on_sigterm,
        };
        if self.shut_down(how).is_err() {
            // The next signal asks anew.
            signals.forget();
        }
    }

    /// Whether a signal has come in that could not be taken before, and now can.
    pub fn signal_is_due(&self) -> bool {
        self.shutdown.signal_waits && !self.cron.paused
    }

    /// Calls off a shutdown that has been asked for and has not begun; `false` if there is none.
    pub fn call_off_shutdown(&mut self) -> bool {
        let called_off = signals::call_off();
        if called_off {
            log::warn!("Shutdown manually aborted.");
        }
        called_off
    }

    /// The last things before the process ends: files that only a running server has are removed.
    pub fn farewell(&mut self) {
        self.end_aof();
        if let Some(path) = self.pid_file() {
            log::info!("Removing the pid file.");
            let _ = std::fs::remove_file(path);
        }
        for listener in &self.net.listeners {
            if let Some(path) = listener.path() {
                log::info!("Removing the unix socket file.");
                let _ = std::fs::remove_file(path);
            }
        }
        // Who sees an old connection end finds no new one.
        self.net.listeners.clear();
        log::warn!("Redis is now ready to exit, bye bye...");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::testing::Session;

    #[test]
    fn what_cannot_be_saved_is_kept_alive() {
        let mut session = Session::new();
        let server = &mut session.server;
        server.env.config.dbfilename = b"/no/such/folder/dump.rdb".to_vec();
        assert_eq!(server.shut_down(ShutdownFlags::SAVE), Err(CannotSave));
        assert_eq!(server.shutdown.exit, None);
        assert_eq!(server.shut_down(ShutdownFlags::SAVE | ShutdownFlags::FORCE), Ok(()));
        assert_eq!(server.shutdown.exit, Some(0));
        let mut session = Session::new();
        assert_eq!(session.server.shut_down(ShutdownFlags::empty()), Ok(()));
        assert_eq!(session.server.shutdown.exit, Some(0));
    }
}
