//! The nodes of the tree: searching, splitting, mending.
//!
//! ```text
//! Inner   mins  [first item of child 0, of child 1, …]      searched on the way down
//!         lens  [items below child 0, below child 1, …]     summed for ranks
//!         kids  [leaf header, …] or [inner header, …]       a header is the vectors' pointers
//! Leaf    [(key, value), …] ascending
//! ```
//! A node that lacks items after a removal is *mended* by its parent: joined with a sibling when both fit well into
//! one node, else the two share evenly. Joining inner nodes brings two of their children side by side that could
//! not help each other before, so mending goes on along that seam.

use std::cmp::Ordering;

use super::seek::{ByKey, Seek, locate};
use super::vector::{append, cut, fit, insert_at, pair, share};

/// Most items in a leaf and most children of an inner node: 1 KiB of items, an exact size class.
pub(super) const MAX: usize = 64;
/// Fewest, for nodes that are not on an edge of the tree.
pub(super) const MIN: usize = 24;
/// Two siblings are joined when together they have at most this: some room is left, lest the next insert splits them.
const JOIN: usize = 56;

pub(super) type Leaf<K, V> = Vec<(K, V)>;

#[derive(Clone, Debug)]
pub(super) enum Node<K, V> {
    Leaf(Leaf<K, V>),
    Inner(Inner<K, V>),
}

#[derive(Clone, Debug)]
pub(super) struct Inner<K, V> {
    pub(super) mins: Vec<(K, V)>,
    pub(super) lens: Vec<usize>,
    pub(super) kids: Kids<K, V>,
}

#[derive(Clone, Debug)]
pub(super) enum Kids<K, V> {
    Leaves(Vec<Leaf<K, V>>),
    Inners(Vec<Inner<K, V>>),
}

/// Whether a node is the first or the last of its level.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    first: bool,
    last: bool,
}

impl Edge {
    pub(super) const ROOT: Edge = Edge { first: true, last: true };

    pub(super) fn of_child(self, i: usize, count: usize) -> Edge {
        Edge { first: self.first && i == 0, last: self.last && i + 1 == count }
    }

    pub(super) fn any(self) -> bool {
        self.first || self.last
    }

    /// Where to cut a full node of `count` that must take one more at `at`, and whether the new one goes to the right part.
    /// Near the end of the last node (the start of the first) the cut is at the newcomer, so that runs of
    /// ascending (descending) inserts leave full nodes behind, even when the newest come slightly out of order.
    fn cut(self, at: usize, count: usize) -> (usize, bool) {
        if self.last && at >= count - count / 8 {
            (at, true)
        } else if self.first && at <= count / 8 {
            (at, false)
        } else {
            (count / 2, at > count / 2)
        }
    }
}

/// Inserts `item` at `at`; returns the new right sibling when the leaf had to be split.
#[inline]
pub(super) fn leaf_insert<K: Copy, V: Copy>(leaf: &mut Leaf<K, V>, at: usize, item: (K, V), edge: Edge) -> Option<Leaf<K, V>> {
    if leaf.len() < MAX {
        insert_at(leaf, at, item);
        return None;
    }
    let (middle, goes_right) = edge.cut(at, leaf.len());
    let mut right = cut(leaf, middle);
    if goes_right {
        insert_at(&mut right, at - middle, item);
    } else {
        insert_at(leaf, at, item);
    }
    Some(right)
}

impl<K: Copy + PartialOrd, V: Copy> Node<K, V> {
    fn min(&self) -> (K, V) {
        match self {
            Node::Leaf(leaf) => leaf[0],
            Node::Inner(inner) => inner.mins[0],
        }
    }

    fn len(&self) -> usize {
        match self {
            Node::Leaf(leaf) => leaf.len(),
            Node::Inner(inner) => inner.lens.iter().sum(),
        }
    }

    /// Lets `change` alter one item in place, without altering the order; answers whether the item was found.
    pub(super) fn edit<T: FnMut(V) -> Ordering>(
        &mut self,
        seek: &mut ByKey<K, T>,
        change: impl FnOnce(&mut [(K, V)], usize, &mut T),
    ) -> bool {
        match self {
            Node::Leaf(leaf) => match seek.slot(leaf) {
                Some(at) => {
                    change(leaf, at, &mut seek.tie);
                    true
                }
                None => false,
            },
            Node::Inner(inner) => inner.edit(seek, change).is_some(),
        }
    }
}

