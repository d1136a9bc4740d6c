//! A client as CLIENT LIST shows it.

use crate::net::client::Client;
use crate::server::Server;

/// The line of CLIENT LIST, without the line break.
pub fn line(_server: &Server, client: &Client) -> String {
    format!("id={}", client.id)
}
