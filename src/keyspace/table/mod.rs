//! The hash table of the server: it holds the keyspace, sets, hashes and the member index of sorted sets.
//!
//! An extendible hash of *segments* in pure hash order:
//!
//! ```text
//!   hash   [ prefix: directory place ][ tag: 16 bits ][ unused ]
//!
//!   directory  [ 000 | 001 | 010 | 010 | 1.. | 1.. | 1.. | 1.. ]    a word per prefix: address, size, depth
//!                  |                 |
//!   segment     1 to 64 buckets    ...                              home bucket = tag * buckets >> 16
//!   bucket      64 bytes: 8 x [ tag | address of the item ]
//! ```
//!
//! - A hit touches the directory's word (cached), one bucket (one in eight times a second) and the item. A wrong key is
//!   read once in some hundreds of lookups, since 10 to 16 hash bits beyond the position are compared first, eight slots at
//!   once. A miss reads one bucket.
//! - A segment that is full grows in place by a quarter without reading a key; at 64 buckets it splits in two, six times of
//!   seven without reading a key either. So the fill stays between 3/4 and 15/16 at every size of the table, there is no
//!   second table, no resize phase, and no insertion does more than split one segment: some hundreds of elements.
//! - Segments are in all stages of their growth at any time (see [`spread`](crate::util::hash::spread)), so that memory per
//!   element does not depend on the size of the table and what one segment frees another takes.
//! - Order is hash order and homes are monotone in the hash, so a SCAN cursor is simply a hash: everything below it is
//!   done. It survives growth, splits, shrinking and merges alike.
//!
//! There is no way to reserve room: all growing together is 6 % of the cost of filling a table of 20 million.
//!
//! | file | what |
//! |---|---|
//! | `slot` | what an item is: one owning pointer, with room for a tag |
//! | `bucket` | a cache line of eight tagged pointers |
//! | `segment` | a run of buckets: placing, taking out, sizes |
//! | `directory` | which segment is in charge of a prefix |
//! | `resize` | growing, splitting, shrinking, merging |
//! | `scan` | walking: SCAN, iteration, draining, random and sampled elements |
//! | `defrag` | moving everything to fuller pages |
//! | `stats` | shape and memory |
//!
//! What always holds: the hash given with a key is the item's [`Slot::hash`]; an element lies in the segment its hash
//! leads to, at its home or as a stray that its home has noted; keys are unique as long as callers of
//! [`Table::insert_unique`] keep to its name.
#![allow(unsafe_code)]

mod bucket;
mod defrag;
mod directory;
mod resize;
mod scan;
mod segment;
mod slot;
mod stats;
#[cfg(test)]
mod tests;

pub use scan::{IntoIter, Iter};
pub use slot::{Slot, TagPtr};
pub use stats::Stats;

use bucket::prefetch;
use directory::Directory;
use segment::{Word, capacity, farthest_distance};
use slot::{from_raw, into_raw};
use std::marker::PhantomData;

/// Whether two keys are equal. Most are short: they are compared eight bytes at a time, without a call.
#[inline(always)]
pub fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if a.len() > 32 {
        return a == b;
    }
    let (mut a, mut b) = (a, b);
    while let (Some((head, a_rest)), Some((other, b_rest))) = (a.split_first_chunk::<8>(), b.split_first_chunk::<8>()) {
        if head != other {
            return false;
        }
        (a, b) = (a_rest, b_rest);
    }
    a.iter().zip(b).all(|(x, y)| x == y)
}

/// A hash table of owning pointers; see the module.
pub struct Table<T: Slot> {
    directory: Directory,
    len: usize,
    /// Bytes of all segments.
    segment_bytes: usize,
    /// The largest segment there may be, in buckets.
    largest: usize,
    frozen: bool,
    items: PhantomData<T>,
}

// SAFETY: the table owns its items and its memory; nothing is shared between tables but the never-written NOTHING.
unsafe impl<T: Slot + Send> Send for Table<T> {}
// SAFETY: `&Table<T>` gives out `&T` and nothing else that reaches an item.
unsafe impl<T: Slot + Sync> Sync for Table<T> {}

/// Where an element lies, until the table next changes: what was found can be read, changed, replaced or removed without
/// a second search. A stale one names another element or makes the call panic; it is never unsafe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loc {
    place: u32,
    bucket: u16,
    slot: u16,
}

/// Where an occupied slot lies in memory.
#[derive(Clone, Copy)]
struct Found {
    word: Word,
    bucket: usize,
    slot: usize,
}

impl<T: Slot> Default for Table<T> {
    fn default() -> Self {
        Table::new()
    }
}

impl<T: Slot> Table<T> {
    /// An empty table; it owns no memory before the first insertion.
    pub fn new() -> Self {
        Table { directory: Directory::new(), len: 0, segment_bytes: 0, largest: 1, frozen: false, items: PhantomData }
    }

