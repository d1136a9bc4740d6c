//! Commands that wait: a blocked command is one that has not run yet.
//!
//! A handler that finds nothing returns [`Wait`]; the client is parked under the keys it waits for, with a copy of its
//! request. When one of the keys gets a value of the right type, the request simply runs again, and either succeeds
//! or waits on, in its old place. Clients of one key are served in the order they came.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hashbrown::{Equivalent, HashMap};

use crate::keyspace::Type;
use crate::keyspace::reclaim::Ticket;
use crate::net::{ClientFlags, ClientId};
use crate::persist::aof::State;
use crate::resp::{OwnedArgs, Reply};
use crate::server::Server;

use super::error::CmdError;
use super::table::Cmd;

/// What is answered where waiting is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    Null,
    NullArray,
}

/// What ends a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// One of the keys has a value: the request runs again.
    Key,
    /// What was sent to be freed in the background is free: the answer is OK.
    Reclaimed,
    /// The append only file is safe up to `end`, if that is asked for, and so many replicas have got as far: the answer
    /// is who has.
    Logged { end: u64, local: bool, replicas: u64 },
    /// Replicas have acknowledged what the client has changed: the answer is how many. There are none.
    Replicated,
}

/// A handler's wish to wait.
#[derive(Debug)]
pub struct Wait {
    pub until: Until,
    /// Keys of the selected database, any of which will do.
    pub keys: Vec<Box<[u8]>>,
    /// The type of value that can end the wait.
    pub kind: Type,
    /// How long at most, in ms from now; 0: for ever.
    pub timeout_ms: u64,
    /// What to answer inside a transaction, where nobody waits.
    pub denied: Nothing,
    /// The wait ends, too, when what a key holds is gone, or is of another type: the request runs again and says so.
    pub or_gone: bool,
    /// When the request is to run again although nothing has happened to the keys, in unix ms; 0: never.
    pub alarm_ms: u64,
    /// The request to run again, where it is not the one that ran first.
    pub again: Option<OwnedArgs>,
}

impl Wait {
    /// A wait for something else than a key.
    pub fn without_keys(until: Until, timeout_ms: u64) -> Wait {
        Wait { until, timeout_ms, ..Wait::for_keys(Vec::new(), Type::String, 0, Nothing::Null) }
    }

    /// A wait for a value of this type under one of these keys.
    pub fn for_keys(keys: Vec<Box<[u8]>>, kind: Type, timeout_ms: u64, denied: Nothing) -> Wait {
        Wait { until: Until::Key, keys, kind, timeout_ms, denied, or_gone: false, alarm_ms: 0, again: None }
    }
}

/// A client's wait in progress.
pub struct Waiting {
    pub until: Until,
    pub args: OwnedArgs,
    pub cmd: &'static Cmd,
    pub db: usize,
    pub keys: Vec<Box<[u8]>>,
    pub kind: Type,
    /// Whether it ends when what a key holds is gone.
    or_gone: bool,
    /// When it gives up, in unix ms; 0: never.
    pub deadline_ms: u64,
    /// When its request is to run again in any case, in unix ms; 0: never.
    alarm_ms: u64,
    /// When it began, in monotonic ns.
    pub since_ns: u64,
    /// How long its request has run so far.
    pub spent_ns: u64,
    /// Its place among those who wait.
    turn: u64,
}

impl Waiting {
    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        size_of::<Waiting>() + self.args.mem_bytes() + self.keys.iter().map(|key| key.len() + 16).sum::<usize>()
    }
}

/// A key of a database, owned.
type Name = (usize, Box<[u8]>);

/// The same, borrowed, to look for one.
#[derive(Hash)]
struct NameRef<'a>(usize, &'a [u8]);

impl Equivalent<Name> for NameRef<'_> {
    fn equivalent(&self, name: &Name) -> bool {
        self.0 == name.0 && *self.1 == *name.1
    }
}

/// Those who wait for one key.
#[derive(Default)]
struct Waiters {
    /// By the order they came in.
    queue: BTreeMap<u64, ClientId>,
    /// Whether the key is on the list of those that are ready.
    ready: bool,
    /// How many of them also wait for what it holds to go.
    or_gone: usize,
}

/// Who waits for what.
#[derive(Default)]
pub struct Blocked {
    by_key: HashMap<Name, Waiters>,
    deadlines: BTreeSet<(u64, ClientId)>,
    /// Clients whose requests are to run again at some moment, in unix ms.
    alarms: BTreeSet<(u64, ClientId)>,
    /// The moment that the request which was run again last has asked for.
    asked_ms: u64,
    /// Keys that got something, in order.
    ready: Vec<Name>,
    /// Clients that wait for memory to be freed, in order.
    reclaiming: VecDeque<(Ticket, ClientId)>,
    /// Clients that wait for the append only file, in order.
    logging: VecDeque<ClientId>,
    /// Clients that wait.
    pub len: usize,
    /// How many of them wait for a value of each type.
    by_kind: [usize; Type::ALL.len()],
    next_turn: u64,
    serving: bool,
}

