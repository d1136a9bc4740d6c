//! From a command that has run to what others are sent.
//!
//! [`Unit`](crate::keyspace::unit::Unit) collects; here it is decided what goes into it and when it leaves. With nobody to send
//! to, all this is one branch per command. [`Server::send_unit`] is the one place where a unit leaves: to the append only
//! file and, with it, to whoever else follows the stream of changes.

use super::context::Origin;
use super::flags::Flag;
use super::table::Cmd;
use crate::config::values::AppendFsync;
use crate::keyspace::effects::Interest;
use crate::net::ClientId;
use crate::persist::aof::State;
use crate::persist::child::Purpose;
use crate::resp::Args;
use crate::server::Server;

/// The stream of all changes since the history of this server's data began.
#[derive(Debug, Default)]
pub struct Stream {
    /// Where it has got to.
    pub offset: u64,
}

impl Server {
    /// A command has run that began at `dirty` changes: adds it to the unit, and sends the unit if that was all.
    #[inline(never)]
    pub(super) fn propagate_call(&mut self, id: ClientId, cmd: &Cmd, args: Args<'_>, origin: Origin, dirty: u64, mark: usize) {
        let replaced = self.env.fx.take_replaced();
        if !replaced && self.env.fx.dirty > dirty {
            let db = self.clients.get(id).map_or(0, |client| client.db as usize);
            self.env.fx.unit.push(db, args.iter());
        }
        if origin == Origin::Client && !self.env.fx.unit.is_empty() {
            // Keys that such a command happens upon have nothing to do with each other.
            let atomic = !cmd.flags.has(Flag::TouchesArbitraryKeys);
            self.send_unit(atomic);
            if self.env.config.appendfsync == AppendFsync::Always && self.aof.state != State::Off {
                self.aof.awaits(id, mark);
            }
            self.note_change_of(id);
        }
    }

    /// Remembers how far the log has to be safe for this client's changes to be.
    fn note_change_of(&mut self, id: ClientId) {
        let end = self.aof.end();
        if let Some(client) = self.clients.get_mut(id) {
            client.log_end = end;
        }
    }

    /// Sends what has been collected, and begins anew. Several commands of an `atomic` unit are all there or not at all.
    pub fn send_unit(&mut self, atomic: bool) {
        let unit = &self.env.fx.unit;
        if unit.is_empty() {
            return;
        }
        let wrapped = if atomic && unit.len() > 1 { 2 } else { 0 };
        self.stream.offset += (unit.len() + wrapped) as u64;
        let annotate_s = self.env.config.aof_timestamp_enabled.then_some(self.env.now_ms / 1000);
        if self.aof_is_fed() {
            self.aof.feed(unit, atomic, annotate_s);
            self.memory.log_buffer_bytes = self.aof.buffer_bytes();
        }
        self.env.fx.unit.clear();
    }

    fn aof_is_fed(&self) -> bool {
        match self.aof.state {
            State::Off => false,
            State::On => true,
            State::WaitRewrite => self.has_child_for(Purpose::AofRewrite),
        }
    }

    /// Has commands collect what is to be sent, if there is anybody to send it to; called when that may have changed.
    pub fn update_propagation(&mut self) {
        let wanted = self.aof.state != State::Off && !self.env.loading;
        self.env.fx.interest.set(Interest::PROPAGATE, wanted);
        if !wanted {
            self.env.fx.unit.clear();
            self.env.fx.take_replaced();
        }
    }
}
