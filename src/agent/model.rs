//! The model agent: this program's `model` subcommand, which asks a service. It has a network to that
//! service alone and no project: its tool calls go to the project's reader.

use std::{ffi::OsString, fs, path::Path};

use url::Url;

use crate::{
    config::settings::{AgentSettings, agents::ModelConfig},
    model::service::{SERVICE_VARIABLE, Service},
    project::Project,
};

use super::sandbox::{self, NETWORK_VARIABLES, value};

/// Where the service answers.
pub(super) fn base_url(config: &ModelConfig) -> Result<Url, String> {
    let text = match (&config.base_url, config.preset) {
        (Some(text), _) => text,
        (None, Some(preset)) => preset.base_url(),
        (None, None) => return Err("it has no `base_url`".to_owned()),
    };
    Url::parse(text).map_err(|error| format!("its address {text:?} is none: {error}"))
}

/// Variables passed from the server, besides those of the network.
const PASSED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// The arguments after `cicerone`.
pub(super) fn arguments(project: &Project, prompt: &Path) -> Vec<OsString> {
    let mut arguments =
        ["model", "--name", project.name.as_str(), "--prompt"].map(OsString::from).to_vec();
    arguments.push(prompt.into());
    arguments
}

/// The process's environment, filtered from the server's. The error is for a person. Reads the key file.
pub(super) fn environment(
    server: &[(OsString, OsString)],
    settings: &AgentSettings,
    config: &ModelConfig,
) -> Result<Vec<(OsString, OsString)>, String> {
    let passed = PASSED.iter().chain(&NETWORK_VARIABLES);
    let is_passed = |name: &OsString| passed.clone().any(|passed| name == passed);
    let mut environment: Vec<_> =
        server.iter().filter(|(name, _)| is_passed(name)).cloned().collect();
    let service = service(config, key(server, config)?, settings)?;
    let service = serde_json::to_string(&service).map_err(|error| error.to_string())?;
    environment.push((SERVICE_VARIABLE.into(), service.into()));
    Ok(environment)
}

/// The service's key: of the file, of the variable, or of the one in which users of the service keep it.
fn key(server: &[(OsString, OsString)], config: &ModelConfig) -> Result<Option<String>, String> {
    if let Some(file) = &config.key_file {
        let text = fs::read_to_string(file)
            .map_err(|error| format!("The key file {file:?} cannot be read: {error}."))?;
        return Ok(Some(text.trim().to_owned()));
    }
    let of_variable =
        |name: &str| value(server, name).map(|key| key.to_string_lossy().into_owned());
    match &config.key_env {
        Some(name) => of_variable(name).map(Some).ok_or_else(|| {
            format!("The server's environment has no {name}, which holds the key of the service.")
        }),
        None => {
            let usual = config.preset.and_then(|preset| preset.key_variable());
            Ok(usual.and_then(of_variable))
        }
    }
}

fn service(
    config: &ModelConfig,
    key: Option<String>,
    settings: &AgentSettings,
) -> Result<Service, String> {
    let service = Service {
        preset: config.preset,
        dialect: config.dialect,
        base_url: base_url(config)?.to_string(),
        model: config.model.clone().unwrap_or_else(|| "default".to_owned()),
        key,
        headers: config.headers.clone(),
        context: config.context.map(Into::into),
        max_output: config.max_output.map(Into::into),
        sends_reasoning: config.sends_reasoning,
        effort: config.effort,
        images: config.images,
        price: config.price,
        retries: Some(settings.api_retries),
        silence_s: Some(settings.silence_timeout.as_secs()),
    };
    service.checked().map_err(|error| format!("The model service cannot be asked: {error}."))
}

/// The ports of the service and of a proxy.
pub(super) fn ports(
    config: &ModelConfig,
    environment: &[(OsString, OsString)],
) -> Result<Vec<u16>, String> {
    let of_service = base_url(config)?.port_or_known_default();
    Ok(sandbox::ports(&of_service.into_iter().collect::<Vec<_>>(), environment))
}
