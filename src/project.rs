//! Projects: a name that clients use, and the directory it stands for.

use std::{fmt, io, path::PathBuf, sync::Arc};

use rustix::fs::Access;
use serde::{Deserialize, Serialize};

/// Longest project name in characters.
pub const MAX_NAME_LENGTH: usize = 50;

/// Paths of a specification relative to the project, in order of preference.
pub const SPECIFICATIONS: [&str; 3] =
    ["prompts/app_spec.txt", ".autoforge/prompts/app_spec.txt", ".autocoder/prompts/app_spec.txt"];

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

/// A project that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The name in URLs and on the page.
    pub name: ProjectName,
    /// The absolute directory as configured. It may vanish, and a link in it may move on, at any time:
    /// whoever starts to work with it resolves it anew.
    pub dir: PathBuf,
}

impl Project {
    /// Whether the directory is there and may be listed. Opens nothing, but blocks.
    pub(crate) fn check_dir(&self) -> io::Result<()> {
        if !self.dir.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(rustix::fs::access(&self.dir, Access::READ_OK | Access::EXEC_OK)?)
    }
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
