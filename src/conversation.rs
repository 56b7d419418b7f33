//! A live conversation: a plain struct that ties together its history, its turns, its viewers and
//! its agent. It decides nothing about turns and does nothing to the world; the session does.

pub(crate) mod answer_limits;
pub(crate) mod audience;
pub(crate) mod description;
pub(crate) mod inbox;
pub(crate) mod notes;
pub(crate) mod page_cache;
pub(crate) mod question_calls;
pub(crate) mod recap;
pub(crate) mod references;
pub(crate) mod save_state;
pub(crate) mod subscriber;
pub mod transcript;
pub(crate) mod turn;
pub(crate) mod usage;
pub(crate) mod viewer;
pub(crate) mod watchdog;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    convert::Infallible,
    time::{Duration, Instant, SystemTime},
};

use actix::SpawnHandle;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    agent::{AgentHandle, AgentSession, slots::Slot},
    database::timestamp,
    entry::{Content, Outcome},
    ids::{ConversationId, Seq, TurnNumber},
    wire::{
        Dialect,
        server_frame::{Notice, Status},
    },
};

use answer_limits::AnswerVolume;
use audience::HistoryReload;
use description::{AgentDescription, ConversationDescription};
use inbox::{PendingQuestion, TurnPermit};
use notes::Notes;
use page_cache::PageCache;
use recap::AgentKnowledge;
use references::TurnReferences;
use subscriber::Subscriber;
use transcript::{Cursor, Transcript};
use turn::{CloseReason, TurnMachine};
use usage::UsageTotals;
use viewer::{AfterBatch, Batch, BrowserId, ViewerId};
use watchdog::Watchdog;

/// How long it is remembered where a viewer left, for when its page comes back.
const DEPARTURES_KEPT: Duration = Duration::from_secs(15 * 60);

/// Departures kept at most.
const MAX_DEPARTURES: usize = 64;

/// A live conversation.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// Its id.
    pub(crate) id: ConversationId,
    /// Its title, once it has one.
    pub(crate) title: Option<String>,
    /// Listed even while nobody has written in it.
    pub(crate) explicit: bool,
    /// Its history.
    pub(crate) transcript: Transcript,
    /// Its turns.
    pub(crate) turns: TurnMachine,
    /// The number of the next turn.
    pub(crate) next_turn: TurnNumber,
    /// Its agent's process.
    pub(crate) agent: Option<AgentHandle>,
    /// Its agent's place among those that may run.
    pub(crate) slot: Option<Slot>,
    /// The wait for such a place.
    pub(crate) slot_wait: Option<SpawnHandle>,
    /// When its agent was started.
    pub(crate) agent_started: SystemTime,
    /// What its agent takes of memory, in bytes, when it was last looked at.
    pub(crate) agent_memory: Option<u64>,
    /// Who asked the questions that wait, by their turns.
    pub(crate) askers: HashMap<TurnNumber, Vec<ViewerId>>,
    /// What its answers have cost.
    pub(crate) usage: UsageTotals,
    /// Counts the starts of its agent: what an older process says is stale.
    pub(crate) epoch: u64,
    /// Under which id the agent itself knows the conversation, once it has confirmed one.
    pub(crate) agent_session: Option<Uuid>,
    /// The agent that runs was started to go on with its own session.
    pub(crate) is_resuming: bool,
    /// What the agent knows of what was said before: the next question tells it the rest.
    pub(crate) agent_knowledge: AgentKnowledge,
    /// What people should know of the running turn's answer.
    pub(crate) notes: Notes,
    /// Questions that are being stored, in the order in which they were asked.
    pub(crate) pending_questions: VecDeque<PendingQuestion>,
    /// What is held by the turns that have not ended.
    pub(crate) turn_permits: HashMap<TurnNumber, TurnPermit>,
    /// Why it is being closed, once it is: nothing more is asked.
    pub(crate) closing: Option<CloseReason>,
    /// Go with it, for those who came while it was being closed.
    close_waiters: Vec<oneshot::Sender<Infallible>>,
    /// A write to the database is under way.
    pub(crate) writing: bool,
    /// Another one follows it at once.
    pub(crate) write_again: bool,
    /// A write is due in a moment.
    pub(crate) write_due: bool,
    /// Rendering is due in a moment.
    pub(crate) render_due: bool,
    /// The viewers are told in a moment how many they are.
    pub(crate) presence_due: bool,
    /// The last write failed, and the viewers know.
    pub(crate) store_failed: bool,
    /// When a write may be tried again, after one failed.
    pub(crate) retry_at: Option<Instant>,
    /// The disk keeps somebody waiting, and the viewers know.
    pub(crate) disk_is_slow: bool,
    /// Numbers of ends that are shown once they are stored, and since when they wait for it.
    pub(crate) unconfirmed_ends: Vec<(Seq, Instant)>,
    /// Calls of the running turn that are shown as questions: their results are not shown.
    pub(crate) question_calls: Vec<String>,
    /// What its viewers wait for that is in the database alone.
    pub(crate) history_reload: HistoryReload,
    /// What is known of the files that the running turn is about.
    pub(crate) references: TurnReferences,
    /// When something last happened.
    pub(crate) last_used: Instant,
    /// The same as people tell it.
    pub(crate) last_event: SystemTime,
    /// Since when the agent says nothing, or nothing new.
    pub(crate) watchdog: Watchdog,
    /// When the running turn was asked to stop.
    pub(crate) stop_asked: Option<Instant>,
    /// Who asked it to, where a proxy told.
    stopped_by: Option<String>,
    /// How much its agent has said.
    pub(crate) volume: AnswerVolume,
    /// TurnPermit by the readers of its agent's output until it may go on.
    pub(crate) gates: Vec<oneshot::Sender<()>>,
    subscribers: BTreeMap<ViewerId, Subscriber>,
    last_cursors: HashMap<Option<BrowserId>, (Cursor, Instant)>,
    page_cache: PageCache,
    /// What the viewers were told last of what it is doing.
    pub(crate) status: Option<Status>,
}

