//! Compares the limits with the memory and the cores of the machine, or of the control group.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use bytesize::ByteSize;

use crate::config::settings::{
    Settings,
    agents::{AgentConfig, NamedAgent},
};

use super::Check;

/// Memory of the server itself and of the readers of some projects, in bytes.
const SERVER: u64 = 128 << 20; // 128 MiB

/// Memory that this process may use, and what sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Memory {
    bytes: u64,
    is_of_group: bool,
}

pub(super) fn check(settings: &Settings) -> Check {
    const ABOUT: &str = "memory";
    let memory = memory(Path::new("/proc"), Path::new("/sys/fs/cgroup"));
    let Some(memory) = memory else {
        return Check::warn(ABOUT, "cannot determine the memory of this machine");
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (need, kind) = need(settings.limits.agents, &settings.agent.named);
    let size = |bytes| ByteSize(bytes).display().iec();
    let whose = if memory.is_of_group { "this control group" } else { "this machine" };
    let text = format!(
        "{whose} has {}, and {cores} cores; {} agents (limits.agents) need {} if {kind}",
        size(memory.bytes),
        settings.limits.agents,
        size(need)
    );
    match need <= memory.bytes {
        true => Check::ok(ABOUT, text),
        false => {
            let fit = memory.bytes.saturating_sub(SERVER) / usual(&settings.agent.named).0;
            let mend = format!("lower limits.agents to {} or add memory", fit.max(1));
            Check::warn(ABOUT, format!("{text}: {mend}"))
        }
    }
}

/// What the server and so many of the largest agents need, in bytes, and which ones those are.
fn need(agents: usize, named: &[NamedAgent]) -> (u64, &'static str) {
    let (each, kind) = usual(named);
    (SERVER.saturating_add(each.saturating_mul(agents as u64)), kind)
}

/// The memory of the largest agent that can be chosen, in bytes.
fn usual(named: &[NamedAgent]) -> (u64, &'static str) {
    let of = |agent: &NamedAgent| match agent.config {
        AgentConfig::Acp(_) => (500 << 20, "all of them are programs of kind acp"),
        AgentConfig::Claude(_) => (180 << 20, "all of them are Claude Code"),
        _ => (10 << 20, "all of them are busy"),
    };
    named.iter().map(of).max().unwrap_or((10 << 20, "all of them are busy"))
}

/// The machine's memory, or less where a control group (version 2) has less.
fn memory(proc: &Path, groups: &Path) -> Option<Memory> {
    let machine = of_machine(&fs::read_to_string(proc.join("meminfo")).ok()?)?;
    let group = fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
    let group = of_group(&group, groups).filter(|bytes| *bytes < machine);
    Some(Memory { bytes: group.unwrap_or(machine), is_of_group: group.is_some() })
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn of_machine(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The lowest limit of the group of `/proc/self/cgroup` and of those around it, in bytes.
fn of_group(cgroup: &str, groups: &Path) -> Option<u64> {
    let own = cgroup.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let own: PathBuf = groups.join(own);
    let around = own.ancestors().take_while(|dir| dir.starts_with(groups));
    let limit = |dir: &Path| fs::read_to_string(dir.join("memory.max")).ok()?.trim().parse().ok();
    around.filter_map(limit).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_of_the_limits_of_machine_and_groups_counts() {
        let dir = tempfile::tempdir().unwrap();
        let (proc, groups) = (dir.path().join("proc"), dir.path().join("groups"));
        let write = |path: &Path, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(memory(&proc, &groups), None);
        write(&proc.join("meminfo"), "MemTotal:        2000 kB\nMemFree: 1 kB\n");
        let machine = Memory { bytes: 2_048_000, is_of_group: false };
        assert_eq!(memory(&proc, &groups), Some(machine));
        write(&proc.join("self/cgroup"), "0::/a/b\n");
        write(&groups.join("a/b/memory.max"), "max\n");
        assert_eq!(memory(&proc, &groups), Some(machine));
        write(&groups.join("a/memory.max"), "1000\n");
        assert_eq!(memory(&proc, &groups), Some(Memory { bytes: 1000, is_of_group: true }));
        write(&groups.join("a/b/memory.max"), "9000\n");
        assert_eq!(memory(&proc, &groups).unwrap().bytes, 1000);
    }

    #[test]
    fn agents_need_as_much_as_the_largest_that_can_be_chosen() {
        let named = NamedAgent::built_in();
        assert_eq!(need(2, &named).0, SERVER + 2 * (180 << 20));
        assert_eq!(need(2, &named[1..]).0, SERVER + 2 * (10 << 20));
    }
}
