//! A server without sockets, for unit tests: a line of text in, RESP text out.

use std::sync::OnceLock;

use crate::config::Config;
use crate::dispatch::table::CommandTable;
use crate::net::connection::Connection;
use crate::net::{ClientFlags, ClientId};
use crate::resp::{OwnedArgs, Reply};
use crate::server::Server;
use crate::util::quote;

fn table() -> &'static CommandTable {
    static TABLE: OnceLock<&'static CommandTable> = OnceLock::new();
    TABLE.get_or_init(|| match super::boot::command_table(&[]) {
        Ok(table) => table,
        Err(error) => panic!("{error}"),
    })
}

/// A server and one client of it.
pub struct Session {
    pub server: Server,
    pub client: ClientId,
}

impl Session {
    /// With the default configuration.
    pub fn new() -> Session {
        Session::with_config(Config::default())
    }

    pub fn with_config(config: Config) -> Session {
        let mut server = Server::new(config, table());
        let client = server.add_client(Connection::None);
        Session { server, client }
    }

    /// A further client.
    pub fn connect(&mut self) -> ClientId {
        self.server.add_client(Connection::None)
    }

    /// Runs a command line, quoted as on a terminal; the reply as it would go over the wire.
    pub fn run(&mut self, line: &str) -> String {
        self.run_as(self.client, line)
    }

    /// As `run`, by another client.
    pub fn run_as(&mut self, client: ClientId, line: &str) -> String {
        let words = quote::split_args(line.as_bytes()).unwrap();
        String::from_utf8_lossy(&self.run_words_as(client, &words)).into_owned()
    }

    /// Runs a command given word by word.
    pub fn run_words<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Vec<u8> {
        self.run_words_as(self.client, words)
    }

    fn run_words_as<W: AsRef<[u8]>>(&mut self, id: ClientId, words: &[W]) -> Vec<u8> {
        let args: OwnedArgs = words.iter().collect();
        let server = &mut self.server;
        server.clock.tick();
        server.thaw_time();
        let Some(client) = server.clients.get_mut(id) else { return b"(gone)".to_vec() };
        assert!(!client.has(ClientFlags::BLOCKED), "the client waits");
        let resp3 = client.reply.resp3;
        let mut reply = Reply { resp3, ..Reply::default() };
        server.serve(id, server.commands.resolve(args.view()), args.view(), &mut reply);
        if let Some(client) = server.clients.get_mut(id) {
            client.reply.resp3 = reply.resp3;
        }
        server.close_all();
        reply.buf.append(&mut self.output(id).into_bytes());
        reply.buf
    }

    /// What others have written to a client since it was last looked at.
    pub fn output(&mut self, id: ClientId) -> String {
        let buffer = self.server.clients.get_mut(id).map(|client| std::mem::take(&mut client.reply.buf));
        String::from_utf8_lossy(&buffer.unwrap_or_default()).into_owned()
    }
}
