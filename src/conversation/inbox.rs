//! Questions on their way into the history, and what is held for those whose turn has not ended.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use crate::{
    attachment::AttachedFile,
    database::{DatabaseError, messages::CopiedAttachment},
    effort::Effort,
    entry::UserMessage,
    ids::{ConversationId, TurnNumber},
    wire::server_frame::Notice,
};

use super::{Conversation, viewer::ViewerId};

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// Questions that are being stored, in the order in which they were asked.
    pub(crate) pending: VecDeque<PendingQuestion>,
    /// Who asked the questions that wait for their turn.
    pub(crate) askers: HashMap<TurnNumber, Vec<ViewerId>>,
    pub(crate) permits: HashMap<TurnNumber, TurnPermit>,
    /// Calls of the running turn that are shown as questions: their results are not shown.
    pub(crate) question_calls: Vec<String>,
}

impl Inbox {
    pub(super) fn end_turn(&mut self, turn: TurnNumber) {
        self.question_calls.clear();
        self.forget(turn);
    }

    /// Forgets who asked the question of a turn, and what was held for them.
    pub(super) fn forget(&mut self, turn: TurnNumber) {
        self.askers.remove(&turn);
        self.permits.remove(&turn);
    }

    /// Takes the oldest pending question, once the database has answered it.
    pub(crate) fn next_answered(&mut self) -> Option<PendingQuestion> {
        self.pending.pop_front_if(|question| question.answer.is_some())
    }

    pub(crate) fn askers_of(&self, turn: TurnNumber) -> &[ViewerId] {
        self.askers.get(&turn).map(Vec::as_slice).unwrap_or_default()
    }
}

/// What a viewer asks.
#[derive(Debug)]
pub(crate) enum PostContent {
    Text {
        content: String,
        /// The agent that is to answer from now on; `None` for the one before.
        agent: Option<String>,
        effort: Option<Effort>,
        /// The files that come with it.
        attachments: Vec<AttachedFile>,
    },
    /// An answer to a question of the agent.
    Answer {
        content: String,
        /// The call that asked; `None` means the newest.
        call_id: Option<String>,
    },
    /// The question of an earlier turn once more.
    Again {
        turn: TurnNumber,
        /// The agent that is to answer it; `None` for the one of the settings.
        agent: Option<String>,
    },
    /// The question of a turn of another conversation, which is asked here.
    Onward { conversation: ConversationId, turn: TurnNumber },
    /// The same after the other conversation was read.
    Carried {
        content: String,
        from: ConversationId,
        /// A summary of the other conversation; empty where nothing was said.
        recap: String,
        /// The question's files under the ids that they have there, and the copies here.
        attachments: Vec<(String, AttachedFile)>,
    },
}

/// Counts against the limits of a visitor until it is dropped.
pub(crate) type TurnPermit = Box<dyn std::any::Any + Send>;

/// A question that the database has not acknowledged, or not those before it.
#[derive(Debug)]
pub(crate) struct PendingQuestion {
    pub(crate) turn: TurnNumber,
    pub(crate) message: UserMessage,
    /// Viewers that sent it, which are told whether it is accepted.
    pub(crate) senders: Vec<ViewerId>,
    /// The database's answer, once it is there.
    pub(crate) answer: Option<Result<(), DatabaseError>>,
    pub(crate) since: Instant,
}

impl PostContent {
    /// The agent that is asked for.
    pub(crate) fn agent(&self) -> Option<&str> {
        match self {
            Self::Text { agent, .. } | Self::Again { agent, .. } => agent.as_deref(),
            Self::Answer { .. } | Self::Onward { .. } | Self::Carried { .. } => None,
        }
    }
}

impl PostContent {
    /// The files that are copied from another conversation.
    pub(crate) fn copied(&self) -> Vec<CopiedAttachment> {
        match self {
            Self::Carried { attachments, .. } => attachments
                .iter()
                .map(|(from, copy)| CopiedAttachment { from: from.clone(), to: copy.id.clone() })
                .collect(),
            _ => Vec::new(),
        }
    }
}

impl Conversation {
    /// Fills in what is asked, or says why it cannot be asked.
    pub(crate) fn fill(&self, message: &mut UserMessage, what: &PostContent) -> Result<(), String> {
        match what {
            PostContent::Text { content, agent, effort, attachments } => {
                message.effort = *effort;
                message.attachments.clone_from(attachments);
                message.content.clone_from(content);
                message.agent.clone_from(agent);
            }
            PostContent::Answer { content, call_id } => {
                message.answers = self.answered_call(call_id.as_deref())?;
                message.content.clone_from(content);
            }
            PostContent::Again { turn, agent } => {
                let asked = self.asked_in(*turn)?;
                message.effort = asked.effort;
                message.content.clone_from(&asked.content);
                message.attachments.clone_from(&asked.attachments);
                message.retry_of = Some(*turn);
                message.agent.clone_from(agent);
            }
            PostContent::Carried { content, from, recap, attachments } => {
                message.attachments = attachments.iter().map(|(_, copy)| copy.clone()).collect();
                message.content.clone_from(content);
                message.continues = Some(*from);
                message.carried = Some(recap.clone()).filter(|recap| !recap.is_empty());
            }
            // The session reads the other conversation first.
            PostContent::Onward { turn, .. } => {
                return Err(format!("Turn {turn} was not looked up."));
            }
        }
        Ok(())
    }

    /// Bytes of the questions that wait.
    pub(crate) fn waiting_bytes(&self) -> usize {
        let accepting = self.inbox.pending.iter().map(|asked| asked.message.content.len());
        accepting.sum::<usize>() + self.turns.waiting_bytes()
    }

    /// Whether the message is here already: a client sends it again that does not know that it came
    /// through. Its sender is told once it is stored.
    pub(crate) fn has_been_asked(&mut self, viewer: ViewerId, id: &str) -> bool {
        if let Some((turn, seq)) = self.transcript.find_message(id) {
            let message_id = Some(id.to_owned());
            let notice = Notice::Accepted { message_id, seq, turn, position: 0 };
            self.answer_to(&[viewer], &notice);
            return true;
        }
        let mut pending = self.inbox.pending.iter_mut();
        let pending = pending.find(|it| it.message.message_id.as_deref() == Some(id));
        if let Some(pending) = pending {
            if !pending.senders.contains(&viewer) {
                pending.senders.push(viewer);
            }
            return true;
        }
        false
    }

    /// The question of an ended turn, or why it cannot be asked again.
    fn asked_in(&self, turn: TurnNumber) -> Result<&UserMessage, String> {
        let question = self.transcript.question(turn).ok_or_else(|| {
            format!("Turn {turn} of this conversation has no question to ask again.")
        })?;
        if self.transcript.has_ended(turn) {
            Ok(question)
        } else {
            Err(format!("The question of turn {turn} is not answered yet; stop it first."))
        }
    }

    /// Sends these viewers a frame outside the history.
    pub(crate) fn answer_to(&mut self, viewers: &[ViewerId], notice: &Notice) {
        self.audience.notify_viewers(viewers, notice);
        viewers.iter().for_each(|viewer| self.deliver_to(*viewer));
    }
}
