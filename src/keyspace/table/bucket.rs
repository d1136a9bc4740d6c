//! A bucket: one cache line of eight words, each a tagged pointer or empty.
//!
//! ```text
//!  slot 0   [ tag 16 ][ address 45 ][ span 0..3  ]     address 0 = empty; its tag is 0 then
//!  slot 1   [ tag 16 ][ address 45 ][ span 3..6  ]
//!  slot 2   [ tag 16 ][ address 45 ][ filter     ]
//!    ...
//!  slot 7   [ tag 16 ][ address 45 ][ filter     ]
//! ```
//!
//! Elements that found this bucket, their home, full are *strays*. The bucket knows how many buckets onward the farthest
//! of them lies (`span`), and in eighteen bits, of which each stray's tag selects one, whether a given tag may be among
//! them (`filter`), so that a lookup of an absent key hardly ever reads a second bucket.
//!
//! The eight tags are compared at once (SSE2, which every x86-64 has; elsewhere the scalar twin). Empty slots have tag 0, so
//! a match on tag 0 may be an empty slot: whoever follows a match tests the address.
#![allow(unsafe_code)]

use super::slot::ADDRESS;
use std::ptr::null_mut;

/// Slots in a bucket.
pub(super) const SLOTS: usize = 8;
/// The largest span a bucket can note. It then means "this far or farther": the whole segment is to be searched.
pub(super) const SPAN_MAX: usize = 63;

/// The bits of a word that are the bucket's own.
const OWN: usize = 7;
/// The first slot whose own bits belong to the filter.
const FILTER: usize = 2;
const TAG_SHIFT: u32 = 48;

/// Eight tagged pointers; owns nothing by itself (the table does).
#[repr(C, align(64))]
pub(super) struct Bucket {
    slots: [*mut u8; SLOTS],
}

// SAFETY: a bucket is plain words; what its addresses lead to is reached only by the table, whose own Send and Sync
// depend on the item type.
unsafe impl Sync for Bucket {}

/// What every empty table and every emptied segment points at, so that a lookup needs no test for them. Never written.
pub(super) static NOTHING: Bucket = Bucket { slots: [null_mut(); SLOTS] };

/// The slot numbers of a mask's set bits, lowest first.
#[derive(Clone, Copy)]
pub(super) struct Mask(u32);

impl Mask {
    pub(super) const NONE: Mask = Mask(0);

    pub(super) fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Only the slots from `first` on.
    pub(super) fn from(self, first: usize) -> Mask {
        Mask(self.0 & (u32::MAX << first))
    }
}

impl Iterator for Mask {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let slot = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(slot)
    }
}

impl Bucket {
    /// The slots whose tag is `tag` (for tag 0 the empty ones too).
    #[inline(always)]
    pub(super) fn matches(&self, tag: u16) -> Mask {
        #[cfg(target_arch = "x86_64")]
        return self.matches_sse2(tag);
        #[cfg(not(target_arch = "x86_64"))]
        return self.matches_scalar(tag);
    }

    /// The slots that hold nothing.
    #[inline(always)]
    pub(super) fn vacant(&self) -> Mask {
        #[cfg(target_arch = "x86_64")]
        return self.vacant_sse2();
        #[cfg(not(target_arch = "x86_64"))]
        return self.vacant_scalar();
    }

    /// The slots that hold something.
    #[inline(always)]
    pub(super) fn occupied(&self) -> Mask {
        Mask(!self.vacant().0 & 0xff)
    }

    /// The address in a slot; null when it is empty.
    #[inline(always)]
    pub(super) fn address(&self, slot: usize) -> *mut u8 {
        self.slots[slot].map_addr(|word| word & ADDRESS)
    }

    #[inline(always)]
    pub(super) fn tag(&self, slot: usize) -> u16 {
        (self.slots[slot].addr() >> TAG_SHIFT) as u16
    }

    /// How many buckets onward the farthest stray lies, at most [`SPAN_MAX`]; 0 when there is none.
    #[inline(always)]
    pub(super) fn span(&self) -> usize {
        self.slots[0].addr() & OWN | (self.slots[1].addr() & OWN) << 3
    }

