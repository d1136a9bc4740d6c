//! The server's place on the machine: descriptors, title, pid file, scores and processors; and what of it changes at run time.

use std::io;
use std::path::Path;

use crate::config::values::{OomScoreAdj, Supervised, Text};
use crate::config::{self, Config, Hook};
use crate::server::{Server, boot};
use crate::sys::process::{self, DescriptorLimit};
use crate::sys::supervise::{Mode, Supervisor};
use crate::sys::{memory, title};

/// What the server has found and changed of its surroundings.
#[derive(Default)]
pub struct Host {
    /// The process's own `oom_score_adj`, before the server changed it.
    oom_base: Option<i32>,
    supervisor: Option<Supervisor>,
    /// The first word of the process title: how the binary was called.
    called_as: Text,
}

/// `name` as text, for paths and lists.
fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

impl Host {
    /// Finds the supervisor that the configuration asks for.
    pub fn new(config: &Config, called_as: Text) -> Host {
        let mode = match config.supervised {
            Supervised::No => None,
            Supervised::Auto => Some(Mode::Auto),
            Supervised::Systemd => Some(Mode::Systemd),
            Supervised::Upstart => Some(Mode::Upstart),
        };
        Host { oom_base: None, supervisor: mode.and_then(Supervisor::find), called_as }
    }

    /// Whether somebody supervises the process, who would be confused by a daemon.
    pub fn is_supervised(&self) -> bool {
        self.supervisor.is_some()
    }

    /// Tells the supervisor that clients are served.
    pub fn ready(&self) {
        if let Some(supervisor) = &self.supervisor
            && let Err(error) = supervisor.ready()
        {
            log::warn!("Can't tell the supervisor that the server is ready: {error}");
        }
    }

    /// Writes the process's `oom_score_adj` as the configuration has it for a primary.
    fn adjust_oom_score(&mut self, config: &Config) -> Result<(), String> {
        const FAILED: &str = "Failed to set current oom_score_adj. Check server logs.";
        let wanted = config.oom_score_adj_values[0];
        let score = match (config.oom_score_adj, self.oom_base) {
            (OomScoreAdj::No, None) => return Ok(()),
            (OomScoreAdj::No, Some(base)) => {
                self.oom_base = None;
                base
            }
            (mode, base) => {
                let base = match base {
                    Some(base) => base,
                    None => process::oom_score_adjustment().map_err(|_| FAILED.to_string())?,
                };
                self.oom_base = Some(base);
                let score = if mode == OomScoreAdj::Relative { base + wanted } else { wanted };
                score.clamp(-1000, 1000)
            }
        };
        process::set_oom_score_adjustment(score).map_err(|error| {
            log::warn!("Unable to write oom_score_adj: {error}");
            FAILED.to_string()
        })
    }
}

/// Raises the descriptor limit for `maxclients`, or lowers `maxclients` to what the limit allows, as upstream does.
fn fit_maxclients(config: &mut Config) -> io::Result<()> {
    match process::raise_descriptor_limit(u64::from(config.maxclients)) {
        DescriptorLimit::Enough => {}
        DescriptorLimit::Raised { from, to } => {
            log::info!("Increased maximum number of open files to {to} (it was originally set to {from}).");
        }
        DescriptorLimit::Short { wanted, limit, max_clients: 0, .. } => {
            return Err(io::Error::other(format!(
                "Your current 'ulimit -n' of {limit} is not enough for the server to start. Please increase your open file \
                 limit to at least {wanted}. Exiting."
            )));
        }
        DescriptorLimit::Short { wanted, limit, max_clients, error } => {
            log::warn!("You requested maxclients of {} requiring at least {wanted} max file descriptors.", config.maxclients);
            log::warn!("Server can't set maximum open files to {wanted} because of OS error: {error}.");
            log::warn!(
                "Current maximum open files is {limit}. maxclients has been reduced to {max_clients} to compensate for low ulimit. \
                 If you need higher maxclients increase 'ulimit -n'."
            );
            config.maxclients = u32::try_from(max_clients).unwrap_or(u32::MAX);
        }
        DescriptorLimit::Unknown { max_clients, error } => {
            log::warn!("Unable to obtain the current NOFILE limit ({error}), assuming 1024 and setting the max clients accordingly.");
            config.maxclients = u32::try_from(max_clients).unwrap_or(u32::MAX);
        }
    }
    Ok(())
}

impl Server {
    /// Settles down on the machine as the configuration says.
    ///
    /// # Errors
    /// When not even one client could be served.
    pub fn settle_down(&mut self) -> io::Result<()> {
        fit_maxclients(&mut self.env.config)?;
        self.warn_of_backlog();
        if let Err(text) = self.host.adjust_oom_score(&self.env.config) {
            log::warn!("{text}");
        }
        let config = &self.env.config;
        if config.disable_thp
            && let Err(error) = memory::disable_huge_pages()
        {
            log::warn!("Can't disable transparent huge pages: {error}");
        }
        if let Some(list) = &config.server_cpulist
            && let Err(error) = process::set_affinity(&text(list))
        {
            log::warn!("Can't bind to the processors of server-cpulist: {error}");
        }
        if config.jemalloc_bg_thread
            && let Err(error) = memory::set_background_threads(true)
        {
            log::warn!("Can't start jemalloc's background thread: {error}");
        }
        if let Some(path) = self.pid_file()
            && let Err(error) = process::write_pid_file(Path::new(&path))
        {
            log::warn!("Failed to write PID file: {error}");
        }
        self.retitle();
        Ok(())
    }

