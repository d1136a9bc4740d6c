//! Listpack: a sequence of strings and integers in one block of memory, upstream's layout byte for byte, so that
//! what is in memory is what RDB and DUMP hold.
//!
//! ```text
//!  0        4       6                                                    n-1
//!  ┌────────┬───────┬─────────┬─────────┬─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ┬─────────┬────┐
//!  │total n │ count │ entry 0 │ entry 1 │                    │ entry k │ FF │
//!  │u32 LE  │u16 LE │         │         │                    │         │    │
//!  └────────┴───────┴─────────┴─────────┴─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ┴─────────┴────┘
//!  count = 65535: not known, the entries have to be walked
//!
//!  entry   ┌──────────┬───────────┬─────────┐
//!          │ encoding │ data      │ backlen │
//!          └──────────┴───────────┴─────────┘
//!
//!  encoding and data, the longer part of it to the right:
//!    0vvvvvvv                              integer 0..127
//!    10llllll  bytes                       string of l < 64 bytes
//!    110vvvvv vvvvvvvv                     13-bit signed integer, high bits first
//!    1110llll llllllll  bytes              string of l < 4096 bytes, high bits first
//!    11110000  l: u32 LE  bytes            longer string
//!    11110001  i16 LE        11110010  i24 LE
//!    11110011  i32 LE        11110100  i64 LE
//!    11111111                              the end
//!
//!  backlen: length of encoding + data, 7 bits a byte, most significant group first, so that it can be read
//!  from its last byte backwards; every byte but the first has its top bit set. 1 byte below 128, 2 below 16383,
//!  3 below 2097151, 4 below 268435455, else 5 (the steps come one early: that is the format).
//! ```
//!
//! A [`Listpack`] is one pointer wide ([`Blob`] keeps its length where the header has `total`) and always
//! well-formed: it starts empty, each change keeps it so, and foreign bytes come in only through
//! [`Listpack::from_bytes_validated`]. Even so every read here is checked (the checks cost next to nothing,
//! the memory fetched is the same), and one that meets nonsense ends the walk.
//!
//! Elements are named by [`Pos`], a byte offset, which stays good until the listpack changes.

mod deque;
mod edit;
mod entry;
mod iter;
mod validate;

pub use deque::Deque;
pub use edit::Pack;
pub use entry::{Elem, Needle};
pub use iter::{Iter, Tuples};
pub use validate::Malformed;

use super::blob::{Blob, TooLong};
use crate::sys::defrag::Mover;
use entry::{END, last_entry_size, skip, take};
use std::fmt;
use std::num::NonZeroU32;

/// Bytes before the first entry.
const HEADER_BYTES: usize = 6;
/// The count that says "walk and see".
const COUNT_UNKNOWN: u16 = u16::MAX;
/// What a collection should not outgrow, in bytes, however its limits are configured.
const SAFE_BYTES: usize = 1 << 30;

/// Where an element starts: a byte offset into the listpack, good until the listpack next changes.
///
/// A stale position is answered with `None` or with some other element, never with a panic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pos(NonZeroU32);

impl Pos {
    #[inline(always)]
    fn new(offset: usize) -> Option<Pos> {
        u32::try_from(offset).ok().and_then(NonZeroU32::new).map(Pos)
    }

    /// Byte offset from the start of the listpack.
    #[inline(always)]
    pub fn offset(self) -> usize {
        self.0.get() as usize
    }
}

/// A sequence of strings and integers, packed. See the head of this file for the layout.
#[derive(Clone, PartialEq, Eq)]
pub struct Listpack {
    blob: Blob,
}

impl Listpack {
    /// Size of a listpack without elements.
    pub const EMPTY_BYTES: usize = HEADER_BYTES + 1;

    /// An empty listpack (7 bytes).
    pub fn new() -> Listpack {
        match Listpack::from_entries(&[], 0) {
            Ok(listpack) => listpack,
            Err(TooLong) => unreachable!("seven bytes fit"),
        }
    }

