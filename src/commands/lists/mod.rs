//! Lists: elements in order, pushed and popped at both ends.

pub mod blocking;
pub mod edit;
pub mod look;
pub mod many;
pub mod moving;
pub mod pop;
pub mod push;

use crate::config::Config;
use crate::dispatch::CmdError;
use crate::dispatch::command::Command;
use crate::encoding::blob::TooLong;
use crate::encoding::listpack::Elem;
use crate::keyspace::Env;
use crate::resp::Reply;
use crate::types::list::{End, Limits};

pub static COMMANDS: &[&Command] = &[
    &blocking::BLMOVE,
    &many::BLMOVEM,
    &blocking::BLMPOP,
    &blocking::BLPOP,
    &blocking::BRPOP,
    &blocking::BRPOPLPUSH,
    &look::LINDEX,
    &edit::LINSERT,
    &look::LLEN,
    &moving::LMOVE,
    &many::LMOVEM,
    &pop::LMPOP,
    &pop::LPOP,
    &look::LPOS,
    &push::LPUSH,
    &push::LPUSHX,
    &look::LRANGE,
    &edit::LREM,
    &edit::LSET,
    &edit::LTRIM,
    &pop::RPOP,
    &moving::RPOPLPUSH,
    &push::RPUSH,
    &push::RPUSHX,
];

impl From<TooLong> for CmdError {
    fn from(_: TooLong) -> CmdError {
        CmdError::STRING_TOO_LONG
    }
}

/// The limits of a list's node, as configured.
#[inline]
pub fn limits(env: &Env) -> Limits {
    let Config { list_max_listpack_size: fill, list_compress_depth: depth, .. } = &env.config;
    Limits::new(i64::from(*fill), u64::from(*depth)).with_packed_threshold(env.packed_threshold_bytes)
}

/// Writes an element as a bulk string.
#[inline]
fn write(reply: &mut Reply, elem: Elem<'_>) {
    match elem {
        Elem::Int(n) => reply.bulk_int(n),
        Elem::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// The one integer whose absolute value is none.
const OUT_OF_SYMMETRIC_RANGE: CmdError =
    CmdError::text("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");

/// LEFT or RIGHT, as an argument.
fn end(word: &[u8]) -> Result<End, CmdError> {
    if word.eq_ignore_ascii_case(b"left") {
        Ok(End::Head)
    } else if word.eq_ignore_ascii_case(b"right") {
        Ok(End::Tail)
    } else {
        Err(CmdError::SYNTAX)
    }
}

/// The event of a push at this end, and of a pop.
const fn events(end: End) -> (&'static str, &'static str) {
    match end {
        End::Head => ("lpush", "lpop"),
        End::Tail => ("rpush", "rpop"),
    }
}
