//! The list: elements in the order they were put, cheap at both ends.
//!
//! | encoding | what | while |
//! |---|---|---|
//! | `listpack` | one listpack with room at its front | it is within what one node may hold |
//! | `quicklist` | a row of such nodes | otherwise |
//!
//! Both ends cost the same in both: pushing and popping at the front moves no element behind. A list goes over to the
//! quicklist before an addition that would not fit ([`List::expect`]), and comes back only when it has shrunk to half
//! of what fits ([`List::shrink`]), so that one at the border does not go to and fro. The limits are passed in each time:
//! they are the configuration's, and a list keeps those it had when it became a quicklist for its nodes.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::ControlFlow;

use crate::encoding::blob::TooLong;
use crate::encoding::listpack::{Deque, Elem, Listpack, Needle, Pos};
pub use crate::encoding::quicklist::Limits;
use crate::encoding::quicklist::Quicklist;
use crate::sys::defrag::Mover;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Head,
    Tail,
}

/// A list. An index counts from 0; a signed one also from -1 at the end.
#[derive(Clone)]
pub struct List(Repr);

#[derive(Clone)]
enum Repr {
    Packed(Deque),
    Quick(Box<Quicklist>),
}

const _: () = assert!(size_of::<List>() == 16);

impl Default for List {
    fn default() -> List {
        List(Repr::Packed(Deque::default()))
    }
}

impl List {
    /// Takes over a listpack from a file or a peer.
    pub fn from_listpack(listpack: Listpack, limits: Limits) -> List {
        if limits.exceeded(listpack.bytes_len(), listpack.len()) {
            return List(Repr::Quick(Box::new(Quicklist::from_listpack(listpack, limits))));
        }
        List(Repr::Packed(listpack.into()))
    }

    /// Takes over a quicklist from a file or a peer; a listpack is enough if its limits allow it.
    pub fn from_quicklist(mut quick: Quicklist) -> List {
        if quick.fits_listpack()
            && let Some(listpack) = quick.take_listpack()
        {
            return List(Repr::Packed(listpack.into()));
        }
        List(Repr::Quick(Box::new(quick)))
    }

