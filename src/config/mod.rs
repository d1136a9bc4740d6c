//! What the server can be told, and how it is told: configuration files, the command line, CONFIG GET, SET and REWRITE.
pub mod fields;
pub mod param;
pub mod params;
pub mod special;
pub mod values;
pub use fields::Config;
pub use values::*;
