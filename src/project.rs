//! Projects: a name that clients use, and the directories it stands for.

pub(crate) mod absence;
pub(crate) mod access;
pub(crate) mod identity;
pub(crate) mod roots;

use std::{fmt, io, path::Path, sync::Arc};

use rustix::fs::Access;
use serde::{Deserialize, Serialize};

use crate::ids::{ConversationId, TurnNumber};
pub use access::ProjectAccess;
pub use roots::{Root, Roots};

/// Longest project name in characters.
pub const MAX_NAME_LENGTH: usize = 50;

/// Paths of a specification relative to the project, in order of preference.
pub const SPECIFICATIONS: [&str; 3] =
    ["prompts/app_spec.txt", ".autoforge/prompts/app_spec.txt", ".autocoder/prompts/app_spec.txt"];

/// Files with instructions for agents at the root of a project, in order of preference.
pub const AGENT_INSTRUCTIONS: [&str; 2] = ["AGENTS.md", "CLAUDE.md"];

/// A project's name: 1 to 50 ASCII letters, digits, hyphens and underscores.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ProjectName(Arc<str>);

/// The text is no project name.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "{0:?} is not a project name: use 1 to {MAX_NAME_LENGTH} letters, digits, hyphens and underscores"
)]
pub struct InvalidProjectName(pub String);

impl ProjectName {
    /// Checks a name.
    pub fn parse(text: &str) -> Result<Self, InvalidProjectName> {
        let fits =
            !text.is_empty() && text.len() <= MAX_NAME_LENGTH && text.chars().all(is_allowed);
        if fits { Ok(Self(text.into())) } else { Err(InvalidProjectName(text.to_owned())) }
    }

    /// The path of the page that shows a turn.
    pub(crate) fn turn_link(&self, conversation: ConversationId, turn: TurnNumber) -> String {
        format!("/p/{self}/{conversation}#turn-{turn}")
    }

    /// Makes a valid name from a directory's: other characters become hyphens, and the end is cut.
    pub fn mend(text: &str) -> Self {
        let mended: String = text
            .chars()
            .map(|c| if is_allowed(c) { c } else { '-' })
            .take(MAX_NAME_LENGTH)
            .collect();
        let mended = mended.trim_matches('-');
        Self(if mended.is_empty() { "project" } else { mended }.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProjectName {
    type Error = InvalidProjectName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A project that is served, or a group of projects: whoever asks about it names it alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The name in URLs and on the page.
    pub name: ProjectName,
    /// Its directories.
    pub roots: Roots,
    /// For whom it exists.
    pub access: ProjectAccess,
}

impl Project {
    /// A plain project.
    pub fn new(name: ProjectName, dir: impl Into<std::path::PathBuf>) -> Self {
        Self::of_roots(name, Roots::from(dir.into()))
    }

    /// A project of these directories, for everybody.
    pub fn of_roots(name: ProjectName, roots: Roots) -> Self {
        Self { name, roots, access: ProjectAccess::default() }
    }

    /// The names of the projects that a group is of; none for a plain project.
    pub(crate) fn members(&self) -> impl Iterator<Item = &ProjectName> {
        self.roots.iter().filter_map(|root| root.name.as_ref())
    }

    /// Whether something is allowed here, given the projects in which it is: in a group only where it
    /// is allowed in each of its projects.
    pub(crate) fn allows(&self, in_project: impl Fn(&ProjectName) -> bool) -> bool {
        match self.roots.is_group() {
            true => self.members().all(in_project),
            false => in_project(&self.name),
        }
    }

    /// Whether each directory is there and may be listed. Opens nothing, but blocks.
    ///
    /// # Errors
    /// One cannot be listed; it comes with the error.
    pub(crate) fn check_dirs(&self) -> Result<(), (&Path, io::Error)> {
        self.roots.dirs().try_for_each(|dir| check_dir(dir).map_err(|error| (dir, error)))
    }
}

fn check_dir(dir: &Path) -> io::Result<()> {
    if !dir.metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(rustix::fs::access(dir, Access::READ_OK | Access::EXEC_OK)?)
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_to_fifty_plain_characters() {
        assert!(ProjectName::parse("my-app_2").is_ok());
        assert!(ProjectName::parse(&"a".repeat(50)).is_ok());
        for bad in ["", "a b", "a/b", "ü", "..", &"a".repeat(51)] {
            assert!(ProjectName::parse(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_directory_name_becomes_a_valid_one() {
        assert_eq!(ProjectName::mend("my app.rs").as_str(), "my-app-rs");
        assert_eq!(ProjectName::mend("…").as_str(), "project");
        assert_eq!(ProjectName::mend(&"x".repeat(80)).as_str().len(), 50);
    }
}
