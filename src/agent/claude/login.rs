//! The login of the server's user, lent to an agent as a copy while the agent runs.
//!
//! The program renews an expiring login, which may void the old one. So a renewal by an agent is checked
//! ([`renewal`]) and written to the user's file, and a changed user's file is copied to the other agents. The
//! user's directory itself is out of every agent's reach.

mod renewal;

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown},
    },
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat};
use serde_json::{Map, Value};
use tokio::{sync::watch, task::spawn_blocking, time::timeout};
use uuid::Uuid;

use crate::agent::{
    executable::FileIdentity,
    sandbox::{User, value},
};

use super::AccountOwner;
use renewal::Tokens;

/// The program's file of credentials.
pub(crate) const FILE: &str = ".credentials.json";

/// The key of the login in that file; other keys hold accounts of other services.
const PART: &str = "claudeAiOauth";

/// The program's state file, which may hold an API key in place of a login.
const STATE_FILE: &str = ".claude.json";

/// The key of the API key in that file.
const KEY: &str = "primaryApiKey";

/// Largest file of credentials, in bytes.
const FILE_BYTES: u64 = 64 << 10; // 64 KiB

/// Largest state file, in bytes: it holds much more than the key.
const STATE_BYTES: u64 = 16 << 20; // 16 MiB

/// Time between two checks for a renewal.
const LOOKED_AT: Duration = Duration::from_secs(1);

/// Serializes replacements of the user's file, so the later of two renewals wins.
static REPLACING: Mutex<()> = Mutex::new(());

/// The location of the user's login.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    /// The program's configuration directory.
    config: PathBuf,
    state: PathBuf,
}

impl Login {
    /// The login of the server's user; `None` if the environment provides an account or no home is known.
    pub(crate) fn of(server: &[(OsString, OsString)]) -> Option<Self> {
        if super::environment::account_variable(server).is_some() {
            return None;
        }
        if let Some(config) = value(server, "CLAUDE_CONFIG_DIR").map(PathBuf::from) {
            return Some(Self { state: config.join(STATE_FILE), config });
        }
        let home = PathBuf::from(value(server, "HOME")?);
        Some(Self { state: home.join(STATE_FILE), config: home.join(".claude") })
    }

