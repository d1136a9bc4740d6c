//! An owned run of heap bytes behind one pointer.
//!
//! A packed collection is reached through its key's entry, and there every byte counts: a `Vec<u8>` is 24 bytes,
//! a `Blob` is 8, and so is an `Option<Blob>`. The length lives in the block itself, in the place where a
//! listpack keeps it anyway, and the capacity is not stored at all: it is a pure function of the length.
//!
//! ```text
//!   ptr ──► ┌──────────────────┬──────────────────────────────┬─ ─ ─ ─ ─ ─ ─ ─ ─┐
//!           │ length: u32 LE   │ body                         │  slack           │
//!           └──────────────────┴──────────────────────────────┴─ ─ ─ ─ ─ ─ ─ ─ ─┘
//!           ◄──────────────────── length ────────────────────►
//!           ◄──────────────────────── good_size(length) ───────────────────────►
//! ```
//!
//! What always holds:
//! - the length field counts itself, so it is at least 4; nobody outside this file can write it;
//! - the block was allocated with exactly `good_size(length)` bytes and alignment 1;
//! - every byte of the block, slack included, is initialised (fresh memory is zeroed), so that a gap can be lent
//!   as `&mut [u8]` before its content is known.
#![allow(unsafe_code)]

use crate::sys::defrag::Mover;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error, realloc};
use std::fmt;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::slice;

/// Bytes taken by the length field; every blob is at least this long.
pub const HEADER_BYTES: usize = 4;

/// The longest blob, in bytes, length field included.
pub const MAX_BYTES: usize = u32::MAX as usize;

/// A blob would have grown beyond [`MAX_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than 4 GiB in one block")]
pub struct TooLong;

/// The bytes the allocator really sets aside for a request of `len_bytes`.
///
/// These are jemalloc's size classes with an 8-byte quantum: multiples of 8 up to 64, then four classes per
/// doubling (80, 96, 112, 128, 160, …).
#[inline]
pub const fn good_size(len_bytes: usize) -> usize {
    if len_bytes <= 64 {
        return if len_bytes == 0 { 8 } else { (len_bytes + 7) & !7 };
    }
    // Between 2^k (excluded) and 2^(k+1) (included) the classes are 2^(k-2) apart.
    let step_log2 = (len_bytes - 1).ilog2() - 2;
    let mask = (1usize << step_log2) - 1;
    (len_bytes + mask) & !mask
}

/// Owned heap bytes that know their own length. One pointer wide. See the file's head for the layout.
pub struct Blob {
    ptr: NonNull<u8>,
}

// SAFETY: a `Blob` owns its block alone and has no interior mutability, exactly as a `Box<[u8]>`: moving it to
// another thread moves the whole block, and `&Blob` only reads.
unsafe impl Send for Blob {}
// SAFETY: as above.
unsafe impl Sync for Blob {}

/// The layout of the block of a blob of `len` bytes.
#[inline]
fn layout_of(len: usize) -> Layout {
    debug_assert!((HEADER_BYTES..=MAX_BYTES).contains(&len));
    match Layout::from_size_align(good_size(len), 1) {
        Ok(layout) => layout,
        // `len` is at most 2^32, its size class at most 5 * 2^30: far below isize::MAX on a 64-bit machine.
        Err(_) => unreachable!("size class beyond the address space"),
    }
}

impl Blob {
    /// A blob of `len` bytes, the body all zero. `len` counts the length field; a smaller one is raised to it.
    ///
    /// # Errors
    /// [`TooLong`] when `len` does not fit in 32 bits.
    pub fn zeroed(len: usize) -> Result<Blob, TooLong> {
        let len = len.max(HEADER_BYTES);
        if len > MAX_BYTES {
            return Err(TooLong);
        }
        let layout = layout_of(len);
        // SAFETY: `good_size` never answers 0, so the layout has a size.
        let raw = unsafe { alloc_zeroed(layout) };
        let Some(ptr) = NonNull::new(raw) else { handle_alloc_error(layout) };
        let mut blob = Blob { ptr };
        // SAFETY: the block is `good_size(len)` bytes, all zeroed, hence initialised.
        unsafe { blob.store_len(len) };
        Ok(blob)
    }

