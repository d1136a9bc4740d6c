//! Who we are and whom we stand in for, as `--version`, INFO, HELLO and files report it.

use std::sync::LazyLock;

/// The version of this server itself.
pub const REDOUBT: &str = env!("CARGO_PKG_VERSION");

/// The Redis version whose behaviour is served: what clients see as `redis_version`.
pub const REDIS: &str = "8.0.0";

/// [`REDIS`] as one number, a byte each for major, minor and patch.
pub const REDIS_NUMBER: u32 = 0x0008_0000;

/// Commit and dirty flag in upstream's shape; packaged builds of upstream show the same zeros.
pub const GIT_SHA1: &str = "00000000";
pub const GIT_DIRTY: &str = "0";

/// The allocator as INFO names it.
pub const ALLOCATOR: &str = "jemalloc-5.3.1";

/// Pointer width in bits.
pub const ARCH_BITS: u32 = usize::BITS;

/// Sixteen hexadecimal digits that tell one build of this server from another.
pub static BUILD_ID: LazyLock<String> = LazyLock::new(|| {
    let identity = [REDOUBT, REDIS, GIT_SHA1, ALLOCATOR, std::env::consts::ARCH].join("\0");
    format!("{:016x}", super::crc64::crc64(0, identity.as_bytes()))
});

/// The line `--version` prints for the tool of that `title`, such as `Redis server`.
pub fn line(title: &str) -> String {
    format!("{title} v={REDIS} sha={GIT_SHA1}:{GIT_DIRTY} malloc={ALLOCATOR} bits={ARCH_BITS} build={}", *BUILD_ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_the_text() {
        let number = REDIS.split('.').fold(0, |number, part| number << 8 | part.parse::<u32>().unwrap());
        assert_eq!(number, REDIS_NUMBER);
    }

    #[test]
    fn the_line_has_upstreams_shape() {
        let line = line("Redis server");
        assert!(line.starts_with("Redis server v=8.0.0 sha=00000000:0 malloc=jemalloc-"), "{line}");
        assert_eq!(BUILD_ID.len(), 16);
    }
}
