//! Consequences of a command, recorded as data while it runs and walked once when it is done.
//!
//! A handler that changes a key says so here; who cares (WATCH, blocked clients, notifications, replication)
//! is settled by the dispatcher afterwards. That is why the keyspace needs no clients. With nobody listening an
//! effect costs a counter: the lists are filled only for the interests that are switched on.

use bitflags::bitflags;

use super::unit::Unit;
use super::value::Type;
use crate::config::values::KeyspaceEvents;

bitflags! {
    /// Who listens at the moment.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Interest: u8 {
        /// Some client watches a key.
        const WATCH = 1;
        /// Some client waits for a key.
        const BLOCKED = 2;
        /// Some client is to be told of keys that change, or has reads remembered for that.
        const TRACK = 4;
        /// Commands are propagated to a log or to replicas.
        const PROPAGATE = 8;
    }
}

/// The class of a keyspace event, with its letter in `notify-keyspace-events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    Generic = b'g',
    String = b'$',
    List = b'l',
    Set = b's',
    Hash = b'h',
    Zset = b'z',
    Expired = b'x',
    Evicted = b'e',
    New = b'n',
    KeyMiss = b'm',
    Stream = b't',
}

impl Class {
    /// The class as the configuration names it.
    #[inline]
    pub const fn events(self) -> KeyspaceEvents {
        match self {
            Class::Generic => KeyspaceEvents::GENERIC,
            Class::String => KeyspaceEvents::STRING,
            Class::List => KeyspaceEvents::LIST,
            Class::Set => KeyspaceEvents::SET,
            Class::Hash => KeyspaceEvents::HASH,
            Class::Zset => KeyspaceEvents::ZSET,
            Class::Expired => KeyspaceEvents::EXPIRED,
            Class::Evicted => KeyspaceEvents::EVICTED,
            Class::New => KeyspaceEvents::NEW,
            Class::KeyMiss => KeyspaceEvents::KEY_MISS,
            Class::Stream => KeyspaceEvents::STREAM,
        }
    }
}

/// One consequence, in the order they happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The key was changed, created or removed.
    Touched { db: usize, key: Box<[u8]> },
    /// The key is gone by itself: it has expired, or memory was short.
    Lapsed { db: usize, key: Box<[u8]> },
    /// The key now holds a value that a blocked client may be waiting for.
    Ready { db: usize, key: Box<[u8]>, kind: Type },
    /// A keyspace event.
    Event { db: usize, class: Class, name: &'static str, key: Box<[u8]> },
}

/// What the running command has caused so far.
#[derive(Debug, Default)]
pub struct Effects {
    /// Number of changes to the dataset since the server started.
    pub dirty: u64,
    /// Who listens.
    pub interest: Interest,
    /// The types of value that clients wait for, a bit each.
    awaited: u8,
    /// The events that are published.
    heard: KeyspaceEvents,
    list: Vec<Effect>,
    /// What goes to the log and to replicas.
    pub unit: Unit,
    replaced: bool,
}

impl Effects {
    /// Whether there is something to do once a command has run: effects to walk, or reads to remember.
    #[inline]
    pub fn wants_settling(&self) -> bool {
        !self.list.is_empty() | self.interest.contains(Interest::TRACK)
    }

    /// Whether there is anything to walk.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The effects so far, which are thereby settled; the order is the order they happened in.
    pub fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.list)
    }

    /// Whether somebody is to be sent what commands do.
    #[inline]
    pub fn propagates(&self) -> bool {
        self.interest.contains(Interest::PROPAGATE)
    }

    /// Whether the command that has run said what to propagate instead of itself. The next one has not.
    #[inline]
    pub fn take_replaced(&mut self) -> bool {
        std::mem::take(&mut self.replaced)
    }

    /// Some client waits for a value of this type, or none does.
    pub fn set_awaited(&mut self, kind: Type, awaited: bool) {
        let bit = 1 << kind as u8;
        self.awaited = if awaited { self.awaited | bit } else { self.awaited & !bit };
        self.interest.set(Interest::BLOCKED, self.awaited != 0);
    }

    /// A key was changed.
    #[inline]
    pub fn touched(&mut self, db: usize, key: &[u8]) {
        if self.interest.intersects(Interest::WATCH.union(Interest::TRACK)) {
            self.list.push(Effect::Touched { db, key: key.into() });
        }
    }

    /// A key is gone by itself.
    pub fn lapsed(&mut self, db: usize, key: &[u8]) {
        if self.interest.intersects(Interest::WATCH.union(Interest::TRACK)) {
            self.list.push(Effect::Lapsed { db, key: key.into() });
        }
    }

    /// These events are published from now on, and no others.
    pub fn listen(&mut self, events: KeyspaceEvents) {
        self.heard = events;
    }

    /// A key got a value of a type that clients wait for.
    #[inline]
    pub fn ready(&mut self, db: usize, key: &[u8], kind: Type) {
        if self.awaited & (1 << kind as u8) != 0 {
            self.list.push(Effect::Ready { db, key: key.into(), kind });
        }
    }

    /// A keyspace event.
    #[inline]
    pub fn event(&mut self, db: usize, class: Class, name: &'static str, key: &[u8]) {
        if self.heard.contains(class.events()) {
            self.list.push(Effect::Event { db, class, name, key: key.into() });
        }
    }

    /// Propagates `words` instead of the command that runs; several calls propagate several commands. Used where
    /// the command as given would not have the same result elsewhere or later (random picks, relative times).
    #[inline]
    pub fn propagate(&mut self, db: usize, words: &[&[u8]]) {
        if self.propagates() {
            self.replaced = true;
            self.unit.push(db, words.iter().copied());
        }
    }

    /// Propagates `words` beside the command that runs, before it: what happened to other keys on the way (expiry,
    /// eviction).
    #[inline]
    pub fn propagate_beside(&mut self, db: usize, words: &[&[u8]]) {
        if self.propagates() {
            self.unit.push(db, words.iter().copied());
        }
    }

    /// The process ends in the middle of a unit: what it has done so far is sent to nobody.
    pub fn abandon(&mut self) {
        self.unit.clear();
    }

    /// Propagates nothing for the command that runs.
    #[inline]
    pub fn propagate_nothing(&mut self) {
        self.replaced = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_listening_nothing_recorded() {
        let mut fx = Effects::default();
        fx.touched(0, b"k");
        fx.ready(0, b"k", Type::List);
        fx.event(0, Class::Generic, "del", b"k");
        fx.propagate(0, &[b"DEL", b"k"]);
        assert!(fx.is_empty() && fx.unit.is_empty() && !fx.take_replaced());
    }

    #[test]
    fn effects_keep_their_order() {
        let mut fx = Effects { interest: Interest::all(), ..Effects::default() };
        fx.listen(KeyspaceEvents::LIST);
        fx.event(1, Class::Set, "sadd", b"k");
        fx.event(1, Class::List, "lpush", b"k");
        fx.touched(1, b"k");
        let list = fx.take();
        assert!(matches!(list[0], Effect::Event { .. }) && matches!(list[1], Effect::Touched { .. }));
        assert!(fx.is_empty());
    }

    #[test]
    fn what_is_propagated_instead_and_beside() {
        let mut fx = Effects { interest: Interest::PROPAGATE, ..Effects::default() };
        fx.propagate_beside(1, &[b"DEL", b"gone"]);
        assert!(!fx.take_replaced());
        fx.propagate(1, &[b"DEL", b"k"]);
        assert!(fx.take_replaced() && !fx.take_replaced());
        assert_eq!(fx.unit.len(), 2);
        fx.propagate_nothing();
        assert!(fx.take_replaced());
    }
}
