//! A viewer of a conversation: its position, its pending notices and its open request.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use bytestring::ByteString;
use tokio::sync::oneshot;

use crate::{
    ids::{Seq, TurnNumber},
    reaction::{AnswerReactions, Reactor},
    rights::Ownership,
    wire::{
        Dialect,
        list_frame::ListUpdate,
        server_frame::{Citations, Notice, SharingState, Status},
    },
};

use super::{
    presence::{Person, Presence},
    reactions::Reactions,
    transcript::{Cursor, HistoryPage},
    viewer::{AfterBatch, Batch, ConnectionCloser},
};

/// Frames outside the history that wait for a viewer, at most. A viewer that does not read causes
/// none, so this is only a last resort.
const MAX_NOTICES: usize = 256;

/// A viewer with news that has not asked for this long lags.
const LAGGING: Duration = Duration::from_secs(2);

/// Bytes that a viewer may take its whole patience for; larger batches get proportionally more.
const PATIENCE_BYTES: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) person: Person,
    pub(crate) dialect: Dialect,
    /// Its position in the transcript.
    pub(crate) cursor: Cursor,
    /// Closes its connection when it has stopped reading.
    hang_up: ConnectionCloser,
    /// What follows once everything is sent.
    then: AfterBatch,
    notices: VecDeque<ByteString>,
    news: News,
    /// The people that it was shown last.
    presence: Presence,
    /// It is told what changes in the list of conversations.
    follows_list: bool,
    catching_up: bool,
    /// When the oldest text that it was not sent was read from the agent; not while it catches up.
    unsent_since: Option<Instant>,
    demand: Option<oneshot::Sender<Batch>>,
    /// When it got its last batch, and how many bytes that had.
    served: (Instant, usize),
}

/// News outside the history, only the newest of each kind.
#[derive(Debug, Default)]
struct News {
    title: Option<String>,
    presence: Option<Presence>,
    list: Option<ListUpdate>,
    status: Option<Status>,
    citations: Option<Citations>,
    /// By their answers.
    reactions: BTreeMap<TurnNumber, AnswerReactions>,
}

impl Subscriber {
    /// A viewer at `cursor`, whose first frame shows it who is `present`.
    pub(crate) fn new(
        person: Person,
        dialect: Dialect,
        cursor: Cursor,
        present: Presence,
        hang_up: ConnectionCloser,
    ) -> Self {
        Self {
            person,
            dialect,
            cursor,
            hang_up,
            then: AfterBatch::AskAgain,
            notices: VecDeque::new(),
            news: News::default(),
            presence: present,
            follows_list: false,
            catching_up: true,
            unsent_since: None,
            demand: None,
            served: (Instant::now(), 0),
        }
    }

    /// Queues a frame outside the history, to be sent before anything of the history.
    pub(crate) fn notify(&mut self, notice: &Notice) {
        if self.notices.len() < MAX_NOTICES {
            self.notices.extend(notice.frame(self.dialect));
        }
    }

    /// Queues a state; only the newest is sent.
    pub(crate) fn tell(&mut self, status: &Status) {
        if !self.dialect.is_legacy() {
            self.news.status = Some(status.clone());
        }
    }

    /// Queues whose the conversation is, and what this viewer may do with it.
    pub(crate) fn tell_sharing(&mut self, ownership: &Ownership) {
        if self.person.principal.user.is_some() {
            let sharing = SharingState::of(ownership, &self.person.principal);
            self.notify(&Notice::Sharing(sharing));
        }
    }

    pub(crate) fn tell_title(&mut self, title: &str) {
        if !self.dialect.is_legacy() {
            self.news.title = Some(title.to_owned());
        }
    }

    /// Queues who is present, if that has changed.
    pub(crate) fn tell_presence(&mut self, present: &Presence) {
        if !self.dialect.is_legacy() && self.presence != *present {
            self.presence.clone_from(present);
            self.news.presence = Some(present.clone());
        }
    }

    /// Has it told from now on what changes in the list, beginning with `first`.
    pub(crate) fn follow_list(&mut self, first: ListUpdate) {
        self.follows_list = true;
        self.news.list = Some(first);
    }

    pub(crate) fn follows_list(&self) -> bool {
        self.follows_list
    }

    /// Queues changes of the list; only the newest of each conversation are sent.
    pub(crate) fn tell_list(&mut self, update: &ListUpdate) {
        if !self.follows_list {
            return;
        }
        let update = update.readable_by(&self.person.principal);
        match &mut self.news.list {
            Some(waiting) => waiting.merge(&update),
            None => self.news.list = Some(update.into_owned()),
        }
    }

