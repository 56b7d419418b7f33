//! The project's tools for agents, run by the readers.

use crate::{
    project::Project,
    tools::{CallOutcome, Caller, ProjectCall, ProjectTools, RunningCall},
};

use super::{
    Readers,
    protocol::{ReaderAnswer, ReaderRequest},
};

/// Longest result that is passed on, in bytes.
const MAX_RESULT_BYTES: usize = 64 << 10; // 64 KiB

impl ProjectTools for Readers {
    fn call(&self, project: Project, _caller: Caller, call: ProjectCall) -> RunningCall {
        let readers = self.clone();
        Box::pin(async move {
            let limit = readers.settings().reader.timeout;
            match readers.ask(&project, ReaderRequest::CallTool(call), limit).await {
                Ok(ReaderAnswer::Tool(result)) if result.text.len() <= MAX_RESULT_BYTES => result,
                Ok(_) => CallOutcome::error(readers.on_nonsense(&project)),
                Err(error) => CallOutcome::error(error),
            }
        })
    }
}
