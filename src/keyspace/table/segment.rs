//! A segment: a run of buckets that holds, in hash order, all elements whose hash begins with one prefix.
//!
//! The directory's word for a segment says everything about its shape:
//!
//! ```text
//!   63  62 61            48 47                         6 5      0
//!  +------+----------------+----------------------------+--------+
//!  | loss |    buckets     |  address, 64-byte aligned  | depth  |
//!  +------+----------------+----------------------------+--------+
//! ```
//!
//! `depth` is the length of the prefix. The *tag* of an element is the 16 hash bits below the prefix, of which the lowest
//! `loss` are taken as zero (a split halves the segment's range, so the tags move up by one bit; instead of reading
//! every key again to learn the bit that enters below, the segment does without it, three times over). The *home* of an element is
//! `tag * buckets >> 16`: monotone in the hash whatever the number of buckets, so that a segment is resized without a look at
//! any key, and a position in it is a position in hash space. An element that finds its home full goes to the
//! next bucket with room, past the last bucket to the first; each bucket notes how far its own elements have strayed (its span).
//!
//! Apart from allocation and the view of a word as a slice this file is safe code.
#![allow(unsafe_code)]

use super::bucket::{Bucket, NOTHING, SLOTS, SPAN_MAX};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

/// The longest prefix. With at most 16 bits of tag below it a position in hash order fits 48 bits.
pub(super) const DEPTH_MAX: u32 = 32;
/// A segment of this many buckets is split rather than grown, as long as the directory may grow with it.
pub(super) const SPLIT_BUCKETS: usize = 64;
/// Low tag bits a segment may do without. At 13 known bits one lookup in a thousand touches a wrong key.
pub(super) const LOSS_MAX: u32 = 3;
/// Buckets an insertion looks at before it asks for more room.
pub(super) const REACH: usize = SPAN_MAX + 1;

/// Numbers of buckets up to the split: jemalloc's size classes, so that no allocation is rounded up.
const CLASSES: [u8; 20] = [
    1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64,
];
/// Beyond that (only when hashes collide in their first dozens of bits) sizes double up to here.
const BUCKETS_MAX: usize = 1 << 13;

const DEPTH: usize = 0x3f;
const BASE: usize = 0x0000_ffff_ffff_ffc0;
const BUCKETS_SHIFT: u32 = 48;
const BUCKETS: usize = 0x3fff;
const LOSS_SHIFT: u32 = 62;

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
        assert!(
            base.addr() & !BASE == 0
                && (1..=BUCKETS_MAX).contains(&buckets)
                && depth <= DEPTH_MAX
                && loss <= LOSS_MAX
        );
        Word(base.map_addr(|base| {
            base | depth as usize | buckets << BUCKETS_SHIFT | (loss as usize) << LOSS_SHIFT
        }))
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
        if self.is_nothing() {
            0
        } else {
            self.buckets() * size_of::<Bucket>()
        }
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
    sizes()
        .find(|&buckets| count * 16 <= buckets * SLOTS * 13)
        .expect("a count that came out of segments fits one")
}

/// The next larger size; `None` at the largest.
pub(super) fn next_size(buckets: usize) -> Option<usize> {
    sizes().find(|&size| size > buckets)
}

fn sizes() -> impl Iterator<Item = usize> {
    let doubled = std::iter::successors(Some(2 * SPLIT_BUCKETS), |size| {
        Some(2 * size).filter(|&size| size <= BUCKETS_MAX)
    });
    CLASSES.iter().map(|&size| size as usize).chain(doubled)
}

/// Puts an element into the first vacant slot at or after its home, looking at `reach` buckets at most; says where it
/// went, or `None` when all of these are full.
#[inline]
pub(super) fn place(
    segment: &mut [Bucket],
    tag: u16,
    address: *mut u8,
    reach: usize,
) -> Option<(usize, usize)> {
    let home = home(tag, segment.len());
    let mut at = home;
    for distance in 0..reach.min(segment.len()) {
        if let Some(slot) = segment[at].vacant().next() {
            segment[at].put(slot, tag, address);
            let span = distance.min(SPAN_MAX);
            if span > segment[home].span() {
                segment[home].set_span(span);
            }
            return Some((at, slot));
        }
        at = if at + 1 == segment.len() { 0 } else { at + 1 };
    }
    None
}

