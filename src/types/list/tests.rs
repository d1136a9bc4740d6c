//! The list against a deque, through both encodings.

use super::*;
use std::collections::VecDeque;
use std::ops::ControlFlow::{Break, Continue};

fn texts(list: &List) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    list.for_each_range(0, usize::MAX, |elem| all.push(elem.to_vec()));
    all
}

fn pushed(words: &[&str], limits: Limits) -> List {
    let mut list = List::default();
    for word in words {
        push(&mut list, End::Tail, word.as_bytes(), limits);
    }
    list
}

fn push(list: &mut List, end: End, text: &[u8], limits: Limits) {
    list.expect(text.len(), 1, limits);
    list.push(text, end).unwrap();
}

#[test]
fn a_pointer_and_a_half() {
    assert_eq!(size_of::<List>(), 16);
    let list = List::default();
    assert_eq!((list.len(), list.is_empty(), list.encoding(), list.node_count()), (0, true, "listpack", 1));
    assert!(list.mem_bytes() >= 7);
    assert!(List::default().pop(End::Head, |_| ()).is_none());
}

#[test]
fn grows_at_the_limit_and_shrinks_at_half_of_it() {
    let limits = Limits::new(4, 0);
    let mut list = pushed(&["a", "b", "c", "d"], limits);
    assert_eq!(list.encoding(), "listpack");
    push(&mut list, End::Head, b"e", limits);
    assert_eq!((list.encoding(), list.len()), ("quicklist", 5));
    for (len, encoding) in [(4, "quicklist"), (3, "quicklist"), (2, "listpack")] {
        list.pop(End::Head, |_| ()).unwrap();
        list.shrink(limits);
        assert_eq!((list.len(), list.encoding()), (len, encoding));
    }
    assert_eq!(texts(&list), [b"c", b"d"]);
}

#[test]
fn a_large_element_unpacks_whether_it_comes_or_not() {
    let limits = Limits::default();
    let large = vec![b'x'; 9000];
    let mut list = pushed(&["a", "b"], limits);
    list.expect(large.len(), 1, limits);
    assert_eq!(list.set(7, &large), Ok(false));
    assert_eq!(list.encoding(), "quicklist");
    assert_eq!(list.set(-1, &large), Ok(true));
    list.shrink(limits);
    assert_eq!((list.encoding(), list.node_count()), ("quicklist", 2));
    assert_eq!(list.set(1, b"small"), Ok(true));
    assert!(list.pop(End::Head, |elem| elem.eq_bytes(b"a")).unwrap());
    list.shrink(limits);
    assert_eq!(list.encoding(), "listpack");
    assert_eq!(texts(&list), [b"small"]);
}

#[test]
fn what_is_loaded_gets_the_encoding_its_size_asks_for() {
    let limits = Limits::new(3, 0);
    let listpack = |n: i64| Listpack::from_elems((0..n).map(Elem::Int)).unwrap();
    assert_eq!(List::from_listpack(listpack(3), limits).encoding(), "listpack");
    assert_eq!(List::from_listpack(listpack(4), limits).encoding(), "quicklist");
    let mut quick = Quicklist::new(limits);
    quick.push_node_packed(listpack(3));
    assert!(List::from_quicklist(quick.clone()).as_listpack().is_some());
    quick.push_back(b"x").unwrap();
    let list = List::from_quicklist(quick);
    assert!(list.as_listpack().is_none() && list.as_quicklist().is_some());
    assert_eq!(list.len(), 4);
}

