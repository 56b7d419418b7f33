//! Runs of the system's `git` on a repository of the server's own, each in a cage: it writes to that
//! repository alone, and connects to the port of its remote alone.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::{
    config::settings::{GitSettings, Sandbox},
    git_remote::{
        GitRemote, RemoteLogin, Repository,
        command::{self, GitTask},
        credentials::RemoteCredentials,
    },
    project::{Project, ProjectName, Roots, absence::Absences},
};

use super::{
    AgentSession, Agents, Inner,
    choice::{self, AgentProgram},
    directories::{Directories, own_user, owned_dir, owned_file, private_dir},
    git_helper,
    invocation::{Invocation, LaunchRequest},
    process::{disk_quota::DiskQuota, resources::ResourceLimits},
    remove_dir::remove_dir_all,
    run_once,
    sandbox::{
        self, AccessNeeds, NETWORK_VARIABLES, User,
        user::{ChosenUser, UserChoice},
    },
};

/// Processes and threads of one command.
const TASKS: u64 = 128;

/// Largest file with a secret that is read, in bytes.
const MAX_SECRET: u64 = 64 << 10;

/// A directory that everybody can read, in place of a project.
const READABLE_DIR: &str = "/usr";

/// Files that git and `ssh` look up: templates, and the name of the user.
const SYSTEM_FILES: [&str; 2] = ["/usr/share/git-core", "/etc/passwd"];

/// The user of a token where none is named: forges look at the token alone.
const TOKEN_USER: &str = "x-access-token";

impl Agents {
    /// Why directories of projects are not there yet.
    pub(crate) fn absences(&self) -> &Absences {
        &self.inner.absences
    }

    /// Runs one command on a repository and returns what it prints. The error is for a person.
    pub(crate) async fn run_git(
        &self,
        repository: &Repository,
        task: GitTask,
        settings: &GitSettings,
    ) -> Result<String, String> {
        let request = self.launch_request(
            AgentProgram::Guide,
            Project::new(ProjectName::mend("git"), READABLE_DIR),
            None,
            AgentSession::New(Uuid::new_v4()),
        );
        let request = request.map_err(|error| error.to_string())?;
        let cicerone = request.cicerone.clone();
        let start = Directories::new(&self.inner.data_dir).of_start(request.id);
        let [_, temporary] = start.clone();
        let (prepared, home) = (repository.clone(), repository.home.clone());
        let limits = settings.clone();
        let prepared = spawn_blocking(move || request.prepare_git(&prepared, &task, &limits)).await;
        let ran = match prepared.map_err(|error| error.to_string()).flatten() {
            Ok(invocation) => {
                let paths = [cicerone.as_path(), &invocation.program];
                let quota = DiskQuota { bytes: settings.disk as u64, files: settings.files };
                let dirs = vec![repository.store(), repository.trees()];
                let bounds =
                    run_once::RunLimits { time: settings.timeout, disk: Some((dirs, quota)) };
                let arguments = &invocation.arguments;
                run_once::run(&invocation, &self.inner.spawner, paths, arguments, bounds).await
            }
            Err(words) => Err(words),
        };
        Directories::remove(start).await;
        let ran = ran.map_err(|words| told_limit(&words, settings))?;
        match ran.status.success() {
            true => Ok(ran.stdout),
            false => Err(command::complaint(&ran.stderr, &home, &temporary)),
        }
    }

    /// Removes the repositories that are not among these, and in these the trees that are not served.
    /// Only while no agent runs. Blocks.
    pub(crate) fn clear_repositories(&self, known: &[Repository]) {
        let place = Directories::new(&self.inner.data_dir);
        for dir in dirs_in(&place.repositories) {
            if !known.iter().any(|repository| repository.home == dir) {
                remove(&dir);
            }
        }
        known.iter().for_each(|repository| remove_old_trees(repository, Duration::ZERO));
    }
}

/// Removes the trees that are served no more since this time, so that agents in them can finish.
/// Blocks.
pub(crate) fn remove_old_trees(repository: &Repository, kept: Duration) {
    let links = repository.branches.iter().map(|branch| repository.link(&branch.project));
    let served: Vec<PathBuf> = links.filter_map(|link| link.canonicalize().ok()).collect();
    for dir in dirs_in(&repository.trees()) {
        let is_served = dir.canonicalize().is_ok_and(|dir| served.contains(&dir));
        let is_old = |found: fs::Metadata| found.modified().ok()?.elapsed().ok();
        let age = dir.metadata().ok().and_then(is_old).unwrap_or_default();
        if !is_served && age >= kept {
            remove(&dir);
        }
    }
}

