//! The server's place on the machine: supervisor, descriptors, title, pid file, scores and processors.

use std::path::{Path, PathBuf};

use crate::config::special::texts::expand_title;
use crate::config::values::{OomScoreAdj, Supervised, Text};
use crate::config::{self, Config};
use crate::server::Server;
use crate::server::banner;
use crate::sys::process::{self, DescriptorLimit};
use crate::sys::supervise::{Mode, Supervisor};
use crate::sys::{memory, title};

/// The pid file of a daemon that names none.
const USUAL_PID_FILE: &str = "/var/run/redis.pid";

/// What the server has found and changed of its surroundings.
#[derive(Default)]
pub struct Host {
    /// The process's own `oom_score_adj`, while the server has changed it.
    oom_base: Option<i32>,
    supervisor: Option<Supervisor>,
    /// The first word of the process title: how the binary was called.
    called_as: Text,
}

/// `name` as text, for lists and lines.
fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

impl Host {
    /// Finds the supervisor that the configuration asks for, and says what comes of it.
    pub fn new(config: &Config, called_as: Text) -> Host {
        let (mode, missing) = match config.supervised {
            Supervised::No => return Host { called_as, ..Host::default() },
            Supervised::Auto => (Mode::Auto, None),
            Supervised::Systemd => (Mode::Systemd, Some("systemd supervision error: NOTIFY_SOCKET not found!")),
            Supervised::Upstart => (Mode::Upstart, Some("upstart supervision requested, but UPSTART_JOB not found!")),
        };
        let supervisor = Supervisor::find(mode);
        match (&supervisor, missing) {
            (Some(Supervisor::Systemd { .. }), _) => log::info!(
                "supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and TimeoutStopSec in your \
                 service unit."
            ),
            (Some(Supervisor::Upstart), _) => log::info!("supervised by upstart, will stop to signal readiness."),
            (None, Some(text)) => log::warn!("{text}"),
            (None, None) => {}
        }
        Host { supervisor, called_as, oom_base: None }
    }

    /// Whether somebody supervises the process, who would be confused by a daemon.
    pub fn is_supervised(&self) -> bool {
        self.supervisor.is_some()
    }

    /// The supervisor as INFO names it.
    pub fn supervisor_name(&self) -> &'static str {
        match self.supervisor {
            None => "no",
            Some(Supervisor::Systemd { .. }) => "systemd",
            Some(Supervisor::Upstart) => "upstart",
        }
    }

    /// Tells the supervisor that clients are served.
    pub fn ready(&self) {
        if let Some(supervisor) = &self.supervisor
            && let Err(error) = supervisor.ready()
        {
            log::warn!("Can't tell the supervisor that the server is ready: {error}");
        }
    }

    /// Writes the process's `oom_score_adj` as the configuration has it for a primary, or puts back what it was.
    ///
    /// # Errors
    /// What a client is told whose CONFIG SET asked for it; the reason is in the log.
    pub fn adjust_oom_score(&mut self, config: &Config) -> Result<(), String> {
        self.adjust_oom_score_as(config, config.oom_score_adj_values[0])
    }

    /// The same in a forked child, which is to go first when memory runs out.
    ///
    /// # Errors
    /// As [`adjust_oom_score`](Self::adjust_oom_score).
    pub fn adjust_oom_score_of_child(&mut self, config: &Config) -> Result<(), String> {
        self.adjust_oom_score_as(config, config.oom_score_adj_values[2])
    }

    fn adjust_oom_score_as(&mut self, config: &Config, wanted: i32) -> Result<(), String> {
        let base = match (config.oom_score_adj, self.oom_base) {
            (OomScoreAdj::No, None) => return Ok(()),
            (_, Some(base)) => Ok(base),
            (_, None) => process::oom_score_adjustment(),
        };
        let written = base.and_then(|base| {
            let score = match config.oom_score_adj {
                OomScoreAdj::No => base,
                OomScoreAdj::Relative => base + wanted,
                OomScoreAdj::Absolute => wanted,
            };
            process::set_oom_score_adjustment(score.clamp(-1000, 1000)).map(|()| base)
        });
        match written {
            Ok(base) => {
                self.oom_base = (config.oom_score_adj != OomScoreAdj::No).then_some(base);
                Ok(())
            }
            Err(error) => {
                log::warn!("Unable to write oom_score_adj: {}", config::file::reason(&error));
                Err("Failed to set current oom_score_adj. Check server logs.".into())
            }
        }
    }
}

