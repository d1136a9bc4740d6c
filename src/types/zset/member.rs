//! The large encoding: a hash table that owns the members, and a tree of handles that keeps them in order.
//!
//! ```text
//! member   0        8             9…
//!          ┌────────┬─────────────┬───────────┐
//!          │ score  │ length      │ bytes     │     one allocation, 8-byte aligned
//!          │ f64    │ LEB128      │           │
//!          └────────┴─────────────┴───────────┘
//! ```
//! The table leads from a member's bytes to the member, the tree (of score and address) from a rank or a score to it. The
//! tree repeats the score, so that searching follows an address only where scores tie.
//!
//! This file is the unsafe one of the sorted set, and what it gives out is safe, because an [`Index`] keeps:
//! - every handle in `order` is the address of a live `Member` in `members`, and no other handles exist outside of a
//!   method's body;
//! - a member's bytes never change; its score changes only under `&mut Index`, in member and tree alike;
//! - a member is freed only after its handle has left `order` (which shows its closures only what it holds).
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cmp::Ordering;
use std::ptr::NonNull;

use crate::encoding::listpack::Elem;
use crate::encoding::tree::{self, Tree};
use crate::keyspace::table::{Slot, Table, TagPtr};
use crate::sys::defrag::Mover;
use crate::util::hash::hash;

const SCORE_BYTES: usize = size_of::<f64>();
/// How many members ahead an iteration asks the cache for.
const AHEAD: usize = 8;

/// The bit of a cursor of [`Index::defrag`] that says that the rest is a rank; the table's cursors have 48 bits.
const IN_ORDER: u64 = 1 << 63;

/// One member, owned by the table.
#[repr(transparent)]
struct Member(TagPtr);

/// A member's address. It may be followed while the member is in the index it came from.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Handle(NonNull<u8>);

// SAFETY: a handle gives access to plain bytes and a float that its index owns; it is followed only through that index,
// by `&Index` (reads only) or `&mut Index`, so it may go wherever the index goes.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

// SAFETY: transparent over one TagPtr, and everything it reaches, it reaches through `TagPtr::get`.
unsafe impl Slot for Member {
    fn key(&self) -> &[u8] {
        // SAFETY: the member is alive as long as `self` is borrowed.
        unsafe { self.handle().bytes() }
    }
}

// SAFETY: a member owns its allocation, and shared references only read it.
unsafe impl Send for Member {}
// SAFETY: as above.
unsafe impl Sync for Member {}

impl Member {
    fn new(score: f64, bytes: &[u8]) -> Member {
        let layout = layout_of(bytes.len());
        // SAFETY: the size is not zero.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let mut at = SCORE_BYTES;
        let mut length = bytes.len();
        // SAFETY: `layout_of` made room for the score, each byte of the length and the bytes, in this order, and aligned
        // the start for the score.
        unsafe {
            start.cast::<f64>().write(score);
            while length >= 0x80 {
                start.add(at).write(length as u8 | 0x80);
                length >>= 7;
                at += 1;
            }
            start.add(at).write(length as u8);
            start.add(at + 1).copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
        }
        Member(TagPtr::new(start))
    }

    fn handle(&self) -> Handle {
        Handle(self.0.get())
    }

    fn score(&self) -> f64 {
        // SAFETY: a live member begins with its score.
        unsafe { self.0.get().cast::<f64>().read() }
    }

    fn set_score(&mut self, score: f64) {
        // SAFETY: a live member begins with its score, to which no reference is ever made.
        unsafe { self.0.get().cast::<f64>().write(score) }
    }

    fn alloc_bytes(&self) -> usize {
        layout_of(self.key().len()).size()
    }
}

impl Member {
    /// Moves the member, if it ought to move: `true`, and all handles of it are stale.
    fn defrag(&mut self, mover: &mut Mover) -> bool {
        let layout = layout_of(self.key().len());
        // SAFETY: the allocation is this member's own, made with this very layout; its address is replaced by the new one's.
        let moved = unsafe { mover.relocate(self.0.get(), layout) };
        if let Some(moved) = moved {
            self.0.set(moved);
        }
        moved.is_some()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let layout = layout_of(self.key().len());
        // SAFETY: allocated by `new` with this very layout (the length never changes), and owned by `self`.
        unsafe { dealloc(self.0.get().as_ptr(), layout) }
    }
}

