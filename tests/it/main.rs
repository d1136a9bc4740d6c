//! Integration tests: each starts the real binary on a free port in a temporary folder.

mod client;
mod differential;
mod server;
