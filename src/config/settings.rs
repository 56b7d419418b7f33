//! Settings: the tables of the configuration file as structs, and what they come to.
//!
//! Each key is written once, here. Its documentation is what the sample, the reference, the JSON
//! Schema and `--help` say; attributes give the rest:
//!
//! - `default`: its default as the file would have it; an empty text or list where there is none.
//! - `flag`: its command-line flag.
//! - `advanced`: it stands in `[advanced.TABLE]`, and in the reference alone.
//! - `formerly`: its old name, where that is not `TABLE.KEY`.
//! - `live`: a reload of the configuration changes it.
//! - `table`: the table of a struct, where its field in [`Tables`] has another name.

mod access;
mod advanced;
pub mod agents;
mod attachments;
mod audit;
mod budgets;
mod cluster;
mod discovery;
mod file_links;
mod history;
mod limits;
mod live;
mod oidc;
mod team;
mod telemetry;
mod webhooks;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use log::LevelFilter;
use schemars::JsonSchema;
use serde::Deserialize;

pub use crate::config::agent_name::AgentChoice;
pub(crate) use access::AccessSettings;
pub(crate) use advanced::{
    GitSettings, HighlightingSettings, ReaderSettings, ReadingSettings, RestartSettings,
    SocketSettings,
};
use agents::NamedAgent;
pub(crate) use attachments::AttachmentSettings;
pub(crate) use audit::AuditSettings;
pub(crate) use budgets::BudgetSettings;
pub(crate) use cluster::ClusterSettings;
pub(super) use discovery::DiscoveryTable;
pub(crate) use file_links::FileLinkSettings;
pub(crate) use history::HistorySettings;
pub use limits::Limits;
pub(crate) use limits::{AnswerLimits, VisitorLimits};
pub use live::{Live, LiveSettings, ProjectAgents};
pub(crate) use oidc::OidcSettings;
pub(crate) use team::TeamSettings;
pub(crate) use telemetry::TelemetrySettings;
pub(crate) use webhooks::WebhookSettings;

use crate::{
    config::{
        base_path::BasePath,
        token::Token,
        values::{
            AgentText, As, BasePathText, EnvName, HumanDuration, List, ListenAddress, ListenText,
            OptionalPath, OptionalProgram, OptionalText, PathText, PortNumber, Text, WholeNumber,
        },
    },
    project::ProjectAccess,
};

/// The checked and complete configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The addresses of `server.listen`, IPv4 first; at least one. Port 0 picks a free one.
    pub(crate) listen: Vec<SocketAddr>,
    /// What a proxy puts before all paths.
    pub(crate) base_path: BasePath,
    /// Where the database and the agents' state live; never inside a project.
    pub data_dir: PathBuf,
    /// Serves the page from this directory instead of the embedded one.
    pub(crate) assets: Option<PathBuf>,
    /// Least severe level that is logged.
    pub log: LevelFilter,
    /// How the log is written.
    pub log_format: LogFormat,
    pub(crate) shutdown_timeout: Duration,
    /// `None` serves plain HTTP.
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) access: AccessSettings,
    pub(crate) agent: AgentSettings,
    pub(crate) limits: Limits,
    pub(crate) answer_limits: AnswerLimits,
    pub(crate) visitor_limits: VisitorLimits,
    pub(crate) attachments: AttachmentSettings,
    pub(crate) oidc: OidcSettings,
    pub(crate) webhooks: WebhookSettings,
    pub(crate) telemetry: TelemetrySettings,
    pub(crate) cluster: ClusterSettings,
    pub(crate) reading: ReadingSettings,
    pub(crate) highlighting: HighlightingSettings,
    pub(crate) reader: ReaderSettings,
    pub(crate) git: GitSettings,
    pub(crate) socket: SocketSettings,
    pub(crate) restart: RestartSettings,
    /// What a reload may change.
    pub live: LiveSettings,
}

