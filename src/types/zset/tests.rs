//! Both encodings against a sorted vector, and the rules of adding.

use std::cmp::Ordering;

use super::*;

const SMALL: Limits = Limits { max_entries: 128, max_value_bytes: 64 };
const NONE: Limits = Limits { max_entries: 0, max_value_bytes: 0 };
const PLAIN: AddFlags = AddFlags { nx: false, xx: false, gt: false, lt: false, incr: false };

type Pairs = Vec<(Vec<u8>, f64)>;

fn pairs<'a>(members: impl Iterator<Item = (Elem<'a>, f64)>) -> Pairs {
    members.map(|(member, score)| (member.to_vec(), score)).collect()
}

fn order(a: &(Vec<u8>, f64), b: &(Vec<u8>, f64)) -> Ordering {
    a.1.partial_cmp(&b.1).unwrap().then_with(|| a.0.cmp(&b.0))
}

/// An empty set that stays in the one or the other encoding.
fn empty(limits: &Limits) -> Zset {
    Zset::with_hint(1, 1, limits)
}

#[test]
fn is_sixteen_bytes() {
    assert_eq!(size_of::<Zset>(), 16);
}

#[test]
fn random_work_matches_a_sorted_vector() {
    let wide = Limits { max_entries: usize::MAX, max_value_bytes: usize::MAX };
    for (seed, limits) in [NONE, wide, SMALL, NONE, wide, SMALL].iter().enumerate() {
        let mut rng = fastrand::Rng::with_seed(seed as u64);
        let mut zset = empty(limits);
        let mut model = Pairs::new();
        for step in 0..4000 {
            let name = rng.u32(..300);
            let member = match rng.u32(..3) {
                0 => name.to_string(),
                1 => format!("m{name}"),
                _ => "long".repeat(name as usize % 20),
            }
            .into_bytes();
            let score = match rng.u32(..20) {
                0 => f64::INFINITY,
                1 => f64::NEG_INFINITY,
                2 => 0.1 + f64::from(rng.u32(..3)),
                _ => f64::from(rng.u32(..6)),
            };
            let known = model.iter().position(|pair| pair.0 == member);
            match rng.u32(..12) {
                0..6 => {
                    let outcome = zset.add(&member, score, PLAIN, limits);
                    let expected = match known {
                        None => Outcome::Added(score),
                        Some(at) if model[at].1 == score => Outcome::Same(score),
                        Some(_) => Outcome::Updated(score),
                    };
                    assert_eq!(outcome, expected);
                    model.retain(|pair| pair.0 != member);
                    model.push((member, score));
                    model.sort_by(order);
                }
                6..8 => assert_eq!(zset.remove(&member), known.map(|at| model.remove(at).1)),
                8 if step % 7 == 0 => {
                    let start = rng.usize(..=model.len());
                    let end = start + rng.usize(..20);
                    let gone = model.drain(start..end.min(model.len())).count();
                    assert_eq!(zset.remove_range(start..end), gone);
                }
                9 if step % 5 == 0 => {
                    let mut seen = Pairs::new();
                    let count = rng.usize(..4);
                    let keep = model.len() - count.min(model.len());
                    let expected: Pairs = if rng.bool() {
                        zset.pop_max(count, |(member, score)| seen.push((member.to_vec(), score)));
                        model.drain(keep..).rev().collect()
                    } else {
                        zset.pop_min(count, |(member, score)| seen.push((member.to_vec(), score)));
                        model.drain(..model.len() - keep).collect()
                    };
                    assert_eq!(seen, expected);
                }
                10 => {
                    assert_eq!(zset.score(&member), known.map(|at| model[at].1));
                    assert_eq!(zset.rank(&member, false), known.map(|at| (at, model[at].1)));
                    let from_top = known.map(|at| (model.len() - 1 - at, model[at].1));
                    assert_eq!(zset.rank(&member, true), from_top);
                }
                _ => {
                    let range = ScoreRange { min: score, max: f64::from(rng.u32(..6)), min_ex: rng.bool(), max_ex: rng.bool() };
                    let ranks = zset.score_ranks(&range);
                    let expected: Pairs = model.iter().filter(|pair| range.contains(pair.1)).cloned().collect();
                    assert_eq!(ranks.len(), expected.len());
                    assert_eq!(pairs(zset.range(ranks.clone())), expected);
                    assert!(pairs(zset.range(ranks).rev()).iter().eq(expected.iter().rev()));
                }
            }
            if step % 50 == 0 {
                assert_eq!(zset.len(), model.len());
                assert_eq!(zset.is_empty(), model.is_empty());
                assert_eq!(pairs(zset.iter()), model);
                assert_eq!(pairs(zset.clone().iter()), model);
                let start = rng.usize(..model.len() + 1);
                let end = rng.usize(start..model.len() + 1);
                assert!(pairs(zset.range(start..end).rev()).iter().eq(model[start..end].iter().rev()));
                let mut scanned = Pairs::new();
                let mut cursor = 0;
                loop {
                    cursor = zset.scan(cursor, |member, score| scanned.push((member.to_vec(), score)));
                    if cursor == 0 {
                        break;
                    }
                }
                scanned.sort_by(order);
                assert_eq!(scanned, model);
            }
        }
    }
}

