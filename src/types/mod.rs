//! Values as commands see them: each type picks its own encoding and knows nothing of keys, clients or commands.
//!
//! | file | what |
//! |---|---|
//! | `list`, `set`, `zset`, `hash`, `stream` | the types |
//! | `hyperloglog` | what the strings of PFADD mean |
//! | `geohash` | places as scores, and distances |
//! | `item` | a member of a set's table, a field of a hash's table |
//! | `items` | such a table |

pub mod geohash;
pub mod hash;
pub mod hyperloglog;
pub mod item;
pub mod items;
pub mod list;
pub mod set;
pub mod stream;
pub mod zset;

pub use hash::Hash;
pub use list::List;
pub use set::Set;
pub use stream::Stream;
pub use zset::Zset;
