//! What a command caused, walked once when it is done.

use crate::keyspace::effects::Effect;
use crate::server::Server;

impl Server {
    /// Walks the effects of the command that has just run, in the order they happened.
    #[cold]
    pub fn settle(&mut self) {
        for effect in self.env.fx.take() {
            match effect {
                Effect::Touched { db, key } => self.watched_key_touched(db, &key),
                Effect::Ready { db, key, kind: _ } => self.blocked.key_ready(db, key),
                Effect::Event { .. } => {}
            }
        }
    }
}
