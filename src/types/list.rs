//! The list: elements in order, cheap at both ends.
//!
//! | encoding | what | while |
//! |---|---|---|
//! | `listpack` | one listpack | it is within the limit of one node |
//! | `quicklist` | a row of listpacks, [`Quicklist`] | otherwise, until one node of half the limit is left |
//!
//! What always holds: a list changes its encoding before an addition that would break the limit, and back only after
//! elements have gone ([`List::shrink`]).

use std::ops::ControlFlow::{self, Break, Continue};

use crate::encoding::blob::TooLong;
use crate::encoding::listpack::{Elem, Listpack};
pub use crate::encoding::quicklist::Limits;
use crate::encoding::quicklist::Quicklist;

/// A list.
#[derive(Clone)]
pub struct List(Repr);

#[derive(Clone)]
enum Repr {
    Packed(Listpack),
    Quick(Box<Quicklist>),
}

/// One of a list's ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Head,
    Tail,
}

impl Default for List {
    fn default() -> List {
        List(Repr::Packed(Listpack::new()))
    }
}

impl List {
    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Packed(pack) => pack.len(),
            Repr::Quick(quick) => quick.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The word of OBJECT ENCODING.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Repr::Packed(_) => "listpack",
            Repr::Quick(_) => "quicklist",
        }
    }

    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        match &self.0 {
            Repr::Packed(pack) => pack.alloc_bytes(),
            Repr::Quick(quick) => quick.mem_bytes(),
        }
    }

    /// The listpack, if it is one.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match &self.0 {
            Repr::Packed(pack) => Some(pack),
            Repr::Quick(_) => None,
        }
    }

    /// The quicklist, if it is one.
    pub fn as_quicklist(&self) -> Option<&Quicklist> {
        match &self.0 {
            Repr::Packed(_) => None,
            Repr::Quick(quick) => Some(quick),
        }
    }

    /// Makes ready for `count` further elements of `bytes` in total: a listpack that could not hold them becomes a
    /// quicklist first.
    pub fn expect(&mut self, bytes: usize, count: usize, limits: Limits) {
        if let Repr::Packed(pack) = &mut self.0
            && limits.exceeded(pack.bytes_len().saturating_add(bytes), pack.len() + count)
        {
            let pack = std::mem::replace(pack, Listpack::new());
            self.0 = Repr::Quick(Box::new(Quicklist::from_listpack(pack, limits)));
        }
    }

    /// Goes back to a listpack if what is left has become small.
    pub fn shrink(&mut self) {
        if let Repr::Quick(quick) = &mut self.0
            && quick.shrank_to_listpack()
            && let Some(pack) = quick.take_listpack()
        {
            self.0 = Repr::Packed(pack);
        }
    }

    /// Adds an element at an end; [`expect`](Self::expect) has been told.
    ///
    /// # Errors
    /// [`TooLong`] for an element that no block can hold.
    #[inline]
    pub fn push(&mut self, text: &[u8], end: End) -> Result<(), TooLong> {
        match (&mut self.0, end) {
            (Repr::Packed(pack), End::Head) => pack.push_front(text),
            (Repr::Packed(pack), End::Tail) => pack.push_back(text),
            (Repr::Quick(quick), End::Head) => quick.push_front(text),
            (Repr::Quick(quick), End::Tail) => quick.push_back(text),
        }
    }

    /// Takes the element at an end out, and hands it to `reader` first.
    #[inline]
    pub fn pop<R>(&mut self, end: End, reader: impl FnOnce(Elem<'_>) -> R) -> Option<R> {
        match &mut self.0 {
            Repr::Packed(pack) => {
                let pos = if end == End::Head { pack.first()? } else { pack.last()? };
                let answer = reader(pack.get(pos)?);
                pack.delete(pos);
                Some(answer)
            }
            Repr::Quick(quick) if end == End::Head => quick.pop_front(reader),
            Repr::Quick(quick) => quick.pop_back(reader),
        }
    }

    /// The element at `index`, negative ones counting from the tail.
    pub fn get<R>(&self, index: i64, reader: impl FnOnce(Elem<'_>) -> R) -> Option<R> {
        match &self.0 {
            Repr::Packed(pack) => pack.get_at(index).map(reader),
            Repr::Quick(quick) => quick.get(index, reader),
        }
    }

    /// Replaces the element at `index`; `false` if there is none.
    pub fn set(&mut self, index: i64, text: &[u8], limits: Limits) -> Result<bool, TooLong> {
        // As upstream counts it: one more, although one goes.
        self.expect(text.len(), 1, limits);
        match &mut self.0 {
            Repr::Packed(pack) => match pack.seek(index) {
                Some(pos) => pack.replace(pos, text).map(|()| true),
                None => Ok(false),
            },
            Repr::Quick(quick) => quick.set(index, text),
        }
    }

    /// Puts an element in front of the one at `index`, or at the tail when that is the length.
    pub fn insert(&mut self, index: usize, text: &[u8], limits: Limits) -> Result<(), TooLong> {
        self.expect(text.len(), 1, limits);
        match &mut self.0 {
            Repr::Packed(pack) => match pack.seek(index as i64) {
                Some(pos) => pack.insert_before(pos, text).map(drop),
                None => pack.push_back(text),
            },
            Repr::Quick(quick) => quick.insert(index, text),
        }
    }

    /// Index of the first element that is `text`.
    pub fn find(&self, text: &[u8]) -> Option<usize> {
        let mut found = None;
        self.find_each(text, End::Head, usize::MAX, |index| {
            found = Some(index);
            Break(())
        });
        found
    }

    /// Calls `found` with the index of each element that is `text`, from an end on, until it breaks or `max_compared`
    /// elements have been looked at.
    pub fn find_each(&self, text: &[u8], from: End, max_compared: usize, mut found: impl FnMut(usize) -> ControlFlow<()>) {
        match &self.0 {
            Repr::Quick(quick) => quick.find_each(text, from == End::Tail, max_compared, found),
            Repr::Packed(pack) => {
                let len = pack.len();
                let mut look = |index: usize, elem: Elem<'_>| if elem.eq_bytes(text) { found(index) } else { Continue(()) };
                let _ = match from {
                    End::Head => pack.iter().take(max_compared).enumerate().try_for_each(|(i, elem)| look(i, elem)),
                    End::Tail => {
                        pack.iter().rev().take(max_compared).enumerate().try_for_each(|(i, elem)| look(len - 1 - i, elem))
                    }
                };
            }
        }
    }

    /// Hands up to `n` elements from index `start` on to `reader`, in order.
    #[inline]
    pub fn for_each_range(&self, start: usize, n: usize, reader: impl FnMut(Elem<'_>)) {
        match &self.0 {
            Repr::Packed(pack) => {
                if let Some(pos) = pack.seek(start as i64) {
                    pack.iter_from(pos).take(n).for_each(reader);
                }
            }
            Repr::Quick(quick) => quick.for_each_range(start, n, reader),
        }
    }

    /// As [`for_each_range`](Self::for_each_range), from index `start` backwards.
    pub fn for_each_range_rev(&self, start: usize, n: usize, reader: impl FnMut(Elem<'_>)) {
        match &self.0 {
            Repr::Packed(pack) => {
                let skipped = pack.len().saturating_sub(start + 1);
                pack.iter().rev().skip(skipped).take(n).for_each(reader);
            }
            Repr::Quick(quick) => quick.for_each_range_rev(start, n, reader),
        }
    }

    /// Removes `n` elements from index `start` on.
    pub fn remove_range(&mut self, start: usize, n: usize) {
        match &mut self.0 {
            Repr::Packed(pack) => {
                pack.delete_range_at(start as i64, n);
            }
            Repr::Quick(quick) => {
                quick.remove_range(start, n);
            }
        }
    }

    /// Removes up to `max_removed` elements that are `text`, from an end on; returns how many.
    pub fn remove_equal(&mut self, text: &[u8], max_removed: usize, from: End) -> usize {
        match &mut self.0 {
            Repr::Quick(quick) => quick.remove_equal(text, max_removed, from == End::Tail),
            Repr::Packed(_) => {
                let mut found = Vec::new();
                self.find_each(text, from, usize::MAX, |index| {
                    found.push(index);
                    if found.len() < max_removed { Continue(()) } else { Break(()) }
                });
                found.sort_unstable();
                if let Repr::Packed(pack) = &mut self.0 {
                    let positions: Vec<_> = found.iter().filter_map(|index| pack.seek(*index as i64)).collect();
                    pack.delete_many(&positions);
                }
                found.len()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &List) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        list.for_each_range(0, usize::MAX, |elem| out.push(elem.to_vec()));
        out
    }

    #[test]
    fn follows_a_vector_through_both_encodings() {
        let mut rng = fastrand::Rng::with_seed(11);
        let limits = Limits::new(8, 0);
        let (mut list, mut model) = (List::default(), Vec::<Vec<u8>>::new());
        for _ in 0..20_000 {
            let text = rng.u32(0..30).to_string().into_bytes();
            match rng.u8(0..9) {
                0 | 1 => {
                    list.expect(text.len(), 1, limits);
                    list.push(&text, End::Head).unwrap();
                    model.insert(0, text);
                }
                2 | 3 => {
                    list.expect(text.len(), 1, limits);
                    list.push(&text, End::Tail).unwrap();
                    model.push(text);
                }
                4 => {
                    let popped = list.pop(End::Head, |elem| elem.to_vec());
                    assert_eq!(popped, (!model.is_empty()).then(|| model.remove(0)));
                    list.shrink();
                }
                5 => {
                    assert_eq!(list.pop(End::Tail, |elem| elem.to_vec()), model.pop());
                    list.shrink();
                }
                6 if !model.is_empty() => {
                    let at = rng.usize(0..=model.len());
                    list.insert(at, &text, limits).unwrap();
                    model.insert(at, text);
                }
                7 => {
                    let max = rng.usize(1..4);
                    let removed = list.remove_equal(&text, max, End::Tail);
                    let mut left = max;
                    for i in (0..model.len()).rev() {
                        if left > 0 && model[i] == text {
                            model.remove(i);
                            left -= 1;
                        }
                    }
                    assert_eq!(removed, max - left);
                    list.shrink();
                }
                _ => {
                    let (start, n) = (rng.usize(0..10), rng.usize(0..6));
                    if start < model.len() {
                        list.remove_range(start, n);
                        model.drain(start..(start + n).min(model.len()));
                        list.shrink();
                    }
                }
            }
            assert_eq!(list.len(), model.len());
            let wanted = model.iter().position(|elem| elem == b"7");
            assert_eq!(list.find(b"7"), wanted);
        }
        assert_eq!(texts(&list), model);
    }
}
