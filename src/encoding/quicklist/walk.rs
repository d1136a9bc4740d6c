//! Reading runs of elements: per node one loop over its listpack, nothing looked up in between.

use super::node::Content;
use super::{Elem, Quicklist};
use crate::encoding::listpack::Needle;
use std::ops::ControlFlow::{self, Break, Continue};

impl Quicklist {
    /// Hands up to `n` elements from index `start` on to `reader`, in order.
    pub fn for_each_range(&self, start: usize, n: usize, mut reader: impl FnMut(Elem<'_>)) {
        let Some((at, mut offset)) = self.locate(start) else {
            return;
        };
        let mut left = n;
        for node in self.nodes.range(at..) {
            if left == 0 {
                return;
            }
            let count = left.min(node.count() - offset);
            node.read(|content| match content {
                Content::Plain(text) => reader(Elem::Bytes(text)),
                Content::Packed(elems) => {
                    let elems = elems.split_at(offset, node.count()).1;
                    if offset + count == node.count() {
                        // To the node's end: the bytes themselves say where that is.
                        elems.for_each(&mut reader);
                    } else {
                        elems.take(count).for_each(&mut reader);
                    }
                }
            });
            left -= count;
            offset = 0;
        }
    }

    /// Hands up to `n` elements from index `start` on to `reader`, backwards.
    pub fn for_each_range_rev(&self, start: usize, n: usize, mut reader: impl FnMut(Elem<'_>)) {
        let Some((at, offset)) = self.locate(start) else {
            return;
        };
        let mut left = n;
        let mut skipped = self.nodes.get(at).map_or(0, |node| node.count() - 1 - offset);
        for node in self.nodes.range(..=at).rev() {
            if left == 0 {
                return;
            }
            let count = left.min(node.count() - skipped);
            node.read(|content| match content {
                Content::Plain(text) => reader(Elem::Bytes(text)),
                Content::Packed(elems) => {
                    let elems = elems.split_at(node.count() - skipped, node.count()).0;
                    elems.rev().take(count).for_each(&mut reader);
                }
            });
            left -= count;
            skipped = 0;
        }
    }

    /// Hands all elements to `reader`, in order.
    pub fn for_each(&self, reader: impl FnMut(Elem<'_>)) {
        self.for_each_range(0, self.len, reader);
    }

    /// Calls `found` with the index of each element whose text is `text`, first to last or, `from_tail`, last to
    /// first, until it breaks or `max_compared` elements have been looked at.
    pub fn find_each(&self, text: &[u8], from_tail: bool, max_compared: usize, mut found: impl FnMut(usize) -> ControlFlow<()>) {
        let needle = Needle::new(text);
        let mut left = max_compared;
        // Elements in the nodes already passed.
        let mut passed = 0;
        let nodes = self.nodes.len();
        for i in 0..nodes {
            let Some(node) = self.nodes.get(if from_tail { nodes - 1 - i } else { i }) else {
                return;
            };
            let index_of = |nth: usize| {
                if from_tail { self.len - 1 - passed - nth } else { passed + nth }
            };
            let count = left.min(node.count());
            let flow = node.read(|content| match content {
                Content::Plain(own) if own == text => found(index_of(0)),
                Content::Plain(_) => Continue(()),
                Content::Packed(elems) if from_tail => search(elems.rev().take(count), needle, |nth| found(index_of(nth))),
                Content::Packed(elems) => search(elems.take(count), needle, |nth| found(index_of(nth))),
            });
            left -= count;
            passed += node.count();
            if flow.is_break() || left == 0 {
                return;
            }
        }
    }

    /// Index of the first element whose text is `text`.
    pub fn find(&self, text: &[u8]) -> Option<usize> {
        let mut first = None;
        self.find_each(text, false, usize::MAX, |index| {
            first = Some(index);
            Break(())
        });
        first
    }
}

/// Calls `found` with the number of each element that is the needle.
#[inline]
fn search<'a>(
    elems: impl Iterator<Item = Elem<'a>>,
    needle: Needle<'_>,
    mut found: impl FnMut(usize) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for (nth, elem) in elems.enumerate() {
        if needle.is(elem) {
            found(nth)?;
        }
    }
    Continue(())
}
