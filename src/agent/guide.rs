//! The command line of the built-in guide: this program's `guide` subcommand.

use std::ffi::OsString;

use crate::project::Project;

/// Variables passed from the server; the guide needs no account and no network.
const PASSED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// The arguments after `cicerone`.
pub(super) fn arguments(project: &Project, secrets: &[String]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec![
        "guide".into(),
        "--name".into(),
        project.name.as_str().into(),
        "--dir".into(),
        project.dir.clone().into(),
    ];
    for glob in secrets {
        arguments.push("--secret".into());
        arguments.push(glob.into());
    }
    arguments
}

/// The guide's environment, filtered from the server's.
pub(super) fn environment(
    server: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    server.filter(|(name, _)| PASSED.iter().any(|passed| name == passed)).collect()
}
