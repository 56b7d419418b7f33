//! Notices of an agent beside its answer: shown at once, kept with the answer where they qualify
//! it.

use std::time::SystemTime;

use crate::{
    agent::event::AgentNotice,
    database::timestamp,
    entry::{Answered, Content},
    wire::server_frame::{ConversationState, Status},
};

use super::Conversation;

/// Notes that are kept with one answer, at most.
const MAX_NOTES: usize = 20;

/// The note on an agent that had to drop its own session.
const BEGAN_AFRESH: &str = "The model's API refused the agent's own record of this conversation, so the \
     agent began again with a summary of it.";

/// Notes on the running turn's answer.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    sentences: Vec<String>,
    fallback_model: Option<String>,
}

impl Conversation {
    /// Shows a notice, and keeps what belongs to the answer.
    pub(crate) fn told(&mut self, told: AgentNotice) {
        let AgentNotice { words, model, is_busy, is_kept } = told;
        let state = match &model {
            _ if is_busy => ConversationState::Compacting,
            Some(_) => ConversationState::Retrying,
            None => ConversationState::Running,
        };
        self.audience.show_status(&Status { state, detail: words.clone(), queue_position: None });
        let notes = &mut self.notes;
        notes.fallback_model = model.or(notes.fallback_model.take());
        if is_kept && notes.sentences.len() < MAX_NOTES && !notes.sentences.contains(&words) {
            notes.sentences.push(words);
        }
    }

    /// Shows the running state again once the agent answers after a notice of a delay.
    pub(crate) fn goes_on(&mut self) {
        let state = self.audience.status.as_ref().map(|status| status.state);
        if matches!(state, Some(ConversationState::Compacting | ConversationState::Retrying)) {
            let detail = "Thinking…".to_owned();
            self.audience.show_status(&Status {
                state: ConversationState::Running,
                detail,
                queue_position: None,
            });
        }
    }

    /// Drops the agent's own session in the middle of an answer.
    pub(crate) fn begin_afresh(&mut self) {
        self.agent.session = None;
        self.transcript.close_block();
        self.references.go_on();
        self.told(AgentNotice::now(BEGAN_AFRESH, true));
    }

    /// Moves the notes into the end of the turn, and tells who answered and when.
    pub(crate) fn add_notes(&mut self, content: &mut Content) {
        let notes = std::mem::take(&mut self.notes);
        if let Some(details) = content.end_details() {
            *details.notes = notes.sentences;
            *details.fallback_model = notes.fallback_model;
            let at = timestamp(SystemTime::now().into());
            *details.answered = Some(Box::new(Answered { by: self.agent.answerer.clone(), at }));
        }
    }
}
