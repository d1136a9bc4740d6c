//! Who listens to what, from both ends: by name for whoever publishes, by client for whoever subscribes or leaves.
//!
//! What always holds: a client is among a name's subscribers exactly when the name is among the client's; a name nobody
//! listens to is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::rc::Rc;

use hashbrown::HashMap;

use crate::net::{ClientFlags, ClientId, Clients};
use crate::server::Server;
use crate::sys::defrag::Mover;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Channel,
    /// Every channel that matches.
    Pattern,
    /// A channel of the shard: of its own kind, and counted apart.
    Shard,
}

/// The clients that listen to a name. Most names have one listener, which takes no memory of its own.
pub enum Subscribers {
    Few(Option<ClientId>),
    Many(Box<BTreeSet<ClientId>>),
}

impl Default for Subscribers {
    fn default() -> Self {
        Subscribers::Few(None)
    }
}

impl Subscribers {
    pub fn len(&self) -> usize {
        match self {
            Subscribers::Few(one) => usize::from(one.is_some()),
            Subscribers::Many(all) => all.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &ClientId> {
        let (one, many) = match self {
            Subscribers::Few(one) => (one.as_ref(), None),
            Subscribers::Many(all) => (None, Some(all)),
        };
        one.into_iter().chain(many.into_iter().flat_map(|all| all.iter()))
    }

    fn insert(&mut self, id: ClientId) {
        match self {
            Subscribers::Few(Some(one)) if *one != id => *self = Subscribers::Many(Box::new(BTreeSet::from([*one, id]))),
            Subscribers::Few(one) => *one = Some(id),
            Subscribers::Many(all) => drop(all.insert(id)),
        }
    }

    fn remove(&mut self, id: ClientId) {
        match self {
            Subscribers::Few(one) => *one = one.filter(|one| *one != id),
            Subscribers::Many(all) => {
                all.remove(&id);
                if all.len() <= 1 {
                    *self = Subscribers::Few(all.first().copied());
                }
            }
        }
    }
}

/// Everything that is listened to.
#[derive(Default)]
pub struct PubSub {
    pub channels: HashMap<Rc<[u8]>, Subscribers>,
    /// In order, so that a client gets messages by several patterns in the same order each time.
    pub patterns: BTreeMap<Rc<[u8]>, Subscribers>,
    pub shards: HashMap<Rc<[u8]>, Subscribers>,
    /// Clients that listen to something.
    pub clients: usize,
}

impl PubSub {
    /// Whether somebody may get what is published to channels.
    pub fn has_listeners(&self) -> bool {
        !self.channels.is_empty() || !self.patterns.is_empty()
    }

    /// Number of clients that listen to a name.
    pub fn count(&self, kind: Kind, name: &[u8]) -> usize {
        let subscribers = match kind {
            Kind::Channel => self.channels.get(name),
            Kind::Pattern => self.patterns.get(name),
            Kind::Shard => self.shards.get(name),
        };
        subscribers.map_or(0, |subscribers| subscribers.len())
    }

    /// Adds a client to a name's subscribers; returns the name as it is kept.
    fn add(&mut self, kind: Kind, name: &[u8], id: ClientId) -> Rc<[u8]> {
        let by_hash = |map: &mut HashMap<Rc<[u8]>, Subscribers>| {
            let name = map.get_key_value(name).map_or_else(|| Rc::from(name), |(name, _)| Rc::clone(name));
            map.entry(Rc::clone(&name)).or_default().insert(id);
            name
        };
        match kind {
            Kind::Channel => by_hash(&mut self.channels),
            Kind::Shard => by_hash(&mut self.shards),
            Kind::Pattern => {
                let name = self.patterns.get_key_value(name).map_or_else(|| Rc::from(name), |(name, _)| Rc::clone(name));
                self.patterns.entry(Rc::clone(&name)).or_default().insert(id);
                name
            }
        }
    }

    /// Has `mover` look at some names that a client listens to, those behind `after`, and keeps them in new blocks where that is
    /// worth it; the new names go to all that listen, unless there are more than `listeners_max`. Returns the last one looked
    /// at, if there may be more.
    pub fn defrag(
        &mut self,
        clients: &mut Clients,
        id: ClientId,
        after: Option<Name>,
        listeners_max: usize,
        mover: &mut Mover,
    ) -> Option<Name> {
        let extra = clients.get(id)?.extra()?;
        let mut last = None;
        for (kind, name) in extra.subscriptions.names_after(after, DEFRAG_NAMES) {
            if self.count(kind, &name) <= listeners_max && mover.wants_shared(&name) {
                self.renew(clients, kind, &name);
            }
            last = Some((kind, name));
        }
        last
    }

    /// Keeps a name in a new block.
    fn renew(&mut self, clients: &mut Clients, kind: Kind, name: &Rc<[u8]>) {
        let fresh: Rc<[u8]> = Rc::from(&**name);
        let subscribers = match kind {
            Kind::Channel => self.channels.remove(name),
            Kind::Pattern => self.patterns.remove(name),
            Kind::Shard => self.shards.remove(name),
        };
        let Some(subscribers) = subscribers else { return };
        for id in subscribers.iter() {
            if let Some(client) = clients.get_mut(*id) {
                client.extra_mut().subscriptions.names[kind as usize].replace(Rc::clone(&fresh));
            }
        }
        match kind {
            Kind::Channel => drop(self.channels.insert(fresh, subscribers)),
            Kind::Pattern => drop(self.patterns.insert(fresh, subscribers)),
            Kind::Shard => drop(self.shards.insert(fresh, subscribers)),
        }
    }

    fn remove(&mut self, kind: Kind, name: &[u8], id: ClientId) {
        let subscribers = match kind {
            Kind::Channel => self.channels.get_mut(name),
            Kind::Pattern => self.patterns.get_mut(name),
            Kind::Shard => self.shards.get_mut(name),
        };
        let Some(subscribers) = subscribers else { return };
        subscribers.remove(id);
        if !subscribers.is_empty() {
            return;
        }
        match kind {
            Kind::Channel => drop(self.channels.remove(name)),
            Kind::Pattern => drop(self.patterns.remove(name)),
            Kind::Shard => drop(self.shards.remove(name)),
        }
    }
}

/// A name as it is kept.
pub type Name = (Kind, Rc<[u8]>);

/// Names that one call of [`PubSub::defrag`] looks at.
const DEFRAG_NAMES: usize = 16;

/// What a subscription costs a client beside its name, in bytes: a place here and one among the name's subscribers.
const SUBSCRIPTION_BYTES: usize = 64;

/// What one client listens to.
#[derive(Default)]
pub struct Subscriptions {
    names: [BTreeSet<Rc<[u8]>>; 3],
    bytes: usize,
}

impl Subscriptions {
    /// Number of names of this kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.names[kind as usize].len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.iter().all(BTreeSet::is_empty)
    }

    /// Some names behind this one, in order of kind and name.
    fn names_after(&self, after: Option<Name>, count: usize) -> Vec<Name> {
        let kinds = [Kind::Channel, Kind::Pattern, Kind::Shard];
        let of_kind = |kind: Kind| {
            let start = match &after {
                Some((past, _)) if (*past as u8) > kind as u8 => return None,
                Some((past, name)) if *past == kind => Bound::Excluded(&**name),
                _ => Bound::Unbounded,
            };
            let names = self.names[kind as usize].range::<[u8], _>((start, Bound::Unbounded));
            Some(names.map(move |name| (kind, Rc::clone(name))))
        };
        kinds.into_iter().filter_map(of_kind).flatten().take(count).collect()
    }

    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        self.bytes
    }
}