impl Conversation {
    /// A conversation with nobody there yet.
    pub(crate) fn new(
        id: ConversationId,
        title: Option<String>,
        transcript: Transcript,
        next_turn: TurnNumber,
    ) -> Self {
        let now = Instant::now();
        Self {
            id,
            title,
            explicit: false,
            transcript,
            turns: TurnMachine::default(),
            next_turn,
            agent: None,
            slot: None,
            slot_wait: None,
            agent_started: SystemTime::now(),
            agent_memory: None,
            askers: HashMap::new(),
            usage: UsageTotals::default(),
            epoch: 0,
            agent_session: None,
            is_resuming: false,
            agent_knowledge: AgentKnowledge::Everything,
            notes: Notes::default(),
            pending_questions: VecDeque::new(),
            closing: None,
            close_waiters: Vec::new(),
            writing: false,
            write_again: false,
            write_due: false,
            render_due: false,
            presence_due: false,
            store_failed: false,
            retry_at: None,
            disk_is_slow: false,
            unconfirmed_ends: Vec::new(),
            turn_permits: HashMap::new(),
            question_calls: Vec::new(),
            history_reload: HistoryReload::default(),
            references: TurnReferences::default(),
            last_used: now,
            last_event: SystemTime::now(),
            watchdog: Watchdog::new(now),
            stop_asked: None,
            stopped_by: None,
            volume: AnswerVolume::default(),
            gates: Vec::new(),
            subscribers: BTreeMap::new(),
            last_cursors: HashMap::new(),
            page_cache: PageCache::default(),
            status: None,
        }
    }

    /// Under which of its own sessions the agent is started.
    pub(crate) fn agent_session(&self) -> AgentSession {
        match self.agent_session {
            Some(id) => AgentSession::Resume(id),
            None => AgentSession::New(Uuid::new_v4()),
        }
    }

    /// Notes that something happens.
    pub(crate) fn touch(&mut self) {
        self.last_used = Instant::now();
        self.last_event = SystemTime::now();
    }

    /// Notes who wants the turn to end that is the next to end. The first who does counts.
    pub(crate) fn is_stopped_by(&mut self, author: Option<String>) {
        if self.stopped_by.is_none() && !self.turns.is_idle() {
            self.stopped_by = author;
        }
    }

    /// Adds the end of a turn to the history, to be shown once it is stored.
    pub(crate) fn end_turn(&mut self, turn: TurnNumber, mut content: Content) {
        self.cited(&mut content);
        self.noted(&mut content);
        self.stop_asked = None;
        let author = self.stopped_by.take();
        if let Content::ResponseDone(done) = &mut content
            && done.outcome == Outcome::Stopped
        {
            done.stopped_by = author;
        }
        self.question_calls.clear();
        self.askers.remove(&turn);
        self.turn_permits.remove(&turn);
        self.usage.add(&content);
        let seq = self.transcript.push(turn, content, true);
        self.unconfirmed_ends.push((seq, Instant::now()));
    }

