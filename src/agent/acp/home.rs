//! The home of an agent of the Agent Client Protocol: a directory created for each start and removed at
//! its end. The directories of its sessions alone survive, out of every agent's reach.

use std::{
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, renameat};
use uuid::Uuid;

use super::{recipe::Recipe, recipes::RECIPES};
use crate::{
    agent::{
        claude::home::{open_dir, passable_dir},
        directories::{Directories, owned_dir, owned_file, private_dir},
        sandbox::User,
    },
    ids::ConversationId,
    project::ProjectName,
};

/// Ends the names of homes, which tells them from those of Claude Code.
const SUFFIX: &str = ".acp";

/// File with the agent's own id of its session, in the directory of what is kept of it.
const SESSION_FILE: &str = "session";

/// Longest id of a session, in bytes.
const MAX_ID: usize = 4096;

/// A home, and where its session is kept.
#[derive(Debug, Clone)]
pub(in crate::agent) struct AcpHome {
    dir: PathBuf,
    /// What is kept of the session; `None` keeps nothing.
    kept: Option<PathBuf>,
    /// Directories in the home that are kept.
    paths: Vec<&'static str>,
    /// Directory to move the home to if it cannot be removed.
    discarded: PathBuf,
}

impl AcpHome {
    /// The home of a conversation's agent.
    pub(super) fn of(
        place: &Directories,
        project: &ProjectName,
        conversation: ConversationId,
        session: Uuid,
        recipe: &Recipe,
    ) -> Self {
        let name = format!("{conversation}.{session}{SUFFIX}");
        let kept = place.sessions_of(project, conversation).join(session.to_string());
        Self {
            dir: place.homes.join(project.as_str()).join(name),
            kept: (!recipe.kept.is_empty()).then_some(kept),
            paths: recipe.kept.to_vec(),
            discarded: place.temporary.clone(),
        }
    }

    /// A throw-away home in the temporary directory of a start.
    pub(super) fn passing(place: &Directories, temporary: &Path) -> Self {
        let discarded = place.temporary.clone();
        Self { dir: temporary.join("home"), kept: None, paths: Vec::new(), discarded }
    }

    /// The homes left by a killed server.
    pub(in crate::agent) fn left(place: &Directories) -> Vec<Self> {
        let dirs = |dir: &Path| fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
        let homes = dirs(&place.homes).flat_map(|project| {
            let name = project.file_name();
            dirs(&project.path()).map(|home| (name.clone(), home)).collect::<Vec<_>>()
        });
        let homes = homes.filter_map(|(project, home)| {
            let name = home.file_name();
            let (conversation, session) = name.to_str()?.strip_suffix(SUFFIX)?.split_once('.')?;
            let conversation: ConversationId = conversation.parse().ok()?;
            let session: Uuid = session.parse().ok()?;
            let above = place.sessions.join(project).join(conversation.to_string());
            Some(Self {
                dir: home.path(),
                kept: Some(above.join(session.to_string())),
                paths: RECIPES.iter().flat_map(|recipe| recipe.kept).copied().collect(),
                discarded: place.temporary.clone(),
            })
        });
        homes.collect()
    }

    pub(in crate::agent) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file for the agent's own id of its session, if that is kept.
    pub(super) fn session_file(&self) -> Option<PathBuf> {
        self.kept.as_ref().map(|kept| kept.join(SESSION_FILE))
    }

    /// Creates the home of an agent that runs as `owner`, with these files, after removing leftovers.
    /// Returns the agent's own id of the session if it `resumes` one that was kept.
    pub(super) fn make(
        &self,
        resumes: bool,
        files: &[(&str, String)],
        owner: Option<User>,
    ) -> io::Result<Option<String>> {
        self.close();
        if let Some(above) = self.dir.parent() {
            passable_dir(above)?;
        }
        // Fails if it exists: an agent must not start in another's leftovers.
        fs::create_dir(&self.dir)?;
        owned_dir(&self.dir, owner)?;
        let session = if resumes { self.bring_session(owner)? } else { None };
        if session.is_none() {
            self.forget();
        }
        if let Some(kept) = &self.kept {
            private_dir(kept)?;
        }
        for (path, text) in files {
            let path = Path::new(path);
            self.make_dirs(path.parent().unwrap_or(Path::new("")), owner)?;
            owned_file(&self.dir.join(path), text, owner)?;
        }
        Ok(session)
    }

