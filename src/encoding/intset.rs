//! Intset: a small set of integers, sorted, all of one width; upstream's layout byte for byte.
//!
//! ```text
//!            0          4          8
//!  ┌─────────┬──────────┬──────────┬───────┬───────┬─ ─ ─ ─┐
//!  │ (total) │ width    │ count    │ int 0 │ int 1 │       │   ascending, no two alike,
//!  │ u32 LE  │ u32 LE   │ u32 LE   │       │       │       │   each `width` = 2, 4 or 8 bytes, LE, signed
//!  └─────────┴──────────┴──────────┴───────┴───────┴─ ─ ─ ─┘
//!            ◄─────────────── the format ─────────────────►
//! ```
//!
//! The first four bytes are the [`Blob`]'s own length, which buys a set one pointer wide. The width is that of
//! the widest integer ever added: it grows when it must and never shrinks, as upstream's does.
//!
//! What always holds: the ints ascend strictly and the length is `8 + width * count`. Foreign bytes come in
//! only through [`Intset::from_bytes_validated`].

use super::blob::{self, Blob, TooLong};
use crate::sys::defrag::Mover;
use std::fmt;

/// Where the ints start, counted from the blob's first byte.
const INTS_AT: usize = blob::HEADER_BYTES + 8;

/// How wide each integer of a set is, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Width {
    Two = 2,
    Four = 4,
    Eight = 8,
}

impl Width {
    #[inline]
    fn needed_by(value: i64) -> Width {
        if i16::try_from(value).is_ok() {
            Width::Two
        } else if i32::try_from(value).is_ok() {
            Width::Four
        } else {
            Width::Eight
        }
    }

    #[inline(always)]
    fn from_field(field: u32) -> Option<Width> {
        match field {
            2 => Some(Width::Two),
            4 => Some(Width::Four),
            8 => Some(Width::Eight),
            _ => None,
        }
    }
}

