//! How the server comes to life: from the words of the command line to the loop, in upstream's order.
//!
//! 1. The configuration is read; what is wrong with it goes to the standard error.
//! 2. The log opens, the supervisor is found, the process goes into the background. From here on the log tells.
//! 3. Signals, limits, pid file, title; then the sockets.
//! 4. `Server initialized`; whatever needs the whole server; `Ready to accept connections`; the loop.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::commands;
use crate::config::values::Text;
use crate::config::{self, Config, LoadError, Sources};
use crate::dispatch::table::{CommandTable, Rename, TableError};
use crate::net::listener::Listener;
use crate::persist::rdb::check;
use crate::persist::rdb::load::How;
use crate::server::host::{self, Host, absolute};
use crate::server::listening::{self, Addresses};
use crate::server::log::{self as lines, Role};
use crate::server::syslog::Syslog;
use crate::server::{Server, banner, crash, loading, reconfigure};
use crate::sys::disk::Open;
use crate::sys::signals::{self, Signals};
use crate::sys::{locale, memory, process, title};
use crate::util::version;

/// The command table under these renames; it lives as long as the process.
///
/// # Errors
/// A rename that cannot be.
pub fn command_table(renames: &[Rename]) -> Result<&'static CommandTable, TableError> {
    Ok(Box::leak(Box::new(CommandTable::new(commands::FAMILIES, renames)?)))
}

/// What configuration text may ask of a starting server.
#[derive(Default)]
struct Starting {
    renames: Vec<Rename>,
}

impl config::Host for Starting {
    fn read(&mut self, path: &[u8]) -> io::Result<Vec<u8>> {
        config::host::read(path)
    }

    fn expand(&mut self, pattern: &[u8]) -> Vec<Text> {
        config::host::expand(pattern)
    }

    fn change_dir(&mut self, path: &[u8]) -> io::Result<Text> {
        config::host::change_dir(path)
    }

    fn rename_command(&mut self, old: &[u8], new: &[u8]) -> Result<(), String> {
        let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
        self.renames.push((text(old), text(new)));
        CommandTable::new(commands::FAMILIES, &self.renames).map(drop).map_err(|error| error.to_string())
    }

    fn user(&mut self, _words: &[&[u8]]) -> Result<(), String> {
        Err("this server has no ACL users".into())
    }
}

/// A start that has failed, and has been told of.
struct Failed;

/// Serves with this configuration; returns the status to exit with. The server is not taken apart: freeing a big keyspace piece by
/// piece takes longer than the end of the process.
pub fn serve(sources: &Sources) -> i32 {
    lines::start();
    match begin(sources) {
        Ok((server, signals)) => live(Box::leak(server), &signals),
        Err(Failed) => 1,
    }
}

/// The loop and the end.
fn live(server: &mut Server, signals: &Signals) -> i32 {
    crash::watch(server);
    if let Err(error) = server.serve_forever(signals) {
        log::warn!("The kernel's event queue has failed: {error}");
        return 1;
    }
    server.farewell();
    server.shutdown.exit.unwrap_or(0)
}

fn begin(sources: &Sources) -> Result<(Box<Server>, Signals), Failed> {
    let arguments = title::args();
    let program = arguments.first().cloned().unwrap_or_default();
    // While names are still relative to where the process was started.
    let executable = match Path::new(&program) {
        path if path.components().count() > 1 => absolute(path),
        path => std::env::current_exe().unwrap_or_else(|_| absolute(path)),
    };
    let config_file = sources.file.as_ref().map(|file| absolute(config::host::path(file)));
    let mut host = Starting::default();
    let mut config = load(sources, &mut host)?;
    open_log(&config)?;
    let surroundings = Host::new(&config, program.clone().into_vec());
    if config.daemonize && !surroundings.is_supervised() {
        tell(process::daemonize(), "Can't go on in the background")?;
    }
    banner::warn_of_overcommit();
    banner::starting(arguments.len() > 1, &program.to_string_lossy());
    lines::set_role(Role::Primary);
    if !locale::set_collation(&config.locale_collate) {
        log::warn!("Failed to configure LOCALE for invalid locale name.");
        return Err(Failed);
    }
    let signals = tell(signals::install(), "Can't handle signals")?;
    tell(crash::install(), "Can't handle faults")?;
    tell(reconfigure::apply_crash_reports(&config), "Can't handle faults")?;
    host::fit_maxclients(&mut config).map_err(|text| {
        log::warn!("{text}");
        Failed
    })?;
    let table = tell(command_table(&host.renames), "Can't rename commands")?;
    let poll = tell(mio::Poll::new(), "Can't make an event queue")?;
    let mut server = Box::new(Server::new(config, table));
    server.net.registry = Some(tell(poll.registry().try_clone(), "Can't make an event queue")?);
    server.net.poll = Some(poll);
    server.process.config_file = config_file.as_ref().map_or_else(String::new, |file| file.to_string_lossy().into_owned());
    server.process.arguments = arguments
        .iter()
        .enumerate()
        .map(|(i, argument)| match &config_file {
            // Found again when the process starts anew in another folder.
            Some(file) if i == 1 => file.clone().into_os_string(),
            _ => argument.clone(),
        })
        .collect::<Vec<OsString>>();
    server.process.executable = executable.to_string_lossy().into_owned();
    server.process.supervised = surroundings.supervisor_name();
    server.host = surroundings;
    log::info!("monotonic clock: {}", server.clock.source());
    server.write_pid_file();
    server.retitle();
    banner::greet(&server.env.config);
    banner::warn_of_backlog(server.env.config.tcp_backlog);
    open_sockets(&mut server)?;
    if server.env.config.jemalloc_bg_thread
        && let Err(error) = memory::set_background_threads(true)
    {
        log::warn!("Can't start the allocator's background thread: {error}");
    }
    reconfigure::apply_watchdog(&mut server.env.config);
    server.process.startup_memory_bytes = server.memory.meter.used() as u64;
    log::info!("Server initialized");
    server.settle_down();
    load_data(&mut server)?;
    if server.net.listeners.iter().any(|listener| matches!(listener, Listener::Tcp(_))) {
        log::info!("Ready to accept connections tcp");
    }
    if server.net.listeners.iter().any(|listener| listener.path().is_some()) {
        log::info!("Ready to accept connections unix");
    }
    server.host.ready();
    Ok((server, signals))
}

