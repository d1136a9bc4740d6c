//! The keyspace: databases, their entries and the hash table that holds them.

pub mod table;