/// Raises the descriptor limit for `maxclients`, or lowers `maxclients` to what the limit allows.
///
/// # Errors
/// Not even one client fits; the text says what would.
pub fn fit_maxclients(config: &mut Config) -> Result<(), String> {
    let fits = match process::raise_descriptor_limit(u64::from(config.maxclients)) {
        DescriptorLimit::Enough => return Ok(()),
        DescriptorLimit::Raised { from, to } => {
            log::info!("Increased maximum number of open files to {to} (it was originally set to {from}).");
            return Ok(());
        }
        DescriptorLimit::Short { limit, max_clients: 0, .. } => {
            return Err(format!(
                "Your current 'ulimit -n' of {limit} is not enough for the server to start. Please increase your open file limit to \
                 at least {}. Exiting.",
                process::RESERVED_DESCRIPTORS + 1
            ));
        }
        DescriptorLimit::Short { wanted, limit, max_clients, error } => {
            log::warn!("You requested maxclients of {} requiring at least {wanted} max file descriptors.", config.maxclients);
            let reason = config::file::reason(&error);
            log::warn!("Server can't set maximum open files to {wanted} because of OS error: {reason}.");
            log::warn!(
                "Current maximum open files is {limit}. maxclients has been reduced to {max_clients} to compensate for low ulimit. \
                 If you need higher maxclients increase 'ulimit -n'."
            );
            max_clients
        }
        DescriptorLimit::Unknown { max_clients, error } => {
            let reason = config::file::reason(&error);
            log::warn!(
                "Unable to obtain the current NOFILE limit ({reason}), assuming 1024 and setting the max clients configuration \
                 accordingly."
            );
            max_clients
        }
    };
    config.maxclients = u32::try_from(fits).unwrap_or(u32::MAX);
    Ok(())
}

impl Server {
    /// Path of the pid file: the one configured, or the usual one of a daemon.
    pub fn pid_file(&self) -> Option<PathBuf> {
        let config = &self.env.config;
        match &config.pidfile {
            Some(path) if !path.is_empty() => Some(config::host::path(path).to_path_buf()),
            _ if config.daemonize && !self.host.is_supervised() => Some(USUAL_PID_FILE.into()),
            _ => None,
        }
    }

    /// Writes the pid file; a server without one is still a server.
    pub fn write_pid_file(&self) {
        if let Some(path) = self.pid_file()
            && let Err(error) = process::write_pid_file(&path)
        {
            log::info!("Failed to write PID file: {}", config::file::reason(&error));
        }
    }

    /// Takes the memory, processors and standing that the configuration asks for. What cannot be had is told, and done without.
    pub fn settle_down(&mut self) {
        let config = &self.env.config;
        let disabled = config.disable_thp.then(memory::disable_huge_pages);
        if let Some(Err(error)) = &disabled {
            log::warn!("Failed to disable transparent huge pages for this process: {}", config::file::reason(error));
        }
        if !matches!(disabled, Some(Ok(()))) {
            banner::warn_of_huge_pages();
        }
        if let Some(list) = config.server_cpulist.as_ref().filter(|list| !list.is_empty())
            && let Err(error) = process::set_affinity(&text(list))
        {
            log::warn!("Can't bind to the processors of server-cpulist: {}", config::file::reason(&error));
        }
        // The reason is in the log, and the server is better off with an ordinary score than not running.
        let _ = self.host.adjust_oom_score(config);
    }

    /// Shows the process under the title that the template gives.
    pub fn retitle(&self) {
        self.retitle_as(&self.host.called_as);
    }

    /// The same with another first word.
    pub fn retitle_as(&self, name: &[u8]) {
        let config = &self.env.config;
        if !config.set_proc_title {
            return;
        }
        let unix = config.unixsocket.clone().unwrap_or_default();
        let listen = if config.port == 0 {
            unix.clone()
        } else {
            let address = config.bind.first().map_or("*".into(), |word| text(word).trim_start_matches('-').to_string());
            format!("{address}:{}", config.port).into_bytes()
        };
        let expanded = expand_title(&config.proc_title_template, &|variable| match variable {
            b"title" => Some(name.to_vec()),
            b"listen-addr" => Some(listen.clone()),
            b"server-mode" => Some(Text::new()),
            b"port" => Some(config.port.to_string().into_bytes()),
            b"tls-port" => Some(config.tls_port.to_string().into_bytes()),
            b"unixsocket" => Some(unix.clone()),
            b"config-file" => Some(self.process.config_file.clone().into_bytes()),
            _ => None,
        });
        if let Some(expanded) = expanded {
            title::set(&text(&expanded));
        }
    }
}

/// `path` as it is to be shown and found again, whatever the folder will be.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}
