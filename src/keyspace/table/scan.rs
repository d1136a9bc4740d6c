//! Walking a table: SCAN, iteration, draining, filtering, random elements.
//!
//! A SCAN cursor is the top 48 bits of a hash: every element whose hash lies below has been visited, 0 is both start and
//! end. One call visits the elements *at home* in one bucket, wherever they strayed, and returns the lowest hash that is
//! at home in the next one. That number depends on the bucket's position alone, not on any element; a prefix of at most
//! 32 bits and a tag of 16 always fit. After a growth or a split the cursor points into the middle of
//! a bucket, whose elements below it are passed over: no element is visited twice. After a merge tags know
//! one bit less than the cursor, and the elements that agree with it in all they know are visited again.
#![allow(unsafe_code)]

use super::bucket::{Bucket, Mask, SLOTS, prefetch};
use super::segment::{Word, farthest_distance, range_of, recount_strays};
use super::slot::from_raw;
use super::{Found, Slot, Table};
use crate::util::hash::spread;
use std::iter::FusedIterator;
use std::ops::Range;

/// What a walk visits at a cursor: the elements at home in one bucket.
pub(super) struct Step {
    pub(super) word: Word,
    /// A place of the segment's in the directory.
    pub(super) place: usize,
    pub(super) home: usize,
    /// Tags of the elements to visit.
    pub(super) wanted: Range<usize>,
    /// How many buckets beyond `home` they may have strayed.
    pub(super) reach: usize,
    /// Whether nothing of the segment lies before.
    pub(super) begins_segment: bool,
    /// The next cursor; 0 at the end.
    pub(super) next: u64,
}

/// Hash bits that a cursor does not hold.
const UNSEEN_BITS: u32 = 16;

impl<T: Slot> Table<T> {
    /// Visits the elements of the next bucket from `cursor` on (none to a handful, about eight at most) and returns where
    /// to go on, 0 at the end. A whole pass visits every element that is in the table from its start to its end,
    /// whatever is inserted and removed between the calls. Any number is a valid cursor.
    pub fn scan<'a>(&'a self, cursor: u64, mut visit: impl FnMut(&'a T)) -> u64 {
        let Some(Step { word, home, wanted, reach, next, .. }) = self.step(cursor) else { return 0 };
        // SAFETY: the segment in charge; `&self` forbids writes for 'a.
        let segment: &'a [Bucket] = unsafe { word.view() };
        for distance in 0..=reach {
            let at = (home + distance) % word.buckets();
            for slot in segment[at].occupied() {
                if wanted.contains(&(segment[at].tag(slot) as usize)) {
                    visit(self.element(Found { word, bucket: at, slot }));
                }
            }
        }
        next
    }

    /// What a walk is to visit at `cursor`; `None` for what no walk has ever answered with.
    #[inline]
    pub(super) fn step(&self, cursor: u64) -> Option<Step> {
        if cursor >> (64 - UNSEEN_BITS) != 0 {
            return None;
        }
        let position = cursor << UNSEEN_BITS;
        let word = self.directory.word(position);
        let (tag, buckets) = (word.tag(position), word.buckets());
        let home = word.home(tag);
        let mut wanted = range_of(home, buckets);
        wanted.start = wanted.start.max(tag as usize);
        // SAFETY: the segment in charge; `&self` forbids writes.
        let span = unsafe { &*word.base().add(home) }.span();
        let begins_segment = position & (u64::MAX >> word.depth()) == 0;
        // Up to the next tag there can be: were it one that the segment's loss rounds down, the next call would come back
        // here. Past the last tag of the last segment all bits are carried out of the word.
        let end = wanted.end.next_multiple_of(1 << word.loss()) as u64;
        let prefix = position >> 1 >> (63 - word.depth());
        let next = ((prefix << 16) + end) << (64 - UNSEEN_BITS - word.depth());
        let (place, reach, next) = (self.directory.place(position), farthest_distance(span, buckets), next >> UNSEEN_BITS);
        Some(Step { word, place, home, wanted, reach, begins_segment, next })
    }

