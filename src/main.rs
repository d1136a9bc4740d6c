//! Entry point: picks the tool by the name the binary was called with.

fn main() {}
