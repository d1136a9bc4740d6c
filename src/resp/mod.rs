//! The wire protocol as pure functions of bytes: no socket, no client, no command.
//!
//! Reading order: [`args`] (what a request is), [`parse`] (bytes to requests), [`reply`] (values to bytes),
//! [`request`] (words to bytes), [`skip`] (how long a reply is).

pub mod args;
pub mod parse;
pub mod reply;
pub mod request;
pub mod skip;

pub use args::{Args, OwnedArgs, Span};
pub use reply::Reply;
