//! The names a connection can be given.

use crate::dispatch::CmdError;
use crate::net::client::Client;

/// Refuses a name that would break the lines of CLIENT LIST; `what` begins the error.
pub fn check(name: &[u8], what: &str) -> Result<(), CmdError> {
    if name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Ok(());
    }
    Err(CmdError::err(format!("{what} cannot contain spaces, newlines or special characters.")))
}

/// Names the connection; an empty name takes its name away.
pub fn set(client: &mut Client, name: &[u8]) {
    client.extra_mut().name = if name.is_empty() { None } else { Some(name.into()) };
    client.shed_extra();
}
