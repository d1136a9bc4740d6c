//! A stream without its consumer groups: the entries, and the counters that outlive them.

use super::id::{Seq, StreamId, Written};
use super::node::{Entries, Fields, Node, Raw};
use super::nodes::{At, Nodes};
use crate::encoding::listpack::Pos;
use crate::resp::Args;

/// The most bytes of fields and values that an entry may hold, and the most a node is allowed to grow to.
const SAFE_BYTES: usize = 1 << 30;

/// How big a node may grow, as configured; 0 means no limit of its own.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub max_bytes: u64,
    pub max_entries: u64,
}

/// Why an entry was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its id is not above all that the stream has had.
    Id,
    /// Its fields and values are too big.
    TooBig,
}

/// What a stream is cut down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// So many of its last entries.
    Newest(u64),
    /// The entries from this id on.
    From(StreamId),
}

/// How a stream is cut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub keep: Keep,
    /// Whole nodes only.
    pub approx: bool,
    /// With `approx`: how many entries may go at most; 0 means all.
    pub limit: u64,
}

/// The entries of a stream and what is known of those that were.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub(super) nodes: Nodes,
    pub(super) len: u64,
    /// The highest id that any entry has had, or was said to have had.
    pub last_id: StreamId,
    /// The lowest id of an entry; `0-0` if there is none.
    pub first_id: StreamId,
    /// The highest id among the entries that were deleted one by one.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
}

