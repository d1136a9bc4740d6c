//! A latency histogram: log-linear buckets of nanoseconds.
//!
//! Each power of two is cut in [`SUB`] equal parts, so that a recorded value is known to within 1/16. One increment
//! per record; 5 KiB per command that has run.

const SUB_BITS: u32 = 4;
const SUB: usize = 1 << SUB_BITS;
const BUCKETS: usize = 37 * SUB;

/// Counts by duration, from 1 ns to about a minute.
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    pub total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: Box::new([0; BUCKETS]), total: 0 }
    }
}

#[inline]
fn bucket_of(ns: u64) -> usize {
    if ns < SUB as u64 {
        return ns as usize;
    }
    let shift = 63 - SUB_BITS - ns.leading_zeros();
    let bucket = ((shift as usize + 1) << SUB_BITS) + ((ns >> shift) as usize & (SUB - 1));
    bucket.min(BUCKETS - 1)
}

/// The largest value that falls in a bucket.
fn upper_ns(bucket: usize) -> u64 {
    if bucket < SUB {
        return bucket as u64;
    }
    let shift = (bucket >> SUB_BITS) as u32 - 1;
    let base = (SUB + (bucket & (SUB - 1))) as u64;
    ((base + 1) << shift) - 1
}

impl Histogram {
    #[inline]
    pub fn record(&mut self, ns: u64) {
        self.counts[bucket_of(ns)] += 1;
        self.total += 1;
    }

    /// The duration that `percent` of the records do not exceed, in ns.
    pub fn percentile_ns(&self, percent: f64) -> u64 {
        let wanted = ((percent / 100.0 * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper_ns(bucket);
            }
        }
        0
    }

    /// How many records took at most `ns`.
    pub fn at_most(&self, ns: u64) -> u64 {
        self.counts.iter().enumerate().take_while(|(bucket, _)| upper_ns(*bucket) <= ns).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_contiguous_and_tight() {
        let mut last = 0;
        for ns in (0..100_000u64).chain((17..36).map(|bits| (1 << bits) + 12345)) {
            let bucket = bucket_of(ns);
            assert!(bucket >= last && upper_ns(bucket) >= ns && upper_ns(bucket) <= ns + ns / 16 + 1);
            last = bucket;
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles() {
        let mut histogram = Histogram::default();
        for us in 1..=100u64 {
            histogram.record(us * 1000);
        }
        let p50 = histogram.percentile_ns(50.0);
        assert!((50_000..54_000).contains(&p50), "{p50}");
        assert_eq!(histogram.at_most(u64::MAX), 100);
    }
}
