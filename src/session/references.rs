//! Checks of the file references in answers: while an answer streams, and once more at its end.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    task::spawn_blocking,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    citation::{Citation, References},
    conversation::{references::UncheckedAnswer, turn::TurnEvent},
    ids::TurnNumber,
    markdown,
    project::Project,
    reader::{CheckedReferences, Readers},
};

use super::{Resources, live::LiveConversation};

/// The end of an answer waits at most this long for the disk.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

impl LiveConversation<'_> {
    /// Checks the references of the growing answer that were not checked before.
    pub(super) fn check_new_references(&mut self) {
        let state = &mut *self.state;
        let Some(turn) = state.turns.running().filter(|_| !state.references.is_checking) else {
            return;
        };
        let Some((of, mentioned)) = state.transcript.mentioned() else { return };
        let new = mentioned.clone().without(&state.references.asked);
        let limit = self.env.resources.settings.reading.references;
        if of != turn || new.is_empty() || state.references.known.len() >= limit {
            return;
        }
        state.references.is_checking = true;
        state.references.asked.extend(new.clone());
        let check = self.check(move || new);
        self.spawn(check, move |live, checked| {
            if live.state.turns.running() != Some(turn) {
                return;
            }
            live.state.references.is_checking = false;
            live.state.references.known.extend(checked.citations);
            live.state.tell_citations(turn);
            live.state.deliver();
            live.check_new_references();
        });
    }

    /// Applies an event that ends the running turn, after a check of all references of its answer.
    /// The agent is not read meanwhile.
    pub(super) fn end_checked(&mut self, event: TurnEvent) {
        let is_exit = matches!(event, TurnEvent::AgentExited(_));
        if self.state.references.is_finishing() && !is_exit {
            // An end is under way.
            return;
        }
        let running = self.state.turns.running();
        let answer = running.map(|turn| (turn, self.state.transcript.answer(turn)));
        let Some((turn, answer)) = answer.filter(|(_, answer)| !answer.is_empty()) else {
            return self.apply_event(event);
        };
        let check = self.check(move || markdown::references(&answer));
        let epoch = self.state.agent.epoch;
        self.state.references.finishing = Some(oneshot::channel().0);
        self.spawn(check, move |live, checked| {
            if live.state.agent.epoch != epoch {
                return;
            }
            let is_awaited =
                live.state.turns.running() == Some(turn) && live.state.references.is_finishing();
            if is_awaited {
                live.state.references.known = checked.citations;
                live.state.references.commits = checked.commits;
                live.state.references.is_whole = true;
            }
            // The exit of an agent counts even where another event has ended the turn.
            if is_awaited || is_exit {
                live.apply_event(event);
                live.save();
            }
        });
    }

    /// Has the reader check references. Those that cannot be checked in time stay plain text.
    fn check(
        &self,
        mentioned: impl FnOnce() -> References + Send + 'static,
    ) -> impl Future<Output = CheckedReferences> + 'static {
        let Resources { readers, settings, .. } = &self.env.resources;
        let (readers, limit) = (readers.clone(), settings.reading.references);
        let project = self.env.project.clone();
        let read = self.state.references.reading.files().to_vec();
        let order = Arc::clone(&self.state.references.order);
        async move {
            // The exit of an agent must not overtake the result that it gave before.
            let _order = order.lock_owned().await;
            let checked = async {
                let mut mentioned = spawn_blocking(mentioned).await.unwrap_or_default();
                mentioned.truncate(limit);
                readers.check_references(&project, &mentioned, read).await
            };
            let failure = match timeout(CHECK_TIMEOUT, checked).await {
                Ok(Ok(checked)) => return checked,
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("it took longer than {CHECK_TIMEOUT:?}"),
            };
            log::warn!("references are not checked project={} error={failure}", project.name);
            CheckedReferences::default()
        }
    }
}

/// The citations of answers that were cut off, as far as they are checked in time, and the files
/// that the agent had seen.
pub(super) async fn check_answers(
    readers: &Readers,
    project: &Project,
    unchecked: Vec<UncheckedAnswer>,
) -> Vec<(TurnNumber, Vec<Citation>, Vec<String>)> {
    let mut checked = Vec::new();
    let end = Instant::now() + CHECK_TIMEOUT;
    for UncheckedAnswer { turn, mentioned, read } in unchecked {
        let check = readers.check_references(project, &mentioned, read.clone());
        match timeout_at(end, check).await {
            Ok(Ok(found)) if found.citations.is_empty() => (),
            Ok(Ok(found)) => checked.push((turn, found.citations, read)),
            Ok(Err(error)) => {
                log::warn!("references are not checked project={} error={error}", project.name);
                return checked;
            }
            Err(_) => return checked,
        }
    }
    checked
}
