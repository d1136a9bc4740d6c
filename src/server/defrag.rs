//! Active defragmentation: when it runs, over what, and for how long (`activedefrag`).
//!
//! While more than `active-defrag-threshold-lower` percent of the allocated memory, and more than
//! `active-defrag-ignore-bytes`, are free blocks between used ones, a *run* goes over everything that is kept for long, piece by
//! piece, and has each block moved that a [`Mover`] says is worth it:
//!
//! ```text
//! database 0: keys and small values, bucket by bucket          one step: some microseconds
//!                 big values: queued, then in steps of their own, across slices
//!             index of expiries, leaf by leaf
//! database 1: …
//! subscriptions: some names at a time
//! scripts, some texts at a time
//! the slow log, entry by entry
//! ```
//!
//! Steps are taken in slices of half a millisecond, between two turns of the loop. How much of the time they take together is
//! kept as a credit: time earns it, at the percentage that follows from how fragmented memory is, and slices spend it. So the share is
//! kept however irregularly turns come, and a client waits for one slice at most.
//!
//! What always holds: nothing moves while a forked child shares the memory; between two steps nothing points at what a step may
//! move. Off, it costs one comparison per turn.

use std::collections::VecDeque;

use crate::keyspace::value::Ref;
use crate::keyspace::{Database, Entry};
use crate::pubsub::subscriptions::Name;
use crate::server::Server;
use crate::sys::defrag::Mover;
use crate::sys::memory::{AllocatorStats, allocator_stats};

/// How long steps are taken in one go.
const SLICE_NS: u64 = 500_000;
/// The most credit that builds up while slices cannot be had.
const CREDIT_MAX_NS: i64 = 5_000_000;
/// How long slices are taken one after the other while data are being loaded, when turns come rarely.
const SLICES_LOADING_NS: u64 = 25_000_000;
/// How long one look at the allocator's classes is good for.
const LOOK_NS: u64 = 10_000_000;
/// How often fragmentation is measured.
const MEASURE_NS: u64 = 100_000_000;
/// How long it rests when a whole run has moved nothing although memory is fragmented: what is left cannot be moved.
const BARREN_REST_NS: u64 = 10_000_000_000;

/// What a run goes over, of each database; beyond the last database it is what clients listen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Keys,
    /// The big values of the bucket before the cursor.
    Values,
    Expiries,
    /// Those of elements.
    ElemExpiries,
    /// These, beyond the last database.
    Scripts,
    SlowLog,
}

/// How far a run has got.
#[derive(Clone, Copy)]
struct Place {
    db: usize,
    stage: Stage,
    /// Of the keys' table, which is at its end when big values are to be done and this is 0; a rank of the index; a client's slot.
    cursor: u64,
}

const START: Place = Place { db: 0, stage: Stage::Keys, cursor: 0 };

/// What has been done since the figures were last reset.
#[derive(Clone, Copy, Default)]
pub struct Figures {
    /// Blocks moved.
    pub hits: u64,
    /// Blocks looked at and left alone.
    pub misses: u64,
    /// Keys of which something moved.
    pub key_hits: u64,
    /// Keys of which nothing did.
    pub key_misses: u64,
    /// How long runs have been going on, but for the present one.
    ended_ns: u64,
}

/// Where defragmentation stands.
pub struct Defrag {
    mover: Mover,
    /// The share of the time that the present run may take, in percent; 0: there is none.
    percent: u32,
    place: Place,
    /// Big values that have been come by, and how far the first of them is done.
    queue: VecDeque<Box<[u8]>>,
    queue_cursor: u64,
    /// The name that the client at the cursor has had looked at last.
    name: Option<Name>,
    /// Moves before the present run.
    hits_before: u64,
    began_ns: u64,
    credit_ns: i64,
    /// Until when credit has been earned.
    earned_ns: u64,
    looked_ns: u64,
    /// When fragmentation is to be measured again.
    measure_ns: u64,
    /// The configuration has changed: the share may go down too.
    reconfigured: bool,
    figures: Figures,
}