    /// Path of the pid file: the one configured, or the usual one of a daemon.
    pub fn pid_file(&self) -> Option<String> {
        let config = &self.env.config;
        match &config.pidfile {
            Some(path) if !path.is_empty() => Some(text(path)),
            _ if config.daemonize => Some("/var/run/redis.pid".into()),
            _ => None,
        }
    }

    fn warn_of_backlog(&self) {
        let limit = std::fs::read_to_string("/proc/sys/net/core/somaxconn").ok().and_then(|text| text.trim().parse::<u32>().ok());
        let wanted = self.env.config.tcp_backlog;
        if let Some(limit) = limit.filter(|limit| *limit > 0 && *limit < wanted) {
            log::warn!(
                "WARNING: The TCP backlog setting of {wanted} cannot be enforced because /proc/sys/net/core/somaxconn is set to the \
                 lower value of {limit}."
            );
        }
    }

    /// Shows the process under the title that the template gives.
    pub fn retitle(&self) {
        let config = &self.env.config;
        if !config.set_proc_title {
            return;
        }
        let address = config.bind.first().map_or("*".into(), |word| text(word).trim_start_matches('-').to_string());
        let port = config.port.to_string();
        let listen = if config.port != 0 {
            format!("{address}:{port}")
        } else {
            config.unixsocket.as_ref().map_or(String::new(), |path| text(path))
        };
        let expanded = config::special::texts::expand_title(&config.proc_title_template, &|name| match name {
            b"title" => Some(self.host.called_as.clone()),
            b"listen-addr" => Some(listen.clone().into_bytes()),
            b"server-mode" => Some(Text::new()),
            b"port" => Some(port.clone().into_bytes()),
            b"tls-port" => Some(b"0".to_vec()),
            b"unixsocket" => Some(config.unixsocket.clone().unwrap_or_default()),
            b"config-file" => Some(self.process.config_file.clone().into_bytes()),
            _ => None,
        });
        if let Some(expanded) = expanded {
            title::set(&text(&expanded));
        }
    }

    /// Carries out what follows from a parameter that CONFIG SET changes; `config` is the configuration to be.
    ///
    /// # Errors
    /// The reason the client is told; nothing of the change stays then.
    pub fn carry_out(&mut self, hook: Hook, config: &mut Config) -> Result<(), String> {
        match hook {
            Hook::Dir => config.dir = config::host::change_dir(&config.dir).map_err(|error| config::file::reason(&error))?,
            Hook::LogLevel => crate::server::log::set_level(config.loglevel),
            Hook::Port => self.listen_anew(config).map_err(|_| "Unable to listen on this port. Check server logs.".to_string())?,
            Hook::Bind => self.listen_anew(config).map_err(|_| "Failed to bind to specified addresses.".to_string())?,
            Hook::OomScoreAdj => self.host.adjust_oom_score(config)?,
            Hook::JemallocThread => {
                memory::set_background_threads(config.jemalloc_bg_thread).map_err(|error| error.to_string())?;
            }
            Hook::MaxClients => {
                let wanted = config.maxclients;
                let mut tried = config.clone();
                fit_maxclients(&mut tried).map_err(|error| error.to_string())?;
                if tried.maxclients < wanted {
                    let fits = tried.maxclients;
                    return Err(format!(
                        "The operating system is not able to handle the specified number of clients, try with {fits}"
                    ));
                }
            }
            Hook::ProcTitle
            | Hook::Nothing
            | Hook::MaxMemory
            | Hook::Eviction
            | Hook::MaxMemoryClients
            | Hook::Encodings
            | Hook::Hz
            | Hook::RequirePass
            | Hook::Locale
            | Hook::GoodReplicas
            | Hook::ReplBacklog
            | Hook::AppendFsync
            | Hook::ClusterAnnounce => {}
        }
        Ok(())
    }

    /// Listens as `config` says, and no longer as before; if that fails nothing changes.
    fn listen_anew(&mut self, config: &Config) -> io::Result<()> {
        let Some(registry) = self.net.registry.as_ref().map(|registry| registry.try_clone()) else { return Ok(()) };
        let registry = registry?;
        // The unix socket stays; TCP sockets of the old addresses close first, for the new ones may need their port.
        let mut old = std::mem::take(&mut self.net.listeners);
        let unix = old.iter().position(|listener| listener.path().is_some()).map(|at| old.remove(at));
        for listener in &mut old {
            listener.deregister(&registry)?;
        }
        drop(old);
        let opened = boot::listen_tcp(config);
        let failed = opened.as_ref().err().map(|error| error.to_string());
        let mut listeners = match opened {
            Ok(listeners) => listeners,
            Err(_) => boot::listen_tcp(&self.env.config)?,
        };
        listeners.extend(unix);
        self.net.listeners = listeners;
        boot::register(&mut self.net.listeners, &registry)?;
        failed.map_or(Ok(()), |text| Err(io::Error::other(text)))
    }
}
