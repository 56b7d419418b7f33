//! The home of an agent: a directory created for each start and removed at its end.
//!
//! Nothing that an agent leaves there survives, except the transcript of its session, which is stored out of
//! every agent's reach. [`transcript`] filters what a resumed agent gets of it.

use std::{
    ffi::CString,
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write as _},
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, renameat, statat};
use uuid::Uuid;

use crate::{
    agent::{
        AgentSession,
        directories::{Directories, give, own_user, owned_dir, private_dir},
        sandbox::User,
    },
    ids::ConversationId,
    project::ProjectName,
};

use super::{
    login::{Lent, Login},
    session_dir, transcript,
};

/// The program's configuration directory in the home.
pub(crate) const CONFIG: &str = ".claude";

/// The program's directory of sessions, by working directory.
const SESSIONS: &str = "projects";

/// Largest transcript that is resumed, in bytes. The agent of a longer one gets a summary.
const TRANSCRIPT_BYTES: u64 = 256 << 20; // 256 MiB

/// Directories that are searched for a transcript at most; there should be one.
const MOST_DIRS: usize = 64;

/// A home, and where its transcript is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home {
    dir: PathBuf,
    session: Uuid,
    /// The conversation's directory of transcripts; `None` keeps none.
    kept: Option<PathBuf>,
    /// Directory to move the home to if it cannot be removed.
    discarded: PathBuf,
}

impl Home {
    /// The home of a conversation's agent.
    pub(crate) fn of(
        place: &Directories,
        project: &ProjectName,
        conversation: ConversationId,
        session: Uuid,
    ) -> Self {
        Self {
            dir: place.homes.join(project.as_str()).join(format!("{conversation}.{session}")),
            session,
            kept: Some(place.of_conversation(project, conversation)),
            discarded: place.temporary.clone(),
        }
    }

    /// A throw-away home in the temporary directory of a start.
    pub(crate) fn passing(place: &Directories, temporary: &Path, session: Uuid) -> Self {
        let discarded = place.temporary.clone();
        Self { dir: temporary.join("home"), session, kept: None, discarded }
    }

    /// The homes left by a killed server.
    pub(crate) fn left(place: &Directories) -> Vec<Self> {
        let dirs = |dir: &Path| fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
        let projects = dirs(&place.homes);
        let homes = projects.flat_map(|project| {
            let name = project.file_name();
            dirs(&project.path()).map(|home| (name.clone(), home)).collect::<Vec<_>>()
        });
        let homes = homes.filter_map(|(project, home)| {
            let name = home.file_name();
            let (conversation, session) = name.to_str()?.split_once('.')?;
            let conversation: ConversationId = conversation.parse().ok()?;
            Some(Self {
                dir: home.path(),
                session: session.parse().ok()?,
                kept: Some(place.states.join(project).join(conversation.to_string())),
                discarded: place.temporary.clone(),
            })
        });
        homes.collect()
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.join(CONFIG)
    }

    /// Creates the home of an agent that works in `project` and runs as `owner`, after removing leftovers.
    pub(crate) fn make(
        &self,
        session: AgentSession,
        project: &Path,
        owner: Option<User>,
    ) -> io::Result<()> {
        self.close();
        if let Some(above) = self.dir.parent().filter(|_| self.kept.is_some()) {
            passable_dir(above)?;
        }
        // Fails if it exists: an agent must not start in another's leftovers.
        fs::create_dir(&self.dir)?;
        owned_dir(&self.dir, owner)?;
        owned_dir(&self.config(), owner)?;
        match session {
            AgentSession::New(_) => self.forget(),
            AgentSession::Resume(_) => self.bring_transcript(project, owner)?,
        }
        Ok(())
    }

    /// Lends the user's login to the agent.
    pub(crate) fn lend(&self, login: Login, owner: Option<User>) -> io::Result<Lent> {
        Lent::lend(login, self.open_config()?, owner)
    }

    /// Returns a login that a killed server had lent, if the agent renewed it.
    pub(crate) fn take_back(&self, login: Login) {
        if let Ok(config) = self.open_config() {
            Lent::left(login, config).end();
        }
    }

