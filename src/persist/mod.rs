//! What outlives the process: snapshots, and the forked children that write them.
//!
//! | file | what |
//! |---|---|
//! | [`snapshots`] | when they are taken: SAVE, BGSAVE, save points |
//! | [`rdb`] | snapshots in upstream's format |
//! | [`child`] | the forked child: started, listened to, collected; for whatever purpose |

pub mod child;
pub mod rdb;
pub mod snapshots;
