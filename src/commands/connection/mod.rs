//! The connection itself: who is there, as whom, speaking what.

pub mod auth;
pub mod basic;
pub mod info;
pub mod names;

use crate::dispatch::command::Command;

pub static COMMANDS: &[&Command] = &[&auth::AUTH, &basic::ECHO, &auth::HELLO, &basic::PING, &auth::QUIT, &auth::RESET];
