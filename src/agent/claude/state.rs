//! Where the program keeps its state, and how much of that is its own.
//!
//! With an account from the environment it has a directory to itself. With a login of the
//! server's user it gets that user's directory, but may change nothing there that other runs of
//! the program obey: settings, hooks, commands, servers. What it may change is its renewed
//! login and the sessions of this project.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::agent::{invocation::Place, sandbox::value};

use super::session_dir;

/// What the program keeps besides its sessions, in a user's directory.
const OWN: [&str; 9] = [
    ".credentials.json",
    "backups",
    "cache",
    "debug",
    "session-env",
    "sessions",
    "shell-snapshots",
    "statsig",
    "todos",
];

/// The state of the program.
#[derive(Debug)]
pub struct State {
    /// The directory, where the program must be told of it.
    dir: Option<PathBuf>,
    /// Directories that must be there.
    pub dirs: Vec<PathBuf>,
    /// What it reads.
    pub read: Vec<PathBuf>,
    /// What it may change.
    pub write: Vec<PathBuf>,
}

impl State {
    /// A directory to itself.
    pub fn own(dir: PathBuf) -> Self {
        let all = vec![dir.clone()];
        Self { dir: Some(dir), dirs: all.clone(), read: Vec::new(), write: all }
    }

    /// The directory `config` of a user who has logged in, for work in `project`.
    pub fn of_login(config: &Path, environment: &[(OsString, OsString)], project: &Path) -> Self {
        let sessions = session_dir(config, project).into_iter();
        let dirs: Vec<PathBuf> = sessions.chain([config.join("sessions")]).collect();
        let own = OWN.map(|name| config.join(name));
        let home = value(environment, "HOME").map(PathBuf::from);
        let home = home.map(|home| home.join(".claude.json"));
        Self {
            dir: None,
            write: dirs.iter().cloned().chain(own).collect(),
            read: home.into_iter().chain([config.join(".claude.json")]).collect(),
            dirs,
        }
    }

    /// The directory that `CLAUDE_CONFIG_DIR` is to name.
    pub fn set_as(&self) -> Option<&Path> {
        self.dir.as_deref()
    }
}

/// Whose account the program would use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The variable that holds it; `None` is the login of whoever runs the server.
    pub variable: Option<String>,
    /// Where the program keeps its state; `None` where nobody's home is known.
    pub dir: Option<PathBuf>,
    /// Whether there is an account: always with a variable.
    pub is_there: bool,
}

/// Looks for the account of the program.
pub fn account(server: &[(OsString, OsString)], data_dir: &Path) -> Account {
    if let Some(variable) = super::environment::account_variable(server) {
        let dir = Some(Place::new(data_dir).states);
        return Account { variable: Some(variable.to_owned()), dir, is_there: true };
    }
    let dir = login_dir(server);
    let is_there = dir.as_ref().is_some_and(|dir| dir.join(".credentials.json").is_file());
    Account { variable: None, dir, is_there }
}

/// The directory of the login of whoever runs the server; `None` where the environment has an
/// account, or nobody's home is known.
pub fn login_dir(server: &[(OsString, OsString)]) -> Option<PathBuf> {
    if super::environment::account_variable(server).is_some() {
        return None;
    }
    let named = value(server, "CLAUDE_CONFIG_DIR").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(value(server, "HOME")?).join(".claude")))
}
