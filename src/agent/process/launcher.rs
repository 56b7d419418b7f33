//! The launcher `cicerone sandbox-exec`: the steps between the server and an agent.
//!
//! It becomes the agent's supervisor and starts itself once more; that process confines itself and becomes
//! the agent. The server only spawns, which stays cheap however much memory it holds.

use std::{ffi::OsString, io, os::unix::process::CommandExt, process::Command};

use rustix::process::{Resource, Signal};

use super::{
    launch_args::{
        self, CONFINED, END_BY, LaunchTask, LauncherError, OWN_PROGRAM, REAPER, SUBCOMMAND,
    },
    reaper, supervisor,
};
use crate::agent::sandbox::{confine, die_with, lower};

/// Limit of open files for an unconfined agent.
const OPEN_FILES: u64 = 4096;

/// Becomes a supervisor, an agent or the reaper, as `arguments` (after `sandbox-exec`) say. Returns only
/// on failure.
pub fn exec(arguments: impl IntoIterator<Item = OsString>) -> LauncherError {
    let mut arguments = arguments.into_iter().peekable();
    if arguments.next_if(|first| first == REAPER).is_some() {
        reaper::watch(io::stdin().lock());
        std::process::exit(0);
    }
    if arguments.next_if(|first| first == END_BY).is_some() {
        let signal = arguments.next().and_then(|signal| signal.to_str()?.parse().ok());
        supervisor::end_by(signal.unwrap_or_default());
        return LauncherError::Usage;
    }
    let is_agent = arguments.next_if(|first| first == CONFINED).is_some();
    match launch_args::parse(arguments) {
        Some(task) if is_agent => become_agent(task),
        Some(task) => become_supervisor(task),
        None => LauncherError::Usage,
    }
}

fn become_supervisor(task: LaunchTask) -> LauncherError {
    let Ok(options) = launch_args::options(task.profile.as_ref(), None) else {
        return LauncherError::Usage;
    };
    let mut agent = Command::new(OWN_PROGRAM);
    agent.arg0("cicerone").args([SUBCOMMAND, CONFINED]).args(options);
    agent.arg("--").arg(task.program).args(task.arguments);
    supervisor::run(task.parent, task.limits, agent)
}

fn become_agent(task: LaunchTask) -> LauncherError {
    if let Err(error) = prepare(&task) {
        return error;
    }
    let error = Command::new(&task.program).args(task.arguments).exec();
    LauncherError::Exec(task.program, error)
}

fn prepare(task: &LaunchTask) -> Result<(), LauncherError> {
    let Some(profile) = &task.profile else {
        die_with(task.parent, Signal::KILL)?;
        lower(Resource::Core, 0)?;
        return Ok(lower(Resource::Nofile, OPEN_FILES)?);
    };
    for missing in confine(profile, task.parent)?.missing {
        eprintln!("cannot apply {missing}");
    }
    Ok(())
}