/// What an insert did to a node.
pub(super) struct Grown<K, V> {
    /// The new item is the node's first.
    front: bool,
    /// The sibling split off on the right.
    pub(super) right: Option<Inner<K, V>>,
}

/// What a removal did to a node.
pub(super) struct Removed<K, V> {
    pub(super) item: (K, V),
    /// The node's first item was removed.
    front: bool,
}

impl<K, V> Inner<K, V> {
    /// The child that holds the item of `rank`, which becomes the rank below that child.
    #[inline]
    pub(super) fn child_of_rank(&self, rank: &mut usize) -> usize {
        let mut i = 0;
        while *rank >= self.lens[i] && i + 1 < self.lens.len() {
            *rank -= self.lens[i];
            i += 1;
        }
        i
    }
}

impl<K: Copy + PartialOrd, V: Copy> Inner<K, V> {
    /// A node over two siblings.
    pub(super) fn over(left: Node<K, V>, right: Node<K, V>) -> Self {
        let mut node =
            Inner { mins: vec![left.min(), right.min()], lens: vec![left.len(), right.len()], kids: Kids::Leaves(Vec::new()) };
        node.kids = match (left, right) {
            (Node::Inner(left), Node::Inner(right)) => Kids::Inners(vec![left, right]),
            (left, right) => Kids::Leaves([left, right].into_iter().filter_map(Node::leaf).collect()),
        };
        node
    }

    pub(super) fn count(&self) -> usize {
        self.lens.len()
    }

    pub(super) fn mem_bytes(&self) -> usize {
        let own = self.mins.capacity() * size_of::<(K, V)>() + self.lens.capacity() * size_of::<usize>();
        own + match &self.kids {
            Kids::Leaves(leaves) => {
                let items: usize = leaves.iter().map(Vec::capacity).sum();
                leaves.capacity() * size_of::<Leaf<K, V>>() + items * size_of::<(K, V)>()
            }
            Kids::Inners(inners) => {
                let below: usize = inners.iter().map(Inner::mem_bytes).sum();
                inners.capacity() * size_of::<Inner<K, V>>() + below
            }
        }
    }

    /// Inserts below this node; `None` when the item is present.
    pub(super) fn insert(&mut self, item: (K, V), tie: &mut impl FnMut(V) -> Ordering, edge: Edge) -> Option<Grown<K, V>> {
        let Err(above) = locate(&self.mins, item.0, tie) else {
            return None;
        };
        let i = above.saturating_sub(1);
        let edge_below = edge.of_child(i, self.count());
        let (front, right) = match &mut self.kids {
            Kids::Leaves(leaves) => {
                let leaf = &mut leaves[i];
                let at = locate(leaf, item.0, tie).err()?;
                (at == 0, leaf_insert(leaf, at, item, edge_below).map(Node::Leaf))
            }
            Kids::Inners(inners) => {
                let grown = inners[i].insert(item, tie, edge_below)?;
                (grown.front, grown.right.map(Node::Inner))
            }
        };
        self.lens[i] += 1;
        if front {
            self.mins[i] = item;
        }
        let right = right.and_then(|right| {
            self.lens[i] -= right.len();
            self.adopt(i + 1, right, edge)
        });
        Some(Grown { front: front && i == 0, right })
    }

    /// Appends a whole leaf on the right edge; returns the sibling split off, if any.
    pub(super) fn push_leaf(&mut self, leaf: Leaf<K, V>) -> Option<Inner<K, V>> {
        let last = self.count() - 1;
        let edge = Edge { first: false, last: true };
        let right = match &mut self.kids {
            Kids::Leaves(_) => Some(Node::Leaf(leaf)),
            Kids::Inners(inners) => {
                self.lens[last] += leaf.len();
                inners[last].push_leaf(leaf).map(Node::Inner)
            }
        }?;
        if let Node::Inner(right) = &right {
            self.lens[last] -= right.lens.iter().sum::<usize>();
        }
        self.adopt(last + 1, right, edge)
    }

    /// Takes in a child at `at`; returns the sibling split off when there were too many.
    fn adopt(&mut self, at: usize, child: Node<K, V>, edge: Edge) -> Option<Inner<K, V>> {
        if self.count() < MAX {
            self.put(at, child);
            return None;
        }
        let (middle, goes_right) = edge.cut(at, self.count());
        let mut right = self.cut(middle);
        if goes_right {
            right.put(at - middle, child);
        } else {
            self.put(at, child);
        }
        Some(right)
    }

