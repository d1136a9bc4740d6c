//! The set against a plain one, and the encodings it takes on the way.

use std::collections::BTreeSet;

use super::*;

const LIMITS: Limits = Limits { intset_entries: 32, listpack_entries: 24, listpack_value_bytes: 20 };

fn texts(set: &Set) -> BTreeSet<Vec<u8>> {
    let members: BTreeSet<_> = set.iter().map(|member| member.to_vec()).collect();
    assert_eq!(members.len(), set.len());
    members
}

fn filled<'a>(members: impl IntoIterator<Item = &'a str>) -> Set {
    let mut set = Set::default();
    for member in members {
        set.add(member.as_bytes(), &LIMITS);
    }
    set
}

/// A member out of few, of all kinds.
fn any_member(rng: &mut fastrand::Rng, kinds: u8) -> Vec<u8> {
    match rng.u8(..kinds) {
        0 => rng.i64(-40..40).to_string().into_bytes(),
        1 => (i64::MIN + rng.i64(..).rem_euclid(20)).to_string().into_bytes(),
        2 => format!("m{}", rng.u8(..40)).into_bytes(),
        3 => format!("00{}", rng.u8(..20)).into_bytes(),
        _ => vec![b'x'; rng.usize(15..26)],
    }
}

#[test]
fn agrees_with_a_plain_set() {
    let mut rng = fastrand::Rng::with_seed(5);
    let mut encodings = BTreeSet::new();
    for round in 0..250 {
        let mut set = Set::default();
        let mut twin = BTreeSet::new();
        let kinds = round % 5 + 1;
        for _ in 0..rng.usize(..300) {
            let member = any_member(&mut rng, kinds);
            match rng.u8(..10) {
                0..=4 => assert_eq!(set.add(&member, &LIMITS), twin.insert(member)),
                5..=6 => assert_eq!(set.remove(&member), twin.remove(&member)),
                7 => {
                    let popped = set.pop(&mut rng, |member| member.to_vec());
                    assert_eq!(popped.is_some(), !twin.is_empty());
                    assert!(popped.is_none_or(|popped| twin.remove(&popped)));
                }
                8 => {
                    let mut taken = Vec::new();
                    let count = rng.usize(..6).min(set.len() * rng.usize(..2));
                    set.pop_many(&mut rng, count, &LIMITS, |member| taken.push(member.to_vec()));
                    assert_eq!(taken.len(), count);
                    assert!(taken.iter().all(|member| twin.remove(member)));
                }
                _ => {
                    let copy = set.clone();
                    set = copy;
                }
            }
            encodings.insert(set.encoding());
            let other = any_member(&mut rng, 5);
            assert_eq!(set.contains(&other), twin.contains(&other));
            assert_eq!(set.contains_probe(&mut Probe::new(Elem::Bytes(&other))), twin.contains(&other));
            assert!(set.random(&mut rng).is_none_or(|member| twin.contains(&member.to_vec())));
        }
        assert_eq!(texts(&set), twin);
        let mut seen = BTreeSet::new();
        let mut cursor = 0;
        loop {
            cursor = set.scan(cursor, |member| assert!(seen.insert(member.to_vec())));
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen, twin);
        set.pack(&LIMITS);
        assert_eq!(texts(&set), twin);
    }
    assert_eq!(encodings.len(), 3);
}