    /// A listpack of these elements, allocated once; the iterator is run twice.
    ///
    /// # Errors
    /// [`TooLong`] when they do not fit in 4 GiB.
    pub fn from_elems<'e, I>(elems: I) -> Result<Listpack, TooLong>
    where
        I: IntoIterator<Item = Elem<'e>>,
        I::IntoIter: Clone,
    {
        let mut listpack = Listpack::new();
        listpack.extend(elems)?;
        Ok(listpack)
    }

    /// A copy of `bytes`, which are a listpack's: for what this process packed away itself.
    pub(super) fn from_bytes_trusted(bytes: &[u8]) -> Result<Listpack, TooLong> {
        debug_assert_eq!(validate::validate(bytes).err(), None);
        let blob = Blob::from_slice(bytes)?;
        Ok(Listpack { blob })
    }

    /// Moves the block, if it ought to move.
    pub fn defrag(&mut self, mover: &mut Mover) {
        self.blob.defrag(mover);
    }

    /// A listpack of well-formed entries.
    fn from_entries(entries: &[u8], count: usize) -> Result<Listpack, TooLong> {
        let len = entries.len().checked_add(Listpack::EMPTY_BYTES).ok_or(TooLong)?;
        let mut blob = Blob::zeroed(len)?;
        if let Some((end, body)) = blob.body_mut()[2..].split_last_mut() {
            body.copy_from_slice(entries);
            *end = END;
        }
        let mut listpack = Listpack { blob };
        listpack.set_count(count);
        Ok(listpack)
    }

    /// Number of elements. Constant time below 65535 elements, a walk beyond.
    #[inline]
    pub fn len(&self) -> usize {
        match self.count_field() {
            COUNT_UNKNOWN => self.iter().count(),
            count => usize::from(count),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes_len() <= Listpack::EMPTY_BYTES
    }

    /// Size in bytes, header and end byte included.
    #[inline(always)]
    pub fn bytes_len(&self) -> usize {
        self.blob.len()
    }

    /// Bytes taken from the allocator.
    #[inline]
    pub fn alloc_bytes(&self) -> usize {
        self.blob.alloc_bytes()
    }

    /// All bytes, as RDB and DUMP hold them.
    #[inline(always)]
    pub fn as_bytes(&self) -> &[u8] {
        self.blob.as_slice()
    }

    /// Whether `added_bytes` more would keep the listpack within the size (1 GiB) that any collection should
    /// leave for another encoding, whatever its configured limits.
    #[inline]
    pub fn fits(&self, added_bytes: usize) -> bool {
        self.bytes_len().saturating_add(added_bytes) <= SAFE_BYTES
    }

    /// Position of the first element.
    #[inline]
    pub fn first(&self) -> Option<Pos> {
        if self.is_empty() { None } else { Pos::new(HEADER_BYTES) }
    }

    /// Position of the last element.
    #[inline]
    pub fn last(&self) -> Option<Pos> {
        let entries = self.entries();
        let size = last_entry_size(entries)?;
        Pos::new(HEADER_BYTES + entries.len().checked_sub(size)?)
    }

    /// Position after `pos`; `None` after the last.
    #[inline]
    pub fn next(&self, pos: Pos) -> Option<Pos> {
        let mut rest = self.entries_from(pos)?;
        skip(&mut rest)?;
        if rest.is_empty() { None } else { self.pos_of(rest) }
    }

    /// Position before `pos`; `None` before the first.
    #[inline]
    pub fn prev(&self, pos: Pos) -> Option<Pos> {
        let before = self.as_bytes().get(HEADER_BYTES..pos.offset())?;
        let size = last_entry_size(before)?;
        Pos::new(HEADER_BYTES + before.len().checked_sub(size)?)
    }

    /// Position of the element at `index`, counted from 0 or, when negative, from -1 at the end. Walks from the
    /// nearer end where the count is known.
    pub fn seek(&self, index: i64) -> Option<Pos> {
        let mut forward = index >= 0;
        let mut steps = if forward { index as u64 } else { !index as u64 };
        if self.count_field() != COUNT_UNKNOWN {
            let last = (self.len() as u64).checked_sub(1)?;
            if steps > last {
                return None;
            }
            if steps > last / 2 {
                forward = !forward;
                steps = last - steps;
            }
        }
        if forward {
            let mut rest = self.entries();
            for _ in 0..steps {
                skip(&mut rest)?;
            }
            if rest.is_empty() { None } else { self.pos_of(rest) }
        } else {
            let mut before = self.entries();
            for _ in 0..=steps {
                let size = last_entry_size(before)?;
                before = before.get(..before.len().checked_sub(size)?)?;
            }
            Pos::new(HEADER_BYTES + before.len())
        }
    }

    /// The element at `pos`.
    #[inline]
    pub fn get(&self, pos: Pos) -> Option<Elem<'_>> {
        take(&mut self.entries_from(pos)?)
    }