    fn put(&mut self, at: usize, child: Node<K, V>) {
        insert_at(&mut self.mins, at, child.min());
        insert_at(&mut self.lens, at, child.len());
        match (&mut self.kids, child) {
            (Kids::Leaves(leaves), Node::Leaf(leaf)) => insert_at(leaves, at, leaf),
            (Kids::Inners(inners), Node::Inner(inner)) => insert_at(inners, at, inner),
            _ => unreachable!("all leaves lie at one depth"),
        }
    }

    fn cut(&mut self, at: usize) -> Inner<K, V> {
        Inner {
            mins: cut(&mut self.mins, at),
            lens: cut(&mut self.lens, at),
            kids: match &mut self.kids {
                Kids::Leaves(leaves) => Kids::Leaves(cut(leaves, at)),
                Kids::Inners(inners) => Kids::Inners(cut(inners, at)),
            },
        }
    }

    /// Moves all children of `right` to the end of this node's.
    fn absorb(&mut self, right: &mut Inner<K, V>) {
        append(&mut self.mins, &mut right.mins);
        append(&mut self.lens, &mut right.lens);
        match (&mut self.kids, &mut right.kids) {
            (Kids::Leaves(left), Kids::Leaves(right)) => append(left, right),
            (Kids::Inners(left), Kids::Inners(right)) => append(left, right),
            _ => unreachable!("all leaves lie at one depth"),
        }
    }

    /// Drops the children `start..end`.
    fn drop_kids(&mut self, start: usize, end: usize) {
        fn drop_of<T>(vec: &mut Vec<T>, start: usize, end: usize) {
            vec.drain(start..end);
            fit(vec);
        }
        drop_of(&mut self.mins, start, end);
        drop_of(&mut self.lens, start, end);
        match &mut self.kids {
            Kids::Leaves(leaves) => drop_of(leaves, start, end),
            Kids::Inners(inners) => drop_of(inners, start, end),
        }
    }

    /// The child's own number of items or children.
    pub(super) fn fill(&self, i: usize) -> usize {
        match &self.kids {
            Kids::Leaves(leaves) => leaves[i].len(),
            Kids::Inners(inners) => inners[i].count(),
        }
    }

    /// The child's first item.
    fn min_of(&self, i: usize) -> (K, V) {
        match &self.kids {
            Kids::Leaves(leaves) => leaves[i][0],
            Kids::Inners(inners) => inners[i].mins[0],
        }
    }

    /// The number of items below the child.
    fn len_of(&self, i: usize) -> usize {
        match &self.kids {
            Kids::Leaves(leaves) => leaves[i].len(),
            Kids::Inners(inners) => inners[i].lens.iter().sum(),
        }
    }

    /// What `mins` and `lens` must say of a child.
    pub(super) fn facts(&self, i: usize) -> ((K, V), usize) {
        (self.min_of(i), self.len_of(i))
    }

    fn recount(&mut self, i: usize) {
        (self.mins[i], self.lens[i]) = self.facts(i);
    }

    /// Changes one item in place; answers, when it was found, with the node's first item.
    fn edit<T: FnMut(V) -> Ordering>(
        &mut self,
        seek: &mut ByKey<K, T>,
        change: impl FnOnce(&mut [(K, V)], usize, &mut T),
    ) -> Option<(K, V)> {
        let i = seek.child(self)?;
        self.mins[i] = match &mut self.kids {
            Kids::Leaves(leaves) => {
                let leaf = &mut leaves[i];
                let at = seek.slot(leaf)?;
                change(leaf, at, &mut seek.tie);
                leaf[0]
            }
            Kids::Inners(inners) => inners[i].edit(seek, change)?,
        };
        Some(self.mins[0])
    }

    /// Removes one item below this node. The node may be left without children; the caller looks after that.
    pub(super) fn remove(&mut self, seek: &mut impl Seek<K, V>, edge: Edge) -> Option<Removed<K, V>> {
        let i = seek.child(self)?;
        let edge_below = edge.of_child(i, self.count());
        let removed = match &mut self.kids {
            Kids::Leaves(leaves) => {
                let leaf = &mut leaves[i];
                let at = seek.slot(leaf)?;
                let item = leaf.remove(at);
                fit(leaf);
                Removed { item, front: at == 0 }
            }
            Kids::Inners(inners) => inners[i].remove(seek, edge_below)?,
        };
        self.lens[i] -= 1;
        if self.lens[i] == 0 {
            self.drop_kids(i, i + 1);
        } else {
            if removed.front {
                self.mins[i] = self.min_of(i);
            }
            if !edge_below.any() {
                self.mend(i);
            }
        }
        Some(Removed { item: removed.item, front: removed.front && i == 0 })
    }

