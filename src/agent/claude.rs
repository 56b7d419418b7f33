//! Claude Code as a read-only guide: arguments, environment and tools of the `claude` program.
//!
//! Neither the project nor the user configures it: no settings, hooks, plugins, commands or foreign MCP
//! servers. The file tools are deliberately not among the allowed tools: an allowed one could read the whole
//! disk, an unlisted one reads only the working directory.

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

use crate::{
    features,
    project::Project,
    tools::{self, Caller, ProjectTool},
};

use super::{AgentSession, directories::Directories, sandbox::value};

pub(super) use environment::{account_owner, environment};
pub(super) use home::Home;
pub(super) use login::{Lent, Login, LoginCheck};

/// The program's own file tools.
const FILE_TOOLS: [&str; 3] = ["Read", "Glob", "Grep"];

/// The program's own web tools, which must be allowed by name.
const WEB_TOOLS: [&str; 2] = ["WebFetch", "WebSearch"];

/// Tools of the `features` server, all read-only.
const FEATURE_TOOLS: [&str; 7] = [
    "mcp__features__feature_get_stats",
    "mcp__features__feature_get_next",
    "mcp__features__feature_get_for_regression",
    "mcp__features__feature_get_by_id",
    "mcp__features__feature_get_ready",
    "mcp__features__feature_get_blocked",
    "mcp__features__ask_user",
];

/// The project's tools, as the program names them.
fn project_tools() -> impl Iterator<Item = String> {
    let named = |tool: &ProjectTool| format!("mcp__{}__{}", tools::SERVER_NAME, tool.name);
    tools::of(Caller::Claude).map(named)
}

/// An option of newer versions that keeps file tools in the working directory and off transcripts.
pub(super) const RESTRICTED: &str = "--restricted";

/// Rules with a directory in one argument, which the system takes up to 128 KiB long.
const RULES_PER_ARGUMENT: usize = 25;

/// The inputs of the program's arguments.
#[derive(Debug)]
pub(super) struct ClaudeOptions<'a> {
    /// The model; `None` for the program's default.
    pub model: Option<&'a str>,
    pub project: &'a Project,
    pub session: AgentSession,
    /// File with the system prompt.
    pub prompt: &'a Path,
    /// The `cicerone` program, which serves the feature tools.
    pub cicerone: &'a Path,
    /// Globs of secret files.
    pub secrets: &'a [String],
    pub has_web: bool,
    /// Whether the program knows [`RESTRICTED`].
    pub is_restricted: bool,
}

/// The account that Claude Code would use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The environment variable with it; `None` for the login of the server's user.
    pub variable: Option<String>,
    /// Directory of the login, or of the agents' state if a variable is set; `None` if no home is known.
    pub dir: Option<PathBuf>,
    /// Whose it is.
    pub owner: AccountOwner,
}

/// Whose account the program uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountOwner {
    /// There is none.
    Nobody,
    /// One person: a login, or the token of a subscription.
    Person,
    /// Whoever pays for a key, a cloud or a gateway.
    Operator,
}

pub(super) fn account(server: &[(OsString, OsString)], data_dir: &Path) -> Account {
    let variable = environment::account_variable(server);
    let login = Login::of(server);
    let dir = match variable {
        Some(_) => Some(Directories::new(data_dir).states),
        None => login.as_ref().map(|login| login.dir().to_owned()),
    };
    let owner = LoginCheck::default().owner(server);
    Account { variable: variable.map(str::to_owned), dir, owner }
}

/// Every tool that the program may offer.
pub(super) fn allowed_tools(has_web: bool) -> Vec<String> {
    let tools = FILE_TOOLS.iter().chain(web_tools(has_web)).chain(&FEATURE_TOOLS);
    tools.map(|tool| (*tool).to_owned()).chain(project_tools()).collect()
}

fn web_tools(has_web: bool) -> &'static [&'static str] {
    if has_web { &WEB_TOOLS } else { &[] }
}

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
    let allowed = web.iter().chain(&FEATURE_TOOLS).map(|tool| (*tool).to_owned());
    let allowed: Vec<String> = allowed.chain(project_tools()).collect();
    add("--allowedTools", &allowed.join(","));
    add("--disallowedTools", &denied(launch.secrets).join(","));
    for root in launch.project.roots.iter().skip(1) {
        add("--add-dir", &root.dir.to_string_lossy());
        for rules in denied_in(&root.dir, launch.secrets).chunks(RULES_PER_ARGUMENT) {
            add("--disallowedTools", &rules.join(","));
        }
    }
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

