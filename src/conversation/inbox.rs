//! Questions on their way into a conversation, before the history has them.

use std::time::Instant;

use crate::{
    database::DatabaseError,
    entry::UserMessage,
    ids::{ConversationId, TurnNumber},
    wire::server_frame::Notice,
};

use super::{Conversation, viewer::ViewerId};

/// What a viewer asks.
#[derive(Debug)]
pub(crate) enum PostContent {
    /// This text.
    Text(String),
    /// This answer to a question of the agent.
    Answer {
        /// The text.
        content: String,
        /// The call that asked; the newest where the client does not say it.
        call_id: Option<String>,
    },
    /// The question of this turn once more.
    Again(TurnNumber),
    /// The question of a turn of another conversation, which this one goes on with.
    Onward {
        /// The other conversation.
        conversation: ConversationId,
        /// The turn.
        turn: TurnNumber,
    },
    /// The same, once the other conversation was looked at.
    Carried {
        /// The question.
        content: String,
        /// The other conversation.
        from: ConversationId,
        /// What was said there, in short.
        digest: String,
    },
}

/// Something that counts as taken until it is dropped.
pub(crate) type TurnPermit = Box<dyn std::any::Any + Send>;

/// A question that the database has not acknowledged, or not those before it.
#[derive(Debug)]
pub(crate) struct PendingQuestion {
    pub(crate) turn: TurnNumber,
    pub(crate) message: UserMessage,
    /// Who is told.
    pub(crate) senders: Vec<ViewerId>,
    pub(crate) answer: Option<Result<(), DatabaseError>>,
    pub(crate) since: Instant,
}

impl PendingQuestion {
    /// Since when the database has it.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }
}

impl Conversation {
    /// Messages that are being stored.
    pub(crate) fn accepting_messages(&self) -> impl Iterator<Item = &UserMessage> {
        self.pending_questions.iter().map(|asked| &asked.message)
    }

    /// Gives a message its text and what belongs to it, or tells why it cannot be asked.
    pub(crate) fn fill(&self, message: &mut UserMessage, what: &PostContent) -> Result<(), String> {
        match what {
            PostContent::Text(text) => message.content.clone_from(text),
            PostContent::Answer { content, call_id } => {
                message.answers = self.answered_call(call_id.as_deref())?;
                message.content.clone_from(content);
            }
            PostContent::Again(turn) => {
                message.content = self.asked_in(*turn)?;
                message.retry_of = Some(*turn);
            }
            PostContent::Carried { content, from, digest } => {
                message.content.clone_from(content);
                message.continues = Some(*from);
                message.carried = Some(digest.clone()).filter(|digest| !digest.is_empty());
            }
            // It is looked up before.
            PostContent::Onward { turn, .. } => {
                return Err(format!("Turn {turn} was not looked up."));
            }
        }
        Ok(())
    }

    /// Bytes of the questions that wait here.
    pub(crate) fn waiting_bytes(&self) -> usize {
        let accepting = self.pending_questions.iter().map(|asked| asked.message.content.len());
        accepting.sum::<usize>() + self.turns.waiting_bytes()
    }

    /// Whether this message is here already, sent again by a client that does not know that it
    /// came through. Whoever sent it is told as soon as it is stored.
    pub(crate) fn has_been_asked(&mut self, viewer: ViewerId, id: &str) -> bool {
        if let Some((turn, seq)) = self.transcript.find_message(id) {
            let message_id = Some(id.to_owned());
            let notice = Notice::Accepted { message_id, seq, turn, position: 0 };
            self.answer_to(&[viewer], &notice);
            return true;
        }
        let pending = self
            .pending_questions
            .iter_mut()
            .find(|it| it.message.message_id.as_deref() == Some(id));
        if let Some(pending) = pending {
            if !pending.senders.contains(&viewer) {
                pending.senders.push(viewer);
            }
            return true;
        }
        false
    }

    /// The question of a turn that is over, or why it cannot be asked again.
    fn asked_in(&self, turn: TurnNumber) -> Result<String, String> {
        let question = self.transcript.question(turn).ok_or_else(|| {
            format!("Turn {turn} of this conversation has no question to ask again.")
        })?;
        if self.transcript.has_ended(turn) {
            Ok(question.content.clone())
        } else {
            Err(format!("The question of turn {turn} is not answered yet; stop it first."))
        }
    }

    /// Sends these viewers a frame outside the history.
    pub(crate) fn answer_to(&mut self, viewers: &[ViewerId], notice: &Notice) {
        self.notify_viewers(viewers, notice);
        viewers.iter().for_each(|viewer| self.deliver_to(*viewer));
    }
}
