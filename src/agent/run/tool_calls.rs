//! Tool calls of an agent: each is decided on or run by itself, and what comes of it is written to the
//! agent's stdin.

use std::sync::Arc;

use tokio::{
    sync::{Semaphore, mpsc},
    task::spawn_blocking,
};

use crate::{
    agent::codec::{ToolQuestion, command::HookDecision, mcp},
    policy::Policy,
    project::Project,
    tools::{CallOutcome, Caller, ProjectCall, ProjectTools},
};

/// Calls of one agent that may run at once.
const MAX_CALLS: usize = 8;

/// Calls of one agent that may run or wait.
const MAX_OPEN_CALLS: usize = 64;

/// Decides on the calls of one agent, and runs those of the project's tools.
pub(super) struct ToolCalls {
    policy: Arc<Policy>,
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
        policy: Policy,
        project: Project,
        caller: Caller,
        tools: Option<Arc<dyn ProjectTools>>,
        input: mpsc::Sender<String>,
    ) -> Self {
        let [open, running] = [MAX_OPEN_CALLS, MAX_CALLS].map(|n| Arc::new(Semaphore::new(n)));
        Self { policy: Arc::new(policy), project, caller, tools, input, open, running }
    }

    /// Starts to decide on a call of a tool with the JSON `tool_input`. Returns at once.
    pub(super) fn judge(&self, question: ToolQuestion, tool: String, tool_input: String) {
        let (policy, tools) = (Arc::clone(&self.policy), self.tools.clone());
        let (project, input) = (self.project.clone(), self.input.clone());
        let place = Arc::clone(&self.open).try_acquire_owned();
        actix::spawn(async move {
            let decision = match &place {
                Ok(_) => decide(policy, tools, project, tool, tool_input).await,
                Err(_) => Err("Too many calls at once: wait for those before.".to_owned()),
            };
            let decision = decision.map_or_else(HookDecision::Deny, |()| HookDecision::Pass);
            // A closed channel means that the agent is about to end.
            input.send(question.answer(&decision)).await.ok();
            drop(place);
        });
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

/// Decides on a call; the error says to the model why it is denied.
async fn decide(
    policy: Arc<Policy>,
    tools: Option<Arc<dyn ProjectTools>>,
    project: Project,
    tool: String,
    tool_input: String,
) -> Result<(), String> {
    let judged = spawn_blocking(move || policy.judge(&tool, &tool_input)).await;
    let judged = judged.map_err(|_| "The call could not be checked.".to_owned())?;
    let Some(path) = judged.map_err(|refusal| refusal.to_string())? else { return Ok(()) };
    let Some(tools) = tools else {
        return Err("Nobody can check what the file holds.".to_owned());
    };
    let checked = tools.check_content(project, path).await;
    checked.map_err(|why| format!("The file could not be cleared for reading: {why}"))
}
