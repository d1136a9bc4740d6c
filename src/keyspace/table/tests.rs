//! The table against a plain map, and each of its promises by itself.

use super::*;
use crate::util::hash::spread;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ptr::NonNull;
use std::sync::Arc;

/// A boxed key with a value. Its hash is a fixed mix of its number, so that runs repeat.
struct Record {
    id: u64,
    key: [u8; 8],
    value: u64,
    alive: Arc<()>,
}

#[repr(transparent)]
struct Boxed(TagPtr);

impl Boxed {
    fn new(id: u64, value: u64, alive: &Arc<()>) -> Boxed {
        let record = Box::new(Record { id, key: id.to_le_bytes(), value, alive: alive.clone() });
        Boxed(TagPtr::new(NonNull::from(Box::leak(record)).cast()))
    }

    fn get(&self) -> &Record {
        // SAFETY: the box that `new` leaked, alive until Drop.
        unsafe { self.0.get().cast::<Record>().as_ref() }
    }

    fn get_mut(&mut self) -> &mut Record {
        // SAFETY: as in `get`, and `&mut self` is the only way to it.
        unsafe { self.0.get().cast::<Record>().as_mut() }
    }

    /// Moves the record elsewhere, as growing a value in place does.
    fn reallocate(&mut self) {
        let record = Box::new(Record { alive: self.get().alive.clone(), ..*self.get() });
        let old = self.0.get().cast::<Record>();
        self.0.set(NonNull::from(Box::leak(record)).cast());
        // SAFETY: the box that `new` or this function leaked, not pointed to any more.
        drop(unsafe { Box::from_raw(old.as_ptr()) });
    }
}

impl Drop for Boxed {
    fn drop(&mut self) {
        // SAFETY: the box that `new` leaked; nobody else owns it.
        drop(unsafe { Box::from_raw(self.0.get().cast::<Record>().as_ptr()) });
    }
}

// SAFETY: transparent over TagPtr, reads through TagPtr::get, and a box can be moved freely.
unsafe impl Slot for Boxed {
    fn key(&self) -> &[u8] {
        &self.get().key
    }

    fn hash(&self) -> u64 {
        hash_of(self.get().id)
    }
}

// SAFETY: the records are owned and hold nothing tied to a thread.
unsafe impl Send for Boxed {}

/// Numbers from `SAME` on share one hash, those from `ALIKE` on the first 40 bits of it.
const ALIKE: u64 = 1 << 40;
const SAME: u64 = 1 << 41;

fn hash_of(id: u64) -> u64 {
    let mixed = (id ^ id >> 30).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    let mixed = mixed ^ mixed >> 31;
    match id {
        SAME.. => 0x1234_5678_9abc_def0,
        ALIKE.. => 0xfedc_ba98_7600_0000 | mixed >> 40,
        _ => spread(mixed),
    }
}

/// A table, the map it must equal, and the counter of live records.
struct Pair {
    table: Table<Boxed>,
    model: BTreeMap<u64, u64>,
    alive: Arc<()>,
}

impl Pair {
    fn new() -> Pair {
        Pair { table: Table::new(), model: BTreeMap::new(), alive: Arc::new(()) }
    }

    fn with(ids: impl IntoIterator<Item = u64>) -> Pair {
        let mut pair = Pair::new();
        ids.into_iter().for_each(|id| pair.insert(id, id));
        pair
    }

    fn insert(&mut self, id: u64, value: u64) {
        let hash = hash_of(id);
        match self.table.locate(hash, &id.to_le_bytes()) {
            None => {
                let loc = self.table.insert_unique(hash, Boxed::new(id, value, &self.alive));
                assert_eq!(self.table.at(loc).get().id, id);
            }
            Some(loc) => match value % 4 {
                0 => self.table.at_mut(loc).get_mut().value = value,
                1 => {
                    let item = self.table.find_mut(hash, &id.to_le_bytes()).expect("located");
                    item.reallocate();
                    item.get_mut().value = value;
                }
                2 => self.table.rebuild(loc, |item| Boxed::new(item.get().id, value, &self.alive)),
                _ => {
                    let old = self.table.replace(loc, Boxed::new(id, value, &self.alive));
                    assert_eq!(old.get().id, id);
                }
            },
        }
        self.model.insert(id, value);
    }

    fn remove(&mut self, id: u64) {
        let removed = self.table.remove(hash_of(id), &id.to_le_bytes());
        assert_eq!(removed.map(|item| item.get().value), self.model.remove(&id));
    }

