//! Configuration: a TOML file, the environment and the command line become [`Settings`].
//!
//! [`mod@settings`] writes each key once, as a field of a struct per table; [`mod@keys`] lists them;
//! [`layers`] puts the file, the environment and the command line over the defaults; [`values`] are
//! the formats of values. [`projects`] finds the directories to serve, [`project_tables`] reads those of the file, [`groups`] those that are served
//! together, [`mod@forges`] adds those of an organisation as [`forge_table`] says, [`access`] reads the tokens,
//! [`exposure`] keeps secrets away from agents, [`shown`] out of what is printed. [`report`], [`docs`] and
//! [`mod@schema`] are printed.

mod access;
mod agent_name;
mod agents;
pub(crate) mod base_path;
mod cluster;
mod docs;
pub(crate) mod editor_url;
mod error;
pub(crate) mod event_kind;
pub(crate) mod exposure;
mod file;
mod forge_table;
mod forges;
mod git_source;
mod groups;
pub(crate) mod keys;
mod layers;
mod listen;
pub(crate) mod matched_branches;
mod process_env;
mod project_tables;
mod projects;
mod registry;
mod report;
mod schema;
pub mod secrets;
pub mod settings;
mod shown;
pub(crate) mod sync_check;
pub(crate) mod token;
mod values;

use std::{
    fs,
    path::{Path, PathBuf},
};

pub use docs::{reference, sample};
use error::ConfigMistake;
pub use error::{ConfigError, ConfigWarning, ValueOrigin};
pub(crate) use error::{hint, nearest};
use keys::{AGENTS, Key, keys};
pub use layers::FlagValue;
use layers::{CONFIG_VARIABLE, Layers};
use process_env::ProcessEnv;
pub use projects::NamedProjects;
use projects::ProjectSet;
pub use schema::schema;
use settings::{LiveSettings, ProjectAgents, Settings, Tables, TlsFiles};
pub(crate) use token::Token;

use crate::forge::Forge;

/// The arguments that concern the configuration.
#[derive(Debug, Clone, Default)]
pub struct CommandLine {
    /// The configuration file; without it that of the variable, else the platform's if it exists.
    pub config_file: Option<PathBuf>,
    /// The settings that have a flag.
    pub flags: Vec<FlagValue>,
    /// `None` for a command that serves no project.
    pub projects: Option<NamedProjects>,
}

/// The settings and where they came from.
#[derive(Debug)]
pub struct Loaded {
    /// The checked settings.
    pub settings: Settings,
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
    /// Lines for the log, to be written once it is set up.
    pub warnings: Vec<ConfigWarning>,
    layers: Layers,
    project_origins: Vec<ValueOrigin>,
}

/// Where the configuration comes from. What was handed over to this process can be read once, and the
/// file whenever it has changed.
#[derive(Debug)]
pub struct Configuration {
    command_line: CommandLine,
    env: ProcessEnv,
}

impl Configuration {
    /// That of this process.
    pub fn of_process(command_line: CommandLine) -> Result<Self, ConfigError> {
        Ok(Self { command_line, env: ProcessEnv::read()? })
    }

    /// The forges whose lists tell of projects, and the data directory, which keeps the lists.
    pub(crate) fn forges(&self) -> Result<(Vec<Forge>, PathBuf), ConfigError> {
        let Self { command_line, env } = self;
        let (layers, _) = read_layers(command_line, env)?;
        let data_dir = data_dir(&layers.tables()?, env)?;
        let forges = forges::of_file(&layers)?.into_iter().map(|it| it.forge);
        let is_named =
            command_line.projects.as_ref().is_none_or(|named| projects::is_named(named, env));
        Ok((forges.filter(|_| !is_named).collect(), data_dir))
    }

    /// Reads the file, and checks all. Blocks.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        Ok(load_in(&self.command_line, &self.env)?)
    }
}

/// Reads the configuration of this process.
pub fn load(command_line: &CommandLine) -> Result<Loaded, ConfigError> {
    Configuration::of_process(command_line.clone())?.load()
}

impl Loaded {
    /// The keys whose values differ and count at the next start alone.
    pub(crate) fn needs_restart(&self, since: &Self) -> Vec<String> {
        let differs = |key: &&Key| {
            let value = |loaded: &Self| loaded.layers.given(&key.path).map(|it| it.value.clone());
            !key.is_live && value(self) != value(since)
        };
        let mut changed: Vec<_> = keys().filter(differs).map(|key| key.path.clone()).collect();
        if self.settings.agent.named != since.settings.agent.named {
            changed.push(AGENTS.to_owned());
        }
        changed
    }
}

