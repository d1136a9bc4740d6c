//! The tree against a sorted vector.

use std::cmp::Ordering;

use super::Tree;

type Pair = (f64, u64);

fn order(a: Pair, b: Pair) -> Ordering {
    a.0.partial_cmp(&b.0).unwrap().then(a.1.cmp(&b.1))
}

/// Whether a value a closure was shown is still in the tree (looked up only while that is cheap).
fn alive(model: &[Pair], value: u64) -> bool {
    model.len() > 500 || model.iter().any(|item| item.1 == value)
}

/// The tree and its naive twin.
struct Twin {
    tree: Tree<f64, u64>,
    model: Vec<Pair>,
}

impl Twin {
    fn new() -> Self {
        Twin { tree: Tree::new(), model: Vec::new() }
    }

    fn slot(&self, item: Pair) -> Result<usize, usize> {
        self.model.binary_search_by(|&probe| order(probe, item))
    }

    fn insert(&mut self, item: Pair) {
        let slot = self.slot(item);
        let model = &self.model;
        let fresh = self.tree.insert(item.0, item.1, |v| {
            assert!(alive(model, v));
            v.cmp(&item.1)
        });
        assert_eq!(fresh, slot.is_err());
        if let Err(at) = slot {
            self.model.insert(at, item);
        }
    }

    fn remove(&mut self, item: Pair) {
        let slot = self.slot(item);
        let model = &self.model;
        let removed = self.tree.remove(item.0, |v| {
            assert!(alive(model, v));
            v.cmp(&item.1)
        });
        assert_eq!(removed, slot.ok().map(|at| self.model[at]));
        if let Ok(at) = slot {
            self.model.remove(at);
        }
    }

    fn remove_range(&mut self, start: usize, end: usize) {
        let mut seen = Vec::new();
        let count = self.tree.remove_range(start, end, |k, v| seen.push((k, v)));
        let end = end.min(self.model.len());
        let expected: Vec<_> = if start < end { self.model.drain(start..end).collect() } else { Vec::new() };
        assert_eq!(seen, expected);
        assert_eq!(count, expected.len());
    }

    fn rekey(&mut self, item: Pair, new: f64) {
        let slot = self.slot(item);
        if slot.is_ok() && item.0 != new && self.slot((new, item.1)).is_ok() {
            return;
        }
        assert_eq!(self.tree.rekey(item.0, new, |v| v.cmp(&item.1)), slot.is_ok());
        if let Ok(at) = slot {
            self.model.remove(at);
            let at = self.slot((new, item.1)).unwrap_err();
            self.model.insert(at, (new, item.1));
        }
    }

    fn check(&self) {
        assert_eq!(self.tree.len(), self.model.len());
        self.tree.root.check();
        assert!(self.tree.iter().eq(self.model.iter().copied()));
        assert!(self.tree.iter().rev().eq(self.model.iter().rev().copied()));
        assert_eq!(self.tree.first(), self.model.first().copied());
        assert_eq!(self.tree.last(), self.model.last().copied());
    }

    fn probe(&self, rng: &mut fastrand::Rng) {
        let len = self.model.len();
        let rank = rng.usize(..len + 3);
        assert_eq!(self.tree.get(rank), self.model.get(rank).copied());
        if let Some(&item) = self.model.get(rank) {
            assert_eq!(self.tree.rank_of(item.0, |v| v.cmp(&item.1)), Some(rank));
            assert_eq!(self.tree.rank_of(item.0, |v| v.cmp(&(item.1 ^ (1 << 60)))), self.slot((item.0, item.1 ^ (1 << 60))).ok());
            let below = self.model.partition_point(|probe| probe.0 < item.0);
            assert_eq!(self.tree.rank_where(|k, _| k < item.0), below);
            let through = self.model.partition_point(|&probe| order(probe, item).is_le());
            assert_eq!(self.tree.rank_where(|k, v| order((k, v), item).is_le()), through);
        }
        let end = rank + rng.usize(..200);
        let expected = &self.model[rank.min(len)..end.min(len)];
        let range = self.tree.range(rank, end);
        assert_eq!(range.len(), expected.len());
        assert!(range.clone().eq(expected.iter().copied()));
        assert!(range.clone().rev().eq(expected.iter().rev().copied()));
        let mut both = range;
        let mut low = 0;
        let mut high = expected.len();
        while low < high {
            if rng.bool() {
                assert_eq!(both.next(), Some(expected[low]));
                low += 1;
            } else {
                high -= 1;
                assert_eq!(both.next_back(), Some(expected[high]));
            }
        }
        assert_eq!((both.next(), both.next_back()), (None, None));
    }
}

fn score(rng: &mut fastrand::Rng, spread: u32) -> f64 {
    match rng.u32(..40) {
        0 => f64::NEG_INFINITY,
        1 => f64::INFINITY,
        2 => -0.0,
        3 => 0.0,
        4 => f64::MIN_POSITIVE,
        _ => f64::from(rng.u32(..spread)) - f64::from(spread / 2),
    }
}