#[test]
fn lex_ranges_on_equal_scores() {
    for limits in [SMALL, NONE] {
        let mut zset = empty(&limits);
        let members = ["", "1", "10", "9", "a", "aa", "b", "z"];
        for member in members {
            zset.add(member.as_bytes(), 0.0, PLAIN, &limits);
        }
        let count = |min: &str, max: &str| zset.lex_ranks(&LexRange::parse(min.as_bytes(), max.as_bytes()).unwrap());
        assert_eq!(count("-", "+"), 0..8);
        assert_eq!(count("[1", "(9"), 1..3);
        assert_eq!(count("(1", "[9"), 2..4);
        assert_eq!(count("[aa", "[aa"), 5..6);
        assert!(count("(aa", "[aa").is_empty());
        assert!(count("+", "-").is_empty());
        assert!(count("[z", "[a").is_empty());
        assert_eq!(count("(z", "+"), 8..8);
    }
}

#[test]
fn flags_decide_what_is_added() {
    for limits in [SMALL, NONE] {
        let mut zset = empty(&limits);
        let with = |set: fn(&mut AddFlags)| {
            let mut flags = PLAIN;
            set(&mut flags);
            flags
        };
        let nx = with(|flags| flags.nx = true);
        let xx = with(|flags| flags.xx = true);
        let gt = with(|flags| flags.gt = true);
        let lt = with(|flags| flags.lt = true);
        let incr = with(|flags| flags.incr = true);
        let incr_lt = with(|flags| (flags.incr, flags.lt) = (true, true));
        assert_eq!(zset.add(b"a", f64::NAN, PLAIN, &limits), Outcome::NotANumber);
        assert_eq!(zset.add(b"a", 1.0, xx, &limits), Outcome::Skipped);
        assert_eq!(zset.add(b"a", 1.0, gt, &limits), Outcome::Added(1.0));
        assert_eq!(zset.add(b"a", 2.0, nx, &limits), Outcome::Skipped);
        assert_eq!(zset.add(b"a", 1.0, xx, &limits), Outcome::Same(1.0));
        assert_eq!(zset.add(b"a", 1.0, gt, &limits), Outcome::Skipped);
        assert_eq!(zset.add(b"a", 0.5, gt, &limits), Outcome::Skipped);
        assert_eq!(zset.add(b"a", 3.0, gt, &limits), Outcome::Updated(3.0));
        assert_eq!(zset.add(b"a", 4.0, lt, &limits), Outcome::Skipped);
        assert_eq!(zset.add(b"a", 2.0, lt, &limits), Outcome::Updated(2.0));
        assert_eq!(zset.add(b"a", 2.5, incr, &limits), Outcome::Updated(4.5));
        assert_eq!(zset.add(b"a", 1.0, incr_lt, &limits), Outcome::Skipped);
        assert_eq!(zset.add(b"b", 7.0, incr, &limits), Outcome::Added(7.0));
        assert_eq!(zset.add(b"c", f64::INFINITY, PLAIN, &limits), Outcome::Added(f64::INFINITY));
        assert_eq!(zset.add(b"c", f64::NEG_INFINITY, incr, &limits), Outcome::NotANumber);
        assert_eq!(zset.score(b"c"), Some(f64::INFINITY));
        assert_eq!(zset.len(), 3);
    }
}

