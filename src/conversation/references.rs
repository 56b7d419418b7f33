//! References of answers to files: what the running turn has, and the check of stored answers without one.

use std::path::Path;

use tokio::sync::oneshot;

use crate::{
    citation::{Citation, References, check, files_read::FilesRead},
    config::settings::Settings,
    entry::{Content, Outcome, ResponseDone, ToolCall, ToolResult},
    ids::TurnNumber,
    markdown,
    policy::Policy,
    wire::server_frame::Citations,
};

use super::{Conversation, transcript::Transcript};

/// Answers that were cut off and whose references are checked when a conversation is read again, at most;
/// the newest.
const MOST_CUT_OFF: usize = 20;

/// So many references are told whenever there are more of them. Each time all are told: when there are
/// many, it is only done when a share has been added.
const TOLD_AT_ONCE: usize = 32;

/// The share, as its denominator.
const TOLD_SHARE: usize = 4;

/// What is known of the files that the running turn is about.
#[derive(Debug, Default)]
pub(crate) struct TurnReferences {
    pub(crate) reading: FilesRead,
    /// References that were looked at, or are being.
    pub(crate) asked: References,
    /// What came of it.
    pub(crate) known: Vec<Citation>,
    /// How many of these those who look have been told.
    pub(crate) told: usize,
    pub(crate) is_checking: bool,
    /// Whether that is of the whole answer.
    pub(crate) is_whole: bool,
    /// The agent has finished, and its references are being checked. Dropped, this lets the reader of
    /// its output go on.
    pub(crate) finishing: Option<oneshot::Sender<()>>,
}

impl TurnReferences {
    /// Whether the agent has finished, and only the check is awaited.
    pub(crate) fn is_finishing(&self) -> bool {
        self.finishing.is_some()
    }

    /// The turn goes on after all.
    pub(crate) fn go_on(&mut self) {
        self.finishing = None;
    }
}

impl Conversation {
    /// The running turn's agent uses a tool.
    pub(crate) fn note_call(&mut self, call: &ToolCall, root: &Path) {
        self.references.reading.on_tool_call(&call.call_id, &call.tool, call.input.get(), root);
    }

    /// A tool gave this back to the running turn's agent.
    pub(crate) fn note_result(&mut self, result: &ToolResult, root: &Path) {
        self.references.reading.on_tool_result(&result.call_id, result.ok, &result.content, root);
    }

    /// Holds the reader of the agent's output until its end is told.
    pub(crate) fn hold_while_finishing(&mut self) -> Option<oneshot::Receiver<()>> {
        let gate = self.references.finishing.as_mut()?;
        let (sender, receiver) = oneshot::channel();
        *gate = sender;
        Some(receiver)
    }

    /// What the running turn refers to goes to those who look at it, where it is worth its length. The
    /// turn's end tells everything.
    pub(crate) fn tell_citations(&mut self, turn: TurnNumber) {
        let (known, told) = (self.references.known.len(), self.references.told);
        if known > TOLD_AT_ONCE && known < told + told / TOLD_SHARE {
            return;
        }
        self.references.told = known;
        let citations = Citations { turn, citations: self.references.known.clone() };
        self.audience.show_citations(&citations);
    }

    /// The citations of the running turn so far, for who comes in.
    pub(crate) fn citations(&self) -> Option<Citations> {
        let turn = self.turns.running().filter(|_| !self.references.known.is_empty())?;
        Some(Citations { turn, citations: self.references.known.clone() })
    }

    /// Puts what is known of files into the end of the turn.
    pub(crate) fn add_references(&mut self, content: &mut Content) {
        let citing = std::mem::take(&mut self.references);
        let is_completed = matches!(
            content,
            Content::ResponseDone(ResponseDone { outcome: Outcome::Completed, .. })
        );
        if let Some(details) = content.end_details() {
            // What is only known in part is looked at as a whole when the conversation is read again.
            if citing.is_whole || is_completed {
                *details.citations = citing.known;
            }
            *details.files_read = citing.reading.into_files();
        }
    }
}

/// Checks the references of answers that came to their end without it, in a history that was just
/// read. Reads files, so it blocks.
pub(crate) fn check_cut_off(
    transcript: &mut Transcript,
    policy: &Policy,
    root: &Path,
    settings: &Settings,
) {
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
    for turn in turns {
        let mut mentioned = markdown::references(&transcript.answer(turn));
        if mentioned.is_empty() {
            continue;
        }
        mentioned.truncate(settings.reading.references);
        let mut reading = FilesRead::default();
        for (_, content) in transcript.contents().filter(|(of, _)| *of == turn) {
            match content {
                Content::ToolCall(call) => {
                    reading.on_tool_call(&call.call_id, &call.tool, call.input.get(), root);
                }
                Content::ToolResult(result) => {
                    reading.on_tool_result(&result.call_id, result.ok, &result.content, root);
                }
                _ => (),
            }
        }
        let read = reading.into_files();
        let most_bytes = settings.reading.file_bytes;
        let citations = check::check(policy, root, &mentioned, &read, most_bytes);
        if !citations.is_empty() {
            transcript.cite(turn, citations, read);
        }
    }
}
