//! Questions of the agent: how they are recognised, and which answer counts.

use serde_json::value::RawValue;

use crate::{
    entry::{AgentQuestion, Content, ToolCall, UserMessage},
    ids::TurnNumber,
    wire::server_frame::{ConversationState, Status},
};

use super::Conversation;

/// Characters of the accepted answer that are quoted to a person who is late.
const QUOTED: usize = 200;

impl Conversation {
    /// The call that an answer belongs to, or why it comes too late. `call_id` names the call;
    /// without it the newest one is meant. An answer to an unknown call is an ordinary message.
    pub(crate) fn answered_call(&self, call_id: Option<&str>) -> Result<Option<String>, String> {
        let mut asked: Option<&str> = None;
        let mut next: Option<&UserMessage> = None;
        for (_, content) in self.transcript.contents() {
            match content {
                Content::Question(question)
                    if call_id.is_none_or(|call_id| call_id == question.call_id) =>
                {
                    asked = Some(&question.call_id);
                    next = None;
                }
                Content::UserMessage(message) if asked.is_some() => next = next.or(Some(message)),
                // The question itself may have been evicted.
                Content::UserMessage(message)
                    if call_id.is_some() && message.answers.as_deref() == call_id =>
                {
                    return Err(too_late(message));
                }
                _ => (),
            }
        }
        let waiting = self.inbox.pending.front().map(|it| &it.message).filter(|_| asked.is_some());
        match next.or(waiting) {
            Some(message) => Err(too_late(message)),
            None => Ok(asked.map(str::to_owned)),
        }
    }
}

/// The refusal of an answer that comes after `taken`.
fn too_late(taken: &UserMessage) -> String {
    let text: String = taken.content.chars().take(QUOTED).collect();
    let cut = if taken.content.chars().nth(QUOTED).is_some() { "…" } else { "" };
    let who = match (&taken.author, &taken.answers) {
        (Some(author), Some(_)) => format!("{author} has answered it already"),
        (None, Some(_)) => "it was answered already".to_owned(),
        (Some(author), None) => format!("{author} has gone on with another message"),
        (None, None) => "the conversation has gone on with another message".to_owned(),
    };
    format!(
        "Your answer to the agent's question was not sent: {who} (\u{201c}{text}{cut}\u{201d}). Send \
         yours as a message of its own if it still matters."
    )
}

/// The tool by which an agent asks a person.
const ASK_USER: &str = "mcp__features__ask_user";

impl Conversation {
    pub(crate) fn tool_called(&mut self, turn: TurnNumber, call: ToolCall) {
        let questions = (call.tool == ASK_USER).then(|| questions_of(&call.input)).flatten();
        let content = match questions {
            Some(questions) => {
                self.inbox.question_calls.push(call.call_id.clone());
                Content::Question(AgentQuestion { call_id: call.call_id, questions })
            }
            None => {
                self.audience.show_status(&Status {
                    state: ConversationState::Running,
                    detail: format!("Using {}…", call.tool.rsplit("__").next().unwrap_or_default()),
                    queue_position: None,
                });
                Content::ToolCall(call)
            }
        };
        self.transcript.push(turn, content);
    }
}

/// The questions of an `ask_user` call, if it has any.
fn questions_of(input: &RawValue) -> Option<Box<RawValue>> {
    #[derive(serde::Deserialize)]
    struct Input {
        questions: Box<RawValue>,
    }
    let input: Input = serde_json::from_str(input.get()).ok()?;
    let questions: Vec<serde::de::IgnoredAny> = serde_json::from_str(input.questions.get()).ok()?;
    (!questions.is_empty()).then_some(input.questions)
}
