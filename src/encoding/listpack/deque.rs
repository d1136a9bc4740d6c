//! A listpack that can also be pushed and popped at its front without moving what is behind.
//!
//! ```text
//!  ┌────────┬ ─ ─ ─ ─ ─ ─┬─────────┬─────────┬─ ─ ─ ─┬────┐
//!  │ header │  gap       │ entry 0 │ entry 1 │       │ FF │
//!  └────────┴ ─ ─ ─ ─ ─ ─┴─────────┴─────────┴─ ─ ─ ─┴────┘
//! ```
//!
//! A pop widens the gap by the entry that goes; a push writes into it. The gap is closed when it has become wider
//! than what is left, and opened by half of what there is, so that each byte pushed or popped moves about two at
//! most. While it is open the bytes are no listpack: they are lent as one only after the gap has been closed
//! ([`Deque::close`]) or in a copy ([`Deque::to_listpack`]).

use super::entry::{Encoded, take};
use super::{COUNT_UNKNOWN, Elem, HEADER_BYTES, Iter, Listpack, TooLong};
use crate::sys::defrag::Mover;
use std::borrow::Cow;

/// A listpack with a gap before its first entry. 16 bytes.
#[derive(Clone)]
pub struct Deque {
    /// Well-formed when `gap` is 0; the count is right always.
    listpack: Listpack,
    /// Bytes between the header and the first entry.
    gap: u32,
}

impl Default for Deque {
    fn default() -> Deque {
        Deque::from(Listpack::new())
    }
}

impl From<Listpack> for Deque {
    fn from(listpack: Listpack) -> Deque {
        Deque { listpack, gap: 0 }
    }
}

impl Deque {
    /// Moves the block, if it ought to move.
    pub fn defrag(&mut self, mover: &mut Mover) {
        self.listpack.defrag(mover);
    }

    /// Number of elements, as [`Listpack::len`].
    #[inline]
    pub fn len(&self) -> usize {
        if self.gap == 0 {
            return self.listpack.len();
        }
        match self.listpack.count_field() {
            COUNT_UNKNOWN => self.iter().count(),
            count => usize::from(count),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes_len() <= Listpack::EMPTY_BYTES
    }

    /// Size in bytes as a listpack: the gap does not count.
    #[inline]
    pub fn bytes_len(&self) -> usize {
        self.listpack.bytes_len() - self.gap as usize
    }

    /// Bytes taken from the allocator, those of the gap included.
    #[inline]
    pub fn alloc_bytes(&self) -> usize {
        self.listpack.alloc_bytes()
    }

    /// All elements, first to last; the iterator also runs backwards.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        let entries = self.listpack.entries();
        Iter::new(self.listpack.as_bytes(), entries.get(self.gap as usize..).unwrap_or(&[]))
    }