    /// Queues the checked references of the running turn.
    pub(crate) fn tell_citations(&mut self, citations: &Citations) {
        if self.dialect.is_html() {
            self.news.citations = Some(citations.clone());
        }
    }

    /// Queues what people say of some answers; only the newest of each is sent.
    pub(crate) fn tell_reactions(&mut self, reactions: &Reactions, turns: &[TurnNumber]) {
        if self.dialect.is_legacy() {
            return;
        }
        let Person { principal, browser, .. } = &self.person;
        let who = Reactor::of(principal.user.as_deref(), browser.as_deref());
        let told = turns.iter().map(|turn| (*turn, reactions.told(*turn, who.as_ref())));
        self.news.reactions.extend(told);
    }

    /// Lets the viewer go once everything is sent.
    pub(crate) fn dismiss(&mut self, then: AfterBatch) {
        self.then = then;
    }

    /// Whether it is let go and has not had its last batch.
    pub(crate) fn is_parting(&self) -> bool {
        self.then != AfterBatch::AskAgain
    }

    /// Takes its open request, for when it moves to another conversation.
    pub(crate) fn take_demand(&mut self) -> Option<oneshot::Sender<Batch>> {
        self.demand.take()
    }

    /// Opens a request for a batch.
    pub(crate) fn ask(&mut self, reply: oneshot::Sender<Batch>) {
        self.demand = Some(reply);
    }

    /// Notes when text was read that the history has now.
    pub(crate) fn note_text(&mut self, read_at: Option<Instant>) {
        if !self.catching_up {
            self.unsent_since = self.unsent_since.or(read_at);
        }
    }

    /// Whether its open request can be answered. `has_news` says whether the transcript has
    /// something, `settled` whether a state may be shown.
    pub(crate) fn is_due(&self, has_news: bool, settled: bool) -> bool {
        self.demand.is_some()
            && (has_news
                || self.catching_up
                || !self.notices.is_empty()
                || self.news.is_due(settled)
                || self.is_parting())
    }

    /// Whether it has an open request.
    pub(crate) fn has_asked(&self) -> bool {
        self.demand.is_some()
    }

    /// Answers the open request with queued notices, if there are any, where the history that it
    /// needs is not in memory.
    pub(crate) fn deliver_notices(&mut self) {
        if !self.notices.is_empty() {
            let nothing =
                HistoryPage { frames: Vec::new(), next: self.cursor, seq: None, more: true };
            self.deliver(nothing, Seq::ZERO, false);
        }
    }

    /// Answers the open request with a page and everything that is queued.
    pub(crate) fn deliver(&mut self, page: HistoryPage, newest: Seq, settled: bool) {
        let Some(demand) = self.demand.take() else { return };
        let mut frames: Vec<ByteString> = self.notices.drain(..).collect();
        frames.extend(page.frames);
        self.cursor = page.next;
        let mut then = AfterBatch::AskAgain;
        let read_at = self.unsent_since.filter(|_| page.seq.is_some());
        if !page.more {
            self.unsent_since.take_if(|_| read_at.is_some());
            if std::mem::take(&mut self.catching_up) {
                frames.extend(Notice::CaughtUp { seq: newest }.frame(self.dialect));
            }
            frames.extend(self.news.take(settled).filter_map(|notice| notice.frame(self.dialect)));
            then = std::mem::take(&mut self.then);
        }
        self.served = (Instant::now(), frames.iter().map(|frame| frame.len()).sum());
        // The viewer may be gone.
        demand.send(Batch { frames, seq: page.seq, read_at, then }).unwrap_or_default();
    }

    /// Whether it is behind and has no open request.
    pub(crate) fn lags(&self, has_news: bool, now: Instant) -> bool {
        self.demand.is_none() && has_news && now - self.served.0 > LAGGING
    }

    /// Closes the connection of a viewer that has not taken its last batch within `patience`; a
    /// large batch may take longer. The kernel alone would wait as long as a byte gets through now
    /// and then.
    pub(crate) fn disconnect_if_stalled(&mut self, patience: Duration, now: Instant) {
        let (at, bytes) = self.served;
        let shares = u32::try_from(1 + bytes / PATIENCE_BYTES).unwrap_or(u32::MAX);
        if self.demand.is_none() && now - at > patience.saturating_mul(shares) {
            log::info!("viewer reads no more and is cut off viewer={}", self.person.viewer.0);
            self.hang_up.now();
            // The connection takes a moment to end.
            self.served = (now, 0);
        }
    }
}

