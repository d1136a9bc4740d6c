//! The invariants of the tree's nodes, verified one by one; for tests.

use std::fmt::Debug;

use super::node::{Edge, Inner, Kids, MAX, MIN, Node};
use super::vector::STEP;

impl<K: Copy + PartialOrd + Debug, V: Copy + PartialEq + Debug> Node<K, V> {
    /// Verifies all nodes, this one being the root.
    pub(super) fn check(&self) {
        match self {
            Node::Leaf(leaf) => sized(leaf),
            Node::Inner(root) => {
                assert!(root.count() > 1);
                root.check(Edge::ROOT);
            }
        }
    }
}

impl<K: Copy + PartialOrd + Debug, V: Copy + PartialEq + Debug> Inner<K, V> {
    /// Verifies the node's children and what it says of them; answers its height.
    fn check(&self, edge: Edge) -> usize {
        sized(&self.mins);
        sized(&self.lens);
        assert_eq!(self.mins.len(), self.count());
        let heights: Vec<usize> = match &self.kids {
            Kids::Leaves(leaves) => {
                sized(leaves);
                leaves.iter().for_each(sized);
                vec![1; leaves.len()]
            }
            Kids::Inners(inners) => {
                sized(inners);
                let each = inners.iter().enumerate();
                each.map(|(i, inner)| inner.check(edge.of_child(i, self.count()))).collect()
            }
        };
        assert_eq!(heights.len(), self.count());
        assert!(heights.windows(2).all(|pair| pair[0] == pair[1]));
        for i in 0..self.count() {
            assert_eq!((self.mins[i], self.lens[i]), self.facts(i));
            let fill = self.fill(i);
            assert!(fill >= 1 && (fill >= MIN || edge.of_child(i, self.count()).any()));
        }
        heights[0] + 1
    }
}

fn sized<T>(vec: &Vec<T>) {
    assert!(vec.len() <= MAX && vec.capacity() <= MAX + STEP);
    assert!(vec.capacity() - vec.len() < 2 * STEP);
}
