//! From settings to a command line: which program answers, with what it is started, and what must
//! be in place before.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use tokio::process::Command;
use uuid::Uuid;

use crate::{
    config::settings::{AgentChoice, AgentSettings, Sandbox},
    policy::Secrets,
    project::Project,
};

use super::{
    AgentError, AgentSession, Inner, Server, claude, disk, guide, launcher, prompt,
    sandbox::{self, Needs, Profile, User, account},
};

/// One start of an agent as it was asked for.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub inner: Arc<Inner>,
    pub project: Project,
    pub session: AgentSession,
    /// The `claude` program; `None` is for the guide.
    pub claude: Option<PathBuf>,
    /// This program.
    pub cicerone: PathBuf,
    pub secrets: Secrets,
    /// Names the files of this start: those of an earlier one go when its process is gone.
    pub id: Uuid,
}

/// One start of an agent with everything in place.
#[derive(Debug)]
pub(super) struct Invocation {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    pub environment: Vec<(OsString, OsString)>,
    /// What the kernel lets it do; `None` is everything.
    pub profile: Option<Profile>,
    /// What is not as good as it could be about that, in words.
    pub note: Option<String>,
    /// The tools that it may come with, where that is checked.
    pub allowed_tools: Option<Vec<String>>,
    /// Where it puts results that are too long to show.
    pub results: Option<PathBuf>,
    /// A directory of its own for what it needs for a while.
    pub temporary: PathBuf,
    /// The directories of its state.
    pub state: Vec<PathBuf>,
}

/// The directories of agents below the server's own.
#[derive(Debug)]
pub(super) struct Place {
    /// All of them.
    pub agents: PathBuf,
    /// System prompts, one file a start.
    pub prompts: PathBuf,
    /// Temporary directories, one a start.
    pub temporary: PathBuf,
    /// State, one directory a project.
    pub states: PathBuf,
    /// What stands for projects in self-tests, one directory a test.
    pub self_tests: PathBuf,
}

/// The `claude` program that is to answer; `None` is for the guide.
pub(super) fn find_claude(
    settings: &AgentSettings,
    server: &Server,
) -> Result<Option<PathBuf>, AgentError> {
    if settings.kind == AgentChoice::Guide {
        return Ok(None);
    }
    if let Some(program) = &settings.claude {
        return if is_executable(program) {
            Ok(Some(program.clone()))
        } else {
            Err(AgentError::ProgramUnusable(program.clone()))
        };
    }
    let path = server.environment.iter().find(|(name, _)| name == "PATH");
    let path = path.map_or(OsStr::new(""), |(_, value)| value);
    let found = env::split_paths(path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("claude"))
        .find(|program| is_executable(program));
    match settings.kind {
        AgentChoice::Claude if found.is_none() => Err(AgentError::ClaudeNotFound),
        _ => Ok(found),
    }
}

