//! Relay: has the server's reader answer, by a call of a tool over the guide's own pipe, as agents call
//! the project's tools.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::guide::{
    answering::{AnswerTask, GuideAnswer},
    output::LineOutput,
    protocol::{self, CallResponse},
};

/// The tool that answers; its text is a [`GuideAnswer`] as JSON.
pub(crate) const ANSWER_TOOL: &str = "answer";

/// An answer, or in words why there is none.
pub(super) type AnswerOutcome = Result<GuideAnswer, String>;

/// The call that waits for its result.
#[derive(Debug)]
pub(super) struct Relay {
    output: Arc<LineOutput>,
    call: Mutex<OpenCall>,
}

#[derive(Debug, Default)]
struct OpenCall {
    waiting: Option<(String, mpsc::Sender<AnswerOutcome>)>,
    /// The input has ended: nothing comes any more.
    is_closed: bool,
}

impl Relay {
    pub(super) fn new(output: Arc<LineOutput>) -> Self {
        Self { output, call: Mutex::default() }
    }

    fn call(&self) -> MutexGuard<'_, OpenCall> {
        self.call.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for an answer. The channel closes where none can come; an answer to a question before is
    /// not waited for any more.
    pub(super) fn ask(&self, task: &AnswerTask) -> mpsc::Receiver<AnswerOutcome> {
        let (sender, answer) = mpsc::channel();
        let request_id = Uuid::new_v4().to_string();
        {
            let mut call = self.call();
            if call.is_closed {
                return answer;
            }
            call.waiting = Some((request_id.clone(), sender));
        }
        if let Err(error) = self.output.line(&protocol::tool_call(&request_id, ANSWER_TOOL, task)) {
            log::warn!("cannot ask for an answer: {error}");
            self.call().waiting = None;
        }
        answer
    }

    /// Passes on what was waited for; other responses are late ones.
    pub(super) fn on_response(&self, response: CallResponse) {
        let Some((_, sender)) =
            self.call().waiting.take_if(|(request_id, _)| *request_id == response.request_id)
        else {
            return;
        };
        // An error means that nobody waits for it any more.
        sender.send(response.response.and_then(|body| outcome(&body))).ok();
    }

    /// Ends the wait: the input has ended.
    pub(super) fn close(&self) {
        *self.call() = OpenCall { waiting: None, is_closed: true };
    }
}

/// The answer in the response to a call.
fn outcome(body: &Value) -> AnswerOutcome {
    let message = &body["mcp_response"];
    if let Some(error) = message.pointer("/error/message").and_then(Value::as_str) {
        return Err(error.to_owned());
    }
    let result = &message["result"];
    let text = result.pointer("/content/0/text").and_then(Value::as_str).unwrap_or_default();
    if result["isError"] == json!(true) {
        return Err(text.to_owned());
    }
    serde_json::from_str(text).map_err(|error| format!("the answer could not be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_result_with_an_answer_is_one() {
        let ok = |text: Value| json!({"mcp_response": {"result": {"content": [{"text": text}]}}});
        let answer = json!({"steps": [{"text": "yes"}],
            "conversation": {"project": "pond", "previous": null}});
        assert_eq!(outcome(&ok(json!(answer.to_string()))).unwrap().steps.len(), 1);
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
            let error = outcome(&body).unwrap_err();
            assert!(error.contains(words), "{body}: {error}");
        }
    }
}
