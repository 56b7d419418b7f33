//! The reaper: a process that kills leftover process groups after the server's end.
//!
//! Supervisors end by themselves then, but one may have been killed. The reaper reads a pipe from the
//! server. When it closes, for whatever reason, the reaper gives the registered supervisors a moment and
//! then kills their process groups.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process};

use super::launch_args;

/// Time for supervisors to end by themselves.
const GRACE_PERIOD: Duration = Duration::from_secs(1);

/// The server's side: the process and the pipe to it.
#[derive(Debug)]
pub(super) struct Reaper {
    process: Child,
    /// `None` only during the drop.
    pipe: Option<ChildStdin>,
}

impl Reaper {
    /// Starts the reaper in a process group of its own, out of reach of the terminal's signals.
    pub(super) fn start(cicerone: &Path) -> io::Result<Self> {
        let mut process = Command::new(cicerone)
            .args([launch_args::SUBCOMMAND, launch_args::REAPER])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipe = process.stdin.take();
        Ok(Self { process, pipe })
    }

    pub(super) fn add(&mut self, group: Pid) -> io::Result<()> {
        self.send('+', group)
    }

    /// Removes a group that is gone.
    pub(super) fn forget(&mut self, group: Pid) -> io::Result<()> {
        self.send('-', group)
    }

    /// Whether its process was killed.
    pub(super) fn is_gone(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    fn send(&mut self, sign: char, group: Pid) -> io::Result<()> {
        match &mut self.pipe {
            Some(pipe) => writeln!(pipe, "{sign}{}", group.as_raw_nonzero()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.pipe = None;
        if let Err(error) = self.process.wait() {
            log::warn!("cannot wait for the reaper error={error}");
        }
    }
}

/// Runs the reaper: tracks the groups until the pipe closes, then kills those that are left.
pub(crate) fn watch(pipe: impl BufRead) {
    let mut groups = BTreeSet::new();
    for line in pipe.lines().map_while(Result::ok) {
        match parse(&line) {
            Some(('+', group)) => drop(groups.insert(group)),
            Some(('-', group)) => drop(groups.remove(&group)),
            Some(_) | None => (),
        }
    }
    let groups: Vec<Pid> = groups.into_iter().filter_map(Pid::from_raw).collect();
    let since = Instant::now();
    while since.elapsed() < GRACE_PERIOD && groups.iter().any(|pid| test_kill_process(*pid).is_ok())
    {
        thread::sleep(Duration::from_millis(5));
    }
    for group in groups {
        // An error means that the group is gone.
        kill_process_group(group, Signal::KILL).ok();
    }
}

/// Refuses group 1 and below, which would stand for every process.
fn parse(line: &str) -> Option<(char, i32)> {
    let sign = line.chars().next()?;
    let group = line.get(1..)?.parse().ok()?;
    (group > 1).then_some((sign, group))
}
