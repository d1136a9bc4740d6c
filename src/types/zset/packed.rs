//! The small encoding: one listpack of member, score, member, score, …, ascending by score, then by member.
//!
//! The bytes are upstream's own: a score that is an integer is stored as one (so that -0 becomes 0), any other as its
//! shortest text. Every operation is a walk over a few cache lines.

use std::cmp::Ordering;

use crate::encoding::listpack::{Elem, Iter, Listpack, Pos, Tuples};
use crate::sys::defrag::Mover;
use crate::types::items::all_distinct;
use crate::util::float::{parse_f64, write_f64};

/// Room a score may need: its text (24 bytes at most) and the entry's head and tail.
const SCORE_BYTES: usize = 32;

#[derive(Clone)]
pub(super) struct Packed {
    list: Listpack,
}

impl Packed {
    /// Moves the block, if it ought to move.
    pub(super) fn defrag(&mut self, mover: &mut Mover) {
        self.list.defrag(mover);
    }
}

/// A score as it is written into a listpack.
struct ScoreText {
    text: Vec<u8>,
    integer: Option<i64>,
}

impl ScoreText {
    fn of(score: f64) -> ScoreText {
        // Within this bound the conversion both ways is exact; beyond it upstream writes text, too.
        const INTEGER_MAX: f64 = (1_u64 << 62) as f64;
        if score.abs() <= INTEGER_MAX && score as i64 as f64 == score {
            return ScoreText { text: Vec::new(), integer: Some(score as i64) };
        }
        let mut text = Vec::new();
        write_f64(&mut text, score);
        ScoreText { text, integer: None }
    }

    fn elem(&self) -> Elem<'_> {
        match self.integer {
            Some(value) => Elem::Int(value),
            None => Elem::Bytes(&self.text),
        }
    }
}

/// The score an element spells; `None` for anything else, NaN included.
fn read_score(elem: Elem<'_>) -> Option<f64> {
    match elem {
        Elem::Int(value) => Some(value as f64),
        Elem::Bytes(text) => parse_f64(text),
    }
}

/// How the pair `(member, score)` of the list orders relative to the one given.
fn order(elem: Elem<'_>, score: f64, other: &[u8], other_score: f64) -> Ordering {
    match score.partial_cmp(&other_score) {
        Some(Ordering::Equal) | None => elem.text(&mut itoa::Buffer::new()).cmp(other),
        Some(unequal) => unequal,
    }
}

/// How the members of a sorted set order: by score, then by name.
pub fn order_pairs(a: &(Elem<'_>, f64), b: &(Elem<'_>, f64)) -> Ordering {
    match a.1.partial_cmp(&b.1) {
        Some(Ordering::Equal) | None => a.0.text(&mut itoa::Buffer::new()).cmp(b.0.text(&mut itoa::Buffer::new())),
        Some(unequal) => unequal,
    }
}

impl Packed {
    pub(super) fn new() -> Packed {
        Packed { list: Listpack::new() }
    }