impl Default for Defrag {
    fn default() -> Defrag {
        Defrag {
            mover: Mover::new(),
            percent: 0,
            place: START,
            queue: VecDeque::new(),
            queue_cursor: 0,
            name: None,
            hits_before: 0,
            began_ns: 0,
            credit_ns: 0,
            earned_ns: 0,
            looked_ns: 0,
            measure_ns: 0,
            reconfigured: false,
            figures: Figures::default(),
        }
    }
}

impl Defrag {
    /// The share of the time the present run may take, in percent; 0 without a run.
    pub fn percent(&self) -> u32 {
        self.percent
    }

    /// Whether this allocator can be defragmented.
    pub fn is_possible(&self) -> bool {
        self.mover.is_able()
    }

    /// What has been done since the last reset.
    pub fn figures(&self) -> Figures {
        Figures { hits: self.mover.hits, misses: self.mover.misses, ..self.figures }
    }

    /// How long all runs have been going on and how long the present one has, in ms.
    pub fn times_ms(&self, now_ns: u64) -> (u64, u64) {
        let current_ns = if self.percent == 0 { 0 } else { now_ns.saturating_sub(self.began_ns) };
        ((self.figures.ended_ns + current_ns) / 1_000_000, current_ns / 1_000_000)
    }

    /// Forgets the figures (CONFIG RESETSTAT).
    pub fn reset(&mut self, now_ns: u64) {
        self.figures = Figures::default();
        (self.mover.hits, self.mover.misses, self.hits_before) = (0, 0, 0);
        self.began_ns = now_ns;
    }

    /// Takes note of a new configuration.
    pub fn reconfigure(&mut self) {
        self.reconfigured = true;
        self.measure_ns = 0;
    }

    fn start(&mut self, percent: u32, now_ns: u64) {
        self.percent = percent;
        self.began_ns = now_ns;
        self.earned_ns = now_ns;
        self.credit_ns = 0;
        self.begin_pass();
    }

    fn begin_pass(&mut self) {
        self.place = START;
        self.hits_before = self.mover.hits;
        self.queue.clear();
        self.queue_cursor = 0;
        self.name = None;
    }

    fn stop(&mut self, now_ns: u64) {
        self.figures.ended_ns += now_ns.saturating_sub(self.began_ns);
        self.percent = 0;
        self.queue = VecDeque::new();
    }

    /// Adds what the time since the last call has earned.
    fn earn(&mut self, now_ns: u64, most_ns: i64) {
        let passed_ns = i64::try_from(now_ns.saturating_sub(self.earned_ns)).unwrap_or(i64::MAX);
        let earned_ns = passed_ns.saturating_mul(i64::from(self.percent)) / 100;
        self.credit_ns = self.credit_ns.saturating_add(earned_ns).min(most_ns);
        self.earned_ns = now_ns;
    }

    /// In how many ns there is something to do, in a run.
    pub fn due_in_ns(&self) -> Option<u64> {
        let lacking_ns = u64::try_from(-self.credit_ns).unwrap_or(0);
        (self.percent != 0).then(|| lacking_ns * 100 / u64::from(self.percent) + u64::from(lacking_ns > 0))
    }
}

/// The share of the time in percent that a fragmentation deserves: between two thresholds it grows evenly from the lowest share to
/// the highest.
fn share(fragmented_percent: f64, thresholds: (u32, u32), shares: (u32, u32)) -> u32 {
    let (lower, upper) = (f64::from(thresholds.0), f64::from(thresholds.1));
    let (least, most) = (f64::from(shares.0.min(shares.1)), f64::from(shares.0.max(shares.1)));
    let along = if upper > lower { (fragmented_percent - lower) / (upper - lower) } else { 1.0 };
    (least + (most - least) * along.clamp(0.0, 1.0)) as u32
}

/// How many blocks a value has, for the decision whether it is moved in one go.
fn blocks(entry: &Entry) -> usize {
    match entry.value() {
        Ref::Int(_) | Ref::Str { .. } => 1,
        Ref::List(list) => list.node_count(),
        other => other.size(),
    }
}

