//! Commands that wait: a blocked command is one that has not run yet.
//!
//! A handler that finds nothing returns [`Wait`]; the client is parked under the keys it waits for, with a copy of its
//! request. When one of the keys gets a value of the right type, the request simply runs again, and either succeeds
//! or waits on, in its old place. Clients of one key are served in the order they came.

use std::collections::{BTreeSet, VecDeque};

use hashbrown::HashMap;

use crate::keyspace::Type;
use crate::keyspace::effects::Interest;
use crate::keyspace::reclaim::Ticket;
use crate::net::{ClientFlags, ClientId};
use crate::resp::{OwnedArgs, Reply};
use crate::server::Server;

use super::context::Origin;

/// What is answered where waiting is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    Null,
    NullArray,
}

/// A handler's wish to wait.
#[derive(Debug)]
pub struct Wait {
    /// Keys of the selected database, any of which will do. None: it waits until what was sent to be freed in the
    /// background is free, and is then answered with OK instead of being run again.
    pub keys: Vec<Box<[u8]>>,
    /// The type of value that can end the wait.
    pub kind: Type,
    /// How long at most, in ms from now; 0: for ever.
    pub timeout_ms: u64,
    /// What to answer inside a transaction, where nobody waits.
    pub denied: Nothing,
}

/// A client's wait in progress.
pub struct Waiting {
    pub args: OwnedArgs,
    pub db: usize,
    pub keys: Vec<Box<[u8]>>,
    pub kind: Type,
    /// When it gives up, in unix ms; 0: never.
    pub deadline_ms: u64,
    /// When it began, in monotonic ns.
    pub since_ns: u64,
}

impl Waiting {
    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        size_of::<Waiting>() + self.args.mem_bytes() + self.keys.iter().map(|key| key.len() + 16).sum::<usize>()
    }
}

/// Who waits for what.
#[derive(Default)]
pub struct Blocked {
    by_key: HashMap<(usize, Box<[u8]>), Vec<ClientId>>,
    deadlines: BTreeSet<(u64, ClientId)>,
    /// Keys that got something, in order; each at most once.
    ready: Vec<(usize, Box<[u8]>)>,
    /// Clients that wait for memory to be freed, in order.
    reclaiming: VecDeque<(Ticket, ClientId)>,
    /// Clients that wait for a key.
    pub len: usize,
    serving: bool,
}

impl Blocked {
    /// Number of keys somebody waits for.
    pub fn key_count(&self) -> usize {
        self.by_key.len()
    }

    /// Number of clients with a deadline.
    pub fn timeout_count(&self) -> usize {
        self.deadlines.len()
    }

    /// When the next client gives up, in unix ms.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Whether somebody waits for this key.
    pub fn is_waited_for(&self, db: usize, key: &[u8]) -> bool {
        self.by_key.contains_key(&(db, Box::from(key)))
    }

    /// Notes that a key got something somebody may wait for.
    pub fn key_ready(&mut self, db: usize, key: Box<[u8]>) {
        let name = (db, key);
        if self.by_key.contains_key(&name) && !self.ready.contains(&name) {
            self.ready.push(name);
        }
    }

    /// Whether clients wait for memory to be freed.
    pub fn awaits_reclaim(&self) -> bool {
        !self.reclaiming.is_empty()
    }

    /// Whether keys are ready for clients that wait.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty() && !self.serving
    }

    /// Notes that every waited-for key of a database may have changed (SWAPDB).
    pub fn database_ready(&mut self, db: usize) {
        let keys: Vec<_> = self.by_key.keys().filter(|(index, _)| *index == db).cloned().collect();
        for (db, key) in keys {
            self.key_ready(db, key);
        }
    }
}

impl Server {
    /// Parks a client whose request returned `wait`.
    pub fn block(&mut self, id: ClientId, args: OwnedArgs, wait: Wait) {
        let now_ns = self.clock.now_ns;
        let deadline_ms = if wait.timeout_ms == 0 { 0 } else { self.env.now_ms.saturating_add(wait.timeout_ms).max(1) };
        let Some(client) = self.clients.get_mut(id) else { return };
        let db = client.db as usize;
        for key in &wait.keys {
            let waiters = self.blocked.by_key.entry((db, key.clone())).or_default();
            if !waiters.contains(&id) {
                waiters.push(id);
            }
        }
        if wait.keys.is_empty() {
            self.blocked.reclaiming.push_back((self.env.reclaim.ticket(), id));
            self.env.reclaim.set_awaited(true);
        }
        if deadline_ms != 0 {
            self.blocked.deadlines.insert((deadline_ms, id));
        }
        client.flags |= ClientFlags::BLOCKED;
        client.extra_mut().waiting =
            Some(Box::new(Waiting { args, db, keys: wait.keys, kind: wait.kind, deadline_ms, since_ns: now_ns }));
        self.blocked.len += 1;
        self.env.fx.interest |= Interest::BLOCKED;
    }

