//! A segment: a run of buckets that holds, in hash order, all elements whose hash begins with one prefix.
//!
//! The directory's word for a segment says everything about its shape:
//!
//! ```text
//!   63  61 60            48 47                         6 5      0
//!  +------+----------------+----------------------------+--------+
//!  | loss |    buckets     |  address, 64-byte aligned  | depth  |
//!  +------+----------------+----------------------------+--------+
//! ```
//!
//! `depth` is the length of the prefix. The *tag* of an element is the 16 hash bits below the prefix, of which the lowest
//! `loss` are taken as zero (a split halves the segment's range, so the tags move up by one bit; instead of reading
//! every key again to learn the bit that enters below, the segment does without it, six times over). The *home* of an element is
//! `tag * buckets >> 16`: monotone in the hash whatever the number of buckets, so that a segment is resized without a look at
//! any key, and a position in it is a position in hash space. An element that finds its home full goes to the
//! next bucket with room, past the last bucket to the first, and its home takes note of the stray.
//!
//! Apart from allocation and the view of a word as a slice this file is safe code.
#![allow(unsafe_code)]

use super::bucket::{Bucket, NOTHING, SLOTS, SPAN_MAX};
use crate::sys::defrag::Mover;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// The longest prefix. With at most 16 bits of tag below it a position in hash order fits 48 bits.
pub(super) const DEPTH_MAX: u32 = 32;
/// A segment of this many buckets is split rather than grown, as long as the directory may grow with it.
pub(super) const SPLIT_BUCKETS: usize = 64;
/// Low tag bits a segment may do without. At 10 known bits one lookup in two hundred touches a wrong key.
pub(super) const LOSS_MAX: u32 = 6;

/// Numbers of buckets: jemalloc's size classes, so that no allocation is rounded up.
const CLASSES: [u8; 23] = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112];
/// Beyond that (only when hashes collide in their first dozens of bits) sizes double up to here.
const BUCKETS_MAX: usize = 1 << 12;

const DEPTH: usize = 0x3f;
const BASE: usize = 0x0000_ffff_ffff_ffc0;
const BUCKETS_SHIFT: u32 = 48;
const BUCKETS: usize = 0x1fff;
const LOSS_SHIFT: u32 = 61;

/// A directory word; see the drawing above. A copy of one owns nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(*mut Bucket);

impl Word {
    /// The segment without elements and without memory, for a prefix of `depth` bits.
    pub(super) fn nothing(depth: u32) -> Word {
        Word::pack((&raw const NOTHING).cast_mut(), 1, depth, 0)
    }

    /// A new segment of `buckets` empty buckets, to be freed by [`Word::free`].
    pub(super) fn allocate(buckets: usize, depth: u32, loss: u32) -> Word {
        let layout = layout(buckets);
        // SAFETY: the layout's size is not zero. All-zero bytes are empty buckets.
        let base = unsafe { alloc_zeroed(layout) };
        if base.is_null() {
            handle_alloc_error(layout);
        }
        Word::pack(base.cast(), buckets, depth, loss)
    }

    fn pack(base: *mut Bucket, buckets: usize, depth: u32, loss: u32) -> Word {
        assert!(base.addr() & !BASE == 0 && (1..=BUCKETS_MAX).contains(&buckets) && depth <= DEPTH_MAX && loss <= LOSS_MAX);
        Word(base.map_addr(|base| base | depth as usize | buckets << BUCKETS_SHIFT | (loss as usize) << LOSS_SHIFT))
    }

    /// Frees the segment's memory, not what its elements point to.
    ///
    /// # Safety
    /// The word came from [`Word::allocate`] or [`Word::nothing`], and no copy of it is used afterwards.
    pub(super) unsafe fn free(self) {
        if !self.is_nothing() {
            // SAFETY: allocated with this very layout.
            unsafe { dealloc(self.base().cast(), layout(self.buckets())) }
        }
    }

