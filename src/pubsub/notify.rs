//! Keyspace events as messages: `notify-keyspace-events`.
//!
//! ```text
//! __keyspace@<db>__:<key>     what happened to a key     (K)
//! __keyevent@<db>__:<event>   which key it happened to   (E)
//! ```
//!
//! The keyspace records an event only while its class is asked for and somebody listens to any channel at all
//! ([`Effects::listen`](crate::keyspace::effects::Effects::listen)); otherwise an event costs a test.

use std::io::Write;

use crate::config::values::KeyspaceEvents;
use crate::server::Server;

impl Server {
    /// Tells the keyspace which events to record, after the configuration or those who listen have changed.
    pub fn update_listening(&mut self) {
        let wanted = self.env.config.notify_keyspace_events;
        let anywhere = wanted.intersects(KeyspaceEvents::KEYSPACE.union(KeyspaceEvents::KEYEVENT));
        let heard = anywhere && self.pubsub.has_listeners();
        self.env.fx.listen(if heard { wanted } else { KeyspaceEvents::empty() });
    }

    /// Publishes a keyspace event.
    pub fn notify(&mut self, db: usize, event: &str, key: &[u8]) {
        let wanted = self.env.config.notify_keyspace_events;
        let mut channel = Vec::with_capacity(32 + key.len().max(event.len()));
        let mut publish = |place: &str, name: &[u8], message: &[u8]| {
            channel.clear();
            // Writing to memory cannot fail.
            let _ = write!(channel, "__{place}@{db}__:");
            channel.extend_from_slice(name);
            self.publish(&channel, message);
        };
        if wanted.contains(KeyspaceEvents::KEYSPACE) {
            publish("keyspace", key, event.as_bytes());
        }
        if wanted.contains(KeyspaceEvents::KEYEVENT) {
            publish("keyevent", event.as_bytes(), key);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    /// What a RESP2 client that listens to everything is sent while `lines` run: `channel-tail message` for each.
    fn heard(classes: &str, lines: &[&str]) -> Vec<String> {
        let mut session = Session::new();
        let listener = session.connect();
        session.run(&format!("CONFIG SET notify-keyspace-events {classes}"));
        session.run_as(listener, "PSUBSCRIBE *");
        for line in lines {
            if let Some(ms) = line.strip_prefix("WAIT ") {
                session.advance_ms(ms.parse().unwrap());
            } else {
                session.run(line);
            }
        }
        let text = session.output(listener);
        let words: Vec<&str> = text.split("\r\n").filter(|word| *word == "*" || !word.starts_with(['*', '$'])).collect();
        words.chunks_exact(4).map(|words| format!("{} {}", words[2], words[3])).collect()
    }

    #[test]
    fn both_places_and_every_class() {
        assert_eq!(heard("KEA", &["SET k v"]), ["__keyspace@0__:k set", "__keyevent@0__:set k"]);
        assert_eq!(
            heard("KE$", &["SELECT 3", "LPUSH l a", "APPEND k v"]),
            ["__keyspace@3__:k append", "__keyevent@3__:append k"]
        );
        assert_eq!(heard("En", &["SET k v", "SET k w"]), ["__keyevent@0__:new k"]);
        assert_eq!(heard("Em", &["GET k"]), ["__keyevent@0__:keymiss k"]);
        assert_eq!(heard("EA", &["GET k"]), [""; 0]);
        assert_eq!(heard("A", &["SET k v"]), [""; 0]);
        assert_eq!(heard("Exg", &["SET k v PX 10", "WAIT 11", "GET k"]), ["__keyevent@0__:expire k", "__keyevent@0__:expired k"]);
        assert_eq!(
            heard("KEAn", &["SADD s a", "SREM s a"]),
            [
                "__keyspace@0__:s new",
                "__keyevent@0__:new s",
                "__keyspace@0__:s sadd",
                "__keyevent@0__:sadd s",
                "__keyspace@0__:s srem",
                "__keyevent@0__:srem s",
                "__keyspace@0__:s del",
                "__keyevent@0__:del s",
            ]
        );
    }

    #[test]
    fn nobody_listening_nothing_recorded() {
        let mut session = Session::new();
        session.run("CONFIG SET notify-keyspace-events KEA");
        session.server.env.fx.event(0, crate::keyspace::effects::Class::Generic, "del", b"k");
        assert!(session.server.env.fx.is_empty());
        session.run("HELLO 3");
        session.run("SUBSCRIBE __keyevent@0__:set");
        assert_eq!(session.run("SET k v"), "+OK\r\n>3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@0__:set\r\n$1\r\nk\r\n");
        session.run("UNSUBSCRIBE");
        session.server.env.fx.event(0, crate::keyspace::effects::Class::Generic, "del", b"k");
        assert!(session.server.env.fx.is_empty());
    }
}
