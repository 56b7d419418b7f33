//! The command line of the built-in guide: this program's `guide` subcommand. The project's reader
//! answers its questions.

use std::ffi::OsString;

use crate::project::Project;

/// Variables passed from the server; the guide needs no account and no network.
const PASSED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// The arguments after `cicerone`.
pub(super) fn arguments(project: &Project) -> Vec<OsString> {
    ["guide", "--relay", "--name", project.name.as_str()].map(OsString::from).into()
}

/// The guide's environment, filtered from the server's.
pub(super) fn environment(
    server: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    server.filter(|(name, _)| PASSED.iter().any(|passed| name == passed)).collect()
}
