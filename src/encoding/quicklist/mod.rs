//! Quicklist: a list of any length, as a row of nodes that are each a small listpack.
//!
//! ```text
//!   VecDeque  ┌────────┬────────┬────────┬────────┬────────┐
//!             │ node 0 │ node 1 │ node 2 │   …    │ node n │     32 bytes each
//!             └───┬────┴───┬────┴───┬────┴────────┴───┬────┘
//!                 ▼        ▼        ▼                 ▼
//!             listpack    LZF   one large          listpack     8 KiB each, unless configured otherwise
//!                                element
//! ```
//!
//! Pushing and popping touch one listpack at one end. Reaching the middle walks the row's counts, which lie side by
//! side. Changing the middle splits a full node and moves the row's pointers, never the elements of another node.
//!
//! The first node may have room at its front (a [`Deque`](super::listpack::Deque)), so that LPUSH and LPOP need not
//! move its elements either.
//!
//! What always holds: no node is empty; the counts add up to `len`; a node within `compress_depth` of either
//! end is not compressed (one further in is, where that saves something).
//!
//! Elements are handed to closures rather than returned: they may live in a node that is decompressed only for
//! the call.

mod limits;
mod node;
mod remove;
mod walk;

pub use limits::Limits;
pub use node::NodeView;

use super::blob::{TooLong, good_size};
use super::listpack::{Elem, Listpack};
use crate::sys::defrag::Mover;
use node::{Content, Node};
use std::collections::VecDeque;

/// Nodes that one call of [`Quicklist::defrag`] moves.
const DEFRAG_NODES: usize = 16;

/// A list of byte strings. See the head of this file for its shape.
///
/// An index counts from 0; a signed one also from -1 at the end. Whatever adds an element fails with
/// [`TooLong`] when that alone is beyond 4 GiB, and the list is then unchanged.
#[derive(Clone)]
pub struct Quicklist {
    nodes: VecDeque<Node>,
    len: usize,
    limits: Limits,
}

impl Quicklist {
    pub fn new(limits: Limits) -> Quicklist {
        Quicklist { nodes: VecDeque::new(), len: 0, limits }
    }

