//! The settings as the rest of the program uses them: checked and complete.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use crate::{
    config::access::AccessSettings,
    project::{Project, ProjectName},
};

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The addresses that the server listens on, of one name or one port; at least one. Port 0 takes
    /// a free one.
    pub listen: Vec<SocketAddr>,
    /// Where the database and the agents' state live; never inside a project.
    pub data_dir: PathBuf,
    /// Reads the page from this directory instead of the embedded one.
    pub assets: Option<PathBuf>,
    /// Least severe log lines of this program that are printed.
    pub log: log::LevelFilter,
    /// The projects, in the order given; names are unique.
    pub projects: Vec<Project>,
    /// Time for the drain after SIGTERM before the process ends regardless.
    pub shutdown_timeout: Duration,
    /// What TLS is served with; `None` serves plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Who may come in.
    pub access: AccessSettings,
    /// How agents are run.
    pub agent: AgentSettings,
    /// Upper bounds.
    pub limits: Limits,
    /// Upper bounds for what agents say.
    pub answer_limits: AnswerLimits,
    /// Upper bounds for what comes from outside.
    pub visitor_limits: VisitorLimits,
    /// Upper bounds for what is looked up and shown.
    pub reading: ReadingSettings,
    /// How far code is coloured.
    pub highlighting: HighlightingSettings,
    /// Timings of sockets.
    pub socket: SocketSettings,
    /// How failed sessions are started again.
    pub restart: RestartSettings,
}

/// What TLS is served with: two files in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The server's certificate, followed by those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How agents are run.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// Which agent answers.
    pub kind: AgentChoice,
    /// The `claude` program; `None` looks for `claude` on the `PATH`.
    pub claude: Option<PathBuf>,
    /// The model asked for; `None` leaves it to the agent.
    pub model: Option<String>,
    /// Names of environment variables that agents get besides the built-in list.
    pub env: Vec<String>,
    /// What to do where the kernel cannot confine an agent.
    pub sandbox: Sandbox,
    /// The user that agents run as where the server is root, a name or a number; `None` chooses.
    pub user: Option<String>,
    /// TCP ports that an agent with a model may connect to, besides those of its environment.
    pub ports: Vec<u16>,
    /// Files and directories that agents may read besides the project.
    pub readable: Vec<PathBuf>,
    /// Files and directories of the server that hold secrets: no agent can read them.
    pub kept_from: Vec<PathBuf>,
    /// Globs of secret files that no agent may read, besides the built-in list.
    pub secrets: Vec<String>,
    /// Names of projects whose agents get no tools for the web; `*` stands for all.
    pub offline_projects: Vec<String>,
    /// Time for the handshake.
    pub start_timeout: Duration,
    /// Longest silence while a turn runs.
    pub silence_timeout: Duration,
    /// Longest time that a running turn may get no further, though the agent shows that it is there.
    pub progress_timeout: Duration,
    /// How long an interrupted, then a closed, then a terminated agent is waited for; each step.
    pub stop_timeout: Duration,
    /// An agent without work for this long is ended; the next message starts it again.
    pub idle_timeout: Duration,
    /// How often the agent repeats a failed API request.
    pub api_retries: u32,
}

impl AgentSettings {
    /// Whether the agents of a project get tools for the web.
    pub fn has_web(&self, project: &ProjectName) -> bool {
        !self.offline_projects.iter().any(|name| name == ALL_PROJECTS || name == project.as_str())
    }
}

/// Stands for every project where names of projects are listed.
pub const ALL_PROJECTS: &str = "*";

/// Which agent answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentChoice {
    /// `claude` where it is installed, else the guide.
    Auto,
    /// The Claude Code CLI.
    Claude,
    /// The built-in guide.
    Guide,
}

/// What to do where the kernel cannot confine an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// Refuse to start an agent.
    Required,
    /// Confine as far as the kernel can, and say so.
    BestEffort,
    /// Do not confine.
    Off,
}

/// Upper bounds. Reaching one gives a clear error.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest message of a user, bytes of UTF-8.
    pub message_bytes: usize,
    /// Largest WebSocket frame or fragmented message that is read at all, bytes.
    pub frame_bytes: usize,
    /// Longest line that an agent may print, bytes.
    pub agent_line_bytes: usize,
    /// Most of a tool's result that is kept, bytes.
    pub tool_result_bytes: usize,
    /// Files that an agent may have open.
    pub agent_open_files: usize,
    /// Largest file that an agent may write among its own, bytes.
    pub agent_file_bytes: usize,
    /// Processes and threads of one agent; of all of them, where they have a user of their own.
    pub agent_processes: usize,
    /// Bytes of the files that an agent may have in its own directories.
    pub agent_disk: usize,
    /// Files and directories that an agent may have in its own directories.
    pub agent_files: usize,
    /// Messages that may wait in one conversation.
    pub queued_messages: usize,
    /// Agent processes of the whole server.
    pub agents: usize,
    /// Agent processes of one project.
    pub agents_per_project: usize,
    /// Memory of one agent with its children, bytes; one that takes more is ended.
    pub agent_memory: usize,
    /// What a live conversation keeps in memory of its history, bytes; older parts are read from the
    /// database when somebody comes to them.
    pub history_memory: usize,
    /// Live conversations of one project.
    pub conversations_per_project: usize,
    /// Connections to the server.
    pub connections: usize,
}

