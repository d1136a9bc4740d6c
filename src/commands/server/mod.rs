//! The server itself: what it knows of itself and of its commands, and how it is looked into.

pub mod aof;
pub mod command;
pub mod config;
pub mod debug;
pub mod info;
pub mod latency;
pub mod lolwut;
pub mod memory;
pub mod monitor;
pub mod role;
pub mod save;
pub mod shutdown;
pub mod slowlog;
pub mod time;
pub mod wait;

use crate::dispatch::command::Command;

pub static COMMANDS: &[&Command] = &[
    &aof::BGREWRITEAOF,
    &command::COMMAND,
    &config::CONFIG,
    &debug::DEBUG,
    &info::INFO,
    &latency::LATENCY,
    &lolwut::LOLWUT,
    &memory::MEMORY,
    &monitor::MONITOR,
    &role::ROLE,
    &save::BGSAVE,
    &save::LASTSAVE,
    &save::SAVE,
    &shutdown::SHUTDOWN,
    &slowlog::SLOWLOG,
    &time::TIME,
    &wait::WAIT,
    &aof::WAITAOF,
];
