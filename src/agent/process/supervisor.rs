//! The supervisor: parent of one agent, which kills all of the agent's descendants at its end.
//!
//! The end comes when the agent exits, exceeds its limits or is stopped, and when the server is gone;
//! the supervisor then exits as the agent did. It is a subreaper and exits only without children, so
//! neither `setsid` nor a double fork escapes it. It lies outside the agent's Landlock domain, so the
//! agent cannot signal it. If it is killed from elsewhere, the agent dies with it, and the rest with the
//! process group, which the seccomp filter lets nobody leave.

use std::{
    fs::File,
    io::{self, Write},
    os::{fd::OwnedFd, unix::process::CommandExt},
    process::Command,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{self, Pid, Resource, Signal, WaitOptions, WaitStatus},
    stdio,
};
use tokio::{
    runtime::Builder,
    signal::unix::{Signal as Stream, SignalKind, signal},
    time::sleep,
};

use super::{
    launch_args::{self, END_BY, LauncherError},
    resources::{ResourceLimits, ResourceUsage, usage_below},
    tree::descendants,
};
use crate::agent::sandbox::{die_with, lower};

/// Makes a supervisor kill everything; SIGTERM is passed on to the agent.
pub(super) const KILL_ALL: Signal = Signal::USR1;

/// The supervisor's exit code when the agent exceeded its limits.
pub(crate) const LIMIT_EXCEEDED: i32 = 75;

/// Begins the last line of its stderr in that case.
const MESSAGE_PREFIX: &str = "cicerone: ";

/// Time to kill everything; then the supervisor kills its own process group.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest pause between two rounds of SIGKILL.
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// How an agent ended.
enum End {
    /// With this status.
    Own(WaitStatus),
    /// It exceeded its limits; the message for a person.
    LimitExceeded(String),
}

/// Starts the agent, waits until nothing of it is left, and exits. Returns only if the agent did not
/// start.
pub(super) fn run(parent: Pid, limits: Option<ResourceLimits>, command: Command) -> LauncherError {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return LauncherError::Supervise(error),
    };
    match runtime.block_on(supervise(parent, limits, command)) {
        Ok((End::LimitExceeded(words), stderr)) => {
            writeln!(File::from(stderr), "{MESSAGE_PREFIX}{words}").ok();
            std::process::exit(LIMIT_EXCEEDED)
        }
        Ok((End::Own(status), _)) => end_like(status),
        Err(error) => error,
    }
}

/// Makes a supervisor kill its agent at once.
pub(super) fn kill_all(supervisor: &tokio::process::Child) {
    if let Some(pid) = supervisor.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
        // An error means that it is gone.
        process::kill_process(pid, KILL_ALL).ok();
    }
}

/// The supervisor's message about an agent that exceeded its limits.
pub(in crate::agent) fn limit_message(exit_code: Option<i32>, stderr: &str) -> Option<&str> {
    let last = stderr.trim_end().lines().next_back().filter(|_| exit_code == Some(LIMIT_EXCEEDED));
    last?.strip_prefix(MESSAGE_PREFIX)
}

/// The signals that it handles. Those that a terminal sends to the whole group are left to the server.
struct Signals {
    child_ended: Stream,
    terminate: Stream,
    end_all: Stream,
    _ignored: [Stream; 3],
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            child_ended: signal(SignalKind::child())?,
            terminate: signal(SignalKind::terminate())?,
            end_all: signal(SignalKind::user_defined1())?,
            _ignored: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::hangup())?,
                signal(SignalKind::quit())?,
            ],
        })
    }
}