impl Server {
    /// Decides whether to begin a run, and how hard it may work; called by the clock.
    pub fn consider_defrag(&mut self) {
        let now_ns = self.clock.now_ns;
        if !self.env.config.activedefrag {
            if self.defrag.percent != 0 {
                self.defrag.stop(now_ns);
            }
            return;
        }
        if now_ns < self.defrag.measure_ns || self.has_child() {
            return;
        }
        let defrag = &mut self.defrag;
        defrag.measure_ns = now_ns + MEASURE_NS;
        let reconfigured = std::mem::take(&mut defrag.reconfigured);
        let percent = self.deserved_share(&allocator_stats());
        let defrag = &mut self.defrag;
        match percent {
            Some(percent) if defrag.percent == 0 => defrag.start(percent, now_ns),
            // Within a run the share only grows, so that its end is not put off by its own success.
            Some(percent) if reconfigured || percent > defrag.percent => defrag.percent = percent,
            _ => {}
        }
    }

    /// What share of the time defragmentation deserves; `None` while memory is not fragmented enough.
    fn deserved_share(&self, stats: &AllocatorStats) -> Option<u32> {
        let config = &self.env.config;
        let thresholds = (config.active_defrag_threshold_lower_percent, config.active_defrag_threshold_upper_percent);
        let shares = (config.active_defrag_cycle_min_percent, config.active_defrag_cycle_max_percent);
        let fragmented_percent = stats.free_in_slabs as f64 * 100.0 / stats.allocated.max(1) as f64;
        let enough =
            fragmented_percent >= f64::from(thresholds.0) && stats.free_in_slabs as u64 >= config.active_defrag_ignore_bytes;
        enough.then(|| share(fragmented_percent, thresholds, shares).max(1))
    }

    /// Takes a slice of the present run, if there is one and it is time; called every turn.
    #[inline]
    pub fn continue_defrag(&mut self) {
        if self.defrag.percent != 0 {
            self.defrag_slice(CREDIT_MAX_NS, SLICE_NS);
        }
    }

    /// In how many ns the present run is to go on, as far as is known.
    pub fn defrag_due_in_ns(&self) -> Option<u64> {
        self.defrag.due_in_ns().filter(|_| !self.has_child())
    }

    /// The same between two parts of a file that is being loaded.
    pub fn continue_defrag_loading(&mut self) {
        self.consider_defrag();
        let began_ns = self.clock.now_ns;
        while self.defrag.percent != 0 && !self.has_child() {
            self.defrag_slice(SLICES_LOADING_NS as i64, SLICES_LOADING_NS);
            // Each slice earns a part of the next.
            if self.defrag.credit_ns <= 0 || self.clock.now_ns >= began_ns + SLICES_LOADING_NS {
                break;
            }
        }
    }

    #[cold]
    fn defrag_slice(&mut self, credit_max_ns: i64, slice_ns: u64) {
        let started_ns = self.clock.tick();
        self.defrag.earn(started_ns, credit_max_ns);
        if self.defrag.credit_ns <= 0 || self.has_child() {
            return;
        }
        if started_ns >= self.defrag.looked_ns + LOOK_NS {
            self.defrag.mover.look();
            self.defrag.looked_ns = started_ns;
        }
        let deadline_ns = started_ns + slice_ns.min(self.defrag.credit_ns as u64);
        while self.defrag.percent != 0 && self.clock.tick() < deadline_ns {
            self.defrag_step();
        }
        let elapsed_ns = self.clock.now_ns - started_ns;
        self.defrag.credit_ns -= elapsed_ns as i64;
        self.latency_sample("active-defrag-cycle", elapsed_ns / 1_000_000);
    }

