//! The server's clock: one cheap reading between two commands serves as the end of one and the start of the next.

use crate::sys::clock;

/// Monotonic and wall time, read together now and then so that wall time costs an addition.
pub struct Clock {
    source: clock::Clock,
    /// The last reading, in monotonic ns.
    pub now_ns: u64,
    /// Unix time in ns at `base_ns`.
    wall_base_ns: u64,
    base_ns: u64,
    /// Monotonic ns at which the next unix millisecond begins.
    next_ms_ns: u64,
    now_ms: u64,
}

impl Clock {
    /// Reads both clocks.
    pub fn start() -> Clock {
        let source = clock::Clock::new();
        let mut clock = Clock { source, now_ns: 0, wall_base_ns: 0, base_ns: 0, next_ms_ns: 0, now_ms: 0 };
        clock.sync();
        clock
    }

    /// Reads both clocks again, for they drift, and the wall clock may be set.
    pub fn sync(&mut self) {
        self.source.discipline();
        self.base_ns = self.source.now_ns().max(self.now_ns);
        self.wall_base_ns = clock::wall_us() * 1000;
        self.now_ns = self.base_ns;
        self.next_ms_ns = self.base_ns;
        self.tick();
    }

    /// Reads the monotonic clock.
    #[inline]
    pub fn tick(&mut self) -> u64 {
        self.now_ns = self.source.now_ns().max(self.now_ns);
        self.now_ns
    }

    /// Unix time at the last reading, in ms.
    #[inline]
    pub fn now_ms(&mut self) -> u64 {
        if self.now_ns >= self.next_ms_ns {
            let wall_ns = self.wall_base_ns + (self.now_ns - self.base_ns);
            self.now_ms = wall_ns / 1_000_000;
            self.next_ms_ns = self.now_ns + 1_000_000 - wall_ns % 1_000_000;
        }
        self.now_ms
    }

    /// The source, as INFO names it.
    pub fn source(&self) -> String {
        self.source.source()
    }

    /// Unix time at the last reading, in us.
    pub fn now_us(&self) -> u64 {
        (self.wall_base_ns + (self.now_ns - self.base_ns)) / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_follows_the_ticks() {
        let mut clock = Clock::start();
        let first_ms = clock.now_ms();
        assert!(first_ms > 1_600_000_000_000);
        clock.now_ns += 5_000_000;
        assert_eq!(clock.now_ms(), first_ms + 5);
        assert_eq!(clock.now_us() / 1000, first_ms + 5);
    }
}
