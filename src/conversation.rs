//! A live conversation: its history, its turns, its viewers and the state of its agent.
//!
//! Code here decides and remembers. It neither awaits nor sends anything; the session does.

pub(crate) mod agent_state;
pub(crate) mod answer_facts;
pub(crate) mod answer_limits;
pub(crate) mod audience;
pub(crate) mod description;
pub(crate) mod fitting_notes;
pub(crate) mod inbox;
pub(crate) mod lifecycle;
pub(crate) mod list_log;
pub(crate) mod notes;
pub(crate) mod page_cache;
pub(crate) mod passed_files;
pub(crate) mod presence;
pub(crate) mod question_calls;
pub(crate) mod reactions;
pub(crate) mod recap;
pub(crate) mod references;
pub(crate) mod retelling;
pub(crate) mod save_state;
pub(crate) mod subscriber;
pub mod transcript;
pub(crate) mod turn;
pub(crate) mod usage;
pub(crate) mod viewer;
pub(crate) mod watchdog;

use std::time::Instant;

use crate::{
    database::Summary,
    entry::{Content, Outcome},
    ids::{ConversationId, ForkedFrom, TurnNumber},
    rights::Ownership,
    telemetry::TurnTraces,
};

use agent_state::AgentState;
use answer_facts::RunningAnswer;
use audience::Audience;
use inbox::Inbox;
use lifecycle::Lifecycle;
use notes::Notes;
use reactions::Reactions;
use references::TurnReferences;
use save_state::SaveState;
use subscriber::Subscriber;
use transcript::{Cursor, Transcript};
use turn::TurnMachine;
use usage::UsageTotals;
use viewer::ViewerId;

/// Everything that is known of one conversation while it is live. Its session owns it and changes it
/// one message at a time, so no part is ever seen half changed.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) id: ConversationId,
    /// The first question until a person renames it; `None` before both.
    pub(crate) title: Option<String>,
    /// Whose it is.
    pub(crate) ownership: Ownership,
    /// Where it goes on from, if it is a fork.
    pub(crate) forked_from: Option<ForkedFrom>,
    /// The history, the newest part of it in memory. A question enters it only once it is stored.
    pub(crate) transcript: Transcript,
    /// Which turn runs and which wait.
    pub(crate) turns: TurnMachine,
    /// The number of the next question's turn. Numbers only grow: a refused question leaves a gap.
    pub(crate) next_turn: TurnNumber,
    /// Questions that are not in the history yet, and who asked those that wait.
    pub(crate) inbox: Inbox,
    /// The agent's process, if there is one, and what is asked of it.
    pub(crate) agent: AgentState,
    /// Since when the running turn is answered.
    pub(crate) answering: Option<RunningAnswer>,
    /// Traces of its turns, where they are sent.
    pub(crate) traces: TurnTraces,
    /// Notes on the running turn's answer.
    pub(crate) notes: Notes,
    /// File references of the running turn's answer.
    pub(crate) references: TurnReferences,
    /// What all answers have cost.
    pub(crate) usage: UsageTotals,
    /// What is being written to the database, and the ends that are shown only after that.
    pub(crate) save: SaveState,
    /// What people say of its answers.
    pub(crate) reactions: Reactions,
    /// The viewers that follow it.
    pub(crate) audience: Audience,
    /// What keeps it live, and why it is being closed.
    pub(crate) lifecycle: Lifecycle,
}

impl Conversation {
    pub(crate) fn new(summary: Summary, transcript: Transcript, next_turn: TurnNumber) -> Self {
        let Summary { id, title, ownership, forked_from, .. } = summary;
        Self {
            id,
            title,
            ownership,
            forked_from,
            transcript,
            turns: TurnMachine::default(),
            next_turn,
            inbox: Inbox::default(),
            agent: AgentState::default(),
            answering: None,
            traces: TurnTraces::default(),
            notes: Notes::default(),
            references: TurnReferences::default(),
            usage: UsageTotals::default(),
            save: SaveState::default(),
            reactions: Reactions::default(),
            audience: Audience::default(),
            lifecycle: Lifecycle::default(),
        }
    }