    /// A blob whose body (what follows the length field) is a copy of `body`.
    ///
    /// # Errors
    /// [`TooLong`] when it would not fit in 32 bits.
    pub fn from_body(body: &[u8]) -> Result<Blob, TooLong> {
        let len = body.len().checked_add(HEADER_BYTES).ok_or(TooLong)?;
        let mut blob = Blob::zeroed(len)?;
        blob.body_mut().copy_from_slice(body);
        Ok(blob)
    }

    /// A copy of `bytes`, whose first four are replaced by the true length.
    ///
    /// # Errors
    /// [`TooLong`] when `bytes` is longer than 32 bits can say.
    pub fn from_slice(bytes: &[u8]) -> Result<Blob, TooLong> {
        Blob::from_body(bytes.get(HEADER_BYTES..).unwrap_or(&[]))
    }

    /// Total length in bytes, length field included.
    #[inline(always)]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        // SAFETY: the block is at least 8 bytes and initialised; the read is unaligned on purpose.
        let field = unsafe { ptr::read_unaligned(self.ptr.as_ptr().cast::<u32>()) };
        u32::from_le(field) as usize
    }

    /// Bytes this blob takes from the allocator.
    #[inline]
    pub fn alloc_bytes(&self) -> usize {
        good_size(self.len())
    }

    /// All bytes, length field included.
    #[inline(always)]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the first `len()` bytes of the block are ours, initialised, and borrowed for `self`'s borrow.
        unsafe { slice::from_raw_parts(self.ptr.as_ptr(), self.len()) }
    }

    /// The body to write into: everything after the length field, which stays out of reach.
    #[inline(always)]
    pub fn body_mut(&mut self) -> &mut [u8] {
        let body_len = self.len() - HEADER_BYTES;
        // SAFETY: `HEADER_BYTES + body_len` is `len()`, all of it ours and initialised, and `self` is borrowed
        // exclusively.
        unsafe { slice::from_raw_parts_mut(self.ptr.as_ptr().add(HEADER_BYTES), body_len) }
    }

    /// The bytes of `range` (counted from the length field's first byte) to write into; `None` when the range
    /// touches the length field or leaves the blob.
    #[inline(always)]
    pub fn get_mut(&mut self, range: Range<usize>) -> Option<&mut [u8]> {
        let start = range.start.checked_sub(HEADER_BYTES)?;
        let end = range.end.checked_sub(HEADER_BYTES)?;
        self.body_mut().get_mut(start..end)
    }

    /// Makes the blob `len` bytes long (at least the length field), cutting at the end or adding zeros there.
    ///
    /// # Errors
    /// [`TooLong`] when `len` does not fit in 32 bits; the blob is then unchanged.
    pub fn resize(&mut self, len: usize) -> Result<(), TooLong> {
        let len = len.max(HEADER_BYTES);
        let old = self.len();
        self.set_len(len)?;
        if len > old {
            self.body_mut()[old - HEADER_BYTES..].fill(0);
        }
        Ok(())
    }

    /// Replaces the bytes of `range` by `with`; what follows moves.
    ///
    /// # Errors
    /// [`TooLong`] as for [`Blob::splice_gap`].
    ///
    /// # Panics
    /// As [`Blob::splice_gap`].
    pub fn splice(&mut self, range: Range<usize>, with: &[u8]) -> Result<(), TooLong> {
        self.splice_gap(range, with.len())?.copy_from_slice(with);
        Ok(())
    }

    /// Replaces the bytes of `range` by `gap_len` bytes for the caller to fill, and lends them; what follows
    /// moves. The content lent is unspecified (old bytes of this blob, or zeros).
    ///
    /// # Errors
    /// [`TooLong`] when the result does not fit in 32 bits; the blob is then unchanged.
    ///
    /// # Panics
    /// When the range touches the length field, is inverted or ends beyond the blob: the mistake of a program,
    /// as with a slice index.
    #[inline]
    pub fn splice_gap(&mut self, range: Range<usize>, gap_len: usize) -> Result<&mut [u8], TooLong> {
        let old = self.len();
        let Range { start, end } = range;
        assert!(HEADER_BYTES <= start && start <= end && end <= old, "splice of {start}..{end} in a blob of {old}");
        let tail_len = old - end;
        let gap_end = start.checked_add(gap_len).ok_or(TooLong)?;
        let new = gap_end.checked_add(tail_len).ok_or(TooLong)?;
        if new > MAX_BYTES {
            return Err(TooLong);
        }
        if new >= old {
            self.set_len(new)?;
            self.move_within(end, gap_end, tail_len);
        } else {
            // The tail must leave before its old place is given back.
            self.move_within(end, gap_end, tail_len);
            self.set_len(new)?;
        }
        Ok(&mut self.body_mut()[start - HEADER_BYTES..gap_end - HEADER_BYTES])
    }

    /// Moves `count` bytes from one offset of the blob to another; they may overlap. Both lie in the body.
    #[inline(always)]
    fn move_within(&mut self, from: usize, to: usize, count: usize) {
        if count != 0 && from != to {
            let body = self.body_mut();
            body.copy_within(from - HEADER_BYTES..from - HEADER_BYTES + count, to - HEADER_BYTES);
        }
    }

    /// Changes the length, and the block when the size class changes. Bytes that appear have old content or zeros.
    #[inline(always)]
    fn set_len(&mut self, len: usize) -> Result<(), TooLong> {
        if len > MAX_BYTES {
            return Err(TooLong);
        }
        debug_assert!(len >= HEADER_BYTES);
        let old_size = good_size(self.len());
        if good_size(len) != old_size {
            self.reallocate(len);
        }
        // SAFETY: the block is `good_size(len)` bytes now, all initialised.
        unsafe { self.store_len(len) };
        Ok(())
    }

    /// Moves to a block of `good_size(len)` bytes. The caller stores the new length.
    #[inline(never)]
    fn reallocate(&mut self, len: usize) {
        let old_layout = layout_of(self.len());
        let new_layout = layout_of(len);
        // SAFETY: the block came from this allocator with `old_layout` (the invariant of the type), and the new
        // size is neither 0 nor beyond isize::MAX (`layout_of` built it).
        let raw = unsafe { realloc(self.ptr.as_ptr(), old_layout, new_layout.size()) };
        let Some(ptr) = NonNull::new(raw) else { handle_alloc_error(new_layout) };
        self.ptr = ptr;
        if new_layout.size() > old_layout.size() {
            // SAFETY: from the end of the old block to the end of the new one is ours to write.
            unsafe {
                let added = new_layout.size() - old_layout.size();
                ptr::write_bytes(ptr.as_ptr().add(old_layout.size()), 0, added);
            }
        }
    }

    /// Moves the block, if it ought to move.
    pub fn defrag(&mut self, mover: &mut Mover) {
        // SAFETY: the block is this blob's own and came from the global allocator with this layout (the invariant of the
        // type); its address is replaced by the new one's.
        if let Some(moved) = unsafe { mover.relocate(self.ptr, layout_of(self.len())) } {
            self.ptr = moved;
        }
    }

    /// Writes the length field.
    ///
    /// # Safety
    /// `len` is in `HEADER_BYTES..=MAX_BYTES` and the block is `good_size(len)` initialised bytes.
    #[inline(always)]
    unsafe fn store_len(&mut self, len: usize) {
        // The cast keeps every bit: `len` is at most u32::MAX.
        let field = (len as u32).to_le();
        // SAFETY: the block is at least 8 bytes; the write is unaligned on purpose.
        unsafe { ptr::write_unaligned(self.ptr.as_ptr().cast::<u32>(), field) };
    }
}

