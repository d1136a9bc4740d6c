//! The sockets the server listens on: opened at the start, exchanged when `port` or `bind` change.
//!
//! TCP sockets come first in the list, then the unix socket; a listener's place in it is its token. What always holds:
//! after an exchange that failed the server listens where it did before, as far as the kernel still lets it.

use mio::{Registry, Token};

use crate::config::Config;
use crate::config::values::Text;
use crate::net::listener::{self, Listener, ListenError};
use crate::server::Server;
use crate::server::traffic::LISTENER_TOKENS;

/// Where the TCP sockets listen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    port: u16,
    bind: Vec<Text>,
}

impl Addresses {
    /// As configured.
    pub fn of(config: &Config) -> Addresses {
        Addresses { port: config.port, bind: config.bind.clone() }
    }

    /// Opens a socket on each address that can be had; addresses that may be unavailable are left out with a warning.
    ///
    /// # Errors
    /// The first address that has to be there and is not. It has been logged.
    pub fn listen(&self, config: &Config) -> Result<Vec<Listener>, ListenError> {
        let mut listeners = Vec::new();
        let words = if self.port == 0 { &[] } else { self.bind.as_slice() };
        for word in words {
            let word = String::from_utf8_lossy(word);
            let opened = listener::resolve(&word, self.port)
                .and_then(|bind| Listener::tcp(bind.address, config.tcp_backlog as i32, config.socket_mark_id));
            match opened {
                Ok(listener) => listeners.push(listener),
                Err(error) => {
                    let name = word.trim_start_matches('-');
                    log::warn!("Warning: Could not create server TCP listening socket {name}:{}: {error}", self.port);
                    if !(error.is_unsupported() || error.is_elsewhere() && word.starts_with('-')) {
                        return Err(error);
                    }
                }
            }
        }
        Ok(listeners)
    }
}

/// Opens the unix socket, if one is configured.
///
/// # Errors
/// What the kernel says.
pub fn listen_unix(config: &Config) -> Result<Option<Listener>, ListenError> {
    let Some(path) = config.unixsocket.as_ref().filter(|path| !path.is_empty()) else { return Ok(None) };
    let path = crate::config::host::path(path);
    Listener::unix(path, config.unixsocketperm, config.tcp_backlog as i32).map(Some)
}

/// Registers the listeners under their tokens.
fn register(listeners: &mut [Listener], registry: &Registry) -> Result<(), ListenError> {
    for (i, listener) in listeners.iter_mut().enumerate() {
        let registered = listener.register(registry, Token(LISTENER_TOKENS + i));
        registered.map_err(|error| ListenError { call: "epoll_ctl", error })?;
    }
    Ok(())
}

impl Server {
    /// Registers the listeners that the start has opened.
    ///
    /// # Errors
    /// When the kernel's event queue refuses them.
    pub fn register_listeners(&mut self) -> Result<(), ListenError> {
        let Some(registry) = &self.net.registry else { return Ok(()) };
        register(&mut self.net.listeners, registry)
    }

    /// Listens on TCP as `config` says, and no longer as before.
    ///
    /// # Errors
    /// When an address cannot be had; the server listens as before then.
    pub fn listen_anew(&mut self, config: &Config) -> Result<(), ListenError> {
        let wanted = Addresses::of(config);
        if self.net.registry.is_none() || wanted == self.net.addresses {
            return Ok(());
        }
        let other_port = wanted.port != self.net.addresses.port;
        // On another port nobody is turned away meanwhile; on the same one the old sockets are in the way of the new.
        let early = if other_port { Some(wanted.listen(config)?) } else { None };
        let mut listeners = std::mem::take(&mut self.net.listeners);
        let unix: Vec<Listener> = listeners.extract_if(.., |listener| listener.path().is_some()).collect();
        for listener in &mut listeners {
            if let Some(registry) = &self.net.registry {
                // It is closed in any case.
                let _ = listener.deregister(registry);
            }
        }
        drop(listeners);
        let opened = early.map_or_else(|| wanted.listen(config), Ok);
        let outcome = match opened {
            Ok(listeners) => {
                self.net.listeners = listeners;
                self.net.addresses = wanted;
                Ok(())
            }
            Err(error) => {
                let before = self.net.addresses.listen(config);
                self.net.listeners = before.unwrap_or_else(|error| {
                    log::warn!("Can't listen on the former addresses again: {error}");
                    Vec::new()
                });
                Err(error)
            }
        };
        // The unix socket may have a new token.
        for mut listener in unix {
            if let Some(registry) = &self.net.registry {
                let _ = listener.deregister(registry);
            }
            self.net.listeners.push(listener);
        }
        self.register_listeners()?;
        self.net.to_accept = (0..self.net.listeners.len()).collect();
        outcome
    }
}