/// Deny rules, which override every permission. A rule on reading also hides files from searches.
fn denied(secrets: &[String]) -> Vec<String> {
    let fixed = ["Bash", "Write", "Edit", "NotebookEdit", "Read(//proc/**)"];
    let fixed = fixed.into_iter().map(str::to_owned);
    let secrets = secrets.iter().map(|glob| format!("Read({glob})"));
    fixed.chain(secrets).collect()
}

/// The rules for secrets in another directory than the working one, which rules without a slash at
/// their start do not reach.
fn denied_in(dir: &Path, secrets: &[String]) -> Vec<String> {
    let mut root = String::new();
    for c in dir.to_string_lossy().chars() {
        if "\\*?[]{}!#".contains(c) {
            root.push('\\');
        }
        root.push(c);
    }
    let rule = |glob: &String| {
        let inner = glob.trim_end_matches('/');
        match glob.strip_prefix('/') {
            Some(anchored) => format!("Read(/{root}/{anchored})"),
            None if inner.contains('/') => format!("Read(/{root}/{glob})"),
            None => format!("Read(/{root}/**/{glob})"),
        }
    };
    secrets.iter().map(rule).collect()
}

/// The MCP configuration: this program's feature server, and the project's tools over the agent's
/// own pipe.
fn mcp_config(launch: &ClaudeOptions<'_>) -> String {
    let features = features::root_of(&launch.project.roots);
    json!({
        "mcpServers": {
            "features": {
                "type": "stdio",
                "command": launch.cicerone.to_string_lossy(),
                "args": ["mcp-features", "--dir", features.to_string_lossy()],
            },
            (tools::SERVER_NAME): {"type": "sdk", "name": tools::SERVER_NAME},
        }
    })
    .to_string()
}

/// Where the program stores tool results that are too long to show, to read them back.
pub(super) fn results_dir(
    environment: &[(OsString, OsString)],
    dir: &Path,
    session: AgentSession,
) -> Option<PathBuf> {
    let state = value(environment, "CLAUDE_CONFIG_DIR").map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(value(environment, "HOME")?).join(".claude")));
    Some(session_dir(&state?, dir)?.join(session.id().to_string()).join("tool-results"))
}

/// Where the program stores the sessions of a working directory.
fn session_dir(state: &Path, dir: &Path) -> Option<PathBuf> {
    // The program resolves links in its working directory.
    let dir = dir.canonicalize().ok()?;
    let name: String =
        dir.to_str()?.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Some(state.join("projects").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::Secrets,
        project::{ProjectName, Roots},
    };

    #[test]
    fn the_rules_for_a_directory_with_a_long_path_fit_into_arguments() {
        const LONGEST_ARGUMENT: usize = 128 << 10;
        let long = PathBuf::from(format!("/{}", "deep/".repeat(800)));
        let members = [("api", PathBuf::from("/api")), ("web", long.clone())];
        let roots = Roots::of_group(members.map(|(name, dir)| (ProjectName::mend(name), dir)));
        let project = Project::of_roots(ProjectName::mend("platform"), roots.unwrap());
        let secrets = Secrets::new(&["config/prod.yml".to_owned()]).unwrap();
        let arguments = arguments(&ClaudeOptions {
            model: None,
            project: &project,
            session: AgentSession::New(uuid::Uuid::new_v4()),
            prompt: Path::new("/prompt"),
            cicerone: Path::new("/cicerone"),
            secrets: secrets.globs(),
            has_web: false,
            is_restricted: false,
        });
        assert!(arguments.iter().all(|argument| argument.len() < LONGEST_ARGUMENT));
        let all = arguments.join(" ".as_ref()).into_string().unwrap();
        let dir = long.to_str().unwrap();
        for glob in ["**/.env)", "**/.ssh/**)", "auth.json)", "config/prod.yml)"] {
            assert!(all.contains(&format!("Read(/{dir}/{glob}")), "no rule for {glob}");
        }
    }
}
