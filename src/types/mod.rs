//! Values as commands see them: each type picks its own encoding and knows nothing of keys, clients or commands.

pub mod hash;
pub mod list;
pub mod set;
pub mod zset;

pub use hash::Hash;
pub use list::List;
pub use set::Set;
pub use zset::Zset;
