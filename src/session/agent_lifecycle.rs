//! Agent lifecycle: acquiring a slot, starting, giving the slot back, exit, memory samples.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use actix::{ActorFutureExt as _, AsyncContext as _, Context, Handler, Message, WrapFuture as _};

use crate::{
    agent::{
        AgentChosen, AgentError, AgentExit, AgentExited, StartAgent,
        process::resources,
        slots::{Slot, SlotWait, WaitUpdate},
    },
    conversation::{
        agent_state::OwnSession,
        turn::{self, TurnEvent},
        viewer::ViewerId,
        watchdog::Watchdog,
    },
    entry::AnsweredBy,
    ids::{ConversationId, TurnNumber},
};

use super::{Session, live::LiveConversation};

/// Interval between samples of the agents' memory.
const MEMORY_SAMPLED: Duration = Duration::from_secs(2);

/// After a failed start, no agent is started ahead of a question for this long.
const START_PAUSE: Duration = Duration::from_secs(30);

/// Announces a question in the viewer's conversation, so that its agent starts early if a slot is
/// free.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Wake {
    pub(crate) viewer: ViewerId,
    /// Whether the viewer's visitor may have one more agent started; called only where one would be.
    pub(crate) may_start: Box<dyn FnOnce() -> bool + Send>,
}

impl Handler<Wake> for Session {
    type Result = ();

    fn handle(&mut self, wake: Wake, context: &mut Self::Context) {
        let Some(mut live) = self.followed_by(wake.viewer, context) else { return };
        if live.check_write(wake.viewer).is_err() {
            return;
        }
        let is_asleep = !live.state.turns.has_agent() && live.state.lifecycle.closing.is_none();
        if is_asleep && live.choice(None).is_ok() && (wake.may_start)() {
            live.apply_event(TurnEvent::QuestionExpected);
        }
    }
}

impl LiveConversation<'_> {
    /// Takes a slot ahead of need, if one is free.
    pub(super) fn take_free_slot(&mut self) {
        // A page that is opened again and again must not start again and again what fails: a
        // question tries it, and its asker sees the error.
        if self.env.start_failed.is_some_and(|at| at.elapsed() < START_PAUSE) {
            return;
        }
        if let Some(slot) = self.env.resources.slots.try_acquire(&self.env.project.name) {
            self.on_slot(slot);
        }
    }

    /// Takes a slot, or waits for one.
    pub(super) fn wait_for_slot(&mut self) {
        let mut wait = self.env.resources.slots.acquire(&self.env.project.name);
        match wait.try_take() {
            Some(slot) => self.on_slot(slot),
            None => {
                self.state.audience.show_status(&turn::in_line(wait.ahead()));
                self.await_slot(wait);
            }
        }
    }

    fn await_slot(&mut self, mut wait: SlotWait) {
        let update = async move { (wait.next_update().await, wait) };
        let waiting = self.spawn(update, |live, (update, wait)| match update {
            Some(WaitUpdate::Granted(slot)) => live.on_slot(slot),
            Some(WaitUpdate::Moved(ahead)) => {
                live.state.audience.show_status(&turn::in_line(ahead));
                live.state.deliver();
                live.await_slot(wait);
            }
            None => (),
        });
        self.env.slot_waits.insert(self.state.id, waiting);
    }

    fn on_slot(&mut self, slot: Slot) {
        self.env.slot_waits.remove(&self.state.id);
        self.state.agent.slot = Some(slot);
        self.apply_event(TurnEvent::SlotAcquired);
    }

    /// Which agent answers `turn`, or the next question.
    pub(super) fn choice(&self, turn: Option<TurnNumber>) -> Result<AgentChosen, AgentError> {
        let asked = self.state.chosen_agent(turn);
        self.env.resources.agents.choice(Some(&self.env.project.name), asked.as_ref())
    }

    /// Starts the agent in the slot that the conversation holds.
    pub(super) fn start_agent(&mut self) {
        let state = &mut *self.state;
        state.agent.epoch += 1;
        state.agent.volume.begin();
        state.agent.answerer = None;
        state.agent.watchdog = Watchdog::new(Instant::now());
        let turn = self.state.turns.next_waiting();
        match self.choice(turn).and_then(|chosen| self.start_chosen(chosen, turn)) {
            Ok(()) => self.give_slot_back_on_request(),
            Err(error) => {
                log::warn!("cannot start an agent project={} error={error}", self.env.project.name);
                self.state.agent.slot = None;
                self.env.start_failed = Some(Instant::now());
                // The same cause fails every question that waits.
                self.apply_event(TurnEvent::StartFailed(error.to_string()));
            }
        }
    }

    /// Starts an agent, for `turn` or ahead of a question.
    fn start_chosen(
        &mut self,
        chosen: AgentChosen,
        turn: Option<TurnNumber>,
    ) -> Result<(), AgentError> {
        let state = &mut *self.state;
        let answerer = AnsweredBy {
            kind: chosen.kind.as_str().to_owned(),
            name: chosen.name.to_string(),
            model: chosen.model,
        };
        let start = StartAgent {
            conversation: state.id,
            epoch: state.agent.epoch,
            project: self.env.project.clone(),
            session: state.agent.next_session(&chosen.name),
            agent: Some(chosen.name),
            tools: Some(Arc::new(self.env.resources.readers.clone())),
            trace_context: turn.and_then(|turn| state.traces.agent_starts(turn)),
        };
        let session = self.context.address();
        let agents = &self.env.resources.agents;
        let agent = agents.start(start, session.clone().recipient(), session.recipient())?;
        // What this agent answers would be missing in another's session.
        let is_foreign = |own: &OwnSession| own.agent != *agent.name();
        let ends_session = state.agent.session.take_if(|own| is_foreign(own)).is_some();
        state.agent.knowledge = state.knowledge(agent.kind());
        state.agent.is_resuming = state.agent.session.is_some();
        state.agent.effort = None;
        state.agent.handle = Some(agent);
        state.agent.answerer = Some(answerer);
        state.agent.started_at = SystemTime::now();
        state.agent.memory_bytes = None;
        if ends_session {
            self.store_agent_session(None);
        }
        Ok(())
    }

    /// Ends the agent while it is idle when another conversation waits for its slot.
    fn give_slot_back_on_request(&mut self) {
        let Some(slot) = &self.state.agent.slot else { return };
        let requested = slot.reclaim_requested();
        let epoch = self.state.agent.epoch;
        self.spawn(requested, move |live, is_requested| {
            if !is_requested || live.state.agent.epoch != epoch {
                return;
            }
            if live.state.turns.is_idle() {
                log::info!("agent makes room conversation={}", live.state.id);
                live.apply_event(TurnEvent::Hibernate);
            } else {
                // A question came at the same moment.
                live.give_slot_back_on_request();
            }
        });
    }

    /// Asks the agent to break off its answer.
    pub(super) fn interrupt_agent(&mut self) {
        self.state.agent.stop_requested = Some(Instant::now());
        if let Some(Err(error)) = self.state.agent.handle.as_ref().map(|agent| agent.interrupt()) {
            log::info!("cannot interrupt conversation={} error={error}", self.state.id);
        }
    }
}

