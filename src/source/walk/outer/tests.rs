//! Rules from outside a project count as git says.

use std::{ffi::OsString, fs, path::PathBuf};

use super::super::{LONGEST_WALK, WalkOptions, files_with, tests::Project};
use super::*;
use crate::policy::Secrets;

const PROJECT: &str = "sub/project";

/// The variables of a user whose own rules are in `home`.
fn variables(home: &Path) -> impl Fn(&str) -> Option<OsString> {
    let home = home.to_owned();
    move |name| match name {
        "HOME" => Some(home.clone().into()),
        "GIT_CONFIG_NOSYSTEM" => Some("1".into()),
        _ => None,
    }
}

/// What is found in the directory `dir` of a repository, sorted.
fn found(repository: &Project, dir: &str, home: &Path) -> Vec<String> {
    let secrets = Secrets::new(&[]).unwrap();
    let options = WalkOptions { variables: &variables(home), longest: LONGEST_WALK };
    let walk = files_with(&repository.path().join(dir), &secrets, &options);
    let mut found: Vec<String> =
        walk.files.into_iter().map(|it| it.path.to_string_lossy().into_owned()).collect();
    found.sort();
    found
}

fn git(repository: &Project, dir: &str, home: &Path, arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new("git")
        .args(arguments)
        .current_dir(repository.path().join(dir))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// What git leaves of the files in `dir`, sorted.
fn left_by_git(repository: &Project, dir: &str, home: &Path) -> Vec<String> {
    let arguments = ["ls-files", "--others", "--exclude-standard", "-z", "."];
    let listed = git(repository, dir, home, &arguments).unwrap();
    let is_shown = |path: &&str| !path.is_empty() && !path.split('/').any(|it| it.starts_with('.'));
    let mut files: Vec<String> = listed.split('\0').filter(is_shown).map(str::to_owned).collect();
    files.sort();
    files
}

fn is_ignored(repository: &Project, path: &str, home: &Path) -> bool {
    git(repository, "", home, &["check-ignore", "-q", path]).is_some()
}

#[test]
fn rules_of_directories_above_are_understood_as_git_does() {
    let mut random = fastrand::Rng::with_seed(5);
    let names = ["a", "b", "ab", "a.o", "b.o", "project", "sub"];
    let pieces = [
        "a",
        "b",
        ".o",
        "*",
        "**/",
        "/",
        "/**",
        "?",
        "[ab]",
        "sub/",
        "/sub/project/",
        "project/",
        "sub/project/a",
        "\\a",
        "**/project/b",
    ];
    let home = Project::new(&[]);
    let home = home.path().to_owned();
    fs::create_dir_all(home.join(".config/git")).unwrap();
    let mut n_compared = 0;
    for round in 0..20 {
        let repository = Project::new(&[&format!("{PROJECT}/z")]);
        repository.git(&["init", "-q"]);
        for _ in 0..25 {
            let depth = random.usize(1..4);
            let path: Vec<&str> = (0..depth).map(|_| *random.choice(&names).unwrap()).collect();
            let file = repository.path().join(PROJECT).join(path.join("/"));
            if fs::create_dir_all(file.parent().unwrap()).is_ok() && !file.exists() {
                fs::write(&file, "text").unwrap();
            }
        }
        for _ in 0..10 {
            let mut all = String::new();
            let mut rules = || {
                let mut text = String::new();
                for _ in 0..random.usize(0..4) {
                    text.push_str(if random.u8(..4) == 0 { "!" } else { "" });
                    for _ in 0..random.usize(1..4) {
                        text.push_str(random.choice(&pieces).unwrap());
                    }
                    text.push('\n');
                }
                all.push_str(&format!("{text:?} "));
                text
            };
            repository.write(".gitignore", rules());
            repository.write("sub/.gitignore", rules());
            repository.write(&format!("{PROJECT}/.gitignore"), rules());
            repository.write(".git/info/exclude", rules());
            fs::write(home.join(".config/git/ignore"), rules()).unwrap();
            // A project that is ignored as a whole was named on purpose, and is read.
            if ["sub", PROJECT].iter().any(|dir| is_ignored(&repository, dir, &home)) {
                continue;
            }
            n_compared += 1;
            assert_eq!(
                found(&repository, PROJECT, &home),
                left_by_git(&repository, PROJECT, &home),
                "round {round}: {all}"
            );
        }
    }
    assert!(n_compared > 50, "{n_compared}");
}

#[test]
fn the_files_with_rules_from_outside_are_named() {
    let home = Project::new(&[".config/git/ignore", "mine"]);
    let repository = Project::new(&[".gitignore", "sub/.gitignore", "sub/project/.gitignore"]);
    repository.write(".git/info/exclude", "x\n");
    let root = repository.path().canonicalize().unwrap();
    let named = |home: &Path| {
        let mut named = rule_files(&root.join(PROJECT), &variables(home));
        named.sort();
        named
    };
    let mut expected: Vec<PathBuf> =
        [".git/info/exclude", ".gitignore", "sub/.gitignore"].map(|it| root.join(it)).to_vec();
    expected.push(home.path().join(".config/git/ignore"));
    expected.sort();
    assert_eq!(named(home.path()), expected);
    // The user's settings name another file, which is told to a confined process.
    home.write(".gitconfig", "[core]\n\texcludesFile = ~/mine\n");
    assert!(named(home.path()).contains(&home.path().join("mine")));
    let passed = excludes_variables(&variables(home.path()));
    assert_eq!(passed[2].1, home.path().join("mine"));
    let confined = |name: &str| {
        let found = passed.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    };
    assert_eq!(excludes_file(&confined), Some(home.path().join("mine")));
    // The root of a repository has no rules above it.
    assert_eq!(rule_files(&root, &variables(Path::new("/nonexistent"))), [] as [PathBuf; 0]);
}

#[test]
fn only_the_repository_of_a_project_and_its_user_have_rules_for_it() {
    let home = Project::new(&[]);
    home.write(".config/git/ignore", "*.tmp\n");
    let files =
        ["sub/project/a.tmp", "sub/project/b", "sub/project/own/a.tmp", "sub/project/own/b"];
    let outer = Project::new(&files);
    outer.write(".gitignore", "b\n");
    let seen = |outer: &Project| found(outer, PROJECT, home.path());
    // Without a repository, files above say nothing.
    assert_eq!(seen(&outer), ["a.tmp", "b", "own/a.tmp", "own/b"]);
    // One within the project has the user's rules, and not those above it.
    outer.git(&["init", "-q"]);
    outer.write("sub/project/own/.git/info/exclude", "");
    assert_eq!(seen(&outer), ["own/b"]);
    // A linked working tree, whose repository lies elsewhere.
    fs::remove_dir_all(outer.path().join(".git")).unwrap();
    outer.write("elsewhere/worktrees/x/commondir", "../..\n");
    outer.write("elsewhere/info/exclude", "own\n");
    outer.write(".git", "gitdir: elsewhere/worktrees/x\n");
    outer.write(".gitignore", "");
    assert_eq!(seen(&outer), ["b"]);
    // A project that is ignored as a whole was named on purpose.
    outer.write(".gitignore", "/sub/\n");
    assert_eq!(seen(&outer), ["a.tmp", "b", "own/b"]);
}

#[test]
fn p9_p10_a_file_of_rules_outside_that_is_none_is_not_waited_for() {
    let home = Project::new(&[]);
    let repository = Project::new(&["sub/project/b"]);
    repository.git(&["init", "-q"]);
    for target in ["/dev/zero", "/dev/random", ".", "nowhere", ".gitignore"] {
        repository.link(".gitignore", target);
        assert_eq!(found(&repository, PROJECT, home.path()), ["b"], "{target}");
        fs::remove_file(repository.path().join(".gitignore")).unwrap();
    }
    repository.pipe(".gitignore");
    assert_eq!(found(&repository, PROJECT, home.path()), ["b"]);
}