    /// Everything that must hold at any time; costs a walk of everything.
    fn check(&self) {
        assert_eq!(self.table.len(), self.model.len());
        assert_eq!(Arc::strong_count(&self.alive), self.model.len() + 1);
        for (&id, &value) in &self.model {
            let item = self.table.find(hash_of(id), &id.to_le_bytes()).expect("present in the model");
            assert_eq!((item.get().id, item.get().value), (id, value));
        }
        let seen: HashSet<u64> = self.table.iter().map(|item| item.get().id).collect();
        assert_eq!(seen.len(), self.model.len());
        let stats = self.table.stats();
        assert_eq!(stats.distances.iter().sum::<usize>(), self.table.len());
        assert_eq!(stats.fills.iter().enumerate().map(|(fill, count)| fill * count).sum::<usize>(), self.table.len());
        let (mut bytes, mut count) = (0, 0);
        let directory = &self.table.directory;
        for (first, word, elements) in directory.segments() {
            bytes += word.bytes();
            count += elements;
            let range = first..first + directory.width(word);
            assert!(range.clone().all(|place| directory.at(place) == word));
            // SAFETY: a segment of the table, which nobody changes now.
            let slots = unsafe { word.view() }.iter().map(|bucket| bucket.occupied().count());
            assert_eq!(slots.sum::<usize>(), elements);
        }
        for item in &self.table {
            let word = directory.word(item.hash());
            let own = word.base().cast_const().cast::<u8>()..word.base().wrapping_add(word.buckets()).cast_const().cast();
            assert!(own.contains(&std::ptr::from_ref(item).cast()), "in the segment its hash leads to");
        }
        assert_eq!((bytes, count), (self.table.segment_bytes, self.table.len()));
        let depth = self.table.directory.segments().map(|(_, word, _)| word.depth()).max();
        assert!(depth <= Some(self.table.directory.depth()));
    }

    fn scan_all(&self) -> HashMap<u64, usize> {
        let (mut seen, mut cursor) = (HashMap::new(), 0);
        loop {
            cursor = self.table.scan(cursor, |item| *seen.entry(item.get().id).or_default() += 1);
            if cursor == 0 {
                return seen;
            }
            assert!(cursor < 1 << 48);
        }
    }
}

#[test]
fn behaves_as_a_map_at_any_size() {
    for (seed, keys, rounds) in [(1, 6, 3000), (2, 60, 6000), (3, 900, 20_000), (4, 20_000, 120_000)] {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut pair = Pair::new();
        for round in 0..rounds {
            // Tides: mostly insertions, then mostly deletions, so that the size sweeps the whole range.
            let rising = (round / (rounds / 6)) % 2 == 0;
            let id = rng.u64(..keys);
            match rng.u32(..10) {
                0 => pair.insert(id, rng.u64(..)),
                1 => pair.remove(id),
                2 => assert_eq!(
                    pair.table.find(hash_of(id), &id.to_le_bytes()).map(|item| item.get().value),
                    pair.model.get(&id).copied()
                ),
                3 => pair.table.set_frozen(rng.u32(..5) == 0),
                _ if rising => pair.insert(id, rng.u64(..)),
                _ => pair.remove(id),
            }
            if round % (rounds / 30) == 0 {
                pair.check();
                assert_eq!(pair.scan_all().len(), pair.model.len());
            }
        }
        pair.check();
    }
}

#[test]
fn colliding_hashes_slow_it_down_and_break_nothing() {
    let mut rng = fastrand::Rng::with_seed(5);
    let mut pair = Pair::new();
    for base in [ALIKE, SAME] {
        for _ in 0..3000 {
            let id = base + rng.u64(..1200);
            if rng.u32(..3) > 0 { pair.insert(id, 1) } else { pair.remove(id) }
        }
        pair.check();
        assert_eq!(pair.scan_all().len(), pair.model.len());
    }
    (0..5000).for_each(|id| pair.insert(id, 2));
    pair.check();
    assert!(pair.scan_all().values().all(|&times| times == 1));
    (ALIKE..ALIKE + 1200).chain(SAME..SAME + 1200).chain(0..5000).for_each(|id| pair.remove(id));
    pair.check();
    assert_eq!(pair.table.mem_bytes(), 0);
}