impl Blocked {
    /// Number of keys somebody waits for.
    pub fn key_count(&self) -> usize {
        self.by_key.len()
    }

    /// Number of keys of which somebody waits for what they hold to go.
    pub fn gone_key_count(&self) -> usize {
        self.by_key.values().filter(|waiters| waiters.or_gone > 0).count()
    }

    /// Number of clients with a deadline.
    pub fn timeout_count(&self) -> usize {
        self.deadlines.len()
    }

    /// When the next client will have waited long enough, or is to look again, in unix ms.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let deadline = self.deadlines.first().map(|(deadline, _)| deadline.saturating_add(1));
        let alarm = self.alarms.first().map(|(alarm, _)| *alarm);
        deadline.into_iter().chain(alarm).min()
    }

    /// Whether somebody waits for this key.
    pub fn is_waited_for(&self, db: usize, key: &[u8]) -> bool {
        self.by_key.contains_key(&NameRef(db, key))
    }

    /// Notes that a key got something somebody may wait for.
    pub fn key_ready(&mut self, db: usize, key: Box<[u8]>) {
        if let Some(waiters) = self.by_key.get_mut(&NameRef(db, &key))
            && !waiters.ready
        {
            waiters.ready = true;
            self.ready.push((db, key));
        }
    }

    /// Whether clients wait for memory to be freed.
    pub fn awaits_reclaim(&self) -> bool {
        !self.reclaiming.is_empty()
    }

    /// Whether keys are ready for clients that wait.
    #[inline]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty() && !self.serving
    }

    /// Notes that every waited-for key of a database may have changed (SWAPDB).
    pub fn database_ready(&mut self, db: usize) {
        let mut keys: Vec<_> = self.by_key.iter().filter(|((index, _), _)| *index == db).collect();
        keys.sort_unstable_by_key(|(_, waiters)| waiters.queue.keys().next().copied());
        let keys: Vec<_> = keys.into_iter().map(|(name, _)| name.1.clone()).collect();
        for key in keys {
            self.key_ready(db, key);
        }
    }

    /// Whether somebody waits for what the key holds to go.
    fn ends_when_gone(&self, db: usize, key: &[u8]) -> bool {
        self.by_key.get(&NameRef(db, key)).is_some_and(|waiters| waiters.or_gone > 0)
    }

    /// Who comes next in the queue for a key, from this turn on.
    fn next_waiter(&self, db: usize, key: &[u8], from: u64) -> Option<(u64, ClientId)> {
        let waiters = self.by_key.get(&NameRef(db, key))?;
        waiters.queue.range(from..).next().map(|(turn, id)| (*turn, *id))
    }
}

impl Server {
    /// Parks a client whose request returned `wait`, after it has run for `spent_ns`.
    pub fn block(&mut self, id: ClientId, cmd: &'static Cmd, args: OwnedArgs, wait: Wait, spent_ns: u64) {
        let now_ns = self.clock.now_ns;
        let deadline_ms = if wait.timeout_ms == 0 { 0 } else { self.env.now_ms.saturating_add(wait.timeout_ms).max(1) };
        let Some(client) = self.clients.get_mut(id) else { return };
        let db = client.db as usize;
        let turn = self.blocked.next_turn;
        self.blocked.next_turn += 1;
        for key in &wait.keys {
            let waiters = self.blocked.by_key.entry((db, key.clone())).or_default();
            if waiters.queue.insert(turn, id).is_none() && wait.or_gone {
                waiters.or_gone += 1;
            }
        }
        match wait.until {
            Until::Key => {
                self.blocked.by_kind[wait.kind as usize] += 1;
                self.env.fx.set_awaited(wait.kind, true);
            }
            Until::Reclaimed => {
                self.blocked.reclaiming.push_back((self.env.reclaim.ticket(), id));
                self.env.reclaim.set_awaited(true);
            }
            Until::Logged { .. } => {
                self.blocked.logging.push_back(id);
                self.aof.syncer.set_awaited(true);
            }
            Until::Replicated => {}
        }
        if deadline_ms != 0 {
            self.blocked.deadlines.insert((deadline_ms, id));
        }
        if wait.alarm_ms != 0 {
            self.blocked.alarms.insert((wait.alarm_ms, id));
        }
        client.flags |= ClientFlags::BLOCKED;
        let Wait { until, keys, kind, or_gone, again, alarm_ms, .. } = wait;
        let args = again.unwrap_or(args);
        let since_ns = now_ns;
        let waiting = Waiting { until, args, cmd, db, keys, kind, or_gone, deadline_ms, alarm_ms, since_ns, spent_ns, turn };
        client.extra_mut().waiting = Some(Box::new(waiting));
        self.blocked.len += 1;
    }

