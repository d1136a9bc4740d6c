//! The expiry cycle of keys and of fields in hashes: when it runs, and for how long.
//!
//! The loop wakes for it when the first of them falls due, not by the clock, so a server whose keys do not expire does
//! nothing. Each cycle goes through the databases from where the last one was cut short.

use crate::keyspace::expire::Pace;
use crate::server::Server;

/// Keys, and fields, removed between two looks at the clock.
const BATCH: usize = 16;
/// How often a cycle that must not run is thought of again, in ns.
const STOPPED_REST_NS: u64 = 100_000_000;

/// Where the cycle stands.
#[derive(Default)]
pub struct Expiry {
    /// Monotonic ns before which no cycle runs.
    rest_until_ns: u64,
    /// The database to begin with.
    start: usize,
}

impl Server {
    /// Removes keys that are due, if any are and it is time for it; called every turn.
    #[inline]
    pub fn expire_keys(&mut self) {
        if self.env.now_ms > self.env.next_expiry_ms && self.clock.now_ns >= self.expiry.rest_until_ns {
            self.expiry_cycle();
        }
    }

    /// In how many ns the next cycle is to run, as far as is known.
    pub fn expiry_due_in_ns(&self) -> Option<u64> {
        let due_ms = self.env.next_expiry_ms.checked_add(1)?.saturating_sub(self.env.now_ms);
        let rest_ns = self.expiry.rest_until_ns.saturating_sub(self.clock.now_ns);
        Some(due_ms.saturating_mul(1_000_000).max(rest_ns))
    }

    /// Learns of keys that came in whole databases, which nobody announced.
    pub fn look_for_expiries(&mut self) {
        let firsts = self.dbs.iter().flat_map(|db| [db.first_expiry(), db.first_elem_expiry()]);
        let first = firsts.flatten().map(|(when_ms, _)| when_ms).min();
        self.env.expires(first);
    }

    #[cold]
    fn expiry_cycle(&mut self) {
        let started_ns = self.clock.now_ns;
        if self.cron.expiry_stopped || self.env.expiry_paused || self.env.loading {
            self.expiry.rest_until_ns = started_ns + STOPPED_REST_NS;
            return;
        }
        let pace = Pace::new(self.env.config.active_expire_effort);
        let cut_short = self.remove_due_keys(started_ns + pace.slice_ns);
        if cut_short {
            self.stats.expired_time_cap_reached += 1;
        } else {
            self.env.next_expiry_ms = u64::MAX;
            self.look_for_expiries();
        }
        let elapsed_ns = self.clock.tick() - started_ns;
        self.stats.expire_cycle_ns += elapsed_ns;
        self.latency_sample("expire-cycle", elapsed_ns / 1_000_000);
        self.expiry.rest_until_ns = self.clock.now_ns + pace.rest_ns(elapsed_ns, cut_short);
        self.thaw_time();
    }

    /// Removes due keys of all databases; `true` if it had to stop at `deadline_ns`.
    fn remove_due_keys(&mut self, deadline_ns: u64) -> bool {
        let (start, count) = (self.expiry.start, self.dbs.len());
        for index in (0..count).map(|step| (start + step) % count) {
            loop {
                let mut db = self.db(index);
                let removed = db.expire_due(BATCH).max(db.expire_fields_due(BATCH));
                if !self.env.fx.is_empty() {
                    self.settle();
                }
                self.send_unit(false);
                if removed < BATCH {
                    break;
                }
                if self.clock.tick() >= deadline_ns {
                    self.expiry.start = index;
                    return true;
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn keys_go_by_themselves_when_due() {
        let mut s = Session::new();
        s.run("SET stays v");
        assert_eq!(s.server.expiry_due_in_ns(), None);
        s.run("SELECT 3");
        for i in 0..100 {
            s.run(&format!("SET k{i} v"));
            s.run(&format!("PEXPIRE k{i} {}", 10 + i / 50 * 10));
        }
        assert_eq!(s.server.expiry_due_in_ns(), Some(11_000_000));
        s.server.expire_keys();
        assert_eq!(s.run("DBSIZE"), ":100\r\n");
        s.advance_ms(11);
        s.server.expire_keys();
        assert_eq!(s.run("DBSIZE"), ":50\r\n");
        assert_eq!(s.server.expiry_due_in_ns(), Some(10_000_000));
        s.advance_ms(10);
        s.server.expire_keys();
        assert_eq!(s.run("DBSIZE"), ":0\r\n");
        assert_eq!(s.server.expiry_due_in_ns(), None);
        assert_eq!(s.server.env.stats.expired, 100);
        assert_eq!(s.server.stats.expired_time_cap_reached, 0);
    }

    #[test]
    fn a_rest_comes_between() {
        let mut s = Session::new();
        s.run("SET a v");
        s.run("PEXPIRE a 1");
        s.run("SET b v");
        s.run("PEXPIRE b 2");
        s.advance_ms(2);
        s.server.expire_keys();
        assert_eq!(s.run("DBSIZE"), ":1\r\n");
        s.advance_ms(1);
        s.server.expire_keys();
        assert_eq!(s.run("DBSIZE"), ":1\r\n");
        assert_eq!(s.server.expiry_due_in_ns(), Some(4_000_000));
        s.advance_ms(4);
        s.server.expire_keys();
        assert_eq!(s.run("DBSIZE"), ":0\r\n");
    }

    #[test]
    fn nothing_goes_while_it_must_not() {
        let mut s = Session::new();
        s.run("SET a v");
        s.run("PEXPIRE a 1");
        s.server.env.expiry_paused = true;
        s.advance_ms(10);
        s.server.expire_keys();
        assert_eq!(s.run("DBSIZE"), ":1\r\n");
        s.server.env.expiry_paused = false;
        s.server.cron.expiry_stopped = true;
        s.advance_ms(100);
        s.server.expire_keys();
        assert_eq!(s.run("DBSIZE"), ":1\r\n");
        s.server.cron.expiry_stopped = false;
        s.advance_ms(100);
        s.server.expire_keys();
        assert_eq!(s.run("DBSIZE"), ":0\r\n");
    }

    #[test]
    fn what_came_unannounced_is_found() {
        let mut s = Session::new();
        s.run("SET a v");
        s.run("PEXPIRE a 1");
        s.server.env.next_expiry_ms = u64::MAX;
        s.advance_ms(10);
        s.server.expire_keys();
        assert_eq!(s.run("DBSIZE"), ":1\r\n");
        s.server.look_for_expiries();
        s.server.expire_keys();
        assert_eq!(s.run("DBSIZE"), ":0\r\n");
    }
}
