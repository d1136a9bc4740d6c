//! What happens at the memory limit: `maxmemory`.
//!
//! Used memory is exact after every command and costs two loads to read, so the way to a command compares it with the
//! limit and does nothing else while there is room. When there is none, keys go until there is: within the request that
//! found the limit passed for as long as `maxmemory-eviction-tenacity` allows, and in the turns that follow. Only when
//! there is nothing left to evict are commands refused that could take more.

use crate::keyspace::evict::Evictor;
use crate::server::Server;
use crate::sys::memory::Meter;

/// Keys evicted between two looks at the clock.
const BATCH: usize = 16;

/// What memory is in use, and what of it clients' buffers take, as last counted.
pub struct Memory {
    /// Reads used memory.
    pub meter: Meter,
    /// `maxmemory` in bytes; `usize::MAX` without one.
    pub limit: usize,
    /// Bytes that the log waits in, which no evicted key makes up for: evicting makes them more.
    pub log_buffer_bytes: usize,
    /// Since when memory is over its limit although keys are being evicted, in monotonic ns.
    pub over_since_ns: Option<u64>,
    /// Whether eviction was cut short and is to go on by itself.
    evicting: bool,
    evictor: Evictor,
    /// Buffers of clients.
    pub clients: super::client_memory::ClientMemory,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            meter: Meter::new(),
            limit: usize::MAX,
            log_buffer_bytes: 0,
            over_since_ns: None,
            evicting: false,
            evictor: Evictor::default(),
            clients: Default::default(),
        }
    }
}

impl Memory {
    /// Whether more memory is in use than may be, replicas' buffers aside.
    #[inline]
    pub fn is_over(&self) -> bool {
        self.limit != usize::MAX && self.used_for_data() > self.limit
    }

    /// Used memory as far as evicting keys can make up for it.
    #[inline]
    fn used_for_data(&self) -> usize {
        self.meter.used().saturating_sub(self.log_buffer_bytes)
    }

    /// Whether there are keys to evict in this turn, or the next.
    #[inline]
    pub fn has_work(&self) -> bool {
        self.evicting
    }
}

/// How an attempt to make room ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Fits,
    /// Time was up.
    Unfinished,
    /// Nothing is left that may go.
    Stuck,
}

/// How long one attempt may take, in ns, from `maxmemory-eviction-tenacity`.
fn budget_ns(tenacity: u32) -> u64 {
    match tenacity {
        0..=10 => u64::from(tenacity) * 50_000,
        11..=99 => (500_000.0 * 1.15f64.powi(tenacity as i32 - 10)) as u64,
        _ => u64::MAX,
    }
}

impl Server {
    /// Bytes in use that evicting keys must not be asked to make up for.
    pub fn memory_beyond_eviction(&self) -> usize {
        self.memory.meter.used() - self.memory.used_for_data()
    }

    /// Takes over the limits; called when the configuration has changed.
    pub fn memory_configured(&mut self) {
        let limit = match self.env.config.maxmemory_bytes {
            0 => usize::MAX,
            bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
        };
        let lowered = limit < self.memory.limit;
        self.memory.limit = limit;
        if !self.memory.is_over() {
            self.make_room();
        } else if lowered {
            self.memory.evicting = true;
        }
        self.clients_memory_configured();
    }

    /// Evicts keys if memory is over its limit and they may go; `false` if it stays over it, and nothing can be done.
    pub fn make_room(&mut self) -> bool {
        let outcome = match self.memory.is_over() {
            false => Outcome::Fits,
            // Whoever paused writes wants the data to stay as it is.
            true if self.pause.scope().is_some() => return true,
            true => self.evict_keys(),
        };
        self.memory.evicting = outcome == Outcome::Unfinished;
        if outcome == Outcome::Fits {
            if let Some(since_ns) = self.memory.over_since_ns.take() {
                self.stats.eviction_exceeded_ns += self.clock.now_ns.saturating_sub(since_ns);
                self.update_gate();
            }
        } else if self.memory.over_since_ns.is_none() {
            self.memory.over_since_ns = Some(self.clock.now_ns);
            self.update_gate();
        }
        outcome != Outcome::Stuck
    }

    /// Goes on with an eviction that was cut short; called every turn.
    #[inline]
    pub fn continue_eviction(&mut self) {
        if self.memory.evicting {
            self.make_room();
            self.send_unit(false);
        }
    }

    #[cold]
    fn evict_keys(&mut self) -> Outcome {
        let started_ns = self.clock.tick();
        let deadline_ns = started_ns.saturating_add(budget_ns(self.env.config.maxmemory_eviction_tenacity));
        let mut outcome = Outcome::Fits;
        let mut evicted = 0;
        // What goes in the background is as good as gone, but not gone yet.
        let mut leaving_bytes = 0;
        while self.memory.used_for_data().saturating_sub(leaving_bytes) > self.memory.limit {
            let Some(pick) = self.memory.evictor.pick(&self.dbs, &mut self.env) else {
                outcome = self.wait_for_reclaim(deadline_ns);
                break;
            };
            leaving_bytes += self.db(pick.db).evict_at(pick.hash, pick.loc);
            if !self.env.fx.is_empty() {
                // What clients are told of it leaves with the turn: no other key has to go for that.
                let before = self.memory.meter.used();
                self.settle();
                leaving_bytes += self.memory.meter.used().saturating_sub(before);
            }
            evicted += 1;
            if evicted % BATCH == 0 && self.clock.tick() > deadline_ns {
                outcome = Outcome::Unfinished;
                break;
            }
        }
        let elapsed_ms = (self.clock.tick() - started_ns) / 1_000_000;
        self.latency_sample("eviction-cycle", elapsed_ms);
        outcome
    }

