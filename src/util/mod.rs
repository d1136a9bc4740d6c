//! Pure helpers of bytes and numbers: no state, no I/O, no knowledge of commands.

pub mod crc16;
pub mod crc64;
pub mod float;
pub mod glob;
pub mod hash;
pub mod number;
pub mod quote;
pub mod units;
