//! Calls of the project's tools by an agent: each runs by itself, and its result is written to the
//! agent's stdin.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use crate::{
    agent::codec::mcp,
    project::Project,
    tools::{CallOutcome, Caller, ProjectCall, ProjectTools},
};

/// Calls of one agent that may run at once.
const MAX_CALLS: usize = 8;

/// Calls of one agent that may run or wait.
const MAX_OPEN_CALLS: usize = 64;

/// Runs the calls of one agent.
pub(super) struct ToolCalls {
    project: Project,
    caller: Caller,
    /// `None` for an agent that is only tried.
    tools: Option<Arc<dyn ProjectTools>>,
    input: mpsc::Sender<String>,
    open: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl ToolCalls {
    pub(super) fn new(
        project: Project,
        caller: Caller,
        tools: Option<Arc<dyn ProjectTools>>,
        input: mpsc::Sender<String>,
    ) -> Self {
        let [open, running] = [MAX_OPEN_CALLS, MAX_CALLS].map(|n| Arc::new(Semaphore::new(n)));
        Self { project, caller, tools, input, open, running }
    }

    /// Starts a call. Returns at once.
    pub(super) fn start(&self, pending: mcp::PendingCall, call: ProjectCall) {
        let (tools, caller, project) = (self.tools.clone(), self.caller, self.project.clone());
        let (running, input) = (Arc::clone(&self.running), self.input.clone());
        let place = Arc::clone(&self.open).try_acquire_owned();
        let is_refused = place.is_err();
        actix::spawn(async move {
            let result = match tools {
                _ if is_refused => CallOutcome::error(
                    "Too many calls at once: wait for the results of those before.",
                ),
                None => CallOutcome::error("This tool is not available now."),
                Some(tools) => {
                    let _turn = running.acquire().await;
                    tools.call(project, caller, call).await
                }
            };
            // A closed channel means that the agent is about to end.
            input.send(mcp::result(&pending, &result)).await.ok();
            drop(place);
        });
    }
}
