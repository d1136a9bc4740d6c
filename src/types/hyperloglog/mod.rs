//! The HyperLogLog: a string that estimates how many different elements it has been shown.
//!
//! It is upstream's layout byte for byte, because clients GET, SET and copy these strings between servers.
//!
//! ```text
//!  0      4          5        8                    16
//!  ├──────┼──────────┼────────┼────────────────────┼───────────────────────────┐
//!  │ HYLL │ encoding │ 0 0 0  │ count (LE)         │ registers                 │
//!  └──────┴──────────┴────────┴────────────────────┴───────────────────────────┘
//!  encoding   0 dense, 1 sparse
//!  count      the last estimate; with its highest bit set it is out of date
//!  registers  dense: 16384 of 6 bits, the first in the low bits of the first byte
//!             sparse: runs of equal registers, see `sparse`
//! ```
//!
//! An element's hash (MurmurHash64A) names a register by its low 14 bits; the register keeps the longest run of zero
//! bits, plus one, that the other 50 bits of such a hash began with. How registers become an estimate: see
//! `estimate`.

pub mod dense;
mod estimate;
pub mod sparse;

pub use estimate::Histogram;

/// Bits of a hash that name a register.
const INDEX_BITS: u32 = 14;
/// The other bits of it.
const RUN_BITS: u32 = 64 - INDEX_BITS;
/// How many registers there are.
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// Bytes before the registers.
pub const HEADER_BYTES: usize = 16;
/// Length of a dense one.
pub const DENSE_BYTES: usize = HEADER_BYTES + REGISTERS * 6 / 8;

const MAGIC: &[u8; 4] = b"HYLL";
const STALE: u8 = 0x80;

/// How the registers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Dense,
    Sparse,
}

/// The string is no HyperLogLog.
#[derive(Debug, PartialEq, Eq)]
pub struct NotHll;

/// The string looks like a HyperLogLog, but its registers are not all there.
#[derive(Debug, PartialEq, Eq)]
pub struct Corrupt;

/// Every register in a byte of its own.
pub type Registers = [u8; REGISTERS];

/// What kind of HyperLogLog a string is.
///
/// # Errors
/// When it is none.
#[inline]
pub fn form(bytes: &[u8]) -> Result<Form, NotHll> {
    match bytes.strip_prefix(MAGIC) {
        Some([0, ..]) if bytes.len() == DENSE_BYTES => Ok(Form::Dense),
        Some([1, ..]) if bytes.len() >= HEADER_BYTES => Ok(Form::Sparse),
        _ => Err(NotHll),
    }
}

/// A new one that has seen nothing.
pub fn empty() -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes[..4].copy_from_slice(MAGIC);
    bytes[4] = 1;
    sparse::Run::zeros(REGISTERS).write(&mut bytes);
    bytes
}

/// The estimate kept in it, if it is up to date.
pub fn cached(bytes: &[u8]) -> Option<u64> {
    let count = u64::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
    (bytes[HEADER_BYTES - 1] & STALE == 0).then_some(count)
}

/// Keeps an estimate.
pub fn cache(bytes: &mut [u8], count: u64) {
    bytes[8..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
}

/// Says that the estimate in it is out of date.
pub fn spoil(bytes: &mut [u8]) {
    bytes[HEADER_BYTES - 1] |= STALE;
}

/// The register of an element, and the value that it must have at least.
#[inline]
pub fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur64a(element, 0xadc8_3b19);
    let run = hash >> INDEX_BITS | 1 << RUN_BITS;
    (hash as usize & (REGISTERS - 1), run.trailing_zeros() as u8 + 1)
}

/// MurmurHash64A (Austin Appleby's).
#[inline]
fn murmur64a(bytes: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const R: u32 = 47;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        let mut word = u64::from_le_bytes(*word).wrapping_mul(M);
        word ^= word >> R;
        hash = (hash ^ word.wrapping_mul(M)).wrapping_mul(M);
    }
    if !tail.is_empty() {
        let word = tail.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        hash = (hash ^ word).wrapping_mul(M);
    }
    hash = (hash ^ hash >> R).wrapping_mul(M);
    hash ^ hash >> R
}

/// Raises the registers in `into` to those of a HyperLogLog.
///
/// # Errors
/// When it is corrupt; some registers may then have been raised.
pub fn merge(bytes: &[u8], form: Form, into: &mut Registers) -> Result<(), Corrupt> {
    match form {
        Form::Dense => dense::merge(&bytes[HEADER_BYTES..], into),
        Form::Sparse => {
            let mut index = 0;
            for run in sparse::runs(bytes) {
                let registers = into.get_mut(index..index + run.len).ok_or(Corrupt)?;
                if run.value > 0 {
                    registers.iter_mut().for_each(|register| *register = run.value.max(*register));
                }
                index += run.len;
            }
            if index != REGISTERS {
                return Err(Corrupt);
            }
        }
    }
    Ok(())
}

