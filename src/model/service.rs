//! A model service as the configuration describes it, and the presets of known services. Pure.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

pub use crate::config::settings::agents::{Preset, ServiceDialect, TokenPrice};

/// The environment variable in which the process is given its [`Service`], as JSON.
pub const SERVICE_VARIABLE: &str = "CICERONE_MODEL_SERVICE";

/// How often a request is repeated where the configuration names no number.
const RETRIES: u32 = 4;

/// Longest silence of a service where the configuration names none. Reading a long prompt takes
/// minutes without a graphics card.
const SILENCE: Duration = Duration::from_secs(600);

/// The version of Anthropic's interface that is spoken.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// No preset has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown preset {0:?}; known are {names}", names = Preset::names())]
pub struct UnknownPreset(String);

impl Preset {
    /// All of them, those that run on one's own machine first.
    pub const ALL: [Self; 7] = [
        Self::Ollama,
        Self::Llamacpp,
        Self::Vllm,
        Self::Lmstudio,
        Self::Openai,
        Self::Openrouter,
        Self::Anthropic,
    ];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ollama => "ollama",
            Self::Llamacpp => "llamacpp",
            Self::Vllm => "vllm",
            Self::Lmstudio => "lmstudio",
            Self::Openai => "openai",
            Self::Openrouter => "openrouter",
            Self::Anthropic => "anthropic",
        }
    }

    fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Where the service usually is.
    pub fn base_url(self) -> &'static str {
        match self {
            Self::Ollama => "http://127.0.0.1:11434/v1",
            Self::Llamacpp => "http://127.0.0.1:8080/v1",
            Self::Vllm => "http://127.0.0.1:8000/v1",
            Self::Lmstudio => "http://127.0.0.1:1234/v1",
            Self::Openai => "https://api.openai.com/v1",
            Self::Openrouter => "https://openrouter.ai/api/v1",
            Self::Anthropic => "https://api.anthropic.com/v1",
        }
    }

    /// What it speaks.
    pub fn dialect(self) -> ServiceDialect {
        match self {
            Self::Anthropic => ServiceDialect::Messages,
            _ => ServiceDialect::Chat,
        }
    }

    /// The environment variable in which its users keep the key.
    pub fn key_variable(self) -> Option<&'static str> {
        match self {
            Self::Openai => Some("OPENAI_API_KEY"),
            Self::Openrouter => Some("OPENROUTER_API_KEY"),
            Self::Anthropic => Some("ANTHROPIC_API_KEY"),
            Self::Ollama | Self::Llamacpp | Self::Vllm | Self::Lmstudio => None,
        }
    }

    /// The preset of a service at `base_url`, by its host or its usual port.
    fn at(base_url: &str) -> Option<Self> {
        let host_of = |url: &str| -> String {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            rest.split('/').next().unwrap_or_default().to_ascii_lowercase()
        };
        let host = host_of(base_url);
        // Ports 8000 and 8080 say nothing.
        Self::ALL.into_iter().filter(|it| !matches!(it, Self::Llamacpp | Self::Vllm)).find(|it| {
            let usual = host_of(it.base_url());
            let port = usual.split_once(':').map(|(_, port)| port);
            host == usual || port.is_some_and(|port| host.ends_with(&format!(":{port}")))
        })
    }
}

impl FromStr for Preset {
    type Err = UnknownPreset;

    fn from_str(name: &str) -> Result<Self, UnknownPreset> {
        let known = Self::ALL.into_iter().find(|preset| preset.name() == name);
        known.ok_or_else(|| UnknownPreset(name.to_owned()))
    }
}

/// A model service and how to ask it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Recognised by `base_url` if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// The preset's if missing, else chat completions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<ServiceDialect>,
    /// Up to and with the version, such as `http://127.0.0.1:11434/v1`.
    pub base_url: String,
    /// The model's name at the service.
    pub model: String,
    /// Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Sent with every request; the values are secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Tokens that the model can read; asked from the service if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    /// Most tokens of one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
    /// Whether the model's reasoning is sent back, which few services want.
    #[serde(default)]
    pub sends_reasoning: bool,
    /// Whether it takes `reasoning_effort`, or in the Messages dialect `thinking`.
    #[serde(default)]
    pub effort: bool,
    /// Whether the model takes images; asked from the service if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<bool>,
    /// For the cost of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<TokenPrice>,
    /// How often a request is repeated at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// Longest silence of the service, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_s: Option<u64>,
}

/// A setting of the service cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidService {
    /// The address is not one of a service.
    #[error("base_url {0:?} must begin with http:// or https:// and a host")]
    BaseUrl(String),
    /// The key has characters that no header can have.
    #[error(
        "the key contains a line break, a blank or another character that no key has; save it without"
    )]
    Key,
    /// The same for a header, by its name.
    #[error("the header {0:?} has a character that headers cannot have")]
    Header(String),
    /// There is no model's name.
    #[error("the model has no name; set `model`")]
    Model,
}

