//! Strings: bytes, numbers and counters.

pub mod bounded;
pub mod condition;
pub mod counter;
pub mod expiry;
pub mod get_set;
pub mod lcs;
pub mod many;
pub mod range;
pub mod replace;

use crate::dispatch::command::Command;

pub static COMMANDS: &[&Command] = &[
    &range::APPEND,
    &counter::DECR,
    &counter::DECRBY,
    &condition::DELEX,
    &condition::DELIFEQ,
    &condition::DIGEST,
    &get_set::GET,
    &replace::GETDEL,
    &replace::GETEX,
    &range::GETRANGE,
    &replace::GETSET,
    &counter::INCR,
    &counter::INCRBY,
    &counter::INCRBYFLOAT,
    &bounded::INCREX,
    &lcs::LCS,
    &many::MGET,
    &many::MSET,
    &many::MSETEX,
    &many::MSETNX,
    &get_set::PSETEX,
    &get_set::SET,
    &get_set::SETEX,
    &get_set::SETNX,
    &range::SETRANGE,
    &range::STRLEN,
    &range::SUBSTR,
];
