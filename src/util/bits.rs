//! Bits in bytes: counting them and looking for the first.
//!
//! One plain loop over words counts; it is compiled three times (for any machine, for AVX2, for the vector popcount of
//! AVX-512) and the best that the machine has is called. That is why this file holds unsafe code: a function compiled
//! for a feature may only be called where the feature is. Bit 0 is the highest bit of the first byte.
#![allow(unsafe_code)]

use std::ops::Range;

/// Bytes of a word.
const WORD: usize = 8;
/// Words that are added up side by side, so that the loop becomes vectors.
const LANES: usize = 16;

/// How many bits are set.
pub fn count(bytes: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() >= 4 * LANES * WORD {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vpopcntdq") {
            // SAFETY: the machine has just said that it has both features.
            return unsafe { count_avx512(bytes) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
            // SAFETY: the machine has just said that it has both features.
            return unsafe { count_avx2(bytes) };
        }
    }
    count_words(bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn count_avx512(bytes: &[u8]) -> u64 {
    count_words(bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn count_avx2(bytes: &[u8]) -> u64 {
    count_words(bytes)
}

#[inline(always)]
fn count_words(bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<{ LANES * WORD }>();
    let mut sums = [0u64; LANES];
    for block in blocks {
        let (words, _) = block.as_chunks::<WORD>();
        for (sum, word) in sums.iter_mut().zip(words) {
            *sum += u64::from(u64::from_le_bytes(*word).count_ones());
        }
    }
    let (words, rest) = rest.as_chunks::<WORD>();
    let words: u64 = words.iter().map(|word| u64::from(u64::from_le_bytes(*word).count_ones())).sum();
    sums.iter().sum::<u64>() + words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// How many of the bits in this range are set; the range lies within the bytes.
pub fn count_range(bytes: &[u8], bits: Range<u64>) -> u64 {
    if bits.is_empty() {
        return 0;
    }
    let (first, last) = ((bits.start / 8) as usize, ((bits.end - 1) / 8) as usize);
    let before = u64::from((bytes[first] & !keep_from(bits.start)).count_ones());
    let behind = u64::from((bytes[last] & keep_from(bits.end)).count_ones());
    let behind = if bits.end.is_multiple_of(8) { 0 } else { behind };
    count(&bytes[first..=last]) - before - behind
}

/// The bits of a byte from this one on.
fn keep_from(bit: u64) -> u8 {
    0xff >> (bit % 8)
}

/// The first bit of this value in the range, which lies within the bytes.
pub fn find(bytes: &[u8], bits: Range<u64>, value: bool) -> Option<u64> {
    if bits.is_empty() {
        return None;
    }
    let flip = if value { 0 } else { 0xff };
    let (first, last) = ((bits.start / 8) as usize, ((bits.end - 1) / 8) as usize);
    let head = (bytes[first] ^ flip) & keep_from(bits.start);
    let at = if head != 0 {
        first as u64 * 8 + u64::from(head.leading_zeros())
    } else {
        let (from, rest) = (first + 1, &bytes[first + 1..=last]);
        let skipped = rest.as_chunks::<WORD>().0.iter().take_while(|word| **word == [flip; WORD]).count() * WORD;
        let byte = skipped + rest[skipped..].iter().position(|byte| *byte != flip)?;
        (from + byte) as u64 * 8 + u64::from((rest[byte] ^ flip).leading_zeros())
    };
    (at < bits.end).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow_count(bytes: &[u8], bits: Range<u64>) -> u64 {
        bits.filter(|bit| bytes[(bit / 8) as usize] >> (7 - bit % 8) & 1 == 1).count() as u64
    }

    #[test]
    fn every_way_of_counting_agrees() {
        let mut rng = fastrand::Rng::with_seed(1);
        for len in (0..200).chain([511, 512, 513, 1023, 4096, 9999]) {
            let bytes: Vec<u8> = (0..len).map(|_| rng.u8(..)).collect();
            let want = slow_count(&bytes, 0..8 * len as u64);
            assert_eq!(count(&bytes), want);
            assert_eq!(count_words(&bytes), want);
        }
    }

    #[test]
    fn ranges_begin_and_end_within_bytes() {
        let mut rng = fastrand::Rng::with_seed(2);
        for _ in 0..5000 {
            let fill = [0x00, 0xff, rng.u8(..)][rng.usize(..3)];
            let mut bytes = vec![fill; rng.usize(1..40)];
            let odd = rng.usize(..bytes.len());
            bytes[odd] = rng.u8(..);
            let end = rng.u64(..=8 * bytes.len() as u64);
            let range = rng.u64(..=end)..end;
            assert_eq!(count_range(&bytes, range.clone()), slow_count(&bytes, range.clone()), "{bytes:?} {range:?}");
            for value in [false, true] {
                let want = range.clone().find(|bit| (bytes[(bit / 8) as usize] >> (7 - bit % 8) & 1 == 1) == value);
                assert_eq!(find(&bytes, range.clone(), value), want, "{bytes:?} {range:?} {value}");
            }
        }
    }
}
