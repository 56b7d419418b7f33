//! The choice of an agent: by name, by project, or the first that is usable.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    config::settings::{
        AgentChoice,
        agents::{
            AUTO, AcpConfig, AgentConfig, AgentName, CLAUDE, ClaudeConfig, GUIDE, ModelConfig,
            NamedAgent,
        },
    },
    project::ProjectName,
    recording::Protocol,
};

use super::{
    AgentError, AgentKind, Agents, Inner, Server,
    acp::Recipe,
    claude::{self, AccountOwner},
    codec::AgentLines,
    replay::ReplayProgram,
};

/// Why the guide answers although nobody has chosen it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoModel {
    /// There is no `claude` program on the `PATH`.
    #[error(
        "Claude Code is not installed on the server; install it with `npm install -g \
         @anthropic-ai/claude-code` and run `claude` there once to log in"
    )]
    NotInstalled,
    /// The program has no account.
    #[error(
        "Claude Code is not logged in on the server; run `claude` there once to log in, or start \
         the server with `ANTHROPIC_API_KEY`"
    )]
    NotLoggedIn,
    /// The account is that of one person, and others can ask.
    #[error("{PERSONAL_LOGIN}")]
    PersonalLogin,
    /// The last of the configured model services cannot be asked.
    #[error("the agent `{name}` cannot be asked: {why}")]
    Unusable {
        /// The agent.
        name: AgentName,
        /// Why not.
        why: String,
    },
    /// The kernel cannot confine an agent with a network as the settings require.
    #[error(
        "the server's kernel cannot confine an agent that has a network as `agent.sandbox` requires \
         (Linux 6.12 or newer can); `cicerone doctor` says what is missing"
    )]
    NotConfined,
}

/// Why a personal login does not answer.
pub(crate) const PERSONAL_LOGIN: &str = "the account on the server is one person's login, which \
    answers only that person, and this server is open to others: start it with an API key \
    (`ANTHROPIC_API_KEY`), Bedrock, Vertex or a gateway, or allow it with `agent.share_login`, \
    which the terms of the service may forbid";

/// What runs as an agent.
#[derive(Debug, Clone)]
pub(super) enum AgentProgram {
    /// Claude Code.
    Claude {
        program: PathBuf,
        /// The model to ask for, where the agent's own table names one.
        model: Option<String>,
    },
    /// This program, which asks a model service.
    Model(Box<ModelConfig>),
    /// A program that speaks the Agent Client Protocol.
    Acp(Box<AcpConfig>),
    /// This program, which plays a recording.
    Replay(ReplayProgram),
    /// This program as the guide.
    Guide,
}

/// The agent that a start gives.
#[derive(Debug, Clone)]
pub(super) struct ChosenAgent {
    pub name: AgentName,
    pub program: AgentProgram,
    /// Why it is the guide, where nobody has chosen that.
    pub reason: Option<NoModel>,
}

impl AgentProgram {
    pub(super) fn kind(&self) -> AgentKind {
        match self {
            Self::Claude { .. } => AgentKind::Claude,
            Self::Model(_) => AgentKind::Model,
            Self::Acp(_) => AgentKind::Acp,
            Self::Replay(_) => AgentKind::Replay,
            Self::Guide => AgentKind::Guide,
        }
    }

    /// The model that is asked for, where one is named; Claude Code has a `default` of its own.
    pub(super) fn model<'a>(&'a self, default: Option<&'a str>) -> Option<&'a str> {
        match self {
            Self::Claude { model, .. } => model.as_deref().or(default),
            Self::Model(config) => config.model.as_deref(),
            Self::Acp(config) => config.model.as_deref(),
            Self::Replay(_) | Self::Guide => None,
        }
    }

    /// Builds the lines for its process.
    pub(super) fn lines(&self) -> AgentLines {
        match self {
            Self::Acp(_) => AgentLines::Acp(Arc::default()),
            Self::Replay(replay) if replay.head.protocol == Protocol::Acp => {
                AgentLines::Acp(Arc::default())
            }
            _ => AgentLines::StreamJson,
        }
    }

    /// The `claude` program.
    pub(super) fn claude(&self) -> Option<&Path> {
        match self {
            Self::Claude { program, .. } => Some(program),
            Self::Model(_) | Self::Acp(_) | Self::Replay(_) | Self::Guide => None,
        }
    }
}

