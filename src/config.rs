//! Configuration: one TOML file, the environment and the command line become [`Settings`].
//!
//! In reading order: the embedded file lists all keys ([`catalogue`]); [`layers`] lays the user's
//! file, the environment and the command line over it; [`values`] turns TOML into typed values;
//! [`projects`] finds the directories; [`access`] reads who may come in, with the tokens that
//! [`secrets`] keeps out of sight; [`report`] shows the outcome to a person.

pub(crate) mod access;
pub mod catalogue;
mod error;
pub(crate) mod exposure;
mod file;
pub(crate) mod layers;
mod listen;
pub(crate) mod projects;
mod registry;
pub(crate) mod report;
pub mod secrets;
pub mod settings;
pub(crate) mod values;

use std::{
    collections::HashMap,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use log::Level;

pub use error::{ConfigError, Origin};
use exposure::SecretFile;
use layers::{FlagValue, Layers, Surroundings};
use projects::{Found, NamedProjects, Note};
use settings::{
    AgentSettings, AnswerLimits, HighlightingSettings, Limits, ReadingSettings, RestartSettings,
    Settings, SocketSettings, TlsFiles, VisitorLimits,
};
use values::{Count, Size};

/// The variable that names the configuration file.
pub const CONFIG_VARIABLE: &str = "CICERONE_CONFIG";

/// The variable that names projects: `NAME=DIR` entries, separated like those of `PATH`.
pub const PROJECT_VARIABLE: &str = "CICERONE_PROJECT";

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct CommandLine {
    /// The configuration file; without it the variable's or the platform's, if that exists.
    pub config_file: Option<PathBuf>,
    /// The settings that have a flag.
    pub flags: Vec<FlagValue>,
    /// The projects; `None` for a command that serves none.
    pub projects: Option<NamedProjects>,
}

/// The settings and how they came about.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
    /// Lines for the log, to be written once it is set up.
    pub notes: Vec<Note>,
    layers: Layers,
    project_origins: Vec<Origin>,
}

/// Reads the configuration of this process.
pub fn load(command_line: &CommandLine) -> Result<Loaded, ConfigError> {
    load_in(command_line, &Surroundings::of_process()?)
}

/// As [`load`], in given surroundings.
pub fn load_in(
    command_line: &CommandLine,
    surroundings: &Surroundings,
) -> Result<Loaded, ConfigError> {
    let mut layers = Layers::of_defaults(surroundings)?;
    let file = config_file(command_line, surroundings);
    if let Some(path) = &file {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        layers.add_file(&text, path)?;
    }
    let warnings = layers.add_environment(&surroundings.environment);
    layers.add_flags(&command_line.flags);

    let mut settings = settings(&layers, surroundings)?;
    let found = match &command_line.projects {
        Some(named) => projects::find(&layers, named, surroundings)?,
        None => Found::default(),
    };
    projects::check_data_dir(&settings.data_dir, &found.projects)?;
    let secrets = secret_files(&layers, &settings)?;
    exposure::check(&secrets, &found.projects, &readable(&settings, surroundings))?;
    settings.agent.kept_from.extend(secrets.iter().map(|secret| secret.path.clone()));
    settings.projects = found.projects;
    if command_line.projects.is_some() {
        check_offline(&layers, &settings)?;
    }

    let level = Level::Warn;
    let mut notes: Vec<_> = warnings.into_iter().map(|text| Note { level, text }).collect();
    notes.extend(found.notes);
    notes.extend(access::notes(&settings, &secrets));
    Ok(Loaded { settings, file, notes, layers, project_origins: found.origins })
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Result<Self, ConfigError> {
        let mut environment: HashMap<String, OsString> = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        environment.extend(secrets::handed_over().map_err(ConfigError::NoHandover)?);
        Ok(Self {
            environment,
            current_dir: env::current_dir().map_err(ConfigError::NoCurrentDir)?,
            home_dir: dirs::home_dir(),
            data_dir: dirs::data_dir(),
            config_dir: dirs::config_dir(),
        })
    }
}