impl Settings {
    /// These settings for a server that this process alone asks: on a free port of this machine, with
    /// `token`, and with the conversations in `data_dir`.
    pub(crate) fn for_own_use(mut self, data_dir: PathBuf, token: Token) -> Self {
        let access = &mut self.access;
        access.hosts.clear();
        access.origins.clear();
        access.trusted_proxies.clear();
        access.user_header = None;
        access.groups_header = None;
        access.has_provider = false;
        access.admin_token = None;
        access.viewer_token = Some(token);
        self.oidc.issuer.clear();
        // Who starts it may read the files anyway.
        self.live.projects.iter_mut().for_each(|it| it.access = ProjectAccess::default());
        self.agent.serves_others = false;
        // Others are not told what one person asks alone.
        self.webhooks.urls.clear();
        self.telemetry.endpoint = None;
        self.cluster.nats.clear();
        // They are fetched by the server whose data directory has them.
        self.live.repositories.clear();
        self.live.forges.clear();
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            data_dir,
            base_path: BasePath::default(),
            assets: None,
            tls: None,
            ..self
        }
    }
}

/// The certificate for TLS and its private key, two PEM files.
#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    /// The server's certificate, followed by its chain.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// The tables of the file, but for the projects.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tables {
    pub(super) server: ServerTable,
    pub(super) discovery: DiscoveryTable,
    pub(super) access: AccessSettings,
    pub(super) agent: AgentSettings,
    pub(super) limits: Limits,
    #[schemars(extend("table" = "limits"))]
    pub(super) answer_limits: AnswerLimits,
    #[schemars(extend("table" = "limits"))]
    pub(super) visitor_limits: VisitorLimits,
    pub(super) attachments: AttachmentSettings,
    #[schemars(extend("table" = "reader"))]
    pub(super) file_links: FileLinkSettings,
    pub(super) oidc: OidcSettings,
    pub(super) team: TeamSettings,
    pub(super) budgets: BudgetSettings,
    pub(super) history: HistorySettings,
    pub(super) audit: AuditSettings,
    pub(super) webhooks: WebhookSettings,
    pub(super) telemetry: TelemetrySettings,
    pub(super) cluster: ClusterSettings,
    pub(super) reading: ReadingSettings,
    pub(super) highlighting: HighlightingSettings,
    pub(super) reader: ReaderSettings,
    pub(super) git: GitSettings,
    pub(super) socket: SocketSettings,
    pub(super) restart: RestartSettings,
}

/// Where the server listens and keeps its data.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerTable {
    /// Address or host name, and port, to listen on; port 0 picks a free one.
    #[serde(with = "As::<ListenText>")]
    #[schemars(extend("default" = "127.0.0.1:8080", "flag" = "listen"))]
    pub(super) listen: ListenAddress,
    /// Path below which a proxy publishes the server, such as `/guide`; empty: the root of its host.
    /// It makes no difference whether the proxy removes the path from requests.
    #[serde(with = "As::<BasePathText>")]
    pub(super) base_path: BasePath,
    /// Directory of the database and the agents' state; empty: `cicerone` in the platform's data
    /// directory.
    #[serde(with = "As::<OptionalPath>")]
    #[schemars(extend("flag" = "data-dir"))]
    pub(super) data_dir: Option<PathBuf>,
    /// Directory to serve the page from; empty: the built-in page.
    #[serde(with = "As::<OptionalPath>")]
    #[schemars(extend("flag" = "assets"))]
    pub(super) assets: Option<PathBuf>,
    /// Least severe level that is logged; `RUST_LOG` overrides it.
    #[serde(with = "LogLevel")]
    #[schemars(extend("default" = "info", "flag" = "log", "live" = true))]
    pub(super) log: LevelFilter,
    /// How lines of the log are written.
    #[schemars(extend("default" = "text"))]
    pub(super) log_format: LogFormat,
    /// Time that running turns get to end after SIGTERM; then the process exits regardless.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "10s"))]
    pub(super) shutdown_timeout: Duration,
    /// PEM file with the certificate for HTTPS and its chain; empty: plain HTTP.
    #[serde(with = "As::<OptionalPath>")]
    pub(super) tls_certificate: Option<PathBuf>,
    /// PEM file with the private key of the certificate.
    #[serde(with = "As::<OptionalPath>")]
    pub(super) tls_key: Option<PathBuf>,
}

/// How lines of the log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object a line, with `time`, `level`, `target` and `message`.
    Json,
}

