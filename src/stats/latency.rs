//! The latency monitor: for each kind of event, the spikes of late.

use hashbrown::HashMap;

/// Spikes kept per event.
pub const SAMPLES: usize = 160;

/// One second's worst spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spike {
    /// Unix time in seconds.
    pub time_s: u64,
    pub latency_ms: u64,
}

/// The spikes of one event, oldest first.
#[derive(Default)]
pub struct Series {
    pub spikes: Vec<Spike>,
    /// The worst there ever was.
    pub max_ms: u64,
}

/// The spikes of all events.
#[derive(Default)]
pub struct LatencyMonitor {
    pub events: HashMap<&'static str, Series>,
}

impl LatencyMonitor {
    /// The spikes of the event of this name.
    pub fn find(&self, event: &[u8]) -> Option<&Series> {
        self.events.get(std::str::from_utf8(event).ok()?)
    }

    /// A spike: within one second the worst counts.
    pub fn add(&mut self, event: &'static str, latency_ms: u64, now_s: u64) {
        let series = self.events.entry(event).or_default();
        series.max_ms = series.max_ms.max(latency_ms);
        match series.spikes.last_mut() {
            Some(last) if last.time_s == now_s => last.latency_ms = last.latency_ms.max(latency_ms),
            _ => {
                if series.spikes.len() == SAMPLES {
                    series.spikes.remove(0);
                }
                series.spikes.push(Spike { time_s: now_s, latency_ms });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spike_a_second_the_worst_and_a_bounded_number() {
        let mut monitor = LatencyMonitor::default();
        monitor.add("command", 5, 1);
        monitor.add("command", 9, 1);
        monitor.add("command", 7, 1);
        assert_eq!(monitor.events["command"].spikes, [Spike { time_s: 1, latency_ms: 9 }]);
        for second in 2..500 {
            monitor.add("command", 1, second);
        }
        assert_eq!(monitor.events["command"].spikes.len(), SAMPLES);
        assert_eq!(monitor.events["command"].max_ms, 9);
    }
}
