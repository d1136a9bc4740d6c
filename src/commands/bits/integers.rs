//! Integers of any width up to 64 bits, at any bit of a string: what BITFIELD's operations compute.

/// The type of such an integer: `i1` to `i64`, `u1` to `u63`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    pub signed: bool,
    pub bits: u32,
}

/// What becomes of a sum that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Its low bits are kept.
    Wrap,
    /// It becomes the nearest number that fits.
    Saturate,
    /// Nothing is done.
    Fail,
}

impl Width {
    /// Parses `i8`, `u16` and the like.
    pub fn parse(word: &[u8]) -> Option<Width> {
        let (signed, digits) = match word {
            [b'i', digits @ ..] => (true, digits),
            [b'u', digits @ ..] => (false, digits),
            _ => return None,
        };
        let bits = crate::util::number::parse_i64(digits)?;
        let max = if signed { 64 } else { 63 };
        (1..=max).contains(&bits).then_some(Width { signed, bits: bits as u32 })
    }

    fn range(self) -> (i128, i128) {
        if self.signed { (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) } else { (0, (1 << self.bits) - 1) }
    }

    /// The number of this type that these low bits are.
    fn of_bits(self, raw: u64) -> i64 {
        let unused = 64 - self.bits;
        if self.signed { (raw << unused) as i64 >> unused } else { (raw << unused >> unused) as i64 }
    }

    /// Reads the integer at a bit; behind the string's end all bits are zero.
    pub fn read(self, bytes: &[u8], offset: u64) -> i64 {
        let first = (offset / 8) as usize;
        let raw = (first..first + 9).fold(0u128, |raw, at| raw << 8 | u128::from(bytes.get(at).copied().unwrap_or(0)));
        let behind = 72 - (offset % 8) as u32 - self.bits;
        self.of_bits((raw >> behind) as u64)
    }

    /// Writes the low bits of a number at a bit; they lie within the string.
    pub fn write(self, bytes: &mut [u8], offset: u64, value: i64) {
        for bit in 0..self.bits {
            let at = offset + u64::from(bit);
            let mask = 0x80 >> (at % 8);
            let byte = &mut bytes[(at / 8) as usize];
            *byte = if value >> (self.bits - 1 - bit) & 1 == 1 { *byte | mask } else { *byte & !mask };
        }
    }

    /// What is to be stored for a number that is given: `None` if it does not fit and that is a failure.
    pub fn fit(self, value: i64, overflow: Overflow) -> Option<i64> {
        // An unsigned field takes a negative number for the big one that has the same bits.
        let value = if self.signed { i128::from(value) } else { i128::from(value as u64) };
        // Upstream takes a number for too big when its distance from the biggest is beyond 63 bits, on either side.
        let (_, max) = self.range();
        if self.signed && max - value > i128::from(i64::MAX) && self.bits < 64 && matches!(overflow, Overflow::Saturate) {
            return Some(max as i64);
        }
        self.settle(value, overflow)
    }

    /// What is to be stored for a sum: `None` if it does not fit and that is a failure.
    pub fn add(self, value: i64, by: i64, overflow: Overflow) -> Option<i64> {
        self.settle(i128::from(value) + i128::from(by), overflow)
    }

    fn settle(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) = self.range();
        match overflow {
            _ if (min..=max).contains(&value) => Some(value as i64),
            Overflow::Wrap => Some(self.of_bits(value as u64)),
            Overflow::Saturate => Some(value.clamp(min, max) as i64),
            Overflow::Fail => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        assert_eq!(Width::parse(b"i64"), Some(Width { signed: true, bits: 64 }));
        assert_eq!(Width::parse(b"u63"), Some(Width { signed: false, bits: 63 }));
        for bad in ["u64", "i65", "i0", "x8", "", "u", "i-1", "I8", "u08"] {
            assert_eq!(Width::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn numbers_come_back_from_wherever_they_are_written() {
        let mut rng = fastrand::Rng::with_seed(4);
        for _ in 0..5000 {
            let signed = rng.bool();
            let width = Width { signed, bits: rng.u32(1..=if signed { 64 } else { 63 }) };
            let before: Vec<u8> = (0..32).map(|_| rng.u8(..)).collect();
            let offset = rng.u64(..32 * 8 - u64::from(width.bits));
            let value = width.of_bits(rng.u64(..));
            let mut bytes = before.clone();
            width.write(&mut bytes, offset, value);
            assert_eq!(width.read(&bytes, offset), value);
            let old = width.read(&before, offset);
            width.write(&mut bytes, offset, old);
            assert_eq!(bytes, before);
        }
        assert_eq!(Width { signed: false, bits: 8 }.read(b"", 0), 0);
        assert_eq!(Width { signed: true, bits: 16 }.read(b"\xff", 0), -256);
    }

    #[test]
    fn what_does_not_fit() {
        let (u8_, i8_, i64_) = (Width::parse(b"u8").unwrap(), Width::parse(b"i8").unwrap(), Width::parse(b"i64").unwrap());
        for (width, value, by, wrap, saturate) in [
            (u8_, 255, 1, 0, 255),
            (u8_, 0, -1, 255, 0),
            (i8_, 127, 1, -128, 127),
            (i8_, -128, -1, 127, -128),
            (i64_, i64::MAX, 1, i64::MIN, i64::MAX),
            (i64_, i64::MIN, -1, i64::MAX, i64::MIN),
            (u8_, 3, i64::MIN, 3, 0),
        ] {
            assert_eq!(width.add(value, by, Overflow::Wrap), Some(wrap));
            assert_eq!(width.add(value, by, Overflow::Saturate), Some(saturate));
            assert_eq!(width.add(value, by, Overflow::Fail), None);
        }
        assert_eq!(u8_.fit(-1, Overflow::Saturate), Some(255));
        assert_eq!(u8_.fit(-2, Overflow::Wrap), Some(254));
        assert_eq!(i8_.fit(200, Overflow::Fail), None);
        assert_eq!(u8_.add(1, 1, Overflow::Fail), Some(2));
    }
}
