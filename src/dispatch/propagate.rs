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

/// Whether a command that has changed something is sent on as it is. Those that run others are not, for the others are; nor
/// are those of the administrator, whose changes are the server's own business.
fn stands_for_itself(cmd: &Cmd) -> bool {
    cmd.flags.has(Flag::Write) || cmd.flags.has(Flag::MayReplicate) && !cmd.flags.has(Flag::NoScript)
}

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
        if !replaced && self.env.fx.dirty > dirty && stands_for_itself(cmd) {
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

#[cfg(test)]
mod tests {
    use crate::keyspace::effects::Interest;
    use crate::persist::aof::State;
    use crate::server::testing::Session;

    /// What a turn adds to the log.
    fn logged(session: &mut Session, line: &str) -> String {
        let before = session.server.aof.pending_bytes();
        session.run(line);
        let text = String::from_utf8_lossy(session.server.aof.pending()).into_owned();
        let words = text[before..].split("\r\n").filter(|word| !word.is_empty() && !word.starts_with('$'));
        words.map(|word| if word.starts_with('*') { "|" } else { word }).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn who_changes_nothing_sends_nothing() {
        let mut session = Session::new();
        session.server.aof.state = State::On;
        session.server.update_propagation();
        assert!(session.server.env.fx.interest.contains(Interest::PROPAGATE));
        assert_eq!(logged(&mut session, "SET k v"), "| SELECT 0 | SET k v");
        for line in ["GET k", "DEL none", "SET k w NX", "INCR k", "DEBUG POPULATE 3", "PING", "EXPIRE none 1"] {
            assert_eq!(logged(&mut session, line), "", "{line}");
        }
        assert_eq!(logged(&mut session, "DEL k none"), "| DEL k none");
        assert_eq!(session.server.stream.offset, 2);
    }

    #[test]
    fn keys_that_are_due_go_before_the_command_that_found_them() {
        let mut session = Session::new();
        session.server.aof.state = State::On;
        session.server.update_propagation();
        session.run("SET a v PX 10");
        session.run("SET b v PX 10");
        session.advance_ms(20);
        assert_eq!(logged(&mut session, "GET a"), "| DEL a");
        assert_eq!(logged(&mut session, "APPEND b x"), "| MULTI | DEL b | APPEND b x | EXEC");
        session.run("SET a v PX 10");
        session.run("SET b v PX 10");
        session.advance_ms(20);
        let found = logged(&mut session, "SCAN 0");
        assert!(found == "| DEL a | DEL b" || found == "| DEL b | DEL a", "{found}");
    }

    #[test]
    fn a_transaction_is_one_unit() {
        let mut session = Session::new();
        session.server.aof.state = State::On;
        session.server.update_propagation();
        session.run("SET k v");
        for (lines, wanted) in [
            (&["MULTI", "GET k", "EXEC"][..], ""),
            (&["MULTI", "INCR n", "GET k", "EXEC"], "| INCR n"),
            (&["MULTI", "INCR n", "SELECT 2", "INCR n", "SELECT 0", "EXEC"], "| MULTI | INCR n | SELECT 2 | INCR n | EXEC"),
        ] {
            let (last, before) = lines.split_last().expect("lines");
            before.iter().for_each(|line| assert_eq!(logged(&mut session, line), ""));
            assert_eq!(logged(&mut session, last), wanted);
        }
    }
}
