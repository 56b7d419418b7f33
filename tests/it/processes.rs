//! Processes as `/proc` shows them: parents, memory, and those that belong to a test because its
//! directory is in their environment or is their working directory.

use std::{
    fs,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    time::{Duration, Instant},
};

/// The longest that a process may outlive what should have ended it.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// What the command line of a reader and of its supervisor contains.
const READER: &str = " reader {";

/// How the command lines of what draws and of its supervisor end.
const DRAWER: &str = " draw ";

/// The process ids of a server's agents, sorted. A supervisor without an agent stands for one.
pub fn agents_of(server: u32) -> Vec<u32> {
    confined_children(server, |line| !line.contains(READER) && !line.ends_with(DRAWER))
}

/// The process ids of what draws, as [`agents_of`] gives those of agents.
pub fn drawers_of(server: u32) -> Vec<u32> {
    confined_children(server, |line| line.ends_with(DRAWER))
}

/// The process ids of the readers of projects, as [`agents_of`] gives those of agents.
pub fn readers_of(server: u32) -> Vec<u32> {
    confined_children(server, |line| line.contains(READER))
}

fn confined_children(server: u32, is_wanted: impl Fn(&str) -> bool) -> Vec<u32> {
    // The guard is a child too, but no supervisor.
    let is_supervisor = |pid: &u32| {
        let line = command_line(*pid);
        !line.contains("--guard") && is_wanted(&line) && is_running(*pid)
    };
    let supervisors = children_of(server).into_iter().filter(is_supervisor);
    let mut agents: Vec<u32> = supervisors
        .flat_map(|supervisor| match children_of(supervisor) {
            none if none.is_empty() => vec![supervisor],
            agents => agents.into_iter().filter(|pid| is_running(*pid)).collect(),
        })
        .collect();
    agents.sort_unstable();
    agents
}

/// The living children of a process.
pub fn children_of(parent: u32) -> Vec<u32> {
    let is_child = |pid: &u32| stat(*pid).is_some_and(|(_, ppid)| ppid == parent);
    all().into_iter().filter(is_child).collect()
}

/// The descendants of a process, nearest first.
pub fn below(ancestor: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> =
        all().into_iter().filter_map(|pid| Some((pid, stat(pid)?.1))).collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

/// The running processes that belong to the test with this directory.
pub fn that_carry(files: &Path) -> Vec<u32> {
    let marker = files.as_os_str().as_bytes();
    let carries = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(marker.len()).any(|bytes| bytes == marker)
            || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|dir| dir.starts_with(files))
    };
    all().into_iter().filter(carries).filter(|pid| is_running(*pid)).collect()
}

/// Waits until the processes `known` and all that belong to the test are gone, except the server
/// `spared` and its readers, which no agent's end concerns; returns how long that took.
pub async fn all_gone(files: &Path, known: &[u32], spared: Option<u32>, when: &str) -> Duration {
    let since = Instant::now();
    loop {
        let readers: Vec<u32> = spared
            .into_iter()
            .flat_map(below)
            .filter(|pid| command_line(*pid).contains(READER))
            .collect();
        let is_left =
            |pid: &u32| Some(*pid) != spared && !readers.contains(pid) && is_running(*pid);
        let mut left: Vec<u32> = known.iter().copied().filter(is_left).collect();
        // Reading the environment of every process is slow, so it comes last.
        if left.is_empty() {
            left = that_carry(files).into_iter().filter(is_left).collect();
        }
        if left.is_empty() {
            return since.elapsed();
        }
        let about: Vec<_> = left.iter().map(|pid| (pid, command_line(*pid))).collect();
        assert!(since.elapsed() < GONE_WITHIN, "{when}, these outlived the server: {about:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The command line of a process, its arguments separated by spaces.
pub fn command_line(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

/// The resident memory of a process, bytes.
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn all() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z")
}

/// The state letter and the parent's id.
fn stat(pid: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut rest = stat.rsplit(')').next()?.split_whitespace();
    Some((rest.next()?.to_owned(), rest.next()?.parse().ok()?))
}