impl Handle {
    /// # Safety
    /// The member is alive throughout `'a`.
    #[inline]
    unsafe fn bytes<'a>(self) -> &'a [u8] {
        let mut at = SCORE_BYTES;
        let mut length = 0;
        let mut shift = 0;
        // SAFETY: the length was written by `Member::new`: its last byte is the first without the top bit, and that many
        // bytes follow. They are never written again.
        unsafe {
            loop {
                let byte = self.0.add(at).read();
                length |= usize::from(byte & 0x7f) << shift;
                at += 1;
                if byte < 0x80 {
                    break;
                }
                shift += 7;
            }
            NonNull::slice_from_raw_parts(self.0.add(at), length).as_ref()
        }
    }

    #[inline(always)]
    fn prefetch(self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch reads nothing architecturally and faults on no address.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(self.0.as_ptr().cast_const().cast());
        }
    }
}

/// The allocation of a member of `length` bytes.
fn layout_of(length: usize) -> Layout {
    let length_bytes = (usize::BITS - (length | 1).leading_zeros()).div_ceil(7) as usize;
    match Layout::from_size_align(SCORE_BYTES + length_bytes + length, align_of::<f64>()) {
        Ok(layout) => layout,
        Err(_) => unreachable!("no slice is that long"),
    }
}

/// Members by name and in order; see the head of this file for what keeps it sound.
pub(super) struct Index {
    members: Table<Member>,
    order: Tree<f64, Handle>,
    /// Bytes of all members' allocations.
    member_bytes: usize,
}

impl Default for Index {
    fn default() -> Index {
        Index::new()
    }
}

impl Index {
    pub(super) fn new() -> Index {
        Index { members: Table::new(), order: Tree::new(), member_bytes: 0 }
    }

    /// The members given, in any order; of those with the same name the first.
    pub(super) fn collect<'e>(pairs: impl Iterator<Item = (Elem<'e>, f64)>) -> Index {
        let mut builder = IndexBuilder::default();
        builder.handles.reserve(pairs.size_hint().0);
        for (elem, score) in pairs {
            builder.push(elem.text(&mut itoa::Buffer::new()), score);
        }
        builder.finish()
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Bytes of heap memory owned, `size_of::<Index>()` not included.
    pub(super) fn mem_bytes(&self) -> usize {
        self.member_bytes + self.members.mem_bytes() + self.order.mem_bytes()
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.score_hashed(hash(member), member)
    }

    pub(super) fn score_hashed(&self, hash: u64, member: &[u8]) -> Option<f64> {
        self.members.find(hash, member).map(Member::score)
    }

    /// Looks the member up and lets `decide` see its score (`None` when it is not there); sets the score that
    /// `decide` answers with, if any. No score is NaN.
    pub(super) fn put<R>(&mut self, member: &[u8], decide: impl FnOnce(Option<f64>) -> (Option<f64>, R)) -> R {
        let hash = hash(member);
        let result;
        if let Some(found) = self.members.find_mut(hash, member) {
            let old = found.score();
            let new;
            (new, result) = decide(Some(old));
            if let Some(new) = new {
                debug_assert!(!new.is_nan());
                found.set_score(new);
                let own = found.handle();
                let moved = self.order.rekey(old, new, |handle| order(handle, own, member));
                debug_assert!(moved);
            }
        } else {
            let new;
            (new, result) = decide(None);
            if let Some(new) = new {
                self.insert_hashed(hash, member, new);
            }
        }
        result
    }

    /// Adds a member that is not there.
    pub(super) fn insert(&mut self, member: &[u8], score: f64) {
        self.insert_hashed(hash(member), member, score);
    }

    fn insert_hashed(&mut self, hash: u64, member: &[u8], score: f64) {
        debug_assert!(!score.is_nan());
        let new = Member::new(score, member);
        let own = new.handle();
        self.member_bytes += new.alloc_bytes();
        self.members.insert_unique(hash, new);
        let fresh = self.order.insert(score, own, |handle| order(handle, own, member));
        debug_assert!(fresh);
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        // Out of the table it is still alive, until its handle is out of the tree.
        let removed = self.members.remove(hash(member), member)?;
        let own = removed.handle();
        let taken = self.order.remove(removed.score(), |handle| order(handle, own, member));
        debug_assert!(taken.is_some());
        self.member_bytes -= removed.alloc_bytes();
        Some(removed.score())
    }

    /// Removes the members of ranks `start..end`, which exist.
    pub(super) fn remove_range(&mut self, start: usize, end: usize) {
        let Index { members, order, member_bytes } = self;
        let mut free = |_, handle: Handle| {
            // SAFETY: the handle has just left the tree, its member is still in the table.
            let hash = hash(unsafe { handle.bytes() });
            let removed = members.remove_by(hash, |member| member.handle() == handle);
            *member_bytes -= removed.as_ref().map_or(0, Member::alloc_bytes);
        };
        if end - start == 1 {
            if let Some((score, handle)) = order.remove_at(start) {
                free(score, handle);
            }
        } else {
            order.remove_range(start, end, free);
        }
    }

    /// Moves some members from `cursor` on, and when all members are done a leaf of the tree; answers where to go on, 0 at
    /// the end.
    pub(super) fn defrag(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        let Index { members, order: tree, .. } = self;
        if cursor & IN_ORDER != 0 {
            return match tree.defrag((cursor & !IN_ORDER) as usize, mover) {
                0 => 0,
                rank => rank as u64 | IN_ORDER,
            };
        }
        let next = members.defrag(cursor, mover, |member, mover| {
            let (old, score) = (member.handle(), member.score());
            if member.defrag(mover) {
                let new = member.handle();
                // The old handle is stale, and still in the tree: `order` compares it, and follows only others.
                let replaced = tree.replace(score, new, |handle| order(handle, old, member.key()));
                debug_assert!(replaced == Some(old));
            }
        });
        if next == 0 { IN_ORDER } else { next }
    }

    /// The member's rank and score.
    pub(super) fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let found = self.members.find(hash(member), member)?;
        let own = found.handle();
        let rank = self.order.rank_of(found.score(), |handle| order(handle, own, member))?;
        Some((rank, found.score()))
    }

    /// How many members precede the first whose score `before` rejects.
    pub(super) fn rank_by_score(&self, before: impl Fn(f64) -> bool) -> usize {
        self.order.rank_where(|score, _| before(score))
    }

    /// How many members precede the first that `before` rejects.
    pub(super) fn rank_by_member(&self, before: impl Fn(&[u8]) -> bool) -> usize {
        // SAFETY: the tree shows handles it holds; their members are alive while `self` is borrowed.
        self.order.rank_where(|_, handle| before(unsafe { handle.bytes() }))
    }

    /// The members of ranks `start..end`, which exist.
    pub(super) fn range(&self, start: usize, end: usize) -> IndexRange<'_> {
        IndexRange(self.order.range(start, end))
    }

    /// Visits some members from `cursor` on, answers where to go on; see [`Table::scan`].
    pub(super) fn scan<'a>(&'a self, cursor: u64, mut visit: impl FnMut(&'a [u8], f64)) -> u64 {
        self.members.scan(cursor, |member| visit(member.key(), member.score()))
    }
}

