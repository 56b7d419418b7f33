//! The process that ends what supervisors leave when the server is gone. A supervisor ends its
//! agent by itself then, but somebody may have killed the supervisor. The reaper holds the other
//! end of a pipe: when that closes, for whatever reason, it gives every supervisor that it was told
//! of, and has not been told to forget, a moment, and then kills their process groups.

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

/// Time in which supervisors end by themselves.
const GRACE_PERIOD: Duration = Duration::from_secs(1);

/// The server's end of the pipe.
#[derive(Debug)]
pub(super) struct Reaper {
    process: Child,
    /// `None` only while it is dropped.
    pipe: Option<ChildStdin>,
}

impl Reaper {
    /// Starts the reaper, away from the signals of the server's terminal.
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

    /// Kill this group when the server is gone.
    pub(super) fn add(&mut self, group: Pid) -> io::Result<()> {
        self.tell('+', group)
    }

    /// The group is gone.
    pub(super) fn forget(&mut self, group: Pid) -> io::Result<()> {
        self.tell('-', group)
    }

    /// Whether its process has ended, which it does only when somebody ends it.
    pub(super) fn is_gone(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    fn tell(&mut self, sign: char, group: Pid) -> io::Result<()> {
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
            log::warn!("cannot reap the reaper error={error}");
        }
    }
}

/// The reaper itself: reads what it is told until the pipe closes, then sees to it that nothing is left.
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
        // A group that is gone already is what was wanted.
        kill_process_group(group, Signal::KILL).ok();
    }
}

/// Group 1 and less would mean every process.
fn parse(line: &str) -> Option<(char, i32)> {
    let sign = line.chars().next()?;
    let group = line.get(1..)?.parse().ok()?;
    (group > 1).then_some((sign, group))
}