    /// Takes over foreign contents; `None` unless they are pairs with scores, strictly ascending, no member twice.
    pub(super) fn from_listpack(list: Listpack) -> Option<Packed> {
        let packed = Packed { list };
        if !packed.list.len().is_multiple_of(2) {
            return None;
        }
        if !all_distinct(packed.list.tuples().map(|[member, _]| member)) {
            return None;
        }
        let mut before: Option<(Elem<'_>, f64)> = None;
        for [elem, score] in packed.list.tuples() {
            let score = read_score(score)?;
            let mut buffer = itoa::Buffer::new();
            let member = elem.text(&mut buffer);
            if before.is_some_and(|(elem, less)| order(elem, less, member, score).is_ge()) {
                return None;
            }
            before = Some((elem, score));
        }
        Some(packed)
    }

    pub(super) fn listpack(&self) -> &Listpack {
        &self.list
    }

    pub(super) fn len(&self) -> usize {
        self.list.len() / 2
    }

    pub(super) fn mem_bytes(&self) -> usize {
        self.list.alloc_bytes()
    }

    /// Whether a pair with this member would leave the listpack at a reasonable size.
    pub(super) fn fits(&self, member: &[u8]) -> bool {
        self.list.fits(member.len().saturating_add(SCORE_BYTES))
    }

    /// Whether so many pairs, with so many bytes of members, would make a listpack of a reasonable size.
    pub(super) fn fits_all(&self, entries: usize, member_bytes: usize) -> bool {
        self.list.fits(entries.saturating_mul(SCORE_BYTES).saturating_add(member_bytes))
    }

    fn pairs(&self) -> impl DoubleEndedIterator<Item = (Elem<'_>, f64)> {
        pairs(self.list.tuples())
    }

    /// Where the member is, and its score.
    pub(super) fn find(&self, member: &[u8]) -> Option<(Pos, f64)> {
        let pos = self.list.find(member, self.list.first()?, 1)?;
        let score = self.list.get(self.list.next(pos)?)?;
        Some((pos, read_score(score).unwrap_or_default()))
    }

    /// Adds a member that is not there, and that [`Packed::fits`].
    pub(super) fn insert(&mut self, member: &[u8], score: f64) {
        let mut pairs = self.list.tuples();
        let place = loop {
            let pos = pairs.pos();
            match pairs.next() {
                None => break None,
                Some([elem, other]) => {
                    let other = read_score(other).unwrap_or_default();
                    if order(elem, other, member, score).is_gt() {
                        break pos;
                    }
                }
            }
        };
        let Some(pos) = place else {
            return self.push(member, score);
        };
        let text = ScoreText::of(score);
        let inserted = (self.list.insert_before(pos, member)).and_then(|pos| self.list.insert_after(pos, text.elem()));
        debug_assert!(inserted.is_ok(), "the caller saw to it that it fits");
    }

    /// Adds a member that comes after all others, and that [`Packed::fits`].
    pub(super) fn push<'e>(&mut self, member: impl Into<Elem<'e>>, score: f64) {
        let text = ScoreText::of(score);
        let pushed = (self.list.push_back(member)).and_then(|()| self.list.push_back(text.elem()));
        debug_assert!(pushed.is_ok(), "the caller saw to it that it fits");
    }

    /// Gives the member at `pos` another score.
    pub(super) fn rescore(&mut self, pos: Pos, member: &[u8], score: f64) {
        self.list.delete_range(pos, 2);
        self.insert(member, score);
    }

    /// Removes the member at `pos`.
    pub(super) fn remove(&mut self, pos: Pos) {
        self.list.delete_range(pos, 2);
    }

    /// Removes the pairs of ranks `start..end`, which exist.
    pub(super) fn remove_range(&mut self, start: usize, end: usize) {
        let index = i64::try_from(start * 2).unwrap_or(i64::MAX);
        self.list.delete_range_at(index, (end - start) * 2);
    }

    /// The rank of the member, and its score.
    pub(super) fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        (self.pairs().enumerate()).find(|(_, (elem, _))| elem.eq_bytes(member)).map(|(rank, (_, score))| (rank, score))
    }

    /// The ranks where `before` stops to hold and where `reaches` does, each of which holds for a prefix.
    pub(super) fn ranks(
        &self,
        mut before: impl FnMut(Elem<'_>, f64) -> bool,
        mut reaches: impl FnMut(Elem<'_>, f64) -> bool,
    ) -> (usize, usize) {
        let mut start = 0;
        let mut end = 0;
        let mut started = false;
        for (elem, score) in self.pairs() {
            started = started || !before(elem, score);
            if !reaches(elem, score) {
                if started {
                    break;
                }
                // The range is empty; nothing further on changes that.
                return (0, 0);
            }
            end += 1;
            start += usize::from(!started);
        }
        (start, end)
    }

    /// The pairs of ranks `start..end`, which exist.
    pub(super) fn range(&self, start: usize, end: usize) -> PackedRange<'_> {
        PackedRange { packed: self, start, end, front: None, back: None }
    }
}

