//! The sorted set: members with scores, ordered by score and, where scores are the same, by the members' bytes.
//!
//! | file | what |
//! |---|---|
//! | `packed` | encoding `listpack`: small sets, upstream's bytes |
//! | `member` | encoding `skiplist` (the name clients know): a hash table and a tree of the same members |
//! | `bounds` | ranges of scores and of members |
//!
//! Whatever selects a range, here it becomes a range of ranks first (`score_ranks`, `lex_ranks`); counting, listing from
//! either side, skipping and removing then are the same for all: `end - start`, `range`, `remove_range`.
//!
//! What always holds: no score is NaN; a set goes from `listpack` to `skiplist` before it outgrows the limits a caller
//! passes, and back only by [`Zset::pack`].

mod bounds;
mod member;
mod packed;

use std::ops::Range;

use crate::encoding::listpack::{Elem, Listpack};
use crate::sys::defrag::Mover;
use crate::util::hash::hash;
pub use bounds::{LexBound, LexRange, ScoreRange};
use member::{Index, IndexBuilder, IndexRange};
pub use packed::order_pairs;
use packed::{Packed, PackedRange};

/// The largest set that stays a listpack.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most members.
    pub max_entries: usize,
    /// Longest member, in bytes.
    pub max_value_bytes: usize,
}

/// Conditions and manner of [`Zset::add`].
#[derive(Clone, Copy, Default, Debug)]
pub struct AddFlags {
    /// Only add, never change a score.
    pub nx: bool,
    /// Only change a score, never add.
    pub xx: bool,
    /// Change a score only if it becomes greater; adds all the same.
    pub gt: bool,
    /// Change a score only if it becomes less; adds all the same.
    pub lt: bool,
    /// The score given is added to the member's (to 0 when it is new).
    pub incr: bool,
}

impl AddFlags {
    /// What is to be done to a member that has the score `current`: the score to set, and what to report.
    fn decide(self, current: Option<f64>, score: f64) -> (Option<f64>, Outcome) {
        let Some(current) = current else {
            return if self.xx { (None, Outcome::Skipped) } else { (Some(score), Outcome::Added(score)) };
        };
        if self.nx {
            return (None, Outcome::Skipped);
        }
        let new = if self.incr { current + score } else { score };
        if new.is_nan() {
            return (None, Outcome::NotANumber);
        }
        if (self.lt && new >= current) || (self.gt && new <= current) {
            (None, Outcome::Skipped)
        } else if new == current {
            (None, Outcome::Same(new))
        } else {
            (Some(new), Outcome::Updated(new))
        }
    }
}

/// What [`Zset::add`] did, with the member's score as it is to be reported.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Outcome {
    /// The member is new.
    Added(f64),
    /// The member had another score.
    Updated(f64),
    /// The member had that score already (or the other zero, which it keeps).
    Same(f64),
    /// The flags did not let it.
    Skipped,
    /// The score given, or the sum, is not a number; nothing was done.
    NotANumber,
}

/// A sorted set.
#[derive(Clone)]
pub struct Zset(Repr);

#[derive(Clone)]
enum Repr {
    Listpack(Packed),
    Skiplist(Box<Index>),
}

impl Default for Zset {
    fn default() -> Zset {
        Zset(Repr::Listpack(Packed::new()))
    }
}

impl Zset {
    /// An empty set in the encoding that fits `entries` members, the longest of `value_bytes` bytes. Both are hints and
    /// allocate nothing.
    pub fn with_hint(entries: usize, value_bytes: usize, limits: &Limits) -> Zset {
        if entries <= limits.max_entries && value_bytes <= limits.max_value_bytes {
            Zset::default()
        } else {
            Zset(Repr::Skiplist(Box::new(Index::new())))
        }
    }

