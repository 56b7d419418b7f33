//! The agents' directories below the server's data directory, and their owners.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

use uuid::Uuid;

use crate::{ids::ConversationId, project::ProjectName};

use super::{remove_dir::remove_dir_all, sandbox::User};
use crate::git_remote::{AGENTS, REPOSITORIES};

/// Paths of the agents' directories.
#[derive(Debug)]
pub(super) struct Directories {
    /// The parent of all others.
    pub agents: PathBuf,
    /// System prompts, one file per start.
    pub prompts: PathBuf,
    /// Temporary directories, one per start.
    pub temporary: PathBuf,
    /// Homes of running agents, by project.
    pub homes: PathBuf,
    /// Transcripts, by project and conversation.
    pub states: PathBuf,
    /// Kept sessions of agents of the Agent Client Protocol, by project and conversation.
    pub sessions: PathBuf,
    /// Kept indexes of readers, by project.
    pub indexes: PathBuf,
    /// Repositories of projects from git, one directory each.
    pub repositories: PathBuf,
    /// Scratch projects of self-tests, one directory per test.
    pub self_tests: PathBuf,
}

impl Directories {
    pub(super) fn new(data_dir: &Path) -> Self {
        let agents = data_dir.join(AGENTS);
        Self {
            prompts: agents.join("prompts"),
            temporary: agents.join("tmp"),
            homes: agents.join("homes"),
            states: agents.join("claude"),
            sessions: agents.join("acp"),
            indexes: agents.join("indexes"),
            repositories: agents.join(REPOSITORIES),
            self_tests: agents.join("self-test"),
            agents,
        }
    }

    /// The prompt file and the temporary directory of one start.
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

    /// Where the sessions of a conversation are kept.
    pub(super) fn sessions_of(
        &self,
        project: &ProjectName,
        conversation: ConversationId,
    ) -> PathBuf {
        self.sessions.join(project.as_str()).join(conversation.to_string())
    }

    /// Where the reader of a project keeps its index.
    pub(super) fn of_index(&self, project: &ProjectName) -> PathBuf {
        self.indexes.join(project.as_str())
    }

    /// Removes the paths of a start, if they exist.
    pub(super) async fn remove([prompt, temporary]: [PathBuf; 2]) {
        tokio::fs::remove_file(prompt).await.ok();
        let cleared = tokio::task::spawn_blocking(move || remove_dir_all(&temporary)).await;
        if let Ok(Err(error)) = cleared {
            log::warn!("cannot remove an agent's temporary directory error={error}");
        }
    }

    /// Creates the directories. A server that runs as root makes them passable for the user of its agents.
    pub(super) fn make(&self) -> io::Result<()> {
        let own = [&self.prompts, &self.temporary, &self.homes, &self.states, &self.indexes];
        own.into_iter()
            .chain([&self.self_tests, &self.sessions, &self.repositories])
            .try_for_each(|dir| private_dir(dir))?;
        if own_user().uid != 0 {
            return Ok(());
        }
        let above = self.agents.parent();
        let own = [&self.prompts, &self.temporary, &self.homes, &self.indexes, &self.self_tests];
        let own = own.map(PathBuf::as_path).into_iter();
        let own = own.chain([&*self.agents, &*self.repositories]);
        for dir in above.into_iter().chain(own) {
            let mode = fs::metadata(dir)?.permissions().mode();
            if mode & 0o011 != 0o011 {
                fs::set_permissions(dir, fs::Permissions::from_mode(mode | 0o011))?;
            }
        }
        Ok(())
    }
}

/// The user of this process.
pub(super) fn own_user() -> User {
    use rustix::process::{getegid, geteuid};
    User { uid: geteuid().as_raw(), gid: getegid().as_raw() }
}

pub(super) fn private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Creates a directory that only `owner` can use.
pub(super) fn owned_dir(dir: &Path, owner: Option<User>) -> io::Result<()> {
    private_dir(dir)?;
    give(dir, owner)
}

/// Writes a file that only `owner` can read. Never follows a link in its place.
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
