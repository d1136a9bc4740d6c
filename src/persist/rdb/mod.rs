//! Snapshots: upstream's RDB files and dumps, written and read.
//!
//! | file | what |
//! |---|---|
//! | [`format`](mod@format) | the bytes, drawn |
//! | [`write`] | values to bytes |
//! | [`source`], [`read`] | bytes to values |
//! | [`dump`] | one value as a message: DUMP, RESTORE |

pub mod dump;
pub mod format;
pub mod read;
pub mod source;
pub mod write;
