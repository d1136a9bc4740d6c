//! What follows from CONFIG SET: the consequences that may fail and come before the new configuration is in force
//! ([`Server::carry_out`]), and those that come after ([`Server::reconfigured`]).

use crate::config::{self, Config, Hook};
use crate::net::ClientFlags;
use crate::server::{Server, host, log as lines};
use crate::sys::{crash, locale, memory};

impl Server {
    /// Carries out what has to succeed before `config` is in force. It may be called with the old configuration again, to undo.
    ///
    /// # Errors
    /// The reason the client is told; nothing of the change stays then.
    pub fn carry_out(&mut self, hook: Hook, config: &mut Config) -> Result<(), String> {
        match hook {
            Hook::Dir => config.dir = config::host::change_dir(&config.dir).map_err(|error| config::file::reason(&error))?,
            Hook::LogLevel => lines::set_level(config.loglevel),
            Hook::Port => self.listen_anew(config).map_err(|_| "Unable to listen on this port. Check server logs.")?,
            Hook::Bind => self.listen_anew(config).map_err(|_| "Failed to bind to specified addresses.")?,
            Hook::OomScoreAdj => self.host.adjust_oom_score(config)?,
            Hook::JemallocThread => {
                memory::set_background_threads(config.jemalloc_bg_thread).map_err(|error| error.to_string())?;
            }
            Hook::ActiveDefrag if config.activedefrag && !self.defrag.is_possible() => {
                return Err(
                    "Active defragmentation cannot be enabled: this allocator does not tell how full its pages are".into()
                );
            }
            Hook::MaxClients => {
                let mut fitted = config.clone();
                host::fit_maxclients(&mut fitted)?;
                if fitted.maxclients < config.maxclients {
                    return Err(format!(
                        "The operating system is not able to handle the specified number of clients, try with {}",
                        fitted.maxclients
                    ));
                }
            }
            Hook::AppendOnly => {
                self.switch_aof(config.appendonly).map_err(|_| "Unable to turn on AOF. Check server logs.")?;
            }
            Hook::Locale if !locale::set_collation(&config.locale_collate) => return Err("Invalid locale name".into()),
            Hook::CrashReports => apply_crash_reports(config)?,
            Hook::Watchdog => apply_watchdog(config),
            Hook::Nothing
            | Hook::Locale
            | Hook::ActiveDefrag
            | Hook::ProcTitle
            | Hook::MaxMemory
            | Hook::Eviction
            | Hook::MaxMemoryClients
            | Hook::Encodings
            | Hook::Hz
            | Hook::RequirePass
            | Hook::GoodReplicas
            | Hook::ReplBacklog
            | Hook::AppendFsync
            | Hook::AofHistory
            | Hook::ClusterAnnounce => {}
        }
        Ok(())
    }

    /// Does what follows from a configuration that is in force now; `hooks` are those of what has changed.
    pub fn reconfigured(&mut self, hooks: &[Hook]) {
        self.configured();
        let max_len = usize::try_from(self.env.config.slowlog_max_len).unwrap_or(usize::MAX);
        self.slowlog.trim(max_len);
        for hook in hooks {
            match hook {
                Hook::Port | Hook::Bind | Hook::ProcTitle => self.retitle(),
                Hook::RequirePass => self.password_changed(),
                Hook::MaxMemory => self.memory_limit_changed(),
                Hook::AofHistory => self.delete_aof_history(),
                Hook::Hz => self.cron.due_ns = self.clock.now_ns,
                _ => {}
            }
        }
    }

    /// Clients that are logged in stay so. Without a password everybody is.
    fn password_changed(&mut self) {
        if self.password().is_none() {
            for id in self.clients.ids() {
                if let Some(client) = self.clients.get_mut(id) {
                    client.flags |= ClientFlags::AUTHENTICATED;
                }
            }
        }
    }

    fn memory_limit_changed(&mut self) {
        let limit = self.env.config.maxmemory_bytes;
        let used = self.memory.meter.used().saturating_sub(self.memory_beyond_eviction());
        if limit == 0 || used as u64 <= limit {
            return;
        }
        log::warn!(
            "WARNING: the new maxmemory value set via CONFIG SET ({limit}) is smaller than the current memory usage ({used}). This will \
             result in key eviction and/or the inability to accept new write commands depending on the maxmemory-policy."
        );
        self.make_room();
    }
}

/// Turns crash reports on or off, and what they show.
///
/// # Errors
/// What the kernel says.
pub fn apply_crash_reports(config: &Config) -> Result<(), String> {
    crash::set_hide_user_data(config.hide_user_data_from_log);
    crash::set_enabled(config.crash_log_enabled).map_err(|error| config::file::reason(&error))
}

/// Raises the watchdog's period to two turns of the cron at least, and starts or stops the watchdog.
pub fn apply_watchdog(config: &mut Config) {
    if config.watchdog_period_ms > 0 {
        let least_ms = 2 * (1000 / config.hz.max(1));
        config.watchdog_period_ms = config.watchdog_period_ms.max(least_ms);
    }
    crash::arm_watchdog(config.watchdog_period_ms);
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn passwords_leave_those_who_are_in() {
        let mut session = Session::new();
        assert_eq!(session.run("config set requirepass secret"), "+OK\r\n");
        assert_eq!(session.run("ping"), "+PONG\r\n");
        let stranger = session.connect();
        assert_eq!(session.run_as(stranger, "ping"), "-NOAUTH Authentication required.\r\n");
        assert_eq!(session.run("config set requirepass ''"), "+OK\r\n");
        assert_eq!(session.run_as(stranger, "ping"), "+PONG\r\n");
    }

    #[test]
    fn all_or_nothing() {
        let mut session = Session::new();
        let reply = session.run("config set maxmemory 10000001 maxclients 4000000000 hz 50");
        assert!(
            reply.starts_with("-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not")
        );
        assert_eq!(session.run("config get maxmemory"), "*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n");
        assert_eq!(session.server.env.config.hz, 10);
        assert_eq!(
            session.run("config set locale-collate xx_YY"),
            "-ERR CONFIG SET failed (possibly related to argument 'locale-collate') - Invalid locale name\r\n"
        );
    }

    #[test]
    fn the_slow_log_shrinks_at_once() {
        let mut session = Session::new();
        session.run("config set slowlog-log-slower-than 0");
        for _ in 0..5 {
            session.run("ping");
        }
        assert!(session.server.slowlog.entries.len() >= 5);
        session.run("config set slowlog-max-len 2 slowlog-log-slower-than -1");
        assert_eq!(session.server.slowlog.entries.len(), 2);
    }
}
