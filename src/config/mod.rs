//! Configuration: what the server can be told, and the ways of telling it.
//!
//! - `fields`: [`Config`], one typed field per parameter; `values`: the types of those that are no plain number or text
//! - `param`: what a parameter is; `params/`: the one table of them, by area; `special/`: the ones with a grammar
//! - `file`: configuration text; `host`: what it asks of its surroundings ([`Host`]), and the file system's half of that
//! - `args`: the command line, which becomes configuration text
//! - `get`, `set`, `rewrite`: the engines of CONFIG GET, SET and REWRITE; `store`: replacing the file
//!
//! Nothing here names the server. What has to happen after a value changed is a [`Hook`], which the server carries out. A
//! directive whose part of the server is missing is of two kinds: one that would switch the part on accepts its default
//! only and is refused by name otherwise ([`Param::absent`]); one that merely tunes it is kept and answered, because it
//! promises nothing while the part is off. For that reason `save` is empty by default, unlike upstream's.
//!
//! Known differences: sizes that do not fit 64 bits become the greatest instead of wrapping to a small one; `save` and
//! output limits with numbers beyond their range are refused instead of truncated; an included file that includes itself is
//! an error; an unknown directive is reported with its line, where upstream takes it for a module's and gives up later.

pub mod args;
pub mod fields;
pub mod file;
pub mod get;
pub mod host;
pub mod param;
pub mod params;
pub mod rewrite;
pub mod set;
#[cfg(test)]
mod shipped;
pub mod special;
pub mod store;
pub mod values;

pub use args::{Invocation, Sources, USAGE, parse_args};
pub use fields::Config;
pub use file::{LoadError, load};
pub use get::get;
pub use host::Host;
pub use param::{Flags, Hook, Param};
pub use rewrite::rewrite;
pub use set::{Caller, SetError, set};