impl Drop for Blob {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the block came from the global allocator with this layout, and nobody uses it after the drop.
        unsafe { dealloc(self.ptr.as_ptr(), layout_of(self.len())) };
    }
}

impl Clone for Blob {
    fn clone(&self) -> Blob {
        match Blob::from_slice(self.as_slice()) {
            Ok(blob) => blob,
            Err(TooLong) => unreachable!("a blob's own length fits a blob"),
        }
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Blob) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Blob {}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_pointer_wide() {
        assert_eq!(size_of::<Blob>(), 8);
        assert_eq!(size_of::<Option<Blob>>(), 8);
    }

    #[test]
    fn size_classes_step_as_the_allocator_does() {
        let mut seen = Vec::new();
        for len in 1..=1100 {
            let size = good_size(len);
            assert!(size >= len);
            if seen.last() != Some(&size) {
                seen.push(size);
            }
        }
        assert_eq!(
            seen,
            [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280]
        );
        assert_eq!(good_size(0), 8);
        assert_eq!(good_size(8192), 8192);
        assert_eq!(good_size(8193), 10240);
        assert_eq!(good_size(MAX_BYTES), 1 << 32);
    }

    #[test]
    fn refuses_more_than_32_bits_can_say() {
        assert_eq!(Blob::zeroed(MAX_BYTES + 1).err(), Some(TooLong));
        let mut blob = Blob::from_body(b"abc").unwrap();
        assert_eq!(blob.resize(MAX_BYTES + 1), Err(TooLong));
        assert_eq!(blob.splice_gap(4..4, usize::MAX).err(), Some(TooLong));
        assert_eq!(blob.splice_gap(4..4, MAX_BYTES).err(), Some(TooLong));
        assert_eq!(blob.as_slice(), b"\x07\0\0\0abc");
    }

