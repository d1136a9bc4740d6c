//! Bitmaps: strings seen as rows of bits.

pub mod count;
pub mod field;
pub mod integers;
pub mod op;
pub mod single;

use crate::dispatch::command::Command;
use crate::dispatch::{CmdError, Db};
use crate::keyspace::Ref;
use crate::keyspace::value::BigStr;
use crate::util::number::parse_i64;

pub static COMMANDS: &[&Command] =
    &[&count::BITCOUNT, &field::BITFIELD, &field::BITFIELD_RO, &op::BITOP, &count::BITPOS, &single::GETBIT, &single::SETBIT];

/// Parses the place of a bit, which must lie in a string that may be; `#n` counts in fields of `width` bits, if there is
/// one.
///
/// # Errors
/// When it is no integer or lies outside.
pub fn offset(db: &Db<'_>, word: &[u8], width: Option<u32>) -> Result<u64, CmdError> {
    const BAD: CmdError = CmdError::text("ERR bit offset is not an integer or out of range");
    let (digits, unit) = match (word, width) {
        ([b'#', digits @ ..], Some(width)) => (digits, i64::from(width)),
        _ => (word, 1),
    };
    let offset = parse_i64(digits).and_then(|offset| offset.checked_mul(unit)).ok_or(BAD)?;
    let offset = u64::try_from(offset).map_err(|_| BAD)?;
    let max_bytes = db.env.config.proto_max_bulk_len_bytes.min(BigStr::MAX_BYTES as u64);
    if offset / 8 < max_bytes { Ok(offset) } else { Err(BAD) }
}

/// The length in bytes of the string that is about to be changed; `None` without a key.
///
/// # Errors
/// When the key holds something else.
pub fn len_for_write(db: &mut Db<'_>, key: &[u8]) -> Result<Option<usize>, CmdError> {
    match db.read_for_write(key) {
        None => Ok(None),
        Some(value @ (Ref::Int(_) | Ref::Str { .. })) => Ok(Some(value.size())),
        Some(_) => Err(CmdError::WRONG_TYPE),
    }
}
