//! Randomness from the system: the process's run id, replication ids, hash and generator seeds, tokens.
//!
//! Everything cheap and frequent uses a `fastrand` generator seeded from here. This source is for what an
//! adversary must not guess.

use std::hash::{BuildHasher, RandomState};

/// Characters of a run id, replication id or cluster node id.
pub const ID_LEN: usize = 40;

/// Fills `buf` from the kernel. Should it refuse, from the standard library's own random keys instead.
pub fn fill(buf: &mut [u8]) {
    if getrandom::fill(buf).is_err() {
        for (index, chunk) in buf.chunks_mut(8).enumerate() {
            let word = RandomState::new().hash_one(index).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

/// A random number of 64 bits.
pub fn u64() -> u64 {
    let mut word = [0; 8];
    fill(&mut word);
    u64::from_le_bytes(word)
}

/// `N` random lowercase hexadecimal digits.
pub fn hex<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    fill(&mut out);
    for byte in &mut out {
        *byte = b"0123456789abcdef"[usize::from(*byte & 15)];
    }
    out
}

/// A fresh id of [`ID_LEN`] hexadecimal digits.
pub fn id() -> [u8; ID_LEN] {
    hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hexadecimal_and_differ() {
        let (a, b) = (id(), id());
        assert!(a.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
        assert_ne!(a, b);
        assert_ne!(u64(), u64());
    }
}
