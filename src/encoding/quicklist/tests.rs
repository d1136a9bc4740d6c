//! The list against its twin, a `Vec` of strings, under limits that make nodes small and odd.

use super::*;
use std::ops::ControlFlow;

fn texts(list: &Quicklist) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    list.for_each(|elem| out.push(elem.to_vec()));
    out
}

/// What must hold of any list, whatever was done to it.
fn check(list: &Quicklist, twin: &[Vec<u8>]) {
    assert_eq!(list.len(), twin.len());
    assert_eq!(texts(list), twin);
    let depth = list.limits().compress_depth();
    let nodes = list.node_count();
    let mut counted = 0;
    for (at, (count, view)) in list.nodes().enumerate() {
        assert!(count > 0);
        counted += count;
        let inner = depth != 0 && at >= depth && at + depth < nodes;
        match view {
            NodeView::Packed(listpack) => {
                assert_eq!(listpack.len(), count);
                assert!(Listpack::from_bytes_validated(listpack.as_bytes()).is_ok());
            }
            NodeView::Plain(_) => assert_eq!(count, 1),
            NodeView::Lzf { raw_bytes, stream, .. } => {
                assert!(inner, "node {at} of {nodes} is compressed");
                assert!(stream.len() + 8 < raw_bytes);
            }
        }
    }
    assert_eq!(counted, twin.len());
}

fn some_text(rng: &mut fastrand::Rng) -> Vec<u8> {
    match rng.u8(0..12) {
        0..3 => rng.i32(-300..300).to_string().into_bytes(),
        3 => vec![b'z'; rng.usize(0..70)],
        4 if rng.bool() => vec![b'L'; rng.usize(100..9000)],
        _ => format!("item-{}", rng.u8(0..40)).into_bytes(),
    }
}

#[test]
fn behaves_as_a_vec_of_strings_does() {
    let mut rng = fastrand::Rng::with_seed(31);
    for round in 0..120 {
        let fill = rng.choice([1, 2, 4, 10, -1, -2]).unwrap_or(1);
        let threshold = rng.choice([0, 0, 1, 8, 60]).unwrap_or(0);
        let limits = Limits::new(fill, round % 4).with_packed_threshold(threshold);
        let mut list = Quicklist::new(limits);
        let mut twin: Vec<Vec<u8>> = Vec::new();
        for _ in 0..120 {
            let text = some_text(&mut rng);
            let at = rng.usize(0..=twin.len());
            let signed = if rng.bool() { at as i64 } else { at as i64 - twin.len() as i64 };
            match rng.u8(0..20) {
                0..4 => {
                    list.push_front(&text).unwrap();
                    twin.insert(0, text);
                }
                4..8 => {
                    list.push_back(&text).unwrap();
                    twin.push(text);
                }
                8..12 => {
                    list.insert(at, &text).unwrap();
                    twin.insert(at, text);
                }
                12 => {
                    let had = (!twin.is_empty()).then(|| twin.remove(0));
                    assert_eq!(list.pop_front(|elem| elem.to_vec()), had);
                }
                13 => assert_eq!(list.pop_back(|elem| elem.to_vec()), twin.pop()),
                14 | 15 => {
                    let there = list.index_of(signed);
                    assert_eq!(list.set(signed, &text), Ok(there.is_some()));
                    if let Some(index) = there {
                        twin[index] = text;
                    }
                }
                16 => {
                    let n = rng.usize(0..12);
                    let end = twin.len().min(at + n);
                    assert_eq!(list.remove_range(at, n), end - at);
                    twin.drain(at..end);
                }
                17 => {
                    let max = rng.usize(0..4);
                    let from_tail = rng.bool();
                    let mut places: Vec<usize> = (0..twin.len()).filter(|&i| twin[i] == text).collect();
                    if from_tail {
                        places.reverse();
                    }
                    places.truncate(max);
                    assert_eq!(list.remove_equal(&text, max, from_tail), places.len());
                    places.sort_unstable();
                    for place in places.into_iter().rev() {
                        twin.remove(place);
                    }
                }
                18 if rng.u8(..) < 40 => {
                    let end = rng.usize(0..=twin.len() + 3);
                    list.keep_range(at, end);
                    twin.truncate(end.max(at));
                    twin.drain(..at.min(twin.len()));
                }
                _ => {
                    list = list.clone();
                    if rng.u8(..) < 20 {
                        let other = Limits::new(fill, rng.u64(0..4)).with_packed_threshold(threshold);
                        list.set_limits(other);
                    }
                }
            }
            check(&list, &twin);
            check_reads(&list, &twin, &mut rng);
        }
    }
}