    /// Whether nobody has written anything and nobody waits for it.
    pub(crate) fn is_empty(&self) -> bool {
        !self.explicit && self.pending_questions.is_empty() && !self.transcript.has_user_message()
    }

    /// Whether nothing would be lost if it were loaded again when it is needed.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.subscribers.is_empty()
            && self.agent.is_none()
            && self.turns.is_idle()
            && self.pending_questions.is_empty()
            && !self.writing
            && !self.transcript.is_dirty()
    }

    /// Whether nobody has written anything and nobody looks.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_empty() && self.subscribers.is_empty() && self.turns.is_idle()
    }

    /// Whether its agent is gone and everything is stored.
    pub(crate) fn has_ended(&self) -> bool {
        self.agent.is_none()
            && self.pending_questions.is_empty()
            && !self.writing
            && !self.transcript.is_dirty()
    }

    /// Waits until it is no longer live.
    pub(crate) fn gone(&mut self) -> impl Future<Output = ()> + 'static {
        let (until_gone, gone) = oneshot::channel();
        self.close_waiters.push(until_gone);
        // Nothing is ever sent.
        async move { drop(gone.await) }
    }

    /// Lets a viewer follow.
    pub(crate) fn subscribe(&mut self, mut subscriber: Subscriber) {
        self.last_cursors.remove(&subscriber.browser);
        self.touch();
        if let Some(status) = self.status.as_ref().filter(|_| !self.turns.is_idle()) {
            subscriber.tell(status);
        }
        if let Some(citations) = self.citations() {
            subscriber.tell_citations(&citations);
        }
        self.subscribers.insert(subscriber.viewer, subscriber);
    }

    /// Owes every viewer the number of viewers.
    pub(crate) fn tell_viewers(&mut self) {
        let viewers = self.subscribers.len();
        self.subscribers.values_mut().for_each(|subscriber| subscriber.tell_viewers(viewers));
    }

    /// Lets a viewer go, remembering where it was. Gives back what it has asked with.
    pub(crate) fn unsubscribe(&mut self, viewer: ViewerId) -> Option<oneshot::Sender<Batch>> {
        let mut subscriber = self.subscribers.remove(&viewer)?;
        let demand = subscriber.take_demand();
        self.touch();
        let now = Instant::now();
        self.last_cursors.retain(|_, (_, left)| now - *left < DEPARTURES_KEPT);
        if self.last_cursors.len() < MAX_DEPARTURES {
            self.last_cursors.insert(subscriber.browser, (subscriber.cursor, now));
        }
        demand
    }

    /// Where a viewer of this browser left.
    pub(crate) fn last_cursor(&self, browser: Option<&BrowserId>) -> Option<Cursor> {
        self.last_cursors.get(&browser.cloned()).map(|(cursor, _)| *cursor)
    }

    /// Where somebody comes in who sees what happens now: at the beginning of the running turn,
    /// else behind everything.
    pub(crate) fn live_cursor(&self) -> Cursor {
        match self.turns.running() {
            Some(turn) => self.transcript.start_of(turn),
            None => self.transcript.end(),
        }
    }

    /// The viewer, where it follows this conversation.
    pub(crate) fn subscriber(&mut self, viewer: ViewerId) -> Option<&mut Subscriber> {
        self.subscribers.get_mut(&viewer)
    }

    /// Whether the viewer follows in the legacy dialect.
    pub(crate) fn is_legacy(&self, viewer: ViewerId) -> bool {
        self.subscribers.get(&viewer).is_some_and(|subscriber| subscriber.dialect.is_legacy())
    }

    /// Whether anybody wants answers as HTML.
    pub(crate) fn is_rendered(&self) -> bool {
        self.subscribers.values().any(|subscriber| subscriber.dialect.is_html())
    }

    /// Everybody who follows.
    pub(crate) fn subscribers_mut(&mut self) -> impl Iterator<Item = &mut Subscriber> {
        self.subscribers.values_mut()
    }

    /// How many viewers follow.
    pub(crate) fn viewers(&self) -> usize {
        self.subscribers.len()
    }

    /// Owes every viewer a state.
    pub(crate) fn tell(&mut self, status: &Status) {
        self.subscribers.values_mut().for_each(|subscriber| subscriber.tell(status));
        self.status = Some(status.clone());
    }

    /// Owes whoever asked the question of this turn a state.
    pub(crate) fn tell_askers(&mut self, turn: TurnNumber, status: &Status) {
        for viewer in self.askers.get(&turn).into_iter().flatten() {
            if let Some(asker) = self.subscribers.get_mut(viewer) {
                asker.tell(status);
            }
        }
    }

    /// Gives it a title, or takes it away, and tells every viewer.
    pub(crate) fn entitle(&mut self, title: Option<String>) {
        let told = title.as_deref().unwrap_or_default();
        self.subscribers.values_mut().for_each(|subscriber| subscriber.tell_title(told));
        self.title = title;
    }

    /// Owes every viewer a frame outside the history.
    pub(crate) fn notify(&mut self, notice: &Notice) {
        self.subscribers.values_mut().for_each(|subscriber| subscriber.notify(notice));
    }

    /// Owes every viewer of the original's dialect a frame outside the history.
    pub(crate) fn notify_seed(&mut self, notice: &Notice) {
        let viewers = self.subscribers.values_mut();
        let seed = viewers.filter(|subscriber| subscriber.dialect.is_legacy());
        seed.for_each(|subscriber| subscriber.notify(notice));
    }

    /// Owes these viewers a frame outside the history.
    pub(crate) fn notify_viewers(&mut self, viewers: &[ViewerId], notice: &Notice) {
        for viewer in viewers {
            if let Some(subscriber) = self.subscribers.get_mut(viewer) {
                subscriber.notify(notice);
            }
        }
    }

    /// Shows the ends up to `last`, which wait to be stored.
    pub(crate) fn release_ends(&mut self, last: Seq) {
        let transcript = &mut self.transcript;
        self.unconfirmed_ends.retain(|(seq, _)| {
            let is_waiting = *seq > last;
            if !is_waiting {
                transcript.release(*seq);
            }
            is_waiting
        });
    }

    /// Lets every viewer go once it has everything.
    pub(crate) fn dismiss(&mut self, then: &AfterBatch) {
        self.subscribers.values_mut().for_each(|subscriber| subscriber.dismiss(then.clone()));
    }

    /// Whether a viewer that is let go has not been told yet.
    pub(crate) fn is_parting(&self) -> bool {
        self.subscribers.values().any(Subscriber::is_parting)
    }

    /// Gives every viewer that has asked what it has not seen.
    pub(crate) fn deliver(&mut self) {
        // What changed since has changed the pages too.
        self.page_cache.clear();
        let settled = self.is_settled();
        for subscriber in self.subscribers.values_mut() {
            let missing = self.page_cache.serve(subscriber, &mut self.transcript, settled);
            self.history_reload.missing = missing.or(self.history_reload.missing.take());
        }
    }

    /// Gives one viewer that has asked what it has not seen.
    pub(crate) fn deliver_to(&mut self, viewer: ViewerId) {
        let settled = self.is_settled();
        if let Some(subscriber) = self.subscribers.get_mut(&viewer) {
            let missing = self.page_cache.serve(subscriber, &mut self.transcript, settled);
            self.history_reload.missing = missing.or(self.history_reload.missing.take());
        }
    }

    /// Where the viewers stand.
    pub(crate) fn cursors(&self) -> Vec<(Cursor, Dialect)> {
        self.subscribers.values().map(|it| (it.cursor, it.dialect)).collect()
    }

    /// Whether a state may be told: only after the end that led to it.
    fn is_settled(&self) -> bool {
        self.unconfirmed_ends.is_empty()
    }

    /// What it is doing.
    pub(crate) fn describe(&self) -> ConversationDescription {
        let now = Instant::now();
        let lags =
            |it: &&Subscriber| it.lags(self.transcript.has_news(&it.cursor, it.dialect), now);
        let agent = self.agent.as_ref().map(|agent| AgentDescription {
            kind: agent.kind().as_str(),
            pid: agent.pid(),
            memory_bytes: self.agent_memory,
            started_at: timestamp(self.agent_started.into()),
        });
        ConversationDescription {
            conversation_id: self.id,
            title: self.title.clone(),
            state: self.turns.state(),
            turn: self.turns.running(),
            queued: self.turns.questions_ahead() - usize::from(self.turns.running().is_some()),
            viewers: self.subscribers.len(),
            laggards: self.subscribers.values().filter(lags).count(),
            agent,
            restarts: self.epoch.saturating_sub(1),
            spent: self.usage,
            last_event_at: timestamp(self.last_event.into()),
            seq: self.transcript.last_seq(),
        }
    }
}
