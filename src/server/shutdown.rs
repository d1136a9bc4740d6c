//! The end: by SHUTDOWN or by signal, in order.

use crate::server::Server;
use crate::sys::signals::Signals;

/// Whether and how the server is to end.
#[derive(Default)]
pub struct Shutdown {
    /// The loop ends after this turn, with this exit status.
    pub exit: Option<i32>,
}

impl Server {
    /// Ends the process after this turn.
    pub fn shut_down(&mut self) {
        log::warn!("User requested shutdown...");
        self.shutdown.exit = Some(0);
    }

    /// A signal asks for the end.
    pub fn shut_down_by_signal(&mut self, _signals: &Signals) {
        self.shut_down();
    }

    /// The last things before the process ends: files that only a running server has are removed.
    pub fn farewell(&mut self) {
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
        log::warn!("Redis is now ready to exit, bye bye...");
    }
}
