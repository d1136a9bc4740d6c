//! The end: by SHUTDOWN or by signal, in order.

use crate::server::Server;

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

    /// The last things before the process ends: files that only a running server has are removed.
    pub fn farewell(&mut self) {
        let config = &self.env.config;
        if let Some(path) = &config.pidfile {
            log::info!("Removing the pid file.");
            let _ = std::fs::remove_file(String::from_utf8_lossy(path).as_ref());
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