    /// Puts an element first. `spare_bytes` is how much may still come: a gap is not opened wider.
    ///
    /// # Errors
    /// [`TooLong`] when this would outgrow 4 GiB; nothing has changed then.
    #[inline]
    pub fn push_front<'e>(&mut self, elem: impl Into<Elem<'e>>, spare_bytes: usize) -> Result<(), TooLong> {
        let encoded = Encoded::of(elem.into());
        if encoded.size > self.gap as usize {
            self.open(encoded.size, spare_bytes)?;
        }
        let end = HEADER_BYTES + self.gap as usize;
        let start = end - encoded.size;
        if let Some(room) = self.listpack.blob.get_mut(start..end) {
            encoded.write(room);
        }
        self.gap -= encoded.size as u32;
        self.listpack.add_to_count(1);
        Ok(())
    }

    /// Puts an element last.
    ///
    /// # Errors
    /// [`TooLong`], see [`Deque::push_front`].
    #[inline]
    pub fn push_back<'e>(&mut self, elem: impl Into<Elem<'e>>) -> Result<(), TooLong> {
        self.listpack.push_back(elem)
    }

    /// Hands the first element to `reader` and removes it.
    #[inline]
    pub fn pop_front<R>(&mut self, reader: impl FnOnce(Elem<'_>) -> R) -> Option<R> {
        let entries = self.listpack.entries();
        let mut rest = entries.get(self.gap as usize..)?;
        let answer = reader(take(&mut rest)?);
        let gap = entries.len() - rest.len();
        let left = rest.len();
        // Less than the listpack's length, which is 32 bits.
        self.gap = gap as u32;
        self.listpack.remove_from_count(1);
        if gap > left {
            self.close();
        }
        Some(answer)
    }

    /// Hands the last element to `reader` and removes it.
    #[inline]
    pub fn pop_back<R>(&mut self, reader: impl FnOnce(Elem<'_>) -> R) -> Option<R> {
        let entries = self.listpack.entries();
        if entries.len() <= self.gap as usize {
            return None;
        }
        let pos = self.listpack.last()?;
        let answer = reader(self.listpack.get(pos)?);
        self.listpack.delete(pos);
        Some(answer)
    }

    /// Closes the gap and lends the listpack, to be changed in any way.
    #[inline]
    pub fn close(&mut self) -> &mut Listpack {
        if self.gap != 0 {
            self.listpack.cut_front(self.gap as usize);
            self.gap = 0;
        }
        &mut self.listpack
    }

    /// The listpack, copied if there is a gap.
    pub fn to_listpack(&self) -> Cow<'_, Listpack> {
        if self.gap == 0 {
            return Cow::Borrowed(&self.listpack);
        }
        let mut copy = self.clone();
        copy.close();
        Cow::Owned(copy.listpack)
    }

    pub fn into_listpack(mut self) -> Listpack {
        self.close();
        self.listpack
    }

    /// Makes the gap at least `needed` bytes wide.
    #[inline(never)]
    fn open(&mut self, needed: usize, spare_bytes: usize) -> Result<(), TooLong> {
        let room = needed.max((self.bytes_len() / 2).min(spare_bytes));
        let more = room - self.gap as usize;
        self.listpack.blob.splice_gap(HEADER_BYTES..HEADER_BYTES, more)?;
        // Within the blob's length.
        self.gap = room as u32;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn behaves_as_a_deque_of_strings_does() {
        let mut rng = fastrand::Rng::with_seed(37);
        for round in 0..100u8 {
            let mut deque = Deque::from(Listpack::new());
            let mut twin: VecDeque<Vec<u8>> = VecDeque::new();
            for _ in 0..400 {
                let text = if rng.bool() { rng.i32(-5000..5000).to_string().into_bytes() } else { vec![b'a'; rng.usize(0..140)] };
                // Rounds that mostly grow, mostly shrink, and run through as a queue does.
                match rng.u8(0..10) + round % 3 {
                    0..4 => {
                        deque.push_front(&text, rng.usize(0..4000)).unwrap();
                        twin.push_front(text);
                    }
                    4..6 => {
                        deque.push_back(&text).unwrap();
                        twin.push_back(text);
                    }
                    6..9 => assert_eq!(deque.pop_front(|elem| elem.to_vec()), twin.pop_front()),
                    9..11 => assert_eq!(deque.pop_back(|elem| elem.to_vec()), twin.pop_back()),
                    _ => {
                        let copy = deque.to_listpack().into_owned();
                        assert_eq!(deque.clone().close(), &copy);
                        assert_eq!(deque.close(), &copy);
                    }
                }
                assert!(deque.iter().map(|elem| elem.to_vec()).eq(twin.iter().cloned()));
                assert!(deque.iter().rev().map(|elem| elem.to_vec()).eq(twin.iter().rev().cloned()));
                let fresh = Listpack::from_elems(twin.iter().map(Elem::from)).unwrap();
                assert_eq!((deque.len(), deque.is_empty()), (twin.len(), twin.is_empty()));
                assert_eq!(deque.bytes_len(), fresh.bytes_len());
                assert_eq!(deque.clone().into_listpack(), fresh);
            }
        }
    }

    #[test]
    fn the_gap_is_bounded() {
        let mut deque = Deque::from(Listpack::new());
        for i in 0..300 {
            let spare = 8192 - deque.bytes_len();
            deque.push_front(format!("twenty-byte-item-{i:03}").as_bytes(), spare).unwrap();
            assert!(deque.alloc_bytes() <= 10_240);
        }
        while deque.pop_front(|_| ()).is_some() {
            assert!(deque.gap as usize <= deque.bytes_len());
        }
    }
}