fn read_layers(
    command_line: &CommandLine,
    env: &ProcessEnv,
) -> Result<(Layers, Option<PathBuf>), ConfigMistake> {
    let mut layers = Layers::new(env);
    let file = config_file(command_line, env);
    if let Some(path) = &file {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigMistake::Unreadable { path: path.clone(), source })?;
        layers.add_file(&text, path)?;
    }
    layers.add_environment(env)?;
    layers.add_flags(&command_line.flags);
    Ok((layers, file))
}

fn load_in(command_line: &CommandLine, env: &ProcessEnv) -> Result<Loaded, ConfigMistake> {
    let (layers, file) = read_layers(command_line, env)?;
    let tables = layers.tables()?;
    let mut found = ProjectSet::default();
    let mut forges = Vec::new();
    if let Some(named) = &command_line.projects {
        let data_dir = data_dir(&tables, env)?;
        found = projects::find(&layers, &tables.discovery, named, env, &data_dir)?;
        forges = forges::add(&mut found, &layers, &data_dir)?;
        projects::add_access(&mut found, &layers)?;
        found.add_matched_branches();
        groups::add(&mut found, &layers)?;
        projects::check_helpers(&found)?;
    }
    let mut settings = settings(tables, &layers, env)?;
    settings.agent.named = agents::find(&layers)?;
    agents::check_default(&settings.agent.default, &layers, &settings.agent.named)?;
    projects::check_written_dir("server.data_dir", &settings.data_dir, &found.projects)?;
    if let Some(dir) = &settings.agent.record {
        projects::check_written_dir("agent.record", dir, &found.projects)?;
    }
    settings.live.repositories = found.repositories;
    settings.live.forges = forges;
    settings.live.agents = ProjectAgents {
        names: agents::of_projects(&layers, &settings.agent.named, found.agents)?,
        instructions: agents::instructions(&layers, found.instructions)?,
        offline: settings.agent.offline_projects.clone(),
        kept_from: Vec::new(),
    };
    spread_to_branches(&mut settings.live);
    groups::spread_offline(&mut settings.live.agents.offline, &found.projects);
    let secrets = exposure::secret_files(&settings);
    exposure::check(&secrets, &found.projects, &readable(&settings, env))?;
    settings.live.agents.kept_from = secrets.iter().map(|secret| secret.path.clone()).collect();
    settings.agent.serves_others = exposure::serves_others(&settings);
    settings.live.projects = found.projects;
    if command_line.projects.is_some() {
        check_offline(&layers, &settings)?;
        access::check_projects(&settings)?;
    }

    let mut warnings: Vec<_> = layers.warnings.iter().cloned().map(ConfigWarning::warn).collect();
    warnings.extend(found.warnings);
    warnings.extend(exposure::warnings(&settings, &secrets));
    warnings.extend(agents::missing_instructions(&settings));
    warnings.extend(projects::overlaps(&settings.live.projects));
    for warning in &mut warnings {
        warning.text = shown::message(&warning.text);
    }
    Ok(Loaded { settings, file, warnings, layers, project_origins: found.origins })
}

fn config_file(command_line: &CommandLine, env: &ProcessEnv) -> Option<PathBuf> {
    let variable = env.variable(CONFIG_VARIABLE).map(Path::new);
    if let Some(path) = command_line.config_file.as_deref().or(variable) {
        return Some(env.current_dir.join(path));
    }
    let path = env.config_dir.as_ref()?.join("cicerone/cicerone.toml");
    // A file that exists and cannot be read must be an error, so this only asks if it exists.
    path.symlink_metadata().is_ok().then_some(path)
}

/// What agents may read by these settings and the environment.
fn readable(settings: &Settings, env: &ProcessEnv) -> Vec<PathBuf> {
    let named = exposure::named_files(|name| env.variable(name));
    settings.agent.readable.iter().cloned().chain(named).collect()
}

/// A misspelt name would leave the web open to agents that must not use it.
fn check_offline(layers: &Layers, settings: &Settings) -> Result<(), ConfigMistake> {
    let is_known = |name: &String| {
        name == settings::ALL_PROJECTS
            || settings.live.projects.iter().any(|it| it.name.as_str() == name)
    };
    match settings.agent.offline_projects.iter().all(is_known) {
        true => Ok(()),
        false => Err(layers.refuse("agent.offline_projects", "names of projects that are served")),
    }
}

/// Lets the branches of a repository have what is set for the project that names it.
fn spread_to_branches(settings: &mut LiveSettings) {
    let agents = &mut settings.agents;
    for repository in &settings.repositories {
        let Some((first, others)) = repository.branches.split_first() else { continue };
        for other in others {
            if let Some(named) = agents.names.get(&first.project).cloned() {
                agents.names.insert(other.project.clone(), named);
            }
            if let Some(told) = agents.instructions.get(&first.project).cloned() {
                agents.instructions.insert(other.project.clone(), told);
            }
            if agents.offline.iter().any(|name| name == first.project.as_str()) {
                agents.offline.push(other.project.to_string());
            }
        }
    }
}