    /// The same segment elsewhere, if `mover` moves it.
    ///
    /// # Safety
    /// As for [`Word::free`] when another word is returned; and nothing else reads or writes the segment meanwhile.
    pub(super) unsafe fn relocate(self, mover: &mut Mover) -> Option<Word> {
        let block = NonNull::new(self.base().cast::<u8>()).filter(|_| !self.is_nothing())?;
        // SAFETY: allocated with this very layout, and by the contract nobody follows the old address again.
        let moved = unsafe { mover.relocate(block, layout(self.buckets())) }?;
        Some(Word::pack(moved.cast().as_ptr(), self.buckets(), self.depth(), self.loss()))
    }

    #[inline(always)]
    pub(super) fn base(self) -> *mut Bucket {
        self.0.map_addr(|word| word & BASE)
    }

    /// The number of buckets, at least 1.
    #[inline(always)]
    pub(super) fn buckets(self) -> usize {
        self.0.addr() >> BUCKETS_SHIFT & BUCKETS
    }

    /// The length of the prefix in bits.
    #[inline(always)]
    pub(super) fn depth(self) -> u32 {
        (self.0.addr() & DEPTH) as u32
    }

    /// How many of a tag's low bits are taken as zero.
    #[inline(always)]
    pub(super) fn loss(self) -> u32 {
        (self.0.addr() >> LOSS_SHIFT) as u32
    }

    #[inline]
    pub(super) fn is_nothing(self) -> bool {
        self.base().cast_const() == &raw const NOTHING
    }

    /// The tag of an element of this segment that has this hash.
    #[inline(always)]
    pub(super) fn tag(self, hash: u64) -> u16 {
        (((hash << self.depth()) >> 48) as u16) & (u16::MAX << self.loss())
    }

    #[inline(always)]
    pub(super) fn home(self, tag: u16) -> usize {
        home(tag, self.buckets())
    }

    /// Bytes of the segment's allocation.
    pub(super) fn bytes(self) -> usize {
        if self.is_nothing() { 0 } else { self.buckets() * size_of::<Bucket>() }
    }

    /// # Safety
    /// The segment has not been freed, and nothing writes to it for `'a`.
    #[inline(always)]
    pub(super) unsafe fn view<'a>(self) -> &'a [Bucket] {
        // SAFETY: base and number are those of the allocation (or of NOTHING).
        unsafe { std::slice::from_raw_parts(self.base(), self.buckets()) }
    }

    /// # Safety
    /// The segment has not been freed, is not [`Word::nothing`], and nothing else reads or writes it for `'a`.
    #[inline(always)]
    pub(super) unsafe fn view_mut<'a>(self) -> &'a mut [Bucket] {
        debug_assert!(!self.is_nothing());
        // SAFETY: as in `view`, and exclusive by the contract.
        unsafe { std::slice::from_raw_parts_mut(self.base(), self.buckets()) }
    }
}

fn layout(buckets: usize) -> Layout {
    Layout::array::<Bucket>(buckets).expect("a segment is far smaller than the address space")
}

/// The home of a tag among `buckets` buckets.
#[inline(always)]
fn home(tag: u16, buckets: usize) -> usize {
    (tag as usize * buckets) >> 16
}

/// The lowest tag at home in bucket `bucket` of `buckets`; 65536 when `bucket` is their number.
pub(super) fn lowest_tag(bucket: usize, buckets: usize) -> usize {
    (bucket << 16).div_ceil(buckets)
}

/// Elements that fit before the segment grows: 15 of 16 slots, and a few more while a forked child makes every new
/// page dear.
#[inline]
pub(super) fn capacity(buckets: usize, frozen: bool) -> usize {
    let slots = buckets * SLOTS;
    slots - if frozen { slots / 32 } else { slots / 16 }
}

/// The smallest size at which `count` elements fill at most 13 of 16 slots: room to grow, and far from shrinking again.
pub(super) fn buckets_for(count: usize) -> usize {
    sizes().find(|&buckets| count * 16 <= buckets * SLOTS * 13).expect("a count that came out of segments fits one")
}

/// The next larger size; `None` at the largest.
pub(super) fn next_size(buckets: usize) -> Option<usize> {
    sizes().find(|&size| size > buckets)
}