    /// Ends a client's wait, whatever the reason; the request it waited with is returned.
    pub fn unblock(&mut self, id: ClientId) -> Option<Box<Waiting>> {
        let client = self.clients.get_mut(id)?;
        let waiting = client.extra_if_any()?.waiting.take()?;
        client.flags -= ClientFlags::BLOCKED;
        client.shed_extra();
        for key in &waiting.keys {
            let name = (waiting.db, key.clone());
            if let Some(waiters) = self.blocked.by_key.get_mut(&name) {
                waiters.retain(|waiter| *waiter != id);
                if waiters.is_empty() {
                    self.blocked.by_key.remove(&name);
                }
            }
        }
        if waiting.keys.is_empty() {
            self.blocked.reclaiming.retain(|(_, waiter)| *waiter != id);
            self.env.reclaim.set_awaited(!self.blocked.reclaiming.is_empty());
        }
        if waiting.deadline_ms != 0 {
            self.blocked.deadlines.remove(&(waiting.deadline_ms, id));
        }
        self.blocked.len -= 1;
        if self.blocked.len == 0 {
            self.env.fx.interest -= Interest::BLOCKED;
        }
        self.look_again(id);
        Some(waiting)
    }

    /// Ends a client's wait with a reply of `write`'s making.
    pub fn unblock_with(&mut self, id: ClientId, write: impl FnOnce(&mut Reply)) {
        if self.unblock(id).is_some()
            && let Some(client) = self.clients.get_mut(id)
        {
            write(&mut client.reply);
            self.output_added(id);
        }
    }

    /// Answers the clients whose time is up.
    pub fn serve_timeouts(&mut self) {
        while let Some(&(deadline_ms, id)) = self.blocked.deadlines.first() {
            if deadline_ms > self.env.now_ms {
                break;
            }
            self.unblock_with(id, Reply::null_array);
        }
    }

    /// Answers the clients whose memory is free.
    pub fn serve_reclaimed(&mut self) {
        while let Some(&(ticket, id)) = self.blocked.reclaiming.front() {
            if !self.env.reclaim.has_reached(ticket) {
                break;
            }
            self.unblock_with(id, Reply::ok);
        }
    }

    /// Runs the requests of clients whose keys are ready, until nothing is ready any more.
    pub fn serve_ready(&mut self) {
        if self.blocked.serving {
            return;
        }
        self.blocked.serving = true;
        // What has made the keys ready may have taken long enough for them to expire.
        self.clock.tick();
        self.thaw_time();
        while !self.blocked.ready.is_empty() {
            for (db, key) in std::mem::take(&mut self.blocked.ready) {
                let Some(waiters) = self.blocked.by_key.get(&(db, key.clone())) else { continue };
                for id in waiters.clone() {
                    let kind = self.db(db).peek(&key).map(|entry| entry.kind());
                    let wanted = self.clients.get(id).and_then(|client| client.extra()?.waiting.as_ref());
                    if kind.is_some() && wanted.is_some_and(|waiting| Some(waiting.kind) == kind) {
                        self.retry(id);
                    }
                }
            }
        }
        self.blocked.serving = false;
    }

    /// Runs a waiting client's request again.
    fn retry(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let Some(waiting) = client.extra_if_any().and_then(|extra| extra.waiting.take()) else { return };
        let mut reply = std::mem::take(&mut client.reply);
        client.flags |= ClientFlags::REEXECUTING;
        let before = reply.len();
        let done = match self.commands.resolve(waiting.args.view()) {
            Some(cmd) => self.call(id, cmd, waiting.args.view(), &mut reply, Origin::Client),
            None => true,
        };
        let replied = reply.len() > before;
        if let Some(client) = self.clients.get_mut(id) {
            client.flags -= ClientFlags::REEXECUTING;
            client.reply = reply;
            client.extra_mut().waiting = Some(waiting);
        }
        if done {
            self.unblock(id);
            if replied {
                self.output_added(id);
            }
        }
    }
}
