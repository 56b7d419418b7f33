//! What optional features bring stays out of the default build.

use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
};

use toml::Table;

use super::root;

/// Optional dependencies that the features in `default` turn on, and those that only others do.
fn optional_dependencies(manifest: &Table) -> (BTreeSet<String>, BTreeSet<String>) {
    let features = manifest["features"].as_table().unwrap();
    let mut enabled = BTreeSet::new();
    let mut pending = vec!["default"];
    while let Some(feature) = pending.pop() {
        for part in features[feature].as_array().unwrap() {
            let part = part.as_str().unwrap();
            match part.strip_prefix("dep:") {
                Some(dependency) => _ = enabled.insert(dependency.to_owned()),
                None if features.contains_key(part) => pending.push(part),
                None => panic!("{part} in `default` is neither a feature nor `dep:`"),
            }
        }
    }
    let dependencies = manifest["dependencies"].as_table().unwrap().iter();
    let optional = dependencies
        .filter(|(_, it)| it.get("optional").and_then(toml::Value::as_bool).unwrap_or_default());
    optional.map(|(name, _)| name.clone()).partition(|name| enabled.contains(name))
}

/// The names of the packages that a build with the default features links.
fn default_packages() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none"])
        .arg("--manifest-path")
        .arg(root().join("Cargo.toml"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect()
}

#[test]
fn the_default_build_has_nothing_of_features_that_are_off() {
    let manifest: Table =
        std::fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let (on, off) = optional_dependencies(&manifest);
    assert!(off.contains("async-nats") && off.len() > 2, "{off:?}");
    let packages = default_packages();
    assert!(on.is_subset(&packages), "{on:?} are not all in the default build");
    let brought: Vec<_> = off.intersection(&packages).collect();
    assert!(brought.is_empty(), "the default build has {brought:?}");
}

#[test]
fn a_feature_that_another_one_turns_on_counts_with_it() {
    let manifest: Table = "[features]\ndefault = ['a']\na = ['b', 'dep:one']\nb = ['dep:two']\n\
        c = ['dep:three']\n[dependencies]\none = { optional = true }\ntwo = { optional = true }\n\
        three = { optional = true }\nfour = '1'\n"
        .parse()
        .unwrap();
    let (on, off) = optional_dependencies(&manifest);
    assert_eq!(Vec::from_iter(on), ["one", "two"]);
    assert_eq!(Vec::from_iter(off), ["three"]);
}