fn check_reads(list: &Quicklist, twin: &[Vec<u8>], rng: &mut fastrand::Rng) {
    let start = rng.usize(0..=twin.len());
    let n = rng.usize(0..20);
    let end = twin.len().min(start + n);
    let mut run = Vec::new();
    list.for_each_range(start, n, |elem| run.push(elem.to_vec()));
    assert_eq!(run, twin[start..end]);

    run.clear();
    list.for_each_range_rev(start, n, |elem| run.push(elem.to_vec()));
    let backwards = twin.iter().take(start + 1).rev().take(n);
    assert!(start == twin.len() || run.iter().eq(backwards));

    let index = rng.i64(-130..130);
    let own = if index < 0 { twin.len() as i64 + index } else { index };
    let own = usize::try_from(own).ok().and_then(|i| twin.get(i)).cloned();
    assert_eq!(list.get(index, |elem| elem.to_vec()), own);

    let Some(text) = rng.choice(twin) else {
        return;
    };
    let max = rng.usize(1..40);
    let mut found = Vec::new();
    list.find_each(text, false, max, |i| {
        found.push(i);
        ControlFlow::Continue(())
    });
    assert!(found.iter().copied().eq((0..twin.len().min(max)).filter(|&i| twin[i] == *text)));
    found.clear();
    list.find_each(text, true, max, |i| {
        found.push(i);
        ControlFlow::Continue(())
    });
    let from = twin.len().saturating_sub(max);
    assert!(found.iter().copied().eq((from..twin.len()).rev().filter(|&i| twin[i] == *text)));
    assert_eq!(list.find(text), twin.iter().position(|t| t == text));
}

#[test]
fn a_large_element_is_a_node_of_its_own() {
    let mut list = Quicklist::new(Limits::default());
    let large = vec![b'x'; 9000];
    for text in [&b"a"[..], b"b", b"c"] {
        list.push_back(text).unwrap();
    }
    list.insert(1, &large).unwrap();
    let kinds: Vec<_> = list.nodes().map(|(count, view)| (count, matches!(view, NodeView::Plain(_)))).collect();
    assert_eq!(kinds, [(1, false), (1, true), (2, false)]);
    list.set(1, b"small").unwrap();
    assert_eq!(list.nodes().filter(|(_, view)| matches!(view, NodeView::Plain(_))).count(), 0);
    list.set(-1, &large).unwrap();
    assert_eq!(list.get(-1, |elem| elem.text_bytes()), Some(9000));
    assert_eq!(list.get(-2, |elem| elem.to_vec()).as_deref(), Some(&b"b"[..]));
}

#[test]
fn full_nodes_are_filled_to_the_limit() {
    let mut list = Quicklist::new(Limits::default());
    let mut twin = Vec::new();
    for i in 0..10_000 {
        let text = format!("twenty-byte-it-{i:05}").into_bytes();
        list.push_back(&text).unwrap();
        twin.push(text);
    }
    check(&list, &twin);
    // 22 bytes each in a listpack, the ends and the row included.
    assert!(list.mem_bytes() < 10_000 * 223 / 10 + 8192, "{}", list.mem_bytes());
    for i in 0..200 {
        let text = format!("between-{i}").into_bytes();
        list.insert(5000 + i, &text).unwrap();
        twin.insert(5000 + i, text);
    }
    check(&list, &twin);
    assert!(list.node_count() < 10_200 * 22 / 8192 + 4, "{}", list.node_count());
}

#[test]
fn inner_nodes_are_compressed() {
    let mut list = Quicklist::new(Limits::new(-1, 1));
    for i in 0..5000 {
        list.push_front(format!("compressible-{i}").as_bytes()).unwrap();
    }
    let compressed = list.nodes().filter(|(_, view)| matches!(view, NodeView::Lzf { .. })).count();
    assert_eq!(compressed, list.node_count() - 2);
    assert!(list.mem_bytes() < list.nodes().map(|(_, view)| view.raw_bytes()).sum::<usize>() / 2);
    while list.len() > 1 {
        list.pop_back(|_| ()).unwrap();
    }
    assert_eq!(texts(&list), [b"compressible-4999"]);
}

#[test]
fn goes_to_a_listpack_and_back() {
    let limits = Limits::new(4, 0);
    let listpack = Listpack::from_elems([1, 2, 3].map(Elem::Int)).unwrap();
    let mut list = Quicklist::from_listpack(listpack.clone(), limits);
    assert!(list.fits_listpack() && !list.shrank_to_listpack(&list.limits()));
    list.pop_back(|_| ());
    assert!(list.shrank_to_listpack(&list.limits()));
    list.push_back(b"3").unwrap();
    assert_eq!(list.take_listpack(), Some(listpack));
    assert!(list.is_empty() && list.shrank_to_listpack(&list.limits()));
    assert_eq!(list.take_listpack(), Some(Listpack::new()));

    list.push_node_plain(b"plain").unwrap();
    list.push_node_packed(Listpack::new());
    assert!(!list.shrank_to_listpack(&list.limits()) && !list.fits_listpack());
    assert_eq!(list.take_listpack(), None);
    assert_eq!(texts(&list), [b"plain"]);
}

#[test]
fn a_node_takes_32_bytes_of_the_row() {
    assert_eq!(size_of::<Node>(), 32);
}
