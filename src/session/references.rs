//! Checks of the file references in answers: while an answer streams, and once more at its end.

use std::{sync::Arc, time::Duration};

use tokio::{sync::oneshot, task::spawn_blocking, time::timeout};

use crate::{
    citation::{Citation, References, check},
    conversation::turn::TurnEvent,
    markdown,
};

use super::live::LiveConversation;

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
        let Some(check) = self.check(move || new) else { return };
        self.spawn(check, move |live, citations| {
            if live.state.turns.running() != Some(turn) {
                return;
            }
            live.state.references.is_checking = false;
            live.state.references.known.extend(citations);
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
        let Some(check) = self.check(move || markdown::references(&answer)) else {
            return self.apply_event(event);
        };
        let epoch = self.state.agent.epoch;
        self.state.references.finishing = Some(oneshot::channel().0);
        self.spawn(check, move |live, citations| {
            if live.state.agent.epoch != epoch {
                return;
            }
            let is_awaited =
                live.state.turns.running() == Some(turn) && live.state.references.is_finishing();
            if is_awaited {
                live.state.references.known = citations;
                live.state.references.is_whole = true;
            }
            // The exit of an agent counts even where another event has ended the turn.
            if is_awaited || is_exit {
                live.apply_event(event);
                live.save();
            }
        });
    }

    /// Checks references on a blocking thread; `None` where no file may be read.
    fn check(
        &self,
        mentioned: impl FnOnce() -> References + Send + 'static,
    ) -> Option<impl Future<Output = Vec<Citation>> + 'static> {
        let files = Arc::clone(self.env.files.as_ref()?);
        let most = self.env.resources.settings.reading.references;
        let read = self.state.references.reading.files().to_vec();
        let order = Arc::clone(&self.state.references.order);
        let checked = spawn_blocking(move || {
            let mut mentioned = mentioned();
            mentioned.truncate(most);
            check::check(&files, &mentioned, &read)
        });
        Some(async move {
            // The exit of an agent must not overtake the result that it gave before.
            let _order = order.lock_owned().await;
            match timeout(CHECK_TIMEOUT, checked).await {
                Ok(citations) => citations.unwrap_or_default(),
                Err(_) => {
                    log::warn!("references of an answer not checked within {CHECK_TIMEOUT:?}");
                    Vec::new()
                }
            }
        })
    }
}
