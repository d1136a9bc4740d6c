//! Keys whose time has come: removing them in the order they fall due, and how much time that may take.
//!
//! The index of each database knows which key is due first, so nothing is sampled or guessed: a cycle takes what is due
//! and stops at the first key that is not. When a great many fall due at once a cycle ends with its slice of time, and
//! the next begins after a rest that keeps the share of the processor bounded; clients are served in between.

use super::database::Database;
use super::db::Db;
use super::effects::Class;
use crate::types::Hash;

/// The lengths of cycles and rests, from `active-expire-effort`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Longest cycle, in ns.
    pub slice_ns: u64,
    /// Share of the processor while there is more to do than a cycle holds, in percent.
    busy_percent: u64,
}

impl Pace {
    /// Shortest rest after a cycle that did all there was, in ns. Keys that fall due meanwhile are taken together.
    const REST_MIN_NS: u64 = 5_000_000;
    /// Share of the processor while cycles keep up, in percent.
    const CALM_PERCENT: u64 = 10;

    /// The pace at an effort from 1 to 10.
    pub fn new(effort: u32) -> Pace {
        let more = u64::from(effort.clamp(1, 10) - 1);
        Pace { slice_ns: 1_000_000 + 250_000 * more, busy_percent: 25 + 2 * more }
    }

    /// How long to rest, in ns, after a cycle that took so long and was cut short or not.
    pub fn rest_ns(&self, elapsed_ns: u64, cut_short: bool) -> u64 {
        let rest = |percent| elapsed_ns.saturating_mul(100 - percent) / percent;
        if cut_short { rest(self.busy_percent) } else { rest(Self::CALM_PERCENT).max(Self::REST_MIN_NS) }
    }
}

impl Db<'_> {
    /// Removes up to `limit` keys that are due, the longest overdue first; returns how many there were.
    pub fn expire_due(&mut self, limit: usize) -> usize {
        for removed in 0..limit {
            match self.data.first_expiry() {
                Some((when_ms, hash)) if self.env.now_ms > when_ms => {
                    let Some(loc) = self.data.locate_expiring(when_ms, hash) else {
                        debug_assert!(false, "the index knows a key that is not there");
                        return removed;
                    };
                    self.expire_at(hash, loc);
                }
                _ => return removed,
            }
        }
        limit
    }
}

impl Db<'_> {
    /// Whether some hash has a field that is due. Fields that a command names are removed then, before it looks at them.
    #[inline]
    pub fn has_fields_due(&self) -> bool {
        self.data.elem_expiring_len() > 0 && self.data.first_elem_expiry().is_some_and(|(when_ms, _)| self.env.now_ms > when_ms)
    }

    /// Removes up to `limit` fields of hashes that are due, the longest overdue first; returns how many there were.
    pub fn expire_fields_due(&mut self, limit: usize) -> usize {
        let mut removed = 0;
        while removed < limit {
            match self.data.first_elem_expiry() {
                Some((when_ms, hash)) if self.env.now_ms > when_ms => {
                    let Some(loc) = self.data.locate_elem_expiring(when_ms, hash) else {
                        debug_assert!(false, "the index knows a key that is not there");
                        return removed;
                    };
                    let key = self.data.at(loc).key().to_vec();
                    removed += self.expire_fields_of(&key, limit - removed).max(1);
                }
                _ => return removed,
            }
        }
        removed
    }

    /// Removes up to `limit` fields of a hash that are due, and the key with the last of them; returns how many.
    pub fn expire_fields_of(&mut self, key: &[u8], limit: usize) -> usize {
        let now_ms = self.env.now_ms;
        let (hash, Some(loc)) = self.locate(key) else { return 0 };
        let Some(mut fields) = self.data.lend::<Hash>(hash, loc) else { return 0 };
        let mut gone = Vec::new();
        while gone.len() < limit {
            let Some(field) = fields.first_due(now_ms).map(|field| field.to_vec()) else { break };
            fields.remove(&field);
            gone.push(field);
        }
        drop(fields);
        self.fields_have_expired(key, &gone);
        self.remove_if_empty(key);
        gone.len()
    }

    /// Removes those of the fields named that are due, and the key with the last of them; called when
    /// [some are](Self::has_fields_due).
    #[cold]
    pub fn expire_fields_named<'f>(&mut self, key: &[u8], names: impl Iterator<Item = &'f [u8]>) {
        self.expire_fields_in_place(key, names);
        self.remove_if_empty(key);
    }

    /// As [`expire_fields_named`](Self::expire_fields_named), but the hash stays, be it empty: for who is about to fill it, or
    /// else removes it.
    #[cold]
    pub fn expire_fields_in_place<'f>(&mut self, key: &[u8], names: impl Iterator<Item = &'f [u8]>) {
        let now_ms = self.env.now_ms;
        if self.env.expiry_paused {
            return;
        }
        let (hash, Some(loc)) = self.locate(key) else { return };
        let Some(mut fields) = self.data.lend::<Hash>(hash, loc) else { return };
        let mut gone = Vec::new();
        for name in names {
            if fields.expiry_ms(name).flatten().is_some_and(|when_ms| now_ms > when_ms) {
                fields.remove(name);
                gone.push(name.to_vec());
            }
        }
        drop(fields);
        self.fields_have_expired(key, &gone);
    }

    /// Says that fields of a hash have expired.
    fn fields_have_expired(&mut self, key: &[u8], gone: &[Vec<u8>]) {
        if gone.is_empty() {
            return;
        }
        self.env.stats.expired_elems += gone.len() as u64;
        for field in gone {
            self.env.fx.propagate_beside(self.index, &[b"HDEL", key, field]);
        }
        self.env.fx.touched(self.index, key);
        self.env.fx.event(self.index, Class::Hash, "hexpired", key);
    }
}

