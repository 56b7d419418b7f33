//! Tells the program which commit it was built from.
//!
//! `CICERONE_COMMIT` names it where there is no repository, as in a package. Builds for development have none, so
//! that a commit does not compile everything anew.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-env-changed=CICERONE_COMMIT");
    let version = env!("CARGO_PKG_VERSION");
    let version = match commit() {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    };
    println!("cargo::rustc-env=CICERONE_VERSION={version}");
}

fn commit() -> Option<String> {
    if let Ok(commit) = env::var("CICERONE_COMMIT") {
        return Some(commit.trim().to_owned()).filter(|commit| !commit.is_empty());
    }
    if env::var("PROFILE").is_ok_and(|profile| profile != "release") {
        return None;
    }
    // HEAD names a branch, whose file changes with a commit.
    for file in [".git/HEAD", ".git/refs/heads", ".git/packed-refs"] {
        if Path::new(file).exists() {
            println!("cargo::rerun-if-changed={file}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| output.status.success() && !text.is_empty())
}