#[test]
fn scan_returns_all_that_stays_whatever_else_comes_and_goes() {
    let mut rng = fastrand::Rng::with_seed(6);
    let mut repeated = 0;
    for (stay, others, churn) in [(3, 20, 3), (40, 400, 30), (500, 20_000, 900), (30, 30_000, 700), (4000, 4000, 20)] {
        for rising in [false, true] {
            let mut pair = Pair::with(0..stay);
            if !rising {
                (stay..stay + others).for_each(|id| pair.insert(id, id));
            }
            let (mut seen, mut cursor) = (HashMap::<u64, usize>::new(), 0);
            loop {
                cursor = pair.table.scan(cursor, |item| *seen.entry(item.get().id).or_default() += 1);
                if cursor == 0 {
                    break;
                }
                for _ in 0..rng.usize(..churn) {
                    let id = stay + rng.u64(..others);
                    // Against the tide now and then.
                    if rising != (rng.u32(..8) == 0) { pair.insert(id, id) } else { pair.remove(id) }
                }
            }
            assert!((0..stay).all(|id| seen.contains_key(&id)));
            let twice = (0..stay).filter(|id| seen[id] > 1).count();
            repeated += twice;
            assert!(!rising || twice == 0 || stay > 3000, "growth alone repeats nothing");
            pair.check();
        }
    }
    assert!(repeated < 200, "{repeated} repetitions");
}

#[test]
fn scan_visits_each_element_once_when_nothing_changes() {
    for count in [0, 1, 7, 8, 9, 100, 480, 481, 3000, 50_000] {
        let pair = Pair::with(0..count);
        let seen = pair.scan_all();
        assert_eq!(seen.len() as u64, count);
        assert!(seen.values().all(|&times| times == 1));
    }
}

#[test]
fn any_number_is_a_cursor_and_scan_always_moves_on() {
    let mut rng = fastrand::Rng::with_seed(7);
    let pair = Pair::with(0..3000);
    for _ in 0..20_000 {
        let cursor = rng.u64(..) >> rng.u32(..64);
        let next = pair.table.scan(cursor, |_| ());
        assert!(next == 0 || next > cursor);
    }
    assert_eq!(pair.table.scan(u64::MAX, |_| ()), 0);
    assert_eq!(Table::<Boxed>::new().scan(0, |_| ()), 0);
}

#[test]
fn random_elements_are_fair_even_where_segments_differ() {
    let mut rng = fastrand::Rng::with_seed(8);
    // One segment; a few of different depth; one crowded by colliding hashes; a table thinned out while frozen.
    let mut thinned = Pair::with(0..6000);
    thinned.table.set_frozen(true);
    (200..6000).for_each(|id| thinned.remove(id));
    let mut lopsided = Pair::with(0..700);
    (ALIKE..ALIKE + 300).for_each(|id| lopsided.insert(id, id));
    for pair in [Pair::with(0..5), Pair::with(0..300), Pair::with(0..1000), lopsided, thinned] {
        let expected = 200;
        let mut times: HashMap<u64, u32> = HashMap::new();
        for _ in 0..expected * pair.model.len() {
            *times.entry(pair.table.random(&mut rng).expect("not empty").get().id).or_default() += 1;
        }
        let deviation = |id| (f64::from(times.get(id).copied().unwrap_or(0)) - expected as f64).powi(2) / expected as f64;
        let chi_squared: f64 = pair.model.keys().map(deviation).sum();
        let freedom = pair.model.len() as f64;
        assert!((chi_squared - freedom).abs() < 5.0 * (2.0 * freedom).sqrt(), "{chi_squared} of {freedom}");
    }
    assert!(Table::<Boxed>::new().random(&mut rng).is_none());
}

#[test]
fn random_finds_the_only_element_of_a_table_that_could_not_shrink() {
    let mut rng = fastrand::Rng::with_seed(9);
    let mut pair = Pair::with(0..30_000);
    pair.table.set_frozen(true);
    (1..30_000).for_each(|id| pair.remove(id));
    for _ in 0..50 {
        assert_eq!(pair.table.random(&mut rng).map(|item| item.get().id), Some(0));
    }
}

#[test]
fn samples_are_different_elements() {
    let mut rng = fastrand::Rng::with_seed(10);
    for count in [0, 1, 9, 600, 5000] {
        let pair = Pair::with(0..count);
        let mut ever = HashSet::new();
        for wanted in [0, 1, 5, 16, 700].into_iter().cycle().take(200) {
            let mut seen = HashSet::new();
            let visited = pair.table.sample(&mut rng, wanted, |item| assert!(seen.insert(item.get().id)));
            assert_eq!(visited, seen.len());
            assert_eq!(visited, wanted.min(count as usize));
            ever.extend(seen);
        }
        assert!(ever.len() as u64 * 10 >= count * 9);
    }
}

#[test]
fn a_stale_location_is_refused_or_names_another_element() {
    let mut pair = Pair::with(0..3000);
    let locs: Vec<Loc> = pair
        .table
        .iter()
        .map(|item| item.get().id)
        .collect::<Vec<_>>()
        .into_iter()
        .filter_map(|id| pair.table.locate(hash_of(id), &id.to_le_bytes()))
        .collect();
    assert_eq!(locs.len(), 3000);
    (0..2990).for_each(|id| pair.remove(id));
    let refused = |loc| std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pair.table.at(loc).get().id)).is_err();
    let there = locs.into_iter().filter(|&loc| !refused(loc)).count();
    assert!(there < 3000);
    pair.check();
}

