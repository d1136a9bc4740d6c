//! Consumer groups: who has read how far, and what was delivered and not yet acknowledged.
//!
//! A group keeps what is pending in one tree by id, each with its consumer's number; a consumer keeps the ids of its own. What
//! always holds: an id that a consumer has is in the group's tree with that consumer's number, and the other way round.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::id::StreamId;
use super::log::Log;
use crate::encoding::tree::Tree;
use crate::sys::defrag::Mover;

/// A consumer's number in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerNo(u32);

impl ConsumerNo {
    /// Nobody: what was given back and waits to be delivered again.
    pub const NOBODY: ConsumerNo = ConsumerNo(u32::MAX);
}

/// A delivery that was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When it was last delivered, in unix ms.
    pub delivered_ms: i64,
    /// How often it was delivered.
    pub deliveries: u64,
    pub consumer: ConsumerNo,
}

/// Somebody who reads for a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When it last asked, in unix ms.
    pub seen_ms: i64,
    /// When it last got something, in unix ms; -1: never.
    pub active_ms: i64,
    pending: Tree<StreamId, ()>,
}

impl Consumer {
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Number of its pending entries.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// Its pending entries from `start` on.
    pub fn pending_from(&self, start: StreamId) -> impl Iterator<Item = StreamId> {
        let rank = self.pending.rank_where(|id, ()| id < start);
        self.pending.range(rank, self.pending.len()).map(|(id, ())| id)
    }
}

/// A consumer group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The last entry that was delivered.
    pub last_id: StreamId,
    /// How many entries had been added to the stream when that one was, if it is known.
    pub entries_read: Option<i64>,
    pending: Tree<StreamId, Pending>,
    names: BTreeMap<Box<[u8]>, ConsumerNo>,
    consumers: Vec<Option<Consumer>>,
}

fn only(_: Pending) -> Ordering {
    Ordering::Equal
}

impl Group {
    /// A group that has read up to this entry.
    pub fn new(last_id: StreamId, entries_read: Option<i64>) -> Group {
        Group { last_id, entries_read, ..Group::default() }
    }

    /// Number of pending entries.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The lowest pending id and the highest.
    pub fn pending_edges(&self) -> Option<(StreamId, StreamId)> {
        Some((self.pending.first()?.0, self.pending.last()?.0))
    }

    /// All pending entries from `start` on.
    pub fn pending_from(&self, start: StreamId) -> impl Iterator<Item = (StreamId, Pending)> {
        let rank = self.pending.rank_where(|id, _| id < start);
        self.pending.range(rank, self.pending.len())
    }

    /// The pending entry of this id.
    #[inline]
    pub fn pending(&self, id: StreamId) -> Option<Pending> {
        let rank = self.pending.rank_of(id, only)?;
        Some(self.pending.get(rank)?.1)
    }

    /// Consumers in the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = (ConsumerNo, &Consumer)> {
        self.names.values().map(|&no| match self.consumer(no) {
            Some(consumer) => (no, consumer),
            None => unreachable!("a name leads to a consumer"),
        })
    }

    pub fn consumer(&self, no: ConsumerNo) -> Option<&Consumer> {
        self.consumers.get(no.0 as usize)?.as_ref()
    }

    pub fn consumer_mut(&mut self, no: ConsumerNo) -> Option<&mut Consumer> {
        self.consumers.get_mut(no.0 as usize)?.as_mut()
    }

    /// The consumer's name; nothing for nobody.
    pub fn name_of(&self, no: ConsumerNo) -> &[u8] {
        self.consumer(no).map_or(&[], |consumer| consumer.name())
    }

    /// The number of the consumer of this name.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<ConsumerNo> {
        self.names.get(name).copied()
    }

    /// Adds a consumer, who has been seen now; `None` if there is one of this name.
    pub fn add_consumer(&mut self, name: &[u8], now_ms: i64) -> Option<ConsumerNo> {
        if self.names.contains_key(name) {
            return None;
        }
        let consumer = Consumer { name: name.into(), seen_ms: now_ms, active_ms: -1, pending: Tree::new() };
        let has_gap = self.names.len() < self.consumers.len();
        let gap = if has_gap { self.consumers.iter().position(Option::is_none) } else { None };
        let index = gap.unwrap_or(self.consumers.len());
        if gap.is_none() {
            self.consumers.push(None);
        }
        let no = ConsumerNo(u32::try_from(index).ok().filter(|&no| no != u32::MAX)?);
        self.consumers[index] = Some(consumer);
        self.names.insert(name.into(), no);
        Some(no)
    }

    /// Removes a consumer with what is pending for it; answers how much that was.
    pub fn remove_consumer(&mut self, no: ConsumerNo) -> usize {
        let Some(consumer) = self.consumers.get_mut(no.0 as usize).and_then(Option::take) else { return 0 };
        self.names.remove(&consumer.name);
        for (id, ()) in consumer.pending.iter() {
            self.pending.remove(id, only);
        }
        consumer.pending.len()
    }

    /// Makes an entry pending, or passes the one that is on to another consumer.
    #[inline]
    pub fn deliver(&mut self, id: StreamId, pending: Pending) {
        if !self.pending.insert(id, pending, only)
            && let Some(old) = self.pending.replace(id, pending, only)
        {
            if old.consumer == pending.consumer {
                return;
            }
            if let Some(consumer) = self.consumer_mut(old.consumer) {
                consumer.pending.remove(id, |()| Ordering::Equal);
            }
        }
        if let Some(consumer) = self.consumer_mut(pending.consumer) {
            consumer.pending.insert(id, (), |()| Ordering::Equal);
        }
    }

    /// Takes an entry off what is pending.
    #[inline]
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some((_, pending)) = self.pending.remove(id, only) else { return false };
        if let Some(consumer) = self.consumer_mut(pending.consumer) {
            consumer.pending.remove(id, |()| Ordering::Equal);
        }
        true
    }

    /// Notes that the entry of this id, above the last one, is being delivered.
    #[inline]
    pub fn advance(&mut self, id: StreamId, log: &Log) {
        match self.entries_read {
            Some(read) if self.last_id >= log.first_id && !log.has_tombstones(self.last_id, StreamId::MAX) => {
                self.entries_read = Some(read.saturating_add(1));
            }
            _ if log.entries_added > 0 => self.entries_read = log.entries_up_to(id).map(|n| n as i64),
            _ => {}
        }
        self.last_id = id;
    }

    /// How many entries the group has not read, if that can be told.
    pub fn lag(&self, log: &Log) -> Option<i64> {
        let added = log.entries_added as i64;
        if added == 0 || log.is_empty() {
            return Some(0);
        }
        if self.last_id < log.first_id && log.max_deleted_id < log.first_id {
            return Some(log.len() as i64);
        }
        match self.entries_read {
            Some(read) if self.last_id >= log.first_id && !log.has_tombstones(self.last_id, StreamId::MAX) => {
                Some(added.saturating_sub(read))
            }
            _ => log.entries_up_to(self.last_id).map(|read| added.saturating_sub(read as i64)),
        }
    }

    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        let consumers: usize =
            self.consumers.iter().flatten().map(|consumer| 2 * consumer.name.len() + 24 + consumer.pending.mem_bytes()).sum();
        self.pending.mem_bytes() + consumers + self.consumers.capacity() * size_of::<Option<Consumer>>()
    }
}