impl News {
    /// Whether something may be sent; a state only after the end that led to it.
    fn is_due(&self, settled: bool) -> bool {
        let is_told_at_once = self.title.is_some()
            || self.presence.is_some()
            || self.list.is_some()
            || self.citations.is_some()
            || !self.reactions.is_empty();
        is_told_at_once || (settled && self.status.is_some())
    }

    fn take(&mut self, settled: bool) -> impl Iterator<Item = Notice> {
        let title = self.title.take().map(|title| Notice::Title { title });
        let presence = self.presence.take();
        let presence =
            presence.map(|Presence { viewers, people }| Notice::Presence { viewers, people });
        let list = self.list.take().map(Notice::List);
        let status = self.status.take_if(|_| settled).map(Notice::Status);
        let citations = self.citations.take().map(Notice::Citations);
        let reactions: Vec<_> = std::mem::take(&mut self.reactions).into_values().collect();
        let reactions = (!reactions.is_empty()).then_some(Notice::Reactions { answers: reactions });
        let told_at_once = title.into_iter().chain(presence).chain(list);
        told_at_once.chain(citations).chain(reactions).chain(status)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;
    use crate::rights::Principal;
    use crate::{conversation::transcript::Transcript, ids::TurnNumber};
    use crate::{conversation::viewer::ViewerId, entry::TextKind};

    fn viewer(cursor: Cursor, hang_up: ConnectionCloser) -> Subscriber {
        let principal = Principal::default();
        let person = Person { viewer: ViewerId(1), browser: None, principal };
        Subscriber::new(person, Dialect::Legacy, cursor, Presence::default(), hang_up)
    }

    #[test]
    fn a_batch_knows_when_its_oldest_text_was_read_but_one_of_the_past_does_not() {
        let mut transcript = Transcript::new(Seq(100));
        let start = transcript.resume_point(None, Dialect::Legacy).cursor;
        let mut viewer = viewer(start, ConnectionCloser::new(|| ()));
        let first = Instant::now();
        let [second, third] = [1, 2].map(|seconds| first + Duration::from_secs(seconds));
        for (read_at, expected) in [
            (vec![first], None),
            (vec![first, second], Some(first)),
            (vec![third], Some(third)),
            (vec![], None),
        ] {
            for read_at in read_at {
                transcript.append(TurnNumber(1), TextKind::Answer, "x");
                viewer.note_text(Some(read_at));
            }
            let (reply, mut batch) = oneshot::channel();
            viewer.ask(reply);
            let page = transcript.page(viewer.cursor, Dialect::Legacy, usize::MAX);
            viewer.deliver(page, transcript.last_seq(), true);
            assert_eq!(batch.try_recv().unwrap().read_at, expected);
        }
    }

    #[test]
    fn p6_a_viewer_that_does_not_take_its_batch_is_cut_off_and_a_large_batch_may_take_longer() {
        const PATIENCE: Duration = Duration::from_secs(30);
        for (bytes, seconds, is_cut) in [
            (100, 29, false),
            (100, 31, true),
            (3 * PATIENCE_BYTES, 100, false),
            (3 * PATIENCE_BYTES, 121, true),
        ] {
            let cut = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&cut);
            let hang_up = ConnectionCloser::new(move || seen.store(true, Ordering::Relaxed));
            let mut transcript = Transcript::new(Seq(100));
            let start = transcript.resume_point(None, Dialect::Legacy).cursor;
            transcript.append(TurnNumber(1), TextKind::Answer, &"x".repeat(bytes));
            let mut viewer = viewer(start, hang_up);
            let page = transcript.page(start, Dialect::Legacy, usize::MAX);
            let later = Instant::now() + Duration::from_secs(seconds);
            viewer.ask(oneshot::channel().0);
            viewer.disconnect_if_stalled(PATIENCE, later);
            assert!(!viewer.lags(true, later), "it waits, so it has read everything");
            assert!(!cut.load(Ordering::Relaxed), "one that waits is never cut off");

            viewer.deliver(page, Seq(1), true);
            viewer.disconnect_if_stalled(PATIENCE, later);
            assert!(viewer.lags(true, later) || is_cut);
            assert_eq!(cut.load(Ordering::Relaxed), is_cut, "{bytes} bytes in {seconds} s");
        }
    }
}
