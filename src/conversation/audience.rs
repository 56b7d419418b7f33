//! The viewers of a conversation, and what they wait for.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    ids::TurnNumber,
    rights::{Action, Ownership},
    wire::{
        Dialect,
        list_frame::ListUpdate,
        server_frame::{Citations, Notice, Status},
    },
};

use super::{
    page_cache::PageCache,
    presence::{Person, Presence},
    reactions::Reactions,
    subscriber::Subscriber,
    transcript::{Cursor, MissingEntries, Transcript},
    viewer::{AfterBatch, Batch, BrowserId, ViewerId},
};

/// How long the last position of a viewer is kept, for when its page comes back.
const CURSOR_KEPT: Duration = Duration::from_secs(15 * 60);

/// Last positions that are kept, at most.
const MAX_LAST_CURSORS: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Audience {
    subscribers: BTreeMap<ViewerId, Subscriber>,
    /// Where the viewers of a browser left, and when.
    last_cursors: HashMap<Option<BrowserId>, (Cursor, Instant)>,
    page_cache: PageCache,
    /// When text was read from the agent that viewers were not told of yet.
    pub(crate) text_read_at: Option<Instant>,
    /// The state that viewers were shown last.
    pub(crate) status: Option<Status>,
    pub(crate) history_reload: HistoryReload,
    /// Answers are rendered in a moment.
    pub(crate) is_render_due: bool,
    /// Viewers are shown their number in a moment.
    pub(crate) is_presence_due: bool,
}

/// The reading of old entries that viewers wait for.
#[derive(Debug, Default)]
pub(crate) struct HistoryReload {
    /// The entries that a viewer waits for.
    pub(crate) missing: Option<MissingEntries>,
    pub(crate) is_reading: bool,
    /// When a read may be tried again; `Some` after one failed, which viewers know.
    pub(crate) retry_at: Option<Instant>,
}

impl Audience {
    pub(super) fn add(&mut self, subscriber: Subscriber) {
        self.last_cursors.remove(&subscriber.person.browser);
        self.subscribers.insert(subscriber.person.viewer, subscriber);
    }

    /// Removes a viewer and keeps its position. Gives back its open request for a batch.
    pub(crate) fn remove(&mut self, viewer: ViewerId) -> Option<oneshot::Sender<Batch>> {
        let mut subscriber = self.subscribers.remove(&viewer)?;
        let demand = subscriber.take_demand();
        let now = Instant::now();
        self.last_cursors.retain(|_, (_, left)| now - *left < CURSOR_KEPT);
        if self.last_cursors.len() < MAX_LAST_CURSORS {
            self.last_cursors.insert(subscriber.person.browser, (subscriber.cursor, now));
        }
        demand
    }

    /// Where a viewer of this browser left.
    pub(crate) fn last_cursor(&self, browser: Option<&BrowserId>) -> Option<Cursor> {
        self.last_cursors.get(&browser.cloned()).map(|(cursor, _)| *cursor)
    }

    pub(crate) fn subscriber(&mut self, viewer: ViewerId) -> Option<&mut Subscriber> {
        self.subscribers.get_mut(&viewer)
    }

