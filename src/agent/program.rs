//! The program of an agent on disk: where it is, and which one it is: another may take its place
//! while agents live, as an update does.

use std::{
    collections::HashMap,
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{
    config::settings::{AgentChoice, AgentSettings},
    project::Project,
};

use super::{
    AgentError, AgentSession, Agents, Server, claude,
    directories::Directories,
    invocation::Order,
    once::{self, Printed},
};

/// Time for a program to say something of itself.
const ANSWER: Duration = Duration::from_secs(10);

/// A file of a program as it was when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
}

impl Fingerprint {
    /// The file that `program` leads to; `None` where there is none, as in the middle of an update.
    pub(crate) fn of(program: &Path) -> Option<Self> {
        let file = fs::metadata(program).ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.len(),
            changed: (file.mtime(), file.mtime_nsec()),
        })
    }
}

/// A program that an agent was started from.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    program: PathBuf,
    file: Option<Fingerprint>,
}

impl Started {
    /// The program as it is now.
    pub(crate) fn from(program: &Path) -> Self {
        Self { program: program.to_owned(), file: Fingerprint::of(program) }
    }

    /// Whether another file has taken its place since. Its agents look for parts of it where those
    /// of the other are by now.
    pub(crate) fn is_replaced(&self) -> bool {
        let now = Fingerprint::of(&self.program);
        now.is_some() && self.file.is_some() && now != self.file
    }
}

/// Which programs know [`claude::RESTRICTED`]. Each is asked once.
#[derive(Debug, Default)]
pub(super) struct Restricted(Mutex<HashMap<Fingerprint, bool>>);

impl Agents {
    /// The program that would answer, where it is not this one, and what it says of its version.
    /// It is run confined, as it would be for `project`.
    pub async fn version(&self, project: &Project) -> Result<Option<(PathBuf, String)>, String> {
        let order = self.order(project.clone(), None, AgentSession::New(Uuid::new_v4()));
        let order = order.map_err(|error| error.to_string())?;
        let Some(program) = order.claude.clone() else { return Ok(None) };
        let told = self.ask_program(order, "--version").await?;
        match told.status.success() {
            true => Ok(Some((program, told.stdout.trim().to_owned()))),
            false => Err(format!("{program:?} ended with {}: {}", told.status, told.stderr.trim())),
        }
    }

    /// Whether the program of an order knows [`claude::RESTRICTED`]. It is asked for its options
    /// the first time, and not again before another takes its place.
    pub(super) async fn knows_restricted(&self, order: &Order) -> bool {
        let Some(program) = &order.claude else { return false };
        let Some(file) = Fingerprint::of(program) else { return false };
        let mut known = self.inner.restricted.0.lock().await;
        if let Some(known) = known.get(&file) {
            return *known;
        }
        let trial = self.order(order.project.clone(), None, AgentSession::New(Uuid::new_v4()));
        let Ok(trial) = trial else { return false };
        let told = self.ask_program(trial, "--help").await;
        let knows = match &told {
            Ok(told) => told.stdout.split_whitespace().any(|word| word == claude::RESTRICTED),
            Err(words) => {
                log::warn!("an agent's program does not tell its options: {words}");
                false
            }
        };
        known.insert(file, knows);
        knows
    }

    /// Runs the program of an order with one argument, confined as an agent.
    async fn ask_program(&self, order: Order, argument: &str) -> Result<Printed, String> {
        let program = order.claude.clone().unwrap_or_default();
        let (cicerone, dir) = (order.cicerone.clone(), order.project.dir.clone());
        let leftovers = Directories::new(&self.inner.data_dir).of_start(order.id);
        let prepared = tokio::task::spawn_blocking(|| order.prepare()).await;
        let told = match prepared.map_err(|error| error.to_string())? {
            Ok(invocation) => {
                let paths = [cicerone.as_path(), &dir, &program];
                once::run(&invocation, &self.inner.spawner, paths, &[argument.into()], ANSWER).await
            }
            Err(words) => Err(words),
        };
        Directories::remove(leftovers).await;
        told
    }
}

/// The `claude` program that is to answer; `None` is for the guide.
pub(super) fn find_claude(
    settings: &AgentSettings,
    server: &Server,
) -> Result<Option<PathBuf>, AgentError> {
    if settings.kind == AgentChoice::Guide {
        return Ok(None);
    }
    if let Some(program) = &settings.claude {
        return if is_executable(program) {
            Ok(Some(program.clone()))
        } else {
            Err(AgentError::ProgramUnusable(program.clone()))
        };
    }
    let path = server.environment.iter().find(|(name, _)| name == "PATH");
    let path = path.map_or(OsStr::new(""), |(_, value)| value);
    let found = env::split_paths(path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("claude"))
        .find(|program| is_executable(program));
    match settings.kind {
        AgentChoice::Claude if found.is_none() => Err(AgentError::ClaudeNotFound),
        _ => Ok(found),
    }
}

fn is_executable(program: &Path) -> bool {
    fs::metadata(program)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_replaced_when_another_file_is_at_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let (program, link) = (dir.path().join("claude.exe"), dir.path().join("claude"));
        fs::write(&program, "one").unwrap();
        std::os::unix::fs::symlink(&program, &link).unwrap();
        let started = Started::from(&link);
        assert!(!started.is_replaced());

        // In the middle of an update there is none.
        fs::rename(&program, dir.path().join("old")).unwrap();
        assert!(!started.is_replaced());
        fs::write(&program, "two").unwrap();
        assert!(started.is_replaced());

        let started = Started::from(&link);
        fs::write(&program, "in place").unwrap();
        assert!(started.is_replaced());
        let other = dir.path().join("other");
        fs::write(&other, "three").unwrap();
        let started = Started::from(&link);
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        assert!(started.is_replaced());
        assert!(!Started::from(&dir.path().join("none")).is_replaced());
    }
}