impl Database {
    /// Mean time to live of the keys with an expiry, in ms; 0 if there are none. Estimated from a few keys, evenly
    /// spread over the index, which is in order of expiry.
    pub fn avg_ttl_ms(&self, now_ms: u64) -> u64 {
        const SAMPLES: usize = 32;
        let len = self.expiring_len();
        let samples = len.min(SAMPLES);
        let ranks = (0..samples).map(|i| (2 * i + 1) * len / (2 * samples));
        let whens = ranks.filter_map(|rank| self.expiry_at(rank));
        let total: u128 = whens.map(|(when_ms, _)| u128::from(when_ms.saturating_sub(now_ms))).sum();
        (total / samples.max(1) as u128) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::keyspace::Env;

    fn with_db(test: impl FnOnce(&mut Db<'_>)) {
        let (mut data, mut env) = (Database::new(), Env::new(Config::default()));
        env.now_ms = 1_000_000;
        test(&mut Db { index: 0, data: &mut data, env: &mut env });
    }

    #[test]
    fn due_keys_go_in_order_and_others_stay() {
        with_db(|db| {
            for i in 0..1000u64 {
                // A quarter of the keys has no expiry, and many share a moment.
                let expiry_ms = (i % 4 != 0).then_some(1_000_000 + i / 100);
                db.set_string(i.to_string().as_bytes(), b"v", expiry_ms);
            }
            assert_eq!(db.env.next_expiry_ms, 1_000_000);
            assert_eq!(db.expire_due(10), 0);
            db.env.now_ms += 1;
            assert_eq!(db.expire_due(10), 10);
            assert_eq!(db.expire_due(1000), 65);
            assert_eq!(db.data.first_expiry().map(|(when, _)| when), Some(1_000_001));
            db.env.now_ms += 1000;
            assert_eq!(db.expire_due(1000), 675);
            assert_eq!((db.data.len(), db.data.expiring_len()), (250, 0));
            assert_eq!(db.env.stats.expired, 750);
        });
    }

    #[test]
    fn random_lives_agree_with_a_model() {
        let mut rng = fastrand::Rng::with_seed(3);
        with_db(|db| {
            let mut model = std::collections::BTreeMap::new();
            for _ in 0..20_000 {
                let key = rng.u32(..500).to_string().into_bytes();
                match rng.u8(..8) {
                    0 => {
                        db.remove(&key, false);
                        model.remove(&key);
                    }
                    1 | 2 => {
                        let when_ms = rng.bool().then(|| db.env.now_ms + rng.u64(0..200));
                        db.set_expiry(&key, when_ms);
                        model.entry(key).and_modify(|expiry| *expiry = when_ms);
                    }
                    3..6 => {
                        let when_ms = rng.bool().then(|| db.env.now_ms + rng.u64(0..200));
                        db.set_string(&key, b"v", when_ms);
                        model.insert(key, when_ms);
                    }
                    _ => {
                        db.env.now_ms += rng.u64(0..20);
                        db.expire_due(usize::MAX);
                        model.retain(|_, expiry| expiry.is_none_or(|when_ms| db.env.now_ms <= when_ms));
                        assert_eq!(db.data.len(), model.len());
                        assert_eq!(db.data.expiring_len(), model.values().flatten().count());
                    }
                }
                assert!(model.values().flatten().all(|when_ms| db.env.next_expiry_ms <= *when_ms));
            }
        });
    }

    #[test]
    fn the_mean_is_about_right() {
        with_db(|db| {
            assert_eq!(db.data.avg_ttl_ms(db.env.now_ms), 0);
            db.set_string(b"one", b"v", Some(1_000_500));
            assert_eq!(db.data.avg_ttl_ms(db.env.now_ms), 500);
            for i in 0..10_000u64 {
                db.set_string(i.to_string().as_bytes(), b"v", Some(1_000_000 + i * 10));
            }
            let mean = db.data.avg_ttl_ms(db.env.now_ms);
            assert!((49_000..51_000).contains(&mean), "{mean}");
            db.set_string(b"never", b"v", Some(u64::MAX));
            assert!(db.data.avg_ttl_ms(db.env.now_ms) < 60_000);
        });
    }

    #[test]
    fn shares_of_the_processor() {
        let pace = Pace::new(1);
        assert_eq!(pace.slice_ns, 1_000_000);
        assert_eq!(pace.rest_ns(1_000_000, true), 3_000_000);
        assert_eq!(pace.rest_ns(1_000_000, false), 9_000_000);
        assert_eq!(pace.rest_ns(1_000, false), 5_000_000);
        assert!(Pace::new(10).slice_ns > pace.slice_ns && Pace::new(99) == Pace::new(10) && Pace::new(0) == pace);
    }
}