fn config_file(command_line: &CommandLine, surroundings: &Surroundings) -> Option<PathBuf> {
    let variable = surroundings
        .environment
        .get(CONFIG_VARIABLE)
        .filter(|path| !path.is_empty())
        .map(Path::new);
    if let Some(path) = command_line.config_file.as_deref().or(variable) {
        return Some(surroundings.current_dir.join(path));
    }
    let path = surroundings.config_dir.as_ref()?.join("cicerone/cicerone.toml");
    // A file that is there but cannot be read must be an error, so this asks only for its presence.
    path.symlink_metadata().is_ok().then_some(path)
}

/// The files and directories that hold secrets of the server.
fn secret_files(layers: &Layers, settings: &Settings) -> Result<Vec<SecretFile>, ConfigError> {
    let mut files = Vec::new();
    for key in ["access.viewer_token_file", "access.admin_token_file", "server.tls_key"] {
        files.extend(layers.get_path(key)?.map(|path| SecretFile { key, path }));
    }
    if let Some(tls) = settings.tls.as_ref().filter(|tls| holds_key(&tls.certificate)) {
        let path = tls.certificate.clone();
        files.push(SecretFile { key: "server.tls_certificate", path });
    }
    let path = settings.data_dir.clone();
    files.push(SecretFile { key: "server.data_dir", path });
    Ok(files)
}

/// Whether a file of certificates has a private key in it too.
fn holds_key(file: &Path) -> bool {
    let text = fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(&text).contains("PRIVATE KEY-----")
}

/// What agents may read besides their project and what all may.
fn readable(settings: &Settings, surroundings: &Surroundings) -> Vec<PathBuf> {
    let value = |name: &str| {
        let value = surroundings.environment.get(name).filter(|value| !value.is_empty());
        value.map(OsString::as_os_str)
    };
    let named = exposure::named_files(value);
    settings.agent.readable.iter().cloned().chain(named).collect()
}

/// A name that is misspelt would leave the web open where it is to be closed.
fn check_offline(layers: &Layers, settings: &Settings) -> Result<(), ConfigError> {
    let is_known = |name: &String| {
        name == settings::ALL_PROJECTS
            || settings.projects.iter().any(|it| it.name.as_str() == name)
    };
    match settings.agent.offline_projects.iter().all(is_known) {
        true => Ok(()),
        false => Err(layers.refuse("agent.offline_projects", "names of projects that are served")),
    }
}

/// The settings but for the projects.
fn settings(layers: &Layers, surroundings: &Surroundings) -> Result<Settings, ConfigError> {
    let default_data_dir = || Some(surroundings.data_dir.as_ref()?.join("cicerone"));
    let mut access = access::read(layers, surroundings)?;
    let listen = listen::read(layers, &mut access)?;
    let assets = layers.get_path("server.assets")?;
    if assets.as_ref().is_some_and(|dir| !dir.is_dir()) {
        return Err(layers.refuse("server.assets", "a directory that is there"));
    }
    Ok(Settings {
        listen,
        data_dir: layers
            .get_path("server.data_dir")?
            .or_else(default_data_dir)
            .ok_or(ConfigError::NoDataDir)?,
        assets,
        log: layers.get("server.log")?,
        projects: Vec::new(),
        shutdown_timeout: layers.get("server.shutdown_timeout")?,
        tls: tls_files(layers)?,
        access,
        agent: agent_settings(layers)?,
        limits: limits(layers)?,
        answer_limits: answer_limits(layers)?,
        visitor_limits: visitor_limits(layers)?,
        reading: reading_settings(layers)?,
        highlighting: highlighting_settings(layers)?,
        socket: socket_settings(layers)?,
        restart: restart_settings(layers)?,
    })
}

