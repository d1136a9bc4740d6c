//! What a command caused, walked once when it is done.

use super::table::Cmd;
use crate::keyspace::effects::{Effect, Interest};
use crate::net::ClientId;
use crate::resp::Args;
use crate::server::Server;

impl Server {
    /// Walks the effects of the command that has just run, in the order they happened.
    #[cold]
    pub fn settle(&mut self) {
        for effect in self.env.fx.take() {
            match effect {
                Effect::Touched { db, key } => self.key_touched(db, &key, false),
                Effect::Lapsed { db, key } => self.key_touched(db, &key, true),
                Effect::Ready { db, key, kind: _ } => self.blocked.key_ready(db, key),
                Effect::Event { db, class: _, name, key } => self.notify(db, name, &key),
            }
        }
    }

    /// As [`settle`](Self::settle), for a command that has run for a client: what it has read is remembered too.
    #[cold]
    pub(super) fn settle_call(&mut self, id: ClientId, cmd: &Cmd, args: Args<'_>) {
        self.settle();
        if self.tracked.clients > 0 {
            self.remember_reads(id, cmd, args);
        }
    }

    fn key_touched(&mut self, db: usize, key: &[u8], by_itself: bool) {
        let interest = self.env.fx.interest;
        if interest.contains(Interest::WATCH) {
            self.watched_key_touched(db, key);
        }
        if interest.contains(Interest::TRACK) {
            self.key_invalid(key, by_itself);
        }
    }
}
