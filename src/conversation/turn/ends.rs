//! Contents that end a turn.

use time::OffsetDateTime;

use crate::{
    agent::event::{AgentFailure, Remedy},
    database::timestamp,
    entry::{AnswerFacts, Content, Outcome, ResponseDone, TurnError},
    ids::TurnNumber,
};

use super::TurnEffect;

/// An end without details.
pub(super) fn done(turn: TurnNumber, outcome: Outcome) -> TurnEffect {
    TurnEffect::EndTurn { turn, content: Content::plain_end(outcome) }
}

/// The end of a turn whose question was taken back; where it `was_behind` others, it ends none of them.
pub(super) fn withdrawn(turn: TurnNumber, author: Option<String>, was_behind: bool) -> TurnEffect {
    let end = ResponseDone {
        outcome: Outcome::Stopped,
        stopped_by: author,
        withdrawn: was_behind,
        ..ResponseDone::default()
    };
    TurnEffect::EndTurn { turn, content: Content::ResponseDone(end) }
}

/// The end of a turn whose agent did not report one.
pub(super) fn failure(turn: TurnNumber, content: String) -> TurnEffect {
    TurnEffect::EndTurn { turn, content: Content::Error(TurnError::new(content, true)) }
}

/// The end of a turn that the agent reports as failed.
pub(super) fn failed(
    turn: TurnNumber,
    failure: AgentFailure,
    facts: Box<AnswerFacts>,
) -> TurnEffect {
    let AgentFailure { content, remedy, retry_at } = failure;
    let retry_at = retry_at.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let error = TurnError {
        retry_at: retry_at.map(timestamp),
        facts,
        start_over: matches!(remedy, Remedy::NewConversation | Remedy::FreshAgent),
        ..TurnError::new(content, remedy == Remedy::AskAgain)
    };
    TurnEffect::EndTurn { turn, content: Content::Error(error) }
}