fn sizes() -> impl Iterator<Item = usize> {
    let doubled = std::iter::successors(Some(2 * SPLIT_BUCKETS), |size| Some(2 * size).filter(|&size| size <= BUCKETS_MAX));
    CLASSES.iter().map(|&size| size as usize).chain(doubled)
}

/// Puts an element into the first vacant slot at or after its home and says where that is. There is one: see [`capacity`].
#[inline]
pub(super) fn place(segment: &mut [Bucket], tag: u16, address: *mut u8) -> (usize, usize) {
    let home = home(tag, segment.len());
    let mut at = home;
    for distance in 0..segment.len() {
        if let Some(slot) = segment[at].vacant().next() {
            segment[at].put(slot, tag, address);
            if distance > 0 {
                segment[home].add_stray(tag, distance);
            }
            return (at, slot);
        }
        at = if at + 1 == segment.len() { 0 } else { at + 1 };
    }
    unreachable!("a segment is enlarged before it is full")
}

/// Fills a new segment that was sized for what it gets. Counting the slots taken in each bucket is several times faster than
/// looking for a vacant one, and moving elements is most of what insertions cost on top of a lookup.
pub(super) struct Filler<'a> {
    segment: &'a mut [Bucket],
    taken: [u8; SPLIT_BUCKETS],
}

impl<'a> Filler<'a> {
    /// For a segment without elements; when it is [`Word::nothing`], none may be added.
    ///
    /// # Safety
    /// The segment has not been freed, and nothing else reads or writes it for `'a`.
    pub(super) unsafe fn new(word: Word) -> Self {
        let segment = match word.is_nothing() {
            true => &mut [],
            // SAFETY: by the contract, and not NOTHING.
            false => unsafe { word.view_mut() },
        };
        Filler { segment, taken: [0; SPLIT_BUCKETS] }
    }

    /// Adds an element.
    #[inline(always)]
    pub(super) fn add(&mut self, tag: u16, address: *mut u8) {
        let home = home(tag, self.segment.len());
        match self.taken.get_mut(home) {
            Some(taken) if (*taken as usize) < SLOTS && self.segment.len() <= SPLIT_BUCKETS => {
                self.segment[home].put(*taken as usize, tag, address);
                *taken += 1;
            }
            _ => self.add_elsewhere(tag, address),
        }
    }

    #[inline(never)]
    fn add_elsewhere(&mut self, tag: u16, address: *mut u8) {
        let (at, _) = place(self.segment, tag, address);
        // Slots are taken from the lowest on here and there, so that the counts stay true.
        if let Some(taken) = self.taken.get_mut(at) {
            *taken += 1;
        }
    }
}

/// Takes the element out of a slot. A stray of the bucket comes home into the hole, and so on with the hole that leaves, so that
/// deletions and insertions do not wear the order out.
pub(super) fn unplace(segment: &mut [Bucket], bucket: usize, slot: usize) -> *mut u8 {
    let owner = home(segment[bucket].tag(slot), segment.len());
    let address = segment[bucket].take(slot);
    if owner != bucket {
        recount_strays(segment, owner);
    }
    let (mut hole, mut slot) = (bucket, slot);
    while let Some((from, stray)) = farthest(segment, hole) {
        let tag = segment[from].tag(stray);
        let moved = segment[from].take(stray);
        segment[hole].put(slot, tag, moved);
        recount_strays(segment, hole);
        (hole, slot) = (from, stray);
    }
    address
}

/// The stray of `home` that lies farthest from it.
fn farthest(segment: &[Bucket], home: usize) -> Option<(usize, usize)> {
    let total = segment.len();
    let own = range_of(home, total);
    (1..=farthest_distance(segment[home].span(), total)).rev().find_map(|distance| {
        let at = (home + distance) % total;
        let bucket = &segment[at];
        let mut slots = bucket.occupied();
        slots.find(|&slot| own.contains(&(bucket.tag(slot) as usize))).map(|slot| (at, slot))
    })
}

