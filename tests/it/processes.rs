//! What the kernel tells of processes: who started whom, and what they hold.

use std::fs;

/// The agents that a server runs, by process id.
pub fn agents_of(server: u32) -> Vec<u32> {
    let is_agent = |pid: &u32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        // The guard is a child too, and none.
        !String::from_utf8_lossy(&command).contains("--guard") && is_running(*pid)
    };
    let mut agents: Vec<u32> = children_of(server).into_iter().filter(is_agent).collect();
    agents.sort_unstable();
    agents
}

/// The processes that a process has started and that are there.
pub fn children_of(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, ppid)| ppid == parent)).collect()
}

/// Bytes of a process that are in memory.
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z")
}

/// State and parent.
fn stat(pid: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut rest = stat.rsplit(')').next()?.split_whitespace();
    Some((rest.next()?.to_owned(), rest.next()?.parse().ok()?))
}
