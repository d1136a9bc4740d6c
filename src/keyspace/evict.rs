//! Which key goes when memory runs out: `maxmemory-policy`.
//!
//! `volatile-ttl` asks the expiry index and gets the exact answer; the random policies draw a key, each as likely as any
//! other. The others rank keys by disuse and would need an order of all keys that changes with each access; instead each
//! pick looks at a few keys of each database and keeps the best ones it has ever seen in a small pool, so that over many
//! picks the choice comes close to the true order.
//!
//! A candidate is remembered by its hash alone. What always holds: a pick names a key that is there, fits the policy, and
//! has not been used more since it became a candidate.

use super::access;
use super::database::Database;
use super::db::Env;
use super::entry::Entry;
use super::table::Loc;
use crate::config::values::MaxmemoryPolicy;
use crate::util::hash::hash;

/// Candidates kept from one pick to the next.
const POOL: usize = 16;

/// A key that was found worth evicting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    /// The higher, the less it has been used.
    score: u64,
    db: usize,
    hash: u64,
}

/// A key to evict.
#[derive(Clone, Copy, Debug)]
pub struct Pick {
    pub db: usize,
    pub hash: u64,
    pub loc: Loc,
}

/// Picks keys to evict, one after the other.
#[derive(Default)]
pub struct Evictor {
    /// The best last.
    pool: Vec<Candidate>,
    /// The policy that filled the pool.
    policy: MaxmemoryPolicy,
    /// The database whose turn it is, under the random policies.
    turn: usize,
}

impl Evictor {
    /// The next key to go, if the policy allows any to.
    pub fn pick(&mut self, dbs: &[Database], env: &mut Env) -> Option<Pick> {
        use MaxmemoryPolicy::*;
        match env.config.maxmemory_policy {
            NoEviction => None,
            AllkeysRandom | VolatileRandom => self.pick_any(dbs, env),
            VolatileTtl => pick_first_due(dbs),
            AllkeysLru | AllkeysLfu | VolatileLru | VolatileLfu => self.pick_unused(dbs, env),
        }
    }

    fn pick_any(&mut self, dbs: &[Database], env: &mut Env) -> Option<Pick> {
        let volatile = env.config.maxmemory_policy.volatile_only();
        for _ in 0..dbs.len() {
            let db = self.turn % dbs.len();
            self.turn = db + 1;
            let found = if volatile {
                random_expiring(&dbs[db], &mut env.rng)
            } else {
                dbs[db].table().random(&mut env.rng).and_then(|entry| {
                    let hash = hash(entry.key());
                    Some((hash, dbs[db].locate(hash, entry.key())?))
                })
            };
            if let Some((hash, loc)) = found {
                return Some(Pick { db, hash, loc });
            }
        }
        None
    }

    fn pick_unused(&mut self, dbs: &[Database], env: &mut Env) -> Option<Pick> {
        let policy = env.config.maxmemory_policy;
        if self.policy != policy {
            self.pool.clear();
            self.policy = policy;
        }
        loop {
            let mut any = false;
            for (index, db) in dbs.iter().enumerate() {
                any |= self.sample(index, db, env) > 0;
            }
            if !any {
                return None;
            }
            while let Some(candidate) = self.pool.pop() {
                let db = &dbs[candidate.db];
                let fits = |entry: &Entry| !policy.volatile_only() || entry.expiry_ms().is_some();
                let same = |entry: &Entry| hash(entry.key()) == candidate.hash;
                if let Some(loc) = db.table().locate_by(candidate.hash, same)
                    && fits(db.at(loc))
                    && score(db.at(loc), env) >= candidate.score
                {
                    return Some(Pick { db: candidate.db, hash: candidate.hash, loc });
                }
            }
        }
    }

    /// Looks at a few keys of a database; returns how many it has seen.
    fn sample(&mut self, index: usize, db: &Database, env: &mut Env) -> usize {
        let samples = env.config.maxmemory_samples.max(1) as usize;
        let mut rng = env.rng.fork();
        if !self.policy.volatile_only() {
            return db.table().sample(&mut rng, samples, |entry| self.consider(index, entry, env));
        }
        let samples = samples.min(db.expiring_len());
        for _ in 0..samples {
            if let Some((_, loc)) = random_expiring(db, &mut rng) {
                self.consider(index, db.at(loc), env);
            }
        }
        samples
    }

    /// Puts a key into the pool if it is better than the worst there, or there is room.
    fn consider(&mut self, db: usize, entry: &Entry, env: &Env) {
        let score = score(entry, env);
        let full = self.pool.len() == POOL;
        if full && self.pool[0].score >= score {
            return;
        }
        let hash = hash(entry.key());
        if self.pool.iter().any(|other| other.hash == hash && other.db == db) {
            return;
        }
        if full {
            self.pool.remove(0);
        }
        let at = self.pool.partition_point(|other| other.score < score);
        self.pool.insert(at, Candidate { score, db, hash });
    }
}