    /// Ends a client's wait, whatever the reason; the request it waited with is returned.
    pub fn unblock(&mut self, id: ClientId) -> Option<Box<Waiting>> {
        let client = self.clients.get_mut(id)?;
        let waiting = client.extra_if_any()?.waiting.take()?;
        client.flags -= ClientFlags::BLOCKED | ClientFlags::REPLY_SKIP;
        client.shed_extra();
        for key in &waiting.keys {
            let name = NameRef(waiting.db, key);
            if let Some(waiters) = self.blocked.by_key.get_mut(&name) {
                if waiters.queue.remove(&waiting.turn).is_some() && waiting.or_gone {
                    waiters.or_gone -= 1;
                }
                if waiters.queue.is_empty() {
                    self.blocked.by_key.remove(&name);
                }
            }
        }
        match waiting.until {
            Until::Key => {
                let count = &mut self.blocked.by_kind[waiting.kind as usize];
                *count -= 1;
                if *count == 0 {
                    self.env.fx.set_awaited(waiting.kind, false);
                }
            }
            Until::Reclaimed => {
                self.blocked.reclaiming.retain(|(_, waiter)| *waiter != id);
                self.env.reclaim.set_awaited(!self.blocked.reclaiming.is_empty());
            }
            Until::Logged { .. } => {
                self.blocked.logging.retain(|waiter| *waiter != id);
                self.aof.syncer.set_awaited(!self.blocked.logging.is_empty());
            }
            Until::Replicated => {}
        }
        if waiting.deadline_ms != 0 {
            self.blocked.deadlines.remove(&(waiting.deadline_ms, id));
        }
        if waiting.alarm_ms != 0 {
            self.blocked.alarms.remove(&(waiting.alarm_ms, id));
        }
        self.blocked.len -= 1;
        self.look_again(id);
        Some(waiting)
    }

    /// Ends a client's wait with a reply of `write`'s making.
    fn unblock_with(&mut self, id: ClientId, write: impl FnOnce(&mut Reply)) -> Option<Box<Waiting>> {
        let silent = self.clients.get(id)?.has(ClientFlags::REPLY_OFF | ClientFlags::REPLY_SKIP);
        let waiting = self.unblock(id)?;
        if let Some(client) = self.clients.get_mut(id)
            && !silent
        {
            write(&mut client.reply);
            self.output_added(id);
        }
        Some(waiting)
    }

    /// Ends a client's wait as if its time were up, or with an error. `false`: it waits for nothing that could be given up.
    pub fn give_up_waiting(&mut self, id: ClientId, error: Option<&CmdError>) -> bool {
        let waiting = self.clients.get(id).and_then(|client| client.extra()?.waiting.as_ref());
        let until = match waiting {
            None => return false,
            Some(waiting) if waiting.until == Until::Reclaimed => return false,
            Some(waiting) => waiting.until,
        };
        let is_safe = matches!(until, Until::Logged { end, .. } if self.aof.is_safe(end));
        let waiting = self.unblock_with(id, |reply| match (error, until) {
            (Some(error), _) => reply.error(&error.0),
            (None, Until::Logged { .. }) => logged(reply, is_safe),
            (None, Until::Replicated) => reply.int(0),
            (None, _) => reply.null_array(),
        });
        if let Some(waiting) = waiting {
            if let Some(error) = error {
                self.stats.commands[waiting.cmd.id as usize].failed += 1;
                self.stats.error(error.code());
            }
            if let Some(client) = self.clients.get_mut(id) {
                client.commands += 1;
            }
            self.ran(id, waiting.cmd, waiting.args.view(), waiting.spent_ns);
        }
        true
    }

    /// Answers the clients whose time is up.
    pub fn serve_timeouts(&mut self) {
        while let Some(&(deadline_ms, id)) = self.blocked.deadlines.first() {
            if deadline_ms >= self.env.now_ms {
                break;
            }
            self.give_up_waiting(id, None);
        }
        while let Some(&(alarm_ms, id)) = self.blocked.alarms.first() {
            if alarm_ms > self.env.now_ms {
                break;
            }
            self.blocked.alarms.pop_first();
            let Some(client) = self.clients.get_mut(id) else { continue };
            let Some(waiting) = client.extra_if_any().and_then(|extra| extra.waiting.as_mut()) else { continue };
            waiting.alarm_ms = 0;
            for key in &waiting.keys {
                self.blocked.key_ready(waiting.db, key.clone());
            }
        }
    }