/// An index whose tree is made when all members are there.
///
/// What always holds: the handles are those of the members in `index`'s table.
#[derive(Default)]
pub(super) struct IndexBuilder {
    index: Index,
    handles: Vec<(f64, Handle)>,
}

impl IndexBuilder {
    /// Adds a member, whose score is not NaN; `false` if it is there.
    pub(super) fn push(&mut self, bytes: &[u8], score: f64) -> bool {
        debug_assert!(!score.is_nan());
        let hash = hash(bytes);
        if self.index.members.find(hash, bytes).is_some() {
            return false;
        }
        let member = Member::new(score, bytes);
        self.handles.push((score, member.handle()));
        self.index.member_bytes += member.alloc_bytes();
        self.index.members.insert_unique(hash, member);
        true
    }

    /// The index, in order.
    pub(super) fn finish(mut self) -> Index {
        // SAFETY: all handles are of members that the table has taken, and nothing has been taken out of it.
        let bytes = |handle: Handle| unsafe { handle.bytes() };
        self.handles.sort_unstable_by(|a, b| match a.0.partial_cmp(&b.0) {
            Some(Ordering::Equal) | None => bytes(a.1).cmp(bytes(b.1)),
            Some(unequal) => unequal,
        });
        self.index.order = Tree::from_sorted(self.handles);
        self.index
    }
}

/// How the member behind `handle` orders relative to `member`, whose own handle is `own`.
#[inline]
fn order(handle: Handle, own: Handle, member: &[u8]) -> Ordering {
    if handle == own {
        return Ordering::Equal;
    }
    // SAFETY: only called by methods of `Index` for handles shown by its tree: their members are alive.
    unsafe { handle.bytes() }.cmp(member)
}

