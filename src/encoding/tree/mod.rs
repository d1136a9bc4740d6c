//! An ordered multiset of `(key, value)` pairs with ranks: a B+tree whose inner nodes count what lies below.
//!
//! It serves the sorted set (score, handle of a member) and the expiry index (due time, key hash). Items are ordered
//! by key; the few that share a key are ordered by a closure that the caller passes with each call, so that the
//! tree never learns how to follow a handle, and a handle is followed only when keys tie.
//!
//! Why this shape:
//! - A node is a few flat vectors and its header lies in its parent's vector, so that one level of descent costs
//!   one dependent cache miss, and a leaf's length is known before the leaf is touched.
//! - Vectors grow and shrink by eight items, never by doubling. A leaf that was just split owns no empty half, so
//!   bytes per item stay near those of a full leaf in whatever order items come, and a tree of ten items costs
//!   some two hundred bytes.
//! - A split at either end of the tree leaves the old node full: ascending and descending loads pack densely.
//!
//! What always holds (the tests' `check` verifies all of it):
//! - Items ascend strictly by (key, tie order).
//! - For each child an inner node keeps the child's first item (`mins`) and item count (`lens`). Every `min` is an item
//!   that is in the tree *now*: a closure is never shown a value that has been removed, so a caller may free what a
//!   handle names as soon as the call that removed it returns.
//! - No node is empty, but for a root without items. Nodes off the left and right edge are at least three eighths full;
//!   nodes on an edge may hold less, so that queues push and pop without moving items about.
//!
//! Keys must be totally ordered among themselves: a `NaN` must not come in.

#[cfg(test)]
mod check;
mod defrag;
mod iter;
mod node;
mod seek;
#[cfg(test)]
mod tests;
mod vector;

use std::cmp::Ordering;

pub use iter::Iter;
use node::{Edge, Inner, Kids, Leaf, Node, leaf_insert};
use seek::{ByKey, ByRank, Seek, locate};
use vector::fit;

/// The order-statistics B+tree described at the top of this module.
///
/// The parameter `tie` of its methods compares a stored value to the value sought: `tie(stored)` answers how `stored`
/// orders relative to the target. It is called only for items whose key equals the target's key.
#[derive(Clone, Debug)]
pub struct Tree<K, V> {
    root: Node<K, V>,
    len: usize,
}

impl<K: Copy + PartialOrd, V: Copy> Default for Tree<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Copy + PartialOrd, V: Copy> Tree<K, V> {
    /// An empty tree; it allocates nothing until the first insert.
    pub const fn new() -> Self {
        Self { root: Node::Leaf(Leaf::new()), len: 0 }
    }

    /// Builds a tree of full leaves from items that ascend strictly in the order later calls will use.
    pub fn from_sorted(items: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut tree = Self::new();
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            let mut leaf = Leaf::with_capacity(node::MAX);
            leaf.extend(items.by_ref().take(node::MAX));
            fit(&mut leaf);
            tree.len += leaf.len();
            if tree.len == leaf.len() {
                tree.root = Node::Leaf(leaf);
                continue;
            }
            let right = match &mut tree.root {
                Node::Leaf(_) => Some(Node::Leaf(leaf)),
                Node::Inner(root) => root.push_leaf(leaf).map(Node::Inner),
            };
            tree.grow_root(right);
        }
        tree
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes all items and releases their memory; O(leaves).
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Bytes of heap memory owned, as asked of the allocator (capacities, not lengths). Reads inner nodes only.
    pub fn mem_bytes(&self) -> usize {
        match &self.root {
            Node::Leaf(leaf) => leaf.capacity() * size_of::<(K, V)>(),
            Node::Inner(root) => root.mem_bytes(),
        }
    }

    /// Adds an item; answers `false` and changes nothing when it is present (`tie` answered `Equal`).
    pub fn insert(&mut self, key: K, value: V, mut tie: impl FnMut(V) -> Ordering) -> bool {
        let right = match &mut self.root {
            Node::Leaf(leaf) => {
                let Err(at) = locate(leaf, key, &mut tie) else {
                    return false;
                };
                leaf_insert(leaf, at, (key, value), Edge::ROOT).map(Node::Leaf)
            }
            Node::Inner(root) => {
                let Some(grown) = root.insert((key, value), &mut tie, Edge::ROOT) else {
                    return false;
                };
                grown.right.map(Node::Inner)
            }
        };
        self.len += 1;
        self.grow_root(right);
        true
    }

