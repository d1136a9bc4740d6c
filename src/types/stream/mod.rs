//! Stream: entries of fields and values under ascending ids, and the groups of consumers that read them.
//!
//! | file | what |
//! |---|---|
//! | `id` | an entry's name |
//! | `node` | a listpack of some hundred entries, upstream's layout |
//! | `nodes` | nodes in order |
//! | `log` | the entries and their counters |
//! | `groups` | consumer groups |
//! | `idmp` | what producers have sent already |
//! | `parts` | a stream taken apart and put together, for RDB and DUMP |
//!
//! A stream is one pointer; log and groups are public fields of what it points to, so that a command can walk the one while it
//! changes the other.

pub mod groups;
pub mod id;
pub mod idmp;
pub mod log;
mod node;
mod nodes;
pub mod parts;
#[cfg(test)]
mod tests;

use std::ops::{Deref, DerefMut};

use crate::sys::defrag::Mover;

pub use groups::{Consumer, ConsumerNo, Group, Groups, Pending};
pub use id::{Bound, Seq, StreamId, Written};
pub use log::{Cut, Entry, Keep, Limits, Log, Refused};
pub use node::{Fields, Node};

/// The bit of a cursor of [`Stream::defrag`] that says that the rest is a place among the groups, not a run of nodes.
const OF_GROUPS: u64 = 1 << 63;

/// A stream.
#[derive(Clone, Default)]
pub struct Stream(Box<Body>);

/// What a stream consists of.
#[derive(Clone, Default)]
pub struct Body {
    pub log: Log,
    pub groups: Groups,
    /// What producers have sent under a name; nothing until one does.
    pub sent: Option<Box<idmp::Sent>>,
}

impl Deref for Stream {
    type Target = Body;

    #[inline]
    fn deref(&self) -> &Body {
        &self.0
    }
}

impl DerefMut for Stream {
    #[inline]
    fn deref_mut(&mut self) -> &mut Body {
        &mut self.0
    }
}

impl Stream {
    /// An empty stream.
    pub fn new() -> Stream {
        Stream::default()
    }

    /// Number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.log.len() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// The word of OBJECT ENCODING.
    pub fn encoding(&self) -> &'static str {
        "stream"
    }

    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        let sent = self.sent.as_ref().map_or(0, |sent| sent.mem_bytes());
        size_of::<Body>() + self.log.mem_bytes() + self.groups.mem_bytes() + sent
    }

    /// Moves a part of what it is made of, beginning with 0; returns where to go on, 0 at the end. What moves past the cursor
    /// in between is not come by.
    pub fn defrag(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        if cursor & OF_GROUPS != 0 {
            return match self.groups.defrag(cursor & !OF_GROUPS, mover) {
                0 => 0,
                place => place | OF_GROUPS,
            };
        }
        if cursor == 0 {
            mover.boxed(&mut self.0);
        }
        match self.log.nodes.defrag(cursor as usize, mover) {
            0 if !self.groups.is_empty() => OF_GROUPS,
            run => run as u64,
        }
    }

    /// The work of freeing it, in blocks.
    pub fn free_effort(&self) -> usize {
        1 + self.log.node_count() + self.groups.effort()
    }
}
