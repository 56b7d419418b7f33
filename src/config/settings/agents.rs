//! Named agents: the tables `[agents.NAME]`.

use std::{
    collections::BTreeMap,
    num::{NonZeroU16, NonZeroU64},
    path::PathBuf,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use crate::config::agent_name::{AUTO, CLAUDE, GUIDE};
pub use crate::config::agent_name::{AgentName, InvalidAgentName};

/// An agent of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedAgent {
    /// Its name.
    pub name: AgentName,
    /// What it is.
    pub config: AgentConfig,
}

impl NamedAgent {
    /// Those that are there without a table.
    pub fn built_in() -> Vec<Self> {
        let claude = AgentConfig::Claude(ClaudeConfig::default());
        let guide = AgentConfig::Guide(GuideConfig {});
        vec![
            Self { name: AgentName::claude(), config: claude },
            Self { name: AgentName::guide(), config: guide },
        ]
    }
}

/// A table `[agents.NAME]`. Its `kind` decides which keys it has.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum AgentConfig {
    /// Claude Code.
    Claude(ClaudeConfig),
    /// A model service, asked by Cicerone's own agent. That process reads no files: the project's reader
    /// runs its tools.
    Model(ModelConfig),
    /// A program that speaks the Agent Client Protocol.
    Acp(AcpConfig),
    /// A recording of another agent, played back without a model, a network and the project.
    Replay(ReplayConfig),
    /// The built-in guide, without a model.
    Guide(GuideConfig),
}

/// Settings of an agent of kind `claude`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaudeConfig {
    /// The program: a path, or a name on the `PATH`; without it that of `agent.claude`.
    pub program: Option<PathBuf>,
    /// Model to ask for; without it that of `agent.model`.
    pub model: Option<String>,
}

/// Settings of an agent of kind `guide`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuideConfig {}

/// Settings of an agent of kind `replay`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayConfig {
    /// The recording, made with `agent.record`.
    pub file: PathBuf,
    /// How many times as fast as it was recorded.
    pub speed: Option<NonZeroU16>,
}

/// Settings of an agent of kind `model`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The program or company that serves the model. It gives the address and the dialect, which other
    /// keys override.
    pub preset: Option<Preset>,
    /// Where the service answers, up to and with its version, such as `http://127.0.0.1:11434/v1`.
    pub base_url: Option<String>,
    /// The model, as the service names it.
    pub model: Option<String>,
    /// How the service is spoken to; without it as the preset says, else `chat`.
    pub dialect: Option<ServiceDialect>,
    /// File with the service's key.
    pub key_file: Option<PathBuf>,
    /// Environment variable of the server with the service's key.
    pub key_env: Option<String>,
    /// Further headers of each request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The model's context, in tokens; without it the service is asked.
    pub context: Option<NonZeroU64>,
    /// Longest answer to one request, in tokens; without it the service decides.
    pub max_output: Option<NonZeroU64>,
    /// Whether the model's reasoning is sent back to it. Most services refuse that.
    #[serde(default)]
    pub sends_reasoning: bool,
    /// Whether the service takes `reasoning_effort`, or in the dialect `messages` `thinking`, so that a
    /// question can be asked quickly or thoroughly.
    #[serde(default)]
    pub effort: bool,
    /// Whether the model takes images; without it the service is asked, and tried.
    pub images: Option<bool>,
    /// Prices in US dollars for a million tokens, for the cost of an answer.
    pub price: Option<TokenPrice>,
}

/// What tokens cost, in US dollars per million.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenPrice {
    /// Of what the model reads.
    pub input: f64,
    /// Of what it writes.
    pub output: f64,
    /// Of what it reads from its cache; without it as `input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<f64>,
}

/// Settings of an agent of kind `acp`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcpConfig {
    /// The program, a path or a name on the `PATH`, and its arguments.
    #[serde(default)]
    pub command: Vec<String>,
    /// Model to ask for, where the program takes one from its environment or command line.
    pub model: Option<String>,
    /// Names of environment variables of the server that are passed on to it.
    #[serde(default)]
    pub env: Vec<String>,
    /// TCP ports that it may connect to besides those of `agent.ports`.
    #[serde(default)]
    pub ports: Vec<NonZeroU16>,
}

/// A model service whose address and habits are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "names of products")]
pub enum Preset {
    Ollama,
    Llamacpp,
    Vllm,
    Lmstudio,
    Openai,
    Openrouter,
    Anthropic,
}

/// The dialect of a model service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceDialect {
    /// Chat completions, which nearly every service speaks.
    Chat,
    /// Anthropic's messages.
    Messages,
}

impl AgentConfig {
    /// The model that it names.
    pub(crate) fn model(&self) -> Option<&str> {
        match self {
            Self::Claude(claude) => claude.model.as_deref(),
            Self::Model(model) => model.model.as_deref(),
            Self::Acp(acp) => acp.model.as_deref(),
            Self::Replay(_) | Self::Guide(_) => None,
        }
    }

    /// Which files of a question it takes: `all`, `text` or `none`; `None` where that shows only when it is
    /// asked.
    pub(crate) fn attachments(&self) -> Option<&'static str> {
        match self {
            Self::Claude(_) => Some("all"),
            Self::Model(model) => model.images.map(|images| if images { "all" } else { "text" }),
            Self::Acp(_) => None,
            Self::Guide(_) | Self::Replay(_) => Some("none"),
        }
    }

    /// Whether it lets itself be told how thorough an answer is to be.
    pub(crate) fn takes_effort(&self) -> bool {
        match self {
            Self::Claude(_) => true,
            Self::Model(model) => model.effort,
            Self::Acp(_) | Self::Replay(_) | Self::Guide(_) => false,
        }
    }

    /// The value of `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Claude(_) => "claude",
            Self::Model(_) => "model",
            Self::Acp(_) => "acp",
            Self::Replay(_) => "replay",
            Self::Guide(_) => "guide",
        }
    }
}
