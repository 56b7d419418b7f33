//! Disables locks of an agent, so that tests can prove the others. Never part of a release.

use std::ffi::OsString;

use crate::agent::sandbox::value;

/// The variable with disabled locks: `tools` for the program's own rules, `calls` for our policy.
const VARIABLE: &str = "FAULT_UNLOCKED";

/// Whether a lock is disabled.
pub(crate) fn is_off(server: &[(OsString, OsString)], lock: &str) -> bool {
    let off = value(server, VARIABLE).and_then(|locks| locks.to_str()).unwrap_or_default();
    off.split(',').any(|name| name == lock)
}

/// The variable with disabled rules of the sandbox.
const RULES: &str = "FAULT_RULES";

/// The disabled rules of the sandbox.
pub(crate) fn rules_off(server: &[(OsString, OsString)]) -> Vec<String> {
    let off = value(server, RULES).and_then(|rules| rules.to_str()).unwrap_or_default();
    off.split(',').map(str::to_owned).collect()
}

/// Gives the program all of its tools and the permission to use them.
pub(crate) fn take_off(
    mut arguments: Vec<OsString>,
    environment: &mut Vec<(OsString, OsString)>,
) -> Vec<OsString> {
    const LOCKS: [&str; 5] =
        ["--permission-mode=", "--tools=", "--allowedTools=", "--disallowed", super::RESTRICTED];
    arguments.retain(|argument| {
        let argument = argument.to_string_lossy();
        !LOCKS.iter().any(|lock| argument.starts_with(lock))
    });
    arguments.insert(0, "--permission-mode=bypassPermissions".into());
    environment.retain(|(name, _)| name != "CLAUDE_CODE_DISABLE_ATTACHMENTS");
    // The program demands this variable before root may bypass permissions.
    environment.push(("IS_SANDBOX".into(), "1".into()));
    arguments
}
