//! The processes that belong to a test, found in `/proc`: what a server has started, by its
//! parents, and what carries the test's directory, in its environment or as its working directory.

use std::{
    fs,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    time::{Duration, Instant},
};

use crate::server::is_alive;

/// A process that should be gone must be within this.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// The processes that live and carry this directory, all that no shell of a person has.
pub fn of(files: &Path) -> Vec<u32> {
    let marker = files.as_os_str().as_bytes();
    let carries = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(marker.len()).any(|bytes| bytes == marker)
            || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|dir| dir.starts_with(files))
    };
    all().into_iter().filter(carries).filter(|pid| is_alive(*pid)).collect()
}

/// The processes that a process has started, and those that they have, and so on.
pub fn below(ancestor: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> =
        all().into_iter().filter_map(|pid| Some((pid, parent_of(pid)?))).collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

/// Waits until nothing that carries the directory and none of the processes lives; gives how long
/// that took. `spared` may live.
pub async fn all_gone(files: &Path, known: &[u32], spared: Option<u32>, when: &str) -> Duration {
    let since = Instant::now();
    loop {
        let mut left = of(files);
        left.extend(known.iter().filter(|pid| is_alive(**pid)));
        left.retain(|pid| Some(*pid) != spared);
        if left.is_empty() {
            return since.elapsed();
        }
        let about: Vec<_> = left.iter().map(|pid| (pid, command_line(*pid))).collect();
        assert!(since.elapsed() < GONE_WITHIN, "{when}, these outlived the server: {about:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a process was started as.
pub fn command_line(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

fn all() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its own name stands in brackets before, and may hold anything.
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}
