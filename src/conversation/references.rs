//! File references of answers: those of the running turn, and the check of old answers without one.

use std::sync::Arc;

use tokio::sync::{Mutex, oneshot};

use crate::{
    citation::{Citation, References, files_read::FilesRead},
    config::settings::Settings,
    entry::{Content, Outcome, ResponseDone, ToolCall, ToolResult},
    history::checkout::Checkout,
    ids::TurnNumber,
    markdown,
    project::Roots,
    wire::server_frame::Citations,
};

use super::{Conversation, transcript::Transcript};

/// Unchecked answers that are checked when a conversation is loaded, at most; the newest.
const MOST_CUT_OFF: usize = 20;

/// Up to this many references are shown again with each new one; beyond, only once their number has
/// grown by a share.
const TOLD_AT_ONCE: usize = 32;

/// The share, as a denominator.
const TOLD_SHARE: usize = 4;

/// File references of the running turn's answer.
#[derive(Debug, Default)]
pub(crate) struct TurnReferences {
    pub(crate) reading: FilesRead,
    /// References that were checked or are being checked.
    pub(crate) asked: References,
    /// The results of the checks.
    pub(crate) known: Vec<Citation>,
    /// The commit of each directory when the whole answer was checked.
    pub(crate) commits: Vec<Checkout>,
    /// How many results viewers were shown.
    pub(crate) told: usize,
    pub(crate) is_checking: bool,
    /// The results cover the whole answer.
    pub(crate) is_whole: bool,
    /// Present while the end of the turn waits for the last check. Dropped, it lets the agent's
    /// output be read on.
    pub(crate) finishing: Option<oneshot::Sender<()>>,
    /// Held until the result of a check is there, so that results come in the order of the checks.
    pub(crate) order: Arc<Mutex<()>>,
}

impl TurnReferences {
    /// Whether the end of the turn waits only for the last check.
    pub(crate) fn is_finishing(&self) -> bool {
        self.finishing.is_some()
    }

    /// Takes the end back: the turn goes on.
    pub(crate) fn go_on(&mut self) {
        self.finishing = None;
    }
}

impl Conversation {
    /// Records a tool call of the running turn.
    pub(crate) fn note_call(&mut self, call: &ToolCall, roots: &Roots) {
        self.references.reading.on_tool_call(&call.call_id, &call.tool, call.input.get(), roots);
    }

    /// Records a tool result of the running turn.
    pub(crate) fn note_result(&mut self, result: &ToolResult, roots: &Roots) {
        self.references.reading.on_tool_result(&result.call_id, result.ok, &result.content, roots);
    }

    /// Holds the agent's output if the end of the turn waits for the last check.
    pub(crate) fn hold_while_finishing(&mut self) -> Option<oneshot::Receiver<()>> {
        let gate = self.references.finishing.as_mut()?;
        let (sender, receiver) = oneshot::channel();
        *gate = sender;
        Some(receiver)
    }

    /// Shows viewers the results so far, unless too little has been added. The end of the turn
    /// brings all.
    pub(crate) fn tell_citations(&mut self, turn: TurnNumber) {
        let (known, told) = (self.references.known.len(), self.references.told);
        if known > TOLD_AT_ONCE && known < told + told / TOLD_SHARE {
            return;
        }
        self.references.told = known;
        let citations = Citations { turn, citations: self.references.known.clone() };
        self.audience.show_citations(&citations);
    }

    /// The results of the running turn so far, for a viewer that comes in.
    pub(crate) fn citations(&self) -> Option<Citations> {
        let turn = self.turns.running().filter(|_| !self.references.known.is_empty())?;
        Some(Citations { turn, citations: self.references.known.clone() })
    }

    /// Moves the results into the end of the turn.
    pub(crate) fn add_references(&mut self, content: &mut Content) {
        let citing = std::mem::take(&mut self.references);
        let is_completed = matches!(
            content,
            Content::ResponseDone(ResponseDone { outcome: Outcome::Completed, .. })
        );
        if let Some(details) = content.end_details() {
            // Incomplete results are left out: the answer is checked as a whole when it is loaded
            // again.
            if citing.is_whole || is_completed {
                *details.citations = citing.known;
            }
            *details.files_read = citing.reading.into_files();
            *details.commits = citing.commits;
        }
    }
}

/// The references of an answer that were never checked.
#[derive(Debug)]
pub(crate) struct UncheckedAnswer {
    pub(crate) turn: TurnNumber,
    pub(crate) mentioned: References,
    /// The files that the agent had seen.
    pub(crate) read: Vec<String>,
}

/// The ended answers without a check, in a history that was just loaded.
pub(crate) fn unchecked_answers(
    transcript: &Transcript,
    roots: &Roots,
    settings: &Settings,
) -> Vec<UncheckedAnswer> {
    let is_unchecked = |content: &Content| match content {
        Content::ResponseDone(done) => {
            done.outcome != Outcome::Completed && done.citations.is_empty()
        }
        Content::Error(error) => error.citations.is_empty(),
        _ => false,
    };
    let mut turns: Vec<TurnNumber> = transcript
        .contents()
        .filter(|(_, content)| is_unchecked(content))
        .map(|(turn, _)| turn)
        .collect();
    turns.drain(..turns.len().saturating_sub(MOST_CUT_OFF));
    let unchecked = turns.into_iter().filter_map(|turn| {
        let mut mentioned = markdown::references(&transcript.answer(turn));
        mentioned.truncate(settings.reading.references);
        let read = files_read(transcript, turn, roots);
        (!mentioned.is_empty()).then_some(UncheckedAnswer { turn, mentioned, read })
    });
    unchecked.collect()
}

/// The files that the agent saw in a turn.
fn files_read(transcript: &Transcript, turn: TurnNumber, roots: &Roots) -> Vec<String> {
    let mut reading = FilesRead::default();
    for (_, content) in transcript.contents().filter(|(of, _)| *of == turn) {
        match content {
            Content::ToolCall(call) => {
                reading.on_tool_call(&call.call_id, &call.tool, call.input.get(), roots);
            }
            Content::ToolResult(result) => {
                reading.on_tool_result(&result.call_id, result.ok, &result.content, roots);
            }
            _ => (),
        }
    }
    reading.into_files()
}
