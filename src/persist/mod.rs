//! What outlives the process: snapshots, and the forked children that write them.
//!
//! | file | what |
//! |---|---|
//! | [`aof`] | the append only file: every change as the command that made it |
//! | [`start`] | the dataset at the server's start and end |
//! | [`snapshots`] | when they are taken: SAVE, BGSAVE, save points |
//! | [`rdb`] | snapshots in upstream's format |
//! | [`child`] | the forked child: started, listened to, collected; for whatever purpose |

pub mod aof;
pub mod child;
pub mod rdb;
pub mod snapshots;
pub mod start;