    /// Notes who asked the running or the next turn to stop; the first who does counts.
    pub(crate) fn record_stop_author(&mut self, author: Option<String>) {
        if self.agent.stopped_by.is_none() && !self.turns.is_idle() {
            self.agent.stopped_by = author;
        }
    }

    /// Adds the end of a turn to the history, to be shown once it is stored.
    pub(crate) fn end_turn(&mut self, turn: TurnNumber, mut content: Content) {
        if content.is_withdrawal() {
            // Everything else is of the running turn.
            self.inbox.forget(turn);
        } else {
            self.end_running(turn, &mut content);
        }
        self.usage.add(&content);
        let seq = self.transcript.push_held(turn, content);
        self.save.unconfirmed_ends.push((seq, Instant::now()));
    }

    fn end_running(&mut self, turn: TurnNumber, content: &mut Content) {
        self.add_references(content);
        self.add_notes(content);
        self.add_facts(turn, content);
        self.agent.stop_requested = None;
        let author = self.agent.stopped_by.take();
        if let Content::ResponseDone(done) = content
            && done.outcome == Outcome::Stopped
        {
            done.stopped_by = done.stopped_by.take().or(author);
        }
        self.inbox.end_turn(turn);
    }

    /// Whether nobody has written anything and nobody keeps it.
    pub(crate) fn is_empty(&self) -> bool {
        !self.lifecycle.is_listed
            && self.inbox.pending.is_empty()
            && !self.transcript.has_user_message()
    }

    /// Whether nothing would be lost if it were loaded again when it is needed.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.audience.is_empty() && self.turns.is_idle() && self.has_ended()
    }

    /// Whether nobody has written anything and nobody looks.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_empty() && self.audience.is_empty() && self.turns.is_idle()
    }

    /// Whether a question is being answered or waits; until the end of the answer is stored.
    pub(crate) fn is_answering(&self) -> bool {
        !self.turns.is_idle() || !self.save.unconfirmed_ends.is_empty()
    }

    /// Whether its agent is gone and everything is stored.
    pub(crate) fn has_ended(&self) -> bool {
        self.agent.handle.is_none() && self.is_saved()
    }

    /// Adds a viewer, which is shown the state of the running turn.
    pub(crate) fn subscribe(&mut self, mut subscriber: Subscriber) {
        self.lifecycle.touch();
        if let Some(status) = self.audience.status.as_ref().filter(|_| !self.turns.is_idle()) {
            subscriber.tell(status);
        }
        if let Some(citations) = self.citations() {
            subscriber.tell_citations(&citations);
        }
        subscriber.tell_reactions(&self.reactions, &self.reactions.turns());
        self.audience.add(subscriber);
    }

    /// Where a viewer comes in that sees only what happens from now on: at the beginning of the
    /// running turn, else behind everything.
    pub(crate) fn live_cursor(&self) -> Cursor {
        match self.turns.running() {
            Some(turn) => self.transcript.start_of(turn),
            None => self.transcript.end(),
        }
    }

    /// Sets or removes the title and shows it to all viewers.
    pub(crate) fn set_title(&mut self, title: Option<String>) {
        self.audience.show_title(title.as_deref().unwrap_or_default());
        self.title = title;
    }

    /// Shows all viewers what people say of some answers.
    pub(crate) fn show_reactions(&mut self, turns: &[TurnNumber]) {
        self.audience.show_reactions(&self.reactions, turns);
        self.deliver();
    }

    /// Answers all open requests for batches for which there is something.
    pub(crate) fn deliver(&mut self) {
        let settled = self.is_settled();
        self.audience.deliver(&mut self.transcript, settled);
    }

    /// Answers a viewer's open request for a batch, if there is something.
    pub(crate) fn deliver_to(&mut self, viewer: ViewerId) {
        let settled = self.is_settled();
        self.audience.deliver_to(viewer, &mut self.transcript, settled);
    }

    /// Whether a state may be shown: only after the end that led to it.
    fn is_settled(&self) -> bool {
        self.save.unconfirmed_ends.is_empty()
    }

    /// Evicts old entries beyond the newest `keep` bytes, as far as they are stored.
    pub(crate) fn evict_history(&mut self, keep: usize) {
        if !self.save.phase.is_writing() && self.transcript.exceeds(keep) {
            self.transcript.evict(&self.audience.cursors(), keep);
        }
    }
}
