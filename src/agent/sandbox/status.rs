//! The sandbox's status: the newest self-test, and whether agents may start.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{agent::AgentKind, config::settings::Sandbox};

use super::self_test::{ProjectTest, SelfTest, Verdict};

/// Holds the newest self-test. Cheap to clone; all clones hold the same.
#[derive(Debug, Clone)]
pub struct SandboxStatus {
    mode: Sandbox,
    newest: watch::Sender<Option<Arc<SelfTest>>>,
}

impl SandboxStatus {
    /// The status before the first self-test.
    pub fn new(mode: Sandbox) -> Self {
        Self { mode, newest: watch::Sender::new(None) }
    }

    /// The newest self-test; `None` while the first one runs.
    pub fn newest(&self) -> Option<Arc<SelfTest>> {
        self.newest.borrow().clone()
    }

    /// Why no agent of this kind can start at all; `None` if one can, or before the first self-test.
    pub(crate) fn refusal(&self, kind: AgentKind) -> Option<String> {
        let newest = self.newest()?;
        if kind.has_model() && newest.models_refused.is_some() {
            return newest.models_refused.clone();
        }
        let is_refused = self.mode == Sandbox::Required && newest.verdict != Verdict::Proved;
        is_refused.then(|| newest.words())
    }

    /// Why no agent with a model can start, where the guide can.
    pub(crate) fn models_refused(&self) -> Option<String> {
        self.newest()?.models_refused.clone()
    }

    pub(in crate::agent) fn publish(&self, test: SelfTest) -> Arc<SelfTest> {
        let test = Arc::new(test);
        self.newest.send_replace(Some(Arc::clone(&test)));
        test
    }

    /// Replaces the result of an agent in a project.
    pub(in crate::agent) fn publish_project(&self, own: ProjectTest) {
        self.newest.send_modify(|newest| {
            if let Some(newest) = newest {
                let test = Arc::make_mut(newest);
                test.projects
                    .retain(|known| (&known.project, &known.agent) != (&own.project, &own.agent));
                test.projects.push(own);
            }
        });
    }

    /// Waits for the first self-test and returns the newest.
    pub(in crate::agent) async fn known(&self) -> Result<Arc<SelfTest>, String> {
        let mut newest = self.newest.subscribe();
        let known = newest.wait_for(Option::is_some).await;
        let known = known.ok().and_then(|test| test.clone());
        known.ok_or_else(|| "The self-test of the sandbox did not finish.".to_owned())
    }
}

/// Why no agent starts, for a person.
pub(in crate::agent) fn not_confined(words: &str) -> String {
    format!(
        "No agent is started, because the self-test did not prove that the kernel confines it, which \
         `agent.sandbox = \"required\"` demands: {words}. The reader of a project, which has no model \
         and no network, runs with what the kernel offers. Run `cicerone doctor` for details, or start \
         agents regardless with `--sandbox best-effort`."
    )
}