#[test]
fn encodings_follow_the_limits() {
    assert_eq!(filled(["1", "2"]).encoding(), "intset");
    assert_eq!(filled(["1", "2", "a"]).encoding(), "listpack");
    assert_eq!(filled(["1", "2", "aaaaaaaaaaaaaaaaaaaaa"]).encoding(), "hashtable");
    // An integer too long for a listpack's limit keeps the others out of one.
    let narrow = Limits { listpack_value_bytes: 3, ..LIMITS };
    let mut set = filled(["1000"]);
    set.add(b"a", &narrow);
    assert_eq!(set.encoding(), "hashtable");

    let numbers: Vec<String> = (0..33).map(|n| n.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    assert_eq!(filled(numbers[..32].iter().copied()).encoding(), "intset");
    assert_eq!(filled(numbers.iter().copied()).encoding(), "hashtable");
    assert_eq!(filled(numbers[..24].iter().copied().chain(["a"])).encoding(), "hashtable");
    assert_eq!(filled(numbers[..23].iter().copied().chain(["a"])).encoding(), "listpack");

    for (first, count, encoding) in [("1", 32, "intset"), ("1", 33, "hashtable"), ("a", 24, "listpack"), ("a", 25, "hashtable")] {
        let mut set = Set::default();
        set.expect_first(first.as_bytes(), count, &LIMITS);
        assert_eq!(set.encoding(), encoding);
    }
    let mut set = filled(["a"]);
    set.expect(24, &LIMITS);
    assert_eq!(set.encoding(), "listpack");
    set.expect(25, &LIMITS);
    assert_eq!(set.encoding(), "hashtable");
    set.pack(&LIMITS);
    assert_eq!(set.encoding(), "listpack");
    set.add(b"1", &LIMITS);
    set.remove(b"a");
    set.pack(&LIMITS);
    assert_eq!(set.encoding(), "intset");
}

#[test]
fn foreign_bytes_are_looked_through() {
    let twice = Listpack::from_elems([Elem::Int(1), Elem::Bytes(b"a"), Elem::Int(1)]).unwrap();
    assert!(Set::from_listpack(twice, &LIMITS, true).is_none());
    let many = Listpack::from_elems((0..99).map(Elem::Int)).unwrap();
    assert_eq!(Set::from_listpack(many, &LIMITS, false).unwrap().encoding(), "hashtable");
    let mut ints = Intset::new();
    (0..33).for_each(|n| assert_eq!(ints.add(n), Ok(true)));
    assert_eq!(Set::from_intset(ints, &LIMITS).encoding(), "hashtable");
}

#[test]
fn random_choices_are_fair() {
    let mut rng = fastrand::Rng::with_seed(9);
    let names: Vec<String> = (0..10).map(|n| format!("member{n}")).collect();
    let mut table = filled(names.iter().map(String::as_str));
    table.unpack();
    for set in [filled(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]), filled(names.iter().map(String::as_str)), table] {
        let mut counts = [0_u32; 10];
        let index = |member: Elem<'_>| usize::from(member.to_vec().last().copied().unwrap() - b'0');
        for _ in 0..5000 {
            counts[index(set.random(&mut rng).unwrap())] += 1;
            set.sample(&mut rng, 3, |member| counts[index(member)] += 1);
            let mut copy = set.clone();
            copy.pop(&mut rng, |member| counts[index(member)] += 1);
            copy = set.clone();
            copy.pop_many(&mut rng, 9, &LIMITS, |member| counts[index(member)] += 1);
        }
        // 14 choices each time: 7000 for each member, give or take six standard deviations.
        assert!(counts.iter().all(|count| (6600..7400).contains(count)), "{} {counts:?}", set.encoding());
    }
}

#[test]
fn big_sets_sample_and_pop() {
    let mut rng = fastrand::Rng::with_seed(10);
    let mut set = Set::default();
    for n in 0..20_000 {
        set.add(format!("member:{n:07}").as_bytes(), &LIMITS);
    }
    for count in [1, 100, 5000, 19_999, 20_000, 30_000] {
        let mut seen = BTreeSet::new();
        set.sample(&mut rng, count, |member| assert!(seen.insert(member.to_vec())));
        assert_eq!(seen.len(), count.min(20_000));
        let mut copy = set.clone();
        let mut popped = BTreeSet::new();
        copy.pop_many(&mut rng, count, &LIMITS, |member| assert!(popped.insert(member.to_vec())));
        assert_eq!(popped.len(), count.min(20_000));
        assert_eq!(copy.len(), 20_000 - popped.len());
        assert!(copy.iter().all(|member| !popped.contains(&member.to_vec())));
        assert_eq!(
            copy.encoding(),
            if count < 19_999 {
                "hashtable"
            } else if count == 19_999 {
                "listpack"
            } else {
                "intset"
            }
        );
    }
}

#[test]
fn memory_per_member_is_as_announced() {
    let mut set = Set::default();
    let count = 100_000_u32;
    for n in 0..count {
        set.add(format!("member:{n:07}").as_bytes(), &LIMITS);
    }
    let per_member = set.mem_bytes() as f64 / f64::from(count);
    assert!(per_member < 26.5, "{per_member}");
    let mut set = Set::default();
    for n in 0..count {
        set.add((1_000_000_000_u64 + u64::from(n)).to_string().as_bytes(), &LIMITS);
    }
    let per_member = set.mem_bytes() as f64 / f64::from(count);
    assert!(per_member < 18.5, "{per_member}");
}