    /// A list of one node, the listpack as it is.
    pub fn from_listpack(listpack: Listpack, limits: Limits) -> Quicklist {
        let mut list = Quicklist::new(limits);
        list.push_node_packed(listpack);
        list
    }

    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    #[inline]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Sets other limits. Nodes are compressed and decompressed at once, but not split or joined.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        for index in 0..self.nodes.len() {
            self.settle(index);
        }
    }

    /// Bytes this list takes, the struct itself included. Walks the nodes.
    pub fn mem_bytes(&self) -> usize {
        let row = self.nodes.capacity() * size_of::<Node>();
        let row = if row == 0 { 0 } else { good_size(row) };
        size_of::<Quicklist>() + row + self.nodes.iter().map(Node::alloc_bytes).sum::<usize>()
    }

    /// Moves some nodes from the one of this index on; returns the index to go on from, 0 at the end.
    pub fn defrag(&mut self, index: usize, mover: &mut Mover) -> usize {
        if index == 0 {
            mover.deque(&mut self.nodes);
        }
        let end = index.saturating_add(DEFRAG_NODES).min(self.nodes.len());
        for node in self.nodes.range_mut(index.min(end)..end) {
            node.defrag(mover);
        }
        if end < self.nodes.len() { end } else { 0 }
    }

    /// The nodes with their numbers of elements, first to last, as they are kept.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = (usize, NodeView<'_>)> + ExactSizeIterator {
        self.nodes.iter().map(|node| (node.count(), node.view()))
    }

    /// Appends the elements of a listpack as one node, whatever its size: for loading what was a node before.
    /// An empty one is passed over.
    pub fn push_node_packed(&mut self, listpack: Listpack) {
        if let Some(node) = Node::packed(listpack) {
            self.push_node(node);
        }
    }

    /// Appends an element as a plain node, whatever its size.
    ///
    /// # Errors
    /// [`TooLong`], see [`Quicklist`].
    pub fn push_node_plain(&mut self, text: &[u8]) -> Result<(), TooLong> {
        self.push_node(Node::plain(text)?);
        Ok(())
    }

    fn push_node(&mut self, node: Node) {
        self.len += node.count();
        self.nodes.push_back(node);
        self.settle_ends(1);
    }

    /// Whether the list is one packed node within half of what `limits` (perhaps not its own) allow a node: it should
    /// then be a listpack again.
    #[inline]
    pub fn shrank_to_listpack(&self, limits: &Limits) -> bool {
        self.single_packed().is_some_and(|node| limits.within_half(node.raw_bytes(), node.count())) || self.is_empty()
    }

    /// Whether the list is one packed node within a node's limits, and could be a listpack.
    pub fn fits_listpack(&self) -> bool {
        self.single_packed().is_some_and(|node| !self.limits.exceeded(node.raw_bytes(), node.count())) || self.is_empty()
    }

    fn single_packed(&self) -> Option<&Node> {
        match self.nodes.len() {
            1 => self.nodes.front().filter(|node| !node.is_plain()),
            _ => None,
        }
    }

    /// Takes the elements out as a listpack when they are in one packed node, or there are none; the list is
    /// then empty.
    pub fn take_listpack(&mut self) -> Option<Listpack> {
        if self.is_empty() {
            return Some(Listpack::new());
        }
        self.single_packed()?;
        self.len = 0;
        self.nodes.pop_front()?.into_listpack()
    }

    /// Puts an element first.
    ///
    /// # Errors
    /// [`TooLong`], see [`Quicklist`].
    #[inline]
    pub fn push_front(&mut self, text: &[u8]) -> Result<(), TooLong> {
        match self.nodes.front_mut() {
            Some(node) if node.has_room(text.len(), &self.limits) => node.push_front(text, &self.limits)?,
            first => {
                let node = Node::of(text, &self.limits)?;
                if let Some(first) = first {
                    first.close();
                }
                self.nodes.push_front(node);
                self.settle_ends(1);
            }
        }
        self.len += 1;
        Ok(())
    }

    /// Puts an element last.
    ///
    /// # Errors
    /// [`TooLong`], see [`Quicklist`].
    #[inline]
    pub fn push_back(&mut self, text: &[u8]) -> Result<(), TooLong> {
        match self.nodes.back_mut() {
            Some(node) if node.has_room(text.len(), &self.limits) => node.push_back(text)?,
            _ => {
                self.nodes.push_back(Node::of(text, &self.limits)?);
                self.settle_ends(1);
            }
        }
        self.len += 1;
        Ok(())
    }

    /// Hands the first element to `reader` and removes it; `None` when there is none.
    #[inline]
    pub fn pop_front<R>(&mut self, reader: impl FnOnce(Elem<'_>) -> R) -> Option<R> {
        let node = self.nodes.front_mut()?;
        let answer = node.pop(false, reader)?;
        if node.count() == 0 {
            self.nodes.pop_front();
            self.settle_ends(0);
        }
        self.len -= 1;
        Some(answer)
    }

    /// Hands the last element to `reader` and removes it; `None` when there is none.
    #[inline]
    pub fn pop_back<R>(&mut self, reader: impl FnOnce(Elem<'_>) -> R) -> Option<R> {
        let node = self.nodes.back_mut()?;
        let answer = node.pop(true, reader)?;
        if node.count() == 0 {
            self.nodes.pop_back();
            self.settle_ends(0);
        }
        self.len -= 1;
        Some(answer)
    }

    /// The index that a signed one means; `None` when it is out of range.
    #[inline]
    pub fn index_of(&self, index: i64) -> Option<usize> {
        let index = if index < 0 {
            self.len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
        } else {
            usize::try_from(index).ok()?
        };
        (index < self.len).then_some(index)
    }

    /// Hands the element at `index` to `reader`; `None` when there is none.
    pub fn get<R>(&self, index: i64, reader: impl FnOnce(Elem<'_>) -> R) -> Option<R> {
        let (at, offset) = self.locate(self.index_of(index)?)?;
        let node = self.nodes.get(at)?;
        node.read(|content| match content {
            Content::Packed(elems) => elems.split_at(offset, node.count()).1.next().map(reader),
            Content::Plain(text) => Some(reader(Elem::Bytes(text))),
        })
    }

    /// Replaces the element at `index`; answers whether there is one.
    ///
    /// # Errors
    /// [`TooLong`], see [`Quicklist`].
    pub fn set(&mut self, index: i64, text: &[u8]) -> Result<bool, TooLong> {
        let Some(index) = self.index_of(index) else {
            return Ok(false);
        };
        let Some((at, offset)) = self.locate(index) else {
            return Ok(false);
        };
        let limits = self.limits;
        if self.nodes[at].replace(offset, text, &limits)? {
            self.settle(at);
        } else {
            // It does not fit where the old one was.
            self.insert(index + 1, text)?;
            self.remove_range(index, 1);
        }
        Ok(true)
    }

    /// Inserts an element so that it has `index`; one beyond the end means the end.
    ///
    /// # Errors
    /// [`TooLong`], see [`Quicklist`].
    pub fn insert(&mut self, index: usize, text: &[u8]) -> Result<(), TooLong> {
        if index >= self.len {
            return self.push_back(text);
        }
        if index == 0 {
            return self.push_front(text);
        }
        let Some((mut at, mut offset)) = self.locate(index) else {
            return Ok(());
        };
        let limits = self.limits;
        let has_room = |node: &Node| node.has_room(text.len(), &limits);
        // Between two nodes the earlier one is as good, if it has room.
        if offset == 0 && !has_room(&self.nodes[at]) && has_room(&self.nodes[at - 1]) {
            at -= 1;
            offset = self.nodes[at].count();
        }
        if has_room(&self.nodes[at]) {
            self.nodes[at].insert(offset, text)?;
            self.len += 1;
            self.settle(at);
            return Ok(());
        }
        // A node of its own, in front of `at` or in the middle of what `at` was, and then whatever joins joins.
        let node = Node::of(text, &limits)?;
        let mut added = 1;
        if offset != 0 {
            if let Some(tail) = self.nodes[at].split_off(offset) {
                self.nodes.insert(at + 1, tail);
                added += 1;
            }
            at += 1;
        }
        self.nodes.insert(at, node);
        self.len += 1;
        // The new node with its left neighbour, or else with its right one, and those with theirs.
        let first = at.saturating_sub(2);
        let joined = self.join(first, at + 2)?;
        self.settle_ends(added);
        for index in first..(at + 3).saturating_sub(joined) {
            self.settle(index);
        }
        Ok(())
    }

    /// Joins neighbours among the nodes `first..=last` while one node may hold both; answers how many nodes
    /// that saved.
    fn join(&mut self, first: usize, last: usize) -> Result<usize, TooLong> {
        let mut at = first;
        let mut last = last.min(self.nodes.len().saturating_sub(1));
        let mut joined = 0;
        while at < last {
            let may = match (self.nodes.get(at), self.nodes.get(at + 1)) {
                (Some(left), Some(right)) => left.may_absorb(right, &self.limits),
                _ => false,
            };
            if !may {
                at += 1;
                continue;
            }
            if let Some(right) = self.nodes.remove(at + 1) {
                self.nodes[at].absorb(right)?;
            }
            last -= 1;
            joined += 1;
        }
        Ok(joined)
    }

    /// The node in which element `index` is, and the element's place there. Walks from the nearer end.
    fn locate(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        if index <= self.len / 2 {
            let mut left = index;
            for (at, node) in self.nodes.iter().enumerate() {
                if left < node.count() {
                    return Some((at, left));
                }
                left -= node.count();
            }
        } else {
            let mut left = self.len - index;
            for (at, node) in self.nodes.iter().enumerate().rev() {
                if left <= node.count() {
                    return Some((at, node.count() - left));
                }
                left -= node.count();
            }
        }
        None
    }

    /// Whether the node at `at` is so far from both ends that it should be compressed.
    fn is_inner(&self, at: usize) -> bool {
        let depth = self.limits.compress_depth();
        depth != 0 && at >= depth && at + depth < self.nodes.len()
    }

    /// Brings the node at `at` into the state its place asks for.
    fn settle(&mut self, at: usize) {
        let inner = self.is_inner(at);
        if let Some(node) = self.nodes.get_mut(at) {
            if inner {
                node.compress();
            } else {
                node.decompress();
            }
        }
    }

    /// The same for the nodes that came nearer to an end, and for the `added` ones that went farther from it.
    #[inline]
    fn settle_ends(&mut self, added: usize) {
        if self.limits.compress_depth() != 0 {
            self.settle_both_ends(added);
        }
    }

    #[inline(never)]
    fn settle_both_ends(&mut self, added: usize) {
        let nodes = self.nodes.len();
        for at in 0..nodes.min(self.limits.compress_depth() + added) {
            self.settle(at);
            self.settle(nodes - 1 - at);
        }
    }
}

#[cfg(test)]
mod tests;
