//! The directory: which segment holds the hashes that begin with a given prefix, and how many elements it has.
//!
//! An array of 2^depth words indexed by the top `depth` bits of the hash. A segment whose own prefix is shorter
//! stands in all the places its prefix covers; the first of them carries its element count. A table of one segment has
//! no array at all. With some hundreds of elements per segment the array costs about a thirtieth of a byte per element and stays in
//! the cache however large the table is.
//!
//! What always holds: places that share a word are exactly the ones that share its prefix; `deepest` segments are as
//! deep as the array, and the array halves when that number falls to zero.

use super::segment::{DEPTH_MAX, Word};

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
        word.depth() < self.depth || (self.depth < DEPTH_MAX && self.len() <= elements / 32)
    }

    /// Replaces the segment at `first` by its two halves, each with its number of elements.
    pub(super) fn split(&mut self, mut first: usize, low: (Word, usize), high: (Word, usize)) {
        if self.at(first).depth() == self.depth {
            self.double();
            first *= 2;
        }
        let width = self.width(low.0);
        if low.0.depth() == self.depth {
            self.deepest += 2;
        }
        for (start, (word, count)) in [(first, low), (first + width, high)] {
            self.words[start..start + width].fill(word);
            self.counts[start] = count as u32;
        }
    }

    /// The other half of the range that the segment at `first` is one half of, if it is one segment.
    pub(super) fn sibling(&self, first: usize) -> Option<usize> {
        let word = self.at(first);
        if word.depth() == 0 {
            return None;
        }
        let other = first ^ self.width(word);
        (self.at(other).depth() == word.depth()).then_some(other)
    }

    /// Replaces the two halves that begin at `first` and its sibling by one segment, and halves the array when it may.
    pub(super) fn merge(&mut self, first: usize, word: Word, count: usize) {
        if self.at(first).depth() == self.depth {
            self.deepest -= 2;
        }
        let width = self.width(word);
        let first = first & !(width - 1);
        self.words[first..first + width].fill(word);
        self.counts[first] = count as u32;
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
        (self.root, self.root_count) = (self.words[0], self.counts[0]);
        self.depth -= 1;
        if self.depth == 0 {
            (self.words, self.counts) = Default::default();
            self.deepest = 1;
            return;
        }
        self.words = self.words.iter().step_by(2).copied().collect();
        self.counts = self.counts.iter().step_by(2).copied().collect();
        self.deepest = self
            .words
            .iter()
            .filter(|word| word.depth() == self.depth)
            .count();
    }
}
