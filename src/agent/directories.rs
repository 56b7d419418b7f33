//! The directories of agents below the server's data directory, and whose they are.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

use uuid::Uuid;

use crate::{ids::ConversationId, project::ProjectName};

use super::{process::disk_quota, sandbox::User};

/// The directories of agents below the server's own.
#[derive(Debug)]
pub(super) struct Directories {
    /// All of them.
    pub agents: PathBuf,
    /// System prompts, one file a start.
    pub prompts: PathBuf,
    /// Temporary directories, one a start.
    pub temporary: PathBuf,
    /// Homes of agents that live, one directory a project.
    pub homes: PathBuf,
    /// Transcripts, one directory a project and a conversation.
    pub states: PathBuf,
    /// What stands for projects in self-tests, one directory a test.
    pub self_tests: PathBuf,
}

impl Directories {
    pub(super) fn new(data_dir: &Path) -> Self {
        let agents = data_dir.join("agents");
        Self {
            prompts: agents.join("prompts"),
            temporary: agents.join("tmp"),
            homes: agents.join("homes"),
            states: agents.join("claude"),
            self_tests: agents.join("self-test"),
            agents,
        }
    }

    /// The file and the directory that live as long as the process of one start.
    pub(super) fn of_start(&self, id: Uuid) -> [PathBuf; 2] {
        [self.prompts.join(format!("{id}.md")), self.temporary.join(id.to_string())]
    }

    /// Where the transcripts of a conversation are kept.
    pub(super) fn of_conversation(
        &self,
        project: &ProjectName,
        conversation: ConversationId,
    ) -> PathBuf {
        self.states.join(project.as_str()).join(conversation.to_string())
    }

    /// Removes the file and the directory of a start. They may never have been made.
    pub(super) async fn remove([prompt, temporary]: [PathBuf; 2]) {
        tokio::fs::remove_file(prompt).await.ok();
        let cleared = tokio::task::spawn_blocking(move || disk_quota::clear(&temporary)).await;
        if let Ok(Err(error)) = cleared {
            log::warn!("cannot remove an agent's temporary directory error={error}");
        }
    }

    /// Makes the directories. Where root serves, another user can pass through them: its agents can
    /// be another's.
    pub(super) fn make(&self) -> io::Result<()> {
        let own = [&self.prompts, &self.temporary, &self.homes, &self.states, &self.self_tests];
        own.into_iter().try_for_each(|dir| private_dir(dir))?;
        if own_user().uid != 0 {
            return Ok(());
        }
        let above = self.agents.parent();
        let own = [&self.prompts, &self.temporary, &self.homes, &self.self_tests];
        let own = own.map(PathBuf::as_path).into_iter().chain([&*self.agents]);
        for dir in above.into_iter().chain(own) {
            let mode = fs::metadata(dir)?.permissions().mode();
            if mode & 0o011 != 0o011 {
                fs::set_permissions(dir, fs::Permissions::from_mode(mode | 0o011))?;
            }
        }
        Ok(())
    }
}

/// Who runs this process.
pub(super) fn own_user() -> User {
    use rustix::process::{getegid, geteuid};
    User { uid: geteuid().as_raw(), gid: getegid().as_raw() }
}

pub(super) fn private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// A directory that only `owner` can use.
pub(super) fn owned_dir(dir: &Path, owner: Option<User>) -> io::Result<()> {
    private_dir(dir)?;
    give(dir, owner)
}

/// Writes a file that only `owner` can read. It never follows a link that waits in its place.
pub(super) fn owned_file(path: &Path, text: &str, owner: Option<User>) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    give(path, owner)
}

pub(super) fn give(path: &Path, owner: Option<User>) -> io::Result<()> {
    match owner {
        Some(user) => chown(path, Some(user.uid), Some(user.gid)),
        None => Ok(()),
    }
}