    /// There are no more keys to evict; values on their way out may still make room, if they go soon.
    fn wait_for_reclaim(&mut self, deadline_ns: u64) -> Outcome {
        const STEP: std::time::Duration = std::time::Duration::from_micros(100);
        while self.env.reclaim.figures().0 > 0 && self.clock.tick() < deadline_ns {
            if !self.memory.is_over() {
                return Outcome::Fits;
            }
            std::thread::sleep(STEP);
        }
        if self.memory.is_over() { Outcome::Stuck } else { Outcome::Fits }
    }

    /// Enters a duration in the latency monitor, if it is long enough.
    pub fn latency_sample(&mut self, event: &'static str, elapsed_ms: u64) {
        let threshold_ms = self.env.config.latency_monitor_threshold_ms;
        if threshold_ms > 0 && elapsed_ms >= threshold_ms {
            self.latency.add(event, elapsed_ms, self.env.now_ms / 1000);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::MaxmemoryPolicy;
    use crate::server::testing::Session;

    fn limited(policy: MaxmemoryPolicy) -> Session {
        let mut session = Session::new();
        session.server.env.config.maxmemory_policy = policy;
        for i in 0..500 {
            session.run(&format!("setrange k{i} 1000 x"));
        }
        session.server.env.config.maxmemory_bytes = (session.server.memory.meter.used() - 100_000) as u64;
        session.server.configured();
        session
    }

    fn keys(session: &mut Session) -> usize {
        session.server.dbs[0].len()
    }

    #[test]
    #[cfg_attr(asan, ignore = "the sanitizer takes the place of the allocator that counts")]
    fn keys_go_until_there_is_room() {
        let mut session = limited(MaxmemoryPolicy::AllkeysLru);
        assert_eq!(session.run("set new v"), "+OK\r\n");
        // The new key comes after room was made, and may need a bigger table.
        assert!(session.server.memory.meter.used() < session.server.memory.limit + 16_384);
        let left = keys(&mut session);
        assert!((350..450).contains(&left), "{left}");
        assert_eq!(session.server.env.stats.evicted as usize, 501 - left);
        assert_eq!(session.server.memory.over_since_ns, None);
    }

    #[test]
    #[cfg_attr(asan, ignore = "the sanitizer takes the place of the allocator that counts")]
    fn without_eviction_writes_are_refused_and_reads_are_not() {
        let mut session = limited(MaxmemoryPolicy::NoEviction);
        let refused = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
        assert_eq!(session.run("set new v"), refused);
        assert!(session.run("get k1").starts_with("$1001\r\n"));
        assert_eq!(session.run("del k1"), ":1\r\n");
        assert!(session.server.memory.over_since_ns.is_some());
        assert_eq!(session.run("multi"), "+OK\r\n");
        assert_eq!(session.run("get k2"), refused);
        assert!(session.run("exec").starts_with("-EXECABORT"));
        session.server.env.config.maxmemory_bytes = 0;
        session.server.configured();
        assert_eq!(session.run("set new v"), "+OK\r\n");
        assert_eq!(session.server.memory.over_since_ns, None);
    }

    #[test]
    #[cfg_attr(asan, ignore = "the sanitizer takes the place of the allocator that counts")]
    fn only_keys_with_an_expiry_are_volatile() {
        let mut session = limited(MaxmemoryPolicy::VolatileTtl);
        assert!(session.run("set new v").starts_with("-OOM"));
        let limit = std::mem::take(&mut session.server.env.config.maxmemory_bytes);
        session.server.configured();
        for i in 0..300 {
            session.run(&format!("pexpire k{i} {}", 1_000_000 - i));
        }
        session.server.env.config.maxmemory_bytes = limit;
        session.server.configured();
        assert_eq!(session.run("set new v"), "+OK\r\n");
        assert_eq!(session.run("exists k0 k300 k499"), ":3\r\n");
        assert_eq!(session.run("exists k299 k298"), ":0\r\n");
    }

    #[test]
    #[cfg_attr(asan, ignore = "the sanitizer takes the place of the allocator that counts")]
    fn work_that_takes_too_long_goes_on_later() {
        let mut session = limited(MaxmemoryPolicy::AllkeysRandom);
        session.server.env.config.maxmemory_eviction_tenacity = 0;
        // The session's clock stands, so that the budget of nothing is used up only when it moves.
        assert!(session.server.memory.has_work());
        session.server.continue_eviction();
        assert!(!session.server.memory.is_over() || session.server.memory.has_work());
    }

    #[test]
    fn budgets_grow_with_tenacity() {
        assert_eq!((budget_ns(0), budget_ns(10), budget_ns(100)), (0, 500_000, u64::MAX));
        assert!((10..100).all(|tenacity| budget_ns(tenacity) < budget_ns(tenacity + 1)));
    }
}