#[derive(Deserialize, JsonSchema)]
#[serde(remote = "LevelFilter", rename_all = "lowercase")]
enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Which agent answers, and how it is run and confined.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentSettings {
    /// Which agent answers where neither the conversation nor its project names one: a name, or `auto`
    /// for the first that is usable of Claude Code (installed and logged in), the configured models, and
    /// the built-in guide. It is looked at before each question.
    #[serde(with = "As::<AgentText>")]
    #[schemars(extend("default" = "auto", "flag" = "agent", "formerly" = "agent.kind"))]
    pub default: AgentChoice,
    /// The `claude` program: a path, or a name on the `PATH`; empty: `claude`.
    #[serde(with = "As::<OptionalProgram>")]
    #[schemars(extend("flag" = "claude"))]
    pub claude: Option<PathBuf>,
    /// Model to ask for; empty: the agent's default.
    #[serde(with = "As::<OptionalText>")]
    pub model: Option<String>,
    /// Lets other people be answered with the personal login of the server's user. The terms of its
    /// service may forbid that; an API key, a cloud or a gateway needs no such permission.
    #[schemars(extend("default" = false))]
    pub share_login: bool,
    /// Names of environment variables that are passed on to agents besides the built-in list.
    #[serde(with = "As::<List<EnvName>>")]
    #[schemars(extend("flag" = "agent-env"))]
    pub env: Vec<String>,
    /// Where the kernel cannot confine agents: `required` starts none, `best-effort` confines them as
    /// far as it can, `off` does not confine them.
    #[schemars(extend("default" = "required", "flag" = "sandbox"))]
    pub sandbox: Sandbox,
    /// User, by name or number, that agents run as where the server is root; empty: `nobody`, if it
    /// can read the project.
    #[serde(with = "As::<OptionalText>")]
    pub user: Option<String>,
    /// TCP ports that an agent with a model may connect to, besides those of its API and of a proxy.
    #[serde(with = "As::<List<PortNumber>>")]
    #[schemars(extend("default" = [443]))]
    pub ports: Vec<u16>,
    /// Files and directories that agents may read besides the project.
    #[serde(with = "As::<List<PathText>>")]
    pub readable: Vec<PathBuf>,
    /// Globs, as in `.gitignore`, of secret files that no agent may read, besides the built-in list.
    #[serde(with = "As::<List<Text>>")]
    pub secrets: Vec<String>,
    /// Names of projects whose agents get no web tools; `*` stands for all projects.
    #[serde(with = "As::<List<Text>>")]
    #[schemars(extend("live" = true))]
    pub offline_projects: Vec<String>,
    /// Directory in which what each agent and the server say to each other is kept, with secrets
    /// masked, for bug reports and `cicerone replay`; empty: nothing is kept. The oldest files are
    /// removed when they come to 512 MiB.
    #[serde(with = "As::<OptionalPath>")]
    pub record: Option<PathBuf>,
    /// Longest silence of an agent during a turn.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "5m"))]
    pub silence_timeout: Duration,
    /// An agent without work for this long is stopped; the next question starts it again.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "15m"))]
    pub idle_timeout: Duration,
    /// Time for an agent to complete the handshake.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "30s", "advanced" = true))]
    pub start_timeout: Duration,
    /// Longest time without progress during a turn, even if the agent shows signs of life.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "30m", "advanced" = true))]
    pub progress_timeout: Duration,
    /// Time for each step of stopping an agent: interrupt, end of input, SIGTERM.
    #[serde(with = "As::<HumanDuration>")]
    #[schemars(extend("default" = "2s", "advanced" = true))]
    pub stop_timeout: Duration,
    /// How often the agent retries a failed request to its model.
    #[serde(with = "As::<WholeNumber>")]
    #[schemars(extend("default" = 3, "advanced" = true))]
    pub api_retries: u32,
    /// All agents, at least Claude Code and the guide. Names are unique.
    #[serde(skip)]
    pub named: Vec<NamedAgent>,
    /// Whether other people than the server's user can ask.
    #[serde(skip)]
    pub serves_others: bool,
}

/// What agents of a project are told besides our own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectInstructions {
    /// The operator's file.
    pub file: Option<PathBuf>,
    /// Whether a file of the repository for agents is passed on.
    pub of_repository: bool,
}

impl AgentSettings {
    /// Whether nobody may be answered with a personal login.
    pub(crate) fn refuses_personal_login(&self) -> bool {
        self.serves_others && !self.share_login
    }
}

/// Stands for every project where names of projects are listed.
pub(crate) const ALL_PROJECTS: &str = "*";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the keys that choose one say what each does")]
pub enum Sandbox {
    Required,
    BestEffort,
    Off,
}