impl Server {
    /// Numbers of channels, patterns and sharded channels a client listens to.
    pub fn subscription_counts(&self, id: ClientId) -> (usize, usize, usize) {
        let Some(extra) = self.clients.get(id).and_then(|client| client.extra()) else { return (0, 0, 0) };
        let count = |kind| extra.subscriptions.count(kind);
        (count(Kind::Channel), count(Kind::Pattern), count(Kind::Shard))
    }

    /// Makes a client listen to a name, if it does not yet.
    pub fn subscribe(&mut self, id: ClientId, kind: Kind, name: &[u8]) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if client.extra().is_some_and(|extra| extra.subscriptions.names[kind as usize].contains(name)) {
            return;
        }
        let kept = self.pubsub.add(kind, name, id);
        let subscriptions = &mut client.extra_mut().subscriptions;
        subscriptions.bytes += SUBSCRIPTION_BYTES + name.len();
        subscriptions.names[kind as usize].insert(kept);
        if !client.has(ClientFlags::PUBSUB) {
            client.flags |= ClientFlags::PUBSUB;
            self.pubsub.clients += 1;
        }
        self.update_listening();
    }

    /// Makes a client stop listening to a name, if it does.
    pub fn unsubscribe(&mut self, id: ClientId, kind: Kind, name: &[u8]) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let Some(extra) = client.extra_if_any() else { return };
        if !extra.subscriptions.names[kind as usize].remove(name) {
            return;
        }
        extra.subscriptions.bytes -= SUBSCRIPTION_BYTES + name.len();
        if extra.subscriptions.is_empty() {
            client.flags -= ClientFlags::PUBSUB;
            client.shed_extra();
            self.pubsub.clients -= 1;
        }
        self.pubsub.remove(kind, name, id);
        self.update_listening();
    }

    /// The names of one kind a client listens to.
    pub fn subscribed_names(&self, id: ClientId, kind: Kind) -> Vec<Rc<[u8]>> {
        let extra = self.clients.get(id).and_then(|client| client.extra());
        extra.map_or_else(Vec::new, |extra| extra.subscriptions.names[kind as usize].iter().cloned().collect())
    }

    /// Makes a client stop listening to anything.
    pub fn unsubscribe_all(&mut self, id: ClientId) {
        for kind in [Kind::Channel, Kind::Shard, Kind::Pattern] {
            for name in self.subscribed_names(id, kind) {
                self.unsubscribe(id, kind, &name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::testing::Session;

    /// Random subscribing, unsubscribing and leaving, against a plain list of pairs.
    #[test]
    fn both_ends_agree() {
        let mut session = Session::new();
        let mut rng = fastrand::Rng::with_seed(5);
        let mut clients: Vec<ClientId> = (0..6).map(|_| session.connect()).collect();
        let mut model: BTreeSet<(ClientId, u8, String)> = BTreeSet::new();
        const KINDS: [Kind; 3] = [Kind::Channel, Kind::Pattern, Kind::Shard];
        for _ in 0..3000 {
            let at = rng.usize(..clients.len());
            let (id, kind, name) = (clients[at], KINDS[rng.usize(..3)], format!("n{}", rng.u8(..5)));
            match rng.u8(..20) {
                0 => {
                    session.server.close_client(id);
                    model.retain(|(other, ..)| *other != id);
                    clients[at] = session.connect();
                }
                1 => {
                    session.server.unsubscribe_all(id);
                    model.retain(|(other, ..)| *other != id);
                }
                2..10 => {
                    session.server.unsubscribe(id, kind, name.as_bytes());
                    model.remove(&(id, kind as u8, name));
                }
                _ => {
                    session.server.subscribe(id, kind, name.as_bytes());
                    model.insert((id, kind as u8, name));
                }
            }
            let server = &session.server;
            for kind in KINDS {
                for n in 0..5 {
                    let name = format!("n{n}");
                    let expected = model.iter().filter(|(_, k, other)| *k == kind as u8 && *other == name).count();
                    assert_eq!(server.pubsub.count(kind, name.as_bytes()), expected);
                }
            }
            let listening: BTreeSet<ClientId> = model.iter().map(|(id, ..)| *id).collect();
            assert_eq!(server.pubsub.clients, listening.len());
            for id in &clients {
                let client = server.clients.get(*id).unwrap();
                assert_eq!(client.has(ClientFlags::PUBSUB), listening.contains(id));
                let (channels, patterns, shards) = server.subscription_counts(*id);
                assert_eq!(channels + patterns + shards, model.iter().filter(|(other, ..)| other == id).count());
                assert_eq!(client.extra().is_none(), !listening.contains(id));
            }
        }
    }
}
