//! Hashes: fields with values.

pub mod counter;
pub mod fields;
pub mod listing;
pub mod random;

use crate::config::Config;
use crate::dispatch::command::Command;
use crate::types::hash::Limits;

pub static COMMANDS: &[&Command] = &[
    &fields::HDEL,
    &fields::HEXISTS,
    &fields::HGET,
    &listing::HGETALL,
    &fields::HGETDEL,
    &counter::HINCRBY,
    &counter::HINCRBYFLOAT,
    &listing::HKEYS,
    &fields::HLEN,
    &fields::HMGET,
    &fields::HMSET,
    &random::HRANDFIELD,
    &listing::HSCAN,
    &fields::HSET,
    &fields::HSETNX,
    &fields::HSTRLEN,
    &listing::HVALS,
];

/// The limits of packed hashes, as configured.
#[inline]
pub fn limits(config: &Config) -> Limits {
    Limits { entries: config.hash_max_listpack_entries as usize, value_bytes: config.hash_max_listpack_value_bytes as usize }
}
