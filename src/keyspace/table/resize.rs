//! How a table's segments grow, split, shrink and merge.
//!
//! Growing: a full segment takes the next size up; at 64 buckets it splits by the next bit of the hash, or, when it is
//! the whole table, by the bits that spread the table (see [`spread`](crate::util::hash::spread)). Shrinking: a segment less
//! than 5/8 full takes the size at which it is at most 13/16 full; parts that together hold no more than half of what
//! made them split become one again. Between each threshold and its opposite lies a good part of the segment, so that no
//! pattern of insertions and deletions makes a segment move to and fro.
#![allow(unsafe_code)]

use super::bucket::{Bucket, SLOTS, prefetch};
use super::directory::split_step;
use super::segment::{DEPTH_MAX, Filler, LOSS_MAX, SPLIT_BUCKETS, Word, buckets_for, next_size};
use super::slot::from_raw;
use super::{Slot, Table};
use crate::util::hash::SPREAD_BITS;
use std::mem::ManuallyDrop;
use std::ops::Range;

/// Parts with at most this many elements together become one segment.
const MERGE: usize = SPLIT_BUCKETS * SLOTS * 15 / 32;

impl<T: Slot> Table<T> {
    /// Enlarges the segment in charge of `hash`, or splits it.
    #[cold]
    #[inline(never)]
    pub(super) fn make_room(&mut self, hash: u64) {
        self.directory.go_on_doubling();
        let word = self.directory.word(hash);
        let split = word.buckets() >= SPLIT_BUCKETS && self.directory.make_places(word, self.len);
        let first = self.directory.first(self.directory.place(hash));
        if word.is_nothing() {
            self.install(first, Word::allocate(1, word.depth(), 0));
        } else if split {
            self.split(first);
        } else {
            let size = next_size(word.buckets()).expect("a keyed hash does not collide in 48 bits tens of thousands of times");
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
        while let Some(family) = self.directory.family(first) {
            // The parts of the whole table need no counting one by one.
            let whole = family.len() == self.directory.len();
            let count = if whole { self.len } else { self.directory.counts(family.clone()) };
            if count > MERGE {
                break;
            }
            let prefix = (family.start as u64) << (DEPTH_MAX - self.directory.depth());
            self.merge(family, count);
            first = (prefix >> (DEPTH_MAX - self.directory.depth())) as usize;
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
        let mut target = unsafe { Filler::new(new) };
        // SAFETY: the table's own segment, which is borrowed exclusively and not written.
        for_each_element(unsafe { old.view() }, |tag, address| target.add(tag, address));
        self.install(first, new);
    }

    /// Splits a segment by the next bits of its elements' hashes, which are the highest of their tags. Only when that
    /// would leave the tags with too few known bits they are taken from the keys afresh.
    fn split(&mut self, first: usize) {
        let old = self.directory.at(first);
        let step = split_step(old.depth());
        let (depth, loss) = (old.depth() + step, old.loss() + step);
        let (refresh, loss) = if loss > LOSS_MAX { (true, 0) } else { (false, loss) };
        let part = |tag: u16| usize::from(tag >> (16 - step));
        // SAFETY: the table's own segment, which is borrowed exclusively and not written.
        let source = unsafe { old.view() };
        let mut counts = [0; 1 << SPREAD_BITS];
        for_each_element(source, |tag, address| {
            counts[part(tag)] += 1;
            if refresh {
                prefetch(address);
            }
        });
        let make = |&count: &usize| match count {
            0 => (Word::nothing(depth), 0),
            _ => (Word::allocate(buckets_for(count), depth, loss), count),
        };
        let parts: Vec<(Word, usize)> = counts[..1 << step].iter().map(make).collect();
        // SAFETY: fresh or NOTHING, and reached through these only.
        let mut fillers: Vec<Filler> = parts.iter().map(|&(word, _)| unsafe { Filler::new(word) }).collect();
        for_each_element(source, |tag, address| {
            let part = part(tag);
            let tag = if refresh { parts[part].0.tag(hash_of::<T>(address)) } else { tag << step };
            fillers[part].add(tag, address);
        });
        self.segment_bytes -= old.bytes();
        parts.iter().for_each(|&(word, _)| self.account(word));
        self.directory.split(first, &parts);
        // SAFETY: the directory names it no more.
        unsafe { old.free() };
    }

    /// Joins the segments of one range, which hold `count` elements. What told them apart becomes the top of their tags.
    fn merge(&mut self, family: Range<usize>, count: usize) {
        let parts: Vec<Word> = self.directory.parts(family.clone()).map(|first| self.directory.at(first)).collect();
        let step = parts.len().trailing_zeros();
        let depth = parts[0].depth() - step;
        let loss = parts.iter().map(|word| word.loss()).max().unwrap_or(0).saturating_sub(step);
        let new = if count == 0 { Word::nothing(depth) } else { Word::allocate(buckets_for(count), depth, loss) };
        // SAFETY: fresh or NOTHING, and reached through this only.
        let mut target = unsafe { Filler::new(new) };
        for (word, part) in parts.iter().zip(0_u16..) {
            // SAFETY: the table's own segment, which is borrowed exclusively and not written.
            for_each_element(unsafe { word.view() }, |tag, address| {
                target.add((part << (16 - step) | tag >> step) & (u16::MAX << loss), address);
            });
        }
        self.account(new);
        self.directory.merge(family, new, count);
        for word in parts {
            self.segment_bytes -= word.bytes();
            // SAFETY: the directory names it no more.
            unsafe { word.free() };
        }
    }

    /// Puts `new` in the place of the segment at `first`, which holds no elements of its own any more, and frees that.
    pub(super) fn install(&mut self, first: usize, new: Word) {
        let old = self.directory.at(first);
        self.segment_bytes -= old.bytes();
        self.account(new);
        self.directory.replace(first, new);
        // SAFETY: the directory names it no more.
        unsafe { old.free() };
    }

    fn account(&mut self, new: Word) {
        self.segment_bytes += new.bytes();
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
    if depth == 0 { 0 } else { (position >> (64 - depth)).wrapping_add(1) << (64 - depth) }
}