impl Service {
    /// Checks what would only fail at the first request. Blanks and line breaks around the key, which
    /// files end with, are dropped.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn checked(mut self) -> Result<Self, InvalidService> {
        let url = self.base_url.trim().trim_end_matches('/');
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let is_url = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
        if !is_url || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(InvalidService::BaseUrl(self.base_url));
        }
        self.base_url = url.to_owned();
        if self.model.trim().is_empty() {
            return Err(InvalidService::Model);
        }
        self.key = self.key.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        if self.key.as_ref().is_some_and(|key| !key.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(InvalidService::Key);
        }
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
        };
        let is_bad = |(name, value): &(&String, &String)| {
            !is_name(name) || value.bytes().any(|byte| byte.is_ascii_control())
        };
        if let Some((name, _)) = self.headers.iter().find(is_bad) {
            return Err(InvalidService::Header(name.clone()));
        }
        Ok(self)
    }

    /// What kind of service it is, as far as that is known.
    pub fn known_as(&self) -> Option<Preset> {
        self.preset.or_else(|| Preset::at(&self.base_url))
    }

    /// What it speaks.
    pub fn spoken(&self) -> ServiceDialect {
        let preset = self.known_as().map_or(ServiceDialect::Chat, Preset::dialect);
        self.dialect.unwrap_or(preset)
    }

    /// The headers of every request: the key as the dialect wants it, and the configured ones.
    pub fn request_headers(&self) -> Vec<(&str, String)> {
        let mut headers = Vec::new();
        if self.spoken() == ServiceDialect::Messages {
            headers.push(("anthropic-version", ANTHROPIC_VERSION.to_owned()));
        }
        if let Some(key) = &self.key {
            headers.push(match self.known_as() {
                Some(Preset::Anthropic) => ("x-api-key", key.clone()),
                _ => ("authorization", format!("Bearer {key}")),
            });
        }
        headers.retain(|(name, _)| !self.headers.keys().any(|it| it.eq_ignore_ascii_case(name)));
        headers.extend(self.headers.iter().map(|(name, value)| (name.as_str(), value.clone())));
        headers
    }

    /// Host and port as the address has them, for messages.
    pub fn host(&self) -> &str {
        let rest = self.base_url.split_once("://").map_or(self.base_url.as_str(), |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        authority.rsplit_once('@').map_or(authority, |(_, host)| host)
    }

    /// How often a request is repeated at most.
    pub fn most_retries(&self) -> u32 {
        self.retries.unwrap_or(RETRIES)
    }

    /// Longest silence of the service.
    pub fn silence(&self) -> Duration {
        self.silence_s.map_or(SILENCE, Duration::from_secs)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("preset", &self.known_as())
            .field("host", &self.host())
            .field("model", &self.model)
            .field("has_key", &self.key.is_some())
            .field("headers", &self.headers.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(fields: serde_json::Value) -> Service {
        let mut all = json!({"base_url": "http://127.0.0.1:11434/v1", "model": "qwen3"});
        for (name, value) in fields.as_object().unwrap() {
            all[name] = value.clone();
        }
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn a_service_is_known_by_its_name_or_its_address() {
        for (url, preset) in [
            ("http://127.0.0.1:11434/v1", Some(Preset::Ollama)),
            ("http://gpu.lan:11434/v1", Some(Preset::Ollama)),
            ("https://api.anthropic.com/v1/", Some(Preset::Anthropic)),
            ("https://api.openai.com/v1", Some(Preset::Openai)),
            ("https://example.org/openai/v1", None),
            ("http://127.0.0.1:8080/v1", None),
        ] {
            assert_eq!(service(json!({"base_url": url})).known_as(), preset, "{url}");
        }
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse(), Ok(preset));
            assert_eq!(json!(preset), json!(preset.name()));
        }
        assert!("gpt".parse::<Preset>().unwrap_err().to_string().contains("ollama"));
        let asked = service(json!({"preset": "anthropic", "dialect": "chat"}));
        assert_eq!(asked.spoken(), ServiceDialect::Chat);
    }

    #[test]
    fn what_cannot_be_sent_is_refused_in_words_without_the_secret() {
        for (fields, words) in [
            (json!({"key": "sk-1\nx"}), "line break"),
            (json!({"key": "sk 1"}), "line break"),
            (json!({"key": "schlüssel"}), "line break"),
            (json!({"headers": {"X-A": "se\r\ncret"}}), "X-A"),
            (json!({"headers": {"X A": "secret"}}), "X A"),
            (json!({"base_url": "127.0.0.1:11434"}), "http://"),
            (json!({"base_url": "ftp://host/v1"}), "http://"),
            (json!({"base_url": "http://"}), "http://"),
            (json!({"base_url": "http:///v1"}), "http://"),
            (json!({"base_url": "http://a b/v1"}), "http://"),
            (json!({"model": " "}), "model"),
        ] {
            let error = service(fields.clone()).checked().unwrap_err().to_string();
            assert!(error.contains(words), "{fields}: {error}");
            assert!(!error.contains("sk") && !error.contains("secret"), "{error}");
        }
        let checked = service(json!({"key": "sk-1\n", "base_url": "http://h:1/v1/"})).checked();
        let checked = checked.unwrap();
        assert_eq!(
            (checked.key.as_deref(), checked.base_url.as_str()),
            (Some("sk-1"), "http://h:1/v1")
        );
        assert_eq!(service(json!({"key": "\n"})).checked().unwrap().key, None);
    }

    #[test]
    fn the_key_goes_where_the_service_looks_for_it_and_a_configured_header_wins() {
        let names = |service: Service| -> Vec<String> {
            service.request_headers().iter().map(|(name, it)| format!("{name}: {it}")).collect()
        };
        assert_eq!(names(service(json!({"key": "k"}))), ["authorization: Bearer k"]);
        assert_eq!(
            names(service(json!({"key": "k", "preset": "anthropic"}))),
            ["anthropic-version: 2023-06-01", "x-api-key: k"]
        );
        let configured = json!({"key": "k", "headers": {"Authorization": "Basic x"}});
        assert_eq!(names(service(configured)), ["Authorization: Basic x"]);
    }

    #[test]
    fn no_secret_is_printed() {
        let service = service(json!({"key": "hunter2", "headers": {"X-A": "hunter2"},
            "base_url": "http://user:hunter2@host/v1"}));
        let printed = format!("{service:?}");
        assert!(!printed.contains("hunter2") && printed.contains("X-A"), "{printed}");
    }
}