/// Loads what there is on the disk.
fn load_data(server: &mut Server) -> Result<(), Failed> {
    // Where the append only file ends is needed even if it is not loaded: it may be begun again.
    server.read_aof_manifest().map_err(|_| Failed)?;
    if server.env.config.appendonly {
        match server.load_log() {
            Ok(()) => {}
            // A server that was told to end goes through the loop's end.
            Err(loading::Failed::Ending) => return Ok(()),
            Err(_) => return Err(Failed),
        }
    } else {
        load_snapshot(server)?;
    }
    server.open_log().map_err(|_| Failed)
}

fn load_snapshot(server: &mut Server) -> Result<(), Failed> {
    match server.load_snapshot(How::default()) {
        // A server that was told to end goes through the loop's end.
        Ok(_) | Err(loading::Failed::Missing | loading::Failed::Ending) => Ok(()),
        Err(failed) => {
            let path = server.snapshot_path();
            if matches!(failed, loading::Failed::Damaged) {
                if let Ok(file) = server.disk.open(&path, Open::Read) {
                    let verdict = check::check(&path.display().to_string(), file);
                    log::warn!(target: lines::RAW, "{}", verdict.report.trim_end());
                }
                log::warn!("Terminating server after rdb file reading failure.");
            }
            log::warn!(
                "The snapshot {} can't be loaded. Look at it with redis-check-rdb; put a good copy in its place, or move it away to \
                 start without data.",
                path.display()
            );
            log::warn!("Fatal error loading the DB, check server logs. Exiting.");
            Err(Failed)
        }
    }
}

/// The value, or a line in the log.
fn tell<T, E: std::fmt::Display>(outcome: Result<T, E>, what: &str) -> Result<T, Failed> {
    outcome.map_err(|error| {
        log::warn!("{what}: {error}");
        Failed
    })
}

fn load(sources: &Sources, host: &mut Starting) -> Result<Config, Failed> {
    let mut stdin = Vec::new();
    if sources.stdin {
        tell(io::stdin().read_to_end(&mut stdin), "Can't read the configuration from the standard input")?;
    }
    let mut config = Config::default();
    if let Ok(dir) = std::env::current_dir() {
        config.dir = dir.into_os_string().into_vec();
    }
    let loaded = sources.gather(host, &stdin).and_then(|text| config::load(&mut config, &text, host));
    match loaded {
        Ok(()) => Ok(config),
        Err(error) => {
            let report = String::from_utf8_lossy(&error.report(version::REDIS)).into_owned();
            match error {
                LoadError::File { .. } => log::warn!("{}", report.trim()),
                LoadError::Line { .. } => eprint!("{report}"),
            }
            Err(Failed)
        }
    }
}

/// Lets the log go where, and be as chatty as, configured.
fn open_log(config: &Config) -> Result<(), Failed> {
    lines::set_level(config.loglevel);
    if config.syslog_enabled {
        let ident = String::from_utf8_lossy(&config.syslog_ident).into_owned();
        lines::to_syslog(Syslog::new(ident, config.syslog_facility));
    }
    if config.logfile.is_empty() {
        return Ok(());
    }
    lines::to_file(config::host::path(&config.logfile)).map_err(|error| {
        let reason = config::file::reason(&error);
        eprintln!("\n*** FATAL CONFIG FILE ERROR (Redis {}) ***\nCan't open the log file: {reason}", version::REDIS);
        Failed
    })
}

fn open_sockets(server: &mut Server) -> Result<(), Failed> {
    let config = &server.env.config;
    let addresses = Addresses::of(config);
    let mut listeners = addresses.listen(config).map_err(|_| {
        log::warn!("Failed listening on port {} (tcp), aborting.", config.port);
        Failed
    })?;
    listeners.extend(tell(listening::listen_unix(config), "Failed opening Unix socket")?);
    if listeners.is_empty() {
        log::warn!("Configured to not listen anywhere, exiting.");
        return Err(Failed);
    }
    server.net.listeners = listeners;
    server.net.addresses = addresses;
    tell(server.register_listeners(), "Can't watch the listening sockets")
}