async fn supervise(
    parent: Pid,
    limits: Option<ResourceLimits>,
    mut command: Command,
) -> Result<(End, OwnedFd), LauncherError> {
    let mut signals = Signals::listen().map_err(LauncherError::Supervise)?;
    process::set_child_subreaper(Some(process::getpid()))?;
    die_with(parent, KILL_ALL)?;
    lower(Resource::Core, 0)?;
    let started = command.spawn();
    let started =
        started.map_err(|error| LauncherError::Exec(command.get_program().to_owned(), error))?;
    let mut tree = AgentTree { leader: Pid::from_child(&started), status: None };
    let stderr = leave_pipes()?;
    let own = std::process::id();
    let mut next_check = Duration::ZERO;
    let mut excess = None;
    while tree.status.is_none() {
        tokio::select! {
            _ = signals.child_ended.recv() => drop(tree.reap()?),
            _ = signals.terminate.recv() => send(Signal::TERM),
            _ = signals.end_all.recv() => break,
            () = sleep(next_check), if limits.is_some() => if let Some(limits) = limits {
                let usage: ResourceUsage = usage_below(own);
                next_check = limits.next_check_after(usage);
                excess = limits.exceeded(usage);
                if excess.is_some() {
                    break;
                }
            }
        }
    }
    tree.end().await?;
    let end = match (excess, tree.status) {
        (Some(words), _) => End::LimitExceeded(words),
        (None, Some(status)) => End::Own(status),
        (None, None) => return Err(Errno::CHILD.into()),
    };
    Ok((end, stderr))
}

/// Closes the inherited pipes, so the server sees when the agent closes them. Returns the stderr for
/// the last message.
fn leave_pipes() -> Result<OwnedFd, LauncherError> {
    let stderr = rustix::io::fcntl_dupfd_cloexec(io::stderr(), 3)?;
    let null = File::options().read(true).write(true).open("/dev/null");
    let null = null.map_err(LauncherError::Supervise)?;
    stdio::dup2_stdin(&null)?;
    stdio::dup2_stdout(&null)?;
    stdio::dup2_stderr(&null)?;
    Ok(stderr)
}

/// The agent and its descendants.
struct AgentTree {
    leader: Pid,
    /// The agent's own exit status.
    status: Option<WaitStatus>,
}

impl AgentTree {
    /// Reaps what has ended. Returns whether anything is left.
    fn reap(&mut self) -> Result<bool, Errno> {
        loop {
            match process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.leader => self.status = Some(status),
                Ok(Some(_)) | Err(Errno::INTR) => (),
                Ok(None) => return Ok(true),
                Err(Errno::CHILD) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// Kills in rounds until nothing is left: a process forked during one round is killed in the next.
    async fn end(&mut self) -> Result<(), Errno> {
        let since = Instant::now();
        let mut pause = Duration::from_millis(1);
        while self.reap()? {
            send(Signal::KILL);
            let leads_group = process::getpgrp() == process::getpid();
            if since.elapsed() > KILL_TIMEOUT && leads_group {
                process::kill_current_process_group(Signal::KILL)?;
            }
            sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
        Ok(())
    }
}

/// Signals all descendants of this process. An id is not reused in the moment since it was listed:
/// the kernel assigns ids in turn.
fn send(signal: Signal) {
    let all = descendants(std::process::id()).into_iter();
    for pid in all.filter_map(|pid| Pid::from_raw(pid.try_into().ok()?)) {
        // An error means that it is gone.
        process::kill_process(pid, signal).ok();
    }
}

/// Exits as another process did; with a shell's code if the signal does not end this process.
fn end_like(status: WaitStatus) -> ! {
    let Some(signal) = status.terminating_signal() else {
        std::process::exit(status.exit_status().unwrap_or(1))
    };
    end_by(signal);
    // This process handles the signal; a program that has just started does not.
    let arguments = [launch_args::SUBCOMMAND.into(), END_BY.to_owned(), signal.to_string()];
    // Returns only on failure, which nobody is left to report to.
    drop(Command::new(launch_args::OWN_PROGRAM).args(arguments).exec());
    std::process::exit(128 + signal)
}

/// Signals this process; returns if that does not end it.
pub(super) fn end_by(signal: i32) {
    // The first signal of a fault goes to the handler that detects stack overflows.
    for signal in [signal; 2].into_iter().filter_map(Signal::from_named_raw) {
        process::kill_process(process::getpid(), signal).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_supervisor_tells_that_too_much_was_taken() {
        let words = "noise\ncicerone: The agent took too much.\n";
        let told = limit_message(Some(LIMIT_EXCEEDED), words);
        assert_eq!(told, Some("The agent took too much."));
        assert_eq!(limit_message(Some(1), words), None);
        assert_eq!(limit_message(None, words), None);
        assert_eq!(limit_message(Some(LIMIT_EXCEEDED), "cicerone: x\nlater"), None);
        assert_eq!(limit_message(Some(LIMIT_EXCEEDED), ""), None);
    }
}
