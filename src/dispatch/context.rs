//! What a handler reaches.
//!
//! Most commands are [`Db`] commands: one database, arguments, reply. The others get a [`Ctx`]: the whole server, the
//! client on whose behalf they run, and the same arguments and reply.

use super::table::Cmd;
use crate::net::{Client, ClientId};
use crate::resp::{Args, Reply};
use crate::server::Server;

pub use crate::keyspace::Db;

/// Where a command comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client's own request.
    Client,
    /// A transaction.
    Exec,
    /// A script or a function.
    Script,
    /// The append only file, at start.
    Aof,
}

/// A command's whole world.
pub struct Ctx<'a> {
    pub server: &'a mut Server,
    pub client: ClientId,
    pub cmd: &'static Cmd,
    pub args: Args<'a>,
    pub reply: &'a mut Reply,
    pub origin: Origin,
}

impl<'a> Ctx<'a> {
    /// The client it runs for. It stays until the turn ends, whatever the command does.
    pub fn client(&mut self) -> &mut Client {
        match self.server.clients.get_mut(self.client) {
            Some(client) => client,
            None => unreachable!("clients are removed between commands only"),
        }
    }

    /// The database the client has selected.
    pub fn db(&mut self) -> Db<'_> {
        let index = self.client().db as usize;
        self.server.db(index)
    }

    /// The reply and another part of the world at once.
    pub fn split(&mut self) -> (&mut Server, &mut Reply, Args<'a>) {
        (self.server, self.reply, self.args)
    }
}
