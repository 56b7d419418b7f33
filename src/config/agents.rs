//! Agents: the tables `[agents.NAME]`, which agent is the default, and which one projects name.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use serde::Deserialize as _;
use toml::Value;
use url::Url;

use crate::{
    config::{
        error::{ConfigMistake, ConfigWarning, hint, nearest},
        groups,
        keys::{AGENTS, GROUPS, PROJECTS, PathKind},
        layers::{GivenValue, Layers, stays_relative},
        project_tables,
        settings::{
            AgentChoice, ProjectInstructions, Settings,
            agents::{
                AUTO, AcpConfig, AgentConfig, AgentName, ClaudeConfig, ModelConfig, NamedAgent,
                Preset, ReplayConfig,
            },
        },
        shown,
    },
    project::ProjectName,
};

/// The agents of the file in its order, after those two that are always there.
pub(super) fn find(layers: &Layers) -> Result<Vec<NamedAgent>, ConfigMistake> {
    let mut agents = NamedAgent::built_in();
    for (text, given) in &layers.agents {
        let name: AgentName = text
            .parse()
            .map_err(|rule| ConfigMistake::BadAgentName { rule, origin: given.origin.clone() })?;
        let config = read(layers, text, given)?;
        agents.retain(|agent| agent.name != name);
        agents.push(NamedAgent { name, config });
    }
    Ok(agents)
}

/// Refuses a default that is not among the agents.
pub(super) fn check_default(
    default: &AgentChoice,
    layers: &Layers,
    agents: &[NamedAgent],
) -> Result<(), ConfigMistake> {
    match default {
        AgentChoice::Named(name) if known(name.as_str(), agents).is_none() => {
            Err(layers.refuse("agent.default", &names(name.as_str(), agents, Some(AUTO))))
        }
        AgentChoice::Auto | AgentChoice::Named(_) => Ok(()),
    }
}

/// The agents that projects and groups of the file name, beside those of `found`.
pub(super) fn of_projects(
    layers: &Layers,
    agents: &[NamedAgent],
    mut found: HashMap<ProjectName, AgentName>,
) -> Result<HashMap<ProjectName, AgentName>, ConfigMistake> {
    let projects = project_tables::of_file(layers)?.into_iter();
    let projects = projects.map(|it| (PROJECTS, it.name, it.agent, it.origin));
    let groups = groups::of_file(layers)?.into_iter();
    let groups = groups.map(|it| (GROUPS, it.name, it.agent, it.origin));
    for (table, text_name, agent, origin) in projects.chain(groups) {
        let (Some(text), Ok(name)) = (agent, ProjectName::parse(&text_name)) else { continue };
        let agent = known(&text, agents).ok_or_else(|| ConfigMistake::BadValue {
            key: format!("{table}.{text_name}.agent"),
            origin,
            found: format!("{text:?}"),
            expected: names(&text, agents, None),
        })?;
        found.insert(name, agent);
    }
    Ok(found)
}

/// What agents of the file's projects are told, where that is anything, beside what is `found`.
pub(super) fn instructions(
    layers: &Layers,
    found: HashMap<ProjectName, ProjectInstructions>,
) -> Result<HashMap<ProjectName, ProjectInstructions>, ConfigMistake> {
    let projects = project_tables::of_file(layers)?.into_iter();
    let named =
        projects.filter_map(|it| Some((ProjectName::parse(&it.name).ok()?, it.instructions)));
    let named = named.filter(|(_, told)| *told != ProjectInstructions::default());
    Ok(found.into_iter().chain(named).collect())
}

/// Warns of files of instructions that are not there: no agent starts without them.
pub(super) fn missing_instructions(settings: &Settings) -> Vec<ConfigWarning> {
    let mut missing: BTreeMap<&PathBuf, Vec<&ProjectName>> = BTreeMap::new();
    for (name, told) in &settings.live.agents.instructions {
        if let Some(file) = told.file.as_ref().filter(|file| !file.is_file()) {
            missing.entry(file).or_default().push(name);
        }
    }
    let text = |(file, mut names): (&PathBuf, Vec<&ProjectName>)| {
        names.sort();
        let others = match names.len() {
            0 | 1 => String::new(),
            many => format!(" and {} others", many - 1),
        };
        format!(
            "{} cannot be read, and no agent with a model starts in project {}{others} without it: \
             correct `instructions`",
            file.display(),
            names.first().map(|name| format!("`{name}`")).unwrap_or_default()
        )
    };
    missing.into_iter().map(text).map(ConfigWarning::warn).collect()
}

pub(super) fn known(text: &str, agents: &[NamedAgent]) -> Option<AgentName> {
    agents.iter().map(|agent| &agent.name).find(|name| name.as_str() == text).cloned()
}

