//! Values as commands see them: each type hides its encodings behind one interface.

pub mod zset;