    #[test]
    fn the_length_field_is_out_of_reach() {
        let mut blob = Blob::from_slice(&[9; 12]).unwrap();
        assert_eq!(blob.len(), 12);
        assert!(blob.get_mut(3..5).is_none());
        assert!(blob.get_mut(4..13).is_none());
        assert_eq!(blob.get_mut(4..12).map(|b| b.len()), Some(8));
        blob.body_mut().fill(0xff);
        assert_eq!(blob.len(), 12);
        assert_eq!(Blob::from_slice(b"").unwrap().len(), 4);
    }

    #[test]
    #[should_panic(expected = "splice of 3..4")]
    fn a_splice_over_the_length_field_panics() {
        let mut blob = Blob::from_body(b"abc").unwrap();
        let _ = blob.splice(3..4, b"");
    }

    #[test]
    fn behaves_as_a_vec_does() {
        let mut rng = fastrand::Rng::with_seed(11);
        for _ in 0..200 {
            let mut twin: Vec<u8> = Vec::new();
            let mut blob = Blob::zeroed(0).unwrap();
            for _ in 0..100 {
                let start = rng.usize(0..=twin.len());
                match rng.u8(0..8) {
                    0 => {
                        let len = rng.usize(0..=twin.len() * 2 + 20);
                        twin.resize(len, 0);
                        blob.resize(len + HEADER_BYTES).unwrap();
                    }
                    1 => {
                        let copy = blob.clone();
                        assert_eq!(copy, blob);
                        blob = copy;
                    }
                    2 if !twin.is_empty() => {
                        let at = rng.usize(0..twin.len());
                        twin[at] = 7;
                        blob.body_mut()[at] = 7;
                    }
                    _ => {
                        let end = rng.usize(start..=twin.len().min(start + 30));
                        let with: Vec<u8> = (0..rng.usize(0..50)).map(|_| rng.u8(..)).collect();
                        twin.splice(start..end, with.iter().copied());
                        blob.splice(start + HEADER_BYTES..end + HEADER_BYTES, &with).unwrap();
                    }
                }
                assert_eq!(&blob.as_slice()[HEADER_BYTES..], &twin[..]);
                assert_eq!(blob.as_slice()[..4], (blob.len() as u32).to_le_bytes());
                assert_eq!(blob.alloc_bytes(), good_size(twin.len() + HEADER_BYTES));
            }
        }
    }

    #[test]
    fn crosses_threads() {
        let blob = Blob::from_body(b"over there").unwrap();
        let back = std::thread::spawn(move || blob).join().unwrap();
        assert_eq!(&back.as_slice()[4..], b"over there");
    }
}