    /// The members given, all different and in any order, in the encoding that fits them.
    pub fn from_pairs<'e>(pairs: impl Iterator<Item = (Elem<'e>, f64)> + Clone, limits: &Limits) -> Zset {
        let (mut entries, mut value_bytes, mut total_bytes) = (0, 0, 0_usize);
        for (member, _) in pairs.clone() {
            let bytes = member.text_bytes();
            entries += 1;
            value_bytes = value_bytes.max(bytes);
            total_bytes = total_bytes.saturating_add(bytes);
        }
        let mut packed = Packed::new();
        if entries > limits.max_entries || value_bytes > limits.max_value_bytes || !packed.fits_all(entries, total_bytes) {
            return Zset(Repr::Skiplist(Box::new(Index::collect(pairs))));
        }
        let mut sorted: Vec<(Elem<'e>, f64)> = pairs.collect();
        sorted.sort_unstable_by(order_pairs);
        for (member, score) in sorted {
            packed.push(member, score);
        }
        Zset(Repr::Listpack(packed))
    }

    /// Converts to `skiplist` when `entries` are about to be added and even they alone would be too many.
    pub fn hint(&mut self, entries: usize, limits: &Limits) {
        if entries > limits.max_entries {
            self.unpack();
        }
    }

    /// Takes over a listpack from a file or a peer. `None` unless it holds member, score, … with proper scores, strictly
    /// ascending, and no member twice.
    pub fn from_listpack(list: Listpack, limits: &Limits) -> Option<Zset> {
        let packed = Packed::from_listpack(list)?;
        let too_many = packed.len() > limits.max_entries;
        let mut zset = Zset(Repr::Listpack(packed));
        if too_many {
            zset.unpack();
        }
        Some(zset)
    }

    /// A set of about `count` members, to be told of one by one: see [`Builder`].
    pub fn builder(count: usize, limits: &Limits) -> Builder {
        let index = (count > limits.max_entries).then(IndexBuilder::default);
        Builder { small: Zset::default(), index, limits: *limits }
    }

    /// The listpack, when that is the encoding.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match &self.0 {
            Repr::Listpack(packed) => Some(packed.listpack()),
            Repr::Skiplist(_) => None,
        }
    }

    /// The encoding's name, as OBJECT ENCODING reports it.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Repr::Listpack(_) => "listpack",
            Repr::Skiplist(_) => "skiplist",
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Listpack(packed) => packed.len(),
            Repr::Skiplist(index) => index.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Repr::Listpack(packed) => packed.listpack().is_empty(),
            Repr::Skiplist(index) => index.len() == 0,
        }
    }

    /// Moves a part of what it is made of, beginning with 0; returns where to go on, 0 at the end. The cursor holds whatever
    /// changes in between.
    pub fn defrag(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        match &mut self.0 {
            Repr::Listpack(packed) => {
                packed.defrag(mover);
                0
            }
            Repr::Skiplist(index) => {
                if cursor == 0 {
                    mover.boxed(index);
                }
                index.defrag(cursor, mover)
            }
        }
    }

    /// Bytes of heap memory owned.
    pub fn mem_bytes(&self) -> usize {
        match &self.0 {
            Repr::Listpack(packed) => packed.mem_bytes(),
            Repr::Skiplist(index) => size_of::<Index>() + index.mem_bytes(),
        }
    }

    /// As [`score`](Self::score), for a member that is looked for in several sets: its hash is left in `hash_memo`.
    pub fn score_with(&self, member: &[u8], hash_memo: &mut Option<u64>) -> Option<f64> {
        match &self.0 {
            Repr::Listpack(packed) => packed.find(member).map(|(_, score)| score),
            Repr::Skiplist(index) => index.score_hashed(*hash_memo.get_or_insert_with(|| hash(member)), member),
        }
    }

    /// The member's score.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.0 {
            Repr::Listpack(packed) => packed.find(member).map(|(_, score)| score),
            Repr::Skiplist(index) => index.score(member),
        }
    }

    /// Adds the member or changes its score, as `flags` allow.
    pub fn add(&mut self, member: &[u8], score: f64, flags: AddFlags, limits: &Limits) -> Outcome {
        if score.is_nan() {
            return Outcome::NotANumber;
        }
        let packed = match &mut self.0 {
            Repr::Skiplist(index) => {
                return index.put(member, |current| flags.decide(current, score));
            }
            Repr::Listpack(packed) => packed,
        };
        let found = packed.find(member);
        let (new, outcome) = flags.decide(found.map(|(_, current)| current), score);
        match (new, found) {
            (None, _) => {}
            (Some(new), Some((pos, _))) => packed.rescore(pos, member, new),
            (Some(new), None) => {
                let too_big = packed.len() >= limits.max_entries || member.len() > limits.max_value_bytes || !packed.fits(member);
                if too_big {
                    self.unpack().insert(member, new);
                } else {
                    packed.insert(member, new);
                }
            }
        }
        outcome
    }

    /// Removes the member and returns its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match &mut self.0 {
            Repr::Listpack(packed) => {
                let (pos, score) = packed.find(member)?;
                packed.remove(pos);
                Some(score)
            }
            Repr::Skiplist(index) => index.remove(member),
        }
    }

    /// The member's rank (0 is the lowest, or when `reverse` the highest score) and its score.
    pub fn rank(&self, member: &[u8], reverse: bool) -> Option<(usize, f64)> {
        let (rank, score) = match &self.0 {
            Repr::Listpack(packed) => packed.rank(member)?,
            Repr::Skiplist(index) => index.rank(member)?,
        };
        Some((if reverse { self.len() - 1 - rank } else { rank }, score))
    }

    /// The ranks of the members whose scores lie in `range`.
    pub fn score_ranks(&self, range: &ScoreRange) -> Range<usize> {
        let (start, end) = match &self.0 {
            Repr::Listpack(packed) => packed.ranks(|_, score| range.is_before(score), |_, score| range.reaches(score)),
            Repr::Skiplist(index) => {
                (index.rank_by_score(|score| range.is_before(score)), index.rank_by_score(|score| range.reaches(score)))
            }
        };
        start..end.max(start)
    }

    /// The ranks of the members that lie in `range`, provided that all scores are the same.
    pub fn lex_ranks(&self, range: &LexRange<'_>) -> Range<usize> {
        let (start, end) = match &self.0 {
            Repr::Listpack(packed) => packed.ranks(
                |member, _| range.is_before(member.text(&mut itoa::Buffer::new())),
                |member, _| range.reaches(member.text(&mut itoa::Buffer::new())),
            ),
            Repr::Skiplist(index) => {
                (index.rank_by_member(|member| range.is_before(member)), index.rank_by_member(|member| range.reaches(member)))
            }
        };
        start..end.max(start)
    }

    /// The members of these ranks (clipped to what is there) with their scores, ascending; descending by `.rev()`.
    pub fn range(&self, ranks: Range<usize>) -> Members<'_> {
        let end = ranks.end.min(self.len());
        let start = ranks.start.min(end);
        Members(match &self.0 {
            Repr::Listpack(packed) => Side::Listpack(packed.range(start, end)),
            Repr::Skiplist(index) => Side::Skiplist(index.range(start, end)),
        })
    }

    /// All members with their scores, ascending.
    pub fn iter(&self) -> Members<'_> {
        self.range(0..usize::MAX)
    }

    /// The member of this rank and its score.
    pub fn get(&self, rank: usize) -> Option<(Elem<'_>, f64)> {
        self.range(rank..rank.checked_add(1)?).next()
    }

    /// Removes the members of these ranks (clipped to what is there); answers how many there were.
    pub fn remove_range(&mut self, ranks: Range<usize>) -> usize {
        let end = ranks.end.min(self.len());
        let start = ranks.start.min(end);
        if start < end {
            match &mut self.0 {
                Repr::Listpack(packed) => packed.remove_range(start, end),
                Repr::Skiplist(index) => index.remove_range(start, end),
            }
        }
        end - start
    }

    /// Removes up to `count` members with the lowest scores, handing each to `each`, lowest first. Answers how many.
    pub fn pop_min(&mut self, count: usize, each: impl FnMut((Elem<'_>, f64))) -> usize {
        let ranks = 0..count.min(self.len());
        self.range(ranks.clone()).for_each(each);
        self.remove_range(ranks)
    }

    /// Removes up to `count` members with the highest scores, handing each to `each`, highest first. Answers how many.
    pub fn pop_max(&mut self, count: usize, each: impl FnMut((Elem<'_>, f64))) -> usize {
        let len = self.len();
        let ranks = len - count.min(len)..len;
        self.range(ranks.clone()).rev().for_each(each);
        self.remove_range(ranks)
    }

    /// A member, each with the same probability.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<(Elem<'_>, f64)> {
        match self.len() {
            0 => None,
            len => self.get(rng.usize(..len)),
        }
    }

    /// Visits `count` members (none in an empty set), each visit being any of them with the same probability, until `each`
    /// has had enough.
    pub fn draw<'a>(&'a self, rng: &mut fastrand::Rng, count: usize, mut each: impl FnMut((Elem<'a>, f64)) -> bool) {
        let len = self.len();
        if len == 0 {
            return;
        }
        if self.as_listpack().is_some() && count > 1 {
            // A look-up in a listpack is a walk; this is one for all.
            let members: Vec<_> = self.iter().collect();
            (0..count).all(|_| each(members[rng.usize(..len)]));
        } else {
            (0..count).all(|_| self.get(rng.usize(..len)).is_some_and(&mut each));
        }
    }

    /// Visits `count` different members, or all when there are not so many; each choice has the same probability.
    /// The order of the visits is not random.
    pub fn sample<'a>(&'a self, rng: &mut fastrand::Rng, count: usize, mut each: impl FnMut((Elem<'a>, f64))) {
        let len = self.len();
        let count = count.min(len);
        // A walk costs a few nanoseconds per member, a look-up by rank some hundred.
        if count >= len / 16 || self.as_listpack().is_some() {
            let mut wanted = count;
            for (left, pair) in (1..=len).rev().zip(self.iter()) {
                if wanted == 0 {
                    break;
                }
                if rng.usize(..left) < wanted {
                    wanted -= 1;
                    each(pair);
                }
            }
        } else {
            // Floyd's sampling: each step adds one rank that was not drawn before.
            let mut drawn = hashbrown::HashSet::with_capacity(count);
            for top in len - count..len {
                let rank = rng.usize(..=top);
                let rank = if drawn.insert(rank) { rank } else { top };
                drawn.insert(rank);
                if let Some(pair) = self.get(rank) {
                    each(pair);
                }
            }
        }
    }

    /// Visits some members from `cursor` on and answers the cursor of the next call, 0 at the end. From the first call
    /// with 0 to the last every member is visited that is there throughout; a listpack is visited whole by one call.
    pub fn scan<'a>(&'a self, cursor: u64, mut each: impl FnMut(Elem<'a>, f64)) -> u64 {
        match &self.0 {
            Repr::Listpack(_) => {
                self.iter().for_each(|(member, score)| each(member, score));
                0
            }
            Repr::Skiplist(index) => index.scan(cursor, |member, score| each(Elem::Bytes(member), score)),
        }
    }

    /// Converts back to `listpack` if the set is within the limits.
    pub fn pack(&mut self, limits: &Limits) {
        let Repr::Skiplist(index) = &self.0 else {
            return;
        };
        let small = index.len() <= limits.max_entries
            && index.range(0, index.len()).all(|(member, _)| member.len() <= limits.max_value_bytes);
        if !small {
            return;
        }
        let mut packed = Packed::new();
        for (member, score) in index.range(0, index.len()) {
            if !packed.fits(member) {
                return;
            }
            packed.push(member, score);
        }
        self.0 = Repr::Listpack(packed);
    }

    /// Converts to `skiplist`, unless it is one.
    fn unpack(&mut self) -> &mut Index {
        if let Repr::Listpack(packed) = &self.0 {
            let mut index = Box::new(Index::new());
            let mut range = packed.range(0, packed.len());
            while let Some((member, score)) = range.next() {
                index.insert(member.text(&mut itoa::Buffer::new()), score);
            }
            self.0 = Repr::Skiplist(index);
        }
        match &mut self.0 {
            Repr::Skiplist(index) => index,
            Repr::Listpack(_) => unreachable!("just converted"),
        }
    }
}

/// A set in the making, of which nothing is asked before it is complete. Cheap for members that come in order, whichever way.
pub struct Builder {
    small: Zset,
    /// For a set that is too large to be packed.
    index: Option<IndexBuilder>,
    limits: Limits,
}

impl Builder {
    /// Adds a member; `false` if it is there, or the score is not a number.
    pub fn push(&mut self, member: &[u8], score: f64) -> bool {
        match &mut self.index {
            Some(index) => !score.is_nan() && index.push(member, score),
            None => matches!(self.small.add(member, score, AddFlags::default(), &self.limits), Outcome::Added(_)),
        }
    }

    /// The set.
    pub fn finish(self) -> Zset {
        match self.index {
            Some(index) => Zset(Repr::Skiplist(Box::new(index.finish()))),
            None => self.small,
        }
    }
}

/// Members of a range of ranks with their scores; see [`Zset::range`].
#[derive(Clone)]
pub struct Members<'a>(Side<'a>);

#[derive(Clone)]
enum Side<'a> {
    Listpack(PackedRange<'a>),
    Skiplist(IndexRange<'a>),
}

impl<'a> Iterator for Members<'a> {
    type Item = (Elem<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<(Elem<'a>, f64)> {
        match &mut self.0 {
            Side::Listpack(range) => range.next(),
            Side::Skiplist(range) => range.next().map(|(member, score)| (Elem::Bytes(member), score)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = match &self.0 {
            Side::Listpack(range) => range.len(),
            Side::Skiplist(range) => range.len(),
        };
        (len, Some(len))
    }
}

impl DoubleEndedIterator for Members<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Side::Listpack(range) => range.next_back(),
            Side::Skiplist(range) => range.next_back().map(|(member, score)| (Elem::Bytes(member), score)),
        }
    }
}

impl ExactSizeIterator for Members<'_> {}

#[cfg(test)]
mod tests;
