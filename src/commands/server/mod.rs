//! The server itself: what it knows of itself and of its commands, and how it is looked into.

pub mod config;
pub mod shutdown;

use crate::dispatch::command::Command;

pub static COMMANDS: &[&Command] = &[&config::CONFIG, &shutdown::SHUTDOWN];
