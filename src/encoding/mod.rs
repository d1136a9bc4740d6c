//! Byte layouts of collections: what a value looks like in memory and in files.

pub mod blob;
pub mod intset;
pub mod listpack;
pub mod lzf;
pub mod quicklist;
pub mod tree;
pub mod ziplist;
pub mod zipmap;
