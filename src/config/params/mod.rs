//! The one table of parameters, by area. An entry here is all there is to a parameter besides its field.
//!
//! What always holds (the tests below walk the table): names and aliases are unique, a default reads without error, shows
//! what it read, and survives being written back and read again.

mod cluster;
mod memory;
mod network;
mod observability;
mod persistence;
mod process;
mod replication;
mod tls;

use super::fields::Config;
use super::param::{EnumField, Field, IntField, Kind, Param};
use super::values::Text;

/// Greatest value of the numbers upstream keeps in a C `int`.
const INT_MAX: i64 = i32::MAX as i64;

/// Greatest value of the sizes upstream keeps in a signed 64-bit number.
const BYTES_MAX: u64 = i64::MAX as u64;

static AREAS: [&[Param]; 8] = [
    network::PARAMS,
    process::PARAMS,
    memory::PARAMS,
    observability::PARAMS,
    persistence::PARAMS,
    replication::PARAMS,
    cluster::PARAMS,
    tls::PARAMS,
];

/// Directives upstream once had: a file may still hold them, with one value, and nothing happens.
pub const RETIRED: [&str; 4] =
    ["list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands", "io-threads-do-reads"];

/// Every parameter, in table order.
pub fn all() -> impl Iterator<Item = &'static Param> {
    AREAS.iter().flat_map(|area| area.iter())
}

/// The parameter called `name`, in any case, aliases included.
pub fn find(name: &[u8]) -> Option<&'static Param> {
    all().find(|param| param.is_called(name))
}

impl Default for Config {
    fn default() -> Config {
        let mut config = Config::blank();
        all().for_each(|param| param.reset(&mut config));
        config
    }
}

const fn boolean(name: &'static str, field: &'static Field<bool>, default: &'static str) -> Param {
    Param::new(name, Kind::Bool(field), default)
}

const fn int(name: &'static str, field: &'static dyn IntField, min: i64, max: i64, default: &'static str) -> Param {
    Param::new(name, Kind::int(field, min, max), default)
}

const fn memory(name: &'static str, field: &'static Field<u64>, min: u64, max: u64, default: &'static str) -> Param {
    Param::new(name, Kind::memory(field, min, max), default)
}

const fn choice(name: &'static str, field: &'static dyn EnumField, default: &'static str) -> Param {
    Param::new(name, Kind::Enum(field), default)
}

const fn optional(name: &'static str, field: &'static Field<Option<Text>>) -> Param {
    Param::new(name, Kind::OptStr(field), "")
}
