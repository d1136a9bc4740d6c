//! A stream's nodes in the order of their ids: a queue of runs of up to [`RUN_MAX`] nodes.
//!
//! Nodes are added at the end and mostly leave at the front, and then nothing else moves. A node that goes from the middle moves
//! those of its run; runs that have become short are joined. A node takes 24 bytes here beside its listpack.
//!
//! What always holds: no run is empty, and ids ascend.

use std::collections::VecDeque;

use super::id::StreamId;
use super::node::Node;
use crate::sys::defrag::Mover;

/// Nodes in a run.
const RUN_MAX: usize = 128;

/// Nodes in order.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    runs: VecDeque<Vec<Node>>,
    len: usize,
}

/// Where a node is, until nodes are added or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    run: usize,
    index: usize,
}

impl Nodes {
    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// All nodes in order.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.runs.iter().flatten()
    }

    #[inline]
    pub fn last_mut(&mut self) -> Option<&mut Node> {
        self.runs.back_mut()?.last_mut()
    }

    /// Adds a node whose id is above all others.
    pub fn push(&mut self, node: Node) {
        debug_assert!(self.runs.back().and_then(|run| run.last()).is_none_or(|last| last.id < node.id));
        self.len += 1;
        match self.runs.back_mut() {
            Some(run) if run.len() < RUN_MAX => run.push(node),
            _ => self.runs.push_back(vec![node]),
        }
    }

    /// The first node.
    pub fn first(&self) -> Option<At> {
        (self.len > 0).then_some(At { run: 0, index: 0 })
    }

    /// The node that holds `id` if any does: the last whose own id is not above it.
    pub fn seek(&self, id: StreamId) -> Option<At> {
        let run = self.runs.partition_point(|run| run[0].id <= id).checked_sub(1)?;
        let index = self.runs[run].partition_point(|node| node.id <= id) - 1;
        Some(At { run, index })
    }

    #[inline]
    pub fn get(&self, at: At) -> Option<&Node> {
        self.runs.get(at.run)?.get(at.index)
    }

    #[inline]
    pub fn get_mut(&mut self, at: At) -> Option<&mut Node> {
        self.runs.get_mut(at.run)?.get_mut(at.index)
    }

    /// The node after this one.
    pub fn next(&self, at: At) -> Option<At> {
        let At { run, index } = at;
        if index + 1 < self.runs.get(run)?.len() {
            Some(At { run, index: index + 1 })
        } else {
            (run + 1 < self.runs.len()).then_some(At { run: run + 1, index: 0 })
        }
    }

    /// The node before this one.
    pub fn prev(&self, at: At) -> Option<At> {
        if let Some(index) = at.index.checked_sub(1) {
            return Some(At { run: at.run, index });
        }
        let run = at.run.checked_sub(1)?;
        Some(At { run, index: self.runs[run].len() - 1 })
    }

    /// Takes a node out; answers where the one that followed is now.
    pub fn remove(&mut self, at: At) -> Option<At> {
        let run = self.runs.get_mut(at.run)?;
        if at.index >= run.len() {
            return None;
        }
        run.remove(at.index);
        self.len -= 1;
        if run.is_empty() {
            self.runs.remove(at.run);
            return (at.run < self.runs.len()).then_some(At { run: at.run, index: 0 });
        }
        let len = run.len();
        if len <= RUN_MAX / 4
            && let Some(after) = self.runs.get(at.run + 1)
            && len + after.len() <= RUN_MAX / 2
            && let Some(mut after) = self.runs.remove(at.run + 1)
        {
            self.runs[at.run].append(&mut after);
        }
        match self.get(at) {
            Some(_) => Some(at),
            None => self.next(at),
        }
    }

    /// Moves a run of nodes with their listpacks; returns the run to go on with, 0 at the end.
    pub fn defrag(&mut self, run: usize, mover: &mut Mover) -> usize {
        if run == 0 {
            mover.deque(&mut self.runs);
        }
        let Some(nodes) = self.runs.get_mut(run) else { return 0 };
        mover.vec(nodes);
        nodes.iter_mut().for_each(|node| node.lp.defrag(mover));
        if run + 1 < self.runs.len() { run + 1 } else { 0 }
    }

    /// Heap bytes, listpacks included.
    pub fn mem_bytes(&self) -> usize {
        let runs = self.runs.iter().map(|run| run.capacity() * size_of::<Node>()).sum::<usize>();
        let listpacks = self.iter().map(|node| node.lp.alloc_bytes()).sum::<usize>();
        self.runs.capacity() * size_of::<Vec<Node>>() + runs + listpacks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::OwnedArgs;

    #[test]
    fn behaves_as_a_sorted_vec_does() {
        let mut rng = fastrand::Rng::with_seed(1);
        let pairs: OwnedArgs = ["f", "v"].into_iter().collect();
        let mut nodes = Nodes::default();
        let mut twin: Vec<u64> = Vec::new();
        for round in 0..3000u64 {
            let removing = round / 700 % 2 == 1;
            if removing && !twin.is_empty() {
                let index = if rng.bool() { 0 } else { rng.usize(0..twin.len()) };
                let id = StreamId::new(twin.remove(index), 3);
                let at = nodes.seek(id).unwrap();
                assert_eq!(nodes.get(at).unwrap().id, id);
                let after = nodes.remove(at).map(|at| nodes.get(at).unwrap().id.ms);
                assert_eq!(after, twin.get(index).copied());
            } else {
                let id = StreamId::new(round, 3);
                nodes.push(Node::with_entry(id, pairs.view()).unwrap());
                twin.push(round);
            }
            assert_eq!(nodes.len(), twin.len());
            let probe = rng.u64(0..=round);
            let found = nodes.seek(StreamId::new(probe, 3)).map(|at| nodes.get(at).unwrap().id.ms);
            assert_eq!(found, twin.iter().rev().find(|&&ms| ms <= probe).copied());
            if round % 100 == 0 {
                assert!(nodes.iter().map(|node| node.id.ms).eq(twin.iter().copied()));
                let forth = std::iter::successors(nodes.first(), |&at| nodes.next(at));
                assert!(forth.map(|at| nodes.get(at).unwrap().id.ms).eq(twin.iter().copied()));
                let back = std::iter::successors(nodes.seek(StreamId::MAX), |&at| nodes.prev(at));
                assert!(back.map(|at| nodes.get(at).unwrap().id.ms).eq(twin.iter().rev().copied()));
            }
        }
    }
}
