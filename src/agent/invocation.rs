//! Preparation of an agent: files, environment, confinement and command line.

mod acp_program;
mod own_program;

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use tokio::process::Command;
use uuid::Uuid;

use crate::{config::settings::Sandbox, ids::ConversationId, policy::Secrets, project::Project};

use super::{
    AgentSession, Inner,
    acp::AcpRun,
    choice::AgentProgram,
    claude::{self, Home, Lent, Login},
    directories::{Directories, own_user, owned_dir, owned_file},
    instructions::Instructions,
    process::{disk_quota::DiskQuota, launch_args, resources::ResourceLimits},
    prompt::{self, Specification},
    sandbox::{self, AccessNeeds, Profile, User, user},
};

/// A requested start of an agent.
#[derive(Debug, Clone)]
pub(super) struct LaunchRequest {
    pub inner: Arc<Inner>,
    pub project: Project,
    /// The conversation whose transcript is kept; without one the agent gets no login either.
    pub conversation: Option<ConversationId>,
    pub session: AgentSession,
    pub program: AgentProgram,
    /// Whether the program knows [`claude::RESTRICTED`].
    pub is_restricted: bool,
    /// The `cicerone` program.
    pub cicerone: PathBuf,
    pub secrets: Secrets,
    pub specification: Specification,
    pub instructions: Instructions,
    /// Names the files of this start; those of an earlier start are removed at its end.
    pub id: Uuid,
}

/// A prepared start of an agent.
#[derive(Debug)]
pub(super) struct Invocation {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    pub environment: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub dir: PathBuf,
    /// What the kernel lets it do; `None` for everything.
    pub profile: Option<Profile>,
    pub limits: ResourceLimits,
    /// How the confinement falls short of the best, for the log.
    pub note: Option<String>,
    /// The only tools that it may come with; `None` skips the check.
    pub allowed_tools: Option<Vec<String>>,
    /// Directory of tool results that are too long to show.
    pub results: Option<PathBuf>,
    pub temporary: PathBuf,
    /// Its home directory, to be closed at its end.
    pub home: Option<Home>,
    /// The user's login, to be returned at its end.
    pub lent: Option<Lent>,
    /// What an agent of the Agent Client Protocol needs.
    pub acp: Option<AcpRun>,
}

impl LaunchRequest {
    /// Prepares the start. The error is for a person. Blocks.
    pub(super) fn prepare(self) -> Result<Invocation, String> {
        check_dirs(&self.project)?;
        let own = own_user();
        let place = Directories::new(&self.inner.data_dir);
        place.make().map_err(|error| cannot_make(&place.agents, &error))?;
        match &self.program {
            AgentProgram::Claude { program, .. } => self.prepare_claude(program, own, &place),
            AgentProgram::Model(config) => self.prepare_model(config, own, &place),
            AgentProgram::Acp(config) => self.prepare_acp(config, own, &place),
            AgentProgram::Replay(replay) => self.prepare_replay(replay, own, &place),
            AgentProgram::Guide => self.prepare_guide(own, &place),
        }
    }

    /// Claude Code as a guide to the project.
    fn prepare_claude(
        &self,
        program: &Path,
        own: User,
        place: &Directories,
    ) -> Result<Invocation, String> {
        let [prompt, temporary] = place.of_start(self.id);
        let chosen = self.user(own, place, program)?;
        let has_web = self.inner.live.get().agents.has_web(&self.project.name);
        let text =
            prompt::system_prompt(&self.project, &self.specification, &self.instructions, has_web);
        owned_dir(&temporary, chosen.user)
            .and_then(|()| owned_file(&prompt, &text, chosen.user))
            .map_err(|error| cannot_make(&prompt, &error))?;
        let session = self.session.id();
        let home = match self.conversation {
            Some(conversation) => Home::of(place, &self.project.name, conversation, session),
            None => Home::passing(place, &temporary, session),
        };
        let login = Login::of(&self.inner.server.environment);
        let lent = self.furnish(&home, login.clone(), chosen.user);
        let lent = lent.map_err(|error| cannot_make(home.dir(), &error))?;
        let invocation = self.claude_invocation(program, &prompt, temporary, home);
        let mut invocation = Invocation { lent, note: chosen.note.clone(), ..invocation };
        let needs = AccessNeeds {
            project: Some(&self.project.roots),
            programs: [program, &self.cicerone],
            environment: &invocation.environment,
            read: vec![prompt],
            write: invocation.own_directories(),
            ports: sandbox::ports(&self.inner.settings.ports, &invocation.environment),
        };
        match self.profile(needs, login.as_ref().map(Login::dir), &chosen) {
            Ok(profile) => Ok(Invocation { profile, ..invocation }),
            Err(words) => {
                invocation.close();
                Err(words)
            }
        }
    }

