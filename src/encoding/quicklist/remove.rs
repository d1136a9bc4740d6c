//! Removing runs of elements, and elements by their text.

use super::Quicklist;
use crate::encoding::listpack::Needle;

impl Quicklist {
    /// Removes up to `n` elements from index `start` on; answers how many there were. Whole nodes go without
    /// being looked into.
    pub fn remove_range(&mut self, start: usize, n: usize) -> usize {
        let Some((mut at, offset)) = self.locate(start) else {
            return 0;
        };
        let removed = n.min(self.len - start);
        let mut left = removed;
        let partial = left.min(self.nodes[at].count() - offset);
        if partial < self.nodes[at].count() {
            if partial != 0 {
                self.nodes[at].remove(offset, partial);
                self.settle(at);
            }
            left -= partial;
            at += 1;
        }
        let mut end = at;
        while let Some(node) = self.nodes.get_mut(end).filter(|_| left != 0) {
            if node.count() > left {
                node.remove(0, left);
                break;
            }
            left -= node.count();
            end += 1;
        }
        self.nodes.drain(at..end);
        self.len -= removed;
        self.settle(at);
        self.settle_ends(0);
        removed
    }

    /// Keeps the elements `start..end` (by index) and removes the others.
    pub fn keep_range(&mut self, start: usize, end: usize) {
        let end = end.clamp(start.min(self.len), self.len);
        self.remove_range(end, self.len - end);
        self.remove_range(0, start);
    }

    /// Removes the first `max_removed` elements whose text is `text`, or the last ones if `from_tail`; answers
    /// how many there were.
    pub fn remove_equal(&mut self, text: &[u8], max_removed: usize, from_tail: bool) -> usize {
        let needle = Needle::new(text);
        let mut left = max_removed;
        let mut emptied = false;
        let nodes = self.nodes.len();
        for i in 0..nodes {
            if left == 0 {
                break;
            }
            let at = if from_tail { nodes - 1 - i } else { i };
            let Some(node) = self.nodes.get_mut(at) else {
                break;
            };
            let mut left_here = left;
            let removed = node.remove_where(from_tail, |elem| {
                let chosen = left_here != 0 && needle.is(elem);
                left_here -= usize::from(chosen);
                chosen
            });
            left -= removed;
            if node.count() == 0 {
                emptied = true;
            } else if removed != 0 {
                self.settle(at);
            }
        }
        if emptied {
            self.nodes.retain(|node| node.count() != 0);
            self.settle_ends(0);
        }
        let removed = max_removed - left;
        self.len -= removed;
        removed
    }
}
