//! Notes of the project that may answer a question, for the agent that is asked.

use std::time::Duration;

use actix::{ActorFutureExt as _, AsyncContext as _, Context, WrapFuture as _};
use tokio::time::timeout;

use crate::{
    agent::AgentKind,
    conversation::fitting_notes::{FittingNote, MAX_TOLD},
    database::{Reader, queries::notes::Note},
    project::Project,
    reader::Readers,
};

use super::{Session, live::LiveConversation};

/// How long a question waits for the notes that fit it.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

impl Session {
    /// Learns whether the project has notes.
    pub(super) fn look_for_notes(&mut self, context: &mut Context<Self>) {
        let (reader, project) = (self.env.resources.reader.clone(), self.env.project.name.clone());
        let read = async move { reader.ask(move |reader| reader.has_notes(&project)).await };
        context.spawn(read.into_actor(self).map(|read, session, _| match read {
            Ok(has_notes) => session.env.has_notes = has_notes,
            Err(error) => log::warn!("cannot look for notes error={error}"),
        }));
    }
}

impl LiveConversation<'_> {
    /// The notes that fit a question; `None` where there are none for sure.
    pub(super) fn fitting_notes(
        &self,
        question: &str,
    ) -> Option<impl Future<Output = Vec<FittingNote>> + 'static> {
        let kind = self.state.agent.handle.as_ref()?.kind();
        if !self.env.has_notes || kind == AgentKind::Replay {
            return None;
        }
        let resources = &self.env.resources;
        let (reader, readers) = (resources.reader.clone(), resources.readers.clone());
        let (project, conversation) = (self.env.project.clone(), self.state.id);
        let question = question.to_owned();
        Some(async move {
            let name = project.name.clone();
            let look = async {
                let find = move |reader: &Reader| {
                    reader.fitting_notes(&name, conversation, &question, MAX_TOLD)
                };
                let found = reader.ask(find).await.unwrap_or_else(|error| {
                    log::warn!("cannot look for fitting notes error={error}");
                    Vec::new()
                });
                let mut notes = Vec::with_capacity(found.len());
                for note in found {
                    notes.push(compared(&reader, &readers, &project, note).await);
                }
                notes
            };
            // A question does not wait for what is only helpful.
            timeout(LONGEST_WAIT, look).await.unwrap_or_default()
        })
    }
}

/// Compares what a note cites with the project as it is now.
async fn compared(
    reader: &Reader,
    readers: &Readers,
    project: &Project,
    note: Note,
) -> FittingNote {
    let (name, id, turn) = (project.name.clone(), note.conversation_id, note.turn);
    let end = reader.ask(move |reader| reader.end_of_turn(&name, id, turn)).await.ok().flatten();
    let citations = end.map(|end| end.sources().0).unwrap_or_default();
    let counted = readers.count_changed(project, citations).await.ok();
    FittingNote {
        question: note.question,
        answer: note.answer,
        kept_by: note.kept_by,
        kept_at: note.kept_at,
        cited: counted.map(|(cited, _)| cited),
        changed: counted.map_or(0, |(_, changed)| changed),
    }
}
