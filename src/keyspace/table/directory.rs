//! The directory: which segment holds the hashes that begin with a given prefix, and how many elements it has.
//!
//! An array of 2^depth words indexed by the top `depth` bits of the hash. A segment whose own prefix is shorter
//! stands in all the places its prefix covers; the first of them carries its element count. A table of one segment has
//! no array at all; it splits into sixteen at once, by the bits in which hashes are spread unevenly. With some hundreds of
//! elements per segment the array costs about a thirtieth of a byte per element and stays in the cache however large the
//! table is.
//!
//! Doubling a large array at once would stall one insertion for hundreds of microseconds. So it is copied a few hundred
//! places at a time, whenever a segment is enlarged; until that is done the segments which wait for it grow beyond their
//! size. What changes in the part already copied is changed there too.
//!
//! What always holds: places that share a word are exactly the ones that share its prefix; `deepest` segments are as
//! deep as the array, and the array halves when that number falls to zero.

use super::segment::{DEPTH_MAX, Word};
use crate::sys::defrag::Mover;
use crate::util::hash::SPREAD_BITS;
use std::ops::Range;

/// Places copied in one step of a doubling: some microseconds, first touches of new pages included. Few in tests, so that small
/// tables go through unfinished doublings too.
const STEP: usize = if cfg!(test) { 3 } else { 512 };

pub(super) struct Directory {
    /// The one segment while `depth` is 0.
    root: Word,
    root_count: u16,
    depth: u32,
    deepest: usize,
    /// Empty while `depth` is 0, else 2^depth of each.
    words: Box<[Word]>,
    counts: Box<[u16]>,
    doubling: Option<Box<Doubling>>,
}

/// Arrays of twice the size: the pairs of the first places.
struct Doubling {
    words: Vec<Word>,
    counts: Vec<u16>,
}

impl Directory {
    pub(super) fn new() -> Directory {
        Directory {
            root: Word::nothing(0),
            root_count: 0,
            depth: 0,
            deepest: 1,
            words: Box::default(),
            counts: Box::default(),
            doubling: None,
        }
    }

    /// The segment in charge of `hash`.
    #[inline(always)]
    pub(super) fn word(&self, hash: u64) -> Word {
        if self.depth == 0 { self.root } else { self.words[self.place(hash)] }
    }

    /// The number of places.
    pub(super) fn len(&self) -> usize {
        1 << self.depth
    }

    /// The number of hash bits that select a place.
    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    /// The segment at one place.
    pub(super) fn at(&self, place: usize) -> Word {
        if self.depth == 0 { self.root } else { self.words[place] }
    }

    /// The place of a hash.
    #[inline(always)]
    pub(super) fn place(&self, hash: u64) -> usize {
        // In two steps, since at depth 0 the shift would be the full width.
        (hash >> 1 >> (63 - self.depth)) as usize
    }

    /// Places covered by a segment.
    pub(super) fn width(&self, word: Word) -> usize {
        1 << (self.depth - word.depth())
    }

    /// The first place of the segment that stands at `place`.
    pub(super) fn first(&self, place: usize) -> usize {
        place & !(self.width(self.at(place)) - 1)
    }

    /// Every segment with its first place and its number of elements, in hash order.
    pub(super) fn segments(&self) -> impl Iterator<Item = (usize, Word, usize)> {
        let mut place = 0;
        std::iter::from_fn(move || {
            (place < self.len()).then(|| {
                let (first, word) = (place, self.at(place));
                place += self.width(word);
                (first, word, self.count(first))
            })
        })
    }

    /// The number of elements of the segment whose first place this is.
    #[inline]
    pub(super) fn count(&self, first: usize) -> usize {
        if self.depth == 0 { self.root_count as usize } else { self.counts[first] as usize }
    }

    /// Counts an element that came to the segment whose first place this is.
    #[inline]
    pub(super) fn count_up(&mut self, first: usize) {
        self.set_count(first, self.count(first) + 1);
    }

    /// Counts an element that left the segment whose first place this is.
    #[inline]
    pub(super) fn count_down(&mut self, first: usize) {
        self.set_count(first, self.count(first) - 1);
    }

    #[inline]
    fn set_count(&mut self, first: usize, count: usize) {
        let count = count as u16;
        if self.depth == 0 {
            self.root_count = count;
            return;
        }
        self.counts[first] = count;
        if let Some(twice) = self.doubling.as_mut().and_then(|doubling| doubling.counts.get_mut(2 * first)) {
            *twice = count;
        }
    }

    fn set(&mut self, places: Range<usize>, word: Word) {
        if self.depth == 0 {
            self.root = word;
            return;
        }
        self.words[places.clone()].fill(word);
        if let Some(doubling) = &mut self.doubling {
            let copied = doubling.words.len();
            doubling.words[(2 * places.start).min(copied)..(2 * places.end).min(copied)].fill(word);
        }
    }

    /// Puts another segment of the same prefix in the places of the one whose first place this is.
    pub(super) fn replace(&mut self, first: usize, word: Word) {
        debug_assert_eq!(self.at(first).depth(), word.depth());
        self.set(first..first + self.width(word), word);
    }

