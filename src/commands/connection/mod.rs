//! The connection itself: who is there, as whom, speaking what.

pub mod basic;
pub mod info;

use crate::dispatch::command::Command;

pub static COMMANDS: &[&Command] = &[&basic::PING, &basic::ECHO];
