//! How much memory an agent takes, its children included, as the kernel tells it in `/proc`.

use std::{fs, path::PathBuf};

/// Processes looked at, at most: an agent has a handful.
const MOST_PROCESSES: usize = 256;

/// Resident memory of a process and all that descend from it, in bytes; `None` when it is gone.
/// Pages that several of them share count for each.
///
/// Reads some small files: not for an async thread.
pub fn resident(pid: u32) -> Option<u64> {
    let mut total = own(pid)?;
    let mut known = vec![pid];
    let mut next = 0;
    while let Some(&parent) = known.get(next) {
        next += 1;
        for child in children(parent) {
            if known.len() < MOST_PROCESSES && !known.contains(&child) {
                total += own(child).unwrap_or(0);
                known.push(child);
            }
        }
    }
    Some(total)
}

fn own(pid: u32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(PathBuf::from(format!("/proc/{pid}/task")));
    let lists =
        threads.into_iter().flatten().flatten().map(|thread| thread.path().join("children"));
    let lists = lists.filter_map(|list| fs::read_to_string(list).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_memory_of_children_counts_too() {
        let alone = resident(std::process::id()).unwrap();
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 60 & read line; kill $!"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while children(shell.id()).is_empty() {
            assert!(std::time::Instant::now() < deadline, "the shell has no child");
            std::thread::yield_now();
        }
        assert!(resident(shell.id()).unwrap() > own(shell.id()).unwrap());
        assert!(resident(std::process::id()).unwrap() > alone);
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert_eq!(resident(shell.id()), None);
    }
}
