//! The project's tools for agents, run by the readers.

use std::time::Duration;

use serde_json::Value;

use crate::{
    guide::{
        answering::{AnswerTask, GuideAnswer},
        relay::ANSWER_TOOL,
    },
    mcp,
    project::{AGENT_INSTRUCTIONS, Project},
    tools::{self, CallOutcome, Caller, Pending, ProjectCall, ProjectTools, RepositoryText},
};

use super::{
    Readers, checks,
    protocol::{INDEX_WAIT, ReaderAnswer, ReaderError, ReaderRequest},
};

/// Longest result that is passed on, in bytes.
const MAX_RESULT_BYTES: usize = 64 << 10; // 64 KiB

/// Longest part of an unknown tool's name that is repeated, in characters.
const MAX_NAME_CHARS: usize = 60;

/// Longest check of a file's content, well below the time after which the agent's call is blocked.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for the specification before an agent starts without it.
const SPECIFICATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Characters of the specification that agents are told at most.
const SPECIFICATION_CHARS: usize = 5000;

/// Characters of the repository's instructions that agents are told at most.
const INSTRUCTIONS_CHARS: usize = 8000;

/// Longest time for an answer of the guide.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(INDEX_WAIT.as_secs() + 30);

impl ProjectTools for Readers {
    fn call(&self, project: Project, caller: Caller, call: ProjectCall) -> Pending<CallOutcome> {
        let readers = self.clone();
        Box::pin(async move {
            match caller {
                Caller::Guide => readers.answer_guide(&project, call).await,
                Caller::Claude | Caller::Model => match unknown_tool(caller, &call.name) {
                    Some(words) => CallOutcome::error(words),
                    None => readers.call_tool(&project, call).await,
                },
            }
        })
    }

    fn check_content(&self, project: Project, path: String) -> Pending<Result<(), String>> {
        let readers = self.clone();
        Box::pin(async move {
            let request = ReaderRequest::CheckContent { path };
            match readers.ask(&project, request, CHECK_TIMEOUT).await {
                Ok(ReaderAnswer::Done) => Ok(()),
                Ok(ReaderAnswer::Denied(words)) => Err(checks::sentence(words)),
                Ok(_) => Err(readers.on_nonsense(&project).to_string()),
                Err(error) => Err(error.to_string()),
            }
        })
    }

    fn specification(&self, project: Project) -> Pending<Result<Option<String>, String>> {
        let readers = self.clone();
        Box::pin(async move {
            let request = ReaderRequest::Specification { max_chars: SPECIFICATION_CHARS };
            match readers.ask(&project, request, SPECIFICATION_TIMEOUT).await {
                Ok(ReaderAnswer::Specification(text)) => {
                    Ok(text.map(|text| checks::shortened(&text, SPECIFICATION_CHARS)))
                }
                Ok(_) => Err(readers.on_nonsense(&project).to_string()),
                Err(error) => Err(error.to_string()),
            }
        })
    }

    fn instructions(&self, project: Project) -> Pending<Result<Option<RepositoryText>, String>> {
        let readers = self.clone();
        Box::pin(async move {
            let request = ReaderRequest::Instructions { max_chars: INSTRUCTIONS_CHARS };
            match readers.ask(&project, request, SPECIFICATION_TIMEOUT).await {
                Ok(ReaderAnswer::Instructions(found)) => Ok(found.and_then(|(number, text)| {
                    let path = *AGENT_INSTRUCTIONS.get(number)?;
                    let text = checks::shortened(&text, INSTRUCTIONS_CHARS);
                    Some(RepositoryText { path, text })
                })),
                Ok(_) => Err(readers.on_nonsense(&project).to_string()),
                Err(error) => Err(error.to_string()),
            }
        })
    }
}

/// What to say of a tool that the agent does not have.
fn unknown_tool(caller: Caller, name: &str) -> Option<String> {
    let mut names: Vec<String> = tools::of(caller).map(|tool| tool.name.to_owned()).collect();
    if caller == Caller::Model {
        names.extend(mcp::tools().iter().map(|tool| tool.name.to_string()));
    }
    if names.iter().any(|known| known == name) {
        return None;
    }
    let name: String = name.chars().take(MAX_NAME_CHARS).collect();
    Some(format!("There is no tool {name:?}. The tools are: {}.", names.join(", ")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_calls_only_the_tools_that_it_is_listed() {
        for name in ["read", "grep", "glob", "list", "ask_user", "feature_get_next"] {
            assert_eq!(unknown_tool(Caller::Model, name), None);
            assert!(unknown_tool(Caller::Claude, name).unwrap().contains("are: search, outline, "));
        }
        for name in ["search", "outline", "history_log"] {
            assert_eq!(unknown_tool(Caller::Model, name), None);
            assert_eq!(unknown_tool(Caller::Claude, name), None);
        }
        let words = unknown_tool(Caller::Model, &format!("Bash\n{}", "x".repeat(10_000))).unwrap();
        assert!(words.starts_with("There is no tool \"Bash\\nxxx"), "{words}");
        assert!(words.contains("The tools are: read, grep, ") && words.len() < 500, "{words}");
    }
}
