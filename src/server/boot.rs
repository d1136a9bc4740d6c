//! How the server comes to life, and the loop it then lives in.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use crate::commands;
use crate::config::Config;
use crate::dispatch::table::{CommandTable, TableError};
use crate::net::listener::{self, Listener};
use crate::server::Server;
use crate::server::traffic::LISTENER_TOKENS;
use crate::server::turn::Turn;
use crate::sys::signals::Signals;

/// Woken by a background thread that has got on.
const WAKER: Token = Token(usize::MAX);

/// The token of signals.
const SIGNALS: Token = Token(usize::MAX - 1);

/// Events taken from the kernel in one go.
const EVENTS: usize = 1024;

/// Says who is starting, on which port: by a banner where somebody may be watching, else by a log line.
pub fn greet(config: &Config) {
    let watched = config.logfile.is_empty() && io::IsTerminal::is_terminal(&io::stdout());
    if !watched && !config.always_show_logo {
        log::info!("Running mode=standalone, port={}.", config.port);
        return;
    }
    log::info!(
        "\n
      _____
     |_| |_|     Redoubt {}, serving as Redis {}
     | |_| |
     |     |     Running in standalone mode
    /| [ ] |\\    Port: {}
   /_|_[_]_|_\\   PID: {}
",
        crate::util::version::REDOUBT,
        crate::util::version::REDIS,
        config.port,
        std::process::id()
    );
}

/// The command table under these renames; it lives as long as the process.
pub fn command_table(renames: &[(String, String)]) -> Result<&'static CommandTable, TableError> {
    Ok(Box::leak(Box::new(CommandTable::new(commands::FAMILIES, renames)?)))
}

/// Opens the listening sockets that the configuration asks for.
///
/// # Errors
/// The first address that must be there and is not, with the kernel's reason.
pub fn listen(config: &Config) -> io::Result<Vec<Listener>> {
    let mut listeners = listen_tcp(config)?;
    if let Some(path) = &config.unixsocket {
        let path = String::from_utf8_lossy(path).into_owned();
        listeners.push(Listener::unix(path.as_ref(), config.unixsocketperm, config.tcp_backlog as i32)?);
    }
    Ok(listeners)
}

/// Registers the listeners under their tokens.
pub fn register(listeners: &mut [Listener], registry: &Registry) -> io::Result<()> {
    for (i, listener) in listeners.iter_mut().enumerate() {
        listener.register(registry, Token(LISTENER_TOKENS + i))?;
    }
    Ok(())
}

/// As [`listen`], the TCP sockets only.
pub fn listen_tcp(config: &Config) -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    let backlog = config.tcp_backlog as i32;
    if config.port != 0 {
        for word in &config.bind {
            let word = String::from_utf8_lossy(word);
            let bind = listener::resolve(&word, config.port);
            let optional = word.starts_with('-');
            match bind.and_then(|bind| Listener::tcp(bind.address, backlog, config.socket_mark_id)) {
                Ok(listener) => listeners.push(listener),
                Err(error) => {
                    log::warn!("Warning: Could not create server TCP listening socket {word}:{}: {error}", config.port);
                    let absent = matches!(
                        error.raw_os_error(),
                        Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT | libc::ENOPROTOOPT)
                    );
                    if !(optional && absent) {
                        return Err(error);
                    }
                }
            }
        }
    }
    Ok(listeners)
}

impl Server {
    /// Serves until the end.
    ///
    /// # Errors
    /// When the kernel's event queue fails, which leaves nothing to go on with.
    pub fn serve_forever(&mut self, mut poll: Poll, listeners: Vec<Listener>, signals: &Signals) -> io::Result<()> {
        self.net.registry = Some(poll.registry().try_clone()?);
        self.net.listeners = listeners;
        register(&mut self.net.listeners, poll.registry())?;
        poll.registry().register(&mut SourceFd(&signals.as_raw_fd()), SIGNALS, Interest::READABLE)?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        self.env.reclaim.on_progress(Box::new(move || {
            let _ = waker.wake();
        }));
        let mut events = Events::with_capacity(EVENTS);
        let mut turn = Turn::default();
        while self.shutdown.exit.is_none() {
            match poll.poll(&mut events, Some(self.patience())) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            self.clock.tick();
            self.thaw_time();
            let began_ns = self.clock.now_ns;
            for listener in std::mem::take(&mut self.net.to_accept) {
                self.accept(listener);
            }
            for event in events.iter() {
                match event.token().0 {
                    _ if event.token() == WAKER => {}
                    _ if event.token() == SIGNALS => {
                        if signals.take().is_some() {
                            self.shut_down_by_signal(signals);
                        }
                    }
                    token if token >= LISTENER_TOKENS => self.accept(token - LISTENER_TOKENS),
                    slot => self.client_event(slot, event.is_readable(), event.is_writable()),
                }
            }
            let commands = self.stats.commands_processed;
            turn.run(self);
            self.after_commands(began_ns, commands);
        }
        Ok(())
    }

    /// The rest of a turn: what commands have caused, what is due by the clock, and the replies on their way.
    fn after_commands(&mut self, began_ns: u64, commands_before: u64) {
        self.serve_timeouts();
        self.serve_reclaimed();
        self.expire_keys();
        self.run_cron();
        if self.blocked.has_ready() {
            // The pause that held them back is over.
            self.serve_ready();
        }
        self.write_all();
        self.close_all();
        let elapsed_ns = self.clock.tick() - began_ns;
        // CONFIG RESETSTAT may have begun to count anew.
        let commands = self.stats.commands_processed.saturating_sub(commands_before);
        self.stats.turns += 1;
        self.stats.turns_ns += elapsed_ns;
        self.stats.turn_ns_max = self.stats.turn_ns_max.max(elapsed_ns);
        self.stats.turn_commands_max = self.stats.turn_commands_max.max(commands);
    }

    /// How long the loop may sleep.
    fn patience(&self) -> Duration {
        if !self.net.to_read.is_empty() || !self.net.to_accept.is_empty() || !self.net.to_write.is_empty() {
            return Duration::ZERO;
        }
        let cron = self.cron.due_ns.saturating_sub(self.clock.now_ns);
        let deadline = self.blocked.next_deadline_ms().map(|at| at.saturating_sub(self.env.now_ms) * 1_000_000);
        let next = [deadline, self.expiry_due_in_ns()].into_iter().flatten().fold(cron, u64::min);
        Duration::from_nanos(next)
    }
}