/// The ints of a set, seen at their width.
#[derive(Clone, Copy)]
enum Ints<'a> {
    Two(&'a [[u8; 2]]),
    Four(&'a [[u8; 4]]),
    Eight(&'a [[u8; 8]]),
}

impl<'a> Ints<'a> {
    #[inline(always)]
    fn new(width: Width, bytes: &'a [u8]) -> Ints<'a> {
        match width {
            Width::Two => Ints::Two(bytes.as_chunks().0),
            Width::Four => Ints::Four(bytes.as_chunks().0),
            Width::Eight => Ints::Eight(bytes.as_chunks().0),
        }
    }

    #[inline(always)]
    fn len(self) -> usize {
        match self {
            Ints::Two(ints) => ints.len(),
            Ints::Four(ints) => ints.len(),
            Ints::Eight(ints) => ints.len(),
        }
    }

    #[inline(always)]
    fn get(self, index: usize) -> Option<i64> {
        match self {
            Ints::Two(ints) => ints.get(index).map(|b| i64::from(i16::from_le_bytes(*b))),
            Ints::Four(ints) => ints.get(index).map(|b| i64::from(i32::from_le_bytes(*b))),
            Ints::Eight(ints) => ints.get(index).map(|b| i64::from_le_bytes(*b)),
        }
    }

    /// Where `value` is, or else where it would go.
    #[inline]
    fn search(self, value: i64) -> Result<usize, usize> {
        match self {
            Ints::Two(ints) => ints.binary_search_by_key(&value, |b| i64::from(i16::from_le_bytes(*b))),
            Ints::Four(ints) => ints.binary_search_by_key(&value, |b| i64::from(i32::from_le_bytes(*b))),
            Ints::Eight(ints) => ints.binary_search_by_key(&value, |b| i64::from_le_bytes(*b)),
        }
    }
}

/// What is wrong with bytes that claim to be an intset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("shorter than its header")]
    Short,
    #[error("the integers' width is not 2, 4 or 8 bytes")]
    Width,
    #[error("the count does not fit the length")]
    Count,
    #[error("no integer in it")]
    Empty,
    #[error("not in strictly ascending order at integer {index}")]
    Order { index: usize },
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

/// A sorted set of integers, packed. See the head of this file for the layout.
#[derive(Clone, PartialEq, Eq)]
pub struct Intset {
    blob: Blob,
}

impl Intset {
    /// The empty set.
    pub fn new() -> Intset {
        match Intset::with_room(Width::Two, 0) {
            Ok(set) => set,
            Err(TooLong) => unreachable!("a header fits"),
        }
    }

    /// A set of `count` zeros of this width, to be filled.
    fn with_room(width: Width, count: usize) -> Result<Intset, TooLong> {
        let ints_len = count.checked_mul(width as usize).ok_or(TooLong)?;
        let mut blob = Blob::zeroed(ints_len.checked_add(INTS_AT).ok_or(TooLong)?)?;
        blob.body_mut()[..4].copy_from_slice(&(width as u32).to_le_bytes());
        let mut set = Intset { blob };
        set.store_count(count);
        Ok(set)
    }

    /// A copy of `bytes` as a set, after width, count and order have been checked. An empty set is refused:
    /// no server keeps one.
    ///
    /// # Errors
    /// [`Malformed`] says what is wrong first. Nothing is allocated then.
    pub fn from_bytes_validated(bytes: &[u8]) -> Result<Intset, Malformed> {
        let [w0, w1, w2, w3, c0, c1, c2, c3, ints @ ..] = bytes else {
            return Err(Malformed::Short);
        };
        let width = Width::from_field(u32::from_le_bytes([*w0, *w1, *w2, *w3])).ok_or(Malformed::Width)?;
        let count = u32::from_le_bytes([*c0, *c1, *c2, *c3]) as usize;
        if count.checked_mul(width as usize) != Some(ints.len()) {
            return Err(Malformed::Count);
        }
        let mut previous = None;
        for (index, value) in Iter::new(Ints::new(width, ints)).enumerate() {
            if previous >= Some(value) {
                return Err(Malformed::Order { index });
            }
            previous = Some(value);
        }
        if previous.is_none() {
            return Err(Malformed::Empty);
        }
        let blob = Blob::from_body(bytes)?;
        Ok(Intset { blob })
    }

    /// The bytes as RDB and DUMP hold them.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.blob.as_slice()[blob::HEADER_BYTES..]
    }

    /// Moves the block, if it ought to move.
    pub fn defrag(&mut self, mover: &mut Mover) {
        self.blob.defrag(mover);
    }

    /// Bytes taken from the allocator.
    #[inline]
    pub fn alloc_bytes(&self) -> usize {
        self.blob.alloc_bytes()
    }

    /// Number of integers.
    #[inline]
    pub fn len(&self) -> usize {
        self.ints().len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `value` is in the set: binary search.
    #[inline]
    pub fn contains(&self, value: i64) -> bool {
        self.search(value).is_ok()
    }

    /// The index of `value` in ascending order.
    #[inline]
    pub fn find(&self, value: i64) -> Option<usize> {
        self.search(value).ok()
    }

    /// The integer at `index` in ascending order.
    #[inline]
    pub fn get(&self, index: usize) -> Option<i64> {
        self.ints().get(index)
    }

    #[inline]
    pub fn min(&self) -> Option<i64> {
        self.get(0)
    }

    #[inline]
    pub fn max(&self) -> Option<i64> {
        self.get(self.len().checked_sub(1)?)
    }

    /// One of the integers, each as likely as the next.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<i64> {
        match self.len() {
            0 => None,
            len => self.get(rng.usize(..len)),
        }
    }

    /// All integers, ascending; also backwards.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(self.ints())
    }

    /// Adds `value`; answers whether it is new. All ints become wider when it needs more bytes than they have.
    ///
    /// # Errors
    /// [`TooLong`] when the set would outgrow 4 GiB; it is then unchanged.
    pub fn add(&mut self, value: i64) -> Result<bool, TooLong> {
        let width = self.width();
        if Width::needed_by(value) > width {
            return self.widen_with(value).map(|()| true);
        }
        let ints = self.ints();
        let len = ints.len();
        // Ints often come in ascending order: from another intset, from a sequence.
        let index = if self.max() < Some(value) {
            len
        } else {
            match ints.search(value) {
                Ok(_) => return Ok(false),
                Err(index) => index,
            }
        };
        let at = INTS_AT + index * width as usize;
        let gap = self.blob.splice_gap(at..at, width as usize)?;
        gap.copy_from_slice(&value.to_le_bytes()[..width as usize]);
        self.store_count(len + 1);
        Ok(true)
    }

    /// Removes `value`; answers whether it was there.
    pub fn remove(&mut self, value: i64) -> bool {
        match self.search(value) {
            Ok(index) => self.remove_range(index, 1) == 1,
            Err(_) => false,
        }
    }

    /// Removes the integer at `index` in ascending order and answers it.
    pub fn remove_at(&mut self, index: usize) -> Option<i64> {
        let value = self.get(index)?;
        self.remove_range(index, 1);
        Some(value)
    }

    /// Removes up to `n` integers from `index` on; answers how many there were.
    pub fn remove_range(&mut self, index: usize, n: usize) -> usize {
        let len = self.len();
        let start = index.min(len);
        let end = start.saturating_add(n).min(len);
        let width = self.width() as usize;
        let range = INTS_AT + start * width..INTS_AT + end * width;
        match self.blob.splice_gap(range, 0) {
            Ok(_) => self.store_count(len - (end - start)),
            Err(TooLong) => unreachable!("a cut does not grow"),
        }
        end - start
    }

    #[inline]
    fn search(&self, value: i64) -> Result<usize, usize> {
        self.ints().search(value)
    }

    /// Rewrites all ints at the width of `value`, which none of them needs: it is below or above them all.
    #[inline(never)]
    fn widen_with(&mut self, value: i64) -> Result<(), TooLong> {
        let width = Width::needed_by(value);
        let mut wider = Intset::with_room(width, self.len() + 1)?;
        let body = &mut wider.blob.body_mut()[INTS_AT - blob::HEADER_BYTES..];
        let (below, above) = if value < 0 { (Some(value), None) } else { (None, Some(value)) };
        let values = below.into_iter().chain(self.iter()).chain(above);
        for (slot, value) in body.chunks_exact_mut(width as usize).zip(values) {
            slot.copy_from_slice(&value.to_le_bytes()[..width as usize]);
        }
        *self = wider;
        Ok(())
    }

    #[inline(always)]
    fn width(&self) -> Width {
        match *self.as_bytes() {
            [4, ..] => Width::Four,
            [8, ..] => Width::Eight,
            _ => Width::Two,
        }
    }

    #[inline(always)]
    fn ints(&self) -> Ints<'_> {
        let bytes = self.as_bytes().get(8..).unwrap_or(&[]);
        Ints::new(self.width(), bytes)
    }

    #[inline]
    fn store_count(&mut self, count: usize) {
        // At least two bytes each in less than 4 GiB: 32 bits are enough.
        self.blob.body_mut()[4..8].copy_from_slice(&(count as u32).to_le_bytes());
    }
}