    /// Whether an element with this tag may be among the strays.
    #[inline(always)]
    pub(super) fn may_stray(&self, tag: u16) -> bool {
        let (slot, bit) = filter_bit(tag);
        self.slots[slot].addr() & bit != 0
    }

    /// Notes a stray.
    pub(super) fn add_stray(&mut self, tag: u16, distance: usize) {
        let (slot, bit) = filter_bit(tag);
        self.slots[slot] = self.slots[slot].map_addr(|word| word | bit);
        let span = self.span().max(distance.min(SPAN_MAX));
        for (slot, part) in [(0, span & OWN), (1, span >> 3)] {
            self.slots[slot] = self.slots[slot].map_addr(|word| word & !OWN | part);
        }
    }

    /// Forgets all strays.
    pub(super) fn forget_strays(&mut self) {
        for word in &mut self.slots {
            *word = word.map_addr(|word| word & !OWN);
        }
    }

    /// Fills an empty slot.
    #[inline(always)]
    pub(super) fn put(&mut self, slot: usize, tag: u16, address: *mut u8) {
        let own = self.slots[slot].addr() & OWN;
        self.slots[slot] = address.map_addr(|word| word | own | (tag as usize) << TAG_SHIFT);
    }

    /// Empties a slot and gives back the address that was in it.
    pub(super) fn take(&mut self, slot: usize) -> *mut u8 {
        let address = self.address(slot);
        self.slots[slot] = null_mut::<u8>().map_addr(|_| self.slots[slot].addr() & OWN);
        address
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn matches_sse2(&self, tag: u16) -> Mask {
        use std::arch::x86_64::*;
        let line = (&raw const self.slots).cast::<__m128>();
        // SAFETY: SSE2 is part of x86-64. The four 16-byte loads cover exactly the 64 bytes of the slots, and a bucket
        // is 64-byte aligned.
        unsafe {
            let (a, b) = (_mm_load_ps(line.cast()), _mm_load_ps(line.add(1).cast()));
            let (c, d) = (_mm_load_ps(line.add(2).cast()), _mm_load_ps(line.add(3).cast()));
            // The upper halves of four words each, shifted so that the tag stands there sign-extended, packed to 16 bits.
            let low = _mm_srai_epi32::<16>(_mm_castps_si128(_mm_shuffle_ps::<0b11_01_11_01>(a, b)));
            let high = _mm_srai_epi32::<16>(_mm_castps_si128(_mm_shuffle_ps::<0b11_01_11_01>(c, d)));
            let tags = _mm_packs_epi32(low, high);
            let equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16(tag as i16));
            Mask(_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())) as u32)
        }
    }

    #[cfg(any(test, not(target_arch = "x86_64")))]
    fn matches_scalar(&self, tag: u16) -> Mask {
        Mask((0..SLOTS).fold(0, |mask, slot| mask | u32::from(self.tag(slot) == tag) << slot))
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn vacant_sse2(&self) -> Mask {
        use std::arch::x86_64::*;
        let line = (&raw const self.slots).cast::<__m128>();
        // SAFETY: as in `matches_sse2`.
        unsafe {
            let (a, b) = (_mm_load_ps(line.cast()), _mm_load_ps(line.add(1).cast()));
            let (c, d) = (_mm_load_ps(line.add(2).cast()), _mm_load_ps(line.add(3).cast()));
            // Lower halves without the three bookkeeping bits, or-ed with upper halves without the tag: zero when empty.
            let first = _mm_or_si128(
                _mm_srli_epi32::<3>(_mm_castps_si128(_mm_shuffle_ps::<0b10_00_10_00>(a, b))),
                _mm_slli_epi32::<16>(_mm_castps_si128(_mm_shuffle_ps::<0b11_01_11_01>(a, b))),
            );
            let second = _mm_or_si128(
                _mm_srli_epi32::<3>(_mm_castps_si128(_mm_shuffle_ps::<0b10_00_10_00>(c, d))),
                _mm_slli_epi32::<16>(_mm_castps_si128(_mm_shuffle_ps::<0b11_01_11_01>(c, d))),
            );
            let zero = _mm_setzero_si128();
            let empty = _mm_packs_epi32(_mm_cmpeq_epi32(first, zero), _mm_cmpeq_epi32(second, zero));
            Mask(_mm_movemask_epi8(_mm_packs_epi16(empty, zero)) as u32)
        }
    }

    #[cfg(any(test, not(target_arch = "x86_64")))]
    fn vacant_scalar(&self) -> Mask {
        Mask((0..SLOTS).fold(0, |mask, slot| mask | u32::from(self.address(slot).is_null()) << slot))
    }
}

