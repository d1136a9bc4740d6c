//! The directory: which segment holds the hashes that begin with a given prefix, and how many elements it has.
//!
//! An array of 2^depth words indexed by the top `depth` bits of the hash. A segment whose own prefix is shorter
//! stands in all the places its prefix covers; the first of them carries its element count. A table of one segment has
//! no array at all; it splits into sixteen at once, by the bits in which hashes are spread unevenly. With some hundreds of elements per segment the array costs about a thirtieth of a byte per element and stays in
//! the cache however large the table is.
//!
//! What always holds: places that share a word are exactly the ones that share its prefix; `deepest` segments are as
//! deep as the array, and the array halves when that number falls to zero.

use super::segment::{DEPTH_MAX, Word};
use crate::util::hash::SPREAD_BITS;
use std::ops::Range;

pub(super) struct Directory {
    /// The one segment while `depth` is 0.
    root: Word,
    root_count: u32,
    depth: u32,
    deepest: usize,
    /// Empty while `depth` is 0, else 2^depth of each.
    words: Box<[Word]>,
    counts: Box<[u32]>,
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
        }
    }

    /// The segment in charge of `hash`.
    #[inline(always)]
    pub(super) fn word(&self, hash: u64) -> Word {
        if self.depth == 0 {
            self.root
        } else {
            self.words[self.place(hash)]
        }
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
        if self.depth == 0 {
            self.root
        } else {
            self.words[place]
        }
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
        if self.depth == 0 {
            self.root_count as usize
        } else {
            self.counts[first] as usize
        }
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn count_mut(&mut self, first: usize) -> &mut u32 {
        if self.depth == 0 {
            &mut self.root_count
        } else {
            &mut self.counts[first]
        }
    }

    /// Puts another segment of the same prefix in the places of the one whose first place this is.
    pub(super) fn replace(&mut self, first: usize, word: Word) {
        debug_assert_eq!(self.at(first).depth(), word.depth());
        let places = first..first + self.width(word);
        self.words_mut()[places].fill(word);
    }

    /// Whether a segment of this depth may be split in a table of `elements`: always, except that hashes which
    /// agree in dozens of bits must not blow the directory up.
    pub(super) fn may_split(&self, word: Word, elements: usize) -> bool {
        let depth = word.depth() + split_step(word.depth());
        depth <= self.depth || (depth <= DEPTH_MAX && elements >> depth >= 16)
    }

    /// Replaces the segment at `first` by its parts, each with its number of elements.
    pub(super) fn split(&mut self, first: usize, parts: &[(Word, usize)]) {
        let depth = parts[0].0.depth();
        let mut start = first;
        while self.depth < depth {
            self.double();
            start *= 2;
        }
        if self.depth == depth {
            self.deepest += parts.len();
        }
        for &(word, count) in parts {
            let end = start + self.width(word);
            self.words[start..end].fill(word);
            self.counts[start] = count as u32;
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
            *self = Directory {
                root: word,
                root_count: count as u32,
                ..Directory::new()
            };
            return;
        }
        if self.at(family.start).depth() == self.depth {
            self.deepest -= self.parts(family.clone()).count();
        }
        self.counts[family.start] = count as u32;
        self.words[family].fill(word);
        while self.deepest == 0 {
            self.halve();
        }
    }

    /// Bytes of the arrays.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.words) + size_of_val(&*self.counts)
    }

    fn words_mut(&mut self) -> &mut [Word] {
        if self.depth == 0 {
            std::slice::from_mut(&mut self.root)
        } else {
            &mut self.words
        }
    }

    fn double(&mut self) {
        let old = self.len();
        let mut words = Vec::with_capacity(2 * old);
        let mut counts = Vec::with_capacity(2 * old);
        for place in 0..old {
            words.extend([self.at(place); 2]);
            counts.extend([self.count(place) as u32, 0]);
        }
        self.words = words.into_boxed_slice();
        self.counts = counts.into_boxed_slice();
        self.depth += 1;
        self.deepest = 0;
    }

    fn halve(&mut self) {
        self.depth -= 1;
        self.words = self.words.iter().step_by(2).copied().collect();
        self.counts = self.counts.iter().step_by(2).copied().collect();
        self.deepest = self
            .words
            .iter()
            .filter(|word| word.depth() == self.depth)
            .count();
    }
}

/// How many bits more than `depth` the parts of a segment of that depth have: the first split makes sixteen, all others
/// two.
pub(super) fn split_step(depth: u32) -> u32 {
    if depth == 0 { SPREAD_BITS } else { 1 }
}