    /// Stores the transcript and removes the home, after the agent's end.
    pub(crate) fn close(&self) {
        if !self.dir.exists() {
            return;
        }
        if let Err(error) = self.keep_transcript() {
            log::warn!("cannot keep an agent's transcript home={:?} error={error}", self.dir);
        }
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            log::warn!("cannot remove an agent's home dir={:?} error={error}", self.dir);
            let aside = self.discarded.join(Uuid::new_v4().to_string());
            if let Err(error) = fs::rename(&self.dir, aside) {
                log::error!("cannot put it aside either dir={:?} error={error}", self.dir);
            }
        }
        if let Some(kept) = &self.kept {
            // Fails while there are transcripts in it.
            fs::remove_dir(kept).ok();
        }
    }

    /// Removes the transcripts of earlier sessions of the conversation.
    fn forget(&self) {
        if let Some(kept) = &self.kept {
            forget(kept);
        }
    }

    fn kept_file(&self) -> Option<PathBuf> {
        Some(self.kept.as_ref()?.join(format!("{}.jsonl", self.session)))
    }

    /// Copies the stored transcript to where the program looks for it. Without one the program reports an
    /// unknown session.
    fn bring_transcript(&self, project: &Path, owner: Option<User>) -> io::Result<()> {
        let Some(kept) = self.kept_file() else { return Ok(()) };
        self.adopt(project, &kept);
        let Ok(from) = File::open(&kept) else { return Ok(()) };
        let Some(dir) = session_dir(&self.config(), project) else { return Ok(()) };
        owned_dir(&self.config().join(SESSIONS), owner)?;
        owned_dir(&dir, owner)?;
        let path = dir.join(format!("{}.jsonl", self.session));
        let mut options = fs::OpenOptions::new();
        let to = options.write(true).create_new(true).mode(0o600).open(&path)?;
        let mut to = BufWriter::new(to);
        let copied = transcript::copy(BufReader::new(from), &mut to);
        match copied.and_then(|messages| to.flush().map(|()| messages)) {
            Ok(messages) if messages > 0 => give(&path, owner),
            copied => {
                log::warn!("cannot resume an agent's transcript file={kept:?} {copied:?}");
                fs::remove_file(&path)
            }
        }
    }

    /// Moves a transcript from where earlier versions stored those of a whole project.
    fn adopt(&self, project: &Path, kept: &Path) {
        let above = self.kept.as_deref().and_then(Path::parent);
        let (Some(above), Some(name)) = (above, above.and_then(Path::file_name)) else { return };
        let mut user = name.to_owned();
        user.push("@");
        let siblings = above.parent().into_iter().flat_map(fs::read_dir).flatten();
        let of_users = siblings.filter_map(|dir| {
            let dir = dir.ok()?;
            dir.file_name().as_encoded_bytes().starts_with(user.as_encoded_bytes()).then_some(dir)
        });
        let states = of_users.map(|dir| dir.path()).chain([above.to_owned()]);
        for state in states.collect::<Vec<_>>() {
            let Some(dir) = session_dir(&state, project) else { continue };
            let old = dir.join(format!("{}.jsonl", self.session));
            if !kept.exists() && is_plain(&old) {
                let made = kept.parent().map_or(Ok(()), private_dir);
                if let Err(error) = made.and_then(|()| fs::rename(&old, kept)) {
                    log::warn!("cannot take over a transcript file={old:?} error={error}");
                }
            }
        }
    }

    /// Moves the transcript out of the home, whose content is not trusted.
    fn keep_transcript(&self) -> io::Result<()> {
        let Some(kept) = self.kept_file() else { return Ok(()) };
        let Ok(sessions) = open_dir(&self.open_config()?, SESSIONS) else { return Ok(()) };
        let name = format!("{}.jsonl", self.session);
        for entry in Dir::read_from(&sessions)?.filter_map(Result::ok).take(MOST_DIRS + 2) {
            let own: CString = entry.file_name().to_owned();
            if own.as_bytes().starts_with(b".") {
                continue;
            }
            let Ok(dir) = open_dir(&sessions, own.as_c_str()) else { continue };
            let found = statat(&dir, &name, AtFlags::SYMLINK_NOFOLLOW);
            if !found.is_ok_and(|it| FileType::from_raw_mode(it.st_mode) == FileType::RegularFile) {
                continue;
            }
            kept.parent().map_or(Ok(()), private_dir)?;
            let new = kept.with_extension("new");
            renameat(&dir, &name, CWD, &new)?;
            // Checked after the move, when no agent can change it.
            if is_plain(&new) {
                return fs::rename(&new, &kept);
            }
            fs::remove_file(&new)?;
        }
        Ok(())
    }

    /// Opens the program's directory, which the agent may have replaced.
    fn open_config(&self) -> io::Result<OwnedFd> {
        let home = open_dir(CWD, &self.dir)?;
        open_dir(&home, CONFIG)
    }
}

/// Removes the transcripts in `dir`.
pub(crate) fn forget(dir: &Path) {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            log::warn!("cannot remove an agent's transcripts dir={dir:?} error={error}");
        }
        _ => (),
    }
}

/// Opens a directory, but no link to one.
pub(in crate::agent) fn open_dir(
    at: impl std::os::fd::AsFd,
    path: impl rustix::path::Arg,
) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(at, path, flags, Mode::empty())?)
}

/// Whether it is a regular file with one link and a length that is resumed.
fn is_plain(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|found| found.is_file() && found.nlink() == 1 && found.len() <= TRANSCRIPT_BYTES)
}

/// Creates a directory; under root, other users can pass it.
pub(in crate::agent) fn passable_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    private_dir(dir)?;
    match own_user().uid {
        0 => fs::set_permissions(dir, fs::Permissions::from_mode(0o711)),
        _ => Ok(()),
    }
}
