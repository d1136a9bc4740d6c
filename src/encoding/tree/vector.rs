//! The vectors nodes are made of: they grow by a few items, give spare room back, and share their items with a neighbour.

use super::node::MAX;

/// Items by which a vector grows. Eight items of 16 bytes step through jemalloc's size classes one by one.
pub(super) const STEP: usize = 8;

/// The capacity a vector of `len` gets when it must grow or shrink: room for at least one more.
fn roomy(len: usize) -> usize {
    if len < STEP / 2 { STEP / 2 } else { (len / STEP + 1) * STEP }
}

/// Makes room for one more.
#[inline]
fn grow<T>(vec: &mut Vec<T>) {
    if vec.len() == vec.capacity() {
        vec.reserve_exact(roomy(vec.len()) - vec.len());
    }
}

/// Gives spare room back once there is more than a step of it; an emptied vector gives back all.
#[inline]
pub(super) fn fit<T>(vec: &mut Vec<T>) {
    if vec.is_empty() {
        *vec = Vec::new();
    } else if vec.capacity() - vec.len() >= 2 * STEP {
        vec.shrink_to(vec.len().next_multiple_of(STEP));
    }
}

/// Cuts `vec` at `at` into two of fitting size.
pub(super) fn cut<T>(vec: &mut Vec<T>, at: usize) -> Vec<T> {
    if at == 0 {
        return std::mem::take(vec);
    }
    let mut right = Vec::with_capacity(roomy(vec.len() - at).min(MAX));
    right.extend(vec.drain(at..));
    fit(vec);
    right
}

/// Moves all of `right` to the end of `left`.
pub(super) fn append<T>(left: &mut Vec<T>, right: &mut Vec<T>) {
    let len = left.len() + right.len();
    if left.capacity() < len {
        left.reserve_exact(len.next_multiple_of(STEP) - left.len());
    }
    left.append(right);
}

/// Evens out two vectors that together are too many for one.
pub(super) fn share<T>(left: &mut Vec<T>, right: &mut Vec<T>) {
    let half = (left.len() + right.len()) / 2;
    if left.len() > half {
        let mut moved = cut(left, half);
        append(&mut moved, right);
        *right = moved;
    } else {
        let count = half - left.len();
        let rest = cut(right, count);
        append(left, right);
        *right = rest;
    }
}

pub(super) fn insert_at<T>(vec: &mut Vec<T>, at: usize, item: T) {
    grow(vec);
    vec.insert(at, item);
}

/// Two neighbours, both mutable.
pub(super) fn pair<T>(items: &mut [T], left: usize) -> [&mut T; 2] {
    let (head, tail) = items.split_at_mut(left + 1);
    [&mut head[left], &mut tail[0]]
}
