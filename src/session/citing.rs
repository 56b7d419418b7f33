//! References of answers to files. They are checked while an answer streams, for those who look
//! at it, and all of them once more when it ends: that is what is kept. Files are looked at off the
//! session's thread, and the agent is not read on until the end is told.

use std::{sync::Arc, time::Duration};

use actix::{ActorFutureExt as _, AsyncContext as _, Context, WrapFuture as _};
use tokio::{sync::oneshot, task::spawn_blocking, time::timeout};

use crate::{
    agent::event::AgentResult,
    citation::{Citation, Mentioned, check, reading::Reading},
    entry::{Content, ToolCall, ToolResult},
    render,
    wire::outgoing::Citations,
};

use super::{Session, conversation::Conversation, turn::Event};

/// An answer's end does not wait longer for a disk.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of the files that the running turn is about.
#[derive(Debug, Default)]
pub struct Citing {
    reading: Reading,
    /// References that were looked at, or are being.
    asked: Mentioned,
    /// What came of it.
    known: Vec<Citation>,
    is_checking: bool,
    /// The agent has finished, and its references are being checked. Dropped, this lets the reader of
    /// its output go on.
    finishing: Option<oneshot::Sender<()>>,
}

impl Citing {
    /// Whether the agent has finished, and only the check is awaited.
    pub fn is_finishing(&self) -> bool {
        self.finishing.is_some()
    }
}

impl Session {
    /// Checks what an answer that streams refers to and nobody has looked at yet.
    pub(super) fn cite(&mut self, conversation: i64, context: &mut Context<Self>) {
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

    /// The agent has finished its turn, which ends once its references are checked.
    pub(super) fn agent_finished(
        &mut self,
        conversation: i64,
        result: AgentResult,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let running = live.turns.running();
        let answer = running.map(|turn| (turn, live.transcript.answer(turn)));
        let answer = answer.filter(|(_, answer)| !answer.is_empty());
        let read = live.citing.reading.files().to_vec();
        let Some((turn, answer)) = answer else {
            return self.happen(conversation, Event::Finished(result), context);
        };
        let Some(check) = self.check(move || render::mentioned(&answer), read) else {
            return self.happen(conversation, Event::Finished(result), context);
        };
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let epoch = live.epoch;
        live.citing.finishing = Some(oneshot::channel().0);
        let checked = check.into_actor(self).map(move |citations, session, context| {
            let Some(live) = session.conversations.get_mut(&conversation) else { return };
            let is_awaited = live.epoch == epoch && live.turns.running() == Some(turn);
            if is_awaited && live.citing.is_finishing() {
                live.citing.known = citations;
                session.happen(conversation, Event::Finished(result), context);
                session.store(conversation, context);
            }
        });
        context.spawn(checked);
    }

    /// Checks references where blocking is allowed. None where nothing may be read.
    fn check(
        &self,
        mentioned: impl FnOnce() -> Mentioned + Send + 'static,
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
    pub(super) fn note_call(&mut self, call: &ToolCall, root: &std::path::Path) {
        self.citing.reading.called(&call.call_id, &call.tool, call.input.get(), root);
    }

    /// A tool gave this back to the running turn's agent.
    pub(super) fn note_result(&mut self, result: &ToolResult, root: &std::path::Path) {
        self.citing.reading.returned(&result.call_id, result.ok, &result.content, root);
    }

    /// Holds the reader of the agent's output until its end is told.
    pub(super) fn hold_while_finishing(&mut self) -> Option<oneshot::Receiver<()>> {
        let gate = self.citing.finishing.as_mut()?;
        let (sender, receiver) = oneshot::channel();
        *gate = sender;
        Some(receiver)
    }

    /// What the running turn refers to goes to those who look at it.
    pub(super) fn tell_citations(&mut self, turn: i64) {
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
        if let Content::ResponseDone(done) = content {
            done.citations = citing.known;
            done.files_read = citing.reading.into_files();
        }
    }
}
