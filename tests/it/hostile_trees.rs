//! Projects whose directories are made to trap a walk: the reader says what it found, in time, and
//! the server never notices.

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};

use crate::{
    client::text_of,
    processes::resident,
    server::{Server, Setup, write},
};

/// How much larger a server may be after it has answered, bytes.
const GROWTH: u64 = 32 << 20;

/// Directories in directories.
const DEPTH: usize = 10_000;

/// A tree deeper than any path may be long.
fn deep(dir: &Path) {
    let open = |at: &rustix::fd::OwnedFd, name: &str| {
        openat(at, name, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap()
    };
    let root = openat(CWD, dir, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap();
    mkdirat(&root, "deep", Mode::from_raw_mode(0o755)).unwrap();
    let mut at = open(&root, "deep");
    for _ in 0..DEPTH {
        mkdirat(&at, "d", Mode::from_raw_mode(0o755)).unwrap();
        at = open(&at, "d");
    }
}

fn looping(dir: &Path) {
    for n in 0..50 {
        let inner = dir.join(format!("loop{n}"));
        fs::create_dir(&inner).unwrap();
        for (name, target) in [("up", ".."), ("self", "."), ("next", "../loop0"), ("ring", "ring")]
        {
            symlink(target, inner.join(name)).unwrap();
        }
    }
}

/// Files that nobody may open: pipes, sockets and devices, where this user can make them.
fn special(dir: &Path) {
    fs::create_dir(dir.join("special")).unwrap();
    for n in 0..200 {
        let pipe = dir.join(format!("special/pipe{n}.rs"));
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        drop(UnixListener::bind(dir.join(format!("special/socket{n}.rs"))).unwrap());
    }
    for (name, minor) in [("zero.rs", "5"), ("full.md", "7"), ("random.py", "8")] {
        let node = dir.join("special").join(name);
        let made = Command::new("mknod").arg(node).args(["c", "1", minor]).output();
        drop(made.unwrap());
    }
}

fn huge(dir: &Path) {
    for n in 0..20_000 {
        let folder = dir.join(format!("many/{}", n / 500));
        if n % 500 == 0 {
            fs::create_dir_all(&folder).unwrap();
        }
        fs::write(folder.join(format!("part{n}.rs")), format!("fn part{n}() {{}}\n")).unwrap();
    }
    write(dir, "wide.rs", &"fn x() {}\n".repeat(200_000));
}

async fn answers(server: &Server) {
    let mut client = server.connect().await;
    client.start().await;
    client.ask("where is find_quokka?").await;
    let frames = client.turn().await;
    let text = text_of(&frames);
    assert!(text.contains("`src/shown.rs:2`"), "{frames:?}");
    let (status, found) = server.get("/api/projects/demo/files?q=shown").await;
    assert_eq!((status, &found["files"][0]["path"]), (200, &"src/shown.rs".into()), "{found}");
}

#[actix::test]
async fn p9_p10_no_tree_hangs_the_reader_or_touches_the_server() {
    for (name, lay) in
        [("deep", deep as fn(&Path)), ("looping", looping), ("special", special), ("huge", huge)]
    {
        let setup = Setup::guide();
        let dir = setup.project_dir();
        write(&dir, "src/shown.rs", "/// Finds the quokka.\npub fn find_quokka() {}\n");
        lay(&dir);
        let server = setup.start();
        let before = resident(server.pid());
        answers(&server).await;
        let grown = resident(server.pid()).saturating_sub(before);
        assert!(grown < GROWTH, "{name}: {} MiB more", grown >> 20);
        // Deeper than the standard library removes.
        assert!(Command::new("rm").arg("-rf").arg(dir.join("deep")).status().unwrap().success());
    }
}

#[actix::test]
async fn p9_p10_a_tree_that_changes_under_the_walk_is_answered_as_it_is() {
    let setup = Setup::guide();
    let dir = setup.project_dir();
    write(&dir, "src/shown.rs", "/// Finds the quokka.\npub fn find_quokka() {}\n");
    let server = setup.start();
    let is_over = Arc::new(AtomicBool::new(false));
    let changes = thread::spawn({
        let (dir, is_over) = (dir.clone(), Arc::clone(&is_over));
        move || change(&dir, &is_over)
    });
    for _ in 0..10 {
        answers(&server).await;
    }
    is_over.store(true, Ordering::Relaxed);
    changes.join().unwrap();
}

/// Makes files, links, and directories in the place of files, and moves and removes them.
fn change(dir: &Path, is_over: &AtomicBool) {
    // Endless changes would leave a loaded machine no time for the answers.
    for n in (0..20_000).take_while(|_| !is_over.load(Ordering::Relaxed)) {
        let [here, there] = [n, n + 1].map(|n| format!("moving{}", n % 7));
        write(dir, &format!("{here}/a{n}.rs"), &format!("fn a{n}() {{}}\n"));
        symlink("../src", dir.join(&here).join(format!("link{n}"))).unwrap();
        drop(fs::remove_dir_all(dir.join(&there)));
        fs::rename(dir.join(&here), dir.join(&there)).unwrap();
        write(dir, &here, "a file in the place of a directory");
        fs::remove_file(dir.join(&here)).unwrap();
    }
}
