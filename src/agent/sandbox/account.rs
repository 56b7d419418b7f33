//! As which user an agent runs. A server that is no root cannot choose: its agents are its own
//! user. Root gives them to somebody who owns nothing, if that one can read what an agent needs.

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// Who owns nothing.
const NOBODY: &str = "nobody";

/// The number that stands for nobody where there is no such account.
const NOBODY_ID: u32 = 65_534;

/// The right to run a program and to pass a directory, in the bits of one class.
const PASS: u32 = 0o1;

/// The right to read.
const READ: u32 = 0o4;

/// A user and its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

/// The user that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// `None` is the server's own.
    pub user: Option<User>,
    /// What is not as good as it could be, in words.
    pub note: Option<String>,
}

/// What the choice depends on.
#[derive(Debug)]
pub struct Choice<'a> {
    /// `agent.user`: a name or a number.
    pub wanted: Option<&'a str>,
    /// Whether another one than the wanted will not do.
    pub strict: bool,
    /// Who runs the server.
    pub own: User,
    /// Programs that the agent must run and directories that it must pass.
    pub needed: &'a [PathBuf],
    /// The project, which it must read; its owner can where nobody else can.
    pub project: &'a Path,
}

impl Choice<'_> {
    /// Chooses. The error says what to mend.
    pub fn choose(&self) -> Result<Chosen, String> {
        let is_own = |user: User| user == self.own;
        let wanted = match self.wanted {
            Some(text) => Some(find(text).ok_or_else(|| {
                format!("There is no user {text:?}. Correct `agent.user` in the settings.")
            })?),
            None => None,
        };
        if self.own.uid != 0 {
            let same = wanted.is_none_or(|wanted| wanted.uid == self.own.uid);
            let words = "only a server that runs as root can give its agents another user";
            return match (same, self.strict) {
                (true, _) => Ok(Chosen { user: None, note: None }),
                (false, true) => Err(format!("No agent is started: {words}. Drop `agent.user`.")),
                (false, false) => Ok(Chosen { user: None, note: Some(words.to_owned()) }),
            };
        }
        let first = wanted.unwrap_or_else(nobody);
        let Some(barrier) = self.barrier(first) else {
            return Ok(Chosen { user: (!is_own(first)).then_some(first), note: None });
        };
        let cannot = format!("user {first} cannot reach {}", barrier.display());
        if wanted.is_some() && self.strict {
            return Err(format!(
                "No agent is started: {cannot}. Let others read it (chmod o+rx) or name another \
                 user in `agent.user`."
            ));
        }
        let owner = fs::metadata(self.project).ok();
        let owner = owner.map(|owner| User { uid: owner.uid(), gid: owner.gid() });
        let others = [Some(self.own), owner].into_iter().flatten();
        let other = others.into_iter().find(|user| self.barrier(*user).is_none());
        let other = other.ok_or_else(|| {
            format!("No agent is started: {cannot}, and neither can root without its privileges.")
        })?;
        let note = format!("a user of its own: {cannot}, so agents run as user {other}");
        Ok(Chosen { user: (!is_own(other)).then_some(other), note: Some(note) })
    }

    /// The first thing on the way that `user` cannot pass or read.
    fn barrier(&self, user: User) -> Option<PathBuf> {
        let needed = self.needed.iter().find_map(|path| barrier(path, user, PASS));
        needed.or_else(|| barrier(self.project, user, PASS | READ))
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uid)
    }
}

/// The first directory on the way to `path` that `user` cannot pass, or `path` itself if it cannot
/// be used as `needed` says. Judged by modes alone: capabilities do not count, and lists of access are not seen.
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

/// Whether `user` has all of `needed`, the bits of one class, on a file.
fn may(file: &fs::Metadata, user: User, needed: u32) -> bool {
    let class = match (file.uid() == user.uid, file.gid() == user.gid) {
        (true, _) => 6,
        (false, true) => 3,
        (false, false) => 0,
    };
    file.mode() >> class & needed == needed
}

/// The account of this name, or the number.
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
    ) -> Result<Chosen, String> {
        Choice { wanted, strict, own, needed: &[], project }.choose()
    }

    #[test]
    fn root_gives_its_agents_a_user_that_can_read_the_project() {
        const ROOT: User = User { uid: 0, gid: 0 };
        let open = with_mode(0o755);
        let chosen = choose(ROOT, None, true, open.path()).unwrap();
        assert_eq!(chosen, Chosen { user: Some(nobody()), note: None });
        let chosen = choose(ROOT, Some("4000001"), true, open.path()).unwrap();
        assert_eq!(chosen.user, Some(STRANGER));

        let closed = with_mode(0o700);
        let chosen = choose(ROOT, None, true, closed.path()).unwrap();
        assert_eq!(chosen.user, Some(own()).filter(|own| own.uid != 0));
        assert!(chosen.note.unwrap().contains("cannot reach"));
        let refused = choose(ROOT, Some("4000001"), true, closed.path()).unwrap_err();
        assert!(refused.contains("agent.user") && refused.contains("chmod"), "{refused}");
        assert!(choose(ROOT, Some("4000001"), false, closed.path()).is_ok());
        let unknown = choose(ROOT, Some("no-such-user"), false, open.path()).unwrap_err();
        assert!(unknown.contains("no-such-user"), "{unknown}");
    }

    #[test]
    fn only_root_can_give_another_user() {
        let open = with_mode(0o755);
        let chosen = choose(STRANGER, None, true, open.path()).unwrap();
        assert_eq!(chosen, Chosen { user: None, note: None });
        assert!(choose(STRANGER, Some("4000001"), true, open.path()).is_ok());
        assert!(choose(STRANGER, Some("nobody"), true, open.path()).is_err());
        assert!(choose(STRANGER, Some("nobody"), false, open.path()).unwrap().note.is_some());
    }
}
