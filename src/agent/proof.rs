//! The newest self-test of the sandbox, for whoever shows it, and the leave to start that it
//! gives where confinement is required.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{config::settings::Sandbox, project::ProjectName};

use super::self_test::{ReadOnly, SelfTest, Verdict};

/// Holds the newest self-test. Cheap to clone; all clones hold the same.
#[derive(Debug, Clone)]
pub struct Proof {
    mode: Sandbox,
    newest: watch::Sender<Option<Arc<SelfTest>>>,
}

impl Proof {
    /// Without a self-test so far.
    pub fn new(mode: Sandbox) -> Self {
        Self { mode, newest: watch::Sender::new(None) }
    }

    /// The newest self-test; `None` while the first one runs.
    pub fn newest(&self) -> Option<Arc<SelfTest>> {
        self.newest.borrow().clone()
    }

    /// What viewers of a project are told.
    pub fn read_only(&self, project: &ProjectName) -> ReadOnly {
        ReadOnly::of(self.newest().as_deref(), project.as_str())
    }

    /// Why no agent can start at all, in words; `None` where one can, or where that is not known
    /// yet.
    pub fn refusal(&self) -> Option<String> {
        let newest = self.newest()?;
        let is_refused = self.mode == Sandbox::Required && newest.verdict != Verdict::Proved;
        is_refused.then(|| newest.words())
    }

    pub(super) fn publish(&self, test: SelfTest) -> Arc<SelfTest> {
        let test = Arc::new(test);
        self.newest.send_replace(Some(Arc::clone(&test)));
        test
    }

    /// Waits until it is known whether an agent may start in `project`. The error is for a person.
    pub(super) async fn leave(&self, project: &ProjectName) -> Result<(), String> {
        if self.mode != Sandbox::Required {
            return Ok(());
        }
        let mut newest = self.newest.subscribe();
        let known = newest.wait_for(Option::is_some).await;
        let known = known.ok().and_then(|test| test.clone());
        let test = known.ok_or("The self-test of the sandbox did not end.")?;
        let words = match self.refusal() {
            Some(words) => words,
            None => match test.project(project.as_str()) {
                Some(own) if own.verdict != Verdict::Proved => own.words(),
                Some(_) | None => return Ok(()),
            },
        };
        Err(format!(
            "No agent is started, because the kernel does not confine it as `agent.sandbox = \
             \"required\"` asks for: {words}. `cicerone doctor` tells more; `--sandbox \
             best-effort` starts it regardless."
        ))
    }
}