    pub(crate) fn len(&self) -> usize {
        self.subscribers.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// Whether the viewer speaks the legacy dialect.
    pub(crate) fn is_legacy(&self, viewer: ViewerId) -> bool {
        self.subscribers.get(&viewer).is_some_and(|subscriber| subscriber.dialect.is_legacy())
    }

    /// Whether any viewer wants answers as HTML.
    pub(crate) fn wants_html(&self) -> bool {
        self.subscribers.values().any(|subscriber| subscriber.dialect.is_html())
    }

    pub(crate) fn cursors(&self) -> Vec<(Cursor, Dialect)> {
        self.subscribers.values().map(|it| (it.cursor, it.dialect)).collect()
    }

    /// How many viewers are behind and do not ask for a batch.
    pub(super) fn laggards(&self, transcript: &Transcript) -> usize {
        let now = Instant::now();
        let lags = |it: &&Subscriber| it.lags(transcript.has_news(&it.cursor, it.dialect), now);
        self.subscribers.values().filter(lags).count()
    }

    /// Shows all viewers a state.
    pub(crate) fn show_status(&mut self, status: &Status) {
        self.subscribers.values_mut().for_each(|subscriber| subscriber.tell(status));
        self.status = Some(status.clone());
    }

    /// Shows some viewers a state of their own.
    pub(crate) fn show_status_to(&mut self, viewers: &[ViewerId], status: &Status) {
        for viewer in viewers {
            if let Some(subscriber) = self.subscribers.get_mut(viewer) {
                subscriber.tell(status);
            }
        }
    }

    pub(super) fn show_title(&mut self, title: &str) {
        self.subscribers.values_mut().for_each(|subscriber| subscriber.tell_title(title));
    }

    /// The people who are present, with one who comes.
    pub(crate) fn presence_with(&self, coming: Option<&Person>) -> Presence {
        Presence::of(self.subscribers.values().map(|it| &it.person).chain(coming))
    }

    /// Shows all viewers who is present.
    pub(crate) fn show_presence(&mut self) {
        let present = self.presence_with(None);
        self.subscribers.values_mut().for_each(|subscriber| subscriber.tell_presence(&present));
    }

    /// Whether any viewer is told what changes in the list of conversations.
    pub(crate) fn follows_list(&self) -> bool {
        self.subscribers.values().any(Subscriber::follows_list)
    }

    /// Tells the viewers that follow the list what has changed in it.
    pub(crate) fn tell_list(&mut self, update: &ListUpdate) {
        self.subscribers.values_mut().for_each(|subscriber| subscriber.tell_list(update));
    }

    /// Tells the followers of the list who could read a conversation, and may not any more, what has
    /// changed.
    pub(crate) fn tell_list_of_outsiders(
        &mut self,
        update: &ListUpdate,
        before: &Ownership,
        after: &Ownership,
    ) {
        let reads = |of: &Ownership, it: &Subscriber| of.allows(&it.person.principal, Action::Read);
        let subscribers = self.subscribers.values_mut();
        subscribers
            .filter(|it| reads(before, it) && !reads(after, it))
            .for_each(|subscriber| subscriber.tell_list(update));
    }

    /// Shows all viewers whose the conversation is.
    pub(crate) fn show_sharing(&mut self, ownership: &Ownership) {
        self.subscribers.values_mut().for_each(|subscriber| subscriber.tell_sharing(ownership));
    }

    /// Shows all viewers what people say of some answers.
    pub(super) fn show_reactions(&mut self, reactions: &Reactions, turns: &[TurnNumber]) {
        self.subscribers.values_mut().for_each(|it| it.tell_reactions(reactions, turns));
    }

    /// The viewers who may not read a conversation of this owner.
    pub(crate) fn outsiders(&self, ownership: &Ownership) -> Vec<(ViewerId, Dialect)> {
        let subscribers = self.subscribers.values();
        subscribers
            .filter(|it| !ownership.allows(&it.person.principal, Action::Read))
            .map(|it| (it.person.viewer, it.dialect))
            .collect()
    }

    pub(crate) fn has(&self, viewer: ViewerId) -> bool {
        self.subscribers.contains_key(&viewer)
    }

    pub(super) fn show_citations(&mut self, citations: &Citations) {
        self.subscribers.values_mut().for_each(|subscriber| subscriber.tell_citations(citations));
    }

    /// Sends all viewers a frame outside the history.
    pub(crate) fn notify(&mut self, notice: &Notice) {
        self.subscribers.values_mut().for_each(|subscriber| subscriber.notify(notice));
    }

    /// Sends all legacy viewers a frame outside the history.
    pub(crate) fn notify_legacy(&mut self, notice: &Notice) {
        let viewers = self.subscribers.values_mut();
        let legacy = viewers.filter(|subscriber| subscriber.dialect.is_legacy());
        legacy.for_each(|subscriber| subscriber.notify(notice));
    }

    /// Sends some viewers a frame outside the history.
    pub(crate) fn notify_viewers(&mut self, viewers: &[ViewerId], notice: &Notice) {
        for viewer in viewers {
            if let Some(subscriber) = self.subscribers.get_mut(viewer) {
                subscriber.notify(notice);
            }
        }
    }

    /// Lets all viewers go once they have everything.
    pub(crate) fn dismiss(&mut self, then: &AfterBatch) {
        self.subscribers.values_mut().for_each(|subscriber| subscriber.dismiss(then.clone()));
    }

    /// Whether a dismissed viewer has not had its last batch.
    pub(crate) fn is_leaving(&self) -> bool {
        self.subscribers.values().any(Subscriber::is_parting)
    }

    /// Cuts the connections of viewers that have not read for longer than `patience`.
    pub(crate) fn disconnect_stalled(&mut self, patience: Duration) {
        let now = Instant::now();
        self.subscribers.values_mut().for_each(|it| it.disconnect_if_stalled(patience, now));
    }

    /// Answers all open requests for which `transcript` has something. `settled` says whether a
    /// state may be shown.
    pub(super) fn deliver(&mut self, transcript: &mut Transcript, settled: bool) {
        // Whatever has changed since has changed the pages.
        self.page_cache.clear();
        let text_read_at = self.text_read_at.take();
        for subscriber in self.subscribers.values_mut() {
            subscriber.note_text(text_read_at);
            let missing = self.page_cache.serve(subscriber, transcript, settled);
            self.history_reload.missing = missing.or(self.history_reload.missing.take());
        }
    }

    /// As [`deliver`](Self::deliver), for one viewer.
    pub(super) fn deliver_to(
        &mut self,
        viewer: ViewerId,
        transcript: &mut Transcript,
        settled: bool,
    ) {
        if let Some(subscriber) = self.subscribers.get_mut(&viewer) {
            let missing = self.page_cache.serve(subscriber, transcript, settled);
            self.history_reload.missing = missing.or(self.history_reload.missing.take());
        }
    }
}
