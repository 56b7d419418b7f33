//! The steps between the server and an agent. `cicerone sandbox-exec` becomes the agent's
//! supervisor and starts itself once more, and that one confines its own process and then becomes
//! the agent. The server itself only spawns, which stays cheap however much memory it holds.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt,
    process::Command,
};

use rustix::process::{Pid, Resource, Signal};

use super::{
    guard,
    memory::Bounds,
    sandbox::{ConfineError, Profile, confine, die_with, lower},
    supervisor,
};

/// Name of the hidden subcommand.
pub const SUBCOMMAND: &str = "sandbox-exec";

/// The option of the launcher that makes it the agent itself.
const CONFINED: &str = "--confined";

/// This program, also when another one has taken its place on the disk.
pub(super) const OWN_PROGRAM: &str = "/proc/self/exe";

/// Open files of an agent that is not confined.
const OPEN_FILES: u64 = 4096;

/// Why the launcher did not become the agent.
#[derive(Debug, thiserror::Error)]
pub enum LauncherError {
    /// The command line is not one of ours.
    #[error(
        "usage: cicerone {SUBCOMMAND} --parent PID [--bounds JSON] [--profile JSON] -- PROGRAM \
         [ARGUMENT…]"
    )]
    Usage,
    /// The process cannot be confined.
    #[error(transparent)]
    Confine(#[from] ConfineError),
    /// The kernel refused a limit.
    #[error("cannot limit the agent: {0}")]
    Limit(#[from] rustix::io::Errno),
    /// The agent cannot be watched over.
    #[error("cannot supervise the agent: {0}")]
    Supervise(io::Error),
    /// The program did not start.
    #[error("cannot run {0:?}: {1}")]
    Exec(OsString, io::Error),
}

/// What the launcher is told.
struct Task {
    parent: Pid,
    bounds: Option<Bounds>,
    profile: Option<Profile>,
    program: OsString,
    arguments: Vec<OsString>,
}

/// The arguments after `cicerone` that start `program` as a grandchild of this process, confined
/// as `profile` says. It fails on paths that are no Unicode.
pub fn arguments(
    program: &OsStr,
    arguments: &[OsString],
    profile: Option<&Profile>,
    bounds: Bounds,
) -> serde_json::Result<Vec<OsString>> {
    let mut all: Vec<OsString> = vec![SUBCOMMAND.into()];
    all.extend(options(profile, Some(bounds))?);
    all.push("--".into());
    all.push(program.to_owned());
    all.extend(arguments.iter().cloned());
    Ok(all)
}

fn options(profile: Option<&Profile>, bounds: Option<Bounds>) -> serde_json::Result<Vec<OsString>> {
    let mut all: Vec<OsString> = vec!["--parent".into(), std::process::id().to_string().into()];
    if let Some(bounds) = bounds {
        all.extend(["--bounds".into(), serde_json::to_string(&bounds)?.into()]);
    }
    if let Some(profile) = profile {
        all.extend(["--profile".into(), serde_json::to_string(profile)?.into()]);
    }
    Ok(all)
}

/// Becomes an agent's supervisor, the agent itself, or the guard of all of them to its end.
/// `arguments` are those after `sandbox-exec`. Returns only if that failed.
pub fn exec(arguments: impl IntoIterator<Item = OsString>) -> LauncherError {
    let mut arguments = arguments.into_iter().peekable();
    if arguments.next_if(|first| first == guard::OPTION).is_some() {
        guard::watch(io::stdin().lock());
        std::process::exit(0);
    }
    if arguments.next_if(|first| first == supervisor::END_BY).is_some() {
        let signal = arguments.next().and_then(|signal| signal.to_str()?.parse().ok());
        supervisor::end_by(signal.unwrap_or_default());
        return LauncherError::Usage;
    }
    let is_agent = arguments.next_if(|first| first == CONFINED).is_some();
    match parse(arguments) {
        Some(task) if is_agent => become_agent(task),
        Some(task) => become_supervisor(task),
        None => LauncherError::Usage,
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Option<Task> {
    let mut arguments = arguments.into_iter();
    (arguments.next()? == "--parent").then_some(())?;
    let parent = arguments.next()?.to_str()?.parse().ok()?;
    let parent = Pid::from_raw(parent)?;
    let mut next = arguments.next()?;
    let (mut bounds, mut profile) = (None, None);
    if next == "--bounds" {
        bounds = Some(serde_json::from_str(arguments.next()?.to_str()?).ok()?);
        next = arguments.next()?;
    }
    if next == "--profile" {
        profile = Some(serde_json::from_str(arguments.next()?.to_str()?).ok()?);
        next = arguments.next()?;
    }
    (next == "--").then_some(())?;
    let program = arguments.next()?;
    Some(Task { parent, bounds, profile, program, arguments: arguments.collect() })
}

fn become_supervisor(task: Task) -> LauncherError {
    let Ok(options) = options(task.profile.as_ref(), None) else { return LauncherError::Usage };
    let mut agent = Command::new(OWN_PROGRAM);
    agent.arg0("cicerone").args([SUBCOMMAND, CONFINED]).args(options);
    agent.arg("--").arg(task.program).args(task.arguments);
    supervisor::run(task.parent, task.bounds, agent)
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
        die_with(task.parent, Signal::KILL)?;
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
            ports: vec![443],
            open_files: 1,
            file_bytes: 2,
            processes: 3,
            ..Profile::default()
        };
        let bounds = Bounds { memory: 4, tasks: 5 };
        for profile in [None, Some(profile)] {
            let own = ["--x".into(), "--".into()];
            let asked = arguments(OsStr::new("prog"), &own, profile.as_ref(), bounds);
            let task = parse(asked.unwrap().into_iter().skip(1)).unwrap();
            assert_eq!(task.parent, rustix::process::getpid());
            assert_eq!((task.profile, task.bounds), (profile, Some(bounds)));
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
            &["--parent", "1", "--bounds", "{}", "--", "x"],
            &["--parent", "1", "--"],
            &["--", "x"],
            &[],
        ] {
            assert!(parsed(bad).is_none(), "{bad:?} was taken");
        }
    }
}
