//! The login of whoever runs the server, lent to an agent: a copy in the agent's own directory, as
//! long as the agent lives. The user's directory itself is out of an agent's reach.
//!
//! The program renews a login that is about to end, and the old one may be void then. So what an
//! agent has renewed goes back to the user's file once it is judged to be that ([`renewal`]), and
//! what has changed there, by whoever renewed it, is brought to the other agents.

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

use crate::agent::sandbox::{User, value};

use renewal::Tokens;

/// The file of a login, in the program's directory.
pub(crate) const FILE: &str = ".credentials.json";

/// What of that file is lent. What else it holds are accounts of other services.
const PART: &str = "claudeAiOauth";

/// Where the program keeps a key that it was given in place of a login.
const STATE_FILE: &str = ".claude.json";

/// That key's name.
const KEY: &str = "primaryApiKey";

/// Largest file of a login, bytes.
const FILE_BYTES: u64 = 64 << 10; // 64 KiB

/// Largest file that a key is looked for in, bytes: the program keeps much more in it.
const STATE_BYTES: u64 = 16 << 20; // 16 MiB

/// How often it is looked whether a login was renewed.
const LOOKED_AT: Duration = Duration::from_secs(1);

/// Held while the user's file is read and replaced, so that of two agents that renewed the later
/// one wins.
static REPLACING: Mutex<()> = Mutex::new(());

/// Where the user's login is.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    /// The program's directory.
    config: PathBuf,
    state: PathBuf,
}

impl Login {
    /// That of whoever runs the server; `None` where the environment has an account, or nobody's
    /// home is known.
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

    /// The program's directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.config
    }

    /// Whether the user has logged in, in one way or the other.
    pub(crate) fn is_there(&self) -> bool {
        self.config.join(FILE).is_file() || self.key().is_some()
    }

    /// The key that the user's program was given in place of a login.
    fn key(&self) -> Option<String> {
        let file = File::open(&self.state).ok()?;
        let whole = read_json(file, STATE_BYTES).ok()?;
        whole.get(KEY)?.as_str().filter(|key| !key.is_empty()).map(str::to_owned)
    }

    /// The user's login now, and the whole file that it is in.
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

    /// Puts what an agent renewed in place of the user's login, if it is that login renewed. Gives
    /// the user's login as it is then.
    fn replace(&self, agents: &Tokens) -> io::Result<Tokens> {
        let _alone = REPLACING.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        let (mut whole, users) = self.read()?.ok_or_else(|| refused("the user has logged out"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let renewed = renewal::renewed(&users, agents, now).map_err(refused)?;
        whole.insert(PART.to_owned(), Value::Object(renewed.clone()));
        // Where the user has put a link, what it leads to is the file.
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

/// A login that an agent has.
#[derive(Debug)]
pub(crate) struct Lent {
    login: Login,
    /// The agent's own directory. It is held open: an agent can put something else under its name.
    dir: OwnedFd,
    owner: Option<User>,
    /// What the agent was given, or has given back.
    lent: Option<Tokens>,
    /// What the user's file held when it was last looked at.
    seen: Option<Tokens>,
    /// What the agent wrote that is no renewal.
    refused: Option<Tokens>,
}

impl Lent {
    /// Lends the user's login, or the key in its place, to the agent that keeps its state in `dir`
    /// and runs as `owner`. There may be neither.
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

    /// What a server that was killed has left with an agent.
    pub(crate) fn left(login: Login, dir: OwnedFd) -> Self {
        Self { login, dir, owner: None, lent: None, seen: None, refused: None }
    }

    /// Gives back what the agent renewed, and brings what was renewed elsewhere. Blocks.
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
            // It is being written.
            Err(error) => log::debug!("cannot read the user's login error={error}"),
        }
    }

    /// Looks after the login until the agent has `ended`, and takes it back.
    pub(crate) async fn watched(mut self, mut ended: watch::Receiver<bool>) {
        while timeout(LOOKED_AT, ended.wait_for(|ended| *ended)).await.is_err() {
            let exchanged = spawn_blocking(move || {
                self.exchange();
                self
            });
            match exchanged.await {
                Ok(lent) => self = lent,
                Err(error) => return log::error!("a login is not looked after error={error}"),
            }
        }
        if let Err(error) = spawn_blocking(|| self.end()).await {
            log::error!("cannot take a login back error={error}");
        }
    }

    /// Takes the login from an agent that has ended. Blocks.
    pub(crate) fn end(mut self) {
        self.give_back();
        unlinkat(&self.dir, FILE, AtFlags::empty()).ok();
    }

    fn give_back(&mut self) {
        let Ok(Some(agents)) = self.agents() else { return };
        let agents = Some(agents);
        // A server that was killed does not know what it lent: the user's own is no renewal.
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

    /// What the agent's file holds. The agent may have put anything in its place.
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

    /// Puts a file into the agent's directory, in place of whatever has its name.
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

/// Writes a file that its owner alone can read, and that belongs to the owner of `old`.
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
