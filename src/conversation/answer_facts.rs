//! What is noted of the running answer for its end: how long it takes, and which model gives it.

use std::time::{Duration, Instant};

use crate::{entry::Content, ids::TurnNumber};

use super::Conversation;

/// Characters of a model's name that are kept.
const MODEL_CHARS: usize = 128;

/// See the module.
#[derive(Debug)]
pub(crate) struct RunningAnswer {
    turn: TurnNumber,
    begun: Instant,
    first_text: Option<Duration>,
}

impl Conversation {
    /// Notes that an agent was given the question of a turn, perhaps again.
    pub(crate) fn note_asked(&mut self, turn: TurnNumber) {
        self.traces.asked(turn);
        if self.answering.as_ref().is_none_or(|answer| answer.turn != turn) {
            self.answering = Some(RunningAnswer { turn, begun: Instant::now(), first_text: None });
        }
    }

    /// Notes that the running answer gets text.
    pub(crate) fn note_text(&mut self) {
        self.audience.text_read_at.get_or_insert(self.agent.read_at);
        if let Some(answer) = self.answering.as_mut().filter(|it| it.first_text.is_none()) {
            answer.first_text = Some(answer.begun.elapsed());
            self.traces.text(answer.turn);
        }
    }

    /// Notes the model that the agent says it asks.
    pub(crate) fn note_model(&mut self, model: &str) {
        let model: String = model.chars().filter(|c| !c.is_control()).take(MODEL_CHARS).collect();
        if let Some(answerer) = self.agent.answerer.as_mut().filter(|_| !model.is_empty()) {
            answerer.model = Some(model);
        }
    }

    /// Adds what was noted to the end of a turn.
    pub(crate) fn add_facts(&mut self, turn: TurnNumber, content: &mut Content) {
        let Some(answer) = self.answering.take_if(|answer| answer.turn == turn) else { return };
        let Some(details) = content.end_details() else { return };
        let facts = details.facts;
        facts.first_text_ms = answer.first_text.map(millis);
        facts.duration_ms.get_or_insert_with(|| millis(answer.begun.elapsed()));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