    /// All elements, in hash order but for those displaced within a segment.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { table: self, place: 0, segment: &[], bucket: 0, slots: Mask::NONE }
    }

    /// Keeps the elements for which `keep` holds and drops the others.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        let mut place = 0;
        while place < self.directory.len() {
            let word = self.directory.at(place);
            let mut dropped = 0;
            for bucket in 0..if word.is_nothing() { 0 } else { word.buckets() } {
                // SAFETY: an own segment, reached through `&mut self`; the view ends before the reference below begins.
                for slot in unsafe { &word.view()[bucket] }.occupied() {
                    let item = self.item(Found { word, bucket, slot });
                    // SAFETY: an occupied slot; the reference ends before the slot is touched otherwise.
                    if !keep(unsafe { &mut *item }) {
                        // SAFETY: as above.
                        let address = unsafe { word.view_mut() }[bucket].take(slot);
                        // Counted before the item's own destructor runs, which might panic.
                        self.directory.count_down(place);
                        self.len -= 1;
                        dropped += 1;
                        // SAFETY: the slot owned the item and is empty now.
                        drop(unsafe { from_raw::<T>(address) });
                    }
                }
            }
            if dropped > 0 {
                // SAFETY: as above.
                let segment = unsafe { word.view_mut() };
                (0..segment.len()).for_each(|home| recount_strays(segment, home));
            }
            place += self.directory.width(word);
        }
        let mut position = 0;
        loop {
            position = self.tidy(position, 64);
            if position == 0 {
                break;
            }
        }
    }

    /// An element, each with exactly the same probability. `None` when there are none.
    ///
    /// Draws a place of the directory, a bucket and a slot, and rejects places that repeat a segment, buckets the segment
    /// has not and slots that are empty, so that all slots of the table are equally likely. In a table so sparse that
    /// this fails as many times as there are buckets, it counts its way to an element of a drawn rank instead.
    pub fn random<'a>(&'a self, rng: &mut fastrand::Rng) -> Option<&'a T> {
        if self.len == 0 {
            return None;
        }
        let depth = self.directory.depth();
        let most = if depth == 0 { self.directory.at(0).buckets() } else { self.largest };
        for _ in 0..128 + self.segment_bytes / size_of::<Bucket>() {
            let draw = rng.u64(..);
            let place = self.directory.place(draw);
            let word = self.directory.at(place);
            let bucket = rng.usize(..most);
            if self.directory.first(place) != place || bucket >= word.buckets() {
                continue;
            }
            // SAFETY: the bucket is within its segment; `&self` forbids writes.
            let line = unsafe { &*word.base().add(bucket) };
            let slot = draw as usize % SLOTS;
            if !line.address(slot).is_null() {
                return Some(self.element(Found { word, bucket, slot }));
            }
        }
        let mut rank = rng.usize(..self.len);
        let (place, ..) = self.directory.segments().find(|(.., count)| {
            let here = rank < *count;
            rank -= if here { 0 } else { *count };
            here
        })?;
        Iter { place, ..self.iter() }.nth(rank)
    }

    /// Visits up to `count` different elements that lie together at a random place: cheaper than as many fair draws, and
    /// random enough for eviction. Returns how many there were.
    pub fn sample<'a>(&'a self, rng: &mut fastrand::Rng, count: usize, mut visit: impl FnMut(&'a T)) -> usize {
        let start = spread(rng.u64(..));
        let word = self.directory.word(start);
        let bucket = word.home(word.tag(start));
        // SAFETY: the segment in charge; `&self` forbids writes for 'a.
        let segment: &'a [Bucket] = unsafe { word.view() };
        // Not always from slot 0, or the last slots of full buckets would rarely be seen.
        let slot = start as usize % SLOTS;
        let place = self.directory.first(self.directory.place(start)) + self.directory.width(word);
        let slots = segment[bucket].occupied().from(slot);
        let onward = Iter { table: self, place, segment: &segment[bucket..], bucket: 0, slots };
        let count = count.min(self.len);
        onward.chain(self.iter()).take(count).for_each(&mut visit);
        count
    }

    fn element(&self, found: Found) -> &T {
        // SAFETY: callers pass an occupied slot, which is a T with the table's bits; `&self` forbids writes.
        unsafe { &*self.item(found) }
    }
}

/// Elements of a table, see [`Table::iter`]. Asks the cache for the items two buckets ahead.
pub struct Iter<'a, T: Slot> {
    table: &'a Table<T>,
    /// Where the next segment stands.
    place: usize,
    segment: &'a [Bucket],
    /// The bucket of `segment` that `slots` still names elements of.
    bucket: usize,
    slots: Mask,
}

impl<'a, T: Slot> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        let slot = loop {
            if let Some(slot) = self.slots.next() {
                break slot;
            }
            if self.bucket + 1 < self.segment.len() {
                self.bucket += 1;
            } else {
                if self.place >= self.table.directory.len() {
                    return None;
                }
                let word = self.table.directory.at(self.place);
                self.place += self.table.directory.width(word);
                // SAFETY: a segment of the table, borrowed for 'a, which forbids writes.
                (self.segment, self.bucket) = (unsafe { word.view() }, 0);
                prefetch_items(self.segment.get(1));
            }
            prefetch_items(self.segment.get(self.bucket + 2));
            self.slots = self.segment[self.bucket].occupied();
        };
        let word = (&raw const self.segment[self.bucket]).cast::<T>().wrapping_add(slot);
        // SAFETY: an occupied slot is a T with the table's bits, and lives as long as the borrow of the table.
        Some(unsafe { &*word })
    }
}

impl<T: Slot> FusedIterator for Iter<'_, T> {}

impl<'a, T: Slot> IntoIterator for &'a Table<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// The elements of an emptied table, see [`Table::drain`]. Frees each segment as it leaves it; dropping it drops the rest.
pub struct IntoIter<T: Slot> {
    table: Table<T>,
    /// Where the segment stands that is being emptied.
    place: usize,
    bucket: usize,
}

impl<T: Slot> IntoIter<T> {
    pub(super) fn new(table: Table<T>) -> Self {
        IntoIter { table, place: 0, bucket: 0 }
    }
}

impl<T: Slot> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        loop {
            if self.place >= self.table.directory.len() {
                return None;
            }
            let word = self.table.directory.at(self.place);
            if !word.is_nothing() && self.bucket < word.buckets() {
                // SAFETY: an own segment, reached through `&mut self`.
                let segment = unsafe { word.view_mut() };
                if let Some(slot) = segment[self.bucket].occupied().next() {
                    let address = segment[self.bucket].take(slot);
                    self.table.len -= 1;
                    // SAFETY: the slot owned the item and is empty now.
                    return Some(unsafe { from_raw(address) });
                }
                self.bucket += 1;
                prefetch_items(segment.get(self.bucket + 1));
            } else {
                self.table.install(self.place, Word::nothing(word.depth()));
                self.place += self.table.directory.width(word);
                self.bucket = 0;
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.table.len, Some(self.table.len))
    }
}

impl<T: Slot> ExactSizeIterator for IntoIter<T> {}
impl<T: Slot> FusedIterator for IntoIter<T> {}

impl<T: Slot> Drop for IntoIter<T> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

fn prefetch_items(bucket: Option<&Bucket>) {
    if let Some(bucket) = bucket {
        (0..SLOTS).for_each(|slot| prefetch(bucket.address(slot)));
    }
}
