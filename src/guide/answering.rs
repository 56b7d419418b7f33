//! Answering: from a question and what was said before to the steps of an answer. Where it runs, the
//! project's files are read.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::{
    guide::{
        conversation::GuideConversation,
        protocol::UserQuestion,
        turn::{AnswerStep, TurnStopped, TurnWriter},
    },
    source::index::shared::{IndexError, SharedIndex},
};

/// Longest time for an answer once there is an index.
const LONGEST_ANSWER: Duration = Duration::from_secs(15);

/// A question, and what the guide remembers of its conversation.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AnswerTask {
    pub(crate) question: UserQuestion,
    pub(crate) conversation: GuideConversation,
}

/// An answer, and what the guide is to remember.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GuideAnswer {
    pub(crate) steps: Vec<AnswerStep>,
    pub(crate) conversation: GuideConversation,
}

/// Answers a question. Blocks; waits for `patience` at most while the index is built.
///
/// # Errors
/// There is no index.
pub(crate) fn answer(
    index: &SharedIndex,
    patience: Duration,
    task: AnswerTask,
) -> Result<GuideAnswer, IndexError> {
    let AnswerTask { question, mut conversation } = task;
    let started = Instant::now();
    let is_late = || started.elapsed() > patience + LONGEST_ANSWER;
    let mut turn = TurnWriter::new(&is_late);
    let told = if GuideConversation::needs_index(&question) {
        index.ask(patience, |index| {
            turn.say(question.note.as_deref().unwrap_or_default())?;
            conversation.answer(&mut turn, index, &question)
        })?
    } else {
        conversation.chat(&mut turn, &question)
    };
    let mut steps = turn.into_steps();
    if let Err(stopped) = told {
        steps.push(AnswerStep::Text(stopped_words(&stopped)));
    }
    Ok(GuideAnswer { steps, conversation })
}

fn stopped_words(stopped: &TurnStopped) -> String {
    format!("\n\nI ended this answer: {stopped}. Ask for less at a time.")
}