    /// The command of Claude Code, still without a profile and a login.
    fn claude_invocation(
        &self,
        program: &Path,
        prompt: &Path,
        temporary: PathBuf,
        home: Home,
    ) -> Invocation {
        let (settings, server) = (&self.inner.settings, &self.inner.server);
        let mut environment =
            claude::environment(server.environment.iter().cloned(), settings, &home);
        set(&mut environment, "TMPDIR", &temporary);
        let has_web = self.inner.live.get().agents.has_web(&self.project.name);
        let allowed_tools = Some(claude::allowed_tools(has_web));
        let arguments = self.arguments(prompt, has_web);
        #[cfg(feature = "faults")]
        let (arguments, allowed_tools) = match self.is_unlocked("tools") {
            true => (claude::fault_injection::take_off(arguments, &mut environment), None),
            false => (arguments, allowed_tools),
        };
        Invocation {
            program: program.to_owned(),
            arguments,
            results: claude::results_dir(&environment, self.project.roots.first(), self.session),
            environment,
            dir: self.project.roots.first().to_owned(),
            profile: None,
            limits: self.limits(),
            note: None,
            allowed_tools,
            temporary,
            home: Some(home),
            lent: None,
            acp: None,
        }
    }

    fn arguments(&self, prompt: &Path, has_web: bool) -> Vec<OsString> {
        claude::arguments(&claude::ClaudeOptions {
            model: self.program.model(self.inner.settings.model.as_deref()),
            project: &self.project,
            session: self.session,
            prompt,
            cicerone: &self.cicerone,
            secrets: self.secrets.globs(),
            has_web,
            is_restricted: self.is_restricted,
        })
    }

    /// Creates the agent's home and lends it the login.
    fn furnish(
        &self,
        home: &Home,
        login: Option<Login>,
        user: Option<User>,
    ) -> io::Result<Option<Lent>> {
        let lend = || {
            home.make(self.session, self.project.roots.first(), user)?;
            let login = login.filter(|_| self.conversation.is_some());
            login.map(|login| home.lend(login, user)).transpose()
        };
        lend().inspect_err(|_| home.close())
    }

    /// Whether a test has disabled a lock.
    #[cfg(feature = "faults")]
    pub(super) fn is_unlocked(&self, lock: &str) -> bool {
        claude::fault_injection::is_off(&self.inner.server.environment, lock)
    }

    /// The user that the agent runs as.
    fn user(
        &self,
        own: User,
        place: &Directories,
        program: &Path,
    ) -> Result<user::ChosenUser, String> {
        let settings = &self.inner.settings;
        if settings.sandbox == Sandbox::Off {
            return Ok(user::ChosenUser { user: None, reads_all: false, note: None });
        }
        let needed = [program.to_owned(), self.cicerone.clone(), place.agents.clone()];
        let choice = user::UserChoice {
            wanted: settings.user.as_deref(),
            strict: settings.sandbox == Sandbox::Required,
            own,
            can_read_all: sandbox::can_read_all(),
            needed: &needed,
            project: &self.project.roots,
        };
        choice.choose()
    }

    /// Limits for the agent and its descendants.
    fn limits(&self) -> ResourceLimits {
        let limits = &self.inner.limits;
        ResourceLimits { memory: limits.agent_memory as u64, tasks: limits.agent_processes as u64 }
    }

