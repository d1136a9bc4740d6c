//! Hashes: fields with values.
//!
//! | file | commands |
//! |---|---|
//! | `fields` | HSET HMSET HSETNX HGET HMGET HDEL HLEN HSTRLEN HEXISTS |
//! | `counter` | HINCRBY HINCRBYFLOAT |
//! | `listing` | HGETALL HKEYS HVALS HSCAN |
//! | `random` | HRANDFIELD |
//! | `expire` | HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT |
//! | `ttl` | HTTL HPTTL HEXPIRETIME HPEXPIRETIME HPERSIST |
//! | `combined` | HGETDEL HGETEX HSETEX |

pub mod combined;
pub mod counter;
pub mod expire;
pub mod fields;
pub mod listing;
pub mod random;
pub mod ttl;

use crate::commands::elems;
use crate::config::Config;
use crate::dispatch::command::Command;
use crate::dispatch::{CmdError, Db};
use crate::encoding::listpack::Elem;
use crate::resp::{Args, Reply};
use crate::types::hash::Limits;
use crate::util::number::parse_i64;

pub static COMMANDS: &[&Command] = &[
    &fields::HDEL,
    &fields::HEXISTS,
    &expire::HEXPIRE,
    &expire::HEXPIREAT,
    &ttl::HEXPIRETIME,
    &fields::HGET,
    &listing::HGETALL,
    &combined::HGETDEL,
    &combined::HGETEX,
    &counter::HINCRBY,
    &counter::HINCRBYFLOAT,
    &listing::HKEYS,
    &fields::HLEN,
    &fields::HMGET,
    &fields::HMSET,
    &ttl::HPERSIST,
    &expire::HPEXPIRE,
    &expire::HPEXPIREAT,
    &ttl::HPEXPIRETIME,
    &ttl::HPTTL,
    &random::HRANDFIELD,
    &listing::HSCAN,
    &fields::HSET,
    &combined::HSETEX,
    &fields::HSETNX,
    &fields::HSTRLEN,
    &ttl::HTTL,
    &listing::HVALS,
];

/// The limits of packed hashes, as configured.
#[inline]
pub fn limits(config: &Config) -> Limits {
    Limits { entries: config.hash_max_listpack_entries as usize, value_bytes: config.hash_max_listpack_value_bytes as usize }
}

/// Removes those of the fields that are named and due from the hash at argument 1, before the command looks at them.
#[inline]
fn drop_due(db: &mut Db<'_>, args: Args<'_>, fields: Args<'_>) {
    if db.has_fields_due() {
        db.expire_fields_named(args.at(1), fields.iter());
    }
}

#[inline]
fn reply_value(reply: &mut Reply, value: Option<Elem<'_>>) {
    match value {
        Some(value) => elems::bulk(reply, value),
        None => reply.null(),
    }
}

const NO_FIELDS: CmdError = CmdError::text("ERR Mandatory argument FIELDS is missing or not at the right position");
const WRONG_COUNT: CmdError = CmdError::text("ERR The `numfields` parameter must match the number of arguments");
const NOT_POSITIVE: CmdError = CmdError::text("ERR Number of fields must be a positive integer");

/// The fields behind `FIELDS numfields` at this argument; `not_positive` is the error for a number that is none.
fn fields_at(args: Args<'_>, index: usize, not_positive: CmdError) -> Result<Args<'_>, CmdError> {
    if !args.is(index, "FIELDS") {
        return Err(NO_FIELDS);
    }
    let count = args.get(index + 1).and_then(parse_i64).filter(|count| *count > 0).ok_or(not_positive)?;
    let fields = args.from(index + 2);
    if count == fields.len() as i64 { Ok(fields) } else { Err(WRONG_COUNT) }
}

/// The last moment at which a field may expire, in unix ms.
const EXPIRY_MAX_MS: u64 = (1 << 46) - 1;

/// The unit in which a time is given, and whether it counts from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    unit_ms: u64,
    relative: bool,
}

impl Form {
    const EX: Form = Form { unit_ms: 1000, relative: true };
    const PX: Form = Form { unit_ms: 1, relative: true };
    const EXAT: Form = Form { unit_ms: 1000, relative: false };
    const PXAT: Form = Form { unit_ms: 1, relative: false };

    /// The form that the word at this argument stands for.
    fn at(args: Args<'_>, index: usize) -> Option<Form> {
        let words = [("EX", Form::EX), ("PX", Form::PX), ("EXAT", Form::EXAT), ("PXAT", Form::PXAT)];
        words.into_iter().find(|(word, _)| args.is(index, word)).map(|(_, form)| form)
    }

    /// The moment meant, in unix ms.
    ///
    /// # Errors
    /// When it is no number, negative, or too far away for the command of this name.
    fn resolve(self, word: &[u8], now_ms: u64, command: &str) -> Result<u64, CmdError> {
        let time = parse_i64(word).ok_or(CmdError::NOT_AN_INTEGER)?;
        let time = u64::try_from(time).map_err(|_| CmdError::text("ERR invalid expire time, must be >= 0"))?;
        let base_ms = if self.relative { now_ms } else { 0 };
        let when_ms = time.checked_mul(self.unit_ms).and_then(|time_ms| time_ms.checked_add(base_ms));
        when_ms.filter(|when_ms| *when_ms <= EXPIRY_MAX_MS).ok_or_else(|| CmdError::invalid_expire(command))
    }
}
