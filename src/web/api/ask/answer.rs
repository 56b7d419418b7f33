//! An answer as one document, put together from the frames of its turn. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::ids::{ConversationId, TurnNumber};

/// An answer that has ended, though it may have been stopped or cut off.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct AnswerDocument {
    pub(crate) conversation_id: ConversationId,
    pub(crate) turn: TurnNumber,
    /// The path of the page that shows it.
    pub(crate) link: String,
    /// `completed`, `stopped` or `interrupted`.
    pub(crate) outcome: String,
    /// Markdown.
    pub(crate) answer: String,
    /// Files that the answer refers to, as in `response_done`.
    pub(crate) citations: Vec<Value>,
    /// The commit of each directory of the project, as in `response_done`.
    pub(crate) commits: Vec<Value>,
    /// Remarks on how the answer came about.
    pub(crate) notes: Vec<String>,
    /// Tokens used, if the agent reports them.
    pub(crate) usage: Option<Value>,
    pub(crate) cost_usd: Option<f64>,
    pub(crate) duration_ms: Option<u64>,
    /// By whom and when.
    pub(crate) answered: Option<Value>,
    /// What the agent asks the person, as in `question`: the answer to it is the next question.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) questions: Vec<Value>,
}

/// A turn that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedTurn {
    /// The HTTP status that fits it.
    pub(crate) status: u16,
    /// What failed, why, and how to mend it.
    pub(crate) content: String,
    /// When asking again can help: UTC, ISO 8601.
    pub(crate) retry_at: Option<String>,
}

/// What has come of an answer.
#[derive(Debug, Default)]
pub(crate) struct AnswerParts {
    /// The blocks of text by their numbers.
    blocks: BTreeMap<u64, String>,
    questions: Vec<Value>,
    end: Map<String, Value>,
    failed: bool,
}

impl AnswerParts {
    /// Adds a frame of the turn.
    pub(crate) fn add(&mut self, frame: &[u8]) {
        let Ok(Value::Object(mut fields)) = serde_json::from_slice(frame) else { return };
        match fields.get("type").and_then(Value::as_str) {
            Some("text") => {
                let number = fields.get("block").and_then(Value::as_u64).unwrap_or_default();
                let block = self.blocks.entry(number).or_default();
                if fields.get("replace") == Some(&Value::Bool(true)) {
                    block.clear();
                }
                block.push_str(fields.get("content").and_then(Value::as_str).unwrap_or_default());
            }
            Some("question") => {
                if let Some(Value::Array(questions)) = fields.remove("questions") {
                    self.questions.extend(questions);
                }
            }
            Some("response_done") => self.end = fields,
            Some("error") => {
                self.failed = true;
                self.end = fields;
            }
            _ => (),
        }
    }

    /// The text so far: blocks as paragraphs.
    pub(crate) fn text(&self) -> String {
        let blocks = self.blocks.values().map(|block| block.trim_end());
        blocks.filter(|block| !block.is_empty()).collect::<Vec<_>>().join("\n\n")
    }

    /// The answer after its end, or how it failed.
    pub(crate) fn finish(
        mut self,
        conversation_id: ConversationId,
        turn: TurnNumber,
        link: String,
    ) -> Result<AnswerDocument, FailedTurn> {
        if self.failed {
            return Err(self.failure());
        }
        let answer = self.text();
        let text = |value: Value| value.as_str().map(str::to_owned);
        let list = |value: Option<Value>| match value {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        };
        let end = &mut self.end;
        Ok(AnswerDocument {
            conversation_id,
            turn,
            link,
            outcome: end.remove("outcome").and_then(text).unwrap_or_default(),
            answer,
            citations: list(end.remove("citations")),
            commits: list(end.remove("commits")),
            notes: list(end.remove("notes")).into_iter().filter_map(text).collect(),
            usage: end.remove("usage"),
            cost_usd: end.get("cost_usd").and_then(Value::as_f64),
            duration_ms: end.get("duration_ms").and_then(Value::as_u64),
            answered: end.remove("answered"),
            questions: self.questions,
        })
    }