    /// Takes a doubling that has begun a step further.
    pub(super) fn go_on_doubling(&mut self) {
        let Some(doubling) = &mut self.doubling else {
            return;
        };
        let copied = doubling.words.len() / 2;
        let step = copied..(copied + STEP).min(self.words.len());
        doubling.words.extend(self.words[step.clone()].iter().flat_map(|&word| [word; 2]));
        doubling.counts.extend(self.counts[step].iter().flat_map(|&count| [count, 0]));
        if doubling.words.len() == 2 * self.words.len() {
            self.words = std::mem::take(&mut doubling.words).into_boxed_slice();
            self.counts = std::mem::take(&mut doubling.counts).into_boxed_slice();
            self.doubling = None;
            self.depth += 1;
            self.deepest = 0;
        }
    }

    /// Whether there are places for the parts of a segment, in a table of `elements`. If not, a doubling has begun, unless
    /// the directory is large enough for that many elements: hashes that agree in dozens of bits must not blow it up.
    pub(super) fn make_places(&mut self, word: Word, elements: usize) -> bool {
        let depth = word.depth() + split_step(word.depth());
        if depth > self.depth && (depth > DEPTH_MAX || elements >> depth < 16) {
            return false;
        }
        if depth > self.depth && self.depth == 0 {
            self.depth = depth;
            self.deepest = 0;
            self.words = vec![self.root; 1 << depth].into_boxed_slice();
            self.counts = vec![0; 1 << depth].into_boxed_slice();
        } else if depth > self.depth && self.doubling.is_none() {
            let len = 2 * self.words.len();
            let (words, counts) = (Vec::with_capacity(len), Vec::with_capacity(len));
            self.doubling = Some(Box::new(Doubling { words, counts }));
            self.go_on_doubling();
        }
        depth <= self.depth
    }

    /// Replaces a segment by its parts, each with its number of elements. There are places for them.
    pub(super) fn split(&mut self, first: usize, parts: &[(Word, usize)]) {
        if parts[0].0.depth() == self.depth {
            self.deepest += parts.len();
        }
        let mut start = first;
        for &(word, count) in parts {
            let end = start + self.width(word);
            self.set(start..end, word);
            self.set_count(start, count);
            start = end;
        }
    }

    /// The places of the segment that the one at `first` was split from, if all its parts are whole segments.
    pub(super) fn family(&self, first: usize) -> Option<Range<usize>> {
        let depth = self.at(first).depth();
        if depth == 0 {
            return None;
        }
        let parent = if depth == SPREAD_BITS { 0 } else { depth - 1 };
        let width = 1 << (self.depth - parent);
        let start = first & !(width - 1);
        let family = start..start + width;
        let whole = if parent == 0 {
            self.depth == depth
        } else {
            self.at(start).depth() == depth && self.at(start + width / 2).depth() == depth
        };
        whole.then_some(family)
    }

    /// The first place of each segment of a family.
    pub(super) fn parts(&self, family: Range<usize>) -> impl Iterator<Item = usize> {
        let width = self.width(self.at(family.start));
        family.step_by(width)
    }

    /// The number of elements of a family.
    pub(super) fn counts(&self, family: Range<usize>) -> usize {
        self.parts(family).map(|first| self.count(first)).sum()
    }

    /// Replaces the segments of a family by one, and halves the array as often as it may.
    pub(super) fn merge(&mut self, family: Range<usize>, word: Word, count: usize) {
        if word.depth() == 0 {
            *self = Directory { root: word, root_count: count as u16, ..Directory::new() };
            return;
        }
        if self.at(family.start).depth() == self.depth {
            self.deepest -= self.parts(family.clone()).count();
        }
        self.set_count(family.start, count);
        self.set(family, word);
        while self.deepest == 0 {
            self.halve();
        }
    }

    /// Moves the arrays, but for those that are being filled.
    pub(super) fn defrag(&mut self, mover: &mut Mover) {
        mover.slice(&mut self.words);
        mover.slice(&mut self.counts);
    }

    /// Bytes of the arrays.
    pub(super) fn bytes(&self) -> usize {
        let doubling = self
            .doubling
            .as_ref()
            .map_or(0, |doubling| size_of::<Doubling>() + size_of_val(&*doubling.words) + size_of_val(&*doubling.counts));
        size_of_val(&*self.words) + size_of_val(&*self.counts) + doubling
    }

    fn halve(&mut self) {
        self.doubling = None;
        self.depth -= 1;
        self.words = self.words.iter().step_by(2).copied().collect();
        self.counts = self.counts.iter().step_by(2).copied().collect();
        self.deepest = self.words.iter().filter(|word| word.depth() == self.depth).count();
    }
}

/// How many bits more than `depth` the parts of a segment of that depth have: the first split makes sixteen, all others
/// two.
pub(super) fn split_step(depth: u32) -> u32 {
    if depth == 0 { SPREAD_BITS } else { 1 }
}
