//! Time: monotonic nanoseconds as cheap as the machine allows, and the wall clock.
//!
//! Where the kernel itself trusts the processor's time stamp counter (it says so in its clock source, and the
//! processor says that the counter never changes its rate), a reading is one instruction and a multiplication. The rate is measured against
//! `CLOCK_MONOTONIC` at the start, and [`Clock::discipline`] (call it every second or so) keeps steering
//! towards that clock, so that the two never drift apart. Elsewhere a reading is `clock_gettime`.
//!
//! What always holds: readings of one [`Clock`] never go backwards; they are near [`monotonic_ns`] (same zero).
#![allow(unsafe_code)]

use std::time::{SystemTime, UNIX_EPOCH};

/// `CLOCK_MONOTONIC` in nanoseconds; for any thread.
pub fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for one timespec; the clock always exists on Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Microseconds since 1970 by the wall clock, which may jump.
pub fn wall_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as u64)
}

/// The local time as log lines show it: `23 Nov 2026 18:22:18.123`.
pub fn local_time_text() -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let now_ms = wall_ms();
    let seconds = (now_ms / 1000) as libc::time_t;
    // SAFETY: an all-zero `tm` is a valid one (its only pointer may be null).
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the call; the result is checked by what it leaves in `parts`, zeros at worst.
    unsafe { libc::localtime_r(&seconds, &mut parts) };
    let month = MONTHS[(parts.tm_mon.rem_euclid(12)) as usize];
    format!(
        "{:02} {month} {} {:02}:{:02}:{:02}.{:03}",
        parts.tm_mday,
        parts.tm_year + 1900,
        parts.tm_hour,
        parts.tm_min,
        parts.tm_sec,
        now_ms % 1000
    )
}

/// Milliseconds since 1970 by the wall clock, which may jump.
pub fn wall_ms() -> u64 {
    wall_us() / 1000
}

/// A monotonic clock for one thread that reads it very often.
pub struct Clock {
    tsc: Option<Tsc>,
}

impl Clock {
    /// Picks the cheapest trustworthy source; measuring its rate takes a few milliseconds.
    pub fn new() -> Clock {
        let tsc = if tsc::is_trustworthy() { Tsc::measure(CALIBRATION_NS) } else { None };
        Clock { tsc }
    }

    /// A clock that reads `CLOCK_MONOTONIC` every time.
    pub fn posix() -> Clock {
        Clock { tsc: None }
    }

    /// Nanoseconds on the scale of [`monotonic_ns`].
    #[inline]
    pub fn now_ns(&self) -> u64 {
        match &self.tsc {
            Some(tsc) => tsc.at(tsc::read()),
            None => monotonic_ns(),
        }
    }

    /// Steers the rate so that the clock meets `CLOCK_MONOTONIC` after about as long as since the last call.
    pub fn discipline(&mut self) {
        if let Some(tsc) = &mut self.tsc {
            let (ticks, true_ns) = sample();
            tsc.discipline(ticks, true_ns);
        }
    }

    /// The source, in the words of INFO's `monotonic_clock`.
    pub fn source(&self) -> String {
        match &self.tsc {
            Some(tsc) => format!("X86 TSC @ {} ticks/us", tsc.ticks_per_us()),
            None => "POSIX clock_gettime".to_owned(),
        }
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new()
    }
}

const CALIBRATION_NS: u64 = 3_000_000;

/// A line `ns = base_ns + (ticks - base_ticks) * rate`, bent a little at each call of `discipline`.
struct Tsc {
    base_ticks: u64,
    base_ns: u64,
    /// Nanoseconds per tick in units of 2^-32.
    rate: u64,
    /// Where the present measurement of the rate began.
    anchor_ticks: u64,
    anchor_ns: u64,
}

impl Tsc {
    fn measure(during_ns: u64) -> Option<Tsc> {
        let (anchor_ticks, anchor_ns) = sample();
        let (ticks, ns) = loop {
            let (ticks, ns) = sample();
            if ns - anchor_ns >= during_ns {
                break (ticks, ns);
            }
            std::hint::spin_loop();
        };
        let rate = rate(ticks.checked_sub(anchor_ticks)?, ns - anchor_ns)?;
        Some(Tsc { base_ticks: ticks, base_ns: ns, rate, anchor_ticks, anchor_ns })
    }

    #[inline]
    fn at(&self, ticks: u64) -> u64 {
        // Another core may be a few ticks behind; time stands still then.
        let since = ticks.saturating_sub(self.base_ticks);
        self.base_ns + ((u128::from(since) * u128::from(self.rate)) >> 32) as u64
    }

    fn discipline(&mut self, ticks: u64, true_ns: u64) {
        const SHORTEST_NS: u64 = 1_000_000;
        const STEP_NS: u64 = 1_000_000;
        let ours = self.at(ticks);
        let since = ours - self.base_ns;
        if since < SHORTEST_NS {
            return;
        }
        let measured = rate(ticks.saturating_sub(self.anchor_ticks), true_ns.saturating_sub(self.anchor_ns));
        let off = true_ns as i128 - i128::from(ours);
        if off.unsigned_abs() > u128::from(STEP_NS) || measured.is_none() {
            // The machine slept or was moved. Forward is a step; backward is waited for at half the pace.
            self.anchor_ticks = ticks;
            self.anchor_ns = true_ns;
        }
        let measured = match measured {
            Some(measured) if off.unsigned_abs() <= u128::from(STEP_NS) => measured,
            _ => self.rate,
        };
        self.base_ticks = ticks;
        self.base_ns = if off > i128::from(STEP_NS) { true_ns } else { ours };
        let left = i128::from(true_ns) - i128::from(self.base_ns);
        let correction = i128::from(measured) * left / i128::from(since);
        let bound = i128::from(measured / 2);
        self.rate = (i128::from(measured) + correction.clamp(-bound, bound)) as u64;
    }

