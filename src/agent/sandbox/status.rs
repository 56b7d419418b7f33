//! The newest self-test of the sandbox, for whoever shows it, and the leave to start that it
//! gives where confinement is required.

use std::sync::Arc;

use tokio::sync::watch;

use crate::config::settings::Sandbox;

use super::self_test::{ProjectTest, SelfTest, Verdict};

/// Holds the newest self-test. Cheap to clone; all clones hold the same.
#[derive(Debug, Clone)]
pub struct SandboxStatus {
    mode: Sandbox,
    newest: watch::Sender<Option<Arc<SelfTest>>>,
}

impl SandboxStatus {
    /// Without a self-test so far.
    pub fn new(mode: Sandbox) -> Self {
        Self { mode, newest: watch::Sender::new(None) }
    }

    /// The newest self-test; `None` while the first one runs.
    pub fn newest(&self) -> Option<Arc<SelfTest>> {
        self.newest.borrow().clone()
    }

    /// Why no agent can start at all, in words; `None` where one can, or where that is not known
    /// yet.
    pub fn refusal(&self) -> Option<String> {
        let newest = self.newest()?;
        let is_refused = self.mode == Sandbox::Required && newest.verdict != Verdict::Proved;
        is_refused.then(|| newest.words())
    }

    pub(in crate::agent) fn publish(&self, test: SelfTest) -> Arc<SelfTest> {
        let test = Arc::new(test);
        self.newest.send_replace(Some(Arc::clone(&test)));
        test
    }

    /// Replaces the test of one project.
    pub(in crate::agent) fn publish_project(&self, own: ProjectTest) {
        self.newest.send_modify(|newest| {
            if let Some(newest) = newest {
                let test = Arc::make_mut(newest);
                test.projects.retain(|known| known.project != own.project);
                test.projects.push(own);
            }
        });
    }

    /// Waits until it is known whether agents may start at all, and gives what is known.
    pub(in crate::agent) async fn known(&self) -> Result<Arc<SelfTest>, String> {
        let mut newest = self.newest.subscribe();
        let known = newest.wait_for(Option::is_some).await;
        let known = known.ok().and_then(|test| test.clone());
        known.ok_or_else(|| "The self-test of the sandbox did not end.".to_owned())
    }
}

/// Why no agent is started, for a person.
pub(in crate::agent) fn not_confined(words: &str) -> String {
    format!(
        "No agent is started, because it is not proved that the kernel confines it as \
         `agent.sandbox = \"required\"` asks for: {words}. `cicerone doctor` tells more; \
         `--sandbox best-effort` starts it regardless."
    )
}
