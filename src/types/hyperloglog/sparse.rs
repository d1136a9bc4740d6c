//! Registers as runs of equal ones, while few are set.
//!
//! ```text
//!  00 llllll            a run of 1 to 64 zeros: l + 1
//!  01 llllll llllllll   a run of 1 to 16384 zeros: l + 1
//!  1 vvvvv ll           a run of 1 to 4 registers of a value from 1 to 32: v + 1 in l + 1
//! ```
//!
//! The same registers can be written in many ways. Which one comes out depends on the order of the changes, and is
//! upstream's: a run is split around the register that changes, and up to five runs from the one before it are then
//! looked through for neighbours that make one run together.

use std::ops::Range;

use super::{Corrupt, HEADER_BYTES};

/// The largest value that fits.
const VALUE_MAX: u8 = 32;
const VALUE_RUN_MAX: usize = 4;
const ZERO_RUN_MAX: usize = 64;
/// How many runs are looked through after a change.
const JOINED_MAX: usize = 5;

/// A run of equal registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub value: u8,
    /// How many registers.
    pub len: usize,
    /// Bytes that it takes: 2 for the long form of zeros.
    pub bytes: usize,
}

impl Run {
    /// A run of zeros, in the shorter form that can hold it.
    pub fn zeros(len: usize) -> Run {
        Run { value: 0, len, bytes: if len > ZERO_RUN_MAX { 2 } else { 1 } }
    }

    fn of(value: u8, len: usize) -> Run {
        if value == 0 { Run::zeros(len) } else { Run { value, len, bytes: 1 } }
    }

    /// The run that begins here. A long form cut short counts as if a zero followed.
    #[inline]
    fn at(bytes: &[u8], at: usize) -> Run {
        let byte = bytes[at];
        if byte & 0x80 != 0 {
            Run { value: (byte >> 2 & 31) + 1, len: usize::from(byte & 3) + 1, bytes: 1 }
        } else if byte & 0x40 != 0 {
            let low = bytes.get(at + 1).copied().unwrap_or(0);
            Run { value: 0, len: (usize::from(byte & 63) << 8 | usize::from(low)) + 1, bytes: 2 }
        } else {
            Run { value: 0, len: usize::from(byte) + 1, bytes: 1 }
        }
    }

    /// Appends it.
    pub fn write(self, out: &mut Vec<u8>) {
        let len = self.len - 1;
        match self {
            Run { value: 0, bytes: 2, .. } => out.extend_from_slice(&[0x40 | (len >> 8) as u8, len as u8]),
            Run { value: 0, .. } => out.push(len as u8),
            Run { value, .. } => out.push(0x80 | (value - 1) << 2 | len as u8),
        }
    }
}

/// The runs of a sparse HyperLogLog.
pub fn runs(bytes: &[u8]) -> impl Iterator<Item = Run> {
    let mut at = HEADER_BYTES;
    std::iter::from_fn(move || {
        let run = (at < bytes.len()).then(|| Run::at(bytes, at))?;
        at += run.bytes;
        Some(run)
    })
}

/// What raising a register takes.
#[derive(Debug)]
pub enum Plan {
    /// It is as high already.
    Nothing,
    Replace(Change),
    /// It must become dense.
    Promote,
}

/// A run that gives way to others.
#[derive(Debug)]
pub struct Change {
    /// Where it lies.
    range: Range<usize>,
    /// What comes instead.
    runs: [Option<Run>; 3],
    /// Where the run before it begins, or it itself if it is the first.
    before: usize,
}

/// Finds out what raising a register takes.
///
/// # Errors
/// When there is no such register.
pub fn plan(bytes: &[u8], index: usize, value: u8, max_bytes: usize) -> Result<Plan, Corrupt> {
    if value > VALUE_MAX {
        return Ok(Plan::Promote);
    }
    let (mut at, mut before, mut first) = (HEADER_BYTES, HEADER_BYTES, 0);
    let run = loop {
        if at >= bytes.len() {
            return Err(Corrupt);
        }
        let run = Run::at(bytes, at);
        if index < first + run.len {
            break run;
        }
        before = at;
        at += run.bytes;
        first += run.len;
    };
    if run.value >= value {
        return Ok(Plan::Nothing);
    }
    let part = |len: usize| (len > 0).then(|| Run::of(run.value, len));
    let runs = [part(index - first), Some(Run::of(value, 1)), part(first + run.len - 1 - index)];
    let added: usize = runs.iter().flatten().map(|run| run.bytes).sum();
    if added > run.bytes && bytes.len() + added - run.bytes > max_bytes {
        return Ok(Plan::Promote);
    }
    Ok(Plan::Replace(Change { range: at..at + run.bytes, runs, before }))
}

impl Change {
    /// Makes the change.
    pub fn apply(self, bytes: &mut Vec<u8>) {
        let mut added = Vec::with_capacity(5);
        self.runs.into_iter().flatten().for_each(|run| run.write(&mut added));
        // A long form that was cut short is taken for whole: what follows loses a byte.
        let cut = self.range.end.saturating_sub(bytes.len());
        let range = self.range.start..self.range.end - cut;
        bytes.splice(range, added);
        bytes.truncate(bytes.len() - cut);
        let mut at = self.before;
        for _ in 0..JOINED_MAX {
            if at >= bytes.len() {
                break;
            }
            let run = Run::at(bytes, at);
            if run.value > 0 && at + 1 < bytes.len() {
                let next = Run::at(bytes, at + 1);
                let len = run.len + next.len;
                if next.value == run.value && len <= VALUE_RUN_MAX {
                    // The joined run may have a neighbour in turn.
                    bytes.remove(at);
                    bytes[at] = 0x80 | (run.value - 1) << 2 | (len - 1) as u8;
                    continue;
                }
            }
            at += run.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{empty, raise};
    use super::*;

    fn written(places: &[(usize, u8)]) -> Vec<u8> {
        let mut bytes = empty();
        for (index, value) in places {
            raise(&mut bytes, *index, *value, 3000).unwrap();
        }
        bytes.split_off(HEADER_BYTES)
    }

    #[test]
    fn runs_are_split_and_joined() {
        assert_eq!(written(&[]), [0x7f, 0xff]);
        assert_eq!(written(&[(0, 1)]), [0x80, 0x7f, 0xfe]);
        assert_eq!(written(&[(10, 2)]), [9, 0x84, 0x7f, 0xf4]);
        assert_eq!(written(&[(0, 1), (1, 1)]), [0x81, 0x7f, 0xfd]);
        assert_eq!(written(&[(0, 1), (2, 1), (1, 1)]), [0x82, 0x7f, 0xfc]);
        assert_eq!(written(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]), [0x83, 0x80, 0x7f, 0xfa]);
        assert_eq!(written(&[(0, 1), (1, 1), (2, 1), (1, 3)]), [0x80, 0x88, 0x80, 0x7f, 0xfc]);
        assert_eq!(written(&[(16383, 32)]), [0x7f, 0xfe, 0xfc]);
    }

    #[test]
    fn what_does_not_fit_becomes_dense() {
        assert!(matches!(plan(&empty(), 0, 33, 3000), Ok(Plan::Promote)));
        assert!(matches!(plan(&empty(), 10, 1, 20), Ok(Plan::Replace(_))));
        assert!(matches!(plan(&empty(), 10, 1, 19), Ok(Plan::Promote)));
        assert!(matches!(plan(&empty()[..17], 300, 1, 3000), Ok(Plan::Replace(_))));
        assert!(matches!(plan(&empty()[..16], 0, 1, 3000), Err(Corrupt)));
    }
}