impl Default for Intset {
    fn default() -> Intset {
        Intset::new()
    }
}

impl fmt::Debug for Intset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The integers of a set, ascending, from either end.
#[derive(Clone)]
pub struct Iter<'a> {
    ints: Ints<'a>,
    front: usize,
    back: usize,
}

impl<'a> Iter<'a> {
    #[inline]
    fn new(ints: Ints<'a>) -> Iter<'a> {
        Iter { ints, front: 0, back: ints.len() }
    }
}

impl Iterator for Iter<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        if self.front >= self.back {
            return None;
        }
        let value = self.ints.get(self.front);
        self.front += 1;
        value
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.back - self.front;
        (left, Some(left))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<i64> {
        if self.front >= self.back {
            return None;
        }
        self.back -= 1;
        self.ints.get(self.back)
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn of(values: &[i64]) -> Intset {
        let mut set = Intset::new();
        for &value in values {
            set.add(value).unwrap();
        }
        set
    }

    #[test]
    fn is_one_pointer_wide() {
        assert_eq!(size_of::<Option<Intset>>(), 8);
        assert_eq!(Intset::new().as_bytes(), [2, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!((Intset::new().min(), Intset::new().max(), Intset::new().iter().next()), (None, None, None));
        assert_eq!(Intset::new().random(&mut fastrand::Rng::with_seed(1)), None);
    }

    /// What DUMP of a genuine 8.0.6 holds for these sets, without its envelope.
    #[test]
    fn writes_what_a_genuine_server_writes() {
        let narrow = of(&[5, -3, 300, 32767, -32768]);
        assert_eq!(narrow.as_bytes(), b"\x02\0\0\0\x05\0\0\0\0\x80\xfd\xff\x05\0\x2c\x01\xff\x7f");
        let middle = of(&[1, 32768, -32769]);
        assert_eq!(middle.as_bytes(), b"\x04\0\0\0\x03\0\0\0\xff\x7f\xff\xff\x01\0\0\0\0\x80\0\0");
        let wide = of(&[1, -1, 2_147_483_648, i64::MIN, i64::MAX]);
        assert_eq!(
            wide.as_bytes(),
            b"\x08\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\x80\xff\xff\xff\xff\xff\xff\xff\xff\
              \x01\0\0\0\0\0\0\0\0\0\0\x80\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f"
        );
        for set in [narrow, middle, wide] {
            assert_eq!(Intset::from_bytes_validated(set.as_bytes()), Ok(set));
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let check = |bytes: &[u8]| Intset::from_bytes_validated(bytes).err();
        assert_eq!(check(b"\x02\0\0\0\x01\0\0"), Some(Malformed::Short));
        assert_eq!(check(b"\x03\0\0\0\x01\0\0\0\x05\0\0"), Some(Malformed::Width));
        assert_eq!(check(b"\x02\0\0\0\x02\0\0\0\x05\0"), Some(Malformed::Count));
        assert_eq!(check(b"\x02\0\0\0\xff\xff\xff\xff\x05\0"), Some(Malformed::Count));
        assert_eq!(check(b"\x02\0\0\0\0\0\0\0"), Some(Malformed::Empty));
        assert_eq!(check(b"\x02\0\0\0\x02\0\0\0\x05\0\x05\0"), Some(Malformed::Order { index: 1 }));
        assert_eq!(check(b"\x02\0\0\0\x02\0\0\0\x05\0\xff\xff"), Some(Malformed::Order { index: 1 }));
        assert_eq!(check(b"\x02\0\0\0\x02\0\0\0\x05\0\x06\0"), None);
    }

    #[test]
    fn behaves_as_a_btree_set_does() {
        const EDGES: [i64; 7] = [0, 32_767, -32_768, 2_147_483_647, -2_147_483_648, i64::MAX, i64::MIN];
        let mut rng = fastrand::Rng::with_seed(13);
        for round in 0..100 {
            let mut set = Intset::new();
            let mut twin = BTreeSet::new();
            for _ in 0..200 {
                let value = match rng.u8(0..20) {
                    0 => {
                        let edges = if round % 2 == 0 { &EDGES[..] } else { &EDGES[..3] };
                        let edge = rng.choice(edges).copied().unwrap_or(0);
                        edge.saturating_add(rng.i64(-1..=1))
                    }
                    _ => rng.i64(-60..60),
                };
                match rng.u8(0..8) {
                    0..4 => assert_eq!(set.add(value), Ok(twin.insert(value))),
                    4..7 => assert_eq!(set.remove(value), twin.remove(&value)),
                    _ if !twin.is_empty() => {
                        let index = rng.usize(..twin.len());
                        let at = twin.iter().nth(index).copied().unwrap();
                        assert_eq!(set.remove_at(index), Some(at));
                        twin.remove(&at);
                    }
                    _ => {}
                }
                assert_eq!(set.len(), twin.len());
                assert_eq!(set.contains(value), twin.contains(&value));
                assert_eq!((set.min(), set.max()), (twin.first().copied(), twin.last().copied()));
                assert!(set.iter().eq(twin.iter().copied()));
                assert!(set.iter().rev().eq(twin.iter().rev().copied()));
                assert_eq!(set.random(&mut rng).is_some_and(|v| twin.contains(&v)), !twin.is_empty());
                if !twin.is_empty() {
                    assert_eq!(Intset::from_bytes_validated(set.as_bytes()).as_ref(), Ok(&set));
                }
            }
            let half = set.len() / 2;
            assert_eq!(set.remove_range(half, usize::MAX), twin.len() - half);
            assert!(set.iter().eq(twin.iter().copied().take(half)));
        }
    }

    #[test]
    fn mutated_bytes_are_refused_or_harmless() {
        let mut rng = fastrand::Rng::with_seed(17);
        let source = of(&[1, 5, -70_000, 80_000, 3]);
        for _ in 0..20_000 {
            let mut bytes = source.as_bytes().to_vec();
            let at = rng.usize(..bytes.len());
            bytes[at] = rng.u8(..);
            bytes.truncate(rng.usize(0..=bytes.len() * 2));
            if let Ok(mut set) = Intset::from_bytes_validated(&bytes) {
                let value = set.max().unwrap_or(0);
                assert!(set.remove(value));
                assert_eq!(set.add(value), Ok(true));
            }
        }
    }
}
