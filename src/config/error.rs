//! What can be wrong with the configuration, in words that say where and how to mend it.

use std::{fmt, io, net::SocketAddr, path::PathBuf};

use crate::project::{InvalidProjectName, ProjectName};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The embedded file.
    Default,
    /// A line of a configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A command-line flag, with its hyphens.
    Flag(String),
    /// A directory named on the command line.
    Argument(PathBuf),
    /// Nothing named a project, so it is the current directory.
    CurrentDirectory,
    /// A child of a directory of projects.
    Root(PathBuf),
    /// The registry of the original system.
    Registry(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Argument(dir) => write!(f, "argument {}", dir.display()),
            Self::CurrentDirectory => f.write_str("current directory"),
            Self::Root(dir) => write!(f, "child of {}", dir.display()),
            Self::Registry(path) => write!(f, "registry {}", path.display()),
        }
    }
}

/// Why there is no valid configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or not readable.
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// A key that means nothing.
    #[error("unknown key `{key}` ({origin}){}", hint(nearest.as_ref()))]
    UnknownKey {
        /// Table and key.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// The known key that is most like it.
        nearest: Option<String>,
    },
    /// A value that does not fit its key.
    #[error("bad value {found} for `{key}` ({origin}): expected {expected}")]
    BadValue {
        /// Table and key.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// The value as TOML.
        found: String,
        /// What would fit, with the nearest word where only certain words do.
        expected: String,
    },
    /// Two values that contradict each other.
    #[error("`{smaller}` ({origin}) must not be larger than `{larger}`")]
    Contradiction {
        /// The key with the larger value.
        smaller: &'static str,
        /// Where it came from.
        origin: Origin,
        /// The key that bounds it.
        larger: &'static str,
    },
    /// A listening address that others can reach.
    #[error(
        "listening on {0} needs a token, because others can reach it: write one to a file \
         (`openssl rand -hex 32 > FILE`) and name that in `access.viewer_token_file` or \
         `access.admin_token_file`, or set CICERONE_VIEWER_TOKEN or CICERONE_ADMIN_TOKEN; or \
         listen on 127.0.0.1"
    )]
    NotLoopback(SocketAddr),
    /// A token that does not do. It is not shown.
    #[error("the token of {origin} {why}: `openssl rand -hex 32` prints a good one")]
    BadToken {
        /// Where it came from.
        origin: Origin,
        /// What is wrong with it.
        why: String,
    },
    /// A token's file is not there or not readable.
    #[error("cannot read the token in {} (`{key}`)", path.display())]
    TokenUnreadable {
        /// The key that names the file.
        key: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Viewers would be admins.
    #[error("the viewers' token and the admin's are the same: make another for the admin")]
    OneToken,
    /// The tokens could not be read after the restart without them in the environment.
    #[error("cannot read the tokens from stdin, as {} asks", super::secrets::ON_STDIN)]
    NoHandover(#[source] io::Error),
    /// A file with a secret lies where agents read.
    #[error(
        "{} (`{key}`) lies inside project `{name}`, whose files agents read: put it elsewhere",
        path.display()
    )]
    SecretInProject {
        /// The key that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The project.
        name: ProjectName,
    },
    /// A file with a secret lies where all agents read.
    #[error(
        "{} (`{key}`) lies in {}, which agents may read: put it elsewhere, such as in a directory of \
         your own (`chmod 700`)",
        path.display(),
        dir.display()
    )]
    SecretReadable {
        /// The key that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What agents may read.
        dir: PathBuf,
    },
    /// Of two keys that belong together only one is set.
    #[error("`{given}` is set and `{missing}` is not: TLS needs both")]
    Incomplete {
        /// The one that is set.
        given: &'static str,
        /// The other.
        missing: &'static str,
    },
    /// No place for the database is known.
    #[error("this platform names no data directory: name one with --data-dir")]
    NoDataDir,
    /// The current directory is gone or not accessible.
    #[error("the current directory cannot be told")]
    NoCurrentDir(#[source] io::Error),
    /// `--project` without a name.
    #[error("{text:?} ({origin}) names no project: write NAME=DIRECTORY")]
    NotNameAndDir {
        /// What was given.
        text: String,
        /// Where it came from.
        origin: Origin,
    },
    /// A project's name breaks the rule.
    #[error("{rule} ({origin}); did you mean `{mended}`?")]
    BadProjectName {
        /// The rule.
        rule: InvalidProjectName,
        /// Where it came from.
        origin: Origin,
        /// A name that would do.
        mended: ProjectName,
    },
    /// Two projects with one name.
    #[error("two projects are named `{name}`: {} and {}; rename one", first.display(), second.display())]
    DuplicateProject {
        /// The name.
        name: ProjectName,
        /// The directory of the first.
        first: PathBuf,
        /// The directory of the second.
        second: PathBuf,
    },
    /// A project's directory cannot be served.
    #[error(
        "project directory {} ({origin}) cannot be read: check its spelling and that this user may list it",
        dir.display()
    )]
    ProjectUnreadable {
        /// The directory.
        dir: PathBuf,
        /// Where it came from.
        origin: Origin,
        /// Why.
        source: io::Error,
    },
    /// Writing to the data directory would write to the project.
    #[error(
        "the data directory {} lies inside project `{name}` ({}), which must stay untouched: \
         choose another with --data-dir",
        data_dir.display(),
        dir.display()
    )]
    DataDirInProject {
        /// The data directory.
        data_dir: PathBuf,
        /// The project.
        name: ProjectName,
        /// The project's directory.
        dir: PathBuf,
    },
    /// The original's registry cannot be read.
    #[error("cannot read the registry {}: name another in `discovery.registry` or leave it empty", path.display())]
    Registry {
        /// The registry.
        path: PathBuf,
        /// Why.
        source: crate::sqlite_readonly::SqliteReadError,
    },
}

/// The one of `known` that is most like `word`, if any is like it at all.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Below this two words have no more in common than any two.
    const LIKENESS: f64 = 0.45;
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(&word, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

/// The end of a message that names the word somebody may have meant.
pub(super) fn hint(nearest: Option<&String>) -> String {
    nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_named_and_a_far_one_is_not() {
        let words = ["required", "best-effort", "off"];
        assert_eq!(nearest("besteffort", words).unwrap(), "best-effort");
        assert_eq!(nearest("Require", words).unwrap(), "required");
        assert_eq!(nearest("xyzzy", words), None);
    }
}
