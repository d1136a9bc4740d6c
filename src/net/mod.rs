//! Sockets to bytes and back. This room knows no command: it accepts, reads, writes and closes.
//!
//! [`connection`] (a stream of any kind), [`client`] and [`clients`] (who is connected), [`listener`] (who may
//! connect), [`limits`] (how much a client may own), [`output`] (what goes to many clients at once).

pub mod client;
pub mod clients;
pub mod connection;
pub mod limits;
pub mod link;
pub mod listener;
pub mod output;

pub use client::{Client, ClientFlags, ClientId};
pub use clients::Clients;
pub use output::Message;