fn dirs_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    // A link leads elsewhere.
    let is_dir = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.filter(is_dir).map(|entry| entry.path()).collect()
}

/// Removes a directory of git's; one that stays is told in the log. Blocks.
pub(crate) fn remove(dir: &Path) {
    if let Err(error) = remove_dir_all(dir) {
        log::warn!("cannot remove an old checkout dir={dir:?} error={error}");
    }
}

/// The same words with the setting that allows more.
fn told_limit(words: &str, settings: &GitSettings) -> String {
    if words == run_once::TOO_LARGE {
        let most = bytesize::ByteSize(settings.disk as u64).display().iec();
        return format!(
            "it takes more than {most} or {} files on disk (`advanced.git.disk`, \
             `advanced.git.files`)",
            settings.files
        );
    }
    match words.contains("did not end within") {
        true => format!("it took longer than {:?} (`advanced.git.timeout`)", settings.timeout),
        false => words.to_owned(),
    }
}

impl LaunchRequest {
    /// One command on a repository. Blocks.
    fn prepare_git(
        &self,
        repository: &Repository,
        task: &GitTask,
        settings: &GitSettings,
    ) -> Result<Invocation, String> {
        let Inner { settings: agent, limits, server, .. } = &*self.inner;
        let remote = &repository.remote;
        let path = search_path(sandbox::value(&server.environment, "PATH"));
        let path = path.as_os_str();
        let program = choice::find_in(path, Path::new("git"))
            .ok_or("`git` is not installed on the server")?;
        let place = Directories::new(&self.inner.data_dir);
        place.make().map_err(|error| cannot_write(&error))?;
        let [_, temporary] = place.of_start(self.id);
        let source = remote.address.dir().filter(|_| task.is_remote());
        let chosen = self.git_user(&program, source.as_deref(), &place)?;
        let made = make(repository, chosen.user).and_then(|()| owned_dir(&temporary, chosen.user));
        made.map_err(|error| cannot_write(&error))?;
        let password = password(remote, task, &server.environment)?;
        write_logins(remote, password.as_ref(), &temporary, chosen.user)?;
        let environment = environment(remote, &temporary, path, server);
        let ports = match task.is_remote() {
            true => {
                sandbox::ports(&remote.address.port().into_iter().collect::<Vec<_>>(), &environment)
            }
            false => Vec::new(),
        };
        let needs = AccessNeeds {
            project: None,
            programs: [&program, &self.cicerone],
            environment: &environment,
            read: source.into_iter().chain(SYSTEM_FILES.map(PathBuf::from)).collect(),
            write: vec![repository.store(), repository.trees(), temporary.clone()],
            ports,
        };
        let profile = (agent.sandbox != Sandbox::Off).then(|| {
            let mut profile = needs.profile(agent, limits, chosen.user);
            profile.reads_all = chosen.reads_all;
            profile.read.retain(|path| !agent.readable.contains(path));
            profile.file_bytes = settings.disk as u64;
            profile.run.extend(helpers(&program));
            profile
        });
        let arguments = task.arguments(remote, &repository.store(), &temporary);
        Ok(Invocation {
            program,
            arguments: arguments.into_iter().map(OsString::from).collect(),
            environment,
            dir: temporary.clone(),
            profile,
            limits: ResourceLimits { memory: settings.memory as u64, tasks: TASKS },
            note: chosen.note,
            allowed_tools: None,
            results: None,
            temporary,
            home: None,
            lent: None,
            acp: None,
        })
    }

    /// The user that git runs as: it reads `source`, if the remote is a directory.
    fn git_user(
        &self,
        program: &Path,
        source: Option<&Path>,
        place: &Directories,
    ) -> Result<ChosenUser, String> {
        let agent = &self.inner.settings;
        if agent.sandbox == Sandbox::Off {
            return Ok(ChosenUser { user: None, reads_all: false, note: None });
        }
        let choice = UserChoice {
            wanted: agent.user.as_deref(),
            strict: agent.sandbox == Sandbox::Required,
            own: own_user(),
            can_read_all: sandbox::can_read_all(),
            needed: &[program.to_owned(), self.cicerone.clone(), place.agents.clone()],
            project: &Roots::from(source.unwrap_or_else(|| Path::new(READABLE_DIR))),
        };
        choice.choose()
    }
}

