//! Answers to what the agent has asked: exactly one is taken, whoever is faster.

use crate::entry::{Content, UserMessage};

use super::conversation::Conversation;

/// Characters of an answer that are quoted to somebody else.
const QUOTED: usize = 200;

impl Conversation {
    /// The call of the agent that an answer given now belongs to, or why it comes too late. `call_id`
    /// is the call that it is meant for; without one the newest is meant. An answer to nothing that is
    /// known is a message like any other.
    pub(super) fn answered_call(&self, call_id: Option<&str>) -> Result<Option<String>, String> {
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
                // The question itself may not be in memory any more.
                Content::UserMessage(message)
                    if call_id.is_some() && message.answers.as_deref() == call_id =>
                {
                    return Err(too_late(message));
                }
                _ => (),
            }
        }
        let waiting = self.accepting_messages().next().filter(|_| asked.is_some());
        match next.or(waiting) {
            Some(message) => Err(too_late(message)),
            None => Ok(asked.map(str::to_owned)),
        }
    }
}

/// What is told to somebody whose answer comes after this message.
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
