//! Entry point: picks the tool by the name the binary was called with.

use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::process::ExitCode;

use redoubt::config::values::Text;
use redoubt::config::{self, Config, Host, Invocation, Sources};
use redoubt::dispatch::table::CommandTable;
use redoubt::server::{Server, boot, host, log};
use redoubt::sys::crash::Hooks;
use redoubt::util::version;

fn main() -> ExitCode {
    redoubt::sys::title::init();
    let args: Vec<Text> = redoubt::sys::title::args().into_iter().skip(1).map(OsStringExt::into_vec).collect();
    match config::parse_args(&args) {
        Ok(Invocation::Version) => {
            println!("{}", version::line("Redis server"));
            ExitCode::SUCCESS
        }
        Ok(Invocation::Help) => {
            eprint!("{}", config::USAGE);
            ExitCode::FAILURE
        }
        Ok(Invocation::Serve(sources)) => serve(&sources),
        Ok(_) => {
            eprintln!("This build has no system check and no memory test.");
            ExitCode::FAILURE
        }
        Err(text) => {
            eprint!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// What configuration text may ask of a starting server.
#[derive(Default)]
struct Starting {
    renames: Vec<(String, String)>,
}

impl Host for Starting {
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
        CommandTable::new(redoubt::commands::FAMILIES, &self.renames).map(drop).map_err(|error| error.to_string())
    }

    fn user(&mut self, _words: &[&[u8]]) -> Result<(), String> {
        Err("ACL users are not part of this build".into())
    }
}

fn serve(sources: &Sources) -> ExitCode {
    let mut stdin = Vec::new();
    if sources.stdin {
        let _ = io::stdin().read_to_end(&mut stdin);
    }
    let file = sources.file.as_ref().map(|file| PathBuf::from(std::ffi::OsStr::from_bytes(file)));
    let file = file.map(|file| std::path::absolute(&file).unwrap_or(file));
    let mut host = Starting::default();
    let mut config = Config::default();
    if let Ok(dir) = std::env::current_dir() {
        config.dir = dir.into_os_string().into_vec();
    }
    let loaded = sources.gather(&mut host, &stdin).and_then(|text| config::load(&mut config, &text, &mut host));
    if let Err(error) = loaded {
        eprint!("{}", String::from_utf8_lossy(&error.report(version::REDIS)));
        return ExitCode::FAILURE;
    }
    let logfile = Some(&config.logfile).filter(|file| !file.is_empty());
    log::start(logfile.map(|file| PathBuf::from(std::ffi::OsStr::from_bytes(file))), config.loglevel);
    match run(config, host, file) {
        Ok(status) => ExitCode::from(status as u8),
        Err(error) => {
            ::log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config, host: Starting, file: Option<PathBuf>) -> io::Result<i32> {
    ::log::info!("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo");
    ::log::info!(
        "Redis version={}, bits={}, commit={}, modified=0, pid={}, just started",
        version::REDIS,
        version::ARCH_BITS,
        version::GIT_SHA1,
        std::process::id()
    );
    boot::greet(&config);
    let table = boot::command_table(&host.renames).map_err(io::Error::other)?;
    let surroundings = host::Host::new(&config, called_as());
    if config.daemonize && !surroundings.is_supervised() {
        redoubt::sys::process::daemonize()?;
    }
    let signals = redoubt::sys::signals::install()?;
    redoubt::sys::crash::install_panic_hook();
    redoubt::sys::crash::install(Hooks { activity: || "", details: |_| {} })?;
    redoubt::sys::crash::set_enabled(config.crash_log_enabled)?;
    let poll = mio::Poll::new()?;
    let listeners = boot::listen(&config)?;
    let mut server = Server::new(config, table);
    server.host = surroundings;
    server.process.config_file = file.map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
    server.settle_down()?;
    ::log::info!("Server initialized");
    for listener in &listeners {
        ::log::info!("Ready to accept connections {}", if listener.path().is_some() { "unix" } else { "tcp" });
    }
    server.host.ready();
    server.serve_forever(poll, listeners, &signals)?;
    server.farewell();
    Ok(server.shutdown.exit.unwrap_or(0))
}

/// The name the binary was called by, as `ps` is to show it.
fn called_as() -> Text {
    redoubt::sys::title::args().into_iter().next().map(OsStringExt::into_vec).unwrap_or_default()
}
