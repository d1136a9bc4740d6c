//! Transactions: commands queued since MULTI, and the keys that WATCH made them depend on.

use hashbrown::HashMap;

use crate::keyspace::effects::Interest;
use crate::net::{ClientFlags, ClientId};
use crate::resp::OwnedArgs;
use crate::server::Server;

/// The commands a client has queued.
#[derive(Default)]
pub struct Transaction {
    pub queue: Vec<OwnedArgs>,
    bytes: usize,
}

impl Transaction {
    /// Queues a command.
    pub fn push(&mut self, args: OwnedArgs) {
        self.bytes += args.mem_bytes();
        self.queue.push(args);
    }

    /// The queued commands, which are thereby taken out.
    pub fn take(&mut self) -> Vec<OwnedArgs> {
        self.bytes = 0;
        std::mem::take(&mut self.queue)
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        self.bytes + self.queue.capacity() * size_of::<OwnedArgs>()
    }
}

/// What it costs to watch a key, beside twice its name: an element of two lists and one of a table.
const WATCH_BYTES: usize = 128;

/// Who watches what.
#[derive(Default)]
pub struct Watches {
    by_key: HashMap<(usize, Box<[u8]>), Vec<ClientId>>,
    /// Clients that watch at least one key.
    pub clients: usize,
}

impl Watches {
    /// Number of keys somebody watches.
    pub fn key_count(&self) -> usize {
        self.by_key.len()
    }
}

impl Server {
    /// Makes the client's next transaction depend on a key.
    pub fn watch(&mut self, id: ClientId, key: &[u8]) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let index = client.db as usize;
        if client.extra().is_some_and(|extra| extra.watched.iter().any(|(db, k, _)| *db == index && **k == *key)) {
            return;
        }
        let stale = self.dbs[index]
            .locate(self.env.hash(key), key)
            .and_then(|loc| self.dbs[index].at(loc).expiry_ms())
            .is_some_and(|when| self.env.now_ms > when);
        let Some(client) = self.clients.get_mut(id) else { return };
        let extra = client.extra_mut();
        extra.watched_bytes += WATCH_BYTES + 2 * key.len();
        let watched = &mut extra.watched;
        if watched.is_empty() {
            self.watches.clients += 1;
        }
        watched.push((index, key.into(), stale));
        self.watches.by_key.entry((index, key.into())).or_default().push(id);
        self.env.fx.interest |= Interest::WATCH;
    }

    /// Forgets what the client watches.
    pub fn unwatch(&mut self, id: ClientId) {
        let Some(extra) = self.clients.get_mut(id).and_then(|client| client.extra_if_any()) else { return };
        let watched = std::mem::take(&mut extra.watched);
        extra.watched_bytes = 0;
        if watched.is_empty() {
            return;
        }
        self.watches.clients -= 1;
        for (db, key, _) in watched {
            let name = (db, key);
            if let Some(watchers) = self.watches.by_key.get_mut(&name) {
                watchers.retain(|watcher| *watcher != id);
                if watchers.is_empty() {
                    self.watches.by_key.remove(&name);
                }
            }
        }
        if self.watches.by_key.is_empty() {
            self.env.fx.interest -= Interest::WATCH;
        }
    }

    /// Whether a key the client watches has expired since.
    pub fn watched_key_expired(&self, id: ClientId) -> bool {
        let Some(extra) = self.clients.get(id).and_then(|client| client.extra()) else { return false };
        extra.watched.iter().any(|(db, key, was_stale)| {
            let data = &self.dbs[*db];
            let loc = data.locate(crate::util::hash::hash(key), key);
            let due = loc.and_then(|loc| data.at(loc).expiry_ms()).is_some_and(|when| self.env.now_ms > when);
            due && !was_stale
        })
    }

    /// A key was changed: the transactions that depend on it are off.
    pub fn watched_key_touched(&mut self, db: usize, key: &[u8]) {
        let Some(watchers) = self.watches.by_key.get(&(db, Box::from(key))) else { return };
        let is_there = self.dbs[db].locate(crate::util::hash::hash(key), key).is_some();
        for id in watchers {
            let Some(client) = self.clients.get_mut(*id) else { continue };
            let watched = client.extra_mut().watched.iter_mut().find(|(index, name, _)| *index == db && **name == *key);
            match watched {
                // It had expired before it was watched, and has merely gone now.
                Some((.., was_stale)) if *was_stale && !is_there => *was_stale = false,
                _ => client.flags |= ClientFlags::DIRTY_CAS,
            }
        }
    }

    /// A database is about to be emptied, or exchanged with database `by`: the transactions are off that depend on a
    /// key which is there now or will be. That a key which has expired goes, or one comes, is no change.
    pub fn watched_database_replaced(&mut self, db: usize, by: Option<usize>) {
        for ((index, key), watchers) in &self.watches.by_key {
            if *index != db {
                continue;
            }
            let hash = crate::util::hash::hash(key);
            let is_there = self.dbs[db].locate(hash, key).is_some();
            let expires_ms = by.and_then(|by| {
                let data = &self.dbs[by];
                data.locate(hash, key).map(|loc| data.at(loc).expiry_ms())
            });
            let will_be = expires_ms.is_some();
            let will_be_stale = expires_ms.flatten().is_some_and(|when| self.env.now_ms > when);
            if !is_there && !will_be {
                continue;
            }
            for id in watchers {
                let Some(client) = self.clients.get_mut(*id) else { continue };
                let watched = client.extra_mut().watched.iter_mut().find(|(db, name, _)| db == index && name == key);
                let Some((.., was_stale)) = watched else { continue };
                let no_change = if *was_stale { !will_be || will_be_stale } else { !is_there && will_be_stale };
                if no_change {
                    *was_stale = will_be_stale;
                } else {
                    client.flags |= ClientFlags::DIRTY_CAS;
                }
            }
        }
    }

    /// Ends the transaction without running it.
    pub fn discard_transaction(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id) {
            client.flags -= ClientFlags::MULTI | ClientFlags::DIRTY_CAS | ClientFlags::DIRTY_EXEC;
            if let Some(extra) = client.extra_if_any() {
                extra.transaction.take();
            }
        }
        self.unwatch(id);
    }
}