    /// The listpack, when that is the encoding; copied if there is room at its front.
    pub fn as_listpack(&self) -> Option<Cow<'_, Listpack>> {
        match &self.0 {
            Repr::Packed(deque) => Some(deque.to_listpack()),
            Repr::Quick(_) => None,
        }
    }

    /// The quicklist, when that is the encoding.
    pub fn as_quicklist(&self) -> Option<&Quicklist> {
        match &self.0 {
            Repr::Packed(_) => None,
            Repr::Quick(quick) => Some(quick),
        }
    }

    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Packed(deque) => deque.len(),
            Repr::Quick(quick) => quick.len(),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Repr::Packed(deque) => deque.is_empty(),
            Repr::Quick(quick) => quick.is_empty(),
        }
    }

    /// The encoding's name, as OBJECT ENCODING reports it.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Repr::Packed(_) => "listpack",
            Repr::Quick(_) => "quicklist",
        }
    }

    /// Number of blocks the elements are kept in.
    pub fn node_count(&self) -> usize {
        match &self.0 {
            Repr::Packed(_) => 1,
            Repr::Quick(quick) => quick.node_count(),
        }
    }

    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        match &self.0 {
            Repr::Packed(deque) => deque.alloc_bytes(),
            Repr::Quick(quick) => quick.mem_bytes(),
        }
    }

    /// Moves a part of what it is made of, beginning with 0; returns where to go on, 0 at the end. What moves past the
    /// cursor in between is not come by.
    pub fn defrag(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        match &mut self.0 {
            Repr::Packed(deque) => {
                deque.defrag(mover);
                0
            }
            Repr::Quick(quick) => {
                if cursor == 0 {
                    mover.boxed(quick);
                }
                quick.defrag(usize::try_from(cursor).unwrap_or(usize::MAX), mover) as u64
            }
        }
    }

    /// Makes ready for `count` further elements of `bytes` in total: goes over to the quicklist if one listpack may not
    /// hold them too.
    #[inline]
    pub fn expect(&mut self, bytes: usize, count: usize, limits: Limits) {
        if let Repr::Packed(deque) = &self.0
            && limits.exceeded(deque.bytes_len().saturating_add(bytes), deque.len() + count)
        {
            self.unpack(limits);
        }
    }

    #[cold]
    fn unpack(&mut self, limits: Limits) {
        if let Repr::Packed(deque) = &mut self.0 {
            let listpack = std::mem::take(deque).into_listpack();
            self.0 = Repr::Quick(Box::new(Quicklist::from_listpack(listpack, limits)));
        }
    }

    /// Comes back to the listpack if it has become small enough: to be called after elements were removed or replaced.
    #[inline]
    pub fn shrink(&mut self, limits: Limits) {
        if let Repr::Quick(quick) = &mut self.0
            && quick.shrank_to_listpack(&limits)
            && let Some(listpack) = quick.take_listpack()
        {
            self.0 = Repr::Packed(listpack.into());
        }
    }

    /// Puts an element at an end. [`expect`](Self::expect) has been told of it.
    ///
    /// # Errors
    /// [`TooLong`] when the element alone is beyond 4 GiB; nothing has changed then.
    #[inline]
    pub fn push(&mut self, text: &[u8], end: End) -> Result<(), TooLong> {
        match (&mut self.0, end) {
            (Repr::Packed(deque), End::Tail) => deque.push_back(text),
            // Room is made for an eighth of what there is, so that a small list is kept without waste.
            (Repr::Packed(deque), End::Head) => deque.push_front(text, deque.bytes_len() / 8),
            (Repr::Quick(quick), End::Tail) => quick.push_back(text),
            (Repr::Quick(quick), End::Head) => quick.push_front(text),
        }
    }

    /// Hands the element at an end to `reader` and removes it; `None` when there is none.
    #[inline]
    pub fn pop<R>(&mut self, end: End, reader: impl FnOnce(Elem<'_>) -> R) -> Option<R> {
        match (&mut self.0, end) {
            (Repr::Packed(deque), End::Head) => deque.pop_front(reader),
            (Repr::Packed(deque), End::Tail) => deque.pop_back(reader),
            (Repr::Quick(quick), End::Head) => quick.pop_front(reader),
            (Repr::Quick(quick), End::Tail) => quick.pop_back(reader),
        }
    }

    /// The index that a signed one means; `None` when it is out of range.
    #[inline]
    pub fn index_of(&self, index: i64) -> Option<usize> {
        let len = self.len();
        let index = if index < 0 {
            len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
        } else {
            usize::try_from(index).ok()?
        };
        (index < len).then_some(index)
    }

    /// Hands the element at `index` to `reader`; `None` when there is none.
    pub fn get<R>(&self, index: i64, reader: impl FnOnce(Elem<'_>) -> R) -> Option<R> {
        match &self.0 {
            Repr::Packed(deque) => deque.iter().split_at(self.index_of(index)?, deque.len()).1.next().map(reader),
            Repr::Quick(quick) => quick.get(index, reader),
        }
    }

    /// Replaces the element at `index`; answers whether there is one. [`expect`](Self::expect) has been told.
    ///
    /// # Errors
    /// [`TooLong`], see [`push`](Self::push).
    pub fn set(&mut self, index: i64, text: &[u8]) -> Result<bool, TooLong> {
        match &mut self.0 {
            Repr::Packed(deque) => {
                let listpack = deque.close();
                match listpack.seek(index) {
                    Some(pos) => listpack.replace(pos, text).map(|()| true),
                    None => Ok(false),
                }
            }
            Repr::Quick(quick) => quick.set(index, text),
        }
    }

    /// Inserts an element before or `after` the first one that is `pivot`; answers whether there is one.
    /// [`expect`](Self::expect) has been told.
    ///
    /// # Errors
    /// [`TooLong`], see [`push`](Self::push).
    pub fn insert_beside(&mut self, pivot: &[u8], after: bool, text: &[u8]) -> Result<bool, TooLong> {
        match &mut self.0 {
            Repr::Packed(deque) => {
                let listpack = deque.close();
                match listpack.first().and_then(|first| listpack.find(pivot, first, 0)) {
                    Some(pos) if after => listpack.insert_after(pos, text).map(|_| true),
                    Some(pos) => listpack.insert_before(pos, text).map(|_| true),
                    None => Ok(false),
                }
            }
            Repr::Quick(quick) => match quick.find(pivot) {
                Some(index) => quick.insert(index + usize::from(after), text).map(|()| true),
                None => Ok(false),
            },
        }
    }

    /// Hands up to `n` elements from index `start` on to `reader`, in order.
    #[inline]
    pub fn for_each_range(&self, start: usize, n: usize, mut reader: impl FnMut(Elem<'_>)) {
        match &self.0 {
            Repr::Packed(deque) => {
                let len = deque.len();
                let elems = deque.iter().split_at(start, len).1;
                if n >= len.saturating_sub(start) {
                    elems.for_each(reader);
                } else {
                    elems.take(n).for_each(&mut reader);
                }
            }
            Repr::Quick(quick) => quick.for_each_range(start, n, reader),
        }
    }

    /// Hands the last `n` elements to `reader`, backwards.
    pub fn for_each_from_tail(&self, n: usize, reader: impl FnMut(Elem<'_>)) {
        match &self.0 {
            Repr::Packed(deque) => deque.iter().rev().take(n).for_each(reader),
            Repr::Quick(quick) => quick.for_each_range_rev(self.len().saturating_sub(1), n, reader),
        }
    }

    /// Calls `found` with the index of each element whose text is `text`, from an end on, until it breaks or
    /// `max_compared` elements have been looked at.
    pub fn find_each(&self, text: &[u8], from: End, max_compared: usize, mut found: impl FnMut(usize) -> ControlFlow<()>) {
        let from_tail = from == End::Tail;
        let deque = match &self.0 {
            Repr::Packed(deque) => deque,
            Repr::Quick(quick) => return quick.find_each(text, from_tail, max_compared, found),
        };
        let needle = Needle::new(text);
        let mut report = |index, elem| if needle.is(elem) { found(index) } else { ControlFlow::Continue(()) };
        let _ = if from_tail {
            let len = deque.len();
            (0..len).rev().zip(deque.iter().rev()).take(max_compared).try_for_each(|(index, elem)| report(index, elem))
        } else {
            deque.iter().enumerate().take(max_compared).try_for_each(|(index, elem)| report(index, elem))
        };
    }

    /// Removes up to `n` elements from an end; answers how many there were.
    pub fn remove_from(&mut self, end: End, n: usize) -> usize {
        let n = n.min(self.len());
        let start = match end {
            End::Head => 0,
            End::Tail => self.len() - n,
        };
        match &mut self.0 {
            // Not more than a listpack's length, which is 32 bits.
            Repr::Packed(deque) => deque.close().delete_range_at(start as i64, n),
            Repr::Quick(quick) => quick.remove_range(start, n),
        }
    }

    /// Removes up to `max_removed` elements whose text is `text`, from an end on; answers how many there were.
    pub fn remove_equal(&mut self, text: &[u8], max_removed: usize, from: End) -> usize {
        let from_tail = from == End::Tail;
        let deque = match &mut self.0 {
            Repr::Packed(deque) => deque,
            Repr::Quick(quick) => return quick.remove_equal(text, max_removed, from_tail),
        };
        let needle = Needle::new(text);
        let listpack = deque.close();
        let mut positions: Vec<Pos> = Vec::new();
        let mut elems = listpack.iter();
        if from_tail {
            while positions.len() < max_removed
                && let Some(elem) = elems.next_back()
            {
                if needle.is(elem) {
                    positions.extend(elems.back_pos());
                }
            }
            positions.reverse();
        } else {
            let mut pos = elems.pos();
            while positions.len() < max_removed
                && let Some(elem) = elems.next()
            {
                if needle.is(elem) {
                    positions.extend(pos);
                }
                pos = elems.pos();
            }
        }
        listpack.delete_many(&positions);
        positions.len()
    }
}
