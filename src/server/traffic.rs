//! Clients come, are written to, and go.

use std::io;

use mio::Token;

use crate::config::values::OutputLimit;
use crate::keyspace::effects::Interest;
use crate::net::client::Client;
use crate::net::connection::Connection;
use crate::net::limits::{self, Verdict};
use crate::net::{ClientFlags, ClientId, listener};
use crate::resp::Reply;
use crate::resp::parse::ProtocolError;
use crate::server::Server;
use crate::util::quote;

/// Tokens from here on are listeners'.
pub const LISTENER_TOKENS: usize = usize::MAX / 2;

/// Output that a client may leave unread before it has logged in, in bytes.
const UNAUTHENTICATED_OUTPUT_MAX: usize = 17 * 1024;
/// Input that a client may have unexecuted before it has logged in, in bytes.
const UNAUTHENTICATED_INPUT_MAX: usize = 1 << 20;

/// Why protected mode turns a client away.
const PROTECTED_MODE: &str = "DENIED Redis is running in protected mode because protected mode is enabled and no password \
is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect \
from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the \
command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is \
running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this \
change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and \
setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for \
testing, restart it with the '--protected-mode no' option. 4) Set up an authentication password for the default user. NOTE: \
You only need to do one of the above things in order for the server to start accepting connections from the outside.";

/// What the kernel tells of a client's socket.
#[derive(Clone, Copy, Debug)]
pub struct News {
    /// There is input, or an error to be read.
    pub readable: bool,
    /// Behind the input there will be no more.
    pub ended: bool,
    pub writable: bool,
}

impl Server {
    /// Accepts what waits on a listener, up to the configured number per turn.
    pub fn accept(&mut self, listener: usize) {
        for _ in 0..self.env.config.max_new_connections_per_cycle {
            let Some(socket) = self.net.listeners.get(listener) else { return };
            match socket.accept() {
                Ok((connection, peer)) => self.accepted(connection, peer.map(|peer| peer.ip())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // Out of descriptors, most likely: the cron looks again.
                    log::warn!("Error accepting a client connection: accept: {}", crate::config::file::reason(&error));
                    return;
                }
            }
        }
        self.net.to_accept.push(listener);
    }

    fn accepted(&mut self, mut connection: Connection, peer: Option<std::net::IpAddr>) {
        if self.clients.len() >= self.env.config.maxclients as usize {
            let _ = connection.write(b"-ERR max number of clients reached\r\n");
            self.stats.connections_rejected += 1;
            return;
        }
        if let Some(peer) = connection.peer_addr().filter(|_| log::log_enabled!(log::Level::Debug)) {
            log::debug!("Accepted {peer}");
        }
        let config = &self.env.config;
        let foreign = peer.is_some_and(|ip| !ip.to_canonical().is_loopback());
        if foreign && config.protected_mode && self.password().is_none() {
            let _ = connection.write(format!("-{PROTECTED_MODE}\r\n").as_bytes());
            self.stats.connections_rejected += 1;
            return;
        }
        if let Err(error) = listener::prepare(&connection, u64::from(config.tcp_keepalive_s)) {
            log::debug!("Preparing client connection: {error}");
        }
        let unix = matches!(connection, Connection::Unix(_));
        let id = self.add_client(connection);
        let Some(client) = self.clients.get_mut(id) else { return };
        client.flags.set(ClientFlags::UNIX_SOCKET, unix);
        if let Some(registry) = &self.net.registry
            && let Err(error) = client.connection.register(registry, Token(id.slot as usize))
        {
            log::warn!("Registering client connection: {error}");
            self.close_client(id);
            return;
        }
        self.stats.connections_received += 1;
    }

    /// A client on this connection, in the state every client starts in.
    pub fn add_client(&mut self, connection: Connection) -> ClientId {
        let id = self.clients.add(connection, self.env.now_ms);
        let open = self.password().is_none();
        if let Some(client) = self.clients.get_mut(id) {
            client.flags.set(ClientFlags::AUTHENTICATED, open);
        }
        id
    }

    /// A socket event of the client in this slot.
    pub fn client_event(&mut self, slot: usize, news: News) {
        let Some(id) = self.clients.in_slot(slot) else { return };
        if news.ended
            && let Some(client) = self.clients.get_mut(id)
        {
            client.flags |= ClientFlags::INPUT_ENDED;
        }
        if news.readable || news.ended {
            self.read_again(id);
        }
        if news.writable
            && let Some(client) = self.clients.get_mut(id)
            && client.has(ClientFlags::WRITE_BLOCKED)
        {
            client.flags -= ClientFlags::WRITE_BLOCKED;
            self.output_added(id);
        }
    }

