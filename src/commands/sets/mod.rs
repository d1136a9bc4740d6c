//! Sets: members, and what two or more sets have in common.

pub mod algebra;
pub mod members;
pub mod random;

use crate::config::Config;
use crate::dispatch::command::Command;
use crate::types::set::Limits;

pub static COMMANDS: &[&Command] = &[
    &members::SADD,
    &members::SCARD,
    &algebra::SDIFF,
    &algebra::SDIFFCARD,
    &algebra::SDIFFSTORE,
    &algebra::SINTER,
    &algebra::SINTERCARD,
    &algebra::SINTERSTORE,
    &members::SISMEMBER,
    &members::SMEMBERS,
    &members::SMISMEMBER,
    &members::SMOVE,
    &random::SPOP,
    &random::SRANDMEMBER,
    &members::SREM,
    &members::SSCAN,
    &algebra::SUNION,
    &algebra::SUNIONCARD,
    &algebra::SUNIONSTORE,
];

/// The limits of packed sets, as configured.
#[inline]
pub fn limits(config: &Config) -> Limits {
    Limits {
        intset_entries: config.set_max_intset_entries as usize,
        listpack_entries: config.set_max_listpack_entries as usize,
        listpack_value_bytes: config.set_max_listpack_value_bytes as usize,
    }
}
