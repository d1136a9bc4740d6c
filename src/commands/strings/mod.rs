//! Strings: bytes, numbers and counters.

pub mod get_set;

use crate::dispatch::command::Command;

pub static COMMANDS: &[&Command] = &[&get_set::GET, &get_set::SET];
