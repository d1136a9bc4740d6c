#![doc = include_str!("ARCHITECTURE.md")]

pub mod util;
pub mod sys;
pub mod encoding;
pub mod types;
pub mod keyspace;