    /// The element at `index`, as [`Listpack::seek`] counts.
    #[inline]
    pub fn get_at(&self, index: i64) -> Option<Elem<'_>> {
        self.get(self.seek(index)?)
    }

    /// The first element at or after `start` whose text is `needle`, `skipped` elements being passed over
    /// after each one compared (1 in a sequence of field and value finds fields only).
    pub fn find(&self, needle: &[u8], start: Pos, skipped: usize) -> Option<Pos> {
        let needle = Needle::new(needle);
        let mut rest = self.entries_from(start)?;
        loop {
            let here = rest;
            if needle.is(take(&mut rest)?) {
                return self.pos_of(here);
            }
            for _ in 0..skipped {
                skip(&mut rest)?;
            }
        }
    }

    /// All elements, first to last; the iterator also runs backwards.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(self.as_bytes(), self.entries())
    }

    /// The elements from `start` on.
    #[inline]
    pub fn iter_from(&self, start: Pos) -> Iter<'_> {
        Iter::new(self.as_bytes(), self.entries_from(start).unwrap_or(&[]))
    }

    /// The elements before `end`, to be run backwards.
    #[inline]
    pub fn iter_until(&self, end: Pos) -> Iter<'_> {
        let entries = self.as_bytes().get(HEADER_BYTES..end.offset()).unwrap_or(&[]);
        Iter::new(self.as_bytes(), entries)
    }

    /// All elements in groups of `N`, a last incomplete one being left out: `tuples::<2>()` gives fields with
    /// their values.
    #[inline]
    pub fn tuples<const N: usize>(&self) -> Tuples<'_, N> {
        Tuples::new(self.iter())
    }

    /// As [`tuples`](Self::tuples), from `start` on; none without a start.
    #[inline]
    pub fn tuples_from<const N: usize>(&self, start: Option<Pos>) -> Tuples<'_, N> {
        let entries = start.and_then(|start| self.entries_from(start)).unwrap_or(&[]);
        Tuples::new(Iter::new(self.as_bytes(), entries))
    }

    /// Calls `found(i, iter)` for the i-th of `indices`, with an iterator that stands at element
    /// `indices[i] * width`. One walk for all; `indices` ascend (repeats allowed), and those beyond the end
    /// are left out.
    pub fn pick<'a>(&'a self, indices: &[u32], width: usize, mut found: impl FnMut(usize, Iter<'a>)) {
        let mut iter = self.iter();
        let mut at = 0u32;
        for (i, &index) in indices.iter().enumerate() {
            while at < index {
                for _ in 0..width {
                    if iter.skip_one().is_none() {
                        return;
                    }
                }
                at += 1;
            }
            if iter.is_done() {
                return;
            }
            found(i, iter.clone());
        }
    }

    /// The bytes of all entries, without header and end byte.
    #[inline(always)]
    fn entries(&self) -> &[u8] {
        let bytes = self.as_bytes();
        bytes.get(HEADER_BYTES..bytes.len() - 1).unwrap_or(&[])
    }

    /// The bytes of the entries from `pos` on; `None` when that is no place for an entry.
    #[inline(always)]
    fn entries_from(&self, pos: Pos) -> Option<&[u8]> {
        let bytes = self.as_bytes();
        bytes.get(pos.offset().max(HEADER_BYTES)..bytes.len() - 1)
    }

    /// The position at which `rest`, a tail of the entries, starts.
    #[inline(always)]
    fn pos_of(&self, rest: &[u8]) -> Option<Pos> {
        Pos::new((self.bytes_len() - 1).checked_sub(rest.len())?)
    }

    #[inline(always)]
    fn count_field(&self) -> u16 {
        match *self.as_bytes() {
            [_, _, _, _, low, high, ..] => u16::from_le_bytes([low, high]),
            _ => 0,
        }
    }

    /// Writes the count, or "unknown" for one that the field cannot hold.
    #[inline(always)]
    fn set_count(&mut self, count: usize) {
        let field = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
        if let Some(bytes) = self.blob.get_mut(4..6) {
            bytes.copy_from_slice(&field.to_le_bytes());
        }
    }
}

