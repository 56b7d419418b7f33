//! The user that an agent runs as.
//!
//! A server without root keeps its own user. Root chooses an unprivileged user, and grants the capability to
//! read everything if that user cannot read what an agent needs. An agent is never root: root without any
//! capabilities can still signal, trace and limit other processes of root.

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::project::Roots;

/// The default user under root.
const NOBODY: &str = "nobody";

/// The uid of nobody on systems without such an account.
const NOBODY_ID: u32 = 65_534;

/// The mode bit to run a program or pass a directory, within one class.
const PASS: u32 = 0o1;

/// The mode bit to read.
const READ: u32 = 0o4;

/// A user and its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

/// The user that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChosenUser {
    /// `None` for the server's own.
    pub user: Option<User>,
    /// Whether it needs CAP_DAC_READ_SEARCH.
    pub reads_all: bool,
    /// How the choice falls short of the best.
    pub note: Option<String>,
}

/// The inputs of the choice.
#[derive(Debug)]
pub(crate) struct UserChoice<'a> {
    /// `agent.user`: a name or a number.
    pub wanted: Option<&'a str>,
    /// Whether to fail if the wanted user is not possible.
    pub strict: bool,
    pub own: User,
    /// Whether the server can grant CAP_DAC_READ_SEARCH.
    pub can_read_all: bool,
    /// Programs to run and directories to pass.
    pub needed: &'a [PathBuf],
    /// The project's directories to read.
    pub project: &'a Roots,
}

impl UserChoice<'_> {
    /// Chooses the user. The error is for a person.
    pub(crate) fn choose(&self) -> Result<ChosenUser, String> {
        let wanted = match self.wanted {
            Some(text) => Some(find(text).ok_or_else(|| {
                format!("There is no user {text:?}. Correct `agent.user` in the settings.")
            })?),
            None => None,
        };
        if self.own.uid != 0 {
            let same = wanted.is_none_or(|wanted| wanted.uid == self.own.uid);
            let words = "only a server that runs as root can run its agents as another user";
            return match (same, self.strict) {
                (true, _) => Ok(ChosenUser { user: None, reads_all: false, note: None }),
                (false, true) => Err(format!("No agent is started: {words}. Drop `agent.user`.")),
                (false, false) => {
                    Ok(ChosenUser { user: None, reads_all: false, note: Some(words.to_owned()) })
                }
            };
        }
        let first = wanted.unwrap_or_else(nobody);
        if first.uid == 0 {
            return Err("No agent is started: `agent.user` is root, and an agent that is root \
                        could reach every other process of root. Name another user, or drop it."
                .to_owned());
        }
        let Some(barrier) = self.barrier(first) else {
            return Ok(ChosenUser { user: Some(first), reads_all: false, note: None });
        };
        let cannot = format!("user {first} cannot reach {}", barrier.display());
        if wanted.is_some() && self.strict {
            return Err(format!(
                "No agent is started: {cannot}. Let others read it (chmod o+rx) or name another \
                 user in `agent.user`."
            ));
        }
        if self.can_read_all && self.can_run(first) {
            let note = format!(
                "{cannot}, so agents may read files whatever their modes (CAP_DAC_READ_SEARCH)"
            );
            return Ok(ChosenUser { user: Some(first), reads_all: true, note: Some(note) });
        }
        let owner = fs::metadata(self.project.first()).ok();
        let owner = owner.map(|owner| User { uid: owner.uid(), gid: owner.gid() });
        let other = owner.filter(|owner| owner.uid != 0 && self.barrier(*owner).is_none());
        let other = other.ok_or_else(|| {
            format!(
                "No agent is started: {cannot}, this server cannot give its agents the right to \
                 read everything, and an agent must not be root. Let others read and run it \
                 (chmod o+rx), or run the server as the user who owns the project."
            )
        })?;
        let note = format!("{cannot}, so agents run as user {other}");
        Ok(ChosenUser { user: Some(other), reads_all: false, note: Some(note) })
    }

    /// Whether `user` may run the programs, which CAP_DAC_READ_SEARCH does not grant.
    fn can_run(&self, user: User) -> bool {
        let files = self.needed.iter().filter_map(|path| fs::metadata(path).ok());
        files.filter(fs::Metadata::is_file).all(|file| may(&file, user, PASS))
    }

    /// The first path that `user` cannot use.
    fn barrier(&self, user: User) -> Option<PathBuf> {
        let needed = self.needed.iter().find_map(|path| barrier(path, user, PASS));
        needed.or_else(|| self.project.dirs().find_map(|dir| barrier(dir, user, PASS | READ)))
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uid)
    }
}

/// The first directory towards `path` that `user` cannot pass, or `path` itself without the `needed` mode
/// bits. Capabilities and access control lists are not considered.
fn barrier(path: &Path, user: User, needed: u32) -> Option<PathBuf> {
    let Ok(real) = path.canonicalize() else { return Some(path.to_owned()) };
    let mut way: Vec<&Path> = real.ancestors().collect();
    way.reverse();
    let found = way.into_iter().find(|part| {
        let needed = if *part == real { needed } else { PASS };
        !fs::metadata(part).is_ok_and(|part| may(&part, user, needed))
    });
    found.map(Path::to_owned)
}