/// Upper bounds for what agents say. Reaching one ends the answer or makes the agent wait.
#[derive(Debug, Clone)]
pub struct AnswerLimits {
    /// Text, thinking, tool inputs and tool results of one answer, bytes.
    pub bytes: usize,
    /// Entries of one answer in the history.
    pub entries: usize,
    /// What all agents together have said that the database has not stored, bytes.
    pub unsaved_bytes: usize,
}

impl AnswerLimits {
    /// What one of so many agents may have said that is not stored, in bytes. A share that is too
    /// small would make every text wait for a commit, one that is too large would be no bound.
    pub fn unsaved_share(&self, agents: usize) -> usize {
        const LEAST: usize = 512 * 1024;
        const MOST: usize = 4 * 1024 * 1024;
        (self.unsaved_bytes / agents.max(1)).clamp(LEAST, MOST)
    }
}

/// Upper bounds for what comes from outside. Reaching one gives a clear error.
#[derive(Debug, Clone)]
pub struct VisitorLimits {
    /// Largest body of a request, bytes.
    pub body_bytes: usize,
    /// Largest head of a request, bytes of all its headers.
    pub header_bytes: usize,
    /// Connections from one address that is neither loopback nor a trusted proxy.
    pub connections_per_address: usize,
    /// WebSockets of one visitor: of a user whom a proxy names, else of an address.
    pub sockets_per_visitor: usize,
    /// Messages of one visitor in a minute.
    pub messages_per_minute: usize,
    /// Explicitly created conversations of one project in which nobody has written.
    pub empty_conversations: usize,
    /// Conversations that one visitor begins in a minute.
    pub conversations_per_minute: usize,
    /// Agents that are started ahead of a question for one visitor in a minute.
    pub starts_per_minute: usize,
    /// Turns of one visitor that run or wait.
    pub turns_per_visitor: usize,
    /// Wrong tokens that one address may show in a minute.
    pub failed_logins_per_minute: usize,
    /// Logins that are remembered.
    pub logins: usize,
}

/// Upper bounds for what is looked up and shown.
#[derive(Debug, Clone)]
pub struct ReadingSettings {
    /// A search over conversations that takes longer is ended.
    pub search_timeout: Duration,
    /// Hits that one search gives.
    pub search_hits: usize,
    /// The look for questions that were asked before ends after this time.
    pub asked_timeout: Duration,
    /// Questions that a question is compared with, the newest.
    pub asked_candidates: usize,
    /// Files that one search for files gives.
    pub found_files: usize,
    /// How long a project's list of files is used before it is made anew.
    pub files_kept: Duration,
    /// Largest file that is shown, bytes.
    pub file_bytes: usize,
    /// References to files in one answer that are checked.
    pub references: usize,
    /// Lines of a file that are shown at once.
    pub page_lines: usize,
    /// Bytes of a file that are shown at once.
    pub page_bytes: usize,
}

/// How far code is coloured. What is beyond stays plain.
#[derive(Debug, Clone)]
pub struct HighlightingSettings {
    /// Longest block of code in an answer, bytes.
    pub block_bytes: usize,
    /// A page of a file and what is read of the lines before it, bytes.
    pub file_bytes: usize,
    /// Longest line, bytes.
    pub line_bytes: usize,
    /// Longest time for a block or a page.
    pub timeout: Duration,
    /// Coloured blocks that are kept, bytes.
    pub kept_bytes: usize,
    /// Grammars are kept for this long after something was coloured.
    pub keep: Duration,
}

/// Timings of sockets.
#[derive(Debug, Clone)]
pub struct SocketSettings {
    /// The server pings this often.
    pub ping_interval: Duration,
    /// A socket that has answered nothing for this long is closed.
    pub ping_timeout: Duration,
    /// A socket that has sent nothing for this long after it opened is taken for a page that
    /// came back and is attached to its conversation.
    pub attach_after: Duration,
    /// A viewer that has not taken what it was sent for this long is cut off.
    pub stall_timeout: Duration,
    /// Time for the head of a request, for its body, and for the handshake of TLS; each.
    pub request_timeout: Duration,
}

/// How failed sessions are started again.
#[derive(Debug, Clone)]
pub struct RestartSettings {
    /// Wait before the first restart; doubles with each further one.
    pub backoff: Duration,
    /// Longest wait.
    pub backoff_max: Duration,
    /// After more failures than this within `window` the session is given up.
    pub attempts: u32,
    /// See `attempts`.
    pub window: Duration,
}