impl Default for Listpack {
    fn default() -> Listpack {
        Listpack::new()
    }
}

impl fmt::Debug for Listpack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn of(texts: &[&str]) -> Listpack {
        Listpack::from_elems(texts.iter().map(|t| Elem::Bytes(t.as_bytes()))).unwrap()
    }

    fn text_at(lp: &Listpack, pos: Option<Pos>) -> Option<String> {
        Some(String::from_utf8(lp.get(pos?)?.to_vec()).unwrap())
    }

    #[test]
    fn is_one_pointer_wide_and_empty_in_seven_bytes() {
        assert_eq!(size_of::<Option<Listpack>>(), 8);
        assert_eq!(size_of::<Option<Pos>>(), 4);
        let lp = Listpack::new();
        assert_eq!(lp.as_bytes(), [7, 0, 0, 0, 0, 0, 0xff]);
        assert!(lp.is_empty());
        assert_eq!((lp.first(), lp.last(), lp.seek(0), lp.seek(-1)), (None, None, None, None));
    }

    #[test]
    fn walks_both_ways_and_seeks() {
        let texts = ["a", "17", "", "-300", "70000", "a longer one than sixty-three bytes takes another head, of two bytes"];
        let lp = of(&texts);
        assert_eq!(lp.len(), 6);
        let mut pos = lp.first();
        for text in texts {
            assert_eq!(text_at(&lp, pos).as_deref(), Some(text));
            pos = lp.next(pos.unwrap());
        }
        assert_eq!(pos, None);
        let mut pos = lp.last();
        for text in texts.iter().rev() {
            assert_eq!(text_at(&lp, pos).as_deref(), Some(*text));
            pos = lp.prev(pos.unwrap());
        }
        assert_eq!(pos, None);
        for index in -8i64..8 {
            let want = usize::try_from(if index < 0 { index + 6 } else { index }).ok().and_then(|i| texts.get(i));
            assert_eq!(text_at(&lp, lp.seek(index)).as_deref(), want.copied(), "{index}");
        }
        assert_eq!(lp.seek(i64::MIN), None);
        assert_eq!(lp.seek(i64::MAX), None);
    }

    #[test]
    fn finds_by_text_and_skips() {
        let lp = of(&["f", "v", "v", "12", "12", "f"]);
        let first = lp.first().unwrap();
        assert_eq!(lp.find(b"v", first, 1), lp.seek(2));
        assert_eq!(lp.find(b"v", first, 0), lp.seek(1));
        assert_eq!(lp.find(b"12", first, 1), lp.seek(4));
        assert_eq!(lp.find(b"012", first, 0), None);
        assert_eq!(lp.find(b"f", lp.seek(1).unwrap(), 0), lp.seek(5));
        assert_eq!(lp.find(b"", first, 0), None);
    }

    #[test]
    fn picks_in_one_walk() {
        let lp = of(&["a", "1", "b", "2", "c", "3"]);
        let mut got = Vec::new();
        lp.pick(&[0, 0, 2, 2, 3], 2, |i, mut at| got.push((i, at.next().unwrap().to_vec(), at.next().unwrap().as_i64())));
        let a = (b"a".to_vec(), Some(1));
        let c = (b"c".to_vec(), Some(3));
        assert_eq!(got, [(0, a.0.clone(), a.1), (1, a.0, a.1), (2, c.0.clone(), c.1), (3, c.0, c.1)]);
    }

    #[test]
    fn counts_beyond_its_field() {
        let lp = Listpack::from_elems((0..70_000).map(Elem::Int)).unwrap();
        assert_eq!(lp.count_field(), COUNT_UNKNOWN);
        assert_eq!(lp.len(), 70_000);
        assert_eq!(lp.get_at(69_999), Some(Elem::Int(69_999)));
        assert_eq!(lp.get_at(-70_000), Some(Elem::Int(0)));
        assert_eq!(lp.get_at(70_000), None);
        assert_eq!(lp.get_at(-70_001), None);
    }

    fn unhex(hex: &str) -> Vec<u8> {
        let nibbles: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
        nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    /// What DUMP of a genuine 8.0.6 holds for these elements, without its envelope.
    #[test]
    fn writes_what_a_genuine_server_writes() {
        let hash = ["name", "redoubt", "port", "6379", "ratio", "0.25", "temp", "-40", "big", "123456789012", "empty", ""];
        let zset = ["neg", "-7", "one", "1", "two", "2.5", "big", "70000", "huge", "9007199254740992"];
        let list = [
            "0",
            "127",
            "128",
            "-1",
            "4095",
            "4096",
            "-4096",
            "-4097",
            "32767",
            "32768",
            "-32768",
            "-32769",
            "8388607",
            "8388608",
            "-8388608",
            "-8388609",
            "2147483647",
            "2147483648",
            "-2147483648",
            "-2147483649",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "007",
            "-0",
        ];
        let vectors: [(&[&str], &str); 4] = [
            (
                &hash,
                "4e0000000c00846e616d6505877265646f7562740884706f727405f1eb180385726174696f0684302e3235058474656d
                 7005dfd8028362696704f4141a99be1c0000000985656d707479068001ff",
            ),
            (
                &zset,
                "3a0000000a00836e656704dff902836f6e650401018374776f0483322e35048362696704f2701101048468756765
                 05f4000000000000200009ff",
            ),
            (&["a", "5", "-300", "70000"], "1400000004008161020501ded402f270110104ff"),
            (
                &list,
                "99000000190000017f01c08002dfff02cfff02f1001003d00002f1ffef03f1ff7f03f200800004f1008003f2ff7fff04f2
                 ffff7f04f30000800005f200008004f3ffff7fff05f3ffffff7f05f4000000800000000009f30000008005f4ffffff7fff
                 ffffff09f4ffffffffffffff7f09f40000000000000080099339323233333732303336383534373735383038148330303704
                 822d3003ff",
            ),
        ];
        for (texts, hex) in vectors {
            let genuine = unhex(hex);
            assert_eq!(of(texts).as_bytes(), genuine);
            assert_eq!(Listpack::from_bytes_validated(&genuine), Ok(of(texts)));
        }
    }

    /// RPUSH a b c 1000, LINSERT before b 64 x, LSET -1 70000, LREM c: the bytes a genuine 8.0.6 then has.
    #[test]
    fn edits_as_a_genuine_server_does() {
        let mut lp = of(&["a", "b", "c", "1000"]);
        let b = lp.find(b"b", lp.first().unwrap(), 0).unwrap();
        lp.insert_before(b, &[b'x'; 64]).unwrap();
        lp.replace(lp.last().unwrap(), b"70000").unwrap();
        lp.delete(lp.find(b"c", b, 0).unwrap());
        let genuine = format!("55000000040081 6102e040 {} 42816202f270110104ff", "78".repeat(64));
        assert_eq!(lp.as_bytes(), unhex(&genuine));
    }
}