impl ChosenAgent {
    fn guide(reason: Option<NoModel>) -> Self {
        Self { name: AgentName::guide(), program: AgentProgram::Guide, reason }
    }
}

impl Agents {
    /// Which agent a start in `project` would give where `asked` was asked for, or why none is possible.
    pub(crate) fn choice(
        &self,
        project: Option<&ProjectName>,
        asked: Option<&AgentName>,
    ) -> Result<AgentChosen, AgentError> {
        let ChosenAgent { name, program, reason } = self.choose(project, asked)?;
        let settings = &self.inner.settings;
        Ok(AgentChosen {
            name,
            kind: program.kind(),
            model: program.model(settings.model.as_deref()).map(str::to_owned),
            locks: match &program {
                AgentProgram::Acp(config) => Some(Recipe::of(&config.command).locks()),
                _ => None,
            },
            no_model: reason,
        })
    }

    /// Which kind of agent a start would give, or why none is possible.
    pub fn kind(&self) -> Result<AgentKind, AgentError> {
        self.choice(None, None).map(|choice| choice.kind)
    }

    /// Why the guide answers, where it was not chosen and does.
    pub fn no_model(&self) -> Option<NoModel> {
        self.choice(None, None).ok().and_then(|choice| choice.no_model)
    }

    /// Checks the name of an agent that is asked for. The error is for a person.
    pub(crate) fn check_name(&self, name: &str) -> Result<(), String> {
        let known = self.named_agents().iter().map(|agent| agent.name.as_str());
        if name == AUTO || known.clone().any(|known| known == name) {
            return Ok(());
        }
        let known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
        let shown: String = name.chars().take(40).collect();
        Err(format!("There is no agent {shown:?}: the agents are {}.", known.join(", ")))
    }

    /// Whether the settings name agents of their own, so that there is something to choose.
    pub(crate) fn has_choice(&self) -> bool {
        self.named_agents().iter().any(|agent| ![CLAUDE, GUIDE].contains(&agent.name.as_str()))
    }

    /// All agents that can be asked for.
    pub(crate) fn named_agents(&self) -> &[NamedAgent] {
        &self.inner.settings.named
    }

    /// The agent that a start in `project` gives: the one that was `asked` for, else the project's, else
    /// by the settings. A name that is no longer configured counts as none. Looks at the disk, so an
    /// installation or a login counts from the next start on.
    pub(super) fn choose(
        &self,
        project: Option<&ProjectName>,
        asked: Option<&AgentName>,
    ) -> Result<ChosenAgent, AgentError> {
        let chosen = self.wanted(project, asked)?;
        let is_refused = || self.inner.sandbox_status.models_refused().is_some();
        let is_auto = self.named(project, asked).is_none();
        match chosen.program.kind() {
            AgentKind::Guide => Ok(chosen),
            _ if is_auto && is_refused() => Ok(ChosenAgent::guide(Some(NoModel::NotConfined))),
            _ => Ok(chosen),
        }
    }

    /// The same, whatever the self-test of the sandbox says.
    pub(super) fn wanted(
        &self,
        project: Option<&ProjectName>,
        asked: Option<&AgentName>,
    ) -> Result<ChosenAgent, AgentError> {
        match self.named(project, asked) {
            Some(agent) => self.program_of(agent),
            None => self.first_usable(),
        }
    }

    /// The agent that was chosen by name; `None` for the first that is usable.
    pub(super) fn named(
        &self,
        project: Option<&ProjectName>,
        asked: Option<&AgentName>,
    ) -> Option<&NamedAgent> {
        let settings = &self.inner.settings;
        let live = self.inner.live.get();
        let of_project = project.and_then(|project| live.agents.names.get(project));
        let by_default = match &settings.default {
            AgentChoice::Auto => None,
            AgentChoice::Named(name) => Some(name),
        };
        let find = |name: &AgentName| settings.named.iter().find(|agent| agent.name == *name);
        asked.and_then(find).or_else(|| of_project.or(by_default).and_then(find))
    }