fn data_dir(tables: &Tables, env: &ProcessEnv) -> Result<PathBuf, ConfigMistake> {
    let default = || Some(env.data_dir.as_ref()?.join("cicerone"));
    tables.server.data_dir.clone().or_else(default).ok_or(ConfigMistake::NoDataDir)
}

/// The settings but for the projects.
fn settings(tables: Tables, layers: &Layers, env: &ProcessEnv) -> Result<Settings, ConfigMistake> {
    let data_dir = data_dir(&tables, env)?;
    let Tables { server, mut access, mut webhooks, mut oidc, mut cluster, .. } = tables;
    if tables.telemetry.endpoint.is_some() && cfg!(not(feature = "otlp")) {
        let expected = "no address: this program was built without the feature `otlp` \
                        (`cargo build --features otlp`)";
        return Err(layers.refuse("telemetry.endpoint", expected));
    }
    cluster::complete(&mut cluster, layers)?;
    access::complete_provider(&mut oidc, &mut access, layers)?;
    access::complete(&mut access, layers, env)?;
    access::read_webhook_secret(&mut webhooks)?;
    let listen = listen::addresses(server.listen, &mut access, layers)?;
    if server.assets.as_ref().is_some_and(|dir| !dir.is_dir()) {
        return Err(layers.refuse("server.assets", "a directory that exists"));
    }
    let is_token = |name: &String| [secrets::VIEWER, secrets::ADMIN].contains(&name.as_str());
    if tables.agent.env.iter().any(is_token) {
        let expected = "no variable that holds a token of this server";
        return Err(layers.refuse("agent.env", expected));
    }
    let settings = Settings {
        listen,
        data_dir,
        assets: server.assets,
        base_path: server.base_path,
        log: server.log,
        log_format: server.log_format,
        shutdown_timeout: server.shutdown_timeout,
        tls: tls_files(server.tls_certificate, server.tls_key)?,
        access,
        agent: tables.agent,
        limits: tables.limits,
        answer_limits: tables.answer_limits,
        visitor_limits: tables.visitor_limits,
        attachments: tables.attachments,
        oidc,
        webhooks,
        telemetry: tables.telemetry,
        cluster,
        reading: tables.reading,
        highlighting: tables.highlighting,
        reader: tables.reader,
        git: tables.git,
        socket: tables.socket,
        restart: tables.restart,
        live: LiveSettings {
            team: tables.team,
            budgets: tables.budgets,
            history: tables.history,
            audit: tables.audit,
            file_links: tables.file_links,
            ..LiveSettings::default()
        },
    };
    check_orders(&settings, layers)?;
    Ok(settings)
}

fn tls_files(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<TlsFiles>, ConfigMistake> {
    let (certificate_key, key_key) = ("server.tls_certificate", "server.tls_key");
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (Some(_), None) => {
            Err(ConfigMistake::Incomplete { given: certificate_key, missing: key_key })
        }
        (None, Some(_)) => {
            Err(ConfigMistake::Incomplete { given: key_key, missing: certificate_key })
        }
    }
}

/// Refuses values that are larger than those that bound them.
fn check_orders(settings: &Settings, layers: &Layers) -> Result<(), ConfigMistake> {
    let Settings { limits, attachments, socket, restart, .. } = settings;
    let orders = [
        (
            limits.message_bytes <= limits.frame_bytes,
            "limits.message_bytes",
            "advanced.limits.frame_bytes",
        ),
        (
            attachments.file_bytes <= attachments.question_bytes,
            "attachments.file_bytes",
            "attachments.question_bytes",
        ),
        (
            attachments.question_bytes <= attachments.conversation_bytes,
            "attachments.question_bytes",
            "attachments.conversation_bytes",
        ),
        (
            socket.ping_interval <= socket.ping_timeout,
            "advanced.socket.ping_interval",
            "advanced.socket.ping_timeout",
        ),
        (
            restart.backoff <= restart.backoff_max,
            "advanced.restart.backoff",
            "advanced.restart.backoff_max",
        ),
    ];
    let Some((_, smaller, larger)) = orders.into_iter().find(|(holds, ..)| !holds) else {
        return Ok(());
    };
    // The one to correct is the one that is not a default.
    let origins = [smaller, larger].map(|key| layers.given(key).map(|given| &given.origin));
    let set = origins.into_iter().flatten().find(|origin| **origin != ValueOrigin::Default);
    let origin = set.cloned().unwrap_or(ValueOrigin::Default);
    Err(ConfigMistake::Contradiction { smaller, origin, larger })
}

#[cfg(test)]
mod tests;
