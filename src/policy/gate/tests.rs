//! What the gate opens, and everything that it does not.

use std::{
    fs,
    os::unix::fs::symlink,
    process::Command,
    time::{Duration, Instant},
};

use super::*;

const MOST: usize = 100;

/// A project with one plain file, and a file beside it.
struct Fixture {
    base: tempfile::TempDir,
    trees: [Tree; 2],
}

impl Fixture {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir_all(base.path().join("project/dir")).unwrap();
        fs::create_dir_all(base.path().join("outside")).unwrap();
        fs::write(base.path().join("outside/file"), "outside").unwrap();
        fs::write(base.path().join("project/dir/file"), "plain").unwrap();
        let tree = |has_openat2| {
            let tree = Tree::open(&base.path().join("project")).unwrap();
            Tree { has_openat2, ..tree }
        };
        let trees = [tree(true), tree(false)];
        Self { base, trees }
    }

    fn project(&self) -> std::path::PathBuf {
        self.base.path().join("project")
    }

    /// Both ways of finding a file give the same.
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let [one, other] = &self.trees;
        let found = one.read(Path::new(path), MOST);
        let again = other.read(Path::new(path), MOST);
        assert_eq!(found.is_ok(), again.is_ok(), "{path}: {found:?} and {again:?}");
        found
    }

    fn pipe(&self, path: &str) {
        let made = Command::new("mkfifo").arg(self.project().join(path)).status().unwrap();
        assert!(made.success());
    }
}

#[test]
fn p10_no_link_is_followed_anywhere_in_a_path() {
    let fixture = Fixture::new();
    let project = fixture.project();
    assert_eq!(fixture.read("dir/file").unwrap(), b"plain");
    symlink("dir/file", project.join("in")).unwrap();
    symlink("dir", project.join("indir")).unwrap();
    symlink("../outside/file", project.join("out")).unwrap();
    symlink("../outside", project.join("outdir")).unwrap();
    symlink(fixture.base.path().join("outside"), project.join("absolute")).unwrap();
    symlink("/dev/zero", project.join("zero")).unwrap();
    symlink("/proc/self/fd", project.join("descriptors")).unwrap();
    symlink("/proc/self/root", project.join("root")).unwrap();
    symlink("loop", project.join("loop")).unwrap();
    symlink("nowhere", project.join("dangling")).unwrap();
    for path in [
        "in",
        "indir/file",
        "out",
        "outdir/file",
        "absolute/file",
        "zero",
        "descriptors/0",
        "root/etc/passwd",
        "loop",
        "loop/x",
        "dangling",
    ] {
        assert!(fixture.read(path).is_err(), "{path} was read");
    }
    assert!(matches!(fixture.read(""), Err(TreeError::Directory)));
    for path in [".", "..", "/etc/passwd", "dir/../dir/file", "../outside/file", "dir/file/.."] {
        assert!(matches!(fixture.read(path), Err(TreeError::NotPlain)), "{path}");
    }
}

#[test]
fn p10_what_is_no_plain_file_is_neither_opened_nor_waited_for() {
    let fixture = Fixture::new();
    let started = Instant::now();
    fixture.pipe("pipe");
    fixture.pipe("dir/pipe");
    let _socket = std::os::unix::net::UnixListener::bind(fixture.project().join("socket")).unwrap();
    for path in ["pipe", "dir/pipe", "socket"] {
        assert!(matches!(fixture.read(path), Err(TreeError::NotPlain)), "{path}");
    }
    assert!(matches!(fixture.read("dir"), Err(TreeError::Directory)));
    for path in ["none", "none/none", "dir/file/none"] {
        assert!(matches!(fixture.read(path), Err(TreeError::NotThere)), "{path}");
    }
    // Only root can make a device; where the test runs as another, a link to one stands for it.
    let device = fixture.project().join("device");
    let made = Command::new("mknod").arg(&device).args(["c", "1", "5"]).output().unwrap();
    if made.status.success() {
        assert!(matches!(fixture.read("device"), Err(TreeError::NotPlain)));
    }
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn p9_no_more_of_a_file_is_read_than_was_asked_for() {
    let fixture = Fixture::new();
    let file = fixture.project().join("large");
    fs::write(&file, "x".repeat(MOST)).unwrap();
    assert_eq!(fixture.read("large").unwrap().len(), MOST);
    for size in [MOST as u64 + 1, 1 << 30, 1 << 40] {
        fs::File::options().write(true).open(&file).unwrap().set_len(size).unwrap();
        assert!(matches!(fixture.read("large"), Err(TreeError::TooLarge(found)) if found == size));
        for tree in &fixture.trees {
            assert_eq!(tree.read_start(Path::new("large"), 10).unwrap(), b"xxxxxxxxxx");
        }
    }
}

#[test]
fn p10_a_directory_that_became_a_link_leads_nowhere() {
    let fixture = Fixture::new();
    let project = fixture.project();
    fs::rename(project.join("dir"), project.join("old")).unwrap();
    symlink("../outside", project.join("dir")).unwrap();
    assert!(fixture.read("dir/file").is_err());
    for tree in &fixture.trees {
        assert!(tree.list(Path::new("dir")).is_err(), "it was listed");
        assert!(tree.list(Path::new("old")).is_ok());
    }
}

#[test]
fn p10_a_private_key_is_not_read_under_an_innocent_name() {
    let fixture = Fixture::new();
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n";
    fs::write(fixture.project().join("notes.txt"), key).unwrap();
    assert!(matches!(fixture.read("notes.txt"), Err(TreeError::Secret)));
    let start = fixture.trees[0].read_start(Path::new("notes.txt"), 1000);
    assert!(matches!(start, Err(TreeError::Secret)));
}