    /// Goes on by the least that can be done in one go.
    fn defrag_step(&mut self) {
        let max_fields = usize::try_from(self.env.config.active_defrag_max_scan_fields).unwrap_or(usize::MAX);
        let Place { db, stage, cursor } = self.defrag.place;
        match (stage, self.dbs.get_mut(db)) {
            (Stage::Keys, Some(data)) => self.defrag.keys_step(data, max_fields),
            (Stage::Values, Some(data)) => self.defrag.values_step(data),
            (Stage::Expiries | Stage::ElemExpiries, Some(data)) => self.defrag.expiries_step(data),
            (Stage::Scripts, _) => {
                self.defrag.place.cursor = self.scripts.cache.defrag(cursor as usize, &mut self.defrag.mover) as u64;
                if self.defrag.place.cursor == 0 {
                    self.defrag.place.stage = Stage::SlowLog;
                }
            }
            (Stage::SlowLog, _) => {
                self.defrag.place.cursor = self.slowlog.defrag(cursor as usize, &mut self.defrag.mover) as u64;
                if self.defrag.place.cursor == 0 {
                    self.end_defrag_pass();
                }
            }
            (_, None) => {
                self.defrag.place.cursor = self.defrag_subscriptions(cursor, max_fields);
                if self.defrag.place.cursor == 0 {
                    self.defrag.place.stage = Stage::Scripts;
                }
            }
        }
    }

    /// Moves some names that clients listen to; see [`Place`] for the cursor.
    fn defrag_subscriptions(&mut self, cursor: u64, max_fields: usize) -> u64 {
        let slot = cursor as usize;
        if self.pubsub.clients == 0 || slot >= self.clients.slots_end() {
            return 0;
        }
        if let Some(id) = self.clients.in_slot(slot) {
            let after = self.defrag.name.take();
            let Server { defrag, pubsub, clients, .. } = self;
            defrag.name = defrag.mover.without_cache(|mover| pubsub.defrag(clients, id, after, max_fields, mover));
        }
        if self.defrag.name.is_some() { cursor } else { cursor + 1 }
    }

    /// All has been gone over: once more, if memory is still fragmented and moving has been of use.
    fn end_defrag_pass(&mut self) {
        let now_ns = self.clock.now_ns;
        let moved = self.defrag.mover.hits > self.defrag.hits_before;
        self.defrag.mover.look();
        match self.deserved_share(&allocator_stats()) {
            Some(percent) if moved => {
                self.defrag.percent = percent;
                self.defrag.begin_pass();
            }
            deserved => {
                self.defrag.stop(now_ns);
                self.defrag.measure_ns = now_ns + if deserved.is_some() { BARREN_REST_NS } else { MEASURE_NS };
            }
        }
    }
}

impl Defrag {
    /// Moves the keys of the next bucket, with their values as far as those are small.
    fn keys_step(&mut self, data: &mut Database, max_fields: usize) {
        let Defrag { mover, queue, figures, place, .. } = self;
        place.cursor = data.defrag(place.cursor, mover, |entry, mover| {
            let before = mover.hits;
            entry.defrag(mover);
            if blocks(entry) > max_fields {
                queue.push_back(entry.key().into());
            } else {
                let mut cursor = entry.defrag_value(0, mover);
                while cursor != 0 {
                    cursor = entry.defrag_value(cursor, mover);
                }
            }
            let count = if mover.hits > before { &mut figures.key_hits } else { &mut figures.key_misses };
            *count += 1;
        });
        self.after_keys();
    }

    /// Moves a part of the first big value.
    fn values_step(&mut self, data: &mut Database) {
        if let Some(key) = self.queue.front() {
            self.queue_cursor = data.defrag_value(key, self.queue_cursor, &mut self.mover);
            if self.queue_cursor == 0 {
                self.queue.pop_front();
            }
        }
        self.after_keys();
    }

    /// Big values first, then the next bucket, then the index.
    fn after_keys(&mut self) {
        self.place.stage = match self.place.cursor {
            _ if !self.queue.is_empty() => Stage::Values,
            0 => Stage::Expiries,
            _ => Stage::Keys,
        };
    }