    /// The number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The element with this key, whose hash is `hash`.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<&T> {
        self.find_by(hash, |item| same_bytes(item.key(), key))
    }

    /// The element for which `same` holds among those whose hash agrees with `hash` in the bits the table keeps.
    #[inline]
    pub fn find_by(&self, hash: u64, same: impl FnMut(&T) -> bool) -> Option<&T> {
        let found = self.search(hash, same)?;
        // SAFETY: an occupied slot, whose T lives as long as it is not written, which `&self` forbids.
        Some(unsafe { &*self.item(found) })
    }

    /// The element with this key, to be changed in place as with [`Table::at_mut`].
    #[inline]
    pub fn find_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut T> {
        let found = self.search(hash, |item| same_bytes(item.key(), key))?;
        // SAFETY: an occupied slot; nothing else reaches it while `self` is borrowed.
        Some(unsafe { &mut *self.item(found) })
    }

    /// Where the element with this key lies.
    #[inline]
    pub fn locate(&self, hash: u64, key: &[u8]) -> Option<Loc> {
        self.locate_by(hash, |item| same_bytes(item.key(), key))
    }

    /// As [`Table::find_by`]: where that element lies.
    #[inline]
    pub fn locate_by(&self, hash: u64, same: impl FnMut(&T) -> bool) -> Option<Loc> {
        self.search(hash, same).map(|found| self.loc(hash, found))
    }

    /// The element at `loc`.
    ///
    /// # Panics
    /// When `loc` is stale and there is none.
    #[inline]
    pub fn at(&self, loc: Loc) -> &T {
        // SAFETY: an occupied slot; `&self` forbids writes.
        unsafe { &*self.item(self.follow(loc)) }
    }

    /// The element at `loc`, to be changed in place. To put another `T` there use [`Table::replace`]: the reference leads
    /// into the table, which keeps bits of its own beside the pointer, and an assignment would wipe them out (the element
    /// would not be found again).
    ///
    /// # Panics
    /// When `loc` is stale and there is none.
    #[inline]
    pub fn at_mut(&mut self, loc: Loc) -> &mut T {
        // SAFETY: an occupied slot; nothing else reaches it while `self` is borrowed.
        unsafe { &mut *self.item(self.follow(loc)) }
    }

    /// Puts `item`, which has the same key, in the place of the element at `loc`, and returns the old one.
    ///
    /// # Panics
    /// When `loc` is stale and there is none.
    pub fn replace(&mut self, loc: Loc, item: T) -> T {
        let mut old = None;
        self.rebuild(loc, |element| {
            debug_assert!(element.key() == item.key());
            old = Some(element);
            item
        });
        old.expect("the closure has run")
    }

    /// Passes the element at `loc` through `make`, which returns one with the same key.
    ///
    /// # Panics
    /// When `loc` is stale and there is none.
    pub fn rebuild(&mut self, loc: Loc, make: impl FnOnce(T) -> T) {
        let Found { word, bucket, slot } = self.follow(loc);
        let first = self.directory.first(loc.place as usize);
        // SAFETY: an occupied slot, hence not of NOTHING; an own segment, which is borrowed exclusively.
        let bucket = unsafe { &mut word.view_mut()[bucket] };
        let tag = bucket.tag(slot);
        let address = bucket.take(slot);
        // Should `make` panic, the element is gone and the numbers say so.
        self.directory.count_down(first);
        self.len -= 1;
        // SAFETY: the slot owned the item and is empty now.
        let item = make(unsafe { from_raw(address) });
        bucket.put(slot, tag, into_raw(item));
        self.directory.count_up(first);
        self.len += 1;
    }

    /// Adds an element that is known not to be there: no element has its key. `hash` is its [`Slot::hash`].
    /// Returns where it lies.
    pub fn insert_unique(&mut self, hash: u64, item: T) -> Loc {
        debug_assert_eq!(hash, item.hash());
        let address = into_raw(item);
        let found = loop {
            let word = self.directory.word(hash);
            let first = self.directory.first(self.directory.place(hash));
            let count = self.directory.count(first);
            if count < capacity(word.buckets(), self.frozen) && !word.is_nothing() {
                // SAFETY: the segment in charge, owned by this table, which is borrowed exclusively.
                let segment = unsafe { word.view_mut() };
                let (bucket, slot) = segment::place(segment, word.tag(hash), address);
                self.directory.count_up(first);
                self.len += 1;
                break Found { word, bucket, slot };
            }
            self.make_room(hash);
        };
        self.loc(hash, found)
    }

    /// Takes the element with this key out.
    #[inline]
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<T> {
        self.remove_by(hash, |item| item.key() == key)
    }

    /// Takes the element out for which `same` holds among those whose hash agrees with `hash`.
    pub fn remove_by(&mut self, hash: u64, same: impl FnMut(&T) -> bool) -> Option<T> {
        self.locate_by(hash, same).map(|loc| self.remove_at(loc))
    }

    /// Takes the element at `loc` out.
    ///
    /// # Panics
    /// When `loc` is stale and there is none.
    pub fn remove_at(&mut self, loc: Loc) -> T {
        let Found { word, bucket, slot } = self.follow(loc);
        // SAFETY: an occupied slot, hence not of NOTHING; an own segment, which is borrowed exclusively.
        let address = segment::unplace(unsafe { word.view_mut() }, bucket, slot);
        let first = self.directory.first(loc.place as usize);
        self.directory.count_down(first);
        self.len -= 1;
        self.give_back_room(first);
        // SAFETY: the slot owned the item and is empty now.
        unsafe { from_raw(address) }
    }

    /// Drops all elements and gives all memory back.
    pub fn clear(&mut self) {
        drop(self.drain());
    }

    /// Empties the table at once; the elements are dropped or handed out by the iterator, on whatever thread.
    pub fn drain(&mut self) -> IntoIter<T> {
        let frozen = self.frozen;
        let mut full = std::mem::take(self);
        self.frozen = frozen;
        full.frozen = false;
        IntoIter::new(full)
    }

    /// While frozen (a forked child shares the memory) nothing is shrunk or merged, and segments fill up further before they
    /// grow. Sparse segments are taken up again by later deletions in them, or by [`Table::tidy`].
    pub fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// What [`Table::set_frozen`] has said.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// First stage of a prefetched lookup: asks the cache for the bucket.
    #[inline(always)]
    pub fn prefetch_bucket(&self, hash: u64) {
        let word = self.directory.word(hash);
        prefetch(word.base().cast_const().wrapping_add(word.home(word.tag(hash))));
    }

    /// Second stage, a few requests later: reads the bucket and asks the cache for the item.
    #[inline(always)]
    pub fn prefetch_item(&self, hash: u64) {
        let word = self.directory.word(hash);
        let tag = word.tag(hash);
        // SAFETY: the segment in charge; `&self` forbids writes.
        let bucket = unsafe { &*word.base().add(word.home(tag)) };
        if let Some(slot) = bucket.matches(tag).next() {
            // Items of some dozens of bytes begin anywhere in a line, and often end in the next.
            prefetch(bucket.address(slot));
            prefetch(bucket.address(slot).wrapping_add(32));
        } else if bucket.may_stray(tag) {
            prefetch((&raw const *bucket).wrapping_add(1));
        }
    }

    #[inline(always)]
    fn search(&self, hash: u64, mut same: impl FnMut(&T) -> bool) -> Option<Found> {
        let word = self.directory.word(hash);
        let tag = word.tag(hash);
        let home = word.home(tag);
        let mut bucket = home;
        // SAFETY: a home lies within the segment, which `&self` forbids to write.
        let mut line = unsafe { &*word.base().add(home) };
        let mut left = usize::MAX;
        loop {
            for slot in line.matches(tag) {
                let found = Found { word, bucket, slot };
                // SAFETY: a slot with an address holds an item.
                if !line.address(slot).is_null() && same(unsafe { &*self.item(found) }) {
                    return Some(found);
                }
            }
            if left == usize::MAX {
                if !line.may_stray(tag) {
                    return None;
                }
                left = farthest_distance(line.span(), word.buckets());
            }
            if left == 0 {
                return None;
            }
            left -= 1;
            bucket = if bucket + 1 == word.buckets() { 0 } else { bucket + 1 };
            // SAFETY: as above; past the last bucket comes the first.
            line = unsafe { &*word.base().add(bucket) };
        }
    }

    fn loc(&self, hash: u64, found: Found) -> Loc {
        Loc { place: self.directory.place(hash) as u32, bucket: found.bucket as u16, slot: found.slot as u16 }
    }

    /// The occupied slot at `loc`; panics when there is none.
    #[inline(always)]
    fn follow(&self, loc: Loc) -> Found {
        let word = self.directory.at(loc.place as usize);
        let (bucket, slot) = (loc.bucket as usize, loc.slot as usize);
        // SAFETY: a segment of the table, read while `self` is borrowed.
        let occupied = unsafe { word.view() }.get(bucket).is_some_and(|bucket| !bucket.address(slot).is_null());
        assert!(occupied, "a table changed between locating an element and using the location");
        Found { word, bucket, slot }
    }

    /// The item in an occupied slot: a `T` with the table's bits added.
    #[inline(always)]
    fn item(&self, found: Found) -> *mut T {
        // SAFETY: bucket and slot are within the segment's allocation.
        unsafe { found.word.base().add(found.bucket).cast::<T>().add(found.slot) }
    }
}

impl<T: Slot> Drop for Table<T> {
    fn drop(&mut self) {
        if self.segment_bytes > 0 {
            self.clear();
        }
    }
}
