//! Walking a listpack without looking anything up: the iterator is the bytes that are left.

use super::entry::{Elem, last_entry_size, skip, take};
use super::{HEADER_BYTES, Pos};

/// The elements of (a part of) a listpack, from either end.
#[derive(Clone)]
pub struct Iter<'a> {
    /// The entries not yet seen.
    rest: &'a [u8],
    /// The whole listpack, of which `rest` is a part.
    whole: &'a [u8],
}

impl<'a> Iter<'a> {
    #[inline(always)]
    pub(super) fn new(whole: &'a [u8], rest: &'a [u8]) -> Iter<'a> {
        Iter { rest, whole }
    }

    /// Position of the element that `next` will give; `None` at the end.
    #[inline]
    pub fn pos(&self) -> Option<Pos> {
        if self.rest.is_empty() {
            return None;
        }
        Pos::new(self.rest.as_ptr().addr().checked_sub(self.whole.as_ptr().addr())?)
    }

    /// Position of the element that `next_back` gave last.
    #[inline]
    pub fn back_pos(&self) -> Option<Pos> {
        let end = self.rest.as_ptr().addr() + self.rest.len();
        Pos::new(end.checked_sub(self.whole.as_ptr().addr())?)
    }

    /// The first `n` elements and the others, of `count` in all: walks from the nearer end.
    pub fn split_at(self, n: usize, count: usize) -> (Iter<'a>, Iter<'a>) {
        let Iter { rest, whole } = self;
        let mut after = rest;
        if n <= count / 2 {
            for _ in 0..n {
                if skip(&mut after).is_none() {
                    break;
                }
            }
        } else {
            let mut before = rest;
            for _ in n..count {
                let shorter = last_entry_size(before).and_then(|size| before.len().checked_sub(size));
                let Some(len) = shorter else { break };
                before = &before[..len];
            }
            after = &rest[before.len()..];
        }
        let before = &rest[..rest.len() - after.len()];
        (Iter::new(whole, before), Iter::new(whole, after))
    }

    /// Passes over one element without decoding it; `None` at the end.
    #[inline(always)]
    pub fn skip_one(&mut self) -> Option<()> {
        skip(&mut self.rest)
    }

    #[inline(always)]
    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Elem<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Elem<'a>> {
        take(&mut self.rest)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // No entry is shorter than two bytes.
        (usize::from(!self.rest.is_empty()), Some(self.rest.len() / 2))
    }

    fn nth(&mut self, n: usize) -> Option<Elem<'a>> {
        for _ in 0..n {
            self.skip_one()?;
        }
        self.next()
    }

    fn count(mut self) -> usize {
        let mut count = 0;
        while self.skip_one().is_some() {
            count += 1;
        }
        count
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline(always)]
    fn next_back(&mut self) -> Option<Elem<'a>> {
        let start = self.rest.len().checked_sub(last_entry_size(self.rest)?)?;
        let mut last = self.rest.get(start..)?;
        self.rest = self.rest.get(..start)?;
        take(&mut last)
    }
}

/// The elements of a listpack in groups of `N`.
#[derive(Clone)]
pub struct Tuples<'a, const N: usize> {
    iter: Iter<'a>,
}

impl<'a, const N: usize> Tuples<'a, N> {
    #[inline(always)]
    pub(super) fn new(iter: Iter<'a>) -> Tuples<'a, N> {
        Tuples { iter }
    }

    /// Position of the first element of the group that `next` will give.
    #[inline]
    pub fn pos(&self) -> Option<Pos> {
        self.iter.pos()
    }
}

impl<'a, const N: usize> Iterator for Tuples<'a, N> {
    type Item = [Elem<'a>; N];

    #[inline(always)]
    fn next(&mut self) -> Option<[Elem<'a>; N]> {
        let mut group = [Elem::Int(0); N];
        for slot in &mut group {
            *slot = self.iter.next()?;
        }
        Some(group)
    }
}

impl<'a, const N: usize> DoubleEndedIterator for Tuples<'a, N> {
    #[inline(always)]
    fn next_back(&mut self) -> Option<[Elem<'a>; N]> {
        let mut group = [Elem::Int(0); N];
        for slot in group.iter_mut().rev() {
            *slot = self.iter.next_back()?;
        }
        Some(group)
    }
}

const _: () = assert!(HEADER_BYTES > 0, "a position is never 0");

#[cfg(test)]
mod tests {
    use super::super::tests::of;
    use super::*;

    fn texts<'a>(elems: impl Iterator<Item = Elem<'a>>) -> Vec<String> {
        elems.map(|e| String::from_utf8(e.to_vec()).unwrap()).collect()
    }

    #[test]
    fn runs_from_both_ends_and_meets() {
        let lp = of(&["a", "1", "b", "2", "c"]);
        assert_eq!(texts(lp.iter()), ["a", "1", "b", "2", "c"]);
        assert_eq!(texts(lp.iter().rev()), ["c", "2", "b", "1", "a"]);
        let mut iter = lp.iter();
        assert_eq!(iter.next_back(), Some(Elem::Bytes(b"c")));
        assert_eq!(iter.next(), Some(Elem::Bytes(b"a")));
        assert_eq!((iter.pos(), iter.back_pos()), (lp.seek(1), lp.seek(4)));
        assert_eq!(texts(iter.clone()), ["1", "b", "2"]);
        assert_eq!(iter.nth(2), Some(Elem::Int(2)));
        assert_eq!((iter.next(), iter.next_back(), iter.pos()), (None, None, None));
    }

    #[test]
    fn starts_and_ends_anywhere() {
        let lp = of(&["a", "b", "c", "d"]);
        let third = lp.seek(2).unwrap();
        assert_eq!(texts(lp.iter_from(third)), ["c", "d"]);
        assert_eq!(texts(lp.iter_until(third).rev()), ["b", "a"]);
        assert_eq!(lp.iter().count(), 4);
    }

    #[test]
    fn splits_in_two() {
        let all = ["a", "1", "b", "2", "c"];
        let lp = of(&all);
        for n in 0..=5 {
            let (before, after) = lp.iter().split_at(n, 5);
            assert_eq!(texts(before), all[..n]);
            assert_eq!(texts(after), all[n..]);
        }
        let (before, after) = lp.iter().split_at(9, 5);
        assert_eq!((before.count(), after.count()), (5, 0));
    }

    #[test]
    fn groups() {
        let lp = of(&["a", "1", "b", "2"]);
        let pairs: Vec<_> = lp.tuples::<2>().map(|[f, v]| (f.to_vec(), v.as_i64())).collect();
        assert_eq!(pairs, [(b"a".to_vec(), Some(1)), (b"b".to_vec(), Some(2))]);
        let mut backwards = lp.tuples::<2>().rev();
        assert_eq!(backwards.next(), Some([Elem::Bytes(b"b"), Elem::Int(2)]));
        assert_eq!(lp.tuples::<3>().count(), 1);
    }
}