fn tls_files(layers: &Layers) -> Result<Option<TlsFiles>, ConfigError> {
    let (certificate, key) = ("server.tls_certificate", "server.tls_key");
    match (layers.get_path(certificate)?, layers.get_path(key)?) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (Some(_), None) => Err(ConfigError::Incomplete { given: certificate, missing: key }),
        (None, Some(_)) => Err(ConfigError::Incomplete { given: key, missing: certificate }),
    }
}

fn agent_settings(layers: &Layers) -> Result<AgentSettings, ConfigError> {
    // A bare name is looked up on the PATH and must not become a path.
    let claude = match layers.get_text("agent.claude")? {
        Some(name) if Path::new(&name).components().count() == 1 && !name.starts_with('.') => {
            Some(name.into())
        }
        _ => layers.get_path("agent.claude")?,
    };
    let env: Vec<String> = layers.get("agent.env")?;
    if env.iter().any(|name| name.is_empty() || name.contains('=')) {
        let expected = "names of environment variables, without values";
        return Err(layers.refuse("agent.env", expected));
    }
    if env.iter().any(|name| [secrets::VIEWER, secrets::ADMIN].contains(&name.as_str())) {
        let expected = "no variable that holds a token of this server";
        return Err(layers.refuse("agent.env", expected));
    }
    Ok(AgentSettings {
        kind: layers.get("agent.kind")?,
        claude,
        model: layers.get_text("agent.model")?,
        env,
        sandbox: layers.get("agent.sandbox")?,
        user: layers.get_text("agent.user")?,
        ports: layers.get("agent.ports")?,
        readable: layers.get_paths("agent.readable")?,
        kept_from: Vec::new(),
        secrets: layers.get("agent.secrets")?,
        offline_projects: layers.get("agent.offline_projects")?,
        start_timeout: layers.get("agent.start_timeout")?,
        silence_timeout: layers.get("agent.silence_timeout")?,
        progress_timeout: layers.get("agent.progress_timeout")?,
        stop_timeout: layers.get("agent.stop_timeout")?,
        idle_timeout: layers.get("agent.idle_timeout")?,
        api_retries: layers.get("agent.api_retries")?,
    })
}

fn limits(layers: &Layers) -> Result<Limits, ConfigError> {
    let size = |key| layers.get::<Size>(key).map(|size| size.0);
    let count = |key| layers.get::<Count>(key).map(|count| count.0);
    let limits = Limits {
        message_bytes: size("limits.message_bytes")?,
        frame_bytes: size("limits.frame_bytes")?,
        agent_line_bytes: size("limits.agent_line_bytes")?,
        tool_result_bytes: size("limits.tool_result_bytes")?,
        agent_open_files: count("limits.agent_open_files")?,
        agent_file_bytes: size("limits.agent_file_bytes")?,
        agent_processes: count("limits.agent_processes")?,
        agent_disk: size("limits.agent_disk")?,
        agent_files: count("limits.agent_files")?,
        queued_messages: count("limits.queued_messages")?,
        agents: count("limits.agents")?,
        agents_per_project: count("limits.agents_per_project")?,
        agent_memory: size("limits.agent_memory")?,
        history_memory: size("limits.history_memory")?,
        conversations_per_project: count("limits.conversations_per_project")?,
        connections: count("limits.connections")?,
    };
    let (message, frame) = ("limits.message_bytes", "limits.frame_bytes");
    check_order(layers, message, limits.message_bytes, frame, limits.frame_bytes)?;
    Ok(limits)
}

fn answer_limits(layers: &Layers) -> Result<AnswerLimits, ConfigError> {
    Ok(AnswerLimits {
        bytes: layers.get::<Size>("limits.answer_bytes")?.0,
        entries: layers.get::<Count>("limits.answer_entries")?.0,
        unsaved_bytes: layers.get::<Size>("limits.unsaved_bytes")?.0,
    })
}