fn cannot_write(error: &io::Error) -> String {
    format!("the server cannot write its files: {error}")
}

/// Programs of the system first: these may be run in the cage anyway.
fn search_path(own: Option<&OsStr>) -> OsString {
    let mut path = OsString::from("/usr/bin:/bin");
    if let Some(own) = own {
        path.push(":");
        path.push(own);
    }
    path
}

/// The directories in which a `git` outside of the system's has its helpers.
fn helpers(program: &Path) -> Vec<PathBuf> {
    let real = program.canonicalize().unwrap_or_default();
    let prefix = real.ancestors().nth(2).map(Path::to_owned).unwrap_or_default();
    ["libexec/git-core", "lib/git-core"].map(|dir| prefix.join(dir)).to_vec()
}

/// Makes the directories of a repository. The links to what is served are the server's own.
fn make(repository: &Repository, owner: Option<User>) -> io::Result<()> {
    for dir in [repository.home.clone(), repository.home.join("at")] {
        private_dir(&dir)?;
        if owner.is_some() {
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o711))?;
        }
    }
    owned_dir(&repository.store(), owner)?;
    owned_dir(&repository.trees(), owner)
}

/// The login that git shows its remote, if it has one and is to speak with it. Blocks.
fn password(
    remote: &GitRemote,
    task: &GitTask,
    environment: &[(OsString, OsString)],
) -> Result<Option<RemoteCredentials>, String> {
    let RemoteLogin { user, token_file, credential_helper, .. } = &remote.login;
    match token_file {
        _ if !task.is_remote() => Ok(None),
        Some(file) => {
            let password = secret(file, "token_file")?.trim().to_owned();
            Ok(Some(RemoteCredentials { user: user.clone(), password }))
        }
        None if credential_helper.is_empty() => Ok(None),
        None => git_helper::ask(remote, environment).map(Some),
    }
}

/// Writes what git shows its remote, readable by this command alone and gone after it.
fn write_logins(
    remote: &GitRemote,
    password: Option<&RemoteCredentials>,
    dir: &Path,
    owner: Option<User>,
) -> Result<(), String> {
    let login = &remote.login;
    let write = |name: &str, text: &str| {
        let written = owned_file(&dir.join(name), text, owner);
        written.map_err(|error| cannot_write(&error))
    };
    if let Some(RemoteCredentials { user, password }) = password {
        let user = user.as_deref().or(login.user.as_deref()).unwrap_or(TOKEN_USER);
        let line = remote.address.credential(user, password);
        write(command::LOGINS, &line.ok_or("the remote takes no login")?)?;
    }
    for (file, key, name) in [
        (&login.ssh_key, "ssh_key", command::KEY),
        (&login.known_hosts, "known_hosts", command::KNOWN_HOSTS),
    ] {
        if let Some(file) = file {
            write(name, &secret(file, key)?)?;
        }
    }
    write(command::SETTINGS_FILE, "[safe]\n\tdirectory = *\n")
}

/// The text of a file with a secret. The error names the key, not the file.
fn secret(file: &Path, key: &str) -> Result<String, String> {
    let is_small = file.metadata().is_ok_and(|found| found.is_file() && found.len() <= MAX_SECRET);
    let read = is_small.then(|| fs::read_to_string(file).ok()).flatten();
    let text = read.filter(|text| !text.trim().is_empty());
    text.ok_or_else(|| format!("the file of `{key}` cannot be read, or is empty"))
}

fn environment(
    remote: &GitRemote,
    temporary: &Path,
    path: &OsStr,
    server: &super::Server,
) -> Vec<(OsString, OsString)> {
    let passed = server
        .environment
        .iter()
        .filter(|(name, _)| NETWORK_VARIABLES.iter().any(|passed| name == passed));
    let mut all: Vec<(OsString, OsString)> = passed.cloned().collect();
    all.extend([
        ("PATH".into(), path.to_owned()),
        ("HOME".into(), temporary.into()),
        ("TMPDIR".into(), temporary.into()),
    ]);
    let of_git = command::environment(&remote.address, temporary);
    all.extend(of_git.into_iter().map(|(name, value)| (name.into(), value.into())));
    all
}
