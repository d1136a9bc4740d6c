//! From a request to its consequences.
//!
//! Reading order: [`command`] (what a command is, with [`flags`], [`keyspec`] and [`argspec`]), [`table`] (all of them),
//! [`context`] (what a handler reaches), [`error`], [`request`] (may it run?), [`call`] (running it), [`settle`] (what it
//! caused), [`propagate`] (what others are sent of it), [`blocking`] (what waits), [`transaction`] (what is queued).

pub mod argspec;
pub mod blocking;
pub mod call;
pub mod command;
pub mod context;
pub mod error;
pub mod flags;
pub mod keyspec;
pub mod propagate;
pub mod request;
pub mod settle;
pub mod table;
pub mod transaction;

pub use argspec::{block, double, integer, key, key_unspecified, oneof, pattern, string, token, unix_time};
pub use blocking::{Nothing, Until, Wait};
pub use command::{CmdResult, Command, Flow, Group};
pub use context::{Ctx, Db, Origin};
pub use error::CmdError;
pub use flags::{Category, Flag};
pub use keyspec::{Find, KeyAt, Keys, Use, Uses};
