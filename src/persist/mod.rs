//! What outlives the process: snapshots, and the forked children that write them.
//!
//! | file | what |
//! |---|---|
//! | [`child`] | the forked child: started, listened to, collected; for whatever purpose |

pub mod child;