    fn failure(&self) -> FailedTurn {
        let text = |name| self.end.get(name).and_then(Value::as_str).map(str::to_owned);
        let is_retryable = self.end.get("retryable") == Some(&Value::Bool(true));
        FailedTurn {
            status: if is_retryable { 503 } else { 502 },
            content: text("content").unwrap_or_default(),
            retry_at: text("retry_at"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parts(frames: &[Value]) -> AnswerParts {
        let mut parts = AnswerParts::default();
        frames.iter().for_each(|frame| parts.add(frame.to_string().as_bytes()));
        parts
    }

    fn finish(frames: &[Value]) -> Result<AnswerDocument, FailedTurn> {
        parts(frames).finish(ConversationId(7), TurnNumber(2), "/p/demo/7#turn-2".to_owned())
    }

    #[test]
    fn an_answer_is_its_blocks_in_order_as_they_are_at_the_end() {
        let text =
            |block, content: &str| json!({ "type": "text", "block": block, "content": content });
        let mut replaced = text(1, "Once more.");
        replaced["replace"] = json!(true);
        let mut withdrawn = text(0, "");
        withdrawn["replace"] = json!(true);
        let mut frames = vec![
            json!({ "type": "thinking", "block": 0, "content": "hm" }),
            text(0, "Let me "),
            text(0, "look.\n"),
            json!({ "type": "tool_call", "tool": "Read", "input": {} }),
            text(1, "It is"),
        ];
        assert_eq!(parts(&frames).text(), "Let me look.\n\nIt is");
        frames.extend([replaced, withdrawn]);
        assert_eq!(parts(&frames).text(), "Once more.");
    }

    #[test]
    fn an_end_tells_what_the_answer_took() {
        let end = json!({
            "type": "response_done", "seq": 9, "turn": 2, "outcome": "completed",
            "usage": { "input_tokens": 3, "output_tokens": 4 }, "cost_usd": 0.5, "duration_ms": 12,
            "citations": [{ "path": "src/a.rs" }], "notes": ["The agent was busy."],
            "answered": { "at": "2026-01-07T10:00:00.000000Z" },
        });
        let text = json!({ "type": "text", "block": 0, "content": "Yes." });
        let question =
            json!({ "type": "question", "call_id": "c", "questions": [{ "question": "Which?" }] });
        let answer = finish(&[text, question, end]).unwrap();
        assert_eq!((answer.outcome.as_str(), answer.answer.as_str()), ("completed", "Yes."));
        assert_eq!((answer.cost_usd, answer.duration_ms), (Some(0.5), Some(12)));
        assert_eq!(answer.usage.unwrap()["output_tokens"], 4);
        assert_eq!(answer.citations, [json!({ "path": "src/a.rs" })]);
        assert_eq!(answer.notes, ["The agent was busy."]);
        assert_eq!(answer.questions, [json!({ "question": "Which?" })]);
    }

    #[test]
    fn a_failed_turn_says_whether_asking_again_helps() {
        for (retryable, status) in [(true, 503), (false, 502)] {
            let end = json!({ "type": "error", "content": "It broke.", "retryable": retryable });
            let failed = finish(&[end]).unwrap_err();
            assert_eq!((failed.status, failed.content.as_str()), (status, "It broke."));
        }
    }

    proptest! {
        #[test]
        fn p9_any_bytes_are_put_together(frames in prop::collection::vec(any::<Vec<u8>>(), 0..4), text in any::<String>()) {
            let mut parts = AnswerParts::default();
            frames.iter().for_each(|frame| parts.add(frame));
            parts.add(json!({ "type": "text", "block": text.len(), "content": text }).to_string().as_bytes());
            prop_assert_eq!(parts.text(), text.trim_end());
        }
    }
}
