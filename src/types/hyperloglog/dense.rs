//! Registers of six bits side by side: four of them in three bytes, the first in the lowest bits.

use super::{REGISTERS, Registers};

/// Three bytes are four registers.
const BYTES: usize = 3;

#[inline]
fn unpack([a, b, c]: [u8; BYTES]) -> [u8; 4] {
    [a & 63, a >> 6 | (b & 15) << 2, b >> 4 | (c & 3) << 4, c >> 2]
}

/// Raises a register; answers whether it was lower.
#[inline]
pub fn raise(registers: &mut [u8], index: usize, value: u8) -> bool {
    let lower = get(registers, index) < value;
    if lower {
        let (byte, shift) = (index * 6 / 8, index * 6 % 8);
        let mask = 63u16 << shift;
        let new = u16::from(value) << shift;
        registers[byte] = registers[byte] & !(mask as u8) | new as u8;
        if shift > 2 {
            registers[byte + 1] = registers[byte + 1] & !((mask >> 8) as u8) | (new >> 8) as u8;
        }
    }
    lower
}

/// A register's value.
#[inline]
pub fn get(registers: &[u8], index: usize) -> u8 {
    let (byte, shift) = (index * 6 / 8, index * 6 % 8);
    let next = registers.get(byte + 1).copied().unwrap_or(0);
    (u16::from_le_bytes([registers[byte], next]) >> shift) as u8 & 63
}

/// Calls `visit` with every register and its value.
#[inline]
pub fn each(registers: &[u8], mut visit: impl FnMut(usize, u8)) {
    for (at, bytes) in registers.as_chunks::<BYTES>().0.iter().enumerate() {
        for (next, value) in unpack(*bytes).into_iter().enumerate() {
            visit(4 * at + next, value);
        }
    }
}

/// Raises the registers in `into` to these.
pub fn merge(registers: &[u8], into: &mut Registers) {
    for (bytes, into) in registers.as_chunks::<BYTES>().0.iter().zip(into.as_chunks_mut::<4>().0) {
        for (value, into) in unpack(*bytes).into_iter().zip(into) {
            *into = value.max(*into);
        }
    }
}

/// Writes registers, which have six bits, into the `REGISTERS * 6 / 8` bytes of `out`.
pub fn pack(registers: &Registers, out: &mut [u8]) {
    debug_assert_eq!(out.len(), REGISTERS * 6 / 8);
    for ([a, b, c, d], out) in registers.as_chunks::<4>().0.iter().zip(out.as_chunks_mut::<BYTES>().0) {
        *out = [a | b << 6, b >> 2 | c << 4, c >> 4 | d << 2];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_do_not_disturb_each_other() {
        let mut rng = fastrand::Rng::with_seed(7);
        let (mut model, mut packed) = ([0u8; REGISTERS], vec![0; REGISTERS * 6 / 8]);
        for _ in 0..20_000 {
            let (index, value) = (rng.usize(..REGISTERS), rng.u8(1..64));
            assert_eq!(raise(&mut packed, index, value), model[index] < value);
            model[index] = model[index].max(value);
            assert_eq!(get(&packed, index), model[index]);
        }
        each(&packed, |index, value| assert_eq!(value, model[index]));
        let mut again = vec![0; packed.len()];
        pack(&model, &mut again);
        assert_eq!(again, packed);
        let mut merged = [0; REGISTERS];
        merge(&packed, &mut merged);
        assert_eq!(merged, model);
        assert_eq!(get(&packed, REGISTERS - 1), model[REGISTERS - 1]);
    }
}
