//! Instantaneous rates: means over the last samples, one sample each tenth of a second.

const SAMPLES: usize = 16;

/// What is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Rate {
    Commands,
    NetInput,
    NetOutput,
    Turns,
    /// Nanoseconds per turn rather than per second.
    TurnDuration,
}

#[derive(Clone, Copy, Default)]
struct Series {
    last_value: u64,
    last_base: u64,
    samples: [u64; SAMPLES],
    next: usize,
}

/// The series of all rates.
#[derive(Default)]
pub struct Rates([Series; 5]);

impl Rates {
    /// Takes a sample: how much `value` has grown for each `factor` units that `base` has.
    pub fn sample(&mut self, rate: Rate, value: u64, base: u64, factor: u64) {
        let series = &mut self.0[rate as usize];
        if series.last_base > 0 {
            let base_delta = base.saturating_sub(series.last_base);
            let delta = value.saturating_sub(series.last_value);
            series.samples[series.next] = delta.saturating_mul(factor).checked_div(base_delta).unwrap_or(0);
            series.next = (series.next + 1) % SAMPLES;
        }
        series.last_base = base;
        series.last_value = value;
    }

    /// The mean of the last samples.
    pub fn get(&self, rate: Rate) -> u64 {
        self.0[rate as usize].samples.iter().sum::<u64>() / SAMPLES as u64
    }

    /// Forgets all samples.
    pub fn reset(&mut self) {
        *self = Rates::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_shows_its_rate() {
        let mut rates = Rates::default();
        for i in 1..=20u64 {
            rates.sample(Rate::Commands, i * 50, i * 100, 1000);
        }
        assert_eq!(rates.get(Rate::Commands), 500);
        assert_eq!(rates.get(Rate::NetInput), 0);
    }
}
