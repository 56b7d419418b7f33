//! A live conversation with what its effects need: one message is handled without looking it up again.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use actix::{
    ActorFutureExt as _, AsyncContext as _, Context, Handler, Message, SpawnHandle,
    dev::ToEnvelope, fut::wrap_future,
};

use crate::{
    conversation::{
        Conversation,
        list_log::ListLog,
        turn::{self, TurnEffect, TurnEvent},
        viewer::ViewerId,
    },
    database::{Database, DatabaseError, messages::SetAgentSession},
    entry::Content,
    ids::{ConversationId, TurnNumber},
    project::Project,
    telemetry::TracedEnd,
};

use super::{Resources, Session};

/// What the effects of all conversations of a session share.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) project: Project,
    pub(super) resources: Resources,
    /// When an agent last failed to start.
    pub(super) start_failed: Option<Instant>,
    /// Conversations that wait for a slot for their agent.
    pub(super) slot_waits: HashMap<ConversationId, SpawnHandle>,
    /// What has changed in the list of conversations.
    pub(super) list: ListLog,
    /// The project has notes.
    pub(super) has_notes: bool,
}

impl Environment {
    /// Bytes that the agent of one conversation may be ahead of the database.
    pub(super) fn unsaved_limit(&self) -> usize {
        let settings = &self.resources.settings;
        settings.answer_limits.unsaved_share(settings.limits.agents)
    }

    /// Bytes of a conversation's history that stay in memory.
    pub(super) fn history_memory(&self) -> usize {
        self.resources.settings.limits.history_memory
    }
}

/// A conversation, borrowed from its session while one message is handled.
pub(super) struct LiveConversation<'a> {
    pub(super) state: &'a mut Conversation,
    pub(super) env: &'a mut Environment,
    pub(super) context: &'a mut Context<Session>,
}

impl Session {
    /// The conversation, if it is live.
    pub(super) fn live<'a>(
        &'a mut self,
        id: ConversationId,
        context: &'a mut Context<Self>,
    ) -> Option<LiveConversation<'a>> {
        let state = self.conversations.get_mut(&id)?;
        Some(LiveConversation { state, env: &mut self.env, context })
    }

    /// The conversation that the viewer follows.
    pub(super) fn followed_by<'a>(
        &'a mut self,
        viewer: ViewerId,
        context: &'a mut Context<Self>,
    ) -> Option<LiveConversation<'a>> {
        self.live(*self.following.get(&viewer)?, context)
    }
}

impl LiveConversation<'_> {
    /// Awaits `future` beside other messages, then handles its output if the conversation is still
    /// live.
    pub(super) fn spawn<T: 'static>(
        &mut self,
        future: impl Future<Output = T> + 'static,
        handle: impl FnOnce(&mut LiveConversation<'_>, T) + 'static,
    ) -> SpawnHandle {
        let id = self.state.id;
        let future = wrap_future::<_, Session>(future);
        self.context.spawn(future.map(move |output, session, context| {
            if let Some(mut live) = session.live(id, context) {
                handle(&mut live, output);
            }
            session.answer_closers(context);
        }))
    }

    /// Calls `handle` after `wait` if the conversation is still live.
    pub(super) fn run_later(
        &mut self,
        wait: Duration,
        handle: impl FnOnce(&mut LiveConversation<'_>) + 'static,
    ) {
        let id = self.state.id;
        self.context.run_later(wait, move |session, context| {
            if let Some(mut live) = session.live(id, context) {
                handle(&mut live);
            }
        });
    }

    /// Sends a write whose failure is only logged.
    pub(super) fn write_in_background<M>(&mut self, write: M)
    where
        M: Message<Result = Result<(), DatabaseError>> + Send + std::fmt::Debug + 'static,
        Database: Handler<M>,
        <Database as actix::Actor>::Context: ToEnvelope<Database, M>,
    {
        let description = format!("{write:?}");
        let written = self.env.resources.database.send(write);
        self.context.spawn(wrap_future::<_, Session>(async move {
            match written.await {
                Ok(Ok(())) => (),
                Ok(Err(error)) => log::warn!("cannot write {description}: {error}"),
                Err(error) => log::warn!("cannot write {description}: {error}"),
            }
        }));
    }

    /// Applies an event to the turns and carries out its effects.
    pub(super) fn apply_event(&mut self, event: TurnEvent) {
        self.state.lifecycle.touch();
        let was_answering = self.state.is_answering();
        if let TurnEvent::QuestionStored(question) = &event
            && self.env.resources.telemetry.is_on()
        {
            self.state.traces.begin(question.turn);
        }
        for effect in self.state.turns.on(event) {
            self.run_effect(effect);
        }
        if let Some(slot) = &self.state.agent.slot {
            slot.set_idle(self.state.turns.is_idle());
        }
        if !was_answering && self.state.is_answering() {
            self.list_changed();
        }
        self.state.deliver();
    }

    pub(super) fn run_effect(&mut self, effect: TurnEffect) {
        match effect {
            TurnEffect::ShowStatus(status) => self.state.audience.show_status(&status),
            TurnEffect::ShowQueuePosition { turn, ahead } => {
                self.state
                    .audience
                    .show_status_to(self.state.inbox.askers_of(turn), &turn::queued(ahead));
            }
            TurnEffect::TakeFreeSlot => self.take_free_slot(),
            TurnEffect::WaitForSlot => self.wait_for_slot(),
            TurnEffect::CancelSlotWait => {
                if let Some(wait) = self.env.slot_waits.remove(&self.state.id) {
                    self.context.cancel_future(wait);
                }
            }
            TurnEffect::StartAgent => self.start_agent(),
            TurnEffect::SendQuestion(question) => self.send_question(question),
            TurnEffect::InterruptAgent => self.interrupt_agent(),
            TurnEffect::StopAgent => {
                if let Some(agent) = &self.state.agent.handle {
                    agent.stop();
                }
            }
            TurnEffect::KillAgent => {
                if let Some(agent) = &self.state.agent.handle {
                    agent.kill();
                }
            }
            TurnEffect::DropAgentSession => {
                self.state.begin_afresh();
                self.store_agent_session(None);
            }
            TurnEffect::EndTurn { turn, content } => {
                self.note_end(turn, &content);
                self.end_trace(turn, &content);
                self.state.end_turn(turn, content);
                self.save();
            }
        }
    }

    /// Sends the trace of a turn, if it has one.
    fn end_trace(&mut self, turn: TurnNumber, content: &Content) {
        let state = &mut *self.state;
        let ended = state.traces.end(&TracedEnd {
            project: &self.env.project.name,
            conversation: state.id,
            turn,
            agent: state.agent.answerer.as_ref(),
            content,
        });
        if let Some(trace) = ended {
            self.env.resources.telemetry.trace(trace);
        }
    }

    /// Stores under which id the agent itself knows the conversation.
    pub(super) fn store_agent_session(&mut self, agent_session: Option<String>) {
        let project = self.env.project.name.clone();
        let conversation = self.state.id;
        self.write_in_background(SetAgentSession { project, conversation, agent_session });
    }
}