/// Places an element in a segment known to have a vacant slot.
pub(super) fn place_anywhere(segment: &mut [Bucket], tag: u16, address: *mut u8) {
    let placed = place(segment, tag, address, usize::MAX);
    assert!(placed.is_some(), "the segment was sized for its elements");
}

/// Takes the element out of a slot. Elements that strayed past the hole come home into it, so that spans do not wear
/// out under deletions and insertions.
pub(super) fn unplace(segment: &mut [Bucket], bucket: usize, slot: usize) -> *mut u8 {
    let total = segment.len();
    let owner = home(segment[bucket].tag(slot), total);
    let address = segment[bucket].take(slot);
    if owner != bucket {
        tighten(segment, owner);
    }
    let (mut hole, mut slot) = (bucket, slot);
    while let Some((from, stray)) = farthest(segment, hole) {
        let tag = segment[from].tag(stray);
        let moved = segment[from].take(stray);
        segment[hole].put(slot, tag, moved);
        tighten(segment, hole);
        (hole, slot) = (from, stray);
    }
    address
}

/// The element at home in `home` that lies farthest from it, if any lies elsewhere.
fn farthest(segment: &[Bucket], home: usize) -> Option<(usize, usize)> {
    let total = segment.len();
    let from = range_of(home, total);
    let reach = farthest_distance(segment[home].span(), total);
    (1..=reach).rev().find_map(|distance| {
        let at = (home + distance) % total;
        let bucket = &segment[at];
        bucket
            .occupied()
            .find(|&slot| from.contains(&(bucket.tag(slot) as usize)))
            .map(|slot| (at, slot))
    })
}

/// Sets a bucket's span to what its elements need.
pub(super) fn tighten(segment: &mut [Bucket], home: usize) {
    if segment[home].span() > 0 {
        let total = segment.len();
        let distance = farthest(segment, home).map_or(0, |(at, _)| (at + total - home) % total);
        segment[home].set_span(distance.min(SPAN_MAX));
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

    /// Every element within its home's span, every span no longer than needed.
    fn check(segment: &[Bucket]) {
        let total = segment.len();
        let mut needed = vec![0; total];
        for (at, bucket) in segment.iter().enumerate() {
            for slot in bucket.occupied() {
                let home = home(bucket.tag(slot), total);
                needed[home] = needed[home].max((at + total - home) % total);
            }
        }
        for (bucket, needed) in segment.iter().zip(needed) {
            assert_eq!(bucket.span(), needed.min(SPAN_MAX));
        }
    }

    #[test]
    fn spans_are_exact_under_any_placing_and_taking() {
        let mut rng = fastrand::Rng::with_seed(2);
        for buckets in [1, 2, 3, 5, 8, 10, 64, 128] {
            let word = Word::allocate(buckets, 0, 0);
            // SAFETY: freshly allocated, reached through this view only.
            let segment = unsafe { word.view_mut() };
            for round in 0..3000 {
                // Half of the rounds crowd into one home, so that spans reach their limit.
                let tag = if round % 2 == 0 { rng.u16(..) } else { 0xfffe };
                let at = rng.usize(..buckets);
                match segment[at].occupied().next() {
                    Some(slot) if rng.u32(..100) < 45 => {
                        assert!(!unplace(segment, at, slot).is_null())
                    }
                    _ => {
                        _ = place(
                            segment,
                            tag,
                            without_provenance_mut(8 * (round + 1)),
                            usize::MAX,
                        )
                    }
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
        assert_eq!(
            (word.buckets(), word.depth(), word.loss(), word.bytes()),
            (40, 31, 3, 2560)
        );
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
