//! `math.random` as upstream's scripts know it, and what 5.1's `math` had.
//!
//! The generator is drand48's: 48 bits of state, X' = 0x5DEECE66D * X + 0xB. Seeded with a number it gives the same sequence
//! everywhere, upstream included. Until a script seeds it, it is seeded at random, and so it is again for the next script.

use super::super::lend;
use super::super::vm::{Raise, Vm};
use crate::util::random;

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const MASK: u64 = (1 << 48) - 1;

/// The generator.
pub struct Random {
    state: u64,
    /// A script has chosen the sequence.
    chosen: bool,
}

impl Default for Random {
    fn default() -> Self {
        Random { state: random::u64() & MASK, chosen: false }
    }
}

impl Random {
    /// Another script begins.
    #[inline]
    pub fn begin(&mut self) {
        if self.chosen {
            *self = Random::default();
        }
    }

    fn seed(&mut self, seed: i32) {
        self.state = u64::from(seed as u32) << 16 | 0x330e;
        self.chosen = true;
    }

    /// 31 bits.
    fn next(&mut self) -> u32 {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(0xb) & MASK;
        (self.state >> 17) as u32
    }

    /// A number from 0 up to but not including 1.
    fn unit(&mut self) -> f64 {
        const MAX: u32 = i32::MAX as u32;
        f64::from(self.next() % MAX) / f64::from(MAX)
    }
}

/// Puts them into the table of mathematics.
pub fn open(vm: &mut Vm<'_>) {
    let base = vm.top();
    vm.push_globals();
    vm.push_field(base + 1, c"math");
    let math = vm.top();
    vm.push_native(c"random", random);
    vm.set_field(math, c"random");
    vm.push_native(c"randomseed", randomseed);
    vm.set_field(math, c"randomseed");
    vm.push_field(math, c"fmod");
    vm.set_field(math, c"mod");
    vm.cut(base);
}

fn random(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let unit = lend::with(|server| server.scripts.random.unit()).unwrap_or_default();
    let whole = |vm: &Vm<'_>, index| super::number_argument(vm, index, "random").map(f64::trunc);
    let n = match vm.top() {
        0 => unit,
        1 => {
            let upper = whole(vm, 1)?;
            if upper.is_nan() || upper < 1.0 {
                return Err(Raise::argument(1, "random", "interval is empty"));
            }
            (unit * upper).floor() + 1.0
        }
        2 => {
            let (lower, upper) = (whole(vm, 1)?, whole(vm, 2)?);
            if lower.is_nan() || upper.is_nan() || lower > upper {
                return Err(Raise::argument(2, "random", "interval is empty"));
            }
            (unit * (upper - lower + 1.0)).floor() + lower
        }
        _ => return Err(Raise::text("wrong number of arguments")),
    };
    vm.push_number(n);
    Ok(1)
}

fn randomseed(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let seed = super::number_argument(vm, 1, "randomseed")?;
    lend::with(|server| server.scripts.random.seed(seed as i64 as i32));
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_upstreams_sequence() {
        let mut random = Random::default();
        random.seed(5);
        assert!((random.unit() - 0.524_839_579_372_13).abs() < 1e-13);
        assert_eq!((random.unit() * 10.0).floor() + 1.0, 3.0);
        assert_eq!((random.unit() * 5.0).floor() + 5.0, 8.0);
    }

    #[test]
    fn the_next_script_has_another() {
        let mut random = Random::default();
        random.seed(5);
        let first = random.next();
        random.begin();
        assert!(!random.chosen);
        random.seed(5);
        assert_eq!(random.next(), first);
    }
}