/// The names that fit where `wrong` stands.
pub(super) fn names(wrong: &str, agents: &[NamedAgent], other: Option<&str>) -> String {
    let all = || other.into_iter().chain(agents.iter().map(|agent| agent.name.as_str()));
    let words: Vec<_> = all().map(|name| format!("{name:?}")).collect();
    let hint = hint(nearest(wrong, all()).as_deref());
    format!("one of {}{hint}", words.join(", "))
}

fn read(layers: &Layers, name: &str, given: &GivenValue) -> Result<AgentConfig, ConfigMistake> {
    let refuse = |message: String| ConfigMistake::BadAgent {
        name: name.to_owned(),
        origin: given.origin.clone(),
        message,
    };
    let Value::Table(table) = &given.value else {
        return Err(refuse(format!("expected a table, as after a line [{AGENTS}.{name}]")));
    };
    if !table.contains_key("kind") {
        let kinds = "say what it is with `kind`: \"model\", \"claude\", \"acp\", \"replay\" or \
                     \"guide\"";
        return Err(refuse(kinds.to_owned()));
    }
    let mut config = AgentConfig::deserialize(Value::Table(table.clone()))
        .map_err(|error| refuse(shown::read_error(&error)))?;
    check(&config).map_err(refuse)?;
    let absolute = |path: &Path, kind| match stays_relative(kind, &path.to_string_lossy()) {
        true => path.to_owned(),
        false => layers.absolute(path, &given.origin),
    };
    match &mut config {
        AgentConfig::Claude(ClaudeConfig { program, .. }) => {
            *program = program.as_deref().map(|it| absolute(it, PathKind::Program));
        }
        AgentConfig::Model(ModelConfig { key_file, .. }) => {
            *key_file = key_file.as_deref().map(|it| absolute(it, PathKind::File));
        }
        AgentConfig::Acp(AcpConfig { command, .. }) => {
            if let Some(program) = command.first_mut() {
                let path: PathBuf = absolute(Path::new(program), PathKind::Program);
                *program = path.to_string_lossy().into_owned();
            }
        }
        AgentConfig::Replay(ReplayConfig { file, .. }) => {
            *file = absolute(file, PathKind::File);
        }
        AgentConfig::Guide(_) => (),
    }
    Ok(config)
}

/// What is wrong with an agent whose keys are each well written.
fn check(config: &AgentConfig) -> Result<(), String> {
    match config {
        AgentConfig::Model(model) => check_model(model),
        AgentConfig::Acp(acp) if acp.command.first().is_none_or(String::is_empty) => {
            Err("name the program in `command`, such as [\"gemini\", \"--acp\"]".to_owned())
        }
        AgentConfig::Replay(replay) if replay.file.as_os_str().is_empty() => {
            Err("name the recording in `file`".to_owned())
        }
        AgentConfig::Claude(_)
        | AgentConfig::Acp(_)
        | AgentConfig::Replay(_)
        | AgentConfig::Guide(_) => Ok(()),
    }
}

fn check_model(model: &ModelConfig) -> Result<(), String> {
    if model.preset.is_none() && model.base_url.is_none() {
        return Err(
            "give the service's address in `base_url`, or name the service in `preset`".to_owned()
        );
    }
    if let Some(base_url) = &model.base_url {
        check_base_url(base_url)?;
    }
    if model.model.is_none() && model.preset != Some(Preset::Llamacpp) {
        return Err("name the model in `model`, as the service calls it".to_owned());
    }
    if model.key_file.is_some() && model.key_env.is_some() {
        return Err("the key comes from `key_file` or from `key_env`: remove one".to_owned());
    }
    for (name, value) in &model.headers {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!("{name:?} in `headers` is no name of a header"));
        }
        if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(format!("the value of header {name:?} has a character that none can hold"));
        }
    }
    let prices = model.price.iter().flat_map(|price| {
        [Some(price.input), Some(price.output), price.cached].into_iter().flatten()
    });
    match prices.into_iter().all(|price| price.is_finite() && price >= 0.0) {
        true => Ok(()),
        false => Err("a price is a number of US dollars, 0 or more".to_owned()),
    }
}

fn check_base_url(text: &str) -> Result<(), String> {
    let example = "such as \"http://127.0.0.1:11434/v1\"";
    let url = Url::parse(text)
        .map_err(|error| format!("`base_url` is no address ({error}): write one {example}"))?;
    let is_web = ["http", "https"].contains(&url.scheme()) && url.has_host();
    if !is_web {
        return Err(format!("`base_url` must start with http:// or https://, {example}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("`base_url` must not hold a password: use `key_file` or `key_env`".to_owned());
    }
    match url.query().or(url.fragment()) {
        None => Ok(()),
        Some(_) => Err(format!("`base_url` must end with a path, {example}")),
    }
}
