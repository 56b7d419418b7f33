//! The step between the server and an agent: `cicerone sandbox-exec` prepares its own process and
//! then becomes the agent. The server itself only spawns, which stays cheap however much memory
//! it holds, and everything that needs a fork's child happens here.
//!
//! In this order: the agent dies with the server, limits on resources, then the agent's program.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt,
    process::Command,
};

use rustix::process::{self, Pid, Resource, Rlimit, Signal};

use super::guard;

/// Name of the hidden subcommand.
pub const SUBCOMMAND: &str = "sandbox-exec";

/// Open files that an agent may have.
const OPEN_FILES: u64 = 4096;

/// Why the launcher did not become the agent.
#[derive(Debug, thiserror::Error)]
pub enum LauncherError {
    /// The command line is not one of ours.
    #[error("usage: cicerone {SUBCOMMAND} --parent PID -- PROGRAM [ARGUMENT…]")]
    Usage,
    /// The server ended before the agent began.
    #[error("the server that asked for the agent is gone")]
    ParentGone,
    /// The kernel refused to confine the process.
    #[error("cannot confine the agent: {0}")]
    Confine(io::Error),
    /// The program did not start.
    #[error("cannot run {0:?}: {1}")]
    Exec(OsString, io::Error),
}

/// The arguments after `cicerone` that start `program` as a child of this process.
pub fn arguments(program: &OsStr, arguments: &[OsString]) -> Vec<OsString> {
    let parent = std::process::id().to_string();
    let lead = [SUBCOMMAND, "--parent", &parent, "--"].map(OsString::from);
    let program = std::iter::once(program.to_owned());
    lead.into_iter().chain(program).chain(arguments.iter().cloned()).collect()
}

/// Becomes the agent, or guards agents to its end. `arguments` are those after `sandbox-exec`.
/// Returns only if that failed.
pub fn exec(arguments: impl IntoIterator<Item = OsString>) -> LauncherError {
    let mut arguments = arguments.into_iter().peekable();
    if arguments.next_if(|first| first == guard::OPTION).is_some() {
        guard::watch(io::stdin().lock());
        std::process::exit(0);
    }
    match parse(arguments) {
        Some((parent, program, rest)) => become_agent(parent, program, rest),
        None => LauncherError::Usage,
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Option<(Pid, OsString, Vec<OsString>)> {
    let mut arguments = arguments.into_iter();
    (arguments.next()? == "--parent").then_some(())?;
    let parent = arguments.next()?.to_str()?.parse().ok()?;
    let parent = Pid::from_raw(parent)?;
    (arguments.next()? == "--").then_some(())?;
    let program = arguments.next()?;
    Some((parent, program, arguments.collect()))
}

fn become_agent(parent: Pid, program: OsString, arguments: Vec<OsString>) -> LauncherError {
    if let Err(error) = die_with(parent) {
        return error;
    }
    if let Err(error) = limit_resources() {
        return LauncherError::Confine(error.into());
    }
    // The sandbox of the kernel belongs here: after everything that needs more rights than the
    // agent is to have, and right before it starts.
    let error = Command::new(&program).args(arguments).exec();
    LauncherError::Exec(program, error)
}

/// The kernel kills this process when the thread that started it ends, so also when the server
/// is killed. A server that ended before this took hold is seen by its changed process id.
fn die_with(parent: Pid) -> Result<(), LauncherError> {
    process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| LauncherError::Confine(error.into()))?;
    if process::getppid() == Some(parent) { Ok(()) } else { Err(LauncherError::ParentGone) }
}

fn limit_resources() -> rustix::io::Result<()> {
    lower(Resource::Core, 0)?;
    lower(Resource::Nofile, OPEN_FILES)
}

/// Lowers both limits to `most`; never raises one.
fn lower(resource: Resource, most: u64) -> rustix::io::Result<()> {
    let now = process::getrlimit(resource);
    let least = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
    process::setrlimit(
        resource,
        Rlimit { current: least(now.current), maximum: least(now.maximum) },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Option<(Pid, OsString, Vec<OsString>)> {
        parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn what_is_asked_for_is_what_is_parsed() {
        let asked = arguments(OsStr::new("prog"), &["--x".into(), "--".into()]);
        let (parent, program, rest) = parse(asked.into_iter().skip(1)).unwrap();
        assert_eq!(parent, process::getpid());
        assert_eq!(program, "prog");
        assert_eq!(rest, ["--x", "--"]);
    }

    #[test]
    fn a_foreign_command_line_is_refused() {
        for bad in [
            &["--parent", "0", "--", "x"][..],
            &["--parent", "x", "--", "x"],
            &["--parent", "1", "x"],
            &["--parent", "1", "--"],
            &["--", "x"],
            &[],
        ] {
            assert!(parsed(bad).is_none(), "{bad:?} was taken");
        }
    }
}
