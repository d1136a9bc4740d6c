//! What producers have already sent: an entry that comes again under the same name is recognised and not added twice.
//!
//! Each producer has its own names. A name is forgotten after a time, or when the producer has sent so many newer ones.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use hashbrown::HashMap;

use super::id::StreamId;

/// How long names are kept, in seconds, and how many of each producer, unless configuration or the stream say otherwise.
pub const DEFAULT_DURATION_S: u64 = 100;
pub const DEFAULT_MAX: usize = 100;
/// The most that either may be.
pub const DURATION_MAX_S: u64 = 86_400;
pub const MAX_MAX: usize = 10_000;

/// What one producer has sent.
#[derive(Clone, Debug, Default)]
struct Producer {
    sent: HashMap<Box<[u8]>, StreamId>,
    /// When each was sent, in unix ms, oldest first.
    order: VecDeque<(u64, Box<[u8]>)>,
}

impl Producer {
    /// Forgets what was sent before `since_ms`, and all but the last `max`.
    fn forget(&mut self, since_ms: u64, max: usize) {
        while self.order.len() > max || self.order.front().is_some_and(|(when_ms, _)| *when_ms < since_ms) {
            let Some((_, name)) = self.order.pop_front() else { break };
            self.sent.remove(&name);
        }
    }
}

/// What the producers of a stream have sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub duration_s: u64,
    pub max: usize,
    producers: BTreeMap<Box<[u8]>, Producer>,
    /// The producer that was tidied up last.
    tidied: Box<[u8]>,
    /// How many entries were added under a name.
    pub added: u64,
    /// How many came again.
    pub duplicates: u64,
}

impl Default for Sent {
    fn default() -> Sent {
        Sent::new(DEFAULT_DURATION_S, DEFAULT_MAX)
    }
}

impl Sent {
    /// Nothing has been sent yet; names will be kept for so long, and so many of each producer.
    pub fn new(duration_s: u64, max: usize) -> Sent {
        Sent { duration_s, max, producers: BTreeMap::new(), tidied: Box::default(), added: 0, duplicates: 0 }
    }

    /// Whether nothing was ever sent, nor anything set.
    pub fn is_default(&self) -> bool {
        self.producers.is_empty()
            && (self.duration_s, self.max, self.added, self.duplicates) == (DEFAULT_DURATION_S, DEFAULT_MAX, 0, 0)
    }

    /// Puts a name back that a file says was sent; `false` if there is one already, or there are too many. Files do not say when it was
    /// sent, but the entry's id does, unless whoever added it made it up.
    pub fn restore(&mut self, producer: &[u8], name: &[u8], id: StreamId) -> bool {
        let known = self.producers.entry(producer.into()).or_default();
        if known.order.len() >= self.max || known.sent.insert(name.into(), id).is_some() {
            return false;
        }
        known.order.push_back((id.ms, name.into()));
        true
    }

    /// Each producer with the names that it has sent and their entries, in the order they came.
    pub fn producers(&self) -> impl Iterator<Item = (&[u8], impl ExactSizeIterator<Item = (&[u8], StreamId)>)> {
        self.producers.iter().map(|(producer, known)| {
            let names = known.order.iter().map(|(_, name)| (&**name, known.sent.get(name).copied().unwrap_or_default()));
            (&**producer, names)
        })
    }

    fn since_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.duration_s * 1000)
    }

    /// The id of the entry that the producer sent under this name, if that is still known.
    pub fn find(&mut self, producer: &[u8], name: &[u8], now_ms: u64) -> Option<StreamId> {
        let (since_ms, max) = (self.since_ms(now_ms), self.max);
        let producer = self.producers.get_mut(producer)?;
        producer.forget(since_ms, max);
        producer.sent.get(name).copied()
    }

    /// Notes what a producer has sent under a name that is not known.
    pub fn note(&mut self, producer: &[u8], name: &[u8], id: StreamId, now_ms: u64) {
        self.tidy(now_ms);
        let (since_ms, max) = (self.since_ms(now_ms), self.max);
        if !self.producers.contains_key(producer) {
            self.producers.insert(producer.into(), Producer::default());
        }
        if let Some(producer) = self.producers.get_mut(producer) {
            producer.sent.insert(name.into(), id);
            producer.order.push_back((now_ms, name.into()));
            producer.forget(since_ms, max);
        }
        self.added += 1;
    }

    /// Looks after one more producer, so that those who send no more are forgotten in time.
    fn tidy(&mut self, now_ms: u64) {
        let (since_ms, max) = (self.since_ms(now_ms), self.max);
        let after = (Bound::Excluded(&self.tidied), Bound::Unbounded);
        let Some((name, producer)) = self.producers.range_mut::<Box<[u8]>, _>(after).next() else {
            self.tidied = Box::default();
            return;
        };
        producer.forget(since_ms, max);
        let (name, is_done) = (name.clone(), producer.order.is_empty());
        if is_done {
            self.producers.remove(&name);
        }
        self.tidied = name;
    }

    /// Sets how long names are kept and how many. What is known is forgotten when that changes anything.
    pub fn configure(&mut self, duration_s: Option<u64>, max: Option<usize>) {
        let (duration_s, max) = (duration_s.unwrap_or(self.duration_s), max.unwrap_or(self.max));
        if (duration_s, max) != (self.duration_s, self.max) {
            (self.duration_s, self.max) = (duration_s, max);
            self.producers.clear();
        }
    }

    /// Number of producers.
    pub fn producer_count(&self) -> usize {
        self.producers.len()
    }

    /// All that is known: producer, name, entry; each producer's in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8], StreamId)> {
        self.producers().flat_map(|(producer, names)| names.map(move |(name, id)| (producer, name, id)))
    }

    /// Heap bytes, about.
    pub fn mem_bytes(&self) -> usize {
        let names: usize = self.iter().map(|(_, name, _)| 2 * name.len() + 72).sum();
        size_of::<Sent>() + names + self.producers.keys().map(|name| name.len() + size_of::<Producer>() + 16).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_for_a_time_and_up_to_a_number() {
        let mut sent = Sent { duration_s: 10, max: 2, ..Sent::default() };
        let id = |n| StreamId::new(n, 0);
        sent.note(b"p", b"a", id(1), 1000);
        sent.note(b"q", b"a", id(2), 1000);
        assert_eq!(sent.find(b"p", b"a", 11_000), Some(id(1)));
        assert_eq!(sent.find(b"p", b"a", 11_001), None);
        assert_eq!(sent.find(b"q", b"b", 1000), None);
        for n in 3..6 {
            sent.note(b"q", n.to_string().as_bytes(), id(n), 2000);
        }
        assert_eq!(sent.iter().filter(|(producer, ..)| *producer == b"q").count(), 2);
        for name in [b"w", b"y", b"z", b"x"] {
            sent.note(b"r", name, id(9), 50_000);
        }
        assert_eq!(sent.producer_count(), 1);
        sent.configure(None, Some(2));
        assert!(sent.find(b"r", b"x", 50_000).is_some());
        sent.configure(Some(11), None);
        assert_eq!(sent.producer_count(), 0);
    }
}
