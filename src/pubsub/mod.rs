//! Messages from clients to clients: channels, patterns, sharded channels; keyspace events; invalidations for clients that
//! cache.
//!
//! [`subscriptions`] is who listens to what, [`publish`] how a message reaches them, [`notify`] the messages that the keyspace
//! causes, [`tracking`] what clients that cache are told. A message is written once ([`Message`](crate::net::Message)) and
//! copied to or shared between those who get it; it waits in each one's output, and counts there against the limit of the
//! class `pubsub`.

pub mod notify;
pub mod publish;
pub mod subscriptions;
pub mod tracking;

pub use subscriptions::{Kind, PubSub};
