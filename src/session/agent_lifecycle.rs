//! Agents that come and go: leave to start one, its start, and what of it must be watched.

use std::time::{Duration, Instant, SystemTime};

use actix::{ActorFutureExt as _, AsyncContext as _, Context, Handler, Message, WrapFuture as _};

use crate::{
    agent::{
        AgentKind, StartAgent,
        process::resources,
        slots::{Slot, SlotWait, WaitUpdate},
    },
    conversation::{
        recap::AgentKnowledge,
        turn::{self, TurnEvent},
        viewer::ViewerId,
        watchdog::Watchdog,
    },
    ids::ConversationId,
};

use super::Session;

/// The agents' memory is looked at this often.
const MEMORY_SEEN: Duration = Duration::from_secs(2);

/// After a start that failed no agent is started ahead of need for this long.
const START_PAUSE: Duration = Duration::from_secs(30);

/// Tells that somebody is about to ask something in the viewer's conversation, whose agent is then
/// started if nobody else would miss the place.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Wake {
    /// The viewer.
    pub(crate) viewer: ViewerId,
    /// Whether its visitor may have one more agent started; called only where one would be.
    pub(crate) may_start: Box<dyn FnOnce() -> bool + Send>,
}

impl Handler<Wake> for Session {
    type Result = ();

    fn handle(&mut self, wake: Wake, context: &mut Self::Context) {
        let Wake { viewer, may_start } = wake;
        let live = self.following.get(&viewer).and_then(|id| self.conversations.get(id));
        let Some(live) = live else { return };
        let is_asleep = !live.turns.has_agent() && live.closing.is_none();
        if is_asleep && self.resources.agents.kind().is_ok() && may_start() {
            self.apply_event(live.id, TurnEvent::QuestionExpected, context);
        }
    }
}

impl Session {
    /// Starts an agent before it is needed, where nobody else would miss the place.
    pub(super) fn start_ahead(
        &mut self,
        conversation: ConversationId,
        context: &mut Context<Self>,
    ) {
        // A page that is opened again and again must not start again and again what fails: a
        // question tries it, and its asker is told.
        if self.start_failed.is_some_and(|at| at.elapsed() < START_PAUSE) {
            return;
        }
        if let Some(place) = self.resources.slots.try_acquire(&self.project.name) {
            self.place_taken(conversation, place, context);
        }
    }

    /// Waits for a place among the agents that may run.
    pub(super) fn stand_in_line(
        &mut self,
        conversation: ConversationId,
        context: &mut Context<Self>,
    ) {
        let mut line = self.resources.slots.acquire(&self.project.name);
        match line.try_take() {
            Some(place) => self.place_taken(conversation, place, context),
            None => {
                if let Some(live) = self.conversations.get_mut(&conversation) {
                    live.tell(&turn::in_line(line.ahead()));
                    self.wait_in_line(conversation, line, context);
                }
            }
        }
    }

    fn wait_in_line(
        &mut self,
        conversation: ConversationId,
        line: SlotWait,
        context: &mut Context<Self>,
    ) {
        let next = async move {
            let mut line = line;
            (line.next_update().await, line)
        };
        let waiting = context.spawn(next.into_actor(self).map(
            move |(step, line), session, context| match step {
                Some(WaitUpdate::Granted(place)) => {
                    session.place_taken(conversation, place, context)
                }
                Some(WaitUpdate::Moved(ahead)) => {
                    if let Some(live) = session.conversations.get_mut(&conversation) {
                        live.tell(&turn::in_line(ahead));
                        live.deliver();
                        session.wait_in_line(conversation, line, context);
                    }
                }
                None => (),
            },
        ));
        if let Some(live) = self.conversations.get_mut(&conversation) {
            live.slot_wait = Some(waiting);
        }
    }

    fn place_taken(
        &mut self,
        conversation: ConversationId,
        place: Slot,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        live.slot_wait = None;
        live.slot = Some(place);
        self.apply_event(conversation, TurnEvent::SlotAcquired, context);
    }

    /// Starts the agent of a conversation that has a place for it.
    pub(super) fn start_agent(
        &mut self,
        conversation: ConversationId,
        context: &mut Context<Self>,
    ) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        live.epoch += 1;
        live.volume.begin();
        live.watchdog = Watchdog::new(Instant::now());
        let start = StartAgent {
            conversation,
            epoch: live.epoch,
            project: self.project.clone(),
            session: live.agent_session(),
        };
        let me = context.address();
        let started = self.resources.agents.start(start, me.clone().recipient(), me.recipient());
        match started {
            Ok(agent) => {
                // Only a language model gains from being told what was said before.
                live.agent_knowledge = match agent.kind() {
                    AgentKind::Claude => live.knowledge(),
                    _ => AgentKnowledge::Everything,
                };
                live.is_resuming = live.agent_session.is_some();
                live.agent = Some(agent);
                live.agent_started = SystemTime::now();
                live.agent_memory = None;
                self.listen_for_others(conversation, context);
            }
            Err(error) => {
                log::warn!("cannot start an agent project={} error={error}", self.project.name);
                live.slot = None;
                self.start_failed = Some(Instant::now());
                let failed = TurnEvent::StartFailed(error.to_string());
                // The cause is the same for every question that waits.
                self.apply_event(conversation, failed, context);
            }
        }
    }

    /// Ends an idle agent when somebody else waits for its place.
    fn listen_for_others(&mut self, conversation: ConversationId, context: &mut Context<Self>) {
        let Some(live) = self.conversations.get_mut(&conversation) else { return };
        let Some(place) = &live.slot else { return };
        let epoch = live.epoch;
        let wanted = place.reclaim_requested().into_actor(self);
        context.spawn(wanted.map(move |wanted, session, context| {
            let live = session.conversations.get(&conversation);
            let Some(live) = live.filter(|live| wanted && live.epoch == epoch) else { return };
            if live.turns.is_idle() {
                log::info!("agent makes room conversation={conversation}");
                session.apply_event(conversation, TurnEvent::Hibernate, context);
            } else {
                // It was asked something at the same moment.
                session.listen_for_others(conversation, context);
            }
        }));
    }

    /// Looks now and then how much memory the agents take, for whoever is shown it. Their
    /// supervisors end those that take too much.
    pub(super) fn watch_memory(&mut self, context: &mut Context<Self>) {
        let running: Vec<(ConversationId, u64, u32)> = self
            .conversations
            .values()
            .filter_map(|live| Some((live.id, live.epoch, live.agent.as_ref()?.supervisor()?)))
            .collect();
        if running.is_empty() || self.memory_seen.elapsed() < MEMORY_SEEN {
            return;
        }
        self.memory_seen = Instant::now();
        let look = move || {
            let seen = |(id, epoch, pid)| Some((id, epoch, resources::resident_bytes(pid)?));
            running.into_iter().filter_map(seen).collect::<Vec<_>>()
        };
        let looked = async move { tokio::task::spawn_blocking(look).await.unwrap_or_default() };
        context.spawn(looked.into_actor(self).map(|seen, session, _| {
            for (conversation, epoch, bytes) in seen {
                session.on_memory_sample(conversation, epoch, bytes);
            }
        }));
    }

    fn on_memory_sample(&mut self, conversation: ConversationId, epoch: u64, bytes: u64) {
        let live = self.conversations.get_mut(&conversation);
        if let Some(live) = live.filter(|live| live.epoch == epoch) {
            live.agent_memory = Some(bytes);
        }
    }
}
