//! How a table's segments grow, split, shrink and merge.
//!
//! Growing: a full segment takes the next size up; at 64 buckets it splits by the next bit of the hash. Shrinking: a
//! segment less than 5/8 full takes the size that is at most 13/16 full; two halves of one range that together
//! hold no more than one half did right after a split become one again. Between each threshold and its
//! opposite lies a good part of the segment, so that no pattern of insertions and deletions makes a segment move to and fro.
#![allow(unsafe_code)]

use super::bucket::{Bucket, SLOTS, prefetch};
use super::segment::{DEPTH_MAX, Filler, LOSS_MAX, SPLIT_BUCKETS, Word, buckets_for, next_size};
use super::slot::from_raw;
use super::{Slot, Table};
use std::mem::ManuallyDrop;

/// Two halves with at most this many elements become one segment.
const MERGE: usize = SPLIT_BUCKETS * SLOTS * 15 / 32;

impl<T: Slot> Table<T> {
    /// Enlarges the segment at `first`, or splits it.
    #[cold]
    #[inline(never)]
    pub(super) fn make_room(&mut self, first: usize) {
        let word = self.directory.at(first);
        if word.is_nothing() {
            self.install(first, Word::allocate(1, word.depth(), 0));
        } else if word.buckets() >= SPLIT_BUCKETS && self.directory.may_split(word, self.len) {
            self.split(first);
        } else {
            let size = next_size(word.buckets())
                .expect("a keyed hash does not collide in 48 bits tens of thousands of times");
            self.resize(first, size);
        }
    }

    /// Shrinks or merges the segment at `first` as far as its elements allow.
    #[inline]
    pub(super) fn give_back_room(&mut self, first: usize) {
        let word = self.directory.at(first);
        let count = self.directory.count(first);
        let sparse = count < word.buckets() * SLOTS * 5 / 8;
        if !self.frozen && (sparse || (count <= MERGE && word.depth() > 0)) {
            self.shrink(first);
        }
    }

    /// Gives back what deletions left unused while the table was frozen: looks at the next `segments` segments from
    /// `cursor` on, and returns where to go on, or 0 when all have been seen.
    pub fn tidy(&mut self, cursor: u64, segments: usize) -> u64 {
        let mut position = cursor;
        for _ in 0..segments {
            let first = self.directory.first(self.directory.place(position));
            self.give_back_room(first);
            let depth = self.directory.word(position).depth();
            position = end_of(position, depth);
            if position == 0 {
                return 0;
            }
        }
        position
    }

    fn shrink(&mut self, mut first: usize) {
        while let Some(sibling) = self.directory.sibling(first) {
            if self.directory.count(first) + self.directory.count(sibling) > MERGE {
                break;
            }
            let prefix = (first as u64) << (DEPTH_MAX - self.directory.depth());
            self.merge(first.min(sibling), first.max(sibling));
            let place = (prefix >> (DEPTH_MAX - self.directory.depth())) as usize;
            first = self.directory.first(place);
        }
        let word = self.directory.at(first);
        let count = self.directory.count(first);
        if count == 0 {
            self.install(first, Word::nothing(word.depth()));
        } else if count < word.buckets() * SLOTS * 5 / 8 {
            let size = buckets_for(count);
            if size < word.buckets() {
                self.resize(first, size);
            }
        }
    }

    /// Moves a segment's elements into one of another size. Their tags suffice.
    fn resize(&mut self, first: usize, size: usize) {
        let old = self.directory.at(first);
        let new = Word::allocate(size, old.depth(), old.loss());
        // SAFETY: fresh, and reached through this view only.
        let mut target = Filler::new(unsafe { new.view_mut() });
        // SAFETY: the table's own segment, which is borrowed exclusively and not written.
        for_each_element(unsafe { old.view() }, |tag, address| {
            target.add(tag, address)
        });
        self.install(first, new);
    }

