//! Walking the tree's items in order, from either side.
//!
//! The walk runs through one leaf as a slice, then through that leaf's siblings; only where a parent ends, once in a
//! couple of thousand items, it descends from the root again by rank. So it needs no stack of nodes.

use std::slice;

use super::node::Leaf;
use super::{Place, Tree};

/// Items of a range of ranks; see [`Tree::range`].
#[derive(Clone)]
pub struct Iter<'a, K, V> {
    tree: &'a Tree<K, V>,
    /// Rank of the next item from the front, and one past the next from the back.
    start: usize,
    end: usize,
    front: Run<'a, K, V>,
    back: Run<'a, K, V>,
}

/// What is left of one leaf, and the leaves beside it on the way.
#[derive(Clone)]
struct Run<'a, K, V> {
    items: slice::Iter<'a, (K, V)>,
    leaves: slice::Iter<'a, Leaf<K, V>>,
}

impl<K, V> Run<'_, K, V> {
    fn empty() -> Self {
        Run { items: [].iter(), leaves: [].iter() }
    }
}

impl<'a, K: Copy + PartialOrd, V: Copy> Iter<'a, K, V> {
    pub(super) fn new(tree: &'a Tree<K, V>, start: usize, end: usize) -> Self {
        Iter { tree, start: start.min(end), end, front: Run::empty(), back: Run::empty() }
    }

    /// The item `n` places after the next from the front, if it is in the same leaf: what a caller may want to ask the
    /// cache for in time.
    #[inline]
    pub fn ahead(&self, n: usize) -> Option<(K, V)> {
        self.front.items.as_slice().get(n).copied()
    }

    /// The item `n` places before the next from the back, if it is in the same leaf.
    #[inline]
    pub fn ahead_back(&self, n: usize) -> Option<(K, V)> {
        let items = self.back.items.as_slice();
        items.get(items.len().checked_sub(n + 1)?).copied()
    }

    /// The item of rank `start - 1` (just taken), whose leaf is not yet open.
    #[cold]
    fn open_front(&mut self) -> Option<(K, V)> {
        if let Some(leaf) = self.front.leaves.next() {
            self.front.items = leaf.iter();
        } else {
            let Place { leaves, leaf, at } = self.tree.place(self.start - 1);
            self.front.items = leaves[leaf][at..].iter();
            self.front.leaves = leaves[leaf + 1..].iter();
        }
        self.front.items.next().copied()
    }

    /// The item of rank `end` (just taken), whose leaf is not yet open.
    #[cold]
    fn open_back(&mut self) -> Option<(K, V)> {
        if let Some(leaf) = self.back.leaves.next_back() {
            self.back.items = leaf.iter();
        } else {
            let Place { leaves, leaf, at } = self.tree.place(self.end);
            self.back.items = leaves[leaf][..=at].iter();
            self.back.leaves = leaves[..leaf].iter();
        }
        self.back.items.next_back().copied()
    }
}

impl<K: Copy + PartialOrd, V: Copy> Iterator for Iter<'_, K, V> {
    type Item = (K, V);

    #[inline]
    fn next(&mut self) -> Option<(K, V)> {
        if self.start == self.end {
            return None;
        }
        self.start += 1;
        match self.front.items.next() {
            Some(&item) => Some(item),
            None => self.open_front(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.start, Some(self.end - self.start))
    }
}

impl<K: Copy + PartialOrd, V: Copy> DoubleEndedIterator for Iter<'_, K, V> {
    #[inline]
    fn next_back(&mut self) -> Option<(K, V)> {
        if self.start == self.end {
            return None;
        }
        self.end -= 1;
        match self.back.items.next_back() {
            Some(&item) => Some(item),
            None => self.open_back(),
        }
    }
}

impl<K: Copy + PartialOrd, V: Copy> ExactSizeIterator for Iter<'_, K, V> {}
