//! The commands: one folder a family, one file a handful of commands; declaration, code and tests together.

pub mod connection;
pub mod elems;
pub mod hashes;
pub mod keys;
pub mod lists;
pub mod scan;
pub mod scripting;
pub mod server;
pub mod sets;
pub mod strings;
pub mod timeout;
pub mod transactions;
pub mod zsets;

use crate::dispatch::command::Command;

/// Every family's commands. The order is the order of COMMAND LIST.
pub const FAMILIES: &[&[&Command]] = &[
    connection::COMMANDS,
    hashes::COMMANDS,
    keys::COMMANDS,
    lists::COMMANDS,
    scripting::COMMANDS,
    server::COMMANDS,
    sets::COMMANDS,
    strings::COMMANDS,
    transactions::COMMANDS,
    zsets::COMMANDS,
];