    fn program_of(&self, agent: &NamedAgent) -> Result<ChosenAgent, AgentError> {
        let program = match &agent.config {
            AgentConfig::Claude(config) => {
                let program = self.claude_program(config)?;
                if self.is_refused(self.account_owner()) {
                    return Err(AgentError::PersonalLogin);
                }
                program
            }
            AgentConfig::Model(config) => AgentProgram::Model(Box::new(config.clone())),
            AgentConfig::Acp(config) => {
                let owner = claude::account_owner(&self.inner.server.environment);
                let may_be_personal = Recipe::of(&config.command).may_be_personal;
                if owner.is_some_and(|owner| may_be_personal && self.is_refused(owner)) {
                    return Err(AgentError::PersonalLogin);
                }
                AgentProgram::Acp(Box::new(config.clone()))
            }
            AgentConfig::Replay(config) => AgentProgram::Replay(ReplayProgram::find(config)?),
            AgentConfig::Guide(_) => AgentProgram::Guide,
        };
        Ok(ChosenAgent { name: agent.name.clone(), program, reason: None })
    }

    fn account_owner(&self) -> AccountOwner {
        self.inner.login.owner(&self.inner.server.environment)
    }

    /// Whether an account of this owner may not answer here.
    fn is_refused(&self, owner: AccountOwner) -> bool {
        owner == AccountOwner::Person && self.inner.settings.refuses_personal_login()
    }

    fn claude_program(&self, config: &ClaudeConfig) -> Result<AgentProgram, AgentError> {
        let Inner { settings, server, .. } = &*self.inner;
        let configured = config.program.as_ref().or(settings.claude.as_ref());
        let program = match configured {
            Some(path) if path.components().count() > 1 => match is_executable(path) {
                true => path.clone(),
                false => return Err(AgentError::ProgramUnusable(path.clone())),
            },
            Some(name) => find_on_path(server, name)
                .ok_or_else(|| AgentError::ProgramUnusable(name.clone()))?,
            None => find_on_path(server, Path::new("claude")).ok_or(AgentError::ClaudeNotFound)?,
        };
        Ok(AgentProgram::Claude { program, model: config.model.clone() })
    }

    /// Claude Code where it is installed and logged in, else the first model service that answers, else
    /// the guide with the reason why.
    fn first_usable(&self) -> Result<ChosenAgent, AgentError> {
        let Inner { settings, server, .. } = &*self.inner;
        let of_claude = settings.named.iter().find_map(|agent| match &agent.config {
            AgentConfig::Claude(config) => Some((agent, config)),
            _ => None,
        });
        let mut reason = NoModel::NotInstalled;
        if let Some((agent, config)) = of_claude {
            match self.claude_program(config) {
                Ok(program) => {
                    let is_given = config.program.is_some() || settings.claude.is_some();
                    reason = match self.account_owner() {
                        owner if self.is_refused(owner) => NoModel::PersonalLogin,
                        AccountOwner::Nobody if !is_given => NoModel::NotLoggedIn,
                        _ => {
                            let name = agent.name.clone();
                            return Ok(ChosenAgent { name, program, reason: None });
                        }
                    };
                }
                Err(AgentError::ClaudeNotFound) => (),
                Err(error) => return Err(error),
            }
        }
        for agent in &settings.named {
            let AgentConfig::Model(config) = &agent.config else { continue };
            match self.inner.reachable.check(config, &server.environment) {
                Ok(()) => return self.program_of(agent),
                Err(why) => reason = NoModel::Unusable { name: agent.name.clone(), why },
            }
        }
        Ok(ChosenAgent::guide(Some(reason)))
    }
}

/// The agent that a start would give, for people.
#[derive(Debug, Clone)]
pub(crate) struct AgentChosen {
    pub name: AgentName,
    pub kind: AgentKind,
    /// The model that is asked for, where one is named.
    pub model: Option<String>,
    /// What keeps it from writing, where that is less than for others.
    pub locks: Option<&'static str>,
    /// Why it is the guide, where nobody has chosen that.
    pub no_model: Option<NoModel>,
}

pub(super) fn find_on_path(server: &Server, name: &Path) -> Option<PathBuf> {
    let path = server.environment.iter().find(|(name, _)| name == "PATH");
    find_in(path.map_or(OsStr::new(""), |(_, value)| value), name)
}

/// The program of this name in the directories of a `PATH`.
pub(super) fn find_in(path: &OsStr, name: &Path) -> Option<PathBuf> {
    env::split_paths(path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|program| is_executable(program))
}

pub(super) fn is_executable(program: &Path) -> bool {
    fs::metadata(program)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
