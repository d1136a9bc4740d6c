//! How a message reaches those who listen.

use crate::net::{ClientFlags, ClientId, Message};
use crate::server::Server;
use crate::util::glob::{self, Case};

impl Server {
    /// Publishes to a channel; returns how many clients get it, each counted once per name it listens by.
    pub fn publish(&mut self, channel: &[u8], message: &[u8]) -> usize {
        if !self.pubsub.has_listeners() {
            return 0;
        }
        let mut receivers = 0;
        // Nothing that follows from sending changes who listens.
        let pubsub = std::mem::take(&mut self.pubsub);
        if let Some(subscribers) = pubsub.channels.get(channel) {
            let mut text = Message::new(&[b"message", channel, message]);
            self.push_to_all(subscribers.iter().copied(), &mut text);
            receivers += subscribers.len();
        }
        for (pattern, subscribers) in &pubsub.patterns {
            if glob::matches(pattern, channel, Case::Sensitive) {
                let mut text = Message::new(&[b"pmessage", pattern, channel, message]);
                self.push_to_all(subscribers.iter().copied(), &mut text);
                receivers += subscribers.len();
            }
        }
        self.pubsub = pubsub;
        receivers
    }

    /// Publishes to a channel of the shard; returns how many clients get it.
    pub fn publish_to_shard(&mut self, channel: &[u8], message: &[u8]) -> usize {
        let Some(subscribers) = self.pubsub.shards.get_mut(channel).map(std::mem::take) else { return 0 };
        let mut text = Message::new(&[b"smessage", channel, message]);
        self.push_to_all(subscribers.iter().copied(), &mut text);
        let receivers = subscribers.len();
        if let Some(place) = self.pubsub.shards.get_mut(channel) {
            *place = subscribers;
        }
        receivers
    }

    fn push_to_all(&mut self, ids: impl Iterator<Item = ClientId>, message: &mut Message) {
        for id in ids {
            self.push(id, message);
        }
    }

    /// Sends a client what it has not asked for just now. If it is in the middle of a command, it gets it when the command is
    /// done, behind the reply.
    pub fn push(&mut self, id: ClientId, message: &mut Message) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if client.is_closing() {
            return;
        }
        client.add(message);
        if !client.has(ClientFlags::LENT) {
            return self.output_added(id);
        }
        self.net.pushed_to_lent = true;
        let pending = client.pending_output();
        let Some(client) = self.clients.get(id) else { return };
        let hard_bytes = self.output_limit(client).hard_bytes;
        if hard_bytes != 0 && pending as u64 >= hard_bytes {
            self.output_within_limit(id, pending);
        }
    }
}
