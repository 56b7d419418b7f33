//! The command line of the launcher `cicerone sandbox-exec`.

use std::{
    ffi::{OsStr, OsString},
    io,
};

use rustix::process::Pid;

use super::resources::ResourceLimits;
use crate::agent::sandbox::{ConfineError, Profile};

/// Name of the hidden subcommand.
pub const SUBCOMMAND: &str = "sandbox-exec";

/// The option that makes the launcher become the agent.
pub(super) const CONFINED: &str = "--confined";

/// The option that makes the launcher become the reaper.
pub(super) const REAPER: &str = "--guard";

/// The option that makes the launcher end by a signal, whose number follows.
pub(super) const END_BY: &str = "--end-by";

/// This program, even after its file was replaced.
pub(super) const OWN_PROGRAM: &str = "/proc/self/exe";

/// Why the launcher failed.
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
    /// The supervisor failed.
    #[error("cannot supervise the agent: {0}")]
    Supervise(io::Error),
    /// The program did not start.
    #[error("cannot run {0:?}: {1}")]
    Exec(OsString, io::Error),
}

/// The parsed command line.
pub(super) struct LaunchTask {
    pub parent: Pid,
    pub limits: Option<ResourceLimits>,
    pub profile: Option<Profile>,
    pub program: OsString,
    pub arguments: Vec<OsString>,
}

/// The arguments after `cicerone` that start `program` as a confined grandchild of this process. Fails
/// on paths that are not Unicode.
pub fn arguments(
    program: &OsStr,
    arguments: &[OsString],
    profile: Option<&Profile>,
    limits: ResourceLimits,
) -> serde_json::Result<Vec<OsString>> {
    let mut all: Vec<OsString> = vec![SUBCOMMAND.into()];
    all.extend(options(profile, Some(limits))?);
    all.push("--".into());
    all.push(program.to_owned());
    all.extend(arguments.iter().cloned());
    Ok(all)
}

pub(super) fn options(
    profile: Option<&Profile>,
    limits: Option<ResourceLimits>,
) -> serde_json::Result<Vec<OsString>> {
    let mut all: Vec<OsString> = vec!["--parent".into(), std::process::id().to_string().into()];
    if let Some(limits) = limits {
        all.extend(["--bounds".into(), serde_json::to_string(&limits)?.into()]);
    }
    if let Some(profile) = profile {
        all.extend(["--profile".into(), serde_json::to_string(profile)?.into()]);
    }
    Ok(all)
}

/// Parses the arguments after `sandbox-exec`; `None` if they are malformed.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Option<LaunchTask> {
    let mut arguments = arguments.into_iter();
    (arguments.next()? == "--parent").then_some(())?;
    let parent = arguments.next()?.to_str()?.parse().ok()?;
    let parent = Pid::from_raw(parent)?;
    let mut next = arguments.next()?;
    let (mut limits, mut profile) = (None, None);
    if next == "--bounds" {
        limits = Some(serde_json::from_str(arguments.next()?.to_str()?).ok()?);
        next = arguments.next()?;
    }
    if next == "--profile" {
        profile = Some(serde_json::from_str(arguments.next()?.to_str()?).ok()?);
        next = arguments.next()?;
    }
    (next == "--").then_some(())?;
    let program = arguments.next()?;
    Some(LaunchTask { parent, limits, profile, program, arguments: arguments.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Option<LaunchTask> {
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
        let limits = ResourceLimits { memory: 4, tasks: 5 };
        for profile in [None, Some(profile)] {
            let own = ["--x".into(), "--".into()];
            let asked = arguments(OsStr::new("prog"), &own, profile.as_ref(), limits);
            let task = parse(asked.unwrap().into_iter().skip(1)).unwrap();
            assert_eq!(task.parent, rustix::process::getpid());
            assert_eq!((task.profile, task.limits), (profile, Some(limits)));
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
