//! Moving a tree's nodes, a leaf at a time.

use super::Tree;
use super::node::{Inner, Kids, Node};
use crate::sys::defrag::Mover;

impl<K: Copy + PartialOrd, V: Copy> Tree<K, V> {
    /// Moves the leaf with the item of this rank, and the inner nodes of which that is the first item; returns the
    /// rank to go on from, 0 at the end.
    pub fn defrag(&mut self, rank: usize, mover: &mut Mover) -> usize {
        if rank >= self.len {
            return 0;
        }
        let next = match &mut self.root {
            Node::Leaf(leaf) => {
                mover.vec(leaf);
                self.len
            }
            Node::Inner(root) => root.defrag(rank, mover),
        };
        if next < self.len { next } else { 0 }
    }
}

impl<K, V> Inner<K, V> {
    /// As [`Tree::defrag`], with ranks below this node.
    fn defrag(&mut self, rank: usize, mover: &mut Mover) -> usize {
        if rank == 0 {
            mover.vec(&mut self.mins);
            mover.vec(&mut self.lens);
            match &mut self.kids {
                Kids::Leaves(leaves) => mover.vec(leaves),
                Kids::Inners(inners) => mover.vec(inners),
            }
        }
        let mut below = rank;
        let child = self.child_of_rank(&mut below);
        let before = rank - below;
        match &mut self.kids {
            Kids::Leaves(leaves) => {
                mover.vec(&mut leaves[child]);
                before + self.lens[child]
            }
            Kids::Inners(inners) => before + inners[child].defrag(below, mover),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_moves_once_and_nothing_changes() {
        for count in [0u64, 1, 10, 64, 65, 1000, 30_000] {
            let mut tree = Tree::new();
            for i in 0..count {
                let key = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                tree.insert(key, i, |other: u64| other.cmp(&i));
            }
            let twin = tree.clone();
            let mut mover = Mover::eager();
            let (mut rank, mut steps) = (0, 0);
            loop {
                rank = tree.defrag(rank, &mut mover);
                steps += 1;
                if rank == 0 {
                    break;
                }
            }
            assert!(tree.iter().eq(twin.iter()));
            tree.root.check();
            assert!(mover.hits >= steps.min(count) && mover.hits <= steps * 2 + 3, "{} in {steps}", mover.hits);
        }
    }
}
