//! Searching nodes: by key and tie order, or by rank.

use std::cmp::Ordering;

use super::node::Inner;

/// How a removal finds its way down.
pub(super) trait Seek<K, V> {
    /// The child to enter.
    fn child(&mut self, node: &Inner<K, V>) -> Option<usize>;
    /// The item's position in the leaf.
    fn slot(&mut self, leaf: &[(K, V)]) -> Option<usize>;
}

pub(super) struct ByKey<K, T> {
    pub(super) key: K,
    pub(super) tie: T,
}

pub(super) struct ByRank(pub(super) usize);

impl<K: Copy + PartialOrd, V: Copy, T: FnMut(V) -> Ordering> Seek<K, V> for ByKey<K, T> {
    #[inline]
    fn child(&mut self, node: &Inner<K, V>) -> Option<usize> {
        match locate(&node.mins, self.key, &mut self.tie) {
            Ok(i) => Some(i),
            Err(above) => above.checked_sub(1),
        }
    }

    #[inline]
    fn slot(&mut self, leaf: &[(K, V)]) -> Option<usize> {
        locate(leaf, self.key, &mut self.tie).ok()
    }
}

impl<K, V> Seek<K, V> for ByRank {
    fn child(&mut self, node: &Inner<K, V>) -> Option<usize> {
        Some(node.child_of_rank(&mut self.0))
    }

    fn slot(&mut self, leaf: &[(K, V)]) -> Option<usize> {
        (self.0 < leaf.len()).then_some(self.0)
    }
}

/// How many items have a key below `key`. One probe per cache line first, all of them independent loads, then the line.
#[inline]
fn count_below<K: Copy + PartialOrd, V: Copy>(items: &[(K, V)], key: K) -> usize {
    const LINE: usize = 4;
    let mut lines = 0;
    for probe in items.iter().step_by(LINE) {
        lines += usize::from(probe.0 < key);
    }
    let Some(before) = lines.checked_sub(1) else {
        return 0;
    };
    let start = before * LINE;
    let line = &items[start..items.len().min(start + LINE)];
    let mut below = start;
    for item in line {
        below += usize::from(item.0 < key);
    }
    below
}

/// The position of the item, or where it would be inserted.
#[inline]
pub(super) fn locate<K: Copy + PartialOrd, V: Copy>(
    items: &[(K, V)],
    key: K,
    tie: &mut impl FnMut(V) -> Ordering,
) -> Result<usize, usize> {
    let at = count_below(items, key);
    match items.get(at) {
        Some(&(k, v)) if k == key => match tie(v) {
            Ordering::Equal => Ok(at),
            Ordering::Greater => Err(at),
            Ordering::Less => {
                let above = at + 1;
                let run = items[above..].partition_point(|item| item.0 <= key);
                match items[above..above + run].binary_search_by(|item| tie(item.1)) {
                    Ok(i) => Ok(above + i),
                    Err(i) => Err(above + i),
                }
            }
        },
        _ => Err(at),
    }
}
