//! References of answers to files. They are checked while an answer streams, for those who look
//! at it, and all of them once more when it ends, however it does: that is what is kept. Where the server
//! went before that, they are checked when the conversation is read again. Files are looked at off the
//! session's thread, and the agent is not read on until the end is told.

use std::{path::Path, sync::Arc, time::Duration};

use actix::{ActorFutureExt as _, AsyncContext as _, Context, WrapFuture as _};
use tokio::{sync::oneshot, task::spawn_blocking, time::timeout};

use crate::{
    citation::{Citation, References, check, files_read::FilesRead},
    config::settings::Settings,
    entry::{Content, Outcome, ResponseDone, ToolCall, ToolResult},
    ids::{ConversationId, TurnNumber},
    markdown,
    policy::Policy,
    wire::server_frame::Citations,
};

use super::{Session, conversation::Conversation, transcript::Transcript, turn::Event};

/// Answers that were cut off and whose references are checked when a conversation is read again, at most;
/// the newest.
const MOST_CUT_OFF: usize = 20;

/// An answer's end does not wait longer for a disk.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many references are told whenever there are more of them. Each time all are told: when there are
/// many, it is only done when a share has been added.
const TOLD_AT_ONCE: usize = 32;

/// The share, as its denominator.
const TOLD_SHARE: usize = 4;

/// What is known of the files that the running turn is about.
#[derive(Debug, Default)]
pub(crate) struct Citing {
    reading: FilesRead,
    /// References that were looked at, or are being.
    asked: References,
    /// What came of it.
    known: Vec<Citation>,
    /// How many of these those who look have been told.
    told: usize,
    is_checking: bool,
    /// Whether that is of the whole answer.
    is_whole: bool,
    /// The agent has finished, and its references are being checked. Dropped, this lets the reader of
    /// its output go on.
    finishing: Option<oneshot::Sender<()>>,
}

impl Citing {
    /// Whether the agent has finished, and only the check is awaited.
    pub(crate) fn is_finishing(&self) -> bool {
        self.finishing.is_some()
    }

    /// The turn goes on after all.
    pub(crate) fn go_on(&mut self) {
        self.finishing = None;
    }
}

impl Session {
    /// Checks what an answer that streams refers to and nobody has looked at yet.
    pub(super) fn cite(&mut self, conversation: ConversationId, context: &mut Context<Self>) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let Some(turn) = live.turns.running().filter(|_| !live.citing.is_checking) else { return };
        let Some((of, mentioned)) = live.transcript.mentioned() else { return };
        let new = mentioned.clone().without(&live.citing.asked);
        let most = self.resources.settings.reading.references;
        if of != turn || new.is_empty() || live.citing.known.len() >= most {
            return;
        }
        live.citing.is_checking = true;
        live.citing.asked.extend(new.clone());
        let read = live.citing.reading.files().to_vec();
        let Some(check) = self.check(move || new, read) else { return };
        let checked = check.into_actor(self).map(move |citations, session, context| {
            let Some(live) = session.conversations.get_mut(&conversation) else { return };
            if live.turns.running() != Some(turn) {
                return;
            }
            live.citing.is_checking = false;
            live.citing.known.extend(citations);
            live.tell_citations(turn);
            live.deliver();
            session.cite(conversation, context);
        });
        context.spawn(checked);
    }

    /// Feeds an event to a conversation that ends its running turn, once the references of the answer
    /// are checked.
    pub(super) fn end_checked(
        &mut self,
        conversation: ConversationId,
        event: Event,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let is_exit = matches!(event, Event::AgentExited(_));
        if live.citing.is_finishing() && !is_exit {
            // It ends in a moment.
            return;
        }
        let running = live.turns.running();
        let answer = running.map(|turn| (turn, live.transcript.answer(turn)));
        let answer = answer.filter(|(_, answer)| !answer.is_empty());
        let read = live.citing.reading.files().to_vec();
        let Some((turn, answer)) = answer else {
            return self.happen(conversation, event, context);
        };
        let Some(check) = self.check(move || markdown::references(&answer), read) else {
            return self.happen(conversation, event, context);
        };
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let epoch = live.epoch;
        live.citing.finishing = Some(oneshot::channel().0);
        let checked = check.into_actor(self).map(move |citations, session, context| {
            let Some(live) = session.conversations.get_mut(&conversation) else { return };
            if live.epoch != epoch {
                return;
            }
            let is_awaited = live.turns.running() == Some(turn) && live.citing.is_finishing();
            if is_awaited {
                live.citing.known = citations;
                live.citing.is_whole = true;
            }
            // That the agent is gone must be known in any case.
            if is_awaited || is_exit {
                session.happen(conversation, event, context);
                session.store(conversation, context);
                session.answer_closers(context);
            }
        });
        context.spawn(checked);
    }

    /// Checks references where blocking is allowed. None where nothing may be read.
    fn check(
        &self,
        mentioned: impl FnOnce() -> References + Send + 'static,
        read: Vec<String>,
    ) -> Option<impl Future<Output = Vec<Citation>> + 'static> {
        let policy = Arc::clone(self.policy.as_ref()?);
        let settings = Arc::clone(&self.resources.settings);
        let root = self.project.dir.clone();
        let checked = spawn_blocking(move || {
            let mut mentioned = mentioned();
            mentioned.truncate(settings.reading.references);
            check::check(&policy, &root, &mentioned, &read, settings.reading.file_bytes)
        });
        Some(async move {
            match timeout(PATIENCE, checked).await {
                Ok(citations) => citations.unwrap_or_default(),
                Err(_) => {
                    log::warn!("files that an answer names could not be looked at in {PATIENCE:?}");
                    Vec::new()
                }
            }
        })
    }
}

impl Conversation {
    /// The running turn's agent uses a tool.
    pub(super) fn note_call(&mut self, call: &ToolCall, root: &Path) {
        self.citing.reading.on_tool_call(&call.call_id, &call.tool, call.input.get(), root);
    }

    /// A tool gave this back to the running turn's agent.
    pub(super) fn note_result(&mut self, result: &ToolResult, root: &Path) {
        self.citing.reading.on_tool_result(&result.call_id, result.ok, &result.content, root);
    }

    /// Holds the reader of the agent's output until its end is told.
    pub(super) fn hold_while_finishing(&mut self) -> Option<oneshot::Receiver<()>> {
        let gate = self.citing.finishing.as_mut()?;
        let (sender, receiver) = oneshot::channel();
        *gate = sender;
        Some(receiver)
    }

    /// What the running turn refers to goes to those who look at it, where it is worth its length. The
    /// turn's end tells everything.
    pub(super) fn tell_citations(&mut self, turn: TurnNumber) {
        let (known, told) = (self.citing.known.len(), self.citing.told);
        if known > TOLD_AT_ONCE && known < told + told / TOLD_SHARE {
            return;
        }
        self.citing.told = known;
        let citations = Citations { turn, citations: self.citing.known.clone() };
        self.subscribers_mut().for_each(|subscriber| subscriber.tell_citations(&citations));
    }

    /// The citations of the running turn so far, for who comes in.
    pub(super) fn citations(&self) -> Option<Citations> {
        let turn = self.turns.running().filter(|_| !self.citing.known.is_empty())?;
        Some(Citations { turn, citations: self.citing.known.clone() })
    }

    /// Puts what is known of files into the end of the turn.
    pub(super) fn cited(&mut self, content: &mut Content) {
        let citing = std::mem::take(&mut self.citing);
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
pub(super) fn check_cut_off(
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