/// The estimate.
///
/// # Errors
/// When it is corrupt.
pub fn count(bytes: &[u8], form: Form) -> Result<u64, Corrupt> {
    let mut histogram = Histogram::default();
    match form {
        Form::Dense => dense::each(&bytes[HEADER_BYTES..], |_, value| histogram.add(value, 1)),
        Form::Sparse => {
            let mut registers = 0;
            for run in sparse::runs(bytes) {
                registers += run.len;
                if registers > REGISTERS {
                    return Err(Corrupt);
                }
                histogram.add(run.value, run.len);
            }
            if registers != REGISTERS {
                return Err(Corrupt);
            }
        }
    }
    Ok(histogram.estimate())
}

/// The dense form of a sparse one, the estimate kept.
///
/// # Errors
/// When it is corrupt.
pub fn to_dense(bytes: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let mut registers = [0; REGISTERS];
    merge(bytes, Form::Sparse, &mut registers)?;
    let mut dense = vec![0; DENSE_BYTES];
    dense[..HEADER_BYTES].copy_from_slice(&bytes[..HEADER_BYTES]);
    dense[4] = 0;
    dense::pack(&registers, &mut dense[HEADER_BYTES..]);
    Ok(dense)
}

/// Raises a register, in whatever form; answers whether it was lower. A sparse one becomes dense when it would be longer
/// than `sparse_max_bytes` or holds a value beyond its range.
///
/// # Errors
/// When it is corrupt; it is then unchanged.
pub fn raise(bytes: &mut Vec<u8>, index: usize, value: u8, sparse_max_bytes: usize) -> Result<bool, Corrupt> {
    if bytes[4] == 1 {
        match sparse::plan(bytes, index, value, sparse_max_bytes)? {
            sparse::Plan::Nothing => return Ok(false),
            sparse::Plan::Replace(change) => {
                change.apply(bytes);
                return Ok(true);
            }
            sparse::Plan::Promote => *bytes = to_dense(bytes)?,
        }
    }
    Ok(dense::raise(&mut bytes[HEADER_BYTES..], index, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_upstreams() {
        // Seen in the registers of a genuine server.
        assert_eq!(place(b"a"), (12711, 2));
        assert_eq!(murmur64a(b"", 0), 0);
    }

    #[test]
    fn what_is_one_and_what_is_not() {
        assert_eq!(form(&empty()), Ok(Form::Sparse));
        let dense = to_dense(&empty()).unwrap();
        assert_eq!(form(&dense), Ok(Form::Dense));
        assert_eq!(form(&dense[1..]), Err(NotHll));
        assert_eq!(form(&dense[..DENSE_BYTES - 1]), Err(NotHll));
        assert_eq!(form(b"HYLL"), Err(NotHll));
        assert_eq!(form(b""), Err(NotHll));
        let mut other = empty();
        other[4] = 2;
        assert_eq!(form(&other), Err(NotHll));
        assert_eq!(cached(&empty()), Some(0));
    }

    #[test]
    fn both_forms_hold_the_same() {
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..200 {
            let (mut sparse, mut dense) = (empty(), to_dense(&empty()).unwrap());
            let mut model = [0u8; REGISTERS];
            for _ in 0..rng.usize(..400) {
                let (mut index, mut value) = place(&rng.u64(..).to_le_bytes());
                if rng.bool() {
                    (index, value) = (index % 64, rng.u8(1..6));
                }
                let raised = model[index] < value;
                model[index] = model[index].max(value);
                assert_eq!(raise(&mut sparse, index, value, 3000), Ok(raised));
                assert_eq!(raise(&mut dense, index, value, 3000), Ok(raised));
            }
            assert_eq!(sparse[4], 1);
            let mut registers = [0; REGISTERS];
            merge(&sparse, Form::Sparse, &mut registers).unwrap();
            assert_eq!(registers, model);
            let mut registers = [0; REGISTERS];
            merge(&dense, Form::Dense, &mut registers).unwrap();
            assert_eq!(registers, model);
            assert_eq!(count(&sparse, Form::Sparse), count(&dense, Form::Dense));
        }
    }

    #[test]
    fn estimates_are_close() {
        let mut bytes = empty();
        for n in 1..=50_000u64 {
            let (index, value) = place(&n.to_le_bytes());
            raise(&mut bytes, index, value, 3000).unwrap();
            if [10, 100, 1000, 10_000, 50_000].contains(&n) {
                let count = count(&bytes, form(&bytes).unwrap()).unwrap();
                assert!(count.abs_diff(n) * 20 <= n, "{count} for {n}");
            }
        }
        assert_eq!(bytes[4], 0);
    }

    #[test]
    fn no_bytes_are_too_strange() {
        let mut rng = fastrand::Rng::with_seed(6);
        for _ in 0..3000 {
            let mut bytes = empty();
            for _ in 0..rng.usize(..60) {
                let (index, value) = place(&rng.u64(..).to_le_bytes());
                raise(&mut bytes, index, value, 3000).unwrap();
            }
            for _ in 0..rng.usize(1..5) {
                let at = rng.usize(HEADER_BYTES..bytes.len());
                bytes[at] = rng.u8(..);
            }
            bytes.truncate(rng.usize(HEADER_BYTES..=bytes.len()));
            let _ = count(&bytes, Form::Sparse);
            let _ = merge(&bytes, Form::Sparse, &mut [0; REGISTERS]);
            for _ in 0..20 {
                let _ = raise(&mut bytes, rng.usize(..REGISTERS), rng.u8(1..=51), 3000);
            }
        }
    }
}
