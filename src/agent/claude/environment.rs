//! The environment of the `claude` program: an allow-list of the server's variables, and our switches.

use std::ffi::{OsStr, OsString};

use crate::{
    agent::sandbox::{NETWORK_VARIABLES, value},
    config::settings::AgentSettings,
};

use super::{AccountOwner, Home};

/// Variables passed on by name, besides those of the network.
const PASSED: [&str; 16] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TZ",
    "TERM",
    "TMPDIR",
    "SHELL",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CONFIG_DIR",
    "CLOUD_ML_REGION",
    "NODE_EXTRA_CA_CERTS",
    "XDG_CONFIG_HOME",
];

/// Variables passed on by prefix: locale, account and cloud.
const PASSED_PREFIXES: [&str; 4] = ["LC_", "ANTHROPIC_", "AWS_", "GOOGLE_"];

/// The variable with the token of one person's subscription.
const PERSONAL: &str = "CLAUDE_CODE_OAUTH_TOKEN";

/// Variables that provide an account, so that no login is needed. The program prefers every other to
/// the personal one.
const ACCOUNTS: [&str; 5] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    PERSONAL,
];

/// Switches that turn off `@` mentions of files, `git`, memories, project instructions, background tasks,
/// file checkpoints, and all network traffic besides the API.
const SWITCHES: [&str; 10] = [
    "CLAUDE_CODE_DISABLE_ATTACHMENTS",
    "CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS",
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY",
    "CLAUDE_CODE_DISABLE_CLAUDE_MDS",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
    "CLAUDE_CODE_DISABLE_FILE_CHECKPOINTING",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "DISABLE_AUTOUPDATER",
    "DISABLE_TELEMETRY",
    "DISABLE_ERROR_REPORTING",
];

/// Accounts of clouds, whose credentials lie in files below the user's home.
const CLOUDS: [&str; 2] = ["CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"];

/// Switch for MCP servers that the user has connected on claude.ai.
const OWN_SERVERS: &str = "ENABLE_CLAUDEAI_MCP_SERVERS";

/// The variable that provides an account.
pub(super) fn account_variable(environment: &[(OsString, OsString)]) -> Option<&'static str> {
    ACCOUNTS.into_iter().find(|account| value(environment, account).is_some())
}

/// Whose account a variable provides, if one does.
pub(in crate::agent) fn account_owner(
    environment: &[(OsString, OsString)],
) -> Option<AccountOwner> {
    account_variable(environment).map(|variable| match variable {
        PERSONAL => AccountOwner::Person,
        _ => AccountOwner::Operator,
    })
}

/// The program's whole environment, filtered from the server's, with `home` as its home.
pub(crate) fn environment(
    server: impl Iterator<Item = (OsString, OsString)>,
    settings: &AgentSettings,
    home: &Home,
) -> Vec<(OsString, OsString)> {
    let mut environment: Vec<(OsString, OsString)> =
        server.filter(|(name, _)| passes(name, &settings.env)).collect();
    // A cloud's credentials lie below the home of the server's user, so HOME stays.
    let is_cloud = CLOUDS.iter().any(|cloud| value(&environment, cloud).is_some());
    let mut set = |name: &str, value: OsString| {
        environment.retain(|(known, _)| known != name);
        environment.push((name.into(), value));
    };
    set("CLAUDE_CONFIG_DIR", home.config().into());
    set(OWN_SERVERS, "0".into());
    if !is_cloud {
        set("HOME", home.dir().into());
    }
    environment.extend(SWITCHES.map(|name| (name.into(), "1".into())));
    let retries = settings.api_retries.to_string();
    environment.push(("CLAUDE_CODE_MAX_RETRIES".into(), retries.into()));
    environment
}

/// Whether a variable is passed on.
fn passes(name: &OsStr, added: &[String]) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    PASSED.contains(&name)
        || NETWORK_VARIABLES.contains(&name)
        || PASSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || added.iter().any(|added| added == name)
}