/// A stream's groups, in the order of their names.
#[derive(Clone, Debug, Default)]
pub struct Groups(BTreeMap<Box<[u8]>, Group>);

/// Where [`Groups::defrag`] is: `group << 52 | tree << 32 | rank`. The first tree is the group's own, the others are its consumers';
/// what is beyond these numbers stays where it is.
const GROUP_SHIFT: u32 = 52;
const TREE_SHIFT: u32 = 32;

impl Groups {
    /// Moves a leaf of what is pending; returns the place to go on from, 0 at the end.
    pub fn defrag(&mut self, place: u64, mover: &mut Mover) -> u64 {
        const TREES: u64 = (1 << (GROUP_SHIFT - TREE_SHIFT)) - 1;
        const GROUPS: u64 = (1 << (63 - GROUP_SHIFT)) - 1;
        let (number, tree, rank) = (place >> GROUP_SHIFT, place >> TREE_SHIFT & TREES, place & u64::from(u32::MAX));
        let Some(group) = self.0.values_mut().nth(number as usize) else { return 0 };
        let consumers = group.consumers.len() as u64;
        let next_rank = match tree.checked_sub(1) {
            None => {
                mover.vec(&mut group.consumers);
                group.pending.defrag(rank as usize, mover)
            }
            Some(consumer) => match group.consumers.get_mut(consumer as usize) {
                Some(Some(consumer)) => {
                    mover.slice(&mut consumer.name);
                    consumer.pending.defrag(rank as usize, mover)
                }
                _ => 0,
            },
        };
        if next_rank != 0 && u32::try_from(next_rank).is_ok() {
            number << GROUP_SHIFT | tree << TREE_SHIFT | next_rank as u64
        } else if tree < consumers.min(TREES) {
            number << GROUP_SHIFT | (tree + 1) << TREE_SHIFT
        } else if number < GROUPS {
            (number + 1) << GROUP_SHIFT
        } else {
            0
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<&Group> {
        self.0.get(name)
    }

    #[inline]
    pub fn get_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.0.get_mut(name)
    }

    /// Adds a group; `false` if there is one of this name.
    pub fn add(&mut self, name: &[u8], group: Group) -> bool {
        if self.0.contains_key(name) {
            return false;
        }
        self.0.insert(name.into(), group);
        true
    }

    pub fn remove(&mut self, name: &[u8]) -> bool {
        self.0.remove(name).is_some()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.0.iter().map(|(name, group)| (&**name, group))
    }

    /// Whether any group has the entry pending.
    pub fn any_pending(&self, id: StreamId) -> bool {
        self.0.values().any(|group| group.pending(id).is_some())
    }

    /// Whether each group was delivered the entry and has acknowledged it.
    pub fn all_done_with(&self, id: StreamId) -> bool {
        self.0.values().all(|group| group.last_id >= id && group.pending(id).is_none())
    }

    /// Takes the entry off every group's pending ones; answers whether any had it.
    pub fn forget(&mut self, id: StreamId) -> bool {
        self.0.values_mut().fold(false, |any, group| group.acknowledge(id) | any)
    }

    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        self.0.iter().map(|(name, group)| name.len() + size_of::<Group>() + 32 + group.mem_bytes()).sum()
    }

    /// The work of freeing all this, in blocks or so.
    pub fn effort(&self) -> usize {
        self.0.values().map(|group| 1 + group.pending_len()).sum()
    }
}