/// Whether `user` has the `needed` mode bits on a file.
fn may(file: &fs::Metadata, user: User, needed: u32) -> bool {
    let class = match (file.uid() == user.uid, file.gid() == user.gid) {
        (true, _) => 6,
        (false, true) => 3,
        (false, false) => 0,
    };
    file.mode() >> class & needed == needed
}

/// The account with this name or uid.
fn find(text: &str) -> Option<User> {
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let account = accounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, ..] = fields[..] else { return None };
        (name == text || uid == text)
            .then(|| Some(User { uid: uid.parse().ok()?, gid: gid.parse().ok()? }))?
    });
    account.or_else(|| {
        let uid = text.parse().ok()?;
        Some(User { uid, gid: uid })
    })
}

fn nobody() -> User {
    find(NOBODY).unwrap_or(User { uid: NOBODY_ID, gid: NOBODY_ID })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const STRANGER: User = User { uid: 4_000_001, gid: 4_000_001 };

    fn with_mode(mode: u32) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        dir
    }

    fn own() -> User {
        let own = fs::metadata("/proc/self").unwrap();
        User { uid: own.uid(), gid: own.gid() }
    }

    #[test]
    fn a_stranger_is_stopped_by_the_first_closed_directory() {
        let open = with_mode(0o755);
        fs::create_dir(open.path().join("inner")).unwrap();
        assert_eq!(barrier(&open.path().join("inner"), STRANGER, PASS | READ), None);
        let closed = with_mode(0o700);
        let inner = closed.path().join("inner");
        fs::create_dir(&inner).unwrap();
        assert_eq!(barrier(&inner, STRANGER, PASS).as_deref(), Some(closed.path()));
        assert_eq!(barrier(&inner, own(), PASS | READ), None);
        let only_passable = with_mode(0o711);
        assert!(barrier(only_passable.path(), STRANGER, PASS | READ).is_some());
        assert_eq!(barrier(only_passable.path(), STRANGER, PASS), None);
    }

    fn choose(
        own: User,
        wanted: Option<&str>,
        strict: bool,
        project: &Path,
    ) -> Result<ChosenUser, String> {
        let needed = &[];
        let project = &Roots::from(project);
        UserChoice { wanted, strict, own, can_read_all: true, needed, project }.choose()
    }

    const ROOT: User = User { uid: 0, gid: 0 };

    #[test]
    fn root_gives_its_agents_a_user_that_can_read_the_project() {
        let open = with_mode(0o755);
        let chosen = choose(ROOT, None, true, open.path()).unwrap();
        assert_eq!(chosen, ChosenUser { user: Some(nobody()), reads_all: false, note: None });
        let chosen = choose(ROOT, Some("4000001"), true, open.path()).unwrap();
        assert_eq!(chosen.user, Some(STRANGER));

        let closed = with_mode(0o700);
        let chosen = choose(ROOT, None, true, closed.path()).unwrap();
        assert_eq!((chosen.user, chosen.reads_all), (Some(nobody()), true));
        assert!(chosen.note.unwrap().contains("cannot reach"));
        let refused = choose(ROOT, Some("4000001"), true, closed.path()).unwrap_err();
        assert!(refused.contains("agent.user") && refused.contains("chmod"), "{refused}");
        let chosen = choose(ROOT, Some("4000001"), false, closed.path()).unwrap();
        assert_eq!((chosen.user, chosen.reads_all), (Some(STRANGER), true));
        let unknown = choose(ROOT, Some("no-such-user"), false, open.path()).unwrap_err();
        assert!(unknown.contains("no-such-user"), "{unknown}");
    }

    #[test]
    fn p2_no_agent_is_root_whatever_the_settings_say_and_whatever_the_project_needs() {
        let (open, closed) = (with_mode(0o755), with_mode(0o700));
        for (wanted, project) in [(Some("0"), &open), (Some("root"), &open), (Some("0"), &closed)] {
            for strict in [true, false] {
                let words = choose(ROOT, wanted, strict, project.path()).unwrap_err();
                assert!(words.contains("agent.user"), "{wanted:?}: {words}");
            }
        }
        // What a program denies to others, no right to read gives.
        let program = closed.path().join("program");
        fs::write(&program, "").unwrap();
        let needed = [program];
        let all = [(false, &[][..]), (true, &needed[..])];
        for (can_read_all, needed) in all {
            let project = &Roots::from(closed.path());
            let choice =
                UserChoice { wanted: None, strict: true, own: ROOT, can_read_all, needed, project };
            match choice.choose() {
                Ok(chosen) => assert_ne!(chosen.user.unwrap().uid, 0),
                Err(words) => assert!(words.contains("chmod o+rx"), "{words}"),
            }
        }
    }

    #[test]
    fn only_root_can_give_another_user() {
        let open = with_mode(0o755);
        let chosen = choose(STRANGER, None, true, open.path()).unwrap();
        assert_eq!(chosen, ChosenUser { user: None, reads_all: false, note: None });
        assert!(choose(STRANGER, Some("4000001"), true, open.path()).is_ok());
        assert!(choose(STRANGER, Some("nobody"), true, open.path()).is_err());
        assert!(choose(STRANGER, Some("nobody"), false, open.path()).unwrap().note.is_some());
    }
}
