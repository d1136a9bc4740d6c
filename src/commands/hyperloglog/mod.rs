//! HyperLogLogs: how many different elements there were, without keeping them.

pub mod counting;
pub mod debug;

use crate::dispatch::CmdError;
use crate::dispatch::command::Command;
use crate::keyspace::Ref;
use crate::types::hyperloglog::{Corrupt, Form, NotHll, form};

pub static COMMANDS: &[&Command] =
    &[&counting::PFADD, &counting::PFCOUNT, &debug::PFDEBUG, &counting::PFMERGE, &debug::PFSELFTEST];

/// The bytes of the HyperLogLog in a key, and its form.
///
/// # Errors
/// When the key holds something else.
pub fn open(value: Ref<'_>) -> Result<(&[u8], Form), CmdError> {
    let bytes = match value {
        Ref::Str { bytes, .. } => bytes,
        Ref::Int(_) => b"",
        _ => return Err(CmdError::WRONG_TYPE),
    };
    Ok((bytes, form(bytes)?))
}

impl From<NotHll> for CmdError {
    #[cold]
    fn from(_: NotHll) -> CmdError {
        CmdError::text("WRONGTYPE Key is not a valid HyperLogLog string value.")
    }
}

impl From<Corrupt> for CmdError {
    #[cold]
    fn from(_: Corrupt) -> CmdError {
        CmdError::text("INVALIDOBJ Corrupted HLL object detected")
    }
}
