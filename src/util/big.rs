//! Natural numbers of any size, as far as reading and printing of long doubles needs them.
//!
//! Sizes are bounded by the callers (a few hundred limbs), so the plain quadratic algorithms do.
//! What always holds: the top limb is not zero; zero has no limbs.

use super::number;

/// A natural number, least significant limb first, no zero limb at the top.
pub(super) struct Big {
    limbs: Vec<u64>,
}

impl Big {
    pub(super) fn from(value: u64) -> Big {
        Big { limbs: if value == 0 { Vec::new() } else { vec![value] } }
    }

    pub(super) fn from_decimal(digits: &[u8]) -> Big {
        let mut value = Big::from(0);
        for chunk in digits.chunks(19) {
            let part = chunk.iter().fold(0u64, |sum, &digit| sum * 10 + u64::from(digit - b'0'));
            value.multiply_add(10u64.pow(chunk.len() as u32), part);
        }
        value
    }

    pub(super) fn bits(&self) -> usize {
        self.limbs.len() * 64 - self.limbs.last().map_or(0, |limb| limb.leading_zeros() as usize)
    }

    fn multiply_add(&mut self, factor: u64, addend: u64) {
        let mut carry = u128::from(addend);
        for limb in &mut self.limbs {
            carry += u128::from(*limb) * u128::from(factor);
            *limb = carry as u64;
            carry >>= 64;
        }
        if carry != 0 {
            self.limbs.push(carry as u64);
        }
    }

    pub(super) fn multiply_power_of_five(&mut self, mut power: u32) {
        const STEP: u32 = 27;
        while power > 0 {
            let step = power.min(STEP);
            self.multiply_add(5u64.pow(step), 0);
            power -= step;
        }
    }

    pub(super) fn shift_left(&mut self, shift: u32) {
        let (limbs, bits) = ((shift / 64) as usize, shift % 64);
        if bits > 0 {
            self.multiply_add(1 << bits, 0);
        }
        if !self.limbs.is_empty() {
            self.limbs.splice(0..0, std::iter::repeat_n(0, limbs));
        }
    }

    /// The top 128 bits at most, how many bits are below them, and whether one of those is set.
    pub(super) fn top(&self) -> (u128, usize, bool) {
        let split = self.limbs.len().saturating_sub(2);
        let (low, high) = self.limbs.split_at(split);
        let top = high.iter().rev().fold(0, |top: u128, &limb| top << 64 | u128::from(limb));
        (top, split * 64, low.iter().any(|&limb| limb != 0))
    }

    /// Long division for a quotient known to have `bits` bits at most (128 is the limit): the quotient, and whether there is a remainder.
    pub(super) fn divide_short(mut self, mut divisor: Big, bits: u32) -> (u128, bool) {
        divisor.shift_left(bits);
        let mut quotient = 0;
        for _ in 0..bits {
            divisor.halve();
            quotient <<= 1;
            if self.at_least(&divisor) {
                self.subtract(&divisor);
                quotient |= 1;
            }
        }
        (quotient, !self.limbs.is_empty())
    }

    fn halve(&mut self) {
        let mut carry = 0;
        for limb in self.limbs.iter_mut().rev() {
            (*limb, carry) = (*limb >> 1 | carry, *limb << 63);
        }
        self.trim();
    }

    fn at_least(&self, other: &Big) -> bool {
        self.limbs.len().cmp(&other.limbs.len()).then_with(|| self.limbs.iter().rev().cmp(other.limbs.iter().rev())).is_ge()
    }

    /// Subtracts a number that is not larger.
    fn subtract(&mut self, other: &Big) {
        let mut borrow = false;
        for (index, limb) in self.limbs.iter_mut().enumerate() {
            let (difference, under) = limb.overflowing_sub(other.limbs.get(index).copied().unwrap_or(0));
            let (difference, under_borrow) = difference.overflowing_sub(u64::from(borrow));
            *limb = difference;
            borrow = under || under_borrow;
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }

    /// Appends the decimal text of a number that is not zero.
    pub(super) fn write_decimal(mut self, out: &mut Vec<u8>) {
        const CHUNK: u64 = 10u64.pow(19);
        let mut chunks = Vec::new();
        while !self.limbs.is_empty() {
            let mut remainder = 0u64;
            for limb in self.limbs.iter_mut().rev() {
                let dividend = u128::from(remainder) << 64 | u128::from(*limb);
                *limb = (dividend / u128::from(CHUNK)) as u64;
                remainder = (dividend % u128::from(CHUNK)) as u64;
            }
            self.trim();
            chunks.push(remainder);
        }
        let Some(first) = chunks.pop() else { return };
        number::write_u64(out, first);
        for chunk in chunks.iter().rev() {
            out.extend_from_slice(format!("{chunk:019}").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn big(value: u128) -> Big {
        let mut big = Big::from((value >> 64) as u64);
        big.shift_left(64);
        let mut limbs = vec![value as u64];
        limbs.extend(big.limbs.get(1));
        let mut big = Big { limbs };
        big.trim();
        big
    }

    fn decimal(big: Big) -> String {
        let mut out = Vec::new();
        big.write_decimal(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn agrees_with_u128(a in 1u128.., b in 1u128.., shift in 0u32..60, power in 0u32..30) {
            prop_assert_eq!(decimal(big(a)), a.to_string());
            prop_assert_eq!(decimal(Big::from_decimal(a.to_string().as_bytes())), a.to_string());
            prop_assert_eq!(big(a).bits() as u32, 128 - a.leading_zeros());
            prop_assert_eq!(big(a).divide_short(big(b), 128), (a / b, a % b != 0));
            let small = a >> 64;
            if small > 0 {
                let mut shifted = big(small);
                shifted.shift_left(shift);
                prop_assert_eq!(shifted.top(), (small << shift, 0, false));
                let mut product = big(small >> 30 | 1);
                product.multiply_power_of_five(power % 27);
                prop_assert_eq!(decimal(product), ((small >> 30 | 1) * 5u128.pow(power % 27)).to_string());
            }
        }
    }

    #[test]
    fn the_top_leaves_a_trace_of_what_is_below() {
        let mut value = Big::from(5);
        value.shift_left(300);
        assert_eq!(value.top(), (5 << 108, 192, false));
        value.multiply_add(1, 1);
        assert_eq!(value.top(), (5 << 108, 192, true));
    }
}
