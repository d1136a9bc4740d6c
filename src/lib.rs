#![doc = include_str!("ARCHITECTURE.md")]

pub mod commands;
pub mod config;
pub mod dispatch;
pub mod encoding;
pub mod fuzzing;
pub mod keyspace;
pub mod net;
pub mod persist;
pub mod pubsub;
pub mod resp;
pub mod script;
pub mod server;
pub mod stats;
pub mod sys;
pub mod types;
pub mod util;
