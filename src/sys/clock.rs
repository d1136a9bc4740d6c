//! stub
pub fn monotonic_ns() -> u64 { use std::sync::OnceLock; static S: OnceLock<std::time::Instant> = OnceLock::new(); S.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64 }
pub fn wall_us() -> u64 { std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as u64 }