    /// The program's configuration directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.config
    }

    /// Whose login or API key it is. The program prefers the login.
    pub(crate) fn owner(&self) -> AccountOwner {
        match self.config.join(FILE).is_file() {
            true => AccountOwner::Person,
            false if self.key().is_some() => AccountOwner::Operator,
            false => AccountOwner::Nobody,
        }
    }

    /// The files that hold it, as they are now.
    fn files(&self) -> [Option<FileIdentity>; 2] {
        [&self.config.join(FILE), &self.state].map(|file| FileIdentity::of(file))
    }

    /// The API key in place of a login.
    fn key(&self) -> Option<String> {
        let file = File::open(&self.state).ok()?;
        let whole = read_json(file, STATE_BYTES).ok()?;
        whole.get(KEY)?.as_str().filter(|key| !key.is_empty()).map(str::to_owned)
    }

    /// The whole file of credentials, and the login in it.
    fn read(&self) -> io::Result<Option<(Map<String, Value>, Tokens)>> {
        let file = match File::open(self.config.join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let whole = read_json(file, FILE_BYTES)?;
        Ok(match whole.get(PART) {
            Some(Value::Object(tokens)) => Some((whole.clone(), tokens.clone())),
            _ => None,
        })
    }

    /// Replaces the user's login by an agent's, if that is a renewal of it. Returns the new login.
    fn replace(&self, agents: &Tokens) -> io::Result<Tokens> {
        let _alone = REPLACING.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        let (mut whole, users) = self.read()?.ok_or_else(|| refused("the user has logged out"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let renewed = renewal::renewed(&users, agents, now).map_err(refused)?;
        whole.insert(PART.to_owned(), Value::Object(renewed.clone()));
        // A link is followed to the file itself.
        let file = self.config.join(FILE).canonicalize()?;
        let new = file.with_file_name(format!("{FILE}.{}", Uuid::new_v4()));
        let written = write_like(&new, &file, Value::Object(whole).to_string().as_bytes());
        if let Err(error) = written.and_then(|()| fs::rename(&new, &file)) {
            fs::remove_file(&new).ok();
            return Err(error);
        }
        Ok(renewed)
    }
}

/// Looks for an account; its files are read again only when they have changed.
#[derive(Debug, Default)]
pub(crate) struct LoginCheck(Mutex<Option<([Option<FileIdentity>; 2], AccountOwner)>>);

impl LoginCheck {
    pub(crate) fn owner(&self, server: &[(OsString, OsString)]) -> AccountOwner {
        if let Some(owner) = super::environment::account_owner(server) {
            return owner;
        }
        let Some(login) = Login::of(server) else { return AccountOwner::Nobody };
        let files = login.files();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some((seen, owner)) if seen == files => owner,
            _ => last.insert((files, login.owner())).1,
        }
    }
}

/// A login lent to an agent.
#[derive(Debug)]
pub(crate) struct Lent {
    login: Login,
    /// The agent's configuration directory, held open because the agent can replace the path.
    dir: OwnedFd,
    owner: Option<User>,
    /// The login that the agent got, or its last renewal.
    lent: Option<Tokens>,
    /// The user's login when last read.
    seen: Option<Tokens>,
    /// The last login of the agent that was rejected.
    refused: Option<Tokens>,
}

impl Lent {
    /// Lends the user's login or API key, if there is one, to the agent with configuration directory `dir`
    /// that runs as `owner`.
    pub(crate) fn lend(login: Login, dir: OwnedFd, owner: Option<User>) -> io::Result<Self> {
        let users = login.read().unwrap_or_else(|error| {
            log::warn!("cannot read the login in {:?}: {error}; run `claude` once", login.config);
            None
        });
        let users = users.map(|(_, tokens)| tokens);
        let mut lent = Self { login, dir, owner, lent: None, seen: None, refused: None };
        match (&users, lent.login.key()) {
            (Some(tokens), _) => lent.bring(tokens)?,
            (None, Some(key)) => {
                lent.put(STATE_FILE, &Value::from(Map::from_iter([(KEY.to_owned(), key.into())])))?
            }
            (None, None) => (),
        }
        lent.seen = users;
        Ok(lent)
    }

    /// A login that a killed server had lent.
    pub(crate) fn left(login: Login, dir: OwnedFd) -> Self {
        Self { login, dir, owner: None, lent: None, seen: None, refused: None }
    }

    /// Returns a renewal by the agent, and passes on one from elsewhere. Blocks.
    pub(crate) fn exchange(&mut self) {
        self.give_back();
        match self.login.read().map(|read| read.map(|(_, tokens)| tokens)) {
            Ok(users) if users == self.seen => (),
            Ok(Some(tokens)) => match self.bring(&tokens) {
                Ok(()) => self.seen = Some(tokens),
                Err(error) => log::debug!("cannot bring an agent its login error={error}"),
            },
            Ok(None) => {
                // The user has logged out.
                unlinkat(&self.dir, FILE, AtFlags::empty()).ok();
                (self.lent, self.seen) = (None, None);
            }
            // The file is being written.
            Err(error) => log::debug!("cannot read the user's login error={error}"),
        }
    }

    /// Exchanges renewals until the agent has `ended`, then takes the login back.
    pub(crate) async fn watched(mut self, mut ended: watch::Receiver<bool>) {
        while timeout(LOOKED_AT, ended.wait_for(|ended| *ended)).await.is_err() {
            let exchanged = spawn_blocking(move || {
                self.exchange();
                self
            });
            match exchanged.await {
                Ok(lent) => self = lent,
                Err(error) => return log::error!("cannot check a login for renewal error={error}"),
            }
        }
        if let Err(error) = spawn_blocking(|| self.end()).await {
            log::error!("cannot take a login back error={error}");
        }
    }

    /// Takes the login back after the agent's end. Blocks.
    pub(crate) fn end(mut self) {
        self.give_back();
        unlinkat(&self.dir, FILE, AtFlags::empty()).ok();
    }

    fn give_back(&mut self) {
        let Ok(Some(agents)) = self.agents() else { return };
        let agents = Some(agents);
        // An unchanged or already rejected login is no renewal.
        if agents == self.lent || agents == self.refused {
            return;
        }
        match agents.as_ref().map(|agents| self.login.replace(agents)) {
            Some(Ok(users)) => {
                log::info!("the login was renewed by an agent and is the user's now");
                self.seen = Some(users);
                self.lent = agents;
            }
            Some(Err(error)) => {
                if self.lent.is_some() {
                    log::warn!(
                        "an agent changed the login that it was lent, and that is not given back: \
                         {error}; if the login stops working, run `claude` and log in again"
                    );
                }
                self.refused = agents;
            }
            None => (),
        }
    }

    /// The login in the agent's file, whose content is not trusted.
    fn agents(&self) -> io::Result<Option<Tokens>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.dir, FILE, flags, Mode::empty())?);
        let found = file.metadata()?;
        if !found.is_file() || found.nlink() != 1 {
            return Ok(None);
        }
        match read_json(file, FILE_BYTES)?.remove(PART) {
            Some(Value::Object(tokens)) => Ok(Some(tokens)),
            _ => Ok(None),
        }
    }

    fn bring(&mut self, tokens: &Tokens) -> io::Result<()> {
        let file = Map::from_iter([(PART.to_owned(), Value::Object(tokens.clone()))]);
        self.put(FILE, &Value::Object(file))?;
        self.lent = Some(tokens.clone());
        Ok(())
    }

    /// Writes a file of the agent's directory, replacing what is there.
    fn put(&self, name: &str, content: &Value) -> io::Result<()> {
        let new = format!("{name}.{}", Uuid::new_v4());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = Mode::RUSR | Mode::WUSR;
        let made = openat(&self.dir, &new, flags | OFlags::CLOEXEC, mode)?;
        let mut file = File::from(made);
        let written = file.write_all(content.to_string().as_bytes()).and_then(|()| {
            let owner = self.owner.map(|owner| (Some(owner.uid), Some(owner.gid)));
            owner.map_or(Ok(()), |(uid, gid)| fchown(file.as_fd(), uid, gid))?;
            Ok(renameat(&self.dir, &new, &self.dir, name)?)
        });
        if written.is_err() {
            unlinkat(&self.dir, &new, AtFlags::empty()).ok();
        }
        written
    }
}

fn read_json(file: File, most: u64) -> io::Result<Map<String, Value>> {
    let mut text = Vec::new();
    file.take(most + 1).read_to_end(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too large"));
    }
    Ok(serde_json::from_slice(&text)?)
}

/// Writes a file that only the owner of `old` can read.
fn write_like(new: &Path, old: &Path, text: &[u8]) -> io::Result<()> {
    let owner = fs::metadata(old)?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (owner.uid(), owner.gid()) {
        fchown(file.as_fd(), Some(owner.uid()), Some(owner.gid()))?;
    }
    file.write_all(text)?;
    file.sync_all()
}