    fn expiries_step(&mut self, data: &mut Database) {
        let Place { db, stage, cursor } = self.place;
        self.place = match stage {
            Stage::Expiries => match data.defrag_expiries(cursor, &mut self.mover) {
                0 => Place { db, stage: Stage::ElemExpiries, cursor: 0 },
                cursor => Place { db, stage, cursor },
            },
            _ => match data.defrag_elem_expiries(cursor, &mut self.mover) {
                0 => Place { db: db + 1, ..START },
                cursor => Place { db, stage, cursor },
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::testing::Session;

    /// All that DEBUG DIGEST sees, and every key by a command of its own, before and after everything has moved twice.
    #[test]
    fn contents_are_the_same_when_everything_has_moved() {
        let mut s = Session::new();
        s.run("CONFIG SET active-defrag-max-scan-fields 100");
        for i in 0..3000 {
            s.run(&format!("SET int:{i} {i}"));
            s.run(&format!("SET str:{i} {}", "x".repeat(i + 1)));
            s.run(&format!("HSET hash f{i} {}", "v".repeat(i % 300 + 1)));
            s.run(&format!("SADD set member:{i}"));
            s.run(&format!("SADD ints {i}"));
            s.run(&format!("ZADD zset {} member:{i}", i % 50));
            s.run(&format!("RPUSH list {}", "e".repeat(i % 500)));
            s.run(&format!("HSET small:{} f{i} v", i % 700));
            s.run(&format!("ZADD few:{} {i} m{i}", i % 700));
            s.run(&format!("SADD some:{} {i} x{}", i % 700, i % 7));
            s.run(&format!("RPUSH short:{} {i}", i % 700));
            s.run(&format!("PEXPIRE int:{i} {}", 100_000 + i * 1000));
            s.run(&format!("HPEXPIRE hash {} FIELDS 1 f{i}", 100_000 + i * 1000));
            s.run(&format!("HPEXPIRE small:{} {} FIELDS 1 f{i}", i % 700, 100_000 + i * 1000));
        }
        s.run("SELECT 9");
        s.run("SET elsewhere v");
        s.run("SELECT 0");
        for i in 0..5000 {
            s.run(&format!("XADD stream {}-1 f{i} {}", i + 1, "v".repeat(i % 50)));
        }
        for group in 0..3 {
            s.run(&format!("XGROUP CREATE stream g{group} 0"));
            for consumer in 0..3 {
                s.run(&format!("XREADGROUP GROUP g{group} c{consumer} COUNT 700 STREAMS stream >"));
            }
        }
        for i in 0..200 {
            s.run(&format!("SCRIPT LOAD 'return {i}'"));
        }
        let script = s.run("SCRIPT LOAD 'return ARGV[1]'").lines().nth(1).unwrap().to_owned();
        s.run("CONFIG SET slowlog-log-slower-than 0");
        s.run("ECHO x");
        let mut subscriber = Vec::new();
        for i in 0..5 {
            let id = s.connect();
            for n in 0..100 {
                s.run_as(id, &format!("SUBSCRIBE c{}", n * (i + 1)));
            }
            s.run_as(id, "PSUBSCRIBE p*");
            s.run_as(id, "SSUBSCRIBE s1");
            subscriber.push(id);
        }
        let digest = s.run("DEBUG DIGEST");
        let seen = |s: &mut Session| {
            let mut all = Vec::new();
            for line in [
                "HGETALL hash",
                "ZRANGE zset 0 -1 WITHSCORES",
                "LRANGE list 0 -1",
                "PTTL int:77",
                "HPTTL hash FIELDS 2 f7 f77",
                "ZRANK zset member:777",
                "XRANGE stream - +",
                "XINFO STREAM stream FULL COUNT 0",
            ] {
                all.push(s.run(line));
            }
            all
        };
        let before = seen(&mut s);
        s.server.defrag.mover = Mover::eager();
        s.server.defrag.start(50, 0);
        let mut steps = 0;
        while s.server.defrag.percent != 0 {
            s.server.defrag_step();
            steps += 1;
            if steps == 100 {
                // Whatever happens in between.
                for i in 0..500 {
                    s.run(&format!("SET more:{i} v"));
                    s.run(&format!("DEL more:{i}"));
                }
            }
        }
        assert!(s.server.defrag.mover.hits > 25_000, "{}", s.server.defrag.mover.hits);
        assert!(s.server.defrag.figures.key_hits > 8000);
        assert_eq!(s.run("DEBUG DIGEST"), digest);
        assert_eq!(seen(&mut s), before);
        for i in 0..3000 {
            assert_eq!(s.run(&format!("STRLEN str:{i}")), format!(":{}\r\n", i + 1));
            assert_eq!(s.run(&format!("HEXISTS hash f{i}")), ":1\r\n");
            assert_eq!(s.run(&format!("SISMEMBER set member:{i}")), ":1\r\n");
            assert_eq!(s.run(&format!("ZREM zset member:{i}")), ":1\r\n");
            assert_eq!(s.run(&format!("DEL str:{i}")), ":1\r\n");
        }
        assert_eq!(s.run(&format!("EVALSHA {script} 0 x")), "$1\r\nx\r\n");
        assert_eq!(s.run("PUBLISH c4 x"), ":3\r\n");
        assert_eq!(s.run("PUBLISH p4 x"), ":5\r\n");
        for id in subscriber {
            s.server.unsubscribe_all(id);
        }
        assert_eq!(s.server.pubsub.clients, 0);
        s.run("FLUSHALL");
    }

    #[test]
    fn a_value_that_is_gone_or_another_meanwhile_does_no_harm() {
        for meanwhile in ["DEL big", "FLUSHALL", "SET big v", "SWAPDB 0 1", "SPOP big 2990"] {
            let mut s = Session::new();
            for i in 0..3000 {
                s.run(&format!("SADD big member:{i}"));
            }
            s.server.defrag.mover = Mover::eager();
            s.server.defrag.start(50, 0);
            while s.server.defrag.place.stage != Stage::Values || s.server.defrag.queue_cursor == 0 {
                s.server.defrag_step();
            }
            s.run(meanwhile);
            while s.server.defrag.percent != 0 {
                s.server.defrag_step();
            }
            s.run("FLUSHALL");
        }
    }

    #[test]
    fn the_share_grows_between_the_thresholds() {
        let of = |percent: f64| share(percent, (10, 100), (1, 25));
        assert_eq!((of(10.0), of(55.0), of(100.0), of(1000.0)), (1, 13, 25, 25));
        assert_eq!(share(20.0, (10, 10), (5, 25)), 25);
        assert_eq!(share(100.0, (10, 100), (25, 1)), 25);
    }

    #[test]
    fn credit_is_earned_by_time_and_bounded() {
        let mut defrag = Defrag::default();
        assert_eq!(defrag.due_in_ns(), None);
        defrag.start(20, 1000);
        assert_eq!(defrag.due_in_ns(), Some(0));
        defrag.credit_ns = -400;
        assert_eq!(defrag.due_in_ns(), Some(2001));
        defrag.earn(3001, 1_000_000);
        assert_eq!(defrag.credit_ns, 0);
        defrag.earn(u64::MAX, 1_000_000);
        assert_eq!(defrag.credit_ns, 1_000_000);
        assert_eq!(defrag.times_ms(2_001_000), (2, 2));
        defrag.stop(3_001_000);
        assert_eq!((defrag.times_ms(9_000_000), defrag.due_in_ns()), ((3, 0), None));
    }

    #[test]
    #[cfg_attr(asan, ignore = "the sanitizer takes the place of the allocator that tells")]
    fn runs_by_the_thresholds_and_stops_when_told() {
        let mut s = Session::new();
        s.run("CONFIG SET active-defrag-threshold-lower 0 active-defrag-ignore-bytes 1 active-defrag-cycle-min 7");
        s.server.consider_defrag();
        assert_eq!(s.server.defrag.percent(), 0);
        assert_eq!(s.run("CONFIG SET activedefrag yes"), "+OK\r\n");
        s.server.consider_defrag();
        assert!((7..=25).contains(&s.server.defrag.percent()));
        s.run("CONFIG SET active-defrag-cycle-max 3 active-defrag-cycle-min 3");
        s.server.consider_defrag();
        assert_eq!(s.server.defrag.percent(), 3);
        assert!(s.run("INFO memory").contains("\r\nactive_defrag_running:3\r\n"));
        s.run("CONFIG SET activedefrag no");
        s.server.consider_defrag();
        assert_eq!(s.server.defrag.percent(), 0);
        s.run("CONFIG SET active-defrag-ignore-bytes 1tb activedefrag yes");
        s.server.consider_defrag();
        assert_eq!(s.server.defrag.percent(), 0);
    }
}
