//! What happens by the clock: `hz` times a second, and once a second.

use crate::server::Server;
use crate::stats::rates::Rate;

/// The most often that the clock's work is done, per second.
const HZ_MAX: u32 = 500;
/// Clients to look after per tick, from which on `dynamic-hz` ticks more often.
const CLIENTS_PER_TICK: usize = 200;

/// When the clock's work was last done.
#[derive(Default)]
pub struct Cron {
    /// Monotonic ns at which it is due again.
    pub due_ns: u64,
    /// Whether DEBUG SET-ACTIVE-EXPIRE has stopped the expiry cycle.
    pub expiry_stopped: bool,
    /// Whether DEBUG PAUSE-CRON has stopped everything here.
    pub paused: bool,
    sampled_ms: u64,
}

impl Server {
    /// Does what is due; called every turn.
    pub fn run_cron(&mut self) {
        if self.clock.now_ns < self.cron.due_ns {
            return;
        }
        let started_ns = self.clock.now_ns;
        self.clock.sync();
        self.thaw_time();
        self.cron.due_ns = self.clock.now_ns + 1_000_000_000 / u64::from(self.hz());
        if self.cron.paused {
            return;
        }
        if self.pause.is_over(self.env.now_ms) {
            self.end_pause();
        }
        for listener in 0..self.net.listeners.len() {
            self.accept(listener);
        }
        self.check_clients();
        self.count_all_clients();
        self.look_for_expiries();
        self.look_after_child();
        self.look_after_aof();
        self.save_if_due();
        self.limit_tracking_table();
        self.consider_defrag();
        self.links.close_idle(self.clock.now_ns);
        self.sample_rates();
        self.stats.cron_ns += self.clock.tick() - started_ns;
    }

    /// How often a second the clock's work is done: as configured, or with `dynamic-hz` more often for many clients.
    pub fn hz(&self) -> u32 {
        let mut hz = self.env.config.hz.clamp(1, HZ_MAX);
        while self.env.config.dynamic_hz && hz < HZ_MAX && self.clients.len() / hz as usize > CLIENTS_PER_TICK {
            hz = (hz * 2).min(HZ_MAX);
        }
        hz
    }

    fn sample_rates(&mut self) {
        let now_ms = self.env.now_ms;
        if now_ms < self.cron.sampled_ms + 100 {
            return;
        }
        self.cron.sampled_ms = now_ms;
        let stats = &mut self.stats;
        stats.rates.sample(Rate::Commands, stats.commands_processed, now_ms, 1000);
        stats.rates.sample(Rate::NetInput, stats.net_input_bytes, now_ms, 1000);
        stats.rates.sample(Rate::NetOutput, stats.net_output_bytes, now_ms, 1000);
        stats.rates.sample(Rate::Turns, stats.turns, now_ms, 1000);
        stats.rates.sample(Rate::TurnDuration, stats.turns_ns / 1000, stats.turns, 1);
        let used = self.memory.meter.used() as u64;
        self.stats.peak_memory_bytes = self.stats.peak_memory_bytes.max(used);
    }
}
