//! How the Claude Code program is run as a guide that can only read: its arguments, its
//! environment and the list of its tools. Running the process is `process`'s matter.
//!
//! Nothing of the project or of the user configures it: no settings, hooks, plugins, commands or
//! MCP servers but ours. Reading tools are left out of the allowed ones on purpose: named there
//! they could read the whole disk, left out they read the working directory and nothing else.

mod environment;
#[cfg(feature = "faults")]
pub(crate) mod fault_injection;
pub(crate) mod home;
pub(crate) mod login;
mod transcript;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::project::Project;

use super::{AgentSession, directories::Directories, sandbox::value};

pub(super) use environment::environment;
pub(super) use home::Home;
pub(super) use login::{Lent, Login};

/// Tools of the program itself that look at files.
const FILE_TOOLS: [&str; 3] = ["Read", "Glob", "Grep"];

/// Those of them that look at the web. They need a permission by name.
const WEB_TOOLS: [&str; 2] = ["WebFetch", "WebSearch"];

/// Tools of the `features` server. All of them only read.
const FEATURE_TOOLS: [&str; 7] = [
    "mcp__features__feature_get_stats",
    "mcp__features__feature_get_next",
    "mcp__features__feature_get_for_regression",
    "mcp__features__feature_get_by_id",
    "mcp__features__feature_get_ready",
    "mcp__features__feature_get_blocked",
    "mcp__features__ask_user",
];

/// The option that ties the program's own rules tighter, where it has it: its file tools then stay
/// in the working directory, and transcripts are out of their reach.
pub(super) const RESTRICTED: &str = "--restricted";

/// What a run of the program depends on.
#[derive(Debug)]
pub(super) struct ClaudeOptions<'a> {
    /// The model, if the program's own choice is not wanted.
    pub model: Option<&'a str>,
    /// The project that it answers about.
    pub project: &'a Project,
    /// The conversation on the program's side.
    pub session: AgentSession,
    /// The file that holds the system prompt.
    pub prompt: &'a Path,
    /// This program, which serves the feature tools.
    pub cicerone: &'a Path,
    /// Globs of files that it must not see.
    pub secrets: &'a [String],
    /// Whether it may look at the web.
    pub has_web: bool,
    /// Whether the program knows [`RESTRICTED`].
    pub is_restricted: bool,
}

/// Whose account Claude Code would use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The variable that holds it; `None` is the login of whoever runs the server.
    pub variable: Option<String>,
    /// Where a login is, or the state of agents that need none; `None` where nobody's home is
    /// known.
    pub dir: Option<PathBuf>,
    /// Whether there is an account: always with a variable.
    pub is_there: bool,
}

/// Looks for the account of the program.
pub(super) fn account(server: &[(OsString, OsString)], data_dir: &Path) -> Account {
    if let Some(variable) = environment::account_variable(server) {
        let dir = Some(Directories::new(data_dir).states);
        return Account { variable: Some(variable.to_owned()), dir, is_there: true };
    }
    let login = Login::of(server);
    Account {
        variable: None,
        is_there: login.as_ref().is_some_and(Login::is_there),
        dir: login.map(|login| login.dir().to_owned()),
    }
}

/// Every tool that the program may come with.
pub(super) fn allowed_tools(has_web: bool) -> Vec<String> {
    let tools = FILE_TOOLS.iter().chain(web_tools(has_web)).chain(&FEATURE_TOOLS);
    tools.map(|tool| (*tool).to_owned()).collect()
}

fn web_tools(has_web: bool) -> &'static [&'static str] {
    if has_web { &WEB_TOOLS } else { &[] }
}

/// The arguments of the program.
pub(super) fn arguments(launch: &ClaudeOptions<'_>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = [
        "-p",
        "--input-format=stream-json",
        "--output-format=stream-json",
        "--verbose",
        "--include-partial-messages",
        "--permission-mode=dontAsk",
        "--strict-mcp-config",
        "--setting-sources=",
        "--disable-slash-commands",
    ]
    .map(OsString::from)
    .into();
    if launch.is_restricted {
        arguments.push(RESTRICTED.into());
    }
    let mut add = |name: &str, value: &str| arguments.push(format!("{name}={value}").into());
    let web = web_tools(launch.has_web);
    let built_in: Vec<&str> = FILE_TOOLS.iter().chain(web).copied().collect();
    add("--tools", &built_in.join(","));
    let allowed: Vec<&str> = web.iter().chain(&FEATURE_TOOLS).copied().collect();
    add("--allowedTools", &allowed.join(","));
    add("--disallowedTools", &denied(launch.secrets).join(","));
    add("--mcp-config", &mcp_config(launch));
    if let Some(model) = &launch.model {
        add("--model", model);
    }
    match launch.session {
        AgentSession::New(id) => add("--session-id", &id.to_string()),
        AgentSession::Resume(id) => add("--resume", &id.to_string()),
    }
    arguments.push("--system-prompt-file".into());
    arguments.push(launch.prompt.into());
    arguments
}

/// Rules that beat every permission. A rule on reading also hides files from searches.
fn denied(secrets: &[String]) -> Vec<String> {
    let fixed = ["Bash", "Write", "Edit", "NotebookEdit", "Read(//proc/**)"];
    let fixed = fixed.into_iter().map(str::to_owned);
    let secrets = secrets.iter().map(|glob| format!("Read({glob})"));
    fixed.chain(secrets).collect()
}

/// The one MCP server: this program. It is run by its absolute path and reads the project.
fn mcp_config(launch: &ClaudeOptions<'_>) -> String {
    json!({
        "mcpServers": {
            "features": {
                "type": "stdio",
                "command": launch.cicerone.to_string_lossy(),
                "args": ["mcp-features", "--dir", launch.project.dir.to_string_lossy()],
            }
        }
    })
    .to_string()
}

/// Where the program puts results of tools that are too long to show, for it to read them back:
/// by its own rule under its state, by the names of the working directory and the session.
pub(super) fn results_dir(
    environment: &[(OsString, OsString)],
    dir: &Path,
    session: AgentSession,
) -> Option<PathBuf> {
    let state = value(environment, "CLAUDE_CONFIG_DIR").map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(value(environment, "HOME")?).join(".claude")));
    Some(session_dir(&state?, dir)?.join(session.id().to_string()).join("tool-results"))
}

/// Where the program keeps the sessions of a working directory under its state.
fn session_dir(state: &Path, dir: &Path) -> Option<PathBuf> {
    // The program sees its working directory with all links resolved.
    let dir = dir.canonicalize().ok()?;
    let name: String =
        dir.to_str()?.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Some(state.join("projects").join(name))
}