impl Handler<AgentExited> for Session {
    type Result = ();

    fn handle(&mut self, exited: AgentExited, context: &mut Self::Context) {
        let AgentExited { conversation, epoch, exit } = exited;
        if let Some(mut live) = self.live(conversation, context) {
            if live.state.agent.epoch != epoch {
                return;
            }
            live.on_exit(exit);
        }
        self.answer_closers(context);
    }
}

impl LiveConversation<'_> {
    fn on_exit(&mut self, exit: AgentExit) {
        self.state.agent.handle = None;
        let is_starting = self.state.turns.is_starting();
        let could_not_resume = is_starting && self.state.agent.is_resuming;
        if exit.session_lost || could_not_resume {
            self.state.agent.session = None;
        }
        if exit.session_lost {
            self.store_agent_session(None);
        }
        if could_not_resume {
            // The agent's own session is gone or damaged. A new one gets a recap.
            let id = self.state.id;
            log::info!("agent could not resume conversation={id} why={:?}", exit.words());
            return self.start_agent();
        }
        self.state.agent.slot = None;
        if is_starting {
            self.env.start_failed = Some(Instant::now());
        }
        self.end_checked(TurnEvent::AgentExited(exit.words()));
    }
}

impl Session {
    /// Samples the agents' memory for the admin pages. Their supervisors enforce the limit.
    pub(super) fn sample_memory(&mut self, context: &mut Context<Self>) {
        let running: Vec<(ConversationId, u64, u32)> = self
            .conversations
            .values()
            .filter_map(|live| {
                Some((live.id, live.agent.epoch, live.agent.handle.as_ref()?.supervisor()?))
            })
            .collect();
        if running.is_empty() || self.memory_sampled.elapsed() < MEMORY_SAMPLED {
            return;
        }
        self.memory_sampled = Instant::now();
        let sample = move || {
            let resident = |(id, epoch, pid)| Some((id, epoch, resources::resident_bytes(pid)?));
            running.into_iter().filter_map(resident).collect::<Vec<_>>()
        };
        let samples = async move { tokio::task::spawn_blocking(sample).await.unwrap_or_default() };
        context.spawn(samples.into_actor(self).map(|samples, session, _| {
            for (conversation, epoch, bytes) in samples {
                session.on_memory_sample(conversation, epoch, bytes);
            }
        }));
    }

    fn on_memory_sample(&mut self, conversation: ConversationId, epoch: u64, bytes: u64) {
        let live = self.conversations.get_mut(&conversation);
        if let Some(live) = live.filter(|live| live.agent.epoch == epoch) {
            live.agent.memory_bytes = Some(bytes);
        }
    }
}