#[test]
fn a_member_keeps_its_zero_where_the_encoding_can() {
    let mut large = empty(&NONE);
    large.add(b"a", -0.0, PLAIN, &NONE);
    assert_eq!(large.add(b"a", 0.0, PLAIN, &NONE), Outcome::Same(0.0));
    assert!(large.score(b"a").unwrap().is_sign_negative());
    let mut small = empty(&SMALL);
    small.add(b"a", -0.0, PLAIN, &SMALL);
    assert!(small.score(b"a").unwrap().is_sign_positive());
}

#[test]
fn limits_choose_the_encoding() {
    let mut zset = empty(&SMALL);
    for n in 0..128 {
        zset.add(format!("{n}").as_bytes(), f64::from(n), PLAIN, &SMALL);
    }
    assert_eq!(zset.encoding(), "listpack");
    zset.add(b"5", 500.0, PLAIN, &SMALL);
    assert_eq!(zset.encoding(), "listpack");
    zset.add(b"more", 1.0, AddFlags { xx: true, ..PLAIN }, &SMALL);
    assert_eq!(zset.encoding(), "listpack");
    let before = pairs(zset.iter());
    zset.add(b"more", 1000.0, PLAIN, &SMALL);
    assert_eq!(zset.encoding(), "skiplist");
    assert_eq!(zset.remove(b"more"), Some(1000.0));
    assert_eq!((zset.encoding(), pairs(zset.iter())), ("skiplist", before.clone()));
    zset.pack(&Limits { max_entries: 127, ..SMALL });
    assert_eq!(zset.encoding(), "skiplist");
    zset.pack(&Limits { max_value_bytes: 2, ..SMALL });
    assert_eq!(zset.encoding(), "skiplist");
    zset.pack(&SMALL);
    assert_eq!((zset.encoding(), pairs(zset.iter())), ("listpack", before));
    let list = zset.as_listpack().unwrap().clone();
    assert_eq!(pairs(Zset::from_listpack(list, &SMALL).unwrap().iter()), pairs(zset.iter()));

    let mut zset = empty(&SMALL);
    zset.add(&[b'x'; 64], 1.0, PLAIN, &SMALL);
    assert_eq!(zset.encoding(), "listpack");
    zset.hint(128, &SMALL);
    assert_eq!(zset.encoding(), "listpack");
    zset.add(&[b'y'; 65], 1.0, PLAIN, &SMALL);
    assert_eq!((zset.encoding(), zset.len()), ("skiplist", 2));
    let mut zset = empty(&SMALL);
    zset.hint(129, &SMALL);
    assert_eq!(zset.encoding(), "skiplist");
    assert_eq!(Zset::with_hint(129, 1, &SMALL).encoding(), "skiplist");
    assert_eq!(Zset::with_hint(1, 65, &SMALL).encoding(), "skiplist");
}

#[test]
fn samples_are_distinct_and_reach_everyone() {
    let mut rng = fastrand::Rng::with_seed(9);
    for (limits, len) in [(SMALL, 100), (NONE, 100), (NONE, 2000)] {
        let mut zset = empty(&limits);
        assert!(zset.random(&mut rng).is_none());
        for n in 0..len {
            zset.add(n.to_string().as_bytes(), f64::from(n), PLAIN, &limits);
        }
        for count in [0, 1, 7, 50, 99, 100, usize::MAX] {
            let mut seen = Vec::new();
            zset.sample(&mut rng, count, |(member, _)| seen.push(member.to_vec()));
            assert_eq!(seen.len(), count.min(len as usize));
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), count.min(len as usize));
        }
        let mut hits = vec![0; len as usize];
        for _ in 0..len {
            zset.sample(&mut rng, 20, |(_, score)| hits[score as usize] += 1);
            hits[zset.random(&mut rng).unwrap().1 as usize] += 1;
        }
        // 21 expected; the chance that this fails for a fair choice is below one in a billion.
        assert!(hits.iter().all(|&count| count > 0 && count < 70));
    }
}