impl Log {
    /// Number of entries.
    #[inline]
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of nodes.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes in order, for RDB and DUMP.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        self.nodes.mem_bytes()
    }

    /// The id that an entry written now would get.
    ///
    /// # Errors
    /// [`Refused::Id`] when there is none above the last.
    pub fn next_id(&self, wanted: Option<Written>, now_ms: u64) -> Result<StreamId, Refused> {
        let id = match wanted {
            None if now_ms > self.last_id.ms => StreamId::new(now_ms, 0),
            None => self.last_id.next().ok_or(Refused::Id)?,
            Some(Written { ms, seq: Seq::Given(seq) }) => StreamId { ms, seq },
            Some(Written { ms, seq: Seq::Missing }) => StreamId { ms, seq: 0 },
            Some(Written { ms, seq: Seq::Any }) if ms == self.last_id.ms => {
                StreamId { ms, seq: self.last_id.seq.checked_add(1).ok_or(Refused::Id)? }
            }
            Some(Written { ms, seq: Seq::Any }) => StreamId { ms, seq: 0 },
        };
        if id > self.last_id { Ok(id) } else { Err(Refused::Id) }
    }

    /// Appends an entry of `pairs`, field and value in turn, under an id that [`next_id`](Self::next_id) gave.
    ///
    /// # Errors
    /// [`Refused::TooBig`]; nothing has changed then.
    #[inline]
    pub fn append(&mut self, id: StreamId, pairs: Args<'_>, limits: Limits) -> Result<(), Refused> {
        let bytes = pairs.total_bytes();
        if bytes > SAFE_BYTES {
            return Err(Refused::TooBig);
        }
        let max_bytes = match limits.max_bytes {
            0 => SAFE_BYTES,
            max => usize::try_from(max).unwrap_or(SAFE_BYTES).min(SAFE_BYTES),
        };
        let appended = match self.nodes.last_mut() {
            Some(node) if node.lp.bytes_len() + bytes < max_bytes => {
                node.append(id, pairs, limits.max_entries).map_err(|_| Refused::TooBig)?
            }
            _ => false,
        };
        if !appended {
            self.nodes.push(Node::with_entry(id, pairs).map_err(|_| Refused::TooBig)?);
        }
        if self.len == 0 {
            self.first_id = id;
        }
        self.len += 1;
        self.entries_added = self.entries_added.saturating_add(1);
        self.last_id = id;
        Ok(())
    }

    /// The entries between two ids, both included, from the lowest up or, `backwards`, from the highest down.
    pub fn range(&self, start: StreamId, end: StreamId, backwards: bool) -> Range<'_> {
        let at = if start > end || self.len == 0 {
            None
        } else if backwards {
            self.nodes.seek(end)
        } else {
            self.nodes.seek(start).or_else(|| self.nodes.first())
        };
        let mut range = Range { log: self, at, entries: None, start, end, backwards };
        range.open();
        range
    }

    /// All entries from the lowest up.
    pub fn iter(&self) -> Range<'_> {
        self.range(StreamId::MIN, StreamId::MAX, false)
    }

    /// The entry of this id.
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        self.range(id, id, false).next()
    }

    /// The id of the last entry there is; the highest id if there is none.
    pub fn last_valid_id(&self) -> StreamId {
        match self.range(StreamId::MIN, StreamId::MAX, true).next() {
            Some(entry) => entry.id,
            None => self.last_id,
        }
    }

    /// Works out `first_id` anew.
    fn refresh_first_id(&mut self) {
        self.first_id = self.iter().next().map_or(StreamId::MIN, |entry| entry.id);
    }

    /// Where the entry of this id lies.
    fn find(&self, id: StreamId) -> Option<(At, Pos)> {
        let at = self.nodes.seek(id)?;
        let found = self.nodes.get(at)?.entries().find(|raw| raw.id >= id && !raw.is_deleted)?;
        if found.id == id { Some((at, found.pos?)) } else { None }
    }

    /// Deletes the entry of this id, if there is one. The caller says so with [`deleted`](Self::deleted) when it is done
    /// with all it has to delete.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some((at, pos)) = self.find(id) else { return false };
        let Some(node) = self.nodes.get_mut(at) else { return false };
        if !node.delete(&[pos]) {
            self.nodes.remove(at);
        }
        self.len = self.len.saturating_sub(1);
        self.max_deleted_id = self.max_deleted_id.max(id);
        if self.len == 0 || id == self.first_id {
            self.refresh_first_id();
        }
        true
    }

    /// Cuts the stream down; returns how many entries went. `each` is asked about every entry that is to go, in order: `false`
    /// keeps it, and it does not count as gone. Without `each` whole nodes go unseen.
    pub fn trim(&mut self, cut: Cut, mut each: Option<&mut dyn FnMut(StreamId) -> bool>) -> u64 {
        let mut gone = 0;
        // Where entries are kept, what is left to go is counted separately.
        let mut excess = match cut.keep {
            Keep::Newest(max) => self.len.saturating_sub(max),
            Keep::From(_) => u64::MAX,
        };
        let mut here = self.nodes.first();
        while let Some(at) = here {
            if excess == 0 {
                break;
            }
            let Some(node) = self.nodes.get(at) else { break };
            let live = node.live();
            if cut.limit != 0 && gone + live > cut.limit {
                break;
            }
            let whole = match cut.keep {
                Keep::Newest(_) => live <= excess,
                // One that was deleted still says how far the node goes.
                Keep::From(id) => node.entries().next_back().is_none_or(|last| last.id < id),
            };
            if whole && each.is_none() {
                here = self.nodes.remove(at);
                self.len = self.len.saturating_sub(live);
                gone += live;
                excess = excess.saturating_sub(live);
                continue;
            }
            if !whole && cut.approx {
                break;
            }
            let mut doomed = Vec::new();
            for raw in node.entries().filter(|raw| !raw.is_deleted) {
                let stop = match cut.keep {
                    Keep::Newest(_) => excess == 0,
                    Keep::From(id) => raw.id >= id,
                };
                if stop {
                    break;
                }
                excess -= 1;
                if each.as_mut().is_none_or(|each| each(raw.id)) {
                    doomed.extend(raw.pos);
                }
            }
            gone += doomed.len() as u64;
            self.len = self.len.saturating_sub(doomed.len() as u64);
            let emptied = !doomed.is_empty()
                && match self.nodes.get_mut(at) {
                    Some(node) => !node.delete(&doomed),
                    None => false,
                };
            here = if emptied { self.nodes.remove(at) } else { self.nodes.next(at) };
            if !whole {
                break;
            }
        }
        if gone > 0 {
            self.refresh_first_id();
        }
        gone
    }

    /// Whether an entry that was deleted one by one may lie between these ids, as far as the one that is remembered tells.
    pub fn has_tombstones(&self, start: StreamId, end: StreamId) -> bool {
        let deleted = self.max_deleted_id;
        self.len != 0 && deleted != StreamId::MIN && self.first_id <= deleted && start <= deleted && deleted <= end
    }

    /// How many entries had been added when the one of this id was, if that can be told.
    pub fn entries_up_to(&self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.len == 0 && id <= self.last_id {
            return Some(self.entries_added);
        }
        if id != StreamId::MIN && id < self.max_deleted_id {
            return None;
        }
        match id.cmp(&self.last_id) {
            std::cmp::Ordering::Equal => return Some(self.entries_added),
            std::cmp::Ordering::Greater => return None,
            std::cmp::Ordering::Less => {}
        }
        if self.max_deleted_id == StreamId::MIN || self.max_deleted_id < self.first_id {
            let before_first = self.entries_added.saturating_sub(self.len);
            match id.cmp(&self.first_id) {
                std::cmp::Ordering::Less => return Some(before_first),
                std::cmp::Ordering::Equal => return Some(before_first + 1),
                std::cmp::Ordering::Greater => {}
            }
        }
        None
    }
}

/// An entry of a stream.
pub struct Entry<'a> {
    pub id: StreamId,
    pub fields: Fields<'a>,
}

/// Entries in the order of their ids, up or down.
#[derive(Clone)]
pub struct Range<'a> {
    log: &'a Log,
    at: Option<At>,
    entries: Option<Entries<'a>>,
    start: StreamId,
    end: StreamId,
    backwards: bool,
}

impl<'a> Range<'a> {
    /// Opens the node that the range stands at.
    fn open(&mut self) {
        self.entries = self.at.and_then(|at| self.log.nodes.get(at)).map(Node::entries);
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let entries = self.entries.as_mut()?;
            let raw = if self.backwards { entries.next_back() } else { entries.next() };
            let Some(Raw { id, is_deleted, fields, .. }) = raw else {
                self.at = self.at.and_then(|at| if self.backwards { self.log.nodes.prev(at) } else { self.log.nodes.next(at) });
                self.open();
                continue;
            };
            let (early, late) = match self.backwards {
                false => (id < self.start, id > self.end),
                true => (id > self.end, id < self.start),
            };
            if late {
                self.entries = None;
                return None;
            }
            if !early && !is_deleted {
                return Some(Entry { id, fields });
            }
        }
    }
}
