//! Keys, whatever they hold: removing, renaming, expiring, walking, sorting; and whole databases.
//!
//! | file | commands |
//! |---|---|
//! | `del` | DEL UNLINK EXISTS TOUCH TYPE |
//! | `rename` | RENAME RENAMENX |
//! | `elsewhere` | MOVE COPY |
//! | `walk` | KEYS SCAN RANDOMKEY DBSIZE |
//! | `expire` | EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST |
//! | `ttl` | TTL PTTL EXPIRETIME PEXPIRETIME |
//! | `object` | OBJECT |
//! | `dump` | DUMP RESTORE |
//! | `migrate` | MIGRATE |
//! | `sort` | SORT SORT_RO |
//! | `databases` | FLUSHDB FLUSHALL SWAPDB SELECT |

pub mod databases;
pub mod del;
pub mod dump;
pub mod elsewhere;
pub mod expire;
pub mod migrate;
pub mod object;
pub mod rename;
pub mod sort;
pub mod ttl;
pub mod walk;

use crate::dispatch::CmdError;
use crate::dispatch::command::Command;
use crate::util::number;

pub static COMMANDS: &[&Command] = &[
    &del::DEL,
    &del::UNLINK,
    &del::EXISTS,
    &del::TOUCH,
    &del::TYPE,
    &rename::RENAME,
    &rename::RENAMENX,
    &elsewhere::MOVE,
    &elsewhere::COPY,
    &walk::KEYS,
    &walk::SCAN,
    &walk::RANDOMKEY,
    &walk::DBSIZE,
    &expire::EXPIRE,
    &expire::PEXPIRE,
    &expire::EXPIREAT,
    &expire::PEXPIREAT,
    &expire::PERSIST,
    &ttl::TTL,
    &ttl::PTTL,
    &ttl::EXPIRETIME,
    &ttl::PEXPIRETIME,
    &object::OBJECT,
    &dump::DUMP,
    &dump::RESTORE,
    &migrate::MIGRATE,
    &sort::SORT,
    &sort::SORT_RO,
    &databases::FLUSHDB,
    &databases::FLUSHALL,
    &databases::SWAPDB,
    &databases::SELECT,
];

/// Parses the number of a database, of which there are `count`.
///
/// # Errors
/// When it is no number of 32 bits, or there is no such database.
fn db_index(word: &[u8], count: usize) -> Result<usize, CmdError> {
    let index = number::parse_i64(word).ok_or(CmdError::NOT_AN_INTEGER)?;
    let index = i32::try_from(index)
        .map_err(|_| CmdError::text("ERR value is out of range, value must between -2147483648 and 2147483647"))?;
    usize::try_from(index).ok().filter(|&index| index < count).ok_or(CmdError::DB_INDEX)
}
