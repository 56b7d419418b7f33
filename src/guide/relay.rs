//! Relay: has the server's reader answer, by a call of a tool over the guide's own pipe, as agents call
//! the project's tools.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use serde_json::json;

use crate::guide::{
    answering::{AnswerTask, GuideAnswer},
    tool_calls::{self, PipeCalls, ToolResponse},
};

/// The tool that answers; its text is a [`GuideAnswer`] as JSON.
pub(crate) const ANSWER_TOOL: &str = "answer";

/// An answer, or in words why there is none.
pub(super) type AnswerOutcome = Result<GuideAnswer, String>;

/// An answer that was asked for.
pub(super) enum PendingAnswer {
    Relayed(mpsc::Receiver<ToolResponse>),
    Own(mpsc::Receiver<AnswerOutcome>),
}

impl PendingAnswer {
    /// Waits for it.
    ///
    /// # Errors
    /// It is not there yet, or none can come.
    pub(super) fn recv_timeout(&self, most: Duration) -> Result<AnswerOutcome, RecvTimeoutError> {
        match self {
            Self::Relayed(response) => response.recv_timeout(most).map(outcome),
            Self::Own(answer) => answer.recv_timeout(most),
        }
    }
}

/// Asks for an answer. The channel closes where none can come; an answer to a question before is not
/// waited for any more.
pub(super) fn ask(calls: &PipeCalls, task: &AnswerTask) -> mpsc::Receiver<ToolResponse> {
    calls.forget();
    calls.call(ANSWER_TOOL, &json!(task))
}

/// The answer in the response to a call.
fn outcome(response: ToolResponse) -> AnswerOutcome {
    let text = tool_calls::text(&response?)?;
    serde_json::from_str(&text).map_err(|error| format!("the answer could not be read: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_a_result_with_an_answer_is_one() {
        let ok = |text: Value| json!({"mcp_response": {"result": {"content": [{"text": text}]}}});
        let answer = json!({"steps": [{"text": "yes"}],
            "conversation": {"project": "pond", "previous": null}});
        assert_eq!(
            outcome(tool_calls::result(&ok(json!(answer.to_string())))).unwrap().steps.len(),
            1
        );
        for (body, words) in [
            (json!({"mcp_response": {"error": {"code": 1, "message": "no"}}}), "no"),
            (
                json!({"mcp_response": {"result": {"isError": true, "content": [{"text": "gone"}]}}}),
                "gone",
            ),
            (ok(json!("yes")), "could not be read"),
            (ok(json!(7)), "could not be read"),
            (json!(null), "could not be read"),
        ] {
            let error = outcome(tool_calls::result(&body)).unwrap_err();
            assert!(error.contains(words), "{body}: {error}");
        }
    }
}