    /// Notes when a request that has run again in vain wants to look once more, in unix ms; 0: never.
    pub(super) fn ask_alarm(&mut self, alarm_ms: u64) {
        self.blocked.asked_ms = alarm_ms;
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

    /// Answers the clients whose changes the append only file has made safe; called when it has been written.
    pub fn serve_logged(&mut self) {
        if self.blocked.logging.is_empty() {
            return;
        }
        let is_off = self.aof.state == State::Off;
        for id in self.blocked.logging.clone() {
            let waiting = self.clients.get(id).and_then(|client| client.extra()?.waiting.as_ref());
            let Some(Until::Logged { end, local, replicas }) = waiting.map(|waiting| waiting.until) else { continue };
            if local && is_off {
                self.give_up_waiting(id, Some(&NO_LOG));
            } else if replicas == 0 && (!local || self.aof.is_safe(end)) {
                self.give_up_waiting(id, None);
            }
        }
    }

    /// Runs the requests of clients whose keys are ready, until nothing is ready any more. While writes are held back
    /// by CLIENT PAUSE, so are these.
    pub fn serve_ready(&mut self) {
        if self.blocked.serving || self.scripts.is_running() || self.pause.scope().is_some() {
            return;
        }
        self.blocked.serving = true;
        // What has made the keys ready may have taken long enough for them to expire.
        self.clock.tick();
        self.thaw_time();
        while !self.blocked.ready.is_empty() {
            for (db, key) in std::mem::take(&mut self.blocked.ready) {
                self.serve_key(db, &key);
            }
        }
        self.blocked.serving = false;
    }

    /// Runs the requests of those who wait for this key now, in turn, as long as there is something for them.
    fn serve_key(&mut self, db: usize, key: &[u8]) {
        let Some(waiters) = self.blocked.by_key.get_mut(&NameRef(db, key)) else { return };
        waiters.ready = false;
        let end = self.blocked.next_turn;
        let mut from = 0;
        while let Some((turn, id)) = self.blocked.next_waiter(db, key, from)
            && turn < end
        {
            let kind = self.kind_of(db, key);
            if kind.is_none() && !self.blocked.ends_when_gone(db, key) {
                break;
            }
            from = turn + 1;
            let Some(client) = self.clients.get(id) else { continue };
            let waiting = client.extra().and_then(|extra| extra.waiting.as_ref());
            if waiting.is_some_and(|waiting| waiting.or_gone || Some(waiting.kind) == kind) && !client.is_closing() {
                self.retry(id);
            }
        }
    }

    /// The type of what a key holds, if it has not expired. Nothing happens to it.
    fn kind_of(&self, db: usize, key: &[u8]) -> Option<Type> {
        let data = &self.dbs[db];
        let entry = data.at(data.locate(crate::util::hash::hash(key), key)?);
        let due = entry.expiry_ms().is_some_and(|when| self.env.now_ms > when);
        (!due).then(|| entry.kind())
    }

    /// Runs a waiting client's request again.
    fn retry(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let Some(mut waiting) = client.extra_if_any().and_then(|extra| extra.waiting.take()) else { return };
        let resp3 = client.reply.resp3;
        let mut reply = std::mem::take(&mut client.reply);
        client.reply.resp3 = resp3;
        client.flags |= ClientFlags::REEXECUTING | ClientFlags::LENT;
        let current = self.net.current.replace(id);
        let silent = client.has(ClientFlags::REPLY_OFF | ClientFlags::REPLY_SKIP);
        let before = reply.len();
        let began_ns = self.clock.tick();
        let done = self.serve_again(id, waiting.cmd, waiting.args.view(), &mut reply);
        self.send_put_off();
        self.net.current = current;
        if silent {
            reply.buf.truncate(before);
        }
        waiting.spent_ns += self.clock.now_ns.saturating_sub(began_ns);
        let mut replied = false;
        if let Some(client) = self.clients.get_mut(id) {
            client.flags -= ClientFlags::REEXECUTING | ClientFlags::LENT;
            reply.buf.append(&mut client.reply.buf);
            replied = reply.len() > before;
            client.reply = reply;
            if !done {
                self.blocked.alarms.remove(&(waiting.alarm_ms, id));
                waiting.alarm_ms = std::mem::take(&mut self.blocked.asked_ms);
                if waiting.alarm_ms != 0 {
                    self.blocked.alarms.insert((waiting.alarm_ms, id));
                }
            }
            client.extra_mut().waiting = Some(waiting);
            client.commands += u64::from(done);
        }
        if done {
            self.unblock(id);
        }
        if replied {
            self.output_added(id);
        }
    }
}

/// The error for who waits for a log that there is not.
pub const NO_LOG: CmdError = CmdError::text("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");

/// WAITAOF's answer: whether the local log is safe as far as was asked, and how many replicas have got as far.
pub fn logged(reply: &mut Reply, is_safe: bool) {
    reply.array(2);
    reply.int(i64::from(is_safe));
    reply.int(0);
}

#[cfg(test)]
mod tests;
