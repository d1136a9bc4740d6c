//! A server without sockets for unit tests: text in, RESP text out.
//!
//! A [`Session`] has one client to begin with and as many more as a test asks for. Requests take the very way they take
//! in the loop (admission, call, settle, serving whoever waited); only reading and writing is missing.
//! Time stands still until [`Session::advance_ms`] moves it on: the clock is set ahead of the machine's, and it never
//! goes back.

use std::sync::OnceLock;

use crate::config::Config;
use crate::config::values::Allow;
use crate::dispatch::table::CommandTable;
use crate::net::connection::Connection;
use crate::net::{ClientFlags, ClientId};
use crate::resp::{OwnedArgs, Reply};
use crate::server::{Server, boot};
use crate::util::quote;

/// How far the session's clock runs ahead, so that no tick of the machine's moves it.
const AHEAD_NS: u64 = 24 * 3600 * 1_000_000_000;

/// A server and its first client.
pub struct Session {
    pub server: Server,
    /// Who [`run`](Self::run) runs for.
    pub client: ClientId,
}

impl Default for Session {
    fn default() -> Self {
        Session::new()
    }
}

impl Session {
    /// A server with the default configuration, but that DEBUG is allowed and there are no save points.
    pub fn new() -> Session {
        Session::with(Config { enable_debug_command: Allow::Yes, save: Vec::new(), ..Config::default() })
    }

    /// A server with this configuration.
    pub fn with(config: Config) -> Session {
        static TABLE: OnceLock<&'static CommandTable> = OnceLock::new();
        let table = TABLE.get_or_init(|| boot::command_table(&[]).expect("no renames, no conflict"));
        let mut server = Server::new(config, table);
        server.clock.now_ns += AHEAD_NS;
        server.thaw_time();
        server.memory.meter = crate::sys::memory::Meter::of_thread();
        let client = server.add_client(Connection::None);
        Session { server, client }
    }

    /// Runs a line of words (quoted as in redis-cli) and returns the reply as it goes on the wire; nothing, if the client
    /// waits or is held back. Bytes that are no text show as U+FFFD.
    pub fn run(&mut self, line: &str) -> String {
        self.run_as(self.client, line)
    }

    /// As [`run`](Self::run), words given one by one.
    pub fn run_args(&mut self, words: &[&[u8]]) -> String {
        let reply = self.run_bytes(self.client, words);
        String::from_utf8_lossy(&reply).into_owned()
    }

    /// As [`run`](Self::run), for another client.
    pub fn run_as(&mut self, client: ClientId, line: &str) -> String {
        let words = quote::split_args(line.as_bytes()).expect("balanced quotes");
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        String::from_utf8_lossy(&self.run_bytes(client, &words)).into_owned()
    }

    /// As [`run_args`](Self::run_args), for any client, the reply in bytes.
    pub fn run_bytes(&mut self, client: ClientId, words: &[&[u8]]) -> Vec<u8> {
        let args: OwnedArgs = words.iter().collect();
        let server = &mut self.server;
        server.clock.tick();
        server.thaw_time();
        let Some(state) = server.clients.get_mut(client) else { return Vec::new() };
        let resp3 = state.reply.resp3;
        let before = state.take_output();
        let mut reply = Reply { buf: before, resp3, ..Reply::default() };
        state.flags |= ClientFlags::LENT;
        server.net.current = Some(client);
        let cmd = server.commands.resolve(args.view());
        server.serve(client, cmd, args.view(), &mut reply);
        while server.blocked.awaits_reclaim() {
            std::thread::yield_now();
            server.serve_reclaimed();
        }
        server.net.current = None;
        if let Some(client) = server.clients.get_mut(client) {
            client.flags -= ClientFlags::LENT;
        }
        server.broadcast_invalidations();
        let Some(client) = server.clients.get_mut(client) else { return reply.buf };
        // What others wrote to the client meanwhile comes behind.
        reply.buf.append(&mut client.take_output());
        client.reply.resp3 = reply.resp3;
        reply.buf
    }

    /// Another client.
    pub fn connect(&mut self) -> ClientId {
        self.server.add_client(Connection::None)
    }

    /// What a client was sent since its last reply (it was woken, or others published to it).
    pub fn output(&mut self, client: ClientId) -> String {
        let output = self.server.clients.get_mut(client).map(|client| client.take_output());
        String::from_utf8_lossy(&output.unwrap_or_default()).into_owned()
    }

    /// Lets time pass; clients whose waiting ends are answered.
    pub fn advance_ms(&mut self, ms: u64) {
        self.server.clock.now_ns += ms * 1_000_000;
        self.server.thaw_time();
        self.server.serve_timeouts();
        if self.server.blocked.has_ready() {
            self.server.serve_ready();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_share_a_server() {
        let mut session = Session::new();
        assert_eq!(session.run("SET k 'a b'"), "+OK\r\n");
        let other = session.connect();
        assert_eq!(session.run_as(other, "get k"), "$3\r\na b\r\n");
        assert_eq!(session.run_args(&[b"GET", b"none"]), "$-1\r\n");
        assert_eq!(session.output(other), "");
        assert!(session.run("NONSENSE").starts_with("-ERR unknown command 'NONSENSE'"));
    }

    #[test]
    fn time_passes_when_told() {
        let mut session = Session::new();
        let before_ms = session.server.env.now_ms;
        std::thread::sleep(std::time::Duration::from_millis(2));
        session.run("PING");
        assert_eq!(session.server.env.now_ms, before_ms);
        session.advance_ms(1_000_000);
        session.run("PING");
        assert_eq!(session.server.env.now_ms, before_ms + 1_000_000);
    }
}
