//! A database in the hands of a command: lookups that honour expiry, and changes that leave their effects.
//!
//! [`Env`] is what every database shares (configuration, frozen time, effects, figures); a [`Db`] is one database
//! with that environment: everything a data command can reach. What always holds: no method hands out a key that
//! has expired; every change to the key set keeps index, histogram and effects in step.

use std::borrow::Cow;

use super::access;
use super::database::{Database, Mut, free_effort};
use super::effects::{Class, Effects};
use super::entry::{Entry, as_int};
use super::reclaim::Reclaim;
use super::table::Loc;
use super::value::{Ref, Type, Typed, Value};
use crate::config::Config;
use crate::util::hash::hash;

/// The key holds a value of another type than the command works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongType;

/// Counters of what happened to keys.
#[derive(Debug, Clone, Default)]
pub struct KeyStats {
    pub hits: u64,
    pub misses: u64,
    pub expired: u64,
    /// Fields of hashes, not keys.
    pub expired_elems: u64,
    pub evicted: u64,
}

/// The hash of a request's first key, which was computed before the command runs. It is recognised by address.
#[derive(Debug, Clone, Copy, Default)]
pub struct HashHint {
    start: usize,
    len: usize,
    hash: u64,
}

impl HashHint {
    #[inline]
    pub fn new(key: &[u8], hash: u64) -> HashHint {
        HashHint { start: key.as_ptr().addr(), len: key.len(), hash }
    }
}

/// What all databases share.
pub struct Env {
    pub config: Config,
    pub fx: Effects,
    /// Unix time, frozen while a command runs.
    pub now_ms: u64,
    pub stats: KeyStats,
    pub rng: fastrand::Rng,
    pub reclaim: Reclaim,
    /// How access clocks are kept; follows `maxmemory-policy`.
    pub access: access::Policy,
    /// Set while lookups must leave access clocks alone (CLIENT NO-TOUCH).
    pub no_touch: bool,
    /// A script runs: what it sees must not depend on an order that nobody has asked for.
    pub in_script: bool,
    /// The same while a forked child shares the memory.
    pub clocks_frozen: bool,
    /// Set while keys that are due must stay (writes are paused): they are hidden, not removed.
    pub expiry_paused: bool,
    /// Set while the dataset is loaded: no key is due before all of it is there.
    pub loading: bool,
    /// No key is due before this moment, in unix ms, as far as has been said ([`Env::expires`]).
    pub next_expiry_ms: u64,
    /// Size from which a list's element gets a node of its own, where tests lower it; 0: as configured.
    pub packed_threshold_bytes: u32,
    pub hint: HashHint,
    /// Whether tests have asked for checksums of dumps and snapshots to be taken on trust.
    pub skip_checksums: bool,
}

impl Env {
    /// An environment at the start of time, with this configuration.
    pub fn new(config: Config) -> Env {
        Env {
            config,
            fx: Effects::default(),
            now_ms: 0,
            stats: KeyStats::default(),
            rng: fastrand::Rng::new(),
            reclaim: Reclaim::default(),
            access: access::Policy::default(),
            no_touch: false,
            in_script: false,
            clocks_frozen: false,
            expiry_paused: false,
            loading: false,
            next_expiry_ms: u64::MAX,
            packed_threshold_bytes: 0,
            hint: HashHint::default(),
            skip_checksums: false,
        }
    }

    /// The key's hash: the one that came with the request, if it is that key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        if self.hint.start == key.as_ptr().addr() && self.hint.len == key.len() { self.hint.hash } else { hash(key) }
    }

    /// A key has got this expiry.
    #[inline]
    pub fn expires(&mut self, expiry_ms: Option<u64>) {
        if let Some(when_ms) = expiry_ms {
            self.next_expiry_ms = self.next_expiry_ms.min(when_ms);
        }
    }

    /// A clock for an entry made now.
    #[inline]
    fn fresh_clock(&self) -> u32 {
        access::fresh(self.access, self.now_ms)
    }
}

/// A value on its way to another key, with what belongs to it: see [`Db::lift`].
pub struct Lifted {
    value: Value,
    expiry_ms: Option<u64>,
    clock: u32,
}

/// One database and its environment, for the length of a command.
pub struct Db<'a> {
    pub index: usize,
    pub data: &'a mut Database,
    pub env: &'a mut Env,
}

