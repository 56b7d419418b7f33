//! Process trees, read from `/proc`. Blocks.

use std::{fs, path::PathBuf};

/// Most processes that are listed; a supervisor kills the rest in the next round.
const MOST: usize = 1 << 16;

/// All descendants of `root`, parents first. Processes that start or end meanwhile may be missed.
pub(crate) fn descendants(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        next += 1;
        for child in children(parent) {
            if found.len() < MOST && !found.contains(&child) {
                found.push(child);
            }
        }
    }
    found.split_off(1)
}

/// The children of a process, including adopted ones.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists: Vec<PathBuf> =
        threads.flatten().map(|thread| thread.path().join("children")).collect();
    let mut found = Vec::new();
    let mut is_listed = false;
    for list in lists.iter().filter_map(|list| fs::read_to_string(list).ok()) {
        is_listed = true;
        found.extend(list.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
    }
    if is_listed { found } else { searched(pid) }
}

/// [`children`] for a kernel without lists of them.
fn searched(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    all.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The process name before it may contain parentheses.
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn children_and_their_children_are_found() {
        let mut shell = Command::new("sh")
            .args(["-c", "sh -c 'sleep 60 & echo $!; wait' & wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let grandchild: u32 = line.trim().parse().unwrap();
        let own = std::process::id();
        for root in [own, shell.id()] {
            assert!(descendants(root).contains(&grandchild), "of {root}");
        }
        assert!(descendants(grandchild).is_empty());
        assert!(searched(own).contains(&shell.id()) && children(own).contains(&shell.id()));
        let parent = children(shell.id())[0];
        shell.kill().unwrap();
        shell.wait().unwrap();
        for pid in [parent, grandchild] {
            let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
        }
    }
}
