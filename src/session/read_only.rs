//! The result of the sandbox's self-test, as viewers of a project see it.

use crate::{
    agent::sandbox::self_test::{SelfTest, change_attempts, unexpected},
    wire::server_frame::ReadOnly,
};

use super::Session;

impl Session {
    /// The newest result for the agent that answers in this project by default.
    pub(super) fn read_only(&self) -> ReadOnly {
        let agents = &self.env.resources.agents;
        let project = &self.env.project.name;
        let newest = agents.sandbox_status().newest();
        let agent = agents.choice(Some(project), None).map(|chosen| chosen.name);
        let agent = agent.as_ref().map_or("", |name| name.as_str());
        read_only(newest.as_deref(), project.as_str(), agent)
    }
}

/// The result for `agent` in `project`; without a test it is pending.
fn read_only(test: Option<&SelfTest>, project: &str, agent: &str) -> ReadOnly {
    let Some(test) = test else {
        return ReadOnly { verdict: "pending", tried: Vec::new(), missing: Vec::new() };
    };
    let own = test.of(project, agent);
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
