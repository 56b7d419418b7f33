//! The `cicerone` program.
fn main() {}
