//! How big a node may get: `list-max-listpack-size`, `list-compress-depth` and a knob for tests.

/// Bytes of a node under the fills -1 to -5.
const BYTES_BY_LEVEL: [usize; 5] = [4096, 8192, 16_384, 32_768, 65_536];
/// Bytes of a node whose limit is a number of elements.
const SAFE_BYTES: usize = 8192;
/// What one more element may add beyond its text, at most.
const ENTRY_OVERHEAD_BYTES: usize = 8;

/// The limits of a list's nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    fill: i16,
    compress_depth: u16,
    packed_threshold_bytes: u32,
}

impl Limits {
    /// Limits as configured. A positive `fill` is a number of elements (0 means 1), -1 to -5 are 4, 8, 16, 32
    /// and 64 KiB; `compress_depth` is how many nodes at each end stay uncompressed, 0 for no compression.
    /// Values beyond what can be kept are taken as the nearest that can.
    pub fn new(fill: i64, compress_depth: u64) -> Limits {
        Limits {
            fill: fill.clamp(-5, i64::from(i16::MAX)) as i16,
            compress_depth: compress_depth.min(u64::from(u16::MAX)) as u16,
            packed_threshold_bytes: 0,
        }
    }

    /// The same with elements of `bytes` and more each in a plain node of its own; 0 leaves that to the fill.
    #[must_use]
    pub fn with_packed_threshold(self, bytes: u32) -> Limits {
        Limits { packed_threshold_bytes: bytes, ..self }
    }

    /// The fill, as configured.
    pub fn fill(&self) -> i64 {
        i64::from(self.fill)
    }

    /// How many nodes at each end are never compressed; 0 when none is compressed anywhere.
    #[inline]
    pub fn compress_depth(&self) -> usize {
        usize::from(self.compress_depth)
    }

    /// Whether a listpack of this size is more than one node may hold.
    #[inline]
    pub fn exceeded(&self, bytes: usize, count: usize) -> bool {
        match self.bytes_limit() {
            Some(limit) => bytes > limit,
            None => bytes > SAFE_BYTES || count > self.count_limit(),
        }
    }

    /// Whether a listpack of this size is within half of what one node may hold: then a list of one node that
    /// got smaller goes back to being a listpack.
    pub fn within_half(&self, bytes: usize, count: usize) -> bool {
        match self.bytes_limit() {
            Some(limit) => bytes <= limit / 2,
            None => count <= self.count_limit() / 2,
        }
    }

    /// Whether an element of this length gets a plain node of its own.
    #[inline]
    pub fn is_large(&self, bytes: usize) -> bool {
        if self.packed_threshold_bytes != 0 {
            bytes >= self.packed_threshold_bytes as usize
        } else {
            bytes > self.bytes_limit().unwrap_or(SAFE_BYTES)
        }
    }

    /// Whether a node of this size has room for one more element, not a large one, of `added_bytes`.
    #[inline]
    pub(super) fn has_room(&self, bytes: usize, count: usize, added_bytes: usize) -> bool {
        !self.exceeded(bytes + added_bytes + ENTRY_OVERHEAD_BYTES, count + 1)
    }

    /// How many bytes may still come to a node of this size, about.
    #[inline]
    pub(super) fn spare_bytes(&self, bytes: usize) -> usize {
        self.bytes_limit().unwrap_or(SAFE_BYTES).saturating_sub(bytes)
    }

    #[inline]
    fn bytes_limit(&self) -> Option<usize> {
        if self.fill >= 0 {
            return None;
        }
        // -1 to -5, by the constructor.
        BYTES_BY_LEVEL.get(usize::from(!self.fill as u16)).copied()
    }

    #[inline]
    fn count_limit(&self) -> usize {
        usize::from(self.fill.unsigned_abs().max(1))
    }
}

impl Default for Limits {
    /// 8 KiB nodes, no compression.
    fn default() -> Limits {
        Limits::new(-2, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_fills_limit_bytes() {
        for (fill, bytes) in [(-1, 4096), (-2, 8192), (-3, 16_384), (-4, 32_768), (-5, 65_536), (-9, 65_536)] {
            let limits = Limits::new(fill, 0);
            assert!(!limits.exceeded(bytes, 1_000_000), "{fill}");
            assert!(limits.exceeded(bytes + 1, 1));
            assert!(limits.is_large(bytes + 1) && !limits.is_large(bytes));
            assert!(limits.within_half(bytes / 2, 1_000_000) && !limits.within_half(bytes / 2 + 1, 1));
            assert!(limits.has_room(bytes - 20, 5, 12) && !limits.has_room(bytes - 20, 5, 13));
        }
    }

    #[test]
    fn positive_fills_limit_elements() {
        let limits = Limits::new(10, 0);
        assert!(!limits.exceeded(8192, 10) && limits.exceeded(8193, 1) && limits.exceeded(7, 11));
        assert!(limits.within_half(100_000, 5) && !limits.within_half(7, 6));
        assert!(!Limits::new(0, 0).exceeded(100, 1) && Limits::new(0, 0).exceeded(100, 2));
        assert!(limits.is_large(8193) && !limits.is_large(8192));
        assert_eq!(Limits::new(i64::MAX, u64::MAX), Limits::new(32_767, 65_535));
    }

    #[test]
    fn the_threshold_overrides_the_fill() {
        let limits = Limits::default().with_packed_threshold(5);
        assert!(limits.is_large(5) && !limits.is_large(4));
        assert!(!limits.with_packed_threshold(0).is_large(5));
    }
}