/// The slot and the bit there that a tag selects in the filter. Multiplying spreads the tags of one bucket, which agree in
/// their upper bits.
#[inline(always)]
fn filter_bit(tag: u16) -> (usize, usize) {
    let slots = tag.wrapping_mul(0x9e37) as usize * (SLOTS - FILTER);
    (FILTER + (slots >> 16), 1 << (((slots & 0xffff) * 3) >> 16))
}

/// Asks the cache for the line at `address`, which need not be valid.
#[inline(always)]
pub(super) fn prefetch<P>(address: *const P) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing architecturally and faults on no address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::without_provenance_mut;

    fn empty() -> Bucket {
        Bucket { slots: [null_mut(); SLOTS] }
    }

    #[test]
    fn sse2_equals_its_scalar_twin() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let mut bucket = empty();
            let tags = [0, 1, 0x7fff, 0x8000, 0xffff, rng.u16(..)];
            for _ in 0..rng.usize(..4) {
                bucket.add_stray(rng.u16(..), rng.usize(1..99));
            }
            for slot in 0..SLOTS {
                if rng.bool() {
                    // Single bits too, so that no part of an address escapes the test for emptiness.
                    let bit = 1 << rng.u32(3..48);
                    let address = if rng.bool() { bit } else { rng.usize(..) & ADDRESS | bit };
                    let tag = tags[rng.usize(..tags.len())];
                    bucket.put(slot, tag, without_provenance_mut(address));
                }
            }
            #[cfg(target_arch = "x86_64")]
            {
                assert_eq!(bucket.vacant_sse2().0, bucket.vacant_scalar().0);
                for tag in tags {
                    assert_eq!(bucket.matches_sse2(tag).0, bucket.matches_scalar(tag).0);
                }
            }
            assert_eq!(bucket.vacant().count() + bucket.occupied().count(), SLOTS);
        }
    }

    #[test]
    fn elements_and_strays_do_not_disturb_each_other() {
        let mut bucket = empty();
        bucket.add_stray(0x1240, 21);
        bucket.add_stray(0x1280, 5);
        for slot in 0..SLOTS {
            let address = without_provenance_mut(0x7fff_1234_5670 + 8 * slot);
            bucket.put(slot, 0xabcd, address);
            assert_eq!((bucket.tag(slot), bucket.address(slot)), (0xabcd, address));
        }
        assert!(bucket.span() == 21 && bucket.may_stray(0x1240) && bucket.may_stray(0x1280));
        let strangers = (0..u16::MAX).filter(|&tag| bucket.may_stray(tag)).count();
        assert!((5000..9000).contains(&strangers), "two bits of eighteen, not {strangers} of 65536");
        for slot in 0..SLOTS {
            assert_eq!(bucket.take(slot).addr(), 0x7fff_1234_5670 + 8 * slot);
            assert_eq!(bucket.tag(slot), 0);
        }
        assert_eq!((bucket.vacant().count(), bucket.span()), (SLOTS, 21));
        bucket.add_stray(1, 1000);
        assert_eq!(bucket.span(), SPAN_MAX);
        bucket.forget_strays();
        assert!(bucket.span() == 0 && !(0..u16::MAX).any(|tag| bucket.may_stray(tag)));
        assert_eq!(bucket.occupied().from(1).count(), 0);
    }
}