    /// What it and its descendants may keep on disk.
    pub(super) fn disk_quota(&self) -> DiskQuota {
        let limits = &self.inner.limits;
        DiskQuota { bytes: limits.agent_disk as u64, files: limits.agent_files }
    }

    /// The agent's profile. `login` is the directory of the user's login.
    fn profile(
        &self,
        needs: AccessNeeds<'_>,
        login: Option<&Path>,
        chosen: &user::ChosenUser,
    ) -> Result<Option<Profile>, String> {
        let settings = &self.inner.settings;
        if settings.sandbox == Sandbox::Off {
            return Ok(None);
        }
        let mut profile = needs.profile(settings, &self.inner.limits, chosen.user);
        profile.reads_all = chosen.reads_all;
        #[cfg(feature = "faults")]
        profile.faults.extend(claude::fault_injection::rules_off(&self.inner.server.environment));
        for dir in self.project.roots.dirs() {
            if let Some(login) = login.filter(|login| lies_in(login, dir)) {
                return Err(format!(
                    "No agent is started: the login directory {login:?} lies in the project \
                     {dir:?}, which agents can read. Serve a directory that does not contain it, or \
                     set `CLAUDE_CONFIG_DIR` to another."
                ));
            }
            if let Some(own) = overlap(&profile.write, dir) {
                return Err(format!(
                    "No agent is started: it must write to {own:?}, which overlaps with the project \
                     {dir:?}. Serve another directory, or set `server.data_dir` to another."
                ));
            }
        }
        Ok(Some(profile))
    }
}

impl Invocation {
    /// The directories that the agent may write to.
    pub(super) fn own_directories(&self) -> Vec<PathBuf> {
        let home = self.home.iter().map(Home::dir);
        let home = home.chain(self.acp.iter().map(|acp| acp.home.dir()));
        // The temporary directory first: leftovers in it are removed with it.
        [&*self.temporary].into_iter().chain(home).map(Path::to_owned).collect()
    }

    /// All directories that the sandbox lets it write to.
    pub(super) fn written(&self) -> Vec<PathBuf> {
        self.profile.iter().flat_map(|profile| profile.write.iter().cloned()).collect()
    }

    /// Returns the login and closes the home, after the agent's end or instead of its start. Blocks.
    pub(super) fn close(&mut self) {
        if let Some(lent) = self.lent.take() {
            lent.end();
        }
        if let Some(home) = self.home.take() {
            home.close();
        }
        if let Some(acp) = self.acp.take() {
            acp.home.close();
        }
    }

    /// The launcher's command, as the leader of a new process group.
    pub(super) fn command(&self, cicerone: &Path) -> Result<Command, String> {
        self.command_for(cicerone, &self.program, &self.arguments)
    }

    /// [`Invocation::command`] for another program in the agent's place.
    pub(super) fn command_for(
        &self,
        cicerone: &Path,
        program: &Path,
        arguments: &[OsString],
    ) -> Result<Command, String> {
        let profile = self.profile.as_ref();
        let arguments =
            launch_args::arguments(program.as_os_str(), arguments, profile, self.limits);
        let mut command = Command::new(cicerone);
        command
            .args(arguments.map_err(|error| {
                format!("No agent is started: a path on its command line is not Unicode: {error}.")
            })?)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        Ok(command)
    }
}

fn lies_in(path: &Path, dir: &Path) -> bool {
    matches!((path.canonicalize(), dir.canonicalize()), (Ok(path), Ok(dir)) if path.starts_with(&dir))
}

/// The first of `own` that overlaps with the project.
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

/// Checks that the project's directories can be read. The error is for a person. Blocks.
pub(super) fn check_dirs(project: &Project) -> Result<(), String> {
    project.check_dirs().map_err(|(dir, error)| {
        format!(
            "The project's directory {dir:?} cannot be read: {error}. Restore it, or correct its \
             path in the settings."
        )
    })
}

fn cannot_make(path: &Path, error: &io::Error) -> String {
    format!("Cannot write the agent's files, such as {path:?}: {error}.")
}