/// How little a key has been used: seconds of idleness, or how far its counter is from the top.
fn score(entry: &Entry, env: &Env) -> u64 {
    if env.access.lfu {
        u64::from(u8::MAX - access::decayed(entry.clock(), env.access, env.now_ms))
    } else {
        access::idle_s(entry.clock(), env.now_ms)
    }
}

fn random_expiring(db: &Database, rng: &mut fastrand::Rng) -> Option<(u64, Loc)> {
    if db.expiring_len() == 0 {
        return None;
    }
    let (when_ms, hash) = db.expiry_at(rng.usize(..db.expiring_len()))?;
    Some((hash, db.locate_expiring(when_ms, hash)?))
}

fn pick_first_due(dbs: &[Database]) -> Option<Pick> {
    let first = |(index, db): (usize, &Database)| db.first_expiry().map(|(when_ms, hash)| (when_ms, index, hash));
    let (when_ms, db, hash) = dbs.iter().enumerate().filter_map(first).min()?;
    Some(Pick { db, hash, loc: dbs[db].locate_expiring(when_ms, hash)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::keyspace::Db;
    use crate::keyspace::access::Policy;

    fn env(policy: MaxmemoryPolicy) -> Env {
        let config = Config { maxmemory_policy: policy, ..Config::default() };
        let access = Policy { lfu: policy.uses_lfu(), log_factor: 10, decay_minutes: 1 };
        Env { now_ms: 1_700_000_000_000, access, rng: fastrand::Rng::with_seed(1), ..Env::new(config) }
    }

    /// Sets `k0`…; key `i` at second `i`, every second one with an expiry the later the smaller `i`.
    fn fill(env: &mut Env, data: &mut Database, count: u64) {
        let end_ms = env.now_ms;
        for i in 0..count {
            env.now_ms = end_ms - (count - i) * 1000;
            let expiry_ms = (i % 2 == 1).then(|| end_ms + 1_000_000 - i);
            Db { index: 0, data, env }.set_string(format!("k{i}").as_bytes(), b"v", expiry_ms);
        }
        env.now_ms = end_ms;
    }

    fn evict_all(env: &mut Env, dbs: &mut [Database]) -> Vec<u64> {
        let mut evictor = Evictor::default();
        let mut order = Vec::new();
        while let Some(pick) = evictor.pick(dbs, env) {
            let entry = dbs[pick.db].remove(pick.hash, pick.loc);
            order.push(String::from_utf8_lossy(&entry.key()[1..]).parse().unwrap());
        }
        order
    }

    #[test]
    fn every_policy_takes_what_it_may_and_nothing_else() {
        use MaxmemoryPolicy::*;
        for policy in [AllkeysLru, AllkeysLfu, AllkeysRandom, VolatileLru, VolatileLfu, VolatileRandom, VolatileTtl, NoEviction] {
            let mut env = env(policy);
            let mut dbs = [Database::new(), Database::new()];
            fill(&mut env, &mut dbs[1], 200);
            let mut order = evict_all(&mut env, &mut dbs);
            if policy == VolatileTtl {
                assert!(order.is_sorted_by(|a, b| a > b), "the first due goes first");
            }
            order.sort_unstable();
            let expected: Vec<u64> = match policy {
                NoEviction => Vec::new(),
                policy if policy.volatile_only() => (0..200).filter(|i| i % 2 == 1).collect(),
                _ => (0..200).collect(),
            };
            assert_eq!(order, expected, "{policy:?}");
        }
    }

    #[test]
    fn the_longest_unused_go_first_by_and_large() {
        let mut env = env(MaxmemoryPolicy::AllkeysLru);
        let mut dbs = [Database::new()];
        fill(&mut env, &mut dbs[0], 2000);
        let order = evict_all(&mut env, &mut dbs);
        let old = order[..1000].iter().filter(|&&i| i < 1000).count();
        assert!(old > 800, "{old}");
    }

    #[test]
    fn a_candidate_that_was_used_again_stays() {
        let mut env = env(MaxmemoryPolicy::AllkeysLru);
        env.config.maxmemory_samples = 64;
        let mut dbs = [Database::new()];
        fill(&mut env, &mut dbs[0], 10);
        let mut evictor = Evictor::default();
        let pick = evictor.pick(&dbs, &mut env).unwrap();
        assert_eq!(dbs[0].remove(pick.hash, pick.loc).key(), b"k0");
        Db { index: 0, data: &mut dbs[0], env: &mut env }.read(b"k1");
        let pick = evictor.pick(&dbs, &mut env).unwrap();
        assert_eq!(dbs[0].at(pick.loc).key(), b"k2");
    }
}