fn is_executable(program: &Path) -> bool {
    fs::metadata(program)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

impl Place {
    pub fn new(data_dir: &Path) -> Self {
        let agents = data_dir.join("agents");
        Self {
            prompts: agents.join("prompts"),
            temporary: agents.join("tmp"),
            states: agents.join("claude"),
            self_tests: agents.join("self-test"),
            agents,
        }
    }

    /// The file and the directory that live as long as the process of one start.
    pub fn of_start(&self, id: Uuid) -> [PathBuf; 2] {
        [self.prompts.join(format!("{id}.md")), self.temporary.join(id.to_string())]
    }

    /// Removes the file and the directory of a start. They may never have been made.
    pub async fn remove([prompt, temporary]: [PathBuf; 2]) {
        tokio::fs::remove_file(prompt).await.ok();
        let cleared = tokio::task::spawn_blocking(move || disk::clear(&temporary)).await;
        if let Ok(Err(error)) = cleared {
            log::warn!("cannot remove an agent's temporary directory error={error}");
        }
    }

    /// Makes the directories. Where root serves, another user can pass through them: its agents can
    /// be another's.
    pub fn make(&self) -> io::Result<()> {
        for dir in [&self.prompts, &self.temporary, &self.states, &self.self_tests] {
            private_dir(dir)?;
        }
        if own_user().uid != 0 {
            return Ok(());
        }
        let above = self.agents.parent();
        let own = [&self.agents, &self.prompts, &self.temporary, &self.states, &self.self_tests];
        for dir in above.into_iter().chain(own.map(PathBuf::as_path)) {
            let mode = fs::metadata(dir)?.permissions().mode();
            if mode & 0o011 != 0o011 {
                fs::set_permissions(dir, fs::Permissions::from_mode(mode | 0o011))?;
            }
        }
        Ok(())
    }
}

impl Order {
    /// Puts everything in place. The error is for a person. Blocks.
    pub fn prepare(self) -> Result<Invocation, String> {
        check_dir(&self.project)?;
        let own = own_user();
        let place = Place::new(&self.inner.data_dir);
        place.make().map_err(|error| cannot_make(&place.agents, &error))?;
        match &self.claude {
            Some(program) => self.of_claude(program, own, &place),
            None => self.of_guide(own, &place),
        }
    }

    /// Claude Code as a guide to the project.
    fn of_claude(&self, program: &Path, own: User, place: &Place) -> Result<Invocation, String> {
        let (settings, server) = (&self.inner.settings, &self.inner.server);
        let [prompt, temporary] = place.of_start(self.id);
        let server_environment = || server.environment.iter().cloned();
        let login = claude::login_dir(&server.environment);
        if let Some(config) = &login {
            // As the program itself would.
            private_dir(config).map_err(|error| cannot_make(config, &error))?;
        }
        let chosen = self.user(own, place, program, login.as_deref())?;
        let (state, home) = match &login {
            Some(config) => {
                (claude::State::of_login(config, &server.environment, &self.project.dir), None)
            }
            None => {
                let name = match chosen.user {
                    None => self.project.name.to_string(),
                    Some(user) => format!("{}@{user}", self.project.name),
                };
                let dir = place.states.join(name);
                (claude::State::own(dir.clone()), chosen.user.map(|_| dir))
            }
        };
        let mut environment = claude::environment(server_environment(), settings, state.set_as());
        set(&mut environment, "TMPDIR", &temporary);
        if let Some(home) = home {
            set(&mut environment, "HOME", &home);
        }
        let has_web = settings.has_web(&self.project.name);
        let allowed_tools = Some(claude::allowed_tools(has_web));
        let arguments = claude::arguments(&claude::Launch {
            model: settings.model.as_deref(),
            project: &self.project,
            session: self.session,
            prompt: &prompt,
            cicerone: &self.cicerone,
            secrets: self.secrets.globs(),
            has_web,
        });
        #[cfg(feature = "faults")]
        let (arguments, allowed_tools) = match self.is_unlocked("tools") {
            true => (claude::unlocked::take_off(arguments, &mut environment), None),
            false => (arguments, allowed_tools),
        };
        let text = prompt::system_prompt(&self.project, has_web);
        let made =
            state.dirs.iter().chain([&temporary]).try_for_each(|dir| owned_dir(dir, chosen.user));
        made.and_then(|()| owned_file(&prompt, &text, chosen.user))
            .map_err(|error| cannot_make(&prompt, &error))?;
        let needs = Needs {
            project: &self.project.dir,
            programs: [program, &self.cicerone],
            environment: &environment,
            read: state.read.iter().cloned().chain([prompt]).collect(),
            write: state.write.iter().cloned().chain([temporary.clone()]).collect(),
            ports: sandbox::ports(&settings.ports, &environment),
        };
        let profile = self.profile(needs, chosen.user)?;
        Ok(Invocation {
            program: program.to_owned(),
            arguments,
            results: claude::results_dir(&environment, &self.project.dir, self.session),
            environment,
            profile,
            note: chosen.note,
            allowed_tools,
            temporary,
            state: state.dirs,
        })
    }

    /// The built-in guide to the project.
    fn of_guide(&self, own: User, place: &Place) -> Result<Invocation, String> {
        let chosen = self.user(own, place, &self.cicerone, None)?;
        let [_, temporary] = place.of_start(self.id);
        let mut environment = guide::environment(self.inner.server.environment.iter().cloned());
        set(&mut environment, "TMPDIR", &temporary);
        owned_dir(&temporary, chosen.user).map_err(|error| cannot_make(&temporary, &error))?;
        let needs = Needs {
            project: &self.project.dir,
            programs: [&self.cicerone, &self.cicerone],
            environment: &environment,
            read: Vec::new(),
            write: vec![temporary.clone()],
            ports: Vec::new(),
        };
        let profile = self.profile(needs, chosen.user)?;
        Ok(Invocation {
            program: self.cicerone.clone(),
            arguments: guide::arguments(&self.project, self.secrets.globs()),
            environment,
            profile,
            note: chosen.note,
            allowed_tools: None,
            results: None,
            temporary,
            state: Vec::new(),
        })
    }

    /// Whether a test has taken a lock off.
    #[cfg(feature = "faults")]
    pub fn is_unlocked(&self, lock: &str) -> bool {
        claude::unlocked::is_off(&self.inner.server.environment, lock)
    }

    /// As whom the agent runs.
    fn user(
        &self,
        own: User,
        place: &Place,
        program: &Path,
        login: Option<&Path>,
    ) -> Result<account::Chosen, String> {
        let settings = &self.inner.settings;
        if settings.sandbox == Sandbox::Off {
            return Ok(account::Chosen { user: None, note: None });
        }
        let mut needed = vec![program.to_owned(), self.cicerone.clone(), place.agents.clone()];
        needed.extend(login.map(Path::to_owned));
        let choice = account::Choice {
            wanted: settings.user.as_deref(),
            strict: settings.sandbox == Sandbox::Required,
            own,
            needed: &needed,
            project: &self.project.dir,
        };
        choice.choose()
    }

    /// What the kernel lets the agent do.
    fn profile(&self, needs: Needs<'_>, user: Option<User>) -> Result<Option<Profile>, String> {
        let settings = &self.inner.settings;
        if settings.sandbox == Sandbox::Off {
            return Ok(None);
        }
        let profile = needs.profile(settings, &self.inner.limits, user);
        match overlap(&profile.write, &self.project.dir) {
            None => Ok(Some(profile)),
            Some(own) => Err(format!(
                "No agent is started: it must write to {own:?}, and that would be a part of the \
                 project {:?}. Serve a directory that does not hold it, or let `CLAUDE_CONFIG_DIR` \
                 and `server.data_dir` name others.",
                self.project.dir
            )),
        }
    }
}

impl Invocation {
    /// The command that starts it, through the launcher, in the project's directory, as the
    /// leader of a process group of its own.
    pub fn command(&self, cicerone: &Path, dir: &Path) -> Result<Command, String> {
        self.command_for(cicerone, dir, &self.program, &self.arguments)
    }

    /// As [`Invocation::command`], with another program in the agent's place.
    pub fn command_for(
        &self,
        cicerone: &Path,
        dir: &Path,
        program: &Path,
        arguments: &[OsString],
    ) -> Result<Command, String> {
        let profile = self.profile.as_ref();
        let arguments = launcher::arguments(program.as_os_str(), arguments, profile);
        let mut command = Command::new(cicerone);
        command
            .args(arguments.map_err(|error| {
                format!("No agent is started: a path cannot be told to it: {error}.")
            })?)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        Ok(command)
    }
}

/// Who runs this process.
pub(super) fn own_user() -> User {
    use rustix::process::{getegid, geteuid};
    User { uid: geteuid().as_raw(), gid: getegid().as_raw() }
}

/// The first of `own` that lies in the project, or that the project lies in.
fn overlap<'a>(own: &'a [PathBuf], project: &Path) -> Option<&'a PathBuf> {
    let project = project.canonicalize().ok()?;
    own.iter().find(|path| {
        let real = path.canonicalize();
        real.is_ok_and(|real| real.starts_with(&project) || project.starts_with(&real))
    })
}

fn set(environment: &mut Vec<(OsString, OsString)>, name: &str, value: &Path) {
    environment.retain(|(known, _)| known != name);
    environment.push((name.into(), value.into()));
}

/// Whether the project's directory can be read. The error is for a person. Blocks.
pub(super) fn check_dir(project: &Project) -> Result<(), String> {
    match fs::read_dir(&project.dir) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "The project's directory {:?} cannot be read: {error}. Restore it, or correct its \
             path in the settings.",
            project.dir
        )),
    }
}

fn cannot_make(path: &Path, error: &io::Error) -> String {
    format!("The agent's files, such as {path:?}, cannot be written: {error}.")
}

fn private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// A directory that only `owner` can use.
fn owned_dir(dir: &Path, owner: Option<User>) -> io::Result<()> {
    private_dir(dir)?;
    give(dir, owner)
}

/// Writes a file that only `owner` can read. It never follows a link that waits in its place.
fn owned_file(path: &Path, text: &str, owner: Option<User>) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    give(path, owner)
}

fn give(path: &Path, owner: Option<User>) -> io::Result<()> {
    match owner {
        Some(user) => chown(path, Some(user.uid), Some(user.gid)),
        None => Ok(()),
    }
}
