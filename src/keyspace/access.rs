//! The access clock of an entry: when a key was last used (LRU), or how often (LFU), in 24 bits.
//!
//! ```text
//! LRU   seconds of unix time, modulo 2^24 (about 194 days)
//! LFU   bits 8-23: minutes of unix time modulo 2^16, when the counter last decayed; bits 0-7: the counter
//! ```
//!
//! The LFU counter is a logarithmic one (Morris): it counts up with a probability that falls as it grows, governed
//! by `lfu-log-factor`, and loses one step for each `lfu-decay-time` minutes without use.

/// Clock value of a counter that was never used before: new keys need a chance to be used.
pub const LFU_INIT: u8 = 5;

const MASK: u32 = 0x00ff_ffff;

/// How entries' clocks are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Counts accesses instead of remembering the last one.
    pub lfu: bool,
    pub log_factor: u32,
    /// Minutes per step of decay; 0: none.
    pub decay_minutes: u32,
}

/// The LRU clock at this time.
#[inline]
pub fn lru_now(now_ms: u64) -> u32 {
    (now_ms / 1000) as u32 & MASK
}

#[inline]
fn minutes_now(now_ms: u64) -> u32 {
    (now_ms / 60_000) as u32 & 0xffff
}

/// The clock of a new entry.
#[inline]
pub fn fresh(policy: Policy, now_ms: u64) -> u32 {
    if policy.lfu { minutes_now(now_ms) << 8 | u32::from(LFU_INIT) } else { lru_now(now_ms) }
}

/// The clock of an entry that has just been used.
#[inline]
pub fn used(clock: u32, policy: Policy, now_ms: u64, rng: &mut fastrand::Rng) -> u32 {
    if !policy.lfu {
        return lru_now(now_ms);
    }
    let counter = grow(decayed(clock, policy, now_ms), policy.log_factor, rng);
    minutes_now(now_ms) << 8 | u32::from(counter)
}

/// Seconds since last use, of an LRU clock.
pub fn idle_s(clock: u32, now_ms: u64) -> u64 {
    u64::from(lru_now(now_ms).wrapping_sub(clock) & MASK)
}

/// The LFU counter as it stands now, decay included.
pub fn decayed(clock: u32, policy: Policy, now_ms: u64) -> u8 {
    let counter = (clock & 0xff) as u8;
    if policy.decay_minutes == 0 {
        return counter;
    }
    let elapsed = minutes_now(now_ms).wrapping_sub(clock >> 8) & 0xffff;
    counter.saturating_sub(u8::try_from(elapsed / policy.decay_minutes).unwrap_or(u8::MAX))
}

/// An LRU clock that says the entry was last used `idle_s` seconds ago.
pub fn lru_with_idle(idle_s: u64, now_ms: u64) -> u32 {
    lru_now(now_ms).wrapping_sub(idle_s as u32) & MASK
}

/// An LFU clock with this counter.
pub fn lfu_with_counter(counter: u8, now_ms: u64) -> u32 {
    minutes_now(now_ms) << 8 | u32::from(counter)
}

fn grow(counter: u8, log_factor: u32, rng: &mut fastrand::Rng) -> u8 {
    if counter == u8::MAX {
        return counter;
    }
    let base = f64::from(counter.saturating_sub(LFU_INIT));
    let chance = 1.0 / (base * f64::from(log_factor) + 1.0);
    counter + u8::from(rng.f64() < chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LFU: Policy = Policy { lfu: true, log_factor: 10, decay_minutes: 1 };

    #[test]
    fn lru_counts_seconds_and_wraps() {
        let now = 1_700_000_000_000;
        let clock = fresh(Policy::default(), now);
        assert_eq!(idle_s(clock, now + 5_000), 5);
        assert_eq!(idle_s(lru_with_idle(100, now), now), 100);
        let near_wrap = (1u64 << 24) * 1000 - 1000;
        assert_eq!(idle_s(lru_now(near_wrap), near_wrap + 3000), 3);
    }

    #[test]
    fn lfu_grows_slowly_and_decays() {
        let mut rng = fastrand::Rng::with_seed(1);
        let now = 1_700_000_000_000;
        let mut clock = fresh(LFU, now);
        for _ in 0..100_000 {
            clock = used(clock, LFU, now, &mut rng);
        }
        let counter = decayed(clock, LFU, now);
        assert!((100..200).contains(&counter), "{counter}");
        assert_eq!(decayed(clock, LFU, now + 10 * 60_000), counter - 10);
        assert_eq!(decayed(clock, LFU, now + 1000 * 60_000), 0);
        assert_eq!(decayed(lfu_with_counter(9, now), Policy { decay_minutes: 0, ..LFU }, now + 1000 * 60_000), 9);
    }
}