    /// Splits a segment by the next bit of its elements' hashes, which is the highest of their tags. Only when the tags
    /// have lost as many bits as they may are they taken from the keys afresh.
    fn split(&mut self, first: usize) {
        let old = self.directory.at(first);
        let depth = old.depth() + 1;
        // SAFETY: the table's own segment, which is borrowed exclusively and not written.
        let source = unsafe { old.view() };
        let refresh = old.loss() == LOSS_MAX;
        let mut high_count = 0;
        for_each_element(source, |tag, address| {
            high_count += usize::from(tag >> 15);
            if refresh {
                prefetch(address);
            }
        });
        let low_count = self.directory.count(first) - high_count;
        let loss = if refresh { 0 } else { old.loss() + 1 };
        let low = Word::allocate(buckets_for(low_count), depth, loss);
        let high = Word::allocate(buckets_for(high_count), depth, loss);
        // SAFETY: both fresh, and reached through these views only.
        let mut halves = unsafe { [Filler::new(low.view_mut()), Filler::new(high.view_mut())] };
        for_each_element(source, |tag, address| {
            let renewed = if refresh {
                low.tag(hash_of::<T>(address))
            } else {
                tag << 1
            };
            halves[usize::from(tag >> 15)].add(renewed, address);
        });
        self.account(old, low);
        self.account(Word::nothing(depth), high);
        self.directory
            .split(first, (low, low_count), (high, high_count));
        // SAFETY: the directory names it no more.
        unsafe { old.free() };
    }

    /// Joins two halves. The bit that told them apart becomes the highest of their tags.
    fn merge(&mut self, low: usize, high: usize) {
        let words = [self.directory.at(low), self.directory.at(high)];
        let count = self.directory.count(low) + self.directory.count(high);
        let loss = words[0].loss().max(words[1].loss()).saturating_sub(1);
        let depth = words[0].depth() - 1;
        let new = Word::allocate(buckets_for(count), depth, loss);
        // SAFETY: fresh, and reached through this view only.
        let mut target = Filler::new(unsafe { new.view_mut() });
        for (word, bit) in words.into_iter().zip([0, 1 << 15]) {
            // SAFETY: the table's own segment, which is borrowed exclusively and not written.
            for_each_element(unsafe { word.view() }, |tag, address| {
                target.add((bit | tag >> 1) & (u16::MAX << loss), address);
            });
        }
        self.account(words[0], new);
        self.account(words[1], Word::nothing(depth));
        self.directory.merge(low, new, count);
        for word in words {
            // SAFETY: the directory names it no more.
            unsafe { word.free() };
        }
    }

    /// Puts `new` in the place of the segment at `first`, which holds no elements of its own any more, and frees that.
    pub(super) fn install(&mut self, first: usize, new: Word) {
        let old = self.directory.at(first);
        self.account(old, new);
        self.directory.replace(first, new);
        // SAFETY: the directory names it no more.
        unsafe { old.free() };
    }

    fn account(&mut self, old: Word, new: Word) {
        self.segment_bytes = self.segment_bytes + new.bytes() - old.bytes();
        self.largest = self.largest.max(new.buckets());
    }
}

/// Calls `each` with tag and address of every element of a segment, in bucket order.
#[inline(always)]
fn for_each_element(segment: &[Bucket], mut each: impl FnMut(u16, *mut u8)) {
    for bucket in segment {
        prefetch(bucket);
    }
    for bucket in segment {
        for slot in 0..SLOTS {
            let address = bucket.address(slot);
            if !address.is_null() {
                each(bucket.tag(slot), address);
            }
        }
    }
}

/// The hash of the item at `address`, which stays the table's.
fn hash_of<T: Slot>(address: *mut u8) -> u64 {
    // SAFETY: an address from an occupied slot; the ownership is not kept.
    let item: ManuallyDrop<T> = ManuallyDrop::new(unsafe { from_raw(address) });
    item.hash()
}

/// The first hash beyond the range of `depth` bits that `position` lies in; 0 beyond the last.
fn end_of(position: u64, depth: u32) -> u64 {
    if depth == 0 {
        0
    } else {
        (position >> (64 - depth)).wrapping_add(1) << (64 - depth)
    }
}
