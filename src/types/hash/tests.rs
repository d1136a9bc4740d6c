//! The hash against a plain map, and the encodings it takes on the way.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const LIMITS: Limits = Limits { entries: 24, value_bytes: 20 };

fn texts(hash: &Hash) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let pairs: BTreeMap<_, _> = hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
    assert_eq!(pairs.len(), hash.len());
    pairs
}

/// A word out of few, of all kinds.
fn any_word(rng: &mut fastrand::Rng, kinds: u8) -> Vec<u8> {
    match rng.u8(..kinds) {
        0 => rng.i64(-20..20).to_string().into_bytes(),
        1 => format!("f{}", rng.u8(..20)).into_bytes(),
        2 => format!("00{}", rng.u8(..20)).into_bytes(),
        _ => vec![b'x'; rng.usize(15..26)],
    }
}

#[test]
fn agrees_with_a_plain_map() {
    let mut rng = fastrand::Rng::with_seed(6);
    let mut encodings = BTreeSet::new();
    for round in 0..250 {
        let mut hash = Hash::default();
        let mut twin = BTreeMap::new();
        let kinds = round % 4 + 1;
        for _ in 0..rng.usize(..300) {
            let field = any_word(&mut rng, kinds);
            match rng.u8(..8) {
                0..=4 => {
                    let value = any_word(&mut rng, kinds);
                    assert_eq!(hash.set(&field, &value, &LIMITS), twin.insert(field, value).is_none());
                }
                5..=6 => assert_eq!(hash.remove(&field), twin.remove(&field).is_some()),
                _ => {
                    let copy = hash.clone();
                    hash = copy;
                }
            }
            encodings.insert(hash.encoding());
            let other = any_word(&mut rng, 4);
            assert_eq!(hash.contains(&other), twin.contains_key(&other));
            assert_eq!(hash.get(&other).map(|value| value.to_vec()).as_ref(), twin.get(&other));
            let drawn = hash.random(&mut rng);
            assert_eq!(drawn.is_some(), !twin.is_empty());
            assert!(drawn.is_none_or(|(field, value)| twin.get(&field.to_vec()) == Some(&value.to_vec())));
        }
        assert_eq!(texts(&hash), twin);
        let mut seen = BTreeMap::new();
        let mut cursor = 0;
        loop {
            cursor = hash.scan(cursor, |(field, value), _| {
                assert!(seen.insert(field.to_vec(), value.to_vec()).is_none());
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen, twin);
        let mut sampled = BTreeSet::new();
        hash.sample(&mut rng, 5, |(field, _)| assert!(sampled.insert(field.to_vec())));
        assert_eq!(sampled.len(), twin.len().min(5));
        hash.pack(&LIMITS);
        assert_eq!(texts(&hash), twin);
    }
    assert_eq!(encodings.len(), 2);
}

#[test]
fn encodings_follow_the_limits() {
    let mut hash = Hash::default();
    for n in 0..24 {
        hash.set(n.to_string().as_bytes(), b"v", &LIMITS);
    }
    hash.set(b"0", b"12345678901234567890", &LIMITS);
    assert_eq!(hash.encoding(), "listpack");
    let mut longer = hash.clone();
    longer.set(b"0", b"123456789012345678901", &LIMITS);
    assert_eq!(longer.encoding(), "hashtable");
    longer.set(b"0", b"1", &LIMITS);
    longer.pack(&LIMITS);
    assert_eq!(longer.encoding(), "listpack");
    hash.set(b"24", b"v", &LIMITS);
    assert_eq!(hash.encoding(), "hashtable");

    for (count, longest, encoding) in [(24, 20, "listpack"), (25, 1, "hashtable"), (1, 21, "hashtable")] {
        let mut hash = Hash::default();
        hash.expect(count, longest, longest, &LIMITS);
        assert_eq!(hash.encoding(), encoding);
    }
}

#[test]
fn foreign_bytes_are_looked_through() {
    let list = |words: &[&'static [u8]]| Listpack::from_elems(words.iter().map(|&word| Elem::Bytes(word))).unwrap();
    assert!(Hash::from_listpack(list(&[b"a", b"1", b"b"]), &LIMITS, true).is_none());
    assert!(Hash::from_listpack(list(&[b"a", b"1", b"a", b"2"]), &LIMITS, true).is_none());
    assert_eq!(Hash::from_listpack(list(&[b"a", b"1"]), &LIMITS, true).unwrap().encoding(), "listpack");
    let few = Limits { entries: 1, ..LIMITS };
    assert_eq!(Hash::from_listpack(list(&[b"a", b"1", b"b", b"2"]), &few, false).unwrap().encoding(), "hashtable");
    assert!(Hash::from_listpack(list(&[b"a", b"1", b"a", b"2"]), &few, false).is_none());
    assert!(Hash::from_listpack(list(&[b"a", b"1", b"a", b"2"]), &LIMITS, false).is_some());
}

#[test]
fn memory_per_field_is_as_announced() {
    let mut bytes = 0;
    for _ in 0..20 {
        let mut hash = Hash::default();
        for n in 0..1000 {
            hash.set(format!("field:{n:06}").as_bytes(), b"0123456789", &LIMITS);
        }
        bytes += hash.mem_bytes();
    }
    let per_field = bytes as f64 / 20_000.0;
    assert!(per_field < 36.0, "{per_field}");
}

#[test]
fn times_agree_with_a_plain_map() {
    let mut rng = fastrand::Rng::with_seed(11);
    let mut encodings = BTreeSet::new();
    for round in 0..250 {
        let mut hash = Hash::default();
        let mut twin: BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)> = BTreeMap::new();
        let kinds = round % 4 + 1;
        let span = [10, 5000, 1 << 30, 1 << 45][rng.usize(..4)];
        for _ in 0..rng.usize(..200) {
            let (field, value) = (any_word(&mut rng, kinds), any_word(&mut rng, kinds));
            let expiry_ms = (rng.u8(..4) > 0).then(|| rng.u64(..span));
            match rng.u8(..8) {
                0..=2 => {
                    assert_eq!(hash.set(&field, &value, &LIMITS), twin.insert(field, (value, None)).is_none());
                }
                3 => {
                    let kept = twin.get(&field).and_then(|(_, expiry_ms)| *expiry_ms);
                    assert_eq!(hash.set_keep_ttl(&field, &value, &LIMITS), twin.insert(field, (value, kept)).is_none());
                }
                4 => assert_eq!(hash.remove(&field), twin.remove(&field).is_some()),
                5..=6 => {
                    assert_eq!(hash.set_expiry(&field, expiry_ms), twin.contains_key(&field));
                    twin.entry(field).and_modify(|(_, at)| *at = expiry_ms);
                }
                _ => hash = hash.clone(),
            }
            encodings.insert(hash.encoding());
            assert_eq!(hash.next_expiry_ms(), twin.values().filter_map(|(_, at)| *at).min());
            let other = any_word(&mut rng, kinds);
            assert_eq!(hash.expiry_ms(&other), twin.get(&other).map(|(_, at)| *at));
        }
        let mut seen = BTreeMap::new();
        hash.each_with_expiry(|field, value, at| {
            assert!(seen.insert(field.to_vec(), (value.to_vec(), at)).is_none());
        });
        assert_eq!(seen, twin);
        let now_ms = rng.u64(..span);
        let live = twin.values().filter(|(_, at)| at.is_none_or(|at| now_ms <= at)).count();
        assert_eq!(hash.live_len(now_ms), live);
        let mut visited = 0;
        hash.each_live(now_ms, |_, _| visited += 1);
        assert_eq!(visited, live);
        while let Some(field) = hash.first_due(now_ms).map(|field| field.to_vec()) {
            assert_eq!(hash.expiry_ms(&field), Some(hash.next_expiry_ms()));
            hash.remove(&field);
        }
        assert_eq!(hash.len(), live);
    }
    assert_eq!(encodings.len(), 3);
}

#[test]
fn times_take_few_bytes() {
    let mut hash = Hash::default();
    for n in 0..10 {
        hash.set(format!("field{n:03}").as_bytes(), b"val00000", &LIMITS);
        hash.set_expiry(format!("field{n:03}").as_bytes(), Some(1_800_000_000_000));
    }
    assert_eq!(hash.encoding(), "listpackex");
    assert!(hash.mem_bytes() <= 256, "{}", hash.mem_bytes());
}
