//! The keyed hash of every key, member and field: SipHash-1-3 under a seed drawn once per process.
//!
//! A client chooses the keys, so the hash must not be predictable: with a public or unkeyed function a few thousand
//! chosen keys would all land in one bucket. SipHash is a pseudo-random function as long as its 128-bit key stays
//! secret; one compression and three finalisation rounds are enough for a hash table and cost about 10 ns for a
//! 16-byte key.
//!
//! What always holds: within one process equal bytes have equal hashes; across processes they do not, so a hash is
//! never written to a file nor sent to a peer. It is made for the table and not even: see [`spread`].

use std::sync::OnceLock;

/// The process's secret. Drawn from the kernel at the first use, never changed, never shown.
static SEED: OnceLock<(u64, u64)> = OnceLock::new();

/// The 64-bit hash of `key` under this process's seed, [`spread`].
#[inline]
pub fn hash(key: &[u8]) -> u64 {
    let (k0, k1) = *SEED.get_or_init(draw_seed);
    spread(sip::<1, 3>(k0, k1, key))
}

/// The top bits of a hash that are not evenly distributed.
pub const SPREAD_BITS: u32 = 4;

/// How many of 256 hashes go to each sixteenth of the range: from 11 to 21 in steps of about 1.04, so that a table that
/// fills up has segments in all stages of their growth at any time. Large shares stand beside small ones, which evens them out
/// where one segment holds them all.
const SHARES: [u8; 1 << SPREAD_BITS] = [21, 11, 21, 12, 20, 12, 19, 13, 18, 14, 18, 14, 17, 15, 16, 15];

/// The sixteenth that each low byte of a hash goes to.
static PLACES: [u8; 256] = {
    let mut places = [0; 256];
    let (mut place, mut next) = (0, 0);
    while place < SHARES.len() {
        let end = next + SHARES[place] as usize;
        while next < end {
            places[next] = place as u8;
            next += 1;
        }
        place += 1;
    }
    assert!(next == places.len());
    places
};

/// Distributes an even hash unevenly over its range: the top four bits are drawn with probabilities between 11/256 and
/// 21/256, the others stay even.
///
/// The table keeps elements in hash order and divides the range by halves. Were hashes even, all its segments would be
/// equally full: all would outgrow their size at the same time and leave every slab of the allocator half empty for
/// as long as that takes. So a table of millions of 16-byte keys and values took 56 to 61 bytes of RSS each where it now
/// takes 51, whatever their number.
#[inline(always)]
pub fn spread(even: u64) -> u64 {
    u64::from(PLACES[usize::from(even as u8)]) << (64 - SPREAD_BITS) | even >> SPREAD_BITS
}

#[cold]
fn draw_seed() -> (u64, u64) {
    let mut seed = [0u8; 16];
    getrandom::fill(&mut seed).expect("the kernel's random source answers");
    let seed = u128::from_le_bytes(seed);
    (seed as u64, (seed >> 64) as u64)
}

/// The four words of SipHash's state.
struct State(u64, u64, u64, u64);

impl State {
    #[inline(always)]
    fn round(&mut self) {
        let State(a, b, c, d) = self;
        *a = a.wrapping_add(*b);
        *c = c.wrapping_add(*d);
        *b = b.rotate_left(13) ^ *a;
        *d = d.rotate_left(16) ^ *c;
        *a = a.rotate_left(32).wrapping_add(*d);
        *c = c.wrapping_add(*b);
        *b = b.rotate_left(17) ^ *c;
        *d = d.rotate_left(21) ^ *a;
        *c = c.rotate_left(32);
    }

    #[inline(always)]
    fn absorb<const C: usize>(&mut self, word: u64) {
        self.3 ^= word;
        for _ in 0..C {
            self.round();
        }
        self.0 ^= word;
    }
}

/// SipHash-C-D of `data` under the key `(k0, k1)` (little-endian halves of the 16 key bytes).
#[inline(always)]
fn sip<const C: usize, const D: usize>(k0: u64, k1: u64, data: &[u8]) -> u64 {
    let mut state =
        State(k0 ^ 0x736f_6d65_7073_6575, k1 ^ 0x646f_7261_6e64_6f6d, k0 ^ 0x6c79_6765_6e65_7261, k1 ^ 0x7465_6462_7974_6573);
    let (words, rest) = data.as_chunks::<8>();
    for word in words {
        state.absorb::<C>(u64::from_le_bytes(*word));
    }
    state.absorb::<C>(tail(data, rest) | (data.len() as u64) << 56);
    state.2 ^= 0xff;
    for _ in 0..D {
        state.round();
    }
    state.0 ^ state.1 ^ state.2 ^ state.3
}

/// The last `data.len() % 8` bytes as a little-endian number. Where the whole is at least a word long, one load that
/// overlaps the word before replaces the byte-wise assembly.
#[inline(always)]
fn tail(data: &[u8], rest: &[u8]) -> u64 {
    let count = rest.len();
    if let Some(last) = data.last_chunk::<8>() {
        // Shifted in two steps: with no bytes left over the shift would be the full width.
        return (u64::from_le_bytes(*last) >> 8) >> (56 - 8 * count);
    }
    if let (Some(head), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        let (head, last) = (u32::from_le_bytes(*head), u32::from_le_bytes(*last));
        return u64::from(head) | u64::from(last) << (8 * (count - 4));
    }
    match *rest {
        [a, b, c] => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
        [a, b] => u64::from(a) | u64::from(b) << 8,
        [a] => u64::from(a),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::Hasher;

    const K0: u64 = 0x0706_0504_0302_0100;
    const K1: u64 = 0x0f0e_0d0c_0b0a_0908;

    /// Vectors of the paper's own variant, which fix the rounds, the key order and the tail.
    #[test]
    fn the_papers_vectors() {
        let input: Vec<u8> = (0..64).collect();
        assert_eq!(sip::<2, 4>(K0, K1, &input[..0]), 0x726f_db47_dd0e_0e31);
        assert_eq!(sip::<2, 4>(K0, K1, &input[..15]), 0xa129_ca61_49be_45e5);
    }

    /// The standard library's default hasher is SipHash-1-3 under the zero key.
    #[test]
    fn equal_to_the_standard_librarys_at_every_length() {
        let mut rng = fastrand::Rng::with_seed(3);
        for length in 0..200 {
            let data: Vec<u8> = (0..length).map(|_| rng.u8(..)).collect();
            let mut theirs = std::collections::hash_map::DefaultHasher::new();
            theirs.write(&data);
            assert_eq!(sip::<1, 3>(0, 0, &data), theirs.finish(), "length {length}");
        }
    }

    #[test]
    fn shares_are_as_announced() {
        let mut counts = [0_u8; 1 << SPREAD_BITS];
        for low in 0..256 {
            let spread = spread(0xabcd_ef00 + low);
            counts[(spread >> 60) as usize] += 1;
            assert_eq!(spread << 4 >> 4, (0xabcd_ef00 + low) >> 4);
        }
        assert_eq!(counts, SHARES);
    }

    #[test]
    fn one_seed_per_process() {
        assert_eq!(hash(b"key"), hash(b"key"));
        assert_ne!(hash(b"key"), hash(b"kex"));
        assert_ne!(hash(b""), hash(b"\0"));
    }
}
