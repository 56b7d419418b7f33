//! Programs of others that the tests run, as `.ci/setup` puts them into the build directory.

use std::path::{Path, PathBuf};

/// Where the program would be.
fn place(name: &str) -> PathBuf {
    module(".bin").join(name)
}

/// Where a file of a package is, if it was put there.
pub fn module(path: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_cicerone")).ancestors().nth(2).unwrap();
    target.join("peers/node_modules").join(path)
}

/// The newest version of a program, if it was put there beside the other.
pub fn find_newest(name: &str) -> Option<PathBuf> {
    Some(module("../newest/node_modules/.bin").join(name)).filter(|program| program.exists())
}

/// The program, if it was put there.
pub fn find(name: &str) -> Option<PathBuf> {
    Some(place(name)).filter(|program| program.exists())
}