#[test]
fn an_element_lost_to_a_panic_is_not_counted() {
    let mut pair = Pair::with(0..100);
    let loc = pair.table.locate(hash_of(5), &5_u64.to_le_bytes()).expect("present");
    let panics = std::panic::AssertUnwindSafe(|| pair.table.rebuild(loc, |_| panic!("as the test wants")));
    assert!(std::panic::catch_unwind(panics).is_err());
    pair.model.remove(&5);
    assert_eq!(pair.table.len(), 99);
    pair.insert(5, 6);
    pair.check();
}

#[test]
fn memory_comes_back() {
    let mut pair = Pair::with(0..40_000);
    assert!(pair.table.mem_bytes() < 40_000 * 11);
    (10..40_000).for_each(|id| pair.remove(id));
    pair.check();
    assert!(pair.table.mem_bytes() <= 256, "{}", pair.table.mem_bytes());
    (0..10).for_each(|id| pair.remove(id));
    assert_eq!(pair.table.mem_bytes(), 0);
    let mut pair = Pair::with(0..40_000);
    pair.table.clear();
    pair.model.clear();
    pair.check();
    assert_eq!(pair.table.mem_bytes(), 0);
    pair.insert(1, 1);
    pair.check();
}

#[test]
fn frozen_tables_shrink_only_afterwards() {
    let mut pair = Pair::with(0..20_000);
    pair.table.set_frozen(true);
    let before = pair.table.mem_bytes();
    (100..20_000).for_each(|id| pair.remove(id));
    assert_eq!(pair.table.mem_bytes(), before);
    pair.check();
    pair.table.set_frozen(false);
    let mut cursor = 0;
    loop {
        cursor = pair.table.tidy(cursor, 3);
        if cursor == 0 {
            break;
        }
    }
    pair.check();
    assert!(pair.table.mem_bytes() <= 2048);
}

#[test]
fn retain_keeps_what_it_is_told_to() {
    for frozen in [false, true] {
        for count in [0, 1, 8, 500, 12_000] {
            let mut pair = Pair::with(0..count);
            pair.table.set_frozen(frozen);
            pair.table.retain(|item| {
                item.get_mut().value += 1;
                item.get().id % 7 == 0
            });
            pair.model.retain(|id, value| {
                *value += 1;
                id % 7 == 0
            });
            pair.check();
            assert_eq!(pair.scan_all().len(), pair.model.len());
        }
    }
}

#[test]
fn draining_gives_every_element_once_and_drops_the_rest() {
    let mut pair = Pair::with(0..5000);
    let mut drain = pair.table.drain();
    assert_eq!(drain.len(), 5000);
    let taken: Vec<Boxed> = drain.by_ref().take(2000).collect();
    assert_eq!((drain.len(), pair.table.len()), (3000, 0));
    pair.table.insert_unique(hash_of(1), Boxed::new(1, 1, &pair.alive));
    drop(drain);
    assert_eq!(taken.iter().map(|item| item.get().id).collect::<HashSet<_>>().len(), 2000);
    assert_eq!(Arc::strong_count(&pair.alive), 1 + 2000 + 1);
    drop(taken);
    drop(pair.table);
    assert_eq!(Arc::strong_count(&pair.alive), 1);
}

#[test]
fn lookups_by_predicate_and_prefetching() {
    let mut pair = Pair::with(0..2000);
    for id in 0..2000 {
        pair.table.prefetch_bucket(hash_of(id));
        pair.table.prefetch_item(hash_of(id));
        let by_value = |item: &Boxed| item.get().value == id;
        assert_eq!(pair.table.find_by(hash_of(id), by_value).map(|item| item.get().id), Some(id));
        assert!(pair.table.locate_by(hash_of(id), |_| false).is_none());
    }
    assert!(pair.table.remove_by(hash_of(7), |item| item.get().id == 7).is_some());
    pair.model.remove(&7);
    pair.check();
    assert!(pair.table.stats().to_string().contains("number of elements: 1999"));
}

#[test]
fn tables_go_to_other_threads_with_their_items() {
    let mut pair = Pair::with(0..1000);
    let table = std::mem::take(&mut pair.table);
    assert_eq!(std::thread::spawn(move || table.iter().count()).join().expect("no panic"), 1000);
    assert_eq!(Arc::strong_count(&pair.alive), 1);
}
