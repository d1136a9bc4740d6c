//! Telling clients: which change concerns whom, and what is sent.
//!
//! ```text
//! >2 $10 invalidate *1 $3 key                                RESP3
//! *3 $7 message $20 __redis__:invalidate *1 $3 key           RESP2, another connection that listens to something
//! >2 $10 invalidate _                                        everything
//! >2 $21 tracking-redir-broken :7                            client 7, which was told instead, is gone
//! ```

use crate::dispatch::flags::Flag;
use crate::dispatch::table::Cmd;
use crate::dispatch::{Group, keyspec};
use crate::net::output::{bulk, header};
use crate::net::{ClientFlags, ClientId, Message};
use crate::resp::Args;
use crate::server::Server;

/// The channel that invalidations are published on, as it were.
const CHANNEL: &[u8] = b"__redis__:invalidate";
/// Keys forgotten at once when the table is over its limit, for each time that was found before.
const EFFORT: usize = 100;

/// What is invalid, as an element of a message, and the messages made of it.
struct Invalid {
    element: Vec<u8>,
    push: Option<Message>,
    published: Option<Message>,
}

impl Invalid {
    fn new(element: Vec<u8>) -> Invalid {
        Invalid { element, push: None, published: None }
    }

    fn keys<'a>(count: usize, keys: impl Iterator<Item = &'a [u8]>) -> Invalid {
        let mut element = Vec::new();
        header(&mut element, b'*', count);
        for key in keys {
            bulk(&mut element, key);
        }
        Invalid::new(element)
    }

    fn everything(resp3: bool) -> Invalid {
        Invalid::new(if resp3 { b"_\r\n".to_vec() } else { b"$-1\r\n".to_vec() })
    }
}

impl Server {
    /// Remembers what a command has read, if its client wants to be told when it changes.
    pub fn remember_reads(&mut self, id: ClientId, cmd: &Cmd, args: Args<'_>) {
        if !cmd.flags.has(Flag::ReadOnly) || cmd.flags.has(Flag::PubSub) || cmd.spec.group == Group::Scripting {
            return;
        }
        if !self.tracking_of(id).is_some_and(|tracking| tracking.remembers()) {
            return;
        }
        for key in keyspec::find(cmd.spec.keys, cmd.spec.keys_fn, args).unwrap_or_default() {
            if let Some(key) = args.get(key.index) {
                self.tracked.table.add(key, id.id);
            }
        }
    }

    /// A key has changed: whoever may have it cached is told, now or at the end of the turn. `by_itself`: it has expired or
    /// was evicted.
    pub fn key_invalid(&mut self, key: &[u8], by_itself: bool) {
        if !self.tracked.prefixes.is_empty() {
            let by = if by_itself { None } else { self.net.current };
            self.tracked.prefixes.changed(key, by);
        }
        self.forget_reads(key);
    }

    /// Tells those who have read a key, and forgets them.
    fn forget_reads(&mut self, key: &[u8]) {
        if self.tracked.table.is_empty() {
            return;
        }
        let readers = self.tracked.table.remove(key);
        if readers.is_empty() {
            return;
        }
        if self.tracked.table.is_empty() {
            self.update_tracking_interest();
        }
        let mut invalid = Invalid::keys(1, [key].into_iter());
        for reader in readers {
            let Some(id) = self.clients.find(reader) else { continue };
            let own = self.net.current == Some(id);
            let told = |tracking: &super::Tracking| tracking.prefixes.is_none() && !(tracking.no_loop && own);
            if !self.tracking_of(id).is_some_and(told) {
                continue;
            }
            if own {
                self.put_off(id, Some(key));
            } else {
                self.send_invalid(id, &mut invalid);
            }
        }
    }

    /// A client is to be told of what its own command has caused, when that is done.
    fn put_off(&mut self, id: ClientId, key: Option<&[u8]>) {
        self.tracked.own.push((id, key.map(Box::from)));
        self.net.pushed_to_lent = true;
    }

