//! Takes locks off an agent, for tests of the others: with all its tools and without being asked,
//! only the kernel is left to stop it. Never part of a release.

use std::ffi::OsString;

use crate::agent::sandbox::value;

/// Names locks in the server's environment: `tools` for the program's own, `calls` for our check
/// of each call, or both.
const VARIABLE: &str = "FAULT_UNLOCKED";

/// Whether a lock is off.
pub(crate) fn is_off(server: &[(OsString, OsString)], lock: &str) -> bool {
    let off = value(server, VARIABLE).and_then(|locks| locks.to_str()).unwrap_or_default();
    off.split(',').any(|name| name == lock)
}

/// Names rules of the sandbox that are left out, in the server's environment.
const RULES: &str = "FAULT_RULES";

/// The rules of the sandbox that are left out.
pub(crate) fn rules_off(server: &[(OsString, OsString)]) -> Vec<String> {
    let off = value(server, RULES).and_then(|rules| rules.to_str()).unwrap_or_default();
    off.split(',').map(str::to_owned).collect()
}

/// Gives the program every tool that it has, and leave to use them.
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
    // It wants to be told that it is confined before root may let it loose.
    environment.push(("IS_SANDBOX".into(), "1".into()));
    arguments
}