/// Notes anew which strays a bucket has, after some have gone.
pub(super) fn recount_strays(segment: &mut [Bucket], home: usize) {
    let total = segment.len();
    let own = range_of(home, total);
    let reach = farthest_distance(segment[home].span(), total);
    segment[home].forget_strays();
    for distance in 1..=reach {
        let at = (home + distance) % total;
        for slot in segment[at].occupied() {
            let tag = segment[at].tag(slot);
            if own.contains(&(tag as usize)) {
                segment[home].add_stray(tag, distance);
            }
        }
    }
}

/// The distance that a span stands for.
#[inline(always)]
pub(super) fn farthest_distance(span: usize, buckets: usize) -> usize {
    if span < SPAN_MAX { span } else { buckets - 1 }
}

/// The tags at home in one bucket.
pub(super) fn range_of(home: usize, buckets: usize) -> std::ops::Range<usize> {
    lowest_tag(home, buckets)..lowest_tag(home + 1, buckets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::without_provenance_mut;

    /// Every stray noted by its home, and no bucket noting more than it has.
    fn check(segment: &[Bucket]) {
        let total = segment.len();
        let mut needed = vec![0; total];
        for (at, bucket) in segment.iter().enumerate() {
            for slot in bucket.occupied() {
                let tag = bucket.tag(slot);
                let home = home(tag, total);
                assert!(home == at || segment[home].may_stray(tag));
                needed[home] = needed[home].max((at + total - home) % total);
            }
        }
        for (bucket, needed) in segment.iter().zip(needed) {
            assert_eq!(bucket.span(), needed.min(SPAN_MAX));
        }
    }

    #[test]
    fn strays_are_noted_under_any_placing_and_taking() {
        let mut rng = fastrand::Rng::with_seed(2);
        for buckets in [1, 2, 3, 5, 8, 10, 64, 128] {
            let word = Word::allocate(buckets, 0, 0);
            // SAFETY: freshly allocated, reached through this view only.
            let segment = unsafe { word.view_mut() };
            let mut count = 0;
            for round in 0..6000 {
                // Half of the rounds crowd into one home, so that spans reach their limit.
                let tag = if round % 2 == 0 { rng.u16(..) } else { 0xfffe };
                let at = rng.usize(..buckets);
                match segment[at].occupied().next() {
                    Some(slot) if rng.u32(..100) < 40 || count == capacity(buckets, true) => {
                        assert!(!unplace(segment, at, slot).is_null());
                        count -= 1;
                    }
                    _ if count < capacity(buckets, true) => {
                        place(segment, tag, without_provenance_mut(8 * (round + 1)));
                        count += 1;
                    }
                    _ => {}
                }
                if round % 16 == 0 {
                    check(segment);
                }
            }
            // SAFETY: the last use of the word.
            unsafe { word.free() };
        }
    }

    #[test]
    fn homes_and_lowest_tags_agree() {
        for buckets in sizes() {
            for bucket in 0..buckets {
                let range = range_of(bucket, buckets);
                assert_eq!(home(range.start as u16, buckets), bucket);
                assert_eq!(home((range.end - 1) as u16, buckets), bucket);
            }
            assert_eq!(lowest_tag(buckets, buckets), 1 << 16);
        }
    }

    #[test]
    fn a_word_keeps_its_parts() {
        let word = Word::allocate(40, 31, 3);
        assert_eq!((word.buckets(), word.depth(), word.loss(), word.bytes()), (40, 31, 3, 2560));
        assert_eq!(word.base().addr() % 64, 0);
        let hash = 0x0000_0001_ffff_0000_u64;
        assert_eq!(word.tag(hash), 0xfff8);
        assert_eq!(word.tag(hash >> 17), 0);
        // SAFETY: the last use of the word.
        unsafe { word.free() };
        assert!(Word::nothing(4).is_nothing());
        assert_eq!(Word::nothing(4).bytes(), 0);
    }

    #[test]
    fn sizes_leave_room_on_both_sides() {
        for count in 0..4000 {
            let buckets = buckets_for(count);
            assert!(count < capacity(buckets, false));
            assert!(capacity(buckets, true) <= buckets * SLOTS);
        }
    }
}