fn pairs(tuples: Tuples<'_, 2>) -> impl DoubleEndedIterator<Item = (Elem<'_>, f64)> {
    tuples.map(|[elem, score]| (elem, read_score(score).unwrap_or_default()))
}

/// Pairs of a range of ranks, from either side; each side seeks its place when it is first asked.
#[derive(Clone)]
pub(super) struct PackedRange<'a> {
    packed: &'a Packed,
    start: usize,
    end: usize,
    front: Option<Iter<'a>>,
    back: Option<Iter<'a>>,
}

impl<'a> PackedRange<'a> {
    fn seek(&self, rank: usize) -> Option<Pos> {
        self.packed.list.seek(i64::try_from(rank * 2).ok()?)
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) fn next(&mut self) -> Option<(Elem<'a>, f64)> {
        if self.start == self.end {
            return None;
        }
        if self.front.is_none() {
            self.front = Some(self.packed.list.iter_from(self.seek(self.start)?));
        }
        let front = self.front.as_mut()?;
        self.start += 1;
        let elem = front.next()?;
        Some((elem, read_score(front.next()?).unwrap_or_default()))
    }

    pub(super) fn next_back(&mut self) -> Option<(Elem<'a>, f64)> {
        if self.start == self.end {
            return None;
        }
        if self.back.is_none() {
            self.back = Some(match self.seek(self.end) {
                Some(pos) => self.packed.list.iter_until(pos),
                None => self.packed.list.iter(),
            });
        }
        let back = self.back.as_mut()?;
        self.end -= 1;
        let score = read_score(back.next_back()?).unwrap_or_default();
        Some((back.next_back()?, score))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_stored_as_upstream_stores_them() {
        let mut packed = Packed::new();
        for (member, score) in [
            (&b"a"[..], -0.0),
            (b"b", 1e17),
            (b"c", 1e19),
            (b"d", 0.1),
            (b"e", 4_611_686_018_427_387_904.0),
            (b"f", 9_223_372_036_854_775_807.0),
            (b"g", -4_611_686_018_427_387_904.0),
            (b"h", 3e5),
            (b"i", 1e-7),
            (b"k", f64::INFINITY),
            (b"l", f64::NEG_INFINITY),
        ] {
            packed.insert(member, score);
        }
        let scores: Vec<_> = packed.list.tuples().map(|[_, score]| score.to_vec()).collect();
        let texts: Vec<_> = scores.iter().map(|text| str::from_utf8(text).unwrap()).collect();
        assert_eq!(
            texts,
            [
                "-inf",
                "-4611686018427387904",
                "0",
                "1e-7",
                "0.1",
                "300000",
                "100000000000000000",
                "4611686018427387904",
                "9223372036854776000",
                "1e+19",
                "inf"
            ]
        );
        assert!(packed.find(b"a").unwrap().1.is_sign_positive());
    }

    #[test]
    fn only_sorted_pairs_are_taken_over() {
        let of = |texts: &[&str]| {
            Packed::from_listpack(Listpack::from_elems(texts.iter().map(|text| Elem::Bytes(text.as_bytes()))).unwrap())
        };
        assert!(of(&[]).is_some());
        assert!(of(&["a", "1", "b", "1", "a1", "1.5"]).is_some());
        assert!(of(&["10", "1", "9", "1"]).is_some());
        for bad in [
            &["a"][..],
            &["a", "x"],
            &["a", "nan"],
            &["a", "2", "b", "1"],
            &["b", "1", "a", "1"],
            &["9", "1", "10", "1"],
            &["a", "1", "b", "2", "a", "3"],
        ] {
            assert!(of(bad).is_none(), "{bad:?}");
        }
    }
}
