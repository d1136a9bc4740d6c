//! Pure helpers of bytes and numbers: no state, no I/O (but the random source of [`random`]), no knowledge of commands.

mod big;
pub mod bits;
pub mod crc16;
pub mod crc64;
pub mod float;
pub mod glob;
mod grisu;
pub mod hash;
pub mod long_double;
pub mod number;
pub mod quote;
pub mod random;
pub mod units;
pub mod version;