fn visitor_limits(layers: &Layers) -> Result<VisitorLimits, ConfigError> {
    let size = |key| layers.get::<Size>(key).map(|size| size.0);
    let count = |key| layers.get::<Count>(key).map(|count| count.0);
    Ok(VisitorLimits {
        body_bytes: size("limits.body_bytes")?,
        header_bytes: size("limits.header_bytes")?,
        connections_per_address: count("limits.connections_per_address")?,
        sockets_per_visitor: count("limits.sockets_per_visitor")?,
        messages_per_minute: count("limits.messages_per_minute")?,
        empty_conversations: count("limits.empty_conversations")?,
        conversations_per_minute: count("limits.conversations_per_minute")?,
        starts_per_minute: count("limits.starts_per_minute")?,
        turns_per_visitor: count("limits.turns_per_visitor")?,
        failed_logins_per_minute: count("limits.failed_logins_per_minute")?,
        logins: count("limits.logins")?,
    })
}

fn reading_settings(layers: &Layers) -> Result<ReadingSettings, ConfigError> {
    let count = |key| layers.get::<Count>(key).map(|count| count.0);
    let size = |key| layers.get::<Size>(key).map(|size| size.0);
    Ok(ReadingSettings {
        search_timeout: layers.get("reading.search_timeout")?,
        search_hits: count("reading.search_hits")?,
        asked_timeout: layers.get("reading.asked_timeout")?,
        asked_candidates: count("reading.asked_candidates")?,
        found_files: count("reading.found_files")?,
        files_kept: layers.get("reading.files_kept")?,
        file_bytes: size("reading.file_bytes")?,
        references: count("reading.references")?,
        page_lines: count("reading.page_lines")?,
        page_bytes: size("reading.page_bytes")?,
    })
}

fn highlighting_settings(layers: &Layers) -> Result<HighlightingSettings, ConfigError> {
    let size = |key| layers.get::<Size>(key).map(|size| size.0);
    Ok(HighlightingSettings {
        block_bytes: size("highlighting.block_bytes")?,
        file_bytes: size("highlighting.file_bytes")?,
        line_bytes: size("highlighting.line_bytes")?,
        timeout: layers.get("highlighting.timeout")?,
        kept_bytes: size("highlighting.kept_bytes")?,
        keep: layers.get("highlighting.keep")?,
    })
}

fn socket_settings(layers: &Layers) -> Result<SocketSettings, ConfigError> {
    let socket = SocketSettings {
        ping_interval: layers.get("socket.ping_interval")?,
        ping_timeout: layers.get("socket.ping_timeout")?,
        attach_after: layers.get("socket.attach_after")?,
        stall_timeout: layers.get("socket.stall_timeout")?,
        request_timeout: layers.get("socket.request_timeout")?,
    };
    let (interval, timeout) = ("socket.ping_interval", "socket.ping_timeout");
    check_order(layers, interval, socket.ping_interval, timeout, socket.ping_timeout)?;
    Ok(socket)
}

fn restart_settings(layers: &Layers) -> Result<RestartSettings, ConfigError> {
    let first: Duration = layers.get("restart.backoff")?;
    let longest: Duration = layers.get("restart.backoff_max")?;
    check_order(layers, "restart.backoff", first, "restart.backoff_max", longest)?;
    Ok(RestartSettings {
        backoff: first,
        backoff_max: longest,
        attempts: layers.get("restart.attempts")?,
        window: layers.get("restart.window")?,
    })
}

/// Refuses a value that is larger than the one that bounds it.
fn check_order<T: PartialOrd>(
    layers: &Layers,
    smaller: &'static str,
    small: T,
    larger: &'static str,
    large: T,
) -> Result<(), ConfigError> {
    if small <= large {
        return Ok(());
    }
    // Of the two, the one to mend is the one that somebody set.
    let (small_origin, large_origin) =
        (&layers.given(smaller)?.origin, &layers.given(larger)?.origin);
    let origin = match small_origin {
        Origin::Default => large_origin,
        set => set,
    };
    Err(ConfigError::Contradiction { smaller, origin: origin.clone(), larger })
}

#[cfg(test)]
mod tests;