    fn ticks_per_us(&self) -> u64 {
        ((1000u128 << 32) / u128::from(self.rate.max(1))) as u64
    }
}

/// Nanoseconds per tick in units of 2^-32; `None` when nothing was measured.
fn rate(ticks: u64, ns: u64) -> Option<u64> {
    let rate = (u128::from(ns) << 32).checked_div(u128::from(ticks))?;
    u64::try_from(rate).ok().filter(|&rate| rate > 0)
}

/// One moment on both clocks: the tightest of a few attempts, as an interrupt may come in between.
fn sample() -> (u64, u64) {
    let attempt = || {
        let before = tsc::read();
        let ns = monotonic_ns();
        let after = tsc::read();
        (after.saturating_sub(before), before + after.saturating_sub(before) / 2, ns)
    };
    let (_, ticks, ns) = [attempt(), attempt(), attempt()].into_iter().min().unwrap_or_default();
    (ticks, ns)
}

#[cfg(target_arch = "x86_64")]
mod tsc {
    use std::arch::x86_64::{__cpuid, _rdtsc};

    #[inline]
    pub fn read() -> u64 {
        // SAFETY: every x86-64 processor has the instruction; Linux lets user space run it unless a process opted out by prctl.
        unsafe { _rdtsc() }
    }

    /// The rate is constant, sleep states included, and the kernel keeps its own time by the same counter.
    pub fn is_trustworthy() -> bool {
        const POWER_MANAGEMENT: u32 = 0x8000_0007;
        const INVARIANT: u32 = 1 << 8;
        let invariant = __cpuid(0x8000_0000).eax >= POWER_MANAGEMENT && __cpuid(POWER_MANAGEMENT).edx & INVARIANT != 0;
        let source = std::fs::read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
        invariant && source.is_ok_and(|name| name.trim_ascii() == b"tsc")
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod tsc {
    pub fn read() -> u64 {
        0
    }

    pub fn is_trustworthy() -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(rate: u64) -> Tsc {
        Tsc { base_ticks: 1_000, base_ns: 5_000, rate, anchor_ticks: 1_000, anchor_ns: 5_000 }
    }

    #[test]
    fn readings_follow_the_kernel_and_never_go_back() {
        for mut clock in [Clock::new(), Clock::posix()] {
            let mut last = 0;
            for round in 0..200 {
                let before = monotonic_ns();
                let now = clock.now_ns();
                assert!(now >= last && now + 1_000_000_000 > before, "{now} after {last}, kernel {before}");
                last = now;
                if round % 10 == 0 {
                    clock.discipline();
                }
            }
            assert!(!clock.source().is_empty());
        }
        assert!(wall_ms() > 1_600_000_000_000);
    }

    #[test]
    fn counts_ticks_at_the_rate() {
        // 2.5 ticks per nanosecond.
        let tsc = line((0.4 * 4294967296.0) as u64);
        assert_eq!(tsc.at(1_000), 5_000);
        assert_eq!(tsc.at(0), 5_000);
        assert_eq!(tsc.at(1_000 + 2_500_000_000), 5_000 + 999_999_999);
        assert_eq!(tsc.ticks_per_us(), 2500);
    }

    /// A counter of 2 ticks per nanosecond whose rate was measured 1 % wrong.
    #[test]
    fn a_wrong_rate_is_steered_away_without_going_back() {
        for wrong in [0.495, 0.505] {
            let mut tsc = line((wrong * 4294967296.0) as u64);
            let truth = |ticks: u64| 5_000 + (ticks - 1_000) / 2;
            let mut ticks = 1_000;
            let mut last = 0;
            for _ in 0..20 {
                for _ in 0..10 {
                    ticks += 2_000_000;
                    assert!(tsc.at(ticks) >= last);
                    last = tsc.at(ticks);
                }
                tsc.discipline(ticks, truth(ticks));
            }
            assert!(tsc.at(ticks).abs_diff(truth(ticks)) < 1_000, "{} {}", tsc.at(ticks), truth(ticks));
        }
    }

    #[test]
    fn a_sleep_of_the_machine_is_a_step_and_a_leap_back_is_waited_for() {
        let mut tsc = line(1 << 31);
        let mut ticks = 1_000 + 20_000_000;
        // The counter stood still for a minute.
        let slept = 60_000_000_000;
        tsc.discipline(ticks, 5_000 + 10_000_000 + slept);
        assert_eq!(tsc.at(ticks), 5_000 + 10_000_000 + slept);
        // Then the kernel's clock is found 10 ms behind.
        let mut truth = tsc.at(ticks) - 10_000_000;
        let mut last = tsc.at(ticks);
        for _ in 0..40 {
            ticks += 4_000_000;
            truth += 2_000_000;
            tsc.discipline(ticks, truth);
            assert!(tsc.at(ticks) >= last);
            last = tsc.at(ticks);
        }
        assert!(last.abs_diff(truth) < 100_000, "{last} {truth}");
    }
}
