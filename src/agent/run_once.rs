//! One-off runs of a program in an agent's place, under the same rules and environment.

use std::{
    ffi::OsString,
    future::pending,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use rustix::process::Pid;
use tokio::{io::AsyncReadExt, sync::watch, time::timeout};

use super::{
    invocation::Invocation,
    process::{
        control::ProcessControl,
        disk_quota::{self, DiskQuota},
        spawner::Spawner,
    },
};

/// Most output that is kept, in bytes.
const PRINTED: u64 = 1 << 20; // 1 MiB

/// Time for the supervisor to kill a program that did not end in time.
const LAST_RESORT: Duration = Duration::from_secs(2);

/// The words where a program keeps more on disk than it may.
pub(super) const TOO_LARGE: &str = "it takes too much of the disk";

/// The bounds of a run.
pub(super) struct RunLimits {
    pub time: Duration,
    /// Directories, and what may be in them.
    pub disk: Option<(Vec<PathBuf>, DiskQuota)>,
}

impl From<Duration> for RunLimits {
    fn from(time: Duration) -> Self {
        Self { time, disk: None }
    }
}

/// The result of a program.
pub(super) struct ProgramOutput {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Kills the program when its future is dropped.
struct KillOnDrop(ProcessControl);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// Runs `program` in place of the agent of `invocation`, within `limits`. The error is for a
/// person.
pub(super) async fn run(
    invocation: &Invocation,
    spawner: &Spawner,
    [cicerone, program]: [&Path; 2],
    arguments: &[OsString],
    limits: RunLimits,
) -> Result<ProgramOutput, String> {
    let limit = limits.time;
    let command = invocation.command_for(cicerone, program, arguments)?;
    let mut child = spawner.spawn(command).await.map_err(|error| error.to_string())?;
    let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    let started = KillOnDrop(ProcessControl::new());
    if let Some(group) = group {
        started.0.started(group);
    }
    let (mut out, mut err) = (String::new(), String::new());
    drop(child.stdin.take());
    let pipes = (child.stdout.take(), child.stderr.take());
    let reading = async {
        if let (Some(stdout), Some(stderr)) = pipes {
            let (mut stdout, mut stderr) = (stdout.take(PRINTED), stderr.take(PRINTED));
            tokio::try_join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err))?;
        }
        child.wait().await
    };
    let (_alive, reaped) = watch::channel(false);
    let outgrown = async {
        match limits.disk {
            Some((dirs, most)) => disk_quota::watch(dirs, most, reaped, || ()).await,
            None => pending().await,
        }
    };
    let ended = tokio::select! {
        ended = timeout(limit, reading) => {
            ended.map_err(|_| format!("{program:?} did not end within {limit:?}"))
        }
        _ = outgrown => Err(TOO_LARGE.to_owned()),
    };
    if ended.is_err() {
        started.0.kill();
        if timeout(LAST_RESORT, child.wait()).await.is_err() {
            started.0.kill_group();
        }
    }
    started.0.reaped();
    if let Some(group) = group {
        spawner.forget(group);
    }
    let status = ended?.map_err(|error| format!("{program:?} cannot be read: {error}"))?;
    Ok(ProgramOutput { status, stdout: out, stderr: err })
}