    /// Puts the client on the list of those to be read from.
    pub fn read_again(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id)
            && !client.has(ClientFlags::PENDING_READ)
        {
            client.flags |= ClientFlags::PENDING_READ;
            self.net.to_read.push(id);
        }
    }

    /// As `read_again`, for a client that may go on with input it has sent already.
    pub fn look_again(&mut self, id: ClientId) {
        if self.clients.get(id).is_some_and(|client| !client.has(ClientFlags::BLOCKED | ClientFlags::POSTPONED)) {
            self.read_again(id);
        }
    }

    /// Holds the client's next request back until the pause ends.
    pub fn postpone(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id)
            && !client.is_closing()
            && self.pause.scope().is_some()
        {
            client.flags |= ClientFlags::POSTPONED;
            self.net.postponed.push(id);
        } else {
            self.look_again(id);
        }
    }

    /// Lets the clients go on that the pause held back.
    pub fn end_pause(&mut self) {
        self.pause.end();
        self.env.expiry_paused = false;
        for id in std::mem::take(&mut self.net.postponed) {
            if let Some(client) = self.clients.get_mut(id) {
                client.flags -= ClientFlags::POSTPONED;
                self.read_again(id);
            }
        }
        self.update_gate();
    }

    /// The client has output now: on the list of those to be written to with it, unless it has grown too much.
    pub fn output_added(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if client.is_internal() {
            return;
        }
        if !client.has(ClientFlags::PENDING_WRITE | ClientFlags::WRITE_BLOCKED) {
            client.flags |= ClientFlags::PENDING_WRITE;
            self.net.to_write.push(id);
        }
        let pending = client.pending_output();
        self.output_within_limit(id, pending);
        self.count_client(id, 0);
    }

    /// The limit of the client's class.
    #[inline]
    pub fn output_limit(&self, client: &Client) -> OutputLimit {
        let limits = &self.env.config.client_output_buffer_limit;
        if client.has(ClientFlags::PUBSUB) { limits.pubsub } else { limits.normal }
    }

    /// Judges the client's output against its class's limit; closes it when it is over.
    pub fn output_within_limit(&mut self, id: ClientId, pending: usize) -> bool {
        let now_ms = self.env.now_ms;
        let Some(client) = self.clients.get(id) else { return false };
        let limit = self.output_limit(client);
        let Some(client) = self.clients.get_mut(id) else { return false };
        if client.is_closing() {
            return false;
        }
        let verdict = if pending > UNAUTHENTICATED_OUTPUT_MAX && !client.has(ClientFlags::AUTHENTICATED) {
            Verdict::Over
        } else {
            limits::judge(client, &limit, pending, now_ms)
        };
        match verdict {
            Verdict::Within => true,
            Verdict::Over => {
                log::warn!(
                    "Client {} scheduled to be closed ASAP for overcoming of output buffer limits.",
                    self.describe_client(id)
                );
                self.stats.output_limit_disconnections += 1;
                self.close_soon(id);
                false
            }
        }
    }

    /// Writes what the clients on the list have to be written.
    pub fn write_all(&mut self) {
        for id in std::mem::take(&mut self.net.to_write) {
            self.write(id);
        }
    }

    fn write(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.flags -= ClientFlags::PENDING_WRITE;
        while client.pending_output() > 0 && !client.has(ClientFlags::CLOSE_ASAP) {
            match client.write() {
                Ok(n) => {
                    client.net_output_bytes += n as u64;
                    client.last_interaction_ms = self.env.now_ms;
                    self.stats.net_output_bytes += n as u64;
                    self.stats.writes_processed += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    client.flags |= ClientFlags::WRITE_BLOCKED;
                    client.drop_written();
                    self.count_client(id, 0);
                    return;
                }
                Err(error) => {
                    log::debug!("Error writing to client: {error}");
                    self.close_soon(id);
                    return;
                }
            }
        }
        client.sent = 0;
        client.soft_limit_since_ms = 0;
        let buffer = std::mem::take(&mut client.reply.buf);
        let leaving = client.has(ClientFlags::CLOSE_AFTER_REPLY);
        self.keep_buffer(buffer);
        self.count_client(id, 0);
        if leaving {
            self.close_soon(id);
        }
    }

    /// The other end has closed.
    pub fn client_gone(&mut self, id: ClientId) {
        log::debug!("Client closed connection {}", self.describe_client(id));
        self.close_soon(id);
    }

    /// Closes the client when the turn ends; nothing more of it is read, run or written.
    pub fn close_soon(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id)
            && !client.has(ClientFlags::CLOSE_ASAP)
        {
            client.flags |= ClientFlags::CLOSE_ASAP;
            self.net.to_close.push(id);
        }
    }

    /// Closes the clients that are to be closed.
    pub fn close_all(&mut self) {
        while let Some(id) = self.net.to_close.pop() {
            self.close_client(id);
        }
    }

    /// Takes the client out of everything it is part of, and closes its socket.
    pub fn close_client(&mut self, id: ClientId) {
        self.unblock(id);
        self.discard_transaction(id);
        self.unsubscribe_all(id);
        self.disable_tracking(id);
        self.monitors.retain(|monitor| *monitor != id);
        self.net.postponed.retain(|postponed| *postponed != id);
        if let Some(mut client) = self.clients.remove(id) {
            if let Some(registry) = &self.net.registry {
                // A forked child may keep the socket open: then closing it here would not end its events.
                let _ = client.connection.deregister(registry);
            }
            if self.children.current.is_some() {
                // Nor would the other end hear of it.
                client.connection.shut_down();
            }
            self.memory.clients.forget(&mut client);
        }
        if self.monitors.is_empty() {
            self.update_gate();
        }
    }

    /// The client sent what is no request: it is told, and closed.
    pub fn protocol_error(&mut self, id: ClientId, error: &ProtocolError, reply: &mut Reply, input: &[u8]) {
        let silent = self.clients.get(id).is_some_and(|client| client.has(ClientFlags::REPLY_OFF));
        if !silent {
            reply.error(format!("ERR Protocol error: {}", error.0).as_bytes());
        }
        self.stats.error(b"ERR");
        if log::log_enabled!(log::Level::Debug) {
            let shown = String::from_utf8_lossy(&quote::repr(&input[..input.len().min(128)])).into_owned();
            log::debug!(
                "Protocol error ({}) from client: {}. Query buffer during protocol error: {shown}",
                error.0,
                self.describe_client(id)
            );
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.flags |= ClientFlags::CLOSE_AFTER_REPLY;
        }
    }

    /// Whether input of this many bytes, and what the client has queued in a transaction, is within its limit.
    pub fn input_within_limit(&self, id: ClientId, query_bytes: usize) -> bool {
        let Some(client) = self.clients.get(id) else { return true };
        let queued = client.extra().map_or(0, |extra| extra.transaction.mem_bytes());
        let total = query_bytes + queued;
        total <= self.env.config.client_query_buffer_limit_bytes as usize
            && (total <= UNAUTHENTICATED_INPUT_MAX || client.has(ClientFlags::AUTHENTICATED))
    }

    /// Somebody sends HTTP: a browser was made to, most likely, by a page that wants to reach this server through it.
    /// Nothing more of it is run.
    pub fn cross_protocol_request(&mut self, id: ClientId) {
        let origin = match self.clients.get(id) {
            Some(client) => client.peer.map_or_else(|| "?:0".into(), |peer| peer.to_string()),
            None => return,
        };
        log::warn!(
            "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. This \
             is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis instance. \
             Connection from {origin} aborted."
        );
        self.close_soon(id);
    }

    /// The client has sent more of a request than its limit allows.
    pub fn query_limit_reached(&mut self, id: ClientId, query: &[u8]) {
        let shown = String::from_utf8_lossy(&quote::repr(&query[..query.len().min(64)])).into_owned();
        log::warn!(
            "Closing client that reached max query buffer length: {} (qbuf initial bytes: {shown})",
            self.describe_client(id)
        );
        self.stats.query_limit_disconnections += 1;
        self.close_soon(id);
    }

    /// Closes clients that have been silent for longer than `timeout`, and looks at soft limits of silent ones.
    pub fn check_clients(&mut self) {
        let timeout_ms = u64::from(self.env.config.timeout_s) * 1000;
        let now_ms = self.env.now_ms;
        let mut idle = Vec::new();
        let mut soft = Vec::new();
        for client in self.clients.iter_mut() {
            client.shrink_buffers(now_ms);
        }
        for (id, client) in self.clients.iter() {
            let exempt = ClientFlags::BLOCKED | ClientFlags::MONITOR;
            if timeout_ms > 0 && !client.has(exempt) && now_ms.saturating_sub(client.last_interaction_ms) > timeout_ms {
                idle.push(id);
            } else if client.soft_limit_since_ms != 0 {
                soft.push((id, client.pending_output()));
            }
        }
        for id in idle {
            log::debug!("Closing idle client");
            self.close_soon(id);
        }
        for (id, pending) in soft {
            self.output_within_limit(id, pending);
        }
    }

    /// The client as CLIENT LIST shows it, for log lines.
    pub fn describe_client(&self, id: ClientId) -> String {
        match self.clients.get(id) {
            Some(client) => crate::commands::connection::info::line(self, client),
            None => String::new(),
        }
    }

    /// Whether some client waits for keys, as the keyspace has been told.
    pub fn listens_for_keys(&self) -> bool {
        self.env.fx.interest.contains(Interest::BLOCKED)
    }
}

/// The peer's address as CLIENT LIST shows it.
pub fn peer_text(client: &Client, unix_path: &str) -> String {
    match &client.connection {
        Connection::Tcp(_) => client.peer.map_or_else(|| "?:0".into(), |peer| peer.to_string()),
        Connection::Unix(_) => format!("{unix_path}:0"),
        Connection::None => String::new(),
    }
}

/// Our end's address as CLIENT LIST shows it.
pub fn local_text(client: &Client, unix_path: &str) -> String {
    match &client.connection {
        Connection::Tcp(_) => client.connection.local_addr().map_or_else(|| "?:0".into(), |local| local.to_string()),
        Connection::Unix(_) => format!("{unix_path}:0"),
        Connection::None => String::new(),
    }
}
