//! The step between the server and an agent: `cicerone sandbox-exec` confines its own process and
//! then becomes the agent. The server itself only spawns, which stays cheap however much memory
//! it holds, and everything that needs a fork's child happens here.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt,
    process::Command,
};

use rustix::process::{Pid, Resource};

use super::{
    guard,
    sandbox::{ConfineError, Profile, confine, die_with, lower},
};

/// Name of the hidden subcommand.
pub const SUBCOMMAND: &str = "sandbox-exec";

/// Open files of an agent that is not confined.
const OPEN_FILES: u64 = 4096;

/// Why the launcher did not become the agent.
#[derive(Debug, thiserror::Error)]
pub enum LauncherError {
    /// The command line is not one of ours.
    #[error("usage: cicerone {SUBCOMMAND} --parent PID [--profile JSON] -- PROGRAM [ARGUMENT…]")]
    Usage,
    /// The process cannot be confined.
    #[error(transparent)]
    Confine(#[from] ConfineError),
    /// The kernel refused a limit.
    #[error("cannot limit the agent: {0}")]
    Limit(#[from] rustix::io::Errno),
    /// The program did not start.
    #[error("cannot run {0:?}: {1}")]
    Exec(OsString, io::Error),
}

/// What the launcher is told.
struct Task {
    parent: Pid,
    profile: Option<Profile>,
    program: OsString,
    arguments: Vec<OsString>,
}

/// The arguments after `cicerone` that start `program` as a child of this process, confined as
/// `profile` says. It fails on paths that are no Unicode.
pub fn arguments(
    program: &OsStr,
    arguments: &[OsString],
    profile: Option<&Profile>,
) -> serde_json::Result<Vec<OsString>> {
    let parent = std::process::id().to_string();
    let mut all: Vec<OsString> = [SUBCOMMAND, "--parent", &parent].map(OsString::from).into();
    if let Some(profile) = profile {
        all.push("--profile".into());
        all.push(serde_json::to_string(profile)?.into());
    }
    all.push("--".into());
    all.push(program.to_owned());
    all.extend(arguments.iter().cloned());
    Ok(all)
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
        Some(task) => become_agent(task),
        None => LauncherError::Usage,
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Option<Task> {
    let mut arguments = arguments.into_iter();
    (arguments.next()? == "--parent").then_some(())?;
    let parent = arguments.next()?.to_str()?.parse().ok()?;
    let parent = Pid::from_raw(parent)?;
    let mut next = arguments.next()?;
    let mut profile = None;
    if next == "--profile" {
        profile = Some(serde_json::from_str(arguments.next()?.to_str()?).ok()?);
        next = arguments.next()?;
    }
    (next == "--").then_some(())?;
    let program = arguments.next()?;
    Some(Task { parent, profile, program, arguments: arguments.collect() })
}

fn become_agent(task: Task) -> LauncherError {
    if let Err(error) = prepare(&task) {
        return error;
    }
    let error = Command::new(&task.program).args(task.arguments).exec();
    LauncherError::Exec(task.program, error)
}

fn prepare(task: &Task) -> Result<(), LauncherError> {
    let Some(profile) = &task.profile else {
        die_with(task.parent)?;
        lower(Resource::Core, 0)?;
        return Ok(lower(Resource::Nofile, OPEN_FILES)?);
    };
    for missing in confine(profile, task.parent)?.missing {
        eprintln!("this kernel cannot forbid {missing}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Option<Task> {
        parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn what_is_asked_for_is_what_is_parsed() {
        let profile = Profile {
            strict: true,
            read: vec!["/a b\"".into()],
            run: Vec::new(),
            write: Vec::new(),
            ports: vec![443],
            user: None,
            open_files: 1,
            file_bytes: 2,
            processes: 3,
        };
        for profile in [None, Some(profile)] {
            let asked =
                arguments(OsStr::new("prog"), &["--x".into(), "--".into()], profile.as_ref());
            let task = parse(asked.unwrap().into_iter().skip(1)).unwrap();
            assert_eq!(task.parent, rustix::process::getpid());
            assert_eq!(task.profile, profile);
            assert_eq!(task.program, "prog");
            assert_eq!(task.arguments, ["--x", "--"]);
        }
    }

    #[test]
    fn a_foreign_command_line_is_refused() {
        for bad in [
            &["--parent", "0", "--", "x"][..],
            &["--parent", "x", "--", "x"],
            &["--parent", "1", "x"],
            &["--parent", "1", "--profile", "{}", "--", "x"],
            &["--parent", "1", "--"],
            &["--", "x"],
            &[],
        ] {
            assert!(parsed(bad).is_none(), "{bad:?} was taken");
        }
    }
}
