//! Snapshots: upstream's RDB files and dumps, written and read.
//!
//! | file | what |
//! |---|---|
//! | [`format`](mod@format) | the bytes, drawn |
//! | [`write`] | values to bytes |
//! | [`source`], [`read`] | bytes to values |
//! | [`save`], [`load`] | a whole file |
//! | [`dump`] | one value as a message: DUMP, RESTORE |

pub mod dump;
pub mod format;
pub mod load;
pub mod read;
pub mod save;
pub mod source;
pub mod write;
