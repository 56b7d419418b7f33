//! Attempts on the files of the server's user and on the server's secrets.
//! With them an agent could act as that user elsewhere, or plant code for the user's next session.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AttemptKind::{ChangeElsewhere, Read as Reading},
    attempts::Attempts,
};

/// Where systems keep the private keys of their services.
const KEYS: [&str; 3] = ["/etc/ssl/private", "/etc/pki/tls/private", "/etc/letsencrypt/live"];

/// Directories of the user's own program that its next session reads or runs.
const OBEYED: [&str; 6] =
    ["shell-snapshots", "session-env", "projects", "plugins", "skills", "hooks"];

/// The targets that exist; an attempt on a missing one proves nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UserFiles {
    /// Directory of the user's own program, with its login.
    login: Option<PathBuf>,
    /// Directories that its next session obeys.
    obeyed: Vec<PathBuf>,
    /// Files with secrets.
    secrets: Vec<PathBuf>,
    /// Directories that must not be listed.
    hidden: Vec<PathBuf>,
}

impl UserFiles {
    /// Finds the targets: the directory `login`, the paths `kept_from` agents, and `transcripts`. Blocks.
    pub fn find(login: Option<&Path>, kept_from: &[PathBuf], transcripts: &Path) -> Self {
        let login = login.filter(|dir| dir.is_dir());
        let obeyed = OBEYED.iter().filter_map(|name| Some(login?.join(name)));
        let in_login = [".credentials.json", "settings.json", "history.jsonl"];
        let in_login = in_login.iter().filter_map(|name| Some(login?.join(name)));
        let (files, dirs): (Vec<&PathBuf>, _) =
            kept_from.iter().filter(|path| path.exists()).partition(|path| path.is_file());
        let keys = KEYS.iter().map(PathBuf::from).chain([transcripts.to_owned()]);
        Self {
            obeyed: obeyed.filter(|dir| dir.is_dir()).collect(),
            secrets: in_login
                .filter(|file| file.is_file())
                .chain(files.into_iter().cloned())
                .collect(),
            hidden: keys.filter(|dir| dir.is_dir()).chain(dirs.into_iter().cloned()).collect(),
            login: login.map(Path::to_owned),
        }
    }
}

/// Tries all targets, harmlessly.
pub(super) fn try_user_files(attempts: &mut Attempts, files: &UserFiles) {
    if let Some(login) = &files.login {
        let list = fs::read_dir(login);
        attempts.refused(Reading, "list the user's own `claude` directory", list);
        let what = "plant a file in the user's own `claude` directory";
        attempts.refused(ChangeElsewhere, what, plant(login));
    }
    for dir in &files.obeyed {
        let what = "plant what the user's next own session obeys";
        attempts.refused(ChangeElsewhere, what, plant(dir));
    }
    for file in &files.secrets {
        let read = File::open(file).and_then(|mut file| file.read(&mut [0]));
        attempts.refused(Reading, "read a file of secrets", read);
    }
    for dir in &files.hidden {
        attempts.refused(Reading, "list a directory of secrets", fs::read_dir(dir));
    }
}

/// Creates a file and removes it again.
fn plant(dir: &Path) -> io::Result<()> {
    let file = dir.join(format!(".cicerone-self-test-{}", Uuid::new_v4()));
    File::create_new(&file)?;
    fs::remove_file(file)
}
