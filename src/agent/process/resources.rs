//! Memory and tasks of a process tree, and their limits.

use std::{fs, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use super::tree::descendants;

/// Fastest growth of an agent's memory that is allowed for between two checks, in bytes per second.
const BYTES_A_SECOND: u64 = 4 << 30; // 4 GiB

/// Fastest growth of its number of tasks, per second.
const TASKS_A_SECOND: u64 = 10_000;

/// Shortest and longest time between two checks.
const CHECK_INTERVAL: [Duration; 2] = [Duration::from_millis(25), Duration::from_millis(250)];

/// The resources that processes use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResourceUsage {
    /// Resident and swapped memory in bytes. Shared pages count for each process.
    pub memory: u64,
    /// Processes and threads.
    pub tasks: u64,
}

/// The resources that an agent may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLimits {
    /// Memory in bytes.
    pub memory: u64,
    /// Processes and threads.
    pub tasks: u64,
}

impl ResourceLimits {
    /// Why `usage` is too much, for a person.
    pub fn exceeded(&self, usage: ResourceUsage) -> Option<String> {
        let size = |bytes| ByteSize(bytes).display().iec();
        let (took, key) = if usage.memory > self.memory {
            let (took, most) = (size(usage.memory), size(self.memory));
            (format!("{took} of memory, more than the {most}"), "limits.agent_memory")
        } else if usage.tasks > self.tasks {
            let (took, most) = (usage.tasks, self.tasks);
            (
                format!("{took} processes and threads, more than the {most}"),
                "limits.agent_processes",
            )
        } else {
            return None;
        };
        Some(format!(
            "The agent used {took} that it may ({key}), and was stopped. Its answer so far is kept. \
             Ask again, for less at a time."
        ))
    }

    /// Time until the next check: shorter the sooner the agent could reach its limits.
    pub fn next_check_after(&self, usage: ResourceUsage) -> Duration {
        let memory = self.memory.saturating_sub(usage.memory).saturating_mul(1000) / BYTES_A_SECOND;
        let tasks = self.tasks.saturating_sub(usage.tasks).saturating_mul(1000) / TASKS_A_SECOND;
        let [least, most] = CHECK_INTERVAL;
        Duration::from_millis(memory.min(tasks)).clamp(least, most)
    }
}

/// The usage of all descendants of a process. Blocks.
pub(crate) fn usage_below(root: u32) -> ResourceUsage {
    descendants(root).into_iter().filter_map(own).fold(ResourceUsage::default(), |sum, own| {
        ResourceUsage { memory: sum.memory + own.memory, tasks: sum.tasks + own.tasks }
    })
}

/// Memory of a process and its descendants in bytes; `None` if it is gone. Blocks.
pub(crate) fn resident_bytes(pid: u32) -> Option<u64> {
    Some(own(pid)?.memory + usage_below(pid).memory)
}

/// The usage of one process; a zombie uses nothing.
fn own(pid: u32) -> Option<ResourceUsage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let kibibytes = number("VmRSS:").unwrap_or(0) + number("VmSwap:").unwrap_or(0);
    Some(ResourceUsage { memory: kibibytes << 10, tasks: number("Threads:").unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use std::{
        process::{Command, Stdio},
        time::Instant,
    };

    use super::*;
    use crate::agent::process::tree::children;

    #[test]
    fn the_memory_of_children_counts_too() {
        let alone = resident_bytes(std::process::id()).unwrap();
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 60 & read line; kill $!"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while children(shell.id()).is_empty() {
            assert!(Instant::now() < deadline, "the shell has no child");
            std::thread::yield_now();
        }
        assert!(resident_bytes(shell.id()).unwrap() > own(shell.id()).unwrap().memory);
        assert!(resident_bytes(std::process::id()).unwrap() > alone);
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert_eq!(resident_bytes(shell.id()), None);
    }

    #[test]
    fn p9_what_is_too_much_is_told_in_words_with_the_key_that_says_so() {
        let limits = ResourceLimits { memory: 150 << 20, tasks: 10 };
        for (memory, tasks, words) in [
            (150 << 20, 10, None),
            ((150 << 20) + 1, 10, Some("of memory, more than the 150.0 MiB")),
            (u64::MAX, 11, Some("limits.agent_memory")),
            (0, 11, Some("11 processes and threads, more than the 10")),
            (0, u64::MAX, Some("limits.agent_processes")),
        ] {
            let message = limits.exceeded(ResourceUsage { memory, tasks });
            match words {
                None => assert_eq!(message, None),
                Some(words) => assert!(message.as_ref().unwrap().contains(words), "{message:?}"),
            }
        }
    }

    #[test]
    fn p9_the_less_is_left_the_sooner_it_is_looked_at_again() {
        let limits = ResourceLimits { memory: 4 << 30, tasks: 2000 };
        let [least, most] = CHECK_INTERVAL;
        let after = |memory, tasks| limits.next_check_after(ResourceUsage { memory, tasks });
        assert_eq!(after(0, 6), Duration::from_millis(199));
        assert_eq!(
            ResourceLimits { tasks: u64::MAX, ..limits }.next_check_after(ResourceUsage::default()),
            most
        );
        assert_eq!(after((4 << 30) - (400 << 20), 6), Duration::from_millis(97));
        assert_eq!((after(u64::MAX, 0), after(0, 5000)), (least, least));
    }
}
