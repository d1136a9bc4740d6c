//! Integration tests: each starts the real binary on a free port in a temporary folder.

mod append_only;
mod client;
mod config;
mod connections;
mod differential;
mod integers;
mod migrate;
mod protocol;
mod server;
mod signals;
mod snapshots;