    /// Removes the item of this key for which `tie` answers `Equal`, and returns it.
    pub fn remove(&mut self, key: K, tie: impl FnMut(V) -> Ordering) -> Option<(K, V)> {
        self.take(&mut ByKey { key, tie })
    }

    /// Removes and returns the item of this rank (0 is the smallest).
    pub fn remove_at(&mut self, rank: usize) -> Option<(K, V)> {
        if rank >= self.len {
            return None;
        }
        self.take(&mut ByRank(rank))
    }

    /// Removes and returns the smallest item.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        self.remove_at(0)
    }

    /// Removes and returns the largest item.
    pub fn pop_last(&mut self) -> Option<(K, V)> {
        self.remove_at(self.len.checked_sub(1)?)
    }

    /// Removes the items of ranks `start..end` (clipped to what is there) in O(log n + removed), handing each to `each` in
    /// ascending order. `each` may free what the value names. Returns how many were removed.
    pub fn remove_range(&mut self, start: usize, end: usize, mut each: impl FnMut(K, V)) -> usize {
        let end = end.min(self.len);
        if start >= end {
            return 0;
        }
        match &mut self.root {
            Node::Leaf(leaf) => {
                leaf.drain(start..end).for_each(|(k, v)| each(k, v));
                fit(leaf);
            }
            Node::Inner(root) => root.remove_range(start, end, &mut each),
        }
        self.len -= end - start;
        self.tidy_root();
        end - start
    }

    /// Changes the key of the item `(old, tie)` to `new`, in place when its rank stays the same and its neighbours are
    /// near, else by removal and insertion. Returns whether there was such an item.
    ///
    /// `tie` must order values alike under both keys.
    pub fn rekey(&mut self, old: K, new: K, mut tie: impl FnMut(V) -> Ordering) -> bool {
        let mut seek = ByKey { key: old, tie: &mut tie };
        let mut fits = false;
        let found = self.root.edit(&mut seek, |leaf, at, tie| {
            let mut order = |(k, v): (K, V)| {
                if k == new {
                    tie(v)
                } else if k < new {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            };
            // Without a neighbour in this leaf the old key stands in for it: it is on the right side of that neighbour.
            let above_left = match at.checked_sub(1) {
                Some(left) => order(leaf[left]) == Ordering::Less,
                None => old <= new,
            };
            let below_right = match leaf.get(at + 1) {
                Some(&right) => order(right) == Ordering::Greater,
                None => new <= old,
            };
            fits = above_left && below_right;
            if fits {
                leaf[at].0 = new;
            }
        });
        if !found || fits {
            return found;
        }
        match self.remove(old, &mut tie) {
            Some((_, value)) => self.insert(new, value, tie),
            None => false,
        }
    }

    /// Puts `value` in the place of the item's value (a member that moved in memory) and returns the former one.
    /// The new value must order as the old one did; `tie` is shown the old value only.
    pub fn replace(&mut self, key: K, value: V, tie: impl FnMut(V) -> Ordering) -> Option<V> {
        let mut old = None;
        self.root.edit(&mut ByKey { key, tie }, |leaf, at, _| {
            old = Some(std::mem::replace(&mut leaf[at].1, value));
        });
        old
    }

    /// The item of this rank (0 is the smallest).
    pub fn get(&self, rank: usize) -> Option<(K, V)> {
        if rank >= self.len {
            return None;
        }
        let place = self.place(rank);
        Some(place.leaves[place.leaf][place.at])
    }

    /// The smallest item.
    pub fn first(&self) -> Option<(K, V)> {
        match &self.root {
            Node::Leaf(leaf) => leaf.first().copied(),
            Node::Inner(root) => Some(root.mins[0]),
        }
    }

    /// The largest item.
    pub fn last(&self) -> Option<(K, V)> {
        self.get(self.len.checked_sub(1)?)
    }

    /// The rank of the item of this key for which `tie` answers `Equal`.
    pub fn rank_of(&self, key: K, mut tie: impl FnMut(V) -> Ordering) -> Option<usize> {
        let mut rank = 0;
        let mut node = match &self.root {
            Node::Leaf(leaf) => return locate(leaf, key, &mut tie).ok(),
            Node::Inner(root) => root,
        };
        loop {
            let i = match locate(&node.mins, key, &mut tie) {
                Ok(i) => i,
                Err(above) => above.checked_sub(1)?,
            };
            rank += node.lens[..i].iter().sum::<usize>();
            match &node.kids {
                Kids::Inners(kids) => node = &kids[i],
                Kids::Leaves(leaves) => {
                    return Some(rank + locate(&leaves[i], key, &mut tie).ok()?);
                }
            }
        }
    }

    /// How many items precede the first one for which `before` answers `false`: the rank at which a range begins or
    /// ends. `before` must hold for a (possibly empty) prefix of the items and for none after it.
    pub fn rank_where(&self, mut before: impl FnMut(K, V) -> bool) -> usize {
        let mut rank = 0;
        let mut node = match &self.root {
            Node::Leaf(leaf) => return leaf.partition_point(|&(k, v)| before(k, v)),
            Node::Inner(root) => root,
        };
        loop {
            let Some(i) = node.mins.partition_point(|&(k, v)| before(k, v)).checked_sub(1) else {
                return rank;
            };
            rank += node.lens[..i].iter().sum::<usize>();
            match &node.kids {
                Kids::Inners(kids) => node = &kids[i],
                Kids::Leaves(leaves) => {
                    return rank + leaves[i].partition_point(|&(k, v)| before(k, v));
                }
            }
        }
    }

    /// All items, ascending.
    pub fn iter(&self) -> Iter<'_, K, V> {
        self.range(0, self.len)
    }

    /// The items of ranks `start..end` (clipped to what is there), from either side.
    pub fn range(&self, start: usize, end: usize) -> Iter<'_, K, V> {
        Iter::new(self, start, end.min(self.len))
    }

    /// Where the item of `rank` lies; `rank < len`.
    fn place(&self, mut rank: usize) -> Place<'_, K, V> {
        let mut node = match &self.root {
            Node::Leaf(leaf) => {
                return Place { leaves: std::slice::from_ref(leaf), leaf: 0, at: rank };
            }
            Node::Inner(root) => root,
        };
        loop {
            let i = node.child_of_rank(&mut rank);
            match &node.kids {
                Kids::Inners(kids) => node = &kids[i],
                Kids::Leaves(leaves) => {
                    return Place { leaves, leaf: i, at: rank };
                }
            }
        }
    }

    fn take(&mut self, seek: &mut impl Seek<K, V>) -> Option<(K, V)> {
        let item = match &mut self.root {
            Node::Leaf(leaf) => {
                let item = leaf.remove(seek.slot(leaf)?);
                fit(leaf);
                item
            }
            Node::Inner(root) => root.remove(seek, Edge::ROOT)?.item,
        };
        self.len -= 1;
        self.tidy_root();
        Some(item)
    }

    /// Puts a new root over the old one and the sibling it split off, if it did.
    fn grow_root(&mut self, right: Option<Node<K, V>>) {
        if let Some(right) = right {
            let left = std::mem::replace(&mut self.root, Node::Leaf(Leaf::new()));
            self.root = Node::Inner(Inner::over(left, right));
        }
    }

    /// Lowers the root while it has nothing to choose between, and joins two last small children.
    fn tidy_root(&mut self) {
        while let Node::Inner(root) = &mut self.root {
            root.join_last_two();
            match root.only_child() {
                Some(child) => self.root = child,
                None => break,
            }
        }
    }
}

/// An item's position: the run of sibling leaves, which of them, and the slot in it.
struct Place<'a, K, V> {
    leaves: &'a [Leaf<K, V>],
    leaf: usize,
    at: usize,
}
