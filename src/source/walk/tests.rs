//! What the walk finds, beside what git says; and that nothing in a project makes it go on.

use std::{
    collections::BTreeSet, fs, os::unix::fs::symlink, path::Path, process::Command, time::Duration,
};

use super::*;

/// Longest time that a walk through a small project takes, however hostile it is.
const PROMPT: Duration = Duration::from_secs(5);

pub(super) struct Project(tempfile::TempDir);

impl Project {
    pub(super) fn new(files: &[&str]) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        for path in files {
            project.write(path, "text");
        }
        project
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn link(&self, path: &str, target: &str) {
        symlink(target, self.path().join(path)).unwrap();
    }

    pub(super) fn pipe(&self, path: &str) {
        assert!(Command::new("mkfifo").arg(self.path().join(path)).status().unwrap().success());
    }

    fn walk(&self) -> Walk {
        self.walk_for(LONGEST_WALK)
    }

    fn walk_for(&self, longest: Duration) -> Walk {
        let options = WalkOptions { variables: &|_| None, longest };
        files_with(self.path(), &Secrets::new(&[]).unwrap(), &options)
    }

    /// What is found, sorted.
    fn found(&self) -> Vec<String> {
        let walk = self.walk();
        assert!(!walk.is_cut);
        let paths = walk.files.into_iter().map(|found| found.path.to_string_lossy().into_owned());
        paths.collect::<BTreeSet<_>>().into_iter().collect()
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", "/nonexistent")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What git leaves of the files, sorted.
    fn left_by_git(&self) -> Vec<String> {
        let listed = self.git(&["ls-files", "--others", "--exclude-standard", "-z"]);
        let files = listed.split('\0').filter(|path| !path.is_empty() && !path.contains("/."));
        let files = files.filter(|path| !path.starts_with('.')).map(str::to_owned);
        files.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

#[test]
fn ignored_hidden_and_secret_files_are_not_found() {
    let project = Project::new(&[
        "src/a.rs",
        "build/out.rs",
        ".env",
        ".hidden/a.rs",
        ".autocoder/prompts/app_spec.txt",
        "key.pem",
    ]);
    project.write(".gitignore", "build/\n");
    let outside = Project::new(&["far.rs"]);
    project.link("link", outside.path().to_str().unwrap());
    project.link("far.rs", outside.path().join("far.rs").to_str().unwrap());
    assert_eq!(project.found(), [".autocoder/prompts/app_spec.txt", "src/a.rs"]);
}

#[test]
fn binary_and_minified_files_are_not_text() {
    let project = Project::new(&[]);
    let check = |name: &str, bytes: &[u8]| {
        project.write(name, bytes);
        let found =
            WalkedFile { path: name.into(), size: bytes.len() as u64, stamp: FileStamp::default() };
        text(&Tree::open(project.path()).unwrap(), &found).unwrap().is_some()
    };
    assert!(check("a.rs", b"fn a() {}\n"));
    assert!(!check("a.bin", b"a\0b"));
    assert!(!check("a.js", &[b'x'; 9000]));
    assert!(!check("large.txt", &[b'\n'; (1 << 20) + 1]));
    assert!(!check("notes.txt", b"-----BEGIN PRIVATE KEY-----\nMIIE\n"));
}

#[test]
fn rules_of_every_kind_are_understood_as_git_does() {
    let names = ["a", "b", "ab", "a.o", "b.o", "z", "a b", "a\\b", "#a", "!a", "a*"];
    let mut files: Vec<String> = names.map(str::to_owned).into();
    for dir in ["a", "b", "ab", "x/a", "x/y/a"] {
        files.extend(names.iter().map(|name| format!("{dir}.d/{name}")));
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let project = Project::new(&files);
    project.git(&["init", "-q"]);
    for (rules, deeper, excluded) in [
        ("*.o\n!a.o\n", "", ""),
        ("a\n", "!a\n", ""),
        ("/a\n/x/*/a.d\n", "", "b\n"),
        ("a.d/\n!a.d/a\n", "", ""),
        ("*\n!*/\n!*.o\n", "", ""),
        ("**/a\n!**/a.d/a\n", "b", "!b"),
        ("x/**\n!x/y\n", "", ""),
        ("x/**/a\n", "*\n!b\n", ""),
        ("\\#a\n\\!a\n#b\n\n", "", ""),
        ("a b \n", "a\\ b\n", "x\\  "),
        ("a\\*\n", "[ab].o\n", "[!ab]\n"),
        ("\u{feff}a\r\nb\r\n", "[[:alpha:]]\n", "?b"),
        ("a\\\n[a\n", "!\n/\n", "a/\n"),
        ("a.d//\n", "/b\n", "./a\n"),
    ] {
        project.write(".gitignore", rules);
        project.write("x/y/.gitignore", deeper);
        project.write("a.d/.gitignore", deeper);
        project.write(".git/info/exclude", excluded);
        assert_eq!(project.found(), project.left_by_git(), "{rules:?} {deeper:?} {excluded:?}");
    }
}

#[test]
fn rules_made_at_random_are_understood_as_git_does() {
    let mut random = fastrand::Rng::with_seed(7);
    let parts = ["a", "b", "c", "ab", "a.o", "bc.o", "abc"];
    let pieces = [
        "a",
        "b",
        "c",
        "ab",
        ".o",
        "*",
        "**",
        "?",
        "/",
        "/",
        "**/",
        "/**",
        "[ab]",
        "[!a]",
        "[^c]",
        "[a-b]",
        "\\a",
        "\\*",
        " ",
        "[[:lower:]]",
        "[]a]",
        "[a",
        "***",
        ".",
    ];
    for round in 0..60 {
        let project = Project::new(&[]);
        project.git(&["init", "-q"]);
        let mut dirs = BTreeSet::from([String::new()]);
        for _ in 0..40 {
            let depth = random.usize(1..5);
            let path: Vec<&str> = (0..depth).map(|_| *random.choice(&parts).unwrap()).collect();
            let path = path.join("/");
            let file = project.path().join(&path);
            if fs::create_dir_all(file.parent().unwrap()).is_ok() && !file.exists() {
                fs::write(&file, "text").unwrap();
                let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
                dirs.insert(dir.to_owned());
            }
        }
        let dirs: Vec<String> = dirs.into_iter().collect();
        for _ in 0..12 {
            let mut all = String::new();
            let mut rules = |random: &mut fastrand::Rng| {
                let mut text = String::new();
                for _ in 0..random.usize(1..6) {
                    if random.u8(..4) == 0 {
                        text.push('!');
                    }
                    for _ in 0..random.usize(1..6) {
                        text.push_str(random.choice(&pieces).unwrap());
                    }
                    text.push('\n');
                }
                all.push_str(&text);
                all.push('\0');
                text
            };
            project.write(".gitignore", rules(&mut random));
            let deeper = random.choice(&dirs).unwrap().clone();
            project
                .write(format!("{deeper}/.gitignore").trim_start_matches('/'), rules(&mut random));
            project.write(".git/info/exclude", rules(&mut random));
            assert_eq!(
                project.found(),
                project.left_by_git(),
                "round {round} in {deeper}: {all:?}"
            );
            fs::remove_file(project.path().join(deeper).join(".gitignore")).unwrap();
        }
    }
}

#[test]
fn an_ignore_file_of_other_tools_beats_gits() {
    let project = Project::new(&["a", "b", "c", "sub/a", "sub/c"]);
    project.write(".gitignore", "a\nb\n");
    project.write(".ignore", "!a\nc\n");
    project.write("sub/.ignore", "!c\n");
    assert_eq!(project.found(), ["a", "sub/a", "sub/c"]);
}

#[test]
fn a_repository_within_the_project_has_its_own_rules() {
    let project = Project::new(&["out.log", "sub/out.log", "sub/tmp", "tree/tmp", "tree/out.log"]);
    project.write(".gitignore", "*.log\n");
    project.write("sub/.git/info/exclude", "tmp\n");
    // A working tree whose repository lies elsewhere in the project, as a submodule's does.
    project.write("tree/.git", "gitdir: ../.git/modules/tree\n");
    project.write(".git/modules/tree/info/exclude", "tmp\n");
    assert_eq!(project.found(), ["sub/out.log", "tree/out.log"]);
    // One of several working trees of a repository.
    project.write(".git/modules/tree/commondir", "../..\n");
    project.write(".git/info/exclude", "out.log\n");
    assert_eq!(project.found(), ["sub/out.log", "tree/tmp"]);
}

#[test]
fn p9_p10_an_ignore_file_that_is_none_counts_as_none_and_is_not_waited_for() {
    let outside = Project::new(&["rules"]);
    outside.write("rules", "shown\n");
    let outside = outside.path().join("rules");
    let outside = outside.to_str().unwrap();
    for path in [".gitignore", ".ignore", "deep/.gitignore", "deep/.ignore", ".git/info/exclude"] {
        let project = Project::new(&["shown", "deep/shown", ".git/info/x", "hidden-rules"]);
        project.write("hidden-rules", "shown\n");
        let found = ["deep/shown", "hidden-rules", "shown"];
        let within = if path.contains('/') { "../hidden-rules" } else { "hidden-rules" };
        for target in
            ["/dev/zero", "/dev/random", "/proc/self/mem", outside, within, ".", "nowhere", path]
        {
            project.link(path, target);
            let started = Instant::now();
            assert_eq!(project.found(), found, "{path} to {target}");
            assert!(started.elapsed() < PROMPT, "{path} to {target}");
            fs::remove_file(project.path().join(path)).unwrap();
        }
        project.pipe(path);
        assert_eq!(project.found(), found, "{path} as a pipe");
        fs::remove_file(project.path().join(path)).unwrap();
        fs::create_dir(project.path().join(path)).unwrap();
        assert_eq!(project.found(), found, "{path} as a directory");
        fs::remove_dir(project.path().join(path)).unwrap();
        project.write(path, "shown\n");
        let file = fs::File::options().write(true).open(project.path().join(path)).unwrap();
        file.set_len(1 << 30).unwrap();
        assert_eq!(project.found(), found, "{path} of 1 GiB");
        file.set_len(6).unwrap();
        assert_ne!(project.found(), found, "{path} as it should be");
    }
}

#[test]
fn p9_p10_a_git_file_that_points_anywhere_leads_nowhere() {
    let outside = Project::new(&[]);
    outside.write("info/exclude", "shown\n");
    let project = Project::new(&["shown", "other/info/exclude"]);
    let root = project.path().to_str().unwrap().to_owned();
    let outside = outside.path().to_str().unwrap();
    for pointer in [
        "gitdir: /dev",
        "gitdir: /dev/zero",
        &format!("gitdir: {outside}"),
        &format!("gitdir: {root}/../{}", outside.rsplit('/').next().unwrap()),
        "gitdir: ../../../../../..",
        "gitdir: .git",
        "gitdir: .",
        "gitdir: \0",
        "gitdir:",
        "",
        "x",
    ] {
        project.write(".git", pointer);
        assert_eq!(project.found(), ["other/info/exclude", "shown"], "{pointer:?}");
    }
    fs::remove_file(project.path().join(".git")).unwrap();
    for target in ["/dev/zero", outside, "..", "other", ".git"] {
        project.link(".git", target);
        assert_eq!(project.found(), ["other/info/exclude", "shown"], "{target:?}");
        fs::remove_file(project.path().join(".git")).unwrap();
    }
    project.pipe(".git");
    assert_eq!(project.found(), ["other/info/exclude", "shown"]);
}

#[test]
fn p9_costly_rules_cost_a_walk_no_more_than_its_budget() {
    let names: Vec<String> = (0..50).map(|n| format!("src/some_longer_name_{n}.rs")).collect();
    let project = Project::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for pattern in [
        "*s*o*m*e*l*n*g*e*r*n*a*m*r*s*e",
        "*o*e*n*e*[!a-z]*{}*e*",
        "**/{}/**/*a*b*c*",
        "[a-z]*[a-z]*[a-z]*{}?e",
    ] {
        let rules: String =
            (0..40_000).map(|n| pattern.replace("{}", &n.to_string()) + "\n").collect();
        project.write(".gitignore", &rules);
        let started = Instant::now();
        let walk = project.walk();
        assert!(started.elapsed() < LONGEST_WALK + PROMPT, "{pattern}: {:?}", started.elapsed());
        assert!(walk.is_cut || walk.files.len() == 50, "{pattern}");
    }
    // More rules than any file of people has count as none.
    project.write(".gitignore", "*.rs\n".repeat(MAX_FILES * 2));
    assert_eq!(project.found().len(), 50);
}

#[test]
fn p9_a_walk_ends_however_deep_or_wide_the_project_is() {
    let project = Project::new(&["top"]);
    let mut deep = project.path().to_owned();
    for _ in 0..2 * MAX_DEPTH {
        deep.push("d");
        fs::create_dir(&deep).unwrap();
        fs::write(deep.join("f"), "text").unwrap();
    }
    project.link("d/loop", "..");
    let walk = project.walk();
    assert!(walk.is_cut);
    assert_eq!(walk.files.len(), MAX_DEPTH + 1);

    let project = Project::new(&["top"]);
    let wide = project.path().join("wide");
    fs::create_dir(&wide).unwrap();
    fs::write(wide.join("f"), "text").unwrap();
    for n in 0..MAX_FILES {
        // A file system allows so many links to one file.
        let linked = wide.join(format!("f{}", n / 30_000 * 30_000));
        match n % 30_000 {
            0 => fs::write(linked, "text").unwrap(),
            _ => fs::hard_link(linked, wide.join(format!("f{n}"))).unwrap(),
        }
    }
    // Long enough for so many files on a busy machine.
    let walk = project.walk_for(12 * LONGEST_WALK);
    assert!(walk.is_cut);
    assert_eq!(walk.files.len(), MAX_FILES);
    assert_eq!(walk.left_out.count(LeftOutReason::Files).files, 2);
}

#[test]
fn a_project_that_changes_under_the_walk_or_is_gone_is_no_error() {
    let project = Project::new(&["a/b/c/file", "top"]);
    let path = project.path().to_owned();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                fs::rename(path.join("a/b"), path.join("moved")).unwrap();
                symlink("/etc", path.join("a/b")).unwrap();
                fs::remove_file(path.join("a/b")).unwrap();
                fs::rename(path.join("moved"), path.join("a/b")).unwrap();
            }
        });
        for _ in 0..300 {
            for found in project.walk().files {
                let found = found.path.to_str().unwrap();
                assert!(found.ends_with("c/file") || found == "top", "{found}");
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(
        files(&Roots::from("/nonexistent/project"), &Secrets::new(&[]).unwrap()).files.is_empty()
    );
}

#[test]
fn what_is_worth_most_is_walked_first() {
    let project = Project::new(&[
        "vendor/lib/src/a.rs",
        "tests/fixtures/src/a.rs",
        "node_modules/x/index.js",
        "docs/a.md",
        "src/deep/er/a.rs",
        "src/a.rs",
        "README.md",
        "web/app/b.ts",
        "web/app/gen/b.ts",
    ]);
    let found: Vec<String> =
        project.walk().files.iter().map(|it| it.path.to_string_lossy().into_owned()).collect();
    assert_eq!(
        found,
        [
            "README.md",
            "src/a.rs",
            "src/deep/er/a.rs",
            "docs/a.md",
            "web/app/b.ts",
            "tests/fixtures/src/a.rs",
            "node_modules/x/index.js",
            "vendor/lib/src/a.rs",
            "web/app/gen/b.ts",
        ]
    );
}