    /// Keeps the session and removes the home, after the agent's end.
    pub(in crate::agent) fn close(&self) {
        if !self.dir.exists() {
            return;
        }
        self.keep_session();
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            log::warn!("cannot remove an agent's home dir={:?} error={error}", self.dir);
            let aside = self.discarded.join(Uuid::new_v4().to_string());
            if let Err(error) = fs::rename(&self.dir, aside) {
                log::error!("cannot put it aside either dir={:?} error={error}", self.dir);
            }
        }
    }

    /// Moves the kept directories into the new home.
    fn bring_session(&self, owner: Option<User>) -> io::Result<Option<String>> {
        let Some(kept) = &self.kept else { return Ok(None) };
        let Ok(id) = fs::read_to_string(kept.join(SESSION_FILE)) else { return Ok(None) };
        for path in &self.paths {
            let from = kept.join(kept_name(path));
            if !from.is_dir() {
                continue;
            }
            let path = Path::new(path);
            self.make_dirs(path.parent().unwrap_or(Path::new("")), owner)?;
            fs::rename(from, self.dir.join(path))?;
        }
        Ok(Some(id).filter(|id| !id.is_empty() && id.len() <= MAX_ID))
    }

    /// Moves the directories of the session out of the home, whose content is not trusted.
    fn keep_session(&self) {
        let Some(kept) = self.kept.as_ref().filter(|kept| kept.join(SESSION_FILE).is_file()) else {
            return self.forget();
        };
        for path in &self.paths {
            let Some((above, name)) = self.open_above(path) else { continue };
            if open_dir(&above, name).is_err() {
                continue;
            }
            if let Err(error) = renameat(&above, name, CWD, kept.join(kept_name(path))) {
                log::warn!("cannot keep an agent's session home={:?} error={error}", self.dir);
            }
        }
    }

    /// Opens the directory above a kept one, following no links.
    fn open_above<'a>(&self, path: &'a str) -> Option<(OwnedFd, &'a str)> {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut dir = open_dir(CWD, &self.dir).ok()?;
        for part in above.split('/').filter(|part| !part.is_empty()) {
            dir = open_dir(&dir, part).ok()?;
        }
        Some((dir, name))
    }

    /// Makes the directories of a path in the home that nobody has used yet.
    fn make_dirs(&self, path: &Path, owner: Option<User>) -> io::Result<()> {
        let mut dir = self.dir.clone();
        for part in path.components() {
            dir.push(part);
            owned_dir(&dir, owner)?;
        }
        Ok(())
    }

    /// Removes what is kept of the conversation's sessions.
    fn forget(&self) {
        if let Some(above) = self.kept.as_deref().and_then(Path::parent) {
            crate::agent::claude::home::forget(above);
        }
    }
}

/// The name of a kept directory among what is kept.
fn kept_name(path: &str) -> String {
    path.replace('/', "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(base: &Path, session: Uuid) -> AcpHome {
        let place = Directories::new(base);
        place.make().unwrap();
        let recipe = Recipe::of(&["claude-agent-acp".to_owned()]);
        AcpHome::of(&place, &ProjectName::mend("shop"), ConversationId(7), session, recipe)
    }

    fn speak(home: &AcpHome, id: &str) {
        fs::write(home.session_file().unwrap(), id).unwrap();
        fs::create_dir_all(home.dir().join(".claude/projects/p")).unwrap();
        fs::write(home.dir().join(".claude/projects/p/s.jsonl"), "said").unwrap();
        fs::write(home.dir().join(".claude/settings.json"), "planted").unwrap();
    }

    #[test]
    fn a_session_survives_and_nothing_else_of_the_home_does() {
        let base = tempfile::tempdir().unwrap();
        let first = home(base.path(), Uuid::from_u128(1));
        assert_eq!(first.make(false, &[("a/b.json", "{}".to_owned())], None).unwrap(), None);
        assert_eq!(fs::read_to_string(first.dir().join("a/b.json")).unwrap(), "{}");
        speak(&first, "ses_1");
        first.close();
        assert!(!first.dir().exists());

        assert_eq!(first.make(true, &[], None).unwrap().as_deref(), Some("ses_1"));
        let said = first.dir().join(".claude/projects/p/s.jsonl");
        assert_eq!(fs::read_to_string(&said).unwrap(), "said");
        assert!(!first.dir().join(".claude/settings.json").exists());
        // A server that was killed finds it and keeps it as well.
        AcpHome::left(&Directories::new(base.path())).iter().for_each(AcpHome::close);
        assert!(!first.dir().exists());
        assert_eq!(first.make(true, &[], None).unwrap().as_deref(), Some("ses_1"));
        assert!(said.exists());
        first.close();

        // A new session of the conversation ends the earlier ones.
        let second = home(base.path(), Uuid::from_u128(2));
        second.make(false, &[], None).unwrap();
        second.close();
        assert_eq!(first.make(true, &[], None).unwrap(), None);
    }

    #[test]
    fn a_link_in_the_home_leads_nowhere() {
        let base = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        fs::create_dir(other.path().join("projects")).unwrap();
        for (link, to) in [
            (".claude", other.path().to_owned()),
            (".claude/projects", other.path().join("projects")),
        ] {
            let home = home(base.path(), Uuid::from_u128(1));
            home.make(false, &[], None).unwrap();
            fs::write(home.session_file().unwrap(), "ses_1").unwrap();
            fs::create_dir_all(home.dir().join(link).parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(to, home.dir().join(link)).unwrap();
            home.close();
            assert!(other.path().join("projects").is_dir(), "{link}");
        }
    }

    #[test]
    fn a_session_of_another_agent_is_not_resumed() {
        let base = tempfile::tempdir().unwrap();
        let home = home(base.path(), Uuid::from_u128(3));
        assert_eq!(home.make(true, &[], None).unwrap(), None);
    }
}