#[test]
fn random_work_matches_a_sorted_vector() {
    for seed in 0..12 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let spread = [1, 4, 1000, 1 << 30][seed as usize % 4];
        let mut twin = Twin::new();
        for step in 0..6000 {
            // Phases of growth and of decay; values are small at times, so that duplicates occur.
            let growing = (step / 1500) % 2 == 0;
            let item = (score(&mut rng, spread), rng.u64(..if growing { 5000 } else { 1 << 40 }));
            let known = (!twin.model.is_empty()).then(|| twin.model[rng.usize(..twin.model.len())]);
            match (rng.u32(..100), known) {
                (0..60, _) if growing => twin.insert(item),
                (0..20, _) => twin.insert(item),
                (20..75, Some(known)) => twin.remove(known),
                (75..80, _) => twin.remove(item),
                (80..90, Some(known)) => {
                    let near = known.0 + f64::from(rng.u32(..3)) - 1.0;
                    twin.rekey(known, if rng.bool() { near } else { item.0 });
                }
                (90..92, Some(known)) => {
                    // The same value stands for a member that moved without changing its order.
                    let old = twin.tree.replace(known.0, known.1, |v| v.cmp(&known.1));
                    assert_eq!(old, Some(known.1));
                }
                (92, Some(_)) => assert_eq!(twin.tree.pop_first(), Some(twin.model.remove(0))),
                (93, Some(_)) => assert_eq!(twin.tree.pop_last(), twin.model.pop()),
                (94, _) => {
                    let start = rng.usize(..twin.model.len() + 2);
                    twin.remove_range(start, start + rng.usize(..60));
                }
                _ => twin.probe(&mut rng),
            }
            if step % 64 == 0 {
                twin.check();
            }
        }
        twin.check();
    }
}

#[test]
fn ordered_loads_fill_their_leaves() {
    let count = 20_000_u64;
    let build = |order: &mut dyn Iterator<Item = u64>| {
        let mut tree = Tree::new();
        for n in order {
            assert!(tree.insert(n, n, |v| v.cmp(&n)));
        }
        tree.root.check();
        assert!(tree.iter().map(|item| item.0).eq(0..count));
        tree.mem_bytes() as f64 / count as f64
    };
    assert!(build(&mut (0..count)) < 17.5);
    assert!(build(&mut (0..count).rev()) < 17.5);
    let jittered = |n: u64| if n.is_multiple_of(2) { n + 1 } else { n - 1 };
    assert!(build(&mut (0..count).map(jittered)) < 19.0);
    let mut shuffled: Vec<_> = (0..count).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut shuffled);
    assert!(build(&mut shuffled.into_iter()) < 20.0);
}

#[test]
fn bulk_build_equals_inserts() {
    for count in [0, 1, 2, 63, 64, 65, 129, 4095, 4096, 4097, 4160, 4161, 300_000] {
        let tree = Tree::from_sorted((0..count).map(|n| (n / 3, n)));
        tree.root.check();
        assert_eq!(tree.len() as u64, count);
        assert!(tree.iter().map(|item| item.1).eq(0..count));
        if count > 4000 {
            assert!(tree.mem_bytes() as u64 <= count * 18);
        }
    }
}

#[test]
fn a_shrunken_tree_gives_its_memory_back() {
    let mut rng = fastrand::Rng::with_seed(3);
    for way in 0..4 {
        let mut tree = Tree::from_sorted((0..50_000_u64).map(|n| (n, n)));
        while tree.len() > 5 {
            match way {
                0 => tree.pop_first(),
                1 => tree.pop_last(),
                2 => tree.remove_at(rng.usize(..tree.len())),
                _ => {
                    let start = rng.usize(..tree.len());
                    tree.remove_range(start, start + 1 + rng.usize(..3000), |_, _| ());
                    None
                }
            };
            if tree.len() % 512 == 0 || way == 3 {
                tree.root.check();
                assert!(tree.mem_bytes() <= 2000 + 24 * tree.len(), "{way}: {} items, {} bytes", tree.len(), tree.mem_bytes());
            }
        }
        tree.root.check();
        assert!(tree.mem_bytes() <= 600, "{} bytes", tree.mem_bytes());
        tree.remove_range(0, usize::MAX, |_, _| ());
        assert_eq!((tree.len(), tree.mem_bytes()), (0, 0));
        assert_eq!((tree.pop_first(), tree.pop_last(), tree.first(), tree.last()), (None, None, None, None));
    }
}

#[test]
fn big_trees_survive_big_range_removals() {
    let mut rng = fastrand::Rng::with_seed(11);
    for _ in 0..6 {
        let mut twin = Twin::new();
        twin.model = (0..30_000_u32).map(|n| (f64::from(n / 7), u64::from(n))).collect();
        twin.tree = Tree::from_sorted(twin.model.iter().copied());
        while !twin.model.is_empty() {
            let start = rng.usize(..twin.model.len());
            twin.remove_range(start, start + rng.usize(..12_000));
            twin.tree.root.check();
            assert!(twin.tree.iter().eq(twin.model.iter().copied()));
            for _ in 0..rng.u32(..300) {
                twin.insert((f64::from(rng.u32(..4500)), rng.u64(..1 << 40)));
            }
            if rng.u32(..8) == 0 {
                twin.remove_range(0, rng.usize(..twin.model.len() + 1));
            }
            if twin.model.len() < 1000 {
                twin.remove_range(rng.usize(..5), usize::MAX);
                twin.remove_range(0, 9);
            }
        }
        twin.check();
    }
}

#[test]
fn a_queue_holds_its_size() {
    let mut tree = Tree::new();
    for n in 0..20_000_u64 {
        tree.insert(n, n, |v| v.cmp(&n));
        if n >= 100 {
            assert_eq!(tree.pop_first(), Some((n - 100, n - 100)));
        }
        if n % 256 == 0 {
            tree.root.check();
            assert!(tree.mem_bytes() < 4000);
        }
    }
}

#[test]
fn trees_cross_threads() {
    fn sendable<T: Send + Sync>(_: &T) {}
    sendable(&Tree::<f64, u64>::new());
}
