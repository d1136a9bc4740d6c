//! The commands: one folder a family, one file a handful of commands; declaration, code and tests together.

pub mod bits;
pub mod connection;
pub mod elems;
pub mod geo;
pub mod hashes;
pub mod hyperloglog;
pub mod keys;
pub mod lists;
pub mod pubsub;
pub mod scan;
pub mod scripting;
pub mod server;
pub mod sets;
pub mod streams;
pub mod strings;
pub mod timeout;
pub mod transactions;
pub mod zsets;

use crate::dispatch::command::Command;

/// Every family's commands. The order is the order of COMMAND LIST.
pub const FAMILIES: &[&[&Command]] = &[
    bits::COMMANDS,
    connection::COMMANDS,
    geo::COMMANDS,
    hashes::COMMANDS,
    hyperloglog::COMMANDS,
    keys::COMMANDS,
    lists::COMMANDS,
    pubsub::COMMANDS,
    scripting::COMMANDS,
    server::COMMANDS,
    sets::COMMANDS,
    streams::COMMANDS,
    strings::COMMANDS,
    transactions::COMMANDS,
    zsets::COMMANDS,
];
