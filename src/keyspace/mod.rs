//! The keyspace: numbered databases of keys and values, each key in one entry of a hash table.
//!
//! From the inside out: [`table`] (the hash table), [`entry`] (a key with its value), [`value`] (a value of any
//! type), [`database`] (table, expiry index, histogram), [`db`] (a database as a command sees it), [`effects`]
//! (what a change causes), [`unit`] (what a command sends on), [`access`] (LRU and LFU clocks), [`expire`] (keys
//! whose time has come), [`reclaim`] (freeing in the background).

pub mod access;
pub mod database;
pub mod db;
pub mod effects;
pub mod entry;
pub mod evict;
pub mod expire;
pub mod reclaim;
pub mod table;
pub mod unit;
pub mod value;

pub use database::{Database, Mut};
pub use db::{Db, Env, WrongType};
pub use effects::Class;
pub use entry::Entry;
pub use value::{Ref, Type, Typed, Value};
