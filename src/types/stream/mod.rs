//! Stream: entries of fields and values under ascending ids, and the groups of consumers that read them.
//!
//! | file | what |
//! |---|---|
//! | `id` | an entry's name |
//! | `node` | a listpack of some hundred entries, upstream's layout |
//! | `nodes` | nodes in order |
//! | `log` | the entries and their counters |
//! | `groups` | consumer groups |
//! | `parts` | a stream taken apart and put together, for RDB and DUMP |
//!
//! A stream is one pointer; log and groups are public fields of what it points to, so that a command can walk the one while it
//! changes the other.

pub mod groups;
pub mod id;
pub mod log;
mod node;
mod nodes;
pub mod parts;
#[cfg(test)]
mod tests;

use std::ops::{Deref, DerefMut};

pub use groups::{Consumer, ConsumerNo, Group, Groups, Pending};
pub use id::{Bound, Seq, StreamId, Written};
pub use log::{Cut, Entry, Keep, Limits, Log, Refused};
pub use node::{Fields, Node};

/// A stream.
#[derive(Clone, Default)]
pub struct Stream(Box<Body>);

/// What a stream consists of.
#[derive(Clone, Default)]
pub struct Body {
    pub log: Log,
    pub groups: Groups,
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
        size_of::<Body>() + self.log.mem_bytes() + self.groups.mem_bytes()
    }

    /// The work of freeing it, in blocks.
    pub fn free_effort(&self) -> usize {
        1 + self.log.node_count() + self.groups.effort()
    }
}
