//! Snapshots: upstream's RDB files and dumps, written and read.
//!
//! | file | what |
//! |---|---|
//! | [`format`](mod@format) | the bytes, drawn |
//! | [`write`] | values to bytes |
//! | [`source`], [`stream`], [`read`] | bytes to values |
//! | [`save`], [`load`] | a whole file |
//! | [`check`] | looking at a file without loading it: redis-check-rdb |
//! | [`dump`] | one value as a message: DUMP, RESTORE |

pub mod check;
pub mod dump;
pub mod format;
pub mod load;
pub mod read;
pub mod save;
pub mod source;
pub mod stream;
pub mod streams;
pub mod write;
