//! The connection itself: who is there, as whom, speaking what.

pub mod auth;
pub mod basic;
pub mod client;
pub mod filter;
pub mod info;
pub mod kill;
pub mod names;
pub mod pause;
mod tracking;

use crate::dispatch::command::Command;

pub static COMMANDS: &[&Command] =
    &[&auth::AUTH, &client::CLIENT, &basic::ECHO, &auth::HELLO, &basic::PING, &auth::QUIT, &auth::RESET];
