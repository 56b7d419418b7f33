//! Output of agents: events become entries, the ends of turns and states.

use std::time::Instant;

use actix::Handler;
use uuid::Uuid;

use crate::{
    agent::{
        AgentOutput, Flow,
        event::{AgentEnd, AgentEvent, AgentInit},
    },
    conversation::{agent_state::OwnSession, answer_limits, turn::TurnEvent},
    entry::{Content, TextKind, ToolCall, ToolResult},
    ids::TurnNumber,
    wire::server_frame::{ConversationState, Status},
};

use super::{Session, live::LiveConversation};

/// The error of a turn that ends as completed without text and without a tool call.
const EMPTY_ANSWER: &str = "The agent answered nothing: its turn ended without text and without a \
     tool call. Ask again, in other words if it happens again.";

/// When what an event changed is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SaveUrgency {
    /// With the next periodic write: text that grows, or nothing.
    Soon,
    /// At once: a whole entry.
    Now,
}

impl Handler<AgentOutput> for Session {
    type Result = Flow;

    fn handle(&mut self, output: AgentOutput, context: &mut Self::Context) -> Flow {
        let AgentOutput { conversation, epoch, events, activity, read_at } = output;
        match self.live(conversation, context) {
            Some(mut live) if live.state.agent.epoch == epoch => {
                live.state.agent.watchdog.heard(activity, Instant::now());
                live.state.agent.read_at = read_at;
                live.on_agent_events(events)
            }
            _ => Flow::Continue,
        }
    }
}

impl LiveConversation<'_> {
    fn on_agent_events(&mut self, events: Vec<AgentEvent>) -> Flow {
        if events.is_empty() {
            // A sign of life, with nothing to show.
            return Flow::Continue;
        }
        self.state.lifecycle.touch();
        let unsaved_limit = self.env.unsaved_limit();
        let mut urgency = SaveUrgency::Soon;
        for event in events {
            urgency = urgency.max(self.on_agent_event(event));
        }
        self.reserve_numbers();
        self.render_soon();
        if urgency == SaveUrgency::Now || self.state.transcript.unsaved_bytes() > unsaved_limit / 2
        {
            self.save();
        } else {
            self.save_soon();
        }
        self.state.deliver();
        self.state.flow(unsaved_limit)
    }

    fn on_agent_event(&mut self, event: AgentEvent) -> SaveUrgency {
        // What an agent says outside a turn, or after its result, belongs to no answer.
        let running = self.state.turns.running().filter(|_| !self.state.references.is_finishing());
        match (answer_limits::bounded(event), running) {
            (AgentEvent::Ready, _) => {
                self.env.start_failed = None;
                self.state.traces.agent_is_ready();
                self.apply_event(TurnEvent::AgentReady);
                SaveUrgency::Soon
            }
            (AgentEvent::Initialized(init), _) => {
                self.state.turns.on(TurnEvent::QuestionReceived);
                self.on_agent_session(init);
                SaveUrgency::Soon
            }
            (AgentEvent::Garbage(line), _) => {
                self.state.agent.volume.note_garbage(self.state.id, &line);
                SaveUrgency::Soon
            }
            (_, None) => SaveUrgency::Soon,
            (AgentEvent::Finished(mut result), Some(turn)) => {
                if result.end == AgentEnd::Completed && !self.state.transcript.has_answer(turn) {
                    result.end = AgentEnd::Failed(EMPTY_ANSWER.to_owned().into());
                }
                self.end_checked(TurnEvent::AgentFinished(result));
                SaveUrgency::Now
            }
            (event, Some(turn)) => self.on_answer_event(turn, event),
        }
    }

    /// Handles an event of the running turn's answer, which ends where it exceeds its limits.
    fn on_answer_event(&mut self, turn: TurnNumber, event: AgentEvent) -> SaveUrgency {
        self.state.turns.on(TurnEvent::QuestionReceived);
        if !matches!(event, AgentEvent::Notice(_) | AgentEvent::Retrying { .. }) {
            self.state.goes_on();
        }
        let limits = &self.env.resources.settings.answer_limits;
        let (kept, too_long) = self.state.measure(turn, event, limits);
        let urgency = kept.map_or(SaveUrgency::Soon, |event| self.append(turn, event));
        let Some(reason) = too_long else { return urgency };
        log::warn!("agent is ended conversation={} why={reason:?}", self.state.id);
        self.end_checked(TurnEvent::AnswerTooLong(reason));
        SaveUrgency::Now
    }

    /// Adds an event to the running turn's answer.
    fn append(&mut self, turn: TurnNumber, event: AgentEvent) -> SaveUrgency {
        let state = &mut *self.state;
        match event {
            AgentEvent::TextStarted => state.transcript.close_block(),
            AgentEvent::TextDelta(text) => {
                state.note_text();
                state.transcript.append(turn, TextKind::Answer, &text);
            }
            AgentEvent::TextReplaced(text) => {
                state.note_text();
                state.transcript.replace(turn, &text);
            }
            AgentEvent::ThinkingDelta(text) => {
                state.transcript.append(turn, TextKind::Thinking, &text)
            }
            AgentEvent::Withdrawn(texts) => {
                state.transcript.withdraw(turn, &texts);
                return SaveUrgency::Now;
            }
            AgentEvent::ToolCalled { call_id, tool, input } => {
                state.traces.called(turn, &call_id, &tool);
                let call = ToolCall { call_id, tool, input };
                state.note_call(&call, &self.env.project.roots);
                state.tool_called(turn, call);
                return SaveUrgency::Now;
            }
            AgentEvent::ToolReturned { call_id, ok, content, truncated } => {
                state.traces.returned(turn, &call_id, ok);
                if !state.inbox.question_calls.contains(&call_id) {
                    let result = ToolResult { call_id, ok, content, truncated };
                    state.note_result(&result, &self.env.project.roots);
                    state.transcript.push(turn, Content::ToolResult(result));
                }
                return SaveUrgency::Now;
            }
            AgentEvent::Retrying { attempt, max_attempts, delay_ms, reason } => {
                let seconds = delay_ms.div_ceil(1000);
                state.audience.show_status(&Status {
                    state: ConversationState::Retrying,
                    detail: format!("{reason}; try {attempt} of {max_attempts} in {seconds} s"),
                    queue_position: None,
                });
            }
            AgentEvent::Notice(notice) => state.told(notice),
            // The process answers these itself.
            _ => (),
        }
        SaveUrgency::Soon
    }

    fn on_agent_session(&mut self, init: AgentInit) {
        let Some(agent) = self.state.agent.handle.as_ref() else { return };
        let (keeps_sessions, name) = (agent.kind().keeps_sessions(), agent.name().clone());
        if agent.kind().has_model() {
            self.state.note_model(&init.model);
        }
        let Some(id) = Uuid::parse_str(&init.session_id).ok() else { return };
        if !keeps_sessions {
            return;
        }
        let session = Some(OwnSession { agent: name, id });
        if self.state.agent.session != session {
            log::debug!("agent session conversation={} id={id}", self.state.id);
            self.store_agent_session(session.as_ref().map(OwnSession::to_string));
            self.state.agent.session = session;
        }
    }
}
