//! The result of the sandbox's self-test, as viewers of a project see it.

use crate::{
    agent::sandbox::self_test::{SelfTest, change_attempts, unexpected},
    wire::server_frame::ReadOnly,
};

use super::Session;

impl Session {
    /// The newest result for this project.
    pub(super) fn read_only(&self) -> ReadOnly {
        let newest = self.env.resources.agents.sandbox_status().newest();
        read_only(newest.as_deref(), self.env.project.name.as_str())
    }
}

/// The result for `project`; without a test it is pending.
fn read_only(test: Option<&SelfTest>, project: &str) -> ReadOnly {
    let Some(test) = test else {
        return ReadOnly { verdict: "pending", tried: Vec::new(), missing: Vec::new() };
    };
    let own = test.project(project);
    let verdict = own.map_or(test.verdict, |own| own.verdict.max(test.verdict));
    let general = (&test.missing, &test.attempts);
    let own = own.map(|own| (&own.missing, &own.attempts));
    let mut missing = Vec::new();
    for (unrestricted, attempts) in std::iter::once(general).chain(own) {
        for text in unrestricted.iter().cloned().chain(unexpected(attempts)) {
            if !missing.contains(&text) {
                missing.push(text);
            }
        }
    }
    ReadOnly { verdict: verdict.as_str(), tried: change_attempts(&test.attempts), missing }
}