    fn visit(&self, each: &mut impl FnMut(K, V)) {
        match &self.kids {
            Kids::Leaves(leaves) => leaves.iter().flatten().for_each(|&(k, v)| each(k, v)),
            Kids::Inners(inners) => inners.iter().for_each(|inner| inner.visit(each)),
        }
    }

    /// Removes the items of ranks `start..end` below this node. The node may be left with few children or none.
    pub(super) fn remove_range(&mut self, start: usize, end: usize, each: &mut impl FnMut(K, V)) {
        let mut base = 0;
        let mut touched = None;
        let mut whole: Option<(usize, usize)> = None;
        for i in 0..self.count() {
            let len = self.lens[i];
            let from = start.saturating_sub(base).min(len);
            let to = end.saturating_sub(base).min(len);
            base += len;
            if from < to {
                touched.get_or_insert(i);
                if to - from == len {
                    match &self.kids {
                        Kids::Leaves(leaves) => leaves[i].iter().for_each(|&(k, v)| each(k, v)),
                        Kids::Inners(inners) => inners[i].visit(each),
                    }
                    whole = Some((whole.map_or(i, |(first, _)| first), i + 1));
                } else {
                    match &mut self.kids {
                        Kids::Leaves(leaves) => {
                            leaves[i].drain(from..to).for_each(|(k, v)| each(k, v));
                            fit(&mut leaves[i]);
                        }
                        Kids::Inners(inners) => inners[i].remove_range(from, to, each),
                    }
                    self.recount(i);
                }
            }
            if base >= end {
                break;
            }
        }
        if let Some((first, after)) = whole {
            self.drop_kids(first, after);
        }
        if let Some(seam) = touched {
            self.mend(seam + 1);
            self.mend(seam);
        }
    }

    /// Brings child `i`, if it is there and has too little, back to a proper fill with a sibling's help.
    fn mend(&mut self, i: usize) {
        if i >= self.count() || self.count() < 2 || self.fill(i) >= MIN {
            return;
        }
        let left_at = i.saturating_sub(1);
        let total = self.fill(left_at) + self.fill(left_at + 1);
        let join = total <= JOIN;
        match &mut self.kids {
            Kids::Leaves(leaves) => {
                let [left, right] = pair(leaves, left_at);
                if join {
                    append(left, right);
                } else {
                    share(left, right);
                }
            }
            Kids::Inners(inners) => {
                let [left, right] = pair(inners, left_at);
                let seam = left.count();
                if join {
                    left.absorb(right);
                    left.mend_seam(seam);
                } else if seam > total / 2 {
                    let mut moved = left.cut(total / 2);
                    let seam = moved.count();
                    moved.absorb(right);
                    *right = moved;
                    right.mend_seam(seam);
                } else {
                    let rest = right.cut(total / 2 - seam);
                    left.absorb(right);
                    *right = rest;
                    left.mend_seam(seam);
                }
            }
        }
        if join {
            self.drop_kids(left_at + 1, left_at + 2);
            self.recount(left_at);
            self.mend(left_at);
        } else {
            self.recount(left_at);
            self.recount(left_at + 1);
        }
    }

    fn mend_seam(&mut self, seam: usize) {
        self.mend(seam);
        self.mend(seam - 1);
    }

    /// For a root: makes one child of two when both are small, so that a shrunken tree loses its height.
    pub(super) fn join_last_two(&mut self) {
        if self.count() == 2 && self.fill(0) + self.fill(1) <= MIN {
            self.mend(0);
            self.mend(1);
        }
    }

    /// For a root: the child to put in its place, when it has one or (an empty leaf) none.
    pub(super) fn only_child(&mut self) -> Option<Node<K, V>> {
        if self.count() > 1 {
            return None;
        }
        Some(match &mut self.kids {
            Kids::Leaves(leaves) => Node::Leaf(leaves.pop().unwrap_or_default()),
            Kids::Inners(inners) => inners.pop().map_or(Node::Leaf(Vec::new()), Node::Inner),
        })
    }
}

impl<K, V> Node<K, V> {
    fn leaf(self) -> Option<Leaf<K, V>> {
        match self {
            Node::Leaf(leaf) => Some(leaf),
            Node::Inner(_) => None,
        }
    }
}
