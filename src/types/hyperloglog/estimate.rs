//! From registers to an estimate: Otmar Ertl's improved estimator ("New cardinality estimation algorithms for
//! HyperLogLog sketches", 2017), which needs neither tables of bias nor a case for small numbers.

use super::{REGISTERS, RUN_BITS};

/// How many registers have each value.
pub struct Histogram([u32; 64]);

impl Default for Histogram {
    fn default() -> Self {
        Histogram([0; 64])
    }
}

impl Histogram {
    /// Counts registers of a value.
    #[inline]
    pub fn add(&mut self, value: u8, registers: usize) {
        self.0[usize::from(value & 63)] += registers as u32;
    }

    /// How many different elements these registers have most likely seen.
    pub fn estimate(&self) -> u64 {
        /// 1 / (2 ln 2).
        const ALPHA: f64 = 0.721_347_520_444_481_7;
        let registers = REGISTERS as f64;
        let highest = f64::from(self.0[RUN_BITS as usize + 1]);
        let mut sum = registers * tau((registers - highest) / registers);
        for count in self.0[1..=RUN_BITS as usize].iter().rev() {
            sum = (sum + f64::from(*count)) * 0.5;
        }
        sum += registers * sigma(f64::from(self.0[0]) / registers);
        (ALPHA * registers * registers / sum).round() as u64
    }
}

/// The paper's σ: what registers that are still 0 contribute.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// The paper's τ: what registers at the end of their range contribute.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_range() {
        let mut histogram = Histogram::default();
        histogram.add(0, REGISTERS);
        assert_eq!(histogram.estimate(), 0);
        let mut histogram = Histogram::default();
        histogram.add(0, REGISTERS - 1);
        histogram.add(1, 1);
        assert_eq!(histogram.estimate(), 1);
        let mut histogram = Histogram::default();
        histogram.add(51, REGISTERS);
        assert_eq!(histogram.estimate(), u64::MAX);
        let mut histogram = Histogram::default();
        histogram.add(3, REGISTERS);
        assert!(histogram.estimate() > REGISTERS as u64);
    }
}
