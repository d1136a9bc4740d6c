#![doc = include_str!("ARCHITECTURE.md")]

pub mod util;
pub mod sys;
pub mod config;
pub mod resp;
pub mod encoding;
pub mod types;
pub mod keyspace;
pub mod dispatch;
pub mod commands;
pub mod net;
pub mod server;
pub mod stats;