impl Db<'_> {
    /// The key's hash and place, if it is there and has not expired. An expired key is removed on the way.
    #[inline]
    pub(super) fn locate(&mut self, key: &[u8]) -> (u64, Option<Loc>) {
        let hash = self.env.hash(key);
        let Some(loc) = self.data.locate(hash, key) else { return (hash, None) };
        match self.data.at(loc).expiry_ms() {
            Some(when) if self.env.now_ms > when && !self.env.loading => {
                if !self.env.expiry_paused {
                    self.expire_at(hash, loc);
                }
                (hash, None)
            }
            _ => (hash, Some(loc)),
        }
    }

    /// Hashes a key that will be used soon, and brings its bucket closer.
    pub fn prefetch(&self, key: &[u8]) -> u64 {
        let hash = self.env.hash(key);
        self.data.prefetch_bucket(hash);
        hash
    }

    /// Says that the next key to be used is this one, whose hash is known.
    #[inline]
    pub fn expect(&mut self, key: &[u8], hash: u64) {
        self.env.hint = HashHint::new(key, hash);
    }

    /// Removes the entry at a place because its time has come.
    #[cold]
    pub fn expire_at(&mut self, hash: u64, loc: Loc) {
        let entry = self.data.remove(hash, loc);
        self.env.stats.expired += 1;
        self.env.fx.event(self.index, Class::Expired, "expired", entry.key());
        self.env.fx.lapsed(self.index, entry.key());
        let word: &[u8] = if self.env.config.lazyfree_lazy_expire { b"UNLINK" } else { b"DEL" };
        self.env.fx.propagate_beside(self.index, &[word, entry.key()]);
        self.gone(entry.key(), entry.kind());
        self.discard(entry, self.env.config.lazyfree_lazy_expire);
    }

    /// Removes the entry at a place because memory is short; returns the bytes that are on their way to be freed in the
    /// background.
    pub fn evict_at(&mut self, hash: u64, loc: Loc) -> usize {
        let entry = self.data.remove(hash, loc);
        let lazily = self.env.config.lazyfree_lazy_eviction;
        self.env.stats.evicted += 1;
        let word: &[u8] = if lazily { b"UNLINK" } else { b"DEL" };
        self.env.fx.propagate_beside(self.index, &[word, entry.key()]);
        self.env.fx.lapsed(self.index, entry.key());
        self.env.fx.event(self.index, Class::Evicted, "evicted", entry.key());
        self.gone(entry.key(), entry.kind());
        let bytes = if lazily { entry.mem_bytes() } else { 0 };
        if self.discard(entry, lazily) { bytes } else { 0 }
    }

    /// Drops an entry: here, or in the background when asked to and worth it (`true`).
    #[inline]
    fn discard(&mut self, entry: Entry, lazily: bool) -> bool {
        match entry.kind() {
            Type::String => drop(entry),
            _ => {
                let value = entry.into_value();
                if lazily && free_effort(&value) > Reclaim::EFFORT_MIN {
                    self.env.reclaim.value(value);
                    return true;
                }
            }
        }
        false
    }

    /// Says that a value is gone from its key: whoever waits for a stream may wait for what was in it.
    #[inline]
    fn gone(&mut self, key: &[u8], kind: Type) {
        if kind == Type::Stream {
            self.env.fx.ready(self.index, key, Type::Stream);
        }
    }

    /// Notes that the entry at a place was used.
    #[inline]
    fn touch(&mut self, loc: Loc) {
        if self.env.no_touch || self.env.clocks_frozen {
            return;
        }
        let entry = self.data.at_mut(loc);
        let clock = access::used(entry.clock(), self.env.access, self.env.now_ms, &mut self.env.rng);
        entry.set_clock(clock);
    }

    /// The value, for a command that reads it: counted as hit or miss, and as a use.
    #[inline]
    pub fn read(&mut self, key: &[u8]) -> Option<Ref<'_>> {
        match self.locate(key).1 {
            Some(loc) => {
                self.env.stats.hits += 1;
                self.touch(loc);
                Some(self.data.at(loc).value())
            }
            None => {
                self.missed(key);
                None
            }
        }
    }

    #[inline]
    fn missed(&mut self, key: &[u8]) {
        self.env.stats.misses += 1;
        self.env.fx.event(self.index, Class::KeyMiss, "keymiss", key);
    }

    /// The entry, for a command that asks about the key but does not use it (EXISTS, TTL, TYPE): counted as hit or
    /// miss, not touched.
    pub fn inspect(&mut self, key: &[u8]) -> Option<&Entry> {
        match self.locate(key).1 {
            Some(loc) => {
                self.env.stats.hits += 1;
                Some(self.data.at(loc))
            }
            None => {
                self.missed(key);
                None
            }
        }
    }

    /// The entry, looked at behind the scenes (OBJECT, DEBUG, waiting clients): neither counted nor touched.
    pub fn peek(&mut self, key: &[u8]) -> Option<&Entry> {
        let loc = self.locate(key).1?;
        Some(self.data.at(loc))
    }

    /// Whether the key is there; not counted.
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.locate(key).1.is_some()
    }

    /// Whether the key is there, counted as a read and as a use (TOUCH).
    pub fn touch_key(&mut self, key: &[u8]) -> bool {
        self.read(key).is_some()
    }

    /// The value for a command that reads and then may write: a use, but not counted.
    #[inline]
    pub fn read_for_write(&mut self, key: &[u8]) -> Option<Ref<'_>> {
        let loc = self.locate(key).1?;
        self.touch(loc);
        Some(self.data.at(loc).value())
    }

    /// The collection of type `T`, for a command that reads it.
    #[inline]
    pub fn get<T: Typed>(&mut self, key: &[u8]) -> Result<Option<&T>, WrongType> {
        match self.read(key) {
            None => Ok(None),
            Some(value) => T::of(value).map(Some).ok_or(WrongType),
        }
    }

    /// The collection of type `T`, to be changed. The caller says so afterwards ([`changed`](Self::changed)), and
    /// removes the key if it was left empty ([`remove_if_empty`](Self::remove_if_empty)).
    #[inline]
    pub fn get_mut<T: Typed>(&mut self, key: &[u8]) -> Result<Option<Mut<'_, T>>, WrongType> {
        let (hash, Some(loc)) = self.locate(key) else { return Ok(None) };
        self.touch(loc);
        self.data.lend(hash, loc).map(Some).ok_or(WrongType)
    }

    /// As [`get_mut`](Self::get_mut), counted as hit or miss: for a command that reads, and notes that it did.
    pub fn get_noting<T: Typed>(&mut self, key: &[u8]) -> Result<Option<Mut<'_, T>>, WrongType> {
        let (hash, Some(loc)) = self.locate(key) else {
            self.missed(key);
            return Ok(None);
        };
        self.env.stats.hits += 1;
        self.touch(loc);
        self.data.lend(hash, loc).map(Some).ok_or(WrongType)
    }

    /// As [`get_mut`](Self::get_mut), an empty collection being created if there is none. The caller fills it.
    #[inline]
    pub fn get_or_create<T: Typed>(&mut self, key: &[u8]) -> Result<Mut<'_, T>, WrongType> {
        let (hash, loc) = match self.locate(key) {
            (hash, Some(loc)) => {
                self.touch(loc);
                (hash, loc)
            }
            (hash, None) => (hash, self.add(hash, Entry::with_value(key, T::default().into_value(), None))),
        };
        self.data.lend(hash, loc).ok_or(WrongType)
    }

    /// The string's bytes, for a command that reads it; integers as their digits.
    #[inline]
    pub fn get_string(&mut self, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, WrongType> {
        match self.read(key) {
            None => Ok(None),
            Some(Ref::Str { bytes, .. }) => Ok(Some(Cow::Borrowed(bytes))),
            Some(Ref::Int(n)) => Ok(Some(Cow::Owned(itoa::Buffer::new().format(n).as_bytes().to_vec()))),
            Some(_) => Err(WrongType),
        }
    }

    /// Adds an entry whose key is not there.
    #[inline]
    fn add(&mut self, hash: u64, mut entry: Entry) -> Loc {
        entry.set_clock(self.env.fresh_clock());
        self.env.fx.event(self.index, Class::New, "new", entry.key());
        self.env.fx.ready(self.index, entry.key(), entry.kind());
        self.env.expires(entry.expiry_ms());
        self.env.expires(entry.value().next_expiry_ms());
        self.data.insert(hash, entry)
    }

    /// Puts an entry in place of whatever the key holds.
    fn overwrite(&mut self, hash: u64, loc: Option<Loc>, mut entry: Entry) -> Loc {
        match loc {
            Some(loc) => {
                let clock = self.data.at(loc).clock();
                entry.set_clock(if self.env.access.lfu { clock } else { self.env.fresh_clock() });
                self.env.fx.ready(self.index, entry.key(), entry.kind());
                self.env.expires(entry.expiry_ms());
                self.env.expires(entry.value().next_expiry_ms());
                let old = self.data.replace(hash, loc, entry);
                self.gone(old.key(), old.kind());
                let lazily = self.env.config.lazyfree_lazy_server_del;
                self.discard(old, lazily);
                loc
            }
            None => self.add(hash, entry),
        }
    }

    /// Sets the key to a string, whatever it held, with this expiry or none. In place when it fits.
    #[inline]
    pub fn set_string(&mut self, key: &[u8], bytes: &[u8], expiry_ms: Option<u64>) {
        let (hash, loc) = self.locate(key);
        self.set_string_at(hash, loc, key, bytes, expiry_ms);
    }

    /// Sets the key to a string and keeps the expiry it has.
    pub fn set_string_keep_ttl(&mut self, key: &[u8], bytes: &[u8]) {
        let (hash, loc) = self.locate(key);
        let expiry_ms = loc.and_then(|loc| self.data.at(loc).expiry_ms());
        self.set_string_at(hash, loc, key, bytes, expiry_ms);
    }

    #[inline]
    fn set_string_at(&mut self, hash: u64, loc: Option<Loc>, key: &[u8], bytes: &[u8], expiry_ms: Option<u64>) {
        if let Some(loc) = loc
            && self.data.at(loc).expiry_ms() == expiry_ms
            && self.data.change_string(loc, |entry| match as_int(bytes) {
                Some(n) => entry.try_set_int(n),
                None => entry.try_set_bytes(bytes, false),
            })
        {
            return self.touch(loc);
        }
        self.overwrite(hash, loc, Entry::with_string(key, bytes, expiry_ms));
    }

    /// Replaces the value by the integer that `change` makes of it, and keeps the expiry: one lookup for both. The
    /// key is created if it is missing; nothing happens if `change` fails.
    #[inline]
    pub fn update_int<E>(&mut self, key: &[u8], change: impl FnOnce(Option<Ref<'_>>) -> Result<i64, E>) -> Result<i64, E> {
        let (hash, loc) = self.locate(key);
        let Some(loc) = loc else {
            let n = change(None)?;
            self.add(hash, Entry::with_int(key, n, None));
            return Ok(n);
        };
        self.touch(loc);
        let n = change(Some(self.data.at(loc).value()))?;
        if !self.data.change_string(loc, |entry| entry.try_set_int(n)) {
            let expiry_ms = self.data.at(loc).expiry_ms();
            self.overwrite(hash, Some(loc), Entry::with_int(key, n, expiry_ms));
        }
        Ok(n)
    }

    /// Changes a string through its bytes: `change` gets a buffer that holds the value (empty if there is no key)
    /// resized to `len`, new bytes being zero, in place when it is a big one. The expiry stays; the string is
    /// `raw` afterwards. The caller has checked type and length.
    pub fn edit_string(&mut self, key: &[u8], len: usize, change: impl FnOnce(&mut [u8])) {
        let (hash, loc) = self.locate(key);
        let Some(loc) = loc else {
            let mut bytes = vec![0; len];
            change(&mut bytes);
            self.overwrite(hash, None, Entry::with_bytes(key, &bytes, None, true));
            return;
        };
        self.touch(loc);
        let mut change = Some(change);
        let in_place = self.data.change_string(loc, |entry| {
            if let Some(big) = entry.big_mut() {
                if big.resize(len)
                    && let Some(change) = change.take()
                {
                    change(big.as_mut_slice());
                }
                return true;
            }
            match entry.embedded_mut() {
                Some(bytes) if bytes.len() == len => {
                    if let Some(change) = change.take() {
                        change(bytes);
                    }
                    true
                }
                _ => false,
            }
        });
        if in_place {
            return;
        }
        let entry = self.data.at(loc);
        let expiry_ms = entry.expiry_ms();
        let mut digits = itoa::Buffer::new();
        let mut bytes = super::database::string_bytes(entry.value(), &mut digits).unwrap_or_default().to_vec();
        bytes.resize(len, 0);
        if let Some(change) = change {
            change(&mut bytes);
        }
        self.overwrite(hash, Some(loc), Entry::with_bytes(key, &bytes, expiry_ms, true));
    }

    /// Sets the key to a value, whatever it held, with this expiry or none.
    pub fn put(&mut self, key: &[u8], value: Value, expiry_ms: Option<u64>) {
        let (hash, loc) = self.locate(key);
        self.overwrite(hash, loc, Entry::with_value(key, value, expiry_ms));
    }

    /// Takes the key out, with its value and expiry. No effects: the caller says what happened.
    pub fn take(&mut self, key: &[u8]) -> Option<(Value, Option<u64>)> {
        let (hash, loc) = self.locate(key);
        let entry = self.data.remove(hash, loc?);
        self.gone(key, entry.kind());
        let expiry_ms = entry.expiry_ms();
        Some((entry.into_value(), expiry_ms))
    }

    /// As [`take`](Self::take), to be set down at another key with expiry and access clock.
    pub fn lift(&mut self, key: &[u8]) -> Option<Lifted> {
        let (hash, loc) = self.locate(key);
        let entry = self.data.remove(hash, loc?);
        self.gone(key, entry.kind());
        Some(Lifted { clock: entry.clock(), expiry_ms: entry.expiry_ms(), value: entry.into_value() })
    }

    /// Adds a key that is not there, with a value from elsewhere.
    pub fn set_down(&mut self, key: &[u8], lifted: Lifted) {
        let loc = self.add(self.env.hash(key), Entry::with_value(key, lifted.value, lifted.expiry_ms));
        self.data.at_mut(loc).set_clock(lifted.clock);
    }

    /// Removes the key, big values in the background when `lazily`. No effects but the removal: the caller says
    /// what happened.
    pub fn remove(&mut self, key: &[u8], lazily: bool) -> bool {
        let (hash, loc) = self.locate(key);
        let Some(loc) = loc else { return false };
        let entry = self.data.remove(hash, loc);
        self.gone(key, entry.kind());
        self.discard(entry, lazily);
        true
    }

    /// Removes the key as DEL and UNLINK do: with the event, the touch and one change.
    pub fn delete(&mut self, key: &[u8], lazily: bool) -> bool {
        let removed = self.remove(key, lazily);
        if removed {
            self.changed(key, Class::Generic, "del");
        }
        removed
    }

    /// Removes the key, with its `del` event, if the collection it holds has been emptied. Streams stay.
    pub fn remove_if_empty(&mut self, key: &[u8]) -> bool {
        let (hash, loc) = self.locate(key);
        match loc {
            Some(loc)
                if !matches!(self.data.at(loc).kind(), Type::String | Type::Stream) && self.data.at(loc).value().size() == 0 =>
            {
                drop(self.data.remove(hash, loc));
                self.env.fx.event(self.index, Class::Generic, "del", key);
                true
            }
            _ => false,
        }
    }

    /// When the key expires, in unix ms: `None` if there is no such key, `Some(None)` if it does not expire.
    pub fn expiry_ms(&mut self, key: &[u8]) -> Option<Option<u64>> {
        let loc = self.locate(key).1?;
        Some(self.data.at(loc).expiry_ms())
    }

    /// Gives the key an expiry or takes it away; `false` if there is no such key.
    pub fn set_expiry(&mut self, key: &[u8], expiry_ms: Option<u64>) -> bool {
        let (hash, loc) = self.locate(key);
        if let Some(loc) = loc {
            self.env.expires(expiry_ms);
            self.data.set_expiry(hash, loc, expiry_ms);
        }
        loc.is_some()
    }

    /// Sets the key's access clock.
    pub fn set_clock(&mut self, key: &[u8], clock: u32) {
        if let Some(loc) = self.locate(key).1 {
            self.data.at_mut(loc).set_clock(clock);
        }
    }

    /// Says that the command changed a key: one change, seen by whoever watches it, and a keyspace event.
    #[inline]
    pub fn changed(&mut self, key: &[u8], class: Class, event: &'static str) {
        self.env.fx.dirty += 1;
        self.env.fx.touched(self.index, key);
        self.env.fx.event(self.index, class, event, key);
    }

    /// As [`changed`](Self::changed), for `n` changes at once.
    #[inline]
    pub fn changed_n(&mut self, key: &[u8], class: Class, event: &'static str, n: usize) {
        self.changed(key, class, event);
        self.env.fx.dirty += (n as u64).saturating_sub(1);
    }

    /// A further keyspace event of the same change.
    #[inline]
    pub fn event(&mut self, key: &[u8], class: Class, event: &'static str) {
        self.env.fx.event(self.index, class, event, key);
    }

    /// Propagates `words` instead of the running command.
    #[inline]
    pub fn propagate(&mut self, words: &[&[u8]]) {
        self.env.fx.propagate(self.index, words);
    }

    /// Says that the key got elements that a blocked client may be waiting for.
    #[inline]
    pub fn ready(&mut self, key: &[u8], kind: Type) {
        self.env.fx.ready(self.index, key, kind);
    }
}
