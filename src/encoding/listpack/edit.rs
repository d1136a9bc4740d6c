//! Changing a listpack. Each change leaves it well-formed, and moves the bytes after it at most once.

use super::entry::{END, Encoded, skip};
use super::{COUNT_UNKNOWN, Elem, HEADER_BYTES, Listpack, Pos, TooLong};
use std::mem;
use std::ops::Range;

/// Elements on their way into a listpack, encoded one by one in a buffer of `N` bytes.
pub struct Pack<const N: usize> {
    bytes: [u8; N],
    len: usize,
    count: usize,
}

impl<const N: usize> Pack<N> {
    /// An empty pack.
    #[inline]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Pack<N> {
        Pack { bytes: [0; N], len: 0, count: 0 }
    }

    /// Adds an element; `false` if it does not fit.
    #[inline]
    pub fn push<'e>(&mut self, elem: impl Into<Elem<'e>>) -> bool {
        let encoded = Encoded::of(elem.into());
        let Some(entry) = self.bytes.get_mut(self.len..self.len + encoded.size) else { return false };
        encoded.write(entry);
        self.len += encoded.size;
        self.count += 1;
        true
    }
}

impl Listpack {
    /// Appends an element.
    ///
    /// # Errors
    /// [`TooLong`] when the listpack would outgrow 4 GiB; it is then unchanged. The same holds for every
    /// method here that adds something.
    #[inline]
    pub fn push_back<'e>(&mut self, elem: impl Into<Elem<'e>>) -> Result<(), TooLong> {
        let encoded = Encoded::of(elem.into());
        let end = self.bytes_len() - 1;
        // Writing the end byte anew is cheaper than moving it.
        let gap = self.blob.splice_gap(end..end + 1, encoded.size + 1)?;
        if let Some((last, entry)) = gap.split_last_mut() {
            encoded.write(entry);
            *last = END;
        }
        self.add_to_count(1);
        Ok(())
    }

    /// Appends the elements of a pack, with one growth.
    ///
    /// # Errors
    /// [`TooLong`], see [`Listpack::push_back`].
    #[inline]
    pub fn push_pack<const N: usize>(&mut self, pack: &Pack<N>) -> Result<(), TooLong> {
        let end = self.bytes_len() - 1;
        let gap = self.blob.splice_gap(end..end + 1, pack.len + 1)?;
        if let Some((last, entries)) = gap.split_last_mut() {
            entries.copy_from_slice(&pack.bytes[..pack.len]);
            *last = END;
        }
        self.add_to_count(pack.count);
        Ok(())
    }

    /// Replaces the element at `pos` by an integer: in place where both are of one byte.
    ///
    /// # Errors
    /// [`TooLong`], see [`Listpack::push_back`].
    #[inline]
    pub fn replace_int(&mut self, pos: Pos, value: i64) -> Result<(), TooLong> {
        let at = pos.offset();
        if let Some([byte @ 0..0x80]) = self.blob.get_mut(at..at + 1)
            && (0..0x80).contains(&value)
        {
            *byte = value as u8;
            return Ok(());
        }
        self.replace(pos, value)
    }

    /// Puts an element before all others.
    ///
    /// # Errors
    /// [`TooLong`], see [`Listpack::push_back`].
    #[inline]
    pub fn push_front<'e>(&mut self, elem: impl Into<Elem<'e>>) -> Result<(), TooLong> {
        self.write_at(HEADER_BYTES, elem.into()).map(|_| ())
    }

    /// Puts an element before the one at `pos`; answers where it is.
    ///
    /// # Errors
    /// [`TooLong`], see [`Listpack::push_back`].
    #[inline]
    pub fn insert_before<'e>(&mut self, pos: Pos, elem: impl Into<Elem<'e>>) -> Result<Pos, TooLong> {
        self.write_at(pos.offset(), elem.into())
    }

    /// Puts an element after the one at `pos`; answers where it is.
    ///
    /// # Errors
    /// [`TooLong`], see [`Listpack::push_back`].
    #[inline]
    pub fn insert_after<'e>(&mut self, pos: Pos, elem: impl Into<Elem<'e>>) -> Result<Pos, TooLong> {
        let at = match self.next(pos) {
            Some(next) => next.offset(),
            None => self.bytes_len() - 1,
        };
        self.write_at(at, elem.into())
    }

    /// Replaces the element at `pos`, which stays its position.
    ///
    /// # Errors
    /// [`TooLong`], see [`Listpack::push_back`].
    #[inline]
    pub fn replace<'e>(&mut self, pos: Pos, elem: impl Into<Elem<'e>>) -> Result<(), TooLong> {
        let Some(range) = self.span(pos, 1).filter(|range| !range.is_empty()) else {
            return Ok(());
        };
        let encoded = Encoded::of(elem.into());
        encoded.write(self.blob.splice_gap(range, encoded.size)?);
        Ok(())
    }

    /// Appends many elements with one growth; the iterator is run twice.
    ///
    /// # Errors
    /// [`TooLong`], see [`Listpack::push_back`].
    pub fn extend<'e, I>(&mut self, elems: I) -> Result<(), TooLong>
    where
        I: IntoIterator<Item = Elem<'e>>,
        I::IntoIter: Clone,
    {
        let elems = elems.into_iter();
        let mut size = 0usize;
        let mut count = 0;
        for elem in elems.clone() {
            size = size.checked_add(elem.packed_bytes()).ok_or(TooLong)?;
            count += 1;
        }
        let end = self.bytes_len() - 1;
        let mut gap = self.blob.splice_gap(end..end, size)?;
        for elem in elems {
            let encoded = Encoded::of(elem);
            let Some((entry, rest)) = mem::take(&mut gap).split_at_mut_checked(encoded.size) else {
                break;
            };
            encoded.write(entry);
            gap = rest;
        }
        debug_assert!(gap.is_empty(), "both runs of the iterator agree");
        self.add_to_count(count);
        Ok(())
    }

    /// Removes the element at `pos`; answers the position of the one that followed, which is the same offset.
    pub fn delete(&mut self, pos: Pos) -> Option<Pos> {
        self.delete_range(pos, 1)
    }

    /// Removes up to `n` elements from `pos` on; answers the position of the one that followed.
    pub fn delete_range(&mut self, pos: Pos, n: usize) -> Option<Pos> {
        self.remove_from(pos, n);
        if pos.offset() < self.bytes_len() - 1 { Some(pos) } else { None }
    }

    /// Removes up to `n` elements from `index` on, which counts as for [`Listpack::seek`]; answers how many
    /// there were.
    pub fn delete_range_at(&mut self, index: i64, n: usize) -> usize {
        match self.seek(index) {
            Some(start) => self.remove_from(start, n),
            None => 0,
        }
    }

    /// Removes the elements at `positions`, which ascend, in one pass.
    pub fn delete_many(&mut self, positions: &[Pos]) {
        let end = self.bytes_len() - 1;
        let mut write_to = end;
        let mut kept_from = end;
        let mut removed = 0;
        for &pos in positions {
            let Some(span) = self.span(pos, 1).filter(|span| !span.is_empty()) else {
                continue;
            };
            if removed == 0 {
                write_to = span.start;
            } else if span.start < kept_from {
                continue;
            } else {
                write_to = self.slide(kept_from..span.start, write_to);
            }
            kept_from = span.end;
            removed += 1;
        }
        if removed != 0 {
            let write_to = self.slide(kept_from..end, write_to);
            self.cut(write_to..end, removed);
        }
    }

    /// Appends all elements of `other`.
    ///
    /// # Errors
    /// [`TooLong`], see [`Listpack::push_back`].
    pub fn append(&mut self, other: &Listpack) -> Result<(), TooLong> {
        self.paste(self.bytes_len() - 1, other)
    }

    /// Puts all elements of `other` before all of these.
    ///
    /// # Errors
    /// [`TooLong`], see [`Listpack::push_back`].
    pub fn prepend(&mut self, other: &Listpack) -> Result<(), TooLong> {
        self.paste(HEADER_BYTES, other)
    }

    /// Cuts the listpack before the element at `index` (as [`Listpack::seek`] counts) and answers what was cut
    /// off: nothing when there is no such element.
    pub fn split_off(&mut self, index: i64) -> Listpack {
        let Some(start) = self.seek(index) else {
            return Listpack::new();
        };
        let end = self.bytes_len() - 1;
        let count = self.iter_from(start).count();
        let tail = self.entries_from(start).unwrap_or(&[]);
        match Listpack::from_entries(tail, count) {
            Ok(tail) => {
                self.cut(start.offset()..end, count);
                tail
            }
            Err(TooLong) => unreachable!("a part is not longer than the whole"),
        }
    }

    /// Removes all elements.
    pub fn clear(&mut self) {
        *self = Listpack::new();
    }

    /// Writes an element so that it starts at byte `at`, an element's start or the end byte.
    #[inline]
    fn write_at(&mut self, at: usize, elem: Elem<'_>) -> Result<Pos, TooLong> {
        let at = at.clamp(HEADER_BYTES, self.bytes_len() - 1);
        let encoded = Encoded::of(elem);
        encoded.write(self.blob.splice_gap(at..at, encoded.size)?);
        self.add_to_count(1);
        Pos::new(at).ok_or(TooLong)
    }

    /// Copies the entries of `other` to byte `at`.
    fn paste(&mut self, at: usize, other: &Listpack) -> Result<(), TooLong> {
        let (mine, theirs) = (self.count_field(), other.count_field());
        self.blob.splice(at..at, other.entries())?;
        if mine == COUNT_UNKNOWN || theirs == COUNT_UNKNOWN {
            self.set_count(usize::MAX);
        } else {
            self.set_count(usize::from(mine) + usize::from(theirs));
        }
        Ok(())
    }

    /// The bytes of the first `n` elements from `pos` on.
    #[inline]
    fn span(&self, pos: Pos, n: usize) -> Option<Range<usize>> {
        let mut rest = self.entries_from(pos)?;
        for _ in 0..n {
            skip(&mut rest)?;
        }
        Some(pos.offset().max(HEADER_BYTES)..self.bytes_len() - 1 - rest.len())
    }

    /// Removes up to `n` elements from `pos` on; answers how many there were.
    fn remove_from(&mut self, pos: Pos, n: usize) -> usize {
        let Some(mut rest) = self.entries_from(pos) else {
            return 0;
        };
        let mut removed = 0;
        while removed < n && skip(&mut rest).is_some() {
            removed += 1;
        }
        let end = self.bytes_len() - 1 - rest.len();
        self.cut(pos.offset().max(HEADER_BYTES)..end, removed);
        removed
    }

    /// Moves the bytes of `from` down to `to`; answers where they then end.
    fn slide(&mut self, from: Range<usize>, to: usize) -> usize {
        let len = from.len();
        let body = self.blob.body_mut();
        // The body starts at byte 4 of the listpack.
        body.copy_within(from.start - 4..from.end - 4, to - 4);
        to + len
    }

    /// Takes out the bytes of `removed` whole entries.
    #[inline]
    fn cut(&mut self, range: Range<usize>, removed: usize) {
        if range.is_empty() {
            return;
        }
        match self.blob.splice_gap(range, 0) {
            Ok(_) => {}
            Err(TooLong) => unreachable!("a cut does not grow"),
        }
        self.remove_from_count(removed);
    }

    /// Takes out the first `bytes` bytes after the header; the count stays.
    pub(super) fn cut_front(&mut self, bytes: usize) {
        self.cut(HEADER_BYTES..HEADER_BYTES + bytes, 0);
    }

    #[inline(always)]
    pub(super) fn remove_from_count(&mut self, removed: usize) {
        let count = self.count_field();
        if count != COUNT_UNKNOWN {
            self.set_count(usize::from(count).saturating_sub(removed));
        }
    }

    #[inline(always)]
    pub(super) fn add_to_count(&mut self, added: usize) {
        let count = self.count_field();
        if count != COUNT_UNKNOWN {
            self.set_count(usize::from(count).saturating_add(added));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::of;
    use super::*;

    /// Texts around every boundary of the encodings.
    fn any_text(rng: &mut fastrand::Rng) -> Vec<u8> {
        const EDGES: [i64; 9] = [0, 127, 4095, 32_767, 8_388_607, 2_147_483_647, i64::MAX, -4096, i64::MIN + 2];
        match rng.u8(0..10) {
            0..4 => rng.u8(..).to_string().into_bytes(),
            4..6 => {
                let edge = rng.choice(EDGES).unwrap_or(0);
                edge.saturating_add(rng.i64(-2..=2)).to_string().into_bytes()
            }
            6 => vec![b'x'; rng.choice([62, 63, 64, 65, 125, 126, 127, 300]).unwrap_or(0)],
            7 if rng.u8(..) < 20 => {
                vec![b'y'; rng.choice([4094, 4095, 4096, 4097, 16_378]).unwrap_or(0)]
            }
            _ => (0..rng.usize(0..12)).map(|_| rng.u8(b'a'..=b'e')).collect(),
        }
    }

    fn check(lp: &Listpack, twin: &[Vec<u8>]) {
        assert_eq!(Listpack::from_bytes_validated(lp.as_bytes()).as_ref(), Ok(lp));
        assert_eq!(lp.len(), twin.len());
        assert!(lp.iter().map(|e| e.to_vec()).eq(twin.iter().cloned()));
        assert!(lp.iter().rev().map(|e| e.to_vec()).eq(twin.iter().rev().cloned()));
        // However it came about, the bytes are those of a fresh one.
        let fresh = Listpack::from_elems(twin.iter().map(Elem::from)).unwrap();
        assert_eq!(fresh.as_bytes(), lp.as_bytes());
    }

    #[test]
    fn behaves_as_a_vec_of_strings_does() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..60 {
            let mut lp = Listpack::new();
            let mut twin: Vec<Vec<u8>> = Vec::new();
            for _ in 0..150 {
                let text = any_text(&mut rng);
                let at = rng.usize(0..=twin.len());
                let pos = lp.seek(at as i64);
                match (rng.u8(0..14), pos) {
                    (0, _) => {
                        lp.push_front(&text).unwrap();
                        twin.insert(0, text);
                    }
                    (1..4, Some(pos)) => {
                        assert_eq!(lp.insert_before(pos, &text), Ok(pos));
                        twin.insert(at, text);
                    }
                    (4, Some(pos)) => {
                        let new = lp.insert_after(pos, &text).unwrap();
                        assert!(lp.get(new).unwrap().eq_bytes(&text));
                        twin.insert(at + 1, text);
                    }
                    (5, Some(pos)) => {
                        lp.replace(pos, &text).unwrap();
                        twin[at] = text;
                    }
                    (6, Some(pos)) => {
                        let next = lp.delete(pos);
                        twin.remove(at);
                        assert_eq!(next.and_then(|p| lp.get(p)).map(|e| e.to_vec()), twin.get(at).cloned());
                    }
                    (7, Some(_)) => {
                        let n = rng.usize(0..5);
                        let end = twin.len().min(at + n);
                        let from_end = at as i64 - twin.len() as i64;
                        assert_eq!(lp.delete_range_at(from_end, n), end - at);
                        twin.drain(at..end);
                    }
                    (8, Some(_)) => {
                        let tail = lp.split_off(at as i64);
                        let twin_tail = twin.split_off(at);
                        check(&tail, &twin_tail);
                        if rng.bool() {
                            lp.append(&tail).unwrap();
                            twin.extend(twin_tail);
                        } else {
                            lp.prepend(&tail).unwrap();
                            twin.splice(0..0, twin_tail);
                        }
                    }
                    (9, _) => {
                        let chosen: Vec<bool> = twin.iter().map(|_| rng.u8(..) < 40).collect();
                        let positions: Vec<Pos> =
                            (0..twin.len()).filter(|&i| chosen[i]).filter_map(|i| lp.seek(i as i64)).collect();
                        lp.delete_many(&positions);
                        let mut flags = chosen.iter();
                        twin.retain(|_| flags.next() == Some(&false));
                    }
                    (10, _) => {
                        let many = vec![text.clone(), b"7".to_vec(), text];
                        lp.extend(many.iter().map(Elem::from)).unwrap();
                        twin.extend(many);
                    }
                    _ => {
                        lp.push_back(&text).unwrap();
                        twin.push(text.clone());
                        let first = lp.first().unwrap();
                        let found = lp.find(&text, first, 0);
                        let index = twin.iter().position(|t| *t == text).unwrap();
                        assert_eq!(found, lp.seek(index as i64));
                    }
                }
                check(&lp, &twin);
            }
        }
    }

    #[test]
    fn packs_are_what_pushes_are() {
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..500 {
            let texts: Vec<Vec<u8>> = (0..rng.usize(0..6)).map(|_| any_text(&mut rng)).collect();
            let mut pack = Pack::<200>::new();
            let mut twin = of(&["a"]);
            let mut lp = twin.clone();
            for text in &texts {
                if pack.push(text) {
                    twin.push_back(text).unwrap();
                }
            }
            lp.push_pack(&pack).unwrap();
            assert_eq!(lp.as_bytes(), twin.as_bytes());
            let pos = lp.seek(rng.i64(0..lp.len() as i64)).unwrap();
            let value = rng.i64(-200..200);
            lp.replace_int(pos, value).unwrap();
            twin.replace(pos, value).unwrap();
            assert_eq!(lp.as_bytes(), twin.as_bytes());
        }
    }

    #[test]
    fn the_count_goes_unknown_and_stays_right() {
        let mut lp = Listpack::from_elems((0..65_533).map(Elem::Int)).unwrap();
        lp.push_back(1).unwrap();
        assert_eq!(lp.as_bytes()[4..6], [0xfe, 0xff]);
        lp.push_back(2).unwrap();
        assert_eq!(lp.as_bytes()[4..6], [0xff, 0xff]);
        lp.delete_range_at(0, 65_530);
        assert_eq!(lp.len(), 5);
        assert_eq!(lp.seek(4), lp.last());
        assert_eq!(lp.seek(5), None);
        assert!(Listpack::from_bytes_validated(lp.as_bytes()).is_ok());
        let tail = lp.split_off(3);
        assert_eq!(tail, Listpack::from_elems([1, 2].map(Elem::Int)).unwrap());
    }

    #[test]
    fn stale_positions_do_not_panic() {
        let long = of(&["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "b", "70000"]);
        for index in 0..3 {
            let stale = long.seek(index).unwrap();
            let mut lp = of(&["1"]);
            let _ = (lp.get(stale), lp.next(stale), lp.prev(stale), lp.find(b"x", stale, 0));
            let _ = lp.replace(stale, b"z");
            let _ = lp.insert_before(stale, b"z");
            let _ = lp.insert_after(stale, b"z");
            lp.delete_many(&[stale, stale]);
            lp.delete(stale);
            lp.delete(stale);
        }
    }
}
