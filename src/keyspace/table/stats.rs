//! What a table looks like inside: its memory, exactly, and its shape, for DEBUG HTSTATS.
#![allow(unsafe_code)]

use super::bucket::{SLOTS, SPAN_MAX};
use super::{Slot, Table};
use std::fmt;

/// The shape of a table; printed, it is a few lines of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Elements.
    pub elements: usize,
    /// Segments with memory of their own.
    pub segments: usize,
    /// Buckets of all segments.
    pub buckets: usize,
    /// Places in the directory.
    pub directory_len: usize,
    /// Bytes of directory and segments.
    pub bytes: usize,
    /// How many elements lie so many buckets from their home (the last: that many or more).
    pub distances: [usize; SPAN_MAX + 1],
    /// How many buckets have so many elements in them.
    pub fills: [usize; SLOTS + 1],
    /// How many buckets have elements that reach so many buckets on: a lookup there reads one more than that.
    pub spans: [usize; SPAN_MAX + 1],
}

impl<T: Slot> Table<T> {
    /// Bytes of the directory and the segments: all of the table's memory but the items' own and `size_of::<Table>()`.
    pub fn mem_bytes(&self) -> usize {
        self.segment_bytes + self.directory.bytes()
    }

    /// The table's shape. Walks all buckets, but no items.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats {
            elements: self.len,
            segments: 0,
            buckets: 0,
            directory_len: self.directory.len(),
            bytes: self.mem_bytes(),
            distances: [0; SPAN_MAX + 1],
            fills: [0; SLOTS + 1],
            spans: [0; SPAN_MAX + 1],
        };
        for (_, word, _) in self.directory.segments().filter(|(_, word, _)| !word.is_nothing()) {
            stats.segments += 1;
            // SAFETY: the table's own segment; `&self` forbids writes.
            let segment = unsafe { word.view() };
            stats.buckets += segment.len();
            for (at, bucket) in segment.iter().enumerate() {
                for slot in bucket.occupied() {
                    let distance = (at + segment.len() - word.home(bucket.tag(slot))) % segment.len();
                    stats.distances[distance.min(SPAN_MAX)] += 1;
                }
                stats.fills[bucket.occupied().count()] += 1;
                stats.spans[bucket.span()] += 1;
            }
        }
        stats
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
        writeln!(f, " segments: {}", self.segments)?;
        writeln!(f, " directory entries: {}", self.directory_len)?;
        writeln!(f, " table size: {}", self.buckets * SLOTS)?;
        writeln!(f, " number of elements: {}", self.elements)?;
        writeln!(f, " fill: {:.2}%", percent(self.elements, self.buckets * SLOTS))?;
        writeln!(f, " bytes: {}", self.bytes)?;
        writeln!(f, " distance from home, in buckets:")?;
        for (distance, &count) in self.distances.iter().enumerate().filter(|&(_, &count)| count > 0) {
            writeln!(f, "   {distance}: {count} ({:.2}%)", percent(count, self.elements))?;
        }
        writeln!(f, " elements per bucket:")?;
        for (fill, &count) in self.fills.iter().enumerate().filter(|&(_, &count)| count > 0) {
            writeln!(f, "   {fill}: {count} ({:.2}%)", percent(count, self.buckets))?;
        }
        Ok(())
    }
}