/// Every operation against a plain deque of strings, under limits that make the encoding change often.
#[test]
fn behaves_as_a_plain_deque_does() {
    let mut rng = fastrand::Rng::with_seed(11);
    for round in 0..120 {
        let fill = [-1, 1, 4, 16, -2][round % 5];
        let limits = Limits::new(fill, (round % 3) as u64).with_packed_threshold([0, 0, 60][round % 3]);
        let mut list = List::default();
        let mut twin: VecDeque<Vec<u8>> = VecDeque::new();
        for _ in 0..300 {
            let text = match rng.u8(0..8) {
                0..4 => rng.i32(0..20).to_string().into_bytes(),
                4..7 => vec![b'a' + rng.u8(0..3); rng.usize(0..80)],
                _ => vec![b'z'; rng.usize(0..600)],
            };
            let end = if rng.bool() { End::Head } else { End::Tail };
            let index = rng.i64(-8..8);
            let real = usize::try_from(if index < 0 { index + twin.len() as i64 } else { index }).ok();
            match rng.u8(0..14) {
                0..5 => {
                    push(&mut list, end, &text, limits);
                    match end {
                        End::Head => twin.push_front(text),
                        End::Tail => twin.push_back(text),
                    }
                }
                5..8 => {
                    let popped = list.pop(end, |elem| elem.to_vec());
                    let expected = match end {
                        End::Head => twin.pop_front(),
                        End::Tail => twin.pop_back(),
                    };
                    assert_eq!(popped, expected);
                    list.shrink(limits);
                }
                8 => {
                    list.expect(text.len(), 1, limits);
                    let there = real.and_then(|at| twin.get_mut(at));
                    assert_eq!(list.set(index, &text), Ok(there.is_some()));
                    if let Some(place) = there {
                        *place = text;
                        list.shrink(limits);
                    }
                }
                9 => {
                    let pivot = rng.i32(0..20).to_string().into_bytes();
                    let after = rng.bool();
                    list.expect(text.len(), 1, limits);
                    let at = twin.iter().position(|own| *own == pivot);
                    assert_eq!(list.insert_beside(&pivot, after, &text), Ok(at.is_some()));
                    if let Some(at) = at {
                        twin.insert(at + usize::from(after), text);
                    }
                }
                10 => {
                    let n = rng.usize(0..4);
                    assert_eq!(list.remove_from(end, n), n.min(twin.len()));
                    for _ in 0..n.min(twin.len()) {
                        match end {
                            End::Head => twin.pop_front(),
                            End::Tail => twin.pop_back(),
                        };
                    }
                    list.shrink(limits);
                }
                11 => {
                    let max = rng.usize(0..4);
                    let from_tail = end == End::Tail;
                    let mut indices: Vec<usize> = (0..twin.len()).filter(|&i| twin[i] == text).collect();
                    if from_tail {
                        indices.reverse();
                    }
                    indices.truncate(max);
                    assert_eq!(list.remove_equal(&text, max, end), indices.len());
                    indices.sort_unstable();
                    for at in indices.into_iter().rev() {
                        twin.remove(at);
                    }
                    list.shrink(limits);
                }
                12 => {
                    let (start, n) = (rng.usize(0..6), rng.usize(0..6));
                    let mut range = Vec::new();
                    list.for_each_range(start, n, |elem| range.push(elem.to_vec()));
                    assert!(range.iter().eq(twin.iter().skip(start).take(n)));
                    let mut tail = Vec::new();
                    list.for_each_from_tail(n, |elem| tail.push(elem.to_vec()));
                    assert!(tail.iter().eq(twin.iter().rev().take(n)));
                }
                _ => {
                    let (from_tail, max_compared, stop_at) = (end == End::Tail, rng.usize(0..40), rng.usize(1..4));
                    let mut found = Vec::new();
                    list.find_each(&text, end, max_compared, |index| {
                        found.push(index);
                        if found.len() == stop_at { Break(()) } else { Continue(()) }
                    });
                    let mut expected: Vec<usize> = (0..twin.len()).collect();
                    if from_tail {
                        expected.reverse();
                    }
                    expected.truncate(max_compared);
                    expected.retain(|&index| twin[index] == text);
                    expected.truncate(stop_at);
                    assert_eq!(found, expected);
                }
            }
            assert_eq!((list.len(), list.is_empty()), (twin.len(), twin.is_empty()));
            let real = usize::try_from(if index < 0 { index + twin.len() as i64 } else { index }).ok();
            assert_eq!(list.get(index, |elem| elem.to_vec()), real.and_then(|at| twin.get(at)).cloned());
            assert!(texts(&list).iter().eq(twin.iter()));
        }
    }
}
