//! Configuration errors and warnings: where the mistake is and how to fix it.

use std::{borrow::Cow, error::Error, fmt, io, net::SocketAddr, path::PathBuf};

use log::Level;

use crate::{
    config::{agent_name::InvalidAgentName, shown},
    project::{InvalidProjectName, ProjectName},
    sqlite_readonly::SqliteReadError,
};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "how each is displayed says what it is")]
pub enum ValueOrigin {
    Default,
    /// A line of a configuration file, from 1.
    File {
        path: PathBuf,
        line: usize,
    },
    /// The name of an environment variable.
    Environment(String),
    /// A command-line flag, with its hyphens.
    Flag(String),
    /// A directory named on the command line.
    Argument(PathBuf),
    /// No project was named, so it is the current directory.
    CurrentDirectory,
    /// A child of a directory in `discovery.roots`.
    Root(PathBuf),
    /// The registry of the legacy system.
    Registry(PathBuf),
    /// The list of a forge, by the name of the forge.
    Forge(ProjectName),
}

impl fmt::Display for ValueOrigin {
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
            Self::Forge(name) => write!(f, "list of forge {name}"),
        }
    }
}

/// Why there is no valid configuration, in words that hold no secret of it.
pub struct ConfigError(Box<ConfigMistake>);

impl From<ConfigMistake> for ConfigError {
    fn from(mistake: ConfigMistake) -> Self {
        Self(Box::new(mistake))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown::message(&self.0.to_string()))
    }
}

/// Like [`fmt::Display`]: the fields may be secret.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// What is wrong. Outside this module it is a [`ConfigError`].
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigMistake {
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}:{line}: {message}", path.display())]
    Syntax { path: PathBuf, line: usize, message: String },
    #[error("unknown key `{key}` ({origin}){}", hint(nearest.as_deref()))]
    UnknownKey {
        key: String,
        origin: ValueOrigin,
        /// The known key that is most like it.
        nearest: Option<String>,
    },
    #[error("`{name}` ({origin}) and `{other}` set the same key: remove the deprecated one")]
    GivenTwice { name: String, origin: ValueOrigin, other: String },
    #[error("bad value {found} for `{key}` ({origin}): expected {expected}")]
    BadValue {
        key: String,
        origin: ValueOrigin,
        /// See [`shown::value`].
        found: String,
        /// What would fit, with the nearest word where only certain words do.
        expected: String,
    },
    #[error("`agents.{name}` ({origin}): {message}")]
    BadAgent { name: String, origin: ValueOrigin, message: String },
    #[error("`groups.{name}` ({origin}): {message}")]
    BadGroup { name: String, origin: ValueOrigin, message: String },
    #[error("{rule} ({origin})")]
    BadAgentName { rule: InvalidAgentName, origin: ValueOrigin },
    #[error("`{smaller}` ({origin}) must not be larger than `{larger}`")]
    Contradiction { smaller: &'static str, origin: ValueOrigin, larger: &'static str },
    #[error("cannot read the settings: {0}")]
    Settings(String),
    #[error(
        "listening on {0} needs a token, because other machines can reach it: write one to a file \
         (`openssl rand -hex 32 > FILE`) and name the file in `access.viewer_token_file` or \
         `access.admin_token_file`, or set CICERONE_VIEWER_TOKEN or CICERONE_ADMIN_TOKEN; or \
         listen on 127.0.0.1"
    )]
    NotLoopback(SocketAddr),
    /// The token itself is not shown.
    #[error("the token of {origin} {why}: `openssl rand -hex 32` prints a good one")]
    BadToken { origin: ValueOrigin, why: String },
    #[error("cannot read the token in {} (`{key}`)", shown::secret_file(path))]
    TokenUnreadable { key: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "`webhooks.urls` is set and `webhooks.secret_file` is not: requests that nobody signs can come \
         from anybody; `openssl rand -hex 32` prints a good secret"
    )]
    Unsigned,
    #[error(
        "`projects.{name}.access` lists people and groups, and nobody has a name here: set \
         `oidc.issuer` for logins, or `access.user_header` for a proxy that names them"
    )]
    UnknownPeople { name: ProjectName },
    #[error("viewers and administrators have the same token: create another for administrators")]
    OneToken,
    /// After the restart without them in the environment.
    #[error("cannot read the tokens from stdin, although {} is set", super::secrets::ON_STDIN)]
    NoHandover(#[source] io::Error),
    #[error(
        "{} (`{key}`) lies inside project `{name}`, whose files agents read: move it elsewhere",
        path.display()
    )]
    SecretInProject { key: Cow<'static, str>, path: PathBuf, name: ProjectName },
    #[error(
        "{} (`{key}`) lies in {}, which agents may read: move it elsewhere, such as to a directory \
         of your own (`chmod 700`)",
        path.display(),
        dir.display()
    )]
    SecretReadable { key: Cow<'static, str>, path: PathBuf, dir: PathBuf },
    #[error("`{given}` is set and `{missing}` is not: TLS needs both")]
    Incomplete { given: &'static str, missing: &'static str },
    #[error("this platform has no data directory: choose one with --data-dir")]
    NoDataDir,
    #[error("cannot determine the current directory")]
    NoCurrentDir(#[source] io::Error),
    #[error("{text:?} ({origin}) names no project: write NAME=DIRECTORY")]
    NotNameAndDir { text: String, origin: ValueOrigin },
    #[error("{rule} ({origin}); did you mean `{mended}`?")]
    BadProjectName {
        rule: InvalidProjectName,
        origin: ValueOrigin,
        /// A name that would do.
        mended: ProjectName,
    },
    #[error(
        "two projects are named `{name}`: {} and {}; rename one",
        first.display(),
        second.display()
    )]
    DuplicateProject { name: ProjectName, first: PathBuf, second: PathBuf },
    #[error(
        "project directory {} ({origin}) cannot be read: check its spelling and that this user may \
         list it",
        dir.display()
    )]
    ProjectUnreadable { dir: PathBuf, origin: ValueOrigin, source: io::Error },
    #[error(
        "the directory of `{key}`, {}, lies inside project `{name}` ({}), which must stay untouched: \
         choose another",
        written.display(),
        dir.display()
    )]
    WrittenDirInProject { key: &'static str, written: PathBuf, name: ProjectName, dir: PathBuf },
    #[error(
        "the program of `credential_helper`, {}, lies inside project `{name}`, so that whoever changes \
         that would choose what the server runs: move it elsewhere",
        program.display()
    )]
    HelperInProject { program: PathBuf, name: ProjectName },
    #[error(
        "cannot read the project registry {}: correct `discovery.registry` or leave it empty",
        path.display()
    )]
    Registry { path: PathBuf, source: SqliteReadError },
}

/// A line for the log, kept until the log level is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigWarning {
    /// `Info` where nothing need be done.
    pub level: Level,
    /// One line.
    pub text: String,
}

impl ConfigWarning {
    pub(super) fn warn(text: String) -> Self {
        Self { level: Level::Warn, text }
    }
}

/// The one of `known` that is most like `word`, if it is like it at all.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Below it, two words have no more in common than any two.
    const LIKENESS: f64 = 0.45;
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            (strsim::normalized_damerau_levenshtein(&word, &candidate.to_lowercase()), candidate)
        })
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

/// The end of a message: the word that may have been meant.
pub(crate) fn hint(nearest: Option<&str>) -> String {
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