impl Clone for Index {
    fn clone(&self) -> Index {
        let mut copy = Index::new();
        let Index { members, order, member_bytes } = &mut copy;
        *order = Tree::from_sorted(self.range(0, self.len()).map(|(bytes, score)| {
            let member = Member::new(score, bytes);
            let handle = member.handle();
            *member_bytes += member.alloc_bytes();
            members.insert_unique(hash(bytes), member);
            (score, handle)
        }));
        copy
    }
}

/// Members of a range of ranks with their scores, from either side.
#[derive(Clone)]
pub(super) struct IndexRange<'a>(tree::Iter<'a, f64, Handle>);

impl<'a> Iterator for IndexRange<'a> {
    type Item = (&'a [u8], f64);

    #[inline]
    fn next(&mut self) -> Option<(&'a [u8], f64)> {
        let (score, handle) = self.0.next()?;
        if let Some((_, ahead)) = self.0.ahead(AHEAD) {
            ahead.prefetch();
        }
        // SAFETY: the index is borrowed for 'a, so its members live that long.
        Some((unsafe { handle.bytes() }, score))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for IndexRange<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let (score, handle) = self.0.next_back()?;
        if let Some((_, ahead)) = self.0.ahead_back(AHEAD) {
            ahead.prefetch();
        }
        // SAFETY: as in `next`.
        Some((unsafe { handle.bytes() }, score))
    }
}

impl ExactSizeIterator for IndexRange<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything an index promises of itself.
    fn check(index: &Index) {
        assert_eq!(index.members.len(), index.order.len());
        let mut bytes = 0;
        for (score, handle) in index.order.iter() {
            // SAFETY: what this test verifies, under the sanitizer.
            let name = unsafe { handle.bytes() };
            let member = index.members.find(hash(name), name).unwrap();
            assert!(member.handle() == handle);
            assert_eq!(member.score().to_bits(), score.to_bits());
            bytes += member.alloc_bytes();
        }
        assert_eq!(bytes, index.member_bytes);
    }

    #[test]
    fn members_of_every_length_keep_their_bytes() {
        for length in [0, 1, 7, 127, 128, 129, 16_383, 16_384, 70_000] {
            let bytes: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let mut member = Member::new(1.5, &bytes);
            assert_eq!((member.key(), member.score()), (&bytes[..], 1.5));
            member.set_score(-0.0);
            assert_eq!((member.key(), member.score().to_bits()), (&bytes[..], (-0.0_f64).to_bits()));
            assert_eq!(member.alloc_bytes(), 8 + length + [1, 2, 3][usize::from(length > 127) + usize::from(length > 16_383)]);
        }
    }

    #[test]
    fn table_and_tree_agree_whatever_happens() {
        let mut rng = fastrand::Rng::with_seed(5);
        let mut index = Index::new();
        for step in 0..30_000_u32 {
            let member = rng.u32(..3000).to_string().repeat(rng.usize(1..20));
            let score = f64::from(rng.u32(..40)) / 4.0;
            match rng.u32(..10) {
                0..6 => index.put(member.as_bytes(), |_| (Some(score), ())),
                6..8 => assert_eq!(index.score(member.as_bytes()), index.remove(member.as_bytes())),
                8 if index.len() > 2500 => {
                    let start = rng.usize(..index.len());
                    let end = rng.usize(start..=index.len());
                    index.remove_range(start, end);
                }
                _ => {
                    let rank = index.rank(member.as_bytes());
                    let at = rank.map(|(rank, _)| index.range(rank, rank + 1).next().unwrap());
                    assert_eq!(at, rank.map(|(_, score)| (member.as_bytes(), score)));
                }
            }
            if step % 2000 == 0 {
                check(&index);
            }
        }
        let copy = index.clone();
        check(&copy);
        assert!(copy.range(0, copy.len()).eq(index.range(0, index.len())));
        index.remove_range(0, index.len());
        check(&index);
        assert_eq!(index.mem_bytes() - index.members.mem_bytes(), 0);
        assert_eq!(copy.range(0, copy.len()).rev().count(), copy.len());
    }

    #[test]
    fn an_index_crosses_threads() {
        let mut index = Index::new();
        (0..500).for_each(|n| index.insert(n.to_string().as_bytes(), f64::from(n)));
        let len = std::thread::spawn(move || index.len()).join().unwrap();
        assert_eq!(len, 500);
    }
}
