//! The project's tools for agents, run by the readers.

use std::time::Duration;

use serde_json::Value;

use crate::{
    guide::{
        answering::{AnswerTask, GuideAnswer},
        relay::ANSWER_TOOL,
    },
    project::Project,
    tools::{CallOutcome, Caller, ProjectCall, ProjectTools, RunningCall},
};

use super::{
    Readers,
    protocol::{INDEX_WAIT, ReaderAnswer, ReaderError, ReaderRequest},
};

/// Longest result that is passed on, in bytes.
const MAX_RESULT_BYTES: usize = 64 << 10; // 64 KiB

/// Longest time for an answer of the guide.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(INDEX_WAIT.as_secs() + 30);

impl ProjectTools for Readers {
    fn call(&self, project: Project, caller: Caller, call: ProjectCall) -> RunningCall {
        let readers = self.clone();
        Box::pin(async move {
            match caller {
                Caller::Model => readers.call_tool(&project, call).await,
                Caller::Guide => readers.answer_guide(&project, call).await,
            }
        })
    }
}

impl Readers {
    async fn call_tool(&self, project: &Project, call: ProjectCall) -> CallOutcome {
        let limit = self.settings().reader.timeout;
        match self.ask(project, ReaderRequest::CallTool(call), limit).await {
            Ok(ReaderAnswer::Tool(result)) if result.text.len() <= MAX_RESULT_BYTES => result,
            Ok(_) => CallOutcome::error(self.on_nonsense(project)),
            Err(error) => CallOutcome::error(error),
        }
    }

    /// The one call that the guide makes. Its result is an answer as JSON.
    async fn answer_guide(&self, project: &Project, call: ProjectCall) -> CallOutcome {
        if call.name != ANSWER_TOOL {
            return CallOutcome::error(format!("The guide has no tool {:?}.", call.name));
        }
        let task = match serde_json::from_value(Value::Object(call.arguments)) {
            Ok(task) => task,
            Err(error) => return CallOutcome::error(format!("This is no question: {error}.")),
        };
        let answer = self.answer(project, task).await;
        let text = answer.map(|answer| serde_json::to_string(&answer));
        match text {
            Ok(Ok(text)) => CallOutcome { text, is_error: false },
            Ok(Err(error)) => CallOutcome::error(error),
            Err(error) => CallOutcome::error(error),
        }
    }

    /// The guide's answer to a question.
    async fn answer(
        &self,
        project: &Project,
        task: Box<AnswerTask>,
    ) -> Result<GuideAnswer, ReaderError> {
        match self.ask(project, ReaderRequest::Answer(task), ANSWER_TIMEOUT).await? {
            ReaderAnswer::Answered(answer) => Ok(answer),
            _ => Err(self.on_nonsense(project)),
        }
    }
}