    /// Tells clients of what their own commands have caused.
    pub fn send_put_off(&mut self) {
        for (id, key) in std::mem::take(&mut self.tracked.own) {
            let resp3 = self.clients.get(id).is_some_and(|client| client.reply.resp3);
            let mut invalid = match &key {
                Some(key) => Invalid::keys(1, [&**key].into_iter()),
                None => Invalid::everything(resp3),
            };
            self.send_invalid(id, &mut invalid);
        }
    }

    /// All keys of a database, or of all, are gone: everybody who tracks is told that nothing is valid.
    pub fn everything_invalid(&mut self) {
        if self.tracked.clients > 0 {
            for id in self.clients.ids() {
                let Some(client) = self.clients.get(id).filter(|client| client.has(ClientFlags::TRACKING)) else { continue };
                if self.net.current == Some(id) {
                    self.put_off(id, None);
                    continue;
                }
                let mut invalid = Invalid::everything(client.reply.resp3);
                self.send_invalid(id, &mut invalid);
            }
        }
        self.tracked.table.clear();
        self.update_tracking_interest();
    }

    /// Tells the clients in broadcast mode what has changed since they were last told; called every turn.
    #[inline]
    pub fn broadcast_invalidations(&mut self) {
        if self.tracked.prefixes.has_changes() {
            self.broadcast_now();
        }
    }

    #[cold]
    fn broadcast_now(&mut self) {
        for (clients, changed) in self.tracked.prefixes.take_changes() {
            let mut all = Invalid::keys(changed.len(), changed.keys().map(|key| &**key));
            for id in clients {
                if !self.tracking_of(id).is_some_and(|tracking| tracking.no_loop) {
                    self.send_invalid(id, &mut all);
                    continue;
                }
                let others = || changed.iter().filter(|(_, by)| **by != Some(id)).map(|(key, _)| &**key);
                match others().count() {
                    0 => {}
                    count if count == changed.len() => self.send_invalid(id, &mut all),
                    count => self.send_invalid(id, &mut Invalid::keys(count, others())),
                }
            }
        }
    }

    /// Tells a client, or the one it redirects to, in whatever way that one can be told.
    fn send_invalid(&mut self, id: ClientId, invalid: &mut Invalid) {
        let Some(redirect) = self.tracking_of(id).map(|tracking| tracking.redirect) else { return };
        let target = if redirect == 0 { Some(id) } else { self.clients.find(redirect) };
        let Some((target, client)) = target.and_then(|target| Some((target, self.clients.get(target)?))) else {
            return self.redirection_broken(id, redirect);
        };
        let element = &invalid.element;
        let message = if client.reply.resp3 {
            invalid.push.get_or_insert_with(|| Message::with_last(&[b"invalidate"], element))
        } else if redirect != 0 && client.has(ClientFlags::PUBSUB) {
            invalid.published.get_or_insert_with(|| Message::with_last(&[b"message", CHANNEL], element))
        } else {
            // RESP2 knows no message but those of subscriptions.
            return;
        };
        self.push(target, message);
    }

    /// The client that was to be told in place of this one is gone.
    #[cold]
    fn redirection_broken(&mut self, id: ClientId, redirect: u64) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if let Some(tracking) = client.extra_if_any().and_then(|extra| extra.tracking.as_mut()) {
            tracking.broken = true;
        }
        if client.reply.resp3 {
            let number = format!(":{redirect}\r\n");
            self.push(id, &mut Message::with_last(&[b"tracking-redir-broken"], number.as_bytes()));
        }
    }

    /// Forgets what was read of some keys while there are more than `tracking-table-max-keys`, the more keys the longer that has
    /// been so. Those who have read them are told as if the keys had changed.
    pub fn limit_tracking_table(&mut self) {
        let limit = usize::try_from(self.env.config.tracking_table_max_keys).unwrap_or(usize::MAX);
        if limit == 0 || self.tracked.table.is_empty() {
            return;
        }
        for _ in 0..EFFORT * (self.tracked.over_limit + 1) {
            if self.tracked.table.len() <= limit {
                self.tracked.over_limit = 0;
                return;
            }
            let key = self.tracked.table.random(&mut self.env.rng).map(<[u8]>::to_vec);
            self.forget_reads(&key.unwrap_or_default());
        }
        if self.tracked.table.len() > limit {
            self.tracked.over_limit += 1;
        }
    }
}
